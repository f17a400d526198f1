/*
 * The supervisor's loop and its start. See supervisor.h.
 *
 * Fails: exit 2 when the configuration is refused, 1 when the state directory
 * or the listener cannot be had; the message says what holds it.
 */
#include "supervisor/supervisor.h"

#include "base/confine.h"
#include "base/fd.h"
#include "base/log.h"
#include "ipc/listen.h"
#include "ipc/loads.h"
#include "ipc/record.h"
#include "supervisor/check.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define TICK_MSECS   200
#define DEFAULT_PORT 4000
#define DEFAULT_HOST "0.0.0.0"
/* After a supervisor that was killed: its workers let go of the port as soon as
   they see it. */
#define PORT_TRIES     30
#define PORT_TRY_USECS 100000
/* Below that a child cannot even be started. */
#define MIN_FILES 128

/* ---- children ----------------------------------------------------------- */

struct child *
supervisor_add_child(struct supervisor *s, enum contract_role role,
    uint32_t slot)
{
	struct child *c = xcalloc(1, sizeof(*c));

	c->role = role;
	c->slot = slot;
	c->generation = s->generation;
	c->status_fd = c->life_fd = -1;
	c->wanted = true;
	list_append(&s->children, &c->node);
	return c;
}

size_t
supervisor_count(const struct supervisor *s, enum contract_role role)
{
	size_t n = 0;

	LIST_EACH(node, &s->children) {
		const struct child *c = LIST_OBJ(node, struct child, node);

		n += c->role == role && c->pid > 0;
	}
	return n;
}

size_t
supervisor_wanted_workers(const struct supervisor *s)
{
	int64_t n = s->options.num_workers >= 0 ? s->options.num_workers
						: s->config->workers;

	if (n <= 0)
		n = sysconf(_SC_NPROCESSORS_ONLN);
	return n > 0 ? (size_t)n : 1;
}

/* The logger's settings, which it gets instead of the configuration. */
static void
fill_env(const struct supervisor *s, enum contract_role role,
    const struct config *c, char **env, size_t size)
{
	char *traces = config_trace_path(c, s->state_dir);
	size_t n = 0;

	env[n++] = xasprintf(CONTRACT_ENV_VERSION "=%d", CONTRACT_VERSION);
	env[n++] = xasprintf(CONTRACT_ENV_STATE_DIR "=%s", s->state_dir);
	env[n++] = xasprintf(CONTRACT_ENV_LISTENERS "=%d",
	    role == CONTRACT_WORKER ? s->listener_count : 0);
	env[n++] = xasprintf(CONTRACT_ENV_LOG_LEVEL "=%d", log_level());
	env[n++] = xasprintf(CONTRACT_ENV_CONFINE "=%d", c->confine);
	if (role == CONTRACT_LOGGER) {
		env[n++] = xasprintf(CONTRACT_ENV_TRACES "=%s", traces);
		env[n++] = xasprintf(CONTRACT_ENV_ROTATE_BYTES "=%lld",
		    (long long)c->traces_rotate_bytes);
		env[n++] = xasprintf(CONTRACT_ENV_KEEP "=%lld",
		    (long long)c->traces_keep);
		env[n++] = xasprintf(CONTRACT_ENV_SYNC_NSECS "=%lld",
		    (long long)(c->sync_interval_msecs * NSECS_PER_MSEC));
		env[n++] = xasprintf(CONTRACT_ENV_DURABILITY "=%s",
		    c->durability_power ? "power" : "process");
		if (getenv("TALLYGATE_TEST_CLOCK") != NULL)
			env[n++] = xasprintf("TALLYGATE_TEST_CLOCK=%s",
			    getenv("TALLYGATE_TEST_CLOCK"));
	}
	free(traces);
	while (n < size)
		env[n++] = NULL;
}

