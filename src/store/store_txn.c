/*
 * Transactions, and rows by key. See store.h for the rules.
 *
 * Owns the transaction objects: one writer per environment, part of the
 * store, and a few idle readers that are reset rather than ended, because
 * renewing one costs a quarter of beginning one and takes no lock. A reset
 * reader pins no pages; it keeps its slot in the lock table.
 *
 * A transaction that has failed does nothing more; its commit aborts.
 *
 * The writer of live/ keeps the rows of counters (store_rows.h). They stay
 * good over transactions as long as nobody else has committed in between: the
 * numbers of transactions, which LMDB gives out under the writer's lock, tell.
 */
#include "base/hash.h"
#include "store/store_backing.h"
#include "store/store_lmdb.h"

#include <stdarg.h>

#define IDLE_MAX 8 /* read transactions kept per environment */
/* A transaction looks for disk blocks again after so many bytes. */
#define BACKED_BYTES (1024 * 1024)

int
store_fail(struct store_txn *t, enum err_code code, const char *fmt, ...)
{
	char text[ERR_TEXT_BYTES];
	va_list ap;

	if (t->failed)
		return -1;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	t->failed = true;
	return err_set(&t->err, code, "%s: %s", t->store->envs[t->env].dir,
	    text);
}

int
store_fail_row(struct store_txn *t, enum store_table table, struct str key,
    struct str value)
{
	char hex[2 * KEY_MAX_BYTES + 1];

	hash_hex((const unsigned char *)key.p, key.n, hex);
	return store_fail(t, ERR_STORE,
	    "%s: the row with key %s is damaged (%zu bytes)",
	    store_tables[table].name, hex, value.n);
}

bool
store_failed(const struct store_txn *t, struct err *err)
{
	if (t->failed && err != NULL)
		*err = t->err;
	return t->failed;
}

/* ---- begin and end ---- */

/*
 * Another process has grown the map past ours. The map moves, so nothing of
 * ours may be open on it.
 */
static int
adopt_map(struct store_environment *e)
{
	return e->active > 0 ? MDB_MAP_RESIZED : mdb_env_set_mapsize(e->mdb, 0);
}

/* mdb_txn_begin with the two failures that can be mended. */
static int
begin(struct store_environment *e, unsigned flags, MDB_txn **mdb_r)
{
	int dead, rc = mdb_txn_begin(e->mdb, NULL, flags, mdb_r);

	if (rc == MDB_MAP_RESIZED) {
		rc = adopt_map(e);
		if (rc == 0)
			rc = mdb_txn_begin(e->mdb, NULL, flags, mdb_r);
	}
	if (rc == MDB_READERS_FULL) {
		mdb_reader_check(e->mdb, &dead);
		rc = mdb_txn_begin(e->mdb, NULL, flags, mdb_r);
	}
	return rc;
}

/* Makes *t ready; the counterpart of leave(). */
static struct store_txn *
enter(struct store_environment *e, struct store_txn *t)
{
	e->active++;
	t->failed = t->wrote = false;
	t->edits = t->put_bytes = 0;
	t->backed_bytes = BACKED_BYTES;
	t->err.code = ERR_NONE;
	return t;
}

/* An idle read transaction brought up to date, or NULL. */
static struct store_txn *
renew_idle(struct store_environment *e)
{
	struct list *node;

	while ((node = list_shift(&e->idle)) != NULL) {
		struct store_txn *t = LIST_OBJ(node, struct store_txn, node);
		int rc = mdb_txn_renew(t->mdb);

		e->idle_count--;
		if (rc == MDB_MAP_RESIZED && adopt_map(e) == 0)
			rc = mdb_txn_renew(t->mdb);
		if (rc == 0)
			return t;
		/* MDB_BAD_RSLOT: the slot is somebody else's now, and abort
		   would free it under him. */
		if (rc != MDB_BAD_RSLOT)
			mdb_txn_abort(t->mdb);
		free(t);
	}
	return NULL;
}

int
store_read(struct store *s, enum store_env env, struct store_txn **t_r,
    struct err *err)
{
	struct store_environment *e = &s->envs[env];
	struct store_txn *t;
	int rc;

	if (store_check_use(s, err) != 0)
		return -1;
	t = renew_idle(e);
	if (t == NULL) {
		t = xcalloc(1, sizeof(*t));
		t->store = s;
		t->env = env;
		list_init(&t->node);
		list_init(&t->cursors);
		rc = begin(e, MDB_RDONLY, &t->mdb);
		if (rc != 0) {
			free(t);
			return store_set_error(err, e, "begin reading", rc);
		}
	}
	*t_r = enter(e, t);
	return 0;
}

