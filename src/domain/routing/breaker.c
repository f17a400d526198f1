/*
 * The breaker's state machine; see breaker.h and the table in docs/breaker.md.
 * Owns nothing: a row comes in, the changed row goes out. No store, no clock,
 * no random numbers; it cannot fail.
 *
 * Reading order: ask and enter (may a request go?), then report, which counts
 * the outcome and hands it to the one function of the row's state.
 */
#include "domain/routing/breaker.h"

#include "base/clock.h"

#define MINUTE_NSECS (60 * NSECS_PER_SEC)
/* Processes read the clock at slightly different moments; a moment further
   ahead than this means that the clock was set back. */
#define CLOCK_SLACK_NSECS MINUTE_NSECS
/* What a caller is told to wait while somebody else's probe is under way. */
#define PROBE_WAIT_NSECS NSECS_PER_SEC
/* The share of traffic right after closing. */
#define RAMP_START 0.1
/* Latencies: about the mean of the last ten, unless the rule says otherwise. */
#define LATENCY_SAMPLES 10

const char *
breaker_state_name(enum breaker_state s)
{
	switch (s) {
	case BREAKER_CLOSED:
		return "closed";
	case BREAKER_OPEN:
		return "open";
	case BREAKER_HALF_OPEN:
		return "half-open";
	}
	return "unknown";
}

const char *
health_event_name(enum health_event e)
{
	static const char *const names[HEALTH_EVENT_COUNT] = {
		[HEALTH_SUCCESS] = "success",
		[HEALTH_NEUTRAL] = "neutral",
		[HEALTH_CALLER] = "caller",
		[HEALTH_FAILURE] = "failure",
		[HEALTH_TIMEOUT] = "timeout",
		[HEALTH_RATE_LIMIT] = "rate limit",
		[HEALTH_AUTH] = "auth",
		[HEALTH_NOT_FOUND] = "not found",
	};

	return (unsigned)e < HEALTH_EVENT_COUNT ? names[e] : "unknown";
}

