/*
 * The ledger's rows as bytes, and their keys. Private to domain/ledger*.c.
 *
 * Little-endian, a version byte first, every length checked when read: a row
 * is taken to its last byte or not at all. Layouts: ledger_row.c.
 */
#ifndef DOMAIN_LEDGER_ROW_H
#define DOMAIN_LEDGER_ROW_H

#include "base/buf.h"
#include "domain/ledger/ledger.h"
#include "store/key.h"

void hold_key(struct key *k, uint64_t owner, uint64_t number);
int hold_key_read(struct str key, uint64_t *owner_r,
    uint64_t *number_r) MUST_CHECK;
/* Into *out (empty). -1: too much in it, ERR_INTERNAL. */
int hold_row_write(const struct hold *h, struct buf *out,
    struct err *err) MUST_CHECK;
/*
 * All but owner and number, which are in the key. ended: room for
 * LEDGER_MAX_ENDED, to which h->ended points then; NULL: they are checked and
 * dropped. Slices borrow the bytes.
 */
int hold_row_read(struct str bytes, struct hold *h_r,
    struct charge *ended) MUST_CHECK;
/* Change a row's bytes in place; they were read before. */
void hold_row_set_state(char *bytes, enum hold_state state);
void hold_row_set_output(char *bytes, int64_t tokens, int64_t nanos);

void spend_key(struct key *k, const struct hold_scope *scope);
int spend_key_read(struct str key, struct hold_scope *scope_r) MUST_CHECK;
#define SPEND_ROW_BYTES 30
/* How many bytes it takes: those of `before` only where there is any. */
size_t spend_row_write(const struct spend_row *row,
    unsigned char out[SPEND_ROW_BYTES]);
/* All but the window, which is in the key. */
int spend_row_read(struct str bytes, struct spend_row *row_r) MUST_CHECK;

/*
 * What was spent in this window before the cap was set, into a row that does
 * not say yet: 1 it does now, 0 there is nothing to say, -1 the transaction has
 * failed. ledger_before.c.
 */
int ledger_find_before(struct store_txn *t, const struct cap *cap,
    const struct hold_scope *scope, int64_t now_nsecs,
    struct spend_row *row) MUST_CHECK;

/* ERR_STORE: the row of table `what` under this key is damaged. */
int ledger_damaged(const char *what, struct str key, struct str bytes,
    struct err *err);
/* ERR_STORE: the transaction's own error, for a store call that failed. */
int ledger_store_error(struct store_txn *t, struct err *err);

#endif
