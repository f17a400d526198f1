/*
 * The router's filters: which members of a group may be asked at all. Each
 * says no with a kind, a reason and, where there is one, a time to wait. Asks
 * the shared state only for what the configuration makes it need.
 */
#include "domain/routing/router_private.h"

#include "base/clock.h"

#include <stdarg.h>

/* A call under way is likely to be over after this. */
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

static bool
filter_limits(const struct routing *r, struct pick *p, struct refused *no)
{
	const struct deployment_limits *l = &p->deployment->limits;
	const struct limit_use *use = &p->use;

	if (!l->any || r->state->use == NULL ||
	    !r->state->use(r->state->arg, p->deployment, &p->use))
		return true;
	if (l->parallel >= 0 && use->calls >= l->parallel)
		return refuse(no, REFUSED_LIMIT, SLOT_WAIT_NSECS,
		    "%lld of %lld requests at a time under way",
		    (long long)use->calls, (long long)l->parallel);
	if (l->requests >= 0 && use->requests >= l->requests)
		return refuse(no, REFUSED_LIMIT, use->next_nsecs,
		    "%lld of %lld requests used in this minute",
		    (long long)use->requests, (long long)l->requests);
	if (l->tokens >= 0 && use->tokens >= l->tokens)
		return refuse(no, REFUSED_LIMIT, use->next_nsecs,
		    "%lld of %lld tokens used in this minute",
		    (long long)use->tokens, (long long)l->tokens);
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
filter_pick(const struct routing *r, struct pick *p, struct refused *no)
{
	return filter_breaker(r, p, no) && filter_budget(r, p, no) &&
	       filter_limits(r, p, no) && filter_context(r, p, no);
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
