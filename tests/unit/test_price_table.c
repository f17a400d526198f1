/*
 * Price files: both forms, what is completed in them, what is refused and
 * with which words; damage of any kind is survived.
 */
#include "price_fixture.h"

#include "base/fd.h"
#include "base/hash.h"

#include <unistd.h>

static void
test_defacto_prices_are_exact(void **state)
{
	struct price_table *t = table_of(LIT(defacto));
	const struct price *p;

	(void)state;
	assert_int_equal(price_table_count(t), 18);
	assert_null(price_table_find(t, str_of("sample_spec")));
	assert_null(price_table_find(t, str_of("plai")));
	p = find(t, "plain");
	assert_true(p->known);
	assert_int_equal(p->base.input, 150000);
	assert_int_equal(p->base.output, 600000);
	assert_int_equal(p->base.cached_input, 75000);
	assert_int_equal(p->base.cache_write, PRICE_UNSET);
	assert_int_equal(p->max_input_tokens, 128000);
	assert_int_equal(p->max_output_tokens, 16384);
	assert_int_equal(strlen(p->version), 16);
	p = find(t, "text");
	assert_int_equal(p->base.input, 300000);
	assert_int_equal(p->base.output, 1500000);
	p = find(t, "na\xc3\xafve/model");
	assert_int_equal(p->base.cached_input, PRICE_UNSET);
	/* The last of two entries counts, as for everybody else. */
	assert_int_equal(find(t, "twice")->base.input, 2000000);
	assert_int_equal(find(t, "old")->base.cached_input, 28000);
	price_table_free(&t);
	assert_null(t);
}

static void
test_digits_below_a_pico_are_counted(void **state)
{
	struct price_table *t = table_of(LIT(defacto));
	const struct price *p = find(t, "long");

	(void)state;
	assert_int_equal(p->base.input, 123457);
	assert_int_equal(p->base.output, 0);
	assert_int_equal(price_table_inexact(t), 2);
	price_table_free(&t);
}

static void
test_tiers_sort_as_numbers_and_are_complete(void **state)
{
	struct price_table *t = table_of(LIT(defacto));
	const struct price *p = find(t, "tiers");

	(void)state;
	assert_int_equal(p->tier_count, 2);
	assert_int_equal(p->tiers[0].above_tokens, 200000);
	assert_int_equal(p->tiers[0].rates.input, 4000000);
	assert_int_equal(p->tiers[0].rates.output, 15000000);
	/* In the ratio of input to input. */
	assert_int_equal(p->tiers[0].rates.cached_input, 400000);
	assert_int_equal(p->tiers[1].above_tokens, 1000000);
	assert_int_equal(p->tiers[1].rates.input, 8000000);
	assert_int_equal(p->tiers[1].rates.output, 10000000);
	assert_int_equal(price_tier_of(p, 200000), -1);
	assert_int_equal(price_tier_of(p, 200001), 0);
	assert_int_equal(price_tier_of(p, 1000001), 1);

	p = find(t, "ranges");
	assert_true(p->known);
	assert_int_equal(p->base.input, 50000);
	assert_int_equal(p->tier_count, 1);
	assert_int_equal(p->tiers[0].above_tokens, 256000);
	assert_int_equal(p->tiers[0].rates.output, 2000000);
	price_table_free(&t);
}

static void
test_services_are_complete(void **state)
{
	struct price_table *t = table_of(LIT(defacto));
	const struct price *p = find(t, "services");

	(void)state;
	assert_int_equal(p->flex.input, 1000000);
	assert_int_equal(p->flex.output, 4000000);
	assert_int_equal(p->flex.cached_input, 250000);
	assert_int_equal(p->priority.input, 5000000);
	/* Not given for this service: the model's own. */
	assert_int_equal(p->priority.output, 8000000);
	assert_int_equal(p->batch.input, 1000000);
	/* The tier that flex does not have, at flex's ratio. */
	assert_int_equal(p->tiers[0].flex.input, 2000000);
	assert_int_equal(p->tiers[0].priority.input, 9000000);
	/* No word about priority: double. */
	p = find(t, "plain");
	assert_int_equal(p->priority.input, 300000);
	assert_int_equal(p->priority.output, 1200000);
	assert_int_equal(p->priority.cached_input, 150000);
	assert_true(price_rates_absent(&p->flex));
	/* Anthropic's is capacity bought ahead, no dearer token. */
	assert_true(price_rates_absent(&find(t, "claude")->priority));
	price_table_free(&t);
}

