/*
 * /v1/responses in OpenAI's shape: reads requests, writes answers and stream
 * events. What is kept of them: responses.h.
 */
#ifndef SIM_CHAT_RESPONSES_H
#define SIM_CHAT_RESPONSES_H

#include "sim/talk.h"

/* Fills *chat from a body parsed by chat_parse(). 0, or -1 and *p. */
int chat_responses_read(struct chat *chat, struct arena *arena,
    struct problem *p) MUST_CHECK;
/* A whole answer. */
void chat_responses_write(const struct talk *t, struct buf *out);
/* A reply_source: the next event; ctx is the struct talk. */
int chat_responses_next(void *ctx, struct reply_chunk *chunk);

#endif
