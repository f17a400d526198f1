/* Rows of accounts/: what is taken, kept, refused and logged. */
#include "registry_fixture.h"

static json_t *
read_row(struct registry *r, enum entity_kind kind, struct str id)
{
	struct store_txn *t;
	json_t *row = NULL;

	if (store_read(r->live->store, STORE_ACCOUNTS, &t, &r->err) != 0 ||
	    entity_get(t, kind, id, &row, &r->err) < 0)
		fail_msg("%s", r->err.text);
	store_abort(&t);
	return row;
}

static void
assert_member(const json_t *row, const char *name, const char *want)
{
	char *text = entity_dump(json_object_get(row, name));

	assert_string_equal(text != NULL ? text : "absent", want);
	free(text);
}

/* ---- fields ------------------------------------------------------------- */

static void
test_each_type_takes_what_it_says(void **state)
{
	static const struct {
		enum entity_kind kind;
		const char *name, *good, *bad;
	} rows[] = {
		{ ENTITY_KEY, "key_alias", "\"a\"", "5" },
		{ ENTITY_KEY, "max_budget", "0.000000001", "-1" },
		{ ENTITY_KEY, "max_budget", "\"12.50\"", "0.0000000001" },
		{ ENTITY_KEY, "max_budget", "0", "\"x\"" },
		{ ENTITY_KEY, "max_budget", "1e-7", "1e300" },
		{ ENTITY_KEY, "rpm_limit", "0", "1.5" },
		{ ENTITY_KEY, "rpm_limit", "null", "-1" },
		{ ENTITY_KEY, "blocked", "true", "\"yes\"" },
		{ ENTITY_KEY, "models", "[\"a\", \"b/*\"]", "[1]" },
		{ ENTITY_KEY, "models", "[]", "\"a\"" },
		{ ENTITY_KEY, "metadata", "{\"x\": [1]}", "[]" },
		{ ENTITY_KEY, "budget_duration", "\"30d\"", "\"30 days\"" },
		{ ENTITY_KEY, "duration", "\"12h\"", "\"soon\"" },
		{ ENTITY_KEY, "temp_budget_expiry", "\"2026-12-01\"",
		    "\"2h\"" },
		{ ENTITY_KEY, "budget_limits",
		    "[{\"budget_duration\": \"1d\", \"max_budget\": 1}]",
		    "[{\"max_budget\": 1}]" },
		{ ENTITY_KEY, "model_max_budget",
		    "{\"m\": {\"budget_limit\": 1, \"time_period\": \"1d\"}}",
		    "{\"m\": {\"time_period\": \"1d\"}}" },
		{ ENTITY_KEY, "model_max_budget", "{\"m\": 2}", "{\"m\": -2}" },
		{ ENTITY_KEY, "model_rpm_limit", "{\"m\": 2}",
		    "{\"m\": \"2\"}" },
		{ ENTITY_KEY, "aliases", "{\"a\": \"b\"}", "{\"a\": 1}" },
		{ ENTITY_KEY, "on_exhaust", "\"downgrade:small\"",
		    "\"downgrade:\"" },
		{ ENTITY_USER, "user_role", "\"internal_user\"", "\"boss\"" },
		{ ENTITY_TEAM, "members_with_roles",
		    "[{\"user_id\": \"a\", \"role\": \"admin\"}]",
		    "[{\"user_id\": \"a\", \"role\": \"king\"}]" },
		{ ENTITY_TEAM, "members_with_roles", "[]", "[{}]" },
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *good =
		    xasprintf("{\"%s\": %s}", rows[i].name, rows[i].good);
		char *bad =
		    xasprintf("{\"%s\": %s}", rows[i].name, rows[i].bad);
		json_t *g = parse(good), *b = parse(bad);
		const char *param = NULL;

		if (entity_check(rows[i].kind, g, &param, &err) != 0)
			fail_msg("%s: %s", good, err.text);
		if (entity_check(rows[i].kind, b, &param, &err) == 0)
			fail_msg("taken: %s", bad);
		assert_int_equal(err.code, ERR_BAD_FIELD);
		assert_string_equal(param, rows[i].name);
		json_decref(g);
		json_decref(b);
		free(good);
		free(bad);
	}
}

