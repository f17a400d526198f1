/* Holding money for the next candidate. See holding.h. */
#include "exchange/holding.h"

#include "base/clock.h"
#include "domain/alert.h"
#include "exchange/record.h"
#include "exchange/report.h"
#include "wire/quote.h"

static const struct candidate *
next_candidate(const struct exchange *x)
{
	return &x->plan->candidates[x->next_candidate];
}

/* ---- the worst price ---------------------------------------------------- */

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
		.user = x->account->user,
		.end_user = x->request.user,
		.tag_count = names->tag_count,
		.tags = names->tags,
		.asked = str_of(x->asked),
	};
	const struct allowance *all[ACCOUNT_MAX_ALLOWANCES + 1 + WIRE_MAX_TAGS];
	struct hold_request *request = &x->hold_request;
	int n;

	for (size_t i = 0; i < x->account->allowance_count; i++)
		all[who.allowance_count++] = x->account->allowances[i];
	for (size_t i = 0; i < x->purse_count; i++)
		all[who.allowance_count++] = &x->purses[i]->allowance;
	who.allowances = all;
	n = budgets_apply(x->env->budgets, &who, &x->arena, request->caps, err);
	if (n < 0)
		return -1;
	request->cap_count = (size_t)n;
	request->track_count =
	    budgets_track(&who, request->caps, request->cap_count);
	return 0;
}

/* Caps that another deployment of the group may not have. */
static bool
is_local(const struct cap *cap)
{
	return cap->kind == SCOPE_DEPLOYMENT || cap->kind == SCOPE_PROVIDER;
}

static bool
has_neighbours(const struct exchange *x)
{
	const struct plan *p = x->plan;
	uint32_t group = next_candidate(x)->group_index;
	size_t n = 0;

	for (size_t i = 0; i < p->count; i++)
		n += p->candidates[i].group_index == group;
	return n > 1;
}

/* Before one deployment's cap lowers max_tokens, the others of its group are
   asked whether they have room for all of it. */
static bool
wants_whole(const struct exchange *x)
{
	const struct hold_request *r = &x->hold_request;

	if (x->second_pass || x->attempt_count > 0 || !has_neighbours(x))
		return false;
	if (x->first_short > 0 ||
	    next_candidate(x)->deployment->limits.tokens >= 0)
		return true;
	for (size_t i = 0; i < r->cap_count; i++) {
		if (is_local(&r->caps[i]))
			return true;
	}
	return false;
}

/* A limit that never reaches the provider bounds nothing. */
static int
check_open(const struct exchange *x, struct err *err)
{
	const struct worst *w = &x->worst;

	if (!w->open || !w->guessed || x->hold_request.cap_count == 0 ||
	    worst_nanos(w, w->limit) == worst_nanos(w, 0))
		return 0;
	return err_set(err, ERR_BAD_REQUEST,
	    "additional_drop_params takes the output's limit away, the "
	    "model's own maximum is not known, and a budget applies");
}

static int
check_price(const struct exchange *x, const struct candidate *c,
    struct err *err)
{
	const struct hold_request *r = &x->hold_request;

	if (c->price->known)
		return 0;
	if (r->cap_count > 0)
		return err_set(err, ERR_UNPRICED,
		    "model %s (%s, deployment %s) under the budget of %s%s%s: "
		    "give it input_cost_per_token and output_cost_per_token, "
		    "or name a price table in tallygate.prices",
		    c->group->name, c->upstream_model, c->deployment->id,
		    scope_name(r->caps[0].kind),
		    r->caps[0].id[0] != '\0' ? " " : "", r->caps[0].id);
	if (x->env->config->unpriced_refuse)
		return err_set(err, ERR_UNPRICED,
		    "model %s (%s, deployment %s): tallygate.unpriced says "
		    "refuse; give it input_cost_per_token and "
		    "output_cost_per_token, or name a price table in "
		    "tallygate.prices",
		    c->group->name, c->upstream_model, c->deployment->id);
	return 0;
}

