/*
 * One call: its request on the way out, its answer on the way in, its end. A
 * request is sent a second time only where the first cannot have been read
 * (conn_took_nothing(), or not a byte left), or may be repeated by what HTTP
 * says of its method; on a fresh connection, once.
 */
#include "upstream/upstream_private.h"

#include "base/clock.h"
#include "base/num.h"

#include <errno.h>
#include <event2/event.h>

#define HEAD_BYTES (64 * 1024) /* of a request */
#define MOST_PARTS 66          /* handed to the socket at once */
#define KEPT_BYTES (16 * 1024) /* a pooled call's buffers, each */

static void call_finish(struct upstream_call *c, enum upstream_end end,
    const char *text);

/* ---- life --------------------------------------------------------------- */

static void on_connect_timer(evutil_socket_t fd, short what, void *arg);

static void
reset(struct upstream_call *c)
{
	c->callbacks = NULL;
	c->part = c->part_offset = c->sent_bytes = 0;
	c->is_retried = false;
	c->write_errno = 0;
	memset(&c->answer, 0, sizeof(c->answer));
	c->answer.should_retry = -1;
	c->content_type[0] = c->request_id[0] = '\0';
	c->head_given = c->paused = c->end_is_held = c->end_is_early = false;
	c->body_bytes = 0;
	c->has_ended = false;
	buf_clear(&c->head);
	buf_clear(&c->left);
}

struct upstream_call *
call_new(struct upstream *u)
{
	struct list *node = list_shift(&u->pool);
	struct upstream_call *c;

	if (node != NULL) {
		u->pooled--;
		c = LIST_OBJ(node, struct upstream_call, node);
	} else {
		c = xcalloc(1, sizeof(*c));
		c->u = u;
		list_init(&c->node);
		list_init(&c->later);
		buf_init(&c->head, HEAD_BYTES);
		buf_init(&c->left, UPSTREAM_READ_BYTES);
		http1_reader_init(&c->reader);
		evtimer_assign(&c->timer, u->base, on_connect_timer, c);
	}
	reset(c);
	list_append(&u->calls, &c->node);
	return c;
}

void
call_free(struct upstream_call *c)
{
	http1_reader_fini(&c->reader);
	buf_fini(&c->head);
	buf_fini(&c->left);
	free(c);
}

/* A buffer that had to grow for one call is not kept for all. */
static void
trim(struct buf *b)
{
	size_t max = b->max;

	if (b->size <= KEPT_BYTES)
		return;
	buf_fini(b);
	buf_init(b, max);
}

/* Off all lists, into the pool or freed. It has no connection any more. */
static void
recycle(struct upstream_call *c)
{
	struct upstream *u = c->u;

	list_remove(&c->node);
	list_remove(&c->later);
	if (u->pooled >= UPSTREAM_POOL_MAX) {
		call_free(c);
		return;
	}
	trim(&c->head);
	trim(&c->left);
	trim(&c->reader.line);
	list_push(&u->pool, &c->node);
	u->pooled++;
}

static void
leave_connection(struct upstream_call *c, bool keep)
{
	struct conn *k = c->conn;

	event_del(&c->timer);
	if (c->dial != NULL) {
		dialer_cancel(&c->u->dialer, &c->dial);
		conn_unadmit(c->u, c->origin);
	}
	c->conn = NULL;
	if (k == NULL)
		return;
	if (c->u->giving == k)
		c->u->giving = NULL;
	if (keep)
		conn_keep(k);
	else
		conn_close(k);
}

/* The answer is whole, and nothing else is on the connection. */
static bool
leaves_it_clean(const struct upstream_call *c)
{
	return c->reader.keep_alive && c->sent_bytes == c->total_bytes &&
	       !c->end_is_early && !conn_has_more(c->conn);
}

static void
call_finish(struct upstream_call *c, enum upstream_end end, const char *text)
{
	struct upstream *u = c->u;
	const struct upstream_callbacks *callbacks = c->callbacks;
	void *arg = c->arg;
	struct upstream_result result = {
		.end = end,
		.sent = c->sent_bytes > 0,
		.status = c->head_given ? c->answer.status : 0,
		.body_bytes = c->body_bytes,
	};

	str_keep(str_of(text), result.text, sizeof(result.text));
	leave_connection(c, end == UPSTREAM_DONE && leaves_it_clean(c));
	recycle(c);
	u->stats.active--;
	if (end == UPSTREAM_DONE)
		u->stats.done++;
	else
		u->stats.failed++;
	callbacks->on_done(arg, &result);
}

