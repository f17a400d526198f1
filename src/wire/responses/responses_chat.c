/*
 * The parameters of a Responses request in a chat. See responses_chat.h; the
 * input's items have a file of their own.
 */
#include "wire/responses/responses_chat.h"

#include "wire/openai/openai_params.h"

/* Blanks of JSON beside what the client wrote. */
#define ROOM_FACTOR 4
#define ROOM_MORE   (64 * 1024)

/* Who has price tiers by this name. */
#define TAKES_TIER "openai azure anthropic groq openrouter"
/* To whom an id of the end user says something. */
#define TAKES_USER "openai azure anthropic openrouter"

enum fate {
	FATE_MAPPED, /* below, by its own function */
	FATE_COPY,
	FATE_DROP,   /* about the API's own service */
	FATE_REFUSE, /* changes what is answered: dropped with drop_params */
	FATE_STATE,  /* what only a provider that keeps it knows: refused */
};

static const struct {
	const char *name;
	enum fate fate;
} params[] = {
	{ "model", FATE_MAPPED },
	{ "input", FATE_MAPPED },
	{ "instructions", FATE_MAPPED },
	{ "max_output_tokens", FATE_MAPPED },
	{ "text", FATE_MAPPED },
	{ "reasoning", FATE_MAPPED },
	{ "tools", FATE_MAPPED },
	{ "tool_choice", FATE_MAPPED },
	{ "parallel_tool_calls", FATE_MAPPED },
	{ "safety_identifier", FATE_MAPPED },
	{ "service_tier", FATE_MAPPED },
	{ "truncation", FATE_MAPPED },
	{ "background", FATE_MAPPED },
	{ "top_logprobs", FATE_MAPPED },
	{ "temperature", FATE_COPY },
	{ "top_p", FATE_COPY },
	{ "stream", FATE_COPY },
	{ "user", FATE_COPY },
	{ "metadata", FATE_DROP },
	{ "store", FATE_DROP },
	{ "include", FATE_DROP },
	{ "stream_options", FATE_DROP },
	{ "max_tool_calls", FATE_DROP },
	{ "prompt_cache_key", FATE_DROP },
	{ "prompt_cache_options", FATE_DROP },
	{ "prompt_cache_retention", FATE_DROP },
	{ "context_management", FATE_REFUSE },
	{ "moderation", FATE_REFUSE },
	{ "previous_response_id", FATE_STATE },
	{ "conversation", FATE_STATE },
	{ "prompt", FATE_STATE },
};

static enum fate
fate_of(struct str key)
{
	for (size_t i = 0; i < ARRAY_LEN(params); i++) {
		if (str_is(key, params[i].name))
			return params[i].fate;
	}
	return FATE_COPY; /* the provider's own: let it say */
}

/* Absent when it is null. */
static struct skim_value
param(const struct responses_chat *m, const char *name)
{
	const struct wire_member *member =
	    wire_request_member(m->r, str_of(name));
	struct skim_value v = { .type = SKIM_ABSENT };

	if (member != NULL && member->at.type != SKIM_NULL)
		v = member->at;
	return v;
}

static bool
is_listed(const struct responses_chat *m, const char *providers)
{
	return param_is_listed(providers, str_of(m->provider));
}

int
responses_chat_refuse(struct responses_chat *m, const char *what)
{
	if (m->drop)
		return 0;
	return err_set(m->err, ERR_BAD_REQUEST,
	    "%s does not support %s, for model=%s. To drop it, set "
	    "`litellm_settings: drop_params: true`, or drop_params in the "
	    "request",
	    m->provider, what, m->model);
}

static int
refuse_state(struct responses_chat *m, const char *what)
{
	return err_set(m->err, ERR_BAD_REQUEST,
	    "'%s' needs a provider that keeps responses, which %s (model=%s) "
	    "does not: send the whole conversation as input",
	    what, m->provider, m->model);
}

static int
write_members(struct responses_chat *m)
{
	for (size_t i = 0; i < m->r->member_count; i++) {
		const struct wire_member *member = &m->r->members[i];
		const char *name;

		if (member->cut || member->at.type == SKIM_NULL)
			continue;
		name = arena_strndup(m->arena, member->key.p, member->key.n);
		switch (fate_of(member->key)) {
		case FATE_COPY:
			if (str_is(member->key, "user") &&
			    !is_listed(m, TAKES_USER))
				break;
			jsonw_key(&m->w, name);
			jsonw_raw(&m->w, member->at.value);
			break;
		case FATE_REFUSE:
			if (responses_chat_refuse(m, name) != 0)
				return -1;
			break;
		case FATE_STATE:
			return refuse_state(m, name);
		case FATE_MAPPED:
		case FATE_DROP:
			break;
		}
	}
	return 0;
}

/* ---- tools ------------------------------------------------------------- */

