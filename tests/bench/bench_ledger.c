/*
 * What the ledger costs: hold + settle pairs through the turn transaction, in
 * batches, on a store in a scratch folder. Prints microseconds of CPU time per
 * pair, and how they split; then how many pairs one and two processes do on one
 * store, alone and beside the other work a worker has per request. Not a test:
 * make tests/bench/bench_ledger, then run it.
 *
 *   bench_ledger [PAIRS [BATCH]]
 */
#include "base/clock.h"
#include "base/num.h"
#include "domain/ledger/ledger.h"
#include "store/batch.h"
#include "store/key.h"

#include "../unit/scratch.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_BATCH 256
/* How long processes run side by side. */
#define RUN_NSECS (400 * NSECS_PER_MSEC)
/* CPU time that a worker spends on a request besides its ledger. */
#define OTHER_WORK_NSECS 25000
#define PROCESSES_MAX    2
#define ROUNDS           5

struct bench {
	struct store *store;
	struct owner owner;
	struct batch batch;
	uint64_t number;
	size_t caps;
	bool with_rollups;
};

struct pair {
	struct batch_job job;
	struct bench *bench;
	struct hold hold;
	struct settlement settlement;
	struct charge charge;
};

static const char opening[] =
    "\"run_id\":\"0123456789abcdef0123456789abcdef\",\"model\":\"gpt-4o-mini\","
    "\"time\":\"2026-11-22T11:18:10.123456Z\",\"requested_model\":\"agent\","
    "\"provider\":\"openai\",\"deployment\":\"a1b2c3d4e5f6\",\"stream\":false,"
    "\"key\":\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    "\",\"team\":null,\"user\":null,\"tags\":[]";

static char record[1024];

/* CPU time of this process: the machine may be busy with others. */
static int64_t
cpu_nsecs(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * NSECS_PER_SEC + ts.tv_nsec;
}

static void
die(const char *what, const struct err *err)
{
	fprintf(stderr, "%s: %s\n", what, err->text);
	exit(1);
}

static int
run_hold(struct batch_job *job, struct store_txn *t, struct err *err)
{
	struct pair *p = LIST_OBJ(job, struct pair, job);
	static const char *const ids[] = { "", "openai",
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789ab",
		"team-1" };
	static const enum scope_kind kinds[] = { SCOPE_GLOBAL, SCOPE_PROVIDER,
		SCOPE_KEY, SCOPE_TEAM };
	struct hold_request request = {
		.worst_nanos = 1000000,
		.least_nanos = 1000000,
		.cap_count = p->bench->caps,
		.now_nsecs = clock_wall_nsecs(),
	};
	struct hold_answer answer;

	for (size_t i = 0; i < request.cap_count; i++) {
		request.caps[i].kind = kinds[i];
		request.caps[i].id = ids[i];
		request.caps[i].cap_nanos = MONEY_MAX - 1;
		request.caps[i].rule.unit = WINDOW_DAYS;
		request.caps[i].rule.count = 1;
	}
	return ledger_hold(t, &request, &p->hold, &answer, err);
}

static int
run_settle(struct batch_job *job, struct store_txn *t, struct err *err)
{
	struct pair *p = LIST_OBJ(job, struct pair, job);

	return ledger_settle(t, &p->settlement, err);
}

static void
done(struct batch_job *job, const struct err *err)
{
	(void)job;
	if (err != NULL)
		die("job", err);
}

static void
fill(struct pair *p, struct bench *b)
{
	struct rollup_names *names = &p->hold.names;

	memset(p, 0, sizeof(*p));
	p->bench = b;
	p->hold.owner = b->owner.id;
	p->hold.number = ++b->number;
	p->hold.state = HOLD_SENT;
	p->hold.taken_nsecs = clock_wall_nsecs();
	p->hold.record = str_of(opening);
	names->model = str_of("gpt-4o-mini");
	names->group = str_of("agent");
	names->provider = str_of("openai");
	names->deployment = str_of("a1b2c3d4e5f6");
	names->key = str_of("0123456789abcdef0123456789abcdef0123456789abcdef");
	p->charge.names = *names;
	p->charge.amounts.requests = 1;
	p->charge.amounts.attempts = 1;
	p->charge.amounts.cost_nanos = 450000;
	p->settlement.owner = p->hold.owner;
	p->settlement.number = p->hold.number;
	p->settlement.now_nsecs = p->hold.taken_nsecs;
	p->settlement.outbox_owner = &b->owner;
	p->settlement.record = str_of(record);
	if (b->with_rollups) {
		p->settlement.cost_nanos = 450000;
		p->settlement.charge_count = 1;
		p->settlement.charges = &p->charge;
	}
}

/* The logger took what is in the outbox. */
static void
drain(struct bench *b)
{
	struct store_cursor *c;
	struct store_txn *t;
	struct str key, value;
	struct err err;

	if (store_write(b->store, STORE_LIVE, &t, &err) != 0)
		die("drain", &err);
	c = store_cursor_open(t, STORE_OUTBOX, str_of(""));
	while (store_cursor_next(c, &key, &value) == 1)
		store_cursor_del(c);
	if (store_commit(&t, &err) != 0)
		die("drain", &err);
}

