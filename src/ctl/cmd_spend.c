/* tallyctl spend: from the roll-ups, which agree with the trace file. */
#include "base/clock.h"
#include "ctl/ctl.h"
#include "ctl/table.h"
#include "domain/ledger/money.h"
#include "domain/ledger/rollup.h"

struct spend_options {
	enum rollup_dim by;
	int64_t since_nsecs, until_nsecs;
};

static const struct ctl_command *
own_command(void)
{
	size_t n;
	const struct ctl_command *all = ctl_commands(&n);

	for (size_t i = 0; i < n; i++) {
		if (all[i].run == cmd_spend)
			return &all[i];
	}
	return &all[0];
}

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

static int
take_arguments(const struct ctl *c, int argc, char **argv,
    struct spend_options *o)
{
	o->by = ROLLUP_MODEL;
	o->since_nsecs = o->until_nsecs = 0;
	for (int i = 0; i < argc; i += 2) {
		const char *a = argv[i], *v = i + 1 < argc ? argv[i + 1] : NULL;

		if (v == NULL)
			return ctl_bad_argument(a, own_command());
		if (strcmp(a, "--by") == 0) {
			if (rollup_dim_parse(str_of(v), &o->by) != 0)
				return ctl_bad_argument(v, own_command());
		} else if (strcmp(a, "--since") == 0) {
			if (take_time(c, v, &o->since_nsecs) != 0)
				return CTL_USAGE;
		} else if (strcmp(a, "--until") == 0) {
			if (take_time(c, v, &o->until_nsecs) != 0)
				return CTL_USAGE;
		} else {
			return ctl_bad_argument(a, own_command());
		}
	}
	return CTL_OK;
}

static void
json_row(struct jsonw *w, const char *name, const char *value,
    const struct rollup_row *r)
{
	jsonw_open(w, '{');
	if (name != NULL) {
		jsonw_key(w, name);
		jsonw_cstr(w, value);
	}
	jsonw_key(w, "requests");
	jsonw_int(w, r->requests);
	jsonw_key(w, "attempts");
	jsonw_int(w, r->attempts);
	jsonw_key(w, "failures");
	jsonw_int(w, r->failures);
	jsonw_key(w, "prompt_tokens");
	jsonw_int(w, r->prompt_tokens);
	jsonw_key(w, "completion_tokens");
	jsonw_int(w, r->completion_tokens);
	jsonw_key(w, "cached_tokens");
	jsonw_int(w, r->cached_tokens);
	jsonw_key(w, "reasoning_tokens");
	jsonw_int(w, r->reasoning_tokens);
	jsonw_key(w, "cost_usd");
	jsonw_decimal(w, r->cost_nanos, 9);
	jsonw_key(w, "estimated_usd");
	jsonw_decimal(w, r->estimated_nanos, 9);
	jsonw_close(w, '}');
}

static void
print_json(const struct spend_options *o, const struct rollup_result *result)
{
	const char *by = rollup_dim_name(o->by);
	char when[CLOCK_RFC3339_BYTES];
	struct buf b;
	struct jsonw w;

	buf_init(&b, 256 * 1024 * 1024);
	jsonw_init(&w, &b);
	jsonw_open(&w, '{');
	jsonw_key(&w, "by");
	jsonw_cstr(&w, by);
	clock_rfc3339(result->since_nsecs, when);
	jsonw_key(&w, "since");
	jsonw_cstr(&w, when);
	jsonw_key(&w, "rows");
	jsonw_open(&w, '[');
	for (size_t i = 0; i < result->count; i++)
		json_row(&w, by, result->rows[i].value, &result->rows[i].sums);
	jsonw_close(&w, ']');
	jsonw_key(&w, "total");
	json_row(&w, NULL, NULL, &result->total);
	jsonw_close(&w, '}');
	printf("%s\n", buf_cstr(&b));
	buf_fini(&b);
}

static void
table_row(struct table *t, const char *name, const struct rollup_row *r)
{
	table_cell(t, "%s", name);
	table_cell_int(t, r->requests);
	table_cell_int(t, r->failures);
	table_cell_int(t, r->prompt_tokens);
	table_cell_int(t, r->completion_tokens);
	table_cell_int(t, r->cached_tokens);
	table_cell_usd(t, r->cost_nanos);
}

static void
print_table(const struct spend_options *o, const struct rollup_result *result)
{
	static const char *const heads[] = { "requests", "failures",
		"prompt tok", "output tok", "cached tok", "cost USD" };
	struct table *t = table_new("lrrrrrr");

	table_cell(t, "%s", rollup_dim_name(o->by));
	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		table_cell(t, "%s", heads[i]);
	for (size_t i = 0; i < result->count; i++)
		table_row(t,
		    result->rows[i].value[0] != '\0' ? result->rows[i].value
						     : "(none)",
		    &result->rows[i].sums);
	table_row(t, "total", &result->total);
	table_print(t);
	table_free(&t);
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
	if (c->json)
		print_json(&o, &result);
	else
		print_table(&o, &result);
	rollup_result_free(&result);
	return CTL_OK;
}
