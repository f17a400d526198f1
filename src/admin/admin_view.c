/* Rows of accounts/ as answers. See admin_call.h. */
#include "admin/admin_call.h"

#include "base/clock.h"
#include "domain/ledger/money.h"

json_t *
view_usd(int64_t nanos)
{
	return entity_usd(nanos);
}

/* LiteLLM's answers have every field. */
static void
fill_absent(json_t *view, enum entity_kind kind)
{
	size_t n;
	const struct entity_field *f = entity_fields(&n);

	for (size_t i = 0; i < n; i++) {
		json_t *v = NULL;

		if ((f[i].kinds & (1u << kind)) == 0 ||
		    json_object_get(view, f[i].name) != NULL)
			continue;
		switch (f[i].type) {
		case FIELD_NAMES:
		case FIELD_MEMBERS:
			v = json_array();
			break;
		case FIELD_OBJECT:
		case FIELD_ALIASES:
			v = json_object();
			break;
		default:
			v = json_null();
		}
		json_object_set_new(view, f[i].name, v);
	}
}

static void
drop_private(json_t *view)
{
	const char *name;
	json_t *value;
	void *next;

	json_object_foreach_safe(view, next, name, value)
	{
		if (name[0] == '_')
			json_object_del(view, name);
	}
}

/* The reusable budget it names, as LiteLLM shows it; a new reference. */
static json_t *
named_budget(struct admin_call *a, const json_t *row)
{
	json_t *budget;

	if (entity_get(a->txn, ENTITY_BUDGET, jsonx_str(row, "budget_id"),
		&budget, NULL) != 1)
		return NULL;
	drop_private(budget);
	return budget;
}

static int
add_spend(struct admin_call *a, enum entity_kind kind, const json_t *row,
    json_t *view)
{
	struct allowance_reader reader = {
		.accounts = a->txn,
		.live = a->live,
		.zone = a->env->rules->zone,
		.now_nsecs = a->now_nsecs,
	};
	struct allowance_spend spend;

	if (allowance_row_spend(&reader, kind, row, &spend, &a->err) != 0)
		return -1;
	json_object_set_new(view, "spend", view_usd(spend.spent_nanos));
	json_object_set_new(view, "held", view_usd(spend.held_nanos));
	if (spend.resets > 0)
		entity_set_time(view, "budget_reset_at",
		    (int64_t)spend.resets * NSECS_PER_SEC);
	return 0;
}

json_t *
view_row(struct admin_call *a, enum entity_kind kind, const json_t *row)
{
	json_t *view = json_copy(jsonx_iterable(row));
	json_t *budget = named_budget(a, row);

	drop_private(view);
	if (kind != ENTITY_BUDGET) {
		if (add_spend(a, kind, row, view) != 0) {
			json_decref(view);
			json_decref(budget);
			return NULL;
		}
		json_object_set_new(view, "litellm_budget_table",
		    budget != NULL ? budget : json_null());
	} else {
		json_decref(budget);
	}
	fill_absent(view, kind);
	return view;
}

int
view_give(struct admin_call *a, enum entity_kind kind, json_t *row,
    json_t **answer_r)
{
	*answer_r = view_row(a, kind, row);
	json_decref(row);
	return *answer_r != NULL ? 0 : -1;
}

/* A row that is in the list: on the page or not. */
static int
add_item(struct admin_call *a, struct view_list *l, const json_t *row,
    json_t *items)
{
	size_t at = l->total++;
	json_t *item;

	if (at < l->first || (l->count > 0 && at - l->first >= l->count))
		return 0;
	item = l->item != NULL ? l->item(row) : view_row(a, l->kind, row);
	return item != NULL ? json_array_append_new(items, item) : -1;
}

json_t *
view_rows(struct admin_call *a, struct view_list *l)
{
	json_t *items, *row;
	struct entity_walk w;
	struct str id;
	int rc;

	if (entity_walk(a->txn, l->kind, &w, &a->err) != 0)
		return NULL;
	l->total = 0;
	items = json_array();
	while ((rc = entity_next(&w, &id, &row, &a->err)) == 1) {
		if (l->has == NULL || l->has(a, row, l->arg))
			rc = add_item(a, l, row, items);
		json_decref(row);
		if (rc < 0)
			break;
	}
	entity_end_walk(&w);
	if (rc == 0)
		return items;
	json_decref(items);
	return NULL;
}
