/* Messages in the making. See chat_turn.h. */
#include "wire/openai/chat_turn.h"

#include "wire/chat_source.h"
#include "wire/openai/call_seal.h"
#include "wire/openai/custom_input.h"
#include "wire/openai/openai_params.h"

static struct str
string_or_empty(const struct skim_value *v)
{
	return v->type == SKIM_STRING ? v->value : str_of("\"\"");
}

static void
write_inside(struct jsonw *w, struct str inside)
{
	jsonw_raw(w, str_of("\""));
	buf_add_str(w->out, inside);
	buf_add_char(w->out, '"');
}

static void
write_text(struct jsonw *w, const char *key, const struct buf *inside)
{
	jsonw_key(w, key);
	write_inside(w, buf_str(inside));
}

static void
write_list(struct jsonw *w, const char *key, const struct buf *items)
{
	jsonw_key(w, key);
	jsonw_open(w, '[');
	buf_add_str(w->out, buf_str(items));
	jsonw_close(w, ']');
}

void
chat_paragraph(struct str inside, struct buf *out)
{
	if (inside.n > 0 && out->len > 0)
		buf_add_cstr(out, "\\n\\n");
	buf_add_str(out, inside);
}

/* ---- parts -------------------------------------------------------------- */

void
chat_parts_init(struct chat_parts *p, const struct chat_draft *d)
{
	memset(p, 0, sizeof(*p));
	p->only_text = true;
	buf_init(&p->list, d->out.max);
	buf_init(&p->text, d->out.max);
}

void
chat_parts_fini(struct chat_parts *p, struct chat_draft *d)
{
	d->out.overflowed |= p->list.overflowed || p->text.overflowed;
	buf_fini(&p->list);
	buf_fini(&p->text);
}

static void
open_part(struct chat_parts *p, const char *type, struct jsonw *w)
{
	p->count++;
	w->out = &p->list;
	w->comma = p->list.len > 0;
	jsonw_open(w, '{');
	jsonw_key(w, "type");
	jsonw_cstr(w, type);
	jsonw_key(w, type);
}

void
chat_parts_text(struct chat_parts *p, const struct skim_value *text)
{
	struct jsonw w;

	if (pick_is_empty(text))
		return;
	open_part(p, "text", &w);
	jsonw_raw(&w, text->value);
	jsonw_close(&w, '}');
	chat_paragraph(pick_inside(text), &p->text);
}

void
chat_parts_image(struct chat_parts *p, struct str url,
    const struct skim_value *detail)
{
	struct jsonw w;

	p->only_text = false;
	open_part(p, "image_url", &w);
	jsonw_open(&w, '{');
	jsonw_key(&w, "url");
	jsonw_raw(&w, url);
	if (detail->type == SKIM_STRING) {
		jsonw_key(&w, "detail");
		jsonw_raw(&w, detail->value);
	}
	jsonw_close(&w, '}');
	jsonw_close(&w, '}');
}

void
chat_parts_file(struct chat_parts *p, const struct skim_value *name,
    struct str data)
{
	struct jsonw w;

	p->only_text = false;
	open_part(p, "file", &w);
	jsonw_open(&w, '{');
	jsonw_key(&w, "filename");
	jsonw_raw(&w,
	    pick_is_empty(name) ? str_of("\"document.pdf\"") : name->value);
	jsonw_key(&w, "file_data");
	jsonw_raw(&w, data);
	jsonw_close(&w, '}');
	jsonw_close(&w, '}');
}

static void
add_parts(struct chat_parts *p, struct str list, size_t count)
{
	p->count += count;
	if (p->list.len > 0 && list.n > 0)
		buf_add_char(&p->list, ',');
	buf_add_str(&p->list, list);
}

void
chat_parts_copy(struct chat_parts *p, const struct skim_value *part)
{
	p->only_text = false;
	add_parts(p, part->value, 1);
}

void
chat_parts_join(struct chat_parts *p, const struct chat_parts *other)
{
	p->only_text = p->only_text && other->only_text;
	add_parts(p, buf_str(&other->list), other->count);
	chat_paragraph(buf_str(&other->text), &p->text);
}

/* ---- messages ----------------------------------------------------------- */

static struct jsonw *
write_role(struct chat_draft *d, const char *role)
{
	jsonw_open(&d->w, '{');
	jsonw_key(&d->w, "role");
	jsonw_cstr(&d->w, role);
	return &d->w;
}

