/*
 * Holding money for an exchange's next candidate: its worst price under every
 * cap it touches, the breaker's ticket if it is a probe, and the row that lets
 * a keeper settle for us. One job in the turn transaction.
 */
#ifndef EXCHANGE_HOLDING_H
#define EXCHANGE_HOLDING_H

#include "exchange/exchange.h"

/* Queues the job for plan->candidates[next_candidate]. -1: the request cannot
   be held for at all (*err for the client). */
int holding_start(struct exchange *x, struct err *err) MUST_CHECK;

/* What came of it, once x->hold_waiting is false. */
enum holding_outcome {
	HOLDING_READY,       /* held (or clamped: x->max_tokens is set) */
	HOLDING_SKIP,        /* not this candidate; another one may do */
	HOLDING_OTHER_GROUP, /* x->hold_downgrade names it */
	HOLDING_REFUSED,     /* *err for the client */
};
enum holding_outcome holding_outcome(struct exchange *x, struct err *err);

#endif
