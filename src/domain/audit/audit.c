/*
 * The audit: line by line. See audit.h. The comparison with the store at the
 * end is audit_compare.c, the store's side audit_books.c.
 */
#include "domain/audit/audit_private.h"

#include "base/clock.h"
#include "domain/prices/price_rates.h"

#define MAX_VALUES 100000 /* per dimension */

#define KIND_WORD(NAME, word) word,
static const char *const kind_words[AUDIT_KIND_COUNT] = { AUDIT_KINDS(
    KIND_WORD) };
#undef KIND_WORD

const char *
audit_kind_name(enum audit_kind kind)
{
	return kind_words[kind];
}

/* ---- differences -------------------------------------------------------- */

void
audit_differ(struct audit *a, enum audit_kind kind, const char *where,
    const char *found, const char *right)
{
	struct audit_difference d = { kind, where, found, right };

	a->counts.differences++;
	if (a->options.differs != NULL)
		a->options.differs(a->options.arg, &d);
}

void
audit_differ_usd(struct audit *a, enum audit_kind kind, const char *where,
    int64_t found_nanos, int64_t right_nanos)
{
	char found[MONEY_TEXT_BYTES], right[MONEY_TEXT_BYTES];

	money_format(found_nanos, found);
	money_format(right_nanos, right);
	audit_differ(a, kind, where, found, right);
}

void
audit_differ_int(struct audit *a, enum audit_kind kind, const char *where,
    int64_t found, int64_t right)
{
	char found_text[32], right_text[32];

	snprintf(found_text, sizeof(found_text), "%lld", (long long)found);
	snprintf(right_text, sizeof(right_text), "%lld", (long long)right);
	audit_differ(a, kind, where, found_text, right_text);
}

/* ---- life --------------------------------------------------------------- */

struct audit *
audit_new(const struct audit_options *o)
{
	struct audit *a = xcalloc(1, sizeof(*a));

	a->options = *o;
	a->owners = o->books != NULL ? o->books->owners : map_new();
	a->windows = o->books != NULL ? o->books->windows : map_new();
	a->prices = map_new();
	for (int d = 0; d < ROLLUP_DIM_COUNT; d++)
		a->sums[d].values = map_new();
	a->has_prev = o->whole || (o->prev != NULL && o->prev[0] != '\0');
	if (a->has_prev && !o->whole)
		snprintf(a->prev, sizeof(a->prev), "%s", o->prev);
	return a;
}

void
audit_free(struct audit **ap)
{
	struct audit *a = *ap;

	if (a == NULL)
		return;
	if (a->options.books == NULL) {
		map_free_with(&a->windows, audit_window_free);
		map_free_with(&a->owners, free);
	}
	map_free_with(&a->prices, free);
	for (int d = 0; d < ROLLUP_DIM_COUNT; d++)
		map_free_with(&a->sums[d].values, free);
	free(a);
	*ap = NULL;
}

const struct audit_counts *
audit_counts(const struct audit *a)
{
	return &a->counts;
}

/* ---- the chain ---------------------------------------------------------- */

static void
check_chain(struct audit *a, const char *where, const struct trace_line *l,
    struct str text)
{
	char prev[80];

	if (!trace_line_hash_ok(text))
		audit_differ(a, AUDIT_HASH, where, "the line was changed",
		    "the line it was made for");
	if (a->has_prev && !str_is(l->prev, a->prev)) {
		snprintf(prev, sizeof(prev), "%.64s", l->prev.p);
		audit_differ(a, AUDIT_CHAIN, where,
		    prev[0] != '\0' ? prev : "(the chain's start)",
		    a->prev[0] != '\0' ? a->prev : "(the chain's start)");
	}
	snprintf(a->prev, sizeof(a->prev), "%.64s", l->hash.p);
	a->has_prev = true;
}

/* Each owner's records rise by one; where nothing came before, from 1. */
static void
check_sequence(struct audit *a, const char *where, const struct trace_line *l)
{
	struct audit_owner *o = audit_owner_of(a->owners, l->owner);
	char text[160];

	if (o->first == 0) {
		o->first = l->seq;
		a->counts.owners++;
	}
	if ((o->on_file > 0 || a->options.whole) && l->seq != o->on_file + 1) {
		snprintf(text, sizeof(text), "%s: owner %llu", where,
		    (unsigned long long)l->owner);
		audit_differ_int(a, AUDIT_SEQUENCE, text, (int64_t)l->seq,
		    (int64_t)o->on_file + 1);
	}
	if (l->seq > o->on_file)
		o->on_file = l->seq;
}

/* ---- the money ---------------------------------------------------------- */

