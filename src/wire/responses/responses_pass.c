/* Responses to the clients of the same API. See responses_pass.h. */
#include "wire/responses/responses_pass.h"

#include "wire/pick.h"
#include "wire/relay_input.h"
#include "wire/relay_note.h"
#include "wire/responses/response_id.h"
#include "wire/responses/responses_event.h"
#include "wire/responses/responses_wrap.h"
#include "wire/usage_json.h"

#define MAX_EDITS 3

struct pass {
	struct relay_input in;
	bool kept; /* the answer is about a response that was made before */
	struct buf model; /* the client's name, quoted */
	int64_t deltas;
	int64_t sequence;    /* of the next event of ours */
	struct buf response; /* the last object as the client got it */
	/* What was given out, for the end of a stream that may be ended here:
	   whole items, and the text of the part under way (without quotes). */
	bool keeps_output;
	struct buf items, text;
};
_Static_assert(offsetof(struct pass, in) == 0, "relay_input stands first");

/* The members of a response object; offsets count in the text it was read
   from. */
struct response {
	struct skim_value object, id, model, status, usage, error, details;
	struct skim_value previous, tier, output;
};

/* What stands in the place of a value. */
struct edit {
	size_t start, end;
	struct buf text;
};

struct edits {
	size_t count;
	struct edit items[MAX_EDITS];
};

/* ---- edits -------------------------------------------------------------- */

static struct buf *
add_edit(struct edits *e, const struct skim_value *v, size_t room)
{
	size_t i = e->count++;

	/* In the order of the text. */
	for (; i > 0 && e->items[i - 1].start > v->value_start; i--)
		e->items[i] = e->items[i - 1];
	e->items[i].start = v->value_start;
	e->items[i].end = v->value_end;
	buf_init(&e->items[i].text, room);
	return &e->items[i].text;
}

static void
add_id_edit(const struct relay *r, struct edits *e, const struct skim_value *v)
{
	if (v->type == SKIM_STRING && v->value.n > 2)
		response_id_write(v->value, &r->options.place,
		    add_edit(e, v, v->value.n + 96));
}

static void
make_edits(const struct relay *r, const struct response *resp, struct edits *e)
{
	const struct pass *s = r->state;

	e->count = 0;
	add_id_edit(r, e, &resp->id);
	add_id_edit(r, e, &resp->previous);
	if (resp->model.type != SKIM_ABSENT)
		buf_add_str(add_edit(e, &resp->model, s->model.len),
		    buf_str(&s->model));
}

/* text from one offset to another with its edits, which are used up. */
static void
write_edited(struct str text, size_t from, size_t to, struct edits *e,
    struct buf *out)
{
	for (size_t i = 0; i < e->count; i++) {
		buf_add(out, text.p + from, e->items[i].start - from);
		buf_add_str(out, buf_str(&e->items[i].text));
		from = e->items[i].end;
		buf_fini(&e->items[i].text);
	}
	e->count = 0;
	buf_add(out, text.p + from, to - from);
}

/* ---- facts -------------------------------------------------------------- */

static void
note_text(struct relay *r, int64_t bytes)
{
	struct relay_facts *f = &r->facts;
	struct pass *s = r->state;

	if (bytes <= 0 || s->kept)
		return;
	f->first_token = true;
	f->delivered_bytes += bytes;
	s->deltas += s->in.form == INPUT_EVENTS;
	f->output_guess_tokens = relay_guess(f->delivered_bytes, s->deltas);
}

/* Nobody knows yet what it will use: all that it may. */
static void
note_background(struct relay *r)
{
	struct usage *u = &r->facts.usage;
	int64_t most = r->options.stop_after_tokens;

	if (most < 0)
		most = r->options.request->max_tokens;
	u->source = USAGE_ESTIMATED;
	u->prompt_tokens = r->options.request->prompt_guess_tokens;
	u->completion_tokens = most > 0 ? most : 0;
}

