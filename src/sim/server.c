/* Listeners and the event loop. See server.h. */
#include "sim/server.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/num.h"
#include "sim/conn.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG      4096
#define ACCEPT_BURST 64
#define SWEEP_SECS   10
#define CONNS_MAX    50000

struct server {
	struct sim *sim;
	struct event_base *base;
	struct list conns;
	int listen_fd;
	struct event accept_event, resume_event, sweep_event;
	struct event term_event, int_event;
};

/* ---- listeners ----------------------------------------------------------- */

static void
set_port(struct sockaddr *address, int port)
{
	if (address->sa_family == AF_INET6)
		((struct sockaddr_in6 *)(void *)address)->sin6_port =
		    htons((uint16_t)port);
	else
		((struct sockaddr_in *)(void *)address)->sin_port =
		    htons((uint16_t)port);
}

static int
port_of(int fd)
{
	struct sockaddr_storage address;
	socklen_t n = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &n) != 0)
		return -1;
	if (address.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
	return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

/* A listening socket, or -1 with errno. */
static int
open_one(const struct addrinfo *where, bool shared)
{
	int fd, on = 1, saved;

	fd = socket(where->ai_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (shared)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	if (bind(fd, where->ai_addr, where->ai_addrlen) == 0 &&
	    listen(fd, BACKLOG) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static int
open_all(struct listeners *l, const struct options *o, struct addrinfo *where,
    struct err *err)
{
	bool shared = o->workers > 1;
	int fd;

	/*
	 * A shared port would hide that somebody else listens there, so it
	 * is first opened unshared, which also finds a free one for port 0.
	 */
	fd = open_one(where, false);
	if (fd < 0)
		return err_set_errno(err, ERR_IO, "%s:%d", o->host, o->port);
	l->port = port_of(fd);
	l->fds[l->count++] = fd;
	if (!shared)
		return 0;
	listeners_close(l, -1);
	set_port(where->ai_addr, l->port);
	for (int i = 0; i < o->workers; i++) {
		fd = open_one(where, true);
		if (fd < 0)
			return err_set_errno(err, ERR_IO, "%s:%d", o->host,
			    l->port);
		l->fds[l->count++] = fd;
	}
	return 0;
}

int
listeners_open(struct listeners *l, const struct options *o, struct err *err)
{
	struct addrinfo hints, *where;
	char port[NUM_TEXT_BYTES];
	int rc;

	memset(l, 0, sizeof(*l));
	memset(&hints, 0, sizeof(hints));
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
	num_format_uint((uint64_t)o->port, port);
	rc = getaddrinfo(o->host, port, &hints, &where);
	if (rc != 0)
		return err_set(err, ERR_IO, "%s: %s", o->host,
		    gai_strerror(rc));
	rc = open_all(l, o, where, err);
	freeaddrinfo(where);
	if (rc != 0)
		listeners_close(l, -1);
	return rc;
}

void
listeners_close(struct listeners *l, int keep)
{
	for (int i = 0; i < l->count; i++) {
		if (i != keep)
			fd_close(&l->fds[i]);
	}
	if (keep < 0)
		l->count = 0;
}

/* ---- the loop --------------------------------------------------------------
 */

static void
on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct server *s = arg;
	struct timeval pause = { 0, 100000 };

	(void)what;
	for (int i = 0; i < ACCEPT_BURST; i++) {
		int client =
		    accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (client < 0) {
			/* Out of descriptors: a pause instead of a spin. */
			if (errno == EMFILE || errno == ENFILE ||
			    errno == ENOBUFS || errno == ENOMEM) {
				event_del(&s->accept_event);
				event_add(&s->resume_event, &pause);
			}
			return;
		}
		if (atomic_load(&s->sim->board->connections) >= CONNS_MAX) {
			close(client);
			continue;
		}
		conn_start(s->sim, s->base, &s->conns, client);
	}
}

static void
on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct server *s = arg;

	(void)fd;
	(void)what;
	event_add(&s->accept_event, NULL);
}

static void
on_sweep(evutil_socket_t fd, short what, void *arg)
{
	struct server *s = arg;
	int64_t now = clock_mono_nsecs();

	(void)fd;
	(void)what;
	LIST_EACH_SAFE(node, &s->conns)
		conn_sweep(LIST_OBJ(node, struct conn, node), now);
}

static void
on_stop(evutil_socket_t fd, short what, void *arg)
{
	struct server *s = arg;

	(void)fd;
	(void)what;
	event_base_loopbreak(s->base);
}

static struct event_base *
make_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (config != NULL) {
		event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
		base = event_base_new_with_config(config);
		event_config_free(config);
	}
	if (base == NULL)
		log_fatal(1, "libevent has no event base");
	return base;
}

static void
server_start(struct server *s)
{
	struct timeval sweep = { SWEEP_SECS, 0 };
	sigset_t stop;

	event_assign(&s->accept_event, s->base, s->listen_fd,
	    EV_READ | EV_PERSIST, on_accept, s);
	evtimer_assign(&s->resume_event, s->base, on_resume, s);
	event_assign(&s->sweep_event, s->base, -1, EV_PERSIST, on_sweep, s);
	evsignal_assign(&s->term_event, s->base, SIGTERM, on_stop, s);
	evsignal_assign(&s->int_event, s->base, SIGINT, on_stop, s);
	event_add(&s->accept_event, NULL);
	event_add(&s->sweep_event, &sweep);
	event_add(&s->term_event, NULL);
	event_add(&s->int_event, NULL);
	/* main() held them back until now. */
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	sigprocmask(SIG_UNBLOCK, &stop, NULL);
}

static void
server_stop(struct server *s)
{
	event_del(&s->accept_event);
	event_del(&s->resume_event);
	event_del(&s->sweep_event);
	event_del(&s->term_event);
	event_del(&s->int_event);
	/* What is under way ends here, and is written down as cut. */
	LIST_EACH_SAFE(node, &s->conns)
		conn_close(LIST_OBJ(node, struct conn, node), OUTCOME_CUT);
	fd_close(&s->listen_fd);
	event_base_free(s->base);
}

void
server_run(struct sim *sim, int listen_fd)
{
	struct server s = { .sim = sim, .listen_fd = listen_fd };

	s.base = make_base();
	list_init(&s.conns);
	server_start(&s);
	event_base_dispatch(s.base);
	server_stop(&s);
}
