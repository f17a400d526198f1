/*
 * The service: start, cancel, pause, resume. See upstream.h for the contract;
 * upstream_call.c has one call, upstream_conn.c the connections.
 */
#include "upstream/upstream_private.h"

#include <event2/event.h>
#include <sys/resource.h>

#define MOST_CONNECTIONS 16384

static void
on_deferred(evutil_socket_t fd, short what, void *arg)
{
	struct upstream *u = arg;
	struct list now;
	struct list *node;

	(void)fd;
	(void)what;
	list_init(&now);
	list_move_all(&now, &u->later);
	while ((node = list_shift(&now)) != NULL)
		call_on_later(LIST_OBJ(node, struct upstream_call, later));
}

/* Half of the files that may be open: the clients have the others. Above it
   an idle connection makes room, where a socket that cannot be had would look
   like a provider that cannot be reached. */
static size_t
most_connections(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
	    limit.rlim_cur / 2 > MOST_CONNECTIONS)
		return MOST_CONNECTIONS;
	return limit.rlim_cur / 2;
}

static void
set_defaults(struct upstream_options *o)
{
	if (o->max_connections == 0)
		o->max_connections = most_connections();
	if (o->max_idle_connections == 0)
		o->max_idle_connections = 512;
	if (o->max_idle_msecs <= 0)
		o->max_idle_msecs = 50000;
	if (o->max_age_msecs <= 0)
		o->max_age_msecs = 600000;
	if (o->connect_timeout_msecs <= 0)
		o->connect_timeout_msecs = 5000;
}

int
upstream_new(struct event_base *base, const struct upstream_options *o,
    struct upstream **u_r, struct err *err)
{
	struct upstream *u = xcalloc(1, sizeof(*u));

	u->base = base;
	u->options = *o;
	set_defaults(&u->options);
	u->tick_msecs = u->options.max_idle_msecs / UPSTREAM_IDLE_TICKS + 1;
	list_init(&u->calls);
	list_init(&u->pool);
	list_init(&u->later);
	if (dialer_open(&u->dialer, base, err) != 0) {
		free(u);
		return -1;
	}
	address_book_init(&u->book);
	event_assign(&u->deferred, base, -1, 0, on_deferred, u);
	*u_r = u;
	return 0;
}

void
upstream_free(struct upstream **up)
{
	struct upstream *u = *up;
	struct list *node;

	if (u == NULL)
		return;
	while (!list_empty(&u->calls))
		call_drop(LIST_OBJ(u->calls.next, struct upstream_call, node));
	while ((node = list_shift(&u->pool)) != NULL)
		call_free(LIST_OBJ(node, struct upstream_call, node));
	conn_close_idle(u);
	address_book_fini(&u->book);
	SSL_CTX_free(u->tls);
	dialer_close(&u->dialer);
	event_del(&u->deferred);
	free(u);
	*up = NULL;
}

int
upstream_start(struct upstream *u, const struct upstream_request *request,
    struct upstream_call **call_r, struct err *err)
{
	struct upstream_call *c = call_new(u);

	if (call_set_up(c, request, err) != 0) {
		call_drop(c);
		return -1;
	}
	u->stats.started++;
	u->stats.active++;
	call_begin(c);
	*call_r = c;
	return 0;
}

void
upstream_cancel(struct upstream_call **cp)
{
	struct upstream_call *c = *cp;

	if (c == NULL)
		return;
	*cp = NULL;
	c->u->stats.cancelled++;
	c->u->stats.active--;
	call_drop(c);
}

void
upstream_pause(struct upstream_call *c)
{
	c->paused = true;
	if (c->conn != NULL && !c->conn->shaking)
		conn_hold(c->conn);
}

void
upstream_resume(struct upstream_call *c)
{
	if (!c->paused)
		return;
	c->paused = false;
	/* Data may be waiting here, and must not be given before we return. */
	call_later(c);
}

void
upstream_stats(const struct upstream *u, struct upstream_stats *s_r)
{
	*s_r = u->stats;
	s_r->connections_open = u->conn_count;
}
