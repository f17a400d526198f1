/*
 * Prices: both forms of the table, a deployment's own prices, the cost
 * formula, worst prices. Numbers are checked as pico- and nano-dollars, never
 * as doubles; what a bound promises is checked against random usage.
 */
#include "unit.h"

#include "base/fd.h"
#include "base/hash.h"
#include "domain/price_rates.h"

#include <unistd.h>

#define LIT(s) str_make((s), sizeof(s) - 1)

static struct price_table *
table_of(struct str text)
{
	struct price_table *t = NULL;
	struct err err;

	if (price_table_parse(text, "test.json", &t, &err) != 0)
		fail_msg("%s", err.text);
	return t;
}

static const struct price *
find(const struct price_table *t, const char *name)
{
	const struct price *p = price_table_find(t, str_of(name));

	if (p == NULL)
		fail_msg("no model %s", name);
	return p;
}

/* ---- the de-facto form -------------------------------------------------- */

static const char defacto[] =
    "{\"sample_spec\":{\"input_cost_per_token\":0.0,"
    "\"max_tokens\":\"LEGACY parameter\"},\n"
    "\"plain\":{\"litellm_provider\":\"openai\",\"mode\":\"chat\","
    "\"input_cost_per_token\":1.5e-07,\"output_cost_per_token\":6e-07,"
    "\"cache_read_input_token_cost\":7.5e-08,\"supports_vision\":true,"
    "\"max_tokens\":16384,\"max_input_tokens\":128000},\n"
    "\"text\":{\"litellm_provider\":\"x\","
    "\"input_cost_per_token\":\"3e-07\",\"output_cost_per_token\":"
    "\"0.0000015\"},\n"
    "\"tiers\":{\"litellm_provider\":\"x\",\"mode\":\"chat\","
    "\"input_cost_per_token_above_1000k_tokens\":8e-06,"
    "\"input_cost_per_token_above_200k_tokens\":4e-06,"
    "\"input_cost_per_token\":2e-06,\"output_cost_per_token\":1e-05,"
    "\"output_cost_per_token_above_200k_tokens\":1.5e-05,"
    "\"cache_read_input_token_cost\":2e-07},\n"
    "\"services\":{\"litellm_provider\":\"x\",\"mode\":\"chat\","
    "\"input_cost_per_token\":2e-06,\"output_cost_per_token\":8e-06,"
    "\"cache_read_input_token_cost\":5e-07,"
    "\"input_cost_per_token_flex\":1e-06,"
    "\"output_cost_per_token_flex\":4e-06,"
    "\"input_cost_per_token_priority\":5e-06,"
    "\"input_cost_per_token_batches\":1e-06,"
    "\"input_cost_per_token_above_272k_tokens\":4e-06,"
    "\"input_cost_per_token_above_272k_tokens_priority\":9e-06},\n"
    "\"claude\":{\"litellm_provider\":\"anthropic\",\"mode\":\"chat\","
    "\"input_cost_per_token\":3e-06,\"output_cost_per_token\":1.5e-05,"
    "\"cache_read_input_token_cost\":3e-07,"
    "\"cache_creation_input_token_cost\":3.75e-06,"
    "\"cache_creation_input_token_cost_above_1hr\":6e-06,"
    "\"cache_creation_input_token_cost_above_1hr_above_200k_tokens\":1.2e-05,"
    "\"input_cost_per_token_above_200k_tokens\":6e-06},\n"
    "\"audio\":{\"litellm_provider\":\"x\",\"mode\":\"chat\","
    "\"input_cost_per_token\":2.5e-06,\"output_cost_per_token\":1e-05,"
    "\"input_cost_per_audio_token\":4e-05,"
    "\"output_cost_per_audio_token\":8e-05,"
    "\"input_cost_per_image_token\":5e-06,"
    "\"output_cost_per_reasoning_token\":2e-05},\n"
    "\"ranges\":{\"litellm_provider\":\"dashscope\",\"mode\":\"chat\","
    "\"tiered_pricing\":[{\"input_cost_per_token\":5e-08,"
    "\"output_cost_per_token\":4e-07,\"range\":[0,256000.0]},"
    "{\"input_cost_per_token\":2.5e-07,\"output_cost_per_token\":2e-06,"
    "\"range\":[256000.0,1000000.0]}]},\n"
    "\"zeros\":{\"litellm_provider\":\"x\",\"mode\":\"chat\","
    "\"input_cost_per_token\":1e-06,\"output_cost_per_token\":2e-06,"
    "\"cache_read_input_token_cost\":0,"
    "\"cache_creation_input_token_cost\":0.0},\n"
    "\"free\":{\"litellm_provider\":\"x\",\"input_cost_per_token\":0,"
    "\"output_cost_per_token\":0.0,\"cache_read_input_token_cost\":0},\n"
    "\"embed\":{\"litellm_provider\":\"x\",\"mode\":\"embedding\","
    "\"input_cost_per_token\":2e-08,\"max_tokens\":8191},\n"
    "\"half\":{\"litellm_provider\":\"x\",\"mode\":\"chat\","
    "\"input_cost_per_token\":1e-06},\n"
    "\"pictures\":{\"litellm_provider\":\"x\","
    "\"mode\":\"image_generation\",\"output_cost_per_image\":0.04},\n"
    "\"millions\":{\"litellm_provider\":\"x\",\"mode\":\"chat\","
    "\"input_cost_per_token\":0.15,\"output_cost_per_token\":0.6},\n"
    "\"query\":{\"litellm_provider\":\"x\",\"mode\":\"rerank\","
    "\"input_cost_per_token\":0.0,\"input_cost_per_query\":0.002},\n"
    "\"long\":{\"litellm_provider\":\"x\",\"mode\":\"chat\","
    "\"input_cost_per_token\":1.2345678901235e-07,"
    "\"output_cost_per_token\":1e-13},\n"
    "\"old\":{\"litellm_provider\":\"deepseek\",\"mode\":\"chat\","
    "\"input_cost_per_token_cache_hit\":2.8e-08,"
    "\"input_cost_per_token\":2.8e-07,\"output_cost_per_token\":4.2e-07},\n"
    "\"twice\":{\"litellm_provider\":\"x\",\"input_cost_per_token\":1e-06,"
    "\"output_cost_per_token\":1e-06},\n"
    "\"na\\u00efve\\/model\":{\"litellm_provider\":\"x\","
    "\"input_cost_per_token\":1e-06,\"output_cost_per_token\":1e-06,"
    "\"cache_read_input_token_cost\":null},\n"
    "\"twice\":{\"litellm_provider\":\"x\",\"input_cost_per_token\":2e-06,"
    "\"output_cost_per_token\":2e-06}}\n";

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
		{ "pictures", false }, /* paid by the picture */
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
	assert_int_equal(find(t, "query")->per_request_picos,
	    INT64_C(2000000000));
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
	};
	static const char *const bad[] = { "", "input_cost_per_second",
		"input_cost_per_token_above_k_tokens",
		"input_cost_per_token_above_-1k_tokens",
		"input_cost_per_token_above_0k_tokens",
		"input_cost_per_token_above_99999999999k_tokens",
		"input_cost_per_token_above__tokens",
		"input_cost_per_token_above_tokens",
		"input_cost_per_token_cheap", "input_cost_per_query_flex",
		"output_cost_per_image", "max_tokens" };

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

