/*
 * The ledger's rules, one by one: what is granted, clamped and refused, what
 * settles where, what a stranger writes for the dead, and what happens to
 * rows that are damaged. The same over many random steps: test_ledger_model.
 */
#include "live_store.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/jsonx.h"
#include "domain/ledger_row.h"

#define DAY (86400 * NSECS_PER_SEC)
#define NOW (INT64_C(1795346290) * NSECS_PER_SEC) /* 2026-11-22T11:18:10Z */

static struct cap
cap(enum scope_kind kind, const char *id, int64_t nanos)
{
	struct cap c = { .kind = kind, .id = id, .cap_nanos = nanos };

	return c;
}

static struct cap
cap_per(enum scope_kind kind, const char *id, int64_t nanos,
    const char *duration)
{
	struct cap c = cap(kind, id, nanos);

	assert_int_equal(window_parse(str_of(duration), NULL, &c.rule, NULL),
	    0);
	return c;
}

static struct hold_request
request(const struct cap *caps, size_t n, int64_t worst, int64_t least)
{
	struct hold_request r = { .worst_nanos = worst,
		.least_nanos = least,
		.cap_count = n,
		.now_nsecs = NOW };

	if (n > 0)
		memcpy(r.caps, caps, n * sizeof(*caps));
	return r;
}

static struct hold
hold_of(struct live *l, uint64_t number)
{
	struct hold h = {
		.owner = l->owner.id,
		.number = number,
		.taken_nsecs = NOW,
		.deadline_nsecs = NOW + NSECS_PER_SEC,
		.record = str_of("\"run_id\":\"r1\""),
		.names = { .model = str_of("m"),
		    .provider = str_of("p"),
		    .deployment = str_of("d"),
		    .group = str_of("g"),
		    .key = str_of("k") },
	};

	return h;
}

/* ledger_hold in a transaction of its own, which must work. */
static struct hold_answer
take(struct live *l, uint64_t number, const struct hold_request *r)
{
	struct hold h = hold_of(l, number);
	struct store_txn *t = live_write(l);
	struct hold_answer answer;
	struct err err;

	if (ledger_hold(t, r, &h, &answer, &err) != 0)
		fail_msg("%s", err.text);
	live_commit(t);
	return answer;
}

static struct charge
charge_of(int64_t cost)
{
	struct charge c = {
		.names = { .model = str_of("m"), .key = str_of("k") },
		.amounts = { .requests = 1, .attempts = 1, .cost_nanos = cost },
	};

	return c;
}

static int
try_settle(struct live *l, uint64_t number, int64_t cost, bool *overrun_r,
    struct err *err)
{
	struct charge c = charge_of(cost);
	struct settlement s = {
		.owner = l->owner.id,
		.number = number,
		.cost_nanos = cost,
		.now_nsecs = NOW,
		.charge_count = 1,
		.charges = &c,
		.record = str_of("{\"run_id\":\"r1\"}"),
		.outbox_owner = &l->owner,
	};
	struct store_txn *t = live_write(l);
	int rc = ledger_settle(t, &s, err);

	assert_false(store_failed(t, NULL));
	live_commit(t);
	if (rc == 0) {
		assert_false(s.uneven_r);
		if (overrun_r != NULL)
			*overrun_r = s.overrun_r;
	}
	return rc;
}

static void
settle(struct live *l, uint64_t number, int64_t cost)
{
	struct err err;

	if (try_settle(l, number, cost, NULL, &err) != 0)
		fail_msg("%s", err.text);
}

static struct spend_row
spend_at(struct live *l, const struct cap *c, int64_t now)
{
	struct hold_scope scope = { .kind = (uint8_t)c->kind,
		.id = str_of(c->id) };
	struct store_txn *t = live_read(l);
	struct spend_row row;
	struct err err;

	window_at(&c->rule, now, &scope.window_start, &scope.window_end);
	assert_int_equal(ledger_spend(t, &scope, &row, &err), 0);
	store_abort(&t);
	return row;
}

static void
assert_spend(struct live *l, const struct cap *c, int64_t spent, int64_t held)
{
	struct spend_row row = spend_at(l, c, NOW);

	assert_int_equal(row.spent_nanos, spent);
	assert_int_equal(row.held_nanos, held);
}

static int64_t
rolled_up(struct live *l, enum rollup_dim dim)
{
	struct rollup_result r;
	struct store_txn *t = live_read(l);
	int64_t cost;

	assert_int_equal(rollup_query(t, dim, 0, 0, &r), 0);
	store_abort(&t);
	cost = r.total.cost_nanos;
	rollup_result_free(&r);
	return cost;
}

/* ---- holding ------------------------------------------------------------ */

static void
test_words(void **state)
{
	enum scope_kind kind;

	(void)state;
	for (int i = 0; i < SCOPE_COUNT; i++) {
		assert_int_equal(scope_parse(str_of(scope_name(
						 (enum scope_kind)i)),
				     &kind),
		    0);
		assert_int_equal(kind, i);
	}
	assert_int_equal(scope_parse(str_of("planet"), &kind), -1);
	assert_string_equal(hold_state_name(HOLD_SENT), "sent");
}

static void
test_without_caps_only_the_hold_is_written(void **state)
{
	struct live *l = *state;
	struct hold_request r = request(NULL, 0, 500, 100);
	struct hold_answer a = take(l, 1, &r);

	assert_int_equal(a.verdict, HOLD_GRANTED);
	assert_int_equal(a.amount_nanos, 500);
	assert_int_equal(a.cap_index, -1);
	assert_int_equal(live_rows(l, STORE_HOLDS), 1);
	assert_int_equal(live_rows(l, STORE_SPEND), 0);
	settle(l, 1, 300);
	assert_int_equal(live_rows(l, STORE_HOLDS), 0);
	assert_int_equal(live_rows(l, STORE_SPEND), 0);
	assert_int_equal(live_rows(l, STORE_OUTBOX), 1);
	assert_int_equal(rolled_up(l, ROLLUP_ALL), 300);
}

static void
test_exactly_as_many_pass_as_fit(void **state)
{
	struct live *l = *state;
	struct cap c = cap(SCOPE_KEY, "k", 137 * 1000 + 999);
	struct hold_request r;
	int passed = 0;

	c.policy = CAP_REFUSE;
	r = request(&c, 1, 1000, 1000);
	for (uint64_t i = 1; i <= 1000; i++)
		passed += take(l, i, &r).verdict == HOLD_GRANTED;
	assert_int_equal(passed, 137);
	assert_spend(l, &c, 0, 137000);
	for (uint64_t i = 1; i <= 137; i++)
		settle(l, i, 1000);
	assert_spend(l, &c, 137000, 0);
	assert_int_equal(take(l, 2000, &r).verdict, HOLD_REFUSED);
}

