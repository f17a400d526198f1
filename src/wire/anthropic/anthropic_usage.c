/* Anthropic's counts and words. See anthropic_usage.h. */
#include "wire/anthropic/anthropic_usage.h"

#include "base/num.h"
#include "wire/pick.h"

#define COUNT_MAX INT64_C(1000000000000)

static bool
read_count(const struct skim_value *v, int64_t *count)
{
	bool inexact;
	int64_t n;

	if (v->type != SKIM_NUMBER ||
	    num_decimal(v->value, 0, &n, &inexact) != 0 || n < 0 ||
	    n > COUNT_MAX)
		return false;
	*count = n;
	return true;
}

static void
read_cache_creation(const struct skim_value *v, struct anthropic_usage *u)
{
	struct skim_value short_lived, long_lived;
	const struct skim_wanted wanted[] = {
		{ "ephemeral_5m_input_tokens", &short_lived },
		{ "ephemeral_1h_input_tokens", &long_lived },
	};

	pick(v, wanted, ARRAY_LEN(wanted));
	read_count(&short_lived, &u->cache_write_5m);
	read_count(&long_lived, &u->cache_write_1h);
}

bool
anthropic_usage_read(const struct skim_value *v, struct anthropic_usage *u)
{
	struct skim_value input, output, cache_read, cache_write, parts,
	    details, tools, tier, speed, geo;
	const struct skim_wanted wanted[] = { { "input_tokens", &input },
		{ "output_tokens", &output },
		{ "cache_read_input_tokens", &cache_read },
		{ "cache_creation_input_tokens", &cache_write },
		{ "cache_creation", &parts },
		{ "output_tokens_details", &details },
		{ "server_tool_use", &tools }, { "service_tier", &tier },
		{ "speed", &speed }, { "inference_geo", &geo } };
	bool has_output;

	pick(v, wanted, ARRAY_LEN(wanted));
	has_output = read_count(&output, &u->output);
	u->any |= read_count(&input, &u->input);
	u->any |= has_output;
	read_count(&cache_read, &u->cache_read);
	read_count(&cache_write, &u->cache_write);
	read_cache_creation(&parts, u);
	details = pick_one(&details, "thinking_tokens");
	read_count(&details, &u->thinking);
	tools = pick_one(&tools, "web_search_requests");
	read_count(&tools, &u->searches);
	u->fast = u->fast || skim_string_is(&speed, "fast");
	if (skim_string_is(&geo, "us"))
		u->geo = GEO_US;
	if (skim_string_is(&tier, "priority"))
		u->tier = TIER_PRIORITY;
	else if (skim_string_is(&tier, "batch"))
		u->tier = TIER_BATCH;
	return has_output;
}

static int64_t
least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

void
anthropic_usage_get(const struct anthropic_usage *u, struct usage *u_r)
{
	int64_t parts = u->cache_write_5m + u->cache_write_1h;
	int64_t write = u->cache_write > parts ? u->cache_write : parts;

	memset(u_r, 0, sizeof(*u_r));
	u_r->source = USAGE_PROVIDER;
	u_r->tier = u->tier;
	u_r->prompt_tokens = u->input + u->cache_read + write;
	u_r->completion_tokens = u->output;
	u_r->cached_tokens = u->cache_read;
	u_r->cache_write_tokens = write;
	u_r->cache_write_1h_tokens = u->cache_write_1h;
	u_r->reasoning_tokens = least(u->thinking, u->output);
	u_r->searches = u->searches;
	u_r->fast = u->fast;
	u_r->geo = u->geo;
}

static void
write_count(struct jsonw *w, const char *key, int64_t n)
{
	jsonw_key(w, key);
	jsonw_int(w, n);
}

void
anthropic_usage_write(const struct usage *u, struct jsonw *w)
{
	int64_t input =
	    u->prompt_tokens - u->cached_tokens - u->cache_write_tokens;

	jsonw_open(w, '{');
	write_count(w, "input_tokens", input > 0 ? input : 0);
	write_count(w, "cache_creation_input_tokens", u->cache_write_tokens);
	write_count(w, "cache_read_input_tokens", u->cached_tokens);
	write_count(w, "output_tokens", u->completion_tokens);
	if (u->reasoning_tokens > 0) {
		jsonw_key(w, "output_tokens_details");
		jsonw_open(w, '{');
		write_count(w, "thinking_tokens", u->reasoning_tokens);
		jsonw_close(w, '}');
	}
	jsonw_close(w, '}');
}

/* ---- words ------------------------------------------------------------- */

const char *
anthropic_finish_reason(const struct skim_value *stop_reason)
{
	static const char *const rows[][2] = {
		{ "max_tokens", "length" },
		{ "model_context_window_exceeded", "length" },
		{ "compaction", "length" },
		{ "tool_use", "tool_calls" },
		{ "refusal", "content_filter" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (skim_string_is(stop_reason, rows[i][0]))
			return rows[i][1];
	}
	return "stop"; /* end_turn, stop_sequence, pause_turn */
}

const char *
anthropic_stop_reason(const char *finish_reason)
{
	static const char *const rows[][2] = {
		{ "length", "max_tokens" },
		{ "tool_calls", "tool_use" },
		{ "function_call", "tool_use" },
		{ "content_filter", "refusal" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (strcmp(finish_reason, rows[i][0]) == 0)
			return rows[i][1];
	}
	return "end_turn";
}

int
anthropic_error_status(const struct skim_value *type)
{
	static const struct {
		const char *type;
		int status;
	} rows[] = {
		{ "invalid_request_error", 400 },
		{ "authentication_error", 401 },
		{ "billing_error", 402 },
		{ "permission_error", 403 },
		{ "not_found_error", 404 },
		{ "request_too_large", 413 },
		{ "rate_limit_error", 429 },
		{ "api_error", 500 },
		{ "timeout_error", 504 },
		{ "overloaded_error", 529 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (skim_string_is(type, rows[i].type))
			return rows[i].status;
	}
	return 0;
}
