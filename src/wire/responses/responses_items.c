/*
 * Input items as chat messages. See responses_chat.h.
 *
 * What the model said stands in several items (reasoning, message, calls); a
 * chat has one message for it. So such items are gathered until one of another
 * side comes. Images in a call's output cannot stand in a tool message and
 * follow as the user's, behind all outputs.
 */
#include "wire/responses/responses_chat.h"

#include "wire/openai/chat_turn.h"
#include "wire/responses/responses_output.h"
#include "wire/responses/responses_tools.h"

#define WHERE_BYTES 32

struct gathering {
	struct chat_draft *d;
	char where[WHERE_BYTES];
	bool any; /* messages are written */
	/* The assistant's, not written yet. */
	bool has_assistant;
	struct chat_assistant said;
	/* The user's, behind the outputs of calls. */
	struct chat_parts later;
};

static int
no_counterpart(struct gathering *g, const struct skim_value *type,
    const char *what)
{
	struct str name = pick_text(type, g->d->arena);

	return err_set(g->d->err, ERR_BAD_REQUEST,
	    "%s: %s of type \"%.*s\" has no counterpart at this model's "
	    "provider (%s)",
	    g->where, what, name.n > 40 ? 40 : (int)name.n, name.p,
	    g->d->provider);
}

/* ---- the assistant's message -------------------------------------------- */

/* Thinking alone is no message: what is left of a turn that was cut off goes
   with it. */
static void
flush_assistant(struct gathering *g)
{
	if (g->has_assistant) {
		g->any = true;
		chat_turn_assistant(g->d, &g->said);
	}
	g->has_assistant = false;
	chat_assistant_clear(&g->said);
}

static void
flush_later(struct gathering *g)
{
	if (g->later.count == 0)
		return;
	g->any = true;
	chat_turn_user(g->d, &g->later);
	chat_parts_fini(&g->later, g->d);
	chat_parts_init(&g->later, g->d);
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
		chat_paragraph(pick_inside(&v), out);
	}
}

/* Behind the mark: what the provider gave, to be given back to it. */
static bool
take_seal(const struct skim_value *v, const char *mark, struct str *seal_r)
{
	struct str inside = pick_inside(v);

	if (!str_starts(inside, mark))
		return false;
	*seal_r = str_make(inside.p + strlen(mark), inside.n - strlen(mark));
	return true;
}

static void
add_thinking(struct gathering *g, const struct buf *text,
    const struct skim_value *encrypted)
{
	struct buf *out = &g->said.thinking;
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
	buf_init(&text, g->d->out.max);
	join_texts(&content, &text);
	if (text.len == 0)
		join_texts(&summary, &text);
	chat_paragraph(buf_str(&text), &g->said.reasoning);
	add_thinking(g, &text, &encrypted);
	if (g->said.thinking.len > 0)
		g->has_assistant = true;
	buf_fini(&text);
	return 0;
}

static int
take_call(struct gathering *g, const struct skim_value *item, bool custom)
{
	struct skim_value id, name, space, value;
	const struct skim_wanted wanted[] = { { "call_id", &id },
		{ "name", &name }, { "namespace", &space },
		{ custom ? "input" : "arguments", &value } };

	pick(item, wanted, ARRAY_LEN(wanted));
	if (id.type != SKIM_STRING || name.type != SKIM_STRING)
		return err_set(g->d->err, ERR_BAD_REQUEST,
		    "%s: a %s needs call_id and name", g->where,
		    custom ? "custom_tool_call" : "function_call");
	flush_later(g);
	g->has_assistant = true;
	if (value.type != SKIM_STRING)
		value.value = str_of("\"\"");
	name = responses_tool_name(&space, &name, g->d->arena);
	if (custom)
		chat_assistant_custom(&g->said, &id, &name, value.value);
	else
		chat_assistant_call(&g->said, &id, &name, value.value);
	return 0;
}

/* ---- parts -------------------------------------------------------------- */

static int
needs_file(struct gathering *g, const char *what)
{
	return err_set(g->d->err, ERR_BAD_REQUEST,
	    "%s: %s by file_id or file_url cannot be sent to %s: put the data "
	    "in as a data: URL",
	    g->where, what, g->d->provider);
}

static int
add_image(struct gathering *g, const struct skim_value *part,
    struct chat_parts *c)
{
	struct skim_value url = pick_one(part, "image_url");
	struct skim_value detail = pick_one(part, "detail");

	if (pick_is_empty(&url))
		return needs_file(g, "an image");
	chat_parts_image(c, url.value, &detail);
	return 0;
}

static int
add_file(struct gathering *g, const struct skim_value *part,
    struct chat_parts *c)
{
	struct skim_value data = pick_one(part, "file_data");
	struct skim_value name = pick_one(part, "filename");

	if (pick_is_empty(&data))
		return needs_file(g, "a file");
	chat_parts_file(c, &name, data.value);
	return 0;
}

static int
add_part(struct gathering *g, const struct skim_value *part,
    struct chat_parts *c)
{
	struct skim_value type = pick_one(part, "type"), v;

	if (skim_string_is(&type, "input_text") ||
	    skim_string_is(&type, "output_text") ||
	    skim_string_is(&type, "text")) {
		v = pick_one(part, "text");
		chat_parts_text(c, &v);
		return 0;
	}
	if (skim_string_is(&type, "refusal")) {
		v = pick_one(part, "refusal");
		chat_parts_text(c, &v);
		return 0;
	}
	if (skim_string_is(&type, "input_image"))
		return add_image(g, part, c);
	if (skim_string_is(&type, "input_file"))
		return add_file(g, part, c);
	if (skim_string_is(&type, "input_audio")) {
		chat_parts_copy(c, part);
		return 0;
	}
	return no_counterpart(g, &type, "content");
}

