/*
 * Anthropic's turns as chat messages. See messages_chat.h.
 *
 * A user's turn that answers tool calls becomes one message of role tool per
 * result, in order and before its other content; images in results cannot
 * stand there and follow as the user's.
 */
#include "wire/messages/messages_chat.h"

#include "wire/openai/openai_params.h"

#define WHERE_BYTES 32

/* One turn while its blocks are read. Texts are kept without quotes. */
struct turn {
	struct messages_chat *m;
	char where[WHERE_BYTES];
	struct buf parts; /* of a user's content, comma separated */
	size_t part_count;
	bool only_text;       /* all parts are text */
	struct str last_text; /* the last part's text, when it is text */
	struct buf text, reasoning, calls; /* the assistant's */
};

static void
open_turn(struct turn *t, struct messages_chat *m)
{
	memset(t, 0, sizeof(*t));
	t->m = m;
	t->only_text = true;
	buf_init(&t->parts, m->out.max);
	buf_init(&t->text, m->out.max);
	buf_init(&t->reasoning, m->out.max);
	buf_init(&t->calls, m->out.max);
}

static void
close_turn(struct turn *t)
{
	t->m->out.overflowed |= t->parts.overflowed || t->text.overflowed ||
				t->reasoning.overflowed || t->calls.overflowed;
	buf_fini(&t->parts);
	buf_fini(&t->text);
	buf_fini(&t->reasoning);
	buf_fini(&t->calls);
}

static int
no_counterpart(struct turn *t, const struct skim_value *type)
{
	struct str name = pick_text(type, t->m->arena);

	return err_set(t->m->err, ERR_BAD_REQUEST,
	    "%s: content of type \"%.40s\" has no counterpart at this model's "
	    "provider",
	    t->where, arena_strndup(t->m->arena, name.p, name.n));
}

static void
add_inside(const struct skim_value *v, struct buf *out)
{
	if (v->type == SKIM_STRING)
		buf_add(out, v->value.p + 1, v->value.n - 2);
}

/* ---- parts of a user's content ----------------------------------------- */

static void
open_part(struct turn *t, const char *type, struct jsonw *w)
{
	t->part_count++;
	w->out = &t->parts;
	w->comma = t->parts.len > 0;
	jsonw_open(w, '{');
	jsonw_key(w, "type");
	jsonw_cstr(w, type);
}

static void
add_text_part(struct turn *t, const struct skim_value *text)
{
	struct jsonw w;

	if (pick_is_empty(text))
		return;
	open_part(t, "text", &w);
	jsonw_key(&w, "text");
	jsonw_raw(&w, text->value);
	jsonw_close(&w, '}');
	t->last_text = text->value;
}

/* "data:TYPE;base64,DATA" */
static void
write_data_url(const struct skim_value *media, const struct skim_value *data,
    struct jsonw *w)
{
	jsonw_raw(w, str_of("\"data:"));
	add_inside(media, w->out);
	buf_add_cstr(w->out, ";base64,");
	add_inside(data, w->out);
	buf_add_char(w->out, '"');
}

struct source {
	struct skim_value type, media, data, url, content;
};

static void
read_source(const struct skim_value *block, struct source *s)
{
	struct skim_value source = pick_one(block, "source");
	const struct skim_wanted wanted[] = { { "type", &s->type },
		{ "media_type", &s->media }, { "data", &s->data },
		{ "url", &s->url }, { "content", &s->content } };

	pick(&source, wanted, ARRAY_LEN(wanted));
}

