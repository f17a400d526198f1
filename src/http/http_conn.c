/*
 * One client connection, from accept to close. See http_conn.h.
 *
 * A whole answer is written where it is given, and so is the last of a stream.
 * Whatever else happens to the connection (end of file, a piece of a stream, a
 * deadline) is noted in `todo` and done by http_conn_work() at the end of the
 * loop's turn, when the owner is not on the stack. Only there and by the timer
 * does it end; http_conn_close() is the one door out.
 *
 * Fails by ending the connection.
 */
#include "http/http_conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <unistd.h>

void
http_conn_todo(struct http_conn *c, unsigned todo)
{
	c->todo |= todo;
	http_server_queue(c);
}

void
http_conn_release_body(struct http_conn *c)
{
	c->server->stats.body_bytes -= c->body_held;
	c->body_held = 0;
	buf_fini(&c->body);
}

/* The request's memory, head and all. */
static void
release_request(struct http_conn *c)
{
	http_conn_release_body(c);
	if (c->in.data != NULL)
		http_spares_give(&c->server->spares, &c->in);
}

/* ---- output ------------------------------------------------------------ */

/* Bytes that the kernel holds and the client has not acknowledged. */
static int
unacknowledged(const struct http_conn *c)
{
	int n = 0;

	return ioctl(c->fd, SIOCOUTQ, &n) == 0 ? n : 0;
}

/* Output waits; its deadline begins (again). */
static void
wait_for_client(struct http_conn *c)
{
	c->unacknowledged = unacknowledged(c);
	http_server_move(c, PHASE_WRITE);
}

/* The answer is out, and the client may ask again. */
static void
reuse(struct http_conn *c)
{
	release_request(c);
	c->answering = c->ending = c->keep = false;
	http_framing_init(&c->framing, &c->server->limits);
	http_server_move(c, PHASE_IDLE);
	if (c->held.len > 0) {
		c->todo |= TODO_NEXT;
		http_server_queue_later(c);
	}
}

static bool
may_reuse(const struct http_conn *c)
{
	return c->keep && !c->at_eof;
}

/* All is written. */
static void
on_written(struct http_conn *c)
{
	if (c->writing) {
		event_del(&c->write_event);
		c->writing = false;
	}
	if (c->ending && may_reuse(c))
		reuse(c);
	else if (c->ending)
		http_conn_todo(c, TODO_FLUSH);
	else if (c->phase == PHASE_WRITE)
		http_server_move(c, PHASE_ANSWER);
}

/* One write. */
static void
write_some(struct http_conn *c)
{
	ssize_t n = http_out_write(&c->out, c->fd);
	size_t waits = http_out_len(&c->out);

	if (n < 0 && errno != EAGAIN) {
		http_conn_todo(c, TODO_GONE);
		return;
	}
	if (c->call.full && waits < c->server->options.high_water_bytes / 2)
		http_conn_todo(c, TODO_DRAINED);
	if (waits == 0) {
		on_written(c);
		return;
	}
	if (n > 0 || c->phase != PHASE_WRITE)
		wait_for_client(c);
	if (!c->writing) {
		event_add(&c->write_event, NULL);
		c->writing = true;
	}
}

void
http_conn_flush(struct http_conn *c)
{
	if (!c->writing && (c->todo & TODO_GONE) == 0 &&
	    http_out_len(&c->out) > 0)
		write_some(c);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct http_conn *c = arg;

	(void)fd;
	(void)what;
	if ((c->todo & TODO_GONE) == 0)
		write_some(c);
}

/* ---- whose turn it is --------------------------------------------------- */

void
http_conn_dispatch(struct http_conn *c)
{
	struct http_server *s = c->server;

	c->answering = true;
	http_server_move(c, PHASE_ANSWER);
	c->keep = c->framing.keep_alive;
	c->call.state = CALL_OPEN;
	c->call.callbacks = NULL;
	s->stats.requests++;
	s->stats.calls++;
	s->callbacks.on_call(s->arg, &c->call);
}

/* The answer is written. True when c lives on. */
static bool
finish(struct http_conn *c)
{
	if (may_reuse(c)) {
		reuse(c);
		return true;
	}
	if ((c->linger || c->held.len > 0) && !c->at_eof) {
		shutdown(c->fd, SHUT_WR);
		c->ending = false;
		buf_fini(&c->held);
		http_server_move(c, PHASE_LINGER);
		return true;
	}
	http_conn_close(c);
	return false;
}

/* ---- birth and death ----------------------------------------------------- */

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	http_intake_read(arg);
}

static void
name_peer(struct http_conn *c, const struct sockaddr *peer)
{
	const void *address = NULL;

	if (peer->sa_family == AF_INET)
		address =
		    &((const struct sockaddr_in *)(const void *)peer)->sin_addr;
	else if (peer->sa_family == AF_INET6)
		address = &((const struct sockaddr_in6 *)(const void *)peer)
			       ->sin6_addr;
	if (address == NULL || inet_ntop(peer->sa_family, address, c->peer,
				   sizeof(c->peer)) == NULL)
		c->peer[0] = '\0';
}

