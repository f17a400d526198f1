/* The keeper's timers. See keeper.h. */
#include "keeper/keeper.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "domain/ledger/ledger.h"
#include "domain/ledger/rollup.h"
#include "domain/routing/limiter.h"
#include "ipc/contract.h"
#include "ipc/life.h"
#include "ipc/record.h"
#include "keeper/alerts.h"
#include "keeper/estate.h"
#include "keeper/probes.h"
#include "keeper/snapshots.h"
#include "station/station.h"
#include "station/turn.h"
#include "store/key.h"

#include <event2/event.h>
#include <event2/event_struct.h>

#define SWEEP_MSECS  250
#define SYNC_SECS    5
#define COMPACT_SECS 30
#define COMPACT_ROWS 500
/* Hours stay hours this long; older ones are kept as days. */
#define HOURS_KEPT_NSECS (3 * 86400 * NSECS_PER_SEC)
/* A budget's window that is over: late readers may still ask for it. */
#define WINDOW_KEPT_NSECS (3600 * NSECS_PER_SEC)
/* Leaving: this long for records to reach the file. */
#define LEAVE_NSECS (5 * NSECS_PER_SEC)
/* After a transaction that failed. */
#define BATCH_RETRY_MSECS 1000

struct keeper {
	struct contract_child child;
	struct event_base *base;
	struct life life;
	struct station station;
	struct turn turn;
	struct outbox *outbox;
	struct estates *estates;
	struct alerts *alerts;
	struct snapshots *snapshots;
	char *trace_path;
	struct probes *probes; /* NULL: not wanted */
	struct batch_job compact_job;
	struct key limits_from; /* where their sweep goes on */
	char *socket_path;
	struct event sweep;
	int64_t leave_by_nsecs;
	uint64_t beats;
};

static void
leave_if_done(struct keeper *k)
{
	if (!k->life.retiring)
		return;
	if (clock_mono_nsecs() > k->leave_by_nsecs ||
	    (estates_open(k->estates) == 0 && outbox_is_empty(k->outbox) &&
		(k->probes == NULL || probes_under_way(k->probes) == 0)))
		k->life.stopping = true;
}

/* ---- timers ------------------------------------------------------------- */

static void
on_sweep(evutil_socket_t fd, short what, void *arg)
{
	struct keeper *k = arg;

	(void)fd;
	(void)what;
	estates_sweep(k->estates);
}

static int
compact_run(struct batch_job *job, struct store_txn *t, struct err *err)
{
	struct keeper *k = LIST_OBJ(job, struct keeper, compact_job);
	int64_t now_nsecs = clock_wall_nsecs();

	if (rollup_compact(t, now_nsecs - HOURS_KEPT_NSECS, ROLLUP_DAYS_KEPT,
		COMPACT_ROWS) < 0)
		return err_set(err, ERR_STORE, "roll-ups");
	if (limiter_sweep(t, now_nsecs, &k->limits_from, COMPACT_ROWS) < 0)
		return err_set(err, ERR_STORE, "limits");
	return ledger_sweep_spend(t, now_nsecs - WINDOW_KEPT_NSECS,
		   COMPACT_ROWS, err) < 0
		   ? -1
		   : 0;
}

static void
compact_done(struct batch_job *job, const struct err *err)
{
	(void)job;
	if (err != NULL)
		log_warn("compaction: %s", err->text);
}

static void
beat(void *arg)
{
	struct keeper *k = arg;
	struct err err;

	contract_report(&k->child, CONTRACT_READY,
	    (uint32_t)estates_open(k->estates), k->beats);
	k->beats++;
	store_check_readers(k->station.store);
	alerts_tick(k->alerts);
	snapshots_tick(k->snapshots);
	if (k->probes != NULL)
		probes_tick(k->probes);
	if (k->beats % SYNC_SECS == 0 &&
	    store_sync(k->station.store, &err) != 0)
		log_error("store: %s", err.text);
	if (k->beats % COMPACT_SECS == 0 && !batch_is_queued(&k->compact_job)) {
		batch_job_init(&k->compact_job, compact_run, compact_done);
		k->compact_job.frees = true;
		batch_add(&k->station.batch, &k->compact_job);
	}
}

static void
retire(void *arg, bool last)
{
	struct keeper *k = arg;

	(void)last;
	k->leave_by_nsecs = clock_mono_nsecs() + LEAVE_NSECS;
	if (k->probes != NULL)
		probes_stop(k->probes);
	estates_sweep(k->estates);
}

