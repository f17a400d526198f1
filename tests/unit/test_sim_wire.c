/* What the simulator writes: answers, streams, errors, in every dialect. */
#include "unit.h"

#include "talk_fixture.h"

#include "base/fd.h"
#include "sim/board.h"
#include "sim/chat_anthropic.h"
#include "sim/chat_openai.h"
#include "sim/completion.h"
#include "sim/embeddings.h"

#include <unistd.h>

static void
test_openai_answer(void **state)
{
	struct fixture *f = *state;
	json_t *json;

	f->chat.choices = 2;
	json = whole(f, chat_openai_write);
	assert_str(jsonx_str(json, "id"), "chatcmpl-abcdefghi");
	assert_str(jsonx_str(json, "object"), "chat.completion");
	assert_str(jsonx_str(json, "model"), "m\"1");
	assert_int_equal(json_array_size(json_object_get(json, "choices")), 2);
	assert_int_equal(number(choice(json, 1), "index"), 1);
	assert_string_equal(json_string_value(
				jsonx_path(choice(json, 1), "message.content")),
	    "This is alpha. You said: Hi");
	assert_str(jsonx_str(choice(json, 0), "finish_reason"), "stop");
	assert_int_equal(number(json, "usage.prompt_tokens"), 4);
	assert_int_equal(number(json, "usage.completion_tokens"), 12);
	assert_int_equal(number(json, "usage.total_tokens"), 16);
	json_decref(json);
	f->talk.no_usage = true;
	json = whole(f, chat_openai_write);
	assert_null(json_object_get(json, "usage"));
	json_decref(json);
}

static void
test_openai_stream(void **state)
{
	struct fixture *f = *state;
	size_t n;
	char *text;

	f->chat.choices = 2;
	f->chat.include_usage = true;
	stream(f, chat_openai_next);
	n = json_array_size(f->chunks);
	/* per choice role, 6 words and finish; usage; [DONE] */
	assert_int_equal(n, 2 * (1 + 6 + 1) + 2);
	for (size_t i = 0; i < 2; i++) {
		const json_t *c = choice(json_array_get(f->chunks, i), 0);

		assert_int_equal(number(c, "index"), i);
		assert_str(jsonx_str(json_object_get(c, "delta"), "role"),
		    "assistant");
	}
	for (int i = 0; i < 2; i++) {
		text = joined(f, i, "delta.content");
		assert_string_equal(text, "This is alpha. You said: Hi");
		free(text);
		text = joined(f, i, "finish_reason");
		assert_string_equal(text, "stop");
		free(text);
	}
	/* usage is null on all chunks but its own, which has no choice */
	for (size_t i = 0; i < n - 2; i++)
		assert_true(json_is_null(
		    json_object_get(json_array_get(f->chunks, i), "usage")));
	assert_int_equal(json_array_size(
			     json_object_get(json_array_get(f->chunks, n - 2),
				 "choices")),
	    0);
	assert_int_equal(number(json_array_get(f->chunks, n - 2),
			     "usage.completion_tokens"),
	    12);
	assert_int_equal(f->tokens, 12);
	assert_str(chat_string(json_array_get(f->chunks, n - 1)), "[DONE]");
}

static void
test_openai_stream_without_usage(void **state)
{
	struct fixture *f = *state;

	stream(f, chat_openai_next);
	assert_null(json_object_get(json_array_get(f->chunks, 0), "usage"));
	assert_int_equal(json_array_size(f->chunks), 1 + 6 + 1 + 1);
	f->chat.include_usage = true;
	f->talk.no_usage = true;
	stream(f, chat_openai_next);
	assert_int_equal(json_array_size(f->chunks), 1 + 6 + 1 + 1);
}

/* The deltas of call `index`, put together as a client does. */
static char *
joined_arguments(const struct fixture *f, int index, size_t *heads_r)
{
	struct buf text;
	json_t *chunk;
	size_t i;

	buf_init(&text, 1 << 20);
	*heads_r = 0;
	json_array_foreach(f->chunks, i, chunk) {
		const json_t *call = json_array_get(jsonx_path(choice(chunk, 0),
							"delta.tool_calls"),
		    0);

		if (call == NULL || number(call, "index") != index)
			continue;
		if (json_object_get(call, "id") != NULL) {
			assert_int_equal(text.len, 0);
			assert_str(jsonx_str(call, "type"), "function");
			(*heads_r)++;
		}
		buf_add_str(&text,
		    jsonx_str(json_object_get(call, "function"), "arguments"));
	}
	return buf_take(&text, NULL);
}

