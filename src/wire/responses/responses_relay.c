/* Chat answers as responses. See responses_relay.h. */
#include "wire/responses/responses_relay.h"

#include "base/clock.h"
#include "base/num.h"
#include "wire/pick.h"
#include "wire/relay_note.h"
#include "wire/responses/response_object.h"
#include "wire/responses/responses_event.h"
#include "wire/responses/responses_output.h"
#include "wire/sse.h"

struct responses {
	struct wire_request chat; /* the request as the inner relay sees it */
	struct relay inner;
	bool inner_is_open;
	struct buf bytes; /* what it gave out */
	struct sse_reader sse;
	struct buf model; /* the client's name, quoted */
	struct buf id;    /* the chat's, without quotes and prefix */
	char created[NUM_TEXT_BYTES];
	struct responses_output output;
	bool started, ended;
};

/* ---- start and facts --------------------------------------------------- */

static int
start(struct relay *r, struct err *err)
{
	struct responses *s = r->state;
	struct relay_options options = r->options;

	s->chat = *r->options.request;
	s->chat.api = WIRE_CHAT;
	s->chat.include_usage = s->chat.stream;
	s->chat.continuous_usage = false;
	s->chat.n = s->chat.outputs = 1;
	options.request = &s->chat;
	if (relay_open(&s->inner, r->options.chat, &options, err) != 0)
		return -1;
	s->inner_is_open = true;
	/* Whatever one feed gives out stands here. */
	buf_init(&s->bytes,
	    2 * (r->options.max_answer_bytes + r->options.max_event_bytes));
	buf_init(&s->id, r->options.max_event_bytes);
	sse_reader_init(&s->sse, s->bytes.max);
	relay_quote_model(r, &s->model);
	responses_output_init(&s->output, s->chat.stream,
	    r->options.max_answer_bytes);
	return 0;
}

static void
stop(struct relay *r)
{
	struct responses *s = r->state;

	if (s->inner_is_open)
		relay_close(&s->inner);
	responses_output_fini(&s->output);
	buf_fini(&s->bytes);
	buf_fini(&s->id);
	buf_fini(&s->model);
	sse_reader_fini(&s->sse);
}

static void
take_facts(struct relay *r)
{
	struct responses *s = r->state;

	r->facts = s->inner.facts;
	r->facts.chunks = s->output.chunks;
}

/* NULL: the answer is complete. */
static const char *
incomplete_reason(const struct relay *r)
{
	if (strcmp(r->facts.finish_reason, "length") == 0)
		return "max_output_tokens";
	if (strcmp(r->facts.finish_reason, "content_filter") == 0)
		return "content_filter";
	return NULL;
}

/* ---- response objects --------------------------------------------------- */

static void
write_object(const struct relay *r, const char *status, struct buf *out)
{
	const struct responses *s = r->state;
	struct response_object o = {
		.request = r->options.request,
		.id = s->output.id,
		.created_at = str_of(s->created),
		.model = buf_str(&s->model),
		.status = status,
	};
	bool begins = strcmp(status, "in_progress") == 0;
	struct usage u = relay_known_usage(r);
	struct buf output;

	buf_init(&output, 4 * r->options.max_answer_bytes + 1024 * 1024);
	if (begins) {
		buf_add_cstr(&output, "[]");
	} else {
		o.incomplete_reason = incomplete_reason(r);
		o.usage = &u;
		responses_output_write(&s->output, &output);
	}
	o.output = buf_str(&output);
	response_object_write(&o, out);
	out->overflowed |= output.overflowed;
	buf_fini(&output);
}

static void
tell_object(struct relay *r, const char *type, const char *status,
    struct buf *out)
{
	struct responses *s = r->state;

	responses_event_open(type, &s->output.sequence, out);
	buf_add_cstr(out, ",\"response\":");
	write_object(r, status, out);
	responses_event_close(out);
	s->output.chunks++;
}

/* Id and time of the chat are those of the response. */
static void
take_head(struct responses *s, const struct skim_value *root)
{
	struct skim_value id = pick_one(root, "id");
	struct skim_value created = pick_one(root, "created");
	struct str inside;
	int64_t secs;

	if (!pick_is_empty(&id)) {
		inside = str_make(id.value.p + 1, id.value.n - 2);
		if (str_starts(inside, "chatcmpl-") && inside.n > 9) {
			inside.p += 9;
			inside.n -= 9;
		}
		buf_add_str(&s->id, inside);
		s->output.id = buf_str(&s->id);
	}
	if (created.type != SKIM_NUMBER || skim_int(&created, &secs) != 0 ||
	    secs <= 0)
		secs = clock_wall_nsecs() / NSECS_PER_SEC;
	num_format(secs, 0, s->created);
}

