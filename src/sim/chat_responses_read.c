/* Requests of the Responses API. See chat_responses.h. */
#include "sim/chat_responses.h"

static int
wrong(struct problem *p, const char *name, const char *want)
{
	problem_set(p, 400, "invalid_type",
	    "Invalid type for '%s': expected %s.", name, want);
	return problem_param(p, name);
}

static int
read_message(struct chat *chat, struct arena *arena, const json_t *item,
    struct problem *p)
{
	struct str role = jsonx_str(item, "role"), text;
	const json_t *content = json_object_get(item, "content");

	if (!json_is_string(content) && !json_is_array(content))
		return wrong(p, "input", "a content in every message");
	text = chat_text(chat, arena, content);
	chat->messages++;
	if (str_is(role, "user")) {
		chat->user_text = text;
		chat->last = CHAT_LAST_USER;
	} else if (str_is(role, "assistant")) {
		chat->last = CHAT_LAST_OTHER;
	} else if (!str_is(role, "system") && !str_is(role, "developer")) {
		return wrong(p, "input", "a role in every message");
	}
	return 0;
}

/* Outputs of calls: those that stand together at the end. */
static int
read_output(struct chat *chat, struct arena *arena, const json_t *item,
    struct problem *p)
{
	if (jsonx_str(item, "call_id").n == 0)
		return wrong(p, "input", "a call_id in every output");
	chat_add_result(chat,
	    chat_text(chat, arena, json_object_get(item, "output")));
	chat->messages++;
	return 0;
}

static int
read_item(struct chat *chat, struct arena *arena, const json_t *item,
    struct problem *p)
{
	struct str type = jsonx_str(item, "type");

	if (!json_is_object(item))
		return wrong(p, "input", "an array of objects");
	if (type.n == 0 || str_is(type, "message"))
		return read_message(chat, arena, item, p);
	if (str_is(type, "function_call_output") ||
	    str_is(type, "custom_tool_call_output"))
		return read_output(chat, arena, item, p);
	if ((str_is(type, "function_call") ||
		str_is(type, "custom_tool_call")) &&
	    jsonx_str(item, "name").n == 0)
		return wrong(p, "input", "a name in every call");
	return 0;
}

static int
read_input(struct chat *chat, struct arena *arena, struct problem *p)
{
	const json_t *input = json_object_get(chat->root, "input");
	const json_t *instructions =
	    json_object_get(chat->root, "instructions");
	json_t *item;
	size_t i;

	if (json_is_string(instructions)) {
		chat->messages++;
		chat_text(chat, arena, instructions);
	}
	if (json_is_string(input)) {
		chat->user_text = chat_text(chat, arena, input);
		chat->last = CHAT_LAST_USER;
		chat->messages++;
		return 0;
	}
	if (!json_is_array(input))
		return wrong(p, "input", "a string or an array of items");
	json_array_foreach(input, i, item) {
		if (read_item(chat, arena, item, p) != 0)
			return -1;
	}
	return 0;
}

/* Functions and custom tools; others are never called. */
static int
read_tools(struct chat *chat, struct arena *arena, struct problem *p)
{
	const json_t *choice = json_object_get(chat->root, "tool_choice");
	struct str word = chat_string(choice);
	json_t *tool;
	size_t i;

	json_array_foreach(json_object_get(chat->root, "tools"), i, tool) {
		bool custom = str_is(jsonx_str(tool, "type"), "custom");
		struct chat_tool t = { jsonx_str(tool, "name"),
			json_object_get(tool, "parameters"), custom };

		if (!custom && !str_is(jsonx_str(tool, "type"), "function"))
			continue;
		if (json_object_get(tool, "function") != NULL || t.name.n == 0)
			return wrong(p, "tools", "a name in every function");
		if (chat_add_tool(chat, arena, t, p) != 0)
			return -1;
	}
	if (json_is_object(choice)) {
		chat->choice = CHOICE_NAMED;
		chat->choice_name = jsonx_str(choice, "name");
	} else if (str_is(word, "none")) {
		chat->choice = CHOICE_NONE;
	} else if (str_is(word, "required")) {
		chat->choice = CHOICE_REQUIRED;
	}
	return 0;
}

static void
read_format(struct chat *chat)
{
	const json_t *text = json_object_get(chat->root, "text");
	const json_t *format = json_object_get(text, "format");
	struct str type = jsonx_str(format, "type");

	chat->json = str_is(type, "json_object") || str_is(type, "json_schema");
	chat->schema = json_object_get(format, "schema");
}

/* A chat's names are refused, as the real API does. */
static int
refuse_strangers(const struct chat *chat, struct problem *p)
{
	static const char *const names[] = { "messages", "max_tokens",
		"max_completion_tokens", "response_format", "stop", "n" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (json_object_get(chat->root, names[i]) == NULL)
			continue;
		problem_set(p, 400, "unsupported_parameter",
		    "Unsupported parameter: '%s'.", names[i]);
		return problem_param(p, names[i]);
	}
	return 0;
}

int
chat_responses_read(struct chat *chat, struct arena *arena, struct problem *p)
{
	static const int64_t limit[2] = { 1, INT32_MAX };
	bool parallel = true;

	if (refuse_strangers(chat, p) != 0 || read_input(chat, arena, p) != 0 ||
	    chat_int(chat->root, "max_output_tokens", limit, &chat->max_tokens,
		p) < 0 ||
	    chat_bool(chat->root, "stream", &chat->stream, p) < 0 ||
	    chat_bool(chat->root, "parallel_tool_calls", &parallel, p) < 0 ||
	    read_tools(chat, arena, p) != 0)
		return -1;
	chat->one_call = !parallel;
	read_format(chat);
	return 0;
}
