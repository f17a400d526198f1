/*
 * Reserving: for which candidate of the plan a hold can be had. In a group
 * those with room for all are looked for first, then those with less; fallback
 * groups where a deployment's or provider's cap stood in the way; at last the
 * group that a used-up cap names.
 */
#ifndef EXCHANGE_RESERVING_H
#define EXCHANGE_RESERVING_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct exchange;

/* Part of struct exchange. */
struct reserving {
	bool started;              /* the step has started a hold */
	bool cap_refused;          /* the last one was refused by a cap */
	bool second_pass;          /* none had room for all: less will do */
	size_t first_short;        /* 1 + index of the first that had not */
	const struct err *refusal; /* the first one by a cap; in the arena */
	bool downgraded;           /* once per request */
	const char *downgrade_to;  /* group to go to instead; NULL none */
};

/* Starts a hold for the next candidate that one can be started for. -1: there
   is none (*err for the client). */
int reserving_start(struct exchange *x, struct err *err) MUST_CHECK;
/* What came of it: 1 held, 0 another one is started, -1 nobody can be asked
   (*err for the client). */
int reserving_outcome(struct exchange *x, struct err *err) MUST_CHECK;

#endif