/* Returns the CPU time it took: nearly all of it under the writer's lock. */
static int64_t
run(struct batch *b)
{
	int64_t began = cpu_nsecs();
	struct err err;

	if (batch_run(b, &err) != 0)
		die("batch", &err);
	return cpu_nsecs() - began;
}

/* Nanoseconds per pair: [0] holds, [1] settlements, [2] outbox drained. */
static void
measure(struct bench *b, int pairs, int batch, int64_t nsecs[3])
{
	static struct pair jobs[MAX_BATCH];

	memset(nsecs, 0, 3 * sizeof(*nsecs));
	for (int n = 0; n < pairs; n += batch) {
		int64_t t0, t1, t2, t3;

		for (int i = 0; i < batch; i++)
			fill(&jobs[i], b);
		t0 = cpu_nsecs();
		for (int i = 0; i < batch; i++) {
			batch_job_init(&jobs[i].job, run_hold, done);
			batch_add(&b->batch, &jobs[i].job);
		}
		run(&b->batch);
		t1 = cpu_nsecs();
		for (int i = 0; i < batch; i++) {
			batch_job_init(&jobs[i].job, run_settle, done);
			batch_add(&b->batch, &jobs[i].job);
		}
		run(&b->batch);
		t2 = cpu_nsecs();
		drain(b);
		t3 = cpu_nsecs();
		nsecs[0] += t1 - t0;
		nsecs[1] += t2 - t1;
		nsecs[2] += t3 - t2;
	}
	for (int i = 0; i < 3; i++)
		nsecs[i] /= pairs;
}

static void
report(struct bench *b, const char *what, int pairs, int batch)
{
	int64_t nsecs[3];

	measure(b, pairs, batch, nsecs);
	printf("%-28s batch %3d: hold %5.2f us, settle %5.2f us, pair %5.2f us "
	       "(%lld pairs/s); outbox drained %5.2f us\n",
	    what, batch, (double)nsecs[0] / 1000, (double)nsecs[1] / 1000,
	    (double)(nsecs[0] + nsecs[1]) / 1000,
	    (long long)(1000000000 / (nsecs[0] + nsecs[1])),
	    (double)nsecs[2] / 1000);
}

/* ---- one and two processes ---------------------------------------------- */

struct shared {
	int ready; /* atomic, as the next */
	int go;
	int64_t pairs[PROCESSES_MAX];
	int64_t used_nsecs[PROCESSES_MAX]; /* of the pairs and the other work */
	int64_t locked_nsecs[PROCESSES_MAX]; /* CPU time in transactions */
};

static void
other_work(int64_t nsecs)
{
	int64_t end = cpu_nsecs() + nsecs;

	while (cpu_nsecs() < end)
		;
}

/* What the logger has taken goes, in the turn of the next settlements. */
static int
run_drain(struct batch_job *job, struct store_txn *t, struct err *err)
{
	struct pair *p = LIST_OBJ(job, struct pair, job);
	struct key from, upto;

	key_init(&from);
	key_u64(&from, p->bench->owner.id);
	upto = from;
	key_u64(&from, 0);
	key_u64(&upto, UINT64_MAX);
	return store_del_range(t, STORE_OUTBOX, key_str(&from), key_str(&upto),
		   INT32_MAX) < 0
		   ? err_set(err, ERR_STORE, "outbox")
		   : 0;
}

static void
run_jobs(struct bench *b, struct pair *jobs, int n,
    int (*job)(struct batch_job *, struct store_txn *, struct err *))
{
	for (int i = 0; i < n; i++) {
		batch_job_init(&jobs[i].job, job, done);
		batch_add(&b->batch, &jobs[i].job);
	}
}

static void
open_bench(struct bench *b, const char *dir)
{
	struct store_options options = { .dir = dir };
	struct owner_row row = { .role = 1 };
	struct err err;

	if (store_open(&options, &b->store, &err) != 0 ||
	    owner_register(b->store, dir, &row, &b->owner, &err) != 0)
		die("store", &err);
	batch_init(&b->batch, b->store);
}

/* Pairs until the time is over, each turn followed by other work. */
static void
process(struct shared *shared, int number, const char *dir, int batch,
    int64_t work_nsecs)
{
	static struct pair jobs[MAX_BATCH + 1];
	struct bench b = { .with_rollups = true, .caps = 1 };
	int64_t end, cpu;

	open_bench(&b, dir);
	jobs[MAX_BATCH].bench = &b;
	__atomic_add_fetch(&shared->ready, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&shared->go, __ATOMIC_SEQ_CST) == 0)
		usleep(100);
	cpu = cpu_nsecs();
	end = clock_mono_nsecs() + RUN_NSECS;
	while (clock_mono_nsecs() < end) {
		for (int i = 0; i < batch; i++)
			fill(&jobs[i], &b);
		run_jobs(&b, jobs, batch, run_hold);
		shared->locked_nsecs[number] += run(&b.batch);
		other_work(work_nsecs * batch / 2);
		run_jobs(&b, jobs, batch, run_settle);
		run_jobs(&b, &jobs[MAX_BATCH], 1, run_drain);
		shared->locked_nsecs[number] += run(&b.batch);
		other_work(work_nsecs * batch / 2);
		shared->pairs[number] += batch;
	}
	shared->used_nsecs[number] = cpu_nsecs() - cpu;
	owner_release(&b.owner);
	store_close(&b.store);
	_exit(0);
}

