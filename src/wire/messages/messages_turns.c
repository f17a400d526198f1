/*
 * Anthropic's turns as chat messages. See messages_chat.h.
 *
 * A user's turn that answers tool calls becomes one message of role tool per
 * result, in order and before its other content; images in results cannot
 * stand there and follow as the user's.
 */
#include "wire/messages/messages_chat.h"

#include "wire/openai/chat_turn.h"

#define WHERE_BYTES 32

/* One turn while its blocks are read. */
struct turn {
	struct chat_draft *d;
	char where[WHERE_BYTES];
	struct chat_parts parts; /* of a user's content */
	struct chat_assistant said;
};

static void
open_turn(struct turn *t, struct chat_draft *d)
{
	t->d = d;
	chat_parts_init(&t->parts, d);
	chat_assistant_init(&t->said, d);
}

static void
close_turn(struct turn *t)
{
	chat_parts_fini(&t->parts, t->d);
	chat_assistant_fini(&t->said, t->d);
}

static int
no_counterpart(struct turn *t, const struct skim_value *type)
{
	struct str name = pick_text(type, t->d->arena);

	return err_set(t->d->err, ERR_BAD_REQUEST,
	    "%s: content of type \"%.40s\" has no counterpart at this model's "
	    "provider",
	    t->where, arena_strndup(t->d->arena, name.p, name.n));
}

/* ---- parts of a user's content ----------------------------------------- */

/* "data:TYPE;base64,DATA" */
static struct str
data_url(const struct skim_value *media, const struct skim_value *data,
    struct buf *out)
{
	buf_add_cstr(out, "\"data:");
	buf_add_str(out, pick_inside(media));
	buf_add_cstr(out, ";base64,");
	buf_add_str(out, pick_inside(data));
	buf_add_char(out, '"');
	return buf_str(out);
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
add_image(struct turn *t, const struct skim_value *block,
    struct chat_parts *parts)
{
	const struct skim_value none = { .type = SKIM_ABSENT };
	struct source s;
	struct buf url;

	read_source(block, &s);
	if (skim_string_is(&s.type, "url") && s.url.type == SKIM_STRING) {
		chat_parts_image(parts, s.url.value, &none);
		return 0;
	}
	if (!skim_string_is(&s.type, "base64"))
		return err_set(t->d->err, ERR_BAD_REQUEST,
		    "%s: an image must come as base64 or by url", t->where);
	buf_init(&url, t->d->out.max);
	chat_parts_image(parts, data_url(&s.media, &s.data, &url), &none);
	buf_fini(&url);
	return 0;
}

static int add_blocks(struct turn *t, const struct skim_value *content,
    struct chat_parts *parts);

static int
add_document(struct turn *t, const struct skim_value *block,
    struct chat_parts *parts)
{
	struct skim_value title = pick_one(block, "title");
	struct source s;
	struct buf url;

	read_source(block, &s);
	if (skim_string_is(&s.type, "text")) {
		chat_parts_text(parts, &s.data);
		return 0;
	}
	if (skim_string_is(&s.type, "content"))
		return add_blocks(t, &s.content, parts);
	if (!skim_string_is(&s.type, "base64"))
		return err_set(t->d->err, ERR_BAD_REQUEST,
		    "%s: a document must come as base64 or text", t->where);
	buf_init(&url, t->d->out.max);
	chat_parts_file(parts, &title, data_url(&s.media, &s.data, &url));
	buf_fini(&url);
	return 0;
}

static int
add_block(struct turn *t, const struct skim_value *block,
    struct chat_parts *parts)
{
	struct skim_value type = pick_one(block, "type");
	struct skim_value text = pick_one(block, "text");

