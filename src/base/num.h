/*
 * Numbers people write: integers, durations, sizes, exact decimals. Every
 * function takes the whole slice or fails; nothing is read through the
 * locale, nothing is rounded in silence.
 */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include "base/str.h"

#include <stdint.h>

/* Decimal, optional leading '-' or '+'. 0 ok, -1 not a number or too big. */
int num_int64(struct str s, int64_t *v_r) MUST_CHECK;
/*
 * "200ms", "30s", "5m", "2h", "7d", "1w", "1mo" (30 days), or a bare number
 * in the unit named by bare_unit ("s", "ms"; NULL: refused). Fractions are
 * taken ("1.5h"). Result in nanoseconds.
 */
int num_duration(struct str s, const char *bare_unit,
    int64_t *nsecs_r) MUST_CHECK;
/* "256M", "1G", "64K", "4096" (powers of 1024, optional trailing B/iB). */
int num_size(struct str s, int64_t *bytes_r) MUST_CHECK;
/*
 * An exact decimal ("0.00000015", "1.5e-07", "3e-7") times 10^scale as an
 * integer: num_decimal("1.5e-07", 12) = 150000. Digits below the scale make
 * it fail with 1 in *inexact_r (rounded half up) rather than vanish.
 * 0 ok, -1 not a number or out of range.
 */
int num_decimal(struct str s, int scale, int64_t *v_r,
    bool *inexact_r) MUST_CHECK;

#define NUM_TEXT_BYTES 32
/*
 * v / 10^scale as a plain decimal without exponent and without trailing
 * zeros ("0.000123", "12", "-0.5"). Returns its length.
 */
size_t num_format(int64_t v, int scale, char out[NUM_TEXT_BYTES]);
/* The decimal digits of v; returns their number. */
size_t num_format_uint(uint64_t v, char out[NUM_TEXT_BYTES]);

/* What a hexadecimal digit counts, in either case; -1: it is none. */
static inline int
num_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Sums saturate at plus or minus this: nothing wraps, also not when two of
   them are added. */
#define NUM_SUM_MAX (INT64_MAX / 4)
static inline int64_t
num_sum(int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return a < 0 ? -NUM_SUM_MAX : NUM_SUM_MAX;
	return sum > NUM_SUM_MAX    ? NUM_SUM_MAX
	       : sum < -NUM_SUM_MAX ? -NUM_SUM_MAX
				    : sum;
}

#endif
