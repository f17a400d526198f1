/*
 * The service: start, cancel, pause, resume. See upstream.h for the contract;
 * upstream_loop.c has the event loop, upstream_call.c one transfer.
 */
#include "upstream/upstream_private.h"

#include <event2/event.h>

int
upstream_new(struct event_base *base, const struct upstream_options *o,
    struct upstream **u_r, struct err *err)
{
	struct upstream *u = xcalloc(1, sizeof(*u));

	u->base = base;
	u->options = *o;
	if (u->options.max_connections == 0)
		u->options.max_connections = 512;
	if (u->options.connect_timeout_msecs <= 0)
		u->options.connect_timeout_msecs = 5000;
	list_init(&u->calls);
	list_init(&u->pool);
	list_init(&u->wishful);
	if (loop_open(u, err) != 0) {
		free(u);
		return -1;
	}
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
	while (!list_empty(&u->calls)) {
		struct upstream_call *c =
		    LIST_OBJ(u->calls.next, struct upstream_call, node);

		if (c->in_multi)
			curl_multi_remove_handle(u->multi, c->easy);
		c->in_multi = false;
		call_recycle(c);
	}
	while ((node = list_shift(&u->pool)) != NULL)
		call_free(LIST_OBJ(node, struct upstream_call, node));
	loop_close(u);
	free(u);
	*up = NULL;
}

int
upstream_start(struct upstream *u, const struct upstream_request *request,
    struct upstream_call **call_r, struct err *err)
{
	struct upstream_call *c = call_new(u, err);

	if (c == NULL)
		return -1;
	if (call_set_up(c, request, err) != 0) {
		call_recycle(c);
		return -1;
	}
	u->stats.started++;
	u->stats.active++;
	loop_wish(c, WISH_ADD);
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
	c->callbacks = NULL; /* nothing is called back from here on */
	c->pieces = NULL;    /* they may be gone before curl lets go */
	c->piece_count = 0;
	c->u->stats.cancelled++;
	c->u->stats.active--;
	loop_wish(c, WISH_REMOVE);
}

void
upstream_pause(struct upstream_call *c)
{
	c->paused = true;
	c->wish &= ~(unsigned)WISH_RESUME;
	if (c->in_multi)
		curl_easy_pause(c->easy, CURLPAUSE_RECV);
}

void
upstream_resume(struct upstream_call *c)
{
	if (!c->paused)
		return;
	c->paused = false;
	/* curl may hand out data before curl_easy_pause() returns: later. */
	loop_wish(c, WISH_RESUME);
}

void
upstream_stats(const struct upstream *u, struct upstream_stats *s_r)
{
	*s_r = u->stats;
}