static int
add_image(struct turn *t, const struct skim_value *block)
{
	struct source s;
	struct jsonw w;
	bool by_url;

	read_source(block, &s);
	by_url = skim_string_is(&s.type, "url");
	if (!by_url && !skim_string_is(&s.type, "base64"))
		return err_set(t->m->err, ERR_BAD_REQUEST,
		    "%s: an image must come as base64 or by url", t->where);
	t->only_text = false;
	open_part(t, "image_url", &w);
	jsonw_key(&w, "image_url");
	jsonw_open(&w, '{');
	jsonw_key(&w, "url");
	if (by_url)
		jsonw_raw(&w,
		    s.url.type == SKIM_STRING ? s.url.value : str_of("\"\""));
	else
		write_data_url(&s.media, &s.data, &w);
	jsonw_close(&w, '}');
	jsonw_close(&w, '}');
	return 0;
}

static int add_blocks(struct turn *t, const struct skim_value *content);

static int
add_document(struct turn *t, const struct skim_value *block)
{
	struct skim_value title = pick_one(block, "title");
	struct source s;
	struct jsonw w;

	read_source(block, &s);
	if (skim_string_is(&s.type, "text")) {
		add_text_part(t, &s.data);
		return 0;
	}
	if (skim_string_is(&s.type, "content"))
		return add_blocks(t, &s.content);
	if (!skim_string_is(&s.type, "base64"))
		return err_set(t->m->err, ERR_BAD_REQUEST,
		    "%s: a document must come as base64 or text", t->where);
	t->only_text = false;
	open_part(t, "file", &w);
	jsonw_key(&w, "file");
	jsonw_open(&w, '{');
	jsonw_key(&w, "filename");
	jsonw_raw(&w,
	    pick_is_empty(&title) ? str_of("\"document.pdf\"") : title.value);
	jsonw_key(&w, "file_data");
	write_data_url(&s.media, &s.data, &w);
	jsonw_close(&w, '}');
	jsonw_close(&w, '}');
	return 0;
}

/* ---- tool results ------------------------------------------------------ */

/* A result's text; what else it holds goes behind the results. */
static int
add_result_block(struct turn *t, const struct skim_value *block,
    struct buf *text)
{
	struct skim_value type = pick_one(block, "type");
	struct skim_value v = pick_one(block, "text");

	if (skim_string_is(&type, "image"))
		return add_image(t, block);
	if (skim_string_is(&type, "document"))
		return add_document(t, block);
	if (!skim_string_is(&type, "text")) {
		/* Search results and what may come: as they are, in words. */
		jsonw_escape(text, block->value);
		return 0;
	}
	if (text->len > 0)
		buf_add_cstr(text, "\\n\\n");
	add_inside(&v, text);
	return 0;
}

static int
add_result(struct turn *t, const struct skim_value *block)
{
	struct messages_chat *m = t->m;
	struct skim_value content = pick_one(block, "content"), v;
	struct skim_value id = pick_one(block, "tool_use_id");
	struct skim_iter it;
	struct buf text;
	struct str key;
	int result = 0;

	buf_init(&text, m->out.max);
	add_inside(&content, &text);
	if (content.type == SKIM_ARRAY) {
		skim_iter_init(&it, content.value);
		while (result == 0 && skim_iter_next(&it, &key, &v) == 1)
			result = add_result_block(t, &v, &text);
	}
	jsonw_open(&m->w, '{');
	jsonw_key(&m->w, "role");
	jsonw_cstr(&m->w, "tool");
	jsonw_key(&m->w, "tool_call_id");
	jsonw_raw(&m->w, id.type == SKIM_STRING ? id.value : str_of("\"\""));
	jsonw_key(&m->w, "content");
	jsonw_raw(&m->w, str_of("\""));
	buf_add_str(&m->out, buf_str(&text));
	buf_add_char(&m->out, '"');
	jsonw_close(&m->w, '}');
	m->out.overflowed |= text.overflowed;
	buf_fini(&text);
	return result;
}

/* ---- the user ---------------------------------------------------------- */

