/*
 * Connections and streams: clients that leave, stall or send too much,
 * streamed answers, limits of connections and descriptors, drain.
 */
#include "http_fixture.h"

#include "base/clock.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define H    "Host: a\r\n"
#define HOLD "GET /hold HTTP/1.1\r\n" H "\r\n"

#define HIGH_WATER 65536

static int
start(void **state)
{
	static const struct http_options o = { .max_connections = 6,
		.slow_client_msecs = 150,
		.high_water_bytes = HIGH_WATER };
	struct fixture *fx = xcalloc(1, sizeof(*fx));

	fixture_start(fx, &o);
	*state = fx;
	return 0;
}

static int
stop(void **state)
{
	fixture_stop(*state);
	free(*state);
	return 0;
}

/* A client that waits for its held call. */
static int
hold_with(struct fixture *fx, const char *request, int rcvbuf)
{
	int fd = client_connect(fx, rcvbuf);

	client_say(fx, fd, request);
	assert_true(WITHIN(fx, 1000, fx->call != NULL));
	return fd;
}

static int
hold(struct fixture *fx)
{
	return hold_with(fx, HOLD, 0);
}

static void
check_gone(struct fixture *fx, int64_t since_nsecs)
{
	struct http_stats stats;

	assert_true(WITHIN(fx, 1000, fx->gone > 0));
	assert_true(fx->gone_nsecs - since_nsecs < 100 * NSECS_PER_MSEC);
	fixture_run(fx, 20);
	assert_int_equal(fx->gone, 1);
	http_server_stats(fx->server, &stats);
	assert_int_equal(stats.gone, 1);
	assert_int_equal(stats.calls, 0);
	assert_int_equal(stats.connections, 0);
}

/* ---- leaving --------------------------------------------------------------
 */

static void
test_owner_hears_at_once_that_its_client_closed(void **state)
{
	struct fixture *fx = *state;
	int fd = hold(fx);
	int64_t now;

	fixture_run(fx, 30);
	now = clock_mono_nsecs();
	close(fd);
	check_gone(fx, now);
}

static void
test_owner_hears_of_a_reset(void **state)
{
	static const struct linger at_once = { 1, 0 };
	struct fixture *fx = *state;
	int fd = hold(fx);
	int64_t now = clock_mono_nsecs();

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
	check_gone(fx, now);
}

static void
test_half_close_counts_as_leaving(void **state)
{
	struct fixture *fx = *state;
	int fd = hold(fx);
	int64_t now = clock_mono_nsecs();

	shutdown(fd, SHUT_WR);
	check_gone(fx, now);
	close(fd);
}

static void
test_half_close_behind_a_quick_answer_is_served(void **state)
{
	struct fixture *fx = *state;
	int fd = client_connect(fx, 0);
	struct buf b;

	buf_init(&b, 4096);
	assert_true(send(fd, "GET /q HTTP/1.1\r\n" H "\r\n", 28, 0) == 28);
	shutdown(fd, SHUT_WR);
	assert_true(client_sees_end(fx, fd, &b, 500));
	assert_true(str_ends(buf_str(&b), "GET /q  0"));
	buf_fini(&b);
	close(fd);
}

static void
test_client_leaving_with_a_pipelined_request_is_noticed(void **state)
{
	struct fixture *fx = *state;
	int fd = hold_with(fx, HOLD "GET /next HTTP/1.1\r\n" H "\r\n", 0);
	int64_t now = clock_mono_nsecs();

	close(fd);
	check_gone(fx, now);
	assert_int_equal(fx->calls, 1);
}

static void
test_client_leaving_in_a_stream_is_noticed(void **state)
{
	struct fixture *fx = *state;
	int fd = hold(fx);
	int64_t now;

	http_start(fx->call, 200, "text/event-stream");
	http_send(fx->call, str_of("data: 1\n\n"));
	fixture_run(fx, 20);
	now = clock_mono_nsecs();
	close(fd);
	check_gone(fx, now);
}

