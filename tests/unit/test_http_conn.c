/*
 * Connections: clients that leave or send too much, limits of connections and
 * descriptors, drain and end. Streams are in test_http_stream.c.
 */
#include "http_fixture.h"

#include "base/clock.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static int
start(void **state)
{
	static const struct http_options o = { .max_connections = 6 };

	return fixture_set_up(state, &o);
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

/* What is complete and on its way is not cut by a client that has said all it
   wanted to say. */
static void
test_half_close_in_an_answer_on_its_way_is_served(void **state)
{
	struct fixture *fx = *state;
	int fd = hold_with(fx, HOLD, 8192);
	struct buf answer, b;

	buf_init(&answer, 16 << 20);
	buf_init(&b, 32 << 20);
	for (int i = 0; i < (8 << 20) / 16; i++)
		buf_add(&answer, "0123456789abcdef", 16);
	buf_add_cstr(&answer, "END!");
	http_reply_take(fx->call, 200, "text/plain", &answer);
	fx->call = NULL;
	fixture_run(fx, 5);
	shutdown(fd, SHUT_WR);
	fixture_run(fx, 5);
	assert_true(client_sees_end(fx, fd, &b, 5000));
	assert_true(b.len > (8 << 20));
	assert_true(str_ends(buf_str(&b), "END!"));
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

#define POST_HOLD "POST /hold HTTP/1.1\r\n" H "Content-Length: 4\r\n\r\nbody"

static void
test_a_held_call_outlives_its_client(void **state)
{
	struct fixture *fx = *state;
	int fd = hold_with(fx, POST_HOLD, 0);
	struct http_call *call = fx->call;
	struct http_stats stats;

	http_call_hold(call);
	close(fd);
	assert_true(WITHIN(fx, 1000, fx->gone == 1));
	fixture_run(fx, 20);
	http_server_stats(fx->server, &stats);
	assert_int_equal(stats.calls, 1);
	assert_int_equal(stats.body_bytes, 4);
	assert_str(http_body(call), "body");
	assert_str(http_header(call, "Host"), "a");
	http_call_release(call);
	http_server_stats(fx->server, &stats);
	assert_int_equal(stats.calls, 0);
	assert_int_equal(stats.body_bytes, 0);
	assert_int_equal(stats.connections, 0);
	assert_int_equal(fx->gone, 1);
}

static void
test_a_held_call_is_released_when_its_client_leaves(void **state)
{
	struct fixture *fx = *state;
	int fd = hold_with(fx, POST_HOLD, 0);
	int64_t now = clock_mono_nsecs();

	http_call_hold(fx->call);
	fx->releases = true;
	close(fd);
	check_gone(fx, now);
}

/* And its connection takes the next one. */
static void
test_a_call_that_was_held_is_answered(void **state)
{
	struct fixture *fx = *state;
	int fd = hold_with(fx, POST_HOLD, 0);
	struct buf b;

	http_call_hold(fx->call);
	fixture_run(fx, 5);
	http_call_release(fx->call);
	http_reply(fx->call, 200, "text/plain", str_of("yes"));
	buf_init(&b, 4096);
	assert_true(client_read(fx, fd, &b, "yes", 1000));
	buf_fini(&b);
	exchange(fx, fd, "GET /x HTTP/1.1\r\n" H "\r\n", "GET /x");
	assert_int_equal(fx->gone, 0);
	close(fd);
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

/* Bytes that arrive before the held ones had their turn stay behind them. */
static void
test_held_bytes_keep_their_place(void **state)
{
	struct fixture *fx = *state;
	int fd = hold_with(fx,
	    HOLD "POST /echo HTTP/1.1\r\n" H "Content-Length: 4\r\n\r\nab", 0);
	struct buf b;

	buf_init(&b, 65536);
	fixture_run(fx, 5);
	http_reply(fx->call, 200, "text/plain", str_of("first"));
	assert_int_equal(send(fd, "cd", 2, 0), 2);
	assert_true(client_read(fx, fd, &b, "\r\n\r\nabcd", 1000));
	assert_int_equal(str_find(buf_str(&b), " 400 "), -1);
	buf_fini(&b);
	close(fd);
}

/* More than one read takes, and each is answered where it is taken. */
static void
test_many_pipelined_requests_are_answered_in_order(void **state)
{
	struct fixture *fx = *state;
	int fd = client_connect(fx, 0);
	struct buf in, out;

	buf_init(&out, 65536);
	buf_init(&in, 1 << 20);
	for (int i = 0; i < 600; i++)
		buf_printf(&out, "GET /%03d HTTP/1.1\r\n" H "\r\n", i);
	buf_printf(&out, "GET /last HTTP/1.1\r\n" H "\r\n");
	assert_int_equal(send(fd, out.data, out.len, 0), out.len);
	assert_true(client_read(fx, fd, &in, "GET /last  0", 2000));
	assert_int_equal(fx->calls, 601);
	assert_int_equal(str_find(buf_str(&in), " 400 "), -1);
	buf_fini(&in);
	buf_fini(&out);
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
	http_server_drain(fx->server, false);
	late = client_connect(fx, 0); /* the kernel still takes it */
	assert_true(client_sees_end(fx, idle, &b, 1000));
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

/* Its client could not know: it gets an answer, not a closed connection. */
static void
test_request_on_its_way_to_a_draining_server_is_answered(void **state)
{
	struct fixture *fx = *state;
	int idle = client_connect(fx, 0), fresh = client_connect(fx, 0);
	int busy = hold(fx);
	struct buf b;

	buf_init(&b, 65536);
	exchange(fx, idle, "GET / HTTP/1.1\r\n" H "\r\n", "GET /  0");
	http_start(fx->call, 200, "text/plain"); /* its head says nothing */
	fixture_run(fx, 5);
	http_server_drain(fx->server, false);
	fixture_run(fx, 20);
	client_say(fx, idle, "GET /i HTTP/1.1\r\n" H "\r\n");
	client_say(fx, fresh, "GET /f HTTP/1.1\r\n" H "\r\n");
	assert_true(client_sees_end(fx, idle, &b, 500));
	assert_true(str_ends(buf_str(&b), "GET /i  0"));
	assert_true(client_sees_end(fx, fresh, &b, 500));
	assert_true(str_ends(buf_str(&b), "GET /f  0"));
	http_end(fx->call);
	fixture_run(fx, 20);
	client_say(fx, busy, "GET /b HTTP/1.1\r\n" H "\r\n");
	assert_true(client_sees_end(fx, busy, &b, 500));
	assert_true(str_find(buf_str(&b), "Connection: close\r\n") > 0);
	assert_true(str_ends(buf_str(&b), "GET /b  0"));
	assert_int_equal(http_server_connections(fx->server), 0);
	close(idle);
	close(fresh);
	close(busy);
	buf_fini(&b);
}

/* Others go on: there is no hurry. */
static void
test_who_has_only_connected_is_waited_for(void **state)
{
	struct fixture *fx = *state;
	int fresh = client_connect(fx, 0);
	struct buf b;

	buf_init(&b, 65536);
	fixture_run(fx, 5);
	http_server_drain(fx->server, false);
	fixture_run(fx, 400);
	client_say(fx, fresh, "GET /f HTTP/1.1\r\n" H "\r\n");
	assert_true(client_sees_end(fx, fresh, &b, 500));
	assert_true(str_ends(buf_str(&b), "GET /f  0"));
	close(fresh);
	buf_fini(&b);
}

/* Nobody goes on: all who wait at the door are let in, and it is closed. */
static void
test_the_last_server_takes_all_who_wait(void **state)
{
	struct fixture *fx = *state;
	int waiting[5], silent;
	struct buf b;

	buf_init(&b, 65536);
	for (size_t i = 0; i < ARRAY_LEN(waiting); i++) {
		waiting[i] = client_connect(fx, 0);
		assert_true(write(waiting[i], "GET / HTTP/1.1\r\n", 16) > 0);
	}
	silent = client_connect(fx, 0);
	assert_int_equal(http_server_connections(fx->server), 0);
	http_server_drain(fx->server, true);
	assert_int_equal(http_server_connections(fx->server), 6);
	for (size_t i = 0; i < ARRAY_LEN(waiting); i++) {
		buf_clear(&b);
		client_say(fx, waiting[i], H "\r\n");
		assert_true(client_sees_end(fx, waiting[i], &b, 500));
		assert_true(str_ends(buf_str(&b), "GET /  0"));
		close(waiting[i]);
	}
	buf_clear(&b);
	assert_true(client_sees_end(fx, silent, &b, 1500));
	assert_int_equal(b.len, 0);
	close(silent);
	buf_fini(&b);
}

/* It came after the loop had looked, in the turn in which the connection's
   time was over. */
static void
test_request_at_the_last_moment_is_answered(void **state)
{
	struct fixture *fx = *state;
	int other = client_connect(fx, 0);
	struct buf b;

	buf_init(&b, 65536);
	fx->say_fd = client_connect(fx, 0);
	exchange(fx, fx->say_fd, "GET / HTTP/1.1\r\n" H "\r\n", "GET /  0");
	fixture_run(fx, 5);
	http_server_drain(fx->server, false);
	usleep(300000);
	assert_true(write(other, "GET /say HTTP/1.1\r\n" H "\r\n", 30) > 0);
	assert_true(client_sees_end(fx, fx->say_fd, &b, 500));
	assert_true(str_ends(buf_str(&b), "GET /heard  0"));
	close(fx->say_fd);
	close(other);
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
	http_server_drain(fx->server, false);
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
	http_server_drain(fx->server, false);
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
#define T(f) cmocka_unit_test_setup_teardown(f, start, fixture_tear_down)
	const struct CMUnitTest tests[] = {
		T(test_owner_hears_at_once_that_its_client_closed),
		T(test_owner_hears_of_a_reset),
		T(test_half_close_counts_as_leaving),
		T(test_half_close_behind_a_quick_answer_is_served),
		T(test_half_close_in_an_answer_on_its_way_is_served),
		T(test_client_leaving_with_a_pipelined_request_is_noticed),
		T(test_client_leaving_in_a_stream_is_noticed),
		T(test_client_leaving_before_its_request_is_whole),
		T(test_answering_a_client_that_has_just_left),
		T(test_owner_without_on_gone_keeps_its_call),
		T(test_a_held_call_outlives_its_client),
		T(test_a_held_call_is_released_when_its_client_leaves),
		T(test_a_call_that_was_held_is_answered),
		T(test_pipelined_request_waits_for_the_answer),
		T(test_held_bytes_keep_their_place),
		T(test_many_pipelined_requests_are_answered_in_order),
		T(test_pipelined_junk_during_an_answer_is_bounded),
		T(test_junk_behind_a_good_request_is_refused_after_its_answer),
		T(test_connection_limit_is_exact),
		T(test_running_out_of_descriptors_does_not_spin),
		T(test_drain_finishes_what_runs_and_takes_no_more),
		T(test_request_on_its_way_to_a_draining_server_is_answered),
		T(test_who_has_only_connected_is_waited_for),
		T(test_the_last_server_takes_all_who_wait),
		T(test_request_at_the_last_moment_is_answered),
		T(test_drained_listener_does_not_wake_the_loop),
		T(test_stream_begun_before_the_drain_is_not_cut),
		T(test_free_tells_the_owners_and_leaves_no_trace),
		T(test_many_connections_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
