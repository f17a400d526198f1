/* Readings of the store for tallyctl top. See top_sample.h. */
#include "ctl/top_sample.h"

#include "base/clock.h"
#include "ctl/table.h"
#include "domain/accounts/vkey.h"
#include "ipc/contract.h"
#include "store/key.h"
#include "store/owner.h"

#define HOUR_NSECS (3600 * NSECS_PER_SEC)
/* The lists' dimensions, then all. */
#define DIMS (TOP_LIST_COUNT + 1)

/* What is asked of the roll-ups at a time. */
struct counts {
	int64_t base_nsecs; /* the hour they begin with */
	struct rollup_result of[DIMS];
};

struct top {
	struct ctl *ctl;
	struct counts before;
	int64_t before_nsecs; /* 0: nothing was read yet */
	struct top_frame frame;
	bool has_budgets;
	struct budget_lines budgets;
	char *traces; /* the trace file's path; owned */
};

#define TOP_LIST_DIM(NAME, dim, word, plural) ROLLUP_##dim,
static const enum rollup_dim dims[DIMS] = { TOP_LISTS(TOP_LIST_DIM)
	    ROLLUP_ALL };
#undef TOP_LIST_DIM

static const char *const sorts[TOP_SORT_COUNT] = { "spend", "requests",
	"tokens", "errors", "latency" };

const char *
top_sort_name(enum top_sort sort)
{
	return sorts[sort];
}

int
top_sort_parse(struct str word, enum top_sort *sort_r)
{
	for (int i = 0; i < TOP_SORT_COUNT; i++) {
		if (str_is(word, sorts[i])) {
			*sort_r = (enum top_sort)i;
			return 0;
		}
	}
	return -1;
}

struct top *
top_open(struct ctl *c)
{
	struct top *t = xcalloc(1, sizeof(*t));

	t->ctl = c;
	if (ctl_open_config(c, NULL) == CTL_OK &&
	    catalog_open(c->config, &c->catalog, NULL) == 0)
		t->has_budgets = budget_lines_open(&t->budgets, c, NULL) == 0;
	t->traces = ctl_trace_path(c);
	return t;
}

/* ---- counts ------------------------------------------------------------- */

static void
free_counts(struct counts *k)
{
	for (int i = 0; i < DIMS; i++)
		rollup_result_free(&k->of[i]);
	memset(k, 0, sizeof(*k));
}

static int
read_counts(struct store_txn *txn, int64_t base_nsecs, struct counts *k)
{
	memset(k, 0, sizeof(*k));
	k->base_nsecs = base_nsecs;
	for (int i = 0; i < DIMS; i++) {
		if (rollup_query(txn, dims[i], base_nsecs, 0, &k->of[i]) != 0) {
			free_counts(k);
			return -1;
		}
	}
	return 0;
}

static const struct rollup_row *
find_row(const struct rollup_result *r, const char *value)
{
	for (size_t i = 0; i < r->count; i++) {
		if (strcmp(r->rows[i].value, value) == 0)
			return &r->rows[i].sums;
	}
	return NULL;
}

static struct rollup_row
minus(const struct rollup_row *a, const struct rollup_row *b)
{
	struct rollup_row d = *a;

	if (b == NULL)
		return d;
	d.requests -= b->requests;
	d.attempts -= b->attempts;
	d.failures -= b->failures;
	d.prompt_tokens -= b->prompt_tokens;
	d.completion_tokens -= b->completion_tokens;
	d.cached_tokens -= b->cached_tokens;
	d.reasoning_tokens -= b->reasoning_tokens;
	d.cost_nanos -= b->cost_nanos;
	d.estimated_nanos -= b->estimated_nanos;
	d.latency_micros -= b->latency_micros;
	return d;
}

int64_t
top_latency_micros(const struct rollup_row *row)
{
	int64_t good = row->attempts - row->failures;

	return good > 0 ? row->latency_micros / good : 0;
}

/* ---- lists -------------------------------------------------------------- */

static void
free_lists(struct top_frame *f)
{
	for (int k = 0; k < TOP_LIST_COUNT; k++) {
		for (size_t i = 0; i < f->lists[k].count; i++) {
			free(f->lists[k].items[i].id);
			free(f->lists[k].items[i].name);
		}
		free(f->lists[k].items);
	}
	memset(f->lists, 0, sizeof(f->lists));
}

static struct top_item *
find_item(struct top_list *l, struct str id)
{
	struct top_item *item;

	for (size_t i = 0; i < l->count; i++) {
		if (str_is(id, l->items[i].id))
			return &l->items[i];
	}
	l->items = xrealloc(l->items, (l->count + 1) * sizeof(*l->items));
	item = &l->items[l->count++];
	memset(item, 0, sizeof(*item));
	item->id = str_dup(id);
	item->name = table_plain(str_dup(id));
	return item;
}

