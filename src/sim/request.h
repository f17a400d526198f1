/*
 * An HTTP/1 request, taken out of the bytes a client sent: request line,
 * headers, body (Content-Length or chunked). It reads from the connection's
 * input buffer and keeps slices of it: they stand until the buffer is
 * changed by anybody but request_parse(). No I/O.
 *
 * It is strict where a lenient server would hide a mistake of the gateway in
 * front: CRLF only, no folded headers, one length, Host in HTTP/1.1.
 */
#ifndef SIM_REQUEST_H
#define SIM_REQUEST_H

#include "base/buf.h"
#include "base/err.h"

#define REQUEST_HEAD_MAX    (64 * 1024)
#define REQUEST_BODY_MAX    (64 * 1024 * 1024)
#define REQUEST_HEADERS_MAX 100
/* What an input buffer must be able to hold: head, body and chunk sizes. */
#define REQUEST_BYTES_MAX (REQUEST_HEAD_MAX + REQUEST_BODY_MAX + 256 * 1024)

struct request_header {
	struct str name, value; /* value without blanks at its ends */
};

/* How far request_parse() is. */
enum request_state {
	REQUEST_HEAD,
	REQUEST_BODY,       /* Content-Length */
	REQUEST_CHUNK_SIZE, /* a size line comes next */
	REQUEST_CHUNK_DATA, /* chunk_left bytes, then CRLF */
	REQUEST_CHUNK_END,  /* the CRLF behind a chunk */
	REQUEST_TRAILERS,
	REQUEST_WHOLE,
};

struct request {
	/* Valid from REQUEST_BODY on. */
	struct str head; /* all bytes up to the empty line, without it */
	struct str method, path, query;
	struct request_header headers[REQUEST_HEADERS_MAX];
	size_t header_count;
	int minor;             /* of HTTP/1.x */
	bool keep_alive;       /* the client wants the connection kept */
	bool expects_continue; /* Expect: 100-continue */
	bool has_faults;       /* an x-sim-... header is there */
	/* Valid when whole. */
	struct str body;
	size_t total_bytes; /* of the input buffer, framing included */

	enum request_state state;
	const char *base; /* in->data when the slices were cut */
	size_t scanned;   /* bytes known to hold no end of the head */
	bool chunked;
	bool has_length;
	size_t body_start; /* offset of the body in the buffer */
	size_t body_bytes; /* of it that are there (chunked: decoded) */
	size_t length;     /* Content-Length */
	size_t raw;        /* offset of the first undecoded byte */
	size_t chunk_left;
	size_t trailer_bytes;
};

/* Ready for the first byte of a request. */
void request_init(struct request *r);
/*
 * Looks at what `in` holds now. 1: the request is whole; 0: more bytes are
 * needed; -1: it can never become one (ERR_BAD_HTTP, ERR_TOO_LARGE,
 * ERR_HEADERS_TOO_LARGE, ERR_NOT_IMPLEMENTED). Chunked bodies are decoded in
 * place, so `in` must not be touched but by appending to it.
 */
int request_parse(struct request *r, struct buf *in,
    struct err *err) MUST_CHECK;
/* The first header of that name (lower case); 1 found, 0 not. */
int request_header(const struct request *r, const char *name,
    struct str *value_r);
/* The value of `name=` in the query, or "" ; not percent-decoded. */
struct str request_query(const struct request *r, const char *name);

#endif
