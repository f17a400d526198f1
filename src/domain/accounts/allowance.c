/* What a row allows. See allowance.h. */
#include "domain/accounts/allowance.h"

#include "base/clock.h"
#include "domain/accounts/team.h"
#include "domain/routing/wildcard.h"

/* max_budget, budget_limits, one for tracking. */
#define OWN_CAPS (2 + ENTITY_MAX_WINDOWS)

const json_t *
allowance_member(const json_t *row, const json_t *budget, const char *name)
{
	const json_t *v = json_object_get(row, name);

	if (v == NULL || json_is_null(v))
		v = json_object_get(budget, name);
	return v == NULL || json_is_null(v) ? NULL : v;
}

/* The scope of a key's, team's ... own cap on one model. */
static enum scope_kind
model_scope(enum scope_kind kind)
{
	switch (kind) {
	case SCOPE_TEAM:
		return SCOPE_TEAM_MODEL;
	case SCOPE_USER:
		return SCOPE_USER_MODEL;
	case SCOPE_END_USER:
		return SCOPE_END_USER_MODEL;
	default:
		return SCOPE_KEY_MODEL;
	}
}

bool
allowance_matches(const char *pattern, struct str asked, struct str group)
{
	struct wildcard_captures c;

	if (pattern[0] == '\0' || str_is(asked, pattern) ||
	    str_is(group, pattern))
		return true;
	return strchr(pattern, '*') != NULL &&
	       (wildcard_match(pattern, asked, &c) ||
		   wildcard_match(pattern, group, &c));
}

/* ---- reading ------------------------------------------------------------ */

struct reading {
	const struct allowance_source *from;
	struct arena *arena;
	struct allowance *to;
};

static const json_t *
member(const struct reading *r, const char *name)
{
	return allowance_member(r->from->row, r->from->budget, name);
}

static int
damaged(const struct reading *r, const char *name, struct err *err)
{
	return err_set(err, ERR_STORE, "%s %s: %s is not understood",
	    scope_name(r->from->kind), r->to->id, name);
}

static const char *
keep(const struct reading *r, const json_t *text)
{
	return arena_str(r->arena,
	    str_make(json_string_value(text), json_string_length(text)))
	    .p;
}

static int
read_count(const struct reading *r, const char *name, int64_t *v_r,
    struct err *err)
{
	const json_t *v = member(r, name);

	*v_r = ALLOWANCE_UNLIMITED;
	if (v == NULL)
		return 0;
	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return damaged(r, name, err);
	*v_r = json_integer_value(v);
	return 0;
}

/* One cap behind those there are. window: NULL or null: never resets. */
static int
add_cap(const struct reading *r, const char *model, const json_t *amount,
    const json_t *window, struct budget **budget_r, struct err *err)
{
	struct allowance_cap *c = &r->to->caps[r->to->cap_count];
	const json_t *policy = member(r, "on_exhaust");
	struct budget *b = &c->budget;

	c->model = model;
	b->kind = b->cap.kind =
	    model[0] != '\0' ? model_scope(r->from->kind) : r->from->kind;
	b->match = r->to->id;
	b->file = "";
	b->cap.of_row = true;
	b->cap.since = r->to->since;
	b->duration = json_is_string(window) ? keep(r, window) : "";
	if (entity_money(amount, &b->cap.cap_nanos) != 1 ||
	    window_parse(str_of(b->duration), r->from->zone, &b->cap.rule,
		NULL) != 0)
		return damaged(r, "a budget", err);
	b->cap.soft_nanos = budget_soft(b->cap.cap_nanos);
	if (budget_policy(json_is_string(policy) ? json_string_value(policy)
						 : "",
		r->arena, &b->cap, err) != 0)
		return damaged(r, "on_exhaust", err);
	r->to->cap_count++;
	if (budget_r != NULL)
		*budget_r = b;
	return 0;
}

/* What was spent elsewhere leaves less of the cap. */
static void
apply_carried(const struct reading *r, struct cap *cap)
{
	struct allowance *a = r->to;
	uint32_t start, end;

	window_at(&a->rule, r->from->now_nsecs, &start, &end);
	if (a->carried_nanos == 0 || end != a->carried_until)
		return;
	cap->carried_nanos = a->carried_nanos;
	cap->cap_nanos = money_add(cap->cap_nanos, -a->carried_nanos);
	if (end > 0 && (int64_t)end * NSECS_PER_SEC < a->until_nsecs)
		a->until_nsecs = (int64_t)end * NSECS_PER_SEC;
}

