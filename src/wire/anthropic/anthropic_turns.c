/*
 * The conversation: chat messages as Anthropic's system text and turns of user
 * and assistant in alternation. See anthropic_body.h.
 *
 * Messages of one side that follow each other become one turn. Tool results
 * stand at the front of their user turn, whatever text came with them, because
 * Anthropic wants them right behind the calls they answer.
 */
#include "wire/anthropic/anthropic_body.h"

#include "base/num.h"

#define WHERE_BYTES 48

enum side {
	SIDE_NONE,
	SIDE_USER,
	SIDE_ASSISTANT,
};

struct turn {
	struct anthropic_body *b;
	enum side side;
	struct buf results; /* tool_result blocks */
	struct buf blocks;  /* the others */
	char where[WHERE_BYTES];
	bool is_last; /* of the messages */
};

/* The members of a chat message. */
struct message {
	struct str role;
	struct skim_value content, refusal, tool_calls, tool_call_id;
	struct skim_value thinking_blocks, cache_control;
};

/* Writes the turn under way, if it holds anything. */
static void
end_turn(struct turn *t)
{
	struct buf *out = &t->b->turns;

	if (t->results.len + t->blocks.len == 0)
		return;
	if (out->len == 0 && t->side == SIDE_ASSISTANT)
		buf_add_cstr(out, "{\"role\":\"user\",\"content\":\".\"}");
	if (out->len > 0)
		buf_add_char(out, ',');
	buf_add_cstr(out, t->side == SIDE_USER ? "{\"role\":\"user\""
					       : "{\"role\":\"assistant\"");
	buf_add_cstr(out, ",\"content\":[");
	buf_add_str(out, buf_str(&t->results));
	if (t->results.len > 0 && t->blocks.len > 0)
		buf_add_char(out, ',');
	buf_add_str(out, buf_str(&t->blocks));
	buf_add_cstr(out, "]}");
	buf_clear(&t->results);
	buf_clear(&t->blocks);
}

static void
take_side(struct turn *t, enum side side)
{
	if (t->side != side)
		end_turn(t);
	t->side = side;
}

/* Text that ends the conversation is one Claude goes on from, and must not end
   in blanks. */
static struct skim_value
trimmed(struct turn *t, const struct skim_value *string)
{
	struct str text = pick_text(string, t->b->arena);
	struct skim_value v = *string;
	struct jsonw w;
	struct buf q;

	while (text.n > 0 && strchr(" \n\r\t", text.p[text.n - 1]) != NULL)
		text.n--;
	buf_init(&q, 6 * text.n + 2);
	jsonw_init(&w, &q);
	jsonw_str(&w, text);
	v.value = arena_str(t->b->arena, buf_str(&q));
	buf_fini(&q);
	return v;
}

/* A part of text, without the blanks at its end; false: it is none. */
static bool
write_last_text(struct turn *t, const struct skim_value *part, struct buf *list)
{
	struct skim_value type, text, cache_control;
	const struct skim_wanted wanted[] = { { "type", &type },
		{ "text", &text }, { "cache_control", &cache_control } };

	pick(part, wanted, ARRAY_LEN(wanted));
	if (!skim_string_is(&type, "text") || text.type != SKIM_STRING)
		return false;
	text = trimmed(t, &text);
	anthropic_text_write(&text, &cache_control, list);
	return true;
}

/* Content that is a string or a list of parts. */
static int
write_content(struct turn *t, const struct message *m, struct buf *list)
{
	struct skim_iter it;
	struct skim_value part;
	struct str key;
	size_t i = 0;

	if (m->content.type == SKIM_STRING)
		anthropic_text_write(&m->content, &m->cache_control, list);
	if (m->content.type != SKIM_ARRAY)
		return 0;
	skim_iter_init(&it, m->content.value);
	while (skim_iter_next(&it, &key, &part) == 1) {
		const struct skim_value none = { .type = SKIM_ABSENT };

		if (++i == m->content.count && t->is_last &&
		    t->side == SIDE_ASSISTANT &&
		    write_last_text(t, &part, list))
			continue;
		if (part.type == SKIM_STRING)
			anthropic_text_write(&part, &none, list);
		else if (anthropic_part_write(t->b, &part, t->where, list) != 0)
			return -1;
	}
	return 0;
}

/* Ids that other providers gave may hold what Anthropic does not take. The
   same id becomes the same again in the call and in its result. */
static void
add_id(struct turn *t, struct jsonw *w, const char *name,
    const struct skim_value *id)
{
	struct str text = pick_text(id, t->b->arena);
	char *copy;

	if (text.n == 0)
		text = str_of("_");
	copy = arena_strndup(t->b->arena, text.p, text.n);
	for (char *p = copy; *p != '\0'; p++) {
		bool plain = (*p >= 'a' && *p <= 'z') ||
			     (*p >= 'A' && *p <= 'Z') ||
			     (*p >= '0' && *p <= '9') || *p == '-';

		if (!plain)
			*p = '_';
	}
	jsonw_key(w, name);
	jsonw_cstr(w, copy);
}

