/*
 * Budget windows: durations, calendar alignment in named zones, days of 23
 * and 25 hours, midnights that do not exist. The C library is the oracle for
 * zone offsets; that windows tile time is checked for many zones and times.
 */
#include "unit.h"

#include "base/clock.h"
#include "base/hash.h"
#include "domain/ledger/window_zone.h"

#define HOUR 3600

static struct window_zone *
zone(const char *name)
{
	struct window_zone *z = NULL;
	struct err err;

	if (window_zone_open(name, &z, &err) != 0)
		fail_msg("%s", err.text);
	return z;
}

static struct window_rule
rule(const char *duration, const struct window_zone *z)
{
	struct window_rule r;
	struct err err;

	if (window_parse(str_of(duration), z, &r, &err) != 0)
		fail_msg("%s", err.text);
	return r;
}

static int64_t
moment(const char *text)
{
	int64_t nsecs;

	assert_int_equal(clock_parse(str_of(text), 0, &nsecs), 0);
	return nsecs;
}

static void
test_durations_become_rules(void **state)
{
	static const struct {
		const char *text;
		enum window_unit unit;
		uint32_t count;
	} rows[] = {
		{ "", WINDOW_FOREVER, 0 },
		{ "30s", WINDOW_SECONDS, 30 },
		{ "5m", WINDOW_SECONDS, 300 },
		{ "24h", WINDOW_SECONDS, 86400 },
		{ "1d", WINDOW_DAYS, 1 },
		{ "7d", WINDOW_WEEKS, 1 },
		{ "1w", WINDOW_WEEKS, 1 },
		{ "2w", WINDOW_WEEKS, 2 },
		{ "14d", WINDOW_DAYS, 14 },
		{ "30d", WINDOW_MONTHS, 1 },
		{ "1mo", WINDOW_MONTHS, 1 },
		{ "3mo", WINDOW_MONTHS, 3 },
		{ "3660d", WINDOW_DAYS, 3660 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct window_rule r = rule(rows[i].text, NULL);

		assert_int_equal(r.unit, rows[i].unit);
		assert_int_equal(r.count, rows[i].count);
	}
}

static void
test_durations_that_are_none(void **state)
{
	static const char *const bad[] = { "d", "0d", "-1d", "1.5h", "30", "1y",
		"30 d", " 1d", "1D", "3661d", "121mo", "100000000000s",
		"99999999999999999999d", "1dd", "1mo1d" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct window_rule r;
		struct err err;

		assert_int_equal(window_parse(str_of(bad[i]), NULL, &r, &err),
		    -1);
		assert_int_equal(err.code, ERR_CONFIG);
		assert_non_null(strstr(err.text, "no budget duration"));
	}
}

static void
test_windows_are_aligned_to_the_calendar(void **state)
{
	static const struct {
		const char *zone, *duration, *now, *start, *end;
	} rows[] = {
		{ "UTC", "1d", "2026-11-22T11:18:10Z", "2026-11-22",
		    "2026-11-23" },
		/* 2026-11-22 is a Sunday. */
		{ "UTC", "7d", "2026-11-22T23:59:59Z", "2026-11-16",
		    "2026-11-23" },
		{ "UTC", "7d", "2026-11-23T00:00:00Z", "2026-11-23",
		    "2026-11-30" },
		{ "UTC", "30d", "2026-11-22", "2026-11-01", "2026-12-01" },
		{ "UTC", "1mo", "2026-12-31T23:59:59Z", "2026-12-01",
		    "2027-01-01" },
		{ "UTC", "3mo", "2026-11-22", "2026-10-01", "2027-01-01" },
		{ "UTC", "12mo", "2028-02-29", "2028-01-01", "2029-01-01" },
		{ "UTC", "1h", "2026-11-22T11:18:10Z", "2026-11-22T11:00:00Z",
		    "2026-11-22T12:00:00Z" },
		{ "UTC", "15m", "2026-11-22T11:18:10Z", "2026-11-22T11:15:00Z",
		    "2026-11-22T11:30:00Z" },
		{ "UTC", "30s", "2026-11-22T11:18:10Z", "2026-11-22T11:18:00Z",
		    "2026-11-22T11:18:30Z" },
		/* Days since the epoch divisible by 10. */
		{ "UTC", "10d", "1970-01-25", "1970-01-21", "1970-01-31" },
		/* The day summer time begins has 23 hours, the other 25. */
		{ "Europe/Paris", "1d", "2026-03-29T12:00:00Z",
		    "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z" },
		{ "Europe/Paris", "1d", "2026-10-25T12:00:00Z",
		    "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z" },
		{ "Europe/Paris", "30d", "2026-10-31T23:30:00Z",
		    "2026-10-31T23:00:00Z", "2026-11-30T23:00:00Z" },
		{ "America/New_York", "7d", "2026-03-08T12:00:00Z",
		    "2026-03-02T05:00:00Z", "2026-03-09T04:00:00Z" },
		/* Half-hour offset: hours stay on the epoch. */
		{ "Asia/Kolkata", "1d", "2026-11-22T18:29:59Z",
		    "2026-11-21T18:30:00Z", "2026-11-22T18:30:00Z" },
		/* Midnight does not exist: the day begins at 01:00. */
		{ "America/Santiago", "1d", "2026-09-06T12:00:00Z",
		    "2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z" },
		/* Midnight comes twice: the first one counts. */
		{ "America/Havana", "1d", "2026-11-01T05:30:00Z",
		    "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z" },
		/* Clocks go back at 00:01 of the 7th to 23:01 of the 6th: no
		   second 6th. */
		{ "America/St_Johns", "1d", "2010-11-07T03:00:00Z",
		    "2010-11-07T02:30:00Z", "2010-11-08T03:30:00Z" },
		/* 30 December 2011 was skipped: no window, no gap. */
		{ "Pacific/Apia", "1d", "2011-12-30T10:00:00Z",
		    "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z" },
		{ "Pacific/Apia", "1d", "2011-12-30T09:59:59Z",
		    "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z" },
		/* Summer time has the smaller offset in Dublin. */
		{ "Europe/Dublin", "1d", "2039-07-01T12:00:00Z",
		    "2039-06-30T23:00:00Z", "2039-07-01T23:00:00Z" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct window_zone *z = zone(rows[i].zone);
		struct window_rule r = rule(rows[i].duration, z);
		uint32_t start, end;

		window_at(&r, moment(rows[i].now), &start, &end);
		if (start != moment(rows[i].start) / NSECS_PER_SEC ||
		    end != moment(rows[i].end) / NSECS_PER_SEC)
			fail_msg("row %zu (%s %s at %s): %u to %u", i,
			    rows[i].zone, rows[i].duration, rows[i].now, start,
			    end);
		window_zone_free(&z);
	}
}

static void
test_no_duration_is_one_window_for_ever(void **state)
{
	struct window_rule r = rule("", NULL);
	uint32_t start = 1, end = 1;

	(void)state;
	window_at(&r, clock_wall_nsecs(), &start, &end);
	assert_int_equal(start, 0);
	assert_int_equal(end, 0);
}

static const char *const zones[] = { "UTC", "Europe/Paris", "Europe/London",
	"Europe/Dublin", "Europe/Kyiv", "America/New_York",
	"America/Los_Angeles", "America/St_Johns", "America/Santiago",
	"America/Havana", "America/Asuncion", "America/Sao_Paulo",
	"America/Nuuk", "America/Scoresbysund", "Africa/Cairo",
	"Africa/Casablanca", "Asia/Beirut", "Asia/Gaza", "Asia/Tehran",
	"Asia/Kolkata", "Asia/Kathmandu", "Asia/Tokyo", "Asia/Jerusalem",
	"Australia/Lord_Howe", "Australia/Adelaide", "Pacific/Auckland",
	"Pacific/Chatham", "Pacific/Apia", "Pacific/Kiritimati",
	"Antarctica/Troll", "Etc/GMT+12" };

/* Seconds in 2020..2040. */
static int64_t
random_secs(void)
{
	int64_t from = moment("2020-01-01") / NSECS_PER_SEC;
	int64_t to = moment("2041-01-01") / NSECS_PER_SEC;

	return from + (int64_t)(random_u64() % (uint64_t)(to - from));
}

static void
test_offsets_agree_with_the_c_library(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(zones); i++) {
		struct window_zone *z = zone(zones[i]);

		setenv("TZ", zones[i], 1);
		tzset();
		for (int n = 0; n < 2000; n++) {
			time_t secs = (time_t)random_secs();
			struct tm tm;

			localtime_r(&secs, &tm);
			if (tm.tm_gmtoff != window_zone_offset(z, secs))
				fail_msg("%s at %lld: %ld, not %lld", zones[i],
				    (long long)secs, tm.tm_gmtoff,
				    (long long)window_zone_offset(z, secs));
		}
		window_zone_free(&z);
	}
	unsetenv("TZ");
	tzset();
}

/* The window of one moment, and that its neighbours begin where it ends. */
static void
check_tile(const struct window_rule *r, int64_t secs)
{
	uint32_t start, end, other, other_end;

	window_at(r, secs * NSECS_PER_SEC, &start, &end);
	assert_true(start <= secs && secs < end);
	window_at(r, (int64_t)start * NSECS_PER_SEC, &other, &other_end);
	assert_true(other == start && other_end == end);
	window_at(r, end * NSECS_PER_SEC - 1, &other, &other_end);
	assert_true(other == start && other_end == end);
	window_at(r, (int64_t)end * NSECS_PER_SEC, &other, &other_end);
	assert_int_equal(other, end);
	window_at(r, start * NSECS_PER_SEC - 1, &other, &other_end);
	assert_int_equal(other_end, start);
}

static void
test_windows_tile_time(void **state)
{
	static const char *const durations[] = { "1s", "7m", "1h", "1d", "2d",
		"7d", "10d", "2w", "30d", "1mo", "3mo", "5mo" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(zones); i++) {
		struct window_zone *z = zone(zones[i]);

		for (size_t d = 0; d < ARRAY_LEN(durations); d++) {
			struct window_rule r = rule(durations[d], z);

			for (int n = 0; n < 500; n++)
				check_tile(&r, random_secs());
		}
		window_zone_free(&z);
	}
}

/* Every hour of the years with the odd changes, one by one. */
static void
test_days_tile_around_every_change(void **state)
{
	int64_t from = moment("2022-01-01") / NSECS_PER_SEC;
	int64_t to = moment("2024-01-01") / NSECS_PER_SEC;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(zones); i++) {
		struct window_zone *z = zone(zones[i]);
		struct window_rule r = rule("1d", z);
		uint32_t start, end, last_end = 0;

		for (int64_t t = from; t < to; t += HOUR / 2) {
			window_at(&r, t * NSECS_PER_SEC, &start, &end);
			assert_true(start <= t && t < end);
			assert_true(end - start >= 22 * HOUR);
			assert_true(end - start <= 26 * HOUR);
			assert_true(last_end == 0 || end == last_end ||
				    start == last_end);
			last_end = end;
		}
		window_zone_free(&z);
	}
}

