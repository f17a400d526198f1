/*
 * The hours of a week in which a provider's tokens are cheaper ("off peak").
 * UTC, in slots of half an hour from Monday 00:00 on.
 */
#ifndef DOMAIN_PRICE_HOURS_H
#define DOMAIN_PRICE_HOURS_H

#include "base/str.h"

#include <stdint.h>

#define PRICE_HOURS_SLOTS 336
#define PRICE_HOURS_BYTES (PRICE_HOURS_SLOTS / 8)
#define PRICE_HOURS_TEXT  (2 * PRICE_HOURS_BYTES + 1)

/* All zero: there are none. */
struct price_hours {
	unsigned char bits[PRICE_HOURS_BYTES];
};

struct price_json;

/*
 * Reads a list of windows, which both forms of a price file have alike:
 *   [{"weekdays":[1,2,3,4,5],"hours_utc":["00:00-01:00","10:00-00:00"]},
 *    {"weekdays":[6,7],"hours_utc":"00:00-00:00"}]
 * Days count from Monday, all of them where none are said; a window begins on
 * these days and may end on the next; from a time to itself is a whole day.
 * 1 read; 0 JSON, but no such list (*h_r is empty then); -1 the reader failed.
 */
int price_hours_parse(struct price_json *j, struct price_hours *h_r) MUST_CHECK;
/* The same for hours_utc alone, which are those of every day. */
int price_hours_parse_daily(struct price_json *j,
    struct price_hours *h_r) MUST_CHECK;
bool price_hours_has(const struct price_hours *h, int64_t wall_nsecs);
bool price_hours_empty(const struct price_hours *h);
/* As 84 hexadecimal digits, and back; false: they are none. */
void price_hours_write(const struct price_hours *h, char out[PRICE_HOURS_TEXT]);
bool price_hours_read(struct price_hours *h_r, struct str text);

#endif
