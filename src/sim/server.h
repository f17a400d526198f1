/*
 * Listeners, workers, and the event loop of one worker. Failing to listen is
 * the caller's error; past that only a lack of memory ends a worker.
 */
#ifndef SIM_SERVER_H
#define SIM_SERVER_H

#include "sim/sim.h"

struct listeners {
	int fds[OPTIONS_WORKERS_MAX];
	int count;
	int port;
};

/* One listening socket per worker, all on one port. */
int listeners_open(struct listeners *l, const struct options *o,
    struct err *err) MUST_CHECK;
/* Closes all but the one at `keep` (-1: all). */
void listeners_close(struct listeners *l, int keep);
/* Serves on that socket until SIGTERM or SIGINT, which it unblocks. Takes the
   fd. */
void server_run(struct sim *sim, int listen_fd);

#endif
