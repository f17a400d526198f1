/*
 * Reading trace files back. See trace_scan.h. Reads with pread, so the file's
 * own offset does not matter. Memory: one block and one line.
 */
#include "logger/trace_scan.h"

#include "base/buf.h"
#include "base/fd.h"
#include "base/jsonx.h"

#include <errno.h>
#include <unistd.h>

#define BLOCK_BYTES    (64 * 1024)
#define PROGRESS_BYTES (16 * 1024 * 1024)

#define HEX_BYTES (SHA256_HEX_BYTES - 1)
/* ,"hash":"64 digits"} */
#define TAIL_BYTES (sizeof(TRACE_HASH_KEY) - 1 + HEX_BYTES + 2)
/* The members of the chain stand in the last bytes of a line: two numbers of
   20 digits, two hashes, four keys. */
#define CHAIN_BYTES 256

/* ---- lines -------------------------------------------------------------- */

/* The hash of a line of ours; empty when it is none. */
static struct str
line_hash(struct str line)
{
	struct str tail, hash;

	if (line.n < TAIL_BYTES)
		return str_make("", 0);
	tail = str_make(line.p + line.n - TAIL_BYTES, TAIL_BYTES);
	if (!str_starts(tail, TRACE_HASH_KEY) || !str_ends(tail, "\"}"))
		return str_make("", 0);
	hash = str_make(tail.p + sizeof(TRACE_HASH_KEY) - 1, HEX_BYTES);
	for (size_t i = 0; i < hash.n; i++) {
		if (strchr("0123456789abcdef", hash.p[i]) == NULL ||
		    hash.p[i] == '\0')
			return str_make("", 0);
	}
	return hash;
}

/* The number behind the last `key` of text; 0 when it is not there. */
static uint64_t
number_behind(struct str text, const char *key)
{
	size_t n = strlen(key);
	uint64_t v = 0;

	for (size_t i = text.n >= n ? text.n - n + 1 : 0; i-- > 0;) {
		if (memcmp(text.p + i, key, n) != 0)
			continue;
		for (i += n; i < text.n && text.p[i] >= '0' && text.p[i] <= '9';
		     i++)
			v = v * 10 + (uint64_t)(text.p[i] - '0');
		return v;
	}
	return 0;
}

static void
take_line(struct trace_scan *s, struct str line)
{
	size_t n = line.n < CHAIN_BYTES ? line.n : CHAIN_BYTES;
	struct str hash = line_hash(line), chain;
	uint64_t owner, seq;

	if (hash.n == 0)
		return;
	memcpy(s->hash, hash.p, hash.n);
	s->hash[hash.n] = '\0';
	if (s->look_for != NULL && str_is(hash, s->look_for))
		s->found = true;
	chain = str_make(line.p + line.n - n, n);
	owner = number_behind(chain, "\"owner\":");
	seq = number_behind(chain, ",\"seq\":");
	if (owner != 0 && seq != 0)
		seq_marks_raise(s->marks, owner, seq);
}

/* ---- files -------------------------------------------------------------- */

/* Bytes at an offset, as many as there are. -1 with errno. */
static ssize_t
read_at(int fd, char *out, size_t n, int64_t offset)
{
	size_t got = 0;

	while (got < n) {
		ssize_t did =
		    pread(fd, out + got, n - got, offset + (int64_t)got);

		if (did < 0 && errno == EINTR)
			continue;
		if (did < 0)
			return -1;
		if (did == 0)
			break;
		got += (size_t)did;
	}
	return (ssize_t)got;
}

/* Adds a piece of a line; of a line that is too long only the end is kept. */
static void
add_piece(struct buf *part, const char *p, size_t n)
{
	if (n > part->max - part->len)
		buf_consume(part, n - (part->max - part->len));
	buf_add(part, p, n);
}

