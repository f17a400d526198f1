/* Output of one connection. See http_out.h. */
#include "http/http_out.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

/* One connection's share of a turn of the loop: about 0.2 ms of copying. */
#define WRITE_BYTES (512 * 1024)
/* Above what anybody lets it grow to. */
#define MOST_BYTES (1 << 30)

void
http_out_init(struct http_out *o, struct http_spares *spares)
{
	o->spares = spares;
	buf_init(&o->bytes, MOST_BYTES);
	buf_init(&o->tail, MOST_BYTES);
	o->bytes_at = o->tail_at = 0;
}

void
http_out_clear(struct http_out *o)
{
	if (o->bytes.data != NULL)
		http_spares_give(o->spares, &o->bytes);
	buf_fini(&o->tail);
	o->bytes_at = o->tail_at = 0;
}

size_t
http_out_len(const struct http_out *o)
{
	return o->bytes.len - o->bytes_at + o->tail.len - o->tail_at;
}

struct buf *
http_out_room(struct http_out *o, size_t most)
{
	if (o->bytes.data == NULL)
		http_spares_take(o->spares, &o->bytes);
	/* What is written is dropped before the buffer grows, but only when
	   it is the larger part: no byte is moved more than once or twice. */
	if (o->bytes_at > o->bytes.len / 2 &&
	    o->bytes.len + most >= o->bytes.size) {
		buf_consume(&o->bytes, o->bytes_at);
		o->bytes_at = 0;
	}
	(void)buf_reserve(&o->bytes, most);
	return &o->bytes;
}

void
http_out_take(struct http_out *o, struct buf *body)
{
	o->tail = *body;
	buf_init(body, body->max);
}

static void
drop(struct http_out *o, size_t n)
{
	size_t bytes = o->bytes.len - o->bytes_at;

	if (n < bytes) {
		o->bytes_at += n;
		return;
	}
	o->bytes_at = o->bytes.len;
	o->tail_at += n - bytes;
	if (http_out_len(o) == 0)
		http_out_clear(o);
}

ssize_t
http_out_write(struct http_out *o, int fd)
{
	struct iovec v[2];
	size_t bytes = o->bytes.len - o->bytes_at;
	size_t tail = o->tail.len - o->tail_at;
	int count = 0;
	ssize_t n;

	if (bytes > WRITE_BYTES)
		bytes = WRITE_BYTES;
	if (tail > WRITE_BYTES - bytes)
		tail = WRITE_BYTES - bytes;
	if (bytes > 0)
		v[count++] =
		    (struct iovec){ o->bytes.data + o->bytes_at, bytes };
	if (tail > 0)
		v[count++] = (struct iovec){ o->tail.data + o->tail_at, tail };
	do
		n = count == 1 ? write(fd, v[0].iov_base, v[0].iov_len)
			       : writev(fd, v, count);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		drop(o, (size_t)n);
	return n;
}
