/*
 * Calls to providers against a scripted server: answers and how each end is
 * told, addresses, pauses, callbacks that cancel or start calls.
 */
#include "upstream_fixture.h"
#include "upstream_server.h"

#include "base/clock.h"

#include <event2/event.h>
#include <unistd.h>

static void
once(struct watch *w, const char *path)
{
	watch_open(w, NULL);
	watch_call(w, server_url(path));
}

/* Lets the loop see what there is to see. */
static void
run_idle(struct watch *w)
{
	event_base_loop(w->base, EVLOOP_NONBLOCK);
}

/* ---- answers ------------------------------------------------------------ */

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
	assert_string_equal(w.result.text, "");
	watch_close(&w);
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
	watch_close(&w);
}

static void
test_chunks_that_came_together_are_given_together(void **state)
{
	struct watch w;

	(void)state;
	once(&w, "/burst");
	assert_int_equal(w.result.end, UPSTREAM_DONE);
	assert_str(buf_str(&w.body), "onetwothree");
	assert_int_equal(w.datas, 1);
	watch_close(&w);
}

/* They do not wait until all are read. */
static void
test_the_first_of_a_long_burst_is_given_alone(void **state)
{
	struct watch w;

	(void)state;
	once(&w, "/long-burst");
	assert_int_equal(w.result.end, UPSTREAM_DONE);
	assert_int_equal(w.body.len, 10000);
	assert_int_equal(w.datas, 2);
	watch_close(&w);
}

