/*
 * Roll-ups: rows of sums in the table ROLLUP. See rollup.h, and rollup_walk.h
 * for how they lie there.
 *
 * Owns nothing between calls. Fails by failing the transaction.
 */
#include "domain/ledger/rollup.h"

#include "base/clock.h"
#include "base/hash.h"
#include "domain/ledger/rollup_walk.h"

#include <endian.h>

#define HASH_DIGITS 16

#define ROLLUP_DIM_ROW(NAME, word, values, parts, days)                        \
	{ word, values, parts, days },
static const struct {
	const char *word;
	uint64_t values; /* per bucket */
	int parts, days;
} dims[ROLLUP_DIM_COUNT] = { ROLLUP_DIMS(ROLLUP_DIM_ROW) };
#undef ROLLUP_DIM_ROW

const char *
rollup_dim_name(enum rollup_dim dim)
{
	return dims[dim].word;
}

int
rollup_dim_parse(struct str word, enum rollup_dim *dim_r)
{
	if (str_is(word, "end_user")) {
		*dim_r = ROLLUP_CUSTOMER;
		return 0;
	}
	for (int i = 0; i < ROLLUP_DIM_COUNT; i++) {
		if (str_is(word, dims[i].word)) {
			*dim_r = (enum rollup_dim)i;
			return 0;
		}
	}
	return -1;
}

int
rollup_dim_parts(enum rollup_dim dim)
{
	return dims[dim].parts;
}

int
rollup_dim_days(enum rollup_dim dim)
{
	return dims[dim].days;
}

/* s, or its beginning and a hash of the whole in at most `most` bytes. */
static struct str
cut(struct str s, size_t most, char *out)
{
	size_t n = most - HASH_DIGITS - 1;
	char hex[SHA256_HEX_BYTES];

	if (s.n <= most)
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

struct str
rollup_cut(struct str s, char out[ROLLUP_VALUE_BYTES])
{
	return cut(s, ROLLUP_VALUE_BYTES, out);
}

/* ---- rows --------------------------------------------------------------- */

/* A row is its fields in stored order and nothing else: append only. */
union fields {
	struct rollup_row row;
	struct counters counters;
};
_Static_assert(sizeof(struct rollup_row) == sizeof(struct counters), "fields");

size_t
rollup_row_encode(const struct rollup_row *row,
    unsigned char out[ROLLUP_ROW_BYTES])
{
	union fields f = { .row = *row };

	return counters_encode(&f.counters, out);
}

int
rollup_row_decode(struct str bytes, struct rollup_row *row_r)
{
	union fields f;

	if (counters_decode(bytes, &f.counters) != 0)
		return -1;
	*row_r = f.row;
	return 0;
}

void
rollup_row_end_request(struct rollup_row *row, const struct rollup_names *names)
{
	row->requests = 1;
	row->failed_requests = names->no_splits ? 0 : row->failures;
}

void
rollup_row_add(struct rollup_row *sum, const struct rollup_row *part)
{
	union fields to = { .row = *sum }, from = { .row = *part };

	counters_add(&to.counters, &from.counters);
	*sum = to.row;
}

void
rollup_key(struct key *k, enum rollup_dim dim, enum rollup_bucket bucket,
    uint32_t start, struct str value)
{
	key_init(k);
	key_u8(k, (uint8_t)dim);
	key_u8(k, (uint8_t)bucket);
	key_u32(k, start);
	key_text_last(k, value);
}

int
rollup_fail_row(struct store_txn *t, struct str key, struct str value)
{
	return store_fail_row(t, STORE_ROLLUP, key, value);
}

int
rollup_walk_open(struct rollup_walk *w, struct store_txn *t,
    enum rollup_dim dim, enum rollup_bucket bucket, uint32_t since)
{
	struct key k;

	w->t = t;
	w->dim = dim;
	w->bucket = bucket;
	rollup_key(&k, dim, bucket, since, str_make("", 0));
	w->cursor = store_cursor_open(t, STORE_ROLLUP, key_str(&k));
	return w->cursor == NULL ? -1 : 0;
}

void
rollup_walk_close(struct rollup_walk *w)
{
	store_cursor_close(&w->cursor);
}

int
rollup_walk_next(struct rollup_walk *w, int64_t until)
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
		return rollup_fail_row(w->t, w->key, value);
	if (dim != w->dim || bucket != w->bucket || w->start >= until)
		return 0;
	w->is_head = w->dim != ROLLUP_ALL && w->value.n == 0;
	if (!w->is_head && rollup_row_decode(value, &w->row) != 0)
		return rollup_fail_row(w->t, w->key, value);
	return 1;
}

