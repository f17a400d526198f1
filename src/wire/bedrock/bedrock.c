/*
 * The Bedrock dialect: Converse and ConverseStream. Requests take Anthropic's
 * form first (anthropic_body.c; messages have it), then Converse's
 * (bedrock_body.c); answers the same way back (bedrock_relay.c). Each request
 * is signed (sigv4.c), or carries Bedrock's own kind of key.
 */
#include "base/clock.h"
#include "base/sigv4.h"
#include "wire/anthropic/anthropic_body.h"
#include "wire/bedrock/bedrock_body.h"
#include "wire/bedrock/bedrock_relay.h"
#include "wire/call_head.h"
#include "wire/call_url.h"
#include "wire/login/login.h"
#include "wire/messages/count_relay.h"
#include "wire/openai/openai_body.h"
#include "wire/responses/responses_chat.h"
#include "wire/responses/responses_relay.h"

#define SERVICE "bedrock"

/* The client's request in Anthropic's form, in one piece. */
static int
write_messages(const struct wire_request *r, const struct wire_choice *choice,
    struct arena *arena, struct str *body_r, struct err *err)
{
	struct wire_request chat;
	struct wire_call call;
	char *p;

	wire_call_init(&call);
	if (r->api == WIRE_RESPONSES) {
		if (responses_chat_write(r, choice, arena, &chat, err) != 0)
			return -1;
		r = &chat;
	}
	if (r->api == WIRE_CHAT) {
		if (anthropic_body_write(r, choice, arena, &call, err) != 0)
			return -1;
	} else if (r->api == WIRE_MESSAGES) {
		if (openai_body_write(r, choice, arena, &call, err) != 0)
			return -1;
	} else {
		return err_set(err, ERR_BAD_REQUEST,
		    "%s models are not served on this endpoint",
		    choice->deployment->provider->title);
	}
	p = arena_alloc(arena, call.body_bytes + 1);
	*body_r = str_make(p, call.body_bytes);
	for (size_t i = 0; i < call.piece_count; i++) {
		memcpy(p, call.pieces[i].p, call.pieces[i].n);
		p += call.pieces[i].n;
	}
	return 0;
}

/* ---- signing ------------------------------------------------------------ */

/* "https://host:8443/path" apart; a default port is not part of Host. */
static void
split_url(struct str url, struct str *host_r, struct str *path_r)
{
	bool tls = str_starts(url, "https://");
	size_t skip = tls ? 8 : 7;
	struct str rest = str_make(url.p + skip, url.n - skip), host = rest;
	const char *port = tls ? ":443" : ":80";

	for (host.n = 0; host.n < rest.n && rest.p[host.n] != '/'; host.n++)
		;
	*path_r = str_make(rest.p + host.n, rest.n - host.n);
	if (str_ends(host, port))
		host.n -= strlen(port);
	*host_r = host;
}

static struct sigv4_keys
keys_of(const struct wire_choice *choice)
{
	const struct config_deployment *d = choice->deployment;
	const struct login_keys *k = choice->keys;

	if (k != NULL)
		return (struct sigv4_keys){ k->access_key_id,
			k->secret_access_key, k->token };
	return (struct sigv4_keys){ d->aws_access_key_id,
		d->aws_secret_access_key, d->aws_session_token };
}

static int
sign(const struct wire_choice *choice, struct arena *arena,
    struct wire_call *call, struct err *err)
{
	const struct config_deployment *d = choice->deployment;
	struct sigv4_keys keys = keys_of(choice);
	struct sigv4_request r = { .method = call->method,
		.query = str_make("", 0),
		.header_count = 2,
		.body = call->pieces[0],
		.region = d->aws_region,
		.service = SERVICE };
	struct sigv4_signature s;

	r.headers[0].name = str_of("host");
	split_url(str_of(call->url), &r.headers[0].value, &r.path);
	r.headers[1].name = str_of("content-type");
	r.headers[1].value = str_of("application/json");
	sigv4_sign(&r, &keys, clock_wall_nsecs(), arena, &s);
	if (call_head_add(call, "X-Amz-Date: ", str_of(s.date), arena, err) !=
	    0)
		return -1;
	if (keys.session_token[0] != '\0' &&
	    call_head_add(call, "X-Amz-Security-Token: ",
		str_of(keys.session_token), arena, err) != 0)
		return -1;
	return call_head_add(call, "Authorization: ", str_of(s.authorization),
	    arena, err);
}

/* ---- the dialect -------------------------------------------------------- */

static int
bedrock_encode(const struct wire_request *r, const struct wire_choice *choice,
    struct arena *arena, struct wire_call *call_r, struct err *err)
{
	const struct config_deployment *d = choice->deployment;
	const char *model = choice->upstream_model != NULL
				? choice->upstream_model
				: d->upstream_model;
	struct str messages;
	const char *path;

	wire_call_init(call_r);
	if (write_messages(r, choice, arena, &messages, err) != 0 ||
	    bedrock_body_write(messages, r, choice, arena, &call_r->pieces[0],
		err) != 0)
		return -1;
	call_r->piece_count = 1;
	call_r->body_bytes = call_r->pieces[0].n;
	call_r->max_tokens = choice->max_tokens;
	path = arena_printf(arena, "/model/%s/converse%s",
	    call_url_segment(model, arena), r->stream ? "-stream" : "");
	if (call_head_write(choice, path, r->stream, arena, call_r, err) != 0)
		return -1;
	if (choice->keys == NULL &&
	    (d->api_key[0] != '\0' || d->aws_access_key_id[0] == '\0'))
		return 0;
	return sign(choice, arena, call_r, err);
}

static const struct relay_ops *
find_relay(enum wire_api api)
{
	if (api == WIRE_CHAT || api == WIRE_MESSAGES)
		return &bedrock_relay;
	if (api == WIRE_RESPONSES)
		return &responses_relay;
	return api == WIRE_COUNT ? &count_relay : NULL;
}

const struct dialect dialect_bedrock = {
	.name = "bedrock",
	.encode = bedrock_encode,
	.relay = find_relay,
};
