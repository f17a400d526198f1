/* Converse's answers on their way. See bedrock_relay.h. */
#include "wire/bedrock/bedrock_relay.h"

#include "base/event_stream.h"
#include "base/jsonw.h"
#include "wire/anthropic/anthropic_relay.h"

struct bedrock {
	struct relay inner; /* Anthropic's, for the client's API */
	bool inner_is_open;
	bool seen, json; /* the first bytes came; they are no frames */
	bool failed;     /* an error was noted here, not by the inner relay */
	struct buf answer;
	struct event_stream frames;
	struct bedrock_events events;
	struct buf text; /* in Anthropic's form, for the inner relay */
};

/* ---- the ends ----------------------------------------------------------- */

static void
quote(struct buf *out, const char *prefix, const char *text)
{
	struct jsonw w;

	buf_init(out, 6 * strlen(text) + strlen(prefix) + 2);
	buf_add_char(out, '"');
	jsonw_init(&w, out);
	buf_add_cstr(out, prefix);
	jsonw_escape(out, str_of(text));
	buf_add_char(out, '"');
}

static int
start(struct relay *r, struct err *err)
{
	struct bedrock *s = r->state;
	const char *id = r->options.request_id;

	if (relay_open(&s->inner, anthropic_relay_find(r->options.request->api),
		&r->options, err) != 0)
		return -1;
	s->inner_is_open = true;
	buf_init(&s->answer, r->options.max_answer_bytes);
	buf_init(&s->text,
	    4 * (r->options.max_answer_bytes + r->options.max_event_bytes));
	event_stream_init(&s->frames, r->options.max_event_bytes);
	quote(&s->events.model, "", r->options.upstream_model);
	quote(&s->events.id, "msg_", id == NULL ? "0" : id);
	return 0;
}

static void
stop(struct relay *r)
{
	struct bedrock *s = r->state;

	if (s->inner_is_open)
		relay_close(&s->inner);
	buf_fini(&s->answer);
	buf_fini(&s->text);
	event_stream_fini(&s->frames);
	buf_fini(&s->events.model);
	buf_fini(&s->events.id);
}

static void
take_facts(struct relay *r)
{
	const struct bedrock *s = r->state;

	if (!s->failed)
		r->facts = s->inner.facts;
}

static int
malformed(struct relay *r, struct err *err, const char *what)
{
	struct bedrock *s = r->state;

	s->failed = true;
	return relay_malformed(r, err, "%s", what);
}

/* ---- frames ------------------------------------------------------------- */

