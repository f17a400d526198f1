/* The table of OpenAI-like providers. See flavor.h. */
#include "sim/flavor.h"

#include "sim/answer.h"

/* Google's word for the calls of other models. */
#define ANY_SIGNATURE "skip_thought_signature_validator"

/* clang-format off */
const struct flavor flavors[] = {
	{ "openai", 0, ERROR_AS_OPENAI, "", "", "stop", "", "" },
	{ "gemini", QUIRK_NO_CALL_INDEX | QUIRK_WHOLE_CALLS | QUIRK_STOP_ON_CALLS | QUIRK_SIGNED_CALLS | QUIRK_USAGE_EACH | QUIRK_APART | QUIRK_ROLE_EACH,
	  ERROR_LIST, "", "", "stop",
	  "logit_bias user store metadata safety_identifier prompt_cache_key verbosity service_tier prediction encoding_format priority", "" },
	{ "groq", QUIRK_X_GROQ, ERROR_AS_OPENAI, "reasoning", "", "stop",
	  "logprobs top_logprobs logit_bias", "name" },
	{ "deepseek", QUIRK_CACHE_HITS | QUIRK_KEEP_ALIVE | QUIRK_USAGE_FINISH | QUIRK_THINKS_BACK,
	  ERROR_AS_OPENAI, "reasoning_content", ": keep-alive", "stop", "", "" },
	{ "vllm", QUIRK_USAGE_EACH, ERROR_BARE, "reasoning", "", "stop", "", "" },
	{ "ollama", QUIRK_WHOLE_CALLS, ERROR_AS_OPENAI, "reasoning", "", "stop", "", "" },
	{ "openrouter", QUIRK_COST | QUIRK_ROLE_EACH, ERROR_IN_CHOICES, "reasoning", ": OPENROUTER PROCESSING", "stop", "", "" },
	{ "together", 0, ERROR_AS_OPENAI, "", "", "eos", "", "" },
	{ "cerebras", QUIRK_USAGE_FINISH, ERROR_AS_OPENAI, "reasoning", "", "stop", "frequency_penalty presence_penalty logit_bias", "" },
	{ "xai", QUIRK_APART | QUIRK_WHOLE_CALLS | QUIRK_ROLE_EACH, ERROR_AS_OPENAI, "reasoning_content", "", "stop", "presence_penalty frequency_penalty stop", "" },
	{ "perplexity", QUIRK_CITATIONS | QUIRK_COST | QUIRK_USAGE_EACH | QUIRK_ROLE_EACH, ERROR_AS_OPENAI, "", "", "stop", "tools tool_choice logprobs n", "" },
	{ "magistral", QUIRK_CHUNKS, ERROR_AS_OPENAI, "", "", "stop", "", "" },
};
/* clang-format on */

const size_t flavor_count = ARRAY_LEN(flavors);

int
flavor_find(struct str name, size_t *i_r)
{
	for (size_t i = 0; i < flavor_count; i++) {
		if (str_is_nocase(name, flavors[i].name)) {
			*i_r = i;
			return 0;
		}
	}
	return -1;
}

/* ---- requests ----------------------------------------------------------- */

static int
refuse(struct problem *p, const char *name, const char *where)
{
	problem_set(p, 400, "", "%sproperty '%.40s' is unsupported", where,
	    name);
	return problem_param(p, name);
}

static int
check_members(const char *refused, json_t *obj, const char *where,
    struct problem *p)
{
	struct str rest = str_of(refused);

	while (rest.n > 0) {
		struct str word = str_cut(&rest, ' ');
		char name[40];

		snprintf(name, sizeof(name), STR_FMT, STR_ARG(word));
		if (json_object_get(obj, name) != NULL)
			return refuse(p, name, where);
	}
	return 0;
}

static bool
is_signed(json_t *call)
{
	json_t *google =
	    json_object_get(json_object_get(call, "extra_content"), "google");
	struct str s = jsonx_str(google, "thought_signature");

	return str_is(s, FLAVOR_SIGNATURE) || str_is(s, ANY_SIGNATURE);
}

/* The first call of each turn carries the signature. */
static int
check_signatures(json_t *message, struct problem *p)
{
	json_t *calls = json_object_get(message, "tool_calls");

	if (json_array_size(calls) == 0 || is_signed(json_array_get(calls, 0)))
		return 0;
	return problem_set(p, 400, "",
	    "Function call is missing a thought_signature in functionCall "
	    "parts.");
}

static int
check_thoughts(json_t *message, struct problem *p)
{
	if (json_array_size(json_object_get(message, "tool_calls")) == 0 ||
	    json_is_string(json_object_get(message, "reasoning_content")))
		return 0;
	return problem_set(p, 400, "invalid_request_error",
	    "The reasoning_content in the thinking mode must be passed back "
	    "to the API.");
}

