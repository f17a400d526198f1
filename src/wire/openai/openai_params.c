/*
 * The table of parameters by provider. See openai_params.h. Sources: notes on
 * the wire formats sections 3.1 to 3.9, notes on LiteLLM section 6.
 *
 * Adding a provider that takes all parameters needs no row. Rows are for what
 * a provider refuses (400, 422), ignores although it matters (an output limit
 * under another name) or calls differently.
 */
#include "wire/openai/openai_params.h"

#include "base/num.h"

#define REFUSED_BYTES 512

/* OpenAI's families. A name that ends in a point covers all that begin so. */
#define REASONING "o1 o3 o4 gpt-5"
#define NEWER     "gpt-5. gpt-6 gpt-6. gpt-7 gpt-7."
#define NO_EFFORT "gpt-3.5 gpt-35 gpt-4 gpt-4. gpt-4o chatgpt-4o"

struct param_row {
	const char *param;
	enum param_action action;
	/* RENAME: the name. CLAMP: the most. WORD: the word, a blank and what
	   comes instead, as JSON. WORDS: all of them. */
	const char *to;
};

/* clang-format off */
/* Reasoning models take only the default of these, and call the limit
   max_completion_tokens. */
static const struct param_row reasoning_rows[] = {
	{ "max_tokens",        PARAM_RENAME, "max_completion_tokens" },
	{ "temperature",       PARAM_YIELD,  NULL },
	{ "top_p",             PARAM_YIELD,  NULL },
	{ "presence_penalty",  PARAM_YIELD,  NULL },
	{ "frequency_penalty", PARAM_YIELD,  NULL },
	{ "logprobs",          PARAM_YIELD,  NULL },
	{ "top_logprobs",      PARAM_YIELD,  NULL },
	{ "logit_bias",        PARAM_YIELD,  NULL },
	{ "stop",              PARAM_YIELD,  NULL },
};

/* Those behind them take all of these again, but not the old name. */
static const struct param_row newer_rows[] = {
	{ "max_tokens",        PARAM_RENAME, "max_completion_tokens" },
};

/* Nor does GPT-5's chat model, which does not reason. */
static const struct param_row new_chat_rows[] = {
	{ "max_tokens",        PARAM_RENAME, "max_completion_tokens" },
	{ "reasoning_effort",  PARAM_YIELD,  NULL },
	{ "reasoning",         PARAM_YIELD,  NULL }, /* of responses */
};

/* Models that do not reason: 400 for a word on how much. */
static const struct param_row no_effort_rows[] = {
	{ "reasoning_effort",  PARAM_YIELD,  NULL },
	{ "reasoning",         PARAM_YIELD,  NULL }, /* of responses */
};

/* additionalProperties is false there: every other field is a 422. */
static const struct param_row mistral_rows[] = {
	{ "seed",                  PARAM_RENAME, "random_seed" },
	{ "max_completion_tokens", PARAM_RENAME, "max_tokens" },
	{ "dimensions",            PARAM_RENAME, "output_dimension" },
	{ "temperature",           PARAM_CLAMP,  "1.5" },
	/* Older deployments know only their own word. */
	{ "tool_choice",           PARAM_WORD,   "required \"any\"" },
	/* It knows none and high. */
	{ "reasoning_effort",      PARAM_WORD,   "minimal \"high\"" },
	{ "reasoning_effort",      PARAM_WORD,   "low \"high\"" },
	{ "reasoning_effort",      PARAM_WORD,   "medium \"high\"" },
	{ "reasoning_effort",      PARAM_WORD,   "xhigh \"high\"" },
	{ "reasoning_effort",      PARAM_WORD,   "max \"high\"" },
	{ "service_tier",          PARAM_WORDS,  "auto standard_only" },
	{ "stream_options",        PARAM_DROP,   NULL },
	{ "user",                  PARAM_DROP,   NULL },
	{ "logprobs",              PARAM_REFUSE, NULL },
	{ "top_logprobs",          PARAM_REFUSE, NULL },
	{ "logit_bias",            PARAM_REFUSE, NULL },
	{ "store",                 PARAM_REFUSE, NULL },
	{ "modalities",            PARAM_REFUSE, NULL },
	{ "audio",                 PARAM_REFUSE, NULL },
	{ "verbosity",             PARAM_REFUSE, NULL },
	{ "safety_identifier",     PARAM_REFUSE, NULL },
	{ "functions",             PARAM_REFUSE, NULL },
	{ "function_call",         PARAM_REFUSE, NULL },
	{ "web_search_options",    PARAM_REFUSE, NULL },
	{ "moderation",            PARAM_REFUSE, NULL },
	{ "prompt_cache_options",  PARAM_REFUSE, NULL },
	{ "prompt_cache_retention", PARAM_REFUSE, NULL },
};

