/*
 * What a request would meet at a candidate: its price at worst and as expected,
 * the limits and the caps it is held to. The pieces of the worker's hold
 * (exchange/holding.h), and all of them at once, without taking anything, for
 * tallyctl explain. Reads only.
 */
#ifndef WIRE_QUOTE_H
#define WIRE_QUOTE_H

#include "domain/ledger/budgets.h"
#include "domain/routing/limiter.h"
#include "wire/worst.h"

/* What the router is asked for a request; borrows from it. */
void quote_route_request(const struct wire_request *r,
    struct route_request *request_r);

/* The least output per answer that makes sense: min_output_tokens, or all of it
   where less cannot be asked for. whole: it is not to be lowered. */
int64_t quote_least_limit(const struct worst *w, int64_t min_output_tokens,
    bool whole);
/* The tokens that a take for this request asks for (take->tokens_...). */
void quote_tokens(const struct wire_request *r, const struct worst *w,
    int64_t least_limit, struct limit_take *take);
/* The output per answer that the tokens taken leave: w->limit, or less. The
   prompt counts with its bound, or with the guess where all of the limit is
   less than that. */
int64_t quote_limit_left(const struct wire_request *r, const struct worst *w,
    const struct limit_take *take);

enum quote_verdict {
	QUOTE_PASSES,
	QUOTE_CLAMPED,  /* max_tokens would be lowered */
	QUOTE_LIMITED,  /* refused by a limit: quote.take.refusal */
	QUOTE_CAPPED,   /* refused by a cap: quote.answer */
	QUOTE_UNPRICED, /* its price is unknown and a cap applies */
};
const char *quote_verdict_name(enum quote_verdict v);

struct quote {
	enum quote_verdict verdict;
	struct worst worst;
	int64_t worst_nanos, expected_nanos;
	int64_t max_tokens; /* per answer, as it would be sent; CONFIG_UNSET:
			       as the client says */
	struct limit_demand demand; /* with what is used now */
	struct limit_take take;
	struct hold_request request; /* its caps' ids are in the arena */
	struct hold_answer answer;
};

struct quote_state {
	struct store_txn *txn; /* on live/; NULL: nothing is used or spent */
	const struct config *config;
	const struct budgets *budgets;
	int64_t now_nsecs; /* wall */
};

/* who: provider, deployment and model are filled in. -1: ERR_STORE, or more
   caps than there may be. */
int quote_ask(const struct quote_state *state, const struct wire_request *r,
    const struct candidate *c, struct budget_subject *who, struct arena *arena,
    struct quote *q_r, struct err *err) MUST_CHECK;

#endif
