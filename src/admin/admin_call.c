/* What the handlers share. See admin_call.h. */
#include "admin/admin_call.h"

#include "admin/query.h"
#include "base/clock.h"
#include "base/num.h"
#include "domain/accounts/team.h"

#include <stdarg.h>

#define PAGE_MAX 100

int
call_refuse(struct admin_call *a, enum err_code code, const char *fmt, ...)
{
	char text[ERR_TEXT_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(&a->err, code, "%s", text);
}

int
call_query(struct admin_call *a, const char *name, char *buf, size_t size)
{
	int rc = query_get(http_query(a->http), name, buf, size);

	if (rc >= 0)
		return rc;
	a->param = name;
	return call_refuse(a, ERR_BAD_REQUEST,
	    "%s in the address is too long or not well formed", name);
}

int
call_need_text(struct admin_call *a, const char *name, struct str *text_r)
{
	*text_r = jsonx_str(a->body, name);
	if (text_r->n > 0)
		return 0;
	a->param = name;
	return call_refuse(a, ERR_BAD_REQUEST, "%s is missing", name);
}

int
call_need_list(struct admin_call *a, const char *name, json_t **list_r)
{
	json_t *list = json_object_get(a->body, name);

	*list_r = list;
	a->param = name;
	if (list == NULL || json_is_null(list))
		return call_refuse(a, ERR_BAD_REQUEST, "%s is missing", name);
	if (json_is_string(list) && json_string_length(list) > 0) {
		a->param = NULL;
		return 0;
	}
	if (!json_is_array(list) || json_array_size(list) == 0 ||
	    json_array_size(list) > ENTITY_MAX_NAMES)
		return call_refuse(a, ERR_BAD_FIELD,
		    "%s takes a list of 1 to %d texts", name, ENTITY_MAX_NAMES);
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (json_string_length(json_array_get(list, i)) == 0)
			return call_refuse(a, ERR_BAD_FIELD,
			    "%s takes a list of texts", name);
	}
	a->param = NULL;
	return 0;
}

struct str
call_item(const json_t *list, size_t i)
{
	const json_t *v = json_is_array(list) ? json_array_get(list, i)
			  : i == 0            ? list
					      : NULL;

	return str_make(json_string_value(v), json_string_length(v));
}

static int
query_number(struct admin_call *a, const char *name, int64_t most, size_t *v_r)
{
	char text[24];
	int64_t v;
	int rc = call_query(a, name, text, sizeof(text));

	if (rc <= 0)
		return rc;
	if (num_int64(str_of(text), &v) != 0 || v < 1 || v > most) {
		a->param = name;
		return call_refuse(a, ERR_BAD_FIELD,
		    "%s takes a number from 1 to %lld", name, (long long)most);
	}
	*v_r = (size_t)v;
	return 0;
}

int
call_page(struct admin_call *a, size_t *page_r, size_t *size_r)
{
	*page_r = 1;
	*size_r = PAGE_MAX;
	if (query_number(a, "page", 1000000000, page_r) != 0 ||
	    query_number(a, "size", PAGE_MAX, size_r) != 0)
		return -1;
	return query_number(a, "page_size", PAGE_MAX, size_r);
}

int
call_time(struct admin_call *a, const char *name, int64_t *nsecs_r)
{
	char text[64];
	int rc = call_query(a, name, text, sizeof(text));

	if (rc <= 0)
		return rc;
	if (clock_parse(str_of(text), a->now_nsecs, nsecs_r) == 0)
		return 1;
	a->param = name;
	return call_refuse(a, ERR_BAD_FIELD,
	    "%s takes a day (2026-11-22) or an RFC 3339 time", name);
}

/* ---- who may ------------------------------------------------------------ */

bool
call_may_see_all(const struct admin_call *a)
{
	return a->account->is_admin || a->account->is_viewer;
}

int
call_forbid(struct admin_call *a, const char *what)
{
	return call_refuse(a, ERR_FORBIDDEN,
	    "Only proxy admin can be used to %s", what);
}

int
call_hide(struct admin_call *a, const char *what)
{
	if (a->err.code != ERR_NOT_HELD || call_may_see_all(a))
		return -1;
	return call_forbid(a, what);
}

/* A team's key acts for its team: what its user has elsewhere (other teams,
   keys of his own) is out of its reach. row: a key or a team. */
static bool
is_in_reach(const struct admin_call *a, const json_t *row)
{
	return a->account->team.n == 0 ||
	       str_eq(jsonx_str(row, "team_id"), a->account->team);
}

static bool
is_own_user(const struct admin_call *a, const json_t *row)
{
	return a->account->user.n > 0 && is_in_reach(a, row) &&
	       str_eq(jsonx_str(row, "user_id"), a->account->user);
}

bool
call_may_see_team(const struct admin_call *a, const json_t *team)
{
	if (call_may_see_all(a))
		return true;
	return is_in_reach(a, team) &&
	       (a->account->team.n > 0 ||
		   team_member(team, a->account->user) != NULL);
}

bool
call_may_manage_team(const struct admin_call *a, const json_t *team)
{
	return a->account->is_admin ||
	       (is_in_reach(a, team) && team_is_admin(team, a->account->user));
}

static bool
manages_team_of(struct admin_call *a, const json_t *key)
{
	json_t *team;
	bool yes;

	if (entity_get(a->txn, ENTITY_TEAM, jsonx_str(key, "team_id"), &team,
		NULL) != 1)
		return false;
	yes = call_may_manage_team(a, team);
	json_decref(team);
	return yes;
}

bool
call_may_see_key(struct admin_call *a, const json_t *key)
{
	return call_may_see_all(a) ||
	       str_is(jsonx_str(key, "token"), a->account->key) ||
	       is_own_user(a, key) || manages_team_of(a, key);
}

bool
call_may_name_user(struct admin_call *a, const json_t *key)
{
	struct str user = jsonx_str(key, "user_id");
	json_t *team;
	bool yes;

	if (a->account->is_admin || user.n == 0 || is_own_user(a, key))
		return true;
	if (entity_get(a->txn, ENTITY_TEAM, jsonx_str(key, "team_id"), &team,
		NULL) != 1)
		return false;
	yes = team_member(team, user) != NULL;
	json_decref(team);
	return yes;
}

/* A member's key of somebody's team is the team's, whoever uses it. */
bool
call_may_manage_key(struct admin_call *a, const json_t *key)
{
	if (a->account->is_admin || manages_team_of(a, key))
		return true;
	return a->account->is_internal && jsonx_str(key, "team_id").n == 0 &&
	       is_own_user(a, key);
}
