/* Rules for changing accounts/. See registry.h. */
#include "domain/accounts/registry.h"

#include "base/clock.h"
#include "base/hash.h"
#include "domain/accounts/allowance.h"
#include "domain/accounts/team.h"
#include "domain/accounts/vkey.h"

/* ---- rules of the configuration ----------------------------------------- */

static int
read_rule(const char *name, const char *text, enum entity_kind kind,
    json_t **rule_r, struct err *err)
{
	*rule_r = jsonx_parse(str_of(text[0] != '\0' ? text : "{}"), err);
	if (*rule_r == NULL || entity_check(kind, *rule_r, NULL, err) != 0) {
		if (err != NULL)
			err->code = ERR_CONFIG;
		return err_prefix(err, "litellm_settings.%s", name);
	}
	return 0;
}

int
registry_rules_read(const struct config *c, struct registry_rules *r,
    struct err *err)
{
	memset(r, 0, sizeof(*r));
	r->master_key = c->master_key;
	if (c->timezone[0] != '\0' &&
	    window_zone_open(c->timezone, &r->zone, err) != 0)
		return -1;
	if (read_rule("default_key_generate_params", c->key_defaults_json,
		ENTITY_KEY, &r->key_defaults, err) == 0 &&
	    read_rule("upperbound_key_generate_params", c->key_bounds_json,
		ENTITY_KEY, &r->key_bounds, err) == 0 &&
	    read_rule("default_internal_user_params", c->user_defaults_json,
		ENTITY_USER, &r->user_defaults, err) == 0 &&
	    read_rule("default_team_params", c->team_defaults_json, ENTITY_TEAM,
		&r->team_defaults, err) == 0)
		return 0;
	registry_rules_free(r);
	return -1;
}

void
registry_rules_free(struct registry_rules *r)
{
	json_decref(r->key_defaults);
	json_decref(r->key_bounds);
	json_decref(r->user_defaults);
	json_decref(r->team_defaults);
	window_zone_free(&r->zone);
	memset(r, 0, sizeof(*r));
}

void
edit_init(struct edit *e, struct store_txn *t, const struct actor *actor,
    const struct registry_rules *rules)
{
	memset(e, 0, sizeof(*e));
	e->txn = t;
	e->actor = actor;
	e->rules = rules;
}

/* ---- what all rows get -------------------------------------------------- */

/* A random id like those of LiteLLM: 8-4-4-4-12 hex digits. */
#define ID_BYTES 37

static void
new_id(char out[ID_BYTES])
{
	unsigned char bytes[16];
	char hex[2 * sizeof(bytes) + 1];

	random_bytes(bytes, sizeof(bytes));
	/* Version 4, variant 1 (RFC 9562). */
	bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40);
	bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
	hash_hex(bytes, sizeof(bytes), hex);
	snprintf(out, ID_BYTES, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8,
	    hex + 12, hex + 16, hex + 20);
}

/* What says that there is a cap, and in which window; an amount alone is
   another amount. */
static bool
has_other_caps(const json_t *row, const json_t *before)
{
	static const char *const windows[] = { "budget_duration",
		"budget_limits", "budget_id" };

	for (size_t i = 0; i < ARRAY_LEN(windows); i++) {
		const json_t *is = json_object_get(row, windows[i]);
		const json_t *was = json_object_get(before, windows[i]);

		if (is != was && !json_equal(is, was))
			return true;
	}
	return json_object_get(row, "max_budget") != NULL &&
	       json_object_get(before, "max_budget") == NULL;
}

void
registry_stamp(json_t *row, const json_t *before, const struct actor *actor)
{
	if (has_other_caps(row, before))
		json_object_set_new(row, "_caps_since",
		    json_integer(actor->now_nsecs / NSECS_PER_SEC));
	if (before == NULL) {
		entity_set_time(row, "created_at", actor->now_nsecs);
		entity_set_text(row, "created_by", str_of(actor->who));
	}
	entity_set_time(row, "updated_at", actor->now_nsecs);
	entity_set_text(row, "updated_by", str_of(actor->who));
}

