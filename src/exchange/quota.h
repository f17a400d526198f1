/*
 * The caller's limits: requests and tokens per minute and requests at a time
 * of its key, team, user, end user and tags, and of these on one model
 * (domain/routing/limiter.h). Taken once per request, in the transaction of its
 * first hold, kept over all attempts, settled with the request: however often
 * it is tried again, it is one request. A refused one uses up nothing.
 */
#ifndef EXCHANGE_QUOTA_H
#define EXCHANGE_QUOTA_H

#include "domain/routing/limiter.h"

struct exchange;
struct holding;

/* Part of struct exchange. */
struct quota {
	size_t count;
	struct limit_demand demands[LIMITER_MAX_DEMANDS];
	struct limit_take take;
	bool taken;   /* committed */
	bool refused; /* the last take was */
	/* Output tokens per answer that the tokens taken leave. */
	int64_t limit;
};

/* Before the hold's job: what to ask for, h->worst known. -1 ERR_INTERNAL:
   more limits apply than can be taken together. */
int quota_prepare(struct holding *h, struct err *err) MUST_CHECK;
/* In the hold's transaction: 0 taken (or nothing limits, or it was taken
   before), -1 ERR_RATE_LIMIT with nothing written, or it has failed. */
int quota_take(struct holding *h, struct store_txn *t,
    struct err *err) MUST_CHECK;
/* In the same transaction, when the hold was not had after all. */
int quota_undo(const struct exchange *x, struct store_txn *t,
    struct err *err) MUST_CHECK;
/* In the settlement's transaction: the true tokens, the places given back;
   as if never taken when nobody was asked. */
int quota_settle(struct exchange *x, struct store_txn *t,
    struct err *err) MUST_CHECK;
/* How long the client has to wait after a refusal; 0: no use in waiting. */
int64_t quota_wait_nsecs(const struct exchange *x);
/* x-ratelimit-... of everything that limits this caller. */
void quota_headers(const struct exchange *x);

#endif
