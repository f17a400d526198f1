/*
 * Anthropic's events as chunks of OpenAI's chat. See anthropic_relay.h.
 *
 *   message_start          a chunk with the role
 *   text                   delta.content; where the answer is to be JSON by a
 *                          tool it waits: it goes when the tool is called, and
 *                          comes in one piece when another one is, or none
 *   citations              delta.annotations, all in one chunk before the
 *                          finish_reason, as OpenAI has it: some clients keep
 *                          only the last chunk's. Before tool calls those that
 *                          are known, since the message is closed by them
 *   thinking               delta.reasoning_content, and thinking_blocks with
 *                          an index, which a client can add up and send back
 *                          with the signature
 *   tool_use               delta.tool_calls, counted from 0
 *   message_delta          finish_reason (and the words of a refusal before)
 *   message_stop           usage when it was asked for, [DONE]
 *   ping                   a comment
 */
#include "wire/anthropic/anthropic_chat.h"

#include "wire/anthropic/claude.h"

#include "wire/usage_json.h"

void
anthropic_chunk_head(const struct relay *r, struct anthropic_chunk_head *h_r)
{
	const struct anthropic_relay *s = r->state;

	memset(h_r, 0, sizeof(*h_r));
	num_format(s->created, 0, h_r->created);
	h_r->c.id = str_of(s->id);
	h_r->c.created = str_of(h_r->created);
	h_r->c.model = buf_str(&s->model);
}

void
anthropic_chunk_end(struct relay *r, struct buf *out)
{
	struct usage u = relay_known_usage(r);
	struct anthropic_chunk_head h;
	struct buf text;

	if (r->options.request->include_usage) {
		anthropic_chunk_head(r, &h);
		buf_init(&text, 4096);
		usage_json_write(&u, &text);
		chat_chunk_usage(&h.c, buf_str(&text), out);
		buf_fini(&text);
		r->facts.chunks++;
	}
	chat_chunk_done(out);
}

/* {"index":0,"delta":{ ... the caller's members ... */
static void
open_delta(struct relay *r, struct buf *out)
{
	struct anthropic_chunk_head h;

	anthropic_chunk_head(r, &h);
	chat_chunk_open(&h.c, out);
	buf_add_cstr(out, "{\"index\":0,\"delta\":{");
}

static void
close_delta(struct relay *r, struct buf *out)
{
	buf_add_cstr(out, "},\"logprobs\":null,\"finish_reason\":null}");
	chat_chunk_close(str_make("", 0), out);
	r->facts.chunks++;
}

static void
write_role(struct relay *r, struct buf *out)
{
	struct anthropic_relay *s = r->state;

	if (s->role_sent)
		return;
	s->role_sent = true;
	open_delta(r, out);
	buf_add_cstr(out, "\"role\":\"assistant\",\"content\":\"\"");
	close_delta(r, out);
}

/* One member whose value is a string of the provider's. */
static void
write_string(struct relay *r, const char *key, const struct skim_value *v,
    struct buf *out)
{
	if (pick_is_empty(v))
		return;
	open_delta(r, out);
	buf_add_char(out, '"');
	buf_add_cstr(out, key);
	buf_add_cstr(out, "\":");
	buf_add_str(out, v->value);
	close_delta(r, out);
}

/* ---- text --------------------------------------------------------------- */

/* response_format, or in a response's request text.format. */
static bool
asks_schema(const struct wire_request *r)
{
	const struct wire_member *own =
	    wire_request_member(r, str_of("response_format"));
	const struct wire_member *text = wire_request_member(r, str_of("text"));
	struct skim_value format = { .type = SKIM_ABSENT }, type;

	if (own != NULL)
		format = own->at;
	else if (text != NULL)
		format = pick_one(&text->at, "format");
	type = pick_one(&format, "type");
	return skim_string_is(&type, "json_schema");
}

bool
anthropic_chunk_holds_text(const struct relay *r)
{
	return r->options.request->stream && asks_schema(r->options.request) &&
	       !claude_find(str_of(r->options.upstream_model))->has_schema;
}

static void
write_text(struct relay *r, const struct skim_value *v, struct buf *out)
{
	struct anthropic_relay *s = r->state;

	if (s->json_answer)
		return; /* the same as in a plain answer */
	citations_text(&s->cites, v);
	if (!s->holds_text)
		write_string(r, "content", v, out);
	else if (buf_add_str(&s->held, pick_inside(v)) != 0)
		out->overflowed = true;
}

