/*
 * The ledger's rows: sweeps, lists and alerts over them, and what happens
 * when they are damaged.
 */
#include "ledger_fixture.h"

#include "base/hash.h"
#include "domain/ledger/ledger_row.h"

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
	r.caps = &caps[2];
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
	h->booked_nanos = 9;
	h->scope_count = LEDGER_MAX_CAPS;
	for (size_t i = 0; i < h->scope_count; i++) {
		h->scopes[i].kind = (uint8_t)(i % SCOPE_COUNT);
		h->scopes[i].window_start = (uint32_t)i;
		h->scopes[i].window_end = (uint32_t)(2 * i);
		h->scopes[i].id = str_of("scope");
	}
	h->names.model = str_of("model");
	h->names.user = str_of("user");
	h->names.customer = str_of("customer");
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
	assert_int_equal(back.booked_nanos, h.booked_nanos);
	assert_int_equal(back.scope_count, h.scope_count);
	assert_int_equal(back.scopes[7].window_end, 14);
	assert_str(back.scopes[15].id, "scope");
	assert_str(back.names.user, "user");
	assert_str(back.names.customer, "customer");
	assert_false(back.names.no_splits);
	assert_str(back.names.tags[1], "t1");
	assert_str(back.price_version, "0123456789abcdef");
	assert_str(back.record, good_opening);
	assert_str(back.ended_attempts, "{}");
	assert_int_equal(back.ended_count, 2);
	assert_int_equal(back.ended[1].amounts.cost_nanos, 2);
	assert_str(back.ended[1].names.key, "k");
	buf_fini(&row);
}

/* As a version wrote them that knew no customers. */
static void
test_old_hold_rows_are_read(void **state)
{
	static const char both[] = "\4\0user\10\0customer";
	struct charge ended[2], room[LEDGER_MAX_ENDED];
	struct hold h, back;
	struct buf row;
	struct err err;
	char *at;
	size_t rest;

	(void)state;
	full_hold(&h, ended);
	h.ended_count = 0;
	assert_int_equal(hold_row_write(&h, &row, &err), 0);
	at = memmem(row.data, row.len, both, sizeof(both) - 1);
	assert_non_null(at);
	at += strlen("..user");
	rest = row.len - (size_t)(at - row.data) - strlen("..customer");
	memmove(at, at + strlen("..customer"), rest);
	row.data[0] = 1;
	assert_int_equal(hold_row_read(str_make(row.data,
					   row.len - strlen("..customer")),
			     &back, room),
	    0);
	assert_str(back.names.user, "user");
	assert_int_equal(back.names.customer.n, 0);
	assert_true(back.names.no_splits);
	assert_str(back.names.tags[1], "t1");
	assert_str(back.record, good_opening);
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
		LIVE_TEST(test_windows_that_are_over_are_swept),
		LIVE_TEST(test_spend_rows_can_be_listed),
		LIVE_TEST(test_alerts_go_out_once),
		LIVE_TEST(test_damaged_rows_are_errors_with_their_key),
		LIVE_TEST(test_walks_step_over_damaged_rows),
		LIVE_TEST(test_books_that_do_not_fit_are_reported),
		cmocka_unit_test(test_hold_rows_read_back),
		cmocka_unit_test(test_old_hold_rows_are_read),
		cmocka_unit_test(test_no_damage_to_a_hold_row_is_read_past),
		LIVE_TEST(test_sums_saturate_under_a_cap),
	};

	return cmocka_run_group_tests_name("ledger_rows", tests, NULL, NULL);
}