/* Of a longer prompt a service may name the price of sound alone. */
static void
test_a_service_keeps_its_ratio_where_only_sound_is_named(void **state)
{
	struct price_table *t = table_of(
	    LIT("{\"m\":{\"litellm_provider\":\"gemini\","
		"\"input_cost_per_token\":3e-07,"
		"\"output_cost_per_token\":2.5e-06,"
		"\"input_cost_per_token_flex\":1.5e-07,"
		"\"output_cost_per_token_flex\":1.25e-06,"
		"\"input_cost_per_audio_token\":1e-06,"
		"\"input_cost_per_audio_token_flex\":5e-07,"
		"\"input_cost_per_audio_token_above_200k_tokens\":1e-06,"
		"\"input_cost_per_audio_token_above_200k_tokens_flex\":"
		"6e-07}}"));
	const struct price *p = find(t, "m");

	(void)state;
	assert_int_equal(p->tiers[0].rates.input, 300000);
	assert_int_equal(p->tiers[0].flex.input, 150000);
	assert_int_equal(p->tiers[0].flex.output, 1250000);
	assert_int_equal(p->tiers[0].flex.audio_input, 600000);
	price_table_free(&t);
}

static void
test_fireworks_cache_costs_half(void **state)
{
	struct price_table *t = table_of(
	    LIT("{\"a\":{\"litellm_provider\":\"fireworks_ai\","
		"\"input_cost_per_token\":9e-12,"
		"\"output_cost_per_token\":1e-06},"
		"\"b\":{\"litellm_provider\":\"fireworks_ai\","
		"\"input_cost_per_token\":9e-07,"
		"\"output_cost_per_token\":1e-06,"
		"\"cache_read_input_token_cost\":2e-07},"
		"\"c\":{\"litellm_provider\":\"fireworks_ai\","
		"\"mode\":\"embedding\",\"input_cost_per_token\":9e-07}}"));

	(void)state;
	assert_int_equal(find(t, "a")->base.cached_input, 5);
	assert_int_equal(find(t, "b")->base.cached_input, 200000);
	assert_int_equal(find(t, "c")->base.cached_input, PRICE_UNSET);
	price_table_free(&t);
}

static void
test_an_older_spelling_gives_way(void **state)
{
	struct price_table *t =
	    table_of(LIT("{\"a\":{\"input_cost_per_token\":9e-07,"
			 "\"output_cost_per_token\":1e-06,"
			 "\"cache_read_input_token_cost\":1e-07,"
			 "\"input_cost_per_token_cache_hit\":2e-07},"
			 "\"b\":{\"input_cost_per_token\":9e-07,"
			 "\"output_cost_per_token\":1e-06,"
			 "\"input_cost_per_token_cache_hit\":2e-07,"
			 "\"cache_read_input_token_cost\":1e-07}}"));

	(void)state;
	assert_int_equal(find(t, "a")->base.cached_input, 100000);
	assert_int_equal(find(t, "b")->base.cached_input, 100000);
	price_table_free(&t);
}

/* A derived price is never below its ratio. */
static void
test_derived_prices_are_rounded_up(void **state)
{
	struct price_table *t = table_of(
	    LIT("{\"m\":{\"mode\":\"chat\",\"input_cost_per_token\":3e-12,"
		"\"output_cost_per_token\":9e-12,"
		"\"cache_read_input_token_cost\":1e-12,"
		"\"input_cost_per_token_above_1k_tokens\":4e-12}}"));

	(void)state;
	/* 1 × 4 / 3 */
	assert_int_equal(find(t, "m")->tiers[0].rates.cached_input, 2);
	price_table_free(&t);
}

