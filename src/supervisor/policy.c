/* Restart policy. See policy.h. */
#include "supervisor/policy.h"

int64_t
policy_after_death(struct policy_history *h, int64_t ready_nsecs,
    int64_t now_nsecs)
{
	int64_t delay;

	if (ready_nsecs > 0 && now_nsecs - ready_nsecs >= POLICY_HEALTHY_NSECS)
		h->delay_nsecs = 0;
	delay = h->delay_nsecs;
	if (delay == 0)
		h->delay_nsecs = POLICY_FIRST_DELAY_NSECS;
	else if (delay < POLICY_MAX_DELAY_NSECS / 2)
		h->delay_nsecs = delay * 2;
	else
		h->delay_nsecs = POLICY_MAX_DELAY_NSECS;
	return now_nsecs + delay;
}
