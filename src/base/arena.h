/*
 * Memory that lives as long as its owner (a request, a configuration): many
 * small pieces, freed all at once. Pieces are zeroed.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/str.h"

struct arena_block;
struct arena {
	struct arena_block *blocks; /* newest first */
	size_t first_bytes;         /* size of the first block */
};

void arena_init(struct arena *a, size_t first_bytes);
void arena_fini(struct arena *a);
/* Frees all but the first block and starts again in it. */
void arena_reset(struct arena *a);
void *arena_alloc(struct arena *a, size_t n); /* aligned to 16, never NULL */
void *arena_copy(struct arena *a, const void *from, size_t n);
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);
struct str arena_str(struct arena *a, struct str s); /* a copy, with a NUL */
/* All pieces of `from` are a's from now on; `from` is as after arena_init(). */
void arena_adopt(struct arena *a, struct arena *from);
char *arena_join(struct arena *a, const char *head, const char *tail);
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF(2, 3);

#endif
