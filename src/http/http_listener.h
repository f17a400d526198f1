/*
 * Inside of the http layer: a listening socket that the server takes
 * connections from, one in each turn of the loop, so that a burst is shared
 * with the other processes that listen on it and starves nobody's streams.
 */
#ifndef HTTP_HTTP_LISTENER_H
#define HTTP_HTTP_LISTENER_H

#include "base/err.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>

struct http_server;

struct http_listener {
	struct http_server *server;
	int fd; /* our duplicate; closed a turn after it left epoll */
	struct event event;
};

/* Works on a duplicate of fd. */
int http_listener_open(struct http_listener *l, struct http_server *s, int fd,
    struct err *err) MUST_CHECK;
void http_listener_enable(struct http_listener *l, bool on);
/* Takes all who wait, as many as the server may have. */
void http_listener_empty(struct http_listener *l);
void http_listener_close(struct http_listener *l);

#endif
