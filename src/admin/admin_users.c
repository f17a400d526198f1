/* /user/... and /customer/... (also as /end_user/...): see admin_call.h. */
#include "admin/admin_call.h"

#include "domain/accounts/team.h"

/* ---- both --------------------------------------------------------------- */

static int
update(struct admin_call *a, const char *verb, enum entity_kind kind,
    struct str id, const json_t *patch, json_t **answer_r)
{
	json_t *row;

	if (registry_update(&a->edit, verb, kind, id, patch, &row) != 0)
		return -1;
	return view_give(a, kind, row, answer_r);
}

static int
delete_named(struct admin_call *a, enum entity_kind kind, size_t *count_r)
{
	json_t *list, *row;

	if (call_need_list(a, "user_ids", &list) != 0)
		return -1;
	*count_r = json_is_array(list) ? json_array_size(list) : 1;
	for (size_t i = 0; i < *count_r; i++) {
		if (registry_delete(&a->edit, kind, call_item(list, i), &row) !=
		    0)
			return -1;
		json_decref(row);
	}
	return 0;
}

/* ---- users -------------------------------------------------------------- */

/* The user joins the teams it names. */
static int
join_teams(struct admin_call *a, const json_t *user)
{
	const json_t *teams = json_object_get(a->body, "teams");
	json_t *body = json_pack("{s:{s:O, s:s}}", "member", "user_id",
	    json_object_get(user, "user_id"), "role", "user");
	json_t *team;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < json_array_size(teams); i++) {
		rc = team_add_members(&a->edit, call_item(teams, i), body,
		    &team);
		if (rc == 0)
			json_decref(team);
	}
	json_decref(body);
	return rc;
}

/* The key that a new user gets at once, in the answer. */
static int
add_key(struct admin_call *a, const json_t *user, json_t *view)
{
	json_t *want = json_object_get(a->body, "auto_create_key");
	json_t *body, *row;
	struct vkey_secret s;
	int rc;

	if (want != NULL && json_is_false(want))
		return 0;
	body = json_object();
	json_object_set(body, "user_id", json_object_get(user, "user_id"));
	if (json_object_get(a->body, "key_alias") != NULL)
		json_object_set(body, "key_alias",
		    json_object_get(a->body, "key_alias"));
	if (json_object_get(a->body, "duration") != NULL)
		json_object_set(body, "duration",
		    json_object_get(a->body, "duration"));
	rc = vkey_create(&a->edit, body, &s, &row);
	json_decref(body);
	if (rc != 0)
		return -1;
	json_object_set_new(view, "key", json_string(s.text));
	json_object_set(view, "token", json_object_get(row, "token"));
	json_object_set(view, "key_name", json_object_get(row, "key_name"));
	json_object_set(view, "expires", json_object_get(row, "expires"));
	vkey_secret_wipe(&s);
	json_decref(row);
	return 0;
}

int
user_new(struct admin_call *a, json_t **answer_r)
{
	json_t *user, *view;

	if (registry_create(&a->edit, ENTITY_USER, a->body, &user) != 0)
		return -1;
	view = view_row(a, ENTITY_USER, user);
	if (view == NULL || join_teams(a, user) != 0 ||
	    add_key(a, user, view) != 0) {
		json_decref(view);
		json_decref(user);
		return -1;
	}
	json_decref(user);
	*answer_r = view;
	return 0;
}

int
user_update(struct admin_call *a, json_t **answer_r)
{
	struct str id;
	json_t *view;

	if (call_need_text(a, "user_id", &id) != 0 ||
	    update(a, "update", ENTITY_USER, id, a->body, &view) != 0)
		return -1;
	*answer_r = json_object();
	json_object_set(*answer_r, "user_id", json_object_get(view, "user_id"));
	json_object_set_new(*answer_r, "data", view);
	return 0;
}

int
user_delete(struct admin_call *a, json_t **answer_r)
{
	size_t n;

	if (delete_named(a, ENTITY_USER, &n) != 0)
		return -1;
	*answer_r = json_integer((json_int_t)n);
	return 0;
}

static bool
is_key_of(struct admin_call *a, const json_t *row, const void *user)
{
	return str_is(jsonx_str(row, "user_id"), user) &&
	       call_may_see_key(a, row);
}

static bool
is_team_of(struct admin_call *a, const json_t *row, const void *user)
{
	return team_member(row, str_of(user)) != NULL &&
	       call_may_see_team(a, row);
}

/* The user's keys and teams, as far as the caller may see them. */
static int
add_belongings(struct admin_call *a, const char *user, json_t *answer)
{
	struct view_list keys = { .kind = ENTITY_KEY,
		.has = is_key_of,
		.arg = user };
	struct view_list teams = { .kind = ENTITY_TEAM,
		.has = is_team_of,
		.arg = user };

	/* Setting a member to NULL fails. */
	return json_object_set_new(answer, "keys", view_rows(a, &keys)) == 0 &&
		       json_object_set_new(answer, "teams",
			   view_rows(a, &teams)) == 0
		   ? 0
		   : -1;
}

