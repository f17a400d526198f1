/* The store by itself, in one process: rows, walks, opening, upkeep. */
#include "unit.h"

#include "base/fd.h"
#include "scratch.h"
#include "store/key.h"
#include "store/store.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct fixture {
	char *dir;
	struct store *s;
};

static struct store *
open_store(const char *dir, int64_t map_bytes)
{
	struct store_options o = { .dir = dir, .map_bytes = map_bytes };
	struct store *s = NULL;
	struct err err = { 0 };

	if (store_open(&o, &s, &err) != 0)
		fail_msg("%s", err.text);
	return s;
}

static int
setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->dir = scratch_make();
	f->s = open_store(f->dir, 4 << 20);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	store_close(&f->s);
	scratch_remove(f->dir);
	free(f);
	return 0;
}

static struct store_txn *
begin(struct store *s, enum store_env env, bool write)
{
	struct store_txn *t = NULL;
	struct err err = { 0 };
	int rc = write ? store_write(s, env, &t, &err)
		       : store_read(s, env, &t, &err);

	if (rc != 0)
		fail_msg("%s", err.text);
	return t;
}

static void
commit(struct store_txn **t)
{
	struct err err = { 0 };

	if (store_commit(t, &err) != 0)
		fail_msg("%s", err.text);
	assert_null(*t);
}

static void
put_number(struct store_txn *t, uint64_t n)
{
	struct key k;

	key_init(&k);
	key_u64(&k, n);
	assert_int_equal(store_put(t, STORE_HOLDS, key_str(&k),
			     str_make((char *)&n, sizeof(n))),
	    0);
}

static void
put_one(struct store *s, enum store_env env, enum store_table table,
    const char *key, const char *value)
{
	struct store_txn *t = begin(s, env, true);

	assert_int_equal(store_put(t, table, str_of(key), str_of(value)), 0);
	commit(&t);
}

static int
get_one(struct store *s, enum store_env env, enum store_table table,
    const char *key, const char *want)
{
	struct store_txn *t = begin(s, env, false);
	struct str v;
	int rc = store_get(t, table, str_of(key), &v);

	if (rc == 1 && want != NULL)
		assert_str(v, want);
	store_abort(&t);
	return rc;
}

/* ---- rows ---- */

static void
test_rows_come_back(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = begin(f->s, STORE_LIVE, true);
	struct str v;

	assert_int_equal(store_get(t, STORE_SPEND, str_of("a"), &v), 0);
	assert_int_equal(store_put(t, STORE_SPEND, str_of("a"), str_of("1")),
	    0);
	assert_int_equal(store_put(t, STORE_SPEND, str_of("e"), str_of("")), 0);
	assert_int_equal(store_get(t, STORE_SPEND, str_of("a"), &v), 1);
	assert_str(v, "1");
	commit(&t);
	assert_int_equal(get_one(f->s, STORE_LIVE, STORE_SPEND, "a", "1"), 1);
	assert_int_equal(get_one(f->s, STORE_LIVE, STORE_SPEND, "e", ""), 1);
	/* The same key in another table is another row. */
	assert_int_equal(get_one(f->s, STORE_LIVE, STORE_HOLDS, "a", NULL), 0);
	put_one(f->s, STORE_LIVE, STORE_SPEND, "a", "two");
	assert_int_equal(get_one(f->s, STORE_LIVE, STORE_SPEND, "a", "two"), 1);
	t = begin(f->s, STORE_LIVE, true);
	assert_int_equal(store_del(t, STORE_SPEND, str_of("a")), 0);
	assert_int_equal(store_del(t, STORE_SPEND, str_of("never")), 0);
	commit(&t);
	assert_int_equal(get_one(f->s, STORE_LIVE, STORE_SPEND, "a", NULL), 0);
}

static void
test_an_insert_leaves_what_is_there(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = begin(f->s, STORE_LIVE, true);
	struct str k = str_of("a");
	struct err err;

	assert_int_equal(store_insert(t, STORE_HOLDS, k, str_of("1")), 1);
	assert_int_equal(store_insert(t, STORE_HOLDS, k, str_of("2")), 0);
	assert_false(store_failed(t, NULL));
	commit(&t);
	assert_int_equal(get_one(f->s, STORE_LIVE, STORE_HOLDS, "a", "1"), 1);
	/* Rows that are kept may not be in LMDB yet. */
	t = begin(f->s, STORE_LIVE, true);
	assert_int_equal(store_insert(t, STORE_SPEND, k, str_of("1")), -1);
	assert_int_equal(store_commit(&t, &err), -1);
	assert_int_equal(err.code, ERR_INTERNAL);
}

