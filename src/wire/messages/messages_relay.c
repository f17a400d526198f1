/* Chat answers as Anthropic's. See messages_relay.h. */
#include "wire/messages/messages_relay.h"

#include "wire/anthropic/anthropic_usage.h"
#include "wire/messages/messages_event.h"
#include "wire/pick.h"
#include "wire/relay_note.h"
#include "wire/sse.h"

/* More tool calls in one answer share the last block. */
#define MAX_TOOLS 128

enum block {
	BLOCK_NONE,
	BLOCK_TEXT,
	BLOCK_THINKING,
	BLOCK_TOOL,
};

struct messages {
	struct wire_request chat; /* the request as the inner relay sees it */
	struct relay inner;
	bool inner_is_open;
	struct buf bytes; /* what it gave out */
	struct sse_reader sse;
	struct buf model; /* the client's name, quoted */
	struct buf work;
	bool started, ended;
	enum block block;
	int64_t index;                 /* of the open block, or the next one */
	int64_t tools;                 /* blocks of tool calls so far */
	int64_t tool_index[MAX_TOOLS]; /* the chat's index of each */
	int64_t tool_block[MAX_TOOLS]; /* its block */
	int64_t chunks;                /* events given out */
};

/* ---- start and facts --------------------------------------------------- */

static int
start(struct relay *r, struct err *err)
{
	struct messages *m = r->state;
	struct relay_options options = r->options;

	m->chat = *r->options.request;
	m->chat.api = WIRE_CHAT;
	m->chat.include_usage = m->chat.stream;
	m->chat.continuous_usage = false;
	m->chat.n = m->chat.outputs = 1;
	options.request = &m->chat;
	if (relay_open(&m->inner, r->options.chat, &options, err) != 0)
		return -1;
	m->inner_is_open = true;
	/* Whatever one feed gives out stands here. */
	buf_init(&m->bytes,
	    2 * (r->options.max_answer_bytes + r->options.max_event_bytes));
	buf_init(&m->work, r->options.max_answer_bytes);
	sse_reader_init(&m->sse, m->bytes.max);
	relay_quote_model(r, &m->model);
	return 0;
}

static void
stop(struct relay *r)
{
	struct messages *m = r->state;

	if (m->inner_is_open)
		relay_close(&m->inner);
	buf_fini(&m->bytes);
	buf_fini(&m->work);
	buf_fini(&m->model);
	sse_reader_fini(&m->sse);
}

static void
take_facts(struct relay *r)
{
	struct messages *m = r->state;

	r->facts = m->inner.facts;
	r->facts.chunks = m->chunks;
}

/* Some providers say "stop" behind tool calls. */
static const char *
stop_reason(const struct relay *r, bool has_tools)
{
	const char *reason = r->facts.finish_reason;

	if (has_tools && strcmp(reason, "stop") == 0)
		return "tool_use";
	return anthropic_stop_reason(reason);
}

/* ---- events ------------------------------------------------------------ */

static void
close_block(struct messages *m, struct buf *out)
{
	if (m->block == BLOCK_NONE)
		return;
	messages_event_block_stop(m->index, out);
	m->block = BLOCK_NONE;
	m->index++;
	m->chunks++;
}

static void
open_block(struct messages *m, enum block block, struct str object,
    struct buf *out)
{
	close_block(m, out);
	messages_event_block(m->index, object, out);
	m->block = block;
	m->chunks++;
}

static void
write_start(struct messages *m, const struct skim_value *root, struct buf *out)
{
	struct skim_value id = pick_one(root, "id");
	struct usage none = { .source = USAGE_NONE };

	if (m->started)
		return;
	m->started = true;
	messages_event_start(pick_is_empty(&id) ? str_of("") : id.value,
	    buf_str(&m->model), &none, out);
	m->chunks++;
}

static void
add_text(struct messages *m, const struct skim_value *v, struct buf *out)
{
	if (pick_is_empty(v))
		return;
	if (m->block != BLOCK_TEXT)
		open_block(m, BLOCK_TEXT,
		    str_of("{\"type\":\"text\",\"text\":\"\"}"), out);
	messages_event_delta(m->index, "text_delta", "text", v->value, out);
	m->chunks++;
}

