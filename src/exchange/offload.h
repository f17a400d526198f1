/*
 * A second thread beside the loop, for work that would hold the loop up: large
 * bodies. Jobs are done one after the other in the order they came, so a queue
 * of large ones delays nobody but large ones. The thread is made for the first
 * job: who never has one never has a thread. No signal is ever handled on it.
 *
 * run() is called on the thread, done() on the loop's, in a turn of its own.
 * Everything else of this header is the loop's. What run() touches must be its
 * alone until done(): bytes and memory of its own, and constants. No log, no
 * libevent, no store, nothing that keeps a state between calls.
 */
#ifndef EXCHANGE_OFFLOAD_H
#define EXCHANGE_OFFLOAD_H

#include "base/list.h"

struct event_base;
struct offload;

enum offload_state {
	OFFLOAD_IDLE,
	OFFLOAD_WAITS,
	OFFLOAD_RUNS,
	OFFLOAD_RAN, /* done() follows */
};

/* Lives with its owner, zeroed at first; it may be added again after done(). */
struct offload_job {
	void (*run)(struct offload_job *job);
	void (*done)(struct offload_job *job);
	/* The rest is ours. */
	struct list node;
	enum offload_state state;
};

struct offload *offload_new(struct event_base *base); /* borrowed */
/* Without a thread to be had (a limit of processes), run() is called here. */
void offload_add(struct offload *o, struct offload_job *job);
/* True: it had not begun, and neither function is called any more. False: it
   has begun, and done() follows. */
bool offload_cancel(struct offload *o, struct offload_job *job);
/* Begins no other job; waits for the one that runs. done() is called for what
   has run; what waits stays until it is cancelled. */
void offload_stop(struct offload *o);
/* Stops it, too. */
void offload_free(struct offload **o);

#endif
