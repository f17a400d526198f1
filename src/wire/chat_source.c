/* A provider's answer as a chat's. See chat_source.h. */
#include "wire/chat_source.h"

#include "wire/openai/call_seal.h"
#include "wire/relay_note.h"

int
chat_source_open(const struct relay *r, const struct chat_listener *listener,
    struct err *err)
{
	struct chat_source *s = r->state;
	struct relay_options options = r->options;

	s->listener = listener;
	s->chat = *r->options.request;
	s->chat.api = WIRE_CHAT;
	s->chat.include_usage = s->chat.stream;
	s->chat.continuous_usage = false;
	s->chat.n = s->chat.outputs = 1;
	options.request = &s->chat;
	if (relay_open(&s->inner, r->options.chat, &options, err) != 0)
		return -1;
	s->is_open = true;
	/* Whatever one feed gives out stands here. */
	buf_init(&s->bytes,
	    2 * (options.max_answer_bytes + options.max_event_bytes));
	sse_reader_init(&s->sse, s->bytes.max);
	return 0;
}

void
chat_source_close(const struct relay *r)
{
	struct chat_source *s = r->state;

	if (!s->is_open)
		return;
	relay_close(&s->inner);
	buf_fini(&s->bytes);
	sse_reader_fini(&s->sse);
}

static void
take_facts(const struct chat_source *s, struct relay *r)
{
	int64_t chunks = r->facts.chunks;

	r->facts = s->inner.facts;
	r->facts.chunks = chunks;
}

static void
take_event(struct chat_source *s, struct relay *r,
    const struct sse_event *event, struct buf *out)
{
	struct skim_value root;

	if (event->comment_only) {
		s->listener->comment(r, out);
	} else if (str_is(event->data, "[DONE]")) {
		s->listener->done(r, out);
		s->ended = true;
	} else {
		root = pick_root(event->data);
		s->listener->chunk(r, &root, out);
	}
}

static int
check(const struct chat_source *s, struct relay *r, const struct buf *out,
    struct err *err)
{
	if (s->listener->check != NULL && s->listener->check(r, err) != 0)
		return -1;
	return relay_check_room(out, err);
}

/* What the inner relay gave out is ours: it is well formed. */
static int
convert(struct chat_source *s, struct relay *r, struct buf *out,
    struct err *err)
{
	struct str rest = buf_str(&s->bytes);
	struct sse_event event;
	int got;

	take_facts(s, r);
	while (
	    !s->ended && (got = sse_next(&s->sse, &rest, &event, err)) != 0) {
		if (got < 0)
			return -1;
		take_event(s, r, &event, out);
	}
	buf_clear(&s->bytes);
	return check(s, r, out, err);
}

/* What the inner relay gave out before it failed still is good; its own error
   is what counts. */
int
chat_source_feed(struct relay *r, struct str bytes, struct buf *out,
    struct err *err)
{
	struct chat_source *s = r->state;
	int result;

	if (s->ended)
		return 0;
	result = s->inner.ops->feed(&s->inner, bytes, &s->bytes, err);
	if (!s->chat.stream) {
		take_facts(s, r);
		return result;
	}
	if (convert(s, r, out, result == 0 ? err : NULL) != 0)
		return -1;
	return result;
}

int
chat_source_finish(struct relay *r, struct buf *out, struct err *err)
{
	struct chat_source *s = r->state;
	struct skim_value root;
	int result;

	if (s->ended)
		return 0;
	result = s->inner.ops->finish(&s->inner, &s->bytes, err);
	if (s->chat.stream) {
		if (convert(s, r, out, result == 0 ? err : NULL) != 0)
			return -1;
		return result;
	}
	take_facts(s, r);
	if (result != 0)
		return -1;
	root = pick_root(buf_str(&s->bytes));
	s->listener->plain(r, &root, out);
	s->ended = true;
	return check(s, r, out, err);
}

/* ---- reading what it gives ---------------------------------------------- */

