/* Objects that fit a schema. See schema.h. */
#include "sim/schema.h"

#define DEPTH_MAX 12  /* schemas may refer to themselves … */
#define NODES_MAX 500 /* … more than once */

/* What is carried down while filling. */
struct filler {
	json_t *root;    /* for $ref */
	struct str text; /* for the first string; then "" */
	bool used;
	int nodes; /* made so far */
};

/* Follows "#/$defs/X" and takes the first branch of anyOf and the like. */
static json_t *
resolve(json_t *root, json_t *schema)
{
	static const char *const branches[] = { "anyOf", "oneOf", "allOf" };

	for (int hops = 0; hops < DEPTH_MAX && json_is_object(schema); hops++) {
		struct str ref = jsonx_str(schema, "$ref");
		json_t *next = NULL;

		if (str_starts(ref, "#/")) {
			next = root;
			ref = str_make(ref.p + 2, ref.n - 2);
			while (ref.n > 0 && next != NULL) {
				struct str part = str_cut(&ref, '/');

				next = json_object_getn(next, part.p, part.n);
			}
		}
		for (size_t i = 0; next == NULL && i < ARRAY_LEN(branches); i++)
			next =
			    json_array_get(json_object_get(schema, branches[i]),
				0);
		if (next == NULL)
			return schema;
		schema = next;
	}
	return schema;
}

/* The schema's type: the first that is not "null" when it is a list. */
static struct str
type_of(const json_t *schema)
{
	const json_t *type = json_object_get(schema, "type");
	json_t *one;
	size_t i;

	json_array_foreach(type, i, one) {
		if (json_is_string(one) &&
		    strcmp(json_string_value(one), "null") != 0)
			return str_of(json_string_value(one));
	}
	return jsonx_str(schema, "type");
}

static json_t *fill(struct filler *f, json_t *schema, int depth);

static bool
is_required(const json_t *schema, const char *key)
{
	const json_t *required = json_object_get(schema, "required");
	json_t *one;
	size_t i;

	if (!json_is_array(required))
		return true;
	json_array_foreach(required, i, one) {
		if (json_is_string(one) &&
		    strcmp(json_string_value(one), key) == 0)
			return true;
	}
	return false;
}

static json_t *
fill_object(struct filler *f, json_t *schema, int depth)
{
	json_t *out = json_object(), *member;
	const char *key;

	json_object_foreach(json_object_get(schema, "properties"), key,
	    member) {
		if (is_required(schema, key))
			json_object_set_new(out, key,
			    fill(f, member, depth + 1));
	}
	return out;
}

static json_t *
fill_array(struct filler *f, json_t *schema, int depth)
{
	json_t *out = json_array();
	json_t *items = json_object_get(schema, "items");

	if (items != NULL)
		json_array_append_new(out, fill(f, items, depth + 1));
	return out;
}

/* "the value of f(3)": the number in brackets. */
static bool
asked_number(struct str text, json_int_t *n_r)
{
	for (size_t i = 0; i + 2 < text.n; i++) {
		size_t at = i + 1;
		json_int_t n = 0;

		if (text.p[i] != '(')
			continue;
		while (at < text.n && at < i + 10 && text.p[at] >= '0' &&
		       text.p[at] <= '9')
			n = 10 * n + (text.p[at++] - '0');
		if (at > i + 1 && at < text.n && text.p[at] == ')') {
			*n_r = n;
			return true;
		}
	}
	return false;
}

static json_t *
fill_number(struct str text, const json_t *schema, bool integer)
{
	json_t *least = json_object_get(schema, "minimum");
	json_int_t n;

	if (integer && asked_number(text, &n))
		return json_integer(n);
	if (json_is_number(least))
		return json_incref(least);
	least = json_object_get(schema, "exclusiveMinimum");
	if (json_is_integer(least))
		return json_integer(json_integer_value(least) + 1);
	return integer ? json_integer(0) : json_real(0);
}

static json_t *
fill(struct filler *f, json_t *schema, int depth)
{
	json_t *given;
	struct str type;

	schema = resolve(f->root, schema);
	given = json_object_get(schema, "const");
	if (given == NULL)
		given = json_array_get(json_object_get(schema, "enum"), 0);
	if (given != NULL)
		return json_deep_copy(given);
	if (depth > DEPTH_MAX || ++f->nodes > NODES_MAX)
		return json_null();
	type = type_of(schema);
	if (str_is(type, "object") ||
	    json_object_get(schema, "properties") != NULL)
		return fill_object(f, schema, depth);
	if (str_is(type, "array"))
		return fill_array(f, schema, depth);
	if (str_is(type, "integer") || str_is(type, "number"))
		return fill_number(f->text, schema, str_is(type, "integer"));
	if (str_is(type, "boolean"))
		return json_false();
	if (str_is(type, "null"))
		return json_null();
	if (f->used)
		return json_string("");
	f->used = true;
	return json_stringn(f->text.p, f->text.n);
}

/* The name of the first member that takes a string; "" when there is none. */
static const char *
string_member(json_t *schema)
{
	json_t *top = resolve(schema, schema), *member;
	const char *key;

	json_object_foreach(json_object_get(top, "properties"), key, member) {
		const json_t *at = resolve(schema, member);
		struct str type = type_of(at);

		if (json_object_get(at, "enum") == NULL &&
		    json_object_get(at, "const") == NULL &&
		    (type.n == 0 || str_is(type, "string")))
			return key;
	}
	return "";
}

json_t *
schema_fill(json_t *schema, struct str text)
{
	struct filler f = { schema, text, false, 0 };
	const char *member = string_member(schema);
	json_t *out = fill(&f, schema, 0);

	if (!json_is_object(out)) {
		json_decref(out);
		out = json_object();
	}
	/* The text's member may be an optional one, or come after others. */
	if (!f.used && member[0] != '\0')
		json_object_set_new(out, member, json_stringn(text.p, text.n));
	return out;
}