/* Tools that take text are OpenAI's own. */
static int
check_tools(const struct flavor *f, const struct chat *chat, struct problem *p)
{
	json_t *tool;
	size_t i;

	if (f == &flavors[0])
		return 0;
	json_array_foreach(json_object_get(chat->root, "tools"), i, tool) {
		if (str_is(jsonx_str(tool, "type"), "function"))
			continue;
		problem_set(p, 400, "invalid_request_error",
		    "tools: type must be 'function'");
		return problem_param(p, "tools");
	}
	return 0;
}

int
flavor_check(const struct flavor *f, const struct chat *chat, struct problem *p)
{
	json_t *message;
	size_t i;

	if (check_members(f->refused, chat->root, "", p) != 0 ||
	    check_tools(f, chat, p) != 0)
		return -1;
	json_array_foreach(json_object_get(chat->root, "messages"), i,
	    message) {
		if (check_members(f->refused_in_messages, message,
			"messages: ", p) != 0)
			return -1;
		if ((f->quirks & QUIRK_SIGNED_CALLS) != 0 &&
		    check_signatures(message, p) != 0)
			return -1;
		if ((f->quirks & QUIRK_THINKS_BACK) != 0 &&
		    check_thoughts(message, p) != 0)
			return -1;
	}
	return 0;
}

/* ---- errors ------------------------------------------------------------- */

/* Google's word for a status. */
static const char *
google_status(int status)
{
	switch (status) {
	case 400:
		return "INVALID_ARGUMENT";
	case 401:
		return "UNAUTHENTICATED";
	case 403:
		return "PERMISSION_DENIED";
	case 404:
		return "NOT_FOUND";
	case 429:
		return "RESOURCE_EXHAUSTED";
	case 503:
		return "UNAVAILABLE";
	case 504:
		return "DEADLINE_EXCEEDED";
	default:
		return "INTERNAL";
	}
}

static void
write_int_code(const struct problem *p, struct jsonw *w)
{
	jsonw_put_open(w, "error", '{');
	jsonw_key(w, "code");
	jsonw_int(w, p->status);
	jsonw_key(w, "message");
	jsonw_cstr(w, p->message);
}

static void
write_google(const struct problem *p, struct jsonw *w)
{
	jsonw_open(w, '[');
	jsonw_open(w, '{');
	write_int_code(p, w);
	jsonw_key(w, "status");
	jsonw_cstr(w, google_status(p->status));
	if (p->status == 429) {
		jsonw_key(w, "details");
		jsonw_raw(w,
		    str_of("[{\"@type\":\"type.googleapis.com/"
			   "google.rpc.RetryInfo\",\"retryDelay\":\"27s\"}]"));
	}
	jsonw_close(w, '}');
	jsonw_close(w, '}');
	jsonw_close(w, ']');
}

bool
flavor_write_error(const struct flavor *f, const struct problem *p,
    bool in_stream, struct jsonw *w)
{
	if (f->error == ERROR_AS_OPENAI)
		return false;
	if (f->error == ERROR_LIST) {
		write_google(p, w);
		return true;
	}
	jsonw_open(w, '{');
	if (f->error == ERROR_BARE && p->status == 401) {
		jsonw_key(w, "error");
		jsonw_cstr(w, "Unauthorized");
	} else {
		write_int_code(p, w);
		jsonw_close(w, '}');
	}
	if (f->error == ERROR_IN_CHOICES && in_stream) {
		jsonw_key(w, "choices");
		jsonw_raw(w,
		    str_of("[{\"index\":0,\"delta\":{\"content\":\"\"},"
			   "\"finish_reason\":\"error\"}]"));
	}
	jsonw_close(w, '}');
	return true;
}

/* ---- answers ------------------------------------------------------------ */

void
flavor_write_usage(const struct flavor *f, const struct usage *u,
    struct jsonw *w)
{
	if ((f->quirks & QUIRK_CACHE_HITS) != 0) {
		jsonw_put_int(w, "prompt_cache_hit_tokens", u->cached_tokens);
		jsonw_put_int(w, "prompt_cache_miss_tokens",
		    u->prompt_tokens - u->cached_tokens);
	}
	if ((f->quirks & QUIRK_COST) != 0) {
		jsonw_key(w, "cost");
		if ((f->quirks & QUIRK_CITATIONS) != 0)
			jsonw_raw(w, str_of("{\"total_cost\":0.006}"));
		else
			jsonw_raw(w, str_of("0.00125"));
	}
}

void
flavor_write_extras(const struct flavor *f, struct jsonw *w)
{
	if ((f->quirks & QUIRK_CITATIONS) == 0)
		return;
	jsonw_key(w, "citations");
	jsonw_raw(w, str_of("[\"https://example.com/a\"]"));
	jsonw_key(w, "search_results");
	jsonw_raw(w,
	    str_of("[{\"title\":\"A\",\"url\":\"https://example.com/a\"}]"));
}
