/*
 * Input items as chat messages. See responses_chat.h.
 *
 * What the model said stands in several items (reasoning, message, calls); a
 * chat has one message for it. So such items are gathered until one of another
 * side comes. Images in a call's output cannot stand in a tool message and
 * follow as the user's, behind all outputs.
 */
#include "wire/responses/responses_chat.h"

#include "wire/openai/openai_params.h"
#include "wire/responses/responses_output.h"

#define WHERE_BYTES 32

struct gathering {
	struct responses_chat *m;
	char where[WHERE_BYTES];
	bool any; /* messages are written */
	/* The assistant's, not written yet. Texts are without quotes. */
	bool has_assistant;
	struct buf text, reasoning, thinking, calls;
	/* The user's, behind the outputs of calls. */
	struct buf later;
};

/* A message's content while its parts are read. */
struct content {
	struct buf parts; /* comma separated */
	struct buf text;  /* all texts, without quotes, for one string */
	size_t count;
	bool only_text;
};

static void
open_gathering(struct gathering *g, struct responses_chat *m)
{
	memset(g, 0, sizeof(*g));
	g->m = m;
	buf_init(&g->text, m->out.max);
	buf_init(&g->reasoning, m->out.max);
	buf_init(&g->thinking, m->out.max);
	buf_init(&g->calls, m->out.max);
	buf_init(&g->later, m->out.max);
}

static void
close_gathering(struct gathering *g)
{
	g->m->out.overflowed |= g->text.overflowed || g->reasoning.overflowed ||
				g->thinking.overflowed || g->calls.overflowed ||
				g->later.overflowed;
	buf_fini(&g->text);
	buf_fini(&g->reasoning);
	buf_fini(&g->thinking);
	buf_fini(&g->calls);
	buf_fini(&g->later);
}

static void
open_content(struct content *c, const struct gathering *g)
{
	memset(c, 0, sizeof(*c));
	c->only_text = true;
	buf_init(&c->parts, g->m->out.max);
	buf_init(&c->text, g->m->out.max);
}

static void
close_content(struct content *c, struct gathering *g)
{
	g->m->out.overflowed |= c->parts.overflowed || c->text.overflowed;
	buf_fini(&c->parts);
	buf_fini(&c->text);
}

static void
add_inside(const struct skim_value *v, struct buf *out)
{
	if (v->type == SKIM_STRING)
		buf_add(out, v->value.p + 1, v->value.n - 2);
}

/* One more text behind others of the same message. */
static void
add_paragraph(const struct skim_value *v, struct buf *out)
{
	if (pick_is_empty(v))
		return;
	if (out->len > 0)
		buf_add_cstr(out, "\\n\\n");
	add_inside(v, out);
}

static void
write_inside(struct jsonw *w, const char *key, const struct buf *inside)
{
	jsonw_key(w, key);
	jsonw_raw(w, str_of("\""));
	buf_add_str(w->out, buf_str(inside));
	buf_add_char(w->out, '"');
}

static int
no_counterpart(struct gathering *g, const struct skim_value *type,
    const char *what)
{
	struct str name = pick_text(type, g->m->arena);

	return err_set(g->m->err, ERR_BAD_REQUEST,
	    "%s: %s of type \"%.*s\" has no counterpart at this model's "
	    "provider (%s)",
	    g->where, what, name.n > 40 ? 40 : (int)name.n, name.p,
	    g->m->provider);
}

/* ---- the assistant's message -------------------------------------------- */

static void
clear_assistant(struct gathering *g)
{
	g->has_assistant = false;
	buf_clear(&g->text);
	buf_clear(&g->reasoning);
	buf_clear(&g->thinking);
	buf_clear(&g->calls);
}

/* Thinking alone is no message: what is left of a turn that was cut off goes
   with it. */
static void
flush_assistant(struct gathering *g)
{
	struct jsonw *w = &g->m->w;

	if (!g->has_assistant) {
		clear_assistant(g);
		return;
	}
	g->any = true;
	jsonw_open(w, '{');
	jsonw_key(w, "role");
	jsonw_cstr(w, "assistant");
	if (g->text.len > 0 || g->calls.len == 0) {
		write_inside(w, "content", &g->text);
	} else {
		jsonw_key(w, "content");
		jsonw_null(w);
	}
	if (g->reasoning.len > 0 && param_takes_reasoning(g->m->provider))
		write_inside(w, "reasoning_content", &g->reasoning);
	if (g->thinking.len > 0) {
		jsonw_key(w, "thinking_blocks");
		jsonw_open(w, '[');
		jsonw_raw(w, buf_str(&g->thinking));
		jsonw_close(w, ']');
	}
	if (g->calls.len > 0) {
		jsonw_key(w, "tool_calls");
		jsonw_open(w, '[');
		jsonw_raw(w, buf_str(&g->calls));
		jsonw_close(w, ']');
	}
	jsonw_close(w, '}');
	clear_assistant(g);
}

