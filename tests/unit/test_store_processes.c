/*
 * The store between processes: writers killed at any moment, readers left
 * behind, a map that another one grew, opening while others close. Children
 * are forked before any store is open and open their own.
 */
#include "unit.h"

#include "base/clock.h"
#include "base/hash.h"
#include "scratch.h"
#include "store/key.h"
#include "store/store.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define WRITERS    3
#define KILLS      40
#define ACCOUNTS   64
#define MAP_BYTES  (INT64_C(4) << 20)
#define FULL_TRIES 2000 /* of 1 ms */

/* What the children tell, in memory that outlives them. */
struct shared {
	uint64_t commits[WRITERS]; /* answered with success */
	bool broken[WRITERS];
	struct err err[WRITERS]; /* why */
};

struct fixture {
	char *dir;
	struct shared *shared;
};

static int
setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->dir = scratch_make();
	f->shared = mmap(NULL, sizeof(*f->shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(f->shared != MAP_FAILED);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	munmap(f->shared, sizeof(*f->shared));
	scratch_remove(f->dir);
	free(f);
	return 0;
}

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

static int64_t
get_number(struct store_txn *t, enum store_table table, uint64_t number)
{
	struct key k;
	struct str v;
	int64_t n = 0;

	key_init(&k);
	key_u64(&k, number);
	if (store_get(t, table, key_str(&k), &v) == 1)
		memcpy(&n, v.p, sizeof(n));
	return n;
}

static void
put_number(struct store_txn *t, enum store_table table, uint64_t number,
    int64_t n)
{
	struct key k;

	key_init(&k);
	key_u64(&k, number);
	(void)store_put(t, table, key_str(&k),
	    str_make((const char *)&n, sizeof(n)));
}

/* A child does not outlive a test that failed. */
static pid_t
fork_child(void)
{
	pid_t parent = getpid(), pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
	}
	return pid;
}

/* ---- killed writers ---- */

static int
sum_of_accounts(struct store *s, int64_t *sum_r, struct err *err)
{
	struct store_txn *t;

	if (store_read(s, STORE_LIVE, &t, err) != 0)
		return -1;
	*sum_r = 0;
	for (uint64_t i = 0; i < ACCOUNTS; i++)
		*sum_r += get_number(t, STORE_SPEND, i);
	return store_commit(&t, err);
}

/* Moves an amount from one account to another and counts itself. */
static int
transfer_once(struct store *s, uint64_t writer, struct err *err)
{
	uint64_t dice = random_u64(), from, to;
	int64_t amount = (int64_t)(dice >> 32);
	struct store_txn *t;

	from = dice % ACCOUNTS;
	to = dice / ACCOUNTS % ACCOUNTS;
	if (store_write(s, STORE_LIVE, &t, err) != 0)
		return -1;
	put_number(t, STORE_SPEND, from,
	    get_number(t, STORE_SPEND, from) - amount);
	put_number(t, STORE_SPEND, to, get_number(t, STORE_SPEND, to) + amount);
	put_number(t, STORE_HOLDS, writer,
	    get_number(t, STORE_HOLDS, writer) + 1);
	return store_commit(&t, err);
}

/*
 * The map is small on purpose. Killed readers fill it, until their slots are
 * cleared; living ones too, when the scheduler stops them in the middle of a
 * read for a thousand commits of the others. So as batch.h says: clear, try
 * again, after a pause if need be.
 */
static int
transfer(struct store *s, uint64_t writer, struct err *err)
{
	for (int tries = 0; tries < FULL_TRIES; tries++) {
		if (transfer_once(s, writer, err) == 0)
			return 0;
		if (err->code != ERR_STORE_FULL)
			return -1;
		store_check_readers(s);
		usleep(tries == 0 ? 0 : 1000);
	}
	return -1;
}

static int
check_sum(struct store *s, struct err *err)
{
	int64_t sum;

	if (sum_of_accounts(s, &sum, err) != 0)
		return -1;
	if (sum != 0)
		return err_set(err, ERR_INTERNAL, "the sum is %lld",
		    (long long)sum);
	return 0;
}

