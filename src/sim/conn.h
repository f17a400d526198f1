/*
 * A client's connection: reads requests, sends what their replies make, in
 * time. One request is answered at a time; further ones wait in a bounded
 * buffer. A client that closes its side while it is being answered counts as
 * gone: no client of ours half-closes.
 */
#ifndef SIM_CONN_H
#define SIM_CONN_H

#include "base/list.h"
#include "sim/job.h"

#include <event2/event.h>
#include <event2/event_struct.h>

enum conn_state {
	CONN_READING,   /* no request is whole yet */
	CONN_ANSWERING, /* one is being answered */
	CONN_LINGERING, /* our side is closed; what comes is dropped */
};

struct conn {
	struct list node; /* on its owner's list */
	int fd;
	enum conn_state state;
	struct event read_event, write_event, timer_event;
	struct buf in;    /* the request, and what came with it */
	struct buf ahead; /* what came while it was answered */
	struct buf out;
	size_t out_at;      /* of out, how much is sent */
	size_t answer_sent; /* bytes of this answer that are sent */
	bool congested;     /* the socket was full and has not said otherwise */
	bool at_end;        /* out holds the answer's last bytes */
	bool stalled;
	bool waiting;         /* the timer runs for the reply */
	bool idle_timed;      /* the timer runs for idle_close_ms */
	bool continued;       /* 100 Continue was sent */
	int64_t active_nsecs; /* last byte from the client */
	struct request req;
	struct job job;
};

/* Takes the socket over; the connection appends itself to `owners`. */
void conn_start(struct sim *sim, struct event_base *base, struct list *owners,
    int fd);
/* Closes and frees it; a request under way ends as `outcome`. */
void conn_close(struct conn *c, enum outcome outcome);
/* Closes it when nothing came for too long (slow clients are bounded). */
void conn_sweep(struct conn *c, int64_t now_mono_nsecs);

#endif
