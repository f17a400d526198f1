/*
 * tallyctl budget list: every cap with what is spent and held of it in its
 * window. Configured ones and those set by hand; one that is for each of a
 * scope has a line for each that has spent something; and those of keys, teams,
 * users, end users and tags themselves. All figures are of one moment.
 */
#include "base/clock.h"
#include "ctl/ctl.h"
#include "ctl/table.h"
#include "domain/allowance.h"

struct line {
	const struct budget *budget;
	char *id; /* owned; "" global, or for each and nobody spent yet */
	struct spend_row row;
};

struct lines {
	struct line *items;
	size_t count;
	struct arena arena; /* caps of accounts/ */
};

/* ---- gathering ---------------------------------------------------------- */

static void
add_line(struct lines *l, const struct budget *b, struct str id,
    const struct spend_row *row)
{
	struct line *line;

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
    const struct budget *b, struct store_txn *t, struct lines *l,
    struct err *err)
{
	struct str id = str_of(b->match);
	struct hold_scope scope = window_of(b, id, c->now_nsecs);
	struct spend_row row;

	if (is_replaced(all, b, id))
		return 0;
	if (ledger_spend(t, &scope, &row, err) != 0)
		return -1;
	add_line(l, b, id, &row);
	return 0;
}

static int
add_each(const struct ctl *c, const struct budgets *all, const struct budget *b,
    struct store_txn *t, struct lines *l, struct err *err)
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

/* A key's, team's ... own caps; of a model: "NAME MODEL". */
static int
add_own(const struct allowance_reader *r, enum entity_kind kind,
    const json_t *row, struct lines *l, struct err *err)
{
	struct allowance a;

	if (allowance_of_row(r, kind, row, &l->arena, &a, err) != 0)
		return -1;
	for (size_t i = 0; i < a.cap_count; i++) {
		const struct allowance_cap *cap = &a.caps[i];
		struct str id = str_of(
		    cap->model[0] == '\0'
			? a.id
			: arena_printf(&l->arena, "%s %s", a.id, cap->model));
		struct hold_scope scope =
		    window_of(&cap->budget, id, r->now_nsecs);
		struct spend_row spent;

		if (ledger_spend(r->live, &scope, &spent, err) != 0)
			return -1;
		add_line(l, &cap->budget, id, &spent);
	}
	return 0;
}

static int
add_all_own(const struct allowance_reader *r, enum entity_kind kind,
    struct lines *l, struct err *err)
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
    struct store_txn *live, struct lines *l, struct err *err)
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

