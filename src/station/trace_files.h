/*
 * The files of the trace chain, opened together: PATH.N ... PATH.1, PATH,
 * eldest first, each to the length it had when it was opened. A rotation that
 * happens meanwhile is noticed and they are opened again, so that no line is
 * read twice or left out.
 */
#ifndef STATION_TRACE_FILES_H
#define STATION_TRACE_FILES_H

#include "base/buf.h"
#include "base/err.h"
#include "ipc/checkpoint.h"

#include <stdint.h>

struct trace_part {
	char *path;
	const char *name; /* without its folder */
	int fd;
	int64_t size;
	int64_t inode;
	int64_t mtime_nsecs; /* of its last line, by our clock */
};

struct trace_files {
	size_t count;
	struct trace_part *parts;
	/* Nothing was written before the first line of these. */
	bool whole;
	/* Else: the hash before it, when that is known ("" not), and from when
	   on all lines settled are in these files (wall); -1 not known. */
	char before[72];
	struct checkpoint checkpoint; /* the one that counts for these */
	int64_t covered_nsecs;
	/* Set by trace_files_read(): what follows the last whole line. */
	int64_t torn_bytes;
};

/*
 * public_path: see checkpoint_load(). since_nsecs > 0: files whose last line is
 * older are left out. 0 also when
 * there is no file at all (count 0). ERR_IO.
 */
int trace_files_open(const char *path, const char *public_path,
    int64_t since_nsecs, struct trace_files *f_r, struct err *err) MUST_CHECK;
/*
 * The same for who must not wait, without a look at where the files begin
 * (whole, before, checkpoint, covered_nsecs): 1 they are being rotated, try
 * again in a moment.
 */
int trace_files_try(const char *path, int64_t since_nsecs,
    struct trace_files *f_r, struct err *err) MUST_CHECK;
void trace_files_close(struct trace_files *f);
/* Calls line() for every whole line (without its newline); stops when that
   answers other than 0 and returns it. -1 with *err: ERR_IO. */
int trace_files_read(struct trace_files *f,
    int (*line)(void *arg, const char *file, uint64_t number, struct str text),
    void *arg, struct err *err) MUST_CHECK;

#endif
