/*
 * The supervisor-child contract: adopting it, and reports over the status
 * pipe. See contract.h.
 *
 * Owns nothing: descriptors and environment belong to the process. Fails
 * with ERR_USAGE (not started by a supervisor), ERR_CONFIG (one that speaks
 * another version) or ERR_IO (a descriptor that is not what it should be).
 */
#include "ipc/contract.h"

#include "base/confine.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/num.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const role_names[] = {
	[CONTRACT_SUPERVISOR] = "supervisor",
	[CONTRACT_WORKER] = "worker",
	[CONTRACT_LOGGER] = "logger",
	[CONTRACT_KEEPER] = "keeper",
};

const char *
contract_role_name(enum contract_role role)
{
	return (size_t)role < ARRAY_LEN(role_names) ? role_names[role] : "?";
}

int
contract_role_parse(const char *name, enum contract_role *role_r)
{
	for (size_t i = 0; i < ARRAY_LEN(role_names); i++)
		if (strcmp(name, role_names[i]) == 0) {
			*role_r = (enum contract_role)i;
			return 1;
		}
	return 0;
}

/* ---- adopting ---- */

static int
env_number(const char *name, int64_t least, int64_t most, int64_t *v_r,
    struct err *err)
{
	const char *text = getenv(name);
	int64_t v;

	if (text == NULL || num_int64(str_of(text), &v) != 0)
		return err_set(err, ERR_USAGE,
		    "not started by a supervisor: %s is %s", name,
		    text == NULL ? "not set" : "not a number");
	if (v < least || v > most)
		return err_set(err, ERR_USAGE, "%s=%lld is out of range", name,
		    (long long)v);
	*v_r = v;
	return 0;
}

static int
check_environment(struct contract_child *child, struct err *err)
{
	int64_t n;

	if (env_number(CONTRACT_ENV_VERSION, 0, INT64_MAX, &n, err) != 0)
		return -1;
	if (n != CONTRACT_VERSION)
		return err_set(err, ERR_CONFIG,
		    "the supervisor speaks contract version %lld, "
		    "this program %d: restart the gateway",
		    (long long)n, CONTRACT_VERSION);
	child->state_dir = getenv(CONTRACT_ENV_STATE_DIR);
	if (child->state_dir == NULL || child->state_dir[0] != '/')
		return err_set(err, ERR_USAGE,
		    "not started by a supervisor: %s is not an absolute path",
		    CONTRACT_ENV_STATE_DIR);
	if (child->role != CONTRACT_WORKER)
		return 0;
	if (env_number(CONTRACT_ENV_LISTENERS, 1, CONTRACT_MAX_LISTENERS, &n,
		err) != 0)
		return -1;
	child->listener_count = (int)n;
	return 0;
}

/* The descriptor is open and of this type (S_IFIFO ...; 0: any). */
static int
check_fd(int fd, mode_t type, const char *what, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return err_set_errno(err, ERR_IO, "descriptor %d (%s)", fd,
		    what);
	if (type != 0 && (st.st_mode & S_IFMT) != type)
		return err_set(err, ERR_IO,
		    "descriptor %d (%s) is of another kind", fd, what);
	return 0;
}

/* One of ours above stderr: also closed by exec from here on. */
static int
adopt_fd(int fd, mode_t type, const char *what, struct err *err)
{
	if (check_fd(fd, type, what, err) != 0)
		return -1;
	return fd_set_cloexec(fd, true, err);
}

static int
adopt_listener(int fd, const char *what, struct err *err)
{
	socklen_t n = sizeof(int);
	int listening = 0;

	if (adopt_fd(fd, S_IFSOCK, what, err) != 0)
		return -1;
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) != 0 ||
	    !listening)
		return err_set(err, ERR_IO,
		    "descriptor %d (%s) does not listen", fd, what);
	return 0;
}

