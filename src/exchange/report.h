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
/* Reports the attempts not reported yet, in the caller's transaction. */
int report_rest(struct exchange *x, struct store_txn *t,
    struct err *err) MUST_CHECK;
/* After that transaction's commit: logs what it changed. */
void report_rest_done(const struct exchange *x);

#endif
