/*
 * Sums of roll-up rows over a span of time. See rollup_query.h.
 *
 * An asking owns its result and the places of its values until it is ended or
 * dropped. Fails by failing the transaction.
 */
#include "domain/ledger/rollup_query.h"

#include "base/clock.h"
#include "base/map.h"
#include "domain/ledger/money.h"
#include "domain/ledger/rollup_walk.h"

#define MAX_RESULT_ROWS 100000
/* Days that ended less than this ago are not compacted soon: their hours can
   be read one by one. */
#define YOUNG_SECS ((int64_t)2 * ROLLUP_DAY_SECS)

/* ---- gathering ---------------------------------------------------------- */

static void
gather(struct rollup_asking *q, struct str value, const struct rollup_row *row)
{
	struct rollup_result *r = &q->result;
	uintptr_t place = (uintptr_t)map_find(q->places, value);

	if (place == 0 && r->count >= MAX_RESULT_ROWS) {
		value = str_of(ROLLUP_OTHER);
		place = (uintptr_t)map_find(q->places, value);
	}
	if (place == 0) {
		if (r->count == q->size) {
			q->size = q->size == 0 ? 64 : q->size * 2;
			r->rows = xrealloc(r->rows, q->size * sizeof(*r->rows));
		}
		place = ++r->count;
		memset(&r->rows[place - 1], 0, sizeof(*r->rows));
		r->rows[place - 1].value = str_dup(value);
		map_set(q->places, value, (void *)place);
	}
	rollup_row_add(&r->rows[place - 1].sums, row);
}

/* What a row is summed under. */
static struct str
name_of(const struct rollup_walk *w, char day[CLOCK_RFC3339_BYTES])
{
	struct str rest = w->value;

	if (w->dim == ROLLUP_ALL) {
		clock_rfc3339((int64_t)w->start * NSECS_PER_SEC, day);
		return str_make(day, 10); /* "2026-11-22" */
	}
	return w->dim == ROLLUP_CUSTOMER ? str_cut(&rest, ROLLUP_SEPARATOR)
					 : rest;
}

static int
gather_bucket(struct rollup_asking *q, struct store_txn *t,
    enum rollup_bucket bucket, int64_t since, int64_t until)
{
	char day[CLOCK_RFC3339_BYTES];
	struct rollup_walk w;
	int rc;

	if (since > UINT32_MAX)
		return 0;
	if (rollup_walk_open(&w, t, q->dim, bucket, (uint32_t)since) != 0)
		return -1;
	while ((rc = rollup_walk_next(&w, until)) == 1) {
		if (!w.is_head)
			gather(q, name_of(&w, day), &w.row);
	}
	rollup_walk_close(&w);
	return rc;
}

static int
gather_span(struct rollup_asking *q, struct store_txn *t, int64_t since,
    int64_t until)
{
	if (gather_bucket(q, t, ROLLUP_DAY, since, until) != 0)
		return -1;
	return gather_bucket(q, t, ROLLUP_HOUR, since, until);
}

/* ---- the span ----------------------------------------------------------- */

/* Where the first row of a bucket at or after `since` starts: 1, 0 there is
   none before `until`, -1. */
static int
first_start(const struct rollup_asking *q, struct store_txn *t,
    enum rollup_bucket bucket, int64_t since, int64_t until, int64_t *start_r)
{
	struct rollup_walk w;
	int rc;

	if (since > UINT32_MAX)
		return 0;
	if (rollup_walk_open(&w, t, q->dim, bucket, (uint32_t)since) != 0)
		return -1;
	rc = rollup_walk_next(&w, until);
	*start_r = w.start;
	rollup_walk_close(&w);
	return rc;
}

/* True when this day has no hours that could be told apart. */
static int
is_whole_day(const struct rollup_asking *q, struct store_txn *t, int64_t day)
{
	int64_t start;

	return rollup_dim_parts(q->dim) > 1
		   ? 1
		   : first_start(q, t, ROLLUP_DAY, day, day + 1, &start);
}

static int64_t
round_up(int64_t secs, int64_t step)
{
	return (secs + step - 1) / step * step;
}