static void
flush_later(struct gathering *g)
{
	struct jsonw *w = &g->m->w;

	if (g->later.len == 0)
		return;
	g->any = true;
	jsonw_open(w, '{');
	jsonw_key(w, "role");
	jsonw_cstr(w, "user");
	jsonw_key(w, "content");
	jsonw_open(w, '[');
	jsonw_raw(w, buf_str(&g->later));
	jsonw_close(w, ']');
	jsonw_close(w, '}');
	buf_clear(&g->later);
}

/* The texts of a reasoning item: what was thought, else its summary. */
static void
join_texts(const struct skim_value *list, struct buf *out)
{
	struct skim_iter it;
	struct skim_value v;
	struct str key;

	if (list->type != SKIM_ARRAY)
		return;
	skim_iter_init(&it, list->value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		v = pick_one(&v, "text");
		add_paragraph(&v, out);
	}
}

/* Behind the mark: what the provider gave, to be given back to it. */
static bool
take_seal(const struct skim_value *v, const char *mark, struct str *seal_r)
{
	struct str inside;

	if (v->type != SKIM_STRING)
		return false;
	inside = str_make(v->value.p + 1, v->value.n - 2);
	if (!str_starts(inside, mark))
		return false;
	*seal_r = str_make(inside.p + strlen(mark), inside.n - strlen(mark));
	return true;
}

static void
add_thinking(struct gathering *g, const struct buf *text,
    const struct skim_value *encrypted)
{
	struct buf *out = &g->thinking;
	struct str seal;

	if (take_seal(encrypted, SEAL_SIGNATURE, &seal)) {
		buf_add_cstr(out, out->len > 0 ? "," : "");
		buf_add_cstr(out, "{\"type\":\"thinking\",\"thinking\":\"");
		buf_add_str(out, buf_str(text));
		buf_add_cstr(out, "\",\"signature\":\"");
	} else if (take_seal(encrypted, SEAL_REDACTED, &seal)) {
		buf_add_cstr(out, out->len > 0 ? "," : "");
		buf_add_cstr(out,
		    "{\"type\":\"redacted_thinking\",\"data\":\"");
	} else {
		return;
	}
	buf_add_str(out, seal);
	buf_add_cstr(out, "\"}");
}

static int
take_reasoning(struct gathering *g, const struct skim_value *item)
{
	struct skim_value content, summary, encrypted;
	const struct skim_wanted wanted[] = { { "content", &content },
		{ "summary", &summary }, { "encrypted_content", &encrypted } };
	struct buf text;

	pick(item, wanted, ARRAY_LEN(wanted));
	flush_later(g);
	buf_init(&text, g->m->out.max);
	join_texts(&content, &text);
	if (text.len == 0)
		join_texts(&summary, &text);
	if (g->reasoning.len > 0 && text.len > 0)
		buf_add_cstr(&g->reasoning, "\\n\\n");
	buf_add_str(&g->reasoning, buf_str(&text));
	add_thinking(g, &text, &encrypted);
	if (g->thinking.len > 0)
		g->has_assistant = true;
	buf_fini(&text);
	return 0;
}

static int
take_call(struct gathering *g, const struct skim_value *item)
{
	struct skim_value id, name, arguments;
	const struct skim_wanted wanted[] = { { "call_id", &id },
		{ "name", &name }, { "arguments", &arguments } };
	struct jsonw w = { &g->calls, g->calls.len > 0 };
	struct str empty = str_of("\"\"");

	pick(item, wanted, ARRAY_LEN(wanted));
	if (id.type != SKIM_STRING || name.type != SKIM_STRING)
		return err_set(g->m->err, ERR_BAD_REQUEST,
		    "%s: a function_call needs call_id and name", g->where);
	flush_later(g);
	g->has_assistant = true;
	jsonw_open(&w, '{');
	jsonw_key(&w, "id");
	jsonw_raw(&w, id.value);
	jsonw_key(&w, "type");
	jsonw_cstr(&w, "function");
	jsonw_key(&w, "function");
	jsonw_open(&w, '{');
	jsonw_key(&w, "name");
	jsonw_raw(&w, name.value);
	jsonw_key(&w, "arguments");
	jsonw_raw(&w, arguments.type == SKIM_STRING ? arguments.value : empty);
	jsonw_close(&w, '}');
	jsonw_close(&w, '}');
	return 0;
}

/* ---- parts -------------------------------------------------------------- */

static void
open_part(struct content *c, const char *type, struct jsonw *w)
{
	c->count++;
	w->out = &c->parts;
	w->comma = c->parts.len > 0;
	jsonw_open(w, '{');
	jsonw_key(w, "type");
	jsonw_cstr(w, type);
}

