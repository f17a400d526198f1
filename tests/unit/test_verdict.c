/* After an attempt: the table of outcomes and the rules that read it. */
#include "unit.h"

#include "base/clock.h"
#include "domain/routing/verdict.h"

#define SECS(n)  ((int64_t)((n)*1e9))
#define NO_WAIT  0
#define IN_GROUP 1 /* an untried candidate of the same group */
#define GROUPS   2 /* a candidate of a later group */

static void
test_every_status_has_its_class(void **state)
{
	static const struct {
		int from, to;
		enum outcome want;
	} rows[] = {
		{ 0, 0, OUTCOME_MALFORMED },
		{ 101, 199, OUTCOME_MALFORMED },
		{ 200, 299, OUTCOME_OK },
		{ 300, 399, OUTCOME_NOT_FOUND },
		{ 400, 400, OUTCOME_BAD_REQUEST },
		{ 401, 401, OUTCOME_AUTH },
		{ 402, 402, OUTCOME_QUOTA },
		{ 403, 403, OUTCOME_AUTH },
		{ 404, 404, OUTCOME_NOT_FOUND },
		{ 405, 407, OUTCOME_BAD_REQUEST },
		{ 408, 408, OUTCOME_TIMEOUT_TOTAL },
		{ 409, 409, OUTCOME_CONFLICT },
		{ 410, 423, OUTCOME_BAD_REQUEST },
		{ 424, 424, OUTCOME_SERVER_ERROR },
		{ 425, 428, OUTCOME_BAD_REQUEST },
		{ 429, 429, OUTCOME_RATE_LIMIT },
		{ 430, 497, OUTCOME_BAD_REQUEST },
		{ 498, 498, OUTCOME_RATE_LIMIT },
		{ 500, 503, OUTCOME_SERVER_ERROR },
		{ 504, 504, OUTCOME_TIMEOUT_TOTAL },
		{ 505, 528, OUTCOME_SERVER_ERROR },
		{ 529, 529, OUTCOME_OVERLOADED },
		{ 530, 599, OUTCOME_SERVER_ERROR },
		{ 600, 999, OUTCOME_MALFORMED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (int s = rows[i].from; s <= rows[i].to; s++)
			assert_int_equal(outcome_from_status(s), rows[i].want);
	}
}

static void
test_the_table_agrees_with_the_breaker(void **state)
{
	(void)state;
	for (int o = 0; o < OUTCOME_COUNT; o++) {
		const struct outcome_info *info = outcome_info(o);

		assert_true(info->word[0] != '\0');
		/* What may be retried may go to another group too. */
		assert_true(!info->retry || info->fallback);
		/* A client's own fault must not open the breaker. */
		if (info->error == ERR_BAD_REQUEST ||
		    info->error == ERR_CLIENT_GONE)
			assert_true(info->event == HEALTH_CALLER ||
				    info->event == HEALTH_NEUTRAL);
		for (int p = 0; p < o; p++)
			assert_string_not_equal(info->word,
			    outcome_info(p)->word);
	}
}

/* First attempt of a request with two retries and eight attempts in all. */
static struct verdict_input
input(enum outcome outcome, int more)
{
	struct verdict_input in = {
		.outcome = outcome,
		.attempts_made = 1,
		.max_attempts = 8,
		.group_attempts = 1,
		.group_retries = 2,
		.more_in_group = (more & IN_GROUP) != 0,
		.more_groups = (more & GROUPS) != 0,
	};

	return in;
}

static void
test_where_each_outcome_goes(void **state)
{
	/* alone; another in the group; another group; both */
	static const struct {
		enum outcome outcome;
		enum verdict alone, in_group, groups, both;
	} rows[] = {
		{ OUTCOME_OK, VERDICT_DELIVER, VERDICT_DELIVER, VERDICT_DELIVER,
		    VERDICT_DELIVER },
		{ OUTCOME_CONNECT, VERDICT_SAME, VERDICT_NEXT, VERDICT_SAME,
		    VERDICT_NEXT },
		{ OUTCOME_TIMEOUT_CONNECT, VERDICT_SAME, VERDICT_NEXT,
		    VERDICT_SAME, VERDICT_NEXT },
		{ OUTCOME_TIMEOUT_HEAD, VERDICT_SAME, VERDICT_NEXT,
		    VERDICT_SAME, VERDICT_NEXT },
		{ OUTCOME_TIMEOUT_TOTAL, VERDICT_SAME, VERDICT_NEXT,
		    VERDICT_SAME, VERDICT_NEXT },
		{ OUTCOME_STALL, VERDICT_SAME, VERDICT_NEXT, VERDICT_SAME,
		    VERDICT_NEXT },
		{ OUTCOME_CUT, VERDICT_SAME, VERDICT_NEXT, VERDICT_SAME,
		    VERDICT_NEXT },
		{ OUTCOME_MALFORMED, VERDICT_SAME, VERDICT_NEXT, VERDICT_SAME,
		    VERDICT_NEXT },
		{ OUTCOME_SERVER_ERROR, VERDICT_SAME, VERDICT_NEXT,
		    VERDICT_SAME, VERDICT_NEXT },
		{ OUTCOME_OVERLOADED, VERDICT_SAME, VERDICT_NEXT, VERDICT_SAME,
		    VERDICT_NEXT },
		{ OUTCOME_CONFLICT, VERDICT_SAME, VERDICT_NEXT, VERDICT_SAME,
		    VERDICT_NEXT },
		/* Does not wait when there is somewhere else to go. */
		{ OUTCOME_RATE_LIMIT, VERDICT_SAME, VERDICT_NEXT,
		    VERDICT_FALLBACK, VERDICT_NEXT },
		/* Never the same again. */
		{ OUTCOME_QUOTA, VERDICT_FAIL, VERDICT_NEXT, VERDICT_FALLBACK,
		    VERDICT_NEXT },
		{ OUTCOME_AUTH, VERDICT_FAIL, VERDICT_NEXT, VERDICT_FALLBACK,
		    VERDICT_NEXT },
		{ OUTCOME_NOT_FOUND, VERDICT_FAIL, VERDICT_NEXT,
		    VERDICT_FALLBACK, VERDICT_NEXT },
		/* Another group may be larger or milder; a retry is not. */
		{ OUTCOME_TOO_LARGE, VERDICT_FAIL, VERDICT_FAIL,
		    VERDICT_FALLBACK, VERDICT_FALLBACK },
		{ OUTCOME_CONTEXT_LENGTH, VERDICT_FAIL, VERDICT_FAIL,
		    VERDICT_FALLBACK, VERDICT_FALLBACK },
		{ OUTCOME_CONTENT_POLICY, VERDICT_FAIL, VERDICT_FAIL,
		    VERDICT_FALLBACK, VERDICT_FALLBACK },
		/* The request's own fault, or nobody there to answer. */
		{ OUTCOME_BAD_REQUEST, VERDICT_FAIL, VERDICT_FAIL, VERDICT_FAIL,
		    VERDICT_FAIL },
		{ OUTCOME_CLIENT_GONE, VERDICT_FAIL, VERDICT_FAIL, VERDICT_FAIL,
		    VERDICT_FAIL },
		{ OUTCOME_HEDGED, VERDICT_FAIL, VERDICT_FAIL, VERDICT_FAIL,
		    VERDICT_FAIL },
		{ OUTCOME_INTERNAL, VERDICT_FAIL, VERDICT_FAIL, VERDICT_FAIL,
		    VERDICT_FAIL },
	};

	(void)state;
	assert_int_equal(ARRAY_LEN(rows), OUTCOME_COUNT);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const enum verdict want[4] = { rows[i].alone, rows[i].in_group,
			rows[i].groups, rows[i].both };

		for (int more = 0; more < 4; more++) {
			struct verdict_input in = input(rows[i].outcome, more);
			struct verdict_answer a;

			verdict_decide(&in, &a);
			if (a.verdict != want[more])
				fail_msg("%s with %d: %s, want %s",
				    outcome_info(in.outcome)->word, more,
				    verdict_name(a.verdict),
				    verdict_name(want[more]));
			assert_true(
			    (a.wait_nsecs > 0) == (a.verdict == VERDICT_SAME));
		}
	}
}

