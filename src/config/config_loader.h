/*
 * What the files of the configuration loader share: the configuration being
 * filled, the report, and how a row of the schema is applied to a node. Not
 * used outside src/config.
 */
#ifndef CONFIG_CONFIG_LOADER_H
#define CONFIG_CONFIG_LOADER_H

#include "base/map.h"
#include "config/aws_profile.h"
#include "config/config.h"
#include "config/config_schema.h"
#include "config/config_tree.h"

struct config_entry;

/* A name of model_list, whether its entries can be used or not. */
struct loader_group {
	struct str name;
	size_t usable;    /* deployments */
	const char *mode; /* of the first usable one */
	struct loader_group *next_wildcard;
};

#define LOADER_MAX_SETTERS 96

struct loader {
	struct config *c;
	struct config_report *report;
	struct err *err; /* gets the first error; may be NULL */
	bool failed;     /* an error was reported */
	struct tree tree;
	struct map *groups;             /* model_name → struct loader_group */
	struct loader_group *wildcards; /* those of them with a star */
	struct map *ids;    /* id → copy of the struct config_deployment */
	struct buf reasons; /* why entries were left out, for people */
	struct aws_files aws;
	const struct node *default_fallbacks; /* of the section that wins */
	size_t env_bytes;  /* that os.environ/NAME stood for */
	bool has_database; /* general_settings.database_url is given */
	size_t deployment_size, budget_size; /* allocated */
	/* Where each of them stands, for config_check.c. */
	const struct node **deployment_nodes, **budget_nodes;
	/* Which node filled which field of *c, to tell of settings that are
	   given in two sections. */
	size_t setter_count;
	struct loader_setter {
		size_t offset;
		const struct node *node;
	} setters[LOADER_MAX_SETTERS];
};

/* A remark about a node (its file, line, path); at may be NULL. */
void loader_remark(struct loader *l, enum config_severity severity,
    const struct node *at, const char *fmt, ...) PRINTF(4, 5);
/* A copy in the configuration's arena; "" costs nothing. */
const char *loader_keep(struct loader *l, struct str s);

/* Room for twice as many items (at least 16) in the arena: the old ones are
   copied. *size is the number of items there is room for. */
void *loader_grow(struct arena *a, const void *items, size_t *size,
    size_t item_bytes);
/* Sets the fields of `target` to the defaults of the section's rows. */
void loader_defaults(struct loader *l, const char *section, void *target);
/*
 * Applies the section's rows to the keys of `map` (a node of another kind is
 * an error, null is nothing). Unknown keys get their remark. entry: set for
 * the three sections of model_list, whose unknown keys mean something.
 */
void loader_section(struct loader *l, const char *section,
    const struct node *map, void *target, struct config_entry *entry);
/* One row on its node: stored, noted or warned of, as its effect says. */
void loader_apply(struct loader *l, const struct config_key *row,
    const struct node *n, void *target, struct config_entry *entry);
/* The warning, with "did you mean". */
void loader_unknown_key(struct loader *l, const char *section,
    const struct node *n);
/* map is a map: true. Null: false. Anything else: an error, false. */
bool loader_is_map(struct loader *l, const struct node *n);
bool loader_is_list(struct loader *l, const struct node *n);

/* Stores n's value as the row says; config_value.c. Null leaves the field. */
void config_value_store(struct loader *l, const struct config_key *row,
    const struct node *n, void *target, struct config_entry *entry);
/* n as JSON in the configuration's arena. */
const char *config_json_keep(struct loader *l, const struct node *n);
/* Adds "key": n to the entry's default parameters. */
void config_json_body(struct loader *l, const struct node *n,
    struct config_entry *entry);
/* A list of texts; one: a single text will do. */
void config_value_strings(struct loader *l, const struct node *n, bool one,
    struct config_strings *out);
/* Replaces the pair with this key, or appends one. */
void config_pairs_set(struct loader *l, struct config_pairs *pairs,
    const struct config_pair *pair);

/* router_settings and litellm_settings: lists of fallbacks, aliases. */
void config_router_fallbacks(struct loader *l, const struct node *n,
    struct config_fallbacks *out);
void config_router_aliases(struct loader *l, const struct node *n);
/* Adds default_fallbacks, once both sections are read, as "*". */
void config_router_finish(struct loader *l);

/* Settings of single groups, after the router's own. */
void config_groups_load(struct loader *l);

/* Every cap, ours and LiteLLM's, after the deployments are known. */
void config_budgets_load(struct loader *l);
void config_webhooks_load(struct loader *l);
void config_user_headers_load(struct loader *l);

/* Rules across keys, once everything is read. */
void config_check(struct loader *l);

/*
 * environment_variables: puts them into the process's environment. The
 * changes stay until the next begin; end(false) takes them back.
 */
void config_env_begin(void);
void config_env_apply(struct loader *l, struct node *map);
void config_env_end(bool keep);
/* os.environ/NAME in every value below n; warns of ${NAME}. */
void config_env_expand(struct loader *l, struct node *n);

#endif
