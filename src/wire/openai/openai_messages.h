/*
 * Chat messages for providers that do not take all of OpenAI's. Most requests
 * need nothing of this, which is known from their first reading, and pass as
 * they are.
 *
 *   all but OpenAI and Azure   role developer becomes system
 *   all but OpenRouter         no cache_control in a message, a part of one or
 *                              a tool: they have no such thing, and OpenAI,
 *                              Groq and Mistral refuse it
 *   Groq                       no name in a message
 *   Mistral, Codestral         (notes on the wire formats, section 3.1)
 *     members                  only those its schema has; others are a 422
 *     tool call ids            nine letters and digits: others are mapped, the
 *                              same one always to the same, in the call and in
 *                              its result
 *     reasoning_content        a thinking chunk for its reasoning models
 *                              (Magistral), else left out
 *     an empty assistant       left out
 *     a user behind a tool     a turn "." of the assistant stands between
 *     an assistant last        prefix: true, which is what OpenAI means by it
 */
#ifndef WIRE_OPENAI_MESSAGES_H
#define WIRE_OPENAI_MESSAGES_H

#include "wire/dialect.h"

/* The value of messages as this provider takes it: the client's own bytes when
   nothing has to change, else in the arena. model: as the provider is asked
   for it. */
struct str openai_messages_mend(const struct wire_request *r,
    const struct provider *provider, const char *model, struct arena *arena);

/* The same of the value of tools. */
struct str openai_tools_mend(const struct wire_request *r,
    const struct provider *provider, struct arena *arena);

#endif
