/* What an export has of a line. See export_columns.h. */
#include "ctl/export_columns.h"

#include "base/num.h"

#include <math.h>

/* Doubles below this are nearer to their own nano-dollar than to another. */
#define EXACT (INT64_C(1) << 53)

#define EXPORT_TYPE_TEXT(NAME, text) text,
static const char *const type_texts[EXPORT_TYPE_COUNT] = { EXPORT_TYPES(
    EXPORT_TYPE_TEXT) };
#undef EXPORT_TYPE_TEXT

const char *
export_type_text(enum export_type type)
{
	return type_texts[type];
}

/* clang-format off */
static const struct export_column request_columns[] = {
	{ "time",              EXPORT_TIME, EXPORT_LINE, "time", "when the request came" },
	{ "run_id",            EXPORT_TEXT, EXPORT_LINE, "run_id", "the request: `x-request-id` of its answer" },
	{ "requested_model",   EXPORT_TEXT, EXPORT_LINE, "requested_model", "the name the client asked for" },
	{ "model",             EXPORT_TEXT, EXPORT_LINE, "model", "the provider's name of the model that served" },
	{ "provider",          EXPORT_TEXT, EXPORT_LINE, "provider", "whose it is" },
	{ "deployment",        EXPORT_TEXT, EXPORT_LINE, "deployment", "id of the deployment" },
	{ "status",            EXPORT_INT,  EXPORT_LINE, "status", "HTTP status of the answer" },
	{ "outcome",           EXPORT_TEXT, EXPORT_LINE, "outcome", "`ok`, `cut`, `client_gone`, `refused`, `failed`, `lost`" },
	{ "stream",            EXPORT_BOOL, EXPORT_LINE, "stream", "the client asked for a stream" },
	{ "latency_s",         EXPORT_SECS, EXPORT_LINE, "latency_s", "to the answer's last byte" },
	{ "ttft_s",            EXPORT_SECS, EXPORT_LINE, "ttft_s", "to its first byte of text; streams" },
	{ "prompt_tokens",     EXPORT_INT,  EXPORT_LINE, "prompt_tokens", "of all attempts" },
	{ "completion_tokens", EXPORT_INT,  EXPORT_LINE, "completion_tokens", "" },
	{ "cached_tokens",     EXPORT_INT,  EXPORT_LINE, "cached_tokens", "of the prompt's, read from a cache" },
	{ "reasoning_tokens",  EXPORT_INT,  EXPORT_LINE, "reasoning_tokens", "of the completion's" },
	{ "usage_source",      EXPORT_TEXT, EXPORT_LINE, "usage_source", "`provider` or `estimated`" },
	{ "cost_usd",          EXPORT_USD,  EXPORT_LINE, "cost_usd", "what was charged" },
	{ "attempts",          EXPORT_INT,  EXPORT_COUNT, "attempts", "how many were made" },
	{ "key",               EXPORT_TEXT, EXPORT_LINE, "key", "SHA-256 of the virtual key, `master` or `anonymous`" },
	{ "team",              EXPORT_TEXT, EXPORT_LINE, "team", "" },
	{ "user",              EXPORT_TEXT, EXPORT_LINE, "user", "" },
	{ "tags",              EXPORT_TEXTS, EXPORT_LINE, "tags", "in CSV as JSON" },
	{ "key_alias",         EXPORT_TEXT, EXPORT_LINE, "key_alias", "of the key, when the request came" },
	{ "team_alias",        EXPORT_TEXT, EXPORT_TEAM_ALIAS, "", "of the team, now; where there is a store" },
	{ "end_user",          EXPORT_TEXT, EXPORT_LINE, "end_user", "what the request calls its user" },
};

