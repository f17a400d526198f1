/* Reading requests: what is taken, what is refused and in which words, how
   long a prompt can be. */
#include "arena_fixture.h"

#include "config/config.h"
#include "wire/prompt_bound.h"
#include "wire/request.h"
#include "wire/responses/response_call.h"

static struct wire_request request;
static const char *param;
static struct err err;

static int
parse(enum wire_api api, const char *body)
{
	arena_reset(&arena);
	return wire_request_parse(api, str_of(body), &arena, &request, &param,
	    &err);
}

static void
parse_ok(enum wire_api api, const char *body)
{
	if (parse(api, body) != 0)
		fail_msg("%s: %s", body, err.text);
	assert_null(param);
}

#define HELLO "\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]"
/* A chat body with one more member. */
#define WITH(member) "{\"model\":\"m\"," HELLO "," member "}"

static void
test_a_whole_request(void **state)
{
	static const char body[] =
	    "{\"model\":\"gpt\\u002d4o\", \"messages\":[{\"role\":\"user\","
	    "\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":null}],"
	    "\"stream\":true,\"stream_options\":{\"include_usage\":true},"
	    "\"max_tokens\":7,\"n\":2,\"user\":\"u\\n1\","
	    "\"tools\":[{\"type\":\"function\"}],\"service_tier\":\"flex\","
	    "\"metadata\":{\"tags\":[\"a\",\"b\\u0021\"]},\"tags\":[\"c\"],"
	    "\"num_retries\":3,\"timeout\":1.5,\"stream_timeout\":10,"
	    "\"disable_fallbacks\":true,\"fallbacks\":[\"x\"],"
	    "\"mock_response\":\"hey\",\"drop_params\":false,"
	    "\"seed\":18446744073709551615}";

	(void)state;
	parse_ok(WIRE_CHAT, body);
	assert_str(request.model, "gpt-4o");
	assert_str(request.model_at.value, "\"gpt\\u002d4o\"");
	assert_true(request.stream);
	assert_true(request.include_usage);
	assert_false(request.continuous_usage);
	assert_int_equal(request.max_tokens, 7);
	assert_str(request.max_tokens_at.value, "7");
	assert_int_equal(request.max_tokens_other.type, SKIM_ABSENT);
	assert_int_equal(request.n, 2);
	assert_int_equal(request.outputs, 2);
	assert_str(request.user, "u\n1");
	assert_int_equal(request.tag_count, 3);
	assert_str(request.tags[0], "a");
	assert_str(request.tags[1], "b!");
	assert_str(request.tags[2], "c");
	assert_int_equal(request.message_count, 2);
	assert_int_equal(request.tools.count, 1);
	assert_int_equal(request.service_tier, TIER_FLEX);
	assert_int_equal(request.num_retries, 3);
	assert_int_equal(request.timeout_msecs, 1500);
	assert_int_equal(request.stream_timeout_msecs, 10000);
	assert_true(request.disable_fallbacks);
	assert_int_equal(request.drop_params, 0);
	assert_int_equal(request.fallbacks.count, 1);
	assert_str(request.fallbacks.items[0], "x");
	assert_string_equal(request.mock_response, "hey");
	assert_int_equal(request.member_count, 19);
	assert_non_null(wire_request_member(&request, str_of("seed")));
	assert_null(wire_request_member(&request, str_of("see")));
}

static void
test_fallbacks_in_every_form(void **state)
{
	(void)state;
	parse_ok(WIRE_CHAT,
	    WITH("\"fallbacks\":[\"a\",{\"model\":\"b\\n\"},{\"m\":[\"c\","
		 "\"d\"],"
		 "\"other\":[\"e\"]},{\"*\":[\"f\"]}],"
		 "\"context_window_fallbacks\":[{\"m\":[\"g\"]}],"
		 "\"content_policy_fallbacks\":[\"h\"]"));
	assert_int_equal(request.fallbacks.count, 5);
	assert_str(request.fallbacks.items[0], "a");
	assert_str(request.fallbacks.items[1], "b\n");
	assert_str(request.fallbacks.items[2], "c");
	assert_str(request.fallbacks.items[3], "d");
	assert_str(request.fallbacks.items[4], "f");
	assert_int_equal(request.context_fallbacks.count, 1);
	assert_str(request.context_fallbacks.items[0], "g");
	assert_int_equal(request.policy_fallbacks.count, 1);
	assert_str(request.policy_fallbacks.items[0], "h");
}

