/*
 * The strategies: who comes first how often (chi-square over a seeded
 * generator, so that a failure can be repeated), and who comes next.
 */
#include "router_unit.h"

#include "base/clock.h"

#include <math.h>

#define DRAWS    20000
#define MSECS(n) ((int64_t)(n)*NSECS_PER_MSEC)

static void
use(enum config_strategy strategy)
{
	f.config.router.strategy = strategy;
	fix_build(&f);
}

/* How often each deployment stood at this place of the plan. */
static void
count_places(size_t place, uint64_t counts[FIX_MAX])
{
	memset(counts, 0, FIX_MAX * sizeof(*counts));
	for (int i = 0; i < DRAWS; i++) {
		assert_int_equal(fix_route(&f, "m"), 0);
		assert_true(f.plan.count > place);
		counts[f.plan.candidates[place].deployment->index]++;
	}
}

/*
 * Chi-square of the counts against the expected shares. The bounds are the
 * values that a right generator passes once in 10,000 times; with the fixed
 * seed the outcome is always the same.
 */
static void
assert_shares(const uint64_t *counts, const double *shares, size_t n)
{
	static const double bounds[] = { 0, 15.14, 18.42, 21.11, 23.51, 25.74,
		27.86 };
	double chi = 0;
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		double want = shares[i] * DRAWS;

		if (want <= 0) {
			assert_int_equal(counts[i], 0);
			continue;
		}
		chi += ((double)counts[i] - want) * ((double)counts[i] - want) /
		       want;
		used++;
	}
	assert_true(used >= 2 && used - 1 < ARRAY_LEN(bounds));
	if (chi > bounds[used - 1])
		fail_msg("chi-square %.2f of %zu shares", chi, used);
}

static void
add(size_t n)
{
	static const char *const ids[] = { "a", "b", "c", "d", "e" };

	for (size_t i = 0; i < n; i++)
		fix_add(&f, "m", ids[i], "openai/x");
}

static void
test_the_yardstick_can_fail(void **state)
{
	/* 52 % against 50 % of 20,000 draws is far out. */
	const double counts[] = { 10400, 9600 }, shares[] = { 0.5, 0.5 };
	double chi = 0;

	(void)state;
	for (size_t i = 0; i < 2; i++)
		chi +=
		    pow(counts[i] - shares[i] * DRAWS, 2) / (shares[i] * DRAWS);
	assert_true(chi > 15.14);
}

static void
test_shuffle_without_weights_is_uniform(void **state)
{
	const double shares[] = { 0.2, 0.2, 0.2, 0.2, 0.2 };
	uint64_t counts[FIX_MAX];

	(void)state;
	add(5);
	use(STRATEGY_SIMPLE_SHUFFLE);
	for (size_t place = 0; place < 5; place++) {
		count_places(place, counts);
		assert_shares(counts, shares, 5);
	}
	assert_string_equal(f.plan.candidates[0].reason, "1 of 5 at random");
}

static void
test_shuffle_by_weight(void **state)
{
	/* Second place: Σ over firsts of w1/S · w2/(S-w1), S = 5. */
	const double first[] = { 0.6, 0.3, 0.1 };
	const double second[] = {
		0.3 * 0.6 / 0.7 + 0.1 * 0.6 / 0.9,
		0.6 * 0.3 / 0.4 + 0.1 * 0.3 / 0.9,
		0.6 * 0.1 / 0.4 + 0.3 * 0.1 / 0.7,
	};
	uint64_t counts[FIX_MAX];

	(void)state;
	add(3);
	f.deployments[0].weight_micros = 3000000;
	f.deployments[1].weight_micros = 1500000;
	f.deployments[2].weight_micros = 500000;
	use(STRATEGY_SIMPLE_SHUFFLE);
	count_places(0, counts);
	assert_shares(counts, first, 3);
	count_places(1, counts);
	assert_shares(counts, second, 3);
	assert_string_equal(fix_reason(&f.plan, "a"), "weight 3 of 5");
	assert_string_equal(fix_reason(&f.plan, "c"), "weight 0.5 of 5");
}

