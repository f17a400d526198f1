/* live/ from trace lines. See rebuild.h. */
#include "domain/audit/rebuild.h"

#include "base/clock.h"
#include "base/map.h"
#include "base/num.h"
#include "domain/ledger/ledger_row.h"
#include "store/owner.h"

/* Lines per transaction: bounded dirty pages. */
#define LINES_PER_TXN 1000

struct rebuild {
	struct store *store;
	struct store_txn *txn; /* NULL between */
	int64_t now_nsecs;
	int lines;
	struct map *owners;  /* id, 8 bytes → struct mark */
	struct map *holds;   /* run id → struct hold_name */
	uint64_t last_owner; /* highest number known */
	uint64_t base_owner; /* the same, in the snapshot */
	struct rebuild_counts counts;
};

/* How far an owner's records are booked. */
struct mark {
	uint64_t id;
	uint64_t seq;     /* booked */
	uint64_t on_file; /* has a line */
	bool has_row;     /* in OWNERS */
};

struct hold_name {
	uint64_t owner, number;
	size_t ended; /* attempts that count as spent already */
};

static struct mark *
mark_of(struct rebuild *r, uint64_t id, bool *is_new_r)
{
	struct mark *m;
	struct key k;

	key_init(&k);
	key_u64(&k, id);
	m = map_find(r->owners, key_str(&k));
	*is_new_r = m == NULL;
	if (m == NULL) {
		m = xcalloc(1, sizeof(*m));
		m->id = id;
		map_set(r->owners, key_str(&k), m);
	}
	if (id > r->last_owner)
		r->last_owner = id;
	return m;
}

/* ---- what is there ------------------------------------------------------ */

static int
read_owners(struct rebuild *r)
{
	struct store_cursor *c = owner_cursor(r->txn, 0);
	struct owner_row row;
	struct str value;
	int64_t last;
	uint64_t id;
	bool is_new;
	int rc;

	if (c == NULL)
		return -1;
	while ((rc = owner_next(c, &id, &row)) == 1) {
		struct mark *m = mark_of(r, id, &is_new);

		m->seq = row.last_seq;
		m->has_row = true;
	}
	store_cursor_close(&c);
	if (rc == 0)
		rc = store_get(r->txn, STORE_LIVEMETA, str_of("last_owner"),
		    &value);
	if (rc == 1 && num_int64(value, &last) == 0 &&
	    (uint64_t)last > r->last_owner)
		r->last_owner = (uint64_t)last;
	r->base_owner = r->last_owner;
	return rc < 0 ? -1 : 0;
}

/* The request a hold is for: its record's opening begins with it. */
static void
note_hold(struct rebuild *r, const struct hold *h)
{
	char *text = xasprintf("{" STR_FMT "}", STR_ARG(h->record));
	json_t *json = jsonx_parse(str_of(text), NULL);
	struct str run_id = jsonx_str(json, "run_id");

	if (run_id.n > 0 && map_find(r->holds, run_id) == NULL) {
		struct hold_name *name = xcalloc(1, sizeof(*name));

		name->owner = h->owner;
		name->number = h->number;
		name->ended = h->ended_count;
		map_set(r->holds, run_id, name);
	}
	r->counts.holds++;
	json_decref(json);
	free(text);
}

static int
read_holds(struct rebuild *r, struct err *err)
{
	struct hold_walk w;
	struct hold h;
	int rc;

	if (ledger_walk_holds(r->txn, 0, &w, err) != 0)
		return -1;
	while ((rc = ledger_next_hold(&w, &h, err)) == 1)
		note_hold(r, &h);
	ledger_end_walk(&w);
	return rc;
}

int
rebuild_begin(struct store *s, int64_t now_nsecs, struct rebuild **r_r,
    struct err *err)
{
	struct rebuild *r = xcalloc(1, sizeof(*r));
	int rc;

	r->store = s;
	r->now_nsecs = now_nsecs;
	r->owners = map_new();
	r->holds = map_new();
	rc = store_write(s, STORE_LIVE, &r->txn, err);
	if (rc == 0 && read_owners(r) != 0)
		rc = ledger_store_error(r->txn, err);
	if (rc == 0)
		rc = read_holds(r, err);
	if (rc != 0) {
		rebuild_free(&r);
		return -1;
	}
	*r_r = r;
	return 0;
}

void
rebuild_free(struct rebuild **rp)
{
	struct rebuild *r = *rp;

	if (r == NULL)
		return;
	if (r->txn != NULL)
		store_abort(&r->txn);
	map_free_with(&r->owners, free);
	map_free_with(&r->holds, free);
	free(r);
	*rp = NULL;
}

/* ---- a line ------------------------------------------------------------- */

/* True when the snapshot has this record's settlement. */
static bool
is_known(struct rebuild *r, const struct trace_line *l)
{
	bool is_new;
	struct mark *m = mark_of(r, l->owner, &is_new);

	/* An owner that was cleaned up after before the snapshot. */
	if (is_new && l->owner <= r->base_owner)
		m->seq = UINT64_MAX;
	if (l->seq > m->on_file)
		m->on_file = l->seq;
	if (l->seq <= m->seq)
		return true;
	if (l->seq != m->seq + 1)
		r->counts.gaps++;
	m->seq = l->seq;
	return false;
}

