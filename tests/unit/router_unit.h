/* For the tests of catalog and router: one fixture, new for each of them. */
#ifndef TESTS_UNIT_ROUTER_UNIT_H
#define TESTS_UNIT_ROUTER_UNIT_H

#include "router_fixture.h"

static struct fix f;

static inline int
fix_set_up(void **state)
{
	(void)state;
	fix_init(&f);
	return 0;
}

static inline int
fix_tear_down(void **state)
{
	(void)state;
	fix_fini(&f);
	return 0;
}

#endif
