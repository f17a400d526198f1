/* Rows kept through a turn: to everybody else as if they were not. */
#include "unit.h"

#include "base/hash.h"
#include "scratch.h"
#include "store/key.h"
#include "store/store.h"
#include "store/store_rows.h"

#include <sys/wait.h>

#define NAMES 700 /* more than are kept */

static char *
new_dir(void)
{
	return scratch_make();
}

static struct store *
open_at(const char *dir)
{
	struct store_options o = { .dir = dir, .map_bytes = 64 << 20 };
	struct store *s = NULL;
	struct err err;

	if (store_open(&o, &s, &err) != 0)
		fail_msg("%s", err.text);
	return s;
}

static struct store_txn *
begin(struct store *s, bool writing)
{
	struct store_txn *t = NULL;
	struct err err;

	if ((writing ? store_write(s, STORE_LIVE, &t, &err)
		     : store_read(s, STORE_LIVE, &t, &err)) != 0)
		fail_msg("%s", err.text);
	return t;
}

static void
commit(struct store_txn *t)
{
	struct err err;

	if (store_commit(&t, &err) != 0)
		fail_msg("%s", err.text);
}

static struct str
name_of(unsigned i, char out[32])
{
	return str_make(out, (size_t)snprintf(out, 32, "row %u", i));
}

/* ---- a model: a table that keeps rows against one that does not ---------- */

static void
assert_same(struct store_txn *t, struct str key)
{
	struct str a, b;
	int in_a = store_get(t, STORE_ROLLUP, key, &a);
	int in_b = store_get(t, STORE_ALERTS, key, &b);

	assert_int_equal(in_a, in_b);
	if (in_a == 1) {
		assert_int_equal(a.n, b.n);
		assert_memory_equal(a.p, b.p, a.n);
	}
}

static void
assert_same_walks(struct store_txn *t)
{
	struct store_cursor *a, *b;
	struct str ka, va, kb, vb;
	int rc;

	a = store_cursor_open(t, STORE_ROLLUP, str_of(""));
	b = store_cursor_open(t, STORE_ALERTS, str_of(""));
	do {
		rc = store_cursor_next(a, &ka, &va);
		assert_int_equal(store_cursor_next(b, &kb, &vb), rc);
		if (rc == 1) {
			assert_true(str_eq(ka, kb));
			assert_true(str_eq(va, vb));
		}
	} while (rc == 1);
	store_cursor_close(&a);
	store_cursor_close(&b);
}

/* A row of counters, made by the first who adds to it. */
static void
add(struct store_txn *t, enum store_table table, struct str key,
    const struct counters *amounts)
{
	unsigned char bytes[COUNTERS_BYTES];
	size_t n = counters_encode(amounts, bytes);

	if (store_add(t, table, key, amounts) == 0)
		store_put(t, table, key, str_make((const char *)bytes, n));
}

static void
step_of_counters(struct store_txn *t)
{
	struct counters amounts = { .at = { 0 } };
	char name[32];
	struct str key =
	    str_make(name, (size_t)snprintf(name, sizeof(name), "sum %u",
			       (unsigned)(random_u64() % NAMES)));

	for (int i = 0; i < COUNTERS_MAX; i++) {
		if (random_u64() % 3 == 0)
			amounts.at[i] =
			    (int64_t)(random_u64() >> (2 + random_u64() % 62));
	}
	switch (random_u64() % 8) {
	case 0:
		store_del(t, STORE_ROLLUP, key);
		store_del(t, STORE_ALERTS, key);
		break;
	case 1:
	case 2:
		assert_same(t, key);
		break;
	default:
		add(t, STORE_ROLLUP, key, &amounts);
		add(t, STORE_ALERTS, key, &amounts);
	}
	assert_false(store_failed(t, NULL));
}

static void
step(struct store_txn *t)
{
	static char value[2 * STORE_ROWS_VALUE_BYTES];
	char name[32];
	unsigned i = (unsigned)(random_u64() % NAMES);
	struct str key = name_of(i, name);
	struct str v = str_make(value, random_u64() % 100);

	random_bytes(value, 100);
	if (random_u64() % 20 == 0)
		v.n = sizeof(value);
	switch (random_u64() % 8) {
	case 0:
		store_del(t, STORE_ROLLUP, key);
		store_del(t, STORE_ALERTS, key);
		break;
	case 1:
	case 2:
	case 3:
	case 4:
		store_put(t, STORE_ROLLUP, key, v);
		store_put(t, STORE_ALERTS, key, v);
		break;
	default:
		assert_same(t, key);
	}
	assert_false(store_failed(t, NULL));
}

static void
delete_some(struct store_txn *t)
{
	char a[32], b[32];
	struct str from = name_of((unsigned)(random_u64() % NAMES), a);
	struct str upto = name_of((unsigned)(random_u64() % NAMES), b);
	int max = (int)(random_u64() % 20);
	int n = store_del_range(t, STORE_ROLLUP, from, upto, max);

	assert_int_equal(store_del_range(t, STORE_ALERTS, from, upto, max), n);
	assert_in_range(n, 0, max);
}

/* Some steps in a transaction that is committed, or not. */
static void
turn(struct store *s)
{
	struct store_txn *t = begin(s, true);
	unsigned steps = (unsigned)(random_u64() % 60);

	for (unsigned i = 0; i < steps; i++) {
		step(t);
		step_of_counters(t);
	}
	if (random_u64() % 4 == 0)
		delete_some(t);
	if (random_u64() % 8 == 0)
		assert_same_walks(t);
	if (random_u64() % 5 == 0)
		store_abort(&t);
	else
		commit(t);
	t = begin(s, false);
	assert_same_walks(t);
	store_abort(&t);
}

