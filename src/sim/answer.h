/*
 * What the simulator says: text or tool calls, how much of it, and what it
 * is said to have cost. Same request, same settings: same answer. The rules,
 * which the manual repeats so that a test can count for itself:
 *
 * - Text is words parted by single blanks; a word is one token and, in a
 *   stream, one chunk.
 * - A tool call is 1 token and one more for every 4 characters of its
 *   arguments, begun ones included; in a stream those are its chunks.
 * - prompt_tokens = text bytes / 4, rounded up, + 3 for every message.
 * - With n choices all say the same and each is counted.
 */
#ifndef SIM_ANSWER_H
#define SIM_ANSWER_H

#include "sim/chat.h"
#include "sim/faults.h"

#define ANSWER_CALLS_MAX      8
#define ANSWER_ECHO_BYTES     200  /* of the user's text */
#define ANSWER_RESULT_BYTES   2000 /* of one tool's result */
#define ANSWER_FRAGMENT_CHARS 4

/* Enough for base-36 digits of a 64-bit number and a NUL. */
#define ANSWER_ID_BYTES 16

enum finish {
	FINISH_STOP,
	FINISH_LENGTH,
	FINISH_TOOLS
};

struct answer_call {
	struct str name;
	bool custom;
	struct str arguments; /* JSON text, of a custom tool any; cut when
				 max_tokens cut it */
	int64_t tokens;
	char id[ANSWER_ID_BYTES]; /* 9 letters and digits, no prefix */
};

struct usage {
	int64_t prompt_tokens;
	int64_t completion_tokens; /* reasoning_tokens are in it */
	int64_t cached_tokens;     /* these three are in prompt_tokens */
	int64_t cache_write_tokens;
	int64_t audio_tokens;
	int64_t reasoning_tokens;
};

struct answer {
	/* One pass of the words; they are said again until `words` are. */
	struct str text;
	int64_t words; /* 0 when it calls tools, or says nothing */
	struct answer_call calls[ANSWER_CALLS_MAX];
	size_t call_count;
	enum finish finish;
	struct usage usage;
};

/*
 * Fills *answer for the request. `name` is the simulator's, `number` the
 * request's (ids of calls come from it). Slices live in the arena.
 */
void answer_make(struct answer *answer, const struct chat *chat,
    const struct faults *f, struct arena *arena, const char *name,
    uint64_t number);
/* The usage of a request that is answered with nothing (embeddings). */
void answer_usage(struct usage *u, const struct chat *chat,
    const struct faults *f, int64_t visible_tokens);
/* prompt_tokens as counted, without settings. */
int64_t answer_prompt_tokens(const struct chat *chat);
/* The next word; *at begins with 0 and is the caller's place in the text. */
struct str answer_word(const struct answer *answer, size_t *at);
/* The next fragment of a call's arguments; "" at the end. */
struct str answer_fragment(const struct answer_call *call, size_t *at);
/* The whole arguments; {} when max_tokens cut them: then they are no JSON. */
struct str answer_call_object(const struct answer_call *call);
/* All that is said, as one text with blanks between the words. */
void answer_write_text(const struct answer *answer, struct jsonw *w);
/* A number as exactly 9 letters and digits, and a NUL. */
void answer_id(const char *name, uint64_t number, unsigned part,
    char out[ANSWER_ID_BYTES]);

#endif
