/* Error bodies: ours in every dialect, and all the shapes providers send. */
#include "arena_fixture.h"

#include "base/jsonx.h"
#include "wire/apierror.h"
#include "wire/mask.h"

static void
test_public_text_and_detail_are_joined(void **state)
{
	static const struct {
		enum err_code code;
		const char *detail, *want;
		int status;
	} rows[] = {
		{ ERR_BAD_JSON, NULL, "The request body is not valid JSON.",
		    400 },
		{ ERR_BAD_JSON, "at byte 3",
		    "The request body is not valid JSON: at byte 3", 400 },
		{ ERR_BUDGET, "Current cost: 1, Max budget: 1",
		    "Budget has been exceeded! Current cost: 1, Max budget: 1",
		    429 },
		{ ERR_BAD_JSON, "", "The request body is not valid JSON.",
		    400 },
	};
	struct api_error e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		api_error_from(rows[i].code, rows[i].detail, "p", &arena, &e);
		assert_str(e.message, rows[i].want);
		assert_int_equal(e.status, rows[i].status);
		assert_string_equal(e.param, "p");
	}
	api_error_from(ERR_BAD_REQUEST, NULL, NULL, &arena, &e);
	assert_null(e.code);
	assert_string_equal(e.type, "invalid_request_error");
}

static void
test_bodies_in_the_clients_dialect(void **state)
{
	struct api_error e = { 429, "rate_limit_error", "rate_limit_exceeded",
		NULL, STR_LIT("Slow \"down\"\n") };
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	api_error_write(WIRE_CHAT, &e, "req-1", &b);
	assert_string_equal(buf_cstr(&b),
	    "{\"error\":{\"message\":\"Slow \\\"down\\\"\\n\","
	    "\"type\":\"rate_limit_error\",\"param\":null,"
	    "\"code\":\"rate_limit_exceeded\"}}");
	buf_clear(&b);
	api_error_write(WIRE_MESSAGES, &e, "req-1", &b);
	assert_string_equal(buf_cstr(&b),
	    "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\","
	    "\"message\":\"Slow \\\"down\\\"\\n\"},\"request_id\":\"req-1\"}");
	buf_clear(&b);
	e.status = 503;
	api_error_write(WIRE_MESSAGES, &e, NULL, &b);
	assert_non_null(strstr(buf_cstr(&b), "\"overloaded_error\""));
	assert_null(strstr(buf_cstr(&b), "request_id"));
	buf_fini(&b);
}

static void
test_events_in_the_clients_dialect(void **state)
{
	struct api_error e = { 502, "upstream_error", "upstream_cut", NULL,
		STR_LIT("cut") };
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	api_error_write_event(WIRE_CHAT, &e, &b);
	assert_string_equal(buf_cstr(&b),
	    "data: {\"error\":{\"message\":\"cut\",\"type\":\"upstream_error\""
	    ",\"param\":null,\"code\":\"upstream_cut\"}}\n\n");
	buf_clear(&b);
	api_error_write_event(WIRE_MESSAGES, &e, &b);
	assert_string_equal(buf_cstr(&b),
	    "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
	    "\"api_error\",\"message\":\"cut\"}}\n\n");
	buf_clear(&b);
	api_error_write_event(WIRE_RESPONSES, &e, &b);
	assert_string_equal(buf_cstr(&b),
	    "event: error\ndata: {\"type\":\"error\",\"code\":"
	    "\"upstream_cut\",\"message\":\"cut\",\"param\":null}\n\n");
	buf_fini(&b);
}

