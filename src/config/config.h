/*
 * The checked, immutable configuration: plain data, all units in names. Built
 * from a bundle by config_parse() and never changed afterwards; a reload
 * builds a new one. The keys, their types and defaults are one table in
 * config_schema.c, from which docs/config.md and tallygate.yaml(5) come.
 *
 * Strings live in the configuration's arena and are never NULL unless a field
 * says so. "unset" numbers are CONFIG_UNSET.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "config/bundle.h"
#include "config/config_login.h"
#include "config/config_report.h"
#include "config/config_router.h"
#include "config/provider.h"

#include <stdint.h>

/* One entry of model_list that can be used. */
struct config_deployment {
	const char *model_name; /* the public name (model group) */
	const char *id;         /* model_info.id, or 12 hex digits of a
				   hash over name, model and api_base;
				   stable when a key changes */
	const struct provider *provider;
	const char *litellm_model;  /* as written: "openai/gpt-4o-mini" */
	const char *upstream_model; /* what the provider is asked for */
	const char *api_base;       /* no slash at its end */
	const char *api_key;        /* secret; "" when none is needed */
	bool key_is_token;          /* api_key is one of Entra's tokens */
	/* Bedrock, whose requests are signed; "" unset. Three secrets. */
	const char *aws_access_key_id, *aws_secret_access_key;
	const char *aws_session_token;
	const char *aws_region;
	/* Keys that expire are asked for instead; NULL none. */
	const struct config_login *login;
	const char *api_version;      /* "" unset */
	bool api_version_is_default;  /* Azure: nobody named one */
	const char *organization;     /* "" unset */
	struct config_pairs headers;  /* headers and extra_headers */
	const char *defaults_json;    /* per-deployment parameters (temperature,
					 max_tokens ...) as one JSON object;
					 "" none. A value in the request wins */
	const char *extra_body_json;  /* merged into the upstream body; "" */
	struct config_pairs prices;   /* *_cost_* keys of litellm_params and
					 model_info, exact text */
	const char *base_model;       /* name for the price table; "" unset */
	const char *family;           /* what it is for its parameters, when its
					 name does not say: "o3"; "" unset */
	const char *mode;             /* "chat" unless said otherwise */
	const char *mock_response;    /* NULL unset; see mock_is_json */
	bool mock_is_json;            /* a map: the complete answer */
	int64_t timeout_msecs;        /* total; CONFIG_UNSET */
	int64_t stream_timeout_msecs; /* first byte of streams; CONFIG_UNSET */
	int64_t cooldown_msecs;       /* CONFIG_UNSET */
	int64_t allowed_fails;        /* CONFIG_UNSET */
	int64_t num_retries;          /* CONFIG_UNSET */
	struct config_policy allowed_fails_policy;
	int64_t probe_timeout_msecs;   /* CONFIG_UNSET */
	int64_t rpm, tpm;              /* CONFIG_UNSET */
	int64_t max_parallel_requests; /* CONFIG_UNSET */
	int64_t weight_micros;         /* weight × 10^6; CONFIG_UNSET */
	int64_t order;                 /* CONFIG_UNSET */
	int64_t max_input_tokens, max_output_tokens; /* CONFIG_UNSET */
	const char *max_budget;      /* exact decimal USD; "" none */
	const char *budget_duration; /* "" none */
	int drop_params;             /* 1, 0, CONFIG_UNSET */
	int use_chat;                /* use_chat_completions_api: the same;
					config_has_responses() reads it */
	struct config_strings tags;
	struct config_strings access_groups;
	struct config_strings additional_drop_params;
	struct config_strings allowed_openai_params;
	const char *model_info_json; /* model_info as JSON, "{}" when absent */
	const char *file;
	int line; /* of the entry's first line */
};

/* One hard cap, from tallygate.budgets or from LiteLLM's own keys. */
struct config_budget {
	const char *per;         /* global, provider, deployment, model, key,
				    team, user, end_user, tag */
	const char *match;       /* name of the one it is for; "" every one */
	const char *max_budget;  /* exact decimal USD */
	const char *soft_budget; /* "" unset */
	const char *duration;    /* "30d"; "" never resets */
	const char *on_exhaust;  /* clamp | refuse | downgrade:GROUP */
	const char *file;
	int line;
};

struct config_webhook {
	const char *url;
	const char *secret; /* secret; "" unsigned */
	struct config_strings events;
};

/* One of general_settings.user_header_mappings. */
struct config_user_header {
	const char *name;
	const char *role; /* customer | internal_user */
};

