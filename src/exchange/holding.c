/* What is held for one candidate. See holding.h. */
#include "exchange/holding.h"

#include "base/clock.h"
#include "domain/ledger/alert.h"
#include "exchange/record.h"
#include "exchange/report.h"

void
holding_init(struct holding *h, struct exchange *x)
{
	h->x = x;
	h->max_tokens = CONFIG_UNSET;
	h->paid_tokens = -1;
}

/* ---- the worst price ---------------------------------------------------- */

static int
find_caps(struct holding *h, struct err *err)
{
	struct exchange *x = h->x;
	struct rollup_names *names = &h->hold.names;
	struct budget_subject who = {
		.provider = names->provider,
		.deployment = names->deployment,
		.model = str_of(h->candidate->group->name),
		.key = names->key,
		.team = names->team,
		.user = x->account->user,
		.end_user = x->request.user,
		.tag_count = names->tag_count,
		.tags = names->tags,
		.asked = str_of(x->asked),
	};
	const struct allowance *all[ACCOUNT_MAX_ALLOWANCES + 1 + WIRE_MAX_TAGS];
	struct hold_request *request = &h->request;
	struct cap caps[LEDGER_MAX_CAPS];
	size_t count;
	int n;

	for (size_t i = 0; i < x->account->allowance_count; i++)
		all[who.allowance_count++] = x->account->allowances[i];
	for (size_t i = 0; i < x->purse_count; i++)
		all[who.allowance_count++] = &x->purses[i]->allowance;
	who.allowances = all;
	n = budgets_apply(x->env->budgets, &who, &x->arena, caps, err);
	if (n < 0)
		return -1;
	request->cap_count = (size_t)n;
	request->track_count = budgets_track(&who, caps, request->cap_count);
	count = request->cap_count + request->track_count;
	request->caps = arena_copy(&x->arena, caps, count * sizeof(caps[0]));
	return 0;
}

bool
holding_is_local(const struct cap *cap)
{
	return cap->kind == SCOPE_DEPLOYMENT || cap->kind == SCOPE_PROVIDER;
}

static bool
is_whole_only(const struct holding *h, enum holding_share share)
{
	const struct hold_request *r = &h->request;

	if (share != HOLDING_WHOLE_IF_LOCAL ||
	    h->candidate->deployment->limits.tokens >= 0)
		return share != HOLDING_LESS;
	for (size_t i = 0; i < r->cap_count; i++) {
		if (holding_is_local(&r->caps[i]))
			return true;
	}
	return false;
}

/* A limit that never reaches the provider bounds nothing. */
static int
check_open(const struct holding *h, struct err *err)
{
	const struct worst *w = &h->worst;

	if (!w->open || !w->guessed || h->request.cap_count == 0 ||
	    worst_nanos(w, w->limit) == worst_nanos(w, 0))
		return 0;
	return err_set(err, ERR_BAD_REQUEST,
	    "additional_drop_params takes the output's limit away, the "
	    "model's own maximum is not known, and a budget applies");
}

static int
check_price(const struct holding *h, struct err *err)
{
	const struct candidate *c = h->candidate;
	const struct hold_request *r = &h->request;

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
	if (h->x->env->config->unpriced_refuse)
		return err_set(err, ERR_UNPRICED,
		    "model %s (%s, deployment %s): tallygate.unpriced says "
		    "refuse; give it input_cost_per_token and "
		    "output_cost_per_token, or name a price table in "
		    "tallygate.prices",
		    c->group->name, c->upstream_model, c->deployment->id);
	return 0;
}

