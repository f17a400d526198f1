/*
 * The store's side of an audit: everything that is compared, copied out of one
 * read transaction, so that the gateway can go on. See audit.h.
 */
#include "base/clock.h"
#include "base/num.h"
#include "domain/audit/audit_private.h"
#include "domain/ledger/ledger_row.h"
#include "store/owner.h"

/* ---- entries ------------------------------------------------------------ */

struct audit_owner *
audit_owner_of(struct map *owners, uint64_t id)
{
	struct audit_owner *o;
	struct key k;

	key_init(&k);
	key_u64(&k, id);
	o = map_find(owners, key_str(&k));
	if (o == NULL) {
		o = xcalloc(1, sizeof(*o));
		o->id = id;
		map_set(owners, key_str(&k), o);
	}
	return o;
}

struct audit_window *
audit_window_of(struct map *windows, const struct hold_scope *scope)
{
	struct audit_window *w;
	struct key k;

	spend_key(&k, scope);
	w = map_find(windows, key_str(&k));
	if (w == NULL) {
		w = xcalloc(1, sizeof(*w));
		w->scope = *scope;
		w->id = str_dup(scope->id);
		w->scope.id = str_make(w->id, scope->id.n);
		map_set(windows, key_str(&k), w);
	}
	return w;
}

void
audit_window_free(void *window)
{
	struct audit_window *w = window;

	free(w->id);
	free(w);
}

void
audit_add_spent(struct map *windows, const struct trace_attempt *t)
{
	for (size_t i = 0; i < t->scope_count; i++) {
		struct audit_window *w =
		    audit_window_of(windows, &t->scopes[i]);

		w->spent_nanos = money_add(w->spent_nanos, t->cost_nanos);
	}
}

/* ---- reading ------------------------------------------------------------ */

static int
read_owners(struct audit_books *b, struct store_txn *t)
{
	struct store_cursor *c = owner_cursor(t, 0);
	struct owner_row row;
	struct str value;
	int64_t last = 0;
	uint64_t id;
	int rc;

	if (c == NULL)
		return -1;
	while ((rc = owner_next(c, &id, &row)) == 1) {
		struct audit_owner *o = audit_owner_of(b->owners, id);

		o->in_books = true;
		o->last_seq = row.last_seq;
		if (id > b->last_owner)
			b->last_owner = id;
	}
	store_cursor_close(&c);
	if (rc == 0)
		rc = store_get(t, STORE_LIVEMETA, str_of("last_owner"), &value);
	if (rc == 1 && num_int64(value, &last) == 0 &&
	    (uint64_t)last > b->last_owner)
		b->last_owner = (uint64_t)last;
	return rc < 0 ? -1 : 0;
}

static int
read_spend(struct audit_books *b, struct store_txn *t, struct err *err)
{
	struct hold_scope scope;
	struct spend_row row;
	struct spend_walk w;
	int rc;

	if (ledger_walk_spend(t, &w, err) != 0)
		return -1;
	while ((rc = ledger_next_spend(&w, &scope, &row, err)) == 1) {
		struct audit_window *at = audit_window_of(b->windows, &scope);

		at->has_row = true;
		at->row = row;
	}
	ledger_end_walk_spend(&w);
	return rc;
}

/* The attempts of a request under way that have ended count as spent, though
   no record says so yet. */
static int
add_ended(struct audit_books *b, const struct hold *h, struct err *err)
{
	struct trace_line l;

	if (h->booked_nanos == 0)
		return 0;
	if (trace_line_parse_ended(h->ended_attempts, &l, err) != 0)
		return err_prefix(err, "hold %llu of owner %llu",
		    (unsigned long long)h->number,
		    (unsigned long long)h->owner);
	for (size_t i = 0; i < l.attempt_count; i++)
		audit_add_spent(b->windows, &l.attempts[i]);
	trace_line_free(&l);
	return 0;
}

