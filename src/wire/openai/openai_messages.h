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
 *   Gemini                     calls of other models, or of a client that lost
 *                              them, get the signature that Google names for
 *                              such: from Gemini 3 on a call without one is a
 *                              400 (thought_signature)
 *   what a model thought       under the names that the provider takes
 *                              (param_thought_members())
 *   DeepSeek                   reasoning_content "" with calls whose thoughts
 *                              the client lost: without it they are refused
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

/* The value of messages as this deployment takes it: the client's own bytes
   when nothing has to change, else in the arena. model: as the provider is
   asked for it. */
struct str openai_messages_mend(const struct wire_request *r,
    const struct config_deployment *d, const char *model, struct arena *arena);

/* The same of the value of tools. */
struct str openai_tools_mend(const struct wire_request *r,
    const struct provider *provider, struct arena *arena);

#endif