static int
price_it(struct holding *h, enum holding_share share, struct err *err)
{
	struct hold_request *request = &h->request;
	const struct exchange *x = h->x;
	struct worst *w = &h->worst;
	struct price_bound prompt;
	int64_t least;

	worst_find(&x->request, h->candidate, w);
	if (check_price(h, err) != 0 || check_open(h, err) != 0)
		return -1;
	h->whole_only = is_whole_only(h, share);
	least = quote_least_limit(w, x->env->config->min_output_tokens,
	    h->whole_only);
	request->worst_nanos = worst_nanos(w, w->limit);
	request->least_nanos = worst_nanos(w, least);
	request->unpriced = !h->candidate->price->known;
	/* Should we die: what was surely asked for, and no search. */
	prompt = w->prompt;
	prompt.searches = prompt.result_tokens = 0;
	h->hold.prompt_nanos = price_bound_nanos(h->candidate->price, &prompt);
	h->hold.prompt_tokens = w->prompt.prompt_tokens;
	limiting_prepare(h);
	return quota_prepare(h, err);
}

/* ---- the job ------------------------------------------------------------ */

/* The ticket before the hold: who does not get it has written nothing. */
static int
take_ticket(struct holding *h, struct store_txn *t, struct health_row *row_r,
    struct err *err)
{
	const struct deployment *d = h->candidate->deployment;
	const struct exchange_env *env = h->x->env;
	struct breaker_rule rule;
	uint32_t before;

	route_breaker_rule(env->catalog, d, &rule);
	if (health_get(t, d->id, row_r) < 0)
		return err_set(err, ERR_STORE, "health row");
	before = row_r->state;
	if (breaker_enter(row_r, &rule, env->owner->id, h->request.now_nsecs) ==
	    BREAKER_DENY)
		return err_set(err, ERR_NO_DEPLOYMENT,
		    "another request probes deployment %s", d->id);
	h->ticket.changed = row_r->state != before;
	return 0;
}

static int
store_ticket(struct holding *h, struct store_txn *t,
    const struct health_row *row, struct err *err)
{
	const struct deployment *d = h->candidate->deployment;

	if (health_put(t, d->id, row) != 0)
		return err_set(err, ERR_STORE, "health row");
	h->ticket.state = (enum breaker_state)row->state;
	return h->ticket.changed
		   ? report_change_alert(d, row, h->request.now_nsecs, t, err)
		   : 0;
}

/* The caller's and the deployment's, both or none. */
static int
take_limits(struct holding *h, struct store_txn *t, struct err *err)
{
	if (quota_take(h, t, err) != 0)
		return -1;
	if (limiting_take(h, t, err) == 0)
		return 0;
	/* A failed transaction undoes itself. */
	if (!store_failed(t, NULL) && quota_undo(h->x, t, NULL) != 0)
		store_failed(t, err);
	return -1;
}

static int
undo_limits(const struct holding *h, struct store_txn *t, struct err *err)
{
	if (limiting_undo(h, t, err) != 0)
		return -1;
	return quota_undo(h->x, t, err);
}

/* Output tokens per answer that both leave. */
static int64_t
token_limit(const struct holding *h)
{
	int64_t quota = h->x->quota.limit;

	return quota < h->limiting.limit ? quota : h->limiting.limit;
}

/* Limits first: where they leave fewer tokens, less money is held. */
static int
hold_money(struct holding *h, struct store_txn *t, struct err *err)
{
	struct hold_request request = h->request;
	int rc;

	if (take_limits(h, t, err) != 0)
		return -1;
	if (token_limit(h) < h->worst.limit)
		request.worst_nanos = worst_nanos(&h->worst, token_limit(h));
	rc = h->held ? ledger_rehold(t, &request, &h->hold, &h->answer, err)
		     : ledger_hold(t, &request, &h->hold, &h->answer, err);
	if ((rc != 0 || h->answer.verdict == HOLD_REFUSED) &&
	    undo_limits(h, t, err) != 0)
		return -1;
	return rc;
}

static int
hold_run(struct batch_job *job, struct store_txn *t, struct err *err)
{
	struct holding *h = LIST_OBJ(job, struct holding, job);
	const struct candidate *c = h->candidate;
	struct health_row row;
	int rc;

	if (c->probe && take_ticket(h, t, &row, err) != 0)
		return -1;
	rc = hold_money(h, t, err);
	if (rc == 0 && h->answer.verdict == HOLD_REFUSED && !h->whole_only)
		return alert_check_refused(t, &h->request, &h->answer, err);
	if (rc != 0 || h->answer.verdict == HOLD_REFUSED || !c->probe)
		return rc;
	return store_ticket(h, t, &row, err);
}

