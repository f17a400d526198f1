/*
 * The Anthropic dialect: /v1/messages. Requests of its own API are spliced as
 * OpenAI's are (openai_body.c), chat requests translated (anthropic_body.c),
 * responses by way of chat (responses_chat.c, responses_relay.c);
 * answers are relayed by anthropic_relay.c. Other APIs are an
 * ERR_BAD_REQUEST.
 */
#include "wire/anthropic/anthropic_body.h"
#include "wire/anthropic/anthropic_relay.h"
#include "wire/call_head.h"
#include "wire/openai/openai_body.h"
#include "wire/responses/responses_chat.h"

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

/* A count takes the prompt and nothing that is about the answer. */
static int
write_count(const struct wire_request *r, const struct wire_choice *choice,
    struct arena *arena, struct wire_call *call_r, struct err *err)
{
	struct config_deployment bare = *choice->deployment;
	struct wire_choice plain = *choice;

	bare.defaults_json = bare.extra_body_json = "";
	plain.deployment = &bare;
	plain.max_tokens = CONFIG_UNSET;
	return openai_body_write(r, &plain, arena, call_r, err);
}

static int
anthropic_encode(const struct wire_request *r, const struct wire_choice *choice,
    struct arena *arena, struct wire_call *call_r, struct err *err)
{
	const char *path = "/v1/messages";
	struct wire_request chat;
	int result = -1;

	wire_call_init(call_r);
	if (r->api == WIRE_RESPONSES) {
		if (responses_chat_write(r, choice, arena, &chat, err) != 0)
			return -1;
		r = &chat;
	}
	switch (r->api) {
	case WIRE_CHAT:
		result = anthropic_body_write(r, choice, arena, call_r, err);
		break;
	case WIRE_MESSAGES:
		result = openai_body_write(r, choice, arena, call_r, err);
		break;
	case WIRE_COUNT:
		path = "/v1/messages/count_tokens";
		result = write_count(r, choice, arena, call_r, err);
		break;
	case WIRE_COMPLETIONS:
	case WIRE_EMBEDDINGS:
	case WIRE_RESPONSES:
	case WIRE_RESPONSE:
	case WIRE_MODERATIONS:
	case WIRE_RERANK:
	case WIRE_IMAGES:
	case WIRE_IMAGE_EDITS:
	case WIRE_IMAGE_VARIATIONS:
	case WIRE_SPEECH:
	case WIRE_TRANSCRIPTIONS:
	case WIRE_TRANSLATIONS:
	case WIRE_API_COUNT:
		return err_set(err, ERR_BAD_REQUEST,
		    "%s models are not served on this endpoint",
		    choice->deployment->provider->title);
	}
	if (result != 0 ||
	    call_head_write(choice, path, r->stream, arena, call_r, err) != 0)
		return -1;
	return add_version(choice, arena, call_r, err);
}

static int
list_models(const struct wire_choice *choice, struct arena *arena,
    struct wire_call *call_r, struct err *err)
{
	wire_call_init(call_r);
	if (call_head_write(choice, "/v1/models", false, arena, call_r, err) !=
	    0)
		return -1;
	call_r->method = "GET";
	return add_version(choice, arena, call_r, err);
}

const struct dialect dialect_anthropic = {
	.name = "anthropic",
	.counts_tokens = true,
	.encode = anthropic_encode,
	.list_models = list_models,
	.relay = anthropic_relay_find,
};
