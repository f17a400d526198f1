/*
 * A hedge: a second attempt at another deployment of the group when the first
 * one's first token (or whole plain answer) is late
 * (tallygate.groups.NAME.hedge). Whoever answers first is the current attempt
 * from then on; the other one is cancelled. Both are held, under holds of their
 * own, and both are billed: the loser for its prompt at least.
 *
 * Once per request, for its first attempt only: later ones are failovers. A
 * failure of one leaves the race to the other; when both have failed the
 * request goes on as after any failed attempt.
 */
#ifndef EXCHANGE_HEDGE_H
#define EXCHANGE_HEDGE_H

#include "exchange/holding.h"
#include "exchange/tempo.h"

struct exchange;
struct exchange_env;

enum hedge_phase {
	HEDGE_WAITS,   /* until it is due */
	HEDGE_HOLDS,   /* its hold is queued */
	HEDGE_RUNS,    /* both attempts are under way */
	HEDGE_IS_OVER, /* one of them is left, or it was not to be had */
};

struct hedge {
	enum hedge_phase phase;
	size_t candidate; /* the second one; into the plan */
	/* Mono: when it is due, and the deadlines of both. */
	int64_t due_nsecs, first_by_nsecs, second_by_nsecs;
	/* The second's while both run; then the loser's. */
	struct holding holding;
	struct attempt *attempt;
	struct buf out;
};

/* The deployments' habits, by their index; what hedges by percentile need. */
struct tempos {
	struct tempo plain, stream;
};

/*
 * The first attempt was started and has until timeout_nsecs: arms the timer,
 * for the hedge if there is to be one.
 */
void hedge_arm(struct exchange *x, int64_t timeout_nsecs);
/* Whether await_head has to ask hedge_await(). */
bool hedge_is_open(const struct exchange *x);
/* Both sides of the race: true when x->current is decided (and judged). */
bool hedge_await(struct exchange *x);
/* How long a good answer took, for the percentile. */
void hedge_note(struct exchange *x, const struct attempt *a);
/* Nothing of it goes on; its hold stays until the settlement. */
void hedge_stop(struct exchange *x);
/* Frees what is not the arena's. */
void hedge_free(struct exchange *x);

#endif