/* ---- a deployment's price ----------------------------------------------- */

static struct provider openai = { .prefix = "openai" };
static struct provider groq = { .prefix = "groq" };

static struct config_deployment
deployment(const struct provider *provider, const char *model)
{
	struct config_deployment d = {
		.model_name = "public",
		.provider = provider,
		.upstream_model = model,
		.base_model = "",
		.mode = "chat",
		.file = "gateway.yaml",
		.line = 7,
	};

	return d;
}

static struct price
resolve(const struct config_deployment *d, struct price_table **tables,
    size_t count)
{
	struct price p;
	struct err err;

	if (price_resolve(d, tables, count, &p, &err) != 0)
		fail_msg("%s", err.text);
	return p;
}

static void
test_names_are_looked_for_in_order(void **state)
{
	struct price_table *tables[2] = {
		table_of(LIT("{\"m\":{\"litellm_provider\":\"openai\","
			     "\"input_cost_per_token\":1e-6,"
			     "\"output_cost_per_token\":1e-6},"
			     "\"groq/v/m\":{\"litellm_provider\":\"groq\","
			     "\"input_cost_per_token\":2e-6,"
			     "\"output_cost_per_token\":1e-6},"
			     "\"g\":{\"litellm_provider\":\"groq-chat\","
			     "\"input_cost_per_token\":3e-6,"
			     "\"output_cost_per_token\":1e-6},"
			     "\"base\":{\"litellm_provider\":\"azure\","
			     "\"input_cost_per_token\":4e-6,"
			     "\"output_cost_per_token\":1e-6},"
			     "\"mine\":{\"input_cost_per_token\":5e-6,"
			     "\"output_cost_per_token\":1e-6}}")),
		table_of(LIT("{\"m\":{\"litellm_provider\":\"openai\","
			     "\"input_cost_per_token\":9e-6,"
			     "\"output_cost_per_token\":1e-6}}")),
	};
	static const struct {
		const struct provider *provider;
		const char *model, *base_model;
		size_t tables;
		int64_t want; /* base input; 0: not known */
	} rows[] = {
		{ &openai, "m", "", 1, 1000000 },
		{ &openai, "m", "", 2, 9000000 }, /* the later table */
		{ &openai, "vendor/m", "", 1, 1000000 },
		{ &openai, "a/b/m", "", 1, 1000000 },
		{ &groq, "v/m", "", 2, 2000000 },
		{ &groq, "m", "", 1, 0 },         /* OpenAI's m is not groq's */
		{ &groq, "x/g", "", 1, 3000000 }, /* of its family */
		{ &groq, "mine", "", 1, 5000000 },
		{ &openai, "m", "base", 1, 4000000 },
		{ &openai, "m", "absent", 1, 1000000 },
		{ &openai, "n", "", 2, 0 },
		{ &openai, "m", "", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct config_deployment d =
		    deployment(rows[i].provider, rows[i].model);
		struct price p;

		d.base_model = rows[i].base_model;
		p = resolve(&d, tables, rows[i].tables);
		if (p.known != (rows[i].want != 0) ||
		    (p.known && p.base.input != rows[i].want))
			fail_msg("row %zu: %lld", i, (long long)p.base.input);
		assert_false(p.custom);
	}
	price_table_free(&tables[0]);
	price_table_free(&tables[1]);
}

static struct price
resolve_with(const struct config_pair *pairs, size_t n, const char *model,
    struct price_table **tables, size_t count)
{
	struct config_deployment d = deployment(&openai, model);
	struct config_pair copy[8];

	memcpy(copy, pairs, n * sizeof(*pairs));
	d.prices.items = copy;
	d.prices.count = n;
	return resolve(&d, tables, count);
}

static void
test_own_prices_win_field_by_field(void **state)
{
	static const struct config_pair cached[] = {
		{ "cache_read_input_token_cost", "3e-08", 8 },
		{ "input_cost_per_token_above_100k_tokens", "9e-07", 9 },
		{ "cache_read_input_token_cost", "1e-08", 20 },
		{ "output_cost_per_second", "0.1", 10 },
	};
	struct price_table *t = table_of(LIT(defacto));
	struct price p = resolve_with(cached, 4, "plain", &t, 1);

	(void)state;
	assert_true(p.known && p.custom);
	assert_int_equal(p.base.input, 150000);
	assert_int_equal(p.base.output, 600000);
	/* litellm_params before model_info. */
	assert_int_equal(p.base.cached_input, 30000);
	assert_int_equal(p.tiers[0].above_tokens, 100000);
	assert_int_equal(p.tiers[0].rates.input, 900000);
	assert_int_equal(p.tiers[0].rates.output, 600000);
	assert_int_equal(p.max_output_tokens, 16384);
	assert_string_not_equal(p.version, find(t, "plain")->version);
	price_table_free(&t);
}

static void
test_input_and_output_are_a_whole_price(void **state)
{
	static const struct config_pair both[] = {
		{ "input_cost_per_token", "1e-07", 8 },
		{ "output_cost_per_token", "0.0000002", 9 },
	};
	static const struct config_pair zero[] = {
		{ "input_cost_per_token", "0", 8 },
		{ "output_cost_per_token", "0.0", 9 },
	};
	struct price_table *t = table_of(LIT(defacto));
	struct price p = resolve_with(both, 2, "tiers", &t, 1);

	(void)state;
	assert_int_equal(p.base.input, 100000);
	assert_int_equal(p.base.output, 200000);
	assert_int_equal(p.base.cached_input, PRICE_UNSET);
	assert_int_equal(p.tier_count, 0);
	p = resolve_with(zero, 2, "claude", &t, 1);
	assert_true(p.known);
	assert_int_equal(price_worst_nanos(&p, 1000000, 1000000), 0);
	/* Without any table, and without output price: not known. */
	p = resolve_with(both, 2, "nowhere", NULL, 0);
	assert_true(p.known);
	p = resolve_with(both, 1, "nowhere", NULL, 0);
	assert_false(p.known);
	price_table_free(&t);
}

static void
test_bad_own_prices_name_their_place(void **state)
{
	static const struct {
		const char *value, *says;
	} rows[] = {
		{ "cheap", "is no price" },
		{ "", "is no price" },
		{ "1e-13", "more than 12 decimals" },
		{ "-1e-6", "out of range" },
		{ "5", "out of range" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct config_deployment d = deployment(&openai, "m");
		struct config_pair pair = { "input_cost_per_token",
			rows[i].value, 12 };
		struct price p;
		struct err err;

		d.prices.items = &pair;
		d.prices.count = 1;
		assert_int_equal(price_resolve(&d, NULL, 0, &p, &err), -1);
		assert_int_equal(err.code, ERR_CONFIG);
		assert_non_null(
		    strstr(err.text, "gateway.yaml:12: input_cost_per_token"));
		assert_non_null(strstr(err.text, rows[i].says));
	}
}

static void
test_versions_follow_the_numbers(void **state)
{
	struct price_table *t = table_of(LIT(defacto));

	(void)state;
	for (size_t i = 0; i < price_table_count(t); i++) {
		const struct price *p =
		    price_table_find(t, price_table_name(t, i));
		struct price back;
		struct buf a, b;
		struct err err;

		if (!p->known)
			continue;
		buf_init(&a, 65536);
		buf_init(&b, 65536);
		price_to_json(p, &a);
		if (price_from_json(buf_str(&a), &back, &err) != 0)
			fail_msg("%s", err.text);
		price_to_json(&back, &b);
		assert_string_equal(buf_cstr(&a), buf_cstr(&b));
		assert_string_equal(p->version, back.version);
		assert_memory_equal(p, &back, sizeof(back));
		back.base.input++;
		price_seal(&back);
		assert_string_not_equal(p->version, back.version);
		buf_fini(&a);
		buf_fini(&b);
	}
	price_table_free(&t);
}

static void
test_price_json_that_is_none(void **state)
{
	static const char *const bad[] = { "", "[]", "{}", "{\"unit\":\"USD\"}",
		"{\"unit\":\"1e-12 USD\",\"rates\":{\"input\":1.5}}",
		"{\"unit\":\"1e-12 USD\",\"rates\":{\"input\":-1}}",
		"{\"unit\":\"1e-12 USD\",\"tiers\":[{}]}",
		"{\"unit\":\"1e-12 USD\",\"tiers\":[{\"above_tokens\":9},"
		"{\"above_tokens\":5}]}",
		"{\"unit\":\"1e-12 USD\",\"custom\":3}" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct price p;
		struct err err;

		if (price_from_json(str_of(bad[i]), &p, &err) == 0)
			fail_msg("%s", bad[i]);
		assert_int_equal(err.code, ERR_BAD_JSON);
	}
}

/* ---- cost --------------------------------------------------------------- */

static void
test_cost_of_known_answers(void **state)
{
	static const struct {
		const char *model;
		struct usage usage;
		int64_t nanos;
	} rows[] = {
		/* 1000 × 0.15 + 500 × 0.60 per million. */
		{ "plain", { .prompt_tokens = 1000, .completion_tokens = 500 },
		    450000 },
		{ "plain",
		    { .prompt_tokens = 1000,
			.completion_tokens = 500,
			.cached_tokens = 400 },
		    90000 + 30000 + 300000 },
		/* One token is 150,000 pico: 150 nano exactly. */
		{ "plain", { .prompt_tokens = 1 }, 150 },
		{ "plain", { .prompt_tokens = 0 }, 0 },
		/* The tier, cached tokens counted, for the whole request. */
		{ "tiers", { .prompt_tokens = 200000, .completion_tokens = 10 },
		    400000000 + 100000 },
		{ "tiers", { .prompt_tokens = 200001, .completion_tokens = 10 },
		    800004000 + 150000 },
		{ "tiers",
		    { .prompt_tokens = 200001,
			.cached_tokens = 200000,
			.completion_tokens = 10 },
		    4000 + 80000000 + 150000 },
		/* Anthropic's kinds: 100 read, 50 written short, 25 long. */
		{ "claude",
		    { .prompt_tokens = 1175,
			.cached_tokens = 100,
			.cache_write_tokens = 75,
			.cache_write_1h_tokens = 25,
			.completion_tokens = 10 },
		    1000 * 3000 + 100 * 300 + 50 * 3750 + 25 * 6000 +
			10 * 15000 },
		/* More long writes than writes: a provider's slip. */
		{ "claude",
		    { .prompt_tokens = 100,
			.cache_write_tokens = 10,
			.cache_write_1h_tokens = 99 },
		    90 * 3000 + 10 * 6000 },
		{ "audio",
		    { .prompt_tokens = 100,
			.audio_input_tokens = 30,
			.image_input_tokens = 20,
			.completion_tokens = 90,
			.reasoning_tokens = 40,
			.audio_output_tokens = 10 },
		    50 * 2500 + 30 * 40000 + 20 * 5000 + 40 * 10000 +
			40 * 20000 + 10 * 80000 },
		/* Parts that overlap: the rest is not negative. */
		{ "audio",
		    { .prompt_tokens = 10,
			.audio_input_tokens = 10,
			.cached_tokens = 10 },
		    10 * 40000 + 10 * 2500 },
		{ "services",
		    { .tier = TIER_FLEX,
			.prompt_tokens = 1000,
			.completion_tokens = 100 },
		    1000000 + 400000 },
		{ "services",
		    { .tier = TIER_PRIORITY,
			.prompt_tokens = 272001,
			.completion_tokens = 1 },
		    INT64_C(272001) * 9000 + 8000 },
		/* A service without prices: the model's own. */
		{ "text",
		    { .tier = TIER_FLEX,
			.prompt_tokens = 10,
			.completion_tokens = 10 },
		    3000 + 15000 },
		{ "embed", { .prompt_tokens = 1000 }, 20000 },
		{ "query", { .prompt_tokens = 1000 }, 2000000 },
		{ "half", { .prompt_tokens = 1000 }, 0 },
		/* Half a nano-dollar is rounded once, up. */
		{ "embed", { .prompt_tokens = -5 }, 0 },
	};
	struct price_table *t = table_of(LIT(defacto));

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct usage u = rows[i].usage;
		int64_t cost;

		u.source = USAGE_PROVIDER;
		cost = price_cost_nanos(find(t, rows[i].model), &u);
		if (cost != rows[i].nanos)
			fail_msg("row %zu: %lld, not %lld", i, (long long)cost,
			    (long long)rows[i].nanos);
		u.source = USAGE_NONE;
		assert_int_equal(price_cost_nanos(find(t, rows[i].model), &u),
		    0);
	}
	price_table_free(&t);
}

static void
test_cost_is_rounded_once(void **state)
{
	struct usage u = {
		.source = USAGE_PROVIDER,
		.prompt_tokens = 1,
		.completion_tokens = 1,
	};
	struct price p;

	(void)state;
	price_clear(&p);
	p.known = true;
	/* 0.4 + 0.4 nano: apart they would vanish, together they are one. */
	p.base.input = p.base.output = 400;
	assert_int_equal(price_cost_nanos(&p, &u), 1);
	p.base.input = p.base.output = 1;
	u.prompt_tokens = 499;
	u.completion_tokens = 0;
	assert_int_equal(price_cost_nanos(&p, &u), 0);
	u.completion_tokens = 1;
	assert_int_equal(price_cost_nanos(&p, &u), 1);
}

static void
test_reported_cost_is_trusted_unless_the_price_is_custom(void **state)
{
	struct usage u = {
		.source = USAGE_PROVIDER,
		.prompt_tokens = 1000,
		.has_reported_cost = true,
		.reported_cost_nanos = 123456,
	};
	struct price p;

	(void)state;
	price_clear(&p);
	assert_int_equal(price_cost_nanos(&p, &u), 123456);
	p.known = true;
	p.base.input = p.base.output = 1000000;
	assert_int_equal(price_cost_nanos(&p, &u), 123456);
	p.custom = true;
	assert_int_equal(price_cost_nanos(&p, &u), 1000000);
	p.custom = false;
	u.reported_cost_nanos = -1;
	assert_int_equal(price_cost_nanos(&p, &u), 0);
	u.reported_cost_nanos = INT64_MAX;
	assert_int_equal(price_cost_nanos(&p, &u), MONEY_MAX);
}

static void
test_absurd_counts_saturate(void **state)
{
	struct usage u = {
		.source = USAGE_PROVIDER,
		.prompt_tokens = INT64_MAX,
		.completion_tokens = INT64_MAX,
		.reasoning_tokens = INT64_MAX,
		.cached_tokens = INT64_MAX,
		.cache_write_tokens = INT64_MAX,
		.audio_input_tokens = INT64_MAX,
		.image_input_tokens = INT64_MAX,
		.audio_output_tokens = INT64_MAX,
	};
	struct price p;

	(void)state;
	price_clear(&p);
	p.known = true;
	p.per_request_picos = PRICE_UNIT_MAX_PICOS;
	for (int k = 0; k < PRICE_KIND_COUNT; k++)
		*price_rate(&p.base, (enum price_kind)k) =
		    PRICE_TOKEN_MAX_PICOS;
	assert_int_equal(price_cost_nanos(&p, &u), MONEY_MAX);
	assert_int_equal(price_worst_nanos(&p, INT64_MAX, INT64_MAX),
	    MONEY_MAX);
	assert_int_equal(price_affordable_tokens(&p, INT64_MAX, INT64_MAX), -1);
	assert_int_equal(price_worst_nanos(&p, -1, -1), 10000 * NANOS_PER_USD);
}

/* ---- worst prices ------------------------------------------------------- */

static int64_t
random_below(int64_t n)
{
	return (int64_t)(random_u64() % (uint64_t)n);
}

static void
random_rates(struct price_rates *r)
{
	for (int k = 0; k < PRICE_KIND_COUNT; k++)
		*price_rate(r, (enum price_kind)k) =
		    k < PRICE_CACHED_INPUT || random_below(2) == 0
			? random_below(100000)
			: PRICE_UNSET;
}

static void
random_price(struct price *p)
{
	price_clear(p);
	p->known = true;
	for (int i = 0; i < (int)random_below(4); i++)
		price_tier_add(p, 1 + random_below(2000));
	for (int s = 0; s < PRICE_SERVICES; s++) {
		if (s != TIER_DEFAULT && random_below(2) == 0)
			continue;
		for (int tier = -1; tier < (int)p->tier_count; tier++)
			random_rates(price_row(p, (enum service_tier)s, tier));
	}
	p->per_request_picos = random_below(2) * random_below(5000000);
}

/* Splits `whole` at random among n parts whose sum stays below it. */
static void
random_parts(int64_t whole, int64_t *parts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		parts[i] = random_below(whole + 1);
		whole -= parts[i];
	}
}

