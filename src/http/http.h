/*
 * The HTTP server side: libevent's evhttp on inherited listeners, as a
 * service. Knows no dialect, no configuration, no money.
 *
 * Promises kept here (notes on our libraries, section 1): strict framing (what
 * two servers could read differently gets 400 and a closed connection);
 * absolute deadlines for head and body; a client that leaves is noticed while
 * it waits and the owner hears of it; pipelined bytes during an answer are
 * bounded and harm nobody; output to a slow client is bounded by pausing its
 * producer; connections are counted and limited; descriptors running out do
 * not spin; broken streams end without a final chunk.
 *
 * Life of a call: on_call → any of reply / start, send..., end / abort. After
 * reply, end, abort or on_gone the call is gone.
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

struct event_base;
struct http_server;
struct http_call;

struct http_options {
	size_t max_header_bytes;
	size_t max_body_bytes;
	size_t max_connections;
	int64_t header_timeout_msecs; /* from first byte to end of head */
	int64_t body_timeout_msecs;
	int64_t idle_timeout_msecs; /* keep-alive */
	int64_t slow_client_msecs;  /* no progress while output waits */
	size_t high_water_bytes;    /* output above this: on_full */
};

struct http_callbacks {
	/* A whole request is here. */
	void (*on_call)(void *arg, struct http_call *call);
	/* The body of an error answered by the server itself (400, 408, 413,
	   431, 503 ...): appended to out by the owner, JSON. */
	void (*on_error)(void *arg, int status, enum err_code code,
	    const char *text, struct buf *out);
};

/* Callbacks of one call, set by its owner with http_call_own(). */
struct http_call_callbacks {
	/* The client left (or stalled for too long): stop working for it. */
	void (*on_gone)(void *arg);
	/* Output went below half the high water again. */
	void (*on_drained)(void *arg);
};

int http_server_new(struct event_base *base, const struct http_options *o,
    const struct http_callbacks *callbacks, void *arg, struct http_server **s_r,
    struct err *err) MUST_CHECK;
/* Takes a listening, non-blocking socket; the caller keeps its own copy. */
int http_server_listen(struct http_server *s, int fd,
    struct err *err) MUST_CHECK;
/* Stops accepting; every further answer says Connection: close; idle
   connections are closed. */
void http_server_drain(struct http_server *s);
/* Closes everything at once. */
void http_server_free(struct http_server **s);
size_t http_server_connections(const struct http_server *s);

/* The request; slices are good until the call is gone. */
struct str http_method(const struct http_call *call); /* "POST" */
struct str http_path(const struct http_call *call);   /* without the query,
							  not decoded */
struct str http_query(const struct http_call *call);
/* First header of this name, "" when absent. */
struct str http_header(const struct http_call *call, const char *name);
/* The body in one piece. */
struct str http_body(struct http_call *call);
const char *http_peer(const struct http_call *call); /* "127.0.0.1" */

void http_call_own(struct http_call *call,
    const struct http_call_callbacks *callbacks, void *arg);
/* Response headers, before reply or start; values with CR, LF or NUL are left
   out. */
void http_add_header(struct http_call *call, const char *name,
    const char *value);
/* A whole answer. body is copied. */
void http_reply(struct http_call *call, int status, const char *content_type,
    struct str body);
/* As http_reply; the memory of *body is taken over, not copied. */
void http_reply_take(struct http_call *call, int status,
    const char *content_type, struct buf *body);
/* A streamed answer (chunked; HTTP/1.0: until close). */
void http_start(struct http_call *call, int status, const char *content_type);
/* Returns true when output stands above the high water: stop the producer
   until on_drained. */
bool http_send(struct http_call *call, struct str bytes);
void http_end(struct http_call *call);
/* Ends a stream so that the client can tell it is not whole: the connection
   is closed without a final chunk, after what was sent has gone out. */
void http_abort(struct http_call *call);

#endif