static void
fill_list(struct top_list *l, const struct rollup_result *now,
    const struct rollup_result *before)
{
	l->items = xcalloc(now->count + 1, sizeof(*l->items));
	for (size_t i = 0; i < now->count; i++) {
		struct top_item *item = &l->items[l->count++];

		item->id = str_dup(str_of(now->rows[i].value));
		item->name = table_plain(str_dup(str_of(item->id)));
		item->hour = now->rows[i].sums;
		if (before != NULL)
			item->now =
			    minus(&item->hour, find_row(before, item->id));
	}
}

/* Keys are hashes there; people know their aliases. */
static void
name_keys(struct ctl *c, struct top_list *l)
{
	struct store_txn *txn;

	if (store_read(c->store, STORE_ACCOUNTS, &txn, NULL) != 0)
		return;
	for (size_t i = 0; i < l->count; i++) {
		struct top_item *item = &l->items[i];
		unsigned char hash[SHA256_BYTES];
		struct str alias;
		json_t *row;

		if (strlen(item->id) != 2 * SHA256_BYTES ||
		    vkey_find(txn, str_of(item->id), hash, NULL) != 0 ||
		    entity_get(txn, ENTITY_KEY,
			str_make((const char *)hash, sizeof(hash)), &row,
			NULL) != 1)
			continue;
		alias = jsonx_str(row, "key_alias");
		if (alias.n > 0) {
			free(item->name);
			item->name = table_plain(str_dup(alias));
		}
		json_decref(row);
	}
	store_abort(&txn);
}

static void
name_deployments(const struct ctl *c, struct top_list *l)
{
	for (size_t i = 0;
	     c->catalog != NULL && i < c->catalog->deployment_count; i++) {
		const struct deployment *d = &c->catalog->deployments[i];
		struct top_item *item = find_item(l, str_of(d->id));

		free(item->name);
		item->name = table_plain(
		    xasprintf("%s %s", d->id, d->config->model_name));
	}
}

static int
read_health(struct store_txn *txn, struct top_list *l)
{
	struct store_cursor *cursor =
	    store_cursor_open(txn, STORE_HEALTH, str_make("", 0));
	struct str key, value;
	int rc = -1;

	while (cursor != NULL &&
	       (rc = store_cursor_next(cursor, &key, &value)) == 1) {
		struct top_item *item = find_item(l, key);

		item->has_health = health_row_read(value, &item->health);
	}
	store_cursor_close(&cursor);
	return rc;
}

/* ---- what is under way --------------------------------------------------- */

static int
read_holds(struct store_txn *txn, struct top_frame *f, struct err *err)
{
	struct hold_walk w;
	struct hold h;
	int rc;

	if (ledger_walk_holds(txn, 0, &w, err) != 0)
		return -1;
	while ((rc = ledger_next_hold(&w, &h, err)) == 1) {
		const struct str names[TOP_LIST_COUNT] = { h.names.group,
			h.names.key, h.names.deployment };

		f->under_way++;
		for (int k = 0; k < TOP_LIST_COUNT; k++) {
			if (names[k].n > 0)
				find_item(&f->lists[k], names[k])->under_way++;
		}
	}
	ledger_end_walk(&w);
	return rc;
}

static int
read_owners(struct store_txn *txn, const struct ctl *c, struct top_frame *f)
{
	struct store_cursor *cursor = owner_cursor(txn, 0);
	struct owner_row row;
	uint64_t id;
	int rc = -1;

	while (cursor != NULL && (rc = owner_next(cursor, &id, &row)) == 1) {
		if (row.role == CONTRACT_WORKER &&
		    owner_alive(c->store_dir, id, NULL) == 1)
			f->workers++;
	}
	store_cursor_close(&cursor);
	return rc;
}

/* ---- budgets ------------------------------------------------------------ */

/* Share of the cap that is left. */
static double
share(const struct budget_line *l)
{
	if (l->budget->cap.cap_nanos <= 0)
		return 0;
	return (double)budget_line_room(l) / (double)budget_line_cap(l);
}

static int
by_room(const void *a, const void *b)
{
	double x = share(a), y = share(b);

	if (x < y || x > y)
		return x < y ? -1 : 1;
	return strcmp(((const struct budget_line *)a)->id,
	    ((const struct budget_line *)b)->id);
}

static int
read_budgets(struct top *t, struct err *err)
{
	t->frame.budgets = NULL;
	if (!t->has_budgets)
		return 0;
	if (budget_lines_read(&t->budgets, t->ctl, err) != 0)
		return -1;
	if (t->budgets.count > 1)
		qsort(t->budgets.items, t->budgets.count,
		    sizeof(*t->budgets.items), by_room);
	t->frame.budgets = &t->budgets;
	return 0;
}