static void
test_client_leaving_before_its_request_is_whole(void **state)
{
	static const char *const parts[] = { "", "GET / HT",
		"GET / HTTP/1.1\r\n",
		"POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nab",
		"POST / HTTP/1.1\r\n" H "Content-Length: 50000\r\n\r\nab",
		"POST / HTTP/1.1\r\n" H
		"Transfer-Encoding: chunked\r\n\r\n5\r\nab" };
	struct fixture *fx = *state;
	struct http_stats stats;

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		int fd = client_connect(fx, 0);

		client_say(fx, fd, parts[i]);
		fixture_run(fx, 3);
		assert_int_equal(http_server_connections(fx->server), 1);
		close(fd);
		assert_true(
		    WITHIN(fx, 100, http_server_connections(fx->server) == 0));
	}
	http_server_stats(fx->server, &stats);
	assert_int_equal(stats.requests, 0);
	assert_int_equal(stats.body_bytes, 0);
}

/* Answers into the void between the leave and the loop's notice of it. */
static void
test_answering_a_client_that_has_just_left(void **state)
{
	struct fixture *fx = *state;
	int fd = hold(fx);
	struct buf b;

	close(fd);
	http_reply(fx->call, 200, "text/plain", str_of("too late"));
	fixture_run(fx, 20);
	assert_int_equal(fx->gone, 0);
	assert_int_equal(http_server_connections(fx->server), 0);
	fx->call = NULL;
	fd = hold(fx);
	close(fd);
	http_start(fx->call, 200, "text/plain");
	http_send(fx->call, str_of("too late"));
	http_end(fx->call);
	fixture_run(fx, 20);
	assert_int_equal(fx->gone, 0);
	assert_int_equal(http_server_connections(fx->server), 0);
	fx->call = NULL;
	fd = hold(fx);
	close(fd);
	buf_init(&b, 1 << 20);
	for (int i = 0; i < 100000; i++)
		buf_add_char(&b, 'x');
	http_reply_take(fx->call, 200, "text/plain", &b);
	fixture_run(fx, 20);
	assert_int_equal(http_server_connections(fx->server), 0);
}

static void
test_owner_without_on_gone_keeps_its_call(void **state)
{
	static const char request[] =
	    "POST /unowned?q HTTP/1.1\r\n" H "Content-Length: 4\r\n\r\nbody";
	struct fixture *fx = *state;
	struct http_stats stats;

	for (int how = 0; how < 5; how++) {
		int fd = hold_with(fx, request, 0);
		struct buf b;

		close(fd);
		fixture_run(fx, 20);
		http_server_stats(fx->server, &stats);
		assert_int_equal(stats.calls, 1);
		assert_int_equal(stats.body_bytes, 4);
		assert_str(http_path(fx->call), "/unowned");
		assert_str(http_query(fx->call), "q");
		assert_str(http_body(fx->call), "body");
		assert_str(http_header(fx->call, "Host"), "a");
		buf_init(&b, 100000);
		if (how == 0) {
			http_reply(fx->call, 200, "text/plain", str_of("x"));
		} else if (how == 1) {
			http_start(fx->call, 200, "text/plain");
			assert_false(http_send(fx->call, str_of("x")));
			http_end(fx->call);
		} else if (how == 2) {
			http_abort(fx->call);
		} else if (how == 3) {
			buf_add_cstr(&b, "x");
			http_reply_take(fx->call, 200, "text/plain", &b);
		} /* 4: left to http_server_free */
		buf_fini(&b);
		http_server_stats(fx->server, &stats);
		assert_int_equal(stats.calls, how == 4 ? 1 : 0);
		assert_int_equal(stats.connections, how == 4 ? 1 : 0);
		assert_int_equal(stats.body_bytes, how == 4 ? 4 : 0);
		fx->call = NULL;
	}
	assert_int_equal(fx->gone, 0);
}

/* ---- too much input --------------------------------------------------------
 */

