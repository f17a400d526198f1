/*
 * /spend/..., /global/spend/...: from the roll-ups, which agree with the trace
 * file to the nano-dollar. See admin_call.h. Days are those of UTC.
 */
#include "admin/admin_call.h"

#include "base/clock.h"
#include "domain/ledger/money.h"
#include "domain/ledger/rollup.h"

#define DAY_NSECS (86400 * NSECS_PER_SEC)
#define MAX_DAYS  92 /* of one report */

static int
query(struct admin_call *a, enum rollup_dim dim, int64_t since, int64_t until,
    struct rollup_result *r)
{
	if (rollup_query(a->live, dim, since, until, r) == 0)
		return 0;
	if (!store_failed(a->live, &a->err))
		call_refuse(a, ERR_STORE, "the roll-ups cannot be read");
	return -1;
}

/* start_date, end_date (that day included); the last 30 days without. */
struct span {
	int64_t since, until;
	bool given;
};

static int
read_span(struct admin_call *a, struct span *s)
{
	int from = call_time(a, "start_date", &s->since);
	int to = from < 0 ? -1 : call_time(a, "end_date", &s->until);

	if (from < 0 || to < 0)
		return -1;
	s->given = from == 1 || to == 1;
	if (to == 0)
		s->until = a->now_nsecs;
	s->until = (s->until / DAY_NSECS + 1) * DAY_NSECS;
	if (from == 0)
		s->since = s->until - 30 * DAY_NSECS;
	s->since = s->since / DAY_NSECS * DAY_NSECS;
	if (s->since >= s->until || s->until - s->since > MAX_DAYS * DAY_NSECS)
		return call_refuse(a, ERR_BAD_FIELD,
		    "start_date and end_date take 1 to %d days, the earlier "
		    "one first",
		    MAX_DAYS);
	return 0;
}

static json_t *
day_name(int64_t nsecs)
{
	char text[CLOCK_RFC3339_BYTES];

	clock_rfc3339(nsecs, text);
	return json_stringn(text, 10);
}

/* {value: spend} */
static json_t *
by_value(const struct rollup_result *r)
{
	json_t *o = json_object();

	for (size_t i = 0; i < r->count; i++) {
		if (r->rows[i].value[0] != '\0')
			json_object_set_new(o, r->rows[i].value,
			    view_usd(r->rows[i].sums.cost_nanos));
	}
	return o;
}

/* A list of {name: value, spend_name: spend}, dearest first. */
static int
list_by(struct admin_call *a, enum rollup_dim dim, const struct span *s,
    const char *name, const char *spend_name, json_t **list_r)
{
	struct rollup_result r;

	if (query(a, dim, s->since, s->until, &r) != 0)
		return -1;
	*list_r = json_array();
	for (size_t i = 0; i < r.count; i++) {
		const struct rollup_row *sums = &r.rows[i].sums;

		if (r.rows[i].value[0] == '\0')
			continue;
		json_array_append_new(*list_r,
		    json_pack("{s:s, s:o, s:I, s:I}", name, r.rows[i].value,
			spend_name, view_usd(sums->cost_nanos), "log_count",
			(json_int_t)sums->requests, "total_tokens",
			(json_int_t)(sums->prompt_tokens +
				     sums->completion_tokens)));
	}
	rollup_result_free(&r);
	return 0;
}

static const struct span always = { 0, 0, false };

/* ---- keys, users, tags -------------------------------------------------- */

/* What the key's row says, beside its spend. */
static void
add_key_names(struct admin_call *a, json_t *item, const char *hash)
{
	static const char *const names[] = { "key_alias", "key_name", "user_id",
		"team_id", "max_budget", "budget_duration", "models" };
	unsigned char id[SHA256_BYTES];
	json_t *row = NULL;

	if (vkey_find(a->txn, str_of(hash), id, NULL) == 0 &&
	    entity_get(a->txn, ENTITY_KEY, str_make((char *)id, sizeof(id)),
		&row, NULL) < 0)
		row = NULL;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		json_t *v = json_object_get(row, names[i]);

		json_object_set(item, names[i], v != NULL ? v : json_null());
	}
	json_decref(row);
}