static void
random_usage(const struct price_bound *b, struct usage *u)
{
	int64_t in[4], out[2];

	memset(u, 0, sizeof(*u));
	u->source = USAGE_PROVIDER;
	u->tier = random_below(2) == 0 ? TIER_DEFAULT : b->tier;
	u->prompt_tokens = random_below(b->prompt_tokens + 1);
	u->completion_tokens = random_below(b->output_tokens + 1);
	random_parts(u->prompt_tokens, in, 4);
	u->cached_tokens = in[0];
	u->audio_input_tokens =
	    in[1] < b->audio_tokens ? in[1] : b->audio_tokens;
	u->image_input_tokens =
	    in[2] < b->image_tokens ? in[2] : b->image_tokens;
	u->cache_write_tokens = b->no_cache_write ? 0 : in[3];
	u->cache_write_1h_tokens =
	    b->no_cache_write_1h ? 0 : random_below(u->cache_write_tokens + 1);
	random_parts(u->completion_tokens, out, 2);
	u->reasoning_tokens = out[0];
	u->audio_output_tokens = b->audio_output ? out[1] : 0;
}

static void
test_no_usage_costs_more_than_its_bound(void **state)
{
	(void)state;
	for (int i = 0; i < 3000; i++) {
		struct price_bound b = {
			.tier = (enum service_tier)random_below(4),
			.prompt_tokens = random_below(3000),
			.audio_tokens = random_below(2) * random_below(500),
			.image_tokens = random_below(2) * random_below(500),
			.output_tokens = random_below(3000),
			.audio_output = random_below(2) == 0,
			.no_cache_write = random_below(2) == 0,
			.no_cache_write_1h = random_below(2) == 0,
		};
		struct price p;
		int64_t bound;

		random_price(&p);
		bound = price_bound_nanos(&p, &b);
		for (int n = 0; n < 20; n++) {
			struct usage u;

			random_usage(&b, &u);
			if (price_cost_nanos(&p, &u) > bound)
				fail_msg("%lld above %lld",
				    (long long)price_cost_nanos(&p, &u),
				    (long long)bound);
		}
	}
}

