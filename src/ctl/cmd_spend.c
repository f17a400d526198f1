/* tallyctl spend: from the roll-ups, which agree with the trace file. */
#include "base/clock.h"
#include "ctl/ctl.h"
#include "ctl/table.h"
#include "domain/accounts/alias.h"
#include "domain/ledger/money.h"
#include "domain/ledger/rollup_query.h"

struct spend_options {
	enum rollup_dim by;
	int64_t since_nsecs, until_nsecs;
};

static int
take_time(const struct ctl *c, const char *text, int64_t *nsecs_r)
{
	if (clock_parse(str_of(text), c->now_nsecs, nsecs_r) == 0)
		return 0;
	ctl_complain("'%s' is no time: give 2026-11-22, an RFC 3339 time, or "
		     "an age such as 2h or 30d",
	    text);
	return -1;
}

/* What only reports of several dimensions are made of. */
static bool
is_inner(enum rollup_dim dim)
{
	return dim == ROLLUP_USE || dim == ROLLUP_TAG_USE;
}

static int
take_arguments(const struct ctl *c, int argc, char **argv,
    struct spend_options *o)
{
	const struct ctl_command *own = ctl_find_command(cmd_spend);

	o->by = ROLLUP_MODEL;
	o->since_nsecs = o->until_nsecs = 0;
	for (int i = 0; i < argc; i += 2) {
		const char *a = argv[i], *v = i + 1 < argc ? argv[i + 1] : NULL;

		if (v == NULL)
			return ctl_bad_argument(a, own);
		if (strcmp(a, "--by") == 0) {
			if (rollup_dim_parse(str_of(v), &o->by) != 0 ||
			    is_inner(o->by))
				return ctl_bad_argument(v, own);
		} else if (strcmp(a, "--since") == 0) {
			if (take_time(c, v, &o->since_nsecs) != 0)
				return CTL_USAGE;
		} else if (strcmp(a, "--until") == 0) {
			if (take_time(c, v, &o->until_nsecs) != 0)
				return CTL_USAGE;
		} else {
			return ctl_bad_argument(a, own);
		}
	}
	return CTL_OK;
}

/* ---- aliases ------------------------------------------------------------ */

/* Whose rows have an alias for a value of this dimension, and its name in the
   JSON; NULL: nobody's. */
static const char *
alias_name(enum rollup_dim by, enum entity_kind *kind_r)
{
	static const struct {
		enum rollup_dim by;
		enum entity_kind kind;
		const char *name;
	} known[] = {
		{ ROLLUP_KEY, ENTITY_KEY, "key_alias" },
		{ ROLLUP_TEAM, ENTITY_TEAM, "team_alias" },
		{ ROLLUP_USER, ENTITY_USER, "user_alias" },
		{ ROLLUP_CUSTOMER, ENTITY_CUSTOMER, "customer_alias" },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (known[i].by == by) {
			*kind_r = known[i].kind;
			return known[i].name;
		}
	}
	return NULL;
}

/* One per row of the result, NULL where there is none; the caller's. */
static char **
find_aliases(struct ctl *c, enum rollup_dim by, const struct rollup_result *r)
{
	char **aliases = xcalloc(r->count + 1, sizeof(*aliases));
	struct store_txn *t;
	enum entity_kind kind;

	if (alias_name(by, &kind) == NULL ||
	    store_read(c->store, STORE_ACCOUNTS, &t, NULL) != 0)
		return aliases;
	for (size_t i = 0; i < r->count; i++) {
		json_t *row = alias_row(t, kind, str_of(r->rows[i].value));

		if (alias_in(kind, row).n > 0)
			aliases[i] = str_dup(alias_in(kind, row));
		json_decref(row);
	}
	store_abort(&t);
	return aliases;
}

static void
free_aliases(char **aliases, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(aliases[i]);
	free(aliases);
}

/* ---- JSON --------------------------------------------------------------- */

static void
json_amounts(struct jsonw *w, const struct rollup_row *r)
{
	jsonw_key(w, "requests");
	jsonw_int(w, r->requests);
	jsonw_key(w, "attempts");
	jsonw_int(w, r->attempts);
	jsonw_key(w, "failures");
	jsonw_int(w, r->failures);
	jsonw_key(w, "failed_requests");
	jsonw_int(w, r->failed_requests);
	jsonw_key(w, "prompt_tokens");
	jsonw_int(w, r->prompt_tokens);
	jsonw_key(w, "completion_tokens");
	jsonw_int(w, r->completion_tokens);
	jsonw_key(w, "cached_tokens");
	jsonw_int(w, r->cached_tokens);
	jsonw_key(w, "cache_write_tokens");
	jsonw_int(w, r->cache_write_tokens);
	jsonw_key(w, "reasoning_tokens");
	jsonw_int(w, r->reasoning_tokens);
	jsonw_key(w, "cost_usd");
	jsonw_decimal(w, r->cost_nanos, 9);
	jsonw_key(w, "estimated_usd");
	jsonw_decimal(w, r->estimated_nanos, 9);
	jsonw_close(w, '}');
}

