/* The breaker as tables of events in time, and as a random walk. */
#include "unit.h"

#include "base/clock.h"
#include "domain/routing/breaker.h"

#define MSECS(n) ((int64_t)(n)*NSECS_PER_MSEC)
#define START    MSECS(INT64_C(1700000000000) / 60000 * 60000)
#define ME       7
#define OTHER    8

/* Four failures in a row, or half of at least eight calls. */
static const struct breaker_rule RULE = {
	.cooldown_nsecs = MSECS(5000),
	.max_cooldown_nsecs = MSECS(60000),
	.auth_cooldown_nsecs = MSECS(300000),
	.consecutive_limit = 4,
	.rate_percent = 50,
	.rate_min_calls = 8,
	.probe_nsecs = MSECS(30000),
	.ramp_nsecs = MSECS(5000),
};

/* What is done in a step of a script. */
enum act {
	END,
	OK,      /* reports of calls that hold no ticket */
	GONE,    /* client left */
	CALLER,  /* 400 */
	FAIL,    /* 503 */
	SLOW,    /* timeout */
	LIMITED, /* 429, retry = Retry-After */
	AUTH,    /* 401 */
	DENIED,  /* 403 */
	ABSENT,  /* 404 */
	BUSY,    /* 503 with Retry-After */
	ENTER,   /* by ME; retry: the answer wanted */
	P_OK,    /* reports of the probe by ME */
	P_GONE,
	P_CALLER,
	P_FAIL,
	P_LIMITED,
	P_AUTH,
	TRIP,  /* by hand, retry = how long */
	RESET, /* by hand */
	HASTEN,
	DEAD, /* the keeper found ME dead */
};

#define C BREAKER_CLOSED
#define O BREAKER_OPEN
#define H BREAKER_HALF_OPEN

struct step {
	int64_t at_msecs;
	enum act act;
	int64_t retry_msecs;      /* see enum act */
	enum breaker_state state; /* afterwards */
	int64_t wait_msecs;       /* breaker_wait afterwards */
};

static const struct {
	enum act act;
	enum health_event event;
	uint32_t status;
} reports[] = {
	{ OK, HEALTH_SUCCESS, 200 },
	{ GONE, HEALTH_NEUTRAL, 0 },
	{ CALLER, HEALTH_CALLER, 400 },
	{ FAIL, HEALTH_FAILURE, 503 },
	{ SLOW, HEALTH_TIMEOUT, 0 },
	{ LIMITED, HEALTH_RATE_LIMIT, 429 },
	{ AUTH, HEALTH_AUTH, 401 },
	{ DENIED, HEALTH_AUTH, 403 },
	{ ABSENT, HEALTH_NOT_FOUND, 404 },
	{ BUSY, HEALTH_FAILURE, 503 },
	{ P_OK, HEALTH_SUCCESS, 200 },
	{ P_GONE, HEALTH_NEUTRAL, 0 },
	{ P_CALLER, HEALTH_CALLER, 400 },
	{ P_FAIL, HEALTH_FAILURE, 500 },
	{ P_LIMITED, HEALTH_RATE_LIMIT, 429 },
	{ P_AUTH, HEALTH_AUTH, 401 },
};

static bool
report(struct health_row *row, const struct breaker_rule *rule,
    const struct step *s)
{
	for (size_t i = 0; i < ARRAY_LEN(reports); i++) {
		struct health_report r = {
			.event = reports[i].event,
			.status = reports[i].status,
			.retry_after_nsecs = MSECS(s->retry_msecs),
			.probe_owner = s->act >= P_OK ? ME : 0,
			.now_nsecs = START + MSECS(s->at_msecs),
		};

		if (reports[i].act == s->act)
			return breaker_report(row, rule, &r);
	}
	fail_msg("no such report");
	return false;
}

