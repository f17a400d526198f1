/*
 * The limiter between processes: several at the edge of one limit let through
 * exactly as many as fit; calls at a time are never one too many, also when
 * their process is killed. Children are forked before any store is open.
 */
#include "live_store.h"

#include "base/clock.h"
#include "domain/routing/limiter.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define WORKERS  4
#define REQUESTS 500
#define PARALLEL 7
#define ROUNDS   400

/* What the children tell, in memory that outlives them. */
struct shared {
	int granted[WORKERS];
	int opened;  /* processes that may begin; atomic */
	int running; /* calls under way; atomic */
	int most;
	uint64_t owner; /* of the one that is killed */
	bool broken;
};

static struct shared *shared;

static struct limit_demand
one_scope(void)
{
	return (struct limit_demand){
		.scope = { .kind = SCOPE_KEY, .id = str_of("k") },
		.requests = -1,
		.tokens = -1,
		.parallel = -1,
	};
}

static int
in_transaction(struct live *l, struct limit_take *k, bool settle)
{
	struct store_txn *t;
	struct err err;
	int rc;

	if (store_write(l->store, STORE_LIVE, &t, &err) != 0)
		return -1;
	rc = settle ? limiter_settle(t, k, 0) : limiter_take(t, k);
	return store_commit(&t, &err) != 0 ? -1 : rc;
}

static struct limit_take
take_of(struct live *l, struct limit_demand *d)
{
	return (struct limit_take){
		.count = 1,
		.demands = d,
		.owner = l->owner.id,
		.now_nsecs = clock_wall_nsecs(),
	};
}

/* As many requests as it gets. */
static void
take_requests(struct live *l, int number)
{
	struct limit_demand d = one_scope();

	d.requests = REQUESTS;
	for (int i = 0; i < REQUESTS; i++) {
		struct limit_take k = take_of(l, &d);
		int rc = in_transaction(l, &k, false);

		shared->broken |= rc < 0;
		shared->granted[number] += rc == 1;
	}
}

/* Calls that begin and end; how many run at a time is counted outside. */
static void
run_calls(struct live *l, int number)
{
	struct limit_demand d = one_scope();
	int64_t end = clock_mono_nsecs() + 10 * NSECS_PER_SEC;

	d.parallel = PARALLEL;
	/* Until they have met, which on a busy machine may take a while. */
	for (int i = 0; i < ROUNDS ||
			(shared->most < PARALLEL && clock_mono_nsecs() < end);
	     i++) {
		struct limit_take k[4];
		int n = 0;

		for (; n < 4; n++) {
			int now;

			k[n] = take_of(l, &d);
			if (in_transaction(l, &k[n], false) != 1)
				break;
			now = __atomic_add_fetch(&shared->running, 1,
			    __ATOMIC_SEQ_CST);
			if (now > shared->most)
				shared->most = now;
			shared->granted[number]++;
		}
		while (n-- > 0) {
			__atomic_sub_fetch(&shared->running, 1,
			    __ATOMIC_SEQ_CST);
			if (in_transaction(l, &k[n], true) != 0)
				shared->broken = true;
		}
	}
}

/* Takes three slots and waits to be killed. */
static void
take_and_hang(struct live *l, int number)
{
	struct limit_demand d = one_scope();

	d.parallel = PARALLEL;
	shared->owner = l->owner.id;
	for (int i = 0; i < 3; i++) {
		struct limit_take k = take_of(l, &d);

		shared->broken |= in_transaction(l, &k, false) != 1;
	}
	__atomic_store_n(&shared->granted[number], 3, __ATOMIC_SEQ_CST);
	for (;;)
		pause();
}

static pid_t
start(void (*f)(struct live *l, int number), char *dir, int number, int of)
{
	struct store_options options = { .dir = dir };
	struct owner_row row = { .role = 1 };
	struct live l = { .dir = dir };
	pid_t pid = fork();
	struct err err;

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (store_open(&options, &l.store, &err) != 0 ||
	    owner_register(l.store, dir, &row, &l.owner, &err) != 0) {
		shared->broken = true;
		_exit(1);
	}
	/* All at once, however long opening took. */
	__atomic_add_fetch(&shared->opened, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&shared->opened, __ATOMIC_SEQ_CST) < of)
		usleep(100);
	f(&l, number);
	live_close(&l);
	_exit(0);
}

static void
run_all(void (*f)(struct live *l, int number), char *dir)
{
	pid_t pids[WORKERS];
	int status;

	for (int i = 0; i < WORKERS; i++)
		pids[i] = start(f, dir, i, WORKERS);
	for (int i = 0; i < WORKERS; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_false(shared->broken);
}

static int
setup(void **state)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(shared != MAP_FAILED);
	*state = scratch_make();
	return 0;
}

static int
teardown(void **state)
{
	scratch_remove(*state);
	munmap(shared, sizeof(*shared));
	return 0;
}

static void
exactly_as_many_as_fit(void **state)
{
	int sum = 0;

	run_all(take_requests, *state);
	for (int i = 0; i < WORKERS; i++)
		sum += shared->granted[i];
	assert_int_equal(sum, REQUESTS);
}

static void
never_one_too_many_at_a_time(void **state)
{
	struct live l = { .dir = *state };

	run_all(run_calls, *state);
	/* How many were met at a time is the scheduler's to say. */
	assert_in_range(shared->most, 1, PARALLEL);
	assert_int_equal(shared->running, 0);
	live_open(&l);
	assert_int_equal(live_rows(&l, STORE_LIMITS), 0);
	live_close(&l);
}

static void
killed_with_calls_under_way(void **state)
{
	struct live l = { .dir = *state };
	struct limit_demand d = one_scope();
	struct limit_walk w;
	struct limit_scope scope;
	struct limit_use use;
	struct store_txn *t;
	pid_t pid = start(take_and_hang, *state, 0, 1);

	while (__atomic_load_n(&shared->granted[0], __ATOMIC_SEQ_CST) != 3)
		usleep(1000);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	live_open(&l);
	assert_int_equal(owner_alive(l.dir, shared->owner, NULL), 0);
	t = live_write(&l);
	assert_int_equal(limiter_read(t, &d.scope, clock_wall_nsecs(), &use),
	    1);
	assert_int_equal(use.calls, 3);
	assert_int_equal(limiter_release(t, shared->owner, clock_wall_nsecs()),
	    3);
	assert_int_equal(limiter_walk(t, clock_wall_nsecs(), &w), 0);
	assert_int_equal(limiter_next(&w, &scope, &use), 0);
	limiter_end_walk(&w);
	live_commit(t);
	live_close(&l);
}

#define PROCESS_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(exactly_as_many_as_fit),
		PROCESS_TEST(never_one_too_many_at_a_time),
		PROCESS_TEST(killed_with_calls_under_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
