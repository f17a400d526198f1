/* When a checkpoint is due. See departure.h. */
#include "logger/departure.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "ipc/checkpoint.h"
#include "logger/rotation.h"
#include "logger/trace_scan.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file's time is coarse and cut to seconds: on the careful side. */
#define COARSE_SECS 2

/* The hash at the very end of a file of whole lines. */
static bool
hash_at_end(int fd, int64_t size, char out[SHA256_HEX_BYTES])
{
	char tail[sizeof(TRACE_HASH_KEY) - 1 + SHA256_HEX_BYTES - 1 + 3];
	int64_t from = size - (int64_t)sizeof(tail);
	struct str text = str_make(tail, sizeof(tail));

	if (from < 0 ||
	    pread(fd, tail, sizeof(tail), from) != (ssize_t)sizeof(tail) ||
	    !str_starts(text, TRACE_HASH_KEY) || !str_ends(text, "\"}\n"))
		return false;
	memcpy(out, tail + sizeof(TRACE_HASH_KEY) - 1, SHA256_HEX_BYTES - 1);
	out[SHA256_HEX_BYTES - 1] = '\0';
	return true;
}

/* Without it an audit compares less, and says so: no reason to stop. */
void
departure_note(const char *path, const char *hash, int64_t until_nsecs)
{
	struct err err;

	if (checkpoint_save(path, hash, until_nsecs, &err) != 0)
		log_warn("checkpoint of the trace files: %s", err.text);
}

void
departure_before_shift(const char *path, int64_t keep)
{
	char hash[SHA256_HEX_BYTES];
	struct stat st;
	char *eldest;
	int fd;

	for (int64_t i = 1; i <= keep; i++) {
		char *name = rotation_path(path, i);
		bool there = access(name, F_OK) == 0;

		free(name);
		if (!there)
			return; /* a place is free: nothing goes */
	}
	eldest = rotation_path(path, keep);
	fd = open(eldest, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0 && fstat(fd, &st) == 0 && hash_at_end(fd, st.st_size, hash))
		departure_note(path, hash,
		    (st.st_mtim.tv_sec + COARSE_SECS) * NSECS_PER_SEC +
			clock_offset_nsecs());
	fd_close(&fd);
	free(eldest);
}
