/*
 * When a dead child is started again: pure, the clock is handed in.
 * At once when it had proved itself, else after a delay that doubles from 1 s
 * to 60 s; a child that was healthy for a while has its history forgotten.
 */
#ifndef SUPERVISOR_POLICY_H
#define SUPERVISOR_POLICY_H

#include "base/clock.h"

#include <stdbool.h>

#define POLICY_FIRST_DELAY_NSECS (1 * NSECS_PER_SEC)
#define POLICY_MAX_DELAY_NSECS   (60 * NSECS_PER_SEC)
/* Ready for this long = healthy. */
#define POLICY_HEALTHY_NSECS (10 * NSECS_PER_SEC)
/* From start to READY. */
#define POLICY_READY_NSECS (30 * NSECS_PER_SEC)
/* From one report to the next. */
#define POLICY_STALL_NSECS (15 * NSECS_PER_SEC)
/* From SIGABRT (a core for the developer) to SIGKILL. */
#define POLICY_KILL_NSECS (2 * NSECS_PER_SEC)

struct policy_history {
	int64_t delay_nsecs; /* next delay; 0 = at once */
};

/* A child died: ready_nsecs is when it said READY (0: never). Returns when to
   start the next one. */
int64_t policy_after_death(struct policy_history *h, int64_t ready_nsecs,
    int64_t now_nsecs);

#endif
