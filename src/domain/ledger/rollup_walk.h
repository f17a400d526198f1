/*
 * Roll-up rows as they lie in the store. Private to domain/ledger/rollup*.c.
 *
 * Key: dimension u8, bucket u8 (0 hour, 1 day), start u32, value text. The
 * row with an empty value is the head of its bucket: how many values there
 * are (8 bytes); ROLLUP_ALL has no head, its one row has an empty value.
 * Between the parts of a split's value stands ROLLUP_SEPARATOR.
 */
#ifndef DOMAIN_ROLLUP_WALK_H
#define DOMAIN_ROLLUP_WALK_H

#include "domain/ledger/rollup.h"
#include "store/key.h"

#define ROLLUP_HOUR_SECS 3600
#define ROLLUP_DAY_SECS  86400
#define ROLLUP_SEPARATOR '\x1f'

enum rollup_bucket {
	ROLLUP_HOUR,
	ROLLUP_DAY
};

void rollup_key(struct key *k, enum rollup_dim dim, enum rollup_bucket bucket,
    uint32_t start, struct str value);
/* Fails the transaction: the row with this key is damaged. */
int rollup_fail_row(struct store_txn *t, struct str key, struct str value);

/* Rows of one dimension and bucket, by start. */
struct rollup_walk {
	struct store_txn *t;
	enum rollup_dim dim;
	enum rollup_bucket bucket;
	struct store_cursor *cursor;
	/* Of the row it stands on: */
	uint32_t start;
	bool is_head;
	struct str key, value; /* value: the text in the key; both borrowed */
	struct rollup_row row;
};
int rollup_walk_open(struct rollup_walk *w, struct store_txn *t,
    enum rollup_dim dim, enum rollup_bucket bucket, uint32_t since) MUST_CHECK;
void rollup_walk_close(struct rollup_walk *w);
/* 1 with a row that starts before until, 0 at the end, -1 failed. */
int rollup_walk_next(struct rollup_walk *w, int64_t until) MUST_CHECK;

#endif
