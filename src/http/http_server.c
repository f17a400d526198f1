/*
 * The server: listeners, the lists of connections with their deadlines,
 * limits, drain. See http.h and http_server.h.
 *
 * Owns the listeners and every connection record. Does not log; what goes
 * wrong with one connection ends that connection and is counted.
 */
#include "http/http_server.h"

#include "base/clock.h"
#include "base/fd.h"
#include "http/http_conn.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

/* Descriptors that are not for clients: store, logs, epoll ... */
#define OTHER_FDS 64
/* For an answer's way to a client that was still sending. */
#define LINGER_MSECS 5000
/* For a request that was on its way when the drain began. */
#define DRAIN_MSECS 200
/* The same of a client that has only connected, when a stop waits for it. */
#define LAST_FRESH_MSECS 1000
/* The deadline timer fires at least this often. */
#define MAX_SLEEP_NSECS (3600 * NSECS_PER_SEC)

/* ---- deadlines ----------------------------------------------------------- */

static void
arm(struct http_server *s, int64_t deadline_nsecs, int64_t now)
{
	int64_t wait = deadline_nsecs > now ? deadline_nsecs - now : 0;
	struct timeval tv;

	if (wait > MAX_SLEEP_NSECS)
		wait = MAX_SLEEP_NSECS;
	s->deadline_nsecs = now + wait;
	/* Rounded up: a timer that fires early would find nothing to do. */
	tv.tv_sec = wait / NSECS_PER_SEC;
	tv.tv_usec = wait % NSECS_PER_SEC / 1000 + 1;
	evtimer_add(&s->deadline_timer, &tv);
}

void
http_server_move(struct http_conn *c, enum http_phase phase)
{
	struct http_server *s = c->server;
	int64_t timeout = s->timeout_nsecs[phase];

	list_remove(&c->phase_node);
	list_append(&s->phases[phase], &c->phase_node);
	c->phase = phase;
	if (timeout == 0)
		return;
	c->since_nsecs = clock_mono_nsecs();
	if (s->deadline_nsecs == 0 ||
	    c->since_nsecs + timeout < s->deadline_nsecs)
		arm(s, c->since_nsecs + timeout, c->since_nsecs);
}

/* Ends what is overdue in one phase; the next deadline there, or 0. */
static int64_t
expire(struct http_server *s, enum http_phase phase, int64_t now)
{
	struct list *head = &s->phases[phase];

	while (!list_empty(head)) {
		struct http_conn *c =
		    LIST_OBJ(head->next, struct http_conn, phase_node);
		int64_t deadline = c->since_nsecs + s->timeout_nsecs[phase];

		if (deadline > now)
			return deadline;
		http_conn_expire(c); /* leaves the list */
	}
	return 0;
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *s = arg;
	int64_t now = clock_mono_nsecs(), next = 0;

	(void)fd;
	(void)what;
	for (int phase = 0; phase < PHASE_COUNT; phase++) {
		int64_t deadline;

		if (s->timeout_nsecs[phase] == 0)
			continue;
		deadline = expire(s, (enum http_phase)phase, now);
		if (deadline != 0 && (next == 0 || deadline < next))
			next = deadline;
	}
	s->deadline_nsecs = 0;
	if (next != 0)
		arm(s, next, now);
}

/* ---- listening ----------------------------------------------------------- */

void
http_server_update_listeners(struct http_server *s)
{
	bool want = !s->draining && !s->resting &&
		    s->stats.connections < s->options.max_connections;

	if (want == s->listening)
		return;
	s->listening = want;
	for (size_t i = 0; i < s->listener_count; i++)
		http_listener_enable(&s->listeners[i], want);
}

static void
on_rested(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *s = arg;

	(void)fd;
	(void)what;
	if (s->spare_fd < 0)
		s->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	s->resting = false;
	http_server_update_listeners(s);
}

void
http_server_rest(struct http_server *s, int msecs)
{
	struct timeval how_long = { msecs / 1000, msecs % 1000 * 1000 };

	s->resting = true;
	http_server_update_listeners(s);
	evtimer_add(&s->rest_timer, &how_long);
}

static void
drop_listeners(struct http_server *s)
{
	while (s->listener_count > 0)
		http_listener_close(&s->listeners[--s->listener_count]);
}

