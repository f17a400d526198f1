/* /team/...: see admin_call.h. */
#include "admin/admin_call.h"

#include "domain/accounts/team.h"

/* The team that a body names, when the caller may change it. */
static int
open_team(struct admin_call *a, struct str *id_r, json_t **team_r)
{
	if (call_need_text(a, "team_id", id_r) != 0)
		return -1;
	if (entity_need(a->txn, ENTITY_TEAM, *id_r, team_r, &a->err) != 0)
		return call_hide(a, "change this team");
	if (call_may_manage_team(a, *team_r))
		return 0;
	json_decref(*team_r);
	return call_forbid(a, "change this team");
}

static int
check_manager(struct admin_call *a, struct str *id_r)
{
	json_t *team;

	if (open_team(a, id_r, &team) != 0)
		return -1;
	json_decref(team);
	return 0;
}

int
team_new(struct admin_call *a, json_t **answer_r)
{
	json_t *team;

	if (registry_create(&a->edit, ENTITY_TEAM, a->body, &team) != 0)
		return -1;
	return view_give(a, ENTITY_TEAM, team, answer_r);
}

/* A team's admin changes names; money, limits and models are the
   administrator's. Members have calls of their own. */
static int
check_fields(struct admin_call *a)
{
	static const char *const free_fields[] = { "team_id", "team_alias",
		"metadata", "tags" };
	const char *name;
	json_t *value;

	if (a->account->is_admin)
		return 0;
	json_object_foreach(a->body, name, value) {
		bool is_free = false;

		for (size_t i = 0; i < ARRAY_LEN(free_fields); i++)
			is_free = is_free || strcmp(name, free_fields[i]) == 0;
		if (!is_free) {
			a->param = name;
			return call_forbid(a, "set this of a team");
		}
	}
	return 0;
}

int
team_update(struct admin_call *a, json_t **answer_r)
{
	struct str id;
	json_t *team, *view;

	if (check_manager(a, &id) != 0 || check_fields(a) != 0 ||
	    registry_update(&a->edit, "update", ENTITY_TEAM, id, a->body,
		&team) != 0 ||
	    view_give(a, ENTITY_TEAM, team, &view) != 0)
		return -1;
	*answer_r = json_object();
	json_object_set(*answer_r, "team_id", json_object_get(view, "team_id"));
	json_object_set_new(*answer_r, "data", view);
	return 0;
}

int
team_delete(struct admin_call *a, json_t **answer_r)
{
	json_t *list, *deleted = json_array(), *team;
	size_t n;

	if (call_need_list(a, "team_ids", &list) != 0) {
		json_decref(deleted);
		return -1;
	}
	n = json_is_array(list) ? json_array_size(list) : 1;
	for (size_t i = 0; i < n; i++) {
		if (registry_delete(&a->edit, ENTITY_TEAM, call_item(list, i),
			&team) != 0) {
			json_decref(deleted);
			return -1;
		}
		json_decref(team);
		json_array_append_new(deleted,
		    json_stringn(call_item(list, i).p, call_item(list, i).n));
	}
	*answer_r = json_pack("{s:o}", "deleted_teams", deleted);
	return 0;
}

static int
set_blocked(struct admin_call *a, bool blocked, json_t **answer_r)
{
	json_t *patch = json_pack("{s:b}", "blocked", blocked), *team;
	struct str id;
	int rc = call_need_text(a, "team_id", &id);

	if (rc == 0)
		rc = registry_update(&a->edit, blocked ? "block" : "unblock",
		    ENTITY_TEAM, id, patch, &team);
	json_decref(patch);
	return rc == 0 ? view_give(a, ENTITY_TEAM, team, answer_r) : -1;
}

int
team_block(struct admin_call *a, json_t **answer_r)
{
	return set_blocked(a, true, answer_r);
}

int
team_unblock(struct admin_call *a, json_t **answer_r)
{
	return set_blocked(a, false, answer_r);
}

/* ---- members ------------------------------------------------------------ */

static int
check_no_money(struct admin_call *a, const json_t *member)
{
	static const char *const money[] = { "max_budget_in_team",
		"budget_duration", "rpm_limit", "tpm_limit", "spend" };

	for (size_t i = 0; i < ARRAY_LEN(money); i++) {
		if (json_object_get(member, money[i]) == NULL)
			continue;
		a->param = money[i];
		return call_forbid(a, "set a member's limits");
	}
	return 0;
}

/* A team's admin may put people in, not give them money: neither beside
   `member` nor within. */
static int
check_member_fields(struct admin_call *a)
{
	const json_t *member = json_object_get(a->body, "member");

	if (a->account->is_admin)
		return 0;
	if (check_no_money(a, a->body) != 0 || check_no_money(a, member) != 0)
		return -1;
	for (size_t i = 0; i < json_array_size(member); i++) {
		if (check_no_money(a, json_array_get(member, i)) != 0)
			return -1;
	}
	return 0;
}

