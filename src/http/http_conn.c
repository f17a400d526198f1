/*
 * One client connection, from accept to close. See http_conn.h.
 *
 * Whatever happens to it (bytes, end of file, an answer, a deadline) is noted
 * in `todo` and done by http_conn_work() at the end of the loop's turn, when
 * neither evhttp nor the owner is on the stack. Only there and by the timer
 * does it end; http_conn_close() is the one door out.
 *
 * Fails by ending the connection.
 */
#include "http/http_conn.h"

#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

struct evbuffer *
http_conn_output(struct http_conn *c)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);

	/* The bufferevent freezes its start after each write of its own. */
	evbuffer_unfreeze(out, 1);
	return out;
}

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

/* Output went out, or came in: is that progress, is there room again? */
static void
on_output(struct evbuffer *out, const struct evbuffer_cb_info *info, void *arg)
{
	struct http_conn *c = arg;

	if (info->n_deleted == 0)
		return;
	if (c->phase == PHASE_WRITE)
		wait_for_client(c);
	if (c->call.full &&
	    evbuffer_get_length(out) < c->server->options.high_water_bytes / 2)
		http_conn_todo(c, TODO_DRAINED);
}

/* The bufferevent has written all. */
static void
on_written(struct bufferevent *bev, void *arg)
{
	struct http_conn *c = arg;

	bufferevent_disable(bev, EV_WRITE);
	c->writing = false;
	http_conn_todo(c, TODO_FLUSH);
}

/* The bufferevent could not write. */
static void
on_write_error(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	(void)what;
	http_conn_todo(arg, TODO_GONE);
}

/* -1 when the connection is broken. */
static int
write_now(struct http_conn *c)
{
	struct evbuffer *out = http_conn_output(c);
	int n;

	do
		n = evbuffer_write(out, c->fd);
	while (n < 0 && errno == EINTR);
	return n < 0 && errno != EAGAIN ? -1 : 0;
}

void
http_conn_flush(struct http_conn *c)
{
	struct evbuffer *out;

	if (c->writing || (c->todo & TODO_GONE) != 0)
		return;
	out = http_conn_output(c);
	if (evbuffer_get_length(out) > 0 && write_now(c) != 0) {
		http_conn_todo(c, TODO_GONE);
	} else if (evbuffer_get_length(out) > 0) {
		c->writing = true;
		bufferevent_enable(c->bev, EV_WRITE);
		wait_for_client(c);
	} else if (c->phase == PHASE_WRITE) {
		http_server_move(c, PHASE_ANSWER);
	}
}

/* ---- whose turn it is --------------------------------------------------- */

void
http_conn_take_over(struct http_conn *c)
{
	c->ours = true;
	c->writing = false;
	bufferevent_setcb(c->bev, NULL, on_written, on_write_error, c);
	bufferevent_disable(c->bev, EV_READ | EV_WRITE);
	http_server_move(c, PHASE_ANSWER);
}

/* evhttp closes an HTTP/1.0 connection unless it reads keep-alive itself. */
static bool
evhttp_keeps(const struct http_conn *c)
{
	const char *v =
	    evhttp_find_header(c->call.req->input_headers, "Connection");

	return c->framing.minor == 1 ||
	       (v != NULL && strncasecmp(v, "keep-alive", 10) == 0);
}

void
http_conn_dispatch(struct http_conn *c)
{
	struct http_server *s = c->server;

	http_conn_take_over(c);
	c->keep = c->framing.keep_alive && evhttp_keeps(c);
	c->call.state = CALL_OPEN;
	c->call.callbacks = NULL;
	s->stats.requests++;
	s->stats.calls++;
	s->callbacks.on_call(s->arg, &c->call);
}

/* The answer is out: evhttp's again, for the next request. */
static void
reuse(struct http_conn *c)
{
	struct evhttp_request *req = c->call.req;

	c->call.req = NULL;
	http_conn_release_body(c);
	req->chunked = 0; /* the request was; no final chunk from evhttp */
	evhttp_send_reply_end(req);
	if (c->bev == NULL)
		return; /* evhttp has closed it */
	bufferevent_disable(c->bev, EV_READ | EV_WRITE);
	c->ours = c->ending = c->keep = false;
	c->body_room = 0;
	http_framing_init(&c->framing, &c->server->limits);
	http_server_move(c, PHASE_IDLE);
	if (c->held.len > 0) {
		c->todo |= TODO_NEXT;
		http_server_queue_later(c);
	}
}