static void
test_pipelined_request_waits_for_the_answer(void **state)
{
	struct fixture *fx = *state;
	int fd = hold_with(fx, HOLD "GET /next HTTP/1.1\r\n" H, 0);
	struct buf b;

	buf_init(&b, 65536);
	fixture_run(fx, 20);
	assert_int_equal(fx->calls, 1);
	client_say(fx, fd,
	    "X: y\r\n\r\nPOST /p HTTP/1.1\r\n" H
	    "Content-Length: 20000\r\n\r\n");
	for (int i = 0; i < 1000; i++)
		client_say(fx, fd, "01234567890123456789");
	assert_int_equal(fx->calls, 1);
	assert_int_equal(fx->gone, 0);
	http_reply(fx->call, 200, "text/plain", str_of("first"));
	assert_true(client_read(fx, fd, &b, "POST /p  20000", 1000));
	assert_true(str_find(buf_str(&b), "first") > 0);
	assert_true(str_find(buf_str(&b), "GET /next  0") >
		    str_find(buf_str(&b), "first"));
	buf_fini(&b);
	close(fd);
}

static void
test_pipelined_junk_during_an_answer_is_bounded(void **state)
{
	struct fixture *fx = *state;
	int fd = hold(fx);
	size_t sent = 0;
	char junk[4096];

	memset(junk, 'j', sizeof(junk));
	while (fx->gone == 0 && sent < (8 << 20)) {
		ssize_t n = send(fd, junk, sizeof(junk), MSG_NOSIGNAL);

		sent += n > 0 ? (size_t)n : 0;
		event_base_loop(fx->base, EVLOOP_NONBLOCK);
	}
	assert_int_equal(fx->gone, 1);
	assert_true(sent <= 65536 + 3 * sizeof(junk) + 16384);
	fixture_run(fx, 10);
	assert_int_equal(http_server_connections(fx->server), 0);
	close(fd);
}

static void
test_junk_behind_a_good_request_is_refused_after_its_answer(void **state)
{
	struct fixture *fx = *state;
	int fd = hold_with(fx, HOLD "junk junk junk\r\n\r\n", 0);
	struct buf b;

	buf_init(&b, 65536);
	fixture_run(fx, 10);
	assert_int_equal(fx->gone, 0);
	http_reply(fx->call, 200, "text/plain", str_of("first"));
	assert_true(client_sees_end(fx, fd, &b, 1000));
	assert_true(str_find(buf_str(&b), "first") > 0);
	assert_true(str_find(buf_str(&b), "HTTP/1.1 400 ") > 0);
	buf_fini(&b);
	close(fd);
}

/* ---- streams ----------------------------------------------------------------
 */

static void
test_stream_is_chunked_and_the_connection_goes_on(void **state)
{
	struct fixture *fx = *state;
	int fd = hold(fx);
	struct buf b;

	buf_init(&b, 65536);
	http_add_header(fx->call, "x-a", "b");
	http_start(fx->call, 200, "text/event-stream");
	assert_true(client_read(fx, fd, &b, "\r\n\r\n", 500)); /* head first */
	assert_true(
	    str_find(buf_str(&b), "\r\nTransfer-Encoding: chunked\r\n") > 0);
	assert_true(str_find(buf_str(&b), "\r\nx-a: b\r\n") > 0);
	assert_int_equal(str_find(buf_str(&b), "Content-Length"), -1);
	buf_clear(&b);
	assert_false(http_send(fx->call, str_of("data: 1\n\n")));
	assert_false(http_send(fx->call, str_of("")));
	assert_false(http_send(fx->call, str_of("0123456789abcdefg")));
	assert_true(client_read(fx, fd, &b, "efg\r\n", 500));
	assert_str(buf_str(&b),
	    "9\r\ndata: 1\n\n\r\n11\r\n0123456789abcdefg\r\n");
	buf_clear(&b);
	http_end(fx->call);
	assert_true(client_read(fx, fd, &b, "0\r\n\r\n", 500));
	assert_str(buf_str(&b), "0\r\n\r\n");
	fx->call = NULL;
	exchange(fx, fd, "GET / HTTP/1.1\r\n" H "\r\n", "GET /  0");
	assert_int_equal(fx->gone, 0);
	buf_fini(&b);
	close(fd);
}

