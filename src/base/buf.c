/* Growable bytes with a maximum. See buf.h. */
#include "base/buf.h"

#include <stdarg.h>

#define BUF_FIRST 256

void
buf_init(struct buf *b, size_t max)
{
	memset(b, 0, sizeof(*b));
	b->max = max;
}

void
buf_fini(struct buf *b)
{
	free(b->data);
	b->data = NULL;
	b->len = b->size = 0;
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
	b->overflowed = false;
}

int
buf_grow(struct buf *b, size_t more)
{
	size_t need, size;

	if (more > b->max - b->len) {
		b->overflowed = true;
		return -1;
	}
	need = b->len + more + 1;
	if (need <= b->size)
		return 0;
	size = b->size == 0 ? BUF_FIRST : b->size;
	while (size < need)
		size *= 2;
	b->data = xrealloc(b->data, size);
	b->size = size;
	return 0;
}

int
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || buf_reserve(b, (size_t)n) != 0)
		return -1;
	va_start(ap, fmt);
	vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
	return 0;
}

void
buf_consume(struct buf *b, size_t n)
{
	if (n == 0)
		return;
	if (n > b->len)
		n = b->len;
	memmove(b->data, b->data + n, b->len - n);
	b->len -= n;
	b->data[b->len] = '\0';
}

struct str
buf_str(const struct buf *b)
{
	return str_make(b->len == 0 ? "" : b->data, b->len);
}

const char *
buf_cstr(struct buf *b)
{
	return b->len == 0 ? "" : b->data;
}

char *
buf_take(struct buf *b, size_t *len_r)
{
	char *data = b->data != NULL ? b->data : xstrdup("");

	if (len_r != NULL)
		*len_r = b->len;
	b->data = NULL;
	b->len = b->size = 0;
	return data;
}