int
http_server_listen(struct http_server *s, int fd, struct err *err)
{
	struct http_listener *l = &s->listeners[s->listener_count];

	if (s->listener_count == HTTP_LISTENERS)
		return err_set(err, ERR_INTERNAL, "more than %d listeners",
		    HTTP_LISTENERS);
	if (http_listener_open(l, s, fd, err) != 0)
		return -1;
	if (s->listening)
		http_listener_enable(l, true);
	s->listener_count++;
	return 0;
}

/* ---- work ---------------------------------------------------------------- */

void
http_server_queue(struct http_conn *c)
{
	struct http_server *s = c->server;
	bool idle = list_empty(&s->work);

	list_remove(&c->work_node);
	list_append(&s->work, &c->work_node);
	if (idle)
		event_active(&s->work_event, EV_TIMEOUT, 0);
}

void
http_server_queue_later(struct http_conn *c)
{
	static const struct timeval now = { 0, 0 };
	struct http_server *s = c->server;

	if (!list_empty(&c->work_node))
		return; /* comes sooner */
	list_append(&s->later, &c->work_node);
	if (!evtimer_pending(&s->later_timer, NULL))
		evtimer_add(&s->later_timer, &now);
}

static void
work_off(struct list *from)
{
	struct list batch, *n;

	list_init(&batch);
	list_move_all(&batch, from);
	while ((n = list_shift(&batch)) != NULL)
		http_conn_work(LIST_OBJ(n, struct http_conn, work_node));
}

static void
on_work(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *s = arg;

	(void)fd;
	(void)what;
	work_off(&s->work);
}

static void
on_later(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *s = arg;

	(void)fd;
	(void)what;
	work_off(&s->later);
}

bool
http_server_take_body(struct http_server *s, size_t n)
{
	if (n > s->options.max_total_body_bytes - s->stats.body_bytes)
		return false;
	s->stats.body_bytes += n;
	return true;
}

void
http_server_orphan(struct http_conn *c)
{
	list_remove(&c->work_node);
	list_remove(&c->phase_node);
	list_append(&c->server->orphans, &c->phase_node);
}

void
http_server_forget(struct http_conn *c)
{
	list_remove(&c->work_node);
	list_remove(&c->phase_node);
	c->server->stats.connections--;
	http_share_tell(&c->server->share, c->server->stats.connections);
	http_server_update_listeners(c->server);
}

/* ---- life ---------------------------------------------------------------- */

static size_t
fds_for_clients(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
	    limit.rlim_cur == RLIM_INFINITY)
		return 1 << 20;
	return limit.rlim_cur > 2 * OTHER_FDS ? limit.rlim_cur - OTHER_FDS
					      : limit.rlim_cur / 2;
}

static void
fill_size(size_t *v, size_t otherwise)
{
	if (*v == 0)
		*v = otherwise;
}

static void
fill_msecs(int64_t *v, int64_t otherwise)
{
	if (*v <= 0)
		*v = otherwise;
}

static void
fill_defaults(struct http_options *o)
{
	size_t fds = fds_for_clients();

	fill_size(&o->max_header_bytes, 64 * 1024);
	fill_size(&o->max_body_bytes, 32 * 1024 * 1024);
	fill_size(&o->max_total_body_bytes, 1024 * 1024 * 1024);
	fill_size(&o->max_connections, fds / 2);
	if (o->max_connections > fds)
		o->max_connections = fds;
	fill_msecs(&o->header_timeout_msecs, 10 * 1000);
	fill_msecs(&o->body_timeout_msecs, 60 * 1000);
	fill_msecs(&o->idle_timeout_msecs, 75 * 1000);
	fill_msecs(&o->slow_client_msecs, 30 * 1000);
	fill_size(&o->high_water_bytes, 256 * 1024);
}