static int
add_temporary(const struct reading *r, struct cap *cap, struct err *err)
{
	int64_t more, end;

	if (entity_money(member(r, "temp_budget_increase"), &more) != 1)
		return 0;
	if (entity_time(r->from->row, "temp_budget_expiry", &end) != 1)
		return damaged(r, "temp_budget_expiry", err);
	if (end <= r->from->now_nsecs)
		return 0;
	cap->cap_nanos = money_add(cap->cap_nanos, more);
	r->to->max_nanos = cap->cap_nanos;
	if (end < r->to->until_nsecs)
		r->to->until_nsecs = end;
	return 0;
}

static int
read_max_budget(const struct reading *r, struct err *err)
{
	const json_t *max = member(r, "max_budget");
	const json_t *window = member(r, "budget_duration");
	const json_t *soft = member(r, "soft_budget");
	struct budget *b;

	r->to->max_nanos = -1;
	if (window != NULL && window_parse(str_of(json_string_value(window)),
				  r->from->zone, &r->to->rule, NULL) != 0)
		return damaged(r, "budget_duration", err);
	if (max == NULL)
		return 0;
	if (add_cap(r, "", max, window, &b, err) != 0)
		return -1;
	r->to->max_nanos = b->cap.cap_nanos;
	if (soft != NULL && entity_money(soft, &b->cap.soft_nanos) != 1)
		return damaged(r, "soft_budget", err);
	if (add_temporary(r, &b->cap, err) != 0)
		return -1;
	apply_carried(r, &b->cap);
	return 0;
}

static int
read_windows(const struct reading *r, struct err *err)
{
	const json_t *list = member(r, "budget_limits");

	if (json_array_size(list) > ENTITY_MAX_WINDOWS)
		return damaged(r, "budget_limits", err);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *w = json_array_get(list, i);

		if (add_cap(r, "", json_object_get(w, "max_budget"),
			json_object_get(w, "budget_duration"), NULL, err) != 0)
			return -1;
	}
	return 0;
}

static const json_t *
either(const json_t *object, const char *a, const char *b)
{
	const json_t *v = json_object_get(object, a);

	return v != NULL ? v : json_object_get(object, b);
}

static int
read_model_budgets(const struct reading *r, struct err *err)
{
	const json_t *map = member(r, "model_max_budget");
	const char *model;
	json_t *v;

	json_object_foreach(jsonx_iterable(map), model, v) {
		const json_t *amount = v, *window = NULL;

		if (json_is_object(v)) {
			amount = either(v, "budget_limit", "max_budget");
			window = either(v, "time_period", "budget_duration");
		}
		if (add_cap(r, arena_strdup(r->arena, model), amount, window,
			NULL, err) != 0)
			return -1;
	}
	return 0;
}

static struct allowance_limit *
limit_of(const struct reading *r, const char *model)
{
	struct allowance *a = r->to;

	for (size_t i = 0; i < a->limit_count; i++) {
		if (strcmp(a->limits[i].model, model) == 0)
			return &a->limits[i];
	}
	a->limits[a->limit_count] = (struct allowance_limit){
		.model = arena_strdup(r->arena, model),
		.requests = ALLOWANCE_UNLIMITED,
		.tokens = ALLOWANCE_UNLIMITED,
	};
	return &a->limits[a->limit_count++];
}

static int
read_model_limits(const struct reading *r, struct err *err)
{
	const json_t *requests = member(r, "model_rpm_limit");
	const json_t *tokens = member(r, "model_tpm_limit");
	const char *model;
	json_t *v;

	r->to->limits = arena_alloc(r->arena,
	    (json_object_size(requests) + json_object_size(tokens) + 1) *
		sizeof(*r->to->limits));
	json_object_foreach(jsonx_iterable(requests), model, v)
		limit_of(r, model)->requests = json_integer_value(v);
	json_object_foreach(jsonx_iterable(tokens), model, v)
		limit_of(r, model)->tokens = json_integer_value(v);
	for (size_t i = 0; i < r->to->limit_count; i++) {
		if (r->to->limits[i].requests < ALLOWANCE_UNLIMITED ||
		    r->to->limits[i].tokens < ALLOWANCE_UNLIMITED)
			return damaged(r, "model_rpm_limit", err);
	}
	return 0;
}

static uint32_t
caps_since(const json_t *row)
{
	return (uint32_t)json_integer_value(
	    json_object_get(row, "_caps_since"));
}

static void
read_carried(const struct reading *r)
{
	const json_t *row = r->from->row;
	uint32_t own = caps_since(row), plan = caps_since(r->from->budget);

	r->to->since = own > plan ? own : plan;

	r->to->carried_nanos =
	    json_integer_value(json_object_get(row, "_carried"));
	r->to->carried_until = (uint32_t)json_integer_value(
	    json_object_get(row, "_carried_until"));
}