/* Runs a script; the number of the step stands in failures. */
static void
run(const struct breaker_rule *rule, const struct step *steps)
{
	struct health_row row;

	health_row_init(&row);
	for (size_t i = 0; steps[i].act != END; i++) {
		const struct step *s = &steps[i];
		int64_t now = START + MSECS(s->at_msecs);
		uint32_t before = row.state;
		bool changed;

		switch (s->act) {
		case ENTER:
			assert_int_equal(breaker_enter(&row, rule, ME, now),
			    s->retry_msecs);
			break;
		case TRIP:
			breaker_trip(&row, now, MSECS(s->retry_msecs));
			break;
		case RESET:
			breaker_reset(&row);
			break;
		case HASTEN:
			breaker_hasten(&row, now);
			break;
		case DEAD:
			assert_true(breaker_release(&row, ME));
			break;
		default:
			changed = report(&row, rule, s);
			assert_int_equal(changed, before != row.state);
		}
		if (row.state != s->state)
			fail_msg("step %zu: %s, want %s", i,
			    breaker_state_name(row.state),
			    breaker_state_name(s->state));
		if (breaker_wait_nsecs(&row, now) != MSECS(s->wait_msecs))
			fail_msg("step %zu: waits %lld ms, want %lld", i,
			    (long long)(breaker_wait_nsecs(&row, now) /
					NSECS_PER_MSEC),
			    (long long)s->wait_msecs);
	}
}

#define THREE_FAILURES                                                         \
	{ 0, FAIL, 0, C, 0 }, { 0, FAIL, 0, C, 0 },                            \
	{                                                                      \
		0, FAIL, 0, C, 0                                               \
	}
#define SCRIPT(rule, ...)                                                      \
	do {                                                                   \
		static const struct step steps[] = { __VA_ARGS__, { 0 } };     \
		run(rule, steps);                                              \
	} while (0)

static void
test_opens_after_failures_in_a_row(void **state)
{
	(void)state;
	SCRIPT(&RULE, { 0, FAIL, 0, C, 0 }, { 1, SLOW, 0, C, 0 },
	    { 2, FAIL, 0, C, 0 }, { 3, FAIL, 0, O, 5000 },
	    { 4, ENTER, BREAKER_DENY, O, 4999 },
	    { 5002, ENTER, BREAKER_DENY, O, 1 });
}

static void
test_a_success_between_starts_the_count_again(void **state)
{
	struct breaker_rule rule = RULE;

	(void)state;
	rule.rate_percent = 0;
	SCRIPT(&rule, { 0, FAIL, 0, C, 0 }, { 1, FAIL, 0, C, 0 },
	    { 2, FAIL, 0, C, 0 }, { 3, OK, 0, C, 0 }, { 4, OK, 0, C, 0 },
	    { 5, OK, 0, C, 0 }, { 6, OK, 0, C, 0 }, { 7, FAIL, 0, C, 0 },
	    { 8, FAIL, 0, C, 0 }, { 9, FAIL, 0, C, 0 },
	    { 10, FAIL, 0, O, 5000 });
}

static void
test_callers_faults_and_lost_clients_never_count(void **state)
{
	struct health_row row;

	(void)state;
	health_row_init(&row);
	for (int i = 0; i < 1000; i++) {
		const struct step caller = { i, CALLER, 0, C, 0 };
		const struct step gone = { i, GONE, 0, C, 0 };

		assert_false(report(&row, &RULE, &caller));
		assert_false(report(&row, &RULE, &gone));
	}
	assert_int_equal(row.consecutive, 0);
	assert_int_equal(row.minute_calls, 0);
	assert_int_equal(breaker_ask(&row, START), BREAKER_ALLOW);
	/* Nor do they hide a run of failures, as a success would. */
	SCRIPT(&RULE, { 0, FAIL, 0, C, 0 }, { 1, FAIL, 0, C, 0 },
	    { 2, CALLER, 0, C, 0 }, { 3, FAIL, 0, C, 0 }, { 4, GONE, 0, C, 0 },
	    { 5, FAIL, 0, O, 5000 });
}

static void
test_the_probe_closes_it(void **state)
{
	(void)state;
	SCRIPT(&RULE, THREE_FAILURES, { 0, FAIL, 0, O, 5000 },
	    { 5000, ENTER, BREAKER_PROBE, H, 1000 },
	    { 5001, ENTER, BREAKER_DENY, H, 1000 }, { 6000, P_OK, 0, C, 0 },
	    /* what was counted before is forgotten */
	    { 6001, FAIL, 0, C, 0 }, { 6002, FAIL, 0, C, 0 },
	    { 6003, FAIL, 0, C, 0 }, { 6004, FAIL, 0, O, 5000 });
}

