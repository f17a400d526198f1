/*
 * A time zone as a list of spans with one offset each, and the calendar.
 * Private to domain/window*.c.
 */
#ifndef DOMAIN_WINDOW_ZONE_H
#define DOMAIN_WINDOW_ZONE_H

#include "domain/ledger/window.h"

#define SECS_PER_DAY 86400

/* Days since 1970-01-01 of a date (month 1..12), and back. */
int64_t window_days_of(int64_t year, int month, int day);
void window_date_of(int64_t days, int64_t *year_r, int *month_r);

/* Local time minus UTC, in seconds, at this moment; zone NULL: UTC. */
int64_t window_zone_offset(const struct window_zone *z, int64_t secs);
/* The first moment at which the local clock shows midnight of this day, or
   more where that midnight is skipped. Never falls when the day rises. */
int64_t window_zone_midnight(const struct window_zone *z, int64_t day);

/* Reads a zone from the bytes of a TZif file; for window_zone_open and tests.
   ERR_CONFIG with what is wrong. */
int window_zone_read(struct str tzif, struct window_zone **z_r,
    struct err *err) MUST_CHECK;

#endif
