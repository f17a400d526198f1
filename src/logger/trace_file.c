/*
 * The trace file: opening it where it stood, adding lines, rotating. See
 * trace_file.h.
 *
 * Owns the file, its lock, the queue of lines not yet written, and the marks
 * (up to where each owner is on file). Fails with ERR_IO, and then is as it
 * was before the call; ERR_BAD_REQUEST for what a client should not send.
 */
#include "logger/trace_file.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/num.h"
#include "ipc/checkpoint.h"
#include "ipc/record.h"
#include "logger/departure.h"
#include "logger/rotation.h"
#include "logger/seq_marks.h"
#include "logger/trace_scan.h"
#include "logger/trace_state.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define QUEUE_MAX_BYTES    (8 * 1024 * 1024)
#define ROTATE_RETRY_NSECS (60 * NSECS_PER_SEC)

/* The two hashes of a line, two numbers, their keys. */
#define CHAIN_MAX_BYTES 256

_Static_assert(RECORD_LINE_BYTES + CHAIN_MAX_BYTES <= TRACE_LINE_BYTES,
    "a start must be able to read what was written");

struct trace_file {
	struct trace_file_options options;
	char *path, *state_path;
	int fd, lock_fd;
	ino_t inode;
	int64_t size;
	char hash[SHA256_HEX_BYTES]; /* of the last line on file */
	struct seq_marks marks;      /* of the lines on file */
	/* Lines not yet on file, and what holds once they are. */
	struct buf queue;
	char queued_hash[SHA256_HEX_BYTES];
	struct seq_marks queued;
	uint64_t queued_lines, lines;
	bool unsynced, changed;
	int64_t cut_to;             /* half a line stands behind this; -1 no */
	int64_t rotate_after_nsecs; /* mono: not before, after a failure */
};

uint64_t
trace_file_seq(const struct trace_file *f, uint64_t owner)
{
	return seq_marks_get(&f->marks, owner);
}

size_t
trace_file_queued(const struct trace_file *f)
{
	return f->queue.len;
}

uint64_t
trace_file_lines(const struct trace_file *f)
{
	return f->lines;
}

/* ---- where the chain stood ---------------------------------------------- */

static bool
is_file_of(int fd, const void *arg)
{
	const struct trace_state *s = arg;
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	       (int64_t)st.st_ino == s->inode && st.st_size >= s->offset &&
	       (s->offset == 0 || trace_scan_line_ends(fd, s->offset, s->hash));
}

/* Reads PATH.number whole, if it is there. */
static int
scan_rotated(struct trace_file *f, struct trace_scan *scan, int64_t number,
    struct err *err)
{
	char *path = rotation_path(f->path, number);
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;
	int64_t end;

	if (fd < 0 && errno != ENOENT)
		rc = err_set_errno(err, ERR_IO, "%s", path);
	else if (fd >= 0 && trace_scan_read(scan, fd, 0, &end, err) != 0)
		rc = err_prefix(err, "%s", path);
	fd_close(&fd);
	free(path);
	return rc;
}

/* The rotated files that are younger than PATH.number, eldest first. */
static int
scan_younger(struct trace_file *f, struct trace_scan *scan, int64_t number,
    struct err *err)
{
	while (--number > 0)
		if (scan_rotated(f, scan, number, err) != 0)
			return -1;
	return 0;
}

/*
 * The file was rotated (by us or by others) and the state not saved since:
 * goes on reading where the state ends, in the file that it speaks of. 1 done,
 * 0 that file is gone.
 */
static int
scan_moved(struct trace_file *f, struct trace_scan *scan,
    const struct trace_state *state, struct err *err)
{
	int64_t number, end;
	int fd = rotation_find(f->path, is_file_of, state, &number), rc;

	if (fd < 0)
		return 0;
	rc = trace_scan_read(scan, fd, state->offset, &end, err);
	close(fd);
	if (rc != 0 || scan_younger(f, scan, number, err) != 0)
		return -1;
	return 1;
}

