/* tallyctl budget set, unset: caps set by hand, taken by every worker at its
   next request. They stand until they are unset, over restarts. */
#include "base/clock.h"
#include "ctl/ctl.h"
#include "domain/accounts/change.h"
#include "domain/accounts/vkey.h"
#include "domain/ledger/budgets.h"

struct order {
	const struct ctl_command *command;
	struct budget_order order;
	bool has_duration;
	char key_hash[SHA256_HEX_BYTES]; /* of a key, however it was named */
};

static int
take_arguments(int argc, char **argv, bool with_amount, struct order *o)
{
	struct str scope;
	int wanted = with_amount ? 2 : 1, i = 0;

	memset(o, 0, sizeof(*o));
	o->command =
	    ctl_find_command(with_amount ? cmd_budget_set : cmd_budget_unset);
	o->order.match = o->order.duration = str_of("");
	if (argc < wanted) {
		ctl_complain("usage: tallyctl %s %s", o->command->words,
		    o->command->arguments);
		return CTL_USAGE;
	}
	o->order.match = str_of(argv[i++]);
	scope = str_cut(&o->order.match, ':');
	if (scope_parse(scope, &o->order.kind) != 0) {
		ctl_complain("'" STR_FMT "' is no scope: global, provider, "
			     "deployment, model, key, team, user, end_user, "
			     "tag",
		    STR_ARG(scope));
		return CTL_USAGE;
	}
	if (with_amount)
		o->order.amount = argv[i++];
	for (; i < argc; i += 2) {
		if (strcmp(argv[i], "--duration") != 0 || i + 1 == argc)
			return ctl_bad_argument(argv[i], o->command);
		o->order.duration = str_of(argv[i + 1]);
		o->has_duration = true;
	}
	return CTL_OK;
}

/*
 * A key is counted by its hash: one that is named by its alias, or by itself,
 * is looked up. The callers without a row have names of their own.
 */
static int
find_key(struct ctl *c, struct order *o)
{
	static const char *const rowless[] = { "", "master", "anonymous",
		"health-probe" };
	unsigned char hash[SHA256_BYTES];
	struct store_txn *t;
	struct err err;
	int rc;

	if (o->order.kind != SCOPE_KEY)
		return CTL_OK;
	for (size_t i = 0; i < ARRAY_LEN(rowless); i++) {
		if (str_is(o->order.match, rowless[i]))
			return CTL_OK;
	}
	if (store_read(c->store, STORE_ACCOUNTS, &t, &err) != 0) {
		ctl_complain("%s", err.text);
		return CTL_FAILED;
	}
	rc = vkey_find(t, o->order.match, hash, &err);
	store_abort(&t);
	if (rc == 0) {
		hash_hex(hash, sizeof(hash), o->key_hash);
		o->order.match = str_of(o->key_hash);
		return CTL_OK;
	}
	/* What it had may be taken away after the key itself. */
	if (o->order.amount == NULL && err.code == ERR_NOT_HELD &&
	    o->order.match.n == SHA256_HEX_BYTES - 1)
		return CTL_OK;
	ctl_complain("%s", err.text);
	return CTL_FAILED;
}

/*
 * Without --duration: that of the one budget there is for this name, else of
 * the one for each of the scope, else none. Two that differ: which is meant?
 */
static int
find_duration(const struct budgets *b, struct order *o)
{
	const struct budget *named = NULL, *each = NULL;
	bool many_named = false, many_each = false;

	for (size_t i = 0; i < b->hand_count + b->count; i++) {
		const struct budget *item = i < b->hand_count
						? &b->hand_items[i]
						: &b->items[i - b->hand_count];

		if (item->kind != o->order.kind)
			continue;
		if (str_is(o->order.match, item->match)) {
			many_named =
			    many_named ||
			    (named != NULL && !budget_same_window(named, item));
			named = named == NULL ? item : named;
		} else if (item->match[0] == '\0') {
			many_each =
			    many_each ||
			    (each != NULL && !budget_same_window(each, item));
			each = each == NULL ? item : each;
		}
	}
	if (many_named || (named == NULL && many_each)) {
		ctl_complain("there are budgets with several windows: say "
			     "which with --duration");
		return CTL_USAGE;
	}
	if (named == NULL)
		named = each;
	if (named != NULL)
		o->order.duration = str_of(named->duration);
	return CTL_OK;
}

