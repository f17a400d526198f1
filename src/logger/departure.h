/*
 * Lines of the chain depart: a file is about to be removed by the rotation, or
 * somebody has moved it away. A checkpoint (ipc/checkpoint.h) notes it, so that
 * an audit knows where what is left begins. A failed write is logged and no
 * error: without it an audit compares less, and says so.
 */
#ifndef LOGGER_DEPARTURE_H
#define LOGGER_DEPARTURE_H

#include "base/hash.h"

/* What was written up to this hash has left; all of it was settled before
   until. */
void departure_note(const char *path, const char *hash, int64_t until_nsecs);
/* PATH will be rotated with this many places: notes the file that goes then,
   if one does. */
void departure_before_shift(const char *path, int64_t keep);

#endif
