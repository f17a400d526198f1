/* The files of the trace chain. See trace_files.h. */
#include "station/trace_files.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/jsonx.h"
#include "domain/audit/trace_line.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_HOLE         64
#define OPEN_TRIES       20
#define OPEN_PAUSE_NSECS (50 * NSECS_PER_MSEC)
#define PREV_KEY         ",\"prev\":\""
#define BLOCK_BYTES      (256 * 1024)

/* ---- opening ------------------------------------------------------------ */

/* 1 opened, 0 absent, -1 failed. */
static int
open_part(struct trace_files *f, char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct trace_part *p;
	struct stat st;

	if (fd < 0 && errno == ENOENT) {
		free(path);
		return 0;
	}
	if (fd < 0 || fstat(fd, &st) != 0) {
		err_set_errno(err, ERR_IO, "%s", path);
		fd_close(&fd);
		free(path);
		return -1;
	}
	f->parts = xrealloc(f->parts, (f->count + 1) * sizeof(*f->parts));
	p = &f->parts[f->count++];
	p->path = path;
	p->name = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
	p->fd = fd;
	p->size = st.st_size;
	p->inode = (int64_t)st.st_ino;
	p->mtime_nsecs = (int64_t)st.st_mtim.tv_sec * NSECS_PER_SEC +
			 st.st_mtim.tv_nsec + clock_offset_nsecs();
	return 1;
}

static int
open_parts(const char *path, struct trace_files *f, struct err *err)
{
	int eldest = 0;

	/* One that is missing in between is not the end. */
	for (int i = 1; i <= eldest + MAX_HOLE; i++) {
		char *next = xasprintf("%s.%d", path, i);

		if (access(next, F_OK) == 0)
			eldest = i;
		free(next);
	}
	for (int i = eldest; i >= 0; i--) {
		char *name =
		    i == 0 ? xstrdup(path) : xasprintf("%s.%d", path, i);

		if (open_part(f, name, err) < 0)
			return -1;
	}
	return 0;
}

/* True when the names still stand for what was opened, and the newest (the
   last thing a rotation makes) is there. */
static bool
is_steady(const char *path, const struct trace_files *f)
{
	struct stat st;

	for (size_t i = 0; i < f->count; i++) {
		if (stat(f->parts[i].path, &st) != 0 ||
		    (int64_t)st.st_ino != f->parts[i].inode)
			return false;
	}
	return f->count == 0 || strcmp(f->parts[f->count - 1].path, path) == 0;
}

/* ---- where they begin --------------------------------------------------- */

/* The first line's prev; false: there is no whole line. */
static bool
first_prev(const struct trace_part *p, char *out, size_t size)
{
	char *block = xmalloc(TRACE_LINE_BYTES);
	ssize_t n = pread(p->fd, block, TRACE_LINE_BYTES, 0);
	const char *end = n > 0 ? memchr(block, '\n', (size_t)n) : NULL;
	bool found = false;

	struct str line, prev;

	/* By its place, so that a damaged line still tells. */
	if (end != NULL) {
		line = str_make(block, (size_t)(end - block));
		for (ptrdiff_t at; (at = str_find(line, PREV_KEY)) >= 0;) {
			line.p += (size_t)at + strlen(PREV_KEY);
			line.n -= (size_t)at + strlen(PREV_KEY);
			found = true;
		}
		prev = found ? str_cut(&line, '"') : str_make("?", 1);
		snprintf(out, size, STR_FMT, prev.n > 64 ? 64 : (int)prev.n,
		    prev.p);
	}
	free(block);
	return end != NULL;
}

/* The hash of a file's last whole line, or "". */
static void
last_hash(const struct trace_part *p, char *out, size_t size)
{
	char *block = xmalloc(TRACE_LINE_BYTES);
	int64_t from =
	    p->size > TRACE_LINE_BYTES ? p->size - TRACE_LINE_BYTES : 0;
	ssize_t n = pread(p->fd, block, TRACE_LINE_BYTES, from);
	struct str hash = { 0 };

	while (n > 0 && block[n - 1] != '\n')
		n--;
	if (n > 0)
		hash = trace_line_hash(str_make(block, (size_t)n - 1));
	snprintf(out, size, "%.*s", (int)hash.n, hash.n > 0 ? hash.p : "");
	free(block);
}

static void
find_beginning(const char *path, const char *public_path, struct trace_files *f)
{
	f->covered_nsecs = -1;
	f->whole = false;
	f->before[0] = '\0';
	for (size_t i = 0; i < f->count; i++) {
		if (!first_prev(&f->parts[i], f->before, sizeof(f->before)))
			continue;
		f->whole = f->before[0] == '\0';
		checkpoint_load(path, f->before, public_path, &f->checkpoint);
		if (f->whole)
			f->covered_nsecs = 0;
		else if (f->checkpoint.trust == CHECKPOINT_SIGNED)
			f->covered_nsecs = f->checkpoint.until_nsecs;
		return;
	}
	/* No line anywhere: an empty chain, unless one was before. */
	f->whole = true;
	f->covered_nsecs = 0;
}

