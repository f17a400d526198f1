/*
 * The log of changes: one row for every mutation of accounts/, written in the
 * same transaction: who, when, what, and the members that differ before and
 * after. tallyctl log prints it. Never a secret: keys are in it by their hash
 * and their masked name.
 */
#ifndef DOMAIN_CHANGE_H
#define DOMAIN_CHANGE_H

#include "domain/accounts/entity.h"

#define CHANGES_KEPT 100000

/* Who changes something. */
struct actor {
	const char *who;   /* "uid 1000 (anna)", "master", "key 88dc..." */
	const char *claim; /* whom the caller says it acts for; "" nobody */
	int64_t now_nsecs; /* wall */
};

struct change {
	const char *verb; /* "create", "update", "block" ... */
	enum entity_kind kind;
	const char *word;     /* what it is when it is no entity; else NULL */
	struct str id;        /* as in the store */
	const json_t *before; /* NULL: there was none */
	const json_t *after;  /* NULL: it is gone */
};
int change_note(struct store_txn *t, const struct actor *actor,
    const struct change *change, struct err *err) MUST_CHECK;

/*
 * Walks the rows from a number on, oldest first: 1 with the row's number and
 * its JSON text (borrowed), 0 end, -1 failed.
 */
struct change_walk {
	struct store_txn *txn;
	struct store_cursor *cursor;
};
int change_walk(struct store_txn *t, uint64_t from, struct change_walk *w_r,
    struct err *err) MUST_CHECK;
int change_next(struct change_walk *w, uint64_t *number_r, struct str *json_r,
    struct err *err) MUST_CHECK;
void change_end_walk(struct change_walk *w);
/* The number of the newest row; 0 none. -1 failed. */
int change_last(struct store_txn *t, uint64_t *number_r,
    struct err *err) MUST_CHECK;

#endif
