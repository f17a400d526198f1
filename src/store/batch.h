/*
 * The turn transaction (group commit): small jobs queued during one turn of
 * the event loop run in one write transaction on live/ at its end, then every
 * job hears how it went. One writer lock and one commit for all of them.
 *
 *   callbacks during the turn:  batch_add(b, &x->job)
 *   end of the turn:            batch_run(b)   → run() of each, commit,
 *                                               done() of each
 *
 * A job is part of its owner's object (nothing is allocated but the words of
 * an error, which is rare). run() reads and
 * writes through the transaction; it must decide before it writes: when it
 * answers with an error it has written nothing, and the others go on. When
 * the transaction itself fails (map full, commit error) everything is rolled
 * back and every job gets that error in done(); a job with `retry` set stays
 * queued instead and is run again in a later turn (settlements: money must
 * not be forgotten). done() may add jobs: they belong to the next turn.
 *
 * A full map is tried a second time at once, after a reader check: run() may
 * be called again for a job whose first run was rolled back, so it must not
 * rely on anything it noted then. When it is still full, the jobs with `frees`
 * set are run by themselves: what makes room must not wait for what needs it.
 */
#ifndef STORE_BATCH_H
#define STORE_BATCH_H

#include "base/list.h"
#include "store/store.h"

struct batch_job {
	struct list node; /* on the batch's list while queued */
	/* 0 or -1 with *err; see above. */
	int (*run)(struct batch_job *job, struct store_txn *t, struct err *err);
	/* After commit. err NULL: done and committed. */
	void (*done)(struct batch_job *job, const struct err *err);
	bool retry;
	bool frees;      /* takes away more than it writes */
	struct err *err; /* the batch's: what run() answered; NULL no error */
};

struct batch {
	struct store *store;
	struct list jobs;
	size_t queued;
	/* Figures for metrics. */
	uint64_t commits, jobs_run, failures;
	int64_t longest_nsecs;      /* longest begin-to-commit */
	int64_t last_failure_nsecs; /* clock_mono; 0 none */
};

void batch_init(struct batch *b, struct store *store);
void batch_job_init(struct batch_job *job,
    int (*run)(struct batch_job *, struct store_txn *, struct err *),
    void (*done)(struct batch_job *, const struct err *));
void batch_add(struct batch *b, struct batch_job *job);
bool batch_is_queued(const struct batch_job *job);
/* Takes a queued job off (its owner goes away). */
void batch_cancel(struct batch *b, struct batch_job *job);
/*
 * Runs what is queued: 0 committed (or nothing to do), -1 the transaction
 * failed (*err), retry jobs stay queued: call again after a pause.
 */
int batch_run(struct batch *b, struct err *err) MUST_CHECK;

#endif