static int
gather(struct ctl *c, struct budgets *all, struct lines *l, struct err *err)
{
	struct store_txn *t;
	int rc = 0;

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

/* ---- printing ----------------------------------------------------------- */

static int64_t
room_of(const struct line *l)
{
	return ledger_room_nanos(&l->budget->cap, &l->row);
}

static const char *
policy_text(const struct cap *cap, char out[160])
{
	switch (cap->policy) {
	case CAP_CLAMP:
		return "clamp";
	case CAP_REFUSE:
		return "refuse";
	case CAP_DOWNGRADE:
		snprintf(out, 160, "downgrade:%s", cap->downgrade_to);
		return out;
	}
	return "";
}

static void
time_text(uint32_t secs, const char *none, char out[CLOCK_RFC3339_BYTES])
{
	if (secs == 0)
		snprintf(out, CLOCK_RFC3339_BYTES, "%s", none);
	else
		clock_rfc3339((int64_t)secs * NSECS_PER_SEC, out);
}

static const char *
name_of(const struct line *l)
{
	if (l->id[0] != '\0')
		return l->id;
	return l->budget->kind == SCOPE_GLOBAL ? "" : "(each)";
}

static void
print_table(const struct lines *l)
{
	static const char *const heads[] = { "scope", "name", "window",
		"cap USD", "spent", "held", "room", "resets at", "when used up",
		"" };
	struct table *t = table_new("lllrrrrlll");

	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		table_cell(t, "%s", heads[i]);
	for (size_t i = 0; i < l->count; i++) {
		const struct line *line = &l->items[i];
		const struct budget *b = line->budget;
		char when[CLOCK_RFC3339_BYTES], policy[160];

		time_text(line->row.window_end, "never", when);
		when[strcspn(when, ".")] = '\0';
		table_cell(t, "%s", scope_name(b->kind));
		table_cell(t, "%s", name_of(line));
		table_cell(t, "%s",
		    b->duration[0] != '\0' ? b->duration : "for ever");
		table_cell_usd(t, b->cap.cap_nanos);
		table_cell_usd(t, line->row.spent_nanos);
		table_cell_usd(t, line->row.held_nanos);
		table_cell_usd(t, room_of(line));
		table_cell(t, "%s", when);
		table_cell(t, "%s", policy_text(&b->cap, policy));
		table_cell(t, "%s%s", b->by_hand ? "set by hand" : "",
		    line->row.spent_nanos > b->cap.cap_nanos
			? b->by_hand ? ", overrun" : "overrun"
			: "");
	}
	table_print(t);
	table_free(&t);
}

static void
json_usd(struct jsonw *w, const char *key, int64_t nanos)
{
	jsonw_key(w, key);
	jsonw_decimal(w, nanos, 9);
}

static void
json_time(struct jsonw *w, const char *key, uint32_t secs)
{
	char when[CLOCK_RFC3339_BYTES];

	time_text(secs, "", when);
	jsonw_key(w, key);
	jsonw_cstr(w, secs == 0 ? NULL : when);
}

static void
json_line(struct jsonw *w, const struct line *l)
{
	const struct budget *b = l->budget;
	char policy[160];

	jsonw_open(w, '{');
	jsonw_key(w, "scope");
	jsonw_cstr(w, scope_name(b->kind));
	jsonw_key(w, "id");
	jsonw_cstr(w, l->id[0] != '\0' ? l->id : NULL);
	jsonw_key(w, "window");
	jsonw_cstr(w, b->duration[0] != '\0' ? b->duration : NULL);
	json_usd(w, "max_budget_usd", b->cap.cap_nanos);
	json_usd(w, "soft_budget_usd", b->cap.soft_nanos);
	json_usd(w, "spent_usd", l->row.spent_nanos);
	json_usd(w, "held_usd", l->row.held_nanos);
	json_usd(w, "room_usd", room_of(l));
	json_time(w, "window_start",
	    l->row.window_end == 0 ? 0 : l->row.window_start);
	json_time(w, "resets_at", l->row.window_end);
	jsonw_key(w, "on_exhaust");
	jsonw_cstr(w, policy_text(&b->cap, policy));
	jsonw_key(w, "by_hand");
	jsonw_bool(w, b->by_hand);
	jsonw_key(w, "overrun");
	jsonw_bool(w, l->row.spent_nanos > b->cap.cap_nanos);
	jsonw_close(w, '}');
}

static void
print_json(const struct lines *l)
{
	struct buf b;
	struct jsonw w;

	buf_init(&b, 256 * 1024 * 1024);
	jsonw_init(&w, &b);
	jsonw_open(&w, '{');
	jsonw_key(&w, "budgets");
	jsonw_open(&w, '[');
	for (size_t i = 0; i < l->count; i++)
		json_line(&w, &l->items[i]);
	jsonw_close(&w, ']');
	jsonw_close(&w, '}');
	printf("%s\n", buf_cstr(&b));
	buf_fini(&b);
}

int
cmd_budget_list(struct ctl *c, int argc, char **argv)
{
	struct lines l = { 0 };
	struct budgets *all;
	struct err err;
	int rc;

	if (argc > 0) {
		ctl_complain("'%s' is not understood; usage: tallyctl budget "
			     "list",
		    argv[0]);
		return CTL_USAGE;
	}
	rc = ctl_open_store(c, false);
	if (rc == CTL_OK)
		rc = ctl_open_catalog(c);
	if (rc != CTL_OK)
		return rc;
	if (budgets_build(c->config, &all, &err) != 0) {
		ctl_complain("%s", err.text);
		return CTL_USAGE;
	}
	arena_init(&l.arena, 4096);
	if (gather(c, all, &l, &err) != 0) {
		ctl_complain("%s", err.text);
		rc = CTL_FAILED;
	} else if (c->json) {
		print_json(&l);
	} else if (l.count == 0) {
		printf("no budgets: nothing is capped\n");
	} else {
		print_table(&l);
	}
	for (size_t i = 0; i < l.count; i++)
		free(l.items[i].id);
	free(l.items);
	arena_fini(&l.arena);
	budgets_free(&all);
	return rc;
}
