/* Chat answers as Anthropic's. See messages_relay.h. */
#include "wire/messages/messages_relay.h"

#include "wire/anthropic/anthropic_usage.h"
#include "wire/chat_source.h"
#include "wire/json/json_end.h"
#include "wire/messages/messages_event.h"
#include "wire/relay_note.h"

#define MAX_TOOLS 128 /* calls in one answer */

enum block {
	BLOCK_NONE,
	BLOCK_TEXT,
	BLOCK_THINKING,
	BLOCK_TOOL,
};

struct tool {
	int64_t index, block; /* the chat's, and that of its block */
	bool open;            /* its block has not stopped */
	struct json_end end;  /* of its arguments */
};

struct messages {
	struct chat_source source;
	struct buf model; /* the client's name, quoted */
	struct buf work;
	struct buf stop; /* the sequence that ended it, quoted */
	bool started, too_many;
	enum block block; /* what was begun last, and where it is */
	int64_t index;
	int64_t next; /* block's index */
	size_t tool_count;
	struct tool tools[MAX_TOOLS];
};
_Static_assert(offsetof(struct messages, source) == 0,
    "chat_source stands first");

/* Some providers say "stop" behind tool calls. */
static const char *
stop_reason(const struct relay *r, bool has_tools)
{
	const struct messages *m = r->state;
	const char *reason = r->facts.finish_reason;

	if (strcmp(reason, "stop") != 0)
		return anthropic_stop_reason(reason);
	if (has_tools)
		return "tool_use";
	return m->stop.len > 0 ? "stop_sequence" : "end_turn";
}

/* Which of the client's sequences it was; some providers tell. */
static void
note_stop(struct messages *m, const struct chat_piece *p)
{
	if (!pick_is_empty(&p->stop) && m->stop.len == 0)
		buf_add_str(&m->stop, p->stop.value);
}

/* ---- events ------------------------------------------------------------ */

static void
stop_block(struct relay *r, int64_t index, struct buf *out)
{
	messages_event_block_stop(index, out);
	r->facts.chunks++;
}

/*
 * Another block begins, or (end) none. Calls may come in pieces that alternate:
 * the block of one whose arguments are not whole stays open.
 */
static void
leave_block(struct relay *r, bool end, struct buf *out)
{
	struct messages *m = r->state;

	if (m->block == BLOCK_TEXT || m->block == BLOCK_THINKING)
		stop_block(r, m->index, out);
	m->block = BLOCK_NONE;
	for (size_t i = 0; i < m->tool_count; i++) {
		struct tool *t = &m->tools[i];

		if (!t->open || (!end && !json_end_is_whole(&t->end)))
			continue;
		t->open = false;
		stop_block(r, t->block, out);
	}
}

static void
open_block(struct relay *r, enum block block, struct str object,
    struct buf *out)
{
	struct messages *m = r->state;

	leave_block(r, false, out);
	m->index = m->next++;
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

/* A piece of a block of thinking: its text, or its signature. */
static void
add_thinking(struct relay *r, const char *type, const char *member,
    const struct skim_value *v, struct buf *out)
{
	struct messages *m = r->state;

	if (pick_is_empty(v))
		return;
	if (m->block != BLOCK_THINKING)
		open_block(r, BLOCK_THINKING,
		    str_of("{\"type\":\"thinking\",\"thinking\":\"\","
			   "\"signature\":\"\"}"),
		    out);
	messages_event_delta(m->index, type, member, v->value, out);
	r->facts.chunks++;
}

static void
add_redacted(struct relay *r, const struct skim_value *data, struct buf *out)
{
	struct messages *m = r->state;

	buf_clear(&m->work);
	buf_add_cstr(&m->work, "{\"type\":\"redacted_thinking\",\"data\":");
	buf_add_str(&m->work, data->value);
	buf_add_char(&m->work, '}');
	open_block(r, BLOCK_THINKING, buf_str(&m->work), out);
	leave_block(r, false, out);
}

/* A signature ends its block. */
static void
add_thoughts(struct relay *r, const struct skim_value *list, struct buf *out)
{
	struct chat_thought t;
	struct skim_iter it;
	struct skim_value v;
	struct str key;

	skim_iter_init(&it, list->value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		chat_thought_read(&v, 0, &t);
		add_thinking(r, "thinking_delta", "thinking", &t.text, out);
		if (!pick_is_empty(&t.signature)) {
			add_thinking(r, "signature_delta", "signature",
			    &t.signature, out);
			leave_block(r, false, out);
		}
		if (!pick_is_empty(&t.data))
			add_redacted(r, &t.data, out);
	}
}

/* The head of a tool_use object: {"type":...,"id":...,"name":... */
static void
write_tool_head(const struct chat_call *c, int64_t number, struct buf *out)
{
	buf_add_cstr(out, "{\"type\":\"tool_use\",\"id\":");
	buf_add_char(out, '"');
	if (pick_is_empty(&c->id))
		buf_printf(out, "toolu_%lld", (long long)number);
	chat_call_id(c, out);
	buf_add_cstr(out, "\",\"name\":");
	if (c->name.type == SKIM_STRING)
		buf_add_str(out, c->name.value);
	else
		buf_add_cstr(out, "\"\"");
}

/* The chat's call under this index; NULL none yet. */
static struct tool *
find_tool(struct messages *m, int64_t index)
{
	for (size_t i = m->tool_count; i-- > 0;) {
		if (m->tools[i].index == index)
			return &m->tools[i];
	}
	return NULL;
}

static struct tool *
open_tool(struct relay *r, const struct chat_call *c, struct buf *out)
{
	struct messages *m = r->state;
	struct tool *t;

	buf_clear(&m->work);
	write_tool_head(c, (int64_t)m->tool_count, &m->work);
	buf_add_cstr(&m->work, ",\"input\":{}}");
	open_block(r, BLOCK_TOOL, buf_str(&m->work), out);
	t = &m->tools[m->tool_count++];
	t->index = c->index;
	t->block = m->index;
	t->open = true;
	return t;
}

static void
add_arguments(struct relay *r, struct tool *t, const struct skim_value *piece,
    struct buf *out)
{
	struct messages *m = r->state;

