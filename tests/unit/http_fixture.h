/*
 * A real server on a loopback port with an owner whose behaviour the path
 * chooses, and raw client sockets, all in one process and thread: the client
 * functions turn the server's loop while they wait.
 *
 *   /echo     the request's body, as application/octet-stream
 *   /hold     owned and kept in fixture.call; the test answers
 *   /unowned  kept in fixture.call, but not owned (no on_gone)
 *   /empty    204
 *   /say      "said"; in the meantime fixture.say_fd asks for /heard
 *   others    "METHOD PATH QUERY BODYBYTES" as text/plain
 */
#ifndef TESTS_UNIT_HTTP_FIXTURE_H
#define TESTS_UNIT_HTTP_FIXTURE_H

#include "unit.h"

#include "base/buf.h"
#include "http/http.h"

struct fixture {
	struct event_base *base;
	struct http_server *server;
	int listen_fd, port;
	struct http_call *call; /* the one held, NULL when it is gone */
	int calls, gone, drained;
	bool releases;      /* the call, inside of on_gone */
	int say_fd;         /* a client's */
	int64_t gone_nsecs; /* when */
	struct buf seen;    /* peer and headers of the last call: see .c */
};

/* What every request of HTTP/1.1 has. */
#define H "Host: a\r\n"

/* Options left 0 have the server's defaults. */
void fixture_start(struct fixture *fx, const struct http_options *o);
void fixture_stop(struct fixture *fx);
/* cmocka's: *state is a fixture that was started. */
int fixture_set_up(void **state, const struct http_options *o);
int fixture_tear_down(void **state);
/* Turns the loop for this long. */
void fixture_run(struct fixture *fx, int msecs);

/* A client's socket; rcvbuf 0: the system's default. */
int client_connect(struct fixture *fx, int rcvbuf);
/* False when the server closed before it had taken all. */
bool client_send(struct fixture *fx, int fd, struct str bytes);
void client_say(struct fixture *fx, int fd, const char *text);
/* Reads into b until `until` stands in it (true), or until the end of file,
   a reset or the time is over (false). */
bool client_read(struct fixture *fx, int fd, struct buf *b, const char *until,
    int msecs);
/* True when the server closes within the time; what came before is in b. */
bool client_sees_end(struct fixture *fx, int fd, struct buf *b, int msecs);
#define HOLD "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"
/* A client that waits for the call it has made, held in fx->call. */
int hold_with(struct fixture *fx, const char *request, int rcvbuf);
int hold(struct fixture *fx);
/* One request, answered up to and including `until`. */
void exchange(struct fixture *fx, int fd, const char *request,
    const char *until);
/* True when it holds within the time. */
#define WITHIN(fx, msecs, cond)                                                \
	({                                                                     \
		for (int ms_ = 0; ms_ < (msecs) && !(cond); ms_++)             \
			fixture_run(fx, 1);                                    \
		(cond);                                                        \
	})

#endif
