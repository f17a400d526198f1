/*
 * Inside of the http layer: whose turn it is to take the next connection, when
 * several processes listen on the same sockets. Each tells the others how many
 * connections it has, in memory they share; one that has more than another
 * leaves the next to that one. No locks: a count that is late by a moment only
 * makes the shares a little less even.
 */
#ifndef HTTP_HTTP_SHARE_H
#define HTTP_HTTP_SHARE_H

#include "http/http.h"

/* How long one looks away from a connection that is another's. */
#define HTTP_SHARE_REST_MSECS 1

struct http_share {
	_Atomic uint32_t *cells; /* http_options.loads; NULL alone */
	size_t count, self;
	uint32_t seen;              /* the least of the others when asked */
	int64_t asked_nsecs;        /* when last asked */
	int64_t since_nsecs;        /* so long they have not changed */
	int64_t insist_until_nsecs; /* they do not take what is theirs */
};

void http_share_init(struct http_share *s, const struct http_options *o);
/* This server has so many connections now. */
void http_share_tell(struct http_share *s, size_t connections);
/* It takes no more. */
void http_share_leave(struct http_share *s);
/*
 * A connection waits: is it ours? If not, ask again in a moment: when the
 * others are dead or stuck, it is ours after all.
 */
bool http_share_is_ours(struct http_share *s, size_t connections,
    int64_t now_nsecs);

#endif
