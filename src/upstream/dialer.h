/*
 * Connections to providers' hosts: names looked up in a thread, addresses
 * tried side by side as they answer (happy eyeballs), within a time. libcurl
 * does it, on the caller's event loop; what comes out is a plain connected
 * socket of the caller's, and libcurl knows no more of it. Nothing is sent.
 */
#ifndef UPSTREAM_DIALER_H
#define UPSTREAM_DIALER_H

#include "base/err.h"
#include "base/list.h"

#include <curl/curl.h>
#include <event2/event_struct.h>

/* Handles kept for the next time. */
#define DIALER_POOL_MAX 32

struct dialer {
	struct event_base *base;
	CURLM *multi;
	struct event timer; /* curl's one timer */
	struct list dials;  /* under way */
	struct list pool;
	size_t pooled;
};

struct dial;

enum dial_end {
	DIAL_DONE,    /* fd is the caller's: non-blocking, TCP_NODELAY */
	DIAL_REFUSED, /* no such host, or nobody answers */
	DIAL_TIMEOUT,
	DIAL_FAILED, /* our side: memory, sockets, library */
};

/* text: one line for the operator, "" when done. The dial is gone. */
typedef void dial_callback(void *arg, enum dial_end end, int fd,
    const char *text);

int dialer_open(struct dialer *d, struct event_base *base,
    struct err *err) MUST_CHECK;
/* Ends what is under way without a callback. */
void dialer_close(struct dialer *d);
/* url: "http://host:port". The callback comes later, from the loop. */
int dialer_start(struct dialer *d, const char *url, int64_t timeout_msecs,
    dial_callback *on_end, void *arg, struct dial **dial_r,
    struct err *err) MUST_CHECK;
/* Ends it without a callback; *dial = NULL. */
void dialer_cancel(struct dialer *d, struct dial **dial);

#endif
