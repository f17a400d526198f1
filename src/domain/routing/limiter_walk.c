/*
 * Looking at rows of LIMITS and clearing them away. See limiter.h. Walks step
 * on cursors; rows are changed behind the cursor's back, which it allows.
 */
#include "domain/routing/limit_row.h"

int
limiter_read(struct store_txn *t, const struct limit_scope *scope,
    int64_t now_nsecs, struct limit_use *use)
{
	struct limit_row row;
	int rc = limit_row_get(t, scope, now_nsecs, &row);

	memset(use, 0, sizeof(*use));
	if (rc == 1)
		limit_row_use(&row, now_nsecs, use);
	return rc;
}

int
limiter_walk(struct store_txn *t, int64_t now_nsecs, struct limit_walk *w)
{
	w->txn = t;
	w->now_nsecs = now_nsecs;
	w->cursor = store_cursor_open(t, STORE_LIMITS, str_make("", 0));
	return w->cursor == NULL ? -1 : 0;
}

int
limiter_next(struct limit_walk *w, struct limit_scope *scope,
    struct limit_use *use)
{
	struct limit_row row;
	struct str key, value;
	int rc;

	while ((rc = store_cursor_next(w->cursor, &key, &value)) == 1) {
		if (limit_row_scope(key, scope) != 0 ||
		    !limit_row_read(value, w->now_nsecs, &row) ||
		    limit_row_is_empty(&row))
			continue;
		limit_row_use(&row, w->now_nsecs, use);
		return 1;
	}
	return rc;
}

void
limiter_end_walk(struct limit_walk *w)
{
	store_cursor_close(&w->cursor);
}

/* Writes the row at the cursor back, without the owner's slots. */
static int64_t
drop_slots(struct store_txn *t, struct str key, struct str value,
    uint64_t owner, int64_t now_nsecs)
{
	struct limit_scope scope;
	struct limit_row row;
	int64_t n;

	if (limit_row_scope(key, &scope) != 0 ||
	    !limit_row_read(value, now_nsecs, &row))
		return 0;
	n = limit_row_drop(&row, owner);
	if (n > 0 && limit_row_put(t, &scope, &row) != 0)
		return -1;
	return n;
}

int64_t
limiter_release(struct store_txn *t, uint64_t owner, int64_t now_nsecs)
{
	struct store_cursor *c =
	    store_cursor_open(t, STORE_LIMITS, str_make("", 0));
	struct str key, value;
	int64_t freed = 0, n;
	int rc = c == NULL ? -1 : 1;

	while (rc == 1 && (rc = store_cursor_next(c, &key, &value)) == 1) {
		n = drop_slots(t, key, value, owner, now_nsecs);
		if (n < 0)
			rc = -1;
		else
			freed += n;
	}
	store_cursor_close(&c);
	return rc < 0 ? -1 : freed;
}

int
limiter_sweep(struct store_txn *t, int64_t now_nsecs, struct key *from,
    int max_rows)
{
	struct store_cursor *c =
	    store_cursor_open(t, STORE_LIMITS, key_str(from));
	struct str key, value;
	struct limit_row row;
	int removed = 0, looked = 0;
	int rc = c == NULL ? -1 : 1;

	while (rc == 1 && (rc = store_cursor_next(c, &key, &value)) == 1) {
		if (looked++ == max_rows) {
			key_init(from);
			key_text_last(from, key);
			break;
		}
		limit_row_read(value, now_nsecs, &row);
		if (!limit_row_is_empty(&row))
			continue;
		if (store_cursor_del(c) != 0)
			rc = -1;
		removed++;
	}
	if (rc == 0)
		key_init(from); /* the end: from the first again */
	store_cursor_close(&c);
	return rc < 0 ? -1 : removed;
}