void
http_conn_new(struct http_server *s, int fd, const struct sockaddr *peer)
{
	struct http_conn *c = xcalloc(1, sizeof(*c));

	c->server = s;
	c->fd = fd;
	name_peer(c, peer);
	list_init(&c->phase_node);
	list_init(&c->work_node);
	buf_init(&c->in, s->options.max_header_bytes + HTTP_SPARE_BYTES);
	buf_init(&c->body, s->options.max_body_bytes);
	buf_init(&c->held, HTTP_HELD_BYTES);
	buf_init(&c->call.headers, HTTP_ADDED_HEADER_BYTES);
	http_out_init(&c->out, &s->spares);
	http_framing_init(&c->framing, &s->limits);
	event_assign(&c->read_event, s->base, fd, EV_READ | EV_PERSIST,
	    on_readable, c);
	event_assign(&c->write_event, s->base, fd, EV_WRITE | EV_PERSIST,
	    on_writable, c);
	event_add(&c->read_event, NULL);
	s->stats.accepted++;
	s->stats.connections++;
	http_share_tell(&s->share, s->stats.connections);
	http_server_move(c, PHASE_FRESH);
}

/* The owner hears that its client is gone; without on_gone, or while it holds
   the call, it keeps the request. */
static void
lose_owner(struct http_conn *c)
{
	struct http_call *call = &c->call;

	if (call->state != CALL_OPEN && call->state != CALL_STREAM)
		return;
	c->server->stats.gone++;
	call->state = CALL_ORPHAN;
	if (call->callbacks == NULL || call->callbacks->on_gone == NULL)
		return;
	if (!call->held)
		http_conn_disown(c);
	call->callbacks->on_gone(call->arg);
}

void
http_conn_disown(struct http_conn *c)
{
	c->call.state = CALL_NONE;
	c->server->stats.calls--;
}

void
http_conn_free(struct http_conn *c)
{
	if (c->call.state == CALL_ORPHAN)
		c->server->stats.calls--;
	release_request(c);
	http_server_forget(c);
	buf_fini(&c->call.headers);
	buf_fini(&c->held);
	free(c);
}

static void
close_socket(struct http_conn *c)
{
	static const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	event_del(&c->read_event);
	if (c->writing)
		event_del(&c->write_event);
	if (c->reset)
		(void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once,
		    sizeof(at_once));
	close(c->fd);
	c->fd = -1;
	http_out_clear(&c->out);
}

void
http_conn_close(struct http_conn *c)
{
	lose_owner(c);
	close_socket(c);
	if (c->call.state == CALL_ORPHAN)
		http_server_orphan(c);
	else
		http_conn_free(c);
}

/* Closed for its silence; but a request that has come since we looked last
   would be lost by that. */
static void
end_silence(struct http_conn *c)
{
	enum http_phase phase = c->phase;
	int64_t since = c->since_nsecs;

	http_intake_read(c);
	if (c->phase == phase && c->since_nsecs == since)
		http_conn_close(c);
}

void
http_conn_expire(struct http_conn *c)
{
	switch (c->phase) {
	case PHASE_HEAD:
	case PHASE_BODY:
		http_call_refuse(c, 408, ERR_REQUEST_TIMEOUT,
		    err_info(ERR_REQUEST_TIMEOUT)->public_text);
		break;
	case PHASE_WRITE:
		/* The kernel asks for more only when a third of its buffer
		   is free: a slow client that reads is not seen sooner. */
		if (unacknowledged(c) < c->unacknowledged)
			wait_for_client(c);
		else
			http_conn_close(c);
		break;
	case PHASE_FRESH:
	case PHASE_IDLE:
		end_silence(c);
		break;
	case PHASE_LINGER:
	case PHASE_ANSWER: /* has no deadline */
	case PHASE_COUNT:
		http_conn_close(c);
		break;
	}
}

void
http_conn_work(struct http_conn *c)
{
	unsigned todo = c->todo;

	c->todo = 0;
	if ((todo & TODO_FLUSH) != 0 && (todo & TODO_GONE) == 0)
		http_conn_flush(c);
	if (((todo | c->todo) & TODO_GONE) != 0) {
		http_conn_close(c);
		return;
	}
	if (c->ending && http_out_len(&c->out) == 0 && !finish(c))
		return;
	if ((todo & TODO_DRAINED) != 0 && c->call.full) {
		c->call.full = false;
		if (c->call.callbacks != NULL &&
		    c->call.callbacks->on_drained != NULL)
			c->call.callbacks->on_drained(c->call.arg);
	}
	if ((todo & TODO_NEXT) != 0 && !c->answering)
		http_intake_next(c);
}
