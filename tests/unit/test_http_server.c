/*
 * The server on a real socket: what is answered to which bytes. Leaving,
 * stalling and limits of connections are in test_http_conn.c.
 */
#include "http_fixture.h"

#include "base/clock.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static int
start(void **state)
{
	static const struct http_options o = { .max_header_bytes = 4096,
		.max_body_bytes = 3 << 20,
		.max_total_body_bytes = 4 << 20 };

	return fixture_set_up(state, &o);
}

/* For the tests of the deadlines. */
static int
start_hasty(void **state)
{
	static const struct http_options o = { .header_timeout_msecs = 150,
		.body_timeout_msecs = 200,
		.idle_timeout_msecs = 300 };

	return fixture_set_up(state, &o);
}

/* All that the server sends in answer to these bytes until it closes. */
static void
whole_answer(struct fixture *fx, struct str bytes, struct buf *b)
{
	int fd = client_connect(fx, 0);

	buf_init(b, 8 << 20);
	client_send(fx, fd, bytes);
	assert_true(client_sees_end(fx, fd, b, 2000));
	close(fd);
}

static void
fill(struct buf *b, size_t n)
{
	uint32_t x = 1;

	for (size_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		buf_add_char(b, (char)(x >> 24));
	}
}

static void
test_connection_is_kept_alive(void **state)
{
	struct fixture *fx = *state;
	int fd = client_connect(fx, 0);
	struct http_stats stats;

	for (int i = 0; i < 5; i++) {
		exchange(fx, fd, "GET /a?b=c HTTP/1.1\r\n" H "\r\n",
		    "\r\n\r\nGET /a b=c 0");
		exchange(fx, fd,
		    "POST /p HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc",
		    "\r\n\r\nPOST /p  3");
	}
	http_server_stats(fx->server, &stats);
	assert_int_equal(stats.accepted, 1);
	assert_int_equal(stats.requests, 10);
	assert_int_equal(stats.calls, 0);
	assert_int_equal(stats.body_bytes, 0);
	close(fd);
	assert_true(WITHIN(fx, 100, http_server_connections(fx->server) == 0));
}

static void
test_head_of_an_answer(void **state)
{
	struct fixture *fx = *state;
	int fd = client_connect(fx, 0);
	struct buf b;

	buf_init(&b, 4096);
	client_say(fx, fd, "GET / HTTP/1.1\r\n" H "\r\n");
	assert_true(client_read(fx, fd, &b, "GET /  0", 1000));
	assert_true(str_starts(buf_str(&b), "HTTP/1.1 200 OK\r\nDate: "));
	assert_true(str_find(buf_str(&b), " GMT\r\n") > 0);
	assert_true(str_find(buf_str(&b), "Content-Type: text/plain\r\n") > 0);
	assert_true(str_find(buf_str(&b), "Content-Length: 8\r\n") > 0);
	assert_int_equal(str_find(buf_str(&b), "Connection:"), -1);
	buf_fini(&b);
	close(fd);
}

static void
check_pipelined(struct fixture *fx, size_t piece)
{
	static const char three[] =
	    "GET /1 HTTP/1.1\r\n" H "\r\n"
	    "POST /2 HTTP/1.1\r\n" H "Content-Length: 4\r\n\r\nGET "
	    "POST /3 HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
	    "2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"
	    "GET /4 HTTP/1.1\r\n" H "Connection: close\r\n\r\n";
	int fd = client_connect(fx, 0);
	ptrdiff_t at[4];
	struct buf b;

	for (size_t i = 0; i < strlen(three); i += piece) {
		size_t n = strlen(three) - i;

		client_send(fx, fd, str_make(three + i, n < piece ? n : piece));
	}
	buf_init(&b, 8192);
	assert_true(client_sees_end(fx, fd, &b, 2000));
	at[0] = str_find(buf_str(&b), "GET /1  0");
	at[1] = str_find(buf_str(&b), "POST /2  4");
	at[2] = str_find(buf_str(&b), "POST /3  5");
	at[3] = str_find(buf_str(&b), "GET /4  0");
	assert_true(
	    at[0] > 0 && at[1] > at[0] && at[2] > at[1] && at[3] > at[2]);
	buf_fini(&b);
	close(fd);
}

