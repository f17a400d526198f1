/* See media_relay.h. */
#include "wire/media/media_relay.h"

#include "base/num.h"
#include "wire/apierror.h"
#include "wire/media/form_request.h"
#include "wire/pick.h"
#include "wire/relay_input.h"
#include "wire/relay_note.h"
#include "wire/usage_json.h"

/* A minute of speech at the usual rate of the files people send (64 kbit/s):
   a guess where nobody says how long it was. */
#define GUESS_BYTES_PER_SECOND 8000

/* A picture of 1024 x 1024 in medium quality, where tokens are paid and nobody
   counts them. */
#define GUESS_TOKENS_PER_IMAGE 1056

/* More than any rerank can count as. */
#define MAX_SEARCH_UNITS 1000000

struct media {
	struct relay_input in;
	struct buf model; /* the client's name, quoted */
	char type[80];    /* the provider's Content-Type: says what comes */
	bool is_sound;    /* given on as it comes */
	bool final;       /* an event that ends such streams came */
};
_Static_assert(offsetof(struct media, in) == 0, "relay_input stands first");

static bool
is_transcript(const struct relay *r)
{
	enum wire_api api = r->options.request->api;

	return api == WIRE_TRANSCRIPTIONS || api == WIRE_TRANSLATIONS;
}

static bool
has_type(const struct media *m, const char *part)
{
	return str_find_nocase(str_of(m->type), part) >= 0;
}

static void
say_type(struct relay *r)
{
	const struct media *m = r->state;

	snprintf(r->facts.content_type, sizeof(r->facts.content_type), "%s",
	    m->type[0] != '\0' ? m->type : "application/octet-stream");
}

/* ---- facts -------------------------------------------------------------- */

/* A number; OpenAI wrote it as a string, once. */
static void
note_duration(struct relay *r, const struct skim_value *v)
{
	struct str text = v->value;
	int64_t millis;
	bool inexact;

	if (v->type == SKIM_STRING)
		text = str_make(text.p + 1, text.n - 2);
	else if (v->type != SKIM_NUMBER)
		return;
	if (num_decimal(text, 3, &millis, &inexact) == 0 && millis >= 0)
		r->facts.usage.audio_millis = millis;
}

/* usage of tokens, or {"type":"duration","seconds":N}. */
static void
note_usage(struct relay *r, const struct skim_value *object)
{
	struct skim_value usage = pick_one(object, "usage");
	struct skim_value duration = pick_one(object, "duration");
	struct skim_value seconds = pick_one(&usage, "seconds");
	struct usage u = r->facts.usage;

	note_duration(r, &duration);
	note_duration(r, &seconds);
	if (usage_json_read(&usage, &u) != 0 &&
	    r->facts.usage.audio_millis == 0)
		return;
	u.audio_millis = r->facts.usage.audio_millis;
	u.source = USAGE_PROVIDER;
	/* All that such a model puts out is pictures, unless it says so. */
	if (r->options.request->image_output && u.image_output_tokens == 0)
		u.image_output_tokens = u.completion_tokens;
	r->facts.usage = u;
}

/* {"meta":{"billed_units":{"search_units":N}}}: Cohere's reranks. */
static void
note_search_units(struct relay *r, const struct skim_value *object)
{
	struct skim_value meta = pick_one(object, "meta");
	struct skim_value billed = pick_one(&meta, "billed_units");
	struct skim_value units = pick_one(&billed, "search_units");
	struct usage *u = &r->facts.usage;
	bool inexact;
	int64_t n;

	if (r->options.request->api != WIRE_RERANK ||
	    units.type != SKIM_NUMBER ||
	    num_decimal(units.value, 0, &n, &inexact) != 0 || n < 1 ||
	    n > MAX_SEARCH_UNITS)
		return;
	u->search_units = n;
	u->source = USAGE_PROVIDER;
}

