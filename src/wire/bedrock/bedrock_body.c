/* Anthropic's parameters as Converse has them. See bedrock_body.h. */
#include "wire/bedrock/bedrock_body.h"

#include "base/jsonw.h"
#include "wire/anthropic/claude.h"
#include "wire/openai/openai_params.h"
#include "wire/pick.h"

/* Names are longer there; blocks get an object around them. */
#define ROOM_FACTOR 4
#define ROOM_MORE   (64 * 1024)

enum fate {
	FATE_MAPPED, /* below, by its own function */
	FATE_OWN,    /* Converse's own: as it is */
	FATE_DROP,   /* about Anthropic's own service */
	FATE_MODEL,  /* for the model: additionalModelRequestFields */
	FATE_CLAUDE, /* the same, when it is Claude; else left out */
};

static const struct {
	const char *name;
	enum fate fate;
} params[] = {
	{ "model", FATE_MAPPED },
	{ "messages", FATE_MAPPED },
	{ "system", FATE_MAPPED },
	{ "max_tokens", FATE_MAPPED },
	{ "temperature", FATE_MAPPED },
	{ "top_p", FATE_MAPPED },
	{ "stop_sequences", FATE_MAPPED },
	{ "tools", FATE_MAPPED },
	{ "tool_choice", FATE_MAPPED },
	{ "output_config", FATE_MAPPED },
	{ "stream", FATE_MAPPED }, /* says the path */
	{ "additionalModelRequestFields", FATE_MAPPED },
	{ "guardrailConfig", FATE_OWN },
	{ "promptVariables", FATE_OWN },
	{ "additionalModelResponseFieldPaths", FATE_OWN },
	{ "requestMetadata", FATE_OWN },
	{ "performanceConfig", FATE_OWN },
	{ "serviceTier", FATE_OWN },
	{ "outputConfig", FATE_OWN },
	{ "metadata", FATE_DROP },
	{ "service_tier", FATE_DROP },
	{ "cache_control", FATE_DROP },
	{ "inference_geo", FATE_DROP },
	{ "speed", FATE_DROP },
	{ "diagnostics", FATE_DROP },
	{ "container", FATE_DROP },
	{ "mcp_servers", FATE_DROP },
	{ "thinking", FATE_CLAUDE },
	{ "top_k", FATE_CLAUDE },
	{ "context_management", FATE_CLAUDE },
};

static enum fate
fate_of(struct str key)
{
	for (size_t i = 0; i < ARRAY_LEN(params); i++) {
		if (str_is(key, params[i].name))
			return params[i].fate;
	}
	return FATE_MODEL;
}

/* ---- turns -------------------------------------------------------------- */

static void
open_turn(const char *role, struct jsonw *w)
{
	jsonw_open(w, '{');
	jsonw_key(w, "role");
	jsonw_cstr(w, role);
	jsonw_key(w, "content");
	jsonw_open(w, '[');
}

static void
close_turn(struct jsonw *w)
{
	jsonw_close(w, ']');
	jsonw_close(w, '}');
}

/* *open: whose turn is being written; NULL none yet. */
static int
write_turn(struct bedrock_body *b, const struct skim_value *turn, size_t i,
    const char **open, struct jsonw *w)
{
	const char *role = bedrock_turn_role(turn);
	char where[32];

	snprintf(where, sizeof(where), "messages[%zu]", i);
	if (role == NULL)
		return err_set(b->err, ERR_BAD_REQUEST,
		    "%s: role must be user, assistant or system", where);
	if (*open == NULL || strcmp(*open, role) != 0) {
		if (*open != NULL)
			close_turn(w);
		open_turn(role, w);
	}
	*open = role;
	return bedrock_turn_write(b, turn, where, w);
}

/* Turns of one side behind each other are one: Converse wants them to
   alternate, Anthropic joins them itself. */
static int
write_turns(struct bedrock_body *b, const struct skim_value *messages,
    struct jsonw *w)
{
	const char *open = NULL;
	struct skim_iter it;
	struct skim_value v;
	struct str key;
	size_t i = 0;

	jsonw_put_open(w, "messages", '[');
	if (messages->type == SKIM_ARRAY) {
		skim_iter_init(&it, messages->value);
		it.max_depth = SKIM_TOP_DEPTH;
		while (skim_iter_next(&it, &key, &v) == 1) {
			if (write_turn(b, &v, i++, &open, w) != 0)
				return -1;
		}
	}
	if (open != NULL)
		close_turn(w);
	jsonw_close(w, ']');
	return 0;
}