/* Chat translated for Anthropic (anthropic_body.c): what has no counterpart
   there. The second part is about the provider's own bookkeeping and caching:
   the answer is the same without it. */
#define NOT_CLAUDES                                                            \
	{ "n",                     PARAM_REFUSE, NULL },                       \
	{ "seed",                  PARAM_REFUSE, NULL },                       \
	{ "frequency_penalty",     PARAM_REFUSE, NULL },                       \
	{ "presence_penalty",      PARAM_REFUSE, NULL },                       \
	{ "logit_bias",            PARAM_REFUSE, NULL },                       \
	{ "logprobs",              PARAM_REFUSE, NULL },                       \
	{ "top_logprobs",          PARAM_REFUSE, NULL },                       \
	{ "audio",                 PARAM_REFUSE, NULL },                       \
	{ "modalities",            PARAM_REFUSE, NULL },                       \
	{ "functions",             PARAM_REFUSE, NULL },                       \
	{ "function_call",         PARAM_REFUSE, NULL },                       \
	{ "moderation",            PARAM_REFUSE, NULL },                       \
	{ "store",                 PARAM_DROP,   NULL },                       \
	{ "prediction",            PARAM_DROP,   NULL },                       \
	{ "verbosity",             PARAM_DROP,   NULL },                       \
	{ "prompt_cache_key",      PARAM_DROP,   NULL },                       \
	{ "prompt_cache_options",  PARAM_DROP,   NULL },                       \
	{ "prompt_cache_retention", PARAM_DROP,  NULL }

static const struct param_row anthropic_rows[] = {
	NOT_CLAUDES,
};

/* No tool runs there. */
static const struct param_row bedrock_rows[] = {
	NOT_CLAUDES,
	{ "web_search_options",    PARAM_REFUSE, NULL },
};

static const struct param_row groq_rows[] = {
	{ "logprobs",     PARAM_REFUSE, NULL },
	{ "top_logprobs", PARAM_REFUSE, NULL },
	{ "logit_bias",   PARAM_REFUSE, NULL },
	{ "n",            PARAM_REFUSE, NULL },
};

static const struct param_row cerebras_rows[] = {
	{ "frequency_penalty", PARAM_REFUSE, NULL },
	{ "presence_penalty",  PARAM_REFUSE, NULL },
	{ "logit_bias",        PARAM_REFUSE, NULL },
};

/* They ignore max_completion_tokens: without its other name there would be no
   limit at all. */
static const struct param_row old_limit_rows[] = {
	{ "max_completion_tokens", PARAM_RENAME, "max_tokens" },
};

static const struct param_row deepseek_rows[] = {
	{ "max_completion_tokens", PARAM_RENAME, "max_tokens" },
	/* It knows low, high and max. */
	{ "reasoning_effort",      PARAM_WORD,   "minimal \"low\"" },
	{ "reasoning_effort",      PARAM_WORD,   "medium \"high\"" },
	{ "reasoning_effort",      PARAM_WORD,   "xhigh \"max\"" },
};

static const struct param_row fireworks_rows[] = {
	{ "max_completion_tokens", PARAM_RENAME, "max_tokens" },
	{ "tool_choice",           PARAM_WORD,   "required \"any\"" },
};

/* Grok's reasoning models (all from 4 on): 400 for these. */
static const struct param_row grok_rows[] = {
	{ "stop",              PARAM_YIELD, NULL },
	{ "presence_penalty",  PARAM_YIELD, NULL },
	{ "frequency_penalty", PARAM_YIELD, NULL },
	{ "logit_bias",        PARAM_YIELD, NULL },
	{ "reasoning_effort",  PARAM_YIELD, NULL },
};

