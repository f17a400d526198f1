/*
 * Connections: bytes in and out, kept ones, their limits and their time. What
 * the bytes mean is the call's business (upstream_call.c).
 */
#include "upstream/upstream_private.h"

#include <errno.h>
#include <event2/event.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- events ------------------------------------------------------------- */

/* Nobody asked: the other side closed, or talks out of turn. */
static void
on_idle_readable(struct conn *k)
{
	char byte;

	/* TLS has messages of its own that are no bytes of an answer. */
	if (conn_recv(k, &byte, 1) != CONN_WAIT)
		conn_close(k);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *k = arg;

	(void)fd;
	(void)what;
	if (k->call == NULL)
		on_idle_readable(k);
	else
		call_on_readable(k->call);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *k = arg;

	(void)fd;
	(void)what;
	if (k->call != NULL)
		call_on_writable(k->call);
	else
		on_idle_readable(k);
}

/* Closes what was idle for too long. */
static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct upstream *u = arg;
	(void)fd;
	(void)what;
	u->tick++;
	LIST_EACH(node, &u->book.origins) {
		struct origin *o = LIST_OBJ(node, struct origin, node);

		while (!list_empty(&o->idle)) {
			struct conn *k =
			    LIST_OBJ(o->idle.next, struct conn, node);

			if (u->tick - k->idle_tick <= UPSTREAM_IDLE_TICKS)
				break;
			conn_close(k);
		}
	}
}

static void
watch_ticks(struct upstream *u)
{
	struct timeval tv = { u->tick_msecs / 1000,
		u->tick_msecs % 1000 * 1000 };

	if (!event_initialized(&u->ticker))
		event_assign(&u->ticker, u->base, -1, EV_PERSIST, on_tick, u);
	if (!event_pending(&u->ticker, EV_TIMEOUT, NULL))
		event_add(&u->ticker, &tv);
}

/* ---- life --------------------------------------------------------------- */

/* The connection that has been idle for longest, of any origin; NULL none. */
static struct conn *
stalest(struct upstream *u)
{
	struct conn *found = NULL;

	LIST_EACH(node, &u->book.origins) {
		struct origin *o = LIST_OBJ(node, struct origin, node);
		struct conn *k = LIST_OBJ(o->idle.next, struct conn, node);

		if (!list_empty(&o->idle) &&
		    (found == NULL ||
			u->tick - k->idle_tick > u->tick - found->idle_tick))
			found = k;
	}
	return found;
}

bool
conn_admit(struct upstream *u, struct origin *origin)
{
	const struct upstream_options *o = &u->options;

	if (o->max_host_connections > 0 &&
	    origin->conn_count >= o->max_host_connections)
		return false;
	if (u->conn_count >= o->max_connections) {
		struct conn *k = stalest(u);

		if (k == NULL)
			return false;
		conn_close(k);
	}
	u->conn_count++;
	origin->conn_count++;
	return true;
}

void
conn_unadmit(struct upstream *u, struct origin *origin)
{
	u->conn_count--;
	origin->conn_count--;
}

struct conn *
conn_new(struct upstream *u, struct origin *origin, int fd)
{
	struct conn *k = xcalloc(1, sizeof(*k));

	k->u = u;
	k->origin = origin;
	k->fd = fd;
	k->born_tick = u->tick;
	list_init(&k->node);
	event_assign(&k->reads, u->base, fd, EV_READ | EV_PERSIST, on_readable,
	    k);
	event_assign(&k->writes, u->base, fd, EV_WRITE, on_writable, k);
	event_add(&k->reads, NULL);
	watch_ticks(u);
	u->stats.connections_opened++;
	return k;
}

struct conn *
conn_take(struct origin *origin)
{
	struct conn *k;

	if (list_empty(&origin->idle))
		return NULL;
	k = LIST_OBJ(origin->idle.prev, struct conn, node);
	list_remove(&k->node);
	k->u->idle_count--;
	k->sent_before =
	    k->tls != NULL ? tls_sent_bytes(k->tls) : k->sent_bytes;
	return k;
}

void
conn_keep(struct conn *k)
{
	struct upstream *u = k->u;
	const struct upstream_options *o = &u->options;

	if ((u->tick - k->born_tick) * u->tick_msecs >= o->max_age_msecs ||
	    u->idle_count >= o->max_idle_connections) {
		conn_close(k);
		return;
	}
	k->call = NULL;
	k->served = true;
	k->idle_tick = u->tick;
	u->idle_count++;
	list_append(&k->origin->idle, &k->node);
	conn_unhold(k);
}

