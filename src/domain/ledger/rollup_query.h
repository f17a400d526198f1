/*
 * Asking the roll-ups (rollup.h): sums of a dimension over a span of time, in
 * one go or in steps, and the parts of a split.
 *
 * Functions without a struct err fail the transaction (store_failed tells
 * why): a damaged row is ERR_STORE with its key.
 */
#ifndef DOMAIN_ROLLUP_QUERY_H
#define DOMAIN_ROLLUP_QUERY_H

#include "domain/ledger/rollup.h"

struct map;

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
 * outwards to whole hours, and to whole days where there are no hours. CUSTOMER
 * is summed by its first part; the other splits' values come whole.
 */
int rollup_query(struct store_txn *t, enum rollup_dim dim, int64_t since_nsecs,
    int64_t until_nsecs, struct rollup_result *result_r) MUST_CHECK;
void rollup_result_free(struct rollup_result *r);

/*
 * What was booked on one value from since_secs until now, rounded outwards in
 * the same way; not of a split. Reads that value's rows alone: some 3 x 24
 * hours and a row for each day before, at most ROLLUP_DAYS_KEPT.
 */
int rollup_cost(struct store_txn *t, enum rollup_dim dim, struct str value,
    int64_t since_secs, int64_t now_secs, int64_t *nanos_r) MUST_CHECK;

/*
 * A query in steps, each in a transaction of its own, for those who must not
 * be away for long: begin; step until it answers 0 (1: there is more, -1
 * failed); end, which gives the result, or drop. A step is a day, or an hour of
 * the last two days: what is compacted meanwhile is neither missed nor counted
 * twice.
 */
struct rollup_asking {
	enum rollup_dim dim;
	struct rollup_result result;
	struct map *places; /* value → index in the result + 1 */
	size_t size;
	int64_t next, until; /* seconds */
	bool open_end, begun;
};
void rollup_ask_begin(struct rollup_asking *q, enum rollup_dim dim,
    int64_t since_nsecs, int64_t until_nsecs);
int rollup_ask_step(struct rollup_asking *q, struct store_txn *t,
    int64_t now_nsecs) MUST_CHECK;
void rollup_ask_end(struct rollup_asking *q, struct rollup_result *result_r);
void rollup_ask_drop(struct rollup_asking *q);

/*
 * Calls row() for each row of a split in the day of `day_nsecs`, its value
 * taken apart (parts it has not are ""); borrowed until it returns. What was
 * booked on "(other)" has that as every part.
 */
int rollup_each_use(struct store_txn *t, enum rollup_dim dim, int64_t day_nsecs,
    void (*row)(void *arg, const struct str parts[ROLLUP_MAX_PARTS],
	const struct rollup_row *sums),
    void *arg) MUST_CHECK;

#endif
