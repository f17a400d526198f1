/* The simulator as the OpenAI-like providers are: their answers, and what they
   refuse. */
#include "talk_fixture.h"

static void
speak_as(struct fixture *f, const char *name)
{
	size_t i;

	assert_int_equal(flavor_find(str_of(name), &i), 0);
	f->talk.flavor = &flavors[i];
}

static void
test_gemini_stream(void **state)
{
	struct fixture *f = *state;
	const json_t *chunk, *call;
	char *text;
	size_t n;

	speak_as(f, "gemini");
	use_tools(f);
	stream(f, chat_openai_next);
	n = json_array_size(f->chunks);
	assert_int_equal(n, 1 + 2 + 1 + 1); /* a call is one delta */
	chunk = json_array_get(f->chunks, 1);
	call =
	    json_array_get(jsonx_path(choice(chunk, 0), "delta.tool_calls"), 0);
	assert_null(json_object_get(call, "index"));
	assert_str(jsonx_str(jsonx_path(call, "extra_content.google"),
		       "thought_signature"),
	    FLAVOR_SIGNATURE);
	text = joined(f, 0, "finish_reason");
	assert_string_equal(text, "stop");
	free(text);
	for (size_t i = 0; i + 1 < n; i++)
		(void)number(json_array_get(f->chunks, i),
		    "usage.prompt_tokens");
}

static void
test_usage_in_other_places(void **state)
{
	struct fixture *f = *state;
	const json_t *last;
	json_t *json;

	f->faults.reasoning_tokens = 3;
	speak_as(f, "xai"); /* output without its reasoning */
	json = whole(f, chat_openai_write);
	assert_int_equal(number(json, "usage.completion_tokens"), 6);
	assert_int_equal(number(json, "usage.total_tokens"), 4 + 9);
	json_decref(json);
	speak_as(f, "groq");
	stream(f, chat_openai_next);
	last = json_array_get(f->chunks, json_array_size(f->chunks) - 2);
	assert_int_equal(number(last, "x_groq.usage.completion_tokens"), 9);
	assert_null(json_object_get(last, "usage"));
	speak_as(f, "deepseek");
	stream(f, chat_openai_next);
	last = json_array_get(f->chunks, json_array_size(f->chunks) - 2);
	assert_int_equal(number(last, "usage.prompt_cache_miss_tokens"), 4);
	/* Running: the hidden reasoning first, then what has been said. */
	speak_as(f, "gemini");
	stream(f, chat_openai_next);
	for (int i = 0; i < 7; i++)
		assert_int_equal(number(json_array_get(f->chunks, (size_t)i),
				     "usage.total_tokens"),
		    4 + 3 + i);
}

static void
test_reasoning_that_is_shown(void **state)
{
	static const char *const rows[][2] = { { "groq", "delta.reasoning" },
		{ "deepseek", "delta.reasoning_content" } };
	struct fixture *f = *state;
	const json_t *content;
	json_t *json;
	char *text;

	f->faults.reasoning_tokens = 2;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		speak_as(f, rows[i][0]);
		stream(f, chat_openai_next);
		text = joined(f, 0, rows[i][1]);
		assert_string_equal(text, "Hm Hm");
		assert_int_equal(f->tokens, 8);
		free(text);
	}
	speak_as(f, "magistral");
	json = whole(f, chat_openai_write);
	content = jsonx_path(choice(json, 0), "message.content");
	assert_int_equal(json_array_size(content), 2);
	assert_str(jsonx_str(json_array_get(content, 0), "type"), "thinking");
	assert_str(jsonx_str(json_array_get(content, 1), "text"),
	    "This is alpha. You said: Hi");
	json_decref(json);
}

/* 0 taken, or the status. */
static int
asked(const char *flavor, const char *body)
{
	struct chat chat;
	struct problem p = { 0 };
	size_t i;

	assert_int_equal(flavor_find(str_of(flavor), &i), 0);
	chat_init(&chat);
	assert_int_equal(chat_parse(&chat, str_of(body), &p), 0);
	if (flavor_check(&flavors[i], &chat, &p) == 0)
		p.status = 0;
	chat_fini(&chat);
	return p.status;
}

#define CALL(more)                                                             \
	"{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\","              \
	"\"tool_calls\":[{\"id\":\"a\"" more "}]}]}"
#define SIGNED(text)                                                           \
	CALL(",\"extra_content\":{\"google\":{\"thought_signature\":\"" text   \
	     "\"}}")

static void
test_they_refuse_what_they_do_not_take(void **state)
{
	static const struct {
		const char *flavor, *body;
		int status;
	} rows[] = {
		{ "openai", CALL(""), 0 },
		{ "gemini", CALL(""), 400 },
		{ "gemini", SIGNED(FLAVOR_SIGNATURE), 0 },
		{ "gemini", SIGNED("skip_thought_signature_validator"), 0 },
		{ "gemini", SIGNED("another's"), 400 },
		{ "deepseek", CALL(""), 400 },
		{ "gemini", "{\"model\":\"m\",\"user\":\"u\"}", 400 },
		{ "groq", "{\"model\":\"m\",\"user\":\"u\"}", 0 },
		{ "groq", "{\"model\":\"m\",\"messages\":[{\"name\":\"n\"}]}",
		    400 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(asked(rows[i].flavor, rows[i].body),
		    rows[i].status);
}

static void
test_errors_in_their_form(void **state)
{
	static const struct {
		const char *flavor;
		int status;
		bool in_stream;
		const char *start; /* "": as OpenAI's */
	} rows[] = {
		{ "gemini", 503, false, "[{\"error\":{\"code\":503," },
		{ "vllm", 401, false, "{\"error\":\"Unauthorized\"}" },
		{ "vllm", 404, false, "{\"error\":{\"code\":404," },
		{ "openrouter", 502, true, "{\"error\":{\"code\":502," },
		{ "groq", 429, false, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct problem p;
		struct jsonw w;
		struct buf out;
		size_t k;

		assert_int_equal(flavor_find(str_of(rows[i].flavor), &k), 0);
		problem_script(&p, DIALECT_OPENAI, rows[i].status, "");
		buf_init(&out, 4096);
		jsonw_init(&w, &out);
		assert_int_equal(flavor_write_error(&flavors[k], &p,
				     rows[i].in_stream, &w),
		    rows[i].start[0] != '\0');
		assert_true(str_starts(buf_str(&out), rows[i].start));
		assert_int_equal(str_find(buf_str(&out),
				     "\"finish_reason\":\"error\"") >= 0,
		    rows[i].in_stream);
		buf_fini(&out);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		WIRE_TEST(test_gemini_stream),
		WIRE_TEST(test_usage_in_other_places),
		WIRE_TEST(test_reasoning_that_is_shown),
		cmocka_unit_test(test_they_refuse_what_they_do_not_take),
		cmocka_unit_test(test_errors_in_their_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
