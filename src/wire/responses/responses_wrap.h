/*
 * A whole response object as the events of a stream, for a server that was
 * asked for one and did not care: what SDKs wait for (the text's deltas, the
 * items' ends) comes in the API's order, each text in one piece.
 */
#ifndef WIRE_RESPONSES_WRAP_H
#define WIRE_RESPONSES_WRAP_H

#include "base/buf.h"

#include <stdint.h>

/* response: checked JSON. Returns how many events were written. */
int64_t responses_wrap(struct str response, int64_t *sequence, struct buf *out);

#endif
