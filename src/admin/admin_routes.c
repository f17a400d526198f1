/* The table of routes, the check of authority, and how handlers are run. See
   admin.h. */
#include "admin/admin_call.h"

#include "base/clock.h"
#include "base/jsonw.h"
#include "domain/accounts/access.h"
#include "wire/apierror.h"

#define AUTHORITY_ROW(NAME, text) text,
static const char *const authority_texts[] = { AUTHORITIES(AUTHORITY_ROW) };
#undef AUTHORITY_ROW

const char *
admin_authority_text(enum admin_authority authority)
{
	return authority_texts[authority];
}

/* clang-format off */
#define RUN(f)  (f), NULL, NULL
#define READ(f) NULL, (f), NULL
#define EDIT(f) NULL, NULL, (f)
#define NO                 { .more = "" }
#define MORE(text)         { .more = (text) }
#define OF(KIND)           { true, ENTITY_##KIND, "" }
#define OF_AND(KIND, text) { true, ENTITY_##KIND, (text) }
static const struct admin_route routes[] = {
	{ "GET",  "/v1/models",            AUTHORITY_KEY,    RUN(admin_models_list),  NO, "the models this key may ask for" },
	{ "GET",  "/models",               AUTHORITY_KEY,    RUN(admin_models_list),  NO, "the same" },
	{ "GET",  "/v1/models/{id}",       AUTHORITY_KEY,    RUN(admin_models_get),   NO, "one model" },
	{ "GET",  "/models/{id}",          AUTHORITY_KEY,    RUN(admin_models_get),   NO, "the same" },
	{ "GET",  "/model/info",           AUTHORITY_KEY,    RUN(admin_model_info),   NO, "deployments, their prices and limits; no secrets" },
	{ "GET",  "/v1/model/info",        AUTHORITY_KEY,    RUN(admin_model_info),   NO, "the same" },
	{ "GET",  "/model_group/info",     AUTHORITY_KEY,    READ(model_group_info),  NO, "groups: providers, limits, prices" },
	{ "GET",  "/health",               AUTHORITY_KEY,    RUN(admin_health),       MORE("probe:string model:string"), "state of the deployments the key may ask for, from the shared store; ?probe=true asks each of them first (administrator or viewer), ?model=NAME shows one group" },
	{ "GET",  "/health/liveliness",    AUTHORITY_PUBLIC, RUN(admin_liveness),     NO, "this worker answers" },
	{ "GET",  "/health/liveness",      AUTHORITY_PUBLIC, RUN(admin_liveness),     NO, "the same" },
	{ "GET",  "/health/readiness",     AUTHORITY_PUBLIC, RUN(admin_readiness),    NO, "this worker can serve: store readable, not draining" },
	{ "GET",  "/metrics",              AUTHORITY_VIEW,   RUN(admin_metrics),      NO, "counters and gauges for Prometheus, the same from every worker" },
	{ "GET",  "/openapi.json",         AUTHORITY_PUBLIC, RUN(admin_openapi),      NO, "this table, for programs" },

	{ "POST", "/key/generate",         AUTHORITY_MANAGE, EDIT(key_generate),      OF_AND(KEY, "key:string"), "a new key; shown this once" },
	{ "POST", "/key/service-account/generate", AUTHORITY_MANAGE, EDIT(key_generate_service), OF_AND(KEY, "key:string"), "a team's key that belongs to no user" },
	{ "POST", "/key/update",           AUTHORITY_MANAGE, EDIT(key_update),        OF_AND(KEY, "key:string"), "changes fields of a key (key, hash or alias)" },
	{ "POST", "/key/delete",           AUTHORITY_MANAGE, EDIT(key_delete),        MORE("keys:array key_aliases:array"), "deletes keys" },
	{ "POST", "/key/block",            AUTHORITY_MANAGE, EDIT(key_block),         MORE("key:string"), "refused from now on, by all workers" },
	{ "POST", "/key/unblock",          AUTHORITY_MANAGE, EDIT(key_unblock),       MORE("key:string"), "let in again" },
	{ "POST", "/key/regenerate",       AUTHORITY_MANAGE, EDIT(key_regenerate),    OF_AND(KEY, "key:string new_key:string"), "another secret for the same key; the old one ends" },
	{ "POST", "/key/{key}/regenerate", AUTHORITY_MANAGE, EDIT(key_regenerate),    OF_AND(KEY, "new_key:string"), "the same" },
	{ "POST", "/key/{key}/reset_spend", AUTHORITY_ADMIN, EDIT(key_reset_spend),   MORE("reset_to:number"), "what counts as spent in the window under way; the books stay" },
	{ "GET",  "/key/info",             AUTHORITY_OWN,    READ(key_info),          MORE("key:string"), "a key: fields and spend; default: the caller's" },
	{ "POST", "/v2/key/info",          AUTHORITY_OWN,    READ(key_info_many),     MORE("keys:array"), "several keys" },
	{ "GET",  "/key/list",             AUTHORITY_OWN,    READ(key_list),          MORE("page:integer size:integer user_id:string team_id:string key_alias:string return_full_object:boolean"), "keys, a page at a time" },
	{ "GET",  "/key/aliases",          AUTHORITY_OWN,    READ(key_aliases),       NO, "the aliases in use" },
	{ "POST", "/key/health",           AUTHORITY_KEY,    READ(key_health),        NO, "whether this key is good" },

	{ "POST", "/team/new",             AUTHORITY_ADMIN,  EDIT(team_new),          OF(TEAM), "a new team" },
	{ "POST", "/team/update",          AUTHORITY_MANAGE, EDIT(team_update),       OF(TEAM), "changes fields of a team" },
	{ "POST", "/team/delete",          AUTHORITY_ADMIN,  EDIT(team_delete),       MORE("team_ids:array"), "deletes teams with their keys" },
	{ "POST", "/team/block",           AUTHORITY_ADMIN,  EDIT(team_block),        MORE("team_id:string"), "all its keys are refused from now on" },
	{ "POST", "/team/unblock",         AUTHORITY_ADMIN,  EDIT(team_unblock),      MORE("team_id:string"), "let in again" },
	{ "POST", "/team/member_add",      AUTHORITY_MANAGE, EDIT(team_member_add),   MORE("team_id:string member:object max_budget_in_team:number rpm_limit:integer tpm_limit:integer"), "puts users into a team" },
	{ "POST", "/team/member_update",   AUTHORITY_MANAGE, EDIT(team_member_update), OF_AND(MEMBER, "team_id:string"), "a member's role and limits" },
	{ "POST", "/team/member_delete",   AUTHORITY_MANAGE, EDIT(team_member_delete), MORE("team_id:string user_id:string user_email:string"), "takes a user out" },
	{ "POST", "/team/model/add",       AUTHORITY_ADMIN,  EDIT(team_model_add),    MORE("team_id:string models:array"), "more models for a team" },
	{ "POST", "/team/model/delete",    AUTHORITY_ADMIN,  EDIT(team_model_delete), MORE("team_id:string models:array"), "fewer" },
	{ "GET",  "/team/info",            AUTHORITY_OWN,    READ(team_info),         MORE("team_id:string"), "a team, its spend, its keys" },
	{ "GET",  "/team/list",            AUTHORITY_OWN,    READ(team_list),         MORE("user_id:string"), "the teams the caller may see" },

	{ "POST", "/user/new",             AUTHORITY_ADMIN,  EDIT(user_new),          OF_AND(USER, "key_alias:string duration:string"), "a new user, with a key unless auto_create_key is false" },
	{ "POST", "/user/update",          AUTHORITY_ADMIN,  EDIT(user_update),       OF(USER), "changes fields of a user" },
	{ "POST", "/user/delete",          AUTHORITY_ADMIN,  EDIT(user_delete),       MORE("user_ids:array"), "deletes users with their keys" },
	{ "GET",  "/user/info",            AUTHORITY_OWN,    READ(user_info),         MORE("user_id:string"), "a user with keys and teams; default: the caller's" },
	{ "GET",  "/user/list",            AUTHORITY_VIEW,   READ(user_list),         MORE("page:integer page_size:integer"), "users, a page at a time" },

	{ "POST", "/customer/new",         AUTHORITY_ADMIN,  EDIT(customer_new),      OF(CUSTOMER), "an end user's own limits" },
	{ "POST", "/customer/update",      AUTHORITY_ADMIN,  EDIT(customer_update),   OF(CUSTOMER), "changes them" },
	{ "POST", "/customer/delete",      AUTHORITY_ADMIN,  EDIT(customer_delete),   MORE("user_ids:array"), "forgets them" },
	{ "POST", "/customer/block",       AUTHORITY_ADMIN,  EDIT(customer_block),    MORE("user_ids:array"), "refused from now on" },
	{ "POST", "/customer/unblock",     AUTHORITY_ADMIN,  EDIT(customer_unblock),  MORE("user_ids:array"), "let in again" },
	{ "GET",  "/customer/info",        AUTHORITY_VIEW,   READ(customer_info),     MORE("end_user_id:string"), "an end user and its spend" },
	{ "GET",  "/customer/list",        AUTHORITY_VIEW,   READ(customer_list),     NO, "all of them" },
	{ "POST", "/end_user/new",         AUTHORITY_ADMIN,  EDIT(customer_new),      OF(CUSTOMER), "as /customer/new" },
	{ "POST", "/end_user/update",      AUTHORITY_ADMIN,  EDIT(customer_update),   OF(CUSTOMER), "as /customer/update" },
	{ "POST", "/end_user/delete",      AUTHORITY_ADMIN,  EDIT(customer_delete),   MORE("user_ids:array"), "as /customer/delete" },
	{ "POST", "/end_user/block",       AUTHORITY_ADMIN,  EDIT(customer_block),    MORE("user_ids:array"), "as /customer/block" },
	{ "POST", "/end_user/unblock",     AUTHORITY_ADMIN,  EDIT(customer_unblock),  MORE("user_ids:array"), "as /customer/unblock" },
	{ "GET",  "/end_user/info",        AUTHORITY_VIEW,   READ(customer_info),     MORE("end_user_id:string"), "as /customer/info" },
	{ "GET",  "/end_user/list",        AUTHORITY_VIEW,   READ(customer_list),     NO, "as /customer/list" },

	{ "POST", "/budget/new",           AUTHORITY_ADMIN,  EDIT(budget_new),        OF(BUDGET), "a reusable budget: limits and caps by name" },
	{ "POST", "/budget/update",        AUTHORITY_ADMIN,  EDIT(budget_update),     OF(BUDGET), "changes it, for all that name it" },
	{ "POST", "/budget/delete",        AUTHORITY_ADMIN,  EDIT(budget_delete),     MORE("id:string"), "deletes one that nobody names" },
	{ "POST", "/budget/info",          AUTHORITY_VIEW,   READ(budget_info),       MORE("budgets:array"), "those named" },
	{ "GET",  "/budget/list",          AUTHORITY_VIEW,   READ(budget_list),       NO, "all of them" },
	{ "GET",  "/budget/settings",      AUTHORITY_VIEW,   READ(budget_settings),   MORE("budget_id:string"), "the fields of a budget, with their values" },

	{ "POST", "/tag/new",              AUTHORITY_ADMIN,  EDIT(tag_new),           OF(TAG), "a tag's limits" },
	{ "POST", "/tag/update",           AUTHORITY_ADMIN,  EDIT(tag_update),        OF(TAG), "changes them" },
	{ "POST", "/tag/delete",           AUTHORITY_ADMIN,  EDIT(tag_delete),        MORE("name:string"), "forgets them" },
	{ "POST", "/tag/info",             AUTHORITY_VIEW,   READ(tag_info),          MORE("names:array"), "those named, with their spend" },
	{ "GET",  "/tag/list",             AUTHORITY_VIEW,   READ(tag_list),          NO, "all of them" },

	{ "GET",  "/spend/logs",           AUTHORITY_OWN,    READ(spend_logs),        MORE("start_date:string end_date:string api_key:string user_id:string"), "spend by day, user, model (from the roll-ups; single requests: the trace file)" },
	{ "GET",  "/spend/keys",           AUTHORITY_VIEW,   READ(spend_keys),        MORE("limit:integer"), "keys by what they spent" },
	{ "GET",  "/spend/users",          AUTHORITY_VIEW,   READ(spend_users),       MORE("user_id:string"), "users by what they spent" },
	{ "GET",  "/spend/tags",           AUTHORITY_VIEW,   READ(spend_tags),        MORE("start_date:string end_date:string"), "tags by what they spent" },
	{ "POST", "/spend/calculate",      AUTHORITY_KEY,    READ(spend_calculate),   MORE("model:string messages:array completion_response:object"), "what a request or an answer costs" },
	{ "GET",  "/global/spend",         AUTHORITY_VIEW,   READ(spend_global),      NO, "all spend, and the cap of the whole gateway" },
	{ "GET",  "/global/spend/report",  AUTHORITY_VIEW,   READ(spend_report),      MORE("start_date:string end_date:string group_by:string api_key:string team_id:string internal_user_id:string"), "spend by day and team, key or user" },
	{ "GET",  "/global/spend/logs",    AUTHORITY_VIEW,   READ(spend_days),        MORE("start_date:string end_date:string"), "spend by day" },
	{ "GET",  "/global/spend/keys",    AUTHORITY_VIEW,   READ(spend_keys),        MORE("limit:integer"), "as /spend/keys" },
	{ "GET",  "/global/spend/teams",   AUTHORITY_VIEW,   READ(spend_teams),       NO, "teams by what they spent" },
	{ "GET",  "/global/spend/models",  AUTHORITY_VIEW,   READ(spend_models),      MORE("limit:integer"), "models by what was spent on them" },
	{ "GET",  "/global/spend/provider", AUTHORITY_VIEW,  READ(spend_providers),   NO, "providers by what was spent there" },
	{ "GET",  "/global/spend/tags",    AUTHORITY_VIEW,   READ(spend_tags),        MORE("start_date:string end_date:string"), "as /spend/tags" },
	{ "GET",  "/provider/budgets",     AUTHORITY_VIEW,   READ(provider_budgets),  NO, "caps of providers, what is spent of them" },
	{ "POST", "/cost/estimate",        AUTHORITY_KEY,    READ(cost_estimate),     MORE("model:string input_tokens:integer output_tokens:integer num_requests_per_day:integer num_requests_per_month:integer"), "what so many tokens of a model cost" },
};
/* clang-format on */

