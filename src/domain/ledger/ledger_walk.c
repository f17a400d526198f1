/*
 * Walks over the ledger's rows: holds of an owner, all spend rows, and the
 * sweep of windows that are over. See ledger.h. A damaged row is reported
 * once and stepped over by the next call, so that one bad row does not hide
 * the others.
 */
#include "base/clock.h"
#include "domain/ledger/ledger_row.h"

/* ---- holds -------------------------------------------------------------- */

int
ledger_walk_holds(struct store_txn *t, uint64_t owner, struct hold_walk *w_r,
    struct err *err)
{
	struct hold_walk w = { .txn = t, .owner = owner };
	struct key k;

	hold_key(&k, owner, 0);
	w.cursor = store_cursor_open(t, STORE_HOLDS, key_str(&k));
	if (w.cursor == NULL)
		return ledger_store_error(t, err);
	w.ended = xcalloc(LEDGER_MAX_ENDED, sizeof(*w.ended));
	*w_r = w;
	return 0;
}

int
ledger_next_hold(struct hold_walk *w, struct hold *h_r, struct err *err)
{
	struct str key, bytes;
	uint64_t owner, number;
	int rc = store_cursor_next(w->cursor, &key, &bytes);

	if (rc < 0)
		return ledger_store_error(w->txn, err);
	if (rc == 0)
		return 0;
	if (hold_key_read(key, &owner, &number) != 0)
		return ledger_damaged("holds", key, bytes, err);
	if (w->owner != 0 && owner != w->owner)
		return 0;
	if (hold_row_read(bytes, h_r, w->ended) != 0)
		return ledger_damaged("holds", key, bytes, err);
	h_r->owner = owner;
	h_r->number = number;
	return 1;
}

void
ledger_end_walk(struct hold_walk *w)
{
	store_cursor_close(&w->cursor);
	free(w->ended);
	w->ended = NULL;
}

/* ---- spend rows --------------------------------------------------------- */

int
ledger_walk_spend(struct store_txn *t, struct spend_walk *w_r, struct err *err)
{
	w_r->txn = t;
	w_r->cursor = store_cursor_open(t, STORE_SPEND, str_of(""));
	return w_r->cursor != NULL ? 0 : ledger_store_error(t, err);
}

int
ledger_next_spend(struct spend_walk *w, struct hold_scope *scope_r,
    struct spend_row *row_r, struct err *err)
{
	struct str key, bytes;
	int rc = store_cursor_next(w->cursor, &key, &bytes);

	if (rc < 0)
		return ledger_store_error(w->txn, err);
	if (rc == 0)
		return 0;
	if (spend_key_read(key, scope_r) != 0 ||
	    spend_row_read(bytes, row_r) != 0)
		return ledger_damaged("spend", key, bytes, err);
	row_r->window_start = scope_r->window_start;
	row_r->window_end = scope_r->window_end;
	return 1;
}

void
ledger_end_walk_spend(struct spend_walk *w)
{
	store_cursor_close(&w->cursor);
}

int
ledger_sweep_spend(struct store_txn *t, int64_t before_nsecs, int max_rows,
    struct err *err)
{
	int64_t before = before_nsecs / NSECS_PER_SEC;
	struct hold_scope scope;
	struct spend_walk w;
	struct spend_row row;
	int removed = 0, rc = 0;

	if (ledger_walk_spend(t, &w, err) != 0)
		return -1;
	while (removed < max_rows &&
	       (rc = ledger_next_spend(&w, &scope, &row, err)) == 1) {
		if (row.window_end == 0 || row.window_end > before ||
		    row.held_nanos != 0)
			continue;
		if (store_cursor_del(w.cursor) != 0) {
			rc = ledger_store_error(t, err);
			break;
		}
		removed++;
	}
	ledger_end_walk_spend(&w);
	return rc < 0 ? -1 : removed;
}
