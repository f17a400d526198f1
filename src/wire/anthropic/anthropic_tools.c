/*
 * Tools, the choice among them, and structured output by way of them. See
 * anthropic_body.h.
 */
#include "wire/anthropic/anthropic_body.h"

#include "wire/searches.h"

/* tool_choice as the client wrote it. */
struct choice {
	const char *type;       /* Anthropic's word; NULL nothing to say */
	struct skim_value name; /* of type tool */
	struct skim_value only; /* allowed_tools: the list */
};

/* ---- schemas ----------------------------------------------------------- */

enum keyword {
	HOLDS_VALUE,
	HOLDS_SCHEMA,  /* or a list of schemas */
	HOLDS_SCHEMAS, /* by name */
};

static enum keyword
keyword_of(struct str key)
{
	static const struct {
		const char *word;
		enum keyword holds;
	} rows[] = {
		{ "properties", HOLDS_SCHEMAS },
		{ "patternProperties", HOLDS_SCHEMAS },
		{ "$defs", HOLDS_SCHEMAS },
		{ "definitions", HOLDS_SCHEMAS },
		{ "items", HOLDS_SCHEMA },
		{ "prefixItems", HOLDS_SCHEMA },
		{ "anyOf", HOLDS_SCHEMA },
		{ "allOf", HOLDS_SCHEMA },
		{ "oneOf", HOLDS_SCHEMA },
		{ "not", HOLDS_SCHEMA },
		{ "if", HOLDS_SCHEMA },
		{ "then", HOLDS_SCHEMA },
		{ "else", HOLDS_SCHEMA },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (str_is(key, rows[i].word))
			return rows[i].holds;
	}
	return HOLDS_VALUE;
}

/* A member's key as it may be written again. */
static void
write_key(struct jsonw *w, struct str key)
{
	jsonw_str(w, key);
	buf_add_char(w->out, ':');
	w->comma = false;
}

static void write_schema(const struct skim_value *v, bool by_name,
    struct jsonw *w);

static void
write_schema_list(const struct skim_value *v, struct jsonw *w)
{
	struct skim_iter it;
	struct skim_value item;
	struct str key;

	jsonw_open(w, '[');
	skim_iter_init(&it, v->value);
	while (skim_iter_next(&it, &key, &item) == 1)
		write_schema(&item, false, w);
	jsonw_close(w, ']');
}

/* by_name: an object whose members are schemas. Deep as the request is, which
   the skimmer bounds. */
static void
write_schema(const struct skim_value *v, bool by_name, struct jsonw *w)
{
	bool is_object = false, is_closed = false;
	struct skim_iter it;
	struct skim_value item;
	struct str key;

	if (v->type != SKIM_OBJECT) {
		jsonw_raw(w, v->value);
		return;
	}
	jsonw_open(w, '{');
	skim_iter_init(&it, v->value);
	while (skim_iter_next(&it, &key, &item) == 1) {
		enum keyword holds = by_name ? HOLDS_SCHEMA : keyword_of(key);

		is_object =
		    is_object || str_is(key, "properties") ||
		    (str_is(key, "type") && skim_string_is(&item, "object"));
		is_closed = is_closed || str_is(key, "additionalProperties");
		write_key(w, key);
		if (holds == HOLDS_VALUE)
			jsonw_raw(w, item.value);
		else if (item.type == SKIM_ARRAY)
			write_schema_list(&item, w);
		else
			write_schema(&item, holds == HOLDS_SCHEMAS, w);
	}
	if (!by_name && is_object && !is_closed) {
		jsonw_key(w, "additionalProperties");
		jsonw_bool(w, false);
	}
	jsonw_close(w, '}');
}

void
anthropic_schema_write(const struct skim_value *schema, struct jsonw *w)
{
	write_schema(schema, false, w);
}

/* A tool's parameters: an object that says it is one. */
static void
write_input_schema(const struct skim_value *schema, struct jsonw *w)
{
	struct skim_value type = pick_one(schema, "type");

	jsonw_key(w, "input_schema");
	if (schema->type != SKIM_OBJECT || schema->count == 0) {
		jsonw_raw(w, str_of("{\"type\":\"object\",\"properties\":{}}"));
	} else if (type.type == SKIM_ABSENT) {
		jsonw_raw(w, str_of("{\"type\":\"object\""));
		buf_add_char(w->out, ',');
		buf_add(w->out, schema->value.p + 1, schema->value.n - 1);
	} else {
		jsonw_raw(w, schema->value);
	}
}