void
conn_close(struct conn *k)
{
	struct upstream *u = k->u;

	if (k->call == NULL && !list_empty(&k->node))
		u->idle_count--;
	list_remove(&k->node);
	if (u->giving == k)
		u->giving = NULL;
	event_del(&k->reads);
	event_del(&k->writes);
	tls_free(&k->tls);
	close(k->fd);
	conn_unadmit(u, k->origin);
	if (u->conn_count == 0)
		event_del(&u->ticker);
	free(k);
}

void
conn_close_idle(struct upstream *u)
{
	struct conn *k;

	while ((k = stalest(u)) != NULL)
		conn_close(k);
}

/* ---- bytes -------------------------------------------------------------- */

/* As much of the pieces as one record takes. */
static size_t
gather(const struct iovec *iov, int count, size_t skip, char *out)
{
	size_t n = 0;

	for (int i = 0; i < count && n < UPSTREAM_TLS_BYTES; i++) {
		size_t part = iov[i].iov_len;
		size_t from = skip < part ? skip : part;

		skip -= from;
		part -= from;
		if (part > UPSTREAM_TLS_BYTES - n)
			part = UPSTREAM_TLS_BYTES - n;
		if (part > 0)
			memcpy(out + n, (const char *)iov[i].iov_base + from,
			    part);
		n += part;
	}
	return n;
}

static ssize_t
send_tls(struct conn *k, const struct iovec *iov, int count)
{
	char *record = k->u->record;
	size_t done = 0, n;

	while ((n = gather(iov, count, done, record)) > 0) {
		ssize_t put = tls_write(k->tls, record, n);

		if (put == TLS_WANTS_READ || put == TLS_WANTS_WRITE)
			break;
		if (put < 0 && done > 0)
			break; /* these have left; it fails again next time */
		if (put < 0)
			return -1;
		done += (size_t)put;
	}
	return (ssize_t)done;
}

ssize_t
conn_send(struct conn *k, const struct iovec *iov, int count)
{
	struct msghdr msg = {
		.msg_iov = (struct iovec *)(uintptr_t)iov,
		.msg_iovlen = (size_t)count,
	};
	ssize_t n;

	if (k->tls != NULL)
		return send_tls(k, iov, count);
	do {
		n = sendmsg(k->fd, &msg, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n >= 0) {
		k->sent_bytes += (uint64_t)n;
		return n;
	}
	return errno == EAGAIN ? 0 : -1;
}

void
conn_await_room(struct conn *k)
{
	event_add(&k->writes, NULL);
}

static ssize_t
recv_tls(struct conn *k, char *out, size_t n)
{
	ssize_t got = tls_read(k->tls, out, n);

	switch (got) {
	case TLS_WANTS_WRITE:
		event_add(&k->writes, NULL);
		return CONN_WAIT;
	case TLS_WANTS_READ:
		return CONN_WAIT;
	case TLS_CLOSED:
		return CONN_CLOSED;
	case TLS_FAILED:
		return CONN_BROKEN;
	default:
		return got;
	}
}

ssize_t
conn_recv(struct conn *k, char *out, size_t n)
{
	ssize_t got;

	if (k->tls != NULL)
		return recv_tls(k, out, n);
	do {
		got = recv(k->fd, out, n, 0);
	} while (got < 0 && errno == EINTR);
	if (got > 0)
		return got;
	if (got == 0)
		return CONN_CLOSED;
	return errno == EAGAIN ? CONN_WAIT : CONN_BROKEN;
}

bool
conn_has_more(const struct conn *k)
{
	return k->tls != NULL && tls_has_more(k->tls);
}

void
conn_hold(struct conn *k)
{
	if (!k->held)
		event_del(&k->reads);
	k->held = true;
}

void
conn_unhold(struct conn *k)
{
	if (!k->held)
		return;
	k->held = false;
	event_add(&k->reads, NULL);
	if (conn_has_more(k))
		conn_poke(k);
}

void
conn_poke(struct conn *k)
{
	event_active(&k->reads, EV_READ, 0);
}

/*
 * The other host's kernel acknowledges what it takes for its program. When it
 * closed in good order (its FIN carries an acknowledgement) and none of the
 * request is acknowledged, the program had closed before the request came, and
 * what came later met a closed socket: it was never read. The first
 * acknowledged byte of a connection is its SYN. Not so after a reset, whose
 * acknowledgement is not counted.
 */
bool
conn_took_nothing(const struct conn *k)
{
	struct tcp_info info;
	socklen_t size = sizeof(info);

	memset(&info, 0, sizeof(info));
	if (getsockopt(k->fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
	    size < offsetof(struct tcp_info, tcpi_bytes_acked) +
		       sizeof(info.tcpi_bytes_acked))
		return false;
	return info.tcpi_bytes_acked <= k->sent_before + 1;
}

void
conn_text(const struct conn *k, char *out, size_t size)
{
	if (k->tls != NULL)
		tls_text(k->tls, out, size);
	else
		snprintf(out, size, "%s", strerror(errno));
}
