/* A team's members. See team.h. */
#include "domain/accounts/team.h"

#define MEMBERS "members_with_roles"
/* {user: {_carried, _carried_until}}: what members spent elsewhere. */
#define CARRIED "_members_carried"

json_t *
team_member(const json_t *team, struct str user_id)
{
	const json_t *members = json_object_get(team, MEMBERS);

	for (size_t i = 0; i < json_array_size(members); i++) {
		json_t *m = json_array_get(members, i);

		if (user_id.n > 0 && str_eq(jsonx_str(m, "user_id"), user_id))
			return m;
	}
	return NULL;
}

bool
team_is_admin(const json_t *team, struct str user_id)
{
	return str_is(jsonx_str(team_member(team, user_id), "role"), "admin");
}

json_t *
team_member_row(const json_t *team, struct str user)
{
	static const char *const names[][3] = {
		{ "max_budget", "max_budget_in_team", "team_member_budget" },
		{ "budget_duration", "budget_duration",
		    "team_member_budget_duration" },
		{ "rpm_limit", "rpm_limit", "team_member_rpm_limit" },
		{ "tpm_limit", "tpm_limit", "team_member_tpm_limit" },
	};
	const json_t *member = team_member(team, user);
	json_t *row = json_object();
	const json_t *carried;
	char *key;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		json_t *v = json_object_get(member, names[i][1]);

		if (v == NULL || json_is_null(v))
			v = json_object_get(team, names[i][2]);
		if (v != NULL && !json_is_null(v))
			json_object_set(row, names[i][0], v);
	}
	key = str_dup(user);
	carried = json_object_get(json_object_get(team, CARRIED), key);
	free(key);
	if (carried != NULL)
		json_object_update(row, jsonx_iterable(carried));
	return row;
}

void
team_carry_members(const struct edit *e, json_t *team)
{
	const json_t *members = json_object_get(team, MEMBERS);

	for (size_t i = 0; i < json_array_size(members); i++) {
		json_t *m = json_array_get(members, i), *row, *carried;
		struct str user = jsonx_str(m, "user_id");
		int64_t nanos;
		char *key;

		if (entity_money(json_object_get(m, "spend"), &nanos) != 1)
			continue;
		json_object_del(m, "spend");
		row = team_member_row(team, user);
		registry_carry(e, row, nanos);
		carried = json_object_get(team, CARRIED);
		if (carried == NULL) {
			carried = json_object();
			json_object_set_new(team, CARRIED, carried);
		}
		key = str_dup(user);
		json_object_set_new(carried, key,
		    json_pack("{s:O,s:O}", "_carried",
			json_object_get(row, "_carried"), "_carried_until",
			json_object_get(row, "_carried_until")));
		free(key);
		json_decref(row);
	}
}

void
team_settle_members(json_t *team)
{
	const json_t *members = json_object_get(team, MEMBERS);
	json_t *settled = json_array();

	for (size_t i = 0; i < json_array_size(members); i++) {
		json_t *m = json_array_get(members, i);
		bool seen = false;

		for (size_t k = 0; k < json_array_size(settled); k++)
			seen = seen || str_eq(jsonx_str(m, "user_id"),
					   jsonx_str(json_array_get(settled, k),
					       "user_id"));
		if (seen)
			continue;
		if (jsonx_str(m, "role").n == 0)
			json_object_set_new(m, "role", json_string("user"));
		entity_settle_money(ENTITY_MEMBER, m);
		json_array_append(settled, m);
	}
	json_object_set_new(team, MEMBERS, settled);
}

/* Rows are read, changed and written whole. */
static int
write_team(struct edit *e, const char *verb, struct str team_id,
    const json_t *before, json_t *team)
{
	struct change change = { .verb = verb,
		.kind = ENTITY_TEAM,
		.id = team_id,
		.before = before,
		.after = team };

	registry_stamp(team, before, e->actor);
	if (entity_put(e->txn, ENTITY_TEAM, team_id, team, &e->err) != 0)
		return -1;
	return change_note(e->txn, e->actor, &change, &e->err);
}

