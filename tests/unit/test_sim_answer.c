/* What the simulator says: which tool, which words, and how many. */
#include "unit.h"

#include "sim/answer.h"
#include "sim/question.h"
#include "sim/schema.h"

static void
test_city_of_a_question(void **state)
{
	static const struct {
		const char *text;
		const char *city; /* NULL: none */
	} rows[] = {
		{ "What is the weather like in Paris?", "Paris" },
		{ "What is the weather in Tokyo and what is 512 / 8?",
		    "Tokyo" },
		{ "weather in New York today", "New York" },
		{ "In short: the WEATHER in Rio de Janeiro, please", "Rio" },
		{ "weather in paris right now", "paris" },
		{ "Weather forecast for S\xc3\xa3o Paulo, thanks",
		    "S\xc3\xa3o Paulo" },
		{ "I am in Rome. What is the weather in Oslo?", "Oslo" },
		{ "I am in Rome. What is the weather?", "Rome" },
		{ "What is the temperature at Kyoto", "Kyoto" },
		{ "weather in ?", NULL },
		{ "What is the weather?", NULL },
		{ "Who lives in Paris?", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str city;
		int rc = question_city(str_of(rows[i].text), &city);

		if (rc != (rows[i].city != NULL))
			fail_msg("%s: %d", rows[i].text, rc);
		if (rc)
			assert_str(city, rows[i].city);
	}
}

static void
test_sum_of_a_question(void **state)
{
	static const struct {
		const char *text;
		const char *sum; /* NULL: none */
	} rows[] = {
		{ "Calculate 17 * 43 + 100", "17 * 43 + 100" },
		{ "What is the weather in Tokyo and what is 512 / 8?",
		    "512 / 8" },
		{ "17*43+100.", "17*43+100" },
		{ "what is (2 + 3) * 4 - 1?", "(2 + 3) * 4 - 1" },
		{ "-3 + 4 or 5", "-3 + 4" },
		{ "1.5 / 0.5!", "1.5 / 0.5" },
		{ "2^10, not 1+1", "2^10" },
		{ "10 % 3", "10 % 3" },
		{ "I have 3 apples and 4 pears", NULL },
		{ "call 17 43", NULL },
		{ "a - b", NULL },
		{ "(1 + 2", NULL },
		{ "12 -", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str sum;
		int rc = question_sum(str_of(rows[i].text), &sum);

		if (rc != (rows[i].sum != NULL))
			fail_msg("%s: %d", rows[i].text, rc);
		if (rc)
			assert_str(sum, rows[i].sum);
	}
}

static void
test_schema_is_filled(void **state)
{
	static const struct {
		const char *schema, *want;
	} rows[] = {
		{ "{\"type\":\"object\",\"properties\":{\"city\":{\"type\":"
		  "\"string\"}},\"required\":[\"city\"]}",
		    "{\"city\":\"X\"}" },
		/* the first string, also when it is optional or comes late */
		{ "{\"properties\":{\"n\":{\"type\":\"integer\",\"minimum\":3},"
		  "\"unit\":{\"enum\":[\"c\",\"f\"]},\"place\":{\"type\":["
		  "\"null\",\"string\"]}},\"required\":[\"n\",\"unit\"]}",
		    "{\"n\":3,\"unit\":\"c\",\"place\":\"X\"}" },
		{ "{\"$defs\":{\"P\":{\"type\":\"object\",\"properties\":{"
		  "\"q\":{\"type\":\"string\"},\"ok\":{\"type\":\"boolean\"}}}"
		  "},\"$ref\":\"#/$defs/P\"}",
		    "{\"q\":\"X\",\"ok\":false}" },
		{ "{\"properties\":{\"a\":{\"anyOf\":[{\"type\":\"string\"},"
		  "{\"type\":\"null\"}]},\"l\":{\"type\":\"array\",\"items\":"
		  "{\"type\":\"number\"}}}}",
		    "{\"a\":\"X\",\"l\":[0.0]}" },
		{ "{}", "{}" },
		{ "7", "{}" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		json_t *schema =
		    json_loads(rows[i].schema, JSON_DECODE_ANY, NULL);
		json_t *out = schema_fill(schema, str_of("X"));
		char *text = jsonx_dump(out);

		assert_string_equal(text, rows[i].want);
		free(text);
		json_decref(out);
		json_decref(schema);
	}
}

static void
test_schema_that_holds_itself_ends(void **state)
{
	json_t *schema =
	    json_loads("{\"$defs\":{\"N\":{\"type\":\"object\",\"properties\":{"
		       "\"a\":{\"$ref\":\"#/$defs/N\"},\"b\":{\"$ref\":\"#/"
		       "$defs/N\"},"
		       "\"c\":{\"$ref\":\"#/$defs/N\"}}},\"L\":{\"$ref\":\"#/"
		       "$defs/L\"}},"
		       "\"properties\":{\"n\":{\"$ref\":\"#/$defs/N\"},"
		       "\"l\":{\"$ref\":\"#/$defs/L\"}}}",
		0, NULL);
	json_t *out = schema_fill(schema, str_of("X"));
	char *text = jsonx_dump(out);

	(void)state;
	assert_true(strlen(text) < 20000);
	free(text);
	json_decref(out);
	json_decref(schema);
}

/* ---- answers --------------------------------------------------------------
 */

#define WEATHER                                                                \
	"{\"type\":\"object\",\"properties\":{\"city\":{\"type\":"             \
	"\"string\"}},\"required\":[\"city\"]}"
#define CALCULATOR                                                             \
	"{\"type\":\"object\",\"properties\":{\"expression\":{\"type\":"       \
	"\"string\"}},\"required\":[\"expression\"]}"

struct fixture {
	struct chat chat;
	struct faults faults;
	struct arena arena;
	struct answer answer;
	struct chat_tool tools[3];
};

static int
setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	static const char *const names[] = { "get_weather", "search",
		"my_calculator" };
	static const char *const schemas[] = { WEATHER, "{}", CALCULATOR };

	chat_init(&f->chat);
	faults_init(&f->faults);
	arena_init(&f->arena, 1024);
	for (size_t i = 0; i < 3; i++) {
		f->tools[i].name = str_of(names[i]);
		f->tools[i].schema = json_loads(schemas[i], 0, NULL);
	}
	f->chat.model = str_of("m");
	f->chat.messages = 1;
	f->chat.last = CHAT_LAST_USER;
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < 3; i++)
		json_decref(f->tools[i].schema);
	arena_fini(&f->arena);
	free(f);
	return 0;
}

static void
ask(struct fixture *f, const char *text)
{
	f->chat.user_text = str_of(text);
	f->chat.text_bytes = (int64_t)strlen(text);
	answer_make(&f->answer, &f->chat, &f->faults, &f->arena, "alpha", 7);
}

static void
ask_with_tools(struct fixture *f, const char *text)
{
	f->chat.tools = f->tools;
	f->chat.tool_count = 3;
	ask(f, text);
}

static void
assert_text(const struct answer *a, const char *want)
{
	struct jsonw w;
	struct buf out;

	buf_init(&out, 1 << 20);
	jsonw_init(&w, &out);
	answer_write_text(a, &w);
	assert_string_equal(buf_cstr(&out), want);
	buf_fini(&out);
}

static void
test_tools_are_chosen_by_the_question(void **state)
{
	struct fixture *f = *state;

	ask_with_tools(f, "What is the weather like in Paris?");
	assert_int_equal(f->answer.call_count, 1);
	assert_str(f->answer.calls[0].name, "get_weather");
	assert_str(f->answer.calls[0].arguments, "{\"city\":\"Paris\"}");
	assert_int_equal(f->answer.finish, FINISH_TOOLS);
	/* 1 + ceil(16 / 4) */
	assert_int_equal(f->answer.usage.completion_tokens, 5);

	ask_with_tools(f, "Calculate 17 * 43 + 100");
	assert_int_equal(f->answer.call_count, 1);
	assert_str(f->answer.calls[0].name, "my_calculator");
	assert_str(f->answer.calls[0].arguments,
	    "{\"expression\":\"17 * 43 + 100\"}");

	ask_with_tools(f, "What is the weather in Tokyo and what is 512 / 8?");
	assert_int_equal(f->answer.call_count, 2);
	assert_str(f->answer.calls[0].arguments, "{\"city\":\"Tokyo\"}");
	assert_str(f->answer.calls[1].arguments,
	    "{\"expression\":\"512 / 8\"}");
	assert_string_not_equal(f->answer.calls[0].id, f->answer.calls[1].id);
	assert_int_equal(strlen(f->answer.calls[0].id), 9);

	ask_with_tools(f, "Tell me a joke");
	assert_int_equal(f->answer.call_count, 0);
	assert_int_equal(f->answer.finish, FINISH_STOP);
}

/* What is to be called stands in the question itself. */
static void
test_a_call_in_so_many_words(void **state)
{
	static const struct {
		const char *text;
		const char *arguments; /* NULL: a text */
	} rows[] = {
		{ "call search {\"q\":\"a b\", \"n\":[1,2]} now",
		    "{\"q\":\"a b\",\"n\":[1,2]}" },
		{ "Please\ncall search {}.", "{}" },
		{ "recall search {}", NULL },
		{ "call searching {}", NULL },
		{ "call search", NULL },
		{ "call search {", NULL },
		{ "call other {}", NULL },
		{ "call search please, call search {\"n\":1}", NULL },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		ask_with_tools(f, rows[i].text);
		assert_int_equal(f->answer.call_count,
		    rows[i].arguments != NULL);
		if (rows[i].arguments == NULL)
			continue;
		assert_str(f->answer.calls[0].name, "search");
		assert_str(f->answer.calls[0].arguments, rows[i].arguments);
	}
	ask_with_tools(f, "call get_weather \"Rome\"");
	assert_str(f->answer.calls[0].arguments, "{\"city\":\"Rome\"}");
	f->tools[1].custom = true;
	ask_with_tools(f, "call search \"+a\\n\\\"b\\\"\"");
	assert_int_equal(f->answer.call_count, 1);
	assert_true(f->answer.calls[0].custom);
	assert_str(f->answer.calls[0].arguments, "+a\n\"b\"");
}

static void
test_tool_choice_is_obeyed(void **state)
{
	struct fixture *f = *state;

	f->chat.choice = CHOICE_NONE;
	ask_with_tools(f, "What is the weather in Oslo?");
	assert_int_equal(f->answer.call_count, 0);

	f->chat.choice = CHOICE_REQUIRED;
	ask_with_tools(f, "Tell me a joke");
	assert_int_equal(f->answer.call_count, 1);
	assert_str(f->answer.calls[0].name, "get_weather");
	assert_str(f->answer.calls[0].arguments,
	    "{\"city\":\"Tell me a joke\"}");

	f->chat.choice = CHOICE_NAMED;
	f->chat.choice_name = str_of("my_calculator");
	ask_with_tools(f, "What is the weather in Oslo? And 1 + 1?");
	assert_int_equal(f->answer.call_count, 1);
	assert_str(f->answer.calls[0].arguments, "{\"expression\":\"1 + 1\"}");

	f->chat.choice = CHOICE_AUTO;
	f->chat.one_call = true;
	ask_with_tools(f, "What is the weather in Oslo? And 1 + 1?");
	assert_int_equal(f->answer.call_count, 1);
}

static void
test_results_of_tools_end_the_loop(void **state)
{
	struct fixture *f = *state;

	f->chat.last = CHAT_LAST_TOOL;
	f->chat.choice = CHOICE_REQUIRED;
	f->chat.results[0] = str_of("18 degrees\n and sunny");
	f->chat.results[1] = str_of("64");
	f->chat.result_count = 2;
	ask_with_tools(f, "What is the weather in Oslo?");
	assert_int_equal(f->answer.call_count, 0);
	assert_text(&f->answer,
	    "\"Based on the tool: 18 degrees and sunny; 64\"");
	assert_int_equal(f->answer.words, 9);
}

static void
test_tokens_can_be_counted_by_a_test(void **state)
{
	struct fixture *f = *state;

	ask(f, " Hello \t\n you\x01there ");
	assert_text(&f->answer, "\"This is alpha. You said: Hello you there\"");
	assert_int_equal(f->answer.usage.completion_tokens, 8);
	/* 18 bytes: ceil(18 / 4) + 3 */
	assert_int_equal(f->answer.usage.prompt_tokens, 8);
	f->chat.choices = 3;
	f->chat.messages = 2;
	ask(f, "");
	assert_text(&f->answer, "\"This is alpha.\"");
	assert_int_equal(f->answer.usage.completion_tokens, 9);
	assert_int_equal(f->answer.usage.prompt_tokens, 6);
}

static void
test_a_long_question_is_echoed_in_part(void **state)
{
	struct fixture *f = *state;
	char *text = xcalloc(1, 3 * 400 + 1);
	struct buf out;
	struct jsonw w;

	/* three-byte characters: the cut must not fall into one */
	for (size_t i = 0; i < 400; i++)
		memcpy(text + 3 * i, "\xe2\x82\xac", 3);
	ask(f, text);
	buf_init(&out, 4096);
	jsonw_init(&w, &out);
	answer_write_text(&f->answer, &w);
	assert_true(out.len < ANSWER_ECHO_BYTES + 40);
	assert_true(str_utf8_ok(buf_str(&out)));
	assert_null(strstr(buf_cstr(&out), "\xef\xbf\xbd"));
	buf_fini(&out);
	free(text);
}

static void
test_max_tokens_cuts_text_and_calls(void **state)
{
	struct fixture *f = *state;

	f->chat.max_tokens = 2;
	ask(f, "Hello");
	assert_text(&f->answer, "\"This is\"");
	assert_int_equal(f->answer.finish, FINISH_LENGTH);
	assert_int_equal(f->answer.usage.completion_tokens, 2);

	f->chat.max_tokens = 6; /* exactly as long: not cut */
	ask(f, "Hello");
	assert_int_equal(f->answer.finish, FINISH_STOP);

	f->chat.max_tokens = 7; /* the first call has 5, the second more */
	ask_with_tools(f, "Weather in Paris, and 1 + 1?");
	assert_int_equal(f->answer.finish, FINISH_LENGTH);
	assert_int_equal(f->answer.call_count, 2);
	assert_str(f->answer.calls[1].arguments, "{\"ex");
	assert_int_equal(f->answer.usage.completion_tokens, 7);

	f->chat.max_tokens = 5;
	ask_with_tools(f, "Weather in Paris, and 1 + 1?");
	assert_int_equal(f->answer.call_count, 1);
	assert_int_equal(f->answer.finish, FINISH_LENGTH);

	f->chat.max_tokens = 0;
	ask_with_tools(f, "Weather in Paris, and 1 + 1?");
	assert_int_equal(f->answer.call_count, 0);
	assert_int_equal(f->answer.usage.completion_tokens, 0);

	f->chat.max_tokens = 2;
	f->faults.ignore_max_tokens = 1;
	f->chat.tool_count = 0;
	ask(f, "Hello");
	assert_int_equal(f->answer.words, 6);
	assert_int_equal(f->answer.finish, FINISH_STOP);
}

static void
test_length_of_an_answer_can_be_set(void **state)
{
	struct fixture *f = *state;

	f->faults.completion_tokens = 8;
	ask(f, "");
	assert_text(&f->answer, "\"This is alpha. This is alpha. This is\"");
	assert_int_equal(f->answer.usage.completion_tokens, 8);
	f->faults.completion_tokens = 6; /* whole passes only */
	ask(f, "");
	assert_text(&f->answer, "\"This is alpha. This is alpha.\"");
	f->faults.completion_tokens = 0;
	ask(f, "");
	assert_text(&f->answer, "\"\"");
	assert_int_equal(f->answer.usage.completion_tokens, 0);
}

static void
test_reported_usage_can_be_set(void **state)
{
	struct fixture *f = *state;

	f->faults.prompt_tokens = 1000;
	f->faults.cached_tokens = 900;
	f->faults.cache_write_tokens = 200;
	f->faults.reasoning_tokens = 50;
	f->faults.audio_tokens = 2000;
	ask(f, "");
	assert_int_equal(f->answer.usage.prompt_tokens, 1000);
	assert_int_equal(f->answer.usage.cached_tokens, 900);
	/* parts never add up to more than the whole */
	assert_int_equal(f->answer.usage.cache_write_tokens, 100);
	assert_int_equal(f->answer.usage.audio_tokens, 1000);
	assert_int_equal(f->answer.usage.reasoning_tokens, 50);
	assert_int_equal(f->answer.usage.completion_tokens, 53);
	/* max_tokens bounds reasoning and text together */
	f->chat.max_tokens = 51;
	ask(f, "");
	assert_int_equal(f->answer.usage.completion_tokens, 51);
	assert_int_equal(f->answer.words, 1);
	f->chat.max_tokens = 10;
	ask(f, "");
	assert_int_equal(f->answer.usage.completion_tokens, 10);
	assert_int_equal(f->answer.words, 0);
	assert_int_equal(f->answer.finish, FINISH_LENGTH);
}

static void
test_stop_and_json_answers(void **state)
{
	struct fixture *f = *state;

	f->chat.stop[0] = str_of(" You");
	f->chat.stop_count = 1;
	ask(f, "Hello");
	assert_text(&f->answer, "\"This is alpha.\"");
	assert_int_equal(f->answer.finish, FINISH_STOP);
	f->chat.stop_count = 0;
	f->chat.json = true;
	ask(f, "Hi \"you\"");
	assert_text(&f->answer,
	    "\"{\\\"answer\\\":\\\"This is alpha. You said: Hi "
	    "\\\\\\\"you\\\\\\\"\\\"}\"");
	f->chat.schema = f->tools[0].schema;
	ask(f, "");
	assert_text(&f->answer, "\"{\\\"city\\\":\\\"This is alpha.\\\"}\"");
}

static void
test_words_and_fragments_join_to_the_whole(void **state)
{
	struct fixture *f = *state;
	struct answer_call call = { .arguments = str_of(
					"{\"q\":\"\xc3\xa4\xe2\x82\xac"
					"\xf0\x9f\x98\x80 and more\"}") };
	struct buf joined;
	struct str part;
	size_t at = 0;

	buf_init(&joined, 4096);
	while ((part = answer_fragment(&call, &at)).n > 0) {
		assert_true(str_utf8_ok(part));
		buf_add_str(&joined, part);
	}
	assert_true(str_eq(buf_str(&joined), call.arguments));
	buf_clear(&joined);
	ask(f, "one two");
	at = 0;
	for (int64_t i = 0; i < f->answer.words; i++) {
		buf_add_cstr(&joined, i == 0 ? "" : " ");
		buf_add_str(&joined, answer_word(&f->answer, &at));
	}
	assert_string_equal(buf_cstr(&joined),
	    "This is alpha. You said: one two");
	buf_fini(&joined);
}

static void
test_ids_differ_by_request_call_and_name(void **state)
{
	char a[ANSWER_ID_BYTES], b[ANSWER_ID_BYTES];

	(void)state;
	answer_id("alpha", 1, 0, a);
	answer_id("alpha", 1, 0, b);
	assert_string_equal(a, b);
	answer_id("alpha", 2, 0, b);
	assert_string_not_equal(a, b);
	answer_id("alpha", 1, 1, b);
	assert_string_not_equal(a, b);
	answer_id("beta", 1, 0, b);
	assert_string_not_equal(a, b);
}

#define ANSWER_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_city_of_a_question),
		cmocka_unit_test(test_sum_of_a_question),
		cmocka_unit_test(test_schema_is_filled),
		cmocka_unit_test(test_schema_that_holds_itself_ends),
		ANSWER_TEST(test_tools_are_chosen_by_the_question),
		ANSWER_TEST(test_a_call_in_so_many_words),
		ANSWER_TEST(test_tool_choice_is_obeyed),
		ANSWER_TEST(test_results_of_tools_end_the_loop),
		ANSWER_TEST(test_tokens_can_be_counted_by_a_test),
		ANSWER_TEST(test_a_long_question_is_echoed_in_part),
		ANSWER_TEST(test_max_tokens_cuts_text_and_calls),
		ANSWER_TEST(test_length_of_an_answer_can_be_set),
		ANSWER_TEST(test_reported_usage_can_be_set),
		ANSWER_TEST(test_stop_and_json_answers),
		ANSWER_TEST(test_words_and_fragments_join_to_the_whole),
		cmocka_unit_test(test_ids_differ_by_request_call_and_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
