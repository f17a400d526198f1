/*
 * Calls to providers against a scripted server in a child process: how each
 * end is told, and the library's traps (a second POST, callbacks that cancel
 * or start calls, pauses).
 */
#include "unit.h"

#include "base/buf.h"
#include "base/clock.h"
#include "upstream/upstream.h"

#include <event2/event.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define OK_ANSWER                                                              \
	"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"                \
	"Content-Length: 11\r\n\r\n{\"ok\":true}"

/* ---- the server: what it does is chosen by the path -------------------- */

struct shared {
	volatile int requests; /* whole requests seen */
	volatile int connections;
};

static struct shared *shared;
static int server_port;
static pid_t server_pid;

static void
say(int fd, const char *text)
{
	(void)!write(fd, text, strlen(text));
}

/* Reads one request; its path into `path`. false: the client closed. */
static bool
read_request(int fd, char *path, size_t size)
{
	static char in[1 << 20];
	size_t n = 0, body = 0;
	char *end;

	for (;;) {
		ssize_t got = read(fd, in + n, sizeof(in) - 1 - n);

		if (got <= 0)
			return false;
		n += (size_t)got;
		in[n] = '\0';
		end = strstr(in, "\r\n\r\n");
		if (end != NULL)
			break;
	}
	if (strcasestr(in, "\r\nExpect:") != NULL)
		return false; /* must never be sent */
	sscanf(in, "%*s %200s", path);
	(void)size;
	if (strcasestr(in, "\r\nContent-Length:") != NULL)
		body = strtoul(strcasestr(in, "\r\nContent-Length:") + 17, NULL,
		    10);
	body -= n - (size_t)(end + 4 - in) < body ? n - (size_t)(end + 4 - in)
						  : body;
	while (body > 0) {
		ssize_t got =
		    read(fd, in, sizeof(in) < body ? sizeof(in) : body);

		if (got <= 0)
			return false;
		body -= (size_t)got;
	}
	shared->requests++;
	return true;
}

static void
send_stream(int fd, int chunks, bool end)
{
	say(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
		"Transfer-Encoding: chunked\r\nX-Request-Id: up-1\r\n\r\n");
	for (int i = 0; i < chunks; i++) {
		say(fd, "9\r\ndata: x\n\n\r\n");
		usleep(2000);
	}
	if (end)
		say(fd, "0\r\n\r\n");
}

static void
send_big(int fd)
{
	static char block[65536];

	memset(block, 'b', sizeof(block));
	say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 8388608\r\n\r\n");
	for (int i = 0; i < 128; i++) {
		size_t off = 0;

		while (off < sizeof(block)) {
			ssize_t n = write(fd, block + off, sizeof(block) - off);

			if (n <= 0)
				return;
			off += (size_t)n;
		}
	}
}

/* true: the connection stays. */
static bool
answer(int fd, const char *path, int nth)
{
	if (strcmp(path, "/ok") == 0) {
		say(fd, OK_ANSWER);
		return true;
	}
	if (strcmp(path, "/die-when-reused") == 0) {
		if (nth > 1)
			return false; /* took the POST, says nothing */
		say(fd, OK_ANSWER);
		return true;
	}
	if (strcmp(path, "/stream") == 0) {
		send_stream(fd, 5, true);
		return true;
	}
	if (strcmp(path, "/cut") == 0)
		send_stream(fd, 3, false);
	else if (strcmp(path, "/garbage") == 0)
		say(fd, "this is no HTTP\r\n\r\n");
	else if (strcmp(path, "/half-head") == 0)
		say(fd, "HTTP/1.1 200 OK\r\nContent-Le");
	else if (strcmp(path, "/redirect") == 0)
		say(fd, "HTTP/1.1 302 Found\r\nLocation: /ok\r\n"
			"Content-Length: 0\r\n\r\n");
	else if (strcmp(path, "/429") == 0)
		say(fd, "HTTP/1.1 429 Too Many\r\nRetry-After: 7\r\n"
			"x-should-retry: false\r\nContent-Length: 2\r\n\r\n{}");
	else if (strcmp(path, "/silent") == 0)
		pause();
	else if (strcmp(path, "/big") == 0)
		send_big(fd);
	return false;
}

static void
serve_connection(int fd)
{
	char path[256];
	int nth = 0;

	shared->connections++;
	while (read_request(fd, path, sizeof(path))) {
		if (!answer(fd, path, ++nth))
			break;
	}
	_exit(0);
}

static int
start_server(void **state)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	server_port = ntohs(sin.sin_port);
	server_pid = fork();
	if (server_pid == 0) {
		setpgid(0, 0);
		signal(SIGCHLD, SIG_IGN);
		signal(SIGPIPE, SIG_IGN);
		for (;;) {
			int c = accept(fd, NULL, NULL);

			if (c >= 0 && fork() == 0)
				serve_connection(c);
			close(c);
		}
	}
	close(fd);
	setpgid(server_pid, server_pid);
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

static int
stop_server(void **state)
{
	(void)state;
	kill(-server_pid, SIGKILL);
	waitpid(server_pid, NULL, 0);
	return 0;
}