/* No JSON comes of it: what was held is the answer's text. */
static void
release_text(struct relay *r, struct buf *out)
{
	struct anthropic_relay *s = r->state;
	struct buf text;
	struct skim_value v = { .type = SKIM_STRING };

	s->holds_text = false;
	if (s->json_answer || s->held.len == 0)
		return;
	buf_init(&text, s->held.len + 2);
	buf_add_char(&text, '"');
	buf_add_str(&text, buf_str(&s->held));
	buf_add_char(&text, '"');
	v.value = buf_str(&text);
	write_string(r, "content", &v, out);
	buf_clear(&s->held);
	buf_fini(&text);
}

/* Of a JSON answer's text nothing is left that they could belong to. */
static void
release_citations(struct relay *r, struct buf *out)
{
	struct anthropic_relay *s = r->state;

	citations_end(&s->cites);
	out->overflowed |= citations_overflowed(&s->cites);
	if (s->json_answer || s->cites.annotations.len == 0)
		return;
	open_delta(r, out);
	buf_add_cstr(out, "\"annotations\":[");
	buf_add_str(out, buf_str(&s->cites.annotations));
	buf_add_char(out, ']');
	close_delta(r, out);
	buf_clear(&s->cites.annotations);
}

/* ---- thinking ----------------------------------------------------------- */

/* A piece of thinking, of its signature, or a redacted block. The index is
   that of the block among thinking_blocks. */
static void
write_thinking(struct relay *r, const char *type, const char *member,
    const struct skim_value *v, struct buf *out)
{
	struct anthropic_relay *s = r->state;

	if (pick_is_empty(v))
		return;
	open_delta(r, out);
	if (strcmp(member, "thinking") == 0) {
		buf_add_cstr(out, "\"reasoning_content\":");
		buf_add_str(out, v->value);
		buf_add_char(out, ',');
	}
	buf_printf(out,
	    "\"thinking_blocks\":[{\"index\":%lld,\"type\":\"%s\",\"%s\":",
	    (long long)s->thinking_count - 1, type, member);
	buf_add_str(out, v->value);
	buf_add_cstr(out, "}]");
	close_delta(r, out);
}

/* ---- tool calls -------------------------------------------------------- */

static void
open_call(struct relay *r, struct buf *out)
{
	struct anthropic_relay *s = r->state;

	open_delta(r, out);
	buf_printf(out, "\"tool_calls\":[{\"index\":%lld,",
	    (long long)s->tool_count - 1);
}

static void
close_call(struct relay *r, struct buf *out)
{
	buf_add_cstr(out, "}}]");
	close_delta(r, out);
}

static void
write_call_start(struct relay *r, const struct anthropic_block *b,
    struct buf *out)
{
	open_call(r, out);
	buf_add_cstr(out, "\"id\":");
	anthropic_add_string(&b->id, "\"call_0\"", out);
	buf_add_cstr(out, ",\"type\":\"function\",\"function\":{\"name\":");
	anthropic_add_string(&b->name, "\"\"", out);
	buf_add_cstr(out, ",\"arguments\":\"\"");
	close_call(r, out);
}

/* text: a JSON string. */
static void
write_arguments(struct relay *r, struct str text, struct buf *out)
{
	open_call(r, out);
	buf_add_cstr(out, "\"function\":{\"arguments\":");
	buf_add_str(out, text);
	close_call(r, out);
}

/* Its input usually follows in pieces; where it does not, the one at the
   start is all there is. */
static void
keep_input(struct anthropic_relay *s, const struct anthropic_block *b)
{
	buf_clear(&s->input);
	s->has_json = false;
	buf_add_char(&s->input, '"');
	if (b->input.type == SKIM_OBJECT) {
		struct buf compact;

		buf_init(&compact, s->input.max);
		pick_compact(b->input.value, &compact);
		jsonw_escape(&s->input, buf_str(&compact));
		buf_fini(&compact);
	} else {
		buf_add_cstr(&s->input, "{}");
	}
	buf_add_char(&s->input, '"');
}

/* ---- events ------------------------------------------------------------ */

