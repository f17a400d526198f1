/* The way of a talk. See talk.h. */
#include "sim/talk.h"

void
talk_begin(struct talk *t, const struct chat *chat, const struct answer *answer)
{
	t->chat = chat;
	t->answer = answer;
	t->stage = TALK_OPENING;
	t->choice = t->step = 0;
	t->word = t->thought = t->told = t->sequence = 0;
	t->call = t->at = 0;
	buf_clear(&t->prefix);
}

void
talk_put_id(struct jsonw *w, const char *key, const char *prefix,
    const char *id)
{
	jsonw_key(w, key);
	buf_printf(w->out, "\"%s%s\"", prefix, id);
	w->comma = true;
}

void
talk_write_word(struct talk *t, struct jsonw *w)
{
	buf_add_cstr(w->out, t->word == 0 ? "\"" : "\" ");
	jsonw_escape(w->out, answer_word(t->answer, &t->at));
	buf_add_char(w->out, '"');
	w->comma = true;
	if (++t->word == t->answer->words)
		t->stage = TALK_TEXT_STOP;
}

void
talk_write_fragment(struct talk *t, struct jsonw *w)
{
	const struct answer_call *call = &t->answer->calls[t->call];

	jsonw_str(w, answer_fragment(call, &t->at));
	if (t->at >= call->arguments.n)
		t->stage = TALK_CALL_STOP;
}

enum talk_stage
talk_next_block(struct talk *t)
{
	if (t->stage == TALK_CALL_STOP)
		t->call++;
	t->at = 0;
	if (t->word < t->answer->words)
		return TALK_TEXT_START;
	return t->call < t->answer->call_count ? TALK_CALL_HEAD : TALK_FINISH;
}
