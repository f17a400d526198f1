/*
 * Bytes of a request on their way in: socket → reader of the framing → memory.
 *
 * A read goes into the server's scratch memory; the head, and a small body
 * that came with it, are copied from there into one piece of the connection's
 * own. A long body goes from the socket straight to where its owner will see
 * it. So the plain request costs one read and one small copy, and a connection
 * that says nothing holds no memory.
 *
 * Fails by closing the connection (http_conn_todo) or refusing the request
 * (http_call_refuse).
 */
#include "http/http_conn.h"

#include <errno.h>

/* One connection's share of a turn of the loop. */
#define TURN_BYTES (256 * 1024)
/* A body's memory: at first this much at most, then at most four times what
   has come. What a client announces costs nothing until it is sent. */
#define ROOM_FIRST_BYTES (256 * 1024)
#define ROOM_GROWTH      4

static bool
is_gone(const struct http_conn *c)
{
	return (c->todo & TODO_GONE) != 0;
}

/* Counts body bytes that came; false: refused. */
static bool
count_body(struct http_conn *c, size_t n)
{
	if (http_server_take_body(c->server, n)) {
		c->body_held += n;
		return true;
	}
	http_call_refuse(c, 503, ERR_OVERLOADED,
	    err_info(ERR_OVERLOADED)->public_text);
	return false;
}

/* Where the body goes: behind its head when there is room already. */
static struct buf *
body_place(struct http_conn *c)
{
	const struct http_framing *f = &c->framing;

	return !f->chunked && f->content_length < c->in.size - f->head_bytes
		   ? &c->in
		   : &c->body;
}

/* Memory for what comes next of a body that is not here yet. */
static int
make_room(struct http_conn *c, struct buf *b)
{
	uint64_t left = http_framing_skippable(&c->framing);
	size_t most = b->len * (ROOM_GROWTH - 1);

	if (b->size > b->len + 1)
		return 0;
	if (most < ROOM_FIRST_BYTES)
		most = ROOM_FIRST_BYTES;
	return buf_reserve(b, left < most ? (size_t)left : most);
}

/* The head is whole and `more` bytes behind it are here. */
static void
begin_body(struct http_conn *c, size_t more)
{
	static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
	const struct http_framing *f = &c->framing;

	if (!f->chunked && more >= f->content_length)
		return; /* all in one go */
	http_server_move(c, PHASE_BODY);
	/* The client waits for this; nothing else is on its way to it. */
	if (f->expect_continue && more == 0 &&
	    send(c->fd, line, sizeof(line) - 1, MSG_NOSIGNAL) !=
		(ssize_t)sizeof(line) - 1)
		http_conn_todo(c, TODO_GONE);
}

/* Up to n bytes of the body; returns how many were taken, 0 on failure. */
static size_t
take_body(struct http_conn *c, const char *p, size_t n)
{
	struct http_framing *f = &c->framing;
	uint64_t left = http_framing_skippable(f);

	if (n > left)
		n = (size_t)left;
	if (!count_body(c, n))
		return 0;
	if (buf_add(body_place(c), p, n) != 0) {
		http_conn_todo(c, TODO_GONE);
		return 0;
	}
	http_framing_skip(f, n);
	return n;
}

/* The same of the head, or of what frames a chunk. */
static size_t
take_framing(struct http_conn *c, const char *p, size_t n)
{
	struct http_framing *f = &c->framing;
	bool in_head = http_framing_in_head(f);
	size_t used = http_framing_feed(f, p, n);

	if (f->verdict == FRAMING_BAD) {
		http_call_refuse(c, f->status, f->code, f->text);
		return 0;
	}
	if (!in_head)
		return used;
	if (c->in.data == NULL)
		http_spares_take(&c->server->spares, &c->in);
	if (buf_add(&c->in, p, used) != 0) {
		http_conn_todo(c, TODO_GONE);
		return 0;
	}
	if (f->verdict == FRAMING_HEAD)
		begin_body(c, n - used);
	else if (f->verdict == FRAMING_MORE && c->phase != PHASE_HEAD)
		http_server_move(c, PHASE_HEAD);
	return used;
}

/*
 * Bytes from the socket, or held back until now. Ends with the message: what
 * is behind it waits for the answer.
 */
static void
take(struct http_conn *c, const char *p, size_t n)
{
	const struct http_framing *f = &c->framing;

	while (n > 0 && f->verdict != FRAMING_DONE) {
		size_t used = http_framing_skippable(f) > 0
				  ? take_body(c, p, n)
				  : take_framing(c, p, n);

		if (used == 0 || is_gone(c))
			return;
		p += used;
		n -= used;
	}
	if (f->verdict != FRAMING_DONE)
		return;
	if (n > 0 && buf_add(&c->held, p, n) != 0)
		http_conn_todo(c, TODO_GONE);
	else
		http_conn_dispatch(c);
}

/* ---- reading ----------------------------------------------------------- */

/* Nothing more will come: what that means depends on what we were doing. */
static void
on_end(struct http_conn *c, bool broken)
{
	if (c->ending && c->phase != PHASE_LINGER && !broken) {
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

/* Straight to where the body belongs, `most` bytes. True when there may be
   more to read. */
static bool
read_body(struct http_conn *c, size_t most, size_t *got_r)
{
	struct buf *b = body_place(c);
	uint64_t left = http_framing_skippable(&c->framing);
	size_t room;

	if (make_room(c, b) != 0) {
		http_conn_todo(c, TODO_GONE);
		return false;
	}
	room = b->size - 1 - b->len;
	if (room > left)
		room = (size_t)left;
	if (room > most)
		room = most;
	*got_r = receive(c, b->data + b->len, room);
	if (*got_r == 0 || !count_body(c, *got_r))
		return false;
	b->len += *got_r;
	b->data[b->len] = '\0';
	http_framing_skip(&c->framing, *got_r);
	if (c->framing.verdict == FRAMING_DONE) {
		http_conn_dispatch(c);
		return false;
	}
	return *got_r == room;
}

/* The same of anything else. */
static bool
read_scratch(struct http_conn *c, size_t *got_r)
{
	char *scratch = c->server->scratch;

	*got_r = receive(c, scratch, HTTP_SCRATCH_BYTES);
	if (*got_r == 0)
		return false;
	take(c, scratch, *got_r);
	return *got_r == HTTP_SCRATCH_BYTES &&
	       c->framing.verdict <= FRAMING_HEAD;
}

static void
read_request(struct http_conn *c)
{
	size_t total = 0, got = 0;
	bool more;

	do {
		more = !c->framing.chunked &&
			       http_framing_skippable(&c->framing) > 0
			   ? read_body(c, TURN_BYTES - total, &got)
			   : read_scratch(c, &got);
		total += got;
		/* What is held comes before what is still to be read. */
	} while (more && total < TURN_BYTES && !c->answering &&
		 c->held.len == 0 && !is_gone(c));
}

/* While an answer is made, or earlier bytes still wait: requests to come are
   kept, up to a bound. */
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
	if (is_gone(c))
		return;
	if (c->phase == PHASE_LINGER)
		discard(c);
	else if (c->answering || c->held.len > 0)
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
