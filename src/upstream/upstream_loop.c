/*
 * libcurl's multi interface on the event loop (socket and timer callbacks).
 * Inside curl's callbacks no multi function may be called: what is wanted
 * there becomes a wish, granted by the deferred event.
 */
#include "upstream/upstream_private.h"

#include <event2/event.h>

/* One watched socket of curl's. */
struct watch {
	struct event ev;
	struct upstream *u;
};

static void grant_wishes(struct upstream *u);

/* Hands finished transfers to their owners. */
static void
collect_finished(struct upstream *u)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(u->multi, &left)) != NULL) {
		CURL *easy = msg->easy_handle;
		CURLcode code = msg->data.result;
		const struct upstream_callbacks *callbacks;
		struct upstream_result result;
		struct upstream_call *c;
		void *arg;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&c);
		call_result(c, code, &result);
		curl_multi_remove_handle(u->multi, easy);
		c->in_multi = false;
		callbacks = c->callbacks;
		arg = c->arg;
		if (callbacks != NULL) {
			u->stats.active--;
			if (result.end == UPSTREAM_DONE)
				u->stats.done++;
			else
				u->stats.failed++;
		}
		call_recycle(c);
		if (callbacks != NULL)
			callbacks->on_done(arg, &result);
	}
}

static void
act(struct upstream *u, curl_socket_t s, int what)
{
	int running;

	u->depth++;
	curl_multi_socket_action(u->multi, s, what, &running);
	u->depth--;
	collect_finished(u);
	grant_wishes(u);
}

static void
on_socket_event(evutil_socket_t fd, short what, void *arg)
{
	struct watch *w = arg;
	int flags = 0;

	if (what & EV_READ)
		flags |= CURL_CSELECT_IN;
	if (what & EV_WRITE)
		flags |= CURL_CSELECT_OUT;
	act(w->u, fd, flags);
}

static void
on_timer_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static void
on_deferred(evutil_socket_t fd, short what, void *arg)
{
	struct upstream *u = arg;

	(void)fd;
	(void)what;
	grant_wishes(u);
	collect_finished(u);
}

/* curl wants to watch a socket, or no longer. */
static int
on_curl_socket(CURL *easy, curl_socket_t s, int what, void *arg, void *socketp)
{
	struct upstream *u = arg;
	struct watch *w = socketp;
	short events = EV_PERSIST;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (w != NULL) {
			event_del(&w->ev);
			free(w);
			curl_multi_assign(u->multi, s, NULL);
		}
		return 0;
	}
	if (what & CURL_POLL_IN)
		events |= EV_READ;
	if (what & CURL_POLL_OUT)
		events |= EV_WRITE;
	if (w == NULL) {
		w = xcalloc(1, sizeof(*w));
		w->u = u;
		curl_multi_assign(u->multi, s, w);
	} else {
		if (event_get_events(&w->ev) == events)
			return 0;
		event_del(&w->ev);
	}
	event_assign(&w->ev, u->base, s, events, on_socket_event, w);
	event_add(&w->ev, NULL);
	return 0;
}

static int
on_curl_timer(CURLM *multi, long msecs, void *arg)
{
	struct upstream *u = arg;
	struct timeval tv;

	(void)multi;
	if (msecs < 0) {
		event_del(&u->timer);
		return 0;
	}
	tv.tv_sec = msecs / 1000;
	tv.tv_usec = msecs % 1000 * 1000;
	event_add(&u->timer, &tv);
	return 0;
}

void
loop_wish(struct upstream_call *c, enum call_wish wish)
{
	struct upstream *u = c->u;

	c->wish |= wish;
	if (list_empty(&c->wishes))
		list_append(&u->wishful, &c->wishes);
	event_active(&u->deferred, EV_TIMEOUT, 0);
}

static void
grant(struct upstream_call *c)
{
	struct upstream *u = c->u;
	unsigned wish = c->wish;

	c->wish = 0;
	if (wish & WISH_REMOVE) {
		if (c->in_multi)
			curl_multi_remove_handle(u->multi, c->easy);
		c->in_multi = false;
		call_recycle(c);
		return;
	}
	if (wish & WISH_ADD) {
		c->in_multi = true;
		curl_multi_add_handle(u->multi, c->easy);
	}
	if ((wish & WISH_RESUME) && !c->paused && c->in_multi)
		curl_easy_pause(c->easy, CURLPAUSE_CONT);
}

static void
grant_wishes(struct upstream *u)
{
	struct list *node;

	if (u->depth > 0)
		return;
	u->depth++;
	while ((node = list_shift(&u->wishful)) != NULL)
		grant(LIST_OBJ(node, struct upstream_call, wishes));
	u->depth--;
}

int
loop_open(struct upstream *u, struct err *err)
{
	static bool global;

	if (!global && curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
		return err_set(err, ERR_INTERNAL, "libcurl does not start");
	global = true;
	u->multi = curl_multi_init();
	u->share = curl_share_init();
	if (u->multi == NULL || u->share == NULL) {
		curl_multi_cleanup(u->multi);
		curl_share_cleanup(u->share);
		return err_set(err, ERR_NOMEM, "libcurl handles");
	}
	/* TLS sessions are per easy handle otherwise: a full handshake for
	   each new connection. */
	curl_share_setopt(u->share, CURLSHOPT_SHARE,
	    CURL_LOCK_DATA_SSL_SESSION);
	curl_multi_setopt(u->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
	curl_multi_setopt(u->multi, CURLMOPT_SOCKETDATA, u);
	curl_multi_setopt(u->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
	curl_multi_setopt(u->multi, CURLMOPT_TIMERDATA, u);
	/* The default, 4 × the transfers under way, closes warm connections
	   at every dip of traffic. */
	curl_multi_setopt(u->multi, CURLMOPT_MAXCONNECTS,
	    (long)u->options.max_connections);
	curl_multi_setopt(u->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
	evtimer_assign(&u->timer, u->base, on_timer_event, u);
	event_assign(&u->deferred, u->base, -1, 0, on_deferred, u);
	return 0;
}

void
loop_close(struct upstream *u)
{
	event_del(&u->timer);
	event_del(&u->deferred);
	/* Sockets closed by the cleanup must not reach freed watches. */
	curl_multi_cleanup(u->multi);
	curl_share_cleanup(u->share);
}
