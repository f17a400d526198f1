/* Every cap and its window. See budget_lines.h. */
#include "ctl/budget_lines.h"

static void
add_line(struct budget_lines *l, const struct budget *b, struct str id,
    const struct spend_row *row)
{
	struct budget_line *line;

	l->items = xrealloc(l->items, (l->count + 1) * sizeof(*l->items));
	line = &l->items[l->count++];
	line->budget = b;
	line->id = str_dup(id);
	line->row = *row;
}

/* The i-th of all: those set by hand first, they win. */
static const struct budget *
nth(const struct budgets *b, size_t i)
{
	return i < b->hand_count ? &b->hand_items[i]
				 : &b->items[i - b->hand_count];
}

static size_t
count_all(const struct budgets *b)
{
	return b->hand_count + b->count;
}

/* Another budget counts in this one's place for that name. */
static bool
is_replaced(const struct budgets *all, const struct budget *b, struct str id)
{
	struct budget_subject who = { .provider = id,
		.deployment = id,
		.model = id,
		.key = id,
		.team = id,
		.user = id,
		.end_user = id,
		.tag_count = 1,
		.tags = &id };
	struct cap caps[LEDGER_MAX_CAPS];
	struct arena arena;
	bool counts = false;
	int n;

	arena_init(&arena, 1024);
	n = budgets_apply(all, &who, &arena, caps, NULL);
	for (int i = 0; i < n; i++) {
		if (caps[i].kind == b->kind && str_is(id, caps[i].id) &&
		    caps[i].rule.unit == b->cap.rule.unit &&
		    caps[i].rule.count == b->cap.rule.count &&
		    caps[i].cap_nanos == b->cap.cap_nanos &&
		    caps[i].policy == b->cap.policy)
			counts = true;
	}
	arena_fini(&arena);
	/* More than a request can have: all are shown. */
	return n >= 0 && !counts;
}

static struct hold_scope
window_of(const struct budget *b, struct str id, int64_t now)
{
	struct hold_scope s = { .kind = (uint8_t)b->kind, .id = id };

	window_at(&b->cap.rule, now, &s.window_start, &s.window_end);
	return s;
}

static int
add_named(const struct ctl *c, const struct budgets *all,
    const struct budget *b, struct store_txn *t, struct budget_lines *l,
    struct err *err)
{
	struct str id = str_of(b->match);
	struct cap cap = b->cap;
	struct spend_row row;

	if (is_replaced(all, b, id))
		return 0;
	cap.id = b->match;
	if (ledger_cap_spend(t, &cap, c->now_nsecs, &row, err) != 0)
		return -1;
	add_line(l, b, id, &row);
	return 0;
}

static int
add_each(const struct ctl *c, const struct budgets *all, const struct budget *b,
    struct store_txn *t, struct budget_lines *l, struct err *err)
{
	struct hold_scope want = window_of(b, str_of(""), c->now_nsecs), s;
	struct spend_row row = { .window_start = want.window_start,
		.window_end = want.window_end };
	struct spend_walk w;
	size_t before = l->count;
	int rc;

	if (ledger_walk_spend(t, &w, err) != 0)
		return -1;
	while ((rc = ledger_next_spend(&w, &s, &row, err)) == 1) {
		if (s.kind == want.kind &&
		    s.window_start == want.window_start &&
		    s.window_end == want.window_end &&
		    !is_replaced(all, b, s.id))
			add_line(l, b, s.id, &row);
	}
	ledger_end_walk_spend(&w);
	if (rc == 0 && l->count == before) {
		memset(&row, 0, sizeof(row));
		row.window_start = want.window_start;
		row.window_end = want.window_end;
		add_line(l, b, str_of(""), &row);
	}
	return rc;
}

/* What is allowed to one; of a model: "NAME MODEL". */
static int
add_caps(const struct allowance_reader *r, const struct allowance *a,
    struct budget_lines *l, struct err *err)
{
	for (size_t i = 0; i < a->cap_count; i++) {
		const struct allowance_cap *own = &a->caps[i];
		struct cap cap = own->budget.cap;
		struct spend_row row;

		cap.id =
		    own->model[0] == '\0'
			? a->id
			: arena_printf(&l->arena, "%s %s", a->id, own->model);
		if (ledger_cap_spend(r->live, &cap, r->now_nsecs, &row, err) !=
		    0)
			return -1;
		add_line(l, &own->budget, str_of(cap.id), &row);
	}
	return 0;
}

