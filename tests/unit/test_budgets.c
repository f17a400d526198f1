/* Which budgets apply to a request, and those that are set by hand. */
#include "live_store.h"

#include "domain/ledger/budget_room.h"
#include "domain/ledger/budgets.h"

#define NOW (INT64_C(1795346290) * INT64_C(1000000000))

/* per, match, max_budget, duration, on_exhaust */
static struct config_budget configured[] = {
	{ "global", "", "10", "", "1d", "clamp", "f", 1 },
	{ "key", "", "5", "", "1d", "refuse", "f", 2 },
	{ "key", "rich", "50", "40", "30d", "downgrade:small", "f", 3 },
	{ "tag", "", "1", "", "", "clamp", "f", 4 },
};

struct fixture {
	struct live *live;
	struct budgets *budgets;
	struct arena arena;
	struct cap caps[LEDGER_MAX_CAPS];
};

static void
open_fixture(struct fixture *f, struct live *l)
{
	struct config c = { .timezone = "Europe/Paris",
		.budget_count = ARRAY_LEN(configured),
		.budgets = configured };
	struct err err;

	f->live = l;
	arena_init(&f->arena, 1024);
	if (budgets_build(&c, &f->budgets, &err) != 0)
		fail_msg("%s", err.text);
}

static void
close_fixture(struct fixture *f)
{
	budgets_free(&f->budgets);
	arena_fini(&f->arena);
}

static int
try_set(struct fixture *f, enum scope_kind kind, const char *match,
    const char *duration, const char *amount, struct err *err)
{
	struct budget_order o = { kind, str_of(match), str_of(duration), amount,
		NOW };
	struct store_txn *t;
	int rc;

	if (store_write(f->live->store, STORE_ACCOUNTS, &t, err) != 0)
		fail_msg("%s", err->text);
	rc = budgets_set(t, &o, err);
	if (rc == 0)
		live_commit(t);
	else
		store_abort(&t);
	return rc;
}

static void
set(struct fixture *f, enum scope_kind kind, const char *match,
    const char *duration, const char *amount)
{
	struct err err;

	if (try_set(f, kind, match, duration, amount, &err) != 0 ||
	    budgets_refresh(f->budgets, f->live->store, &err) != 0)
		fail_msg("%s", err.text);
}

/* The cap on this scope and window, in USD; -1 none. */
static int64_t
usd(struct fixture *f, enum scope_kind kind, const char *id,
    enum window_unit unit)
{
	struct str tag = str_of(kind == SCOPE_TAG ? id : "");
	struct budget_subject who = {
		.key = str_of(kind == SCOPE_KEY ? id : ""),
		.tag_count = kind == SCOPE_TAG,
		.tags = &tag,
	};
	struct err err;
	int n = budgets_apply(f->budgets, &who, &f->arena, f->caps, &err);

	if (n < 0)
		fail_msg("%s", err.text);
	for (int i = 0; i < n; i++) {
		if (f->caps[i].kind == kind && f->caps[i].rule.unit == unit &&
		    strcmp(f->caps[i].id, id) == 0)
			return f->caps[i].cap_nanos / NANOS_PER_USD;
	}
	return -1;
}

static void
test_each_and_named_budgets_apply(void **state)
{
	struct fixture f;

	open_fixture(&f, *state);
	assert_int_equal(usd(&f, SCOPE_GLOBAL, "", WINDOW_DAYS), 10);
	assert_int_equal(usd(&f, SCOPE_KEY, "poor", WINDOW_DAYS), 5);
	assert_int_equal(usd(&f, SCOPE_KEY, "poor", WINDOW_MONTHS), -1);
	assert_int_equal(usd(&f, SCOPE_KEY, "rich", WINDOW_MONTHS), 50);
	assert_int_equal(usd(&f, SCOPE_TAG, "t", WINDOW_FOREVER), 1);
	assert_int_equal(f.budgets->items[0].cap.soft_nanos, 8 * NANOS_PER_USD);
	assert_int_equal(f.budgets->items[2].cap.soft_nanos,
	    40 * NANOS_PER_USD);
	close_fixture(&f);
}

static void
test_one_set_by_hand_takes_the_place(void **state)
{
	struct fixture f;

	open_fixture(&f, *state);
	/* Higher, lower, for everybody, and back. */
	set(&f, SCOPE_GLOBAL, "", "1d", "20");
	assert_int_equal(usd(&f, SCOPE_GLOBAL, "", WINDOW_DAYS), 20);
	set(&f, SCOPE_KEY, "poor", "1d", "7");
	assert_int_equal(usd(&f, SCOPE_KEY, "poor", WINDOW_DAYS), 7);
	assert_int_equal(usd(&f, SCOPE_KEY, "other", WINDOW_DAYS), 5);
	set(&f, SCOPE_KEY, "", "1d", "6");
	assert_int_equal(usd(&f, SCOPE_KEY, "other", WINDOW_DAYS), 6);
	assert_int_equal(usd(&f, SCOPE_KEY, "poor", WINDOW_DAYS), 7);
	set(&f, SCOPE_KEY, "poor", "1d", NULL);
	assert_int_equal(usd(&f, SCOPE_KEY, "poor", WINDOW_DAYS), 6);
	set(&f, SCOPE_GLOBAL, "", "1d", NULL);
	assert_int_equal(usd(&f, SCOPE_GLOBAL, "", WINDOW_DAYS), 10);
	close_fixture(&f);
}

