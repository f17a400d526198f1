/*
 * Inside of the http layer: one client connection and the one call it may
 * have open. Not for other layers (they have http.h).
 *
 * Two readers share the work. Bytes come in through our own read event, pass
 * the framing checker, and only then go to evhttp's parser: one whole, clean
 * message at a time. From the moment evhttp hands over the request until the
 * answer is on its way the connection is `ours`: evhttp's callbacks are off,
 * and the only calls into it are evhttp_send_reply_end() with nothing left to
 * send, and evhttp_connection_free().
 */
#ifndef HTTP_HTTP_CONN_H
#define HTTP_HTTP_CONN_H

#include "http/http_server.h"

/* Pipelined bytes kept during an answer; a client that sends more leaves. */
#define HTTP_HELD_BYTES 65536
/* All of http_add_header for one answer. */
#define HTTP_ADDED_HEADER_BYTES 16384

struct bufferevent;
struct evhttp_connection;

enum http_call_state {
	CALL_NONE,
	CALL_OPEN,   /* nothing answered yet */
	CALL_STREAM, /* the head is out, more to come */
	CALL_ORPHAN, /* the client is gone; the final call frees the record */
};

struct http_call {
	enum http_call_state state;
	struct evhttp_request *req; /* evhttp's, while conn->evcon lives */
	const struct http_call_callbacks *callbacks; /* may be NULL */
	void *arg;
	struct buf headers; /* whole lines to add to the answer's head */
	enum http_body_framing framing; /* of a stream */
	bool bodiless; /* HEAD, 204: body bytes are swallowed */
	bool full;     /* http_send said true, on_drained is owed */
};

/* What http_conn_work() is asked to do. */
#define TODO_ADOPT   0x01 /* evhttp has its object by now: find it */
#define TODO_GONE    0x02 /* the client left, or has to */
#define TODO_FLUSH   0x04 /* write what is in the output buffer */
#define TODO_DRAINED 0x08 /* tell the owner */
#define TODO_NEXT    0x10 /* a pipelined request waits in held */

struct http_conn {
	struct http_server *server;
	enum http_phase phase;
	int64_t since_nsecs; /* entered the phase, or last progress in it */
	struct list phase_node, work_node;
	unsigned todo;

	struct bufferevent *bev;         /* evhttp's; NULL when it is closed */
	struct evhttp_connection *evcon; /* NULL before TODO_ADOPT and when
					    closed */
	struct evbuffer_cb_entry *out_cb;
	struct event read_event;
	int fd;             /* evhttp closes it */
	int unacknowledged; /* when PHASE_WRITE began, or last progress */

	struct http_framing framing;
	size_t body_room; /* > 0: the body goes straight into evhttp's input,
			     in one piece of this size for now */
	size_t body_held; /* counted in server->stats.body_bytes */
	struct buf held;  /* pipelined bytes behind the message */

	bool ours;    /* see above */
	bool keep;    /* the connection outlives this answer */
	bool ending;  /* the answer is complete in the output buffer */
	bool writing; /* the bufferevent writes on its own (EV_WRITE) */
	bool at_eof;  /* the client will send nothing more */
	bool reset;   /* close with RST: no other way to tell it is broken */
	bool closing; /* http_conn_close() is at it */
	bool linger;  /* unread bytes would make the kernel reset the
			 connection and lose the answer */
	struct http_call call;
};

struct http_conn *http_conn_new(struct http_server *s);
void http_conn_work(struct http_conn *c);
/* Adds to what is to do, at the end of this turn. */
void http_conn_todo(struct http_conn *c, unsigned todo);
/* call.req is whole: the connection is ours, its owner hears of the call. */
void http_conn_dispatch(struct http_conn *c);
/* evhttp's hands off. */
void http_conn_take_over(struct http_conn *c);
/* Its phase took too long. */
void http_conn_expire(struct http_conn *c);
/* Ends the connection now; an open call hears on_gone. c is gone. */
void http_conn_close(struct http_conn *c);
/* Writes what it can; no callbacks, so good in any place. */
void http_conn_flush(struct http_conn *c);
struct evbuffer *http_conn_output(struct http_conn *c);
/* The body's memory is given back. */
void http_conn_release_body(struct http_conn *c);
/* Frees the record itself: orphans only. */
void http_conn_free(struct http_conn *c);

/* http_intake.c: bytes of a request on their way in. */
void http_intake_read(struct http_conn *c);
/* Bytes that were held back while another answer was made. */
void http_intake_next(struct http_conn *c);

/* http_call.c */
/* Answers without an owner: what the server refuses. */
void http_call_refuse(struct http_conn *c, int status, enum err_code code,
    const char *text);

#endif
