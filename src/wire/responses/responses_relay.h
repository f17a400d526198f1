/*
 * Relay for clients of OpenAI's Responses when the provider does not have that
 * API. The provider's answer first goes through its own relay for chat clients
 * (relay_options.chat), which mends what providers do differently; its chunks
 * then become events, its answer a response object (responses_output.h).
 *
 *   the first chunk   response.created, response.in_progress
 *   deltas            output items
 *   [DONE]            the open items' ends, then response.completed, or
 *                     response.incomplete behind length and content_filter
 *   a comment         a comment
 *   a failure         error, response.failed
 */
#ifndef WIRE_RESPONSES_RELAY_H
#define WIRE_RESPONSES_RELAY_H

#include "wire/relay.h"

extern const struct relay_ops responses_relay;

#endif