static void
test_the_last_window_ends_in_32_bits(void **state)
{
	struct window_rule r = rule("3mo", NULL);
	uint32_t start, end;

	(void)state;
	window_at(&r, (int64_t)UINT32_MAX * NSECS_PER_SEC, &start, &end);
	assert_true(start < end);
	window_at(&r, -5 * NSECS_PER_SEC, &start, &end);
	assert_int_equal(start, 0);
}

static void
test_zone_names_stay_in_their_folder(void **state)
{
	static const char *const bad[] = { "", "/etc/passwd", "../passwd",
		"Europe/../../passwd", "Europe/", "/Europe/Paris",
		"Europe//Paris", "Europe/.hidden", "No/Such_Zone", "Europe",
		"Europe/Paris ", "Europe\\Paris", "tzdata.zi", "zone.tab",
		("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		 "AAAAAAAAAA") };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct window_zone *z = NULL;
		struct err err;

		if (window_zone_open(bad[i], &z, &err) == 0)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_int_equal(err.code, ERR_CONFIG);
		assert_null(z);
	}
}

/* ---- damaged files ------------------------------------------------------ */

static size_t
read_zone_bytes(const char *path, char *out, size_t size)
{
	FILE *f = fopen(path, "rb");
	size_t n;

	assert_non_null(f);
	n = fread(out, 1, size, f);
	fclose(f);
	return n;
}

static void
try_bytes(const char *bytes, size_t n)
{
	/* A heap copy of exactly n bytes, so that a read behind it shows. */
	char *copy = xmalloc(n);
	struct window_zone *z = NULL;
	struct window_rule r;
	uint32_t start, end;
	struct err err;

	memcpy(copy, bytes, n);
	if (window_zone_read(str_make(copy, n), &z, &err) == 0) {
		r = rule("1d", z);
		for (int i = 0; i < 5; i++) {
			int64_t t = random_secs();

			window_at(&r, t * NSECS_PER_SEC, &start, &end);
			assert_true(start <= t && t < end);
		}
	} else {
		assert_int_equal(err.code, ERR_CONFIG);
	}
	window_zone_free(&z);
	free(copy);
}

static void
test_damaged_files_are_refused_or_harmless(void **state)
{
	char bytes[8192];
	size_t n = read_zone_bytes("/usr/share/zoneinfo/Europe/Paris", bytes,
	    sizeof(bytes));

	(void)state;
	for (size_t cut = 0; cut < n; cut++)
		try_bytes(bytes, cut);
	for (int i = 0; i < 20000; i++) {
		size_t at = random_u64() % n;
		char old = bytes[at];

		bytes[at] = (char)random_u64();
		try_bytes(bytes, n);
		bytes[at] = old;
	}
}

/* A file without transitions and with this rule. */
static int
read_with_rule(const char *posix, struct window_zone **z_r)
{
	char bytes[512];
	struct err err;
	size_t n = 0;

	memset(bytes, 0, sizeof(bytes));
	for (int block = 0; block < 2; block++) {
		memcpy(bytes + n, "TZif2", 5);
		bytes[n + 39] = 1; /* one type */
		bytes[n + 43] = 1; /* one byte of names */
		n += 44 + 6 + 1;
	}
	n += (size_t)snprintf(bytes + n, sizeof(bytes) - n, "\n%s\n", posix);
	return window_zone_read(str_make(bytes, n), z_r, &err);
}

static void
test_rules_at_the_end_of_the_file(void **state)
{
	static const struct {
		const char *posix;
		const char *at;
		int64_t offset;
	} rows[] = {
		{ "CET-1CEST,M3.5.0,M10.5.0/3", "2030-07-01", 2 * HOUR },
		{ "CET-1CEST,M3.5.0,M10.5.0/3", "2030-12-01", HOUR },
		{ "<-03>3<-02>,M3.5.0/-2,M10.5.0/-1", "2030-07-01", -2 * HOUR },
		{ "IST-1GMT0,M10.5.0,M3.5.0/1", "2030-12-01", 0 },
		{ "IST-1GMT0,M10.5.0,M3.5.0/1", "2030-07-01", HOUR },
		{ "EST5EDT,J60,J300", "2028-03-01T12:00:00Z", -4 * HOUR },
		{ "EST5EDT,J60,J300", "2028-02-29T12:00:00Z", -5 * HOUR },
		{ "EST5EDT,59,300", "2028-02-29T12:00:00Z", -4 * HOUR },
		/* Summer all year, as RFC 8536 writes it. */
		{ "XXX3EDT4,0/0,J365/23", "2030-01-01", -4 * HOUR },
		{ "XXX3EDT4,0/0,J365/23", "2030-12-31T23:59:59Z", -4 * HOUR },
		{ "<+1345>-13:45<+1445>,M9.5.0/2:45,M4.1.0/3:45", "2030-01-01",
		    14 * HOUR + 45 * 60 },
	};
	static const char *const bad[] = { "CET-1CEST", "C-1", "CET",
		"CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0",
		"CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0",
		"CET-1CEST,J0,J5", "CET-1CEST,366,5", "CET-25",
		"CET-1CEST,M3.5.0,M10.5.0x", "<CET-1",
		"CET-1CEST,M3.5.0/168,5" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct window_zone *z = NULL;

		assert_int_equal(read_with_rule(rows[i].posix, &z), 0);
		assert_int_equal(window_zone_offset(z,
				     moment(rows[i].at) / NSECS_PER_SEC),
		    rows[i].offset);
		window_zone_free(&z);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct window_zone *z = NULL;

		if (read_with_rule(bad[i], &z) == 0)
			fail_msg("\"%s\" was taken", bad[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_durations_become_rules),
		cmocka_unit_test(test_durations_that_are_none),
		cmocka_unit_test(test_windows_are_aligned_to_the_calendar),
		cmocka_unit_test(test_no_duration_is_one_window_for_ever),
		cmocka_unit_test(test_offsets_agree_with_the_c_library),
		cmocka_unit_test(test_windows_tile_time),
		cmocka_unit_test(test_days_tile_around_every_change),
		cmocka_unit_test(test_the_last_window_ends_in_32_bits),
		cmocka_unit_test(test_zone_names_stay_in_their_folder),
		cmocka_unit_test(test_damaged_files_are_refused_or_harmless),
		cmocka_unit_test(test_rules_at_the_end_of_the_file),
	};

	return cmocka_run_group_tests_name("window", tests, NULL, NULL);
}