/* ---- sorting ------------------------------------------------------------ */

static int64_t
weight(const struct rollup_row *r, enum top_sort sort)
{
	switch (sort) {
	case TOP_BY_SPEND:
		return r->cost_nanos;
	case TOP_BY_REQUESTS:
		return r->attempts;
	case TOP_BY_TOKENS:
		return r->prompt_tokens + r->completion_tokens;
	case TOP_BY_ERRORS:
		return r->failures;
	case TOP_BY_LATENCY:
		return top_latency_micros(r);
	case TOP_SORT_COUNT:
		break;
	}
	return 0;
}

static int
by_weight(const void *a, const void *b, void *arg)
{
	const struct top_item *x = a, *y = b;
	enum top_sort sort = *(const enum top_sort *)arg;
	int64_t p = weight(&x->now, sort), q = weight(&y->now, sort);

	if (p == q) {
		p = weight(&x->hour, sort);
		q = weight(&y->hour, sort);
	}
	if (p != q)
		return p > q ? -1 : 1;
	return strcmp(x->id, y->id);
}

void
top_sort(struct top *t, enum top_sort sort)
{
	for (int k = 0; k < TOP_LIST_COUNT; k++) {
		struct top_list *l = &t->frame.lists[k];

		if (l->count > 1)
			qsort_r(l->items, l->count, sizeof(*l->items),
			    by_weight, &sort);
	}
}

/* ---- a reading ---------------------------------------------------------- */

/* The same moment for all; `next` begins with the hour of now, so that what is
   counted stays little. */
static int
read_live(struct top *t, struct counts *next, struct err *err)
{
	int64_t now = t->ctl->now_nsecs, hour = now - now % HOUR_NSECS;
	struct top_frame *f = &t->frame;
	bool first = t->before_nsecs == 0;
	struct counts then;
	struct store_txn *txn;
	int rc;

	if (store_read(t->ctl->store, STORE_LIVE, &txn, err) != 0)
		return -1;
	rc = read_counts(txn, first ? hour : t->before.base_nsecs, &then);
	if (rc == 0)
		rc = read_counts(txn, hour, next);
	if (rc != 0) {
		store_failed(txn, err);
		store_abort(&txn);
		return -1;
	}
	for (int k = 0; k < TOP_LIST_COUNT; k++)
		fill_list(&f->lists[k], &then.of[k],
		    first ? NULL : &t->before.of[k]);
	f->since_nsecs = then.base_nsecs;
	f->hour = then.of[DIMS - 1].total;
	if (!first)
		f->now = minus(&f->hour, &t->before.of[DIMS - 1].total);
	free_counts(&then);
	rc = read_health(txn, &f->lists[TOP_DEPLOYMENTS]);
	if (rc == 0)
		rc = read_holds(txn, f, err);
	if (rc == 0)
		rc = read_owners(txn, t->ctl, f);
	if (rc != 0) {
		store_failed(txn, err);
		free_counts(next);
	}
	store_abort(&txn);
	return rc;
}

const struct top_frame *
top_read(struct top *t, struct err *err)
{
	struct top_frame *f = &t->frame;
	struct store_info info;
	struct counts next;

	free_lists(f);
	memset(f, 0, sizeof(*f));
	t->ctl->now_nsecs = clock_wall_nsecs();
	err_set(err, ERR_STORE, "the store cannot be read");
	if (read_live(t, &next, err) != 0)
		return NULL;
	f->at_nsecs = t->ctl->now_nsecs;
	f->span_nsecs = t->before_nsecs > 0 ? f->at_nsecs - t->before_nsecs : 0;
	free_counts(&t->before);
	t->before = next;
	t->before_nsecs = f->at_nsecs;
	if (store_info(t->ctl->store, &info, err) != 0 ||
	    read_budgets(t, err) != 0)
		return NULL;
	f->waiting = (int64_t)info.rows[STORE_OUTBOX];
	recent_times_read(t->traces, f->at_nsecs - 60 * NSECS_PER_SEC,
	    &f->times);
	name_keys(t->ctl, &f->lists[TOP_KEYS]);
	name_deployments(t->ctl, &f->lists[TOP_DEPLOYMENTS]);
	return f;
}

void
top_close(struct top **tp)
{
	struct top *t = *tp;

	if (t == NULL)
		return;
	free_lists(&t->frame);
	free_counts(&t->before);
	if (t->has_budgets)
		budget_lines_close(&t->budgets);
	free(t->traces);
	free(t);
	*tp = NULL;
}
