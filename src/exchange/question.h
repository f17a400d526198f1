/*
 * A question of our own, asked without a client: a probe. It passes all steps
 * of an exchange: it is held, priced and traced as any other, and its breaker
 * hears of it.
 */
#ifndef EXCHANGE_QUESTION_H
#define EXCHANGE_QUESTION_H

#include "exchange/exchange.h"

struct exchange_question {
	enum wire_api api;
	struct str body;    /* borrowed until on_end */
	const char *caller; /* stands for the key in traces; static */
	/* The last thing that happens; x is good during the call. Never called
	   from inside exchange_ask(). */
	void (*on_end)(void *arg, const struct exchange *x);
	void *arg;
};

/* Asks; the question must live until its on_end. */
void exchange_ask(struct exchange_env *env,
    const struct exchange_question *question);

#endif
