/*
 * A configuration made by hand, a catalog of it and a shared state that a test
 * writes itself: for the tests of catalog and router.
 */
#ifndef TESTS_UNIT_ROUTER_FIXTURE_H
#define TESTS_UNIT_ROUTER_FIXTURE_H

#include "unit.h"

#include "domain/routing/router.h"

#define FIX_MAX 16
#define FIX_NOW (INT64_C(1700000000) * 1000000000)
/* When the oldest of what a minute counts leaves it. */
#define FIX_NEXT (INT64_C(17) * 1000000000)

struct fix {
	struct config config;
	struct config_deployment deployments[FIX_MAX];
	struct config_fallback fallbacks[3][FIX_MAX]; /* enum fallback_kind */
	const char *fallback_to[3][FIX_MAX][FIX_MAX];
	struct config_alias aliases[FIX_MAX];
	struct config_group groups[FIX_MAX];
	struct price_table *table;
	struct catalog *catalog;
	struct arena arena;
	/* The shared state, by the deployment's index. */
	struct health_row health[FIX_MAX];
	bool has_health[FIX_MAX], no_room[FIX_MAX];
	int64_t in_flight[FIX_MAX], requests[FIX_MAX], tokens[FIX_MAX];
	uint64_t seed;
	double fixed_random; /* >= 0: always this */
	struct route_state state;
	struct route_request request;
	struct plan plan;
	struct err err;
};

/* Everything unset, simple-shuffle, no deployments. */
void fix_init(struct fix *f);
void fix_fini(struct fix *f);
/* Adds an entry "provider/upstream"; change it through the pointer. */
struct config_deployment *fix_add(struct fix *f, const char *name,
    const char *id, const char *model);
/* Adds an entry of tallygate.groups with nothing in it; change it through the
   pointer. After the router's own settings. */
struct config_group *fix_group(struct fix *f, const char *name);
/* fallbacks: from → the names, NULL at the end. */
void fix_fallback(struct fix *f, enum fallback_kind kind, const char *from,
    ...);
void fix_alias(struct fix *f, const char *alias, const char *group,
    bool hidden);
/* A price table in the de-facto form. */
void fix_prices(struct fix *f, const char *json);
/* Builds the catalog; again after a change. */
void fix_build(struct fix *f);
/* A breaker that opened at FIX_NOW for so long, after a 503. */
void fix_open(struct fix *f, int index, int64_t nsecs);
/* Plans for this name into f->plan; the answer of route(). */
int fix_route(struct fix *f, const char *model);
/* The ids of the candidates: "a b | c", with a bar between groups. */
const char *fix_order(struct fix *f, const struct plan *p);
/* The reason of the candidate or refusal with this id; "" none. */
const char *fix_reason(const struct plan *p, const char *id);

#endif