int
store_write(struct store *s, enum store_env env, struct store_txn **t_r,
    struct err *err)
{
	struct store_environment *e = &s->envs[env];
	int rc;

	if (store_check_use(s, err) != 0)
		return -1;
	if (s->read_only)
		return err_set(err, ERR_STORE, "%s: opened for reading only",
		    e->dir);
	/* The lock is not recursive: this process would wait for itself. */
	if (e->writer.mdb != NULL)
		return err_set(err, ERR_INTERNAL,
		    "%s: a write transaction is open already", e->dir);
	rc = begin(e, 0, &e->writer.mdb);
	if (rc == 0) {
		rc = store_backing_reserve(e, BACKED_BYTES);
		if (rc != 0)
			mdb_txn_abort(e->writer.mdb);
	}
	if (rc != 0) {
		e->writer.mdb = NULL;
		return store_set_error(err, e, "begin writing", rc);
	}
	if (e->rows != NULL && mdb_txn_id(e->writer.mdb) != e->rows_txn + 1)
		store_rows_forget(e->rows);
	*t_r = enter(e, &e->writer);
	return 0;
}

/* ---- room ---- */

/* A 16th of the map, within these, is the reserve. */
#define RESERVE_SHARE     16
#define RESERVE_PAGES_MIN 64
#define RESERVE_PAGES_MAX 4096
/* LMDB's own: of its free list and of the names of tables. */
#define OWN_TABLES 2

/* Pages of the map that are in use in this transaction. */
static uint64_t
used_pages(const struct store_txn *t)
{
	const struct store *s = t->store;
	uint64_t pages = 2; /* the two that LMDB begins with */
	MDB_stat st;

	for (MDB_dbi dbi = 0; dbi < OWN_TABLES; dbi++) {
		if (mdb_stat(t->mdb, dbi, &st) == 0)
			pages += st.ms_branch_pages + st.ms_leaf_pages +
				 st.ms_overflow_pages;
	}
	for (int i = 0; i < STORE_TABLE_COUNT; i++) {
		if (store_tables[i].env == t->env && s->has_table[i] &&
		    mdb_stat(t->mdb, s->dbis[i], &st) == 0)
			pages += st.ms_branch_pages + st.ms_leaf_pages +
				 st.ms_overflow_pages;
	}
	return pages;
}

int
store_check_room(struct store_txn *t, struct err *err)
{
	const struct store_environment *e = &t->store->envs[t->env];
	uint64_t pages, reserve;
	MDB_envinfo info;

	if (mdb_env_info(e->mdb, &info) != 0)
		return 0;
	pages = info.me_mapsize / e->page_bytes;
	reserve = pages / RESERVE_SHARE;
	if (reserve < RESERVE_PAGES_MIN)
		reserve = RESERVE_PAGES_MIN;
	if (reserve > RESERVE_PAGES_MAX)
		reserve = RESERVE_PAGES_MAX;
	/* As of the last commit: this one may have come as far again. */
	if (info.me_last_pgno + 2 * reserve < pages ||
	    used_pages(t) + reserve <= pages)
		return 0;
	return err_set(err, ERR_STORE_FULL,
	    "%s: full: what is left of its %llu MiB "
	    "(tallygate.store.map_size) is kept for deletions",
	    e->dir, (unsigned long long)(info.me_mapsize >> 20));
}

static void
close_cursors(struct store_txn *t)
{
	LIST_EACH_SAFE(n, &t->cursors) {
		struct store_cursor *c = LIST_OBJ(n, struct store_cursor, node);

		store_cursor_close(&c);
	}
}

/* After the LMDB transaction has ended or was reset. */
static void
leave(struct store_txn **t)
{
	struct store_txn *old = *t;
	struct store_environment *e = &old->store->envs[old->env];

	*t = NULL;
	e->active--;
	if (old->writer) {
		old->mdb = NULL;
		return;
	}
	if (e->idle_count < IDLE_MAX) {
		mdb_txn_reset(old->mdb);
		list_append(&e->idle, &old->node);
		e->idle_count++;
		return;
	}
	mdb_txn_abort(old->mdb);
	free(old);
}

