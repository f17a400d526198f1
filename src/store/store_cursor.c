/*
 * Ascending walks over a table. See store.h.
 *
 * Owns its LMDB cursor and, in a write transaction, a copy of the key it
 * stands on; ends with its transaction at the latest. Fails by failing the
 * transaction.
 */
#include "store/store_lmdb.h"

struct store_cursor *
store_cursor_open(struct store_txn *t, enum store_table table, struct str from)
{
	struct store_cursor *c;

	if (store_check_table(t, table, false) != 0)
		return NULL;
	if (from.n > 0 && store_check_key(t, table, from) != 0)
		return NULL;
	c = xmalloc(sizeof(*c));
	c->txn = t;
	c->table = table;
	c->mdb = NULL;
	c->edits = 0;
	c->on_row = false;
	c->ended = !t->store->has_table[table];
	c->key_bytes = from.n;
	if (from.n > 0)
		memcpy(c->key, from.p, from.n);
	list_append(&t->cursors, &c->node);
	return c;
}

/* Opens LMDB's cursor at the first key >= c->key, after it when on_row. */
static int
place_cursor(struct store_cursor *c, MDB_val *key, MDB_val *value)
{
	struct store_txn *t = c->txn;
	MDB_val from = { c->key_bytes, c->key };
	int rc;

	if (c->mdb != NULL)
		mdb_cursor_close(c->mdb);
	c->mdb = NULL;
	rc = mdb_cursor_open(t->mdb, t->store->dbis[c->table], &c->mdb);
	if (rc != 0)
		return rc;
	c->edits = t->edits;
	if (c->key_bytes == 0)
		return mdb_cursor_get(c->mdb, key, value, MDB_FIRST);
	*key = from;
	rc = mdb_cursor_get(c->mdb, key, value, MDB_SET_RANGE);
	if (rc != 0 || !c->on_row || key->mv_size != from.mv_size ||
	    memcmp(key->mv_data, from.mv_data, from.mv_size) != 0)
		return rc;
	return mdb_cursor_get(c->mdb, key, value, MDB_NEXT);
}

/*
 * A walker may put and delete in any table between two steps. LMDB repairs
 * open cursors then, but steps over a row that was put right behind a deleted
 * one; so after any change the cursor is placed anew, by key.
 */
int
store_cursor_next(struct store_cursor *c, struct str *key_r,
    struct str *value_r)
{
	struct store_txn *t = c->txn;
	MDB_val key, value;
	int rc;

	if (t->failed)
		return -1;
	if (c->ended)
		return 0;
	if (store_rows_keeps(c->table) && store_write_rows(t) != 0)
		return -1;
	if (c->mdb == NULL || c->edits != t->edits)
		rc = place_cursor(c, &key, &value);
	else
		rc = mdb_cursor_get(c->mdb, &key, &value, MDB_NEXT);
	if (rc == MDB_NOTFOUND) {
		c->ended = true;
		c->on_row = false;
		return 0;
	}
	if (rc != 0)
		return store_fail_table(t, "walk over", c->table, rc);
	if (t->writer) {
		c->key_bytes = key.mv_size;
		memcpy(c->key, key.mv_data, key.mv_size);
	}
	c->on_row = true;
	*key_r = store_val_str(&key);
	*value_r = store_val_str(&value);
	return 1;
}

int
store_cursor_del(struct store_cursor *c)
{
	if (store_check_table(c->txn, c->table, true) != 0)
		return -1;
	if (!c->on_row)
		return store_fail(c->txn, ERR_INTERNAL,
		    "table %s: nothing under the cursor",
		    store_tables[c->table].name);
	return store_del(c->txn, c->table,
	    str_make((const char *)c->key, c->key_bytes));
}

void
store_cursor_close(struct store_cursor **c)
{
	if (*c == NULL)
		return;
	if ((*c)->mdb != NULL)
		mdb_cursor_close((*c)->mdb);
	list_remove(&(*c)->node);
	free(*c);
	*c = NULL;
}

/* In the order of keys: a shorter one before those it begins. */
static bool
is_after(const MDB_val *key, struct str upto)
{
	size_t n = key->mv_size < upto.n ? key->mv_size : upto.n;
	int order = memcmp(key->mv_data, upto.p, n);

	return order > 0 || (order == 0 && key->mv_size > upto.n);
}

/* One cursor for all of them: LMDB's points at the next row after a deletion,
   and nothing is put in between. */
int
store_del_range(struct store_txn *t, enum store_table table, struct str from,
    struct str upto, int max)
{
	MDB_val key = { from.n, (void *)(uintptr_t)from.p }, value;
	MDB_cursor *c;
	int n = 0, rc;

	if (store_check_table(t, table, true) != 0 ||
	    store_check_key(t, table, from) != 0 ||
	    (store_rows_keeps(table) && store_write_rows(t) != 0))
		return -1;
	rc = mdb_cursor_open(t->mdb, t->store->dbis[table], &c);
	if (rc != 0)
		return store_fail_table(t, "walk over", table, rc);
	rc = mdb_cursor_get(c, &key, &value, MDB_SET_RANGE);
	while (rc == 0 && n < max && !is_after(&key, upto)) {
		if (store_rows_keeps(table))
			store_rows_drop(t->store->envs[t->env].rows, table,
			    store_val_str(&key));
		rc = mdb_cursor_del(c, 0);
		if (rc != 0)
			break;
		t->edits++;
		t->wrote = true;
		n++;
		rc = mdb_cursor_get(c, &key, &value, MDB_NEXT);
	}
	mdb_cursor_close(c);
	return rc == 0 || rc == MDB_NOTFOUND
		   ? n
		   : store_fail_table(t, "delete from", table, rc);
}
