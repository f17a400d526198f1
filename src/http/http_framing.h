/*
 * THE reader of HTTP/1 requests: where one ends, what its head says, and where
 * in the head the headers stand that somebody will ask for. A state machine
 * over bytes: no sockets, no libevent, no memory of its own. Whatever a front
 * and a back server could read differently (two lengths, a length beside
 * chunking, bare LF, a blank before the colon, folded lines ...) is BAD.
 *
 * The verdict does not depend on how the bytes were cut into pieces.
 *
 *   http_framing_init → http_framing_feed, and http_framing_skip for the bytes
 *   of the body, until the verdict is DONE or BAD
 */
#ifndef HTTP_HTTP_FRAMING_H
#define HTTP_HTTP_FRAMING_H

#include "base/err.h"
#include "http/http_name.h"

#include <stdint.h>

#define FRAMING_METHOD_BYTES  20    /* longest method we let through */
#define FRAMING_LINE_BYTES    16384 /* request line */
#define FRAMING_HEADERS       100
#define FRAMING_TRAILER_BYTES 4096
#define FRAMING_VALUE_BYTES   256 /* of the headers that we act on */

enum framing_verdict {
	FRAMING_MORE, /* so far so good */
	FRAMING_HEAD, /* the head is whole and a body follows: go on */
	FRAMING_DONE, /* the message is whole; bytes behind it were left */
	FRAMING_BAD,  /* status, code and text say why */
};

enum framing_method {
	FRAMING_OTHER, /* servers differ on whether it has a body */
	FRAMING_GET,
	FRAMING_HEAD_METHOD,
	FRAMING_POST,
	FRAMING_PUT,
	FRAMING_PATCH,
	FRAMING_DELETE,
	FRAMING_OPTIONS,
	FRAMING_TRACE,
	FRAMING_CONNECT,
};

/* A part of the head, counted from its first byte. */
struct http_span {
	uint32_t at;
	uint32_t n;
};

struct http_framing_limits {
	size_t max_header_bytes; /* request line and headers, CRLFs counted */
	size_t max_body_bytes;   /* without chunk framing */
};

struct http_framing {
	const struct http_framing_limits *limits; /* borrowed */
	enum framing_verdict verdict;

	/* With BAD: what to answer. text is static. */
	int status;
	enum err_code code;
	const char *text;

	/* The request, good from HEAD or DONE on. */
	enum framing_method method;
	char method_name[FRAMING_METHOD_BYTES + 1];
	int minor; /* HTTP/1.minor */
	int header_count;
	size_t head_bytes;
	bool chunked;
	bool keep_alive; /* as the client asks, by version and Connection */
	bool expect_continue;
	uint64_t content_length; /* 0 with chunked */
	struct http_span target; /* path and query */
	/* The first header of each name: its value, blanks behind it included;
	   at is 0 when there is none. Trailers are not looked at. */
	struct http_span known[HTTP_NAME_ASKED];

	uint64_t body_bytes; /* of the body proper, seen so far */

	/* How it got here. */
	unsigned char state;
	unsigned char field; /* enum http_name of the line being read */
	bool acted_on;       /* its value is kept, below */
	bool noted;          /* its place is: the first of this name */
	const char *piece;   /* what is being fed: the byte at head_bytes */
	bool has_length, has_encoding;
	bool other_encoding; /* not "chunked" */
	bool other_expect;   /* not "100-continue" */
	bool token_close, token_keep_alive;
	bool trailer; /* the header states read a trailer */
	int host_count;
	size_t line_bytes;    /* of the request line */
	size_t trailer_bytes; /* in all */
	uint64_t chunk;       /* size being read */
	uint64_t announced;   /* sum of the chunks announced */
	int chunk_digits;
	uint64_t left; /* of the body, or of the chunk's data */
	size_t name_len, value_len;
	char name[HTTP_NAME_BYTES + 1];
	char value[FRAMING_VALUE_BYTES];
};

void http_framing_init(struct http_framing *f,
    const struct http_framing_limits *limits);
/*
 * Reads on; returns how many of the bytes it took: all of them, unless the
 * verdict is now HEAD or DONE, or bytes of the body come next (they are not
 * fed but skipped). Meaningless after BAD. After DONE and BAD there is nothing
 * to feed any more.
 */
size_t http_framing_feed(struct http_framing *f, const char *p, size_t n);
/* How many bytes of the body come next: the caller takes up to that many and
   tells of them. 0: feed on. */
uint64_t http_framing_skippable(const struct http_framing *f);
void http_framing_skip(struct http_framing *f, uint64_t n);
bool http_framing_in_head(const struct http_framing *f);

#endif
