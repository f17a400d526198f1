/* Opening what a role stands on. See station.h. */
#include "station/station.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "config/bundle.h"
#include "station/recovery.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* How often one who waits looks again, and says that it lives. */
#define WAIT_NSECS (200 * NSECS_PER_MSEC)

static int
open_config(struct station *s, struct err *err)
{
	struct config_report report;
	struct bundle *bundle;
	int rc;

	if (bundle_from_fd(CONTRACT_FD_CONFIG, &bundle, err) != 0)
		return -1;
	config_report_init(&report);
	rc = config_parse(bundle, &s->config, &report, err);
	config_report_fini(&report);
	bundle_free(&bundle);
	return rc;
}

/* ---- after the host went down -------------------------------------------- */

static void
say_alive(void *arg)
{
	contract_report(arg, CONTRACT_STARTING, 0, 0);
}

/* One rebuilds at a time. The kernel drops the lock of one who dies at it. */
static int
lock_recovery(const struct station *s, const struct contract_child *child,
    int *fd_r, struct err *err)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct timespec pause = { 0, WAIT_NSECS };
	char *path = path_join(s->store_dir, "recovery.lock");
	int rc;

	*fd_r = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	free(path);
	if (*fd_r < 0)
		return err_set_errno(err, ERR_STORE, "recovery.lock");
	while ((rc = fcntl(*fd_r, F_OFD_SETLK, &whole)) != 0 &&
	       (errno == EAGAIN || errno == EACCES || errno == EINTR)) {
		contract_report(child, CONTRACT_STARTING, 0, 0);
		nanosleep(&pause, NULL);
	}
	return rc == 0 ? 0 : err_set_errno(err, ERR_STORE, "recovery.lock");
}

static void
say_rebuilt(const struct recovery_result *r)
{
	char usd[MONEY_TEXT_BYTES];

	money_format(r->counts.cost_nanos, usd);
	log_warn("the store is built anew on %s: %llu records, %s USD%s%s",
	    r->snapshot != NULL ? r->snapshot : "nothing",
	    (unsigned long long)r->counts.booked, usd,
	    r->kept != NULL ? "; the old one is kept as " : "",
	    r->kept != NULL ? r->kept : "");
	if (r->accounts == RECOVERY_ACCOUNTS_COPIED)
		log_warn("store/accounts was not there either: keys, teams and "
			 "caps are those of %s",
		    r->accounts_from);
	else if (r->accounts == RECOVERY_ACCOUNTS_EMPTY)
		log_warn("store/accounts was not there either, and no snapshot "
			 "has it: there are no keys, teams and caps set by "
			 "hand");
}

/* why: what happened to live/. */
static int
rebuild(const struct station *s, const struct contract_child *child,
    const char *why, struct err *err)
{
	char *trace_path = config_trace_path(s->config, child->state_dir);
	struct recovery_options o = {
		.state_dir = child->state_dir,
		.store_dir = s->store_dir,
		.trace_path = trace_path,
		.now_nsecs = clock_wall_nsecs(),
		.progress = say_alive,
		.arg = (void *)(uintptr_t)child,
	};
	struct recovery_result result;
	int rc;

	log_warn("%s: it is built anew from the trace files", why);
	rc = recovery_run(&o, &result, err);
	if (rc == 0) {
		say_rebuilt(&result);
		recovery_result_free(&result);
	} else {
		err_prefix(err,
		    "%s, and it cannot be built anew (see tallyctl recover)",
		    why);
	}
	free(trace_path);
	return rc;
}

/* There is no live/, but lines are on file; nobody has the store open who could
   have it still. */
static int
check_gone(const struct station *s, const struct contract_child *child,
    bool *gone_r, struct err *err)
{
	char *trace_path = config_trace_path(s->config, child->state_dir);

	*gone_r = recovery_is_due(s->store_dir, trace_path);
	free(trace_path);
	return *gone_r ? recovery_check_owners(s->store_dir, err) : 0;
}

/* Another process may have built it while this one waited. */
static int
open_rebuilt(struct station *s, const struct contract_child *child,
    const struct store_options *options, struct err *err)
{
	bool gone = false;
	int fd = -1, rc = lock_recovery(s, child, &fd, err);

	if (rc == 0)
		rc = check_gone(s, child, &gone, err);
	if (rc == 0 && gone)
		rc = rebuild(s, child,
		    "store/live is not there, but there are trace files", err);
	if (rc == 0)
		rc = store_open(options, &s->store, err);
	if (rc != 0 && err->code == ERR_STORE_LOST) {
		rc = rebuild(s, child,
		    "the host went down while the store was in use", err);
		if (rc == 0)
			rc = store_open(options, &s->store, err);
	}
	fd_close(&fd);
	return rc;
}

/* ---- the store ----------------------------------------------------------- */

static int
open_store(struct station *s, const struct contract_child *child,
    struct err *err)
{
	struct store_options options = { .map_bytes = s->config->map_bytes };
	struct owner_row row = {
		.role = child->role,
		.slot = child->slot,
		.generation = child->generation,
		.pid = (uint32_t)getpid(),
	};
	bool gone;
	int rc;

	s->store_dir = path_join(child->state_dir, "store");
	options.dir = s->store_dir;
	rc = check_gone(s, child, &gone, err);
	if (rc == 0 && !gone)
		rc = store_open(&options, &s->store, err);
	if ((rc == 0 && gone) || (rc != 0 && err->code == ERR_STORE_LOST))
		rc = open_rebuilt(s, child, &options, err);
	if (rc != 0)
		return -1;
	if (owner_register(s->store, s->store_dir, &row, &s->owner, err) != 0)
		return -1;
	batch_init(&s->batch, s->store);
	return 0;
}

int
station_open(struct station *s, const struct contract_child *child,
    struct err *err)
{
	if (open_config(s, err) != 0)
		return CONTRACT_EXIT_CONFIG;
	return open_store(s, child, err) == 0 ? 0 : CONTRACT_EXIT_FAILED;
}

void
station_close(struct station *s)
{
	owner_release(&s->owner);
	store_close(&s->store);
	config_free(&s->config);
	free(s->store_dir);
	s->store_dir = NULL;
}