/* The object of a plain answer, or of an event that ends a stream. */
static void
note_end(struct relay *r, const struct response *resp)
{
	struct relay_facts *f = &r->facts;
	struct skim_value reason = pick_one(&resp->details, "reason");
	struct usage u = { .tier = usage_json_tier(&resp->tier) };
	int64_t searches = f->usage.searches;
	const char *finish = "stop";
	const struct pass *s = r->state;

	f->finished = true;
	if (s->kept)
		return; /* it was paid for when it was made */
	if (usage_json_read(&resp->usage, &u) == 0 &&
	    u.prompt_tokens + u.completion_tokens > 0)
		f->usage = u;
	else
		f->usage.tier = u.tier;
	f->usage.searches = searches;
	if (skim_string_is(&resp->status, "incomplete"))
		finish = skim_string_is(&reason, "content_filter")
			     ? "content_filter"
			     : "length";
	snprintf(f->finish_reason, sizeof(f->finish_reason), "%s", finish);
	if (skim_string_is(&resp->status, "queued") ||
	    skim_string_is(&resp->status, "in_progress"))
		note_background(r);
}

/* A search of the web: billed by the piece. What its pages are read with is
   not. */
static void
note_search(struct relay *r, const struct skim_value *item)
{
	struct skim_value type, action;
	const struct skim_wanted wanted[] = { { "type", &type },
		{ "action", &action } };

	if (item->type != SKIM_OBJECT)
		return;
	pick(item, wanted, ARRAY_LEN(wanted));
	action = pick_one(&action, "type");
	if (skim_string_is(&type, "web_search_call") &&
	    (action.type == SKIM_ABSENT || skim_string_is(&action, "search")))
		r->facts.usage.searches++;
}

static void
note_searches(struct relay *r, const struct skim_value *output)
{
	const struct pass *s = r->state;
	struct skim_value item;
	struct skim_iter items;
	struct str key;

	if (output->type != SKIM_ARRAY || s->kept)
		return;
	skim_iter_init(&items, output->value);
	items.max_depth = SKIM_TOP_DEPTH;
	while (skim_iter_next(&items, &key, &item) == 1)
		note_search(r, &item);
}

static void
note_model(struct relay *r, const struct response *resp)
{
	if (r->facts.model[0] == '\0')
		relay_copy_string(&resp->model, r->facts.model,
		    sizeof(r->facts.model));
}

/* Texts and arguments of whole output items. */
static int64_t
output_bytes(const struct skim_value *output)
{
	struct skim_value item, part, content, text;
	struct skim_iter items, parts;
	struct str key;
	int64_t n = 0;

	if (output->type != SKIM_ARRAY)
		return 0;
	skim_iter_init(&items, output->value);
	items.max_depth = SKIM_TOP_DEPTH;
	while (skim_iter_next(&items, &key, &item) == 1) {
		text = pick_one(&item, "arguments");
		if (text.type == SKIM_STRING)
			n += (int64_t)skim_text_bytes(text.value);
		content = pick_one(&item, "content");
		if (content.type != SKIM_ARRAY)
			continue;
		skim_iter_init(&parts, content.value);
		parts.max_depth = SKIM_TOP_DEPTH;
		while (skim_iter_next(&parts, &key, &part) == 1) {
			text = pick_one(&part, "text");
			if (text.type == SKIM_STRING)
				n += (int64_t)skim_text_bytes(text.value);
		}
	}
	return n;
}

static bool
is_error(const struct skim_value *v)
{
	return v->type == SKIM_OBJECT || v->type == SKIM_STRING;
}

static const struct skim_options deep = { .max_depth = 512 };

/* ---- plain -------------------------------------------------------------- */

