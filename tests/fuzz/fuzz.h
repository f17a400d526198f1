/*
 * What the fuzz targets share. A target's properties are checked with
 * FUZZ_CHECK, which stops in every build.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "base/str.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(x)                                                          \
	do {                                                                   \
		if (!(x))                                                      \
			__builtin_trap();                                      \
	} while (0)

/* The input as text in memory of exactly its size: an access behind its end
   is seen. The caller frees p. */
static inline struct str
fuzz_text(const uint8_t *data, size_t size)
{
	char *p = xmalloc(size == 0 ? 1 : size);

	if (size > 0)
		memcpy(p, data, size);
	return str_make(p, size);
}

/* What the gateway reads off the clock, or makes up (ids of 16 hex digits,
   whatever is written around them), becomes ones. */
static inline void
fuzz_mask(char *p, size_t n)
{
	static const char *const heads[] = { "\"created\":",
		"\"created_at\":" };
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		size_t end = i;

		while (end < n && p[end] != '\0' && strchr(hex, p[end]))
			end++;
		if (end >= i + 16 && i > 0 && strchr("-_", p[i - 1]))
			memset(p + i, '1', end - i);
		for (size_t h = 0; h < ARRAY_LEN(heads); h++) {
			size_t at = i + strlen(heads[h]);

			if (at > n || memcmp(p + i, heads[h], at - i) != 0)
				continue;
			for (; at < n && p[at] >= '0' && p[at] <= '9'; at++)
				p[at] = '1';
		}
		if (end > i)
			i = end - 1;
	}
}

/* A sequence of numbers that only the input decides. */
static inline unsigned
fuzz_next(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 16;
}

#endif
