/*
 * Snapshots that the keeper takes by itself, so that the store can be built
 * anew after a power loss when the first trace files are gone: each time some
 * files have been rotated, long before the lines since the last snapshot are.
 * The last two are kept; those of tallyctl snapshot are left alone. While no
 * file was ever rotated there is nothing to do: all lines are there.
 */
#ifndef KEEPER_SNAPSHOTS_H
#define KEEPER_SNAPSHOTS_H

#include "store/store.h"

struct snapshots;

struct snapshots_options {
	struct store *store;
	const char *state_dir; /* borrowed, as the next */
	const char *trace_path;
	int64_t keep; /* rotated trace files that are kept */
};

struct snapshots *snapshots_new(const struct snapshots_options *options);
void snapshots_free(struct snapshots **s);
/* Looks whether one is due and takes it: call it once a second. Waits for the
   disk then. */
void snapshots_tick(struct snapshots *s);

#endif
