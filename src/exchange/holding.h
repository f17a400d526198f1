/*
 * Holding money for an exchange's next candidate: its worst price under every
 * cap it touches, the breaker's ticket if it is a probe, and the row that lets
 * a keeper settle for us. One job in the turn transaction.
 */
#ifndef EXCHANGE_HOLDING_H
#define EXCHANGE_HOLDING_H

#include "exchange/exchange.h"

/* Queues the job for plan->candidates[next_candidate]. -1: nothing can be held
   for this one (*err for the client); another one may do. */
int holding_start(struct exchange *x, struct err *err) MUST_CHECK;

/* While its job is queued: it will not run, and nothing was taken. */
void holding_cancel(struct exchange *x);

/* What came of it, once x->hold_waiting is false. */
enum holding_outcome {
	HOLDING_READY,   /* held (or clamped: x->max_tokens is set) */
	HOLDING_SKIP,    /* not this candidate; another one may do */
	HOLDING_REFUSED, /* *err for the client */
};
enum holding_outcome holding_outcome(struct exchange *x, struct err *err);
/*
 * Moves next_candidate to the next one that a hold may be had for: in the same
 * group first with room for all, then with less; then those of fallback
 * groups, where a deployment's or provider's cap stood in the way. False:
 * there is none (x->hold_downgrade may name a group that is left).
 */
bool holding_advance(struct exchange *x);

#endif