/* What the request itself says, where the answer does not count. */
static void
note_pieces(struct relay *r, const struct skim_value *object)
{
	const struct wire_request *q = r->options.request;
	struct skim_value data = pick_one(object, "data");
	struct usage *u = &r->facts.usage;

	r->facts.output_guess_tokens =
	    q->images * GUESS_TOKENS_PER_IMAGE + q->characters;
	u->images = q->images;
	if (q->images > 0 && data.type == SKIM_ARRAY)
		u->images = (int64_t)data.count;
	u->characters = q->characters;
	if (is_transcript(r) && u->audio_millis == 0 &&
	    u->completion_tokens == 0) {
		u->source = USAGE_ESTIMATED;
		u->audio_millis = q->sound_millis;
		if (u->audio_millis == 0)
			u->audio_millis = q->seconds_bound *
					  FORM_BYTES_PER_SECOND * 1000 /
					  GUESS_BYTES_PER_SECOND;
	}
	/* Counted exactly, by us. */
	if (u->source == USAGE_NONE && u->images + u->characters > 0)
		u->source = USAGE_PROVIDER;
}

static int
check_error(struct relay *r, const struct skim_value *object, struct err *err)
{
	struct skim_value error = pick_one(object, "error");

	if (error.type == SKIM_ABSENT || error.type == SKIM_FALSE)
		return 0;
	return relay_error(r, object->value, 0, err);
}

/* ---- whole answers ------------------------------------------------------ */

static void
write_renamed(const struct relay *r, const struct skim_value *object,
    struct buf *out)
{
	const struct media *m = r->state;
	struct skim_value model = pick_one(object, "model");
	struct str text = object->value;
	size_t start;

	if (model.type != SKIM_STRING) {
		buf_add_str(out, text);
		return;
	}
	start = (size_t)(model.value.p - text.p);
	buf_add(out, text.p, start);
	buf_add_str(out, buf_str(&m->model));
	start += model.value.n;
	buf_add(out, text.p + start, text.n - start);
}

static int
finish_json(struct relay *r, struct str text, struct buf *out, struct err *err)
{
	static const struct skim_options deep = { .max_depth = 512 };
	struct skim_value root, model;

	if (skim(text, NULL, 0, &deep, err) != 0)
		return relay_malformed(r, err, "%s", err->text);
	root = pick_root(text);
	if (check_error(r, &root, err) != 0)
		return -1;
	model = pick_one(&root, "model");
	relay_copy_string(&model, r->facts.model, sizeof(r->facts.model));
	note_usage(r, &root);
	note_search_units(r, &root);
	note_pieces(r, &root);
	write_renamed(r, &root, out);
	return 0;
}

static int
take_whole(struct relay *r, struct buf *out, struct err *err)
{
	struct media *m = r->state;
	struct skim_value none = { .type = SKIM_ABSENT };
	struct str bytes = buf_str(&m->in.whole), text = str_trim(bytes);

	if (text.n > 0 && text.p[0] == '{') {
		if (finish_json(r, text, out, err) != 0)
			return -1;
	} else if (is_transcript(r) && (text.n == 0 || text.p[0] != '<')) {
		/* Silence is an empty transcript. */
		say_type(r);
		note_pieces(r, &none);
		buf_add_str(out, bytes);
	} else {
		return relay_malformed(r, err, "the answer is %s",
		    text.n == 0        ? "empty"
		    : text.p[0] == '<' ? "an HTML page"
				       : "no JSON object");
	}
	r->facts.delivered_bytes = (int64_t)text.n;
	r->facts.finished = true;
	m->in.ended = true;
	return 0;
}

/* ---- as it comes -------------------------------------------------------- */

static bool
is_final(const struct skim_value *type)
{
	static const char *const words[] = { "speech.audio.done",
		"transcript.text.done", "image_generation.completed",
		"image_edit.completed" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (skim_string_is(type, words[i]))
			return true;
	}
	return false;
}

static int
take_event(struct relay *r, const struct sse_event *event, struct buf *out,
    struct err *err)
{
	static const struct skim_options deep = { .max_depth = 512 };
	struct str data = str_trim(event->data);
	struct media *m = r->state;
	struct skim_value root, type;