/* NULL: not in the book, which has been told. */
static const struct price *
find_price(struct audit *a, const char *where, struct str version)
{
	struct price *p = map_find(a->prices, version);
	struct err err = { 0 };
	int rc;

	if (p == NULL) {
		p = xcalloc(1, sizeof(*p));
		price_clear(p);
		rc = a->options.price(a->options.arg, version, p, &err);
		if (rc == 1)
			a->counts.prices++;
		else
			price_clear(p);
		map_set(a->prices, version, p);
		if (rc != 1) {
			char found[80];

			snprintf(found, sizeof(found), "version " STR_FMT,
			    version.n > 40 ? 40 : (int)version.n, version.p);
			audit_differ(a, AUDIT_PRICE, where, found,
			    rc < 0 ? err.text : "a price in the price book");
		}
	}
	return p->known ? p : NULL;
}

static void
check_charge(struct audit *a, const char *where, const struct trace_line *l,
    size_t i)
{
	const struct trace_attempt *t = &l->attempts[i];
	const struct price *p;
	struct price unknown;
	char at[200];
	int64_t right;

	if (t->lost) {
		a->counts.by_rule++;
		a->counts.by_rule_nanos =
		    money_add(a->counts.by_rule_nanos, t->cost_nanos);
		return;
	}
	if (a->options.price == NULL)
		return;
	price_clear(&unknown);
	p = t->price_version.n > 0 ? find_price(a, where, t->price_version)
				   : &unknown;
	if (p == NULL)
		return;
	a->counts.charges++;
	right = price_cost_nanos(p, &t->usage);
	if (right == t->cost_nanos)
		return;
	snprintf(at, sizeof(at), "%s: attempt %zu: cost_usd", where, i + 1);
	audit_differ_usd(a, AUDIT_CHARGE, at, t->cost_nanos, right);
}

static void
check_sums(struct audit *a, const char *where, const struct trace_line *l)
{
	struct rollup_row sum = { 0 };
	struct charge c;
	char at[200];

	for (size_t i = 0; i < l->attempt_count; i++) {
		trace_line_charge(l, i, &c);
		rollup_row_add(&sum, &c.amounts);
	}
	if (sum.cost_nanos != l->cost_nanos) {
		snprintf(at, sizeof(at), "%s: cost_usd", where);
		audit_differ_usd(a, AUDIT_COST, at, l->cost_nanos,
		    sum.cost_nanos);
	}
	const struct {
		const char *name;
		int64_t found, right;
	} tokens[] = {
		{ "prompt_tokens", l->prompt_tokens, sum.prompt_tokens },
		{ "completion_tokens", l->completion_tokens,
		    sum.completion_tokens },
		{ "cached_tokens", l->cached_tokens, sum.cached_tokens },
		{ "reasoning_tokens", l->reasoning_tokens,
		    sum.reasoning_tokens },
	};
	for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
		if (tokens[i].found == tokens[i].right)
			continue;
		snprintf(at, sizeof(at), "%s: %s", where, tokens[i].name);
		audit_differ_int(a, AUDIT_TOKENS, at, tokens[i].found,
		    tokens[i].right);
	}
}

/* ---- the sums ----------------------------------------------------------- */

static void
add_to_value(struct audit_sums *s, struct str value,
    const struct rollup_row *amounts)
{
	struct rollup_row *row = map_find(s->values, value);

	rollup_row_add(&s->total, amounts);
	if (row == NULL) {
		if (map_count(s->values) >= MAX_VALUES) {
			s->crowded = true;
			return;
		}
		row = xcalloc(1, sizeof(*row));
		map_set(s->values, value, row);
	}
	rollup_row_add(row, amounts);
}

static void
add_charge(struct audit *a, const struct charge *c, int64_t settled_nsecs)
{
	char cut[ROLLUP_VALUE_BYTES], day[CLOCK_RFC3339_BYTES];
	struct rollup_places places;

	rollup_places(&c->names, &places);
	for (size_t i = 0; i < places.count; i++) {
		const struct rollup_place *p = &places.items[i];
		struct str value = rollup_place_name(p, cut);
		int64_t since = a->options.books->since_nsecs[p->dim];

		if (since < 0 || settled_nsecs < since)
			continue;
		if (p->dim == ROLLUP_ALL) {
			clock_rfc3339(settled_nsecs, day);
			value = str_make(day, 10);
		}
		add_to_value(&a->sums[p->dim], value, &c->amounts);
	}
}

/* Books a record as the store did when it was settled. */
static void
add_line(struct audit *a, const struct trace_line *l)
{
	struct charge c;

	for (size_t i = 0; i < l->attempt_count; i++) {
		trace_line_charge(l, i, &c);
		add_charge(a, &c, l->settled_nsecs);
		audit_add_spent(a->windows, &l->attempts[i]);
	}
}

