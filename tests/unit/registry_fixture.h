/* A store with accounts/ rows made as the admin API and tallyctl make them. */
#ifndef TESTS_UNIT_REGISTRY_FIXTURE_H
#define TESTS_UNIT_REGISTRY_FIXTURE_H

#include "live_store.h"

#include "base/clock.h"
#include "domain/accounts/accounts.h"
#include "domain/accounts/team.h"
#include "domain/accounts/vkey.h"

#define MASTER "sk-master-0123456789"
#define NOW    (INT64_C(1795346290) * NSECS_PER_SEC)

struct registry {
	struct live *live;
	struct config config;
	struct registry_rules rules;
	struct actor actor;
	struct edit edit; /* the one under way */
	char param[64];   /* of the last refusal */
	struct err err;
};

static inline void
registry_open(struct registry *r, struct live *l)
{
	memset(r, 0, sizeof(*r));
	r->live = l;
	r->config = (struct config){
		.master_key = MASTER,
		.timezone = "",
		.key_header = "",
		.key_defaults_json = "",
		.key_bounds_json = "",
		.user_defaults_json = "",
		.team_defaults_json = "",
		.end_user_budget_id = "",
	};
	r->actor =
	    (struct actor){ .who = "tester", .claim = "", .now_nsecs = NOW };
	if (registry_rules_read(&r->config, &r->rules, &r->err) != 0)
		fail_msg("%s", r->err.text);
}

static inline void
registry_close(struct registry *r)
{
	registry_rules_free(&r->rules);
}

static inline json_t *
parse(const char *json)
{
	struct err err;
	json_t *j = jsonx_parse(str_of(json), &err);

	if (j == NULL)
		fail_msg("%s: %s", json, err.text);
	return j;
}

static inline void
begin(struct registry *r)
{
	struct store_txn *t;

	if (store_write(r->live->store, STORE_ACCOUNTS, &t, &r->err) != 0)
		fail_msg("%s", r->err.text);
	edit_init(&r->edit, t, &r->actor, &r->rules);
}

/* Commits what went well; gives rc back. */
static inline int
finish(struct registry *r, int rc)
{
	snprintf(r->param, sizeof(r->param), "%s",
	    r->edit.param != NULL ? r->edit.param : "");
	r->err = r->edit.err;
	if (rc != 0)
		store_abort(&r->edit.txn);
	else if (store_commit(&r->edit.txn, &r->err) != 0)
		fail_msg("%s", r->err.text);
	return rc;
}

/* A row from JSON; the row, or NULL with r->err. */
static inline json_t *
create(struct registry *r, enum entity_kind kind, const char *json)
{
	json_t *body = parse(json), *row = NULL;

	begin(r);
	finish(r, registry_create(&r->edit, kind, body, &row));
	json_decref(body);
	return row;
}

static inline void
must_create(struct registry *r, enum entity_kind kind, const char *json)
{
	json_t *row = create(r, kind, json);

	if (row == NULL)
		fail_msg("%s: %s", json, r->err.text);
	json_decref(row);
}

static inline json_t *
update(struct registry *r, enum entity_kind kind, const char *id,
    const char *json)
{
	json_t *body = parse(json), *row = NULL;

	begin(r);
	finish(r,
	    registry_update(&r->edit, "update", kind, str_of(id), body, &row));
	json_decref(body);
	return row;
}

static inline json_t *
create_key(struct registry *r, const char *json, struct vkey_secret *s)
{
	json_t *body = parse(json), *row = NULL;

	begin(r);
	finish(r, vkey_create(&r->edit, body, s, &row));
	json_decref(body);
	return row;
}

/* The secret of a key that must come to be. */
static inline struct vkey_secret
must_create_key(struct registry *r, const char *json)
{
	struct vkey_secret s;
	json_t *row = create_key(r, json, &s);

	if (row == NULL)
		fail_msg("%s: %s", json, r->err.text);
	json_decref(row);
	return s;
}

static inline json_t *
update_key(struct registry *r, const char *key, const char *json)
{
	unsigned char hash[SHA256_BYTES];
	json_t *body = parse(json), *row = NULL;
	int rc;

	begin(r);
	rc = vkey_find(r->edit.txn, str_of(key), hash, &r->edit.err);
	if (rc == 0)
		rc = vkey_update(&r->edit, "update", hash, body, &row);
	finish(r, rc);
	json_decref(body);
	return row;
}

static inline void
must_update_key(struct registry *r, const char *key, const char *json)
{
	json_t *row = update_key(r, key, json);

	if (row == NULL)
		fail_msg("%s: %s", json, r->err.text);
	json_decref(row);
}

#endif
