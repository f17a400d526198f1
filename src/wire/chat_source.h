/*
 * A provider's answer as a chat's, for relays that translate it for clients of
 * another API (messages_relay.h, responses_relay.h): the bytes first go through
 * the provider's own relay for chat clients (relay_options.chat), which mends
 * what providers do differently, and what that gives out is read again here.
 *
 * It stands first in the state of a relay that is fed this way, whose feed and
 * finish then are chat_source_feed() and chat_source_finish().
 */
#ifndef WIRE_CHAT_SOURCE_H
#define WIRE_CHAT_SOURCE_H

#include "wire/pick.h"
#include "wire/relay.h"
#include "wire/sse.h"

/* What the translation makes of it. No function fails: a buffer without room
   is marked, and check() says what else is wrong. */
struct chat_listener {
	void (*chunk)(struct relay *r, const struct skim_value *root,
	    struct buf *out);
	void (*done)(struct relay *r, struct buf *out);    /* [DONE] */
	void (*comment)(struct relay *r, struct buf *out); /* a keep-alive */
	/* A plain answer. */
	void (*plain)(struct relay *r, const struct skim_value *root,
	    struct buf *out);
	/* After each of these; NULL: nothing to check. */
	int (*check)(struct relay *r, struct err *err);
};

struct chat_source {
	const struct chat_listener *listener;
	struct wire_request chat; /* the request as the inner relay sees it */
	struct relay inner;
	bool is_open;
	bool ended;       /* nothing may follow in out */
	struct buf bytes; /* what the inner relay gave out */
	struct sse_reader sse;
};

/* In the relay's start and stop. */
int chat_source_open(const struct relay *r,
    const struct chat_listener *listener, struct err *err) MUST_CHECK;
void chat_source_close(const struct relay *r);
/* What relay_ops has under these names. The inner relay's facts become r's but
   for `chunks`, which is the listener's to count. */
int chat_source_feed(struct relay *r, struct str bytes, struct buf *out,
    struct err *err);
int chat_source_finish(struct relay *r, struct buf *out, struct err *err);

/* ---- reading what it gives ---------------------------------------------- */

/* The first choice's delta or message; a value that is null counts as
   absent. */
struct chat_piece {
	struct skim_value content, refusal;
	struct skim_value reasoning; /* under either of its names */
	/* thinking_blocks, or OpenRouter's reasoning_details where they are a
	   Claude's: a list for chat_thought_read(). Where there is one it says
	   all that `reasoning` does. */
	struct skim_value thoughts;
	struct skim_value calls, annotations;
	struct skim_value logprobs; /* the list of the content's tokens */
	struct skim_value stop;     /* vLLM: the sequence that ended it */
};
void chat_piece_read(const struct skim_value *root, const char *member,
    struct chat_piece *p);

/* The format of OpenRouter's details that are Claude's blocks of thinking. */
#define CHAT_CLAUDES_FORMAT "anthropic-claude-v1"
/* One of `thoughts`, whole or a piece. */
struct chat_thought {
	int64_t index;
	struct skim_value text, signature; /* of a block that can be read */
	struct skim_value data;            /* of a redacted one */
};
/* at: its place in the list, for blocks without indexes. */
void chat_thought_read(const struct skim_value *block, int64_t at,
    struct chat_thought *t);

struct chat_call {
	int64_t index;
	bool custom; /* of a tool that takes text: arguments is that */
	struct skim_value id, name, arguments;
	struct skim_value seal; /* Gemini's signature (call_seal.h) */
};
/* at: its place in the list, for an answer without indexes. */
void chat_call_read(const struct skim_value *call, int64_t at,
    struct chat_call *c);
/* The inside of its id for a client that can send back nothing else, appended
   to out. */
void chat_call_id(const struct chat_call *c, struct buf *out);

#endif
