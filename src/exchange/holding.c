/* Holding money for the next candidate. See holding.h. */
#include "exchange/holding.h"

#include "base/clock.h"
#include "exchange/record.h"

/* Output of a model whose maximum nobody knows, under a cap. */
#define UNKNOWN_OUTPUT_TOKENS 4096

static const struct candidate *
next_candidate(const struct exchange *x)
{
	return &x->plan->candidates[x->next_candidate];
}

/* ---- the worst price ---------------------------------------------------- */

/* The most output per answer; *known_r false: a guess of ours. */
static int64_t
wanted_output(const struct exchange *x, const struct candidate *c,
    bool *known_r)
{
	*known_r = true;
	if (x->request.max_tokens != CONFIG_UNSET)
		return x->request.max_tokens;
	if (c->max_output_tokens != CONFIG_UNSET)
		return c->max_output_tokens;
	*known_r = false;
	return UNKNOWN_OUTPUT_TOKENS;
}

static struct price_bound
bound_for(const struct exchange *x, const struct candidate *c, int64_t output)
{
	const struct wire_request *r = &x->request;
	struct price_bound b = {
		.tier = r->service_tier,
		.prompt_tokens = r->prompt_bound_tokens,
		.output_tokens = output * r->outputs + r->extra_output_tokens,
	};

	/* A longer prompt is refused by the provider, not billed. */
	if (c->max_input_tokens != CONFIG_UNSET &&
	    b.prompt_tokens > c->max_input_tokens)
		b.prompt_tokens = c->max_input_tokens;
	return b;
}

static int
find_caps(struct exchange *x, const struct candidate *c, struct err *err)
{
	struct rollup_names *names = &x->hold.names;
	struct budget_subject who = {
		.provider = names->provider,
		.deployment = names->deployment,
		.model = str_of(c->group->name),
		.key = names->key,
		.team = names->team,
		.user = x->account.user,
		.end_user = x->request.user,
		.tag_count = names->tag_count,
		.tags = names->tags,
	};
	int n = budgets_apply(x->env->budgets, &who, &x->arena,
	    x->hold_request.caps, err);

	if (n < 0)
		return -1;
	x->hold_request.cap_count = (size_t)n;
	return 0;
}

static void
price_it(struct exchange *x, const struct candidate *c)
{
	struct hold_request *request = &x->hold_request;
	int64_t least = x->env->config->min_output_tokens;
	struct price_bound b;
	int64_t output;
	bool known;

	output = wanted_output(x, c, &known);
	b = bound_for(x, c, output);
	request->worst_nanos = price_bound_nanos(c->price, &b);
	b = bound_for(x, c, least < output ? least : output);
	request->least_nanos = price_bound_nanos(c->price, &b);
	b = bound_for(x, c, 0);
	x->hold.prompt_nanos = price_bound_nanos(c->price, &b);
	x->hold.prompt_tokens = b.prompt_tokens;
	request->unpriced = !c->price->known;
	/* Nobody else bounds it: we do, so that the hold holds. */
	x->max_tokens =
	    known || request->cap_count == 0 ? CONFIG_UNSET : output;
}

/* ---- the job ------------------------------------------------------------ */

static int
take_ticket(struct exchange *x, const struct candidate *c, struct store_txn *t,
    struct err *err)
{
	struct breaker_rule rule;
	struct health_row row;

	route_breaker_rule(x->env->catalog, c->deployment, &rule);
	if (health_get(t, c->deployment->id, &row) < 0)
		return err_set(err, ERR_STORE, "health row");
	if (breaker_enter(&row, &rule, x->env->owner->id,
		x->hold_request.now_nsecs) == BREAKER_DENY)
		return err_set(err, ERR_NO_DEPLOYMENT,
		    "another request probes deployment %s", c->deployment->id);
	if (health_put(t, c->deployment->id, &row) != 0)
		return err_set(err, ERR_STORE, "health row");
	return 0;
}

static int
hold_run(struct batch_job *job, struct store_txn *t, struct err *err)
{
	struct exchange *x = LIST_OBJ(job, struct exchange, hold_job);
	const struct candidate *c = next_candidate(x);
	int rc;

	rc = x->held ? ledger_rehold(t, &x->hold_request, &x->hold,
			   &x->hold_answer, err)
		     : ledger_hold(t, &x->hold_request, &x->hold,
			   &x->hold_answer, err);
	/* The ticket last: a job that fails must have written nothing, and
	   the hold is what can be refused. */
	if (rc == 0 && c->probe && x->hold_answer.verdict != HOLD_REFUSED &&
	    take_ticket(x, c, t, err) != 0) {
		if (!x->held)
			(void)!ledger_release(t, x->hold.owner, x->hold.number,
			    NULL);
		return -1;
	}
	return rc;
}

