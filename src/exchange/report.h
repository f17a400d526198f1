/*
 * Telling the shared health how attempts ended: failures at once, so that all
 * workers stop going there; successes and neutral ends inside the settlement's
 * transaction.
 */
#ifndef EXCHANGE_REPORT_H
#define EXCHANGE_REPORT_H

#include "exchange/exchange.h"

/* Queues the report of a judged attempt and marks it reported; logs a change
   of the breaker when it is committed (the one who tripped it says so: once on
   the host). */
void report_failure(struct exchange *x, struct attempt *a);
/*
 * Queues the report of a probe that was no exchange. While the breaker's one
 * ticket is to be had a bad report takes it, so that it opens again; while it
 * is open the report is only noted. done: when that is committed, or has
 * failed.
 */
void report_probe(struct exchange_env *env, const struct deployment *d,
    const struct health_report *report, void (*done)(void *arg), void *arg);
/* Reports the attempts not reported yet, in the caller's transaction. */
int report_rest(struct exchange *x, struct store_txn *t,
    struct err *err) MUST_CHECK;
/* After that transaction's commit: logs what it changed. */
void report_rest_done(const struct exchange *x);

/* A change of a breaker: in the transaction that makes it, for the webhooks;
   and after its commit, in the log of the one who made it. So once on the
   host. */
int report_change_alert(const struct deployment *d,
    const struct health_row *row, int64_t now_nsecs, struct store_txn *t,
    struct err *err) MUST_CHECK;
void report_log_change(const struct deployment *d,
    const struct report_change *change, const char *error);

#endif