static struct skim_value
first_choice(const struct skim_value *root)
{
	struct skim_value choices = pick_one(root, "choices"), v;
	struct skim_iter it;
	struct str key;

	v.type = SKIM_ABSENT;
	if (choices.type != SKIM_ARRAY)
		return v;
	skim_iter_init(&it, choices.value);
	it.max_depth = SKIM_TOP_DEPTH;
	if (skim_iter_next(&it, &key, &v) != 1)
		v.type = SKIM_ABSENT;
	return v;
}

/* A signature comes alone in streams, without its format at some hosts. */
static bool
is_claudes(const struct skim_value *detail)
{
	struct skim_value format, signature;
	const struct skim_wanted wanted[] = { { "format", &format },
		{ "signature", &signature } };

	pick(detail, wanted, ARRAY_LEN(wanted));
	if (format.type == SKIM_ABSENT)
		return !pick_is_empty(&signature);
	return skim_string_is(&format, CHAT_CLAUDES_FORMAT);
}

/* All of them or none: absent when one is not. */
static struct skim_value
claudes_details(const struct skim_value *list)
{
	struct skim_value none = { .type = SKIM_ABSENT }, v;
	struct skim_iter it;
	struct str key;

	if (list->type != SKIM_ARRAY || list->count == 0)
		return none;
	skim_iter_init(&it, list->value);
	it.max_depth = SKIM_TOP_DEPTH;
	while (skim_iter_next(&it, &key, &v) == 1) {
		if (!is_claudes(&v))
			return none;
	}
	return *list;
}

void
chat_piece_read(const struct skim_value *root, const char *member,
    struct chat_piece *p)
{
	struct skim_value choice = first_choice(root), said, other, logprobs,
			  details;
	const struct skim_wanted of_choice[] = { { member, &said },
		{ "logprobs", &logprobs }, { "stop_reason", &p->stop } };
	const struct skim_wanted wanted[] = { { "content", &p->content },
		{ "reasoning_content", &p->reasoning }, { "reasoning", &other },
		{ "refusal", &p->refusal }, { "tool_calls", &p->calls },
		{ "thinking_blocks", &p->thoughts },
		{ "reasoning_details", &details },
		{ "annotations", &p->annotations } };

	pick(&choice, of_choice, ARRAY_LEN(of_choice));
	pick(&said, wanted, ARRAY_LEN(wanted));
	if (p->reasoning.type != SKIM_STRING)
		p->reasoning = other;
	if (p->thoughts.type != SKIM_ARRAY)
		p->thoughts = claudes_details(&details);
	p->logprobs = pick_one(&logprobs, "content");
}

void
chat_thought_read(const struct skim_value *block, int64_t at,
    struct chat_thought *t)
{
	struct skim_value index, text;
	const struct skim_wanted wanted[] = { { "index", &index },
		{ "thinking", &t->text }, { "text", &text },
		{ "signature", &t->signature }, { "data", &t->data } };

	pick(block, wanted, ARRAY_LEN(wanted));
	if (t->text.type != SKIM_STRING)
		t->text = text;
	t->index = at;
	if (index.type == SKIM_NUMBER && skim_int(&index, &t->index) != 0)
		t->index = 0;
}

void
chat_call_read(const struct skim_value *call, int64_t at, struct chat_call *c)
{
	struct skim_value index, function, custom, extra, input;
	const struct skim_wanted of_call[] = { { "index", &index },
		{ "id", &c->id }, { "function", &function },
		{ "custom", &custom }, { "extra_content", &extra } };
	const struct skim_wanted of_function[] = { { "name", &c->name },
		{ "arguments", &c->arguments }, { "input", &input } };

	pick(call, of_call, ARRAY_LEN(of_call));
	c->custom = custom.type == SKIM_OBJECT;
	pick(c->custom ? &custom : &function, of_function,
	    ARRAY_LEN(of_function));
	if (c->custom)
		c->arguments = input;
	extra = pick_one(&extra, "google");
	c->seal = pick_one(&extra, "thought_signature");
	c->index = at;
	if (index.type == SKIM_NUMBER && skim_int(&index, &c->index) != 0)
		c->index = 0;
}

void
chat_call_id(const struct chat_call *c, struct buf *out)
{
	call_seal_write(pick_inside(&c->id), pick_inside(&c->seal), out);
}