static void
test_nothing_follows_bytes_at_the_client(void **state)
{
	(void)state;
	for (int o = 0; o < OUTCOME_COUNT; o++) {
		struct verdict_input in = input(o, IN_GROUP | GROUPS);
		struct verdict_answer a;

		in.client_has_bytes = true;
		in.retry_by_policy = true;
		verdict_decide(&in, &a);
		assert_int_equal(a.verdict,
		    o == OUTCOME_OK ? VERDICT_DELIVER : VERDICT_FAIL);
		assert_int_equal(a.wait_nsecs, NO_WAIT);
	}
}

static void
test_one_budget_of_attempts_for_the_whole_request(void **state)
{
	(void)state;
	for (uint32_t made = 1; made <= 10; made++) {
		struct verdict_input in =
		    input(OUTCOME_SERVER_ERROR, IN_GROUP | GROUPS);
		struct verdict_answer a;

		/* Fallback groups start their retries anew, not this. */
		in.attempts_made = made;
		in.group_attempts = 1;
		in.retry_by_policy = true;
		verdict_decide(&in, &a);
		assert_int_equal(a.verdict,
		    made < 8 ? VERDICT_NEXT : VERDICT_FAIL);
		assert_int_equal(a.wait_nsecs, NO_WAIT);
	}
}