/* ---- the search of the web --------------------------------------------- */

/* A chat has the place one object deeper than Anthropic and the responses. */
static void
write_location(const struct skim_value *options, struct jsonw *w)
{
	static const char *const members[] = { "city", "region", "country",
		"timezone" };
	struct skim_value place = pick_one(options, "user_location"), v;
	struct skim_value inner = pick_one(&place, "approximate");
	bool any = false;

	if (inner.type == SKIM_OBJECT)
		place = inner;
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		v = pick_one(&place, members[i]);
		if (pick_is_empty(&v))
			continue;
		if (!any) {
			jsonw_key(w, "user_location");
			jsonw_open(w, '{');
			jsonw_put_cstr(w, "type", "approximate");
		}
		any = true;
		jsonw_key(w, members[i]);
		jsonw_raw(w, v.value);
	}
	if (any)
		jsonw_close(w, '}');
}

/* Anthropic's own words for it, which chat_search.h has, too. */
static void
write_domains(const struct skim_value *options, struct jsonw *w)
{
	static const char *const members[] = { "allowed_domains",
		"blocked_domains" };

	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		struct skim_value v = pick_one(options, members[i]);

		if (v.type != SKIM_ARRAY || v.count == 0)
			continue;
		jsonw_key(w, members[i]);
		jsonw_raw(w, v.value);
	}
}

/* web_search_options as Anthropic's tool; what it may cost is held by the same
   count (searches.h). */
static int
write_search(struct anthropic_body *b, struct jsonw *w)
{
	static const struct str key = STR_LIT("web_search_options");
	struct skim_value options = anthropic_param(b, "web_search_options");
	const char *ignored;

	/* A default of the configuration was not judged yet. */
	if (options.type == SKIM_ABSENT ||
	    param_rules_judge(&b->rules, key, NULL, &ignored) == PARAM_DROP)
		return 0;
	if (options.type != SKIM_OBJECT)
		return err_set(b->err, ERR_BAD_REQUEST,
		    "web_search_options: must be an object");
	if (searches_uses(&options) == 0)
		return 0;
	jsonw_open(w, '{');
	jsonw_put_cstr(w, "type", ANTHROPIC_SEARCH_TOOL);
	jsonw_put_cstr(w, "name", "web_search");
	jsonw_put_int(w, "max_uses", searches_uses(&options));
	write_domains(&options, w);
	write_location(&options, w);
	jsonw_close(w, '}');
	return 0;
}

/* ---- tools ------------------------------------------------------------- */

static bool
is_allowed(const struct choice *c, const struct skim_value *name)
{
	struct skim_iter it;
	struct skim_value tool, function;
	struct str key;

	if (c->only.type != SKIM_ARRAY)
		return true;
	skim_iter_init(&it, c->only.value);
	while (skim_iter_next(&it, &key, &tool) == 1) {
		function = pick_one(&tool, "function");
		function =
		    pick_one(function.type == SKIM_OBJECT ? &function : &tool,
			"name");
		if (function.type == SKIM_STRING &&
		    str_eq(function.value, name->value))
			return true;
	}
	return false;
}

/* The members of a tool's function. */
struct function {
	struct skim_value name, description, parameters, strict, cache_control;
};

static void
read_function(const struct skim_value *v, struct function *f)
{
	const struct skim_wanted wanted[] = { { "name", &f->name },
		{ "description", &f->description },
		{ "parameters", &f->parameters }, { "strict", &f->strict },
		{ "cache_control", &f->cache_control } };

	pick(v, wanted, ARRAY_LEN(wanted));
}

static void
write_function(const struct anthropic_body *b, const struct function *f,
    const struct skim_value *cache_control, struct jsonw *w)
{
	if (cache_control->type == SKIM_ABSENT)
		cache_control = &f->cache_control;
	jsonw_open(w, '{');
	jsonw_key(w, "name");
	jsonw_raw(w, f->name.value);
	if (!pick_is_empty(&f->description)) {
		jsonw_key(w, "description");
		jsonw_raw(w, f->description.value);
	}
	write_input_schema(&f->parameters, w);
	if (f->strict.type == SKIM_TRUE && b->claude->has_schema) {
		jsonw_key(w, "strict");
		jsonw_bool(w, true);
	}
	if (cache_control->type == SKIM_OBJECT) {
		jsonw_key(w, "cache_control");
		jsonw_raw(w, cache_control->value);
	}
	jsonw_close(w, '}');
}

