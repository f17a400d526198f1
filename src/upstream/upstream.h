/*
 * Calls to providers over kept connections, on the caller's event loop, as a
 * service. Knows no dialect, no configuration, no money. libcurl makes the
 * connections, OpenSSL the TLS, and HTTP/1.1 is spoken here
 * (docs/decisions/0004-our-own-http-to-providers.md): a request over a kept
 * connection is one write, and its answer one read when it is small.
 *
 * Promises kept here: HTTP/1.1 with keep-alive, read strictly; no redirects,
 * no proxies from the environment, no other protocols; DNS trouble never
 * blocks the loop; a large body moves in turns with the others; nothing is
 * called back from inside upstream_start().
 *
 * A request that may have been read by a provider is never sent a second time,
 * except GET and HEAD. When a kept connection turns out closed and the request
 * cannot have been read, it goes over a new connection at once, and nobody
 * hears of it.
 *
 * The process must ignore SIGPIPE.
 *
 * Callbacks may call upstream_start/pause/resume/cancel. After on_done or a
 * cancel the call is gone.
 */
#ifndef UPSTREAM_UPSTREAM_H
#define UPSTREAM_UPSTREAM_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

struct event_base;
struct upstream;
struct upstream_call;

struct upstream_options {
	/* Open at once, in all and to one host: a call that would need one
	   more ends with UPSTREAM_FAILED. 0: half of RLIMIT_NOFILE but 16384
	   at most, and no limit. */
	size_t max_connections, max_host_connections;
	size_t max_idle_connections; /* kept in all; 0: 512 */
	/* How long one is kept idle (below the usual 60 s of the other side:
	   fewer are found closed; 0: 50 s), and at all, so that a host's change
	   of address is followed (0: 600 s). To a tenth of the first. */
	int64_t max_idle_msecs, max_age_msecs;
	int64_t connect_timeout_msecs; /* name, TCP and TLS together; 0: 5 s */
	bool verify_tls;               /* true but for tests */
	const char *ca_file;           /* NULL: the system's; see tls.h */
};

/* The answer's head. Slices are good during the callback. */
struct upstream_head {
	int status;
	struct str content_type;
	struct str request_id;     /* x-request-id or request-id, "" */
	int64_t retry_after_nsecs; /* retry-after-ms, retry-after; 0 none */
	int64_t content_length;    /* -1 unknown */
	/* 1 = x-should-retry: true, 0 = false, -1 absent */
	int should_retry;
};

/* How a call ended. */
enum upstream_end {
	UPSTREAM_DONE,    /* the whole answer came (as framed) */
	UPSTREAM_REFUSED, /* connect, DNS or TLS failure: nothing sent */
	UPSTREAM_CONNECT_TIMEOUT, /* nothing sent */
	UPSTREAM_BROKEN,          /* the connection broke before a head came */
	UPSTREAM_CUT,             /* the connection broke inside the body */
	UPSTREAM_GARBAGE,         /* not HTTP */
	UPSTREAM_FAILED,          /* our side: memory, library */
};

struct upstream_result {
	enum upstream_end end;
	bool sent;          /* some of the request left this host */
	int status;         /* 0 when no head came */
	int64_t body_bytes; /* received */
	char text[160];     /* one line for the operator */
};

struct upstream_callbacks {
	void (*on_head)(void *arg, const struct upstream_head *head);
	/* Body bytes, borrowed. */
	void (*on_data)(void *arg, struct str bytes);
	void (*on_done)(void *arg, const struct upstream_result *result);
};

struct upstream_request {
	const char *method;
	const char *url;
	size_t header_count;
	const char *const *headers; /* "Name: value"; copied */
	size_t piece_count;         /* body, sent in order; borrowed until the
				       call ends */
	const struct str *pieces;
	const struct upstream_callbacks *callbacks; /* static */
	void *arg;
};

int upstream_new(struct event_base *base, const struct upstream_options *o,
    struct upstream **u_r, struct err *err) MUST_CHECK;
/* All calls must have ended or been cancelled. */
void upstream_free(struct upstream **u);
/* Starts a call; it reports through the callbacks, later. -1: ERR_CONFIG for a
   URL, ERR_BAD_REQUEST for headers that cannot be sent. */
int upstream_start(struct upstream *u, const struct upstream_request *request,
    struct upstream_call **call_r, struct err *err) MUST_CHECK;
/* Ends it without a callback, closes its connection unless the answer was
   complete; *call = NULL. */
void upstream_cancel(struct upstream_call **call);
/* No on_data until resumed: back-pressure. */
void upstream_pause(struct upstream_call *call);
void upstream_resume(struct upstream_call *call);

struct upstream_stats {
	uint64_t started, done, failed, cancelled;
	uint64_t connections_opened;
	size_t connections_open; /* idle, busy, or being made */
	size_t active;
};
void upstream_stats(const struct upstream *u, struct upstream_stats *s_r);

#endif
