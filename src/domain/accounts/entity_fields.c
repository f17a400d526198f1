/* The table of fields. See entity.h. */
#include "domain/accounts/entity.h"

#define K (1u << ENTITY_KEY)
#define T (1u << ENTITY_TEAM)
#define U (1u << ENTITY_USER)
#define C (1u << ENTITY_CUSTOMER)
#define B (1u << ENTITY_BUDGET)
#define G (1u << ENTITY_TAG)
#define M (1u << ENTITY_MEMBER)

/* Names and meanings are LiteLLM's (notes on it, sections 3.1 to 3.4), but for
   on_exhaust. */
/* clang-format off */
static const struct entity_field fields[] = {
	{ "key_alias", FIELD_TEXT, K, FIELD_USED, "a name for people; no two keys have the same" },
	{ "duration", FIELD_AGE, K, FIELD_USED, "how long the key is good for, from now" },
	{ "models", FIELD_NAMES, K | T | U, FIELD_USED, "what may be asked for: names, wildcards, access groups, all-team-models, all-proxy-models, no-default-models; none: all" },
	{ "aliases", FIELD_ALIASES, K, FIELD_USED, "names that stand for models, for this key" },
	{ "model_aliases", FIELD_ALIASES, T, FIELD_USED, "names that stand for models, for this team" },
	{ "user_id", FIELD_TEXT, K | U | C | M, FIELD_USED, "the user it belongs to" },
	{ "team_id", FIELD_TEXT, K | T, FIELD_USED, "the team it belongs to; its limits and budgets count too" },
	{ "team_alias", FIELD_TEXT, T, FIELD_USED, "a name for people" },
	{ "user_alias", FIELD_TEXT, U, FIELD_USED, "a name for people" },
	{ "user_email", FIELD_TEXT, U | M, FIELD_USED, "where the user is written to" },
	{ "user_role", FIELD_ROLE, U, FIELD_USED, "proxy_admin: may do all; proxy_admin_viewer: may see all" },
	{ "role", FIELD_TEXT, M, FIELD_USED, "admin (may manage the team's keys and members) or user" },
	{ "members_with_roles", FIELD_MEMBERS, T, FIELD_USED, "who belongs to the team" },
	{ "teams", FIELD_NAMES, U, FIELD_USED, "teams the user is put into" },
	{ "auto_create_key", FIELD_BOOL, U, FIELD_USED, "a key for the user at once; default true" },
	{ "alias", FIELD_TEXT, C, FIELD_USED, "a name for people" },
	{ "name", FIELD_TEXT, G, FIELD_USED, "the tag" },
	{ "description", FIELD_TEXT, G, FIELD_USED, "what it is for" },
	{ "max_budget", FIELD_MONEY, K | T | U | C | B | G, FIELD_USED, "hard cap in USD" },
	{ "soft_budget", FIELD_MONEY, K | T | U | C | B | G, FIELD_USED, "an alert goes out at so many USD; default 80 %" },
	{ "budget_duration", FIELD_WINDOW, K | T | U | C | B | G, FIELD_USED, "when max_budget starts again; none: never" },
	{ "budget_limits", FIELD_WINDOWS, K | T | U | C | B | G, FIELD_USED, "further caps, each in its own window" },
	{ "model_max_budget", FIELD_MODEL_MONEY, K | T | U | C | B, FIELD_USED, "caps by model; a model may end in a star" },
	{ "budget_id", FIELD_TEXT, K | T | U | C | B | G, FIELD_USED, "limits and caps of a reusable budget, for what is not set here" },
	{ "on_exhaust", FIELD_POLICY, K | T | U | C | B | G, FIELD_USED, "what happens at the cap (docs/budgets.md); default clamp" },
	{ "temp_budget_increase", FIELD_MONEY, K, FIELD_USED, "so much more in max_budget, until temp_budget_expiry" },
	{ "temp_budget_expiry", FIELD_TIME, K, FIELD_USED, "see temp_budget_increase" },
	{ "spend", FIELD_MONEY, K | T | U | C | G, FIELD_USED, "counts as spent already in the window under way" },
	{ "rpm_limit", FIELD_COUNT, K | T | U | C | B | G, FIELD_USED, "requests per minute" },
	{ "tpm_limit", FIELD_COUNT, K | T | U | C | B | G, FIELD_USED, "tokens per minute" },
	{ "max_parallel_requests", FIELD_COUNT, K | T | U | C | B | G, FIELD_USED, "requests at the same time" },
	{ "model_rpm_limit", FIELD_MODEL_COUNT, K | T | U | B, FIELD_USED, "requests per minute by model" },
	{ "model_tpm_limit", FIELD_MODEL_COUNT, K | T | U | B, FIELD_USED, "tokens per minute by model" },
	{ "team_member_budget", FIELD_MONEY, T, FIELD_USED, "cap of each member in this team" },
	{ "team_member_budget_duration", FIELD_WINDOW, T, FIELD_USED, "its window" },
	{ "team_member_rpm_limit", FIELD_COUNT, T, FIELD_USED, "requests per minute of each member in this team" },
	{ "team_member_tpm_limit", FIELD_COUNT, T, FIELD_USED, "tokens per minute of each member in this team" },
	{ "max_budget_in_team", FIELD_MONEY, M, FIELD_USED, "this member's cap in the team" },
	{ "budget_duration", FIELD_WINDOW, M, FIELD_USED, "its window" },
	{ "rpm_limit", FIELD_COUNT, M, FIELD_USED, "this member's requests per minute in the team" },
	{ "tpm_limit", FIELD_COUNT, M, FIELD_USED, "this member's tokens per minute in the team" },
	{ "blocked", FIELD_BOOL, K | T | U | C, FIELD_USED, "true: refused until it is unblocked" },
	{ "metadata", FIELD_OBJECT, K | T | U, FIELD_USED, "anything; metadata.tags are added to the requests' tags" },
	{ "tags", FIELD_NAMES, K | T, FIELD_USED, "added to the requests' tags" },
	{ "allowed_routes", FIELD_NAMES, K, FIELD_USED, "paths, paths that end in a star, or llm_api_routes, management_routes, info_routes; none: all that its owner may" },
	{ "key_type", FIELD_TEXT, K, FIELD_USED, "llm_api, management or read_only: a short form of allowed_routes" },
	{ "models", FIELD_NAMES, G, FIELD_KEPT, "" },
	{ "default_model", FIELD_TEXT, C, FIELD_KEPT, "" },
	{ "allowed_model_region", FIELD_TEXT, C, FIELD_KEPT, "" },
	{ "organization_id", FIELD_TEXT, K | T | U, FIELD_KEPT, "there are no organizations; give their caps to teams" },
	{ "config", FIELD_OBJECT, K, FIELD_KEPT, "" },
	{ "permissions", FIELD_OBJECT, K | U, FIELD_KEPT, "allowed_routes says what a key may" },
	{ "guardrails", FIELD_NAMES, K | T | U, FIELD_KEPT, "nothing looks into prompts and answers" },
	{ "enforced_params", FIELD_NAMES, K, FIELD_KEPT, "parameters are not asked for" },
	{ "allowed_cache_controls", FIELD_ANY, K | U, FIELD_KEPT, "there is no cache of answers" },
	{ "rpm_limit_type", FIELD_TEXT, K | T, FIELD_KEPT, "limits are exact for all" },
	{ "tpm_limit_type", FIELD_TEXT, K | T, FIELD_KEPT, "limits are exact for all" },
	{ "router_settings", FIELD_OBJECT, K | T, FIELD_KEPT, "see tallygate.groups" },
	{ "object_permission", FIELD_OBJECT, K | T | U | C, FIELD_KEPT, "" },
	{ "auto_rotate", FIELD_BOOL, K, FIELD_KEPT, "a key is regenerated by hand: /key/regenerate" },
	{ "rotation_interval", FIELD_TEXT, K, FIELD_KEPT, "see auto_rotate" },
	{ "send_invite_email", FIELD_BOOL, K | U, FIELD_KEPT, "no mail is sent" },
	{ "sso_user_id", FIELD_TEXT, U, FIELD_KEPT, "" },
	{ "token", FIELD_TEXT, K, FIELD_GIVEN, "SHA-256 of the key" },
	{ "key_name", FIELD_TEXT, K, FIELD_GIVEN, "the key, masked" },
	{ "expires", FIELD_TIME, K, FIELD_GIVEN, "when the key ends" },
	{ "budget_reset_at", FIELD_TIME, K | T | U | C | B | G, FIELD_GIVEN, "when max_budget starts again" },
	{ "created_at", FIELD_TIME, K | T | U | C | B | G, FIELD_GIVEN, "" },
	{ "updated_at", FIELD_TIME, K | T | U | C | B | G, FIELD_GIVEN, "" },
	{ "created_by", FIELD_TEXT, K | T | U | C | B | G, FIELD_GIVEN, "" },
	{ "updated_by", FIELD_TEXT, K | T | U | C | B | G, FIELD_GIVEN, "" },
};
/* clang-format on */

#define TYPE_ROW(NAME, json, text) { json, text },
static const struct {
	const char *json, *text;
} types[] = { FIELD_TYPES(TYPE_ROW) };
#undef TYPE_ROW

const struct entity_field *
entity_fields(size_t *count_r)
{
	*count_r = ARRAY_LEN(fields);
	return fields;
}

const struct entity_field *
entity_field(enum entity_kind kind, struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		if ((fields[i].kinds & (1u << kind)) != 0 &&
		    str_is(name, fields[i].name))
			return &fields[i];
	}
	return NULL;
}

const char *
field_type_json(enum field_type type)
{
	return types[type].json;
}

const char *
field_type_text(enum field_type type)
{
	return types[type].text;
}
