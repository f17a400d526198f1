/* The end of a turn. See turn.h. */
#include "station/turn.h"

#include "base/clock.h"
#include "base/log.h"

#include <event2/event.h>

/* Rounds of commit and resume in one turn before I/O gets its chance. */
#define ROUNDS 4
/* What goes on failing is said again after this time. */
#define SAID_NSECS (10 * NSECS_PER_SEC)

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg; /* turn_end() does it */
}

void
turn_init(struct turn *t, struct event_base *base, struct batch *batch,
    int64_t retry_msecs)
{
	t->batch = batch;
	t->retry_msecs = retry_msecs;
	evtimer_assign(&t->retry, base, on_retry, t);
}

void
turn_fini(struct turn *t)
{
	event_del(&t->retry);
}

void
turn_settled(void *turn)
{
	struct turn *t = turn;

	t->new_records++;
}

static void
try_later(struct turn *t, const struct err *err)
{
	int64_t now = clock_mono_nsecs();
	struct timeval tv = { t->retry_msecs / 1000,
		t->retry_msecs % 1000 * 1000 };

	if (now >= t->said_nsecs) {
		t->said_nsecs = now + SAID_NSECS;
		log_error("store: %s", err->text);
	}
	event_add(&t->retry, &tv);
}

void
turn_commit(struct turn *t)
{
	struct err err;

	for (int i = 0; i < ROUNDS && t->batch->queued > 0; i++) {
		if (batch_run(t->batch, &err) != 0) {
			try_later(t, &err);
			return;
		}
	}
	/* Rounds used up: come back right after the next look at I/O. */
	if (t->batch->queued > 0)
		event_active(&t->retry, EV_TIMEOUT, 0);
}

void
turn_end(struct turn *t, struct outbox *outbox)
{
	if (t->batch->queued > 0 && !event_pending(&t->retry, EV_TIMEOUT, NULL))
		turn_commit(t);
	if (t->new_records > 0)
		outbox_kick(outbox, t->new_records);
	t->new_records = 0;
}
