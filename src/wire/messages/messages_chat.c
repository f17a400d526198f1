/*
 * The parameters of a Messages request in a chat. See messages_chat.h; the
 * messages have a file of their own.
 */
#include "wire/messages/messages_chat.h"

#include "wire/openai/chat_search.h"
#include "wire/openai/openai_params.h"
#include "wire/searches.h"

#define OPENAI "openai azure"

#define MAX_STOPS 4 /* OpenAI takes no more */

/* Longer user ids are refused there. */
#define USER_BYTES 64

/* Servers of open models, which sample by top_k too. */
#define TAKES_TOP_K                                                            \
	"hosted_vllm vllm openrouter together_ai fireworks_ai deepinfra "      \
	"ollama ollama_chat"

/* Whose models think or not as {"type":"enabled"} or "disabled" says. */
#define TAKES_THINKING "deepseek zai"

static const struct chat_param params[] = {
	{ "model", CHAT_MAPPED },
	{ "messages", CHAT_MAPPED },
	{ "system", CHAT_MAPPED },
	{ "max_tokens", CHAT_MAPPED },
	{ "temperature", CHAT_COPY },
	{ "top_p", CHAT_COPY },
	{ "stream", CHAT_COPY },
	{ "top_k", CHAT_MAPPED },
	{ "stop_sequences", CHAT_MAPPED },
	{ "tools", CHAT_MAPPED },
	{ "tool_choice", CHAT_MAPPED },
	{ "thinking", CHAT_MAPPED },
	{ "output_config", CHAT_MAPPED },
	{ "metadata", CHAT_MAPPED },
	{ "service_tier", CHAT_MAPPED },
	{ "speed", CHAT_DROP },
	{ "inference_geo", CHAT_DROP },
	{ "cache_control", CHAT_DROP },
	{ "context_management", CHAT_DROP },
	{ "diagnostics", CHAT_DROP },
	{ "betas", CHAT_DROP },
	{ "container", CHAT_REFUSE },
	{ "mcp_servers", CHAT_REFUSE },
};

/* Tools with a schema are functions; the others run at Anthropic. */
static bool
is_function(const struct skim_value *tool)
{
	struct skim_value schema = pick_one(tool, "input_schema");

	return schema.type == SKIM_OBJECT;
}

/* Those that run at Anthropic: the search may have a counterpart. */
static int
write_others(struct chat_draft *d, const struct skim_value *tools,
    size_t *functions_r)
{
	const struct skim_value none = { .type = SKIM_ABSENT };
	bool has_search = false;
	struct skim_iter it;
	struct skim_value v, type;
	struct str key;
	int result = 0;

	*functions_r = 0;
	if (tools->type != SKIM_ARRAY)
		return 0;
	skim_iter_init(&it, tools->value);
	while (result == 0 && skim_iter_next(&it, &key, &v) == 1) {
		if (is_function(&v)) {
			(*functions_r)++;
		} else if (!searches_is_tool(&v)) {
			result =
			    chat_draft_refuse(d, "tools that run at Anthropic");
		} else if (!chat_search_takes(d)) {
			type = pick_one(&v, "type");
			result = chat_draft_refuse_tool(d, &type);
		} else if (!has_search) {
			has_search = true;
			result = chat_search_write(d, &v, &none);
		}
	}
	return result;
}

static void
write_choice(struct chat_draft *d)
{
	struct skim_value choice = chat_draft_param(d, "tool_choice");
	struct skim_value type, name, single;
	const struct skim_wanted wanted[] = { { "type", &type },
		{ "name", &name }, { "disable_parallel_tool_use", &single } };
	static const char *const words[][2] = { { "auto", "auto" },
		{ "any", "required" }, { "none", "none" } };

	if (choice.type != SKIM_OBJECT)
		return;
	pick(&choice, wanted, ARRAY_LEN(wanted));
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (!skim_string_is(&type, words[i][0]))
			continue;
		jsonw_key(&d->w, "tool_choice");
		jsonw_cstr(&d->w, words[i][1]);
	}
	if (skim_string_is(&type, "tool") && name.type == SKIM_STRING)
		chat_draft_choose(d, "function", &name);
	if (single.type == SKIM_TRUE)
		chat_draft_one_call(d);
}

