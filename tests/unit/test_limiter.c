/*
 * The limiter: its rules one by one, and 100,000 random steps against a model
 * that keeps every take in a list. TALLYGATE_TEST_SEED=N repeats a run.
 */
#include "live_store.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/num.h"
#include "domain/routing/limit_row.h"

#define START (INT64_C(1774738800) * NSECS_PER_SEC)
#define MSEC  NSECS_PER_MSEC
#define SEC   NSECS_PER_SEC

static struct limit_demand
demand(enum scope_kind kind, const char *id)
{
	return (struct limit_demand){
		.scope = { .kind = kind, .id = str_of(id) },
		.requests = -1,
		.tokens = -1,
		.parallel = -1,
	};
}

static struct limit_take
take_of(struct live *l, struct limit_demand *demands, size_t n, int64_t now)
{
	return (struct limit_take){
		.count = n,
		.demands = demands,
		.owner = l->owner.id,
		.now_nsecs = now,
		.tokens_worst = 100,
		.tokens_least = 100,
		.tokens_guess = 100,
	};
}

/* One take in a transaction of its own. */
static int
take(struct live *l, struct limit_take *k)
{
	struct store_txn *t = live_write(l);
	int rc = limiter_take(t, k);

	assert_true(rc >= 0);
	live_commit(t);
	return rc;
}

static int
take_one(struct live *l, struct limit_demand *d, int64_t now)
{
	struct limit_take k = take_of(l, d, 1, now);

	return take(l, &k);
}

static void
settle(struct live *l, const struct limit_take *k, int64_t tokens)
{
	struct store_txn *t = live_write(l);

	assert_int_equal(limiter_settle(t, k, tokens), 0);
	live_commit(t);
}

static struct limit_use
use_of(struct live *l, const struct limit_demand *d, int64_t now)
{
	struct store_txn *t = live_read(l);
	struct limit_use use;

	assert_true(limiter_read(t, &d->scope, now, &use) >= 0);
	store_abort(&t);
	return use;
}

/* ---- requests ----------------------------------------------------------- */

static void
requests_of_any_sixty_seconds(void **state)
{
	struct live *l = *state;
	struct limit_demand d = demand(SCOPE_KEY, "k");
	struct limit_take k = take_of(l, &d, 1, START + 2 * SEC);

	d.requests = 2;
	assert_int_equal(take_one(l, &d, START), 1);
	assert_int_equal(take_one(l, &d, START + SEC), 1);
	assert_int_equal(d.use.requests, 2);
	assert_int_equal(take(l, &k), 0);
	assert_int_equal(k.refusal.kind, LIMIT_REQUESTS);
	assert_int_equal(k.refusal.limit, 2);
	assert_int_equal(k.refusal.used, 2);
	assert_int_equal(k.refusal.wait_nsecs, 58 * SEC);
	/* A minute by the clock begins in between: no new allowance. */
	assert_int_equal(take_one(l, &d, START + 60 * SEC - 1), 0);
	assert_int_equal(take_one(l, &d, START + 60 * SEC), 1);
	assert_int_equal(take_one(l, &d, START + 60 * SEC), 0);
	assert_int_equal(take_one(l, &d, START + 61 * SEC), 1);
}

static void
a_second_leaves_together(void **state)
{
	struct live *l = *state;
	struct limit_demand d = demand(SCOPE_KEY, "k");

	d.requests = 2;
	assert_int_equal(take_one(l, &d, START), 1);
	assert_int_equal(take_one(l, &d, START + 900 * MSEC), 1);
	assert_int_equal(take_one(l, &d, START + 60 * SEC + 899 * MSEC), 0);
	assert_int_equal(take_one(l, &d, START + 60 * SEC + 900 * MSEC), 1);
	assert_int_equal(d.use.requests, 1);
}

static void
an_even_pace_is_never_refused(void **state)
{
	struct live *l = *state;
	struct limit_demand d = demand(SCOPE_KEY, "k");

	d.requests = 60;
	for (int i = 0; i < 300; i++)
		assert_int_equal(take_one(l, &d, START + 7 + i * SEC), 1);
}

static void
zero_is_a_limit(void **state)
{
	struct live *l = *state;
	struct limit_demand d = demand(SCOPE_KEY, "k");
	struct limit_take k = take_of(l, &d, 1, START);

	d.requests = 0;
	assert_int_equal(take(l, &k), 0);
	assert_true(k.refusal.never);
	d.requests = -1;
	d.parallel = 0;
	assert_int_equal(take(l, &k), 0);
	assert_true(k.refusal.never);
}