static void
test_unknown_fields_are_kept(void **state)
{
	struct registry r;
	json_t *row;

	registry_open(&r, *state);
	must_create(&r, ENTITY_TEAM,
	    "{\"team_id\": \"t\", \"x_new\": {\"deep\": [1, 2.5]},"
	    " \"max_budget\": 0.1, \"_carried\": 7}");
	row = read_row(&r, ENTITY_TEAM, str_of("t"));
	assert_member(row, "x_new", "{\"deep\":[1,2.5]}");
	assert_member(row, "max_budget", "0.1");
	/* Ours cannot be set from outside. */
	assert_null(json_object_get(row, "_carried"));
	json_decref(row);
	row = update(&r, ENTITY_TEAM, "t",
	    "{\"x_new\": null, \"other\": 1, \"max_budget\": 0.3}");
	assert_null(json_object_get(row, "x_new"));
	assert_member(row, "other", "1");
	assert_member(row, "max_budget", "0.3");
	json_decref(row);
	row = update(&r, ENTITY_TEAM, "t", "{\"max_budget\": \"12.50\"}");
	assert_member(row, "max_budget", "12.5");
	json_decref(row);
	registry_close(&r);
}

static void
test_conflicts_and_strangers(void **state)
{
	struct registry r;
	json_t *row;

	registry_open(&r, *state);
	must_create(&r, ENTITY_TEAM, "{\"team_id\": \"t\"}");
	assert_null(create(&r, ENTITY_TEAM, "{\"team_id\": \"t\"}"));
	assert_int_equal(r.err.code, ERR_CONFLICT);
	assert_string_equal(r.param, "team_id");
	assert_null(create(&r, ENTITY_USER,
	    "{\"user_id\": \"u\", \"budget_id\": \"none\"}"));
	assert_int_equal(r.err.code, ERR_NOT_HELD);
	assert_string_equal(r.param, "budget_id");
	assert_null(create(&r, ENTITY_TAG, "{\"name\": \"a\\nb\"}"));
	assert_int_equal(r.err.code, ERR_BAD_FIELD);
	assert_null(create(&r, ENTITY_CUSTOMER, "{}"));
	assert_null(update(&r, ENTITY_TEAM, "nobody", "{}"));
	assert_int_equal(r.err.code, ERR_NOT_HELD);
	/* One without an id gets one. */
	row = create(&r, ENTITY_TEAM, "{}");
	assert_int_equal(jsonx_str(row, "team_id").n, 36);
	json_decref(row);
	/* A budget in use stays. */
	must_create(&r, ENTITY_BUDGET,
	    "{\"budget_id\": \"b\", \"max_budget\": 1}");
	must_create(&r, ENTITY_USER,
	    "{\"user_id\": \"u\", \"budget_id\": \"b\"}");
	begin(&r);
	assert_int_equal(finish(&r, registry_delete(&r.edit, ENTITY_BUDGET,
					str_of("b"), &row)),
	    -1);
	assert_int_equal(r.err.code, ERR_CONFLICT);
	registry_close(&r);
}

/* ---- keys --------------------------------------------------------------- */

static void
test_a_key_is_kept_as_its_hash_alone(void **state)
{
	struct registry r;
	struct vkey_secret s, other;
	unsigned char hash[SHA256_BYTES];
	char hex[SHA256_HEX_BYTES], *text;
	json_t *row;

	registry_open(&r, *state);
	s = must_create_key(&r, "{\"key_alias\": \"mine\"}");
	other = must_create_key(&r, "{}");
	assert_int_equal(strlen(s.text), 3 + VKEY_RANDOM_CHARS);
	assert_memory_equal(s.text, "sk-", 3);
	assert_string_not_equal(s.text, other.text);
	hash_sha256(str_of(s.text), hash);
	row = read_row(&r, ENTITY_KEY, str_make((char *)hash, sizeof(hash)));
	hash_hex(hash, sizeof(hash), hex);
	assert_str(jsonx_str(row, "token"), hex);
	assert_true(str_starts(jsonx_str(row, "key_name"), "sk-..."));
	assert_true(
	    str_ends(jsonx_str(row, "key_name"), s.text + strlen(s.text) - 4));
	text = entity_dump(row);
	assert_null(strstr(text, s.text));
	free(text);
	json_decref(row);
	registry_close(&r);
}

