/*
 * GET /metrics for Prometheus, from the shared store: any worker gives the same
 * answer. Counters only grow: the sums of hours that are over are kept by this
 * process, of the others a scrape reads the rows (at most two hours of them).
 * The first scrape of a process reads all days there are, in slices like
 * everything else here (admin_job.h). What is, not was: metrics_gauges.h.
 *
 * LiteLLM's names where it has one and the labels mean the same; else
 * tallygate_*. One dimension per metric: what is counted by key is not counted
 * by model too, so that sums stay true.
 */
#include "admin/admin_call.h"
#include "admin/admin_job.h"
#include "admin/metrics_gauges.h"
#include "admin/metrics_text.h"
#include "base/clock.h"
#include "base/map.h"
#include "domain/accounts/alias.h"
#include "domain/ledger/rollup_query.h"

#define HOUR_NSECS (3600 * NSECS_PER_SEC)
/* Hours become days after three: sums kept from before are made anew. */
#define KEPT_NSECS  (48 * HOUR_NSECS)
#define ARENA_BYTES (64 * 1024)
#define BODY_BYTES  (32 * 1024 * 1024)
#define MAX_VALUES  2000 /* of a dimension; further ones are left out */
/* Whose labels are made in one slice. */
#define LABELS_PER_SLICE 16
#define TYPE_TEXT        "text/plain; version=0.0.4; charset=utf-8"

/* X(dimension, "word in names", "label") */
/* clang-format off */
#define METRIC_DIMS(X) \
X(KEY,        "key",        "hashed_api_key") \
X(GROUP,      "model",      "model")          \
X(PROVIDER,   "provider",   "api_provider")   \
X(DEPLOYMENT, "deployment", "model_id")       \
X(TEAM,       "team",       "team")

/* X(field, decimals, "tallygate_DIM_...", "LiteLLM's, by key", "help") */
#define METRIC_FIELDS(X) \
X(requests,          0, "requests_total",         "litellm_requests_metric_total",      "Requests of clients that have ended") \
X(attempts,          0, "attempts_total",         NULL,                                 "Calls of providers") \
X(failures,          0, "failed_attempts_total",  NULL,                                 "Calls of providers that failed") \
X(prompt_tokens,     0, "input_tokens_total",     "litellm_input_tokens_metric_total",  "Prompt tokens") \
X(completion_tokens, 0, "output_tokens_total",    "litellm_output_tokens_metric_total", "Output tokens") \
X(cached_tokens,     0, "cached_tokens_total",    "litellm_cached_tokens_metric_total", "Prompt tokens read from a cache") \
X(reasoning_tokens,  0, "reasoning_tokens_total", NULL,                                 "Output tokens spent on reasoning") \
X(failed_requests,   0, "failed_requests_total",  NULL,                                 "Requests of clients whose last call of a provider failed") \
X(cost_nanos,        9, "spend_usd_total",        "litellm_spend_metric_total",         "USD charged")
/* clang-format on */

#define DIM_ROW(name, word, label) { ROLLUP_##name, word, label },
static const struct {
	enum rollup_dim dim;
	const char *word, *label;
} dims[] = { METRIC_DIMS(DIM_ROW) };
#undef DIM_ROW

#define FIELD_ROW(field, decimals, own, litellm, help)                         \
	{ offsetof(struct rollup_row, field), decimals, own, litellm, help },
static const struct {
	size_t at;
	int decimals;
	const char *own, *litellm, *help;
} fields[] = { METRIC_FIELDS(FIELD_ROW) };
#undef FIELD_ROW

/* Further names of LiteLLM's: one field, or the sum of two. */
#define AT(field) offsetof(struct rollup_row, field)
#define NOTHING   SIZE_MAX
static const struct {
	enum rollup_dim dim;
	size_t at, more;
	const char *name, *help;
} extras[] = {
	{ ROLLUP_KEY, AT(prompt_tokens), AT(completion_tokens),
	    "litellm_total_tokens_metric_total", "Prompt and output tokens" },
	{ ROLLUP_DEPLOYMENT, AT(attempts), NOTHING,
	    "litellm_deployment_total_requests_total",
	    "Calls of the deployment" },
	{ ROLLUP_DEPLOYMENT, AT(failures), NOTHING,
	    "litellm_deployment_failure_responses_total",
	    "Calls of the deployment that failed" },
};

struct series {
	struct str value;      /* these two in the scrape's arena */
	struct str labels;     /* with braces */
	struct rollup_row row; /* all there ever was */
};

/* Sums of the hours that are over, of each dimension; one per process. */
static struct past {
	int64_t upto_nsecs; /* 0: nothing was read yet */
	struct map *rows;   /* value → struct rollup_row */
} pasts[ARRAY_LEN(dims)];

enum phase {
	PHASE_PAST,   /* the hours that are over, a step at a time */
	PHASE_LIST,   /* those that are not */
	PHASE_LABELS, /* some values at a time */
	PHASE_FIELDS, /* a metric at a time; then the next dimension */
	PHASE_CAPS,   /* some keys, teams and users at a time */
	PHASE_REST
};