static const struct export_column attempt_columns[] = {
	{ "time",              EXPORT_TIME, EXPORT_LINE, "time", "when the request came" },
	{ "run_id",            EXPORT_TEXT, EXPORT_LINE, "run_id", "the request: `x-request-id` of its answer" },
	{ "attempt",           EXPORT_INT,  EXPORT_NUMBER, "", "1, 2 ... in the order they were made" },
	{ "requested_model",   EXPORT_TEXT, EXPORT_LINE, "requested_model", "the name the client asked for" },
	{ "model",             EXPORT_TEXT, EXPORT_ATTEMPT, "model", "the provider's name of the model" },
	{ "provider",          EXPORT_TEXT, EXPORT_ATTEMPT, "provider", "whose it is" },
	{ "deployment",        EXPORT_TEXT, EXPORT_ATTEMPT, "deployment", "id of the deployment" },
	{ "status",            EXPORT_INT,  EXPORT_ATTEMPT, "status", "HTTP status of the provider; 0 none came" },
	{ "error",             EXPORT_TEXT, EXPORT_ATTEMPT, "error", "what went wrong, in a word" },
	{ "stream",            EXPORT_BOOL, EXPORT_LINE, "stream", "the client asked for a stream" },
	{ "latency_s",         EXPORT_SECS, EXPORT_ATTEMPT, "latency_s", "of this attempt" },
	{ "prompt_tokens",     EXPORT_INT,  EXPORT_ATTEMPT, "prompt_tokens", "" },
	{ "completion_tokens", EXPORT_INT,  EXPORT_ATTEMPT, "completion_tokens", "" },
	{ "cached_tokens",     EXPORT_INT,  EXPORT_ATTEMPT, "cached_tokens", "of the prompt's, read from a cache" },
	{ "cache_write_tokens", EXPORT_INT, EXPORT_ATTEMPT, "cache_write_tokens", "of the prompt's, written to a cache" },
	{ "reasoning_tokens",  EXPORT_INT,  EXPORT_ATTEMPT, "reasoning_tokens", "of the completion's" },
	{ "audio_input_tokens", EXPORT_INT, EXPORT_ATTEMPT, "audio_input_tokens", "" },
	{ "audio_output_tokens", EXPORT_INT, EXPORT_ATTEMPT, "audio_output_tokens", "" },
	{ "usage_source",      EXPORT_TEXT, EXPORT_ATTEMPT, "usage_source", "`provider` or `estimated`" },
	{ "price_version",     EXPORT_TEXT, EXPORT_ATTEMPT, "price_version", "of the price it was charged by" },
	{ "held_usd",          EXPORT_USD,  EXPORT_ATTEMPT, "held_usd", "its worst price, held before it went out" },
	{ "cost_usd",          EXPORT_USD,  EXPORT_ATTEMPT, "cost_usd", "what was charged" },
	{ "key",               EXPORT_TEXT, EXPORT_LINE, "key", "SHA-256 of the virtual key, `master` or `anonymous`" },
	{ "team",              EXPORT_TEXT, EXPORT_LINE, "team", "" },
	{ "user",              EXPORT_TEXT, EXPORT_LINE, "user", "" },
	{ "tags",              EXPORT_TEXTS, EXPORT_LINE, "tags", "in CSV as JSON" },
	{ "key_alias",         EXPORT_TEXT, EXPORT_LINE, "key_alias", "of the key, when the request came" },
	{ "team_alias",        EXPORT_TEXT, EXPORT_TEAM_ALIAS, "", "of the team, now; where there is a store" },
	{ "end_user",          EXPORT_TEXT, EXPORT_LINE, "end_user", "what the request calls its user" },
};
/* clang-format on */

const struct export_column *
export_columns(enum export_by by, size_t *count_r)
{
	if (by == EXPORT_BY_REQUESTS) {
		*count_r = ARRAY_LEN(request_columns);
		return request_columns;
	}
	*count_r = ARRAY_LEN(attempt_columns);
	return attempt_columns;
}

static int
add_text(const json_t *value, struct buf *out)
{
	if (!json_is_string(value))
		return -1;
	return buf_add(out, json_string_value(value),
		   json_string_length(value)) == 0
		   ? 1
		   : -1;
}

static int
add_decimal(const json_t *value, int scale, struct buf *out)
{
	char text[NUM_TEXT_BYTES];
	double scaled;

	if (!json_is_number(value))
		return -1;
	scaled = json_number_value(value) * pow(10, scale);
	if (!(fabs(scaled) < (double)EXACT))
		return -1;
	num_format(llround(scaled), scale, text);
	return buf_add_cstr(out, text) == 0 ? 1 : -1;
}

static int
add_int(int64_t v, struct buf *out)
{
	return buf_printf(out, "%lld", (long long)v) == 0 ? 1 : -1;
}

static int
add_texts(const json_t *value, struct buf *out)
{
	char *text;
	int rc;

	if (!json_is_array(value))
		return -1;
	text = jsonx_dump(value);
	rc = buf_add_cstr(out, text);
	free(text);
	return rc == 0 ? 1 : -1;
}

static int
add_value(enum export_type type, const json_t *value, struct buf *out)
{
	switch (type) {
	case EXPORT_TEXT:
	case EXPORT_TIME:
		return add_text(value, out);
	case EXPORT_INT:
		return json_is_integer(value)
			   ? add_int(json_integer_value(value), out)
			   : -1;
	case EXPORT_USD:
		return add_decimal(value, 9, out);
	case EXPORT_SECS:
		return add_decimal(value, 6, out);
	case EXPORT_BOOL:
		if (!json_is_boolean(value))
			return -1;
		return buf_add_cstr(out,
			   json_is_true(value) ? "true" : "false") == 0
			   ? 1
			   : -1;
	case EXPORT_TEXTS:
		return add_texts(value, out);
	case EXPORT_TYPE_COUNT:
		break;
	}
	return -1;
}

int
export_value(const struct export_column *column, const struct export_row *row,
    struct buf *out)
{
	const json_t *value = NULL;

	switch (column->from) {
	case EXPORT_NUMBER:
		return add_int((int64_t)row->number, out);
	case EXPORT_COUNT:
		return add_int((int64_t)json_array_size(
				   json_object_get(row->line, column->key)),
		    out);
	case EXPORT_TEAM_ALIAS:
		if (row->team_alias.n == 0)
			return 0;
		return buf_add_str(out, row->team_alias) == 0 ? 1 : -1;
	case EXPORT_LINE:
		value = json_object_get(row->line, column->key);
		break;
	case EXPORT_ATTEMPT:
		value = json_object_get(row->attempt, column->key);
		break;
	}
	if (value == NULL || json_is_null(value))
		return 0;
	return add_value(column->type, value, out);
}
