/* Error bodies of the dialects. See problem.h. */
#include "sim/problem.h"

#include <stdarg.h>

/* What each dialect calls a status, when no code says more. */
struct status_row {
	int status;
	const char *phrase;
	const char *openai_type, *openai_code;
	const char *anthropic_type;
	const char *mistral_type, *mistral_code;
	const char *message;
};

#define INVALID "invalid_request_error"

/* clang-format off */
static const struct status_row status_rows[] = {
	{ 200, "OK", "", "", "", "", "", "" },
	{ 302, "Found", INVALID, "", INVALID, INVALID, "", "Moved." },
	{ 307, "Temporary Redirect", INVALID, "", INVALID, INVALID, "", "Moved." },
	{ 400, "Bad Request", INVALID, "", INVALID, INVALID, "", "The request is not valid." },
	{ 401, "Unauthorized", INVALID, "invalid_api_key", "authentication_error", "unauthorized", "", "Incorrect API key provided." },
	{ 402, "Payment Required", INVALID, "", "billing_error", INVALID, "", "Your account is not in good standing." },
	{ 403, "Forbidden", INVALID, "", "permission_error", INVALID, "", "You are not allowed to use this model." },
	{ 404, "Not Found", INVALID, "model_not_found", "not_found_error", "invalid_model", "1500", "The model does not exist or you do not have access to it." },
	{ 405, "Method Not Allowed", INVALID, "", INVALID, INVALID, "", "Not allowed method for this URL." },
	{ 408, "Request Timeout", INVALID, "", "timeout_error", INVALID, "", "The request timed out." },
	{ 409, "Conflict", INVALID, "", INVALID, INVALID, "", "The resource was changed by another request." },
	{ 413, "Payload Too Large", INVALID, "", "request_too_large", INVALID, "", "The request is too large." },
	{ 422, "Unprocessable Entity", INVALID, "", INVALID, INVALID, "", "The request could not be processed." },
	{ 429, "Too Many Requests", "requests", "rate_limit_exceeded", "rate_limit_error", "rate_limited", "1300", "Rate limit reached; try again later." },
	{ 431, "Request Header Fields Too Large", INVALID, "", INVALID, INVALID, "", "The headers are too large." },
	{ 500, "Internal Server Error", "server_error", "", "api_error", "internal_server_error", "", "The server had an error while processing your request." },
	{ 501, "Not Implemented", "server_error", "", "api_error", "internal_server_error", "", "Not implemented." },
	{ 502, "Bad Gateway", "server_error", "", "api_error", "internal_server_error", "", "Bad gateway." },
	{ 503, "Service Unavailable", "service_unavailable", "", "api_error", "internal_server_error", "", "The engine is currently overloaded, please try again later." },
	{ 504, "Gateway Timeout", "server_error", "", "timeout_error", "internal_server_error", "", "The request timed out." },
	{ 529, "Site Is Overloaded", "server_error", "", "overloaded_error", "internal_server_error", "", "Overloaded" },
};

/* Codes whose type and words clients look at. */
static const struct {
	const char *code;
	const char *openai_type;
	const char *param;
	const char *message;
	const char *anthropic_message;
} code_rows[] = {
	{ "context_length_exceeded", INVALID, "messages",
	  "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens. Please reduce the length of the messages.",
	  "prompt is too long: 9000 tokens > 8192 maximum" },
	{ "insufficient_quota", "insufficient_quota", "",
	  "You exceeded your current quota, please check your plan and billing details.",
	  "Your credit balance is too low to access the API." },
	{ "billing_hard_limit_reached", "insufficient_quota", "",
	  "Billing hard limit has been reached.",
	  "You have reached your specified API usage limits." },
	{ "content_policy_violation", INVALID, "",
	  "Your request was rejected as a result of our safety system.",
	  "Output blocked by content filtering policy" },
	{ "content_filter", INVALID, "prompt",
	  "The response was filtered due to the prompt triggering the content management policy.",
	  "Output blocked by content filtering policy" },
	{ "tokens", "tokens", "",
	  "Rate limit reached on tokens per min (TPM); try again later.",
	  "This request would exceed the rate limit of input tokens per minute." },
};
/* clang-format on */

static const struct status_row *
status_row(int status)
{
	const struct status_row *fallback = &status_rows[0];

	for (size_t i = 0; i < ARRAY_LEN(status_rows); i++) {
		if (status_rows[i].status == status)
			return &status_rows[i];
		/* 4xx without a row reads as 400, 5xx as 500 … */
		if (status_rows[i].status == status / 100 * 100)
			fallback = &status_rows[i];
	}
	return fallback;
}

const char *
status_phrase(int status)
{
	const struct status_row *row = status_row(status);

	return row->status == status ? row->phrase : "Error";
}

static const char *const dialects[] = { "openai", "anthropic", "mistral",
	"bedrock" };

const char *
dialect_name(enum dialect dialect)
{
	return dialects[dialect];
}

int
dialect_find(struct str name, enum dialect *dialect_r)
{
	for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
		if (str_is_nocase(name, dialects[i])) {
			*dialect_r = (enum dialect)i;
			return 0;
		}
	}
	return -1;
}

int
problem_set(struct problem *p, int status, const char *code, const char *fmt,
    ...)
{
	va_list ap;

	memset(p, 0, sizeof(*p));
	p->status = status;
	snprintf(p->code, sizeof(p->code), "%s", code);
	va_start(ap, fmt);
	vsnprintf(p->message, sizeof(p->message), fmt, ap);
	va_end(ap);
	return -1;
}

