/*
 * What a worker and a keeper stand on, opened the same way by both: the
 * configuration the supervisor left open, the store, this process as one of
 * its owners, the turn transaction.
 *
 * When the host went down while the store was in use, live/ is not to be
 * trusted (ERR_STORE_LOST); when it is not there though lines are on file, a
 * new one would have forgotten what was spent. The first process to find that
 * out builds it anew from the trace files while the others wait, all before
 * they serve anybody; the supervisor hears meanwhile that they live.
 */
#ifndef STATION_STATION_H
#define STATION_STATION_H

#include "config/config.h"
#include "ipc/contract.h"
#include "store/batch.h"
#include "store/owner.h"

struct station {
	struct config *config;
	char *store_dir;
	struct store *store;
	struct owner owner;
	struct batch batch;
};

/* 0, CONTRACT_EXIT_CONFIG or CONTRACT_EXIT_FAILED with *err. */
int station_open(struct station *s, const struct contract_child *child,
    struct err *err) MUST_CHECK;
/* The batch is empty and nobody uses the store any more. */
void station_close(struct station *s);

#endif
