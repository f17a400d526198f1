/* /key/...: see admin_call.h, and the table of routes for who may. */
#include "admin/admin_call.h"

#include "domain/accounts/team.h"

/* A key that is named by itself, its hash or its alias; in the caller's
   transaction. The row is the caller's. */
static int
find_key(struct admin_call *a, struct str text,
    unsigned char hash[SHA256_BYTES], json_t **row_r)
{
	if (vkey_find(a->txn, text, hash, &a->err) != 0)
		return -1;
	return entity_need(a->txn, ENTITY_KEY,
	    str_make((const char *)hash, SHA256_BYTES), row_r, &a->err);
}

/* The same, for one that the caller means to change. */
static int
open_key(struct admin_call *a, struct str text,
    unsigned char hash[SHA256_BYTES], json_t **row_r)
{
	if (find_key(a, text, hash, row_r) != 0)
		return call_hide(a, "change this key");
	if (call_may_manage_key(a, *row_r))
		return 0;
	json_decref(*row_r);
	return call_forbid(a, "change this key");
}

/* ---- create ------------------------------------------------------------- */

/* Above the bounds that the configuration sets, and into the books, only the
   administrator reaches. */
static int
check_fields(struct admin_call *a, bool is_new)
{
	static const char *const fields[] = { "temp_budget_increase",
		"temp_budget_expiry", "spend" };

	if (a->account->is_admin)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		/* LiteLLM's clients send spend 0 with new keys. */
		if (json_object_get(a->body, fields[i]) == NULL ||
		    (is_new && strcmp(fields[i], "spend") == 0))
			continue;
		a->param = fields[i];
		return call_forbid(a, "set this of a key");
	}
	return 0;
}

/* Who is no admin makes keys for himself, or for a team that he is the admin
   of and its members; never for others. */
static int
check_maker(struct admin_call *a)
{
	bool has_user = jsonx_str(a->body, "user_id").n > 0;
	bool has_team = jsonx_str(a->body, "team_id").n > 0;

	if (a->account->is_admin)
		return 0;
	if (!has_user && !has_team && a->account->user.n > 0)
		json_object_set_new(a->body, "user_id",
		    json_stringn(a->account->user.p, a->account->user.n));
	if (!call_may_manage_key(a, a->body))
		return call_forbid(a, "make this key");
	if (call_may_name_user(a, a->body))
		return check_fields(a, true);
	a->param = "user_id";
	return call_forbid(a, "make a key for somebody else");
}

/* The row with the secret: the only time it is shown. */
static json_t *
view_with_secret(struct admin_call *a, const json_t *row,
    const struct vkey_secret *s)
{
	json_t *view = view_row(a, ENTITY_KEY, row);

	if (view == NULL)
		return NULL;
	json_object_set_new(view, "key", json_string(s->text));
	json_object_set(view, "token_id", json_object_get(view, "token"));
	return view;
}

int
key_generate(struct admin_call *a, json_t **answer_r)
{
	struct vkey_secret s;
	json_t *row;

	if (check_maker(a) != 0 ||
	    vkey_create(&a->edit, a->body, &s, &row) != 0)
		return -1;
	*answer_r = view_with_secret(a, row, &s);
	vkey_secret_wipe(&s);
	json_decref(row);
	return *answer_r != NULL ? 0 : -1;
}

int
key_generate_service(struct admin_call *a, json_t **answer_r)
{
	struct str team;

	if (call_need_text(a, "team_id", &team) != 0)
		return -1;
	json_object_del(a->body, "user_id");
	return key_generate(a, answer_r);
}

/* ---- change ------------------------------------------------------------- */

/* An update may not move a key to where its changer may not. */
static int
check_move(struct admin_call *a, const json_t *row)
{
	bool names_user = json_object_get(a->body, "user_id") != NULL;
	json_t *moved = json_copy(jsonx_iterable(row));
	bool may;

	entity_merge(moved, a->body, NULL);
	may = call_may_manage_key(a, moved) &&
	      (!names_user || call_may_name_user(a, moved));
	json_decref(moved);
	return may ? check_fields(a, false)
		   : call_forbid(a, "give this key away");
}

static int
change_key(struct admin_call *a, const char *verb, struct str text,
    const json_t *patch, json_t **answer_r)
{
	unsigned char hash[SHA256_BYTES];
	json_t *row;
	int rc;

	if (open_key(a, text, hash, &row) != 0)
		return -1;
	rc = check_move(a, row);
	json_decref(row);
	if (rc != 0 || vkey_update(&a->edit, verb, hash, patch, &row) != 0)
		return -1;
	*answer_r = view_row(a, ENTITY_KEY, row);
	json_decref(row);
	return *answer_r != NULL ? 0 : -1;
}