static int
price_it(struct exchange *x, const struct candidate *c, struct err *err)
{
	struct hold_request *request = &x->hold_request;
	struct worst *w = &x->worst;
	int64_t least;

	worst_find(&x->request, c, w);
	if (check_price(x, c, err) != 0 || check_open(x, err) != 0)
		return -1;
	x->whole_only = wants_whole(x);
	least = quote_least_limit(w, x->env->config->min_output_tokens,
	    x->whole_only);
	request->worst_nanos = worst_nanos(w, w->limit);
	request->least_nanos = worst_nanos(w, least);
	request->unpriced = !c->price->known;
	x->hold.prompt_nanos = price_bound_nanos(c->price, &w->prompt);
	x->hold.prompt_tokens = w->prompt.prompt_tokens;
	limiting_prepare(x, c);
	return quota_prepare(x, err);
}

/* ---- the job ------------------------------------------------------------ */

/* The ticket before the hold: who does not get it has written nothing. */
static int
take_ticket(struct exchange *x, const struct candidate *c, struct store_txn *t,
    struct health_row *row_r, struct err *err)
{
	struct breaker_rule rule;
	uint32_t before;

	route_breaker_rule(x->env->catalog, c->deployment, &rule);
	if (health_get(t, c->deployment->id, row_r) < 0)
		return err_set(err, ERR_STORE, "health row");
	before = row_r->state;
	if (breaker_enter(row_r, &rule, x->env->owner->id,
		x->hold_request.now_nsecs) == BREAKER_DENY)
		return err_set(err, ERR_NO_DEPLOYMENT,
		    "another request probes deployment %s", c->deployment->id);
	x->ticket.changed = row_r->state != before;
	return 0;
}

static int
store_ticket(struct exchange *x, const struct candidate *c, struct store_txn *t,
    const struct health_row *row, struct err *err)
{
	if (health_put(t, c->deployment->id, row) != 0)
		return err_set(err, ERR_STORE, "health row");
	x->ticket.state = (enum breaker_state)row->state;
	return x->ticket.changed ? report_change_alert(c->deployment, row,
				       x->hold_request.now_nsecs, t, err)
				 : 0;
}

/* The caller's and the deployment's, both or none. */
static int
take_limits(struct exchange *x, struct store_txn *t, struct err *err)
{
	if (quota_take(x, t, err) != 0)
		return -1;
	if (limiting_take(x, t, err) == 0)
		return 0;
	/* A failed transaction undoes itself. */
	if (!store_failed(t, NULL) && quota_undo(x, t, NULL) != 0)
		store_failed(t, err);
	return -1;
}

static int
undo_limits(struct exchange *x, struct store_txn *t, struct err *err)
{
	if (limiting_undo(x, t, err) != 0)
		return -1;
	return quota_undo(x, t, err);
}

/* Output tokens per answer that both leave. */
static int64_t
token_limit(const struct exchange *x)
{
	return x->quota.limit < x->limiting.limit ? x->quota.limit
						  : x->limiting.limit;
}

/* Limits first: where they leave fewer tokens, less money is held. */
static int
hold_money(struct exchange *x, struct store_txn *t, struct err *err)
{
	struct hold_request request = x->hold_request;
	int rc;

	if (take_limits(x, t, err) != 0)
		return -1;
	if (token_limit(x) < x->worst.limit)
		request.worst_nanos = worst_nanos(&x->worst, token_limit(x));
	rc = x->held
		 ? ledger_rehold(t, &request, &x->hold, &x->hold_answer, err)
		 : ledger_hold(t, &request, &x->hold, &x->hold_answer, err);
	if ((rc != 0 || x->hold_answer.verdict == HOLD_REFUSED) &&
	    undo_limits(x, t, err) != 0)
		return -1;
	return rc;
}

static int
hold_run(struct batch_job *job, struct store_txn *t, struct err *err)
{
	struct exchange *x = LIST_OBJ(job, struct exchange, hold_job);
	const struct candidate *c = next_candidate(x);
	struct health_row row;
	int rc;

	if (c->probe && take_ticket(x, c, t, &row, err) != 0)
		return -1;
	rc = hold_money(x, t, err);
	if (rc == 0 && x->hold_answer.verdict == HOLD_REFUSED && !x->whole_only)
		return alert_check_refused(t, &x->hold_request, &x->hold_answer,
		    err);
	if (rc != 0 || x->hold_answer.verdict == HOLD_REFUSED || !c->probe)
		return rc;
	return store_ticket(x, c, t, &row, err);
}

