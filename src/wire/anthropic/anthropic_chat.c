/*
 * Anthropic's whole answers for clients of OpenAI's chat: as one answer, or as
 * chunks when a stream was asked for and none came. See anthropic_relay.h.
 */
#include "wire/anthropic/anthropic_chat.h"

#include "base/num.h"
#include "wire/usage_json.h"

/* What an answer's blocks come to, as JSON text: strings without quotes, lists
   without brackets. */
struct parts {
	struct buf text, reasoning, thinking_blocks, tool_calls;
	struct citations cites;
	bool has_text, has_json, has_reasoning;
};

static void
open_parts(struct parts *p, size_t max, bool with_index)
{
	memset(p, 0, sizeof(*p));
	buf_init(&p->text, max);
	buf_init(&p->reasoning, max);
	buf_init(&p->thinking_blocks, max);
	buf_init(&p->tool_calls, max);
	citations_init(&p->cites, max, with_index);
}

static void
close_parts(struct parts *p, struct buf *out)
{
	if (p->text.overflowed || p->reasoning.overflowed ||
	    p->thinking_blocks.overflowed || p->tool_calls.overflowed ||
	    citations_overflowed(&p->cites))
		out->overflowed = true;
	buf_fini(&p->text);
	buf_fini(&p->reasoning);
	buf_fini(&p->thinking_blocks);
	buf_fini(&p->tool_calls);
	citations_fini(&p->cites);
}

/* A JSON value as text inside of a string: an input becomes arguments. */
static void
add_as_text(const struct skim_value *v, struct buf *out)
{
	struct buf compact;

	buf_init(&compact, out->max);
	pick_compact(v->type == SKIM_OBJECT ? v->value : str_of("{}"),
	    &compact);
	jsonw_escape(out, buf_str(&compact));
	buf_fini(&compact);
}

static void
add_call(const struct anthropic_block *b, int64_t index, struct buf *out)
{
	if (out->len > 0)
		buf_add_char(out, ',');
	buf_add_char(out, '{');
	if (index >= 0)
		buf_printf(out, "\"index\":%lld,", (long long)index);
	buf_add_cstr(out, "\"id\":");
	anthropic_add_string(&b->id, "\"call_0\"", out);
	buf_add_cstr(out, ",\"type\":\"function\",\"function\":{\"name\":");
	anthropic_add_string(&b->name, "\"\"", out);
	buf_add_cstr(out, ",\"arguments\":\"");
	add_as_text(&b->input, out);
	buf_add_cstr(out, "\"}}");
}

static void
add_thinking(const struct anthropic_block *b, struct buf *out)
{
	if (out->len > 0)
		buf_add_char(out, ',');
	if (b->type == BLOCK_REDACTED) {
		buf_add_cstr(out, "{\"type\":\"redacted_thinking\",\"data\":");
		anthropic_add_string(&b->data, "\"\"", out);
	} else {
		buf_add_cstr(out, "{\"type\":\"thinking\",\"thinking\":");
		anthropic_add_string(&b->thinking, "\"\"", out);
		buf_add_cstr(out, ",\"signature\":");
		anthropic_add_string(&b->signature, "\"\"", out);
	}
	buf_add_char(out, '}');
}

static void
take_text(struct parts *p, const struct anthropic_block *b)
{
	p->has_text = true;
	if (p->has_json)
		return;
	buf_add_str(&p->text, pick_inside(&b->text));
	citations_begin(&p->cites);
	citations_text(&p->cites, &b->text);
	citations_add_all(&p->cites, &b->citations);
}

static void
take_block(struct parts *p, const struct anthropic_block *b, int64_t index)
{
	switch (b->type) {
	case BLOCK_TEXT:
		take_text(p, b);
		break;
	case BLOCK_JSON:
		/* What was said around it would make it no JSON. */
		buf_clear(&p->text);
		p->has_text = p->has_json = true;
		add_as_text(&b->input, &p->text);
		break;
	case BLOCK_THINKING:
		p->has_reasoning = true;
		buf_add_str(&p->reasoning, pick_inside(&b->thinking));
		add_thinking(b, &p->thinking_blocks);
		break;
	case BLOCK_REDACTED:
		add_thinking(b, &p->thinking_blocks);
		break;
	case BLOCK_TOOL:
		add_call(b, index, &p->tool_calls);
		break;
	case BLOCK_NONE:
	case BLOCK_FOUND:
	case BLOCK_OTHER:
		break;
	}
}

