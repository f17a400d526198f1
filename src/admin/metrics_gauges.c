/* What is, for /metrics. See metrics_gauges.h. */
#include "admin/metrics_gauges.h"

#include "admin/metrics_text.h"
#include "base/clock.h"
#include "base/num.h"
#include "domain/accounts/alias.h"
#include "domain/accounts/allowance.h"
#include "domain/ledger/budgets.h"
#include "domain/routing/breaker.h"
#include "exchange/exchange.h"
#include "ipc/meters.h"

#define ROWS_PER_STEP 16

/* ---- breakers, configured budgets, holds -------------------------------- */

int
metrics_deployments(const struct admin_env *env, struct store_txn *t,
    struct buf *out, struct err *err)
{
	static const char name[] = "litellm_deployment_state";

	metrics_head(out, name, "gauge",
	    "0 healthy, 1 on probation (half-open), 2 outage (open)");
	for (size_t i = 0; i < env->catalog->deployment_count; i++) {
		const struct deployment *d = &env->catalog->deployments[i];
		struct health_row row;

		if (health_get(t, d->id, &row) < 0) {
			store_failed(t, err);
			return -1;
		}
		buf_printf(out, "%s{", name);
		metrics_label(out, "model_id", str_of(d->id));
		buf_add_char(out, ',');
		metrics_label(out, "litellm_model_name",
		    str_of(d->config->litellm_model));
		buf_add_char(out, ',');
		metrics_label(out, "api_provider", str_of(d->provider));
		buf_printf(out, "} %d\n",
		    row.state == BREAKER_CLOSED      ? 0
		    : row.state == BREAKER_HALF_OPEN ? 1
						     : 2);
	}
	return 0;
}

/* A provider has one sample, that of its first budget. */
static bool
is_repeated(const struct budgets *b, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (b->items[k].kind == b->items[i].kind &&
		    strcmp(b->items[k].match, b->items[i].match) == 0)
			return true;
	}
	return false;
}

/* LiteLLM's: what providers have left. */
static int
write_providers(const struct admin_env *env, struct store_txn *t,
    int64_t now_nsecs, struct buf *out, struct err *err)
{
	static const char name[] = "litellm_provider_remaining_budget_metric";
	const struct budgets *b = env->budgets;

	metrics_head(out, name, "gauge",
	    "USD left of the provider's budget, in the window under way");
	for (size_t i = 0; i < b->count; i++) {
		const struct budget *item = &b->items[i];
		struct cap cap = item->cap;
		struct spend_row row;

		if (item->kind != SCOPE_PROVIDER || item->match[0] == '\0' ||
		    is_repeated(b, i))
			continue;
		cap.id = item->match;
		if (ledger_cap_spend(t, &cap, now_nsecs, &row, err) != 0)
			return -1;
		buf_printf(out, "%s{", name);
		metrics_label(out, "api_provider", str_of(item->match));
		buf_add_char(out, '}');
		metrics_value(out,
		    item->cap.cap_nanos - ledger_counted_nanos(&row), 9);
	}
	return 0;
}

int
metrics_budgets(const struct admin_env *env, struct store_txn *t,
    int64_t now_nsecs, struct buf *out, struct err *err)
{
	static const char *const names[] = { "cap", "spent", "held", "room" };
	const struct budgets *b = env->budgets;

	for (size_t n = 0; n < ARRAY_LEN(names); n++) {
		char name[64];

		snprintf(name, sizeof(name), "tallygate_budget_%s_usd",
		    names[n]);
		metrics_head(out, name, "gauge",
		    "USD, in the window under way");
		for (size_t i = 0; i < b->count; i++) {
			const struct budget *item = &b->items[i];
			struct cap cap = item->cap;
			struct spend_row row;
			int64_t v[ARRAY_LEN(names)];

			if (item->kind != SCOPE_GLOBAL &&
			    item->match[0] == '\0')
				continue;
			cap.id = item->match;
			if (ledger_cap_spend(t, &cap, now_nsecs, &row, err) !=
			    0)
				return -1;
			v[0] = item->cap.cap_nanos;
			v[1] = ledger_counted_nanos(&row);
			v[2] = row.held_nanos;
			v[3] = ledger_room_nanos(&item->cap, &row);
			buf_printf(out, "%s{", name);
			metrics_label(out, "scope",
			    str_of(scope_name(item->kind)));
			buf_add_char(out, ',');
			metrics_label(out, "id", str_of(item->match));
			buf_add_char(out, ',');
			metrics_label(out, "window", str_of(item->duration));
			buf_add_char(out, '}');
			metrics_value(out, v[n], 9);
		}
	}
	return write_providers(env, t, now_nsecs, out, err);
}

