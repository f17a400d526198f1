/*
 * Caps that come in the middle of their windows: what was spent before counts,
 * once, whatever the order in which caps come and go.
 */
#include "ledger_fixture.h"

#include "domain/ledger/ledger_row.h"

#define USD  NANOS_PER_USD
#define HOUR (3600 * NSECS_PER_SEC)

/* Spent by key `key` at `now`, under these caps; settled at once. -1: refused.
 */
static int
spend(struct live *l, const char *key, const struct cap *caps, size_t n,
    int64_t cost, int64_t now)
{
	static uint64_t number;
	struct hold_request r = request(caps, n, cost, cost);
	struct hold h = hold_of(l, ++number);
	struct charge c = charge_of(cost);
	struct settlement s = {
		.owner = l->owner.id,
		.number = number,
		.cost_nanos = cost,
		.now_nsecs = now,
		.charge_count = 1,
		.charges = &c,
		.record = str_of("{\"run_id\":\"r1\"}"),
		.outbox_owner = &l->owner,
	};
	struct store_txn *t = live_write(l);
	struct hold_answer answer;
	struct err err;

	c.names.key = str_of(key);
	r.now_nsecs = now;
	if (ledger_hold(t, &r, &h, &answer, &err) != 0)
		fail_msg("%s", err.text);
	if (answer.verdict == HOLD_GRANTED && ledger_settle(t, &s, &err) != 0)
		fail_msg("%s", err.text);
	live_commit(t);
	return answer.verdict == HOLD_GRANTED ? 0 : -1;
}

static struct spend_row
counted(struct live *l, const struct cap *c, int64_t now)
{
	struct store_txn *t = live_read(l);
	struct spend_row row;
	struct err err;

	if (ledger_cap_spend(t, c, now, &row, &err) != 0)
		fail_msg("%s", err.text);
	store_abort(&t);
	return row;
}

static void
assert_counted(struct live *l, const struct cap *c, int64_t nanos)
{
	struct spend_row row = counted(l, c, NOW);

	assert_int_equal(ledger_counted_nanos(&row), nanos);
}

static struct cap
cap_since(int64_t nanos, const char *duration, int64_t since)
{
	struct cap c = cap_per(SCOPE_KEY, "k", nanos, duration);

	c.since = (uint32_t)(since / NSECS_PER_SEC);
	return c;
}

/* 100 a month for a key that has spent 90 leaves 10. */
static void
test_what_was_spent_this_month_counts(void **state)
{
	struct live *l = *state;
	struct cap c = cap_since(100 * USD, "1mo", NOW);

	assert_int_equal(spend(l, "k", NULL, 0, 30 * USD, NOW - 20 * DAY), 0);
	assert_int_equal(spend(l, "k", NULL, 0, 60 * USD, NOW - 60), 0);
	assert_int_equal(spend(l, "other", NULL, 0, 5 * USD, NOW - 60), 0);
	/* The month before is over. */
	assert_int_equal(spend(l, "k", NULL, 0, 7 * USD, NOW - 23 * DAY), 0);
	assert_counted(l, &c, 90 * USD);
	assert_int_equal(spend(l, "k", &c, 1, 10 * USD + 1, NOW), -1);
	assert_counted(l, &c, 90 * USD);
	assert_int_equal(spend(l, "k", &c, 1, 4 * USD, NOW), 0);
	assert_int_equal(spend(l, "k", &c, 1, 6 * USD, NOW + HOUR), 0);
	assert_int_equal(spend(l, "k", &c, 1, 1, NOW + HOUR), -1);
	/* The ledger's own figure is what was settled under it. */
	assert_int_equal(spend_at(l, &c, NOW).spent_nanos, 10 * USD);
	/* The next month has all of it. */
	assert_int_equal(spend(l, "k", &c, 1, 100 * USD, NOW + 10 * DAY), 0);
	assert_int_equal(spend(l, "k", &c, 1, 1, NOW + 10 * DAY), -1);
}

/* It has counted its window from the start; a request that was asked for in
   the window before is booked there, though it was settled in this one. */