/* Searches and answers; calls no tools of the client's. */
static const struct param_row perplexity_rows[] = {
	{ "max_completion_tokens", PARAM_RENAME, "max_tokens" },
	{ "tools",                 PARAM_YIELD,  NULL },
	{ "tool_choice",           PARAM_YIELD,  NULL },
	{ "parallel_tool_calls",   PARAM_YIELD,  NULL },
	{ "n",                     PARAM_YIELD,  NULL },
	{ "logprobs",              PARAM_YIELD,  NULL },
	{ "top_logprobs",          PARAM_YIELD,  NULL },
	{ "logit_bias",            PARAM_YIELD,  NULL },
	{ "seed",                  PARAM_YIELD,  NULL },
};

/* Parameters of their own which are not for others (FATE PROVIDER). */
static const struct param_row vllm_rows[] = {
	{ "priority", PARAM_KEEP, NULL },
};

/* Its OpenAI endpoint answers 400 to names it does not know. */
static const struct param_row gemini_rows[] = {
	{ "extra_body",        PARAM_KEEP,   NULL },
	{ "reasoning_effort",  PARAM_WORD,   "xhigh \"high\"" },
	{ "reasoning_effort",  PARAM_WORD,   "max \"high\"" },
	{ "user",              PARAM_DROP,   NULL },
	{ "metadata",          PARAM_DROP,   NULL },
	{ "logit_bias",        PARAM_REFUSE, NULL },
	{ "store",             PARAM_REFUSE, NULL },
	{ "safety_identifier", PARAM_REFUSE, NULL },
	{ "prompt_cache_key",  PARAM_REFUSE, NULL },
	{ "encoding_format",   PARAM_DROP,   NULL }, /* embeddings.h */
	{ "verbosity",         PARAM_REFUSE, NULL },
	{ "prediction",        PARAM_DROP,   NULL },
	{ "service_tier",      PARAM_DROP,   NULL },
};

#define ROWS(rows) rows, ARRAY_LEN(rows)
static const struct {
	const char *provider;
	const char *models;    /* families, blank separated; NULL all */
	const struct param_row *rows;
	size_t count;
} groups[] = {
	{ "openai",      "gpt-5-chat", ROWS(new_chat_rows) },
	{ "azure",       "gpt-5-chat", ROWS(new_chat_rows) },
	{ "azure_ai",    "gpt-5-chat", ROWS(new_chat_rows) },
	{ "openai",      NO_EFFORT, ROWS(no_effort_rows) },
	{ "azure",       NO_EFFORT, ROWS(no_effort_rows) },
	{ "azure_ai",    NO_EFFORT, ROWS(no_effort_rows) },
	{ "openai",      NEWER,     ROWS(newer_rows) },
	{ "azure",       NEWER,     ROWS(newer_rows) },
	{ "azure_ai",    NEWER,     ROWS(newer_rows) },
	{ "openai",      REASONING, ROWS(reasoning_rows) },
	{ "azure",       REASONING, ROWS(reasoning_rows) },
	{ "azure_ai",    REASONING, ROWS(reasoning_rows) },
	{ "mistral",     NULL,      ROWS(mistral_rows) },
	{ "codestral",   NULL,      ROWS(mistral_rows) },
	{ "anthropic",   NULL,      ROWS(anthropic_rows) },
	{ "bedrock",     NULL,      ROWS(bedrock_rows) },
	{ "groq",        NULL,      ROWS(groq_rows) },
	{ "cerebras",    NULL,      ROWS(cerebras_rows) },
	{ "ollama",      NULL,      ROWS(old_limit_rows) },
	{ "ollama_chat", NULL,      ROWS(old_limit_rows) },
	{ "deepseek",    NULL,      ROWS(deepseek_rows) },
	{ "together_ai", NULL,      ROWS(old_limit_rows) },
	{ "perplexity",  NULL,      ROWS(perplexity_rows) },
	{ "fireworks_ai", NULL,     ROWS(fireworks_rows) },
	{ "xai",         "grok-4 grok-code", ROWS(grok_rows) },
	{ "nvidia_nim",  NULL,      ROWS(old_limit_rows) },
	{ "hosted_vllm", NULL,      ROWS(vllm_rows) },
	{ "vllm",        NULL,      ROWS(vllm_rows) },
	{ "gemini",      NULL,      ROWS(gemini_rows) },
};
/* clang-format on */

