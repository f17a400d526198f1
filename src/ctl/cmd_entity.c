/*
 * tallyctl key, team, user, customer, plan, tag: what is kept in accounts/,
 * read and written in the store itself, with the gateway running or stopped.
 * One set of functions for all kinds; the fields are those of the table in
 * domain/accounts/entity_fields.c, as options: --max-budget 5.
 */
#include "base/clock.h"
#include "config/config.h"
#include "ctl/entity_view.h"
#include "domain/accounts/team.h"
#include "domain/accounts/vkey.h"

/* One command under way. */
struct deed {
	struct ctl *ctl;
	enum entity_kind kind;
	const struct ctl_command *command;
	const char *name; /* which one; NULL none given */
	json_t *body;     /* the options, as the API takes them */
	struct registry_rules rules;
	char who[CTL_WHO_BYTES];
	struct actor actor;
	struct edit edit;
	json_t *row; /* what came of it */
	struct vkey_secret secret;
};

/* ---- options ------------------------------------------------------------ */

/* "--max-budget" → the field max_budget; --alias is that of its kind. */
static const struct entity_field *
find_field(enum entity_kind kind, const char *option)
{
	char name[64];

	snprintf(name, sizeof(name), "%s", option + 2);
	for (char *p = name; *p != '\0'; p++) {
		if (*p == '-')
			*p = '_';
	}
	if (strcmp(name, "alias") == 0 && kind == ENTITY_KEY)
		snprintf(name, sizeof(name), "key_alias");
	else if (strcmp(name, "alias") == 0 && kind == ENTITY_TEAM)
		snprintf(name, sizeof(name), "team_alias");
	else if (strcmp(name, "email") == 0)
		snprintf(name, sizeof(name), "user_email");
	return entity_field(kind, str_of(name));
}

static json_t *
names_of(const char *text)
{
	struct str rest = str_of(text);
	json_t *list = json_array();

	while (rest.n > 0) {
		struct str name = str_trim(str_cut(&rest, ','));

		if (name.n > 0)
			json_array_append_new(list,
			    json_stringn(name.p, name.n));
	}
	return list;
}

/* What a shell can write, as the JSON that the field takes. NULL: it is no
   JSON. */
static json_t *
value_of(const struct entity_field *f, const char *text)
{
	int64_t number;

	if (strcmp(text, "null") == 0)
		return json_null();
	switch (f->type) {
	case FIELD_TEXT:
	case FIELD_WINDOW:
	case FIELD_AGE:
	case FIELD_TIME:
	case FIELD_POLICY:
	case FIELD_ROLE:
	case FIELD_MONEY:
		return json_string(text);
	case FIELD_COUNT:
		return num_int64(str_of(text), &number) == 0
			   ? json_integer(number)
			   : json_string(text);
	case FIELD_NAMES:
		if (text[0] != '[')
			return names_of(text);
		break;
	default:
		break;
	}
	return json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
}

static int
bad_value(const struct deed *d, const char *option, const char *value)
{
	const struct entity_field *f = find_field(d->kind, option);

	ctl_complain("%s '%s': it takes %s", option, value,
	    f != NULL ? field_type_text(f->type) : "a value");
	return CTL_USAGE;
}

static int
take_option(struct deed *d, enum entity_kind kind, const char *option,
    const char *text)
{
	const struct entity_field *f = find_field(kind, option);
	bool is_key =
	    d->kind == ENTITY_KEY &&
	    (strcmp(option, "--key") == 0 || strcmp(option, "--new-key") == 0);
	json_t *value;

	if ((f == NULL || f->effect == FIELD_GIVEN) && !is_key) {
		ctl_complain("%s is no field of a %s; fields: see "
			     "docs/teams.md",
		    option, entity_word(kind));
		return CTL_USAGE;
	}
	if (text == NULL) {
		ctl_complain("%s needs a value", option);
		return CTL_USAGE;
	}
	value = is_key ? json_string(text) : value_of(f, text);
	if (value == NULL)
		return bad_value(d, option, text);
	json_object_set_new(d->body,
	    !is_key                        ? f->name
	    : strcmp(option, "--key") == 0 ? "key"
					   : "new_key",
	    value);
	return CTL_OK;
}

