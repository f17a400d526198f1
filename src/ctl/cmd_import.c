/*
 * tallyctl import: rows for accounts/ from one JSON document (docs/migration.md
 * has its form; tools/import-litellm writes it), in one transaction, all or
 * nothing. Without --apply the same transaction is made and thrown away, so
 * that what it reports is what would happen.
 *
 * Idempotent: what is there already is changed only where it differs, and what
 * was spent elsewhere is taken only with a row that is new.
 */
#include "base/fd.h"
#include "config/config.h"
#include "ctl/ctl.h"
#include "domain/accounts/team.h"
#include "domain/accounts/vkey.h"

#include <unistd.h>

#define FORMAT     "tallygate-accounts/1"
#define MAX_BYTES  (256 * 1024 * 1024)
#define MAX_REPORT (64 * 1024 * 1024)

/* Lists of the document, in the order of what names what. */
static const struct {
	const char *list;
	enum entity_kind kind;
} lists[] = {
	{ "budgets", ENTITY_BUDGET },
	{ "users", ENTITY_USER },
	{ "teams", ENTITY_TEAM },
	{ "customers", ENTITY_CUSTOMER },
	{ "tags", ENTITY_TAG },
	{ "keys", ENTITY_KEY },
};

enum fate {
	FATE_NEW,
	FATE_CHANGED,
	FATE_SAME,
	FATE_REFUSED,
	FATE_COUNT
};
static const char *const fates[FATE_COUNT] = { "new", "changed", "same",
	"refused" };

struct importing {
	bool apply;
	json_t *document;
	struct registry_rules rules;
	struct edit edit;
	int64_t counts[ENTITY_COUNT][FATE_COUNT];
	json_t *refused; /* [{kind, id, why}] */
	struct err err;
};

/* Members that only a new row takes. */
static const char *const only_new[] = { "spend", "token", "key_name", "expires",
	NULL };

/* ---- one row ------------------------------------------------------------ */

static bool
read_token(struct str text, unsigned char hash[SHA256_BYTES])
{
	static const char digits[] = "0123456789abcdef";

	if (text.n != 2 * SHA256_BYTES)
		return false;
	for (size_t i = 0; i < SHA256_BYTES; i++) {
		const char *high = strchr(digits, text.p[2 * i]);
		const char *low = strchr(digits, text.p[2 * i + 1]);

		if (high == NULL || low == NULL || *high == '\0' ||
		    *low == '\0')
			return false;
		hash[i] =
		    (unsigned char)((high - digits) << 4 | (low - digits));
	}
	return true;
}

/* What an existing row is to take: without what is only for new ones. */
static json_t *
patch_of(const json_t *body)
{
	json_t *patch = json_deep_copy(body), *member;
	size_t i;

	for (size_t k = 0; only_new[k] != NULL; k++)
		json_object_del(patch, only_new[k]);
	json_array_foreach(json_object_get(patch, "members_with_roles"), i,
	    member)
		json_object_del(member, "spend");
	return patch;
}

static bool
is_same(enum entity_kind kind, const json_t *row, const json_t *patch)
{
	json_t *after = json_deep_copy(row);
	bool same;

	entity_merge(after, patch, NULL);
	entity_settle_money(kind, after);
	if (kind == ENTITY_TEAM)
		team_settle_members(after);
	same = json_equal(jsonx_iterable(after), jsonx_iterable(row)) == 1;
	json_decref(after);
	return same;
}

static int
put_new(struct importing *m, enum entity_kind kind,
    const unsigned char hash[SHA256_BYTES], const json_t *body)
{
	json_t *row;
	int rc = kind == ENTITY_KEY
		     ? vkey_adopt(&m->edit, hash, body, &row)
		     : registry_create(&m->edit, kind, body, &row);

	json_decref(row);
	return rc;
}

static int
put_changed(struct importing *m, enum entity_kind kind, struct str id,
    const json_t *patch)
{
	json_t *row;
	int rc =
	    kind == ENTITY_KEY
		? vkey_update(&m->edit, "import", (const unsigned char *)id.p,
		      patch, &row)
		: registry_update(&m->edit, "import", kind, id, patch, &row);

	json_decref(row);
	return rc;
}

static int
put(struct importing *m, enum entity_kind kind, const json_t *body,
    enum fate *fate_r)
{
	struct str id = jsonx_str(body, entity_id_name(kind));
	unsigned char hash[SHA256_BYTES] = { 0 };
	json_t *row, *patch;
	int rc;