/* clang-format off */
static const struct {
	const char *name;
	int status;
	const char *body;
	enum outcome outcome;
	const char *type, *code, *param; /* NULL: not looked at */
	const char *message;             /* part of it */
} rows[] = {
	{ "OpenAI context", 400, "{\"error\":{\"message\":\"This model's maximum context length is 8192 tokens.\","
	  "\"type\":\"invalid_request_error\",\"param\":\"messages\",\"code\":\"context_length_exceeded\"}}",
	  OUTCOME_CONTEXT_LENGTH, "invalid_request_error", "context_length_exceeded", "messages", "maximum context length" },
	{ "OpenAI bad value", 400, "{\"error\":{\"message\":\"Unsupported value: 'temperature'\","
	  "\"type\":\"invalid_request_error\",\"param\":\"temperature\",\"code\":\"unsupported_value\"}}",
	  OUTCOME_BAD_REQUEST, "invalid_request_error", "unsupported_value", "temperature", "Unsupported value" },
	{ "OpenAI key", 401, "{\"error\":{\"message\":\"Incorrect API key provided: sk-abc*******wxyz. You can find\","
	  "\"type\":\"invalid_request_error\",\"param\":null,\"code\":\"invalid_api_key\"}}",
	  OUTCOME_AUTH, NULL, "invalid_api_key", "", "provided: [key]. You" },
	{ "OpenAI rate", 429, "{\"error\":{\"message\":\"Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000. "
	  "Request too large; reduce the length of the messages\",\"type\":\"tokens\",\"param\":null,\"code\":\"rate_limit_exceeded\"}}",
	  OUTCOME_RATE_LIMIT, "tokens", "rate_limit_exceeded", NULL, "Rate limit" },
	{ "OpenAI quota", 429, "{\"error\":{\"message\":\"You exceeded your current quota, please check your plan and billing details.\","
	  "\"type\":\"insufficient_quota\",\"param\":null,\"code\":\"insufficient_quota\"}}",
	  OUTCOME_QUOTA, NULL, NULL, NULL, "exceeded" },
	{ "OpenAI no model", 404, "{\"error\":{\"message\":\"The model `x` does not exist\",\"type\":\"invalid_request_error\","
	  "\"param\":null,\"code\":\"model_not_found\"}}", OUTCOME_NOT_FOUND, NULL, NULL, NULL, "does not exist" },
	{ "OpenAI no access", 403, "{\"error\":{\"message\":\"Project does not have access\",\"type\":\"invalid_request_error\","
	  "\"param\":null,\"code\":\"model_not_found\"}}", OUTCOME_NOT_FOUND, NULL, NULL, NULL, "access" },
	{ "OpenAI down", 503, "{\"error\":{\"message\":\"The engine is currently overloaded\",\"type\":\"server_error\",\"param\":null,\"code\":null}}",
	  OUTCOME_SERVER_ERROR, "server_error", "", NULL, "overloaded" },
	{ "Anthropic long", 400, "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":"
	  "\"prompt is too long: 210000 tokens > 200000 maximum\"},\"request_id\":\"req_1\"}",
	  OUTCOME_CONTEXT_LENGTH, "invalid_request_error", NULL, NULL, "210000 tokens" },
	{ "Anthropic money", 400, "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":"
	  "\"Your credit balance is too low to access the Anthropic API.\"}}", OUTCOME_QUOTA, NULL, NULL, NULL, "credit" },
	{ "Anthropic overloaded", 529, "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}",
	  OUTCOME_OVERLOADED, "overloaded_error", NULL, NULL, "Overloaded" },
	{ "Anthropic rate", 429, "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"slow\"}}",
	  OUTCOME_RATE_LIMIT, "rate_limit_error", NULL, NULL, "slow" },
	{ "Mistral a", 400, "{\"object\":\"error\",\"message\":\"Unexpected role 'user' after role 'tool'\","
	  "\"type\":\"invalid_request_message_order\",\"param\":null,\"code\":\"3230\",\"raw_status_code\":400}",
	  OUTCOME_BAD_REQUEST, "invalid_request_message_order", "3230", NULL, "Unexpected role" },
	{ "Mistral b", 422, "{\"object\":\"error\",\"message\":{\"detail\":[{\"type\":\"extra_forbidden\",\"loc\":[\"body\",\"seed\"],"
	  "\"msg\":\"Extra inputs are not permitted\",\"input\":1},{\"type\":\"x\",\"loc\":[\"body\",\"messages\",0],\"msg\":\"second\"}]},"
	  "\"type\":\"invalid_request_error\",\"param\":null,\"code\":null}",
	  OUTCOME_BAD_REQUEST, NULL, NULL, "seed", "body.seed: Extra inputs are not permitted; body.messages.0: second" },
	{ "Mistral c", 422, "{\"detail\":[{\"loc\":[\"body\",\"model\"],\"msg\":\"field required\",\"type\":\"value_error.missing\"}]}",
	  OUTCOME_BAD_REQUEST, "value_error.missing", NULL, "model", "body.model: field required" },
	{ "Mistral key", 401, "{\"detail\":\"Unauthorized\"}", OUTCOME_AUTH, NULL, NULL, NULL, "Unauthorized" },
	{ "Mistral key 2", 401, "{\"message\":\"Unauthorized\",\"request_id\":\"1\"}", OUTCOME_AUTH, NULL, NULL, NULL, "Unauthorized" },
	{ "Mistral rate", 429, "{\"object\":\"error\",\"message\":\"Requests rate limit exceeded\",\"type\":\"rate_limited\",\"param\":null,\"code\":\"1300\"}",
	  OUTCOME_RATE_LIMIT, "rate_limited", "1300", NULL, "rate limit" },
	{ "Mistral capacity", 429, "{\"object\":\"error\",\"message\":\"Service tier capacity exceeded for this model.\","
	  "\"type\":\"service_tier_capacity_exceeded\",\"param\":null,\"code\":\"3505\"}", OUTCOME_RATE_LIMIT, NULL, "3505", NULL, "capacity" },
	{ "Mistral long", 400, "{\"object\":\"error\",\"message\":\"Prompt contains 40000 tokens, too large for model with 32768 maximum context length\","
	  "\"type\":\"invalid_request_error\",\"code\":\"3051\"}", OUTCOME_CONTEXT_LENGTH, NULL, NULL, NULL, "40000" },
	{ "Mistral no model", 400, "{\"object\":\"error\",\"message\":\"Invalid model: nope\",\"type\":\"invalid_model\",\"code\":\"1500\"}",
	  OUTCOME_NOT_FOUND, "invalid_model", NULL, NULL, "Invalid model" },
	{ "vLLM model", 404, "{\"error\":{\"message\":\"The model `x` does not exist.\",\"type\":\"NotFoundError\",\"param\":\"model\",\"code\":404}}",
	  OUTCOME_NOT_FOUND, "NotFoundError", "404", "model", "does not exist" },
	{ "vLLM key", 401, "{\"error\":\"Unauthorized\"}", OUTCOME_AUTH, NULL, NULL, NULL, "Unauthorized" },
	{ "vLLM old", 400, "{\"object\":\"error\",\"message\":\"This model's maximum context length is 10 tokens\",\"type\":\"BadRequestError\",\"param\":null,\"code\":400}",
	  OUTCOME_CONTEXT_LENGTH, "BadRequestError", "400", NULL, "maximum" },
	{ "llama.cpp", 400, "{\"error\":{\"code\":400,\"message\":\"the request exceeds the available context size. try increasing it\","
	  "\"type\":\"exceed_context_size_error\",\"n_prompt_tokens\":9000,\"n_ctx\":4096}}", OUTCOME_CONTEXT_LENGTH, NULL, NULL, NULL, "available context" },
	{ "llama.cpp loading", 503, "{\"error\":{\"code\":503,\"message\":\"Loading model\",\"type\":\"unavailable_error\"}}",
	  OUTCOME_OVERLOADED, "unavailable_error", "503", NULL, "Loading" },
	{ "Azure filter", 400, "{\"error\":{\"message\":\"The response was filtered due to the prompt triggering Azure OpenAI's content management policy.\","
	  "\"type\":null,\"param\":\"prompt\",\"code\":\"content_filter\",\"status\":400,\"innererror\":{\"code\":\"ResponsibleAIPolicyViolation\"}}}",
	  OUTCOME_CONTENT_POLICY, "", "content_filter", "prompt", "filtered" },
	{ "Azure key", 401, "{\"statusCode\":401,\"message\":\"Access denied due to invalid subscription key\"}", OUTCOME_AUTH, NULL, NULL, NULL, "Access denied" },
	{ "Azure deployment", 404, "{\"error\":{\"code\":\"DeploymentNotFound\",\"message\":\"The API deployment for this resource does not exist.\"}}",
	  OUTCOME_NOT_FOUND, NULL, "DeploymentNotFound", NULL, "deployment" },
	{ "Gemini list", 400, "[{\"error\":{\"code\":400,\"message\":\"API key not valid. Please pass a valid API key.\",\"status\":\"INVALID_ARGUMENT\"}}]",
	  OUTCOME_AUTH, "INVALID_ARGUMENT", "400", NULL, "not valid" },
	{ "Gemini quota", 429, "[{\"error\":{\"code\":429,\"message\":\"Resource has been exhausted\",\"status\":\"RESOURCE_EXHAUSTED\"}}]",
	  OUTCOME_RATE_LIMIT, "RESOURCE_EXHAUSTED", NULL, NULL, "exhausted" },
	{ "Gemini down", 503, "{\"error\":{\"code\":503,\"message\":\"The model is overloaded.\",\"status\":\"UNAVAILABLE\"}}",
	  OUTCOME_OVERLOADED, "UNAVAILABLE", NULL, NULL, "overloaded" },
	{ "Gemini long", 400, "{\"error\":{\"code\":400,\"message\":\"The input token count (1200000) exceeds the maximum number of tokens allowed (1048575).\","
	  "\"status\":\"INVALID_ARGUMENT\"}}", OUTCOME_CONTEXT_LENGTH, NULL, NULL, NULL, "1200000" },
	{ "DeepSeek money", 402, "{\"error\":{\"message\":\"Insufficient Balance\",\"type\":\"unknown_error\",\"param\":null,\"code\":\"invalid_request_error\"}}",
	  OUTCOME_QUOTA, NULL, NULL, NULL, "Insufficient" },
	{ "Groq tool", 400, "{\"error\":{\"message\":\"Failed to call a function.\",\"type\":\"invalid_request_error\",\"code\":\"tool_use_failed\",\"failed_generation\":\"x\"}}",
	  OUTCOME_BAD_REQUEST, NULL, "tool_use_failed", NULL, "Failed" },
	{ "OpenRouter", 429, "{\"error\":{\"code\":429,\"message\":\"Provider returned error\",\"metadata\":{\"provider_name\":\"X\",\"raw\":\"slow\"}},\"user_id\":\"u\"}",
	  OUTCOME_RATE_LIMIT, NULL, "429", NULL, "Provider returned" },
	{ "OpenRouter policy", 403, "{\"error\":{\"code\":403,\"message\":\"Your chosen model requires moderation and your input was flagged for x\"}}",
	  OUTCOME_CONTENT_POLICY, NULL, NULL, NULL, "moderation" },
	{ "OpenRouter raw", 400, "{\"error\":{\"code\":400,\"message\":\"Provider returned error\",\"metadata\":{\"raw\":\"{\\\"error\\\":\\\"prompt is too long\\\"}\"}}}",
	  OUTCOME_CONTEXT_LENGTH, NULL, NULL, NULL, "Provider" },
	{ "Together", 400, "{\"id\":\"n\",\"error\":{\"message\":\"bad\",\"type\":\"invalid_request_error\",\"param\":\"n\",\"code\":null}}",
	  OUTCOME_BAD_REQUEST, "invalid_request_error", NULL, "n", "bad" },
	{ "Bedrock", 429, "{\"message\":\"Too many requests, please wait\"}", OUTCOME_RATE_LIMIT, NULL, NULL, NULL, "Too many" },
	{ "HTML", 502, "<html>\r\n<head><title>502 Bad\n Gateway</title></head>...", OUTCOME_SERVER_ERROR, "", "", NULL, "an HTML page: 502 Bad Gateway" },
	{ "text", 500, "Internal Server Error\nsecond line", OUTCOME_SERVER_ERROR, NULL, NULL, NULL, "Internal Server Error" },
	{ "broken JSON", 500, "{\"error\":{\"mess", OUTCOME_SERVER_ERROR, NULL, NULL, NULL, "{\"error\"" },
	{ "a string", 500, "\"boom\"", OUTCOME_SERVER_ERROR, NULL, NULL, NULL, "boom" },
	{ "empty", 500, "", OUTCOME_SERVER_ERROR, "", "", "", "HTTP status 500" },
	{ "blank", 503, " \r\n ", OUTCOME_SERVER_ERROR, NULL, NULL, NULL, "HTTP status 503" },
	{ "timeout", 408, "{}", OUTCOME_TIMEOUT_TOTAL, NULL, NULL, NULL, "408" },
	{ "conflict", 409, "{}", OUTCOME_CONFLICT, NULL, NULL, NULL, "409" },
	{ "in band, nothing known", 0, "{\"message\":\"odd\"}", OUTCOME_SERVER_ERROR, NULL, NULL, NULL, "odd" },
	{ "in band, int code", 0, "{\"code\":429,\"message\":\"slow\"}", OUTCOME_RATE_LIMIT, NULL, NULL, NULL, "slow" },
	{ "in band, type", 0, "{\"type\":\"overloaded_error\",\"message\":\"x\"}", OUTCOME_OVERLOADED, NULL, NULL, NULL, "x" },
	{ "in band, caller", 0, "{\"type\":\"invalid_request_error\",\"message\":\"x\"}", OUTCOME_BAD_REQUEST, NULL, NULL, NULL, "x" },
	{ "in band, string", 0, "\"rate limit reached\"", OUTCOME_RATE_LIMIT, NULL, NULL, NULL, "rate limit" },
	/* Nobody opens a breaker by what he writes into a bad request. */
	{ "echo of the client", 400, "{\"error\":{\"message\":\"Invalid schema: 'rate limit, incorrect api key, invalid model, overloaded'\",\"type\":\"invalid_request_error\"}}",
	  OUTCOME_BAD_REQUEST, NULL, NULL, NULL, "Invalid schema" },
};
/* clang-format on */

