/*
 * Group options and breaker rules; see catalog_options.h. Reads configuration
 * only. Fails with ERR_CONFIG where an entry is not understood: these keys are
 * ours or change where money goes, so nothing is guessed.
 */
#include "domain/routing/catalog_options.h"

#include "base/clock.h"
#include "base/jsonx.h"
#include "base/num.h"

/* LiteLLM's defaults for latency-based-routing. */
#define LATENCY_TTL_NSECS (3600 * NSECS_PER_SEC)

/* LiteLLM's default for allowed_fails. */
#define ALLOWED_FAILS 3
/* An only member has nobody to stand in for it: it has to fail this many times
   as often before it is left alone, if nobody set allowed_fails ... */
#define ONLY_MEMBER_FACTOR 5
/* ... and comes back sooner: this long at first, doubled up to its cooldown. */
#define ONLY_MEMBER_COOLDOWN_NSECS NSECS_PER_SEC
/* LiteLLM: above 50 % of at least 5 calls. */
#define RATE_PERCENT   50
#define RATE_MIN_CALLS 5
/* Credentials do not mend themselves; others serve meanwhile. */
#define AUTH_COOLDOWN_NSECS (300 * NSECS_PER_SEC)
/* A ticket lives as long as an attempt may take, within these. */
#define MIN_PROBE_NSECS NSECS_PER_SEC
#define MAX_PROBE_NSECS (60 * NSECS_PER_SEC)

static const struct {
	const char *word;
	enum config_strategy strategy;
} strategies[] = {
	{ "simple-shuffle", STRATEGY_SIMPLE_SHUFFLE },
	{ "least-busy", STRATEGY_LEAST_BUSY },
	{ "latency-based-routing", STRATEGY_LATENCY },
	{ "usage-based-routing-v2", STRATEGY_USAGE },
	{ "usage-based-routing", STRATEGY_USAGE },
	{ "cost-based-routing", STRATEGY_COST },
};

const char *
strategy_name(enum config_strategy s)
{
	for (size_t i = 0; i < ARRAY_LEN(strategies); i++) {
		if (strategies[i].strategy == s)
			return strategies[i].word;
	}
	return "unknown";
}

/* ---- routing ------------------------------------------------------------ */

/* A number that is not negative: 1 given, 0 absent, -1 something else. */
static int
read_number(const json_t *obj, const char *key, double *v_r)
{
	const json_t *v = json_object_get(obj, key);

	if (v == NULL || json_is_null(v))
		return 0;
	if (!json_is_number(v) || json_number_value(v) < 0 ||
	    json_number_value(v) > 1e9)
		return -1;
	*v_r = json_number_value(v);
	return 1;
}

static int
read_args(const json_t *args, const char *where, struct group_strategy *s,
    struct err *err)
{
	double ttl = 0, samples = 0;
	int rc;

	if (!json_is_object(args))
		return err_set(err, ERR_CONFIG,
		    "%s.routing_strategy_args: has to be a map", where);
	if (s->name != STRATEGY_LATENCY)
		return 0; /* the other strategies have none we need */
	rc = read_number(args, "ttl", &ttl);
	if (rc < 0)
		return err_set(err, ERR_CONFIG,
		    "%s.routing_strategy_args.ttl: has to be a number of "
		    "seconds",
		    where);
	if (rc > 0)
		s->latency_ttl_nsecs = (int64_t)(ttl * 1e9);
	rc = read_number(args, "max_latency_list_size", &samples);
	if (rc < 0)
		return err_set(err, ERR_CONFIG,
		    "%s.routing_strategy_args.max_latency_list_size: has to be "
		    "a number of samples",
		    where);
	if (rc > 0)
		s->latency_samples = (uint32_t)samples;
	if (read_number(args, "lowest_latency_buffer", &s->latency_buffer) < 0)
		return err_set(err, ERR_CONFIG,
		    "%s.routing_strategy_args.lowest_latency_buffer: has to be "
		    "a share such as 0.1",
		    where);
	return 0;
}

static int
read_args_json(const char *json, const char *where, struct group_strategy *s,
    struct err *err)
{
	json_t *args = jsonx_parse(str_of(json), err);
	int rc;

	if (args == NULL)
		return err_prefix(err, "%s.routing_strategy_args", where);
	rc = read_args(args, where, s, err);
	json_decref(args);
	return rc;
}

static int
read_hedge(const struct config_group *own, struct group_hedge *h,
    struct err *err)
{
	struct str after = str_of(own->hedge_after);