static int
write_system(struct bedrock_body *b, const struct skim_value *system,
    struct jsonw *w)
{
	if (system->type != SKIM_ARRAY && pick_is_empty(system))
		return 0;
	jsonw_put_open(w, "system", '[');
	if (bedrock_system_write(b, system, w) != 0)
		return -1;
	jsonw_close(w, ']');
	return 0;
}

/* ---- tools -------------------------------------------------------------- */

static void
write_tool(const struct skim_value *tool, struct jsonw *w)
{
	struct skim_value name, description, schema, strict;
	const struct skim_wanted wanted[] = { { "name", &name },
		{ "description", &description }, { "input_schema", &schema },
		{ "strict", &strict } };

	pick(tool, wanted, ARRAY_LEN(wanted));
	jsonw_open(w, '{');
	jsonw_put_open(w, "toolSpec", '{');
	jsonw_key(w, "name");
	jsonw_raw(w, name.type == SKIM_STRING ? name.value : str_of("\"\""));
	if (!pick_is_empty(&description)) {
		jsonw_key(w, "description");
		jsonw_raw(w, description.value);
	}
	jsonw_put_open(w, "inputSchema", '{');
	jsonw_key(w, "json");
	jsonw_raw(w, schema.value);
	jsonw_close(w, '}');
	if (strict.type == SKIM_TRUE) {
		jsonw_key(w, "strict");
		jsonw_bool(w, true);
	}
	jsonw_close(w, '}');
	jsonw_close(w, '}');
	bedrock_cache_write(tool, w);
}

/* Converse has no word for one call at a time. Claude takes Anthropic's, from
   4.5 on and where the choice is its own (BerriAI/litellm issue 22637). */
static bool
asks_one_call(const struct bedrock_body *b, const struct skim_value *choice)
{
	struct skim_value type = pick_one(choice, "type");
	struct skim_value one = pick_one(choice, "disable_parallel_tool_use");

	return b->takes_one_call && one.type == SKIM_TRUE &&
	       skim_string_is(&type, "auto");
}

/* Converse has no "none". The tools cannot go where the conversation used
   them, so the choice is the model's then. */
static void
write_choice(const struct bedrock_body *b, const struct skim_value *choice,
    struct jsonw *w)
{
	struct skim_value type = pick_one(choice, "type");
	struct skim_value name = pick_one(choice, "name");
	bool any = skim_string_is(&type, "any");
	bool tool = skim_string_is(&type, "tool");

	if ((!any && !tool && !skim_string_is(&type, "auto")) ||
	    asks_one_call(b, choice))
		return;
	jsonw_put_open(w, "toolChoice", '{');
	jsonw_put_open(w, tool ? "tool" : any ? "any" : "auto", '{');
	if (tool) {
		jsonw_key(w, "name");
		jsonw_raw(w,
		    name.type == SKIM_STRING ? name.value : str_of("\"\""));
	}
	jsonw_close(w, '}');
	jsonw_close(w, '}');
}

/* A turn holds calls or results: tools must be told then. */
static bool
has_calls(const struct skim_value *messages)
{
	return messages->type == SKIM_ARRAY &&
	       (str_find(messages->value, "\"tool_use\"") >= 0 ||
		   str_find(messages->value, "\"tool_result\"") >= 0);
}

static int
write_given_tools(struct bedrock_body *b, const struct skim_value *tools,
    struct jsonw *w)
{
	struct skim_value v, schema;
	struct skim_iter it;
	struct str key;

	if (tools->type != SKIM_ARRAY)
		return 0;
	skim_iter_init(&it, tools->value);
	it.max_depth = SKIM_TOP_DEPTH;
	while (skim_iter_next(&it, &key, &v) == 1) {
		schema = pick_one(&v, "input_schema");
		if (schema.type == SKIM_OBJECT) {
			write_tool(&v, w);
		} else if (!b->drop) {
			return err_set(b->err, ERR_BAD_REQUEST,
			    "bedrock does not support tools that run at "
			    "Anthropic. To drop them, set `litellm_settings: "
			    "drop_params: true`, or drop_params in the "
			    "request");
		}
	}
	return 0;
}