static void
test_every_provider_is_understood(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct provider_error e;

		provider_error_read(rows[i].status, str_of(rows[i].body), NULL,
		    &e);
		if (e.outcome != rows[i].outcome)
			fail_msg("%s: %s", rows[i].name,
			    outcome_info(e.outcome)->word);
		if (strstr(e.message, rows[i].message) == NULL)
			fail_msg("%s: %s", rows[i].name, e.message);
		if (rows[i].type != NULL)
			assert_string_equal(e.type, rows[i].type);
		if (rows[i].code != NULL)
			assert_string_equal(e.code, rows[i].code);
		if (rows[i].param != NULL)
			assert_string_equal(e.param, rows[i].param);
		if (rows[i].status >= 400)
			assert_int_equal(e.status, rows[i].status);
	}
}

static void
test_in_band_errors_tell_their_status(void **state)
{
	struct provider_error e;

	(void)state;
	provider_error_read(200,
	    str_of("{\"error\":{\"code\":502,\"message\":\"x\"}}"), NULL, &e);
	assert_int_equal(e.status, 502);
	provider_error_read(0, str_of("{\"error\":{\"message\":\"x\"}}"), NULL,
	    &e);
	assert_int_equal(e.status, 0);
}

static void
test_keys_never_show(void **state)
{
	static const struct {
		const char *text, *secret, *want;
	} masks[] = {
		{ "Bad key my-own-secret!", "my-own-secret", "Bad key [key]!" },
		{ "my-own-secretmy-own-secret", "my-own-secret", "[key][key]" },
		{ "sk-proj-Ab12_cd and sk-ant-api03-xyz", NULL,
		    "[key] and [key]" },
		{ "gsk_abcdef, xai-12345, AIzaSyA1234567", NULL,
		    "[key], [key], [key]" },
		{ "Authorization: Bearer abc.def", NULL,
		    "Authorization: [key]" },
		{ "GET /x?key=abcd1234&y=1", NULL, "GET /x?[key]&y=1" },
		{ "provided: sk-12***********89.", NULL, "provided: [key]." },
		/* Words are no keys, short secrets are words. */
		{ "a task-oriented risk-free sk-x", NULL,
		    "a task-oriented risk-free sk-x" },
		{ "none of it", "none", "none of it" },
		{ "one\n two\t\tthree\x01 four  ", NULL, "one two three four" },
		{ "bad \xff\xc3 utf", NULL, "bad ?? utf" },
	};
	char out[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(masks); i++) {
		mask_line(str_of(masks[i].text), masks[i].secret, out,
		    sizeof(out));
		assert_string_equal(out, masks[i].want);
	}
	/* Cut to its room, between characters. */
	mask_line(str_of("abc\xe2\x82\xac"), NULL, out, 6);
	assert_string_equal(out, "abc");
}

