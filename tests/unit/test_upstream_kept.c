/*
 * Kept connections: when they are used, what is done when one turns out
 * closed, their limits; and large bodies.
 */
#include "upstream_fixture.h"
#include "upstream_server.h"

#include "base/clock.h"

#include <event2/event.h>
#include <sys/resource.h>
#include <unistd.h>

static void
once(struct watch *w, const char *path)
{
	watch_open(w, NULL);
	watch_call(w, server_url(path));
}

/* The server has closed one more connection of /ok-then-..., and this host
   knows: over loopback that is the same moment. The loop does not run. */
static void
await_closed(int before)
{
	int64_t deadline = clock_mono_nsecs() + 10 * NSECS_PER_SEC;

	while (server_counts->closed == before && clock_mono_nsecs() < deadline)
		usleep(500);
	assert_int_not_equal(server_counts->closed, before);
}

/* Lets the loop see what there is to see. */
static void
run_idle(struct watch *w)
{
	event_base_loop(w->base, EVLOOP_NONBLOCK);
}

/* ---- kept connections --------------------------------------------------- */

static void
test_keep_alive_is_used(void **state)
{
	struct watch w;
	int before = server_counts->connections;

	(void)state;
	watch_open(&w, NULL);
	for (int i = 0; i < 20; i++) {
		watch_call(&w, server_url(i % 2 == 0 ? "/ok" : "/burst"));
		assert_int_equal(w.result.end, UPSTREAM_DONE);
	}
	assert_int_equal(server_counts->connections - before, 1);
	watch_close(&w);
}

/* It read the request and died: nobody may ask again but the owner. */
static void
test_a_post_is_never_sent_twice(void **state)
{
	static const char *const paths[] = { "/die-when-reused",
		"/reset-when-reused" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct watch w;
		int before;

		once(&w, paths[i]);
		assert_int_equal(w.result.end, UPSTREAM_DONE);
		before = server_counts->requests;
		watch_call(&w, server_url(paths[i]));
		assert_int_equal(w.result.end, UPSTREAM_BROKEN);
		assert_true(w.result.sent);
		assert_non_null(strstr(w.result.text, "kept connection"));
		assert_non_null(strstr(w.result.text, "may have been read"));
		assert_int_equal(server_counts->requests - before, 1);
		watch_close(&w);
	}
}

static void
test_a_get_is_sent_again(void **state)
{
	struct watch w;
	int before;

	(void)state;
	watch_open(&w, NULL);
	w.method = "GET";
	watch_call(&w, server_url("/die-when-reused"));
	before = server_counts->requests;
	watch_call(&w, server_url("/die-when-reused"));
	assert_int_equal(w.result.end, UPSTREAM_DONE);
	assert_int_equal(server_counts->requests - before, 2);
	watch_close(&w);
}

/* The provider had closed before the request came, perhaps with a word about
   it, and we had not seen it. */
static void
test_a_stale_connection_is_replaced(void **state)
{
	static const char *const paths[] = { "/ok-then-close", "/ok-then-408" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct watch w;
		int closed = server_counts->closed, requests, connections;

		once(&w, paths[i]);
		requests = server_counts->requests;
		connections = server_counts->connections;
		await_closed(closed);
		watch_call(&w, server_url("/ok"));
		assert_int_equal(w.result.end, UPSTREAM_DONE);
		assert_int_equal(w.head.status, 200);
		assert_int_equal(w.head.retry_after_nsecs, 0);
		assert_string_equal(w.request_id, "");
		assert_int_equal(server_counts->requests - requests, 1);
		assert_int_equal(server_counts->connections - connections, 1);
		watch_close(&w);
	}
}

static void
test_a_closed_connection_is_noticed(void **state)
{
	struct watch w;
	struct upstream_stats stats;
	int closed = server_counts->closed;

	(void)state;
	once(&w, "/ok-then-close");
	await_closed(closed);
	run_idle(&w);
	upstream_stats(w.u, &stats);
	assert_int_equal(stats.connections_opened, 1);
	assert_int_equal(stats.connections_open, 0);
	watch_close(&w);
}

