/*
 * Inside the catalog: how each group is routed and when its breakers open, from
 * router_settings, the deployments and tallygate.groups. See catalog.h.
 */
#ifndef DOMAIN_CATALOG_OPTIONS_H
#define DOMAIN_CATALOG_OPTIONS_H

#include "domain/routing/catalog.h"

/* router_settings with what the group's own entry puts in their place. */
struct group_options {
	struct group_strategy strategy;
	struct group_hedge hedge;
	struct group_retries retries;
	int64_t cooldown_msecs, allowed_fails; /* CONFIG_UNSET */
	int64_t max_cooldown_msecs;            /* CONFIG_UNSET */
	const struct config_policy *allowed_fails_policy;
};

/* own: the group's entry, or NULL. */
int group_options_make(const struct config *c, const struct config_group *own,
    struct group_options *o_r, struct err *err) MUST_CHECK;

/* The breaker's rule for a member of a group of this size. */
void rule_make(const struct config *c, const struct config_deployment *d,
    size_t group_size, const struct group_options *o,
    struct breaker_rule *rule_r);

/* What is counted and limited of a member of a group with this strategy. */
void limits_make(const struct config *c, const struct config_deployment *d,
    const struct group_strategy *s, struct deployment_limits *limits_r);

#endif
