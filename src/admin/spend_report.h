/*
 * Reports from the roll-ups, read in slices (admin_job.h): the sums of up to
 * two dimensions over a span of time, or over each of its days, handed to a
 * function that writes the answer.
 */
#ifndef ADMIN_SPEND_REPORT_H
#define ADMIN_SPEND_REPORT_H

#include "admin/admin_call.h"
#include "admin/admin_job.h"
#include "base/clock.h"
#include "domain/ledger/rollup_query.h"

#define SPEND_DAY_NSECS  (86400 * NSECS_PER_SEC)
#define SPEND_MAX_DAYS   92 /* of one report */
#define SPEND_USUAL_DAYS 30

/* start_date, end_date (that day included); the last 30 days without. In whole
   days of UTC. */
struct spend_span {
	int64_t since_nsecs, until_nsecs;
	bool given;
};
int spend_span_read(struct admin_call *a, struct spend_span *s) MUST_CHECK;
/* "2026-11-22" */
json_t *spend_day(int64_t nsecs);

#define SPEND_DIMS 2

/* The beginning of a report's own struct, zeroed, made with xcalloc(). */
struct spend_report {
	struct admin_job job;
	size_t dim_count;
	enum rollup_dim dims[SPEND_DIMS];
	bool by_day, newest_first;
	struct spend_span span; /* 0, 0: all there is */
	/* The sums of a span (or day) are there: 0, -1 with a->err, 1: call me
	   again, in the next slice. The answer is job.answer, or what is given
	   to spend_report_add(). */
	int (*make)(struct spend_report *r, struct admin_call *a);
	/* After the last; 1: call me again; NULL: nothing is left to do. */
	int (*finish)(struct spend_report *r, struct admin_call *a);
	/* Of its own struct; NULL: nothing. */
	void (*fini)(struct spend_report *r);

	/* For make(). */
	struct rollup_result sums[SPEND_DIMS];
	int64_t day_nsecs; /* where the sums begin */
	size_t at;         /* make's own, 0 at first */
	/* Of an answer that is written piece by piece (spend_report_add): what
	   stands before and behind; NULL: a list. */
	const char *opening;
	char *closing; /* owned */

	/* spend_report.c's. */
	struct rollup_asking asking;
	size_t asked;
	bool is_asking, finishing;
	struct buf text;
};
/* Makes a job of it. */
struct admin_job *spend_report_job(struct spend_report *r);

/* The next item of the answer; taken over. For answers that are too long to be
   written in one go. */
void spend_report_add(struct spend_report *r, json_t *item);
/* Begins the next item: it is what is added to the text that is given. */
struct buf *spend_report_item(struct spend_report *r);

/* Of a result's value; zeroes. */
const struct rollup_row *spend_find(const struct rollup_result *r,
    const char *value);

#endif
