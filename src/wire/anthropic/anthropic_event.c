/* Reading Anthropic's events and content blocks. See anthropic_relay.h. */
#include "wire/anthropic/anthropic_relay.h"

#include "wire/anthropic/anthropic_body.h"

static const struct {
	const char *word;
	enum event_type type;
} event_types[] = {
	{ "content_block_delta", EVENT_BLOCK_DELTA },
	{ "content_block_start", EVENT_BLOCK_START },
	{ "content_block_stop", EVENT_BLOCK_STOP },
	{ "message_start", EVENT_MESSAGE_START },
	{ "message_delta", EVENT_MESSAGE_DELTA },
	{ "message_stop", EVENT_MESSAGE_STOP },
	{ "ping", EVENT_PING },
	{ "error", EVENT_ERROR },
};

static const struct {
	const char *word;
	enum block_type type;
} block_types[] = {
	{ "text", BLOCK_TEXT },
	{ "thinking", BLOCK_THINKING },
	{ "redacted_thinking", BLOCK_REDACTED },
	{ "tool_use", BLOCK_TOOL },
	{ "web_search_tool_result", BLOCK_FOUND },
};

static const struct {
	const char *type, *member;
	enum delta_type delta;
} delta_types[] = {
	{ "text_delta", "text", DELTA_TEXT },
	{ "input_json_delta", "partial_json", DELTA_JSON },
	{ "thinking_delta", "thinking", DELTA_THINKING },
	{ "signature_delta", "signature", DELTA_SIGNATURE },
	{ "citations_delta", "citation", DELTA_CITATION },
};

static int64_t
text_bytes(const struct skim_value *v)
{
	return v->type == SKIM_STRING ? (int64_t)skim_text_bytes(v->value) : 0;
}

void
anthropic_add_string(const struct skim_value *v, const char *instead,
    struct buf *out)
{
	if (v->type == SKIM_STRING)
		buf_add_str(out, v->value);
	else
		buf_add_cstr(out, instead);
}

void
anthropic_block_read(const struct skim_value *object,
    struct anthropic_block *block_r)
{
	struct skim_value type;
	const struct skim_wanted wanted[] = { { "type", &type },
		{ "id", &block_r->id }, { "name", &block_r->name },
		{ "input", &block_r->input }, { "text", &block_r->text },
		{ "thinking", &block_r->thinking },
		{ "signature", &block_r->signature },
		{ "data", &block_r->data },
		{ "citations", &block_r->citations },
		{ "content", &block_r->content } };

	pick(object, wanted, ARRAY_LEN(wanted));
	block_r->object = *object;
	block_r->type = BLOCK_OTHER;
	for (size_t i = 0; i < ARRAY_LEN(block_types); i++) {
		if (skim_string_is(&type, block_types[i].word))
			block_r->type = block_types[i].type;
	}
	if (block_r->type == BLOCK_TOOL &&
	    skim_string_is(&block_r->name, ANTHROPIC_JSON_TOOL))
		block_r->type = BLOCK_JSON;
}

int64_t
anthropic_block_bytes(const struct anthropic_block *b)
{
	switch (b->type) {
	case BLOCK_TEXT:
		return text_bytes(&b->text);
	case BLOCK_THINKING:
		return text_bytes(&b->thinking);
	case BLOCK_TOOL:
	case BLOCK_JSON:
		return text_bytes(&b->name) + (int64_t)b->input.value.n;
	case BLOCK_NONE:
	case BLOCK_REDACTED:
	case BLOCK_FOUND:
	case BLOCK_OTHER:
		break;
	}
	return 0;
}

static void
read_block_start(const struct skim_value *object, struct anthropic_event *e)
{
	anthropic_block_read(object, &e->block);
	/* Its input comes in pieces; what stands here is {}. */
	if (e->block.type == BLOCK_TOOL || e->block.type == BLOCK_JSON)
		e->text_bytes = text_bytes(&e->block.name);
	else
		e->text_bytes = anthropic_block_bytes(&e->block);
}

static void
read_delta(const struct skim_value *object, struct anthropic_event *e)
{
	struct skim_value type = pick_one(object, "type");

	e->delta = DELTA_OTHER;
	for (size_t i = 0; i < ARRAY_LEN(delta_types); i++) {
		if (!skim_string_is(&type, delta_types[i].type))
			continue;
		e->piece = pick_one(object, delta_types[i].member);
		e->delta = delta_types[i].delta;
	}
	if (e->piece.type !=
	    (e->delta == DELTA_CITATION ? SKIM_OBJECT : SKIM_STRING))
		e->delta = DELTA_OTHER;
	else if (e->delta != DELTA_SIGNATURE)
		e->text_bytes = text_bytes(&e->piece);
}

static void
read_message_delta(const struct skim_value *object, struct anthropic_event *e)
{
	struct skim_value details = pick_one(object, "stop_details");

	e->stop_reason = pick_one(object, "stop_reason");
	e->explanation = pick_one(&details, "explanation");
}

int
anthropic_event_read(const struct sse_event *sse, struct anthropic_event *e_r,
    struct err *err)
{
	static const struct skim_options deep = { .max_depth = 512 };
	struct skim_value type, block, delta, error;
	const struct skim_wanted wanted[] = { { "type", &type },
		{ "message", &e_r->message }, { "index", &e_r->index },
		{ "content_block", &block }, { "delta", &delta },
		{ "usage", &e_r->usage }, { "error", &error } };
	struct skim_value root;

	memset(e_r, 0, sizeof(*e_r));
	e_r->sse = sse;
	if (skim(sse->data, NULL, 0, &deep, err) != 0)
		return -1;
	root = pick_root(sse->data);
	pick(&root, wanted, ARRAY_LEN(wanted));
	for (size_t i = 0; i < ARRAY_LEN(event_types); i++) {
		if (skim_string_is(&type, event_types[i].word))
			e_r->type = event_types[i].type;
	}
	if (e_r->type == EVENT_OTHER && error.type == SKIM_OBJECT)
		e_r->type = EVENT_ERROR;
	if (e_r->type == EVENT_BLOCK_START)
		read_block_start(&block, e_r);
	else if (e_r->type == EVENT_BLOCK_DELTA)
		read_delta(&delta, e_r);
	else if (e_r->type == EVENT_MESSAGE_DELTA)
		read_message_delta(&delta, e_r);
	return 0;
}