struct speed {
	double pairs;  /* per second, all processes together */
	double cpu;    /* microseconds of a pair, with the other work */
	double locked; /* of them, under the lock */
};

static struct speed
side_by_side(int n, int batch, int64_t work_nsecs)
{
	struct shared *shared = mmap(NULL, sizeof(*shared),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *dir = scratch_make();
	int64_t pairs = 0, cpu = 0, locked = 0;
	int failed = 0;

	if (shared == MAP_FAILED)
		exit(1);
	for (int i = 0; i < n; i++) {
		if (fork() == 0)
			process(shared, i, dir, batch, work_nsecs);
	}
	while (__atomic_load_n(&shared->ready, __ATOMIC_SEQ_CST) < n)
		usleep(1000);
	__atomic_store_n(&shared->go, 1, __ATOMIC_SEQ_CST);
	for (int i = 0, status; i < n; i++)
		failed |= wait(&status) < 0 || status != 0;
	for (int i = 0; i < n; i++) {
		pairs += shared->pairs[i];
		cpu += shared->used_nsecs[i];
		locked += shared->locked_nsecs[i];
	}
	scratch_remove(dir);
	munmap(shared, sizeof(*shared));
	if (failed || pairs == 0)
		exit(1);
	return (struct speed){
		.pairs = (double)pairs * NSECS_PER_SEC / RUN_NSECS,
		.cpu = (double)cpu / (double)pairs / 1000,
		.locked = (double)locked / (double)pairs / 1000,
	};
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* The median of five rounds, one and two taking turns. What the lock allows
   is independent of who else is at work on the machine. */
static void
report_scale(int batch, int64_t work_nsecs)
{
	double one[ROUNDS], two[ROUNDS], scale[ROUNDS];
	struct speed a = { 0 }, b = { 0 };

	for (int i = 0; i < ROUNDS; i++) {
		a = side_by_side(1, batch, work_nsecs);
		b = side_by_side(2, batch, work_nsecs);
		one[i] = a.pairs;
		two[i] = b.pairs;
		scale[i] = b.pairs / a.pairs;
	}
	qsort(one, ROUNDS, sizeof(*one), by_size);
	qsort(two, ROUNDS, sizeof(*two), by_size);
	qsort(scale, ROUNDS, sizeof(*scale), by_size);
	printf("%2lld us, batch %2d: one %6.0f pairs/s, %5.2f us CPU; two "
	       "%6.0f, %5.2f us: %.2f times; locked %.2f us, so at most "
	       "%.0f pairs/s\n",
	    (long long)work_nsecs / 1000, batch, one[ROUNDS / 2], a.cpu,
	    two[ROUNDS / 2], b.cpu, scale[ROUNDS / 2], a.locked,
	    1e6 / a.locked);
}

static void
report_scales(void)
{
	static const int batches[] = { 1, 8, 32 };

	printf("one cap, the outbox drained; so much other work per request:"
	       "\n");
	for (size_t i = 0; i < ARRAY_LEN(batches); i++)
		report_scale(batches[i], 0);
	for (size_t i = 0; i < ARRAY_LEN(batches); i++)
		report_scale(batches[i], OTHER_WORK_NSECS);
}

/* ---- the command line --------------------------------------------------- */

int
main(int argc, char **argv)
{
	char *dir = scratch_make();
	int64_t pairs = 20000, batch = 16;
	struct bench b = { 0 };

	if ((argc > 1 && num_int64(str_of(argv[1]), &pairs) != 0) ||
	    (argc > 2 && num_int64(str_of(argv[2]), &batch) != 0) ||
	    pairs < 1 || pairs > 10000000 || batch < 1 || batch > MAX_BATCH) {
		fprintf(stderr, "usage: bench_ledger [PAIRS [BATCH]]\n");
		return 2;
	}
	snprintf(record, sizeof(record), "{%s,\"cost_usd\":0.00045,%*s}",
	    opening, 300, "\"x\":0");
	/* Before this process opens a store: none is carried over a fork. */
	report_scales();
	open_bench(&b, dir);
	report(&b, "no caps, no roll-ups", (int)pairs, (int)batch);
	b.with_rollups = true;
	report(&b, "no caps", (int)pairs, (int)batch);
	b.caps = 1;
	report(&b, "one cap", (int)pairs, (int)batch);
	b.caps = 4;
	report(&b, "four caps", (int)pairs, (int)batch);
	report(&b, "four caps, one by one", (int)pairs, 1);
	owner_release(&b.owner);
	store_close(&b.store);
	scratch_remove(dir);
	return 0;
}
