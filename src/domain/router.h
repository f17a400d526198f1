/*
 * The router: request + catalog + shared state → an ordered list of
 * candidates, each with its reason, and each refused one with its reason. A
 * pure function: time, randomness and state are handed in. `tallyctl explain`
 * prints the same structure.
 */
#ifndef DOMAIN_ROUTER_H
#define DOMAIN_ROUTER_H

#include "base/arena.h"
#include "domain/breaker.h"
#include "domain/catalog.h"

#define ROUTE_REASON_BYTES 120

struct route_request {
	struct str model;     /* the client's name for it */
	int64_t prompt_bound; /* tokens at most; for context filters */
	int64_t max_output;   /* CONFIG_UNSET: not asked */
	bool stream;
	size_t tag_count;
	const struct str *tags;
	bool disable_fallbacks;
};

/* What the router may ask of the outside; all are optional (NULL). */
struct route_state {
	void *arg;
	/* Health of a deployment; false: none known. */
	bool (*health)(void *arg, const struct deployment *d,
	    struct health_row *row_r);
	/* Calls under way at a deployment over all workers. */
	int64_t (*in_flight)(void *arg, const struct deployment *d);
	/* Requests and tokens used in this minute. */
	void (*minute_use)(void *arg, const struct deployment *d,
	    int64_t *requests_r, int64_t *tokens_r);
	/* false: no budget room there, with the reason. */
	bool (*has_room)(void *arg, const struct deployment *d,
	    char reason[ROUTE_REASON_BYTES]);
	/* Uniform in [0, 1). Never NULL. */
	double (*random)(void *arg);
	int64_t now_nsecs; /* wall */
};

struct candidate {
	const struct deployment *deployment;
	const struct group *group;
	uint32_t group_index; /* 0: asked group, 1..: fallback groups */
	bool probe;           /* its breaker wants one probe */
	char reason[ROUTE_REASON_BYTES];
};

/* Why a deployment is not in the list. */
enum route_refusal {
	REFUSED_NONE,
	REFUSED_BREAKER,
	REFUSED_CONTEXT,
	REFUSED_LIMIT,
	REFUSED_BUDGET,
	REFUSED_TAGS,
};

struct refused {
	const struct deployment *deployment;
	const struct group *group;
	enum route_refusal why;
	int64_t retry_nsecs; /* when it may be tried again, from now; 0 n/a */
	char reason[ROUTE_REASON_BYTES];
};

struct plan {
	const struct group *group; /* the asked one; NULL: unknown model */
	const char *asked;         /* NUL-terminated copy of the name */
	size_t count;
	struct candidate *candidates; /* in the order they are tried */
	size_t refused_count;
	struct refused *refused;
	size_t fallback_count; /* groups behind the first */
	int64_t retry_nsecs;   /* nothing left: least wait; 0 unknown */
};

/*
 * Makes the plan in `arena`. The asked group's members in the strategy's
 * order, then those of its fallback groups (fallbacks[group], "*"), depth
 * first, each group once, at most max_fallbacks groups. count 0 with group set
 * = nothing can be tried now. -1 ERR_MODEL_UNKNOWN with the name and the
 * nearest known ones.
 */
int route(const struct catalog *c, const struct route_request *request,
    const struct route_state *state, struct arena *arena, struct plan *plan_r,
    struct err *err) MUST_CHECK;

/* The breaker's rule for a deployment under this configuration. */
void route_breaker_rule(const struct catalog *c, const struct deployment *d,
    struct breaker_rule *rule_r);

#endif