/* with_index: as deltas have it. */
static void
read_parts(const struct skim_value *content, bool with_index, struct parts *p)
{
	struct anthropic_block block;
	struct skim_value v;
	struct skim_iter it;
	struct str key;
	int64_t tools = 0;

	skim_iter_init(&it, content->value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		anthropic_block_read(&v, &block);
		take_block(p, &block, with_index ? tools : -1);
		tools += block.type == BLOCK_TOOL;
	}
	citations_end(&p->cites);
}

static void
add_list(const char *key, const struct buf *items, struct buf *out)
{
	if (items->len == 0)
		return;
	buf_printf(out, ",\"%s\":[", key);
	buf_add_str(out, buf_str(items));
	buf_add_char(out, ']');
}

/* {"role":"assistant",...}: a message, or the one delta of it. */
static void
write_message(const struct skim_value *message, bool with_index,
    struct buf *out)
{
	struct skim_value content, details, refusal;
	const struct skim_wanted wanted[] = { { "content", &content },
		{ "stop_details", &details } };
	struct parts p;

	pick(message, wanted, ARRAY_LEN(wanted));
	refusal = pick_one(&details, "explanation");
	open_parts(&p, out->max, with_index);
	read_parts(&content, with_index, &p);
	buf_add_cstr(out, "{\"role\":\"assistant\",\"content\":");
	if (p.has_text || p.tool_calls.len == 0) {
		buf_add_char(out, '"');
		buf_add_str(out, buf_str(&p.text));
		buf_add_char(out, '"');
	} else {
		buf_add_cstr(out, "null");
	}
	if (p.has_reasoning) {
		buf_add_cstr(out, ",\"reasoning_content\":\"");
		buf_add_str(out, buf_str(&p.reasoning));
		buf_add_char(out, '"');
	}
	add_list("thinking_blocks", &p.thinking_blocks, out);
	add_list("tool_calls", &p.tool_calls, out);
	buf_add_cstr(out, ",\"refusal\":");
	anthropic_add_string(&refusal, "null", out);
	if (!p.has_json)
		add_list("annotations", &p.cites.annotations, out);
	buf_add_char(out, '}');
	close_parts(&p, out);
}

static const char *
finish_reason(const struct relay *r)
{
	return r->facts.finish_reason[0] != '\0' ? r->facts.finish_reason
						 : "stop";
}

void
anthropic_chat_plain(struct relay *r, const struct skim_value *message,
    struct buf *out)
{
	struct anthropic_relay *s = r->state;
	char created[NUM_TEXT_BYTES];

	buf_add_cstr(out, "{\"id\":");
	buf_add_cstr(out, s->id[0] != '\0' ? s->id : "\"chatcmpl-0\"");
	buf_add_cstr(out, ",\"object\":\"chat.completion\",\"created\":");
	buf_add(out, created, num_format(s->created, 0, created));
	buf_add_cstr(out, ",\"model\":");
	buf_add_str(out, buf_str(&s->model));
	buf_add_cstr(out, ",\"choices\":[{\"index\":0,\"message\":");
	write_message(message, false, out);
	buf_add_cstr(out, ",\"logprobs\":null,\"finish_reason\":\"");
	buf_add_cstr(out, finish_reason(r));
	buf_add_cstr(out, "\"}]");
	if (r->facts.usage.source != USAGE_NONE) {
		buf_add_cstr(out, ",\"usage\":");
		usage_json_write(&r->facts.usage, out);
	}
	buf_add_char(out, '}');
}

void
anthropic_chat_wrap(struct relay *r, const struct skim_value *message,
    struct buf *out)
{
	struct anthropic_chunk_head h;

	anthropic_chunk_head(r, &h);
	chat_chunk_open(&h.c, out);
	buf_add_cstr(out, "{\"index\":0,\"delta\":");
	write_message(message, true, out);
	buf_add_cstr(out, ",\"logprobs\":null,\"finish_reason\":null}");
	chat_chunk_close(str_make("", 0), out);
	chat_chunk_finish(&h.c, 0, false, finish_reason(r), out);
	r->facts.chunks += 2;
	anthropic_chunk_end(r, out);
}