/* What each member of a team may spend in it. */
static int
add_members(const struct allowance_reader *r, const json_t *team,
    struct budget_lines *l, struct err *err)
{
	const json_t *members = json_object_get(team, "members_with_roles");
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < json_array_size(members); i++) {
		struct str user =
		    jsonx_str(json_array_get(members, i), "user_id");
		struct allowance a;

		rc = allowance_of_member(r, team, user, &l->arena, &a, err);
		if (rc == 0)
			rc = add_caps(r, &a, l, err);
	}
	return rc;
}

/* A key's, team's ... own caps. */
static int
add_own(const struct allowance_reader *r, enum entity_kind kind,
    const json_t *row, struct budget_lines *l, struct err *err)
{
	struct allowance a;

	if (allowance_of_row(r, kind, row, &l->arena, &a, err) != 0 ||
	    add_caps(r, &a, l, err) != 0)
		return -1;
	return kind == ENTITY_TEAM ? add_members(r, row, l, err) : 0;
}

static int
add_all_own(const struct allowance_reader *r, enum entity_kind kind,
    struct budget_lines *l, struct err *err)
{
	struct entity_walk w;
	struct str id;
	json_t *row;
	int rc;

	if (entity_walk(r->accounts, kind, &w, err) != 0)
		return -1;
	while ((rc = entity_next(&w, &id, &row, err)) == 1) {
		rc = add_own(r, kind, row, l, err);
		json_decref(row);
		if (rc != 0)
			break;
	}
	entity_end_walk(&w);
	return rc;
}

static int
gather_own(const struct ctl *c, const struct budgets *all,
    struct store_txn *live, struct budget_lines *l, struct err *err)
{
	struct allowance_reader r = { .live = live,
		.zone = all->zone,
		.now_nsecs = c->now_nsecs };
	int rc = store_read(c->store, STORE_ACCOUNTS, &r.accounts, err);

	if (rc != 0)
		return -1;
	for (int kind = 0; rc == 0 && kind < ENTITY_COUNT; kind++) {
		if (kind != ENTITY_BUDGET)
			rc = add_all_own(&r, (enum entity_kind)kind, l, err);
	}
	store_abort(&r.accounts);
	return rc;
}

int
budget_lines_open(struct budget_lines *l, struct ctl *c, struct err *err)
{
	memset(l, 0, sizeof(*l));
	if (budgets_build(c->config, &l->all, err) != 0)
		return -1;
	arena_init(&l->arena, 4096);
	return 0;
}

static void
clear(struct budget_lines *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->items[i].id);
	free(l->items);
	l->items = NULL;
	l->count = 0;
	arena_fini(&l->arena);
}

void
budget_lines_close(struct budget_lines *l)
{
	if (l->all == NULL)
		return;
	clear(l);
	budgets_free(&l->all);
}

int
budget_lines_read(struct budget_lines *l, struct ctl *c, struct err *err)
{
	struct budgets *all = l->all;
	struct store_txn *t;
	int rc = 0;

	clear(l);
	arena_init(&l->arena, 4096);
	if (budgets_refresh(all, c->store, err) != 0 ||
	    store_read(c->store, STORE_LIVE, &t, err) != 0)
		return -1;
	for (size_t i = 0; rc == 0 && i < count_all(all); i++) {
		const struct budget *b = nth(all, i);

		rc = b->kind == SCOPE_GLOBAL || b->match[0] != '\0'
			 ? add_named(c, all, b, t, l, err)
			 : add_each(c, all, b, t, l, err);
	}
	if (rc == 0)
		rc = gather_own(c, all, t, l, err);
	store_abort(&t);
	return rc;
}

int64_t
budget_line_cap(const struct budget_line *l)
{
	const struct cap *cap = &l->budget->cap;

	return money_add(cap->cap_nanos, cap->carried_nanos);
}

int64_t
budget_line_carried(const struct budget_line *l)
{
	return money_add(l->row.before_nanos, l->budget->cap.carried_nanos);
}

int64_t
budget_line_spent(const struct budget_line *l)
{
	return money_add(l->row.spent_nanos, budget_line_carried(l));
}

int64_t
budget_line_room(const struct budget_line *l)
{
	return ledger_room_nanos(&l->budget->cap, &l->row);
}
