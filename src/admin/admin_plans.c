/* /budget/... (reusable budgets) and /tag/...: see admin_call.h. */
#include "admin/admin_call.h"

static int
create(struct admin_call *a, enum entity_kind kind, json_t **answer_r)
{
	json_t *row;

	if (registry_create(&a->edit, kind, a->body, &row) != 0)
		return -1;
	return view_give(a, kind, row, answer_r);
}

static int
update(struct admin_call *a, enum entity_kind kind, json_t **answer_r)
{
	struct str id;
	json_t *row;

	if (call_need_text(a, entity_id_name(kind), &id) != 0 ||
	    registry_update(&a->edit, "update", kind, id, a->body, &row) != 0)
		return -1;
	return view_give(a, kind, row, answer_r);
}

/* member: which one of the body names it. */
static int delete (struct admin_call *a, enum entity_kind kind,
    const char *member, json_t **answer_r)
{
	struct str id;
	json_t *row;

	if (call_need_text(a, member, &id) != 0 ||
	    registry_delete(&a->edit, kind, id, &row) != 0)
		return -1;
	return view_give(a, kind, row, answer_r);
}

/* The rows that a list of the body names. */
static int
named_rows(struct admin_call *a, enum entity_kind kind, const char *member,
    json_t **rows_r)
{
	json_t *list, *row, *view;
	size_t n;

	if (call_need_list(a, member, &list) != 0)
		return -1;
	n = json_is_array(list) ? json_array_size(list) : 1;
	*rows_r = json_array();
	for (size_t i = 0; i < n; i++) {
		if (entity_need(a->txn, kind, call_item(list, i), &row,
			&a->err) != 0 ||
		    view_give(a, kind, row, &view) != 0) {
			json_decref(*rows_r);
			*rows_r = NULL;
			return -1;
		}
		json_array_append_new(*rows_r, view);
	}
	return 0;
}

static int
all_rows(struct admin_call *a, enum entity_kind kind, json_t **rows_r)
{
	struct view_list l = { .kind = kind };

	*rows_r = view_rows(a, &l);
	return *rows_r != NULL ? 0 : -1;
}

/* ---- budgets ------------------------------------------------------------ */

int
budget_new(struct admin_call *a, json_t **answer_r)
{
	return create(a, ENTITY_BUDGET, answer_r);
}

int
budget_update(struct admin_call *a, json_t **answer_r)
{
	return update(a, ENTITY_BUDGET, answer_r);
}

int
budget_delete(struct admin_call *a, json_t **answer_r)
{
	return delete (a, ENTITY_BUDGET, "id", answer_r);
}

int
budget_info(struct admin_call *a, json_t **answer_r)
{
	return named_rows(a, ENTITY_BUDGET, "budgets", answer_r);
}

int
budget_list(struct admin_call *a, json_t **answer_r)
{
	return all_rows(a, ENTITY_BUDGET, answer_r);
}

/* The fields of a budget with their meanings and values. */
int
budget_settings(struct admin_call *a, json_t **answer_r)
{
	char id[ENTITY_ID_BYTES + 1];
	json_t *row = NULL;
	size_t n;
	const struct entity_field *f = entity_fields(&n);
	int rc = call_query(a, "budget_id", id, sizeof(id));

	if (rc < 0 || (rc == 1 && entity_need(a->txn, ENTITY_BUDGET, str_of(id),
				      &row, &a->err) != 0))
		return -1;
	*answer_r = json_array();
	for (size_t i = 0; i < n; i++) {
		json_t *value = json_object_get(row, f[i].name);

		if ((f[i].kinds & (1u << ENTITY_BUDGET)) == 0 ||
		    f[i].effect != FIELD_USED)
			continue;
		json_array_append_new(*answer_r,
		    json_pack("{s:s, s:s, s:s, s:O?, s:b, s:n}", "field_name",
			f[i].name, "field_type", field_type_json(f[i].type),
			"field_description", f[i].help, "field_value", value,
			"stored_in_db", value != NULL, "field_default_value"));
	}
	json_decref(row);
	return 0;
}

/* ---- tags --------------------------------------------------------------- */

int
tag_new(struct admin_call *a, json_t **answer_r)
{
	json_t *tag;

	if (create(a, ENTITY_TAG, &tag) != 0)
		return -1;
	*answer_r = json_pack("{s:s, s:o}", "message",
	    "Tag created successfully", "tag", tag);
	return 0;
}

int
tag_update(struct admin_call *a, json_t **answer_r)
{
	json_t *tag;

	if (update(a, ENTITY_TAG, &tag) != 0)
		return -1;
	*answer_r = json_pack("{s:s, s:o}", "message",
	    "Tag updated successfully", "tag", tag);
	return 0;
}

int
tag_delete(struct admin_call *a, json_t **answer_r)
{
	json_t *tag;

	if (delete (a, ENTITY_TAG, "name", &tag) != 0)
		return -1;
	json_decref(tag);
	*answer_r = json_pack("{s:s}", "message", "Tag deleted successfully");
	return 0;
}

/* An object by name, as LiteLLM gives it. */
int
tag_info(struct admin_call *a, json_t **answer_r)
{
	json_t *rows;

	if (named_rows(a, ENTITY_TAG, "names", &rows) != 0)
		return -1;
	*answer_r = json_object();
	for (size_t i = 0; i < json_array_size(rows); i++) {
		json_t *row = json_array_get(rows, i);

		json_object_set(*answer_r,
		    json_string_value(json_object_get(row, "name")), row);
	}
	json_decref(rows);
	return 0;
}

int
tag_list(struct admin_call *a, json_t **answer_r)
{
	return all_rows(a, ENTITY_TAG, answer_r);
}