static int
read_answer(struct relay *r, struct str text, struct response *resp,
    struct err *err)
{
	const struct skim_wanted wanted[] = { { "object", &resp->object },
		{ "id", &resp->id }, { "model", &resp->model },
		{ "status", &resp->status }, { "usage", &resp->usage },
		{ "error", &resp->error },
		{ "incomplete_details", &resp->details },
		{ "previous_response_id", &resp->previous },
		{ "service_tier", &resp->tier }, { "output", &resp->output } };
	const struct pass *s = r->state;

	if (text.n == 0 || text.p[0] != '{')
		return relay_input_no_object(r, err);
	if (skim(text, wanted, ARRAY_LEN(wanted), &deep, err) != 0)
		return relay_malformed(r, err, "%s", err->text);
	if (s->kept && resp->object.type == SKIM_STRING)
		return 0;
	if (is_error(&resp->error))
		return relay_error(r, text, 0, err);
	if (!skim_string_is(&resp->object, "response"))
		return relay_malformed(r, err, "the answer is no response");
	return 0;
}

/* An answer in one piece for a client that wants a stream. */
static void
wrap(struct relay *r, struct str whole, struct buf *out)
{
	struct pass *s = r->state;

	r->facts.chunks += responses_wrap(whole, &s->sequence, out);
	r->facts.done_marker = true;
}

static int
take_answer(struct relay *r, struct buf *out, struct err *err)
{
	struct pass *s = r->state;
	struct str text = relay_input_text(r);
	struct response resp;
	struct edits edits;

	if (read_answer(r, text, &resp, err) != 0)
		return -1;
	note_model(r, &resp);
	note_text(r, output_bytes(&resp.output));
	note_searches(r, &resp.output);
	note_end(r, &resp);
	make_edits(r, &resp, &edits);
	s->in.ended = true;
	if (!r->options.request->stream) {
		write_edited(text, 0, text.n, &edits, out);
		return 0;
	}
	buf_clear(&s->response);
	write_edited(text, 0, text.n, &edits, &s->response);
	wrap(r, buf_str(&s->response), out);
	return 0;
}

/* ---- streams ------------------------------------------------------------ */

/* An event as it was read. */
struct event {
	struct skim_value type, sequence, delta, item, error, response;
	struct response resp;
};

static int
read_event(struct str data, struct event *e, struct err *err)
{
	struct response *resp = &e->resp;
	const struct skim_wanted wanted[] = { { "type", &e->type },
		{ "sequence_number", &e->sequence }, { "delta", &e->delta },
		{ "item", &e->item }, { "error", &e->error },
		{ "response", &e->response }, { "response.id", &resp->id },
		{ "response.model", &resp->model },
		{ "response.status", &resp->status },
		{ "response.usage", &resp->usage },
		{ "response.error", &resp->error },
		{ "response.incomplete_details", &resp->details },
		{ "response.previous_response_id", &resp->previous },
		{ "response.service_tier", &resp->tier } };

	memset(resp, 0, sizeof(*resp));
	return skim(data, wanted, ARRAY_LEN(wanted), &deep, err);
}

static bool
ends_stream(const struct skim_value *type)
{
	return skim_string_is(type, "response.completed") ||
	       skim_string_is(type, "response.incomplete") ||
	       skim_string_is(type, "response.failed");
}

/* Text that the client gets by this event; sound is none. */
static int64_t
delta_bytes(const struct event *e)
{
	if (e->delta.type != SKIM_STRING || e->type.type != SKIM_STRING ||
	    !str_ends(e->type.value, ".delta\"") ||
	    skim_string_is(&e->type, "response.audio.delta"))
		return 0;
	return (int64_t)skim_text_bytes(e->delta.value);
}

static bool
passes_limit(const struct relay *r, int64_t bytes)
{
	const struct pass *s = r->state;
	int64_t limit = r->options.stop_after_tokens;

	if (limit < 0 || bytes == 0 || s->kept)
		return false;
	return s->deltas + 1 > limit ||
	       relay_least_tokens(r->facts.delivered_bytes + bytes) > limit;
}

