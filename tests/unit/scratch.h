/* A folder of its own for a unit test, gone with everything in it after. */
#ifndef TESTS_UNIT_SCRATCH_H
#define TESTS_UNIT_SCRATCH_H

#include "base/mem.h"

#include <ftw.h>
#include <stdlib.h>
#include <unistd.h>

static inline char *
scratch_make(void)
{
	const char *base = getenv("TMPDIR");
	char *path =
	    xasprintf("%s/tallygate-test-XXXXXX", base != NULL ? base : "/tmp");

	if (mkdtemp(path) == NULL)
		abort();
	return path;
}

static inline int
scratch_unlink(const char *path, const struct stat *st, int type,
    struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

static inline void
scratch_remove(char *path)
{
	nftw(path, scratch_unlink, 16, FTW_DEPTH | FTW_PHYS);
	free(path);
}

#endif