static int
write_tools(struct chat_draft *d)
{
	struct skim_value tools = chat_draft_param(d, "tools"), v, name;
	struct skim_iter it;
	struct str key;
	size_t count;

	if (write_others(d, &tools, &count) != 0)
		return -1;
	if (count == 0)
		return 0;
	jsonw_put_open(&d->w, "tools", '[');
	skim_iter_init(&it, tools.value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		name = pick_one(&v, "name");
		if (is_function(&v))
			chat_draft_function(d, &name, &v, "input_schema");
	}
	jsonw_close(&d->w, ']');
	write_choice(d);
	return 0;
}

/* ---- the other parameters ---------------------------------------------- */

static void
write_stops(struct chat_draft *d)
{
	struct skim_value stops = chat_draft_param(d, "stop_sequences"), v;
	struct skim_iter it;
	struct str key;
	size_t n = 0;

	if (stops.type != SKIM_ARRAY || stops.count == 0)
		return;
	jsonw_put_open(&d->w, "stop", '[');
	skim_iter_init(&it, stops.value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		if (n++ < MAX_STOPS || !chat_draft_is_for(d, OPENAI))
			jsonw_raw(&d->w, v.value);
	}
	jsonw_close(&d->w, ']');
}

static void
write_effort(struct chat_draft *d)
{
	struct skim_value config = chat_draft_param(d, "output_config");
	struct skim_value effort = pick_one(&config, "effort");
	struct skim_value thinking = chat_draft_param(d, "thinking");
	struct skim_value type = pick_one(&thinking, "type");
	struct skim_value budget = pick_one(&thinking, "budget_tokens");
	int64_t tokens;

	/* Their own word for it is Anthropic's. */
	if (type.type == SKIM_STRING && chat_draft_is_for(d, TAKES_THINKING)) {
		jsonw_put_open(&d->w, "thinking", '{');
		jsonw_key(&d->w, "type");
		jsonw_cstr(&d->w,
		    skim_string_is(&type, "disabled") ? "disabled" : "enabled");
		jsonw_close(&d->w, '}');
	}
	if (!d->takes_effort || skim_string_is(&type, "disabled"))
		return;
	if (effort.type == SKIM_STRING) {
		chat_draft_effort(d, &effort);
	} else if (skim_string_is(&type, "enabled") &&
		   budget.type == SKIM_NUMBER &&
		   skim_int(&budget, &tokens) == 0) {
		jsonw_key(&d->w, "reasoning_effort");
		jsonw_cstr(&d->w, param_effort_of_budget(tokens));
	}
}

static void
write_format(struct chat_draft *d)
{
	struct skim_value config = chat_draft_param(d, "output_config");
	struct skim_value format = pick_one(&config, "format");
	struct skim_value schema = pick_one(&format, "schema");
	struct jsonw *w = &d->w;

	if (schema.type != SKIM_OBJECT)
		return;
	jsonw_put_open(w, "response_format", '{');
	jsonw_key(w, "type");
	jsonw_cstr(w, "json_schema");
	jsonw_put_open(w, "json_schema", '{');
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
write_rest(struct chat_draft *d)
{
	struct skim_value metadata = chat_draft_param(d, "metadata");
	struct skim_value user = pick_one(&metadata, "user_id");
	struct skim_value tier = chat_draft_param(d, "service_tier");
	struct skim_value top_k = chat_draft_param(d, "top_k");

	if (!pick_is_empty(&user) && user.value.n - 2 <= USER_BYTES)
		chat_draft_copy(d, "user", &user);
	if (chat_draft_is_for(d, OPENAI) &&
	    skim_string_is(&tier, "standard_only")) {
		jsonw_key(&d->w, "service_tier");
		jsonw_cstr(&d->w, "default");
	}
	if (top_k.type == SKIM_NUMBER && chat_draft_is_for(d, TAKES_TOP_K))
		chat_draft_copy(d, "top_k", &top_k);
}

static int
write_body(struct chat_draft *d)
{
	struct skim_value limit = chat_draft_param(d, "max_tokens");

	if (messages_turns_write(d) != 0)
		return -1;
	chat_draft_limit(d, &limit);
	if (chat_draft_members(d, params, ARRAY_LEN(params)) != 0 ||
	    write_tools(d) != 0)
		return -1;
	write_stops(d);
	write_effort(d);
	write_format(d);
	write_rest(d);
	return 0;
}

int
messages_chat_write(const struct wire_request *r,
    const struct wire_choice *choice, struct arena *arena,
    struct wire_request *chat_r, struct err *err)
{
	return chat_draft_write(r, choice, write_body, arena, chat_r, err);
}
