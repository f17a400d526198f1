/*
 * Searching the trace files backwards. See trace_search.h.
 *
 * Owns the open files and one block. A block that is not in the page cache is
 * asked for and waited for outside, some times; only then is it read by force.
 */
#include "station/trace_search.h"

#include "base/mem.h"
#include "domain/audit/trace_line.h"
#include "station/trace_files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#define BLOCK_BYTES (256 * 1024)
#define MAX_WAITS   100

_Static_assert(BLOCK_BYTES > 2 * TRACE_LINE_BYTES, "a block has a whole line");

struct trace_search {
	struct trace_wanted wanted;
	struct trace_files files;
	size_t left;  /* files; the one under way is files.parts[left - 1] */
	int64_t end;  /* in it: what stands before this is not searched yet */
	int waits;    /* for the block under way */
	int64_t done; /* bytes */
	char block[BLOCK_BYTES];
};

static const struct trace_part *
part_of(const struct trace_search *s)
{
	return &s->files.parts[s->left - 1];
}

static void
begin_part(struct trace_search *s)
{
	s->end = s->left > 0 ? part_of(s)->size : 0;
}

/* Starts at wanted.before: 0, -1 its file is gone. */
static int
find_place(struct trace_search *s)
{
	const struct trace_place *from = &s->wanted.before;

	for (; s->left > 0; s->left--) {
		if (part_of(s)->inode != from->inode)
			continue;
		begin_part(s);
		if (from->offset < 0 || from->offset > s->end)
			return -1;
		s->end = from->offset;
		return 0;
	}
	return -1;
}

int
trace_search_open(const char *path, const struct trace_wanted *wanted,
    struct trace_search **s_r, struct err *err)
{
	struct trace_search *s = xcalloc(1, sizeof(*s));
	int rc = trace_files_try(path, wanted->since_nsecs, &s->files, err);

	s->wanted = *wanted;
	s->left = s->files.count;
	begin_part(s);
	if (rc == 0 && wanted->before.inode != 0 && find_place(s) != 0)
		rc = err_set(err, ERR_BAD_REQUEST,
		    "what this goes on from is in no trace file any more");
	if (rc != 0)
		trace_search_close(&s);
	*s_r = s;
	return rc;
}

void
trace_search_close(struct trace_search **s)
{
	if (*s == NULL)
		return;
	trace_files_close(&(*s)->files);
	free(*s);
	*s = NULL;
}

int64_t
trace_search_bytes(const struct trace_search *s)
{
	return s->done;
}

struct trace_place
trace_search_place(const struct trace_search *s)
{
	struct trace_place none = { 0, 0 };

	return s->left == 0 ? none
			    : (struct trace_place){ part_of(s)->inode, s->end };
}

/* ---- lines -------------------------------------------------------------- */

/* A text of the client's cannot look like a member: its quotes are escaped. */
struct str
trace_member(struct str line, const char *name)
{
	char key[64];
	int n = snprintf(key, sizeof(key), ",\"%s\":", name);
	const char *at = memmem(line.p, line.n, key, (size_t)n);
	struct str rest;
	size_t len = 0;

	/* The first member has a brace before it. */
	if (at == NULL && line.n > (size_t)n &&
	    memcmp(line.p + 1, key + 1, (size_t)n - 1) == 0)
		at = line.p;
	if (at == NULL)
		return str_make("", 0);
	rest = str_make(at + n, line.n - (size_t)(at + n - line.p));
	if (rest.n > 0 && rest.p[0] == '"') {
		for (len = 1; len < rest.n && rest.p[len] != '"'; len++)
			len += rest.p[len] == '\\';
		len++;
	} else {
		while (len < rest.n && rest.p[len] != ',' && rest.p[len] != '}')
			len++;
	}
	return str_make(rest.p, len < rest.n ? len : rest.n);
}

static bool
has_text(struct str s, struct str text)
{
	return memmem(s.p, s.n, text.p, text.n) != NULL;
}

/* -1, 0, 1 as the line's time is before, at, after the text. */
static int
compare_time(struct str time, const char *text)
{
	size_t n = strlen(text);
	int rc;

	time = str_make(time.p + 1, time.n - 2); /* without quotes */
	rc = memcmp(time.p, text, time.n < n ? time.n : n);
	return rc != 0 ? rc : (time.n > n) - (time.n < n);
}