/* ---- the client --------------------------------------------------------- */

struct watch {
	struct event_base *base;
	struct upstream *u;
	struct upstream_call *call;
	struct upstream_head head;
	char content_type[64], request_id[64];
	struct upstream_result result;
	struct buf body;
	int heads, datas, dones;
	bool pause_once, cancel_on_data, chain; /* what callbacks do */
	struct watch *next;
	char url[128];
};

static void start(struct watch *w, const char *path);

static void
on_head(void *arg, const struct upstream_head *head)
{
	struct watch *w = arg;

	w->head = *head;
	w->heads++;
	snprintf(w->content_type, sizeof(w->content_type), STR_FMT,
	    STR_ARG(head->content_type));
	snprintf(w->request_id, sizeof(w->request_id), STR_FMT,
	    STR_ARG(head->request_id));
}

static void
on_unpause(evutil_socket_t fd, short what, void *arg)
{
	struct watch *w = arg;

	(void)fd;
	(void)what;
	upstream_resume(w->call);
}

static void
on_data(void *arg, struct str bytes)
{
	struct watch *w = arg;
	struct timeval tv = { 0, 50000 };

	w->datas++;
	buf_add_str(&w->body, bytes);
	if (w->cancel_on_data) {
		upstream_cancel(&w->call);
		if (w->next != NULL)
			start(w->next, "/ok"); /* from inside a callback */
		return;
	}
	if (w->pause_once) {
		w->pause_once = false;
		upstream_pause(w->call);
		event_base_once(w->base, -1, EV_TIMEOUT, on_unpause, w, &tv);
	}
}

static void
on_done(void *arg, const struct upstream_result *result)
{
	struct watch *w = arg;

	w->result = *result;
	w->call = NULL;
	w->dones++;
	if (w->chain && w->next != NULL)
		start(w->next, "/ok");
}

static const struct upstream_callbacks callbacks = { on_head, on_data,
	on_done };

static void
start(struct watch *w, const char *path)
{
	static const char *const headers[] = { "Content-Type: a/b",
		"X-One: 1" };
	static const struct str pieces[] = { STR_LIT("{\"model\":"),
		STR_LIT("\"m\""), STR_LIT(",\"x\":1}") };
	struct upstream_request request = {
		.method = "POST",
		.url = w->url,
		.header_count = 2,
		.headers = headers,
		.piece_count = 3,
		.pieces = pieces,
		.callbacks = &callbacks,
		.arg = w,
	};
	struct err err;

	if (path[0] == '/')
		snprintf(w->url, sizeof(w->url), "http://127.0.0.1:%d%s",
		    server_port, path);
	else
		snprintf(w->url, sizeof(w->url), "%s", path);
	assert_int_equal(upstream_start(w->u, &request, &w->call, &err), 0);
	assert_int_equal(w->dones, 0); /* never from inside */
}

static void
open_watch(struct watch *w, const struct watch *with)
{
	struct upstream_options options = { .connect_timeout_msecs = 2000 };
	struct err err;

	memset(w, 0, sizeof(*w));
	buf_init(&w->body, 16 * 1024 * 1024);
	if (with != NULL) {
		w->base = with->base;
		w->u = with->u;
		return;
	}
	w->base = event_base_new();
	assert_int_equal(upstream_new(w->base, &options, &w->u, &err), 0);
}

static void
close_watch(struct watch *w)
{
	upstream_free(&w->u);
	event_base_free(w->base);
	buf_fini(&w->body);
}

/* Runs the loop until the flag rises, ten seconds at most. */
static void
run_until(struct watch *w, const int *flag)
{
	int64_t deadline = clock_mono_nsecs() + 10 * NSECS_PER_SEC;

	while (*flag == 0 && clock_mono_nsecs() < deadline)
		event_base_loop(w->base, EVLOOP_ONCE);
	assert_int_not_equal(*flag, 0);
}

static void
once(struct watch *w, const char *path)
{
	open_watch(w, NULL);
	start(w, path);
	run_until(w, &w->dones);
}

/* ---- tests -------------------------------------------------------------- */

static void
test_plain_answer(void **state)
{
	struct watch w;

	(void)state;
	once(&w, "/ok");
	assert_int_equal(w.result.end, UPSTREAM_DONE);
	assert_int_equal(w.head.status, 200);
	assert_string_equal(w.content_type, "application/json");
	assert_int_equal(w.head.content_length, 11);
	assert_str(buf_str(&w.body), "{\"ok\":true}");
	assert_true(w.result.sent);
	close_watch(&w);
}

static void
test_keep_alive_is_used(void **state)
{
	struct watch w;
	int before = shared->connections;

	(void)state;
	open_watch(&w, NULL);
	for (int i = 0; i < 20; i++) {
		w.dones = 0;
		start(&w, "/ok");
		run_until(&w, &w.dones);
		assert_int_equal(w.result.end, UPSTREAM_DONE);
	}
	assert_int_equal(shared->connections - before, 1);
	close_watch(&w);
}

