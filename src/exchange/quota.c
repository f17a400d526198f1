/* The caller's limits around its request. See quota.h. */
#include "exchange/quota.h"

#include "base/clock.h"
#include "base/num.h"
#include "exchange/exchange.h"

/* What a client is told to wait for a call of somebody else's to end. */
#define CALL_WAIT_NSECS NSECS_PER_SEC

/* ---- what to ask for ---------------------------------------------------- */

static int
add_demand(struct exchange *x, const struct limit_demand *demand,
    struct err *err)
{
	struct quota *q = &x->quota;

	if (demand->requests < 0 && demand->tokens < 0 && demand->parallel < 0)
		return 0;
	if (q->count == LIMITER_MAX_DEMANDS)
		return err_set(err, ERR_INTERNAL,
		    "more than %d limits apply to one request",
		    LIMITER_MAX_DEMANDS);
	if (q->demands == NULL)
		q->demands = arena_alloc(&x->arena,
		    LIMITER_MAX_DEMANDS * sizeof(q->demands[0]));
	q->demands[q->count++] = *demand;
	return 0;
}

static int
add_allowance(struct holding *h, const struct allowance *own, struct err *err)
{
	struct exchange *x = h->x;
	struct limit_demand demand = {
		.scope = { .kind = own->kind, .id = str_of(own->id) },
		.requests = own->requests,
		.tokens = own->tokens,
		.parallel = own->parallel,
	};

	if (add_demand(x, &demand, err) != 0)
		return -1;
	for (size_t i = 0; i < own->limit_count; i++) {
		const struct allowance_limit *l = &own->limits[i];

		if (!allowance_matches(l->model, str_of(x->asked),
			str_of(h->candidate->group->name)))
			continue;
		demand.scope.with = SCOPE_MODEL;
		demand.scope.with_id = str_of(l->model);
		demand.requests = l->requests;
		demand.tokens = l->tokens;
		demand.parallel = ALLOWANCE_UNLIMITED;
		if (add_demand(x, &demand, err) != 0)
			return -1;
	}
	return 0;
}

/* general_settings.global_max_parallel_requests. */
static int
add_global(struct exchange *x, struct err *err)
{
	struct limit_demand demand = {
		.scope = { .kind = SCOPE_GLOBAL },
		.requests = ALLOWANCE_UNLIMITED,
		.tokens = ALLOWANCE_UNLIMITED,
		.parallel = x->env->config->max_parallel_requests,
	};

	return add_demand(x, &demand, err);
}

/* Tokens it may use at this candidate. */
static void
fill_tokens(const struct holding *h, struct limit_take *take)
{
	const struct exchange *x = h->x;

	quote_tokens(&x->request, &h->worst,
	    quote_least_limit(&h->worst, x->env->config->min_output_tokens,
		false),
	    take);
}

/* What was taken for the first candidate, at another one. */
static int64_t
limit_left(const struct holding *h)
{
	struct limit_take take = h->x->quota.take;

	fill_tokens(h, &take);
	return quote_limit_left(&h->x->request, &h->worst, &take);
}

int
quota_prepare(struct holding *h, struct err *err)
{
	struct exchange *x = h->x;
	struct quota *q = &x->quota;

	if (q->taken) {
		q->limit = limit_left(h);
		return 0;
	}
	q->limit = h->worst.limit;
	q->refused = false;
	q->count = 0;
	if (add_global(x, err) != 0)
		return -1;
	for (size_t i = 0; i < x->account->allowance_count; i++) {
		if (add_allowance(h, x->account->allowances[i], err) != 0)
			return -1;
	}
	for (size_t i = 0; i < x->purse_count; i++) {
		if (add_allowance(h, &x->purses[i]->allowance, err) != 0)
			return -1;
	}
	if (q->count == 0)
		return 0;
	q->take = (struct limit_take){
		.count = q->count,
		.demands = q->demands,
		.owner = x->env->owner->id,
		.now_nsecs = h->request.now_nsecs,
	};
	fill_tokens(h, &q->take);
	return 0;
}

/* ---- taking ------------------------------------------------------------- */

static int
failed(const struct store_txn *t, struct err *err)
{
	if (!store_failed(t, err))
		err_set(err, ERR_STORE, "limits");
	return -1;
}

/* LiteLLM's words for what is limited. */
static const char *
descriptor(const struct limit_scope *s)
{
	bool by_model = s->with_id.n > 0;

	switch (s->kind) {
	case SCOPE_KEY:
		return by_model ? "model_per_key" : "api_key";
	case SCOPE_TEAM:
		return by_model ? "model_per_team" : "team";
	case SCOPE_USER:
		return by_model ? "model_per_user" : "user";
	case SCOPE_END_USER:
		return by_model ? "model_per_end_user" : "end_user";
	default:
		return scope_name(s->kind);
	}
}

static const char *
kind_word(enum limit_kind kind)
{
	switch (kind) {
	case LIMIT_REQUESTS:
		return "requests";
	case LIMIT_TOKENS:
		return "tokens";
	default:
		return "max_parallel_requests";
	}
}

int64_t
quota_wait_nsecs(const struct exchange *x)
{
	const struct limit_refusal *r = &x->quota.take.refusal;

	if (!x->quota.refused || r->never)
		return 0;
	return r->wait_nsecs > 0 ? r->wait_nsecs : CALL_WAIT_NSECS;
}

