/* A client's connection. See conn.h. */
#include "sim/conn.h"

#include "base/clock.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES      8000
#define AHEAD_MAX       (64 * 1024)
#define OUT_MAX         (REPLY_BODY_MAX + 4 * 1024 * 1024)
#define KEEP_BYTES      (128 * 1024) /* larger buffers are freed when empty */
#define TURN_BYTES      (256 * 1024) /* sent before others get their turn */
#define TURN_REQUESTS   64
#define LINGER_SECS     2
#define IDLE_MAX_NSECS  (900 * NSECS_PER_SEC)
#define STALL_MAX_NSECS (3600 * NSECS_PER_SEC)
/*
 * The end of an answer that is held back until the request is in the books.
 * Small enough that an idle socket always takes it whole.
 */
#define TAIL_BYTES 8192

/* What an attempt to go on came to. */
enum progress {
	PROGRESS_DONE, /* the answer is out; the state has changed */
	PROGRESS_WAIT, /* an event will call again */
	PROGRESS_GONE, /* the connection was freed */
};

static void drive(struct conn *c);

static size_t
pending(const struct conn *c)
{
	return c->out.len - c->out_at;
}

static void
clear_or_free(struct buf *b)
{
	if (b->size > KEEP_BYTES)
		buf_fini(b);
	buf_clear(b);
}

static void
free_conn(struct conn *c)
{
	event_del(&c->read_event);
	event_del(&c->write_event);
	event_del(&c->timer_event);
	list_remove(&c->node);
	atomic_fetch_sub(&c->job.sim->board->connections, 1);
	close(c->fd);
	job_fini(&c->job);
	buf_fini(&c->in);
	buf_fini(&c->ahead);
	buf_fini(&c->out);
	free(c);
}

void
conn_close(struct conn *c, enum outcome outcome)
{
	if (c->state == CONN_ANSWERING)
		job_end(&c->job, c->stalled ? OUTCOME_STALLED : outcome);
	free_conn(c);
}

void
conn_sweep(struct conn *c, int64_t now)
{
	int64_t idle = now - c->active_nsecs;

	if (c->state == CONN_ANSWERING ? c->stalled && idle > STALL_MAX_NSECS
				       : idle > IDLE_MAX_NSECS)
		conn_close(c, OUTCOME_CUT);
}

static void
start_timer(struct conn *c, int64_t nsecs)
{
	struct timeval tv;

	if (nsecs < 0)
		nsecs = 0;
	tv.tv_sec = (time_t)(nsecs / NSECS_PER_SEC);
	tv.tv_usec = (suseconds_t)(nsecs % NSECS_PER_SEC / 1000);
	event_add(&c->timer_event, &tv);
}

/* ---- sending ------------------------------------------------------------ */

static bool
is_writable(int fd)
{
	struct pollfd p = { fd, POLLOUT, 0 };

	return poll(&p, 1, 0) == 1;
}

/*
 * How many bytes may go now; 0 when the socket has to say first that it has
 * room. Before the last byte goes, the request goes into the books.
 */
static size_t
allowance(struct conn *c)
{
	bool one_byte = c->job.reply.faults.one_byte != 0;
	size_t n = pending(c), tail = one_byte ? 1 : TAIL_BYTES;

	if (c->at_end && n > tail)
		n -= tail;
	else if (c->at_end) {
		if (c->answer_sent > TAIL_BYTES && !is_writable(c->fd))
			return 0;
		job_end(&c->job, c->job.reply.outcome);
	}
	return one_byte ? 1 : n;
}

