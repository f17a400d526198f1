/*
 * A deployment's price, the cost formula, worst prices. Numbers are checked
 * as pico- and nano-dollars, never as doubles; what a bound promises is
 * checked against random usage.
 */
#include "price_fixture.h"

#include "base/hash.h"

/* ---- a deployment's price ----------------------------------------------- */

static struct provider openai = { .prefix = "openai" };

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
		("{\"unit\":\"1e-12 USD\",\"tiers\":[{\"above_tokens\":9},"
		 "{\"above_tokens\":5}]}"),
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
		/* Its priority tier is capacity bought ahead. */
		{ "claude",
		    { .tier = TIER_PRIORITY,
			.prompt_tokens = 1000,
			.completion_tokens = 10 },
		    1000 * 3000 + 10 * 15000 },
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
	p.units.request = PRICE_UNIT_MAX_PICOS;
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
	p->units.request = random_below(2) * random_below(5000000);
	p->units.image = random_below(2) * random_below(5000000);
	p->units.second = random_below(2) * random_below(5000000);
	p->units.character = random_below(2) * random_below(5000);
	for (int i = 0; i < SEARCH_SIZES; i++)
		p->units.search[i] = random_below(2) * random_below(5000000);
	p->factors.fast = random_below(2) * random_below(7000);
	p->factors.geo_us = random_below(2) * random_below(1500);
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
	int64_t in[4], out[3];

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
	random_parts(u->completion_tokens, out, 3);
	u->reasoning_tokens = out[0];
	u->audio_output_tokens = b->audio_output ? out[1] : 0;
	u->image_output_tokens = b->image_output ? out[2] : 0;
	u->images = random_below(b->images + 1);
	u->image_factor = b->image_factor;
	u->search_units = random_below(b->search_units + 1);
	u->audio_millis = random_below(1000 * b->seconds + 1);
	u->characters = random_below(b->characters + 1);
	u->searches = random_below(b->searches + 1);
	u->search_size = b->search_size;
	u->fast = b->fast;
	u->geo = b->geo;
}

/* dall-e by the picture, whisper by the second, tts by the character; the
   operator's own price for one of them. */
static void
test_things_that_are_no_tokens(void **state)
{
	static const struct config_pair own[] = {
		{ "input_cost_per_second", "0.0002", 8 },
	};
	struct price_table *t =
	    table_of(LIT("{\"plain\":{\"mode\":\"audio_transcription\","
			 "\"litellm_provider\":\"openai\","
			 "\"input_cost_per_second\":1e-4,"
			 "\"output_cost_per_second\":1e-4,"
			 "\"output_cost_per_image\":0.04,"
			 "\"input_cost_per_image\":0.01,"
			 "\"input_cost_per_character\":1.5e-5}}"));
	struct usage u = { .source = USAGE_ESTIMATED, .audio_millis = 1500 };
	struct price p = resolve_with(own, 0, "plain", &t, 1);

	(void)state;
	assert_true(p.known);
	assert_int_equal(price_cost_nanos(&p, &u), 150000);
	u = (struct usage){ .source = USAGE_ESTIMATED, .images = 3 };
	assert_int_equal(price_cost_nanos(&p, &u), 120000000);
	u = (struct usage){ .source = USAGE_ESTIMATED, .characters = 2 };
	assert_int_equal(price_cost_nanos(&p, &u), 30000);
	p = resolve_with(own, 1, "plain", &t, 1);
	u = (struct usage){ .source = USAGE_ESTIMATED, .audio_millis = 1000 };
	assert_int_equal(price_cost_nanos(&p, &u), 200000);
	price_table_free(&t);
}

/* On tokens, not on searches; two of them multiply. */
static void
test_factors(void **state)
{
	struct price_table *t = table_of(
	    LIT("{\"plain\":{\"mode\":\"chat\",\"litellm_provider\":\"openai\","
		"\"input_cost_per_token\":1e-6,\"output_cost_per_token\":1e-6,"
		"\"search_context_cost_per_query\":{"
		"\"search_context_size_medium\":0.01},"
		"\"regional_processing_uplift_multiplier_eu\":1.1,"
		"\"provider_specific_entry\":{\"fast\":6.0,\"us\":1.2,"
		"\"other\":\"x\"}}}"));
	struct usage u = { .source = USAGE_PROVIDER,
		.prompt_tokens = 5,
		.completion_tokens = 5,
		.searches = 1,
		.fast = true };
	struct price p = resolve_with(NULL, 0, "plain", &t, 1), again;
	struct buf json;
	struct err err;

	(void)state;
	assert_int_equal(price_cost_nanos(&p, &u), 10060000);
	u.geo = GEO_EU;
	assert_int_equal(price_cost_nanos(&p, &u), 10066000);
	u.geo = GEO_US;
	u.fast = false;
	assert_int_equal(price_cost_nanos(&p, &u), 10012000);
	buf_init(&json, 4096);
	price_to_json(&p, &json);
	assert_int_equal(price_from_json(buf_str(&json), &again, &err), 0);
	assert_string_equal(again.version, p.version);
	assert_int_equal(price_cost_nanos(&again, &u), 10012000);
	buf_fini(&json);
	price_table_free(&t);
}

/* The largest count that fits, whatever multiplies it. */
static void
test_affordable_with_factors(void **state)
{
	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct price_bound b = {
			.prompt_tokens = random_below(3000),
			.searches = random_below(3),
			.fast = random_below(2) == 0,
			.geo = (enum usage_geo)random_below(3),
		};
		int64_t room = random_below(200000000), tokens;
		struct price p;

		random_price(&p);
		tokens = price_bound_tokens(&p, &b, room);
		if (tokens == INT64_MAX)
			continue;
		b.output_tokens = tokens < 0 ? 0 : tokens + 1;
		assert_true(price_bound_nanos(&p, &b) > room);
		b.output_tokens = tokens;
		if (tokens >= 0)
			assert_true(price_bound_nanos(&p, &b) <= room);
	}
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
			.image_output = random_below(2) == 0,
			.images = random_below(2) * random_below(10),
			.image_factor = random_below(4),
			.search_units = random_below(9),
			.seconds = random_below(2) * random_below(100),
			.characters = random_below(2) * random_below(5000),
			.searches = random_below(2) * random_below(20),
			.search_size = (enum search_size)random_below(3),
			.fast = random_below(2) == 0,
			.geo = (enum usage_geo)random_below(3),
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
		cmocka_unit_test(test_things_that_are_no_tokens),
		cmocka_unit_test(test_factors),
		cmocka_unit_test(test_affordable_with_factors),
		cmocka_unit_test(test_no_usage_costs_more_than_its_bound),
		cmocka_unit_test(
		    test_affordable_is_the_largest_count_that_fits),
		cmocka_unit_test(test_bounds_look_at_every_tier_in_reach),
		cmocka_unit_test(test_unknown_prices_pay_for_nothing),
	};

	return cmocka_run_group_tests_name("pricing", tests, NULL, NULL);
}
