/* The router's view of a real store: health, what is counted, and what this
   process has decided on a moment ago. */
#include "live_store.h"
#include "router_unit.h"

#include "domain/routing/route_live.h"

static int
setup(void **state)
{
	fix_init(&f);
	f.config.router.strategy = STRATEGY_LEAST_BUSY;
	fix_add(&f, "m", "a", "openai/x");
	fix_add(&f, "m", "b", "openai/x");
	fix_build(&f);
	return live_setup(state);
}

static int
teardown(void **state)
{
	fix_fini(&f);
	return live_teardown(state);
}

/* Who is first, as the store and `asking` have it. */
static const char *
first(struct live *l, const uint32_t *asking)
{
	struct route_live live;
	int rc;

	route_live_open(&live, l->store, FIX_NOW);
	live.asking = asking;
	f.request.model = str_of("m");
	rc = route(f.catalog, &f.request, &live.state, &f.arena, &f.plan,
	    &f.err);
	route_live_close(&live);
	assert_int_equal(rc, 0);
	return f.plan.count == 0 ? "" : f.plan.candidates[0].deployment->id;
}

static void
call_at(struct live *l, size_t index)
{
	struct limit_demand d =
	    deployment_demand(&f.catalog->deployments[index]);
	struct limit_take take = {
		.count = 1,
		.demands = &d,
		.owner = l->owner.id,
		.now_nsecs = FIX_NOW,
	};
	struct store_txn *t = live_write(l);

	assert_int_equal(limiter_take(t, &take), 1);
	live_commit(t);
}

static void
test_calls_of_the_store_and_of_this_turn(void **state)
{
	struct live *l = *state;
	uint32_t asking[2] = { 0, 0 };

	call_at(l, 0);
	for (int i = 0; i < 20; i++)
		assert_string_equal(first(l, NULL), "b");
	/* Two of this turn are on their way to b. */
	asking[1] = 2;
	for (int i = 0; i < 20; i++)
		assert_string_equal(first(l, asking), "a");
	assert_string_equal(fix_reason(&f.plan, "b"), "2 calls under way");
}

static void
test_health_of_the_store(void **state)
{
	struct live *l = *state;
	struct store_txn *t;
	struct health_row row;

	call_at(l, 0);
	t = live_write(l);
	health_row_init(&row);
	breaker_trip(&row, FIX_NOW, 0);
	assert_int_equal(health_put(t, "b", &row), 0);
	live_commit(t);
	assert_string_equal(first(l, NULL), "a");
	assert_int_equal(f.plan.refused_count, 1);
}

static void
test_without_a_store_nothing_is_known(void **state)
{
	struct live none = { .store = NULL };

	(void)state;
	first(&none, NULL);
	assert_int_equal(f.plan.count, 2);
	assert_string_equal(fix_reason(&f.plan, "a"), "0 calls under way");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_calls_of_the_store_and_of_this_turn),
		T(test_health_of_the_store),
		T(test_without_a_store_nothing_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