static void
test_what_is_to_be_played(void **state)
{
	static const struct {
		const char *member;
		enum wire_play play;
	} rows[] = {
		{ "\"mock_testing_fallbacks\":true", PLAY_FALLBACKS },
		{ "\"mock_testing_context_fallbacks\":true", PLAY_CONTEXT },
		{ "\"mock_testing_content_policy_fallbacks\":true",
		    PLAY_POLICY },
		{ "\"mock_testing_rate_limit_error\":true", PLAY_RATE_LIMIT },
		{ "\"mock_timeout\":true", PLAY_TIMEOUT },
		{ "\"mock_timeout\":false", PLAY_NOTHING },
		{ "\"mock_testing_fallbacks\":null", PLAY_NOTHING },
	};
	char body[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		snprintf(body, sizeof(body), "{\"model\":\"m\"," HELLO ",%s}",
		    rows[i].member);
		parse_ok(WIRE_CHAT, body);
		assert_int_equal(request.play, rows[i].play);
	}
}

/* "name: value|name: value" */
static struct str
header_in(const void *arg, const char *name)
{
	struct str rest = str_of(arg);

	while (rest.n > 0) {
		struct str line = str_cut(&rest, '|');
		struct str key = str_cut(&line, ':');

		if (str_is(key, name))
			return str_trim(line);
	}
	return str_make("", 0);
}

static void
test_headers_overrule_the_body(void **state)
{
	static const struct {
		const char *headers, *param; /* NULL: all is well */
	} rows[] = {
		{ "x-litellm-num-retries: 5|x-litellm-timeout: 2.5"
		  "|x-litellm-stream-timeout: 0|x-litellm-tags: c,,d e ",
		    NULL },
		{ "x-litellm-num-retries: many", "x-litellm-num-retries" },
		{ "x-litellm-num-retries: -1", "x-litellm-num-retries" },
		{ "x-litellm-timeout: soon", "x-litellm-timeout" },
		{ "x-litellm-stream-timeout: -1", "x-litellm-stream-timeout" },
		{ "x-litellm-tags: 1,2,3,4,5,6,7,8", "x-litellm-tags" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *named = NULL;
		int rc;

		parse_ok(WIRE_CHAT,
		    WITH("\"num_retries\":1,\"timeout\":9,\"tags\":[\"a\"]"));
		rc = wire_request_headers(&request, header_in, rows[i].headers,
		    &named, &err);
		assert_int_equal(rc, rows[i].param == NULL ? 0 : -1);
		if (rows[i].param != NULL) {
			assert_string_equal(named, rows[i].param);
			assert_int_equal(err.code, ERR_BAD_REQUEST);
			continue;
		}
		assert_int_equal(request.num_retries, 5);
		assert_int_equal(request.timeout_msecs, 2500);
		assert_int_equal(request.stream_timeout_msecs, 1);
		assert_int_equal(request.tag_count, 3);
		assert_str(request.tags[1], "c");
		assert_str(request.tags[2], "d e");
	}
}

static void
test_what_is_absent_has_its_default(void **state)
{
	static const char *const bodies[] = { "{\"model\":\"m\"," HELLO "}",
		WITH("\"stream\":null,\"stream_options\":null,\"n\":null,"
		     "\"max_tokens\":null,\"max_completion_tokens\":null,"
		     "\"user\":null,\"tools\":null,\"metadata\":null,"
		     "\"tags\":null,\"num_retries\":null,\"timeout\":null,"
		     "\"drop_params\":null,\"disable_fallbacks\":null,"
		     "\"fallbacks\":null,\"mock_response\":null,"
		     "\"allowed_openai_params\":null") };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		parse_ok(WIRE_CHAT, bodies[i]);
		assert_false(request.stream);
		assert_int_equal(request.max_tokens, CONFIG_UNSET);
		assert_int_equal(request.n, 1);
		assert_int_equal(request.outputs, 1);
		assert_int_equal(request.user.n, 0);
		assert_int_equal(request.tag_count, 0);
		assert_int_equal(request.num_retries, CONFIG_UNSET);
		assert_int_equal(request.timeout_msecs, CONFIG_UNSET);
		assert_int_equal(request.drop_params, CONFIG_UNSET);
		assert_int_equal(request.tools.type, SKIM_ABSENT);
		assert_int_equal(request.fallbacks.count, 0);
		assert_null(request.mock_response);
		assert_int_equal(request.play, PLAY_NOTHING);
	}
}