int
store_commit_handles(struct store_txn **t, struct err *err)
{
	struct store_txn *old = *t;
	struct store_environment *e = &old->store->envs[old->env];
	int rc = mdb_txn_commit(old->mdb);

	*t = NULL;
	e->active--;
	free(old);
	return rc == 0 ? 0 : store_set_error(err, e, "open tables", rc);
}

void
store_drop_idle(struct store_environment *e)
{
	struct list *node;

	while ((node = list_shift(&e->idle)) != NULL) {
		struct store_txn *t = LIST_OBJ(node, struct store_txn, node);

		mdb_txn_abort(t->mdb);
		free(t);
	}
	e->idle_count = 0;
}

/* What was kept is not what is in LMDB. */
static void
forget_rows(struct store_txn *t)
{
	struct store_environment *e = &t->store->envs[t->env];

	if (t->writer && e->rows != NULL)
		store_rows_forget(e->rows);
}

/* The writer's LMDB transaction; the kept rows are of its state then. */
static int
commit_writer(struct store_txn *t)
{
	struct store_environment *e = &t->store->envs[t->env];
	/* One that wrote nothing leaves no number behind. */
	uint64_t id = mdb_txn_id(t->mdb) - !t->wrote;
	int rc = mdb_txn_commit(t->mdb);

	e->rows_txn = id;
	if (rc != 0)
		forget_rows(t);
	return rc;
}

void
store_abort(struct store_txn **t)
{
	if (*t == NULL)
		return;
	close_cursors(*t);
	if ((*t)->writer)
		mdb_txn_abort((*t)->mdb);
	forget_rows(*t);
	leave(t);
}

int
store_commit(struct store_txn **t, struct err *err)
{
	struct store_environment *e = &(*t)->store->envs[(*t)->env];
	int rc = 0;

	if (store_write_rows(*t) != 0) {
		store_failed(*t, err);
		store_abort(t);
		return -1;
	}
	close_cursors(*t);
	if ((*t)->writer)
		rc = commit_writer(*t);
	leave(t);
	return rc == 0 ? 0 : store_set_error(err, e, "commit", rc);
}

/* ---- rows ---- */

/* LMDB's values are not const, but it does not write to keys and values. */
static MDB_val
val_of(struct str s)
{
	static const char nothing[] = "";
	const char *p = s.n > 0 ? s.p : nothing;
	MDB_val v = { s.n, (void *)(uintptr_t)p };

	return v;
}

int
store_refuse_table(struct store_txn *t, enum store_table table)
{
	const char *name = store_tables[table].name;

	if (t->failed)
		return -1;
	if (store_tables[table].env != t->env)
		return store_fail(t, ERR_INTERNAL, "table %s is not here",
		    name);
	return store_fail(t, ERR_INTERNAL,
	    "table %s: written in a read transaction", name);
}

int
store_check_key(struct store_txn *t, enum store_table table, struct str key)
{
	if (key.n >= 1 && key.n <= KEY_MAX_BYTES)
		return 0;
	return store_fail(t, ERR_INTERNAL, "table %s: a key of %zu bytes",
	    store_tables[table].name, key.n);
}

/* The writer's kept rows, if it keeps this table's; else NULL. */
static struct store_rows *
rows_of(const struct store_txn *t, enum store_table table)
{
	return t->writer && store_rows_keeps(table)
		   ? t->store->envs[t->env].rows
		   : NULL;
}

int
store_get(struct store_txn *t, enum store_table table, struct str key,
    struct str *value_r)
{
	MDB_val k = val_of(key), v;
	struct store_rows *rows;
	int rc;

	if (store_check_table(t, table, false) != 0 ||
	    store_check_key(t, table, key) != 0)
		return -1;
	rows = rows_of(t, table);
	if (rows != NULL && store_rows_get(rows, table, key, value_r) == 1)
		return 1;
	if (!t->store->has_table[table])
		return 0;
	rc = mdb_get(t->mdb, t->store->dbis[table], &k, &v);
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0)
		return store_fail_table(t, "get from", table, rc);
	*value_r = store_val_str(&v);
	return 1;
}

/* flags: 0 or MDB_NOOVERWRITE, which may answer MDB_KEYEXIST. */
static int
put_flagged(struct store_txn *t, enum store_table table, struct str key,
    struct str value, unsigned flags)
{
	MDB_val k = val_of(key), v = val_of(value);
	int rc = 0;