static void
add_text(struct content *c, const struct skim_value *text)
{
	struct jsonw w;

	if (pick_is_empty(text))
		return;
	open_part(c, "text", &w);
	jsonw_key(&w, "text");
	jsonw_raw(&w, text->value);
	jsonw_close(&w, '}');
	add_paragraph(text, &c->text);
}

static int
needs_file(struct gathering *g, const char *what)
{
	return err_set(g->m->err, ERR_BAD_REQUEST,
	    "%s: %s by file_id or file_url cannot be sent to %s: put the data "
	    "in as a data: URL",
	    g->where, what, g->m->provider);
}

static int
add_image(struct gathering *g, const struct skim_value *part, struct content *c)
{
	struct skim_value url = pick_one(part, "image_url");
	struct skim_value detail = pick_one(part, "detail");
	struct jsonw w;

	if (pick_is_empty(&url))
		return needs_file(g, "an image");
	c->only_text = false;
	open_part(c, "image_url", &w);
	jsonw_key(&w, "image_url");
	jsonw_open(&w, '{');
	jsonw_key(&w, "url");
	jsonw_raw(&w, url.value);
	if (detail.type == SKIM_STRING) {
		jsonw_key(&w, "detail");
		jsonw_raw(&w, detail.value);
	}
	jsonw_close(&w, '}');
	jsonw_close(&w, '}');
	return 0;
}

static int
add_file(struct gathering *g, const struct skim_value *part, struct content *c)
{
	struct skim_value data = pick_one(part, "file_data");
	struct skim_value name = pick_one(part, "filename");
	struct jsonw w;

	if (pick_is_empty(&data))
		return needs_file(g, "a file");
	c->only_text = false;
	open_part(c, "file", &w);
	jsonw_key(&w, "file");
	jsonw_open(&w, '{');
	jsonw_key(&w, "filename");
	jsonw_raw(&w,
	    pick_is_empty(&name) ? str_of("\"document.pdf\"") : name.value);
	jsonw_key(&w, "file_data");
	jsonw_raw(&w, data.value);
	jsonw_close(&w, '}');
	jsonw_close(&w, '}');
	return 0;
}

static int
add_part(struct gathering *g, const struct skim_value *part, struct content *c)
{
	struct skim_value type = pick_one(part, "type"), v;

	if (skim_string_is(&type, "input_text") ||
	    skim_string_is(&type, "output_text") ||
	    skim_string_is(&type, "text")) {
		v = pick_one(part, "text");
		add_text(c, &v);
		return 0;
	}
	if (skim_string_is(&type, "refusal")) {
		v = pick_one(part, "refusal");
		add_text(c, &v);
		return 0;
	}
	if (skim_string_is(&type, "input_image"))
		return add_image(g, part, c);
	if (skim_string_is(&type, "input_file"))
		return add_file(g, part, c);
	if (skim_string_is(&type, "input_audio")) {
		c->count++;
		c->only_text = false;
		buf_add_cstr(&c->parts, c->parts.len > 0 ? "," : "");
		buf_add_str(&c->parts, part->value); /* a chat's has its form */
		return 0;
	}
	return no_counterpart(g, &type, "content");
}

/* A string or a list of parts. */
static int
read_content(struct gathering *g, const struct skim_value *content,
    struct content *c)
{
	struct skim_iter it;
	struct skim_value v;
	struct str key;

	if (content->type == SKIM_STRING)
		add_text(c, content);
	if (content->type != SKIM_ARRAY)
		return 0;
	skim_iter_init(&it, content->value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		if (add_part(g, &v, c) != 0)
			return -1;
	}
	return 0;
}

/* ---- messages and outputs ----------------------------------------------- */

static void
write_message(struct gathering *g, const char *role, const struct content *c)
{
	struct jsonw *w = &g->m->w;

	flush_assistant(g);
	flush_later(g);
	g->any = true;
	jsonw_open(w, '{');
	jsonw_key(w, "role");
	jsonw_cstr(w, role);
	if (c->only_text) {
		write_inside(w, "content", &c->text);
	} else {
		jsonw_key(w, "content");
		jsonw_open(w, '[');
		jsonw_raw(w, buf_str(&c->parts));
		jsonw_close(w, ']');
	}
	jsonw_close(w, '}');
}