/* clang-format off */
static const struct {
	const char *body;
	enum err_code code;
	const char *param; /* NULL none */
	const char *text;  /* part of the message */
} refused[] = {
	{ "", ERR_BAD_JSON, NULL, "empty" },
	{ "hello", ERR_BAD_JSON, NULL, "must be a JSON object" },
	{ "[]", ERR_BAD_JSON, NULL, "must be a JSON object" },
	{ "\"x\"", ERR_BAD_JSON, NULL, "must be a JSON object" },
	{ "{\"model\":\"m\",", ERR_BAD_JSON, NULL, "too early" },
	{ "{\"model\":\"m\"," HELLO "} x", ERR_BAD_JSON, NULL, "follows" },
	{ "{\"model\":7," HELLO, ERR_BAD_JSON, NULL, "too early" }, /* JSON first */
	{ WITH("\"x\":\"\xff\""), ERR_BAD_JSON, NULL, "UTF-8" },
	{ "{}", ERR_MODEL_MISSING, "model", "missing" },
	{ "{" HELLO "}", ERR_MODEL_MISSING, "model", "missing" },
	{ "{\"model\":null," HELLO "}", ERR_MODEL_MISSING, "model", "missing" },
	{ "{\"model\":\"\"," HELLO "}", ERR_MODEL_MISSING, "model", "empty" },
	{ "{\"model\":7," HELLO "}", ERR_BAD_REQUEST, "model", "'model' must be a string" },
	{ "{\"model\":[\"m\"]," HELLO "}", ERR_BAD_REQUEST, "model", "string" },
	{ "{\"model\":\"a\\u0000b\"," HELLO "}", ERR_BAD_REQUEST, "model", "NUL" },
	{ "{\"model\":\"a\",\"model\":\"b\"," HELLO "}", ERR_BAD_REQUEST, "model", "twice" },
	{ "{\"model\":\"a\",\"mode\\u006c\":\"b\"," HELLO "}", ERR_BAD_REQUEST, "model", "twice" },
	{ "{\"model\":\"m\"}", ERR_BAD_REQUEST, "messages", "missing" },
	{ "{\"model\":\"m\",\"messages\":null}", ERR_BAD_REQUEST, "messages", "missing" },
	{ "{\"model\":\"m\",\"messages\":{}}", ERR_BAD_REQUEST, "messages", "must be an array" },
	{ "{\"model\":\"m\",\"messages\":\"hi\"}", ERR_BAD_REQUEST, "messages", "must be an array" },
	{ "{\"model\":\"m\",\"messages\":[]}", ERR_BAD_REQUEST, "messages", "empty" },
	{ WITH("\"messages\":[1]"), ERR_BAD_REQUEST, "messages", "twice" },
	{ WITH("\"fallbacks\":\"a\""), ERR_BAD_REQUEST, "fallbacks", "array of model names" },
	{ WITH("\"fallbacks\":[7]"), ERR_BAD_REQUEST, "fallbacks", "array of model names" },
	{ WITH("\"fallbacks\":[{\"m\":[7]}]"), ERR_BAD_REQUEST, "fallbacks", "array of model names" },
	{ WITH("\"fallbacks\":[{\"model\":\"a\",\"messages\":\"x\"}]"), ERR_BAD_REQUEST, "fallbacks", "parameters of its own" },
	{ WITH("\"mock_response\":{}"), ERR_BAD_REQUEST, "mock_response", "must be a string" },
	{ WITH("\"tools\":{}"), ERR_BAD_REQUEST, "tools", "array" },
	{ WITH("\"stream\":1"), ERR_BAD_REQUEST, "stream", "true or false" },
	{ WITH("\"stream\":\"true\""), ERR_BAD_REQUEST, "stream", "true or false" },
	{ WITH("\"stream_options\":[]"), ERR_BAD_REQUEST, "stream_options", "object" },
	{ WITH("\"stream_options\":{\"include_usage\":1}"), ERR_BAD_REQUEST, "stream_options", "true or false" },
	{ WITH("\"stream_options\":{\"include_usage\":true,\"include_usage\":false}"), ERR_BAD_REQUEST, "stream_options", "once" },
	{ WITH("\"max_tokens\":0"), ERR_BAD_REQUEST, "max_tokens", "at least 1" },
	{ WITH("\"max_tokens\":-5"), ERR_BAD_REQUEST, "max_tokens", "at least 1" },
	{ WITH("\"max_tokens\":1.5"), ERR_BAD_REQUEST, "max_tokens", "integer" },
	{ WITH("\"max_tokens\":\"5\""), ERR_BAD_REQUEST, "max_tokens", "integer" },
	{ WITH("\"max_tokens\":1e400"), ERR_BAD_REQUEST, "max_tokens", "integer" },
	{ WITH("\"max_completion_tokens\":true"), ERR_BAD_REQUEST, "max_completion_tokens", "integer" },
	{ WITH("\"n\":0"), ERR_BAD_REQUEST, "n", "from 1 to 128" },
	{ WITH("\"n\":129"), ERR_BAD_REQUEST, "n", "from 1 to 128" },
	{ WITH("\"n\":\"2\""), ERR_BAD_REQUEST, "n", "from 1 to 128" },
	{ WITH("\"n\":1,\"n\":100"), ERR_BAD_REQUEST, "n", "twice" },
	{ WITH("\"user\":5"), ERR_BAD_REQUEST, "user", "string" },
	{ WITH("\"metadata\":[]"), ERR_BAD_REQUEST, "metadata", "object" },
	{ WITH("\"metadata\":{\"tags\":\"a\"}"), ERR_BAD_REQUEST, "metadata", "array of strings" },
	{ WITH("\"tags\":[1]"), ERR_BAD_REQUEST, "tags", "array of strings" },
	{ WITH("\"tags\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]"), ERR_BAD_REQUEST, "tags", "8 allowed" },
	{ WITH("\"timeout\":\"5\""), ERR_BAD_REQUEST, "timeout", "seconds" },
	{ WITH("\"timeout\":-1"), ERR_BAD_REQUEST, "timeout", "seconds" },
	{ WITH("\"num_retries\":-1"), ERR_BAD_REQUEST, "num_retries", "from 0" },
	{ WITH("\"drop_params\":1"), ERR_BAD_REQUEST, "drop_params", "true or false" },
	{ WITH("\"allowed_openai_params\":\"x\""), ERR_BAD_REQUEST, "allowed_openai_params", "array" },
	{ WITH("\"additional_drop_params\":[1]"), ERR_BAD_REQUEST, "additional_drop_params", "array" },
};
/* clang-format on */

