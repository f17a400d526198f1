/* Memory that the workers share. See loads.h. */
#include "ipc/loads.h"

#include "base/fd.h"
#include "ipc/meters.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOADS_BYTES (LOADS_CELLS * sizeof(uint32_t))

_Static_assert(LOADS_BYTES <= METERS_OFFSET, "the meters stand behind them");

int
loads_create(struct err *err)
{
	off_t size = (off_t)(METERS_OFFSET + meters_bytes());
	int fd =
	    memfd_create("tallygate-loads", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd >= 0 && ftruncate(fd, size) == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) ==
		0)
		return fd;
	err_set_errno(err, ERR_IO, "memory for the workers' loads");
	fd_close(&fd);
	return -1;
}

_Atomic uint32_t *
loads_map(int fd, struct err *err)
{
	struct stat st;
	void *p = MAP_FAILED;

	/* Touching a page behind the end of a file is fatal. */
	if (fstat(fd, &st) == 0 && st.st_size >= (off_t)LOADS_BYTES)
		p = mmap(NULL, LOADS_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
		    fd, 0);
	if (p == MAP_FAILED) {
		err_set(err, ERR_IO, "the workers' loads cannot be mapped");
		return NULL;
	}
	return p;
}
