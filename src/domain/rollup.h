/*
 * Roll-ups: sums per hour (and, when old, per day) of what was served, by one
 * dimension at a time. Written in the settlement's transaction, so they agree
 * with the trace file to the nano-dollar.
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

#define ROLLUP_MAX_TAGS 8

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
	struct rollup_row total;
	int64_t since_nsecs, until_nsecs; /* as rounded to whole hours */
};
/* since and until in wall nanoseconds; until 0 = now and later. */
int rollup_query(struct store_txn *t, enum rollup_dim dim, int64_t since_nsecs,
    int64_t until_nsecs, struct rollup_result *result_r) MUST_CHECK;
void rollup_result_free(struct rollup_result *r);
/*
 * Moves hours that ended before `before` into day rows and removes days older
 * than keep_days; at most max_rows per call. Returns rows moved, -1 failed.
 */
int rollup_compact(struct store_txn *t, int64_t before_nsecs, int keep_days,
    int max_rows) MUST_CHECK;

#endif