/* ---- opening ------------------------------------------------------------ */

static void
open_estates(struct keeper *k)
{
	struct outbox_options mine = {
		.base = k->base,
		.store = k->station.store,
		.batch = &k->station.batch,
		.socket_path = k->socket_path,
		.owner = k->station.owner.id,
	};
	struct estates_options theirs = {
		.base = k->base,
		.store = k->station.store,
		.batch = &k->station.batch,
		.store_dir = k->station.store_dir,
		.socket_path = k->socket_path,
		.self = &k->station.owner,
		.on_settled = turn_settled,
		.arg = &k->turn,
	};

	k->outbox = outbox_new(&mine);
	k->estates = estates_new(&theirs);
}

static void
open_snapshots(struct keeper *k)
{
	struct snapshots_options options = {
		.store = k->station.store,
		.state_dir = k->child.state_dir,
		.keep = k->station.config->traces_keep,
	};

	k->trace_path =
	    config_trace_path(k->station.config, k->child.state_dir);
	options.trace_path = k->trace_path;
	k->snapshots = snapshots_new(&options);
}

static int
open_alerts(struct keeper *k, struct err *err)
{
	struct alerts_options options = {
		.base = k->base,
		.config = k->station.config,
		.store = k->station.store,
		.batch = &k->station.batch,
	};

	return alerts_new(&options, &k->alerts, err);
}

static int
open_probes(struct keeper *k, struct err *err)
{
	struct probes_options options = {
		.base = k->base,
		.config = k->station.config,
		.store = k->station.store,
		.batch = &k->station.batch,
		.owner = &k->station.owner,
		.on_settled = turn_settled,
		.arg = &k->turn,
	};

	if (!k->station.config->probes.background)
		return 0;
	return probes_new(&options, &k->probes, err);
}

static void
watch_events(struct keeper *k)
{
	static const struct life_calls calls = {
		.beat = beat,
		.retire = retire,
	};
	struct timeval sweep = { 0, SWEEP_MSECS * 1000 };

	life_watch(&k->life, k->base, &calls, k);
	turn_init(&k->turn, k->base, &k->station.batch, BATCH_RETRY_MSECS);
	event_assign(&k->sweep, k->base, -1, EV_PERSIST, on_sweep, k);
	event_add(&k->sweep, &sweep);
}

static void
close_all(struct keeper *k)
{
	struct err err;

	estates_free(&k->estates);
	probes_free(&k->probes);
	alerts_free(&k->alerts);
	snapshots_free(&k->snapshots);
	free(k->trace_path);
	outbox_free(&k->outbox);
	batch_cancel(&k->station.batch, &k->compact_job);
	if (store_sync(k->station.store, &err) != 0)
		log_error("store: %s", err.text);
	event_del(&k->sweep);
	turn_fini(&k->turn);
	life_unwatch(&k->life);
	event_base_free(k->base);
	station_close(&k->station);
	free(k->socket_path);
	free(k);
}

int
keeper_main(uint32_t slot, uint32_t generation)
{
	struct keeper *k = xcalloc(1, sizeof(*k));
	struct err err = { 0 };
	int rc;

	if (contract_adopt(&k->child, CONTRACT_KEEPER, slot, generation,
		&err) != 0)
		log_fatal(CONTRACT_EXIT_VERSION, "%s", err.text);
	rc = station_open(&k->station, &k->child, &err);
	if (rc != 0)
		log_fatal(rc, "%s", err.text);
	batch_job_init(&k->compact_job, compact_run, compact_done);
	k->base = event_base_new();
	if (k->base == NULL)
		log_fatal(CONTRACT_EXIT_FAILED, "no event base");
	if (open_alerts(k, &err) != 0 || open_probes(k, &err) != 0)
		log_fatal(CONTRACT_EXIT_FAILED, "%s", err.text);
	watch_events(k);
	k->socket_path = path_join(k->child.state_dir, RECORD_SOCKET);
	open_estates(k);
	open_snapshots(k);
	contract_confine(&k->child, NULL);
	contract_report(&k->child, CONTRACT_READY, 0, 0);
	while (!k->life.stopping) {
		event_base_loop(k->base, EVLOOP_ONCE);
		turn_end(&k->turn, k->outbox);
		leave_if_done(k);
	}
	close_all(k);
	return CONTRACT_EXIT_RETIRED;
}
