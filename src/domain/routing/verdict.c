/*
 * After an attempt: deliver, try again, go elsewhere or fail. See verdict.h.
 * The table of outcomes is there; here are the rules that read it. Each call
 * looks at the latest outcome and its Retry-After only, so a later error is
 * judged by itself.
 */
#include "domain/routing/verdict.h"

#include "base/clock.h"

/* Longer ones are no reason to keep a client waiting: back-off is used. */
#define MAX_RETRY_AFTER_NSECS (60 * NSECS_PER_SEC)
#define BACKOFF_NSECS         (NSECS_PER_SEC / 2)
#define MAX_BACKOFF_NSECS     (8 * NSECS_PER_SEC)
#define JITTER_NSECS          (750 * NSECS_PER_MSEC)
/* More than any request may make; keeps sums small. */
#define MAX_RETRIES 1000

/* clang-format off */
#define OUTCOME_ROW(NAME, word, event, retry, fallback, error) \
	[OUTCOME_##NAME] = { word, HEALTH_##event, retry, fallback, ERR_##error },
static const struct outcome_info outcomes[OUTCOME_COUNT] = {
	OUTCOMES(OUTCOME_ROW)
};
#undef OUTCOME_ROW
/* clang-format on */

const struct outcome_info *
outcome_info(enum outcome o)
{
	return &outcomes[(unsigned)o < OUTCOME_COUNT ? o : OUTCOME_INTERNAL];
}

const char *
verdict_name(enum verdict v)
{
	switch (v) {
	case VERDICT_DELIVER:
		return "deliver";
	case VERDICT_NEXT:
		return "next";
	case VERDICT_SAME:
		return "same";
	case VERDICT_FALLBACK:
		return "fallback";
	case VERDICT_FAIL:
		return "fail";
	}
	return "unknown";
}

enum outcome
outcome_from_status(int status)
{
	/* clang-format off */
	static const struct {
		int status;
		enum outcome outcome;
	} rows[] = {
		{ 401, OUTCOME_AUTH },
		{ 402, OUTCOME_QUOTA },	       /* DeepSeek, OpenRouter: no money */
		{ 403, OUTCOME_AUTH },
		{ 404, OUTCOME_NOT_FOUND },
		{ 408, OUTCOME_TIMEOUT_TOTAL },
		{ 409, OUTCOME_CONFLICT },
		{ 424, OUTCOME_SERVER_ERROR }, /* Bedrock, Groq: their model */
		{ 429, OUTCOME_RATE_LIMIT },
		{ 498, OUTCOME_RATE_LIMIT },   /* Groq: flex capacity exceeded */
		{ 504, OUTCOME_TIMEOUT_TOTAL },
		{ 529, OUTCOME_OVERLOADED },   /* Anthropic */
	};
	/* clang-format on */

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].status == status)
			return rows[i].outcome;
	}
	if (status >= 200 && status <= 299)
		return OUTCOME_OK;
	if (status >= 500 && status <= 599)
		return OUTCOME_SERVER_ERROR;
	if (status >= 400 && status <= 499)
		return OUTCOME_BAD_REQUEST;
	/* Redirects are not followed: the address is not the API's. */
	if (status >= 300 && status <= 399)
		return OUTCOME_NOT_FOUND;
	return OUTCOME_MALFORMED;
}

/* The entry of a policy that an outcome's class has; CONFIG_UNSET: none. */
static int64_t
class_retries(const struct config_policy *p, enum outcome o, int status)
{
	switch (o) {
	case OUTCOME_BAD_REQUEST:
		return p->bad_request;
	case OUTCOME_AUTH:
		return p->authentication;
	case OUTCOME_TIMEOUT_CONNECT:
	case OUTCOME_TIMEOUT_HEAD:
	case OUTCOME_TIMEOUT_TOTAL:
	case OUTCOME_STALL:
		return p->timeout;
	case OUTCOME_RATE_LIMIT:
	case OUTCOME_QUOTA:
		return p->rate_limit;
	case OUTCOME_CONTENT_POLICY:
		return p->content_policy;
	case OUTCOME_NOT_FOUND:
		return p->not_found;
	case OUTCOME_SERVER_ERROR:
	case OUTCOME_OVERLOADED:
		if ((status == 503 || o == OUTCOME_OVERLOADED) &&
		    p->service_unavailable >= 0)
			return p->service_unavailable;
		return p->internal_server;
	case OUTCOME_CONNECT:
	case OUTCOME_CUT:
	case OUTCOME_MALFORMED:
		return p->internal_server;
	case OUTCOME_OK:
	case OUTCOME_TOO_LARGE:
	case OUTCOME_CONTEXT_LENGTH: /* the same prompt is as long again */
	case OUTCOME_CONFLICT:
	case OUTCOME_CLIENT_GONE:
	case OUTCOME_HEDGED:
	case OUTCOME_INTERNAL:
	case OUTCOME_COUNT:
		break;
	}
	return CONFIG_UNSET;
}

uint32_t
verdict_retries(const struct retry_terms *t, bool *by_policy_r)
{
	int64_t n = class_retries(t->policy, t->outcome, t->status);

	*by_policy_r = n >= 0;
	if (n < 0)
		n = t->policy->other;
	if (n < 0)
		n = t->deployment;
	if (n < 0)
		n = t->asked;
	if (n < 0)
		n = t->group;
	if (n < 0)
		n = 0;
	return n > MAX_RETRIES ? MAX_RETRIES : (uint32_t)n;
}

static int64_t
wait_before_same(const struct verdict_input *in)
{
	int64_t wait = BACKOFF_NSECS;

	if (in->retry_after_nsecs > 0 &&
	    in->retry_after_nsecs <= MAX_RETRY_AFTER_NSECS) {
		wait = in->retry_after_nsecs;
	} else {
		for (uint32_t n = 1;
		     n < in->group_attempts && wait < MAX_BACKOFF_NSECS; n++)
			wait *= 2;
		if (wait < in->least_wait_nsecs)
			wait = in->least_wait_nsecs;
		if (wait > MAX_BACKOFF_NSECS)
			wait = MAX_BACKOFF_NSECS;
	}
	return wait + (int64_t)(in->random * (double)JITTER_NSECS);
}

/* May the very same deployment be asked again? */
static bool
same_may_help(const struct verdict_input *in)
{
	enum outcome o = in->outcome;

	if (in->retry_by_policy)
		return true;
	if (o == OUTCOME_AUTH || o == OUTCOME_NOT_FOUND || o == OUTCOME_QUOTA)
		return false;
	return o != OUTCOME_RATE_LIMIT || !in->more_groups;
}

static enum verdict
decide(const struct verdict_input *in)
{
	const struct outcome_info *info = outcome_info(in->outcome);

	if (in->outcome == OUTCOME_OK)
		return VERDICT_DELIVER;
	if (in->client_has_bytes || in->outcome == OUTCOME_CLIENT_GONE ||
	    in->attempts_made >= in->max_attempts)
		return VERDICT_FAIL;
	if ((info->retry || in->retry_by_policy) &&
	    in->group_attempts <= in->group_retries) {
		if (in->more_in_group)
			return VERDICT_NEXT;
		if (same_may_help(in))
			return VERDICT_SAME;
	}
	if (info->fallback && in->more_groups)
		return VERDICT_FALLBACK;
	return VERDICT_FAIL;
}

void
verdict_decide(const struct verdict_input *in, struct verdict_answer *answer_r)
{
	answer_r->verdict = decide(in);
	answer_r->wait_nsecs =
	    answer_r->verdict == VERDICT_SAME ? wait_before_same(in) : 0;
}
