/*
 * Chunks of a stream in the OpenAI dialect that the gateway writes itself: the
 * usage a client asked for, a finish the provider did not send, an answer that
 * came in one piece. Chat and completions differ in the object's name and in
 * what a choice holds.
 *
 *   chat_chunk_open(&c, out);
 *   ... one choice, or nothing ...
 *   chat_chunk_close(&c, usage, out);
 */
#ifndef WIRE_CHAT_CHUNK_H
#define WIRE_CHAT_CHUNK_H

#include "base/buf.h"

#include <stdint.h>

/* What all chunks of a stream share; each is JSON text as written (id and
   model with their quotes). Empty: something harmless stands for it. */
struct chat_chunk {
	bool completions; /* not chat */
	struct str id, created, model;
};

/* data: {"id":..,"object":..,"created":..,"model":..,"choices":[ */
void chat_chunk_open(const struct chat_chunk *c, struct buf *out);
/* ] with usage (JSON text; empty none), and the event's end. */
void chat_chunk_close(struct str usage, struct buf *out);
/* A whole chunk that ends one choice; first: it is the choice's only one, so
   the role stands in it. */
void chat_chunk_finish(const struct chat_chunk *c, int64_t index, bool first,
    const char *reason, struct buf *out);
/* A whole chunk with usage and no choice. */
void chat_chunk_usage(const struct chat_chunk *c, struct str usage,
    struct buf *out);
void chat_chunk_done(struct buf *out); /* data: [DONE] */

#endif