struct scrape {
	struct admin_job job;
	struct buf out;
	enum phase phase;
	size_t dim;
	int64_t upto_nsecs; /* hours before it do not change any more */
	struct rollup_asking asking;
	int64_t asked_from;
	bool is_asking;
	struct series *list;
	size_t count, at;
	struct arena arena; /* of the dimension's series */
	struct buf text;
	struct metrics_caps *caps;
};

/* ---- the past ----------------------------------------------------------- */

static void
forget(struct past *p)
{
	map_free_with(&p->rows, free);
	p->upto_nsecs = 0;
}

/* Adds what was asked for; not when another scrape was faster. */
static void
keep(struct scrape *s, struct past *p)
{
	struct rollup_result r;

	rollup_ask_end(&s->asking, &r);
	s->is_asking = false;
	if (s->asked_from == 0)
		forget(p);
	if (p->rows == NULL)
		p->rows = map_new();
	for (size_t k = 0; p->upto_nsecs == s->asked_from && k < r.count; k++) {
		struct str value = str_of(r.rows[k].value);
		struct rollup_row *row = map_find(p->rows, value);

		if (row == NULL) {
			row = xcalloc(1, sizeof(*row));
			map_set(p->rows, value, row);
		}
		rollup_row_add(row, &r.rows[k].sums);
	}
	if (p->upto_nsecs == s->asked_from)
		p->upto_nsecs = s->upto_nsecs;
	rollup_result_free(&r);
}

static int
ask_past(struct scrape *s, struct admin_call *a)
{
	struct past *p = &pasts[s->dim];
	int rc;

	if (!s->is_asking && p->upto_nsecs != 0 &&
	    p->upto_nsecs >= s->upto_nsecs)
		return 0;
	if (!s->is_asking) {
		bool too_old = s->upto_nsecs - p->upto_nsecs > KEPT_NSECS;

		s->asked_from = too_old ? 0 : p->upto_nsecs;
		s->is_asking = true;
		rollup_ask_begin(&s->asking, dims[s->dim].dim, s->asked_from,
		    s->upto_nsecs);
	}
	rc = rollup_ask_step(&s->asking, a->live, a->now_nsecs);
	if (rc == 0)
		keep(s, p);
	return rc;
}

/* ---- one dimension ------------------------------------------------------ */

static int
by_value(const void *a, const void *b)
{
	const struct series *x = a, *y = b;
	size_t n = x->value.n < y->value.n ? x->value.n : y->value.n;
	int rc = memcmp(x->value.p, y->value.p, n);

	return rc != 0 ? rc
		       : (x->value.n > y->value.n) - (x->value.n < y->value.n);
}

/* All series of the dimension: the past, and the hours that are not over. */
static int
list_series(struct scrape *s, struct admin_call *a)
{
	const struct past *p = &pasts[s->dim];
	struct rollup_result now;
	size_t cursor = 0, n = 0, old;
	struct str value;
	void *row;

	if (rollup_query(a->live, dims[s->dim].dim, p->upto_nsecs, 0, &now) !=
	    0)
		return -1;
	s->list = xcalloc(map_count(p->rows) + now.count + 1, sizeof(*s->list));
	while (map_next(p->rows, &cursor, &value, &row))
		s->list[n++] =
		    (struct series){ .value = arena_str(&s->arena, value),
			    .row = *(const struct rollup_row *)row };
	qsort(s->list, n, sizeof(*s->list), by_value);
	old = n;
	for (size_t i = 0; i < now.count; i++) {
		struct series item = { .value = str_of(now.rows[i].value),
			.row = now.rows[i].sums };
		struct series *known =
		    bsearch(&item, s->list, old, sizeof(item), by_value);

		if (known != NULL) {
			rollup_row_add(&known->row, &item.row);
			continue;
		}
		item.value = arena_str(&s->arena, item.value);
		s->list[n++] = item;
	}
	rollup_result_free(&now);
	qsort(s->list, n, sizeof(*s->list), by_value);
	s->count = n < MAX_VALUES ? n : MAX_VALUES;
	s->at = 0;
	return 0;
}

/* Once for all metrics of a series. */
static void
make_labels(struct scrape *s, struct admin_call *a, struct series *item)
{
	buf_clear(&s->text);
	buf_add_char(&s->text, '{');
	metrics_label(&s->text, dims[s->dim].label, item->value);
	if (dims[s->dim].dim == ROLLUP_KEY) {
		json_t *row = alias_row(a->txn, ENTITY_KEY, item->value);

		buf_add_char(&s->text, ',');
		metrics_label(&s->text, "api_key_alias",
		    alias_in(ENTITY_KEY, row));
		json_decref(row);
	}
	buf_add_char(&s->text, '}');
	item->labels = arena_str(&s->arena, buf_str(&s->text));
}

static int64_t
value_at(const struct series *item, size_t at)
{
	int64_t v;

	if (at == NOTHING)
		return 0;
	memcpy(&v, (const char *)&item->row + at, sizeof(v));
	return v;
}