static void
hold_done(struct batch_job *job, const struct err *err)
{
	struct exchange *x = LIST_OBJ(job, struct exchange, hold_job);

	x->hold_waiting = false;
	x->hold_failed = err != NULL;
	if (err != NULL)
		x->hold_err = *err;
	else if (x->hold_answer.verdict != HOLD_REFUSED)
		x->held = true;
	exchange_resume(x);
}

int
holding_start(struct exchange *x, struct err *err)
{
	const struct candidate *c = next_candidate(x);
	struct hold *h = &x->hold;
	struct buf opening;

	x->hold_request.now_nsecs = clock_wall_nsecs();
	record_names(x, NULL, &h->names);
	/* A wildcard's price may be new: it is entered before it is used. */
	if (price_book_add(x->env->prices, c->price, err) != 0 ||
	    find_caps(x, c, err) != 0)
		return -1;
	price_it(x, c);
	if (h->number == 0) {
		h->owner = x->env->owner->id;
		h->number = x->env->next_number++;
		h->taken_nsecs = x->hold_request.now_nsecs;
	}
	/* It goes out right after the commit; a worker killed in between
	   overstates by a prompt, and the record says so. */
	h->state = HOLD_SENT;
	h->deadline_nsecs =
	    x->hold_request.now_nsecs +
	    x->env->config->router.timeout_msecs * NSECS_PER_MSEC;
	h->price_version = str_of(c->price->version);
	buf_init(&opening, RECORD_MAX_BYTES);
	record_write_opening(x, &opening);
	h->record = arena_str(&x->arena, buf_str(&opening));
	buf_fini(&opening);
	batch_job_init(&x->hold_job, hold_run, hold_done);
	x->hold_waiting = true;
	batch_add(x->env->batch, &x->hold_job);
	return 0;
}

/* ---- what came of it ---------------------------------------------------- */

static void
say_refused(struct exchange *x, struct err *err)
{
	const struct hold_answer *a = &x->hold_answer;
	const struct cap *cap = &x->hold_request.caps[a->cap_index];
	char spent[MONEY_TEXT_BYTES], max[MONEY_TEXT_BYTES];
	char held[MONEY_TEXT_BYTES], when[CLOCK_RFC3339_BYTES];
	int64_t end = (int64_t)a->cap_window_end * NSECS_PER_SEC;

	money_format(a->cap_spent_nanos, spent);
	money_format(cap->cap_nanos, max);
	money_format(a->cap_held_nanos, held);
	if (end > 0)
		clock_rfc3339(end, when);
	else
		snprintf(when, sizeof(when), "never");
	/* The first words are LiteLLM's: clients look for them. */
	err_set(err, ERR_BUDGET,
	    "%s%s%s: Current cost: %s, Max budget: %s, held by requests under "
	    "way: %s, resets at: %s",
	    scope_name(cap->kind), cap->id[0] != '\0' ? " " : "", cap->id,
	    spent, max, held, when);
	x->retry_after_nsecs = end > 0 ? end - x->hold_request.now_nsecs : 0;
}

static enum holding_outcome
refused(struct exchange *x, struct err *err)
{
	const struct cap *cap = &x->hold_request.caps[x->hold_answer.cap_index];

	say_refused(x, err);
	if (cap->policy == CAP_DOWNGRADE && !x->downgraded) {
		x->downgraded = true;
		x->hold_downgrade = cap->downgrade_to;
		return HOLDING_OTHER_GROUP;
	}
	/* Another deployment or provider may have room. */
	if (cap->kind == SCOPE_DEPLOYMENT || cap->kind == SCOPE_PROVIDER)
		return HOLDING_SKIP;
	return HOLDING_REFUSED;
}

/* What the hold pays for is what may be asked for. */
static void
clamp(struct exchange *x)
{
	const struct candidate *c = next_candidate(x);
	struct price_bound b = bound_for(x, c, 0);
	int64_t tokens =
	    price_bound_tokens(c->price, &b, x->hold_answer.amount_nanos);

	tokens = (tokens - x->request.extra_output_tokens) /
		 (x->request.outputs > 0 ? x->request.outputs : 1);
	x->max_tokens = tokens > 0 ? tokens : 1;
}

enum holding_outcome
holding_outcome(struct exchange *x, struct err *err)
{
	if (x->hold_failed) {
		x->hold_failed = false;
		*err = x->hold_err;
		if (!x->held)
			x->hold.number = 0;
		return err->code == ERR_NO_DEPLOYMENT ? HOLDING_SKIP
						      : HOLDING_REFUSED;
	}
	if (x->hold_answer.verdict == HOLD_REFUSED) {
		if (!x->held)
			x->hold.number = 0;
		return refused(x, err);
	}
	if (x->hold_answer.verdict == HOLD_CLAMPED)
		clamp(x);
	return HOLDING_READY;
}
