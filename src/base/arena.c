/* Bump allocation with one free. See arena.h. */
#include "base/arena.h"

#include <stdarg.h>

struct arena_block {
	struct arena_block *next;
	size_t used;
	size_t size;
	_Alignas(16) char data[];
};

void
arena_init(struct arena *a, size_t first_bytes)
{
	a->blocks = NULL;
	a->first_bytes = first_bytes < 256 ? 256 : first_bytes;
}

void
arena_fini(struct arena *a)
{
	while (a->blocks != NULL) {
		struct arena_block *next = a->blocks->next;

		free(a->blocks);
		a->blocks = next;
	}
}

void
arena_reset(struct arena *a)
{
	while (a->blocks != NULL && a->blocks->next != NULL) {
		struct arena_block *next = a->blocks->next;

		free(a->blocks);
		a->blocks = next;
	}
	if (a->blocks != NULL)
		a->blocks->used = 0;
}

static struct arena_block *
add_block(struct arena *a, size_t n)
{
	struct arena_block *b;
	size_t size = a->first_bytes;

	if (a->blocks != NULL)
		size = a->blocks->size * 2;
	if (size > 256 * 1024)
		size = 256 * 1024;
	if (size < n)
		size = n;
	b = xmalloc(sizeof(*b) + size);
	b->used = 0;
	b->size = size;
	b->next = a->blocks;
	a->blocks = b;
	return b;
}

/* As it was left by whoever had it before. */
static void *
take(struct arena *a, size_t n)
{
	struct arena_block *b = a->blocks;
	void *p;

	n = (n + 15) & ~(size_t)15;
	if (b == NULL || b->size - b->used < n)
		b = add_block(a, n);
	p = b->data + b->used;
	b->used += n;
	return p;
}

void *
arena_alloc(struct arena *a, size_t n)
{
	return memset(take(a, n), 0, n);
}

void *
arena_copy(struct arena *a, const void *from, size_t n)
{
	void *p = take(a, n);

	return n > 0 ? memcpy(p, from, n) : p;
}

char *
arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *p = take(a, n + 1);

	if (n > 0)
		memcpy(p, s, n);
	p[n] = '\0';
	return p;
}

char *
arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

struct str
arena_str(struct arena *a, struct str s)
{
	return str_make(arena_strndup(a, s.p, s.n), s.n);
}

/* In front: the first block stays the one that arena_reset() keeps. */
void
arena_adopt(struct arena *a, struct arena *from)
{
	struct arena_block *last = from->blocks;

	if (last == NULL)
		return;
	while (last->next != NULL)
		last = last->next;
	last->next = a->blocks;
	a->blocks = from->blocks;
	from->blocks = NULL;
}

char *
arena_join(struct arena *a, const char *head, const char *tail)
{
	size_t n = strlen(head), more = strlen(tail);
	char *p = arena_alloc(a, n + more + 1);

	memcpy(p, head, n);
	memcpy(p + n, tail, more);
	return p;
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		n = 0;
	p = arena_alloc(a, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return p;
}
