/* Plans on the shared state. See planning.h. */
#include "exchange/planning.h"

#include "base/clock.h"
#include "domain/accounts/access.h"
#include "domain/routing/route_live.h"
#include "domain/routing/state_tag.h"
#include "wire/quote.h"

int
planning_find_kept(struct exchange *x, struct err *err)
{
	const struct config *c = x->env->config;
	char tag[STATE_TAG_CHARS + 1];

	for (size_t i = 0; i < c->deployment_count; i++) {
		state_tag(c->deployments[i].id, tag);
		if (str_is(x->request.state_tag, tag)) {
			x->request.model = str_of(c->deployments[i].model_name);
			return 0;
		}
	}
	return err_set(err, ERR_NO_RESPONSE,
	    "the deployment that keeps this response is no longer configured");
}

/*
 * With enforce_fallback_model_access: no group behind the asked one that the
 * key may not ask for. `asked`: the plan's first group is.
 */
static void
drop_forbidden(const struct exchange *x, struct plan *plan, bool asked)
{
	size_t n = 0;

	if (!x->env->config->fallback_access)
		return;
	for (size_t i = 0; i < plan->count; i++) {
		const struct candidate *c = &plan->candidates[i];

		if ((asked && c->group_index == 0) ||
		    access_model(x->account, x->env->catalog,
			str_of(c->group->name), NULL) == 0)
			plan->candidates[n++] = *c;
	}
	plan->count = n;
}

int
planning_route(struct exchange *x, struct err *err)
{
	struct route_request request;
	struct plan *plan = arena_alloc(&x->arena, sizeof(*plan));
	struct route_live live;
	int rc;

	quote_route_request(&x->request, &request);
	route_live_open(&live, x->env->store, clock_wall_nsecs());
	live.asking = x->env->asking;
	rc =
	    route(x->env->catalog, &request, &live.state, &x->arena, plan, err);
	route_live_close(&live);
	if (rc != 0)
		return rc;
	drop_forbidden(x, plan, true);
	x->plan = plan;
	return 0;
}

/* The list behind what failed becomes the exchange's; false: there is none. */
static bool
take_fallbacks(struct exchange *x, const struct route_request *request,
    const struct route_failure *failure)
{
	struct plan *plan = arena_alloc(&x->arena, sizeof(*plan));
	struct route_live live;

	route_live_open(&live, x->env->store, clock_wall_nsecs());
	live.asking = x->env->asking;
	route_fallbacks(x->env->catalog, request, &live.state, failure,
	    &x->arena, plan);
	route_live_close(&live);
	drop_forbidden(x, plan, false);
	if (plan->count == 0)
		return false;
	x->plan = plan;
	x->next_candidate = 0;
	x->group_attempts = 0;
	return true;
}

bool
planning_other_list(struct exchange *x, enum fallback_kind kind)
{
	struct route_request request;
	struct route_failure failure = {
		.kind = kind,
		.plan = x->plan,
		.candidate = x->next_candidate,
	};

	quote_route_request(&x->request, &request);
	return take_fallbacks(x, &request, &failure);
}

bool
planning_downgrade(struct exchange *x)
{
	struct str group = str_of(x->reserving.downgrade_to);
	struct route_request request;
	struct route_failure failure = {
		.kind = FALLBACK_ANY,
		.plan = x->plan,
		.candidate = 0, /* of the asked group: this list is its own */
	};

	quote_route_request(&x->request, &request);
	request.disable_fallbacks = false; /* the operator's, not a failure's */
	request.fallbacks[FALLBACK_ANY] = (struct route_names){ 1, &group };
	if (!take_fallbacks(x, &request, &failure))
		return false;
	x->reserving.first_short = 0;
	x->reserving.second_pass = false;
	return true;
}
