/*
 * The top-level members of a client's request that mean something to the
 * gateway, and what becomes of each. Every other member is unknown here and
 * goes upstream byte for byte.
 *
 * X(ID, "key", FATE, prompt, "what we do with it")
 *   FATE
 *     FORWARD   goes upstream (rewritten where the text says so)
 *     CUT       is LiteLLM's or ours and never goes upstream
 *     PROVIDER  cut, but for the providers whose own parameter it is
 *               (openai_params.c has them)
 *     METADATA  the rule for "metadata", see below
 *   prompt: its bytes may reach the model (counted in the prompt's bound)
 * L(n) starts the keys of n bytes; the list is ordered by length, which is how
 * a key is found. tests/unit/test_request.c holds the list to it.
 *
 * All names starting with "mock_" or "litellm_" are CUT as well.
 *
 * metadata is OpenAI's (up to 16 pairs of strings, kept with a stored answer)
 * and LiteLLM's (tags, spend_logs_metadata, trace names for its callbacks;
 * LiteLLM never sends it on). It is cut when a value is no string or a key is
 * one of LiteLLM's (request.c: litellm_metadata_keys), else forwarded as it
 * stands.
 *
 * api_key, api_base and their like would let a client choose where the
 * gateway's request goes or with whose key; extra_headers and extra_query
 * would let it write parts of it. They have no effect.
 */
#ifndef WIRE_REQUEST_KEYS_H
#define WIRE_REQUEST_KEYS_H