/* ---- assistant --------------------------------------------------------- */

/* Thinking that came from Claude goes back to it, first of all and only with
   its signature: without one it is refused. */
static bool
write_thinking(struct turn *t, const struct skim_value *blocks)
{
	struct skim_value block, type, thinking, signature, data;
	const struct skim_wanted wanted[] = { { "type", &type },
		{ "thinking", &thinking }, { "signature", &signature },
		{ "data", &data } };
	struct jsonw w = { &t->blocks, t->blocks.len > 0 };
	struct skim_iter it;
	struct str key;
	bool any = false;

	if (blocks->type != SKIM_ARRAY)
		return false;
	skim_iter_init(&it, blocks->value);
	while (skim_iter_next(&it, &key, &block) == 1) {
		bool redacted;

		pick(&block, wanted, ARRAY_LEN(wanted));
		redacted = skim_string_is(&type, "redacted_thinking");
		if (!redacted && !skim_string_is(&type, "thinking"))
			continue;
		if (pick_is_empty(redacted ? &data : &signature))
			continue;
		any = true;
		jsonw_open(&w, '{');
		jsonw_key(&w, "type");
		jsonw_raw(&w, type.value);
		jsonw_key(&w, redacted ? "data" : "thinking");
		jsonw_raw(&w, redacted                       ? data.value
			      : thinking.type == SKIM_STRING ? thinking.value
							     : str_of("\"\""));
		if (!redacted) {
			jsonw_key(&w, "signature");
			jsonw_raw(&w, signature.value);
		}
		jsonw_close(&w, '}');
	}
	return any;
}

/* Some clients keep the blocks among the parts of the content. */
static bool
has_signed_part(const struct skim_value *content)
{
	struct skim_value part, type, signature;
	const struct skim_wanted wanted[] = { { "type", &type },
		{ "signature", &signature } };
	struct skim_iter it;
	struct str key;

	if (content->type != SKIM_ARRAY)
		return false;
	skim_iter_init(&it, content->value);
	while (skim_iter_next(&it, &key, &part) == 1) {
		pick(&part, wanted, ARRAY_LEN(wanted));
		if (skim_string_is(&type, "redacted_thinking") ||
		    (skim_string_is(&type, "thinking") &&
			!pick_is_empty(&signature)))
			return true;
	}
	return false;
}

/* The text of arguments as an object. What a model wrote may be no JSON: it is
   kept as a string, so that the conversation can go on. */
static void
add_arguments(struct turn *t, struct jsonw *w, const struct skim_value *v)
{
	struct str text = str_trim(pick_text(v, t->b->arena));

	jsonw_key(w, "input");
	if (v->type == SKIM_OBJECT) {
		jsonw_raw(w, v->value); /* not OpenAI's form, but meant */
	} else if (text.n == 0) {
		jsonw_raw(w, str_of("{}"));
	} else if (text.p[0] == '{' && skim(text, NULL, 0, NULL, NULL) == 0) {
		jsonw_raw(w, text);
	} else {
		jsonw_open(w, '{');
		jsonw_key(w, "_raw");
		jsonw_str(w, text);
		jsonw_close(w, '}');
	}
}

/*
 * Anthropic refuses a conversation with calls in it when the request brings no
 * tools; OpenAI does not. Should it bring none, these stand in.
 */
static void
note_past_tool(struct anthropic_body *b, struct str quoted_name)
{
	const char *text = arena_printf(b->arena,
	    "{\"name\":" STR_FMT ",\"input_schema\":{\"type\":\"object\","
	    "\"properties\":{}}}",
	    STR_ARG(quoted_name));
	struct jsonw w = { &b->past_tools, b->past_tools.len > 0 };

	if (str_find(buf_str(&b->past_tools), text) < 0)
		jsonw_raw(&w, str_of(text));
}

static int
write_call(struct turn *t, const struct skim_value *call)
{
	struct jsonw w = { &t->blocks, t->blocks.len > 0 };
	struct skim_value id, function, cache_control, name, arguments;
	const struct skim_wanted of_call[] = { { "id", &id },
		{ "function", &function },
		{ "cache_control", &cache_control } };
	const struct skim_wanted of_function[] = { { "name", &name },
		{ "arguments", &arguments } };

	pick(call, of_call, ARRAY_LEN(of_call));
	pick(&function, of_function, ARRAY_LEN(of_function));
	if (pick_is_empty(&name))
		return err_set(t->b->err, ERR_BAD_REQUEST,
		    "%s: a tool call without a function's name cannot be sent "
		    "to Anthropic",
		    t->where);
	note_past_tool(t->b, name.value);
	jsonw_open(&w, '{');
	jsonw_key(&w, "type");
	jsonw_cstr(&w, "tool_use");
	add_id(t, &w, "id", &id);
	jsonw_key(&w, "name");
	jsonw_raw(&w, name.value);
	add_arguments(t, &w, &arguments);
	if (cache_control.type == SKIM_OBJECT) {
		jsonw_key(&w, "cache_control");
		jsonw_raw(&w, cache_control.value);
	}
	jsonw_close(&w, '}');
	return 0;
}

