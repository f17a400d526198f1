/*
 * What can be asked for: deployments with their prices, model groups, aliases.
 * Built from a configuration and price tables, immutable, one per generation.
 */
#ifndef DOMAIN_CATALOG_H
#define DOMAIN_CATALOG_H

#include "base/map.h"
#include "config/config.h"
#include "domain/pricing.h"

struct deployment {
	const struct config_deployment *config;
	uint32_t index; /* place in catalog->deployments */
	const char *id;
	const char *provider; /* prefix: "openai" */
	struct price price;
	int64_t
	    max_input_tokens; /* configured, else the price table's; UNSET */
	int64_t max_output_tokens;
};

struct group {
	const char *name;
	size_t count;
	const struct deployment **members; /* in the file's order */
};

struct catalog {
	const struct config *config; /* borrowed */
	size_t deployment_count;
	struct deployment *deployments;
	size_t group_count;
	struct group *groups; /* in the file's order */
	struct map *by_name;  /* name → struct group */
	struct map *by_id;    /* id → struct deployment */
};

/* warn(arg, text) hears of deployments without a price, once each. */
int catalog_build(const struct config *c, struct price_table *const *tables,
    size_t table_count, struct catalog **catalog_r, struct err *err) MUST_CHECK;
void catalog_free(struct catalog **c);
/*
 * The group a client's name stands for: exact group, alias (hidden ones too),
 * deployment id (a group of one), wildcard (issue of the router). NULL: none.
 */
const struct group *catalog_find(const struct catalog *c, struct str name);
const struct deployment *catalog_find_id(const struct catalog *c,
    struct str id);

#endif
