/* Messages in the making. See chat_turn.h. */
#include "wire/openai/chat_turn.h"

#include "wire/chat_source.h"
#include "wire/openai/call_seal.h"
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
open_message(struct chat_draft *d, const char *role)
{
	jsonw_open(&d->w, '{');
	jsonw_key(&d->w, "role");
	jsonw_cstr(&d->w, role);
	return &d->w;
}

void
chat_turn_user(struct chat_draft *d, const struct chat_parts *p)
{
	struct jsonw *w = open_message(d, "user");

	if (p->only_text && p->count <= 1)
		write_text(w, "content", &p->text);
	else
		write_list(w, "content", &p->list);
	jsonw_close(w, '}');
}

void
chat_turn_system(struct chat_draft *d, const struct chat_parts *p)
{
	struct jsonw *w = open_message(d, "system");

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

void
chat_assistant_call(struct chat_assistant *a, const struct skim_value *id,
    const struct skim_value *name, struct str arguments)
{
	struct jsonw w = { &a->calls, a->calls.len > 0 };
	struct str own, seal;

	call_seal_split(pick_inside(id), &own, &seal);
	jsonw_open(&w, '{');
	jsonw_key(&w, "id");
	write_inside(&w, own);
	jsonw_key(&w, "type");
	jsonw_cstr(&w, "function");
	jsonw_key(&w, "function");
	jsonw_open(&w, '{');
	jsonw_key(&w, "name");
	jsonw_raw(&w, string_or_empty(name));
	jsonw_key(&w, "arguments");
	jsonw_raw(&w, arguments);
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