static void
stop_waiting(struct exchange *x)
{
	x->hold_waiting = false;
	x->env->asking[next_candidate(x)->deployment->index]--;
}

void
holding_cancel(struct exchange *x)
{
	batch_cancel(x->env->batch, &x->hold_job);
	stop_waiting(x);
	if (!x->held)
		x->hold.number = 0;
}

static void
hold_done(struct batch_job *job, const struct err *err)
{
	struct exchange *x = LIST_OBJ(job, struct exchange, hold_job);

	stop_waiting(x);
	x->hold_failed = err != NULL;
	if (err != NULL)
		x->hold_err = *err;
	else if (x->hold_answer.verdict != HOLD_REFUSED) {
		x->held = true;
		x->limiting.taken = x->limiting.wanted;
		report_log_change(next_candidate(x)->deployment, &x->ticket,
		    "");
		x->quota.taken = x->quota.count > 0;
		x->booked_nanos = x->hold.booked_nanos;
	}
	exchange_resume(x);
}

/* The record's opening, and what the attempts before this one have cost. */
static void
fill_history(struct exchange *x, const struct candidate *c)
{
	const size_t room = LEDGER_RECORD_BYTES - LEDGER_ENDING_BYTES;
	struct hold *h = &x->hold;
	struct charge *ended;
	struct buf text;

	buf_init(&text, LEDGER_RECORD_BYTES);
	record_write_opening(x, c, &text);
	h->record = arena_str(&x->arena, buf_str(&text));
	if (x->attempt_count > 0) {
		ended =
		    arena_alloc(&x->arena, x->attempt_count * sizeof(*ended));
		record_charges(x, ended, false);
		h->ended = ended;
		h->ended_count = x->attempt_count;
		h->booked_nanos = 0;
		for (size_t i = 0; i < x->attempt_count; i++)
			h->booked_nanos = money_add(h->booked_nanos,
			    x->attempts[i]->cost_nanos);
		record_write_attempts(x,
		    room > h->record.n ? room - h->record.n : 0, &text);
		h->ended_attempts = arena_str(&x->arena, buf_str(&text));
	}
	if (h->record.n > room)
		h->record = str_make("", 0);
	buf_fini(&text);
}

int
holding_start(struct exchange *x, struct err *err)
{
	const struct candidate *c = next_candidate(x);
	struct hold *h = &x->hold;

	x->cap_refused = x->whole_only = x->clamped = false;
	x->ticket.changed = false;
	x->max_tokens = CONFIG_UNSET;
	x->hold_request.now_nsecs = clock_wall_nsecs();
	record_names(x, c, &h->names);
	/* A wildcard's price may be new: it is entered before it is used. */
	if (price_book_add(x->env->prices, c->price, err) != 0 ||
	    budgets_refresh(x->env->budgets, x->env->store, err) != 0 ||
	    find_caps(x, c, err) != 0 || price_it(x, c, err) != 0)
		return -1;
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
	fill_history(x, c);
	batch_job_init(&x->hold_job, hold_run, hold_done);
	x->hold_waiting = true;
	x->env->asking[c->deployment->index]++;
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

	money_format(money_add(a->cap_spent_nanos, cap->carried_nanos), spent);
	money_format(money_add(cap->cap_nanos, cap->carried_nanos), max);
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

	x->cap_refused = true;
	say_refused(x, err);
	if (x->refusal == NULL)
		x->refusal = memcpy(arena_alloc(&x->arena, sizeof(*err)), err,
		    sizeof(*err));
	if (cap->policy == CAP_DOWNGRADE && x->hold_downgrade == NULL)
		x->hold_downgrade = cap->downgrade_to;
	return HOLDING_SKIP;
}

/* What the hold pays for is what may be asked for, and what a stream may
   deliver. */