static void
test_every_table_takes_a_row(void **state)
{
#define ENV_OF(NAME, env, name, key, value, writers, readers, expiry)          \
	STORE_##env,
	static const enum store_env envs[] = { STORE_TABLES(ENV_OF) };
	struct fixture *f = *state;
	struct store_info info;
	struct err err;

	for (int i = 0; i < STORE_TABLE_COUNT; i++)
		put_one(f->s, envs[i], (enum store_table)i, "~row", "x");
	assert_int_equal(store_info(f->s, &info, &err), 0);
	for (int i = 0; i < STORE_TABLE_COUNT; i++)
		assert_int_equal(info.rows[i],
		    i == STORE_META || i == STORE_LIVEMETA ? 2 : 1);
}

static void
test_abort_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = begin(f->s, STORE_LIVE, true);

	assert_int_equal(store_put(t, STORE_SPEND, str_of("a"), str_of("1")),
	    0);
	store_abort(&t);
	assert_null(t);
	store_abort(&t);
	assert_int_equal(get_one(f->s, STORE_LIVE, STORE_SPEND, "a", NULL), 0);
}

static void
test_reader_keeps_its_moment(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t, *t2;
	struct str v;

	put_one(f->s, STORE_LIVE, STORE_SPEND, "a", "1");
	t = begin(f->s, STORE_LIVE, false);
	put_one(f->s, STORE_LIVE, STORE_SPEND, "a", "2");
	t2 = begin(f->s, STORE_LIVE, false);
	assert_int_equal(store_get(t, STORE_SPEND, str_of("a"), &v), 1);
	assert_str(v, "1");
	assert_int_equal(store_get(t2, STORE_SPEND, str_of("a"), &v), 1);
	assert_str(v, "2");
	commit(&t);
	store_abort(&t2);
	/* Used again from the pool: sees the newest. */
	for (int i = 0; i < 20; i++) {
		char text[2] = { (char)('a' + i), '\0' };

		put_one(f->s, STORE_LIVE, STORE_SPEND, "a", text);
		get_one(f->s, STORE_LIVE, STORE_SPEND, "a", text);
	}
}

static void
test_idle_readers_are_bounded(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t[40];
	struct store_info info;
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		t[i] = begin(f->s, STORE_LIVE, false);
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		store_abort(&t[i]);
	assert_int_equal(store_info(f->s, &info, &err), 0);
	assert_int_equal(info.readers[STORE_LIVE], 8);
}

/* ---- mistakes ---- */

static void
test_first_error_is_kept_to_the_commit(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = begin(f->s, STORE_LIVE, true);
	char key[512];
	struct str v;
	struct err err, first;

	memset(key, 'k', sizeof(key));
	assert_int_equal(store_put(t, STORE_SPEND, str_of("good"), str_of("")),
	    0);
	assert_false(store_failed(t, NULL));
	assert_int_equal(store_put(t, STORE_SPEND, str_make(key, sizeof(key)),
			     str_of("")),
	    -1);
	assert_true(store_failed(t, &first));
	assert_int_equal(first.code, ERR_INTERNAL);
	/* Nothing goes on after it, and it stays the first. */
	assert_int_equal(store_put(t, STORE_SPEND, str_of(""), str_of("")), -1);
	assert_int_equal(store_get(t, STORE_SPEND, str_of("good"), &v), -1);
	assert_int_equal(store_del(t, STORE_SPEND, str_of("good")), -1);
	assert_null(store_cursor_open(t, STORE_SPEND, str_of("")));
	assert_int_equal(store_fail(t, ERR_STORE, "later"), -1);
	assert_int_equal(store_commit(&t, &err), -1);
	assert_string_equal(err.text, first.text);
	assert_non_null(strstr(err.text, "512"));
	assert_null(t);
	assert_int_equal(get_one(f->s, STORE_LIVE, STORE_SPEND, "good", NULL),
	    0);
	/* The next transaction starts clean. */
	put_one(f->s, STORE_LIVE, STORE_SPEND, "good", "1");
}

static void
test_longest_key_is_taken(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = begin(f->s, STORE_LIVE, true);
	char key[KEY_MAX_BYTES];
	struct str k = str_make(key, sizeof(key)), v;

	memset(key, 'k', sizeof(key));
	assert_int_equal(store_put(t, STORE_SPEND, k, str_of("long")), 0);
	assert_int_equal(store_get(t, STORE_SPEND, k, &v), 1);
	assert_str(v, "long");
	commit(&t);
}

