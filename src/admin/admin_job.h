/*
 * A call that reads much: its answer takes several turns of the worker's loop,
 * a slice in each, so that no other client waits for longer than a slice.
 */
#ifndef ADMIN_ADMIN_JOB_H
#define ADMIN_ADMIN_JOB_H

#include "admin/admin.h"

struct event;

/* The beginning of a job's own struct; made on the heap. */
struct admin_job {
	/*
	 * The next piece of the work, a fraction of a millisecond of it: 1
	 * there is more, 0 done, -1 with a->err. `a` has read transactions of
	 * this turn and no account: who may ask was settled before.
	 */
	int (*slice)(struct admin_job *job, struct admin_call *a);
	/* Set by a slice that could do nothing: the next is a millisecond
	   later. */
	bool pausing;
	/* Answers the call when all is done; NULL: with `answer` as JSON. */
	void (*reply)(struct admin_job *job, struct http_call *call);
	/* Gives back the whole of it, but for what is below. */
	void (*free)(struct admin_job *job);
	json_t *answer; /* owned */

	/* admin_job.c's. */
	const struct admin_env *env;
	struct http_call *call;
	struct event *turn;
	uint64_t finished; /* requests of others, at the last turn */
};

/*
 * Takes the job and the call over; answers at once when the first slices are
 * all there is to do. A client that leaves ends it. Too many jobs at a time:
 * ERR_OVERLOADED for the client.
 */
void admin_job_start(const struct admin_env *env, struct http_call *call,
    struct admin_job *job);

#endif