static void
json_row(struct jsonw *w, enum rollup_dim by, const struct rollup_sum *sum,
    const char *alias)
{
	enum entity_kind kind;
	const char *name = alias_name(by, &kind);

	jsonw_open(w, '{');
	jsonw_key(w, rollup_dim_name(by));
	jsonw_cstr(w, sum->value);
	if (name != NULL) {
		jsonw_key(w, name);
		jsonw_cstr(w, alias);
	}
	json_amounts(w, &sum->sums);
}

static void
print_json(const struct spend_options *o, const struct rollup_result *result,
    char **aliases)
{
	char when[CLOCK_RFC3339_BYTES];
	struct buf b;
	struct jsonw w;

	buf_init(&b, 256 * 1024 * 1024);
	jsonw_init(&w, &b);
	jsonw_open(&w, '{');
	jsonw_key(&w, "by");
	jsonw_cstr(&w, rollup_dim_name(o->by));
	clock_rfc3339(result->since_nsecs, when);
	jsonw_key(&w, "since");
	jsonw_cstr(&w, when);
	jsonw_key(&w, "until");
	clock_rfc3339(result->until_nsecs, when);
	jsonw_cstr(&w, result->until_nsecs == 0 ? NULL : when);
	jsonw_put_open(&w, "rows", '[');
	for (size_t i = 0; i < result->count; i++)
		json_row(&w, o->by, &result->rows[i], aliases[i]);
	jsonw_close(&w, ']');
	jsonw_put_open(&w, "total", '{');
	json_amounts(&w, &result->total);
	jsonw_close(&w, '}');
	printf("%s\n", buf_cstr(&b));
	buf_fini(&b);
}

/* ---- for people --------------------------------------------------------- */

static void
table_row(struct table *t, const struct rollup_row *r)
{
	table_cell_int(t, r->requests);
	table_cell_int(t, r->failures);
	table_cell_int(t, r->prompt_tokens);
	table_cell_int(t, r->completion_tokens);
	table_cell_int(t, r->cached_tokens);
	table_cell_usd(t, r->cost_nanos);
}

/* What the figures are of, where it is less than all. */
static void
print_span(const struct spend_options *o, const struct rollup_result *r)
{
	char since[CLOCK_RFC3339_BYTES], until[CLOCK_RFC3339_BYTES];

	if (o->since_nsecs == 0 && o->until_nsecs == 0)
		return;
	clock_rfc3339(r->since_nsecs, since);
	clock_rfc3339(r->until_nsecs, until);
	printf("from %s to %s, rounded to whole hours or days\n",
	    o->since_nsecs == 0 ? "the beginning" : since,
	    r->until_nsecs == 0 ? "now" : until);
}

static void
print_table(const struct spend_options *o, const struct rollup_result *result,
    char **aliases)
{
	static const char *const heads[] = { "requests", "failures",
		"prompt tok", "output tok", "cached tok", "cost USD" };
	enum entity_kind kind;
	bool has_alias = alias_name(o->by, &kind) != NULL;
	struct table *t = table_new(has_alias ? "llrrrrrr" : "lrrrrrr");

	table_cell(t, "%s", rollup_dim_name(o->by));
	if (has_alias)
		table_cell(t, "alias");
	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		table_cell(t, "%s", heads[i]);
	for (size_t i = 0; i < result->count; i++) {
		const char *value = result->rows[i].value;

		table_cell(t, "%s", value[0] != '\0' ? value : "(none)");
		if (has_alias)
			table_cell(t, "%s",
			    aliases[i] != NULL ? aliases[i] : "");
		table_row(t, &result->rows[i].sums);
	}
	table_cell(t, "total");
	if (has_alias)
		table_cell(t, "%s", "");
	table_row(t, &result->total);
	table_print(t);
	table_free(&t);
	print_span(o, result);
	if (result->total.estimated_nanos > 0) {
		char usd[MONEY_TEXT_BYTES];

		money_format(result->total.estimated_nanos, usd);
		printf("of the total, %s USD rest on estimated usage\n", usd);
	}
}

int
cmd_spend(struct ctl *c, int argc, char **argv)
{
	struct rollup_result result;
	struct spend_options o;
	struct store_txn *t;
	char **aliases;
	struct err err;
	int rc = take_arguments(c, argc, argv, &o);

	if (rc == CTL_OK)
		rc = ctl_open_store(c, false);
	if (rc != CTL_OK)
		return rc;
	if (store_read(c->store, STORE_LIVE, &t, &err) != 0) {
		ctl_complain("%s", err.text);
		return CTL_FAILED;
	}
	rc = rollup_query(t, o.by, o.since_nsecs, o.until_nsecs, &result);
	store_abort(&t);
	if (rc != 0) {
		ctl_complain("the roll-ups cannot be read");
		return CTL_FAILED;
	}
	aliases = find_aliases(c, o.by, &result);
	if (c->json)
		print_json(&o, &result, aliases);
	else
		print_table(&o, &result, aliases);
	free_aliases(aliases, result.count);
	rollup_result_free(&result);
	return CTL_OK;
}
