/*
 * The output of a response that comes from a chat: its items, in the order
 * they begin, with the events that tell of them.
 *
 *   reasoning   a reasoning item whose text is a summary; what the provider
 *               wants back with it (a signature) is its encrypted_content
 *   content     a message with one output_text part
 *   refusal     a refusal part in the message
 *   tool calls  a function_call each, or a custom_tool_call
 *
 * A reasoning item or message is closed when an item of another kind begins;
 * calls are open until the end, because their pieces may come in any order.
 * Strings are the insides of JSON strings as they are written, so that pieces
 * may be cut anywhere but in an escape.
 */
#ifndef WIRE_RESPONSES_OUTPUT_H
#define WIRE_RESPONSES_OUTPUT_H

#include "base/buf.h"
#include "wire/openai/custom_input.h"
#include "wire/responses/responses_tools.h"

#include <stdint.h>

#define OUTPUT_MAX_ITEMS 256

enum output_kind {
	OUTPUT_REASONING,
	OUTPUT_MESSAGE,
	OUTPUT_CALL,
};

enum output_part {
	PART_NONE,
	PART_TEXT, /* of a message, or a summary */
	PART_REFUSAL,
};

struct output_item {
	enum output_kind kind;
	int64_t number; /* of a call, of a block of thinking; -1 none */
	bool closed, complete;
	enum output_part part;    /* the one that is open */
	struct buf text, refusal; /* text: arguments of a call */
	struct buf seal;          /* encrypted_content */
	/* Of a message's text, as JSON with commas between. */
	struct buf logprobs, annotations;
	size_t annotation_count;
	/* Of a call. */
	struct buf call_id, name, name_space;
	bool custom;
	bool wrapped;               /* its text comes in arguments ... */
	struct custom_input unwrap; /* ... out of which this takes it */
	struct buf arguments;       /* as they came, should it find none */
};

/* What is called. */
struct output_tool {
	struct client_tool client;
	bool wrapped; /* takes text, and was called as a function */
};

struct responses_output {
	bool events;      /* a stream: events are written */
	struct str id;    /* what the items' ids are made of; set before the
			     first item, without quotes */
	int64_t sequence; /* of the next event */
	int64_t chunks;   /* events written */
	size_t max_bytes; /* of all texts together */
	size_t bytes;
	bool overflowed; /* too many items, or too much text */
	bool has_calls;
	size_t count;
	struct output_item *items[OUTPUT_MAX_ITEMS];
};

void responses_output_init(struct responses_output *o, bool events,
    size_t max_bytes);
void responses_output_fini(struct responses_output *o);

/* logprobs: of the piece's tokens, JSON with commas between; may be empty. */
void responses_output_text(struct responses_output *o, struct str piece,
    struct str logprobs, struct buf *out);
/* An annotation (a JSON object) of the message under way; without one there is
   nothing that it could be about. */
void responses_output_annotation(struct responses_output *o,
    struct str annotation, struct buf *out);
void responses_output_refusal(struct responses_output *o, struct str piece,
    struct buf *out);
/* number: the block of thinking it belongs to; -1 the one under way. */
void responses_output_reasoning(struct responses_output *o, int64_t number,
    struct str piece, struct buf *out);
/* What goes back to the provider with that block; mark says what it is. */
void responses_output_seal(struct responses_output *o, int64_t number,
    const char *mark, struct str piece, struct buf *out);
/* A piece of a call. id and tool count when the call begins; id empty: one is
   made up. */
void responses_output_call(struct responses_output *o, int64_t number,
    struct str id, const struct output_tool *tool, struct str arguments,
    struct buf *out);
/* Ends every item. complete false: those still open are marked incomplete. */
void responses_output_close(struct responses_output *o, bool complete,
    struct buf *out);
/* The items as a JSON array; those that did not end are incomplete. */
void responses_output_write(const struct responses_output *o, struct buf *out);

/* What stands in front of a seal in encrypted_content, so that only what came
   from here goes back as it was. */
#define SEAL_SIGNATURE "tg_sig:"
#define SEAL_REDACTED  "tg_red:"

#endif