/* The answer is complete and written. True when c lives on. */
static bool
finish(struct http_conn *c)
{
	if (c->keep && !c->at_eof && !c->server->draining) {
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

/* evhttp frees its connection: on our word, or on its own. */
static void
on_evhttp_close(struct evhttp_connection *evcon, void *arg)
{
	struct http_conn *c = arg;

	(void)evcon;
	event_del(&c->read_event);
	evbuffer_remove_cb_entry(http_conn_output(c), c->out_cb);
	c->bev = NULL;
	c->evcon = NULL;
	if (!c->closing)
		http_conn_todo(c, TODO_GONE);
}

struct http_conn *
http_conn_new(struct http_server *s)
{
	struct bufferevent *bev = bufferevent_socket_new(s->base, -1, 0);
	struct http_conn *c;

	if (bev == NULL)
		return NULL;
	c = xcalloc(1, sizeof(*c));
	c->server = s;
	c->bev = bev;
	c->fd = -1;
	list_init(&c->phase_node);
	list_init(&c->work_node);
	buf_init(&c->held, HTTP_HELD_BYTES);
	buf_init(&c->call.headers, HTTP_ADDED_HEADER_BYTES);
	http_framing_init(&c->framing, &s->limits);
	http_server_move(c, PHASE_FRESH);
	http_conn_todo(c, TODO_ADOPT);
	return c;
}

/*
 * libevent has no callback for a new connection, and tells nobody of its
 * object. But the callback argument of the bufferevent that we made for it is
 * that object (notes on our libraries, 1.9).
 */
static void
adopt(struct http_conn *c)
{
	void *evcon;

	bufferevent_getcb(c->bev, NULL, NULL, NULL, &evcon);
	if (evcon == NULL) { /* out of memory in between */
		bufferevent_free(c->bev);
		c->bev = NULL;
		http_conn_todo(c, TODO_GONE);
		return;
	}
	assert(evhttp_connection_get_bufferevent(evcon) == c->bev);
	c->evcon = evcon;
	c->fd = bufferevent_getfd(c->bev);
	evhttp_connection_set_closecb(c->evcon, on_evhttp_close, c);
	bufferevent_disable(c->bev, EV_READ);
	evbuffer_unfreeze(bufferevent_get_input(c->bev), 0);
	c->out_cb = evbuffer_add_cb(http_conn_output(c), on_output, c);
	event_assign(&c->read_event, c->server->base, c->fd,
	    EV_READ | EV_PERSIST, on_readable, c);
	event_add(&c->read_event, NULL);
}

/* The owner hears that its client is gone; without on_gone it keeps the
   request, which is taken from evhttp. */
static void
lose_owner(struct http_conn *c)
{
	struct http_call *call = &c->call;

	if (call->state != CALL_OPEN && call->state != CALL_STREAM)
		return;
	c->server->stats.gone++;
	if (call->callbacks != NULL && call->callbacks->on_gone != NULL) {
		call->state = CALL_NONE;
		c->server->stats.calls--;
		call->callbacks->on_gone(call->arg);
	} else {
		call->state = CALL_ORPHAN;
		evhttp_request_own(call->req);
	}
}

void
http_conn_free(struct http_conn *c)
{
	if (c->call.state == CALL_ORPHAN) {
		c->server->stats.calls--;
		evhttp_request_free(c->call.req);
	}
	http_conn_release_body(c);
	http_server_forget(c);
	buf_fini(&c->call.headers);
	buf_fini(&c->held);
	free(c);
}

void
http_conn_close(struct http_conn *c)
{
	static const struct sockaddr nobody = { .sa_family = AF_UNSPEC };

	if ((c->todo & TODO_ADOPT) != 0) {
		c->todo &= ~(unsigned)TODO_ADOPT;
		adopt(c);
	}
	c->closing = true;
	lose_owner(c);
	if (c->evcon != NULL) {
		if (c->reset) /* evhttp would send a FIN first */
			(void)!connect(c->fd, &nobody, sizeof(nobody));
		evhttp_connection_free(c->evcon);
	}
	if (c->call.state == CALL_ORPHAN)
		http_server_orphan(c);
	else
		http_conn_free(c);
}

void
http_conn_expire(struct http_conn *c)
{
	if (c->bev == NULL) { /* evhttp has closed it this very turn */
		http_conn_close(c);
		return;
	}
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
	if ((todo & TODO_ADOPT) != 0)
		adopt(c);
	if (((todo | c->todo) & TODO_GONE) != 0) {
		http_conn_close(c);
		return;
	}
	if ((todo & TODO_FLUSH) != 0) {
		http_conn_flush(c);
		if ((c->todo & TODO_GONE) == 0 && c->ending &&
		    evbuffer_get_length(http_conn_output(c)) == 0 && !finish(c))
			return;
	}
	if ((todo & TODO_DRAINED) != 0 && c->call.full) {
		c->call.full = false;
		if (c->call.callbacks != NULL &&
		    c->call.callbacks->on_drained != NULL)
			c->call.callbacks->on_drained(c->call.arg);
	}
	if ((todo & TODO_NEXT) != 0 && c->bev != NULL && !c->ours)
		http_intake_next(c);
}