int
spend_keys(struct admin_call *a, json_t **answer_r)
{
	if (list_by(a, ROLLUP_KEY, &always, "token", "spend", answer_r) != 0)
		return -1;
	for (size_t i = 0; i < json_array_size(*answer_r); i++) {
		json_t *item = json_array_get(*answer_r, i);

		json_object_set(item, "api_key",
		    json_object_get(item, "token"));
		json_object_set(item, "total_spend",
		    json_object_get(item, "spend"));
		add_key_names(a, item,
		    json_string_value(json_object_get(item, "token")));
	}
	return 0;
}

int
spend_users(struct admin_call *a, json_t **answer_r)
{
	char user[ENTITY_ID_BYTES + 1];
	json_t *all, *one;
	int rc = call_query(a, "user_id", user, sizeof(user));

	if (rc < 0 ||
	    list_by(a, ROLLUP_USER, &always, "user_id", "spend", &all) != 0)
		return -1;
	*answer_r = all;
	if (rc == 0)
		return 0;
	one = json_array();
	for (size_t i = 0; i < json_array_size(all); i++) {
		json_t *item = json_array_get(all, i);

		if (str_is(jsonx_str(item, "user_id"), user))
			json_array_append(one, item);
	}
	json_decref(all);
	*answer_r = one;
	return 0;
}

int
spend_tags(struct admin_call *a, json_t **answer_r)
{
	struct span s;

	if (read_span(a, &s) != 0)
		return -1;
	return list_by(a, ROLLUP_TAG, s.given ? &s : &always,
	    "individual_request_tag", "total_spend", answer_r);
}

int
spend_models(struct admin_call *a, json_t **answer_r)
{
	return list_by(a, ROLLUP_MODEL, &always, "model", "total_spend",
	    answer_r);
}

int
spend_providers(struct admin_call *a, json_t **answer_r)
{
	return list_by(a, ROLLUP_PROVIDER, &always, "provider", "spend",
	    answer_r);
}

/* The alias of a team; its id without one. A new reference. */
static json_t *
team_name(struct admin_call *a, const char *id)
{
	json_t *team, *name = NULL;

	if (entity_get(a->txn, ENTITY_TEAM, str_of(id), &team, NULL) == 1) {
		if (jsonx_str(team, "team_alias").n > 0)
			name = json_incref(json_object_get(team, "team_alias"));
		json_decref(team);
	}
	return name != NULL ? name : json_string(id);
}

int
spend_teams(struct admin_call *a, json_t **answer_r)
{
	json_t *totals, *names = json_array();

	if (list_by(a, ROLLUP_TEAM, &always, "team_id", "total_spend",
		&totals) != 0) {
		json_decref(names);
		return -1;
	}
	for (size_t i = 0; i < json_array_size(totals); i++) {
		json_t *item = json_array_get(totals, i);
		json_t *name = team_name(a,
		    json_string_value(json_object_get(item, "team_id")));

		json_object_set(item, "team_alias", name);
		json_array_append_new(names, name);
	}
	*answer_r = json_pack("{s:o, s:o}", "total_spend_per_team", totals,
	    "teams", names);
	return 0;
}

/* ---- by day ------------------------------------------------------------- */

int
spend_days(struct admin_call *a, json_t **answer_r)
{
	struct rollup_result r;
	struct span s;

	if (read_span(a, &s) != 0 ||
	    query(a, ROLLUP_ALL, s.since, s.until, &r) != 0)
		return -1;
	*answer_r = json_array();
	for (size_t i = 0; i < r.count; i++)
		json_array_append_new(*answer_r,
		    json_pack("{s:s, s:o, s:I}", "date", r.rows[i].value,
			"spend", view_usd(r.rows[i].sums.cost_nanos),
			"api_requests", (json_int_t)r.rows[i].sums.requests));
	rollup_result_free(&r);
	return 0;
}

/* One value's spend of a result. */
static int64_t
value_nanos(const struct rollup_result *r, const char *value)
{
	for (size_t i = 0; i < r->count; i++) {
		if (strcmp(r->rows[i].value, value) == 0)
			return r->rows[i].sums.cost_nanos;
	}
	return 0;
}

/* One day of everybody's: {startTime, spend, users, models}. */
static json_t *
log_of_all(struct admin_call *a, int64_t day)
{
	struct rollup_result users, models;
	json_t *item;

	if (query(a, ROLLUP_MODEL, day, day + DAY_NSECS, &models) != 0)
		return NULL;
	if (query(a, ROLLUP_USER, day, day + DAY_NSECS, &users) != 0) {
		rollup_result_free(&models);
		return NULL;
	}
	item = json_pack("{s:o, s:o, s:o, s:o, s:I}", "startTime",
	    day_name(day), "spend", view_usd(models.total.cost_nanos), "users",
	    by_value(&users), "models", by_value(&models), "requests",
	    (json_int_t)models.total.requests);
	rollup_result_free(&models);
	rollup_result_free(&users);
	return item;
}

