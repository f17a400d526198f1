/*
 * Chat completions in OpenAI's shape, and in Mistral's where that differs
 * (usage on the finish chunk, whole tool calls in one delta, no OpenAI-only
 * members). Reads requests, writes answers and stream chunks.
 */
#ifndef SIM_CHAT_OPENAI_H
#define SIM_CHAT_OPENAI_H

#include "sim/talk.h"

/* Fills *chat from a body parsed by chat_parse(); 0, or -1 and *p. */
int chat_openai_read(struct chat *chat, struct arena *arena,
    struct problem *p) MUST_CHECK;
/* The parts of it that other endpoints share: n, limits, stream, stop. */
int chat_openai_read_limits(struct chat *chat, struct problem *p) MUST_CHECK;
/* A whole answer. */
void chat_openai_write(const struct talk *t, struct buf *out);
/* A reply_source: the next chunk; ctx is the struct talk. */
int chat_openai_next(void *ctx, struct reply_chunk *chunk);
/* The "usage" object. */
void chat_openai_usage(const struct usage *u, enum dialect dialect,
    struct jsonw *w);
const char *chat_openai_finish(enum finish finish);

#endif
