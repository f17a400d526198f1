/*
 * One call's share of a turn: a provider that always has more to say, and one
 * that takes all it is given, hold up nobody. The kernel's part is ours: a
 * connection of the test's gives and takes without end.
 */
#include "upstream_fixture.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As docs/performance.md says. */
#define TURN_BYTES (256 * 1024)

static int server_fd; /* listens */
static int server_port;
static bool gives, takes; /* without end */
static size_t moved;      /* in or out, of what belongs to the server */

static bool
is_to_server(int fd)
{
	struct sockaddr_in sin = { 0 };
	socklen_t n = sizeof(sin);

	return getpeername(fd, (struct sockaddr *)&sin, &n) == 0 &&
	       ntohs(sin.sin_port) == server_port;
}

/* In place of the library's. */
ssize_t
recv(int fd, void *to, size_t n, int flags)
{
	if (!gives || !is_to_server(fd))
		return syscall(SYS_recvfrom, fd, to, n, flags, NULL, NULL);
	memset(to, 'x', n);
	moved += n;
	return (ssize_t)n;
}

ssize_t
sendmsg(int fd, const struct msghdr *m, int flags)
{
	size_t n = 0;

	if (!takes || !is_to_server(fd))
		return syscall(SYS_sendmsg, fd, m, flags);
	for (size_t i = 0; i < m->msg_iovlen; i++)
		n += m->msg_iov[i].iov_len;
	moved += n;
	return (ssize_t)n;
}

static int
start(void **state)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t n = sizeof(sin);
	struct watch *w = xcalloc(1, sizeof(*w));

	gives = takes = false;
	moved = 0;
	server_fd = socket(AF_INET, SOCK_STREAM, 0);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(server_fd, (struct sockaddr *)&sin, n), 0);
	assert_int_equal(listen(server_fd, 8), 0);
	getsockname(server_fd, (struct sockaddr *)&sin, &n);
	server_port = ntohs(sin.sin_port);
	watch_open(w, NULL);
	*state = w;
	return 0;
}

static int
stop(void **state)
{
	struct watch *w = *state;

	upstream_cancel(&w->call);
	watch_close(w);
	free(w);
	close(server_fd);
	return 0;
}

static void
ask(struct watch *w)
{
	static char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", server_port);
	watch_start(w, url);
}

static void
run_fairly(struct watch *w, size_t all)
{
	while (moved < all) {
		size_t before = moved;

		event_base_loop(w->base, EVLOOP_ONCE);
		assert_true(moved - before <= TURN_BYTES);
	}
}

static void
test_a_long_answer_is_read_in_turns(void **state)
{
	static const char head[] =
	    "HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n";
	struct watch *w = *state;
	int fd;

	ask(w);
	event_base_loop(w->base, EVLOOP_NONBLOCK);
	fd = accept(server_fd, NULL, NULL);
	assert_true(write(fd, head, sizeof(head) - 1) > 0);
	watch_run_until(w, &w->heads);
	gives = true;
	/* Stays in the socket: it is readable from now on. */
	assert_int_equal(write(fd, "x", 1), 1);
	run_fairly(w, 8 << 20);
	assert_in_range(w->body.len, 8 << 20, (8 << 20) + TURN_BYTES);
	close(fd);
}

static void
test_a_long_request_is_sent_in_turns(void **state)
{
	struct watch *w = *state;
	struct str body = { xcalloc(1, 16 << 20), 16 << 20 };

	w->pieces = &body;
	w->piece_count = 1;
	takes = true;
	ask(w);
	run_fairly(w, body.n);
	upstream_cancel(&w->call);
	free((char *)(uintptr_t)body.p);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)
	const struct CMUnitTest tests[] = {
		T(test_a_long_answer_is_read_in_turns),
		T(test_a_long_request_is_sent_in_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
