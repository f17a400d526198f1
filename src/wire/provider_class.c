/*
 * What kind of failure a provider's refusal is: a table of codes and types,
 * then a table of phrases, then the status. Sources: notes on the wire
 * formats, sections 1.5, 2.5 and 3.
 *
 * Codes and types are the provider's own words and are believed. A message may
 * repeat what the client wrote, so a 4xx that could be the client's own fault
 * gets a class that hurts the deployment (rate limit, credentials, not found)
 * only from a phrase at its start: nobody shall open a breaker by writing
 * "rate limit" into a broken request.
 */
#include "wire/apierror.h"

struct code_row {
	const char *word;
	enum outcome outcome;
};

/* Exact, case folded; error.code first, then error.type. */
static const struct code_row codes[] = {
	{ "context_length_exceeded", OUTCOME_CONTEXT_LENGTH },
	{ "exceed_context_size_error", OUTCOME_CONTEXT_LENGTH },
	{ "model_context_window_exceeded", OUTCOME_CONTEXT_LENGTH },
	{ "content_filter", OUTCOME_CONTENT_POLICY },
	{ "content_policy_violation", OUTCOME_CONTENT_POLICY },
	{ "responsibleaipolicyviolation", OUTCOME_CONTENT_POLICY },
	{ "moderation_blocked", OUTCOME_CONTENT_POLICY },
	{ "data_inspection_failed", OUTCOME_CONTENT_POLICY },
	{ "insufficient_quota", OUTCOME_QUOTA },
	{ "billing_hard_limit_reached", OUTCOME_QUOTA },
	{ "billing_not_active", OUTCOME_QUOTA },
	{ "billing_error", OUTCOME_QUOTA },
	{ "insufficient_balance", OUTCOME_QUOTA },
	{ "enforced_spend_limit_reached", OUTCOME_QUOTA },
	{ "contract_spend_limit_reached", OUTCOME_QUOTA },
	{ "invalid_api_key", OUTCOME_AUTH },
	{ "authentication_error", OUTCOME_AUTH },
	{ "permission_error", OUTCOME_AUTH },
	{ "unauthenticated", OUTCOME_AUTH },
	{ "permission_denied", OUTCOME_AUTH },
	{ "api_key_invalid", OUTCOME_AUTH },
	{ "model_not_found", OUTCOME_NOT_FOUND },
	{ "model_decommissioned", OUTCOME_NOT_FOUND },
	{ "deploymentnotfound", OUTCOME_NOT_FOUND },
	{ "not_found_error", OUTCOME_NOT_FOUND },
	{ "notfounderror", OUTCOME_NOT_FOUND },
	{ "not_found", OUTCOME_NOT_FOUND },
	{ "invalid_model", OUTCOME_NOT_FOUND },
	{ "rate_limit_exceeded", OUTCOME_RATE_LIMIT },
	{ "rate_limit_error", OUTCOME_RATE_LIMIT },
	{ "rate_limited", OUTCOME_RATE_LIMIT },
	{ "throttling_error", OUTCOME_RATE_LIMIT },
	{ "throttlingexception", OUTCOME_RATE_LIMIT },
	{ "resource_exhausted", OUTCOME_RATE_LIMIT },
	{ "service_tier_capacity_exceeded", OUTCOME_RATE_LIMIT },
	{ "1300", OUTCOME_RATE_LIMIT },
	{ "3505", OUTCOME_RATE_LIMIT },
	{ "overloaded_error", OUTCOME_OVERLOADED },
	{ "overloaded", OUTCOME_OVERLOADED },
	{ "unavailable_error", OUTCOME_OVERLOADED },
	{ "unavailable", OUTCOME_OVERLOADED },
	{ "service_unavailable", OUTCOME_OVERLOADED },
	{ "insufficient_system_resource", OUTCOME_OVERLOADED },
	{ "timeout_error", OUTCOME_TIMEOUT_TOTAL },
	{ "deadline_exceeded", OUTCOME_TIMEOUT_TOTAL },
	{ "server_error", OUTCOME_SERVER_ERROR },
	{ "api_error", OUTCOME_SERVER_ERROR },
	{ "internal", OUTCOME_SERVER_ERROR },
	{ "internal_server_error", OUTCOME_SERVER_ERROR },
	{ "internalservererror", OUTCOME_SERVER_ERROR },
};

enum where {
	START,
	ANYWHERE
};

struct phrase_row {
	const char *words;
	enum where where; /* in a 4xx that may be the client's own fault */
	enum outcome outcome;
};

