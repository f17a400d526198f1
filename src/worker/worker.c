/*
 * The worker's life: adopt what the supervisor left open, load the snapshot,
 * open the store, listen, say READY, loop, drain. See worker.h.
 *
 * Fails: with CONTRACT_EXIT_CONFIG when the configuration is refused (it was
 * accepted by the supervisor: something changed on disk or in the environment),
 * CONTRACT_EXIT_FAILED for anything that may be better next time.
 */
#include "worker/worker.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "ipc/loads.h"
#include "ipc/meters.h"
#include "ipc/record.h"

#include <event2/event.h>
#include <malloc.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* After a failed transaction: the jobs that must not be lost are tried again
   this often. */
#define BATCH_RETRY_MSECS 100
#define HIGH_WATER_BYTES  (256 * 1024)
#define TRIM_BYTES        (4 * 1024 * 1024)
#define MMAP_BYTES        (2 * 1024 * 1024)

static void
end_turn(struct worker *w)
{
	turn_end(&w->turn, w->outbox);
	meters_set_active(w->meter, (uint32_t)w->env.active);
}

/* ---- leaving ------------------------------------------------------------ */

/* Retired, every request settled and every answer on its way: a connection
   closes when its last byte is out. Records that are not on file yet are
   shipped by the keeper. */
static void
leave_if_done(struct worker *w)
{
	if (w->life.retiring && w->env.active == 0 &&
	    w->station.batch.queued == 0 &&
	    http_server_connections(w->http) == 0)
		w->life.stopping = true;
}

/* last: no other worker goes on. */
static void
retire(void *arg, bool last)
{
	struct worker *w = arg;
	struct timeval tv;

	w->env.draining = true;
	tv.tv_sec = w->station.config->limits.drain_msecs / 1000;
	tv.tv_usec = w->station.config->limits.drain_msecs % 1000 * 1000;
	event_add(&w->drain_deadline, &tv);
	http_server_drain(w->http, last);
	while (w->child.listener_count > 0)
		fd_close(&w->child.listeners[--w->child.listener_count]);
	log_info("retiring: %zu requests to finish", w->env.active);
	contract_report(&w->child, CONTRACT_DRAINING, (uint32_t)w->env.active,
	    w->env.finished);
}

static void
on_drain_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	(void)fd;
	(void)what;
	log_warn("drain deadline: %zu requests are cut", w->env.active);
	w->life.stopping = true;
}

/* ---- a new configuration ------------------------------------------------ */

/* 1 when no other worker of this generation registered before; 0, -1. */
static int
is_first(const struct worker *w, struct store_txn *t)
{
	struct store_cursor *c = owner_cursor(t, 0);
	struct owner_row row;
	uint64_t id;
	int rc = -1;

	while (c != NULL && (rc = owner_next(c, &id, &row)) == 1) {
		if (row.role == CONTRACT_WORKER &&
		    row.generation == w->child.generation &&
		    id < w->station.owner.id)
			break;
	}
	store_cursor_close(&c);
	return rc < 0 ? -1 : rc == 0;
}

/* It may have mended our credentials: who refused them is probed now. */
static int
hasten_run(struct batch_job *job, struct store_txn *t, struct err *err)
{
	struct worker *w = LIST_OBJ(job, struct worker, hasten);
	int64_t now = clock_wall_nsecs();
	int rc = is_first(w, t);

	for (size_t i = 0; rc > 0 && i < w->catalog->deployment_count; i++) {
		const char *id = w->catalog->deployments[i].config->id;
		struct health_row row;

		rc = health_get(t, id, &row);
		if (rc == 1 && row.cause == CAUSE_AUTH &&
		    breaker_hasten(&row, now))
			rc = health_put(t, id, &row);
		rc = rc < 0 ? -1 : 1;
	}
	return rc < 0 ? err_set(err, ERR_STORE, "breakers") : 0;
}

static void
hasten_done(struct batch_job *job, const struct err *err)
{
	(void)job;
	if (err != NULL)
		log_warn("breakers after a reload: %s", err->text);
}

static void
beat(void *arg)
{
	struct worker *w = arg;

	contract_report(&w->child,
	    w->life.retiring ? CONTRACT_DRAINING : CONTRACT_READY,
	    (uint32_t)w->env.active, w->env.finished);
	/* After a second: the generation before has heard that it is over, and
	   does not probe with what it has. */
	if (!w->settled_in && w->child.generation > 1) {
		batch_job_init(&w->hasten, hasten_run, hasten_done);
		batch_add(&w->station.batch, &w->hasten);
	}
	w->settled_in = true;
}

/* ---- opening ------------------------------------------------------------ */

static int
open_prices(struct worker *w, struct err *err)
{
	w->prices = price_book_new(w->station.store);
	return price_book_add_catalog(w->prices, w->catalog, err);
}

