/*
 * Relays for Anthropic's answers: to clients of its own API, whose bytes pass
 * (anthropic_pass.c), and to those of OpenAI's chat (anthropic_chat.c,
 * anthropic_chunk.c). What the answer says is read here once for both.
 *
 * Plain answers are kept until they are whole, and give out bytes only in
 * finish(). Streams: an event says what it is by the "type" in its data; types
 * nobody knows are skipped for chat and passed on to Anthropic's clients. The
 * end is proven by a stop_reason or message_stop. A plain answer to a client
 * that wants a stream is made one.
 *
 * Inside: what those files share.
 */
#ifndef WIRE_ANTHROPIC_RELAY_H
#define WIRE_ANTHROPIC_RELAY_H

#include "wire/anthropic/anthropic_usage.h"
#include "wire/anthropic/citations.h"
#include "wire/pick.h"
#include "wire/relay_input.h"
#include "wire/relay_note.h"

#define ANTHROPIC_ID_BYTES 128

enum event_type {
	EVENT_OTHER,
	EVENT_MESSAGE_START,
	EVENT_BLOCK_START,
	EVENT_BLOCK_DELTA,
	EVENT_BLOCK_STOP,
	EVENT_MESSAGE_DELTA,
	EVENT_MESSAGE_STOP,
	EVENT_PING,
	EVENT_ERROR,
};

enum block_type {
	BLOCK_NONE,
	BLOCK_TEXT,
	BLOCK_THINKING,
	BLOCK_REDACTED,
	BLOCK_TOOL,
	BLOCK_JSON,  /* the tool that stands for structured output */
	BLOCK_FOUND, /* what a search of the web found */
	BLOCK_OTHER, /* server tools and what else there is */
};

/* A content block, at its start or whole. */
struct anthropic_block {
	enum block_type type;
	struct skim_value object;
	struct skim_value id, name, input, text, thinking, signature, data;
	struct skim_value citations, content;
};

/* One event as it was read. */
struct anthropic_event {
	enum event_type type;
	const struct sse_event *sse;
	struct skim_value message, index, usage; /* SKIM_ABSENT not there */
	struct anthropic_block block;            /* of BLOCK_START */
	/* Of BLOCK_DELTA: what kind, and its string; a citation's object. */
	enum delta_type {
		DELTA_OTHER,
		DELTA_TEXT,
		DELTA_JSON,
		DELTA_THINKING,
		DELTA_SIGNATURE,
		DELTA_CITATION,
	} delta;
	struct skim_value piece;
	struct skim_value stop_reason, explanation; /* of MESSAGE_DELTA */
	int64_t text_bytes; /* that the client gets by this event */
};

struct anthropic_relay;

/* What a client's API makes of it. No function fails: a buffer without room
   is marked. */
struct anthropic_writer {
	/* The whole answer: plain, or as a stream of the client's. */
	void (*plain)(struct relay *r, const struct skim_value *message,
	    struct buf *out);
	void (*wrap)(struct relay *r, const struct skim_value *message,
	    struct buf *out);
	void (*event)(struct relay *r, const struct anthropic_event *e,
	    struct buf *out);
	void (*keep_alive)(struct relay *r, struct buf *out);
	/* The stream ends before the provider's end: too much came. */
	void (*cut_short)(struct relay *r, struct buf *out);
	/* Behind a stop_reason the stream ended without message_stop. */
	void (*end)(struct relay *r, struct buf *out);
};

extern const struct anthropic_writer anthropic_chat_writer;
extern const struct anthropic_writer anthropic_pass_writer;

/* The private part of a relay. */
struct anthropic_relay {
	struct relay_input in;
	const struct anthropic_writer *writer;
	struct buf model; /* the client's name, quoted */
	struct anthropic_usage usage;
	int64_t searches;      /* that found something, so far */
	int64_t deltas;        /* with text */
	bool has_started;      /* message_start was seen */
	enum block_type block; /* the open one */
	int64_t block_index;   /* of the open one */
	/* chat */
	bool role_sent, finish_sent;
	int64_t tool_count;     /* blocks that became tool calls */
	int64_t thinking_count; /* blocks that became thinking_blocks */
	bool has_json;          /* the open tool block had a piece of input */
	bool json_answer;       /* BLOCK_JSON was seen */
	bool holds_text;        /* text waits: it may stand before JSON */
	struct buf held;        /* that text, without quotes */
	struct buf input;       /* the open tool block's first input */
	struct citations cites; /* of a stream */
	char id[ANTHROPIC_ID_BYTES]; /* quoted */
	int64_t created;
};
_Static_assert(offsetof(struct anthropic_relay, in) == 0,
    "relay_input stands first");

/* The ops for an answer to this client API; NULL when not served. */
const struct relay_ops *anthropic_relay_find(enum wire_api api);

/* ---- shared by the files of this relay -------------------------------- */

/* anthropic_event.c: reading. -1: its data is no JSON object. */
int anthropic_event_read(const struct sse_event *sse,
    struct anthropic_event *e_r, struct err *err) MUST_CHECK;
void anthropic_block_read(const struct skim_value *object,
    struct anthropic_block *block_r);
/* The bytes of text in a whole block. */
int64_t anthropic_block_bytes(const struct anthropic_block *b);
/* A string with its quotes appended to out; `instead` when it is none. */
void anthropic_add_string(const struct skim_value *v, const char *instead,
    struct buf *out);

#endif
