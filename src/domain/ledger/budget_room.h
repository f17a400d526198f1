/*
 * The room that is left under every cap a request would touch: what tallyctl
 * explain shows, and what a router may rank by. Reads only: any read
 * transaction on live/ will do. The answer is of that moment; whether a
 * request passes is decided when its worst price is held (ledger.h).
 */
#ifndef DOMAIN_BUDGET_ROOM_H
#define DOMAIN_BUDGET_ROOM_H

#include "domain/ledger/budgets.h"

struct budget_room {
	struct cap cap; /* its id is in the caller's arena */
	int64_t spent_nanos, held_nanos;
	int64_t room_nanos; /* negative after an overrun or a lowered cap */
	uint32_t window_start, window_end; /* seconds; end 0: never */
};

/*
 * Fills rooms_r with the caps that apply to `who` at now_nsecs (wall), in the
 * order of budgets_apply(). Returns how many; 0: nothing is capped. -1:
 * ERR_INTERNAL with more than LEDGER_MAX_CAPS, ERR_STORE for a damaged row.
 * Budgets set by hand are those of the last budgets_refresh().
 */
int budget_room_list(struct store_txn *t, const struct budgets *b,
    const struct budget_subject *who, int64_t now_nsecs, struct arena *arena,
    struct budget_room rooms_r[LEDGER_MAX_CAPS], struct err *err) MUST_CHECK;
/* The one with the least room; NULL of none. */
const struct budget_room *budget_room_least(const struct budget_room *rooms,
    size_t count);

#endif
