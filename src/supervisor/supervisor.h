/*
 * The supervisor role: parses and checks the configuration, opens the
 * listeners, starts the other roles by fork + exec of this binary, restarts
 * what dies, reloads, stops. It never opens the store and never reads a byte
 * of a client or a provider.
 *
 * One loop (supervisor.c); each signal has its paragraph. Birth and death of a
 * process: child.c. When to start again: policy.c. A new generation: reload.c.
 * The end: stop.c.
 */
#ifndef SUPERVISOR_SUPERVISOR_H
#define SUPERVISOR_SUPERVISOR_H

#include "config/config.h"
#include "supervisor/child.h"

#include <poll.h>

/* The command line (options.c). */
struct supervisor_options {
	const char *config_path; /* NULL not given */
	const char *host;        /* NULL not given */
	int port;                /* -1 not given */
	int num_workers;         /* -1 not given */
	const char *state_dir;   /* NULL not given */
	bool check;
	bool debug;
};

struct supervisor {
	struct supervisor_options options;
	char *exe;
	char *state_dir;
	struct config *config;    /* of `generation` */
	int config_fd;            /* its bundle */
	uint32_t generation;      /* the newest that is not abandoned */
	uint32_t last_generation; /* numbers are given out once */
	/* While a reload is under way: what still serves. */
	struct config *old_config;
	int old_config_fd;
	uint32_t old_generation;
	int listeners[CONTRACT_MAX_LISTENERS];
	int listener_count;
	char address[128]; /* "127.0.0.1:4000" */
	int trace_fd;
	int loads_fd;
	int lock_fd; /* run/supervisor.lock */
	int signal_fd;
	struct list children;
	struct pollfd *polled; /* room for polled_size descriptors */
	struct child **heard;  /* whose they are */
	size_t polled_size;
	bool stopping, stop_now;
	int64_t stop_deadline_nsecs; /* mono */
	enum stop_phase {
		STOP_WORKERS,
		STOP_KEEPER,
		STOP_LOGGER
	} stop_phase;
	int exit_status;
	bool reloading;   /* a new generation is starting */
	bool reload_due;  /* asked for, and not possible yet */
	bool reload_told; /* the log says so */
	bool was_ready;
	bool state_changed; /* run/supervisor.json is to be written */
	int64_t started_wall_nsecs;
};

/* Main without --role; returns the exit status (0, 1, 2). */
int supervisor_main(const struct supervisor_options *options);
/* Prints the report of --check; returns the exit status. */
int supervisor_check(const struct supervisor_options *options);

/* children of the table */
struct child *supervisor_add_child(struct supervisor *s,
    enum contract_role role, uint32_t slot);
int supervisor_start_child(struct supervisor *s, struct child *c,
    struct err *err) MUST_CHECK;
/* Processes of this role that are alive. */
size_t supervisor_count(const struct supervisor *s, enum contract_role role);
size_t supervisor_wanted_workers(const struct supervisor *s);

/* reload.c */
void reload_begin(struct supervisor *s);
/* Looks whether the new generation is ready; retires the old one. Begins a
   reload that had to wait. Call it often. */
void reload_advance(struct supervisor *s);
/* True for a worker of the generation that is starting. */
bool reload_is_new(const struct supervisor *s, const struct child *c);
/* A child of the new generation died before it was ready. */
void reload_abandon(struct supervisor *s);

/* stop.c */
void stop_begin(struct supervisor *s);
/* Goes on with stopping: who is next, what is overdue. Call it often. */
void stop_advance(struct supervisor *s);

/* state_file.c: run/supervisor.json, for tallyctl and scripts */
void state_file_write(const struct supervisor *s);
/* True when there was one. */
bool state_file_remove(const struct supervisor *s);
/* run/config and run/traces: which configuration and which trace file, for
   tallyctl when nothing runs. At each generation that serves. */
void state_file_note_config(const struct supervisor *s);

#endif