static int
write_tool(struct anthropic_body *b, const struct skim_value *tool,
    const struct choice *c, struct jsonw *w)
{
	struct skim_value function, type, name, cache_control;
	const struct skim_wanted wanted[] = { { "function", &function },
		{ "type", &type }, { "name", &name },
		{ "cache_control", &cache_control } };
	struct function f;

	pick(tool, wanted, ARRAY_LEN(wanted));
	read_function(&function, &f);
	if (!pick_is_empty(&f.name)) {
		if (skim_string_is(&f.name, ANTHROPIC_JSON_TOOL))
			return err_set(b->err, ERR_BAD_REQUEST,
			    "tools: the name \"" ANTHROPIC_JSON_TOOL
			    "\" is taken here for structured output");
		if (is_allowed(c, &f.name))
			write_function(b, &f, &cache_control, w);
		return 0;
	}
	/* Anthropic's own form: web_search_20250305, {name, input_schema} ...
	 */
	if (!pick_is_empty(&name) && function.type == SKIM_ABSENT) {
		if (is_allowed(c, &name))
			jsonw_raw(w, tool->value);
		return 0;
	}
	return err_set(b->err, ERR_BAD_REQUEST,
	    "tools: a tool of type %.40s has no counterpart at Anthropic",
	    type.type == SKIM_STRING
		? arena_strndup(b->arena, type.value.p, type.value.n)
		: "(none)");
}

static int
write_tools(struct anthropic_body *b, const struct choice *c, struct jsonw *w)
{
	struct skim_value tools = anthropic_param(b, "tools"), tool;
	bool has_search = false;
	struct skim_iter it;
	struct str key;

	if (tools.type != SKIM_ARRAY)
		return write_search(b, w);
	skim_iter_init(&it, tools.value);
	while (skim_iter_next(&it, &key, &tool) == 1) {
		has_search = has_search || searches_is_tool(&tool);
		if (write_tool(b, &tool, c, w) != 0)
			return -1;
	}
	return has_search ? 0 : write_search(b, w);
}

/* ---- the choice -------------------------------------------------------- */

static int
bad_choice(struct anthropic_body *b)
{
	return err_set(b->err, ERR_BAD_REQUEST,
	    "tool_choice: not one of none, auto, required, a function or "
	    "allowed_tools");
}

static const char *
choice_word(const struct skim_value *v)
{
	static const char *const words[][2] = { { "none", "none" },
		{ "auto", "auto" }, { "required", "any" }, { "any", "any" } };

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (skim_string_is(v, words[i][0]))
			return words[i][1];
	}
	return NULL;
}

/* {"type":...}: a function by name, allowed_tools, or Anthropic's own. */
static int
read_choice_object(struct anthropic_body *b, const struct skim_value *v,
    struct choice *c)
{
	struct skim_value type = pick_one(v, "type"), inner;

	if (skim_string_is(&type, "allowed_tools")) {
		inner = pick_one(v, "allowed_tools");
		c->only = pick_one(&inner, "tools");
		inner = pick_one(&inner, "mode");
		c->type = choice_word(&inner);
		return c->type == NULL ? bad_choice(b) : 0;
	}
	inner = pick_one(v, "function");
	c->name = pick_one(inner.type == SKIM_OBJECT ? &inner : v, "name");
	if (!pick_is_empty(&c->name)) {
		c->type = "tool";
		return 0;
	}
	c->type = choice_word(&type);
	return c->type == NULL ? bad_choice(b) : 0;
}

static int
read_choice(struct anthropic_body *b, struct choice *c)
{
	struct skim_value v = anthropic_param(b, "tool_choice");

	memset(c, 0, sizeof(*c));
	if (v.type == SKIM_ABSENT)
		return 0;
	if (v.type == SKIM_OBJECT)
		return read_choice_object(b, &v, c);
	c->type = choice_word(&v);
	return c->type == NULL ? bad_choice(b) : 0;
}

