/* Claude's families, Anthropic's words and counts, and the head of a call. */
#include "unit.h"

#include "config/config.h"
#include "wire/anthropic/anthropic_usage.h"
#include "wire/anthropic/claude.h"
#include "wire/call_head.h"
#include "wire/pick.h"

static void
a_name_finds_its_family(void **state)
{
	static const struct {
		const char *model, *family;
	} rows[] = {
		{ "claude-sonnet-4-5-20250929", "sonnet-4-5" },
		{ "claude-sonnet-4-5", "sonnet-4-5" },
		{ "claude-sonnet-4-20250514", "sonnet-4" },
		{ "claude-4-sonnet-20250514", "4-sonnet" },
		{ "claude-opus-4-1-20250805", "opus-4-1" },
		{ "claude-opus-4@20250514", "opus-4" },
		{ "claude-opus-4-9", "" },
		{ "claude-sonnet-4-12", "" },
		{ "claude-sonnet-5-5", "sonnet-5-5" },
		{ "claude-sonnet-5", "sonnet-5" },
		{ "claude-sonnet-5-latest", "sonnet-5" },
		{ "claude-3-5-sonnet-20241022", "3-5-sonnet" },
		{ "claude-3-7-sonnet-latest", "3-7-sonnet" },
		{ "anthropic.claude-haiku-4-5-20251001-v1:0", "haiku-4-5" },
		{ "claude-next", "" },
		{ "kimi-k2", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *got = claude_find(str_of(rows[i].model))->family;

		if (strcmp(got, rows[i].family) != 0)
			fail_msg("%s: %s", rows[i].model, got);
	}
	assert_int_equal(claude_find(str_of("claude-next"))->sampling,
	    SAMPLING_REFUSED);
	assert_int_equal(claude_find(str_of("kimi-k2"))->sampling,
	    SAMPLING_ALL);
}

static void
an_effort_unknown_to_the_model_becomes_high(void **state)
{
	const struct claude *now = claude_find(str_of("claude-opus-4-8"));
	const struct claude *old = claude_find(str_of("claude-sonnet-4-6"));

	(void)state;
	assert_string_equal(claude_effort(now, str_of("xhigh")), "xhigh");
	assert_string_equal(claude_effort(old, str_of("xhigh")), "high");
	assert_string_equal(claude_effort(now, str_of("minimal")), "low");
	assert_string_equal(claude_effort(now, str_of("medium")), "medium");
	assert_int_equal(claude_budget(str_of("medium")), 2048);
	assert_int_equal(claude_budget(str_of("strange")), 0);
}

static void
usage_is_merged_and_made_inclusive(void **state)
{
	struct skim_value v = pick_root(
	    str_of("{\"input_tokens\":25,\"cache_read_input_tokens\":100,"
		   "\"cache_creation_input_tokens\":30,\"cache_creation\":{"
		   "\"ephemeral_5m_input_tokens\":10,"
		   "\"ephemeral_1h_input_tokens\":20},\"output_tokens\":1}"));
	struct anthropic_usage a = { .any = false };
	struct usage u;

	(void)state;
	assert_true(anthropic_usage_read(&v, &a));
	v = pick_root(str_of("{\"output_tokens\":89,\"input_tokens\":null,"
			     "\"output_tokens_details\":{"
			     "\"thinking_tokens\":40}}"));
	assert_true(anthropic_usage_read(&v, &a));
	anthropic_usage_get(&a, &u);
	assert_int_equal(u.source, USAGE_PROVIDER);
	assert_int_equal(u.prompt_tokens, 155);
	assert_int_equal(u.completion_tokens, 89);
	assert_int_equal(u.cached_tokens, 100);
	assert_int_equal(u.cache_write_tokens, 30);
	assert_int_equal(u.cache_write_1h_tokens, 20);
	assert_int_equal(u.reasoning_tokens, 40);
}

static void
counts_that_cannot_be_are_not_there(void **state)
{
	struct skim_value v =
	    pick_root(str_of("{\"input_tokens\":-3,\"output_tokens\":1e30,"
			     "\"cache_read_input_tokens\":\"5\"}"));
	struct anthropic_usage a = { .any = false };

	(void)state;
	assert_false(anthropic_usage_read(&v, &a));
	assert_false(a.any);
	assert_int_equal(a.input + a.output + a.cache_read, 0);
}

static void
assert_head(const char *base, const char *path, const char *url)
{
	struct config_deployment d = { .provider =
					   provider_find(str_of("anthropic")),
		.api_base = base,
		.api_key = "k",
		.organization = "" };
	struct wire_choice choice = { .deployment = &d };
	struct wire_call call;
	struct arena arena;
	struct err err;

	arena_init(&arena, 1024);
	assert_int_equal(call_head_write(&choice, path, false, &arena, &call,
			     &err),
	    0);
	assert_string_equal(call.url, url);
	assert_string_equal(call.headers[3], "x-api-key: k");
	arena_fini(&arena);
}

static void
a_base_with_a_part_of_the_path_is_not_doubled(void **state)
{
	(void)state;
	assert_head("https://h", "/v1/messages", "https://h/v1/messages");
	assert_head("https://h/v1", "/v1/messages", "https://h/v1/messages");
	assert_head("https://h/v1/messages", "/v1/messages",
	    "https://h/v1/messages");
	assert_head("https://h/v1/messages", "/v1/messages/count_tokens",
	    "https://h/v1/messages/count_tokens");
	assert_head("https://h/x", "/v1/messages", "https://h/x/v1/messages");
	assert_head("", "/v1/messages",
	    "https://api.anthropic.com/v1/messages");
}

static void
compact_json_keeps_what_strings_hold(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 256);
	pick_compact(str_of(" { \"a b\" : [ 1 , 1.50e400 ] ,\n\t\"c\\\" \" :"
			    " \"\\\\\" } "),
	    &b);
	assert_string_equal(buf_cstr(&b),
	    "{\"a b\":[1,1.50e400],\"c\\\" \":\"\\\\\"}");
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_finds_its_family),
		cmocka_unit_test(an_effort_unknown_to_the_model_becomes_high),
		cmocka_unit_test(usage_is_merged_and_made_inclusive),
		cmocka_unit_test(counts_that_cannot_be_are_not_there),
		cmocka_unit_test(a_base_with_a_part_of_the_path_is_not_doubled),
		cmocka_unit_test(compact_json_keeps_what_strings_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
