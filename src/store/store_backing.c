/* Blocks behind the map of live/. See store_backing.h. */
#include "store/store_backing.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Reserved in steps of this size ... */
#define STEP_BYTES (UINT64_C(8) << 20)
/* ... and so much ahead of what is in use: new rows of a transaction, and the
   copies of pages that it changes, of which it changes so many at most. */
#define AHEAD_BYTES  (UINT64_C(4) << 20)
#define COPIES_BYTES (UINT64_C(16) << 20)

static uint64_t
smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static int
reserve(int fd, uint64_t bytes)
{
	int rc;

	/* The size stays: LMDB sets it, and takes an empty file as new. */
	do
		rc = fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)bytes);
	while (rc != 0 && errno == EINTR);
	return rc == 0 ? 0 : errno;
}

int
store_backing_prepare(struct store_environment *e, size_t *map_bytes)
{
	char *path = path_join(e->dir, "data.mdb");
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), rc = 0;
	struct stat st;

	free(path);
	if (fd < 0 || fstat(fd, &st) != 0) {
		rc = errno;
	} else {
		if ((uint64_t)st.st_size > *map_bytes)
			*map_bytes = (size_t)st.st_size;
		e->backed_bytes = smaller(*map_bytes, STEP_BYTES);
		rc = reserve(fd, e->backed_bytes);
	}
	fd_close(&fd);
	e->written_through = rc == 0;
	return rc == EOPNOTSUPP || rc == ENOSYS ? 0 : rc;
}

int
store_backing_reserve(struct store_environment *e, uint64_t put_bytes)
{
	uint64_t used, want;
	MDB_envinfo info;
	int fd, rc;

	if (!e->written_through)
		return 0;
	rc = mdb_env_info(e->mdb, &info);
	if (rc != 0)
		return rc;
	used = ((uint64_t)info.me_last_pgno + 1) * e->page_bytes;
	/* A row may come to stand alone on a page it fills by half. */
	want = used + smaller(used, COPIES_BYTES) + AHEAD_BYTES + 2 * put_bytes;
	want = smaller(want, info.me_mapsize);
	if (want <= e->backed_bytes)
		return 0;
	want = smaller((want + STEP_BYTES - 1) / STEP_BYTES * STEP_BYTES,
	    info.me_mapsize);
	rc = mdb_env_get_fd(e->mdb, &fd);
	if (rc == 0)
		rc = reserve(fd, want);
	if (rc == 0)
		e->backed_bytes = want;
	return rc;
}
