/*
 * The head of an answer, put into an evbuffer together with a small body, so
 * that both leave in one write. evhttp's own writer formats every header by
 * itself, lets stale defaults in and cannot stream to HTTP/1.0 (notes on our
 * libraries, 1.5), so it is not used.
 */
#ifndef HTTP_HTTP_HEAD_H
#define HTTP_HTTP_HEAD_H

#include "base/buf.h"

#include <stdint.h>

struct evbuffer;

/* What the Connection header says. */
enum http_connection_header {
	CONNECTION_NONE, /* HTTP/1.1, stays open */
	CONNECTION_KEEP_ALIVE,
	CONNECTION_CLOSE,
};

/* How the client finds the end of the body. */
enum http_body_framing {
	BODY_LENGTH,  /* Content-Length */
	BODY_CHUNKED, /* Transfer-Encoding: chunked */
	BODY_CLOSE,   /* nothing: the connection ends with it */
};

struct http_head {
	int status;
	enum http_connection_header connection;
	enum http_body_framing framing;
	size_t length; /* with BODY_LENGTH */
	const char *content_type;
	struct str headers; /* whole lines, from http_head_line */
};

/* The Date header's line, made once a second. */
struct http_date {
	int64_t wall_secs;
	size_t len;
	char line[48];
};

/* False for statuses that never have a body (1xx, 204, 304). */
bool http_head_has_body(int status);
/*
 * Appends "name: value" to lines; leaves it out when it could break the
 * framing: bad bytes, or a header that is ours to write.
 */
void http_head_line(struct buf *lines, const char *name, const char *value);
/*
 * Appends the head and inline_body (which may be "") to out; -1 when there is
 * no memory. The date is refreshed when its second is over.
 */
int http_head_write(struct evbuffer *out, const struct http_head *head,
    struct http_date *date, struct str inline_body) MUST_CHECK;

#endif