const struct admin_route *
admin_routes(size_t *count_r)
{
	*count_r = ARRAY_LEN(routes);
	return routes;
}

/* ---- finding ------------------------------------------------------------ */

/* {name}: at the pattern's end all the rest, else up to the next slash. */
static bool
path_matches(const char *pattern, struct str path, struct str *argument_r)
{
	const char *brace = strchr(pattern, '{');
	size_t head =
	    brace == NULL ? strlen(pattern) : (size_t)(brace - pattern);
	const char *tail;
	size_t n;

	*argument_r = str_make("", 0);
	if (brace == NULL)
		return str_is(path, pattern);
	if (path.n <= head || memcmp(path.p, pattern, head) != 0)
		return false;
	tail = strchr(brace, '}') + 1;
	path = str_make(path.p + head, path.n - head);
	n = strlen(tail);
	if (path.n <= n || !str_ends(path, tail))
		return false;
	*argument_r = str_make(path.p, path.n - n);
	return n == 0 || memchr(argument_r->p, '/', argument_r->n) == NULL;
}

const struct admin_route *
admin_find(struct str method, struct str path, struct str *argument_r,
    const char **allowed_r)
{
	*allowed_r = NULL;
	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		if (!path_matches(routes[i].path, path, argument_r))
			continue;
		*allowed_r = routes[i].method;
		if (str_is(method, routes[i].method) ||
		    (str_is(method, "HEAD") &&
			strcmp(routes[i].method, "GET") == 0))
			return &routes[i];
	}
	return NULL;
}

