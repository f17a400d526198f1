/* The keeper's timers. See keeper.h. */
#include "keeper/keeper.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "domain/ledger/ledger.h"
#include "domain/ledger/rollup.h"
#include "domain/routing/limiter.h"
#include "ipc/contract.h"
#include "ipc/record.h"
#include "keeper/alerts.h"
#include "keeper/estate.h"
#include "keeper/probes.h"
#include "keeper/snapshots.h"
#include "station/station.h"
#include "store/key.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <signal.h>
#include <unistd.h>

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
/* Transactions in one turn before I/O gets its chance. */
#define ROUNDS_PER_TURN 4
/* After one that failed. */
#define BATCH_RETRY_SECS 1

struct keeper {
	struct contract_child child;
	struct event_base *base;
	struct station station;
	struct outbox *outbox;
	struct estates *estates;
	struct alerts *alerts;
	struct snapshots *snapshots;
	char *trace_path;
	struct probes *probes; /* NULL: not wanted */
	struct batch_job compact_job;
	struct key limits_from; /* where their sweep goes on */
	char *socket_path;
	struct event heartbeat, sweep, life, term, batch_retry;
	size_t new_records; /* in this turn, or more */
	bool leaving, termed, stopping;
	int64_t leave_by_nsecs;
	uint64_t beats;
};

static void
on_settled(void *arg)
{
	struct keeper *k = arg;

	k->new_records++;
}

static void
on_batch_retry(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg; /* end_turn() does it */
}

static void
run_batch(struct keeper *k)
{
	struct timeval tv = { BATCH_RETRY_SECS, 0 };
	struct err err;

	for (int i = 0; i < ROUNDS_PER_TURN && k->station.batch.queued > 0;
	     i++) {
		if (batch_run(&k->station.batch, &err) == 0)
			continue;
		log_error("store: %s", err.text);
		event_add(&k->batch_retry, &tv);
		return;
	}
	/* Rounds used up: come back right after the next look at I/O. */
	if (k->station.batch.queued > 0)
		event_active(&k->batch_retry, EV_TIMEOUT, 0);
}

static void
leave_if_done(struct keeper *k)
{
	if (!k->leaving)
		return;
	if (clock_mono_nsecs() > k->leave_by_nsecs ||
	    (estates_open(k->estates) == 0 && outbox_is_empty(k->outbox) &&
		(k->probes == NULL || probes_under_way(k->probes) == 0)))
		k->stopping = true;
}

static void
end_turn(struct keeper *k)
{
	if (k->station.batch.queued > 0 &&
	    !event_pending(&k->batch_retry, EV_TIMEOUT, NULL))
		run_batch(k);
	if (k->new_records > 0)
		outbox_kick(k->outbox, k->new_records);
	k->new_records = 0;
	leave_if_done(k);
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
on_heartbeat(evutil_socket_t fd, short what, void *arg)
{
	struct keeper *k = arg;
	struct err err;

	(void)fd;
	(void)what;
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
leave(struct keeper *k)
{
	if (k->leaving)
		return;
	k->leaving = true;
	k->leave_by_nsecs = clock_mono_nsecs() + LEAVE_NSECS;
	if (k->probes != NULL)
		probes_stop(k->probes);
	estates_sweep(k->estates);
}

static void
on_term(evutil_socket_t fd, short what, void *arg)
{
	struct keeper *k = arg;

	(void)fd;
	(void)what;
	if (k->termed)
		k->stopping = true;
	k->termed = true;
	leave(k);
}

static void
on_life(evutil_socket_t fd, short what, void *arg)
{
	struct keeper *k = arg;
	char command;
	ssize_t n = read(fd, &command, 1);

	(void)what;
	if (n == 1 && command == CONTRACT_STOP) {
		k->stopping = true;
	} else if (n >= 0) {
		if (n == 0)
			event_del(&k->life);
		leave(k);
	}
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
		.on_settled = on_settled,
		.arg = k,
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
		.on_settled = on_settled,
		.arg = k,
	};

	if (!k->station.config->probes.background)
		return 0;
	return probes_new(&options, &k->probes, err);
}

static void
watch_events(struct keeper *k)
{
	struct timeval second = { 1, 0 };
	struct timeval sweep = { 0, SWEEP_MSECS * 1000 };

	event_assign(&k->heartbeat, k->base, -1, EV_PERSIST, on_heartbeat, k);
	event_add(&k->heartbeat, &second);
	event_assign(&k->sweep, k->base, -1, EV_PERSIST, on_sweep, k);
	event_add(&k->sweep, &sweep);
	event_assign(&k->life, k->base, CONTRACT_FD_LIFE, EV_READ | EV_PERSIST,
	    on_life, k);
	event_add(&k->life, NULL);
	evtimer_assign(&k->batch_retry, k->base, on_batch_retry, k);
	evsignal_assign(&k->term, k->base, SIGTERM, on_term, k);
	event_add(&k->term, NULL);
}

static void
close_all(struct keeper *k)
{
	struct event *const events[] = { &k->heartbeat, &k->sweep, &k->life,
		&k->term, &k->batch_retry };
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
	for (size_t i = 0; i < ARRAY_LEN(events); i++)
		event_del(events[i]);
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
	while (!k->stopping) {
		event_base_loop(k->base, EVLOOP_ONCE);
		end_turn(k);
	}
	close_all(k);
	return CONTRACT_EXIT_RETIRED;
}