static void
test_a_post_is_never_sent_twice(void **state)
{
	struct watch w;
	int before;

	(void)state;
	once(&w, "/die-when-reused");
	assert_int_equal(w.result.end, UPSTREAM_DONE);
	before = shared->requests;
	w.dones = 0;
	start(&w, "/die-when-reused");
	run_until(&w, &w.dones);
	assert_int_equal(w.result.end, UPSTREAM_BROKEN);
	assert_true(w.result.sent);
	assert_int_equal(shared->requests - before, 1);
	close_watch(&w);
}

static void
test_stream_arrives_in_pieces(void **state)
{
	struct watch w;

	(void)state;
	once(&w, "/stream");
	assert_int_equal(w.result.end, UPSTREAM_DONE);
	assert_string_equal(w.content_type, "text/event-stream");
	assert_string_equal(w.request_id, "up-1");
	assert_int_equal(w.body.len, 45);
	assert_true(w.datas >= 2);
	close_watch(&w);
}

static void
test_ends_are_told_apart(void **state)
{
	static const struct {
		const char *path;
		enum upstream_end end;
		bool sent;
	} rows[] = {
		{ "/cut", UPSTREAM_CUT, true },
		{ "/garbage", UPSTREAM_GARBAGE, true },
		{ "/half-head", UPSTREAM_BROKEN, true },
		{ "http://127.0.0.1:1/", UPSTREAM_REFUSED, false },
		{ "http://no-such-host.invalid/", UPSTREAM_REFUSED, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct watch w;

		once(&w, rows[i].path);
		assert_int_equal(w.result.end, rows[i].end);
		assert_int_equal(w.result.sent, rows[i].sent);
		assert_string_not_equal(w.result.text, "");
		close_watch(&w);
	}
}

static void
test_redirects_stay_answers(void **state)
{
	struct watch w;

	(void)state;
	once(&w, "/redirect");
	assert_int_equal(w.result.end, UPSTREAM_DONE);
	assert_int_equal(w.head.status, 302);
	close_watch(&w);
}

static void
test_retry_headers_are_read(void **state)
{
	struct watch w;

	(void)state;
	once(&w, "/429");
	assert_int_equal(w.head.status, 429);
	assert_int_equal(w.head.retry_after_nsecs, 7 * NSECS_PER_SEC);
	assert_int_equal(w.head.should_retry, 0);
	close_watch(&w);
}

static void
test_pause_holds_data_back(void **state)
{
	struct watch w;
	int64_t began = clock_mono_nsecs();

	(void)state;
	open_watch(&w, NULL);
	w.pause_once = true;
	start(&w, "/big");
	run_until(&w, &w.dones);
	assert_int_equal(w.result.end, UPSTREAM_DONE);
	assert_int_equal(w.body.len, 8388608);
	assert_true(clock_mono_nsecs() - began >= 45 * NSECS_PER_MSEC);
	close_watch(&w);
}

static void
test_callbacks_may_cancel_and_start(void **state)
{
	struct watch w, next;

	(void)state;
	open_watch(&w, NULL);
	open_watch(&next, &w);
	w.cancel_on_data = true;
	w.next = &next;
	start(&w, "/stream");
	run_until(&w, &next.dones);
	assert_int_equal(w.dones, 0);
	assert_int_equal(w.datas, 1);
	assert_int_equal(next.result.end, UPSTREAM_DONE);
	buf_fini(&next.body);
	close_watch(&w);
}

static void
test_the_next_call_from_on_done(void **state)
{
	struct watch w, next;

	(void)state;
	open_watch(&w, NULL);
	open_watch(&next, &w);
	w.chain = true;
	w.next = &next;
	start(&w, "/ok");
	run_until(&w, &next.dones);
	assert_int_equal(next.result.end, UPSTREAM_DONE);
	buf_fini(&next.body);
	close_watch(&w);
}

static void
test_cancel_before_anything_was_sent(void **state)
{
	struct watch w;
	struct upstream_stats stats;
	int before = shared->requests;

	(void)state;
	open_watch(&w, NULL);
	start(&w, "/silent");
	upstream_cancel(&w.call);
	assert_null(w.call);
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	upstream_stats(w.u, &stats);
	assert_int_equal(stats.active, 0);
	assert_int_equal(stats.cancelled, 1);
	assert_int_equal(shared->requests, before);
	close_watch(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_answer),
		cmocka_unit_test(test_keep_alive_is_used),
		cmocka_unit_test(test_a_post_is_never_sent_twice),
		cmocka_unit_test(test_stream_arrives_in_pieces),
		cmocka_unit_test(test_ends_are_told_apart),
		cmocka_unit_test(test_redirects_stay_answers),
		cmocka_unit_test(test_retry_headers_are_read),
		cmocka_unit_test(test_pause_holds_data_back),
		cmocka_unit_test(test_callbacks_may_cancel_and_start),
		cmocka_unit_test(test_the_next_call_from_on_done),
		cmocka_unit_test(test_cancel_before_anything_was_sent),
	};

	return cmocka_run_group_tests(tests, start_server, stop_server);
}
