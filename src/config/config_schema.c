/*
 * THE table of configuration keys (see config_schema.h) and the look-ups over
 * it. Const data and pure functions: owns nothing, reads nothing, cannot fail.
 * Where a value goes is in the row; how it is read is in config_value.c. The
 * meaning and the defaults of LiteLLM's keys: notes on LiteLLM, section 1.
 *
 * A row stands under the section its path names; "[]" is any item of a list
 * or any member of a map with free names. Two rows with one field are two
 * places for one setting: config_load.c reads litellm_settings before
 * router_settings, so the later one wins.
 */
#include "config/config_schema.h"

#include "config/config.h"
#include "config/config_entry.h"

#define CFG(f)    offsetof(struct config, f)
#define DEP(f)    offsetof(struct config_entry, d.f)
#define ENT(f)    offsetof(struct config_entry, f)
#define CAP(f)    offsetof(struct config_budget, f)
#define HOOK(f)   offsetof(struct config_webhook, f)
#define HEADER(f) offsetof(struct config_user_header, f)
#define NIL       CONFIG_NOWHERE

#define ROUTER(f) CFG(router.f)
#define GROUP(f)  offsetof(struct config_group, f)

#define MANY      INT64_C(1000000000000)
#define MAX_MSECS INT64_C(10000000000) /* 115 days */
#define HOUR      INT64_C(3600000)
#define KIB       INT64_C(1024)
#define GIB       INT64_C(1073741824)

/* A key we act on; FLAG: with flags; PICK: one of some words. */
#define USED(path, type, offset, dflt, min, max, help)                         \
	{                                                                      \
		path, TYPE_##type, EFFECT_USED, offset, dflt, min, max, NULL,  \
		    0, help                                                    \
	}
#define FLAG(path, type, offset, dflt, min, max, flags, help)                  \
	{                                                                      \
		path, TYPE_##type, EFFECT_USED, offset, dflt, min, max, NULL,  \
		    flags, help                                                \
	}
#define PICK(path, type, offset, dflt, choices, help)                          \
	{                                                                      \
		path, TYPE_##type, EFFECT_USED, offset, dflt, 0, 0, choices,   \
		    0, help                                                    \
	}
/* One class of error in a policy; in all places that have one. */
#define CLASS(path, offset, max, help)                                         \
	USED(path, INT, offset, NULL, 0, max, help)
#define RETRY_POLICY(at, F)                                                    \
	CLASS(at ".BadRequestErrorRetries", F(retry_policy.bad_request), 100,  \
	    "400"),                                                            \
	    CLASS(at ".AuthenticationErrorRetries",                            \
		F(retry_policy.authentication), 100, "401, 403"),              \
	    CLASS(at ".TimeoutErrorRetries", F(retry_policy.timeout), 100,     \
		"no answer in time"),                                          \
	    CLASS(at ".RateLimitErrorRetries", F(retry_policy.rate_limit),     \
		100, "429"),                                                   \
	    CLASS(at ".ContentPolicyViolationErrorRetries",                    \
		F(retry_policy.content_policy), 100, "refused content"),       \
	    CLASS(at ".InternalServerErrorRetries",                            \
		F(retry_policy.internal_server), 100, "500 and above"),        \
	    CLASS(at ".ServiceUnavailableErrorRetries",                        \
		F(retry_policy.service_unavailable), 100,                      \
		"503 and overloaded; absent: as InternalServerError"),         \
	    CLASS(at ".NotFoundErrorRetries", F(retry_policy.not_found), 100,  \
		"404"),                                                        \
	    CLASS(at ".DefaultRetries", F(retry_policy.other), 100,            \
		"classes without an entry that may be retried")
#define FAILS_POLICY(at, F)                                                    \
	CLASS(at ".BadRequestErrorAllowedFails",                               \
	    F(allowed_fails_policy.bad_request), MANY, "400"),                 \
	    CLASS(at ".AuthenticationErrorAllowedFails",                       \
		F(allowed_fails_policy.authentication), MANY, "401, 403"),     \
	    CLASS(at ".TimeoutErrorAllowedFails",                              \
		F(allowed_fails_policy.timeout), MANY, "no answer in time"),   \
	    CLASS(at ".RateLimitErrorAllowedFails",                            \
		F(allowed_fails_policy.rate_limit), MANY, "429"),              \
	    CLASS(at ".ContentPolicyViolationErrorAllowedFails",               \
		F(allowed_fails_policy.content_policy), MANY,                  \
		"refused content"),                                            \
	    CLASS(at ".InternalServerErrorAllowedFails",                       \
		F(allowed_fails_policy.internal_server), MANY,                 \
		"500 and above")
/* A parameter that is handed to the provider. */
#define BODY(name, type, help)                                                 \
	{                                                                      \
		"model_list[].litellm_params." name, TYPE_##type, EFFECT_USED, \
		    NIL, NULL, 0, 0, NULL, 0, help                             \
	}
/* A price; in litellm_params and in model_info. */
#define COST(name, help)                                                       \
	{ "model_list[].litellm_params." name, TYPE_PRICE, EFFECT_USED,        \
		DEP(prices), NULL, 0, 0, NULL, 0, help },                      \
	{                                                                      \
		"model_list[].model_info." name, TYPE_PRICE, EFFECT_USED,      \
		    DEP(prices), NULL, 0, 0, NULL, 0, help                     \
	}
/* The price of a search of the web, by how much it puts before the model. */
#define SEARCH_PRICE(at)                                                       \
	USED("model_list[]." at ".search_context_cost_per_query", MAP, NIL,    \
	    NULL, 0, 0, "price of a web search, by the size of its context"),  \
	    SIZE_PRICE(at, "low"), SIZE_PRICE(at, "medium"),                   \
	    SIZE_PRICE(at, "high")
#define SIZE_PRICE(at, size)                                                   \
	USED("model_list[]." at ".search_context_cost_per_query"               \
	     ".search_context_size_" size,                                     \
	    PRICE, DEP(prices), NULL, 0, 0,                                    \
	    "a " size " one; absent: as the dearest of the others")
/* LiteLLM's, known by name; IDLE: often there and empty; NMAP: a map. */
#define NONE(path, help)                                                       \
	{                                                                      \
		path, TYPE_ANY, EFFECT_NONE, NIL, NULL, 0, 0, NULL, 0, help    \
	}
#define IDLE(path, help)                                                       \
	{                                                                      \
		path, TYPE_ANY, EFFECT_NONE, NIL, NULL, 0, 0, NULL,            \
		    KEY_EMPTY_QUIET, help                                      \
	}
/* It keeps somebody or something out there: a warning. */
#define GATE(path, help)                                                       \
	{                                                                      \
		path, TYPE_ANY, EFFECT_NONE, NIL, NULL, 0, 0, NULL,            \
		    KEY_EMPTY_QUIET | KEY_GATE, help                           \
	}
#define NMAP(path, help)                                                       \
	{                                                                      \
		path, TYPE_MAP, EFFECT_NONE, NIL, NULL, 0, 0, NULL, 0, help    \
	}
/* Read by nobody where it stands. */
#define LOST(path, help)                                                       \
	{                                                                      \
		path, TYPE_ANY, EFFECT_MISPLACED, NIL, NULL, 0, 0, NULL, 0,    \
		    help                                                       \
	}
/* Kept and given back. */
#define KEEP(path, help)                                                       \
	{                                                                      \
		path, TYPE_ANY, EFFECT_EXTRA, NIL, NULL, 0, 0, NULL, 0, help   \
	}

#define STRATEGIES                                                             \
	"simple-shuffle|least-busy|latency-based-routing|usage-based-routing|" \
	"usage-based-routing-v2|cost-based-routing|provider-budget-routing"
#define SCOPES "global|provider|deployment|model|key|team|user|end_user|tag"