int
team_member_add(struct admin_call *a, json_t **answer_r)
{
	struct str id;
	json_t *team;

	if (check_manager(a, &id) != 0 || check_member_fields(a) != 0 ||
	    team_add_members(&a->edit, id, a->body, &team) != 0)
		return -1;
	return view_give(a, ENTITY_TEAM, team, answer_r);
}

int
team_member_update(struct admin_call *a, json_t **answer_r)
{
	struct str id;
	json_t *team;

	if (check_manager(a, &id) != 0 || check_member_fields(a) != 0 ||
	    team_update_member(&a->edit, id, a->body, &team) != 0)
		return -1;
	return view_give(a, ENTITY_TEAM, team, answer_r);
}

int
team_member_delete(struct admin_call *a, json_t **answer_r)
{
	struct str id;
	json_t *team;

	if (check_manager(a, &id) != 0 ||
	    team_remove_member(&a->edit, id, a->body, &team) != 0)
		return -1;
	return view_give(a, ENTITY_TEAM, team, answer_r);
}

/* ---- models ------------------------------------------------------------- */

static bool
has_name(const json_t *list, struct str name)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (str_eq(call_item(list, i), name))
			return true;
	}
	return false;
}

/* The team's models with these, or without them. */
static int
change_models(struct admin_call *a, bool add, json_t **answer_r)
{
	json_t *team, *named, *patch, *models = json_array();
	const json_t *old;
	struct str id;
	int rc;

	if (open_team(a, &id, &team) != 0) {
		json_decref(models);
		return -1;
	}
	rc = call_need_list(a, "models", &named);
	old = json_object_get(team, "models");
	for (size_t i = 0; i < json_array_size(old); i++) {
		if (add || !has_name(named, call_item(old, i)))
			json_array_append(models, json_array_get(old, i));
	}
	for (size_t i = 0; rc == 0 && add && i < json_array_size(named); i++) {
		if (!has_name(models, call_item(named, i)))
			json_array_append(models, json_array_get(named, i));
	}
	json_decref(team);
	patch = json_pack("{s:o}", "models", models);
	if (rc == 0)
		rc = registry_update(&a->edit,
		    add ? "model_add" : "model_delete", ENTITY_TEAM, id, patch,
		    &team);
	json_decref(patch);
	return rc == 0 ? view_give(a, ENTITY_TEAM, team, answer_r) : -1;
}

int
team_model_add(struct admin_call *a, json_t **answer_r)
{
	return change_models(a, true, answer_r);
}

int
team_model_delete(struct admin_call *a, json_t **answer_r)
{
	return change_models(a, false, answer_r);
}

/* ---- read --------------------------------------------------------------- */

/* A key of this team that the caller may see. */
static bool
is_key_of(struct admin_call *a, const json_t *row, const void *team_id)
{
	return str_is(jsonx_str(row, "team_id"), team_id) &&
	       call_may_see_key(a, row);
}

int
team_info(struct admin_call *a, json_t **answer_r)
{
	char id[ENTITY_ID_BYTES + 1];
	struct view_list keys = { .kind = ENTITY_KEY,
		.has = is_key_of,
		.arg = id };
	json_t *team, *view, *list;
	int rc = call_query(a, "team_id", id, sizeof(id));

	if (rc == 0) {
		a->param = "team_id";
		rc = call_refuse(a, ERR_BAD_REQUEST, "team_id is missing");
	}
	if (rc == 1 &&
	    entity_need(a->txn, ENTITY_TEAM, str_of(id), &team, &a->err) != 0)
		rc = call_hide(a, "look at this team");
	if (rc < 0)
		return -1;
	rc = call_may_see_team(a, team) ? 0
					: call_forbid(a, "look at this team");
	view = rc == 0 ? view_row(a, ENTITY_TEAM, team) : NULL;
	json_decref(team);
	list = view != NULL ? view_rows(a, &keys) : NULL;
	if (list == NULL) {
		json_decref(view);
		return -1;
	}
	*answer_r = json_pack("{s:s, s:o, s:o, s:[]}", "team_id", id,
	    "team_info", view, "keys", list, "team_memberships");
	return 0;
}

/* A team that the caller may see; user: whose it is to be, "" anybody's. */
static bool
is_listed(struct admin_call *a, const json_t *row, const void *user)
{
	struct str name = str_of(user);

	return call_may_see_team(a, row) &&
	       (name.n == 0 || team_member(row, name) != NULL);
}

int
team_list(struct admin_call *a, json_t **answer_r)
{
	char user[ENTITY_ID_BYTES + 1] = "";
	struct view_list teams = { .kind = ENTITY_TEAM,
		.has = is_listed,
		.arg = user };

	if (call_query(a, "user_id", user, sizeof(user)) < 0)
		return -1;
	*answer_r = view_rows(a, &teams);
	return *answer_r != NULL ? 0 : -1;
}
