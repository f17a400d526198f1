/* Chat answers as Anthropic's. See messages_relay.h. */
#include "wire/messages/messages_relay.h"

#include "wire/anthropic/anthropic_usage.h"
#include "wire/chat_source.h"
#include "wire/messages/messages_event.h"
#include "wire/relay_note.h"

#define MAX_TOOLS 128 /* calls in one answer */

enum block {
	BLOCK_NONE,
	BLOCK_TEXT,
	BLOCK_THINKING,
	BLOCK_TOOL,
};

struct messages {
	struct chat_source source;
	struct buf model; /* the client's name, quoted */
	struct buf work;
	bool started, too_many;
	enum block block;
	int64_t index;                 /* of the open block, or the next one */
	int64_t tools;                 /* blocks of tool calls so far */
	int64_t tool_index[MAX_TOOLS]; /* the chat's index of each */
	int64_t tool_block[MAX_TOOLS]; /* its block */
};

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
close_block(struct relay *r, struct buf *out)
{
	struct messages *m = r->state;

	if (m->block == BLOCK_NONE)
		return;
	messages_event_block_stop(m->index, out);
	m->block = BLOCK_NONE;
	m->index++;
	r->facts.chunks++;
}

static void
open_block(struct relay *r, enum block block, struct str object,
    struct buf *out)
{
	struct messages *m = r->state;

	close_block(r, out);
	messages_event_block(m->index, object, out);
	m->block = block;
	r->facts.chunks++;
}

static void
write_start(struct relay *r, const struct skim_value *root, struct buf *out)
{
	struct skim_value id = pick_one(root, "id");
	struct usage none = { .source = USAGE_NONE };
	struct messages *m = r->state;

	if (m->started)
		return;
	m->started = true;
	messages_event_start(pick_is_empty(&id) ? str_of("") : id.value,
	    buf_str(&m->model), &none, out);
	r->facts.chunks++;
}

static void
add_text(struct relay *r, const struct skim_value *v, struct buf *out)
{
	struct messages *m = r->state;

	if (pick_is_empty(v))
		return;
	if (m->block != BLOCK_TEXT)
		open_block(r, BLOCK_TEXT,
		    str_of("{\"type\":\"text\",\"text\":\"\"}"), out);
	messages_event_delta(m->index, "text_delta", "text", v->value, out);
	r->facts.chunks++;
}

static void
add_thinking(struct relay *r, const struct skim_value *v, struct buf *out)
{
	struct messages *m = r->state;

	if (pick_is_empty(v))
		return;
	if (m->block != BLOCK_THINKING)
		open_block(r, BLOCK_THINKING,
		    str_of("{\"type\":\"thinking\",\"thinking\":\"\","
			   "\"signature\":\"\"}"),
		    out);
	messages_event_delta(m->index, "thinking_delta", "thinking", v->value,
	    out);
	r->facts.chunks++;
}