/* clang-format off */
#define REQUEST_KEYS(X, L) \
L(1) \
X(N,                 "n",                     FORWARD,  false, "number of answers; 1 to 128") \
L(3) \
X(TTL,               "ttl",                   CUT,      false, "LiteLLM cache control") \
L(4) \
X(USER,              "user",                  FORWARD,  false, "end user for spend and caps") \
X(TAGS,              "tags",                  CUT,      false, "tags for routing and spend") \
L(5) \
X(MODEL,             "model",                 FORWARD,  false, "routed by; rewritten") \
X(TOOLS,             "tools",                 FORWARD,  true,  "part of the prompt") \
X(INPUT,             "input",                 FORWARD,  true,  "the prompt of embeddings and responses") \
X(CACHE,             "cache",                 CUT,      false, "LiteLLM cache control") \
L(6) \
X(STREAM,            "stream",                FORWARD,  false, "boolean or null") \
X(PROMPT,            "prompt",                FORWARD,  true,  "the prompt of completions") \
X(SYSTEM,            "system",                FORWARD,  true,  "part of the prompt (Anthropic)") \
X(NO_LOG,            "no-log",                CUT,      false, "LiteLLM logging control") \
L(7) \
X(BEST_OF,           "best_of",               FORWARD,  false, "answers generated and paid (completions)") \
X(TIMEOUT,           "timeout",               CUT,      false, "seconds for the whole request") \
X(CACHING,           "caching",               CUT,      false, "LiteLLM cache control") \
X(API_KEY,           "api_key",               CUT,      false, "no effect") \
L(8) \
X(MESSAGES,          "messages",              FORWARD,  true,  "the prompt of chat") \
X(METADATA,          "metadata",              METADATA, false, "tags read; see above") \
X(API_BASE,          "api_base",              CUT,      false, "no effect") \
X(BASE_URL,          "base_url",              CUT,      false, "no effect") \
X(PRIORITY,          "priority",              PROVIDER, false, "LiteLLM scheduler; vLLM has one of its own") \
L(9) \
X(FALLBACKS,         "fallbacks",             CUT,      false, "groups to fall back to") \
X(FUNCTIONS,         "functions",             FORWARD,  true,  "part of the prompt") \
L(10) \
X(MAX_TOKENS,        "max_tokens",            FORWARD,  false, "output limit; may be lowered") \
X(GUARDRAILS,        "guardrails",            CUT,      false, "LiteLLM guardrails") \
X(PREDICTION,        "prediction",            FORWARD,  true,  "rejected parts are billed as output") \
X(EXTRA_BODY,        "extra_body",            PROVIDER, true,  "Gemini's own options; else no effect") \
X(BACKGROUND,        "background",            FORWARD,  false, "needs a provider that keeps state (responses)") \
L(11) \
X(NUM_RETRIES,       "num_retries",           CUT,      false, "retries of this request") \
X(MAX_RETRIES,       "max_retries",           CUT,      false, "the same, when num_retries is absent") \
X(DROP_PARAMS,       "drop_params",           CUT,      false, "drop what the provider does not take") \
X(USER_CONFIG,       "user_config",           CUT,      false, "no effect") \
X(EXTRA_QUERY,       "extra_query",           CUT,      false, "no effect") \
X(API_VERSION,       "api_version",           CUT,      false, "no effect") \
L(12) \
X(SERVICE_TIER,      "service_tier",          FORWARD,  false, "price tier asked for") \
X(INSTRUCTIONS,      "instructions",          FORWARD,  true,  "part of the prompt (responses)") \
X(CONVERSATION,      "conversation",          FORWARD,  false, "needs a provider that keeps state (responses)") \
L(13) \
X(EXTRA_HEADERS,     "extra_headers",         CUT,      false, "no effect") \
L(14) \
X(STREAM_OPTIONS,    "stream_options",        FORWARD,  false, "include_usage is always asked upstream") \
X(STREAM_TIMEOUT,    "stream_timeout",        CUT,      false, "seconds to a stream's first byte") \
L(15) \
X(REQUEST_TIMEOUT,   "request_timeout",       CUT,      false, "the same as timeout, when that is absent") \
L(16) \
X(LITELLM_METADATA,  "litellm_metadata",      CUT,      false, "tags read") \
L(17) \
X(DISABLE_FALLBACKS, "disable_fallbacks",     CUT,      false, "stay in the asked group") \
X(MAX_OUTPUT_TOKENS, "max_output_tokens",     FORWARD,  false, "output limit (responses)") \
L(19) \
X(SPECIFIC_DEPLOYMENT, "specific_deployment", CUT,      false, "no effect") \
X(CUSTOM_PROVIDER,   "custom_llm_provider",   CUT,      false, "no effect") \
L(20) \
X(PROXY_REQUEST,     "proxy_server_request",  CUT,      false, "no effect") \
X(PREVIOUS_RESPONSE, "previous_response_id",  FORWARD,  false, "goes to the deployment it names (responses)") \
L(21) \
X(MAX_COMPLETION_TOKENS, "max_completion_tokens", FORWARD, false, "output limit; may be lowered") \
X(ALLOWED_PARAMS,    "allowed_openai_params", CUT,      false, "parameters to let through") \
L(22) \
X(DROP_MORE,         "additional_drop_params", CUT,     false, "parameters to drop in any case") \
L(24) \
X(CONTEXT_FALLBACKS, "context_window_fallbacks", CUT,   false, "groups for prompts that are too long") \
X(POLICY_FALLBACKS,  "content_policy_fallbacks", CUT,   false, "groups for refused content") \
X(USE_CHAT,          "use_chat_completions_api", CUT,   false, "no effect: the deployment's affair")
/* clang-format on */

#define REQUEST_KEY_MAX_LENGTH 24

#define REQUEST_KEY_ENUM(ID, key, fate, prompt, text) KEY_##ID,
/* The index of the first key of a length, without taking up an index. */
#define REQUEST_KEY_FIRST(n) KEY_FIRST_##n, KEY_BACK_##n = KEY_FIRST_##n - 1,
enum request_key {
	REQUEST_KEYS(REQUEST_KEY_ENUM, REQUEST_KEY_FIRST) KEY_COUNT,
	KEY_UNKNOWN = KEY_COUNT,
};
#undef REQUEST_KEY_ENUM
#undef REQUEST_KEY_FIRST

#endif
