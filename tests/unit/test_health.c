/* Rows of HEALTH in a real store, shared by two openings of it; and what a row
   says of the last minute. */
#include "unit.h"

#include "base/clock.h"
#include "domain/routing/breaker.h"

#include <unistd.h>

static char dir[64];
static struct store *store;

static int
setup(void **state)
{
	struct store_options o = { .dir = dir, .map_bytes = 1 << 24 };
	struct err err;

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_health.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	return store_open(&o, &store, &err);
}

static int
teardown(void **state)
{
	char *cmd = xasprintf("rm -rf '%s'", dir);
	int rc;

	(void)state;
	store_close(&store);
	rc = system(cmd);
	free(cmd);
	return rc;
}

static void
test_a_row_survives_and_a_missing_one_is_fresh(void **state)
{
	struct health_row row, fresh, read;
	struct store_txn *t;
	struct err err;

	(void)state;
	health_row_init(&fresh);
	assert_int_equal(store_write(store, STORE_LIVE, &t, &err), 0);
	memset(&row, 0xff, sizeof(row));
	assert_int_equal(health_get(t, "none", &row), 0);
	assert_memory_equal(&row, &fresh, sizeof(row));
	breaker_trip(&row, 5, 7);
	assert_int_equal(health_put(t, "a", &row), 0);
	assert_int_equal(store_commit(&t, &err), 0);

	/* As after a restart. */
	store_close(&store);
	assert_int_equal(store_open(&(struct store_options){ .dir = dir },
			     &store, &err),
	    0);
	assert_int_equal(store_read(store, STORE_LIVE, &t, &err), 0);
	assert_int_equal(health_get(t, "a", &read), 1);
	assert_memory_equal(&read, &row, sizeof(row));
	assert_int_equal(health_get(t, "b", &read), 0);
	store_abort(&t);
}

static void
test_a_row_of_another_version_is_a_fresh_one(void **state)
{
	struct health_row row, fresh;
	struct store_txn *t;
	struct err err;

	(void)state;
	health_row_init(&fresh);
	assert_int_equal(store_write(store, STORE_LIVE, &t, &err), 0);
	assert_int_equal(store_put(t, STORE_HEALTH, str_of("old"),
			     str_of("a shorter row")),
	    0);
	assert_int_equal(health_get(t, "old", &row), 0);
	assert_memory_equal(&row, &fresh, sizeof(row));
	store_abort(&t);
}

static void
test_long_ids_do_not_meet(void **state)
{
	char a[700], b[700];
	struct health_row row;
	struct store_txn *t;
	struct err err;

	(void)state;
	memset(a, 'x', sizeof(a));
	memset(b, 'x', sizeof(b));
	a[698] = 'a';
	a[699] = b[699] = '\0';
	assert_int_equal(store_write(store, STORE_LIVE, &t, &err), 0);
	health_row_init(&row);
	row.successes = 1;
	assert_int_equal(health_put(t, a, &row), 0);
	assert_int_equal(health_get(t, b, &row), 0);
	assert_int_equal(health_get(t, a, &row), 1);
	assert_int_equal(row.successes, 1);
	store_abort(&t);
}

static void
test_recent_calls(void **state)
{
	const int64_t sec = NSECS_PER_SEC, minute = 60 * sec;
	const int64_t begin = INT64_C(28333333) * minute;
	const struct breaker_rule off = { .cooldown_nsecs = 0 };
	struct health_report r = { .event = HEALTH_SUCCESS };
	struct health_row row;
	int64_t calls, failures;

	(void)state;
	health_row_init(&row);
	for (int i = 0; i < 20; i++) {
		r.now_nsecs = begin + i * sec;
		r.event = i < 10 ? HEALTH_FAILURE : HEALTH_SUCCESS;
		breaker_report(&row, &off, &r);
	}
	breaker_recent(&row, begin + 30 * sec, &calls, &failures);
	assert_int_equal(calls, 20);
	assert_int_equal(failures, 10);
	/* Half of the next minute: half of them are taken to be older. */
	breaker_recent(&row, begin + minute + 30 * sec, &calls, &failures);
	assert_int_equal(calls, 10);
	assert_int_equal(failures, 5);
	breaker_recent(&row, begin + 2 * minute, &calls, &failures);
	assert_int_equal(calls, 0);
	r.now_nsecs = begin + minute + 30 * sec;
	breaker_report(&row, &off, &r);
	breaker_recent(&row, r.now_nsecs, &calls, &failures);
	assert_int_equal(calls, 11);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_a_row_survives_and_a_missing_one_is_fresh),
		cmocka_unit_test(test_a_row_of_another_version_is_a_fresh_one),
		cmocka_unit_test(test_long_ids_do_not_meet),
		cmocka_unit_test(test_recent_calls),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