static void
stop_waiting(struct holding *h)
{
	h->waiting = false;
	h->x->env->asking[h->candidate->deployment->index]--;
}

static void
hold_done(struct batch_job *job, const struct err *err)
{
	struct holding *h = LIST_OBJ(job, struct holding, job);

	stop_waiting(h);
	h->failed = err != NULL;
	if (err != NULL)
		h->err = arena_copy(&h->x->arena, err, sizeof(*err));
	else if (h->answer.verdict != HOLD_REFUSED) {
		h->held = true;
		h->limiting.taken = h->limiting.wanted;
		report_log_change(h->candidate->deployment, &h->ticket, "");
		h->x->quota.taken = h->x->quota.count > 0;
		h->booked_nanos = h->hold.booked_nanos;
	}
	exchange_resume(h->x);
}

int64_t
holding_cost_nanos(const struct holding *h)
{
	const struct exchange *x = h->x;
	int64_t nanos = 0;

	for (size_t i = 0; i < x->attempt_count; i++) {
		if (x->attempts[i]->hold_number == h->hold.number)
			nanos = money_add(nanos, x->attempts[i]->cost_nanos);
	}
	return nanos;
}

bool
holding_is_overrun(const struct holding *h)
{
	return h->held && h->hold.scope_count > 0 &&
	       holding_cost_nanos(h) - h->booked_nanos > h->hold.amount_nanos;
}

/* The record's opening, and what the attempts before this one have cost. */
static void
fill_history(struct holding *holding)
{
	const size_t room = LEDGER_RECORD_BYTES - LEDGER_ENDING_BYTES;
	struct exchange *x = holding->x;
	struct hold *h = &holding->hold;
	struct buf *text = &x->record; /* empty until the record step */
	struct charge *ended;

	buf_clear(text);
	record_write_opening(x, holding->candidate, text);
	h->record = arena_str(&x->arena, buf_str(text));
	if (x->attempt_count > 0) {
		ended =
		    arena_alloc(&x->arena, x->attempt_count * sizeof(*ended));
		h->ended_count = record_charges_so_far(x, h->number, ended);
		h->ended = ended;
		h->booked_nanos = holding_cost_nanos(holding);
		record_write_attempts(x, h->number,
		    room > h->record.n ? room - h->record.n : 0, text);
		h->ended_attempts = arena_str(&x->arena, buf_str(text));
	}
	if (h->record.n > room)
		h->record = str_make("", 0);
	buf_clear(text);
}

int
holding_start(struct holding *h, const struct candidate *c,
    enum holding_share share, struct err *err)
{
	const struct exchange_env *env = h->x->env;

	h->candidate = c;
	h->whole_only = h->clamped = false;
	h->ticket.changed = false;
	h->max_tokens = CONFIG_UNSET;
	h->request.now_nsecs = clock_wall_nsecs();
	record_names(h->x, c, &h->hold.names);
	/* A wildcard's price may be new: it is entered before it is used. */
	if (price_book_add(env->prices, c->price, err) != 0 ||
	    budgets_refresh(env->budgets, env->store, err) != 0 ||
	    find_caps(h, err) != 0 || price_it(h, share, err) != 0)
		return -1;
	if (h->hold.number == 0) {
		h->hold.owner = env->owner->id;
		h->hold.number = h->x->env->next_number++;
		h->hold.taken_nsecs = h->request.now_nsecs;
	}
	/* It goes out right after the commit; a worker killed in between
	   overstates by a prompt, and the record says so. */
	h->hold.state = HOLD_SENT;
	h->hold.deadline_nsecs =
	    h->request.now_nsecs +
	    env->config->router.timeout_msecs * NSECS_PER_MSEC;
	h->hold.price_version = str_of(c->price->version);
	fill_history(h);
	batch_job_init(&h->job, hold_run, hold_done);
	h->waiting = true;
	env->asking[c->deployment->index]++;
	batch_add(env->batch, &h->job);
	return 0;
}