/* The cap's own line in the log of changes. */
static int
note_order(struct store_txn *t, const struct budget_order *o, struct err *err)
{
	char who[CTL_WHO_BYTES];
	struct actor actor = { .who = who,
		.claim = "",
		.now_nsecs = o->now_nsecs };
	char *id = xasprintf("%s%s" STR_FMT "%s" STR_FMT, scope_name(o->kind),
	    o->match.n > 0 ? ":" : "", STR_ARG(o->match),
	    o->duration.n > 0 ? " " : "", STR_ARG(o->duration));
	json_t *row = o->amount == NULL
			  ? NULL
			  : json_pack("{s:s}", "max_budget", o->amount);
	struct change change = { .verb = row != NULL ? "set" : "unset",
		.word = "cap",
		.id = str_of(id),
		.after = row };
	int rc;

	ctl_who(who);
	rc = change_note(t, &actor, &change, err);
	json_decref(row);
	free(id);
	return rc;
}

static int
write_order(struct ctl *c, const struct order *o)
{
	struct store_txn *t;
	struct err err;
	int rc;

	if (store_write(c->store, STORE_ACCOUNTS, &t, &err) != 0) {
		ctl_complain("%s", err.text);
		return CTL_FAILED;
	}
	rc = budgets_set(t, &o->order, &err);
	if (rc == 0)
		rc = note_order(t, &o->order, &err);
	if (rc == 0) {
		rc = store_commit(&t, &err);
	} else {
		store_abort(&t);
	}
	if (rc == 0)
		return CTL_OK;
	ctl_complain("%s", err.text);
	return err.code == ERR_USAGE ? CTL_USAGE : CTL_FAILED;
}

static void
print_json(const struct budget_order *o)
{
	struct buf b;
	struct jsonw w;
	int64_t nanos;

	buf_init(&b, 64 * 1024);
	jsonw_init(&w, &b);
	jsonw_open(&w, '{');
	jsonw_key(&w, "scope");
	jsonw_cstr(&w, scope_name(o->kind));
	jsonw_key(&w, "id");
	if (o->match.n > 0)
		jsonw_str(&w, o->match);
	else
		jsonw_null(&w);
	jsonw_key(&w, "window");
	if (o->duration.n > 0)
		jsonw_str(&w, o->duration);
	else
		jsonw_null(&w);
	jsonw_key(&w, "max_budget_usd");
	if (o->amount != NULL && money_parse(str_of(o->amount), &nanos) == 0)
		jsonw_decimal(&w, nanos, 9);
	else
		jsonw_null(&w);
	jsonw_close(&w, '}');
	printf("%s\n", buf_cstr(&b));
	buf_fini(&b);
}

static void
say_done(const struct budget_order *o)
{
	printf("%s%s" STR_FMT ", %s" STR_FMT ": ", scope_name(o->kind),
	    o->match.n > 0 ? " " : "", STR_ARG(o->match),
	    o->duration.n > 0 ? "window " : "for ever", STR_ARG(o->duration));
	if (o->amount != NULL)
		printf("%s USD from the next request on\n", o->amount);
	else
		printf("what the configuration says\n");
}

static int
give_order(struct ctl *c, struct order *o)
{
	struct budgets *b = NULL;
	struct err err;
	int rc = ctl_open_store(c, true);

	if (rc == CTL_OK)
		rc = find_key(c, o);
	if (rc == CTL_OK)
		rc = ctl_open_catalog(c);
	if (rc != CTL_OK)
		return rc;
	if (budgets_build(c->config, &b, &err) != 0 ||
	    budgets_refresh(b, c->store, &err) != 0) {
		ctl_complain("%s", err.text);
		budgets_free(&b);
		return CTL_FAILED;
	}
	if (!o->has_duration)
		rc = find_duration(b, o);
	if (rc == CTL_OK)
		rc = write_order(c, o);
	if (rc == CTL_OK && c->json)
		print_json(&o->order);
	else if (rc == CTL_OK)
		say_done(&o->order);
	budgets_free(&b);
	return rc;
}

int
cmd_budget_set(struct ctl *c, int argc, char **argv)
{
	struct order o;
	int rc = take_arguments(argc, argv, true, &o);

	o.order.now_nsecs = c->now_nsecs;
	return rc == CTL_OK ? give_order(c, &o) : rc;
}

int
cmd_budget_unset(struct ctl *c, int argc, char **argv)
{
	struct order o;
	int rc = take_arguments(argc, argv, false, &o);

	o.order.now_nsecs = c->now_nsecs;
	return rc == CTL_OK ? give_order(c, &o) : rc;
}
