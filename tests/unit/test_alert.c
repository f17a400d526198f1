/* Alerts of budgets: which caps are told of, and once. */
#include "ledger_fixture.h"
#include "unit.h"

#include "domain/ledger/alert.h"

/* A hold for these caps that was settled with this cost; what was told of. */
static int
tell(struct live *l, uint64_t number, const struct hold_request *r,
    int64_t cost)
{
	struct hold h = hold_of(l, number);
	struct store_txn *t = live_write(l);
	struct spend_row rows[LEDGER_MAX_CAPS];
	struct hold_answer answer;
	struct err err;

	assert_int_equal(ledger_hold(t, r, &h, &answer, &err), 0);
	assert_int_equal(answer.verdict, HOLD_GRANTED);
	live_commit(t);
	settle(l, number, cost);
	t = live_write(l);
	for (size_t i = 0; i < h.scope_count; i++)
		assert_int_equal(ledger_spend(t, &h.scopes[i], &rows[i], &err),
		    0);
	/* What the settlement says of the rows, or the store itself. */
	assert_int_equal(alert_check_spent(t, r, &h, number % 2 ? rows : NULL,
			     NOW + DAY, &err),
	    0);
	live_commit(t);
	return live_rows(l, STORE_ALERTS);
}

static void
test_once_for_each_threshold(void **state)
{
	struct live *l = *state;
	struct cap c = cap(SCOPE_KEY, "k", 1000);
	struct hold_request r = request(&c, 1, 400, 400);

	c.soft_nanos = 800;
	assert_int_equal(tell(l, 1, &r, 400), 0);
	assert_int_equal(tell(l, 2, &r, 400), 1); /* soft */
	r.worst_nanos = r.least_nanos = 100;
	assert_int_equal(tell(l, 3, &r, 100), 1); /* still */
	assert_int_equal(tell(l, 4, &r, 100), 2); /* used up */
}

/* Two caps in one window have one row: the ones behind them are told of all
   the same. */
static void
test_caps_that_share_a_window_hide_nobody(void **state)
{
	struct live *l = *state;
	const struct cap caps[] = { cap(SCOPE_KEY, "k", 5000),
		cap(SCOPE_KEY, "k", 6000), cap(SCOPE_GLOBAL, "", 300),
		cap_per(SCOPE_GLOBAL, "", 300, "1d") };
	struct hold_request r = request(caps, 4, 300, 300);

	assert_int_equal(tell(l, 1, &r, 300), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE_TEST(test_once_for_each_threshold),
		LIVE_TEST(test_caps_that_share_a_window_hide_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
