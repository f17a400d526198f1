/*
 * What the files of the store that talk to LMDB share. Private to src/store,
 * and the only file of the program that includes lmdb.h.
 *   store_lmdb.c    opening and closing, errors
 *   store_txn.c     transactions and rows
 *   store_rows.c    rows kept through a turn
 *   store_backing.c disk blocks behind the map
 *   store_trust.c   what a host that went down leaves
 *   store_cursor.c  walks
 *   store_upkeep.c  sync, readers, figures, snapshots
 */
#ifndef STORE_STORE_LMDB_H
#define STORE_STORE_LMDB_H

#include "base/list.h"
#include "store/key.h"
#include "store/store.h"
#include "store/store_rows.h"

#include <lmdb.h>
#include <sys/types.h>

#define STORE_ENVS 2

struct store_txn {
	struct store *store;
	enum store_env env;
	MDB_txn *mdb;       /* NULL only for a writer at rest */
	bool writer;        /* one of struct store_environment's writer */
	bool failed;        /* err says why; nothing more is done */
	bool wrote;         /* something was put into LMDB or deleted there */
	uint64_t edits;     /* puts and deletes so far, for cursors */
	uint64_t put_bytes; /* keys and values put so far */
	uint64_t backed_bytes; /* of them, with blocks behind them */
	struct list cursors;
	struct list node; /* readers: on the environment's idle list */
	struct err err;   /* the first error */
};

struct store_cursor {
	struct list node; /* on its transaction's list */
	struct store_txn *txn;
	enum store_table table;
	MDB_cursor *mdb; /* NULL until the first row is asked for */
	uint64_t edits;  /* txn->edits when mdb was placed */
	bool on_row;     /* key is the row last returned, else where to start */
	bool ended;
	size_t key_bytes;
	unsigned char key[KEY_MAX_BYTES];
};

struct store_environment {
	char *dir;
	char *recover; /* behind errors that mean damage: what to run */
	MDB_env *mdb;
	unsigned active; /* transactions now open */
	struct store_txn writer;
	struct store_rows *rows; /* the writer's; NULL: none are kept */
	uint64_t rows_txn;       /* what is in rows is as of this transaction */
	bool written_through;    /* MDB_WRITEMAP */
	uint64_t backed_bytes;   /* of the file, that have blocks for sure */
	unsigned page_bytes;
	struct list idle; /* reset read transactions */
	unsigned idle_count;
};

struct store {
	struct list node; /* on open_stores */
	dev_t dev;        /* the folder, to find a second open of it */
	ino_t ino;
	unsigned forks; /* fork_count at open */
	bool read_only;
	int lock_fd; /* store_trust.h; -1: none */
	bool marked; /* live/ is marked as in use by us too */
	struct store_environment envs[STORE_ENVS];
	MDB_dbi dbis[STORE_TABLE_COUNT];
	bool has_table[STORE_TABLE_COUNT]; /* read-only opens may miss some */
};

struct store_table_info {
	enum store_env env;
	const char *name;
};

extern const struct store_table_info store_tables[STORE_TABLE_COUNT];
extern const char *const store_env_names[STORE_ENVS];

static inline struct str
store_val_str(const MDB_val *v)
{
	return str_make(v->mv_data, v->mv_size);
}

/* 0, or -1 when the store was carried over a fork (a bug of the caller). */
int store_check_use(const struct store *s, struct err *err) MUST_CHECK;
/* Translates LMDB's answer; returns -1. */
int store_set_error(struct err *err, const struct store_environment *e,
    const char *doing, int rc);
/* The same as the transaction's first error. */
int store_fail_table(struct store_txn *t, const char *doing,
    enum store_table table, int rc);
/* Why this transaction may not touch this table; it has failed then. -1. */
int store_refuse_table(struct store_txn *t, enum store_table table);
/* 0, or -1 when this transaction may not touch this table in this way. */
static inline int
store_check_table(struct store_txn *t, enum store_table table, bool writing)
{
	if (t->failed || store_tables[table].env != t->env ||
	    (writing && !t->writer))
		return store_refuse_table(t, table);
	return 0;
}

int store_check_key(struct store_txn *t, enum store_table table,
    struct str key) MUST_CHECK;
/* Puts the kept rows that were changed into LMDB: before a walk over their
   table, and before the commit. */
int store_write_rows(struct store_txn *t) MUST_CHECK;
/*
 * Ends a read transaction by committing it, which keeps the table handles
 * opened in it (a pooled one is only reset).
 */
int store_commit_handles(struct store_txn **t, struct err *err) MUST_CHECK;
/* fsync of a file or folder. */
int store_sync_path(const char *path, struct err *err) MUST_CHECK;
/* Frees the idle read transactions. */
void store_drop_idle(struct store_environment *e);

#endif
