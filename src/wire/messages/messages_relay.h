/*
 * Relay for clients of Anthropic's API when the provider speaks OpenAI's chat.
 * The provider's answer first goes through the relay for chat clients
 * (openai_relay.h), which mends what providers do differently; its chunks then
 * become events, its answer a message.
 *
 *   the first chunk      message_start (usage is not known yet: zeros)
 *   reasoning_content    a thinking block, without a signature
 *   content, refusal     a text block
 *   tool_calls           a tool_use block each, which stops when its input is
 *                        whole and another begins, or at the end: the pieces of
 *                        several may alternate
 *   [DONE]               the open block's stop, message_delta with stop_reason
 *                        and usage, message_stop
 *   a comment            ping
 */
#ifndef WIRE_MESSAGES_RELAY_H
#define WIRE_MESSAGES_RELAY_H

#include "wire/relay.h"

extern const struct relay_ops messages_relay;

#endif
