/* Birth and death of one child. See child.h. */
#include "supervisor/child.h"

#include "base/fd.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Descriptors are first moved up here, so that none is in another's place. */
#define PARK_FD 64

extern char **environ;

const char *
child_name(const struct child *c)
{
	static char name[64];

	if (c->role == CONTRACT_WORKER)
		snprintf(name, sizeof(name), "worker[%u] (pid %ld)", c->slot,
		    (long)c->pid);
	else
		snprintf(name, sizeof(name), "%s (pid %ld)",
		    contract_role_name(c->role), (long)c->pid);
	return name;
}

const char *
child_exit_text(int status)
{
	static char text[64];
	int code;

	if (WIFSIGNALED(status)) {
		snprintf(text, sizeof(text), "killed by signal %d%s",
		    WTERMSIG(status), WCOREDUMP(status) ? " (core)" : "");
		return text;
	}
	code = WEXITSTATUS(status);
	snprintf(text, sizeof(text), "exit %d%s", code,
	    code == CONTRACT_EXIT_RETIRED   ? " (retired)"
	    : code == CONTRACT_EXIT_CONFIG  ? " (configuration refused)"
	    : code == CONTRACT_EXIT_VERSION ? " (other version)"
					    : " (failed)");
	return text;
}

/* ---- in the child, between fork and exec -------------------------------- */

NORETURN static void
give_up(const char *what)
{
	log_error("start of a child: %s: %s", what, strerror(errno));
	_exit(CONTRACT_EXIT_FAILED);
}

static void
put_fd(int from, int to)
{
	if (dup2(from, to) < 0)
		give_up("dup2");
}

static int
park_fd(int fd)
{
	int up = fcntl(fd, F_DUPFD, PARK_FD);

	if (up < 0)
		give_up("descriptors");
	return up;
}

static void
arrange_fds(const struct child_setup *setup, int status, int life)
{
	int null = open("/dev/null", O_RDWR), listeners[CONTRACT_MAX_LISTENERS];
	int config, sixth;

	null = park_fd(null);
	status = park_fd(status);
	life = park_fd(life);
	config = park_fd(setup->config_fd >= 0 ? setup->config_fd : null);
	sixth = park_fd(setup->sixth_fd >= 0 ? setup->sixth_fd : null);
	for (int i = 0; i < setup->listener_count; i++)
		listeners[i] = park_fd(setup->listeners[i]);
	put_fd(null, 0);
	put_fd(null, 1);
	put_fd(status, CONTRACT_FD_STATUS);
	put_fd(life, CONTRACT_FD_LIFE);
	put_fd(config, CONTRACT_FD_CONFIG);
	put_fd(sixth, CONTRACT_FD_TRACE); /* CONTRACT_FD_LOADS */
	for (int i = 0; i < setup->listener_count; i++)
		put_fd(listeners[i], CONTRACT_FD_LISTENERS + i);
	close_range((unsigned)(CONTRACT_FD_LISTENERS + setup->listener_count),
	    ~0U, 0);
}

static void
run_child(const struct child *c, const struct child_setup *setup, int status,
    int life)
{
	char slot[16], generation[16];
	char exe[4096];
	sigset_t none;
	char *argv[] = { exe, (char[]){ "--role" },
		(char[]){ "                " }, (char[]){ "--slot" }, slot,
		(char[]){ "--generation" }, generation, NULL };

	snprintf(exe, sizeof(exe), "%s", setup->exe);
	snprintf(slot, sizeof(slot), "%u", c->slot);
	snprintf(generation, sizeof(generation), "%u", c->generation);
	snprintf(argv[2], 16, "%s", contract_role_name(c->role));
	arrange_fds(setup, status, life);
	if (setup->clean_env)
		clearenv();
	for (size_t i = 0; setup->env[i] != NULL; i++) {
		const char *eq = strchr(setup->env[i], '=');
		char *name;

		if (eq == NULL)
			continue;
		name = strndup(setup->env[i], (size_t)(eq - setup->env[i]));
		if (name == NULL || setenv(name, eq + 1, 1) != 0)
			give_up("environment");
		free(name);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execv(exe, argv);
	give_up(exe);
}

/* ---- in the supervisor -------------------------------------------------- */

uint64_t
child_program(const char *exe)
{
	struct stat st;

	if (stat(exe, &st) != 0)
		return 0;
	return ((uint64_t)st.st_ino << 32) ^ (uint64_t)st.st_dev ^
	       (uint64_t)st.st_mtim.tv_sec * NSECS_PER_SEC ^
	       (uint64_t)st.st_mtim.tv_nsec;
}

int
child_start(struct child *c, const struct child_setup *setup, int64_t now_nsecs,
    struct err *err)
{
	uint64_t program = child_program(setup->exe);
	int status[2], life[2];
	pid_t pid;

	if (pipe2(status, O_CLOEXEC | O_NONBLOCK) != 0)
		return err_set_errno(err, ERR_IO, "status pipe");
	/* The child reads end-of-file from it when we are gone. */
	if (pipe2(life, O_CLOEXEC) != 0) {
		err_set_errno(err, ERR_IO, "life pipe");
		close(status[0]);
		close(status[1]);
		return -1;
	}
	pid = fork();
	if (pid == 0)
		run_child(c, setup, status[1], life[0]);
	close(status[1]);
	close(life[0]);
	if (pid < 0) {
		err_set_errno(err, ERR_IO, "fork");
		close(status[0]);
		close(life[1]);
		return -1;
	}
	c->pid = pid;
	c->program = program;
	c->status_fd = status[0];
	c->life_fd = life[1];
	c->state = CHILD_STARTING;
	c->started_nsecs = c->heard_nsecs = now_nsecs;
	c->ready_nsecs = c->kill_nsecs = 0;
	c->in_flight = 0;
	c->reopen_due = false;
	return 0;
}

void
child_command(struct child *c, enum contract_command command)
{
	char byte = (char)command;

	if (c->life_fd >= 0)
		(void)!write(c->life_fd, &byte, 1);
}

void
child_signal(const struct child *c, int signal)
{
	if (c->pid > 0)
		kill(c->pid, signal);
}

void
child_gone(struct child *c)
{
	fd_close(&c->status_fd);
	fd_close(&c->life_fd);
	c->pid = 0;
	c->state = CHILD_EMPTY;
	c->kill_nsecs = 0;
	c->in_flight = 0;
}