int
problem_param(struct problem *p, const char *param)
{
	snprintf(p->param, sizeof(p->param), "%s", param);
	return -1;
}

void
problem_script(struct problem *p, enum dialect dialect, int status,
    const char *code)
{
	const struct status_row *row = status_row(status);

	problem_set(p, status, code, "%s", row->message);
	if (row->status == 200) /* 3xx without a row */
		problem_set(p, status, code, "Scripted answer.");
	for (size_t i = 0; i < ARRAY_LEN(code_rows); i++) {
		if (strcmp(code_rows[i].code, code) != 0)
			continue;
		problem_set(p, status, code, "%s",
		    dialect == DIALECT_ANTHROPIC
			? code_rows[i].anthropic_message
			: code_rows[i].message);
		problem_param(p, code_rows[i].param);
	}
	if (code[0] == '\0')
		snprintf(p->code, sizeof(p->code), "%s",
		    dialect == DIALECT_MISTRAL ? row->mistral_code
					       : row->openai_code);
}

static void
add_member(struct jsonw *w, const char *key, const char *text)
{
	jsonw_key(w, key);
	jsonw_cstr(w, text[0] == '\0' ? NULL : text);
}

static void
write_openai(const struct problem *p, struct jsonw *w)
{
	const char *type = status_row(p->status)->openai_type;

	for (size_t i = 0; i < ARRAY_LEN(code_rows); i++) {
		if (strcmp(code_rows[i].code, p->code) == 0)
			type = code_rows[i].openai_type;
	}
	jsonw_open(w, '{');
	jsonw_put_open(w, "error", '{');
	add_member(w, "message", p->message);
	add_member(w, "type", type);
	add_member(w, "param", p->param);
	add_member(w, "code",
	    strcmp(p->code, "tokens") == 0 ? "rate_limit_exceeded" : p->code);
	jsonw_close(w, '}');
	jsonw_close(w, '}');
}

static void
write_anthropic(const struct problem *p, struct str request_id, struct jsonw *w)
{
	jsonw_open(w, '{');
	add_member(w, "type", "error");
	jsonw_put_open(w, "error", '{');
	add_member(w, "type", status_row(p->status)->anthropic_type);
	add_member(w, "message", p->message);
	jsonw_close(w, '}');
	jsonw_key(w, "request_id");
	jsonw_str(w, request_id);
	jsonw_close(w, '}');
}

/* {"detail":[{"type":"extra_forbidden","loc":["body","seed"],...}]} */
static void
write_detail(const struct problem *p, struct jsonw *w)
{
	jsonw_open(w, '{');
	jsonw_put_open(w, "detail", '[');
	jsonw_open(w, '{');
	add_member(w, "type",
	    p->extra_field ? "extra_forbidden" : "value_error");
	jsonw_put_open(w, "loc", '[');
	jsonw_cstr(w, "body");
	if (p->param[0] != '\0')
		jsonw_cstr(w, p->param);
	jsonw_close(w, ']');
	add_member(w, "msg", p->message);
	jsonw_close(w, '}');
	jsonw_close(w, ']');
	jsonw_close(w, '}');
}

static void
write_mistral(const struct problem *p, struct str request_id, struct jsonw *w)
{
	const struct status_row *row = status_row(p->status);

	jsonw_open(w, '{');
	if (p->status == 401) {
		add_member(w, "message", "Unauthorized");
		jsonw_key(w, "request_id");
		jsonw_str(w, request_id);
		jsonw_close(w, '}');
		return;
	}
	add_member(w, "object", "error");
	jsonw_key(w, "message");
	if (p->status == 422)
		write_detail(p, w);
	else
		jsonw_cstr(w, p->message);
	add_member(w, "type",
	    strcmp(p->code, "3280") == 0   ? "invalid_function_call"
	    : strcmp(p->code, "3230") == 0 ? "invalid_request_message_order"
					   : row->mistral_type);
	add_member(w, "param", p->status == 422 ? "" : p->param);
	add_member(w, "code", p->code);
	jsonw_key(w, "raw_status_code");
	jsonw_int(w, p->status);
	jsonw_close(w, '}');
}

const char *
problem_aws_type(int status)
{
	switch (status) {
	case 400:
		return "ValidationException";
	case 403:
		return "AccessDeniedException";
	case 404:
		return "ResourceNotFoundException";
	case 408:
		return "ModelTimeoutException";
	case 424:
		return "ModelErrorException";
	case 429:
		return "ThrottlingException";
	case 503:
		return "ServiceUnavailableException";
	default:
		return "InternalServerException";
	}
}

static void
write_bedrock(const struct problem *p, struct jsonw *w)
{
	jsonw_open(w, '{');
	add_member(w, "message", p->message);
	jsonw_close(w, '}');
}

void
problem_write(const struct problem *p, enum dialect dialect,
    struct str request_id, struct jsonw *w)
{
	switch (dialect) {
	case DIALECT_OPENAI:
		write_openai(p, w);
		return;
	case DIALECT_ANTHROPIC:
		write_anthropic(p, request_id, w);
		return;
	case DIALECT_MISTRAL:
		write_mistral(p, request_id, w);
		return;
	case DIALECT_BEDROCK:
		write_bedrock(p, w);
		return;
	}
}
