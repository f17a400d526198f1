/*
 * The middle steps: attempt, await_head, judge. They form the loop over
 * candidates: ask one, wait for its first token (stream) or whole answer
 * (plain), decide. Nothing has reached the client until judge says deliver.
 */
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "exchange/exchange.h"
#include "exchange/hedge.h"
#include "exchange/planning.h"
#include "exchange/report.h"

#include <event2/event.h>

static int64_t
msecs_or(int64_t msecs, int64_t otherwise)
{
	return msecs != CONFIG_UNSET ? msecs : otherwise;
}

/*
 * How long to wait for the first token or the whole answer: the request's own
 * wish (as_asked), then the deployment's, then the router's. Streams have a
 * setting of their own and fall back to the plain one (notes on LiteLLM,
 * section 2.2).
 */
static int64_t
answer_timeout_nsecs(const struct exchange *x, const struct deployment *d,
    bool as_asked)
{
	const struct config_router *r = &x->env->config->router;
	int64_t asked = as_asked ? x->request.timeout_msecs : CONFIG_UNSET;
	int64_t asked_stream =
	    as_asked ? x->request.stream_timeout_msecs : CONFIG_UNSET;
	int64_t plain = msecs_or(asked,
	    msecs_or(d->config->timeout_msecs, r->timeout_msecs));
	int64_t stream = msecs_or(asked_stream,
	    msecs_or(d->config->stream_timeout_msecs,
		msecs_or(r->stream_timeout_msecs, plain)));

	return (x->request.stream ? stream : plain) * NSECS_PER_MSEC;
}

/* ---- attempt ------------------------------------------------------------ */

enum step_result
step_run_ATTEMPT(struct exchange *x)
{
	struct attempt *a;
	int64_t timeout;

	if (x->pause_nsecs > 0) {
		exchange_timer(x, x->pause_nsecs);
		x->pause_nsecs = 0;
		return STEP_PARK;
	}
	if (event_pending(&x->timer, EV_TIMEOUT, NULL))
		return STEP_PARK;
	a = x->current = attempt_new(&x->holding, &x->out);
	x->group_attempts++;
	if (attempt_begin(a) != 0) {
		exchange_move(x, STEP_JUDGE);
		return STEP_MORE;
	}
	timeout = answer_timeout_nsecs(x, a->deployment, true);
	a->clients_timeout =
	    x->question == NULL &&
	    timeout < answer_timeout_nsecs(x, a->deployment, false);
	hedge_arm(x, timeout);
	exchange_move(x, STEP_AWAIT_HEAD);
	return STEP_MORE;
}

enum step_result
step_run_AWAIT_HEAD(struct exchange *x)
{
	if (hedge_is_open(x)) {
		if (!hedge_await(x))
			return STEP_PARK;
	} else {
		if (x->timer_fired)
			x->current->timed_out = true;
		if (!attempt_is_decided(x->current))
			return STEP_PARK;
	}
	exchange_timer(x, 0);
	exchange_move(x, STEP_JUDGE);
	return STEP_MORE;
}

/* ---- judge -------------------------------------------------------------- */

/* Index of the first candidate of a later group, or count. */
static size_t
next_group(const struct exchange *x)
{
	const struct plan *p = x->plan;
	size_t i = x->next_candidate;

	while (i < p->count && p->candidates[i].group_index ==
				   p->candidates[x->next_candidate].group_index)
		i++;
	return i;
}

static void
ask_verdict(struct exchange *x, const struct attempt *a,
    struct verdict_answer *answer_r)
{
	const struct config *c = x->env->config;
	int64_t max = c->limits.max_attempts;
	size_t group_end = next_group(x);
	struct retry_terms terms = {
		.policy = a->candidate->group->retries.policy,
		.deployment = a->deployment->config->num_retries,
		.asked = x->request.num_retries,
		.group = a->candidate->group->retries.count,
		.outcome = a->outcome,
		.status = a->has_head ? a->head.status : 0,
	};
	bool by_policy;
	uint32_t retries = verdict_retries(&terms, &by_policy);
	struct verdict_input in = {
		.outcome = a->outcome,
		.client_has_bytes = x->client_has_bytes,
		.attempts_made = (uint32_t)x->attempt_count,
		.max_attempts = max > EXCHANGE_MAX_ATTEMPTS
				    ? EXCHANGE_MAX_ATTEMPTS
				    : (uint32_t)max,
		.group_attempts = x->group_attempts,
		.group_retries = retries,
		.retry_by_policy = by_policy,
		.more_in_group = x->next_candidate + 1 < group_end,
		.more_groups = group_end < x->plan->count,
		.retry_after_nsecs =
		    a->has_head ? a->head.retry_after_nsecs : 0,
		.least_wait_nsecs =
		    c->router.retry_after_msecs * NSECS_PER_MSEC,
		.random = random_unit(),
	};