int
metrics_holds(struct store_txn *t, struct buf *out, struct err *err)
{
	static const char name[] = "tallygate_requests_under_way";
	struct hold_walk w;
	struct hold h;
	int64_t n = 0;
	int rc;

	if (ledger_walk_holds(t, 0, &w, err) != 0)
		return -1;
	while ((rc = ledger_next_hold(&w, &h, err)) == 1)
		n++;
	ledger_end_walk(&w);
	metrics_head(out, name, "gauge", "Requests that hold money now");
	buf_add_cstr(out, name);
	metrics_value(out, n, 0);
	return rc;
}

/* ---- what the workers measure ------------------------------------------- */

void
metrics_workers(const struct admin_env *env, struct buf *out)
{
	struct meters_state s = { 0 };

	if (env->exchanges->meters == NULL)
		return;
	meters_state(env->exchanges->meters, &s);
	metrics_single(out, "tallygate_workers", "gauge",
	    "Worker processes that live", (int64_t)s.workers);
	metrics_single(out, "tallygate_worker_crashes_total", "counter",
	    "Workers that died unasked and were started again",
	    (int64_t)s.crashes);
	metrics_single(out, "tallygate_requests_in_flight", "gauge",
	    "Requests of clients under way, in all workers", (int64_t)s.active);
}

static const struct deployment *
find_deployment(const struct admin_env *env, const char *id)
{
	for (size_t i = 0; i < env->catalog->deployment_count; i++) {
		if (strcmp(env->catalog->deployments[i].id, id) == 0)
			return &env->catalog->deployments[i];
	}
	return NULL;
}

static void
add_time_labels(const struct admin_env *env, const struct meter_view *v,
    struct buf *out)
{
	const struct deployment *d = find_deployment(env, v->name);

	if (v->meter == METER_REQUEST) {
		metrics_label(out, "requested_model", str_of(v->name));
		return;
	}
	metrics_label(out, "model_id", str_of(v->name));
	buf_add_char(out, ',');
	metrics_label(out, "litellm_model_name",
	    str_of(d != NULL ? d->config->litellm_model : ""));
	buf_add_char(out, ',');
	metrics_label(out, "api_provider",
	    str_of(d != NULL ? d->provider : ""));
}

static void
add_histogram(const struct admin_env *env, const char *name,
    const struct meter_view *v, struct buf *out)
{
	uint64_t below = 0;

	for (size_t b = 0; b <= METER_BOUND_COUNT; b++) {
		char bound[NUM_TEXT_BYTES] = "+Inf";

		below += v->buckets[b];
		if (b < METER_BOUND_COUNT)
			num_format(meter_bounds[b], 6, bound);
		buf_printf(out, "%s_bucket{", name);
		add_time_labels(env, v, out);
		buf_printf(out, ",le=\"%s\"}", bound);
		metrics_value(out, (int64_t)below, 0);
	}
	buf_printf(out, "%s_sum{", name);
	add_time_labels(env, v, out);
	buf_add_char(out, '}');
	metrics_value(out, (int64_t)v->micros, 6);
	buf_printf(out, "%s_count{", name);
	add_time_labels(env, v, out);
	buf_add_char(out, '}');
	metrics_value(out, (int64_t)below, 0);
}

void
metrics_times(const struct admin_env *env, struct buf *out)
{
#define METER_ROW(NAME, metric, by, help) { metric, help },
	static const struct {
		const char *name, *help;
	} meters[METER_COUNT] = { METERS(METER_ROW) };
#undef METER_ROW
	const struct meters *m = env->exchanges->meters;
	struct meter_view v;

	for (size_t i = 0; m != NULL && i < METER_COUNT; i++) {
		size_t cursor = 0;

		metrics_head(out, meters[i].name, "histogram", meters[i].help);
		while (meters_next(m, &cursor, &v) == 1) {
			if (v.meter == (enum meter)i)
				add_histogram(env, meters[i].name, &v, out);
		}
	}
}

/* ---- budgets of keys, teams and users ----------------------------------- */

/* X(KIND, "LiteLLM's word", "label of the id", "label of the alias") */
#define CAP_KINDS(X)                                                           \
	X(KEY, "api_key", "hashed_api_key", "api_key_alias")                   \
	X(TEAM, "team", "team", "team_alias")                                  \
	X(USER, "user", "user", NULL)

#define CAP_KIND_ROW(KIND, word, id, alias) { ENTITY_##KIND, word, id, alias },
static const struct {
	enum entity_kind kind;
	const char *word, *id, *alias;
} cap_kinds[] = { CAP_KINDS(CAP_KIND_ROW) };
#undef CAP_KIND_ROW

struct capped {
	char *id, *alias;
	int64_t max_nanos, spent_nanos;
	int64_t resets_nsecs; /* wall; 0 never */
};

struct metrics_caps {
	const struct window_zone *zone;
	size_t kind;                    /* of cap_kinds, under way */
	char from[ENTITY_ID_BYTES + 1]; /* the last row read */
	size_t from_n;
	struct {
		size_t count;
		struct capped *items;
	} of[ARRAY_LEN(cap_kinds)];
};

