/* Rows → account. See account_read.h. */
#include "domain/accounts/account_read.h"

#define ARENA_BYTES 2048

static struct account *
new_account(void)
{
	struct account *a = xcalloc(1, sizeof(*a));

	a->refs = 1;
	a->until_nsecs = INT64_MAX;
	a->alias = a->team = a->team_alias = a->user = str_make("", 0);
	arena_init(&a->arena, ARENA_BYTES);
	return a;
}

struct account *
account_special(const char *name)
{
	struct account *a = new_account();

	a->is_admin = a->is_unlimited = true;
	snprintf(a->key, sizeof(a->key), "%s", name);
	return a;
}

struct account *
account_nobody(void)
{
	static struct account nobody = {
		.refs = 1,
		.is_unlimited = true,
		.alias = STR_LIT(""),
		.team = STR_LIT(""),
		.team_alias = STR_LIT(""),
		.user = STR_LIT(""),
	};

	return &nobody;
}

struct account *
account_ref(struct account *a)
{
	if (a != NULL)
		a->refs++;
	return a;
}

void
account_unref(struct account **ap)
{
	struct account *a = *ap;

	*ap = NULL;
	if (a == NULL || --a->refs > 0)
		return;
	arena_fini(&a->arena);
	free(a);
}

void
purse_unref(struct purse **pp)
{
	struct purse *p = *pp;

	*pp = NULL;
	if (p == NULL || --p->refs > 0)
		return;
	arena_fini(&p->arena);
	free(p);
}

/* ---- rows --------------------------------------------------------------- */

/* The rows behind one key; NULL where there is none. Owned. */
struct rows {
	json_t *key, *team, *user;
	json_t *key_budget, *team_budget, *user_budget;
};

static void
free_rows(struct rows *rows)
{
	json_decref(rows->key);
	json_decref(rows->team);
	json_decref(rows->user);
	json_decref(rows->key_budget);
	json_decref(rows->team_budget);
	json_decref(rows->user_budget);
}

/* What a row names must be there: else nothing says what is allowed. */
static int
get_named(const struct account_reading *r, const json_t *row,
    const char *member, enum entity_kind kind, bool must, json_t **row_r,
    struct err *err)
{
	struct str id = jsonx_str(row, member);
	int rc;

	if (id.n == 0)
		return 0;
	rc = entity_get(r->txn, kind, id, row_r, err);
	if (rc == 0 && must)
		return err_set(err, ERR_STORE, "there is no %s " STR_FMT,
		    entity_word(kind), STR_ARG(id));
	return rc < 0 ? -1 : 0;
}

static int
get_rows(const struct account_reading *r, struct rows *rows, struct err *err)
{
	if (get_named(r, rows->key, "team_id", ENTITY_TEAM, true, &rows->team,
		err) != 0 ||
	    get_named(r, rows->key, "user_id", ENTITY_USER, false, &rows->user,
		err) != 0 ||
	    get_named(r, rows->key, "budget_id", ENTITY_BUDGET, true,
		&rows->key_budget, err) != 0 ||
	    get_named(r, rows->team, "budget_id", ENTITY_BUDGET, true,
		&rows->team_budget, err) != 0 ||
	    get_named(r, rows->user, "budget_id", ENTITY_BUDGET, true,
		&rows->user_budget, err) != 0)
		return -1;
	return 0;
}

/* ---- parts -------------------------------------------------------------- */

static struct str
keep(struct account *a, struct str s)
{
	return arena_str(&a->arena, s);
}

static void
read_names(struct account *a, const json_t *list, struct config_strings *to)
{
	size_t n = json_array_size(list);

	to->items = arena_alloc(&a->arena, (n + 1) * sizeof(*to->items));
	for (size_t i = 0; i < n; i++) {
		const json_t *name = json_array_get(list, i);

		if (json_is_string(name))
			to->items[to->count++] =
			    arena_strdup(&a->arena, json_string_value(name));
	}
}

/* The key's own come first: they win. */
static void
read_aliases(struct account *a, const struct rows *rows)
{
	const json_t *maps[] = { json_object_get(rows->key, "aliases"),
		json_object_get(rows->team, "model_aliases") };
	struct account_alias *to = arena_alloc(&a->arena,
	    (json_object_size(maps[0]) + json_object_size(maps[1]) + 1) *
		sizeof(*to));
	const char *name;
	json_t *model;

	a->aliases = to;
	for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
		json_object_foreach(jsonx_iterable(maps[i]), name, model) {
			if (!json_is_string(model))
				continue;
			to[a->alias_count].name = keep(a, str_of(name));
			to[a->alias_count++].model =
			    arena_strdup(&a->arena, json_string_value(model));
		}
	}
}

static void
add_tags(struct account *a, const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *tag = json_string_value(json_array_get(list, i));

		if (tag != NULL && a->tag_count < ACCOUNT_MAX_TAGS)
			a->tags[a->tag_count++] = keep(a, str_of(tag));
	}
}

static void
read_tags(struct account *a, const struct rows *rows)
{
	add_tags(a, json_object_get(rows->key, "tags"));
	add_tags(a, jsonx_path(rows->key, "metadata.tags"));
	add_tags(a, json_object_get(rows->team, "tags"));
	add_tags(a, jsonx_path(rows->team, "metadata.tags"));
}

static void
take_allowance(struct account *a, struct allowance *to)
{
	if (to->until_nsecs < a->until_nsecs)
		a->until_nsecs = to->until_nsecs;
	a->allowances[a->allowance_count++] = to;
}

