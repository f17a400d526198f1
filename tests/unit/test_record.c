/* Frames of the trace channel, good and bad, and its socket. */
#include "unit.h"

#include "base/fd.h"
#include "base/hash.h"
#include "ipc/record.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

static void
add(struct buf *b, enum record_type type, uint64_t seq, const char *payload)
{
	assert_int_equal(record_add(b, type, 42, seq, str_of(payload)), 0);
}

static void
test_frames_come_back_in_order(void **state)
{
	struct record_head head;
	struct str packet, payload;
	struct buf b;
	struct err err;

	(void)state;
	buf_init(&b, RECORD_PACKET_BYTES);
	add(&b, RECORD_HELLO, 0, "");
	add(&b, RECORD_LINE, 1, "{\"run_id\":\"a\"");
	add(&b, RECORD_LINE, 2, "x");
	add(&b, RECORD_ACK, UINT64_MAX, "");
	assert_int_equal(b.len, 4 * 32 + 13 + 1);
	packet = buf_str(&b);
	assert_int_equal(record_next(&packet, &head, &payload, &err), 1);
	assert_int_equal(head.type, RECORD_HELLO);
	assert_int_equal(head.owner, 42);
	assert_int_equal(payload.n, 0);
	assert_int_equal(record_next(&packet, &head, &payload, &err), 1);
	assert_int_equal(head.type, RECORD_LINE);
	assert_int_equal(head.seq, 1);
	assert_str(payload, "{\"run_id\":\"a\"");
	/* Borrowed, not copied. */
	assert_true(payload.p > b.data && payload.p < b.data + b.len);
	assert_int_equal(record_next(&packet, &head, &payload, &err), 1);
	assert_str(payload, "x");
	assert_int_equal(record_next(&packet, &head, &payload, &err), 1);
	assert_true(head.seq == UINT64_MAX);
	assert_int_equal(record_next(&packet, &head, &payload, &err), 0);
	assert_int_equal(record_next(&packet, &head, &payload, &err), 0);
	buf_fini(&b);
}

/* docs/protocols/records.md shows these bytes. */
static void
test_bytes_are_as_documented(void **state)
{
	static const unsigned char want[] = { 0x54, 0x54, 0x47, 0x31, 0x02,
		0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x2a, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x07,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, '{', '}' };
	struct buf b;

	(void)state;
	buf_init(&b, RECORD_PACKET_BYTES);
	add(&b, RECORD_LINE, 7, "{}");
	assert_int_equal(b.len, sizeof(want));
	assert_memory_equal(b.data, want, sizeof(want));
	buf_fini(&b);
}

static void
test_packet_limit_is_kept(void **state)
{
	char *line = xcalloc(1, RECORD_LINE_BYTES + 1);
	struct str longest = str_make(line, RECORD_LINE_BYTES);
	struct str half =
	    str_make(line, RECORD_PACKET_BYTES - RECORD_LINE_BYTES -
			       2 * sizeof(struct record_head));
	struct buf b, small;
	size_t before;

	(void)state;
	buf_init(&b, 1 << 20);
	assert_int_equal(record_add(&b, RECORD_LINE, 1, 1, longest), 0);
	before = b.len;
	/* One byte over, then exactly full. */
	half.n++;
	assert_int_equal(record_add(&b, RECORD_LINE, 1, 2, half), -1);
	assert_int_equal(b.len, before);
	half.n--;
	assert_int_equal(record_add(&b, RECORD_LINE, 1, 2, half), 0);
	assert_int_equal(b.len, RECORD_PACKET_BYTES);
	assert_int_equal(record_add(&b, RECORD_HELLO, 1, 0, str_of("")), -1);
	buf_clear(&b);
	/* What the other side would refuse is not sent. */
	longest.n++;
	assert_int_equal(record_add(&b, RECORD_LINE, 1, 1, longest), -1);
	assert_int_equal(record_add(&b, RECORD_LINE, 1, 1, str_of("")), -1);
	assert_int_equal(record_add(&b, RECORD_LINE, 1, 0, str_of("x")), -1);
	assert_int_equal(record_add(&b, RECORD_LINE, 0, 1, str_of("x")), -1);
	assert_int_equal(record_add(&b, RECORD_ACK, 1, 1, str_of("x")), -1);
	assert_int_equal(b.len, 0);
	/* A buffer smaller than a packet takes a frame whole or not. */
	buf_init(&small, 40);
	assert_int_equal(record_add(&small, RECORD_LINE, 1, 1,
			     str_of("123456789")),
	    -1);
	assert_int_equal(small.len, 0);
	assert_int_equal(record_add(&small, RECORD_LINE, 1, 1,
			     str_of("12345678")),
	    0);
	buf_fini(&small);
	buf_fini(&b);
	free(line);
}