static void
test_own_keys_and_aliases_are_unique(void **state)
{
	static const char *const bad[] = { "{\"key\": \"pk-1234567890\"}",
		"{\"key\": \"sk-\"}", "{\"key\": \"sk-a b\"}",
		"{\"key\": \"sk-\\u00e9\"}", "{\"key_alias\": \"sk-x\"}",
		"{\"key_alias\": \"a\\nb\"}", "{\"key_type\": \"other\"}" };
	struct registry r;
	struct vkey_secret s;

	registry_open(&r, *state);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_null(create_key(&r, bad[i], &s));
		assert_int_equal(r.err.code, ERR_BAD_FIELD);
		assert_string_equal(s.text, "");
	}
	must_create_key(&r,
	    "{\"key\": \"sk-own-1234567890\", \"key_alias\": \"a\"}");
	assert_null(create_key(&r, "{\"key\": \"sk-own-1234567890\"}", &s));
	assert_int_equal(r.err.code, ERR_CONFLICT);
	assert_null(create_key(&r, "{\"key\": \"" MASTER "\"}", &s));
	assert_int_equal(r.err.code, ERR_CONFLICT);
	assert_null(create_key(&r, "{\"key_alias\": \"a\"}", &s));
	assert_int_equal(r.err.code, ERR_CONFLICT);
	assert_string_equal(r.param, "key_alias");
	/* An alias that is given up is free again. */
	must_update_key(&r, "a", "{\"key_alias\": \"b\"}");
	must_create_key(&r, "{\"key_alias\": \"a\"}");
	assert_null(update_key(&r, "b", "{\"key_alias\": \"a\"}"));
	assert_int_equal(r.err.code, ERR_CONFLICT);
	registry_close(&r);
}

static void
test_a_short_key_is_not_half_shown(void **state)
{
	char name[VKEY_NAME_BYTES];

	(void)state;
	vkey_name(str_of("sk-1234"), name);
	assert_string_equal(name, "sk-...");
	vkey_name(str_of("sk-0123456789abcdef"), name);
	assert_string_equal(name, "sk-...cdef");
}

static void
test_defaults_fill_and_bounds_hold(void **state)
{
	struct registry r;
	struct vkey_secret s;
	json_t *row;

	registry_open(&r, *state);
	registry_rules_free(&r.rules);
	r.config.key_defaults_json = "{\"max_budget\": 3, \"models\": [\"m\"]}";
	r.config.key_bounds_json =
	    "{\"max_budget\": 10, \"rpm_limit\": 60, \"duration\": \"30d\"}";
	assert_int_equal(registry_rules_read(&r.config, &r.rules, &r.err), 0);
	row = create_key(&r, "{}", &s);
	assert_member(row, "max_budget", "3");
	assert_member(row, "models", "[\"m\"]");
	assert_member(row, "rpm_limit", "60");
	assert_non_null(json_object_get(row, "expires"));
	json_decref(row);
	assert_null(create_key(&r, "{\"max_budget\": 10.01}", &s));
	assert_int_equal(r.err.code, ERR_BAD_REQUEST);
	assert_string_equal(r.param, "max_budget");
	assert_null(create_key(&r, "{\"duration\": \"31d\"}", &s));
	assert_null(create_key(&r, "{\"rpm_limit\": 61}", &s));
	json_decref(create_key(&r, "{\"max_budget\": 10}", &s));
	assert_null(update_key(&r, s.text, "{\"max_budget\": 11}"));
	must_update_key(&r, s.text, "{\"max_budget\": 9}");
	/* What is taken away becomes the bound; what is not named stays. */
	row =
	    update_key(&r, s.text, "{\"max_budget\": null, \"models\": null}");
	assert_member(row, "max_budget", "10");
	assert_member(row, "rpm_limit", "60");
	assert_null(json_object_get(row, "models"));
	json_decref(row);
	registry_rules_free(&r.rules);
	r.config.key_bounds_json = "{\"max_budget\": \"much\"}";
	assert_int_equal(registry_rules_read(&r.config, &r.rules, &r.err), -1);
	assert_int_equal(r.err.code, ERR_CONFIG);
}

