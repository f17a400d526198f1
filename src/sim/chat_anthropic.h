/*
 * /v1/messages in Anthropic's shape: reads requests, writes answers and
 * stream events. Its limits are those of the real API that a gateway can trip
 * over: the version header, max_tokens, empty text blocks, sampling
 * parameters under version 2026-10-21.
 */
#ifndef SIM_CHAT_ANTHROPIC_H
#define SIM_CHAT_ANTHROPIC_H

#include "sim/talk.h"

/*
 * Fills *chat from a body parsed by chat_parse(). `version` is the
 * anthropic-version header, "" when there was none. 0, or -1 and *p.
 */
int chat_anthropic_read(struct chat *chat, struct arena *arena,
    struct str version, struct problem *p) MUST_CHECK;
/* The same for /v1/messages/count_tokens, which needs no max_tokens. */
int chat_anthropic_read_count(struct chat *chat, struct arena *arena,
    struct str version, struct problem *p) MUST_CHECK;
/* A whole answer. */
void chat_anthropic_write(const struct talk *t, struct buf *out);
/* Its word; Bedrock's is the same. */
const char *chat_anthropic_stop_reason(enum finish finish);
/* A reply_source: the next event; ctx is the struct talk. */
int chat_anthropic_next(void *ctx, struct reply_chunk *chunk);

#endif