static void
test_shuffle_takes_the_first_kind_the_first_one_has(void **state)
{
	const double by_rpm[] = { 0.1, 0.9 }, by_tpm[] = { 0.75, 0.25 };
	const double uniform[] = { 0.5, 0.5 };
	uint64_t counts[FIX_MAX];

	(void)state;
	add(2);
	f.deployments[0].rpm = 10;
	f.deployments[0].tpm = 3000;
	f.deployments[1].rpm = 90;
	f.deployments[1].tpm = 1000;
	f.deployments[1].weight_micros = 1000000; /* not the first one's */
	use(STRATEGY_SIMPLE_SHUFFLE);
	count_places(0, counts);
	assert_shares(counts, by_rpm, 2);
	assert_string_equal(fix_reason(&f.plan, "a"), "rpm 10 of 100");
	f.deployments[0].rpm = CONFIG_UNSET;
	fix_build(&f);
	count_places(0, counts);
	assert_shares(counts, by_tpm, 2);
	f.deployments[0].tpm = CONFIG_UNSET;
	fix_build(&f);
	count_places(0, counts);
	assert_shares(counts, uniform, 2);
	/* The first healthy one, as LiteLLM: with "a" out, "b" has weights. */
	fix_open(&f, 0, MSECS(1000));
	assert_int_equal(fix_route(&f, "m"), 0);
	assert_int_equal(f.plan.count, 1);
}

static void
test_shuffle_weight_nought_is_the_last_resort(void **state)
{
	const double shares[] = { 0.5, 0, 0.5, 0 }, last[] = { 0, 0.5, 0, 0.5 };
	uint64_t counts[FIX_MAX];

	(void)state;
	add(4);
	f.deployments[0].weight_micros = 1000000;
	f.deployments[1].weight_micros = 0;
	f.deployments[2].weight_micros = 1000000;
	/* the fourth has none at all: as nought */
	use(STRATEGY_SIMPLE_SHUFFLE);
	count_places(0, counts);
	assert_shares(counts, shares, 4);
	count_places(3, counts);
	assert_shares(counts, last, 4);
	/* Nothing but noughts: all the same. */
	f.deployments[0].weight_micros = f.deployments[2].weight_micros = 0;
	fix_build(&f);
	count_places(0, counts);
	assert_shares(counts, (const double[]){ 0.25, 0.25, 0.25, 0.25 }, 4);
}

static void
test_shuffle_small_weights_still_beat_nought(void **state)
{
	(void)state;
	add(2);
	f.deployments[0].rpm = 1;
	f.deployments[1].rpm = 0;
	use(STRATEGY_SIMPLE_SHUFFLE);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(fix_route(&f, "m"), 0);
		assert_string_equal(fix_order(&f, &f.plan), "a b");
	}
}

static void
test_weights_are_compared_within_one_order(void **state)
{
	const double first[] = { 0, 0.25, 0, 0.75 };
	const double third[] = { 0.5, 0, 0.5, 0 };
	uint64_t counts[FIX_MAX];

	(void)state;
	add(4);
	for (int i = 0; i < 4; i++) {
		f.deployments[i].order = i % 2 == 0 ? 2 : 1;
		f.deployments[i].weight_micros = i == 3 ? 3000000 : 1000000;
	}
	use(STRATEGY_SIMPLE_SHUFFLE);
	count_places(0, counts);
	assert_shares(counts, first, 4);
	count_places(2, counts);
	assert_shares(counts, third, 4);
	assert_string_equal(fix_reason(&f.plan, "a"), "weight 1 of 2");
	assert_string_equal(fix_reason(&f.plan, "d"), "weight 3 of 4");
}

static void
test_a_failed_ones_share_goes_to_the_others_by_weight(void **state)
{
	const double shares[] = { 0, 0.75, 0.25 };
	uint64_t counts[FIX_MAX];

	(void)state;
	add(3);
	f.deployments[0].weight_micros = 6000000;
	f.deployments[1].weight_micros = 3000000;
	f.deployments[2].weight_micros = 1000000;
	use(STRATEGY_SIMPLE_SHUFFLE);
	fix_open(&f, 0, MSECS(5000));
	count_places(0, counts);
	assert_shares(counts, shares, 3);
}

static void
test_one_that_came_back_gets_its_share_slowly(void **state)
{
	/* Closed half of its 5 s ramp ago: 55 %, of its half of the traffic. */
	const double shares[] = { 0.275, 0.725 };
	uint64_t counts[FIX_MAX];

	(void)state;
	add(2);
	use(STRATEGY_SIMPLE_SHUFFLE);
	health_row_init(&f.health[0]);
	f.health[0].closed_nsecs = FIX_NOW - MSECS(2500);
	f.has_health[0] = true;
	count_places(0, counts);
	assert_shares(counts, shares, 2);
	/* Always there for a failover. */
	assert_int_equal(f.plan.count, 2);
	f.state.now_nsecs += MSECS(2500);
	count_places(0, counts);
	assert_shares(counts, (const double[]){ 0.5, 0.5 }, 2);
}

