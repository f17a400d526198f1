/*
 * Connections made by libcurl's multi interface (CURLOPT_CONNECT_ONLY) on the
 * event loop. See dialer.h. The library's traps answered here: no proxy from
 * the environment, DNS that gives up at once, the timer callback only arms a
 * timer, handles leave the multi before they are cleaned up.
 *
 * A connected socket leaves libcurl's hands through its close callback, when
 * the handle leaves the multi. A handle that stayed there would keep its
 * connection in the library's cache, where it is closed when the library takes
 * it for dead or too old, under whoever uses it. (A duplicate of the socket
 * will not do: libevent's epoll would go on watching the closed original.)
 */
#include "upstream/dialer.h"

#include <event2/event.h>
#include <unistd.h>

struct dial {
	struct list node; /* dialer->dials, or ->pool */
	CURL *easy;
	dial_callback *on_end;
	void *arg;
	curl_socket_t wanted; /* for the caller; not to be closed ... */
	bool is_ours;         /* ... and libcurl has let go of it */
	char error[CURL_ERROR_SIZE];
};

/* One watched socket of curl's. */
struct watch {
	struct event ev;
	struct dialer *dialer;
};

/* ---- the end of a dial -------------------------------------------------- */

static void
recycle(struct dialer *d, struct dial *dial)
{
	list_remove(&dial->node);
	if (d->pooled < DIALER_POOL_MAX) {
		list_push(&d->pool, &dial->node);
		d->pooled++;
		return;
	}
	curl_easy_cleanup(dial->easy);
	free(dial);
}

static enum dial_end
classify(CURLcode code)
{
	switch (code) {
	case CURLE_OK:
		return DIAL_DONE;
	case CURLE_OPERATION_TIMEDOUT:
		return DIAL_TIMEOUT;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
		return DIAL_REFUSED;
	default:
		return DIAL_FAILED;
	}
}

static void
end_dial(struct dialer *d, struct dial *dial, CURLcode code)
{
	enum dial_end end = classify(code);
	char text[CURL_ERROR_SIZE] = "";
	dial_callback *on_end = dial->on_end;
	void *arg = dial->arg;
	int fd;

	if (end == DIAL_DONE)
		curl_easy_getinfo(dial->easy, CURLINFO_ACTIVESOCKET,
		    &dial->wanted);
	else
		snprintf(text, sizeof(text), "%s",
		    dial->error[0] != '\0' ? dial->error
					   : curl_easy_strerror(code));
	curl_multi_remove_handle(d->multi, dial->easy);
	if (end == DIAL_DONE && !dial->is_ours) {
		end = DIAL_FAILED;
		snprintf(text, sizeof(text),
		    "libcurl did not give its socket away");
	}
	fd = dial->wanted;
	recycle(d, dial);
	on_end(arg, end, fd, text);
}

static void
act(struct dialer *d, curl_socket_t s, int what)
{
	CURLMsg *msg;
	int running, left;

	curl_multi_socket_action(d->multi, s, what, &running);
	while ((msg = curl_multi_info_read(d->multi, &left)) != NULL) {
		struct dial *dial;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE,
		    (char **)&dial);
		end_dial(d, dial, msg->data.result);
	}
}

/* ---- curl's callbacks --------------------------------------------------- */

static int
on_close_socket(void *arg, curl_socket_t s)
{
	struct dial *dial = arg;

	if (s != dial->wanted)
		return close(s);
	dial->is_ours = true;
	return 0;
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
	act(w->dialer, fd, flags);
}

static void
on_timer_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	act(arg, CURL_SOCKET_TIMEOUT, 0);
}

/* curl wants to watch a socket, or no longer. */
static int
on_curl_socket(CURL *easy, curl_socket_t s, int what, void *arg, void *socketp)
{
	struct dialer *d = arg;
	struct watch *w = socketp;
	short events = EV_PERSIST;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (w != NULL) {
			event_del(&w->ev);
			free(w);
			curl_multi_assign(d->multi, s, NULL);
		}
		return 0;
	}
	if (what & CURL_POLL_IN)
		events |= EV_READ;
	if (what & CURL_POLL_OUT)
		events |= EV_WRITE;
	if (w == NULL) {
		w = xcalloc(1, sizeof(*w));
		w->dialer = d;
		curl_multi_assign(d->multi, s, w);
	} else {
		event_del(&w->ev);
	}
	event_assign(&w->ev, d->base, s, events, on_socket_event, w);
	event_add(&w->ev, NULL);
	return 0;
}