static void
test_openai_tool_calls(void **state)
{
	struct fixture *f = *state;
	size_t heads;
	json_t *json;
	char *text;

	use_tools(f);
	json = whole(f, chat_openai_write);
	assert_true(
	    json_is_null(jsonx_path(choice(json, 0), "message.content")));
	assert_int_equal(json_array_size(
			     jsonx_path(choice(json, 0), "message.tool_calls")),
	    2);
	assert_str(jsonx_str(choice(json, 0), "finish_reason"), "tool_calls");
	assert_int_equal(number(json, "usage.completion_tokens"),
	    f->answer.usage.completion_tokens);
	json_decref(json);

	stream(f, chat_openai_next);
	text = joined_arguments(f, 0, &heads);
	assert_string_equal(text, "{\"q\":\"Oslo\"}");
	assert_int_equal(heads, 1);
	free(text);
	text = joined_arguments(f, 1, &heads);
	assert_string_equal(text, "{\"q\":\"1 + 1\"}");
	assert_int_equal(heads, 1);
	free(text);
	text = joined(f, 0, "finish_reason");
	assert_string_equal(text, "tool_calls");
	free(text);
	assert_int_equal(f->tokens, f->answer.usage.completion_tokens);
}

static void
test_mistral_differs(void **state)
{
	struct fixture *f = *state;
	const json_t *last;
	json_t *json;
	size_t n;

	f->talk.dialect = DIALECT_MISTRAL;
	f->chat.include_usage = true; /* it would not know the word */
	stream(f, chat_openai_next);
	n = json_array_size(f->chunks);
	assert_int_equal(n, 1 + 6 + 1 + 1);
	last = json_array_get(f->chunks, n - 2);
	assert_str(jsonx_str(choice(last, 0), "finish_reason"), "stop");
	assert_int_equal(number(last, "usage.completion_tokens"), 6);
	assert_null(json_object_get(json_array_get(f->chunks, 0), "usage"));

	use_tools(f);
	stream(f, chat_openai_next);
	assert_int_equal(json_array_size(f->chunks), 3);
	last = json_array_get(f->chunks, 1);
	assert_int_equal(json_array_size(
			     jsonx_path(choice(last, 0), "delta.tool_calls")),
	    2);
	assert_str(jsonx_str(choice(last, 0), "finish_reason"), "tool_calls");
	assert_int_equal(f->tokens, f->answer.usage.completion_tokens);

	json = whole(f, chat_openai_write);
	assert_int_equal(strlen(json_string_value(json_object_get(
			     json_array_get(jsonx_path(choice(json, 0),
						"message.tool_calls"),
				 0),
			     "id"))),
	    9);
	assert_null(json_object_get(choice(json, 0), "logprobs"));
	assert_null(jsonx_path(choice(json, 0), "message.refusal"));
	json_decref(json);
}

static void
assert_events(const struct fixture *f, const char *want)
{
	struct buf names;
	json_t *name;
	size_t i;

	buf_init(&names, 4096);
	json_array_foreach(f->events, i, name) {
		buf_add_char(&names, i == 0 ? '.' : ' ');
		buf_add_cstr(&names, json_string_value(name));
		/* each event says its name inside too */
		assert_str(jsonx_str(json_array_get(f->chunks, i), "type"),
		    json_string_value(name));
	}
	assert_string_equal(buf_cstr(&names) + 1, want);
	buf_fini(&names);
}

#define DELTA "content_block_delta "

static void
test_anthropic_stream(void **state)
{
	struct fixture *f = *state;
	const json_t *end;

	f->talk.dialect = DIALECT_ANTHROPIC;
	f->chat.user_text = str_of("");
	stream(f, chat_anthropic_next);
	assert_events(f,
	    "message_start content_block_start ping " DELTA DELTA DELTA
	    "content_block_stop message_delta message_stop");
	end = json_array_get(f->chunks, 7);
	assert_int_equal(number(end, "usage.output_tokens"), 3);
	assert_string_equal(json_string_value(
				jsonx_path(end, "delta.stop_reason")),
	    "end_turn");
	assert_int_equal(f->tokens, 3);

	f->chat.max_tokens = 0;
	stream(f, chat_anthropic_next);
	assert_events(f, "message_start message_delta message_stop");
}