	if (!json_is_object(body) || id.n == 0)
		return err_set(&m->edit.err, ERR_BAD_FIELD, "it has no %s",
		    entity_id_name(kind));
	if (kind == ENTITY_KEY) {
		if (!read_token(id, hash))
			return err_set(&m->edit.err, ERR_BAD_FIELD,
			    "its token is no SHA-256 in 64 lower-case hex "
			    "digits");
		id = str_make((const char *)hash, sizeof(hash));
	}
	rc = entity_get(m->edit.txn, kind, id, &row, &m->edit.err);
	if (rc < 0)
		return -1;
	if (rc == 0) {
		*fate_r = FATE_NEW;
		return put_new(m, kind, hash, body);
	}
	patch = patch_of(body);
	*fate_r = is_same(kind, row, patch) ? FATE_SAME : FATE_CHANGED;
	rc = *fate_r == FATE_SAME ? 0 : put_changed(m, kind, id, patch);
	json_decref(patch);
	json_decref(row);
	return rc;
}

/* ---- all of them -------------------------------------------------------- */

static void
note_refused(struct importing *m, enum entity_kind kind, const json_t *body)
{
	struct str id = jsonx_str(body, entity_id_name(kind));

	m->counts[kind][FATE_REFUSED]++;
	json_array_append_new(m->refused,
	    json_pack("{s:s,s:o,s:s}", "kind", entity_word(kind), "id",
		json_stringn(id.n > 0 ? id.p : "", id.n), "why",
		m->edit.err.text));
}

/* -1 the transaction has failed; what is refused is only noted. */
static int
put_all(struct importing *m)
{
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		const json_t *list =
		    json_object_get(m->document, lists[i].list);

		for (size_t k = 0; k < json_array_size(list); k++) {
			const json_t *body = json_array_get(list, k);
			enum fate fate = FATE_REFUSED;

			if (put(m, lists[i].kind, body, &fate) == 0)
				m->counts[lists[i].kind][fate]++;
			else
				note_refused(m, lists[i].kind, body);
			if (store_failed(m->edit.txn, &m->err))
				return -1;
		}
	}
	return 0;
}

static int
run_it(struct importing *m, struct store *s, const struct actor *actor)
{
	struct store_txn *t;
	int rc;

	if (store_write(s, STORE_ACCOUNTS, &t, &m->err) != 0)
		return -1;
	edit_init(&m->edit, t, actor, &m->rules);
	rc = put_all(m);
	if (rc == 0 && m->apply && json_array_size(m->refused) == 0)
		return store_commit(&t, &m->err);
	store_abort(&t);
	return rc;
}

/* ---- reading ------------------------------------------------------------ */

static int
check_document(struct importing *m)
{
	const char *name;
	json_t *value;

	if (!str_is(jsonx_str(m->document, "format"), FORMAT))
		return err_set(&m->err, ERR_BAD_REQUEST,
		    "it is no document of the format \"%s\"", FORMAT);
	json_object_foreach(m->document, name, value) {
		bool known = strcmp(name, "format") == 0;

		for (size_t i = 0; i < ARRAY_LEN(lists); i++)
			known = known || strcmp(name, lists[i].list) == 0;
		known = known || strcmp(name, "left") == 0;
		if (!known)
			return err_set(&m->err, ERR_BAD_REQUEST,
			    "member %.60s is not known", name);
		if (strcmp(name, "format") != 0 && !json_is_array(value))
			return err_set(&m->err, ERR_BAD_REQUEST,
			    "member %s takes a list", name);
	}
	return 0;
}

static int
read_document(struct importing *m, const char *path)
{
	struct buf text;
	int rc;

	buf_init(&text, MAX_BYTES);
	rc = strcmp(path, "-") == 0 ? fd_read_all(STDIN_FILENO, &text, &m->err)
				    : file_read(path, &text, &m->err);
	if (rc == 0) {
		m->document = jsonx_parse(buf_str(&text), &m->err);
		rc = m->document == NULL ? -1 : check_document(m);
		if (rc != 0)
			err_prefix(&m->err, "%s", path);
	}
	buf_fini(&text);
	return rc;
}

