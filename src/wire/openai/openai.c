/*
 * The OpenAI dialect: what most providers speak, with their deviations kept in
 * tables (openai_params.c) and in the readers of answers (openai_view.c,
 * usage_json.c). Encoding splices the client's own bytes; answers are relayed
 * by openai_relay.c.
 *
 * Served: chat, completions, embeddings; responses where the provider has them
 * (its row says so); Anthropic's messages and other responses, translated to
 * chat and back (messages_chat.c, messages_relay.c, responses_chat.c,
 * responses_relay.c); pictures, sound and the like as they are
 * (form_request.c, media_relay.c).
 */
#include "wire/call_head.h"
#include "wire/media/form_request.h"
#include "wire/media/media_relay.h"
#include "wire/messages/count_relay.h"
#include "wire/messages/messages_chat.h"
#include "wire/messages/messages_relay.h"
#include "wire/openai/openai_body.h"
#include "wire/openai/openai_relay.h"
#include "wire/responses/responses_chat.h"
#include "wire/responses/responses_relay.h"

static const struct relay_ops *
find_relay(enum wire_api api)
{
	if (api == WIRE_MESSAGES)
		return &messages_relay;
	if (api == WIRE_RESPONSES)
		return &responses_relay;
	if (api == WIRE_COUNT)
		return &count_relay;
	return wire_api_is_media(api) ? &media_relay : openai_relay_find(api);
}

/* A call about a response that the provider keeps. */
static int
write_kept(const struct wire_request *r, const struct wire_choice *choice,
    struct arena *arena, struct wire_call *call_r, struct err *err)
{
	if (call_head_write(choice, r->path, r->stream, arena, call_r, err) !=
	    0)
		return -1;
	call_r->method = r->method;
	return 0;
}

/* Headers in the place of those that JSON gets. */
static int
write_head(const struct wire_request *r, const struct wire_choice *choice,
    struct arena *arena, struct wire_call *call_r, struct err *err)
{
	if (call_head_write(choice, wire_api_path(r->api), r->stream, arena,
		call_r, err) != 0)
		return -1;
	if (wire_api_is_media(r->api))
		call_head_replace(call_r, "Accept", "Accept: */*");
	if (r->form_type[0] != '\0')
		call_head_replace(call_r, "Content-Type",
		    arena_printf(arena, "Content-Type: %s", r->form_type));
	return 0;
}

static int
openai_encode(const struct wire_request *r, const struct wire_choice *choice,
    struct arena *arena, struct wire_call *call_r, struct err *err)
{
	struct wire_request chat;

	wire_call_init(call_r);
	if (r->api == WIRE_MESSAGES) {
		if (messages_chat_write(r, choice, arena, &chat, err) != 0)
			return -1;
		r = &chat;
	} else if (r->api == WIRE_RESPONSES &&
		   !config_has_responses(choice->deployment)) {
		if (responses_chat_write(r, choice, arena, &chat, err) != 0)
			return -1;
		r = &chat;
	}
	if (r->api == WIRE_RESPONSE)
		return write_kept(r, choice, arena, call_r, err);
	if (r->form_type[0] != '\0') {
		form_request_write(r, choice, call_r);
		return write_head(r, choice, arena, call_r, err);
	}
	if (find_relay(r->api) == NULL)
		return err_set(err, ERR_BAD_REQUEST,
		    "%s models are not served on this endpoint yet",
		    choice->deployment->provider->title);
	if (openai_body_write(r, choice, arena, call_r, err) != 0)
		return -1;
	return write_head(r, choice, arena, call_r, err);
}

static int
list_models(const struct wire_choice *choice, struct arena *arena,
    struct wire_call *call_r, struct err *err)
{
	wire_call_init(call_r);
	if (call_head_write(choice, "/models", false, arena, call_r, err) != 0)
		return -1;
	call_r->method = "GET";
	return 0;
}

const struct dialect dialect_openai = {
	.name = "openai",
	.encode = openai_encode,
	.list_models = list_models,
	.relay = find_relay,
};
