/* Caps of a configuration. See budgets.h. */
#include "domain/ledger/budgets.h"

#include "domain/accounts/allowance.h"

#define DOWNGRADE "downgrade:"

int
budget_policy(const char *text, struct arena *arena, struct cap *cap,
    struct err *err)
{
	struct str s = str_of(text);

	if (s.n == 0 || str_is(s, "clamp")) {
		cap->policy = CAP_CLAMP;
	} else if (str_is(s, "refuse")) {
		cap->policy = CAP_REFUSE;
	} else if (str_starts(s, DOWNGRADE) && s.n > strlen(DOWNGRADE)) {
		cap->policy = CAP_DOWNGRADE;
		cap->downgrade_to =
		    arena_str(arena, str_trim(str_make(s.p + strlen(DOWNGRADE),
					 s.n - strlen(DOWNGRADE))))
			.p;
	} else {
		return err_set(err, ERR_CONFIG,
		    "on_exhaust takes clamp, refuse or downgrade:GROUP, not "
		    "'%s'",
		    text);
	}
	return 0;
}

/* The alert's threshold where none is given: 80 %. */
int64_t
budget_soft(int64_t cap_nanos)
{
	return cap_nanos - cap_nanos / 5;
}

static int
parse_budget(struct budgets *b, const struct config_budget *from,
    struct budget *to, struct err *err)
{
	struct cap *cap = &to->cap;

	to->match = from->match;
	to->duration = from->duration;
	to->file = from->file;
	to->line = from->line;
	if (scope_parse(str_of(from->per), &to->kind) != 0)
		return err_set(err, ERR_CONFIG, "per: '%s' is no scope",
		    from->per);
	cap->kind = to->kind;
	if (money_parse(str_of(from->max_budget), &cap->cap_nanos) != 0)
		return err_set(err, ERR_CONFIG,
		    "max_budget: '%s' is no amount in USD", from->max_budget);
	cap->soft_nanos = budget_soft(cap->cap_nanos);
	if (from->soft_budget[0] != '\0' &&
	    money_parse(str_of(from->soft_budget), &cap->soft_nanos) != 0)
		return err_set(err, ERR_CONFIG,
		    "soft_budget: '%s' is no amount in USD", from->soft_budget);
	if (window_parse(str_of(from->duration), b->zone, &cap->rule, err) != 0)
		return err_prefix(err, "budget_duration");
	return budget_policy(from->on_exhaust, &b->arena, cap, err);
}

int
budgets_build(const struct config *c, struct budgets **b_r, struct err *err)
{
	struct budgets *b = xcalloc(1, sizeof(*b));

	arena_init(&b->arena, 1024);
	arena_init(&b->hand_arena, 256);
	b->hand_txn = UINT64_MAX;
	b->items = xcalloc(c->budget_count + 1, sizeof(*b->items));
	b->timezone = c->timezone;
	if (c->timezone[0] != '\0' &&
	    window_zone_open(c->timezone, &b->zone, err) != 0) {
		budgets_free(&b);
		return -1;
	}
	for (size_t i = 0; i < c->budget_count; i++) {
		const struct config_budget *from = &c->budgets[i];

		if (parse_budget(b, from, &b->items[i], err) != 0) {
			err_prefix(err, "%s:%d: budget", from->file,
			    from->line);
			budgets_free(&b);
			return -1;
		}
		b->count++;
	}
	*b_r = b;
	return 0;
}

void
budgets_free(struct budgets **bp)
{
	struct budgets *b = *bp;

	if (b == NULL)
		return;
	window_zone_free(&b->zone);
	arena_fini(&b->arena);
	arena_fini(&b->hand_arena);
	free(b->hand_items);
	free(b->items);
	free(b);
	*bp = NULL;
}

/* ---- which of them apply ------------------------------------------------ */

struct applying {
	struct arena *arena;
	struct cap *caps;
	const struct budget *from[LEDGER_MAX_CAPS];
	int count;
};

static bool
same_rule(const struct window_rule *a, const struct window_rule *b)
{
	return a->unit == b->unit && a->count == b->count && a->zone == b->zone;
}

bool
budget_same_window(const struct budget *a, const struct budget *b)
{
	return same_rule(&a->cap.rule, &b->cap.rule);
}

/* Which of two for the same name and window counts, when one of them was set
   by hand; 0: the tighter one. */
static int
rank(const struct budget *b)
{
	if (b->by_hand)
		return b->match[0] != '\0' ? 3 : 2;
	return b->match[0] != '\0' ? 2 : 1;
}

static bool
takes_place(const struct budget *b, const struct budget *have)
{
	if ((b->by_hand || have->by_hand) && rank(b) != rank(have))
		return rank(b) > rank(have);
	return b->cap.cap_nanos < have->cap.cap_nanos;
}