/* clang-format off */
const struct config_key config_keys[] = {
	/* ---- top level ------------------------------------------------- */
	USED("model_list", LIST, NIL, NULL, 0, 0, "the deployments; entries with one model_name share its load"),
	USED("router_settings", MAP, NIL, NULL, 0, 0, "choice of deployment, retries, fallbacks; wins over litellm_settings"),
	USED("litellm_settings", MAP, NIL, NULL, 0, 0, "settings of the proxy, some of them older places for router_settings"),
	USED("general_settings", MAP, NIL, NULL, 0, 0, "keys and storage"),
	USED("environment_variables", MAP, NIL, NULL, 0, 0, "put into the process's environment before the rest is read"),
	USED("include", LIST, NIL, NULL, 0, 0, "more files, relative to this one; their lists extend ours, their other keys replace ours whole"),
	USED("tallygate", MAP, NIL, NULL, 0, 0, "settings of Tallygate; LiteLLM ignores this section"),
	NONE("callback_settings", "parameters of callbacks"),
	NONE("credential_list", "named credentials"),
	GATE("guardrails", "checks of prompts and answers"),
	GATE("policies", "guardrail policies"),
	NONE("policy_attachments", "where policies apply"),
	NONE("prompts", "stored prompts"),
	NONE("mcp_servers", "MCP servers"),
	NONE("mcp_tools", "MCP tools"),
	NONE("agent_list", "agents"),
	NONE("vector_store_registry", "vector stores"),
	NONE("search_tools", "search tools"),
	NONE("assistant_settings", "assistants API"),
	NONE("finetune_settings", "fine-tuning API"),
	NONE("files_settings", "files API"),
	NONE("default_vertex_config", "pass-through to Vertex AI"),
	LOST("environment", "neither LiteLLM nor Tallygate reads this; variables belong under environment_variables"),
	LOST("production", "neither LiteLLM nor Tallygate reads this"),
	LOST("development", "neither LiteLLM nor Tallygate reads this"),

	/* ---- model_list ------------------------------------------------ */
	FLAG("model_list[].model_name", STRING, DEP(model_name), "", 0, 0, KEY_ENV_QUIET, "the public name; entries with the same name form a group"),
	USED("model_list[].litellm_params", MAP, NIL, NULL, 0, 0, "the provider, its address and what is sent to it"),
	USED("model_list[].model_info", MAP, NIL, NULL, 0, 0, "facts about the model"),
	FLAG("model_list[].tpm", INT, DEP(tpm), NULL, 0, MANY, KEY_QUOTED, "as litellm_params.tpm"),
	FLAG("model_list[].rpm", INT, DEP(rpm), NULL, 0, MANY, KEY_QUOTED, "as litellm_params.rpm"),

	FLAG("model_list[].litellm_params.model", STRING, DEP(litellm_model), "", 0, 0, KEY_ENV_QUIET, "provider/name; the name may have further slashes"),
	FLAG("model_list[].litellm_params.api_key", SECRET, DEP(api_key), "", 0, 0, KEY_ENV_QUIET, "key for the provider; absent: the provider's own variable"),
	FLAG("model_list[].litellm_params.base_url", STRING, DEP(api_base), "", 0, 0, KEY_ENV_QUIET, "another name for api_base"),
	FLAG("model_list[].litellm_params.api_base", STRING, DEP(api_base), "", 0, 0, KEY_ENV_QUIET, "address of the provider; absent: the provider's own"),
	USED("model_list[].litellm_params.api_version", STRING, DEP(api_version), "", 0, 0, "version of the provider's API (Azure)"),
	FLAG("model_list[].litellm_params.organization", STRINGS, ENT(organizations), NULL, 0, 0, KEY_ONE, "sent as OpenAI-Organization; a list makes one deployment of each"),
	USED("model_list[].litellm_params.custom_llm_provider", STRING, ENT(custom_provider), "", 0, 0, "provider; wins over the prefix of model"),
	USED("model_list[].litellm_params.headers", HEADERS, DEP(headers), NULL, 0, 0, "headers for the provider"),
	USED("model_list[].litellm_params.extra_headers", HEADERS, DEP(headers), NULL, 0, 0, "headers for the provider"),
	USED("model_list[].litellm_params.extra_body", JSON, DEP(extra_body_json), "", 0, 0, "merged into the body for the provider"),
	FLAG("model_list[].litellm_params.rpm", INT, DEP(rpm), NULL, 0, MANY, KEY_QUOTED, "requests a minute: weight of the shuffle, room for usage routing"),
	FLAG("model_list[].litellm_params.tpm", INT, DEP(tpm), NULL, 0, MANY, KEY_QUOTED, "tokens a minute: weight of the shuffle, room for usage routing"),
	FLAG("model_list[].litellm_params.weight", WEIGHT, DEP(weight_micros), NULL, 0, MANY, KEY_QUOTED, "weight of the shuffle, before rpm and tpm"),
	FLAG("model_list[].litellm_params.order", INT, DEP(order), NULL, -1000, 1000, KEY_QUOTED, "lower is tried first"),
	FLAG("model_list[].litellm_params.request_timeout", SECONDS, DEP(timeout_msecs), NULL, 1, MAX_MSECS, KEY_QUOTED | KEY_ZERO_UNSET, "another name for timeout"),
	FLAG("model_list[].litellm_params.timeout", SECONDS, DEP(timeout_msecs), NULL, 1, MAX_MSECS, KEY_QUOTED | KEY_ZERO_UNSET, "whole request"),
	FLAG("model_list[].litellm_params.stream_timeout", SECONDS, DEP(stream_timeout_msecs), NULL, 1, MAX_MSECS, KEY_QUOTED | KEY_ZERO_UNSET, "first byte of a stream"),
	FLAG("model_list[].litellm_params.num_retries", INT, DEP(num_retries), NULL, 0, 100, KEY_QUOTED, "retries when this deployment fails"),
	FLAG("model_list[].litellm_params.cooldown_time", SECONDS, DEP(cooldown_msecs), NULL, 0, MAX_MSECS, KEY_QUOTED, "how long it rests after failures"),
	FLAG("model_list[].litellm_params.allowed_fails", INT, DEP(allowed_fails), NULL, 0, MANY, KEY_QUOTED, "failures before it rests"),
	FLAG("model_list[].litellm_params.max_parallel_requests", INT, DEP(max_parallel_requests), NULL, 1, MANY, KEY_QUOTED, "requests at one time"),
	USED("model_list[].litellm_params.drop_params", TRISTATE, DEP(drop_params), NULL, 0, 0, "as litellm_settings.drop_params, for this deployment"),
	USED("model_list[].litellm_params.additional_drop_params", STRINGS, DEP(additional_drop_params), NULL, 0, 0, "parameters that are always removed"),
	USED("model_list[].litellm_params.allowed_openai_params", STRINGS, DEP(allowed_openai_params), NULL, 0, 0, "parameters that drop_params lets pass"),
	USED("model_list[].litellm_params.use_chat_completions_api", TRISTATE, DEP(use_chat), NULL, 0, 0, "true: /responses is translated to chat, for servers that do not have it; false: it passes, for servers that do; else by the provider"),
	USED("model_list[].litellm_params.tags", STRINGS, DEP(tags), NULL, 0, 0, "for routing by tag"),
	FLAG("model_list[].litellm_params.max_budget", MONEY, DEP(max_budget), "", 0, 0, KEY_QUOTED, "hard cap of this deployment"),
	USED("model_list[].litellm_params.budget_duration", PERIOD, DEP(budget_duration), "", 0, 0, "window of max_budget"),
	USED("model_list[].litellm_params.base_model", STRING, DEP(base_model), "", 0, 0, "name in the price table"),
	USED("model_list[].litellm_params.mock_response", MOCK, NIL, NULL, 0, 0, "answer without asking a provider: the text, or a whole answer as a map"),
	NONE("model_list[].litellm_params.max_retries", "retries of the HTTP client inside one attempt; the router's retries do that here"),
	NONE("model_list[].litellm_params.merge_reasoning_content_in_choices", "folds reasoning into the content"),
	NONE("model_list[].litellm_params.use_in_pass_through", "credentials for pass-through"),
	NONE("model_list[].litellm_params.use_litellm_proxy", "chain to another proxy"),
	NONE("model_list[].litellm_params.litellm_credential_name", "entry of credential_list"),
	NONE("model_list[].litellm_params.configurable_clientside_auth_params", "what a client may override"),
	NONE("model_list[].litellm_params.silent_model", "mirror of the traffic"),
	NONE("model_list[].litellm_params.max_file_size_mb", "limit of uploads"),
	NONE("model_list[].litellm_params.region_name", "region of the provider"),
	NONE("model_list[].litellm_params.vertex_project", "Vertex AI"),
	NONE("model_list[].litellm_params.vertex_location", "Vertex AI"),
	NONE("model_list[].litellm_params.vertex_credentials", "Vertex AI"),
	FLAG("model_list[].litellm_params.aws_access_key_id", SECRET, DEP(aws_access_key_id), "", 0, 0, KEY_ENV_QUIET, "Bedrock: key id; with aws_secret_access_key"),
	FLAG("model_list[].litellm_params.aws_secret_access_key", SECRET, DEP(aws_secret_access_key), "", 0, 0, KEY_ENV_QUIET, "Bedrock: the key that signs"),
	FLAG("model_list[].litellm_params.aws_session_token", SECRET, DEP(aws_session_token), "", 0, 0, KEY_ENV_QUIET, "Bedrock: of temporary keys"),
	FLAG("model_list[].litellm_params.aws_region_name", STRING, DEP(aws_region), "", 0, 0, KEY_ENV_QUIET, "Bedrock: region; absent: AWS_REGION"),
	FLAG("model_list[].litellm_params.aws_role_name", STRING, ENT(aws_role), "", 0, 0, KEY_ENV_QUIET, "Bedrock: the ARN of a role to be taken"),
	FLAG("model_list[].litellm_params.aws_session_name", STRING, ENT(aws_session_name), "", 0, 0, KEY_ENV_QUIET, "Bedrock: the role's session; absent: tallygate"),
	FLAG("model_list[].litellm_params.aws_external_id", STRING, ENT(aws_external_id), "", 0, 0, KEY_ENV_QUIET, "Bedrock: what the role's owner wants to hear"),
	FLAG("model_list[].litellm_params.aws_web_identity_token", SECRET, ENT(aws_web_token), "", 0, 0, KEY_ENV_QUIET, "Bedrock: a token for the role: itself, a path, oidc/file/PATH or oidc/env/NAME"),
	FLAG("model_list[].litellm_params.aws_sts_endpoint", STRING, ENT(aws_sts), "", 0, 0, KEY_ENV_QUIET, "Bedrock: who gives out the role's keys; absent: the region's STS"),
	FLAG("model_list[].litellm_params.aws_profile_name", STRING, ENT(aws_profile), "", 0, 0, KEY_ENV_QUIET, "Bedrock: a profile of ~/.aws/credentials and ~/.aws/config"),
	FLAG("model_list[].litellm_params.aws_bedrock_runtime_endpoint", STRING, ENT(aws_endpoint), "", 0, 0, KEY_ENV_QUIET, "Bedrock: address, when it is not the region's own"),
	FLAG("model_list[].litellm_params.azure_ad_token", SECRET, ENT(azure_token), "", 0, 0, KEY_ENV_QUIET, "Azure: a token of Entra in place of api_key; oidc/file/PATH: one to log in with"),
	FLAG("model_list[].litellm_params.tenant_id", STRING, ENT(tenant_id), "", 0, 0, KEY_ENV_QUIET, "Azure: the tenant of an application of Entra, in place of api_key"),
	FLAG("model_list[].litellm_params.client_id", STRING, ENT(client_id), "", 0, 0, KEY_ENV_QUIET, "Azure: the application"),
	FLAG("model_list[].litellm_params.client_secret", SECRET, ENT(client_secret), "", 0, 0, KEY_ENV_QUIET, "Azure: its secret"),
	NONE("model_list[].litellm_params.watsonx_region_name", "watsonx"),
	NONE("model_list[].litellm_params.auto_router_config", "semantic router"),
	NONE("model_list[].litellm_params.auto_router_config_path", "semantic router"),
	NONE("model_list[].litellm_params.auto_router_default_model", "semantic router"),
	NONE("model_list[].litellm_params.auto_router_embedding_model", "semantic router"),
	GATE("model_list[].litellm_params.itpm", "input tokens a minute"),
	GATE("model_list[].litellm_params.otpm", "output tokens a minute"),
	NONE("model_list[].litellm_params.keepalive_seconds", "keep-alive of the client connection"),
	GATE("model_list[].litellm_params.default_api_key_rpm_limit", "rpm for keys without one"),
	GATE("model_list[].litellm_params.default_api_key_tpm_limit", "tpm for keys without one"),
	NONE("model_list[].litellm_params.provider_affinity_header", "header for sticky routing"),
	NONE("model_list[].litellm_params.model_info", "model_info in the older place"),
	LOST("model_list[].litellm_params.off_peak_pricing", "without effect here; off-peak hours are read from price tables (tallygate.prices)"),
	NONE("model_list[].litellm_params.metadata", "metadata of LiteLLM's logs"),
	NONE("model_list[].litellm_params.cache", "response cache"),
	NONE("model_list[].litellm_params.caching", "response cache"),
	GATE("model_list[].litellm_params.guardrails", "checks of prompts and answers"),
	LOST("model_list[].litellm_params.rpm_limit", "a misspelling of rpm: not sent to the provider and without effect; write rpm"),
	LOST("model_list[].litellm_params.tpm_limit", "a misspelling of tpm: not sent to the provider and without effect; write tpm"),
	BODY("temperature", BODY_NUMBER, "default; a value in the request wins"),
	BODY("top_p", BODY_NUMBER, "default; a value in the request wins"),
	BODY("top_k", BODY_INT, "default; a value in the request wins"),
	BODY("min_p", BODY_NUMBER, "default; a value in the request wins"),
	BODY("n", BODY_INT, "default; a value in the request wins"),
	BODY("max_tokens", BODY_INT, "default; a value in the request wins"),
	BODY("max_completion_tokens", BODY_INT, "default; a value in the request wins"),
	BODY("frequency_penalty", BODY_NUMBER, "default; a value in the request wins"),
	BODY("presence_penalty", BODY_NUMBER, "default; a value in the request wins"),
	BODY("repetition_penalty", BODY_NUMBER, "default; a value in the request wins"),
	BODY("seed", BODY_INT, "default; a value in the request wins"),
	BODY("random_seed", BODY_INT, "default; a value in the request wins"),
	BODY("top_logprobs", BODY_INT, "default; a value in the request wins"),
	BODY("dimensions", BODY_INT, "default; a value in the request wins"),
	BODY("stop", BODY, "default; a value in the request wins"),
	BODY("logit_bias", BODY, "default; a value in the request wins"),
	BODY("logprobs", BODY, "default; a value in the request wins"),
	BODY("user", BODY, "default; a value in the request wins"),
	BODY("response_format", BODY, "default; a value in the request wins"),
	BODY("tools", BODY, "default; a value in the request wins"),
	BODY("tool_choice", BODY, "default; a value in the request wins"),
	BODY("parallel_tool_calls", BODY, "default; a value in the request wins"),
	BODY("functions", BODY, "default; a value in the request wins"),
	BODY("function_call", BODY, "default; a value in the request wins"),
	BODY("reasoning_effort", BODY, "default; a value in the request wins"),
	BODY("reasoning", BODY, "default; a value in the request wins"),
	BODY("thinking", BODY, "default; a value in the request wins"),
	BODY("verbosity", BODY, "default; a value in the request wins"),
	BODY("modalities", BODY, "default; a value in the request wins"),
	BODY("audio", BODY, "default; a value in the request wins"),
	BODY("prediction", BODY, "default; a value in the request wins"),
	BODY("service_tier", BODY, "default; a value in the request wins"),
	BODY("store", BODY, "default; a value in the request wins"),
	BODY("stream", BODY, "default; a value in the request wins"),
	BODY("stream_options", BODY, "default; a value in the request wins"),
	BODY("web_search_options", BODY, "default; a value in the request wins"),
	BODY("safety_identifier", BODY, "default; a value in the request wins"),
	BODY("prompt_cache_key", BODY, "default; a value in the request wins"),
	BODY("prompt_cache_retention", BODY, "default; a value in the request wins"),
	BODY("safe_prompt", BODY, "default; a value in the request wins"),
	BODY("prompt_mode", BODY, "default; a value in the request wins"),
	BODY("encoding_format", BODY, "default; a value in the request wins"),
	BODY("input_type", BODY, "default; a value in the request wins"),
	BODY("provider", BODY, "default; a value in the request wins (OpenRouter)"),

	COST("input_cost_per_token", "price of a prompt token"),
	COST("output_cost_per_token", "price of an answer token"),
	COST("cache_read_input_token_cost", "price of a cached prompt token"),
	COST("cache_creation_input_token_cost", "price of a token written to the cache"),
	COST("cache_creation_input_token_cost_above_1hr", "the same, kept for an hour"),
	COST("output_cost_per_reasoning_token", "price of a reasoning token"),
	COST("input_cost_per_audio_token", "price of an audio token in"),
	COST("output_cost_per_audio_token", "price of an audio token out"),
	COST("input_cost_per_image_token", "price of an image token in"),
	COST("output_cost_per_image_token", "price of an image token out"),
	COST("cache_read_input_audio_token_cost", "price of a cached audio token"),
	COST("cache_creation_input_audio_token_cost", "price of an audio token written to the cache"),
	COST("input_cost_per_image", "price of an image in"),
	COST("output_cost_per_image", "price of an image out"),
	COST("input_cost_per_pixel", "price of a pixel in"),
	COST("output_cost_per_pixel", "price of a pixel out"),
	COST("input_cost_per_second", "price of a second in"),
	COST("output_cost_per_second", "price of a second out"),
	COST("input_cost_per_character", "price of a character in"),
	COST("output_cost_per_character", "price of a character out"),
	COST("input_cost_per_request", "price of a request"),
	COST("input_cost_per_query", "price of a search"),
	COST("ocr_cost_per_page", "price of a page"),
	COST("citation_cost_per_token", "price of a citation token"),
	COST("code_interpreter_cost_per_session", "price of a session"),
	SEARCH_PRICE("litellm_params"),
	SEARCH_PRICE("model_info"),

	USED("model_list[].model_info.id", STRING, DEP(id), "", 0, 0, "name of the deployment in headers, traces and tallyctl; default: 12 hex digits over what it is"),
	USED("model_list[].model_info.mode", STRING, DEP(mode), "chat", 0, 0, "what it serves: chat, completion, embedding or another"),
	USED("model_list[].model_info.base_model", STRING, ENT(info_base_model), "", 0, 0, "name in the price table"),
	FLAG("model_list[].model_info.max_tokens", INT, ENT(info_max_tokens), NULL, 1, MANY, KEY_QUOTED, "max_output_tokens when that is not given"),
	FLAG("model_list[].model_info.max_input_tokens", INT, DEP(max_input_tokens), NULL, 1, MANY, KEY_QUOTED, "longest prompt"),
	FLAG("model_list[].model_info.max_output_tokens", INT, DEP(max_output_tokens), NULL, 1, MANY, KEY_QUOTED, "longest answer"),
	FLAG("model_list[].model_info.tpm", INT, DEP(tpm), NULL, 0, MANY, KEY_QUOTED, "as litellm_params.tpm"),
	FLAG("model_list[].model_info.rpm", INT, DEP(rpm), NULL, 0, MANY, KEY_QUOTED, "as litellm_params.rpm"),
	FLAG("model_list[].model_info.allowed_fails", INT, DEP(allowed_fails), NULL, 0, MANY, KEY_QUOTED, "failures before it rests"),
	FLAG("model_list[].model_info.cooldown_time", SECONDS, DEP(cooldown_msecs), NULL, 0, MAX_MSECS, KEY_QUOTED, "how long it rests"),
	USED("model_list[].model_info.access_groups", STRINGS, DEP(access_groups), NULL, 0, 0, "names that keys may hold instead of the model's"),
	FLAG("model_list[].model_info.supported_environments", STRINGS, ENT(environments), NULL, 0, 0, KEY_ONE, "used only where LITELLM_ENVIRONMENT is one of these"),
	USED("model_list[].model_info.blocked", BOOL, ENT(blocked), "false", 0, 0, "left out"),
	GATE("model_list[].model_info.team_id", "model of one team"),
	NONE("model_list[].model_info.team_public_model_name", "name for that team"),
	NONE("model_list[].model_info.tier", "free or paid"),
	LOST("model_list[].model_info.off_peak_pricing", "without effect here; off-peak hours are read from price tables (tallygate.prices)"),
	GATE("model_list[].model_info.access_windows", "hours of use"),
	NONE("model_list[].model_info.enable_tag_filtering", "routing by tag for this model"),
	USED("model_list[].model_info.allowed_fails_policy", MAP, NIL, NULL, 0, 0, "allowed_fails by class of error, instead of the group's"),
	FAILS_POLICY("model_list[].model_info.allowed_fails_policy", DEP),
	NONE("model_list[].model_info.health_check_model", "model for probes"),
	FLAG("model_list[].model_info.health_check_timeout", SECONDS, DEP(probe_timeout_msecs), NULL, 1, HOUR, KEY_QUOTED, "deadline of its probes"),
	NONE("model_list[].model_info.health_check_voice", "voice for probes"),
	KEEP("model_list[].model_info.description", "shown by /model/info"),
	KEEP("model_list[].model_info.litellm_provider", "shown by /model/info"),
	KEEP("model_list[].model_info.created_at", "shown by /model/info"),
	KEEP("model_list[].model_info.updated_at", "shown by /model/info"),

	/* ---- router_settings ------------------------------------------- */
	PICK("router_settings.routing_strategy", STRATEGY, CFG(router.strategy), "simple-shuffle", STRATEGIES, "how one of a group's deployments is chosen"),
	USED("router_settings.routing_strategy_args", JSON, CFG(router.strategy_args_json), "{}", 0, 0, "latency-based-routing: ttl, lowest_latency_buffer, max_latency_list_size"),
	USED("router_settings.num_retries", INT, CFG(router.num_retries), "2", 0, 100, "retries in a group"),
	FLAG("router_settings.request_timeout", SECONDS, CFG(router.timeout_msecs), "6000", 1, MAX_MSECS, KEY_ZERO_UNSET, "another name for timeout"),
	FLAG("router_settings.timeout", SECONDS, CFG(router.timeout_msecs), "6000", 1, MAX_MSECS, KEY_ZERO_UNSET, "whole request"),
	FLAG("router_settings.stream_timeout", SECONDS, CFG(router.stream_timeout_msecs), NULL, 1, MAX_MSECS, KEY_ZERO_UNSET, "first byte of a stream"),
	USED("router_settings.retry_after", SECONDS, CFG(router.retry_after_msecs), "0", 0, HOUR, "least wait before a retry"),
	USED("router_settings.cooldown_time", SECONDS, CFG(router.cooldown_msecs), "5", 0, MAX_MSECS, "how long a deployment rests"),
	USED("router_settings.allowed_fails", INT, CFG(router.allowed_fails), NULL, 0, MANY, "failures before a deployment rests; unset: by failure rate"),
	USED("router_settings.allowed_fails_policy", MAP, NIL, NULL, 0, 0, "allowed_fails by class of error"),
	FAILS_POLICY("router_settings.allowed_fails_policy", ROUTER),
	USED("router_settings.retry_policy", MAP, NIL, NULL, 0, 0, "num_retries by class of error"),
	RETRY_POLICY("router_settings.retry_policy", ROUTER),
	USED("router_settings.model_group_retry_policy", MAP, NIL, NULL, 0, 0, "group: its own retry_policy, instead of the router's"),
	RETRY_POLICY("router_settings.model_group_retry_policy[]", GROUP),
	USED("router_settings.disable_cooldowns", BOOL, CFG(router.disable_cooldowns), "false", 0, 0, "no deployment ever rests"),
	USED("router_settings.fallbacks", FALLBACKS, CFG(router.fallbacks), NULL, 0, 0, "group: [groups to try when it fails]"),
	USED("router_settings.default_fallbacks", DEFAULT_FALLBACKS, CFG(router.fallbacks), NULL, 0, 0, "groups to try for every group"),
	USED("router_settings.context_window_fallbacks", FALLBACKS, CFG(router.context_window_fallbacks), NULL, 0, 0, "as fallbacks, when the prompt is too long"),
	USED("router_settings.content_policy_fallbacks", FALLBACKS, CFG(router.content_policy_fallbacks), NULL, 0, 0, "as fallbacks, when the content was refused"),
	USED("router_settings.max_fallbacks", INT, CFG(router.max_fallbacks), "5", 0, 100, "most fallback groups of one request"),
	USED("router_settings.enable_pre_call_checks", BOOL, CFG(router.enable_pre_call_checks), "false", 0, 0, "leave out deployments whose context is too short or whose rpm is spent"),
	USED("router_settings.optional_pre_call_checks", STRINGS, CFG(router.optional_checks), NULL, 0, 0, "enforce_model_rate_limits: rpm and tpm of a deployment are hard limits; router_budget_limiting: always done"),
	USED("router_settings.enable_tag_filtering", BOOL, CFG(router.enable_tag_filtering), "false", 0, 0, "choose deployments by the request's tags"),
	USED("router_settings.tag_filtering_match_any", BOOL, CFG(router.tag_match_any), "true", 0, 0, "one common tag is enough"),
	USED("router_settings.provider_budget_config", MAP, NIL, NULL, 0, 0, "provider: {budget_limit, time_period}, a hard cap for each"),
	USED("router_settings.provider_budget_config[].budget_limit", MONEY, CAP(max_budget), "", 0, 0, "hard cap of this provider"),
	USED("router_settings.provider_budget_config[].max_budget", MONEY, CAP(max_budget), "", 0, 0, "another name for budget_limit"),
	USED("router_settings.provider_budget_config[].time_period", PERIOD, CAP(duration), "", 0, 0, "window of the cap"),
	USED("router_settings.provider_budget_config[].budget_duration", PERIOD, CAP(duration), "", 0, 0, "another name for time_period"),
	USED("router_settings.model_group_alias", ALIASES, NIL, NULL, 0, 0, "alias: group, or alias: {model, hidden}"),
	IDLE("router_settings.set_verbose", "the log has levels of its own"),
	NONE("router_settings.redis_host", "state shared through Redis; the store is built in"),
	NONE("router_settings.redis_port", "as redis_host"),
	NONE("router_settings.redis_password", "as redis_host"),
	NONE("router_settings.redis_url", "as redis_host"),
	NONE("router_settings.redis_db", "as redis_host"),
	NONE("router_settings.cache_kwargs", "as redis_host"),
	NONE("router_settings.cache_responses", "response cache"),
	NONE("router_settings.caching_groups", "response cache"),
	NONE("router_settings.default_litellm_params", "litellm_params for all"),
	USED("router_settings.default_max_parallel_requests", INT, ROUTER(max_parallel_requests), NULL, 1, MANY, "max_parallel_requests of deployments that have none"),
	NONE("router_settings.default_priority", "queue"),
	NONE("router_settings.polling_interval", "queue"),
	NONE("router_settings.client_ttl", "reuse of connections"),
	NONE("router_settings.debug_level", "log"),
	NONE("router_settings.deployment_affinity_ttl_seconds", "sticky routing"),
	NONE("router_settings.search_tools", "search tools"),
	GATE("router_settings.guardrail_list", "checks of prompts and answers"),
	NONE("router_settings.enable_health_check_routing", "probes decide on routing"),
	NONE("router_settings.health_check_staleness_threshold", "age of a probe"),
	NONE("router_settings.routing_groups", "strategy by group"),
	NONE("router_settings.RouterWeights", "weights by group"),
	USED("router_settings.fallback_access_check", BOOL, CFG(fallback_access), "false", 0, 0, "as general_settings.enforce_fallback_model_access"),

	/* ---- litellm_settings ------------------------------------------ */
	USED("litellm_settings.drop_params", BOOL, CFG(drop_params), "false", 0, 0, "remove parameters that a provider does not know instead of failing"),
	IDLE("litellm_settings.set_verbose", "the log has levels of its own"),
	FLAG("litellm_settings.request_timeout", SECONDS, CFG(router.timeout_msecs), "6000", 1, MAX_MSECS, KEY_ZERO_UNSET, "as router_settings.timeout"),
	FLAG("litellm_settings.timeout", SECONDS, CFG(router.timeout_msecs), "6000", 1, MAX_MSECS, KEY_ZERO_UNSET, "as router_settings.timeout"),
	FLAG("litellm_settings.stream_timeout", SECONDS, CFG(router.stream_timeout_msecs), NULL, 1, MAX_MSECS, KEY_ZERO_UNSET, "as router_settings.stream_timeout"),
	USED("litellm_settings.num_retries", INT, CFG(router.num_retries), "2", 0, 100, "as router_settings.num_retries"),
	USED("litellm_settings.retry_after", SECONDS, CFG(router.retry_after_msecs), "0", 0, HOUR, "as router_settings.retry_after"),
	USED("litellm_settings.allowed_fails", INT, CFG(router.allowed_fails), NULL, 0, MANY, "as router_settings.allowed_fails"),
	USED("litellm_settings.cooldown_time", SECONDS, CFG(router.cooldown_msecs), "5", 0, MAX_MSECS, "as router_settings.cooldown_time"),
	USED("litellm_settings.fallbacks", FALLBACKS, CFG(router.fallbacks), NULL, 0, 0, "as router_settings.fallbacks"),
	USED("litellm_settings.default_fallbacks", DEFAULT_FALLBACKS, CFG(router.fallbacks), NULL, 0, 0, "as router_settings.default_fallbacks"),
	USED("litellm_settings.context_window_fallbacks", FALLBACKS, CFG(router.context_window_fallbacks), NULL, 0, 0, "as router_settings.context_window_fallbacks"),
	USED("litellm_settings.content_policy_fallbacks", FALLBACKS, CFG(router.content_policy_fallbacks), NULL, 0, 0, "as router_settings.content_policy_fallbacks"),
	USED("litellm_settings.max_budget", MONEY, NIL, NULL, 0, 0, "hard cap of the whole gateway; 0: none"),
	USED("litellm_settings.budget_duration", PERIOD, NIL, NULL, 0, 0, "window of max_budget"),
	USED("litellm_settings.max_end_user_budget", MONEY, NIL, NULL, 0, 0, "hard cap of every end user"),
	USED("litellm_settings.tag_budget_config", MAP, NIL, NULL, 0, 0, "tag: {max_budget, budget_duration}, a hard cap for each"),
	USED("litellm_settings.tag_budget_config[].max_budget", MONEY, CAP(max_budget), "", 0, 0, "hard cap of this tag"),
	USED("litellm_settings.tag_budget_config[].budget_limit", MONEY, CAP(max_budget), "", 0, 0, "another name for max_budget"),
	USED("litellm_settings.tag_budget_config[].budget_duration", PERIOD, CAP(duration), "", 0, 0, "window of the cap"),
	USED("litellm_settings.tag_budget_config[].time_period", PERIOD, CAP(duration), "", 0, 0, "another name for budget_duration"),
	USED("litellm_settings.timezone", STRING, CFG(timezone), "UTC", 0, 0, "zone of the budgets' windows"),
	IDLE("litellm_settings.success_callback", "the traces take their place"),
	IDLE("litellm_settings.failure_callback", "the traces take their place"),
	IDLE("litellm_settings.callbacks", "the traces take their place"),
	IDLE("litellm_settings.service_callback", "the traces take their place"),
	NONE("litellm_settings.cache", "response cache"),
	NMAP("litellm_settings.cache_params", "response cache"),
	NONE("litellm_settings.cache_params.type", "response cache"),
	NONE("litellm_settings.cache_params.mode", "response cache"),
	NONE("litellm_settings.cache_params.host", "response cache"),
	NONE("litellm_settings.cache_params.port", "response cache"),
	NONE("litellm_settings.cache_params.password", "response cache"),
	NONE("litellm_settings.cache_params.url", "response cache"),
	NONE("litellm_settings.cache_params.db", "response cache"),
	NONE("litellm_settings.cache_params.ssl", "response cache"),
	NONE("litellm_settings.cache_params.namespace", "response cache"),
	NONE("litellm_settings.cache_params.ttl", "response cache"),
	NONE("litellm_settings.cache_params.default_in_memory_ttl", "response cache"),
	NONE("litellm_settings.cache_params.default_in_redis_ttl", "response cache"),
	NONE("litellm_settings.cache_params.supported_call_types", "response cache"),
	NONE("litellm_settings.cache_params.similarity_threshold", "response cache"),
	NONE("litellm_settings.cache_params.redis_startup_nodes", "response cache"),
	NONE("litellm_settings.turn_off_message_logging", "traces hold no prompts unless tallygate.traces.content says so"),
	NONE("litellm_settings.json_logs", "log"),
	NONE("litellm_settings.redact_user_api_key_info", "log"),
	USED("litellm_settings.max_end_user_budget_id", STRING, CFG(end_user_budget_id), "", 0, 0, "the reusable budget (/budget/new) of every end user that has none of its own"),
	GATE("litellm_settings.max_internal_user_budget", "default cap of internal users"),
	GATE("litellm_settings.max_user_budget", "default cap of users"),
	GATE("litellm_settings.blocked_user_list", "end users; /customer/block does it"),
	GATE("litellm_settings.banned_keywords_list", "checks of prompts"),
	GATE("litellm_settings.block_requests_for_models_without_pricing", "tallygate.unpriced: refuse does it"),
	NONE("litellm_settings.internal_user_budget_duration", "window of that cap"),
	USED("litellm_settings.default_key_generate_params", JSON, CFG(key_defaults_json), "{}", 0, 0, "fields that a new key gets where the request has none"),
	USED("litellm_settings.upperbound_key_generate_params", JSON, CFG(key_bounds_json), "{}", 0, 0, "the most that a key's fields may be; also what they are where none is given"),
	USED("litellm_settings.default_internal_user_params", JSON, CFG(user_defaults_json), "{}", 0, 0, "fields that a new user gets where the request has none"),
	NONE("litellm_settings.default_team_settings", "callbacks of single teams"),
	USED("litellm_settings.default_team_params", JSON, CFG(team_defaults_json), "{}", 0, 0, "fields that a new team gets where the request has none"),
	NONE("litellm_settings.modify_params", "repair of conversations"),
	NONE("litellm_settings.telemetry", "there is none"),
	NONE("litellm_settings.extra_spend_tag_headers", "tags from headers"),
	NONE("litellm_settings.langfuse_default_tags", "Langfuse"),
	NONE("litellm_settings.custom_provider_map", "providers in Python"),
	NONE("litellm_settings.model_alias_map", "aliases; see router_settings.model_group_alias"),
	NONE("litellm_settings.forward_traceparent_to_llm_provider", "trace context"),
	NONE("litellm_settings.ssl_verify", "certificates are always checked"),
	NONE("litellm_settings.force_ipv4", "address family"),
	NONE("litellm_settings.cost_discount_config", "discounts by provider"),
	NONE("litellm_settings.cost_margin_config", "margins by provider"),
	NONE("litellm_settings.include_cost_in_streaming_usage", "cost in the last chunk"),
	NONE("litellm_settings.disable_stop_sequence_limit", "stop sequences"),
	NONE("litellm_settings.prometheus_metrics_config", "metrics"),
	NONE("litellm_settings.prometheus_initialize_budget_metrics", "metrics"),
	USED("litellm_settings.require_auth_for_metrics_endpoint", BOOL, CFG(metrics_auth), "true", 0, 0, "/metrics asks for the master key or a viewer's; false: anybody may look. LiteLLM's default is false"),
	NONE("litellm_settings.priority_reservation_settings", "priorities"),
	NONE("litellm_settings.model_group_settings", "settings by group"),
	GATE("litellm_settings.guardrails", "checks of prompts and answers"),
	NONE("litellm_settings.public_model_groups", "model hub"),
	NONE("litellm_settings.enable_redis_auth_cache", "Redis"),
	LOST("litellm_settings.default_model", "neither LiteLLM nor Tallygate reads this"),
	LOST("litellm_settings.master_key", "not read here, so no key is asked for; it belongs under general_settings"),
	LOST("litellm_settings.verbose", "neither LiteLLM nor Tallygate reads this"),
	LOST("litellm_settings.log_level", "neither LiteLLM nor Tallygate reads this"),
	LOST("litellm_settings.default_params", "neither LiteLLM nor Tallygate reads this"),
	LOST("litellm_settings.default_end_user_params", "neither LiteLLM nor Tallygate reads this"),
	LOST("litellm_settings.mcp_servers", "not read here; it belongs to the top level"),
	LOST("litellm_settings.litellm_dashboard", "neither LiteLLM nor Tallygate reads this"),

	/* ---- general_settings ------------------------------------------ */
	FLAG("general_settings.master_key", SECRET, CFG(master_key), "", 0, 0, KEY_ENV_QUIET, "the administrator's key; absent: LITELLM_MASTER_KEY, else nobody needs one"),
	NONE("general_settings.database_url", "Postgres; the store is built in"),
	NONE("general_settings.store_model_in_db", "models in Postgres"),
	LOST("general_settings.max_budget", "not read here, by LiteLLM neither: there is NO cap; it belongs under litellm_settings (or tallygate.budgets)"),
	LOST("general_settings.budget_duration", "not read here, by LiteLLM neither; it belongs under litellm_settings (or tallygate.budgets)"),
	LOST("general_settings.drop_params", "not read here, by LiteLLM neither; it belongs under litellm_settings"),
	LOST("general_settings.set_verbose", "not read here, by LiteLLM neither"),
	LOST("general_settings.ui", "neither LiteLLM nor Tallygate reads this"),
	LOST("general_settings.enable_metrics", "neither LiteLLM nor Tallygate reads this"),
	LOST("general_settings.disable_auth", "neither LiteLLM nor Tallygate reads this; without a master_key nobody needs one"),
	LOST("general_settings.enable_key_management", "neither LiteLLM nor Tallygate reads this"),
	LOST("general_settings.default_max_tokens", "neither LiteLLM nor Tallygate reads this"),
	LOST("general_settings.key_generation_settings", "neither LiteLLM nor Tallygate reads this"),
	LOST("general_settings.disable_master_key_hashing", "neither LiteLLM nor Tallygate reads this"),
	NONE("general_settings.allow_user_auth", "users' own keys"),
	NONE("general_settings.allow_client_side_credentials", "api_key and api_base in a request"),
	NONE("general_settings.store_prompts_in_spend_logs", "see tallygate.traces.content"),
	NONE("general_settings.maximum_spend_logs_retention_period", "see tallygate.traces.keep"),
	NONE("general_settings.maximum_spend_logs_retention_interval", "see tallygate.traces.keep"),
	NONE("general_settings.disable_spend_logs", "log of spend"),
	NONE("general_settings.disable_error_logs", "log of errors"),
	NONE("general_settings.disable_spend_updates", "spend is always kept"),
	NONE("general_settings.database_connection_pool_limit", "Postgres"),
	NONE("general_settings.database_connection_timeout", "Postgres"),
	NONE("general_settings.proxy_batch_write_at", "Postgres"),
	NONE("general_settings.proxy_budget_rescheduler_min_time", "budgets are reset on time"),
	NONE("general_settings.proxy_budget_rescheduler_max_time", "budgets are reset on time"),
	NONE("general_settings.disable_reset_budget", "budgets are reset on time"),
	NONE("general_settings.allow_requests_on_db_unavailable", "Postgres"),
	NONE("general_settings.use_redis_transaction_buffer", "Redis"),
	USED("general_settings.user_header_name", STRING, CFG(user_header), "", 0, 0, "header that names the end user; it wins over the body"),
	USED("general_settings.user_header_mappings", LIST, NIL, NULL, 0, 0, "more such headers, looked at before user_header_name"),
	USED("general_settings.user_header_mappings[].header_name", STRING, HEADER(name), "", 0, 0, "the header"),
	PICK("general_settings.user_header_mappings[].litellm_user_role", CHOICE, HEADER(role), "customer", "customer|internal_user", "whom it names: customer, the end user; internal_user has no effect here, a key's user is its own"),
	USED("general_settings.enforce_user_param", BOOL, CFG(enforce_user), "false", 0, 0, "a request that names no end user is refused"),
	USED("general_settings.reject_clientside_metadata_tags", BOOL, CFG(reject_tags), "false", 0, 0, "a request that brings tags of its own is refused; those of key and team stay"),
	GATE("general_settings.max_parallel_requests", "requests of one key at one time"),
	USED("general_settings.global_max_parallel_requests", INT, CFG(max_parallel_requests), NULL, 1, MANY, "requests at one time, of all keys together, over all workers"),
	NONE("general_settings.token_rate_limit_type", "tokens that tpm counts"),
	NONE("general_settings.always_include_stream_usage", "usage is always asked for"),
	NONE("general_settings.pass_through_endpoints", "pass-through"),
	GATE("general_settings.custom_auth", "authentication in Python"),
	GATE("general_settings.allowed_ips", "addresses of clients"),
	GATE("general_settings.allowed_routes", "paths; a key's own allowed_routes are enforced"),
	GATE("general_settings.admin_only_routes", "paths for administrators"),
	GATE("general_settings.public_routes", "paths without a key"),
	GATE("general_settings.enforced_params", "members that a request must have"),
	GATE("general_settings.service_account_settings", "members that a service account's request must have"),
	GATE("general_settings.enable_jwt_auth", "authentication by JWT"),
	GATE("general_settings.enable_oauth2_auth", "authentication by OAuth 2.0"),
	GATE("general_settings.enforce_rbac", "roles"),
	GATE("general_settings.blocked_file_extensions", "files of requests"),
	USED("general_settings.litellm_key_header_name", STRING, CFG(key_header), "", 0, 0, "one more header that a key may come in; it is looked at first"),
	NONE("general_settings.use_x_forwarded_for", "addresses of clients"),
	NONE("general_settings.forward_client_headers_to_llm_api", "client's headers"),
	NONE("general_settings.forward_openai_org_id", "client's headers"),
	NONE("general_settings.completion_model", "one model for all"),
	NONE("general_settings.infer_model_from_keys", "models from variables"),
	USED("general_settings.background_health_checks", BOOL, CFG(probes.background), "false", 0, 0, "deployments are asked from time to time whether they are alive; how: tallygate.probes"),
	USED("general_settings.health_check_interval", SECONDS, CFG(probes.interval_msecs), "300", 1000, 24 * HOUR, "how often each deployment is asked"),
	NONE("general_settings.health_check_details", "probes"),
	NONE("general_settings.alerting", "see tallygate.webhooks"),
	NONE("general_settings.alerting_threshold", "see tallygate.webhooks"),
	NONE("general_settings.alerting_args", "see tallygate.webhooks"),
	NONE("general_settings.alert_types", "see tallygate.webhooks"),
	NONE("general_settings.user_api_key_cache_ttl", "cache of keys"),
	NONE("general_settings.max_request_size_mb", "see tallygate.limits.max_body"),
	NONE("general_settings.max_response_size_mb", "see tallygate.limits.max_answer"),
	NONE("general_settings.key_management_system", "vaults"),
	NONE("general_settings.key_management_settings", "vaults"),
	NONE("general_settings.supported_db_objects", "Postgres"),
	NONE("general_settings.ui_access_mode", "dashboard"),
	USED("general_settings.enforce_fallback_model_access", BOOL, CFG(fallback_access), "false", 0, 0, "configured fallbacks go only to groups that the key may ask for"),
	NONE("general_settings.fail_closed_budget_enforcement", "caps always fail closed"),
	NONE("general_settings.disable_budget_reservation", "caps always hold money before the call"),

	/* ---- tallygate -------------------------------------------------- */
	USED("tallygate.host", STRING, CFG(host), "", 0, 0, "address to listen on; --host wins"),
	USED("tallygate.port", INT, CFG(port), NULL, 1, 65535, "port to listen on, 4000 when nobody says; --port wins"),
	USED("tallygate.workers", WORKERS, CFG(workers), "auto", 1, 1024, "worker processes; auto: one per core"),
	USED("tallygate.state_dir", STRING, CFG(state_dir), "", 0, 0, "folder of store/, traces and run/; --state wins"),
	USED("tallygate.traces", MAP, NIL, NULL, 0, 0, "the file of requests, which is the ledger"),
	USED("tallygate.traces.path", STRING, CFG(traces_path), "traces.jsonl", 0, 0, "relative to the state directory"),
	USED("tallygate.traces.rotate_bytes", SIZE, CFG(traces_rotate_bytes), "256M", 64 * KIB, 1024 * GIB, "a new file is begun at this size"),
	USED("tallygate.traces.keep", INT, CFG(traces_keep), "8", 1, 10000, "files that are kept"),
	USED("tallygate.traces.content", BOOL, CFG(traces_content), "false", 0, 0, "prompts and answers stand in the traces"),
	USED("tallygate.store", MAP, NIL, NULL, 0, 0, "spend, holds, health"),
	PICK("tallygate.store.durability", SWITCH, CFG(durability_power), "process", "process|power", "process: nothing is lost when processes die; power: nor when the machine does"),
	USED("tallygate.store.sync_interval", DURATION, CFG(sync_interval_msecs), "200ms", 1, 60000, "how often the traces are synced to disk"),
	USED("tallygate.store.map_size", SIZE, CFG(map_bytes), "1G", 1024 * KIB, 1024 * GIB, "most the store can grow to"),
	USED("tallygate.min_output_tokens", INT, CFG(min_output_tokens), "16", 1, 1000000, "a cap lowers max_tokens down to this, then answers no"),
	FLAG("tallygate.prices", STRINGS, CFG(price_files), NULL, 0, 0, KEY_ONE, "price tables, later ones win; paths as seen from this file"),
	USED("tallygate.open", BOOL, CFG(open), "false", 0, 0, "serve without a master key on addresses other than this host's"),
	USED("tallygate.user", STRING, CFG(user), "", 0, 0, "started as root: the user that it becomes once the port is open; the state directory is given to it"),
	USED("tallygate.confine", BOOL, CFG(confine), "true", 0, 0, "workers, logger and keeper give up starting programs and writing outside the state directory (seccomp, Landlock)"),
	PICK("tallygate.unpriced", SWITCH, CFG(unpriced_refuse), "free", "free|refuse", "models without a price and without a cap; under a cap they are always refused"),
	PICK("tallygate.possibly_billed", SWITCH, CFG(possibly_billed_prompt), "release", "release|prompt", "an attempt that was sent and never answered: charged nothing, or its prompt"),
	{ "tallygate.budget_status", TYPE_INT, EFFECT_USED, CFG(budget_status), "429", 0, 0, "429|400", 0, "status of an answer that a cap refused; 400 as older LiteLLM" },
	USED("tallygate.probes", MAP, NIL, NULL, 0, 0, "what background_health_checks and /health?probe=true ask"),
	PICK("tallygate.probes.method", SWITCH, CFG(probes.completion), "models", "models|completion", "models: the provider's list of models, free; completion: one token of the model itself, held and charged"),
	USED("tallygate.probes.timeout", DURATION, CFG(probes.timeout_msecs), "10s", 1, HOUR, "deadline of a probe; model_info.health_check_timeout wins"),
	USED("tallygate.groups", MAP, NIL, NULL, 0, 0, "group: its own settings"),
	PICK("tallygate.groups[].routing_strategy", STRATEGY, GROUP(strategy), NULL, STRATEGIES, "as router_settings.routing_strategy"),
	USED("tallygate.groups[].routing_strategy_args", JSON, GROUP(strategy_args_json), NULL, 0, 0, "as router_settings.routing_strategy_args"),
	USED("tallygate.groups[].hedge", MAP, NIL, NULL, 0, 0, "a second attempt at another deployment when the first one is late"),
	USED("tallygate.groups[].hedge.after", STRING, GROUP(hedge_after), "", 0, 0, "p95, or a time such as 800ms: without a first token (or a whole plain answer) for so long"),
	USED("tallygate.groups[].num_retries", INT, GROUP(num_retries), NULL, 0, 100, "retries in this group"),
	USED("tallygate.groups[].retry_policy", MAP, NIL, NULL, 0, 0, "num_retries by class of error, instead of the router's"),
	RETRY_POLICY("tallygate.groups[].retry_policy", GROUP),
	USED("tallygate.groups[].cooldown_time", SECONDS, GROUP(cooldown_msecs), NULL, 0, MAX_MSECS, "how long a deployment of it rests"),
	USED("tallygate.groups[].max_cooldown_time", SECONDS, GROUP(max_cooldown_msecs), NULL, 1, MAX_MSECS, "the rest doubles up to this while it stays down; absent: cooldown_time"),
	USED("tallygate.groups[].allowed_fails", INT, GROUP(allowed_fails), NULL, 0, MANY, "failures before a deployment of it rests"),
	USED("tallygate.groups[].allowed_fails_policy", MAP, NIL, NULL, 0, 0, "allowed_fails by class of error, instead of the router's"),
	FAILS_POLICY("tallygate.groups[].allowed_fails_policy", GROUP),
	USED("tallygate.budgets", LIST, NIL, NULL, 0, 0, "hard caps"),
	PICK("tallygate.budgets[].per", CHOICE, CAP(per), NULL, SCOPES, "what the cap is for"),
	USED("tallygate.budgets[].match", STRING, CAP(match), "", 0, 0, "the one it is for; absent: each one has its own"),
	FLAG("tallygate.budgets[].max_budget", MONEY, CAP(max_budget), NULL, 0, 0, KEY_QUOTED, "the cap"),
	FLAG("tallygate.budgets[].soft_budget", MONEY, CAP(soft_budget), "", 0, 0, KEY_QUOTED, "an alert is sent at this spend; absent: 80 % of the cap"),
	USED("tallygate.budgets[].budget_duration", PERIOD, CAP(duration), "", 0, 0, "window; absent: for ever"),
	USED("tallygate.budgets[].on_exhaust", STRING, CAP(on_exhaust), "clamp", 0, 0, "clamp (lower max_tokens, then refuse), refuse, or downgrade:GROUP"),
	USED("tallygate.webhooks", LIST, NIL, NULL, 0, 0, "addresses that are told of events"),
	USED("tallygate.webhooks[].url", STRING, HOOK(url), "", 0, 0, "http or https address"),
	USED("tallygate.webhooks[].secret", SECRET, HOOK(secret), "", 0, 0, "signs the body: x-tallygate-signature: sha256=HMAC in hex"),
	USED("tallygate.webhooks[].events", STRINGS, HOOK(events), NULL, 0, 0, "budget_soft, budget_exhausted, budget_reset, breaker_open, breaker_half_open, breaker_closed; absent: all"),
	USED("tallygate.limits", MAP, NIL, NULL, 0, 0, "what a client or a provider may use up"),
	USED("tallygate.limits.max_body", SIZE, CFG(limits.max_body_bytes), "32M", KIB, GIB, "body of a request"),
	USED("tallygate.limits.max_header", SIZE, CFG(limits.max_header_bytes), "64K", KIB, 1024 * KIB, "headers of a request"),
	USED("tallygate.limits.max_connections", INT, CFG(limits.max_connections), "4096", 1, 1000000, "client connections of one worker"),
	USED("tallygate.limits.max_answer", SIZE, CFG(limits.max_answer_bytes), "64M", KIB, GIB, "plain answer kept in memory"),
	USED("tallygate.limits.max_event", SIZE, CFG(limits.max_event_bytes), "16M", KIB, GIB, "one event of a stream"),
	USED("tallygate.limits.header_timeout", DURATION, CFG(limits.header_timeout_msecs), "30s", 100, HOUR, "whole head of a request"),
	USED("tallygate.limits.body_timeout", DURATION, CFG(limits.body_timeout_msecs), "120s", 100, HOUR, "whole body of a request"),
	USED("tallygate.limits.idle_timeout", DURATION, CFG(limits.idle_timeout_msecs), "75s", 100, HOUR, "connection without a request"),
	USED("tallygate.limits.slow_client_timeout", DURATION, CFG(limits.slow_client_msecs), "60s", 100, HOUR, "client that takes nothing of its answer"),
	USED("tallygate.limits.connect_timeout", DURATION, CFG(limits.connect_timeout_msecs), "5s", 10, HOUR, "connecting to a provider"),
	USED("tallygate.limits.stream_keepalive", DURATION, CFG(limits.stream_keepalive_msecs), "15s", 0, 24 * HOUR, "comments to the client while a stream's provider is silent; 0: none"),
	USED("tallygate.limits.stream_idle_timeout", DURATION, CFG(limits.stream_idle_msecs), "300s", 100, 24 * HOUR, "between two pieces of a stream"),
	USED("tallygate.limits.drain_timeout", DURATION, CFG(limits.drain_msecs), "600s", 0, 24 * HOUR, "open requests of a worker that retires"),
	USED("tallygate.limits.max_attempts", INT, CFG(limits.max_attempts), "8", 1, 100, "attempts of one request over all groups"),
};
/* clang-format on */