static int
adopt_fds(struct contract_child *child, struct err *err)
{
	if (check_fd(0, 0, "stdin", err) != 0 ||
	    check_fd(1, 0, "stdout", err) != 0 ||
	    check_fd(2, 0, "stderr", err) != 0 ||
	    adopt_fd(CONTRACT_FD_STATUS, S_IFIFO, "status", err) != 0 ||
	    adopt_fd(CONTRACT_FD_LIFE, S_IFIFO, "life", err) != 0 ||
	    fd_set_nonblock(CONTRACT_FD_STATUS, err) != 0 ||
	    fd_set_nonblock(CONTRACT_FD_LIFE, err) != 0)
		return -1;
	if (child->role == CONTRACT_LOGGER)
		return adopt_listener(CONTRACT_FD_TRACE, "traces", err);
	if (adopt_fd(CONTRACT_FD_CONFIG, S_IFREG, "configuration", err) != 0)
		return -1;
	if (child->role == CONTRACT_WORKER &&
	    adopt_fd(CONTRACT_FD_LOADS, S_IFREG, "loads", err) != 0)
		return -1;
	for (int i = 0; i < child->listener_count; i++) {
		child->listeners[i] = CONTRACT_FD_LISTENERS + i;
		if (adopt_listener(child->listeners[i], "listener", err) != 0)
			return -1;
	}
	return 0;
}

/* See contract.h: it only has to interrupt. */
static void
on_urg(int signo)
{
	(void)signo;
}

int
contract_adopt(struct contract_child *child, enum contract_role role,
    uint32_t slot, uint32_t generation, struct err *err)
{
	static const struct sigaction look_again = { .sa_handler = on_urg,
		.sa_flags = SA_RESTART };
	struct contract_child c = {
		.role = role,
		.slot = slot,
		.generation = generation,
	};

	if (check_environment(&c, err) != 0 || adopt_fds(&c, err) != 0)
		return err_prefix(err, "%s", contract_role_name(role));
	/* The terminal sends these to the whole group; the supervisor alone
	   decides. A closed pipe is an error here, not an end. */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGURG, &look_again, NULL);
	*child = c;
	return 0;
}

/* ---- reports ---- */

void
contract_confine(const struct contract_child *child, const char *file)
{
	const char *wanted = getenv(CONTRACT_ENV_CONFINE);
	const char *slash = file == NULL ? NULL : strrchr(file, '/');
	const char *folders[3] = { child->state_dir };
	char *folder = NULL;

	if (wanted != NULL && strcmp(wanted, "0") == 0)
		return;
	if (slash != NULL && slash > file)
		folders[1] = folder = xstrndup(file, (size_t)(slash - file));
	log_debug("confined by: %s", confine_text(confine(folders)));
	free(folder);
}

void
contract_report(const struct contract_child *child, enum contract_state state,
    uint32_t in_flight, uint64_t done)
{
	struct contract_status status = {
		.version = CONTRACT_VERSION,
		.slot = child->slot,
		.generation = child->generation,
		.state = state,
		.in_flight = in_flight,
		.done = done,
	};
	ssize_t n;

	/* Below PIPE_BUF: whole or not at all. Lost when the pipe is full (a
	   supervisor that is busy) or closed (fd 4 tells that). */
	do
		n = write(CONTRACT_FD_STATUS, &status, sizeof(status));
	while (n < 0 && errno == EINTR);
}

int
contract_read_report(int fd, struct contract_status *status_r, bool *eof_r)
{
	struct contract_status status;
	ssize_t n;

	*eof_r = false;
	do
		n = read(fd, &status, sizeof(status));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -1;
	if (n == 0) {
		*eof_r = true;
		return 0;
	}
	if ((size_t)n != sizeof(status) || status.version != CONTRACT_VERSION)
		return -1;
	if (status.state < CONTRACT_READY || status.state > CONTRACT_STARTING)
		return -1;
	*status_r = status;
	return 1;
}
