/*
 * A request of Anthropic's /v1/messages made into a chat request of OpenAI's,
 * for providers that speak it (openai/chat_draft.h). docs/dialects.md has the
 * tables.
 */
#ifndef WIRE_MESSAGES_CHAT_H
#define WIRE_MESSAGES_CHAT_H

#include "wire/openai/chat_draft.h"

/* *chat_r in the arena; -1 ERR_BAD_REQUEST. */
int messages_chat_write(const struct wire_request *r,
    const struct wire_choice *choice, struct arena *arena,
    struct wire_request *chat_r, struct err *err) MUST_CHECK;

/* "messages":[...] from system and messages (messages_turns.c). */
int messages_turns_write(struct chat_draft *d) MUST_CHECK;

#endif