static int
read_holds(struct audit_books *b, struct store_txn *t, struct err *err)
{
	struct hold_walk w;
	struct hold h;
	int rc;

	if (ledger_walk_holds(t, 0, &w, err) != 0)
		return -1;
	while ((rc = ledger_next_hold(&w, &h, err)) == 1) {
		struct audit_owner *o = audit_owner_of(b->owners, h.owner);

		for (size_t i = 0; i < h.scope_count; i++) {
			struct audit_window *at =
			    audit_window_of(b->windows, &h.scopes[i]);

			at->holds_nanos =
			    money_add(at->holds_nanos, h.amount_nanos);
		}
		b->holds++;
		b->held_nanos = money_add(b->held_nanos, h.amount_nanos);
		o->holds++;
		o->held_nanos = money_add(o->held_nanos, h.amount_nanos);
		if (add_ended(b, &h, err) != 0) {
			rc = -1;
			break;
		}
	}
	ledger_end_walk(&w);
	return rc;
}

static int
read_waiting(struct audit_books *b, struct store_txn *t,
    int (*waiting)(void *arg, uint64_t owner, uint64_t seq, struct str text),
    void *arg)
{
	struct store_cursor *c =
	    store_cursor_open(t, STORE_OUTBOX, str_make("", 0));
	struct str key, value;
	uint64_t owner, seq;
	int rc;

	if (c == NULL)
		return -1;
	while ((rc = store_cursor_next(c, &key, &value)) == 1) {
		if (key_take_u64(&key, &owner) != 0 ||
		    key_take_u64(&key, &seq) != 0)
			continue;
		audit_owner_of(b->owners, owner)->waiting++;
		b->waiting++;
		if (waiting != NULL && waiting(arg, owner, seq, value) != 0) {
			rc = -1;
			break;
		}
	}
	store_cursor_close(&c);
	return rc;
}

/* The roll-ups from `since` on; later, when only later ones can be told from
   what came before, or when older ones are removed about now. */
static int
read_rollups(struct audit_books *b, struct store_txn *t, int64_t since_nsecs,
    int64_t now_nsecs)
{
	const int64_t hour = 3600 * NSECS_PER_SEC, day = 24 * hour;

	b->covered_nsecs = since_nsecs;
	for (int d = 0; d < ROLLUP_DIM_COUNT; d++) {
		struct rollup_result *r = &b->rollups[d];
		int64_t kept = (now_nsecs / day -
				   rollup_dim_days((enum rollup_dim)d) + 2) *
			       day;
		int64_t from = since_nsecs < kept ? kept : since_nsecs;
		int64_t since = (from + hour - 1) / hour * hour;

		b->since_nsecs[d] = -1;
		if (since_nsecs < 0)
			continue;
		if (rollup_query(t, (enum rollup_dim)d, since, 0, r) != 0)
			return -1;
		/* Its hours are in a day's row already: the next day. */
		if (r->since_nsecs < since) {
			rollup_result_free(r);
			since = (since + day - 1) / day * day;
			if (rollup_query(t, (enum rollup_dim)d, since, 0, r) !=
			    0)
				return -1;
		}
		b->since_nsecs[d] = since;
	}
	return 0;
}

int
audit_books_read(struct store_txn *t, int64_t since_nsecs, int64_t now_nsecs,
    int (*waiting)(void *arg, uint64_t owner, uint64_t seq, struct str text),
    void *arg, struct audit_books **b_r, struct err *err)
{
	struct audit_books *b = xcalloc(1, sizeof(*b));
	struct err why = { 0 };

	b->windows = map_new();
	b->owners = map_new();
	if (read_owners(b, t) == 0 && read_spend(b, t, &why) == 0 &&
	    read_holds(b, t, &why) == 0 &&
	    read_waiting(b, t, waiting, arg) == 0 &&
	    read_rollups(b, t, since_nsecs, now_nsecs) == 0) {
		*b_r = b;
		return 0;
	}
	audit_books_free(&b);
	if (why.text[0] != '\0' && err != NULL)
		*err = why;
	else if (!store_failed(t, err))
		err_set(err, ERR_IO, "the outbox cannot be set aside");
	return -1;
}

void
audit_books_free(struct audit_books **bp)
{
	struct audit_books *b = *bp;

	if (b == NULL)
		return;
	map_free_with(&b->windows, audit_window_free);
	map_free_with(&b->owners, free);
	for (int d = 0; d < ROLLUP_DIM_COUNT; d++)
		rollup_result_free(&b->rollups[d]);
	free(b);
	*bp = NULL;
}