const size_t config_key_count = ARRAY_LEN(config_keys);

/* The part of path after "section.", or NULL when it is elsewhere. */
static const char *
name_in(const char *section, const char *path)
{
	size_t n = strlen(section);

	if (n > 0) {
		if (strncmp(path, section, n) != 0 || path[n] != '.')
			return NULL;
		path += n + 1;
	}
	return strpbrk(path, ".[") == NULL ? path : NULL;
}

const struct config_key *
config_key_find(const char *section, struct str key)
{
	for (size_t i = 0; i < config_key_count; i++) {
		const char *name = name_in(section, config_keys[i].path);

		if (name != NULL && str_is(key, name))
			return &config_keys[i];
	}
	return NULL;
}

const char *
config_key_near(const char *section, struct str key)
{
	const char *best = NULL;
	int best_distance = 3;

	if (key.n > 32)
		return NULL;
	for (size_t i = 0; i < config_key_count; i++) {
		const char *name = name_in(section, config_keys[i].path);
		int d;

		if (name == NULL || config_keys[i].effect == EFFECT_MISPLACED)
			continue;
		d = str_distance(key.p, name);
		if (d < best_distance && (size_t)d < key.n) {
			best = name;
			best_distance = d;
		}
	}
	return best;
}

const struct config_key *
config_key_elsewhere(const char *section, struct str key)
{
	const struct config_key *of_items = NULL;

	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *k = &config_keys[i];

		if (k->effect == EFFECT_USED &&
		    strstr(k->path, "_config[]") == NULL &&
		    name_in(section, k->path) == NULL &&
		    str_is(key, config_key_name(k))) {
			if (strstr(k->path, "[]") == NULL)
				return k;
			if (of_items == NULL)
				of_items = k;
		}
	}
	return of_items;
}

