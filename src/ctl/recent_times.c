/* The last requests' times. See recent_times.h. Owns nothing between calls. */
#include "ctl/recent_times.h"

#include "base/clock.h"
#include "base/num.h"
#include "base/str.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define MICROS_DECIMALS 6
/* The shortest line has more. */
#define LINE_BYTES 256

/* The end of the file, at most RECENT_BYTES; the caller frees it. */
static char *
read_end(const char *path, size_t *n_r)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	off_t start;
	char *text;
	ssize_t n;

	*n_r = 0;
	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) != 0) {
		close(fd);
		return NULL;
	}
	start = st.st_size > RECENT_BYTES ? st.st_size - RECENT_BYTES : 0;
	text = xcalloc(1, RECENT_BYTES);
	n = pread(fd, text, RECENT_BYTES, start);
	close(fd);
	*n_r = n > 0 ? (size_t)n : 0;
	return text;
}

/* What stands behind `,"name":`; a text cannot have these bytes in it, its
   quotes are escaped. Empty when it is not there. */
static struct str
member(struct str line, const char *mark)
{
	ptrdiff_t at = str_find(line, mark);
	size_t skip;

	if (at < 0)
		return str_make("", 0);
	skip = (size_t)at + strlen(mark);
	return str_make(line.p + skip, line.n - skip);
}

/* The time of a line that counts, in microseconds; -1: it does not. */
static int64_t
time_of(struct str line, const char *since)
{
	struct str settled = member(line, ",\"settled\":\"");
	struct str time = member(line, ",\"latency_s\":");
	int64_t micros;
	bool inexact;

	if (str_find(line, ",\"outcome\":\"ok\"") < 0 ||
	    settled.n < strlen(since) ||
	    memcmp(settled.p, since, strlen(since)) < 0)
		return -1;
	time = str_cut(&time, ',');
	return num_decimal(time, MICROS_DECIMALS, &micros, &inexact) == 0
		   ? micros
		   : -1;
}

static int
by_time(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void
recent_times_read(const char *path, int64_t since_nsecs,
    struct recent_times *r_r)
{
	char since[CLOCK_RFC3339_BYTES];
	int64_t times[RECENT_BYTES / LINE_BYTES];
	struct str rest, line;
	size_t size;
	char *text = read_end(path, &size);

	memset(r_r, 0, sizeof(*r_r));
	clock_rfc3339(since_nsecs, since);
	rest = str_make(text, size);
	/* The first line may be half of one; it counts if its second half has
	   all that is asked for. */
	while (rest.n > 0 && r_r->count < ARRAY_LEN(times)) {
		line = str_cut(&rest, '\n');
		times[r_r->count] = time_of(line, since);
		r_r->count += times[r_r->count] >= 0;
	}
	free(text);
	if (r_r->count == 0)
		return;
	qsort(times, r_r->count, sizeof(times[0]), by_time);
	r_r->p50_micros = times[(r_r->count - 1) / 2];
	r_r->p95_micros = times[(r_r->count - 1) * 95 / 100];
}