static void
test_a_regenerated_key_keeps_all_but_its_secret(void **state)
{
	struct registry r;
	struct vkey_secret s, fresh;
	unsigned char hash[SHA256_BYTES];
	json_t *row, *body = json_object();

	registry_open(&r, *state);
	s = must_create_key(&r,
	    "{\"key_alias\": \"k\", \"max_budget\": 5, \"x\": 1}");
	hash_sha256(str_of(s.text), hash);
	begin(&r);
	assert_int_equal(finish(&r, vkey_regenerate(&r.edit, hash, body,
					NANOS_PER_USD, &fresh, &row)),
	    0);
	assert_string_not_equal(s.text, fresh.text);
	assert_member(row, "key_alias", "\"k\"");
	assert_member(row, "x", "1");
	assert_member(row, "_carried", "1000000000");
	json_decref(row);
	assert_null(update_key(&r, s.text, "{}"));
	must_update_key(&r, fresh.text, "{}");
	must_update_key(&r, "k", "{}");
	json_decref(body);
	registry_close(&r);
}

/* ---- members ------------------------------------------------------------ */

static int
member(struct registry *r, const char *json,
    int (*run)(struct edit *, struct str, const json_t *, json_t **))
{
	json_t *body = parse(json), *team = NULL;
	int rc;

	begin(r);
	rc = run(&r->edit, str_of("t"), body, &team);
	finish(r, rc);
	json_decref(team);
	json_decref(body);
	return rc;
}

static void
test_members_come_and_go(void **state)
{
	struct registry r;
	json_t *team, *user;

	registry_open(&r, *state);
	must_create(&r, ENTITY_TEAM, "{\"team_id\": \"t\"}");
	assert_int_equal(member(&r,
			     "{\"member\": {\"user_id\": \"a\", \"role\": "
			     "\"admin\"},"
			     " \"max_budget_in_team\": 2}",
			     team_add_members),
	    0);
	assert_int_equal(member(&r, "{\"member\": [{\"user_id\": \"b\"}]}",
			     team_add_members),
	    0);
	assert_int_equal(member(&r, "{\"member\": {\"user_id\": \"a\"}}",
			     team_add_members),
	    -1);
	assert_int_equal(r.err.code, ERR_CONFLICT);
	assert_int_equal(member(&r, "{\"member\": {}}", team_add_members), -1);
	assert_int_equal(r.err.code, ERR_BAD_FIELD);
	user = read_row(&r, ENTITY_USER, str_of("b"));
	assert_non_null(user); /* it came with the team */
	json_decref(user);
	assert_int_equal(member(&r, "{\"user_id\": \"b\", \"rpm_limit\": 3}",
			     team_update_member),
	    0);
	team = read_row(&r, ENTITY_TEAM, str_of("t"));
	assert_true(team_is_admin(team, str_of("a")));
	assert_false(team_is_admin(team, str_of("b")));
	assert_false(team_is_admin(team, str_of("")));
	assert_member(team_member(team, str_of("a")), "max_budget_in_team",
	    "2");
	assert_member(team_member(team, str_of("b")), "rpm_limit", "3");
	json_decref(team);
	assert_int_equal(member(&r, "{\"user_id\": \"b\"}", team_remove_member),
	    0);
	assert_int_equal(member(&r, "{\"user_id\": \"b\"}", team_remove_member),
	    -1);
	assert_int_equal(r.err.code, ERR_NOT_HELD);
	begin(&r);
	assert_int_equal(finish(&r, registry_delete(&r.edit, ENTITY_USER,
					str_of("a"), &user)),
	    0);
	json_decref(user);
	team = read_row(&r, ENTITY_TEAM, str_of("t"));
	assert_member(team, "members_with_roles", "[]");
	json_decref(team);
	registry_close(&r);
}

/* ---- the log ------------------------------------------------------------ */

