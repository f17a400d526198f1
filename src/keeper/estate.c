/*
 * Estates of dead owners. See estate.h.
 *
 * Owns one object per dead owner; their rows belong to the store. Each step is
 * one job in the keeper's transaction and begins with what the store says, so
 * that two keepers, or one that is killed anywhere, do nothing twice. Fails by
 * coming again later; what can never be settled (a damaged row) is said once
 * and left where it is.
 */
#include "keeper/estate.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "domain/ledger/ledger.h"
#include "domain/routing/breaker.h"
#include "domain/routing/limiter.h"
#include "ipc/contract.h"
#include "store/key.h"

/* Holds settled per transaction: workers wait for the lock meanwhile. */
#define ORPHANS_PER_JOB  64
#define OWNERS_PER_SWEEP 256
/* Estates under way at once: each may have a connection to the logger. */
#define ESTATES_MAX 64
/* After an error. */
#define RETRY_FIRST_NSECS (250 * NSECS_PER_MSEC)
#define RETRY_MAX_NSECS   (30 * NSECS_PER_SEC)

/* What one run of a job did; it counts when the commit has succeeded. */
struct settle_run {
	size_t settled, uneven, damaged;
	bool more;
	struct err damage; /* of the first damaged row */
};

struct estate {
	struct list node;
	struct estates *all;
	uint64_t owner;
	struct owner_row row;
	struct outbox *outbox; /* NULL while there is nothing to ship */
	struct batch_job job;  /* settles holds, or removes the row */
	struct settle_run run;
	bool slots_freed; /* its calls under way count no longer */
	bool holds_left;
	bool stuck; /* has holds that cannot be settled: its row stays */
	bool done;
	size_t settled;
	int64_t retry_nsecs, delay_nsecs; /* mono: not before; the next pause */
};

struct estates {
	struct estates_options options;
	struct list list;
	size_t count;    /* of the list */
	uint64_t cursor; /* the next sweep begins behind this owner */
	bool blind;      /* said already: see can_see */
};

static void advance(struct estate *e);

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

/* ---- calls under way ---------------------------------------------------- */

static int
free_slots(const struct estate *e, struct store_txn *t, struct err *err)
{
	if (e->slots_freed ||
	    limiter_release(t, e->owner, clock_wall_nsecs()) >= 0)
		return 0;
	return err_set(err, ERR_STORE, "limits");
}

/* ---- holds -------------------------------------------------------------- */

/* One step of the walk: 1 go on, 0 end, -1 the transaction has failed. */
static int
settle_next(struct estate *e, struct store_txn *t, struct hold_walk *walk,
    struct err *err)
{
	struct settle_run *run = &e->run;
	struct orphan_end end;
	struct hold h;
	int rc;

	if (run->settled == ORPHANS_PER_JOB) {
		run->more = true;
		return 0;
	}
	rc = ledger_next_hold(walk, &h, err);
	if (rc == 0)
		return 0;
	if (rc == 1 && ledger_settle_orphan(t, &h, e->all->options.self,
			   clock_wall_nsecs(), &end, err) == 0) {
		run->settled++;
		run->uneven += end.uneven;
		return 1;
	}
	if (store_failed(t, NULL))
		return -1;
	if (run->damaged++ == 0)
		run->damage = *err;
	return 1; /* the walk steps over it */
}

static int
settle_run(struct batch_job *job, struct store_txn *t, struct err *err)
{
	struct estate *e = LIST_OBJ(job, struct estate, job);
	struct hold_walk walk;
	int rc;

	memset(&e->run, 0, sizeof(e->run));
	if (free_tickets(t, e->owner, err) != 0 || free_slots(e, t, err) != 0 ||
	    ledger_walk_holds(t, e->owner, &walk, err) != 0)
		return -1;
	do
		rc = settle_next(e, t, &walk, err);
	while (rc == 1);
	ledger_end_walk(&walk);
	return rc;
}

static void
try_later(struct estate *e)
{
	e->retry_nsecs = clock_mono_nsecs() + e->delay_nsecs;
	e->delay_nsecs *= 2;
	if (e->delay_nsecs > RETRY_MAX_NSECS)
		e->delay_nsecs = RETRY_MAX_NSECS;
}

static void
report_settled(const struct estate *e)
{
	const char *role = contract_role_name((enum contract_role)e->row.role);

	if (e->settled > 0)
		log_warn("%s[%u] (pid %u) died with %zu requests under way: "
			 "settled by the orphan rule",
		    role, e->row.slot, e->row.pid, e->settled);
	if (e->run.damaged > 0)
		log_error("%s[%u] (pid %u) died with %zu holds that cannot be "
			  "settled: %s",
		    role, e->row.slot, e->row.pid, e->run.damaged,
		    e->run.damage.text);
}

static void
settle_done(struct batch_job *job, const struct err *err)
{
	struct estate *e = LIST_OBJ(job, struct estate, job);
	struct estates_options *o = &e->all->options;

	if (err != NULL) {
		log_error("orphans of owner %llu: %s",
		    (unsigned long long)e->owner, err->text);
		try_later(e);
		return;
	}
	e->slots_freed = true;
	e->settled += e->run.settled;
	if (e->run.uneven > 0)
		log_error("owner %llu: %zu holds were larger than what their "
			  "scopes held",
		    (unsigned long long)e->owner, e->run.uneven);
	if (o->on_settled != NULL && e->run.settled > 0)
		o->on_settled(o->arg);
	e->holds_left = e->run.more;
	if (!e->holds_left) {
		e->stuck = e->run.damaged > 0;
		report_settled(e);
	}
	advance(e);
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

	e->done = err == NULL;
	if (err != NULL)
		try_later(e);
}

