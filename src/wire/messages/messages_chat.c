/*
 * The parameters of a Messages request in a chat. See messages_chat.h; the
 * messages have a file of their own.
 */
#include "wire/messages/messages_chat.h"

#include "wire/openai/openai_params.h"

/* Blanks of JSON beside what the client wrote. */
#define ROOM_FACTOR 4
#define ROOM_MORE   (64 * 1024)

#define MAX_STOPS 4 /* OpenAI takes no more */

/* Longer user ids are refused there. */
#define USER_BYTES 64

/* Servers of open models, which sample by top_k too. */
#define TAKES_TOP_K                                                            \
	"hosted_vllm vllm openrouter together_ai fireworks_ai deepinfra "      \
	"ollama ollama_chat"

enum fate {
	FATE_MAPPED, /* below, by its own function */
	FATE_COPY,
	FATE_DROP,   /* about Anthropic's own service */
	FATE_REFUSE, /* changes what is answered: dropped with drop_params */
};

static const struct {
	const char *name;
	enum fate fate;
} params[] = {
	{ "model", FATE_MAPPED },
	{ "messages", FATE_MAPPED },
	{ "system", FATE_MAPPED },
	{ "max_tokens", FATE_COPY },
	{ "temperature", FATE_COPY },
	{ "top_p", FATE_COPY },
	{ "stream", FATE_COPY },
	{ "top_k", FATE_MAPPED },
	{ "stop_sequences", FATE_MAPPED },
	{ "tools", FATE_MAPPED },
	{ "tool_choice", FATE_MAPPED },
	{ "thinking", FATE_MAPPED },
	{ "output_config", FATE_MAPPED },
	{ "metadata", FATE_MAPPED },
	{ "service_tier", FATE_MAPPED },
	{ "speed", FATE_DROP },
	{ "inference_geo", FATE_DROP },
	{ "cache_control", FATE_DROP },
	{ "context_management", FATE_DROP },
	{ "diagnostics", FATE_DROP },
	{ "betas", FATE_DROP },
	{ "container", FATE_REFUSE },
	{ "mcp_servers", FATE_REFUSE },
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
param(const struct messages_chat *m, const char *name)
{
	const struct wire_member *member =
	    wire_request_member(m->r, str_of(name));
	struct skim_value v = { .type = SKIM_ABSENT };

	if (member != NULL && member->at.type != SKIM_NULL)
		v = member->at;
	return v;
}

static bool
is_openai(const struct messages_chat *m)
{
	return param_is_listed("openai azure", str_of(m->provider));
}

static int
refuse(struct messages_chat *m, const char *what)
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
write_members(struct messages_chat *m)
{
	for (size_t i = 0; i < m->r->member_count; i++) {
		const struct wire_member *member = &m->r->members[i];
		const char *name;

		if (member->cut || member->at.type == SKIM_NULL)
			continue;
		name = arena_strndup(m->arena, member->key.p, member->key.n);
		switch (fate_of(member->key)) {
		case FATE_COPY:
			jsonw_key(&m->w, name);
			jsonw_raw(&m->w, member->at.value);
			break;
		case FATE_REFUSE:
			if (refuse(m, name) != 0)
				return -1;
			break;
		case FATE_MAPPED:
		case FATE_DROP:
			break;
		}
	}
	return 0;
}

/* ---- tools ------------------------------------------------------------- */

static void
write_function(struct messages_chat *m, const struct skim_value *tool)
{
	struct skim_value name, description, schema, strict;
	const struct skim_wanted wanted[] = { { "name", &name },
		{ "description", &description }, { "input_schema", &schema },
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

/* Tools with a schema are functions; the others run at Anthropic. */
static bool
is_function(const struct skim_value *tool)
{
	struct skim_value schema = pick_one(tool, "input_schema");

	return schema.type == SKIM_OBJECT;
}

static int
count_functions(struct messages_chat *m, const struct skim_value *tools,
    size_t *count_r)
{
	struct skim_iter it;
	struct skim_value v;
	struct str key;

	*count_r = 0;
	if (tools->type != SKIM_ARRAY)
		return 0;
	skim_iter_init(&it, tools->value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		if (is_function(&v))
			(*count_r)++;
		else if (refuse(m, "tools that run at Anthropic") != 0)
			return -1;
	}
	return 0;
}

static int
write_choice(struct messages_chat *m)
{
	struct skim_value choice = param(m, "tool_choice"), type, name, single;
	const struct skim_wanted wanted[] = { { "type", &type },
		{ "name", &name }, { "disable_parallel_tool_use", &single } };
	static const char *const words[][2] = { { "auto", "auto" },
		{ "any", "required" }, { "none", "none" } };

	if (choice.type != SKIM_OBJECT)
		return 0;
	pick(&choice, wanted, ARRAY_LEN(wanted));
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (!skim_string_is(&type, words[i][0]))
			continue;
		jsonw_key(&m->w, "tool_choice");
		jsonw_cstr(&m->w, words[i][1]);
	}
	if (skim_string_is(&type, "tool") && name.type == SKIM_STRING) {
		jsonw_key(&m->w, "tool_choice");
		jsonw_open(&m->w, '{');
		jsonw_key(&m->w, "type");
		jsonw_cstr(&m->w, "function");
		jsonw_key(&m->w, "function");
		jsonw_open(&m->w, '{');
		jsonw_key(&m->w, "name");
		jsonw_raw(&m->w, name.value);
		jsonw_close(&m->w, '}');
		jsonw_close(&m->w, '}');
	}
	if (single.type == SKIM_TRUE) {
		jsonw_key(&m->w, "parallel_tool_calls");
		jsonw_bool(&m->w, false);
	}
	return 0;
}

static int
write_tools(struct messages_chat *m)
{
	struct skim_value tools = param(m, "tools"), v;
	struct skim_iter it;
	struct str key;
	size_t count;

	if (count_functions(m, &tools, &count) != 0)
		return -1;
	if (count == 0)
		return 0;
	jsonw_key(&m->w, "tools");
	jsonw_open(&m->w, '[');
	skim_iter_init(&it, tools.value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		if (is_function(&v))
			write_function(m, &v);
	}
	jsonw_close(&m->w, ']');
	return write_choice(m);
}

/* ---- the other parameters ---------------------------------------------- */

static void
write_stops(struct messages_chat *m)
{
	struct skim_value stops = param(m, "stop_sequences"), v;
	struct skim_iter it;
	struct str key;
	size_t n = 0;

	if (stops.type != SKIM_ARRAY || stops.count == 0)
		return;
	jsonw_key(&m->w, "stop");
	jsonw_open(&m->w, '[');
	skim_iter_init(&it, stops.value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		if (n++ < MAX_STOPS || !is_openai(m))
			jsonw_raw(&m->w, v.value);
	}
	jsonw_close(&m->w, ']');
}

/* A budget of thinking as an effort. Source: LiteLLM's steps. */
static const char *
effort_of_budget(int64_t tokens)
{
	if (tokens >= 10000)
		return "high";
	if (tokens >= 5000)
		return "medium";
	return tokens >= 2000 ? "low" : "minimal";
}

static void
write_effort(struct messages_chat *m)
{
	struct skim_value config = param(m, "output_config");
	struct skim_value effort = pick_one(&config, "effort");
	struct skim_value thinking = param(m, "thinking");
	struct skim_value type = pick_one(&thinking, "type");
	struct skim_value budget = pick_one(&thinking, "budget_tokens");
	bool takes = param_takes_effort(m->choice->deployment, m->model);
	int64_t tokens;

	if (!takes || skim_string_is(&type, "disabled"))
		return;
	if (effort.type == SKIM_STRING) {
		jsonw_key(&m->w, "reasoning_effort");
		jsonw_raw(&m->w, effort.value);
	} else if (skim_string_is(&type, "enabled") &&
		   budget.type == SKIM_NUMBER &&
		   skim_int(&budget, &tokens) == 0) {
		jsonw_key(&m->w, "reasoning_effort");
		jsonw_cstr(&m->w, effort_of_budget(tokens));
	}
}

static void
write_format(struct messages_chat *m)
{
	struct skim_value config = param(m, "output_config");
	struct skim_value format = pick_one(&config, "format");
	struct skim_value schema = pick_one(&format, "schema");
	struct jsonw *w = &m->w;

	if (schema.type != SKIM_OBJECT)
		return;
	jsonw_key(w, "response_format");
	jsonw_open(w, '{');
	jsonw_key(w, "type");
	jsonw_cstr(w, "json_schema");
	jsonw_key(w, "json_schema");
	jsonw_open(w, '{');
	jsonw_key(w, "name");
	jsonw_cstr(w, "answer");
	jsonw_key(w, "schema");
	jsonw_raw(w, schema.value);
	jsonw_key(w, "strict");
	jsonw_bool(w, true);
	jsonw_close(w, '}');
	jsonw_close(w, '}');
}

static void
write_rest(struct messages_chat *m)
{
	struct skim_value metadata = param(m, "metadata");
	struct skim_value user = pick_one(&metadata, "user_id");
	struct skim_value tier = param(m, "service_tier");
	struct skim_value top_k = param(m, "top_k");

	if (!pick_is_empty(&user) && user.value.n - 2 <= USER_BYTES) {
		jsonw_key(&m->w, "user");
		jsonw_raw(&m->w, user.value);
	}
	if (is_openai(m) && skim_string_is(&tier, "standard_only")) {
		jsonw_key(&m->w, "service_tier");
		jsonw_cstr(&m->w, "default");
	}
	if (top_k.type == SKIM_NUMBER &&
	    param_is_listed(TAKES_TOP_K, str_of(m->provider))) {
		jsonw_key(&m->w, "top_k");
		jsonw_raw(&m->w, top_k.value);
	}
}

static int
write_body(struct messages_chat *m)
{
	jsonw_open(&m->w, '{');
	jsonw_key(&m->w, "model");
	jsonw_raw(&m->w, m->r->model_at.value);
	if (messages_turns_write(m) != 0 || write_members(m) != 0 ||
	    write_tools(m) != 0)
		return -1;
	write_stops(m);
	write_effort(m);
	write_format(m);
	write_rest(m);
	jsonw_close(&m->w, '}');
	if (m->out.overflowed)
		return err_set(m->err, ERR_BAD_REQUEST,
		    "the request becomes too large when it is put into a "
		    "chat's "
		    "form");
	return 0;
}

int
messages_chat_write(const struct wire_request *r,
    const struct wire_choice *choice, struct arena *arena,
    struct wire_request *chat_r, struct err *err)
{
	struct messages_chat m = { .r = r, .choice = choice, .err = err };
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