static int
open_services(struct worker *w, struct err *err)
{
	const struct config_limits *l = &w->station.config->limits;
	struct upstream_options up = {
		.connect_timeout_msecs = l->connect_timeout_msecs,
		.verify_tls = true,
	};
	struct http_options http = {
		.max_header_bytes = (size_t)l->max_header_bytes,
		.max_body_bytes = (size_t)l->max_body_bytes,
		.max_connections = (size_t)l->max_connections,
		.header_timeout_msecs = l->header_timeout_msecs,
		.body_timeout_msecs = l->body_timeout_msecs,
		.idle_timeout_msecs = l->idle_timeout_msecs,
		.slow_client_msecs = l->slow_client_msecs,
		.high_water_bytes = HIGH_WATER_BYTES,
		.loads = loads_map(CONTRACT_FD_LOADS, err),
		.load_count = LOADS_CELLS,
		.load_self = w->child.slot,
	};
	static const struct http_callbacks callbacks = {
		.on_call = front_on_call,
		.on_error = front_on_error,
	};

	if (http.loads == NULL)
		return -1;
	if (upstream_new(w->base, &up, &w->upstream, err) != 0)
		return -1;
	w->http = http_server_new(w->base, &http, &callbacks, w);
	return 0;
}

static void
on_file(void *arg, uint64_t seq)
{
	struct worker *w = arg;

	exchange_on_file(&w->env, seq);
}

static void
open_outbox(struct worker *w)
{
	char *path = path_join(w->child.state_dir, RECORD_SOCKET);
	struct outbox_options options = {
		.base = w->base,
		.store = w->station.store,
		.batch = &w->station.batch,
		.socket_path = path,
		.owner = w->station.owner.id,
		/* Answers wait until their records are synced on file. */
		.at_once = w->station.config->durability_power,
		.on_file = on_file,
		.arg = w,
	};

	w->outbox = outbox_new(&options);
	free(path);
}

static void
fill_envs(struct worker *w)
{
	w->env.base = w->base;
	w->env.config = w->station.config;
	w->env.catalog = w->catalog;
	w->env.accounts = w->accounts;
	w->env.budgets = w->budgets;
	w->env.prices = w->prices;
	w->env.meters = meters_map(CONTRACT_FD_LOADS);
	w->env.power = w->station.config->durability_power;
	w->env.store = w->station.store;
	w->env.batch = &w->station.batch;
	w->env.owner = &w->station.owner;
	w->env.upstream = w->upstream;
	w->env.on_settled = turn_settled;
	w->env.arg = &w->turn;
	exchange_env_init(&w->env);
	w->admin.config = w->station.config;
	w->admin.catalog = w->catalog;
	w->admin.accounts = w->accounts;
	w->admin.budgets = w->budgets;
	w->admin.rules = &w->rules;
	w->admin.store = w->station.store;
	w->admin.exchanges = &w->env;
	w->admin.draining = &w->life.retiring;
	w->admin.started_wall_nsecs = clock_wall_nsecs();
	w->trace_path =
	    config_trace_path(w->station.config, w->child.state_dir);
	w->admin.trace_path = w->trace_path;
}

static void
watch_events(struct worker *w)
{
	static const struct life_calls calls = {
		.beat = beat,
		.retire = retire,
	};

	life_watch(&w->life, w->base, &calls, w);
	turn_init(&w->turn, w->base, &w->station.batch, BATCH_RETRY_MSECS);
	evtimer_assign(&w->drain_deadline, w->base, on_drain_deadline, w);
}