/* Reads what the state does not know: *from_r is where to read PATH from. */
static int
catch_up(struct trace_file *f, struct trace_scan *scan,
    const struct trace_state *state, int64_t *from_r, struct err *err)
{
	int rc;

	*from_r = 0;
	if (state == NULL)
		return scan_younger(f, scan,
		    rotation_eldest(f->path, f->options.keep) + 1, err);
	memcpy(scan->hash, state->hash, sizeof(scan->hash));
	if (is_file_of(f->fd, state)) {
		*from_r = state->offset;
		return 0;
	}
	rc = scan_moved(f, scan, state, err);
	/* Gone, cut or written over: the chain's next line must name the one
	   that is missing, unless it is found in PATH. */
	if (rc == 0 && state->hash[0] != '\0')
		scan->look_for = state->hash;
	return rc < 0 ? -1 : 0;
}

static int
recover(struct trace_file *f, struct err *err)
{
	struct trace_scan scan = {
		.marks = &f->marks,
		.progress = f->options.progress,
		.arg = f->options.arg,
	};
	struct trace_state state;
	bool known = trace_state_load(f->state_path, &state, &f->marks) == 1;
	int64_t from, end;
	struct stat st;

	if (catch_up(f, &scan, known ? &state : NULL, &from, err) != 0)
		return -1;
	if (trace_scan_read(&scan, f->fd, from, &end, err) != 0 ||
	    trace_scan_mend(&scan, f->fd, end, err) != 0)
		return err_prefix(err, "%s", f->path);
	if (fstat(f->fd, &st) != 0)
		return err_set_errno(err, ERR_IO, "%s", f->path);
	f->size = st.st_size;
	f->inode = st.st_ino;
	if (scan.look_for != NULL && !scan.found) {
		log_warn("%s is not the file it was: lines are missing before "
			 "the next one",
		    f->path);
		memcpy(scan.hash, state.hash, sizeof(scan.hash));
	}
	memcpy(f->hash, scan.hash, sizeof(f->hash));
	return 0;
}

/* ---- open and close ----------------------------------------------------- */

static int
open_path(const struct trace_file *f, struct err *err)
{
	int fd = open(f->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640);

	return fd >= 0 ? fd : err_set_errno(err, ERR_IO, "%s", f->path);
}

/* 1 locked, 0 another process holds it, -1 failed. The kernel drops the lock
   when its holder dies. */
static int
take_lock(struct trace_file *f, struct err *err)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char *path = xasprintf("%s.lock", f->path);
	int rc = 1;

	f->lock_fd =
	    open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (f->lock_fd < 0)
		rc = err_set_errno(err, ERR_IO, "%s", path);
	else if (fcntl(f->lock_fd, F_OFD_SETLK, &lock) != 0)
		rc = errno == EAGAIN || errno == EACCES
			 ? 0
			 : err_set_errno(err, ERR_IO, "%s", path);
	free(path);
	return rc;
}

static void
forget_queue(struct trace_file *f)
{
	buf_clear(&f->queue);
	f->queued_lines = 0;
	f->queued.count = 0;
	memcpy(f->queued_hash, f->hash, sizeof(f->hash));
}

int
trace_file_open(const struct trace_file_options *o, struct trace_file **f_r,
    struct err *err)
{
	struct trace_file *f = xcalloc(1, sizeof(*f));
	int rc;

	f->options = *o;
	f->path = xstrdup(o->path);
	f->state_path = xasprintf("%s.state", o->path);
	f->fd = f->lock_fd = -1;
	f->cut_to = -1;
	seq_marks_init(&f->marks, SEQ_MARKS_MAX);
	seq_marks_init(&f->queued, SEQ_MARKS_MAX);
	buf_init(&f->queue, QUEUE_MAX_BYTES);
	rc = take_lock(f, err);
	if (rc == 1 && checkpoint_prepare(f->path, err) != 0)
		rc = -1;
	if (rc == 1) {
		f->fd = open_path(f, err);
		if (f->fd < 0 || recover(f, err) != 0)
			rc = -1;
	}
	if (rc != 1) {
		f->changed = false;
		trace_file_close(&f);
		return rc;
	}
	forget_queue(f);
	f->changed = true;
	*f_r = f;
	return 1;
}

void
trace_file_close(struct trace_file **fp)
{
	struct trace_file *f = *fp;

	if (f == NULL)
		return;
	if (f->fd >= 0)
		(void)!trace_file_save(f, NULL); /* only a help, see there */
	fd_close(&f->fd);
	fd_close(&f->lock_fd);
	buf_fini(&f->queue);
	seq_marks_fini(&f->marks);
	seq_marks_fini(&f->queued);
	free(f->path);
	free(f->state_path);
	free(f);
	*fp = NULL;
}