/* Rounds the span outwards to what can be told apart. */
static int
round_span(struct rollup_asking *q, struct store_txn *t)
{
	int64_t since = q->next - q->next % ROLLUP_HOUR_SECS;
	int64_t until = round_up(q->until, ROLLUP_HOUR_SECS);
	int rc = is_whole_day(q, t, since - since % ROLLUP_DAY_SECS);

	if (rc < 0)
		return -1;
	if (rc == 1)
		since -= since % ROLLUP_DAY_SECS;
	rc = is_whole_day(q, t, until - until % ROLLUP_DAY_SECS);
	if (rc < 0)
		return -1;
	if (rc == 1)
		until = round_up(until, ROLLUP_DAY_SECS);
	q->next = since;
	q->until = until;
	q->result.since_nsecs = since * NSECS_PER_SEC;
	q->result.until_nsecs = q->open_end ? 0 : until * NSECS_PER_SEC;
	q->begun = true;
	return 0;
}

/* ---- the result --------------------------------------------------------- */

static int
by_cost(const void *a, const void *b)
{
	const struct rollup_sum *x = a, *y = b;

	if (x->sums.cost_nanos != y->sums.cost_nanos)
		return x->sums.cost_nanos > y->sums.cost_nanos ? -1 : 1;
	if (x->sums.requests != y->sums.requests)
		return x->sums.requests > y->sums.requests ? -1 : 1;
	return strcmp(x->value, y->value);
}

static int
by_value(const void *a, const void *b)
{
	const struct rollup_sum *x = a, *y = b;

	return strcmp(x->value, y->value);
}

void
rollup_result_free(struct rollup_result *r)
{
	for (size_t i = 0; i < r->count; i++)
		free(r->rows[i].value);
	free(r->rows);
	memset(r, 0, sizeof(*r));
}

/* ---- asking ------------------------------------------------------------- */

void
rollup_ask_begin(struct rollup_asking *q, enum rollup_dim dim,
    int64_t since_nsecs, int64_t until_nsecs)
{
	memset(q, 0, sizeof(*q));
	q->dim = dim;
	q->places = map_new();
	q->open_end = until_nsecs == 0;
	q->next = since_nsecs < 0 ? 0 : since_nsecs / NSECS_PER_SEC;
	q->until = q->open_end
		       ? (int64_t)UINT32_MAX + 1
		       : (until_nsecs + NSECS_PER_SEC - 1) / NSECS_PER_SEC;
}

int
rollup_ask_step(struct rollup_asking *q, struct store_txn *t, int64_t now_nsecs)
{
	int64_t young = now_nsecs / NSECS_PER_SEC - YOUNG_SECS;
	int64_t day = 0, hour = 0, start, end;
	int days, hours;

	if (!q->begun && round_span(q, t) != 0)
		return -1;
	days = first_start(q, t, ROLLUP_DAY, q->next, q->until, &day);
	hours = first_start(q, t, ROLLUP_HOUR, q->next, q->until, &hour);
	if (days < 0 || hours < 0)
		return -1;
	if (days == 0 && hours == 0)
		return 0;
	start = days == 1 && (hours == 0 || day <= hour) ? day : hour;
	end = start >= young && hours == 1 && start == hour
		  ? start + ROLLUP_HOUR_SECS
		  : start - start % ROLLUP_DAY_SECS + ROLLUP_DAY_SECS;
	if (gather_span(q, t, start, end < q->until ? end : q->until) != 0)
		return -1;
	q->next = end;
	return 1;
}

void
rollup_ask_end(struct rollup_asking *q, struct rollup_result *result_r)
{
	struct rollup_result *r = &q->result;

	map_free(&q->places);
	for (size_t i = 0; i < r->count; i++)
		rollup_row_add(&r->total, &r->rows[i].sums);
	if (r->count > 1)
		qsort(r->rows, r->count, sizeof(*r->rows),
		    q->dim == ROLLUP_ALL ? by_value : by_cost);
	*result_r = *r;
	memset(q, 0, sizeof(*q));
}

void
rollup_ask_drop(struct rollup_asking *q)
{
	map_free(&q->places);
	rollup_result_free(&q->result);
	memset(q, 0, sizeof(*q));
}

int
rollup_query(struct store_txn *t, enum rollup_dim dim, int64_t since_nsecs,
    int64_t until_nsecs, struct rollup_result *result_r)
{
	struct rollup_asking q;

	rollup_ask_begin(&q, dim, since_nsecs, until_nsecs);
	if (round_span(&q, t) != 0 ||
	    gather_span(&q, t, q.next, q.until) != 0) {
		rollup_ask_drop(&q);
		return -1;
	}
	rollup_ask_end(&q, result_r);
	return 0;
}