bool
param_is_listed(const char *list, struct str word)
{
	struct str rest = str_of(list);

	while (rest.n > 0) {
		if (str_eq(str_cut(&rest, ' '), word))
			return true;
	}
	return false;
}

/* "o3" covers "o3" and "o3-mini", not "o30" or "o3.1"; "gpt-5." covers
   "gpt-5.1"; a vendor's part in front is left out. */
static bool
is_of_family(const char *families, const char *model)
{
	const char *slash = strrchr(model, '/'), *f = families;
	const char *name = slash != NULL ? slash + 1 : model;

	if (families == NULL)
		return true;
	while (*f != '\0') {
		size_t n = 0;

		while (f[n] == name[n] && f[n] != '\0' && f[n] != ' ')
			n++;
		if (n > 0 && (f[n] == '\0' || f[n] == ' ') &&
		    (name[n] == '\0' || name[n] == '-' || f[n - 1] == '.'))
			return true;
		while (f[n] != '\0' && f[n] != ' ')
			n++;
		f += n + (f[n] == ' ');
	}
	return false;
}

/* Beside OpenAI's reasoning models: who takes it from any model. */
#define TAKES_EFFORT                                                           \
	"anthropic bedrock openrouter hosted_vllm vllm gemini deepseek"
/* Anthropic's thinking: who refuses it, and OpenAI itself. */
#define NO_THINKING                                                            \
	"azure mistral codestral groq cerebras xai perplexity together_ai "    \
	"nvidia_nim"

const char *
param_family(const struct config_deployment *d, const char *model)
{
	if (d->family != NULL && d->family[0] != '\0')
		return d->family;
	return d->base_model != NULL && d->base_model[0] != '\0' ? d->base_model
								 : model;
}

bool
param_takes_effort(const struct config_deployment *d, const char *model)
{
	struct str provider = str_of(d->provider->prefix);
	const char *family = param_family(d, model);

	/* OpenAI's models that reason, and no others. */
	if (param_is_listed("openai azure", provider))
		return is_of_family(REASONING " " NEWER, family) &&
		       str_find(str_of(family), "-chat") < 0;
	return param_is_listed(TAKES_EFFORT, provider);
}

/* Not a server of one's own that speaks as it does. */
static bool
is_openai_itself(const struct config_deployment *d)
{
	return strcmp(d->provider->prefix, "openai") == 0 &&
	       (d->api_base[0] == '\0' ||
		   str_find(str_of(d->api_base), "api.openai.com") >= 0);
}

static bool
is_listed(const char *providers, const struct config_deployment *d)
{
	return param_is_listed(providers, str_of(d->provider->prefix));
}

bool
param_refuses_thinking(const struct config_deployment *d)
{
	return is_openai_itself(d) || is_listed(NO_THINKING, d);
}

bool
param_takes_custom_tools(const struct config_deployment *d, const char *model)
{
	return (is_openai_itself(d) || is_listed("azure", d)) &&
	       is_of_family("gpt-5 " NEWER, param_family(d, model));
}

/* For Anthropic, and Bedrock by its form, anthropic_turns.c puts them in front.
 */
bool
param_takes_late_system(const struct config_deployment *d)
{
	return is_openai_itself(d) ||
	       is_listed("azure azure_ai anthropic bedrock", d);
}

const char *
param_effort_of_budget(int64_t tokens)
{
	if (tokens >= 10000)
		return "high";
	if (tokens >= 5000)
		return "medium";
	return tokens >= 2000 ? "low" : "minimal";
}

/*
 * Newer vLLMs read reasoning alone, older ones and llama.cpp reasoning_content;
 * servers of one's own pass over what they do not know. Groq and OpenAI refuse
 * it. Mistral's is made a chunk of the content (openai_messages.c). Sources:
 * notes on the wire formats, section 3; vLLM's entrypoints/chat_utils.py.
 */
#define OWN_SERVERS                                                            \
	"hosted_vllm vllm lm_studio llamafile xinference custom_openai "       \
	"openai_like"
