/*
 * What a cap that is set in the middle of its window finds spent already. See
 * ledger_row.h, docs/decisions/0009.
 *
 * The ledger has rows only for windows that had a cap. The roll-ups have all
 * that was settled, with or without one, by the hour: so a cap asks them once,
 * at the first hold that it counts, in that hold's transaction.
 */
#include "domain/ledger/ledger_row.h"

#include "base/clock.h"

/* Where the roll-ups have a scope; -1: nowhere. */
static int
dim_of(enum scope_kind kind)
{
	switch (kind) {
	case SCOPE_GLOBAL:
		return ROLLUP_ALL;
	case SCOPE_PROVIDER:
		return ROLLUP_PROVIDER;
	case SCOPE_DEPLOYMENT:
		return ROLLUP_DEPLOYMENT;
	case SCOPE_MODEL:
		return ROLLUP_GROUP;
	case SCOPE_KEY:
		return ROLLUP_KEY;
	case SCOPE_TEAM:
		return ROLLUP_TEAM;
	case SCOPE_USER:
		return ROLLUP_USER;
	case SCOPE_TAG:
		return ROLLUP_TAG;
	case SCOPE_END_USER:
	case SCOPE_MEMBER:
	case SCOPE_KEY_MODEL:
	case SCOPE_TEAM_MODEL:
	case SCOPE_USER_MODEL:
	case SCOPE_END_USER_MODEL:
	case SCOPE_COUNT:
		break;
	}
	return -1;
}

/* The row that is kept with or without a cap (budgets_track) has it all. */
static bool
is_tracked(const struct hold_scope *scope)
{
	return scope->window_end == 0 &&
	       (scope->kind == SCOPE_KEY || scope->kind == SCOPE_TEAM ||
		   scope->kind == SCOPE_USER);
}

int
ledger_find_before(struct store_txn *t, const struct cap *cap,
    const struct hold_scope *scope, int64_t now_nsecs, struct spend_row *row)
{
	int dim = dim_of(cap->kind);
	int64_t nanos;

	/* Set before the window began: it has counted all of it. */
	if (cap->since <= row->before_since ||
	    cap->since < scope->window_start || dim < 0 || is_tracked(scope))
		return 0;
	if (rollup_cost(t, (enum rollup_dim)dim, scope->id, scope->window_start,
		now_nsecs / NSECS_PER_SEC, &nanos) != 0)
		return -1;
	row->before_nanos =
	    nanos > row->spent_nanos ? nanos - row->spent_nanos : 0;
	row->before_since = cap->since;
	return 1;
}
