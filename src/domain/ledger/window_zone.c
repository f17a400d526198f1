/*
 * Time zones from the system's zone files (TZif, RFC 8536), read by hand so
 * that the process's own zone, a global of the C library, is never touched.
 *
 * A zone is a list of spans with one offset each: the file's transitions,
 * then those of its rule (the POSIX text at the file's end) up to the last
 * moment a window can be in. Everything afterwards is a search in the list.
 *
 * Fails with ERR_CONFIG: a name that is none, a file that is missing, damaged
 * or counts leap seconds. Every length in the file is checked.
 */
#include "domain/ledger/window_zone.h"

#include "base/fd.h"
#include "base/num.h"

#define ZONE_DIR          "/usr/share/zoneinfo"
#define ZONE_FILE_BYTES   (64 * 1024)
#define ZONE_NAME_BYTES   64
#define ZONE_MAX_SPANS    4096
#define ZONE_LAST_YEAR    2107 /* windows end in 32-bit seconds: 2106 */
#define ZONE_HEADER_BYTES 44
#define ZONE_MAX_OFFSET   (26 * 3600)

struct zone_span {
	int64_t start; /* UTC seconds; the first is INT64_MIN */
	int64_t offset;
};

struct window_zone {
	size_t count, size;
	struct zone_span *spans;
};

/* ---- the calendar ------------------------------------------------------- */

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

int64_t
window_days_of(int64_t year, int month, int day)
{
	/* Years that begin in March: the leap day is the last one. */
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = floor_div(y, 400);
	int64_t of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
	       of_year - 1 - 719468;
}

void
window_date_of(int64_t days, int64_t *year_r, int *month_r)
{
	int64_t era = floor_div(days + 719468, 146097);
	int64_t day = days + 719468 - era * 146097;
	int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	int64_t of_year = day - (365 * year + year / 4 - year / 100);
	int month = (int)((5 * of_year + 2) / 153);

	*month_r = month < 10 ? month + 3 : month - 9;
	*year_r = year + era * 400 + (*month_r <= 2);
}

/* ---- spans -------------------------------------------------------------- */

static void
add_span(struct window_zone *z, int64_t start, int64_t offset)
{
	if (z->count == z->size) {
		z->size = z->size == 0 ? 256 : z->size * 2;
		z->spans = xrealloc(z->spans, z->size * sizeof(*z->spans));
	}
	z->spans[z->count].start = start;
	z->spans[z->count].offset = offset;
	z->count++;
}

/* Index of the span that this moment is in. */
static size_t
find_span(const struct window_zone *z, int64_t secs)
{
	size_t low = 0, high = z->count;

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (z->spans[mid].start <= secs)
			low = mid;
		else
			high = mid;
	}
	return low;
}

int64_t
window_zone_offset(const struct window_zone *z, int64_t secs)
{
	return z == NULL ? 0 : z->spans[find_span(z, secs)].offset;
}

int64_t
window_zone_midnight(const struct window_zone *z, int64_t day)
{
	int64_t local = day * SECS_PER_DAY;

	if (z == NULL)
		return local;
	for (size_t i = find_span(z, local - ZONE_MAX_OFFSET);; i++) {
		int64_t at = local - z->spans[i].offset;

		if (at < z->spans[i].start)
			at = z->spans[i].start;
		if (i + 1 == z->count || at < z->spans[i + 1].start)
			return at;
	}
}

/* ---- the rule at the file's end ----------------------------------------- */

enum rule_kind {
	RULE_JULIAN,   /* Jn: 1..365, no leap day */
	RULE_ZERO_DAY, /* n: 0..365 */
	RULE_WEEKDAY,  /* Mm.w.d */
};

struct rule_date {
	enum rule_kind kind;
	int day, week, month;
	int64_t secs; /* local time of the change, may be < 0 or > a day */
};

struct rule {
	int64_t std_offset, dst_offset;
	bool has_dst;
	struct rule_date start, end; /* of summer time */
};

