/*
 * The ledger against a simple model: 100,000 random steps (hold, rehold, mark,
 * progress, settle, release, owners that die, orphans, sweeps, compaction,
 * time) over several scopes, caps and windows, in transactions of random
 * length of which some are rolled back, with the store closed and opened again
 * in between. After each its windows are compared, now and then everything is.
 *
 * TALLYGATE_TEST_SEED=N repeats a run; the seed is printed.
 */
#include "live_store.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/num.h"
#include "domain/ledger/ledger.h"
#include "domain/ledger/rollup_query.h"

#define STEPS     100000
#define MAX_HOLDS 64
#define CAPS      14
#define MODELS    3
#define START     (INT64_C(1774738800) * NSECS_PER_SEC) /* 2026-03-28T23 UTC */
#define DAY       (86400 * NSECS_PER_SEC)

/* ---- the model ---------------------------------------------------------- */

struct model_window {
	int64_t spent, held;
	int64_t cap;  /* the largest that was asked under */
	bool overrun; /* a charge was above its hold */
	struct hold_scope scope;
};

struct model_hold {
	uint64_t owner, number;
	int64_t amount, prompt, output, ended;
	enum hold_state state;
	int model;
	size_t window_count;
	size_t windows[LEDGER_MAX_CAPS]; /* into world.windows */
};

/* What a rolled back transaction gives back. */
struct model_books {
	size_t hold_count;
	struct model_hold holds[MAX_HOLDS];
	int64_t cost[MODELS], requests[MODELS];
	uint64_t records;
};

struct undo {
	size_t window;
	struct model_window was;
};

static struct {
	struct live live;
	uint64_t random;
	int64_t now;
	struct window_zone *zone;
	struct cap caps[CAPS];
	struct model_books books, books_before;
	struct model_window *windows;
	size_t window_count, window_size;
	struct map *by_key; /* "kind start end id" → index + 1 */
	struct undo undo[4096];
	size_t undo_count;
	uint64_t next_number;
	uint64_t refused, clamped, granted, orphans, aborts, reopened;
} world;

