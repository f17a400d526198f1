/*
 * Memory of buffers that are done with, kept for the next: so a request in
 * the steady state allocates nothing, and a connection without one holds
 * nothing. Bounded; last in, first out, hence warm.
 */
#ifndef HTTP_HTTP_SPARES_H
#define HTTP_HTTP_SPARES_H

#include "base/buf.h"

/* Most requests and most answers fit. An open stream keeps one. */
#define HTTP_SPARE_BYTES 2048
#define HTTP_SPARES      128

struct http_spares {
	char *memory[HTTP_SPARES]; /* each of HTTP_SPARE_BYTES */
	size_t count;
};

/* Gives b, an empty buffer without memory, its first HTTP_SPARE_BYTES. */
void http_spares_take(struct http_spares *s, struct buf *b);
/* b is empty afterwards; its memory is kept, or freed. */
void http_spares_give(struct http_spares *s, struct buf *b);
void http_spares_fini(struct http_spares *s);

#endif