static void
test_a_failed_probe_doubles_the_time_up_to_the_bound(void **state)
{
	(void)state;
	SCRIPT(&RULE, THREE_FAILURES, { 0, FAIL, 0, O, 5000 },
	    { 5000, ENTER, BREAKER_PROBE, H, 1000 },
	    { 6000, P_FAIL, 0, O, 10000 },
	    { 16000, ENTER, BREAKER_PROBE, H, 1000 },
	    { 16000, P_FAIL, 0, O, 20000 },
	    { 36000, ENTER, BREAKER_PROBE, H, 1000 },
	    { 36000, P_FAIL, 0, O, 40000 },
	    { 76000, ENTER, BREAKER_PROBE, H, 1000 },
	    { 76000, P_FAIL, 0, O, 60000 },
	    { 136000, ENTER, BREAKER_PROBE, H, 1000 },
	    { 136000, P_FAIL, 0, O, 60000 },
	    { 196000, ENTER, BREAKER_PROBE, H, 1000 },
	    /* after a success it starts at the bottom again */
	    { 196000, P_OK, 0, C, 0 }, { 196001, FAIL, 0, C, 0 },
	    { 196002, FAIL, 0, C, 0 }, { 196003, FAIL, 0, C, 0 },
	    { 196004, FAIL, 0, O, 5000 });
}

static void
test_a_neutral_end_frees_the_probe(void **state)
{
	(void)state;
	SCRIPT(&RULE, { 0, LIMITED, 2000, O, 2000 },
	    { 2000, ENTER, BREAKER_PROBE, H, 1000 },
	    { 2001, ENTER, BREAKER_DENY, H, 1000 }, { 2500, P_GONE, 0, H, 0 },
	    { 2500, ENTER, BREAKER_PROBE, H, 1000 },
	    { 2600, P_CALLER, 0, H, 0 },
	    { 2600, ENTER, BREAKER_PROBE, H, 1000 }, { 2700, P_OK, 0, C, 0 });
}

static void
test_a_dead_prober_frees_its_ticket(void **state)
{
	(void)state;
	/* by its deadline */
	SCRIPT(&RULE, { 0, LIMITED, 2000, O, 2000 },
	    { 2000, ENTER, BREAKER_PROBE, H, 1000 },
	    { 31500, ENTER, BREAKER_DENY, H, 500 },
	    { 31999, ENTER, BREAKER_DENY, H, 1 },
	    { 32000, ENTER, BREAKER_PROBE, H, 1000 },
	    { 32001, ENTER, BREAKER_DENY, H, 1000 });
	/* by the keeper */
	SCRIPT(&RULE, { 0, LIMITED, 2000, O, 2000 },
	    { 2000, ENTER, BREAKER_PROBE, H, 1000 }, { 2100, DEAD, 0, H, 0 },
	    { 2100, ENTER, BREAKER_PROBE, H, 1000 });
}

static void
test_only_the_tickets_holder_is_heard(void **state)
{
	struct health_row row;
	struct health_report r = { .event = HEALTH_SUCCESS,
		.probe_owner = OTHER,
		.now_nsecs = START + 1 };

	(void)state;
	SCRIPT(&RULE, { 0, LIMITED, 2000, O, 2000 },
	    { 2000, ENTER, BREAKER_PROBE, H, 1000 },
	    /* calls sent before it opened */
	    { 2001, OK, 0, H, 1000 }, { 2002, FAIL, 0, H, 1000 },
	    { 2003, LIMITED, 90000, H, 1000 }, { 2004, P_OK, 0, C, 0 });
	health_row_init(&row);
	breaker_trip(&row, START - 1, 1);
	assert_int_equal(breaker_enter(&row, &RULE, ME, START), BREAKER_PROBE);
	assert_false(breaker_report(&row, &RULE, &r));
	assert_false(breaker_release(&row, OTHER));
	assert_false(breaker_release(&row, 0));
	assert_int_equal(breaker_ask(&row, START + 1), BREAKER_DENY);
}

static void
test_late_reports_do_not_move_an_open_breaker(void **state)
{
	(void)state;
	SCRIPT(&RULE, THREE_FAILURES, { 0, FAIL, 0, O, 5000 },
	    { 1000, OK, 0, O, 4000 }, { 1000, FAIL, 0, O, 4000 },
	    { 1000, P_OK, 0, O, 4000 }, { 1000, P_FAIL, 0, O, 4000 },
	    /* a shorter word never shortens, a longer one lengthens */
	    { 2000, LIMITED, 1000, O, 3000 },
	    { 2000, LIMITED, 20000, O, 20000 }, { 3000, BUSY, 30000, O, 30000 },
	    { 4000, FAIL, 0, O, 29000 }, { 5000, AUTH, 0, O, 300000 },
	    { 6000, LIMITED, 10000, O, 299000 });
}