static void
test_pipelined_requests_are_answered_in_order(void **state)
{
	for (size_t piece = 1; piece < 40; piece += 3)
		check_pipelined(*state, piece);
	check_pipelined(*state, 10000);
}

static void
test_good_request_before_a_bad_one_is_answered(void **state)
{
	struct buf b;

	whole_answer(*state,
	    str_of("GET /1 HTTP/1.1\r\n" H "\r\n"
		   "GET /2 HTTP/1.1\r\n" H "Content-Length : 5\r\n\r\n"
		   "GET /3 HTTP/1.1\r\n" H "\r\n"),
	    &b);
	assert_true(str_find(buf_str(&b), "GET /1  0") > 0);
	assert_true(str_find(buf_str(&b), "HTTP/1.1 400 Bad Request") > 0);
	assert_int_equal(str_find(buf_str(&b), "GET /3"), -1);
	assert_int_equal(((struct fixture *)*state)->calls, 1);
	buf_fini(&b);
}

/* Each through the whole server; the framing test has the full table. */
static void
test_bad_requests_get_json_and_a_closed_connection(void **state)
{
	static const struct {
		const char *bytes, *status, *code;
	} rows[] = {
		{ "GET /\r\n", "400 ", "bad_http" },
		{ "\x16\x03\x01\x02\x01", "400 ", "bad_http" },
		{ "GET / HTTP/2.0\r\n" H "\r\n", "400 ", "bad_http" },
		{ "GET / HTTP/1.1\r\n\r\n", "400 ", "bad_http" },
		{ "POST / HTTP/1.1\r\n" H "\r\n", "411 ", "length_required" },
		{ "POST / HTTP/1.1\r\n" H "Content-Length: 4000000\r\n\r\n",
		    "413 ", "request_too_large" },
		{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
		  "3d0900\r\n",
		    "413 ", "request_too_large" },
		{ "POST / HTTP/1.1\r\n" H "Expect: tea\r\n"
		  "Content-Length: 1\r\n\r\n",
		    "417 ", "bad_http" },
		{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip\r\n\r\n",
		    "501 ", "not_supported" },
		{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
		  "5;a=b\r\nhello\r\n0\r\n\r\n",
		    "400 ", "bad_http" },
		{ "HEAD / HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nhi", "400 ",
		    "bad_http" },
	};
	struct fixture *fx = *state;
	struct http_stats stats;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf b;
		struct str all;

		whole_answer(fx, str_of(rows[i].bytes), &b);
		all = buf_str(&b);
		if (!str_starts(all, "HTTP/1.1 ") ||
		    str_find(all, rows[i].status) != 9 ||
		    str_find(all, rows[i].code) < 0)
			fail_msg("%s: %s", rows[i].bytes, buf_cstr(&b));
		assert_true(str_find(all, "application/json\r\n") > 0);
		assert_true(str_find(all, "Connection: close\r\n") > 0);
		assert_int_equal(str_find_nocase(all, "<html"), -1);
		assert_true(str_ends(all, "}}"));
		buf_fini(&b);
	}
	assert_int_equal(fx->calls, 0);
	http_server_stats(fx->server, &stats);
	assert_int_equal(stats.refused, ARRAY_LEN(rows));
	assert_true(WITHIN(fx, 100, http_server_connections(fx->server) == 0));
}

