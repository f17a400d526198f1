/*
 * A request of OpenAI's Responses API made into a chat request, for providers
 * that do not have that API (openai/chat_draft.h). docs/dialects.md has the
 * tables. What only a provider that keeps responses can do is refused.
 */
#ifndef WIRE_RESPONSES_CHAT_H
#define WIRE_RESPONSES_CHAT_H

#include "wire/openai/chat_draft.h"

/* *chat_r in the arena; -1 ERR_BAD_REQUEST. */
int responses_chat_write(const struct wire_request *r,
    const struct wire_choice *choice, struct arena *arena,
    struct wire_request *chat_r, struct err *err) MUST_CHECK;

/* "messages":[...] from instructions and input (responses_items.c). */
int responses_items_write(struct chat_draft *d) MUST_CHECK;

#endif
