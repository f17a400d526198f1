/* What every unit test includes: cmocka with the headers it wants first. */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"

/* A slice against a C string, with both in the failure text. */
static inline void
assert_str(struct str got, const char *want)
{
	char *copy = str_dup(got);

	assert_string_equal(copy, want);
	free(copy);
}

#endif
