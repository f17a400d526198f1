/*
 * Anthropic's answers for clients of its own API: the provider's bytes, with
 * the client's name for the model. See anthropic_relay.h.
 *
 * Events go on one by one as they are, those nobody knows too; an event
 * without a name gets the one in its data, which Anthropic's SDKs look for.
 */
#include "wire/anthropic/anthropic_relay.h"

#include "wire/messages/messages_event.h"

/* text with the object's model replaced; the object stands inside of text. */
static void
add_renamed(const struct relay *r, struct str text,
    const struct skim_value *object, struct buf *out)
{
	const struct anthropic_relay *s = r->state;
	struct skim_value model = pick_one(object, "model");
	size_t start;

	if (model.type == SKIM_ABSENT) {
		buf_add_str(out, text);
		return;
	}
	start = (size_t)(model.value.p - text.p);
	buf_add(out, text.p, start);
	buf_add_str(out, buf_str(&s->model));
	start += model.value.n;
	buf_add(out, text.p + start, text.n - start);
}

static void
write_plain(struct relay *r, const struct skim_value *message, struct buf *out)
{
	add_renamed(r, message->value, message, out);
}

/* ---- events ------------------------------------------------------------ */

static void
send_event(struct relay *r, struct str name, struct str data, struct buf *out)
{
	if (sse_write(out, name, data) != 0)
		out->overflowed = true;
	r->facts.chunks++;
}

static struct str
name_of(const struct anthropic_event *e)
{
	struct skim_value root = pick_root(e->sse->data), type;

	if (e->sse->name.n > 0)
		return e->sse->name;
	type = pick_one(&root, "type");
	if (pick_is_empty(&type) || memchr(type.value.p, '\\', type.value.n))
		return str_of("");
	return str_make(type.value.p + 1, type.value.n - 2);
}

static void
write_event(struct relay *r, const struct anthropic_event *e, struct buf *out)
{
	struct str data = e->sse->data;
	struct buf renamed;

	if (e->type != EVENT_MESSAGE_START) {
		send_event(r, name_of(e), data, out);
		return;
	}
	buf_init(&renamed, out->max);
	add_renamed(r, data, &e->message, &renamed);
	send_event(r, name_of(e), buf_str(&renamed), out);
	buf_fini(&renamed);
}

static void
keep_alive(struct relay *r, struct buf *out)
{
	(void)r;
	buf_add_cstr(out, ": keep-alive\n\n");
}

static void
write_stop(struct relay *r, struct buf *out)
{
	messages_event_stop(out);
	r->facts.chunks++;
}

static void
cut_short(struct relay *r, struct buf *out)
{
	const struct anthropic_relay *s = r->state;
	struct usage u = relay_known_usage(r);

	if (s->block != BLOCK_NONE)
		messages_event_block_stop(s->block_index, out);
	messages_event_end("max_tokens", str_of(""), &u, out);
	r->facts.chunks += 2;
	write_stop(r, out);
}

/* ---- a plain answer as a stream ---------------------------------------- */

static void
wrap_citations(int64_t i, const struct skim_value *list, struct buf *out)
{
	struct skim_iter it;
	struct skim_value v;
	struct buf compact;
	struct str key;

	if (list->type != SKIM_ARRAY)
		return;
	buf_init(&compact, out->max);
	skim_iter_init(&it, list->value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		buf_clear(&compact);
		pick_compact(v.value, &compact);
		messages_event_delta(i, "citations_delta", "citation",
		    buf_str(&compact), out);
	}
	buf_fini(&compact);
}

/* Deltas that bring what the block's start leaves out. */
static void
wrap_text(int64_t i, const struct anthropic_block *b, struct buf *out)
{
	messages_event_block(i, str_of("{\"type\":\"text\",\"text\":\"\"}"),
	    out);
	if (!pick_is_empty(&b->text))
		messages_event_delta(i, "text_delta", "text", b->text.value,
		    out);
	wrap_citations(i, &b->citations, out);
}