static int
add_allowance(const struct account_reading *r, struct account *a,
    enum scope_kind kind, struct str id, const json_t *row,
    const json_t *budget, struct err *err)
{
	struct allowance_source source = {
		.kind = kind,
		.id = id,
		.row = row,
		.budget = budget,
		.zone = r->zone,
		.now_nsecs = r->now_nsecs,
	};
	struct allowance *to = arena_alloc(&a->arena, sizeof(*to));

	if (allowance_read(&source, &a->arena, to, err) != 0)
		return -1;
	take_allowance(a, to);
	return 0;
}

static int
add_member(const struct account_reading *r, struct account *a,
    const struct rows *rows, struct err *err)
{
	struct allowance_reader reader = { .accounts = r->txn,
		.zone = r->zone,
		.now_nsecs = r->now_nsecs };
	struct allowance *to = arena_alloc(&a->arena, sizeof(*to));

	if (allowance_of_member(&reader, rows->team, a->user, &a->arena, to,
		err) != 0)
		return -1;
	take_allowance(a, to);
	return 0;
}

/* A key of a team spends the team's money, not its user's; what the user spent
   is kept all the same. */
static int
read_allowances(const struct account_reading *r, struct account *a,
    const struct rows *rows, struct err *err)
{
	bool has_team = a->team.n > 0;

	if (add_allowance(r, a, SCOPE_KEY, str_of(a->key), rows->key,
		rows->key_budget, err) != 0)
		return -1;
	if (has_team && add_allowance(r, a, SCOPE_TEAM, a->team, rows->team,
			    rows->team_budget, err) != 0)
		return -1;
	if (a->user.n == 0)
		return 0;
	if (has_team && add_member(r, a, rows, err) != 0)
		return -1;
	return add_allowance(r, a, SCOPE_USER, a->user,
	    has_team ? NULL : rows->user, has_team ? NULL : rows->user_budget,
	    err);
}

/* A team's key has none of its user's: whoever may make keys for the team
   would come by them. */
static void
read_role(struct account *a, const struct rows *rows)
{
	struct str role = jsonx_str(rows->user, "user_role");

	if (a->team.n > 0)
		return;
	a->is_admin = str_is(role, "proxy_admin");
	a->is_viewer = str_is(role, "proxy_admin_viewer");
	a->is_internal = str_is(role, "internal_user");
}

static int
fill(const struct account_reading *r, struct account *a,
    const struct rows *rows, struct err *err)
{
	a->alias = keep(a, jsonx_str(rows->key, "key_alias"));
	a->team = keep(a, jsonx_str(rows->key, "team_id"));
	a->team_alias = keep(a, jsonx_str(rows->team, "team_alias"));
	a->user = keep(a, jsonx_str(rows->key, "user_id"));
	read_role(a, rows);
	a->team_blocked = json_is_true(json_object_get(rows->team, "blocked"));
	a->user_blocked = json_is_true(json_object_get(rows->user, "blocked"));
	if (entity_time(rows->key, "expires", &a->expires_nsecs) < 0)
		return err_set(err, ERR_STORE, "key %s: expires is damaged",
		    a->key);
	read_names(a, json_object_get(rows->key, "models"), &a->models);
	read_names(a, json_object_get(rows->team, "models"), &a->team_models);
	if (a->team.n == 0)
		read_names(a, json_object_get(rows->user, "models"),
		    &a->user_models);
	read_names(a, json_object_get(rows->key, "allowed_routes"), &a->routes);
	read_aliases(a, rows);
	read_tags(a, rows);
	return read_allowances(r, a, rows, err);
}

int
account_read(const struct account_reading *r,
    const unsigned char hash[SHA256_BYTES], struct account **account_r,
    struct err *err)
{
	struct rows rows = { 0 };
	struct account *a;
	int rc = entity_get(r->txn, ENTITY_KEY,
	    str_make((const char *)hash, SHA256_BYTES), &rows.key, err);

	*account_r = NULL;
	if (rc <= 0)
		return rc;
	a = new_account();
	hash_hex(hash, SHA256_BYTES, a->key);
	if (get_rows(r, &rows, err) != 0 || fill(r, a, &rows, err) != 0) {
		account_unref(&a);
		rc = -1;
	}
	free_rows(&rows);
	*account_r = a;
	return rc;
}

int
purse_read(const struct account_reading *r, enum scope_kind kind, struct str id,
    const char *budget_id, struct purse **purse_r, struct err *err)
{
	struct allowance_source source = {
		.kind = kind,
		.id = id,
		.zone = r->zone,
		.now_nsecs = r->now_nsecs,
	};
	json_t *row = NULL, *budget = NULL;
	struct purse *p;
	struct str named;
	int rc;

	*purse_r = NULL;
	rc = entity_get(r->txn,
	    kind == SCOPE_TAG ? ENTITY_TAG : ENTITY_CUSTOMER, id, &row, err);
	if (rc < 0)
		return -1;
	named = jsonx_str(row, "budget_id");
	if (named.n == 0)
		named = str_of(budget_id);
	if (rc == 0 && named.n == 0)
		return 0;
	if (named.n > 0 &&
	    entity_need(r->txn, ENTITY_BUDGET, named, &budget, err) != 0) {
		json_decref(row);
		if (err != NULL)
			err->code = ERR_STORE;
		return -1;
	}
	p = xcalloc(1, sizeof(*p));
	p->refs = 1;
	arena_init(&p->arena, 512);
	source.row = row;
	source.budget = budget;
	rc = allowance_read(&source, &p->arena, &p->allowance, err);
	json_decref(row);
	json_decref(budget);
	if (rc != 0) {
		purse_unref(&p);
		return -1;
	}
	*purse_r = p;
	return 1;
}
