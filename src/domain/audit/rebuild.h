/*
 * Building live/ anew from trace lines: roll-ups and the spend of open
 * windows, on an empty store or on a snapshot. The rules
 * (docs/audit.md, "Recovery"):
 * - a line is booked exactly as its settlement was, in the hour it names, in
 *   the windows it names that are still open;
 * - a line the store knows already (owner and sequence) is left out;
 * - a hold of the snapshot whose request has a line is released; the others
 *   stay, and the keeper settles them as orphans at the next start;
 * - an outbox record that is on file leaves the outbox; the others stay.
 * What no line and no snapshot says is gone: health, rate windows, alerts.
 *
 * Lines must have been proven before (domain/audit/audit.h).
 */
#ifndef DOMAIN_REBUILD_H
#define DOMAIN_REBUILD_H

#include "domain/audit/trace_line.h"

struct rebuild;

struct rebuild_counts {
	uint64_t booked, known; /* lines */
	int64_t cost_nanos;     /* of those booked */
	uint64_t released;      /* holds whose request had ended */
	uint64_t holds;         /* holds that stay */
	uint64_t gaps;          /* owners whose records do not follow on those
				   of the snapshot */
};

/* The store's live/ is written; nobody else may have it open. */
int rebuild_begin(struct store *s, int64_t now_nsecs, struct rebuild **r_r,
    struct err *err) MUST_CHECK;
int rebuild_line(struct rebuild *r, struct str text,
    struct err *err) MUST_CHECK;
/* Commits and syncs. */
int rebuild_finish(struct rebuild *r, struct rebuild_counts *counts_r,
    struct err *err) MUST_CHECK;
void rebuild_free(struct rebuild **r);

#endif
