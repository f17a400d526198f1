/*
 * An HTTP/1 answer read strictly, as a state machine over bytes: no sockets,
 * no loop. What two readers could take for different messages (two lengths, a
 * length beside chunking, an unknown coding, folded or malformed lines, chunk
 * sizes that are none) is BAD. Interim answers (1xx) and trailers are read and
 * dropped. Everything but the body is bounded.
 *
 * What comes out does not depend on how the bytes were cut into pieces, but
 * for the number of BODY slices.
 *
 *   http1_reader_start → http1_reader_next until MORE (feed again), END or BAD
 *
 * Source of the rules: RFC 9112, sections 2.2, 4, 5, 6, 7, 9.3; where it lets
 * a reader choose, the stricter way, except that a head's line may end in a
 * bare LF (section 2.2).
 */
#ifndef UPSTREAM_HTTP1_READER_H
#define UPSTREAM_HTTP1_READER_H

#include "base/buf.h"

#include <stdint.h>

#define HTTP1_HEAD_BYTES (128 * 1024) /* with the interim ones before it */
#define HTTP1_FIELDS     256
#define HTTP1_SIZE_BYTES 4096        /* a chunk's size line */
#define HTTP1_TAIL_BYTES (16 * 1024) /* trailers */

enum http1_event {
	HTTP1_MORE,  /* the input is used up */
	HTTP1_FIELD, /* of the final head: name, value */
	HTTP1_HEAD,  /* the head is whole: status, length, keep_alive */
	HTTP1_BODY,  /* bytes of the body, a slice of the input */
	HTTP1_END,   /* the answer is whole; what is left is not its own */
	HTTP1_BAD,   /* not HTTP/1; text says why */
};

/* What the end of the connection means at this point. */
enum http1_eof {
	HTTP1_EOF_UNANSWERED, /* not a byte came */
	HTTP1_EOF_IN_HEAD,
	HTTP1_EOF_IN_BODY,
	HTTP1_EOF_WHOLE, /* a body that lasts to the end, or after END */
};

struct http1_reader {
	/* Good from HEAD on. */
	int status;
	int64_t length;  /* of the body; -1 unknown */
	bool keep_alive; /* the connection may carry another request */

	/* With FIELD and BODY: good until the next call. */
	struct str name, value;
	struct str body;

	const char *text; /* with BAD; static */

	/* How it got here. */
	unsigned char state;
	bool began;   /* a byte came */
	bool no_body; /* the request was a HEAD */
	bool http10, chunked, close, keep;
	bool line_used; /* line was handed out; cleared at the next one */
	int fields, interims;
	size_t room;     /* bytes that the lines of this part may still take */
	uint64_t left;   /* of the body or the chunk */
	struct buf line; /* a line that came in pieces; kept for the next */
};

void http1_reader_init(struct http1_reader *r);
void http1_reader_fini(struct http1_reader *r);
/* For the next answer; memory is kept. */
void http1_reader_start(struct http1_reader *r, bool to_head_request);
/* The next event; takes what it read off *in. */
enum http1_event http1_reader_next(struct http1_reader *r, struct str *in);
enum http1_eof http1_reader_eof(const struct http1_reader *r);

#endif
