/*
 * What has to change in a request of Anthropic's own API before it goes to
 * Anthropic; all else passes as it is.
 *
 * Thinking that another provider's model did comes to the client in blocks
 * with an empty signature (messages_relay.c). In a later turn the client sends
 * them back, and Anthropic refuses what it has not signed: they are left out.
 */
#ifndef WIRE_MESSAGES_MEND_H
#define WIRE_MESSAGES_MEND_H

#include "wire/dialect.h"

/* The value of messages without unsigned thinking; a message that holds
   nothing else goes, too. In the arena. */
struct str messages_mend_thinking(const struct skim_value *messages,
    struct arena *arena);
/*
 * The value of thinking under this output limit (CONFIG_UNSET: the client's
 * own); "" when it has to go: no budget fits (claude.h), or the conversation
 * has lost blocks, behind which a budget is refused.
 */
struct str messages_mend_budget(const struct wire_request *r,
    const struct skim_value *thinking, int64_t limit, struct arena *arena);

#endif