/* tool_choice {type: allowed_tools, mode, tools}: the others are not sent. */
static bool
is_allowed(const struct skim_value *choice, const struct skim_value *tool)
{
	struct skim_value type = pick_one(choice, "type");
	struct skim_value list = pick_one(choice, "tools"), v;
	struct skim_value name = pick_one(tool, "name");
	struct skim_iter it;
	struct str key;

	if (!skim_string_is(&type, "allowed_tools") || list.type != SKIM_ARRAY)
		return true;
	skim_iter_init(&it, list.value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		v = pick_one(&v, "name");
		if (str_eq(v.value, name.value))
			return true;
	}
	return false;
}

static void
write_function(struct responses_chat *m, const struct skim_value *tool)
{
	struct skim_value name, description, schema, strict;
	const struct skim_wanted wanted[] = { { "name", &name },
		{ "description", &description }, { "parameters", &schema },
		{ "strict", &strict } };
	struct jsonw *w = &m->w;

	pick(tool, wanted, ARRAY_LEN(wanted));
	jsonw_open(w, '{');
	jsonw_key(w, "type");
	jsonw_cstr(w, "function");
	jsonw_key(w, "function");
	jsonw_open(w, '{');
	jsonw_key(w, "name");
	jsonw_raw(w, name.type == SKIM_STRING ? name.value : str_of("\"\""));
	if (!pick_is_empty(&description)) {
		jsonw_key(w, "description");
		jsonw_raw(w, description.value);
	}
	jsonw_key(w, "parameters");
	jsonw_raw(w, schema.type == SKIM_OBJECT ? schema.value : str_of("{}"));
	if (strict.type == SKIM_TRUE) {
		jsonw_key(w, "strict");
		jsonw_bool(w, true);
	}
	jsonw_close(w, '}');
	jsonw_close(w, '}');
}

static int
refuse_tool(struct responses_chat *m, const struct skim_value *type)
{
	struct str name = pick_text(type, m->arena);

	return responses_chat_refuse(m,
	    arena_printf(m->arena, "tools of type \"%.*s\"",
		name.n > 40 ? 40 : (int)name.n, name.p));
}

static int
write_choice(struct responses_chat *m, const struct skim_value *choice)
{
	struct skim_value type, name, mode;
	const struct skim_wanted wanted[] = { { "type", &type },
		{ "name", &name }, { "mode", &mode } };
	struct jsonw *w = &m->w;

	pick(choice, wanted, ARRAY_LEN(wanted));
	if (choice->type == SKIM_STRING) {
		jsonw_key(w, "tool_choice");
		jsonw_raw(w, choice->value);
	} else if (skim_string_is(&type, "allowed_tools")) {
		jsonw_key(w, "tool_choice");
		jsonw_raw(w,
		    mode.type == SKIM_STRING ? mode.value : str_of("\"auto\""));
	} else if (skim_string_is(&type, "function")) {
		jsonw_key(w, "tool_choice");
		jsonw_open(w, '{');
		jsonw_key(w, "type");
		jsonw_cstr(w, "function");
		jsonw_key(w, "function");
		jsonw_open(w, '{');
		jsonw_key(w, "name");
		jsonw_raw(w,
		    name.type == SKIM_STRING ? name.value : str_of("\"\""));
		jsonw_close(w, '}');
		jsonw_close(w, '}');
	} else if (choice->type == SKIM_OBJECT) {
		return refuse_tool(m, &type);
	}
	return 0;
}

static int
write_tools(struct responses_chat *m)
{
	struct skim_value tools = param(m, "tools"), v, type;
	struct skim_value choice = param(m, "tool_choice");
	struct skim_value parallel = param(m, "parallel_tool_calls");
	struct skim_iter it;
	struct str key;
	bool any = false;

	if (tools.type != SKIM_ARRAY)
		return 0;
	skim_iter_init(&it, tools.value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		type = pick_one(&v, "type");
		if (!skim_string_is(&type, "function")) {
			if (refuse_tool(m, &type) != 0)
				return -1;
			continue;
		}
		if (!is_allowed(&choice, &v))
			continue;
		if (!any) {
			jsonw_key(&m->w, "tools");
			jsonw_open(&m->w, '[');
		}
		any = true;
		write_function(m, &v);
	}
	if (!any)
		return 0;
	jsonw_close(&m->w, ']');
	if (parallel.type == SKIM_FALSE) {
		jsonw_key(&m->w, "parallel_tool_calls");
		jsonw_bool(&m->w, false);
	}
	return write_choice(m, &choice);
}

/* ---- the other parameters ---------------------------------------------- */