/* For the end we may have to write: the items so far. */
static void
keep_output(struct pass *s, const struct event *e)
{
	if (!s->keeps_output)
		return;
	if (skim_string_is(&e->type, "response.output_text.delta") &&
	    e->delta.type == SKIM_STRING)
		buf_add(&s->text, e->delta.value.p + 1, e->delta.value.n - 2);
	if (!skim_string_is(&e->type, "response.output_item.done") ||
	    e->item.type != SKIM_OBJECT)
		return;
	if (s->items.len > 0)
		buf_add_char(&s->items, ',');
	buf_add_str(&s->items, e->item.value);
	buf_clear(&s->text);
}

/* The response ends as one that reached max_output_tokens does. */
static void
cut_short(struct relay *r, struct buf *out)
{
	struct response_end end = { .status = "incomplete",
		.incomplete_details =
		    STR_LIT("{\"reason\":\"max_output_tokens\"}") };
	struct pass *s = r->state;
	struct buf output, usage;
	struct usage u = relay_known_usage(r);

	buf_init(&output, s->items.len + s->text.len + 1024);
	buf_add_char(&output, '[');
	buf_add_str(&output, buf_str(&s->items));
	if (s->text.len > 0) {
		buf_add_cstr(&output, s->items.len > 0 ? "," : "");
		buf_add_cstr(&output,
		    "{\"id\":\"msg_0\",\"type\":\"message\","
		    "\"status\":\"incomplete\",\"role\":\"assistant\","
		    "\"content\":[{\"type\":\"output_text\","
		    "\"annotations\":[],\"text\":\"");
		buf_add_str(&output, buf_str(&s->text));
		buf_add_cstr(&output, "\"}]}");
	}
	buf_add_char(&output, ']');
	/* It was ended because more than that may not be charged. */
	if (u.completion_tokens > r->options.stop_after_tokens)
		u.completion_tokens = r->options.stop_after_tokens;
	buf_init(&usage, 1024);
	responses_usage_write(&u, &usage);
	end.output = buf_str(&output);
	end.usage = buf_str(&usage);
	responses_event_open("response.incomplete", &s->sequence, out);
	buf_add_cstr(out, ",\"response\":");
	response_end_write(buf_str(&s->response), &end, out);
	responses_event_close(out);
	buf_fini(&output);
	buf_fini(&usage);
	snprintf(r->facts.finish_reason, sizeof(r->facts.finish_reason),
	    "length");
	r->facts.chunks++;
	r->facts.stopped = r->facts.finished = r->facts.done_marker = true;
	s->in.ended = true;
}

static void
write_event(struct relay *r, const struct sse_event *sse, struct str data,
    const struct event *e, struct buf *out)
{
	struct edits edits = { .count = 0 };
	size_t start;

	if (e->response.type == SKIM_OBJECT)
		make_edits(r, &e->resp, &edits);
	buf_add_cstr(out, "event: ");
	buf_add(out, e->type.value.p + 1, e->type.value.n - 2);
	buf_add_cstr(out, "\ndata: ");
	start = out->len;
	write_edited(data, 0, data.n, &edits, out);
	if (sse->many_lines)
		sse_one_line(out, start);
	buf_add_cstr(out, "\n\n");
	r->facts.chunks++;
}

/* The object as the client got it, for an end of ours. */
static void
keep_response(struct relay *r, struct str data, const struct event *e)
{
	struct pass *s = r->state;
	struct edits edits;

	if (e->response.type != SKIM_OBJECT)
		return;
	make_edits(r, &e->resp, &edits);
	buf_clear(&s->response);
	write_edited(data, e->response.value_start, e->response.value_end,
	    &edits, &s->response);
	if (s->response.overflowed)
		buf_clear(&s->response);
}

static int
take_failure(struct relay *r, struct str data, const struct event *e,
    struct err *err)
{
	struct str body = data;

