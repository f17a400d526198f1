/*
 * /spend/..., /global/spend/...: who spent how much, from the roll-ups, which
 * agree with the trace file to the nano-dollar. Days are those of UTC. By day:
 * admin_spend_days.c. See admin_call.h.
 */
#include "admin/spend_report.h"
#include "admin/tally.h"
#include "base/clock.h"
#include "domain/accounts/alias.h"
#include "domain/ledger/money.h"

#define USUAL_ROWS 1000
#define MOST_ROWS  10000
/* Rows of an answer per slice: each may read a row of accounts/. */
#define ROWS_PER_SLICE 32

/* ---- lists -------------------------------------------------------------- */

/* What the lists differ in. */
struct list_kind {
	enum rollup_dim dim;
	const char *name, *spend, *count; /* of an item's members */
	/* Adds what is known of the value; may be NULL. */
	void (*describe)(struct admin_call *a, json_t *item, const char *value);
	const char *wrap; /* the list is this member of the answer; NULL: it is
			     the answer */
};

struct list {
	struct spend_report r;
	const struct list_kind *kind;
	size_t limit;
	char only[ENTITY_ID_BYTES + 1]; /* this value alone; "" all */
};

static json_t *
list_item(const struct list_kind *k, const char *value,
    const struct rollup_row *sums)
{
	return json_pack("{s:s, s:o, s:I, s:I}", k->name, value, k->spend,
	    view_usd(sums->cost_nanos), k->count, (json_int_t)sums->requests,
	    "total_tokens",
	    (json_int_t)(sums->prompt_tokens + sums->completion_tokens));
}

static int
make_list(struct spend_report *r, struct admin_call *a)
{
	struct list *l = (struct list *)r;
	const struct list_kind *k = l->kind;
	json_t *items;

	if (r->job.answer == NULL)
		r->job.answer = json_array();
	items = r->job.answer;
	for (int i = 0; i < ROWS_PER_SLICE; i++, r->at++) {
		const struct rollup_sum *sum = &r->sums[0].rows[r->at];
		json_t *item;

		if (r->at >= r->sums[0].count ||
		    json_array_size(items) >= l->limit)
			return 0;
		if (sum->value[0] == '\0' ||
		    (l->only[0] != '\0' && strcmp(sum->value, l->only) != 0))
			continue;
		item = list_item(k, sum->value, &sum->sums);
		if (k->describe != NULL)
			k->describe(a, item, sum->value);
		json_array_append_new(items, item);
	}
	return 1;
}

static int
wrap_list(struct spend_report *r, struct admin_call *a)
{
	struct list *l = (struct list *)r;

	(void)a;
	if (l->kind->wrap != NULL)
		r->job.answer =
		    json_pack("{s:o}", l->kind->wrap, r->job.answer);
	return 0;
}

/* span NULL: all there is. */
static int
begin_list(struct admin_call *a, const struct list_kind *k,
    const struct spend_span *span, const char *only, struct admin_job **job_r)
{
	size_t limit = USUAL_ROWS;
	struct list *l;

	if (call_number(a, "limit", MOST_ROWS, &limit) != 0)
		return -1;
	l = xcalloc(1, sizeof(*l));
	l->kind = k;
	l->limit = limit;
	snprintf(l->only, sizeof(l->only), "%s", only);
	l->r.dim_count = 1;
	l->r.dims[0] = k->dim;
	if (span != NULL)
		l->r.span = *span;
	l->r.make = make_list;
	l->r.finish = wrap_list;
	*job_r = spend_report_job(&l->r);
	return 0;
}

static int
begin_list_of_span(struct admin_call *a, const struct list_kind *k,
    struct admin_job **job_r)
{
	struct spend_span span;

	if (spend_span_read(a, &span) != 0)
		return -1;
	return begin_list(a, k, span.given ? &span : NULL, "", job_r);
}

/* What the key's row says, beside its spend. */
static void
describe_key(struct admin_call *a, json_t *item, const char *hash)
{
	static const char *const names[] = { "key_alias", "key_name", "user_id",
		"team_id", "max_budget", "budget_duration", "models" };
	json_t *row = alias_row(a->txn, ENTITY_KEY, str_of(hash));

	json_object_set_new(item, "api_key", json_string(hash));
	json_object_set(item, "total_spend", json_object_get(item, "spend"));
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		json_t *v = json_object_get(row, names[i]);

		json_object_set(item, names[i], v != NULL ? v : json_null());
	}
	json_decref(row);
}

int
spend_keys(struct admin_call *a, struct admin_job **job_r)
{
	static const struct list_kind kind = { ROLLUP_KEY, "token", "spend",
		"log_count", describe_key, NULL };

	return begin_list(a, &kind, NULL, "", job_r);
}

int
spend_users(struct admin_call *a, struct admin_job **job_r)
{
	static const struct list_kind kind = { ROLLUP_USER, "user_id", "spend",
		"log_count", NULL, NULL };
	char user[ENTITY_ID_BYTES + 1] = "";

	if (call_query(a, "user_id", user, sizeof(user)) < 0)
		return -1;
	return begin_list(a, &kind, NULL, user, job_r);
}

