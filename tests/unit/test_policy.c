/* When a dead child is started again: one table of lives. */
#include "unit.h"

#include "supervisor/policy.h"

#define SECS NSECS_PER_SEC

/* One life: READY so long (NEVER: it was not), then how long it has to wait.
   The lives of a row follow one another in one slot. */
#define NEVER   (-1)
#define LIVES   10
#define HEALTHY (POLICY_HEALTHY_NSECS / SECS)

static const struct {
	const char *what;
	struct {
		int ready_secs;
		int delay_secs;
	} lives[LIVES];
} rows[] = {
	/* clang-format off */
	{ "healthy children are replaced at once",
	  { { HEALTHY, 0 }, { HEALTHY, 0 }, { 3600, 0 }, { HEALTHY, 0 } } },
	{ "a start that never succeeds doubles its delay up to 60 s",
	  { { NEVER, 1 }, { NEVER, 2 }, { NEVER, 4 }, { NEVER, 8 },
	    { NEVER, 16 }, { NEVER, 32 }, { NEVER, 60 }, { NEVER, 60 },
	    { NEVER, 60 }, { NEVER, 60 } } },
	{ "one that served is replaced at once the first time only",
	  { { 0, 0 }, { 9, 1 }, { 0, 2 }, { 5, 4 }, { 0, 8 }, { 9, 16 },
	    { 0, 32 }, { 0, 60 }, { 0, 60 } } },
	{ "health forgets the history",
	  { { NEVER, 1 }, { NEVER, 2 }, { HEALTHY, 0 }, { NEVER, 1 },
	    { 3, 2 }, { HEALTHY, 0 }, { 3, 1 }, { NEVER, 2 } } },
	{ "just short of healthy is not healthy",
	  { { HEALTHY - 1, 0 }, { HEALTHY - 1, 1 }, { HEALTHY, 0 } } },
	/* clang-format on */
};

static void
test_lives(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct policy_history h = { 0 };
		int64_t now = 5 * SECS;

		for (size_t j = 0; j < LIVES; j++) {
			int ready = rows[i].lives[j].ready_secs;
			int64_t delay = rows[i].lives[j].delay_secs * SECS;
			int64_t ready_at = ready == NEVER ? 0 : now + SECS;
			int64_t next;

			if (ready == 0 && delay == 0 && j > 0)
				break; /* the row's end */
			now += SECS + (ready == NEVER ? 0 : ready * SECS);
			next = policy_after_death(&h, ready_at, now);
			if (next != now + delay)
				fail_msg("%s: life %zu waits %lld s, not %lld",
				    rows[i].what, j + 1,
				    (long long)((next - now) / SECS),
				    (long long)(delay / SECS));
			now = next;
		}
	}
}

static void
test_refusal_waits_longest(void **state)
{
	struct policy_history h = { 0 };
	int64_t now = 7 * SECS;

	(void)state;
	assert_int_equal(policy_after_refusal(&h, now), now + 60 * SECS);
	assert_int_equal(policy_after_death(&h, 0, now), now + 60 * SECS);
	/* Mended: it serves, and is as good as any other. */
	assert_int_equal(policy_after_death(&h, now, now + HEALTHY * SECS),
	    now + HEALTHY * SECS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lives),
		cmocka_unit_test(test_refusal_waits_longest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