/* wanted: how many names stand before the options (the first in d->name). */
static int
take_arguments(struct deed *d, int argc, char **argv, int wanted, bool options)
{
	enum entity_kind kind = wanted == 2 ? ENTITY_MEMBER : d->kind;
	int names = 0, rc = CTL_OK;

	for (int i = 0; i < argc && rc == CTL_OK; i++) {
		if (strncmp(argv[i], "--", 2) == 0 && options) {
			rc = take_option(d, kind, argv[i], argv[i + 1]);
			i++;
		} else if (argv[i][0] != '-' && names < wanted) {
			if (names++ == 0)
				d->name = argv[i];
			else
				json_object_set_new(d->body, "user_id",
				    json_string(argv[i]));
		} else {
			rc = ctl_bad_argument(argv[i], d->command);
		}
	}
	return rc;
}

static int
need_name(const struct deed *d)
{
	if (d->name != NULL)
		return CTL_OK;
	ctl_complain("usage: tallyctl %s %s", d->command->words,
	    d->command->arguments);
	return CTL_USAGE;
}

/* ---- opening ------------------------------------------------------------ */

/* Defaults and bounds of the configuration the gateway runs with; none when
   it has never run. */
static int
open_rules(struct deed *d)
{
	static const struct config none = {
		.master_key = "",
		.timezone = "",
		.key_defaults_json = "",
		.key_bounds_json = "",
		.user_defaults_json = "",
		.team_defaults_json = "",
	};
	const struct config *c = &none;
	struct err err;

	if (ctl_open_config(d->ctl, &err) == CTL_OK)
		c = d->ctl->config;
	else if (d->ctl->config_path != NULL) {
		ctl_complain("%s", err.text);
		return CTL_USAGE;
	}
	if (registry_rules_read(c, &d->rules, &err) == 0)
		return CTL_OK;
	ctl_complain("%s", err.text);
	return CTL_USAGE;
}

static void
init(struct deed *d, struct ctl *c, enum entity_kind kind,
    int (*run)(struct ctl *, int, char **))
{
	memset(d, 0, sizeof(*d));
	d->ctl = c;
	d->kind = kind;
	d->command = ctl_find_command(run);
	d->body = json_object();
	ctl_who(d->who);
	d->actor = (struct actor){ .who = d->who,
		.claim = "",
		.now_nsecs = c->now_nsecs };
}

static int
fini(struct deed *d, int rc)
{
	vkey_secret_wipe(&d->secret);
	json_decref(d->row);
	json_decref(d->body);
	registry_rules_free(&d->rules);
	return rc;
}

/* ---- deeds -------------------------------------------------------------- */

/* The row's id: a key's is looked for. */
static int
find_id(struct deed *d, unsigned char hash[SHA256_BYTES], struct str *id_r)
{
	*id_r = str_of(d->name);
	if (d->kind != ENTITY_KEY)
		return 0;
	*id_r = str_make((const char *)hash, SHA256_BYTES);
	if (vkey_find(d->edit.txn, str_of(d->name), hash, &d->edit.err) == 0)
		return 0;
	/* A key itself is not repeated. */
	return str_starts(str_of(d->name), "sk-")
		   ? -1
		   : err_prefix(&d->edit.err, "%.80s", d->name);
}

static int
do_create(struct deed *d)
{
	if (d->kind == ENTITY_KEY)
		return vkey_create(&d->edit, d->body, &d->secret, &d->row);
	if (d->name != NULL)
		json_object_set_new(d->body, entity_id_name(d->kind),
		    json_string(d->name));
	return registry_create(&d->edit, d->kind, d->body, &d->row);
}

static int
update_as(struct deed *d, const char *verb)
{
	unsigned char hash[SHA256_BYTES];
	struct str id;

	if (find_id(d, hash, &id) != 0)
		return -1;
	return d->kind == ENTITY_KEY
		   ? vkey_update(&d->edit, verb, hash, d->body, &d->row)
		   : registry_update(&d->edit, verb, d->kind, id, d->body,
			 &d->row);
}

static int
do_update(struct deed *d)
{
	return update_as(d, "update");
}

static int
do_block(struct deed *d)
{
	json_object_set_new(d->body, "blocked", json_true());
	return update_as(d, "block");
}

static int
do_unblock(struct deed *d)
{
	json_object_set_new(d->body, "blocked", json_false());
	return update_as(d, "unblock");
}

static int
do_delete(struct deed *d)
{
	unsigned char hash[SHA256_BYTES];
	struct str id;

	if (find_id(d, hash, &id) != 0)
		return -1;
	return d->kind == ENTITY_KEY
		   ? vkey_delete(&d->edit, hash, &d->row)
		   : registry_delete(&d->edit, d->kind, id, &d->row);
}

