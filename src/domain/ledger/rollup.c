/*
 * Roll-ups: rows of sums in the table ROLLUP. See rollup.h.
 *
 * Key: dimension u8, bucket u8 (0 hour, 1 day), start u32, value text. The
 * row with an empty value is the head of its bucket: how many values there
 * are (8 bytes); ROLLUP_ALL has no head, its one row has an empty value.
 *
 * Owns nothing between calls. Fails by failing the transaction.
 */
#include "domain/ledger/rollup.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/map.h"
#include "domain/ledger/money.h"
#include "store/key.h"

#include <endian.h>

#define HOUR_SECS       3600
#define DAY_SECS        86400
#define MAX_RESULT_ROWS 100000
#define HASH_DIGITS     16

enum bucket {
	BUCKET_HOUR,
	BUCKET_DAY
};

#define ROLLUP_WORD(NAME, word) word,
static const char *const dim_words[ROLLUP_DIM_COUNT] = { ROLLUP_DIMS(
    ROLLUP_WORD) };
#undef ROLLUP_WORD

const char *
rollup_dim_name(enum rollup_dim dim)
{
	return dim_words[dim];
}

int
rollup_dim_parse(struct str word, enum rollup_dim *dim_r)
{
	for (int i = 0; i < ROLLUP_DIM_COUNT; i++) {
		if (str_is(word, dim_words[i])) {
			*dim_r = (enum rollup_dim)i;
			return 0;
		}
	}
	return -1;
}

/* Values per bucket. Users and tags are whatever a client writes. */
static uint64_t
max_values(enum rollup_dim dim)
{
	switch (dim) {
	case ROLLUP_USER:
	case ROLLUP_TAG:
		return 2048;
	case ROLLUP_ALL:
	case ROLLUP_MODEL:
	case ROLLUP_GROUP:
	case ROLLUP_PROVIDER:
	case ROLLUP_DEPLOYMENT:
	case ROLLUP_KEY:
	case ROLLUP_TEAM:
	case ROLLUP_DIM_COUNT:
		break;
	}
	return 16384;
}