static void
add_thinking(struct messages *m, const struct skim_value *v, struct buf *out)
{
	if (pick_is_empty(v))
		return;
	if (m->block != BLOCK_THINKING)
		open_block(m, BLOCK_THINKING,
		    str_of("{\"type\":\"thinking\",\"thinking\":\"\","
			   "\"signature\":\"\"}"),
		    out);
	messages_event_delta(m->index, "thinking_delta", "thinking", v->value,
	    out);
	m->chunks++;
}

/* The head of a tool_use object: {"type":...,"id":...,"name":... */
static void
write_tool_head(const struct skim_value *id, const struct skim_value *name,
    int64_t number, struct buf *out)
{
	buf_add_cstr(out, "{\"type\":\"tool_use\",\"id\":");
	if (pick_is_empty(id))
		buf_printf(out, "\"toolu_%lld\"", (long long)number);
	else
		buf_add_str(out, id->value);
	buf_add_cstr(out, ",\"name\":");
	if (name->type == SKIM_STRING)
		buf_add_str(out, name->value);
	else
		buf_add_cstr(out, "\"\"");
}

/* The block of the chat's tool call; -1 none yet. */
static int64_t
find_tool(const struct messages *m, int64_t index)
{
	for (int64_t i = m->tools - 1; i >= 0; i--) {
		if (m->tool_index[i] == index)
			return m->tool_block[i];
	}
	return -1;
}

static int64_t
open_tool(struct messages *m, int64_t index, const struct skim_value *id,
    const struct skim_value *name, struct buf *out)
{
	buf_clear(&m->work);
	write_tool_head(id, name, m->tools, &m->work);
	buf_add_cstr(&m->work, ",\"input\":{}}");
	open_block(m, BLOCK_TOOL, buf_str(&m->work), out);
	if (m->tools < MAX_TOOLS) {
		m->tool_index[m->tools] = index;
		m->tool_block[m->tools] = m->index;
		m->tools++;
	}
	return m->index;
}

static void
add_call(struct messages *m, const struct skim_value *call, struct buf *out)
{
	struct skim_value index, id, function, name, arguments;
	const struct skim_wanted of_call[] = { { "index", &index },
		{ "id", &id }, { "function", &function } };
	const struct skim_wanted of_function[] = { { "name", &name },
		{ "arguments", &arguments } };
	int64_t number, block;

	pick(call, of_call, ARRAY_LEN(of_call));
	pick(&function, of_function, ARRAY_LEN(of_function));
	if (index.type != SKIM_NUMBER || skim_int(&index, &number) != 0)
		number = 0;
	block = find_tool(m, number);
	if (block < 0)
		block = open_tool(m, number, &id, &name, out);
	if (pick_is_empty(&arguments))
		return;
	messages_event_delta(block, "input_json_delta", "partial_json",
	    arguments.value, out);
	m->chunks++;
}

static void
take_chunk(struct messages *m, struct str data, struct buf *out)
{
	struct skim_value root = pick_root(data), delta, v;
	struct skim_value content, reasoning, other, refusal, calls;
	const struct skim_wanted wanted[] = { { "content", &content },
		{ "reasoning_content", &reasoning }, { "reasoning", &other },
		{ "refusal", &refusal }, { "tool_calls", &calls } };
	struct skim_value choices = pick_one(&root, "choices");
	struct skim_iter it;
	struct str key;

	write_start(m, &root, out);
	if (choices.type != SKIM_ARRAY)
		return;
	skim_iter_init(&it, choices.value);
	if (skim_iter_next(&it, &key, &v) != 1)
		return;
	delta = pick_one(&v, "delta");
	pick(&delta, wanted, ARRAY_LEN(wanted));
	add_thinking(m, reasoning.type == SKIM_STRING ? &reasoning : &other,
	    out);
	add_text(m, &content, out);
	add_text(m, &refusal, out);
	if (calls.type != SKIM_ARRAY)
		return;
	skim_iter_init(&it, calls.value);
	while (skim_iter_next(&it, &key, &v) == 1)
		add_call(m, &v, out);
}

