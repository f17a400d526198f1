/*
 * GET /metrics for Prometheus, from the shared store: any worker gives the same
 * answer. Counters only grow: the sums of hours that are over are kept by this
 * process, of the others a scrape reads the rows (at most two hours of them).
 * The first scrape of a process reads all days there are.
 *
 * LiteLLM's names where it has one and the labels mean the same; else
 * tallygate_*. One dimension per metric: what is counted by key is not counted
 * by model too, so that sums stay true.
 */
#include "admin/admin.h"

#include "base/clock.h"
#include "base/map.h"
#include "base/num.h"
#include "domain/accounts/vkey.h"
#include "domain/ledger/budgets.h"
#include "domain/ledger/rollup.h"
#include "domain/routing/breaker.h"

#define HOUR_NSECS (3600 * NSECS_PER_SEC)
/* Hours become days after three: sums kept from before are made anew. */
#define KEPT_NSECS (48 * HOUR_NSECS)
#define BODY_BYTES (32 * 1024 * 1024)
#define MAX_VALUES 2000 /* of a dimension; further ones are left out */
#define TYPE_TEXT  "text/plain; version=0.0.4; charset=utf-8"

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

struct series {
	struct str value;      /* borrowed */
	struct str labels;     /* with braces; in the scrape's arena */
	struct rollup_row row; /* all there ever was */
};

/* Sums of the hours that are over; one per process. */
static struct {
	int64_t upto_nsecs;                /* 0: nothing was read yet */
	struct map *rows[ARRAY_LEN(dims)]; /* value → struct rollup_row */
} past;

/* ---- sums --------------------------------------------------------------- */

static void
forget_past(void)
{
	past.upto_nsecs = 0;
	for (size_t i = 0; i < ARRAY_LEN(dims); i++) {
		size_t cursor = 0;
		struct str value;
		void *row;

		while (past.rows[i] != NULL &&
		       map_next(past.rows[i], &cursor, &value, &row))
			free(row);
		map_free(&past.rows[i]);
		past.rows[i] = map_new();
	}
}

/* Sums up to `upto` are kept from now on. */
static int
keep_past(struct store_txn *t, int64_t upto_nsecs)
{
	int64_t from = past.upto_nsecs;

	if (from == 0 || upto_nsecs - from > KEPT_NSECS) {
		forget_past();
		from = 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(dims) && from < upto_nsecs; i++) {
		struct rollup_result r;

		if (rollup_query(t, dims[i].dim, from, upto_nsecs, &r) != 0) {
			forget_past();
			return -1;
		}
		for (size_t k = 0; k < r.count; k++) {
			struct str value = str_of(r.rows[k].value);
			struct rollup_row *row = map_find(past.rows[i], value);

			if (row == NULL) {
				row = xcalloc(1, sizeof(*row));
				map_set(past.rows[i], value, row);
			}
			rollup_row_add(row, &r.rows[k].sums);
		}
		rollup_result_free(&r);
	}
	past.upto_nsecs = upto_nsecs;
	return 0;
}

static int
by_value(const void *a, const void *b)
{
	const struct series *x = a, *y = b;
	size_t n = x->value.n < y->value.n ? x->value.n : y->value.n;
	int rc = memcmp(x->value.p, y->value.p, n);

	return rc != 0 ? rc
		       : (x->value.n > y->value.n) - (x->value.n < y->value.n);
}

/* All series of a dimension; `now` has the hours that are not over. */
static size_t
list_series(size_t dim, const struct rollup_result *now, struct series **list_r)
{
	const struct map *rows = past.rows[dim];
	struct series *list =
	    xcalloc(map_count(rows) + now->count + 1, sizeof(*list));
	size_t cursor = 0, n = 0, old;
	struct str value;
	void *row;

	while (map_next(rows, &cursor, &value, &row))
		list[n++] = (struct series){ .value = value,
			.row = *(const struct rollup_row *)row };
	qsort(list, n, sizeof(*list), by_value);
	old = n;
	for (size_t i = 0; i < now->count; i++) {
		struct series s = { .value = str_of(now->rows[i].value),
			.row = now->rows[i].sums };
		struct series *known =
		    bsearch(&s, list, old, sizeof(s), by_value);

		if (known != NULL)
			rollup_row_add(&known->row, &s.row);
		else
			list[n++] = s;
	}
	qsort(list, n, sizeof(*list), by_value);
	*list_r = list;
	return n < MAX_VALUES ? n : MAX_VALUES;
}

