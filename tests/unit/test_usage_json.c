/* The usage objects of all providers, read as one. */
#include "unit.h"

#include "wire/usage_json.h"

static int
read_usage(const char *text, struct usage *u)
{
	struct skim_value v = { .type = SKIM_OBJECT };

	memset(u, 0, sizeof(*u));
	v.value = str_of(text);
	return usage_json_read(&v, u);
}

/* clang-format off */
static const struct {
	const char *name, *text;
	int64_t prompt, completion, cached, written, reasoning;
	int64_t audio_in, audio_out, cost; /* cost -1: none */
} rows[] = {
	{ "OpenAI", "{\"prompt_tokens\":100,\"completion_tokens\":50,\"total_tokens\":150,"
	  "\"prompt_tokens_details\":{\"cached_tokens\":60,\"cache_write_tokens\":10,\"audio_tokens\":5},"
	  "\"completion_tokens_details\":{\"reasoning_tokens\":20,\"audio_tokens\":3,\"accepted_prediction_tokens\":0}}",
	  100, 50, 60, 10, 20, 5, 3, -1 },
	{ "details null", "{\"prompt_tokens\":1,\"completion_tokens\":2,\"total_tokens\":3,"
	  "\"prompt_tokens_details\":null,\"completion_tokens_details\":null}", 1, 2, 0, 0, 0, 0, 0, -1 },
	{ "Mistral's spelling", "{\"prompt_tokens\":10,\"completion_tokens\":2,\"total_tokens\":12,"
	  "\"prompt_token_details\":{\"cached_tokens\":4},\"prompt_audio_seconds\":{}}", 10, 2, 4, 0, 0, 0, 0, -1 },
	{ "Mistral's other", "{\"prompt_tokens\":10,\"completion_tokens\":2,\"num_cached_tokens\":4}", 10, 2, 4, 0, 0, 0, 0, -1 },
	{ "DeepSeek", "{\"prompt_tokens\":30,\"completion_tokens\":9,\"total_tokens\":39,\"prompt_cache_hit_tokens\":20,"
	  "\"prompt_cache_miss_tokens\":10,\"completion_tokens_details\":{\"reasoning_tokens\":4}}", 30, 9, 20, 0, 4, 0, 0, -1 },
	{ "an alias before a zero", "{\"prompt_cache_hit_tokens\":20,\"prompt_tokens\":30,\"completion_tokens\":9,"
	  "\"prompt_tokens_details\":{\"cached_tokens\":0}}", 30, 9, 20, 0, 0, 0, 0, -1 },
	{ "Groq", "{\"queue_time\":0.01,\"prompt_tokens\":8,\"prompt_time\":0.002,\"completion_tokens\":4,"
	  "\"completion_time\":0.1,\"total_tokens\":12,\"total_time\":0.112}", 8, 4, 0, 0, 0, 0, 0, -1 },
	{ "OpenRouter", "{\"prompt_tokens\":10.0,\"completion_tokens\":5.0,\"total_tokens\":15.0,\"cost\":0.00014,"
	  "\"is_byok\":false,\"cost_details\":{\"upstream_inference_cost\":0.5}}", 10, 5, 0, 0, 0, 0, 0, 140000 },
	{ "OpenRouter, own key", "{\"prompt_tokens\":10,\"completion_tokens\":5,\"cost\":1.5e-05,"
	  "\"is_byok\":true,\"cost_details\":{\"upstream_inference_cost\":0.001}}", 10, 5, 0, 0, 0, 0, 0, 1015000 },
	{ "Perplexity", "{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":15,"
	  "\"cost\":{\"input_tokens_cost\":0.1,\"total_cost\":0.25}}", 10, 5, 0, 0, 0, 0, 0, 250000000 },
	{ "LiteLLM", "{\"prompt_tokens\":100,\"completion_tokens\":5,\"total_tokens\":105,"
	  "\"cache_creation_input_tokens\":40,\"cache_read_input_tokens\":30}", 100, 5, 30, 40, 0, 0, 0, -1 },
	{ "xAI: reasoning outside", "{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":45,"
	  "\"completion_tokens_details\":{\"reasoning_tokens\":30}}", 10, 35, 0, 0, 30, 0, 0, -1 },
	{ "Gemini: thoughts in the total only", "{\"prompt_tokens\":20,\"completion_tokens\":198,\"total_tokens\":623}",
	  20, 603, 0, 0, 405, 0, 0, -1 },
	{ "embeddings", "{\"prompt_tokens\":8,\"total_tokens\":8}", 8, 0, 0, 0, 0, 0, 0, -1 },
	{ "parts above the whole", "{\"prompt_tokens\":10,\"completion_tokens\":5,\"prompt_tokens_details\":"
	  "{\"cached_tokens\":50,\"cache_write_tokens\":50},\"completion_tokens_details\":{\"reasoning_tokens\":50}}",
	  10, 5, 10, 0, 5, 0, 0, -1 },
	{ "twelve decimals of cost", "{\"prompt_tokens\":1,\"completion_tokens\":1,\"cost\":0.000000001499}",
	  1, 1, 0, 0, 0, 0, 0, 1 },
};
/* clang-format on */

static void
test_all_variants(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct usage u;

		if (read_usage(rows[i].text, &u) != 0)
			fail_msg("%s", rows[i].name);
		assert_int_equal(u.source, USAGE_PROVIDER);
		assert_int_equal(u.prompt_tokens, rows[i].prompt);
		assert_int_equal(u.completion_tokens, rows[i].completion);
		assert_int_equal(u.cached_tokens, rows[i].cached);
		assert_int_equal(u.cache_write_tokens, rows[i].written);
		assert_int_equal(u.reasoning_tokens, rows[i].reasoning);
		assert_int_equal(u.audio_input_tokens, rows[i].audio_in);
		assert_int_equal(u.audio_output_tokens, rows[i].audio_out);
		assert_int_equal(u.has_reported_cost, rows[i].cost >= 0);
		if (rows[i].cost >= 0)
			assert_int_equal(u.reported_cost_nanos, rows[i].cost);
	}
}

static void
test_nonsense_is_no_usage(void **state)
{
	static const char *const texts[] = { "{}", "{\"total_tokens\":5}",
		"{\"prompt_tokens\":null,\"completion_tokens\":null}",
		"{\"prompt_tokens\":\"5\"}",
		"{\"prompt_tokens\":-5,\"completion_tokens\":1}",
		"{\"prompt_tokens\":1e400,\"completion_tokens\":1}",
		"{\"prompt_tokens\":9999999999999,\"completion_tokens\":1}" };
	struct skim_value v = { .type = SKIM_NULL };
	struct usage u;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (read_usage(texts[i], &u) == 0)
			fail_msg("%s", texts[i]);
	}
	assert_int_equal(usage_json_read(&v, &u), -1);
}

static void
test_writing_reads_back(void **state)
{
	struct usage u = { .prompt_tokens = 10, .completion_tokens = 7 }, back;
	struct buf b;

	(void)state;
	u.cached_tokens = 4;
	u.reasoning_tokens = 3;
	buf_init(&b, 1024);
	usage_json_write(&u, &b);
	assert_int_equal(read_usage(buf_cstr(&b), &back), 0);
	assert_int_equal(back.prompt_tokens, 10);
	assert_int_equal(back.completion_tokens, 7);
	assert_int_equal(back.cached_tokens, 4);
	assert_int_equal(back.reasoning_tokens, 3);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_variants),
		cmocka_unit_test(test_nonsense_is_no_usage),
		cmocka_unit_test(test_writing_reads_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