static void
test_garbage_is_refused_with_a_reason(void **state)
{
	static const struct record_head good = { .magic = RECORD_MAGIC,
		.type = RECORD_LINE,
		.length = 4,
		.owner = 1,
		.seq = 1 };
	struct {
		struct record_head head;
		const char *want;
	} rows[] = {
		{ good, NULL },
		{ good, "wrong magic" },
		{ good, "unknown type" },
		{ good, "unknown type" },
		{ good, "unknown flags" },
		{ good, "unknown flags" },
		{ good, "longer than its packet" },
		{ good, "a line too long" },
		{ good, "a line too long" },
		{ good, "an empty line" },
		{ good, "no owner" },
		{ good, "without a sequence" },
		{ good, "a payload where none goes" },
		{ good, "a payload where none goes" },
	};

	(void)state;
	rows[1].head.magic++;
	rows[2].head.type = 0;
	rows[3].head.type = 4;
	rows[4].head.flags = 1;
	rows[5].head.reserved = 1;
	rows[6].head.length = 5;
	rows[7].head.length = RECORD_LINE_BYTES + 1;
	rows[8].head.length = UINT32_MAX;
	rows[9].head.length = 0;
	rows[10].head.owner = 0;
	rows[11].head.seq = 0;
	rows[12].head.type = RECORD_HELLO;
	rows[13].head.type = RECORD_ACK;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char bytes[sizeof(good) + 4];
		struct str packet = str_make(bytes, sizeof(bytes)), payload;
		struct record_head head;
		struct err err = { 0 };
		int rc;

		memcpy(bytes, &rows[i].head, sizeof(good));
		memcpy(bytes + sizeof(good), "line", 4);
		rc = record_next(&packet, &head, &payload, &err);
		assert_int_equal(rc, rows[i].want == NULL ? 1 : -1);
		if (rows[i].want == NULL)
			continue;
		assert_int_equal(err.code, ERR_BAD_REQUEST);
		if (strstr(err.text, rows[i].want) == NULL)
			fail_msg("row %zu: %s", i, err.text);
		assert_int_equal(packet.n, sizeof(bytes)); /* left alone */
	}
}

static void
test_cut_packets_are_refused_at_every_length(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, RECORD_PACKET_BYTES);
	add(&b, RECORD_LINE, 1, "0123456789");
	for (size_t n = 1; n < b.len; n++) {
		/* On the heap at its exact size: a sanitizer sees a read
		   past the end. */
		char *copy = xmalloc(n);
		struct str packet = str_make(copy, n), payload;
		struct record_head head;
		struct err err;

		memcpy(copy, b.data, n);
		assert_int_equal(record_next(&packet, &head, &payload, &err),
		    -1);
		free(copy);
	}
	buf_fini(&b);
}

/* Mutated packets: whatever is accepted lies inside the packet. */
static void
test_mutations_never_leave_the_packet(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, RECORD_PACKET_BYTES);
	for (uint64_t i = 1; i <= 8; i++)
		add(&b, i == 1 ? RECORD_HELLO : RECORD_LINE, i,
		    i == 1 ? "" : "0123456789");
	for (int round = 0; round < 20000; round++) {
		size_t n = random_u64() % (b.len + 1);
		char *copy = xmalloc(n + (n == 0));
		struct str packet, payload;
		struct record_head head;
		struct err err;
		int rc, frames = 0;

		memcpy(copy, b.data, n);
		for (uint64_t i = random_u64() % 4; i > 0 && n > 0; i--)
			copy[random_u64() % n] = (char)random_u64();
		packet = str_make(copy, n);
		while (
		    (rc = record_next(&packet, &head, &payload, &err)) == 1) {
			assert_true(payload.p >= copy + sizeof(head));
			assert_true(payload.p + payload.n <= copy + n);
			assert_true(payload.n == head.length);
			assert_true(packet.p + packet.n == copy + n);
			assert_true(++frames <= 8);
		}
		assert_true(rc == 0 ? packet.n == 0 : packet.n > 0);
		free(copy);
	}
	buf_fini(&b);
}

static void
test_too_long_a_packet_is_refused(void **state)
{
	char *bytes = xcalloc(1, RECORD_PACKET_BYTES + 1);
	struct str packet = str_make(bytes, RECORD_PACKET_BYTES + 1), payload;
	struct record_head head;
	struct err err;

	(void)state;
	assert_int_equal(record_next(&packet, &head, &payload, &err), -1);
	assert_non_null(strstr(err.text, "too long"));
	free(bytes);
}

/* ---- the socket ---- */

