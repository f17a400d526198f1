/* Requests in OpenAI's shape. See chat_openai.h. */
#include "sim/chat_openai.h"

static int
missing(struct problem *p, const char *name)
{
	problem_set(p, 400, "missing_required_parameter",
	    "Missing required parameter: '%s'.", name);
	return problem_param(p, name);
}

static int
wrong_type(struct problem *p, const char *name, const char *want)
{
	problem_set(p, 400, "invalid_type",
	    "Invalid type for '%s': expected %s.", name, want);
	return problem_param(p, name);
}

static int
read_message(struct chat *chat, struct arena *arena, const json_t *message,
    struct problem *p)
{
	struct str role = jsonx_str(message, "role"), text;
	const json_t *content = json_object_get(message, "content");

	if (!json_is_object(message))
		return wrong_type(p, "messages", "an array of objects");
	if (content != NULL && !json_is_null(content) &&
	    !json_is_string(content) && !json_is_array(content))
		return wrong_type(p, "messages.content",
		    "a string or an array of parts");
	text = chat_text(chat, arena, content);
	chat->messages++;
	if (str_is(role, "user")) {
		chat->user_text = text;
		chat->last = CHAT_LAST_USER;
	} else if (str_is(role, "tool") || str_is(role, "function")) {
		chat_add_result(chat, text);
	} else if (str_is(role, "assistant")) {
		chat->last = CHAT_LAST_OTHER;
	} else if (!str_is(role, "system") && !str_is(role, "developer")) {
		problem_set(p, 400, "invalid_value",
		    "Invalid value for a message's role: '%.40s'.", role.p);
		return problem_param(p, "messages");
	}
	return 0;
}

static int
read_messages(struct chat *chat, struct arena *arena, struct problem *p)
{
	const json_t *messages = json_object_get(chat->root, "messages");
	json_t *message;
	size_t i;

	if (messages == NULL)
		return missing(p, "messages");
	if (!json_is_array(messages))
		return wrong_type(p, "messages", "an array of objects");
	if (json_array_size(messages) == 0) {
		problem_set(p, 400, "empty_array",
		    "Invalid 'messages': empty array. Expected an array with "
		    "minimum length 1, but got an empty array instead.");
		return problem_param(p, "messages");
	}
	json_array_foreach(messages, i, message) {
		if (read_message(chat, arena, message, p) != 0)
			return -1;
	}
	return 0;
}

static int
read_tools(struct chat *chat, struct arena *arena, struct problem *p)
{
	const json_t *tools = json_object_get(chat->root, "tools");
	json_t *tool;
	size_t i;

	if (tools == NULL || json_is_null(tools))
		return 0;
	if (!json_is_array(tools))
		return wrong_type(p, "tools", "an array of objects");
	json_array_foreach(tools, i, tool) {
		bool custom = str_is(jsonx_str(tool, "type"), "custom");
		const json_t *function =
		    json_object_get(tool, custom ? "custom" : "function");
		struct chat_tool t = { jsonx_str(function, "name"),
			json_object_get(function, "parameters"), custom };

		if (t.name.n == 0)
			return missing(p, "tools[].function.name");
		if (chat_add_tool(chat, arena, t, p) != 0)
			return -1;
	}
	return 0;
}

static int
read_choice(struct chat *chat, struct problem *p)
{
	const json_t *choice = json_object_get(chat->root, "tool_choice");
	struct str word = chat_string(choice);
	bool parallel = true;

	if (chat_bool(chat->root, "parallel_tool_calls", &parallel, p) < 0)
		return -1;
	chat->one_call = !parallel;
	if (json_is_object(choice)) {
		chat->choice = CHOICE_NAMED;
		chat->choice_name =
		    jsonx_str(json_object_get(choice, "function"), "name");
		if (chat->choice_name.n == 0)
			chat->choice_name =
			    jsonx_str(json_object_get(choice, "custom"),
				"name");
		return 0;
	}
	if (str_is(word, "none"))
		chat->choice = CHOICE_NONE;
	else if (str_is(word, "required") || str_is(word, "any"))
		chat->choice = CHOICE_REQUIRED;
	else if (word.n > 0 && !str_is(word, "auto"))
		return wrong_type(p, "tool_choice",
		    "none, auto, required or a tool");
	return 0;
}

static void
read_format(struct chat *chat)
{
	const json_t *format = json_object_get(chat->root, "response_format");
	struct str type = jsonx_str(format, "type");

	chat->json = str_is(type, "json_object") || str_is(type, "json_schema");
	chat->schema = jsonx_path(format, "json_schema.schema");
}

static int
read_stop(struct chat *chat, struct problem *p)
{
	json_t *stop = json_object_get(chat->root, "stop"), *one;
	size_t i;

	if (json_is_string(stop))
		chat->stop[chat->stop_count++] = chat_string(stop);
	if (!json_is_array(stop))
		return 0;
	if (json_array_size(stop) > ARRAY_LEN(chat->stop)) {
		problem_set(p, 400, "array_above_max_length",
		    "Invalid 'stop': at most 4 sequences.");
		return problem_param(p, "stop");
	}
	json_array_foreach(stop, i, one)
		chat->stop[chat->stop_count++] = chat_string(one);
	return 0;
}

static int
read_stream(struct chat *chat, struct problem *p)
{
	const json_t *options = json_object_get(chat->root, "stream_options");

	if (chat_bool(chat->root, "stream", &chat->stream, p) < 0)
		return -1;
	if (options == NULL || json_is_null(options))
		return 0;
	if (!chat->stream) {
		problem_set(p, 400, "invalid_value",
		    "The 'stream_options' parameter is only allowed when "
		    "'stream' is enabled.");
		return problem_param(p, "stream_options");
	}
	return chat_bool(options, "include_usage", &chat->include_usage, p) < 0
		   ? -1
		   : 0;
}

int
chat_openai_read_limits(struct chat *chat, struct problem *p)
{
	static const int64_t limit[2] = { 1, INT32_MAX };
	static const int64_t choices[2] = { 1, CHAT_CHOICES_MAX };
	int64_t n = 1;

	if (chat_int(chat->root, "max_tokens", limit, &chat->max_tokens, p) <
		0 ||
	    chat_int(chat->root, "max_completion_tokens", limit,
		&chat->max_tokens, p) < 0 ||
	    chat_int(chat->root, "n", choices, &n, p) < 0)
		return -1;
	chat->choices = (int)n;
	if (read_stream(chat, p) != 0)
		return -1;
	return read_stop(chat, p);
}

int
chat_openai_read(struct chat *chat, struct arena *arena, struct problem *p)
{
	if (read_messages(chat, arena, p) != 0 ||
	    chat_openai_read_limits(chat, p) != 0 ||
	    read_tools(chat, arena, p) != 0 || read_choice(chat, p) != 0)
		return -1;
	read_format(chat);
	return 0;
}
