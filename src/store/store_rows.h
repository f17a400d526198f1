/*
 * Rows of a write transaction that are read and written again and again in
 * one turn: counters (spend, roll-ups, health, owners ...), which the jobs of
 * all requests of a turn touch. Kept here until the commit, so that LMDB is
 * asked for each once and writes each once, whatever the number of jobs. Same
 * transaction, same all or nothing: an abort forgets them.
 *
 * Private to src/store. Bounded: when it is full, what was changed is put into
 * LMDB and it begins anew. Owns copies of keys and values.
 */
#ifndef STORE_STORE_ROWS_H
#define STORE_STORE_ROWS_H

#include "base/str.h"
#include "store/counters.h"
#include "store/tables.h"

#include <stdint.h>

#define STORE_ROWS_MAX   512          /* rows */
#define STORE_ROWS_BYTES (256 * 1024) /* their keys and values */
/* A longer value is not kept: it goes to LMDB at once. */
#define STORE_ROWS_VALUE_BYTES 2048

struct store_row {
	uint64_t hash;
	uint64_t as_of; /* what the rows' was when its value was set */
	uint32_t at;    /* key, then room for the value, in bytes */
	uint16_t key_bytes, value_bytes, room_bytes;
	uint16_t next; /* the row that was asked for after this one */
	uint8_t table;
	bool changed; /* not in LMDB yet */
	bool gone;    /* another with more room has taken its place */
	bool summed;  /* its value is in counters, not in bytes */
};

struct store_rows {
	uint32_t count;
	uint32_t changed; /* rows with changed set */
	uint32_t used;    /* of bytes */
	uint32_t last;    /* the row that was asked for last */
	uint64_t as_of;   /* rows with another one have no value: ask LMDB */
	struct store_row rows[STORE_ROWS_MAX];
	uint16_t places[2 * STORE_ROWS_MAX]; /* index + 1 by hash; 0 free */
	unsigned char bytes[STORE_ROWS_BYTES];
	struct counters counters[STORE_ROWS_MAX];
	unsigned char encoded[COUNTERS_BYTES]; /* one of them, for readers */
};

/* True for the tables whose rows are kept. */
bool store_rows_keeps(enum store_table table);

void store_rows_clear(struct store_rows *r);
/* Forgets all values, not which rows there are: most are asked for again. */
void store_rows_forget(struct store_rows *r);
/* 1 with the value (borrowed until the next set or get), 0 not here. */
int store_rows_get(struct store_rows *r, enum store_table table, struct str key,
    struct str *value_r);
/* Notes a changed value of STORE_ROWS_VALUE_BYTES at most. False: full; write
   out what is changed, and clear. */
bool store_rows_set(struct store_rows *r, enum store_table table,
    struct str key, struct str value);
/* The same for a row of counters: it is kept as they are. */
bool store_rows_set_counters(struct store_rows *r, enum store_table table,
    struct str key, const struct counters *c);
/* Adds to such a row; false: it is not here, or not as counters. */
bool store_rows_add(struct store_rows *r, enum store_table table,
    struct str key, const struct counters *amounts);
/* Forgets a value: what LMDB has (or has not) is right. */
void store_rows_drop(struct store_rows *r, enum store_table table,
    struct str key);
/* Of one of rows[0 .. count - 1], borrowed; the value until the next one. */
struct str store_row_key(const struct store_rows *r,
    const struct store_row *row);
struct str store_row_value(struct store_rows *r, const struct store_row *row);

#endif
