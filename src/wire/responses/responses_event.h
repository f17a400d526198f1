/*
 * Events of OpenAI's Responses streams that the gateway writes itself, and a
 * response object with another end. Every event has a name, its type, and a
 * sequence number that rises; there is no [DONE]. A buffer without room is
 * marked; its owner looks.
 */
#ifndef WIRE_RESPONSES_EVENT_H
#define WIRE_RESPONSES_EVENT_H

#include "base/buf.h"
#include "base/err.h"
#include "domain/ledger/usage.h"

#include <stdint.h>

/* event: TYPE, data: {"type":TYPE,"sequence_number":N ... the caller's members,
   each with a comma in front ... */
void responses_event_open(const char *type, int64_t *sequence, struct buf *out);
/* ... } and the blank line. */
void responses_event_close(struct buf *out);

/* An event that holds a whole response object. */
void responses_event_response(const char *type, int64_t *sequence,
    struct str response, struct buf *out);
/*
 * The honest ending of a stream: an error event and, when a response object
 * was given out (else ""), response.failed with it.
 */
void responses_event_fail(enum err_code code, const char *text,
    struct str response, int64_t *sequence, struct buf *out);

/* {"input_tokens":..., ...} as the API has it. */
void responses_usage_write(const struct usage *u, struct buf *out);

/* How a response object ends; each is JSON text, empty: as it stands. */
struct response_end {
	const char *status;
	struct str error, incomplete_details, output, usage;
};
/* The object (checked JSON) with these members in the place of its own; those
   it has not are added at its end. In one line. */
void response_end_write(struct str object, const struct response_end *end,
    struct buf *out);

#endif