static void
write_user(struct chat_draft *d, const struct chat_parts *p)
{
	struct jsonw *w = write_role(d, "user");

	if (p->only_text && p->count <= 1)
		write_text(w, "content", &p->text);
	else
		write_list(w, "content", &p->list);
	jsonw_close(w, '}');
}

/* What waits to be written. */
static void
flush(struct chat_draft *d)
{
	struct jsonw *w;

	d->begun = true;
	if (d->lead.len > 0) {
		w = write_role(d, "system");
		write_text(w, "content", &d->lead);
		jsonw_close(w, '}');
		d->out.overflowed |= d->lead.overflowed;
		buf_clear(&d->lead);
	}
	if (d->holds) {
		write_user(d, &d->held);
		chat_parts_fini(&d->held, d);
		chat_parts_init(&d->held, d);
	}
	d->holds = d->held_is_late = false;
}

void
chat_turn_end(struct chat_draft *d)
{
	flush(d);
}

/* Of a turn that is no instructions. */
static struct jsonw *
open_message(struct chat_draft *d, const char *role)
{
	flush(d);
	return write_role(d, role);
}

void
chat_turn_user(struct chat_draft *d, const struct chat_parts *p)
{
	if (!d->held_is_late)
		flush(d);
	if (d->takes_late_system) {
		write_user(d, p);
		return;
	}
	chat_parts_join(&d->held, p);
	d->holds = true;
	d->held_is_late = false;
}

static void
hold_late_system(struct chat_draft *d, const struct chat_parts *p)
{
	struct skim_value v = { .type = SKIM_STRING };
	struct buf text;

	buf_init(&text, d->out.max);
	buf_add_cstr(&text, "\"" CHAT_SYSTEM_OPEN);
	buf_add_str(&text, buf_str(&p->text));
	buf_add_cstr(&text, CHAT_SYSTEM_CLOSE "\"");
	v.value = buf_str(&text);
	chat_parts_text(&d->held, &v);
	d->out.overflowed |= text.overflowed;
	buf_fini(&text);
	d->held_is_late = d->held_is_late || !d->holds;
	d->holds = true;
}

void
chat_turn_system(struct chat_draft *d, const struct chat_parts *p)
{
	struct jsonw *w;

	if (p->only_text && !d->takes_late_system) {
		if (d->begun)
			hold_late_system(d, p);
		else
			chat_paragraph(buf_str(&p->text), &d->lead);
		return;
	}
	w = write_role(d, "system");
	if (p->only_text)
		write_text(w, "content", &p->text);
	else
		write_list(w, "content", &p->list);
	jsonw_close(w, '}');
}

void
chat_turn_tool(struct chat_draft *d, const struct skim_value *call_id,
    const struct chat_parts *p)
{
	struct jsonw *w = open_message(d, "tool");
	struct str id, seal;

	call_seal_split(pick_inside(call_id), &id, &seal);
	jsonw_key(w, "tool_call_id");
	write_inside(w, id);
	write_text(w, "content", &p->text);
	jsonw_close(w, '}');
}

/* ---- the assistant ------------------------------------------------------ */

void
chat_assistant_init(struct chat_assistant *a, const struct chat_draft *d)
{
	a->seals = chat_draft_is_for(d, "gemini");
	a->details = param_is_listed(d->thought, str_of("reasoning_details")) &&
		     str_find_nocase(str_of(d->model), "claude") >= 0;
	a->custom = d->takes_custom;
	buf_init(&a->text, d->out.max);
	buf_init(&a->reasoning, d->out.max);
	buf_init(&a->thinking, d->out.max);
	buf_init(&a->calls, d->out.max);
}

void
chat_assistant_fini(struct chat_assistant *a, struct chat_draft *d)
{
	d->out.overflowed |= a->text.overflowed || a->reasoning.overflowed ||
			     a->thinking.overflowed || a->calls.overflowed;
	buf_fini(&a->text);
	buf_fini(&a->reasoning);
	buf_fini(&a->thinking);
	buf_fini(&a->calls);
}

void
chat_assistant_clear(struct chat_assistant *a)
{
	buf_clear(&a->text);
	buf_clear(&a->reasoning);
	buf_clear(&a->thinking);
	buf_clear(&a->calls);
}

