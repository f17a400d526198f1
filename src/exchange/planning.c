/* Plans on the shared state. See planning.h. */
#include "exchange/planning.h"

#include "base/clock.h"
#include "base/hash.h"
#include "domain/state_tag.h"

static bool
read_health(void *arg, const struct deployment *d, struct health_row *row_r)
{
	struct store_txn *t = arg;

	return t != NULL && health_get(t, d->id, row_r) == 1;
}

static double
random_number(void *arg)
{
	(void)arg;
	return random_unit();
}

static struct route_request
request_of(const struct exchange *x)
{
	return (struct route_request){
		.model = x->request.model,
		.prompt_bound = x->request.prompt_bound_tokens,
		.prompt_guess = x->request.prompt_guess_tokens,
		.max_output = x->request.max_tokens,
		.stream = x->request.stream,
		.needs_state = x->request.needs_state,
		.state_tag = x->request.state_tag,
		.tag_count = x->request.tag_count,
		.tags = x->request.tags,
		.disable_fallbacks = x->request.disable_fallbacks,
	};
}

/* Health is advice: without a store the router goes on without it. */
static struct store_txn *
open_state(const struct exchange *x, struct route_state *state)
{
	struct store_txn *t = NULL;

	if (store_read(x->env->store, STORE_LIVE, &t, NULL) != 0)
		t = NULL;
	*state = (struct route_state){
		.arg = t,
		.health = read_health,
		.random = random_number,
		.now_nsecs = clock_wall_nsecs(),
	};
	return t;
}

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

int
planning_route(struct exchange *x, struct err *err)
{
	struct route_request request = request_of(x);
	struct plan *plan = arena_alloc(&x->arena, sizeof(*plan));
	struct route_state state;
	struct store_txn *t = open_state(x, &state);
	int rc = route(x->env->catalog, &request, &state, &x->arena, plan, err);

	if (t != NULL)
		store_abort(&t);
	if (rc == 0)
		x->plan = plan;
	return rc;
}

bool
planning_other_list(struct exchange *x, enum fallback_kind kind)
{
	struct route_request request = request_of(x);
	struct plan *plan = arena_alloc(&x->arena, sizeof(*plan));
	struct route_failure failure = {
		.kind = kind,
		.plan = x->plan,
		.candidate = x->next_candidate,
	};
	struct route_state state;
	struct store_txn *t = open_state(x, &state);

	route_fallbacks(x->env->catalog, &request, &state, &failure, &x->arena,
	    plan);
	if (t != NULL)
		store_abort(&t);
	if (plan->count == 0)
		return false;
	x->plan = plan;
	x->next_candidate = 0;
	x->group_attempts = 0;
	return true;
}

bool
planning_downgrade(struct exchange *x)
{
	struct str group = str_of(x->hold_downgrade);
	struct route_request request = request_of(x);
	struct plan *plan = arena_alloc(&x->arena, sizeof(*plan));
	struct route_failure failure = {
		.kind = FALLBACK_ANY,
		.plan = x->plan,
		.candidate = 0, /* of the asked group: this list is its own */
	};
	struct route_state state;
	struct store_txn *t = open_state(x, &state);

	request.disable_fallbacks = false; /* the operator's, not a failure's */
	request.fallback_count = 1;
	request.fallbacks = &group;
	route_fallbacks(x->env->catalog, &request, &state, &failure, &x->arena,
	    plan);
	if (t != NULL)
		store_abort(&t);
	if (plan->count == 0)
		return false;
	x->plan = plan;
	x->next_candidate = 0;
	x->group_attempts = 0;
	x->first_short = 0;
	x->second_pass = false;
	return true;
}
