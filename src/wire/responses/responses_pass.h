/*
 * Relay for responses from a provider that has the API itself: bytes pass. In
 * response objects the id becomes one that leads back to the deployment
 * (response_id.h), the model's name the client's; usage, status and errors are
 * read there, text in the deltas.
 *
 * A plain answer is kept until it is whole. A stream ends with the event that
 * says completed, incomplete or failed; one that is ended here, or breaks, gets
 * an ending of the same kind with the last response object that passed.
 *
 * A response in the background has no usage yet: what it may cost at most is
 * noted as an estimate.
 */
#ifndef WIRE_RESPONSES_PASS_H
#define WIRE_RESPONSES_PASS_H

#include "wire/relay.h"

extern const struct relay_ops responses_pass;

#endif