/* The first file that does not end before `since`; always one of them. */
static size_t
first_of(const struct trace_files *f, int64_t since_nsecs)
{
	size_t n = 0;

	while (n + 1 < f->count && f->parts[n].mtime_nsecs < since_nsecs)
		n++;
	return n;
}

static void
drop_first(struct trace_files *f, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		fd_close(&f->parts[i].fd);
		free(f->parts[i].path);
	}
	if (n > 0)
		memmove(f->parts, f->parts + n,
		    (f->count - n) * sizeof(*f->parts));
	f->count -= n;
}

/* Leaves out files that end before `since`. */
static void
skip_old(struct trace_files *f, int64_t since_nsecs)
{
	size_t n = first_of(f, since_nsecs);

	if (n == 0)
		return;
	last_hash(&f->parts[n - 1], f->before, sizeof(f->before));
	f->whole = false;
	if (f->covered_nsecs >= 0 && f->covered_nsecs < since_nsecs)
		f->covered_nsecs = since_nsecs;
	drop_first(f, n);
}

int
trace_files_try(const char *path, int64_t since_nsecs, struct trace_files *f_r,
    struct err *err)
{
	struct trace_files f = { 0 };
	int rc = open_parts(path, &f, err);

	if (rc == 0 && !is_steady(path, &f))
		rc = 1;
	if (rc == 0 && since_nsecs > 0)
		drop_first(&f, first_of(&f, since_nsecs));
	if (rc != 0)
		trace_files_close(&f);
	*f_r = f;
	return rc;
}

int
trace_files_open(const char *path, const char *public_path, int64_t since_nsecs,
    struct trace_files *f_r, struct err *err)
{
	struct timespec pause = { 0, (long)OPEN_PAUSE_NSECS };

	for (int i = 0; i < OPEN_TRIES; i++) {
		struct trace_files f = { 0 };

		if (open_parts(path, &f, err) != 0) {
			trace_files_close(&f);
			return -1;
		}
		if (is_steady(path, &f) || i + 1 == OPEN_TRIES) {
			find_beginning(path, public_path, &f);
			if (since_nsecs > 0)
				skip_old(&f, since_nsecs);
			*f_r = f;
			return 0;
		}
		trace_files_close(&f);
		nanosleep(&pause, NULL);
	}
	return err_set(err, ERR_INTERNAL, "%s", path); /* not reached */
}

void
trace_files_close(struct trace_files *f)
{
	for (size_t i = 0; i < f->count; i++) {
		fd_close(&f->parts[i].fd);
		free(f->parts[i].path);
	}
	free(f->parts);
	memset(f, 0, sizeof(*f));
}

/* ---- reading ------------------------------------------------------------ */

static int
read_part(struct trace_files *f, const struct trace_part *p,
    int (*line)(void *arg, const char *file, uint64_t number, struct str text),
    void *arg, struct err *err)
{
	/* A line longer than any of ours is handed out in pieces: the reader
	   finds that they are no records. */
	size_t size = BLOCK_BYTES + TRACE_LINE_BYTES, have = 0, at;
	char *block = xmalloc(size);
	int64_t offset = 0;
	uint64_t number = 0;
	int rc = 0;

	while (rc == 0 && offset < p->size) {
		size_t want = size - have;
		ssize_t n;

		if ((int64_t)want > p->size - offset)
			want = (size_t)(p->size - offset);
		n = pread(p->fd, block + have, want, offset);
		if (n <= 0) {
			rc = err_set_errno(err, ERR_IO, "%s", p->path);
			break;
		}
		offset += n;
		have += (size_t)n;
		for (at = 0; rc == 0 && at < have;) {
			char *nl = memchr(block + at, '\n', have - at);
			size_t len =
			    nl != NULL ? (size_t)(nl - block) - at : have - at;

			if (nl == NULL && !(at == 0 && have == size))
				break;
			rc = line(arg, p->name, ++number,
			    str_make(block + at, len));
			at += len + (nl != NULL);
		}
		memmove(block, block + at, have - at);
		have -= at;
	}
	f->torn_bytes = (int64_t)have;
	free(block);
	return rc;
}

int
trace_files_read(struct trace_files *f,
    int (*line)(void *arg, const char *file, uint64_t number, struct str text),
    void *arg, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < f->count; i++)
		rc = read_part(f, &f->parts[i], line, arg, err);
	return rc;
}
