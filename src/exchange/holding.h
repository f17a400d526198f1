/*
 * A holding: what is held for one candidate before it is asked: its worst price
 * under every cap it touches, its deployment's limits, the breaker's ticket if
 * it is a probe, and the row that lets a keeper settle for us. One job in the
 * turn transaction. An exchange has one; a hedged one has two at a time.
 */
#ifndef EXCHANGE_HOLDING_H
#define EXCHANGE_HOLDING_H

#include "domain/ledger/ledger.h"
#include "domain/routing/router.h"
#include "exchange/attempt.h"
#include "exchange/limiting.h"
#include "store/batch.h"
#include "wire/quote.h"

/* Whether less than the whole will do. */
enum holding_share {
	HOLDING_LESS,           /* it may be clamped */
	HOLDING_WHOLE_IF_LOCAL, /* not where a cap or a limit counts that
				   another deployment may not have */
	HOLDING_WHOLE,
};

struct holding {
	struct exchange *x;
	const struct candidate *candidate; /* that it is for */
	bool whole_only; /* no clamping: another one may have room for all */
	struct batch_job job;
	bool waiting; /* the job is queued */
	bool failed;  /* it came back with err */
	struct err err;
	bool held;        /* hold.number is in the store */
	struct hold hold; /* number 0: nothing is held */
	struct hold_request request;
	struct hold_answer answer;
	struct worst worst;
	struct limiting limiting;
	struct report_change ticket; /* what taking it changed */
	/* What may be asked for. */
	int64_t max_tokens;   /* set by us; CONFIG_UNSET */
	bool clamped;         /* ... because room was short */
	int64_t paid_tokens;  /* output that the hold pays for, of all answers;
				 -1: no cap counts it */
	int64_t booked_nanos; /* see struct hold */
};

void holding_init(struct holding *h, struct exchange *x);
/*
 * Queues the job for this candidate; in the place of what was held before. -1:
 * nothing can be held for this one (*err for the client); another one may do.
 */
int holding_start(struct holding *h, const struct candidate *c,
    enum holding_share share, struct err *err) MUST_CHECK;
/* Takes a queued job back: nothing was taken. */
void holding_cancel(struct holding *h);

/* What came of it, once h->waiting is false. */
enum holding_outcome {
	HOLDING_READY,   /* held (or clamped: h->max_tokens is set) */
	HOLDING_SKIP,    /* this candidate cannot be asked now (*err) */
	HOLDING_CAPPED,  /* refused by the cap that h->answer names (*err) */
	HOLDING_REFUSED, /* nobody else would do (*err) */
};
enum holding_outcome holding_outcome(struct holding *h, struct err *err);
/* What the attempts made under it have cost so far. */
int64_t holding_cost_nanos(const struct holding *h);
/* ... is more than was held for them. */
bool holding_is_overrun(const struct holding *h);
/* A cap that another deployment of the group may not have. */
bool holding_is_local(const struct cap *cap);

#endif