/* A string or a list of parts. */
static int
read_content(struct gathering *g, const struct skim_value *content,
    struct chat_parts *c)
{
	struct skim_iter it;
	struct skim_value v;
	struct str key;

	if (content->type == SKIM_STRING)
		chat_parts_text(c, content);
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

/* From the user, or (system) instructions. */
static void
write_message(struct gathering *g, bool system, const struct chat_parts *c)
{
	flush_assistant(g);
	flush_later(g);
	g->any = true;
	if (system)
		chat_turn_system(g->d, c);
	else
		chat_turn_user(g->d, c);
}

static int
take_message(struct gathering *g, const struct skim_value *item)
{
	struct skim_value role = pick_one(item, "role");
	struct skim_value content = pick_one(item, "content");
	bool system = skim_string_is(&role, "system") ||
		      skim_string_is(&role, "developer");
	bool assistant = skim_string_is(&role, "assistant");
	struct chat_parts c;
	int result;

	if (!system && !assistant && !skim_string_is(&role, "user"))
		return err_set(g->d->err, ERR_BAD_REQUEST,
		    "%s: role must be user, assistant, system or developer",
		    g->where);
	chat_parts_init(&c, g->d);
	result = read_content(g, &content, &c);
	if (result == 0 && !assistant) {
		write_message(g, system, &c);
	} else if (result == 0 && !c.only_text) {
		result = err_set(g->d->err, ERR_BAD_REQUEST,
		    "%s: an assistant's message holds text only", g->where);
	} else if (result == 0) {
		flush_later(g);
		g->has_assistant = true;
		chat_paragraph(buf_str(&c.text), &g->said.text);
	}
	chat_parts_fini(&c, g->d);
	return result;
}

/* The text of a call's output; images and files in it come later. */
static int
take_output(struct gathering *g, const struct skim_value *item)
{
	struct skim_value id = pick_one(item, "call_id");
	struct skim_value output = pick_one(item, "output");
	struct chat_parts c;
	int result;

	if (id.type != SKIM_STRING)
		return err_set(g->d->err, ERR_BAD_REQUEST,
		    "%s: a call's output needs call_id", g->where);
	chat_parts_init(&c, g->d);
	result = read_content(g, &output, &c);
	if (result == 0) {
		flush_assistant(g);
		g->any = true;
		chat_turn_tool(g->d, &id, &c);
		if (!c.only_text)
			chat_parts_join(&g->later, &c);
	}
	chat_parts_fini(&c, g->d);
	return result;
}

static int
take_item(struct gathering *g, const struct skim_value *item)
{
	struct skim_value type = pick_one(item, "type");

	if (item->type != SKIM_OBJECT)
		return err_set(g->d->err, ERR_BAD_REQUEST,
		    "%s: must be an object", g->where);
	if (type.type == SKIM_ABSENT || skim_string_is(&type, "message"))
		return take_message(g, item);
	if (skim_string_is(&type, "function_call"))
		return take_call(g, item, false);
	if (skim_string_is(&type, "custom_tool_call"))
		return take_call(g, item, true);
	if (skim_string_is(&type, "function_call_output") ||
	    skim_string_is(&type, "custom_tool_call_output"))
		return take_output(g, item);
	if (skim_string_is(&type, "reasoning"))
		return take_reasoning(g, item);
	/* What it found is in the answer behind it. */
	if (skim_string_is(&type, "web_search_call"))
		return 0;
	if (skim_string_is(&type, "additional_tools"))
		return 0; /* responses_tools.c */
	if (skim_string_is(&type, "item_reference"))
		return err_set(g->d->err, ERR_BAD_REQUEST,
		    "%s: an item_reference needs a provider that keeps "
		    "responses, which %s does not: send the item itself",
		    g->where, g->d->provider);
	/* What a tool of the API's own did: with drop_params the conversation
	   goes on without it. */
	if (g->d->drop)
		return 0;
	return no_counterpart(g, &type, "an item");
}

/* ---- all of them -------------------------------------------------------- */

static int
take_items(struct gathering *g)
{
	const struct skim_value *input = &g->d->r->messages;
	struct chat_parts c;
	struct skim_iter it;
	struct skim_value v;
	struct str key;
	size_t i = 0;

	if (input->type == SKIM_STRING) {
		chat_parts_init(&c, g->d);
		chat_parts_text(&c, input);
		write_message(g, false, &c);
		chat_parts_fini(&c, g->d);
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

/* The first message; null and "" say nothing. */
static int
take_instructions(struct gathering *g)
{
	struct skim_value v = chat_draft_param(g->d, "instructions");
	struct chat_parts c;

	if (v.type != SKIM_ABSENT && v.type != SKIM_STRING)
		return err_set(g->d->err, ERR_BAD_REQUEST,
		    "'instructions' must be a string");
	chat_parts_init(&c, g->d);
	chat_parts_text(&c, &v);
	if (c.count > 0)
		chat_turn_system(g->d, &c);
	chat_parts_fini(&c, g->d);
	return 0;
}

int
responses_items_write(struct chat_draft *d)
{
	struct gathering g = { .d = d };
	int result = -1;

	jsonw_key(&d->w, "messages");
	jsonw_open(&d->w, '[');
	chat_assistant_init(&g.said, d);
	chat_parts_init(&g.later, d);
	if (take_instructions(&g) == 0 && take_items(&g) == 0) {
		flush_assistant(&g);
		flush_later(&g);
		chat_turn_end(d);
		result = g.any ? 0
			       : err_set(d->err, ERR_BAD_REQUEST,
				     "'input' is missing or has nothing in "
				     "it");
	}
	chat_parts_fini(&g.later, d);
	chat_assistant_fini(&g.said, d);
	jsonw_close(&d->w, ']');
	return result;
}