static void
nothing_limited_costs_nothing(void **state)
{
	struct live *l = *state;
	struct limit_demand d = demand(SCOPE_KEY, "k");

	assert_int_equal(take_one(l, &d, START), 1);
	assert_int_equal(live_rows(l, STORE_LIMITS), 0);
}

static void
a_clock_set_back(void **state)
{
	struct live *l = *state;
	struct limit_demand d = demand(SCOPE_KEY, "k");

	d.requests = 200;
	for (int i = 0; i < 40; i++)
		assert_int_equal(take_one(l, &d, START + i * SEC), 1);
	/* What was taken ahead counts; no second is lost. */
	for (int i = 0; i < 20; i++)
		assert_int_equal(take_one(l, &d, START - (20 - i) * SEC), 1);
	assert_int_equal(use_of(l, &d, START).requests, 60);
	/* An hour back: of that nothing counts, or it would for an hour. */
	assert_int_equal(use_of(l, &d, START - 3600 * SEC).requests, 0);
}

/* ---- tokens ------------------------------------------------------------- */

static void
tokens_are_held_and_corrected(void **state)
{
	struct live *l = *state;
	struct limit_demand d = demand(SCOPE_TEAM, "t");
	struct limit_take k = take_of(l, &d, 1, START);
	struct limit_take other = take_of(l, &d, 1, START + 10 * SEC);

	d.tokens = 150;
	assert_int_equal(take(l, &k), 1);
	assert_int_equal(take(l, &other), 0);
	assert_int_equal(other.refusal.kind, LIMIT_TOKENS);
	assert_int_equal(other.refusal.wait_nsecs, 50 * SEC);
	settle(l, &k, 50);
	assert_int_equal(use_of(l, &d, START).tokens, 50);
	assert_int_equal(take(l, &other), 1);
	/* More than was held is counted too. */
	settle(l, &other, 120);
	assert_int_equal(use_of(l, &d, START + 11 * SEC).tokens, 170);
	/* In the second it was taken in, not in that of its settlement. */
	assert_int_equal(use_of(l, &d, START + 60 * SEC).tokens, 120);
	assert_int_equal(use_of(l, &d, START + 70 * SEC).tokens, 0);
}

static void
a_late_settlement_finds_nothing(void **state)
{
	struct live *l = *state;
	struct limit_demand d = demand(SCOPE_TEAM, "t");
	struct limit_take k = take_of(l, &d, 1, START);

	d.tokens = 150;
	assert_int_equal(take(l, &k), 1);
	assert_int_equal(take_one(l, &d, START + 100 * SEC), 1);
	k.now_nsecs = START + 101 * SEC;
	settle(l, &k, 5);
	assert_int_equal(use_of(l, &d, START + 101 * SEC).tokens, 100);
}

static void
less_room_lowers_before_it_refuses(void **state)
{
	struct live *l = *state;
	struct limit_demand d[2] = { demand(SCOPE_KEY, "k"),
		demand(SCOPE_TEAM, "t") };
	struct limit_take k = take_of(l, d, 2, START);

	d[0].tokens = 130;
	d[1].tokens = 170;
	assert_int_equal(take(l, &k), 1);
	k.tokens_least = 20;
	assert_int_equal(take(l, &k), 1);
	assert_int_equal(k.tokens, 30);
	assert_int_equal(d[0].use.tokens, 130);
	assert_int_equal(d[1].use.tokens, 130);
	assert_int_equal(take(l, &k), 0);
	assert_int_equal(k.refusal.demand, 0);
}

static void
a_bound_above_the_limit_goes_alone(void **state)
{
	struct live *l = *state;
	struct limit_demand d = demand(SCOPE_KEY, "k");
	struct limit_take k = take_of(l, &d, 1, START);

	d.tokens = 80;
	k.tokens_guess = 30;
	assert_int_equal(take(l, &k), 1);
	assert_int_equal(k.tokens, 80);
	assert_int_equal(take(l, &k), 0);
	assert_false(k.refusal.never);
	assert_int_equal(k.refusal.wait_nsecs, 60 * SEC);
	k.tokens_guess = 81;
	k.now_nsecs = START + 60 * SEC;
	assert_int_equal(take(l, &k), 0);
	assert_true(k.refusal.never);
}

/* ---- at a time ---------------------------------------------------------- */