static void
test_another_window_is_another_budget(void **state)
{
	struct fixture f;

	open_fixture(&f, *state);
	set(&f, SCOPE_GLOBAL, "", "", "3");
	assert_int_equal(usd(&f, SCOPE_GLOBAL, "", WINDOW_DAYS), 10);
	assert_int_equal(usd(&f, SCOPE_GLOBAL, "", WINDOW_FOREVER), 3);
	/* The window's other spelling is the same window. */
	set(&f, SCOPE_KEY, "rich", "1mo", "60");
	assert_int_equal(usd(&f, SCOPE_KEY, "rich", WINDOW_MONTHS), 60);
	close_fixture(&f);
}

static void
test_it_does_what_the_configured_one_does(void **state)
{
	struct fixture f;

	open_fixture(&f, *state);
	set(&f, SCOPE_KEY, "rich", "30d", "60");
	set(&f, SCOPE_KEY, "poor", "1d", "6");
	set(&f, SCOPE_TEAM, "blue", "", "6");
	for (size_t i = 0; i < f.budgets->hand_count; i++) {
		const struct budget *b = &f.budgets->hand_items[i];

		if (strcmp(b->match, "rich") == 0) {
			assert_int_equal(b->cap.policy, CAP_DOWNGRADE);
			assert_string_equal(b->cap.downgrade_to, "small");
		} else if (strcmp(b->match, "poor") == 0) {
			assert_int_equal(b->cap.policy, CAP_REFUSE);
		} else {
			assert_int_equal(b->cap.policy, CAP_CLAMP);
		}
	}
	close_fixture(&f);
}

static void
test_wrong_orders_are_refused(void **state)
{
	static const struct {
		enum scope_kind kind;
		const char *match, *duration, *amount;
		enum err_code code;
	} rows[] = {
		{ SCOPE_GLOBAL, "name", "", "1", ERR_USAGE },
		{ SCOPE_KEY, "k", "soon", "1", ERR_USAGE },
		{ SCOPE_KEY, "k", "", "much", ERR_USAGE },
		{ SCOPE_KEY, "k", "", "-1", ERR_USAGE },
		{ SCOPE_KEY, "k", "", "0.0000000001", ERR_USAGE },
		{ SCOPE_KEY, "k", "", NULL, ERR_NOT_HELD },
	};
	struct fixture f;
	struct err err;

	open_fixture(&f, *state);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(try_set(&f, rows[i].kind, rows[i].match,
				     rows[i].duration, rows[i].amount, &err),
		    -1);
		assert_int_equal(err.code, rows[i].code);
	}
	assert_int_equal(live_rows(f.live, STORE_BUDGETS), 0);
	close_fixture(&f);
}

static void
test_a_row_that_is_not_understood_is_not_dropped(void **state)
{
	struct store_txn *t;
	struct fixture f;
	struct err err;

	open_fixture(&f, *state);
	set(&f, SCOPE_GLOBAL, "", "1d", "2");
	if (store_write(f.live->store, STORE_ACCOUNTS, &t, &err) != 0)
		fail_msg("%s", err.text);
	store_put(t, STORE_BUDGETS, str_make("\0\0x", 3), str_of("{"));
	live_commit(t);
	assert_int_equal(budgets_refresh(f.budgets, f.live->store, &err), -1);
	assert_int_equal(err.code, ERR_STORE);
	assert_int_equal(budgets_refresh(f.budgets, f.live->store, &err), -1);
	close_fixture(&f);
}