int
supervisor_start_child(struct supervisor *s, struct child *c, struct err *err)
{
	bool is_logger = c->role == CONTRACT_LOGGER;
	/* While a reload is under way the old configuration still holds, but
	   for its own workers. */
	bool old = s->reloading && !reload_is_new(s, c);
	char *env[16];
	struct child_setup setup = {
		.exe = s->exe,
		.state_dir = s->state_dir,
		.config_fd = is_logger ? -1
			     : old     ? s->old_config_fd
				       : s->config_fd,
		.sixth_fd = is_logger                    ? s->trace_fd
			    : c->role == CONTRACT_WORKER ? s->loads_fd
							 : -1,
		.listeners = s->listeners,
		.listener_count =
		    c->role == CONTRACT_WORKER ? s->listener_count : 0,
		.env = (const char *const *)env,
		.clean_env = is_logger,
	};
	int rc;

	fill_env(s, c->role, old ? s->old_config : s->config, env,
	    ARRAY_LEN(env));
	if (c->role != CONTRACT_WORKER)
		c->generation = old ? s->old_generation : s->generation;
	rc = child_start(c, &setup, clock_mono_nsecs(), err);
	s->state_changed = true;
	for (size_t i = 0; i < ARRAY_LEN(env); i++)
		free(env[i]);
	return rc;
}

static bool
all_ready(const struct supervisor *s)
{
	LIST_EACH(node, &s->children) {
		const struct child *c = LIST_OBJ(node, struct child, node);

		if (c->wanted && c->state != CHILD_READY)
			return false;
	}
	return true;
}

static void
announce_if_ready(struct supervisor *s)
{
	if (s->was_ready || s->stopping || !all_ready(s))
		return;
	s->was_ready = true;
	state_file_note_config(s);
	log_info("ready: http://%s, %zu workers, state in %s", s->address,
	    supervisor_count(s, CONTRACT_WORKER), s->state_dir);
}

static void
drop_child(struct child *c)
{
	list_remove(&c->node);
	free(c);
}

/* What an exit code says about starting it again. */
static bool
is_refusal(int status)
{
	return WIFEXITED(status) &&
	       (WEXITSTATUS(status) == CONTRACT_EXIT_CONFIG ||
		   WEXITSTATUS(status) == CONTRACT_EXIT_VERSION);
}

static void
schedule(struct child *c, int64_t ready_nsecs, int status)
{
	int64_t now = clock_mono_nsecs();

	c->start_nsecs =
	    is_refusal(status)
		? policy_after_refusal(&c->history, now)
		: policy_after_death(&c->history, ready_nsecs, now);
	if (c->start_nsecs > now)
		log_warn("%s[%u] starts again in %lld ms",
		    contract_role_name(c->role), c->slot,
		    (long long)((c->start_nsecs - now) / NSECS_PER_MSEC));
}

/* Somebody was killed, perhaps with a wake-up in his hands: see contract.h. */
static void
wake_all(const struct supervisor *s)
{
	LIST_EACH(node, &s->children)
		child_signal(LIST_OBJ(node, struct child, node), SIGURG);
}

static void
on_death(struct supervisor *s, struct child *c, int status)
{
	bool clean =
	    WIFEXITED(status) && WEXITSTATUS(status) == CONTRACT_EXIT_RETIRED;
	bool was_starting = c->state == CHILD_STARTING;
	bool was_asked = c->state == CHILD_RETIRING;
	int64_t ready = c->ready_nsecs;

	if (clean && (was_asked || s->stopping))
		log_info("%s left", child_name(c));
	else
		log_warn("%s: %s", child_name(c), child_exit_text(status));
	s->state_changed = true;
	child_gone(c);
	if (WIFSIGNALED(status))
		wake_all(s);
	if (!c->wanted)
		return; /* the loop drops it */
	if (was_starting && reload_is_new(s, c)) {
		reload_abandon(s);
		return;
	}
	if (is_refusal(status) && !s->was_ready) {
		log_error("the first generation cannot start");
		s->exit_status =
		    WEXITSTATUS(status) == CONTRACT_EXIT_CONFIG ? 2 : 1;
		s->stopping = s->stop_now = true;
		return;
	}
	if (clean && was_asked)
		c->start_nsecs = 0; /* its successor, at once */
	else
		schedule(c, ready, status);
}

static void
reap(struct supervisor *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		LIST_EACH(node, &s->children) {
			struct child *c = LIST_OBJ(node, struct child, node);

			if (c->pid == pid) {
				on_death(s, c, status);
				break;
			}
		}
	}
}

