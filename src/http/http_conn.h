/*
 * Inside of the http layer: one client connection and the one call it may
 * have open. Not for other layers (they have http.h).
 *
 * Between two requests it holds no memory but this record.
 */
#ifndef HTTP_HTTP_CONN_H
#define HTTP_HTTP_CONN_H

#include "http/http_out.h"
#include "http/http_server.h"

#include <netinet/in.h>
#include <sys/socket.h>

/* Pipelined bytes kept during an answer; a client that sends more leaves. */
#define HTTP_HELD_BYTES 65536
/* All of http_add_header for one answer. */
#define HTTP_ADDED_HEADER_BYTES 16384

enum http_call_state {
	CALL_NONE,
	CALL_OPEN,   /* nothing answered yet */
	CALL_STREAM, /* the head is out, more to come */
	CALL_ORPHAN, /* the client is gone; the final call, or the release of
			one that was held, frees the record */
};

struct http_call {
	enum http_call_state state;
	const struct http_call_callbacks *callbacks; /* may be NULL */
	void *arg;
	struct buf headers; /* whole lines to add to the answer's head */
	enum http_body_framing framing; /* of a stream */
	bool bodiless; /* HEAD, 204: body bytes are swallowed */
	bool full;     /* http_send said true, on_drained is owed */
	bool held;     /* the request's bytes are in use */
};

/* What http_conn_work() is asked to do. */
#define TODO_GONE    0x01 /* the client left, or has to */
#define TODO_FLUSH   0x02 /* write what waits; end what is complete */
#define TODO_DRAINED 0x04 /* tell the owner */
#define TODO_NEXT    0x08 /* a pipelined request waits in held */

struct http_conn {
	struct http_server *server;
	enum http_phase phase;
	int64_t since_nsecs; /* entered the phase, or last progress in it */
	struct list phase_node, work_node;
	unsigned todo;

	int fd; /* -1 when closed: orphans only */
	struct event read_event, write_event;
	int unacknowledged; /* when PHASE_WRITE began, or last progress */
	char peer[INET6_ADDRSTRLEN];

	/* The request: the head, and a small body behind it, in `in`; another
	   body in `body`. */
	struct http_framing framing;
	struct buf in, body;
	size_t body_held; /* counted in server->stats.body_bytes */
	struct buf held;  /* pipelined bytes behind the message */

	struct http_out out;

	bool answering; /* from a whole request to the end of its answer */
	bool keep;      /* the connection outlives this answer */
	bool ending;    /* the answer is complete in `out` */
	bool writing;   /* write_event is waited for */
	bool at_eof;    /* the client will send nothing more */
	bool reset;     /* close with RST: no other way to tell it is broken */
	bool linger;    /* unread bytes would make the kernel reset the
			   connection and lose the answer */
	struct http_call call;
};

/* Takes fd, a non-blocking socket just accepted. */
void http_conn_new(struct http_server *s, int fd, const struct sockaddr *peer);
void http_conn_work(struct http_conn *c);
/* Adds to what is to do, at the end of this turn. */
void http_conn_todo(struct http_conn *c, unsigned todo);
/* The request is whole: its owner hears of the call. */
void http_conn_dispatch(struct http_conn *c);
/* Its phase took too long. */
void http_conn_expire(struct http_conn *c);
/* Ends the connection now; an open call hears on_gone. c is gone. */
void http_conn_close(struct http_conn *c);
/* Writes what it can, and when that was the last of an answer makes ready for
   the next request. No callbacks, and c lives on: good in any place. */
void http_conn_flush(struct http_conn *c);
/* The body's memory is given back. */
void http_conn_release_body(struct http_conn *c);
/* The call has no owner any more. */
void http_conn_disown(struct http_conn *c);
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
