/* For which candidate a hold can be had. See reserving.h. */
#include "exchange/reserving.h"

#include "base/clock.h"
#include "domain/accounts/access.h"
#include "exchange/exchange.h"
#include "exchange/planning.h"

static const struct candidate *
next_candidate(const struct exchange *x)
{
	return &x->plan->candidates[x->next_candidate];
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
	const struct holding *h = &x->holding;
	const struct hold_answer *a = &h->answer;
	const struct cap *cap;
	struct worst w;
	int64_t least;

	if (!x->reserving.cap_refused || h->whole_only)
		return true;
	cap = &h->request.caps[a->cap_index];
	if (c->group_index != next_candidate(x)->group_index &&
	    !holding_is_local(cap))
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

/* To the next candidate that a hold may be had for. */
static bool
advance(struct exchange *x)
{
	struct reserving *r = &x->reserving;
	const struct plan *p = x->plan;
	uint32_t group = next_candidate(x)->group_index;

	if (x->holding.whole_only && r->first_short == 0)
		r->first_short = x->next_candidate + 1;
	for (size_t i = x->next_candidate + 1; i < p->count; i++) {
		bool same = p->candidates[i].group_index == group;

		if (!same && r->first_short > 0)
			break;
		if (!may_fit(x, &p->candidates[i]))
			continue;
		if (!same) {
			x->group_attempts = 0;
			r->second_pass = false;
		}
		x->next_candidate = i;
		return true;
	}
	if (r->first_short == 0)
		return false;
	/* Nobody had room for all of it: now with less. */
	x->next_candidate = r->first_short - 1;
	r->first_short = 0;
	r->second_pass = true;
	return true;
}

/* Another candidate, or the group that a used-up cap names. */
static bool
find_other(struct exchange *x)
{
	struct reserving *r = &x->reserving;

	if (advance(x))
		return true;
	if (r->downgrade_to == NULL || r->downgraded)
		return false;
	r->downgraded = planning_downgrade(x);
	return r->downgraded;
}

/* ---- reserving ---------------------------------------------------------- */

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
static enum holding_share
share_for(const struct exchange *x)
{
	if (x->reserving.second_pass || x->attempt_count > 0 ||
	    !has_neighbours(x))
		return HOLDING_LESS;
	return x->reserving.first_short > 0 ? HOLDING_WHOLE
					    : HOLDING_WHOLE_IF_LOCAL;
}

/* That a cap is used up says more than what stood in another's way. */
static int
refuse(const struct exchange *x, struct err *err)
{
	if (x->reserving.refusal != NULL && err->code != ERR_STORE &&
	    err->code != ERR_STORE_FULL)
		*err = *x->reserving.refusal;
	return -1;
}

int
reserving_start(struct exchange *x, struct err *err)
{
	x->reserving.cap_refused = false;
	while (holding_start(&x->holding, next_candidate(x), share_for(x),
		   err) != 0) {
		if (!find_other(x))
			return refuse(x, err);
	}
	x->reserving.started = true;
	return 0;
}

/* Where the operator's configuration sends a request, it may go. What stands in
   the row of a key may be its owner's: its lists of models hold. */
static bool
may_downgrade(const struct exchange *x, const struct cap *cap)
{
	if (cap->policy != CAP_DOWNGRADE)
		return false;
	return !cap->of_row || access_model(x->account, x->env->catalog,
				   str_of(cap->downgrade_to), NULL) == 0;
}

static void
note_capped(struct exchange *x, const struct err *err)
{
	const struct holding *h = &x->holding;
	const struct cap *cap = &h->request.caps[h->answer.cap_index];
	int64_t end = (int64_t)h->answer.cap_window_end * NSECS_PER_SEC;
	struct reserving *r = &x->reserving;

	r->cap_refused = true;
	x->retry_after_nsecs = end > 0 ? end - h->request.now_nsecs : 0;
	if (r->refusal == NULL)
		r->refusal = memcpy(arena_alloc(&x->arena, sizeof(*err)), err,
		    sizeof(*err));
	if (r->downgrade_to == NULL && may_downgrade(x, cap))
		r->downgrade_to = cap->downgrade_to;
}

int
reserving_outcome(struct exchange *x, struct err *err)
{
	x->reserving.started = false;
	switch (holding_outcome(&x->holding, err)) {
	case HOLDING_READY:
		return 1;
	case HOLDING_SKIP:
		x->retry_after_nsecs = x->holding.limiting.wait_nsecs;
		break;
	case HOLDING_CAPPED:
		note_capped(x, err);
		break;
	case HOLDING_REFUSED:
		if (err->code == ERR_RATE_LIMIT)
			x->retry_after_nsecs = quota_wait_nsecs(x);
		return refuse(x, err);
	}
	return find_other(x) ? reserving_start(x, err) : refuse(x, err);
}