/* One report per child and turn: none can flood us. */
static void
hear(struct supervisor *s, struct child *c)
{
	struct contract_status st;
	bool eof = false;
	int rc = contract_read_report(c->status_fd, &st, &eof);

	if (rc < 0) {
		/* Whatever it is, it is not what we started. */
		log_error("%s sent a garbled report: killed", child_name(c));
		child_signal(c, SIGKILL);
		fd_close(&c->status_fd);
		return;
	}
	if (eof)
		fd_close(&c->status_fd); /* it is dying: SIGCHLD tells */
	if (rc != 1 || st.slot != c->slot || st.generation != c->generation)
		return;
	c->heard_nsecs = clock_mono_nsecs();
	c->in_flight = st.in_flight;
	c->done = st.done;
	if (st.state == CONTRACT_READY && c->state == CHILD_STARTING) {
		c->state = CHILD_READY;
		c->ready_nsecs = c->heard_nsecs;
		s->state_changed = true;
		if (c->reopen_due)
			child_signal(c, SIGUSR1);
		c->reopen_due = false;
	}
}

/* Deadlines of one child: late for READY, silent, or not gone after a kill. */
static void
check_child(struct supervisor *s, struct child *c, int64_t now)
{
	struct err err;
	int64_t quiet;

	if (c->state == CHILD_EMPTY) {
		if (!c->wanted || now < c->start_nsecs)
			return;
		if (supervisor_start_child(s, c, &err) != 0) {
			log_error("%s", err.text);
			c->start_nsecs =
			    policy_after_death(&c->history, 0, now);
		}
		return;
	}
	if (c->kill_nsecs > 0) {
		if (now >= c->kill_nsecs) {
			child_signal(c, SIGKILL);
			c->kill_nsecs = now + POLICY_KILL_NSECS;
		}
		return;
	}
	quiet = c->state == CHILD_STARTING ? POLICY_READY_NSECS
					   : POLICY_STALL_NSECS;
	if (now - c->heard_nsecs > POLICY_WAKE_NSECS)
		child_signal(c, SIGURG);
	if (now - c->heard_nsecs <= quiet)
		return;
	log_error("%s has said nothing for %lld s: killed", child_name(c),
	    (long long)((now - c->heard_nsecs) / NSECS_PER_SEC));
	child_signal(c, SIGABRT);
	c->kill_nsecs = now + POLICY_KILL_NSECS;
}

/* ---- signals ------------------------------------------------------------ */

/* Before it is READY the signal would kill it. */
static void
reopen_traces(struct supervisor *s)
{
	LIST_EACH(node, &s->children) {
		struct child *c = LIST_OBJ(node, struct child, node);

		if (c->role != CONTRACT_LOGGER)
			continue;
		c->reopen_due = c->state == CHILD_STARTING;
		if (!c->reopen_due)
			child_signal(c, SIGUSR1);
	}
}

static void
on_signal(struct supervisor *s, int signo)
{
	switch (signo) {
	case SIGTERM:
	case SIGINT:
		if (s->stopping) {
			log_warn("stopping at once");
			s->stop_now = true;
		} else {
			stop_begin(s);
		}
		break;
	case SIGHUP:
		if (!s->stopping)
			reload_begin(s);
		break;
	case SIGUSR1:
		reopen_traces(s);
		break;
	case SIGCHLD:
		reap(s);
		break;
	default:
		break;
	}
}

static void
read_signals(struct supervisor *s)
{
	struct signalfd_siginfo info;

	while (read(s->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		on_signal(s, (int)info.ssi_signo);
}

static int
open_signals(struct supervisor *s, struct err *err)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1,
		SIGCHLD };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		sigaddset(&set, signals[i]);
	signal(SIGPIPE, SIG_IGN);
	/* Ignored by who started us, children would be gone unseen. */
	signal(SIGCHLD, SIG_DFL);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return err_set_errno(err, ERR_IO, "signals");
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signal_fd < 0)
		return err_set_errno(err, ERR_IO, "signalfd");
	return 0;
}

