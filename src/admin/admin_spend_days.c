/*
 * Spend by day: /spend/logs in sums, /global/spend/{logs,teams,report}. From
 * the roll-ups; who spent it with which key and model comes from their splits,
 * what these have no room for is shown as "(other)". See admin_call.h.
 */
#include "admin/spend_report.h"
#include "admin/tally.h"
#include "domain/accounts/alias.h"
#include "domain/ledger/money.h"

/* Items of one day's list per slice. */
#define ITEMS_PER_SLICE 8

static int
fail_store(struct admin_call *a)
{
	if (!store_failed(a->live, &a->err))
		call_refuse(a, ERR_STORE, "the roll-ups cannot be read");
	return -1;
}

static int64_t
all_tokens(const struct rollup_row *r)
{
	return r->prompt_tokens + r->completion_tokens;
}

/* ---- /spend/logs, in sums ----------------------------------------------- */

struct logs {
	struct spend_report r;
	/* Of one key or user; "" all. */
	char key[ACCOUNT_KEY_BYTES], user[ENTITY_ID_BYTES + 1];
	struct tally models, users; /* of the day */
};

static void
count_log(void *arg, const struct str parts[ROLLUP_MAX_PARTS],
    const struct rollup_row *sums)
{
	struct logs *l = arg;

	if ((l->key[0] != '\0' && !str_is(parts[ROLLUP_PART_KEY], l->key)) ||
	    (l->user[0] != '\0' && !str_is(parts[ROLLUP_PART_USER], l->user)))
		return;
	tally_add(&l->models, parts[ROLLUP_PART_MODEL], sums);
	if (parts[ROLLUP_PART_USER].n > 0)
		tally_add(&l->users, parts[ROLLUP_PART_USER], sums);
}

/* {name: spend} */
static json_t *
spend_by_name(const struct tally *t)
{
	json_t *o = json_object();
	struct tally_item *item;
	struct str name;

	for (size_t c = 0; tally_next(t, &c, &name, &item) == 1;)
		json_object_setn_new(o, name.p, name.n,
		    view_usd(item->sums.cost_nanos));
	return o;
}

static json_t *
spend_by_value(const struct rollup_result *r)
{
	json_t *o = json_object();

	for (size_t i = 0; i < r->count; i++) {
		if (r->rows[i].value[0] != '\0')
			json_object_set_new(o, r->rows[i].value,
			    view_usd(r->rows[i].sums.cost_nanos));
	}
	return o;
}

/* One day of everybody's: models and users are sums of their own. */
static int
make_log_of_all(struct spend_report *r, struct admin_call *a)
{
	const struct rollup_row *all = &r->sums[0].total;

	(void)a;
	spend_report_add(r,
	    json_pack("{s:o, s:o, s:o, s:o, s:I}", "startTime",
		spend_day(r->day_nsecs), "spend", view_usd(all->cost_nanos),
		"users", spend_by_value(&r->sums[1]), "models",
		spend_by_value(&r->sums[0]), "requests",
		(json_int_t)all->requests));
	return 0;
}

static int
make_log_of_one(struct spend_report *r, struct admin_call *a)
{
	struct logs *l = (struct logs *)r;
	const char *value = l->key[0] != '\0' ? l->key : l->user;
	const struct rollup_row *sums = spend_find(&r->sums[0], value);
	json_t *item;

	if (rollup_each_use(a->live, ROLLUP_USE, r->day_nsecs, count_log, l) !=
	    0)
		return fail_store(a);
	item = json_pack("{s:o, s:o, s:o, s:o, s:I}", "startTime",
	    spend_day(r->day_nsecs), "spend", view_usd(sums->cost_nanos),
	    "users", spend_by_name(&l->users), "models",
	    spend_by_name(&l->models), "requests", (json_int_t)sums->requests);
	json_object_set_new(item, value, view_usd(sums->cost_nanos));
	spend_report_add(r, item);
	tally_fini(&l->users);
	tally_fini(&l->models);
	return 0;
}

