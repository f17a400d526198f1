/*
 * The router. See router.h for the contract, router_private.h for the parts.
 * Reads the catalog and asks the shared state through callbacks; everything it
 * makes is in the caller's arena. Fails only for a model nobody knows.
 *
 * visit() is the heart: one group's members into the plan, then, depth first,
 * the groups it falls back to.
 */
#include "domain/routing/router.h"

#include "domain/routing/router_private.h"
#include "domain/routing/state_tag.h"

/* LiteLLM's default for max_fallbacks. */
#define MAX_FALLBACKS 5
/* Of a client's name that is repeated in an error. */
#define SHOWN_NAME_BYTES 120

static void visit(struct routing *r, const struct catalog_match *match,
    const char *model);

/* ---- the lists of the plan ---------------------------------------------- */

static void *
grow(struct arena *a, void *old, size_t count, size_t size, size_t *room)
{
	size_t wanted = *room == 0 ? 8 : *room * 2;
	void *p;

	if (count < *room)
		return old;
	p = arena_alloc(a, wanted * size);
	if (count > 0)
		memcpy(p, old, count * size);
	*room = wanted;
	return p;
}

static void
add_candidate(struct routing *r, const struct pick *p)
{
	struct plan *plan = r->plan;
	struct candidate *c;

	plan->candidates = grow(r->arena, plan->candidates, plan->count,
	    sizeof(*c), &r->candidate_room);
	c = &plan->candidates[plan->count++];
	c->group_index = (uint32_t)(plan->group_count - 1);
	c->deployment = p->deployment;
	c->group = plan->groups[c->group_index].group;
	c->model = plan->groups[c->group_index].model;
	c->upstream_model = p->upstream_model;
	c->price = p->price;
	c->max_input_tokens = p->max_input_tokens;
	c->max_output_tokens = p->max_output_tokens;
	c->probe = p->probe;
	memcpy(c->reason, p->reason, sizeof(c->reason));
}

static void
add_refused(struct routing *r, const struct refused *no)
{
	struct plan *plan = r->plan;

	plan->refused = grow(r->arena, plan->refused, plan->refused_count,
	    sizeof(*no), &r->refused_room);
	plan->refused[plan->refused_count++] = *no;
}

/* A deployment can be reached through a group and by its id. */
static bool
is_planned(const struct plan *plan, const struct pick *p)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct candidate *c = &plan->candidates[i];

		if (c->deployment == p->deployment &&
		    strcmp(c->upstream_model, p->upstream_model) == 0)
			return true;
	}
	return false;
}

/* ---- one group ---------------------------------------------------------- */

static void
fill_pick(const struct routing *r, const struct catalog_match *match,
    const struct deployment *d, struct pick *p)
{
	p->deployment = d;
	p->upstream_model = catalog_upstream_model(d, match, r->arena);
	p->price = catalog_price(r->catalog, d, p->upstream_model, r->arena);
	p->max_input_tokens = d->max_input_tokens;
	p->max_output_tokens = d->max_output_tokens;
	if (p->max_input_tokens <= 0)
		p->max_input_tokens = p->price->max_input_tokens;
	if (p->max_output_tokens <= 0)
		p->max_output_tokens = p->price->max_output_tokens;
	p->order = d->config->order >= 0 ? d->config->order : INT64_MAX;
}

/* What an earlier response left is kept at one deployment, and only at
   providers that keep any. */
static bool
keeps_state(const struct routing *r, const struct deployment *d,
    struct refused *no)
{
	const struct route_request *request = r->request;
	char tag[STATE_TAG_CHARS + 1];

	if (!request->needs_state)
		return true;
	no->why = REFUSED_STATE;
	state_tag(d->config->id, tag);
	if (request->state_tag.n > 0 && !str_is(request->state_tag, tag)) {
		snprintf(no->reason, sizeof(no->reason),
		    "the response is kept at another deployment");
		return false;
	}
	if (config_has_responses(d->config))
		return true;
	snprintf(no->reason, sizeof(no->reason),
	    "%s keeps no responses: previous_response_id, conversation and "
	    "background do not work there",
	    d->config->provider->title);
	return false;
}