static void
test_every_change_is_logged_without_secrets(void **state)
{
	static const char *const verbs[] = { "create", "update", "create" };
	struct registry r;
	struct vkey_secret s;
	struct change_walk w;
	struct store_txn *t;
	struct str text;
	uint64_t number, last;
	size_t n = 0;

	registry_open(&r, *state);
	s = must_create_key(&r, "{\"key_alias\": \"k\", \"max_budget\": 1}");
	must_update_key(&r, "k", "{\"max_budget\": 2}");
	must_create(&r, ENTITY_TEAM, "{\"team_id\": \"t\"}");
	/* What was refused is no change. */
	assert_null(create(&r, ENTITY_TEAM, "{\"team_id\": \"t\"}"));
	assert_int_equal(store_read(r.live->store, STORE_ACCOUNTS, &t, &r.err),
	    0);
	assert_int_equal(change_last(t, &last, &r.err), 0);
	assert_int_equal(last, ARRAY_LEN(verbs));
	assert_int_equal(change_walk(t, 1, &w, &r.err), 0);
	while (change_next(&w, &number, &text, &r.err) == 1) {
		json_t *line = jsonx_parse(text, &r.err);

		assert_non_null(line);
		assert_int_equal(number, n + 1);
		assert_str(jsonx_str(line, "who"), "tester");
		assert_str(jsonx_str(line, "verb"), verbs[n]);
		assert_int_equal(str_find(text, s.text), -1);
		if (n == 1) {
			assert_member(json_object_get(line, "before"),
			    "max_budget", "1");
			assert_member(json_object_get(line, "after"),
			    "max_budget", "2");
			assert_null(jsonx_path(line, "after.key_alias"));
		}
		json_decref(line);
		n++;
	}
	change_end_walk(&w);
	store_abort(&t);
	assert_int_equal(n, ARRAY_LEN(verbs));
	registry_close(&r);
}

/* Every field that LiteLLM takes (notes on it, section 3), with a value: it has
   its effect, or is named as one that has none; and stays in the row where it
   is no order. */