static void
test_other_answers(void **state)
{
	static const struct {
		const char *path, *method;
		int status;
		const char *body;
	} rows[] = {
		{ "/old", "POST", 200, "old style" },
		{ "/close", "POST", 200, "ok" },
		{ "/interim", "POST", 200, "{\"ok\":true}" },
		{ "/ok", "GET", 200, "{\"ok\":true}" },
		{ "/head", "HEAD", 200, "" },
		{ "/redirect", "POST", 302, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct watch w;

		watch_open(&w, NULL);
		w.method = rows[i].method;
		/* Twice: what it leaves behind carries the next. */
		for (int n = 0; n < 2; n++) {
			watch_call(&w, server_url(rows[i].path));
			assert_int_equal(w.result.end, UPSTREAM_DONE);
			assert_int_equal(w.heads, 1);
			assert_int_equal(w.head.status, rows[i].status);
			assert_string_equal(buf_cstr(&w.body), rows[i].body);
			assert_string_equal(w.request_id, "");
		}
		watch_close(&w);
	}
}

static void
test_ends_are_told_apart(void **state)
{
	static const struct {
		const char *path;
		enum upstream_end end;
		bool sent;
		const char *text;
	} rows[] = {
		{ "/cut", UPSTREAM_CUT, true, "inside the answer's body" },
		{ "/half-body", UPSTREAM_CUT, true, "after 5 bytes" },
		{ "/half-head", UPSTREAM_BROKEN, true, "the answer's head" },
		{ "/nothing", UPSTREAM_BROKEN, true, "without an answer" },
		{ "/garbage", UPSTREAM_GARBAGE, true, "not HTTP" },
		{ "/two-lengths", UPSTREAM_GARBAGE, true, "two lengths" },
		{ "/bad-chunk", UPSTREAM_GARBAGE, true, "chunk" },
		{ "http://127.0.0.1:1/", UPSTREAM_REFUSED, false, "" },
		{ "http://no-such-host.invalid/", UPSTREAM_REFUSED, false,
		    "no-such-host.invalid" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct watch w;

		watch_open(&w, NULL);
		watch_call(&w, rows[i].path[0] == '/' ? server_url(rows[i].path)
						      : rows[i].path);
		assert_int_equal(w.result.end, rows[i].end);
		assert_int_equal(w.result.sent, rows[i].sent);
		assert_string_not_equal(w.result.text, "");
		assert_non_null(strstr(w.result.text, rows[i].text));
		watch_close(&w);
	}
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
	watch_close(&w);
}

static void
test_a_retry_header_out_of_reach(void **state)
{
	int64_t year = 365 * 24 * 3600 * NSECS_PER_SEC;
	struct watch w;

	(void)state;
	once(&w, "/429-never");
	assert_int_equal(w.head.retry_after_nsecs, year);
	watch_close(&w);
	once(&w, "/429-late");
	assert_int_equal(w.head.retry_after_nsecs, year);
	watch_close(&w);
	once(&w, "/429-past");
	assert_int_equal(w.head.retry_after_nsecs, 0);
	watch_close(&w);
}

/* ---- addresses ---------------------------------------------------------- */

static void
test_addresses_that_are_none(void **state)
{
	static const char *const urls[] = { "file:///etc/hostname",
		"ftp://127.0.0.1/", "127.0.0.1/v1", "http://", "",
		"http://127.0.0.1/a b", "http://127.0.0.1/a\r\nEvil: 1",
		"http://127.0.0.1/\xc3\xa4", "http://127.0.0.1:99999/" };
	static const char *const evil[] = { "X: a\r\nEvil: 1" };
	struct upstream_request request = { .method = "GET" };
	struct upstream_call *call;
	struct watch w;
	struct err err;

	(void)state;
	watch_open(&w, NULL);
	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		request.url = urls[i];
		assert_int_equal(upstream_start(w.u, &request, &call, &err),
		    -1);
		assert_int_equal(err.code, ERR_CONFIG);
		assert_string_not_equal(err.text, "");
	}
	request.url = server_url("/ok");
	request.header_count = 1;
	request.headers = evil;
	assert_int_equal(upstream_start(w.u, &request, &call, &err), -1);
	assert_int_equal(err.code, ERR_BAD_REQUEST);
	watch_close(&w);
}

/* More URLs than are remembered, while connections are open. */
static void
test_many_addresses(void **state)
{
	struct watch w;
	char path[64];
	int before = server_counts->connections;

	(void)state;
	watch_open(&w, NULL);
	for (int i = 0; i < 1100; i++) {
		snprintf(path, sizeof(path), "/ok?%d", i);
		/* The server knows "/ok" only, and says nothing else. */
		watch_call(&w, server_url(i % 100 == 0 ? "/ok" : path));
		assert_int_equal(w.result.end,
		    i % 100 == 0 ? UPSTREAM_DONE : UPSTREAM_BROKEN);
	}
	assert_true(server_counts->connections - before >= 1000);
	watch_close(&w);
}

/* ---- pause, cancel, start ----------------------------------------------- */

static void
test_pause_holds_data_back(void **state)
{
	struct watch w;
	int64_t began = clock_mono_nsecs();

	(void)state;
	watch_open(&w, NULL);
	w.pause_once = true;
	watch_call(&w, server_url("/big"));
	assert_int_equal(w.result.end, UPSTREAM_DONE);
	assert_int_equal(w.body.len, 8388608);
	assert_true(clock_mono_nsecs() - began >= 45 * NSECS_PER_MSEC);
	watch_close(&w);
}

/* Before there is a connection: nothing is told, but the request goes out. */
static void
test_pause_from_the_start(void **state)
{
	int before = server_counts->requests;
	struct watch w;

	(void)state;
	watch_open(&w, NULL);
	watch_start(&w, server_url("/ok"));
	upstream_pause(w.call);
	while (server_counts->requests == before)
		event_base_loop(w.base, EVLOOP_NONBLOCK);
	usleep(20000); /* the answer is here by now, or proves less */
	run_idle(&w);
	assert_int_equal(w.heads, 0);
	upstream_resume(w.call);
	assert_int_equal(w.heads, 0);
	watch_run_until(&w, &w.dones);
	assert_int_equal(w.result.end, UPSTREAM_DONE);
	watch_close(&w);
}

/* The whole answer came with its head: nothing of it is given, nor its end. */
static void
test_pause_at_the_head(void **state)
{
	struct watch w;
	int64_t began = clock_mono_nsecs();

	(void)state;
	watch_open(&w, NULL);
	w.pause_at_head = true;
	for (int i = 0; i < 2; i++) {
		watch_start(&w, server_url("/burst"));
		watch_run_until(&w, &w.heads);
		assert_int_equal(w.datas, 0);
		watch_run_until(&w, &w.dones);
		assert_str(buf_str(&w.body), "onetwothree");
	}
	assert_true(clock_mono_nsecs() - began >= 2 * 45 * NSECS_PER_MSEC);
	watch_close(&w);
}

/* Nothing comes behind its head. */
static void
test_pause_at_the_head_of_an_empty_answer(void **state)
{
	struct watch w;

	(void)state;
	watch_open(&w, NULL);
	w.pause_at_head = true;
	watch_call(&w, server_url("/empty"));
	assert_int_equal(w.result.end, UPSTREAM_DONE);
	assert_int_equal(w.head.status, 204);
	watch_close(&w);
}

/* Between two pieces of one read. */
static void
test_pause_within_a_burst(void **state)
{
	struct watch w;

	(void)state;
	watch_open(&w, NULL);
	w.pause_once = true;
	watch_start(&w, server_url("/long-burst"));
	watch_run_until(&w, &w.datas);
	assert_int_equal(w.body.len, 1100);
	run_idle(&w);
	assert_int_equal(w.body.len, 1100);
	watch_run_until(&w, &w.dones);
	assert_int_equal(w.result.end, UPSTREAM_DONE);
	assert_int_equal(w.body.len, 10000);
	watch_close(&w);
}

static void
test_the_end_waits_for_the_pause(void **state)
{
	struct upstream_stats stats;
	struct watch w;

	(void)state;
	watch_open(&w, NULL);
	w.pause_once = true;
	watch_start(&w, server_url("/ok"));
	watch_run_until(&w, &w.datas);
	assert_int_equal(w.dones, 0);
	watch_run_until(&w, &w.dones);
	assert_int_equal(w.result.end, UPSTREAM_DONE);
	/* Cancelled when only on_done was missing: the connection is kept. */
	w.pause_once = true;
	watch_start(&w, server_url("/ok"));
	watch_run_until(&w, &w.datas);
	upstream_cancel(&w.call);
	upstream_stats(w.u, &stats);
	assert_int_equal(stats.connections_opened, 1);
	assert_int_equal(stats.connections_open, 1);
	watch_close(&w);
}

static void
test_callbacks_may_cancel_and_start(void **state)
{
	struct watch w, next;
	char *next_url = xstrdup(server_url("/ok"));

	(void)state;
	watch_open(&w, NULL);
	watch_open_beside(&next, &w);
	w.cancel_on_data = true;
	w.next = &next;
	w.next_url = next_url;
	watch_start(&w, server_url("/stream"));
	watch_run_until(&w, &next.dones);
	assert_int_equal(w.dones, 0);
	assert_int_equal(w.datas, 1);
	assert_int_equal(next.result.end, UPSTREAM_DONE);
	free(next_url);
	watch_close_beside(&next);
	watch_close(&w);
}

static void
test_the_next_call_from_on_done(void **state)
{
	struct watch w, next;
	struct upstream_stats stats;
	char *next_url = xstrdup(server_url("/ok"));

	(void)state;
	watch_open(&w, NULL);
	watch_open_beside(&next, &w);
	w.next = &next;
	w.next_url = next_url;
	watch_start(&w, server_url("/ok"));
	watch_run_until(&w, &next.dones);
	assert_int_equal(next.result.end, UPSTREAM_DONE);
	/* Over the connection that the first one left. */
	upstream_stats(w.u, &stats);
	assert_int_equal(stats.connections_opened, 1);
	free(next_url);
	watch_close_beside(&next);
	watch_close(&w);
}

static void
test_cancel_before_anything_was_sent(void **state)
{
	struct watch w;
	struct upstream_stats stats;
	int before = server_counts->requests;

	(void)state;
	watch_open(&w, NULL);
	watch_start(&w, server_url("/silent"));
	upstream_cancel(&w.call);
	assert_null(w.call);
	run_idle(&w);
	upstream_stats(w.u, &stats);
	assert_int_equal(stats.active, 0);
	assert_int_equal(stats.cancelled, 1);
	assert_int_equal(stats.connections_open, 0);
	assert_int_equal(server_counts->requests, before);
	watch_close(&w);
}

/* At each moment of a call, also with others under way. */
static void
test_free_with_calls_under_way(void **state)
{
	static const char *const paths[] = { "/silent", "/stream", "/big",
		"/ok" };

	(void)state;
	for (int turns = 0; turns < 6; turns++) {
		struct watch w, others[ARRAY_LEN(paths)];

		watch_open(&w, NULL);
		for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
			watch_open_beside(&others[i], &w);
			others[i].pause_at_head = i == 2;
			watch_start(&others[i], server_url(paths[i]));
		}
		for (int i = 0; i < turns; i++)
			event_base_loop(w.base, EVLOOP_ONCE);
		for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
			upstream_cancel(&others[i].call);
			watch_close_beside(&others[i]);
		}
		watch_close(&w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_answer),
		cmocka_unit_test(test_stream_arrives_in_pieces),
		cmocka_unit_test(
		    test_chunks_that_came_together_are_given_together),
		cmocka_unit_test(test_the_first_of_a_long_burst_is_given_alone),
		cmocka_unit_test(test_other_answers),
		cmocka_unit_test(test_ends_are_told_apart),
		cmocka_unit_test(test_retry_headers_are_read),
		cmocka_unit_test(test_a_retry_header_out_of_reach),
		cmocka_unit_test(test_addresses_that_are_none),
		cmocka_unit_test(test_many_addresses),
		cmocka_unit_test(test_pause_holds_data_back),
		cmocka_unit_test(test_pause_from_the_start),
		cmocka_unit_test(test_pause_at_the_head),
		cmocka_unit_test(test_pause_at_the_head_of_an_empty_answer),
		cmocka_unit_test(test_pause_within_a_burst),
		cmocka_unit_test(test_the_end_waits_for_the_pause),
		cmocka_unit_test(test_callbacks_may_cancel_and_start),
		cmocka_unit_test(test_the_next_call_from_on_done),
		cmocka_unit_test(test_cancel_before_anything_was_sent),
		cmocka_unit_test(test_free_with_calls_under_way),
	};

	return cmocka_run_group_tests(tests, server_start, server_stop);
}
