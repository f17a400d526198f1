/*
 * Inside the catalog: how each group is routed and when its breakers open, from
 * router_settings, the deployments and tallygate.groups. See catalog.h.
 */
#ifndef DOMAIN_CATALOG_OPTIONS_H
#define DOMAIN_CATALOG_OPTIONS_H

#include "domain/catalog.h"

#include <jansson.h>

struct group_options {
	struct group_strategy strategy;
	int64_t max_cooldown_nsecs; /* 0: not given */
};

/* The router's own, for groups without an entry. */
int group_options_default(const struct config *c, struct group_options *o_r,
    struct err *err) MUST_CHECK;
/* tallygate.groups as a JSON object the caller owns. */
int group_options_open(const struct config *c, json_t **groups_r,
    struct err *err) MUST_CHECK;
/* Changes *o by the group's entry, if it has one. */
int group_options_read(json_t *groups, const char *group,
    struct group_options *o, struct err *err) MUST_CHECK;

/* The breaker's rule for a member of a group of this size. */
void rule_make(const struct config *c, const struct config_deployment *d,
    size_t group_size, const struct group_options *o,
    struct breaker_rule *rule_r);

/* What is counted and limited of a member of a group with this strategy. */
void limits_make(const struct config *c, const struct config_deployment *d,
    const struct group_strategy *s, struct deployment_limits *limits_r);

#endif
