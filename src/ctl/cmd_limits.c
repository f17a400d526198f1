/* tallyctl limits: what counts in every scope that has something under way or
   took something in the last 60 seconds, from the rows of LIMITS. */
#include "base/clock.h"
#include "ctl/ctl.h"
#include "ctl/table.h"
#include "domain/routing/limiter.h"

#define MAX_OUT_BYTES (64 * 1024 * 1024)

struct printer {
	struct table *table; /* NULL: JSON */
	struct jsonw w;
};

/* "key ab12... on model gpt-4o" */
static void
scope_cell(struct table *t, const struct limit_scope *s)
{
	char text[1200];

	limiter_scope_words(s, text, sizeof(text));
	table_cell(t, "%s", table_plain(text));
}

static void
print_row(struct printer *p, const struct limit_scope *s,
    const struct limit_use *use)
{
	scope_cell(p->table, s);
	table_cell_int(p->table, use->calls);
	table_cell_int(p->table, use->requests);
	table_cell_int(p->table, use->tokens);
	if (use->clear_nsecs > 0)
		table_cell(p->table, "%lld s",
		    (long long)((use->clear_nsecs + NSECS_PER_SEC - 1) /
				NSECS_PER_SEC));
	else
		table_cell(p->table, "-");
}

static void
member_id(struct jsonw *w, const char *key, struct str id)
{
	jsonw_key(w, key);
	if (id.n > 0)
		jsonw_str(w, id);
	else
		jsonw_null(w);
}

static void
write_row(struct printer *p, const struct limit_scope *s,
    const struct limit_use *use)
{
	struct jsonw *w = &p->w;
	bool product = s->with != SCOPE_GLOBAL;

	jsonw_open(w, '{');
	jsonw_key(w, "scope");
	jsonw_cstr(w, scope_name(s->kind));
	member_id(w, "id", s->id);
	jsonw_key(w, "with");
	jsonw_cstr(w, product ? scope_name(s->with) : NULL);
	member_id(w, "with_id", s->with_id);
	jsonw_key(w, "calls");
	jsonw_int(w, use->calls);
	jsonw_key(w, "requests_per_minute");
	jsonw_int(w, use->requests);
	jsonw_key(w, "tokens_per_minute");
	jsonw_int(w, use->tokens);
	jsonw_key(w, "clear_s");
	jsonw_decimal(w, use->clear_nsecs, 9);
	jsonw_close(w, '}');
}

static int
walk(struct ctl *c, struct printer *p, struct err *err)
{
	struct limit_scope scope;
	struct limit_use use;
	struct limit_walk w;
	struct store_txn *t;
	int rc;

	if (store_read(c->store, STORE_LIVE, &t, err) != 0)
		return -1;
	rc = limiter_walk(t, c->now_nsecs, &w);
	while (rc == 0 && (rc = limiter_next(&w, &scope, &use)) == 1) {
		if (p->table != NULL)
			print_row(p, &scope, &use);
		else
			write_row(p, &scope, &use);
		rc = 0;
	}
	limiter_end_walk(&w);
	if (rc < 0 && !store_failed(t, err))
		err_set(err, ERR_STORE, "the limits cannot be read");
	store_abort(&t);
	return rc;
}

static int
print_table(struct ctl *c, struct err *err)
{
	static const char *const heads[] = { "scope", "under way",
		"requests/min", "tokens/min", "clear in" };
	struct printer p = { .table = table_new("lrrrr") };
	int rc;

	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		table_cell(p.table, "%s", heads[i]);
	rc = walk(c, &p, err);
	if (rc == 0)
		table_print(p.table);
	table_free(&p.table);
	return rc;
}

static int
print_json(struct ctl *c, struct err *err)
{
	struct printer p = { .table = NULL };
	struct buf out;
	int rc;

	buf_init(&out, MAX_OUT_BYTES);
	jsonw_init(&p.w, &out);
	jsonw_open(&p.w, '[');
	rc = walk(c, &p, err);
	jsonw_close(&p.w, ']');
	if (rc == 0)
		printf("%s\n", buf_cstr(&out));
	buf_fini(&out);
	return rc;
}

int
cmd_limits(struct ctl *c, int argc, char **argv)
{
	struct err err;
	int rc;

	if (argc > 0)
		return ctl_bad_argument(argv[0], ctl_find_command(cmd_limits));
	rc = ctl_open_store(c, false);
	if (rc != CTL_OK)
		return rc;
	if ((c->json ? print_json(c, &err) : print_table(c, &err)) == 0)
		return CTL_OK;
	ctl_complain("%s", err.text);
	return CTL_FAILED;
}
