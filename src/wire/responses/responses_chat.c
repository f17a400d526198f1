/*
 * The parameters of a Responses request in a chat. See responses_chat.h; the
 * input's items and the tools have files of their own.
 */
#include "wire/responses/responses_chat.h"

#include "wire/responses/responses_tools.h"

/* Who has price tiers by this name. */
#define TAKES_TIER "openai azure anthropic groq openrouter"
/* To whom an id of the end user says something. */
#define TAKES_USER "openai azure anthropic openrouter"

static const struct chat_param params[] = {
	{ "model", CHAT_MAPPED },
	{ "input", CHAT_MAPPED },
	{ "instructions", CHAT_MAPPED },
	{ "max_output_tokens", CHAT_MAPPED },
	{ "text", CHAT_MAPPED },
	{ "reasoning", CHAT_MAPPED },
	{ "tools", CHAT_MAPPED },
	{ "tool_choice", CHAT_MAPPED },
	{ "parallel_tool_calls", CHAT_MAPPED },
	{ "safety_identifier", CHAT_MAPPED },
	{ "service_tier", CHAT_MAPPED },
	{ "truncation", CHAT_MAPPED },
	{ "background", CHAT_MAPPED },
	{ "top_logprobs", CHAT_MAPPED },
	{ "temperature", CHAT_COPY },
	{ "top_p", CHAT_COPY },
	{ "stream", CHAT_COPY },
	{ "user", CHAT_MAPPED },
	{ "metadata", CHAT_DROP },
	{ "store", CHAT_DROP },
	{ "include", CHAT_MAPPED },
	{ "stream_options", CHAT_DROP },
	{ "max_tool_calls", CHAT_DROP },
	{ "client_metadata", CHAT_DROP },
	{ "prompt_cache_key", CHAT_DROP },
	{ "prompt_cache_options", CHAT_DROP },
	{ "prompt_cache_retention", CHAT_DROP },
	{ "max_tokens", CHAT_REFUSE },
	{ "messages", CHAT_REFUSE },
	{ "context_management", CHAT_REFUSE },
	{ "moderation", CHAT_REFUSE },
	{ "previous_response_id", CHAT_MAPPED },
	{ "conversation", CHAT_MAPPED },
	{ "prompt", CHAT_MAPPED },
};

/* What only a provider that keeps it knows. */
static int
check_state(struct chat_draft *d)
{
	static const char *const names[] = { "previous_response_id",
		"conversation", "prompt", "background" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct skim_value v = chat_draft_param(d, names[i]);

		if (v.type == SKIM_ABSENT || v.type == SKIM_FALSE)
			continue;
		return err_set(d->err, ERR_BAD_REQUEST,
		    "'%s' needs a provider that keeps responses, which %s "
		    "(model=%s) does not: send the whole conversation as input",
		    names[i], d->provider, d->model);
	}
	return 0;
}

/* ---- the other parameters ---------------------------------------------- */

/* text.format: the same words, one level less. */
static void
write_format(struct chat_draft *d)
{
	struct skim_value text = chat_draft_param(d, "text");
	struct skim_value format = pick_one(&text, "format"), v;
	struct skim_value type = pick_one(&format, "type");
	static const char *const inside[] = { "name", "description", "schema",
		"strict" };
	bool schema = skim_string_is(&type, "json_schema");
	struct jsonw *w = &d->w;

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
			chat_draft_copy(d, inside[i], &v);
		}
		jsonw_close(w, '}');
	}
	jsonw_close(w, '}');
}

static void
write_thought(struct chat_draft *d)
{
	struct skim_value reasoning = chat_draft_param(d, "reasoning");
	struct skim_value effort = pick_one(&reasoning, "effort");
	struct skim_value text = chat_draft_param(d, "text");
	struct skim_value verbosity = pick_one(&text, "verbosity");

	if (effort.type == SKIM_STRING && d->takes_effort)
		chat_draft_effort(d, &effort);
	if (verbosity.type == SKIM_STRING &&
	    chat_draft_is_for(d, "openai azure"))
		chat_draft_copy(d, "verbosity", &verbosity);
}

static bool
includes(const struct chat_draft *d, const char *what)
{
	struct skim_value list = chat_draft_param(d, "include"), v;
	struct skim_iter it;
	struct str key;

	if (list.type != SKIM_ARRAY)
		return false;
	skim_iter_init(&it, list.value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		if (skim_string_is(&v, what))
			return true;
	}
	return false;
}

/* Asked for in two places; a number of 0 says nothing. */
static void
write_logprobs(struct chat_draft *d)
{
	struct skim_value top = chat_draft_param(d, "top_logprobs");
	int64_t n;

	if (skim_int(&top, &n) == 0 && n == 0)
		top.type = SKIM_ABSENT;
	if (top.type == SKIM_ABSENT &&
	    !includes(d, "message.output_text.logprobs"))
		return;
	jsonw_key(&d->w, "logprobs");
	jsonw_bool(&d->w, true);
	chat_draft_copy(d, "top_logprobs", &top);
}

static int
write_rest(struct chat_draft *d)
{
	struct skim_value limit = chat_draft_param(d, "max_output_tokens");
	struct skim_value tier = chat_draft_param(d, "service_tier");
	struct skim_value user = chat_draft_param(d, "user");
	struct skim_value person = chat_draft_param(d, "safety_identifier");
	struct skim_value truncation = chat_draft_param(d, "truncation");

	chat_draft_limit(d, &limit);
	if (tier.type == SKIM_STRING && chat_draft_is_for(d, TAKES_TIER))
		chat_draft_copy(d, "service_tier", &tier);
	if (chat_draft_is_for(d, TAKES_USER)) {
		chat_draft_copy(d, "user", &user);
		chat_draft_copy(d, "safety_identifier", &person);
	}
	if (skim_string_is(&truncation, "auto") &&
	    chat_draft_refuse(d, "truncation: \"auto\"") != 0)
		return -1;
	write_logprobs(d);
	return 0;
}

static int
write_body(struct chat_draft *d)
{
	if (check_state(d) != 0 ||
	    chat_draft_members(d, params, ARRAY_LEN(params)) != 0 ||
	    responses_items_write(d) != 0 || responses_tools_write(d) != 0 ||
	    write_rest(d) != 0)
		return -1;
	write_format(d);
	write_thought(d);
	return 0;
}

int
responses_chat_write(const struct wire_request *r,
    const struct wire_choice *choice, struct arena *arena,
    struct wire_request *chat_r, struct err *err)
{
	return chat_draft_write(r, choice, write_body, arena, chat_r, err);
}
