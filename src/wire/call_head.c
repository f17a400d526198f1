/* Address and headers of a call. See call_head.h. */
#include "wire/call_head.h"

#include "wire/call_url.h"
#include "wire/login/login.h"

#include <strings.h>

#define USER_AGENT "tallygate/" PACKAGE_VERSION

struct head {
	struct wire_call *call;
	struct arena *arena;
	struct err *err;
};

/* Visible ASCII and blanks; other bytes from 0x80 on are let through. */
static bool
is_header_value(const char *s)
{
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static bool
is_header_name(const char *s)
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	if (*s == '\0')
		return false;
	for (; *s != '\0'; s++) {
		bool letter = (*s >= 'a' && *s <= 'z') ||
			      (*s >= 'A' && *s <= 'Z') ||
			      (*s >= '0' && *s <= '9');

		if (!letter && strchr(others, *s) == NULL)
			return false;
	}
	return true;
}

static bool
has_name(const char *header, const char *name)
{
	size_t n = strlen(name);

	return strncasecmp(header, name, n) == 0 && header[n] == ':';
}

/* Adds "name" + "value" (name ends in ": "), or takes the place of a header of
   that name. */
static int
add_line(struct head *h, const char *line, const char *name)
{
	for (size_t i = 0; i < h->call->header_count; i++) {
		if (has_name(h->call->headers[i], name)) {
			h->call->headers[i] = line;
			return 0;
		}
	}
	if (h->call->header_count == WIRE_MAX_HEADERS)
		return err_set(h->err, ERR_CONFIG, "more than %d headers",
		    WIRE_MAX_HEADERS);
	h->call->headers[h->call->header_count++] = line;
	return 0;
}

/* One of ours: prefix is "Name: ". They differ, so nothing is looked for. */
static int
add_own(struct head *h, const char *prefix, const char *value)
{
	if (!is_header_value(value))
		return err_set(h->err, ERR_CONFIG,
		    "the header %.*s has a control character in its value",
		    (int)strcspn(prefix, ":"), prefix);
	h->call->headers[h->call->header_count++] =
	    arena_join(h->arena, prefix, value);
	return 0;
}

/* The hosts of Azure whose key has a header of its own; those of serverless
   models want a bearer (LiteLLM: _should_use_api_key_header). */
static bool
wants_api_key(const struct config_deployment *d)
{
	struct str base = str_of(d->api_base);

	return (d->provider->flags & PROVIDER_AZURE) != 0 ||
	       str_find(base, ".services.ai.azure.com") >= 0 ||
	       str_find(base, ".openai.azure.com") >= 0;
}

/* Some keys go another way than their provider's others: Entra's tokens,
   Anthropic's of a login, keys of Azure AI's serverless models. */
static enum provider_auth
auth_of(const struct config_deployment *d)
{
	struct str key = str_of(d->api_key);

	switch (d->provider->auth) {
	case AUTH_X_API_KEY:
		return str_starts(key, "sk-ant-oat") ? AUTH_BEARER
						     : AUTH_X_API_KEY;
	case AUTH_API_KEY:
		return d->key_is_token || !wants_api_key(d) ? AUTH_BEARER
							    : AUTH_API_KEY;
	case AUTH_SIGV4: /* a key of Bedrock's own, which signs nothing */
		return AUTH_BEARER;
	case AUTH_BEARER:
	case AUTH_NONE:
		break;
	}
	return d->provider->auth;
}

static int
add_auth(struct head *h, const struct wire_choice *choice)
{
	const struct config_deployment *d = choice->deployment;

	/* AWS's keys sign, and are not sent. */
	if (choice->keys != NULL && choice->keys->access_key_id[0] == '\0')
		return add_own(h, "Authorization: Bearer ",
		    choice->keys->token);
	if (d->api_key[0] == '\0')
		return 0;
	switch (auth_of(d)) {
	case AUTH_BEARER:
		return add_own(h, "Authorization: Bearer ", d->api_key);
	case AUTH_X_API_KEY:
		return add_own(h, "x-api-key: ", d->api_key);
	case AUTH_API_KEY:
		return add_own(h, "api-key: ", d->api_key);
	case AUTH_NONE:
		return 0;
	case AUTH_SIGV4:
		break;
	}
	return err_set(h->err, ERR_CONFIG,
	    "%s: its way of signing is not served here", d->provider->prefix);
}

/* Set by the connection, or harmful to what passes through. */
static bool
is_forbidden(const char *name)
{
	static const char *const names[] = { "Host", "Content-Length",
		"Content-Type", "Transfer-Encoding", "Connection", "Keep-Alive",
		"Proxy-Connection", "TE", "Trailer", "Upgrade", "Expect",
		"Accept-Encoding" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcasecmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

static int
add_configured(struct head *h, const struct config_pairs *pairs)
{
	for (size_t i = 0; i < pairs->count; i++) {
		const char *name = pairs->items[i].key;
		const char *value = pairs->items[i].value;
		char *prefix;

		if (is_forbidden(name))
			continue;
		if (!is_header_name(name) || !is_header_value(value))
			return err_set(h->err, ERR_CONFIG,
			    "the configured header %.64s cannot be sent",
			    is_header_value(name) ? name : "(unprintable)");
		prefix = arena_join(h->arena, name, ": ");
		if (add_line(h, arena_join(h->arena, prefix, value), name) != 0)
			return -1;
	}
	return 0;
}

void
call_head_replace(struct wire_call *call, const char *name, const char *line)
{
	for (size_t i = 0; i < call->header_count; i++) {
		if (has_name(call->headers[i], name))
			call->headers[i] = line;
	}
}

int
call_head_add(struct wire_call *call, const char *name, struct str value,
    struct arena *arena, struct err *err)
{
	struct head h = { call, arena, err };
	const char *text = arena_strndup(arena, value.p, value.n);
	const char *bare = arena_strndup(arena, name, strcspn(name, ":"));

	for (size_t i = 0; i < call->header_count; i++) {
		if (has_name(call->headers[i], bare))
			return 0;
	}
	if (call->header_count == WIRE_MAX_HEADERS)
		return err_set(err, ERR_CONFIG, "more than %d headers",
		    WIRE_MAX_HEADERS);
	return add_own(&h, name, text);
}

int
call_head_write(const struct wire_choice *choice, const char *path, bool stream,
    struct arena *arena, struct wire_call *call_r, struct err *err)
{
	const struct config_deployment *d = choice->deployment;
	struct head h = { call_r, arena, err };

	call_r->method = "POST";
	call_r->url = call_url(choice, path, arena);
	call_r->header_count = 0;
	call_r->headers[call_r->header_count++] =
	    "Content-Type: application/json";
	call_r->headers[call_r->header_count++] =
	    stream ? "Accept: text/event-stream" : "Accept: application/json";
	call_r->headers[call_r->header_count++] = "User-Agent: " USER_AGENT;
	if (add_auth(&h, choice) != 0)
		return -1;
	if (choice->request_id != NULL &&
	    add_own(&h, "X-Request-Id: ", choice->request_id) != 0)
		return -1;
	if (choice->traceparent != NULL &&
	    add_own(&h, "traceparent: ", choice->traceparent) != 0)
		return -1;
	if (d->organization[0] != '\0' &&
	    add_own(&h, "OpenAI-Organization: ", d->organization) != 0)
		return -1;
	return add_configured(&h, &d->headers);
}