static int
open_rules(struct importing *m, struct ctl *c)
{
	static const struct config none = {
		.master_key = "",
		.timezone = "",
		.key_defaults_json = "",
		.key_bounds_json = "",
		.user_defaults_json = "",
		.team_defaults_json = "",
	};
	int rc = ctl_open_config(c, &m->err);

	if (rc != CTL_OK && c->config_path != NULL)
		return -1;
	return registry_rules_read(rc == CTL_OK ? c->config : &none, &m->rules,
	    &m->err);
}

/* ---- reporting ---------------------------------------------------------- */

static void
print_json(const struct importing *m, bool applied)
{
	json_t *report = json_object(), *rows = json_object();
	json_t *left = json_object_get(m->document, "left");
	char *text;

	for (int k = 0; k < ENTITY_COUNT; k++) {
		json_t *counts = json_object();

		for (int f = 0; f < FATE_COUNT; f++)
			json_object_set_new(counts, fates[f],
			    json_integer(m->counts[k][f]));
		json_object_set_new(rows, entity_word((enum entity_kind)k),
		    counts);
	}
	json_object_set_new(report, "applied", json_boolean(applied));
	json_object_set_new(report, "rows", rows);
	json_object_set(report, "refused", m->refused);
	json_object_set_new(report, "left",
	    left != NULL ? json_incref(left) : json_array());
	text = jsonx_dump(report);
	printf("%s\n", text);
	free(text);
	json_decref(report);
}

static void
print_list(const char *head, const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *row = json_array_get(list, i);
		struct str id = jsonx_str(row, "id");

		printf("%s " STR_FMT " %.*s: " STR_FMT "\n", head,
		    STR_ARG(jsonx_str(row, "kind")), id.n > 24 ? 24 : (int)id.n,
		    id.p, STR_ARG(jsonx_str(row, "why")));
	}
}

static void
print_text(const struct importing *m, bool applied)
{
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		const int64_t *n = m->counts[lists[i].kind];

		if (n[FATE_NEW] + n[FATE_CHANGED] + n[FATE_SAME] +
			n[FATE_REFUSED] ==
		    0)
			continue;
		printf("%-10s %lld new, %lld changed, %lld as they are, %lld "
		       "refused\n",
		    lists[i].list, (long long)n[FATE_NEW],
		    (long long)n[FATE_CHANGED], (long long)n[FATE_SAME],
		    (long long)n[FATE_REFUSED]);
	}
	print_list("not taken:", json_object_get(m->document, "left"));
	print_list("refused:", m->refused);
	if (applied)
		printf("done\n");
	else if (json_array_size(m->refused) > 0)
		printf("nothing was written: mend what is refused\n");
	else
		printf("nothing was written; --apply does it\n");
}

static int
import(struct importing *m, struct ctl *c, const char *path)
{
	char who[CTL_WHO_BYTES];
	struct actor actor = { .who = who,
		.claim = "",
		.now_nsecs = c->now_nsecs };
	bool applied;

	ctl_who(who);
	if (read_document(m, path) != 0 || open_rules(m, c) != 0) {
		ctl_complain("%s", m->err.text);
		return CTL_USAGE;
	}
	if (ctl_make_store(c) != CTL_OK)
		return CTL_FAILED;
	if (run_it(m, c->store, &actor) != 0) {
		ctl_complain("nothing was written: %s", m->err.text);
		return CTL_FAILED;
	}
	applied = m->apply && json_array_size(m->refused) == 0;
	if (c->json)
		print_json(m, applied);
	else
		print_text(m, applied);
	return json_array_size(m->refused) == 0 ? CTL_OK : CTL_FAILED;
}

int
cmd_import(struct ctl *c, int argc, char **argv)
{
	struct importing m = { .refused = NULL };
	const char *path = NULL;
	int rc;

	for (int i = 0; i < argc; i++) {
		bool is_file = argv[i][0] != '-' || argv[i][1] == '\0';

		if (strcmp(argv[i], "--apply") == 0)
			m.apply = true;
		else if (is_file && path == NULL)
			path = argv[i];
		else
			return ctl_bad_argument(argv[i],
			    ctl_find_command(cmd_import));
	}
	if (path == NULL) {
		ctl_complain("usage: tallyctl import FILE.json|- [--apply]");
		return CTL_USAGE;
	}
	m.refused = json_array();
	rc = import(&m, c, path);
	json_decref(m.refused);
	json_decref(m.document);
	registry_rules_free(&m.rules);
	return rc;
}
