/* Plain answers: kept until whole, checked, given out with the client's name
   for the model. See openai_relay.h. */
#include "wire/openai/openai_relay.h"

#include "wire/openai/embeddings.h"
#include "wire/pick.h"
#include "wire/relay_note.h"

int
openai_error_list(struct relay *r, struct str text, struct err *err)
{
	static const struct skim_options any = { .allow_any_top = true };
	struct openai_view v = { .text = text };

	if (skim(text, NULL, 0, &any, NULL) != 0 ||
	    str_find(text, "\"error\"") < 0)
		return relay_malformed(r, err, "the answer is no JSON object");
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
		return relay_malformed(r, err, "the answer has no data list");
	if (!is_list && v->choice_list.type != SKIM_ARRAY)
		return relay_malformed(r, err,
		    "the answer has no list of choices");
	return 0;
}

int
openai_read_answer(struct relay *r, struct openai_view *v, enum view_kind kind,
    struct err *err)
{
	struct openai_relay *s = r->state;
	struct str text = relay_input_text(r);

	if (text.n > 0 && text.p[0] == '[')
		return openai_error_list(r, text, err);
	if (text.n == 0 || text.p[0] != '{')
		return relay_input_no_object(r, err);
	if (openai_view_read(v, kind, text, &s->choices) != 0)
		return relay_malformed(r, err, "at byte %zu: %s", v->wrong_at,
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
openai_plain_take(struct relay *r, struct buf *out, struct err *err)
{
	struct openai_relay *s = r->state;
	struct openai_view v;

	if (r->options.request->stream)
		return openai_wrap(r, out, err);
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
	s->in.ended = true;
	return 0;
}