void
holding_cancel(struct holding *h)
{
	if (!h->waiting)
		return;
	batch_cancel(h->x->env->batch, &h->job);
	stop_waiting(h);
	if (!h->held)
		h->hold.number = 0;
}

/* ---- what came of it ---------------------------------------------------- */

/* A cap may refuse long before all of it is spent: what is left has to pay for
   the worst case, or with `clamp` for the prompt and a few tokens. */
static int64_t
least_needed(const struct holding *h, const struct cap *cap)
{
	return cap->policy == CAP_CLAMP ? h->request.least_nanos
					: h->request.worst_nanos;
}

static void
say_capped(struct holding *h, struct err *err)
{
	const struct hold_answer *a = &h->answer;
	const struct cap *cap = &h->request.caps[a->cap_index];
	struct str alias =
	    cap->kind == SCOPE_KEY ? h->x->account->alias : str_make("", 0);
	bool named = alias.n > 0;
	char spent[MONEY_TEXT_BYTES], max[MONEY_TEXT_BYTES];
	char held[MONEY_TEXT_BYTES], when[CLOCK_RFC3339_BYTES];
	char left[MONEY_TEXT_BYTES], needed[MONEY_TEXT_BYTES];
	int64_t end = (int64_t)a->cap_window_end * NSECS_PER_SEC;

	money_format(money_add(a->cap_spent_nanos, cap->carried_nanos), spent);
	money_format(money_add(cap->cap_nanos, cap->carried_nanos), max);
	money_format(a->cap_held_nanos, held);
	money_format(a->cap_room_nanos, left);
	money_format(least_needed(h, cap), needed);
	if (end > 0)
		clock_rfc3339(end, when);
	else
		snprintf(when, sizeof(when), "never");
	/* The first words are LiteLLM's: clients look for them. */
	err_set(err, ERR_BUDGET,
	    "%s%s%s%s" STR_FMT
	    "%s: Current cost: %s, Max budget: %s, held by requests "
	    "under way: %s, resets at: %s; left: %s, this request needs: %s",
	    scope_name(cap->kind), cap->id[0] != '\0' ? " " : "", cap->id,
	    named ? " (" : "", STR_ARG(alias), named ? ")" : "", spent, max,
	    held, when, left, needed);
}

/* So much output costs more than none; mostly seen from what is known. */
static bool
is_output_paid(const struct holding *h, int64_t limit)
{
	const struct worst *w = &h->worst;
	int64_t most =
	    limit == w->limit ? h->request.worst_nanos : worst_nanos(w, limit);

	return most >
	       (w->extra == 0 ? h->hold.prompt_nanos : worst_nanos(w, 0));
}

/* What the hold pays for is what may be asked for, and what a stream may
   deliver. */
static void
set_limits(struct holding *h)
{
	const struct worst *w = &h->worst;
	int64_t limit = token_limit(h);

	if (limit < w->limit) {
		h->max_tokens = limit;
		h->clamped = true;
	}
	if (h->answer.verdict == HOLD_CLAMPED) {
		limit = worst_affordable(w, h->answer.amount_nanos);
		h->max_tokens = limit;
		h->clamped = true;
	} else if (w->guessed && !w->open && h->request.cap_count > 0) {
		/* Nobody else bounds it: we do, so that the hold holds. */
		h->max_tokens = limit;
	}
	h->paid_tokens = -1;
	if (h->request.cap_count > 0 && is_output_paid(h, limit))
		h->paid_tokens = worst_tokens(w, limit);
}

enum holding_outcome
holding_outcome(struct holding *h, struct err *err)
{
	bool failed = h->failed;

	h->failed = false;
	if (!h->held)
		h->hold.number = 0;
	if (failed) {
		*err = *h->err;
		return err->code == ERR_NO_DEPLOYMENT ? HOLDING_SKIP
						      : HOLDING_REFUSED;
	}
	if (h->answer.verdict == HOLD_REFUSED) {
		say_capped(h, err);
		return HOLDING_CAPPED;
	}
	set_limits(h);
	return HOLDING_READY;
}
