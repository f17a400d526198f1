/* Token counts. See count_relay.h. */
#include "wire/messages/count_relay.h"

#include "base/jsonw.h"
#include "wire/anthropic/anthropic_usage.h"
#include "wire/pick.h"
#include "wire/relay_note.h"

#define ANSWER_BYTES (64 * 1024)

struct count {
	struct buf answer;
	bool ended;
};

static int
start(struct relay *r, struct err *err)
{
	struct count *c = r->state;

	(void)err;
	buf_init(&c->answer, ANSWER_BYTES);
	return 0;
}

static void
stop(struct relay *r)
{
	struct count *c = r->state;

	buf_fini(&c->answer);
}

static int
feed(struct relay *r, struct str bytes, struct buf *out, struct err *err)
{
	struct count *c = r->state;

	(void)out;
	if (buf_add_str(&c->answer, bytes) == 0)
		return 0;
	r->facts.too_large = true;
	return relay_malformed(r, err, "a count of more than %d bytes",
	    ANSWER_BYTES);
}

static int
finish(struct relay *r, struct buf *out, struct err *err)
{
	struct count *c = r->state;
	struct str text = str_trim(buf_str(&c->answer));
	struct skim_value root, v;

	if (text.n == 0 || skim(text, NULL, 0, NULL, err) != 0)
		return relay_malformed(r, err, "the count is no JSON object");
	root = pick_root(text);
	v = pick_one(&root, "error");
	if (v.type == SKIM_OBJECT) {
		v = pick_one(&v, "type");
		return relay_error(r, text, anthropic_error_status(&v), err);
	}
	v = pick_one(&root, "input_tokens");
	if (v.type != SKIM_NUMBER)
		return relay_malformed(r, err,
		    "the answer has no input_tokens");
	buf_add_str(out, text);
	r->facts.usage.source = USAGE_PROVIDER;
	r->facts.finished = true;
	c->ended = true;
	return relay_check_room(out, err);
}

static void
fail(struct relay *r, enum err_code code, const char *text, struct buf *out)
{
	struct count *c = r->state;

	if (!c->ended)
		relay_fail_event(r, code, text, out);
	c->ended = true;
}

const struct relay_ops count_relay = {
	.name = "count",
	.state_bytes = sizeof(struct count),
	.start = start,
	.feed = feed,
	.finish = finish,
	.fail = fail,
	.stop = stop,
};

void
count_answer_write(const struct wire_request *r, struct buf *out)
{
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_open(&w, '{');
	jsonw_key(&w, "input_tokens");
	jsonw_int(&w, r->prompt_guess_tokens);
	jsonw_close(&w, '}');
}
