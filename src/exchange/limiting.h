/*
 * The limits of the deployment that a hold is taken for
 * (domain/routing/limiter.h): taken in the hold's transaction, carried by the
 * attempt that was made under them, settled when it has failed or with the
 * settlement. Costs nothing for a deployment that nothing is counted of.
 */
#ifndef EXCHANGE_LIMITING_H
#define EXCHANGE_LIMITING_H

#include "domain/routing/limiter.h"
#include "store/batch.h"

struct attempt;
struct exchange;
struct holding;

/* What is asked for a candidate; part of struct holding. */
struct limiting {
	struct limit_demand demand;
	struct limit_take take;
	bool wanted; /* something is counted there */
	bool taken;  /* committed, and no attempt carries it yet */
	/* Output tokens per answer that the tokens taken leave. */
	int64_t limit;
	/* The shortest wait that a refusal has named so far; 0: none has. */
	int64_t wait_nsecs;
};

/* What an attempt carries until it is settled. */
struct limited {
	struct limit_demand demand;
	struct limit_take take;
	struct batch_job job; /* settles it when the attempt has failed */
	bool queued;          /* it was, and does */
	int64_t tokens;       /* the true ones, for the job */
};

/* Before the hold's job: what to ask for its candidate, h->worst known. */
void limiting_prepare(struct holding *h);
/* In the hold's transaction: 0 taken (or nothing is wanted), -1 refused with
   ERR_NO_DEPLOYMENT and nothing written, or the transaction has failed. */
int limiting_take(struct holding *h, struct store_txn *t,
    struct err *err) MUST_CHECK;
/* In the same transaction, when the hold was not had after all. */
int limiting_undo(const struct holding *h, struct store_txn *t,
    struct err *err) MUST_CHECK;
/* After its commit: hands what was taken to the attempt. */
void limiting_carry(struct holding *h, struct attempt *a);
/* A failed attempt, charged: queues the settlement of what it carries. */
void limiting_return(struct exchange *x, struct attempt *a);
/* In the settlement's transaction: all that is still open. */
int limiting_settle(struct exchange *x, struct store_txn *t,
    struct err *err) MUST_CHECK;

#endif