static void
take_done(struct relay *r, struct buf *out)
{
	struct messages *m = r->state;
	struct usage u = relay_known_usage(r);
	struct skim_value none = { .type = SKIM_ABSENT };

	write_start(m, &none, out);
	close_block(m, out);
	messages_event_end(stop_reason(r, m->tools > 0), &u, out);
	messages_event_stop(out);
	m->chunks += 2;
	m->ended = true;
}

/* What the inner relay gave out, as events. It is ours: it is well formed. */
static int
convert(struct relay *r, struct buf *out, struct err *err)
{
	struct messages *m = r->state;
	struct str rest = buf_str(&m->bytes);
	struct sse_event event;
	int got;

	take_facts(r);
	while (
	    !m->ended && (got = sse_next(&m->sse, &rest, &event, err)) != 0) {
		if (got < 0)
			return -1;
		if (event.comment_only) {
			messages_event_ping(out);
			m->chunks++;
		} else if (str_is(event.data, "[DONE]")) {
			take_done(r, out);
		} else {
			take_chunk(m, event.data, out);
		}
	}
	buf_clear(&m->bytes);
	r->facts.chunks = m->chunks;
	return relay_check_room(out, err);
}

/* ---- plain ------------------------------------------------------------- */

struct message {
	struct skim_value content, reasoning, other, refusal, calls;
};

static void
open_object(struct buf *out, bool *any)
{
	if (*any)
		buf_add_char(out, ',');
	*any = true;
}

static void
write_text(const struct skim_value *v, bool *any, struct buf *out)
{
	if (pick_is_empty(v))
		return;
	open_object(out, any);
	buf_add_cstr(out, "{\"type\":\"text\",\"text\":");
	buf_add_str(out, v->value);
	buf_add_char(out, '}');
}

/* Mistral's content may be a list of parts. */
static void
write_content(const struct skim_value *content, bool *any, struct buf *out)
{
	struct skim_iter it;
	struct skim_value v;
	struct str key;

	write_text(content, any, out);
	if (content->type != SKIM_ARRAY)
		return;
	skim_iter_init(&it, content->value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		v = pick_one(&v, "text");
		write_text(&v, any, out);
	}
}

/* Arguments that are no JSON object are kept as a string. */
static void
write_input(const struct skim_value *arguments, struct buf *out)
{
	struct arena arena;
	struct str text;

	arena_init(&arena, 1024);
	text = str_trim(pick_text(arguments, &arena));
	if (text.n == 0) {
		buf_add_cstr(out, "{}");
	} else if (text.p[0] == '{' && skim(text, NULL, 0, NULL, NULL) == 0) {
		buf_add_str(out, text);
	} else {
		buf_add_cstr(out, "{\"_raw\":");
		buf_add_str(out, arguments->value);
		buf_add_char(out, '}');
	}
	arena_fini(&arena);
}

static int64_t
write_calls(const struct skim_value *calls, bool *any, struct buf *out)
{
	struct skim_value call, id, function, name, arguments;
	const struct skim_wanted of_call[] = { { "id", &id },
		{ "function", &function } };
	const struct skim_wanted of_function[] = { { "name", &name },
		{ "arguments", &arguments } };
	struct skim_iter it;
	struct str key;
	int64_t n = 0;

	if (calls->type != SKIM_ARRAY)
		return 0;
	skim_iter_init(&it, calls->value);
	while (skim_iter_next(&it, &key, &call) == 1) {
		pick(&call, of_call, ARRAY_LEN(of_call));
		pick(&function, of_function, ARRAY_LEN(of_function));
		open_object(out, any);
		write_tool_head(&id, &name, n++, out);
		buf_add_cstr(out, ",\"input\":");
		write_input(&arguments, out);
		buf_add_char(out, '}');
	}
	return n;
}

