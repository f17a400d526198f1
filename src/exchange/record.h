/*
 * The trace record of an exchange: one JSON object, the fields of DESIGN
 * section 10 in their order. The logger adds owner, seq, prev and hash.
 */
#ifndef EXCHANGE_RECORD_H
#define EXCHANGE_RECORD_H

#include "exchange/exchange.h"

/* The whole record, at its end, into x->record. */
void record_write(struct exchange *x);
/* What is known before the answer: the hold's part (see ledger.h), as JSON
   members without braces, for a keeper that has to end it. */
void record_write_opening(struct exchange *x, struct buf *out);
/* Whom an attempt's charge is booked on; slices borrowed from x. */
void record_names(const struct exchange *x, const struct attempt *a,
    struct rollup_names *names_r);

#endif