	if (is_error(&e->resp.error))
		body = e->resp.error.value;
	else if (is_error(&e->error))
		body = e->error.value;
	if (e->resp.usage.type == SKIM_OBJECT)
		note_end(r, &e->resp);
	r->facts.finished = false;
	return relay_error(r, body, 0, err);
}

static int
take_event(struct relay *r, const struct sse_event *sse, struct buf *out,
    struct err *err)
{
	struct pass *s = r->state;
	struct str data = str_trim(sse->data);
	struct event e;
	int64_t bytes;

	if (sse->comment_only) {
		if (r->facts.chunks > 0)
			relay_keep_alive(r, out);
		return 0;
	}
	if (data.n == 0 || str_starts(data, "[DONE]"))
		return 0;
	if (read_event(data, &e, err) != 0)
		return relay_malformed(r, err, "event %lld: %s",
		    (long long)r->facts.chunks, err->text);
	if (is_error(&e.error) || skim_string_is(&e.type, "error") ||
	    (!s->kept && skim_string_is(&e.type, "response.failed")))
		return take_failure(r, data, &e, err);
	if (e.type.type != SKIM_STRING ||
	    memchr(e.type.value.p, '\\', e.type.value.n) != NULL)
		return relay_malformed(r, err, "event %lld has no type",
		    (long long)r->facts.chunks);
	bytes = delta_bytes(&e);
	if (passes_limit(r, bytes) && s->response.len > 0) {
		cut_short(r, out);
		return 0;
	}
	if (skim_int(&e.sequence, &s->sequence) == 0)
		s->sequence++;
	note_model(r, &e.resp);
	note_text(r, bytes);
	if (!s->kept && skim_string_is(&e.type, "response.output_item.done"))
		note_search(r, &e.item);
	keep_output(s, &e);
	keep_response(r, data, &e);
	write_event(r, sse, data, &e, out);
	if (ends_stream(&e.type)) {
		note_end(r, &e.resp);
		r->facts.done_marker = true;
		s->in.ended = true;
	}
	return 0;
}

static int
end_events(struct relay *r, struct buf *out, struct err *err)
{
	(void)r;
	(void)out;
	return err_set(err, ERR_UPSTREAM_CUT,
	    "the stream ended before its response was complete");
}

/* ---- ops ---------------------------------------------------------------- */

static const struct relay_taker taker = {
	.event = take_event,
	.whole = take_answer,
	.end = end_events,
};

static int
start(struct relay *r, struct err *err)
{
	struct pass *s = r->state;

	(void)err;
	relay_input_init(r, &taker);
	s->kept = r->options.request->api == WIRE_RESPONSE;
	if (s->kept)
		r->facts.usage.source = USAGE_PROVIDER;
	s->keeps_output =
	    r->options.request->stream && r->options.stop_after_tokens >= 0;
	buf_init(&s->response,
	    r->options.max_answer_bytes + r->options.max_event_bytes + 1024);
	buf_init(&s->items, r->options.max_answer_bytes);
	buf_init(&s->text, r->options.max_answer_bytes);
	relay_quote_model(r, &s->model);
	return 0;
}

static void
stop(struct relay *r)
{
	struct pass *s = r->state;

	relay_input_fini(r);
	buf_fini(&s->response);
	buf_fini(&s->items);
	buf_fini(&s->text);
	buf_fini(&s->model);
}

static void
fail(struct relay *r, enum err_code code, const char *text, struct buf *out)
{
	struct pass *s = r->state;

	if (s->in.ended)
		return;
	s->in.ended = true;
	responses_event_fail(code, text, buf_str(&s->response), &s->sequence,
	    out);
}

const struct relay_ops responses_pass = {
	.name = "responses-pass",
	.state_bytes = sizeof(struct pass),
	.start = start,
	.feed = relay_input_feed,
	.finish = relay_input_finish,
	.fail = fail,
	.keep_alive = relay_keep_alive,
	.stop = stop,
};