	if (after.n == 0)
		return 0;
	h->when = HEDGE_P95;
	if (str_is(after, "p95"))
		return 0;
	h->when = HEDGE_FIXED;
	if (num_duration(after, "s", &h->after_nsecs) == 0 &&
	    h->after_nsecs > 0)
		return 0;
	return err_set(err, ERR_CONFIG,
	    "%s:%d: tallygate.groups.%s.hedge.after: has to be p95 or a time "
	    "such as 800ms",
	    own->file, own->line, own->name);
}

static bool
has_class(const struct config_policy *p)
{
	return p->bad_request >= 0 || p->authentication >= 0 ||
	       p->timeout >= 0 || p->rate_limit >= 0 ||
	       p->content_policy >= 0 || p->internal_server >= 0;
}

/* A policy of its own replaces the common one, as in LiteLLM. */
static const struct config_policy *
retry_policy_of(const struct config_policy *own,
    const struct config_policy *common)
{
	bool given = has_class(own) || own->service_unavailable >= 0 ||
		     own->not_found >= 0 || own->other >= 0;

	return given ? own : common;
}

/* The last three classes are those of retry_policy only. */
static const struct config_policy *
fails_policy_of(const struct config_policy *own,
    const struct config_policy *common)
{
	return has_class(own) ? own : common;
}

static int
add_own(const struct config_group *own, struct group_options *o,
    struct err *err)
{
	char where[128];

	snprintf(where, sizeof(where), "tallygate.groups.%s", own->name);
	if (own->strategy_args_json != NULL &&
	    read_args_json(own->strategy_args_json, where, &o->strategy, err) !=
		0)
		return err_prefix(err, "%s:%d", own->file, own->line);
	if (read_hedge(own, &o->hedge, err) != 0)
		return -1;
	if (own->num_retries >= 0)
		o->retries.count = own->num_retries;
	if (own->cooldown_msecs >= 0)
		o->cooldown_msecs = own->cooldown_msecs;
	if (own->allowed_fails >= 0)
		o->allowed_fails = own->allowed_fails;
	o->max_cooldown_msecs = own->max_cooldown_msecs;
	o->retries.policy =
	    retry_policy_of(&own->retry_policy, o->retries.policy);
	o->allowed_fails_policy = fails_policy_of(&own->allowed_fails_policy,
	    o->allowed_fails_policy);
	return 0;
}

int
group_options_make(const struct config *c, const struct config_group *own,
    struct group_options *o_r, struct err *err)
{
	const struct config_router *r = &c->router;
	struct group_options o = {
		.strategy = { .name = r->strategy,
		    .latency_ttl_nsecs = LATENCY_TTL_NSECS },
		.retries = { .count = r->num_retries,
		    .policy = &r->retry_policy },
		.cooldown_msecs = r->cooldown_msecs,
		.allowed_fails = r->allowed_fails,
		.max_cooldown_msecs = CONFIG_UNSET,
		.allowed_fails_policy = &r->allowed_fails_policy,
	};

	/* What the arguments mean depends on the strategy. */
	if (own != NULL)
		o.strategy.name = own->strategy;
	if (read_args_json(r->strategy_args_json, "router_settings",
		&o.strategy, err) != 0 ||
	    (own != NULL && add_own(own, &o, err) != 0))
		return -1;
	*o_r = o;
	return 0;
}

/* ---- limits ------------------------------------------------------------- */

static bool
has_check(const struct config *c, const char *name)
{
	const struct config_strings *all = &c->router.optional_checks;

	for (size_t i = 0; i < all->count; i++) {
		if (strcmp(all->items[i], name) == 0)
			return true;
	}
	return false;
}

/* rpm and tpm are weights of simple-shuffle, and hard limits only where one of
   these asks for it, as in LiteLLM. */
void
limits_make(const struct config *c, const struct config_deployment *d,
    const struct group_strategy *s, struct deployment_limits *limits_r)
{
	int64_t parallel = d->max_parallel_requests > 0
			       ? d->max_parallel_requests
			       : c->router.max_parallel_requests;
	bool hard = s->name == STRATEGY_USAGE ||
		    c->router.enable_pre_call_checks ||
		    has_check(c, "enforce_model_rate_limits");
	struct deployment_limits l = {
		.requests = hard ? d->rpm : CONFIG_UNSET,
		.tokens = hard ? d->tpm : CONFIG_UNSET,
		.parallel = parallel > 0 ? parallel : CONFIG_UNSET,
		.count_minute = s->name == STRATEGY_USAGE,
		.count_calls = s->name == STRATEGY_LEAST_BUSY,
	};

	l.any = l.requests >= 0 || l.tokens >= 0 || l.parallel >= 0 ||
		l.count_minute || l.count_calls;
	*limits_r = l;
}

