/*
 * The end of a turn of a worker's or a keeper's loop: what was queued in it is
 * committed, the jobs that this queues too (for some rounds, then I/O has its
 * chance), and the records it brought go out to the logger. A transaction that
 * failed is tried again after a pause: the jobs that must not be lost wait.
 */
#ifndef STATION_TURN_H
#define STATION_TURN_H

#include "outbox/outbox.h"
#include "store/batch.h"

#include <event2/event_struct.h>

struct turn {
	struct batch *batch;
	struct event retry;
	int64_t retry_msecs;
	int64_t said_nsecs; /* mono: a failure is not said again before */
	size_t new_records; /* of settlements committed in this turn */
};

void turn_init(struct turn *t, struct event_base *base, struct batch *batch,
    int64_t retry_msecs);
void turn_fini(struct turn *t);
/* A settlement left a record in the outbox. The turn as void *, so that it can
   stand for the on_settled of others. */
void turn_settled(void *turn);
/* Commits what is queued now, also while a failed one waits. */
void turn_commit(struct turn *t);
void turn_end(struct turn *t, struct outbox *outbox);

#endif
