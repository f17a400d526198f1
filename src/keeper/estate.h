/*
 * The estate of a dead owner: its probes and its calls under way are freed, its
 * holds settled by the orphan rule, its outbox shipped, then its row goes. One
 * object per dead owner while that is under way. Several keepers may work at
 * the same estates.
 */
#ifndef KEEPER_ESTATE_H
#define KEEPER_ESTATE_H

#include "base/list.h"
#include "outbox/outbox.h"
#include "store/owner.h"

struct estates;

struct estates_options {
	struct event_base *base;
	struct store *store;
	struct batch *batch;
	const char *store_dir; /* borrowed, as the next: until estates_free */
	const char *socket_path;
	struct owner *self; /* settles; its outbox takes the orphans' records */
	void (*on_settled)(void *arg); /* there is something in self's outbox */
	void *arg;
};

struct estates *estates_new(const struct estates_options *options);
void estates_free(struct estates **e);
/* Looks for owners that died and takes their estates on; goes on with those
   under way. Call it a few times a second, and run the batch after it. */
void estates_sweep(struct estates *e);
/* Estates with something left that can be done. */
size_t estates_open(const struct estates *e);

#endif
