/* Rows of accounts/, shown. See entity_view.h. */
#include "ctl/entity_view.h"

#include "base/clock.h"
#include "ctl/table.h"
#include "domain/ledger/money.h"

int
entity_view_open(struct entity_view *v, struct ctl *c, enum entity_kind kind)
{
	memset(v, 0, sizeof(*v));
	v->ctl = c;
	v->kind = kind;
	v->reader.now_nsecs = c->now_nsecs;
	if (store_read(c->store, STORE_ACCOUNTS, &v->reader.accounts,
		&v->err) != 0)
		return -1;
	if (store_read(c->store, STORE_LIVE, &v->reader.live, &v->err) != 0) {
		store_abort(&v->reader.accounts);
		return -1;
	}
	return 0;
}

void
entity_view_close(struct entity_view *v)
{
	if (v->reader.accounts != NULL)
		store_abort(&v->reader.accounts);
	if (v->reader.live != NULL)
		store_abort(&v->reader.live);
}

/* ---- for programs ------------------------------------------------------- */

/* The row without what is ours, with its spend; a new reference. */
static json_t *
public_row(struct entity_view *v, const json_t *row)
{
	json_t *out = json_copy(jsonx_iterable(row)), *value;
	struct allowance_spend spend;
	const char *name;
	void *next;

	json_object_foreach_safe(out, next, name, value)
	{
		if (name[0] == '_')
			json_object_del(out, name);
	}
	if (v->kind == ENTITY_BUDGET)
		return out;
	if (allowance_row_spend(&v->reader, v->kind, row, &spend, &v->err) !=
	    0) {
		json_decref(out);
		return NULL;
	}
	json_object_set_new(out, "spend", entity_usd(spend.spent_nanos));
	json_object_set_new(out, "held", entity_usd(spend.held_nanos));
	if (spend.resets > 0)
		entity_set_time(out, "budget_reset_at",
		    (int64_t)spend.resets * NSECS_PER_SEC);
	return out;
}

static void
print_json(const json_t *json)
{
	char *text = entity_dump(json);

	printf("%s\n", text);
	free(text);
}

/* ---- for people --------------------------------------------------------- */

static char *
text_of(const json_t *v)
{
	char usd[MONEY_TEXT_BYTES];
	int64_t nanos;

	/* Money is what is no whole number here: as everywhere, not 1.3e-5. */
	if (json_is_real(v) && entity_money(v, &nanos) == 1) {
		money_format(nanos, usd);
		return xstrdup(usd);
	}
	if (json_is_string(v))
		return table_plain(xstrdup(json_string_value(v)));
	return table_plain(entity_dump(v));
}

static void
cell_text(struct table *t, const json_t *row, const char *name)
{
	const json_t *v = json_object_get(row, name);
	char *text = v == NULL || json_is_null(v) ? xstrdup("-") : text_of(v);

	table_cell(t, "%.40s", text);
	free(text);
}

static const char *
standing(const struct entity_view *v, const json_t *row)
{
	int64_t expires;

	if (json_is_true(json_object_get(row, "blocked")))
		return "blocked";
	if (entity_time(row, "expires", &expires) == 1 &&
	    expires <= v->reader.now_nsecs)
		return "expired";
	return "good";
}

/* The columns that tell one kind from another; the rest all have. */
static const char *const own_columns[][3] = {
	[ENTITY_KEY] = { "key_alias", "key_name", "team_id" },
	[ENTITY_TEAM] = { "team_id", "team_alias", NULL },
	[ENTITY_USER] = { "user_id", "user_email", "user_role" },
	[ENTITY_CUSTOMER] = { "user_id", "alias", NULL },
	[ENTITY_BUDGET] = { "budget_id", NULL, NULL },
	[ENTITY_TAG] = { "name", "description", NULL },
};

static struct table *
new_table(const struct entity_view *v)
{
	static const char *const heads[] = { "spent USD", "max USD", "window",
		"rpm", "tpm", "state" };
	const char *const *own = own_columns[v->kind];
	size_t n = 0;
	struct table *t;

	while (n < 3 && own[n] != NULL)
		n++;
	t = table_new(n == 1 ? "lrrlrrl" : n == 2 ? "llrrlrrl" : "lllrrlrrl");
	for (size_t i = 0; i < n; i++)
		table_cell(t, "%s", own[i]);
	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		table_cell(t, "%s", heads[i]);
	return t;
}

static int
add_row(struct entity_view *v, struct table *t, const json_t *row)
{
	const char *const *own = own_columns[v->kind];
	struct allowance_spend spend = { .max_nanos = -1 };

	if (v->kind == ENTITY_BUDGET) {
		if (entity_money(json_object_get(row, "max_budget"),
			&spend.max_nanos) != 1)
			spend.max_nanos = -1;
	} else if (allowance_row_spend(&v->reader, v->kind, row, &spend,
		       &v->err) != 0) {
		return -1;
	}
	for (size_t i = 0; i < 3 && own[i] != NULL; i++)
		cell_text(t, row, own[i]);
	table_cell_usd(t, spend.spent_nanos);
	if (spend.max_nanos >= 0)
		table_cell_usd(t, spend.max_nanos);
	else
		table_cell(t, "-");
	cell_text(t, row, "budget_duration");
	cell_text(t, row, "rpm_limit");
	cell_text(t, row, "tpm_limit");
	table_cell(t, "%s", standing(v, row));
	return 0;
}

/* ---- both --------------------------------------------------------------- */

static int
add_item(struct entity_view *v, struct table *t, json_t *list,
    const json_t *row)
{
	json_t *item;

	if (!v->ctl->json)
		return add_row(v, t, row);
	item = public_row(v, row);
	if (item == NULL)
		return -1;
	return json_array_append_new(list, item);
}

int
entity_view_list(struct entity_view *v)
{
	struct table *t = new_table(v);
	json_t *list = json_array(), *row;
	struct entity_walk w;
	struct str id;
	int rc = entity_walk(v->reader.accounts, v->kind, &w, &v->err);

	if (rc == 0) {
		while ((rc = entity_next(&w, &id, &row, &v->err)) == 1) {
			rc = add_item(v, t, list, row);
			json_decref(row);
			if (rc != 0)
				break;
		}
		entity_end_walk(&w);
	}
	if (rc == 0 && v->ctl->json)
		print_json(list);
	else if (rc == 0)
		table_print(t);
	json_decref(list);
	table_free(&t);
	return rc;
}

int
entity_view_one(struct entity_view *v, const json_t *row, const char *secret)
{
	json_t *out = public_row(v, row), *value;
	struct table *t;
	const char *name;

	if (out == NULL)
		return -1;
	if (v->ctl->json) {
		if (secret != NULL)
			json_object_set_new(out, "key", json_string(secret));
		print_json(out);
		json_decref(out);
		return 0;
	}
	if (secret != NULL)
		printf("%s\nThis is the only time the key is shown.\n\n",
		    secret);
	t = table_new("ll");
	json_object_foreach(out, name, value) {
		char *text = text_of(value);

		table_cell(t, "%s", name);
		table_cell(t, "%s", text);
		free(text);
	}
	table_print(t);
	table_free(&t);
	json_decref(out);
	return 0;
}
