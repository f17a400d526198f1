/*
 * One connection's share of a turn: a client that always has more to say, and
 * one that takes all it is given, hold up nobody. The kernel's part is ours:
 * the socket of the greedy client gives and takes without end.
 */
#include "http_fixture.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define READ_BYTES    (256 * 1024)
#define SCRATCH_BYTES 16384 /* one read of what is no plain body */
#define WRITE_BYTES   (512 * 1024)

static int greedy_port; /* the client's; 0 none */
static size_t moved;    /* of its bytes, in or out */

static bool
is_greedy(int fd)
{
	struct sockaddr_in sin = { 0 };
	socklen_t n = sizeof(sin);

	return greedy_port != 0 &&
	       getpeername(fd, (struct sockaddr *)&sin, &n) == 0 &&
	       ntohs(sin.sin_port) == greedy_port;
}

/* In place of the library's. */
ssize_t
recv(int fd, void *to, size_t n, int flags)
{
	if (!is_greedy(fd))
		return syscall(SYS_recvfrom, fd, to, n, flags, NULL, NULL);
	memset(to, 'x', n);
	moved += n;
	return (ssize_t)n;
}

ssize_t
write(int fd, const void *data, size_t n)
{
	if (!is_greedy(fd))
		return syscall(SYS_write, fd, data, n);
	moved += n;
	return (ssize_t)n;
}

ssize_t
writev(int fd, const struct iovec *v, int count)
{
	size_t n = 0;

	if (!is_greedy(fd))
		return syscall(SYS_writev, fd, v, count);
	for (int i = 0; i < count; i++)
		n += v[i].iov_len;
	moved += n;
	return (ssize_t)n;
}

static int
start(void **state)
{
	static const struct http_options o = { 0 };

	greedy_port = 0;
	return fixture_set_up(state, &o);
}

static int
stop(void **state)
{
	greedy_port = 0;
	return fixture_tear_down(state);
}

static void
make_greedy(int fd)
{
	struct sockaddr_in sin;
	socklen_t n = sizeof(sin);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &n), 0);
	greedy_port = ntohs(sin.sin_port);
	moved = 0;
}

/* Turns until all is moved; the other client is served in each. */
static void
run_fairly(struct fixture *fx, int other, size_t all, size_t share)
{
	static const char request[] = "GET / HTTP/1.1\r\n" H "\r\n";
	char answer[1024];

	while (moved < all) {
		size_t before = moved;

		assert_true(send(other, request, sizeof(request) - 1, 0) > 0);
		event_base_loop(fx->base, EVLOOP_ONCE);
		assert_in_range(moved - before, 1, share);
		assert_true(recv(other, answer, sizeof(answer), 0) > 0);
	}
}

static int
other_client(struct fixture *fx)
{
	int fd = client_connect(fx, 0);

	exchange(fx, fd, "GET / HTTP/1.1\r\n" H "\r\n", "GET /  0");
	return fd;
}

static void
read_in_turns(struct fixture *fx, const char *head, size_t share)
{
	int other = other_client(fx), greedy = client_connect(fx, 0);

	client_say(fx, greedy, head);
	fixture_run(fx, 10);
	make_greedy(greedy);
	/* Stays in the socket: it is readable from now on. */
	assert_int_equal(send(greedy, "x", 1, 0), 1);
	run_fairly(fx, other, 8 << 20, share);
	close(greedy);
	close(other);
}

static void
test_a_long_body_is_read_in_turns(void **state)
{
	read_in_turns(*state,
	    "POST /echo HTTP/1.1\r\n" H "Content-Length: 20000000\r\n\r\n",
	    READ_BYTES);
}

/* One chunk of 16 MB. */
static void
test_a_chunked_body_is_read_in_turns(void **state)
{
	read_in_turns(*state,
	    "POST /echo HTTP/1.1\r\n" H
	    "Transfer-Encoding: chunked\r\n\r\n1000000\r\n",
	    READ_BYTES + SCRATCH_BYTES);
}

/* Refused, and still talking. */
static void
test_a_client_that_is_not_heard_is_read_in_turns(void **state)
{
	read_in_turns(*state, "nonsense\r\n\r\n", READ_BYTES + SCRATCH_BYTES);
}

static void
test_a_long_answer_is_written_in_turns(void **state)
{
	struct fixture *fx = *state;
	int other = other_client(fx), greedy = hold(fx);
	size_t n = 16 << 20;
	char *body = xmalloc(n);

	memset(body, 'x', n);
	make_greedy(greedy);
	http_reply(fx->call, 200, "text/plain", str_make(body, n));
	assert_in_range(moved, 1, WRITE_BYTES);
	run_fairly(fx, other, n, WRITE_BYTES);
	free(body);
	close(greedy);
	close(other);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)
	const struct CMUnitTest tests[] = {
		T(test_a_long_body_is_read_in_turns),
		T(test_a_chunked_body_is_read_in_turns),
		T(test_a_client_that_is_not_heard_is_read_in_turns),
		T(test_a_long_answer_is_written_in_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
