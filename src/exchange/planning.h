/*
 * Plans on the shared state: the router's inputs are gathered here, its answer
 * becomes x->plan. tallyctl explain gathers the same (ctl/cmd_models.c).
 */
#ifndef EXCHANGE_PLANNING_H
#define EXCHANGE_PLANNING_H

#include "exchange/exchange.h"

/* A call about a response that is kept goes to the group of the deployment its
   id names. -1 ERR_NO_RESPONSE: there is none of that name any more. */
int planning_find_kept(struct exchange *x, struct err *err) MUST_CHECK;
/* The first plan of a request. -1: the model is not known. */
int planning_route(struct exchange *x, struct err *err) MUST_CHECK;
/*
 * After a failure with a list of its own (context window, content policy):
 * another plan in x->plan, its first candidate the next one. False: there is
 * none, x->plan is as it was.
 */
bool planning_other_list(struct exchange *x, enum fallback_kind kind);

/*
 * A cap is used up and names another group (x->reserving.downgrade_to): a plan
 * for that one in x->plan. False: nothing can be tried there.
 */
bool planning_downgrade(struct exchange *x);

#endif
