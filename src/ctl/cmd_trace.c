/* tallyctl trace: the last requests, from the trace file itself. */
#include "base/clock.h"
#include "base/fd.h"
#include "base/jsonx.h"
#include "ctl/ctl.h"
#include "ctl/table.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_COUNT 20
#define LINE_BYTES    (128 * 1024)
#define POLL_USECS    200000

struct tail {
	char *path;
	int fd;
	ino_t inode;
	struct buf rest; /* an unfinished line */
};

/* For a terminal: the text came from a client. On the heap. */
static char *
text_of(const json_t *line, const char *key)
{
	const char *s = json_string_value(json_object_get(line, key));

	return table_plain(xstrdup(s == NULL ? "-" : s));
}

/* The number as it is spelled in the file, so that money stays exact. */
static struct str
number_of(struct str line, const char *key)
{
	char pattern[64];
	ptrdiff_t at;
	size_t n = 0;

	snprintf(pattern, sizeof(pattern), "\"%s\":", key);
	at = str_find(line, pattern);
	if (at < 0)
		return str_of("-");
	line = str_make(line.p + at + strlen(pattern),
	    line.n - (size_t)at - strlen(pattern));
	while (n < line.n && strchr("0123456789.-+eE", line.p[n]) != NULL)
		n++;
	return n == 0 ? str_of("-") : str_make(line.p, n);
}

static void
print_record(const json_t *json, struct str line)
{
	static const char *const keys[] = { "time", "outcome",
		"requested_model", "model", "run_id" };
	char *texts[ARRAY_LEN(keys)];

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		texts[i] = text_of(json, keys[i]);
	printf("%-27s %3lld %-11s %8.*s s %14.*s USD  %-24s %-20s %s%s\n",
	    texts[0],
	    (long long)json_integer_value(json_object_get(json, "status")),
	    texts[1], STR_ARG(number_of(line, "latency_s")),
	    STR_ARG(number_of(line, "cost_usd")), texts[2], texts[3], texts[4],
	    json_is_true(json_object_get(json, "overrun")) ? "  overrun" : "");
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		free(texts[i]);
}

static void
print_line(const struct ctl *c, struct str line)
{
	json_t *json;

	if (c->json) {
		printf(STR_FMT "\n", STR_ARG(line));
		return;
	}
	json = jsonx_parse(line, NULL);
	if (json == NULL)
		printf("(a line that is no JSON)\n");
	else
		print_record(json, line);
	json_decref(json);
}

static int
open_tail(struct tail *t)
{
	struct stat st;

	t->fd = open(t->path, O_RDONLY | O_CLOEXEC);
	if (t->fd < 0 || fstat(t->fd, &st) != 0)
		return -1;
	t->inode = st.st_ino;
	return 0;
}

/* Where the last `count` lines begin. */
static off_t
start_of_last(int fd, int64_t count)
{
	off_t end = lseek(fd, 0, SEEK_END), at = end;
	char block[65536];
	int64_t newlines = 0;

	while (at > 0) {
		size_t n =
		    at < (off_t)sizeof(block) ? (size_t)at : sizeof(block);

		at -= (off_t)n;
		if (pread(fd, block, n, at) != (ssize_t)n)
			return end;
		for (size_t i = n; i-- > 0;) {
			if (block[i] != '\n' || at + (off_t)i + 1 == end)
				continue;
			if (++newlines == count)
				return at + (off_t)i + 1;
		}
	}
	return 0;
}

static void
print_new_lines(const struct ctl *c, struct tail *t)
{
	char block[65536];
	const char *nl;
	ssize_t n;

	while ((n = read(t->fd, block, sizeof(block))) > 0) {
		if (buf_add(&t->rest, block, (size_t)n) != 0)
			buf_clear(&t->rest);
		while (t->rest.len > 0 &&
		       (nl = memchr(t->rest.data, '\n', t->rest.len)) != NULL) {
			size_t len = (size_t)(nl - t->rest.data);

			print_line(c, str_make(t->rest.data, len));
			buf_consume(&t->rest, len + 1);
		}
	}
	fflush(stdout);
}

/* Goes on in the new file after a rotation, from the start of one that was
   emptied. */
static void
follow(const struct ctl *c, struct tail *t)
{
	struct stat st;

	for (;;) {
		usleep(POLL_USECS);
		print_new_lines(c, t);
		if (stat(t->path, &st) != 0)
			continue;
		if (st.st_ino == t->inode) {
			if (st.st_size < lseek(t->fd, 0, SEEK_CUR))
				lseek(t->fd, 0, SEEK_SET);
			continue;
		}
		print_new_lines(c, t);
		fd_close(&t->fd);
		if (open_tail(t) != 0)
			return;
	}
}

int
cmd_trace(struct ctl *c, int argc, char **argv)
{
	int64_t count = DEFAULT_COUNT;
	struct tail t = { .fd = -1 };
	bool on = false;

	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "-f") == 0) {
			on = true;
		} else if (strcmp(argv[i], "-n") == 0 && i + 1 < argc &&
			   num_int64(str_of(argv[i + 1]), &count) == 0 &&
			   count > 0) {
			i++;
		} else {
			ctl_complain("usage: tallyctl trace [-f] [-n COUNT]");
			return CTL_USAGE;
		}
	}
	t.path = ctl_trace_path(c);
	buf_init(&t.rest, 2 * LINE_BYTES);
	if (open_tail(&t) != 0) {
		ctl_complain("%s: no trace file (choose the state directory "
			     "with --state DIR)",
		    t.path);
		free(t.path);
		return CTL_USAGE;
	}
	lseek(t.fd, start_of_last(t.fd, count), SEEK_SET);
	print_new_lines(c, &t);
	if (on)
		follow(c, &t);
	fd_close(&t.fd);
	buf_fini(&t.rest);
	free(t.path);
	return CTL_OK;
}