static void
test_header_limits_get_431(void **state)
{
	struct buf b, answer;

	buf_init(&b, 1 << 16);
	buf_add_cstr(&b, "GET / HTTP/1.1\r\n" H "X: ");
	while (b.len < 5000)
		buf_add_char(&b, 'x');
	whole_answer(*state, buf_str(&b), &answer);
	assert_true(str_starts(buf_str(&answer), "HTTP/1.1 431 "));
	buf_fini(&answer);
	buf_clear(&b);
	buf_add_cstr(&b, "GET / HTTP/1.1\r\n" H);
	for (int i = 0; i < 100; i++)
		buf_add_cstr(&b, "a:\r\n");
	whole_answer(*state, buf_str(&b), &answer);
	assert_true(str_starts(buf_str(&answer), "HTTP/1.1 431 "));
	buf_fini(&answer);
	buf_fini(&b);
}

static void
test_two_slashes_are_a_path(void **state)
{
	struct fixture *fx = *state;
	int fd = client_connect(fx, 0);

	exchange(fx, fd, "GET //v1/models HTTP/1.1\r\n" H "\r\n",
	    "GET //v1/models  0");
	exchange(fx, fd, "GET //?a HTTP/1.1\r\n" H "\r\n", "GET // a 0");
	exchange(fx, fd, "GET //a:b/ HTTP/1.1\r\n" H "\r\n", "GET //a:b/  0");
	exchange(fx, fd, "GET /? HTTP/1.1\r\n" H "\r\n", "GET /  0");
	close(fd);
}

static void
test_unknown_methods_reach_the_owner(void **state)
{
	struct fixture *fx = *state;
	int fd = client_connect(fx, 0);

	exchange(fx, fd, "BREW /pot HTTP/1.1\r\n" H "\r\n", "BREW /pot  0");
	exchange(fx, fd, "get /pot HTTP/1.1\r\n" H "\r\n", "get /pot  0");
	exchange(fx, fd, "OPTIONS /o HTTP/1.1\r\n" H "\r\n", "OPTIONS /o  0");
	exchange(fx, fd, "PATCH /p HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\nx",
	    "PATCH /p  1");
	exchange(fx, fd, "TRACE /t HTTP/1.1\r\n" H "\r\n", "TRACE /t  0");
	close(fd);
}

static void
test_http10_closes_unless_asked(void **state)
{
	struct fixture *fx = *state;
	int fd = client_connect(fx, 0);
	struct buf b;

	whole_answer(fx, str_of("GET /0 HTTP/1.0\r\n\r\n"), &b);
	assert_true(str_find(buf_str(&b), "Connection: close\r\n") > 0);
	assert_true(str_ends(buf_str(&b), "GET /0  0"));
	buf_fini(&b);
	for (int i = 0; i < 3; i++)
		exchange(fx, fd,
		    "GET /k HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
		    "Connection: keep-alive\r\n\r\nGET /k  0");
	exchange(fx, fd, "GET /k HTTP/1.0\r\nConnection: x, Keep-Alive\r\n\r\n",
	    "Connection: keep-alive\r\n\r\nGET /k  0");
	close(fd);
}

static void
test_connection_close_is_honoured(void **state)
{
	struct buf b;

	whole_answer(*state,
	    str_of("GET / HTTP/1.1\r\n" H "Connection: TE, close\r\n\r\n"), &b);
	assert_true(str_find(buf_str(&b), "Connection: close\r\n") > 0);
	assert_true(str_ends(buf_str(&b), "GET /  0"));
	buf_fini(&b);
}

static void
test_head_and_204_have_no_body(void **state)
{
	struct fixture *fx = *state;
	int fd = client_connect(fx, 0);
	struct buf b;

	buf_init(&b, 4096);
	client_say(fx, fd,
	    "HEAD /h HTTP/1.1\r\n" H "\r\n"
	    "GET /empty HTTP/1.1\r\n" H "\r\n"
	    "GET /next HTTP/1.1\r\n" H "\r\n");
	assert_true(client_read(fx, fd, &b, "GET /next  0", 1000));
	assert_true(str_find(buf_str(&b), "Content-Length: 10\r\n") > 0);
	assert_int_equal(str_find(buf_str(&b), "HEAD /h"), -1);
	assert_true(
	    str_find(buf_str(&b), "\r\n\r\nHTTP/1.1 204 No Content\r\n") > 0);
	assert_int_equal(str_find(buf_str(&b), "Content-Length: 0"), -1);
	buf_fini(&b);
	close(fd);
}

