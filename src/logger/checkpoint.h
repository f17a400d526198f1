/*
 * PATH.checkpoint: what an audit has to know when the first files of the chain
 * are gone. {"hash": of the last line that left, "until": RFC 3339}: every line
 * that left was settled before `until`, so sums of what was settled from then
 * on can still be compared. It only counts when the first line there names that
 * hash as its prev.
 *
 * Written just before the eldest file is removed, and when somebody has moved
 * the file away from its place. Without it an audit compares less, and says
 * so: a failed write is no error.
 */
#ifndef LOGGER_CHECKPOINT_H
#define LOGGER_CHECKPOINT_H

#include "base/hash.h"

void checkpoint_write(const char *path, const char *hash, int64_t until_nsecs);
/* PATH will be rotated with this many places: notes the file that goes then,
   if one does. */
void checkpoint_before_shift(const char *path, int64_t keep);

#endif
