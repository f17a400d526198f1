/*
 * Inside the router: what its three files share. One struct pick per member of
 * the group at hand; the filters throw some out (router_filter.c), the
 * strategy puts the rest in order (router_strategy.c), route() copies them
 * into the plan (router.c).
 */
#ifndef DOMAIN_ROUTER_PRIVATE_H
#define DOMAIN_ROUTER_PRIVATE_H

#include "domain/routing/router.h"

struct routing {
	const struct catalog *catalog;
	const struct route_request *request;
	const struct route_state *state;
	struct arena *arena;
	struct plan *plan;
	size_t max_groups; /* of this plan, [0] included */
	bool from_asked;   /* groups[0] is the one the client asked for */
	size_t candidate_room, refused_room;
};

struct pick {
	const struct deployment *deployment;
	const char *upstream_model;
	const struct price *price;
	int64_t max_input_tokens, max_output_tokens;
	int64_t order; /* INT64_MAX: not given */
	/* From the shared state. */
	bool probe;
	double share; /* < 1: comes back slowly */
	int64_t ttft_micros, per_token_nanos, sampled_nsecs;
	struct limit_use use;
	int tag_level; /* 2 matches, 1 default, 0 neither */
	/* The strategy's: lower is tried first; rank, then key, then tie. */
	bool held_back;
	int rank;
	double key, tie;
	char reason[ROUTE_REASON_BYTES];
};

/* Breaker, budget, limits, context window. False: refused with reason. */
bool filter_pick(const struct routing *r, struct pick *p,
    struct refused *refused_r);
/* Sets tag_level of all; false when no member may serve these tags. */
bool filter_tags(const struct routing *r, struct pick *picks, size_t count);

/* Orders the picks and gives each its reason. */
void strategy_order(const struct routing *r, const struct group_strategy *s,
    struct pick **picks, size_t count);

#endif
