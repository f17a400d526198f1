/* Converse's answers in Anthropic's form. See bedrock_relay.h. */
#include "wire/bedrock/bedrock_relay.h"

#include "base/event_stream.h"
#include "wire/anthropic/anthropic_usage.h"
#include "wire/messages/messages_event.h"
#include "wire/pick.h"

static const char *
stop_reason_of(const struct skim_value *v)
{
	static const char *const rows[][2] = { { "end_turn", "end_turn" },
		{ "tool_use", "tool_use" }, { "max_tokens", "max_tokens" },
		{ "stop_sequence", "stop_sequence" },
		{ "guardrail_intervened", "refusal" },
		{ "content_filtered", "refusal" },
		{ "model_context_window_exceeded",
		    "model_context_window_exceeded" } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (skim_string_is(v, rows[i][0]))
			return rows[i][1];
	}
	return "end_turn";
}

/* ---- usage -------------------------------------------------------------- */

static int64_t
count_of(const struct skim_value *usage, const char *name)
{
	struct skim_value v = pick_one(usage, name);
	int64_t n;

	if (v.type != SKIM_NUMBER || skim_int(&v, &n) != 0 || n < 0)
		return 0;
	return n;
}

/* Of what was written to the cache, how much for an hour. */
static int64_t
hour_writes(const struct skim_value *usage)
{
	struct skim_value list = pick_one(usage, "cacheDetails"), v, ttl;
	struct skim_iter it;
	struct str key;
	int64_t n = 0;

	if (list.type != SKIM_ARRAY)
		return 0;
	skim_iter_init(&it, list.value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		ttl = pick_one(&v, "ttl");
		if (skim_string_is(&ttl, "1h"))
			n += count_of(&v, "inputTokens");
	}
	return n;
}

/* Its input leaves out what the cache gave and took, as Anthropic's does. */
static void
write_usage(const struct skim_value *usage, struct buf *out)
{
	int64_t hour = hour_writes(usage);
	int64_t writes = count_of(usage, "cacheWriteInputTokens");

	buf_printf(out,
	    "{\"input_tokens\":%lld,\"cache_creation_input_tokens\":%lld,"
	    "\"cache_read_input_tokens\":%lld,\"output_tokens\":%lld",
	    (long long)count_of(usage, "inputTokens"), (long long)writes,
	    (long long)count_of(usage, "cacheReadInputTokens"),
	    (long long)count_of(usage, "outputTokens"));
	if (hour > 0)
		buf_printf(out,
		    ",\"cache_creation\":{\"ephemeral_5m_input_tokens\":%lld,"
		    "\"ephemeral_1h_input_tokens\":%lld}",
		    (long long)(writes > hour ? writes - hour : 0),
		    (long long)hour);
	buf_add_char(out, '}');
}

/* ---- streams ------------------------------------------------------------ */

static void
start(struct bedrock_events *e, struct buf *out)
{
	struct usage none = { .source = USAGE_NONE };

	if (e->started)
		return;
	e->started = true;
	messages_event_start(buf_str(&e->id), buf_str(&e->model), &none, out);
}

static void
close_block(struct bedrock_events *e, struct buf *out)
{
	if (e->block == BEDROCK_NONE)
		return;
	messages_event_block_stop(e->index, out);
	e->block = BEDROCK_NONE;
	e->index++;
}

static void
open_block(struct bedrock_events *e, enum bedrock_block block,
    const char *object, struct buf *out)
{
	if (e->block == block)
		return;
	close_block(e, out);
	messages_event_block(e->index, str_of(object), out);
	e->block = block;
}

static void
add_delta(struct bedrock_events *e, const char *type, const char *member,
    const struct skim_value *v, struct buf *out)
{
	if (!pick_is_empty(v))
		messages_event_delta(e->index, type, member, v->value, out);
}

/* {"type":"tool_use","id":...,"name":..., */
static void
write_tool_head(const struct skim_value *use, struct buf *out)
{
	struct skim_value id = pick_one(use, "toolUseId");
	struct skim_value name = pick_one(use, "name");

	buf_add_cstr(out, "{\"type\":\"tool_use\",\"id\":");
	buf_add_str(out, id.type == SKIM_STRING ? id.value : str_of("\"\""));
	buf_add_cstr(out, ",\"name\":");
	buf_add_str(out,
	    name.type == SKIM_STRING ? name.value : str_of("\"\""));
}