/* ---- text --------------------------------------------------------------- */

static void
add_label(struct buf *out, const char *name, struct str value)
{
	buf_add_cstr(out, name);
	buf_add_cstr(out, "=\"");
	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];

		if (c == '"' || c == '\\' || c == '\n')
			buf_add_char(out, '\\');
		buf_add_char(out, c == '\n' ? 'n' : c);
	}
	buf_add_char(out, '"');
}

static void
add_head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
add_value(struct buf *out, int64_t v, int decimals)
{
	char text[NUM_TEXT_BYTES];
	size_t n = num_format(v, decimals, text);

	buf_add_char(out, ' ');
	buf_add(out, text, n);
	buf_add_char(out, '\n');
}

static void
add_field(struct buf *out, size_t dim, size_t field, const struct series *list,
    size_t count)
{
	const char *litellm = fields[field].litellm;
	bool by_key = dims[dim].dim == ROLLUP_KEY;
	size_t name_bytes;
	char name[96];

	if (by_key && litellm != NULL)
		snprintf(name, sizeof(name), "%s", litellm);
	else
		snprintf(name, sizeof(name), "tallygate_%s_%s", dims[dim].word,
		    fields[field].own);
	name_bytes = strlen(name);
	add_head(out, name, "counter", fields[field].help);
	for (size_t i = 0; i < count; i++) {
		int64_t v;

		memcpy(&v, (const char *)&list[i].row + fields[field].at,
		    sizeof(v));
		buf_add(out, name, name_bytes);
		buf_add_str(out, list[i].labels);
		add_value(out, v, fields[field].decimals);
	}
}

/* The alias of a key, in a new row; NULL: it has no row. */
static json_t *
find_key(struct store_txn *accounts, struct str hex)
{
	unsigned char hash[SHA256_BYTES];
	json_t *row = NULL;

	if (hex.n != 2 * SHA256_BYTES ||
	    vkey_find(accounts, hex, hash, NULL) != 0 ||
	    entity_get(accounts, ENTITY_KEY,
		str_make((const char *)hash, sizeof(hash)), &row, NULL) != 1)
		return NULL;
	return row;
}

/* Once for all metrics of a series. */
static void
make_labels(struct store_txn *accounts, size_t dim, struct series *s,
    struct arena *arena, struct buf *text)
{
	buf_clear(text);
	buf_add_char(text, '{');
	add_label(text, dims[dim].label, s->value);
	if (dims[dim].dim == ROLLUP_KEY) {
		json_t *row = find_key(accounts, s->value);

		buf_add_char(text, ',');
		add_label(text, "api_key_alias", jsonx_str(row, "key_alias"));
		json_decref(row);
	}
	buf_add_char(text, '}');
	s->labels = arena_str(arena, buf_str(text));
}

static int
write_dim(struct store_txn *accounts, struct store_txn *live, size_t dim,
    struct buf *out)
{
	struct rollup_result now;
	struct series *list;
	struct arena arena;
	struct buf text;
	size_t count;

	if (rollup_query(live, dims[dim].dim, past.upto_nsecs, 0, &now) != 0)
		return -1;
	count = list_series(dim, &now, &list);
	arena_init(&arena, 64 * 1024);
	buf_init(&text, 8 * ROLLUP_VALUE_BYTES + 4096);
	for (size_t i = 0; i < count; i++)
		make_labels(accounts, dim, &list[i], &arena, &text);
	for (size_t f = 0; f < ARRAY_LEN(fields); f++)
		add_field(out, dim, f, list, count);
	buf_fini(&text);
	arena_fini(&arena);
	free(list);
	rollup_result_free(&now);
	return 0;
}