/* A tool for the call's name, once. */
static void
write_past_tool(const struct skim_value *call, struct jsonw *w)
{
	struct skim_value type = pick_one(call, "type");
	struct skim_value name = pick_one(call, "name");
	struct buf tool;
	struct jsonw t;

	if (!skim_string_is(&type, "tool_use") || pick_is_empty(&name))
		return;
	buf_init(&tool, w->out->max);
	jsonw_init(&t, &tool);
	buf_add_cstr(&tool, "{\"toolSpec\":{\"name\":");
	buf_add_str(&tool, name.value);
	buf_add_cstr(&tool, ",\"inputSchema\":{\"json\":{\"type\":\"object\","
			    "\"properties\":{}}}}}");
	if (str_find(buf_str(w->out), buf_cstr(&tool)) < 0)
		jsonw_raw(w, buf_str(&tool));
	w->out->overflowed |= tool.overflowed;
	buf_fini(&tool);
}

/* Converse refuses a conversation with calls in it when no tools are told;
   Anthropic does not. */
static void
write_past_tools(const struct skim_value *messages, struct jsonw *w)
{
	struct skim_iter turns, blocks;
	struct skim_value turn, content, block;
	struct str key;

	skim_iter_init(&turns, messages->value);
	turns.max_depth = SKIM_TOP_DEPTH;
	while (skim_iter_next(&turns, &key, &turn) == 1) {
		content = pick_one(&turn, "content");
		if (content.type != SKIM_ARRAY)
			continue;
		skim_iter_init(&blocks, content.value);
		while (skim_iter_next(&blocks, &key, &block) == 1)
			write_past_tool(&block, w);
	}
}

static int
write_tools(struct bedrock_body *b, const struct skim_value *tools,
    const struct skim_value *choice, const struct skim_value *messages,
    struct jsonw *w)
{
	struct skim_value type = pick_one(choice, "type");
	bool calls = has_calls(messages), given;
	struct buf list;
	struct jsonw l;
	int result = 0;

	if (skim_string_is(&type, "none") && !calls)
		return 0;
	buf_init(&list, b->out.max);
	jsonw_init(&l, &list);
	result = write_given_tools(b, tools, &l);
	given = list.len > 0;
	if (calls && !given)
		write_past_tools(messages, &l);
	if (result == 0 && list.len > 0) {
		jsonw_put_open(w, "toolConfig", '{');
		jsonw_put_open(w, "tools", '[');
		jsonw_raw(w, buf_str(&list));
		jsonw_close(w, ']');
		if (given)
			write_choice(b, choice, w);
		jsonw_close(w, '}');
		b->has_tools = given;
	}
	b->out.overflowed |= list.overflowed;
	buf_fini(&list);
	return result;
}

/* ---- parameters --------------------------------------------------------- */

static void
write_inference(const struct skim_value *root, struct jsonw *w)
{
	static const char *const rows[][2] = { { "max_tokens", "maxTokens" },
		{ "temperature", "temperature" }, { "top_p", "topP" },
		{ "stop_sequences", "stopSequences" } };
	struct skim_value v;

	jsonw_put_open(w, "inferenceConfig", '{');
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		v = pick_one(root, rows[i][0]);
		if (v.type == SKIM_ABSENT)
			continue;
		jsonw_key(w, rows[i][1]);
		jsonw_raw(w, v.value);
	}
	jsonw_close(w, '}');
}

/* Structured output: the schema as text. */
static void
write_output_config(const struct skim_value *config, struct jsonw *w)
{
	struct skim_value effort = pick_one(config, "effort");
	struct skim_value format = pick_one(config, "format");
	struct skim_value schema = pick_one(&format, "schema");

	if (effort.type != SKIM_STRING && schema.type != SKIM_OBJECT)
		return;
	jsonw_put_open(w, "outputConfig", '{');
	if (schema.type == SKIM_OBJECT) {
		jsonw_put_open(w, "textFormat", '{');
		jsonw_key(w, "type");
		jsonw_cstr(w, "json_schema");
		jsonw_put_open(w, "structure", '{');
		jsonw_put_open(w, "jsonSchema", '{');
		jsonw_key(w, "name");
		jsonw_cstr(w, "answer");
		jsonw_key(w, "schema");
		jsonw_str(w, schema.value);
		jsonw_close(w, '}');
		jsonw_close(w, '}');
		jsonw_close(w, '}');
	}
	if (effort.type == SKIM_STRING) {
		jsonw_key(w, "effort");
		jsonw_raw(w, effort.value);
	}
	jsonw_close(w, '}');
}