static void
test_retries_of_the_group_then_the_next_group(void **state)
{
	static const struct {
		uint32_t attempts, retries;
		int more;
		enum verdict want;
	} rows[] = {
		{ 1, 0, IN_GROUP, VERDICT_FAIL },
		{ 1, 0, IN_GROUP | GROUPS, VERDICT_FALLBACK },
		{ 1, 1, IN_GROUP, VERDICT_NEXT },
		{ 2, 1, IN_GROUP, VERDICT_FAIL },
		{ 2, 2, IN_GROUP, VERDICT_NEXT },
		{ 2, 2, 0, VERDICT_SAME },
		{ 3, 2, 0, VERDICT_FAIL }, /* no sleep before giving up */
		{ 3, 2, GROUPS, VERDICT_FALLBACK },
		{ 4, 2, IN_GROUP | GROUPS, VERDICT_FALLBACK },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct verdict_input in =
		    input(OUTCOME_SERVER_ERROR, rows[i].more);
		struct verdict_answer a;

		in.group_attempts = in.attempts_made = rows[i].attempts;
		in.group_retries = rows[i].retries;
		verdict_decide(&in, &a);
		assert_int_equal(a.verdict, rows[i].want);
		assert_true((a.wait_nsecs > 0) == (a.verdict == VERDICT_SAME));
	}
}

static void
test_waits_before_the_same_deployment(void **state)
{
	static const struct {
		uint32_t attempts;
		double retry_after, least, random, want;
	} rows[] = {
		/* back-off: 0.5 s doubled, at most 8 s */
		{ 1, 0, 0, 0, 0.5 },
		{ 2, 0, 0, 0, 1 },
		{ 3, 0, 0, 0, 2 },
		{ 4, 0, 0, 0, 4 },
		{ 5, 0, 0, 0, 8 },
		{ 6, 0, 0, 0, 8 },
		{ 4000000000u, 0, 0, 0, 8 },
		/* jitter on top */
		{ 1, 0, 0, 0.5, 0.875 },
		{ 6, 0, 0, 0.999999999, 8.75 },
		/* the retry_after setting is the least */
		{ 1, 0, 5, 0, 5 },
		{ 5, 0, 5, 0, 8 },
		{ 1, 0, 30, 0, 8 },
		/* the provider's word, from the latest answer */
		{ 1, 0.1, 0, 0, 0.1 },
		{ 1, 20, 0, 0, 20 },
		{ 3, 20, 5, 0, 20 },
		{ 1, 60, 0, 0, 60 },
		{ 1, 60, 0, 0.5, 60.375 },
		/* too long: not worth a client's while, so back-off */
		{ 1, 60.001, 0, 0, 0.5 },
		{ 1, 3600, 5, 0, 5 },
		{ 1, -1, 0, 0, 0.5 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct verdict_input in = input(OUTCOME_RATE_LIMIT, 0);
		struct verdict_answer a;

		in.group_attempts = rows[i].attempts;
		in.group_retries = UINT32_MAX;
		in.retry_after_nsecs = SECS(rows[i].retry_after);
		in.least_wait_nsecs = SECS(rows[i].least);
		in.random = rows[i].random;
		verdict_decide(&in, &a);
		assert_int_equal(a.verdict, VERDICT_SAME);
		assert_in_range(a.wait_nsecs - SECS(rows[i].want) + 10, 0, 20);
	}
}

static void
test_retry_policy_overrules_the_table(void **state)
{
	static const enum outcome hard[] = { OUTCOME_BAD_REQUEST, OUTCOME_AUTH,
		OUTCOME_QUOTA, OUTCOME_CONTENT_POLICY, OUTCOME_RATE_LIMIT };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(hard); i++) {
		struct verdict_input in = input(hard[i], GROUPS);
		struct verdict_answer a;

		in.retry_by_policy = true;
		verdict_decide(&in, &a);
		assert_int_equal(a.verdict, VERDICT_SAME);
		in.group_retries = 0;
		verdict_decide(&in, &a);
		assert_int_equal(a.verdict, outcome_info(hard[i])->fallback
						? VERDICT_FALLBACK
						: VERDICT_FAIL);
	}
}