/* The request's own chunking must not leak into the answer. */
static void
test_chunked_request_with_a_plain_answer(void **state)
{
	struct fixture *fx = *state;
	int fd = hold_with(fx,
	    "POST /hold HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
	    "2\r\nhi\r\n0\r\n\r\n",
	    0);
	struct buf b;

	buf_init(&b, 65536);
	http_reply(fx->call, 200, "text/plain", str_of("answer"));
	fx->call = NULL;
	client_say(fx, fd, "GET /n HTTP/1.1\r\n" H "\r\n");
	assert_true(client_read(fx, fd, &b, "GET /n  0", 500));
	assert_true(str_find(buf_str(&b), "\r\n\r\nanswerHTTP/1.1 200") > 0);
	buf_fini(&b);
	close(fd);
}

static void
test_http10_stream_ends_with_the_connection(void **state)
{
	struct fixture *fx = *state;
	int fd = hold_with(fx,
	    "GET /hold HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 0);
	struct buf b;

	buf_init(&b, 65536);
	http_start(fx->call, 200, "text/event-stream");
	http_send(fx->call, str_of("data: 1\n\n"));
	http_send(fx->call, str_of("data: 2\n\n"));
	http_end(fx->call);
	assert_true(client_sees_end(fx, fd, &b, 500));
	assert_true(str_find(buf_str(&b), "Connection: close\r\n") > 0);
	assert_int_equal(str_find(buf_str(&b), "Content-Length"), -1);
	assert_int_equal(str_find(buf_str(&b), "Transfer-Encoding"), -1);
	assert_true(str_ends(buf_str(&b), "\r\n\r\ndata: 1\n\ndata: 2\n\n"));
	buf_fini(&b);
	close(fd);
}

static void
test_stream_to_head_or_204_swallows_and_never_stalls(void **state)
{
	struct fixture *fx = *state;
	int fd = hold_with(fx, "HEAD /hold HTTP/1.1\r\n" H "\r\n", 0);
	struct buf b;

	buf_init(&b, 65536);
	for (int round = 0; round < 2; round++) {
		http_start(fx->call, round == 0 ? 200 : 204, "text/plain");
		for (int i = 0; i < 1000; i++)
			assert_false(http_send(fx->call,
			    str_of("0123456789012345678901234567890123")));
		http_end(fx->call);
		fx->call = NULL;
		client_say(fx, fd, HOLD);
		assert_true(WITHIN(fx, 500, fx->call != NULL));
	}
	http_reply(fx->call, 200, "text/plain", str_of("END"));
	assert_true(client_read(fx, fd, &b, "END", 500));
	assert_int_equal(str_find(buf_str(&b), "0123456789"), -1);
	assert_int_equal(str_find(buf_str(&b), "0\r\n\r\n"), -1);
	buf_fini(&b);
	close(fd);
}

static void
test_what_is_sent_in_one_turn_leaves_in_one_piece(void **state)
{
	struct fixture *fx = *state;
	int fd = hold(fx);
	char block[4096];
	ssize_t n;

	http_start(fx->call, 200, "text/plain");
	for (int i = 0; i < 10; i++)
		http_send(fx->call, str_of("abc"));
	http_end(fx->call);
	fx->call = NULL;
	assert_true(recv(fd, block, sizeof(block), 0) < 0);
	event_base_loop(fx->base, EVLOOP_NONBLOCK);
	n = recv(fd, block, sizeof(block), 0);
	assert_true(n > 0);
	assert_true(str_ends(str_make(block, (size_t)n), "0\r\n\r\n"));
	close(fd);
}

/* Chunks with a number in each, until the server says stop. */
static size_t
send_until_full(struct fixture *fx, size_t *counter)
{
	char chunk[1001];
	size_t sent = 0;

	for (;;) {
		bool full;

		snprintf(chunk, sizeof(chunk), "%1000zu", (*counter)++);
		full = http_send(fx->call, str_of(chunk));
		sent++;
		if (full)
			return sent;
		event_base_loop(fx->base, EVLOOP_NONBLOCK);
		assert_true(sent < 20000);
	}
}

static void
check_numbers(struct buf *b, size_t count)
{
	char *p = strstr(b->data, "\r\n\r\n") + 4;

	for (size_t i = 0; i < count; i++) {
		char want[1008];

		snprintf(want, sizeof(want), "3e8\r\n%1000zu\r\n", i);
		assert_memory_equal(p, want, 1007);
		p += 1007;
	}
	assert_string_equal(p, "0\r\n\r\n");
}

static void
test_stalled_reader_pauses_its_producer(void **state)
{
	struct fixture *fx = *state;
	int fd = hold_with(fx, HOLD, 8192);
	size_t counter = 0;
	struct buf b;

	buf_init(&b, 64 << 20);
	http_start(fx->call, 200, "text/plain");
	for (int round = 0; round < 5; round++) {
		send_until_full(fx, &counter);
		fixture_run(fx, 20);
		assert_int_equal(fx->drained, round);
		/* The client reads on: room again, told once. */
		while (fx->drained == round && b.len < (60 << 20)) {
			char block[4096];
			ssize_t n = recv(fd, block, sizeof(block), 0);

			if (n > 0)
				buf_add(&b, block, (size_t)n);
			event_base_loop(fx->base, EVLOOP_NONBLOCK);
		}
		assert_int_equal(fx->drained, round + 1);
		fixture_run(fx, 5);
		assert_int_equal(fx->drained, round + 1);
	}
	http_end(fx->call);
	fx->call = NULL;
	assert_true(client_read(fx, fd, &b, "\r\n0\r\n\r\n", 2000));
	check_numbers(&b, counter);
	assert_int_equal(fx->gone, 0);
	buf_fini(&b);
	close(fd);
}

static void
test_client_without_progress_is_given_up(void **state)
{
	struct fixture *fx = *state;
	int fd = hold_with(fx, HOLD, 8192);
	size_t counter = 0;
	int64_t begun;

	http_start(fx->call, 200, "text/plain");
	send_until_full(fx, &counter);
	begun = clock_mono_nsecs();
	assert_true(WITHIN(fx, 2000, fx->gone == 1));
	/* While the kernels move bytes into the client's buffer, that counts
	   as progress. */
	assert_in_range((fx->gone_nsecs - begun) / NSECS_PER_MSEC, 50, 1500);
	assert_int_equal(http_server_connections(fx->server), 0);
	close(fd);
}

static void
test_client_with_slow_progress_is_not(void **state)
{
	struct fixture *fx = *state;
	int fd = hold_with(fx, HOLD, 8192);
	size_t counter = 0;
	char block[100000];

	http_start(fx->call, 200, "text/plain");
	send_until_full(fx, &counter);
	for (int i = 0; i < 8; i++) {
		for (int tries = 0; tries < 10; tries++) {
			(void)!recv(fd, block, sizeof(block), 0);
			fixture_run(fx, 5);
		}
		if (fx->drained > 0)
			send_until_full(fx, &counter);
	}
	assert_int_equal(fx->gone, 0);
	close(fd);
}

static void
test_stalled_answer_without_owner_is_closed(void **state)
{
	struct fixture *fx = *state;
	int fd = hold_with(fx, HOLD, 8192);
	struct http_stats stats;
	struct buf b;

	buf_init(&b, 32 << 20);
	for (int i = 0; i < (16 << 20) / 16; i++)
		buf_add(&b, "0123456789abcdef", 16);
	http_reply_take(fx->call, 200, "text/plain", &b);
	http_server_stats(fx->server, &stats);
	assert_int_equal(stats.calls, 0);
	fixture_run(fx, 50);
	assert_int_equal(http_server_connections(fx->server), 1);
	assert_true(WITHIN(fx, 1000, http_server_connections(fx->server) == 0));
	assert_int_equal(fx->gone, 0);
	close(fd);
}

static void
test_producer_that_ignores_the_stop_is_cut(void **state)
{
	struct fixture *fx = *state;
	int fd = hold_with(fx, HOLD, 8192);
	char block[16384];
	size_t sent = 0;

	memset(block, 'x', sizeof(block));
	http_start(fx->call, 200, "text/plain");
	while (fx->gone == 0 && sent < (64 << 20)) {
		http_send(fx->call, str_make(block, sizeof(block)));
		sent += sizeof(block);
		event_base_loop(fx->base, EVLOOP_NONBLOCK);
	}
	assert_int_equal(fx->gone, 1);
	assert_true(sent < (16 << 20)); /* the kernel's buffers, mostly */
	close(fd);
}

static void
test_aborted_stream_ends_without_final_chunk(void **state)
{
	struct fixture *fx = *state;
	int fd = hold_with(fx, HOLD, 0);
	size_t counter = 0;
	struct buf b;

	buf_init(&b, 16 << 20);
	http_start(fx->call, 200, "text/plain");
	send_until_full(fx, &counter);
	http_abort(fx->call);
	fx->call = NULL;
	/* What was sent still arrives. */
	assert_true(client_sees_end(fx, fd, &b, 2000));
	assert_true(b.len > counter * 1007);
	assert_true(str_ends(buf_str(&b), "\r\n"));
	assert_false(str_ends(buf_str(&b), "\r\n0\r\n\r\n"));
	assert_int_equal(fx->gone, 0);
	assert_int_equal(http_server_connections(fx->server), 0);
	buf_fini(&b);
	close(fd);
}

static void
test_aborted_http10_stream_is_reset(void **state)
{
	struct fixture *fx = *state;
	int fd = hold_with(fx, "GET /hold HTTP/1.0\r\n\r\n", 0);
	char block[4096];
	ssize_t n;

	http_start(fx->call, 200, "text/plain");
	http_send(fx->call, str_of("data"));
	fixture_run(fx, 10);
	assert_true(recv(fd, block, sizeof(block), 0) > 0);
	http_abort(fx->call);
	fixture_run(fx, 10);
	n = recv(fd, block, sizeof(block), 0);
	assert_true(n < 0 && errno == ECONNRESET);
	close(fd);
}

static void
test_abort_before_an_answer_just_closes(void **state)
{
	struct fixture *fx = *state;
	int fd = hold(fx);
	struct buf b;

	buf_init(&b, 4096);
	http_abort(fx->call);
	assert_true(client_sees_end(fx, fd, &b, 500));
	assert_int_equal(b.len, 0);
	assert_int_equal(http_server_connections(fx->server), 0);
	buf_fini(&b);
	close(fd);
}

static void
test_second_answer_in_a_stream_cuts_it(void **state)
{
	struct fixture *fx = *state;
	int fd = hold(fx);
	struct buf b;

	buf_init(&b, 4096);
	http_start(fx->call, 200, "text/plain");
	http_reply(fx->call, 500, "text/plain", str_of("oops"));
	assert_true(client_sees_end(fx, fd, &b, 500));
	assert_int_equal(str_find(buf_str(&b), "oops"), -1);
	assert_false(str_ends(buf_str(&b), "0\r\n\r\n"));
	buf_fini(&b);
	close(fd);
}

/* ---- limits and ends
 * --------------------------------------------------------- */

static void
test_connection_limit_is_exact(void **state)
{
	struct fixture *fx = *state;
	struct http_stats stats;
	struct buf b;
	int fds[20];

	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = client_connect(fx, 0);
	fixture_run(fx, 30);
	http_server_stats(fx->server, &stats);
	assert_int_equal(stats.connections, 6);
	assert_int_equal(stats.accepted, 6);
	/* The seventh waits, and is served when one of the six leaves. */
	client_say(fx, fds[6], "GET /7 HTTP/1.1\r\n" H "\r\n");
	buf_init(&b, 4096);
	assert_false(client_read(fx, fds[6], &b, "GET /7", 30));
	close(fds[0]);
	assert_true(client_read(fx, fds[6], &b, "GET /7", 500));
	http_server_stats(fx->server, &stats);
	assert_int_equal(stats.connections, 6);
	assert_int_equal(stats.accepted, 7);
	for (size_t i = 1; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	assert_true(WITHIN(fx, 500, http_server_connections(fx->server) == 0));
	http_server_stats(fx->server, &stats);
	assert_int_equal(stats.accepted, ARRAY_LEN(fds));
	buf_fini(&b);
}

static void
test_running_out_of_descriptors_does_not_spin(void **state)
{
	struct fixture *fx = *state;
	int waiting[30], first = client_connect(fx, 0), last, turns = 0;
	struct rlimit old, low;
	struct http_stats stats;
	int64_t end;
	struct buf b;

	exchange(fx, first, "GET / HTTP/1.1\r\n" H "\r\n", "GET /  0");
	for (size_t i = 0; i < ARRAY_LEN(waiting); i++)
		waiting[i] = client_connect(fx, 0);
	getrlimit(RLIMIT_NOFILE, &old);
	low = old;
	last = dup(first); /* the highest now in use */
	close(last);
	low.rlim_cur = (rlim_t)last;
	setrlimit(RLIMIT_NOFILE, &low);
	end = clock_mono_nsecs() + 350 * NSECS_PER_MSEC;
	while (clock_mono_nsecs() < end) {
		event_base_loop(fx->base, EVLOOP_ONCE); /* waits when idle */
		turns++;
	}
	setrlimit(RLIMIT_NOFILE, &old);
	http_server_stats(fx->server, &stats);
	assert_in_range(turns, 1, 60);
	assert_in_range(stats.accept_fails, 2, 6);
	/* One was told, with the spare descriptor. */
	buf_init(&b, 4096);
	assert_true(client_sees_end(fx, waiting[0], &b, 100));
	assert_true(str_starts(buf_str(&b), "HTTP/1.1 503 "));
	/* Meanwhile and afterwards there is service. */
	exchange(fx, first, "GET / HTTP/1.1\r\n" H "\r\n", "GET /  0");
	for (size_t i = 0; i < ARRAY_LEN(waiting); i++)
		close(waiting[i]);
	fixture_run(fx, 150);
	last = client_connect(fx, 0);
	exchange(fx, last, "GET / HTTP/1.1\r\n" H "\r\n", "GET /  0");
	close(last);
	close(first);
	buf_fini(&b);
}

static void
test_drain_finishes_what_runs_and_takes_no_more(void **state)
{
	struct fixture *fx = *state;
	int idle = client_connect(fx, 0), begun = client_connect(fx, 0);
	int held = hold(fx), late;
	struct buf b;

	buf_init(&b, 65536);
	exchange(fx, idle, "GET / HTTP/1.1\r\n" H "\r\n", "GET /  0");
	client_say(fx, begun, "GET /b HTTP/1.1\r\n");
	fixture_run(fx, 5);
	http_server_drain(fx->server);
	late = client_connect(fx, 0); /* the kernel still takes it */
	assert_true(client_sees_end(fx, idle, &b, 100));
	assert_int_equal(b.len, 0);
	client_say(fx, begun, H "\r\n");
	assert_true(client_sees_end(fx, begun, &b, 500));
	assert_true(str_find(buf_str(&b), "Connection: close\r\n") > 0);
	assert_true(str_ends(buf_str(&b), "GET /b  0"));
	buf_clear(&b);
	http_reply(fx->call, 200, "text/plain", str_of("done"));
	assert_true(client_sees_end(fx, held, &b, 500));
	assert_true(str_find(buf_str(&b), "Connection: close\r\n") > 0);
	assert_int_equal(http_server_connections(fx->server), 0);
	buf_clear(&b);
	client_say(fx, late, "GET / HTTP/1.1\r\n" H "\r\n");
	assert_false(client_read(fx, late, &b, "HTTP", 50));
	close(idle);
	close(begun);
	close(held);
	close(late);
	buf_fini(&b);
}

static int64_t
cpu_nsecs(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * NSECS_PER_SEC + ts.tv_nsec;
}

/* The supervisor's copy stays open: epoll must not report it to us. */
static void
test_drained_listener_does_not_wake_the_loop(void **state)
{
	static const struct timeval tenth = { 0, 100000 };
	struct fixture *fx = *state;
	int64_t cpu;
	int fd;

	fixture_run(fx, 5); /* epoll knows the listener */
	http_server_drain(fx->server);
	fixture_run(fx, 5);
	fd = client_connect(fx, 0);
	event_base_loopexit(fx->base, &tenth);
	cpu = cpu_nsecs();
	event_base_dispatch(fx->base);
	assert_true(cpu_nsecs() - cpu < 15 * NSECS_PER_MSEC);
	close(fd);
}

static void
test_stream_begun_before_the_drain_is_not_cut(void **state)
{
	struct fixture *fx = *state;
	int fd = hold(fx);
	struct buf b;

	buf_init(&b, 65536);
	http_start(fx->call, 200, "text/plain");
	fixture_run(fx, 5);
	http_server_drain(fx->server);
	http_send(fx->call, str_of("abc"));
	fixture_run(fx, 50);
	http_send(fx->call, str_of("def"));
	http_end(fx->call);
	assert_true(client_sees_end(fx, fd, &b, 500));
	assert_true(str_ends(buf_str(&b), "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"));
	buf_fini(&b);
	close(fd);
}

static void
test_free_tells_the_owners_and_leaves_no_trace(void **state)
{
	static const struct http_options defaults = { 0 };
	struct fixture *fx = *state;
	int held = hold(fx), idle = client_connect(fx, 0);
	int begun = client_connect(fx, 0), fresh;
	struct buf b;

	exchange(fx, idle, "GET / HTTP/1.1\r\n" H "\r\n", "GET /  0");
	client_say(fx, begun,
	    "POST / HTTP/1.1\r\n" H "Content-Length: 99999\r\n\r\nabc");
	fresh = client_connect(fx, 0);
	http_server_free(&fx->server);
	assert_null(fx->server);
	assert_int_equal(fx->gone, 1);
	buf_init(&b, 4096);
	assert_true(client_sees_end(fx, held, &b, 100));
	assert_true(client_sees_end(fx, idle, &b, 100));
	assert_true(client_sees_end(fx, begun, &b, 100));
	assert_int_equal(b.len, 0);
	close(held);
	close(idle);
	close(begun);
	close(fresh);
	buf_fini(&b);
	event_base_free(fx->base);
	close(fx->listen_fd);
	buf_fini(&fx->seen);
	fixture_start(fx, &defaults);
}

static void
test_many_connections_come_and_go(void **state)
{
	struct fixture *fx = *state;

	for (int i = 0; i < 300; i++) {
		int fd = client_connect(fx, 0);

		exchange(fx, fd,
		    "POST /p HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc",
		    "POST /p  3");
		close(fd);
	}
	assert_true(WITHIN(fx, 100, http_server_connections(fx->server) == 0));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)
	const struct CMUnitTest tests[] = {
		T(test_owner_hears_at_once_that_its_client_closed),
		T(test_owner_hears_of_a_reset),
		T(test_half_close_counts_as_leaving),
		T(test_half_close_behind_a_quick_answer_is_served),
		T(test_client_leaving_with_a_pipelined_request_is_noticed),
		T(test_client_leaving_in_a_stream_is_noticed),
		T(test_client_leaving_before_its_request_is_whole),
		T(test_answering_a_client_that_has_just_left),
		T(test_owner_without_on_gone_keeps_its_call),
		T(test_pipelined_request_waits_for_the_answer),
		T(test_pipelined_junk_during_an_answer_is_bounded),
		T(test_junk_behind_a_good_request_is_refused_after_its_answer),
		T(test_stream_is_chunked_and_the_connection_goes_on),
		T(test_chunked_request_with_a_plain_answer),
		T(test_http10_stream_ends_with_the_connection),
		T(test_stream_to_head_or_204_swallows_and_never_stalls),
		T(test_what_is_sent_in_one_turn_leaves_in_one_piece),
		T(test_stalled_reader_pauses_its_producer),
		T(test_client_without_progress_is_given_up),
		T(test_client_with_slow_progress_is_not),
		T(test_stalled_answer_without_owner_is_closed),
		T(test_producer_that_ignores_the_stop_is_cut),
		T(test_aborted_stream_ends_without_final_chunk),
		T(test_aborted_http10_stream_is_reset),
		T(test_abort_before_an_answer_just_closes),
		T(test_second_answer_in_a_stream_cuts_it),
		T(test_connection_limit_is_exact),
		T(test_running_out_of_descriptors_does_not_spin),
		T(test_drain_finishes_what_runs_and_takes_no_more),
		T(test_drained_listener_does_not_wake_the_loop),
		T(test_stream_begun_before_the_drain_is_not_cut),
		T(test_free_tells_the_owners_and_leaves_no_trace),
		T(test_many_connections_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