static void
test_429_opens_at_once_for_as_long_as_the_provider_says(void **state)
{
	(void)state;
	SCRIPT(&RULE, { 0, LIMITED, 20000, O, 20000 });
	SCRIPT(&RULE, { 0, LIMITED, 500, O, 500 });
	SCRIPT(&RULE, { 0, LIMITED, 0, O, 5000 });
	/* bounded: an hour */
	SCRIPT(&RULE, { 0, LIMITED, 86400000, O, 3600000 });
	SCRIPT(&RULE, { 0, LIMITED, 2000, O, 2000 },
	    { 2000, ENTER, BREAKER_PROBE, H, 1000 },
	    { 2000, P_LIMITED, 7000, O, 7000 },
	    { 9000, ENTER, BREAKER_PROBE, H, 1000 },
	    { 9000, P_LIMITED, 0, O, 20000 });
}

static void
test_retry_after_of_a_5xx_is_a_floor(void **state)
{
	(void)state;
	SCRIPT(&RULE, THREE_FAILURES, { 0, BUSY, 1000, O, 5000 });
	SCRIPT(&RULE, THREE_FAILURES, { 0, BUSY, 45000, O, 45000 });
}

static void
test_401_opens_at_once_and_long_403_and_404_in_a_row(void **state)
{
	(void)state;
	SCRIPT(&RULE, { 0, AUTH, 0, O, 300000 },
	    { 300000, ENTER, BREAKER_PROBE, H, 1000 },
	    { 300000, P_AUTH, 0, O, 300000 },
	    /* a new configuration has come: the next request probes */
	    { 400000, HASTEN, 0, O, 0 },
	    { 400000, ENTER, BREAKER_PROBE, H, 1000 },
	    { 400000, P_OK, 0, C, 0 });
	/* One client can provoke those: it takes a run without a success. */
	SCRIPT(&RULE, { 0, DENIED, 0, C, 0 }, { 0, DENIED, 0, C, 0 },
	    { 0, DENIED, 0, C, 0 }, { 0, DENIED, 0, O, 300000 });
	SCRIPT(&RULE, { 0, ABSENT, 0, C, 0 }, { 0, ABSENT, 0, C, 0 },
	    { 0, ABSENT, 0, C, 0 }, { 0, ABSENT, 0, O, 5000 });
	SCRIPT(&RULE, { 0, ABSENT, 0, C, 0 }, { 0, ABSENT, 0, C, 0 },
	    { 0, ABSENT, 0, C, 0 }, { 0, OK, 0, C, 0 }, { 0, ABSENT, 0, C, 0 });
}

static void
test_an_only_member_is_spared_429(void **state)
{
	struct breaker_rule rule = RULE;

	(void)state;
	rule.only_member = true;
	SCRIPT(&rule, { 0, LIMITED, 9000, C, 0 }, { 0, LIMITED, 0, C, 0 },
	    { 0, LIMITED, 0, C, 0 }, { 0, LIMITED, 0, C, 0 },
	    { 0, LIMITED, 0, C, 0 }, THREE_FAILURES, { 0, FAIL, 0, O, 5000 },
	    /* 429 shows that it lives, not that it is well */
	    { 5000, ENTER, BREAKER_PROBE, H, 1000 },
	    { 5001, P_LIMITED, 0, H, 0 },
	    { 5001, ENTER, BREAKER_PROBE, H, 1000 }, { 5002, P_OK, 0, C, 0 });
}

static void
test_a_wildcard_is_not_shut_by_one_of_its_models(void **state)
{
	struct breaker_rule rule = RULE;

	(void)state;
	rule.many_models = true;
	for (int i = 0; i < 20; i++)
		SCRIPT(&rule, { 0, ABSENT, 0, C, 0 }, { 0, ABSENT, 0, C, 0 },
		    { 0, DENIED, 0, C, 0 }, { 0, DENIED, 0, C, 0 },
		    { 0, LIMITED, 60000, C, 0 }, { 0, LIMITED, 60000, C, 0 },
		    THREE_FAILURES, { 0, FAIL, 0, O, 5000 });
	SCRIPT(&rule, { 0, AUTH, 0, O, 300000 });
}

