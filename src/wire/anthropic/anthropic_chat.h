/* The two halves of the chat writer, shared by anthropic_chat.c (whole
   answers) and anthropic_chunk.c (streams). See anthropic_relay.h. */
#ifndef WIRE_ANTHROPIC_CHAT_H
#define WIRE_ANTHROPIC_CHAT_H

#include "wire/anthropic/anthropic_relay.h"
#include "wire/openai/chat_chunk.h"

#include "base/num.h"

/* What this stream's chunks share; points into the relay and itself. */
struct anthropic_chunk_head {
	struct chat_chunk c;
	char created[NUM_TEXT_BYTES];
};
void anthropic_chunk_head(const struct relay *r,
    struct anthropic_chunk_head *h_r);
/* The answer is to be JSON by a tool (anthropic_tools.c): what Claude says
   before it calls the tool would make it none. */
bool anthropic_chunk_holds_text(const struct relay *r);
/* The usage chunk when it was asked for, and [DONE]. */
void anthropic_chunk_end(struct relay *r, struct buf *out);

void anthropic_chat_plain(struct relay *r, const struct skim_value *message,
    struct buf *out);
void anthropic_chat_wrap(struct relay *r, const struct skim_value *message,
    struct buf *out);

#endif