static void
set_timeouts(struct http_server *s)
{
	const struct http_options *o = &s->options;
	int64_t *t = s->timeout_nsecs;

	t[PHASE_IDLE] = o->idle_timeout_msecs * NSECS_PER_MSEC;
	t[PHASE_HEAD] = o->header_timeout_msecs * NSECS_PER_MSEC;
	t[PHASE_BODY] = o->body_timeout_msecs * NSECS_PER_MSEC;
	t[PHASE_WRITE] = o->slow_client_msecs * NSECS_PER_MSEC;
	t[PHASE_LINGER] = LINGER_MSECS * NSECS_PER_MSEC;
	/* Who connects and says nothing waits no longer than who began. */
	t[PHASE_FRESH] =
	    t[PHASE_HEAD] < t[PHASE_IDLE] ? t[PHASE_HEAD] : t[PHASE_IDLE];
}

/* A client that resets its connection must not end the process. */
static void
ignore_sigpipe(void)
{
	struct sigaction action;

	if (sigaction(SIGPIPE, NULL, &action) == 0 &&
	    action.sa_handler == SIG_DFL)
		signal(SIGPIPE, SIG_IGN);
}

struct http_server *
http_server_new(struct event_base *base, const struct http_options *o,
    const struct http_callbacks *callbacks, void *arg)
{
	struct http_server *s = xcalloc(1, sizeof(*s));

	ignore_sigpipe();
	s->base = base;
	s->callbacks = *callbacks;
	s->arg = arg;
	s->options = *o;
	fill_defaults(&s->options);
	set_timeouts(s);
	http_share_init(&s->share, &s->options);
	s->limits.max_header_bytes = s->options.max_header_bytes;
	s->limits.max_body_bytes = s->options.max_body_bytes;
	s->listening = true;
	s->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	for (int i = 0; i < PHASE_COUNT; i++)
		list_init(&s->phases[i]);
	list_init(&s->work);
	list_init(&s->later);
	list_init(&s->orphans);
	evtimer_assign(&s->deadline_timer, base, on_deadline, s);
	evtimer_assign(&s->rest_timer, base, on_rested, s);
	evtimer_assign(&s->later_timer, base, on_later, s);
	event_assign(&s->work_event, base, -1, 0, on_work, s);
	return s;
}

/* All of a phase have this long from now on. */
static void
give_time(struct http_server *s, enum http_phase phase, int64_t nsecs)
{
	int64_t now = clock_mono_nsecs();

	s->timeout_nsecs[phase] = nsecs;
	LIST_EACH(n, &s->phases[phase])
		LIST_OBJ(n, struct http_conn, phase_node)->since_nsecs = now;
	if (!list_empty(&s->phases[phase]) &&
	    (s->deadline_nsecs == 0 || now + nsecs < s->deadline_nsecs))
		arm(s, now + nsecs, now);
}

static void
close_all(struct http_server *s, enum http_phase phase)
{
	while (!list_empty(&s->phases[phase]))
		http_conn_close(LIST_OBJ(s->phases[phase].next,
		    struct http_conn, phase_node));
}

void
http_server_drain(struct http_server *s, bool last)
{
	s->draining = true;
	http_share_leave(&s->share);
	http_server_update_listeners(s);
	for (size_t i = 0; last && i < s->listener_count; i++)
		http_listener_empty(&s->listeners[i]);
	drop_listeners(s);
	if (last)
		give_time(s, PHASE_FRESH, LAST_FRESH_MSECS * NSECS_PER_MSEC);
	give_time(s, PHASE_IDLE, DRAIN_MSECS * NSECS_PER_MSEC);
}

void
http_server_free(struct http_server **sp)
{
	struct http_server *s = *sp;

	if (s == NULL)
		return;
	*sp = NULL;
	s->draining = true;
	http_share_leave(&s->share);
	drop_listeners(s);
	for (int phase = 0; phase < PHASE_COUNT; phase++)
		close_all(s, (enum http_phase)phase);
	while (!list_empty(&s->orphans))
		http_conn_free(
		    LIST_OBJ(s->orphans.next, struct http_conn, phase_node));
	evtimer_del(&s->deadline_timer);
	evtimer_del(&s->rest_timer);
	evtimer_del(&s->later_timer);
	event_del(&s->work_event);
	fd_close(&s->spare_fd);
	http_spares_fini(&s->spares);
	free(s);
}

size_t
http_server_connections(const struct http_server *s)
{
	return s->stats.connections;
}

void
http_server_stats(const struct http_server *s, struct http_stats *s_r)
{
	*s_r = s->stats;
}