static void
test_wrong_use_is_refused(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = begin(f->s, STORE_LIVE, true), *second = NULL;
	struct err err;
	struct str v;

	/* A second writer would wait for itself. */
	assert_int_equal(store_write(f->s, STORE_LIVE, &second, &err), -1);
	assert_int_equal(err.code, ERR_INTERNAL);
	/* The other environment has its own writer. */
	assert_int_equal(store_write(f->s, STORE_ACCOUNTS, &second, &err), 0);
	store_abort(&second);
	assert_int_equal(store_get(t, STORE_KEYS, str_of("a"), &v), -1);
	store_abort(&t);
	t = begin(f->s, STORE_LIVE, false);
	assert_int_equal(store_put(t, STORE_SPEND, str_of("a"), str_of("1")),
	    -1);
	assert_int_equal(store_commit(&t, &err), -1);
	assert_int_equal(err.code, ERR_INTERNAL);
}

static void
test_second_open_is_refused(void **state)
{
	struct fixture *f = *state;
	struct store_options o = { .dir = f->dir };
	char *roundabout =
	    xasprintf("%s/../%s", f->dir, strrchr(f->dir, '/') + 1);
	struct store *s = NULL;
	struct err err;

	assert_int_equal(store_open(&o, &s, &err), -1);
	assert_non_null(strstr(err.text, "already"));
	o.dir = roundabout;
	assert_int_equal(store_open(&o, &s, &err), -1);
	free(roundabout);
	assert_null(s);
	/* The first is unharmed, and may be opened again after its close. */
	put_one(f->s, STORE_LIVE, STORE_SPEND, "a", "1");
	store_close(&f->s);
	f->s = open_store(f->dir, 0);
	assert_int_equal(get_one(f->s, STORE_LIVE, STORE_SPEND, "a", "1"), 1);
}