/* kind: function, with arguments; custom, with an input. */
static void
add_call(struct chat_assistant *a, const char *kind,
    const struct skim_value *id, const struct skim_value *name,
    const char *member, struct str value)
{
	struct jsonw w = { &a->calls, a->calls.len > 0 };
	struct str own, seal;

	call_seal_split(pick_inside(id), &own, &seal);
	jsonw_open(&w, '{');
	jsonw_key(&w, "id");
	write_inside(&w, own);
	jsonw_key(&w, "type");
	jsonw_cstr(&w, kind);
	jsonw_key(&w, kind);
	jsonw_open(&w, '{');
	jsonw_key(&w, "name");
	jsonw_raw(&w, string_or_empty(name));
	jsonw_key(&w, member);
	jsonw_raw(&w, value);
	jsonw_close(&w, '}');
	if (a->seals && seal.n > 0) {
		jsonw_key(&w, "extra_content");
		jsonw_raw(&w, str_of("{\"google\":{\"thought_signature\":\""));
		call_seal_open(seal, w.out);
		buf_add_cstr(w.out, "\"}}");
	}
	jsonw_close(&w, '}');
}

/* thinking_blocks in OpenRouter's words. */
static void
write_details(struct jsonw *w, const struct buf *blocks)
{
	struct chat_thought t;
	struct skim_iter it;
	struct skim_value v;
	struct str key;
	struct buf list;
	int64_t at = 0;

	buf_init(&list, blocks->len + 2);
	buf_add_char(&list, '[');
	buf_add_str(&list, buf_str(blocks));
	buf_add_char(&list, ']');
	jsonw_key(w, "reasoning_details");
	jsonw_open(w, '[');
	skim_iter_init(&it, buf_str(&list));
	while (skim_iter_next(&it, &key, &v) == 1) {
		bool redacted;

		chat_thought_read(&v, 0, &t);
		redacted = t.data.type == SKIM_STRING;
		jsonw_open(w, '{');
		jsonw_put_cstr(w, "type",
		    redacted ? "reasoning.encrypted" : "reasoning.text");
		jsonw_key(w, redacted ? "data" : "text");
		jsonw_raw(w, string_or_empty(redacted ? &t.data : &t.text));
		if (!redacted) {
			jsonw_key(w, "signature");
			jsonw_raw(w, string_or_empty(&t.signature));
		}
		jsonw_put_cstr(w, "format", CHAT_CLAUDES_FORMAT);
		jsonw_put_int(w, "index", at++);
		jsonw_close(w, '}');
	}
	jsonw_close(w, ']');
	buf_fini(&list);
}

void
chat_assistant_call(struct chat_assistant *a, const struct skim_value *id,
    const struct skim_value *name, struct str arguments)
{
	add_call(a, "function", id, name, "arguments", arguments);
}

void
chat_assistant_custom(struct chat_assistant *a, const struct skim_value *id,
    const struct skim_value *name, struct str input)
{
	struct buf arguments;

	if (a->custom) {
		add_call(a, "custom", id, name, "input", input);
		return;
	}
	buf_init(&arguments, a->calls.max);
	buf_add_char(&arguments, '"');
	custom_input_wrap(input, &arguments);
	buf_add_char(&arguments, '"');
	add_call(a, "function", id, name, "arguments", buf_str(&arguments));
	a->calls.overflowed |= arguments.overflowed;
	buf_fini(&arguments);
}

void
chat_turn_assistant(struct chat_draft *d, const struct chat_assistant *a)
{
	struct jsonw *w = open_message(d, "assistant");

	if (a->text.len > 0 || a->calls.len == 0) {
		write_text(w, "content", &a->text);
	} else {
		jsonw_key(w, "content");
		jsonw_null(w);
	}
	/* Its name at this provider is openai_messages.c's affair. */
	if (a->details && a->thinking.len > 0)
		write_details(w, &a->thinking);
	else if (a->reasoning.len > 0 &&
		 str_find(str_of(d->thought), "reasoning") >= 0)
		write_text(w, "reasoning_content", &a->reasoning);
	if (a->thinking.len > 0 &&
	    param_is_listed(d->thought, str_of("thinking_blocks")))
		write_list(w, "thinking_blocks", &a->thinking);
	if (a->calls.len > 0)
		write_list(w, "tool_calls", &a->calls);
	jsonw_close(w, '}');
}