static void
test_a_class_with_its_own_limit_is_counted_by_itself(void **state)
{
	struct breaker_rule rule = RULE;

	(void)state;
	rule.own_limits[HEALTH_TIMEOUT] = 6;
	rule.own_limits[HEALTH_RATE_LIMIT] = 2;
	rule.own_limits[HEALTH_AUTH] = 2;
	SCRIPT(&rule, { 0, SLOW, 0, C, 0 }, { 0, SLOW, 0, C, 0 },
	    { 0, SLOW, 0, C, 0 }, { 0, SLOW, 0, C, 0 }, THREE_FAILURES,
	    { 0, SLOW, 0, C, 0 }, { 0, SLOW, 0, O, 5000 });
	SCRIPT(&rule, { 0, SLOW, 0, C, 0 }, { 0, SLOW, 0, C, 0 },
	    THREE_FAILURES, { 0, FAIL, 0, O, 5000 });
	SCRIPT(&rule, { 0, LIMITED, 9000, C, 0 }, { 0, FAIL, 0, C, 0 },
	    { 0, LIMITED, 9000, O, 9000 });
	SCRIPT(&rule, { 0, AUTH, 0, C, 0 }, { 0, AUTH, 0, O, 300000 });
	/* With an own limit an only member's 429s count as well. */
	rule.only_member = true;
	SCRIPT(&rule, { 0, LIMITED, 9000, C, 0 },
	    { 0, LIMITED, 9000, O, 9000 });
}

static void
test_error_rate_needs_volume_and_more_than_the_share(void **state)
{
	struct breaker_rule rule = RULE;

	(void)state;
	/* 1 of 2 failing is not above 50 %, 5 of 9 is. */
	SCRIPT(&RULE, { 0, FAIL, 0, C, 0 }, { 0, OK, 0, C, 0 },
	    { 0, FAIL, 0, C, 0 }, { 0, OK, 0, C, 0 }, { 0, FAIL, 0, C, 0 },
	    { 0, OK, 0, C, 0 }, { 0, FAIL, 0, C, 0 }, { 0, OK, 0, C, 0 },
	    { 0, FAIL, 0, O, 5000 });
	/* 3 of 4 is, but four calls are too few. */
	SCRIPT(&RULE, { 0, FAIL, 0, C, 0 }, { 0, FAIL, 0, C, 0 },
	    { 0, OK, 0, C, 0 }, { 0, FAIL, 0, C, 0 }, { 0, FAIL, 0, C, 0 },
	    { 0, OK, 0, C, 0 }, { 0, FAIL, 0, C, 0 }, { 0, FAIL, 0, O, 5000 });
	rule.rate_percent = 0;
	SCRIPT(&rule, { 0, FAIL, 0, C, 0 }, { 0, FAIL, 0, C, 0 },
	    { 0, OK, 0, C, 0 }, { 0, FAIL, 0, C, 0 }, { 0, FAIL, 0, C, 0 },
	    { 0, OK, 0, C, 0 }, { 0, FAIL, 0, C, 0 }, { 0, FAIL, 0, C, 0 });
}

static void
test_error_rate_looks_back_a_minute(void **state)
{
	struct health_row row;

	(void)state;
	health_row_init(&row);
	/* 20 successes in the first minute ... */
	for (int i = 0; i < 20; i++) {
		const struct step ok = { 30000, OK, 0, C, 0 };

		assert_false(report(&row, &RULE, &ok));
	}
	/* ... weigh a half at the middle of the next: 11 of 21 opens it ... */
	for (int i = 0; i < 11; i++) {
		const struct step failure = { 90000, FAIL, 0, C, 0 };

		row.consecutive = 0;
		memset(row.runs, 0, sizeof(row.runs));
		assert_int_equal(report(&row, &RULE, &failure), i == 10);
	}
	/* ... and nothing after two minutes. */
	health_row_init(&row);
	for (int i = 0; i < 20; i++) {
		const struct step ok = { 30000, OK, 0, C, 0 };

		assert_false(report(&row, &RULE, &ok));
	}
	for (int i = 0; i < 8; i++) {
		const struct step failure = { 130000, FAIL, 0, C, 0 };

		row.consecutive = 0;
		memset(row.runs, 0, sizeof(row.runs));
		assert_int_equal(report(&row, &RULE, &failure), i == 7);
	}
}

static void
test_a_clock_a_little_behind_counts_into_the_newer_minute(void **state)
{
	static const struct step steps[] = { { 60001, OK, 0, C, 0 },
		{ 59999, FAIL, 0, C, 0 }, { 60002, FAIL, 0, C, 0 } };
	struct health_row row;

	(void)state;
	health_row_init(&row);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		assert_false(report(&row, &RULE, &steps[i]));
	assert_int_equal(row.minute_calls, 3);
	assert_int_equal(row.minute_failures, 2);
}