static void
wrap_thinking(int64_t i, const struct anthropic_block *b, struct buf *out)
{
	messages_event_block(i,
	    str_of("{\"type\":\"thinking\",\"thinking\":\"\","
		   "\"signature\":\"\"}"),
	    out);
	if (!pick_is_empty(&b->thinking))
		messages_event_delta(i, "thinking_delta", "thinking",
		    b->thinking.value, out);
	if (!pick_is_empty(&b->signature))
		messages_event_delta(i, "signature_delta", "signature",
		    b->signature.value, out);
}

static void
wrap_tool(int64_t i, const struct anthropic_block *b, struct buf *out)
{
	struct buf text, compact;

	buf_init(&compact, out->max);
	buf_init(&text, out->max);
	buf_add_cstr(&text, "{\"type\":\"tool_use\",\"id\":");
	anthropic_add_string(&b->id, "\"toolu_0\"", &text);
	buf_add_cstr(&text, ",\"name\":");
	anthropic_add_string(&b->name, "\"\"", &text);
	buf_add_cstr(&text, ",\"input\":{}}");
	messages_event_block(i, buf_str(&text), out);
	buf_clear(&text);
	pick_compact(b->input.type == SKIM_OBJECT ? b->input.value
						  : str_of("{}"),
	    &compact);
	buf_add_char(&text, '"');
	jsonw_escape(&text, buf_str(&compact));
	buf_add_char(&text, '"');
	messages_event_delta(i, "input_json_delta", "partial_json",
	    buf_str(&text), out);
	buf_fini(&text);
	buf_fini(&compact);
}

static void
wrap_block(int64_t i, const struct anthropic_block *b, struct buf *out)
{
	struct buf compact;

	switch (b->type) {
	case BLOCK_TEXT:
		wrap_text(i, b, out);
		break;
	case BLOCK_THINKING:
		wrap_thinking(i, b, out);
		break;
	case BLOCK_TOOL:
	case BLOCK_JSON:
		wrap_tool(i, b, out);
		break;
	case BLOCK_NONE:
	case BLOCK_REDACTED:
	case BLOCK_FOUND:
	case BLOCK_OTHER:
		buf_init(&compact, out->max);
		pick_compact(b->object.value, &compact);
		messages_event_block(i, buf_str(&compact), out);
		buf_fini(&compact);
		break;
	}
	messages_event_block_stop(i, out);
}

static void
write_wrapped(struct relay *r, const struct skim_value *message,
    struct buf *out)
{
	const struct anthropic_relay *s = r->state;
	struct skim_value content = pick_one(message, "content"), v;
	struct skim_value reason = pick_one(message, "stop_reason");
	struct skim_value stop = pick_one(message, "stop_sequence");
	struct usage u = relay_known_usage(r);
	struct anthropic_block block;
	char word[48] = "end_turn";
	struct skim_iter it;
	struct str key;
	int64_t i = 0;

	messages_event_start(str_of(s->id), buf_str(&s->model), &u, out);
	skim_iter_init(&it, content.value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		anthropic_block_read(&v, &block);
		wrap_block(i++, &block, out);
	}
	if (!pick_is_empty(&reason) && reason.value.n < sizeof(word) &&
	    !memchr(reason.value.p, '\\', reason.value.n))
		snprintf(word, sizeof(word), "%.*s", (int)reason.value.n - 2,
		    reason.value.p + 1);
	messages_event_end(word,
	    stop.type == SKIM_STRING ? stop.value : str_of(""), &u, out);
	write_stop(r, out);
}

const struct anthropic_writer anthropic_pass_writer = {
	.plain = write_plain,
	.wrap = write_wrapped,
	.event = write_event,
	.keep_alive = keep_alive,
	.cut_short = cut_short,
	.end = write_stop,
};
