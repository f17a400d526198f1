/*
 * Responses that are kept, as OpenAI keeps those that are not sent with
 * "store": false: for GET and DELETE /v1/responses/{id}, its input items, and
 * previous_response_id, whose conversation counts in the next prompt. Bounded:
 * the eldest gives way. Plain data in shared memory; its caller holds the
 * board's lock.
 */
#ifndef SIM_KEPT_H
#define SIM_KEPT_H

#include "base/buf.h"

#include <stdint.h>

#define KEPT_ROWS        32
#define KEPT_ID_BYTES    64
#define KEPT_BODY_BYTES  (32 * 1024) /* a longer one is not kept */
#define KEPT_INPUT_BYTES (32 * 1024)

struct kept_row {
	char id[KEPT_ID_BYTES]; /* "" free */
	int64_t messages;       /* of the conversation, its answer included */
	int64_t text_bytes;
	size_t body_bytes, input_bytes;
	char body[KEPT_BODY_BYTES];   /* the response object */
	char input[KEPT_INPUT_BYTES]; /* its input: a JSON list of items */
};

struct kept {
	uint64_t count; /* ever kept */
	struct kept_row rows[KEPT_ROWS];
};

/* A row for a new response, emptied. */
struct kept_row *kept_new(struct kept *k);
/* The row of this id; NULL when there is none. */
struct kept_row *kept_find(struct kept *k, struct str id);

#endif