static void
logs_fini(struct spend_report *r)
{
	struct logs *l = (struct logs *)r;

	tally_fini(&l->users);
	tally_fini(&l->models);
}

int
spend_log_days(struct admin_call *a, const char *key, const char *user,
    struct admin_job **job_r)
{
	struct logs *l;
	struct spend_span span;
	bool of_one = key[0] != '\0' || user[0] != '\0';

	if (spend_span_read(a, &span) != 0)
		return -1;
	l = xcalloc(1, sizeof(*l));
	snprintf(l->key, sizeof(l->key), "%s", key);
	snprintf(l->user, sizeof(l->user), "%s", user);
	l->r.span = span;
	l->r.by_day = true;
	l->r.dim_count = of_one ? 1 : 2;
	l->r.dims[0] = key[0] != '\0'    ? ROLLUP_KEY
		       : user[0] != '\0' ? ROLLUP_USER
					 : ROLLUP_MODEL;
	l->r.dims[1] = ROLLUP_USER;
	l->r.make = of_one ? make_log_of_one : make_log_of_all;
	l->r.fini = logs_fini;
	*job_r = spend_report_job(&l->r);
	return 0;
}

/* ---- /global/spend/logs, /global/spend/teams ---------------------------- */

struct days {
	struct spend_report r;
	char key[ACCOUNT_KEY_BYTES]; /* "" all */
	struct tally teams;
};

static void
days_fini(struct spend_report *r)
{
	tally_fini(&((struct days *)r)->teams);
}

static struct days *
days_new(const struct spend_span *span, enum rollup_dim dim)
{
	struct days *d = xcalloc(1, sizeof(*d));

	d->r.span = *span;
	d->r.by_day = true;
	d->r.dim_count = 1;
	d->r.dims[0] = dim;
	d->r.fini = days_fini;
	return d;
}

static int
make_day(struct spend_report *r, struct admin_call *a)
{
	struct days *d = (struct days *)r;
	const struct rollup_row *sums = d->key[0] != '\0'
					    ? spend_find(&r->sums[0], d->key)
					    : &r->sums[0].total;

	(void)a;
	if (sums->attempts > 0)
		spend_report_add(r,
		    json_pack("{s:o, s:o, s:I}", "date",
			spend_day(r->day_nsecs), "spend",
			view_usd(sums->cost_nanos), "api_requests",
			(json_int_t)sums->requests));
	return 0;
}

int
spend_days(struct admin_call *a, struct admin_job **job_r)
{
	char key[ACCOUNT_KEY_BYTES];
	struct spend_span span;
	struct days *d;

	if (spend_span_read(a, &span) != 0 ||
	    call_key(a, str_make("", 0), key) < 0)
		return -1;
	d = days_new(&span, key[0] != '\0' ? ROLLUP_KEY : ROLLUP_ALL);
	memcpy(d->key, key, sizeof(key));
	d->r.make = make_day;
	*job_r = spend_report_job(&d->r);
	return 0;
}

/* The alias of a team; its id without one. */
static json_t *
team_name(struct admin_call *a, struct str id)
{
	json_t *row = alias_row(a->txn, ENTITY_TEAM, id);
	struct str alias = alias_in(ENTITY_TEAM, row);
	json_t *name = alias.n > 0 ? json_stringn(alias.p, alias.n)
				   : json_stringn(id.p, id.n);

	json_decref(row);
	return name;
}

static int
make_team_day(struct spend_report *r, struct admin_call *a)
{
	struct days *d = (struct days *)r;
	json_t *item;

	if (r->sums[0].count == 0)
		return 0;
	item = json_pack("{s:o}", "date", spend_day(r->day_nsecs));
	for (size_t i = 0; i < r->sums[0].count; i++) {
		const struct rollup_sum *sum = &r->sums[0].rows[i];
		json_t *name = team_name(a, str_of(sum->value));

		tally_add(&d->teams, str_of(sum->value), &sum->sums);
		json_object_set_new(item, json_string_value(name),
		    view_usd(sum->sums.cost_nanos));
		json_decref(name);
	}
	spend_report_add(r, item);
	return 0;
}

