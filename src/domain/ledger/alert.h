/*
 * Alerts: what operators are told of, once on the host. Written into ALERTS in
 * the transaction in which it became true; the keeper logs it, sends it to the
 * webhooks and deletes it (keeper/alerts.h). docs/budgets.md, "Alerts".
 */
#ifndef DOMAIN_ALERT_H
#define DOMAIN_ALERT_H

#include "domain/ledger/ledger.h"
#include "domain/routing/breaker.h"

/* X(NAME, "word in webhooks[].events", bit of spend_row.alerts) */
/* clang-format off */
#define ALERTS(X) \
X(BUDGET_SOFT,      "budget_soft",      1) \
X(BUDGET_EXHAUSTED, "budget_exhausted", 2) \
X(BUDGET_RESET,     "budget_reset",     4) \
X(BREAKER_OPEN,     "breaker_open",     0) \
X(BREAKER_HALF_OPEN, "breaker_half_open", 0) \
X(BREAKER_CLOSED,   "breaker_closed",   0)
/* clang-format on */
#define ALERT_ENUM(NAME, word, bit) ALERT_##NAME,
enum alert {
	ALERTS(ALERT_ENUM) ALERT_COUNT
};
#undef ALERT_ENUM
const char *alert_name(enum alert a);
/* As the keeper reads it from a row; -1 unknown. */
int alert_parse(struct str word, enum alert *alert_r) MUST_CHECK;

/*
 * After a settlement: tells of every cap of the request that `h` was taken for
 * whose spend has passed its threshold or the cap itself, once per window.
 * rows: what h's scopes have come to (settlement.rows_r); NULL: to be read.
 */
int alert_check_spent(struct store_txn *t, const struct hold_request *request,
    const struct hold *h, const struct spend_row *rows, int64_t now_nsecs,
    struct err *err) MUST_CHECK;
/* After a refusal: the cap is used up, if it is by what is spent. */
int alert_check_refused(struct store_txn *t, const struct hold_request *request,
    const struct hold_answer *answer, struct err *err) MUST_CHECK;
/* Tells of every window that is over and had an alert; at most max. */
int alert_check_resets(struct store_txn *t, int64_t now_nsecs, int max,
    struct err *err) MUST_CHECK;
/* True when alert_check_resets has something to tell: reads only. */
bool alert_has_resets(struct store_txn *t, int64_t now_nsecs);
/* A breaker changed its state, to that of the row. */
struct breaker_alert {
	const char *deployment;
	const char *model; /* the group; NULL: not known (any more) */
	const struct health_row *row;
	bool by_hand;
	int64_t now_nsecs;
};
int alert_breaker(struct store_txn *t, const struct breaker_alert *a,
    struct err *err) MUST_CHECK;

#endif
