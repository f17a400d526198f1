/*
 * What the http layer costs alone: a server that answers every request with
 * the same 739 bytes, as one worker would, and nothing behind it.
 *
 *   http_hello [--seconds N]   loads itself from a second process, 32
 *                              connections, 813-byte bodies, and prints
 *                              requests/s and the server's CPU per request
 *   http_hello --port P [--seconds N]   only serves (for wrk, strace, perf)
 *
 * /stream answers with 32 chunks, one per turn of the loop. A check program
 * that is not run by make check.
 */
#include "base/clock.h"
#include "base/num.h"
#include "http/http.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define BODY_BYTES    813
#define ANSWER_BYTES  739
#define CONNECTIONS   32
#define STREAM_CHUNKS 32

static char answer[ANSWER_BYTES];

struct hello {
	struct event_base *base;
	struct http_server *server;
};

struct stream {
	struct http_call *call;
	struct event *timer;
	int left;
};

static void
stream_free(struct stream *st)
{
	event_free(st->timer);
	free(st);
}

static void
on_gone(void *arg)
{
	stream_free(arg);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval soon = { 0, 0 };
	struct stream *st = arg;

	(void)fd;
	(void)what;
	http_send(st->call, str_make(answer, 120));
	if (--st->left > 0) {
		event_add(st->timer, &soon);
		return;
	}
	http_end(st->call);
	stream_free(st);
}

static void
start_stream(struct hello *hello, struct http_call *call)
{
	static const struct http_call_callbacks callbacks = { on_gone, NULL };
	struct stream *st = xcalloc(1, sizeof(*st));

	st->call = call;
	st->left = STREAM_CHUNKS;
	st->timer = event_new(hello->base, -1, 0, on_tick, st);
	http_call_own(call, &callbacks, st);
	http_start(call, 200, "text/event-stream");
	on_tick(-1, 0, st);
}

static void
on_call(void *arg, struct http_call *call)
{
	if (str_is(http_path(call), "/stream"))
		start_stream(arg, call);
	else
		http_reply(call, 200, "application/json",
		    str_make(answer, sizeof(answer)));
}

static void
on_error(void *arg, int status, enum err_code code, const char *text,
    struct buf *out)
{
	(void)arg;
	(void)status;
	(void)code;
	buf_printf(out, "{\"error\":{\"message\":\"%s\"}}", text);
}

static void
on_stop(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(arg);
}

static int
listen_on(int port, int *port_r)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons((uint16_t)port);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (fd < 0 || bind(fd, (struct sockaddr *)&sin, len) != 0 ||
	    listen(fd, 1024) != 0 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) != 0) {
		perror("listen");
		exit(1);
	}
	*port_r = ntohs(sin.sin_port);
	return fd;
}

/* ---- the load ------------------------------------------------------------ */

struct client {
	int fd;
	size_t got; /* of the answer's body */
	bool in_body;
};

static void
client_ask(const struct client *c)
{
	static char request[2048];
	static size_t len;

	if (len == 0) {
		len = (size_t)snprintf(request, sizeof(request),
		    "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n"
		    "Content-Type: application/json\r\n"
		    "Authorization: Bearer sk-1234\r\n"
		    "Content-Length: %d\r\n\r\n",
		    BODY_BYTES);
		memset(request + len, 'x', BODY_BYTES);
		len += BODY_BYTES;
	}
	if (send(c->fd, request, len, 0) != (ssize_t)len)
		_exit(1);
}

/* True when an answer is whole. Its head comes in one piece here. */
static bool
client_hear(struct client *c)
{
	char block[4096];
	ssize_t n = recv(c->fd, block, sizeof(block) - 1, 0);
	const char *body;

	if (n <= 0)
		_exit(1);
	block[n] = '\0';
	if (!c->in_body) {
		body = strstr(block, "\r\n\r\n");
		if (body == NULL)
			_exit(1);
		c->in_body = true;
		c->got = (size_t)(block + n - body) - 4;
	} else {
		c->got += (size_t)n;
	}
	if (c->got < ANSWER_BYTES)
		return false;
	c->in_body = false;
	return true;
}

