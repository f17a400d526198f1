/* See http_fixture.h. */
#include "http_fixture.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static void
on_gone(void *arg)
{
	struct fixture *fx = arg;

	fx->gone++;
	fx->gone_nsecs = clock_mono_nsecs();
	if (fx->releases)
		http_call_release(fx->call);
	fx->call = NULL;
}

static void
on_drained(void *arg)
{
	struct fixture *fx = arg;

	fx->drained++;
}

static const struct http_call_callbacks call_callbacks = { on_gone,
	on_drained };

static void
note(struct fixture *fx, struct http_call *call)
{
	struct str auth = http_header(call, "authorization");

	buf_clear(&fx->seen);
	buf_printf(&fx->seen, "%s auth=" STR_FMT, http_peer(call),
	    STR_ARG(auth));
}

static void
on_call(void *arg, struct http_call *call)
{
	static const char heard[] = "GET /heard HTTP/1.1\r\nHost: a\r\n\r\n";
	struct fixture *fx = arg;
	struct str path = http_path(call), method = http_method(call);
	struct str query = http_query(call);
	char text[256];

	fx->calls++;
	note(fx, call);
	if (str_is(path, "/echo")) {
		http_reply(call, 200, "application/octet-stream",
		    http_body(call));
	} else if (str_is(path, "/hold")) {
		http_call_own(call, &call_callbacks, fx);
		fx->call = call;
	} else if (str_is(path, "/unowned")) {
		fx->call = call;
	} else if (str_is(path, "/empty")) {
		http_reply(call, 204, NULL, str_of(""));
	} else if (str_is(path, "/say")) {
		assert_true(write(fx->say_fd, heard, sizeof(heard) - 1) > 0);
		http_reply(call, 200, "text/plain", str_of("said"));
	} else {
		snprintf(text, sizeof(text),
		    STR_FMT " " STR_FMT " " STR_FMT " %zu", STR_ARG(method),
		    STR_ARG(path), STR_ARG(query), http_body(call).n);
		http_reply(call, 200, "text/plain", str_of(text));
	}
}

static void
on_error(void *arg, int status, enum err_code code, const char *text,
    struct buf *out)
{
	(void)arg;
	buf_printf(out,
	    "{\"error\":{\"message\":\"%s\",\"code\":\"%s\","
	    "\"status\":%d}}",
	    text, err_info(code)->code, status);
}

static int
listen_on_loopback(int *port_r)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;

	assert_true(fd >= 0);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, len), 0);
	assert_int_equal(listen(fd, 128), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	*port_r = ntohs(sin.sin_port);
	return fd;
}

void
fixture_start(struct fixture *fx, const struct http_options *o)
{
	static const struct http_callbacks callbacks = { on_call, on_error };
	struct event_config *config = event_config_new();
	struct err err;

	memset(fx, 0, sizeof(*fx));
	event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
	fx->base = event_base_new_with_config(config);
	event_config_free(config);
	buf_init(&fx->seen, 1024);
	fx->listen_fd = listen_on_loopback(&fx->port);
	fx->server = http_server_new(fx->base, o, &callbacks, fx);
	assert_int_equal(http_server_listen(fx->server, fx->listen_fd, &err),
	    0);
}

void
fixture_stop(struct fixture *fx)
{
	http_server_free(&fx->server);
	fixture_run(fx, 1);
	event_base_free(fx->base);
	close(fx->listen_fd);
	buf_fini(&fx->seen);
}

int
fixture_set_up(void **state, const struct http_options *o)
{
	struct fixture *fx = xcalloc(1, sizeof(*fx));

	fixture_start(fx, o);
	*state = fx;
	return 0;
}

int
fixture_tear_down(void **state)
{
	fixture_stop(*state);
	free(*state);
	return 0;
}

static bool
past(int64_t deadline_nsecs)
{
	return clock_mono_nsecs() >= deadline_nsecs;
}

void
fixture_run(struct fixture *fx, int msecs)
{
	int64_t end = clock_mono_nsecs() + msecs * NSECS_PER_MSEC;

	do {
		event_base_loop(fx->base, EVLOOP_NONBLOCK);
		if (!past(end))
			usleep(100);
	} while (!past(end));
}

int
client_connect(struct fixture *fx, int rcvbuf)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (rcvbuf > 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf));
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons((uint16_t)fx->port);
	assert_int_equal(connect(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

bool
client_send(struct fixture *fx, int fd, struct str bytes)
{
	int64_t end = clock_mono_nsecs() + 10 * NSECS_PER_SEC;

	while (bytes.n > 0 && !past(end)) {
		ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);

		if (n > 0) {
			bytes.p += n;
			bytes.n -= (size_t)n;
		} else if (errno != EAGAIN) {
			break; /* the server has closed */
		}
		event_base_loop(fx->base, EVLOOP_NONBLOCK);
	}
	return bytes.n == 0;
}

void
client_say(struct fixture *fx, int fd, const char *text)
{
	(void)client_send(fx, fd, str_of(text));
}

static bool
read_on(struct fixture *fx, int fd, struct buf *b, const char *until, int msecs,
    bool *end_r)
{
	int64_t deadline = clock_mono_nsecs() + msecs * NSECS_PER_MSEC;
	char block[65536];

	*end_r = false;
	while (until == NULL || str_find(buf_str(b), until) < 0) {
		ssize_t n = recv(fd, block, sizeof(block), 0);

		if (n > 0) {
			assert_int_equal(buf_add(b, block, (size_t)n), 0);
			continue;
		}
		if (n == 0 || errno != EAGAIN) {
			*end_r = true;
			return false;
		}
		if (past(deadline))
			return false;
		event_base_loop(fx->base, EVLOOP_NONBLOCK);
		usleep(100);
	}
	return true;
}

bool
client_read(struct fixture *fx, int fd, struct buf *b, const char *until,
    int msecs)
{
	bool end;

	return read_on(fx, fd, b, until, msecs, &end);
}

bool
client_sees_end(struct fixture *fx, int fd, struct buf *b, int msecs)
{
	bool end;

	read_on(fx, fd, b, NULL, msecs, &end);
	return end;
}

int
hold_with(struct fixture *fx, const char *request, int rcvbuf)
{
	int fd = client_connect(fx, rcvbuf);

	client_say(fx, fd, request);
	assert_true(WITHIN(fx, 1000, fx->call != NULL));
	return fd;
}

int
hold(struct fixture *fx)
{
	return hold_with(fx, HOLD, 0);
}

void
exchange(struct fixture *fx, int fd, const char *request, const char *until)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	client_say(fx, fd, request);
	if (!client_read(fx, fd, &b, until, 2000))
		fail_msg("no '%s' in: %s", until, buf_cstr(&b));
	buf_fini(&b);
}
