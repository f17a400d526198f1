/* The lines' sums against the store's: roll-ups and windows. See audit.h. */
#include "domain/audit/audit_private.h"

#include "base/clock.h"

#include <stddef.h>

static const struct {
	const char *name;
	size_t offset;
	bool is_money;
} fields[] = {
	{ "requests", offsetof(struct rollup_row, requests), false },
	{ "attempts", offsetof(struct rollup_row, attempts), false },
	{ "failures", offsetof(struct rollup_row, failures), false },
	{ "prompt_tokens", offsetof(struct rollup_row, prompt_tokens), false },
	{ "completion_tokens", offsetof(struct rollup_row, completion_tokens),
	    false },
	{ "cached_tokens", offsetof(struct rollup_row, cached_tokens), false },
	{ "reasoning_tokens", offsetof(struct rollup_row, reasoning_tokens),
	    false },
	{ "failed_requests", offsetof(struct rollup_row, failed_requests),
	    false },
	{ "cache_write_tokens", offsetof(struct rollup_row, cache_write_tokens),
	    false },
	{ "cost_usd", offsetof(struct rollup_row, cost_nanos), true },
	{ "estimated_usd", offsetof(struct rollup_row, estimated_nanos), true },
};

static int64_t
field_of(const struct rollup_row *r, size_t i)
{
	int64_t v;

	memcpy(&v, (const char *)r + fields[i].offset, sizeof(v));
	return v;
}

static const struct rollup_row nothing;

/* ---- roll-ups ----------------------------------------------------------- */

/* The name of a sum on one line: a split's parts with slashes in between. */
static void
print_sum(enum rollup_dim dim, struct str value, const char *field, char *out,
    size_t size)
{
	snprintf(out, size, "%s " STR_FMT ": %s", rollup_dim_name(dim),
	    STR_ARG(value), field);
	for (; *out != '\0'; out++) {
		if ((unsigned char)*out < ' ')
			*out = '/';
	}
}

static void
compare_rows(struct audit *a, enum rollup_dim dim, struct str value,
    const struct rollup_row *store, const struct rollup_row *lines)
{
	char where[640];

	a->counts.sums++;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		int64_t found = field_of(store, i), right = field_of(lines, i);

		if (found == right)
			continue;
		print_sum(dim, value, fields[i].name, where, sizeof(where));
		if (fields[i].is_money)
			audit_differ_usd(a, AUDIT_ROLLUP, where, found, right);
		else
			audit_differ_int(a, AUDIT_ROLLUP, where, found, right);
	}
}

/* What the lines have and the store's row has not: where the store ran out of
   values it is part of "(other)". */
static void
add_rest(struct rollup_row *rest, const struct rollup_row *lines,
    const struct rollup_row *store)
{
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		int64_t v =
		    field_of(rest, i) + field_of(lines, i) - field_of(store, i);

		memcpy((char *)rest + fields[i].offset, &v, sizeof(v));
	}
}

/* The store's sums of a dimension by value. */
static struct map *
index_result(const struct rollup_result *r)
{
	struct map *m = map_new();

	for (size_t i = 0; i < r->count; i++)
		map_set(m, str_of(r->rows[i].value), &r->rows[i]);
	return m;
}

static void
compare_values(struct audit *a, enum rollup_dim dim,
    const struct rollup_result *r)
{
	struct audit_sums *s = &a->sums[dim];
	struct map *store = index_result(r);
	const struct rollup_sum *other = map_find(store, str_of(ROLLUP_OTHER));
	struct rollup_row rest = { 0 };
	size_t cursor = 0;
	struct str value;
	void *lines;

	while (map_next(s->values, &cursor, &value, &lines) == 1) {
		const struct rollup_sum *row = map_find(store, value);
		const struct rollup_row *has = row ? &row->sums : &nothing;

		if (other != NULL)
			add_rest(&rest, lines, row == other ? &nothing : has);
		else
			compare_rows(a, dim, value, has, lines);
	}
	for (size_t i = 0; i < r->count; i++) {
		struct str name = str_of(r->rows[i].value);

		if (&r->rows[i] != other && map_find(s->values, name) == NULL)
			compare_rows(a, dim, name, &r->rows[i].sums, &nothing);
	}
	if (other != NULL)
		compare_rows(a, dim, str_of(ROLLUP_OTHER), &other->sums, &rest);
	map_free(&store);
}

static void
compare_rollups(struct audit *a)
{
	for (int d = 0; d < ROLLUP_DIM_COUNT; d++) {
		const struct rollup_result *r = &a->options.books->rollups[d];

		if (a->options.books->since_nsecs[d] < 0)
			continue;
		if (a->sums[d].crowded)
			compare_rows(a, (enum rollup_dim)d, str_of("(total)"),
			    &r->total, &a->sums[d].total);
		else
			compare_values(a, (enum rollup_dim)d, r);
	}
}

/* ---- windows ------------------------------------------------------------ */

/* True when all that was settled in it is among the lines. */
static bool
is_covered(const struct audit *a, const struct audit_window *w)
{
	int64_t since = a->options.books->covered_nsecs;

	return since == 0 ||
	       (since > 0 &&
		   (int64_t)w->scope.window_start * NSECS_PER_SEC >= since);
}

static void
describe_window(const struct audit_window *w, const char *what, char *out,
    size_t size)
{
	char when[CLOCK_RFC3339_BYTES] = "the beginning";

	if (w->scope.window_start > 0)
		clock_rfc3339((int64_t)w->scope.window_start * NSECS_PER_SEC,
		    when);
	snprintf(out, size, "%s%s" STR_FMT ", window from %s: %s",
	    scope_name((enum scope_kind)w->scope.kind),
	    w->scope.id.n > 0 ? " " : "", STR_ARG(w->scope.id), when, what);
}

static void
compare_window(struct audit *a, const struct audit_window *w)
{
	char where[400];

	if (w->row.held_nanos != w->holds_nanos) {
		describe_window(w, "held", where, sizeof(where));
		audit_differ_usd(a, AUDIT_HELD, where, w->row.held_nanos,
		    w->holds_nanos);
	}
	/* A window that is over may have been swept away. */
	if (!w->has_row && w->scope.window_end != 0 &&
	    (int64_t)w->scope.window_end * NSECS_PER_SEC <=
		a->options.now_nsecs)
		return;
	if (!is_covered(a, w)) {
		a->counts.old_windows++;
		return;
	}
	a->counts.windows++;
	if (w->row.spent_nanos == w->spent_nanos)
		return;
	describe_window(w, "spent", where, sizeof(where));
	audit_differ_usd(a, AUDIT_SPENT, where, w->row.spent_nanos,
	    w->spent_nanos);
}

void
audit_compare(struct audit *a)
{
	size_t cursor = 0;
	struct str key;
	void *value;

	compare_rollups(a);
	while (map_next(a->windows, &cursor, &key, &value) == 1)
		compare_window(a, value);
}
