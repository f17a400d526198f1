/* Listening TCP sockets. */
#include "unit.h"

#include "ipc/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

static int
option(int fd, int level, int name)
{
	socklen_t n = sizeof(int);
	int v = -1;

	assert_int_equal(getsockopt(fd, level, name, &v, &n), 0);
	return v;
}

static int
connect_to(int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	close(fd);
	return -1;
}

static void
test_socket_is_as_workers_want_it(void **state)
{
	struct err err = { 0 };
	int port = 0, fd, client, server;

	(void)state;
	fd = listen_tcp("127.0.0.1", 0, &port, &err);
	if (fd < 0)
		fail_msg("%s", err.text);
	assert_true(port > 0 && port < 65536);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_true(option(fd, SOL_SOCKET, SO_REUSEADDR));
	assert_true(option(fd, SOL_SOCKET, SO_ACCEPTCONN));
	client = connect_to(port);
	assert_true(client >= 0);
	server = accept(fd, NULL, NULL);
	assert_true(server >= 0);
	assert_true(option(server, IPPROTO_TCP, TCP_NODELAY));
	assert_int_equal(accept(fd, NULL, NULL), -1);
	assert_int_equal(errno, EAGAIN);
	close(server);
	close(client);
	close(fd);
	assert_int_equal(connect_to(port), -1);
	/* The port of a connection in TIME_WAIT may be listened on again. */
	fd = listen_tcp("127.0.0.1", port, &port, &err);
	assert_true(fd >= 0);
	close(fd);
}

static void
test_taken_port_is_explained(void **state)
{
	struct err err = { 0 };
	char want[64];
	int port = 0, fd = listen_tcp("127.0.0.1", 0, &port, &err);

	(void)state;
	assert_int_equal(listen_tcp("127.0.0.1", port, NULL, &err), -1);
	assert_int_equal(err.code, ERR_IO);
	snprintf(want, sizeof(want), "127.0.0.1 port %d: Address already",
	    port);
	assert_non_null(strstr(err.text, want));
	assert_non_null(strstr(err.text, "ss -ltnp"));
	close(fd);
}

static void
test_names_and_families(void **state)
{
	static const char *const rows[] = { "localhost", "0.0.0.0", "::1",
		"[::1]", "::" };
	int port, fd, fd4;
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		port = 0;
		fd = listen_tcp(rows[i], 0, &port, &err);
		/* A machine without IPv6 has no more to show. */
		if (fd < 0 && strchr(rows[i], ':') != NULL)
			continue;
		assert_true(fd >= 0 && port > 0);
		if (strchr(rows[i], ':') == NULL) {
			int client = connect_to(port);

			assert_true(client >= 0);
			close(client);
		} else {
			/* V6ONLY: the same port is free for IPv4. */
			fd4 = listen_tcp("127.0.0.1", port, NULL, &err);
			assert_true(fd4 >= 0);
			close(fd4);
		}
		close(fd);
	}
}

static void
test_bad_addresses_are_named(void **state)
{
	static const struct {
		const char *host;
		int port;
		const char *want;
	} rows[] = {
		{ "127.0.0.1", -1, "out of range" },
		{ "127.0.0.1", 65536, "out of range" },
		{ "203.0.113.1", 0, "no interface" },
		{ "not a host", 0, "not a host" },
		{ "", 0, "listen on" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err err = { 0 };

		assert_int_equal(listen_tcp(rows[i].host, rows[i].port, NULL,
				     &err),
		    -1);
		assert_int_equal(err.code, ERR_IO);
		if (strstr(err.text, rows[i].want) == NULL)
			fail_msg("row %zu: %s", i, err.text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_socket_is_as_workers_want_it),
		cmocka_unit_test(test_taken_port_is_explained),
		cmocka_unit_test(test_names_and_families),
		cmocka_unit_test(test_bad_addresses_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