static void
test_the_secret_is_masked_in_every_field(void **state)
{
	static const char body[] =
	    "{\"error\":{\"message\":\"key topsecret-123 is bad\",\"type\":"
	    "\"topsecret-123\",\"code\":\"c topsecret-123\",\"param\":"
	    "\"topsecret-123\"}}";
	struct provider_error e;

	(void)state;
	provider_error_read(401, str_of(body), "topsecret-123", &e);
	assert_string_equal(e.message, "key [key] is bad");
	assert_null(strstr(e.type, "topsecret"));
	assert_null(strstr(e.code, "topsecret"));
	assert_null(strstr(e.param, "topsecret"));
}

static void
test_long_and_deep_bodies_are_bounded(void **state)
{
	struct provider_error e;
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	buf_add_cstr(&b, "{\"error\":{\"message\":\"");
	for (int i = 0; i < 20000; i++)
		buf_add_cstr(&b, "\xe2\x82\xac");
	buf_add_cstr(&b, "\"}}");
	provider_error_read(400, buf_str(&b), NULL, &e);
	assert_true(strlen(e.message) < sizeof(e.message));
	assert_true(strlen(e.message) > 400);
	assert_true(str_utf8_ok(str_of(e.message)));
	buf_clear(&b);
	for (int i = 0; i < 60; i++)
		buf_add_cstr(&b, "{\"error\":");
	buf_add_cstr(&b, "1");
	for (int i = 0; i < 60; i++)
		buf_add_cstr(&b, "}");
	provider_error_read(500, buf_str(&b), NULL, &e);
	assert_int_equal(e.outcome, OUTCOME_SERVER_ERROR);
	buf_fini(&b);
}

