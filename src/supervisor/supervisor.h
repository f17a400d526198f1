/*
 * The supervisor role: parses and checks the configuration, opens the
 * listeners, starts the other roles by fork + exec of this binary, restarts
 * what dies, reloads, stops. It never opens the store and never reads a byte
 * of a client or a provider.
 *
 * One loop (supervisor.c); each signal has its paragraph. Birth and death of a
 * process: child.c. When to start again: policy.c. A new generation: reload.c.
 */
#ifndef SUPERVISOR_SUPERVISOR_H
#define SUPERVISOR_SUPERVISOR_H

#include "config/config.h"
#include "supervisor/child.h"

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
	struct config *config; /* of the newest accepted generation */
	uint32_t generation;
	int config_fd; /* its bundle */
	int listeners[CONTRACT_MAX_LISTENERS];
	int listener_count;
	char address[128]; /* "127.0.0.1:4000" */
	int trace_fd;
	int lock_fd; /* run/supervisor.lock */
	int signal_fd;
	struct list children;
	bool stopping, stop_now;
	int64_t stop_deadline_nsecs; /* mono */
	bool reloading;              /* a new generation is starting */
	bool was_ready;
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
/* Where the trace file is; the caller frees it. */
char *supervisor_trace_path(const struct supervisor *s);
size_t supervisor_count(const struct supervisor *s, enum contract_role role);

/* reload.c */
void reload_begin(struct supervisor *s);
/* Looks whether the new generation is ready; retires the old one. */
void reload_advance(struct supervisor *s);
/* A child of the new generation died before it was ready. */
void reload_abandon(struct supervisor *s);

/* state_file.c: run/supervisor.json, for tallyctl and scripts */
void state_file_write(const struct supervisor *s);
void state_file_remove(const struct supervisor *s);
/* run/config and run/traces: which configuration and which trace file, for
   tallyctl when nothing runs */
void state_file_note_config(const struct supervisor *s);

#endif