static void
test_an_older_cap_does_not_look(void **state)
{
	struct live *l = *state;
	struct cap c = cap_since(100 * USD, "1d", NOW - 5 * DAY);
	int64_t midnight = NOW / DAY * DAY;
	struct hold_request r = request(&c, 1, 3 * USD, 3 * USD);
	struct charge charge = charge_of(3 * USD);
	struct settlement s = {
		.owner = l->owner.id,
		.number = 1000001,
		.cost_nanos = 3 * USD,
		.now_nsecs = midnight + 1,
		.charge_count = 1,
		.charges = &charge,
		.record = str_of("{\"run_id\":\"r1\"}"),
		.outbox_owner = &l->owner,
	};
	struct store_txn *t;

	r.now_nsecs = midnight - 1;
	assert_int_equal(take(l, 1000001, &r).verdict, HOLD_GRANTED);
	t = live_write(l);
	assert_int_equal(ledger_settle(t, &s, NULL), 0);
	live_commit(t);
	assert_int_equal(spend(l, "k", &c, 1, 100 * USD, NOW), 0);
	assert_int_equal(counted(l, &c, NOW).before_nanos, 0);
	assert_int_equal(spend_at(l, &c, midnight - 1).spent_nanos, 3 * USD);
}

static void
test_taken_away_and_set_again(void **state)
{
	struct live *l = *state;
	struct cap c = cap_since(10 * USD, "1d", NOW);

	assert_int_equal(spend(l, "k", &c, 1, 2 * USD, NOW), 0);
	assert_int_equal(spend(l, "k", NULL, 0, 5 * USD, NOW + 60), 0);
	c = cap_since(10 * USD, "1d", NOW + 100 * NSECS_PER_SEC);
	assert_int_equal(spend(l, "k", &c, 1, 4 * USD, NOW + HOUR), -1);
	assert_int_equal(spend(l, "k", &c, 1, 3 * USD, NOW + HOUR), 0);
	/* Another window of the same day's spend. */
	c = cap_since(10 * USD, "7d", NOW + 200 * NSECS_PER_SEC);
	assert_int_equal(spend(l, "k", &c, 1, 1, NOW + HOUR), -1);
}

/* What a transaction found out goes with it; the next one finds the same. */
static void
test_a_transaction_that_is_lost_changes_nothing(void **state)
{
	struct live *l = *state;
	struct cap c = cap_since(10 * USD, "1d", NOW);
	struct hold_request r = request(&c, 1, 4 * USD, 4 * USD);
	struct hold h = hold_of(l, 2000001);
	struct hold_answer answer;
	struct store_txn *t;

	assert_int_equal(spend(l, "k", NULL, 0, 5 * USD, NOW - 60), 0);
	t = live_write(l);
	assert_int_equal(ledger_hold(t, &r, &h, &answer, NULL), 0);
	assert_int_equal(answer.verdict, HOLD_GRANTED);
	assert_int_equal(answer.cap_spent_nanos, 5 * USD);
	store_abort(&t);
	assert_int_equal(spend_at(l, &c, NOW).before_since, 0);
	assert_int_equal(spend(l, "k", &c, 1, 4 * USD, NOW), 0);
	assert_counted(l, &c, 9 * USD);
}

/* A refusal notes it, so that the next one need not look again. */
static void
test_a_refusal_notes_it(void **state)
{
	struct live *l = *state;
	struct cap c = cap_since(10 * USD, "1d", NOW);

	assert_int_equal(spend(l, "k", NULL, 0, 50 * USD, NOW - 60), 0);
	assert_int_equal(spend(l, "k", &c, 1, 1, NOW), -1);
	assert_int_equal(spend_at(l, &c, NOW).before_nanos, 50 * USD);
	assert_int_equal(spend_at(l, &c, NOW).held_nanos, 0);
	assert_int_equal(spend_at(l, &c, NOW).spent_nanos, 0);
}

static void
test_what_the_rollups_do_not_know_is_not_guessed(void **state)
{
	static const enum scope_kind kinds[] = { SCOPE_END_USER, SCOPE_MEMBER,
		SCOPE_KEY_MODEL };
	struct live *l = *state;

	assert_int_equal(spend(l, "k", NULL, 0, 5 * USD, NOW - 60), 0);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct cap c = cap_since(10 * USD, "1d", NOW);

		c.kind = kinds[i];
		assert_counted(l, &c, 0);
	}
}

static void
test_a_row_of_an_older_version_is_read(void **state)
{
	struct spend_row row = { .spent_nanos = 3,
		.held_nanos = 4,
		.alerts = 1 },
			 back;
	unsigned char bytes[SPEND_ROW_BYTES];
	size_t n = spend_row_write(&row, bytes);

	(void)state;
	assert_int_equal(n, 18);
	assert_int_equal(spend_row_read(str_make((const char *)bytes, n),
			     &back),
	    0);
	assert_memory_equal(&row, &back, sizeof(row));
	row.before_nanos = 5;
	row.before_since = 6;
	n = spend_row_write(&row, bytes);
	assert_int_equal(n, SPEND_ROW_BYTES);
	assert_int_equal(spend_row_read(str_make((const char *)bytes, n),
			     &back),
	    0);
	assert_memory_equal(&row, &back, sizeof(row));
	assert_int_equal(spend_row_read(str_make((const char *)bytes, n - 1),
			     &back),
	    -1);
}