/* Into its windows that are still open: the others would be swept away. */
static int
book_spent(struct rebuild *r, const struct trace_attempt *a, struct err *err)
{
	for (size_t i = 0; i < a->scope_count; i++) {
		const struct hold_scope *s = &a->scopes[i];

		if (s->window_end != 0 &&
		    (int64_t)s->window_end * NSECS_PER_SEC <= r->now_nsecs)
			continue;
		if (ledger_book(r->txn, s, a->cost_nanos, err) != 0)
			return -1;
	}
	return 0;
}

/* The hold that the snapshot has for this request goes. */
static int
release_hold(struct rebuild *r, struct str run_id, size_t *ended_r,
    struct err *err)
{
	struct hold_name *name =
	    run_id.n > 0 ? map_remove(r->holds, run_id) : NULL;
	int rc;

	*ended_r = 0;
	if (name == NULL)
		return 0;
	rc = ledger_release(r->txn, name->owner, name->number, err);
	*ended_r = name->ended;
	free(name);
	r->counts.released++;
	r->counts.holds--;
	return rc;
}

static int
book(struct rebuild *r, const struct trace_line *l, struct err *err)
{
	struct charge c;
	size_t ended;

	if (release_hold(r, l->run_id, &ended, err) != 0)
		return -1;
	for (size_t i = 0; i < l->attempt_count; i++) {
		trace_line_charge(l, i, &c);
		if (rollup_add(r->txn, &c.names, &c.amounts,
			l->settled_nsecs) != 0)
			return ledger_store_error(r->txn, err);
		if (i >= ended && book_spent(r, &l->attempts[i], err) != 0)
			return -1;
	}
	r->counts.booked++;
	r->counts.cost_nanos = money_add(r->counts.cost_nanos, l->cost_nanos);
	return 0;
}

int
rebuild_line(struct rebuild *r, struct str text, struct err *err)
{
	struct trace_line l;
	int rc = 0;

	if (trace_line_parse(text, true, &l, err) != 0)
		return -1;
	if (r->lines++ % LINES_PER_TXN == LINES_PER_TXN - 1 &&
	    store_commit(&r->txn, err) != 0)
		rc = -1;
	if (rc == 0 && r->txn == NULL)
		rc = store_write(r->store, STORE_LIVE, &r->txn, err);
	if (rc == 0 && is_known(r, &l))
		r->counts.known++;
	else if (rc == 0)
		rc = book(r, &l, err);
	trace_line_free(&l);
	return rc;
}

/* ---- the end ------------------------------------------------------------ */

/* The owners' rows know what is on file now. */
static int
write_owner(struct rebuild *r, const struct mark *m)
{
	struct owner_row row;
	struct str value;
	struct key k;

	key_init(&k);
	key_u64(&k, m->id);
	if (store_get(r->txn, STORE_OWNERS, key_str(&k), &value) != 1 ||
	    value.n != sizeof(row))
		return 0;
	memcpy(&row, value.p, sizeof(row));
	if (row.last_seq >= m->seq)
		return 0;
	row.last_seq = m->seq;
	return store_put(r->txn, STORE_OWNERS, key_str(&k),
	    str_make((const char *)&row, sizeof(row)));
}

/* Records of the snapshot's outbox that are on file. */
static int
clear_outbox(struct rebuild *r)
{
	struct store_cursor *c =
	    store_cursor_open(r->txn, STORE_OUTBOX, str_make("", 0));
	struct str key, value;
	uint64_t owner, seq;
	bool is_new;
	int rc;

	if (c == NULL)
		return -1;
	while ((rc = store_cursor_next(c, &key, &value)) == 1) {
		if (key_take_u64(&key, &owner) != 0 ||
		    key_take_u64(&key, &seq) != 0)
			continue;
		if (seq <= mark_of(r, owner, &is_new)->on_file &&
		    store_cursor_del(c) != 0)
			break;
	}
	store_cursor_close(&c);
	return rc < 0 ? -1 : 0;
}

static int
write_rest(struct rebuild *r)
{
	char text[NUM_TEXT_BYTES];
	size_t cursor = 0;
	struct str key;
	void *value;

	while (map_next(r->owners, &cursor, &key, &value) == 1) {
		const struct mark *m = value;

		if (m->has_row && write_owner(r, m) != 0)
			return -1;
	}
	/* Numbers are not given out twice. */
	return store_put(r->txn, STORE_LIVEMETA, str_of("last_owner"),
	    str_make(text, num_format_uint(r->last_owner, text)));
}

int
rebuild_finish(struct rebuild *r, struct rebuild_counts *counts_r,
    struct err *err)
{
	if (r->txn == NULL &&
	    store_write(r->store, STORE_LIVE, &r->txn, err) != 0)
		return -1;
	if (clear_outbox(r) != 0 || write_rest(r) != 0)
		return ledger_store_error(r->txn, err);
	if (store_commit(&r->txn, err) != 0)
		return -1;
	*counts_r = r->counts;
	return store_sync(r->store, err);
}