	if (skim_string_is(&type, "tool_result"))
		return 0; /* in front already */
	if (skim_string_is(&type, "image"))
		return add_image(t, block, parts);
	if (skim_string_is(&type, "document"))
		return add_document(t, block, parts);
	if (!skim_string_is(&type, "text"))
		return no_counterpart(t, &type);
	chat_parts_text(parts, &text);
	return 0;
}

/* Content blocks, or a string for one of text. */
static int
add_blocks(struct turn *t, const struct skim_value *content,
    struct chat_parts *parts)
{
	struct skim_iter it;
	struct skim_value v;
	struct str key;

	if (content->type == SKIM_STRING)
		chat_parts_text(parts, content);
	if (content->type != SKIM_ARRAY)
		return 0;
	skim_iter_init(&it, content->value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		if (add_block(t, &v, parts) != 0)
			return -1;
	}
	return 0;
}

/* ---- tool results ------------------------------------------------------ */

/* Search results and what may come: as they are, in words. */
static void
add_words(struct chat_parts *parts, const struct skim_value *block)
{
	struct buf words;

	buf_init(&words, parts->text.max);
	jsonw_escape(&words, block->value);
	chat_paragraph(buf_str(&words), &parts->text);
	parts->text.overflowed |= words.overflowed;
	buf_fini(&words);
}

/* A result's text; images and files go behind the results. */
static int
add_result_block(struct turn *t, const struct skim_value *block,
    struct chat_parts *result)
{
	struct skim_value type = pick_one(block, "type");
	struct skim_value text = pick_one(block, "text");