/* Sent in pieces of this size; what comes back must be the same. */
static void
check_echo(struct fixture *fx, struct str body, bool chunked, size_t piece)
{
	int fd = client_connect(fx, 0);
	struct buf b, got;
	ptrdiff_t at;

	buf_init(&b, 8 << 20);
	buf_init(&got, 8 << 20);
	buf_add_cstr(&b, "POST /echo HTTP/1.1\r\n" H "Connection: close\r\n");
	if (chunked) {
		buf_add_cstr(&b, "Transfer-Encoding: chunked\r\n\r\n");
		for (size_t i = 0, n; i < body.n; i += n) {
			n = body.n - i < 7777 ? body.n - i : 7777;
			buf_printf(&b, "%zx\r\n", n);
			buf_add(&b, body.p + i, n);
			buf_add_cstr(&b, "\r\n");
		}
		buf_add_cstr(&b, "0\r\nAuthorization: trailer\r\n\r\n");
	} else {
		buf_printf(&b, "Content-Length: %zu\r\n\r\n", body.n);
		buf_add_str(&b, body);
	}
	for (size_t i = 0, n; i < b.len; i += n) {
		n = b.len - i < piece ? b.len - i : piece;
		client_send(fx, fd, str_make(b.data + i, n));
	}
	assert_true(client_sees_end(fx, fd, &got, 3000));
	assert_true(str_starts(buf_str(&got), "HTTP/1.1 200 "));
	at = str_find(buf_str(&got), "\r\n\r\n") + 4;
	assert_int_equal(got.len - (size_t)at, body.n);
	assert_memory_equal(got.data + at, body.p, body.n);
	assert_string_equal(buf_cstr(&fx->seen), "127.0.0.1 auth=");
	close(fd);
	buf_fini(&b);
	buf_fini(&got);
}

static void
test_bodies_arrive_whole(void **state)
{
	static const size_t sizes[] = { 0, 1, 4000, 16300, 16384, 17000, 70000,
		262144, 262145, 1 << 20, 3 << 20 };
	struct fixture *fx = *state;
	struct http_stats stats;
	struct buf body;

	buf_init(&body, 4 << 20);
	fill(&body, 3 << 20);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct str b = str_make(body.data, sizes[i]);

		check_echo(fx, b, false, SIZE_MAX / 2);
		check_echo(fx, b, true, SIZE_MAX / 2);
		check_echo(fx, b, false, 100000);
		check_echo(fx, b, true, 50001);
		if (sizes[i] <= 4000) {
			check_echo(fx, b, false, 1);
			check_echo(fx, b, true, 1);
		}
	}
	http_server_stats(fx->server, &stats);
	assert_int_equal(stats.body_bytes, 0);
	buf_fini(&body);
}

static void
test_header_is_found_and_trimmed(void **state)
{
	struct fixture *fx = *state;
	int fd = client_connect(fx, 0);

	exchange(fx, fd,
	    "GET / HTTP/1.1\r\n" H "AUTHORIZATION: \t Bearer x \r\n"
	    "Authorization: second\r\n\r\n",
	    "GET /  0");
	assert_string_equal(buf_cstr(&fx->seen), "127.0.0.1 auth=Bearer x");
	close(fd);
}