	if (event->comment_only) {
		if (r->facts.chunks > 0)
			relay_keep_alive(r, out);
		return 0;
	}
	if (data.n == 0)
		return 0;
	if (!str_starts(data, "[DONE]")) {
		if (skim(data, NULL, 0, &deep, err) != 0)
			return relay_malformed(r, err, "event %lld: %s",
			    (long long)r->facts.chunks, err->text);
		root = pick_root(data);
		if (check_error(r, &root, err) != 0)
			return -1;
		note_usage(r, &root);
		type = pick_one(&root, "type");
		m->final = m->final || is_final(&type);
	} else {
		m->final = true;
	}
	r->facts.first_token = true;
	r->facts.finished = m->final;
	r->facts.delivered_bytes += (int64_t)data.n;
	r->facts.chunks++;
	if (sse_write(out, event->name, event->data) != 0)
		out->overflowed = true;
	return 0;
}

static void
end_flow(struct relay *r)
{
	struct skim_value none = { .type = SKIM_ABSENT };
	struct media *m = r->state;

	note_pieces(r, &none);
	r->facts.finished = true;
	r->facts.done_marker = true;
	m->in.ended = true;
}

static int
end_events(struct relay *r, struct buf *out, struct err *err)
{
	const struct media *m = r->state;

	(void)out;
	if (!m->final)
		return err_set(err, ERR_UPSTREAM_CUT,
		    "the stream ended before its last event");
	end_flow(r);
	return 0;
}

/* ---- ops ---------------------------------------------------------------- */

static const struct relay_taker taker = {
	.event = take_event,
	.whole = take_whole,
	.end = end_events,
};

static int
start(struct relay *r, struct err *err)
{
	struct media *m = r->state;

	(void)err;
	relay_input_init(r, &taker);
	relay_quote_model(r, &m->model);
	snprintf(m->type, sizeof(m->type), STR_FMT,
	    STR_ARG(r->options.content_type));
	m->in.form = has_type(m, "event-stream") ? INPUT_EVENTS : INPUT_WHOLE;
	m->is_sound = m->in.form == INPUT_WHOLE &&
		      r->options.request->api == WIRE_SPEECH &&
		      !has_type(m, "json") && !has_type(m, "html");
	if (m->in.form == INPUT_EVENTS || m->is_sound)
		say_type(r);
	return 0;
}

static void
stop(struct relay *r)
{
	struct media *m = r->state;

	relay_input_fini(r);
	buf_fini(&m->model);
}

static int
feed(struct relay *r, struct str bytes, struct buf *out, struct err *err)
{
	struct media *m = r->state;

	if (!m->is_sound)
		return relay_input_feed(r, bytes, out, err);
	if (m->in.ended || bytes.n == 0)
		return 0;
	r->facts.first_token = true;
	r->facts.delivered_bytes += (int64_t)bytes.n;
	r->facts.chunks++;
	buf_add_str(out, bytes);
	return relay_check_room(out, err);
}

/* Sound has no end of its own: the connection's clean end is it. */
static int
finish(struct relay *r, struct buf *out, struct err *err)
{
	struct media *m = r->state;

	if (!m->is_sound)
		return relay_input_finish(r, out, err);
	if (m->in.ended)
		return 0;
	if (r->facts.chunks == 0)
		return relay_malformed(r, err, "the answer is empty");
	end_flow(r);
	return 0;
}

/* In events an error can be said; sound can only be broken off, which the
   exchange does (facts.content_type). */
static void
fail(struct relay *r, enum err_code code, const char *text, struct buf *out)
{
	struct media *m = r->state;

	if (!m->in.ended && m->in.form == INPUT_EVENTS)
		relay_fail_event(r, code, text, out);
	m->in.ended = true;
}

/* Nothing may stand in the middle of sound. */
static void
keep_alive(struct relay *r, struct buf *out)
{
	const struct media *m = r->state;

	if (m->in.form == INPUT_EVENTS)
		relay_keep_alive(r, out);
}

const struct relay_ops media_relay = {
	.name = "media",
	.state_bytes = sizeof(struct media),
	.start = start,
	.feed = feed,
	.finish = finish,
	.fail = fail,
	.keep_alive = keep_alive,
	.stop = stop,
};