static void
test_least_busy(void **state)
{
	const double shares[] = { 0, 0.5, 0.5, 0 };
	uint64_t counts[FIX_MAX];

	(void)state;
	add(4);
	use(STRATEGY_LEAST_BUSY);
	f.in_flight[0] = 5;
	f.in_flight[1] = f.in_flight[2] = 2;
	f.in_flight[3] = 3;
	count_places(0, counts);
	assert_shares(counts, shares, 4);
	assert_string_equal(f.plan.candidates[2].deployment->id, "d");
	assert_string_equal(f.plan.candidates[3].deployment->id, "a");
	assert_string_equal(fix_reason(&f.plan, "a"), "5 calls under way");
	f.in_flight[3] = 1;
	assert_int_equal(fix_route(&f, "m"), 0);
	assert_string_equal(f.plan.candidates[0].deployment->id, "d");
	assert_string_equal(f.plan.candidates[0].reason, "1 call under way");
}

static void
sample(int i, int64_t ttft_msecs, int64_t per_token_msecs, int64_t age_secs)
{
	health_row_init(&f.health[i]);
	f.health[i].ttft_micros = ttft_msecs * 1000;
	f.health[i].per_token_nanos = per_token_msecs * 1000000;
	f.health[i].last_success_nsecs = FIX_NOW - age_secs * NSECS_PER_SEC;
	f.has_health[i] = true;
}

static void
test_latency_lowest_first_by_kind_of_answer(void **state)
{
	(void)state;
	add(3);
	use(STRATEGY_LATENCY);
	sample(0, 300, 10, 1);
	sample(1, 100, 30, 1);
	sample(2, 200, 20, 1);
	assert_int_equal(fix_route(&f, "m"), 0);
	assert_string_equal(fix_order(&f, &f.plan), "a c b");
	assert_string_equal(fix_reason(&f.plan, "b"),
	    "30.000 ms per token, lowest 10.000");
	f.request.stream = true;
	assert_int_equal(fix_route(&f, "m"), 0);
	assert_string_equal(fix_order(&f, &f.plan), "b c a");
	assert_string_equal(fix_reason(&f.plan, "a"),
	    "300.000 ms to the first token, lowest 100.000");
}

static void
test_latency_within_the_buffer_is_uniform(void **state)
{
	const double shares[] = { 0.5, 0.5, 0 };
	uint64_t counts[FIX_MAX];

	(void)state;
	add(3);
	f.config.router.strategy_args_json = "{\"lowest_latency_buffer\":0.1}";
	use(STRATEGY_LATENCY);
	sample(0, 0, 100, 1);
	sample(1, 0, 110, 1);
	sample(2, 0, 111, 1);
	count_places(0, counts);
	assert_shares(counts, shares, 3);
	assert_string_equal(f.plan.candidates[2].deployment->id, "c");
}

static void
test_latency_unknown_and_stale_ones_first(void **state)
{
	const double shares[] = { 0, 0.5, 0.5 };
	uint64_t counts[FIX_MAX];

	(void)state;
	add(3);
	f.config.router.strategy_args_json = "{\"ttl\":60}";
	use(STRATEGY_LATENCY);
	sample(0, 1, 1, 60);
	sample(1, 1, 1, 61);
	count_places(0, counts);
	assert_shares(counts, shares, 3);
	assert_string_equal(fix_reason(&f.plan, "b"), "no latency known yet");
	/* A stream's first token is not known from whole answers. */
	sample(1, 0, 1, 1);
	sample(2, 1, 1, 1);
	f.request.stream = true;
	assert_int_equal(fix_route(&f, "m"), 0);
	assert_string_equal(f.plan.candidates[0].deployment->id, "b");
}

static void
test_usage_lowest_tokens_of_this_minute(void **state)
{
	(void)state;
	add(4);
	f.deployments[3].tpm = 50;
	use(STRATEGY_USAGE);
	f.tokens[0] = 300;
	f.tokens[1] = 100;
	f.tokens[2] = 200;
	f.tokens[3] = 50; /* at its limit */
	assert_int_equal(fix_route(&f, "m"), 0);
	assert_string_equal(fix_order(&f, &f.plan), "b c a");
	assert_string_equal(fix_reason(&f.plan, "b"),
	    "100 tokens in this minute");
	assert_string_equal(fix_reason(&f.plan, "d"),
	    "50 of 50 tokens used in this minute");
}