static void
test_tripped_by_hand_stays_until_its_time_or_reset(void **state)
{
	(void)state;
	SCRIPT(&RULE, { 0, TRIP, 60000, O, 60000 }, { 1000, OK, 0, O, 59000 },
	    { 1000, AUTH, 0, O, 59000 }, { 1000, P_OK, 0, O, 59000 },
	    { 1000, HASTEN, 0, O, 59000 },
	    { 60000, ENTER, BREAKER_PROBE, H, 1000 }, { 60001, P_OK, 0, C, 0 });
}

static void
test_tripped_by_hand_without_an_end(void **state)
{
	struct health_row row;
	char text[BREAKER_TEXT_BYTES];

	(void)state;
	health_row_init(&row);
	breaker_trip(&row, START, 0);
	assert_int_equal(breaker_ask(&row, INT64_MAX - 1), BREAKER_DENY);
	assert_int_equal(breaker_wait_nsecs(&row, START), BREAKER_FOREVER);
	breaker_describe(&row, START, text);
	assert_string_equal(text, "tripped by hand, until it is reset");
	breaker_reset(&row);
	assert_int_equal(breaker_ask(&row, START), BREAKER_ALLOW);
	assert_int_equal(row.forced, 0);
	/* A person said it is well: all traffic at once. */
	assert_true(breaker_share(&row, &RULE, START + 1) >= 1);
}

static void
test_switched_off_it_neither_opens_nor_stays_open(void **state)
{
	struct breaker_rule off = RULE;
	struct health_row row;

	(void)state;
	off.cooldown_nsecs = 0;
	SCRIPT(&off, THREE_FAILURES, { 0, FAIL, 0, C, 0 }, { 0, FAIL, 0, C, 0 },
	    { 0, LIMITED, 9000, C, 0 }, { 0, AUTH, 0, C, 0 },
	    /* by hand still works */
	    { 0, TRIP, 60000, O, 60000 }, { 1, ENTER, BREAKER_DENY, O, 59999 },
	    { 1, RESET, 0, C, 0 });
	/* Left open by an earlier configuration. */
	health_row_init(&row);
	row.state = BREAKER_OPEN;
	row.open_until_nsecs = START + MSECS(100000);
	row.opened_nsecs = START;
	assert_int_equal(breaker_enter(&row, &off, ME, START + 1),
	    BREAKER_ALLOW);
	assert_int_equal(row.state, BREAKER_CLOSED);
}
static void
test_traffic_returns_slowly_after_closing(void **state)
{
	struct health_row row;
	struct health_report ok = { .event = HEALTH_SUCCESS,
		.probe_owner = ME,
		.now_nsecs = START };

	(void)state;
	health_row_init(&row);
	assert_true(breaker_share(&row, &RULE, START) >= 1);
	breaker_trip(&row, START - 2, 1);
	assert_int_equal(breaker_enter(&row, &RULE, ME, START - 1),
	    BREAKER_PROBE);
	assert_true(breaker_report(&row, &RULE, &ok));
	assert_in_range(breaker_share(&row, &RULE, START) * 1000, 99, 101);
	assert_in_range(breaker_share(&row, &RULE, START + MSECS(2500)) * 1000,
	    549, 551);
	assert_true(breaker_share(&row, &RULE, START + MSECS(5000)) >= 1);
	assert_true(breaker_share(&row, &RULE, START - MSECS(5000)) >= 1);
}

static void
test_a_clock_set_back_does_not_shut_a_deployment_for_days(void **state)
{
	const int64_t day = MSECS(86400000);
	struct health_row row;

	(void)state;
	health_row_init(&row);
	row.state = BREAKER_OPEN;
	row.opened_nsecs = START + day;
	row.open_until_nsecs = START + day + MSECS(5000);
	/* A little ahead is another process's clock, not a reason. */
	assert_int_equal(breaker_ask(&row, START + day - MSECS(50)),
	    BREAKER_DENY);
	assert_int_equal(breaker_enter(&row, &RULE, ME, START), BREAKER_PROBE);
	assert_int_equal(breaker_enter(&row, &RULE, OTHER, START + 1),
	    BREAKER_DENY);
	assert_int_equal(breaker_ask(&row, START + RULE.probe_nsecs),
	    BREAKER_PROBE);
}

