/*
 * The router's view of the shared state, read from the store: health and what
 * is counted of each deployment. The same for a worker's plan and for tallyctl
 * explain. Health and counts are advice for the router: what cannot be read
 * counts as nothing; the hold decides (exchange/holding.h).
 */
#ifndef DOMAIN_ROUTE_LIVE_H
#define DOMAIN_ROUTE_LIVE_H

#include "domain/routing/router.h"

struct route_live {
	struct store_txn *txn; /* NULL: no store, nothing is known */
	/* Calls that this process has decided on and not yet written down, by
	   deployment->index: a turn's requests must not all go to the one that
	   was idle when it began. NULL: none. */
	const uint32_t *asking;
	struct route_state state;
};

/* Opens a read transaction on live/; s may be NULL. What is in *live is good
   until it is closed. */
void route_live_open(struct route_live *live, struct store *s,
    int64_t now_nsecs);
void route_live_close(struct route_live *live);

#endif