/* ---- answers ------------------------------------------------------------ */

static void
answer_error(struct http_call *call, enum err_code code, const char *detail,
    const char *param)
{
	struct arena arena;
	struct api_error e;
	struct buf body;

	arena_init(&arena, 1024);
	buf_init(&body, 16 * 1024);
	api_error_from(code, detail, param, &arena, &e);
	api_error_write(WIRE_CHAT, &e, NULL, &body);
	http_reply_take(call, e.status, "application/json", &body);
	buf_fini(&body);
	arena_fini(&arena);
}

void
admin_error(struct http_call *call, enum err_code code, const char *detail)
{
	answer_error(call, code, detail, NULL);
}

void
admin_answer(struct http_call *call, json_t *answer)
{
	char *text = entity_dump(answer);

	json_decref(answer);
	if (text == NULL) {
		admin_error(call, ERR_INTERNAL, NULL);
		return;
	}
	http_reply(call, 200, "application/json", str_of(text));
	free(text);
}

/* ---- running ------------------------------------------------------------ */

static struct str
header_of(const void *call, const char *name)
{
	return http_header(call, name);
}

/* An absent body is an empty object. */
static int
read_body(struct admin_call *a)
{
	struct str text = str_trim(http_body(a->http));

	a->body = text.n == 0 ? json_object() : jsonx_parse(text, &a->err);
	if (json_is_object(a->body))
		return 0;
	if (a->body != NULL)
		err_set(&a->err, ERR_BAD_JSON, "an object is wanted");
	return -1;
}