/* A child's life, until it is killed. */
static void
write_for_ever(struct fixture *f, int writer)
{
	struct store_options o = { .dir = f->dir, .map_bytes = MAP_BYTES };
	uint64_t *commits = &f->shared->commits[writer];
	struct err *err = &f->shared->err[writer];
	struct store *s;

	if (store_open(&o, &s, err) == 0)
		while (transfer(s, (uint64_t)writer, err) == 0) {
			__atomic_add_fetch(commits, 1, __ATOMIC_SEQ_CST);
			if (*commits % 16 == 0 && check_sum(s, err) != 0)
				break;
		}
	f->shared->broken[writer] = true;
	_exit(1);
}

static pid_t
start_writer(struct fixture *f, int writer)
{
	pid_t pid = fork_child();

	if (pid == 0)
		write_for_ever(f, writer);
	return pid;
}

static void
kill_writer(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) || WIFEXITED(status));
}

static void
test_sums_hold_when_writers_are_killed(void **state)
{
	struct fixture *f = *state;
	uint64_t kills[WRITERS] = { 0 }, total = 0;
	pid_t pids[WRITERS];
	struct store_txn *t;
	struct store *s;
	struct err err;

	for (int i = 0; i < WRITERS; i++)
		pids[i] = start_writer(f, i);
	for (int i = 0; i < KILLS; i++) {
		int victim = (int)(random_u64() % WRITERS);

		usleep((useconds_t)(random_u64() % 30000));
		kill_writer(pids[victim]);
		kills[victim]++;
		pids[victim] = start_writer(f, victim);
	}
	usleep(100000);
	for (int i = 0; i < WRITERS; i++) {
		kill_writer(pids[i]);
		kills[i]++;
	}
	s = open_store(f->dir, MAP_BYTES);
	assert_int_equal(check_sum(s, &err), 0);
	assert_int_equal(store_read(s, STORE_LIVE, &t, NULL), 0);
	for (int i = 0; i < WRITERS; i++) {
		uint64_t said = f->shared->commits[i], kept;

		kept = (uint64_t)get_number(t, STORE_HOLDS, (uint64_t)i);
		if (f->shared->broken[i])
			fail_msg("writer %d: %s", i, f->shared->err[i].text);
		/* Nothing forgotten; at most one commit per death that its
		   writer did not live to tell. */
		assert_true(kept >= said && kept <= said + kills[i]);
		total += said;
	}
	assert_true(total > 100);
	store_abort(&t);
	store_close(&s);
}

/* ---- readers left behind ---- */