static int
take_assistant(struct turn *t, struct message *m)
{
	const struct skim_value none = { .type = SKIM_ABSENT };
	struct skim_value call;
	struct skim_iter it;
	struct str key;
	bool is_signed;

	take_side(t, SIDE_ASSISTANT);
	is_signed = write_thinking(t, &m->thinking_blocks) ||
		    has_signed_part(&m->content);
	if (t->is_last && m->content.type == SKIM_STRING)
		m->content = trimmed(t, &m->content);
	if (write_content(t, m, &t->blocks) != 0)
		return -1;
	anthropic_text_write(&m->refusal, &none, &t->blocks);
	if (m->tool_calls.type != SKIM_ARRAY || m->tool_calls.count == 0)
		return 0;
	t->b->has_unsigned_calls = !is_signed;
	skim_iter_init(&it, m->tool_calls.value);
	while (skim_iter_next(&it, &key, &call) == 1) {
		if (write_call(t, &call) != 0)
			return -1;
	}
	return 0;
}

/* ---- the other roles --------------------------------------------------- */

static int
take_user(struct turn *t, const struct message *m)
{
	take_side(t, SIDE_USER);
	t->b->has_unsigned_calls = false;
	return write_content(t, m, &t->blocks);
}

static int
take_tool(struct turn *t, const struct message *m)
{
	struct jsonw w;
	struct buf content;

	take_side(t, SIDE_USER);
	buf_init(&content, t->b->work.max);
	if (m->content.type == SKIM_ARRAY &&
	    write_content(t, m, &content) != 0) {
		buf_fini(&content);
		return -1;
	}
	w.out = &t->results;
	w.comma = t->results.len > 0;
	jsonw_open(&w, '{');
	jsonw_key(&w, "type");
	jsonw_cstr(&w, "tool_result");
	add_id(t, &w, "tool_use_id", &m->tool_call_id);
	if (content.len > 0) {
		jsonw_key(&w, "content");
		jsonw_open(&w, '[');
		jsonw_raw(&w, buf_str(&content));
		jsonw_close(&w, ']');
	} else if (!pick_is_empty(&m->content)) {
		jsonw_key(&w, "content");
		jsonw_raw(&w, m->content.value);
	}
	if (m->cache_control.type == SKIM_OBJECT) {
		jsonw_key(&w, "cache_control");
		jsonw_raw(&w, m->cache_control.value);
	}
	jsonw_close(&w, '}');
	buf_fini(&content);
	return 0;
}

static int
take_message(struct turn *t, const struct skim_value *v)
{
	struct skim_value role;
	struct message m;
	const struct skim_wanted wanted[] = { { "role", &role },
		{ "content", &m.content }, { "refusal", &m.refusal },
		{ "tool_calls", &m.tool_calls },
		{ "tool_call_id", &m.tool_call_id },
		{ "thinking_blocks", &m.thinking_blocks },
		{ "cache_control", &m.cache_control } };

	pick(v, wanted, ARRAY_LEN(wanted));
	m.role = pick_text(&role, t->b->arena);
	if (str_is(m.role, "user"))
		return take_user(t, &m);
	if (str_is(m.role, "assistant"))
		return take_assistant(t, &m);
	if (str_is(m.role, "tool"))
		return take_tool(t, &m);
	if (str_is(m.role, "system") || str_is(m.role, "developer"))
		return write_content(t, &m, &t->b->system);
	return err_set(t->b->err, ERR_BAD_REQUEST,
	    "%s: role \"%.40s\" has no counterpart at Anthropic", t->where,
	    arena_strndup(t->b->arena, m.role.p, m.role.n));
}

/* For errors: "messages[3]". */
static void
name_place(struct turn *t, size_t i)
{
	static const char name[] = "messages[";
	char *p = t->where + sizeof(name) - 1;

	_Static_assert(sizeof(name) + NUM_TEXT_BYTES < WHERE_BYTES, "room");
	memcpy(t->where, name, sizeof(name) - 1);
	p += num_format_uint(i, p);
	memcpy(p, "]", 2);
}

int
anthropic_turns_write(struct anthropic_body *b)
{
	struct turn t = { .b = b };
	struct skim_iter it;
	struct skim_value v;
	struct str key;
	size_t i = 0;
	int result = 0;

	buf_init(&t.results, b->turns.max);
	buf_init(&t.blocks, b->turns.max);
	skim_iter_init(&it, b->r->messages.value);
	while (result == 0 && skim_iter_next(&it, &key, &v) == 1) {
		name_place(&t, i++);
		t.is_last = i == b->r->messages.count;
		result = take_message(&t, &v);
	}
	end_turn(&t);
	/* Instructions alone are a conversation for OpenAI, not here. */
	if (b->turns.len == 0)
		buf_add_cstr(&b->turns,
		    "{\"role\":\"user\",\"content\":\".\"}");
	b->turns.overflowed |= t.results.overflowed || t.blocks.overflowed;
	buf_fini(&t.results);
	buf_fini(&t.blocks);
	return result;
}