struct rollup_row
rollup_row_minus(const struct rollup_row *all, const struct rollup_row *part)
{
	union fields rest = { .row = *all }, from = { .row = *part };

	for (int i = 0; i < COUNTERS_MAX; i++)
		rest.counters.at[i] -= from.counters.at[i];
	return rest.row;
}

/* ---- adding ------------------------------------------------------------- */

static int
put_row(struct store_txn *t, const struct key *k, const struct rollup_row *row)
{
	unsigned char bytes[ROLLUP_ROW_BYTES];

	return store_put(t, STORE_ROLLUP, key_str(k),
	    str_make((const char *)bytes, rollup_row_encode(row, bytes)));
}

/* Adds to a row that is there: 1 done, 0 absent, -1 failed. */
static int
add_to_row(struct store_txn *t, const struct key *k,
    const struct rollup_row *amounts)
{
	union fields f = { .row = *amounts };

	return store_add(t, STORE_ROLLUP, key_str(k), &f.counters);
}

/* Counts one more value in a bucket: 1 there is room, 0 none is left. */
static int
count_value(struct store_txn *t, enum rollup_dim dim, enum rollup_bucket bucket,
    uint32_t start)
{
	uint64_t count = 0; /* little-endian in the store */
	struct str value;
	struct key k;
	int rc;

	rollup_key(&k, dim, bucket, start, str_make("", 0));
	rc = store_get(t, STORE_ROLLUP, key_str(&k), &value);
	if (rc < 0)
		return -1;
	if (rc == 1) {
		if (value.n != sizeof(count))
			return rollup_fail_row(t, key_str(&k), value);
		memcpy(&count, value.p, sizeof(count));
		count = le64toh(count);
	}
	if (count >= dims[dim].values)
		return 0;
	count = htole64(count + 1);
	rc = store_put(t, STORE_ROLLUP, key_str(&k),
	    str_make((const char *)&count, sizeof(count)));
	return rc == 0 ? 1 : -1;
}