static int
run_read(struct admin_call *a, const struct admin_route *route,
    json_t **answer_r)
{
	int rc;

	if (store_read(a->env->store, STORE_ACCOUNTS, &a->txn, &a->err) != 0)
		return -1;
	rc = store_read(a->env->store, STORE_LIVE, &a->live, &a->err);
	if (rc == 0) {
		rc = route->read(a, answer_r);
		store_abort(&a->live);
	}
	store_abort(&a->txn);
	return rc;
}

/* Who changes something, for the log of changes. */
static void
name_actor(const struct admin_call *a, char *who, size_t size)
{
	if (a->account->is_unlimited)
		snprintf(who, size, "%s", a->account->key);
	else
		snprintf(who, size, "key %.12s...%s" STR_FMT, a->account->key,
		    a->account->alias.n > 0 ? " " : "",
		    a->account->alias.n > 60 ? 60 : (int)a->account->alias.n,
		    a->account->alias.p);
}

/* Nothing that was asked for is lost in silence. */
static void
warn(const struct admin_call *a, const struct admin_route *route,
    json_t *answer)
{
	json_t *list = NULL;

	if (route->fields.has_kind && json_is_object(answer))
		list = entity_warnings(route->fields.kind, a->body,
		    route->fields.more);
	if (list != NULL)
		json_object_set_new(answer, "warnings", list);
}