static void
slots_are_given_back(void **state)
{
	struct live *l = *state;
	struct limit_demand d = demand(SCOPE_DEPLOYMENT, "d");
	struct limit_take k = take_of(l, &d, 1, START);

	d.parallel = 2;
	assert_int_equal(take(l, &k), 1);
	assert_int_equal(take(l, &k), 1);
	assert_int_equal(take(l, &k), 0);
	assert_int_equal(k.refusal.kind, LIMIT_PARALLEL);
	assert_int_equal(k.refusal.wait_nsecs, 0);
	settle(l, &k, 0);
	assert_int_equal(take(l, &k), 1);
	settle(l, &k, 0);
	settle(l, &k, 0);
	assert_int_equal(live_rows(l, STORE_LIMITS), 0);
}

static void
the_dead_give_back_theirs(void **state)
{
	struct live *l = *state;
	struct limit_demand d = demand(SCOPE_DEPLOYMENT, "d");
	struct limit_take k = take_of(l, &d, 1, START);
	struct limit_take dead = k;
	struct store_txn *t;

	dead.owner = 12345;
	d.parallel = 3;
	assert_int_equal(take(l, &k), 1);
	assert_int_equal(take(l, &dead), 1);
	assert_int_equal(take(l, &dead), 1);
	assert_int_equal(take(l, &k), 0);
	t = live_write(l);
	assert_int_equal(limiter_release(t, dead.owner, START), 2);
	assert_int_equal(limiter_release(t, dead.owner, START), 0);
	live_commit(t);
	assert_int_equal(use_of(l, &d, START).calls, 1);
}

static void
counted_without_a_limit(void **state)
{
	struct live *l = *state;
	struct limit_demand d = demand(SCOPE_DEPLOYMENT, "d");
	struct limit_take k = take_of(l, &d, 1, START);
	struct limit_use use;

	d.count_calls = d.count_minute = true;
	for (int i = 0; i < LIMIT_MAX_SLOTS + 5; i++) {
		k.owner = 1000 + (uint64_t)i;
		assert_int_equal(take(l, &k), 1);
	}
	use = use_of(l, &d, START);
	assert_int_equal(use.requests, LIMIT_MAX_SLOTS + 5);
	assert_int_equal(use.calls, LIMIT_MAX_SLOTS);
}

/* ---- all or nothing ----------------------------------------------------- */

static void
a_refusal_takes_nothing(void **state)
{
	struct live *l = *state;
	struct limit_demand d[3] = { demand(SCOPE_KEY, "k"),
		demand(SCOPE_KEY, "k"), demand(SCOPE_TEAM, "t") };
	struct limit_take k = take_of(l, d, 3, START);
	char text[256];

	d[0].requests = 5;
	d[1].scope.with = SCOPE_MODEL;
	d[1].scope.with_id = str_of("gpt-4o");
	d[1].requests = 1;
	d[2].parallel = 5;
	assert_int_equal(take(l, &k), 1);
	assert_int_equal(take(l, &k), 0);
	assert_int_equal(k.refusal.demand, 1);
	assert_int_equal(use_of(l, &d[0], START).requests, 1);
	assert_int_equal(use_of(l, &d[1], START).requests, 1);
	assert_int_equal(use_of(l, &d[2], START).calls, 1);
	limiter_describe(&k, text, sizeof(text));
	assert_string_equal(text,
	    "key k on model gpt-4o: 1 of 1 requests per minute, room in 60 s");
}

static void
undone_is_as_if_never_taken(void **state)
{
	struct live *l = *state;
	struct limit_demand d = demand(SCOPE_KEY, "k");
	struct limit_take k = take_of(l, &d, 1, START);
	struct store_txn *t;

	d.requests = d.parallel = 1;
	d.tokens = 1000;
	assert_int_equal(take(l, &k), 1);
	t = live_write(l);
	assert_int_equal(limiter_undo(t, &k), 0);
	live_commit(t);
	assert_int_equal(live_rows(l, STORE_LIMITS), 0);
	assert_int_equal(take(l, &k), 1);
}

static void
asking_takes_nothing(void **state)
{
	struct live *l = *state;
	struct limit_demand d = demand(SCOPE_KEY, "k");
	struct limit_take k = take_of(l, &d, 1, START);
	struct store_txn *t;

	d.requests = 1;
	t = live_read(l);
	assert_int_equal(limiter_ask(t, &k), 1);
	assert_int_equal(d.use.requests, 0);
	store_abort(&t);
	assert_int_equal(live_rows(l, STORE_LIMITS), 0);
	assert_int_equal(take(l, &k), 1);
	t = live_read(l);
	assert_int_equal(limiter_ask(t, &k), 0);
	assert_int_equal(k.refusal.wait_nsecs, 60 * SEC);
	store_abort(&t);
}