static void
add_metric(struct scrape *s, const char *name, const char *help, size_t at,
    size_t more, int decimals)
{
	size_t n = strlen(name);

	metrics_head(&s->out, name, "counter", help);
	for (size_t i = 0; i < s->count; i++) {
		buf_add(&s->out, name, n);
		buf_add_str(&s->out, s->list[i].labels);
		metrics_value(&s->out,
		    value_at(&s->list[i], at) + value_at(&s->list[i], more),
		    decimals);
	}
}

static void
add_field(struct scrape *s, size_t field)
{
	const char *litellm = fields[field].litellm;
	char name[96];

	if (dims[s->dim].dim == ROLLUP_KEY && litellm != NULL)
		snprintf(name, sizeof(name), "%s", litellm);
	else
		snprintf(name, sizeof(name), "tallygate_%s_%s",
		    dims[s->dim].word, fields[field].own);
	add_metric(s, name, fields[field].help, fields[field].at, NOTHING,
	    fields[field].decimals);
}

static void
add_extras(struct scrape *s)
{
	for (size_t i = 0; i < ARRAY_LEN(extras); i++) {
		if (extras[i].dim == dims[s->dim].dim)
			add_metric(s, extras[i].name, extras[i].help,
			    extras[i].at, extras[i].more, 0);
	}
}

static void
end_dim(struct scrape *s)
{
	free(s->list);
	s->list = NULL;
	arena_fini(&s->arena);
	arena_init(&s->arena, ARENA_BYTES);
	s->at = 0;
}

/* ---- the whole ---------------------------------------------------------- */

static int
write_rest(struct scrape *s, struct admin_call *a)
{
	metrics_caps_write(s->caps, a->now_nsecs, &s->out);
	metrics_workers(a->env, &s->out);
	metrics_times(a->env, &s->out);
	if (metrics_budgets(a->env, a->live, a->now_nsecs, &s->out, &a->err) !=
		0 ||
	    metrics_holds(a->live, &s->out, &a->err) != 0)
		return -1;
	return metrics_deployments(a->env, a->live, &s->out, &a->err);
}

/* The next piece of a phase: 1 there is more of it, 0 it is over. */
static int
run_phase(struct scrape *s, struct admin_call *a)
{
	switch (s->phase) {
	case PHASE_PAST:
		return ask_past(s, a);
	case PHASE_LIST:
		return list_series(s, a);
	case PHASE_LABELS:
		for (int i = 0; i < LABELS_PER_SLICE && s->at < s->count; i++)
			make_labels(s, a, &s->list[s->at++]);
		return s->at < s->count;
	case PHASE_FIELDS:
		if (s->at < ARRAY_LEN(fields)) {
			add_field(s, s->at++);
			return 1;
		}
		add_extras(s);
		end_dim(s);
		return 0;
	case PHASE_CAPS:
		return metrics_caps_step(s->caps, a->txn, a->live, a->now_nsecs,
		    &a->err);
	case PHASE_REST:
		return write_rest(s, a);
	}
	return -1;
}

static int
slice(struct admin_job *job, struct admin_call *a)
{
	struct scrape *s = (struct scrape *)job;
	int rc = run_phase(s, a);

	if (rc < 0) {
		store_failed(a->live, &a->err);
		if (a->err.code == ERR_NONE)
			call_refuse(a, ERR_STORE, "the books cannot be read");
		return -1;
	}
	if (rc == 1)
		return 1;
	if (s->phase == PHASE_REST)
		return 0;
	if (s->phase == PHASE_LABELS)
		s->at = 0;
	if (s->phase == PHASE_FIELDS && ++s->dim < ARRAY_LEN(dims))
		s->phase = PHASE_PAST;
	else
		s->phase++;
	return 1;
}

static void
reply(struct admin_job *job, struct http_call *call)
{
	struct scrape *s = (struct scrape *)job;

	if (s->out.overflowed)
		admin_error(call, ERR_INTERNAL, "more than 32 MiB of metrics");
	else
		http_reply_take(call, 200, TYPE_TEXT, &s->out);
}

static void
scrape_free(struct admin_job *job)
{
	struct scrape *s = (struct scrape *)job;

	if (s->is_asking)
		rollup_ask_drop(&s->asking);
	metrics_caps_free(&s->caps);
	free(s->list);
	arena_fini(&s->arena);
	buf_fini(&s->text);
	buf_fini(&s->out);
	free(s);
}

void
admin_metrics(const struct admin_env *env, struct http_call *call,
    const struct account *account, struct str argument)
{
	struct scrape *s = xcalloc(1, sizeof(*s));
	int64_t now = clock_wall_nsecs();

	(void)account;
	(void)argument;
	/* A settlement may still be booked in the hour that has just ended. */
	s->upto_nsecs = now - now % HOUR_NSECS - HOUR_NSECS;
	s->caps = metrics_caps_begin(env);
	arena_init(&s->arena, ARENA_BYTES);
	buf_init(&s->text, 8 * ROLLUP_VALUE_BYTES + 4096);
	buf_init(&s->out, BODY_BYTES);
	s->job.slice = slice;
	s->job.reply = reply;
	s->job.free = scrape_free;
	admin_job_start(env, call, &s->job);
}
