/*
 * The shared store: two LMDB environments in one folder, opened by each
 * process itself after exec (never carried over a fork).
 *   accounts/  keys, teams, budgets, price versions, meta: durable commits
 *   live/      what changes per request: no sync on commit, safe against the
 *              death of any process. After a power loss it is not opened
 *              (ERR_STORE_LOST): recovery/recovery.h builds it anew
 * The tables and their keys are listed in store/tables.h.
 *
 * Rules:
 * - One open per process and folder. No transaction survives a return to the
 *   event loop. Inside a write transaction: no I/O, no logging, no waiting.
 * - A transaction remembers its first error (txn->failed): a run of puts may
 *   be checked once, at commit, which then aborts and returns it.
 * - Values returned by get and cursors point into the map: valid until the
 *   next write in this transaction or its end. Copy what must live longer.
 * - An open read transaction, like a snapshot, keeps every page freed since it
 *   began (some 27 KB per commit of others): copy out, end it, then print.
 * Recovery: map full → ERR_STORE_FULL (a reader check was tried first); map
 * grown by another process → adopted and retried inside; readers full → stale
 * readers are cleared and it is tried again; anything else ERR_STORE.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/err.h"
#include "base/str.h"
#include "store/counters.h"
#include "store/tables.h"

#include <stdint.h>

struct store;
struct store_txn;

struct store_options {
	const char *dir;   /* ".../store"; made with mode 0700 */
	int64_t map_bytes; /* of live; accounts gets 1/4. 0 = 1 GiB */
	bool read_only;    /* no folder is made, no schema is written */
	bool must_exist;   /* ERR_STORE "no store at DIR" when there is none */
};

/*
 * Opens both environments, makes the tables, checks or writes the schema
 * version (a newer one than ours is refused, an older one migrated).
 */
int store_open(const struct store_options *options, struct store **s_r,
    struct err *err) MUST_CHECK;
void store_close(struct store **s);

/* Transactions on one environment. */
enum store_env {
	STORE_ACCOUNTS,
	STORE_LIVE
};
int store_read(struct store *s, enum store_env env, struct store_txn **t_r,
    struct err *err) MUST_CHECK;
int store_write(struct store *s, enum store_env env, struct store_txn **t_r,
    struct err *err) MUST_CHECK;
/*
 * For a writer: 0 when there is room for more than its like, -1 with
 * ERR_STORE_FULL when what is left of the map is no more than the reserve. In a
 * map that is full to the last page not even a deletion can be written; so who
 * adds asks here, at the beginning and before the commit, and leaves the
 * reserve to those who take away (batch.h). Costs next to nothing until then.
 */
int store_check_room(struct store_txn *t, struct err *err) MUST_CHECK;
/* Ends it, whatever the answer. *t is NULL afterwards. */
int store_commit(struct store_txn **t, struct err *err) MUST_CHECK;
void store_abort(struct store_txn **t);
/* True when the transaction has failed; *err (or NULL) gets its first error. */
bool store_failed(const struct store_txn *t, struct err *err);
/* Makes it fail: for a caller that found a row it cannot use. Returns -1. */
int store_fail(struct store_txn *t, enum err_code code, const char *fmt, ...)
    PRINTF(3, 4);

/* The same: the row with this key is not what it should be. */
int store_fail_row(struct store_txn *t, enum store_table table, struct str key,
    struct str value);

/* 1 found (value borrowed), 0 absent, -1 failed. */
int store_get(struct store_txn *t, enum store_table table, struct str key,
    struct str *value_r) MUST_CHECK;
/* Keys of 1..511 bytes. Errors are kept in the transaction too. */
int store_put(struct store_txn *t, enum store_table table, struct str key,
    struct str value);
/* 1 put, 0 there is such a row already (and it stays), -1 failed. Not for
   tables whose rows are kept (store_rows.h). */
int store_insert(struct store_txn *t, enum store_table table, struct str key,
    struct str value) MUST_CHECK;
/* Adds to a row of counters: 1 added, 0 there is no such row, -1 failed; so
   does a row that is none of counters. */
int store_add(struct store_txn *t, enum store_table table, struct str key,
    const struct counters *amounts) MUST_CHECK;
/* 0 also when there was none. */
int store_del(struct store_txn *t, enum store_table table, struct str key);
/* Deletes the rows from <= key <= upto, first ones first, at most max.
   Returns how many, -1 failed. */
int store_del_range(struct store_txn *t, enum store_table table,
    struct str from, struct str upto, int max) MUST_CHECK;

/* Ascending walk over a table. A cursor ends with its transaction. */
struct store_cursor;
/* Starts at the first key >= from. NULL: failed. */
struct store_cursor *store_cursor_open(struct store_txn *t,
    enum store_table table, struct str from);
/* 1 with key and value (borrowed), 0 at the end, -1 failed. */
int store_cursor_next(struct store_cursor *c, struct str *key_r,
    struct str *value_r) MUST_CHECK;
/* Deletes the row last returned (write transactions only). */
int store_cursor_del(struct store_cursor *c);
void store_cursor_close(struct store_cursor **c);

/* fsync of live (workers never do; the keeper and the shutdown do). */
int store_sync(struct store *s, struct err *err) MUST_CHECK;
/* Clears reader slots of dead processes; returns how many. */
int store_check_readers(struct store *s);

struct store_info {
	uint64_t map_bytes[2]; /* by enum store_env */
	uint64_t used_bytes[2];
	uint64_t last_txn[2];
	unsigned readers[2];
	uint64_t rows[STORE_TABLE_COUNT];
};
int store_info(struct store *s, struct store_info *info_r,
    struct err *err) MUST_CHECK;
/* The last committed transaction of an environment, of any process: a change
   of it says that something was written. Costs next to nothing. */
uint64_t store_last_txn(struct store *s, enum store_env env);
/* A compacted copy of both environments into dir (made; must be empty). */
int store_snapshot(struct store *s, const char *dir,
    struct err *err) MUST_CHECK;

#endif
