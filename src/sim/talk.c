/* The beginning of a talk. See talk.h. */
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