/* The first words are LiteLLM's: clients look for them. */
static int
refuse(struct exchange *x, struct err *err)
{
	const struct limit_refusal *r = &x->quota.take.refusal;
	const struct limit_demand *d = &x->quota.demands[r->demand];
	char when[CLOCK_RFC3339_BYTES] = "when one of them ends";
	int64_t left = r->limit > r->used ? r->limit - r->used : 0;

	x->quota.refused = true;
	if (r->never)
		snprintf(when, sizeof(when), "never for this request");
	else if (r->wait_nsecs > 0)
		clock_rfc3339(x->quota.take.now_nsecs + r->wait_nsecs, when);
	return err_set(err, ERR_RATE_LIMIT,
	    "%s: " STR_FMT "%s" STR_FMT ". Limit type: %s. Current limit: "
	    "%lld, Remaining: %lld. Limit resets at: %s",
	    descriptor(&d->scope), STR_ARG(d->scope.id),
	    d->scope.with_id.n > 0 ? " on " : "", (int)d->scope.with_id.n,
	    d->scope.with_id.p != NULL ? d->scope.with_id.p : "",
	    kind_word(r->kind), (long long)r->limit, (long long)left, when);
}

int
quota_take(struct holding *h, struct store_txn *t, struct err *err)
{
	struct exchange *x = h->x;
	struct quota *q = &x->quota;

	if (q->count == 0 || q->taken)
		return 0;
	switch (limiter_take(t, &q->take)) {
	case 1:
		q->limit = limit_left(h);
		return 0;
	case 0:
		return refuse(x, err);
	default:
		return failed(t, err);
	}
}

int
quota_undo(const struct exchange *x, struct store_txn *t, struct err *err)
{
	const struct quota *q = &x->quota;

	if (q->count == 0 || q->taken || limiter_undo(t, &q->take) == 0)
		return 0;
	return failed(t, err);
}

int
quota_settle(struct exchange *x, struct store_txn *t, struct err *err)
{
	struct quota *q = &x->quota;
	int64_t tokens = 0;
	int rc;

	if (!q->taken)
		return 0;
	for (size_t i = 0; i < x->attempt_count; i++)
		tokens += x->attempts[i]->usage.prompt_tokens +
			  x->attempts[i]->usage.completion_tokens;
	q->take.now_nsecs = x->settlement.now_nsecs;
	rc = x->attempt_count == 0 ? limiter_undo(t, &q->take)
				   : limiter_settle(t, &q->take, tokens);
	return rc == 0 ? 0 : failed(t, err);
}

/* ---- headers ------------------------------------------------------------ */

static void
add_number(const struct exchange *x, const char *name, int64_t v)
{
	char text[NUM_TEXT_BYTES];

	num_format(v, 0, text);
	http_add_header(x->call, name, text);
}

static int64_t
remaining(int64_t limit, int64_t used)
{
	return limit > used ? limit - used : 0;
}

/* x-ratelimit-api_key-limit-requests, -remaining-requests. */
static void
add_pair(const struct exchange *x, const struct limit_demand *d,
    const char *kind, int64_t limit, int64_t used)
{
	char name[96];

	if (limit < 0)
		return;
	snprintf(name, sizeof(name), "x-ratelimit-%s-limit-%s",
	    descriptor(&d->scope), kind);
	add_number(x, name, limit);
	snprintf(name, sizeof(name), "x-ratelimit-%s-remaining-%s",
	    descriptor(&d->scope), kind);
	add_number(x, name, remaining(limit, used));
}

/* OpenAI's names, for the limit with the least room. */
static void
add_tightest(const struct exchange *x, bool of_tokens)
{
	const struct quota *q = &x->quota;
	const char *kind = of_tokens ? "tokens" : "requests";
	const struct limit_demand *tight = NULL;
	int64_t room = INT64_MAX, limit = 0;
	char name[64], text[NUM_TEXT_BYTES + 1];

	for (size_t i = 0; i < q->count; i++) {
		const struct limit_demand *d = &q->demands[i];
		int64_t most = of_tokens ? d->tokens : d->requests;
		int64_t used = of_tokens ? d->use.tokens : d->use.requests;

		if (most < 0 || remaining(most, used) >= room)
			continue;
		tight = d;
		limit = most;
		room = remaining(most, used);
	}
	if (tight == NULL)
		return;
	snprintf(name, sizeof(name), "x-ratelimit-limit-%s", kind);
	add_number(x, name, limit);
	snprintf(name, sizeof(name), "x-ratelimit-remaining-%s", kind);
	add_number(x, name, room);
	snprintf(name, sizeof(name), "x-ratelimit-reset-%s", kind);
	snprintf(text, sizeof(text), "%llds",
	    (long long)((tight->use.clear_nsecs + NSECS_PER_SEC - 1) /
			NSECS_PER_SEC));
	http_add_header(x->call, name, text);
}

void
quota_headers(const struct exchange *x)
{
	const struct quota *q = &x->quota;

	if (!q->taken && !q->refused)
		return;
	for (size_t i = 0; i < q->count; i++) {
		const struct limit_demand *d = &q->demands[i];

		add_pair(x, d, "requests", d->requests, d->use.requests);
		add_pair(x, d, "tokens", d->tokens, d->use.tokens);
		add_pair(x, d, "max_parallel_requests", d->parallel,
		    d->use.calls);
	}
	add_tightest(x, false);
	add_tightest(x, true);
	if (q->refused)
		http_add_header(x->call, "rate_limit_type",
		    kind_word(q->take.refusal.kind));
}