static int
add_user_block(struct turn *t, const struct skim_value *block)
{
	struct skim_value type = pick_one(block, "type");
	struct skim_value text = pick_one(block, "text");

	if (skim_string_is(&type, "tool_result"))
		return 0; /* in front already */
	if (skim_string_is(&type, "image"))
		return add_image(t, block);
	if (skim_string_is(&type, "document"))
		return add_document(t, block);
	if (!skim_string_is(&type, "text"))
		return no_counterpart(t, &type);
	add_text_part(t, &text);
	return 0;
}

/* Content blocks, or a string for one of text. */
static int
add_blocks(struct turn *t, const struct skim_value *content)
{
	struct skim_iter it;
	struct skim_value v;
	struct str key;

	if (content->type == SKIM_STRING)
		add_text_part(t, content);
	if (content->type != SKIM_ARRAY)
		return 0;
	skim_iter_init(&it, content->value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		if (add_user_block(t, &v) != 0)
			return -1;
	}
	return 0;
}

static int
add_results(struct turn *t, const struct skim_value *content, bool *any_r)
{
	struct skim_iter it;
	struct skim_value v;
	struct str key;

	*any_r = false;
	if (content->type != SKIM_ARRAY)
		return 0;
	skim_iter_init(&it, content->value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		struct skim_value type = pick_one(&v, "type");

		if (!skim_string_is(&type, "tool_result"))
			continue;
		*any_r = true;
		if (add_result(t, &v) != 0)
			return -1;
	}
	return 0;
}

/* role user or system, with what t->parts holds. */
static void
write_parts(struct turn *t, const char *role)
{
	struct jsonw *w = &t->m->w;

	jsonw_open(w, '{');
	jsonw_key(w, "role");
	jsonw_cstr(w, role);
	jsonw_key(w, "content");
	if (t->part_count == 0) {
		jsonw_cstr(w, "");
	} else if (t->part_count == 1 && t->only_text) {
		jsonw_raw(w, t->last_text);
	} else {
		jsonw_open(w, '[');
		jsonw_raw(w, buf_str(&t->parts));
		jsonw_close(w, ']');
	}
	jsonw_close(w, '}');
}

static int
write_user(struct turn *t, const struct skim_value *content)
{
	bool any_results;

	if (add_results(t, content, &any_results) != 0 ||
	    add_blocks(t, content) != 0)
		return -1;
	if (t->part_count > 0 || !any_results)
		write_parts(t, "user");
	return 0;
}

/* ---- the assistant ----------------------------------------------------- */

static void
add_call(struct turn *t, const struct skim_value *block)
{
	struct jsonw w = { &t->calls, t->calls.len > 0 };
	struct skim_value id, name, input;
	const struct skim_wanted wanted[] = { { "id", &id }, { "name", &name },
		{ "input", &input } };
	struct buf compact;

	pick(block, wanted, ARRAY_LEN(wanted));
	buf_init(&compact, t->m->out.max);
	pick_compact(input.type == SKIM_OBJECT ? input.value : str_of("{}"),
	    &compact);
	jsonw_open(&w, '{');
	jsonw_key(&w, "id");
	jsonw_raw(&w, id.type == SKIM_STRING ? id.value : str_of("\"\""));
	jsonw_key(&w, "type");
	jsonw_cstr(&w, "function");
	jsonw_key(&w, "function");
	jsonw_open(&w, '{');
	jsonw_key(&w, "name");
	jsonw_raw(&w, name.type == SKIM_STRING ? name.value : str_of("\"\""));
	jsonw_key(&w, "arguments");
	jsonw_str(&w, buf_str(&compact));
	jsonw_close(&w, '}');
	jsonw_close(&w, '}');
	buf_fini(&compact);
}

/* Blocks of a provider's own tools and redacted thinking are for that provider
   alone and are left out. */
