/*
 * Inside of the http layer: the server as its connections see it. Not for
 * other layers (they have http.h).
 */
#ifndef HTTP_HTTP_SERVER_H
#define HTTP_HTTP_SERVER_H

#include "base/list.h"
#include "http/http.h"
#include "http/http_framing.h"
#include "http/http_head.h"
#include "http/http_listener.h"
#include "http/http_share.h"
#include "http/http_spares.h"

struct http_conn;

/* Where a connection stands: each is a list with one deadline. */
enum http_phase {
	PHASE_FRESH,  /* accepted, no byte yet */
	PHASE_HEAD,   /* a head has begun */
	PHASE_BODY,   /* a body has begun */
	PHASE_ANSWER, /* the owner has the call, nothing waits to be written */
	PHASE_WRITE,  /* output waits for the client */
	PHASE_LINGER, /* all is written, reading on so that it arrives */
	PHASE_IDLE,   /* between two requests */
	PHASE_COUNT,
};

#define HTTP_LISTENERS     16
#define HTTP_SCRATCH_BYTES 16384 /* one read of a head and a small body */

struct http_server {
	struct event_base *base;
	struct http_options options; /* defaults filled in */
	struct http_framing_limits limits;
	struct http_callbacks callbacks;
	void *arg;

	struct http_listener listeners[HTTP_LISTENERS];
	size_t listener_count;
	bool listening; /* the listeners are enabled */
	bool draining;  /* never again */
	bool resting;   /* until rest_timer */
	int spare_fd;   /* given up for a moment to shed a connection */
	struct event rest_timer;
	struct http_share share;

	/* A connection is in exactly one phase. Each phase's list is in the
	   order of entry, hence of deadlines. */
	struct list phases[PHASE_COUNT];
	int64_t timeout_nsecs[PHASE_COUNT]; /* 0 none */
	struct event deadline_timer;
	int64_t deadline_nsecs; /* when it fires; 0 not armed */

	struct list work;  /* connections with something to do this turn */
	struct list later; /* ... in the next turn */
	struct event work_event, later_timer;

	struct list orphans; /* the client left, the owner has not answered */
	struct http_stats stats;
	struct http_spares spares;
	struct http_date date;
	char scratch[HTTP_SCRATCH_BYTES];
};

/* Puts c on the list of its new phase; the one writer of c->phase. */
void http_server_move(struct http_conn *c, enum http_phase phase);
/* Has http_conn_work(c) called at the end of this turn, or in the next. */
void http_server_queue(struct http_conn *c);
void http_server_queue_later(struct http_conn *c);
/* Listens, or not, as limits and drain demand. */
void http_server_update_listeners(struct http_server *s);
/* Takes no connections for so long. */
void http_server_rest(struct http_server *s, int msecs);
/* The connection is closed, its call not answered yet. */
void http_server_orphan(struct http_conn *c);
/* A connection record ends. */
void http_server_forget(struct http_conn *c);
/* May this many more body bytes be held? Counts them if so. */
bool http_server_take_body(struct http_server *s, size_t n);

#endif