static void
take_start(struct bedrock_events *e, const struct skim_value *root,
    struct buf *out)
{
	struct skim_value use = pick_one(root, "start");
	struct buf block;

	use = pick_one(&use, "toolUse");
	if (use.type != SKIM_OBJECT)
		return;
	close_block(e, out);
	buf_init(&block, out->max);
	write_tool_head(&use, &block);
	buf_add_cstr(&block, ",\"input\":{}}");
	messages_event_block(e->index, buf_str(&block), out);
	out->overflowed |= block.overflowed;
	buf_fini(&block);
	e->block = BEDROCK_TOOL;
}

static void
write_redacted(const struct skim_value *data, struct buf *out)
{
	buf_add_cstr(out, "{\"type\":\"redacted_thinking\",\"data\":");
	buf_add_str(out, data->value);
	buf_add_char(out, '}');
}

static void
take_reasoning(struct bedrock_events *e, const struct skim_value *reasoning,
    struct buf *out)
{
	struct skim_value text, signature, data;
	const struct skim_wanted wanted[] = { { "text", &text },
		{ "signature", &signature }, { "redactedContent", &data } };
	struct buf block;

	pick(reasoning, wanted, ARRAY_LEN(wanted));
	if (!pick_is_empty(&data)) {
		close_block(e, out);
		buf_init(&block, out->max);
		write_redacted(&data, &block);
		messages_event_block(e->index, buf_str(&block), out);
		out->overflowed |= block.overflowed;
		buf_fini(&block);
		e->block = BEDROCK_REDACTED;
		return;
	}
	if (pick_is_empty(&text) && pick_is_empty(&signature))
		return;
	open_block(e, BEDROCK_THINKING,
	    "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}",
	    out);
	add_delta(e, "thinking_delta", "thinking", &text, out);
	add_delta(e, "signature_delta", "signature", &signature, out);
}

static void
take_delta(struct bedrock_events *e, const struct skim_value *root,
    struct buf *out)
{
	struct skim_value delta = pick_one(root, "delta"), text, use, reasoning;
	const struct skim_wanted wanted[] = { { "text", &text },
		{ "toolUse", &use }, { "reasoningContent", &reasoning } };

	pick(&delta, wanted, ARRAY_LEN(wanted));
	if (!pick_is_empty(&text)) {
		open_block(e, BEDROCK_TEXT, "{\"type\":\"text\",\"text\":\"\"}",
		    out);
		add_delta(e, "text_delta", "text", &text, out);
	}
	if (reasoning.type == SKIM_OBJECT)
		take_reasoning(e, &reasoning, out);
	if (use.type == SKIM_OBJECT && e->block == BEDROCK_TOOL) {
		use = pick_one(&use, "input");
		add_delta(e, "input_json_delta", "partial_json", &use, out);
	}
}

void
bedrock_event_end(struct bedrock_events *e, const struct usage *u,
    struct buf *out)
{
	if (e->ended)
		return;
	e->ended = true;
	start(e, out);
	close_block(e, out);
	messages_event_end(e->stop_reason, str_of(""), u, out);
	messages_event_stop(out);
}

/* The usage as Converse has it; message_delta takes it as it is. */
static void
take_metadata(struct bedrock_events *e, const struct skim_value *root,
    struct buf *out)
{
	struct skim_value usage = pick_one(root, "usage");

	if (usage.type != SKIM_OBJECT || e->stop_reason[0] == '\0' || e->ended)
		return;
	e->ended = true;
	start(e, out);
	close_block(e, out);
	buf_printf(out,
	    "event: message_delta\ndata: {\"type\":\"message_delta\","
	    "\"delta\":{\"stop_reason\":\"%s\",\"stop_sequence\":null},"
	    "\"usage\":",
	    e->stop_reason);
	write_usage(&usage, out);
	buf_add_cstr(out, "}\n\n");
	messages_event_stop(out);
}

void
bedrock_event_write(struct bedrock_events *e, const struct event_message *m,
    struct buf *out)
{
	struct skim_value root = pick_root(m->payload), v;