static void
test_bad_requests_are_refused_in_clear_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		if (parse(WIRE_CHAT, refused[i].body) == 0)
			fail_msg("passed: %s", refused[i].body);
		assert_int_equal(err.code, refused[i].code);
		if (strstr(err.text, refused[i].text) == NULL)
			fail_msg("%s: %s", refused[i].body, err.text);
		if (refused[i].param == NULL)
			assert_null(param);
		else
			assert_string_equal(param, refused[i].param);
	}
}

static void
test_nesting_and_size_are_bounded(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	buf_add_cstr(&b, "{\"model\":\"m\"," HELLO ",\"x\":");
	for (int i = 0; i < 1000; i++)
		buf_add_char(&b, '[');
	for (int i = 0; i < 1000; i++)
		buf_add_char(&b, ']');
	buf_add_char(&b, '}');
	assert_int_equal(parse(WIRE_CHAT, buf_cstr(&b)), -1);
	assert_non_null(strstr(err.text, "nested deeper than 64"));
	/* The same inside of messages, where another walk is at work. */
	buf_clear(&b);
	buf_add_cstr(&b, "{\"model\":\"m\",\"messages\":[{\"content\":");
	for (int i = 0; i < 1000; i++)
		buf_add_cstr(&b, "[{\"content\":");
	assert_int_equal(parse(WIRE_CHAT, buf_cstr(&b)), -1);
	assert_non_null(strstr(err.text, "nested deeper than 64"));
	/* Many members are fine, too many are not. */
	for (int count = 1022; count <= 1023; count++) {
		buf_clear(&b);
		buf_add_cstr(&b, "{\"model\":\"m\"," HELLO);
		for (int i = 0; i < count; i++)
			buf_printf(&b, ",\"f%d\":%d", i, i);
		buf_add_char(&b, '}');
		assert_int_equal(parse(WIRE_CHAT, buf_cstr(&b)),
		    count == 1022 ? 0 : -1);
	}
	assert_non_null(strstr(err.text, "more than 1024 members"));
	buf_fini(&b);
}

/* Every key of the list is found, and nothing that is near one. */
static void
test_the_list_of_keys(void **state)
{
#define KEY_TEXT(ID, key, fate, prompt, text) { KEY_##ID, key, #fate },
#define KEY_NONE(n)
	static const struct {
		enum request_key id;
		const char *key, *fate;
	} keys[] = { REQUEST_KEYS(KEY_TEXT, KEY_NONE) };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		size_t n = strlen(keys[i].key);
		char near[64];

		assert_int_equal(request_key_find(str_of(keys[i].key)),
		    keys[i].id);
		if (i > 0) /* ordered by length */
			assert_true(n >= strlen(keys[i - 1].key));
		snprintf(near, sizeof(near), "%s", keys[i].key);
		near[n - 1] ^= 1;
		assert_int_equal(request_key_find(str_of(near)), KEY_UNKNOWN);
		snprintf(near, sizeof(near), "%sx", keys[i].key);
		assert_int_equal(request_key_find(str_of(near)), KEY_UNKNOWN);
	}
	assert_int_equal(request_key_find(str_of("")), KEY_UNKNOWN);
	assert_int_equal(request_key_find(str_make("model\0", 6)), KEY_UNKNOWN);
}

