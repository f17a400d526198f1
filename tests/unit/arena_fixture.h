/* One arena for all tests of a program. */
#ifndef TESTS_UNIT_ARENA_FIXTURE_H
#define TESTS_UNIT_ARENA_FIXTURE_H

#include "unit.h"

#include "base/arena.h"

static struct arena arena;

/* For cmocka_run_group_tests(). */
static inline int
arena_set_up(void **state)
{
	(void)state;
	arena_init(&arena, 4096);
	return 0;
}

static inline int
arena_tear_down(void **state)
{
	(void)state;
	arena_fini(&arena);
	return 0;
}

#endif
