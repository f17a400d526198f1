/*
 * What the router takes from the configuration: strategies, retries, cooldowns,
 * fallbacks, aliases, and single groups' own settings. Plain data, part of
 * struct config (config.h has the rules); with the small types that all of the
 * configuration is made of.
 */
#ifndef CONFIG_CONFIG_ROUTER_H
#define CONFIG_CONFIG_ROUTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_UNSET (-1)

struct config_strings {
	size_t count;
	const char **items;
};

/* A "key: value" pair kept as text: headers, custom prices. */
struct config_pair {
	const char *key;
	const char *value;
	int line;
};

struct config_pairs {
	size_t count;
	struct config_pair *items;
};

/* fallbacks: from one group (or "*") to others, in order. */
struct config_fallback {
	const char *from;
	struct config_strings to;
	int line;
};

struct config_fallbacks {
	size_t count;
	struct config_fallback *items;
};

struct config_alias {
	const char *alias;
	const char *group;
	bool hidden;
};

enum config_strategy {
	STRATEGY_SIMPLE_SHUFFLE,
	STRATEGY_LEAST_BUSY,
	STRATEGY_LATENCY,
	STRATEGY_USAGE,
	STRATEGY_COST,
};

/* allowed_fails_policy, retry_policy: CONFIG_UNSET where not given. */
struct config_policy {
	int64_t bad_request, authentication, timeout, rate_limit;
	int64_t content_policy, internal_server;
	/* Of retry_policy only: 503, 404, and what has no entry. */
	int64_t service_unavailable, not_found, other;
};

/* One group's own settings: tallygate.groups.NAME, model_group_retry_policy. */
struct config_group {
	const char *name;
	enum config_strategy strategy;      /* the router's, where not given */
	const char *strategy_args_json;     /* NULL: not given */
	const char *hedge_after;            /* "p95", "800ms"; "" never */
	int64_t num_retries, allowed_fails; /* CONFIG_UNSET */
	int64_t cooldown_msecs, max_cooldown_msecs; /* CONFIG_UNSET */
	struct config_policy allowed_fails_policy, retry_policy;
	const char *file;
	int line;
};

struct config_router {
	enum config_strategy strategy;
	const char *strategy_args_json; /* "{}" */
	int64_t num_retries;            /* default 2 */
	int64_t timeout_msecs;          /* total; default 6000 s */
	int64_t stream_timeout_msecs;   /* CONFIG_UNSET */
	int64_t retry_after_msecs;      /* least wait before a retry; 0 */
	int64_t cooldown_msecs;         /* default 5 s */
	int64_t allowed_fails;          /* CONFIG_UNSET */
	int64_t max_fallbacks;          /* default 5 */
	int64_t max_parallel_requests;  /* of each deployment; CONFIG_UNSET */
	bool enable_pre_call_checks;
	struct config_strings optional_checks; /* optional_pre_call_checks */
	bool enable_tag_filtering;
	bool tag_match_any; /* default true */
	bool disable_cooldowns;
	struct config_policy allowed_fails_policy;
	struct config_policy retry_policy;
	struct config_fallbacks fallbacks; /* "*" = default_fallbacks */
	struct config_fallbacks context_window_fallbacks;
	struct config_fallbacks content_policy_fallbacks;
	size_t alias_count;
	struct config_alias *aliases;
	size_t group_count;
	struct config_group *groups;
};

#endif
