/* How the simulator reads requests: dialects, refusals, the quick way in. */
#include "unit.h"

#include "sim/chat_anthropic.h"
#include "sim/chat_mistral.h"
#include "sim/chat_openai.h"
#include "sim/completion.h"
#include "sim/embeddings.h"
#include "sim/scan.h"

#define U(text) "{\"role\":\"user\",\"content\":\"" text "\"}"
#define BODY(messages, more)                                                   \
	"{\"model\":\"m\",\"messages\":[" messages "]" more "}"

/* ---- the quick reader ------------------------------------------------------
 */

static const struct {
	const char *body;
	bool plain; /* the quick reader takes it */
} bodies[] = {
	{ BODY(U("Hi"), ""), true },
	{ " { \"messages\" : [ " U("Hi") " ] ,\n\t\"model\" : \"m\" } \r\n",
	    true },
	{ BODY("{\"content\":\"Be brief.\",\"role\":\"system\"}," U(
		   "a") ",{\"role\":\"assistant\",\"content\":\"b\",\"name\":"
			"\"n\"}," U("c"),
	      ",\"temperature\":0.5,\"seed\":-3,\"metadata\":{\"a\":[1,{}]}"),
	    true },
	{ BODY(U("line\\none \\\"quoted\\\" \\\\ \\/ \\t\\b\\f\\r"), ""),
	    true },
	{ BODY(U("\xc3\xa4\xe2\x82\xac"), ",\"stream\":true"), true },
	{ BODY(U("x"), ",\"stream\":true,\"stream_options\":{\"include_usage\":"
		       "true}"),
	    true },
	{ BODY(U("x"), ",\"stream\":true,\"stream_options\":{\"include_usage\":"
		       "false}"),
	    true },
	{ BODY(U("x"), ",\"stream\":null,\"max_tokens\":null"), true },
	{ BODY(U("x"), ",\"max_tokens\":7"), true },
	{ BODY(U("x"), ",\"max_completion_tokens\":9,\"max_tokens\":7"), true },
	{ BODY("{\"role\":\"developer\",\"content\":\"d\"}", ""), true },
	/* what is left to jansson */
	{ BODY(U("\\u00e4"), ""), false },
	{ BODY(U("x"), ",\"n\":2"), false },
	{ BODY(U("x"), ",\"stop\":\"x\""), false },
	{ BODY(U("x"), ",\"tools\":[]"), false },
	{ BODY(U("x"), ",\"unknown\":1"), false },
	{ BODY(U("x"), ",\"stream\":true,\"stream\":false"), false },
	{ BODY(U("x"), ",\"stream\":\"yes\""), false },
	{ BODY(U("x"), ",\"max_tokens\":0"), false },
	{ BODY(U("x"), ",\"max_tokens\":1.0"), false },
	{ BODY(U("x"), ",\"max_tokens\":2147483648"), false },
	{ BODY(U("x"), ",\"temperature\":1e2"), false },
	{ BODY(U("x"), ",\"temperature\":01"), false },
	{ BODY(U("x"), ",\"temperature\":1."), false },
	{ BODY(U("x"), ",\"temperature\":-"), false },
	{ BODY(U("x"), ",\"temperature\":tru"), false },
	{ BODY(U("x"), ",\"stream_options\":{\"include_usage\":true}"), false },
	{ BODY(U("x"), ",\"x_sim\":{\"latency_ms\":5}"), false },
	{ BODY(U("x"), ","), false },
	{ BODY(U("x") ",", ""), false },
	{ BODY(U("x"), "") "x", false },
	{ BODY(U("\xc3"), ""), false },
	{ BODY(U("a\nb"), ""), false },
	{ BODY("", ""), false },
	{ BODY("{\"role\":\"user\",\"content\":null}", ""), false },
	{ BODY("{\"role\":\"user\",\"content\":[]}", ""), false },
	{ BODY("{\"role\":\"tool\",\"content\":\"x\"}", ""), false },
	{ BODY("{\"role\":\"user\"}", ""), false },
	{ "{\"messages\":[" U("x") "]}", false },
	{ "{\"model\":\"m\"}", false },
	{ "[]", false },
	{ "{}", false },
	{ "{", false },
	{ "", false },
	{ "\"", false },
	{ "{\"model\":\"m", false },
};