int
trace_file_sync(struct trace_file *f, struct err *err)
{
	if (!f->unsynced)
		return 0;
	if (fdatasync(f->fd) != 0)
		return err_set_errno(err, ERR_IO, "%s: sync", f->path);
	f->unsynced = false;
	return 0;
}

int
trace_file_save(struct trace_file *f, struct err *err)
{
	struct trace_state state = {
		.inode = (int64_t)f->inode,
		.offset = f->size,
	};

	if (!f->changed)
		return 0;
	/* The file first: a state ahead of its file would hide a loss. */
	if (trace_file_sync(f, err) != 0)
		return -1;
	memcpy(state.hash, f->hash, sizeof(state.hash));
	if (trace_state_save(f->state_path, &state, &f->marks, err) != 0)
		return -1;
	f->changed = false;
	return 0;
}

static bool
is_inode(int fd, const void *arg)
{
	const ino_t *inode = arg;
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_ino == *inode;
}

/* The file that was written last has no place in the chain any more: moved
   away by others, or not kept. */
static void
note_if_gone(const struct trace_file *f)
{
	int64_t number;
	int fd = rotation_find(f->path, is_inode, &f->inode, &number);

	if ((fd < 0 || number == 0) && f->hash[0] != '\0')
		departure_note(f->path, f->hash, clock_wall_nsecs());
	fd_close(&fd);
}

/*
 * Another file may be at PATH now. What is already in it (a file put back by
 * hand) is read for its sequences; the chain goes on from our last line.
 */
int
trace_file_reopen(struct trace_file *f, struct err *err)
{
	struct trace_scan scan = { .marks = &f->marks };
	int fd = open_path(f, err);
	struct err late;
	struct stat st;
	int64_t end;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && st.st_ino == f->inode) {
		close(fd);
		return 0;
	}
	if (trace_scan_read(&scan, fd, 0, &end, err) != 0 ||
	    trace_scan_mend(&scan, fd, end, err) != 0) {
		err_prefix(err, "%s", f->path);
		goto failed;
	}
	if (fstat(fd, &st) != 0) {
		err_set_errno(err, ERR_IO, "%s", f->path);
		goto failed;
	}
	if (trace_file_sync(f, err) != 0)
		goto failed;
	note_if_gone(f);
	fd_close(&f->fd);
	f->fd = fd;
	f->inode = st.st_ino;
	f->size = st.st_size;
	f->cut_to = -1;
	f->changed = true;
	if (rotation_sync(f->path, &late) != 0)
		log_warn("%s", late.text);
	return 0;
failed:
	close(fd);
	return -1;
}

/* ---- adding lines ------------------------------------------------------- */

/* The owner's last sequence, queued or on file. */
static uint64_t
last_seq(const struct trace_file *f, uint64_t owner)
{
	uint64_t seq = seq_marks_get(&f->queued, owner);

	return seq != 0 ? seq : seq_marks_get(&f->marks, owner);
}

/* "{}" or "{ }": no comma goes behind it. */
static bool
is_empty_object(struct str payload)
{
	return str_trim(str_make(payload.p + 1, payload.n - 2)).n == 0;
}

static void
queue_line(struct trace_file *f, uint64_t owner, uint64_t seq,
    struct str payload)
{
	size_t start = f->queue.len;
	char number[NUM_TEXT_BYTES];
	struct str line;

	buf_add(&f->queue, payload.p, payload.n - 1);
	buf_add_cstr(&f->queue,
	    is_empty_object(payload) ? "\"owner\":" : ",\"owner\":");
	buf_add(&f->queue, number, num_format_uint(owner, number));
	buf_add_cstr(&f->queue, ",\"seq\":");
	buf_add(&f->queue, number, num_format_uint(seq, number));
	buf_add_cstr(&f->queue, ",\"prev\":\"");
	buf_add_cstr(&f->queue, f->queued_hash);
	buf_add_char(&f->queue, '"');
	line = str_make(f->queue.data + start, f->queue.len - start);
	hash_sha256_hex(line, f->queued_hash);
	buf_add_cstr(&f->queue, TRACE_HASH_KEY);
	buf_add_cstr(&f->queue, f->queued_hash);
	buf_add_cstr(&f->queue, "\"}\n");
	seq_marks_raise(&f->queued, owner, seq);
	f->queued_lines++;
}