int
key_update(struct admin_call *a, json_t **answer_r)
{
	struct str key;

	if (call_need_text(a, "key", &key) != 0 ||
	    change_key(a, "update", key, a->body, answer_r) != 0)
		return -1;
	/* As the caller named it; a key is not turned into its hash here. */
	json_object_set(*answer_r, "key", json_object_get(a->body, "key"));
	return 0;
}

static int
set_blocked(struct admin_call *a, bool blocked, json_t **answer_r)
{
	json_t *patch = json_pack("{s:b}", "blocked", blocked);
	struct str key;
	int rc = call_need_text(a, "key", &key);

	if (rc == 0)
		rc = change_key(a, blocked ? "block" : "unblock", key, patch,
		    answer_r);
	json_decref(patch);
	return rc;
}

int
key_block(struct admin_call *a, json_t **answer_r)
{
	return set_blocked(a, true, answer_r);
}

int
key_unblock(struct admin_call *a, json_t **answer_r)
{
	return set_blocked(a, false, answer_r);
}

/* What the ledger says of a key in the window under way. */
static int
read_spent(struct admin_call *a, const json_t *row, int64_t *spent_r,
    int64_t *carried_r)
{
	json_t *view = view_row(a, ENTITY_KEY, row);
	int64_t carried = json_integer_value(json_object_get(row, "_carried"));

	if (view == NULL)
		return -1;
	if (entity_money(json_object_get(view, "spend"), spent_r) != 1)
		*spent_r = 0;
	json_decref(view);
	*carried_r = carried;
	return 0;
}

int
key_regenerate(struct admin_call *a, json_t **answer_r)
{
	struct str key = a->argument;
	unsigned char hash[SHA256_BYTES];
	struct vkey_secret s;
	int64_t spent, carried;
	json_t *row;
	int rc;

	if (key.n == 0 && call_need_text(a, "key", &key) != 0)
		return -1;
	if (open_key(a, key, hash, &row) != 0)
		return -1;
	rc = check_move(a, row);
	if (rc == 0)
		rc = read_spent(a, row, &spent, &carried);
	json_decref(row);
	if (rc != 0 ||
	    vkey_regenerate(&a->edit, hash, a->body, spent, &s, &row) != 0)
		return -1;
	*answer_r = view_with_secret(a, row, &s);
	vkey_secret_wipe(&s);
	json_decref(row);
	return *answer_r != NULL ? 0 : -1;
}

/* The books stay as they are: what is carried makes up the difference. */
int
key_reset_spend(struct admin_call *a, json_t **answer_r)
{
	int64_t to = 0, spent, carried;
	unsigned char hash[SHA256_BYTES];
	json_t *row;
	int rc;

	if (entity_money(json_object_get(a->body, "reset_to"), &to) < 0 ||
	    to < 0) {
		a->param = "reset_to";
		return call_refuse(a, ERR_BAD_FIELD, "reset_to takes %s",
		    field_type_text(FIELD_MONEY));
	}
	if (open_key(a, a->argument, hash, &row) != 0)
		return -1;
	rc = read_spent(a, row, &spent, &carried);
	json_decref(row);
	if (rc != 0)
		return -1;
	if (vkey_carry(&a->edit, hash, to - (spent - carried), &row) != 0)
		return -1;
	*answer_r = view_row(a, ENTITY_KEY, row);
	json_decref(row);
	return *answer_r != NULL ? 0 : -1;
}

/* Keys by `keys` or `key_aliases`. */
int
key_delete(struct admin_call *a, json_t **answer_r)
{
	bool by_alias = json_object_get(a->body, "keys") == NULL;
	unsigned char hash[SHA256_BYTES];
	json_t *list, *row;
	size_t n;

	if (call_need_list(a, by_alias ? "key_aliases" : "keys", &list) != 0)
		return -1;
	n = json_is_array(list) ? json_array_size(list) : 1;
	for (size_t i = 0; i < n; i++) {
		if (open_key(a, call_item(list, i), hash, &row) != 0)
			return -1;
		json_decref(row);
		if (vkey_delete(&a->edit, hash, &row) != 0)
			return -1;
		json_decref(row);
	}
	*answer_r = json_object();
	json_object_set(*answer_r, "deleted_keys", list);
	return 0;
}

/* ---- read --------------------------------------------------------------- */

/* {key, info} of one key, as the caller named it. */
static json_t *
info_of(struct admin_call *a, struct str text)
{
	unsigned char hash[SHA256_BYTES];
	json_t *row, *view;

	if (find_key(a, text, hash, &row) != 0) {
		(void)!call_hide(a, "look at this key");
		return NULL;
	}
	if (!call_may_see_key(a, row)) {
		json_decref(row);
		call_forbid(a, "look at this key");
		return NULL;
	}
	view = view_row(a, ENTITY_KEY, row);
	json_decref(row);
	if (view == NULL)
		return NULL;
	/* LiteLLM's info has no token in it: the hash is what names it. */
	json_object_del(view, "token");
	return view;
}