/* ---- one estate, step by step ------------------------------------------- */

static void
on_drained(void *arg)
{
	advance(arg);
}

/* True when nothing is left to ship; else it is being shipped. */
static bool
is_shipped(struct estate *e)
{
	const struct estates_options *o = &e->all->options;
	struct outbox_options options = {
		.base = o->base,
		.store = o->store,
		.batch = o->batch,
		.socket_path = o->socket_path,
		.owner = e->owner,
		.on_drained = on_drained,
		.arg = e,
	};

	if (outbox_owner_is_empty(o->store, e->owner)) {
		outbox_free(&e->outbox);
		return true;
	}
	if (e->outbox == NULL)
		e->outbox = outbox_new(&options);
	else
		outbox_kick(e->outbox, 1);
	return false;
}

/* Does what comes next, unless something is under way. */
static void
advance(struct estate *e)
{
	struct batch *batch = e->all->options.batch;

	if (e->done || batch_is_queued(&e->job) ||
	    clock_mono_nsecs() < e->retry_nsecs)
		return;
	if (e->holds_left) {
		batch_job_init(&e->job, settle_run, settle_done);
		batch_add(batch, &e->job);
	} else if (is_shipped(e) && !e->stuck) {
		batch_job_init(&e->job, remove_run, remove_done);
		batch_add(batch, &e->job);
	}
}

static struct estate *
find_estate(const struct estates *all, uint64_t owner)
{
	LIST_EACH(node, &all->list) {
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

	e->all = all;
	e->owner = owner;
	e->row = *row;
	e->holds_left = true;
	e->delay_nsecs = RETRY_FIRST_NSECS;
	batch_job_init(&e->job, settle_run, settle_done);
	list_append(&all->list, &e->node);
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

/* ---- looking for the dead ----------------------------------------------- */

struct found {
	uint64_t id;
	struct owner_row row;
};

/*
 * Owners in the store behind all->cursor, copied out: nothing is held while
 * locks are asked. At the end of the table the next sweep begins anew.
 */
static size_t
read_owners(struct estates *all, struct found *found)
{
	struct store_txn *t;
	struct store_cursor *c;
	size_t n = 0;

	if (store_read(all->options.store, STORE_LIVE, &t, NULL) != 0)
		return 0;
	c = owner_cursor(t, all->cursor + 1);
	while (c != NULL && n < OWNERS_PER_SWEEP &&
	       owner_next(c, &found[n].id, &found[n].row) == 1)
		n++;
	store_cursor_close(&c);
	store_abort(&t);
	all->cursor = n == OWNERS_PER_SWEEP ? found[n - 1].id : 0;
	return n;
}

/*
 * We are alive, so our own lock must be there to be seen. If it is not, the
 * file of locks was removed or put in from elsewhere, and everybody would look
 * dead: nothing is touched then.
 */
static bool
can_see(struct estates *all)
{
	const struct estates_options *o = &all->options;
	bool sees = owner_alive(o->store_dir, o->self->id, NULL) == 1;

	if (!sees && !all->blind)
		log_error("%s/owners.lock is not the file it was: who is dead "
			  "cannot be told; restart the gateway",
		    o->store_dir);
	all->blind = !sees;
	return sees;
}

static void
find_dead(struct estates *all)
{
	const struct estates_options *o = &all->options;
	struct found found[OWNERS_PER_SWEEP];
	size_t n = can_see(all) ? read_owners(all, found) : 0;

	for (size_t i = 0; i < n && all->count < ESTATES_MAX; i++) {
		if (found[i].id != o->self->id &&
		    find_estate(all, found[i].id) == NULL &&
		    owner_alive(o->store_dir, found[i].id, NULL) == 0)
			take_on(all, found[i].id, &found[i].row);
	}
}

void
estates_sweep(struct estates *all)
{
	LIST_EACH_SAFE(node, &all->list) {
		struct estate *e = LIST_OBJ(node, struct estate, node);

		if (e->done)
			close_estate(e);
	}
	find_dead(all);
	LIST_EACH(node2, &all->list)
		advance(LIST_OBJ(node2, struct estate, node));
}

size_t
estates_open(const struct estates *all)
{
	size_t n = 0;

	LIST_EACH(node, &all->list) {
		const struct estate *e = LIST_OBJ(node, struct estate, node);

		n += !e->done && !(e->stuck && e->outbox == NULL);
	}
	return n;
}

struct estates *
estates_new(const struct estates_options *options)
{
	struct estates *all = xcalloc(1, sizeof(*all));

	all->options = *options;
	list_init(&all->list);
	return all;
}

void
estates_free(struct estates **ap)
{
	struct estates *all = *ap;

	if (all == NULL)
		return;
	LIST_EACH_SAFE(node, &all->list)
		close_estate(LIST_OBJ(node, struct estate, node));
	free(all);
	*ap = NULL;
}
