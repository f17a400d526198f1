/* Chat answers as responses. See responses_relay.h. */
#include "wire/responses/responses_relay.h"

#include "base/clock.h"
#include "base/num.h"
#include "wire/chat_source.h"
#include "wire/relay_note.h"
#include "wire/responses/response_object.h"
#include "wire/responses/responses_event.h"
#include "wire/responses/responses_output.h"

struct responses {
	struct chat_source source;
	struct buf model; /* the client's name, quoted */
	struct buf id;    /* the chat's, without quotes and prefix */
	char created[NUM_TEXT_BYTES];
	struct responses_output output;
	bool started;
};
_Static_assert(offsetof(struct responses, source) == 0,
    "chat_source stands first");

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
	size_t start;

	responses_event_open(type, &s->output.sequence, out);
	buf_add_cstr(out, ",\"response\":");
	start = out->len;
	write_object(r, status, out);
	/* The client's own members stand in it as they were written. */
	sse_one_line(out, start);
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
	if (!s->source.chat.stream)
		return;
	tell_object(r, "response.created", "in_progress", out);
	tell_object(r, "response.in_progress", "in_progress", out);
}

/* ---- a message or a delta ----------------------------------------------- */

/* Blocks of thinking, whole or in pieces: text, and what must come back. */
static void
take_thoughts(struct responses *s, const struct skim_value *list,
    struct buf *out)
{
	struct chat_thought t;
	struct skim_value v;
	struct skim_iter it;
	struct str key;
	int64_t at = 0;

	skim_iter_init(&it, list->value);
	it.max_depth = SKIM_TOP_DEPTH;
	while (skim_iter_next(&it, &key, &v) == 1) {
		chat_thought_read(&v, at++, &t);
		responses_output_reasoning(&s->output, t.index,
		    pick_inside(&t.text), out);
		responses_output_seal(&s->output, t.index, SEAL_SIGNATURE,
		    pick_inside(&t.signature), out);
		responses_output_seal(&s->output, t.index, SEAL_REDACTED,
		    pick_inside(&t.data), out);
	}
}

static void
take_calls(struct relay *r, const struct skim_value *calls, struct buf *out)
{
	struct responses *s = r->state;
	struct output_tool tool;
	struct skim_value v;
	struct chat_call c;
	struct skim_iter it;
	struct str key;
	struct buf id;
	int64_t at = 0;

	if (calls->type != SKIM_ARRAY)
		return;
	skim_iter_init(&it, calls->value);
	it.max_depth = SKIM_TOP_DEPTH;
	while (skim_iter_next(&it, &key, &v) == 1) {
		chat_call_read(&v, at++, &c);
		buf_init(&id, v.value.n + 64);
		chat_call_id(&c, &id);
		responses_tool_find(r->options.request, pick_inside(&c.name),
		    &tool.client);
		tool.wrapped = tool.client.custom && !c.custom;
		tool.client.custom |= c.custom;
		responses_output_call(&s->output, c.index, buf_str(&id), &tool,
		    pick_inside(&c.arguments), out);
		buf_fini(&id);
	}
}

/* What stands between a list's brackets. */
static struct str
elements(const struct skim_value *list)
{
	if (list->type != SKIM_ARRAY)
		return str_make("", 0);
	return str_trim(str_make(list->value.p + 1, list->value.n - 2));
}

/* A chat has a citation's members one object deeper. */
static void
take_annotations(struct responses *s, const struct skim_value *list,
    struct buf *out)
{
	struct skim_value v, type, inner;
	const struct skim_wanted wanted[] = { { "type", &type },
		{ "url_citation", &inner } };
	const struct pick_edit edit = { "type", STR_LIT("\"url_citation\""),
		true };
	struct skim_iter it;
	struct buf flat;
	struct str key;

	if (list->type != SKIM_ARRAY)
		return;
	skim_iter_init(&it, list->value);
	it.max_depth = SKIM_TOP_DEPTH;
	while (skim_iter_next(&it, &key, &v) == 1) {
		pick(&v, wanted, ARRAY_LEN(wanted));
		if (!skim_string_is(&type, "url_citation") ||
		    inner.type != SKIM_OBJECT)
			continue;
		buf_init(&flat, inner.value.n + 64);
		pick_replace(inner.value, &edit, 1, &flat);
		responses_output_annotation(&s->output, buf_str(&flat), out);
		buf_fini(&flat);
	}
}

/* member: "delta" or "message". */
static void
take_piece(struct relay *r, const struct skim_value *root, const char *member,
    struct buf *out)
{
	struct responses *s = r->state;
	struct chat_piece p;

	begin(r, root, out);
	chat_piece_read(root, member, &p);
	if (p.thoughts.type == SKIM_ARRAY)
		take_thoughts(s, &p.thoughts, out);
	else
		responses_output_reasoning(&s->output, -1,
		    pick_inside(&p.reasoning), out);
	responses_output_text(&s->output, pick_inside(&p.content),
	    elements(&p.logprobs), out);
	take_annotations(s, &p.annotations, out);
	responses_output_refusal(&s->output, pick_inside(&p.refusal), out);
	take_calls(r, &p.calls, out);
	r->facts.chunks = s->output.chunks;
}

static void
take_chunk(struct relay *r, const struct skim_value *root, struct buf *out)
{
	take_piece(r, root, "delta", out);
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
	r->facts.chunks = s->output.chunks;
}

static void
take_plain(struct relay *r, const struct skim_value *root, struct buf *out)
{
	struct responses *s = r->state;
	bool complete = incomplete_reason(r) == NULL;

	take_piece(r, root, "message", out);
	responses_output_close(&s->output, complete, out);
	write_object(r, complete ? "completed" : "incomplete", out);
}

static int
check(struct relay *r, struct err *err)
{
	const struct responses *s = r->state;

	if (!s->output.overflowed)
		return 0;
	r->facts.too_large = true;
	return relay_malformed(r, err,
	    "the answer has more than %zu bytes, or %d items",
	    r->options.max_answer_bytes, OUTPUT_MAX_ITEMS);
}

/* ---- ops ---------------------------------------------------------------- */

static const struct chat_listener listener = {
	.chunk = take_chunk,
	.done = take_done,
	.comment = relay_keep_alive,
	.plain = take_plain,
	.check = check,
};

static int
start(struct relay *r, struct err *err)
{
	struct responses *s = r->state;

	if (chat_source_open(r, &listener, err) != 0)
		return -1;
	buf_init(&s->id, r->options.max_event_bytes);
	relay_quote_model(r, &s->model);
	responses_output_init(&s->output, s->source.chat.stream,
	    r->options.max_answer_bytes);
	return 0;
}

static void
stop(struct relay *r)
{
	struct responses *s = r->state;

	chat_source_close(r);
	responses_output_fini(&s->output);
	buf_fini(&s->id);
	buf_fini(&s->model);
}

static void
fail(struct relay *r, enum err_code code, const char *text, struct buf *out)
{
	struct responses *s = r->state;
	struct buf object;

	if (s->source.ended)
		return;
	s->source.ended = true;
	buf_init(&object, 4 * r->options.max_answer_bytes + 1024 * 1024);
	if (s->started && s->source.chat.stream)
		write_object(r, "incomplete", &object);
	responses_event_fail(code, text, buf_str(&object), &s->output.sequence,
	    out);
	buf_fini(&object);
}

const struct relay_ops responses_relay = {
	.name = "chat-responses",
	.state_bytes = sizeof(struct responses),
	.start = start,
	.feed = chat_source_feed,
	.finish = chat_source_finish,
	.fail = fail,
	.keep_alive = relay_keep_alive,
	.stop = stop,
};
