/*
 * Embeddings as the client asked for them: a list of numbers, or base64 of
 * little-endian 32-bit floats. OpenAI's SDKs ask for base64 and (Node) decode
 * whatever comes; not every provider can give it.
 */
#ifndef WIRE_EMBEDDINGS_H
#define WIRE_EMBEDDINGS_H

#include "base/buf.h"
#include "wire/request.h"

/* The request wants base64. */
bool embeddings_want_base64(const struct wire_request *r);
/* An answer's `data`, each embedding in the wanted form, appended to out. What
   is in that form already, or is nothing known, stays as it is. */
void embeddings_write(const struct skim_value *data, bool base64,
    struct buf *out);

#endif