/* Another process changes the same rows between our transactions. */
static void
foreign_turn(const char *dir)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct store *s = open_at(dir);

		turn(s);
		store_close(&s);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
test_kept_rows_are_as_if_they_were_not(void **state)
{
	char *dir = new_dir();
	struct store *s = open_at(dir);

	(void)state;
	for (int i = 0; i < 1500; i++) {
		turn(s);
		if (i % 50 == 0)
			foreign_turn(dir);
	}
	store_close(&s);
	scratch_remove(dir);
}

/* ---- single rules -------------------------------------------------------- */

static void
test_a_value_of_another_process_is_seen(void **state)
{
	char *dir = new_dir();
	struct store *s = open_at(dir);
	struct store_txn *t = begin(s, true);
	struct str v;
	int status;
	pid_t pid;

	(void)state;
	store_put(t, STORE_SPEND, str_of("a"), str_of("mine"));
	commit(t);
	pid = fork();
	if (pid == 0) {
		s = open_at(dir);
		t = begin(s, true);
		store_put(t, STORE_SPEND, str_of("a"), str_of("his"));
		commit(t);
		store_close(&s);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	t = begin(s, true);
	assert_int_equal(store_get(t, STORE_SPEND, str_of("a"), &v), 1);
	assert_true(str_is(v, "his"));
	store_abort(&t);
	store_close(&s);
	scratch_remove(dir);
}

static void
test_a_range_ends_where_it_says(void **state)
{
	static const char *const names[] = { "a", "b", "b0", "c", "d" };
	char *dir = new_dir();
	struct store *s = open_at(dir);
	struct store_txn *t = begin(s, true);
	struct str v;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		store_put(t, STORE_ALERTS, str_of(names[i]), str_of("1"));
	assert_int_equal(store_del_range(t, STORE_ALERTS, str_of("a0"),
			     str_of("b"), 9),
	    1);
	assert_int_equal(store_get(t, STORE_ALERTS, str_of("a"), &v), 1);
	assert_int_equal(store_get(t, STORE_ALERTS, str_of("b"), &v), 0);
	assert_int_equal(store_get(t, STORE_ALERTS, str_of("b0"), &v), 1);
	assert_int_equal(store_del_range(t, STORE_ALERTS, str_of("a"),
			     str_of("z"), 2),
	    2);
	assert_int_equal(store_get(t, STORE_ALERTS, str_of("c"), &v), 1);
	assert_int_equal(store_del_range(t, STORE_ALERTS, str_of("a"),
			     str_of("z"), 9),
	    2);
	store_abort(&t);
	store_close(&s);
	scratch_remove(dir);
}

static void
test_counters_are_added(void **state)
{
	char *dir = new_dir();
	struct store *s = open_at(dir);
	struct store_txn *t = begin(s, true);
	struct counters one = { .at = { 1, 0, 300 } }, sum;
	struct str v;
	struct err err;

	(void)state;
	assert_int_equal(store_add(t, STORE_ROLLUP, str_of("a"), &one), 0);
	assert_int_equal(store_get(t, STORE_ROLLUP, str_of("a"), &v), 0);
	for (int i = 0; i < 3; i++) {
		add(t, STORE_ROLLUP, str_of("a"), &one);
		commit(t);
		t = begin(s, true);
	}
	assert_int_equal(store_get(t, STORE_ROLLUP, str_of("a"), &v), 1);
	assert_int_equal(counters_decode(v, &sum), 0);
	assert_int_equal(sum.at[0], 3);
	assert_int_equal(sum.at[2], 900);
	store_put(t, STORE_ROLLUP, str_of("b"), str_of("no counters"));
	assert_int_equal(store_add(t, STORE_ROLLUP, str_of("b"), &one), -1);
	assert_true(store_failed(t, &err));
	assert_int_equal(err.code, ERR_STORE);
	assert_non_null(strstr(err.text, "rollup: the row with key 62 is"));
	store_abort(&t);
	store_close(&s);
	scratch_remove(dir);
}

static void
test_an_abort_forgets(void **state)
{
	char *dir = new_dir();
	struct store *s = open_at(dir);
	struct store_txn *t = begin(s, true);
	struct str v;

	(void)state;
	store_put(t, STORE_SPEND, str_of("a"), str_of("1"));
	commit(t);
	t = begin(s, true);
	store_put(t, STORE_SPEND, str_of("a"), str_of("2"));
	store_put(t, STORE_SPEND, str_of("b"), str_of("2"));
	store_abort(&t);
	t = begin(s, true);
	assert_int_equal(store_get(t, STORE_SPEND, str_of("a"), &v), 1);
	assert_true(str_is(v, "1"));
	assert_int_equal(store_get(t, STORE_SPEND, str_of("b"), &v), 0);
	store_abort(&t);
	store_close(&s);
	scratch_remove(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept_rows_are_as_if_they_were_not),
		cmocka_unit_test(test_a_value_of_another_process_is_seen),
		cmocka_unit_test(test_a_range_ends_where_it_says),
		cmocka_unit_test(test_counters_are_added),
		cmocka_unit_test(test_an_abort_forgets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