static bool
is_cut(const char *member)
{
	char body[512];

	snprintf(body, sizeof(body), WITH("%s"), member);
	parse_ok(WIRE_CHAT, body);
	return request.members[2].cut;
}

static void
test_what_never_goes_upstream(void **state)
{
	(void)state;
	assert_true(is_cut("\"fallbacks\":[]"));
	assert_true(is_cut("\"mock_tool_calls\":[]"));
	assert_true(is_cut("\"mock_testing_fallbacks\":true"));
	assert_true(is_cut("\"litellm_session_id\":\"x\""));
	assert_true(is_cut("\"litellm_anything\":1"));
	assert_true(is_cut("\"api_base\":\"http://evil\""));
	assert_true(is_cut("\"api_k\\u0065y\":\"x\""));
	assert_true(is_cut("\"no-log\":true"));
	assert_true(is_cut("\"guardrails\":[\"g\"]"));
	assert_false(is_cut("\"temperature\":1"));
	assert_false(is_cut("\"unheard_of\":1"));
	assert_false(is_cut("\"user\":\"u\""));
	assert_false(is_cut("\"service_tier\":\"auto\""));
}

static void
test_metadata_is_openais_or_litellms(void **state)
{
	(void)state;
	assert_false(is_cut("\"metadata\":{}"));
	assert_false(is_cut("\"metadata\":null"));
	assert_false(is_cut("\"metadata\":{\"order\":\"7\",\"shop\":\"x\"}"));
	assert_true(is_cut("\"metadata\":{\"order\":7}"));
	assert_true(is_cut("\"metadata\":{\"order\":\"7\",\"x\":{}}"));
	assert_true(is_cut("\"metadata\":{\"tags\":[\"a\"]}"));
	assert_true(is_cut("\"metadata\":{\"generation_name\":\"g\"}"));
	assert_true(is_cut("\"metadata\":{\"user_api_key_alias\":\"g\"}"));
	assert_true(is_cut("\"litellm_metadata\":{\"tags\":[\"t\"]}"));
	assert_int_equal(request.tag_count, 1);
}

static void
test_of_two_limits_the_new_one_counts(void **state)
{
	(void)state;
	parse_ok(WIRE_CHAT,
	    WITH("\"max_tokens\":100,\"max_completion_tokens\":50"));
	assert_int_equal(request.max_tokens, 50);
	assert_str(request.max_tokens_at.value, "50");
	assert_str(request.max_tokens_other.value, "100");
	parse_ok(WIRE_CHAT,
	    WITH("\"max_tokens\":100,\"max_completion_tokens\":null"));
	assert_int_equal(request.max_tokens, 100);
	assert_int_equal(request.max_tokens_other.type, SKIM_ABSENT);
	parse_ok(WIRE_CHAT, WITH("\"max_tokens\":1e2"));
	assert_int_equal(request.max_tokens, 100);
}

static void
test_other_apis(void **state)
{
	(void)state;
	parse_ok(WIRE_COMPLETIONS,
	    "{\"model\":\"m\",\"prompt\":[\"a\",\"b\",\"c\"],\"n\":2,"
	    "\"best_of\":4,\"stream\":true}");
	assert_int_equal(request.n, 6);
	assert_int_equal(request.outputs, 12);
	assert_int_equal(request.message_count, 3);
	parse_ok(WIRE_COMPLETIONS, "{\"model\":\"m\"}");
	assert_int_equal(request.n, 1);
	parse_ok(WIRE_COMPLETIONS, "{\"model\":\"m\",\"prompt\":[1,2,3]}");
	assert_int_equal(request.outputs, 1);
	assert_int_equal(parse(WIRE_COMPLETIONS,
			     "{\"model\":\"m\",\"prompt\":7}"),
	    -1);
	assert_string_equal(param, "prompt");
	parse_ok(WIRE_EMBEDDINGS,
	    "{\"model\":\"m\",\"input\":\"x\",\"stream\":\"odd\"}");
	assert_false(request.stream);
	assert_int_equal(request.outputs, 0);
	assert_int_equal(parse(WIRE_EMBEDDINGS, "{\"model\":\"m\"}"), -1);
	assert_string_equal(param, "input");
	assert_int_equal(parse(WIRE_EMBEDDINGS,
			     "{\"model\":\"m\",\"input\":[]}"),
	    -1);
	parse_ok(WIRE_RESPONSES,
	    "{\"model\":\"m\",\"input\":\"x\",\"max_output_tokens\":5}");
	assert_int_equal(request.max_tokens, 5);
	parse_ok(WIRE_MESSAGES,
	    "{\"model\":\"m\"," HELLO ",\"max_tokens\":0,\"system\":\"s\","
	    "\"metadata\":{\"user_id\":\"u1\"}}");
	assert_int_equal(request.max_tokens, 0);
	assert_str(request.user, "u1");
	assert_string_equal(wire_api_name(WIRE_CHAT), "chat");
	assert_string_equal(wire_api_path(WIRE_EMBEDDINGS), "/embeddings");
}

