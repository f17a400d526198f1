/*
 * The engine of Anthropic's relays: bytes to events, facts, and the ops. See
 * anthropic_relay.h.
 */
#include "wire/anthropic/anthropic_chat.h"

#include "base/clock.h"
#include "wire/messages/count_relay.h"
#include "wire/messages/messages_event.h"
#include "wire/responses/responses_relay.h"

/* ---- facts ------------------------------------------------------------- */

static void
note_text(struct relay *r, int64_t bytes)
{
	struct relay_facts *f = &r->facts;
	struct anthropic_relay *s = r->state;

	if (bytes <= 0)
		return;
	f->first_token = true;
	f->delivered_bytes += bytes;
	s->deltas += s->in.form == INPUT_EVENTS;
	f->output_guess_tokens = relay_guess(f->delivered_bytes, s->deltas);
	if (f->usage.source == USAGE_NONE)
		return;
	/* Text behind the last usage: it is no longer all of it. */
	f->usage.source = USAGE_ESTIMATED;
	if (f->usage.completion_tokens < f->output_guess_tokens)
		f->usage.completion_tokens = f->output_guess_tokens;
}

static void
note_usage(struct relay *r, const struct skim_value *v)
{
	struct relay_facts *f = &r->facts;
	struct anthropic_relay *s = r->state;
	struct usage u;
	bool has_output;

	if (v->type != SKIM_OBJECT)
		return;
	has_output = anthropic_usage_read(v, &s->usage);
	anthropic_usage_get(&s->usage, &u);
	if (u.searches == 0)
		u.searches = s->searches;
	if (!s->usage.any || u.prompt_tokens + u.completion_tokens == 0)
		return;
	if (f->delivered_bytes > 0 && !has_output) {
		u.source = USAGE_ESTIMATED;
		u.completion_tokens = f->output_guess_tokens;
	}
	f->usage = u;
}

static void
note_stop(struct relay *r, const struct skim_value *stop_reason)
{
	struct relay_facts *f = &r->facts;
	struct anthropic_relay *s = r->state;
	const char *reason;

	if (stop_reason->type != SKIM_STRING)
		return;
	reason = anthropic_finish_reason(stop_reason);
	if (s->json_answer && strcmp(reason, "tool_calls") == 0 &&
	    s->tool_count == 0)
		reason = "stop";
	str_keep(str_of(reason), f->finish_reason, sizeof(f->finish_reason));
	f->finished = true;
}

static void
note_message(struct relay *r, const struct skim_value *message)
{
	struct anthropic_relay *s = r->state;
	struct skim_value id, model, usage;
	const struct skim_wanted wanted[] = { { "id", &id },
		{ "model", &model }, { "usage", &usage } };

	pick(message, wanted, ARRAY_LEN(wanted));
	s->has_started = true;
	if (id.type == SKIM_STRING && id.value.n > 2 &&
	    id.value.n < sizeof(s->id)) {
		memcpy(s->id, id.value.p, id.value.n);
		s->id[id.value.n] = '\0';
	}
	relay_copy_string(&model, r->facts.model, sizeof(r->facts.model));
	note_usage(r, &usage);
}

static void
note_block(struct relay *r, const struct anthropic_block *b)
{
	struct anthropic_relay *s = r->state;

	s->block = b->type;
	s->json_answer = s->json_answer || b->type == BLOCK_JSON;
	s->tool_count += b->type == BLOCK_TOOL;
	s->thinking_count +=
	    b->type == BLOCK_THINKING || b->type == BLOCK_REDACTED;
	if (b->type == BLOCK_TOOL)
		r->facts.first_token = true;
	/* Its count comes with the last usage; a stream may end before. One
	   that failed has an object there and is not billed. */
	if (b->type == BLOCK_FOUND && b->content.type == SKIM_ARRAY) {
		s->searches++;
		if (r->facts.usage.searches < s->searches)
			r->facts.usage.searches = s->searches;
	}
}

static void
note_event(struct relay *r, const struct anthropic_event *e)
{
	struct anthropic_relay *s = r->state;

	note_text(r, e->text_bytes);
	switch (e->type) {
	case EVENT_MESSAGE_START:
		note_message(r, &e->message);
		break;
	case EVENT_BLOCK_START:
		note_block(r, &e->block);
		if (skim_int(&e->index, &s->block_index) != 0)
			s->block_index = 0;
		break;
	case EVENT_MESSAGE_DELTA:
		note_usage(r, &e->usage);
		note_stop(r, &e->stop_reason);
		break;
	case EVENT_MESSAGE_STOP:
		r->facts.finished = true;
		break;
	case EVENT_BLOCK_DELTA:
	case EVENT_BLOCK_STOP:
	case EVENT_OTHER:
	case EVENT_PING:
	case EVENT_ERROR:
		break;
	}
}

static bool
passes_limit(const struct relay *r, const struct anthropic_event *e)
{
	const struct anthropic_relay *s = r->state;
	int64_t limit = r->options.stop_after_tokens;

	if (limit < 0 || e->text_bytes == 0)
		return false;
	return s->deltas + 1 > limit ||
	       relay_least_tokens(r->facts.delivered_bytes + e->text_bytes) >
		   limit;
}

/* ---- streams ----------------------------------------------------------- */

static void
set_ended(struct relay *r)
{
	struct anthropic_relay *s = r->state;

	r->facts.finished = true;
	r->facts.done_marker = true;
	s->in.ended = true;
}

static void
cut_short(struct relay *r, struct buf *out)
{
	struct anthropic_relay *s = r->state;

	snprintf(r->facts.finish_reason, sizeof(r->facts.finish_reason),
	    "length");
	r->facts.stopped = true;
	s->writer->cut_short(r, out);
	set_ended(r);
}