static void
test_affordable_is_the_largest_count_that_fits(void **state)
{
	(void)state;
	for (int i = 0; i < 20000; i++) {
		int64_t prompt = random_below(3000), tokens;
		int64_t room = random_below(200000);
		struct price p;

		random_price(&p);
		tokens = price_affordable_tokens(&p, prompt, room);
		if (tokens < 0) {
			assert_true(price_worst_nanos(&p, prompt, 0) > room);
			continue;
		}
		if (tokens == INT64_MAX)
			continue; /* output is free */
		assert_true(price_worst_nanos(&p, prompt, tokens) <= room);
		assert_true(price_worst_nanos(&p, prompt, tokens + 1) > room);
	}
}

static void
test_bounds_look_at_every_tier_in_reach(void **state)
{
	struct price_table *t = table_of(LIT(defacto));
	const struct price *p = find(t, "tiers");
	struct price_bound b = { .prompt_tokens = 1000, .output_tokens = 10 };

	(void)state;
	assert_int_equal(price_worst_nanos(p, 200000, 10), 400000000 + 100000);
	assert_int_equal(price_worst_nanos(p, 200001, 10), 800004000 + 150000);
	/* What could be written to the long cache is priced so. */
	p = find(t, "claude");
	assert_int_equal(price_bound_nanos(p, &b), 6000000 + 150000);
	b.no_cache_write_1h = true;
	assert_int_equal(price_bound_nanos(p, &b), 3750000 + 150000);
	b.no_cache_write = true;
	assert_int_equal(price_bound_nanos(p, &b), 3000000 + 150000);
	/* The service asked for, or the default if that is dearer. */
	p = find(t, "services");
	b.tier = TIER_FLEX;
	assert_int_equal(price_bound_nanos(p, &b), 2000000 + 80000);
	b.tier = TIER_PRIORITY;
	assert_int_equal(price_bound_nanos(p, &b), 5000000 + 80000);
	/* Sound only where there can be sound. */
	p = find(t, "audio");
	b.tier = TIER_DEFAULT;
	assert_int_equal(price_bound_nanos(p, &b), 2500000 + 200000);
	b.audio_tokens = 100;
	assert_int_equal(price_bound_nanos(p, &b), 2250000 + 4000000 + 200000);
	b.audio_output = true;
	assert_int_equal(price_bound_nanos(p, &b), 2250000 + 4000000 + 800000);
	price_table_free(&t);
}