int
registry_check_names(struct edit *e, const json_t *row)
{
	static const struct {
		const char *member;
		enum entity_kind kind;
	} names[] = { { "team_id", ENTITY_TEAM },
		{ "budget_id", ENTITY_BUDGET } };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct str id = jsonx_str(row, names[i].member);
		json_t *other;

		if (id.n == 0)
			continue;
		if (entity_need(e->txn, names[i].kind, id, &other, &e->err) !=
		    0) {
			e->param = names[i].member;
			return -1;
		}
		json_decref(other);
	}
	return 0;
}

void
registry_carry(const struct edit *e, json_t *row, int64_t nanos)
{
	const json_t *max, *window;
	struct window_rule rule;
	uint32_t start, end = 0;
	json_t *plan = NULL;
	int64_t cap;

	/* One that cannot be read limits nobody's window; it is refused where
	   the names are checked. */
	(void)!entity_get(e->txn, ENTITY_BUDGET, jsonx_str(row, "budget_id"),
	    &plan, NULL);
	max = allowance_member(row, plan, "max_budget");
	window = allowance_member(row, plan, "budget_duration");
	/* Without a cap it is counted in the scope without end. */
	if (entity_money(max, &cap) == 1 &&
	    window_parse(str_of(json_string_value(window)), e->rules->zone,
		&rule, NULL) == 0)
		window_at(&rule, e->actor->now_nsecs, &start, &end);
	json_decref(plan);
	json_object_set_new(row, "_carried", json_integer(nanos));
	json_object_set_new(row, "_carried_until", json_integer(end));
}

/* ---- create ------------------------------------------------------------- */

static bool
may_generate_id(enum entity_kind kind)
{
	return kind == ENTITY_TEAM || kind == ENTITY_USER ||
	       kind == ENTITY_BUDGET;
}

/* The id of a new row, in it; one is made where that is right. */
static int
settle_id(struct edit *e, enum entity_kind kind, json_t *row, struct str *id_r)
{
	const char *name = entity_id_name(kind);
	char made[ID_BYTES];

	if (jsonx_str(row, name).n == 0 && may_generate_id(kind)) {
		new_id(made);
		json_object_set_new(row, name, json_string(made));
	}
	*id_r = jsonx_str(row, name);
	if (entity_check_id(kind, *id_r, &e->err) == 0)
		return 0;
	e->param = name;
	return -1;
}

static const json_t *
defaults_of(const struct registry_rules *rules, enum entity_kind kind)
{
	if (kind == ENTITY_USER)
		return rules->user_defaults;
	return kind == ENTITY_TEAM ? rules->team_defaults : NULL;
}

/* Members of a body that ask for something once; they are not kept. */
static const char *const not_kept[] = { "spend", "auto_create_key", NULL };

static void
take_patch(struct edit *e, enum entity_kind kind, json_t *row,
    const json_t *patch)
{
	int64_t nanos;

	entity_merge(row, patch, not_kept);
	entity_settle_money(kind, row);
	if (entity_money(json_object_get(patch, "spend"), &nanos) == 1)
		registry_carry(e, row, nanos);
	if (kind == ENTITY_TEAM)
		team_carry_members(e, row);
}

static int
check_absent(struct edit *e, enum entity_kind kind, struct str id)
{
	json_t *old;
	int rc = entity_get(e->txn, kind, id, &old, &e->err);

	json_decref(old);
	if (rc == 0)
		return 0;
	if (rc < 0)
		return -1;
	e->param = entity_id_name(kind);
	return err_set(&e->err, ERR_CONFLICT, "%s " STR_FMT " exists already",
	    entity_word(kind), STR_ARG(id));
}

/* What it has, and what it names: its own id is no name of another. */
static int
settle_row(struct edit *e, enum entity_kind kind, json_t *row,
    const json_t *before)
{
	if (kind == ENTITY_TEAM)
		team_settle_members(row);
	registry_stamp(row, before, e->actor);
	if (kind == ENTITY_TEAM || kind == ENTITY_BUDGET)
		return 0;
	return registry_check_names(e, row);
}

static int
write_row(struct edit *e, const struct change *change, struct json_t *row)
{
	if (entity_put(e->txn, change->kind, change->id, row, &e->err) != 0)
		return -1;
	return change_note(e->txn, e->actor, change, &e->err);
}

