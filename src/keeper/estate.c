/* Estates of dead owners. See estate.h. */
#include "keeper/estate.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "domain/breaker.h"
#include "domain/ledger.h"
#include "ipc/contract.h"
#include "store/key.h"

/* Holds settled per transaction: workers wait for the lock meanwhile. */
#define ORPHANS_PER_JOB  64
#define OWNERS_PER_SWEEP 256

struct estate {
	struct list node;
	struct estates *all;
	uint64_t owner;
	struct owner_row row;
	struct outbox *outbox;
	struct batch_job job; /* settles holds, or removes the row */
	bool holds_left, removing, done;
	size_t settled;
	int64_t charged_nanos;
};

struct estates {
	struct estates_options options;
	struct list open;
	size_t count;
};

static void
owner_key(struct key *k, uint64_t owner)
{
	key_init(k);
	key_u64(k, owner);
}

/* ---- tickets ------------------------------------------------------------ */

/* The next deployment whose probe the dead owner had; its id is copied. */
static int
find_ticket(struct store_txn *t, uint64_t owner, struct buf *id,
    struct health_row *row)
{
	struct store_cursor *c =
	    store_cursor_open(t, STORE_HEALTH, str_make("", 0));
	struct str key, value;
	int rc = c == NULL ? -1 : 1;

	while (rc == 1 && (rc = store_cursor_next(c, &key, &value)) == 1) {
		if (!health_row_read(value, row) || row->probe_owner != owner)
			continue;
		buf_clear(id);
		rc = buf_add_str(id, key) == 0 ? 1 : -1;
		break;
	}
	store_cursor_close(&c);
	return rc;
}

/* A half-open breaker must not wait for a prober who is dead. */
static int
free_tickets(struct store_txn *t, uint64_t owner, struct err *err)
{
	struct health_row row;
	struct buf id;
	int rc;

	buf_init(&id, KEY_MAX_BYTES);
	while ((rc = find_ticket(t, owner, &id, &row)) == 1) {
		if (!breaker_release(&row, owner))
			break;
		if (health_put(t, buf_cstr(&id), &row) != 0) {
			rc = -1;
			break;
		}
	}
	buf_fini(&id);
	return rc < 0 ? err_set(err, ERR_STORE, "health rows") : 0;
}

/* ---- holds -------------------------------------------------------------- */

static int
settle_run(struct batch_job *job, struct store_txn *t, struct err *err)
{
	struct estate *e = LIST_OBJ(job, struct estate, job);
	struct estates_options *o = &e->all->options;
	int64_t now = clock_wall_nsecs();

	e->holds_left = false;
	if (free_tickets(t, e->owner, err) != 0)
		return -1;
	for (size_t i = 0;; i++) {
		struct orphan_end end;
		struct hold_walk walk;
		struct hold h;
		int rc;

		if (i == ORPHANS_PER_JOB) {
			e->holds_left = true;
			return 0;
		}
		/* From the start each time: the row before is gone. */
		if (ledger_walk_holds(t, e->owner, &walk, err) != 0)
			return -1;
		rc = ledger_next_hold(&walk, &h, err);
		ledger_end_walk(&walk);
		if (rc <= 0)
			return rc;
		if (ledger_settle_orphan(t, &h, o->self, now, &end, err) != 0)
			return -1;
		e->settled++;
		e->charged_nanos += end.cost_nanos;
	}
}

static void
settle_done(struct batch_job *job, const struct err *err)
{
	struct estate *e = LIST_OBJ(job, struct estate, job);
	struct estates_options *o = &e->all->options;

	if (err != NULL) {
		log_error("orphans of owner %llu: %s",
		    (unsigned long long)e->owner, err->text);
		e->holds_left = true; /* the next sweep tries again */
		return;
	}
	if (o->on_settled != NULL && e->settled > 0)
		o->on_settled(o->arg);
	if (!e->holds_left && e->settled > 0)
		log_warn("%s[%u] (pid %u) died with %zu requests under way: "
			 "settled by the orphan rule",
		    contract_role_name((enum contract_role)e->row.role),
		    e->row.slot, e->row.pid, e->settled);
}

/* ---- the row ------------------------------------------------------------ */