/* ---- rows --------------------------------------------------------------- */

static void
walks_and_sweeps(void **state)
{
	struct live *l = *state;
	struct limit_demand d[3] = { demand(SCOPE_KEY, "k"),
		demand(SCOPE_TEAM, "t"), demand(SCOPE_USER, "u") };
	struct limit_take k = take_of(l, d, 3, START);
	struct limit_scope scope;
	struct limit_use use;
	struct limit_walk w;
	struct store_txn *t;
	struct key from;
	int n = 0;

	d[0].requests = 9;
	d[1].parallel = 9;
	d[2].tokens = 900;
	assert_int_equal(take(l, &k), 1);
	t = live_write(l);
	assert_int_equal(limiter_walk(t, START, &w), 0);
	while (limiter_next(&w, &scope, &use) == 1)
		n++;
	limiter_end_walk(&w);
	assert_int_equal(n, 3);
	key_init(&from);
	assert_int_equal(limiter_sweep(t, START + SEC, &from, 10), 0);
	/* A minute later only the call under way is left; two rows a time. */
	assert_int_equal(limiter_sweep(t, START + 60 * SEC, &from, 2), 1);
	assert_int_equal(limiter_sweep(t, START + 60 * SEC, &from, 2), 1);
	assert_int_equal(limiter_walk(t, START + 60 * SEC, &w), 0);
	assert_int_equal(limiter_next(&w, &scope, &use), 1);
	assert_int_equal(scope.kind, SCOPE_TEAM);
	assert_str(scope.id, "t");
	assert_int_equal(use.calls, 1);
	assert_int_equal(limiter_next(&w, &scope, &use), 0);
	limiter_end_walk(&w);
	live_commit(t);
}

static void
a_damaged_row_counts_as_empty(void **state)
{
	struct live *l = *state;
	struct limit_demand d = demand(SCOPE_KEY, "k");
	struct store_txn *t = live_write(l);
	struct key k;

	limit_row_key(&d.scope, &k);
	assert_int_equal(store_put(t, STORE_LIMITS, key_str(&k),
			     str_of("\1junkjunkjunk")),
	    0);
	live_commit(t);
	d.requests = 1;
	assert_int_equal(take_one(l, &d, START), 1);
	assert_int_equal(take_one(l, &d, START), 0);
}

/* ---- the model ---------------------------------------------------------- */

#define STEPS      100000
#define MODEL_MAX  4096
#define MODEL_KEYS 3

struct model_take {
	struct limit_take take;
	struct limit_demand demand;
	int key;
	int64_t at, tokens;
	bool open, gone;
};

static struct {
	uint64_t random;
	struct model_take takes[MODEL_MAX];
	size_t count;
	struct limit_demand limits[MODEL_KEYS];
	uint64_t taken, refused;
} model;