static void
test_precedence_of_retry_counts(void **state)
{
	static const struct {
		int64_t policy, deployment, asked, router;
		uint32_t want;
		bool by_policy;
	} rows[] = {
		{ -1, -1, -1, 2, 2, false },
		{ -1, -1, 5, 2, 5, false },
		{ -1, -1, 0, 2, 0, false },
		{ -1, 3, 5, 2, 3, false },
		{ -1, 0, 5, 2, 0, false },
		{ 4, 3, 5, 2, 4, true },
		{ 0, 3, 5, 2, 0, true },
		{ -1, -1, INT64_MAX, 2, 1000, false },
		{ -1, -1, -1, -1, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct config_policy policy = { -1, -1, rows[i].policy, -1, -1,
			-1, -1, -1, -1 };
		struct retry_terms terms = { .policy = &policy,
			.deployment = rows[i].deployment,
			.asked = rows[i].asked,
			.group = rows[i].router,
			.outcome = OUTCOME_STALL };
		bool by_policy;

		assert_int_equal(verdict_retries(&terms, &by_policy),
		    rows[i].want);
		assert_int_equal(by_policy, rows[i].by_policy);
	}
}

static void
test_each_class_reads_its_own_retry_policy(void **state)
{
	static const struct {
		enum outcome outcome;
		uint32_t want; /* 9: the router's */
		int status;
	} rows[] = {
		{ OUTCOME_BAD_REQUEST, 1, 0 },
		{ OUTCOME_AUTH, 2, 0 },
		{ OUTCOME_TIMEOUT_CONNECT, 3, 0 },
		{ OUTCOME_TIMEOUT_HEAD, 3, 0 },
		{ OUTCOME_TIMEOUT_TOTAL, 3, 0 },
		{ OUTCOME_STALL, 3, 0 },
		{ OUTCOME_RATE_LIMIT, 4, 0 },
		{ OUTCOME_QUOTA, 4, 0 },
		{ OUTCOME_CONTENT_POLICY, 5, 0 },
		{ OUTCOME_SERVER_ERROR, 6, 0 },
		{ OUTCOME_SERVER_ERROR, 7, 503 },
		{ OUTCOME_OVERLOADED, 7, 529 },
		{ OUTCOME_CONNECT, 6, 0 },
		{ OUTCOME_CUT, 6, 0 },
		{ OUTCOME_MALFORMED, 6, 0 },
		{ OUTCOME_CONTEXT_LENGTH, 9, 0 },
		{ OUTCOME_NOT_FOUND, 8, 0 },
		{ OUTCOME_CONFLICT, 9, 0 },
	};
	struct config_policy policy = { 1, 2, 3, 4, 5, 6, 7, 8, -1 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct retry_terms terms = { .policy = &policy,
			.deployment = CONFIG_UNSET,
			.asked = CONFIG_UNSET,
			.group = 9,
			.outcome = rows[i].outcome,
			.status = rows[i].status };
		bool by_policy;

		assert_int_equal(verdict_retries(&terms, &by_policy),
		    rows[i].want);
		assert_int_equal(by_policy, rows[i].want != 9);
	}
}

static void
test_retry_policy_has_a_default(void **state)
{
	struct config_policy policy = { -1, -1, -1, -1, -1, 6, -1, -1, 5 };
	struct retry_terms terms = { .policy = &policy,
		.deployment = 1,
		.asked = 2,
		.group = 3,
		.status = 503 };
	bool by_policy;

	(void)state;
	terms.outcome = OUTCOME_SERVER_ERROR;
	assert_int_equal(verdict_retries(&terms, &by_policy), 6);
	assert_true(by_policy);
	/* It names a number; whether to retry is the table's word. */
	terms.outcome = OUTCOME_CONFLICT;
	assert_int_equal(verdict_retries(&terms, &by_policy), 5);
	assert_false(by_policy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_status_has_its_class),
		cmocka_unit_test(test_the_table_agrees_with_the_breaker),
		cmocka_unit_test(test_where_each_outcome_goes),
		cmocka_unit_test(test_nothing_follows_bytes_at_the_client),
		cmocka_unit_test(
		    test_one_budget_of_attempts_for_the_whole_request),
		cmocka_unit_test(test_retries_of_the_group_then_the_next_group),
		cmocka_unit_test(test_waits_before_the_same_deployment),
		cmocka_unit_test(test_retry_policy_overrules_the_table),
		cmocka_unit_test(test_precedence_of_retry_counts),
		cmocka_unit_test(test_each_class_reads_its_own_retry_policy),
		cmocka_unit_test(test_retry_policy_has_a_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