static void
test_all_scopes_or_none(void **state)
{
	struct live *l = *state;
	struct cap caps[3] = { cap(SCOPE_GLOBAL, "", 10000),
		cap(SCOPE_TEAM, "t", 2500), cap(SCOPE_KEY, "k", 5000) };
	struct hold_request r = request(caps, 3, 1000, 1000);
	struct hold_answer a;

	assert_int_equal(take(l, 1, &r).verdict, HOLD_GRANTED);
	a = take(l, 2, &r);
	assert_int_equal(a.verdict, HOLD_GRANTED);
	/* The tightest, with its figures from before. */
	assert_int_equal(a.cap_index, 1);
	assert_int_equal(a.cap_held_nanos, 1000);
	assert_int_equal(a.cap_room_nanos, 1500);
	a = take(l, 3, &r);
	assert_int_equal(a.verdict, HOLD_REFUSED);
	assert_int_equal(a.amount_nanos, 0);
	assert_int_equal(a.cap_index, 1);
	assert_int_equal(a.cap_room_nanos, 500);
	assert_spend(l, &caps[0], 0, 2000);
	assert_spend(l, &caps[1], 0, 2000);
	assert_spend(l, &caps[2], 0, 2000);
	assert_int_equal(live_rows(l, STORE_HOLDS), 2);
}