static int
take_message(struct gathering *g, const struct skim_value *item)
{
	struct skim_value role = pick_one(item, "role");
	struct skim_value content = pick_one(item, "content");
	const char *name = NULL;
	struct content c;
	int result;

	if (skim_string_is(&role, "user"))
		name = "user";
	else if (skim_string_is(&role, "system") ||
		 skim_string_is(&role, "developer"))
		name = "system";
	else if (!skim_string_is(&role, "assistant"))
		return err_set(g->m->err, ERR_BAD_REQUEST,
		    "%s: role must be user, assistant, system or developer",
		    g->where);
	open_content(&c, g);
	result = read_content(g, &content, &c);
	if (result == 0 && name != NULL) {
		write_message(g, name, &c);
	} else if (result == 0 && !c.only_text) {
		result = err_set(g->m->err, ERR_BAD_REQUEST,
		    "%s: an assistant's message holds text only", g->where);
	} else if (result == 0) {
		flush_later(g);
		g->has_assistant = true;
		if (g->text.len > 0 && c.text.len > 0)
			buf_add_cstr(&g->text, "\\n\\n");
		buf_add_str(&g->text, buf_str(&c.text));
	}
	close_content(&c, g);
	return result;
}

/* The text of a call's output; images and files in it come later. */
static int
take_output(struct gathering *g, const struct skim_value *item)
{
	struct skim_value id = pick_one(item, "call_id");
	struct skim_value output = pick_one(item, "output");
	struct jsonw *w = &g->m->w;
	struct content c;
	int result;

	if (id.type != SKIM_STRING)
		return err_set(g->m->err, ERR_BAD_REQUEST,
		    "%s: a function_call_output needs call_id", g->where);
	open_content(&c, g);
	result = read_content(g, &output, &c);
	if (result == 0) {
		flush_assistant(g);
		g->any = true;
		jsonw_open(w, '{');
		jsonw_key(w, "role");
		jsonw_cstr(w, "tool");
		jsonw_key(w, "tool_call_id");
		jsonw_raw(w, id.value);
		write_inside(w, "content", &c.text);
		jsonw_close(w, '}');
		if (!c.only_text) {
			buf_add_cstr(&g->later, g->later.len > 0 ? "," : "");
			buf_add_str(&g->later, buf_str(&c.parts));
		}
	}
	close_content(&c, g);
	return result;
}

static int
take_item(struct gathering *g, const struct skim_value *item)
{
	struct skim_value type = pick_one(item, "type");

	if (item->type != SKIM_OBJECT)
		return err_set(g->m->err, ERR_BAD_REQUEST,
		    "%s: must be an object", g->where);
	if (type.type == SKIM_ABSENT || skim_string_is(&type, "message"))
		return take_message(g, item);
	if (skim_string_is(&type, "function_call"))
		return take_call(g, item);
	if (skim_string_is(&type, "function_call_output"))
		return take_output(g, item);
	if (skim_string_is(&type, "reasoning"))
		return take_reasoning(g, item);
	if (skim_string_is(&type, "item_reference"))
		return err_set(g->m->err, ERR_BAD_REQUEST,
		    "%s: an item_reference needs a provider that keeps "
		    "responses, which %s does not: send the item itself",
		    g->where, g->m->provider);
	/* What a tool of the API's own did: with drop_params the conversation
	   goes on without it. */
	if (g->m->drop)
		return 0;
	return no_counterpart(g, &type, "an item");
}

/* ---- all of them -------------------------------------------------------- */

static int
take_items(struct gathering *g)
{
	const struct skim_value *input = &g->m->r->messages;
	struct content c;
	struct skim_iter it;
	struct skim_value v;
	struct str key;
	size_t i = 0;

	if (input->type == SKIM_STRING) {
		open_content(&c, g);
		add_text(&c, input);
		write_message(g, "user", &c);
		close_content(&c, g);
		return 0;
	}
	if (input->type != SKIM_ARRAY)
		return 0;
	skim_iter_init(&it, input->value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		snprintf(g->where, sizeof(g->where), "input[%zu]", i++);
		if (take_item(g, &v) != 0)
			return -1;
	}
	return 0;
}

int
responses_items_write(struct responses_chat *m)
{
	const struct wire_member *instructions =
	    wire_request_member(m->r, str_of("instructions"));
	struct jsonw *w = &m->w;
	struct gathering g;
	int result;

	if (instructions != NULL && instructions->at.type != SKIM_STRING &&
	    instructions->at.type != SKIM_NULL)
		return err_set(m->err, ERR_BAD_REQUEST,
		    "'instructions' must be a string");
	jsonw_key(w, "messages");
	jsonw_open(w, '[');
	if (instructions != NULL && !pick_is_empty(&instructions->at)) {
		jsonw_open(w, '{');
		jsonw_key(w, "role");
		jsonw_cstr(w, "system");
		jsonw_key(w, "content");
		jsonw_raw(w, instructions->at.value);
		jsonw_close(w, '}');
	}
	open_gathering(&g, m);
	result = take_items(&g);
	if (result == 0) {
		flush_assistant(&g);
		flush_later(&g);
	}
	if (result == 0 && !g.any)
		result = err_set(m->err, ERR_BAD_REQUEST,
		    "'input' is missing or has nothing in it");
	close_gathering(&g);
	jsonw_close(w, ']');
	return result;
}