static int
add_value(struct store_txn *t, enum rollup_dim dim, enum rollup_bucket bucket,
    uint32_t start, struct str value, const struct rollup_row *amounts)
{
	char shorter[ROLLUP_VALUE_BYTES];
	struct key k;
	int rc;

	if (dims[dim].parts == 1)
		value = rollup_value(value, shorter);
	rollup_key(&k, dim, bucket, start, value);
	rc = add_to_row(t, &k, amounts);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (dim != ROLLUP_ALL) {
		rc = count_value(t, dim, bucket, start);
		if (rc < 0)
			return -1;
		if (rc == 0) {
			rollup_key(&k, dim, bucket, start,
			    str_of(ROLLUP_OTHER));
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

/* One part of a split's value, cut twice: first as the trace file cuts it. */
static void
add_part(struct rollup_places *p, struct str s)
{
	char whole[ROLLUP_VALUE_BYTES], part[ROLLUP_PART_BYTES];
	char *at = p->text + p->used;

	s = cut(rollup_value(s, whole), sizeof(part), part);
	memcpy(at, s.n > 0 ? s.p : "", s.n);
	for (char *c = at;
	     (c = memchr(c, ROLLUP_SEPARATOR, (size_t)(at + s.n - c))) != NULL;)
		*c = '?';
	at[s.n] = ROLLUP_SEPARATOR;
	p->used += s.n + 1;
}

static void
add_split(struct rollup_places *p, enum rollup_dim dim,
    const struct str parts[])
{
	size_t start = p->used;

	for (int i = 0; i < dims[dim].parts; i++)
		add_part(p, parts[i]);
	p->items[p->count++] = (struct rollup_place){ dim,
		str_make(p->text + start, --p->used - start) };
}

/* A tag that is given twice counts once. */
static bool
is_repeated(const struct rollup_names *names, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (str_eq(names->tags[k], names->tags[i]))
			return true;
	}
	return false;
}

static void
add_tag(struct rollup_places *p, const struct rollup_names *names,
    struct str key, struct str tag)
{
	const struct str parts[] = { tag, key, names->model };

	p->items[p->count++] = (struct rollup_place){ ROLLUP_TAG, tag };
	if (!names->no_splits)
		add_split(p, ROLLUP_TAG_USE, parts);
}

void
rollup_places(const struct rollup_names *names, struct rollup_places *places_r)
{
	struct str key = names->key.n > 0 ? names->key : str_of("anonymous");
	const struct rollup_place values[] = {
		{ ROLLUP_MODEL, names->model },
		{ ROLLUP_GROUP, names->group },
		{ ROLLUP_PROVIDER, names->provider },
		{ ROLLUP_DEPLOYMENT, names->deployment },
		{ ROLLUP_KEY, key },
		{ ROLLUP_TEAM, names->team },
		{ ROLLUP_USER, names->user },
	};
	const struct str of_customer[] = { names->customer, key, names->model };
	const struct str uses[] = { key, names->model, names->team, names->user,
		names->group, names->provider };
	struct rollup_places *p = places_r;

	p->count = p->used = 0;
	p->items[p->count++] =
	    (struct rollup_place){ ROLLUP_ALL, str_make("", 0) };
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		if (values[i].value.n > 0)
			p->items[p->count++] = values[i];
	}
	for (size_t i = 0; i < names->tag_count && i < ROLLUP_MAX_TAGS; i++) {
		if (names->tags[i].n > 0 && !is_repeated(names, i))
			add_tag(p, names, key, names->tags[i]);
	}
	if (names->no_splits)
		return;
	if (names->customer.n > 0)
		add_split(p, ROLLUP_CUSTOMER, of_customer);
	add_split(p, ROLLUP_USE, uses);
}

struct str
rollup_place_name(const struct rollup_place *place,
    char out[ROLLUP_VALUE_BYTES])
{
	struct str rest = place->value;

	if (place->dim == ROLLUP_CUSTOMER)
		return str_cut(&rest, ROLLUP_SEPARATOR);
	return dims[place->dim].parts > 1 ? rest : rollup_value(rest, out);
}

int
rollup_add(struct store_txn *t, const struct rollup_names *names,
    const struct rollup_row *amounts, int64_t now_nsecs)
{
	uint32_t hour = bucket_start(now_nsecs, ROLLUP_HOUR_SECS);
	uint32_t day = bucket_start(now_nsecs, ROLLUP_DAY_SECS);
	struct rollup_places places;

	rollup_places(names, &places);
	for (size_t i = 0; i < places.count; i++) {
		const struct rollup_place *p = &places.items[i];
		bool split = dims[p->dim].parts > 1;

		if (add_value(t, p->dim, split ? ROLLUP_DAY : ROLLUP_HOUR,
			split ? day : hour, p->value, amounts) != 0)
			return -1;
	}
	return 0;
}

/* ---- compacting --------------------------------------------------------- */

/* Moves a dimension's hours before `end` into days: how many, -1 failed. */
static int
move_hours(struct store_txn *t, enum rollup_dim dim, int64_t end, int max_rows)
{
	int moved = 0, rc = 0;
	struct rollup_walk w;

	if (rollup_walk_open(&w, t, dim, ROLLUP_HOUR, 0) != 0)
		return -1;
	while (moved < max_rows && (rc = rollup_walk_next(&w, end)) == 1) {
		char text[KEY_MAX_BYTES];
		size_t n = w.value.n;

		/* The key goes with the next write. */
		memcpy(text, w.value.p, n);
		if (store_cursor_del(w.cursor) != 0)
			break;
		if (!w.is_head && add_value(t, dim, ROLLUP_DAY,
				      w.start - w.start % ROLLUP_DAY_SECS,
				      str_make(text, n), &w.row) != 0)
			break;
		moved++;
	}
	rollup_walk_close(&w);
	return rc < 0 || store_failed(t, NULL) ? -1 : moved;
}

/* Removes a dimension's days before `end`. */
static int
drop_days(struct store_txn *t, enum rollup_dim dim, int64_t end, int max_rows)
{
	int dropped = 0, rc = 0;
	struct rollup_walk w;

	if (rollup_walk_open(&w, t, dim, ROLLUP_DAY, 0) != 0)
		return -1;
	while (dropped < max_rows && (rc = rollup_walk_next(&w, end)) == 1) {
		if (store_cursor_del(w.cursor) != 0)
			break;
		dropped++;
	}
	rollup_walk_close(&w);
	return rc < 0 || store_failed(t, NULL) ? -1 : dropped;
}

int
rollup_compact(struct store_txn *t, int64_t before_nsecs, int keep_days,
    int max_rows)
{
	int64_t end = bucket_start(before_nsecs, ROLLUP_DAY_SECS);
	int done = 0;

	for (int d = 0; d < ROLLUP_DIM_COUNT && done < max_rows; d++) {
		int n = move_hours(t, (enum rollup_dim)d, end, max_rows - done);

		if (n < 0)
			return -1;
		done += n;
		n = drop_days(t, (enum rollup_dim)d,
		    end - (int64_t)(keep_days < dims[d].days ? keep_days
							     : dims[d].days) *
			      ROLLUP_DAY_SECS,
		    max_rows - done);
		if (n < 0)
			return -1;
		done += n;
	}
	return done;
}