static void
test_rejected_predictions_are_output(void **state)
{
	(void)state;
	parse_ok(WIRE_CHAT,
	    WITH("\"prediction\":{\"type\":\"content\",\"content\":\"abc\"}"));
	assert_true(request.extra_output_tokens >= 3);
}

/* ---- the prompt's bound ------------------------------------------------ */

static int64_t
bound_of(enum wire_api api, const char *body)
{
	parse_ok(api, body);
	return request.prompt_bound_tokens;
}

/* Bound of one message with this content (JSON). */
static int64_t
content_bound(const char *content)
{
	char body[4096];

	snprintf(body, sizeof(body),
	    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":%s}]"
	    "}",
	    content);
	return bound_of(WIRE_CHAT, body) - PROMPT_BASE_TOKENS -
	       PROMPT_MESSAGE_TOKENS - 4 /* user */;
}

static void
test_text_counts_its_bytes(void **state)
{
	(void)state;
	assert_int_equal(content_bound("\"\""), 0);
	assert_int_equal(content_bound("\"hello\""), 5);
	/* Written with escapes it counts as written: never less. */
	assert_int_equal(content_bound("\"h\\u00e9\\n\""), 9);
	assert_int_equal(content_bound("null"), 4);
	assert_int_equal(content_bound(
			     "[{\"type\":\"text\",\"text\":\"hello\"}]"),
	    9);
	/* What is unknown may be text to somebody. */
	assert_true(content_bound("[{\"type\":\"x\",\"y\":{\"z\":\"12345678901"
				  "234567890\"}}]") > 20);
}

static void
test_tools_and_other_text_count(void **state)
{
	int64_t plain = bound_of(WIRE_CHAT, "{\"model\":\"m\"," HELLO "}");

	(void)state;
	assert_int_equal(bound_of(WIRE_CHAT, WITH("\"tools\":[1234567]")),
	    plain + 9 + PROMPT_TOOLS_TOKENS);
	assert_true(bound_of(WIRE_CHAT, WITH("\"response_format\":{\"x\":"
					     "\"0123456789\"}")) >= plain + 10);
	assert_true(bound_of(WIRE_CHAT,
			WITH("\"documents\":[\"0123456789\"]")) >= plain + 10);
	/* What never goes upstream does not. */
	assert_int_equal(bound_of(WIRE_CHAT,
			     WITH("\"mock_response\":\"0123456789\"")),
	    plain);
	assert_int_equal(bound_of(WIRE_CHAT, WITH("\"user\":\"0123456789\"")),
	    plain);
	assert_int_equal(bound_of(WIRE_EMBEDDINGS,
			     "{\"model\":\"m\",\"input\":[\"abc\",\"de\"]}"),
	    5 + 2 * PROMPT_MESSAGE_TOKENS);
	assert_true(bound_of(WIRE_EMBEDDINGS,
			"{\"model\":\"m\",\"input\":[[1,2,3],[4]]}") >= 4);
	assert_true(bound_of(WIRE_COMPLETIONS,
			"{\"model\":\"m\",\"prompt\":[1,2,3]}") >= 3);
}