static void
set_limits(struct exchange *x)
{
	const struct worst *w = &x->worst;
	int64_t limit = token_limit(x);

	if (limit < w->limit) {
		x->max_tokens = limit;
		x->clamped = true;
	}
	if (x->hold_answer.verdict == HOLD_CLAMPED) {
		limit = worst_affordable(w, x->hold_answer.amount_nanos);
		x->max_tokens = limit;
		x->clamped = true;
	} else if (w->guessed && !w->open && x->hold_request.cap_count > 0) {
		/* Nobody else bounds it: we do, so that the hold holds. */
		x->max_tokens = limit;
	}
	x->paid_tokens = -1;
	if (x->hold_request.cap_count > 0 &&
	    worst_nanos(w, limit) > worst_nanos(w, 0))
		x->paid_tokens = worst_tokens(w, limit);
}

enum holding_outcome
holding_outcome(struct exchange *x, struct err *err)
{
	bool failed = x->hold_failed;

	x->hold_failed = false;
	if (!x->held)
		x->hold.number = 0;
	if (failed) {
		*err = x->hold_err;
		if (err->code == ERR_NO_DEPLOYMENT)
			x->retry_after_nsecs = x->limiting.wait_nsecs;
		else if (err->code == ERR_RATE_LIMIT)
			x->retry_after_nsecs = quota_wait_nsecs(x);
		return err->code == ERR_NO_DEPLOYMENT ? HOLDING_SKIP
						      : HOLDING_REFUSED;
	}
	if (x->hold_answer.verdict == HOLD_REFUSED)
		return refused(x, err);
	set_limits(x);
	return HOLDING_READY;
}

/* ---- another candidate -------------------------------------------------- */

/* The cap counts this candidate too. */
static bool
cap_touches(const struct cap *cap, const struct candidate *c)
{
	switch (cap->kind) {
	case SCOPE_PROVIDER:
		return strcmp(cap->id, c->deployment->provider) == 0;
	case SCOPE_DEPLOYMENT:
		return strcmp(cap->id, c->deployment->id) == 0;
	case SCOPE_MODEL:
		return strcmp(cap->id, c->group->name) == 0;
	case SCOPE_GLOBAL:
	case SCOPE_KEY:
	case SCOPE_TEAM:
	case SCOPE_USER:
	case SCOPE_END_USER:
	case SCOPE_TAG:
	case SCOPE_MEMBER:
	case SCOPE_KEY_MODEL:
	case SCOPE_TEAM_MODEL:
	case SCOPE_USER_MODEL:
	case SCOPE_END_USER_MODEL:
	case SCOPE_COUNT:
		break;
	}
	return true;
}

/* The cap that refused may let this one pass: it does not count it, or it is
   cheap enough. Other groups are for failures, and for what their own
   deployments' caps leave over. */
static bool
may_fit(const struct exchange *x, const struct candidate *c)
{
	const struct hold_answer *a = &x->hold_answer;
	const struct cap *cap;
	struct worst w;
	int64_t least;

	if (!x->cap_refused || x->whole_only)
		return true;
	cap = &x->hold_request.caps[a->cap_index];
	if (c->group_index != next_candidate(x)->group_index && !is_local(cap))
		return false;
	if (!cap_touches(cap, c))
		return true;
	if (!c->price->known)
		return false;
	worst_find(&x->request, c, &w);
	least = quote_least_limit(&w, x->env->config->min_output_tokens,
	    cap->policy != CAP_CLAMP);
	return worst_nanos(&w, w.limit) == 0 ||
	       worst_nanos(&w, least) <= a->cap_room_nanos;
}

bool
holding_advance(struct exchange *x)
{
	const struct plan *p = x->plan;
	uint32_t group = next_candidate(x)->group_index;

	if (x->whole_only && x->first_short == 0)
		x->first_short = x->next_candidate + 1;
	for (size_t i = x->next_candidate + 1; i < p->count; i++) {
		bool same = p->candidates[i].group_index == group;

		if (!same && x->first_short > 0)
			break;
		if (!may_fit(x, &p->candidates[i]))
			continue;
		if (!same) {
			x->group_attempts = 0;
			x->second_pass = false;
		}
		x->next_candidate = i;
		return true;
	}
	if (x->first_short == 0)
		return false;
	/* Nobody had room for all of it: now with less. */
	x->next_candidate = x->first_short - 1;
	x->first_short = 0;
	x->second_pass = true;
	return true;
}