/* Holds `nanos` under the caps of this key, as a request would. */
static void
hold(struct fixture *f, const struct budget_subject *who, int64_t nanos)
{
	struct hold_request request = { .worst_nanos = nanos,
		.least_nanos = nanos,
		.now_nsecs = NOW };
	struct hold h = { .owner = f->live->owner.id,
		.number = 1,
		.record = str_of("\"run_id\":\"r\"") };
	struct store_txn *t = live_write(f->live);
	struct hold_answer answer;
	struct cap caps[LEDGER_MAX_CAPS];
	struct err err;
	int n = budgets_apply(f->budgets, who, &f->arena, caps, &err);

	request.caps = caps;
	request.cap_count = (size_t)n;
	if (ledger_hold(t, &request, &h, &answer, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(answer.verdict, HOLD_GRANTED);
	live_commit(t);
}

static void
test_room_is_what_the_ledger_says(void **state)
{
	struct budget_subject who = { .key = str_of("poor") };
	struct budget_room rooms[LEDGER_MAX_CAPS];
	struct store_txn *t;
	struct fixture f;
	struct err err;
	int n;

	open_fixture(&f, *state);
	hold(&f, &who, 2 * NANOS_PER_USD);
	set(&f, SCOPE_GLOBAL, "", "1d", "3");
	t = live_read(f.live);
	n = budget_room_list(t, f.budgets, &who, NOW, &f.arena, rooms, &err);
	assert_int_equal(n, 2);
	assert_int_equal(rooms[0].cap.kind, SCOPE_GLOBAL);
	assert_int_equal(rooms[0].held_nanos, 2 * NANOS_PER_USD);
	assert_int_equal(rooms[0].room_nanos, 1 * NANOS_PER_USD);
	assert_int_equal(rooms[1].cap.kind, SCOPE_KEY);
	assert_string_equal(rooms[1].cap.id, "poor");
	assert_int_equal(rooms[1].room_nanos, 3 * NANOS_PER_USD);
	assert_int_equal(rooms[1].window_end - rooms[1].window_start, 86400);
	assert_ptr_equal(budget_room_least(rooms, (size_t)n), &rooms[0]);
	/* Another key has its own room; tomorrow there is a new window. */
	who.key = str_of("other");
	n = budget_room_list(t, f.budgets, &who, NOW, &f.arena, rooms, &err);
	assert_int_equal(n, 2);
	assert_int_equal(rooms[1].room_nanos, 5 * NANOS_PER_USD);
	n = budget_room_list(t, f.budgets, &who,
	    NOW + INT64_C(86400) * 1000000000, &f.arena, rooms, &err);
	assert_int_equal(rooms[0].room_nanos, 3 * NANOS_PER_USD);
	assert_null(budget_room_least(rooms, 0));
	store_abort(&t);
	close_fixture(&f);
}

static uint32_t
since_of(struct fixture *f, size_t i)
{
	struct err err;

	if (budgets_refresh(f->budgets, f->live->store, &err) != 0)
		fail_msg("%s", err.text);
	return f->budgets->items[i].cap.since;
}

/* A restart makes nothing new; another window, name or scope does, and what was
   gone for a while. */
static void
test_since_when_a_configured_one_is_there(void **state)
{
	const int64_t hour = INT64_C(3600) * 1000000000;
	const uint32_t now = NOW / 1000000000;
	struct fixture f;
	uint64_t txn;

	open_fixture(&f, *state);
	assert_int_equal(since_of(&f, 0), 0);
	assert_int_equal(budgets_note(f.budgets, f.live->store, NOW, NULL), 0);
	assert_int_equal(since_of(&f, 0), now);
	close_fixture(&f);
	configured[0].max_budget = "11";
	configured[2].duration = "7d";
	open_fixture(&f, *state);
	assert_int_equal(budgets_note(f.budgets, f.live->store, NOW + hour,
			     NULL),
	    0);
	assert_int_equal(since_of(&f, 0), now);
	assert_int_equal(since_of(&f, 2), now + 3600);
	txn = store_last_txn(f.live->store, STORE_ACCOUNTS);
	assert_int_equal(budgets_note(f.budgets, f.live->store, NOW + 2 * hour,
			     NULL),
	    0);
	assert_int_equal(store_last_txn(f.live->store, STORE_ACCOUNTS), txn);
	close_fixture(&f);
	configured[0].max_budget = "10";
	configured[2].duration = "30d";
	open_fixture(&f, *state);
	assert_int_equal(budgets_note(f.budgets, f.live->store, NOW + 2 * hour,
			     NULL),
	    0);
	assert_int_equal(since_of(&f, 2), now + 7200);
	close_fixture(&f);
}

/* Set by hand twice it counts on; taken away in between it is new. */
static void
test_since_when_one_by_hand_is_there(void **state)
{
	static const struct {
		const char *amount;
		int64_t since_hours;
	} steps[] = { { "3", 0 }, { "4", 0 }, { NULL, -1 }, { "5", 3 } };
	struct fixture f;

	open_fixture(&f, *state);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct budget_order o = { SCOPE_GLOBAL, str_of(""),
			str_of("7d"), steps[i].amount,
			NOW + (int64_t)i * 3600 * 1000000000 };
		struct store_txn *t;

		assert_int_equal(store_write(f.live->store, STORE_ACCOUNTS, &t,
				     NULL),
		    0);
		assert_int_equal(budgets_set(t, &o, NULL), 0);
		live_commit(t);
		assert_int_equal(budgets_refresh(f.budgets, f.live->store,
				     NULL),
		    0);
		assert_int_equal(f.budgets->hand_count,
		    steps[i].amount != NULL);
		if (steps[i].amount != NULL)
			assert_int_equal(f.budgets->hand_items[0].cap.since,
			    NOW / 1000000000 + steps[i].since_hours * 3600);
	}
	close_fixture(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE_TEST(test_each_and_named_budgets_apply),
		LIVE_TEST(test_one_set_by_hand_takes_the_place),
		LIVE_TEST(test_another_window_is_another_budget),
		LIVE_TEST(test_it_does_what_the_configured_one_does),
		LIVE_TEST(test_wrong_orders_are_refused),
		LIVE_TEST(test_a_row_that_is_not_understood_is_not_dropped),
		LIVE_TEST(test_room_is_what_the_ledger_says),
		LIVE_TEST(test_since_when_a_configured_one_is_there),
		LIVE_TEST(test_since_when_one_by_hand_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
