/*
 * How long requests took lately, from the end of the trace file: the store has
 * sums alone, of which no percentile can be made.
 */
#ifndef CTL_RECENT_TIMES_H
#define CTL_RECENT_TIMES_H

#include <stddef.h>
#include <stdint.h>

/* So much of the file's end is looked at: some hundred requests. */
#define RECENT_BYTES (256 * 1024)

struct recent_times {
	size_t count; /* 0: none, or the file cannot be read */
	int64_t p50_micros, p95_micros;
};
/* Of the requests that went well and were settled since (wall). */
void recent_times_read(const char *path, int64_t since_nsecs,
    struct recent_times *r_r);

#endif
