/*
 * The ledger's rules, one by one: what is granted, clamped and refused, and
 * what settles where. The same over many random steps: test_ledger_model.
 */
#include "ledger_fixture.h"

#include "base/hash.h"
#include "domain/prices/pricing.h"
#include "store/key.h"

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

/* Two attempts ran at a time: each in its own scopes, in one step. */
static void
test_two_holds_settle_as_one(void **state)
{
	struct live *l = *state;
	struct cap key = cap(SCOPE_KEY, "k", 10000);
	struct cap one = cap(SCOPE_DEPLOYMENT, "one", 10000);
	struct cap two = cap(SCOPE_DEPLOYMENT, "two", 10000);
	const struct cap first[] = { key, one }, second[] = { key, two };
	struct hold_request r1 = request(first, 2, 1000, 1000);
	struct hold_request r2 = request(second, 2, 3000, 3000);
	struct charge charges[] = { charge_of(40), charge_of(500) };
	struct spend_row rows[ARRAY_LEN(second)];
	struct settlement s = { .owner = l->owner.id,
		.number = 2,
		.second_number = 1,
		.cost_nanos = 540,
		.second_cost_nanos = 40,
		.charge_count = 2,
		.charges = charges,
		.now_nsecs = NOW,
		.record = str_of("{}"),
		.outbox_owner = &l->owner,
		.rows_r = rows };
	struct store_txn *t;
	struct err err;

	take(l, 1, &r1);
	take(l, 2, &r2);
	assert_spend(l, &key, 0, 4000);
	t = live_write(l);
	assert_int_equal(ledger_settle(t, &s, &err), 0);
	live_commit(t);
	/* As they are when both holds are settled. */
	for (size_t i = 0; i < ARRAY_LEN(second); i++) {
		struct spend_row row = spend_at(l, &second[i], NOW);

		assert_memory_equal(&row, &rows[i], sizeof(row));
	}
	assert_false(s.overrun_r);
	assert_false(s.uneven_r);
	assert_spend(l, &key, 540, 0);
	assert_spend(l, &one, 40, 0);
	assert_spend(l, &two, 500, 0);
	assert_int_equal(live_rows(l, STORE_HOLDS), 0);
	assert_int_equal(live_rows(l, STORE_OUTBOX), 1);
	assert_int_equal(rolled_up(l, ROLLUP_ALL), 540);
	/* What is not there is not settled, and nothing else is. */
	take(l, 3, &r1);
	s.number = 3;
	t = live_write(l);
	assert_int_equal(ledger_settle(t, &s, &err), -1);
	assert_int_equal(err.code, ERR_NOT_HELD);
	live_commit(t);
	assert_spend(l, &one, 40, 1000);
	/* A part that is more than the whole, or nobody's. */
	s.second_cost_nanos = 541;
	t = live_write(l);
	assert_int_equal(ledger_settle(t, &s, &err), -1);
	assert_int_equal(err.code, ERR_INTERNAL);
	s.second_number = 0;
	s.second_cost_nanos = 40;
	assert_int_equal(ledger_settle(t, &s, &err), -1);
	live_commit(t);
	assert_int_equal(live_rows(l, STORE_HOLDS), 1);
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
	struct cap both[2] = { c, cap(SCOPE_KEY, "other", 5000) };
	struct hold_request r = request(both, 1, 800, 800);
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

/* What the first attempt cost stays with its provider, also when a stranger
   ends the second. */
static void
test_an_ended_attempt_counts_where_it_was_held(void **state)
{
	struct live *l = *state;
	struct cap before[2] = { cap_per(SCOPE_GLOBAL, "", 5000, "1d"),
		cap(SCOPE_PROVIDER, "a", 5000) };
	struct cap after[2] = { before[0], cap(SCOPE_PROVIDER, "b", 5000) };
	struct hold_request r = request(before, 2, 800, 800);
	struct charge ended = charge_of(300);
	struct hold h = hold_of(l, 1);
	struct orphan_end end;
	struct hold_answer a;
	struct store_txn *t;
	struct err err;

	take(l, 1, &r);
	ended.amounts.requests = 0;
	h.ended = &ended;
	h.ended_count = 1;
	h.booked_nanos = 300;
	h.prompt_nanos = 700;
	h.state = HOLD_SENT;
	r = request(after, 2, 900, 900);
	retake(l, &h, &r);
	assert_spend(l, &before[0], 300, 900);
	assert_spend(l, &before[1], 300, 0);
	assert_spend(l, &after[1], 0, 900);
	/* Booked once, and never taken back. */
	retake(l, &h, &r);
	assert_spend(l, &before[0], 300, 900);
	t = live_write(l);
	h.booked_nanos = 299;
	assert_int_equal(ledger_rehold(t, &r, &h, &a, &err), -1);
	assert_int_equal(err.code, ERR_INTERNAL);
	assert_int_equal(ledger_settle_orphan(t, &h, &l->owner, NOW, &end,
			     &err),
	    0);
	live_commit(t);
	assert_int_equal(end.cost_nanos, 1000);
	assert_false(end.overrun);
	assert_spend(l, &before[0], 1000, 0);
	assert_spend(l, &before[1], 300, 0);
	assert_spend(l, &after[1], 700, 0);
}

/* ---- docs/ledger.md ----------------------------------------------------- */

static void
row_of_the_example(struct live *l, const struct cap *key, int64_t spent,
    int64_t held, int64_t room)
{
	assert_spend(l, key, spent, held);
	assert_int_equal(key->cap_nanos - spent - held, room);
}

static void
test_the_example_of_the_document(void **state)
{
	struct live *l = *state;
	struct cap caps[2] = { cap_per(SCOPE_KEY, "k", 1000000, "1d"),
		cap_per(SCOPE_GLOBAL, "", NANOS_PER_USD, "30d") };
	struct price p = { .known = true,
		.base = { 150000, 600000, -1, -1, -1, -1, -1, -1, -1, -1 } };
	int64_t prompt = price_worst_nanos(&p, 1000, 0);
	struct hold_request r = request(caps, 2,
	    price_worst_nanos(&p, 1000, 500), price_worst_nanos(&p, 1000, 16));
	struct hold b = hold_of(l, 2);
	struct hold_answer a;
	struct store_txn *t;
	struct err err;

	assert_int_equal(prompt, 150000);
	assert_int_equal(r.worst_nanos, 450000);
	assert_int_equal(r.least_nanos, 159600);
	take(l, 1, &r);
	row_of_the_example(l, caps, 0, 450000, 550000);
	b.prompt_nanos = prompt;
	b.state = HOLD_SENT;
	t = live_write(l);
	assert_int_equal(ledger_hold(t, &r, &b, &a, &err), 0);
	live_commit(t);
	row_of_the_example(l, caps, 0, 900000, 100000);
	assert_int_equal(take(l, 3, &r).verdict, HOLD_REFUSED);
	settle(l, 1, price_worst_nanos(&p, 1000, 100));
	row_of_the_example(l, caps, 210000, 450000, 340000);
	a = take(l, 4, &r);
	assert_int_equal(a.verdict, HOLD_CLAMPED);
	assert_int_equal(price_affordable_tokens(&p, 1000, a.amount_nanos),
	    316);
	row_of_the_example(l, caps, 210000, 790000, 0);
	t = live_write(l);
	assert_int_equal(ledger_settle_orphan(t, &b, &l->owner, NOW, NULL,
			     &err),
	    0);
	live_commit(t);
	row_of_the_example(l, caps, 360000, 340000, 300000);
	settle(l, 4, price_worst_nanos(&p, 1000, 316));
	row_of_the_example(l, caps, 699600, 0, 300400);
	r.now_nsecs = NOW + DAY;
	assert_int_equal(take(l, 5, &r).verdict, HOLD_GRANTED);
	assert_int_equal(spend_at(l, &caps[0], NOW + DAY).held_nanos, 450000);
	assert_spend(l, &caps[1], 699600, 450000);
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
		LIVE_TEST(test_two_holds_settle_as_one),
		LIVE_TEST(test_without_a_hold_only_books_and_outbox),
		LIVE_TEST(test_sequences_have_no_gap),
		LIVE_TEST(test_wrong_settlements_write_nothing),
		LIVE_TEST(test_a_hold_is_repriced_in_one_step),
		LIVE_TEST(test_repricing_moves_between_scopes_and_windows),
		LIVE_TEST(test_an_ended_attempt_counts_where_it_was_held),
		LIVE_TEST(test_the_example_of_the_document),
	};

	return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