static int64_t
min_nsecs(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t
max_nsecs(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* now + nsecs without passing the end of time. */
static int64_t
later(int64_t now, int64_t nsecs)
{
	return nsecs > BREAKER_FOREVER - now ? BREAKER_FOREVER : now + nsecs;
}

/* A row written "in the future" would otherwise stay shut until then. */
static bool
clock_was_set_back(const struct health_row *row, int64_t now)
{
	return row->opened_nsecs - CLOCK_SLACK_NSECS > now;
}

static bool
ticket_is_live(const struct health_row *row, int64_t now)
{
	return row->probe_owner != 0 && now < row->probe_deadline_nsecs &&
	       !clock_was_set_back(row, now);
}

/* ---- may a request go there? ------------------------------------------- */

enum breaker_answer
breaker_ask(const struct health_row *row, int64_t now)
{
	switch ((enum breaker_state)row->state) {
	case BREAKER_CLOSED:
		return BREAKER_ALLOW;
	case BREAKER_OPEN:
		if (now >= row->open_until_nsecs)
			return BREAKER_PROBE;
		if (row->forced == 0 && clock_was_set_back(row, now))
			return BREAKER_PROBE;
		return BREAKER_DENY;
	case BREAKER_HALF_OPEN:
		return ticket_is_live(row, now) ? BREAKER_DENY : BREAKER_PROBE;
	}
	return BREAKER_ALLOW;
}

int64_t
breaker_wait_nsecs(const struct health_row *row, int64_t now)
{
	if (breaker_ask(row, now) != BREAKER_DENY)
		return 0;
	if (row->state == BREAKER_HALF_OPEN)
		return min_nsecs(row->probe_deadline_nsecs - now,
		    PROBE_WAIT_NSECS);
	if (row->open_until_nsecs == BREAKER_FOREVER)
		return BREAKER_FOREVER;
	return row->open_until_nsecs - now;
}

double
breaker_share(const struct health_row *row, const struct breaker_rule *rule,
    int64_t now)
{
	int64_t since = now - row->closed_nsecs;

	if (row->state != BREAKER_CLOSED || row->closed_nsecs == 0 ||
	    since < 0 || since >= rule->ramp_nsecs)
		return 1;
	return RAMP_START +
	       (1 - RAMP_START) * (double)since / (double)rule->ramp_nsecs;
}

static void
move(struct health_row *row, enum breaker_state state)
{
	row->state = state;
	row->probe_owner = 0;
	row->probe_deadline_nsecs = 0;
	if (state != BREAKER_OPEN) {
		row->open_until_nsecs = 0;
		row->forced = 0;
	}
}

/* Forgets what was counted against it; statistics stay. */
static void
forgive(struct health_row *row)
{
	memset(row->runs, 0, sizeof(row->runs));
	row->consecutive = 0;
	row->trips = 0;
	row->cause = CAUSE_NONE;
}

static void
forget_minutes(struct health_row *row)
{
	row->minute_calls = row->minute_failures = 0;
	row->last_calls = row->last_failures = 0;
}

/* The configuration may switch the breaker off while a row is open. */
static bool
is_switched_off(const struct health_row *row, const struct breaker_rule *rule)
{
	return rule->cooldown_nsecs <= 0 && row->forced == 0;
}

enum breaker_answer
breaker_enter(struct health_row *row, const struct breaker_rule *rule,
    uint64_t owner, int64_t now)
{
	enum breaker_answer answer;

	if (is_switched_off(row, rule)) {
		if (row->state != BREAKER_CLOSED) {
			move(row, BREAKER_CLOSED);
			forgive(row);
		}
		return BREAKER_ALLOW;
	}
	answer = breaker_ask(row, now);
	if (answer != BREAKER_PROBE)
		return answer;
	move(row, BREAKER_HALF_OPEN);
	row->opened_nsecs = min_nsecs(row->opened_nsecs, now);
	row->probe_owner = owner;
	row->probe_deadline_nsecs = later(now, rule->probe_nsecs);
	return BREAKER_PROBE;
}

bool
breaker_release(struct health_row *row, uint64_t owner)
{
	if (row->state != BREAKER_HALF_OPEN || owner == 0 ||
	    row->probe_owner != owner)
		return false;
	row->probe_owner = 0;
	row->probe_deadline_nsecs = 0;
	return true;
}

/* ---- statistics --------------------------------------------------------- */

/* A new sample weighs 2/n: the mean is about that of the last n. */
static void
average(int64_t *mean, const struct breaker_rule *rule, int64_t sample)
{
	int64_t n = rule->latency_samples == 0 ? LATENCY_SAMPLES
					       : rule->latency_samples;

	if (sample <= 0)
		return;
	if (*mean == 0 || n <= 2)
		*mean = sample;
	else
		*mean = max_nsecs(1, *mean + (sample - *mean) * 2 / n);
}

/*
 * A timeout counts with the time it took, also as a time to first token and as
 * one token's time: a deployment that hangs must not keep its good figures.
 */
static void
note_latency(struct health_row *row, const struct breaker_rule *rule,
    const struct health_report *r)
{
	if (r->event == HEALTH_TIMEOUT) {
		average(&row->ttft_micros, rule, r->latency_nsecs / 1000);
		average(&row->per_token_nanos, rule, r->latency_nsecs);
		return;
	}
	if (r->event != HEALTH_SUCCESS)
		return;
	average(&row->latency_micros, rule, r->latency_nsecs / 1000);
	average(&row->ttft_micros, rule, r->ttft_nsecs / 1000);
	if (r->output_tokens > 0)
		average(&row->per_token_nanos, rule,
		    r->latency_nsecs / r->output_tokens);
}

/* One line of printable text, cut at a character. */
static void
note_error(struct health_row *row, const char *text)
{
	size_t n = 0;

	if (text == NULL)
		text = "";
	memset(row->last_error, 0, sizeof(row->last_error));
	for (; text[n] != '\0' && n + 1 < sizeof(row->last_error); n++) {
		unsigned char c = (unsigned char)text[n];

		row->last_error[n] = c < 0x20 || c == 0x7f ? ' ' : text[n];
	}
	if (text[n] == '\0')
		return;
	/* Cut inside a UTF-8 sequence: take the whole character away. */
	while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
		row->last_error[n--] = '\0';
	row->last_error[n] = '\0';
}

/* What our own probe found, beside what its outcome says to the breaker. */
static void
note_probe(struct health_row *row, const struct health_report *r)
{
	if (!r->asked)
		return;
	row->probed_nsecs = r->now_nsecs;
	row->probe_failed =
	    r->event != HEALTH_SUCCESS && r->event != HEALTH_NEUTRAL;
}

static void
note_outcome(struct health_row *row, const struct health_report *r)
{
	switch (r->event) {
	case HEALTH_NEUTRAL:
	case HEALTH_CALLER:
	case HEALTH_EVENT_COUNT:
		return;
	case HEALTH_SUCCESS:
		row->successes++;
		row->last_success_nsecs = r->now_nsecs;
		return;
	case HEALTH_TIMEOUT:
		row->timeouts++;
		break;
	case HEALTH_RATE_LIMIT:
		row->rate_limits++;
		break;
	case HEALTH_FAILURE:
	case HEALTH_AUTH:
	case HEALTH_NOT_FOUND:
		row->failures++;
		break;
	}
	row->last_failure_nsecs = r->now_nsecs;
	row->last_status = r->status;
	row->last_event = r->event;
	note_error(row, r->error);
}

/* Turns the two minute counters on. A process whose clock is a little behind
   counts into the newer minute. */
static void
roll_minute(struct health_row *row, int64_t now)
{
	int64_t minute = now / MINUTE_NSECS;

	if (minute == row->minute || minute == row->minute - 1)
		return;
	if (minute == row->minute + 1) {
		row->last_calls = row->minute_calls;
		row->last_failures = row->minute_failures;
		row->minute_calls = row->minute_failures = 0;
	} else {
		forget_minutes(row);
	}
	row->minute = minute;
}

/* Only what tells about the provider's state: 401, 403, 404 and 429 have
   their own rules and could be provoked by one client; an event with a limit
   of its own is not to open earlier than that. */
static void
count_minute(struct health_row *row, const struct breaker_rule *rule,
    enum health_event event)
{
	bool failed = event == HEALTH_FAILURE || event == HEALTH_TIMEOUT;

	if (!failed && event != HEALTH_SUCCESS)
		return;
	if (rule->own_limits[event] != 0)
		return;
	if (row->minute_calls == UINT32_MAX)
		return;
	row->minute_calls++;
	row->minute_failures += failed;
}

/* How much of a minute that began at `start` is in the 60 seconds before now,
   in milliseconds. */
static int64_t
recent_msecs(int64_t start, int64_t now)
{
	int64_t age = max_nsecs(now - start - MINUTE_NSECS, 0);

	return (MINUTE_NSECS - min_nsecs(age, MINUTE_NSECS)) / NSECS_PER_MSEC;
}

/* This minute's counts and the part of the last minute's that is not yet 60
   seconds old, taken as evenly spread. */
void
breaker_recent(const struct health_row *row, int64_t now, int64_t *calls_r,
    int64_t *failures_r)
{
	int64_t start = row->minute * MINUTE_NSECS;
	int64_t mine = recent_msecs(start, now);
	int64_t last = recent_msecs(start - MINUTE_NSECS, now);

	*calls_r =
	    row->minute_calls * mine / 60000 + row->last_calls * last / 60000;
	*failures_r = row->minute_failures * mine / 60000 +
		      row->last_failures * last / 60000;
}

static bool
error_rate_trips(const struct health_row *row, const struct breaker_rule *rule,
    int64_t now)
{
	int64_t calls, failures;

	if (rule->rate_percent == 0)
		return false;
	breaker_recent(row, now, &calls, &failures);
	return calls >= rule->rate_min_calls &&
	       failures * 100 > calls * rule->rate_percent;
}

/* ---- opening and closing ------------------------------------------------ */

/* Does this outcome speak against the deployment as a whole? */
static bool
speaks_against(const struct breaker_rule *rule, const struct health_report *r)
{
	switch (r->event) {
	case HEALTH_SUCCESS:
	case HEALTH_NEUTRAL:
	case HEALTH_CALLER:
	case HEALTH_EVENT_COUNT:
		return false;
	case HEALTH_FAILURE:
	case HEALTH_TIMEOUT:
		return true;
	case HEALTH_RATE_LIMIT:
		return rule->own_limits[r->event] != 0 ||
		       (!rule->only_member && !rule->many_models);
	case HEALTH_AUTH:
		return !rule->many_models || r->status != 403;
	case HEALTH_NOT_FOUND:
		return !rule->many_models;
	}
	return false;
}

/* The run of failures that this event is counted in. */
static uint32_t
common_run(const struct health_row *row, const struct breaker_rule *rule)
{
	uint32_t n = 0;

	for (int e = 0; e < HEALTH_EVENT_COUNT; e++) {
		if (e != HEALTH_RATE_LIMIT && rule->own_limits[e] == 0)
			n += row->runs[e];
	}
	return n;
}

static enum breaker_cause
cause_to_open(const struct health_row *row, const struct breaker_rule *rule,
    const struct health_report *r)
{
	uint32_t own = rule->own_limits[r->event];

	if (own != 0) {
		if (row->runs[r->event] >= own)
			return r->event == HEALTH_RATE_LIMIT ? CAUSE_RATE_LIMIT
			       : r->event == HEALTH_AUTH     ? CAUSE_AUTH
							     : CAUSE_FAILURES;
	} else if (r->event == HEALTH_RATE_LIMIT) {
		return CAUSE_RATE_LIMIT;
	} else if (r->event == HEALTH_AUTH && r->status != 403) {
		return CAUSE_AUTH;
	} else if (rule->consecutive_limit != 0 &&
		   common_run(row, rule) >= rule->consecutive_limit) {
		return r->event == HEALTH_AUTH ? CAUSE_AUTH : CAUSE_FAILURES;
	}
	return error_rate_trips(row, rule, r->now_nsecs) ? CAUSE_ERROR_RATE
							 : CAUSE_NONE;
}

/*
 * How long to stay open: refused credentials long; a 429 for as long as the
 * provider says; else the cooldown, doubled for each trip in a row, with a
 * Retry-After as the floor.
 */
static int64_t
open_nsecs(const struct health_row *row, const struct breaker_rule *rule,
    const struct health_report *r)
{
	int64_t named =
	    min_nsecs(r->retry_after_nsecs, BREAKER_MAX_RETRY_AFTER_NSECS);
	int64_t wait = rule->cooldown_nsecs;

	if (r->event == HEALTH_AUTH)
		return max_nsecs(wait, rule->auth_cooldown_nsecs);
	if (r->event == HEALTH_RATE_LIMIT && named > 0)
		return named;
	for (uint32_t i = 0; i < row->trips; i++) {
		if (wait >= rule->max_cooldown_nsecs / 2) {
			wait = max_nsecs(wait, rule->max_cooldown_nsecs);
			break;
		}
		wait *= 2;
	}
	return max_nsecs(wait, named);
}

static void
open_breaker(struct health_row *row, const struct breaker_rule *rule,
    const struct health_report *r, enum breaker_cause cause)
{
	int64_t until = later(r->now_nsecs, open_nsecs(row, rule, r));

	move(row, BREAKER_OPEN);
	row->open_until_nsecs = until;
	row->opened_nsecs = r->now_nsecs;
	row->cause = cause;
	if (row->trips < UINT32_MAX)
		row->trips++;
}

static void
count_run(struct health_row *row, enum health_event event)
{
	if (row->consecutive == UINT32_MAX)
		return;
	row->runs[event]++;
	row->consecutive++;
}

static void
report_closed(struct health_row *row, const struct breaker_rule *rule,
    const struct health_report *r)
{
	enum breaker_cause cause;

	if (r->event == HEALTH_SUCCESS)
		forgive(row);
	if (!speaks_against(rule, r))
		return;
	count_run(row, r->event);
	if (rule->cooldown_nsecs <= 0)
		return;
	cause = cause_to_open(row, rule, r);
	if (cause != CAUSE_NONE)
		open_breaker(row, rule, r, cause);
}

/*
 * A call that was under way when it opened. It says nothing new, unless it
 * names a longer time to stay away.
 */
static void
report_open(struct health_row *row, const struct breaker_rule *rule,
    const struct health_report *r)
{
	int64_t named = 0;

	if (row->forced != 0 || !speaks_against(rule, r))
		return;
	count_run(row, r->event);
	if (r->event == HEALTH_AUTH && r->status != 403)
		named = rule->auth_cooldown_nsecs;
	else if (r->retry_after_nsecs > 0)
		named = min_nsecs(r->retry_after_nsecs,
		    BREAKER_MAX_RETRY_AFTER_NSECS);
	if (named == 0 || later(r->now_nsecs, named) <= row->open_until_nsecs)
		return;
	row->open_until_nsecs = later(r->now_nsecs, named);
	if (r->event == HEALTH_AUTH)
		row->cause = CAUSE_AUTH;
	else if (r->event == HEALTH_RATE_LIMIT)
		row->cause = CAUSE_RATE_LIMIT;
}

/* Only the ticket's holder is heard. */
static void
report_half_open(struct health_row *row, const struct breaker_rule *rule,
    const struct health_report *r)
{
	enum breaker_cause cause = CAUSE_PROBE;

	if (r->probe_owner == 0 || r->probe_owner != row->probe_owner)
		return;
	if (r->event == HEALTH_SUCCESS) {
		move(row, BREAKER_CLOSED);
		forgive(row);
		forget_minutes(row);
		row->closed_nsecs = r->now_nsecs;
		return;
	}
	if (!speaks_against(rule, r)) {
		breaker_release(row, r->probe_owner);
		return;
	}
	count_run(row, r->event);
	if (r->event == HEALTH_RATE_LIMIT)
		cause = CAUSE_RATE_LIMIT;
	else if (r->event == HEALTH_AUTH)
		cause = CAUSE_AUTH;
	open_breaker(row, rule, r, cause);
}

bool
breaker_report(struct health_row *row, const struct breaker_rule *rule,
    const struct health_report *r)
{
	enum breaker_state before = row->state;

	if ((unsigned)r->event >= HEALTH_EVENT_COUNT)
		return false;
	roll_minute(row, r->now_nsecs);
	count_minute(row, rule, r->event);
	note_probe(row, r);
	note_outcome(row, r);
	note_latency(row, rule, r);
	if (before != BREAKER_CLOSED && is_switched_off(row, rule)) {
		move(row, BREAKER_CLOSED);
		forgive(row);
		return true;
	}
	switch (before) {
	case BREAKER_CLOSED:
		report_closed(row, rule, r);
		break;
	case BREAKER_OPEN:
		report_open(row, rule, r);
		break;
	case BREAKER_HALF_OPEN:
		report_half_open(row, rule, r);
		break;
	}
	return row->state != before;
}

/* ---- by hand ------------------------------------------------------------ */

void
breaker_trip(struct health_row *row, int64_t now, int64_t nsecs)
{
	move(row, BREAKER_OPEN);
	row->open_until_nsecs = nsecs > 0 ? later(now, nsecs) : BREAKER_FOREVER;
	row->opened_nsecs = now;
	row->forced = 1;
	row->cause = CAUSE_HAND;
}

void
breaker_reset(struct health_row *row)
{
	move(row, BREAKER_CLOSED);
	forgive(row);
	forget_minutes(row);
	row->closed_nsecs = 0; /* a person said it is well: no slow return */
}

bool
breaker_hasten(struct health_row *row, int64_t now)
{
	if (row->state != BREAKER_OPEN || row->forced != 0)
		return false;
	row->open_until_nsecs = min_nsecs(row->open_until_nsecs, now);
	return true;
}

/* ---- in words ----------------------------------------------------------- */

static void
describe_last(const struct health_row *row, char *out, size_t size)
{
	if (row->last_status != 0)
		snprintf(out, size, "%u", row->last_status);
	else
		snprintf(out, size, "%s",
		    health_event_name((enum health_event)row->last_event));
}

static void
describe_open(const struct health_row *row, int64_t now,
    char out[BREAKER_TEXT_BYTES])
{
	const size_t size = BREAKER_TEXT_BYTES;
	long long secs =
	    (long long)((row->open_until_nsecs - now + NSECS_PER_SEC - 1) /
			NSECS_PER_SEC);
	const char *s = row->consecutive == 1 ? "" : "s";
	char last[24];

	describe_last(row, last, sizeof(last));
	if (row->open_until_nsecs == BREAKER_FOREVER) {
		snprintf(out, size, "tripped by hand, until it is reset");
		return;
	}
	switch ((enum breaker_cause)row->cause) {
	case CAUSE_HAND:
		snprintf(out, size, "tripped by hand, for %lld s", secs);
		return;
	case CAUSE_RATE_LIMIT:
		snprintf(out, size, "open for %lld s: rate limited (%s)", secs,
		    last);
		return;
	case CAUSE_AUTH:
		snprintf(out, size,
		    "open for %lld s: our credentials were refused (%s)", secs,
		    last);
		return;
	case CAUSE_ERROR_RATE:
		snprintf(out, size,
		    "open for %lld s: too many calls failed (last: %s)", secs,
		    last);
		return;
	case CAUSE_PROBE:
		snprintf(out, size,
		    "open for %lld s: its probe failed, %u failure%s in a row "
		    "(last: %s)",
		    secs, row->consecutive, s, last);
		return;
	case CAUSE_NONE:
	case CAUSE_FAILURES:
		break;
	}
	snprintf(out, size, "open for %lld s after %u failure%s (last: %s)",
	    secs, row->consecutive, s, last);
}

void
breaker_describe(const struct health_row *row, int64_t now,
    char out[BREAKER_TEXT_BYTES])
{
	char last[24];

	if (row->state == BREAKER_OPEN &&
	    breaker_ask(row, now) == BREAKER_DENY) {
		describe_open(row, now, out);
		return;
	}
	if (row->state == BREAKER_HALF_OPEN && ticket_is_live(row, now)) {
		snprintf(out, BREAKER_TEXT_BYTES,
		    "half-open, its one probe is under way");
		return;
	}
	if (row->state == BREAKER_CLOSED && row->consecutive == 0) {
		snprintf(out, BREAKER_TEXT_BYTES, "closed");
		return;
	}
	if (row->consecutive == 0) {
		snprintf(out, BREAKER_TEXT_BYTES, "waits for its probe");
		return;
	}
	describe_last(row, last, sizeof(last));
	snprintf(out, BREAKER_TEXT_BYTES, "%s, %u failure%s (last: %s)",
	    row->state == BREAKER_CLOSED ? "closed" : "waits for its probe",
	    row->consecutive, row->consecutive == 1 ? "" : "s", last);
}
