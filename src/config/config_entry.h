/*
 * One entry of model_list while it is read: the deployment it becomes and the
 * values that only decide how. Filled by the schema's rows under
 * model_list[], model_list[].litellm_params and model_list[].model_info.
 */
#ifndef CONFIG_CONFIG_ENTRY_H
#define CONFIG_CONFIG_ENTRY_H

#include "config/config.h"
#include "config/config_tree.h"

struct loader;

struct config_entry {
	struct config_deployment d;
	struct config_strings organizations;
	struct config_strings environments; /* supported_environments */
	const char *custom_provider;        /* custom_llm_provider */
	const char *info_base_model;        /* model_info.base_model */
	const char *azure_token;            /* azure_ad_token; secret */
	int64_t info_max_tokens;            /* model_info.max_tokens */
	/* config_azure.c, config_aws_keys.c: the entry's own words for logins;
	   one secret each. */
	const char *tenant_id, *client_id, *client_secret;
	const char *aws_role, *aws_session_name, *aws_external_id;
	const char *aws_profile, *aws_sts, *aws_web_token;
	const char *aws_endpoint; /* aws_bedrock_runtime_endpoint */
	bool blocked;
	struct buf body_json; /* defaults_json under way: "k":v,"k":v */
};

/* Reads model_list into l->c->deployments; one remark for each entry that is
   left out. */
void config_entries_load(struct loader *l, const struct node *list);

/* The warning that an entry is left out, and why; the reason is kept for
   "no models available". */
void config_entry_left_out(struct loader *l, const struct config_entry *e,
    const struct node *at, const char *fmt, ...) PRINTF(4, 5);
/* The first set variable of a blank separated list; *name_r its name. NULL
   none. */
const char *config_variable(struct str names, char name_r[64]);
/* Bedrock's region, address and credentials (config_aws.c); for others
   nothing. 0; 1 left out. */
int config_aws_resolve(struct loader *l, struct config_entry *e,
    const struct node *n);
/* What its requests are signed with (config_aws_keys.c). 0; 1 left out. */
int config_aws_keys(struct loader *l, struct config_entry *e,
    const struct node *n);
/* Who it is asked as, for --check. */
void config_login_note(struct loader *l, const struct node *at,
    const struct config_login *login);
/* An application of Entra's for an Azure entry without a key, from the entry
   or, with from_env, from the environment (config_azure.c). 1 it has one now,
   0 it has none, -1 left out. */
int config_azure_login(struct loader *l, struct config_entry *e,
    const struct node *n, bool from_env);
/* Fills provider, upstream_model, api_base, api_key. False: the entry cannot
   be used, and a remark says why. */
bool config_upstream_resolve(struct loader *l, struct config_entry *e,
    const struct node *n);

#endif