/* What the old secret spent is carried on by the new one. */
static int
spent_of(struct deed *d, struct str id, int64_t *nanos_r)
{
	struct allowance_reader reader = {
		.accounts = d->edit.txn,
		.zone = d->rules.zone,
		.now_nsecs = d->actor.now_nsecs,
	};
	struct allowance_spend spend;
	json_t *row;
	int rc;

	if (entity_need(d->edit.txn, ENTITY_KEY, id, &row, &d->edit.err) != 0)
		return -1;
	rc = store_read(d->ctl->store, STORE_LIVE, &reader.live, &d->edit.err);
	if (rc == 0) {
		rc = allowance_row_spend(&reader, ENTITY_KEY, row, &spend,
		    &d->edit.err);
		store_abort(&reader.live);
		*nanos_r = rc == 0 ? spend.spent_nanos : 0;
	}
	json_decref(row);
	return rc;
}

static int
do_regenerate(struct deed *d)
{
	unsigned char hash[SHA256_BYTES];
	int64_t spent;
	struct str id;

	if (find_id(d, hash, &id) != 0 || spent_of(d, id, &spent) != 0)
		return -1;
	return vkey_regenerate(&d->edit, hash, d->body, spent, &d->secret,
	    &d->row);
}

static int
do_member_add(struct deed *d)
{
	json_object_set_new(d->body, "member", json_copy(d->body));
	return team_add_members(&d->edit, str_of(d->name), d->body, &d->row);
}

static int
do_member_remove(struct deed *d)
{
	return team_remove_member(&d->edit, str_of(d->name), d->body, &d->row);
}

/* ---- running ------------------------------------------------------------ */

static int
write_it(struct deed *d, int (*work)(struct deed *d))
{
	struct store_txn *t;
	int rc;

	if (store_write(d->ctl->store, STORE_ACCOUNTS, &t, &d->edit.err) == 0) {
		edit_init(&d->edit, t, &d->actor, &d->rules);
		rc = work(d);
		if (rc != 0)
			store_abort(&t);
		else
			rc = store_commit(&t, &d->edit.err);
		if (rc == 0)
			return CTL_OK;
	}
	ctl_complain("%s", d->edit.err.text);
	return CTL_FAILED;
}

static int
show_it(struct deed *d)
{
	struct entity_view v;
	int rc = entity_view_open(&v, d->ctl, d->kind);

	v.reader.zone = d->rules.zone;
	if (rc == 0)
		rc = entity_view_one(&v, d->row,
		    d->secret.text[0] != '\0' ? d->secret.text : NULL);
	entity_view_close(&v);
	if (rc == 0)
		return CTL_OK;
	ctl_complain("%s", v.err.text);
	return CTL_FAILED;
}

static void
warn(const struct deed *d)
{
	json_t *list = entity_warnings(d->kind, d->body,
	    "key:string "
	    "new_key:string");

	for (size_t i = 0; i < json_array_size(list); i++)
		ctl_complain("%s", json_string_value(json_array_get(list, i)));
	json_decref(list);
}

static int
change(struct deed *d, int (*work)(struct deed *d))
{
	int rc = open_rules(d);

	if (rc == CTL_OK)
		rc = work == do_create ? ctl_make_store(d->ctl)
				       : ctl_open_store(d->ctl, true);
	if (rc == CTL_OK)
		rc = write_it(d, work);
	if (rc != CTL_OK)
		return rc;
	warn(d);
	return show_it(d);
}

static int
run_create(struct ctl *c, enum entity_kind kind, int argc, char **argv,
    int (*self)(struct ctl *, int, char **))
{
	struct deed d;
	int rc;

	init(&d, c, kind, self);
	rc = take_arguments(&d, argc, argv, kind == ENTITY_KEY ? 0 : 1, true);
	if (rc == CTL_OK)
		rc = change(&d, do_create);
	return fini(&d, rc);
}

/* What works on one that there is. */
static int
run_change(struct deed *d, int argc, char **argv, int names, bool options,
    int (*work)(struct deed *d))
{
	int rc = take_arguments(d, argc, argv, names, options);

	if (rc == CTL_OK)
		rc = need_name(d);
	if (rc == CTL_OK)
		rc = change(d, work);
	return fini(d, rc);
}

