/*
 * The caps of a configuration (tallygate.budgets and LiteLLM's own keys, which
 * config/ brings into the same form), parsed once; and which of them a request
 * touches. What is spent and held lives in the ledger.
 */
#ifndef DOMAIN_BUDGETS_H
#define DOMAIN_BUDGETS_H

#include "base/arena.h"
#include "config/config.h"
#include "domain/ledger.h"

struct budget {
	enum scope_kind kind;
	const char *match; /* the one it is for; "" each one has its own */
	struct cap cap;    /* without its id */
	const char *file;
	int line;
};

struct budgets {
	size_t count;
	struct budget *items;
	struct window_zone *zone;
	struct arena arena;
};

/* ERR_CONFIG with file:line for an amount, duration or policy that is not
   understood. */
int budgets_build(const struct config *c, struct budgets **b_r,
    struct err *err) MUST_CHECK;
void budgets_free(struct budgets **b);

/* Whom a request is for and who would serve it. Empty ones have no cap. */
struct budget_subject {
	struct str provider, deployment;
	struct str model; /* public name: the group */
	struct str key, team, user, end_user;
	size_t tag_count;
	const struct str *tags;
};
/*
 * Fills caps with those that apply (ids are copied into the arena). Two caps on
 * the same scope and window count as the tighter one. Returns how many, or -1
 * (ERR_INTERNAL) when there are more than LEDGER_MAX_CAPS.
 */
int budgets_apply(const struct budgets *b, const struct budget_subject *who,
    struct arena *arena, struct cap *caps, struct err *err) MUST_CHECK;

#endif
