/* Responses events, written. See responses_event.h. */
#include "wire/responses/responses_event.h"

#include "wire/apierror.h"
#include "wire/pick.h"

#include "base/jsonw.h"

void
responses_event_open(const char *type, int64_t *sequence, struct buf *out)
{
	buf_printf(out,
	    "event: %s\ndata: {\"type\":\"%s\",\"sequence_number\":%lld", type,
	    type, (long long)(*sequence)++);
}

void
responses_event_close(struct buf *out)
{
	buf_add_cstr(out, "}\n\n");
}

void
responses_event_response(const char *type, int64_t *sequence,
    struct str response, struct buf *out)
{
	responses_event_open(type, sequence, out);
	buf_add_cstr(out, ",\"response\":");
	buf_add_str(out, response);
	responses_event_close(out);
}

/* The API's own words for why a response failed are few. */
static void
write_failure(const struct api_error *e, struct buf *out)
{
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_open(&w, '{');
	jsonw_key(&w, "code");
	jsonw_cstr(&w,
	    e->status == 429 ? "rate_limit_exceeded" : "server_error");
	jsonw_key(&w, "message");
	jsonw_str(&w, e->message);
	jsonw_close(&w, '}');
}

void
responses_event_fail(enum err_code code, const char *text, struct str response,
    int64_t *sequence, struct buf *out)
{
	struct response_end end = { .status = "failed",
		.incomplete_details = STR_LIT("null") };
	struct buf failure;
	struct arena arena;
	struct api_error e;
	struct jsonw w;

	arena_init(&arena, 1024);
	api_error_from(code, text, NULL, &arena, &e);
	responses_event_open("error", sequence, out);
	jsonw_init(&w, out);
	w.comma = true;
	jsonw_key(&w, "code");
	jsonw_cstr(&w, e.code != NULL ? e.code : e.type);
	jsonw_key(&w, "message");
	jsonw_str(&w, e.message);
	jsonw_key(&w, "param");
	jsonw_cstr(&w, e.param);
	responses_event_close(out);
	if (response.n > 0) {
		buf_init(&failure, 4096 + 6 * e.message.n);
		write_failure(&e, &failure);
		end.error = buf_str(&failure);
		responses_event_open("response.failed", sequence, out);
		buf_add_cstr(out, ",\"response\":");
		response_end_write(response, &end, out);
		responses_event_close(out);
		buf_fini(&failure);
	}
	arena_fini(&arena);
}

void
responses_usage_write(const struct usage *u, struct buf *out)
{
	buf_printf(out,
	    "{\"input_tokens\":%lld,\"input_tokens_details\":{"
	    "\"cached_tokens\":%lld,\"cache_write_tokens\":%lld},"
	    "\"output_tokens\":%lld,\"output_tokens_details\":{"
	    "\"reasoning_tokens\":%lld},\"total_tokens\":%lld}",
	    (long long)u->prompt_tokens, (long long)u->cached_tokens,
	    (long long)u->cache_write_tokens, (long long)u->completion_tokens,
	    (long long)u->reasoning_tokens,
	    (long long)(u->prompt_tokens + u->completion_tokens));
}

/* ---- another end ------------------------------------------------------- */

#define END_PARTS 5

static void
list_parts(const struct response_end *end, struct buf *status,
    struct str parts[END_PARTS])
{
	buf_init(status, 64);
	if (end->status != NULL)
		buf_printf(status, "\"%s\"", end->status);
	parts[0] = buf_str(status);
	parts[1] = end->error;
	parts[2] = end->incomplete_details;
	parts[3] = end->output;
	parts[4] = end->usage;
}

void
response_end_write(struct str object, const struct response_end *end,
    struct buf *out)
{
	static const char *const names[END_PARTS] = { "status", "error",
		"incomplete_details", "output", "usage" };
	struct str parts[END_PARTS], key;
	bool written[END_PARTS] = { false };
	struct skim_value v;
	struct skim_iter it;
	struct buf status;
	struct jsonw w;

	list_parts(end, &status, parts);
	jsonw_init(&w, out);
	jsonw_open(&w, '{');
	skim_iter_init(&it, object);
	it.max_depth = SKIM_TOP_DEPTH;
	while (skim_iter_next(&it, &key, &v) == 1) {
		struct str value = v.value;

		for (size_t i = 0; i < END_PARTS; i++) {
			if (parts[i].n == 0 || !str_is(key, names[i]))
				continue;
			value = parts[i];
			written[i] = true;
		}
		/* The key as it stands, quotes and colon. */
		if (w.comma)
			buf_add_char(out, ',');
		buf_add(out, object.p + v.key_start,
		    v.value_start - v.key_start);
		buf_add_str(out, value);
		w.comma = true;
	}
	for (size_t i = 0; i < END_PARTS; i++) {
		if (parts[i].n == 0 || written[i])
			continue;
		jsonw_key(&w, names[i]);
		jsonw_raw(&w, parts[i]);
	}
	jsonw_close(&w, '}');
	buf_fini(&status);
}