static void
test_use_after_a_fork_is_caught(void **state)
{
	struct fixture *f = *state;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct store_txn *t;
		struct err err;
		int null = open("/dev/null", O_WRONLY);

		signal(SIGABRT, SIG_DFL);
		dup2(null, 2);
		_exit(store_read(f->s, STORE_LIVE, &t, &err) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
#ifdef NDEBUG
	assert_int_equal(WEXITSTATUS(status), 1);
#else
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
#endif
}

/* ---- cursors ---- */

static int
walk_sum(struct store_txn *t, uint64_t from, uint64_t *sum_r)
{
	struct store_cursor *c;
	struct key k;
	struct str key, value;
	uint64_t n, last = 0;
	int rc, rows = 0;

	*sum_r = 0;
	key_init(&k);
	key_u64(&k, from);
	c = store_cursor_open(t, STORE_HOLDS, key_str(&k));
	assert_non_null(c);
	while ((rc = store_cursor_next(c, &key, &value)) == 1) {
		assert_int_equal(key_take_u64(&key, &n), 0);
		assert_true(rows == 0 || n > last);
		assert_memory_equal(value.p, &n, sizeof(n));
		last = n;
		*sum_r += n;
		rows++;
	}
	assert_int_equal(rc, 0);
	assert_int_equal(store_cursor_next(c, &key, &value), 0);
	store_cursor_close(&c);
	assert_null(c);
	return rows;
}

static void
test_walk_is_ascending_from_a_key(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = begin(f->s, STORE_LIVE, true);
	uint64_t sum;

	assert_int_equal(walk_sum(t, 0, &sum), 0);
	for (uint64_t i = 0; i < 1000; i++)
		put_number(t, (i * 7919) % 1000 * 2);
	assert_int_equal(walk_sum(t, 0, &sum), 1000);
	assert_int_equal(sum, 999000);
	commit(&t);
	t = begin(f->s, STORE_LIVE, false);
	assert_int_equal(walk_sum(t, 0, &sum), 1000);
	/* Between two keys: starts at the next. */
	assert_int_equal(walk_sum(t, 1001, &sum), 499);
	assert_int_equal(walk_sum(t, 1998, &sum), 1);
	assert_int_equal(walk_sum(t, 1999, &sum), 0);
	store_abort(&t);
}

static void
test_walk_deletes_what_it_shows(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = begin(f->s, STORE_LIVE, true);
	struct store_cursor *c;
	struct str key, value;
	uint64_t sum, n;

	for (uint64_t i = 0; i < 2000; i++)
		put_number(t, i);
	commit(&t);
	t = begin(f->s, STORE_LIVE, true);
	c = store_cursor_open(t, STORE_HOLDS, str_of(""));
	while (store_cursor_next(c, &key, &value) == 1) {
		assert_int_equal(key_take_u64(&key, &n), 0);
		if (n % 3 != 0)
			assert_int_equal(store_cursor_del(c), 0);
	}
	/* Left open: ends with its transaction. */
	commit(&t);
	t = begin(f->s, STORE_LIVE, false);
	assert_int_equal(walk_sum(t, 0, &sum), 667);
	store_abort(&t);
}

static void
test_walk_survives_changes_around_it(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = begin(f->s, STORE_LIVE, true);
	struct store_cursor *c;
	struct str key, value;
	struct key k;
	uint64_t n, seen = 0, sum;

	for (uint64_t i = 0; i < 1000; i++)
		put_number(t, i * 10);
	c = store_cursor_open(t, STORE_HOLDS, str_of(""));
	while (store_cursor_next(c, &key, &value) == 1) {
		static const char filler[200];

		assert_int_equal(key_take_u64(&key, &n), 0);
		/* Every row once, and those put ahead of the walk too. */
		assert_int_equal(n, seen / 2 * 10 + seen % 2);
		seen++;
		if (n % 10 == 1)
			continue;
		/* In this order an LMDB cursor would step over n + 1. */
		key_init(&k);
		key_u64(&k, n);
		assert_int_equal(store_del(t, STORE_HOLDS, key_str(&k)), 0);
		put_number(t, n + 1);
		assert_int_equal(store_put(t, STORE_OUTBOX, key_str(&k),
				     str_make(filler, sizeof(filler))),
		    0);
	}
	assert_int_equal(seen, 2000);
	store_cursor_close(&c);
	assert_int_equal(walk_sum(t, 0, &sum), 1000);
	commit(&t);
}

static void
test_cursor_del_needs_a_row(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = begin(f->s, STORE_LIVE, true);
	struct store_cursor *c = store_cursor_open(t, STORE_HOLDS, str_of("x"));

	assert_int_equal(store_cursor_del(c), -1);
	assert_true(store_failed(t, NULL));
	store_abort(&t);
}

/* ---- opening ---- */

static void
test_folders_and_files_are_private(void **state)
{
	static const struct {
		const char *name;
		mode_t mode;
	} rows[] = { { "accounts", 0700 }, { "live", 0700 },
		{ "accounts/data.mdb", 0600 }, { "accounts/lock.mdb", 0600 },
		{ "live/data.mdb", 0600 }, { "live/lock.mdb", 0600 } };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *path = path_join(f->dir, rows[i].name);
		struct stat st;

		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, rows[i].mode);
		free(path);
	}
}

static void
test_missing_store_is_named(void **state)
{
	char *dir = scratch_make(), *sub = path_join(dir, "none");
	struct store_options rows[] = {
		{ .dir = sub, .must_exist = true },
		{ .dir = sub, .read_only = true },
		{ .dir = sub, .read_only = true, .must_exist = true },
	};
	struct stat st;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char want[300];
		struct store *s = NULL;
		struct err err;

		snprintf(want, sizeof(want), "no store at %s", sub);
		assert_int_equal(store_open(&rows[i], &s, &err), -1);
		assert_int_equal(err.code, ERR_STORE);
		assert_string_equal(err.text, want);
		/* And nothing was made. */
		assert_int_equal(stat(sub, &st), -1);
	}
	free(sub);
	scratch_remove(dir);
}

static void
test_folder_that_cannot_be_made_is_named(void **state)
{
	struct store_options o = { .dir = "/proc/nothing/store" };
	struct store *s = NULL;
	struct err err;

	(void)state;
	assert_int_equal(store_open(&o, &s, &err), -1);
	assert_int_equal(err.code, ERR_STORE);
	assert_non_null(strstr(err.text, "/proc/nothing"));
}

static void
test_damaged_file_is_named(void **state)
{
	struct fixture *f = *state;
	struct store_options o = { .dir = f->dir };
	char *path = path_join(f->dir, "live/data.mdb"), junk[8192];
	struct err err;

	store_close(&f->s);
	memset(junk, 'j', sizeof(junk));
	assert_int_equal(file_write(path, str_make(junk, sizeof(junk)), &err),
	    0);
	free(path);
	assert_int_equal(store_open(&o, &f->s, &err), -1);
	assert_int_equal(err.code, ERR_STORE);
	assert_non_null(strstr(err.text, "/live: open: "));
}

