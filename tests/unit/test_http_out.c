/*
 * Output of one connection: bytes arrive in order and once, however small the
 * client's steps; memory follows what waits, not what was written.
 */
#include "unit.h"

#include "http/http_out.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

struct pair {
	struct http_spares spares;
	struct http_out out;
	int server, client;
	uint32_t put, got; /* numbers of the next byte, each way */
};

static struct pair *
pair_new(void)
{
	struct pair *p = xcalloc(1, sizeof(*p));
	int fds[2], small = 4096;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
			     fds),
	    0);
	p->server = fds[0];
	p->client = fds[1];
	setsockopt(p->server, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	http_out_init(&p->out, &p->spares);
	return p;
}

static void
pair_free(struct pair *p)
{
	http_out_clear(&p->out);
	http_spares_fini(&p->spares);
	close(p->server);
	close(p->client);
	free(p);
}

static char
byte_of(uint32_t n)
{
	return (char)((n * 2654435761u) >> 24);
}

static void
put(struct buf *b, struct pair *p, size_t n)
{
	while (n-- > 0)
		assert_int_equal(buf_add_char(b, byte_of(p->put++)), 0);
}

/* At most n bytes are read and compared. */
static void
get(struct pair *p, size_t n)
{
	char block[4096];
	ssize_t got = recv(p->client, block, n < 4096 ? n : 4096, 0);

	for (ssize_t i = 0; i < got; i++)
		assert_int_equal(block[i], byte_of(p->got++));
}

static void
write_on(struct pair *p)
{
	if (http_out_len(&p->out) > 0 && http_out_write(&p->out, p->server) < 0)
		assert_int_equal(errno, EAGAIN);
}

static void
drain(struct pair *p)
{
	while (p->got < p->put) {
		write_on(p);
		get(p, 4096);
	}
	assert_int_equal(http_out_len(&p->out), 0);
	assert_null(p->out.bytes.data);
	assert_null(p->out.tail.data);
}

static void
test_bytes_arrive_in_order_and_once(void **state)
{
	struct pair *p = pair_new();

	(void)state;
	srandom(3);
	for (int round = 0; round < 20000; round++) {
		size_t n = (size_t)random() % 900;

		if (http_out_len(&p->out) < 20000)
			put(http_out_room(&p->out, n), p, n);
		write_on(p);
		get(p, (size_t)random() % 1000 + 1);
	}
	drain(p);
	pair_free(p);
}

/* A client that is always a little behind, for long. */
static void
test_memory_does_not_grow_with_what_is_written(void **state)
{
	struct pair *p = pair_new();

	(void)state;
	for (int round = 0; round < 20000; round++) {
		if (http_out_len(&p->out) < 10000)
			put(http_out_room(&p->out, 500), p, 500);
		write_on(p);
		get(p, 400);
		assert_true(p->out.bytes.size <= 65536);
	}
	assert_true(p->put > 5000000);
	drain(p);
	pair_free(p);
}

static void
test_tail_follows_the_bytes(void **state)
{
	struct pair *p = pair_new();
	struct buf body;

	(void)state;
	for (size_t head = 0; head < 3000; head += 750) {
		put(http_out_room(&p->out, head), p, head);
		buf_init(&body, 1 << 20);
		put(&body, p, 100000);
		http_out_take(&p->out, &body);
		assert_null(body.data);
		assert_int_equal(http_out_len(&p->out), head + 100000);
		drain(p);
	}
	pair_free(p);
}

static void
test_memory_is_kept_for_the_next(void **state)
{
	struct pair *p = pair_new();
	const char *memory;

	(void)state;
	put(http_out_room(&p->out, 10), p, 10);
	memory = p->out.bytes.data;
	drain(p);
	assert_int_equal(p->spares.count, 1);
	put(http_out_room(&p->out, 10), p, 10);
	assert_ptr_equal(p->out.bytes.data, memory);
	/* What has grown is not kept. */
	put(http_out_room(&p->out, 5000), p, 5000);
	drain(p);
	assert_int_equal(p->spares.count, 0);
	pair_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes_arrive_in_order_and_once),
		cmocka_unit_test(
		    test_memory_does_not_grow_with_what_is_written),
		cmocka_unit_test(test_tail_follows_the_bytes),
		cmocka_unit_test(test_memory_is_kept_for_the_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