static void
begin(struct relay *r, const struct skim_value *root, struct buf *out)
{
	struct responses *s = r->state;

	if (s->started)
		return;
	s->started = true;
	take_head(s, root);
	if (!s->chat.stream)
		return;
	tell_object(r, "response.created", "in_progress", out);
	tell_object(r, "response.in_progress", "in_progress", out);
}

/* ---- a message or a delta ----------------------------------------------- */

static struct str
inside_of(const struct skim_value *v)
{
	if (v->type != SKIM_STRING)
		return str_make("", 0);
	return str_make(v->value.p + 1, v->value.n - 2);
}

/* Blocks of thinking, whole or in pieces: text, and what must come back. */
static void
take_thinking(struct responses *s, const struct skim_value *blocks,
    struct buf *out)
{
	struct skim_value block, index, text, signature, data;
	const struct skim_wanted wanted[] = { { "index", &index },
		{ "thinking", &text }, { "signature", &signature },
		{ "data", &data } };
	struct skim_iter it;
	struct str key;
	int64_t at = 0, number;

	skim_iter_init(&it, blocks->value);
	it.max_depth = SKIM_TOP_DEPTH;
	while (skim_iter_next(&it, &key, &block) == 1) {
		pick(&block, wanted, ARRAY_LEN(wanted));
		number = at++;
		if (index.type == SKIM_NUMBER && skim_int(&index, &number) != 0)
			number = 0;
		responses_output_reasoning(&s->output, number, inside_of(&text),
		    out);
		responses_output_seal(&s->output, number, SEAL_SIGNATURE,
		    inside_of(&signature), out);
		responses_output_seal(&s->output, number, SEAL_REDACTED,
		    inside_of(&data), out);
	}
}

static void
take_call(struct responses *s, const struct skim_value *call, int64_t at,
    struct buf *out)
{
	struct skim_value index, id, function, name, arguments;
	const struct skim_wanted of_call[] = { { "index", &index },
		{ "id", &id }, { "function", &function } };
	const struct skim_wanted of_function[] = { { "name", &name },
		{ "arguments", &arguments } };
	int64_t number = at;

	pick(call, of_call, ARRAY_LEN(of_call));
	pick(&function, of_function, ARRAY_LEN(of_function));
	if (index.type == SKIM_NUMBER && skim_int(&index, &number) != 0)
		number = 0;
	responses_output_call(&s->output, number, inside_of(&id),
	    inside_of(&name), inside_of(&arguments), out);
}

/* Mistral's content may be a list of parts. */
static void
take_content(struct responses *s, const struct skim_value *content,
    struct buf *out)
{
	struct skim_value part;
	struct skim_iter it;
	struct str key;

	responses_output_text(&s->output, inside_of(content), out);
	if (content->type != SKIM_ARRAY)
		return;
	skim_iter_init(&it, content->value);
	it.max_depth = SKIM_TOP_DEPTH;
	while (skim_iter_next(&it, &key, &part) == 1) {
		part = pick_one(&part, "text");
		responses_output_text(&s->output, inside_of(&part), out);
	}
}

static void
take_message(struct responses *s, const struct skim_value *message,
    struct buf *out)
{
	struct skim_value content, reasoning, other, refusal, calls, blocks, v;
	const struct skim_wanted wanted[] = { { "content", &content },
		{ "reasoning_content", &reasoning }, { "reasoning", &other },
		{ "refusal", &refusal }, { "tool_calls", &calls },
		{ "thinking_blocks", &blocks } };
	struct skim_iter it;
	struct str key;
	int64_t at = 0;

	pick(message, wanted, ARRAY_LEN(wanted));
	if (blocks.type == SKIM_ARRAY)
		take_thinking(s, &blocks, out);
	else
		responses_output_reasoning(&s->output, -1,
		    inside_of(
			reasoning.type == SKIM_STRING ? &reasoning : &other),
		    out);
	take_content(s, &content, out);
	responses_output_refusal(&s->output, inside_of(&refusal), out);
	if (calls.type != SKIM_ARRAY)
		return;
	skim_iter_init(&it, calls.value);
	it.max_depth = SKIM_TOP_DEPTH;
	while (skim_iter_next(&it, &key, &v) == 1)
		take_call(s, &v, at++, out);
}

