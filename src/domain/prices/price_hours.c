/* Hours of the week. See price_hours.h. Pure. */
#include "domain/prices/price_hours.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/num.h"
#include "domain/prices/price_json.h"

#define SLOT_MINUTES 30
#define DAY_SLOTS    48
#define ALL_DAYS     127u
#define SPANS_MAX    16

/* Half hours of a day: from <= 47, and how many. */
struct span {
	int from, count;
};

/* One window of the list while it is read. */
struct window {
	unsigned days; /* 1 Monday to 64 Sunday */
	size_t count;
	struct span spans[SPANS_MAX];
	bool odd; /* something is not as it should be */
};

/* ---- one window --------------------------------------------------------- */

/* "16:30" as half hours since midnight; -1: no such time. */
static int
read_time(struct str s)
{
	int64_t hour, minute;

	if (s.n != 5 || s.p[2] != ':' || s.p[0] < '0' || s.p[3] < '0' ||
	    num_int64(str_make(s.p, 2), &hour) != 0 ||
	    num_int64(str_make(s.p + 3, 2), &minute) != 0 || hour > 23 ||
	    minute > 59 || minute % SLOT_MINUTES != 0)
		return -1;
	return (int)(hour * 2 + minute / SLOT_MINUTES);
}

/* "16:30-00:30" */
static int
take_span(struct price_json *j, struct window *w)
{
	struct str s, from_text;
	int from, to;

	if (price_json_peek(j) != '"') {
		w->odd = true;
		return price_json_skip(j);
	}
	if (price_json_string(j, &s) != 0)
		return -1;
	from_text = str_cut(&s, '-');
	from = read_time(from_text);
	to = read_time(s);
	if (from < 0 || to < 0 || w->count == SPANS_MAX) {
		w->odd = true;
		return 0;
	}
	w->spans[w->count].from = from;
	w->spans[w->count].count =
	    to > from ? to - from : to - from + DAY_SLOTS;
	w->count++;
	return 0;
}

static int
take_day(struct price_json *j, struct window *w)
{
	struct str s;
	int64_t day;

	if (price_json_peek(j) != '0') {
		w->odd = true;
		return price_json_skip(j);
	}
	if (price_json_number(j, &s) != 0)
		return -1;
	if (num_int64(s, &day) != 0 || day < 1 || day > 7)
		w->odd = true;
	else
		w->days |= 1u << (day - 1);
	return 0;
}

/* A list of them, or one alone. */
static int
take_each(struct price_json *j, struct window *w,
    int (*take)(struct price_json *j, struct window *w))
{
	int rc;

	if (price_json_peek(j) != '[')
		return take(j, w);
	if (price_json_enter(j, '[') != 0)
		return -1;
	while ((rc = price_json_item(j)) == 1) {
		if (take(j, w) != 0)
			return -1;
	}
	return rc;
}

static int
take_window(struct price_json *j, struct window *w)
{
	struct str key;
	int rc;

	if (price_json_peek(j) != '{') {
		w->odd = true;
		return price_json_skip(j);
	}
	if (price_json_enter(j, '{') != 0)
		return -1;
	while ((rc = price_json_member(j, &key)) == 1) {
		if (str_is(key, "weekdays")) {
			rc = take_each(j, w, take_day);
		} else if (str_is(key, "hours_utc")) {
			rc = take_each(j, w, take_span);
		} else {
			w->odd = true;
			rc = price_json_skip(j);
		}
		if (rc != 0)
			return -1;
	}
	return rc;
}

/* ---- all of them -------------------------------------------------------- */

static void
add_window(struct price_hours *h, const struct window *w)
{
	unsigned days = w->days == 0 ? ALL_DAYS : w->days;

	for (int day = 0; day < 7; day++) {
		if ((days & 1u << day) == 0)
			continue;
		for (size_t s = 0; s < w->count; s++) {
			int slot = day * DAY_SLOTS + w->spans[s].from;

			for (int i = 0; i < w->spans[s].count; i++) {
				int at = (slot + i) % PRICE_HOURS_SLOTS;

				h->bits[at / 8] |=
				    (unsigned char)(1u << at % 8);
			}
		}
	}
}

int
price_hours_parse(struct price_json *j, struct price_hours *h_r)
{
	bool odd = false;
	int rc;

	memset(h_r, 0, sizeof(*h_r));
	if (price_json_peek(j) != '[')
		return price_json_skip(j) == 0 ? 0 : -1;
	if (price_json_enter(j, '[') != 0)
		return -1;
	while ((rc = price_json_item(j)) == 1) {
		struct window w = { .days = 0 };

		if (take_window(j, &w) != 0)
			return -1;
		odd = odd || w.odd || w.count == 0;
		add_window(h_r, &w);
	}
	if (rc != 0)
		return -1;
	if (odd)
		memset(h_r, 0, sizeof(*h_r));
	return !odd;
}

int
price_hours_parse_daily(struct price_json *j, struct price_hours *h_r)
{
	struct window w = { .days = 0 };

	memset(h_r, 0, sizeof(*h_r));
	if (take_each(j, &w, take_span) != 0)
		return -1;
	if (w.odd || w.count == 0)
		return 0;
	add_window(h_r, &w);
	return 1;
}

bool
price_hours_has(const struct price_hours *h, int64_t wall_nsecs)
{
	int64_t slot = wall_nsecs / (SLOT_MINUTES * 60 * NSECS_PER_SEC);

	if (wall_nsecs < 0)
		return false;
	/* The first of January 1970 was a Thursday. */
	slot = (slot + INT64_C(3) * DAY_SLOTS) % PRICE_HOURS_SLOTS;
	return (h->bits[slot / 8] & 1u << slot % 8) != 0;
}

bool
price_hours_empty(const struct price_hours *h)
{
	static const struct price_hours none;

	return memcmp(h, &none, sizeof(none)) == 0;
}

void
price_hours_write(const struct price_hours *h, char out[PRICE_HOURS_TEXT])
{
	hash_hex(h->bits, sizeof(h->bits), out);
}

bool
price_hours_read(struct price_hours *h_r, struct str text)
{
	return hash_unhex(text, h_r->bits, sizeof(h_r->bits));
}