static void
write_thinking(const struct skim_value *v, bool *any, struct buf *out)
{
	if (pick_is_empty(v))
		return;
	open_object(out, any);
	buf_add_cstr(out, "{\"type\":\"thinking\",\"thinking\":");
	buf_add_str(out, v->value);
	buf_add_cstr(out, ",\"signature\":\"\"}");
}

static struct skim_value
first_message(const struct skim_value *root)
{
	struct skim_value choices = pick_one(root, "choices"), v;
	struct skim_iter it;
	struct str key;

	v.type = SKIM_ABSENT;
	if (choices.type != SKIM_ARRAY)
		return v;
	skim_iter_init(&it, choices.value);
	if (skim_iter_next(&it, &key, &v) != 1)
		v.type = SKIM_ABSENT;
	return pick_one(&v, "message");
}

static void
write_plain(struct relay *r, struct buf *out)
{
	struct messages *m = r->state;
	struct skim_value root = pick_root(buf_str(&m->bytes));
	struct skim_value message = first_message(&root);
	struct skim_value id = pick_one(&root, "id");
	struct usage u = relay_known_usage(r);
	struct message s;
	const struct skim_wanted wanted[] = { { "content", &s.content },
		{ "reasoning_content", &s.reasoning },
		{ "reasoning", &s.other }, { "refusal", &s.refusal },
		{ "tool_calls", &s.calls } };
	bool any = false;
	struct jsonw w;
	int64_t tools;

	pick(&message, wanted, ARRAY_LEN(wanted));
	buf_add_cstr(out, "{\"id\":");
	buf_add_str(out, pick_is_empty(&id) ? str_of("\"msg_0\"") : id.value);
	buf_add_cstr(out,
	    ",\"type\":\"message\",\"role\":\"assistant\",\"model\":");
	buf_add_str(out, buf_str(&m->model));
	buf_add_cstr(out, ",\"content\":[");
	write_thinking(s.reasoning.type == SKIM_STRING ? &s.reasoning
						       : &s.other,
	    &any, out);
	write_content(&s.content, &any, out);
	write_text(&s.refusal, &any, out);
	tools = write_calls(&s.calls, &any, out);
	buf_printf(out,
	    "],\"stop_reason\":\"%s\",\"stop_sequence\":null,\"usage\":",
	    stop_reason(r, tools > 0));
	jsonw_init(&w, out);
	anthropic_usage_write(&u, &w);
	buf_add_char(out, '}');
	m->ended = true;
}

/* ---- ops --------------------------------------------------------------- */

/* What the inner relay gave out before it failed still is good; its own error
   is what counts. */
static int
feed(struct relay *r, struct str bytes, struct buf *out, struct err *err)
{
	struct messages *m = r->state;
	int result;

	if (m->ended)
		return 0;
	result = m->inner.ops->feed(&m->inner, bytes, &m->bytes, err);
	if (convert(r, out, result == 0 ? err : NULL) != 0)
		return -1;
	return result;
}

static int
finish(struct relay *r, struct buf *out, struct err *err)
{
	struct messages *m = r->state;
	int result;

	if (m->ended)
		return 0;
	result = m->inner.ops->finish(&m->inner, &m->bytes, err);
	take_facts(r);
	if (result == 0 && !m->chat.stream) {
		write_plain(r, out);
		return relay_check_room(out, err);
	}
	if (convert(r, out, result == 0 ? err : NULL) != 0)
		return -1;
	return result;
}

static void
fail(struct relay *r, enum err_code code, const char *text, struct buf *out)
{
	struct messages *m = r->state;

	if (m->ended)
		return;
	m->ended = true;
	relay_fail_event(r, code, text, out);
}

static void
keep_alive(struct relay *r, struct buf *out)
{
	(void)r;
	messages_event_ping(out);
}

const struct relay_ops messages_relay = {
	.name = "openai-messages",
	.state_bytes = sizeof(struct messages),
	.start = start,
	.feed = feed,
	.finish = finish,
	.fail = fail,
	.keep_alive = keep_alive,
	.stop = stop,
};