/* Members of one fate, behind each other. */
static bool
write_fate(const struct bedrock_body *b, const struct skim_value *root,
    bool own, struct jsonw *w)
{
	struct skim_iter it;
	struct skim_value v;
	struct str key;
	bool any = false;

	skim_iter_init(&it, root->value);
	it.max_depth = SKIM_TOP_DEPTH;
	while (skim_iter_next(&it, &key, &v) == 1) {
		enum fate fate = fate_of(key);
		bool model =
		    fate == FATE_MODEL || (fate == FATE_CLAUDE && b->is_claude);

		if (v.type == SKIM_NULL || !(own ? fate == FATE_OWN : model))
			continue;
		jsonw_key(w, arena_strndup(b->arena, key.p, key.n));
		jsonw_raw(w, v.value);
		any = true;
	}
	return any;
}

/* What is for the model alone, with what the request says of it itself. */
static void
write_more(struct bedrock_body *b, const struct skim_value *root,
    const struct skim_value *choice, struct jsonw *w)
{
	struct skim_value given =
	    pick_one(root, "additionalModelRequestFields");
	struct buf fields;
	struct jsonw f;
	bool any;

	buf_init(&fields, b->out.max);
	jsonw_init(&f, &fields);
	any = write_fate(b, root, false, &f);
	if (b->has_tools && asks_one_call(b, choice)) {
		jsonw_key(&f, "tool_choice");
		jsonw_raw(&f, str_of("{\"type\":\"auto\","
				     "\"disable_parallel_tool_use\":true}"));
		any = true;
	}
	if (given.type == SKIM_OBJECT && given.count > 0) {
		if (any)
			buf_add_char(&fields, ',');
		buf_add(&fields, given.value.p + 1, given.value.n - 2);
		any = true;
	}
	if (any) {
		jsonw_put_open(w, "additionalModelRequestFields", '{');
		jsonw_raw(w, buf_str(&fields));
		jsonw_close(w, '}');
	}
	b->out.overflowed |= fields.overflowed;
	buf_fini(&fields);
}

static int
write_body(struct bedrock_body *b, const struct skim_value *root,
    struct jsonw *w)
{
	struct skim_value messages, system, tools, choice, config;
	const struct skim_wanted wanted[] = { { "messages", &messages },
		{ "system", &system }, { "tools", &tools },
		{ "tool_choice", &choice }, { "output_config", &config } };

	pick(root, wanted, ARRAY_LEN(wanted));
	jsonw_open(w, '{');
	if (write_turns(b, &messages, w) != 0 ||
	    write_system(b, &system, w) != 0)
		return -1;
	write_inference(root, w);
	if (write_tools(b, &tools, &choice, &messages, w) != 0)
		return -1;
	write_output_config(&config, w);
	write_fate(b, root, true, w);
	write_more(b, root, &choice, w);
	jsonw_close(w, '}');
	return 0;
}

int
bedrock_body_write(struct str messages, const struct wire_request *r,
    const struct wire_choice *choice, struct arena *arena, struct str *body_r,
    struct err *err)
{
	struct bedrock_body b = { .choice = choice, .arena = arena };
	struct skim_value root = pick_root(messages);
	struct param_rules rules;
	struct str model;
	struct jsonw w;
	int result;

	b.err = err;
	param_rules_init(&rules, r, choice);
	b.drop = rules.drop;
	/* An ARN says nothing about the model: base_model does. */
	model = str_of(param_family(choice->deployment, rules.model));
	b.is_claude = str_find_nocase(model, "claude") >= 0;
	b.takes_one_call = b.is_claude && claude_find(model)->one_call;
	param_rules_fini(&rules);
	buf_init(&b.out, ROOM_FACTOR * messages.n + ROOM_MORE);
	jsonw_init(&w, &b.out);
	result = write_body(&b, &root, &w);
	if (result == 0 && b.out.overflowed)
		result = err_set(err, ERR_BAD_REQUEST,
		    "the request becomes too large when it is put into "
		    "Bedrock's form");
	if (result == 0)
		*body_r = arena_str(arena, buf_str(&b.out));
	buf_fini(&b.out);
	return result;
}