	messages_event_delta(t->block, "input_json_delta", "partial_json",
	    piece->value, out);
	r->facts.chunks++;
	buf_clear(&m->work);
	pick_add_text(piece, &m->work);
	json_end_feed(&t->end, buf_str(&m->work));
	if (!t->open || !json_end_is_whole(&t->end) ||
	    (m->block == BLOCK_TOOL && m->index == t->block))
		return;
	t->open = false;
	stop_block(r, t->block, out);
}

static void
add_call(struct relay *r, const struct chat_call *c, struct buf *out)
{
	struct messages *m = r->state;
	struct tool *t = find_tool(m, c->index);

	if (t == NULL && m->tool_count == MAX_TOOLS) {
		m->too_many = true;
		return;
	}
	if (t == NULL)
		t = open_tool(r, c, out);
	if (!pick_is_empty(&c->arguments))
		add_arguments(r, t, &c->arguments, out);
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
	note_stop(r->state, &p);
	if (p.thoughts.type == SKIM_ARRAY)
		add_thoughts(r, &p.thoughts, out);
	else
		add_thinking(r, "thinking_delta", "thinking", &p.reasoning,
		    out);
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
	leave_block(r, true, out);
	messages_event_end(stop_reason(r, m->tool_count > 0), buf_str(&m->stop),
	    &u, out);
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

/* text, signature: each may be absent. */
static void
write_thinking(const struct skim_value *text,
    const struct skim_value *signature, bool *any, struct buf *out)
{
	static const struct str empty = STR_LIT("\"\"");

	if (pick_is_empty(text) && pick_is_empty(signature))
		return;
	open_object(out, any);
	buf_add_cstr(out, "{\"type\":\"thinking\",\"thinking\":");
	buf_add_str(out, text->type == SKIM_STRING ? text->value : empty);
	buf_add_cstr(out, ",\"signature\":");
	buf_add_str(out,
	    signature->type == SKIM_STRING ? signature->value : empty);
	buf_add_char(out, '}');
}

static void
write_thoughts(const struct chat_piece *p, bool *any, struct buf *out)
{
	const struct skim_value none = { .type = SKIM_ABSENT };
	struct chat_thought t;
	struct skim_iter it;
	struct skim_value v;
	struct str key;

	if (p->thoughts.type != SKIM_ARRAY) {
		write_thinking(&p->reasoning, &none, any, out);
		return;
	}
	skim_iter_init(&it, p->thoughts.value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		chat_thought_read(&v, 0, &t);
		write_thinking(&t.text, &t.signature, any, out);
		if (pick_is_empty(&t.data))
			continue;
		open_object(out, any);
		buf_add_cstr(out, "{\"type\":\"redacted_thinking\",\"data\":");
		buf_add_str(out, t.data.value);
		buf_add_char(out, '}');
	}
}

static void
write_plain(struct relay *r, const struct skim_value *root, struct buf *out)
{
	struct messages *m = r->state;
	struct skim_value id = pick_one(root, "id");
	struct usage u = relay_known_usage(r);
	struct chat_piece p;
	bool any = false;
	struct jsonw w;
	int64_t tools;

	chat_piece_read(root, "message", &p);
	note_stop(m, &p);
	buf_add_cstr(out, "{\"id\":");
	buf_add_str(out, pick_is_empty(&id) ? str_of("\"msg_0\"") : id.value);
	buf_add_cstr(out,
	    ",\"type\":\"message\",\"role\":\"assistant\",\"model\":");
	buf_add_str(out, buf_str(&m->model));
	buf_add_cstr(out, ",\"content\":[");
	write_thoughts(&p, &any, out);
	write_text(&p.content, &any, out);
	write_text(&p.refusal, &any, out);
	tools = write_calls(&p.calls, &any, out);
	buf_printf(out, "],\"stop_reason\":\"%s\",\"stop_sequence\":",
	    stop_reason(r, tools > 0));
	buf_add_str(out, m->stop.len > 0 ? buf_str(&m->stop) : str_of("null"));
	buf_add_cstr(out, ",\"usage\":");
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

	if (chat_source_open(r, &listener, err) != 0)
		return -1;
	buf_init(&m->work, r->options.max_answer_bytes);
	buf_init(&m->stop, r->options.max_answer_bytes);
	relay_quote_model(r, &m->model);
	return 0;
}

static void
stop(struct relay *r)
{
	struct messages *m = r->state;

	chat_source_close(r);
	buf_fini(&m->work);
	buf_fini(&m->stop);
	buf_fini(&m->model);
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
	.feed = chat_source_feed,
	.finish = chat_source_finish,
	.fail = fail,
	.keep_alive = keep_alive,
	.stop = stop,
};