static int
list_teams(struct spend_report *r, struct admin_call *a)
{
	struct days *d = (struct days *)r;
	json_t *totals = json_array(), *names = json_array();
	size_t count;
	struct tally_pair *pairs = tally_dearest(&d->teams, &count);
	char *totals_text, *names_text;

	for (size_t i = 0; i < count; i++) {
		const struct rollup_row *sums = &pairs[i].item->sums;
		json_t *name = team_name(a, pairs[i].name);

		json_array_append_new(totals,
		    json_pack("{s:s%, s:O, s:o, s:I, s:I}", "team_id",
			pairs[i].name.p, pairs[i].name.n, "team_alias", name,
			"total_spend", view_usd(sums->cost_nanos), "log_count",
			(json_int_t)sums->requests, "total_tokens",
			(json_int_t)all_tokens(sums)));
		json_array_append_new(names, name);
	}
	free(pairs);
	totals_text = entity_dump(totals);
	names_text = entity_dump(names);
	r->closing = xasprintf("],\"teams\":%s,\"total_spend_per_team\":%s}",
	    names_text, totals_text);
	free(totals_text);
	free(names_text);
	json_decref(totals);
	json_decref(names);
	return 0;
}

int
spend_teams(struct admin_call *a, struct admin_job **job_r)
{
	struct spend_span span;
	struct days *d;

	if (spend_span_read(a, &span) != 0)
		return -1;
	d = days_new(&span, ROLLUP_TEAM);
	d->r.make = make_team_day;
	d->r.finish = list_teams;
	d->r.opening = "{\"daily_spend\":[";
	*job_r = spend_report_job(&d->r);
	return 0;
}

/* ---- /global/spend/report ----------------------------------------------- */

struct by_group {
	struct spend_report r;
	enum rollup_dim splits; /* USE or CUSTOMER */
	int who;        /* part of these: whose day it is; -1 nobody's */
	int key, model; /* parts */
	/* What is asked for; "" all. */
	char only[ENTITY_ID_BYTES + 1], user[ENTITY_ID_BYTES + 1];
	char only_key[ACCOUNT_KEY_BYTES];
	/* Who → key → model, of the day; of all days when nobody's. */
	struct tally found;
	json_t *items; /* of the day under way */
	/* Of keys: their own sums, then in the order they are listed. */
	struct tally totals;
	struct tally_pair *pairs;
	size_t pair_count, next_pair;
};

static void
count_use(void *arg, const struct str parts[ROLLUP_MAX_PARTS],
    const struct rollup_row *sums)
{
	struct by_group *g = arg;
	struct str who = g->who < 0 ? str_make("", 0) : parts[g->who];
	struct tally_item *item;

	if ((g->who >= 0 && who.n == 0) ||
	    (g->only[0] != '\0' && !str_is(who, g->only)) ||
	    (g->only_key[0] != '\0' && !str_is(parts[g->key], g->only_key)) ||
	    (g->user[0] != '\0' && g->splits == ROLLUP_USE &&
		!str_is(parts[ROLLUP_PART_USER], g->user)))
		return;
	item = tally_at(&g->found, who);
	item = tally_add(&item->inner, parts[g->key], sums);
	tally_add(&item->inner, parts[g->model], sums);
}

static void
add_metadata(json_t *list, struct str model, struct str key,
    const struct rollup_row *sums)
{
	json_array_append_new(list,
	    json_pack("{s:s%, s:s%, s:o, s:I}", "model", model.p, model.n,
		"api_key", key.p, key.n, "spend", view_usd(sums->cost_nanos),
		"total_tokens", (json_int_t)all_tokens(sums)));
}