static void
talk(int listener, const char *path)
{
	struct err err = { 0 };
	int client = record_connect(path, &err), server;
	char got[64];

	if (client < 0)
		fail_msg("%s", err.text);
	assert_true(fcntl(client, F_GETFL) & O_NONBLOCK);
	assert_int_equal(fcntl(client, F_GETFD), FD_CLOEXEC);
	server = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	assert_true(server >= 0);
	/* Record borders are kept. */
	assert_int_equal(send(client, "one", 3, 0), 3);
	assert_int_equal(send(client, "three", 5, 0), 5);
	assert_int_equal(recv(server, got, sizeof(got), 0), 3);
	assert_int_equal(recv(server, got, sizeof(got), 0), 5);
	assert_int_equal(recv(server, got, sizeof(got), 0), -1);
	assert_int_equal(errno, EAGAIN);
	close(client);
	assert_int_equal(recv(server, got, sizeof(got), 0), 0);
	close(server);
}

static int
listen_at(const char *path)
{
	struct err err = { 0 };
	int fd = record_listen(path, &err);

	if (fd < 0)
		fail_msg("%s", err.text);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	return fd;
}

static void
test_socket_is_private_and_replaces_an_old_one(void **state)
{
	char *dir = scratch_make(), *path = path_join(dir, "trace.sock");
	mode_t masks[] = { 0, 022, 0777 };
	struct stat st;
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(masks); i++) {
		mode_t old = umask(masks[i]);
		int fd = listen_at(path);

		umask(old);
		assert_int_equal(stat(path, &st), 0);
		assert_true(S_ISSOCK(st.st_mode));
		assert_int_equal(st.st_mode & 0777, 0600);
		talk(fd, path);
		close(fd); /* leaves its file, as a killed process does */
		assert_int_equal(record_connect(path, &err), -1);
		assert_int_equal(err.code, ERR_IO);
	}
	free(path);
	scratch_remove(dir);
}

static void
test_long_paths_work(void **state)
{
	char *dir = scratch_make(), *deep, *path;
	struct err err;

	(void)state;
	/* Around the limit of sun_path, and far above it. */
	for (int n = 60; n < 200; n += n < 110 ? 1 : 40) {
		int fd;

		deep = xasprintf("%s/%0*d", dir, n, 7);
		assert_int_equal(dir_make(deep, 0700, &err), 0);
		path = path_join(deep, "trace.sock");
		fd = listen_at(path);
		talk(fd, path);
		close(fd);
		fd = listen_at(path);
		close(fd);
		free(path);
		free(deep);
	}
	scratch_remove(dir);
}

static void
test_what_is_no_socket_is_not_removed(void **state)
{
	char *dir = scratch_make(), *path = path_join(dir, "precious");
	char *link = path_join(dir, "link");
	struct stat st;
	struct err err;

	(void)state;
	assert_int_equal(file_write(path, str_of("data"), &err), 0);
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(record_listen(path, &err), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_non_null(strstr(err.text, "not a socket"));
	assert_int_equal(record_listen(link, &err), -1);
	assert_int_equal(record_listen(dir, &err), -1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 4);
	free(link);
	free(path);
	scratch_remove(dir);
}

static void
test_bad_places_are_named(void **state)
{
	char *dir = scratch_make(), *name = xasprintf("%s/%0*d", dir, 150, 1);
	char *none = path_join(dir, "none/trace.sock");
	char *slash = path_join(dir, "");
	const char *rows[] = { name, none, slash, "" };
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		err.code = ERR_NONE;
		assert_int_equal(record_listen(rows[i], &err), -1);
		assert_int_equal(err.code, ERR_IO);
		assert_non_null(strstr(err.text, rows[i]));
		assert_int_equal(record_connect(rows[i], &err), -1);
	}
	free(slash);
	free(none);
	free(name);
	scratch_remove(dir);
}

static void
test_full_packets_can_wait(void **state)
{
	char *dir = scratch_make(), *path = path_join(dir, "trace.sock");
	char *packet = xcalloc(1, RECORD_PACKET_BYTES);
	int listener = listen_at(path), client, sent = 0;
	struct err err;

	(void)state;
	client = record_connect(path, &err);
	while (send(client, packet, RECORD_PACKET_BYTES, MSG_NOSIGNAL) > 0)
		sent++;
	assert_int_equal(errno, EAGAIN);
	assert_true(sent >= 2);
	close(client);
	close(listener);
	free(packet);
	free(path);
	scratch_remove(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames_come_back_in_order),
		cmocka_unit_test(test_bytes_are_as_documented),
		cmocka_unit_test(test_packet_limit_is_kept),
		cmocka_unit_test(test_garbage_is_refused_with_a_reason),
		cmocka_unit_test(test_cut_packets_are_refused_at_every_length),
		cmocka_unit_test(test_mutations_never_leave_the_packet),
		cmocka_unit_test(test_too_long_a_packet_is_refused),
		cmocka_unit_test(
		    test_socket_is_private_and_replaces_an_old_one),
		cmocka_unit_test(test_long_paths_work),
		cmocka_unit_test(test_what_is_no_socket_is_not_removed),
		cmocka_unit_test(test_bad_places_are_named),
		cmocka_unit_test(test_full_packets_can_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