static void
test_what_cannot_be_charged_is_not_known(void **state)
{
	static const struct {
		const char *name;
		bool known;
	} rows[] = {
		{ "plain", true }, { "free", true }, { "embed", true },
		{ "query", true },
		{ "half", false },     /* a chat model without output price */
		{ "pictures", true },  /* paid by the picture */
		{ "millions", false }, /* 0.15 USD per token is a slip */
	};
	struct price_table *t = table_of(LIT(defacto));

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct price *p = find(t, rows[i].name);

		if (p->known != rows[i].known)
			fail_msg("%s", rows[i].name);
		assert_int_equal(p->version[0] != '\0', rows[i].known);
	}
	assert_int_equal(price_table_implausible(t), 1);
	assert_int_equal(find(t, "embed")->max_input_tokens, 8191);
	assert_int_equal(find(t, "query")->units.request, INT64_C(2000000000));
	/* Zero beside a paid input means "no price of its own" ... */
	assert_int_equal(find(t, "zeros")->base.cached_input, PRICE_UNSET);
	assert_int_equal(price_rate_of(&find(t, "zeros")->base,
			     PRICE_CACHE_WRITE_1H),
	    1000000);
	/* ... and free where all is free. */
	assert_int_equal(price_rate_of(&find(t, "free")->base,
			     PRICE_CACHED_INPUT),
	    0);
	price_table_free(&t);
}

/* ---- our form ----------------------------------------------------------- */

static const char ours[] =
    "{\"format\":\"tallygate-prices/1\",\"version\":\"2026-11-22\","
    "\"source\":\"tests\",\"models\":{\n"
    "\"a\":{\"provider\":\"openai\",\"mode\":\"chat\",\"input_pico\":5000000,"
    "\"output_pico\":30000000,\"cached_input_pico\":500000,"
    "\"tiers\":[{\"above_tokens\":272000,\"input_pico\":10000000,"
    "\"output_pico\":45000000}],"
    "\"flex\":{\"input_pico\":2500000,\"output_pico\":15000000,"
    "\"tiers\":[{\"above_tokens\":272000,\"input_pico\":5000000,"
    "\"output_pico\":22500000},{\"above_tokens\":500000,"
    "\"input_pico\":6000000,\"output_pico\":30000000}]},"
    "\"max_input_tokens\":1050000,\"max_output_tokens\":128000,"
    "\"derived\":[\"flex.tiers.272000\"],\"note\":\"x\"},\n"
    "\"e\":{\"provider\":\"openai\",\"mode\":\"embedding\","
    "\"input_pico\":20000,\"per_page_pico\":7,\"colour_pico\":3},\n"
    "\"q\":{\"provider\":\"cohere\",\"mode\":\"rerank\","
    "\"per_query_pico\":2000000000}\n}}";

static void
test_our_form(void **state)
{
	struct price_table *t = table_of(LIT(ours));
	const struct price *p = find(t, "a");
	struct str unknown;

	(void)state;
	assert_str(price_table_label(t), "2026-11-22");
	assert_int_equal(price_table_count(t), 3);
	assert_str(price_table_name(t, 1), "e");
	assert_true(p->known);
	assert_int_equal(p->base.cached_input, 500000);
	/* Rows stand alone: a tier without cached input has it at input. */
	assert_int_equal(price_rate_of(&p->tiers[0].rates, PRICE_CACHED_INPUT),
	    10000000);
	/* A length that only flex has: the others go on as below. */
	assert_int_equal(p->tier_count, 2);
	assert_int_equal(p->tiers[1].above_tokens, 500000);
	assert_int_equal(p->tiers[1].flex.input, 6000000);
	assert_int_equal(p->tiers[1].rates.input, 10000000);
	assert_int_equal(p->tiers[1].priority.output, 90000000);
	assert_int_equal(p->max_output_tokens, 128000);
	assert_true(find(t, "e")->known);
	assert_true(find(t, "q")->known);
	assert_int_equal(price_table_unknown(t, &unknown), 1);
	assert_str(unknown, "colour_pico");
	price_table_free(&t);
}