/* One day of one key or user. */
static json_t *
log_of_one(struct admin_call *a, int64_t day, enum rollup_dim dim,
    const char *value)
{
	struct rollup_result r;
	json_t *item;

	if (query(a, dim, day, day + DAY_NSECS, &r) != 0)
		return NULL;
	item = json_pack("{s:o, s:o, s:o}", "startTime", day_name(day), "spend",
	    view_usd(value_nanos(&r, value)), value,
	    view_usd(value_nanos(&r, value)));
	rollup_result_free(&r);
	return item;
}

/* Whose: a key by itself, its hash or alias; only its own for who may not see
   all. 1 with the hash, 0 nobody's. */
static int
read_key(struct admin_call *a, char hex[ACCOUNT_KEY_BYTES])
{
	char key[VKEY_MAX_BYTES + 1];
	unsigned char hash[SHA256_BYTES];
	int rc = call_query(a, "api_key", key, sizeof(key));

	if (rc < 0)
		return -1;
	if (rc == 0 && call_may_see_all(a))
		return 0;
	if (rc == 0) {
		snprintf(hex, ACCOUNT_KEY_BYTES, "%s", a->account->key);
		return 1;
	}
	if (vkey_find(a->txn, str_of(key), hash, &a->err) != 0)
		return call_hide(a, "look at this key's spend");
	hash_hex(hash, SHA256_BYTES, hex);
	if (!call_may_see_all(a) && strcmp(hex, a->account->key) != 0)
		return call_forbid(a, "look at this key's spend");
	return 1;
}

int
spend_logs(struct admin_call *a, json_t **answer_r)
{
	char hex[ACCOUNT_KEY_BYTES], user[ENTITY_ID_BYTES + 1];
	struct span s;
	int has_key, has_user;

	if (read_span(a, &s) != 0 || (has_key = read_key(a, hex)) < 0 ||
	    (has_user = call_query(a, "user_id", user, sizeof(user))) < 0)
		return -1;
	/* A team's key does not reach what its user spends elsewhere. */
	if (has_user == 1 && !call_may_see_all(a) &&
	    (a->account->team.n > 0 || !str_is(a->account->user, user)))
		return call_forbid(a, "look at this user's spend");
	*answer_r = json_array();
	for (int64_t day = s.since; day < s.until; day += DAY_NSECS) {
		json_t *item =
		    has_user == 1  ? log_of_one(a, day, ROLLUP_USER, user)
		    : has_key == 1 ? log_of_one(a, day, ROLLUP_KEY, hex)
				   : log_of_all(a, day);

		if (item == NULL) {
			json_decref(*answer_r);
			*answer_r = NULL;
			return -1;
		}
		json_array_append_new(*answer_r, item);
	}
	return 0;
}

/* ---- the report --------------------------------------------------------- */

static int
report_teams(struct admin_call *a, const struct span *s, enum rollup_dim dim,
    json_t *list)
{
	bool is_team = dim == ROLLUP_TEAM;

	for (int64_t day = s->since; day < s->until; day += DAY_NSECS) {
		struct rollup_result r;
		json_t *items = json_array();

		if (query(a, dim, day, day + DAY_NSECS, &r) != 0) {
			json_decref(items);
			return -1;
		}
		for (size_t i = 0; i < r.count; i++) {
			if (r.rows[i].value[0] == '\0')
				continue;
			json_array_append_new(items,
			    json_pack("{s:o, s:o, s:I, s:[]}",
				is_team ? "team_name" : "customer",
				is_team ? team_name(a, r.rows[i].value)
					: json_string(r.rows[i].value),
				"total_spend",
				view_usd(r.rows[i].sums.cost_nanos),
				"total_tokens",
				(json_int_t)(r.rows[i].sums.prompt_tokens +
					     r.rows[i].sums.completion_tokens),
				"metadata"));
		}
		if (json_array_size(items) > 0)
			json_array_append(list,
			    json_pack("{s:o, s:O}", "group_by_day",
				day_name(day), is_team ? "teams" : "customers",
				items));
		json_decref(items);
		rollup_result_free(&r);
	}
	return 0;
}