/* ---- the loop ----------------------------------------------------------- */

static void
make_room(struct supervisor *s)
{
	size_t n = 1;

	LIST_EACH(node, &s->children)
		n++;
	if (n <= s->polled_size)
		return;
	s->polled_size = n * 2;
	s->polled = xrealloc(s->polled, s->polled_size * sizeof(*s->polled));
	s->heard = xrealloc(s->heard, s->polled_size * sizeof(*s->heard));
}

static void
wait_for_events(struct supervisor *s)
{
	nfds_t n = 1;

	make_room(s);
	s->polled[0] = (struct pollfd){ .fd = s->signal_fd, .events = POLLIN };
	LIST_EACH(node, &s->children) {
		struct child *c = LIST_OBJ(node, struct child, node);

		if (c->status_fd < 0)
			continue;
		s->polled[n] =
		    (struct pollfd){ .fd = c->status_fd, .events = POLLIN };
		s->heard[n++] = c;
	}
	if (poll(s->polled, n, TICK_MSECS) <= 0)
		return;
	for (nfds_t i = 1; i < n; i++) {
		if (s->polled[i].revents != 0)
			hear(s, s->heard[i]);
	}
	/* Last: a death closes descriptors that were polled. */
	if (s->polled[0].revents != 0)
		read_signals(s);
}

static void
drop_unwanted(struct supervisor *s)
{
	LIST_EACH_SAFE(node, &s->children) {
		struct child *c = LIST_OBJ(node, struct child, node);

		if (c->state == CHILD_EMPTY && !c->wanted)
			drop_child(c);
	}
}

static int
loop(struct supervisor *s)
{
	while (!s->stopping || !list_empty(&s->children)) {
		int64_t now = clock_mono_nsecs();

		if (s->stopping)
			stop_advance(s);
		else
			reload_advance(s);
		drop_unwanted(s);
		LIST_EACH(node, &s->children)
			check_child(s, LIST_OBJ(node, struct child, node), now);
		announce_if_ready(s);
		if (s->state_changed && s->was_ready && !s->stopping) {
			s->state_changed = false;
			state_file_write(s);
		}
		if (!list_empty(&s->children))
			wait_for_events(s);
	}
	return s->exit_status;
}

/* ---- start -------------------------------------------------------------- */

static int
open_state_dir(struct supervisor *s, struct err *err)
{
	static const char *const below[] = { "store", "run" };
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char *lock;
	int rc;

	s->state_dir = config_state_dir(s->config, s->options.state_dir);
	rc = dir_make(s->state_dir, 0700, err);
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(below); i++) {
		char *path = path_join(s->state_dir, below[i]);

		rc = dir_make(path, 0700, err);
		free(path);
	}
	if (rc != 0)
		return err_prefix(err,
		    "state directory (choose another with --state DIR)");
	lock = path_join(s->state_dir, "run/supervisor.lock");
	s->lock_fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock_fd < 0)
		err_set_errno(err, ERR_IO, "%s", lock);
	else if (fcntl(s->lock_fd, F_OFD_SETLK, &whole) != 0) {
		err_set(err, ERR_IO,
		    "%s is in use by another tallygate (see `tallyctl --state "
		    "%s status`)",
		    s->state_dir, s->state_dir);
		fd_close(&s->lock_fd);
	}
	free(lock);
	return s->lock_fd < 0 ? -1 : 0;
}

static int
open_port(struct supervisor *s, const char *host, int *port, struct err *err)
{
	/* A file left over: the supervisor before us was killed. */
	int tries = state_file_remove(s) ? PORT_TRIES : 1;
	int fd = listen_tcp(host, *port, port, err);

	while (fd < 0 && --tries > 0) {
		usleep(PORT_TRY_USECS);
		fd = listen_tcp(host, *port, port, err);
	}
	return fd;
}