/* True when the books that were read know of this record. */
static bool
is_in_books(struct audit *a, const struct trace_line *l)
{
	const struct audit_owner *o = audit_owner_of(a->owners, l->owner);

	if (o->in_books)
		return l->seq <= o->last_seq;
	/* An owner that has been cleaned up after, or a new one. */
	return l->owner <= a->options.books->last_owner;
}

static void
count_line(struct audit *a, const struct trace_line *l)
{
	for (size_t i = 0; i < l->attempt_count; i++) {
		const struct trace_attempt *t = &l->attempts[i];

		a->counts.attempts++;
		if (t->usage.source != USAGE_ESTIMATED || t->lost)
			continue;
		a->counts.estimated++;
		a->counts.estimated_nanos =
		    money_add(a->counts.estimated_nanos, t->cost_nanos);
	}
	a->counts.cost_nanos = money_add(a->counts.cost_nanos, l->cost_nanos);
}

static void
flag(struct audit *a, const char *where, const struct trace_line *l)
{
	for (size_t i = 0; a->options.flagged != NULL && i < l->attempt_count;
	     i++) {
		const struct trace_attempt *t = &l->attempts[i];

		if (t->lost || t->usage.source == USAGE_ESTIMATED)
			a->options.flagged(a->options.arg, where, l->run_id,
			    t->lost ? "lost" : "estimated", t->cost_nanos);
	}
}

static void
check_money(struct audit *a, const char *where, const struct trace_line *l)
{
	count_line(a, l);
	flag(a, where, l);
	for (size_t i = 0; i < l->attempt_count; i++)
		check_charge(a, where, l, i);
	check_sums(a, where, l);
}

void
audit_line(struct audit *a, const char *file, uint64_t number, struct str text)
{
	struct trace_line l;
	struct str hash;
	struct err err;
	char where[120];

	snprintf(where, sizeof(where), "%.80s:%llu", file,
	    (unsigned long long)number);
	a->counts.lines++;
	if (trace_line_parse(text, true, &l, &err) != 0) {
		audit_differ(a, AUDIT_LINE, where, err.text, "a trace record");
		/* The chain goes on behind it, if it says how. */
		hash = trace_line_hash(text);
		a->has_prev = hash.n > 0;
		if (hash.n > 0)
			snprintf(a->prev, sizeof(a->prev), "%.64s", hash.p);
		return;
	}
	check_chain(a, where, &l, text);
	check_sequence(a, where, &l);
	check_money(a, where, &l);
	if (a->options.books != NULL) {
		if (is_in_books(a, &l))
			add_line(a, &l);
		else
			a->counts.later++;
	}
	trace_line_free(&l);
}

void
audit_waiting(struct audit *a, uint64_t owner, uint64_t seq, struct str text)
{
	struct audit_owner *o = audit_owner_of(a->owners, owner);
	struct trace_line l;
	struct err err;
	char where[120];

	if (seq <= o->on_file)
		return; /* on file meanwhile */
	snprintf(where, sizeof(where), "outbox: owner %llu, sequence %llu",
	    (unsigned long long)owner, (unsigned long long)seq);
	if (o->next == 0)
		o->next =
		    o->on_file > 0 || a->options.whole ? o->on_file + 1 : seq;
	if (seq != o->next)
		audit_differ_int(a, AUDIT_SEQUENCE, where, (int64_t)seq,
		    (int64_t)o->next);
	o->next = seq + 1;
	a->counts.waiting++;
	if (trace_line_parse(text, false, &l, &err) != 0) {
		audit_differ(a, AUDIT_LINE, where, err.text, "a trace record");
		return;
	}
	check_money(a, where, &l);
	if (a->options.books != NULL)
		add_line(a, &l);
	trace_line_free(&l);
}

/* ---- the end ------------------------------------------------------------ */

/* Every record an owner ever settled is on file or waits. */
static void
check_missing(struct audit *a)
{
	size_t cursor = 0;
	struct str key;
	void *value;
	char where[160];

	while (map_next(a->owners, &cursor, &key, &value) == 1) {
		const struct audit_owner *o = value;
		uint64_t have = o->next > 0 ? o->next - 1 : o->on_file;

		if (!o->in_books || have >= o->last_seq ||
		    (have == 0 && !a->options.whole))
			continue;
		snprintf(where, sizeof(where),
		    "owner %llu: last record on file or waiting",
		    (unsigned long long)o->id);
		audit_differ_int(a, AUDIT_MISSING, where, (int64_t)have,
		    (int64_t)o->last_seq);
	}
}

void
audit_finish(struct audit *a)
{
	if (a->options.forged != NULL)
		audit_differ(a, AUDIT_FORGED, a->options.forged,
		    "another's signature", "its key's");
	if (a->options.books == NULL)
		return;
	check_missing(a);
	audit_compare(a);
}
