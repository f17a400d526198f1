/* A reading of tallyctl top for people and programs. See top_view.h. */
#include "ctl/top_view.h"

#include "base/clock.h"
#include "base/jsonw.h"
#include "domain/ledger/money.h"

#define FIXED_LINES 3 /* head, totals, an empty one */
#define SECTIONS    4 /* the lists, and budgets; a head line each */
#define CELL_BYTES  128

/* ---- cells -------------------------------------------------------------- */

/* The text in `width` characters: cut with a mark, or padded. */
static void
cell(struct buf *out, const char *text, int width, bool right)
{
	int n = 0;
	const char *p = text, *cut = NULL;

	for (; *p != '\0'; p++) {
		if (((unsigned char)*p & 0xc0) == 0x80)
			continue;
		if (n == width - 1)
			cut = p;
		n++;
	}
	if (n > width) {
		buf_add(out, text, (size_t)(cut - text));
		buf_add_cstr(out, "~");
		return;
	}
	for (int i = n; right && i < width; i++)
		buf_add_char(out, ' ');
	buf_add_cstr(out, text);
	for (int i = n; !right && i < width; i++)
		buf_add_char(out, ' ');
}

static double
per_sec(const struct top_frame *f, int64_t count)
{
	return f->span_nsecs > 0 ? (double)count * 1e9 / (double)f->span_nsecs
				 : 0;
}

static void
rate_cell(struct buf *out, double rate, int width)
{
	char text[CELL_BYTES];

	snprintf(text, sizeof(text), rate < 100 ? "%.1f" : "%.0f", rate);
	cell(out, text, width, true);
}

static void
usd_cell(struct buf *out, double usd, int width)
{
	char text[CELL_BYTES];

	snprintf(text, sizeof(text), usd < 10 ? "%.6f" : "%.2f", usd);
	cell(out, text, width, true);
}

static void
percent_cell(struct buf *out, int64_t part, int64_t whole, int width)
{
	char text[CELL_BYTES] = "-";

	if (whole > 0)
		snprintf(text, sizeof(text), "%.1f%%",
		    100.0 * (double)part / (double)whole);
	cell(out, text, width, true);
}

static void
secs_cell(struct buf *out, int64_t micros, int width)
{
	char text[CELL_BYTES] = "-";

	if (micros > 0)
		snprintf(text, sizeof(text), "%.3fs", (double)micros / 1e6);
	cell(out, text, width, true);
}

static int64_t
tokens(const struct rollup_row *r)
{
	return r->prompt_tokens + r->completion_tokens;
}

/* ---- sections ----------------------------------------------------------- */

static void
breaker_text(const struct top_item *item, int64_t now, char out[CELL_BYTES])
{
	int64_t wait = breaker_wait_nsecs(&item->health, now);

	if (!item->has_health || item->health.state == BREAKER_CLOSED)
		snprintf(out, CELL_BYTES, "closed");
	else if (item->health.state == BREAKER_OPEN && wait == BREAKER_FOREVER)
		snprintf(out, CELL_BYTES, "OPEN");
	else if (item->health.state == BREAKER_OPEN)
		snprintf(out, CELL_BYTES, "OPEN %llds",
		    (long long)((wait + NSECS_PER_SEC - 1) / NSECS_PER_SEC));
	else
		snprintf(out, CELL_BYTES, "half-open");
}

static int
name_width(const struct top_view *v)
{
	return v->width - 53;
}

static void
list_head(const struct top_view *v, enum top_list_kind kind, struct buf *out)
{
#define LIST_WORD(NAME, dim, word, plural) word,
	static const char *const words[] = { TOP_LISTS(LIST_WORD) };
#undef LIST_WORD

	if (v->marked)
		buf_add_char(out, TOP_HEAD);
	cell(out, words[kind], name_width(v), false);
	cell(out, "req/s", 7, true);
	cell(out, "tok/s", 8, true);
	cell(out, "USD/s", 10, true);
	cell(out, "err", 7, true);
	cell(out, "avg", 8, true);
	cell(out, kind == TOP_DEPLOYMENTS ? "way breaker" : "way",
	    kind == TOP_DEPLOYMENTS ? 13 : 4, true);
	buf_add_char(out, '\n');
}

static void
list_row(const struct top_frame *f, const struct top_view *v,
    enum top_list_kind kind, const struct top_item *item, struct buf *out)
{
	const struct rollup_row *r = &item->now;
	char text[CELL_BYTES];

	cell(out, item->name, name_width(v), false);
	/* A model's requests are the clients'; a deployment's its attempts. */
	rate_cell(out,
	    per_sec(f, kind == TOP_DEPLOYMENTS ? r->attempts : r->requests), 7);
	rate_cell(out, per_sec(f, tokens(r)), 8);
	usd_cell(out, per_sec(f, r->cost_nanos) / 1e9, 10);
	percent_cell(out, r->failures, r->attempts, 7);
	secs_cell(out, top_latency_micros(r), 8);
	snprintf(text, sizeof(text), "%lld", (long long)item->under_way);
	cell(out, text, 4, true);
	if (kind == TOP_DEPLOYMENTS) {
		breaker_text(item, f->at_nsecs, text);
		buf_add_char(out, ' ');
		cell(out, text, 8, false);
	}
	buf_add_char(out, '\n');
}