static int
open_listeners(struct supervisor *s, struct err *err)
{
	const char *host = s->options.host;
	int port = s->options.port;
	char *path;

	if (host == NULL)
		host =
		    s->config->host[0] != '\0' ? s->config->host : DEFAULT_HOST;
	if (port < 0)
		port = s->config->port != CONFIG_UNSET ? (int)s->config->port
						       : DEFAULT_PORT;
	s->listeners[0] = open_port(s, host, &port, err);
	if (s->listeners[0] < 0)
		return -1;
	s->listener_count = 1;
	snprintf(s->address, sizeof(s->address),
	    strchr(host, ':') != NULL ? "[%s]:%d" : "%s:%d", host, port);
	path = path_join(s->state_dir, RECORD_SOCKET);
	s->trace_fd = record_listen(path, err);
	free(path);
	if (s->trace_fd < 0)
		return -1;
	s->loads_fd = loads_create(err);
	return s->loads_fd < 0 ? -1 : 0;
}

static void
add_children(struct supervisor *s)
{
	size_t workers = supervisor_wanted_workers(s);

	supervisor_add_child(s, CONTRACT_LOGGER, 0);
	supervisor_add_child(s, CONTRACT_KEEPER, 0);
	for (size_t i = 0; i < workers; i++)
		supervisor_add_child(s, CONTRACT_WORKER, (uint32_t)i);
}

/* Our own file, as it was when we started: a newly installed binary at the
   same path is what the next generation runs. */
static char *
own_path(void)
{
	char *path = path_of_program();

	return path == NULL ? xstrdup("tallygate") : path;
}

static void
supervisor_free(struct supervisor *s)
{
	config_free(&s->config);
	config_free(&s->old_config); /* a reload was under way */
	free(s->polled);
	free(s->heard);
	free(s->exe);
	free(s->state_dir);
	free(s);
}

/* All that needs root is open: from here on we are the configured user, and
   so is every child. A later configuration changes nothing about it. */
static int
change_user(const struct supervisor *s, struct err *err)
{
	const char *user = s->config->user;

	if (user[0] == '\0')
		return 0;
	if (geteuid() != 0) {
		log_warn("tallygate.user: %s has no effect: only root can "
			 "become another user",
		    user);
		return 0;
	}
	return confine_to_user(user, s->state_dir, err);
}

/* A worker has two files for each request under way: its client's connection
   and its provider's. The soft limit is often 1024. */
static int
raise_file_limit(const struct supervisor *s, struct err *err)
{
	int64_t files = fd_limit_raise();
	int64_t wanted = 2 * s->config->limits.max_connections;

	if (files < MIN_FILES)
		return err_set(err, ERR_IO,
		    "only %lld open files are allowed, and %d are needed: "
		    "raise the limit (ulimit -n, LimitNOFILE)",
		    (long long)files, MIN_FILES);
	if (files < wanted)
		log_warn("only %lld open files are allowed: a worker has room "
			 "for about %lld requests at a time, not for the %lld "
			 "of tallygate.limits.max_connections (ulimit -n, "
			 "LimitNOFILE)",
		    (long long)files, (long long)files / 2,
		    (long long)wanted / 2);
	return 0;
}

/* Everything up to the first child; an exit status or 0. */
static int
open_all(struct supervisor *s, struct err *err)
{
	if (check_load(s->options.config_path, &s->config, &s->config_fd,
		err) != 0)
		return 2;
	check_exposure(s->config, s->options.host);
	if (raise_file_limit(s, err) != 0 || open_state_dir(s, err) != 0 ||
	    open_listeners(s, err) != 0 || change_user(s, err) != 0 ||
	    open_signals(s, err) != 0)
		return 1;
	return 0;
}

int
supervisor_main(const struct supervisor_options *options)
{
	struct supervisor *s = xcalloc(1, sizeof(*s));
	struct err err = { 0 };
	int status;

	s->options = *options;
	s->config_fd = s->trace_fd = s->lock_fd = s->signal_fd = -1;
	s->old_config_fd = s->loads_fd = -1;
	s->generation = s->last_generation = 1;
	s->started_wall_nsecs = clock_wall_nsecs();
	s->exe = own_path();
	list_init(&s->children);
	status = open_all(s, &err);
	if (status == 0) {
		add_children(s);
		status = loop(s);
	} else {
		log_error("%s", err.text);
	}
	supervisor_free(s);
	return status;
}
