/*
 * Streamed answers: their framing, slow and stalled clients, back-pressure,
 * streams that are cut.
 */
#include "http_fixture.h"

#include "base/clock.h"

#include <errno.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#define HIGH_WATER 65536

static int
start(void **state)
{
	static const struct http_options o = { .max_connections = 100,
		.slow_client_msecs = 150,
		.high_water_bytes = HIGH_WATER };

	return fixture_set_up(state, &o);
}

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

/* What the client's socket has now, without a turn of the server's loop. */
static struct str
here_now(int fd, char *block, size_t size)
{
	ssize_t n = recv(fd, block, size, 0);

	return str_make(block, n < 0 ? 0 : (size_t)n);
}

static void
test_what_is_sent_in_one_turn_leaves_in_one_piece(void **state)
{
	struct fixture *fx = *state;
	int fd = hold(fx);
	char block[4096];

	http_start(fx->call, 200, "text/plain");
	for (int i = 0; i < 10; i++)
		http_send(fx->call, str_of("abc"));
	assert_int_equal(here_now(fd, block, sizeof(block)).n, 0);
	event_base_loop(fx->base, EVLOOP_NONBLOCK);
	assert_true(
	    str_ends(here_now(fd, block, sizeof(block)), "3\r\nabc\r\n"));
	close(fd);
}

static void
test_what_is_waited_for_leaves_at_once(void **state)
{
	struct fixture *fx = *state;
	int fd = hold(fx);
	char block[4096];
	struct str got;

	http_start(fx->call, 200, "text/plain");
	http_send(fx->call, str_of("first"));
	http_flush(fx->call);
	got = here_now(fd, block, sizeof(block));
	assert_true(str_starts(got, "HTTP/1.1 200"));
	assert_true(str_ends(got, "\r\n\r\n5\r\nfirst\r\n"));
	http_flush(fx->call); /* nothing: harmless */
	http_send(fx->call, str_of("next"));
	http_send(fx->call, str_of("last"));
	http_end(fx->call);
	fx->call = NULL;
	got = here_now(fd, block, sizeof(block));
	assert_true(str_is(got, "4\r\nnext\r\n4\r\nlast\r\n0\r\n\r\n"));
	/* The connection may be asked again. */
	exchange(fx, fd, "GET /n HTTP/1.1\r\n" H "\r\n", "GET /n  0");
	close(fd);
}

/* Nothing waits when the end is called: the connection ends all the same. */
static void
test_an_end_with_nothing_to_write(void **state)
{
	struct fixture *fx = *state;
	int fd = hold_with(fx, "GET /hold HTTP/1.0\r\n\r\n", 0);
	struct buf b;

	buf_init(&b, 4096);
	http_start(fx->call, 200, "text/plain");
	http_send(fx->call, str_of("all"));
	http_flush(fx->call);
	http_end(fx->call);
	fx->call = NULL;
	assert_true(client_sees_end(fx, fd, &b, 500));
	assert_true(str_ends(buf_str(&b), "\r\n\r\nall"));
	buf_fini(&b);
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
	int64_t end = clock_mono_nsecs() + 20 * NSECS_PER_SEC;
	size_t counter = 0;
	struct buf b;

	buf_init(&b, 64 << 20);
	http_start(fx->call, 200, "text/plain");
	for (int round = 0; round < 5; round++) {
		send_until_full(fx, &counter);
		fixture_run(fx, 20);
		assert_int_equal(fx->drained, round);
		/* The client reads on: room again, told once. */
		while (fx->drained == round && clock_mono_nsecs() < end) {
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

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, fixture_tear_down)
	const struct CMUnitTest tests[] = {
		T(test_stream_is_chunked_and_the_connection_goes_on),
		T(test_chunked_request_with_a_plain_answer),
		T(test_http10_stream_ends_with_the_connection),
		T(test_stream_to_head_or_204_swallows_and_never_stalls),
		T(test_what_is_sent_in_one_turn_leaves_in_one_piece),
		T(test_what_is_waited_for_leaves_at_once),
		T(test_an_end_with_nothing_to_write),
		T(test_stalled_reader_pauses_its_producer),
		T(test_client_without_progress_is_given_up),
		T(test_client_with_slow_progress_is_not),
		T(test_stalled_answer_without_owner_is_closed),
		T(test_producer_that_ignores_the_stop_is_cut),
		T(test_aborted_stream_ends_without_final_chunk),
		T(test_aborted_http10_stream_is_reset),
		T(test_abort_before_an_answer_just_closes),
		T(test_second_answer_in_a_stream_cuts_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
