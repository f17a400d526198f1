/*
 * The ledger between processes: several of them at the edge of one cap, and
 * workers that are killed at any moment while a keeper settles what they
 * held. Children are forked before any store is open and open their own.
 */
#include "live_store.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/num.h"
#include "domain/ledger/ledger.h"
#include "domain/ledger/rollup_query.h"
#include "store/batch.h"
#include "store/key.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>

#define WORKERS   3
#define KILLS     25
#define FITS      137
#define PRICE     1000
#define HARD_CAP  (INT64_C(30000) * PRICE)
#define BATCH_MAX 8

/* What the children tell, in memory that outlives them. */
struct shared {
	uint64_t granted[WORKERS];
	uint64_t samples, orphans;
	bool broken; /* a child met an error, or a cap was passed */
	char what[256];
	bool stop;
};

static struct shared *shared;

static void
broken(const char *what, const struct err *err)
{
	snprintf(shared->what, sizeof(shared->what), "%s: %.200s", what,
	    err == NULL ? "" : err->text);
	shared->broken = true;
	_exit(1);
}

static void
nothing(int number)
{
	(void)number;
}

/*
 * A robust mutex can lose a wake-up: the lock is given up, the waiter that is
 * woken is killed before it runs, and somebody else has taken the lock in
 * between. The kernel then wakes nobody in the dead one's place, and the next
 * waiter sleeps on although the lock is free. Any signal makes it look again.
 */
static void
look_again_now_and_then(void)
{
	struct sigaction action = { .sa_handler = nothing,
		.sa_flags = SA_RESTART };
	struct itimerval often = { { 0, 100000 }, { 0, 100000 } };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
}

/* Forks a child that runs f and ends. No assertions in the child: they would
   jump into the parent's test. */
static pid_t
start(void (*f)(struct live *l, int number), char *dir, int number)
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
	look_again_now_and_then();
	if (store_open(&options, &l.store, &err) != 0 ||
	    owner_register(l.store, dir, &row, &l.owner, &err) != 0)
		broken("open", &err);
	f(&l, number);
	live_close(&l);
	_exit(0);
}

static void
wait_for(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
}

static int
setup(void **state)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(shared != MAP_FAILED);
	memset(shared, 0, sizeof(*shared));
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

static struct cap
global_cap(int64_t nanos, enum cap_policy policy)
{
	struct cap c = { .kind = SCOPE_GLOBAL,
		.id = "",
		.cap_nanos = nanos,
		.policy = policy };

	return c;
}

static struct spend_row
global_spend(struct store_txn *t)
{
	struct hold_scope scope = { .kind = SCOPE_GLOBAL };
	struct spend_row row;
	struct err err;

	if (ledger_spend(t, &scope, &row, &err) != 0)
		broken("spend", &err);
	return row;
}

/* ---- one job at a time in the turn transaction --------------------------- */

struct work {
	struct batch_job job;
	struct live *live;
	struct hold_request request;
	struct cap cap;
	struct hold hold;
	struct hold_answer answer;
	struct settlement settlement;
	struct charge charge;
	char record[128];
};

static void
work_done(struct batch_job *job, const struct err *err)
{
	(void)job;
	if (err != NULL)
		broken("job", err);
}

static int
hold_run(struct batch_job *job, struct store_txn *t, struct err *err)
{
	struct work *w = LIST_OBJ(job, struct work, job);

	return ledger_hold(t, &w->request, &w->hold, &w->answer, err);
}

static int
settle_run(struct batch_job *job, struct store_txn *t, struct err *err)
{
	struct work *w = LIST_OBJ(job, struct work, job);

	return ledger_settle(t, &w->settlement, err);
}

static void
fill_work(struct work *w, struct live *l, uint64_t number)
{
	static const char opening[] = "\"run_id\":\"x\"";

	memset(w, 0, sizeof(*w));
	w->live = l;
	w->request.worst_nanos = PRICE;
	w->request.least_nanos = PRICE;
	w->request.now_nsecs = clock_wall_nsecs();
	w->request.cap_count = 1;
	w->request.caps = &w->cap;
	w->hold.owner = l->owner.id;
	w->hold.number = number;
	w->hold.state = HOLD_SENT;
	w->hold.prompt_nanos = PRICE / 4;
	w->hold.taken_nsecs = w->request.now_nsecs;
	w->hold.record = str_of(opening);
	w->hold.names.model = str_of("m");
}

