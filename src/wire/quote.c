/* What a request would meet at a candidate. See quote.h. */
#include "wire/quote.h"

static struct route_names
names_of(const struct wire_names *names)
{
	return (struct route_names){ names->count, names->items };
}

void
quote_route_request(const struct wire_request *r, struct route_request *q)
{
	*q = (struct route_request){
		.model = r->model,
		.prompt_bound = r->prompt_bound_tokens,
		.prompt_guess = r->prompt_guess_tokens,
		.max_output = r->max_tokens,
		.tier = r->service_tier,
		.stream = r->stream,
		.needs_state = r->needs_state,
		.state_tag = r->state_tag,
		.tag_count = r->tag_count,
		.tags = r->tags,
		.disable_fallbacks = r->disable_fallbacks,
		.fallbacks = {
			[FALLBACK_ANY] = names_of(&r->fallbacks),
			[FALLBACK_CONTEXT_WINDOW] =
			    names_of(&r->context_fallbacks),
			[FALLBACK_CONTENT_POLICY] =
			    names_of(&r->policy_fallbacks),
		},
	};
}

/* ---- the pieces --------------------------------------------------------- */

int64_t
quote_least_limit(const struct worst *w, int64_t min_output_tokens, bool whole)
{
	return min_output_tokens > w->limit || w->open || whole
		   ? w->limit
		   : min_output_tokens;
}

static int64_t
tokens_with(const struct worst *w, int64_t prompt, int64_t limit)
{
	int64_t n;

	if (__builtin_add_overflow(prompt, worst_tokens(w, limit), &n))
		return INT64_MAX;
	return n;
}

void
quote_tokens(const struct wire_request *r, const struct worst *w,
    int64_t least_limit, struct limit_take *take)
{
	take->tokens_worst = tokens_with(w, w->prompt.prompt_tokens, w->limit);
	take->tokens_least =
	    tokens_with(w, w->prompt.prompt_tokens, least_limit);
	take->tokens_guess =
	    tokens_with(w, r->prompt_guess_tokens, least_limit);
}

int64_t
quote_limit_left(const struct wire_request *r, const struct worst *w,
    const struct limit_take *take)
{
	int64_t n = take->tokens - w->extra;

	if (take->tokens >= take->tokens_worst || w->open || w->outputs == 0)
		return w->limit;
	n -= take->tokens >= take->tokens_least ? w->prompt.prompt_tokens
						: r->prompt_guess_tokens;
	n /= w->outputs;
	return n < 1 ? 1 : n < w->limit ? n : w->limit;
}

/* ---- all of it ---------------------------------------------------------- */

const char *
quote_verdict_name(enum quote_verdict v)
{
	static const char *const names[] = {
		[QUOTE_PASSES] = "passes",
		[QUOTE_CLAMPED] = "clamped",
		[QUOTE_LIMITED] = "limited",
		[QUOTE_CAPPED] = "capped",
		[QUOTE_UNPRICED] = "unpriced",
	};

	return names[v];
}

static void
set_limit(struct quote *q, int64_t limit)
{
	if (limit >= q->worst.limit)
		return;
	q->verdict = QUOTE_CLAMPED;
	q->max_tokens = limit;
}

/* 1 they let it pass, 0 they do not. */
static int
ask_limits(const struct quote_state *state, const struct wire_request *r,
    const struct candidate *c, int64_t least, struct quote *q)
{
	int rc = 1;

	q->demand = deployment_demand(c->deployment);
	q->take = (struct limit_take){
		.count = 1,
		.demands = &q->demand,
		.owner = 1,
		.now_nsecs = state->now_nsecs,
	};
	quote_tokens(r, &q->worst, least, &q->take);
	q->take.tokens = q->take.tokens_worst;
	if (state->txn != NULL)
		rc = limiter_ask(state->txn, &q->take);
	if (rc == 0)
		q->verdict = QUOTE_LIMITED;
	else
		set_limit(q, quote_limit_left(r, &q->worst, &q->take));
	return rc;
}

static int
ask_caps(const struct quote_state *state, const struct candidate *c,
    int64_t least, struct quote *q, struct err *err)
{
	struct hold_request *request = &q->request;
	int64_t limit =
	    q->verdict == QUOTE_CLAMPED ? q->max_tokens : q->worst.limit;

	if (!c->price->known && request->cap_count > 0) {
		q->verdict = QUOTE_UNPRICED;
		return 0;
	}
	request->now_nsecs = state->now_nsecs;
	request->worst_nanos = worst_nanos(&q->worst, limit);
	request->least_nanos = worst_nanos(&q->worst, least);
	if (state->txn == NULL)
		return 0;
	if (ledger_ask(state->txn, request, &q->answer, err) != 0)
		return -1;
	if (q->answer.verdict == HOLD_REFUSED)
		q->verdict = QUOTE_CAPPED;
	else if (q->answer.verdict == HOLD_CLAMPED)
		set_limit(q,
		    worst_affordable(&q->worst, q->answer.amount_nanos));
	return 0;
}

int
quote_ask(const struct quote_state *state, const struct wire_request *r,
    const struct candidate *c, struct budget_subject *who, struct arena *arena,
    struct quote *q, struct err *err)
{
	struct route_request asked;
	int64_t least;
	int n;

	memset(q, 0, sizeof(*q));
	q->max_tokens = CONFIG_UNSET;
	q->answer.cap_index = -1;
	worst_find(r, c, &q->worst);
	quote_route_request(r, &asked);
	q->worst_nanos = worst_nanos(&q->worst, q->worst.limit);
	q->expected_nanos =
	    route_expected_nanos(&asked, c->price, q->worst.limit);
	least = quote_least_limit(&q->worst, state->config->min_output_tokens,
	    false);
	who->provider = str_of(c->deployment->provider);
	who->deployment = str_of(c->deployment->id);
	who->model = str_of(c->group->name);
	n = budgets_apply(state->budgets, who, arena, q->request.caps, err);
	if (n < 0)
		return -1;
	q->request.cap_count = (size_t)n;
	n = ask_limits(state, r, c, least, q);
	if (n < 0)
		return err_set(err, ERR_STORE, "limits");
	return n == 0 ? 0 : ask_caps(state, c, least, q, err);
}