/* Leaves the pointers of those that pass in `kept`; returns how many. */
static size_t
filter_all(struct routing *r, const struct group *g, struct pick *picks,
    size_t count, struct pick **kept)
{
	bool by_tags = r->catalog->config->router.enable_tag_filtering;
	bool served = !by_tags || filter_tags(r, picks, count);
	int best = 1;
	size_t n = 0, left = 0;

	for (size_t i = 0; i < count; i++) {
		struct refused no = { .deployment = picks[i].deployment,
			.group = g,
			.group_index = (uint32_t)(r->plan->group_count - 1),
			.why = REFUSED_TAGS };

		if (!served)
			snprintf(no.reason, sizeof(no.reason),
			    "not allowed by the tags configuration");
		if (!keeps_state(r, picks[i].deployment, &no)) {
			add_refused(r, &no);
			continue;
		}
		if (!served || !filter_pick(r, &picks[i], &no))
			add_refused(r, &no);
		else
			kept[n++] = &picks[i];
	}
	if (!by_tags)
		return n;
	/* Of what is left: those that match, else the default ones. */
	for (size_t i = 0; i < n; i++)
		best = kept[i]->tag_level > best ? kept[i]->tag_level : best;
	for (size_t i = 0; i < n; i++) {
		struct refused no = { .deployment = kept[i]->deployment,
			.group = g,
			.group_index = (uint32_t)(r->plan->group_count - 1),
			.why = REFUSED_TAGS };

		if (kept[i]->tag_level == best) {
			kept[left++] = kept[i];
			continue;
		}
		snprintf(no.reason, sizeof(no.reason), "%s",
		    best == 2 ? "another one matches the request's tags"
			      : "its tags are not the request's");
		add_refused(r, &no);
	}
	return left;
}

static void
plan_members(struct routing *r, const struct catalog_match *match)
{
	const struct group *g = match->group;
	struct pick *picks = arena_alloc(r->arena, g->count * sizeof(*picks));
	struct pick **kept = arena_alloc(r->arena, g->count * sizeof(*kept));
	size_t count = 0;

	for (size_t i = 0; i < g->count; i++) {
		fill_pick(r, match, g->members[i], &picks[count]);
		if (r->plan->count == 0 || !is_planned(r->plan, &picks[count]))
			count++;
	}
	count = filter_all(r, g, picks, count, kept);
	strategy_order(r, &g->strategy, kept, count);
	for (size_t i = 0; i < count; i++)
		add_candidate(r, kept[i]);
}

/* ---- the groups behind it ----------------------------------------------- */

static bool
same_group(const struct plan_group *g, const struct catalog_match *m)
{
	return g->group == m->group &&
	       (!m->group->is_wildcard || str_eq(g->name, m->name));
}

static bool
is_visited(const struct plan *plan, size_t groups,
    const struct catalog_match *m)
{
	for (; plan != NULL;
	     groups = plan->before_groups, plan = plan->before) {
		for (size_t i = 0; i < groups; i++) {
			if (same_group(&plan->groups[i], m))
				return true;
		}
	}
	return false;
}

static void
follow_one(struct routing *r, struct str name)
{
	struct catalog_match match;

	if (r->plan->group_count >= r->max_groups ||
	    !catalog_match(r->catalog, name, r->arena, &match) ||
	    is_visited(r->plan, r->plan->group_count, &match))
		return;
	visit(r, &match, arena_strndup(r->arena, name.p, name.n));
}

static void
follow(struct routing *r, size_t from, enum fallback_kind kind)
{
	const struct plan_group *g = &r->plan->groups[from];
	const struct route_request *q = r->request;
	const struct config_strings *to;

	if (from == 0 && r->from_asked && q->fallbacks[kind].count > 0) {
		for (size_t i = 0; i < q->fallbacks[kind].count; i++)
			follow_one(r, q->fallbacks[kind].items[i]);
		return;
	}
	to = catalog_fallbacks(r->catalog, kind, g->group, str_of(g->model));
	for (size_t i = 0; to != NULL && i < to->count; i++)
		follow_one(r, str_of(to->items[i]));
}

