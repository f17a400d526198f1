/*
 * When a dead child is started again: pure, the clock is handed in.
 *   it was healthy (READY for 10 s)  → at once, its history is forgotten
 *   it was READY, but not for long   → at once the first time, then as below
 *   it never became READY            → after 1 s, 2 s, 4 s ... 60 s
 *   it said that starting it again is of no use (its exit code) → after 60 s:
 *     what it did not like may be mended by then, and no worker at all is worse
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
/* Silent for longer: it is woken, see SIGURG in ipc/contract.h. */
#define POLICY_WAKE_NSECS (3 * NSECS_PER_SEC)
/* From SIGABRT (a core for the developer) to SIGKILL. */
#define POLICY_KILL_NSECS (2 * NSECS_PER_SEC)

struct policy_history {
	int64_t delay_nsecs; /* next delay; 0 = at once */
};

/* A child died: ready_nsecs is when it said READY (0: never), now_nsecs > 0.
   Returns when to start the next one. */
int64_t policy_after_death(struct policy_history *h, int64_t ready_nsecs,
    int64_t now_nsecs);

/* A child refused to serve (CONTRACT_EXIT_CONFIG, _VERSION). */
int64_t policy_after_refusal(struct policy_history *h, int64_t now_nsecs);

#endif