/* Members of a body that are a member's own. */
static void
take_member(json_t *member, const json_t *from)
{
	const char *name;
	json_t *value;

	json_object_foreach(jsonx_iterable(from), name, value) {
		const struct entity_field *f =
		    entity_field(ENTITY_MEMBER, str_of(name));

		if (f == NULL || strcmp(name, "user_id") == 0)
			continue;
		if (json_is_null(value))
			json_object_del(member, name);
		else
			json_object_set(member, name, value);
	}
	entity_settle_money(ENTITY_MEMBER, member);
}

/* A member that is not known yet becomes a user. */
static int
ensure_user(struct edit *e, const json_t *member)
{
	struct str id = jsonx_str(member, "user_id");
	json_t *user, *body;
	int rc = entity_get(e->txn, ENTITY_USER, id, &user, &e->err);

	if (rc == 0) {
		body = json_object();
		json_object_set(body, "user_id",
		    json_object_get(member, "user_id"));
		if (json_object_get(member, "user_email") != NULL)
			json_object_set(body, "user_email",
			    json_object_get(member, "user_email"));
		rc = registry_create(e, ENTITY_USER, body, &user);
		json_decref(body);
	}
	json_decref(user);
	return rc < 0 ? -1 : 0;
}

/* A member by its e-mail alone has that as its id. */
static int
settle_user_id(struct edit *e, json_t *member)
{
	if (jsonx_str(member, "user_id").n == 0 &&
	    jsonx_str(member, "user_email").n > 0)
		json_object_set(member, "user_id",
		    json_object_get(member, "user_email"));
	if (entity_check_id(ENTITY_MEMBER, jsonx_str(member, "user_id"),
		&e->err) == 0)
		return 0;
	e->param = "user_id";
	return -1;
}

static int
add_one(struct edit *e, const json_t *team, const json_t *asked,
    const json_t *body)
{
	json_t *members = json_object_get(team, MEMBERS);
	json_t *member = json_is_object(asked)
			     ? json_copy(jsonx_iterable(asked))
			     : json_object();
	int rc = -1;

	if (settle_user_id(e, member) != 0 ||
	    entity_check(ENTITY_MEMBER, member, &e->param, &e->err) != 0) {
		json_decref(member);
		return -1;
	}
	take_member(member, body);
	if (jsonx_str(member, "role").n == 0)
		json_object_set_new(member, "role", json_string("user"));
	if (team_member(team, jsonx_str(member, "user_id")) != NULL)
		err_set(&e->err, ERR_CONFLICT, "user %s is in the team already",
		    json_string_value(json_object_get(member, "user_id")));
	else if (ensure_user(e, member) == 0)
		rc = json_array_append(members, member);
	json_decref(member);
	return rc;
}

/* The team as it was, and a copy whose members may be changed. */
static int
open_team(struct edit *e, struct str team_id, json_t **before_r,
    json_t **team_r)
{
	*team_r = NULL;
	if (entity_need(e->txn, ENTITY_TEAM, team_id, before_r, &e->err) != 0)
		return -1;
	*team_r = json_deep_copy(*before_r);
	if (!json_is_array(json_object_get(*team_r, MEMBERS)))
		json_object_set_new(*team_r, MEMBERS, json_array());
	return 0;
}

static int
close_team(int rc, json_t *before, json_t **team_r)
{
	json_decref(before);
	if (rc == 0)
		return 0;
	json_decref(*team_r);
	*team_r = NULL;
	return -1;
}

