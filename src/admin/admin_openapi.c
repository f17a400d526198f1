/*
 * /openapi.json: the table of routes and the table of fields, for programs.
 * Made anew for each call: it is asked for rarely.
 */
#include "admin/admin_call.h"

#include "wire/request.h"

static json_t *
schema_of_type(const char *type)
{
	if (type[0] == '\0')
		return json_object();
	if (strcmp(type, "array") == 0)
		return json_pack("{s:s, s:{}}", "type", type, "items");
	return json_pack("{s:s}", "type", type);
}

/* "name:type name:type" */
static void
add_more(const char *more, json_t *properties)
{
	struct str rest = str_of(more);

	while (rest.n > 0) {
		struct str pair = str_cut(&rest, ' ');
		struct str name = str_cut(&pair, ':');
		char key[64], type[16];

		snprintf(key, sizeof(key), STR_FMT, STR_ARG(name));
		snprintf(type, sizeof(type), STR_FMT, STR_ARG(pair));
		json_object_set_new(properties, key, schema_of_type(type));
	}
}

static void
add_fields(enum entity_kind kind, json_t *properties)
{
	size_t n;
	const struct entity_field *f = entity_fields(&n);

	for (size_t i = 0; i < n; i++) {
		json_t *schema;

		if ((f[i].kinds & (1u << kind)) == 0 ||
		    f[i].effect == FIELD_GIVEN)
			continue;
		schema = schema_of_type(field_type_json(f[i].type));
		json_object_set_new(schema, "nullable", json_true());
		json_object_set_new(schema, "description",
		    f[i].effect == FIELD_USED
			? json_string(f[i].help)
			: json_sprintf("kept and given back, no effect "
				       "here%s%s",
			      f[i].help[0] != '\0' ? ": " : "", f[i].help));
		json_object_set_new(properties, f[i].name, schema);
	}
}

static json_t *
parameter(const char *name, const char *in, json_t *schema)
{
	return json_pack("{s:s, s:s, s:b, s:o}", "name", name, "in", in,
	    "required", strcmp(in, "path") == 0, "schema", schema);
}

/* Parameters of a GET, and what stands in the path. */
static json_t *
parameters_of(const struct admin_route *r)
{
	json_t *list = json_array(), *properties = json_object(), *schema;
	const char *brace = strchr(r->path, '{'), *name;
	char inside[32];

	if (brace != NULL) {
		snprintf(inside, sizeof(inside), "%.*s",
		    (int)(strchr(brace, '}') - brace - 1), brace + 1);
		json_array_append_new(list,
		    parameter(inside, "path", schema_of_type("string")));
	}
	if (strcmp(r->method, "GET") == 0)
		add_more(r->fields.more, properties);
	json_object_foreach(properties, name, schema)
		json_array_append_new(list,
		    parameter(name, "query", json_incref(schema)));
	json_decref(properties);
	return list;
}

static json_t *
body_of(const struct admin_route *r)
{
	json_t *properties = json_object();

	if (r->fields.has_kind)
		add_fields(r->fields.kind, properties);
	add_more(r->fields.more, properties);
	return json_pack("{s:{s:{s:{s:s, s:o, s:b}}}}", "content",
	    "application/json", "schema", "type", "object", "properties",
	    properties, "additionalProperties", true);
}

static json_t *
operation_of(const struct admin_route *r)
{
	json_t *o = json_pack("{s:s, s:s, s:o, s:{s:{s:s}, s:{s:s}}}",
	    "summary", r->help, "description",
	    admin_authority_text(r->authority), "parameters", parameters_of(r),
	    "responses", "200", "description", "JSON", "default", "description",
	    "an error: {\"error\": {message, type, param, code}}");

	if (strcmp(r->method, "POST") == 0)
		json_object_set_new(o, "requestBody", body_of(r));
	if (r->authority == AUTHORITY_PUBLIC)
		json_object_set_new(o, "security", json_array());
	return o;
}

static void
add_operation(json_t *paths, const char *path, const char *method, json_t *o)
{
	json_t *item = json_object_get(paths, path);
	char word[8];

	if (item == NULL) {
		item = json_object();
		json_object_set_new(paths, path, item);
	}
	snprintf(word, sizeof(word), "%s", method);
	for (char *p = word; *p != '\0'; p++)
		*p = (char)(*p - 'A' + 'a');
	json_object_set_new(item, word, o);
}

static void
add_llm_apis(json_t *paths)
{
	for (int api = 0; api < WIRE_API_COUNT; api++) {
		char path[64];

		snprintf(path, sizeof(path), "/v1%s",
		    wire_api_path((enum wire_api)api));
		add_operation(paths, path, "POST",
		    json_pack("{s:s, s:{s:{s:s}}}", "summary",
			wire_api_name((enum wire_api)api), "responses", "200",
			"description", "as the API of this name"));
	}
}

void
admin_openapi(const struct admin_env *env, struct http_call *call,
    const struct account *account, struct str argument)
{
	json_t *paths = json_object();
	size_t n;
	const struct admin_route *r = admin_routes(&n);

	(void)env;
	(void)account;
	(void)argument;
	add_llm_apis(paths);
	for (size_t i = 0; i < n; i++)
		add_operation(paths, r[i].path, r[i].method,
		    operation_of(&r[i]));
	admin_answer(call,
	    json_pack("{s:s, s:{s:s, s:s}, s:o, s:{s:{s:{s:s, s:s}}}, "
		      "s:[{s:[]}]}",
		"openapi", "3.0.3", "info", "title", "Tallygate", "version",
		PACKAGE_VERSION, "paths", paths, "components",
		"securitySchemes", "key", "type", "http", "scheme", "bearer",
		"security", "key"));
}