static void
test_images_have_a_bound_of_their_own(void **state)
{
	char content[3000], base64[2001];
	int64_t n;

	(void)state;
	memset(base64, 'A', 2000);
	base64[2000] = '\0';
	snprintf(content, sizeof(content),
	    "[{\"type\":\"image_url\",\"image_url\":{\"url\":"
	    "\"data:image/png;base64,%s\"}}]",
	    base64);
	n = content_bound(content);
	assert_true(n >= PROMPT_IMAGE_TOKENS);
	assert_true(n < PROMPT_IMAGE_TOKENS + 50);
	/* The same with detail low, and as Mistral's plain string. */
	snprintf(content, sizeof(content),
	    "[{\"image_url\":{\"detail\":\"low\",\"url\":"
	    "\"data:image/png;base64,%s\"}}]",
	    base64);
	n = content_bound(content);
	assert_true(n >= PROMPT_IMAGE_LOW_TOKENS);
	assert_true(n < PROMPT_IMAGE_LOW_TOKENS + 50);
	snprintf(content, sizeof(content),
	    "[{\"type\":\"image_url\",\"image_url\":\"data:x,%s\"}]", base64);
	n = content_bound(content);
	assert_true(n >= PROMPT_IMAGE_TOKENS && n < PROMPT_IMAGE_TOKENS + 50);
	/* Two images, by address: their addresses count as text too. */
	n = content_bound("[{\"image_url\":{\"url\":\"http://a/b\"}},"
			  "{\"image_url\":{\"url\":\"http://c/d\"}}]");
	assert_true(n >= 2 * PROMPT_IMAGE_TOKENS + 20);
	/* A data: URL where text stands is text. */
	snprintf(content, sizeof(content),
	    "[{\"type\":\"text\",\"text\":\"data:image/png;base64,%s\"}]",
	    base64);
	n = content_bound(content);
	assert_true(n > 2000 && n < PROMPT_IMAGE_TOKENS);
	snprintf(content, sizeof(content), "\"data:image/png;base64,%s\"",
	    base64);
	assert_true(content_bound(content) > 2000);
}

static void
test_image_lookalikes_in_arguments_are_text(void **state)
{
	char body[3000], base64[2001];

	(void)state;
	memset(base64, 'A', 2000);
	base64[2000] = '\0';
	snprintf(body, sizeof(body),
	    "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\","
	    "\"tool_calls\":[{\"function\":{\"arguments\":{\"image_url\":"
	    "\"data:,%s\"}}}]}]}",
	    base64);
	assert_true(bound_of(WIRE_CHAT, body) > 2000);
	assert_true(request.prompt_bound_tokens < PROMPT_IMAGE_TOKENS);
}

static void
test_files_and_sounds(void **state)
{
	(void)state;
	assert_true(content_bound("[{\"type\":\"file\",\"file\":{\"file_id\":"
				  "\"file-1\"}}]") >= PROMPT_FILE_TOKENS);
	assert_true(content_bound("[{\"type\":\"document_url\","
				  "\"document_url\":\"http://x\"}]") >=
		    PROMPT_FILE_TOKENS);
	assert_true(content_bound("[{\"type\":\"file\",\"file\":{\"file_data\":"
				  "\"data:x;base64,AAAAAAAAAA\"}}]") < 100);
	assert_true(content_bound("[{\"type\":\"input_audio\",\"input_audio\":"
				  "{\"data\":\"0123456789\"}}]") >= 10);
	/* Anthropic's shapes. */
	assert_true(
	    content_bound("[{\"type\":\"image\",\"source\":{\"type\":"
			  "\"base64\",\"media_type\":\"image/png\","
			  "\"data\":\"AAAA\"}}]") >= PROMPT_IMAGE_TOKENS);
	assert_true(content_bound("[{\"source\":{\"type\":\"url\",\"url\":"
				  "\"http://x\"},\"type\":\"document\"}]") >=
		    PROMPT_FILE_TOKENS);
	assert_true(content_bound("[{\"type\":\"tool_result\",\"content\":["
				  "{\"type\":\"image_url\",\"image_url\":"
				  "\"http://x\"}]}]") >= PROMPT_IMAGE_TOKENS);
}

static void
test_the_guess_is_fair(void **state)
{
	char body[1200], text[801];

	(void)state;
	memset(text, 'a', 800);
	text[800] = '\0';
	snprintf(body, sizeof(body),
	    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
	    "\"%s\"}]}",
	    text);
	parse_ok(WIRE_CHAT, body);
	assert_true(request.prompt_guess_tokens >= 200);
	assert_true(request.prompt_guess_tokens < 220);
}