static int
remove_run(struct batch_job *job, struct store_txn *t, struct err *err)
{
	struct estate *e = LIST_OBJ(job, struct estate, job);
	struct key k;

	owner_key(&k, e->owner);
	if (store_del(t, STORE_OWNERS, key_str(&k)) != 0)
		return err_set(err, ERR_STORE, "owner row");
	return 0;
}

static void
remove_done(struct batch_job *job, const struct err *err)
{
	struct estate *e = LIST_OBJ(job, struct estate, job);

	e->removing = false;
	e->done = err == NULL;
}

/* ---- one estate, step by step ------------------------------------------- */

static void
advance(struct estate *e)
{
	struct estates_options *o = &e->all->options;

	if (batch_is_queued(&e->job))
		return;
	if (e->holds_left) {
		batch_job_init(&e->job, settle_run, settle_done);
		batch_add(o->batch, &e->job);
		return;
	}
	if (!outbox_is_empty(e->outbox)) {
		outbox_kick(e->outbox);
		return;
	}
	e->removing = true;
	batch_job_init(&e->job, remove_run, remove_done);
	batch_add(o->batch, &e->job);
}

static struct estate *
find_estate(const struct estates *all, uint64_t owner)
{
	LIST_EACH(node, &all->open) {
		struct estate *e = LIST_OBJ(node, struct estate, node);

		if (e->owner == owner)
			return e;
	}
	return NULL;
}

static void
take_on(struct estates *all, uint64_t owner, const struct owner_row *row)
{
	struct estate *e = xcalloc(1, sizeof(*e));
	struct outbox_options options = {
		.base = all->options.base,
		.store = all->options.store,
		.batch = all->options.batch,
		.socket_path = all->options.socket_path,
		.owner = owner,
	};

	e->all = all;
	e->owner = owner;
	e->row = *row;
	e->holds_left = true;
	batch_job_init(&e->job, settle_run, settle_done);
	e->outbox = outbox_new(&options);
	list_append(&all->open, &e->node);
	all->count++;
}

static void
close_estate(struct estate *e)
{
	e->all->count--;
	list_remove(&e->node);
	batch_cancel(e->all->options.batch, &e->job);
	outbox_free(&e->outbox);
	free(e);
}

/* Owners in the store, copied out: nothing is held while locks are asked. */
static size_t
read_owners(const struct estates *all, uint64_t *ids, struct owner_row *rows)
{
	struct store_txn *t;
	struct store_cursor *c;
	struct str key, value;
	size_t n = 0;

	if (store_read(all->options.store, STORE_LIVE, &t, NULL) != 0)
		return 0;
	c = store_cursor_open(t, STORE_OWNERS, str_make("", 0));
	while (c != NULL && n < OWNERS_PER_SWEEP &&
	       store_cursor_next(c, &key, &value) == 1) {
		if (key_take_u64(&key, &ids[n]) != 0 ||
		    value.n != sizeof(rows[n]))
			continue;
		memcpy(&rows[n], value.p, sizeof(rows[n]));
		n++;
	}
	store_cursor_close(&c);
	store_abort(&t);
	return n;
}

void
estates_sweep(struct estates *all)
{
	uint64_t ids[OWNERS_PER_SWEEP];
	struct owner_row rows[OWNERS_PER_SWEEP];
	size_t n = read_owners(all, ids, rows);

	for (size_t i = 0; i < n; i++) {
		if (ids[i] == all->options.self->id ||
		    find_estate(all, ids[i]) != NULL)
			continue;
		if (owner_alive(all->options.store_dir, ids[i], NULL) == 0)
			take_on(all, ids[i], &rows[i]);
	}
	LIST_EACH_SAFE(node, &all->open) {
		struct estate *e = LIST_OBJ(node, struct estate, node);

		if (e->done)
			close_estate(e);
		else if (!e->removing)
			advance(e);
	}
}

size_t
estates_open(const struct estates *e)
{
	return e->count;
}

struct estates *
estates_new(const struct estates_options *options)
{
	struct estates *e = xcalloc(1, sizeof(*e));

	e->options = *options;
	list_init(&e->open);
	return e;
}

void
estates_free(struct estates **ep)
{
	struct estates *e = *ep;

	if (e == NULL)
		return;
	LIST_EACH_SAFE(node, &e->open)
		close_estate(LIST_OBJ(node, struct estate, node));
	free(e);
	*ep = NULL;
}
