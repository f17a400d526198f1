/*
 * Budget windows: which period a moment falls in. Calendar-aligned as LiteLLM
 * documents them: 1d from midnight, 7d from Monday, 30d and 1mo from the first
 * of the month, other Nd from midnight N days apart, h/m/s aligned to the
 * clock; in a named zone (IANA; default UTC). "" = one window for ever.
 */
#ifndef DOMAIN_WINDOW_H
#define DOMAIN_WINDOW_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

enum window_unit {
	WINDOW_FOREVER,
	WINDOW_SECONDS, /* s, m, h: aligned to the epoch */
	WINDOW_DAYS,    /* local midnights, N apart */
	WINDOW_WEEKS,   /* Mondays */
	WINDOW_MONTHS,  /* firsts */
};

struct window_zone; /* a time zone's rules; immutable */

struct window_rule {
	enum window_unit unit;
	uint32_t count;
	const struct window_zone *zone; /* borrowed; NULL = UTC */
};

/* Loads an IANA zone ("Europe/Paris"); ERR_CONFIG when unknown. */
int window_zone_open(const char *name, struct window_zone **z_r,
    struct err *err) MUST_CHECK;
void window_zone_free(struct window_zone **z);
/* "30d" → rule; ERR_CONFIG with what is accepted. "" → FOREVER. */
int window_parse(struct str duration, const struct window_zone *zone,
    struct window_rule *rule_r, struct err *err) MUST_CHECK;
/* The window `now` is in: [start, end) in seconds; end 0 = never. */
void window_at(const struct window_rule *rule, int64_t now_nsecs,
    uint32_t *start_r, uint32_t *end_r);
/* The same for one rule of a row of them, at one moment: *start and *end are
   those of the rule before it (NULL: none), which often is the same. */
void window_next(const struct window_rule *rule,
    const struct window_rule *before, int64_t now_nsecs, uint32_t *start,
    uint32_t *end);

#endif
