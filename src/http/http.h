/*
 * The HTTP/1 server side on inherited listeners, as a service. Knows no
 * dialect, no configuration, no money. Plain sockets only.
 *
 * Promises kept here: strict framing (what two servers could read differently
 * gets 400 and a closed connection); absolute deadlines for head and body; a
 * client that leaves is noticed while it waits and the owner hears of it;
 * pipelined bytes during an answer are bounded and harm nobody; output to a
 * slow client is bounded by pausing its producer; connections and body bytes
 * are counted and limited; descriptors running out do not spin; broken streams
 * end without a final chunk; one connection has a bounded share of a turn.
 *
 * Life of a call: on_call → any of reply / start, send..., end / abort. After
 * reply, end, abort or on_gone the call is gone. No callback is called from
 * inside a function of this header, but for http_server_free.
 *
 * TCP_NODELAY is assumed to be on the listening sockets.
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

/* 0 stands for the value in brackets. */
struct http_options {
	size_t max_header_bytes;     /* [64 KiB] request line included */
	size_t max_body_bytes;       /* [32 MiB] of one request */
	size_t max_total_body_bytes; /* [1 GiB] received and still held, of all
					requests; above it 503 */
	size_t max_connections; /* [what RLIMIT_NOFILE leaves, halved]; never
				   more than it leaves */
	int64_t header_timeout_msecs; /* [10 s] first byte to end of head */
	int64_t body_timeout_msecs;   /* [60 s] end of head to end of body */
	int64_t idle_timeout_msecs;   /* [75 s] keep-alive */
	int64_t slow_client_msecs;    /* [30 s] no progress, output waits */
	size_t high_water_bytes;      /* [256 KiB] see http_send */
	/*
	 * In memory shared by the processes that listen on the same sockets:
	 * the open connections + 1 of each, 0 for none. Who has fewer takes
	 * the next. This server writes loads[load_self]. NULL: alone.
	 */
	_Atomic uint32_t *loads;
	size_t load_count, load_self;
};

struct http_callbacks {
	/* A whole request is here. The owner answers now or, having called
	   http_call_own, later. */
	void (*on_call)(void *arg, struct http_call *call);
	/* The body of an error answered by the server itself (400, 408, 413,
	   431, 503 ...): appended to out by the owner, JSON. */
	void (*on_error)(void *arg, int status, enum err_code code,
	    const char *text, struct buf *out);
};

/* Callbacks of one call, set by its owner with http_call_own(). */
struct http_call_callbacks {
	/* The client left (or stalled for too long): stop working for it. The
	   call is gone when this returns. */
	void (*on_gone)(void *arg);
	/* Output went below half the high water again, after an http_send
	   that returned true. */
	void (*on_drained)(void *arg);
};

/* The process must ignore SIGPIPE; if it has the default, this sets it. */
struct http_server *http_server_new(struct event_base *base,
    const struct http_options *o, const struct http_callbacks *callbacks,
    void *arg);
/* Takes a listening, non-blocking socket; the caller keeps its own copy (the
   server works on a duplicate). */
int http_server_listen(struct http_server *s, int fd,
    struct err *err) MUST_CHECK;
/*
 * Stops accepting; every further answer says Connection: close; who is silent
 * between two requests is closed, but a moment later: what a client sent at
 * this very time is still answered. Who has connected and not spoken yet keeps
 * the time he has. last: nobody else listens on these sockets, so those who
 * wait there are taken first, and who is silent has a second.
 */
void http_server_drain(struct http_server *s, bool last);
/* Closes everything at once; owners of open calls hear on_gone. Not from
   inside a callback. The listeners' duplicates are closed by the next turn of
   the base. */
void http_server_free(struct http_server **s);
size_t http_server_connections(const struct http_server *s);

struct http_stats {
	size_t connections;    /* open */
	size_t calls;          /* with an owner */
	size_t body_bytes;     /* of requests, held */
	uint64_t accepted;     /* connections, ever */
	uint64_t requests;     /* handed to on_call */
	uint64_t refused;      /* answered by the server itself */
	uint64_t gone;         /* clients that left or stalled during a call */
	uint64_t accept_fails; /* accept() failed: out of descriptors ... */
};
void http_server_stats(const struct http_server *s, struct http_stats *s_r);

/* The request; slices are good until the call is gone. */
struct str http_method(const struct http_call *call); /* "POST" */
struct str http_path(const struct http_call *call);   /* without the query,
							  not decoded */
struct str http_query(const struct http_call *call);
/* First header of this name, "" when absent. Trailers are not looked at. */
struct str http_header(const struct http_call *call, const char *name);
/* The body in one piece. */
struct str http_body(struct http_call *call);
const char *http_peer(const struct http_call *call); /* "127.0.0.1" */

/* An owner without on_gone keeps the call until it has answered it. */
void http_call_own(struct http_call *call,
    const struct http_call_callbacks *callbacks, void *arg);
/*
 * Held, the request's slices stay good when the client leaves: on_gone is
 * called as ever, and the bytes go with http_call_release(), which may be
 * called from inside on_gone, too. A held call is not answered, and nobody
 * frees the server.
 */
void http_call_hold(struct http_call *call);
void http_call_release(struct http_call *call);
/* Response headers, before reply or start; values with CR, LF or NUL are left
   out, and so are the headers that frame the answer (Content-Length,
   Connection ...), Date and Content-Type. 16 KiB in all. */
void http_add_header(struct http_call *call, const char *name,
    const char *value);
/* The same for a name that is known when we are compiled and free to be set:
   cheaper, for what goes with each answer. */
#define HTTP_LINE(name) str_make(name ": ", sizeof(name) + 1)
void http_add_line(struct http_call *call, struct str name, struct str value);
/* A whole answer. body is copied. */
void http_reply(struct http_call *call, int status, const char *content_type,
    struct str body);
/* As http_reply; the memory of *body is taken over, not copied. */
void http_reply_take(struct http_call *call, int status,
    const char *content_type, struct buf *body);
/* A streamed answer (chunked; HTTP/1.0: until close). */
void http_start(struct http_call *call, int status, const char *content_type);
/* What is sent in one turn of the loop leaves in one write at its end.
   Returns true when output stands above the high water: stop the producer
   until on_drained. */
bool http_send(struct http_call *call, struct str bytes);
/* What was sent leaves now: for a piece that is waited for. */
void http_flush(struct http_call *call);
/* With what was sent in this turn, in one write. */
void http_end(struct http_call *call);
/* Ends a stream so that the client can tell it is not whole: the connection
   is closed without a final chunk, after what was sent has gone out. */
void http_abort(struct http_call *call);

#endif
