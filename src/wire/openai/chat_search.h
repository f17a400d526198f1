/*
 * The search tool of another API (Anthropic's messages, responses) as a chat's
 * web_search_options, for those who take them: OpenAI's search models and
 * Perplexity, which search for each answer, and Anthropic, where they become a
 * tool again (anthropic_tools.c). Others have no counterpart.
 *
 * Behind OpenAI's members stand Anthropic's own, to Anthropic alone: max_uses,
 * allowed_domains, blocked_domains. Search models cannot be told the domains:
 * refused, or left out with drop_params.
 */
#ifndef WIRE_CHAT_SEARCH_H
#define WIRE_CHAT_SEARCH_H

#include "wire/openai/chat_draft.h"

bool chat_search_takes(const struct chat_draft *d);
/* For those alone. tool: searches_is_tool(). calls: how often all tools may be
   called at most; absent when nobody says. -1: refused. */
int chat_search_write(struct chat_draft *d, const struct skim_value *tool,
    const struct skim_value *calls) MUST_CHECK;

#endif