static void
assert_same(const struct chat *a, const struct chat *b)
{
	assert_true(str_eq(a->model, b->model));
	assert_int_equal(a->stream, b->stream);
	assert_int_equal(a->include_usage, b->include_usage);
	assert_int_equal(a->max_tokens, b->max_tokens);
	assert_int_equal(a->choices, b->choices);
	assert_int_equal(a->messages, b->messages);
	assert_int_equal(a->text_bytes, b->text_bytes);
	assert_int_equal(a->last, b->last);
	assert_true(str_eq(a->user_text, b->user_text));
}

static void
test_quick_reader_reads_what_jansson_reads(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		struct chat quick, slow;
		struct arena arena;
		struct problem p;
		bool plain;

		arena_init(&arena, 1024);
		chat_init(&quick);
		chat_init(&slow);
		plain = scan_chat(str_of(bodies[i].body), &arena, &quick);
		if (plain != bodies[i].plain)
			fail_msg("%d: %s", plain, bodies[i].body);
		if (plain) {
			assert_int_equal(chat_parse(&slow,
					     str_of(bodies[i].body), &p),
			    0);
			assert_int_equal(chat_openai_read(&slow, &arena, &p),
			    0);
			assert_same(&quick, &slow);
		}
		chat_fini(&slow);
		arena_fini(&arena);
	}
}

/* Every prefix of a body is broken JSON: the quick reader takes none. */
static void
test_quick_reader_takes_no_part_of_a_body(void **state)
{
	static const char body[] =
	    BODY(U("a\\nb"), ",\"stream\":true,\"temperature\":0.25");
	struct arena arena;

	(void)state;
	arena_init(&arena, 1024);
	for (size_t n = 0; n < sizeof(body) - 1; n++) {
		/* its own block, so that a byte too far is seen by ASan */
		char *copy = xstrndup(body, n);
		char *exact = xmalloc(n);
		struct chat chat;

		if (n > 0)
			memcpy(exact, copy, n);
		chat_init(&chat);
		assert_false(scan_chat(str_make(exact, n), &arena, &chat));
		free(copy);
		free(exact);
	}
	arena_fini(&arena);
}

/* ---- the dialects -----------------------------------------------------------
 */

enum reader {
	OPENAI,
	ANTHROPIC,
	MISTRAL,
	COMPLETION,
	EMBEDDINGS
};

struct reading {
	struct chat chat;
	struct arena arena;
	struct problem p;
	struct embeddings embeddings;
	int rc;
};

static void
read_as(struct reading *r, enum reader reader, const char *body)
{
	memset(r, 0, sizeof(*r));
	arena_init(&r->arena, 1024);
	chat_init(&r->chat);
	r->rc = chat_parse(&r->chat, str_of(body), &r->p);
	if (r->rc != 0)
		return;
	switch (reader) {
	case MISTRAL:
		r->rc = chat_mistral_check(&r->chat, &r->p);
		if (r->rc == 0)
			r->rc = chat_openai_read(&r->chat, &r->arena, &r->p);
		return;
	case OPENAI:
		r->rc = chat_openai_read(&r->chat, &r->arena, &r->p);
		return;
	case ANTHROPIC:
		r->rc = chat_anthropic_read(&r->chat, &r->arena,
		    str_of("2023-06-01"), &r->p);
		return;
	case COMPLETION:
		r->rc = completion_read(&r->chat, &r->arena, &r->p);
		return;
	case EMBEDDINGS:
		r->rc =
		    embeddings_read(&r->embeddings, &r->chat, &r->arena, &r->p);
		return;
	}
}

static void
done(struct reading *r)
{
	chat_fini(&r->chat);
	arena_fini(&r->arena);
}