static void
test_cost_of_this_request(void **state)
{
	(void)state;
	/* a: dear in, cheap out; b: the reverse; c: free; d: unknown. */
	fix_add(&f, "m", "a", "openai/a");
	fix_add(&f, "m", "b", "openai/b");
	fix_add(&f, "m", "c", "openai/c");
	fix_add(&f, "m", "d", "openai/d");
	fix_prices(&f,
	    "{\"a\":{\"litellm_provider\":\"openai\",\"mode\":\"chat\","
	    "\"input_cost_per_token\":1e-05,\"output_cost_per_token\":1e-06},"
	    "\"b\":{\"litellm_provider\":\"openai\",\"mode\":\"chat\","
	    "\"input_cost_per_token\":1e-06,\"output_cost_per_token\":1e-05},"
	    "\"c\":{\"litellm_provider\":\"openai\",\"mode\":\"chat\","
	    "\"input_cost_per_token\":0,\"output_cost_per_token\":0}}");
	use(STRATEGY_COST);
	f.request.prompt_bound = 1000;
	f.request.max_output = 100;
	assert_int_equal(fix_route(&f, "m"), 0);
	assert_string_equal(fix_order(&f, &f.plan), "c b a d");
	assert_string_equal(fix_reason(&f.plan, "b"),
	    "0.002 USD for this request");
	assert_string_equal(fix_reason(&f.plan, "a"),
	    "0.0101 USD for this request");
	assert_string_equal(fix_reason(&f.plan, "d"), "its price is not known");
	/* The other way round for a short prompt and a long answer. */
	f.request.prompt_bound = 100;
	f.request.max_output = 1000;
	assert_int_equal(fix_route(&f, "m"), 0);
	assert_string_equal(fix_order(&f, &f.plan), "c a b d");
	/* Not said how long: compared at the same length. */
	f.request.max_output = CONFIG_UNSET;
	assert_int_equal(fix_route(&f, "m"), 0);
	assert_string_equal(fix_order(&f, &f.plan), "c a b d");
	/* The guess is nearer to the truth than the bound. */
	f.request.prompt_bound = 4000;
	f.request.prompt_guess = 1000;
	f.request.max_output = 100;
	assert_int_equal(fix_route(&f, "m"), 0);
	assert_string_equal(fix_reason(&f.plan, "b"),
	    "0.002 USD for this request");
}

static void
test_probes_and_held_back_ones_say_so(void **state)
{
	(void)state;
	add(3);
	use(STRATEGY_LEAST_BUSY);
	f.in_flight[0] = 9;
	fix_open(&f, 0, 0);
	health_row_init(&f.health[1]);
	f.health[1].closed_nsecs = FIX_NOW;
	f.has_health[1] = true;
	f.in_flight[2] = 7;
	f.fixed_random = 0.99;
	assert_int_equal(fix_route(&f, "m"), 0);
	assert_string_equal(fix_order(&f, &f.plan), "a c b");
	assert_string_equal(fix_reason(&f.plan, "a"),
	    "probe for its breaker, 9 calls under way");
	assert_string_equal(fix_reason(&f.plan, "b"),
	    "0 calls under way, held back: 10 % of its share");
}

#define T(name) cmocka_unit_test_setup_teardown(name, fix_set_up, fix_tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_the_yardstick_can_fail),
		T(test_shuffle_without_weights_is_uniform),
		T(test_shuffle_by_weight),
		T(test_shuffle_takes_the_first_kind_the_first_one_has),
		T(test_shuffle_weight_nought_is_the_last_resort),
		T(test_shuffle_small_weights_still_beat_nought),
		T(test_weights_are_compared_within_one_order),
		T(test_a_failed_ones_share_goes_to_the_others_by_weight),
		T(test_one_that_came_back_gets_its_share_slowly),
		T(test_least_busy),
		T(test_latency_lowest_first_by_kind_of_answer),
		T(test_latency_within_the_buffer_is_uniform),
		T(test_latency_unknown_and_stale_ones_first),
		T(test_usage_lowest_tokens_of_this_minute),
		T(test_cost_of_this_request),
		T(test_probes_and_held_back_ones_say_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