static void
fill_settlement(struct work *w, int64_t cost)
{
	char usd[MONEY_TEXT_BYTES];

	money_format(cost, usd);
	snprintf(w->record, sizeof(w->record),
	    "{\"run_id\":\"x\",\"cost_usd\":%s}", usd);
	w->charge.names = w->hold.names;
	w->charge.amounts.requests = 1;
	w->charge.amounts.cost_nanos = cost;
	w->settlement.owner = w->hold.owner;
	w->settlement.number = w->hold.number;
	w->settlement.cost_nanos = cost;
	w->settlement.now_nsecs = clock_wall_nsecs();
	w->settlement.charge_count = 1;
	w->settlement.charges = &w->charge;
	w->settlement.record = str_of(w->record);
	w->settlement.outbox_owner = &w->live->owner;
}

static void
run_batch(struct batch *b)
{
	struct err err;

	if (batch_run(b, &err) != 0)
		broken("batch", &err);
}

/* ---- the edge of a cap -------------------------------------------------- */

static void
hammer(struct live *l, int number)
{
	struct batch b;
	struct work w;

	batch_init(&b, l->store);
	for (uint64_t i = 1; i <= 1000; i++) {
		fill_work(&w, l, i);
		w.cap = global_cap(FITS * PRICE + PRICE - 1, CAP_REFUSE);
		batch_job_init(&w.job, hold_run, work_done);
		batch_add(&b, &w.job);
		run_batch(&b);
		if (w.answer.verdict == HOLD_REFUSED)
			continue;
		shared->granted[number]++;
		/* Half of them stay held until all are done. */
		if (i % 2 == 0)
			continue;
		fill_settlement(&w, PRICE);
		batch_job_init(&w.job, settle_run, work_done);
		batch_add(&b, &w.job);
		run_batch(&b);
	}
}

static void
test_exactly_as_many_pass_as_fit(void **state)
{
	struct live l = { .dir = *state };
	struct spend_row row;
	struct store_txn *t;
	uint64_t granted = 0;
	pid_t pids[WORKERS];

	for (int i = 0; i < WORKERS; i++)
		pids[i] = start(hammer, *state, i);
	for (int i = 0; i < WORKERS; i++)
		wait_for(pids[i]);
	if (shared->broken)
		fail_msg("%s", shared->what);
	for (int i = 0; i < WORKERS; i++)
		granted += shared->granted[i];
	assert_int_equal(granted, FITS);
	live_open(&l);
	t = live_read(&l);
	row = global_spend(t);
	assert_int_equal(row.spent_nanos + row.held_nanos, FITS * PRICE);
	store_abort(&t);
	live_close(&l);
}

/* ---- killed workers ----------------------------------------------------- */

/* Holds and settles batches until it is killed or told to stop. */
static void
work_until_killed(struct live *l, int number)
{
	uint64_t next = 1, dice = (uint64_t)getpid() * 7919;
	struct work w[BATCH_MAX];
	struct batch b;

	(void)number;
	batch_init(&b, l->store);
	while (!shared->stop) {
		size_t n = 1 + next % BATCH_MAX;

		for (size_t i = 0; i < n; i++) {
			fill_work(&w[i], l, next++);
			w[i].cap = global_cap(HARD_CAP, CAP_CLAMP);
			w[i].request.least_nanos = PRICE / 2;
			batch_job_init(&w[i].job, hold_run, work_done);
			batch_add(&b, &w[i].job);
		}
		run_batch(&b);
		for (size_t i = 0; i < n; i++) {
			if (w[i].answer.verdict == HOLD_REFUSED)
				continue;
			dice = dice * UINT64_C(6364136223846793005) + 1;
			fill_settlement(&w[i],
			    (int64_t)((dice >> 33) %
				      (uint64_t)(w[i].answer.amount_nanos +
						 1)));
			batch_job_init(&w[i].job, settle_run, work_done);
			batch_add(&b, &w[i].job);
		}
		run_batch(&b);
	}
}

/* Settles what one dead owner held. */
static void
settle_owner(struct live *l, uint64_t owner)
{
	struct hold_walk walk;
	struct store_txn *t;
	struct hold h;
	struct err err;

	if (store_write(l->store, STORE_LIVE, &t, &err) != 0 ||
	    ledger_walk_holds(t, owner, &walk, &err) != 0)
		broken("keeper", &err);
	while (ledger_next_hold(&walk, &h, &err) == 1) {
		if (ledger_settle_orphan(t, &h, &l->owner, clock_wall_nsecs(),
			NULL, &err) != 0)
			broken("orphan", &err);
		shared->orphans++;
	}
	ledger_end_walk(&walk);
	if (store_commit(&t, &err) != 0)
		broken("keeper", &err);
}

/* Owners that are dead, from a transaction of its own. */
static size_t
find_dead(struct live *l, uint64_t *dead, size_t max)
{
	struct store_cursor *c;
	struct store_txn *t;
	struct str key, value;
	struct err err;
	size_t n = 0;

	if (store_read(l->store, STORE_LIVE, &t, &err) != 0)
		broken("keeper", &err);
	c = store_cursor_open(t, STORE_OWNERS, str_of(""));
	while (n < max && store_cursor_next(c, &key, &value) == 1) {
		uint64_t id;

		if (key_take_u64(&key, &id) == 0 && id != l->owner.id &&
		    owner_alive(l->dir, id, &err) == 0)
			dead[n++] = id;
	}
	store_abort(&t);
	return n;
}

