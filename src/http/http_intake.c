/*
 * Bytes of a request on their way in: socket → framing checker → evhttp.
 *
 * We read, not the bufferevent: its reads are 4096 bytes each and cost an
 * ioctl and an epoll_wait more (notes on our libraries, 1.2). evhttp gets the
 * head and a small body in one go when they are whole; a long body goes from
 * the socket into the one piece of memory in which the owner will see it; a
 * chunked body goes chunk by chunk, since evhttp takes the chunks apart.
 *
 * What the checker and evhttp make of the same bytes is compared before the
 * owner sees a request: had they read a different length, it is refused.
 *
 * Fails by closing the connection (http_conn_todo) or refusing the request
 * (http_call_refuse).
 */
#include "http/http_conn.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <sys/socket.h>

/* One connection's share of a turn of the loop. */
#define TURN_BYTES (256 * 1024)
/* A body's memory: at first this much at most, then at most four times what
   has come. What a client announces costs nothing until it is sent. */
#define ROOM_FIRST_BYTES (256 * 1024)
#define ROOM_GROWTH      4

static const char continue_line[] = "HTTP/1.1 100 Continue\r\n\r\n";

/* evhttp put something into the output while it was reading. */
static void
on_evhttp_spoke(struct http_conn *c)
{
	struct evbuffer *out = http_conn_output(c);
	char said[sizeof(continue_line) - 1];

	if (c->framing.expect_continue &&
	    evbuffer_get_length(out) == sizeof(said) &&
	    evbuffer_copyout(out, said, sizeof(said)) == sizeof(said) &&
	    memcmp(said, continue_line, sizeof(said)) == 0)
		return; /* the bufferevent writes it */
	/* An error page: the checker let something through that evhttp does
	   not understand, such as a target that is no URI. Ours instead. */
	http_call_refuse(c, 400, ERR_BAD_HTTP, "Malformed request.");
}

/* Lets evhttp parse what stands in its input. */
static void
parse(struct http_conn *c)
{
	struct http_server *s = c->server;

	s->parsing = c;
	bufferevent_trigger(c->bev, EV_READ, 0);
	s->parsing = NULL;
	if (c->bev != NULL && evbuffer_get_length(http_conn_output(c)) > 0)
		on_evhttp_spoke(c);
}

static bool
same_reading(const struct http_conn *c)
{
	const struct http_framing *f = &c->framing;
	struct evhttp_request *req = c->call.req;

	return req != NULL && req->uri != NULL && req->minor == f->minor &&
	       evbuffer_get_length(bufferevent_get_input(c->bev)) == 0 &&
	       evbuffer_get_length(req->input_buffer) == f->body_bytes;
}

/* The message is whole and in evhttp's input. */
static void
finish_message(struct http_conn *c)
{
	parse(c);
	if (c->bev == NULL || c->ours)
		return;
	if (same_reading(c))
		http_conn_dispatch(c);
	else
		http_call_refuse(c, 400, ERR_BAD_HTTP, "Malformed request.");
}

/* Counts the body bytes seen since the last time; false: refused. */
static bool
count_body(struct http_conn *c)
{
	size_t n = (size_t)c->framing.body_bytes - c->body_held;

	if (n == 0)
		return true;
	if (!http_server_take_body(c->server, n)) {
		http_call_refuse(c, 503, ERR_OVERLOADED,
		    err_info(ERR_OVERLOADED)->public_text);
		return false;
	}
	c->body_held += n;
	return true;
}

/*
 * Makes the piece of memory that the body arrives in, with what has come of
 * it moved to its start.
 */
static int
make_room(struct http_conn *c, size_t room)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	size_t have = evbuffer_get_length(in);
	struct evbuffer *old = NULL;
	struct evbuffer_iovec v;
	int rc = -1;

	if (room > c->framing.content_length)
		room = (size_t)c->framing.content_length;
	if (have > 0) {
		old = evbuffer_new();
		if (old == NULL || evbuffer_add_buffer(old, in) != 0)
			goto out;
	}
	if (evbuffer_reserve_space(in, (ev_ssize_t)room, &v, 1) != 1)
		goto out;
	if (have > 0) {
		evbuffer_copyout(old, v.iov_base, have);
		v.iov_len = have;
		if (evbuffer_commit_space(in, &v, 1) != 0)
			goto out;
	}
	c->body_room = room;
	rc = 0;
out:
	if (old != NULL)
		evbuffer_free(old);
	if (rc != 0)
		http_conn_todo(c, TODO_GONE);
	return rc;
}

/* The head is whole and `more` bytes behind it are here. */
static void
begin_body(struct http_conn *c, size_t more)
{
	const struct http_framing *f = &c->framing;

	if (!f->chunked && more >= f->content_length)
		return; /* all in one go */
	http_server_move(c, PHASE_BODY);
	parse(c);
	if (c->bev != NULL && !c->ours && !f->chunked)
		(void)make_room(c, ROOM_FIRST_BYTES);
}

