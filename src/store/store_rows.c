/*
 * Rows kept through a turn. See store_rows.h. An index with open addressing
 * over an array of rows; nothing is taken out until it is cleared.
 *
 * Jobs ask for the same rows in the same order, request after request: the row
 * asked for last, and the one that was asked for after it the time before, are
 * looked at before the index is.
 */
#include "store/store_rows.h"

#include "base/hash.h"

static const bool kept[STORE_TABLE_COUNT] = {
	[STORE_OWNERS] = true,
	[STORE_SPEND] = true,
	[STORE_ROLLUP] = true,
	[STORE_HEALTH] = true,
	[STORE_LIMITS] = true,
};

bool
store_rows_keeps(enum store_table table)
{
	return kept[table];
}

void
store_rows_clear(struct store_rows *r)
{
	if (r->count > 0)
		memset(r->places, 0, sizeof(r->places));
	r->count = r->changed = r->used = r->last = 0;
}

static void
forget(struct store_rows *r, struct store_row *row)
{
	r->changed -= row->changed;
	row->changed = false;
	row->as_of = r->as_of - 1;
}

void
store_rows_forget(struct store_rows *r)
{
	for (uint32_t i = 0; i < r->count && r->changed > 0; i++)
		forget(r, &r->rows[i]);
	r->as_of++;
}

static bool
has_value(const struct store_rows *r, const struct store_row *row)
{
	return row->as_of == r->as_of;
}

struct str
store_row_key(const struct store_rows *r, const struct store_row *row)
{
	return str_make((const char *)r->bytes + row->at, row->key_bytes);
}

struct str
store_row_value(struct store_rows *r, const struct store_row *row)
{
	if (row->summed)
		return str_make((const char *)r->encoded,
		    counters_encode(&r->counters[row - r->rows], r->encoded));
	return str_make((const char *)r->bytes + row->at + row->key_bytes,
	    row->value_bytes);
}

static bool
is_row(const struct store_rows *r, const struct store_row *row,
    enum store_table table, struct str key)
{
	return row->table == table && !row->gone &&
	       str_eq(store_row_key(r, row), key);
}

/* This row is asked for. */
static struct store_row *
follow(struct store_rows *r, struct store_row *row)
{
	uint32_t i = (uint32_t)(row - r->rows);

	r->rows[r->last].next = (uint16_t)i;
	r->last = i;
	return row;
}

/* The row, or NULL and the free place where it would be. */
static struct store_row *
look_up(struct store_rows *r, uint64_t hash, enum store_table table,
    struct str key, uint16_t **place_r)
{
	size_t i = hash % ARRAY_LEN(r->places);

	for (; r->places[i] != 0; i = (i + 1) % ARRAY_LEN(r->places)) {
		struct store_row *row = &r->rows[r->places[i] - 1];

		if (row->hash == hash && is_row(r, row, table, key))
			return row;
	}
	*place_r = &r->places[i];
	return NULL;
}

/* The row, or NULL. */
static struct store_row *
find(struct store_rows *r, enum store_table table, struct str key)
{
	struct store_row *row = &r->rows[r->last];
	uint16_t *place;

	if (r->count == 0)
		return NULL;
	if (is_row(r, row, table, key))
		return row;
	row = &r->rows[row->next];
	if (!is_row(r, row, table, key))
		row = look_up(r, hash_bytes(key), table, key, &place);
	return row == NULL ? NULL : follow(r, row);
}

int
store_rows_get(struct store_rows *r, enum store_table table, struct str key,
    struct str *value_r)
{
	struct store_row *row = find(r, table, key);

	if (row == NULL || !has_value(r, row))
		return 0;
	*value_r = store_row_value(r, row);
	return 1;
}

/* A row that is not there yet. NULL: no room. */
static struct store_row *
add(struct store_rows *r, enum store_table table, struct str key,
    size_t value_bytes)
{
	struct store_row *row = &r->rows[r->count];
	uint64_t hash = hash_bytes(key);
	uint16_t *place;
	/* Some rows grow little by little. */
	size_t room = (value_bytes + 63) / 64 * 64;

	if (r->count == STORE_ROWS_MAX ||
	    key.n + room > sizeof(r->bytes) - r->used)
		return NULL;
	(void)look_up(r, hash, table, key, &place);
	*row = (struct store_row){
		.hash = hash,
		.at = r->used,
		.key_bytes = (uint16_t)key.n,
		.room_bytes = (uint16_t)room,
		.table = (uint8_t)table,
	};
	memcpy(r->bytes + r->used, key.p, key.n);
	r->used += (uint32_t)(key.n + room);
	*place = (uint16_t)++r->count;
	return follow(r, row);
}

/* The row, with room for the value it gets now. NULL: full. */
static struct store_row *
change(struct store_rows *r, enum store_table table, struct str key,
    size_t value_bytes)
{
	struct store_row *row = find(r, table, key);

	if (row != NULL && row->room_bytes < value_bytes) {
		forget(r, row);
		row->gone = true;
		row = NULL;
	}
	if (row == NULL)
		row = add(r, table, key, value_bytes);
	if (row == NULL)
		return NULL;
	r->changed += !row->changed;
	row->changed = true;
	row->as_of = r->as_of;
	return row;
}

bool
store_rows_set(struct store_rows *r, enum store_table table, struct str key,
    struct str value)
{
	struct store_row *row = change(r, table, key, value.n);

	if (row == NULL)
		return false;
	if (value.n > 0)
		memmove(r->bytes + row->at + row->key_bytes, value.p, value.n);
	row->value_bytes = (uint16_t)value.n;
	row->summed = false;
	return true;
}

bool
store_rows_set_counters(struct store_rows *r, enum store_table table,
    struct str key, const struct counters *c)
{
	struct store_row *row = change(r, table, key, 0);

	if (row == NULL)
		return false;
	r->counters[row - r->rows] = *c;
	row->summed = true;
	return true;
}

bool
store_rows_add(struct store_rows *r, enum store_table table, struct str key,
    const struct counters *amounts)
{
	struct store_row *row = find(r, table, key);

	if (row == NULL || !row->summed || !has_value(r, row))
		return false;
	counters_add(&r->counters[row - r->rows], amounts);
	r->changed += !row->changed;
	row->changed = true;
	return true;
}

void
store_rows_drop(struct store_rows *r, enum store_table table, struct str key)
{
	struct store_row *row = find(r, table, key);

	if (row != NULL)
		forget(r, row);
}
