/* What upstream's own files share. Nobody else includes this. */
#ifndef UPSTREAM_UPSTREAM_PRIVATE_H
#define UPSTREAM_UPSTREAM_PRIVATE_H

#include "upstream/address_book.h"
#include "upstream/dialer.h"
#include "upstream/http1_reader.h"
#include "upstream/tls.h"
#include "upstream/upstream.h"

#include <event2/event_struct.h>
#include <sys/uio.h>

/* Calls kept for the next time. */
#define UPSTREAM_POOL_MAX 256
/* At most this much of one call moves in one turn of the loop, so that a
   large body does not hold up the others. */
#define UPSTREAM_TURN_BYTES (256 * 1024)
#define UPSTREAM_READ_BYTES (64 * 1024)
#define UPSTREAM_TLS_BYTES  (16 * 1024) /* a record's most */
/* Time for kept connections goes in ticks: so many are max_idle_msecs. */
#define UPSTREAM_IDLE_TICKS 10

/* A connection to an origin: idle, or with its one call. */
struct conn {
	struct list node; /* origin->idle while idle */
	struct upstream *u;
	struct origin *origin;
	struct upstream_call *call; /* NULL: idle */
	int fd;
	SSL *tls; /* NULL: plain */
	/* Stays registered from the connect to the close, but while a call is
	   paused: a request costs no epoll_ctl, a close is seen at once. */
	struct event reads;
	struct event writes; /* only while something has to wait */
	bool shaking;        /* the TLS handshake is under way */
	bool held;           /* not read: its call is paused */
	bool served;         /* an answer came over it: it is reused now */
	unsigned born_tick, idle_tick;
	uint64_t sent_bytes;  /* to the socket; not kept with TLS */
	uint64_t sent_before; /* the same when its call began */
};

struct upstream_call {
	struct list node;  /* upstream->calls, or ->pool */
	struct list later; /* upstream->later: to be looked at from the loop */
	struct upstream *u;
	const struct upstream_callbacks *callbacks;
	void *arg;
	struct origin *origin;
	struct dial *dial; /* one of the two, or none once it ended */
	struct conn *conn;
	struct event timer; /* the TLS handshake's */
	int64_t connect_by_nsecs;
	/* The request: part 0 is its head, then come the pieces. */
	struct buf head;
	const struct str *pieces;
	size_t piece_count;
	size_t part, part_offset;
	size_t sent_bytes, total_bytes;
	bool is_head;    /* its answer has no body */
	bool is_safe;    /* GET, HEAD: may be sent again */
	bool is_retried; /* on its second connection */
	int write_errno; /* no more is sent; an answer may still come */
	/* The answer. */
	struct http1_reader reader;
	struct upstream_head answer;
	char content_type[128], request_id[128];
	bool head_given;
	int64_t body_bytes;
	/* While the owner has paused it. */
	bool paused;
	struct buf left;   /* what had been read and is not given yet */
	bool end_is_held;  /* the answer is whole but for on_done */
	bool end_is_early; /* and bytes came behind it */
	/* Ended where nothing may be called back: done from the loop. */
	bool has_ended;
	struct upstream_result result;
};

struct upstream {
	struct event_base *base;
	struct upstream_options options;
	struct dialer dialer;
	struct address_book book;
	SSL_CTX *tls; /* made for the first https call */
	struct list calls, pool, later;
	size_t pooled;
	struct event deferred; /* looks at `later` */
	struct event ticker;   /* while there are connections */
	unsigned tick;
	int64_t tick_msecs;
	size_t conn_count; /* with dials under way */
	size_t idle_count;
	/* The connection whose bytes are being given out; NULL as soon as
	   their call is gone. */
	struct conn *giving;
	struct upstream_stats stats;
	char input[UPSTREAM_READ_BYTES];
	char record[UPSTREAM_TLS_BYTES];
};

/* ---- upstream_conn.c ---------------------------------------------------- */

/* What conn_recv() says in place of a count of bytes. */
enum conn_recv {
	CONN_WAIT = 0,
	CONN_CLOSED = -1, /* in good order */
	CONN_BROKEN = -2, /* conn_text() has the reason */
};

/* Room for one more to this origin (an idle one may go for it). false: the
   limits are reached; true: it is counted. */
bool conn_admit(struct upstream *u, struct origin *origin);
/* It did not come to be. */
void conn_unadmit(struct upstream *u, struct origin *origin);
/* On a connected socket, which is its own from here on. */
struct conn *conn_new(struct upstream *u, struct origin *origin, int fd);
/* The freshest idle one; NULL none. */
struct conn *conn_take(struct origin *origin);
/* Its call is over and it may carry another. */
void conn_keep(struct conn *k);
void conn_close(struct conn *k);
/* Sends what it can: bytes sent, or -1 when nothing can be sent any more. */
ssize_t conn_send(struct conn *k, const struct iovec *iov, int count);
/* Tells its call when there is room to send again. */
void conn_await_room(struct conn *k);
ssize_t conn_recv(struct conn *k, char *out, size_t n);
/* Has a reason to be read again although the socket may be empty. */
bool conn_has_more(const struct conn *k);
/* No reading until conn_unhold(). */
void conn_hold(struct conn *k);
void conn_unhold(struct conn *k);
/* Reads it in the next turn, whatever the socket says. */
void conn_poke(struct conn *k);
/* After the other side said its last word on it: its host has taken nothing of
   the request. */
bool conn_took_nothing(const struct conn *k);
void conn_text(const struct conn *k, char *out, size_t size);
void conn_close_idle(struct upstream *u);

/* ---- upstream_call.c ---------------------------------------------------- */

struct upstream_call *call_new(struct upstream *u);
void call_free(struct upstream_call *c);
/* Writes the head; -1: a header or URL that cannot be sent. */
int call_set_up(struct upstream_call *c, const struct upstream_request *request,
    struct err *err);
/* Sends it over an idle connection or asks for a new one. Calls nothing
   back. */
void call_begin(struct upstream_call *c);
/* Ends it without a callback. */
void call_drop(struct upstream_call *c);
/* What its connection or the loop has to tell it. */
void call_on_readable(struct upstream_call *c);
void call_on_writable(struct upstream_call *c);
void call_on_later(struct upstream_call *c);
/* Looks at it from the loop, soon. */
void call_later(struct upstream_call *c);

/* ---- upstream_answer.c -------------------------------------------------- */

/* How giving out went. */
enum given {
	GIVEN_ALL,       /* and more has to come */
	GIVEN_PART,      /* paused: the rest is in call->left */
	GIVEN_END,       /* the answer is whole, and the input used up */
	GIVEN_EARLY_END, /* whole, with bytes behind it */
	GIVEN_BAD,       /* not HTTP; reader.text */
	GIVEN_STALE,     /* said before the request came: no answer to it */
	GIVEN_GONE,      /* a callback cancelled the call */
};

/* Reads the bytes (which it may move) and tells the owner. */
enum given answer_give(struct upstream_call *c, char *p, size_t n);

#endif