static void
test_a_response_goes_back_to_where_it_is_kept(void **state)
{
	(void)state;
	parse_ok(WIRE_RESPONSES,
	    "{\"model\":\"m\",\"input\":\"x\",\"previous_response_id\":"
	    "\"resp_1_at_0123456789ab\"}");
	assert_true(request.needs_state);
	assert_str(request.state_tag, "0123456789ab");
	assert_str(request.previous_response, "resp_1");
	assert_str(request.response_owner, "");
	parse_ok(WIRE_RESPONSES,
	    "{\"model\":\"m\",\"input\":\"x\",\"previous_response_id\":"
	    "\"resp_1_at_0123456789ab_00112233445566778899aabb\"}");
	assert_str(request.state_tag, "0123456789ab");
	assert_str(request.previous_response, "resp_1");
	assert_str(request.response_owner, "00112233445566778899aabb");
	/* An owner without a deployment is the provider's own writing. */
	parse_ok(WIRE_RESPONSES,
	    "{\"model\":\"m\",\"input\":\"x\",\"previous_response_id\":"
	    "\"resp_1_00112233445566778899aabb\"}");
	assert_str(request.state_tag, "");
	assert_str(request.response_owner, "");
	assert_str(request.previous_response,
	    "resp_1_00112233445566778899aabb");
	parse_ok(WIRE_RESPONSES,
	    "{\"model\":\"m\",\"input\":\"x\",\"previous_response_id\":"
	    "\"resp_1_at_0123456789aB\"}");
	assert_true(request.needs_state);
	assert_str(request.state_tag, "");
	assert_str(request.previous_response, "resp_1_at_0123456789aB");
	parse_ok(WIRE_RESPONSES,
	    "{\"model\":\"m\",\"input\":\"x\",\"background\":true}");
	assert_true(request.needs_state && request.background);
	parse_ok(WIRE_RESPONSES,
	    "{\"model\":\"m\",\"input\":\"x\",\"background\":false,"
	    "\"conversation\":null,\"previous_response_id\":null}");
	assert_false(request.needs_state);
	assert_int_equal(parse(WIRE_RESPONSES,
			     "{\"model\":\"m\",\"previous_response_id\":5}"),
	    -1);
	assert_string_equal(param, "previous_response_id");
	/* It means nothing in a chat. */
	parse_ok(WIRE_CHAT,
	    "{\"model\":\"m\"," HELLO ",\"previous_response_id\":5,"
	    "\"background\":\"sky\"}");
	assert_false(request.needs_state);
}

static int
read_call(const char *method, const char *path, const char *query)
{
	return response_call_read(str_of(method), str_of(path), str_of(query),
	    &arena, &request, &err);
}

static void
test_calls_about_a_response_that_is_kept(void **state)
{
	static const char *const others[] = { "/responses", "/responses/",
		"/responses/a/b", "/responses/a/cancel/", "/responses/../x",
		"/responses/a%2fb", "/responses/a.b", "/responsesx/a" };
	const char *allowed;
	bool served;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_false(response_call_find(str_of(others[i]),
		    str_of("GET"), &served, &allowed));
	assert_true(response_call_find(str_of("/responses/a"), str_of("GET"),
	    &served, &allowed));
	assert_true(served);
	assert_true(response_call_find(str_of("/responses/a"), str_of("POST"),
	    &served, &allowed));
	assert_false(served);
	assert_string_equal(allowed, "GET, DELETE");
	assert_int_equal(read_call("GET",
			     "/responses/resp_1_at_0123456789ab/input_items",
			     "after=x&stream=true"),
	    0);
	assert_string_equal(request.path,
	    "/responses/resp_1/input_items?after=x&stream=true");
	assert_string_equal(request.method, "GET");
	assert_str(request.state_tag, "0123456789ab");
	assert_true(request.stream);
	assert_int_equal(request.outputs, 0);
	assert_int_equal(request.prompt_bound_tokens, 0);
	assert_int_equal(read_call("GET", "/responses/resp_1", ""), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_whole_request),
		cmocka_unit_test(test_what_is_absent_has_its_default),
		cmocka_unit_test(test_fallbacks_in_every_form),
		cmocka_unit_test(test_what_is_to_be_played),
		cmocka_unit_test(test_headers_overrule_the_body),
		cmocka_unit_test(test_bad_requests_are_refused_in_clear_words),
		cmocka_unit_test(test_nesting_and_size_are_bounded),
		cmocka_unit_test(test_the_list_of_keys),
		cmocka_unit_test(test_what_never_goes_upstream),
		cmocka_unit_test(test_metadata_is_openais_or_litellms),
		cmocka_unit_test(test_of_two_limits_the_new_one_counts),
		cmocka_unit_test(test_other_apis),
		cmocka_unit_test(test_rejected_predictions_are_output),
		cmocka_unit_test(test_text_counts_its_bytes),
		cmocka_unit_test(test_tools_and_other_text_count),
		cmocka_unit_test(test_images_have_a_bound_of_their_own),
		cmocka_unit_test(test_image_lookalikes_in_arguments_are_text),
		cmocka_unit_test(test_files_and_sounds),
		cmocka_unit_test(test_the_guess_is_fair),
		cmocka_unit_test(test_a_response_goes_back_to_where_it_is_kept),
		cmocka_unit_test(test_calls_about_a_response_that_is_kept),
	};

	return cmocka_run_group_tests(tests, arena_set_up, arena_tear_down);
}