static void
test_dead_readers_are_cleared(void **state)
{
	struct fixture *f = *state;
	struct store_info info;
	struct store *s;
	int pipes[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(pipes), 0);
	pid = fork_child();
	if (pid == 0) {
		struct store_txn *t;

		s = open_store(f->dir, 0);
		if (store_read(s, STORE_LIVE, &t, NULL) != 0 ||
		    store_read(s, STORE_LIVE, &t, NULL) != 0 ||
		    store_read(s, STORE_ACCOUNTS, &t, NULL) != 0 ||
		    write(pipes[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(pipes[0], &byte, 1), 1);
	s = open_store(f->dir, 0);
	assert_int_equal(store_check_readers(s), 0);
	kill_writer(pid);
	assert_int_equal(store_info(s, &info, NULL), 0);
	assert_int_equal(info.readers[STORE_LIVE], 3); /* and info's own */
	assert_int_equal(store_check_readers(s), 3);
	assert_int_equal(store_info(s, &info, NULL), 0);
	assert_int_equal(info.readers[STORE_LIVE], 1);
	assert_int_equal(info.readers[STORE_ACCOUNTS], 1);
	store_close(&s);
	close(pipes[0]);
	close(pipes[1]);
}

/* ---- a map that somebody else grew ---- */

static int
fill(struct store *s, uint64_t rows)
{
	static const char block[4000];
	struct store_txn *t;
	struct key k;

	if (store_write(s, STORE_LIVE, &t, NULL) != 0)
		return -1;
	for (uint64_t i = 0; i < rows; i++) {
		key_init(&k);
		key_u64(&k, i);
		(void)store_put(t, STORE_OUTBOX, key_str(&k),
		    str_make(block, sizeof(block)));
	}
	return store_commit(&t, NULL);
}

static void
test_grown_map_is_adopted(void **state)
{
	struct fixture *f = *state;
	struct store_txn *held, *t = NULL;
	struct store_info info;
	struct store *s;
	int pipes[2], status;
	struct err err;
	char byte;
	pid_t pid;

	assert_int_equal(pipe(pipes), 0);
	pid = fork_child();
	if (pid == 0) {
		if (read(pipes[0], &byte, 1) != 1)
			_exit(1);
		s = open_store(f->dir, 16 << 20);
		_exit(fill(s, 2000) == 0 ? 0 : 1);
	}
	s = open_store(f->dir, 1 << 20);
	/* One reader open, and one idle, when it happens. */
	assert_int_equal(store_read(s, STORE_LIVE, &held, &err), 0);
	assert_int_equal(store_read(s, STORE_LIVE, &t, &err), 0);
	store_abort(&t);
	assert_int_equal(write(pipes[1], "g", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	/* The map cannot move while something is open on it. */
	assert_int_equal(store_write(s, STORE_LIVE, &t, &err), -1);
	assert_int_equal(err.code, ERR_STORE);
	assert_int_equal(store_read(s, STORE_LIVE, &t, &err), -1);
	store_abort(&held);
	assert_int_equal(store_read(s, STORE_LIVE, &t, &err), 0);
	store_abort(&t);
	assert_int_equal(store_info(s, &info, &err), 0);
	assert_int_equal(info.rows[STORE_OUTBOX], 2000);
	assert_int_equal(info.map_bytes[STORE_LIVE], 16 << 20);
	assert_int_equal(fill(s, 500), 0);
	store_close(&s);
	close(pipes[0]);
	close(pipes[1]);
}

static void
test_grown_map_is_adopted_by_a_writer(void **state)
{
	struct fixture *f = *state;
	int pipes[2], status;
	struct store *s;
	char byte;
	pid_t pid;

	assert_int_equal(pipe(pipes), 0);
	pid = fork_child();
	if (pid == 0) {
		if (read(pipes[0], &byte, 1) != 1)
			_exit(1);
		s = open_store(f->dir, 16 << 20);
		_exit(fill(s, 2000) == 0 ? 0 : 1);
	}
	s = open_store(f->dir, 1 << 20);
	assert_int_equal(write(pipes[1], "g", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(fill(s, 500), 0);
	store_close(&s);
	close(pipes[0]);
	close(pipes[1]);
}

/* ---- opening while others close ---- */

static void
open_and_close(struct fixture *f, int writer)
{
	for (int i = 0; i < 40; i++) {
		struct store_options o = { .dir = f->dir,
			.read_only = i % 4 == 3 };
		struct err *err = &f->shared->err[writer];
		struct store *s;

		if (store_open(&o, &s, err) != 0)
			_exit(1);
		if (!o.read_only && transfer(s, (uint64_t)writer, err) != 0)
			_exit(2);
		if (check_sum(s, err) != 0)
			_exit(3);
		store_close(&s);
	}
	_exit(0);
}

static void
test_open_and_close_may_race(void **state)
{
	struct fixture *f = *state;
	pid_t pids[WRITERS];
	struct store_txn *t;
	struct store *s;
	int64_t total = 0;

	for (int i = 0; i < WRITERS; i++) {
		pids[i] = fork_child();
		if (pids[i] == 0)
			open_and_close(f, i);
	}
	for (int i = 0; i < WRITERS; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status));
		if (WEXITSTATUS(status) != 0)
			fail_msg("child %d: %s", i, f->shared->err[i].text);
	}
	s = open_store(f->dir, 0);
	assert_int_equal(store_read(s, STORE_LIVE, &t, NULL), 0);
	for (uint64_t i = 0; i < WRITERS; i++)
		total += get_number(t, STORE_HOLDS, i);
	assert_int_equal(total, WRITERS * 30);
	store_abort(&t);
	store_close(&s);
}

#define PROCESS_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(test_sums_hold_when_writers_are_killed),
		PROCESS_TEST(test_dead_readers_are_cleared),
		PROCESS_TEST(test_grown_map_is_adopted),
		PROCESS_TEST(test_grown_map_is_adopted_by_a_writer),
		PROCESS_TEST(test_open_and_close_may_race),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