/* Bytes from the socket, or held back until now. */
static void
take(struct http_conn *c, const char *p, size_t n)
{
	struct http_framing *f = &c->framing;

	while (n > 0 && !c->ours && (c->todo & TODO_GONE) == 0) {
		size_t used = http_framing_feed(f, p, n);

		if (f->verdict == FRAMING_BAD) {
			http_call_refuse(c, f->status, f->code, f->text);
			return;
		}
		if (evbuffer_add(bufferevent_get_input(c->bev), p, used) != 0) {
			http_conn_todo(c, TODO_GONE);
			return;
		}
		p += used;
		n -= used;
		if (!count_body(c))
			return;
		if (f->verdict == FRAMING_HEAD)
			begin_body(c, n);
		else if (f->verdict == FRAMING_DONE)
			break;
		else if (http_framing_in_head(f) && c->phase != PHASE_HEAD)
			http_server_move(c, PHASE_HEAD);
		else if (f->chunked)
			parse(c);
	}
	if (f->verdict != FRAMING_DONE || c->ours || (c->todo & TODO_GONE) != 0)
		return;
	if (n > 0 && buf_add(&c->held, p, n) != 0)
		http_conn_todo(c, TODO_GONE);
	else
		finish_message(c);
}

/* ---- reading ----------------------------------------------------------- */

/* Nothing more will come: what that means depends on what we were doing. */
static void
on_end(struct http_conn *c, bool broken)
{
	if (c->ours && c->ending && c->phase != PHASE_LINGER && !broken) {
		/* Perhaps only its sending side is closed; the answer is
		   complete already and may go out. */
		c->at_eof = true;
		event_del(&c->read_event);
		return;
	}
	http_conn_todo(c, TODO_GONE);
}

/* Bytes read; 0 when there are none now or the connection is over. */
static size_t
receive(struct http_conn *c, char *to, size_t n)
{
	ssize_t got;

	do
		got = recv(c->fd, to, n, 0);
	while (got < 0 && errno == EINTR);
	if (got > 0)
		return (size_t)got;
	if (got == 0 || errno != EAGAIN)
		on_end(c, got < 0);
	return 0;
}

/* Straight to where the body belongs; returns what the read left unfilled. */
static size_t
read_body(struct http_conn *c, size_t *got_r)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	uint64_t left = http_framing_skippable(&c->framing);
	struct evbuffer_iovec v;
	size_t n;

	*got_r = 0;
	if (evbuffer_get_length(in) == c->body_room &&
	    make_room(c, c->body_room * ROOM_GROWTH) != 0)
		return 1;
	n = c->body_room - evbuffer_get_length(in);
	if (n > left)
		n = (size_t)left;
	if (evbuffer_reserve_space(in, (ev_ssize_t)n, &v, 1) != 1) {
		http_conn_todo(c, TODO_GONE);
		return 1;
	}
	v.iov_len = *got_r = receive(c, v.iov_base, n);
	n -= *got_r;
	if (*got_r == 0)
		return n;
	if (evbuffer_commit_space(in, &v, 1) != 0) {
		http_conn_todo(c, TODO_GONE);
		return 1;
	}
	http_framing_skip(&c->framing, *got_r);
	if (count_body(c) && c->framing.verdict == FRAMING_DONE)
		finish_message(c);
	return n;
}

static void
read_request(struct http_conn *c)
{
	char *scratch = c->server->scratch;
	size_t total = 0, got, unfilled;

	do {
		if (c->body_room > 0) {
			unfilled = read_body(c, &got);
		} else {
			got = receive(c, scratch, HTTP_SCRATCH_BYTES);
			unfilled = HTTP_SCRATCH_BYTES - got;
			take(c, scratch, got);
		}
		total += got;
	} while (unfilled == 0 && total < TURN_BYTES && !c->ours &&
		 (c->todo & TODO_GONE) == 0);
}

/* While an answer is made: requests to come are kept, up to a bound. */
static void
read_ahead(struct http_conn *c)
{
	char *scratch = c->server->scratch;
	size_t got = receive(c, scratch, HTTP_SCRATCH_BYTES);

	if (c->ending && !c->keep)
		return; /* the last answer of this connection */
	if (got > 0 && buf_add(&c->held, scratch, got) != 0)
		http_conn_todo(c, TODO_GONE);
}

static void
discard(struct http_conn *c)
{
	size_t total = 0, got;

	do {
		got = receive(c, c->server->scratch, HTTP_SCRATCH_BYTES);
		total += got;
	} while (got == HTTP_SCRATCH_BYTES && total < TURN_BYTES);
}

void
http_intake_read(struct http_conn *c)
{
	if ((c->todo & TODO_GONE) != 0)
		return;
	if (c->phase == PHASE_LINGER)
		discard(c);
	else if (c->ours)
		read_ahead(c);
	else
		read_request(c);
}

void
http_intake_next(struct http_conn *c)
{
	struct buf ahead = c->held;

	buf_init(&c->held, HTTP_HELD_BYTES);
	take(c, ahead.data, ahead.len);
	buf_fini(&ahead);
}