static int
on_curl_timer(CURLM *multi, long msecs, void *arg)
{
	struct dialer *d = arg;
	struct timeval tv = { msecs / 1000, msecs % 1000 * 1000 };

	(void)multi;
	if (msecs < 0)
		event_del(&d->timer);
	else
		event_add(&d->timer, &tv);
	return 0;
}

/* ---- starting ----------------------------------------------------------- */

static void
set_options(struct dial *dial, const char *url, int64_t timeout_msecs)
{
	CURL *e = dial->easy;

	curl_easy_setopt(e, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(e, CURLOPT_URL, url);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(e, CURLOPT_PROXY, "");
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)timeout_msecs);
	/* Finds the other side dead under a silent stream. */
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPIDLE, 30L);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPINTVL, 10L);
	curl_easy_setopt(e, CURLOPT_CLOSESOCKETFUNCTION, on_close_socket);
	curl_easy_setopt(e, CURLOPT_CLOSESOCKETDATA, dial);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, dial->error);
	curl_easy_setopt(e, CURLOPT_PRIVATE, dial);
}

static struct dial *
dial_new(struct dialer *d)
{
	struct list *node = list_shift(&d->pool);
	struct dial *dial;

	if (node != NULL) {
		dial = LIST_OBJ(node, struct dial, node);
		d->pooled--;
		curl_easy_reset(dial->easy);
		dial->error[0] = '\0';
	} else {
		dial = xcalloc(1, sizeof(*dial));
		list_init(&dial->node);
		dial->easy = curl_easy_init();
		if (dial->easy == NULL) {
			free(dial);
			return NULL;
		}
	}
	return dial;
}

int
dialer_start(struct dialer *d, const char *url, int64_t timeout_msecs,
    dial_callback *on_end, void *arg, struct dial **dial_r, struct err *err)
{
	struct dial *dial = dial_new(d);
	CURLMcode rc;

	if (dial == NULL)
		return err_set(err, ERR_NOMEM, "libcurl handle");
	dial->on_end = on_end;
	dial->arg = arg;
	dial->wanted = CURL_SOCKET_BAD;
	dial->is_ours = false;
	set_options(dial, url, timeout_msecs);
	rc = curl_multi_add_handle(d->multi, dial->easy);
	list_append(&d->dials, &dial->node);
	if (rc != CURLM_OK) {
		recycle(d, dial);
		return err_set(err, ERR_INTERNAL, "libcurl: %s",
		    curl_multi_strerror(rc));
	}
	*dial_r = dial;
	return 0;
}

void
dialer_cancel(struct dialer *d, struct dial **dial)
{
	if (*dial == NULL)
		return;
	curl_multi_remove_handle(d->multi, (*dial)->easy);
	recycle(d, *dial);
	*dial = NULL;
}

int
dialer_open(struct dialer *d, struct event_base *base, struct err *err)
{
	static bool global;

	if (!global && curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
		return err_set(err, ERR_INTERNAL, "libcurl does not start");
	global = true;
	d->base = base;
	d->multi = curl_multi_init();
	if (d->multi == NULL)
		return err_set(err, ERR_NOMEM, "libcurl handle");
	d->pooled = 0;
	list_init(&d->dials);
	list_init(&d->pool);
	curl_multi_setopt(d->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
	curl_multi_setopt(d->multi, CURLMOPT_SOCKETDATA, d);
	curl_multi_setopt(d->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
	curl_multi_setopt(d->multi, CURLMOPT_TIMERDATA, d);
	evtimer_assign(&d->timer, base, on_timer_event, d);
	return 0;
}

void
dialer_close(struct dialer *d)
{
	struct list *node;

	while (!list_empty(&d->dials)) {
		struct dial *dial = LIST_OBJ(d->dials.next, struct dial, node);

		dialer_cancel(d, &dial);
	}
	while ((node = list_shift(&d->pool)) != NULL) {
		struct dial *dial = LIST_OBJ(node, struct dial, node);

		curl_easy_cleanup(dial->easy);
		free(dial);
	}
	curl_multi_cleanup(d->multi);
	event_del(&d->timer);
}
