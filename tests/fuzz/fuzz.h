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

/* A sequence of numbers that only the input decides. */
static inline unsigned
fuzz_next(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 16;
}

#endif