static const struct {
	const char *providers, *members;
} thought_rows[] = {
	{ OWN_SERVERS, "reasoning reasoning_content" },
	{ "deepseek moonshot zai zhipu fireworks_ai", "reasoning_content" },
	{ "openrouter", "reasoning reasoning_details" },
	{ "groq cerebras ollama ollama_chat", "reasoning" },
	{ "mistral codestral", "reasoning_content" },
	{ "anthropic bedrock", "thinking_blocks" },
	{ "openai azure gemini", "" },
};

const char *
param_thought_members(const struct config_deployment *d)
{
	struct str prefix = str_of(d->provider->prefix);

	/* openai/ with another address is a server of one's own. */
	if (str_is(prefix, "openai") && d->api_base[0] != '\0' &&
	    str_find(str_of(d->api_base), ".openai.com") < 0)
		return thought_rows[0].members;
	for (size_t i = 0; i < ARRAY_LEN(thought_rows); i++) {
		if (param_is_listed(thought_rows[i].providers, prefix))
			return thought_rows[i].members;
	}
	return NULL;
}

void
param_rules_init(struct param_rules *p, const struct wire_request *r,
    const struct wire_choice *choice)
{
	const struct config_deployment *d = choice->deployment;

	memset(p, 0, sizeof(*p));
	p->request = r;
	p->deployment = d;
	p->model = choice->upstream_model != NULL ? choice->upstream_model
						  : d->upstream_model;
	buf_init(&p->refused, REFUSED_BYTES);
	p->drop = choice->config != NULL && choice->config->drop_params;
	if (d->drop_params != CONFIG_UNSET)
		p->drop = d->drop_params == 1;
	if (r->drop_params != CONFIG_UNSET)
		p->drop = r->drop_params == 1;
	/* The table has OpenAI's parameters. */
	if (wire_api_is_anthropic(r->api))
		return;
	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		if (groups[i].provider[0] != d->provider->prefix[0] ||
		    strcmp(groups[i].provider, d->provider->prefix) != 0 ||
		    !is_of_family(groups[i].models, param_family(d, p->model)))
			continue;
		p->rows = groups[i].rows;
		p->row_count = groups[i].count;
		break;
	}
}

void
param_rules_fini(struct param_rules *p)
{
	buf_fini(&p->refused);
}

/* In a list of the configuration's or of the request's. */
static bool
is_named(const struct config_strings *names, const struct skim_value *list,
    struct str key)
{
	struct skim_iter it;
	struct skim_value v;
	struct str none;

	for (size_t i = 0; i < names->count; i++) {
		if (str_is(key, names->items[i]))
			return true;
	}
	if (list->type != SKIM_ARRAY)
		return false;
	skim_iter_init(&it, list->value);
	while (skim_iter_next(&it, &none, &v) == 1) {
		if (v.value.n == key.n + 2 &&
		    memcmp(v.value.p + 1, key.p, key.n) == 0)
			return true;
	}
	return false;
}

/* What the gateway itself rests on is never dropped by a list. */
static bool
is_vital(struct str key)
{
	return str_is(key, "model") || str_is(key, "messages") ||
	       str_is(key, "prompt") || str_is(key, "input") ||
	       str_is(key, "stream");
}

/* null, false, nothing in brackets, n = 1, penalties of 0 and text as the only
   modality say nothing: leaving them out changes nothing. Empty options of a
   search still ask for one. */
static bool
is_default(struct str key, const struct skim_value *v)
{
	int64_t n;

	if (v->type == SKIM_NULL || v->type == SKIM_FALSE)
		return true;
	if (str_is(key, "web_search_options"))
		return false;
	if (v->type == SKIM_ARRAY || v->type == SKIM_OBJECT)
		return v->count == 0 ||
		       (str_is(key, "modalities") && v->count == 1 &&
			   str_find(v->value, "\"text\"") > 0);
	if (v->type != SKIM_NUMBER || skim_int(v, &n) != 0)
		return false;
	return n == (str_is(key, "n") ? 1 : 0) && !str_is(key, "seed");
}

static void
note_refused(struct param_rules *p, struct str key)
{
	if (p->refused.len > 0)
		buf_add_cstr(&p->refused, ", ");
	buf_printf(&p->refused, "'" STR_FMT "'", STR_ARG(key));
}