static struct skim_value
first_choice(const struct skim_value *root, const char *member)
{
	struct skim_value choices = pick_one(root, "choices"),
			  v = { .type = SKIM_ABSENT };
	struct skim_iter it;
	struct str key;

	if (choices.type != SKIM_ARRAY)
		return v;
	skim_iter_init(&it, choices.value);
	it.max_depth = SKIM_TOP_DEPTH;
	if (skim_iter_next(&it, &key, &v) != 1)
		v.type = SKIM_ABSENT;
	return pick_one(&v, member);
}

/* ---- streams ------------------------------------------------------------ */

static void
take_chunk(struct relay *r, struct str data, struct buf *out)
{
	struct responses *s = r->state;
	struct skim_value root = pick_root(data);
	struct skim_value delta = first_choice(&root, "delta");

	begin(r, &root, out);
	take_message(s, &delta, out);
}

static void
take_done(struct relay *r, struct buf *out)
{
	struct responses *s = r->state;
	struct skim_value none = { .type = SKIM_ABSENT };
	bool complete = incomplete_reason(r) == NULL;

	begin(r, &none, out);
	responses_output_close(&s->output, complete, out);
	tell_object(r, complete ? "response.completed" : "response.incomplete",
	    complete ? "completed" : "incomplete", out);
	s->ended = true;
}

static int
check_output(struct relay *r, struct err *err)
{
	const struct responses *s = r->state;

	if (!s->output.overflowed)
		return 0;
	r->facts.too_large = true;
	return relay_malformed(r, err,
	    "the answer has more than %zu bytes, or %d items",
	    r->options.max_answer_bytes, OUTPUT_MAX_ITEMS);
}

/* What the inner relay gave out, as events. It is ours: it is well formed. */
static int
convert(struct relay *r, struct buf *out, struct err *err)
{
	struct responses *s = r->state;
	struct str rest = buf_str(&s->bytes);
	struct sse_event event;
	int got;

	take_facts(r);
	while (
	    !s->ended && (got = sse_next(&s->sse, &rest, &event, err)) != 0) {
		if (got < 0)
			return -1;
		if (event.comment_only)
			buf_add_cstr(out, ": keep-alive\n\n");
		else if (str_is(event.data, "[DONE]"))
			take_done(r, out);
		else
			take_chunk(r, event.data, out);
	}
	buf_clear(&s->bytes);
	r->facts.chunks = s->output.chunks;
	if (check_output(r, err) != 0)
		return -1;
	return relay_check_room(out, err);
}

/* ---- plain -------------------------------------------------------------- */

static int
write_plain(struct relay *r, struct buf *out, struct err *err)
{
	struct responses *s = r->state;
	struct skim_value root = pick_root(buf_str(&s->bytes));
	struct skim_value message = first_choice(&root, "message");
	bool complete = incomplete_reason(r) == NULL;

	begin(r, &root, out);
	take_message(s, &message, out);
	responses_output_close(&s->output, complete, out);
	if (check_output(r, err) != 0)
		return -1;
	write_object(r, complete ? "completed" : "incomplete", out);
	s->ended = true;
	return relay_check_room(out, err);
}

/* ---- ops ---------------------------------------------------------------- */

/* What the inner relay gave out before it failed still is good; its own error
   is what counts. */
static int
feed(struct relay *r, struct str bytes, struct buf *out, struct err *err)
{
	struct responses *s = r->state;
	int result;

	if (s->ended)
		return 0;
	result = s->inner.ops->feed(&s->inner, bytes, &s->bytes, err);
	if (!s->chat.stream) {
		take_facts(r);
		return result;
	}
	if (convert(r, out, result == 0 ? err : NULL) != 0)
		return -1;
	return result;
}

static int
finish(struct relay *r, struct buf *out, struct err *err)
{
	struct responses *s = r->state;
	int result;

	if (s->ended)
		return 0;
	result = s->inner.ops->finish(&s->inner, &s->bytes, err);
	take_facts(r);
	if (!s->chat.stream)
		return result != 0 ? -1 : write_plain(r, out, err);
	if (convert(r, out, result == 0 ? err : NULL) != 0)
		return -1;
	return result;
}

static void
fail(struct relay *r, enum err_code code, const char *text, struct buf *out)
{
	struct responses *s = r->state;
	struct buf object;

	if (s->ended)
		return;
	s->ended = true;
	buf_init(&object, 4 * r->options.max_answer_bytes + 1024 * 1024);
	if (s->started && s->chat.stream)
		write_object(r, "incomplete", &object);
	responses_event_fail(code, text, buf_str(&object), &s->output.sequence,
	    out);
	buf_fini(&object);
}

const struct relay_ops responses_relay = {
	.name = "chat-responses",
	.state_bytes = sizeof(struct responses),
	.start = start,
	.feed = feed,
	.finish = finish,
	.fail = fail,
	.stop = stop,
};