/* Names that nobody asked for when the head was read. */
static void
test_any_header_can_be_asked_for(void **state)
{
	static const struct {
		const char *name, *value;
	} rows[] = {
		{ "x-y", "b" },
		{ "X-EMPTY", "" },
		{ "x-last", "c d" },
		{ "host", "a" },
		{ "x-", "" },
		{ "get /hold http/1.1", "" },
		{ "", "" },
		{ "x-a-very-long-name-that-is-in-no-table", "long" },
	};
	struct fixture *fx = *state;
	int fd = hold_with(fx,
	    "GET /hold HTTP/1.1\r\n" H "X-Y:b\r\nx-empty: \r\n"
	    "X-A-Very-Long-Name-That-Is-In-No-Table: long\r\n"
	    "x-y: second\r\nX-Last: \t c d \r\n\r\nx-body: e\r\n",
	    0);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_str(http_header(fx->call, rows[i].name), rows[i].value);
	assert_str(http_header(fx->call, "x-body"), "");
	close(fd);
}

/* Without a turn of the loop in between, and in one piece. */
static void
test_answer_is_written_where_it_is_given(void **state)
{
	static const size_t sizes[] = { 5, 739, 1024, 1025, 2048, 30000 };
	static char block[65536];
	struct fixture *fx = *state;
	int fd = client_connect(fx, 0);

	for (size_t i = 0; i < 2 * ARRAY_LEN(sizes); i++) {
		struct buf answer;
		ssize_t n;

		buf_init(&answer, sizeof(block));
		fill(&answer, sizes[i / 2]);
		fx->call = NULL;
		client_say(fx, fd, "GET /hold HTTP/1.1\r\n" H "\r\n");
		assert_true(WITHIN(fx, 500, fx->call != NULL));
		http_add_header(fx->call, "x-a", "b");
		if (i % 2 == 0)
			http_reply(fx->call, 200, "a/b", buf_str(&answer));
		else
			http_reply_take(fx->call, 200, "a/b", &answer);
		buf_fini(&answer);
		n = recv(fd, block, sizeof(block), 0);
		assert_true(n > (ssize_t)sizes[i / 2] + 100);
		assert_true(
		    str_find(str_make(block, (size_t)n), "\r\nx-a: b\r\n\r\n") +
			12 + (ptrdiff_t)sizes[i / 2] ==
		    n);
	}
	close(fd);
}

static void
test_expect_continue(void **state)
{
	struct fixture *fx = *state;
	int fd = client_connect(fx, 0);
	struct buf b, body;

	buf_init(&b, 1 << 17);
	client_say(fx, fd,
	    "POST /e HTTP/1.1\r\n" H
	    "Expect: 100-continue\r\nContent-Length: 40000\r\n\r\n");
	assert_true(client_read(fx, fd, &b, "100 Continue\r\n\r\n", 1000));
	buf_init(&body, 1 << 17);
	fill(&body, 40000);
	for (size_t i = 0; i < body.len; i += 8000)
		client_send(fx, fd, str_make(body.data + i, 8000));
	buf_fini(&body);
	assert_true(client_read(fx, fd, &b, "POST /e  40000", 1000));
	/* Not when the body is here already. */
	buf_clear(&b);
	client_say(fx, fd,
	    "POST /e HTTP/1.1\r\n" H
	    "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi");
	assert_true(client_read(fx, fd, &b, "POST /e  2", 1000));
	assert_true(str_starts(buf_str(&b), "HTTP/1.1 200 "));
	/* Nor when it has begun: this client does not wait. */
	buf_clear(&b);
	client_say(fx, fd,
	    "POST /e HTTP/1.1\r\n" H
	    "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nh");
	fixture_run(fx, 5);
	client_say(fx, fd, "i");
	assert_true(client_read(fx, fd, &b, "POST /e  2", 1000));
	assert_true(str_starts(buf_str(&b), "HTTP/1.1 200 "));
	/* With chunks, and the next request behind them. */
	buf_clear(&b);
	client_say(fx, fd,
	    "POST /e HTTP/1.1\r\n" H
	    "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n");
	assert_true(client_read(fx, fd, &b, "100 Continue\r\n\r\n", 1000));
	client_say(fx, fd, "2\r\nhi\r\n0\r\n\r\nGET /n HTTP/1.1\r\n" H "\r\n");
	assert_true(client_read(fx, fd, &b, "POST /e  2", 1000));
	assert_true(client_read(fx, fd, &b, "GET /n  0", 1000));
	buf_fini(&b);
	close(fd);
}

