/*
 * What one of accounts/' rows allows to spend and to ask, read once from its
 * JSON (and that of the reusable budget it names) and kept by accounts.h: caps
 * for the ledger, limits for the limiter.
 *
 * The whole spend of a key, a team and a user is kept in the ledger with or
 * without a cap (budgets_apply), so that a cap without a window that is set
 * later counts what was spent before.
 */
#ifndef DOMAIN_ALLOWANCE_H
#define DOMAIN_ALLOWANCE_H

#include "domain/accounts/entity.h"
#include "domain/ledger/budgets.h"

#define ALLOWANCE_UNLIMITED (-1)

/* A cap or limit for one model, or for those that a pattern with stars names.
 */
struct allowance_cap {
	const char *model; /* "" all */
	struct budget budget;
};

struct allowance_limit {
	const char *model;
	int64_t requests, tokens; /* per minute; ALLOWANCE_UNLIMITED */
};

struct allowance {
	enum scope_kind kind; /* KEY, TEAM, USER, END_USER, TAG, MEMBER */
	const char *id;
	size_t cap_count;
	struct allowance_cap *caps;
	int64_t requests, tokens, parallel; /* ALLOWANCE_UNLIMITED */
	size_t limit_count;
	struct allowance_limit *limits; /* by model */
	bool blocked;
	/* max_budget of its own or its budget's, in what window; -1 none. */
	int64_t max_nanos;
	struct window_rule rule;
	/* Counts as spent beside the ledger's figure, in the window that ends
	   at carried_until (seconds; 0: the one without end). */
	int64_t carried_nanos;
	uint32_t carried_until;
	uint32_t since; /* seconds: of its caps (struct cap) */
	/* Wall; it is to be read again from then on. INT64_MAX: it stays. */
	int64_t until_nsecs;
};

struct allowance_source {
	enum scope_kind kind;
	struct str id;
	const json_t *row;    /* NULL: none, nothing is limited */
	const json_t *budget; /* the row that budget_id names, or NULL */
	const struct window_zone *zone;
	int64_t now_nsecs;
};
/*
 * All of it in the arena. A row that is not understood is ERR_STORE: a cap is
 * never dropped in silence.
 */
int allowance_read(const struct allowance_source *source, struct arena *arena,
    struct allowance *a_r, struct err *err) MUST_CHECK;

/* A member of the row, else of its budget; NULL none. */
const json_t *allowance_member(const json_t *row, const json_t *budget,
    const char *name);
/* The model (as the client asked for it, or the group's name) is meant. */
bool allowance_matches(const char *pattern, struct str asked, struct str group);

/* What is spent in the window of max_budget (without one: ever), for answers:
   what the ledger counts and what is carried; and when that starts again
   (seconds; 0 never). -1 ERR_STORE. */
struct allowance_spend {
	int64_t spent_nanos, held_nanos;
	int64_t max_nanos; /* -1 none */
	uint32_t resets;
};
int allowance_spend(struct store_txn *live, const struct allowance *a,
    int64_t now_nsecs, struct allowance_spend *spend_r,
    struct err *err) MUST_CHECK;
/* A row with the budget it names, and what it spent: accounts is read for the
   one, live for the other too. */
struct allowance_reader {
	struct store_txn *accounts, *live;
	const struct window_zone *zone;
	int64_t now_nsecs;
};
int allowance_of_row(const struct allowance_reader *reader,
    enum entity_kind kind, const json_t *row, struct arena *arena,
    struct allowance *a_r, struct err *err) MUST_CHECK;
/* What a user may spend in a team, by the team's row. */
int allowance_of_member(const struct allowance_reader *reader,
    const json_t *team, struct str user, struct arena *arena,
    struct allowance *a_r, struct err *err) MUST_CHECK;
int allowance_row_spend(const struct allowance_reader *reader,
    enum entity_kind kind, const json_t *row, struct allowance_spend *spend_r,
    struct err *err) MUST_CHECK;

#endif
