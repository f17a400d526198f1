/*
 * Roll-ups: sums per hour (and, when old, per day) of what was served, by one
 * dimension at a time. Written in the settlement's transaction, so they agree
 * with the trace file to the nano-dollar. Hours and days are those of UTC.
 *
 * Bounded: a value is 200 bytes at most (longer ones are cut and hashed), and
 * an hour or a day has a limited number of values per dimension, fewer where
 * clients choose them (user, tag); what comes on top is booked on "(other)",
 * so that sums stay whole.
 *
 * Functions without a struct err fail the transaction (store_failed tells
 * why): a damaged row is ERR_STORE with its key.
 */
#ifndef DOMAIN_ROLLUP_H
#define DOMAIN_ROLLUP_H

#include "store/store.h"

#include <stdint.h>

/* X(NAME, "word of tallyctl spend --by") */
/* clang-format off */
#define ROLLUP_DIMS(X) \
X(ALL,        "day")        \
X(MODEL,      "model")      \
X(GROUP,      "group")      \
X(PROVIDER,   "provider")   \
X(DEPLOYMENT, "deployment") \
X(KEY,        "key")        \
X(TEAM,       "team")       \
X(USER,       "user")       \
X(TAG,        "tag")
/* clang-format on */
#define ROLLUP_ENUM(NAME, word) ROLLUP_##NAME,
enum rollup_dim {
	ROLLUP_DIMS(ROLLUP_ENUM) ROLLUP_DIM_COUNT
};
#undef ROLLUP_ENUM
const char *rollup_dim_name(enum rollup_dim dim);
int rollup_dim_parse(struct str word, enum rollup_dim *dim_r) MUST_CHECK;

/* How long days are kept, by the keeper. */
#define ROLLUP_DAYS_KEPT   400
#define ROLLUP_MAX_TAGS    8
#define ROLLUP_VALUE_BYTES 200
#define ROLLUP_OTHER       "(other)"

/*
 * s, or when it is longer than ROLLUP_VALUE_BYTES its beginning with a hash
 * of the whole, in out; different long values stay different.
 */
struct str rollup_value(struct str s, char out[ROLLUP_VALUE_BYTES]);

/* Whom a charge is booked on; empty ones are left out (KEY: "anonymous"). */
struct rollup_names {
	struct str model; /* upstream model that served */
	struct str group; /* requested model */
	struct str provider;
	struct str deployment;
	struct str key, team, user;
	size_t tag_count;
	struct str tags[ROLLUP_MAX_TAGS];
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
};
#define ROLLUP_ROW_FIELDS 10
#define ROLLUP_ROW_BYTES  (ROLLUP_ROW_FIELDS * 8)
/* As stored: the fields in their order, little-endian; a shorter row is one
   of an older version, its missing fields are 0. */
void rollup_row_encode(const struct rollup_row *row,
    unsigned char out[ROLLUP_ROW_BYTES]);
int rollup_row_decode(struct str bytes, struct rollup_row *row_r) MUST_CHECK;
/* *sum += *part, saturating. */
void rollup_row_add(struct rollup_row *sum, const struct rollup_row *part);

/* Where these names are booked: dimension and value (not cut; borrowed). */
struct rollup_place {
	enum rollup_dim dim;
	struct str value; /* "" for ROLLUP_ALL */
};
#define ROLLUP_MAX_PLACES (8 + ROLLUP_MAX_TAGS)
size_t rollup_places(const struct rollup_names *names,
    struct rollup_place out[ROLLUP_MAX_PLACES]);

/* Adds the amounts to the hour of now in every dimension named. */
int rollup_add(struct store_txn *t, const struct rollup_names *names,
    const struct rollup_row *amounts, int64_t now_nsecs) MUST_CHECK;

/* A query's answer, one per value (and day, for dim ALL). */
struct rollup_sum {
	char *value; /* "gpt-4o-mini" or "2026-11-22"; owned */
	struct rollup_row sums;
};
struct rollup_result {
	size_t count;
	struct rollup_sum *rows; /* by cost, dearest first; days ascending */
	struct rollup_row total; /* of the rows (two tags count twice) */
	int64_t since_nsecs, until_nsecs; /* as rounded; until 0: open end */
};
/*
 * since and until in wall nanoseconds; until 0 = now and later. Rounded
 * outwards to whole hours, and to whole days where hours have been compacted.
 */
int rollup_query(struct store_txn *t, enum rollup_dim dim, int64_t since_nsecs,
    int64_t until_nsecs, struct rollup_result *result_r) MUST_CHECK;
void rollup_result_free(struct rollup_result *r);
/*
 * What was booked on one value from since_secs until now, rounded outwards in
 * the same way. Reads that value's rows alone: some 3 x 24 hours and a row for
 * each day before, at most ROLLUP_DAYS_KEPT.
 */
int rollup_cost(struct store_txn *t, enum rollup_dim dim, struct str value,
    int64_t since_secs, int64_t now_secs, int64_t *nanos_r) MUST_CHECK;
/*
 * Moves the hours of days that ended before `before` into day rows and removes
 * days that ended keep_days before that; at most max_rows rows per call.
 * Returns rows moved and removed (fewer than max_rows: done), -1 failed.
 */
int rollup_compact(struct store_txn *t, int64_t before_nsecs, int keep_days,
    int max_rows) MUST_CHECK;

#endif