static bool
is_forced(const struct choice *c)
{
	return c->type != NULL &&
	       (strcmp(c->type, "any") == 0 || strcmp(c->type, "tool") == 0);
}

static void
write_choice(struct anthropic_body *b, const struct choice *c)
{
	struct skim_value parallel = anthropic_param(b, "parallel_tool_calls");
	const char *type = c->type;
	struct jsonw w;

	if (type == NULL && parallel.type == SKIM_FALSE)
		type = "auto";
	if (type == NULL)
		return;
	buf_clear(&b->work);
	jsonw_init(&w, &b->work);
	jsonw_open(&w, '{');
	jsonw_key(&w, "type");
	jsonw_cstr(&w, type);
	if (strcmp(type, "tool") == 0) {
		jsonw_key(&w, "name");
		jsonw_raw(&w, c->name.value);
	}
	if (parallel.type == SKIM_FALSE && strcmp(type, "none") != 0) {
		jsonw_key(&w, "disable_parallel_tool_use");
		jsonw_bool(&w, true);
	}
	jsonw_close(&w, '}');
	anthropic_put(b, "tool_choice", buf_str(&b->work));
}

/* ---- structured output by a tool --------------------------------------- */

static void
write_json_tool(struct anthropic_body *b, struct jsonw *w)
{
	struct skim_value schema = pick_one(&b->json_schema, "schema");
	struct skim_value description =
	    pick_one(&b->json_schema, "description");

	jsonw_open(w, '{');
	jsonw_key(w, "name");
	jsonw_cstr(w, ANTHROPIC_JSON_TOOL);
	jsonw_key(w, "description");
	if (pick_is_empty(&description))
		jsonw_cstr(w, "Gives the answer. Its input is the answer.");
	else
		jsonw_raw(w, description.value);
	write_input_schema(&schema, w);
	jsonw_close(w, '}');
}

/* With tools of the client's beside it any of them will do; explicit thinking
   and a forced tool exclude each other. */
static void
choose_json_tool(struct anthropic_body *b, struct choice *c, bool alone)
{
	struct skim_value thinking = anthropic_param(b, "thinking");

	if (c->type != NULL && strcmp(c->type, "auto") != 0)
		return; /* the client's own choice */
	if (thinking.type == SKIM_OBJECT || !b->claude->can_force_tool)
		return;
	c->type = alone ? "tool" : "any";
	c->name.type = SKIM_STRING;
	c->name.value = str_of("\"" ANTHROPIC_JSON_TOOL "\"");
}

static void
read_format(struct anthropic_body *b)
{
	struct skim_value format = anthropic_param(b, "response_format");
	struct skim_value type = pick_one(&format, "type");

	b->json_schema = pick_one(&format, "json_schema");
	if (skim_string_is(&type, "json_object"))
		b->json = JSON_OBJECT;
	else if (skim_string_is(&type, "json_schema"))
		b->json = b->claude->has_schema ? JSON_NATIVE : JSON_TOOL;
}

/* Always-thinking models take no forced tool. */
static void
mend_forced(struct anthropic_body *b, struct choice *c)
{
	if (!is_forced(c) || b->claude->can_force_tool)
		return;
	if (param_rules_refuse(&b->rules, str_of("tool_choice")))
		c->type = "auto";
}

int
anthropic_tools_write(struct anthropic_body *b)
{
	struct choice c;
	struct jsonw w;
	struct buf tools;
	int result = -1;

	read_format(b);
	if (read_choice(b, &c) != 0)
		return -1;
	buf_init(&tools, b->out.max);
	jsonw_init(&w, &tools);
	jsonw_open(&w, '[');
	if (write_tools(b, &c, &w) == 0) {
		mend_forced(b, &c);
		if (b->json == JSON_TOOL) {
			choose_json_tool(b, &c, tools.len == 1);
			write_json_tool(b, &w);
		}
		if (tools.len == 1 && b->past_tools.len > 0) {
			jsonw_raw(&w, buf_str(&b->past_tools));
			c.type = "none";
		}
		jsonw_close(&w, ']');
		b->forces_tool = tools.len > 2 && is_forced(&c);
		if (tools.len > 2) {
			anthropic_put(b, "tools", buf_str(&tools));
			write_choice(b, &c);
		}
		result = 0;
	}
	b->out.overflowed |= tools.overflowed;
	buf_fini(&tools);
	return result;
}