static int
add_cap(struct applying *a, const struct budget *b, struct str id,
    struct err *err)
{
	for (int i = 0; i < a->count; i++) {
		struct cap *have = &a->caps[i];

		if (have->kind != b->kind || !str_is(id, have->id) ||
		    !same_rule(&have->rule, &b->cap.rule))
			continue;
		if (takes_place(b, a->from[i])) {
			const char *name = have->id;

			*have = b->cap;
			have->id = name;
			a->from[i] = b;
		}
		return 0;
	}
	if (a->count == LEDGER_MAX_CAPS)
		return err_set(err, ERR_INTERNAL,
		    "more than %d budgets apply to one request",
		    LEDGER_MAX_CAPS);
	a->caps[a->count] = b->cap;
	a->caps[a->count].id = arena_str(a->arena, id).p;
	a->from[a->count] = b;
	a->count++;
	return 0;
}

static int
add_if_matches(struct applying *a, const struct budget *b, struct str id,
    struct err *err)
{
	if (id.n == 0 || (b->match[0] != '\0' && !str_is(id, b->match)))
		return 0;
	return add_cap(a, b, id, err);
}

static struct str
subject_id(const struct budget_subject *who, enum scope_kind kind)
{
	switch (kind) {
	case SCOPE_PROVIDER:
		return who->provider;
	case SCOPE_DEPLOYMENT:
		return who->deployment;
	case SCOPE_MODEL:
		return who->model;
	case SCOPE_KEY:
		return who->key;
	case SCOPE_TEAM:
		return who->team;
	case SCOPE_USER:
		return who->user;
	case SCOPE_END_USER:
		return who->end_user;
	case SCOPE_GLOBAL:
	case SCOPE_TAG:
	case SCOPE_MEMBER:
	case SCOPE_KEY_MODEL:
	case SCOPE_TEAM_MODEL:
	case SCOPE_USER_MODEL:
	case SCOPE_END_USER_MODEL:
	case SCOPE_COUNT:
		break;
	}
	return str_make("", 0);
}

static int
apply_one(struct applying *a, const struct budget *b,
    const struct budget_subject *who, struct err *err)
{
	if (b->kind == SCOPE_GLOBAL)
		return add_cap(a, b, str_make("", 0), err);
	if (b->kind != SCOPE_TAG)
		return add_if_matches(a, b, subject_id(who, b->kind), err);
	for (size_t i = 0; i < who->tag_count; i++) {
		if (add_if_matches(a, b, who->tags[i], err) != 0)
			return -1;
	}
	return 0;
}

/* The name that a cap of accounts/ counts under. */
static struct str
allowance_id(const struct allowance *own, const struct allowance_cap *cap,
    struct arena *arena)
{
	if (cap->model[0] == '\0')
		return str_of(own->id);
	return str_of(arena_printf(arena, "%s %s", own->id, cap->model));
}

static int
apply_allowance(struct applying *a, const struct allowance *own,
    const struct budget_subject *who, struct err *err)
{
	for (size_t i = 0; i < own->cap_count; i++) {
		const struct allowance_cap *c = &own->caps[i];

		if (allowance_matches(c->model, who->asked, who->model) &&
		    add_cap(a, &c->budget, allowance_id(own, c, a->arena),
			err) != 0)
			return -1;
	}
	return 0;
}

int
budgets_apply(const struct budgets *b, const struct budget_subject *who,
    struct arena *arena, struct cap *caps, struct err *err)
{
	struct applying a = { .arena = arena, .caps = caps };

	for (size_t i = 0; i < b->hand_count; i++) {
		if (apply_one(&a, &b->hand_items[i], who, err) != 0)
			return -1;
	}
	for (size_t i = 0; i < b->count; i++) {
		if (apply_one(&a, &b->items[i], who, err) != 0)
			return -1;
	}
	for (size_t i = 0; i < who->allowance_count; i++) {
		if (apply_allowance(&a, who->allowances[i], who, err) != 0)
			return -1;
	}
	return a.count;
}

static bool
is_tracked(const struct cap *caps, size_t count, enum scope_kind kind,
    const char *id)
{
	for (size_t i = 0; i < count; i++) {
		if (caps[i].kind == kind &&
		    caps[i].rule.unit == WINDOW_FOREVER &&
		    strcmp(caps[i].id, id) == 0)
			return true;
	}
	return false;
}

size_t
budgets_track(const struct budget_subject *who, struct cap *caps, size_t count)
{
	size_t n = count;

	for (size_t i = 0; i < who->allowance_count; i++) {
		const struct allowance *own = who->allowances[i];

		if (n == LEDGER_MAX_CAPS ||
		    is_tracked(caps, count, own->kind, own->id))
			continue;
		caps[n++] = (struct cap){ .kind = own->kind, .id = own->id };
	}
	return n - count;
}
