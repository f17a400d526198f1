/*
 * The trace record of an exchange: one JSON object, the fields of DESIGN
 * section 10 in their order. The logger adds owner, seq, prev and hash.
 */
#ifndef EXCHANGE_RECORD_H
#define EXCHANGE_RECORD_H

#include "exchange/exchange.h"

/* The whole record, at its end, into x->record. */
void record_write(struct exchange *x);
/* What is known before this candidate's answer: the hold's part (see
   ledger.h), as JSON members without braces, for a keeper that has to end it.
 */
void record_write_opening(struct exchange *x, const struct candidate *c,
    struct buf *out);
/* The attempts made so far, as JSON objects with commas between them, told in
   at most so many bytes. */
void record_write_attempts(struct exchange *x, size_t max_bytes,
    struct buf *out);
/* Whom a charge of this candidate (NULL: none) is booked on; slices borrowed
   from x. */
void record_names(const struct exchange *x, const struct candidate *c,
    struct rollup_names *names_r);
/* One charge per attempt made so far into room for attempt_count: for
   roll-ups, and for a hold. The request is counted with the last one when it
   is over. */
void record_charges(struct exchange *x, struct charge *charges, bool is_over);

#endif
