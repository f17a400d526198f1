/* What a request asks for. See chat.h. */
#include "sim/chat.h"

void
chat_init(struct chat *chat)
{
	memset(chat, 0, sizeof(*chat));
	chat->max_tokens = -1;
	chat->choices = 1;
}

void
chat_fini(struct chat *chat)
{
	json_decref(chat->root);
	chat->root = NULL;
}

void
chat_close_turn(struct chat *chat, struct str role, struct str text)
{
	if (str_is(role, "system"))
		return;
	chat->last = CHAT_LAST_OTHER;
	if (!str_is(role, "user"))
		return;
	chat->last = chat->result_count > 0 ? CHAT_LAST_TOOL : CHAT_LAST_USER;
	if (chat->last == CHAT_LAST_USER)
		chat->user_text = text;
}

struct str
chat_string(const json_t *v)
{
	if (!json_is_string(v))
		return str_make("", 0);
	return str_make(json_string_value(v), json_string_length(v));
}

int
chat_parse(struct chat *chat, struct str body, struct problem *p)
{
	json_error_t je;
	const json_t *model;

	chat->root = json_loadb(body.p == NULL ? "" : body.p, body.n,
	    JSON_ALLOW_NUL, &je);
	if (chat->root == NULL)
		return problem_set(p, 400, "",
		    "We could not parse the JSON body of your request: "
		    "line %d, column %d: %s",
		    je.line, je.column, je.text);
	if (!json_is_object(chat->root))
		return problem_set(p, 400, "",
		    "The body is not a JSON object.");
	model = json_object_get(chat->root, "model");
	if (!json_is_string(model)) {
		problem_set(p, 400, "",
		    model == NULL ? "you must provide a model parameter"
				  : "model: a string is expected");
		return problem_param(p, "model");
	}
	chat->model = chat_string(model);
	chat->faults = json_object_get(chat->root, "x_sim");
	return 0;
}

int
chat_add_tool(struct chat *chat, struct arena *arena, struct chat_tool tool,
    struct problem *p)
{
	if (chat->tools == NULL)
		chat->tools =
		    arena_alloc(arena, CHAT_TOOLS_MAX * sizeof(*chat->tools));
	if (chat->tool_count == CHAT_TOOLS_MAX) {
		problem_set(p, 400, "array_above_max_length",
		    "tools: at most %d", CHAT_TOOLS_MAX);
		return problem_param(p, "tools");
	}
	chat->tools[chat->tool_count++] = tool;
	return 0;
}

/* The text of a part; "" for images and the like. */
static struct str
part_text(const json_t *part)
{
	return json_is_string(part) ? chat_string(part)
				    : jsonx_str(part, "text");
}

struct str
chat_text(struct chat *chat, struct arena *arena, const json_t *content)
{
	struct str text = chat_string(content);
	size_t i, n = 0;
	json_t *part;
	char *out;

	if (!json_is_array(content)) {
		chat->text_bytes += (int64_t)text.n;
		return text;
	}
	json_array_foreach(content, i, part) {
		text = part_text(part);
		chat->text_bytes += (int64_t)text.n;
		n += text.n + 1;
	}
	out = arena_alloc(arena, n + 1);
	n = 0;
	json_array_foreach(content, i, part) {
		text = part_text(part);
		if (text.n == 0)
			continue;
		if (n > 0)
			out[n++] = ' ';
		memcpy(out + n, text.p, text.n);
		n += text.n;
	}
	return str_make(out, n);
}

void
chat_add_result(struct chat *chat, struct str text)
{
	if (chat->last != CHAT_LAST_TOOL)
		chat->result_count = 0;
	chat->last = CHAT_LAST_TOOL;
	if (chat->result_count < CHAT_RESULTS_MAX)
		chat->results[chat->result_count++] = text;
}

int
chat_int(const json_t *obj, const char *key, const int64_t range[2],
    int64_t *v_r, struct problem *p)
{
	const json_t *v = json_object_get(obj, key);

	if (v == NULL || json_is_null(v))
		return 0;
	if (!json_is_integer(v)) {
		problem_set(p, 400, "invalid_type",
		    "Invalid type for '%s': expected an integer.", key);
		return problem_param(p, key);
	}
	if (json_integer_value(v) < range[0] ||
	    json_integer_value(v) > range[1]) {
		problem_set(p, 400,
		    json_integer_value(v) < range[0]
			? "integer_below_min_value"
			: "integer_above_max_value",
		    "Invalid '%s': expected a value from %lld to %lld.", key,
		    (long long)range[0], (long long)range[1]);
		return problem_param(p, key);
	}
	*v_r = json_integer_value(v);
	return 1;
}

int
chat_bool(const json_t *obj, const char *key, bool *v_r, struct problem *p)
{
	int rc = jsonx_bool(obj, key, v_r);

	if (rc >= 0)
		return rc;
	problem_set(p, 400, "invalid_type",
	    "Invalid type for '%s': expected a boolean.", key);
	return problem_param(p, key);
}