static void
test_an_idle_connection_has_its_time(void **state)
{
	struct upstream_options options = { .max_idle_msecs = 50,
		.verify_tls = true };
	int64_t began = clock_mono_nsecs();
	struct upstream_stats stats;
	struct watch w;

	(void)state;
	watch_open(&w, &options);
	watch_call(&w, server_url("/ok"));
	do {
		event_base_loop(w.base, EVLOOP_ONCE);
		upstream_stats(w.u, &stats);
	} while (stats.connections_open > 0 &&
		 clock_mono_nsecs() - began < 10 * NSECS_PER_SEC);
	assert_int_equal(stats.connections_open, 0);
	assert_true(clock_mono_nsecs() - began >= 45 * NSECS_PER_MSEC);
	watch_close(&w);
}

/* However busy: a host's new address is found. */
static void
test_no_connection_lives_for_ever(void **state)
{
	struct upstream_options options = { .max_idle_msecs = 50,
		.max_age_msecs = 20,
		.verify_tls = true };
	int64_t began = clock_mono_nsecs();
	struct upstream_stats stats;
	struct watch w;

	(void)state;
	watch_open(&w, &options);
	do {
		watch_call(&w, server_url("/ok"));
		assert_int_equal(w.result.end, UPSTREAM_DONE);
		upstream_stats(w.u, &stats);
	} while (stats.connections_opened < 3 &&
		 clock_mono_nsecs() - began < 10 * NSECS_PER_SEC);
	assert_int_equal(stats.connections_opened, 3);
	assert_true(clock_mono_nsecs() - began >= 30 * NSECS_PER_MSEC);
	watch_close(&w);
}

/* Bytes nobody asked for: they must not become the next answer. */
static void
test_surplus_bytes_end_the_connection(void **state)
{
	struct watch w;
	int connections = server_counts->connections;

	(void)state;
	watch_open(&w, NULL);
	for (int i = 0; i < 3; i++) {
		watch_call(&w, server_url("/surplus"));
		assert_int_equal(w.result.end, UPSTREAM_DONE);
		assert_str(buf_str(&w.body), "{\"ok\":true}");
	}
	assert_int_equal(server_counts->connections - connections, 3);
	watch_close(&w);
}

static void
test_limits_of_connections(void **state)
{
	struct upstream_options options = { .max_host_connections = 2,
		.verify_tls = true };
	struct watch w, second, third;

	(void)state;
	watch_open(&w, &options);
	watch_open_beside(&second, &w);
	watch_open_beside(&third, &w);
	watch_start(&w, server_url("/silent"));
	watch_start(&second, server_url("/ok"));
	watch_start(&third, server_url("/ok"));
	watch_run_until(&w, &third.dones);
	assert_int_equal(third.result.end, UPSTREAM_FAILED);
	assert_false(third.result.sent);
	assert_non_null(strstr(third.result.text, "in use"));
	if (second.dones == 0)
		watch_run_until(&w, &second.dones);
	assert_int_equal(second.result.end, UPSTREAM_DONE);
	/* The kept one is free now. */
	watch_call(&third, server_url("/ok"));
	assert_int_equal(third.result.end, UPSTREAM_DONE);
	watch_close_beside(&third);
	watch_close_beside(&second);
	watch_close(&w);
}