/* As call_finish(), from where nothing may be called back. */
static void
finish_later(struct upstream_call *c, enum upstream_end end, const char *text)
{
	c->has_ended = true;
	c->result.end = end;
	str_keep(str_of(text), c->result.text, sizeof(c->result.text));
	call_later(c);
}

void
call_drop(struct upstream_call *c)
{
	leave_connection(c, c->end_is_held && leaves_it_clean(c));
	recycle(c);
}

void
call_later(struct upstream_call *c)
{
	if (list_empty(&c->later))
		list_append(&c->u->later, &c->later);
	event_active(&c->u->deferred, EV_TIMEOUT, 0);
}

/* ---- the request -------------------------------------------------------- */

static int
add_header(struct buf *head, const char *line, struct err *err)
{
	size_t n = strlen(line);

	if (memchr(line, '\n', n) != NULL || memchr(line, '\r', n) != NULL)
		return err_set(err, ERR_BAD_REQUEST,
		    "a header holds a line break");
	buf_add(head, line, n);
	buf_add(head, "\r\n", 2);
	return 0;
}

int
call_set_up(struct upstream_call *c, const struct upstream_request *request,
    struct err *err)
{
	const struct address *address;
	char digits[NUM_TEXT_BYTES];
	size_t bytes = 0;

	c->callbacks = request->callbacks;
	c->arg = request->arg;
	c->pieces = request->pieces;
	c->piece_count = request->piece_count;
	c->is_head = strcmp(request->method, "HEAD") == 0;
	c->is_safe = c->is_head || strcmp(request->method, "GET") == 0;
	for (size_t i = 0; i < request->piece_count; i++)
		bytes += request->pieces[i].n;
	if (address_book_find(&c->u->book, request->url, &address, err) != 0)
		return -1;
	c->origin = address->origin;
	buf_add_cstr(&c->head, request->method);
	buf_add_str(&c->head, address->head);
	for (size_t i = 0; i < request->header_count; i++) {
		if (add_header(&c->head, request->headers[i], err) != 0)
			return -1;
	}
	if (!c->is_safe || bytes > 0) {
		buf_add(&c->head, "Content-Length: ", 16);
		buf_add(&c->head, digits, num_format_uint(bytes, digits));
		buf_add(&c->head, "\r\n", 2);
	}
	buf_add(&c->head, "\r\n", 2);
	if (c->head.overflowed)
		return err_set(err, ERR_BAD_REQUEST,
		    "the request's headers are larger than %d bytes",
		    HEAD_BYTES);
	c->total_bytes = c->head.len + bytes;
	return 0;
}

static struct str
part_at(const struct upstream_call *c, size_t i)
{
	return i == 0 ? buf_str(&c->head) : c->pieces[i - 1];
}

/* What is next to be sent, a turn's worth at most. */
static int
next_parts(const struct upstream_call *c, struct iovec iov[MOST_PARTS],
    size_t *bytes_r)
{
	size_t offset = c->part_offset, room = UPSTREAM_TURN_BYTES;
	int count = 0;

	for (size_t i = c->part;
	     i <= c->piece_count && count < MOST_PARTS && room > 0; i++) {
		struct str part = part_at(c, i);
		size_t n = part.n - offset < room ? part.n - offset : room;

		if (n > 0) {
			iov[count].iov_base =
			    (char *)(uintptr_t)(part.p + offset);
			iov[count++].iov_len = n;
		}
		room -= n;
		offset = 0;
	}
	*bytes_r = UPSTREAM_TURN_BYTES - room;
	return count;
}

static void
note_sent(struct upstream_call *c, size_t n)
{
	c->sent_bytes += n;
	while (n > 0) {
		size_t rest = part_at(c, c->part).n - c->part_offset;

		if (n < rest) {
			c->part_offset += n;
			return;
		}
		n -= rest;
		c->part++;
		c->part_offset = 0;
	}
}

/* Sends a turn's worth. An answer may be there already when sending fails, so
   that is for the reading side to find out. */
static void
send_some(struct upstream_call *c)
{
	struct iovec iov[MOST_PARTS];
	size_t bytes;
	int count = next_parts(c, iov, &bytes);
	ssize_t n;

	if (count == 0 || c->write_errno != 0)
		return;
	n = conn_send(c->conn, iov, count);
	if (n < 0) {
		c->write_errno = errno != 0 ? errno : EPIPE;
		conn_poke(c->conn);
		return;
	}
	note_sent(c, (size_t)n);
	if (c->sent_bytes < c->total_bytes)
		conn_await_room(c->conn);
}