static int
run_list(struct ctl *c, enum entity_kind kind, int argc, char **argv,
    int (*self)(struct ctl *, int, char **))
{
	struct entity_view v;
	struct deed d;
	int rc;

	init(&d, c, kind, self);
	rc = take_arguments(&d, argc, argv, 0, false);
	if (rc == CTL_OK)
		rc = open_rules(&d);
	if (rc == CTL_OK)
		rc = ctl_open_store(c, false);
	if (rc != CTL_OK)
		return fini(&d, rc);
	if (entity_view_open(&v, c, kind) != 0) {
		rc = CTL_FAILED;
	} else {
		v.reader.zone = d.rules.zone;
		rc = entity_view_list(&v) == 0 ? CTL_OK : CTL_FAILED;
	}
	entity_view_close(&v);
	if (rc != CTL_OK)
		ctl_complain("%s", v.err.text);
	return fini(&d, rc);
}

static int
read_row(struct deed *d)
{
	unsigned char hash[SHA256_BYTES];
	struct str id;
	int rc;

	if (store_read(d->ctl->store, STORE_ACCOUNTS, &d->edit.txn,
		&d->edit.err) != 0)
		return -1;
	rc = find_id(d, hash, &id);
	if (rc == 0)
		rc = entity_need(d->edit.txn, d->kind, id, &d->row,
		    &d->edit.err);
	store_abort(&d->edit.txn);
	return rc;
}

static int
run_show(struct ctl *c, enum entity_kind kind, int argc, char **argv,
    int (*self)(struct ctl *, int, char **))
{
	struct deed d;
	int rc;

	init(&d, c, kind, self);
	rc = take_arguments(&d, argc, argv, 1, false);
	if (rc == CTL_OK)
		rc = need_name(&d);
	if (rc == CTL_OK)
		rc = open_rules(&d);
	if (rc == CTL_OK)
		rc = ctl_open_store(c, false);
	if (rc == CTL_OK && read_row(&d) != 0) {
		ctl_complain("%s", d.edit.err.text);
		rc = CTL_FAILED;
	}
	if (rc == CTL_OK)
		rc = show_it(&d);
	return fini(&d, rc);
}

/* ---- the commands of the table ------------------------------------------ */

#define CHANGE(word, KIND, verb, options)                                      \
	int cmd_##word##_##verb(struct ctl *c, int argc, char **argv)          \
	{                                                                      \
		struct deed d;                                                 \
                                                                               \
		init(&d, c, ENTITY_##KIND, cmd_##word##_##verb);               \
		return run_change(&d, argc, argv, 1, options, do_##verb);      \
	}
#define COMMANDS(word, KIND)                                                   \
	int cmd_##word##_create(struct ctl *c, int argc, char **argv)          \
	{                                                                      \
		return run_create(c, ENTITY_##KIND, argc, argv,                \
		    cmd_##word##_create);                                      \
	}                                                                      \
	int cmd_##word##_list(struct ctl *c, int argc, char **argv)            \
	{                                                                      \
		return run_list(c, ENTITY_##KIND, argc, argv,                  \
		    cmd_##word##_list);                                        \
	}                                                                      \
	int cmd_##word##_show(struct ctl *c, int argc, char **argv)            \
	{                                                                      \
		return run_show(c, ENTITY_##KIND, argc, argv,                  \
		    cmd_##word##_show);                                        \
	}                                                                      \
	CHANGE(word, KIND, update, true)                                       \
	CHANGE(word, KIND, delete, false)
#define BLOCKING(word, KIND)                                                   \
	CHANGE(word, KIND, block, false)                                       \
	CHANGE(word, KIND, unblock, false)

COMMANDS(key, KEY)
COMMANDS(team, TEAM)
COMMANDS(user, USER)
COMMANDS(customer, CUSTOMER)
COMMANDS(plan, BUDGET)
COMMANDS(tag, TAG)
BLOCKING(key, KEY)
BLOCKING(team, TEAM)
BLOCKING(user, USER)
BLOCKING(customer, CUSTOMER)
CHANGE(key, KEY, regenerate, true)

int
cmd_team_member_add(struct ctl *c, int argc, char **argv)
{
	struct deed d;

	init(&d, c, ENTITY_TEAM, cmd_team_member_add);
	return run_change(&d, argc, argv, 2, true, do_member_add);
}

int
cmd_team_member_remove(struct ctl *c, int argc, char **argv)
{
	struct deed d;

	init(&d, c, ENTITY_TEAM, cmd_team_member_remove);
	return run_change(&d, argc, argv, 2, false, do_member_remove);
}
