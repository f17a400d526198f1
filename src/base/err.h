/*
 * Errors: one list, one struct. A function that can fail returns 0 or -1 and
 * fills a struct err; what the operator reads (err.text) and what a client
 * may read (the list's public text) are different things.
 *
 * Low layers set errors and never log; the one who handles an error logs it,
 * once, with the chain that err_prefix() built.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/mem.h"

/*
 * X(NAME, http_status, type, code, public_text)
 *   http_status: what a client gets when this error ends its request.
 *   type, code:  the fields of OpenAI's error object (code "" prints null).
 *                Source: notes on the wire formats, OpenAI error table.
 * Order is not part of any contract; docs/errors.md is generated from here.
 */
/* clang-format off */
#define ERRORS(X) \
X(NONE,             200, "",                      "",                  "") \
X(INTERNAL,         500, "server_error",          "internal_error",    "The gateway hit an internal error.") \
X(NOMEM,            503, "server_error",          "overloaded",        "The gateway is out of memory for this request.") \
X(IO,               500, "server_error",          "internal_error",    "The gateway could not read or write a file.") \
X(USAGE,            500, "server_error",          "internal_error",    "Wrong usage.") \
X(CONFIG,           500, "server_error",          "internal_error",    "The configuration is not valid.") \
X(STORE,            503, "server_error",          "store_unavailable", "The gateway's store is not available; the request was not sent.") \
X(STORE_FULL,       503, "server_error",          "store_unavailable", "The gateway's store is full; the request was not sent.") \
X(STORE_LOST,       503, "server_error",          "store_unavailable", "The gateway's store is not available; the request was not sent.") \
X(NOT_HELD,         404, "invalid_request_error", "",                  "No such object.") \
X(BAD_HTTP,         400, "invalid_request_error", "bad_http",          "The HTTP request is not well formed.") \
X(BAD_JSON,         400, "invalid_request_error", "invalid_json",      "The request body is not valid JSON.") \
X(BAD_REQUEST,      400, "invalid_request_error", "",                  "The request is not valid.") \
X(BAD_FIELD,        422, "invalid_request_error", "invalid_field",     "A field is not valid.") \
X(CONFLICT,         400, "bad_request_error",     "400",               "This exists already.") \
X(MODEL_MISSING,    400, "invalid_request_error", "missing_required_parameter", "You must provide a model parameter.") \
X(MODEL_UNKNOWN,    400, "invalid_request_error", "model_not_found",   "Invalid model name.") \
X(MODEL_ABSENT,     404, "invalid_request_error", "model_not_found",   "The model does not exist.") \
X(CONTEXT_LENGTH,   400, "invalid_request_error", "context_length_exceeded", "The prompt is longer than the model's context.") \
X(UNPRICED,         400, "invalid_request_error", "unpriced_model",    "The model has no known price and a budget applies.") \
X(NO_KEY,           401, "auth_error",            "no_api_key",        "Authentication Error, No api key passed in.") \
X(BAD_KEY,          401, "auth_error",            "invalid_api_key",   "Authentication Error, Invalid proxy server token passed.") \
X(EXPIRED_KEY,      400, "expired_key",           "400",               "Authentication Error - Expired Key.") \
X(BLOCKED_KEY,      401, "auth_error",            "401",               "Authentication Error, Key is blocked.") \
X(KEY_MODEL,        401, "key_model_access_denied", "401",             "This key is not allowed to access model.") \
X(TEAM_MODEL,       401, "team_model_access_denied", "401",            "This team is not allowed to access model.") \
X(USER_MODEL,       401, "user_model_access_denied", "401",            "This user is not allowed to access model.") \
X(FORBIDDEN,        403, "permission_error",      "forbidden",         "This key may not do that.") \
X(NO_RESPONSE,      404, "invalid_request_error", "response_not_found", "No such response.") \
X(NOT_FOUND,        404, "invalid_request_error", "unknown_url",       "Unknown request URL.") \
X(METHOD,           405, "invalid_request_error", "method_not_allowed", "Not allowed method for this URL.") \
X(REQUEST_TIMEOUT,  408, "invalid_request_error", "request_timeout",   "The request was not received in time.") \
X(LENGTH_REQUIRED,  411, "invalid_request_error", "length_required",   "A POST needs Content-Length or chunked encoding.") \
X(TOO_LARGE,        413, "invalid_request_error", "request_too_large", "The request body is too large.") \
X(BUDGET,           429, "budget_exceeded",       "429",               "Budget has been exceeded!") \
X(RATE_LIMIT,       429, "rate_limit_error",      "rate_limit_exceeded", "Rate limit exceeded.") \
X(NO_DEPLOYMENT,    429, "rate_limit_error",      "no_deployments_available", "No deployments available for selected model.") \
X(HEADERS_TOO_LARGE, 431, "invalid_request_error", "headers_too_large", "The request headers are too large.") \
X(CLIENT_GONE,      499, "client_gone",           "client_gone",       "The client closed the connection.") \
X(NOT_IMPLEMENTED,  501, "invalid_request_error", "not_supported",     "The transfer encoding is not supported.") \
X(UPSTREAM,         502, "upstream_error",        "upstream_error",    "The provider failed.") \
X(UPSTREAM_AUTH,    502, "upstream_error",        "upstream_auth",     "The provider refused the gateway's credentials; its operator has to look.") \
X(UPSTREAM_POLICY,  400, "invalid_request_error", "content_policy_violation", "The provider's content policy refuses the request.") \
X(UPSTREAM_QUOTA,   429, "insufficient_quota",    "insufficient_quota", "The provider's account has no quota left; the gateway's operator has to look.") \
X(UPSTREAM_OVERLOADED, 503, "server_error",       "overloaded",        "The provider is overloaded; try again.") \
X(UPSTREAM_CUT,     502, "upstream_error",        "upstream_cut",      "The provider closed the connection before its answer was complete.") \
X(UPSTREAM_FORMAT,  502, "upstream_error",        "upstream_format",   "The provider sent something that is not a valid answer.") \
X(UPSTREAM_CONNECT, 502, "upstream_error",        "upstream_connect",  "The provider could not be reached.") \
X(OVERLOADED,       503, "server_error",          "overloaded",        "The gateway is at its limit; try again.") \
X(DRAINING,         503, "server_error",          "draining",          "This gateway process is shutting down; try again.") \
X(UPSTREAM_TIMEOUT, 504, "timeout_error",         "upstream_timeout",  "The provider did not answer in time.")
/* clang-format on */

#define ERR_ENUM(name, status, type, code, text) ERR_##name,
enum err_code {
	ERRORS(ERR_ENUM) ERR_COUNT
};
#undef ERR_ENUM

#define ERR_TEXT_BYTES 768

struct err {
	enum err_code code;
	char text[ERR_TEXT_BYTES]; /* one line for the operator, cut if long */
};

/* One row of the list. */
struct err_info {
	const char *name; /* "BUDGET" */
	int http_status;
	const char *type;
	const char *code;
	const char *public_text;
};

const struct err_info *err_info(enum err_code code);

/* Fills *err (which may be NULL) and returns -1, for `return err_set(...)`. */
int err_set(struct err *err, enum err_code code, const char *fmt, ...)
    PRINTF(3, 4);
/* As err_set with ": " and strerror(errno) added. */
int err_set_errno(struct err *err, enum err_code code, const char *fmt, ...)
    PRINTF(3, 4);
/* Puts "what: " before the text; returns -1. Does nothing when err is NULL. */
int err_prefix(struct err *err, const char *fmt, ...) PRINTF(2, 3);

#endif