/* ---- the connection ----------------------------------------------------- */

static void
on_connect_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	call_finish(arg, UPSTREAM_CONNECT_TIMEOUT, "TLS: no handshake in time");
}

static void
shake(struct upstream_call *c)
{
	struct conn *k = c->conn;
	int rc = tls_handshake(k->tls);
	char text[160];

	if (rc == 0) {
		k->shaking = false;
		event_del(&c->timer);
		k->sent_before = tls_sent_bytes(k->tls);
		send_some(c);
		if (conn_has_more(k))
			conn_poke(k);
	} else if (rc == TLS_WANTS_WRITE) {
		conn_await_room(k);
	} else if (rc == TLS_FAILED) {
		conn_text(k, text, sizeof(text));
		call_finish(c, UPSTREAM_REFUSED, text);
	}
}

static void
start_tls(struct upstream_call *c)
{
	struct upstream *u = c->u;
	int64_t left = c->connect_by_nsecs - clock_mono_nsecs();
	struct timeval tv = { 0, 1000 };
	struct err err;

	if (u->tls == NULL && tls_context_new(u->options.ca_file,
				  u->options.verify_tls, &u->tls, &err) != 0) {
		call_finish(c, UPSTREAM_FAILED, err.text);
		return;
	}
	c->conn->tls = tls_new(u->tls, c->conn->fd, c->origin);
	if (c->conn->tls == NULL) {
		call_finish(c, UPSTREAM_FAILED, "TLS: out of memory");
		return;
	}
	c->conn->shaking = true;
	if (left > NSECS_PER_MSEC) {
		tv.tv_sec = left / NSECS_PER_SEC;
		tv.tv_usec = left % NSECS_PER_SEC / 1000;
	}
	event_add(&c->timer, &tv);
	shake(c);
}

static void
on_dialed(void *arg, enum dial_end end, int fd, const char *text)
{
	static const enum upstream_end ends[] = {
		[DIAL_REFUSED] = UPSTREAM_REFUSED,
		[DIAL_TIMEOUT] = UPSTREAM_CONNECT_TIMEOUT,
		[DIAL_FAILED] = UPSTREAM_FAILED,
	};
	struct upstream_call *c = arg;

	c->dial = NULL;
	if (end != DIAL_DONE) {
		conn_unadmit(c->u, c->origin);
		call_finish(c, ends[end], text);
		return;
	}
	c->conn = conn_new(c->u, c->origin, fd);
	c->conn->call = c;
	if (c->origin->tls)
		start_tls(c);
	else
		send_some(c);
}

static void
dial(struct upstream_call *c)
{
	struct upstream *u = c->u;
	int64_t msecs = u->options.connect_timeout_msecs;
	struct err err;

	if (!conn_admit(u, c->origin)) {
		finish_later(c, UPSTREAM_FAILED,
		    "all connections that may be open are in use");
		return;
	}
	c->connect_by_nsecs = clock_mono_nsecs() + msecs * NSECS_PER_MSEC;
	if (dialer_start(&u->dialer, c->origin->dial_url, msecs, on_dialed, c,
		&c->dial, &err) != 0) {
		conn_unadmit(u, c->origin);
		finish_later(c, UPSTREAM_FAILED, err.text);
	}
}

void
call_begin(struct upstream_call *c)
{
	struct conn *k = c->is_retried ? NULL : conn_take(c->origin);

	http1_reader_start(&c->reader, c->is_head);
	if (k == NULL) {
		dial(c);
		return;
	}
	c->conn = k;
	k->call = c;
	send_some(c);
}

/* ---- the answer --------------------------------------------------------- */

/* A kept connection was closed under the request: the same on a new one, where
   that is safe. */
static bool
goes_again(struct upstream_call *c, bool in_good_order)
{
	struct conn *k = c->conn;

	if (!k->served || c->is_retried)
		return false;
	if (c->sent_bytes > 0 && !c->is_safe &&
	    !(in_good_order && conn_took_nothing(k)))
		return false;
	leave_connection(c, false);
	c->is_retried = true;
	c->part = c->part_offset = c->sent_bytes = 0;
	c->write_errno = 0;
	c->content_type[0] = c->request_id[0] = '\0';
	c->answer.retry_after_nsecs = 0;
	c->answer.should_retry = -1;
	call_begin(c);
	return true;
}

