/*
 * The scanner under the skimmer: from the first byte of a thing to the byte
 * behind it, or NULL with the place and the reason in the walk that it scans
 * for. Not for others: they use wire/json/skim.h.
 */
#ifndef WIRE_SKIM_SCAN_H
#define WIRE_SKIM_SCAN_H

#include "base/str.h"
#include "wire/json/skim.h"

#if defined(__SSE2__) && !defined(SKIM_PORTABLE)
#include <emmintrin.h>
#define SKIM_SSE2 1
#else
#define SKIM_SSE2 0
#endif

extern const char scan_too_deep[];

/* Notes the fault; returns NULL. */
const uint8_t *scan_fail(struct skim_iter *it, const uint8_t *p,
    const char *what);
/* p is at the opening quote; any string. */
const uint8_t *scan_long_string(struct skim_iter *it, const uint8_t *p);
/* Any value, with `outer` containers around it; notes `count`. */
const uint8_t *scan_value(struct skim_iter *it, const uint8_t *p, size_t outer);

static inline const uint8_t *
scan_end(const struct skim_iter *it)
{
	return (const uint8_t *)it->text.p + it->text.n;
}

static inline const uint8_t *
scan_blank(const uint8_t *p, const uint8_t *end)
{
	while (p < end && *p <= ' ' &&
	       (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	return p;
}

/* The byte at p, or 0 (which nothing in JSON starts with) at the end. */
static inline uint8_t
scan_peek(const uint8_t *p, const uint8_t *end)
{
	return p < end ? *p : 0;
}

#if SKIM_SSE2
/* Bit i is set when byte i is not plain. A signed compare finds control bytes
   and non-ASCII at once. */
static inline unsigned
scan_special(const uint8_t *p)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i hit = _mm_cmplt_epi8(v, _mm_set1_epi8(0x20));

	hit = _mm_or_si128(hit, _mm_cmpeq_epi8(v, _mm_set1_epi8('"')));
	hit = _mm_or_si128(hit, _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
	return (unsigned)_mm_movemask_epi8(hit);
}
#endif

/* p is at the opening quote: behind the closing one, or NULL. Most strings are
   short, and plain. */
static inline const uint8_t *
scan_string(struct skim_iter *it, const uint8_t *p)
{
#if SKIM_SSE2
	if (scan_end(it) - p > 16) {
		unsigned special = scan_special(p + 1);
		unsigned at = special == 0 ? 0 : __builtin_ctz(special);

		if (p[1 + at] == '"') {
			it->escaped = false;
			return p + 1 + at + 1;
		}
	}
#endif
	return scan_long_string(it, p);
}

#endif
