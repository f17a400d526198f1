/*
 * What the ledger costs: hold + settle pairs through the turn transaction, in
 * batches, on a store in a scratch folder. Prints microseconds of CPU time per
 * pair, and how they split. Not a test: make tests/bench/bench_ledger, then
 * run it.
 *
 *   bench_ledger [PAIRS [BATCH]]
 */
#include "base/clock.h"
#include "base/num.h"
#include "domain/ledger.h"
#include "store/batch.h"

#include "../unit/scratch.h"

#define MAX_BATCH 256

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
	return (int64_t)clock() * (NSECS_PER_SEC / CLOCKS_PER_SEC);
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

static void
run(struct batch *b)
{
	struct err err;

	if (batch_run(b, &err) != 0)
		die("batch", &err);
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

int
main(int argc, char **argv)
{
	char *dir = scratch_make();
	struct store_options options = { .dir = dir };
	struct owner_row row = { .role = 1 };
	int64_t pairs = 20000, batch = 16;
	struct bench b = { 0 };
	struct err err;

	if ((argc > 1 && num_int64(str_of(argv[1]), &pairs) != 0) ||
	    (argc > 2 && num_int64(str_of(argv[2]), &batch) != 0) ||
	    pairs < 1 || pairs > 10000000 || batch < 1 || batch > MAX_BATCH) {
		fprintf(stderr, "usage: bench_ledger [PAIRS [BATCH]]\n");
		return 2;
	}
	snprintf(record, sizeof(record), "{%s,\"cost_usd\":0.00045,%*s}",
	    opening, 300, "\"x\":0");
	if (store_open(&options, &b.store, &err) != 0 ||
	    owner_register(b.store, dir, &row, &b.owner, &err) != 0)
		die("store", &err);
	batch_init(&b.batch, b.store);
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