static void
test_latencies_are_averaged(void **state)
{
	struct health_row row;
	struct health_report r = { .event = HEALTH_SUCCESS,
		.latency_nsecs = MSECS(2000),
		.ttft_nsecs = MSECS(200),
		.output_tokens = 100,
		.now_nsecs = START };

	(void)state;
	health_row_init(&row);
	breaker_report(&row, &RULE, &r);
	assert_int_equal(row.latency_micros, 2000000);
	assert_int_equal(row.ttft_micros, 200000);
	assert_int_equal(row.per_token_nanos, MSECS(20));
	r.latency_nsecs = MSECS(1000);
	r.ttft_nsecs = 0; /* not a stream: says nothing about it */
	breaker_report(&row, &RULE, &r);
	assert_int_equal(row.latency_micros, 1800000);
	assert_int_equal(row.ttft_micros, 200000);
	assert_int_equal(row.per_token_nanos, MSECS(18));
	/* A failure that came fast is not a fast answer. */
	r.event = HEALTH_FAILURE;
	r.latency_nsecs = 1;
	breaker_report(&row, &RULE, &r);
	assert_int_equal(row.latency_micros, 1800000);
	/* A timeout weighs with the time it took. */
	r.event = HEALTH_TIMEOUT;
	r.latency_nsecs = MSECS(30200);
	breaker_report(&row, &RULE, &r);
	assert_int_equal(row.ttft_micros, 6200000);
	assert_true(row.per_token_nanos > MSECS(6000));
}

static void
test_statistics_and_the_last_error(void **state)
{
	struct health_row row;
	struct health_report r = { .event = HEALTH_FAILURE,
		.status = 500,
		.error = "line one\r\nline two\x01",
		.now_nsecs = START };

	(void)state;
	health_row_init(&row);
	breaker_report(&row, &RULE, &r);
	assert_string_equal(row.last_error, "line one  line two ");
	/* 95 bytes fit; the two-byte letter at the cut goes as a whole. */
	r.error =
	    "0123456789012345678901234567890123456789012345678901234567890123"
	    "456789012345678901234567890123\xc3\xa9"
	    "and more";
	r.event = HEALTH_TIMEOUT;
	r.status = 0;
	breaker_report(&row, &RULE, &r);
	assert_int_equal(strlen(row.last_error), 94);
	assert_true(str_utf8_ok(str_of(row.last_error)));
	r.event = HEALTH_SUCCESS;
	r.status = 200;
	r.now_nsecs++;
	breaker_report(&row, &RULE, &r);
	r.event = HEALTH_RATE_LIMIT;
	r.status = 429;
	r.error = NULL;
	breaker_report(&row, &RULE, &r);
	assert_string_equal(row.last_error, "");
	assert_int_equal(row.successes, 1);
	assert_int_equal(row.failures, 1);
	assert_int_equal(row.timeouts, 1);
	assert_int_equal(row.rate_limits, 1);
	assert_int_equal(row.last_success_nsecs, START + 1);
	assert_int_equal(row.last_status, 429);
}