/* The row if all went well; else it is given up. */
static int
give_row(int rc, json_t *row, json_t **row_r)
{
	*row_r = rc == 0 ? row : NULL;
	if (rc != 0)
		json_decref(row);
	return rc;
}

int
registry_create(struct edit *e, enum entity_kind kind, const json_t *body,
    json_t **row_r)
{
	struct change change = { .verb = "create", .kind = kind };
	json_t *row = json_object();
	int rc = entity_check(kind, body, &e->param, &e->err);

	if (rc == 0) {
		if (defaults_of(e->rules, kind) != NULL)
			entity_merge(row, defaults_of(e->rules, kind), NULL);
		take_patch(e, kind, row, body);
		rc = settle_id(e, kind, row, &change.id);
	}
	if (rc == 0)
		rc = check_absent(e, kind, change.id);
	if (rc == 0)
		rc = settle_row(e, kind, row, NULL);
	change.after = row;
	if (rc == 0)
		rc = write_row(e, &change, row);
	return give_row(rc, row, row_r);
}

/* ---- update, delete ----------------------------------------------------- */

int
registry_update(struct edit *e, const char *verb, enum entity_kind kind,
    struct str id, const json_t *patch, json_t **row_r)
{
	struct change change = { .verb = verb, .kind = kind, .id = id };
	json_t *old, *row;
	int rc;

	*row_r = NULL;
	if (entity_check(kind, patch, &e->param, &e->err) != 0 ||
	    entity_need(e->txn, kind, id, &old, &e->err) != 0)
		return -1;
	row = json_deep_copy(old);
	take_patch(e, kind, row, patch);
	json_object_set_new(row, entity_id_name(kind),
	    json_stringn(id.p, id.n));
	change.before = old;
	change.after = row;
	rc = settle_row(e, kind, row, old);
	if (rc == 0)
		rc = write_row(e, &change, row);
	json_decref(old);
	return give_row(rc, row, row_r);
}

/* Whether a row of this kind names the budget: 1, 0, -1. */
static int
uses_budget(struct edit *e, enum entity_kind kind, struct str budget_id)
{
	struct entity_walk w;
	bool uses = false;
	struct str id;
	json_t *row;
	int rc = 1;

	if (entity_walk(e->txn, kind, &w, &e->err) != 0)
		return -1;
	while (!uses && (rc = entity_next(&w, &id, &row, &e->err)) == 1) {
		uses = str_eq(jsonx_str(row, "budget_id"), budget_id);
		json_decref(row);
	}
	entity_end_walk(&w);
	return rc < 0 ? -1 : uses;
}

static int
check_unused(struct edit *e, struct str budget_id)
{
	for (int kind = 0; kind < ENTITY_COUNT; kind++) {
		int rc =
		    kind == ENTITY_BUDGET
			? 0
			: uses_budget(e, (enum entity_kind)kind, budget_id);

		if (rc < 0)
			return -1;
		if (rc == 1)
			return err_set(&e->err, ERR_CONFLICT,
			    "budget " STR_FMT " is in use by a %s; give that "
			    "another first",
			    STR_ARG(budget_id),
			    entity_word((enum entity_kind)kind));
	}
	return 0;
}

/* What goes with it, or stands in the way. */
static int
clear_way(struct edit *e, enum entity_kind kind, struct str id)
{
	if (kind == ENTITY_BUDGET)
		return check_unused(e, id);
	if (kind == ENTITY_TEAM)
		return vkey_delete_of(e, "team_id", id);
	if (kind != ENTITY_USER)
		return 0;
	if (vkey_delete_of(e, "user_id", id) != 0)
		return -1;
	return team_forget_user(e, id);
}

int
registry_delete(struct edit *e, enum entity_kind kind, struct str id,
    json_t **row_r)
{
	struct change change = { .verb = "delete", .kind = kind, .id = id };
	json_t *row;
	int rc;

	*row_r = NULL;
	if (entity_need(e->txn, kind, id, &row, &e->err) != 0)
		return -1;
	change.before = row;
	rc = clear_way(e, kind, id);
	if (rc == 0)
		rc = entity_del(e->txn, kind, id, &e->err);
	if (rc == 0)
		rc = change_note(e->txn, e->actor, &change, &e->err);
	return give_row(rc, row, row_r);
}
