/* Restart policy. See policy.h. Owns nothing, cannot fail. */
#include "supervisor/policy.h"

static int64_t
doubled(int64_t delay)
{
	if (delay >= POLICY_MAX_DELAY_NSECS / 2)
		return POLICY_MAX_DELAY_NSECS;
	return delay == 0 ? POLICY_FIRST_DELAY_NSECS : delay * 2;
}

int64_t
policy_after_death(struct policy_history *h, int64_t ready_nsecs,
    int64_t now_nsecs)
{
	int64_t delay = h->delay_nsecs;

	if (ready_nsecs > 0 && now_nsecs - ready_nsecs >= POLICY_HEALTHY_NSECS)
		delay = 0;
	if (ready_nsecs == 0 && delay == 0)
		delay = POLICY_FIRST_DELAY_NSECS;
	h->delay_nsecs = doubled(delay);
	return now_nsecs + delay;
}

int64_t
policy_after_refusal(struct policy_history *h, int64_t now_nsecs)
{
	h->delay_nsecs = POLICY_MAX_DELAY_NSECS;
	return now_nsecs + POLICY_MAX_DELAY_NSECS;
}