static int
run_edit(struct admin_call *a, const struct admin_route *route,
    json_t **answer_r)
{
	struct str claim = http_header(a->http, "litellm-changed-by");
	char who[160], said[ENTITY_ID_BYTES + 1];
	struct actor actor = { .who = who,
		.claim = said,
		.now_nsecs = a->now_nsecs };
	int rc;

	name_actor(a, who, sizeof(who));
	snprintf(said, sizeof(said), STR_FMT,
	    claim.n > ENTITY_ID_BYTES ? ENTITY_ID_BYTES : (int)claim.n,
	    claim.p != NULL ? claim.p : "");
	if (store_write(a->env->store, STORE_ACCOUNTS, &a->txn, &a->err) != 0)
		return -1;
	edit_init(&a->edit, a->txn, &actor, a->env->rules);
	rc = store_read(a->env->store, STORE_LIVE, &a->live, &a->err);
	if (rc == 0) {
		rc = route->edit(a, answer_r);
		store_abort(&a->live);
	}
	if (rc == 0) {
		if (store_commit(&a->txn, &a->err) != 0)
			return -1;
		warn(a, route, *answer_r);
		return 0;
	}
	store_abort(&a->txn);
	if (a->edit.err.code != ERR_NONE) {
		a->err = a->edit.err;
		a->param = a->edit.param;
	}
	return -1;
}

static void
run_json(struct admin_call *a, const struct admin_route *route)
{
	json_t *answer = NULL;
	int rc = read_body(a);

	if (rc == 0)
		rc = route->edit != NULL ? run_edit(a, route, &answer)
					 : run_read(a, route, &answer);
	if (rc == 0) {
		admin_answer(a->http, answer);
	} else {
		json_decref(answer);
		answer_error(a->http, a->err.code, a->err.text, a->param);
	}
	json_decref(a->body);
}

/* Clients of the LLM APIs look at the list of models first. */
static bool
is_llm_route(const struct admin_route *route)
{
	return route->run == admin_models_list ||
	       route->run == admin_models_get;
}

/* What the route asks of the caller before its handler looks closer. */
static int
check_authority(const struct admin_route *route, const struct account *account,
    struct str path, struct err *err)
{
	bool is_get = strcmp(route->method, "GET") == 0;

	if (route->authority == AUTHORITY_ADMIN && !account->is_admin)
		return err_set(err, ERR_FORBIDDEN, "Admin-only endpoint");
	if (route->authority == AUTHORITY_VIEW && !account->is_admin &&
	    !account->is_viewer)
		return err_set(err, ERR_FORBIDDEN, "Admin-only endpoint");
	return access_route(account, path, is_llm_route(route), is_get, err);
}

void
admin_run(const struct admin_env *env, const struct admin_route *route,
    struct http_call *call, struct str argument)
{
	struct admin_call a = {
		.env = env,
		.http = call,
		.argument = argument,
		.now_nsecs = clock_wall_nsecs(),
	};

	if (route->authority == AUTHORITY_PUBLIC) {
		route->run(env, call, account_nobody(), argument);
		return;
	}
	if (accounts_authenticate(env->accounts,
		account_presented(header_of, call, env->config->key_header),
		a.now_nsecs, &a.account, &a.err) != 0) {
		admin_error(call, a.err.code,
		    a.err.code == ERR_BLOCKED_KEY ? a.err.text : NULL);
		return;
	}
	if (check_authority(route, a.account, http_path(call), &a.err) != 0)
		admin_error(call, a.err.code, a.err.text);
	else if (route->run != NULL)
		route->run(env, call, a.account, argument);
	else
		run_json(&a, route);
	account_unref(&a.account);
}