/* Our own, so that a seed repeats a run. */
static uint64_t
random_next(void)
{
	uint64_t z = (world.random += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static int64_t
below(int64_t n)
{
	return (int64_t)(random_next() % (uint64_t)n);
}

static bool
chance(int per_mille)
{
	return below(1000) < per_mille;
}

static size_t
window_index(const struct cap *c, uint32_t start, uint32_t end)
{
	char text[256];
	struct str key;
	uintptr_t at;

	snprintf(text, sizeof(text), "%d %u %u %s", c->kind, start, end, c->id);
	key = str_of(text);
	at = (uintptr_t)map_find(world.by_key, key);
	if (at != 0)
		return at - 1;
	if (world.window_count == world.window_size) {
		world.window_size = world.window_size * 2 + 64;
		world.windows = xrealloc(world.windows,
		    world.window_size * sizeof(*world.windows));
	}
	at = world.window_count++;
	memset(&world.windows[at], 0, sizeof(world.windows[at]));
	world.windows[at].scope.kind = (uint8_t)c->kind;
	world.windows[at].scope.window_start = start;
	world.windows[at].scope.window_end = end;
	world.windows[at].scope.id = str_of(c->id);
	map_set(world.by_key, key, (void *)(at + 1));
	return at;
}

static struct model_window *
touch(size_t window)
{
	assert_true(world.undo_count < ARRAY_LEN(world.undo));
	world.undo[world.undo_count].window = window;
	world.undo[world.undo_count++].was = world.windows[window];
	return &world.windows[window];
}

static void
model_give_back(const struct model_hold *h)
{
	for (size_t i = 0; i < h->window_count; i++)
		touch(h->windows[i])->held -= h->amount;
}

static void
model_remove(size_t place)
{
	world.books.holds[place] = world.books.holds[--world.books.hold_count];
}

static void
model_settle(size_t place, int64_t cost)
{
	struct model_hold *h = &world.books.holds[place];

	model_give_back(h);
	for (size_t i = 0; i < h->window_count; i++) {
		struct model_window *w = touch(h->windows[i]);

		w->spent += cost;
		w->overrun = w->overrun || cost > h->amount;
	}
	world.books.cost[h->model] += cost;
	world.books.requests[h->model]++;
	world.books.records++;
	model_remove(place);
}

/* ---- the real thing beside it ------------------------------------------- */

static const char *const model_names[MODELS] = { "m0", "m1", "m2" };
static struct cap asked[7];

static void
make_request(struct hold_request *r)
{
	*r = (struct hold_request){ .caps = asked };
	r->worst_nanos = chance(30) ? 0 : 1 + below(2000);
	r->least_nanos =
	    chance(300) ? r->worst_nanos : below(r->worst_nanos + 1);
	r->now_nsecs = world.now;
	for (int64_t n = below(7); n > 0; n--)
		asked[r->cap_count++] = world.caps[below(CAPS)];
}

/* What the model answers: windows of the request, verdict, amount. */
static enum hold_verdict
model_decide(const struct hold_request *r, struct model_hold *h)
{
	int64_t amount = r->worst_nanos;
	bool refuses = false;

	h->window_count = 0;
	for (size_t i = 0; i < r->cap_count; i++) {
		const struct cap *c = &r->caps[i];
		struct model_window *w;
		uint32_t start, end;
		size_t at, k = 0;
		int64_t room;

		window_at(&c->rule, r->now_nsecs, &start, &end);
		at = window_index(c, start, end);
		w = &world.windows[at];
		if (c->cap_nanos > w->cap)
			w->cap = c->cap_nanos;
		while (k < h->window_count && h->windows[k] != at)
			k++;
		if (k == h->window_count)
			h->windows[h->window_count++] = at;
		room = c->cap_nanos - w->spent - w->held;
		if (room >= r->worst_nanos || r->worst_nanos == 0)
			continue;
		refuses = refuses || c->policy != CAP_CLAMP;
		if (room < amount)
			amount = room;
	}
	if (amount == r->worst_nanos) {
		h->amount = amount;
		return HOLD_GRANTED;
	}
	if (refuses || amount <= 0 || amount < r->least_nanos)
		return HOLD_REFUSED;
	h->amount = amount;
	return HOLD_CLAMPED;
}

static void
count_verdict(enum hold_verdict verdict)
{
	world.granted += verdict == HOLD_GRANTED;
	world.clamped += verdict == HOLD_CLAMPED;
	world.refused += verdict == HOLD_REFUSED;
}

static void
fill_hold(struct hold *h, const struct model_hold *m,
    const struct charge *ended)
{
	memset(h, 0, sizeof(*h));
	h->owner = m->owner;
	h->number = m->number;
	h->state = m->state;
	h->prompt_nanos = m->prompt;
	h->output_nanos = m->output;
	h->taken_nsecs = world.now;
	h->record = str_of("\"run_id\":\"x\",\"model\":\"m\"");
	h->names.model = str_of(model_names[m->model]);
	if (m->ended > 0) {
		h->ended_count = 1;
		h->ended = ended;
		h->ended_attempts = str_of("{\"deployment\":\"before\"}");
	}
}

static struct charge
charge_of(int model, int64_t cost, int64_t requests)
{
	struct charge c = {
		.names = { .model = str_of(model_names[model]) },
		.amounts = { .requests = requests, .cost_nanos = cost },
	};

	return c;
}

static void
must(int rc, const struct err *err, const char *what)
{
	if (rc != 0)
		fail_msg("%s: %s", what, err->text);
}

static void
step_hold(struct store_txn *t)
{
	struct model_hold m = { .owner = world.live.owner.id };
	enum hold_verdict want;
	struct hold_request r;
	struct hold_answer a;
	struct hold h;
	struct err err;

	if (world.books.hold_count == MAX_HOLDS)
		return;
	make_request(&r);
	m.number = ++world.next_number;
	m.model = (int)below(MODELS);
	m.prompt = below(r.worst_nanos + 1);
	m.state = (enum hold_state)below(2);
	want = model_decide(&r, &m);
	fill_hold(&h, &m, NULL);
	must(ledger_hold(t, &r, &h, &a, &err), &err, "hold");
	assert_int_equal(a.verdict, want);
	count_verdict(want);
	if (want == HOLD_REFUSED)
		return;
	assert_int_equal(a.amount_nanos, m.amount);
	assert_int_equal(h.scope_count, m.window_count);
	for (size_t i = 0; i < m.window_count; i++)
		touch(m.windows[i])->held += m.amount;
	world.books.holds[world.books.hold_count++] = m;
}

/* A living hold of the living owner, or -1. */
static int
own_hold(void)
{
	size_t n = world.books.hold_count;

	for (size_t i = 0, at = n > 0 ? (size_t)below((int64_t)n) : 0; i < n;
	     i++, at = (at + 1) % n) {
		if (world.books.holds[at].owner == world.live.owner.id)
			return (int)at;
	}
	return -1;
}

static void
step_rehold(struct store_txn *t)
{
	int place = own_hold();
	struct model_hold m;
	enum hold_verdict want;
	struct hold_request r;
	struct hold_answer a;
	struct charge ended;
	struct hold h;
	struct err err;
	size_t undo = world.undo_count;

	if (place < 0)
		return;
	m = world.books.holds[place];
	make_request(&r);
	/* The attempt so far ended, and may have cost something. */
	if (m.ended == 0 && chance(400))
		m.ended = below(r.worst_nanos + 1);
	m.prompt =
	    below(r.worst_nanos - m.ended > 0 ? r.worst_nanos - m.ended : 1);
	m.output = 0;
	m.state = HOLD_TAKEN;
	model_give_back(&world.books.holds[place]);
	want = model_decide(&r, &m);
	ended = charge_of(m.model, m.ended, 0);
	fill_hold(&h, &m, &ended);
	must(ledger_rehold(t, &r, &h, &a, &err), &err, "rehold");
	assert_int_equal(a.verdict, want);
	count_verdict(want);
	if (want == HOLD_REFUSED) {
		/* Undone in the model: the old hold stands. */
		while (world.undo_count > undo) {
			struct undo *u = &world.undo[--world.undo_count];

			world.windows[u->window] = u->was;
		}
		return;
	}
	assert_int_equal(a.amount_nanos, m.amount);
	for (size_t i = 0; i < m.window_count; i++)
		touch(m.windows[i])->held += m.amount;
	world.books.holds[place] = m;
}

static void
step_mark(struct store_txn *t)
{
	int place = own_hold();
	struct model_hold *m;
	struct err err;

	if (place < 0)
		return;
	m = &world.books.holds[place];
	if (chance(500)) {
		m->state = (enum hold_state)below(3);
		must(ledger_mark(t, m->owner, m->number, m->state, &err), &err,
		    "mark");
	} else {
		m->state = HOLD_ANSWERING;
		m->output += below(200);
		must(ledger_progress(t, m->owner, m->number, m->output / 10,
			 m->output, &err),
		    &err, "progress");
	}
}

static void
step_settle(struct store_txn *t)
{
	int place = own_hold();
	const struct model_hold *m;
	struct charge charges[2];
	struct settlement s;
	int64_t cost, first;
	struct err err;

	if (place < 0)
		return;
	m = &world.books.holds[place];
	cost = chance(30) ? m->amount + 1 + below(500) : below(m->amount + 1);
	first = below(cost + 1);
	charges[0] = charge_of(m->model, first, 0);
	charges[1] = charge_of(m->model, cost - first, 1);
	s = (struct settlement){ .owner = m->owner,
		.number = m->number,
		.cost_nanos = cost,
		.now_nsecs = world.now,
		.charge_count = 2,
		.charges = charges,
		.record = str_of("{\"run_id\":\"x\"}"),
		.outbox_owner = &world.live.owner };
	must(ledger_settle(t, &s, &err), &err, "settle");
	assert_int_equal(s.overrun_r, cost > m->amount);
	assert_false(s.uneven_r);
	model_settle((size_t)place, cost);
	assert_int_equal(ledger_settle(t, &s, &err), -1);
	assert_int_equal(err.code, ERR_NOT_HELD);
}

static void
step_release(struct store_txn *t)
{
	int place = own_hold();
	struct err err;

	if (place < 0)
		return;
	must(ledger_release(t, world.books.holds[place].owner,
		 world.books.holds[place].number, &err),
	    &err, "release");
	model_give_back(&world.books.holds[place]);
	model_remove((size_t)place);
}

/* The rule, in the model's words. */
static int64_t
orphan_cost(const struct model_hold *m)
{
	int64_t prompt = m->prompt;
	int64_t left = m->amount - m->ended - m->output;

	if (m->state == HOLD_TAKEN)
		return m->ended;
	if (m->window_count > 0 && prompt > left)
		prompt = left < 0 ? 0 : left;
	return m->ended + prompt + m->output;
}

/* The keeper settles some of what dead owners hold. */
static void
step_orphans(struct store_txn *t)
{
	struct hold_walk walk;
	struct orphan_end end;
	struct hold h;
	struct err err;
	int rc, left = 1 + (int)below(4);

	must(ledger_walk_holds(t, 0, &walk, &err), &err, "walk");
	while (left > 0 && (rc = ledger_next_hold(&walk, &h, &err)) == 1) {
		size_t at = 0;

		if (h.owner == world.live.owner.id)
			break; /* owners rise: none is dead behind */
		while (at < world.books.hold_count &&
		       (world.books.holds[at].owner != h.owner ||
			   world.books.holds[at].number != h.number))
			at++;
		assert_true(at < world.books.hold_count);
		must(ledger_settle_orphan(t, &h, &world.live.owner, world.now,
			 &end, &err),
		    &err, "orphan");
		assert_int_equal(end.cost_nanos,
		    orphan_cost(&world.books.holds[at]));
		model_settle(at, end.cost_nanos);
		world.orphans++;
		left--;
	}
	ledger_end_walk(&walk);
}

/* ---- comparing ---------------------------------------------------------- */

static void
compare_window(struct store_txn *t, const struct model_window *w)
{
	struct spend_row row;
	struct err err;

	must(ledger_spend(t, &w->scope, &row, &err), &err, "spend");
	if (row.spent_nanos != w->spent || row.held_nanos != w->held)
		fail_msg("%s %u: spent %lld, not %lld, held %lld, not %lld",
		    scope_name((enum scope_kind)w->scope.kind),
		    w->scope.window_start, (long long)row.spent_nanos,
		    (long long)w->spent, (long long)row.held_nanos,
		    (long long)w->held);
	if (!w->overrun)
		assert_true(w->spent + w->held <= w->cap);
}

static void
compare_touched(void)
{
	struct store_txn *t = live_read(&world.live);

	for (size_t i = 0; i < world.undo_count; i++)
		compare_window(t, &world.windows[world.undo[i].window]);
	store_abort(&t);
}

static void
compare_holds(struct store_txn *t)
{
	int64_t *held = xcalloc(world.window_count + 1, sizeof(*held));
	struct hold_walk walk;
	struct hold h;
	struct err err;
	size_t n = 0;

	must(ledger_walk_holds(t, 0, &walk, &err), &err, "walk");
	while (ledger_next_hold(&walk, &h, &err) == 1) {
		size_t at = 0;

		while (world.books.holds[at].owner != h.owner ||
		       world.books.holds[at].number != h.number)
			assert_true(++at < world.books.hold_count);
		assert_int_equal(world.books.holds[at].amount, h.amount_nanos);
		assert_int_equal(world.books.holds[at].state, h.state);
		n++;
	}
	ledger_end_walk(&walk);
	assert_int_equal(n, world.books.hold_count);
	/* held = Σ of the amounts of the holds that name the window */
	for (size_t i = 0; i < world.books.hold_count; i++) {
		const struct model_hold *m = &world.books.holds[i];

		for (size_t k = 0; k < m->window_count; k++)
			held[m->windows[k]] += m->amount;
	}
	for (size_t i = 0; i < world.window_count; i++)
		assert_int_equal(held[i], world.windows[i].held);
	free(held);
}

static void
compare_rollups(struct store_txn *t)
{
	int64_t cost = 0, requests = 0;
	struct rollup_result r;

	assert_int_equal(rollup_query(t, ROLLUP_MODEL, 0, 0, &r), 0);
	for (size_t i = 0; i < r.count; i++) {
		int m = r.rows[i].value[1] - '0';

		assert_int_equal(r.rows[i].sums.cost_nanos,
		    world.books.cost[m]);
		assert_int_equal(r.rows[i].sums.requests,
		    world.books.requests[m]);
	}
	rollup_result_free(&r);
	for (int m = 0; m < MODELS; m++) {
		cost += world.books.cost[m];
		requests += world.books.requests[m];
	}
	assert_int_equal(rollup_query(t, ROLLUP_ALL, 0, 0, &r), 0);
	assert_int_equal(r.total.cost_nanos, cost);
	assert_int_equal(r.total.requests, requests);
	rollup_result_free(&r);
}

static void
compare_all(void)
{
	struct store_txn *t = live_read(&world.live);
	struct hold_scope scope;
	struct spend_walk walk;
	struct spend_row row;
	struct err err;
	int64_t spent = 0, want = 0;

	for (size_t i = 0; i < world.window_count; i++) {
		compare_window(t, &world.windows[i]);
		want += world.windows[i].spent;
	}
	must(ledger_walk_spend(t, &walk, &err), &err, "walk");
	while (ledger_next_spend(&walk, &scope, &row, &err) == 1)
		spent += row.spent_nanos;
	ledger_end_walk_spend(&walk);
	assert_int_equal(spent, want);
	compare_holds(t);
	compare_rollups(t);
	store_abort(&t);
	assert_int_equal(live_rows(&world.live, STORE_OUTBOX),
	    world.books.records);
}

/* ---- running ------------------------------------------------------------ */

static void
step_time(void)
{
	/* Mostly seconds; now and then past a window's end; clocks may also
	   be put back a little. */
	if (chance(5))
		world.now += below(6 * 3600) * NSECS_PER_SEC;
	else if (chance(100))
		world.now -= below(30) * NSECS_PER_SEC;
	else
		world.now += below(60) * NSECS_PER_SEC;
}

/* Windows that ended two days ago and hold nothing. */
static void
step_sweep(struct store_txn *t)
{
	int64_t before = world.now - 2 * DAY;
	struct err err;
	int n = ledger_sweep_spend(t, before, 1000000, &err);

	must(n < 0, &err, "sweep");
	for (size_t i = 0; i < world.window_count; i++) {
		struct model_window *w = &world.windows[i];

		if (w->spent != 0 && w->held == 0 && w->scope.window_end != 0 &&
		    w->scope.window_end <= before / NSECS_PER_SEC)
			touch(i)->spent = 0;
	}
}

static void
step(struct store_txn *t)
{
	int64_t dice = below(1000);

	step_time();
	if (dice < 420)
		step_hold(t);
	else if (dice < 720)
		step_settle(t);
	else if (dice < 770)
		step_release(t);
	else if (dice < 860)
		step_rehold(t);
	else if (dice < 960)
		step_mark(t);
	else if (dice < 995)
		step_orphans(t);
	else if (dice < 997)
		step_sweep(t);
	else
		assert_true(
		    rollup_compact(t, world.now - DAY, 10000, 200) >= 0);
}

static void
begin_books(void)
{
	world.undo_count = 0;
	world.books_before = world.books;
}

static void
undo_books(void)
{
	while (world.undo_count > 0) {
		struct undo *u = &world.undo[--world.undo_count];

		world.windows[u->window] = u->was;
	}
	world.books = world.books_before;
	world.aborts++;
}

/* The process is gone: the store is opened again by a new owner. */
static void
reopen(void)
{
	live_close(&world.live);
	live_open(&world.live);
	world.reopened++;
}

static int
run_transaction(void)
{
	struct store_txn *t = live_write(&world.live);
	int n = 1 + (int)below(16);

	begin_books();
	for (int i = 0; i < n; i++)
		step(t);
	assert_false(store_failed(t, NULL));
	if (chance(60)) {
		store_abort(&t);
		undo_books();
		if (chance(300))
			reopen();
		return n;
	}
	live_commit(t);
	compare_touched();
	if (chance(8))
		reopen();
	return n;
}

static void
make_caps(void)
{
	static const struct {
		enum scope_kind kind;
		const char *id, *duration;
		int64_t nanos;
		enum cap_policy policy;
	} rows[CAPS] = {
		{ SCOPE_GLOBAL, "", "1d", 300000, CAP_CLAMP },
		{ SCOPE_GLOBAL, "", "1h", 30000, CAP_CLAMP },
		{ SCOPE_GLOBAL, "", "30d", 2000000, CAP_REFUSE },
		{ SCOPE_GLOBAL, "", "", MONEY_MAX - 1, CAP_CLAMP },
		{ SCOPE_PROVIDER, "openai", "1h", 12000, CAP_DOWNGRADE },
		{ SCOPE_PROVIDER, "mistral", "15m", 5000, CAP_CLAMP },
		{ SCOPE_KEY, "k0", "1h", 4000, CAP_CLAMP },
		{ SCOPE_KEY, "k0", "1h", 3500, CAP_REFUSE },
		{ SCOPE_KEY, "k0", "7d", 200000, CAP_CLAMP },
		{ SCOPE_KEY, "k1", "1d", 20000, CAP_CLAMP },
		{ SCOPE_TEAM, "t", "30d", 800000, CAP_CLAMP },
		{ SCOPE_TEAM, "t", "1d", 50000, CAP_REFUSE },
		{ SCOPE_TAG, "low", "1h", 900, CAP_CLAMP },
		{ SCOPE_END_USER, "u", "", 3000000, CAP_CLAMP },
	};
	struct err err;

	for (int i = 0; i < CAPS; i++) {
		struct cap *c = &world.caps[i];

		c->kind = rows[i].kind;
		c->id = rows[i].id;
		c->cap_nanos = rows[i].nanos;
		c->policy = rows[i].policy;
		must(window_parse(str_of(rows[i].duration), world.zone,
			 &c->rule, &err),
		    &err, "window");
	}
}

static void
read_seed(void)
{
	const char *given = getenv("TALLYGATE_TEST_SEED");
	int64_t seed;

	if (given == NULL || num_int64(str_of(given), &seed) != 0)
		seed = (int64_t)(random_u64() >> 1);
	world.random = (uint64_t)seed;
	print_message("seed: TALLYGATE_TEST_SEED=%lld\n", (long long)seed);
}

static void
test_the_ledger_is_its_model(void **state)
{
	int steps = 0, compared = 0;
	struct err err;

	(void)state;
	read_seed();
	must(window_zone_open("Europe/Paris", &world.zone, &err), &err, "zone");
	make_caps();
	world.now = START; /* hours before summer time begins */
	world.by_key = map_new();
	world.live.dir = scratch_make();
	live_open(&world.live);
	while (steps < STEPS) {
		steps += run_transaction();
		if (steps / 4000 != compared) {
			compared = steps / 4000;
			compare_all();
		}
	}
	compare_all();
	print_message("%d steps, %zu windows, %llu granted, %llu clamped, "
		      "%llu refused, %llu orphans, %llu rolled back, "
		      "%llu times reopened\n",
	    steps, world.window_count, (unsigned long long)world.granted,
	    (unsigned long long)world.clamped,
	    (unsigned long long)world.refused,
	    (unsigned long long)world.orphans, (unsigned long long)world.aborts,
	    (unsigned long long)world.reopened);
	/* A run that never clamps or loses an owner shows nothing. */
	assert_true(world.clamped > 100 && world.refused > 100);
	assert_true(world.orphans > 100 && world.reopened > 20);
	live_close(&world.live);
	scratch_remove(world.live.dir);
	map_free(&world.by_key);
	free(world.windows);
	window_zone_free(&world.zone);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_ledger_is_its_model),
	};

	return cmocka_run_group_tests_name("ledger_model", tests, NULL, NULL);
}