struct config_limits {
	int64_t max_body_bytes;         /* 32M */
	int64_t max_header_bytes;       /* 64K */
	int64_t max_connections;        /* per worker, 4096 */
	int64_t max_answer_bytes;       /* plain answer kept in memory, 64M */
	int64_t max_event_bytes;        /* one SSE event, 16M */
	int64_t header_timeout_msecs;   /* whole request head, 30 s */
	int64_t body_timeout_msecs;     /* whole request body, 120 s */
	int64_t idle_timeout_msecs;     /* keep-alive without request, 75 s */
	int64_t slow_client_msecs;      /* no progress while we write, 60 s */
	int64_t connect_timeout_msecs;  /* upstream, 5 s */
	int64_t stream_idle_msecs;      /* between two upstream chunks, 300 s */
	int64_t stream_keepalive_msecs; /* sign of life in silence, 15 s; 0 */
	int64_t drain_msecs;            /* retiring worker, 600 s */
	int64_t max_attempts;           /* one request, all groups, 8 */
};

/* Probes of ours, exchange/probe.h. */
struct config_probes {
	bool background;        /* false */
	int64_t interval_msecs; /* of one deployment, 300 s */
	bool completion;        /* false: its list of models */
	int64_t timeout_msecs;  /* 10 s */
};

struct config {
	struct arena arena;
	size_t deployment_count;
	struct config_deployment *deployments;
	struct config_router router;
	struct config_limits limits;
	struct config_probes probes;
	bool drop_params;
	const char *master_key; /* secret; "" none */
	const char *timezone;   /* "UTC" */
	const char *key_header; /* a key may come in it; "" none */
	/* The end user may come in it, or in these, first of all; "" none. */
	const char *user_header;
	struct config_strings user_headers;
	bool enforce_user;    /* a request has to name its end user */
	bool reject_tags;     /* a request may bring no tags of its own */
	bool fallback_access; /* fallbacks go where the key may */
	int64_t max_parallel_requests; /* of all; CONFIG_UNSET */
	/* What new keys, users and teams get and may have: JSON objects. */
	const char *key_defaults_json, *key_bounds_json;
	const char *user_defaults_json, *team_defaults_json;
	const char *end_user_budget_id; /* "" none */
	/* tallygate: */
	const char *host;                  /* "" not given here */
	int64_t port;                      /* CONFIG_UNSET */
	int64_t workers;                   /* 0 = one per core */
	const char *state_dir;             /* "" not given */
	const char *traces_path;           /* see config_trace_path() */
	int64_t traces_rotate_bytes;       /* 256M */
	int64_t traces_keep;               /* 8 */
	bool traces_content;               /* false */
	bool durability_power;             /* false: process */
	int64_t sync_interval_msecs;       /* 200 */
	int64_t map_bytes;                 /* 1G */
	int64_t min_output_tokens;         /* 16 */
	struct config_strings price_files; /* tallygate.prices */
	bool open;                   /* serve without keys on any address */
	bool confine;                /* base/confine.h; true */
	const char *user;            /* root becomes this one; "" stays */
	bool unpriced_refuse;        /* false: free, with a warning */
	bool possibly_billed_prompt; /* an attempt that nobody knows the cost
					of is charged its prompt */
	int64_t budget_status;       /* 429 or 400 */
	size_t budget_count;
	struct config_budget *budgets;
	size_t webhook_count;
	struct config_webhook *webhooks;
};

/*
 * Parses and checks. Applies environment_variables to this process's
 * environment first, as LiteLLM does. Goes on after an error to report all of
 * them. 0: *config_r is the caller's (config_free); -1: refused, see report;
 * *err holds the first error. A configuration without a usable deployment is
 * refused with "no models available" and the names of the unset variables.
 */
int config_parse(const struct bundle *b, struct config **config_r,
    struct config_report *report, struct err *err) MUST_CHECK;
/* The trace file: as configured, in the state directory unless absolute. On
   the heap. */
char *config_trace_path(const struct config *c, const char *state_dir);
void config_free(struct config **c); /* wipes secrets */

/* bundle_read + config_parse. */
int config_load(const char *path, struct config **config_r,
    struct config_report *report, struct err *err) MUST_CHECK;

/* The deployment answers /responses itself, and keeps them: what its provider's
   row says, unless its use_chat_completions_api says otherwise. */
bool config_has_responses(const struct config_deployment *d);

/* The state directory: given one, else the configuration's, else
   $TALLYGATE_STATE_DIR, else the default (/var/lib/tallygate for root,
   $XDG_STATE_HOME/tallygate or
   ~/.local/state/tallygate). Absolute; the caller frees it. */
char *config_state_dir(const struct config *c, const char *given);

#endif