static int64_t
below(int64_t n)
{
	uint64_t z = (model.random += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (int64_t)((z ^ (z >> 31)) % (uint64_t)n);
}

/* When the second of `at` leaves: 60 s after the last that was taken in it. */
static int64_t
leaves_at(int key, int64_t at)
{
	int64_t last = at;

	for (size_t i = 0; i < model.count; i++) {
		const struct model_take *m = &model.takes[i];

		if (m->key == key && m->at / SEC == at / SEC && m->at > last)
			last = m->at;
	}
	return last + 60 * SEC;
}

static struct limit_use
model_use(int key, int64_t now)
{
	struct limit_use use = { 0 };

	for (size_t i = 0; i < model.count; i++) {
		const struct model_take *m = &model.takes[i];

		if (m->key != key)
			continue;
		use.calls += m->open && model.limits[key].parallel >= 0;
		if (m->gone || leaves_at(key, m->at) <= now)
			continue;
		use.requests++;
		use.tokens += m->tokens;
	}
	return use;
}

/* The promise itself, by the clock: never more than the limit in 60 s. */
static void
check_promise(int key, int64_t now)
{
	const struct limit_demand *d = &model.limits[key];
	int64_t requests = 0;

	for (size_t i = 0; i < model.count; i++) {
		const struct model_take *m = &model.takes[i];

		requests += m->key == key && !m->gone && m->at > now - 60 * SEC;
	}
	assert_true(d->requests < 0 || requests <= d->requests);
}

static void
model_forget(int64_t now)
{
	size_t n = 0;

	for (size_t i = 0; i < model.count; i++) {
		struct model_take *m = &model.takes[i];

		if (m->open || m->at > now - 62 * SEC)
			model.takes[n++] = *m;
	}
	model.count = n;
}

static void
model_step_take(struct live *l, int64_t now)
{
	int key = (int)below(MODEL_KEYS);
	struct limit_demand d = model.limits[key];
	struct limit_use want = model_use(key, now);
	struct limit_take k = take_of(l, &d, 1, now);
	int64_t room = d.tokens < 0 ? INT64_MAX : d.tokens - want.tokens;
	bool fits;

	k.tokens_worst = 1 + below(100);
	k.tokens_least = k.tokens_guess = 1 + below(k.tokens_worst);
	fits = (d.requests < 0 || want.requests < d.requests) &&
	       (d.parallel < 0 || want.calls < d.parallel) &&
	       room >= k.tokens_least;
	assert_int_equal(take(l, &k), fits);
	if (!fits) {
		model.refused++;
		return;
	}
	model.taken++;
	assert_int_equal(k.tokens,
	    room < k.tokens_worst ? room : k.tokens_worst);
	assert_true(model.count < MODEL_MAX);
	model.takes[model.count++] = (struct model_take){
		.take = k,
		.demand = model.limits[key],
		.key = key,
		.at = now,
		.tokens = k.tokens,
		.open = true,
	};
	check_promise(key, now);
}

static void
model_step_end(struct live *l, int64_t now)
{
	struct store_txn *t;
	struct model_take *m;
	int64_t tokens;

	if (model.count == 0)
		return;
	m = &model.takes[below((int64_t)model.count)];
	if (!m->open)
		return;
	m->take.demands = &m->demand;
	m->take.now_nsecs = now;
	m->open = false;
	t = live_write(l);
	if (below(5) == 0) {
		assert_int_equal(limiter_undo(t, &m->take), 0);
		m->gone = true;
	} else {
		tokens = below(130);
		assert_int_equal(limiter_settle(t, &m->take, tokens), 0);
		m->tokens = tokens;
	}
	live_commit(t);
}

static void
against_a_model(void **state)
{
	struct live *l = *state;
	const char *seed = getenv("TALLYGATE_TEST_SEED");
	int64_t now = START;

	model.random = seed != NULL ? strtoull(seed, NULL, 10)
				    : (uint64_t)clock_wall_nsecs();
	print_message("seed %llu\n", (unsigned long long)model.random);
	model.limits[0] = demand(SCOPE_KEY, "a");
	model.limits[0].requests = 20;
	model.limits[1] = demand(SCOPE_KEY, "b");
	model.limits[1].tokens = 900;
	model.limits[1].parallel = 4;
	model.limits[2] = demand(SCOPE_TEAM, "a");
	model.limits[2].requests = 12;
	model.limits[2].tokens = 700;
	model.limits[2].parallel = 7;
	for (int i = 0; i < STEPS; i++) {
		now += below(3) == 0 ? below(4 * SEC) : below(300 * MSEC);
		if (below(100) == 0)
			now += below(90 * SEC);
		if (below(5) < 3)
			model_step_take(l, now);
		else
			model_step_end(l, now);
		if (i % 64 == 0) {
			int key = (int)below(MODEL_KEYS);
			struct limit_use want = model_use(key, now);
			struct limit_use got =
			    use_of(l, &model.limits[key], now);

			assert_int_equal(got.requests, want.requests);
			assert_int_equal(got.tokens, want.tokens);
			assert_int_equal(got.calls, want.calls);
		}
		model_forget(now);
	}
	assert_true(model.taken > STEPS / 10 && model.refused > STEPS / 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE_TEST(requests_of_any_sixty_seconds),
		LIVE_TEST(a_second_leaves_together),
		LIVE_TEST(an_even_pace_is_never_refused),
		LIVE_TEST(zero_is_a_limit),
		LIVE_TEST(nothing_limited_costs_nothing),
		LIVE_TEST(a_clock_set_back),
		LIVE_TEST(tokens_are_held_and_corrected),
		LIVE_TEST(a_late_settlement_finds_nothing),
		LIVE_TEST(less_room_lowers_before_it_refuses),
		LIVE_TEST(a_bound_above_the_limit_goes_alone),
		LIVE_TEST(slots_are_given_back),
		LIVE_TEST(the_dead_give_back_theirs),
		LIVE_TEST(counted_without_a_limit),
		LIVE_TEST(a_refusal_takes_nothing),
		LIVE_TEST(undone_is_as_if_never_taken),
		LIVE_TEST(asking_takes_nothing),
		LIVE_TEST(walks_and_sweeps),
		LIVE_TEST(a_damaged_row_counts_as_empty),
		LIVE_TEST(against_a_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
