/*
 * Roll-ups: sums per hour (and, when old, per day) of what was served, by one
 * dimension at a time. Written in the settlement's transaction, so they agree
 * with the trace file to the nano-dollar. Hours and days are those of UTC.
 *
 * Some dimensions are splits: their values have several parts (who, with which
 * key, which model), and they are kept by day alone, for fewer days. Reports
 * are made of them.
 *
 * Bounded: a value is 200 bytes at most, a part of one 72 (longer ones are cut
 * and hashed), and an hour or a day has a limited number of values per
 * dimension, fewer where clients choose them (user, tag, customer); what comes
 * on top is booked on "(other)", so that sums stay whole.
 *
 * Functions without a struct err fail the transaction (store_failed tells
 * why): a damaged row is ERR_STORE with its key.
 */
#ifndef DOMAIN_ROLLUP_H
#define DOMAIN_ROLLUP_H

#include "store/store.h"

#include <stdint.h>

/*
 * X(NAME, "word of tallyctl spend --by", values per bucket, parts, days kept)
 * One part: no split. New ones go to the end: the store has their numbers.
 */
/* clang-format off */
#define ROLLUP_DIMS(X) \
X(ALL,        "day",          16384, 1, 400) \
X(MODEL,      "model",        16384, 1, 400) \
X(GROUP,      "group",        16384, 1, 400) \
X(PROVIDER,   "provider",     16384, 1, 400) \
X(DEPLOYMENT, "deployment",   16384, 1, 400) \
X(KEY,        "key",          16384, 1, 400) \
X(TEAM,       "team",         16384, 1, 400) \
X(USER,       "user",          2048, 1, 400) \
X(TAG,        "tag",           2048, 1, 400) \
X(CUSTOMER,   "customer",      2048, 3, 100) \
X(TAG_USE,    "tag_use",       1024, 3, 100) \
X(USE,        "use",           4096, 6, 100)
/* clang-format on */
#define ROLLUP_ENUM(NAME, word, values, parts, days) ROLLUP_##NAME,
enum rollup_dim {
	ROLLUP_DIMS(ROLLUP_ENUM) ROLLUP_DIM_COUNT
};
#undef ROLLUP_ENUM
const char *rollup_dim_name(enum rollup_dim dim);
/* "end_user" is a customer, too. */
int rollup_dim_parse(struct str word, enum rollup_dim *dim_r) MUST_CHECK;
int rollup_dim_parts(enum rollup_dim dim);
/* How long its days are kept, by the keeper. */
int rollup_dim_days(enum rollup_dim dim);

/* The parts of a split's value. */
enum rollup_part {
	/* CUSTOMER, TAG_USE */
	ROLLUP_PART_WHO = 0,
	ROLLUP_PART_WHO_KEY,
	ROLLUP_PART_WHO_MODEL,
	/* USE */
	ROLLUP_PART_KEY = 0,
	ROLLUP_PART_MODEL,
	ROLLUP_PART_TEAM,
	ROLLUP_PART_USER,
	ROLLUP_PART_GROUP,
	ROLLUP_PART_PROVIDER,
};
#define ROLLUP_MAX_PARTS  6
#define ROLLUP_PART_BYTES 72

#define ROLLUP_DAYS_KEPT   400 /* the longest */
#define ROLLUP_MAX_TAGS    8
#define ROLLUP_VALUE_BYTES 200
#define ROLLUP_OTHER       "(other)"

/*
 * s, or when it is longer than ROLLUP_VALUE_BYTES its beginning with a hash
 * of the whole, in out; different long values stay different.
 */
struct str rollup_cut(struct str s, char out[ROLLUP_VALUE_BYTES]);
static inline struct str
rollup_value(struct str s, char out[ROLLUP_VALUE_BYTES])
{
	return s.n <= ROLLUP_VALUE_BYTES ? s : rollup_cut(s, out);
}

/* Whom a charge is booked on; empty ones are left out (KEY: "anonymous"). */
struct rollup_names {
	struct str model; /* upstream model that served */
	struct str group; /* requested model */
	struct str provider;
	struct str deployment;
	struct str key, team, user;
	struct str customer; /* the end user, as the request says */
	size_t tag_count;
	struct str tags[ROLLUP_MAX_TAGS];
	/* Of a record from before there were splits: not booked in them, nor
	   in the amounts that came with them. */
	bool no_splits;
};

struct rollup_row {
	int64_t requests; /* client requests (only on the last attempt) */
	int64_t attempts;
	int64_t failures; /* attempts that did not succeed */
	int64_t prompt_tokens, completion_tokens;
	int64_t cached_tokens, reasoning_tokens;
	int64_t cost_nanos;
	int64_t estimated_nanos; /* of cost: from estimated usage */
	int64_t latency_micros;  /* sum over attempts that succeeded */
	int64_t failed_requests; /* whose last attempt did not succeed */
	int64_t cache_write_tokens;
};
/* As stored: its fields in their order, a row of counters. Returns the bytes in
   out. */
#define ROLLUP_ROW_BYTES COUNTERS_BYTES
size_t rollup_row_encode(const struct rollup_row *row,
    unsigned char out[ROLLUP_ROW_BYTES]);
int rollup_row_decode(struct str bytes, struct rollup_row *row_r) MUST_CHECK;
/* These amounts are those of the request's last attempt: it is counted. */
void rollup_row_end_request(struct rollup_row *row,
    const struct rollup_names *names);
/* *sum += *part, saturating. */
void rollup_row_add(struct rollup_row *sum, const struct rollup_row *part);
/* What is in `all` and not in `part`, field by field. */
struct rollup_row rollup_row_minus(const struct rollup_row *all,
    const struct rollup_row *part);

/* Where names are booked: in each of these dimensions under this value. */
struct rollup_place {
	enum rollup_dim dim;
	struct str value; /* "" for ROLLUP_ALL; borrowed, not cut; a split's:
			     in the text below */
};
#define ROLLUP_MAX_PLACES         (10 + 2 * ROLLUP_MAX_TAGS)
#define ROLLUP_SPLIT_BYTES(parts) ((parts) * (ROLLUP_PART_BYTES + 1))
struct rollup_places {
	size_t count;
	struct rollup_place items[ROLLUP_MAX_PLACES];
	size_t used;
	char text[ROLLUP_SPLIT_BYTES(ROLLUP_MAX_PARTS) +
		  (1 + ROLLUP_MAX_TAGS) * ROLLUP_SPLIT_BYTES(3)];
};
void rollup_places(const struct rollup_names *names,
    struct rollup_places *places_r);
/* A place's value as rollup_query() names it: cut, of CUSTOMER the customer
   alone. Borrowed from the place or in out. */
struct str rollup_place_name(const struct rollup_place *place,
    char out[ROLLUP_VALUE_BYTES]);

/* Adds the amounts to the hour (a split: the day) of now in every dimension
   named. */
int rollup_add(struct store_txn *t, const struct rollup_names *names,
    const struct rollup_row *amounts, int64_t now_nsecs) MUST_CHECK;

/*
 * Moves the hours of days that ended before `before` into day rows and removes
 * days that ended keep_days before that (those of a split sooner,
 * rollup_dim_days); at most max_rows rows per call.
 * Returns rows moved and removed (fewer than max_rows: done), -1 failed.
 */
int rollup_compact(struct store_txn *t, int64_t before_nsecs, int keep_days,
    int max_rows) MUST_CHECK;

#endif