/* Nothing of this group is left, and the prompt's length is a reason. */
static bool
is_too_small(const struct plan *plan, size_t group)
{
	bool too_small = false;

	for (size_t i = 0; i < plan->refused_count; i++) {
		if (plan->refused[i].group_index == group)
			too_small = too_small ||
				    plan->refused[i].why == REFUSED_CONTEXT;
	}
	for (size_t i = plan->count; i > 0; i--) {
		if (plan->candidates[i - 1].group_index == group)
			return false;
	}
	return too_small;
}

static void
visit(struct routing *r, const struct catalog_match *match, const char *model)
{
	size_t at = r->plan->group_count++;

	r->plan->groups[at].group = match->group;
	r->plan->groups[at].model = model;
	r->plan->groups[at].name = match->name;
	plan_members(r, match);
	if (r->request->disable_fallbacks)
		return;
	if (is_too_small(r->plan, at))
		follow(r, at, FALLBACK_CONTEXT_WINDOW);
	follow(r, at, FALLBACK_ANY);
}

/* ---- the plan ----------------------------------------------------------- */

/* Which refusal the client hears of: one that passes by itself before one that
   does not. */
static enum route_refusal
main_refusal(const struct plan *plan)
{
	static const enum route_refusal order[] = { REFUSED_BREAKER,
		REFUSED_LIMIT, REFUSED_BUDGET, REFUSED_CONTEXT, REFUSED_TAGS,
		REFUSED_STATE };

	for (size_t k = 0; k < ARRAY_LEN(order); k++) {
		for (size_t i = 0; i < plan->refused_count; i++) {
			if (plan->refused[i].group_index == 0 &&
			    plan->refused[i].why == order[k])
				return order[k];
		}
	}
	return REFUSED_NONE;
}

static void
finish(struct plan *plan)
{
	plan->fallback_count = plan->group_count - 1;
	if (plan->count > 0)
		return;
	plan->why = main_refusal(plan);
	for (size_t i = 0; i < plan->refused_count; i++) {
		int64_t wait = plan->refused[i].retry_nsecs;

		if (wait > 0 &&
		    (plan->retry_nsecs == 0 || wait < plan->retry_nsecs))
			plan->retry_nsecs = wait;
	}
}

static void
start(struct routing *r)
{
	int64_t fallbacks = r->catalog->config->router.max_fallbacks;

	if (fallbacks < 0)
		fallbacks = MAX_FALLBACKS;
	r->max_groups = fallbacks < ROUTE_MAX_GROUPS ? (size_t)fallbacks + 1
						     : ROUTE_MAX_GROUPS;
	r->plan->groups =
	    arena_alloc(r->arena, r->max_groups * sizeof(*r->plan->groups));
}

static int
unknown_model(const struct catalog *c, struct str name, struct err *err)
{
	char nearest[CATALOG_NEAREST_BYTES], shown[SHOWN_NAME_BYTES + 4];
	size_t n = 0;

	for (; n < name.n && n < SHOWN_NAME_BYTES; n++) {
		unsigned char byte = (unsigned char)name.p[n];

		shown[n] = byte < 0x20 || byte >= 0x7f ? '?' : name.p[n];
	}
	shown[n] = '\0';
	if (n < name.n)
		memcpy(shown + n, "...", 4);
	catalog_nearest(c, name, nearest);
	if (nearest[0] == '\0')
		return err_set(err, ERR_MODEL_UNKNOWN,
		    "passed in model=%s. Call /v1/models for those available",
		    shown);
	return err_set(err, ERR_MODEL_UNKNOWN,
	    "passed in model=%s. Nearest: %s. Call /v1/models for those "
	    "available",
	    shown, nearest);
}