static void
end_unanswered(struct upstream_call *c, bool in_good_order, const char *why)
{
	char text[160];

	if (goes_again(c, in_good_order))
		return;
	snprintf(text, sizeof(text),
	    "the provider closed the %sconnection without an answer%s%s",
	    c->conn->served ? "kept " : "",
	    c->conn->served ? "; the request may have been read" : "", why);
	call_finish(c, UPSTREAM_BROKEN, text);
}

/* The connection has ended, or nothing more can come of it. */
static void
end_of_input(struct upstream_call *c, ssize_t how)
{
	bool in_good_order = how == CONN_CLOSED;
	char why[64] = "", reason[60], text[160];

	if (how == CONN_BROKEN) {
		conn_text(c->conn, reason, sizeof(reason));
		snprintf(why, sizeof(why), " (%s)", reason);
	}
	switch (http1_reader_eof(&c->reader)) {
	case HTTP1_EOF_UNANSWERED:
		end_unanswered(c, in_good_order, why);
		return;
	case HTTP1_EOF_IN_HEAD:
		snprintf(text, sizeof(text),
		    "the connection ended inside the answer's head%s", why);
		call_finish(c, UPSTREAM_BROKEN, text);
		return;
	case HTTP1_EOF_WHOLE:
		if (in_good_order) {
			call_finish(c, UPSTREAM_DONE, "");
			return;
		}
		break;
	case HTTP1_EOF_IN_BODY:
		break;
	}
	snprintf(text, sizeof(text),
	    "the connection ended inside the answer's body, after %lld "
	    "bytes%s",
	    (long long)c->body_bytes, why);
	call_finish(c, UPSTREAM_CUT, text);
}

/* true: go on reading. */
static bool
take_in(struct upstream_call *c, char *p, size_t n)
{
	struct upstream *u = c->u;
	enum given given = answer_give(c, p, n);

	u->giving = NULL;
	switch (given) {
	case GIVEN_GONE:
		return false;
	case GIVEN_STALE:
		end_unanswered(c, true, "");
		return false;
	case GIVEN_BAD:
		call_finish(c, UPSTREAM_GARBAGE, c->reader.text);
		return false;
	case GIVEN_END:
	case GIVEN_EARLY_END:
		c->end_is_early = given == GIVEN_EARLY_END;
		c->end_is_held = c->paused;
		if (!c->paused) {
			call_finish(c, UPSTREAM_DONE, "");
			return false;
		}
		break;
	case GIVEN_ALL:
	case GIVEN_PART:
		break;
	}
	return !c->paused;
}

void
call_on_readable(struct upstream_call *c)
{
	struct upstream *u = c->u;
	struct conn *k = c->conn;
	size_t room = UPSTREAM_TURN_BYTES;

	if (k->shaking) {
		shake(c);
		return;
	}
	if (c->paused)
		conn_hold(k);
	while (!k->held) {
		ssize_t n = conn_recv(k, u->input, sizeof(u->input));

		if (n == CONN_WAIT && c->write_errno != 0) {
			errno = c->write_errno;
			n = CONN_BROKEN;
		}
		if (n < 0) {
			end_of_input(c, n);
			return;
		}
		if (n == CONN_WAIT || !take_in(c, u->input, (size_t)n))
			return;
		if (k->tls != NULL ? !conn_has_more(k)
				   : (size_t)n < sizeof(u->input))
			return;
		room -= (size_t)n < room ? (size_t)n : room;
		if (room == 0) {
			/* The rest in the next turn: others wait. */
			if (conn_has_more(k))
				conn_poke(k);
			return;
		}
	}
}

void
call_on_writable(struct upstream_call *c)
{
	struct conn *k = c->conn;

	if (k->shaking) {
		shake(c);
		return;
	}
	send_some(c);
	/* TLS may have wanted to write in order to read. */
	if (k->tls != NULL)
		conn_poke(k);
}

/* The owner has resumed: what was left, then on with the connection. */
static void
go_on(struct upstream_call *c)
{
	struct buf left = c->left;
	bool more;

	if (c->end_is_held) {
		call_finish(c, UPSTREAM_DONE, "");
		return;
	}
	/* Without bytes, too: an answer may end with its head. The call may be
	   gone, or paused again, when this returns. */
	buf_init(&c->left, UPSTREAM_READ_BYTES);
	more = take_in(c, left.data, left.len);
	buf_fini(&left);
	if (more)
		conn_unhold(c->conn);
}

void
call_on_later(struct upstream_call *c)
{
	if (c->has_ended)
		call_finish(c, c->result.end, c->result.text);
	else if (!c->paused && c->conn != NULL && c->conn->held)
		go_on(c);
}