struct metrics_caps *
metrics_caps_begin(const struct admin_env *env)
{
	struct metrics_caps *c = xcalloc(1, sizeof(*c));

	c->zone = env->rules->zone;
	return c;
}

void
metrics_caps_free(struct metrics_caps **c)
{
	for (size_t k = 0; *c != NULL && k < ARRAY_LEN(cap_kinds); k++) {
		for (size_t i = 0; i < (*c)->of[k].count; i++) {
			free((*c)->of[k].items[i].id);
			free((*c)->of[k].items[i].alias);
		}
		free((*c)->of[k].items);
	}
	free(*c);
	*c = NULL;
}

static int
add_cap(struct metrics_caps *c, const struct allowance_reader *reader,
    struct str id, const json_t *row, struct err *err)
{
	enum entity_kind kind = cap_kinds[c->kind].kind;
	struct allowance_spend spend;
	struct capped *item;

	if (allowance_row_spend(reader, kind, row, &spend, err) != 0)
		return -1;
	if (spend.max_nanos < 0)
		return 0;
	c->of[c->kind].items = xrealloc(c->of[c->kind].items,
	    (c->of[c->kind].count + 1) * sizeof(*item));
	item = &c->of[c->kind].items[c->of[c->kind].count++];
	item->id = str_dup(kind == ENTITY_KEY ? jsonx_str(row, "token") : id);
	item->alias = str_dup(alias_in(kind, row));
	item->max_nanos = spend.max_nanos;
	item->spent_nanos = spend.spent_nanos;
	item->resets_nsecs = (int64_t)spend.resets * NSECS_PER_SEC;
	return 0;
}

int
metrics_caps_step(struct metrics_caps *c, struct store_txn *accounts,
    struct store_txn *live, int64_t now_nsecs, struct err *err)
{
	struct allowance_reader reader = {
		.accounts = accounts,
		.live = live,
		.zone = c->zone,
		.now_nsecs = now_nsecs,
	};
	struct entity_walk w;
	json_t *row;
	struct str id;
	int rc = 1;

	if (c->kind == ARRAY_LEN(cap_kinds))
		return 0;
	if (entity_walk_after(accounts, cap_kinds[c->kind].kind,
		str_make(c->from, c->from_n), &w, err) != 0)
		return -1;
	for (int i = 0; rc == 1 && i < ROWS_PER_STEP; i++) {
		if (c->of[c->kind].count == METRICS_MAX_CAPS)
			rc = 0;
		else
			rc = entity_next(&w, &id, &row, err);
		if (rc != 1)
			break;
		c->from_n = id.n < sizeof(c->from) ? id.n : sizeof(c->from);
		memcpy(c->from, id.p, c->from_n);
		if (add_cap(c, &reader, id, row, err) != 0)
			rc = -1;
		json_decref(row);
	}
	entity_end_walk(&w);
	if (rc == 0) {
		c->kind++;
		c->from_n = 0;
	}
	return rc < 0 ? -1 : 1;
}

/* One metric of a kind; hours: only what is given back at some time. */
static void
write_caps(const struct metrics_caps *c, size_t k, const char *head,
    const char *help, int64_t now_nsecs, int which, struct buf *out)
{
	char name[96];

	snprintf(name, sizeof(name), "litellm_%s%s%s", head, cap_kinds[k].word,
	    which == 0   ? "_budget_metric"
	    : which == 1 ? "_max_budget_metric"
			 : "_budget_remaining_hours_metric");
	metrics_head(out, name, "gauge", help);
	for (size_t i = 0; i < c->of[k].count; i++) {
		const struct capped *item = &c->of[k].items[i];
		int64_t left = item->resets_nsecs - now_nsecs;

		if (which == 2 && item->resets_nsecs == 0)
			continue;
		buf_printf(out, "%s{", name);
		metrics_label(out, cap_kinds[k].id, str_of(item->id));
		if (cap_kinds[k].alias != NULL) {
			buf_add_char(out, ',');
			metrics_label(out, cap_kinds[k].alias,
			    str_of(item->alias));
		}
		buf_add_char(out, '}');
		if (which == 2)
			metrics_value(out,
			    left > 0 ? left / NSECS_PER_SEC * 100 / 3600 : 0,
			    2);
		else
			metrics_value(out,
			    item->max_nanos -
				(which == 0 ? item->spent_nanos : 0),
			    9);
	}
}

void
metrics_caps_write(const struct metrics_caps *c, int64_t now_nsecs,
    struct buf *out)
{
	for (size_t k = 0; k < ARRAY_LEN(cap_kinds); k++) {
		write_caps(c, k, "remaining_",
		    "USD left of the budget, in the window under way",
		    now_nsecs, 0, out);
		write_caps(c, k, "", "USD of the budget", now_nsecs, 1, out);
		write_caps(c, k, "", "Hours until the budget starts again",
		    now_nsecs, 2, out);
	}
}
