/*
 * Relay for /v1/messages/count_tokens: {"input_tokens":N}, from the provider or
 * from us. Costs nothing and says so: a usage of zero tokens.
 */
#ifndef WIRE_COUNT_RELAY_H
#define WIRE_COUNT_RELAY_H

#include "wire/relay.h"

extern const struct relay_ops count_relay;

/* The answer for models whose provider does not count: our guess. */
void count_answer_write(const struct wire_request *r, struct buf *out);

#endif