/* 50 MB pushed at a limit of 3: the answer arrives nevertheless. */
static void
test_huge_body_gets_413_while_it_is_sent(void **state)
{
	struct fixture *fx = *state;
	int fd = client_connect(fx, 0);
	int64_t begun = clock_mono_nsecs();
	struct buf b, block;

	buf_init(&block, 1 << 20);
	buf_init(&b, 65536);
	fill(&block, 1 << 20);
	client_say(fx, fd,
	    "POST /h HTTP/1.1\r\n" H "Content-Length: 50000000\r\n\r\n");
	for (int i = 0; i < 47; i++) /* none of it meets a reset */
		assert_true(client_send(fx, fd, buf_str(&block)));
	assert_true(client_read(fx, fd, &b, "}}", 1000));
	assert_true(str_starts(buf_str(&b), "HTTP/1.1 413 Content Too Large"));
	shutdown(fd, SHUT_WR);
	assert_true(client_sees_end(fx, fd, &b, 1000));
	assert_true(WITHIN(fx, 100, http_server_connections(fx->server) == 0));
	assert_true(clock_mono_nsecs() - begun < 5 * NSECS_PER_SEC);
	close(fd);
	buf_fini(&b);
	buf_fini(&block);
}

static void
test_body_bytes_of_all_are_limited(void **state)
{
	static const char head[] =
	    "POST /hold HTTP/1.1\r\n" H "Content-Length: 3000000\r\n\r\n";
	struct fixture *fx = *state;
	int one = client_connect(fx, 0), two = client_connect(fx, 0);
	struct http_stats stats;
	struct buf body, b;

	buf_init(&body, 4 << 20);
	buf_init(&b, 65536);
	fill(&body, 3000000);
	client_say(fx, one, head);
	client_send(fx, one, buf_str(&body));
	assert_true(WITHIN(fx, 1000, fx->call != NULL));
	http_server_stats(fx->server, &stats);
	assert_int_equal(stats.body_bytes, 3000000);
	client_say(fx, two, head); /* announced costs nothing */
	fixture_run(fx, 5);
	http_server_stats(fx->server, &stats);
	assert_int_equal(stats.body_bytes, 3000000);
	client_send(fx, two, buf_str(&body));
	assert_true(client_read(fx, two, &b, "}}", 1000));
	assert_true(str_starts(buf_str(&b), "HTTP/1.1 503 "));
	assert_true(str_find(buf_str(&b), "overloaded") > 0);
	http_server_stats(fx->server, &stats);
	assert_int_equal(stats.body_bytes, 3000000);
	http_reply(fx->call, 200, "text/plain", str_of("fine"));
	buf_clear(&b);
	assert_true(client_read(fx, one, &b, "fine", 1000));
	http_server_stats(fx->server, &stats);
	assert_int_equal(stats.body_bytes, 0);
	close(one);
	close(two);
	buf_fini(&body);
	buf_fini(&b);
}

static void
test_slow_header_gets_408_at_an_absolute_deadline(void **state)
{
	static const char head[] = "GET / HTTP/1.1\r\nHost: abcdefghijklmnopqr";
	struct fixture *fx = *state;
	int fd = client_connect(fx, 0);
	int64_t begun = clock_mono_nsecs(), took;
	struct buf b;

	buf_init(&b, 4096);
	for (size_t i = 0; i < strlen(head); i++) {
		client_send(fx, fd, str_make(head + i, 1));
		if (client_read(fx, fd, &b, "}}", 10))
			break;
	}
	took = (clock_mono_nsecs() - begun) / NSECS_PER_MSEC;
	assert_true(str_starts(buf_str(&b), "HTTP/1.1 408 Request Timeout"));
	assert_in_range(took, 145, 2000);
	buf_fini(&b);
	close(fd);
}

