/* Reports in slices. See spend_report.h. */
#include "admin/spend_report.h"

#include "base/clock.h"

int
spend_span_read(struct admin_call *a, struct spend_span *s)
{
	int from = call_time(a, "start_date", &s->since_nsecs);
	int to = from < 0 ? -1 : call_time(a, "end_date", &s->until_nsecs);

	if (from < 0 || to < 0)
		return -1;
	s->given = from == 1 || to == 1;
	if (to == 0)
		s->until_nsecs = a->now_nsecs;
	s->until_nsecs =
	    (s->until_nsecs / SPEND_DAY_NSECS + 1) * SPEND_DAY_NSECS;
	if (from == 0)
		s->since_nsecs =
		    s->until_nsecs - SPEND_USUAL_DAYS * SPEND_DAY_NSECS;
	s->since_nsecs = s->since_nsecs / SPEND_DAY_NSECS * SPEND_DAY_NSECS;
	if (s->since_nsecs < s->until_nsecs &&
	    s->until_nsecs - s->since_nsecs <= SPEND_MAX_DAYS * SPEND_DAY_NSECS)
		return 0;
	a->param = from == 1 ? "start_date" : "end_date";
	return call_refuse(a, ERR_BAD_FIELD,
	    "start_date and end_date take 1 to %d days, the earlier one first",
	    SPEND_MAX_DAYS);
}

json_t *
spend_day(int64_t nsecs)
{
	char text[CLOCK_RFC3339_BYTES];

	clock_rfc3339(nsecs, text);
	return json_stringn(text, 10);
}

const struct rollup_row *
spend_find(const struct rollup_result *r, const char *value)
{
	static const struct rollup_row nothing;

	for (size_t i = 0; i < r->count; i++) {
		if (strcmp(r->rows[i].value, value) == 0)
			return &r->rows[i].sums;
	}
	return &nothing;
}

/* ---- slices ------------------------------------------------------------- */

static void
free_sums(struct spend_report *r)
{
	for (size_t i = 0; i < SPEND_DIMS; i++)
		rollup_result_free(&r->sums[i]);
	r->asked = 0;
	r->at = 0;
}

/* One step of the next dimension. */
static int
ask(struct spend_report *r, struct admin_call *a)
{
	int64_t until =
	    r->by_day ? r->day_nsecs + SPEND_DAY_NSECS : r->span.until_nsecs;
	int rc;

	if (!r->is_asking)
		rollup_ask_begin(&r->asking, r->dims[r->asked], r->day_nsecs,
		    until);
	r->is_asking = true;
	rc = rollup_ask_step(&r->asking, a->live, a->now_nsecs);
	if (rc == 0) {
		rollup_ask_end(&r->asking, &r->sums[r->asked++]);
		r->is_asking = false;
	}
	if (rc >= 0)
		return 1;
	if (!store_failed(a->live, &a->err))
		call_refuse(a, ERR_STORE, "the roll-ups cannot be read");
	return -1;
}

static int
slice(struct admin_job *job, struct admin_call *a)
{
	struct spend_report *r = (struct spend_report *)job;
	int rc;

	if (r->finishing)
		return r->finish(r, a);
	if (r->by_day && r->span.since_nsecs >= r->span.until_nsecs) {
		r->finishing = r->finish != NULL;
		return r->finishing;
	}
	if (r->asked < r->dim_count)
		return ask(r, a);
	rc = r->make(r, a);
	if (rc != 0)
		return rc;
	free_sums(r);
	r->day_nsecs += r->newest_first ? -SPEND_DAY_NSECS : SPEND_DAY_NSECS;
	if (r->by_day && r->day_nsecs >= r->span.since_nsecs &&
	    r->day_nsecs < r->span.until_nsecs)
		return 1;
	r->finishing = r->finish != NULL;
	return r->finishing;
}

/* Some 90 days of all that is kept of them. */
#define TEXT_BYTES (128 * 1024 * 1024)

struct buf *
spend_report_item(struct spend_report *r)
{
	if (r->text.len == 0)
		buf_add_cstr(&r->text, r->opening != NULL ? r->opening : "[");
	else
		buf_add_char(&r->text, ',');
	return &r->text;
}

void
spend_report_add(struct spend_report *r, json_t *item)
{
	char *text = entity_dump(item);

	json_decref(item);
	buf_add_cstr(spend_report_item(r), text != NULL ? text : "null");
	free(text);
}

static void
reply(struct admin_job *job, struct http_call *call)
{
	struct spend_report *r = (struct spend_report *)job;

	if (job->answer != NULL) {
		admin_answer(call, job->answer);
		job->answer = NULL;
		return;
	}
	if (r->text.len == 0)
		spend_report_item(r);
	buf_add_cstr(&r->text, r->closing != NULL ? r->closing : "]");
	if (r->text.overflowed)
		admin_error(call, ERR_INTERNAL, "the answer is too long");
	else
		http_reply_take(call, 200, "application/json", &r->text);
}

static void
free_report(struct admin_job *job)
{
	struct spend_report *r = (struct spend_report *)job;

	if (r->is_asking)
		rollup_ask_drop(&r->asking);
	free_sums(r);
	if (r->fini != NULL)
		r->fini(r);
	buf_fini(&r->text);
	free(r->closing);
	free(r);
}

struct admin_job *
spend_report_job(struct spend_report *r)
{
	r->job.slice = slice;
	r->job.free = free_report;
	r->job.reply = reply;
	buf_init(&r->text, TEXT_BYTES);
	r->day_nsecs = r->newest_first ? r->span.until_nsecs - SPEND_DAY_NSECS
				       : r->span.since_nsecs;
	return &r->job;
}
