/*
 * One child process and its slot. A slot outlives the processes in it: it
 * remembers when to start the next one.
 *
 * States, in order:
 *   CHILD_EMPTY     nobody; starts at start_nsecs (0: when asked)
 *   CHILD_STARTING  exec'd, READY awaited until ready_deadline
 *   CHILD_READY     serving; reports once a second
 *   CHILD_RETIRING  asked to go (old generation, reload, shutdown)
 */
#ifndef SUPERVISOR_CHILD_H
#define SUPERVISOR_CHILD_H

#include "base/list.h"
#include "ipc/contract.h"
#include "supervisor/policy.h"

#include <sys/types.h>

enum child_state {
	CHILD_EMPTY,
	CHILD_STARTING,
	CHILD_READY,
	CHILD_RETIRING
};

struct child {
	struct list node; /* on supervisor->children */
	enum contract_role role;
	uint32_t slot;
	uint32_t generation;
	enum child_state state;
	pid_t pid;     /* 0 when EMPTY */
	int status_fd; /* reading end; -1 */
	int life_fd;   /* our end of the life pipe; -1 */
	int64_t started_nsecs, ready_nsecs, heard_nsecs; /* mono; 0 never */
	int64_t start_nsecs; /* EMPTY: when to start */
	int64_t kill_nsecs;  /* SIGKILL at; 0 none */
	uint32_t in_flight;
	uint64_t done;
	uint64_t program; /* child_program() of what it runs */
	struct policy_history history;
	bool wanted;     /* start it again when it dies */
	bool reopen_due; /* SIGUSR1 came before it could take it */
};

/* What a new process is given. */
struct child_setup {
	const char *exe; /* path of our own binary */
	const char *state_dir;
	int config_fd; /* bundle; -1 none */
	int sixth_fd;  /* the one that depends on the role; -1 none */
	const int *listeners;
	int listener_count;
	const char *const *env; /* "NAME=value", NULL-terminated; what stands
				   here is set, and for the logger it is all
				   there is */
	bool clean_env;
};

/* Which file stands at this path now: another number after an installation; 0
   none. */
uint64_t child_program(const char *exe);
/* fork + exec; state STARTING. -1: ERR_IO. */
int child_start(struct child *c, const struct child_setup *setup,
    int64_t now_nsecs, struct err *err) MUST_CHECK;
/* A command on the life pipe; what cannot be written is a dead child. */
void child_command(struct child *c, enum contract_command command);
void child_signal(const struct child *c, int signal);
/* After waitpid: closes its descriptors, state EMPTY. */
void child_gone(struct child *c);
/* "worker[2] (pid 4711)" */
const char *child_name(const struct child *c);
/* "killed by signal 9", "exit 1 (failed)" */
const char *child_exit_text(int status);

#endif