static void
block_start(struct relay *r, const struct anthropic_block *b, struct buf *out)
{
	struct anthropic_relay *s = r->state;

	switch (b->type) {
	case BLOCK_TEXT:
		citations_begin(&s->cites);
		citations_add_all(&s->cites, &b->citations);
		write_text(r, &b->text, out);
		break;
	case BLOCK_THINKING:
		write_thinking(r, "thinking", "thinking", &b->thinking, out);
		write_thinking(r, "thinking", "signature", &b->signature, out);
		break;
	case BLOCK_REDACTED:
		write_thinking(r, "redacted_thinking", "data", &b->data, out);
		break;
	case BLOCK_TOOL:
		release_text(r, out);
		release_citations(r, out);
		keep_input(s, b);
		write_call_start(r, b, out);
		break;
	case BLOCK_JSON:
		keep_input(s, b);
		break;
	case BLOCK_NONE:
	case BLOCK_FOUND:
	case BLOCK_OTHER:
		break;
	}
}

static void
input_piece(struct relay *r, struct str text, struct buf *out)
{
	struct anthropic_relay *s = r->state;
	struct skim_value v = { .type = SKIM_STRING, .value = text };

	if (s->block == BLOCK_TOOL)
		write_arguments(r, text, out);
	else if (s->block == BLOCK_JSON)
		write_string(r, "content", &v, out);
	s->has_json = true;
}

static void
block_delta(struct relay *r, const struct anthropic_event *e, struct buf *out)
{
	struct anthropic_relay *s = r->state;

	switch (e->delta) {
	case DELTA_TEXT:
		write_text(r, &e->piece, out);
		break;
	case DELTA_JSON:
		if (!pick_is_empty(&e->piece))
			input_piece(r, e->piece.value, out);
		break;
	case DELTA_THINKING:
		write_thinking(r, "thinking", "thinking", &e->piece, out);
		break;
	case DELTA_SIGNATURE:
		write_thinking(r, "thinking", "signature", &e->piece, out);
		break;
	case DELTA_CITATION:
		citations_add(&s->cites, &e->piece);
		break;
	case DELTA_OTHER:
		break;
	}
}

static void
block_stop(struct relay *r, struct buf *out)
{
	struct anthropic_relay *s = r->state;

	if ((s->block == BLOCK_TOOL || s->block == BLOCK_JSON) && !s->has_json)
		input_piece(r, buf_str(&s->input), out);
}

static void
write_finish(struct relay *r, struct buf *out)
{
	struct anthropic_relay *s = r->state;
	struct anthropic_chunk_head h;

	if (s->finish_sent)
		return;
	release_text(r, out);
	release_citations(r, out);
	s->finish_sent = true;
	anthropic_chunk_head(r, &h);
	chat_chunk_finish(&h.c, 0, !s->role_sent,
	    r->facts.finish_reason[0] != '\0' ? r->facts.finish_reason : "stop",
	    out);
	s->role_sent = true;
	r->facts.chunks++;
}

static void
write_end(struct relay *r, struct buf *out)
{
	write_finish(r, out);
	anthropic_chunk_end(r, out);
}

static void
keep_alive(struct relay *r, struct buf *out)
{
	if (r->facts.chunks > 0)
		buf_add_cstr(out, ": keep-alive\n\n");
}

static void
write_event(struct relay *r, const struct anthropic_event *e, struct buf *out)
{
	switch (e->type) {
	case EVENT_MESSAGE_START:
		write_role(r, out);
		break;
	case EVENT_BLOCK_START:
		write_role(r, out);
		block_start(r, &e->block, out);
		break;
	case EVENT_BLOCK_DELTA:
		write_role(r, out);
		block_delta(r, e, out);
		break;
	case EVENT_BLOCK_STOP:
		block_stop(r, out);
		break;
	case EVENT_MESSAGE_DELTA:
		if (e->stop_reason.type != SKIM_STRING)
			break;
		write_string(r, "refusal", &e->explanation, out);
		write_finish(r, out);
		break;
	case EVENT_MESSAGE_STOP:
		write_end(r, out);
		break;
	case EVENT_PING:
		keep_alive(r, out);
		break;
	case EVENT_OTHER:
	case EVENT_ERROR:
		break;
	}
}

const struct anthropic_writer anthropic_chat_writer = {
	.plain = anthropic_chat_plain,
	.wrap = anthropic_chat_wrap,
	.event = write_event,
	.keep_alive = keep_alive,
	.cut_short = write_end,
	.end = write_end,
};
