/*
 * A plain answer made into a stream, for a provider that was asked for one and
 * did not care: for each choice one chunk with the whole message and one with
 * its finish_reason, then the usage when it was asked for, then [DONE]. See
 * openai_relay.h.
 */
#include "wire/openai/openai_relay.h"

/* One choice of an answer; offsets count in the whole text. */
struct whole_choice {
	struct skim_value index, message, text, finish, logprobs;
};

static void
read_whole_choice(struct skim_iter *it, struct whole_choice *c)
{
	struct skim_value v;
	struct skim_iter sub;
	struct str key;

	memset(c, 0, sizeof(*c));
	skim_iter_enter(it, &sub);
	while (skim_iter_next(&sub, &key, &v) == 1) {
		if (SKIM_KEY_IS(key, "index"))
			c->index = v;
		else if (SKIM_KEY_IS(key, "message"))
			c->message = v;
		else if (SKIM_KEY_IS(key, "text"))
			c->text = v;
		else if (SKIM_KEY_IS(key, "finish_reason"))
			c->finish = v;
		else if (SKIM_KEY_IS(key, "logprobs"))
			c->logprobs = v;
	}
	skim_iter_leave(it, &sub);
}

/* A value with its edits, or what stands for it when it is not there or null.
 */
static void
add_value(struct openai_view *v, const struct skim_value *value,
    const char *instead, struct buf *out)
{
	size_t start = out->len;

	if (value->type == SKIM_ABSENT || value->type == SKIM_NULL)
		buf_add_cstr(out, instead);
	else
		openai_view_write(v, value->value_start, value->value_end, out);
	sse_one_line(out, start);
}

/* "index":0,"delta":{...} or "text":"..." */
static void
add_choice_start(struct openai_view *v, const struct whole_choice *c,
    bool completions, struct buf *out)
{
	buf_add_cstr(out, "{\"index\":");
	add_value(v, &c->index, "0", out);
	buf_add_cstr(out, completions ? ",\"text\":" : ",\"delta\":");
	if (completions)
		add_value(v, &c->text, "\"\"", out);
	else
		add_value(v, &c->message, "{\"role\":\"assistant\"}", out);
	buf_add_cstr(out, ",\"logprobs\":");
	add_value(v, &c->logprobs, "null", out);
}

static void
write_choice(struct relay *r, struct openai_view *v, struct skim_iter *it,
    struct buf *out)
{
	struct whole_choice c;
	struct chat_chunk head;

	openai_chunk_head(r, &head);
	read_whole_choice(it, &c);
	chat_chunk_open(&head, out);
	add_choice_start(v, &c, head.completions, out);
	buf_add_cstr(out, ",\"finish_reason\":null}");
	chat_chunk_close(str_make("", 0), out);
	chat_chunk_open(&head, out);
	buf_add_cstr(out, "{\"index\":");
	add_value(v, &c.index, "0", out);
	buf_add_cstr(out,
	    head.completions ? ",\"text\":\"\"" : ",\"delta\":{}");
	buf_add_cstr(out, ",\"logprobs\":null,\"finish_reason\":");
	add_value(v, &c.finish, "\"stop\"", out);
	buf_add_char(out, '}');
	chat_chunk_close(str_make("", 0), out);
	r->facts.chunks += 2;
}

/* A value as it is written, when it fits. */
static void
keep_text(const struct skim_value *v, enum skim_type type, char *field,
    size_t size)
{
	if (v->type != type || v->value.n >= size || str_is(v->value, "\"\""))
		return;
	memcpy(field, v->value.p, v->value.n);
	field[v->value.n] = '\0';
}

int
openai_wrap(struct relay *r, struct buf *out, struct err *err)
{
	struct openai_relay *s = r->state;
	struct skim_iter it, top;
	struct skim_value ignored;
	struct openai_view v;
	struct str key;

	if (openai_read_answer(r, &v, VIEW_CHUNK, err) != 0)
		return -1;
	keep_text(&v.id, SKIM_STRING, s->id, sizeof(s->id));
	keep_text(&v.created, SKIM_NUMBER, s->created, sizeof(s->created));
	skim_iter_init(&top, v.text);
	top.at = v.choice_list.value_start;
	skim_iter_enter(&top, &it);
	while (skim_iter_peek(&it, &key) == 1) {
		if (skim_iter_type(&it) == SKIM_OBJECT)
			write_choice(r, &v, &it, out);
		else if (skim_iter_skip(&it, &ignored) != 1)
			break;
	}
	openai_end_stream(r, out);
	return 0;
}
