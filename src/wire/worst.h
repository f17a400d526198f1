/*
 * The most an attempt can cost: the prompt's bound and the output's, at the
 * dearest rates within reach (domain/prices/pricing.h). What counts is what the
 * provider will be sent, not what the client wrote: a deployment's defaults
 * and extra_body, parameters that are dropped, a limit given under two names.
 * Pure; docs/budgets.md, "What is held", says it in words.
 */
#ifndef WIRE_WORST_H
#define WIRE_WORST_H

#include "domain/routing/router.h"
#include "wire/searches.h"

struct worst {
	const struct price *price;
	struct price_bound prompt; /* with no output at all, and searches */
	struct searches searches;
	int64_t limit;   /* output tokens per answer at most */
	int64_t outputs; /* answers that are generated; 0 embeddings */
	int64_t extra;   /* output beside them, in all */
	bool guessed;    /* nobody but us bounds the output */
	bool open; /* no limit reaches the provider: it cannot be lowered */
};

void worst_find(const struct wire_request *r, const struct candidate *c,
    struct worst *w_r);
/* All output tokens with this limit per answer; saturates. */
int64_t worst_tokens(const struct worst *w, int64_t limit);
/* The price with this limit per answer; 0 when it is unknown. */
int64_t worst_nanos(const struct worst *w, int64_t limit);
/* The limit per answer that an amount pays for, at least 1. */
int64_t worst_affordable(const struct worst *w, int64_t nanos);

#endif