struct str
rollup_value(struct str s, char out[ROLLUP_VALUE_BYTES])
{
	size_t n = ROLLUP_VALUE_BYTES - HASH_DIGITS - 1;
	char hex[SHA256_HEX_BYTES];

	if (s.n <= ROLLUP_VALUE_BYTES)
		return s;
	hash_sha256_hex(s, hex);
	/* Not in the middle of a UTF-8 character. */
	while (n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
		n--;
	memcpy(out, s.p, n);
	out[n] = '~';
	memcpy(out + n + 1, hex, HASH_DIGITS);
	return str_make(out, n + 1 + HASH_DIGITS);
}

/* ---- rows --------------------------------------------------------------- */

static void
put_le64(unsigned char *out, uint64_t v)
{
	v = htole64(v);
	memcpy(out, &v, sizeof(v));
}

static uint64_t
get_le64(const unsigned char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

/* A row is its fields in stored order and nothing else: append only. */
union fields {
	struct rollup_row row;
	int64_t at[ROLLUP_ROW_FIELDS];
};
_Static_assert(sizeof(union fields) == ROLLUP_ROW_BYTES, "fields");

void
rollup_row_encode(const struct rollup_row *row,
    unsigned char out[ROLLUP_ROW_BYTES])
{
	union fields f = { .row = *row };

	for (int i = 0; i < ROLLUP_ROW_FIELDS; i++)
		put_le64(out + 8 * i, (uint64_t)f.at[i]);
}

int
rollup_row_decode(struct str bytes, struct rollup_row *row_r)
{
	unsigned char whole[ROLLUP_ROW_BYTES] = { 0 };
	union fields f;

	if (bytes.n == 0 || bytes.n % 8 != 0 || bytes.n > ROLLUP_ROW_BYTES)
		return -1;
	memcpy(whole, bytes.p, bytes.n);
	for (int i = 0; i < ROLLUP_ROW_FIELDS; i++)
		f.at[i] = (int64_t)get_le64(whole + 8 * i);
	*row_r = f.row;
	return 0;
}

void
rollup_row_add(struct rollup_row *sum, const struct rollup_row *part)
{
	union fields to = { .row = *sum }, from = { .row = *part };

	for (int i = 0; i < ROLLUP_ROW_FIELDS; i++)
		to.at[i] = money_add(to.at[i], from.at[i]);
	*sum = to.row;
}

static int
fail_row(struct store_txn *t, struct str key, struct str value)
{
	char hex[2 * KEY_MAX_BYTES + 1];

	hash_hex((const unsigned char *)key.p, key.n, hex);
	return store_fail(t, ERR_STORE,
	    "rollup: the row with key %s is damaged (%zu bytes)", hex, value.n);
}

/* ---- adding ------------------------------------------------------------- */

static void
make_key(struct key *k, enum rollup_dim dim, enum bucket bucket, uint32_t start,
    struct str value)
{
	key_init(k);
	key_u8(k, (uint8_t)dim);
	key_u8(k, (uint8_t)bucket);
	key_u32(k, start);
	key_text_last(k, value);
}

static int
put_row(struct store_txn *t, const struct key *k, const struct rollup_row *row)
{
	unsigned char bytes[ROLLUP_ROW_BYTES];

	rollup_row_encode(row, bytes);
	return store_put(t, STORE_ROLLUP, key_str(k),
	    str_make((const char *)bytes, sizeof(bytes)));
}

/* Adds to a row that is there: 1 done, 0 absent, -1 failed. */
static int
add_to_row(struct store_txn *t, const struct key *k,
    const struct rollup_row *amounts)
{
	struct rollup_row row;
	struct str value;
	int rc = store_get(t, STORE_ROLLUP, key_str(k), &value);

	if (rc <= 0)
		return rc;
	if (rollup_row_decode(value, &row) != 0)
		return fail_row(t, key_str(k), value);
	rollup_row_add(&row, amounts);
	return put_row(t, k, &row) == 0 ? 1 : -1;
}

/* Counts one more value in a bucket: 1 there is room, 0 none is left. */
static int
count_value(struct store_txn *t, enum rollup_dim dim, enum bucket bucket,
    uint32_t start)
{
	unsigned char bytes[8];
	uint64_t count = 0;
	struct str value;
	struct key k;
	int rc;

	make_key(&k, dim, bucket, start, str_make("", 0));
	rc = store_get(t, STORE_ROLLUP, key_str(&k), &value);
	if (rc < 0)
		return -1;
	if (rc == 1) {
		if (value.n != sizeof(bytes))
			return fail_row(t, key_str(&k), value);
		count = get_le64((const unsigned char *)value.p);
	}
	if (count >= max_values(dim))
		return 0;
	put_le64(bytes, count + 1);
	rc = store_put(t, STORE_ROLLUP, key_str(&k),
	    str_make((const char *)bytes, sizeof(bytes)));
	return rc == 0 ? 1 : -1;
}

static int
add_value(struct store_txn *t, enum rollup_dim dim, enum bucket bucket,
    uint32_t start, struct str value, const struct rollup_row *amounts)
{
	char cut[ROLLUP_VALUE_BYTES];
	struct key k;
	int rc;

	make_key(&k, dim, bucket, start, rollup_value(value, cut));
	rc = add_to_row(t, &k, amounts);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (dim != ROLLUP_ALL) {
		rc = count_value(t, dim, bucket, start);
		if (rc < 0)
			return -1;
		if (rc == 0) {
			make_key(&k, dim, bucket, start, str_of(ROLLUP_OTHER));
			rc = add_to_row(t, &k, amounts);
			if (rc != 0)
				return rc < 0 ? -1 : 0;
		}
	}
	return put_row(t, &k, amounts);
}

static uint32_t
bucket_start(int64_t nsecs, int64_t secs)
{
	int64_t now = nsecs < 0 ? 0 : nsecs / NSECS_PER_SEC;

	if (now > UINT32_MAX)
		now = UINT32_MAX;
	return (uint32_t)(now - now % secs);
}

size_t
rollup_places(const struct rollup_names *names,
    struct rollup_place out[ROLLUP_MAX_PLACES])
{
	const struct rollup_place values[] = {
		{ ROLLUP_MODEL, names->model },
		{ ROLLUP_GROUP, names->group },
		{ ROLLUP_PROVIDER, names->provider },
		{ ROLLUP_DEPLOYMENT, names->deployment },
		{ ROLLUP_KEY,
		    names->key.n > 0 ? names->key : str_of("anonymous") },
		{ ROLLUP_TEAM, names->team },
		{ ROLLUP_USER, names->user },
	};
	size_t n = 0;

	out[n++] = (struct rollup_place){ ROLLUP_ALL, str_make("", 0) };
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		if (values[i].value.n > 0)
			out[n++] = values[i];
	}
	for (size_t i = 0; i < names->tag_count && i < ROLLUP_MAX_TAGS; i++) {
		bool again = false;

		/* A tag that is given twice counts once. */
		for (size_t k = 0; k < i; k++)
			again = again || str_eq(names->tags[k], names->tags[i]);
		if (!again && names->tags[i].n > 0)
			out[n++] =
			    (struct rollup_place){ ROLLUP_TAG, names->tags[i] };
	}
	return n;
}

int
rollup_add(struct store_txn *t, const struct rollup_names *names,
    const struct rollup_row *amounts, int64_t now_nsecs)
{
	struct rollup_place places[ROLLUP_MAX_PLACES];
	uint32_t hour = bucket_start(now_nsecs, HOUR_SECS);
	size_t n = rollup_places(names, places);

	for (size_t i = 0; i < n; i++) {
		if (add_value(t, places[i].dim, BUCKET_HOUR, hour,
			places[i].value, amounts) != 0)
			return -1;
	}
	return 0;
}

/* ---- walking ------------------------------------------------------------ */

/* Rows of one dimension and bucket, by start. */
struct walk {
	struct store_txn *t;
	enum rollup_dim dim;
	enum bucket bucket;
	struct store_cursor *cursor;
	/* Of the row it stands on: */
	uint32_t start;
	bool is_head;
	struct str key, value; /* value: the text in the key; both borrowed */
	struct rollup_row row;
};

static int
walk_open(struct walk *w, struct store_txn *t, enum rollup_dim dim,
    enum bucket bucket, uint32_t since)
{
	struct key k;

	w->t = t;
	w->dim = dim;
	w->bucket = bucket;
	make_key(&k, dim, bucket, since, str_make("", 0));
	w->cursor = store_cursor_open(t, STORE_ROLLUP, key_str(&k));
	return w->cursor == NULL ? -1 : 0;
}

static void
walk_close(struct walk *w)
{
	store_cursor_close(&w->cursor);
}

/* 1 with a row that starts before until, 0 at the end, -1 failed. */
static int
walk_next(struct walk *w, int64_t until)
{
	struct str value;
	uint8_t dim, bucket;
	int rc = store_cursor_next(w->cursor, &w->key, &value);

	if (rc <= 0)
		return rc;
	w->value = w->key;
	if (key_take_u8(&w->value, &dim) != 0 ||
	    key_take_u8(&w->value, &bucket) != 0 ||
	    key_take_u32(&w->value, &w->start) != 0)
		return fail_row(w->t, w->key, value);
	if (dim != w->dim || bucket != w->bucket || w->start >= until)
		return 0;
	w->is_head = w->dim != ROLLUP_ALL && w->value.n == 0;
	if (!w->is_head && rollup_row_decode(value, &w->row) != 0)
		return fail_row(w->t, w->key, value);
	return 1;
}

/* ---- asking ------------------------------------------------------------- */

struct gathering {
	struct rollup_result *result;
	struct map *places; /* value → index + 1 */
	size_t size;
};

static void
gather(struct gathering *g, struct str value, const struct rollup_row *row)
{
	struct rollup_result *r = g->result;
	uintptr_t place = (uintptr_t)map_find(g->places, value);

	if (place == 0 && r->count >= MAX_RESULT_ROWS) {
		value = str_of(ROLLUP_OTHER);
		place = (uintptr_t)map_find(g->places, value);
	}
	if (place == 0) {
		if (r->count == g->size) {
			g->size = g->size == 0 ? 64 : g->size * 2;
			r->rows = xrealloc(r->rows, g->size * sizeof(*r->rows));
		}
		place = ++r->count;
		memset(&r->rows[place - 1], 0, sizeof(*r->rows));
		r->rows[place - 1].value = str_dup(value);
		map_set(g->places, value, (void *)place);
	}
	rollup_row_add(&r->rows[place - 1].sums, row);
}

/* "2026-11-22" */
static struct str
day_text(uint32_t start, char out[CLOCK_RFC3339_BYTES])
{
	clock_rfc3339((int64_t)start * NSECS_PER_SEC, out);
	return str_make(out, 10);
}

static int
gather_bucket(struct gathering *g, struct store_txn *t, enum rollup_dim dim,
    enum bucket bucket, const int64_t range[2])
{
	char day[CLOCK_RFC3339_BYTES];
	struct walk w;
	int rc;

	if (range[0] > UINT32_MAX)
		return 0;
	if (walk_open(&w, t, dim, bucket, (uint32_t)range[0]) != 0)
		return -1;
	while ((rc = walk_next(&w, range[1])) == 1) {
		if (!w.is_head)
			gather(g,
			    dim == ROLLUP_ALL ? day_text(w.start, day)
					      : w.value,
			    &w.row);
	}
	walk_close(&w);
	return rc;
}

/* True when this day's hours are (partly) in day rows. */
static int
has_day(struct store_txn *t, enum rollup_dim dim, int64_t day)
{
	struct walk w;
	int rc;

	if (day > UINT32_MAX)
		return 0;
	if (walk_open(&w, t, dim, BUCKET_DAY, (uint32_t)day) != 0)
		return -1;
	rc = walk_next(&w, day + 1);
	walk_close(&w);
	return rc;
}

/* Rounds [since, until) outwards to what can be told apart. */
static int
round_range(struct store_txn *t, enum rollup_dim dim, int64_t range[2])
{
	int rc;

	range[0] -= range[0] % HOUR_SECS;
	range[1] += (HOUR_SECS - range[1] % HOUR_SECS) % HOUR_SECS;
	rc = has_day(t, dim, range[0] - range[0] % DAY_SECS);
	if (rc < 0)
		return -1;
	if (rc == 1)
		range[0] -= range[0] % DAY_SECS;
	rc = has_day(t, dim, range[1] - range[1] % DAY_SECS);
	if (rc < 0)
		return -1;
	if (rc == 1)
		range[1] += (DAY_SECS - range[1] % DAY_SECS) % DAY_SECS;
	return 0;
}

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

int
rollup_query(struct store_txn *t, enum rollup_dim dim, int64_t since_nsecs,
    int64_t until_nsecs, struct rollup_result *result_r)
{
	struct rollup_result r = { 0 };
	struct gathering g = { .result = &r, .places = map_new() };
	bool open_end = until_nsecs == 0;
	int64_t range[2] = {
		since_nsecs < 0 ? 0 : since_nsecs / NSECS_PER_SEC,
		open_end ? (int64_t)UINT32_MAX + 1
			 : (until_nsecs + NSECS_PER_SEC - 1) / NSECS_PER_SEC,
	};
	int rc = round_range(t, dim, range);

	if (rc == 0)
		rc = gather_bucket(&g, t, dim, BUCKET_DAY, range);
	if (rc == 0)
		rc = gather_bucket(&g, t, dim, BUCKET_HOUR, range);
	map_free(&g.places);
	if (rc != 0) {
		rollup_result_free(&r);
		return -1;
	}
	for (size_t i = 0; i < r.count; i++)
		rollup_row_add(&r.total, &r.rows[i].sums);
	r.since_nsecs = range[0] * NSECS_PER_SEC;
	r.until_nsecs = open_end ? 0 : range[1] * NSECS_PER_SEC;
	if (r.count > 1)
		qsort(r.rows, r.count, sizeof(*r.rows),
		    dim == ROLLUP_ALL ? by_value : by_cost);
	*result_r = r;
	return 0;
}

void
rollup_result_free(struct rollup_result *r)
{
	for (size_t i = 0; i < r->count; i++)
		free(r->rows[i].value);
	free(r->rows);
	memset(r, 0, sizeof(*r));
}

/* ---- one value ---------------------------------------------------------- */

/* The row of this value at *start, or where the next row of the bucket begins:
   1 with the row, 0 with *start moved on (behind `until`: there are none). */
static int
next_of_value(struct store_txn *t, const struct walk *at, struct str value,
    int64_t *start, int64_t until, struct rollup_row *row_r)
{
	int64_t step = at->bucket == BUCKET_HOUR ? HOUR_SECS : DAY_SECS;
	struct walk w = *at;
	struct key k;
	int rc;

	w.t = t;
	make_key(&k, w.dim, w.bucket, (uint32_t)*start, value);
	w.cursor = store_cursor_open(t, STORE_ROLLUP, key_str(&k));
	if (w.cursor == NULL)
		return -1;
	rc = walk_next(&w, until);
	if (rc == 1 && w.start == *start && str_eq(w.value, value)) {
		*row_r = w.row;
		*start += step;
	} else if (rc == 1) {
		*start = w.start > *start ? w.start : *start + step;
		rc = 0;
	} else if (rc == 0) {
		*start = until;
	}
	walk_close(&w);
	return rc;
}

/* Adds up a value's rows that begin in [start, until). */
static int
sum_value(struct store_txn *t, enum rollup_dim dim, enum bucket bucket,
    struct str value, int64_t start, int64_t until, int64_t *nanos)
{
	const struct walk at = { .dim = dim, .bucket = bucket };
	struct rollup_row row;

	while (start < until) {
		int rc = next_of_value(t, &at, value, &start, until, &row);

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
	int64_t oldest = now_secs - ROLLUP_DAYS_KEPT * (int64_t)DAY_SECS;
	char cut[ROLLUP_VALUE_BYTES];
	int64_t range[2] = { since_secs > oldest ? since_secs : oldest,
		now_secs + 1 };

	*nanos_r = 0;
	if (range[0] < 0)
		range[0] = 0;
	if (range[1] > UINT32_MAX)
		range[1] = UINT32_MAX;
	if (round_range(t, dim, range) != 0)
		return -1;
	value = rollup_value(value, cut);
	if (sum_value(t, dim, BUCKET_DAY, value, range[0] - range[0] % DAY_SECS,
		range[1], nanos_r) != 0)
		return -1;
	return sum_value(t, dim, BUCKET_HOUR, value, range[0], range[1],
	    nanos_r);
}

/* ---- compacting --------------------------------------------------------- */

/* Moves a dimension's hours before `end` into days: how many, -1 failed. */
static int
move_hours(struct store_txn *t, enum rollup_dim dim, int64_t end, int max_rows)
{
	int moved = 0, rc = 0;
	struct walk w;

	if (walk_open(&w, t, dim, BUCKET_HOUR, 0) != 0)
		return -1;
	while (moved < max_rows && (rc = walk_next(&w, end)) == 1) {
		char text[KEY_MAX_BYTES];
		size_t n = w.value.n;

		/* The key goes with the next write. */
		memcpy(text, w.value.p, n);
		if (store_cursor_del(w.cursor) != 0)
			break;
		if (!w.is_head &&
		    add_value(t, dim, BUCKET_DAY, w.start - w.start % DAY_SECS,
			str_make(text, n), &w.row) != 0)
			break;
		moved++;
	}
	walk_close(&w);
	return rc < 0 || store_failed(t, NULL) ? -1 : moved;
}

/* Removes a dimension's days before `end`. */
static int
drop_days(struct store_txn *t, enum rollup_dim dim, int64_t end, int max_rows)
{
	int dropped = 0, rc = 0;
	struct walk w;

	if (walk_open(&w, t, dim, BUCKET_DAY, 0) != 0)
		return -1;
	while (dropped < max_rows && (rc = walk_next(&w, end)) == 1) {
		if (store_cursor_del(w.cursor) != 0)
			break;
		dropped++;
	}
	walk_close(&w);
	return rc < 0 || store_failed(t, NULL) ? -1 : dropped;
}

int
rollup_compact(struct store_txn *t, int64_t before_nsecs, int keep_days,
    int max_rows)
{
	int64_t end = bucket_start(before_nsecs, DAY_SECS);
	int done = 0;

	for (int d = 0; d < ROLLUP_DIM_COUNT && done < max_rows; d++) {
		int n = move_hours(t, (enum rollup_dim)d, end, max_rows - done);

		if (n < 0)
			return -1;
		done += n;
		n = drop_days(t, (enum rollup_dim)d,
		    end - (int64_t)keep_days * DAY_SECS, max_rows - done);
		if (n < 0)
			return -1;
		done += n;
	}
	return done;
}
