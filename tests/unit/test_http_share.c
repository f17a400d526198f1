/*
 * Whose turn it is to take a connection: the rule alone, with a clock of its
 * own, and two servers on one socket.
 */
#include "http_fixture.h"

#include "base/clock.h"
#include "http/http_share.h"

#include <event2/event.h>
#include <unistd.h>

#define MSEC NSECS_PER_MSEC

static _Atomic uint32_t cells[8];

static struct http_share
share_of(size_t self)
{
	struct http_options o = { .loads = cells,
		.load_count = ARRAY_LEN(cells),
		.load_self = self };
	struct http_share s = { 0 };

	http_share_init(&s, &o);
	return s;
}

static int
clear_cells(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cells); i++)
		cells[i] = 0;
	return 0;
}

static void
test_alone_takes_all(void **state)
{
	struct http_options outside = { .loads = cells,
		.load_count = ARRAY_LEN(cells),
		.load_self = ARRAY_LEN(cells) };
	struct http_share nowhere = { 0 }, only = share_of(3);

	(void)state;
	http_share_init(&nowhere, &outside);
	http_share_tell(&nowhere, 5);
	assert_true(http_share_is_ours(&nowhere, 1000, MSEC));
	assert_true(http_share_is_ours(&only, 1000, MSEC));
}

static void
test_who_has_fewer_takes_the_next(void **state)
{
	struct http_share a = share_of(0), b = share_of(5);

	(void)state;
	http_share_tell(&a, 10);
	http_share_tell(&b, 8);
	assert_false(http_share_is_ours(&a, 10, MSEC));
	assert_true(http_share_is_ours(&b, 8, MSEC));
	http_share_tell(&b, 9); /* even enough */
	assert_true(http_share_is_ours(&a, 10, MSEC));
	http_share_tell(&b, 5);
	assert_false(http_share_is_ours(&a, 10, MSEC));
	http_share_leave(&b); /* it drains: its count is no reason to wait */
	assert_true(http_share_is_ours(&a, 10, MSEC));
	http_share_tell(&b, 0);
	assert_true(http_share_is_ours(&a, 10, MSEC));
}

/* Asked each millisecond; the first time it is ours, or -1 up to `most`. */
static int
patience(struct http_share *s, size_t own, int64_t from_msecs, int most)
{
	for (int ms = 0; ms < most; ms++)
		if (http_share_is_ours(s, own, (from_msecs + ms) * MSEC))
			return ms;
	return -1;
}

static void
test_dead_peer_is_waited_for_once_a_second(void **state)
{
	struct http_share a = share_of(0), dead = share_of(1);

	(void)state;
	http_share_tell(&dead, 2);
	assert_in_range(patience(&a, 100, 5000, 100), 10, 30);
	assert_int_equal(patience(&a, 100, 5100, 100), 0);
	assert_int_equal(patience(&a, 100, 5900, 100), 0);
	assert_in_range(patience(&a, 100, 6500, 100), 10, 30);
}

/* As long as the other takes connections, it is waited for. */
static void
test_busy_peer_is_given_time(void **state)
{
	struct http_share a = share_of(0), b = share_of(1);

	(void)state;
	for (int i = 0; i < 50; i++) {
		http_share_tell(&b, (size_t)i);
		assert_int_equal(patience(&a, 100, 1000 + i * 10, 10), -1);
	}
}

/* Connections far apart do not add up to a dead peer. */
static void
test_each_connection_has_its_own_patience(void **state)
{
	struct http_share a = share_of(0), b = share_of(1);

	(void)state;
	http_share_tell(&b, 4);
	for (int i = 0; i < 50; i++)
		assert_int_equal(patience(&a, 100, 1000 + i * 100, 3), -1);
}

/* ---- two servers, one socket --------------------------------------------- */

static void
count(struct fixture *fx, struct http_server *second, size_t *a, size_t *b)
{
	fixture_run(fx, 5);
	*a = http_server_connections(fx->server);
	*b = http_server_connections(second);
}

static void
test_two_servers_share_evenly(void **state)
{
	static const struct http_callbacks callbacks = { 0 };
	struct http_options o = { .loads = cells,
		.load_count = ARRAY_LEN(cells) };
	struct http_server *second;
	struct fixture fx;
	struct err err;
	size_t a, b;
	int fds[40];

	(void)state;
	fixture_start(&fx, &o);
	for (size_t i = 0; i < 10; i++) /* before the second is there */
		fds[i] = client_connect(&fx, 0);
	fixture_run(&fx, 20);
	assert_int_equal(http_server_connections(fx.server), 10);
	o.load_self = 1;
	second = http_server_new(fx.base, &o, &callbacks, NULL);
	assert_int_equal(http_server_listen(second, fx.listen_fd, &err), 0);
	for (size_t i = 10; i < 40; i++)
		fds[i] = client_connect(&fx, 0);
	assert_true(
	    WITHIN(&fx, 2000, (count(&fx, second, &a, &b), a + b == 40)));
	assert_in_range(a, 19, 21);
	/* One leaves: the other takes all. */
	http_server_drain(second, false);
	for (size_t i = 0; i < 40; i++)
		close(fds[i]);
	assert_true(WITHIN(&fx, 500, http_server_connections(fx.server) == 0));
	for (size_t i = 0; i < 10; i++)
		fds[i] = client_connect(&fx, 0);
	assert_true(WITHIN(&fx, 500, http_server_connections(fx.server) == 10));
	for (size_t i = 0; i < 10; i++)
		close(fds[i]);
	http_server_free(&second);
	fixture_stop(&fx);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup(f, clear_cells)
	const struct CMUnitTest tests[] = {
		T(test_alone_takes_all),
		T(test_who_has_fewer_takes_the_next),
		T(test_dead_peer_is_waited_for_once_a_second),
		T(test_busy_peer_is_given_time),
		T(test_each_connection_has_its_own_patience),
		T(test_two_servers_share_evenly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
