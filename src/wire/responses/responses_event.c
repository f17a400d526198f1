/* Responses events, written. See responses_event.h. */
#include "wire/responses/responses_event.h"

#include "wire/apierror.h"
#include "wire/pick.h"
#include "wire/sse.h"

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
	size_t start;

	responses_event_open(type, sequence, out);
	buf_add_cstr(out, ",\"response\":");
	start = out->len;
	buf_add_str(out, response);
	sse_one_line(out, start);
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

static void
add_edit(struct pick_edit *edits, size_t *n, const char *key, struct str value)
{
	if (value.n == 0)
		return;
	edits[*n] = (struct pick_edit){ key, value, true };
	(*n)++;
}

void
response_end_write(struct str object, const struct response_end *end,
    struct buf *out)
{
	struct pick_edit edits[5];
	size_t n = 0, start = out->len;
	char status[32] = "";

	if (end->status != NULL)
		snprintf(status, sizeof(status), "\"%s\"", end->status);
	add_edit(edits, &n, "status", str_of(status));
	add_edit(edits, &n, "error", end->error);
	add_edit(edits, &n, "incomplete_details", end->incomplete_details);
	add_edit(edits, &n, "output", end->output);
	add_edit(edits, &n, "usage", end->usage);
	pick_replace(object, edits, n, out);
	sse_one_line(out, start);
}