static void
test_the_shipped_table_loads(void **state)
{
	const char *dir = getenv("TALLYGATE_SRCDIR");
	struct price_table *t = NULL;
	struct err err;
	char *path;
	size_t known = 0;

	(void)state;
	path = path_join(dir != NULL ? dir : ".", "etc/prices.json");
	if (access(path, R_OK) != 0) {
		free(path);
		skip();
	}
	if (price_table_load(path, &t, &err) != 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < price_table_count(t); i++) {
		const struct price *p =
		    price_table_find(t, price_table_name(t, i));

		assert_non_null(p);
		known += p->known;
	}
	assert_true(known > 50);
	assert_int_equal(price_table_inexact(t), 0);
	assert_int_equal(price_table_implausible(t), 0);
	assert_true(find(t, "gpt-4o-mini")->known);
	price_table_free(&t);
	free(path);
}

static void
test_bad_tables_are_refused_with_file_and_line(void **state)
{
	static const struct {
		const char *text;
		const char *says; /* part of the message */
	} rows[] = {
		{ "", "test.json:1: the JSON ends too early" },
		{ "[]", "an object was expected" },
		{ "{}", "no model in it" },
		{ "{\"a\":7}", "test.json:1: an object was expected" },
		{ "{\n\"a\":{\n\"input_cost_per_token\":-1}}",
		    "model \"a\": test.json:3: input_cost_per_token: -1" },
		{ "{\"a\":{\"input_cost_per_token\":\"cheap\"}}",
		    "cheap is not a price" },
		{ "{\"a\":{\"input_cost_per_token\":true}}",
		    "must be a number" },
		{ "{\"a\":{\"input_cost_per_token\":[1]}}",
		    "must be a number" },
		{ "{\"a\":{\"input_cost_per_token\":2}}", "is not a price" },
		{ "{\"a\":{\"input_cost_per_token\":1e999}}",
		    "is not a price" },
		{ "{\"a\":{\"input_cost_per_token\":1e-6,"
		  "\"input_cost_per_token\":1e-6}}",
		    "stands there twice" },
		{ "{\"a\":{\"max_tokens\":1.5}}", "is not a price" },
		{ "{\"a\":{\"mode\":1}}", "must be a string" },
		{ "{\"a\":{\"x\":01}}", "was expected" },
		{ "{\"a\":{\"x\":1.}}", "ends in '.'" },
		{ "{\"a\":{\"x\":1e}}", "ends in 'e'" },
		{ "{\"a\":{\"x\":tru}}", "a value was expected" },
		{ "{\"a\":{\"x\":\"\\x\"}}", "bad escape" },
		{ "{\"a\":{\"x\":\"\\ud800\"}}", "surrogate" },
		{ "{\"a\\u0000\":{}}", "NUL" },
		{ "{\"a\":{\"x\":\"a\nb\"}}", "control character" },
		{ "{\"a\":{},}", "a string was expected" },
		{ "{\"a\":{}}x", "text behind" },
		{ "{\"a\":{\"x\":[1,]}}", "a value was expected" },
		{ "{\"a\":{\"x\":[1 2]}}", "',' or ']' was expected" },
		{ "{\"a\":{\"x\" 1}}", "':' was expected" },
		{ "{\"a\":{\"x\":\"\xff\"}}", "not valid UTF-8" },
		{ "\xef\xbb\xbf{\"a\":{}}", "a value was expected" },
		{ "{\"a\":{\"tiered_pricing\":[{\"range\":[1,2,3]}]}}",
		    "a range has two ends" },
		{ "{\"format\":\"other/1\"}", "this format is not known" },
		{ "{\"format\":\"tallygate-prices/2\",\"models\":{}}",
		    "\"tallygate-prices/2\" is not known" },
		{ "{\"format\":\"tallygate-prices/1\"}",
		    "\"models\" is missing" },
		{ "{\"format\":\"tallygate-prices/1\",\"models\":{"
		  "\"a\":{\"input_pico\":1.0,\"output_pico\":1}}}",
		    "whole number" },
		{ "{\"format\":\"tallygate-prices/1\",\"models\":{"
		  "\"a\":{\"input_pico\":\"1\",\"output_pico\":1}}}",
		    "must be a number" },
		{ "{\"format\":\"tallygate-prices/1\",\"models\":{"
		  "\"a\":{\"input_pico\":1},\"a\":{\"input_pico\":1}}}",
		    "\"a\" stands there twice" },
		{ "{\"format\":\"tallygate-prices/1\",\"models\":{"
		  "\"a\":{\"tiers\":[{\"input_pico\":1}]}}}",
		    "no above_tokens" },
		{ "{\"format\":\"tallygate-prices/1\",\"models\":{\"a\":{"
		  "\"tiers\":[{\"above_tokens\":5,\"output_pico\":1}]}}}",
		    "no input_pico" },
		{ "{\"format\":\"tallygate-prices/1\",\"models\":{"
		  "\"a\":{\"tiers\":[{\"above_tokens\":5,\"input_pico\":1},"
		  "{\"above_tokens\":5,\"input_pico\":1}]}}}",
		    "two above 5" },
		{ "{\"a\":{\"input_cost_per_token_above_1k_tokens\":1e-6,"
		  "\"input_cost_per_token_above_2k_tokens\":1e-6,"
		  "\"input_cost_per_token_above_3k_tokens\":1e-6,"
		  "\"input_cost_per_token_above_4k_tokens\":1e-6,"
		  "\"input_cost_per_token_above_5k_tokens\":1e-6}}",
		    "more than 4 tiers" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct price_table *t = NULL;
		struct err err = { .text = "" };

		if (price_table_parse(str_of(rows[i].text), "test.json", &t,
			&err) == 0)
			fail_msg("row %zu was taken", i);
		assert_null(t);
		assert_int_equal(err.code, ERR_CONFIG);
		if (strstr(err.text, rows[i].says) == NULL)
			fail_msg("row %zu: %s", i, err.text);
	}
}

static void
test_nesting_and_names_are_bounded(void **state)
{
	struct price_table *t = NULL;
	struct err err;
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	buf_add_cstr(&b, "{\"a\":{\"x\":");
	for (int i = 0; i < 100000; i++)
		buf_add_char(&b, '[');
	assert_int_equal(price_table_parse(buf_str(&b), "n", &t, &err), -1);
	assert_non_null(strstr(err.text, "nested deeper"));
	buf_clear(&b);
	buf_add_cstr(&b, "{\"");
	for (int i = 0; i < 600; i++)
		buf_add_char(&b, 'm');
	buf_add_cstr(&b, "\":{}}");
	assert_int_equal(price_table_parse(buf_str(&b), "n", &t, &err), -1);
	assert_non_null(strstr(err.text, "more than 512 bytes"));
	buf_fini(&b);
}

/* Whatever a file holds: an answer, no crash, and the same one twice. */
static void
test_random_damage_is_survived(void **state)
{
	const struct str texts[] = { LIT(defacto), LIT(ours) };

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct str s = texts[i & 1];
		char *copy = xmalloc(s.n);
		struct price_table *t = NULL;
		struct err err;

		memcpy(copy, s.p, s.n);
		for (int n = 0; n < 3; n++)
			copy[random_u64() % s.n] =
			    "{}[]\",:0e-.\\un \x80z"[random_u64() % 18];
		if (price_table_parse(str_make(copy, s.n), "d", &t, &err) ==
		    0) {
			for (size_t k = 0; k < price_table_count(t); k++)
				assert_non_null(price_table_find(t,
				    price_table_name(t, k)));
		} else {
			assert_int_equal(err.code, ERR_CONFIG);
		}
		price_table_free(&t);
		free(copy);
	}
}