/* Sends what may go: 1 all of it, 0 the rest later, -1 the client is gone. */
static int
flush(struct conn *c)
{
	size_t turn = 0;

	while (pending(c) > 0 && !c->congested) {
		size_t n = allowance(c);
		ssize_t did;

		if (n == 0) {
			c->congested = true;
			break;
		}
		did = send(c->fd, c->out.data + c->out_at, n, MSG_NOSIGNAL);
		if (did < 0 && errno == EINTR)
			continue;
		if (did < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
			return -1;
		if (did < 0 || (size_t)did < n)
			c->congested = true;
		c->out_at += did < 0 ? 0 : (size_t)did;
		c->answer_sent += did < 0 ? 0 : (size_t)did;
		turn += n;
		if (pending(c) > 0 &&
		    (c->job.reply.faults.one_byte || turn > TURN_BYTES)) {
			start_timer(c, 0);
			return 0;
		}
	}
	if (c->congested) {
		event_add(&c->write_event, NULL);
		return 0;
	}
	clear_or_free(&c->out);
	c->out_at = 0;
	return 1;
}

/* ---- the end of an answer ----------------------------------------------- */

/* The next request: what came with the last one, and while it was answered. */
static void
go_on(struct conn *c)
{
	int64_t idle_close_ms = c->job.reply.faults.idle_close_ms;

	job_clear(&c->job);
	if (c->req.total_bytes == c->in.len)
		clear_or_free(&c->in);
	else
		buf_consume(&c->in, c->req.total_bytes);
	if (c->ahead.len > 0) {
		buf_add_str(&c->in, buf_str(&c->ahead));
		buf_clear(&c->ahead);
		event_add(&c->read_event, NULL);
	}
	request_init(&c->req);
	c->continued = false;
	c->state = CONN_READING;
	if (idle_close_ms > 0 && c->in.len == 0) {
		c->idle_timed = true;
		start_timer(c, idle_close_ms * NSECS_PER_MSEC);
	}
}

/* Closes our side; a close() at once could take the answer back. */
static void
linger(struct conn *c)
{
	job_clear(&c->job);
	shutdown(c->fd, SHUT_WR);
	c->state = CONN_LINGERING;
	event_add(&c->read_event, NULL);
	start_timer(c, LINGER_SECS * NSECS_PER_SEC);
}

static enum progress
finish(struct conn *c)
{
	struct linger hard = { 1, 0 };

	job_end(&c->job, c->job.reply.outcome); /* when there were no bytes */
	switch (c->job.reply.after) {
	case AFTER_KEEP:
		go_on(c);
		return PROGRESS_DONE;
	case AFTER_LINGER:
		linger(c);
		return PROGRESS_DONE;
	case AFTER_RESET:
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
		break;
	case AFTER_CLOSE:
		break;
	}
	free_conn(c);
	return PROGRESS_GONE;
}

/* ---- answering ----------------------------------------------------------- */

/* Asks the reply for bytes. */
static void
step(struct conn *c)
{
	int64_t now = clock_mono_nsecs(), until = now;

	switch (reply_step(&c->job.reply, now, &c->out, &until)) {
	case REPLY_MORE:
		return;
	case REPLY_WAIT:
		c->waiting = true;
		start_timer(c, until - now);
		return;
	case REPLY_STALL:
		c->stalled = true;
		return;
	case REPLY_END:
		c->at_end = true;
		return;
	}
}

/* Brings the answer as far as it goes now. */
static enum progress
advance(struct conn *c)
{
	size_t turn = 0;

	for (;;) {
		int rc;

		if (!c->at_end && !c->stalled && !c->waiting &&
		    pending(c) < REPLY_BATCH_BYTES)
			step(c);
		turn += pending(c);
		rc = flush(c);
		if (rc < 0) {
			conn_close(c, OUTCOME_CLIENT_GONE);
			return PROGRESS_GONE;
		}
		if (rc == 0)
			return PROGRESS_WAIT;
		if (c->at_end)
			return finish(c);
		if (c->waiting || c->stalled)
			return PROGRESS_WAIT;
		if (turn > TURN_BYTES) {
			start_timer(c, 0);
			return PROGRESS_WAIT;
		}
	}
}

static void
begin_answer(struct conn *c)
{
	if (c->idle_timed)
		event_del(&c->timer_event);
	c->state = CONN_ANSWERING;
	c->idle_timed = false;
	c->at_end = false;
	c->stalled = false;
	c->waiting = false;
	c->answer_sent = 0;
}

/* ---- reading --------------------------------------------------------------
 */

static void
send_continue(struct conn *c)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";

	c->continued = true;
	/* 25 bytes on an idle socket; a client that is gone shows later. */
	(void)!send(c->fd, text, sizeof(text) - 1, MSG_NOSIGNAL);
}

