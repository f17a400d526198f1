/*
 * The router's filters: which members of a group may be asked at all. Each
 * says no with a kind, a reason and, where there is one, a time to wait. Asks
 * the shared state only for what the configuration makes it need.
 */
#include "domain/router_private.h"

#include "base/clock.h"

#include <stdarg.h>

/* A slot of max_parallel_requests is likely to be free after this. */
#define SLOT_WAIT_NSECS NSECS_PER_SEC

static bool refuse(struct refused *r, enum route_refusal why,
    int64_t retry_nsecs, const char *fmt, ...) PRINTF(4, 5);

static bool
refuse(struct refused *r, enum route_refusal why, int64_t retry_nsecs,
    const char *fmt, ...)
{
	va_list ap;

	r->why = why;
	r->retry_nsecs = retry_nsecs;
	va_start(ap, fmt);
	vsnprintf(r->reason, sizeof(r->reason), fmt, ap);
	va_end(ap);
	return false;
}

static void
note_latency(struct pick *p, const struct health_row *row)
{
	p->ttft_micros = row->ttft_micros;
	p->per_token_nanos = row->per_token_nanos;
	p->sampled_nsecs = row->last_success_nsecs > row->last_failure_nsecs
			       ? row->last_success_nsecs
			       : row->last_failure_nsecs;
}

static bool
filter_breaker(const struct routing *r, struct pick *p, struct refused *no)
{
	const struct breaker_rule *rule = &p->deployment->rule;
	int64_t now = r->state->now_nsecs, wait;
	char text[BREAKER_TEXT_BYTES];
	struct health_row row;

	p->share = 1;
	if (r->state->health == NULL ||
	    !r->state->health(r->state->arg, p->deployment, &row))
		return true;
	note_latency(p, &row);
	if (rule->cooldown_nsecs <= 0 && row.forced == 0)
		return true; /* switched off */
	p->share = breaker_share(&row, rule, now);
	switch (breaker_ask(&row, now)) {
	case BREAKER_ALLOW:
		return true;
	case BREAKER_PROBE:
		p->probe = true;
		return true;
	case BREAKER_DENY:
		break;
	}
	wait = breaker_wait_nsecs(&row, now);
	breaker_describe(&row, now, text);
	return refuse(no, REFUSED_BREAKER, wait == BREAKER_FOREVER ? 0 : wait,
	    "breaker %s", text);
}

static bool
filter_budget(const struct routing *r, struct pick *p, struct refused *no)
{
	if (r->state->has_room == NULL ||
	    r->state->has_room(r->state->arg, p->deployment, no->reason))
		return true;
	no->why = REFUSED_BUDGET;
	return false;
}

static int64_t
to_next_minute(int64_t now)
{
	int64_t minute = 60 * NSECS_PER_SEC;

	return minute - now % minute;
}

static bool
filter_parallel(const struct pick *p, struct refused *no)
{
	int64_t limit = p->deployment->config->max_parallel_requests;

	if (limit > 0 && p->in_flight >= limit)
		return refuse(no, REFUSED_LIMIT, SLOT_WAIT_NSECS,
		    "%lld of %lld parallel requests under way",
		    (long long)p->in_flight, (long long)limit);
	return true;
}

static bool
filter_minute(const struct routing *r, struct pick *p, struct refused *no)
{
	const struct config_deployment *d = p->deployment->config;
	int64_t wait = to_next_minute(r->state->now_nsecs);

	if (d->rpm >= 0 && p->minute_requests >= d->rpm)
		return refuse(no, REFUSED_LIMIT, wait,
		    "%lld of %lld requests used in this minute",
		    (long long)p->minute_requests, (long long)d->rpm);
	if (d->tpm >= 0 && p->minute_tokens >= d->tpm)
		return refuse(no, REFUSED_LIMIT, wait,
		    "%lld of %lld tokens used in this minute",
		    (long long)p->minute_tokens, (long long)d->tpm);
	return true;
}

static bool
filter_limits(const struct routing *r, const struct group_strategy *s,
    struct pick *p, struct refused *no)
{
	const struct config_deployment *d = p->deployment->config;
	const struct route_state *state = r->state;
	bool by_minute = s->name == STRATEGY_USAGE ||
			 r->catalog->config->router.enable_pre_call_checks;

	if (state->in_flight != NULL &&
	    (s->name == STRATEGY_LEAST_BUSY || d->max_parallel_requests > 0)) {
		p->in_flight = state->in_flight(state->arg, p->deployment);
		if (!filter_parallel(p, no))
			return false;
	}
	if (state->minute_use != NULL && by_minute &&
	    (s->name == STRATEGY_USAGE || d->rpm >= 0 || d->tpm >= 0)) {
		state->minute_use(state->arg, p->deployment,
		    &p->minute_requests, &p->minute_tokens);
		return filter_minute(r, p, no);
	}
	return true;
}

static bool
filter_context(const struct routing *r, struct pick *p, struct refused *no)
{
	bool guessed = r->request->prompt_guess > 0;
	int64_t prompt =
	    guessed ? r->request->prompt_guess : r->request->prompt_bound;

	if (!r->catalog->config->router.enable_pre_call_checks || prompt <= 0 ||
	    p->max_input_tokens <= 0 || prompt <= p->max_input_tokens)
		return true;
	return refuse(no, REFUSED_CONTEXT, 0,
	    guessed ? "context window %lld < prompt of about %lld tokens"
		    : "context window %lld < prompt bound %lld",
	    (long long)p->max_input_tokens, (long long)prompt);
}

bool
filter_pick(const struct routing *r, const struct group_strategy *s,
    struct pick *p, struct refused *no)
{
	return filter_breaker(r, p, no) && filter_budget(r, p, no) &&
	       filter_limits(r, s, p, no) && filter_context(r, p, no);
}

/* ---- tags --------------------------------------------------------------- */

static bool
has_tag(const struct config_deployment *d, struct str tag)
{
	for (size_t i = 0; i < d->tags.count; i++) {
		if (str_is(tag, d->tags.items[i]))
			return true;
	}
	return false;
}

/* Any of the request's tags, or all of them. */
static bool
tags_match(const struct routing *r, const struct config_deployment *d)
{
	bool any = r->catalog->config->router.tag_match_any;

	for (size_t i = 0; i < r->request->tag_count; i++) {
		if (has_tag(d, r->request->tags[i]) == any)
			return any;
	}
	return !any;
}

/*
 * A tagged request goes to members that match, else to those tagged "default".
 * One without tags goes to the default ones; where a group has none, to all.
 */
bool
filter_tags(const struct routing *r, struct pick *picks, size_t count)
{
	bool tagged = r->request->tag_count > 0, has_default = false;
	bool served = false;

	for (size_t i = 0; i < count; i++) {
		const struct config_deployment *d = picks[i].deployment->config;
		bool is_default = has_tag(d, str_of("default"));

		has_default = has_default || is_default;
		picks[i].tag_level = is_default;
		if (tagged && tags_match(r, d))
			picks[i].tag_level = 2;
		served = served || picks[i].tag_level > 0;
	}
	if (tagged || has_default)
		return served;
	for (size_t i = 0; i < count; i++)
		picks[i].tag_level = 1;
	return true;
}
