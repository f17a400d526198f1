/*
 * tallysim's entry: options, listeners, workers, the ready line. See sim.h
 * for the program. Exit codes: 0 stopped by a signal, 1 failed, 2 usage.
 */
#include "base/fd.h"
#include "base/log.h"
#include "sim/server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static NORETURN void
print_and_exit(void (*write)(struct buf *out))
{
	struct buf text;

	buf_init(&text, 64 * 1024);
	write(&text);
	fputs(buf_cstr(&text), stdout);
	buf_fini(&text);
	exit(fflush(stdout) == 0 ? 0 : 1);
}

static NORETURN void
fail(int status, const struct err *err)
{
	fprintf(stderr, "tallysim: %s\n", err->text);
	exit(status);
}

static void
take_options(struct options *options, int argc, char **argv)
{
	enum options_action action;
	struct err err;

	if (options_parse(options, argc, argv, &action, &err) != 0)
		fail(2, &err);
	switch (action) {
	case OPTIONS_RUN:
		return;
	case OPTIONS_HELP:
		print_and_exit(options_help);
	case OPTIONS_MDOC:
		print_and_exit(faults_mdoc);
	case OPTIONS_VERSION:
		puts("tallysim " PACKAGE_VERSION);
		exit(0);
	}
}

static void
load_fixed_body(const struct options *options, struct board *board)
{
	struct buf body;
	struct err err;

	if (options->fixed_body == NULL)
		return;
	buf_init(&body, BOARD_FIXED_BODY_BYTES);
	if (file_read(options->fixed_body, &body, &err) != 0 ||
	    sim_set_fixed_body(board, buf_str(&body), &err) != 0)
		fail(2, &err);
	buf_fini(&body);
}

static int
open_log(const struct options *options)
{
	struct err err;
	int fd;

	if (options->log == NULL)
		return -1;
	fd =
	    open(options->log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0) {
		err_set_errno(&err, ERR_IO, "%s", options->log);
		fail(1, &err);
	}
	return fd;
}

static void
clean_up(struct sim *sim)
{
	sim_fini(sim);
	fd_close(&sim->log_fd);
	board_free(&sim->board);
}

static void
serve(struct sim *sim, struct listeners *listeners, int worker)
{
	listeners_close(listeners, worker);
	server_run(sim, listeners->fds[worker]);
	clean_up(sim);
}

static pid_t
start_worker(struct sim *sim, struct listeners *listeners, int worker)
{
	pid_t parent = getpid(), pid = fork();

	if (pid != 0)
		return pid;
	/* Nobody serves on when the first process is killed. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);
	serve(sim, listeners, worker);
	exit(0);
}

static void
announce(const struct options *options, int port)
{
	bool v6 = strchr(options->host, ':') != NULL;

	printf("tallysim %s listening on %s%s%s:%d\n", options->name,
	    v6 ? "[" : "", options->host, v6 ? "]" : "", port);
	fflush(stdout);
}

/* Waits for a stop signal (0) or the unasked end of a worker (1). */
static int
await_stop(const sigset_t *watched)
{
	int status;

	for (;;) {
		int signo = sigwaitinfo(watched, NULL);

		if (signo < 0 && errno == EINTR)
			continue;
		if (signo != SIGCHLD)
			return 0;
		if (waitpid(-1, &status, WNOHANG) > 0) {
			fprintf(stderr, "tallysim: a worker ended (%s %d)\n",
			    WIFSIGNALED(status) ? "signal" : "status",
			    WIFSIGNALED(status) ? WTERMSIG(status)
						: WEXITSTATUS(status));
			return 1;
		}
	}
}

static int
run_workers(struct sim *sim, struct listeners *listeners,
    const sigset_t *watched)
{
	pid_t pids[OPTIONS_WORKERS_MAX];
	int count = listeners->count, port = listeners->port, status, n = 0;

	for (; n < count; n++) {
		pids[n] = start_worker(sim, listeners, n);
		if (pids[n] < 0)
			break;
	}
	listeners_close(listeners, -1);
	if (n == count)
		announce(sim->options, port);
	else
		fprintf(stderr, "tallysim: fork: %s\n", strerror(errno));
	status = n == count ? await_stop(watched) : 1;
	for (int i = 0; i < n; i++)
		kill(pids[i], SIGTERM);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		continue;
	clean_up(sim);
	return status;
}

/* Signals that stop us wait until somebody listens to them. */
static void
hold_signals(sigset_t *watched)
{
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(watched);
	sigaddset(watched, SIGTERM);
	sigaddset(watched, SIGINT);
	sigaddset(watched, SIGCHLD);
	sigprocmask(SIG_BLOCK, watched, NULL);
}

int
main(int argc, char **argv)
{
	struct listeners listeners;
	struct options options;
	struct board *board;
	sigset_t watched;
	struct sim sim;
	struct err err;

	take_options(&options, argc, argv);
	log_init("tallysim", LOG_LEVEL_INFO);
	hold_signals(&watched);
	(void)fd_limit_raise(); /* thousands of connections */
	board = board_new(&options.faults);
	load_fixed_body(&options, board);
	sim_init(&sim, &options, board);
	sim.log_fd = open_log(&options);
	if (listeners_open(&listeners, &options, &err) != 0)
		fail(1, &err);
	if (options.workers == 1) {
		announce(&options, listeners.port);
		serve(&sim, &listeners, 0);
		return 0;
	}
	return run_workers(&sim, &listeners, &watched);
}
