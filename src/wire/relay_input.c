/* Events or one JSON answer. See relay_input.h. */
#include "wire/relay_input.h"

#include "wire/relay_note.h"

/* Room for a usual answer at once instead of by doubling. */
#define FIRST_BYTES 4096

void
relay_input_init(const struct relay *r, const struct relay_taker *taker)
{
	struct relay_input *in = r->state;

	in->taker = taker;
	in->form = r->options.request->stream ? INPUT_UNKNOWN : INPUT_WHOLE;
	buf_init(&in->whole, r->options.max_answer_bytes);
	sse_reader_init(&in->sse, r->options.max_event_bytes);
}

void
relay_input_fini(const struct relay *r)
{
	struct relay_input *in = r->state;

	buf_fini(&in->whole);
	sse_reader_fini(&in->sse);
}

static void
find_form(struct relay_input *in, struct str bytes)
{
	struct str rest = str_trim(bytes);

	if (rest.n == 0)
		return;
	in->form = rest.p[0] == '{' || rest.p[0] == '[' || rest.p[0] == '<'
		       ? INPUT_WHOLE
		       : INPUT_EVENTS;
}

static int
collect(struct relay_input *in, struct relay *r, struct str bytes,
    struct err *err)
{
	if (in->whole.size == 0 && bytes.n < FIRST_BYTES &&
	    in->whole.max >= FIRST_BYTES)
		(void)buf_reserve(&in->whole, FIRST_BYTES - 1);
	if (buf_add_str(&in->whole, bytes) == 0)
		return 0;
	r->facts.too_large = true;
	return relay_malformed(r, err, "the answer is larger than %zu bytes",
	    r->options.max_answer_bytes);
}

static int
feed_events(struct relay_input *in, struct relay *r, struct str bytes,
    struct buf *out, struct err *err)
{
	struct sse_event event;
	int got;

	while (!in->ended &&
	       (got = sse_next(&in->sse, &bytes, &event, err)) != 0) {
		if (got < 0) {
			r->facts.too_large = true;
			return relay_malformed(r, err, "%s", err->text);
		}
		if (in->taker->event(r, &event, out, err) != 0)
			return -1;
	}
	return 0;
}

int
relay_input_feed(struct relay *r, struct str bytes, struct buf *out,
    struct err *err)
{
	struct relay_input *in = r->state;
	int result;

	if (in->ended)
		return 0;
	if (in->form == INPUT_UNKNOWN)
		find_form(in, bytes);
	result = in->form == INPUT_WHOLE ? collect(in, r, bytes, err)
					 : feed_events(in, r, bytes, out, err);
	return result != 0 ? -1 : relay_check_room(out, err);
}

static int
finish_events(struct relay_input *in, struct relay *r, struct buf *out,
    struct err *err)
{
	struct sse_event event;

	if (sse_finish(&in->sse, &event) == 1 &&
	    in->taker->event(r, &event, out, err) != 0) {
		if (!r->facts.malformed)
			return -1;
		r->facts.malformed = false;
		r->facts.error_text[0] = '\0';
	}
	return in->ended ? 0 : in->taker->end(r, out, err);
}

int
relay_input_finish(struct relay *r, struct buf *out, struct err *err)
{
	struct relay_input *in = r->state;
	int result;

	if (in->ended)
		return 0;
	result = in->form == INPUT_WHOLE ? in->taker->whole(r, out, err)
					 : finish_events(in, r, out, err);
	return result != 0 ? -1 : relay_check_room(out, err);
}

void
relay_input_fail(struct relay *r, enum err_code code, const char *text,
    struct buf *out)
{
	struct relay_input *in = r->state;

	if (in->ended)
		return;
	in->ended = true;
	relay_fail_event(r, code, text, out);
}

struct str
relay_input_text(const struct relay *r)
{
	const struct relay_input *in = r->state;

	return str_trim(buf_str(&in->whole));
}

int
relay_input_no_object(struct relay *r, struct err *err)
{
	struct str text = relay_input_text(r);

	if (text.n == 0)
		return relay_malformed(r, err, "the answer is empty");
	if (str_starts(text, "data:") || str_starts(text, "event:") ||
	    text.p[0] == ':')
		return relay_malformed(r, err,
		    "a stream came although none was asked for");
	if (text.p[0] == '<')
		return relay_malformed(r, err, "an HTML page came");
	return relay_malformed(r, err, "the answer is no JSON object");
}