/* ---- any order ---------------------------------------------------------- */

#define STEPS   4000
#define KEYS    3
#define WINDOWS 4
#define ENOUGH  (1000000 * USD)

static const char *const durations[WINDOWS] = { "1d", "7d", "1mo", "2h" };
static const char *const names[KEYS] = { "k0", "k1", "k2" };

/* All that was ever spent. */
struct event {
	int64_t at, cost;
	int key;
};

static struct {
	uint64_t random;
	int64_t now;
	struct cap caps[KEYS][WINDOWS];
	bool is_set[KEYS][WINDOWS];
	size_t count;
	struct event events[STEPS];
} world;

static int64_t
below(int64_t n)
{
	world.random = world.random * UINT64_C(6364136223846793005) +
		       UINT64_C(1442695040888963407);
	return (int64_t)((world.random >> 33) % (uint64_t)n);
}

static int64_t
spent_in(int key, const struct cap *c)
{
	uint32_t start, end;
	int64_t sum = 0;

	window_at(&c->rule, world.now, &start, &end);
	for (size_t i = 0; i < world.count; i++) {
		const struct event *e = &world.events[i];

		if (e->key == key && e->at >= (int64_t)start * NSECS_PER_SEC)
			sum += e->cost;
	}
	return sum;
}

/* A cap is set, or taken away. */
static void
toggle(int key, int window)
{
	struct cap *c = &world.caps[key][window];

	world.is_set[key][window] = !world.is_set[key][window];
	*c = cap_per(SCOPE_KEY, names[key], ENOUGH, durations[window]);
	c->since = (uint32_t)(world.now / NSECS_PER_SEC);
}

static void
ask(struct live *l, int key)
{
	struct cap caps[WINDOWS];
	int64_t cost = below(5) * USD + below(1000);
	size_t n = 0;

	for (int w = 0; w < WINDOWS; w++) {
		if (world.is_set[key][w])
			caps[n++] = world.caps[key][w];
	}
	assert_int_equal(spend(l, names[key], caps, n, cost, world.now), 0);
	world.events[world.count++] = (struct event){ world.now, cost, key };
}

static void
compact(struct live *l)
{
	struct store_txn *t = live_write(l);

	assert_true(rollup_compact(t, world.now - 3 * DAY, 400, 1000) >= 0);
	live_commit(t);
}

static void
check(struct live *l, int step)
{
	for (int k = 0; k < KEYS; k++) {
		for (int w = 0; w < WINDOWS; w++) {
			const struct cap *c = &world.caps[k][w];
			struct spend_row row;

			if (!world.is_set[k][w])
				continue;
			row = counted(l, c, world.now);
			if (ledger_counted_nanos(&row) != spent_in(k, c))
				fail_msg("step %d: %s a %s: %lld, not %lld",
				    step, names[k], durations[w],
				    (long long)ledger_counted_nanos(&row),
				    (long long)spent_in(k, c));
		}
	}
}

/* At every moment every cap that is set counts exactly what its key spent
   since its window began. */
static void
test_a_cap_counts_its_window_whenever_it_was_set(void **state)
{
	const char *seed = getenv("TALLYGATE_TEST_SEED");
	struct live *l = *state;

	memset(&world, 0, sizeof(world));
	world.random = seed != NULL ? strtoull(seed, NULL, 10)
				    : (uint64_t)clock_mono_nsecs();
	print_message("seed %llu\n", (unsigned long long)world.random);
	world.now = NOW;
	for (int step = 0; step < STEPS; step++) {
		int key = (int)below(KEYS);

		world.now += NSECS_PER_SEC * (1 + below(1200));
		switch (below(8)) {
		case 0:
			toggle(key, (int)below(WINDOWS));
			break;
		case 1:
			world.now += below(12) * HOUR;
			compact(l);
			break;
		default:
			ask(l, key);
		}
		check(l, step);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE_TEST(test_what_was_spent_this_month_counts),
		LIVE_TEST(test_an_older_cap_does_not_look),
		LIVE_TEST(test_taken_away_and_set_again),
		LIVE_TEST(test_a_transaction_that_is_lost_changes_nothing),
		LIVE_TEST(test_a_refusal_notes_it),
		LIVE_TEST(test_what_the_rollups_do_not_know_is_not_guessed),
		cmocka_unit_test(test_a_row_of_an_older_version_is_read),
		LIVE_TEST(test_a_cap_counts_its_window_whenever_it_was_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