static int
take_int(struct str *s, int max, int *v_r)
{
	int v = 0;
	size_t n = 0;

	while (n < s->n && n < 4 && s->p[n] >= '0' && s->p[n] <= '9')
		v = v * 10 + (s->p[n++] - '0');
	if (n == 0 || v > max)
		return -1;
	*s = str_make(s->p + n, s->n - n);
	*v_r = v;
	return 0;
}

static bool
take_char(struct str *s, char c)
{
	if (s->n == 0 || s->p[0] != c)
		return false;
	*s = str_make(s->p + 1, s->n - 1);
	return true;
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "CET" or "<+0330>": only its end matters. */
static int
take_zone_name(struct str *s)
{
	bool quoted = take_char(s, '<');
	size_t n = 0;

	while (
	    n < s->n && (is_letter(s->p[n]) ||
			    (quoted && (is_digit(s->p[n]) || s->p[n] == '+' ||
					   s->p[n] == '-'))))
		n++;
	if (n < 3)
		return -1;
	*s = str_make(s->p + n, s->n - n);
	return quoted && !take_char(s, '>') ? -1 : 0;
}

/* [+-]h[:mm[:ss]] in seconds. */
static int
take_time(struct str *s, int max_hours, int64_t *secs_r)
{
	bool negative = take_char(s, '-');
	int hours, minutes = 0, seconds = 0;

	if (!negative)
		take_char(s, '+');
	if (take_int(s, max_hours, &hours) != 0)
		return -1;
	if (take_char(s, ':') && take_int(s, 59, &minutes) != 0)
		return -1;
	if (take_char(s, ':') && take_int(s, 59, &seconds) != 0)
		return -1;
	*secs_r = hours * 3600 + minutes * 60 + seconds;
	if (negative)
		*secs_r = -*secs_r;
	return 0;
}

static int
take_rule_date(struct str *s, struct rule_date *d)
{
	memset(d, 0, sizeof(*d));
	if (!take_char(s, ','))
		return -1;
	if (take_char(s, 'M')) {
		d->kind = RULE_WEEKDAY;
		if (take_int(s, 12, &d->month) != 0 || d->month < 1 ||
		    !take_char(s, '.') || take_int(s, 5, &d->week) != 0 ||
		    d->week < 1 || !take_char(s, '.') ||
		    take_int(s, 6, &d->day) != 0)
			return -1;
	} else if (take_char(s, 'J')) {
		d->kind = RULE_JULIAN;
		if (take_int(s, 365, &d->day) != 0 || d->day < 1)
			return -1;
	} else {
		d->kind = RULE_ZERO_DAY;
		if (take_int(s, 365, &d->day) != 0)
			return -1;
	}
	d->secs = 2 * 3600;
	return take_char(s, '/') ? take_time(s, 167, &d->secs) : 0;
}

static int
parse_rule(struct str s, struct rule *r)
{
	int64_t west;

	memset(r, 0, sizeof(*r));
	if (take_zone_name(&s) != 0 || take_time(&s, 24, &west) != 0)
		return -1;
	r->std_offset = -west;
	if (s.n == 0)
		return 0;
	r->has_dst = true;
	r->dst_offset = r->std_offset + 3600;
	if (take_zone_name(&s) != 0)
		return -1;
	if (s.n > 0 && s.p[0] != ',') {
		if (take_time(&s, 24, &west) != 0)
			return -1;
		r->dst_offset = -west;
	}
	if (take_rule_date(&s, &r->start) != 0 ||
	    take_rule_date(&s, &r->end) != 0)
		return -1;
	return s.n == 0 ? 0 : -1;
}

static bool
is_leap(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* The day of a rule in a year, in days since the epoch. */
static int64_t
rule_day(const struct rule_date *d, int64_t year)
{
	int64_t first, day;

	switch (d->kind) {
	case RULE_JULIAN:
		return window_days_of(year, 1, 1) + d->day - 1 +
		       (is_leap(year) && d->day >= 60);
	case RULE_ZERO_DAY:
		return window_days_of(year, 1, 1) + d->day;
	case RULE_WEEKDAY:
		break;
	}
	first = window_days_of(year, d->month, 1);
	/* 1970-01-01 was a Thursday (4). */
	day = first + (d->day - (first + 4) % 7 + 7) % 7 + (d->week - 1) * 7;
	/* Week 5 means the last one. */
	while (day >= (d->month == 12 ? window_days_of(year + 1, 1, 1)
				      : window_days_of(year, d->month + 1, 1)))
		day -= 7;
	return day;
}

/* Adds the changes of the years from the last transition on. */
static void
add_rule_spans(struct window_zone *z, const struct rule *r)
{
	int64_t last = z->spans[z->count - 1].start, year = 1970;
	int month;

	if (!r->has_dst)
		return;
	if (z->count > 1)
		window_date_of(floor_div(last, SECS_PER_DAY) - 1, &year,
		    &month);
	for (; year <= ZONE_LAST_YEAR; year++) {
		struct zone_span change[2] = {
			{ rule_day(&r->start, year) * SECS_PER_DAY +
				r->start.secs - r->std_offset,
			    r->dst_offset },
			{ rule_day(&r->end, year) * SECS_PER_DAY + r->end.secs -
				r->dst_offset,
			    r->std_offset },
		};
		int first = change[0].start <= change[1].start ? 0 : 1;

		for (int i = 0; i < 2; i++) {
			const struct zone_span *c = &change[first ^ i];

			/* Equal starts: the later word counts, as for rules
			   that never leave summer time. */
			if (z->count > 1 &&
			    c->start < z->spans[z->count - 1].start)
				continue;
			if (c->start > last)
				add_span(z, c->start, c->offset);
		}
	}
}

/* ---- the file ----------------------------------------------------------- */

struct tzif_counts {
	char version;
	uint32_t isut, isstd, leap, time, type, chars;
};

static uint32_t
be32(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;

	return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 |
	       (uint32_t)u[2] << 8 | u[3];
}

static int64_t
be64(const char *p)
{
	return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

static int
take_header(struct str *rest, struct tzif_counts *c)
{
	const char *p = rest->p;

	if (rest->n < ZONE_HEADER_BYTES || memcmp(p, "TZif", 4) != 0)
		return -1;
	c->version = p[4];
	c->isut = be32(p + 20);
	c->isstd = be32(p + 24);
	c->leap = be32(p + 28);
	c->time = be32(p + 32);
	c->type = be32(p + 36);
	c->chars = be32(p + 40);
	if (c->time > ZONE_MAX_SPANS || c->type < 1 || c->type > 256 ||
	    c->chars > 4096 || c->leap > 4096 || c->isut > 256 ||
	    c->isstd > 256)
		return -1;
	*rest = str_make(p + ZONE_HEADER_BYTES, rest->n - ZONE_HEADER_BYTES);
	return 0;
}

/* Bytes of a data block whose times have this width. */
static size_t
block_bytes(const struct tzif_counts *c, size_t width)
{
	return c->time * width + c->time + c->type * 6 + c->chars +
	       c->leap * (width + 4) + c->isstd + c->isut;
}

static int
read_block(struct window_zone *z, const struct tzif_counts *c, const char *p,
    size_t width)
{
	const char *index = p + c->time * width, *types = index + c->time;

	if (c->leap != 0)
		return -1; /* a "right/" zone: its seconds are not ours */
	add_span(z, INT64_MIN, (int32_t)be32(types));
	for (uint32_t i = 0; i < c->time; i++) {
		int64_t at =
		    width == 8 ? be64(p + i * 8) : (int32_t)be32(p + i * 4);
		unsigned type = (unsigned char)index[i];

		if (type >= c->type || at <= z->spans[z->count - 1].start)
			return -1;
		add_span(z, at, (int32_t)be32(types + type * 6));
	}
	for (size_t i = 0; i < z->count; i++) {
		if (z->spans[i].offset >= ZONE_MAX_OFFSET ||
		    z->spans[i].offset <= -ZONE_MAX_OFFSET)
			return -1;
	}
	return 0;
}

/* "\nCET-1CEST,M3.5.0,M10.5.0/3\n" */
static int
read_footer(struct window_zone *z, struct str s)
{
	struct rule rule;

	if (!take_char(&s, '\n'))
		return -1;
	s = str_cut(&s, '\n');
	if (s.n == 0)
		return 0;
	if (parse_rule(s, &rule) != 0)
		return -1;
	add_rule_spans(z, &rule);
	return 0;
}

static int
read_file(struct window_zone *z, struct str rest)
{
	struct tzif_counts c;
	size_t width = 4, n;

	if (take_header(&rest, &c) != 0)
		return -1;
	n = block_bytes(&c, width);
	if (c.version >= '2') {
		/* The old block first; the one with 64-bit times behind. */
		if (rest.n < n)
			return -1;
		rest = str_make(rest.p + n, rest.n - n);
		if (take_header(&rest, &c) != 0)
			return -1;
		width = 8;
		n = block_bytes(&c, width);
	}
	if (rest.n < n || read_block(z, &c, rest.p, width) != 0)
		return -1;
	if (width == 4)
		return 0;
	return read_footer(z, str_make(rest.p + n, rest.n - n));
}

int
window_zone_read(struct str tzif, struct window_zone **z_r, struct err *err)
{
	struct window_zone *z = xcalloc(1, sizeof(*z));

	if (read_file(z, tzif) != 0) {
		window_zone_free(&z);
		return err_set(err, ERR_CONFIG,
		    "this is no time zone file (or one with leap seconds)");
	}
	*z_r = z;
	return 0;
}

/* ---- by name ------------------------------------------------------------ */

/* "Europe/Paris", "Etc/GMT+3": nothing that leaves the folder. */
static bool
is_zone_name(struct str name)
{
	char before = '/';

	if (name.n == 0 || name.n > ZONE_NAME_BYTES)
		return false;
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		bool plain = is_letter(c) || is_digit(c);

		if (!plain && (before == '/' || strchr("/_+-", c) == NULL))
			return false;
		before = c;
	}
	return before != '/';
}

static struct window_zone *
make_utc(void)
{
	struct window_zone *z = xcalloc(1, sizeof(*z));

	add_span(z, INT64_MIN, 0);
	return z;
}

int
window_zone_open(const char *name, struct window_zone **z_r, struct err *err)
{
	struct str s = str_of(name);
	struct buf file;
	char *path;
	int rc;

	/* Needs no file, so that a host without zone files can run. */
	if (str_is(s, "UTC") || str_is(s, "Etc/UTC") || str_is(s, "GMT")) {
		*z_r = make_utc();
		return 0;
	}
	if (!is_zone_name(s))
		return err_set(err, ERR_CONFIG,
		    "\"%.64s\" is no time zone name (an IANA name such as "
		    "\"Europe/Paris\" is)",
		    name);
	path = path_join(ZONE_DIR, name);
	buf_init(&file, ZONE_FILE_BYTES);
	rc = file_read(path, &file, err);
	if (rc == 0)
		rc = window_zone_read(buf_str(&file), z_r, err);
	buf_fini(&file);
	free(path);
	if (rc != 0) {
		if (err != NULL)
			err->code = ERR_CONFIG;
		return err_prefix(err,
		    "time zone \"%s\" (Debian package: tzdata)", name);
	}
	return 0;
}

void
window_zone_free(struct window_zone **z)
{
	if (*z == NULL)
		return;
	free((*z)->spans);
	free(*z);
	*z = NULL;
}