bool
config_key_is_section(const char *path)
{
	size_t n = strlen(path);

	for (size_t i = 0; i < config_key_count; i++) {
		if (strncmp(config_keys[i].path, path, n) == 0 &&
		    config_keys[i].path[n] == '.')
			return true;
	}
	return false;
}

const char *
config_key_name(const struct config_key *k)
{
	const char *dot = strrchr(k->path, '.');

	return dot == NULL ? k->path : dot + 1;
}

const char *
config_type_text(enum config_type type)
{
#define TYPE_WORDS(name, text) text,
	static const char *const texts[] = { CONFIG_TYPES(TYPE_WORDS) };
#undef TYPE_WORDS

	return texts[type];
}

bool
config_name_is_secret(struct str name)
{
	static const char *const marks[] = { "key", "secret", "passw", "token",
		"credential", "auth", "database_url", "redis_url", "webhook",
		"headers", "dsn", "bearer", "cookie" };
	static const char *const safe[] = { "_tokens", "per_token",
		"token_cost", "token_limit" };

	for (size_t i = 0; i < ARRAY_LEN(safe); i++) {
		if (str_find_nocase(name, safe[i]) >= 0)
			return false;
	}
	for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
		if (str_find_nocase(name, marks[i]) >= 0)
			return true;
	}
	return false;
}