/* ---- one value ---------------------------------------------------------- */

/* The row of this value at *start, or where the next row of the bucket begins:
   1 with the row, 0 with *start moved on (behind `until`: there are none). */
static int
next_of_value(struct store_txn *t, const struct rollup_walk *at,
    struct str value, int64_t *start, int64_t until, struct rollup_row *row_r)
{
	int64_t step =
	    at->bucket == ROLLUP_HOUR ? ROLLUP_HOUR_SECS : ROLLUP_DAY_SECS;
	struct rollup_walk w = *at;
	struct key k;
	int rc;

	w.t = t;
	rollup_key(&k, w.dim, w.bucket, (uint32_t)*start, value);
	w.cursor = store_cursor_open(t, STORE_ROLLUP, key_str(&k));
	if (w.cursor == NULL)
		return -1;
	rc = rollup_walk_next(&w, until);
	if (rc == 1 && w.start == *start && str_eq(w.value, value)) {
		*row_r = w.row;
		*start += step;
	} else if (rc == 1) {
		*start = w.start > *start ? w.start : *start + step;
		rc = 0;
	} else if (rc == 0) {
		*start = until;
	}
	rollup_walk_close(&w);
	return rc;
}

/* Adds up a value's rows that begin in [start, until). */
static int
sum_value(struct store_txn *t, const struct rollup_walk *at, struct str value,
    int64_t start, int64_t until, int64_t *nanos)
{
	struct rollup_row row;

	while (start < until) {
		int rc = next_of_value(t, at, value, &start, until, &row);

		if (rc < 0)
			return -1;
		if (rc == 1)
			*nanos = money_add(*nanos, row.cost_nanos);
	}
	return 0;
}

int
rollup_cost(struct store_txn *t, enum rollup_dim dim, struct str value,
    int64_t since_secs, int64_t now_secs, int64_t *nanos_r)
{
	const struct rollup_walk days = { .dim = dim, .bucket = ROLLUP_DAY };
	const struct rollup_walk hours = { .dim = dim, .bucket = ROLLUP_HOUR };
	int64_t oldest = now_secs - ROLLUP_DAYS_KEPT * (int64_t)ROLLUP_DAY_SECS;
	struct rollup_asking q = { .dim = dim,
		.next = since_secs > oldest ? since_secs : oldest,
		.until = now_secs + 1 };
	char cut[ROLLUP_VALUE_BYTES];

	*nanos_r = 0;
	if (q.next < 0)
		q.next = 0;
	if (q.until > UINT32_MAX)
		q.until = UINT32_MAX;
	if (round_span(&q, t) != 0)
		return -1;
	value = rollup_value(value, cut);
	if (sum_value(t, &days, value, q.next - q.next % ROLLUP_DAY_SECS,
		q.until, nanos_r) != 0)
		return -1;
	return sum_value(t, &hours, value, q.next, q.until, nanos_r);
}

/* ---- the parts of a split ----------------------------------------------- */

int
rollup_each_use(struct store_txn *t, enum rollup_dim dim, int64_t day_nsecs,
    void (*row)(void *arg, const struct str parts[ROLLUP_MAX_PARTS],
	const struct rollup_row *sums),
    void *arg)
{
	int64_t secs = day_nsecs / NSECS_PER_SEC;
	int64_t day = secs - secs % ROLLUP_DAY_SECS;
	struct rollup_walk w;
	int rc;

	if (day < 0 || day > UINT32_MAX)
		return 0;
	if (rollup_walk_open(&w, t, dim, ROLLUP_DAY, (uint32_t)day) != 0)
		return -1;
	while ((rc = rollup_walk_next(&w, day + 1)) == 1) {
		struct str parts[ROLLUP_MAX_PARTS] = { 0 }, rest = w.value;
		bool other = str_is(rest, ROLLUP_OTHER);

		if (w.is_head)
			continue;
		for (int i = 0; i < rollup_dim_parts(dim); i++)
			parts[i] =
			    other ? w.value : str_cut(&rest, ROLLUP_SEPARATOR);
		row(arg, parts, &w.row);
	}
	rollup_walk_close(&w);
	return rc;
}