static void
test_anthropic_tool_use(void **state)
{
	struct fixture *f = *state;
	const json_t *block;
	struct buf text;
	json_t *json, *event;
	size_t i;

	f->talk.dialect = DIALECT_ANTHROPIC;
	use_tools(f);
	json = whole(f, chat_anthropic_write);
	assert_str(jsonx_str(json, "stop_reason"), "tool_use");
	block = json_array_get(json_object_get(json, "content"), 1);
	assert_str(jsonx_str(json_object_get(block, "input"), "q"), "1 + 1");
	json_decref(json);

	stream(f, chat_anthropic_next);
	buf_init(&text, 4096);
	json_array_foreach(f->chunks, i, event) {
		const json_t *delta = json_object_get(event, "delta");

		if (json_object_get(delta, "partial_json") != NULL &&
		    number(event, "index") == 1)
			buf_add_str(&text, jsonx_str(delta, "partial_json"));
	}
	assert_string_equal(buf_cstr(&text), "{\"q\":\"1 + 1\"}");
	assert_int_equal(f->tokens, f->answer.usage.completion_tokens);
	buf_fini(&text);
}

static void
test_anthropic_usage_leaves_the_cache_out(void **state)
{
	struct fixture *f = *state;
	json_t *json;

	f->talk.dialect = DIALECT_ANTHROPIC;
	f->faults.prompt_tokens = 100;
	f->faults.cached_tokens = 60;
	f->faults.cache_write_tokens = 30;
	json = whole(f, chat_anthropic_write);
	assert_int_equal(number(json, "usage.input_tokens"), 10);
	assert_int_equal(number(json, "usage.cache_read_input_tokens"), 60);
	assert_int_equal(number(json, "usage.cache_creation_input_tokens"), 30);
	json_decref(json);
}

/* Cut arguments are no object: a whole answer must stay valid JSON. */
static void
test_anthropic_cut_tool_use_is_valid(void **state)
{
	struct fixture *f = *state;
	json_t *json;

	use_tools(f);
	f->talk.dialect = DIALECT_ANTHROPIC;
	f->chat.max_tokens = 2;
	json = whole(f, chat_anthropic_write);
	assert_str(jsonx_str(json, "stop_reason"), "max_tokens");
	json_decref(json);
}

static void
test_completion(void **state)
{
	struct fixture *f = *state;
	json_t *json;
	char *text;

	f->chat.choices = 2;
	f->chat.include_usage = true;
	json = whole(f, completion_write);
	assert_str(jsonx_str(json, "object"), "text_completion");
	assert_str(jsonx_str(choice(json, 1), "text"),
	    "This is alpha. You said: Hi");
	json_decref(json);
	stream(f, completion_next);
	assert_int_equal(json_array_size(f->chunks), 2 * 6 + 2 + 2);
	text = joined(f, 1, "text");
	assert_string_equal(text, "This is alpha. You said: Hi");
	free(text);
}

static void
test_embeddings_are_the_same_in_both_encodings(void **state)
{
	json_t *input = json_string("hello");
	struct embeddings e = { 2, false, &input, 1 };
	struct usage u = { .prompt_tokens = 5 };
	struct chat chat;
	struct buf out;
	const char *floats, *base64;
	char *first;

	(void)state;
	chat_init(&chat);
	chat.model = str_of("m");
	buf_init(&out, 65536);
	embeddings_write(&e, &chat, &u, &out);
	/* pinned: the same on every machine and in every run */
	floats = strstr(buf_cstr(&out), "[0.599609375,0.8486328125]");
	if (floats == NULL)
		fail_msg("%s", buf_cstr(&out));
	first = xstrdup(buf_cstr(&out));
	buf_clear(&out);
	embeddings_write(&e, &chat, &u, &out);
	assert_string_equal(buf_cstr(&out), first);
	free(first);
	buf_clear(&out);
	e.base64 = true;
	embeddings_write(&e, &chat, &u, &out);
	base64 = strstr(buf_cstr(&out), "\"AIAZPwBAWT8=\"");
	if (base64 == NULL)
		fail_msg("%s", buf_cstr(&out));
	buf_fini(&out);
	json_decref(input);
}

