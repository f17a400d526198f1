/*
 * Growable bytes with a maximum that is given at birth, so that an unbounded
 * buffer cannot be written by accident. An append that would pass the maximum
 * changes nothing, returns -1 and marks the buffer (buf_overflowed), so a run
 * of appends may be checked once at its end.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/str.h"

struct buf {
	char *data;  /* owned; data[len] is a NUL when len > 0 */
	size_t len;  /* bytes in use, <= max */
	size_t size; /* bytes allocated */
	size_t max;  /* len never passes this */
	bool overflowed;
};

void buf_init(struct buf *b, size_t max);
void buf_fini(struct buf *b);  /* frees; the struct may be used again after
				  buf_init */
void buf_clear(struct buf *b); /* len = 0, memory kept, mark cleared */
int buf_grow(struct buf *b, size_t more); /* the rare half of buf_reserve */

/* Room for `more` bytes. Inline, as the appends below: records and heads are
   made of hundreds of short ones. */
static inline int
buf_reserve(struct buf *b, size_t more)
{
	if (more < b->size - b->len && more <= b->max - b->len)
		return 0;
	return buf_grow(b, more);
}

static inline int
buf_add(struct buf *b, const void *data, size_t n)
{
	if (buf_reserve(b, n) != 0)
		return -1;
	if (n > 0)
		memcpy(b->data + b->len, data, n);
	b->len += n;
	b->data[b->len] = '\0';
	return 0;
}

static inline int
buf_add_str(struct buf *b, struct str s)
{
	return buf_add(b, s.p, s.n);
}

static inline int
buf_add_cstr(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

static inline int
buf_add_char(struct buf *b, char c)
{
	return buf_add(b, &c, 1);
}

int buf_printf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
/* Drops n bytes at the front (moves the rest). */
void buf_consume(struct buf *b, size_t n);
struct str buf_str(const struct buf *b);
/* The bytes as a C string ("" when empty); valid until the next change. */
const char *buf_cstr(struct buf *b);
/* Gives the memory to the caller (free()) and leaves the buffer empty. */
char *buf_take(struct buf *b, size_t *len_r);

#endif