/* The head of a tool_use object: {"type":...,"id":...,"name":... */
static void
write_tool_head(const struct chat_call *c, int64_t number, struct buf *out)
{
	buf_add_cstr(out, "{\"type\":\"tool_use\",\"id\":");
	if (pick_is_empty(&c->id))
		buf_printf(out, "\"toolu_%lld\"", (long long)number);
	else
		buf_add_str(out, c->id.value);
	buf_add_cstr(out, ",\"name\":");
	if (c->name.type == SKIM_STRING)
		buf_add_str(out, c->name.value);
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
open_tool(struct relay *r, const struct chat_call *c, struct buf *out)
{
	struct messages *m = r->state;

	buf_clear(&m->work);
	write_tool_head(c, m->tools, &m->work);
	buf_add_cstr(&m->work, ",\"input\":{}}");
	open_block(r, BLOCK_TOOL, buf_str(&m->work), out);
	m->tool_index[m->tools] = c->index;
	m->tool_block[m->tools] = m->index;
	m->tools++;
	return m->index;
}

static void
add_call(struct relay *r, const struct chat_call *c, struct buf *out)
{
	struct messages *m = r->state;
	int64_t block = find_tool(m, c->index);

	if (block < 0 && m->tools == MAX_TOOLS) {
		m->too_many = true;
		return;
	}
	if (block < 0)
		block = open_tool(r, c, out);
	if (pick_is_empty(&c->arguments))
		return;
	messages_event_delta(block, "input_json_delta", "partial_json",
	    c->arguments.value, out);
	r->facts.chunks++;
}

static void
take_chunk(struct relay *r, const struct skim_value *root, struct buf *out)
{
	struct chat_piece p;
	struct chat_call call;
	struct skim_iter it;
	struct skim_value v;
	struct str key;

	write_start(r, root, out);
	chat_piece_read(root, "delta", &p);
	add_thinking(r, &p.reasoning, out);
	add_text(r, &p.content, out);
	add_text(r, &p.refusal, out);
	if (p.calls.type != SKIM_ARRAY)
		return;
	skim_iter_init(&it, p.calls.value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		chat_call_read(&v, 0, &call);
		add_call(r, &call, out);
	}
}

static void
take_done(struct relay *r, struct buf *out)
{
	struct messages *m = r->state;
	struct usage u = relay_known_usage(r);
	struct skim_value none = { .type = SKIM_ABSENT };

	write_start(r, &none, out);
	close_block(r, out);
	messages_event_end(stop_reason(r, m->tools > 0), &u, out);
	messages_event_stop(out);
	r->facts.chunks += 2;
}

static void
take_comment(struct relay *r, struct buf *out)
{
	messages_event_ping(out);
	r->facts.chunks++;
}

static int
check(struct relay *r, struct err *err)
{
	const struct messages *m = r->state;

	if (!m->too_many)
		return 0;
	return relay_malformed(r, err, "more than %d tool calls", MAX_TOOLS);
}

/* ---- plain ------------------------------------------------------------- */

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
	struct skim_value v;
	struct chat_call c;
	struct skim_iter it;
	struct str key;
	int64_t n = 0;

	if (calls->type != SKIM_ARRAY)
		return 0;
	skim_iter_init(&it, calls->value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		chat_call_read(&v, n, &c);
		open_object(out, any);
		write_tool_head(&c, n++, out);
		buf_add_cstr(out, ",\"input\":");
		write_input(&c.arguments, out);
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

static void
write_plain(struct relay *r, const struct skim_value *root, struct buf *out)
{
	const struct messages *m = r->state;
	struct skim_value id = pick_one(root, "id");
	struct usage u = relay_known_usage(r);
	struct chat_piece p;
	bool any = false;
	struct jsonw w;
	int64_t tools;

	chat_piece_read(root, "message", &p);
	buf_add_cstr(out, "{\"id\":");
	buf_add_str(out, pick_is_empty(&id) ? str_of("\"msg_0\"") : id.value);
	buf_add_cstr(out,
	    ",\"type\":\"message\",\"role\":\"assistant\",\"model\":");
	buf_add_str(out, buf_str(&m->model));
	buf_add_cstr(out, ",\"content\":[");
	write_thinking(&p.reasoning, &any, out);
	write_text(&p.content, &any, out);
	write_text(&p.refusal, &any, out);
	tools = write_calls(&p.calls, &any, out);
	buf_printf(out,
	    "],\"stop_reason\":\"%s\",\"stop_sequence\":null,\"usage\":",
	    stop_reason(r, tools > 0));
	jsonw_init(&w, out);
	anthropic_usage_write(&u, &w);
	buf_add_char(out, '}');
}

/* ---- ops --------------------------------------------------------------- */

static const struct chat_listener listener = {
	.chunk = take_chunk,
	.done = take_done,
	.comment = take_comment,
	.plain = write_plain,
	.check = check,
};

static int
start(struct relay *r, struct err *err)
{
	struct messages *m = r->state;

	if (chat_source_open(&m->source, r, &listener, err) != 0)
		return -1;
	buf_init(&m->work, r->options.max_answer_bytes);
	relay_quote_model(r, &m->model);
	return 0;
}

static void
stop(struct relay *r)
{
	struct messages *m = r->state;

	chat_source_close(&m->source);
	buf_fini(&m->work);
	buf_fini(&m->model);
}

static int
feed(struct relay *r, struct str bytes, struct buf *out, struct err *err)
{
	struct messages *m = r->state;

	return chat_source_feed(&m->source, r, bytes, out, err);
}

static int
finish(struct relay *r, struct buf *out, struct err *err)
{
	struct messages *m = r->state;

	return chat_source_finish(&m->source, r, out, err);
}

static void
fail(struct relay *r, enum err_code code, const char *text, struct buf *out)
{
	struct messages *m = r->state;

	if (m->source.ended)
		return;
	m->source.ended = true;
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
