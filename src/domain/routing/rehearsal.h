/*
 * What a worker would say of a configuration when it starts: the part that
 * needs more than the file. For those who only look (tallygate --check,
 * tallyctl reload), so that what they call good does start.
 */
#ifndef DOMAIN_REHEARSAL_H
#define DOMAIN_REHEARSAL_H

#include "config/config.h"

/*
 * Adds to the report an error for price tables, prices, strategies and caps
 * that are not understood, and a warning for each deployment without a price.
 * Reads the price tables; asks nobody else. -1 when there is an error: *err.
 */
int rehearsal_run(const struct config *c, struct config_report *report,
    struct err *err) MUST_CHECK;

#endif
