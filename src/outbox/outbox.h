/*
 * The outbox on its way to the trace file: ships the records that settlements
 * left in OUTBOX to the logger and deletes them on its word. Used by each
 * worker for its own records and by the keeper for those of dead owners.
 *
 * At least once: a record stays until it is acknowledged; after a reconnect
 * the logger says what it has (HELLO) and the rest is sent again; the logger
 * drops doubles by owner and sequence. Nothing waits for the logger: when it
 * is away records stay in the store.
 *
 * New records are gathered for some milliseconds, or until there are enough
 * for a packet: waking the logger costs more than writing a line does.
 */
#ifndef OUTBOX_OUTBOX_H
#define OUTBOX_OUTBOX_H

#include "store/batch.h"

#include <stdint.h>

struct event_base;
struct outbox;

struct outbox_options {
	struct event_base *base;
	struct store *store;
	struct batch *batch;     /* deletions run in its transactions */
	const char *socket_path; /* copied */
	uint64_t owner;
	bool at_once; /* somebody waits for each record: none is gathered */
	/* The batch has work: the caller runs it soon. May be NULL. */
	void (*on_queued)(void *arg);
	/* More is on file: all up to this sequence. May be NULL. */
	void (*on_file)(void *arg, uint64_t seq);
	/* Everything is on file and nothing is left. May be NULL. */
	void (*on_drained)(void *arg);
	void *arg;
};

struct outbox *outbox_new(const struct outbox_options *options);
void outbox_free(struct outbox **o);
/* At the end of a turn: so many new records (at least one) were committed.
   They are sent within some milliseconds. */
void outbox_kick(struct outbox *o, size_t records);
/* True when the store holds no record of this owner any more. */
bool outbox_is_empty(struct outbox *o);
/* The same without an outbox. A store that cannot be read: false. */
bool outbox_owner_is_empty(struct store *s, uint64_t owner);

struct outbox_stats {
	uint64_t sent, acknowledged, reconnects;
	bool connected;
};
void outbox_stats(const struct outbox *o, struct outbox_stats *s_r);

#endif
