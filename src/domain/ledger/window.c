/*
 * Budget windows. See window.h. Pure arithmetic over a zone's midnights:
 * windows of one rule tile time, since each begins where the one before it
 * ends, also where a midnight is skipped or comes twice.
 */
#include "domain/ledger/window.h"

#include "base/clock.h"
#include "base/num.h"
#include "domain/ledger/window_zone.h"

#define MAX_SECS   (INT64_C(3660) * SECS_PER_DAY) /* ten years */
#define MAX_MONTHS 120
#define MONDAY     4 /* 1970-01-05, in days since the epoch */

/* ---- "30d" -------------------------------------------------------------- */

static int
bad_duration(struct str s, struct err *err)
{
	return err_set(err, ERR_CONFIG,
	    "\"%.*s\" is no budget duration: a whole number and s, m, h, d, "
	    "w or mo, ten years at most (\"30s\", \"1h\", \"1d\", \"7d\", "
	    "\"30d\", \"1mo\")",
	    (int)(s.n < 40 ? s.n : 40), s.p);
}

static bool
set_rule(struct window_rule *r, enum window_unit unit, int64_t count)
{
	r->unit = unit;
	r->count = (uint32_t)count;
	return true;
}

/* The rule for count units; false when the unit is not known or it is too
   long. */
static bool
make_rule(struct str unit, int64_t count, struct window_rule *r)
{
	int64_t secs = str_is(unit, "s")   ? 1
		       : str_is(unit, "m") ? 60
		       : str_is(unit, "h") ? 3600
		       : str_is(unit, "d") ? SECS_PER_DAY
		       : str_is(unit, "w") ? 7 * SECS_PER_DAY
					   : 0;

	if (str_is(unit, "mo"))
		return count <= MAX_MONTHS && set_rule(r, WINDOW_MONTHS, count);
	if (secs == 0 || count > MAX_SECS / secs)
		return false;
	if (secs < SECS_PER_DAY)
		return set_rule(r, WINDOW_SECONDS, count * secs);
	if (str_is(unit, "w"))
		return set_rule(r, WINDOW_WEEKS, count);
	/* The two that LiteLLM aligns to the calendar. */
	if (count == 7)
		return set_rule(r, WINDOW_WEEKS, 1);
	if (count == 30)
		return set_rule(r, WINDOW_MONTHS, 1);
	return set_rule(r, WINDOW_DAYS, count);
}

int
window_parse(struct str duration, const struct window_zone *zone,
    struct window_rule *rule_r, struct err *err)
{
	struct window_rule r = { .unit = WINDOW_FOREVER, .zone = zone };
	struct str s = duration;
	int64_t count;
	size_t n = 0;

	if (s.n == 0) {
		*rule_r = r;
		return 0;
	}
	while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
		n++;
	if (n == 0 || num_int64(str_make(s.p, n), &count) != 0 || count < 1 ||
	    !make_rule(str_make(s.p + n, s.n - n), count, &r))
		return bad_duration(duration, err);
	*rule_r = r;
	return 0;
}

/* ---- which window ------------------------------------------------------- */

static int64_t
floor_to(int64_t v, int64_t step)
{
	int64_t rest = v % step;

	return v - (rest < 0 ? rest + step : rest);
}

/*
 * The day whose window this moment is in: the local date, but by first
 * midnights, so that a clock that is put back over midnight does not bring
 * yesterday back.
 */
static int64_t
day_of(const struct window_zone *z, int64_t secs)
{
	int64_t day =
	    floor_to(secs + window_zone_offset(z, secs), SECS_PER_DAY) /
	    SECS_PER_DAY;

	/* Its midnight is never after it (window_zone_midnight). */
	while (secs >= window_zone_midnight(z, day + 1))
		day++;
	return day;
}

static int64_t
first_of_month(const struct window_zone *z, int64_t month)
{
	return window_zone_midnight(z,
	    window_days_of(month / 12, (int)(month % 12) + 1, 1));
}

static void
month_window(const struct window_rule *rule, int64_t secs, int64_t *start_r,
    int64_t *end_r)
{
	int64_t year, month;
	int of_year;

	window_date_of(day_of(rule->zone, secs), &year, &of_year);
	/* Counted from January 1970. */
	month =
	    1970 * 12 + floor_to((year - 1970) * 12 + of_year - 1, rule->count);
	*start_r = first_of_month(rule->zone, month);
	*end_r = first_of_month(rule->zone, month + rule->count);
}

static void
day_window(const struct window_rule *rule, int64_t secs, int64_t *start_r,
    int64_t *end_r)
{
	int64_t step = rule->count, anchor = 0, day;

	if (rule->unit == WINDOW_WEEKS) {
		step *= 7;
		anchor = MONDAY;
	}
	day = floor_to(day_of(rule->zone, secs) - anchor, step) + anchor;
	*start_r = window_zone_midnight(rule->zone, day);
	*end_r = window_zone_midnight(rule->zone, day + step);
}

static uint32_t
clamp_u32(int64_t v)
{
	return v < 0 ? 0 : v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

void
window_at(const struct window_rule *rule, int64_t now_nsecs, uint32_t *start_r,
    uint32_t *end_r)
{
	int64_t secs = now_nsecs < 0 ? 0 : now_nsecs / NSECS_PER_SEC;
	int64_t start = 0, end = 0;

	switch (rule->unit) {
	case WINDOW_FOREVER:
		break;
	case WINDOW_SECONDS:
		start = floor_to(secs, rule->count);
		end = start + rule->count;
		break;
	case WINDOW_DAYS:
	case WINDOW_WEEKS:
		day_window(rule, secs, &start, &end);
		break;
	case WINDOW_MONTHS:
		month_window(rule, secs, &start, &end);
		break;
	}
	*start_r = clamp_u32(start);
	*end_r = clamp_u32(end);
}

void
window_next(const struct window_rule *rule, const struct window_rule *before,
    int64_t now_nsecs, uint32_t *start, uint32_t *end)
{
	if (before == NULL || before->unit != rule->unit ||
	    before->count != rule->count || before->zone != rule->zone)
		window_at(rule, now_nsecs, start, end);
}
