/* The trace file. See trace_file.h. */
#include "logger/trace_file.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/jsonw.h"
#include "base/jsonx.h"
#include "base/map.h"
#include "base/num.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define QUEUE_MAX_BYTES (8 * 1024 * 1024)
#define LINE_MAX_BYTES  (64 * 1024)
#define STATE_MAX_BYTES (4 * 1024 * 1024)
/* Owners remembered; ids rise with time, the eldest are forgotten first. */
#define OWNERS_MAX 4096

struct owner_mark {
	uint64_t owner;
	uint64_t seq;        /* on file */
	uint64_t queued_seq; /* in the queue; == seq when nothing is */
};

struct trace_file {
	struct trace_file_options options;
	char *path, *state_path;
	int fd;
	int64_t size;
	char hash[SHA256_HEX_BYTES];        /* of the last line on file */
	char queued_hash[SHA256_HEX_BYTES]; /* of the last queued line */
	struct buf queue;
	uint64_t queued_lines, lines;
	struct owner_mark *owners; /* ascending by owner */
	size_t owner_count;
	bool unsynced, changed;
};

/* ---- owners ------------------------------------------------------------- */

static size_t
owner_place(const struct trace_file *f, uint64_t owner)
{
	size_t low = 0, high = f->owner_count;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (f->owners[mid].owner < owner)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct owner_mark *
find_owner(const struct trace_file *f, uint64_t owner)
{
	size_t i = owner_place(f, owner);

	if (i < f->owner_count && f->owners[i].owner == owner)
		return &f->owners[i];
	return NULL;
}

static struct owner_mark *
add_owner(struct trace_file *f, uint64_t owner)
{
	size_t i;

	if (f->owner_count == OWNERS_MAX) {
		f->owner_count--;
		memmove(f->owners, f->owners + 1,
		    f->owner_count * sizeof(*f->owners));
	}
	i = owner_place(f, owner);
	memmove(f->owners + i + 1, f->owners + i,
	    (f->owner_count - i) * sizeof(*f->owners));
	f->owner_count++;
	f->owners[i] = (struct owner_mark){ .owner = owner };
	return &f->owners[i];
}

static void
note_seq(struct trace_file *f, uint64_t owner, uint64_t seq)
{
	struct owner_mark *m = find_owner(f, owner);

	if (m == NULL)
		m = add_owner(f, owner);
	if (seq > m->seq)
		m->seq = m->queued_seq = seq;
}

uint64_t
trace_file_seq(const struct trace_file *f, uint64_t owner)
{
	const struct owner_mark *m = find_owner(f, owner);

	return m == NULL ? 0 : m->seq;
}

/* ---- reading what is there ---------------------------------------------- */

/* The number behind the last `"key":` of a line; 0 when it is not there. */
static uint64_t
number_behind(struct str line, const char *key)
{
	size_t n = strlen(key);
	uint64_t v = 0;

	for (size_t i = line.n >= n ? line.n - n + 1 : 0; i-- > 0;) {
		if (memcmp(line.p + i, key, n) != 0)
			continue;
		for (i += n; i < line.n && line.p[i] >= '0' && line.p[i] <= '9';
		     i++)
			v = v * 10 + (uint64_t)(line.p[i] - '0');
		return v;
	}
	return 0;
}

/* The tail of every line of ours: ,"hash":"64 digits"} */
#define HASH_KEY   ",\"hash\":\""
#define TAIL_BYTES (sizeof(HASH_KEY) - 1 + 64 + 2)

static void
take_line(struct trace_file *f, struct str line)
{
	struct str tail;
	uint64_t owner;

	if (line.n < TAIL_BYTES)
		return;
	tail = str_make(line.p + line.n - TAIL_BYTES, TAIL_BYTES);
	if (!str_starts(tail, HASH_KEY) || !str_ends(tail, "\"}"))
		return; /* not ours: kept in the file, left out of the chain */
	memcpy(f->hash, tail.p + sizeof(HASH_KEY) - 1, 64);
	f->hash[64] = '\0';
	owner = number_behind(line, ",\"owner\":");
	if (owner != 0)
		note_seq(f, owner, number_behind(line, ",\"seq\":"));
}

/* Reads lines from offset on; *end_r is behind the last whole line. */
static int
scan_from(struct trace_file *f, int fd, int64_t offset, int64_t *end_r,
    struct err *err)
{
	struct buf window;
	char block[65536];
	ssize_t n;

	buf_init(&window, LINE_MAX_BYTES + sizeof(block));
	*end_r = offset;
	while ((n = pread(fd, block, sizeof(block), offset)) > 0) {
		const char *nl;

		offset += n;
		if (buf_add(&window, block, (size_t)n) != 0)
			buf_clear(&window); /* a line longer than any of ours */
		while (window.len > 0 &&
		       (nl = memchr(window.data, '\n', window.len)) != NULL) {
			size_t len = (size_t)(nl - window.data);

			take_line(f, str_make(window.data, len));
			buf_consume(&window, len + 1);
			*end_r = offset - (int64_t)window.len;
		}
	}
	buf_fini(&window);
	return n < 0 ? err_set_errno(err, ERR_IO, "%s", f->path) : 0;
}

/* Takes PATH.state when it fits the file: where to read on. */
static int64_t
load_state(struct trace_file *f, const struct stat *st)
{
	struct buf text;
	json_t *state = NULL, *owners, *v;
	const char *key;
	int64_t inode = -1, offset = -1, owner;
	struct str hash;

	buf_init(&text, STATE_MAX_BYTES);
	if (file_read(f->state_path, &text, NULL) == 0)
		state = jsonx_parse(buf_str(&text), NULL);
	buf_fini(&text);
	if (jsonx_int(state, "inode", &inode) != 1 ||
	    jsonx_int(state, "offset", &offset) != 1)
		offset = -1;
	hash = jsonx_str(state, "hash");
	owners = json_object_get(state, "owners");
	json_object_foreach(owners, key, v) {
		if (num_int64(str_of(key), &owner) == 0)
			note_seq(f, (uint64_t)owner,
			    (uint64_t)json_integer_value(v));
	}
	if (hash.n == 64) {
		memcpy(f->hash, hash.p, 64);
		f->hash[64] = '\0';
	}
	json_decref(state);
	/* Another file than the state's (rotated by hand): read it whole; the
	   owners and the chain are still good. */
	if (offset < 0 || inode != (int64_t)st->st_ino || offset > st->st_size)
		return 0;
	return offset;
}

void
trace_file_save(struct trace_file *f)
{
	struct stat st;
	struct buf text;
	struct jsonw w;

	if (!f->changed || fstat(f->fd, &st) != 0)
		return;
	buf_init(&text, STATE_MAX_BYTES);
	jsonw_init(&w, &text);
	jsonw_open(&w, '{');
	jsonw_key(&w, "inode");
	jsonw_int(&w, (int64_t)st.st_ino);
	jsonw_key(&w, "offset");
	jsonw_int(&w, f->size);
	jsonw_key(&w, "hash");
	jsonw_cstr(&w, f->hash);
	jsonw_key(&w, "owners");
	jsonw_open(&w, '{');
	for (size_t i = 0; i < f->owner_count; i++) {
		char id[NUM_TEXT_BYTES];

		num_format_uint(f->owners[i].owner, id);
		jsonw_key(&w, id);
		jsonw_int(&w, (int64_t)f->owners[i].seq);
	}
	jsonw_close(&w, '}');
	jsonw_close(&w, '}');
	/* The file first: a state ahead of its file would hide a loss. */
	if (fdatasync(f->fd) == 0 &&
	    file_write(f->state_path, buf_str(&text), NULL) == 0)
		f->changed = f->unsynced = false;
	buf_fini(&text);
}

/* ---- what leaves -------------------------------------------------------- */

/* The lines up to this hash leave; all of them were settled before `until`. */
static void
write_checkpoint(const struct trace_file *f, const char *hash,
    int64_t until_nsecs)
{
	char *path = xasprintf("%s.checkpoint", f->path);
	char when[CLOCK_RFC3339_BYTES];
	struct buf text;
	struct jsonw w;

	clock_rfc3339(until_nsecs, when);
	buf_init(&text, 1024);
	jsonw_init(&w, &text);
	jsonw_open(&w, '{');
	jsonw_key(&w, "hash");
	jsonw_cstr(&w, hash);
	jsonw_key(&w, "until");
	jsonw_cstr(&w, when);
	jsonw_close(&w, '}');
	/* Without it an audit compares less, and says so. */
	(void)!file_write(path, buf_str(&text), NULL);
	buf_fini(&text);
	free(path);
}

/* True when this file is PATH.1 now: it is still part of the chain. */
static bool
is_rotated(const struct trace_file *f, const struct stat *file)
{
	char *path = xasprintf("%s.1", f->path);
	struct stat st;
	bool same = stat(path, &st) == 0 && st.st_ino == file->st_ino &&
		    st.st_dev == file->st_dev;

	free(path);
	return same;
}

/* ---- open and close ----------------------------------------------------- */

static int
open_file(struct trace_file *f, struct stat *st, struct err *err)
{
	f->fd = open(f->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	if (f->fd < 0 || fstat(f->fd, st) != 0)
		return err_set_errno(err, ERR_IO, "%s", f->path);
	f->size = st->st_size;
	return 0;
}

/* Without a state the chain and the owners may live in the file before. */
static void
scan_rotated(struct trace_file *f)
{
	char *path = xasprintf("%s.1", f->path);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int64_t end;

	if (fd >= 0) {
		(void)!scan_from(f, fd, 0, &end, NULL);
		close(fd);
	}
	free(path);
}

struct trace_file *
trace_file_open(const struct trace_file_options *o, struct err *err)
{
	struct trace_file *f = xcalloc(1, sizeof(*f));
	struct stat st;
	int64_t from, end;

	f->options = *o;
	f->path = xstrdup(o->path);
	f->state_path = xasprintf("%s.state", o->path);
	f->owners = xcalloc(OWNERS_MAX, sizeof(*f->owners));
	f->fd = -1;
	buf_init(&f->queue, QUEUE_MAX_BYTES);
	if (open_file(f, &st, err) != 0)
		goto failed;
	from = load_state(f, &st);
	if (from == 0 && f->owner_count == 0)
		scan_rotated(f);
	if (scan_from(f, f->fd, from, &end, err) != 0)
		goto failed;
	/* A torn last line was never acknowledged: it comes again. */
	if (end < f->size && ftruncate(f->fd, end) != 0) {
		err_set_errno(err, ERR_IO, "%s", f->path);
		goto failed;
	}
	f->size = end;
	memcpy(f->queued_hash, f->hash, sizeof(f->hash));
	return f;
failed:
	trace_file_close(&f);
	return NULL;
}

void
trace_file_close(struct trace_file **fp)
{
	struct trace_file *f = *fp;

	if (f == NULL)
		return;
	if (f->fd >= 0)
		trace_file_save(f);
	fd_close(&f->fd);
	buf_fini(&f->queue);
	free(f->owners);
	free(f->path);
	free(f->state_path);
	free(f);
	*fp = NULL;
}

int
trace_file_reopen(struct trace_file *f, struct err *err)
{
	struct stat before, st;
	bool known = fstat(f->fd, &before) == 0;

	fd_close(&f->fd);
	if (open_file(f, &st, err) != 0)
		return -1;
	if (known && before.st_ino != st.st_ino && f->hash[0] != '\0' &&
	    !is_rotated(f, &before))
		write_checkpoint(f, f->hash, clock_wall_nsecs());
	f->changed = true;
	trace_file_save(f);
	return 0;
}

/* ---- writing ------------------------------------------------------------ */

int
trace_file_add(struct trace_file *f, uint64_t owner, uint64_t seq,
    struct str payload, struct err *err)
{
	struct owner_mark *m = find_owner(f, owner);
	size_t start = f->queue.len;
	struct str line;

	if (m == NULL)
		m = add_owner(f, owner);
	if (seq <= m->queued_seq)
		return 0;
	/* An owner we never heard of may start anywhere: its earlier records
	   may be in files that are gone. */
	if (m->queued_seq != 0 && seq != m->queued_seq + 1)
		return err_set(err, ERR_BAD_REQUEST,
		    "owner %llu: sequence %llu after %llu",
		    (unsigned long long)owner, (unsigned long long)seq,
		    (unsigned long long)m->queued_seq);
	if (payload.n < 2 || payload.n > LINE_MAX_BYTES / 2 ||
	    payload.p[0] != '{' || payload.p[payload.n - 1] != '}' ||
	    memchr(payload.p, '\n', payload.n) != NULL)
		return err_set(err, ERR_BAD_REQUEST,
		    "owner %llu, sequence %llu: no one-line JSON object",
		    (unsigned long long)owner, (unsigned long long)seq);
	buf_add(&f->queue, payload.p, payload.n - 1);
	buf_printf(&f->queue, "%s\"owner\":%llu,\"seq\":%llu,\"prev\":\"%s\"",
	    payload.n > 2 ? "," : "", (unsigned long long)owner,
	    (unsigned long long)seq, f->queued_hash);
	line = str_make(f->queue.data + start, f->queue.len - start);
	hash_sha256_hex(line, f->queued_hash);
	buf_printf(&f->queue, HASH_KEY "%s\"}\n", f->queued_hash);
	if (f->queue.overflowed) {
		f->queue.len = start;
		return err_set(err, ERR_IO, "the line queue is full");
	}
	m->queued_seq = seq;
	f->queued_lines++;
	return 1;
}

/* The last line's hash of a file that is about to be removed. */
static bool
hash_of_end(int fd, int64_t size, char out[SHA256_HEX_BYTES])
{
	char tail[TAIL_BYTES + 1];
	int64_t from = size - (int64_t)sizeof(tail);
	struct str text = str_make(tail, TAIL_BYTES);

	if (from < 0 ||
	    pread(fd, tail, sizeof(tail), from) != (ssize_t)sizeof(tail) ||
	    !str_starts(text, HASH_KEY) || tail[TAIL_BYTES] != '\n')
		return false;
	memcpy(out, tail + sizeof(HASH_KEY) - 1, SHA256_HEX_BYTES - 1);
	out[SHA256_HEX_BYTES - 1] = '\0';
	return true;
}

static void
remove_eldest(struct trace_file *f, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char hash[SHA256_HEX_BYTES];
	struct stat st;

	if (fd < 0)
		return;
	/* A file's time is coarse: a second more is on the careful side. */
	if (fstat(fd, &st) == 0 && hash_of_end(fd, st.st_size, hash))
		write_checkpoint(f, hash,
		    (st.st_mtim.tv_sec + 2) * NSECS_PER_SEC +
			clock_offset_nsecs());
	close(fd);
	unlink(path);
}

/* PATH.1 → PATH.2 ..., PATH → PATH.1; the eldest goes. */
static int
rotate(struct trace_file *f, struct err *err)
{
	struct stat st;

	for (int64_t i = f->options.keep; i >= 0; i--) {
		char *from = i == 0
				 ? xstrdup(f->path)
				 : xasprintf("%s.%lld", f->path, (long long)i);
		char *to = xasprintf("%s.%lld", f->path, (long long)i + 1);

		if (i == f->options.keep)
			remove_eldest(f, from);
		else if (rename(from, to) != 0 && errno != ENOENT)
			err_set_errno(err, ERR_IO, "%s", from);
		free(from);
		free(to);
	}
	fd_close(&f->fd);
	if (open_file(f, &st, err) != 0)
		return -1;
	f->changed = true;
	trace_file_save(f);
	return 0;
}

static void
forget_queue(struct trace_file *f)
{
	buf_clear(&f->queue);
	f->queued_lines = 0;
	memcpy(f->queued_hash, f->hash, sizeof(f->hash));
	for (size_t i = 0; i < f->owner_count; i++)
		f->owners[i].queued_seq = f->owners[i].seq;
}

int
trace_file_flush(struct trace_file *f, struct err *err)
{
	if (f->queue.len == 0)
		return 0;
	if (fd_write_all(f->fd, f->queue.data, f->queue.len) != 0) {
		err_set_errno(err, ERR_IO, "%s", f->path);
		if (ftruncate(f->fd, f->size) != 0)
			err_prefix(err, "half a line may be on file");
		forget_queue(f);
		return -1;
	}
	f->size += (int64_t)f->queue.len;
	f->lines += f->queued_lines;
	f->unsynced = f->changed = true;
	memcpy(f->hash, f->queued_hash, sizeof(f->hash));
	for (size_t i = 0; i < f->owner_count; i++)
		f->owners[i].seq = f->owners[i].queued_seq;
	forget_queue(f);
	if (f->options.rotate_bytes > 0 && f->size >= f->options.rotate_bytes)
		return rotate(f, err);
	return 0;
}

int
trace_file_sync(struct trace_file *f, struct err *err)
{
	if (!f->unsynced)
		return 0;
	if (fdatasync(f->fd) != 0)
		return err_set_errno(err, ERR_IO, "%s", f->path);
	f->unsynced = false;
	return 0;
}

uint64_t
trace_file_lines(const struct trace_file *f)
{
	return f->lines;
}