static void
test_slow_body_gets_408_at_an_absolute_deadline(void **state)
{
	struct fixture *fx = *state;
	int fd = client_connect(fx, 0);
	int64_t begun = clock_mono_nsecs(), took;
	struct buf b;

	buf_init(&b, 4096);
	client_say(fx, fd,
	    "POST / HTTP/1.1\r\n" H "Content-Length: 20000\r\n\r\n");
	for (size_t i = 0; i < 100; i++) {
		client_say(fx, fd, "x");
		if (client_read(fx, fd, &b, "}}", 10))
			break;
	}
	took = (clock_mono_nsecs() - begun) / NSECS_PER_MSEC;
	assert_true(str_starts(buf_str(&b), "HTTP/1.1 408 Request Timeout"));
	assert_in_range(took, 195, 2000);
	buf_fini(&b);
	close(fd);
}

static void
test_idle_connections_are_closed_without_a_word(void **state)
{
	struct fixture *fx = *state;
	int fresh = client_connect(fx, 0), used = client_connect(fx, 0);
	int64_t begun;
	struct buf b;

	buf_init(&b, 4096);
	exchange(fx, used, "GET / HTTP/1.1\r\n" H "\r\n", "GET /  0");
	begun = clock_mono_nsecs();
	assert_true(client_sees_end(fx, fresh, &b, 2000));
	assert_true(clock_mono_nsecs() - begun > 130 * NSECS_PER_MSEC);
	assert_int_equal(http_server_connections(fx->server), 1);
	assert_true(client_sees_end(fx, used, &b, 2000));
	assert_true(clock_mono_nsecs() - begun > 295 * NSECS_PER_MSEC);
	assert_int_equal(b.len, 0);
	buf_fini(&b);
	close(fresh);
	close(used);
}

/* No timeout runs while the owner makes its answer. */
static void
test_slow_owner_is_waited_for(void **state)
{
	struct fixture *fx = *state;
	int fd = client_connect(fx, 0);
	struct buf b;

	buf_init(&b, 4096);
	client_say(fx, fd, "GET /hold HTTP/1.1\r\n" H "\r\n");
	fixture_run(fx, 600);
	assert_non_null(fx->call);
	assert_int_equal(fx->gone, 0);
	http_reply(fx->call, 200, "text/plain", str_of("at last"));
	assert_true(client_read(fx, fd, &b, "at last", 100));
	/* And the next request has all its time again. */
	fixture_run(fx, 150);
	exchange(fx, fd, "GET / HTTP/1.1\r\n" H "\r\n", "GET /  0");
	buf_fini(&b);
	close(fd);
}