static int
client_main(int port, int seconds)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	int64_t end = clock_mono_nsecs() + seconds * NSECS_PER_SEC;
	struct pollfd polls[CONNECTIONS];
	struct client clients[CONNECTIONS];

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons((uint16_t)port);
	memset(clients, 0, sizeof(clients));
	for (int i = 0; i < CONNECTIONS; i++) {
		clients[i].fd = socket(AF_INET, SOCK_STREAM, 0);
		polls[i].fd = clients[i].fd;
		polls[i].events = POLLIN;
		if (connect(clients[i].fd, (struct sockaddr *)&sin,
			sizeof(sin)) != 0)
			return 1;
		client_ask(&clients[i]);
	}
	while (clock_mono_nsecs() < end) {
		if (poll(polls, CONNECTIONS, 1000) <= 0)
			return 1;
		for (int i = 0; i < CONNECTIONS; i++)
			if (polls[i].revents != 0 && client_hear(&clients[i]))
				client_ask(&clients[i]);
	}
	return 0;
}

/* ---- the server -----------------------------------------------------------
 */

static double
cpu_micros(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void
report(const struct hello *hello, double secs, double cpu)
{
	struct http_stats stats;
	double n;

	http_server_stats(hello->server, &stats);
	n = stats.requests > 0 ? (double)stats.requests : 1;
	printf("%.0f requests/s, %.2f CPU us/request; %llu requests on %llu "
	       "connections, %llu refused, %llu gone\n",
	    n / secs, cpu / n, (unsigned long long)stats.requests,
	    (unsigned long long)stats.accepted,
	    (unsigned long long)stats.refused, (unsigned long long)stats.gone);
}

static void
serve(struct hello *hello, int listen_fd, int seconds)
{
	static const struct http_callbacks callbacks = { on_call, on_error };
	struct http_options options = { 0 };
	struct timeval end = { seconds, 0 };
	double cpu = cpu_micros();
	struct event *stop;
	int64_t begun;
	struct err err;

	hello->server =
	    http_server_new(hello->base, &options, &callbacks, hello);
	if (http_server_listen(hello->server, listen_fd, &err) != 0) {
		fprintf(stderr, "http_hello: %s\n", err.text);
		exit(1);
	}
	stop = evsignal_new(hello->base, SIGINT, on_stop, hello->base);
	event_add(stop, NULL);
	event_base_loopexit(hello->base, &end);
	begun = clock_mono_nsecs();
	event_base_dispatch(hello->base);
	report(hello, (double)(clock_mono_nsecs() - begun) / 1e9,
	    cpu_micros() - cpu);
	event_free(stop);
	http_server_free(&hello->server);
	event_base_loop(hello->base, EVLOOP_NONBLOCK);
}

static int
number_of(const char *text, int64_t most)
{
	int64_t v;

	if (num_int64(str_of(text), &v) != 0 || v < 1 || v > most) {
		fprintf(stderr, "http_hello: bad number: %s\n", text);
		exit(2);
	}
	return (int)v;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = { { "port", 1, NULL, 'p' },
		{ "seconds", 1, NULL, 's' }, { NULL, 0, NULL, 0 } };
	struct event_config *config = event_config_new();
	int opt, port = 0, seconds = 3, fd, status = 0;
	struct hello hello = { 0 };
	pid_t child = -1;
	bool alone;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'p')
			port = number_of(optarg, 65535);
		else if (opt == 's')
			seconds = number_of(optarg, 60);
		else
			return 2;
	}
	memset(answer, 'a', sizeof(answer));
	alone = port == 0;
	fd = listen_on(port, &port);
	if (alone) {
		child = fork();
		if (child == 0)
			_exit(client_main(port, seconds));
	}
	event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
	hello.base = event_base_new_with_config(config);
	event_config_free(config);
	serve(&hello, fd, seconds);
	event_base_free(hello.base);
	close(fd);

	if (child > 0)
		waitpid(child, &status, 0);
	return status == 0 ? 0 : 1;
}
