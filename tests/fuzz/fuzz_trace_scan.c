/*
 * Any bytes as a trace file that a logger finds at its start. What must hold:
 * what it makes of the end of the file leaves whole lines, a second look finds
 * the same, and nothing but the piece behind the last newline is touched.
 */
#include "fuzz.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "logger/trace_scan.h"

struct look {
	struct seq_marks marks;
	struct trace_scan scan;
	int64_t end;
};

static void
look(struct look *l, int fd)
{
	memset(l, 0, sizeof(*l));
	seq_marks_init(&l->marks, 16);
	l->scan.marks = &l->marks;
	FUZZ_CHECK(trace_scan_read(&l->scan, fd, 0, &l->end, NULL) == 0);
}

static void
check_same(const struct look *a, const struct look *b)
{
	FUZZ_CHECK(strcmp(a->scan.hash, b->scan.hash) == 0);
	FUZZ_CHECK(a->marks.count == b->marks.count);
	for (size_t i = 0; i < a->marks.count; i++)
		FUZZ_CHECK(a->marks.items[i].owner == b->marks.items[i].owner &&
			   a->marks.items[i].seq == b->marks.items[i].seq);
}

static void
check_bytes(int fd, const uint8_t *data, size_t n)
{
	char *bytes = xmalloc(n + 1);

	FUZZ_CHECK(pread(fd, bytes, n, 0) == (ssize_t)n);
	FUZZ_CHECK(memcmp(bytes, data, n) == 0);
	free(bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	int fd = memfd_create("trace", MFD_CLOEXEC);
	struct look first, second;
	struct stat st;
	int rc;

	FUZZ_CHECK(fd >= 0 && write(fd, data, n) == (ssize_t)n);
	look(&first, fd);
	FUZZ_CHECK(first.end >= 0 && (size_t)first.end <= n);
	FUZZ_CHECK(first.end == 0 || data[first.end - 1] == '\n');
	FUZZ_CHECK(
	    memchr(data + first.end, '\n', n - (size_t)first.end) == NULL);
	rc = trace_scan_mend(&first.scan, fd, first.end, NULL);
	FUZZ_CHECK(fstat(fd, &st) == 0);
	check_bytes(fd, data, (size_t)first.end);
	look(&second, fd);
	if (rc == 0) {
		FUZZ_CHECK(second.end == st.st_size);
		check_same(&first, &second);
	} else {
		FUZZ_CHECK((size_t)st.st_size == n);
		check_bytes(fd, data, n);
	}
	seq_marks_fini(&first.marks);
	seq_marks_fini(&second.marks);
	close(fd);
	return 0;
}
