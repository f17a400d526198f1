/*
 * For the tests of what the simulator writes: a conversation, the answer to
 * it, whole or as a stream's chunks.
 */
#ifndef TESTS_UNIT_TALK_FIXTURE_H
#define TESTS_UNIT_TALK_FIXTURE_H

#include "unit.h"

#include "sim/chat_openai.h"
#include "sim/talk.h"

struct fixture {
	struct chat chat;
	struct faults faults;
	struct arena arena;
	struct answer answer;
	struct talk talk;
	json_t *schema;
	struct chat_tool tools[2];
	/* the last stream: its chunks as a JSON array, [DONE] as a string */
	json_t *chunks;
	json_t *events; /* their names */
	int64_t tokens;
};

static inline int
setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	chat_init(&f->chat);
	faults_init(&f->faults);
	arena_init(&f->arena, 1024);
	buf_init(&f->talk.prefix, 4096);
	f->talk.flavor = &flavors[0];
	f->schema = json_loads("{\"type\":\"object\",\"properties\":{\"q\":{"
			       "\"type\":\"string\"}}}",
	    0, NULL);
	f->tools[0].name = str_of("weather");
	f->tools[1].name = str_of("calc");
	f->tools[0].schema = f->tools[1].schema = f->schema;
	f->chat.model = str_of("m\"1");
	f->chat.messages = 1;
	f->chat.text_bytes = 4;
	f->chat.last = CHAT_LAST_USER;
	f->chat.user_text = str_of("Hi");
	*state = f;
	return 0;
}

static inline int
teardown(void **state)
{
	struct fixture *f = *state;

	json_decref(f->schema);
	json_decref(f->chunks);
	json_decref(f->events);
	arena_fini(&f->arena);
	buf_fini(&f->talk.prefix);
	free(f);
	return 0;
}

static inline void
make(struct fixture *f)
{
	answer_make(&f->answer, &f->chat, &f->faults, &f->arena, "alpha", 7);
	f->talk.id = "abcdefghi";
	f->talk.created_secs = 1700000000;
	talk_begin(&f->talk, &f->chat, &f->answer);
}

static inline void
use_tools(struct fixture *f)
{
	f->chat.tools = f->tools;
	f->chat.tool_count = 2;
	f->chat.user_text = str_of("Weather in Oslo and 1 + 1?");
}

/* A whole answer, parsed; the caller owns it. */
static inline json_t *
whole(struct fixture *f, void (*write)(const struct talk *t, struct buf *out))
{
	struct buf out;
	struct err err;
	json_t *json;

	make(f);
	buf_init(&out, 1 << 20);
	write(&f->talk, &out);
	json = jsonx_parse(buf_str(&out), &err);
	if (json == NULL)
		fail_msg("%s: %s", err.text, buf_cstr(&out));
	buf_fini(&out);
	return json;
}

static inline void
stream(struct fixture *f, reply_source next)
{
	struct reply_chunk chunk;
	struct err err;

	make(f);
	json_decref(f->chunks);
	json_decref(f->events);
	f->chunks = json_array();
	f->events = json_array();
	f->tokens = 0;
	memset(&chunk, 0, sizeof(chunk));
	buf_init(&chunk.json, 1 << 20);
	for (bool last = false; next(&f->talk, &chunk) == 1;) {
		json_t *json;

		assert_false(last); /* nothing comes behind the terminal one */
		last = chunk.last;
		if (strcmp(buf_cstr(&chunk.json), "[DONE]") == 0)
			json = json_string("[DONE]");
		else
			json = jsonx_parse(buf_str(&chunk.json), &err);
		if (json == NULL)
			fail_msg("%s: %s", err.text, buf_cstr(&chunk.json));
		json_array_append_new(f->chunks, json);
		json_array_append_new(f->events,
		    chunk.event == NULL ? json_null()
					: json_string(chunk.event));
		f->tokens += chunk.tokens;
		buf_clear(&chunk.json);
		chunk.event = NULL;
		chunk.tokens = 0;
		chunk.last = false;
	}
	buf_fini(&chunk.json);
}

static inline int64_t
number(const json_t *json, const char *path)
{
	const json_t *v = jsonx_path(json, path);

	if (!json_is_integer(v))
		fail_msg("no number at %s", path);
	return json_integer_value(v);
}

static inline const json_t *
choice(const json_t *json, size_t i)
{
	return json_array_get(json_object_get(json, "choices"), i);
}

/* The text of the choice `index` over all chunks. */
static inline char *
joined(const struct fixture *f, int index, const char *path)
{
	struct buf text;
	json_t *chunk;
	size_t i;

	buf_init(&text, 1 << 20);
	json_array_foreach(f->chunks, i, chunk) {
		const json_t *c = choice(chunk, 0), *v;

		if (c == NULL || number(c, "index") != index)
			continue;
		v = jsonx_path(c, path);
		if (json_is_string(v))
			buf_add_cstr(&text, json_string_value(v));
	}
	return buf_take(&text, NULL);
}

#define WIRE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