/* [{model, api_key, spend, total_tokens}], whose sums are `all`. */
static json_t *
metadata_of(const struct tally *keys, const struct rollup_row *all)
{
	struct rollup_row listed = { 0 }, rest;
	struct tally_item *key, *model;
	json_t *list = json_array();
	struct str k, m;

	for (size_t c = 0; tally_next(keys, &c, &k, &key) == 1;) {
		for (size_t d = 0;
		     tally_next(&key->inner, &d, &m, &model) == 1;)
			add_metadata(list, m, k, &model->sums);
		rollup_row_add(&listed, &key->sums);
	}
	rest = rollup_row_minus(all, &listed);
	if (rest.cost_nanos > 0 || all_tokens(&rest) > 0)
		add_metadata(list, str_of(ROLLUP_OTHER), str_of(ROLLUP_OTHER),
		    &rest);
	return list;
}

static void
add_group_item(struct by_group *g, struct admin_call *a,
    const struct rollup_sum *sum)
{
	bool is_team = g->r.dims[0] == ROLLUP_TEAM;
	struct str id = str_of(sum->value);
	json_t *item;

	if (id.n == 0 || (g->only[0] != '\0' && !str_is(id, g->only)))
		return;
	item = json_pack("{s:o, s:o, s:I, s:o}",
	    is_team ? "team_name" : "customer",
	    is_team ? team_name(a, id) : json_string(sum->value), "total_spend",
	    view_usd(sum->sums.cost_nanos), "total_tokens",
	    (json_int_t)all_tokens(&sum->sums), "metadata",
	    metadata_of(&tally_at(&g->found, id)->inner, &sum->sums));
	if (is_team)
		json_object_set_new(item, "team_id", json_string(sum->value));
	json_array_append_new(g->items, item);
}

/* One day of teams or customers, some of them in each slice. */
static int
make_group_day(struct spend_report *r, struct admin_call *a)
{
	struct by_group *g = (struct by_group *)r;

	if (g->items == NULL) {
		g->items = json_array();
		if (rollup_each_use(a->live, g->splits, r->day_nsecs, count_use,
			g) != 0)
			return fail_store(a);
		return 1;
	}
	for (int i = 0; i < ITEMS_PER_SLICE && r->at < r->sums[0].count; i++)
		add_group_item(g, a, &r->sums[0].rows[r->at++]);
	if (r->at < r->sums[0].count)
		return 1;
	if (json_array_size(g->items) > 0)
		spend_report_add(r,
		    json_pack("{s:o, s:O}", "group_by_day",
			spend_day(r->day_nsecs),
			r->dims[0] == ROLLUP_TEAM ? "teams" : "customers",
			g->items));
	json_decref(g->items);
	g->items = NULL;
	tally_fini(&g->found);
	return 0;
}

static json_t *
key_amounts(const char *name, struct str value, const struct rollup_row *sums)
{
	return json_pack("{s:s%, s:o, s:I, s:I}", name, value.p, value.n,
	    "total_cost", view_usd(sums->cost_nanos), "total_input_tokens",
	    (json_int_t)sums->prompt_tokens, "total_output_tokens",
	    (json_int_t)sums->completion_tokens);
}

/* The days of keys add up: their sums, and what their models were. */
static int
make_key_day(struct spend_report *r, struct admin_call *a)
{
	struct by_group *g = (struct by_group *)r;

	if (rollup_each_use(a->live, ROLLUP_USE, r->day_nsecs, count_use, g) !=
	    0)
		return fail_store(a);
	for (size_t i = 0; r->dim_count > 0 && i < r->sums[0].count; i++) {
		const struct rollup_sum *sum = &r->sums[0].rows[i];

		if (g->only_key[0] == '\0' ||
		    strcmp(sum->value, g->only_key) == 0)
			tally_add(&g->totals, str_of(sum->value), &sum->sums);
	}
	return 0;
}

static json_t *
model_details(const struct tally *models, const struct rollup_row *all)
{
	struct rollup_row listed = { 0 }, rest;
	struct tally_item *model;
	json_t *list = json_array();
	struct str name;

	for (size_t c = 0; tally_next(models, &c, &name, &model) == 1;) {
		json_array_append_new(list,
		    key_amounts("model", name, &model->sums));
		rollup_row_add(&listed, &model->sums);
	}
	rest = rollup_row_minus(all, &listed);
	if (rest.cost_nanos > 0 || all_tokens(&rest) > 0)
		json_array_append_new(list,
		    key_amounts("model", str_of(ROLLUP_OTHER), &rest));
	return list;
}