/* text.format: the same words, one level less. */
static void
write_format(struct responses_chat *m)
{
	struct skim_value text = param(m, "text");
	struct skim_value format = pick_one(&text, "format"), v;
	struct skim_value type = pick_one(&format, "type");
	static const char *const inside[] = { "name", "description", "schema",
		"strict" };
	bool schema = skim_string_is(&type, "json_schema");
	struct jsonw *w = &m->w;

	if (!schema && !skim_string_is(&type, "json_object"))
		return;
	jsonw_key(w, "response_format");
	jsonw_open(w, '{');
	jsonw_key(w, "type");
	jsonw_raw(w, type.value);
	if (schema) {
		jsonw_key(w, "json_schema");
		jsonw_open(w, '{');
		for (size_t i = 0; i < ARRAY_LEN(inside); i++) {
			v = pick_one(&format, inside[i]);
			if (v.type == SKIM_ABSENT)
				continue;
			jsonw_key(w, inside[i]);
			jsonw_raw(w, v.value);
		}
		jsonw_close(w, '}');
	}
	jsonw_close(w, '}');
}

static void
write_thought(struct responses_chat *m)
{
	struct skim_value reasoning = param(m, "reasoning");
	struct skim_value effort = pick_one(&reasoning, "effort");
	struct skim_value text = param(m, "text");
	struct skim_value verbosity = pick_one(&text, "verbosity");

	if (effort.type == SKIM_STRING &&
	    param_takes_effort(m->choice->deployment, m->model)) {
		jsonw_key(&m->w, "reasoning_effort");
		jsonw_raw(&m->w, effort.value);
	}
	if (verbosity.type == SKIM_STRING && is_listed(m, "openai azure")) {
		jsonw_key(&m->w, "verbosity");
		jsonw_raw(&m->w, verbosity.value);
	}
}

static int
write_rest(struct responses_chat *m)
{
	struct skim_value limit = param(m, "max_output_tokens");
	struct skim_value tier = param(m, "service_tier");
	struct skim_value person = param(m, "safety_identifier");
	struct skim_value truncation = param(m, "truncation");
	struct skim_value logprobs = param(m, "top_logprobs");
	int64_t n;

	if (limit.type != SKIM_ABSENT) {
		jsonw_key(&m->w, "max_tokens");
		jsonw_raw(&m->w, limit.value);
	}
	if (tier.type == SKIM_STRING && is_listed(m, TAKES_TIER)) {
		jsonw_key(&m->w, "service_tier");
		jsonw_raw(&m->w, tier.value);
	}
	if (person.type == SKIM_STRING && is_listed(m, TAKES_USER)) {
		jsonw_key(&m->w, "safety_identifier");
		jsonw_raw(&m->w, person.value);
	}
	if (skim_string_is(&truncation, "auto") &&
	    responses_chat_refuse(m, "truncation: \"auto\"") != 0)
		return -1;
	if (logprobs.type == SKIM_NUMBER &&
	    (skim_int(&logprobs, &n) != 0 || n != 0) &&
	    responses_chat_refuse(m, "top_logprobs") != 0)
		return -1;
	return m->r->background ? refuse_state(m, "background") : 0;
}

static int
write_body(struct responses_chat *m)
{
	jsonw_open(&m->w, '{');
	jsonw_key(&m->w, "model");
	jsonw_raw(&m->w, m->r->model_at.value);
	if (write_members(m) != 0 || responses_items_write(m) != 0 ||
	    write_tools(m) != 0 || write_rest(m) != 0)
		return -1;
	write_format(m);
	write_thought(m);
	jsonw_close(&m->w, '}');
	if (m->out.overflowed)
		return err_set(m->err, ERR_BAD_REQUEST,
		    "the request becomes too large when it is put into a "
		    "chat's form");
	return 0;
}

int
responses_chat_write(const struct wire_request *r,
    const struct wire_choice *choice, struct arena *arena,
    struct wire_request *chat_r, struct err *err)
{
	struct responses_chat m = { .r = r, .choice = choice, .err = err };
	struct param_rules rules;
	const char *ignored;
	struct str body;
	int result;

	m.arena = arena;
	param_rules_init(&rules, r, choice);
	m.drop = rules.drop;
	m.model = rules.model;
	m.provider = choice->deployment->provider->prefix;
	param_rules_fini(&rules);
	buf_init(&m.out, ROOM_FACTOR * r->body.n + ROOM_MORE);
	jsonw_init(&m.w, &m.out);
	result = write_body(&m);
	body = result == 0 ? arena_str(arena, buf_str(&m.out)) : str_of("");
	buf_fini(&m.out);
	if (result != 0 || wire_request_parse(WIRE_CHAT, body, arena, chat_r,
			       &ignored, err) != 0)
		return -1;
	chat_r->drop_params = r->drop_params;
	chat_r->additional_drop_params = r->additional_drop_params;
	chat_r->allowed_openai_params = r->allowed_openai_params;
	return 0;
}