int
key_info(struct admin_call *a, json_t **answer_r)
{
	char key[VKEY_MAX_BYTES + 1];
	int rc = call_query(a, "key", key, sizeof(key));
	json_t *info;

	if (rc < 0)
		return -1;
	if (rc == 0)
		snprintf(key, sizeof(key), "%s", a->account->key);
	if (rc == 0 && a->account->is_unlimited)
		return call_refuse(a, ERR_NOT_HELD,
		    "Key not found in database: %s is no virtual key",
		    a->account->key);
	info = info_of(a, str_of(key));
	if (info == NULL)
		return -1;
	*answer_r = json_object();
	json_object_set_new(*answer_r, "key", json_string(key));
	json_object_set_new(*answer_r, "info", info);
	return 0;
}

int
key_info_many(struct admin_call *a, json_t **answer_r)
{
	json_t *keys, *infos = json_array();
	size_t n;

	if (call_need_list(a, "keys", &keys) != 0) {
		json_decref(infos);
		return -1;
	}
	n = json_is_array(keys) ? json_array_size(keys) : 1;
	for (size_t i = 0; i < n; i++) {
		json_t *info = info_of(a, call_item(keys, i));

		if (info == NULL) {
			json_decref(infos);
			return -1;
		}
		json_array_append_new(infos, info);
	}
	*answer_r = json_object();
	json_object_set(*answer_r, "key", keys);
	json_object_set_new(*answer_r, "info", infos);
	return 0;
}

struct key_filter {
	char user[ENTITY_ID_BYTES + 1], team[ENTITY_ID_BYTES + 1];
	char alias[ENTITY_ID_BYTES + 1];
	bool whole; /* return_full_object */
};

static int
read_filter(struct admin_call *a, struct key_filter *f)
{
	char whole[8] = "";

	memset(f, 0, sizeof(*f));
	if (call_query(a, "user_id", f->user, sizeof(f->user)) < 0 ||
	    call_query(a, "team_id", f->team, sizeof(f->team)) < 0 ||
	    call_query(a, "key_alias", f->alias, sizeof(f->alias)) < 0 ||
	    call_query(a, "return_full_object", whole, sizeof(whole)) < 0)
		return -1;
	f->whole = strcmp(whole, "true") == 0 || strcmp(whole, "True") == 0;
	return 0;
}

static bool
passes(struct admin_call *a, const json_t *row, const void *filter)
{
	const struct key_filter *f = filter;

	return (f->user[0] == '\0' ||
		   str_is(jsonx_str(row, "user_id"), f->user)) &&
	       (f->team[0] == '\0' ||
		   str_is(jsonx_str(row, "team_id"), f->team)) &&
	       (f->alias[0] == '\0' ||
		   str_is(jsonx_str(row, "key_alias"), f->alias)) &&
	       call_may_see_key(a, row);
}

static json_t *
token_of(const json_t *row)
{
	return json_incref(json_object_get(row, "token"));
}

int
key_list(struct admin_call *a, json_t **answer_r)
{
	struct key_filter f;
	struct view_list l = { .kind = ENTITY_KEY, .has = passes, .arg = &f };
	json_t *list;
	size_t page;

	if (call_page(a, &page, &l.count) != 0 || read_filter(a, &f) != 0)
		return -1;
	l.first = (page - 1) * l.count;
	l.item = f.whole ? NULL : token_of;
	list = view_rows(a, &l);
	if (list == NULL)
		return -1;
	*answer_r =
	    json_pack("{s:o, s:I, s:I, s:I}", "keys", list, "total_count",
		(json_int_t)l.total, "current_page", (json_int_t)page,
		"total_pages", (json_int_t)((l.total + l.count - 1) / l.count));
	return 0;
}

static bool
has_alias(struct admin_call *a, const json_t *row, const void *arg)
{
	(void)arg;
	return jsonx_str(row, "key_alias").n > 0 && call_may_see_key(a, row);
}

static json_t *
alias_of(const json_t *row)
{
	return json_incref(json_object_get(row, "key_alias"));
}

int
key_aliases(struct admin_call *a, json_t **answer_r)
{
	struct view_list l = { .kind = ENTITY_KEY,
		.has = has_alias,
		.item = alias_of };
	json_t *list = view_rows(a, &l);

	if (list == NULL)
		return -1;
	*answer_r = json_pack("{s:o}", "aliases", list);
	return 0;
}

/* It got here: the key is good. */
int
key_health(struct admin_call *a, json_t **answer_r)
{
	(void)a;
	*answer_r =
	    json_pack("{s:s, s:n}", "key", "healthy", "logging_callbacks");
	return 0;
}