	if (skim_string_is(&type, "image"))
		return add_image(t, block, &t->parts);
	if (skim_string_is(&type, "document"))
		return add_document(t, block, &t->parts);
	if (skim_string_is(&type, "text"))
		chat_parts_text(result, &text);
	else
		add_words(result, block);
	return 0;
}

static int
add_result(struct turn *t, const struct skim_value *block)
{
	struct skim_value content, id, is_error, v;
	const struct skim_wanted wanted[] = { { "content", &content },
		{ "tool_use_id", &id }, { "is_error", &is_error } };
	struct chat_parts parts;
	struct skim_iter it;
	struct str key;
	int result = 0;

	pick(block, wanted, ARRAY_LEN(wanted));
	chat_parts_init(&parts, t->d);
	chat_parts_text(&parts, &content);
	if (content.type == SKIM_ARRAY) {
		skim_iter_init(&it, content.value);
		while (result == 0 && skim_iter_next(&it, &key, &v) == 1)
			result = add_result_block(t, &v, &parts);
	}
	/* A chat has no such mark. What went wrong is in the result's text;
	   without any it would look as if nothing had. */
	if (is_error.type == SKIM_TRUE && parts.count == 0) {
		v = pick_root(str_of("\"Error\""));
		chat_parts_text(&parts, &v);
	}
	chat_turn_tool(t->d, &id, &parts);
	chat_parts_fini(&parts, t->d);
	return result;
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

static int
write_user(struct turn *t, const struct skim_value *content)
{
	bool any_results;

	if (add_results(t, content, &any_results) != 0 ||
	    add_blocks(t, content, &t->parts) != 0)
		return -1;
	if (t->parts.count > 0 || !any_results)
		chat_turn_user(t->d, &t->parts);
	return 0;
}

/* ---- the assistant ----------------------------------------------------- */

static void
add_call(struct turn *t, const struct skim_value *block)
{
	struct skim_value id, name, input;
	const struct skim_wanted wanted[] = { { "id", &id }, { "name", &name },
		{ "input", &input } };
	struct buf compact, text;
	struct jsonw w;

	pick(block, wanted, ARRAY_LEN(wanted));
	buf_init(&compact, t->d->out.max);
	buf_init(&text, t->d->out.max);
	pick_compact(input.type == SKIM_OBJECT ? input.value : str_of("{}"),
	    &compact);
	jsonw_init(&w, &text);
	jsonw_str(&w, buf_str(&compact));
	chat_assistant_call(&t->said, &id, &name, buf_str(&text));
	t->d->out.overflowed |= compact.overflowed || text.overflowed;
	buf_fini(&compact);
	buf_fini(&text);
}

/* A block that Claude's provider can check. */
static void
add_block_of_thought(struct turn *t, const struct skim_value *block)
{
	struct buf *list = &t->said.thinking;

	if (!t->said.details)
		return;
	if (list->len > 0)
		buf_add_char(list, ',');
	buf_add_str(list, block->value);
}

/* Blocks of a provider's own tools are for that provider alone and are left
   out. */
static void
add_said(struct turn *t, const struct skim_value *block)
{
	struct skim_value type, text, thinking, signature;
	const struct skim_wanted wanted[] = { { "type", &type },
		{ "text", &text }, { "thinking", &thinking },
		{ "signature", &signature } };

	pick(block, wanted, ARRAY_LEN(wanted));
	if (skim_string_is(&type, "text")) {
		buf_add_str(&t->said.text, pick_inside(&text));
	} else if (skim_string_is(&type, "thinking")) {
		chat_paragraph(pick_inside(&thinking), &t->said.reasoning);
		if (!pick_is_empty(&signature))
			add_block_of_thought(t, block);
	} else if (skim_string_is(&type, "redacted_thinking")) {
		add_block_of_thought(t, block);
	} else if (skim_string_is(&type, "tool_use")) {
		add_call(t, block);
	}
}

static int
write_assistant(struct turn *t, const struct skim_value *content)
{
	struct skim_iter it;
	struct skim_value v;
	struct str key;

	buf_add_str(&t->said.text, pick_inside(content));
	if (content->type == SKIM_ARRAY) {
		skim_iter_init(&it, content->value);
		while (skim_iter_next(&it, &key, &v) == 1)
			add_said(t, &v);
	}
	chat_turn_assistant(t->d, &t->said);
	return 0;
}

/* ---- all of them ------------------------------------------------------- */

/* Blocks that are no text have no place here. */
static void
write_system(struct turn *t, const struct skim_value *content)
{
	struct skim_iter it;
	struct skim_value v;
	struct str key;

	chat_parts_text(&t->parts, content);
	if (content->type == SKIM_ARRAY) {
		skim_iter_init(&it, content->value);
		while (skim_iter_next(&it, &key, &v) == 1) {
			v = pick_one(&v, "text");
			chat_parts_text(&t->parts, &v);
		}
	}
	if (t->parts.count > 0)
		chat_turn_system(t->d, &t->parts);
}

static int
write_message(struct turn *t, const struct skim_value *v)
{
	struct skim_value role, content;
	const struct skim_wanted wanted[] = { { "role", &role },
		{ "content", &content } };

	pick(v, wanted, ARRAY_LEN(wanted));
	if (skim_string_is(&role, "user"))
		return write_user(t, &content);
	if (skim_string_is(&role, "assistant"))
		return write_assistant(t, &content);
	if (!skim_string_is(&role, "system"))
		return err_set(t->d->err, ERR_BAD_REQUEST,
		    "%s: role must be user, assistant or system", t->where);
	write_system(t, &content);
	return 0;
}

int
messages_turns_write(struct chat_draft *d)
{
	struct skim_value system = chat_draft_param(d, "system"), v;
	struct skim_iter it;
	struct str key;
	struct turn t = { .where = "" };
	size_t i = 0;
	int result = 0;

	jsonw_put_open(&d->w, "messages", '[');
	open_turn(&t, d);
	write_system(&t, &system);
	close_turn(&t);
	skim_iter_init(&it, d->r->messages.value);
	while (result == 0 && skim_iter_next(&it, &key, &v) == 1) {
		open_turn(&t, d);
		snprintf(t.where, sizeof(t.where), "messages[%zu]", i++);
		result = write_message(&t, &v);
		close_turn(&t);
	}
	chat_turn_end(d);
	jsonw_close(&d->w, ']');
	return result;
}