	if (str_is(m->event_type, "messageStart")) {
		start(e, out);
	} else if (str_is(m->event_type, "contentBlockStart")) {
		start(e, out);
		take_start(e, &root, out);
	} else if (str_is(m->event_type, "contentBlockDelta")) {
		start(e, out);
		take_delta(e, &root, out);
	} else if (str_is(m->event_type, "contentBlockStop")) {
		close_block(e, out);
	} else if (str_is(m->event_type, "messageStop")) {
		v = pick_one(&root, "stopReason");
		snprintf(e->stop_reason, sizeof(e->stop_reason), "%s",
		    stop_reason_of(&v));
	} else if (str_is(m->event_type, "metadata")) {
		take_metadata(e, &root, out);
	}
}

/* ---- whole answers ------------------------------------------------------ */

static void
write_thinking(const struct skim_value *reasoning, struct buf *out)
{
	struct skim_value data = pick_one(reasoning, "redactedContent");
	struct skim_value inner = pick_one(reasoning, "reasoningText");
	struct skim_value text = pick_one(&inner, "text");
	struct skim_value signature = pick_one(&inner, "signature");
	struct str empty = str_of("\"\"");

	if (data.type == SKIM_STRING) {
		write_redacted(&data, out);
		return;
	}
	buf_add_cstr(out, "{\"type\":\"thinking\",\"thinking\":");
	buf_add_str(out, text.type == SKIM_STRING ? text.value : empty);
	buf_add_cstr(out, ",\"signature\":");
	buf_add_str(out,
	    signature.type == SKIM_STRING ? signature.value : empty);
	buf_add_char(out, '}');
}

/* False: a kind of block that Anthropic's form does not have. */
static bool
write_block(const struct skim_value *block, struct buf *out)
{
	struct skim_value text, use, reasoning, input;
	const struct skim_wanted wanted[] = { { "text", &text },
		{ "toolUse", &use }, { "reasoningContent", &reasoning } };

	pick(block, wanted, ARRAY_LEN(wanted));
	if (text.type == SKIM_STRING) {
		buf_add_cstr(out, "{\"type\":\"text\",\"text\":");
		buf_add_str(out, text.value);
		buf_add_char(out, '}');
	} else if (use.type == SKIM_OBJECT) {
		input = pick_one(&use, "input");
		write_tool_head(&use, out);
		buf_add_cstr(out, ",\"input\":");
		buf_add_str(out,
		    input.type == SKIM_OBJECT ? input.value : str_of("{}"));
		buf_add_char(out, '}');
	} else if (reasoning.type == SKIM_OBJECT) {
		write_thinking(&reasoning, out);
	} else {
		return false;
	}
	return true;
}

void
bedrock_message_write(const struct bedrock_events *e, struct str answer,
    struct buf *out)
{
	struct skim_value root = pick_root(answer), output, reason, usage, v;
	const struct skim_wanted wanted[] = { { "output", &output },
		{ "stopReason", &reason }, { "usage", &usage } };
	struct skim_value message, content;
	struct skim_iter it;
	struct str key;
	size_t before, start_at;

	pick(&root, wanted, ARRAY_LEN(wanted));
	message = pick_one(&output, "message");
	content = pick_one(&message, "content");
	buf_add_cstr(out, "{\"id\":");
	buf_add_str(out, buf_str(&e->id));
	buf_add_cstr(out,
	    ",\"type\":\"message\",\"role\":\"assistant\",\"model\":");
	buf_add_str(out, buf_str(&e->model));
	buf_add_cstr(out, ",\"content\":[");
	start_at = out->len;
	if (content.type == SKIM_ARRAY) {
		skim_iter_init(&it, content.value);
		it.max_depth = SKIM_TOP_DEPTH;
		while (skim_iter_next(&it, &key, &v) == 1) {
			before = out->len;
			if (before > start_at)
				buf_add_char(out, ',');
			if (!write_block(&v, out) && before > start_at)
				out->len--;
		}
	}
	buf_printf(out, "],\"stop_reason\":\"%s\",\"stop_sequence\":null",
	    stop_reason_of(&reason));
	if (usage.type == SKIM_OBJECT) {
		buf_add_cstr(out, ",\"usage\":");
		write_usage(&usage, out);
	}
	buf_add_char(out, '}');
}
