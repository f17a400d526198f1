/*
 * What a connection has to write: small pieces, copied together, and behind
 * them perhaps the large body of a whole answer, taken over as it is. Both
 * leave in one call. Holds no memory while there is nothing to write.
 */
#ifndef HTTP_HTTP_OUT_H
#define HTTP_HTTP_OUT_H

#include "base/buf.h"
#include "http/http_spares.h"

struct http_out {
	struct http_spares *spares; /* borrowed */
	struct buf bytes;
	size_t bytes_at; /* so many of them are written */
	struct buf tail;
	size_t tail_at;
};

void http_out_init(struct http_out *o, struct http_spares *spares);
/* Forgets what is not written. */
void http_out_clear(struct http_out *o);
size_t http_out_len(const struct http_out *o); /* bytes not written yet */
/*
 * Where the next small piece, of at most `most` bytes, is put: *o's own
 * buffer, for buf_add(). Not once there is a tail.
 */
struct buf *http_out_room(struct http_out *o, size_t most);
/* Takes the memory of *body, which goes behind all else. Once. */
void http_out_take(struct http_out *o, struct buf *body);
/* One write of a bounded size: bytes written, or -1 with errno. */
ssize_t http_out_write(struct http_out *o, int fd);

#endif
