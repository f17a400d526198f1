/* Where an audit of the files that are left begins. See checkpoint.h. */
#include "logger/checkpoint.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/jsonw.h"
#include "logger/rotation.h"
#include "logger/trace_scan.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHECKPOINT_BYTES 1024
/* A file's time is coarse and cut to seconds: on the careful side. */
#define COARSE_SECS 2

void
checkpoint_write(const char *path, const char *hash, int64_t until_nsecs)
{
	char *name = xasprintf("%s.checkpoint", path);
	char when[CLOCK_RFC3339_BYTES];
	struct buf text;
	struct jsonw w;

	clock_rfc3339(until_nsecs, when);
	buf_init(&text, CHECKPOINT_BYTES);
	jsonw_init(&w, &text);
	jsonw_open(&w, '{');
	jsonw_key(&w, "hash");
	jsonw_cstr(&w, hash);
	jsonw_key(&w, "until");
	jsonw_cstr(&w, when);
	jsonw_close(&w, '}');
	(void)!file_write(name, buf_str(&text), NULL);
	buf_fini(&text);
	free(name);
}

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

void
checkpoint_before_shift(const char *path, int64_t keep)
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
		checkpoint_write(path, hash,
		    (st.st_mtim.tv_sec + COARSE_SECS) * NSECS_PER_SEC +
			clock_offset_nsecs());
	fd_close(&fd);
	free(eldest);
}
