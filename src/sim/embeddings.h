/*
 * /v1/embeddings: vectors made from a hash of each input, so that the same
 * text has the same vector. Every number is a multiple of 1/1024: floats and
 * base64 then hold exactly the same values.
 */
#ifndef SIM_EMBEDDINGS_H
#define SIM_EMBEDDINGS_H

#include "sim/answer.h"

#define EMBEDDINGS_DIMENSIONS     64
#define EMBEDDINGS_DIMENSIONS_MAX 4096
#define EMBEDDINGS_INPUTS_MAX     2048

struct embeddings {
	int64_t dimensions;
	bool base64;
	json_t *const *inputs; /* borrowed from chat->root; in the arena */
	size_t count;
};

/* Reads a body parsed by chat_parse(); each input counts as a message. */
int embeddings_read(struct embeddings *e, struct chat *chat,
    struct arena *arena, struct problem *p) MUST_CHECK;
/* The answer; u is NULL when usage is left out. */
void embeddings_write(const struct embeddings *e, const struct chat *chat,
    const struct usage *u, struct buf *out);

#endif