static void
test_in_words(void **state)
{
	static const struct {
		struct step steps[6];
		int64_t at_msecs;
		const char *want;
	} rows[] = {
		{ { { 0 } }, 0, "closed" },
		{ { { 0, FAIL, 0, C, 0 }, { 0 } }, 0,
		    "closed, 1 failure (last: 503)" },
		{ { THREE_FAILURES, { 0, FAIL, 0, O, 0 }, { 0 } }, 1000,
		    "open for 4 s after 4 failures (last: 503)" },
		{ { THREE_FAILURES, { 0, SLOW, 0, O, 0 }, { 0 } }, 4999,
		    "open for 1 s after 4 failures (last: timeout)" },
		{ { THREE_FAILURES, { 0, SLOW, 0, O, 0 }, { 0 } }, 5000,
		    "waits for its probe, 4 failures (last: timeout)" },
		{ { { 0, LIMITED, 20000, O, 0 }, { 0 } }, 0,
		    "open for 20 s: rate limited (429)" },
		{ { { 0, AUTH, 0, O, 0 }, { 0 } }, 0,
		    "open for 300 s: our credentials were refused (401)" },
		{ { { 0, TRIP, 60000, O, 0 }, { 0 } }, 1,
		    "tripped by hand, for 60 s" },
		{ { { 0, LIMITED, 1000, O, 0 },
		      { 1000, ENTER, BREAKER_PROBE, H, 0 }, { 0 } },
		    1001, "half-open, its one probe is under way" },
		{ { { 0, LIMITED, 1000, O, 0 },
		      { 1000, ENTER, BREAKER_PROBE, H, 0 },
		      { 1000, P_FAIL, 0, O, 0 }, { 0 } },
		    1000,
		    "open for 10 s: its probe failed, 2 failures in a row "
		    "(last: 500)" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[BREAKER_TEXT_BYTES];
		struct health_row row;

		health_row_init(&row);
		for (const struct step *s = rows[i].steps; s->act != END; s++) {
			int64_t now = START + MSECS(s->at_msecs);

			if (s->act == ENTER)
				breaker_enter(&row, &RULE, ME, now);
			else if (s->act == TRIP)
				breaker_trip(&row, now, MSECS(s->retry_msecs));
			else
				report(&row, &RULE, s);
		}
		breaker_describe(&row, START + MSECS(rows[i].at_msecs), text);
		assert_string_equal(text, rows[i].want);
	}
}

static void
test_a_foreign_row_is_a_fresh_one(void **state)
{
	struct health_row row, read, fresh;

	(void)state;
	health_row_init(&fresh);
	health_row_init(&row);
	breaker_trip(&row, START, 1);
	assert_true(
	    health_row_read(str_make((const char *)&row, sizeof(row)), &read));
	assert_memory_equal(&read, &row, sizeof(row));
	assert_false(
	    health_row_read(str_make((const char *)&row, sizeof(row) - 8),
		&read));
	assert_memory_equal(&read, &fresh, sizeof(row));
	row.version = 2;
	assert_false(
	    health_row_read(str_make((const char *)&row, sizeof(row)), &read));
	row.version = 1;
	row.state = 3;
	assert_false(
	    health_row_read(str_make((const char *)&row, sizeof(row)), &read));
	row.state = 1;
	memset(row.last_error, 'x', sizeof(row.last_error));
	assert_false(
	    health_row_read(str_make((const char *)&row, sizeof(row)), &read));
	assert_memory_equal(&read, &fresh, sizeof(row));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_opens_after_failures_in_a_row),
		cmocka_unit_test(test_a_success_between_starts_the_count_again),
		cmocka_unit_test(
		    test_callers_faults_and_lost_clients_never_count),
		cmocka_unit_test(test_the_probe_closes_it),
		cmocka_unit_test(
		    test_a_failed_probe_doubles_the_time_up_to_the_bound),
		cmocka_unit_test(test_a_neutral_end_frees_the_probe),
		cmocka_unit_test(test_a_dead_prober_frees_its_ticket),
		cmocka_unit_test(test_only_the_tickets_holder_is_heard),
		cmocka_unit_test(test_late_reports_do_not_move_an_open_breaker),
		cmocka_unit_test(
		    test_429_opens_at_once_for_as_long_as_the_provider_says),
		cmocka_unit_test(test_retry_after_of_a_5xx_is_a_floor),
		cmocka_unit_test(
		    test_401_opens_at_once_and_long_403_and_404_in_a_row),
		cmocka_unit_test(test_an_only_member_is_spared_429),
		cmocka_unit_test(
		    test_a_wildcard_is_not_shut_by_one_of_its_models),
		cmocka_unit_test(
		    test_a_class_with_its_own_limit_is_counted_by_itself),
		cmocka_unit_test(
		    test_error_rate_needs_volume_and_more_than_the_share),
		cmocka_unit_test(test_error_rate_looks_back_a_minute),
		cmocka_unit_test(
		    test_a_clock_a_little_behind_counts_into_the_newer_minute),
		cmocka_unit_test(
		    test_tripped_by_hand_stays_until_its_time_or_reset),
		cmocka_unit_test(test_tripped_by_hand_without_an_end),
		cmocka_unit_test(
		    test_switched_off_it_neither_opens_nor_stays_open),
		cmocka_unit_test(test_traffic_returns_slowly_after_closing),
		cmocka_unit_test(
		    test_a_clock_set_back_does_not_shut_a_deployment_for_days),
		cmocka_unit_test(test_latencies_are_averaged),
		cmocka_unit_test(test_statistics_and_the_last_error),
		cmocka_unit_test(test_in_words),
		cmocka_unit_test(test_a_foreign_row_is_a_fresh_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