static struct event_base *
new_base(void)
{
	struct event_config *c = event_config_new();
	struct event_base *base;

	/* Fewer epoll_ctl calls: changes of one turn are merged. Safe since
	   nobody closes a descriptor before its event is deleted. */
	event_config_set_flag(c, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
	/* A deadline counts from when it was set, not from when the turn
	   began: none fires early. */
	event_config_set_flag(c, EVENT_BASE_FLAG_NO_CACHE_TIME);
	base = event_base_new_with_config(c);
	event_config_free(c);
	return base;
}

/* ---- who may come in ---------------------------------------------------- */

static bool
is_loopback(int fd)
{
	struct sockaddr_storage a = { 0 };
	socklen_t n = sizeof(a);

	if (getsockname(fd, (struct sockaddr *)&a, &n) != 0)
		return false;
	if (a.ss_family == AF_INET)
		return ntohl(((struct sockaddr_in *)&a)->sin_addr.s_addr) >>
			   24 ==
		       IN_LOOPBACKNET;
	return a.ss_family == AF_INET6 &&
	       IN6_IS_ADDR_LOOPBACK(&((struct sockaddr_in6 *)&a)->sin6_addr);
}

static bool
only_on_loopback(const struct worker *w)
{
	for (int i = 0; i < w->child.listener_count; i++) {
		if (!is_loopback(w->child.listeners[i]))
			return false;
	}
	return true;
}

/* Without a master key and virtual keys: open where only this host comes in,
   or where the configuration says so; else nobody could ask for anything. */
static int
open_accounts(struct worker *w, struct err *err)
{
	const struct config *c = w->station.config;
	bool may_be_open = c->open || only_on_loopback(w);

	if (registry_rules_read(c, &w->rules, err) != 0 ||
	    accounts_new(c, w->station.store, may_be_open, &w->accounts, err) !=
		0 ||
	    budgets_note(w->budgets, w->station.store, clock_wall_nsecs(),
		err) != 0)
		return -1;
	if (!accounts_are_none(w->accounts))
		return 0;
	if (!may_be_open)
		return err_set(err, ERR_CONFIG,
		    "no general_settings.master_key and no virtual keys, and "
		    "others than this host could come in: set a master key, "
		    "make a key (tallyctl key create), listen on 127.0.0.1, or "
		    "say tallygate.open: true");
	if (w->child.slot == 0)
		log_warn("OPEN: there is neither a master key nor a virtual "
			 "key; everybody who reaches this address may use the "
			 "gateway and spend your money");
	return 0;
}

/* Once on the host: the first worker says it. */
static void
warn_unpriced(const struct worker *w)
{
	char names[256];
	size_t n = 0, used = 0;

	if (w->child.slot != 0)
		return;
	names[0] = '\0';
	for (size_t i = 0; i < w->catalog->deployment_count; i++) {
		const struct deployment *d = &w->catalog->deployments[i];

		if (d->price.known || d->is_wildcard)
			continue;
		n++;
		if (used < sizeof(names))
			used += (size_t)snprintf(names + used,
			    sizeof(names) - used, "%s%s", n > 1 ? ", " : "",
			    d->config->litellm_model);
	}
	if (n > 0)
		log_warn("no price is known for %zu deployments (%s)%s: %s", n,
		    names,
		    w->catalog->table_count == 0
			? "; there is no price table (" PKGDATADIR
			  "/prices.json is not installed)"
			: "",
		    w->station.config->unpriced_refuse
			? "they are refused (tallygate.unpriced)"
			: "they cost nothing, and are refused under a budget "
			  "(tallygate.unpriced, tallygate.prices)");
}

static int
open_all(struct worker *w, struct err *err)
{
	int rc = station_open(&w->station, &w->child, err);

	if (rc != 0)
		return rc;
	if (catalog_open(w->station.config, &w->catalog, err) != 0 ||
	    budgets_build(w->station.config, &w->budgets, err) != 0)
		return CONTRACT_EXIT_CONFIG;
	w->base = new_base();
	if (w->base == NULL) {
		err_set(err, ERR_NOMEM, "event base");
		return CONTRACT_EXIT_FAILED;
	}
	watch_events(w);
	if (open_accounts(w, err) != 0)
		return err->code == ERR_CONFIG ? CONTRACT_EXIT_CONFIG
					       : CONTRACT_EXIT_FAILED;
	if (open_prices(w, err) != 0 || open_services(w, err) != 0)
		return CONTRACT_EXIT_FAILED;
	fill_envs(w);
	warn_unpriced(w);
	open_outbox(w);
	for (int i = 0; i < w->child.listener_count; i++) {
		if (http_server_listen(w->http, w->child.listeners[i], err) !=
		    0)
			return CONTRACT_EXIT_FAILED;
	}
	return 0;
}

static void
close_all(struct worker *w)
{
	/* What is still under way is cut; its holds are settled by the
	   keeper, as if this process had died. */
	offload_stop(w->env.offload);
	http_server_free(&w->http);
	turn_commit(&w->turn);
	outbox_free(&w->outbox);
	price_book_free(&w->prices);
	accounts_free(&w->accounts);
	registry_rules_free(&w->rules);
	budgets_free(&w->budgets);
	catalog_free(&w->catalog);
	meters_leave(w->meter);
	free(w->trace_path);
	station_close(&w->station);
}

int
worker_main(uint32_t slot, uint32_t generation)
{
	struct worker *w = xcalloc(1, sizeof(*w));
	struct err err = { 0 };
	int rc;

	/* Memory goes back to the kernel in large steps only: with the default
	   every second request gave some back and took it again. */
	mallopt(M_TRIM_THRESHOLD, TRIM_BYTES);
	/* Setting that fixes this one too, at a size where a body of 100 KB
	   would be mapped, faulted in page by page and unmapped each time. */
	mallopt(M_MMAP_THRESHOLD, MMAP_BYTES);
	if (contract_adopt(&w->child, CONTRACT_WORKER, slot, generation,
		&err) != 0)
		log_fatal(CONTRACT_EXIT_VERSION, "%s", err.text);
	rc = open_all(w, &err);
	if (rc != 0)
		log_fatal(rc, "%s", err.text);
	/* What only the start needed goes back. */
	malloc_trim(0);
	w->meter = meters_enter(w->env.meters);
	contract_confine(&w->child, NULL);
	contract_report(&w->child, CONTRACT_READY, 0, 0);
	while (!w->life.stopping) {
		event_base_loop(w->base, EVLOOP_ONCE);
		end_turn(w);
		leave_if_done(w);
	}
	close_all(w);
	return CONTRACT_EXIT_RETIRED;
}
