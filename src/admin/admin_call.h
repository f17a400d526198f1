/*
 * What the handlers of keys, teams, users ... share: reading the call, who may
 * do what, rows as answers, and their names for the table of routes.
 */
#ifndef ADMIN_ADMIN_CALL_H
#define ADMIN_ADMIN_CALL_H

#include "admin/admin.h"
#include "domain/accounts/vkey.h"

/* ---- the call ---- */

/* A value of the query in buf: 1, 0 absent, -1 refused. */
int call_query(struct admin_call *a, const char *name, char *buf,
    size_t size) MUST_CHECK;
/* The text of a member that must be there: ERR_BAD_REQUEST names it. */
int call_need_text(struct admin_call *a, const char *name,
    struct str *text_r) MUST_CHECK;
/* A list of texts, or one text, under this name; "" of it are refused. */
int call_need_list(struct admin_call *a, const char *name,
    json_t **list_r) MUST_CHECK;
/* The nth text of such a list. */
struct str call_item(const json_t *list, size_t i);
int call_refuse(struct admin_call *a, enum err_code code, const char *fmt, ...)
    PRINTF(3, 4);
/* A whole number from 1 to most: 0, *v_r as it was when it is absent; -1. */
int call_number(struct admin_call *a, const char *name, int64_t most,
    size_t *v_r) MUST_CHECK;
/* Page and size of the query: 1-based, at most 100. */
int call_page(struct admin_call *a, size_t *page_r, size_t *size_r) MUST_CHECK;
/* A moment in the query ("2026-11-01" ...): 1, 0 absent, -1. */
int call_time(struct admin_call *a, const char *name,
    int64_t *nsecs_r) MUST_CHECK;

/* The key that api_key in the query (or `otherwise`, "" none) means: its hash
   in hex, also of one that is gone. 1, 0 none is named, -1. */
int call_key(struct admin_call *a, struct str otherwise,
    char hex_r[ACCOUNT_KEY_BYTES]) MUST_CHECK;

/* ---- who may ---- */

bool call_may_see_all(const struct admin_call *a);
/* A key's row: its own, its user's, a team's whose admin the caller is. */
bool call_may_see_key(struct admin_call *a, const json_t *key);
bool call_may_manage_key(struct admin_call *a, const json_t *key);
/* The user that a key's row is to name: the caller, or one of the key's team;
   anybody, when an administrator asks. */
bool call_may_name_user(struct admin_call *a, const json_t *key);
bool call_may_see_team(const struct admin_call *a, const json_t *team);
bool call_may_manage_team(const struct admin_call *a, const json_t *team);
int call_forbid(struct admin_call *a, const char *what);
/* -1. a->err says that something is not there: who may not see all is told what
   he would be told of something that is. */
int call_hide(struct admin_call *a, const char *what);

/* ---- rows as answers (admin_view.c): new references, NULL: failed ---- */

/* With what it spent and when that starts again; absent fields are null. */
json_t *view_row(struct admin_call *a, enum entity_kind kind,
    const json_t *row);
/* The same as a call's answer; the row's reference is used up. */
int view_give(struct admin_call *a, enum entity_kind kind, json_t *row,
    json_t **answer_r);

/* A list of rows: which of a kind, and what stands for each. */
struct view_list {
	enum entity_kind kind;
	/* NULL: all rows are in the list. */
	bool (*has)(struct admin_call *a, const json_t *row, const void *arg);
	const void *arg;
	/* A new reference; NULL: view_row(). */
	json_t *(*item)(const json_t *row);
	size_t first, count; /* the page; count 0: the whole list */
	size_t total;        /* filled: how many the list has */
};
/* The page's items as an array; NULL: failed. */
json_t *view_rows(struct admin_call *a, struct view_list *l);
/* Spend of any scope as LiteLLM's number. */
json_t *view_usd(int64_t nanos);

/* ---- handlers ---- */

#define ADMIN_CALL(name) int name(struct admin_call *a, json_t **answer_r)
/* admin_keys.c */
ADMIN_CALL(key_generate);
ADMIN_CALL(key_generate_service);
ADMIN_CALL(key_update);
ADMIN_CALL(key_delete);
ADMIN_CALL(key_block);
ADMIN_CALL(key_unblock);
ADMIN_CALL(key_regenerate);
ADMIN_CALL(key_reset_spend);
ADMIN_CALL(key_info);
ADMIN_CALL(key_info_many);
ADMIN_CALL(key_list);
ADMIN_CALL(key_aliases);
ADMIN_CALL(key_health);
/* admin_teams.c */
ADMIN_CALL(team_new);
ADMIN_CALL(team_update);
ADMIN_CALL(team_delete);
ADMIN_CALL(team_block);
ADMIN_CALL(team_unblock);
ADMIN_CALL(team_member_add);
ADMIN_CALL(team_member_update);
ADMIN_CALL(team_member_delete);
ADMIN_CALL(team_model_add);
ADMIN_CALL(team_model_delete);
ADMIN_CALL(team_info);
ADMIN_CALL(team_list);
/* admin_users.c */
ADMIN_CALL(user_new);
ADMIN_CALL(user_update);
ADMIN_CALL(user_delete);
ADMIN_CALL(user_info);
ADMIN_CALL(user_list);
ADMIN_CALL(customer_new);
ADMIN_CALL(customer_update);
ADMIN_CALL(customer_delete);
ADMIN_CALL(customer_block);
ADMIN_CALL(customer_unblock);
ADMIN_CALL(customer_info);
ADMIN_CALL(customer_list);
/* admin_plans.c */
ADMIN_CALL(budget_new);
ADMIN_CALL(budget_update);
ADMIN_CALL(budget_delete);
ADMIN_CALL(budget_info);
ADMIN_CALL(budget_list);
ADMIN_CALL(budget_settings);
ADMIN_CALL(tag_new);
ADMIN_CALL(tag_update);
ADMIN_CALL(tag_delete);
ADMIN_CALL(tag_info);
ADMIN_CALL(tag_list);
ADMIN_CALL(spend_calculate);
ADMIN_CALL(spend_global);
ADMIN_CALL(provider_budgets);
ADMIN_CALL(cost_estimate);
ADMIN_CALL(model_group_info);

/* ---- handlers whose answer takes several turns ---- */

#define ADMIN_BEGIN(name)                                                      \
	int name(struct admin_call *a, struct admin_job **job_r)
/* admin_spend.c */
ADMIN_BEGIN(spend_keys);
ADMIN_BEGIN(spend_users);
ADMIN_BEGIN(spend_tags);
ADMIN_BEGIN(spend_tag_totals);
ADMIN_BEGIN(spend_models);
ADMIN_BEGIN(spend_providers);
ADMIN_BEGIN(spend_end_users);
/* admin_spend_rows.c */
ADMIN_BEGIN(spend_logs);
ADMIN_BEGIN(spend_logs_paged);
/* admin_spend_days.c */
/* Its sums by day: of one key (its hash) or user, "" all. */
int spend_log_days(struct admin_call *a, const char *key, const char *user,
    struct admin_job **job_r) MUST_CHECK;
ADMIN_BEGIN(spend_days);
ADMIN_BEGIN(spend_teams);
ADMIN_BEGIN(spend_by_group);
/* admin_activity.c */
ADMIN_BEGIN(activity_of_users);
ADMIN_BEGIN(activity_of_teams);
ADMIN_BEGIN(activity_of_tags);
ADMIN_BEGIN(activity_of_customers);

#endif