/* An exception's name as Anthropic's kind of error, and its status. */
static int
status_of(struct str name)
{
	static const struct {
		const char *name;
		int status;
	} rows[] = {
		{ "throttlingException", 429 },
		{ "modelNotReadyException", 429 },
		{ "validationException", 400 },
		{ "serviceUnavailableException", 503 },
		{ "modelTimeoutException", 504 },
		{ "internalServerException", 500 },
		{ "modelStreamErrorException", 500 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (str_is_nocase(name, rows[i].name))
			return rows[i].status;
	}
	return 500;
}

static int
take_exception(struct relay *r, const struct event_message *m, struct err *err)
{
	struct bedrock *s = r->state;
	struct skim_value root = pick_root(m->payload), v;
	struct jsonw w;
	struct buf body;
	int result;

	v.type = SKIM_ABSENT;
	if (skim(m->payload, NULL, 0, NULL, NULL) == 0)
		v = pick_one(&root, "message");
	buf_init(&body, m->payload.n + 6 * m->error_message.n + 1024);
	jsonw_init(&w, &body);
	jsonw_open(&w, '{');
	jsonw_key(&w, "message");
	if (v.type == SKIM_STRING)
		jsonw_raw(&w, v.value);
	else
		jsonw_str(&w, m->error_message.n > 0 ? m->error_message
						     : m->exception_type);
	jsonw_key(&w, "type");
	jsonw_str(&w, m->exception_type);
	jsonw_close(&w, '}');
	s->failed = true;
	result =
	    relay_error(r, buf_str(&body), status_of(m->exception_type), err);
	buf_fini(&body);
	return result;
}

/* What stands in s->text goes to the inner relay. */
static int
pass_on(struct relay *r, struct buf *out, struct err *err)
{
	struct bedrock *s = r->state;
	int result = 0;

	if (s->text.overflowed)
		return malformed(r, err, "an event is too large");
	if (s->text.len > 0)
		result =
		    s->inner.ops->feed(&s->inner, buf_str(&s->text), out, err);
	buf_clear(&s->text);
	take_facts(r);
	return result;
}

static int
take_message(struct relay *r, const struct event_message *m, struct buf *out,
    struct err *err)
{
	static const struct skim_options deep = { .max_depth = 512 };
	struct bedrock *s = r->state;

	if (str_is(m->message_type, "exception") ||
	    str_is(m->message_type, "error"))
		return take_exception(r, m, err);
	if (skim(m->payload, NULL, 0, &deep, err) != 0)
		return malformed(r, err, err->text);
	bedrock_event_write(&s->events, m, &s->text);
	return pass_on(r, out, err);
}

static int
feed_frames(struct relay *r, struct str bytes, struct buf *out, struct err *err)
{
	struct bedrock *s = r->state;
	struct event_message m;
	int got;

	while ((got = event_stream_next(&s->frames, &bytes, &m, err)) != 0) {
		if (got < 0)
			return malformed(r, err, err->text);
		if (take_message(r, &m, out, err) != 0)
			return -1;
		if (r->facts.stopped)
			return 0;
	}
	return 0;
}

/* Behind a stop reason the usage may be missing: the end is one all the
   same. */
static int
finish_frames(struct relay *r, struct buf *out, struct err *err)
{
	struct bedrock *s = r->state;
	struct usage u;
	int result;

	if (s->events.stop_reason[0] != '\0' && !s->events.ended) {
		u = relay_known_usage(&s->inner);
		bedrock_event_end(&s->events, &u, &s->text);
		if (pass_on(r, out, err) != 0)
			return -1;
		/* A guess of ours is not the provider's word. */
		s->inner.facts.usage.source = USAGE_ESTIMATED;
	}
	result = s->inner.ops->finish(&s->inner, out, err);
	take_facts(r);
	return result;
}

/* ---- whole answers ------------------------------------------------------ */

static int
collect(struct relay *r, struct str bytes, struct err *err)
{
	struct bedrock *s = r->state;

	if (buf_add_str(&s->answer, bytes) == 0)
		return 0;
	r->facts.too_large = true;
	return malformed(r, err, "the answer is too large");
}

static int
finish_json(struct relay *r, struct buf *out, struct err *err)
{
	static const struct skim_options deep = { .max_depth = 512 };
	struct bedrock *s = r->state;
	struct str text = str_trim(buf_str(&s->answer));
	struct skim_value output, message;
	const struct skim_wanted wanted[] = { { "output", &output },
		{ "message", &message } };
	int result;

	if (text.n == 0)
		return malformed(r, err, "the answer is empty");
	if (text.p[0] != '{')
		return malformed(r, err, "the answer is no JSON object");
	if (skim(text, wanted, ARRAY_LEN(wanted), &deep, err) != 0)
		return malformed(r, err, err->text);
	if (output.type != SKIM_OBJECT && message.type == SKIM_STRING) {
		s->failed = true;
		return relay_error(r, text, 0, err);
	}
	if (output.type != SKIM_OBJECT)
		return malformed(r, err, "the answer has no output");
	bedrock_message_write(&s->events, text, &s->text);
	if (pass_on(r, out, err) != 0)
		return -1;
	result = s->inner.ops->finish(&s->inner, out, err);
	take_facts(r);
	return result;
}

/* ---- ops ---------------------------------------------------------------- */

/* A frame begins with a length, which for any frame within the limits has a
   zero byte in front. */
static void
find_form(const struct relay *r, struct str bytes)
{
	struct bedrock *s = r->state;

	if (s->seen || bytes.n == 0)
		return;
	s->seen = true;
	s->json = !r->options.request->stream || bytes.p[0] != '\0';
}

static int
feed(struct relay *r, struct str bytes, struct buf *out, struct err *err)
{
	struct bedrock *s = r->state;
	int result;

	if (r->facts.stopped)
		return 0;
	find_form(r, bytes);
	result =
	    s->json ? collect(r, bytes, err) : feed_frames(r, bytes, out, err);
	return result != 0 ? -1 : relay_check_room(out, err);
}

static int
finish(struct relay *r, struct buf *out, struct err *err)
{
	struct bedrock *s = r->state;
	int result;

	if (r->facts.stopped)
		return 0;
	result = s->json || !s->seen ? finish_json(r, out, err)
				     : finish_frames(r, out, err);
	return result != 0 ? -1 : relay_check_room(out, err);
}

static void
fail(struct relay *r, enum err_code code, const char *text, struct buf *out)
{
	struct bedrock *s = r->state;

	s->inner.ops->fail(&s->inner, code, text, out);
}

const struct relay_ops bedrock_relay = {
	.name = "bedrock",
	.state_bytes = sizeof(struct bedrock),
	.start = start,
	.feed = feed,
	.finish = finish,
	.fail = fail,
	.stop = stop,
};