static void
sample(struct live *l)
{
	struct spend_row row;
	struct store_txn *t;
	struct err err;

	if (store_read(l->store, STORE_LIVE, &t, &err) != 0)
		broken("sample", &err);
	row = global_spend(t);
	store_abort(&t);
	if (row.spent_nanos + row.held_nanos > HARD_CAP)
		broken("the cap was passed", NULL);
	shared->samples++;
}

static void
keep(struct live *l, int number)
{
	uint64_t dead[2 * KILLS + WORKERS];
	bool last;

	(void)number;
	do {
		last = shared->stop;
		for (size_t n = find_dead(l, dead, ARRAY_LEN(dead)); n > 0; n--)
			settle_owner(l, dead[n - 1]);
		sample(l);
		usleep(2000);
	} while (!last);
}

/* Σ of the records' cost, and that every owner's sequences have no gap. */
static int64_t
sum_outbox(struct store_txn *t)
{
	static const char member[] = "\"cost_usd\":";
	struct store_cursor *c = store_cursor_open(t, STORE_OUTBOX, str_of(""));
	uint64_t owner, seq, last_owner = 0, last_seq = 0;
	struct str key, value;
	int64_t sum = 0;

	while (store_cursor_next(c, &key, &value) == 1) {
		ptrdiff_t at = str_find(value, member);
		int64_t nanos;
		bool inexact;
		size_t n = 0;

		assert_int_equal(key_take_u64(&key, &owner), 0);
		assert_int_equal(key_take_u64(&key, &seq), 0);
		assert_int_equal(seq, owner == last_owner ? last_seq + 1 : 1);
		last_owner = owner;
		last_seq = seq;
		assert_true(at >= 0);
		value.p += at + strlen(member);
		while (value.p[n] != ',' && value.p[n] != '}')
			n++;
		assert_int_equal(num_decimal(str_make(value.p, n), 9, &nanos,
				     &inexact),
		    0);
		assert_false(inexact);
		sum += nanos;
	}
	store_cursor_close(&c);
	return sum;
}

static void
check_books(struct live *l)
{
	struct rollup_result r;
	struct spend_row row;
	struct store_txn *t;

	assert_int_equal(live_rows(l, STORE_HOLDS), 0);
	t = live_read(l);
	row = global_spend(t);
	assert_int_equal(row.held_nanos, 0);
	assert_true(row.spent_nanos <= HARD_CAP);
	assert_int_equal(rollup_query(t, ROLLUP_ALL, 0, 0, &r), 0);
	assert_int_equal(r.total.cost_nanos, row.spent_nanos);
	assert_int_equal(r.total.requests, live_rows(l, STORE_OUTBOX));
	assert_int_equal(sum_outbox(t), row.spent_nanos);
	print_message("%lld requests, %llu orphans, %llu samples, spent %lld "
		      "of %lld\n",
	    (long long)r.total.requests, (unsigned long long)shared->orphans,
	    (unsigned long long)shared->samples, (long long)row.spent_nanos,
	    (long long)HARD_CAP);
	rollup_result_free(&r);
	store_abort(&t);
}

static void
test_killed_workers_leave_balanced_books(void **state)
{
	struct live l = { .dir = *state };
	pid_t keeper, workers[WORKERS];

	keeper = start(keep, *state, 0);
	for (int i = 0; i < WORKERS; i++)
		workers[i] = start(work_until_killed, *state, i);
	for (int n = 0; n < KILLS && !shared->broken; n++) {
		int i = n % WORKERS;

		usleep(30000 + (useconds_t)(n * 7919 % 20000));
		kill(workers[i], SIGKILL);
		wait_for(workers[i]);
		workers[i] = start(work_until_killed, *state, i);
		if (n % 5 == 4) {
			kill(keeper, SIGKILL);
			wait_for(keeper);
			keeper = start(keep, *state, 0);
		}
	}
	for (int i = 0; i < WORKERS; i++) {
		kill(workers[i], SIGKILL);
		wait_for(workers[i]);
	}
	shared->stop = true;
	wait_for(keeper);
	if (shared->broken)
		fail_msg("%s", shared->what);
	assert_true(shared->samples > 20);
	live_open(&l);
	check_books(&l);
	live_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_exactly_as_many_pass_as_fit, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_killed_workers_leave_balanced_books, setup, teardown),
	};

	/* A process that hangs must not hang the suite. */
	alarm(60);
	return cmocka_run_group_tests_name("ledger_processes", tests, NULL,
	    NULL);
}
