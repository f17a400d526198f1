/*
 * The head of an answer, written into a buffer, together with a small body, so
 * that both leave in one write.
 */
#ifndef HTTP_HTTP_HEAD_H
#define HTTP_HTTP_HEAD_H

#include "base/buf.h"

#include <stdint.h>

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
/* The same for "name: " in one piece, of which nothing is asked. */
void http_head_known_line(struct buf *lines, struct str name, struct str value);
/* Bytes that http_head_write() may append, at most. */
size_t http_head_bytes(const struct http_head *head);
/* Appends the head to out, which has room for it. The date is refreshed when
   its second is over. */
void http_head_write(struct buf *out, const struct http_head *head,
    struct http_date *date);

#endif