static bool
is_in_time(const struct trace_wanted *w, struct str line)
{
	struct str time;

	if (w->since[0] == '\0' && w->until[0] == '\0')
		return true;
	time = trace_member(line, "time");
	if (time.n < 2)
		return false;
	return (w->since[0] == '\0' || compare_time(time, w->since) >= 0) &&
	       (w->until[0] == '\0' || compare_time(time, w->until) < 0);
}

static bool
is_wanted(const struct trace_wanted *w, struct str line)
{
	for (size_t i = 0; i < w->text_count; i++) {
		if (!has_text(line, w->texts[i]))
			return false;
	}
	return line.n > 1 && line.p[0] == '{' && is_in_time(w, line);
}

/* The lines of a block, the last one first; start: where it begins in the
   file. False: no more are wanted. */
static bool
search_block(struct trace_search *s, struct str block, int64_t start,
    bool (*line)(void *arg, struct str text, const struct trace_place *place),
    void *arg)
{
	const struct trace_wanted *w = &s->wanted;

	/* Most blocks have none of what is rare. */
	for (size_t i = 0; i < w->text_count; i++) {
		if (!has_text(block, w->texts[i]))
			return true;
	}
	while (block.n > 0) {
		const char *nl = memrchr(block.p, '\n', block.n - 1);
		size_t at = nl == NULL ? 0 : (size_t)(nl - block.p) + 1;
		struct trace_place place = { part_of(s)->inode,
			start + (int64_t)at };

		s->end = place.offset;
		if (is_wanted(w, str_make(block.p + at, block.n - at - 1)) &&
		    !line(arg, str_make(block.p + at, block.n - at - 1),
			&place))
			return false;
		block.n = at;
	}
	return true;
}

/* ---- blocks ------------------------------------------------------------- */

/* How many bytes of [start, start + n) are in s->block; -1 failed, -2 wait. */
static ssize_t
read_block(struct trace_search *s, int64_t start, size_t n, struct err *err)
{
	const struct trace_part *p = part_of(s);
	struct iovec to = { s->block, n };
	ssize_t got = preadv2(p->fd, &to, 1, start, RWF_NOWAIT);

	if (got == (ssize_t)n)
		return got;
	if ((got >= 0 || errno == EAGAIN) && s->waits++ < MAX_WAITS) {
		posix_fadvise(p->fd, start, (off_t)n, POSIX_FADV_WILLNEED);
		return -2;
	}
	got = pread(p->fd, s->block, n, start);
	if (got < 0)
		return err_set_errno(err, ERR_IO, "%s", p->name);
	return got;
}

static void
leave_part(struct trace_search *s)
{
	s->left--;
	begin_part(s);
}

enum trace_search_state
trace_search_step(struct trace_search *s,
    bool (*line)(void *arg, struct str text, const struct trace_place *place),
    void *arg, struct err *err)
{
	int64_t start;
	struct str block;
	const char *nl;
	ssize_t n;

	while (s->left > 0 && s->end == 0)
		leave_part(s);
	if (s->left == 0)
		return TRACE_SEARCH_END;
	start = s->end > BLOCK_BYTES ? s->end - BLOCK_BYTES : 0;
	n = read_block(s, start, (size_t)(s->end - start), err);
	if (n == -2)
		return TRACE_SEARCH_WAIT;
	if (n < 0)
		return TRACE_SEARCH_FAILED;
	s->waits = 0;
	s->done += n;
	if (start > 0)
		posix_fadvise(part_of(s)->fd,
		    start > BLOCK_BYTES ? start - BLOCK_BYTES : 0, BLOCK_BYTES,
		    POSIX_FADV_WILLNEED);
	block = str_make(s->block, (size_t)n);
	/* Not what is being written behind the last newline; nor the line that
	   begins before the block, which the next one has. */
	nl = memrchr(block.p, '\n', block.n);
	block.n = nl == NULL ? 0 : (size_t)(nl - block.p) + 1;
	if (start > 0) {
		nl = memchr(block.p, '\n', block.n);
		/* No line of ours is so long. */
		if (nl == NULL || (size_t)(nl + 1 - block.p) == block.n) {
			s->end = start;
			return TRACE_SEARCH_MORE;
		}
		start += nl + 1 - block.p;
		block.n -= (size_t)(nl + 1 - block.p);
		block.p = nl + 1;
	}
	if (!search_block(s, block, start, line, arg))
		return TRACE_SEARCH_STOPPED;
	s->end = start;
	return TRACE_SEARCH_MORE;
}