static void
budget_head(const struct top_view *v, struct buf *out)
{
	if (v->marked)
		buf_add_char(out, TOP_HEAD);
	cell(out, "budget", v->width - 47, false);
	cell(out, "cap USD", 12, true);
	cell(out, "spent", 12, true);
	cell(out, "held", 12, true);
	cell(out, "room", 8, true);
	buf_add_char(out, '\n');
}

static void
budget_row(const struct top_view *v, const struct budget_line *l,
    struct buf *out)
{
	int64_t cap = budget_line_cap(l);
	char *name = xasprintf("%s %s %s", scope_name(l->budget->kind), l->id,
	    l->budget->duration);

	cell(out, name, v->width - 47, false);
	free(name);
	usd_cell(out, (double)cap / 1e9, 12);
	usd_cell(out, (double)budget_line_spent(l) / 1e9, 12);
	usd_cell(out, (double)l->row.held_nanos / 1e9, 12);
	percent_cell(out, budget_line_room(l), cap, 8);
	buf_add_char(out, '\n');
}

/* ---- the whole ---------------------------------------------------------- */

static void
head_lines(const struct top_frame *f, const struct top_view *v, struct buf *out)
{
	char when[CLOCK_RFC3339_BYTES], usd[MONEY_TEXT_BYTES];
	const struct rollup_row *n = &f->now;
	struct buf line;

	buf_init(&line, 4096);
	clock_rfc3339(f->at_nsecs, when);
	buf_printf(&line,
	    "%.8sZ  %lld workers  %lld under way  %lld waiting  by %s%s",
	    when + 11, (long long)f->workers, (long long)f->under_way,
	    (long long)f->waiting, top_sort_name(v->sort),
	    v->paused ? "  PAUSED" : "");
	if (v->marked)
		buf_add_char(out, TOP_HEAD);
	cell(out, buf_cstr(&line), v->width - (v->marked ? 0 : 1), false);
	buf_add_char(out, '\n');
	buf_clear(&line);
	money_format(f->hour.cost_nanos, usd);
	buf_printf(&line,
	    "%.1f req/s  %.0f tok/s  %.6f USD/s  %.1f%% errors  p50 %.3fs  "
	    "hour %lld req %s USD",
	    per_sec(f, n->requests), per_sec(f, tokens(n)),
	    per_sec(f, n->cost_nanos) / 1e9,
	    n->attempts > 0 ? 100.0 * (double)n->failures / (double)n->attempts
			    : 0,
	    (double)f->times.p50_micros / 1e6, (long long)f->hour.requests,
	    usd);
	cell(out, buf_cstr(&line), v->width - 1, false);
	buf_add_cstr(out, "\n\n");
	buf_fini(&line);
}

/* Lines for each section: what one does not need goes to the others. */
static void
share_lines(const struct top_view *v, const size_t wanted[SECTIONS],
    size_t given[SECTIONS])
{
	int left = v->height - FIXED_LINES - SECTIONS;
	bool more = true;

	memset(given, 0, SECTIONS * sizeof(*given));
	while (more && (v->height == 0 || left > 0)) {
		more = false;
		for (int i = 0; i < SECTIONS; i++) {
			if (given[i] == wanted[i] ||
			    (v->height > 0 && left == 0))
				continue;
			given[i]++;
			left--;
			more = true;
		}
	}
}

void
top_view_text(const struct top_frame *f, const struct top_view *v,
    struct buf *out)
{
	size_t wanted[SECTIONS], given[SECTIONS];

	for (int k = 0; k < TOP_LIST_COUNT; k++)
		wanted[k] = f->lists[k].count;
	wanted[TOP_LIST_COUNT] = f->budgets != NULL ? f->budgets->count : 0;
	share_lines(v, wanted, given);
	head_lines(f, v, out);
	for (int k = 0; k < TOP_LIST_COUNT; k++) {
		list_head(v, (enum top_list_kind)k, out);
		for (size_t i = 0; i < given[k]; i++)
			list_row(f, v, (enum top_list_kind)k,
			    &f->lists[k].items[i], out);
	}
	budget_head(v, out);
	for (size_t i = 0; i < given[TOP_LIST_COUNT]; i++)
		budget_row(v, &f->budgets->items[i], out);
}

/* ---- for programs ------------------------------------------------------- */

static void
json_rate(struct jsonw *w, const char *key, double rate)
{
	jsonw_key(w, key);
	jsonw_decimal(w, (int64_t)(rate * 1e9 + 0.5), 9);
}

