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
/* The attempts made under this hold so far, as JSON objects with commas
   between them, told in at most so many bytes. */
void record_write_attempts(struct exchange *x, uint64_t hold_number,
    size_t max_bytes, struct buf *out);
/* Whom a charge of this candidate (NULL: none) is booked on; slices borrowed
   from x. */
void record_names(const struct exchange *x, const struct candidate *c,
    struct rollup_names *names_r);
/* One charge per attempt into room for attempt_count, for roll-ups: the request
   is over, and is counted with the last one. */
void record_charges(struct exchange *x, struct charge *charges);
/* The same for those made under this hold so far, for the hold; how many. */
size_t record_charges_so_far(struct exchange *x, uint64_t hold_number,
    struct charge *charges);

#endif