static const struct {
	enum entity_kind kind;
	const char *field, *json;
	bool kept;      /* named in the warnings */
	const char *at; /* what it becomes; NULL: itself */
} litellm_fields[] = {
	{ ENTITY_KEY, "key_alias", "\"a\"", false, NULL },
	{ ENTITY_KEY, "duration", "\"30d\"", false, "expires" },
	{ ENTITY_KEY, "models", "[\"m\"]", false, NULL },
	{ ENTITY_KEY, "max_budget", "1.5", false, NULL },
	{ ENTITY_KEY, "budget_duration", "\"30d\"", false, NULL },
	{ ENTITY_KEY, "soft_budget", "1", false, NULL },
	{ ENTITY_KEY, "budget_id", "\"plan\"", false, NULL },
	{ ENTITY_KEY, "spend", "0.5", false, "_carried" },
	{ ENTITY_KEY, "user_id", "\"u\"", false, NULL },
	{ ENTITY_KEY, "team_id", "\"team\"", false, NULL },
	{ ENTITY_KEY, "organization_id", "\"o\"", true, NULL },
	{ ENTITY_KEY, "max_parallel_requests", "3", false, NULL },
	{ ENTITY_KEY, "rpm_limit", "3", false, NULL },
	{ ENTITY_KEY, "tpm_limit", "3", false, NULL },
	{ ENTITY_KEY, "rpm_limit_type", "\"guaranteed_throughput\"", true,
	    NULL },
	{ ENTITY_KEY, "tpm_limit_type", "\"guaranteed_throughput\"", true,
	    NULL },
	{ ENTITY_KEY, "model_max_budget",
	    "{\"m\":{\"budget_limit\":1,\"time_period\":\"1d\"}}", false,
	    NULL },
	{ ENTITY_KEY, "model_rpm_limit", "{\"m\":1}", false, NULL },
	{ ENTITY_KEY, "model_tpm_limit", "{\"m\":1}", false, NULL },
	{ ENTITY_KEY, "metadata", "{\"x\":1}", false, NULL },
	{ ENTITY_KEY, "tags", "[\"t\"]", false, NULL },
	{ ENTITY_KEY, "aliases", "{\"a\":\"m\"}", false, NULL },
	{ ENTITY_KEY, "config", "{\"x\":1}", true, NULL },
	{ ENTITY_KEY, "permissions", "{\"x\":1}", true, NULL },
	{ ENTITY_KEY, "guardrails", "[\"g\"]", true, NULL },
	{ ENTITY_KEY, "enforced_params", "[\"user\"]", true, NULL },
	{ ENTITY_KEY, "allowed_routes", "[\"/key/*\"]", false, NULL },
	{ ENTITY_KEY, "allowed_cache_controls", "[\"no-cache\"]", true, NULL },
	{ ENTITY_KEY, "blocked", "true", false, NULL },
	{ ENTITY_KEY, "key", "\"sk-own-0123456789\"", false, "token" },
	{ ENTITY_KEY, "key_type", "\"llm_api\"", false, "allowed_routes" },
	{ ENTITY_KEY, "router_settings", "{\"x\":1}", true, NULL },
	{ ENTITY_KEY, "object_permission", "{\"x\":1}", true, NULL },
	{ ENTITY_KEY, "auto_rotate", "true", true, NULL },
	{ ENTITY_KEY, "rotation_interval", "\"30d\"", true, NULL },
	{ ENTITY_KEY, "send_invite_email", "true", true, NULL },
	{ ENTITY_KEY, "budget_limits",
	    "[{\"budget_duration\":\"1d\",\"max_budget\":1}]", false, NULL },
	{ ENTITY_KEY, "temp_budget_increase", "5", false, NULL },
	{ ENTITY_KEY, "temp_budget_expiry", "\"2026-12-01T00:00:00Z\"", false,
	    NULL },
	{ ENTITY_KEY, "no_such_field", "1", true, NULL },
	{ ENTITY_TEAM, "team_alias", "\"a\"", false, NULL },
	{ ENTITY_TEAM, "team_id", "\"fresh\"", false, NULL },
	{ ENTITY_TEAM, "organization_id", "\"o\"", true, NULL },
	{ ENTITY_TEAM, "members_with_roles",
	    "[{\"role\":\"admin\",\"user_id\":\"u\"}]", false, NULL },
	{ ENTITY_TEAM, "models", "[\"m\"]", false, NULL },
	{ ENTITY_TEAM, "model_aliases", "{\"a\":\"m\"}", false, NULL },
	{ ENTITY_TEAM, "max_budget", "1", false, NULL },
	{ ENTITY_TEAM, "soft_budget", "1", false, NULL },
	{ ENTITY_TEAM, "budget_duration", "\"1mo\"", false, NULL },
	{ ENTITY_TEAM, "rpm_limit", "1", false, NULL },
	{ ENTITY_TEAM, "tpm_limit", "1", false, NULL },
	{ ENTITY_TEAM, "model_rpm_limit", "{\"m\":1}", false, NULL },
	{ ENTITY_TEAM, "model_tpm_limit", "{\"m\":1}", false, NULL },
	{ ENTITY_TEAM, "team_member_budget", "1", false, NULL },
	{ ENTITY_TEAM, "blocked", "true", false, NULL },
	{ ENTITY_TEAM, "metadata", "{\"x\":1}", false, NULL },
	{ ENTITY_TEAM, "tags", "[\"t\"]", false, NULL },
	{ ENTITY_TEAM, "spend", "1", false, "_carried" },
	{ ENTITY_TEAM, "guardrails", "[\"g\"]", true, NULL },
	{ ENTITY_TEAM, "object_permission", "{\"x\":1}", true, NULL },
	{ ENTITY_USER, "user_id", "\"fresh\"", false, NULL },
	{ ENTITY_USER, "user_email", "\"a@b\"", false, NULL },
	{ ENTITY_USER, "user_alias", "\"a\"", false, NULL },
	{ ENTITY_USER, "user_role", "\"internal_user\"", false, NULL },
	{ ENTITY_USER, "max_budget", "1", false, NULL },
	{ ENTITY_USER, "budget_duration", "\"1d\"", false, NULL },
	{ ENTITY_USER, "models", "[\"m\"]", false, NULL },
	{ ENTITY_USER, "sso_user_id", "\"s\"", true, NULL },
	{ ENTITY_CUSTOMER, "alias", "\"a\"", false, NULL },
	{ ENTITY_CUSTOMER, "max_budget", "1", false, NULL },
	{ ENTITY_CUSTOMER, "budget_id", "\"plan\"", false, NULL },
	{ ENTITY_CUSTOMER, "default_model", "\"m\"", true, NULL },
	{ ENTITY_CUSTOMER, "allowed_model_region", "\"eu\"", true, NULL },
	{ ENTITY_CUSTOMER, "blocked", "true", false, NULL },
	{ ENTITY_BUDGET, "max_budget", "1", false, NULL },
	{ ENTITY_BUDGET, "soft_budget", "1", false, NULL },
	{ ENTITY_BUDGET, "budget_duration", "\"1d\"", false, NULL },
	{ ENTITY_BUDGET, "rpm_limit", "1", false, NULL },
	{ ENTITY_BUDGET, "tpm_limit", "1", false, NULL },
	{ ENTITY_BUDGET, "max_parallel_requests", "1", false, NULL },
	{ ENTITY_BUDGET, "model_max_budget", "{\"m\":1}", false, NULL },
	{ ENTITY_TAG, "description", "\"d\"", false, NULL },
	{ ENTITY_TAG, "models", "[\"m\"]", true, NULL },
	{ ENTITY_TAG, "max_budget", "1", false, NULL },
	{ ENTITY_TAG, "budget_duration", "\"1d\"", false, NULL },
};

