/* What a row allows: caps, limits, what is carried, what is counted. */
#include "registry_fixture.h"

struct fixture {
	struct arena arena;
	struct allowance a;
	struct err err;
};

static int
try_read(struct fixture *f, const char *row, const char *budget, int64_t now)
{
	json_t *r = row == NULL ? NULL : parse(row);
	json_t *b = budget == NULL ? NULL : parse(budget);
	struct allowance_source source = {
		.kind = SCOPE_KEY,
		.id = str_of("K"),
		.row = r,
		.budget = b,
		.now_nsecs = now,
	};
	int rc;

	arena_init(&f->arena, 1024);
	rc = allowance_read(&source, &f->arena, &f->a, &f->err);
	json_decref(r);
	json_decref(b);
	return rc;
}

static void
must_read(struct fixture *f, const char *row, const char *budget, int64_t now)
{
	if (try_read(f, row, budget, now) != 0)
		fail_msg("%s", f->err.text);
}

static void
test_no_row_limits_nothing(void **state)
{
	struct fixture f;

	(void)state;
	must_read(&f, NULL, NULL, NOW);
	assert_int_equal(f.a.cap_count, 0);
	assert_int_equal(f.a.requests, ALLOWANCE_UNLIMITED);
	assert_int_equal(f.a.max_nanos, -1);
	arena_fini(&f.arena);
}

static void
test_all_kinds_of_caps(void **state)
{
	struct fixture f;

	(void)state;
	must_read(&f,
	    "{\"max_budget\": 10, \"budget_duration\": \"30d\","
	    " \"soft_budget\": 7, \"on_exhaust\": \"refuse\","
	    " \"budget_limits\": [{\"budget_duration\": \"1d\","
	    "   \"max_budget\": 2}],"
	    " \"model_max_budget\": {\"big\": {\"budget_limit\": 1,"
	    "   \"time_period\": \"1d\"}, \"x/*\": 3},"
	    " \"rpm_limit\": 5, \"tpm_limit\": 600,"
	    " \"max_parallel_requests\": 2,"
	    " \"model_rpm_limit\": {\"big\": 1},"
	    " \"model_tpm_limit\": {\"big\": 9, \"small\": 8}}",
	    NULL, NOW);
	assert_int_equal(f.a.cap_count, 4);
	assert_int_equal(f.a.caps[0].budget.cap.cap_nanos, 10 * NANOS_PER_USD);
	assert_int_equal(f.a.caps[0].budget.cap.soft_nanos, 7 * NANOS_PER_USD);
	assert_int_equal(f.a.caps[0].budget.cap.policy, CAP_REFUSE);
	assert_int_equal(f.a.caps[0].budget.cap.rule.unit, WINDOW_MONTHS);
	assert_int_equal(f.a.caps[1].budget.cap.cap_nanos, 2 * NANOS_PER_USD);
	assert_int_equal(f.a.caps[2].budget.kind, SCOPE_KEY_MODEL);
	assert_string_equal(f.a.caps[2].model, "big");
	assert_int_equal(f.a.caps[3].budget.cap.rule.unit, WINDOW_FOREVER);
	assert_int_equal(f.a.requests, 5);
	assert_int_equal(f.a.tokens, 600);
	assert_int_equal(f.a.parallel, 2);
	assert_int_equal(f.a.limit_count, 2);
	assert_int_equal(f.a.limits[0].requests, 1);
	assert_int_equal(f.a.limits[0].tokens, 9);
	assert_int_equal(f.a.limits[1].requests, ALLOWANCE_UNLIMITED);
	arena_fini(&f.arena);
}

static void
test_a_named_budget_fills_what_is_absent(void **state)
{
	struct fixture f;

	(void)state;
	must_read(&f, "{\"max_budget\": 1, \"rpm_limit\": null}",
	    "{\"max_budget\": 9, \"budget_duration\": \"1d\","
	    " \"rpm_limit\": 4}",
	    NOW);
	assert_int_equal(f.a.max_nanos, NANOS_PER_USD);
	assert_int_equal(f.a.rule.unit, WINDOW_DAYS);
	assert_int_equal(f.a.requests, 4);
	arena_fini(&f.arena);
}

