/*
 * Time. The only caller of clock_gettime(): everything else gets `now` handed
 * in or asks here, so that tests can move the wall clock.
 *
 * Test clock: when TALLYGATE_TEST_CLOCK names a file of 8 bytes (int64, host
 * order), the file is mapped and its value, in nanoseconds, is added to wall
 * time. A scenario moves time for all processes by writing the file.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/str.h"

#include <stdint.h>

#define NSECS_PER_SEC  INT64_C(1000000000)
#define NSECS_PER_MSEC INT64_C(1000000)

/* Never goes back, no relation to the calendar; for deadlines, latencies. */
int64_t clock_mono_nsecs(void);
/* The event loop's clock may be behind by this much: what is added to a timer
   that must not fire early. */
int64_t clock_coarse_nsecs(void);
/* Since 1970-01-01 UTC, with the test offset; for records and windows. */
int64_t clock_wall_nsecs(void);

/* What the test clock adds to wall time; 0 without one. For times that were
   not made here, such as a file's. */
int64_t clock_offset_nsecs(void);

#define CLOCK_RFC3339_BYTES 40
/* "2026-11-22T11:18:10.123456Z"; returns its length. */
size_t clock_rfc3339(int64_t wall_nsecs, char out[CLOCK_RFC3339_BYTES]);
/*
 * Reads what people type for a moment: RFC 3339, "2026-11-22" (midnight UTC),
 * "@1700000000", "now", or an age such as "2h", "30d", "15m" (before now).
 * A date outside of the years 1678 to 2261, which is all that nanoseconds hold,
 * is the least or the greatest moment. 0 ok, -1 not understood.
 */
int clock_parse(struct str s, int64_t now_wall_nsecs,
    int64_t *nsecs_r) MUST_CHECK;

#endif