static void
test_added_headers_cannot_break_the_answer(void **state)
{
	static const struct {
		const char *name, *value;
		bool good;
	} rows[] = {
		{ "x-request-id", "abc", true },
		{ "x-b", "", true },
		{ "x-cr", "a\r\nSet-Cookie: b", false },
		{ "x-lf", "a\nb", false },
		{ "x-del", "a\x7f", false },
		{ "x y", "a", false },
		{ "x:", "a", false },
		{ "", "a", false },
		{ "Content-Length", "5", false },
		{ "transfer-encoding", "chunked", false },
		{ "Connection", "close", false },
	};
	struct fixture *fx = *state;
	int fd = client_connect(fx, 0);
	struct buf b, line;

	buf_init(&b, 4096);
	buf_init(&line, 4096);
	client_say(fx, fd, "GET /hold HTTP/1.1\r\n" H "\r\n");
	assert_true(WITHIN(fx, 500, fx->call != NULL));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		http_add_header(fx->call, rows[i].name, rows[i].value);
	http_add_line(fx->call, HTTP_LINE("x-known"), str_of("a \"b\""));
	http_add_line(fx->call, HTTP_LINE("x-bad"), str_of("a\r\nx-b: c"));
	http_reply(fx->call, 429, "text/x", str_of("the end"));
	assert_true(client_read(fx, fd, &b, "the end", 500));
	assert_true(
	    str_starts(buf_str(&b), "HTTP/1.1 429 Too Many Requests\r\n"));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		buf_clear(&line);
		buf_printf(&line, "\r\n%s: %s\r\n", rows[i].name,
		    rows[i].value);
		if ((str_find(buf_str(&b), buf_cstr(&line)) > 0) !=
		    rows[i].good)
			fail_msg("%s", buf_cstr(&line));
	}
	assert_int_equal(str_find(buf_str(&b), "Set-Cookie"), -1);
	assert_true(str_find(buf_str(&b), "\r\nx-known: a \"b\"\r\n") > 0);
	assert_int_equal(str_find(buf_str(&b), "x-bad"), -1);
	buf_fini(&b);
	buf_fini(&line);
	close(fd);
}

static void
test_large_answers_arrive_whole(void **state)
{
	struct fixture *fx = *state;
	struct buf answer, b;
	int fd = client_connect(fx, 0);

	buf_init(&b, 16 << 20);
	for (size_t n = 10000; n < (8 << 20); n = n * 7 + 1) {
		ptrdiff_t at;

		buf_init(&answer, 16 << 20);
		fill(&answer, n);
		client_say(fx, fd, "GET /hold HTTP/1.1\r\n" H "\r\n");
		assert_true(WITHIN(fx, 500, fx->call != NULL));
		buf_add_cstr(&answer, "END!");
		http_reply_take(fx->call, 200, "text/plain", &answer);
		fx->call = NULL;
		assert_null(answer.data);
		buf_clear(&b);
		assert_true(client_read(fx, fd, &b, "END!", 2000));
		at = str_find(buf_str(&b), "\r\n\r\n") + 4;
		assert_int_equal(b.len - (size_t)at, n + 4);
		buf_init(&answer, 16 << 20);
		fill(&answer, n);
		assert_memory_equal(b.data + at, answer.data, n);
		buf_fini(&answer);
	}
	buf_fini(&b);
	close(fd);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, fixture_tear_down)
#define HASTY(f)                                                               \
	cmocka_unit_test_setup_teardown(f, start_hasty, fixture_tear_down)
	const struct CMUnitTest tests[] = {
		T(test_connection_is_kept_alive),
		T(test_head_of_an_answer),
		T(test_pipelined_requests_are_answered_in_order),
		T(test_good_request_before_a_bad_one_is_answered),
		T(test_bad_requests_get_json_and_a_closed_connection),
		T(test_header_limits_get_431),
		T(test_two_slashes_are_a_path),
		T(test_unknown_methods_reach_the_owner),
		T(test_http10_closes_unless_asked),
		T(test_connection_close_is_honoured),
		T(test_head_and_204_have_no_body),
		T(test_bodies_arrive_whole),
		T(test_header_is_found_and_trimmed),
		T(test_any_header_can_be_asked_for),
		T(test_answer_is_written_where_it_is_given),
		T(test_expect_continue),
		T(test_huge_body_gets_413_while_it_is_sent),
		T(test_body_bytes_of_all_are_limited),
		HASTY(test_slow_header_gets_408_at_an_absolute_deadline),
		HASTY(test_slow_body_gets_408_at_an_absolute_deadline),
		HASTY(test_idle_connections_are_closed_without_a_word),
		HASTY(test_slow_owner_is_waited_for),
		T(test_added_headers_cannot_break_the_answer),
		T(test_large_answers_arrive_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