static void
test_read_only_open_reads(void **state)
{
	struct fixture *f = *state;
	struct store_options o = { .dir = f->dir, .read_only = true };
	struct store_txn *t;
	struct err err;

	put_one(f->s, STORE_ACCOUNTS, STORE_TEAMS, "t", "team");
	put_one(f->s, STORE_LIVE, STORE_SPEND, "a", "1");
	store_close(&f->s);
	assert_int_equal(store_open(&o, &f->s, &err), 0);
	assert_int_equal(get_one(f->s, STORE_ACCOUNTS, STORE_TEAMS, "t",
			     "team"),
	    1);
	assert_int_equal(get_one(f->s, STORE_LIVE, STORE_SPEND, "a", "1"), 1);
	assert_int_equal(get_one(f->s, STORE_LIVE, STORE_SPEND, "b", NULL), 0);
	assert_int_equal(store_write(f->s, STORE_LIVE, &t, &err), -1);
	assert_int_equal(err.code, ERR_STORE);
	assert_int_equal(store_check_readers(f->s), 0);
}

static void
test_schema_is_written_and_a_newer_one_refused(void **state)
{
	static const struct {
		enum store_env env;
		enum store_table table;
		const char *version, *want;
	} rows[] = {
		{ STORE_ACCOUNTS, STORE_META, "2", "newer Tallygate" },
		{ STORE_LIVE, STORE_LIVEMETA, "77", "newer Tallygate" },
		{ STORE_LIVE, STORE_LIVEMETA, "one", "not readable" },
		{ STORE_ACCOUNTS, STORE_META, "0", "not readable" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (int read_only = 0; read_only < 2; read_only++) {
			struct store_options o = { .dir = f->dir,
				.read_only = read_only };
			struct err err;

			assert_int_equal(get_one(f->s, rows[i].env,
					     rows[i].table, "schema", "1"),
			    1);
			put_one(f->s, rows[i].env, rows[i].table, "schema",
			    rows[i].version);
			store_close(&f->s);
			assert_int_equal(store_open(&o, &f->s, &err), -1);
			assert_int_equal(err.code, ERR_STORE);
			assert_non_null(strstr(err.text, rows[i].want));
			assert_non_null(strstr(err.text, f->dir));
			scratch_remove(f->dir);
			f->dir = scratch_make();
			f->s = open_store(f->dir, 0);
		}
	}
}

/* ---- upkeep ---- */

static void
test_full_map_is_an_error_of_its_own(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t;
	char block[4000];
	struct err err;
	int rc = 0;

	store_close(&f->s);
	scratch_remove(f->dir);
	f->dir = scratch_make();
	f->s = open_store(f->dir, 256 << 10);
	memset(block, 'b', sizeof(block));
	t = begin(f->s, STORE_LIVE, true);
	for (uint64_t i = 0; i < 1000 && rc == 0; i++) {
		struct key k;

		key_init(&k);
		key_u64(&k, i);
		rc = store_put(t, STORE_OUTBOX, key_str(&k),
		    str_make(block, sizeof(block)));
	}
	assert_int_equal(rc, -1);
	assert_int_equal(store_commit(&t, &err), -1);
	assert_int_equal(err.code, ERR_STORE_FULL);
	assert_non_null(strstr(err.text, "/live: put into outbox"));
	/* What fits goes on. */
	put_one(f->s, STORE_LIVE, STORE_SPEND, "a", "1");
	assert_int_equal(get_one(f->s, STORE_LIVE, STORE_SPEND, "a", "1"), 1);
}

/* Who maps less does not cut the file of those who have mapped more. */
static void
test_a_map_is_never_smaller_than_the_file(void **state)
{
	struct fixture *f = *state;
	struct store_info info;
	struct err err;

	store_close(&f->s);
	f->s = open_store(f->dir, 1 << 20);
	assert_int_equal(store_info(f->s, &info, &err), 0);
	assert_int_equal(info.map_bytes[STORE_LIVE], 4 << 20);
	store_close(&f->s);
	f->s = open_store(f->dir, 8 << 20);
	assert_int_equal(store_info(f->s, &info, &err), 0);
	assert_int_equal(info.map_bytes[STORE_LIVE], 8 << 20);
}

static void
test_info_tells_sizes_and_rows(void **state)
{
	struct fixture *f = *state;
	struct store_info before, after;
	struct store_txn *t;
	struct err err;

	assert_int_equal(store_info(f->s, &before, &err), 0);
	assert_int_equal(before.map_bytes[STORE_LIVE], 4 << 20);
	assert_int_equal(before.map_bytes[STORE_ACCOUNTS], 1 << 20);
	assert_int_equal(before.rows[STORE_HOLDS], 0);
	t = begin(f->s, STORE_LIVE, true);
	for (uint64_t i = 0; i < 5000; i++)
		put_number(t, i);
	commit(&t);
	assert_int_equal(store_info(f->s, &after, &err), 0);
	assert_int_equal(after.rows[STORE_HOLDS], 5000);
	assert_true(after.used_bytes[STORE_LIVE] >
		    before.used_bytes[STORE_LIVE] + 5000 * 24);
	assert_true(after.last_txn[STORE_LIVE] > before.last_txn[STORE_LIVE]);
	assert_int_equal(after.last_txn[STORE_ACCOUNTS],
	    before.last_txn[STORE_ACCOUNTS]);
	/* Deleted rows give their pages back. */
	t = begin(f->s, STORE_LIVE, true);
	for (uint64_t i = 0; i < 5000; i++) {
		struct key k;

		key_init(&k);
		key_u64(&k, i);
		assert_int_equal(store_del(t, STORE_HOLDS, key_str(&k)), 0);
	}
	commit(&t);
	assert_int_equal(store_info(f->s, &after, &err), 0);
	assert_true(after.used_bytes[STORE_LIVE] <
		    before.used_bytes[STORE_LIVE] + 20 * 4096);
	assert_int_equal(store_sync(f->s, &err), 0);
}

static void
test_snapshot_opens(void **state)
{
	struct fixture *f = *state;
	char *copy = path_join(f->dir, "copies/one"), *file;
	struct stat st;
	struct err err;

	put_one(f->s, STORE_ACCOUNTS, STORE_TEAMS, "t", "team");
	put_one(f->s, STORE_LIVE, STORE_SPEND, "a", "1");
	assert_int_equal(store_snapshot(f->s, copy, &err), 0);
	file = path_join(copy, "live/data.mdb");
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	free(file);
	/* Not over another one. */
	assert_int_equal(store_snapshot(f->s, copy, &err), -1);
	assert_non_null(strstr(err.text, "not empty"));
	put_one(f->s, STORE_LIVE, STORE_SPEND, "a", "later");
	store_close(&f->s);
	f->s = open_store(copy, 0);
	assert_int_equal(get_one(f->s, STORE_ACCOUNTS, STORE_TEAMS, "t",
			     "team"),
	    1);
	assert_int_equal(get_one(f->s, STORE_LIVE, STORE_SPEND, "a", "1"), 1);
	put_one(f->s, STORE_LIVE, STORE_SPEND, "a", "2");
	free(copy);
}

#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_rows_come_back),
		STORE_TEST(test_an_insert_leaves_what_is_there),
		STORE_TEST(test_every_table_takes_a_row),
		STORE_TEST(test_abort_leaves_nothing),
		STORE_TEST(test_reader_keeps_its_moment),
		STORE_TEST(test_idle_readers_are_bounded),
		STORE_TEST(test_first_error_is_kept_to_the_commit),
		STORE_TEST(test_longest_key_is_taken),
		STORE_TEST(test_wrong_use_is_refused),
		STORE_TEST(test_second_open_is_refused),
		STORE_TEST(test_use_after_a_fork_is_caught),
		STORE_TEST(test_walk_is_ascending_from_a_key),
		STORE_TEST(test_walk_deletes_what_it_shows),
		STORE_TEST(test_walk_survives_changes_around_it),
		STORE_TEST(test_cursor_del_needs_a_row),
		STORE_TEST(test_folders_and_files_are_private),
		cmocka_unit_test(test_missing_store_is_named),
		cmocka_unit_test(test_folder_that_cannot_be_made_is_named),
		STORE_TEST(test_damaged_file_is_named),
		STORE_TEST(test_read_only_open_reads),
		STORE_TEST(test_schema_is_written_and_a_newer_one_refused),
		STORE_TEST(test_full_map_is_an_error_of_its_own),
		STORE_TEST(test_a_map_is_never_smaller_than_the_file),
		STORE_TEST(test_info_tells_sizes_and_rows),
		STORE_TEST(test_snapshot_opens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