static void
test_refusals_name_status_and_field(void **state)
{
	static const struct {
		enum reader reader;
		const char *body;
		int status;
		const char *code, *param;
	} rows[] = {
		{ OPENAI, "{", 400, "", "" },
		{ OPENAI, "[]", 400, "", "" },
		{ OPENAI, "{\"model\":7}", 400, "", "model" },
		{ OPENAI, "{}", 400, "", "model" },
		{ OPENAI, "{\"model\":\"m\"}", 400,
		    "missing_required_parameter", "messages" },
		{ OPENAI, "{\"model\":\"m\",\"messages\":{}}", 400,
		    "invalid_type", "messages" },
		{ OPENAI, BODY("", ""), 400, "empty_array", "messages" },
		{ OPENAI, BODY("7", ""), 400, "invalid_type", "messages" },
		{ OPENAI, BODY("{\"role\":\"king\",\"content\":\"x\"}", ""),
		    400, "invalid_value", "messages" },
		{ OPENAI, BODY("{\"role\":\"user\",\"content\":7}", ""), 400,
		    "invalid_type", "messages.content" },
		{ OPENAI, BODY(U("x"), ",\"max_tokens\":0"), 400,
		    "integer_below_min_value", "max_tokens" },
		{ OPENAI, BODY(U("x"), ",\"n\":129"), 400,
		    "integer_above_max_value", "n" },
		{ OPENAI, BODY(U("x"), ",\"stream\":\"x\""), 400,
		    "invalid_type", "stream" },
		{ OPENAI, BODY(U("x"), ",\"stream_options\":{}"), 400,
		    "invalid_value", "stream_options" },
		{ OPENAI, BODY(U("x"), ",\"tools\":[{\"type\":\"function\"}]"),
		    400, "missing_required_parameter",
		    "tools[].function.name" },
		{ OPENAI,
		    BODY(U("x"), ",\"stop\":[\"1\",\"2\",\"3\",\"4\",\"5\"]"),
		    400, "array_above_max_length", "stop" },
		{ ANTHROPIC, BODY(U("x"), ""), 400, "", "" },
		{ ANTHROPIC, BODY("", ",\"max_tokens\":1"), 400, "", "" },
		{ ANTHROPIC,
		    BODY("{\"role\":\"user\",\"content\":[{\"type\":\"text\","
			 "\"text\":\"\"}]}",
			",\"max_tokens\":1"),
		    400, "", "" },
		{ ANTHROPIC,
		    BODY("{\"role\":\"tool\",\"content\":\"x\"}",
			",\"max_tokens\":1"),
		    400, "", "" },
		{ MISTRAL, BODY(U("x"), ",\"seed\":1"), 422, "", "seed" },
		{ MISTRAL, BODY(U("x"), ",\"stream_options\":{}"), 422, "",
		    "stream_options" },
		{ MISTRAL,
		    BODY("{\"role\":\"user\",\"content\":\"x\",\"name\":\"n\"}",
			""),
		    422, "", "name" },
		{ MISTRAL,
		    BODY("{\"role\":\"developer\",\"content\":\"x\"}", ""), 422,
		    "", "messages" },
		{ MISTRAL,
		    BODY("{\"role\":\"assistant\",\"tool_calls\":[{\"id\":"
			 "\"call_1\"}]}",
			""),
		    400, "3280", "" },
		{ MISTRAL,
		    BODY("{\"role\":\"tool\",\"content\":\"x\","
			 "\"tool_call_id\":\"abcdefghi\"}," U("x"),
			""),
		    400, "3230", "" },
		{ MISTRAL,
		    BODY("{\"role\":\"assistant\",\"content\":\"x\"}", ""), 400,
		    "3230", "" },
		{ COMPLETION, "{\"model\":\"m\"}", 400,
		    "missing_required_parameter", "prompt" },
		{ EMBEDDINGS, "{\"model\":\"m\"}", 400, "invalid_type",
		    "input" },
		{ EMBEDDINGS, "{\"model\":\"m\",\"input\":[]}", 400,
		    "invalid_type", "input" },
		{ EMBEDDINGS, "{\"model\":\"m\",\"input\":[\"a\",7]}", 400,
		    "invalid_type", "input" },
		{ EMBEDDINGS,
		    "{\"model\":\"m\",\"input\":\"a\",\"dimensions\":5000}",
		    400, "integer_above_max_value", "dimensions" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct reading r;

		read_as(&r, rows[i].reader, rows[i].body);
		if (r.rc != -1)
			fail_msg("taken: %s", rows[i].body);
		assert_int_equal(r.p.status, rows[i].status);
		assert_string_equal(r.p.code, rows[i].code);
		assert_string_equal(r.p.param, rows[i].param);
		assert_true(r.p.message[0] != '\0');
		done(&r);
	}
}

static void
test_openai_messages_tools_and_results(void **state)
{
	struct reading r;

	(void)state;
	read_as(&r, OPENAI,
	    BODY("{\"role\":\"system\",\"content\":\"1234\"}," //
		 "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
		 "\"ab\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"u\"}"
		 "},{\"type\":\"text\",\"text\":\"cd\"}]},"
		 "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[]},"
		 "{\"role\":\"tool\",\"content\":\"r1\",\"tool_call_id\":\"a\"}"
		 ",{\"role\":\"tool\",\"content\":[{\"type\":\"text\",\"text\":"
		 "\"r2\"}],\"tool_call_id\":\"b\"}",
		",\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":"
		"\"c\"}},{\"type\":"
		"\"function\",\"function\":{\"name\":\"f\",\"parameters\":{}}}]"
		",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\""
		":\"f\"}},\"parallel_tool_calls\":false,\"n\":2,\"stop\":"
		"\"S\",\"response_format\":{\"type\":\"json_object\"}"));
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.chat.messages, 5);
	assert_int_equal(r.chat.text_bytes, 12);
	assert_str(r.chat.user_text, "ab cd");
	assert_int_equal(r.chat.last, CHAT_LAST_TOOL);
	assert_int_equal(r.chat.result_count, 2);
	assert_str(r.chat.results[0], "r1");
	assert_str(r.chat.results[1], "r2");
	assert_int_equal(r.chat.tool_count, 2);
	assert_str(r.chat.tools[0].name, "c");
	assert_true(r.chat.tools[0].custom);
	assert_str(r.chat.tools[1].name, "f");
	assert_false(r.chat.tools[1].custom);
	assert_int_equal(r.chat.choice, CHOICE_NAMED);
	assert_str(r.chat.choice_name, "f");
	assert_true(r.chat.one_call);
	assert_int_equal(r.chat.choices, 2);
	assert_int_equal(r.chat.stop_count, 1);
	assert_true(r.chat.json);
	done(&r);
}

