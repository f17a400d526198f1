/*
 * Who is alive. Each process that writes rows of its own (holds, outbox,
 * in-flight counts) registers as an owner: a number never used before, a row
 * in OWNERS, and an open-file-description lock on the byte at that offset of
 * store/owners.lock. The kernel drops the lock when the process dies, however
 * it dies, so liveness can be tested by anybody at any time, also with the
 * supervisor or the whole gateway gone.
 */
#ifndef STORE_OWNER_H
#define STORE_OWNER_H

#include "store/store.h"

struct owner_row {
	uint32_t role; /* enum contract_role */
	uint32_t slot;
	uint32_t generation;
	uint32_t pid;
	int64_t started_nsecs; /* wall */
	uint64_t last_seq;     /* last sequence given out in OUTBOX */
};

struct owner {
	uint64_t id; /* rises with time over all processes of this store */
	int lock_fd; /* holds the lock; close = dead */
	struct owner_row row;
};

/* Registers this process (row->started_nsecs is filled in). */
int owner_register(struct store *s, const char *store_dir,
    const struct owner_row *row, struct owner *o_r, struct err *err) MUST_CHECK;
/* Drops the lock; the row goes when the keeper has cleaned up after it. */
void owner_release(struct owner *o);
/* 1 alive, 0 dead, -1 unknown. One's own id is alive; 0 for it means that the
   file of locks is not the one we registered with. */
int owner_alive(const char *store_dir, uint64_t id, struct err *err) MUST_CHECK;
/* A cursor over the rows of OWNERS from a number on; NULL: it failed. */
struct store_cursor *owner_cursor(struct store_txn *t, uint64_t from);
/* 1 with the next row, 0 at the end, -1 failed. A row that no version of ours
   wrote is passed over. */
int owner_next(struct store_cursor *c, uint64_t *id_r,
    struct owner_row *row_r) MUST_CHECK;
/* Next outbox sequence of this owner, kept in its row; call in a write txn. */
int owner_next_seq(struct store_txn *t, struct owner *o,
    uint64_t *seq_r) MUST_CHECK;

#endif