/* Case folded. */
static const struct phrase_row phrases[] = {
	{ "maximum context length", ANYWHERE, OUTCOME_CONTEXT_LENGTH },
	{ "context length", ANYWHERE, OUTCOME_CONTEXT_LENGTH },
	{ "context window", ANYWHERE, OUTCOME_CONTEXT_LENGTH },
	{ "available context size", ANYWHERE, OUTCOME_CONTEXT_LENGTH },
	{ "prompt is too long", ANYWHERE, OUTCOME_CONTEXT_LENGTH },
	{ "input is too long", ANYWHERE, OUTCOME_CONTEXT_LENGTH },
	{ "too large for model with", ANYWHERE, OUTCOME_CONTEXT_LENGTH },
	{ "input token count", ANYWHERE, OUTCOME_CONTEXT_LENGTH },
	{ "reduce the length of the messages", ANYWHERE,
	    OUTCOME_CONTEXT_LENGTH },
	{ "content management policy", ANYWHERE, OUTCOME_CONTENT_POLICY },
	{ "content policy", ANYWHERE, OUTCOME_CONTENT_POLICY },
	{ "safety system", ANYWHERE, OUTCOME_CONTENT_POLICY },
	{ "requires moderation", ANYWHERE, OUTCOME_CONTENT_POLICY },
	{ "input was flagged", ANYWHERE, OUTCOME_CONTENT_POLICY },
	{ "your credit balance is too low", START, OUTCOME_QUOTA },
	{ "insufficient balance", START, OUTCOME_QUOTA },
	{ "insufficient credits", START, OUTCOME_QUOTA },
	{ "you exceeded your current quota", START, OUTCOME_QUOTA },
	{ "spend limit", START, OUTCOME_QUOTA },
	{ "rate limit", START, OUTCOME_RATE_LIMIT },
	{ "too many requests", START, OUTCOME_RATE_LIMIT },
	{ "overloaded", START, OUTCOME_OVERLOADED },
	{ "at capacity", START, OUTCOME_OVERLOADED },
	{ "loading model", START, OUTCOME_OVERLOADED },
	{ "api key not valid", START, OUTCOME_AUTH },
	{ "incorrect api key", START, OUTCOME_AUTH },
	{ "invalid api key", START, OUTCOME_AUTH },
	{ "unauthorized", START, OUTCOME_AUTH },
	{ "the model `", START, OUTCOME_NOT_FOUND },
	{ "invalid model", START, OUTCOME_NOT_FOUND },
};

static bool
find_code(const char *word, enum outcome *outcome_r)
{
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		if (str_is_nocase(str_of(word), codes[i].word)) {
			*outcome_r = codes[i].outcome;
			return true;
		}
	}
	return false;
}

/* A status that may mean that the request itself was wrong. */
static bool
is_callers(int status)
{
	switch (status) {
	case 400:
	case 404:
	case 405:
	case 406:
	case 409:
	case 413:
	case 415:
	case 422:
		return true;
	default:
		return false;
	}
}

static bool
find_phrase(int status, struct str text, enum outcome *outcome_r)
{
	for (size_t i = 0; i < ARRAY_LEN(phrases); i++) {
		const struct phrase_row *row = &phrases[i];
		ptrdiff_t at = str_find_nocase(text, row->words);

		if (at < 0)
			continue;
		if (at > 0 && row->where == START && is_callers(status))
			continue;
		*outcome_r = row->outcome;
		return true;
	}
	return false;
}

/* A credentials problem is one only where the status allows it: OpenRouter
   sends 403 for moderation, vLLM 404 with type NotFoundError. */
static bool
status_decides(int status)
{
	return status == 401 || status == 402 || status == 429;
}

enum outcome
provider_error_class(const struct provider_error *e, struct str text)
{
	enum outcome outcome;

	if (find_code(e->code, &outcome) || find_code(e->type, &outcome))
		return outcome;
	if (!status_decides(e->status) &&
	    find_phrase(e->status, text, &outcome))
		return outcome;
	if (e->status == 429 && str_find_nocase(text, "quota") >= 0 &&
	    str_find_nocase(text, "billing") >= 0)
		return OUTCOME_QUOTA;
	if (e->status >= 300)
		return outcome_from_status(e->status);
	if (str_starts(str_of(e->type), "invalid") ||
	    str_is(str_of(e->type), "BadRequestError"))
		return OUTCOME_BAD_REQUEST;
	return OUTCOME_SERVER_ERROR;
}

/* ---- for the client ----------------------------------------------------- */

/* OpenAI's own words, which mean what they say wherever they come from. */
static bool
is_openai_type(const char *type)
{
	static const char *const types[] = { "invalid_request_error",
		"rate_limit_error", "insufficient_quota", "requests", "tokens",
		"server_error", "authentication_error", "not_found_error",
		"request_forbidden" };

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (strcmp(type, types[i]) == 0)
			return true;
	}
	return false;
}

/* The status once more, as some providers have it, is no code. */
static bool
is_status(const char *code)
{
	return strlen(code) == 3 && strspn(code, "0123456789") == 3;
}

/* The outcomes whose code clients look at: one word for each, whatever the
   provider's is. */
static const char *
code_of(const struct provider_error *e)
{
	switch (e->outcome) {
	case OUTCOME_CONTEXT_LENGTH:
	case OUTCOME_QUOTA:
	case OUTCOME_OVERLOADED:
		return NULL;
	case OUTCOME_CONTENT_POLICY:
		return strcmp(e->code, "content_filter") == 0 ? e->code : NULL;
	case OUTCOME_NOT_FOUND:
		return "model_not_found";
	case OUTCOME_RATE_LIMIT:
		return "rate_limit_exceeded";
	default:
		return e->code[0] != '\0' && !is_status(e->code) ? e->code
								 : NULL;
	}
}

static const char *
type_of(const struct provider_error *e)
{
	switch (e->outcome) {
	case OUTCOME_RATE_LIMIT:
		return is_openai_type(e->type) ? e->type : NULL;
	case OUTCOME_NOT_FOUND:
	case OUTCOME_CONFLICT:
		return "invalid_request_error";
	case OUTCOME_SERVER_ERROR:
		return "server_error";
	default:
		return NULL;
	}
}

void
provider_error_words(const struct provider_error *e, struct error_words *w_r)
{
	memset(w_r, 0, sizeof(*w_r));
	/* A redirect says nothing to a client. */
	if (e->status >= 300 && e->status < 400)
		return;
	w_r->type = type_of(e);
	w_r->code = code_of(e);
	if (e->param[0] != '\0')
		w_r->param = e->param;
	switch (e->outcome) {
	case OUTCOME_BAD_REQUEST:
	case OUTCOME_CONFLICT:
	case OUTCOME_NOT_FOUND:
	case OUTCOME_SERVER_ERROR:
		w_r->status = e->status;
		break;
	default:
		break;
	}
}