int
user_info(struct admin_call *a, json_t **answer_r)
{
	char id[ENTITY_ID_BYTES + 1];
	json_t *user, *view;
	int rc = call_query(a, "user_id", id, sizeof(id));

	if (rc < 0)
		return -1;
	if (rc == 0)
		snprintf(id, sizeof(id), STR_FMT, STR_ARG(a->account->user));
	if (!call_may_see_all(a) && !str_is(a->account->user, id))
		return call_forbid(a, "look at this user");
	if (entity_need(a->txn, ENTITY_USER, str_of(id), &user, &a->err) != 0)
		return -1;
	view = view_row(a, ENTITY_USER, user);
	json_decref(user);
	if (view == NULL)
		return -1;
	*answer_r = json_pack("{s:s, s:o}", "user_id", id, "user_info", view);
	return add_belongings(a, id, *answer_r);
}

int
user_list(struct admin_call *a, json_t **answer_r)
{
	struct view_list l = { .kind = ENTITY_USER };
	json_t *list;
	size_t page;

	if (call_page(a, &page, &l.count) != 0)
		return -1;
	l.first = (page - 1) * l.count;
	list = view_rows(a, &l);
	if (list == NULL)
		return -1;
	*answer_r = json_pack("{s:o, s:I, s:I, s:I, s:I}", "users", list,
	    "total", (json_int_t)l.total, "page", (json_int_t)page, "page_size",
	    (json_int_t)l.count, "total_pages",
	    (json_int_t)((l.total + l.count - 1) / l.count));
	return 0;
}

/* ---- customers ---------------------------------------------------------- */

int
customer_new(struct admin_call *a, json_t **answer_r)
{
	json_t *row;

	if (registry_create(&a->edit, ENTITY_CUSTOMER, a->body, &row) != 0)
		return -1;
	return view_give(a, ENTITY_CUSTOMER, row, answer_r);
}

int
customer_update(struct admin_call *a, json_t **answer_r)
{
	struct str id;

	if (call_need_text(a, "user_id", &id) != 0)
		return -1;
	return update(a, "update", ENTITY_CUSTOMER, id, a->body, answer_r);
}

int
customer_delete(struct admin_call *a, json_t **answer_r)
{
	char text[80];
	size_t n;

	if (delete_named(a, ENTITY_CUSTOMER, &n) != 0)
		return -1;
	snprintf(text, sizeof(text),
	    "Successfully deleted customers with ids: %zu", n);
	*answer_r = json_pack("{s:I, s:s}", "deleted_customers", (json_int_t)n,
	    "message", text);
	return 0;
}

/* Who has no row yet gets one: blocking a stranger must hold. */
static int
block_one(struct admin_call *a, struct str id, bool blocked, json_t **view_r)
{
	json_t *patch =
	    json_pack("{s:s%, s:b}", "user_id", id.p, id.n, "blocked", blocked);
	json_t *old, *row;
	int rc = entity_get(a->txn, ENTITY_CUSTOMER, id, &old, &a->err);

	json_decref(old);
	if (rc == 1)
		rc = update(a, blocked ? "block" : "unblock", ENTITY_CUSTOMER,
		    id, patch, view_r);
	else if (rc == 0 && (rc = registry_create(&a->edit, ENTITY_CUSTOMER,
				 patch, &row)) == 0)
		rc = view_give(a, ENTITY_CUSTOMER, row, view_r);
	json_decref(patch);
	return rc;
}

static int
set_blocked(struct admin_call *a, bool blocked, json_t **answer_r)
{
	json_t *list, *views, *view;
	size_t n;

	if (call_need_list(a, "user_ids", &list) != 0)
		return -1;
	n = json_is_array(list) ? json_array_size(list) : 1;
	views = json_array();
	for (size_t i = 0; i < n; i++) {
		if (block_one(a, call_item(list, i), blocked, &view) != 0) {
			json_decref(views);
			return -1;
		}
		json_array_append_new(views, view);
	}
	*answer_r = json_pack("{s:o}",
	    blocked ? "blocked_users" : "unblocked_users", views);
	return 0;
}

int
customer_block(struct admin_call *a, json_t **answer_r)
{
	return set_blocked(a, true, answer_r);
}

int
customer_unblock(struct admin_call *a, json_t **answer_r)
{
	return set_blocked(a, false, answer_r);
}

int
customer_info(struct admin_call *a, json_t **answer_r)
{
	char id[ENTITY_ID_BYTES + 1];
	json_t *row;
	int rc = call_query(a, "end_user_id", id, sizeof(id));

	if (rc == 0) {
		a->param = "end_user_id";
		rc = call_refuse(a, ERR_BAD_REQUEST, "end_user_id is missing");
	}
	if (rc < 0 || entity_need(a->txn, ENTITY_CUSTOMER, str_of(id), &row,
			  &a->err) != 0)
		return -1;
	return view_give(a, ENTITY_CUSTOMER, row, answer_r);
}

int
customer_list(struct admin_call *a, json_t **answer_r)
{
	struct view_list l = { .kind = ENTITY_CUSTOMER };

	*answer_r = view_rows(a, &l);
	return *answer_r != NULL ? 0 : -1;
}