/* Starts an answer when a request is whole: 1, else 0. */
static int
take_request(struct conn *c)
{
	struct err err;
	int rc;

	if (c->in.len == 0)
		return 0;
	rc = request_parse(&c->req, &c->in, &err);
	if (rc == 0) {
		if (c->req.expects_continue && !c->continued)
			send_continue(c);
		return 0;
	}
	begin_answer(c);
	if (rc < 0)
		job_refuse(&c->job, &err);
	else
		job_begin(&c->job, &c->req);
	return 1;
}

/* The one loop: requests and answers until something has to be awaited. */
static void
drive(struct conn *c)
{
	for (int requests = 0;; requests++) {
		if (c->state == CONN_READING) {
			if (requests == TURN_REQUESTS) {
				start_timer(c, 0);
				return;
			}
			if (!take_request(c))
				return;
		}
		if (c->state == CONN_LINGERING || advance(c) != PROGRESS_DONE)
			return;
	}
}

/* Reads into b; what recv() said, 1 for "not now", -1 when b is full. */
static ssize_t
receive(struct conn *c, struct buf *b)
{
	size_t room = b->max - b->len;
	ssize_t got;

	/* A large body: fewer and larger reads the more of it is there. */
	if (room > READ_BYTES && room > b->len)
		room = b->len > READ_BYTES ? b->len : READ_BYTES;
	if (room == 0 || buf_reserve(b, room) != 0)
		return -1;
	if (room < b->size - 1 - b->len && b->size - 1 <= b->max)
		room = b->size - 1 - b->len;
	got = recv(c->fd, b->data + b->len, room, 0);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 1;
	if (got > 0)
		b->len += (size_t)got;
	return got;
}

static void
on_read(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	struct buf *b = c->state == CONN_READING ? &c->in : &c->ahead;

	(void)fd;
	(void)what;
	if (c->state == CONN_LINGERING)
		buf_clear(b);
	if (receive(c, b) <= 0) {
		conn_close(c, OUTCOME_CLIENT_GONE);
		return;
	}
	c->active_nsecs = clock_mono_nsecs();
	if (c->state == CONN_READING)
		drive(c);
	else if (c->ahead.len > AHEAD_MAX / 2)
		event_del(&c->read_event); /* go_on() adds it again */
}

static void
on_write(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	(void)what;
	c->congested = false;
	drive(c);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	(void)what;
	if (c->state == CONN_LINGERING || c->idle_timed) {
		conn_close(c, OUTCOME_CUT);
		return;
	}
	c->waiting = false;
	drive(c);
}

void
conn_start(struct sim *sim, struct event_base *base, struct list *owners,
    int fd)
{
	struct conn *c = xcalloc(1, sizeof(*c));
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	c->fd = fd;
	c->state = CONN_READING;
	c->active_nsecs = clock_mono_nsecs();
	buf_init(&c->in, REQUEST_BYTES_MAX);
	buf_init(&c->ahead, AHEAD_MAX);
	buf_init(&c->out, OUT_MAX);
	request_init(&c->req);
	job_init(&c->job, sim);
	event_assign(&c->read_event, base, fd, EV_READ | EV_PERSIST, on_read,
	    c);
	event_assign(&c->write_event, base, fd, EV_WRITE, on_write, c);
	evtimer_assign(&c->timer_event, base, on_timer, c);
	list_append(owners, &c->node);
	atomic_fetch_add(&sim->board->connections, 1);
	event_add(&c->read_event, NULL);
}
