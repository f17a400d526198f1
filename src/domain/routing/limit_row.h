/*
 * One row of LIMITS: what a scope has under way, and what it took in each of
 * the last seconds. Private to the limiter. Rows are stored in host order with
 * only the parts that are in use; one that cannot be read counts as empty,
 * because all of it is learned again within a minute.
 */
#ifndef DOMAIN_LIMIT_ROW_H
#define DOMAIN_LIMIT_ROW_H

#include "domain/routing/limiter.h"
#include "store/key.h"

#define LIMIT_MAX_SLOTS 128 /* owners with calls under way in one scope */
/* Seconds that may have a part in 60 s. When the clock was set back there may
   be more: then the two oldest become one. */
#define LIMIT_MAX_TICKS 61

struct limit_slot {
	uint64_t owner;
	uint64_t calls;
};

struct limit_tick {
	uint32_t second;    /* since the epoch; ascending in the row */
	uint32_t last_nsec; /* in it: when the last was taken */
	int64_t requests, tokens;
};

struct limit_row {
	uint32_t version;
	uint16_t slot_count, tick_count;
	struct limit_slot slots[LIMIT_MAX_SLOTS];
	struct limit_tick ticks[LIMIT_MAX_TICKS];
};

void limit_row_key(const struct limit_scope *scope, struct key *k_r);
/* The scope of a key; its texts borrow. -1: it is none. */
int limit_row_scope(struct str key, struct limit_scope *scope_r) MUST_CHECK;

/* What is stored, without what has left the window. False: a fresh row. */
bool limit_row_read(struct str value, int64_t now_nsecs,
    struct limit_row *row_r);
/* 1, 0 (fresh), -1 failed. */
int limit_row_get(struct store_txn *t, const struct limit_scope *scope,
    int64_t now_nsecs, struct limit_row *row_r) MUST_CHECK;
/* Nothing in it: the row is removed. */
int limit_row_put(struct store_txn *t, const struct limit_scope *scope,
    const struct limit_row *row) MUST_CHECK;
bool limit_row_is_empty(const struct limit_row *row);

void limit_row_use(const struct limit_row *row, int64_t now_nsecs,
    struct limit_use *use_r);
/* How long until so much has left the window (INT64_MAX: all of it). */
int64_t limit_row_wait(const struct limit_row *row, int64_t now_nsecs,
    int64_t requests, int64_t tokens);

/* The second of now, now being its last moment; added when it is new. */
struct limit_tick *limit_row_tick(struct limit_row *row, int64_t now_nsecs);
/* Changes what a second took; nothing when it has left the window. */
void limit_row_correct(struct limit_row *row, uint32_t second, int64_t requests,
    int64_t tokens);
/* One more call of this owner: -1 there is no room for its slot. */
int limit_row_enter(struct limit_row *row, uint64_t owner) MUST_CHECK;
void limit_row_leave(struct limit_row *row, uint64_t owner);
/* All of an owner's calls; returns how many. */
int64_t limit_row_drop(struct limit_row *row, uint64_t owner);

#endif