int
team_add_members(struct edit *e, struct str team_id, const json_t *body,
    json_t **team_r)
{
	const json_t *asked = json_object_get(body, "member");
	json_t *before, *members;
	size_t n = json_is_array(asked) ? json_array_size(asked) : 1;
	int rc;

	if (entity_check(ENTITY_MEMBER, body, &e->param, &e->err) != 0 ||
	    open_team(e, team_id, &before, team_r) != 0)
		return -1;
	members = json_object_get(*team_r, MEMBERS);
	rc = json_array_size(members) + n <= ENTITY_MAX_NAMES
		 ? 0
		 : err_set(&e->err, ERR_BAD_FIELD,
		       "a team has at most %d members", ENTITY_MAX_NAMES);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = add_one(e, *team_r,
		    json_is_array(asked) ? json_array_get(asked, i) : asked,
		    body);
	if (rc == 0)
		rc = write_team(e, "member_add", team_id, before, *team_r);
	return close_team(rc, before, team_r);
}

static json_t *
named_member(struct edit *e, const json_t *team, const json_t *body)
{
	struct str id = jsonx_str(body, "user_id");
	json_t *m;

	if (id.n == 0)
		id = jsonx_str(body, "user_email");
	m = team_member(team, id);
	if (m == NULL)
		err_set(&e->err, ERR_NOT_HELD,
		    "user " STR_FMT " is not in the team", STR_ARG(id));
	return m;
}

/* Changes the member that the body names. */
static int
edit_member(struct edit *e, const char *verb, struct str team_id,
    const json_t *body,
    void (*change)(json_t *team, json_t *member, const json_t *body),
    json_t **team_r)
{
	json_t *before, *m;
	int rc = -1;

	if (entity_check(ENTITY_MEMBER, body, &e->param, &e->err) != 0 ||
	    open_team(e, team_id, &before, team_r) != 0)
		return -1;
	m = named_member(e, *team_r, body);
	if (m != NULL) {
		change(*team_r, m, body);
		rc = write_team(e, verb, team_id, before, *team_r);
	}
	return close_team(rc, before, team_r);
}

static void
update_member(json_t *team, json_t *member, const json_t *body)
{
	(void)team;
	take_member(member, body);
}

int
team_update_member(struct edit *e, struct str team_id, const json_t *body,
    json_t **team_r)
{
	return edit_member(e, "member_update", team_id, body, update_member,
	    team_r);
}

static void
remove_member(json_t *team, json_t *member, const json_t *body)
{
	json_t *members = json_object_get(team, MEMBERS);

	(void)body;
	for (size_t i = 0; i < json_array_size(members); i++) {
		if (json_array_get(members, i) == member) {
			json_array_remove(members, i);
			return;
		}
	}
}

int
team_remove_member(struct edit *e, struct str team_id, const json_t *body,
    json_t **team_r)
{
	return edit_member(e, "member_delete", team_id, body, remove_member,
	    team_r);
}

/* The ids of the teams a user is in: *ids_r is an array of texts. */
static int
find_teams(struct edit *e, struct str user_id, json_t **ids_r)
{
	struct entity_walk w;
	struct str id;
	json_t *team;
	int rc;

	*ids_r = json_array();
	if (entity_walk(e->txn, ENTITY_TEAM, &w, &e->err) != 0)
		return -1;
	while ((rc = entity_next(&w, &id, &team, &e->err)) == 1) {
		if (team_member(team, user_id) != NULL)
			json_array_append_new(*ids_r, json_stringn(id.p, id.n));
		json_decref(team);
	}
	entity_end_walk(&w);
	return rc;
}

int
team_forget_user(struct edit *e, struct str user_id)
{
	json_t *body = json_pack("{s:s%}", "user_id", user_id.p, user_id.n);
	json_t *ids, *team;
	int rc = find_teams(e, user_id, &ids);

	for (size_t i = 0; rc == 0 && i < json_array_size(ids); i++) {
		const json_t *id = json_array_get(ids, i);

		rc = team_remove_member(e,
		    str_make(json_string_value(id), json_string_length(id)),
		    body, &team);
		json_decref(team);
	}
	json_decref(ids);
	json_decref(body);
	return rc;
}