/* A name that may stand in records and answers though nobody knows it. */
static bool
is_printable(struct str name)
{
	for (size_t i = 0; i < name.n; i++) {
		unsigned char byte = (unsigned char)name.p[i];

		if (byte < 0x20 || byte == 0x7f)
			return false;
	}
	return name.n > 0 && name.n <= CATALOG_NAME_BYTES;
}

/* For a name nobody knows: the first of default_fallbacks that is known. */
static bool
default_group(const struct routing *r, struct catalog_match *match)
{
	const struct config_strings *to =
	    catalog_fallbacks(r->catalog, FALLBACK_ANY, NULL, str_of("*"));

	if (r->request->disable_fallbacks || !is_printable(r->request->model))
		return false;
	for (size_t i = 0; to != NULL && i < to->count; i++) {
		if (catalog_match(r->catalog, str_of(to->items[i]), r->arena,
			match))
			return true;
	}
	return false;
}

int
route(const struct catalog *c, const struct route_request *request,
    const struct route_state *state, struct arena *arena, struct plan *plan_r,
    struct err *err)
{
	struct plan plan = { .before = NULL };
	struct routing r = { .catalog = c,
		.request = request,
		.state = state,
		.arena = arena,
		.plan = &plan,
		.from_asked = true };
	struct catalog_match match;

	if (!catalog_match(c, request->model, arena, &match) &&
	    !default_group(&r, &match))
		return unknown_model(c, request->model, err);
	start(&r);
	plan.group = match.group;
	plan.asked = arena_strndup(arena, request->model.p, request->model.n);
	visit(&r, &match, plan.asked);
	finish(&plan);
	*plan_r = plan;
	return 0;
}

/* Groups tried so far. A plan that came from another one repeats the failed
   group at [0]. */
static size_t
groups_tried(const struct plan *plan, size_t groups)
{
	size_t n = groups;

	for (; plan->before != NULL; plan = plan->before)
		n += plan->before_groups - 1;
	return n;
}

/* The list of this kind, or the ordinary one where there is none at all. */
static enum fallback_kind
listed_kind(const struct config_router *r, const struct route_request *request,
    enum fallback_kind kind)
{
	if (request->fallbacks[kind].count > 0)
		return kind;
	if (kind == FALLBACK_CONTEXT_WINDOW &&
	    r->context_window_fallbacks.count == 0)
		return FALLBACK_ANY;
	if (kind == FALLBACK_CONTENT_POLICY &&
	    r->content_policy_fallbacks.count == 0)
		return FALLBACK_ANY;
	return kind;
}

void
route_fallbacks(const struct catalog *c, const struct route_request *request,
    const struct route_state *state, const struct route_failure *failure,
    struct arena *arena, struct plan *plan_r)
{
	const struct plan *failed = failure->plan;
	const struct candidate *from = &failed->candidates[failure->candidate];
	size_t at = from->group_index;
	struct plan plan = { .group = failed->group,
		.asked = failed->asked,
		.before = failed,
		.before_groups =
		    at < failed->group_count ? at + 1 : failed->group_count,
		.group_count = 1 };
	size_t tried = groups_tried(failed, plan.before_groups);
	struct routing r = { .catalog = c,
		.request = request,
		.state = state,
		.arena = arena,
		.plan = &plan,
		.from_asked = at == 0 && failed->before == NULL };

	start(&r);
	r.max_groups = tried < r.max_groups ? r.max_groups - tried + 1 : 1;
	plan.groups[0].group = from->group;
	plan.groups[0].model = from->model;
	plan.groups[0].name = str_of(from->model);
	if (!request->disable_fallbacks)
		follow(&r, 0,
		    listed_kind(&c->config->router, request, failure->kind));
	finish(&plan);
	*plan_r = plan;
}

void
route_breaker_rule(const struct catalog *c, const struct deployment *d,
    struct breaker_rule *rule_r)
{
	(void)c; /* made when the catalog was built */
	*rule_r = d->rule;
}
