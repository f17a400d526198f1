/*
 * The contract between the supervisor and its children: everything that
 * passes between them is named here and nowhere else. Text form:
 * docs/protocols/contract.md.
 *
 * A child is started by fork + exec of the same binary:
 *   tallygate --role worker --slot 3 --generation 17
 * with these descriptors open and no others:
 *   0, 1  /dev/null
 *   2     log lines (base/log.h)
 *   3     status: the child writes struct contract_status, one write each
 *   4     life: reading gives end-of-file when the supervisor is gone; the
 *         supervisor writes one byte commands (CONTRACT_RETIRE ...)
 *   5     configuration bundle (memfd, read-only; config/bundle.h); not for the
 *         logger, which may hold no secret: CONTRACT_ENV_TRACES and following
 *   6     trace listener (logger only), see ipc/record.h; the workers' loads
 *         (worker only), see ipc/loads.h
 *   7 ..  listeners, CONTRACT_LISTENERS of them (worker only)
 *
 * Signals: a child ignores SIGINT and SIGHUP (they reach the whole terminal
 * group); SIGTERM = CONTRACT_CLOSE; SIGUSR1 to the logger = reopen its file. A
 * second SIGTERM, or CONTRACT_STOP on the life pipe = leave at once. SIGURG
 * does nothing, but wakes a child from its wait for the store's writer lock, so
 * that it looks again: a robust mutex loses a wake-up when the waiter that is
 * woken is killed before it runs, and the next one would sleep on beside a free
 * lock. The supervisor sends it to all when a child was killed, and to a child
 * that is silent. (Ignored by default: harmless before adopt.)
 *
 * The store is opened by each child itself after exec, never by the
 * supervisor. A child that finds another CONTRACT_VERSION exits with
 * CONTRACT_EXIT_VERSION.
 */
#ifndef IPC_CONTRACT_H
#define IPC_CONTRACT_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define CONTRACT_VERSION 2

#define CONTRACT_FD_STATUS     3
#define CONTRACT_FD_LIFE       4
#define CONTRACT_FD_CONFIG     5
#define CONTRACT_FD_TRACE      6
#define CONTRACT_FD_LOADS      6
#define CONTRACT_FD_LISTENERS  7
#define CONTRACT_MAX_LISTENERS 8

/* Environment of every child. */
#define CONTRACT_ENV_VERSION   "TALLYGATE_CONTRACT"
#define CONTRACT_ENV_STATE_DIR "TALLYGATE_STATE_DIR"
#define CONTRACT_ENV_LISTENERS "TALLYGATE_LISTENERS" /* how many */
#define CONTRACT_ENV_LOG_LEVEL "TALLYGATE_LOG_LEVEL"
#define CONTRACT_ENV_CONFINE                                                   \
	"TALLYGATE_CONFINE" /* 0: contract_confine() does nothing */
/* The logger only: what it needs instead of the configuration. */
#define CONTRACT_ENV_TRACES       "TALLYGATE_TRACES" /* path of the file */
#define CONTRACT_ENV_ROTATE_BYTES "TALLYGATE_ROTATE_BYTES"
#define CONTRACT_ENV_KEEP         "TALLYGATE_KEEP"
#define CONTRACT_ENV_SYNC_NSECS   "TALLYGATE_SYNC_NSECS"
#define CONTRACT_ENV_DURABILITY   "TALLYGATE_DURABILITY" /* process | power */

/* Exit codes of a child; those of the supervisor are 0, 1 and 2. */
enum contract_exit {
	CONTRACT_EXIT_RETIRED = 0, /* asked to go, and went: clean */
	CONTRACT_EXIT_FAILED = 1,  /* start it again, with a delay */
	CONTRACT_EXIT_CONFIG = 2,  /* configuration refused */
	CONTRACT_EXIT_VERSION = 3, /* other contract version */
	/* After 2 and 3 it is started again only when a long time has passed;
	   in the first generation they end the gateway. */
};

/* Commands on the life pipe. */
enum contract_command {
	CONTRACT_RETIRE = 'r', /* others go on: stop accepting, finish, exit
				  0 */
	CONTRACT_CLOSE = 'c',  /* the same, and nobody goes on: a worker takes
				  who waits at the port first */
	CONTRACT_STOP = 's',   /* leave at once */
};

enum contract_role {
	CONTRACT_SUPERVISOR,
	CONTRACT_WORKER,
	CONTRACT_LOGGER,
	CONTRACT_KEEPER,
};
const char *contract_role_name(enum contract_role role);
/* 1 known, 0 not. */
int contract_role_parse(const char *name,
    enum contract_role *role_r) MUST_CHECK;

enum contract_state {
	CONTRACT_READY = 1,    /* serving; sent once, and then each second */
	CONTRACT_DRAINING = 2, /* retiring, in_flight still to finish */
	CONTRACT_STARTING = 3, /* not READY yet, but at work on it (a long
				  recovery): not to be taken for stuck */
};

/*
 * What a child says of itself, at READY and then about once a second (a
 * heartbeat: a child silent for longer than the stall deadline is killed).
 * slot and generation name the child, so a late message of a dead process
 * whose pid was used again is ignored.
 */
struct contract_status {
	uint32_t version;
	uint32_t slot;
	uint32_t generation;
	uint32_t state;     /* enum contract_state */
	uint32_t in_flight; /* exchanges (worker), records waiting (logger) */
	uint32_t reserved;
	uint64_t done; /* exchanges or records finished so far */
};

/* What a child knows of itself after contract_adopt(). */
struct contract_child {
	enum contract_role role;
	uint32_t slot;
	uint32_t generation;
	int listener_count;
	int listeners[CONTRACT_MAX_LISTENERS];
	const char *state_dir;
};

/*
 * For a child's main: checks the version and the descriptors, sets
 * close-on-exec on all above stderr, makes the two pipes non-blocking, ignores
 * SIGINT, SIGHUP and SIGPIPE, and fills *child (state_dir is borrowed from the
 * environment). ERR_USAGE when this process was not started by a supervisor,
 * ERR_CONFIG when by one of another version (CONTRACT_EXIT_VERSION), ERR_IO
 * when a descriptor is not what it should be.
 */
int contract_adopt(struct contract_child *child, enum contract_role role,
    uint32_t slot, uint32_t generation, struct err *err) MUST_CHECK;
/*
 * For a child that has opened all it needs, before it reads a stranger's byte:
 * base/confine.h with the state directory, and with the folder of `file` (NULL
 * none). Says in the log what holds.
 */
void contract_confine(const struct contract_child *child, const char *file);
/* Child → supervisor; never blocks; a full pipe loses the report. */
void contract_report(const struct contract_child *child,
    enum contract_state state, uint32_t in_flight, uint64_t done);
/*
 * Supervisor side: reads one report from a non-blocking pipe. 1 got one, 0
 * nothing there (or end of file: *eof_r), -1 garbage.
 */
int contract_read_report(int fd, struct contract_status *status_r,
    bool *eof_r) MUST_CHECK;

#endif