	t->put_bytes += key.n + value.n;
	if (t->put_bytes > t->backed_bytes) {
		t->backed_bytes = t->put_bytes + BACKED_BYTES;
		rc = store_backing_reserve(&t->store->envs[t->env],
		    t->backed_bytes);
	}
	if (rc == 0)
		rc = mdb_put(t->mdb, t->store->dbis[table], &k, &v, flags);
	if (rc == MDB_KEYEXIST)
		return rc;
	t->edits++;
	t->wrote = true;
	return rc == 0 ? 0 : store_fail_table(t, "put into", table, rc);
}

static int
put(struct store_txn *t, enum store_table table, struct str key,
    struct str value)
{
	return put_flagged(t, table, key, value, 0);
}

int
store_write_rows(struct store_txn *t)
{
	struct store_rows *r = t->store->envs[t->env].rows;

	if (t->failed)
		return -1;
	if (!t->writer || r == NULL || r->changed == 0)
		return 0;
	for (uint32_t i = 0; i < r->count && r->changed > 0; i++) {
		struct store_row *row = &r->rows[i];

		if (!row->changed)
			continue;
		if (put(t, (enum store_table)row->table, store_row_key(r, row),
			store_row_value(r, row)) != 0)
			return -1;
		row->changed = false;
		r->changed--;
	}
	return 0;
}

/* 1 kept, 0 it is too long for that, -1 failed. */
static int
keep(struct store_txn *t, struct store_rows *rows, enum store_table table,
    struct str key, struct str value)
{
	if (value.n > STORE_ROWS_VALUE_BYTES) {
		store_rows_drop(rows, table, key);
		return 0;
	}
	if (store_rows_set(rows, table, key, value))
		return 1;
	/* Full. The value may be one of those that are forgotten then. */
	if (store_write_rows(t) != 0 || put(t, table, key, value) != 0)
		return -1;
	store_rows_clear(rows);
	return 1;
}

int
store_put(struct store_txn *t, enum store_table table, struct str key,
    struct str value)
{
	struct store_rows *rows;
	int rc = 0;

	if (store_check_table(t, table, true) != 0 ||
	    store_check_key(t, table, key) != 0)
		return -1;
	rows = rows_of(t, table);
	if (rows != NULL) {
		rc = keep(t, rows, table, key, value);
		t->edits++;
	}
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	return put(t, table, key, value);
}

int
store_add(struct store_txn *t, enum store_table table, struct str key,
    const struct counters *amounts)
{
	unsigned char bytes[COUNTERS_BYTES];
	struct store_rows *rows;
	struct counters sum;
	struct str value;
	int rc;

	if (store_check_table(t, table, true) != 0 ||
	    store_check_key(t, table, key) != 0)
		return -1;
	t->edits++;
	rows = rows_of(t, table);
	if (rows != NULL && store_rows_add(rows, table, key, amounts))
		return 1;
	rc = store_get(t, table, key, &value);
	if (rc <= 0)
		return rc;
	if (counters_decode(value, &sum) != 0)
		return store_fail_row(t, table, key, value);
	counters_add(&sum, amounts);
	if (rows != NULL && store_rows_set_counters(rows, table, key, &sum))
		return 1;
	value = str_make((const char *)bytes, counters_encode(&sum, bytes));
	return store_put(t, table, key, value) == 0 ? 1 : -1;
}

int
store_insert(struct store_txn *t, enum store_table table, struct str key,
    struct str value)
{
	int rc;

	if (store_check_table(t, table, true) != 0 ||
	    store_check_key(t, table, key) != 0)
		return -1;
	if (rows_of(t, table) != NULL)
		return store_fail(t, ERR_INTERNAL,
		    "table %s: inserted into kept rows",
		    store_tables[table].name);
	rc = put_flagged(t, table, key, value, MDB_NOOVERWRITE);
	if (rc == MDB_KEYEXIST)
		return 0;
	return rc == 0 ? 1 : -1;
}

int
store_del(struct store_txn *t, enum store_table table, struct str key)
{
	MDB_val k = val_of(key);
	struct store_rows *rows;
	int rc;

	if (store_check_table(t, table, true) != 0 ||
	    store_check_key(t, table, key) != 0)
		return -1;
	rows = rows_of(t, table);
	t->edits++;
	rc = mdb_del(t->mdb, t->store->dbis[table], &k, NULL);
	if (rows != NULL)
		store_rows_drop(rows, table, key);
	t->wrote = t->wrote || rc == 0;
	if (rc == 0 || rc == MDB_NOTFOUND)
		return 0;
	return store_fail_table(t, "delete from", table, rc);
}