/* What providers say, in words OpenAI's SDKs know; "" the outcome's own. */
static void
test_clients_get_words_they_know(void **state)
{
	static const struct {
		int status;
		const char *body;
		int want_status;
		const char *type, *code;
	} words[] = {
		{ 529,
		    "{\"type\":\"error\",\"error\":{\"type\":"
		    "\"overloaded_error\",\"message\":\"Overloaded\"}}",
		    0, "", "" },
		{ 400,
		    "{\"error\":{\"message\":\"maximum context length\","
		    "\"type\":\"BadRequestError\",\"code\":400}}",
		    0, "", "" },
		{ 402, "{\"error\":{\"message\":\"Insufficient Balance\"}}", 0,
		    "", "" },
		{ 429,
		    "{\"error\":{\"message\":\"slow\",\"type\":\"tokens\","
		    "\"code\":\"rate_limit_exceeded\"}}",
		    0, "tokens", "rate_limit_exceeded" },
		{ 429,
		    "{\"object\":\"error\",\"message\":\"slow\",\"type\":"
		    "\"rate_limited\",\"code\":\"1300\"}",
		    0, "", "rate_limit_exceeded" },
		{ 404,
		    "{\"error\":{\"code\":\"DeploymentNotFound\","
		    "\"message\":\"no\"}}",
		    404, "invalid_request_error", "model_not_found" },
		{ 400,
		    "{\"error\":{\"message\":\"filtered\",\"type\":null,"
		    "\"code\":\"content_filter\"}}",
		    0, "", "content_filter" },
		{ 400,
		    "{\"error\":{\"message\":\"bad seed\",\"type\":"
		    "\"INVALID_ARGUMENT\",\"code\":400}}",
		    400, "", "" },
		{ 400,
		    "{\"error\":{\"message\":\"bad\",\"type\":"
		    "\"invalid_request_error\",\"code\":\"invalid_value\"}}",
		    400, "", "invalid_value" },
		{ 520, "<html>", 520, "server_error", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		struct provider_error e;
		struct error_words w;

		provider_error_read(words[i].status, str_of(words[i].body),
		    NULL, &e);
		provider_error_words(&e, &w);
		if (w.status != words[i].want_status ||
		    strcmp(w.type != NULL ? w.type : "", words[i].type) != 0 ||
		    strcmp(w.code != NULL ? w.code : "", words[i].code) != 0)
			fail_msg("%zu: %d %s %s", i, w.status,
			    w.type != NULL ? w.type : "-",
			    w.code != NULL ? w.code : "-");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_public_text_and_detail_are_joined),
		cmocka_unit_test(test_bodies_in_the_clients_dialect),
		cmocka_unit_test(test_events_in_the_clients_dialect),
		cmocka_unit_test(test_every_provider_is_understood),
		cmocka_unit_test(test_in_band_errors_tell_their_status),
		cmocka_unit_test(test_keys_never_show),
		cmocka_unit_test(test_the_secret_is_masked_in_every_field),
		cmocka_unit_test(test_clients_get_words_they_know),
		cmocka_unit_test(test_long_and_deep_bodies_are_bounded),
	};

	return cmocka_run_group_tests(tests, arena_set_up, arena_tear_down);
}
