/*
 * What a model writes for a tool that takes text, where the provider only knows
 * functions: such a tool is offered as a function with one string, "input", and
 * its arguments {"input":"..."} come as JSON in pieces. Here the text is taken
 * out of them while they come.
 *
 * Pieces, in and out, are the insides of JSON strings as they are written, cut
 * anywhere but in an escape. A surrogate pair that the model wrote as escapes
 * stays together.
 */
#ifndef WIRE_CUSTOM_INPUT_H
#define WIRE_CUSTOM_INPUT_H

#include "base/buf.h"

#define CUSTOM_INPUT_PENDING 16

struct custom_input {
	int state;
	bool found; /* the string has begun */
	int depth;  /* of a value that is passed over */
	char key[8];
	size_t key_len;
	/* An escape that is not whole, or the first of a pair. */
	char pending[CUSTOM_INPUT_PENDING];
	size_t pending_len;
	size_t want; /* hex digits that it lacks */
};

/* All zero is the beginning. The text's next piece is appended to out; it may
   be empty. A line break that stands in the string as it is, which is no JSON,
   counts as one. */
void custom_input_feed(struct custom_input *c, struct str piece,
    struct buf *out);
/* The arguments of a call with this text (a JSON string), as the inside of a
   JSON string: {\"input\":\"...\"}. */
void custom_input_wrap(struct str quoted, struct buf *out);

#endif
