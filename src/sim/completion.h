/* /v1/completions, the older text endpoint: read, answer, stream. */
#ifndef SIM_COMPLETION_H
#define SIM_COMPLETION_H

#include "sim/talk.h"

/*
 * Fills *chat from a body parsed by chat_parse(). Each prompt counts as a
 * message and is answered by n choices; a token array counts 4 bytes a token.
 */
int completion_read(struct chat *chat, struct arena *arena,
    struct problem *p) MUST_CHECK;
void completion_write(const struct talk *t, struct buf *out);
/* A reply_source; ctx is the struct talk. */
int completion_next(void *ctx, struct reply_chunk *chunk);

#endif