static void
test_anthropic_messages_tools_and_results(void **state)
{
	struct reading r;

	(void)state;
	read_as(&r, ANTHROPIC,
	    BODY(U("ab") ",{\"role\":\"assistant\",\"content\":[{\"type\":"
			 "\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{}"
			 "}]},{\"role\":\"user\",\"content\":[{\"type\":"
			 "\"tool_result\",\"tool_use_id\":\"t\",\"content\":"
			 "\"18\"},{\"type\":\"tool_result\",\"tool_use_id\":"
			 "\"u\",\"content\":[{\"type\":\"text\",\"text\":"
			 "\"64\"}]}]}",
		",\"max_tokens\":5,\"system\":[{\"type\":\"text\",\"text\":"
		"\"1234\"}],\"tools\":[{\"type\":\"bash_1\",\"name\":\"bash\"},"
		"{\"name\":\"f\",\"input_schema\":{}}],\"tool_choice\":{"
		"\"type\":\"any\",\"disable_parallel_tool_use\":true},"
		"\"stream\":true"));
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.chat.messages, 4);
	assert_int_equal(r.chat.text_bytes, 10);
	assert_int_equal(r.chat.last, CHAT_LAST_TOOL);
	assert_int_equal(r.chat.result_count, 2);
	assert_str(r.chat.results[1], "64");
	assert_int_equal(r.chat.tool_count, 1);
	assert_int_equal(r.chat.choice, CHOICE_REQUIRED);
	assert_true(r.chat.one_call);
	assert_true(r.chat.stream);
	assert_int_equal(r.chat.max_tokens, 5);
	done(&r);
}

