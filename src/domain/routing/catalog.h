/*
 * What can be asked for: deployments with their prices and breaker rules,
 * model groups, aliases, wildcards, and which groups a group falls back to.
 * Built from a configuration and price tables, immutable, one per generation.
 *
 * Borrows the configuration until catalog_free(), and the price tables too (a
 * wildcard's price is that of the model a request names) unless it read them
 * itself. Owns everything else. Finding a name is one hash look-up; a wildcard
 * takes one match per wildcard group.
 */
#ifndef DOMAIN_CATALOG_H
#define DOMAIN_CATALOG_H

#include "base/arena.h"
#include "base/map.h"
#include "config/config.h"
#include "domain/prices/pricing.h"
#include "domain/routing/breaker.h"
#include "domain/routing/limiter.h"

/* No model has a longer name: longer ones are unknown without a look. */
#define CATALOG_NAME_BYTES 512

/* What is counted of a deployment, see catalog_options.h; negative: no limit.
 */
struct deployment_limits {
	int64_t requests, tokens; /* per minute */
	int64_t parallel;
	bool count_minute, count_calls; /* the strategy asks for it */
	bool any;                       /* one of all these */
};

struct deployment {
	const struct config_deployment *config;
	uint32_t index;       /* place in catalog->deployments */
	const char *id;       /* the configuration's; no two have the same */
	const char *provider; /* prefix: "openai" */
	/* price.known false: it has none (an operator wants to hear of that;
	   a wildcard seldom has one of its own: see catalog_price). */
	struct price price;
	/* Configured, else the price table's; CONFIG_UNSET. */
	int64_t max_input_tokens;
	int64_t max_output_tokens;
	bool is_wildcard; /* its public name has a star */
	struct breaker_rule rule;
	struct deployment_limits limits;
};
/* The same as what a request asks of the limiter. */
struct limit_demand deployment_demand(const struct deployment *d);

/* Why another group is asked for: which list of the configuration. */
enum fallback_kind {
	FALLBACK_ANY,            /* fallbacks, default_fallbacks */
	FALLBACK_CONTEXT_WINDOW, /* context_window_fallbacks */
	FALLBACK_CONTENT_POLICY, /* content_policy_fallbacks */
	FALLBACK_KIND_COUNT
};

/* How a group's members are ordered: router_settings, or the group's own
   entry under tallygate.groups. */
struct group_strategy {
	enum config_strategy name;
	/* routing_strategy_args of latency-based-routing. */
	int64_t latency_ttl_nsecs; /* older samples do not count */
	double latency_buffer;     /* 0.1: within 10 % counts as equal */
	uint32_t latency_samples;  /* of a mean; 0: the usual ten */
};

/* How often a group's failures are tried again; see verdict.h. */
struct group_retries {
	int64_t count;                      /* without a policy's entry */
	const struct config_policy *policy; /* the group's, else the router's */
};

/* A second attempt at another deployment when the first one is late. */
enum hedge_when {
	HEDGE_NEVER,
	HEDGE_FIXED, /* after after_nsecs */
	HEDGE_P95,   /* after what 95 % of its answers take */
};
struct group_hedge {
	enum hedge_when when;
	int64_t after_nsecs;
};

struct group {
	const char *name;
	size_t count;
	const struct deployment **members; /* in the file's order */
	bool is_wildcard;
	struct group_strategy strategy;
	struct group_hedge hedge;
	struct group_retries retries;
	/* By its name or "*"; NULL: none. */
	const struct config_strings *fallbacks[FALLBACK_KIND_COUNT];
};

struct catalog {
	const struct config *config; /* borrowed */
	size_t deployment_count;
	struct deployment *deployments;
	size_t group_count;
	struct group *groups; /* in the file's order */
	struct map *by_name;  /* name → struct group */
	struct map *by_alias; /* alias → struct config_alias */
	struct map *by_id;    /* id → struct group: itself alone */
	size_t wildcard_count;
	const struct group **wildcards; /* most specific first */
	size_t table_count;
	struct price_table **tables; /* later ones win */
	bool owns_tables;
	struct arena arena;
};

#define CATALOG_MAX_TABLES 16

/*
 * Reads the price tables, ours ($TALLYGATE_PRICES, else
 * ../share/tallygate/prices.json from the program, else that of the prefix it
 * was built for, if there is one) and those of tallygate.prices, and builds the
 * catalog with them; they are kept only where a wildcard may need them. Errors
 * of price_table_load() and catalog_build().
 */
int catalog_open(const struct config *c, struct catalog **catalog_r,
    struct err *err) MUST_CHECK;
/*
 * -1 with ERR_CONFIG: an id that is taken, a price that is no exact decimal, a
 * pattern with too many stars, arguments of a strategy that are not
 * understood. The tables are borrowed until
 * catalog_free(), the array is not.
 */
int catalog_build(const struct config *c, struct price_table *const *tables,
    size_t table_count, struct catalog **catalog_r, struct err *err) MUST_CHECK;
void catalog_free(struct catalog **c);

/* What a client's name stands for. */
struct catalog_match {
	const struct group *group;
	struct str name; /* what the group is asked for: the name, its alias's
			    target, or with a provider in front */
	enum catalog_how {
		MATCH_GROUP,
		MATCH_ALIAS,
		MATCH_ID, /* a group of one under its group's name */
		MATCH_WILDCARD,
	} how;
};
/*
 * Exact group, alias (hidden ones too), deployment id, wildcard group (also
 * as "provider/name" when the name alone tells its provider). match_r->name
 * borrows from name, the catalog or the arena. False: none.
 */
bool catalog_match(const struct catalog *c, struct str name,
    struct arena *arena, struct catalog_match *match_r);
/* The same for those who only want the group; a wildcard's own name too. NULL:
   none. */
const struct group *catalog_find(const struct catalog *c, struct str name);
const struct deployment *catalog_find_id(const struct catalog *c,
    struct str id);

/* What the provider is asked for: for a wildcard the stars of its upstream
   name are replaced. In the arena or the configuration. */
const char *catalog_upstream_model(const struct deployment *d,
    const struct catalog_match *match, struct arena *arena);
/* The price of that model there; for a wildcard made in the arena. */
const struct price *catalog_price(const struct catalog *c,
    const struct deployment *d, const char *upstream_model,
    struct arena *arena);
/*
 * The groups to go to from `group`, reached under `name`: the list of that
 * name, of the name without its provider, of the group, or "*". NULL: none.
 */
const struct config_strings *catalog_fallbacks(const struct catalog *c,
    enum fallback_kind kind, const struct group *group, struct str name);
/* Up to three known names that are spelt like it: "a, b"; "" when none is. */
#define CATALOG_NEAREST_BYTES 256
void catalog_nearest(const struct catalog *c, struct str name,
    char out[CATALOG_NEAREST_BYTES]);

/* "latency-based-routing" */
const char *strategy_name(enum config_strategy s);

#endif
