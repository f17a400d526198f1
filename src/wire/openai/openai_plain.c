/* Plain answers: kept until whole, checked, given out with the client's name
   for the model. See openai_relay.h. */
#include "wire/openai/openai_relay.h"

#include "wire/openai/embeddings.h"
#include "wire/pick.h"

/* Room for a usual answer at once instead of by doubling. */
#define FIRST_BYTES 4096

int
openai_plain_feed(struct relay *r, struct str bytes, struct err *err)
{
	struct openai_relay *s = r->state;

	if (s->answer.size == 0 && bytes.n < FIRST_BYTES &&
	    s->answer.max >= FIRST_BYTES)
		(void)buf_reserve(&s->answer, FIRST_BYTES - 1);
	if (buf_add_str(&s->answer, bytes) == 0)
		return 0;
	r->facts.too_large = true;
	return openai_malformed(r, err, "the answer is larger than %zu bytes",
	    r->options.max_answer_bytes);
}

/* An answer of another kind than JSON: says which. */
static int
not_json(struct relay *r, struct str text, struct err *err)
{
	if (text.n == 0)
		return openai_malformed(r, err, "the answer is empty");
	if (str_starts(text, "data:") || str_starts(text, "event:") ||
	    text.p[0] == ':')
		return openai_malformed(r, err,
		    "a stream came although none was asked for");
	if (text.p[0] == '<')
		return openai_malformed(r, err, "an HTML page came");
	return openai_malformed(r, err, "the answer is no JSON object");
}

int
openai_error_list(struct relay *r, struct str text, struct err *err)
{
	static const struct skim_options any = { .allow_any_top = true };
	struct openai_view v = { .text = text };

	if (skim(text, NULL, 0, &any, NULL) != 0 ||
	    str_find(text, "\"error\"") < 0)
		return openai_malformed(r, err, "the answer is no JSON object");
	v.error.type = SKIM_ARRAY;
	v.error.value = text;
	return openai_check_error(r, &v, err);
}

/* What an answer of this API must hold. */
static int
check_shape(struct relay *r, const struct openai_view *v, struct err *err)
{
	bool is_list = r->options.request->api == WIRE_EMBEDDINGS;

	if (is_list && v->data.type != SKIM_ARRAY)
		return openai_malformed(r, err, "the answer has no data list");
	if (!is_list && v->choice_list.type != SKIM_ARRAY)
		return openai_malformed(r, err,
		    "the answer has no list of choices");
	return 0;
}

int
openai_read_answer(struct relay *r, struct openai_view *v, enum view_kind kind,
    struct err *err)
{
	struct openai_relay *s = r->state;
	struct str text = str_trim(buf_str(&s->answer));

	if (text.n > 0 && text.p[0] == '[')
		return openai_error_list(r, text, err);
	if (text.n == 0 || text.p[0] != '{')
		return not_json(r, text, err);
	if (openai_view_read(v, kind, text, &s->choices) != 0)
		return openai_malformed(r, err, "at byte %zu: %s", v->wrong_at,
		    v->wrong);
	if (openai_check_error(r, v, err) != 0 || check_shape(r, v, err) != 0)
		return -1;
	openai_note_facts(r, v);
	return 0;
}

/* True when the first embedding is not in the form that was asked for; all of
   an answer's have the same. */
static bool
has_other_form(const struct openai_view *v, bool base64)
{
	struct skim_iter it;
	struct skim_value item;
	struct str key;

	skim_iter_init(&it, v->data.value);
	if (skim_iter_next(&it, &key, &item) != 1)
		return false;
	item = pick_one(&item, "embedding");
	return item.type == (base64 ? SKIM_ARRAY : SKIM_STRING);
}

static void
write_embeddings(struct relay *r, struct openai_view *v, struct buf *out)
{
	bool base64 = embeddings_want_base64(r->options.request);

	if (!has_other_form(v, base64)) {
		openai_view_write(v, 0, v->text.n, out);
		return;
	}
	openai_view_write(v, 0, v->data.value_start, out);
	embeddings_write(&v->data, base64, out);
	openai_view_write(v, v->data.value_end, v->text.n, out);
}

int
openai_plain_finish(struct relay *r, struct buf *out, struct err *err)
{
	struct openai_relay *s = r->state;
	struct openai_view v;

	if (openai_read_answer(r, &v, VIEW_ANSWER, err) != 0)
		return -1;
	openai_rename_model(r, &v);
	if (r->options.request->api == WIRE_EMBEDDINGS) {
		write_embeddings(r, &v, out);
	} else {
		openai_fill_head(r, &v);
		openai_view_write(&v, 0, v.text.n, out);
	}
	r->facts.finished = true;
	s->ended = true;
	return 0;
}