static int
take_error(struct relay *r, struct str data, struct err *err)
{
	struct skim_value root = pick_root(data), type;

	type = pick_one(&root, "error");
	type = pick_one(&type, "type");
	return relay_error(r, data, anthropic_error_status(&type), err);
}

static int
take_event(struct relay *r, const struct sse_event *sse, struct buf *out,
    struct err *err)
{
	struct anthropic_relay *s = r->state;
	struct str data = str_trim(sse->data);
	struct anthropic_event e;

	if (sse->comment_only) {
		if (r->facts.chunks > 0)
			s->writer->keep_alive(r, out);
		return 0;
	}
	if (data.n == 0 || str_starts(data, "[DONE]"))
		return 0;
	if (anthropic_event_read(sse, &e, err) != 0)
		return relay_malformed(r, err, "event %lld: %s",
		    (long long)r->facts.chunks, err->text);
	if (e.type == EVENT_ERROR)
		return take_error(r, data, err);
	if (e.type == EVENT_MESSAGE_STOP && !s->has_started)
		return relay_malformed(r, err,
		    "the stream ended before its message_start");
	if (passes_limit(r, &e)) {
		cut_short(r, out);
		return 0;
	}
	note_event(r, &e);
	s->writer->event(r, &e, out);
	if (e.type == EVENT_BLOCK_STOP)
		s->block = BLOCK_NONE;
	if (e.type == EVENT_MESSAGE_STOP)
		set_ended(r);
	return 0;
}

static int
end_events(struct relay *r, struct buf *out, struct err *err)
{
	struct anthropic_relay *s = r->state;

	if (!r->facts.finished)
		return err_set(err, ERR_UPSTREAM_CUT,
		    "the stream ended without a stop_reason");
	s->writer->end(r, out);
	set_ended(r);
	return 0;
}

/* ---- plain ------------------------------------------------------------- */

static void
note_answer(struct relay *r, const struct skim_value *message,
    const struct skim_value *content, const struct skim_value *stop_reason)
{
	struct anthropic_block block;
	struct skim_iter it;
	struct skim_value v;
	struct str key;

	skim_iter_init(&it, content->value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		anthropic_block_read(&v, &block);
		note_block(r, &block);
		note_text(r, anthropic_block_bytes(&block));
	}
	note_message(r, message);
	note_stop(r, stop_reason);
	r->facts.finished = true;
}

#define MAX_DEPTH 512

static int
take_answer(struct relay *r, struct buf *out, struct err *err)
{
	struct anthropic_relay *s = r->state;
	struct str text = relay_input_text(r);
	struct skim_value message, content, error, stop_reason;
	const struct skim_wanted wanted[] = { { "error", &error },
		{ "content", &content }, { "stop_reason", &stop_reason } };

	if (text.n == 0 || text.p[0] != '{')
		return relay_input_no_object(r, err);
	if (pick_checked(text, MAX_DEPTH, wanted, ARRAY_LEN(wanted), err) != 0)
		return relay_malformed(r, err, "%s", err->text);
	message = pick_root(text);
	if (error.type != SKIM_ABSENT && error.type != SKIM_FALSE)
		return take_error(r, text, err);
	if (content.type != SKIM_ARRAY)
		return relay_malformed(r, err,
		    "the answer has no list of content");
	note_answer(r, &message, &content, &stop_reason);
	if (r->options.request->stream)
		s->writer->wrap(r, &message, out);
	else
		s->writer->plain(r, &message, out);
	r->facts.done_marker = r->options.request->stream;
	s->in.ended = true;
	return 0;
}

/* ---- ops --------------------------------------------------------------- */

static const struct relay_taker taker = {
	.event = take_event,
	.whole = take_answer,
	.end = end_events,
};

static int
start(struct relay *r, struct err *err)
{
	struct anthropic_relay *s = r->state;
	bool chat = r->options.request->api == WIRE_CHAT;

	(void)err;
	s->writer = chat ? &anthropic_chat_writer : &anthropic_pass_writer;
	relay_input_init(r, &taker);
	s->created = clock_wall_nsecs() / NSECS_PER_SEC;
	s->holds_text = chat && anthropic_chunk_holds_text(r);
	buf_init(&s->held, r->options.max_answer_bytes);
	buf_init(&s->input, r->options.max_event_bytes);
	citations_init(&s->cites, r->options.max_answer_bytes, true);
	relay_quote_model(r, &s->model);
	return 0;
}

static void
stop(struct relay *r)
{
	struct anthropic_relay *s = r->state;

	relay_input_fini(r);
	buf_fini(&s->held);
	buf_fini(&s->input);
	citations_fini(&s->cites);
	buf_fini(&s->model);
}

static void
keep_alive(struct relay *r, struct buf *out)
{
	if (r->options.request->api == WIRE_MESSAGES)
		messages_event_ping(out);
	else
		buf_add_cstr(out, ": keep-alive\n\n");
}

#define ANTHROPIC_OPS(word)                                                    \
	{                                                                      \
		.name = "anthropic-" word,                                     \
		.state_bytes = sizeof(struct anthropic_relay), .start = start, \
		.feed = relay_input_feed, .finish = relay_input_finish,        \
		.fail = relay_input_fail, .stop = stop,                        \
		.keep_alive = keep_alive,                                      \
	}

const struct relay_ops *
anthropic_relay_find(enum wire_api api)
{
	static const struct relay_ops chat = ANTHROPIC_OPS("chat");
	static const struct relay_ops messages = ANTHROPIC_OPS("messages");

	if (api == WIRE_CHAT)
		return &chat;
	if (api == WIRE_MESSAGES)
		return &messages;
	if (api == WIRE_RESPONSES)
		return &responses_relay;
	return api == WIRE_COUNT ? &count_relay : NULL;
}
