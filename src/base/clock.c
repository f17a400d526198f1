/* Time and its text. See clock.h. */
#include "base/clock.h"

#include "base/num.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

static const int64_t no_offset = 0;
static const volatile int64_t *test_offset; /* NULL until first asked */

static const volatile int64_t *
map_test_offset(void)
{
	const char *path = getenv("TALLYGATE_TEST_CLOCK");
	void *p;
	int fd;

	if (path == NULL)
		return &no_offset;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return &no_offset;
	p = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	return p == MAP_FAILED ? &no_offset : p;
}

int64_t
clock_mono_nsecs(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NSECS_PER_SEC + ts.tv_nsec;
}

int64_t
clock_offset_nsecs(void)
{
	if (test_offset == NULL)
		test_offset = map_test_offset();
	return *test_offset;
}

int64_t
clock_coarse_nsecs(void)
{
	static int64_t nsecs;
	struct timespec ts;

	if (nsecs == 0) {
		nsecs = 10 * NSECS_PER_MSEC;
		if (clock_getres(CLOCK_MONOTONIC_COARSE, &ts) == 0)
			nsecs = ts.tv_sec * NSECS_PER_SEC + ts.tv_nsec;
	}
	return nsecs;
}

int64_t
clock_wall_nsecs(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * NSECS_PER_SEC + ts.tv_nsec + clock_offset_nsecs();
}

/* Two decimal digits, then the separator. */
static char *
put2(char *p, int v, char sep)
{
	p[0] = (char)('0' + v / 10 % 10);
	p[1] = (char)('0' + v % 10);
	p[2] = sep;
	return p + 3;
}

#define SECOND_BYTES (sizeof("2026-01-01T00:00:00.") - 1)

/* Date and time of a second, with the point behind it. */
static void
format_second(time_t secs, char out[SECOND_BYTES])
{
	struct tm tm;
	char *p = out;

	gmtime_r(&secs, &tm);
	p = put2(p, (tm.tm_year + 1900) / 100, '0') - 1;
	p = put2(p, (tm.tm_year + 1900) % 100, '-');
	p = put2(p, tm.tm_mon + 1, '-');
	p = put2(p, tm.tm_mday, 'T');
	p = put2(p, tm.tm_hour, ':');
	p = put2(p, tm.tm_min, ':');
	put2(p, tm.tm_sec, '.');
}

size_t
clock_rfc3339(int64_t wall_nsecs, char out[CLOCK_RFC3339_BYTES])
{
	/* Most are asked for in the second of the one before. */
	static char text[SECOND_BYTES];
	static time_t text_secs = -1;
	time_t secs = (time_t)(wall_nsecs / NSECS_PER_SEC);
	int micros = (int)(wall_nsecs % NSECS_PER_SEC / 1000);
	char *p = out + SECOND_BYTES;

	if (secs != text_secs || text[0] == '\0') {
		format_second(secs, text);
		text_secs = secs;
	}
	memcpy(out, text, SECOND_BYTES);
	for (int i = 5; i >= 0; i--) {
		p[i] = (char)('0' + micros % 10);
		micros /= 10;
	}
	p[6] = 'Z';
	p[7] = '\0';
	return (size_t)(p + 7 - out);
}

/* Reads exactly `digits` digits at *p and what must follow them. */
static int
take_digits(const char **p, int digits, const char *follow, int *v_r)
{
	int v = 0;

	for (int i = 0; i < digits; i++) {
		if ((*p)[i] < '0' || (*p)[i] > '9')
			return -1;
		v = v * 10 + ((*p)[i] - '0');
	}
	*p += digits;
	if (*follow != '\0') {
		if (**p == '\0' || strchr(follow, **p) == NULL)
			return -1;
		(*p)++;
	}
	*v_r = v;
	return 0;
}

/* The fraction and zone behind hh:mm:ss. */
static int
take_zone(const char *p, int64_t *nsecs_r)
{
	int64_t unit = NSECS_PER_SEC / 10, nsecs = 0;
	int hours, minutes, sign;

	if (*p == '.') {
		for (p++; *p >= '0' && *p <= '9'; p++) {
			nsecs += (*p - '0') * unit;
			unit /= 10;
		}
	}
	if (*p == '+' || *p == '-') {
		sign = *p == '+' ? -1 : 1;
		p++;
		if (take_digits(&p, 2, ":", &hours) != 0 ||
		    take_digits(&p, 2, "", &minutes) != 0)
			return -1;
		nsecs += sign * (hours * 60 + minutes) * 60 * NSECS_PER_SEC;
	} else if (*p == 'Z' || *p == 'z') {
		p++;
	}
	*nsecs_r = nsecs;
	return *p == '\0' ? 0 : -1;
}

static int
parse_date(const char *p, int64_t *nsecs_r)
{
	struct tm tm;
	int64_t rest = 0;

	memset(&tm, 0, sizeof(tm));
	if (take_digits(&p, 4, "-", &tm.tm_year) != 0 ||
	    take_digits(&p, 2, "-", &tm.tm_mon) != 0 ||
	    take_digits(&p, 2, "", &tm.tm_mday) != 0)
		return -1;
	if (tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 ||
	    tm.tm_mday > 31)
		return -1;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	if (*p == 'T' || *p == 't' || *p == ' ') {
		p++;
		if (take_digits(&p, 2, ":", &tm.tm_hour) != 0 ||
		    take_digits(&p, 2, "", &tm.tm_min) != 0)
			return -1;
		if (*p == ':') {
			p++;
			if (take_digits(&p, 2, "", &tm.tm_sec) != 0)
				return -1;
		}
		if (tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60 ||
		    take_zone(p, &rest) != 0)
			return -1;
	} else if (*p != '\0') {
		return -1;
	}
	if (__builtin_mul_overflow((int64_t)timegm(&tm), NSECS_PER_SEC,
		nsecs_r) ||
	    __builtin_add_overflow(*nsecs_r, rest, nsecs_r))
		*nsecs_r = tm.tm_year < 70 ? INT64_MIN : INT64_MAX;
	return 0;
}

int
clock_parse(struct str s, int64_t now_wall_nsecs, int64_t *nsecs_r)
{
	char text[64];
	int64_t v;

	s = str_trim(s);
	if (s.n == 0 || s.n >= sizeof(text))
		return -1;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	if (str_is(s, "now")) {
		*nsecs_r = now_wall_nsecs;
		return 0;
	}
	if (text[0] == '@') {
		if (num_int64(str_of(text + 1), &v) != 0 || v < 0 ||
		    v > INT64_MAX / NSECS_PER_SEC)
			return -1;
		*nsecs_r = v * NSECS_PER_SEC;
		return 0;
	}
	if (s.n >= 10 && text[4] == '-')
		return parse_date(text, nsecs_r);
	if (num_duration(s, NULL, &v) != 0)
		return -1;
	*nsecs_r = now_wall_nsecs - v;
	return 0;
}
