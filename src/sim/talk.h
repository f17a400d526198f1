/*
 * An answer being told: what the writers of the dialects need, and the place
 * a stream has come to. Writers change nothing but the place.
 */
#ifndef SIM_TALK_H
#define SIM_TALK_H

#include "sim/answer.h"
#include "sim/flavor.h"
#include "sim/reply.h"

/* What the next chunk of a stream is about. Not every dialect has all. */
enum talk_stage {
	TALK_OPENING,    /* role chunk, message_start */
	TALK_TEXT_START, /* content_block_start of the text */
	TALK_PING,
	TALK_THOUGHT, /* a reasoning item, reasoning that is shown */
	TALK_WORDS,
	TALK_TEXT_STOP,
	TALK_CALL_HEAD, /* id and name of a call */
	TALK_CALL_ARGS,
	TALK_CALL_STOP,
	TALK_FINISH, /* finish_reason, message_delta */
	TALK_USAGE,
	TALK_TERMINAL, /* [DONE], message_stop */
	TALK_OVER,
};

struct talk {
	const struct chat *chat;
	const struct answer *answer;
	enum dialect dialect;
	const struct flavor *flavor;
	const char *id; /* of the answer, without a prefix */
	int64_t created_secs;
	bool no_usage;

	enum talk_stage stage;
	int choice;        /* the next chunk's */
	int64_t word;      /* words told */
	int64_t thought;   /* words of reasoning told */
	int64_t told;      /* tokens, all choices' */
	size_t call;       /* being told */
	int step;          /* events told of a stage that has several */
	int64_t sequence;  /* of the next event (responses) */
	size_t at;         /* place in the text, or in the call's arguments */
	struct str said;   /* word or fragment that the choices tell in turn */
	struct buf prefix; /* what all chunks of a stream begin with */
};

/* To the first word of this answer to this request. */
void talk_begin(struct talk *t, const struct chat *chat,
    const struct answer *answer);

/* An id: what all of its kind begin with, then letters and digits of its own.
 */
void talk_put_id(struct jsonw *w, const char *key, const char *prefix,
    const char *id);

/* ---- for dialects whose answers are blocks ------------------------------ */

/* The next word as a string, or the next piece of the call's arguments; behind
   the last one the block is at its end. */
void talk_write_word(struct talk *t, struct jsonw *w);
void talk_write_fragment(struct talk *t, struct jsonw *w);
/* What comes first, or behind the block that has ended. */
enum talk_stage talk_next_block(struct talk *t);

#endif