/* By default there are as many as half of the files that may be open. */
static void
test_the_limit_of_open_files_is_kept(void **state)
{
	struct watch w[33];
	struct rlimit old, few;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = old;
	few.rlim_cur = 2 * (ARRAY_LEN(w) - 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	watch_open(&w[0], NULL);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	for (size_t i = 0; i < ARRAY_LEN(w); i++) {
		if (i > 0)
			watch_open_beside(&w[i], &w[0]);
		watch_start(&w[i], server_url("/silent"));
	}
	watch_run_until(&w[0], &w[ARRAY_LEN(w) - 1].dones);
	for (size_t i = ARRAY_LEN(w); i-- > 0;) {
		assert_int_equal(w[i].dones, i == ARRAY_LEN(w) - 1);
		upstream_cancel(&w[i].call);
		if (i > 0)
			watch_close_beside(&w[i]);
	}
	watch_close(&w[0]);
}

/* In all: an idle connection to another host makes room. */
static void
test_an_idle_connection_makes_room(void **state)
{
	struct upstream_options options = { .max_connections = 1,
		.verify_tls = true };
	struct upstream_stats stats;
	struct watch w;
	char other[64];

	(void)state;
	watch_open(&w, &options);
	snprintf(other, sizeof(other), "http://localhost:%d/ok",
	    server_get_port());
	watch_call(&w, server_url("/ok"));
	assert_int_equal(w.result.end, UPSTREAM_DONE);
	watch_call(&w, other);
	assert_int_equal(w.result.end, UPSTREAM_DONE);
	upstream_stats(w.u, &stats);
	assert_int_equal(stats.connections_opened, 2);
	assert_int_equal(stats.connections_open, 1);
	watch_close(&w);
}

/* ---- large bodies ------------------------------------------------------- */

static struct str
large_body(void)
{
	static char *bytes;

	if (bytes == NULL) {
		bytes = xmalloc(20 << 20);
		memset(bytes, 'x', 20 << 20);
	}
	return str_make(bytes, 20 << 20);
}

static void
test_a_large_body_arrives(void **state)
{
	struct str piece = large_body();
	struct watch w;

	(void)state;
	watch_open(&w, NULL);
	w.pieces = &piece;
	w.piece_count = 1;
	for (int i = 0; i < 2; i++) {
		watch_call(&w, server_url("/ok"));
		assert_int_equal(w.result.end, UPSTREAM_DONE);
	}
	watch_close(&w);
}

static void
test_an_answer_before_the_whole_body(void **state)
{
	struct str piece = large_body();
	struct watch w;

	(void)state;
	watch_open(&w, NULL);
	w.pieces = &piece;
	w.piece_count = 1;
	watch_call(&w, server_url("/early"));
	assert_int_equal(w.result.end, UPSTREAM_DONE);
	assert_int_equal(w.head.status, 413);
	assert_str(buf_str(&w.body), "{}");
	/* The rest of that body must not be read as a request. */
	w.pieces = NULL;
	watch_call(&w, server_url("/ok"));
	assert_int_equal(w.head.status, 200);
	watch_close(&w);
}

static void
test_a_reset_in_an_upload(void **state)
{
	struct str piece = large_body();
	struct watch w;

	(void)state;
	watch_open(&w, NULL);
	w.pieces = &piece;
	w.piece_count = 1;
	watch_call(&w, server_url("/hang-up"));
	assert_int_equal(w.result.end, UPSTREAM_BROKEN);
	assert_true(w.result.sent);
	assert_non_null(strstr(w.result.text, "without an answer"));
	watch_close(&w);
}

static void
test_an_upload_that_hangs_stalls_nobody(void **state)
{
	struct str piece = large_body();
	struct watch w, other;

	(void)state;
	watch_open(&w, NULL);
	watch_open_beside(&other, &w);
	w.pieces = &piece;
	w.piece_count = 1;
	watch_start(&w, server_url("/deaf"));
	for (int i = 0; i < 50; i++) {
		watch_call(&other, server_url("/ok"));
		assert_int_equal(other.result.end, UPSTREAM_DONE);
	}
	assert_int_equal(w.dones, 0);
	upstream_cancel(&w.call);
	watch_close_beside(&other);
	watch_close(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keep_alive_is_used),
		cmocka_unit_test(test_a_post_is_never_sent_twice),
		cmocka_unit_test(test_a_get_is_sent_again),
		cmocka_unit_test(test_a_stale_connection_is_replaced),
		cmocka_unit_test(test_a_closed_connection_is_noticed),
		cmocka_unit_test(test_an_idle_connection_has_its_time),
		cmocka_unit_test(test_no_connection_lives_for_ever),
		cmocka_unit_test(test_surplus_bytes_end_the_connection),
		cmocka_unit_test(test_limits_of_connections),
		cmocka_unit_test(test_the_limit_of_open_files_is_kept),
		cmocka_unit_test(test_an_idle_connection_makes_room),
		cmocka_unit_test(test_a_large_body_arrives),
		cmocka_unit_test(test_an_answer_before_the_whole_body),
		cmocka_unit_test(test_a_reset_in_an_upload),
		cmocka_unit_test(test_an_upload_that_hangs_stalls_nobody),
	};

	return cmocka_run_group_tests(tests, server_start, server_stop);
}