static int
report_keys(struct admin_call *a, const struct span *s, json_t *list)
{
	struct rollup_result r;

	if (query(a, ROLLUP_KEY, s->since, s->until, &r) != 0)
		return -1;
	for (size_t i = 0; i < r.count; i++) {
		const struct rollup_row *sums = &r.rows[i].sums;

		json_array_append_new(list,
		    json_pack("{s:s, s:o, s:I, s:I, s:[]}", "api_key",
			r.rows[i].value, "total_cost",
			view_usd(sums->cost_nanos), "total_input_tokens",
			(json_int_t)sums->prompt_tokens, "total_output_tokens",
			(json_int_t)sums->completion_tokens, "model_details"));
	}
	rollup_result_free(&r);
	return 0;
}

int
spend_report(struct admin_call *a, json_t **answer_r)
{
	char by[24] = "team";
	struct span s;
	int rc;

	if (read_span(a, &s) != 0 ||
	    call_query(a, "group_by", by, sizeof(by)) < 0)
		return -1;
	*answer_r = json_array();
	if (strcmp(by, "team") == 0)
		rc = report_teams(a, &s, ROLLUP_TEAM, *answer_r);
	else if (strcmp(by, "customer") == 0)
		rc = report_teams(a, &s, ROLLUP_USER, *answer_r);
	else if (strcmp(by, "api_key") == 0)
		rc = report_keys(a, &s, *answer_r);
	else {
		a->param = "group_by";
		rc = call_refuse(a, ERR_BAD_FIELD,
		    "group_by takes team, customer or api_key");
	}
	if (rc == 0)
		return 0;
	json_decref(*answer_r);
	*answer_r = NULL;
	return -1;
}

/* ---- caps --------------------------------------------------------------- */

/* The configured cap of a scope for ever or in its window: first one. */
static const struct budget *
find_budget(const struct admin_call *a, enum scope_kind kind, const char *id)
{
	const struct budgets *b = a->env->budgets;

	for (size_t i = 0; i < b->hand_count + b->count; i++) {
		const struct budget *item = i < b->hand_count
						? &b->hand_items[i]
						: &b->items[i - b->hand_count];

		if (item->kind == kind &&
		    (item->match[0] == '\0' || strcmp(item->match, id) == 0))
			return item;
	}
	return NULL;
}

int
spend_global(struct admin_call *a, json_t **answer_r)
{
	const struct budget *b = find_budget(a, SCOPE_GLOBAL, "");
	struct rollup_result r;

	if (query(a, ROLLUP_ALL, 0, 0, &r) != 0)
		return -1;
	*answer_r = json_pack("{s:o, s:o}", "spend",
	    view_usd(r.total.cost_nanos), "max_budget",
	    b != NULL ? view_usd(b->cap.cap_nanos) : json_null());
	rollup_result_free(&r);
	return 0;
}

static int
add_provider(struct admin_call *a, const char *name, json_t *providers)
{
	const struct budget *b = find_budget(a, SCOPE_PROVIDER, name);
	struct spend_row row;
	struct cap cap;
	json_t *item;

	if (b == NULL || json_object_get(providers, name) != NULL)
		return 0;
	cap = b->cap;
	cap.id = name;
	if (ledger_cap_spend(a->live, &cap, a->now_nsecs, &row, &a->err) != 0)
		return -1;
	item = json_pack("{s:o, s:s, s:o, s:n}", "budget_limit",
	    view_usd(b->cap.cap_nanos), "time_period", b->duration, "spend",
	    view_usd(ledger_counted_nanos(&row)), "budget_reset_at");
	if (row.window_end > 0)
		entity_set_time(item, "budget_reset_at",
		    (int64_t)row.window_end * NSECS_PER_SEC);
	json_object_set_new(providers, name, item);
	return 0;
}

int
provider_budgets(struct admin_call *a, json_t **answer_r)
{
	const struct catalog *c = a->env->catalog;
	json_t *providers = json_object();

	*answer_r = json_pack("{s:o}", "providers", providers);
	if (budgets_refresh(a->env->budgets, a->env->store, &a->err) != 0)
		return -1;
	for (size_t i = 0; i < c->deployment_count; i++) {
		if (add_provider(a, c->deployments[i].provider, providers) != 0)
			return -1;
	}
	return 0;
}