struct limit_demand
deployment_demand(const struct deployment *d)
{
	return (struct limit_demand){
		.scope = { .kind = SCOPE_DEPLOYMENT, .id = str_of(d->id) },
		.requests = d->limits.requests,
		.tokens = d->limits.tokens,
		.parallel = d->limits.parallel,
		.count_minute = d->limits.count_minute,
		.count_calls = d->limits.count_calls,
	};
}

/* ---- the breaker's rule ------------------------------------------------- */

static int64_t
clamp(int64_t v, int64_t low, int64_t high)
{
	return v < low ? low : v > high ? high : v;
}

/* allowed_fails + 1; 0 stays "none". */
static uint32_t
limit_of(int64_t allowed_fails)
{
	return allowed_fails < 0
		   ? 0
		   : (uint32_t)clamp(allowed_fails, 0, 1000000) + 1;
}

static void
set_limits(const struct config_deployment *d, const struct group_options *o,
    struct breaker_rule *rule)
{
	const struct config_policy *policy =
	    fails_policy_of(&d->allowed_fails_policy, o->allowed_fails_policy);
	int64_t allowed = d->allowed_fails;

	if (allowed < 0)
		allowed = o->allowed_fails;
	rule->consecutive_limit =
	    limit_of(allowed < 0 ? ALLOWED_FAILS : allowed);
	if (rule->only_member && allowed < 0)
		rule->consecutive_limit *= ONLY_MEMBER_FACTOR;
	rule->own_limits[HEALTH_AUTH] = limit_of(policy->authentication);
	rule->own_limits[HEALTH_TIMEOUT] = limit_of(policy->timeout);
	rule->own_limits[HEALTH_RATE_LIMIT] = limit_of(policy->rate_limit);
	rule->own_limits[HEALTH_FAILURE] = limit_of(policy->internal_server);
	/* bad_request and content_policy: a caller's faults never count. */
	if (rule->only_member)
		return;
	/* With more than half of this many, more than allowed_fails failed. */
	rule->rate_percent = RATE_PERCENT;
	rule->rate_min_calls = 2 * rule->consecutive_limit;
	if (rule->rate_min_calls < RATE_MIN_CALLS)
		rule->rate_min_calls = RATE_MIN_CALLS;
}

static void
set_times(const struct config *c, const struct config_deployment *d,
    const struct group_options *o, struct breaker_rule *rule)
{
	int64_t cooldown = d->cooldown_msecs, timeout = d->timeout_msecs;

	if (cooldown < 0)
		cooldown = o->cooldown_msecs;
	if (c->router.disable_cooldowns || cooldown < 0)
		cooldown = 0;
	cooldown = clamp(cooldown, 0, INT64_C(86400000)) * NSECS_PER_MSEC;
	rule->cooldown_nsecs = cooldown;
	rule->max_cooldown_nsecs = cooldown;
	rule->auth_cooldown_nsecs = AUTH_COOLDOWN_NSECS;
	if (rule->only_member) {
		if (cooldown > ONLY_MEMBER_COOLDOWN_NSECS)
			rule->cooldown_nsecs = ONLY_MEMBER_COOLDOWN_NSECS;
		/* Nobody serves meanwhile: look often if it was mended. */
		rule->auth_cooldown_nsecs = cooldown;
	}
	if (o->max_cooldown_msecs > 0 &&
	    o->max_cooldown_msecs * NSECS_PER_MSEC > rule->max_cooldown_nsecs)
		rule->max_cooldown_nsecs =
		    o->max_cooldown_msecs * NSECS_PER_MSEC;
	if (timeout < 0)
		timeout = c->router.timeout_msecs;
	timeout = clamp(timeout, 0, MAX_PROBE_NSECS / NSECS_PER_MSEC);
	rule->probe_nsecs =
	    clamp(timeout * NSECS_PER_MSEC, MIN_PROBE_NSECS, MAX_PROBE_NSECS);
	rule->ramp_nsecs = cooldown;
}

void
rule_make(const struct config *c, const struct config_deployment *d,
    size_t group_size, const struct group_options *o,
    struct breaker_rule *rule_r)
{
	struct breaker_rule rule = {
		.only_member = group_size == 1,
		.many_models = strchr(d->model_name, '*') != NULL,
		.latency_samples = o->strategy.latency_samples,
	};

	set_limits(d, o, &rule);
	set_times(c, d, o, &rule);
	*rule_r = rule;
}