static void
test_unknown_prices_pay_for_nothing(void **state)
{
	struct price p;

	(void)state;
	price_clear(&p);
	assert_int_equal(price_worst_nanos(&p, 1000, 1000), 0);
	assert_int_equal(price_affordable_tokens(&p, 0, MONEY_MAX), -1);
	price_seal(&p);
	assert_string_equal(p.version, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defacto_prices_are_exact),
		cmocka_unit_test(test_digits_below_a_pico_are_counted),
		cmocka_unit_test(test_tiers_sort_as_numbers_and_are_complete),
		cmocka_unit_test(test_services_are_complete),
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
		cmocka_unit_test(test_names_are_looked_for_in_order),
		cmocka_unit_test(test_own_prices_win_field_by_field),
		cmocka_unit_test(test_input_and_output_are_a_whole_price),
		cmocka_unit_test(test_bad_own_prices_name_their_place),
		cmocka_unit_test(test_versions_follow_the_numbers),
		cmocka_unit_test(test_price_json_that_is_none),
		cmocka_unit_test(test_cost_of_known_answers),
		cmocka_unit_test(test_cost_is_rounded_once),
		cmocka_unit_test(
		    test_reported_cost_is_trusted_unless_the_price_is_custom),
		cmocka_unit_test(test_absurd_counts_saturate),
		cmocka_unit_test(test_no_usage_costs_more_than_its_bound),
		cmocka_unit_test(
		    test_affordable_is_the_largest_count_that_fits),
		cmocka_unit_test(test_bounds_look_at_every_tier_in_reach),
		cmocka_unit_test(test_unknown_prices_pay_for_nothing),
	};

	return cmocka_run_group_tests_name("pricing", tests, NULL, NULL);
}