static void
test_less_before_no(void **state)
{
	static const struct {
		enum cap_policy policy[2];
		int64_t room[2], worst, least;
		enum hold_verdict verdict;
		int64_t amount;
		int cap_index;
	} rows[] = {
		{ { CAP_CLAMP, CAP_CLAMP }, { 1000, 900 }, 800, 100,
		    HOLD_GRANTED, 800, 1 },
		{ { CAP_CLAMP, CAP_CLAMP }, { 1000, 900 }, 900, 100,
		    HOLD_GRANTED, 900, 1 },
		{ { CAP_CLAMP, CAP_CLAMP }, { 1000, 900 }, 901, 100,
		    HOLD_CLAMPED, 900, 1 },
		{ { CAP_CLAMP, CAP_CLAMP }, { 300, 900 }, 2000, 300,
		    HOLD_CLAMPED, 300, 0 },
		{ { CAP_CLAMP, CAP_CLAMP }, { 300, 900 }, 2000, 301,
		    HOLD_REFUSED, 0, 0 },
		/* Worst is all that makes sense: no clamping. */
		{ { CAP_CLAMP, CAP_CLAMP }, { 300, 900 }, 400, 400,
		    HOLD_REFUSED, 0, 0 },
		/* A least above the worst is the worst. */
		{ { CAP_CLAMP, CAP_CLAMP }, { 500, 900 }, 400, 9999,
		    HOLD_GRANTED, 400, 0 },
		/* A short cap that refuses decides, also when another one is
		   tighter. */
		{ { CAP_CLAMP, CAP_REFUSE }, { 300, 900 }, 1000, 100,
		    HOLD_REFUSED, 0, 1 },
		{ { CAP_CLAMP, CAP_REFUSE }, { 300, 900 }, 900, 100,
		    HOLD_CLAMPED, 300, 0 },
		{ { CAP_DOWNGRADE, CAP_CLAMP }, { 300, 900 }, 400, 100,
		    HOLD_REFUSED, 0, 0 },
		{ { CAP_DOWNGRADE, CAP_REFUSE }, { 300, 200 }, 400, 100,
		    HOLD_REFUSED, 0, 1 },
		/* An explicit 0: nothing may be spent, not even cleverly. */
		{ { CAP_CLAMP, CAP_CLAMP }, { 0, 900 }, 1, 0, HOLD_REFUSED, 0,
		    0 },
		{ { CAP_CLAMP, CAP_REFUSE }, { 0, 0 }, 0, 0, HOLD_GRANTED, 0,
		    0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct live *l;
		struct cap caps[2];
		struct hold_request r;
		struct hold_answer a;

		(void)state;
		live_setup((void **)&l);
		for (int k = 0; k < 2; k++) {
			caps[k] = cap(k == 0 ? SCOPE_KEY : SCOPE_TEAM, "x",
			    rows[i].room[k]);
			caps[k].policy = rows[i].policy[k];
		}
		r = request(caps, 2, rows[i].worst, rows[i].least);
		a = take(l, 1, &r);
		if (a.verdict != rows[i].verdict ||
		    a.amount_nanos != rows[i].amount ||
		    a.cap_index != rows[i].cap_index)
			fail_msg("row %zu: verdict %d, amount %lld, cap %d", i,
			    a.verdict, (long long)a.amount_nanos, a.cap_index);
		assert_spend(l, &caps[0], 0, rows[i].amount);
		assert_int_equal(live_rows(l, STORE_HOLDS),
		    rows[i].verdict == HOLD_REFUSED ? 0 : 1);
		live_teardown((void **)&l);
	}
}

static void
test_windows_that_begin_together_are_two(void **state)
{
	struct live *l = *state;
	/* Asked on the first of a month, both begin at the same second. */
	struct cap caps[2] = { cap_per(SCOPE_KEY, "k", 1500, "1d"),
		cap_per(SCOPE_KEY, "k", 5000, "30d") };
	struct hold_request r = request(caps, 2, 1000, 1000);
	int64_t first, second;

	assert_int_equal(clock_parse(str_of("2026-12-01T10:00:00Z"), 0, &first),
	    0);
	second = first + DAY;
	r.now_nsecs = first;
	assert_int_equal(take(l, 1, &r).verdict, HOLD_GRANTED);
	assert_int_equal(take(l, 2, &r).verdict, HOLD_REFUSED);
	assert_int_equal(spend_at(l, &caps[0], first).held_nanos, 1000);
	assert_int_equal(spend_at(l, &caps[1], first).held_nanos, 1000);
	settle(l, 1, 700);
	/* The next day is empty, the month goes on. */
	r.now_nsecs = second;
	assert_int_equal(take(l, 3, &r).verdict, HOLD_GRANTED);
	assert_int_equal(spend_at(l, &caps[0], second).spent_nanos, 0);
	assert_int_equal(spend_at(l, &caps[1], second).spent_nanos, 700);
	assert_int_equal(spend_at(l, &caps[1], second).held_nanos, 1000);
}

static void
test_two_caps_on_one_window_count_once(void **state)
{
	struct live *l = *state;
	struct cap caps[2] = { cap(SCOPE_KEY, "k", 5000),
		cap(SCOPE_KEY, "k", 2500) };
	struct hold_request r;

	caps[1].policy = CAP_REFUSE;
	r = request(caps, 2, 1000, 500);
	assert_int_equal(take(l, 1, &r).verdict, HOLD_GRANTED);
	assert_spend(l, &caps[0], 0, 1000);
	assert_int_equal(take(l, 2, &r).verdict, HOLD_GRANTED);
	assert_int_equal(take(l, 3, &r).verdict, HOLD_REFUSED);
	settle(l, 1, 900);
	assert_spend(l, &caps[0], 900, 1000);
}

static void
test_a_hold_settles_in_the_window_it_was_taken_in(void **state)
{
	struct live *l = *state;
	struct cap c = cap_per(SCOPE_GLOBAL, "", 1000, "1d");
	struct hold_request r = request(&c, 1, 1000, 1000);

	assert_int_equal(take(l, 1, &r).verdict, HOLD_GRANTED);
	assert_int_equal(take(l, 2, &r).verdict, HOLD_REFUSED);
	/* After midnight there is room; yesterday's hold is not in it. */
	r.now_nsecs = NOW + DAY;
	assert_int_equal(take(l, 3, &r).verdict, HOLD_GRANTED);
	settle(l, 1, 600); /* however late */
	assert_int_equal(spend_at(l, &c, NOW).spent_nanos, 600);
	assert_int_equal(spend_at(l, &c, NOW).held_nanos, 0);
	assert_int_equal(spend_at(l, &c, NOW + DAY).spent_nanos, 0);
	assert_int_equal(spend_at(l, &c, NOW + DAY).held_nanos, 1000);
}

static void
test_unknown_prices_are_refused_under_a_cap(void **state)
{
	struct live *l = *state;
	struct cap c = cap(SCOPE_TEAM, "blue", 1000);
	struct hold_request r = request(&c, 1, 0, 0);
	struct hold h = hold_of(l, 1);
	struct store_txn *t = live_write(l);
	struct hold_answer a;
	struct err err;

	r.unpriced = true;
	assert_int_equal(ledger_hold(t, &r, &h, &a, &err), -1);
	assert_int_equal(err.code, ERR_UNPRICED);
	assert_non_null(strstr(err.text, "team blue"));
	r.cap_count = 0;
	assert_int_equal(ledger_hold(t, &r, &h, &a, &err), 0);
	live_commit(t);
}

static void
test_wrong_requests_write_nothing(void **state)
{
	struct live *l = *state;
	struct cap c = cap(SCOPE_KEY, "k", 10000);
	struct hold_request r = request(&c, 1, 1000, 1000), bad;
	struct hold h = hold_of(l, 1);
	char *text = xcalloc(1, LEDGER_RECORD_BYTES + 1);
	struct store_txn *t;
	struct hold_answer a;
	struct err err;

	assert_int_equal(take(l, 1, &r).verdict, HOLD_GRANTED);
	t = live_write(l);
	/* Taken twice. */
	assert_int_equal(ledger_hold(t, &r, &h, &a, &err), -1);
	assert_int_equal(err.code, ERR_INTERNAL);
	h.number = 0;
	assert_int_equal(ledger_hold(t, &r, &h, &a, &err), -1);
	h.number = 2;
	bad = r;
	bad.worst_nanos = -1;
	assert_int_equal(ledger_hold(t, &bad, &h, &a, &err), -1);
	bad = r;
	bad.cap_count = LEDGER_MAX_CAPS + 1;
	assert_int_equal(ledger_hold(t, &bad, &h, &a, &err), -1);
	memset(text, 'x', LEDGER_RECORD_BYTES);
	h.record = str_of(text);
	assert_int_equal(ledger_hold(t, &r, &h, &a, &err), -1);
	assert_non_null(strstr(err.text, "opening has 32768 bytes"));
	h.record = str_of("");
	h.ended_count = LEDGER_MAX_ENDED + 1;
	assert_int_equal(ledger_hold(t, &r, &h, &a, &err), -1);
	assert_false(store_failed(t, NULL));
	live_commit(t);
	assert_spend(l, &c, 0, 1000);
	assert_int_equal(live_rows(l, STORE_HOLDS), 1);
	free(text);
}

static void
test_long_ids_stay_apart(void **state)
{
	struct live *l = *state;
	char id[2][600];
	struct cap caps[2];

	for (int i = 0; i < 2; i++) {
		struct hold_request r;

		memset(id[i], 'i', sizeof(id[i]) - 1);
		id[i][sizeof(id[i]) - 1] = '\0';
		id[i][598] = (char)('a' + i);
		caps[i] = cap(SCOPE_END_USER, id[i], 1000);
		r = request(&caps[i], 1, 300 + i, 0);
		take(l, (uint64_t)i + 1, &r);
	}
	assert_spend(l, &caps[0], 0, 300);
	assert_spend(l, &caps[1], 0, 301);
	settle(l, 1, 10);
	assert_spend(l, &caps[0], 10, 0);
	assert_spend(l, &caps[1], 0, 301);
}

/* ---- settling ----------------------------------------------------------- */

static void
test_a_hold_is_settled_once(void **state)
{
	struct live *l = *state;
	struct cap c = cap(SCOPE_KEY, "k", 10000);
	struct hold_request r = request(&c, 1, 1000, 1000);
	struct store_txn *t;
	struct err err;

	take(l, 1, &r);
	settle(l, 1, 400);
	assert_int_equal(try_settle(l, 1, 400, NULL, &err), -1);
	assert_int_equal(err.code, ERR_NOT_HELD);
	t = live_write(l);
	assert_int_equal(ledger_release(t, l->owner.id, 1, &err), -1);
	assert_int_equal(err.code, ERR_NOT_HELD);
	assert_int_equal(ledger_mark(t, l->owner.id, 1, HOLD_SENT, &err), -1);
	assert_int_equal(err.code, ERR_NOT_HELD);
	live_commit(t);
	assert_spend(l, &c, 400, 0);
	assert_int_equal(rolled_up(l, ROLLUP_MODEL), 400);
	assert_int_equal(live_rows(l, STORE_OUTBOX), 1);
}

static void
test_release_leaves_no_trace(void **state)
{
	struct live *l = *state;
	struct cap c = cap(SCOPE_KEY, "k", 1000);
	struct hold_request r = request(&c, 1, 1000, 1000);
	struct store_txn *t;
	struct err err;

	take(l, 1, &r);
	t = live_write(l);
	assert_int_equal(ledger_release(t, l->owner.id, 1, &err), 0);
	live_commit(t);
	assert_spend(l, &c, 0, 0);
	assert_int_equal(live_rows(l, STORE_HOLDS), 0);
	assert_int_equal(live_rows(l, STORE_OUTBOX), 0);
	assert_int_equal(take(l, 2, &r).verdict, HOLD_GRANTED);
}

static void
test_an_overrun_is_charged_and_flagged(void **state)
{
	struct live *l = *state;
	struct cap c = cap(SCOPE_KEY, "k", 1000);
	struct hold_request r = request(&c, 1, 1000, 1000);
	struct hold_answer a;
	bool overrun = false;
	struct err err;

	take(l, 1, &r);
	assert_int_equal(try_settle(l, 1, 1001, &overrun, &err), 0);
	assert_true(overrun);
	assert_spend(l, &c, 1001, 0);
	r.worst_nanos = r.least_nanos = 1;
	a = take(l, 2, &r);
	assert_int_equal(a.verdict, HOLD_REFUSED);
	assert_int_equal(a.cap_room_nanos, -1);
	/* Free models stay usable. */
	r.worst_nanos = r.least_nanos = 0;
	assert_int_equal(take(l, 3, &r).verdict, HOLD_GRANTED);
	assert_int_equal(try_settle(l, 3, 0, &overrun, &err), 0);
	assert_false(overrun);
}

static void
test_without_a_hold_only_books_and_outbox(void **state)
{
	struct live *l = *state;
	struct settlement s = { .record = str_of("{\"status\":429}"),
		.outbox_owner = &l->owner,
		.now_nsecs = NOW };
	struct store_txn *t = live_write(l);
	struct str value;
	struct err err;
	struct key k;

	assert_int_equal(ledger_settle(t, &s, &err), 0);
	assert_int_equal(s.seq_r, 1);
	assert_false(s.overrun_r);
	key_init(&k);
	key_u64(&k, l->owner.id);
	key_u64(&k, 1);
	assert_int_equal(store_get(t, STORE_OUTBOX, key_str(&k), &value), 1);
	assert_str(value, "{\"status\":429}");
	live_commit(t);
}

static void
test_sequences_have_no_gap(void **state)
{
	struct live *l = *state;
	struct settlement s = { .record = str_of("{}"),
		.outbox_owner = &l->owner,
		.now_nsecs = NOW };
	struct store_txn *t;
	struct err err;

	for (uint64_t want = 1; want < 20;) {
		t = live_write(l);
		assert_int_equal(ledger_settle(t, &s, &err), 0);
		assert_int_equal(s.seq_r, want);
		if (random_u64() % 2 == 0) {
			store_abort(&t);
			continue;
		}
		live_commit(t);
		want++;
	}
}

static void
test_wrong_settlements_write_nothing(void **state)
{
	struct live *l = *state;
	struct cap c = cap(SCOPE_KEY, "k", 1000);
	struct hold_request r = request(&c, 1, 1000, 1000);
	struct charge charge = charge_of(100);
	static const char *const records[] = { "", "{", "x}", "{\"a\":1",
		"[]" };
	struct settlement s = { .owner = l->owner.id,
		.number = 1,
		.now_nsecs = NOW,
		.outbox_owner = &l->owner };
	struct store_txn *t;
	struct err err;

	take(l, 1, &r);
	t = live_write(l);
	for (size_t i = 0; i < ARRAY_LEN(records); i++) {
		s.record = str_of(records[i]);
		assert_int_equal(ledger_settle(t, &s, &err), -1);
		assert_int_equal(err.code, ERR_INTERNAL);
	}
	s.record = str_of("{}");
	s.charge_count = 1;
	s.charges = &charge;
	s.cost_nanos = 99; /* not the sum of the charges */
	assert_int_equal(ledger_settle(t, &s, &err), -1);
	assert_non_null(strstr(err.text, "cost 99, its charges 100"));
	assert_false(store_failed(t, NULL));
	live_commit(t);
	assert_spend(l, &c, 0, 1000);
	assert_int_equal(live_rows(l, STORE_OUTBOX), 0);
	assert_int_equal(live_rows(l, STORE_ROLLUP), 0);
}

/* ---- another amount ----------------------------------------------------- */

static struct hold_answer
retake(struct live *l, struct hold *h, const struct hold_request *r)
{
	struct store_txn *t = live_write(l);
	struct hold_answer a;
	struct err err;

	if (ledger_rehold(t, r, h, &a, &err) != 0)
		fail_msg("%s", err.text);
	live_commit(t);
	return a;
}

static void
test_a_hold_is_repriced_in_one_step(void **state)
{
	struct live *l = *state;
	struct cap c = cap(SCOPE_GLOBAL, "", 1000);
	struct hold_request r = request(&c, 1, 800, 800);
	struct hold h = hold_of(l, 1);
	struct hold_answer a;

	take(l, 1, &r);
	/* Its own 800 are no obstacle. */
	r.worst_nanos = r.least_nanos = 1000;
	a = retake(l, &h, &r);
	assert_int_equal(a.verdict, HOLD_GRANTED);
	assert_int_equal(a.cap_room_nanos, 1000);
	assert_int_equal(h.amount_nanos, 1000);
	assert_spend(l, &c, 0, 1000);
	/* Refused: the old one stands, in the store and in the caller's. */
	r.worst_nanos = r.least_nanos = 1001;
	r.caps[1] = cap(SCOPE_KEY, "other", 5000);
	r.cap_count = 2;
	a = retake(l, &h, &r);
	assert_int_equal(a.verdict, HOLD_REFUSED);
	assert_int_equal(h.amount_nanos, 1000);
	assert_int_equal(h.scope_count, 1);
	assert_spend(l, &c, 0, 1000);
	r.cap_count = 1;
	r.least_nanos = 10;
	a = retake(l, &h, &r);
	assert_int_equal(a.verdict, HOLD_CLAMPED);
	assert_spend(l, &c, 0, 1000);
	r.worst_nanos = 200;
	retake(l, &h, &r);
	assert_spend(l, &c, 0, 200);
	assert_int_equal(live_rows(l, STORE_HOLDS), 1);
	settle(l, 1, 150);
	assert_spend(l, &c, 150, 0);
}

static void
test_repricing_moves_between_scopes_and_windows(void **state)
{
	struct live *l = *state;
	struct cap before[2] = { cap_per(SCOPE_GLOBAL, "", 5000, "1d"),
		cap(SCOPE_PROVIDER, "a", 5000) };
	struct cap after[2] = { before[0], cap(SCOPE_PROVIDER, "b", 5000) };
	struct hold_request r = request(before, 2, 800, 800);
	struct hold h = hold_of(l, 1);
	struct store_txn *t;
	struct hold_answer a;
	struct err err;

	take(l, 1, &r);
	r = request(after, 2, 900, 900);
	r.now_nsecs = NOW + DAY;
	retake(l, &h, &r);
	assert_int_equal(spend_at(l, &before[0], NOW).held_nanos, 0);
	assert_int_equal(spend_at(l, &before[0], NOW + DAY).held_nanos, 900);
	assert_spend(l, &before[1], 0, 0);
	assert_spend(l, &after[1], 0, 900);
	assert_int_equal(h.scope_count, 2);
	t = live_write(l);
	h.number = 77;
	assert_int_equal(ledger_rehold(t, &r, &h, &a, &err), -1);
	assert_int_equal(err.code, ERR_NOT_HELD);
	live_commit(t);
}

/* ---- orphans ------------------------------------------------------------ */

/* The record with this sequence in the owner's outbox, parsed. */
static json_t *
outbox(struct live *l, uint64_t seq)
{
	struct store_txn *t = live_read(l);
	struct str value;
	struct err err;
	struct key k;
	json_t *json;

	key_init(&k);
	key_u64(&k, l->owner.id);
	key_u64(&k, seq);
	assert_int_equal(store_get(t, STORE_OUTBOX, key_str(&k), &value), 1);
	json = jsonx_parse(value, &err);
	if (json == NULL)
		fail_msg("%s: " STR_FMT, err.text, STR_ARG(value));
	store_abort(&t);
	return json;
}

/* Puts a hold as an owner that is dead by now had it. */
static void
put_hold(struct live *l, struct hold *h, const struct cap *caps, size_t n,
    int64_t amount)
{
	struct hold_request r = request(caps, n, amount, amount);
	struct store_txn *t = live_write(l);
	struct hold_answer a;
	struct err err;

	if (ledger_hold(t, &r, h, &a, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(a.verdict, HOLD_GRANTED);
	live_commit(t);
}

static struct orphan_end
end_orphan(struct live *l, const struct hold *h)
{
	struct store_txn *t = live_write(l);
	struct orphan_end end;
	struct err err;

	if (ledger_settle_orphan(t, h, &l->owner, NOW + 2 * NSECS_PER_SEC, &end,
		&err) != 0)
		fail_msg("%s", err.text);
	live_commit(t);
	return end;
}

static const char good_opening[] =
    "\"run_id\":\"r-1\",\"model\":\"m\",\"time\":\"2026-11-22T11:18:10Z\","
    "\"requested_model\":\"g\",\"provider\":\"p\",\"deployment\":\"d\","
    "\"stream\":true,\"key\":\"k\",\"team\":null,\"user\":\"u\\\"x\","
    "\"tags\":[\"a\"]";

static const char *
text_of(const json_t *json, const char *key)
{
	const char *s = json_string_value(json_object_get(json, key));

	return s == NULL ? "(none)" : s;
}

static int64_t
int_of(const json_t *json, const char *key)
{
	int64_t v = -1;

	assert_int_equal(jsonx_int(json, key, &v), 1);
	return v;
}

static void
test_an_orphan_that_was_sent_pays_for_its_prompt(void **state)
{
	struct live *l = *state;
	struct cap c = cap(SCOPE_KEY, "k", 100000);
	struct hold h = hold_of(l, 1);
	struct orphan_end end;
	json_t *json, *attempt;

	h.state = HOLD_SENT;
	h.prompt_nanos = 1250;
	h.prompt_tokens = 50;
	h.record = str_of(good_opening);
	h.price_version = str_of("0123456789abcdef");
	put_hold(l, &h, &c, 1, 9000);
	end = end_orphan(l, &h);
	assert_int_equal(end.cost_nanos, 1250);
	assert_int_equal(end.held_nanos, 9000);
	assert_false(end.overrun || end.uneven);
	assert_spend(l, &c, 1250, 0);
	assert_int_equal(rolled_up(l, ROLLUP_MODEL), 1250);
	assert_int_equal(live_rows(l, STORE_HOLDS), 0);

	json = outbox(l, end.seq);
	assert_string_equal(text_of(json, "run_id"), "r-1");
	assert_string_equal(text_of(json, "user"), "u\"x");
	assert_string_equal(text_of(json, "outcome"), "lost");
	assert_string_equal(text_of(json, "usage_source"), "estimated");
	assert_int_equal(int_of(json, "status"), 0);
	assert_int_equal(int_of(json, "prompt_tokens"), 50);
	assert_int_equal(int_of(json, "completion_tokens"), 0);
	assert_true(json_is_true(json_object_get(json, "orphan")));
	assert_null(json_object_get(json, "overrun"));
	attempt = json_array_get(json_object_get(json, "attempts"), 0);
	assert_string_equal(text_of(attempt, "error"), "lost");
	assert_string_equal(text_of(attempt, "price_version"),
	    "0123456789abcdef");
	assert_float_equal(json_number_value(
			       json_object_get(attempt, "cost_usd")),
	    0.00000125, 1e-12);
	assert_float_equal(json_number_value(
			       json_object_get(json, "latency_s")),
	    2.0, 1e-9);
	json_decref(json);
}

static void
test_an_orphan_that_was_not_sent_costs_nothing(void **state)
{
	struct live *l = *state;
	struct cap c = cap(SCOPE_KEY, "k", 100000);
	struct hold h = hold_of(l, 1);
	struct orphan_end end;
	json_t *json;

	h.prompt_nanos = 1250;
	h.record = str_of(good_opening);
	put_hold(l, &h, &c, 1, 9000);
	end = end_orphan(l, &h);
	assert_int_equal(end.cost_nanos, 0);
	assert_spend(l, &c, 0, 0);
	json = outbox(l, end.seq);
	assert_string_equal(text_of(json, "outcome"), "lost");
	assert_true(json_is_null(json_object_get(json, "usage_source")));
	json_decref(json);
}

static void
test_an_orphan_pays_for_what_was_delivered(void **state)
{
	struct live *l = *state;
	struct cap c = cap(SCOPE_KEY, "k", 100000);
	struct hold h = hold_of(l, 1);
	struct store_txn *t;
	struct orphan_end end;
	struct err err;

	h.prompt_nanos = 1000;
	put_hold(l, &h, &c, 1, 9000);
	t = live_write(l);
	assert_int_equal(ledger_mark(t, h.owner, 1, HOLD_SENT, &err), 0);
	assert_int_equal(ledger_progress(t, h.owner, 1, 7, 2100, &err), 0);
	assert_int_equal(ledger_progress(t, h.owner, 1, 9, 2700, &err), 0);
	live_commit(t);
	end = end_orphan(l, &h);
	assert_int_equal(end.cost_nanos, 3700);
	/* A prompt's worst price is cut to what is left of the hold ... */
	h.number = 2;
	h.prompt_nanos = 8000;
	h.output_nanos = 6500;
	h.state = HOLD_ANSWERING;
	put_hold(l, &h, &c, 1, 9000);
	end = end_orphan(l, &h);
	assert_int_equal(end.cost_nanos, 9000);
	assert_false(end.overrun);
	assert_spend(l, &c, 12700, 0);
	/* ... what was delivered is not. */
	h.number = 3;
	h.output_nanos = 9500;
	put_hold(l, &h, &c, 1, 9000);
	end = end_orphan(l, &h);
	assert_int_equal(end.cost_nanos, 9500);
	assert_true(end.overrun);
}

static void
test_an_orphan_keeps_its_ended_attempts(void **state)
{
	struct live *l = *state;
	struct charge ended[2] = { charge_of(300), charge_of(0) };
	struct hold h = hold_of(l, 1);
	struct orphan_end end;
	json_t *json, *attempts;

	ended[0].names.model = str_of("first");
	ended[0].amounts.requests = 0;
	ended[0].amounts.prompt_tokens = 11;
	ended[1].amounts.requests = 0;
	h.state = HOLD_SENT;
	h.prompt_nanos = 1000;
	h.record = str_of(good_opening);
	h.ended_count = 2;
	h.ended = ended;
	h.ended_attempts = str_of("{\"deployment\":\"one\"},{\"deployment\":"
				  "\"two\"}");
	put_hold(l, &h, NULL, 0, 5000);
	end = end_orphan(l, &h);
	assert_int_equal(end.cost_nanos, 1300);
	json = outbox(l, end.seq);
	assert_int_equal(int_of(json, "prompt_tokens"), 11);
	attempts = json_object_get(json, "attempts");
	assert_int_equal(json_array_size(attempts), 3);
	assert_string_equal(text_of(json_array_get(attempts, 1), "deployment"),
	    "two");
	assert_string_equal(text_of(json_array_get(attempts, 2), "deployment"),
	    "d");
	json_decref(json);
	assert_int_equal(rolled_up(l, ROLLUP_MODEL), 1300);
	assert_int_equal(rolled_up(l, ROLLUP_ALL), 1300);
}

static void
test_an_orphans_bad_opening_is_replaced(void **state)
{
	static const char *const bad[] = { "", "\"run_id\":", "not json",
		"\"a\":1}", "\"a\":{", "\"cost_usd\":5", "\"a\":1,",
		"\"a\":\"\xff\"" };
	struct live *l = *state;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct hold h = hold_of(l, i + 1);
		struct orphan_end end;
		json_t *json;

		h.state = HOLD_SENT;
		h.prompt_nanos = 10;
		h.record = str_of(bad[i]);
		h.names.tag_count = 1;
		h.names.tags[0] = str_of("tag");
		put_hold(l, &h, NULL, 0, 100);
		end = end_orphan(l, &h);
		json = outbox(l, end.seq);
		assert_string_equal(text_of(json, "model"), "m");
		assert_string_equal(text_of(json, "requested_model"), "g");
		assert_string_equal(text_of(json, "time"),
		    "2026-11-22T11:18:10.000000Z");
		assert_int_equal(json_array_size(json_object_get(json, "tags")),
		    1);
		json_decref(json);
	}
	assert_int_equal(rolled_up(l, ROLLUP_ALL),
	    10 * (int64_t)ARRAY_LEN(bad));
}

static void
test_an_orphan_is_settled_once(void **state)
{
	struct live *l = *state;
	struct hold h = hold_of(l, 1);
	struct store_txn *t;
	struct err err;

	put_hold(l, &h, NULL, 0, 100);
	end_orphan(l, &h);
	t = live_write(l);
	assert_int_equal(ledger_settle_orphan(t, &h, &l->owner, NOW, NULL,
			     &err),
	    -1);
	assert_int_equal(err.code, ERR_NOT_HELD);
	live_commit(t);
}

static void
test_orphans_are_settled_on_the_way(void **state)
{
	struct live *l = *state;
	struct cap c = cap(SCOPE_GLOBAL, "", 1000000);
	struct hold_walk w;
	struct store_txn *t;
	struct hold h;
	struct err err;
	int rc, seen = 0;

	for (uint64_t i = 1; i <= 50; i++) {
		h = hold_of(l, i);
		h.owner = 5 + i % 3;
		h.state = HOLD_SENT;
		h.prompt_nanos = 100;
		h.record = str_of(good_opening);
		put_hold(l, &h, &c, 1, 1000);
	}
	t = live_write(l);
	assert_int_equal(ledger_walk_holds(t, 6, &w, &err), 0);
	while ((rc = ledger_next_hold(&w, &h, &err)) == 1) {
		assert_int_equal(h.owner, 6);
		assert_int_equal(h.number % 3, 1);
		assert_int_equal(h.scope_count, 1);
		assert_int_equal(h.amount_nanos, 1000);
		assert_str(h.names.deployment, "d");
		assert_int_equal(ledger_settle_orphan(t, &h, &l->owner, NOW,
				     NULL, &err),
		    0);
		seen++;
	}
	assert_int_equal(rc, 0);
	ledger_end_walk(&w);
	live_commit(t);
	assert_int_equal(seen, 17);
	assert_int_equal(live_rows(l, STORE_HOLDS), 33);
	assert_spend(l, &c, 1700, 33000);
}

/* ---- upkeep ------------------------------------------------------------- */

static void
test_windows_that_are_over_are_swept(void **state)
{
	struct live *l = *state;
	struct cap caps[3] = { cap_per(SCOPE_KEY, "k", 1000, "1d"),
		cap(SCOPE_KEY, "k", 1000),
		cap_per(SCOPE_TEAM, "t", 9000, "1d") };
	struct hold_request r = request(caps, 3, 100, 100);
	struct store_txn *t;
	struct err err;

	take(l, 1, &r);
	settle(l, 1, 60);
	r.cap_count = 1;
	r.caps[0] = caps[2];
	take(l, 2, &r); /* still held in the team's window */
	t = live_write(l);
	assert_int_equal(ledger_sweep_spend(t, NOW, 100, &err), 0);
	assert_int_equal(ledger_sweep_spend(t, NOW + DAY, 0, &err), 0);
	assert_int_equal(ledger_sweep_spend(t, NOW + DAY, 100, &err), 1);
	assert_int_equal(ledger_sweep_spend(t, NOW + DAY, 100, &err), 0);
	live_commit(t);
	assert_int_equal(spend_at(l, &caps[0], NOW).spent_nanos, 0);
	assert_int_equal(spend_at(l, &caps[1], NOW).spent_nanos, 60);
	assert_int_equal(spend_at(l, &caps[2], NOW).held_nanos, 100);
}

static void
test_spend_rows_can_be_listed(void **state)
{
	struct live *l = *state;
	struct cap caps[3] = { cap(SCOPE_TEAM, "t", 9000),
		cap(SCOPE_GLOBAL, "", 9000), cap(SCOPE_KEY, "k", 9000) };
	static const enum scope_kind order[] = { SCOPE_GLOBAL, SCOPE_KEY,
		SCOPE_TEAM };
	struct hold_request r = request(caps, 3, 100, 100);
	struct store_txn *t;
	struct spend_walk w;
	struct hold_scope scope;
	struct spend_row row;
	struct err err;
	int n = 0, rc;

	take(l, 1, &r);
	t = live_read(l);
	assert_int_equal(ledger_walk_spend(t, &w, &err), 0);
	while ((rc = ledger_next_spend(&w, &scope, &row, &err)) == 1) {
		assert_int_equal(scope.kind, order[n]);
		assert_int_equal(row.held_nanos, 100);
		n++;
	}
	assert_int_equal(rc, 0);
	assert_int_equal(n, 3);
	ledger_end_walk_spend(&w);
	store_abort(&t);
}

static void
test_alerts_go_out_once(void **state)
{
	struct live *l = *state;
	struct cap c = cap(SCOPE_KEY, "k", 1000);
	struct hold_scope scope = { .kind = SCOPE_KEY, .id = str_of("k") };
	struct hold_request r = request(&c, 1, 100, 100);
	struct store_txn *t;
	struct err err;

	take(l, 1, &r);
	t = live_write(l);
	assert_int_equal(ledger_alerted(t, &scope, 1, &err), 1);
	assert_int_equal(ledger_alerted(t, &scope, 1, &err), 0);
	assert_int_equal(ledger_alerted(t, &scope, 2, &err), 1);
	assert_int_equal(ledger_alerted(t, &scope, 3, &err), 0);
	live_commit(t);
	settle(l, 1, 50);
	assert_int_equal(spend_at(l, &c, NOW).alerts, 3);
	assert_spend(l, &c, 50, 0);
}

/* ---- damage ------------------------------------------------------------- */

static void
test_damaged_rows_are_errors_with_their_key(void **state)
{
	struct live *l = *state;
	struct cap c = cap(SCOPE_KEY, "k", 1000);
	struct hold_scope scope = { .kind = SCOPE_KEY, .id = str_of("k") };
	struct hold_request r = request(&c, 1, 100, 100);
	struct settlement s = { .owner = l->owner.id,
		.number = 1,
		.record = str_of("{}"),
		.outbox_owner = &l->owner };
	struct hold h = hold_of(l, 2);
	struct store_txn *t;
	struct hold_answer a;
	struct err err;
	struct key k;

	take(l, 1, &r);
	t = live_write(l);
	spend_key(&k, &scope);
	store_put(t, STORE_SPEND, key_str(&k), str_of("rotten"));
	assert_int_equal(ledger_hold(t, &r, &h, &a, &err), -1);
	assert_int_equal(err.code, ERR_STORE);
	assert_non_null(strstr(err.text, "spend: the row with key 04"));
	assert_non_null(strstr(err.text, "6b is damaged"));
	assert_int_equal(ledger_settle(t, &s, &err), -1);
	assert_int_equal(err.code, ERR_STORE);
	hold_key(&k, l->owner.id, 1);
	store_put(t, STORE_HOLDS, key_str(&k), str_of(""));
	assert_int_equal(ledger_settle(t, &s, &err), -1);
	assert_non_null(strstr(err.text, "holds: the row with key"));
	assert_int_equal(ledger_release(t, l->owner.id, 1, &err), -1);
	assert_int_equal(ledger_mark(t, l->owner.id, 1, HOLD_SENT, &err), -1);
	h.number = 1;
	assert_int_equal(ledger_settle_orphan(t, &h, &l->owner, NOW, NULL,
			     &err),
	    -1);
	/* One bad row does not fail the others' transaction. */
	assert_false(store_failed(t, NULL));
	live_commit(t);
	assert_int_equal(live_rows(l, STORE_OUTBOX), 0);
}

static void
test_walks_step_over_damaged_rows(void **state)
{
	struct live *l = *state;
	struct hold_request r = request(NULL, 0, 100, 100);
	struct store_txn *t;
	struct hold_walk w;
	struct hold h;
	struct err err;
	struct key k;

	for (uint64_t i = 1; i <= 3; i++)
		take(l, i, &r);
	t = live_write(l);
	hold_key(&k, l->owner.id, 2);
	store_put(t, STORE_HOLDS, key_str(&k), str_of("x"));
	assert_int_equal(ledger_walk_holds(t, 0, &w, &err), 0);
	assert_int_equal(ledger_next_hold(&w, &h, &err), 1);
	assert_int_equal(ledger_next_hold(&w, &h, &err), -1);
	assert_int_equal(err.code, ERR_STORE);
	assert_int_equal(ledger_next_hold(&w, &h, &err), 1);
	assert_int_equal(h.number, 3);
	assert_int_equal(ledger_next_hold(&w, &h, &err), 0);
	ledger_end_walk(&w);
	store_abort(&t);
}

static void
test_books_that_do_not_fit_are_reported(void **state)
{
	struct live *l = *state;
	struct cap c = cap(SCOPE_KEY, "k", 1000);
	struct hold_scope scope = { .kind = SCOPE_KEY, .id = str_of("k") };
	struct hold_request r = request(&c, 1, 100, 100);
	struct settlement s = { .owner = l->owner.id,
		.number = 1,
		.record = str_of("{}"),
		.outbox_owner = &l->owner };
	struct store_txn *t;
	struct err err;
	struct key k;

	take(l, 1, &r);
	t = live_write(l);
	spend_key(&k, &scope);
	store_del(t, STORE_SPEND, key_str(&k));
	assert_int_equal(ledger_settle(t, &s, &err), 0);
	assert_true(s.uneven_r);
	live_commit(t);
	assert_spend(l, &c, 0, 0);
}

/* A full hold, with everything that has a length in it. */
static void
full_hold(struct hold *h, struct charge *ended)
{
	memset(h, 0, sizeof(*h));
	h->owner = 1;
	h->number = 2;
	h->state = HOLD_ANSWERING;
	h->amount_nanos = INT64_C(123456789012);
	h->prompt_nanos = 5;
	h->output_nanos = 6;
	h->output_tokens = 7;
	h->prompt_tokens = 8;
	h->taken_nsecs = NOW;
	h->deadline_nsecs = NOW + 1;
	h->scope_count = LEDGER_MAX_CAPS;
	for (size_t i = 0; i < h->scope_count; i++) {
		h->scopes[i].kind = (uint8_t)(i % SCOPE_COUNT);
		h->scopes[i].window_start = (uint32_t)i;
		h->scopes[i].window_end = (uint32_t)(2 * i);
		h->scopes[i].id = str_of("scope");
	}
	h->names.model = str_of("model");
	h->names.user = str_of("user");
	h->names.tag_count = 2;
	h->names.tags[0] = str_of("t0");
	h->names.tags[1] = str_of("t1");
	h->price_version = str_of("0123456789abcdef");
	h->record = str_of(good_opening);
	h->ended_attempts = str_of("{}");
	h->ended_count = 2;
	h->ended = ended;
	for (int i = 0; i < 2; i++)
		ended[i] = charge_of(i + 1);
}

static void
test_hold_rows_read_back(void **state)
{
	struct charge ended[2], room[LEDGER_MAX_ENDED];
	struct hold h, back;
	struct buf row;
	struct err err;

	(void)state;
	full_hold(&h, ended);
	assert_int_equal(hold_row_write(&h, &row, &err), 0);
	assert_int_equal(hold_row_read(buf_str(&row), &back, room), 0);
	assert_int_equal(back.state, h.state);
	assert_int_equal(back.amount_nanos, h.amount_nanos);
	assert_int_equal(back.prompt_nanos, h.prompt_nanos);
	assert_int_equal(back.output_nanos, h.output_nanos);
	assert_int_equal(back.output_tokens, h.output_tokens);
	assert_int_equal(back.prompt_tokens, h.prompt_tokens);
	assert_int_equal(back.taken_nsecs, h.taken_nsecs);
	assert_int_equal(back.deadline_nsecs, h.deadline_nsecs);
	assert_int_equal(back.scope_count, h.scope_count);
	assert_int_equal(back.scopes[7].window_end, 14);
	assert_str(back.scopes[15].id, "scope");
	assert_str(back.names.user, "user");
	assert_str(back.names.tags[1], "t1");
	assert_str(back.price_version, "0123456789abcdef");
	assert_str(back.record, good_opening);
	assert_str(back.ended_attempts, "{}");
	assert_int_equal(back.ended_count, 2);
	assert_int_equal(back.ended[1].amounts.cost_nanos, 2);
	assert_str(back.ended[1].names.key, "k");
	buf_fini(&row);
}

static void
test_no_damage_to_a_hold_row_is_read_past(void **state)
{
	struct charge ended[2], room[LEDGER_MAX_ENDED];
	struct hold h, back;
	struct buf row;
	struct err err;

	(void)state;
	full_hold(&h, ended);
	assert_int_equal(hold_row_write(&h, &row, &err), 0);
	for (size_t cut = 0; cut < row.len; cut++) {
		char *copy = xmalloc(cut + 1);

		memcpy(copy, row.data, cut);
		assert_int_equal(hold_row_read(str_make(copy, cut), &back,
				     room),
		    -1);
		free(copy);
	}
	for (int i = 0; i < 50000; i++) {
		char *copy = xmalloc(row.len);

		memcpy(copy, row.data, row.len);
		for (int n = 0; n < 2; n++)
			copy[random_u64() % row.len] = (char)random_u64();
		if (hold_row_read(str_make(copy, row.len), &back, room) == 0) {
			assert_true(back.scope_count <= LEDGER_MAX_CAPS);
			assert_true(back.amount_nanos >= 0);
		}
		free(copy);
	}
	buf_fini(&row);
}

static void
test_sums_saturate_under_a_cap(void **state)
{
	struct live *l = *state;
	struct cap c = cap(SCOPE_KEY, "k", MONEY_MAX - 1);
	struct hold_request r = request(&c, 1, MONEY_MAX, MONEY_MAX);

	assert_int_equal(take(l, 1, &r).verdict, HOLD_REFUSED);
	r.worst_nanos = r.least_nanos = MONEY_MAX - 1;
	assert_int_equal(take(l, 2, &r).verdict, HOLD_GRANTED);
	r.worst_nanos = r.least_nanos = 1;
	assert_int_equal(take(l, 3, &r).verdict, HOLD_REFUSED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		LIVE_TEST(test_without_caps_only_the_hold_is_written),
		LIVE_TEST(test_exactly_as_many_pass_as_fit),
		LIVE_TEST(test_all_scopes_or_none),
		cmocka_unit_test(test_less_before_no),
		LIVE_TEST(test_windows_that_begin_together_are_two),
		LIVE_TEST(test_two_caps_on_one_window_count_once),
		LIVE_TEST(test_a_hold_settles_in_the_window_it_was_taken_in),
		LIVE_TEST(test_unknown_prices_are_refused_under_a_cap),
		LIVE_TEST(test_wrong_requests_write_nothing),
		LIVE_TEST(test_long_ids_stay_apart),
		LIVE_TEST(test_a_hold_is_settled_once),
		LIVE_TEST(test_release_leaves_no_trace),
		LIVE_TEST(test_an_overrun_is_charged_and_flagged),
		LIVE_TEST(test_without_a_hold_only_books_and_outbox),
		LIVE_TEST(test_sequences_have_no_gap),
		LIVE_TEST(test_wrong_settlements_write_nothing),
		LIVE_TEST(test_a_hold_is_repriced_in_one_step),
		LIVE_TEST(test_repricing_moves_between_scopes_and_windows),
		LIVE_TEST(test_an_orphan_that_was_sent_pays_for_its_prompt),
		LIVE_TEST(test_an_orphan_that_was_not_sent_costs_nothing),
		LIVE_TEST(test_an_orphan_pays_for_what_was_delivered),
		LIVE_TEST(test_an_orphan_keeps_its_ended_attempts),
		LIVE_TEST(test_an_orphans_bad_opening_is_replaced),
		LIVE_TEST(test_an_orphan_is_settled_once),
		LIVE_TEST(test_orphans_are_settled_on_the_way),
		LIVE_TEST(test_windows_that_are_over_are_swept),
		LIVE_TEST(test_spend_rows_can_be_listed),
		LIVE_TEST(test_alerts_go_out_once),
		LIVE_TEST(test_damaged_rows_are_errors_with_their_key),
		LIVE_TEST(test_walks_step_over_damaged_rows),
		LIVE_TEST(test_books_that_do_not_fit_are_reported),
		cmocka_unit_test(test_hold_rows_read_back),
		cmocka_unit_test(test_no_damage_to_a_hold_row_is_read_past),
		LIVE_TEST(test_sums_saturate_under_a_cap),
	};

	return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