int
allowance_read(const struct allowance_source *source, struct arena *arena,
    struct allowance *a, struct err *err)
{
	struct reading r = { .from = source, .arena = arena, .to = a };
	const json_t *models;

	memset(a, 0, sizeof(*a));
	a->kind = source->kind;
	a->id = arena_str(arena, source->id).p;
	a->until_nsecs = INT64_MAX;
	models = member(&r, "model_max_budget");
	a->caps = arena_alloc(arena,
	    (OWN_CAPS + json_object_size(models)) * sizeof(*a->caps));
	a->blocked = json_is_true(json_object_get(source->row, "blocked"));
	read_carried(&r);
	if (read_max_budget(&r, err) != 0 || read_windows(&r, err) != 0 ||
	    read_model_budgets(&r, err) != 0 ||
	    read_model_limits(&r, err) != 0 ||
	    read_count(&r, "rpm_limit", &a->requests, err) != 0 ||
	    read_count(&r, "tpm_limit", &a->tokens, err) != 0 ||
	    read_count(&r, "max_parallel_requests", &a->parallel, err) != 0)
		return -1;
	return 0;
}

/* ---- spend -------------------------------------------------------------- */

int
allowance_spend(struct store_txn *live, const struct allowance *a,
    int64_t now_nsecs, struct allowance_spend *spend_r, struct err *err)
{
	struct cap cap = { .kind = a->kind, .id = a->id, .since = a->since };
	struct spend_row row;

	/* Without a cap it is the tracked one: for ever. */
	if (a->max_nanos >= 0)
		cap.rule = a->rule;
	if (ledger_cap_spend(live, &cap, now_nsecs, &row, err) != 0)
		return -1;
	spend_r->spent_nanos = ledger_counted_nanos(&row);
	if (row.window_end == a->carried_until)
		spend_r->spent_nanos =
		    money_add(spend_r->spent_nanos, a->carried_nanos);
	spend_r->held_nanos = row.held_nanos;
	spend_r->max_nanos = a->max_nanos;
	spend_r->resets = row.window_end;
	return 0;
}

static enum scope_kind
scope_of(enum entity_kind kind)
{
	switch (kind) {
	case ENTITY_TEAM:
		return SCOPE_TEAM;
	case ENTITY_USER:
		return SCOPE_USER;
	case ENTITY_CUSTOMER:
		return SCOPE_END_USER;
	case ENTITY_TAG:
		return SCOPE_TAG;
	default:
		return SCOPE_KEY;
	}
}

int
allowance_of_row(const struct allowance_reader *reader, enum entity_kind kind,
    const json_t *row, struct arena *arena, struct allowance *a,
    struct err *err)
{
	struct allowance_source source = {
		.kind = scope_of(kind),
		.id = jsonx_str(row, entity_id_name(kind)),
		.row = row,
		.zone = reader->zone,
		.now_nsecs = reader->now_nsecs,
	};
	json_t *budget;
	int rc = entity_get(reader->accounts, ENTITY_BUDGET,
	    jsonx_str(row, "budget_id"), &budget, err);

	if (rc < 0)
		return -1;
	source.budget = budget;
	rc = allowance_read(&source, arena, a, err);
	json_decref(budget);
	return rc;
}

int
allowance_of_member(const struct allowance_reader *reader, const json_t *team,
    struct str user, struct arena *arena, struct allowance *a, struct err *err)
{
	json_t *row = team_member_row(team, user);
	struct allowance_source source = {
		.kind = SCOPE_MEMBER,
		.id = str_of(arena_printf(arena, STR_FMT "/" STR_FMT,
		    STR_ARG(jsonx_str(team, "team_id")), STR_ARG(user))),
		.row = row,
		.zone = reader->zone,
		.now_nsecs = reader->now_nsecs,
	};
	int rc = allowance_read(&source, arena, a, err);

	json_decref(row);
	return rc;
}

int
allowance_row_spend(const struct allowance_reader *reader,
    enum entity_kind kind, const json_t *row, struct allowance_spend *spend_r,
    struct err *err)
{
	struct allowance allowance;
	struct arena arena;
	int rc;

	arena_init(&arena, 1024);
	rc = allowance_of_row(reader, kind, row, &arena, &allowance, err);
	if (rc == 0)
		rc = allowance_spend(reader->live, &allowance,
		    reader->now_nsecs, spend_r, err);
	arena_fini(&arena);
	return rc;
}
