/*
 * Relay for Converse's answers. They are put into Anthropic's form, whole or
 * event by event, and go through Anthropic's relay for the client's API
 * (anthropic_relay.h): chat, or its own messages.
 *
 *   messageStart        message_start (usage is not known yet: zeros)
 *   contentBlockStart   content_block_start of a tool; text and thinking have
 *                       none and begin with their first delta
 *   contentBlockDelta   text, toolUse.input, reasoningContent
 *   contentBlockStop    content_block_stop
 *   messageStop         kept: the usage comes behind it
 *   metadata            message_delta with stop reason and usage, message_stop
 *   exceptions          error
 */
#ifndef WIRE_BEDROCK_RELAY_H
#define WIRE_BEDROCK_RELAY_H

#include "wire/relay.h"

extern const struct relay_ops bedrock_relay;

/* ---- shared by bedrock_relay.c and bedrock_event.c ---------------------- */

#define BEDROCK_STOP_BYTES 40

enum bedrock_block {
	BEDROCK_NONE,
	BEDROCK_TEXT,
	BEDROCK_THINKING,
	BEDROCK_REDACTED,
	BEDROCK_TOOL,
};

/* A stream on its way into Anthropic's form. */
struct bedrock_events {
	struct buf model; /* quoted */
	struct buf id;    /* quoted */
	bool started, ended;
	enum bedrock_block block;             /* the open one */
	int64_t index;                        /* of it, or of the next one */
	char stop_reason[BEDROCK_STOP_BYTES]; /* Anthropic's word; "" none */
};

struct event_message;

/* Appends what an event becomes; unknown ones become nothing. */
void bedrock_event_write(struct bedrock_events *e,
    const struct event_message *m, struct buf *out);
/* The end, with this usage; once. */
void bedrock_event_end(struct bedrock_events *e, const struct usage *u,
    struct buf *out);
/* A whole answer (checked JSON) as a message. */
void bedrock_message_write(const struct bedrock_events *e, struct str answer,
    struct buf *out);

#endif
