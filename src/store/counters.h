/*
 * A row of counters: numbers that are added to, over and over (roll-ups). The
 * store adds to such a row itself (store_add), so that a row which many jobs
 * of a turn add to is taken apart once and put together once.
 */
#ifndef STORE_COUNTERS_H
#define STORE_COUNTERS_H

#include "base/str.h"

#include <stdint.h>

#define COUNTERS_MAX 12 /* a layout: new ones go to the end */

struct counters {
	int64_t at[COUNTERS_MAX];
};

#define COUNTERS_BYTES (COUNTERS_MAX * 10 + 2)
/*
 * As stored: a version (1 byte), then the counters in their order, each in 7
 * bits per byte, lowest first (LEB128), zeroes at the end left out; a zero is
 * added where the length would be a multiple of 8. By that a row of before
 * there were versions is known: 8 bytes per counter, little-endian, those at
 * the end missing. Returns the bytes in out.
 */
size_t counters_encode(const struct counters *c,
    unsigned char out[COUNTERS_BYTES]);
/* 0, or -1: the bytes are no such row. */
int counters_decode(struct str bytes, struct counters *c_r) MUST_CHECK;
/* *sum += *part, saturating (num_sum). */
void counters_add(struct counters *sum, const struct counters *part);

#endif