static void
test_what_is_carried_leaves_less_until_its_window_ends(void **state)
{
	struct fixture f;
	struct window_rule day;
	char row[200];
	uint32_t start, end;

	(void)state;
	assert_int_equal(window_parse(str_of("1d"), NULL, &day, NULL), 0);
	window_at(&day, NOW, &start, &end);
	snprintf(row, sizeof(row),
	    "{\"max_budget\": 10, \"budget_duration\": \"1d\","
	    " \"_carried\": 4000000000, \"_carried_until\": %u}",
	    end);
	must_read(&f, row, NULL, NOW);
	assert_int_equal(f.a.caps[0].budget.cap.cap_nanos, 6 * NANOS_PER_USD);
	assert_int_equal(f.a.max_nanos, 10 * NANOS_PER_USD);
	assert_int_equal(f.a.until_nsecs, (int64_t)end * NSECS_PER_SEC);
	arena_fini(&f.arena);
	must_read(&f, row, NULL, (int64_t)end * NSECS_PER_SEC);
	assert_int_equal(f.a.caps[0].budget.cap.cap_nanos, 10 * NANOS_PER_USD);
	arena_fini(&f.arena);
}

static void
test_a_raise_ends_when_it_says(void **state)
{
	static const char row[] =
	    "{\"max_budget\": 1, \"temp_budget_increase\": 2,"
	    " \"temp_budget_expiry\": \"2026-12-01T00:00:00Z\"}";
	struct fixture f;

	(void)state;
	must_read(&f, row, NULL, NOW);
	assert_int_equal(f.a.caps[0].budget.cap.cap_nanos, 3 * NANOS_PER_USD);
	assert_true(f.a.until_nsecs < INT64_MAX);
	arena_fini(&f.arena);
	must_read(&f, row, NULL, NOW + 40 * 86400 * NSECS_PER_SEC);
	assert_int_equal(f.a.caps[0].budget.cap.cap_nanos, NANOS_PER_USD);
	arena_fini(&f.arena);
}

static void
test_a_damaged_row_is_never_taken_for_no_cap(void **state)
{
	static const char *const rows[] = { "{\"max_budget\": \"x\"}",
		"{\"max_budget\": 1, \"budget_duration\": \"?\"}",
		"{\"rpm_limit\": -2}", "{\"tpm_limit\": \"1\"}",
		"{\"budget_limits\": [{\"max_budget\": []}]}",
		"{\"model_max_budget\": {\"m\": {}}}",
		"{\"max_budget\": 1, \"on_exhaust\": \"?\"}" };
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (try_read(&f, rows[i], NULL, NOW) == 0)
			fail_msg("taken: %s", rows[i]);
		assert_int_equal(f.err.code, ERR_STORE);
		arena_fini(&f.arena);
	}
}

/* ---- which caps and scopes ---------------------------------------------- */

static void
test_caps_and_tracked_scopes_of_a_request(void **state)
{
	struct config c = { .timezone = "" };
	struct cap caps[LEDGER_MAX_CAPS];
	struct budgets *b;
	struct fixture f;
	const struct allowance *all = &f.a;
	struct budget_subject who = {
		.model = str_of("big"),
		.asked = str_of("alias"),
		.allowance_count = 1,
		.allowances = &all,
	};
	struct arena arena;
	int n;

	(void)state;
	assert_int_equal(budgets_build(&c, &b, NULL), 0);
	arena_init(&arena, 256);
	must_read(&f,
	    "{\"max_budget\": 10, \"budget_duration\": \"1d\","
	    " \"model_max_budget\": {\"big\": 1, \"other\": 2}}",
	    NULL, NOW);
	n = budgets_apply(b, &who, &arena, caps, &f.err);
	assert_int_equal(n, 2);
	assert_string_equal(caps[0].id, "K");
	assert_string_equal(caps[1].id, "K big");
	/* The day's cap does not keep the whole spend. */
	assert_int_equal(budgets_track(&who, caps, (size_t)n), 1);
	assert_int_equal(caps[2].kind, SCOPE_KEY);
	assert_int_equal(caps[2].rule.unit, WINDOW_FOREVER);
	arena_fini(&f.arena);
	must_read(&f, "{\"max_budget\": 10}", NULL, NOW);
	n = budgets_apply(b, &who, &arena, caps, &f.err);
	assert_int_equal(n, 1);
	assert_int_equal(budgets_track(&who, caps, (size_t)n), 0);
	arena_fini(&f.arena);
	arena_fini(&arena);
	budgets_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_row_limits_nothing),
		cmocka_unit_test(test_all_kinds_of_caps),
		cmocka_unit_test(test_a_named_budget_fills_what_is_absent),
		cmocka_unit_test(
		    test_what_is_carried_leaves_less_until_its_window_ends),
		cmocka_unit_test(test_a_raise_ends_when_it_says),
		cmocka_unit_test(test_a_damaged_row_is_never_taken_for_no_cap),
		cmocka_unit_test(test_caps_and_tracked_scopes_of_a_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
