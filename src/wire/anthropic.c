/*
 * The Anthropic dialect: /v1/messages. Chat requests are translated
 * (anthropic_body.c), answers relayed by anthropic_relay.c.
 */
#include "wire/anthropic_body.h"
#include "wire/anthropic_relay.h"
#include "wire/call_head.h"

/* The version whose sampling parameters OpenAI's clients rely on; a
   deployment's api_version says otherwise. */
#define API_VERSION "2023-06-01"

static int
add_version(const struct wire_choice *choice, struct arena *arena,
    struct wire_call *call, struct err *err)
{
	struct str version = str_of(choice->deployment->api_version);

	if (version.n == 0)
		version = choice->anthropic_version;
	if (version.n == 0)
		version = str_of(API_VERSION);
	if (call_head_add(call, "anthropic-version: ", version, arena, err) !=
	    0)
		return -1;
	if (choice->anthropic_beta.n == 0)
		return 0;
	return call_head_add(call, "anthropic-beta: ", choice->anthropic_beta,
	    arena, err);
}

static int
anthropic_encode(const struct wire_request *r, const struct wire_choice *choice,
    struct arena *arena, struct wire_call *call_r, struct err *err)
{
	memset(call_r, 0, sizeof(*call_r));
	if (anthropic_relay_find(r->api) == NULL)
		return err_set(err, ERR_BAD_REQUEST,
		    "%s models are not served on this endpoint",
		    choice->deployment->provider->title);
	if (anthropic_body_write(r, choice, arena, call_r, err) != 0 ||
	    call_head_write(choice, "/v1/messages", r->stream, arena, call_r,
		err) != 0)
		return -1;
	return add_version(choice, arena, call_r, err);
}

const struct dialect dialect_anthropic = {
	.name = "anthropic",
	.encode = anthropic_encode,
	.relay = anthropic_relay_find,
};