	/* Played to see the fallbacks: the group's others are not asked. */
	if (x->request.play == PLAY_FALLBACKS && a->played)
		in.group_retries = 0;
	/* A provider that says "do not retry" knows better than the status. */
	if (a->has_head && a->head.should_retry == 0)
		in.group_retries = 0;
	verdict_decide(&in, answer_r);
}

/* NULL: credentials are the operator's problem, no text for the client. */
static const char *
text_for_client(const struct attempt *a)
{
	return a->outcome == OUTCOME_AUTH ? NULL : a->error_text;
}

/* The last word is an error: what the client is told. */
static enum step_result
fail(struct exchange *x, const struct attempt *a)
{
	const struct outcome_info *info = outcome_info(a->outcome);
	const char *detail = text_for_client(a);
	const char *first = text_for_client(x->attempts[0]);
	struct error_words words;

	x->retry_after_nsecs = a->has_head ? a->head.retry_after_nsecs : 0;
	if (a->outcome != OUTCOME_AUTH && a->plain_body) {
		/* What the provider said, in the client's dialect. */
		provider_error_words(&a->error, &words);
		x->error_status = words.status;
		x->error_type = words.type;
		x->error_code = words.code;
		x->error_param = words.param;
	}
	/* Anthropic's own status, which its SDKs know. */
	if (a->outcome == OUTCOME_OVERLOADED && wire_api_is_anthropic(x->api))
		x->error_status = 529;
	if (x->attempt_count > 1 && detail != NULL)
		detail = arena_printf(&x->arena, "%s (%zu attempts; first: %s)",
		    detail, x->attempt_count,
		    first != NULL ? first : "its credentials were refused");
	return exchange_refuse(x, info->error, detail, x->error_param);
}

static void
forget_output(struct exchange *x)
{
	buf_clear(&x->out); /* an answer that failed: none of it was given */
}

/* On to the candidate at this index, after the verdict's pause. */
static enum step_result
go_on(struct exchange *x, size_t candidate, int64_t wait_nsecs)
{
	const struct candidate *old = &x->plan->candidates[x->next_candidate];
	const struct candidate *c = &x->plan->candidates[candidate];
	bool other = c->deployment != old->deployment, again;

	if (c->group_index != old->group_index)
		x->group_attempts = 0;
	x->next_candidate = candidate;
	x->pause_nsecs = wait_nsecs;
	forget_output(x);
	/* Another deployment has another price, what an attempt cost is no
	   longer in the hold, and each attempt counts against limits: it is
	   taken anew. */
	again = other || c->probe || c->deployment->limits.any ||
		x->current->cost_nanos > 0;
	exchange_move(x, again ? STEP_RESERVE : STEP_ATTEMPT);
	return STEP_MORE;
}

/* Failures that have fallback lists of their own. */
static bool
goes_to_other_list(struct exchange *x, const struct attempt *a)
{
	size_t max = (size_t)x->env->config->limits.max_attempts;

	if (x->client_has_bytes || x->request.disable_fallbacks ||
	    x->attempt_count >= max ||
	    x->attempt_count >= EXCHANGE_MAX_ATTEMPTS)
		return false;
	if (a->outcome == OUTCOME_CONTEXT_LENGTH)
		return planning_other_list(x, FALLBACK_CONTEXT_WINDOW);
	if (a->outcome == OUTCOME_CONTENT_POLICY)
		return planning_other_list(x, FALLBACK_CONTENT_POLICY);
	return false;
}

enum step_result
step_run_JUDGE(struct exchange *x)
{
	struct attempt *a = x->current;
	struct verdict_answer answer;

	if (!a->judged) {
		attempt_judge(a);
		a->judged = true;
	}
	ask_verdict(x, a, &answer);
	if (answer.verdict == VERDICT_DELIVER) {
		hedge_note(x, a);
		/* A client that asked for a stream gets one, also when the
		   provider answered in one piece: the relay has made it so. */
		exchange_move(x, x->request.stream ? STEP_RELAY : STEP_RECORD);
		if (!x->request.stream)
			attempt_stop(a);
		return STEP_MORE;
	}
	attempt_give_up(a);
	if (goes_to_other_list(x, a)) {
		forget_output(x);
		exchange_move(x, STEP_RESERVE);
		return STEP_MORE;
	}
	switch (answer.verdict) {
	case VERDICT_NEXT:
		return go_on(x, x->next_candidate + 1, answer.wait_nsecs);
	case VERDICT_SAME:
		return go_on(x, x->next_candidate, answer.wait_nsecs);
	case VERDICT_FALLBACK:
		return go_on(x, next_group(x), answer.wait_nsecs);
	case VERDICT_DELIVER:
	case VERDICT_FAIL:
		break;
	}
	forget_output(x);
	return fail(x, a);
}