static void
test_anthropic_versions(void **state)
{
	static const struct {
		const char *version;
		const char *more;
		int rc;
	} rows[] = {
		{ "", "", -1 },
		{ "2023-06-01", ",\"temperature\":1", 0 },
		{ "2026-10-21", "", 0 },
		{ "2026-10-21", ",\"temperature\":1", -1 },
		{ "2020-01-01", "", -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *body = xasprintf(BODY(U("x"), ",\"max_tokens\":1%s"),
		    rows[i].more);
		struct arena arena;
		struct chat chat;
		struct problem p;

		arena_init(&arena, 1024);
		chat_init(&chat);
		assert_int_equal(chat_parse(&chat, str_of(body), &p), 0);
		assert_int_equal(chat_anthropic_read(&chat, &arena,
				     str_of(rows[i].version), &p),
		    rows[i].rc);
		chat_fini(&chat);
		arena_fini(&arena);
		free(body);
	}
}

static void
test_mistral_takes_what_it_knows(void **state)
{
	struct reading r;

	(void)state;
	read_as(&r, MISTRAL,
	    BODY("{\"role\":\"system\",\"content\":\"s\"}," U(
		     "x") ",{\"role\":\"assistant\",\"content\":\"\","
			  "\"tool_calls\":[{\"id\":\"aB3dEf7hI\"}]},"
			  "{\"role\":\"tool\",\"content\":\"9\",\"name\":\"f\","
			  "\"tool_call_id\":\"aB3dEf7hI\"}",
		",\"random_seed\":1,\"safe_prompt\":true,\"x_sim\":{}"));
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.chat.last, CHAT_LAST_TOOL);
	done(&r);
	read_as(&r, MISTRAL,
	    BODY("{\"role\":\"assistant\",\"content\":\"x\",\"prefix\":true}",
		""));
	assert_int_equal(r.rc, 0);
	done(&r);
}

static void
test_prompts_and_inputs_of_every_kind(void **state)
{
	static const struct {
		const char *json;
		int64_t messages, bytes;
	} rows[] = {
		{ "\"abcde\"", 1, 5 },
		{ "[\"abcde\",\"fg\"]", 2, 7 },
		{ "[1,2,3]", 1, 12 },
		{ "[[1,2,3],[4]]", 2, 16 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *prompt =
		    xasprintf("{\"model\":\"m\",\"prompt\":%s}", rows[i].json);
		char *input =
		    xasprintf("{\"model\":\"m\",\"input\":%s}", rows[i].json);
		struct reading r;

		read_as(&r, COMPLETION, prompt);
		assert_int_equal(r.rc, 0);
		assert_int_equal(r.chat.messages, rows[i].messages);
		assert_int_equal(r.chat.text_bytes, rows[i].bytes);
		assert_int_equal(r.chat.choices, rows[i].messages);
		done(&r);
		read_as(&r, EMBEDDINGS, input);
		assert_int_equal(r.rc, 0);
		assert_int_equal(r.embeddings.count, rows[i].messages);
		assert_int_equal(r.chat.text_bytes, rows[i].bytes);
		done(&r);
		free(prompt);
		free(input);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quick_reader_reads_what_jansson_reads),
		cmocka_unit_test(test_quick_reader_takes_no_part_of_a_body),
		cmocka_unit_test(test_refusals_name_status_and_field),
		cmocka_unit_test(test_openai_messages_tools_and_results),
		cmocka_unit_test(test_anthropic_messages_tools_and_results),
		cmocka_unit_test(test_anthropic_versions),
		cmocka_unit_test(test_mistral_takes_what_it_knows),
		cmocka_unit_test(test_prompts_and_inputs_of_every_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