int
spend_tags(struct admin_call *a, struct admin_job **job_r)
{
	static const struct list_kind kind = { ROLLUP_TAG,
		"individual_request_tag", "total_spend", "log_count", NULL,
		NULL };

	return begin_list_of_span(a, &kind, job_r);
}

int
spend_tag_totals(struct admin_call *a, struct admin_job **job_r)
{
	static const struct list_kind kind = { ROLLUP_TAG, "name", "spend",
		"log_count", NULL, "spend_per_tag" };

	return begin_list_of_span(a, &kind, job_r);
}

int
spend_models(struct admin_call *a, struct admin_job **job_r)
{
	static const struct list_kind kind = { ROLLUP_MODEL, "model",
		"total_spend", "log_count", NULL, NULL };

	return begin_list(a, &kind, NULL, "", job_r);
}

int
spend_providers(struct admin_call *a, struct admin_job **job_r)
{
	static const struct list_kind kind = { ROLLUP_PROVIDER, "provider",
		"spend", "log_count", NULL, NULL };

	return begin_list_of_span(a, &kind, job_r);
}

/* ---- end users ---------------------------------------------------------- */

struct end_users {
	struct spend_report r;
	struct tally customers;
	char key[ACCOUNT_KEY_BYTES]; /* "" any */
	size_t limit;
};

static void
count_end_user(void *arg, const struct str parts[ROLLUP_MAX_PARTS],
    const struct rollup_row *sums)
{
	struct end_users *e = arg;

	if (e->key[0] == '\0' || str_is(parts[ROLLUP_PART_WHO_KEY], e->key))
		tally_add(&e->customers, parts[ROLLUP_PART_WHO], sums);
}

static int
count_day(struct spend_report *r, struct admin_call *a)
{
	if (rollup_each_use(a->live, ROLLUP_CUSTOMER, r->day_nsecs,
		count_end_user, r) == 0)
		return 0;
	store_failed(a->live, &a->err);
	return -1;
}

static int
list_end_users(struct spend_report *r, struct admin_call *a)
{
	static const struct list_kind kind = { ROLLUP_CUSTOMER, "end_user",
		"total_spend", "total_count", NULL, NULL };
	struct end_users *e = (struct end_users *)r;
	size_t count;
	struct tally_pair *pairs = tally_dearest(&e->customers, &count);

	(void)a;
	r->job.answer = json_array();
	for (size_t i = 0; i < count && i < e->limit; i++) {
		char *name = str_dup(pairs[i].name);

		json_array_append_new(r->job.answer,
		    list_item(&kind, name, &pairs[i].item->sums));
		free(name);
	}
	free(pairs);
	return 0;
}

static void
end_users_fini(struct spend_report *r)
{
	tally_fini(&((struct end_users *)r)->customers);
}

/* startTime, endTime of the body, as LiteLLM has them there. */
static int
read_body_span(struct admin_call *a, struct spend_span *span)
{
	struct str since = jsonx_str(a->body, "startTime");
	struct str until = jsonx_str(a->body, "endTime");

	if ((since.n == 0 ||
		clock_parse(since, a->now_nsecs, &span->since_nsecs) == 0) &&
	    (until.n == 0 ||
		clock_parse(until, a->now_nsecs, &span->until_nsecs) == 0)) {
		if (since.n > 0)
			span->since_nsecs -=
			    span->since_nsecs % SPEND_DAY_NSECS;
		if (until.n > 0)
			span->until_nsecs =
			    (span->until_nsecs / SPEND_DAY_NSECS + 1) *
			    SPEND_DAY_NSECS;
		if (span->until_nsecs - span->since_nsecs <=
		    (SPEND_MAX_DAYS + 1) * SPEND_DAY_NSECS)
			return 0;
	}
	a->param = "startTime";
	return call_refuse(a, ERR_BAD_FIELD,
	    "startTime and endTime take two days (2026-11-22) or RFC 3339 "
	    "times, at most %d days apart",
	    SPEND_MAX_DAYS);
}

int
spend_end_users(struct admin_call *a, struct admin_job **job_r)
{
	struct str body_key = jsonx_str(a->body, "api_key");
	struct end_users *e;
	struct spend_span span;
	char key[ACCOUNT_KEY_BYTES] = "";
	size_t limit = USUAL_ROWS;

	if (spend_span_read(a, &span) != 0 || read_body_span(a, &span) != 0 ||
	    call_number(a, "limit", MOST_ROWS, &limit) != 0 ||
	    call_key(a, body_key, key) < 0)
		return -1;
	e = xcalloc(1, sizeof(*e));
	e->limit = limit;
	memcpy(e->key, key, sizeof(key));
	e->r.span = span;
	e->r.by_day = true;
	e->r.make = count_day;
	e->r.finish = list_end_users;
	e->r.fini = end_users_fini;
	*job_r = spend_report_job(&e->r);
	return 0;
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

	if (rollup_query(a->live, ROLLUP_ALL, 0, 0, &r) != 0) {
		store_failed(a->live, &a->err);
		return -1;
	}
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
