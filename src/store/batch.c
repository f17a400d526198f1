/*
 * The turn transaction. See batch.h.
 *
 * Owns the lists while batch_run() is at work; the jobs belong to others. A
 * job is always on exactly one list until its done() is called (the batch's,
 * or one of batch_run()'s own), so that batch_cancel() works at any moment,
 * also from another job's done().
 *
 * A full map gets one second try after the slots of dead readers have been
 * cleared: pages they pinned are free then. After that it is make_room()'s
 * turn.
 */
#include "store/batch.h"

#include "base/clock.h"

void
batch_init(struct batch *b, struct store *store)
{
	memset(b, 0, sizeof(*b));
	b->store = store;
	list_init(&b->jobs);
}

void
batch_job_init(struct batch_job *job,
    int (*run)(struct batch_job *, struct store_txn *, struct err *),
    void (*done)(struct batch_job *, const struct err *))
{
	list_init(&job->node);
	job->run = run;
	job->done = done;
	job->retry = false;
	job->frees = false;
	job->err = NULL;
}

static void
forget_error(struct batch_job *job)
{
	free(job->err);
	job->err = NULL;
}

void
batch_add(struct batch *b, struct batch_job *job)
{
	if (batch_is_queued(job))
		return;
	list_append(&b->jobs, &job->node);
	b->queued++;
}

bool
batch_is_queued(const struct batch_job *job)
{
	return !list_empty(&job->node);
}

void
batch_cancel(struct batch *b, struct batch_job *job)
{
	if (!batch_is_queued(job))
		return;
	list_remove(&job->node);
	forget_error(job);
	b->queued--;
}

static void
run_job(struct batch_job *job, struct store_txn *t)
{
	struct err err;

	forget_error(job);       /* of a run that was rolled back */
	err.code = ERR_INTERNAL; /* should run() forget it */
	err.text[0] = '\0';
	if (job->run(job, t, &err) == 0)
		return;
	job->err = xmalloc(sizeof(err));
	*job->err = err;
}

/* Runs the jobs of `todo` in one transaction; those that ran go to `ran`.
   frees: they may use the reserve. */
static int
run_jobs(struct batch *b, bool frees, struct list *todo, struct list *ran,
    struct err *err)
{
	struct store_txn *t;
	struct list *node;

	if (store_write(b->store, STORE_LIVE, &t, err) != 0)
		return -1;
	if (!frees && store_check_room(t, err) != 0) {
		store_abort(&t);
		return -1;
	}
	while ((node = list_shift(todo)) != NULL) {
		struct batch_job *job = LIST_OBJ(node, struct batch_job, node);

		list_append(ran, node);
		run_job(job, t);
		b->jobs_run++;
		/* Nothing of this transaction will last: do not go on. */
		if (store_failed(t, NULL))
			break;
	}
	if (!frees && !store_failed(t, NULL) && store_check_room(t, err) != 0) {
		store_abort(&t);
		return -1;
	}
	return store_commit(&t, err);
}

/* As run_jobs, with the second try; on return all jobs are on `ran`. */
static int
run_twice(struct batch *b, struct list *todo, struct list *ran, struct err *err)
{
	int rc = run_jobs(b, false, todo, ran, err);

	if (rc != 0 && err->code == ERR_STORE_FULL) {
		store_check_readers(b->store);
		list_move_all(ran, todo);
		list_move_all(todo, ran);
		rc = run_jobs(b, false, todo, ran, err);
	}
	list_move_all(ran, todo);
	return rc;
}

/* Puts jobs that must not be forgotten back in the queue, in their order. */
static void
keep_retries(struct batch *b, struct list *ran)
{
	LIST_EACH_SAFE(node, ran) {
		struct batch_job *job = LIST_OBJ(node, struct batch_job, node);

		if (!job->retry)
			continue;
		list_remove(node);
		forget_error(job);
		list_append(&b->jobs, node);
	}
}

/* error: of the whole transaction, or NULL. A job may be gone after done(). */
static void
tell_jobs(struct batch *b, struct list *ran, const struct err *error)
{
	struct list *node;

	while ((node = list_shift(ran)) != NULL) {
		struct batch_job *job = LIST_OBJ(node, struct batch_job, node);
		struct err *own = job->err;

		b->queued--;
		job->err = NULL;
		job->done(job, error != NULL ? error : own);
		free(own);
	}
}

/* The map is full: those who make room, in a transaction of their own. */
static void
make_room(struct batch *b, struct list *ran)
{
	struct list todo, mine;
	struct err err;

	list_init(&todo);
	list_init(&mine);
	LIST_EACH_SAFE(node, ran) {
		if (!LIST_OBJ(node, struct batch_job, node)->frees)
			continue;
		list_remove(node);
		list_append(&todo, node);
	}
	if (list_empty(&todo))
		return;
	if (run_jobs(b, true, &todo, &mine, &err) == 0) {
		b->commits++;
		tell_jobs(b, &mine, NULL);
	}
	list_move_all(ran, &mine);
	list_move_all(ran, &todo);
}

int
batch_run(struct batch *b, struct err *err)
{
	struct list todo, ran;
	struct err error;
	int64_t began, took;
	int rc;

	if (list_empty(&b->jobs))
		return 0;
	list_init(&todo);
	list_init(&ran);
	list_move_all(&todo, &b->jobs);
	began = clock_mono_nsecs();
	rc = run_twice(b, &todo, &ran, &error);
	took = clock_mono_nsecs() - began;
	if (took > b->longest_nsecs)
		b->longest_nsecs = took;
	if (rc == 0) {
		b->commits++;
		tell_jobs(b, &ran, NULL);
		return 0;
	}
	b->failures++;
	b->last_failure_nsecs = began + took;
	if (error.code == ERR_STORE_FULL)
		make_room(b, &ran);
	keep_retries(b, &ran);
	tell_jobs(b, &ran, &error);
	if (err != NULL)
		*err = error;
	return -1;
}