static void
json_counts(struct jsonw *w, const struct top_frame *f,
    const struct rollup_row *now, const struct rollup_row *hour)
{
	json_rate(w, "requests_per_s", per_sec(f, now->requests));
	json_rate(w, "attempts_per_s", per_sec(f, now->attempts));
	json_rate(w, "tokens_per_s", per_sec(f, tokens(now)));
	json_rate(w, "usd_per_s", per_sec(f, now->cost_nanos) / 1e9);
	json_rate(w, "failures_per_s", per_sec(f, now->failures));
	jsonw_key(w, "latency_s");
	jsonw_decimal(w, top_latency_micros(now), 6);
	jsonw_key(w, "requests");
	jsonw_int(w, hour->requests);
	jsonw_key(w, "tokens");
	jsonw_int(w, tokens(hour));
	jsonw_key(w, "failures");
	jsonw_int(w, hour->failures);
	jsonw_key(w, "cost_usd");
	jsonw_decimal(w, hour->cost_nanos, 9);
}

static void
json_list(struct jsonw *w, const struct top_frame *f, enum top_list_kind kind)
{
	const struct top_list *l = &f->lists[kind];

	jsonw_open(w, '[');
	for (size_t i = 0; i < l->count; i++) {
		const struct top_item *item = &l->items[i];

		jsonw_open(w, '{');
		jsonw_key(w, "id");
		jsonw_cstr(w, item->id);
		jsonw_key(w, "name");
		jsonw_cstr(w, item->name);
		json_counts(w, f, &item->now, &item->hour);
		jsonw_key(w, "under_way");
		jsonw_int(w, item->under_way);
		if (kind == TOP_DEPLOYMENTS) {
			jsonw_key(w, "breaker");
			jsonw_cstr(w,
			    breaker_state_name(
				item->has_health
				    ? (enum breaker_state)item->health.state
				    : BREAKER_CLOSED));
			jsonw_key(w, "usual_latency_s");
			jsonw_decimal(w,
			    item->has_health ? item->health.latency_micros : 0,
			    6);
		}
		jsonw_close(w, '}');
	}
	jsonw_close(w, ']');
}

static void
json_budgets(struct jsonw *w, const struct budget_lines *l)
{
	jsonw_open(w, '[');
	for (size_t i = 0; l != NULL && i < l->count; i++) {
		const struct budget_line *b = &l->items[i];

		jsonw_open(w, '{');
		jsonw_key(w, "scope");
		jsonw_cstr(w, scope_name(b->budget->kind));
		jsonw_key(w, "id");
		jsonw_cstr(w, b->id[0] != '\0' ? b->id : NULL);
		jsonw_key(w, "window");
		jsonw_cstr(w, b->budget->duration[0] != '\0'
				  ? b->budget->duration
				  : NULL);
		jsonw_key(w, "max_budget_usd");
		jsonw_decimal(w, budget_line_cap(b), 9);
		jsonw_key(w, "spent_usd");
		jsonw_decimal(w, budget_line_spent(b), 9);
		jsonw_key(w, "carried_usd");
		jsonw_decimal(w, budget_line_carried(b), 9);
		jsonw_key(w, "held_usd");
		jsonw_decimal(w, b->row.held_nanos, 9);
		jsonw_key(w, "room_usd");
		jsonw_decimal(w, budget_line_room(b), 9);
		jsonw_close(w, '}');
	}
	jsonw_close(w, ']');
}

/* Of the last minute; null when nothing was answered in it. */
static void
json_times(struct jsonw *w, const struct recent_times *t)
{
	jsonw_key(w, "p50_latency_s");
	if (t->count > 0)
		jsonw_decimal(w, t->p50_micros, 6);
	else
		jsonw_null(w);
	jsonw_key(w, "p95_latency_s");
	if (t->count > 0)
		jsonw_decimal(w, t->p95_micros, 6);
	else
		jsonw_null(w);
}

void
top_view_json(const struct top_frame *f, struct buf *out)
{
#define LIST_WORD(NAME, dim, word, plural) plural,
	static const char *const plurals[] = { TOP_LISTS(LIST_WORD) };
#undef LIST_WORD
	char when[CLOCK_RFC3339_BYTES];
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_open(&w, '{');
	jsonw_key(&w, "time");
	clock_rfc3339(f->at_nsecs, when);
	jsonw_cstr(&w, when);
	jsonw_key(&w, "since");
	clock_rfc3339(f->since_nsecs, when);
	jsonw_cstr(&w, when);
	jsonw_key(&w, "span_s");
	jsonw_decimal(&w, f->span_nsecs, 9);
	jsonw_key(&w, "workers");
	jsonw_int(&w, f->workers);
	jsonw_key(&w, "under_way");
	jsonw_int(&w, f->under_way);
	jsonw_key(&w, "waiting");
	jsonw_int(&w, f->waiting);
	jsonw_put_open(&w, "total", '{');
	json_counts(&w, f, &f->now, &f->hour);
	json_times(&w, &f->times);
	jsonw_close(&w, '}');
	for (int k = 0; k < TOP_LIST_COUNT; k++) {
		jsonw_key(&w, plurals[k]);
		json_list(&w, f, (enum top_list_kind)k);
	}
	jsonw_key(&w, "budgets");
	json_budgets(&w, f->budgets);
	jsonw_close(&w, '}');
}
