/*
 * The caps of a configuration (tallygate.budgets and LiteLLM's own keys, which
 * config/ brings into the same form), parsed once; and which of them a request
 * touches. What is spent and held lives in the ledger.
 */
#ifndef DOMAIN_BUDGETS_H
#define DOMAIN_BUDGETS_H

#include "base/arena.h"
#include "config/config.h"
#include "domain/ledger/ledger.h"

struct allowance;

struct budget {
	enum scope_kind kind;
	const char *match;    /* the one it is for; "" each one has its own */
	const char *duration; /* "30d"; "" never resets */
	struct cap cap;       /* without its id */
	bool by_hand;
	const char *file; /* of a configured one */
	int line;
};

struct budgets {
	size_t count;
	struct budget *items;
	struct window_zone *zone;
	const char *timezone; /* its name; borrowed from the configuration */
	struct arena arena;
	/* Set by hand (table BUDGETS): read again whenever they change. */
	size_t hand_count;
	struct budget *hand_items;
	struct arena hand_arena;
	uint64_t hand_txn; /* of accounts, as of then */
};

/* ERR_CONFIG with file:line for an amount, duration or policy that is not
   understood. */
int budgets_build(const struct config *c, struct budgets **b_r,
    struct err *err) MUST_CHECK;
void budgets_free(struct budgets **b);

/*
 * Notes in the store since when each configured budget is there, and forgets
 * those that are there no more: once, by a process that is to serve. Writes
 * only what is new.
 */
int budgets_note(const struct budgets *b, struct store *s, int64_t now_nsecs,
    struct err *err) MUST_CHECK;
/*
 * Takes what was set by hand since the last look; costs next to nothing when
 * nothing was. -1: it cannot be read, and nothing may be held until it can.
 */
int budgets_refresh(struct budgets *b, struct store *s,
    struct err *err) MUST_CHECK;

/*
 * Sets (or, with amount NULL, takes away: ERR_NOT_HELD when there was none) a
 * budget by hand, in a write transaction on accounts. It stands in the place of
 * a configured one of the same scope, name and window. ERR_USAGE when an
 * amount, a duration or a name is not understood.
 */
struct budget_order {
	enum scope_kind kind;
	struct str match;    /* "" each one */
	struct str duration; /* "" for ever */
	const char *amount;  /* USD */
	int64_t now_nsecs;
};
int budgets_set(struct store_txn *t, const struct budget_order *order,
    struct err *err) MUST_CHECK;

/* The alert's threshold of a budget that names none. */
int64_t budget_soft(int64_t cap_nanos);
/* Both count in the same windows. */
bool budget_same_window(const struct budget *a, const struct budget *b);

/* Whom a request is for and who would serve it. Empty ones have no cap. */
struct budget_subject {
	struct str provider, deployment;
	struct str model; /* public name: the group */
	struct str key, team, user, end_user;
	size_t tag_count;
	const struct str *tags;
	struct str asked; /* the client's name for the model */
	/* What the caller's rows in accounts/ say (allowance.h). */
	size_t allowance_count;
	const struct allowance *const *allowances;
};
/*
 * Fills caps with those that apply (ids are copied into the arena). Two caps on
 * the same scope and window count as the tighter one; one that was set by hand
 * for this name counts alone, one set by hand for each stands in for one that
 * is configured for each. Returns how many, or -1
 * (ERR_INTERNAL) when there are more than LEDGER_MAX_CAPS.
 */
int budgets_apply(const struct budgets *b, const struct budget_subject *who,
    struct arena *arena, struct cap *caps, struct err *err) MUST_CHECK;
/*
 * The scopes whose whole spend is kept with or without a cap: behind the
 * `count` caps found, where they are not among these. Returns how many.
 */
size_t budgets_track(const struct budget_subject *who, struct cap *caps,
    size_t count);
/* on_exhaust of a budget: "" or clamp, refuse, downgrade:GROUP. ERR_CONFIG. */
int budget_policy(const char *text, struct arena *arena, struct cap *cap,
    struct err *err) MUST_CHECK;

#endif