int
trace_file_add(struct trace_file *f, uint64_t owner, uint64_t seq,
    struct str payload, struct err *err)
{
	uint64_t last = last_seq(f, owner);

	if (seq <= last)
		return 0;
	if (last != 0 && seq != last + 1)
		return err_set(err, ERR_BAD_REQUEST,
		    "owner %llu: sequence %llu after %llu",
		    (unsigned long long)owner, (unsigned long long)seq,
		    (unsigned long long)last);
	if (!record_is_line(payload))
		return err_set(err, ERR_BAD_REQUEST,
		    "owner %llu, sequence %llu: no one-line JSON object",
		    (unsigned long long)owner, (unsigned long long)seq);
	if (f->queued.count == f->queued.max ||
	    buf_reserve(&f->queue, payload.n + CHAIN_MAX_BYTES) != 0)
		return err_set(err, ERR_OVERLOADED, "the line queue is full");
	queue_line(f, owner, seq, payload);
	return 1;
}

uint64_t
trace_file_skip(struct trace_file *f, uint64_t owner, uint64_t seq)
{
	uint64_t last = last_seq(f, owner);

	if (last == 0 || seq <= last + 1 || f->queued.count == f->queued.max)
		return 0;
	seq_marks_raise(&f->queued, owner, seq - 1);
	return seq - 1 - last;
}

/* ---- writing ------------------------------------------------------------ */

/* Looks at the file before it is written to: it may be gone, or shorter. */
static int
check_place(struct trace_file *f, struct err *err)
{
	struct stat st;

	if (fstat(f->fd, &st) != 0)
		return err_set_errno(err, ERR_IO, "%s", f->path);
	if (st.st_nlink == 0) {
		log_warn("%s was removed: beginning a new one", f->path);
		return trace_file_reopen(f, err);
	}
	f->size = st.st_size;
	if (f->cut_to >= 0 && f->cut_to < f->size) {
		if (ftruncate(f->fd, f->cut_to) != 0)
			return err_set_errno(err, ERR_IO, "%s: cut half a line",
			    f->path);
		f->size = f->cut_to;
	}
	f->cut_to = -1;
	return 0;
}

int
trace_file_flush(struct trace_file *f, struct err *err)
{
	int rc = 0;

	if (f->queue.len == 0)
		return 0;
	rc = check_place(f, err);
	if (rc == 0 && fd_write_all(f->fd, f->queue.data, f->queue.len) != 0) {
		rc = err_set_errno(err, ERR_IO, "%s", f->path);
		if (ftruncate(f->fd, f->size) != 0)
			f->cut_to = f->size; /* before the next line */
	}
	if (rc != 0) {
		forget_queue(f);
		return -1;
	}
	f->size += (int64_t)f->queue.len;
	f->lines += f->queued_lines;
	f->unsynced = f->changed = true;
	memcpy(f->hash, f->queued_hash, sizeof(f->hash));
	for (size_t i = 0; i < f->queued.count; i++)
		seq_marks_raise(&f->marks, f->queued.items[i].owner,
		    f->queued.items[i].seq);
	forget_queue(f);
	return 0;
}

/* ---- rotation ----------------------------------------------------------- */

/* True when PATH names the file that is open. */
static bool
is_in_place(const struct trace_file *f)
{
	struct stat st;

	return stat(f->path, &st) == 0 && st.st_ino == f->inode;
}

int
trace_file_rotate(struct trace_file *f, struct err *err)
{
	if (f->options.rotate_bytes <= 0 || f->size < f->options.rotate_bytes ||
	    clock_mono_nsecs() < f->rotate_after_nsecs)
		return 0;
	/*
	 * The state is saved before the first rename, so that a start after a
	 * crash anywhere below finds the file it speaks of, whatever it is
	 * called by then. Moved away by others: only a new file is begun.
	 */
	if (is_in_place(f))
		departure_before_shift(f->path, f->options.keep);
	if (trace_file_save(f, err) == 0 &&
	    (!is_in_place(f) ||
		rotation_shift(f->path, f->options.keep, err) == 0) &&
	    trace_file_reopen(f, err) == 0)
		return 0;
	f->rotate_after_nsecs = clock_mono_nsecs() + ROTATE_RETRY_NSECS;
	return err_prefix(err, "rotation");
}
