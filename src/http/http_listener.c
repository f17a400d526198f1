/*
 * Accepting connections. See http_listener.h.
 *
 * Out of descriptors: the client that cannot be taken is told so with a spare
 * one, and accepting rests for a while, since the listener stays readable and
 * the loop would spin.
 */
#include "http/http_listener.h"

#include "base/clock.h"
#include "base/fd.h"
#include "http/http_conn.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* How long accepting rests when descriptors have run out. */
#define REST_MSECS 100

static void
send_overloaded(struct http_server *s, int fd)
{
	struct http_head head = { .status = 503,
		.connection = CONNECTION_CLOSE,
		.content_type = "application/json",
		.framing = BODY_LENGTH };
	struct http_out out;
	struct buf body;

	http_out_init(&out, &s->spares);
	buf_init(&body, 4096);
	s->callbacks.on_error(s->arg, 503, ERR_OVERLOADED,
	    err_info(ERR_OVERLOADED)->public_text, &body);
	head.length = body.len;
	http_head_write(http_out_room(&out, http_head_bytes(&head)), &head,
	    &s->date);
	http_out_take(&out, &body);
	(void)http_out_write(&out, fd);
	http_out_clear(&out);
	shutdown(fd, SHUT_WR);
}

/* No descriptor for the next client: it is told so with the spare one,
   rather than left waiting for an accept that may not come. */
static void
shed(struct http_server *s, int listener_fd)
{
	int fd;

	if (s->spare_fd < 0)
		return;
	fd_close(&s->spare_fd);
	fd = accept4(listener_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) {
		s->stats.refused++;
		send_overloaded(s, fd);
		fd_close(&fd);
	}
	s->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void
on_accept_error(struct http_listener *l, int error)
{
	struct http_server *s = l->server;

	switch (error) {
	case EAGAIN: /* another worker has it */
	case EINTR:
	case ECONNABORTED:
		return;
	case EMFILE:
	case ENFILE:
		s->stats.accept_fails++;
		shed(s, l->fd);
		break;
	default:
		s->stats.accept_fails++;
		break;
	}
	http_server_rest(s, REST_MSECS);
}

/* One connection; false with errno when there is none to be had. */
static bool
take(struct http_listener *l)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);
	int fd;

	peer.ss_family = AF_UNSPEC;
	fd = accept4(l->fd, (struct sockaddr *)&peer, &len,
	    SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return false;
	http_conn_new(l->server, fd, (struct sockaddr *)&peer);
	return true;
}

static void
on_connection(evutil_socket_t fd, short what, void *arg)
{
	struct http_listener *l = arg;
	struct http_server *s = l->server;

	(void)fd;
	(void)what;
	if (!http_share_is_ours(&s->share, s->stats.connections,
		clock_mono_nsecs()))
		http_server_rest(s, HTTP_SHARE_REST_MSECS);
	else if (take(l))
		http_server_update_listeners(s);
	else
		on_accept_error(l, errno);
}

int
http_listener_open(struct http_listener *l, struct http_server *s, int fd,
    struct err *err)
{
	l->server = s;
	l->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (l->fd < 0)
		return err_set_errno(err, ERR_IO, "listener");
	event_assign(&l->event, s->base, l->fd, EV_READ | EV_PERSIST,
	    on_connection, l);
	return 0;
}

void
http_listener_enable(struct http_listener *l, bool on)
{
	if (on)
		event_add(&l->event, NULL);
	else
		event_del(&l->event);
}

void
http_listener_empty(struct http_listener *l)
{
	struct http_server *s = l->server;

	while (s->stats.connections < s->options.max_connections && take(l))
		continue;
}

/* The supervisor and other workers keep the socket open, so closing alone
   would leave a dead entry in epoll that is always ready. */
static void
close_later(evutil_socket_t none, short what, void *arg)
{
	int fd = (int)(intptr_t)arg;

	(void)none;
	(void)what;
	close(fd);
}

void
http_listener_close(struct http_listener *l)
{
	static const struct timeval now = { 0, 0 };

	event_del(&l->event);
	/* A turn later, when epoll has forgotten the descriptor. */
	if (event_base_once(l->server->base, -1, EV_TIMEOUT, close_later,
		(void *)(intptr_t)l->fd, &now) != 0)
		close(l->fd);
}