static void
add_assistant_block(struct turn *t, const struct skim_value *block)
{
	struct skim_value type, text, thinking;
	const struct skim_wanted wanted[] = { { "type", &type },
		{ "text", &text }, { "thinking", &thinking } };

	pick(block, wanted, ARRAY_LEN(wanted));
	if (skim_string_is(&type, "text"))
		add_inside(&text, &t->text);
	else if (skim_string_is(&type, "thinking"))
		add_inside(&thinking, &t->reasoning);
	else if (skim_string_is(&type, "tool_use"))
		add_call(t, block);
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
write_assistant(struct turn *t, const struct skim_value *content)
{
	struct jsonw *w = &t->m->w;
	struct skim_iter it;
	struct skim_value v;
	struct str key;

	add_inside(content, &t->text);
	if (content->type == SKIM_ARRAY) {
		skim_iter_init(&it, content->value);
		while (skim_iter_next(&it, &key, &v) == 1)
			add_assistant_block(t, &v);
	}
	jsonw_open(w, '{');
	jsonw_key(w, "role");
	jsonw_cstr(w, "assistant");
	if (t->text.len > 0 || t->calls.len == 0) {
		write_inside(w, "content", &t->text);
	} else {
		jsonw_key(w, "content");
		jsonw_null(w);
	}
	if (t->reasoning.len > 0 && param_takes_reasoning(t->m->provider))
		write_inside(w, "reasoning_content", &t->reasoning);
	if (t->calls.len > 0) {
		jsonw_key(w, "tool_calls");
		jsonw_open(w, '[');
		jsonw_raw(w, buf_str(&t->calls));
		jsonw_close(w, ']');
	}
	jsonw_close(w, '}');
	return 0;
}

/* ---- all of them ------------------------------------------------------- */

/* Instructions are one text: not every server takes a list of them. */
static int
write_system(struct messages_chat *m, const struct skim_value *content)
{
	struct skim_iter it;
	struct skim_value v, text;
	struct buf joined;
	struct str key;

	buf_init(&joined, m->out.max);
	add_inside(content, &joined);
	if (content->type == SKIM_ARRAY) {
		skim_iter_init(&it, content->value);
		while (skim_iter_next(&it, &key, &v) == 1) {
			text = pick_one(&v, "text");
			if (pick_is_empty(&text))
				continue;
			if (joined.len > 0)
				buf_add_cstr(&joined, "\\n\\n");
			add_inside(&text, &joined);
		}
	}
	if (joined.len > 0) {
		jsonw_open(&m->w, '{');
		jsonw_key(&m->w, "role");
		jsonw_cstr(&m->w, "system");
		write_inside(&m->w, "content", &joined);
		jsonw_close(&m->w, '}');
	}
	m->out.overflowed |= joined.overflowed;
	buf_fini(&joined);
	return 0;
}

static int
write_message(struct messages_chat *m, const struct skim_value *v, size_t i)
{
	struct skim_value role, content;
	const struct skim_wanted wanted[] = { { "role", &role },
		{ "content", &content } };
	struct turn t;
	int result;

	pick(v, wanted, ARRAY_LEN(wanted));
	if (skim_string_is(&role, "system"))
		return write_system(m, &content);
	open_turn(&t, m);
	snprintf(t.where, sizeof(t.where), "messages[%zu]", i);
	if (skim_string_is(&role, "user"))
		result = write_user(&t, &content);
	else if (skim_string_is(&role, "assistant"))
		result = write_assistant(&t, &content);
	else
		result = err_set(m->err, ERR_BAD_REQUEST,
		    "%s: role must be user, assistant or system", t.where);
	close_turn(&t);
	return result;
}

int
messages_turns_write(struct messages_chat *m)
{
	const struct wire_member *system =
	    wire_request_member(m->r, str_of("system"));
	struct skim_iter it;
	struct skim_value v;
	struct str key;
	size_t i = 0;

	jsonw_key(&m->w, "messages");
	jsonw_open(&m->w, '[');
	if (system != NULL && write_system(m, &system->at) != 0)
		return -1;
	skim_iter_init(&it, m->r->messages.value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		if (write_message(m, &v, i++) != 0)
			return -1;
	}
	jsonw_close(&m->w, ']');
	return 0;
}