/* The lines that end in a block. Returns the bytes up to the last newline. */
static size_t
take_block(struct trace_scan *s, struct buf *part, const char *block, size_t n)
{
	const char *p = block, *stop = block + n, *nl;

	while ((nl = memchr(p, '\n', (size_t)(stop - p))) != NULL) {
		struct str line = str_make(p, (size_t)(nl - p));

		if (part->len > 0) {
			add_piece(part, line.p, line.n);
			line = buf_str(part);
		}
		take_line(s, line);
		buf_clear(part);
		p = nl + 1;
	}
	add_piece(part, p, (size_t)(stop - p));
	return (size_t)(p - block);
}

int
trace_scan_read(struct trace_scan *s, int fd, int64_t offset, int64_t *end_r,
    struct err *err)
{
	char block[BLOCK_BYTES];
	int64_t end = offset, told = offset;
	struct buf part;
	ssize_t n;

	_Static_assert(BLOCK_BYTES <= TRACE_LINE_BYTES, "a piece fits");
	buf_init(&part, TRACE_LINE_BYTES);
	while ((n = read_at(fd, block, sizeof(block), offset)) > 0) {
		size_t whole = take_block(s, &part, block, (size_t)n);

		if (whole > 0)
			end = offset + (int64_t)whole;
		offset += n;
		if (s->progress != NULL && offset - told >= PROGRESS_BYTES) {
			told = offset;
			s->progress(s->arg);
		}
	}
	buf_fini(&part);
	if (n < 0)
		return err_set_errno(err, ERR_IO, "read");
	*end_r = end;
	return 0;
}

/* What stands behind the last newline. */
enum tail_kind {
	TAIL_NONE,
	TAIL_WHOLE,   /* a line that lacks its newline */
	TAIL_TORN,    /* the beginning of one */
	TAIL_FOREIGN, /* nothing a logger leaves behind */
};

static enum tail_kind
tail_kind(struct str rest)
{
	size_t zeros = 0;
	json_t *json;

	if (rest.n == 0)
		return TAIL_NONE;
	/* A power loss may leave zeros where the last blocks were to be. */
	while (zeros < rest.n && rest.p[zeros] == '\0')
		zeros++;
	if (zeros == rest.n || (zeros > 0 && rest.n <= TRACE_LINE_BYTES))
		return TAIL_TORN;
	if (rest.p[0] != '{' || rest.n > TRACE_LINE_BYTES)
		return TAIL_FOREIGN;
	json = jsonx_parse(rest, NULL);
	json_decref(json);
	return json == NULL ? TAIL_TORN : TAIL_WHOLE;
}

int
trace_scan_mend(struct trace_scan *s, int fd, int64_t end, struct err *err)
{
	char *bytes = xmalloc(TRACE_LINE_BYTES + 1);
	ssize_t n = read_at(fd, bytes, TRACE_LINE_BYTES + 1, end);
	struct str rest = str_make(bytes, n > 0 ? (size_t)n : 0);
	int rc = n < 0 ? err_set_errno(err, ERR_IO, "read") : 0;

	switch (tail_kind(rest)) {
	case TAIL_NONE:
		break;
	case TAIL_WHOLE:
		take_line(s, rest);
		if (lseek(fd, 0, SEEK_END) < 0 ||
		    fd_write_all(fd, "\n", 1) != 0)
			rc = err_set_errno(err, ERR_IO, "end the last line");
		break;
	case TAIL_TORN:
		if (ftruncate(fd, end) != 0)
			rc = err_set_errno(err, ERR_IO, "cut a torn line");
		break;
	case TAIL_FOREIGN:
		rc = err_set(err, ERR_IO,
		    "what stands at its end is no trace record; is this "
		    "another program's file?");
		break;
	}
	free(bytes);
	return rc;
}

bool
trace_scan_line_ends(int fd, int64_t offset, const char *hash)
{
	char tail[TAIL_BYTES + 1];
	struct str line;

	if (offset < (int64_t)sizeof(tail) ||
	    read_at(fd, tail, sizeof(tail), offset - (int64_t)sizeof(tail)) !=
		(ssize_t)sizeof(tail) ||
	    tail[TAIL_BYTES] != '\n')
		return false;
	line = line_hash(str_make(tail, TAIL_BYTES));
	return line.n > 0 && str_is(line, hash);
}
