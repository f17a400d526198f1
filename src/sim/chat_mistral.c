/* Mistral's stricter rules. See chat_mistral.h. */
#include "sim/chat_mistral.h"

/* x_sim is ours. Source of the rest: Mistral's API specification. */
static const char *const body_fields[] = { "model", "messages", "temperature",
	"top_p", "max_tokens", "stream", "stop", "random_seed", "metadata",
	"response_format", "tools", "tool_choice", "presence_penalty",
	"frequency_penalty", "n", "prediction", "parallel_tool_calls",
	"prompt_mode", "reasoning_effort", "guardrails", "prompt_cache_key",
	"service_tier", "safe_prompt", "x_sim", NULL };

static const struct {
	const char *role;
	const char *fields[6];
} messages_fields[] = {
	{ "system", { "role", "content", NULL } },
	{ "user", { "role", "content", NULL } },
	{ "assistant", { "role", "content", "tool_calls", "prefix", NULL } },
	{ "tool", { "role", "content", "tool_call_id", "name", NULL } },
};

static int
forbid(struct problem *p, const char *field)
{
	problem_set(p, 422, "", "Extra inputs are not permitted");
	p->extra_field = true;
	return problem_param(p, field);
}

static int
check_fields(json_t *obj, const char *const *known, struct problem *p)
{
	const char *key;
	json_t *v;

	json_object_foreach(obj, key, v) {
		size_t i = 0;

		while (known[i] != NULL && strcmp(known[i], key) != 0)
			i++;
		if (known[i] == NULL)
			return forbid(p, key);
	}
	return 0;
}

static int
check_id(struct str id, struct problem *p)
{
	bool good = id.n == 9;

	for (size_t i = 0; good && i < id.n; i++) {
		char c = id.p[i];

		good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
		       (c >= 'A' && c <= 'Z');
	}
	if (good)
		return 0;
	return problem_set(p, 400, "3280",
	    "Tool call id was %.*s but must be a-z, A-Z, 0-9, with a length "
	    "of 9.",
	    id.n > 60 ? 60 : (int)id.n, id.p);
}

static int
check_ids(json_t *message, struct problem *p)
{
	json_t *call;
	size_t i;

	json_array_foreach(json_object_get(message, "tool_calls"), i, call) {
		if (check_id(jsonx_str(call, "id"), p) != 0)
			return -1;
	}
	if (str_is(jsonx_str(message, "role"), "tool"))
		return check_id(jsonx_str(message, "tool_call_id"), p);
	return 0;
}

static int
check_message(json_t *message, struct str before, struct problem *p)
{
	struct str role = jsonx_str(message, "role");

	for (size_t i = 0; i < ARRAY_LEN(messages_fields); i++) {
		if (!str_is(role, messages_fields[i].role))
			continue;
		if (check_fields(message, messages_fields[i].fields, p) != 0)
			return -1;
		if (str_is(role, "user") && str_is(before, "tool"))
			return problem_set(p, 400, "3230",
			    "Unexpected role 'user' after role 'tool'");
		return check_ids(message, p);
	}
	problem_set(p, 422, "",
	    "Input tag '%.30s' found using 'role' does not match any of the "
	    "expected tags: 'assistant', 'system', 'tool', 'user'",
	    role.n == 0 ? "" : role.p);
	return problem_param(p, "messages");
}

static int
check_last(const json_t *messages, struct problem *p)
{
	const json_t *last =
	    json_array_get(messages, json_array_size(messages) - 1);
	struct str role = jsonx_str(last, "role");

	if (last == NULL || str_is(role, "user") || str_is(role, "tool") ||
	    json_is_true(json_object_get(last, "prefix")))
		return 0;
	return problem_set(p, 400, "3230",
	    "Expected last role User or Tool (or Assistant with prefix True) "
	    "for serving but got %.30s",
	    role.p);
}

int
chat_mistral_check(const struct chat *chat, struct problem *p)
{
	const json_t *messages = json_object_get(chat->root, "messages");
	struct str before = str_make("", 0);
	json_t *message, *tool;
	size_t i;

	if (check_fields(chat->root, body_fields, p) != 0)
		return -1;
	json_array_foreach(json_object_get(chat->root, "tools"), i, tool) {
		if (str_is(jsonx_str(tool, "type"), "custom"))
			return problem_set(p, 422, "",
			    "tools: Input should be 'function'");
	}
	json_array_foreach(messages, i, message) {
		if (check_message(message, before, p) != 0)
			return -1;
		before = jsonx_str(message, "role");
	}
	return check_last(messages, p);
}
