/*
 * Our error bodies in the client's dialect. See apierror.h; providers' bodies
 * are read in provider_error.c.
 */
#include "wire/apierror.h"

#include "base/jsonw.h"
#include "wire/sse.h"

/* Room for a body around its message, which escapes may make six times as
   long. */
#define BODY_BYTES 4096

/*
 * "Public text: detail". The text's full stop gives way to the colon; behind
 * an exclamation mark the detail follows as LiteLLM's does ("Budget has been
 * exceeded! Current cost: ...").
 */
static struct str
join_message(const char *text, const char *detail, struct arena *arena)
{
	size_t n = strlen(text);
	const char *sep = ": ";

	if (detail == NULL || *detail == '\0')
		return str_make(text, n);
	if (n > 0 && text[n - 1] == '.')
		n--;
	else if (n > 0 && text[n - 1] == '!')
		sep = " ";
	return str_of(
	    arena_printf(arena, "%.*s%s%s", (int)n, text, sep, detail));
}

void
api_error_from(enum err_code code, const char *detail, const char *param,
    struct arena *arena, struct api_error *e_r)
{
	const struct err_info *info = err_info(code);

	e_r->status = info->http_status;
	e_r->type = info->type;
	e_r->code = *info->code == '\0' ? NULL : info->code;
	e_r->param = param;
	e_r->message = join_message(info->public_text, detail, arena);
}

/* Anthropic's names for its kinds of error, by status. */
static const char *
anthropic_type(int status)
{
	switch (status) {
	case 401:
		return "authentication_error";
	case 402:
		return "billing_error";
	case 403:
		return "permission_error";
	case 404:
		return "not_found_error";
	case 408:
	case 504:
		return "timeout_error";
	case 413:
		return "request_too_large";
	case 429:
		return "rate_limit_error";
	case 503:
	case 529:
		return "overloaded_error";
	default:
		return status >= 500 ? "api_error" : "invalid_request_error";
	}
}

static void
write_openai(struct jsonw *w, const struct api_error *e)
{
	jsonw_open(w, '{');
	jsonw_put_open(w, "error", '{');
	jsonw_key(w, "message");
	jsonw_str(w, e->message);
	jsonw_key(w, "type");
	jsonw_cstr(w, e->type);
	jsonw_key(w, "param");
	jsonw_cstr(w, e->param);
	jsonw_key(w, "code");
	jsonw_cstr(w, e->code);
	jsonw_close(w, '}');
	jsonw_close(w, '}');
}

/* Anthropic has no code for it: its clients look for these words. */
static void
write_anthropic_text(struct jsonw *w, const struct api_error *e)
{
	static const char words[] = "prompt is too long";
	struct buf text;

	if (e->code == NULL ||
	    strcmp(e->code, "context_length_exceeded") != 0 ||
	    str_find_nocase(e->message, words) >= 0) {
		jsonw_str(w, e->message);
		return;
	}
	buf_init(&text, e->message.n + sizeof(words) + 2);
	buf_printf(&text, "%s: ", words);
	buf_add_str(&text, e->message);
	jsonw_str(w, buf_str(&text));
	buf_fini(&text);
}

static void
write_anthropic(struct jsonw *w, const struct api_error *e,
    const char *request_id)
{
	jsonw_open(w, '{');
	jsonw_key(w, "type");
	jsonw_cstr(w, "error");
	jsonw_put_open(w, "error", '{');
	jsonw_key(w, "type");
	jsonw_cstr(w, anthropic_type(e->status));
	jsonw_key(w, "message");
	write_anthropic_text(w, e);
	jsonw_close(w, '}');
	if (request_id != NULL) {
		jsonw_key(w, "request_id");
		jsonw_cstr(w, request_id);
	}
	jsonw_close(w, '}');
}

/* The responses API's event of type "error": its fields stand at the top. */
static void
write_responses_event(struct jsonw *w, const struct api_error *e)
{
	jsonw_open(w, '{');
	jsonw_key(w, "type");
	jsonw_cstr(w, "error");
	jsonw_key(w, "code");
	jsonw_cstr(w, e->code);
	jsonw_key(w, "message");
	jsonw_str(w, e->message);
	jsonw_key(w, "param");
	jsonw_cstr(w, e->param);
	jsonw_close(w, '}');
}

void
api_error_write(enum wire_api api, const struct api_error *e,
    const char *request_id, struct buf *out)
{
	struct jsonw w;

	jsonw_init(&w, out);
	if (wire_api_is_anthropic(api))
		write_anthropic(&w, e, request_id);
	else
		write_openai(&w, e);
}

void
api_error_write_event(enum wire_api api, const struct api_error *e,
    struct buf *out)
{
	bool named = wire_api_is_anthropic(api) || api == WIRE_RESPONSES;
	struct jsonw w;
	struct buf body;

	buf_init(&body, BODY_BYTES + 6 * e->message.n);
	jsonw_init(&w, &body);
	if (wire_api_is_anthropic(api))
		write_anthropic(&w, e, NULL);
	else if (api == WIRE_RESPONSES)
		write_responses_event(&w, e);
	else
		write_openai(&w, e);
	/* No room in out: the buffer is marked, its owner sees it. */
	if (sse_write(out, str_of(named ? "error" : ""), buf_str(&body)) != 0)
		out->overflowed = true;
	buf_fini(&body);
}
