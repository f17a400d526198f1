/* Requests in Anthropic's shape. See chat_anthropic.h. */
#include "sim/chat_anthropic.h"

#define VERSION_STRICT "2026-10-21" /* sampling parameters are gone */

static int
refuse(struct problem *p, const char *what)
{
	return problem_set(p, 400, "", "%s", what);
}

static int
read_version(const struct chat *chat, struct str version, struct problem *p)
{
	static const char *const gone[] = { "temperature", "top_p", "top_k" };

	if (version.n == 0)
		return refuse(p, "anthropic-version: header is required");
	if (!str_is(version, VERSION_STRICT)) {
		if (str_is(version, "2023-06-01"))
			return 0;
		return problem_set(p, 400, "",
		    "anthropic-version: \"%.*s\" is not a valid version",
		    version.n > 40 ? 40 : (int)version.n, version.p);
	}
	for (size_t i = 0; i < ARRAY_LEN(gone); i++) {
		if (json_object_get(chat->root, gone[i]) != NULL)
			return problem_set(p, 400, "",
			    "%s: Extra inputs are not permitted", gone[i]);
	}
	return 0;
}

/* Blocks other than text only matter when they are tool results. */
static int
read_blocks(struct chat *chat, struct arena *arena, const json_t *blocks,
    struct problem *p)
{
	json_t *block;
	size_t i;

	json_array_foreach(blocks, i, block) {
		struct str type = jsonx_str(block, "type");

		if (str_is(type, "text") && jsonx_str(block, "text").n == 0)
			return refuse(p,
			    "messages: text content blocks must be non-empty");
		if (str_is(type, "tool_result"))
			chat_add_result(chat,
			    chat_text(chat, arena,
				json_object_get(block, "content")));
	}
	return 0;
}

static int
read_message(struct chat *chat, struct arena *arena, const json_t *message,
    struct problem *p)
{
	struct str role = jsonx_str(message, "role"), text;
	const json_t *content = json_object_get(message, "content");

	if (!str_is(role, "user") && !str_is(role, "assistant") &&
	    !str_is(role, "system"))
		return refuse(p,
		    "messages: role must be user, assistant or system");
	if (!json_is_string(content) && !json_is_array(content))
		return refuse(p, "messages: content: Field required");
	chat->messages++;
	if (!str_is(role, "system"))
		chat->result_count = 0;
	if (read_blocks(chat, arena, content, p) != 0)
		return -1;
	text = chat_text(chat, arena, content);
	chat_close_turn(chat, role, text);
	return 0;
}

static int
read_messages(struct chat *chat, struct arena *arena, struct problem *p)
{
	const json_t *messages = json_object_get(chat->root, "messages");
	const json_t *system = json_object_get(chat->root, "system");
	json_t *message;
	size_t i;

	if (!json_is_array(messages))
		return refuse(p, "messages: Field required");
	if (json_array_size(messages) == 0)
		return refuse(p, "messages: at least one message is required");
	if (json_is_string(system) || json_is_array(system)) {
		chat->messages++;
		chat_text(chat, arena, system);
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
	const json_t *choice = json_object_get(chat->root, "tool_choice");
	struct str type = jsonx_str(choice, "type");
	json_t *tool;
	size_t i;

	json_array_foreach(json_object_get(chat->root, "tools"), i, tool) {
		struct chat_tool t = { .name = jsonx_str(tool, "name"),
			.schema = json_object_get(tool, "input_schema") };

		/* Server tools have no schema and are never called. */
		if (t.schema == NULL)
			continue;
		if (t.name.n == 0)
			return refuse(p, "tools: name: Field required");
		if (chat_add_tool(chat, arena, t, p) != 0)
			return -1;
	}
	if (str_is(type, "none"))
		chat->choice = CHOICE_NONE;
	else if (str_is(type, "any"))
		chat->choice = CHOICE_REQUIRED;
	else if (str_is(type, "tool"))
		chat->choice = CHOICE_NAMED;
	chat->choice_name = jsonx_str(choice, "name");
	return chat_bool(choice, "disable_parallel_tool_use", &chat->one_call,
		   p) < 0
		   ? -1
		   : 0;
}

static int
read_rest(struct chat *chat, struct problem *p)
{
	const json_t *stop = json_object_get(chat->root, "stop_sequences");
	const json_t *format = jsonx_path(chat->root, "output_config.format");
	json_t *one;
	size_t i;

	if (chat_bool(chat->root, "stream", &chat->stream, p) < 0)
		return -1;
	json_array_foreach(stop, i, one) {
		if (chat->stop_count < ARRAY_LEN(chat->stop))
			chat->stop[chat->stop_count++] = chat_string(one);
	}
	chat->json = json_is_object(format);
	chat->schema = json_object_get(format, "schema");
	return 0;
}

int
chat_anthropic_read_count(struct chat *chat, struct arena *arena,
    struct str version, struct problem *p)
{
	if (read_version(chat, version, p) != 0)
		return -1;
	return read_messages(chat, arena, p);
}

int
chat_anthropic_read(struct chat *chat, struct arena *arena, struct str version,
    struct problem *p)
{
	static const int64_t limit[2] = { 0, INT32_MAX };

	if (read_version(chat, version, p) != 0)
		return -1;
	switch (
	    chat_int(chat->root, "max_tokens", limit, &chat->max_tokens, p)) {
	case 0:
		return refuse(p, "max_tokens: Field required");
	case 1:
		break;
	default:
		return -1;
	}
	if (read_messages(chat, arena, p) != 0 ||
	    read_tools(chat, arena, p) != 0)
		return -1;
	return read_rest(chat, p);
}