/* Some keys in each slice, dearest first. */
static int
list_keys(struct spend_report *r, struct admin_call *a)
{
	struct by_group *g = (struct by_group *)r;
	struct tally *details = &tally_at(&g->found, str_make("", 0))->inner;

	(void)a;
	if (g->pairs == NULL)
		g->pairs =
		    tally_dearest(r->dim_count > 0 ? &g->totals : details,
			&g->pair_count);
	for (int i = 0; i < ITEMS_PER_SLICE; i++, g->next_pair++) {
		const struct tally_pair *p = &g->pairs[g->next_pair];
		json_t *item;

		if (g->next_pair >= g->pair_count)
			return 0;
		item = key_amounts("api_key", p->name, &p->item->sums);
		json_object_set_new(item, "model_details",
		    model_details(&tally_at(details, p->name)->inner,
			&p->item->sums));
		spend_report_add(r, item);
	}
	return 1;
}

static void
group_fini(struct spend_report *r)
{
	struct by_group *g = (struct by_group *)r;

	tally_fini(&g->found);
	tally_fini(&g->totals);
	json_decref(g->items);
	free(g->pairs);
}

/* What is asked for; the fields of the query decide where group_by is silent,
   as in LiteLLM. */
static int
read_group(struct admin_call *a, struct by_group *g)
{
	char by[24] = "", team[sizeof(g->only)], customer[sizeof(g->only)];
	int teams = call_query(a, "team_id", team, sizeof(team));
	int customers =
	    call_query(a, "customer_id", customer, sizeof(customer));

	if (teams < 0 || customers < 0 ||
	    call_query(a, "group_by", by, sizeof(by)) < 0 ||
	    call_query(a, "internal_user_id", g->user, sizeof(g->user)) < 0 ||
	    call_key(a, str_make("", 0), g->only_key) < 0)
		return -1;
	if (by[0] == '\0')
		snprintf(by, sizeof(by), "%s",
		    g->only_key[0] != '\0' || g->user[0] != '\0' ? "api_key"
		    : customers == 1                             ? "customer"
								 : "team");
	g->splits = ROLLUP_USE;
	g->key = ROLLUP_PART_KEY;
	g->model = ROLLUP_PART_MODEL;
	g->r.dim_count = 1;
	if (strcmp(by, "api_key") == 0) {
		g->r.dims[0] = ROLLUP_KEY;
		g->who = -1;
		if (g->user[0] != '\0')
			g->r.dim_count = 0;
		return 0;
	}
	if (strcmp(by, "team") == 0) {
		g->r.dims[0] = ROLLUP_TEAM;
		g->who = ROLLUP_PART_TEAM;
		snprintf(g->only, sizeof(g->only), "%s", teams ? team : "");
		return 0;
	}
	if (strcmp(by, "customer") == 0) {
		g->splits = g->r.dims[0] = ROLLUP_CUSTOMER;
		g->who = ROLLUP_PART_WHO;
		g->key = ROLLUP_PART_WHO_KEY;
		g->model = ROLLUP_PART_WHO_MODEL;
		snprintf(g->only, sizeof(g->only), "%s",
		    customers ? customer : "");
		return 0;
	}
	a->param = "group_by";
	return call_refuse(a, ERR_BAD_FIELD,
	    "group_by takes team, customer or api_key");
}

int
spend_by_group(struct admin_call *a, struct admin_job **job_r)
{
	struct by_group *g = xcalloc(1, sizeof(*g));

	if (spend_span_read(a, &g->r.span) != 0 || read_group(a, g) != 0) {
		free(g);
		return -1;
	}
	g->r.by_day = true;
	g->r.make = g->who < 0 ? make_key_day : make_group_day;
	g->r.finish = g->who < 0 ? list_keys : NULL;
	g->r.fini = group_fini;
	*job_r = spend_report_job(&g->r);
	return 0;
}