/* A number above the provider's most; v may be anything. */
static bool
is_above(const struct skim_value *v, const char *most)
{
	int64_t a, b;
	bool inexact;

	return v->type == SKIM_NUMBER &&
	       num_decimal(v->value, 6, &a, &inexact) == 0 &&
	       num_decimal(str_of(most), 6, &b, &inexact) == 0 && a > b;
}

/* The value is the first word of `pair`: what stands behind it. */
static const char *
other_word(const struct skim_value *v, const char *pair)
{
	struct str rest = str_of(pair), word = str_cut(&rest, ' ');

	if (v->type != SKIM_STRING || v->value.n != word.n + 2 ||
	    memcmp(v->value.p + 1, word.p, word.n) != 0)
		return NULL;
	return rest.p;
}

/* The row for this parameter; of several for its words the one that fits. */
static const struct param_row *
find_row(const struct param_rules *p, struct str key,
    const struct skim_value *v)
{
	const struct param_row *found = NULL;

	for (size_t i = 0; i < p->row_count; i++) {
		const struct param_row *row = &p->rows[i];

		if (!str_is(key, row->param))
			continue;
		found = row;
		if (row->action != PARAM_WORD || v == NULL ||
		    other_word(v, row->to) != NULL)
			break;
	}
	return found;
}

/* Actions that depend on the value. */
static enum param_action
judge_value(const struct param_row *row, const struct skim_value *v,
    const char **value_r)
{
	if (v == NULL)
		return PARAM_KEEP;
	if (row->action == PARAM_CLAMP && is_above(v, row->to)) {
		*value_r = row->to;
		return PARAM_VALUE;
	}
	if (row->action == PARAM_WORD) {
		*value_r = other_word(v, row->to);
		return *value_r != NULL ? PARAM_VALUE : PARAM_KEEP;
	}
	if (row->action == PARAM_WORDS && v->type == SKIM_STRING &&
	    !param_is_listed(row->to, str_make(v->value.p + 1, v->value.n - 2)))
		return PARAM_DROP;
	return PARAM_KEEP;
}

/* One the provider has no row for. */
static enum param_action
judge_unlisted(struct str key, const struct skim_value *v, const char **value_r)
{
	/* Mistral's word for what all others call required. */
	static const struct param_row any = { "tool_choice", PARAM_WORD,
		"any \"required\"" };

	if (str_is(key, "priority") || str_is(key, "extra_body"))
		return PARAM_DROP;
	if (str_is(key, any.param))
		return judge_value(&any, v, value_r);
	return PARAM_KEEP;
}

enum param_action
param_rules_judge(struct param_rules *p, struct str key,
    const struct skim_value *v, const char **name_r)
{
	const struct param_row *row = find_row(p, key, v);
	const struct config_deployment *d = p->deployment;

	if (!is_vital(key) && is_named(&d->additional_drop_params,
				  &p->request->additional_drop_params, key))
		return PARAM_DROP;
	if (is_named(&d->allowed_openai_params,
		&p->request->allowed_openai_params, key))
		return PARAM_KEEP;
	if (row == NULL)
		return judge_unlisted(key, v, name_r);
	switch (row->action) {
	case PARAM_KEEP:
	case PARAM_DROP:
	case PARAM_VALUE:
		return row->action;
	case PARAM_CLAMP:
	case PARAM_WORD:
	case PARAM_WORDS:
		return judge_value(row, v, name_r);
	case PARAM_RENAME:
		*name_r = row->to;
		return PARAM_RENAME;
	case PARAM_YIELD:
		return p->drop ? PARAM_DROP : PARAM_KEEP;
	case PARAM_REFUSE:
		if (!p->drop && v != NULL && !is_default(key, v))
			note_refused(p, key);
		return PARAM_DROP;
	}
	return PARAM_KEEP;
}

bool
param_rules_refuse(struct param_rules *p, struct str key)
{
	if (!p->drop)
		note_refused(p, key);
	return p->drop;
}

int
param_rules_end(const struct param_rules *p, struct err *err)
{
	if (p->refused.len == 0)
		return 0;
	return err_set(err, ERR_BAD_REQUEST,
	    "%s does not support parameters: [" STR_FMT
	    "], for model=%s. To drop these, set "
	    "`litellm_settings: drop_params: true`, or drop_params in the "
	    "request",
	    p->deployment->provider->prefix, STR_ARG(buf_str(&p->refused)),
	    p->model);
}