static int
write_sums(const struct admin_env *env, struct store_txn *live, struct buf *out,
    struct err *err)
{
	struct store_txn *accounts;
	int rc = store_read(env->store, STORE_ACCOUNTS, &accounts, err);

	if (rc != 0)
		return -1;
	for (size_t d = 0; rc == 0 && d < ARRAY_LEN(dims); d++)
		rc = write_dim(accounts, live, d, out);
	store_abort(&accounts);
	return rc;
}

/* ---- what is, not what was ---------------------------------------------- */

static void
write_deployments(const struct admin_env *env, struct store_txn *t,
    struct buf *out)
{
	static const char name[] = "litellm_deployment_state";

	add_head(out, name, "gauge",
	    "0 healthy, 1 on probation (half-open), 2 outage (open)");
	for (size_t i = 0; i < env->catalog->deployment_count; i++) {
		const struct deployment *d = &env->catalog->deployments[i];
		struct health_row row;

		if (health_get(t, d->id, &row) < 0)
			return;
		buf_printf(out, "%s{", name);
		add_label(out, "model_id", str_of(d->id));
		buf_add_char(out, ',');
		add_label(out, "litellm_model_name",
		    str_of(d->config->litellm_model));
		buf_add_char(out, ',');
		add_label(out, "api_provider", str_of(d->provider));
		buf_printf(out, "} %d\n",
		    row.state == BREAKER_CLOSED      ? 0
		    : row.state == BREAKER_HALF_OPEN ? 1
						     : 2);
	}
}

/* Budgets of one name; those that are for each of a scope have their figures
   in tallyctl budget list. */
static int
write_budgets(const struct admin_env *env, struct store_txn *t,
    int64_t now_nsecs, struct buf *out, struct err *err)
{
	static const char *const names[] = { "cap", "spent", "held", "room" };
	const struct budgets *b = env->budgets;

	for (size_t n = 0; n < ARRAY_LEN(names); n++) {
		char name[64];

		snprintf(name, sizeof(name), "tallygate_budget_%s_usd",
		    names[n]);
		add_head(out, name, "gauge", "USD, in the window under way");
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
			add_label(out, "scope", str_of(scope_name(item->kind)));
			buf_add_char(out, ',');
			add_label(out, "id", str_of(item->match));
			buf_add_char(out, ',');
			add_label(out, "window", str_of(item->duration));
			buf_add_char(out, '}');
			add_value(out, v[n], 9);
		}
	}
	return 0;
}

static int
write_under_way(struct store_txn *t, struct buf *out, struct err *err)
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
	add_head(out, name, "gauge", "Requests that hold money now");
	buf_add_cstr(out, name);
	add_value(out, n, 0);
	return rc;
}

static int
write_all(const struct admin_env *env, struct buf *out, struct err *err)
{
	int64_t now = clock_wall_nsecs();
	struct store_txn *t;
	int rc;

	if (store_read(env->store, STORE_LIVE, &t, err) != 0)
		return -1;
	/* A settlement may still be booked in the hour that has just ended. */
	rc = keep_past(t, now - now % HOUR_NSECS - HOUR_NSECS);
	if (rc == 0)
		rc = write_sums(env, t, out, err);
	if (rc == 0)
		rc = write_budgets(env, t, now, out, err);
	if (rc == 0)
		rc = write_under_way(t, out, err);
	if (rc == 0)
		write_deployments(env, t, out);
	if (store_failed(t, err))
		rc = -1;
	store_abort(&t);
	return rc;
}

void
admin_metrics(const struct admin_env *env, struct http_call *call,
    const struct account *account, struct str argument)
{
	struct buf out;
	struct err err;

	(void)account;
	(void)argument;
	buf_init(&out, BODY_BYTES);
	if (write_all(env, &out, &err) == 0 && !out.overflowed)
		http_reply_take(call, 200, TYPE_TEXT, &out);
	else
		admin_error(call, ERR_STORE, NULL);
	buf_fini(&out);
}