static void
test_error_bodies(void **state)
{
	static const struct {
		enum dialect dialect;
		int status;
		const char *code;
		const char *want;
	} rows[] = {
		{ DIALECT_OPENAI, 429, "",
		    "{\"error\":{\"message\":\"Rate limit reached; try again "
		    "later.\",\"type\":\"requests\",\"param\":null,\"code\":"
		    "\"rate_limit_exceeded\"}}" },
		{ DIALECT_OPENAI, 429, "insufficient_quota",
		    "{\"error\":{\"message\":\"You exceeded your current "
		    "quota, please check your plan and billing details.\","
		    "\"type\":\"insufficient_quota\",\"param\":null,\"code\":"
		    "\"insufficient_quota\"}}" },
		{ DIALECT_OPENAI, 599, "",
		    "{\"error\":{\"message\":\"The server had an error while "
		    "processing your request.\",\"type\":\"server_error\","
		    "\"param\":null,\"code\":null}}" },
		{ DIALECT_ANTHROPIC, 529, "",
		    "{\"type\":\"error\",\"error\":{\"type\":"
		    "\"overloaded_error\",\"message\":\"Overloaded\"},"
		    "\"request_id\":\"req_1\"}" },
		{ DIALECT_ANTHROPIC, 400, "context_length_exceeded",
		    "{\"type\":\"error\",\"error\":{\"type\":"
		    "\"invalid_request_error\",\"message\":\"prompt is too "
		    "long: 9000 tokens > 8192 maximum\"},\"request_id\":"
		    "\"req_1\"}" },
		{ DIALECT_MISTRAL, 429, "",
		    "{\"object\":\"error\",\"message\":\"Rate limit reached; "
		    "try again later.\",\"type\":\"rate_limited\",\"param\":"
		    "null,\"code\":\"1300\",\"raw_status_code\":429}" },
		{ DIALECT_MISTRAL, 401, "",
		    "{\"message\":\"Unauthorized\",\"request_id\":\"req_1\"}" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct problem p;
		struct jsonw w;
		struct buf out;

		buf_init(&out, 4096);
		jsonw_init(&w, &out);
		problem_script(&p, rows[i].dialect, rows[i].status,
		    rows[i].code);
		problem_write(&p, rows[i].dialect, str_of("req_1"), &w);
		assert_string_equal(buf_cstr(&out), rows[i].want);
		buf_fini(&out);
	}
}

static void
test_mistral_422_has_an_object_for_message(void **state)
{
	struct problem p;
	struct jsonw w;
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	jsonw_init(&w, &out);
	problem_set(&p, 422, "", "Extra inputs are not permitted");
	problem_param(&p, "seed");
	p.extra_field = true;
	problem_write(&p, DIALECT_MISTRAL, str_of("x"), &w);
	assert_string_equal(buf_cstr(&out),
	    "{\"object\":\"error\",\"message\":{\"detail\":[{\"type\":"
	    "\"extra_forbidden\",\"loc\":[\"body\",\"seed\"],\"msg\":"
	    "\"Extra inputs are not permitted\"}]},\"type\":"
	    "\"invalid_request_error\",\"param\":null,\"code\":null,"
	    "\"raw_status_code\":422}");
	buf_fini(&out);
}

/* ---- the books
 * ---------------------------------------------------------------- */

static void
test_log_line(void **state)
{
	struct record r = { .time_nsecs = INT64_C(1795349186000000000),
		.id = "req\"7",
		.model = "m",
		.path = "/v1/x",
		.stream = true,
		.status = 200,
		.outcome = OUTCOME_CLIENT_GONE,
		.prompt_tokens = 1,
		.completion_tokens = 2,
		.cached_tokens = 3 };
	struct buf text;
	struct err err;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(reqlog_append(fds[1], &r, &err), 0);
	r.id[0] = '\0';
	assert_int_equal(reqlog_append(fds[1], &r, &err), 0);
	close(fds[1]);
	buf_init(&text, 4096);
	assert_int_equal(fd_read_all(fds[0], &text, &err), 0);
	close(fds[0]);
	assert_string_equal(buf_cstr(&text),
	    "{\"time\":\"2026-11-22T12:06:26.000000Z\",\"id\":\"req\\\"7\","
	    "\"model\":\"m\",\"path\":\"/v1/x\",\"stream\":true,\"status\":"
	    "200,\"outcome\":\"client_gone\",\"prompt_tokens\":1,"
	    "\"completion_tokens\":2,\"cached_tokens\":3}\n"
	    "{\"time\":\"2026-11-22T12:06:26.000000Z\",\"id\":null,"
	    "\"model\":\"m\",\"path\":\"/v1/x\",\"stream\":true,\"status\":"
	    "200,\"outcome\":\"client_gone\",\"prompt_tokens\":1,"
	    "\"completion_tokens\":2,\"cached_tokens\":3}\n");
	buf_fini(&text);
}

static void
test_board_counts_and_resets(void **state)
{
	struct record r = { .outcome = OUTCOME_SERVED, .prompt_tokens = 4 };
	struct faults faults;
	struct board *b;
	struct counters *c;

	(void)state;
	faults_init(&faults);
	b = board_new(&faults);
	for (int i = 0; i < 3; i++)
		counters_begin(&b->counters);
	counters_end(&b->counters, &r);
	assert_int_equal(b->counters.requests, 3);
	assert_int_equal(b->counters.served, 1);
	assert_int_equal(b->counters.in_flight, 2);
	assert_int_equal(b->counters.prompt_tokens, 4);
	/* what is in flight stays in the equation */
	board_reset_counters(b);
	assert_int_equal(b->counters.requests, 2);
	assert_int_equal(b->counters.in_flight, 2);
	assert_int_equal(b->counters.served, 0);
	/* models past the last place share one */
	c = board_model(b, str_of("first"));
	for (int i = 0; i < 2 * BOARD_MODELS; i++) {
		char name[20];

		snprintf(name, sizeof(name), "m%d", i);
		assert_non_null(board_model(b, str_of(name)));
	}
	assert_ptr_equal(board_model(b, str_of("first")), c);
	assert_ptr_equal(board_model(b, str_of("m100")),
	    board_model(b, str_of("m101")));
	assert_string_equal(b->models[BOARD_MODELS - 1].name, "(others)");
	board_free(&b);
}

static void
test_settings_hold_for_so_many_requests(void **state)
{
	struct faults faults;
	struct board *b;

	(void)state;
	faults_init(&faults);
	b = board_new(&faults);
	for (int i = 0; i < 5; i++)
		assert_true(board_use_now(b));
	b->times = 2;
	assert_true(board_use_now(b));
	assert_true(board_use_now(b));
	assert_false(board_use_now(b));
	assert_false(board_use_now(b));
	board_reset_settings(b);
	assert_true(board_use_now(b));
	board_free(&b);
}

static void
test_kept_responses_give_way(void **state)
{
	struct kept *k = xcalloc(1, sizeof(*k));
	struct kept_row *row;

	(void)state;
	assert_null(kept_find(k, str_of("")));
	for (int i = 0; i <= KEPT_ROWS; i++) {
		row = kept_new(k);
		assert_int_equal(row->body_bytes, 0);
		snprintf(row->id, sizeof(row->id), "resp_%d", i);
		row->body_bytes = 1;
	}
	assert_null(kept_find(k, str_of("resp_0")));
	row = kept_find(k, str_of("resp_1"));
	assert_non_null(row);
	row->id[0] = '\0'; /* deleted */
	assert_null(kept_find(k, str_of("resp_1")));
	assert_non_null(kept_find(k, str_of("resp_32")));
	free(k);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		WIRE_TEST(test_openai_answer),
		WIRE_TEST(test_openai_stream),
		WIRE_TEST(test_openai_stream_without_usage),
		WIRE_TEST(test_openai_tool_calls),
		WIRE_TEST(test_mistral_differs),
		WIRE_TEST(test_anthropic_stream),
		WIRE_TEST(test_anthropic_tool_use),
		WIRE_TEST(test_anthropic_usage_leaves_the_cache_out),
		WIRE_TEST(test_anthropic_cut_tool_use_is_valid),
		WIRE_TEST(test_completion),
		cmocka_unit_test(
		    test_embeddings_are_the_same_in_both_encodings),
		cmocka_unit_test(test_error_bodies),
		cmocka_unit_test(test_mistral_422_has_an_object_for_message),
		cmocka_unit_test(test_log_line),
		cmocka_unit_test(test_kept_responses_give_way),
		cmocka_unit_test(test_board_counts_and_resets),
		cmocka_unit_test(test_settings_hold_for_so_many_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