static json_t *
create_with(struct registry *r, enum entity_kind kind, const char *field,
    const char *json)
{
	char body[300];
	struct vkey_secret s;

	if (kind == ENTITY_KEY)
		snprintf(body, sizeof(body), "{\"%s\":%s}", field, json);
	else if (strcmp(field, entity_id_name(kind)) == 0)
		snprintf(body, sizeof(body), "{\"%s\":%s}", field, json);
	else
		snprintf(body, sizeof(body), "{\"%s\":\"%s\",\"%s\":%s}",
		    entity_id_name(kind), field, field, json);
	return kind == ENTITY_KEY ? create_key(r, body, &s)
				  : create(r, kind, body);
}

static void
test_no_field_of_litellm_is_lost_in_silence(void **state)
{
	struct registry r;

	registry_open(&r, *state);
	must_create(&r, ENTITY_TEAM, "{\"team_id\": \"team\"}");
	must_create(&r, ENTITY_BUDGET, "{\"budget_id\": \"plan\"}");
	for (size_t i = 0; i < ARRAY_LEN(litellm_fields); i++) {
		const char *field = litellm_fields[i].field;
		const char *at = litellm_fields[i].at;
		json_t *body = json_object(), *warnings, *row, *v;

		row = create_with(&r, litellm_fields[i].kind, field,
		    litellm_fields[i].json);
		if (row == NULL)
			fail_msg("%s: %s", field, r.err.text);
		v = json_object_get(row, at != NULL ? at : field);
		if (v == NULL)
			fail_msg("%s is lost", field);
		json_object_set_new(body, field,
		    json_loads(litellm_fields[i].json, JSON_DECODE_ANY, NULL));
		if (at == NULL && !json_equal(v, json_object_get(body, field)))
			fail_msg("%s is changed", field);
		warnings =
		    entity_warnings(litellm_fields[i].kind, body, "key:string");
		if ((warnings != NULL) != litellm_fields[i].kept)
			fail_msg("%s: kept without effect?", field);
		json_decref(warnings);
		json_decref(body);
		json_decref(row);
	}
	registry_close(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_type_takes_what_it_says),
		LIVE_TEST(test_unknown_fields_are_kept),
		LIVE_TEST(test_conflicts_and_strangers),
		LIVE_TEST(test_a_key_is_kept_as_its_hash_alone),
		LIVE_TEST(test_own_keys_and_aliases_are_unique),
		cmocka_unit_test(test_a_short_key_is_not_half_shown),
		LIVE_TEST(test_defaults_fill_and_bounds_hold),
		LIVE_TEST(test_no_field_of_litellm_is_lost_in_silence),
		LIVE_TEST(test_a_regenerated_key_keeps_all_but_its_secret),
		LIVE_TEST(test_members_come_and_go),
		LIVE_TEST(test_every_change_is_logged_without_secrets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