static void
test_key_names(void **state)
{
	static const struct {
		const char *key;
		enum price_kind kind;
		enum service_tier service;
		int64_t above;
	} good[] = {
		{ "input_cost_per_token", PRICE_INPUT, TIER_DEFAULT, 0 },
		{ "output_cost_per_token_batches", PRICE_OUTPUT, TIER_BATCH,
		    0 },
		{ "input_cost_per_token_above_128k_tokens", PRICE_INPUT,
		    TIER_DEFAULT, 128000 },
		{ "cache_read_input_token_cost_above_272k_tokens_flex",
		    PRICE_CACHED_INPUT, TIER_FLEX, 272000 },
		{ "cache_creation_input_token_cost_above_1hr",
		    PRICE_CACHE_WRITE_1H, TIER_DEFAULT, 0 },
		{ "cache_creation_input_token_cost_above_1hr_above_200k_tokens",
		    PRICE_CACHE_WRITE_1H, TIER_DEFAULT, 200000 },
		{ "cache_creation_input_token_cost_above_200k_tokens",
		    PRICE_CACHE_WRITE, TIER_DEFAULT, 200000 },
		{ "input_cost_per_token_above_500_tokens", PRICE_INPUT,
		    TIER_DEFAULT, 500 },
		{ "input_cost_per_query", PRICE_NONE, TIER_DEFAULT, 0 },
		{ "input_cost_per_second", PRICE_NONE, TIER_DEFAULT, 0 },
		{ "output_cost_per_image", PRICE_NONE, TIER_DEFAULT, 0 },
		{ "output_cost_per_image_token", PRICE_IMAGE_OUTPUT,
		    TIER_DEFAULT, 0 },
	};
	static const char *const bad[] = { "", "input_cost_per_pixel",
		"input_cost_per_token_above_k_tokens",
		"input_cost_per_token_above_-1k_tokens",
		"input_cost_per_token_above_0k_tokens",
		"input_cost_per_token_above_99999999999k_tokens",
		"input_cost_per_token_above__tokens",
		"input_cost_per_token_above_tokens",
		"input_cost_per_token_cheap", "input_cost_per_query_flex",
		"output_cost_per_image_flex", "max_tokens" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct price_key k;

		assert_int_equal(price_key_parse(str_of(good[i].key), &k), 1);
		assert_int_equal(k.kind, good[i].kind);
		assert_int_equal(k.service, good[i].service);
		assert_int_equal(k.above_tokens, good[i].above);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (price_key_known(str_of(bad[i])))
			fail_msg("%s", bad[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defacto_prices_are_exact),
		cmocka_unit_test(test_digits_below_a_pico_are_counted),
		cmocka_unit_test(test_tiers_sort_as_numbers_and_are_complete),
		cmocka_unit_test(test_services_are_complete),
		cmocka_unit_test(
		    test_a_service_keeps_its_ratio_where_only_sound_is_named),
		cmocka_unit_test(test_fireworks_cache_costs_half),
		cmocka_unit_test(test_an_older_spelling_gives_way),
		cmocka_unit_test(test_derived_prices_are_rounded_up),
		cmocka_unit_test(test_what_cannot_be_charged_is_not_known),
		cmocka_unit_test(test_our_form),
		cmocka_unit_test(test_the_shipped_table_loads),
		cmocka_unit_test(
		    test_bad_tables_are_refused_with_file_and_line),
		cmocka_unit_test(test_nesting_and_names_are_bounded),
		cmocka_unit_test(test_random_damage_is_survived),
		cmocka_unit_test(test_key_names),
	};

	return cmocka_run_group_tests_name("price_table", tests, NULL, NULL);
}
