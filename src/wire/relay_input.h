/*
 * A provider's bytes on their way into a relay: events, which are given on one
 * by one, or one answer, which is kept until it is whole. Which of the two they
 * are, the first byte that is no blank tells: a provider may send one where the
 * other was asked for. (A relay that knows it otherwise sets the form itself.)
 *
 * It stands first in the state of a relay that takes its bytes this way, whose
 * feed and finish then are relay_input_feed() and relay_input_finish(), and
 * its fail relay_input_fail() unless its clients have an ending of their own.
 */
#ifndef WIRE_RELAY_INPUT_H
#define WIRE_RELAY_INPUT_H

#include "wire/relay.h"
#include "wire/sse.h"

/* What a relay does with them; -1 as in relay_ops. */
struct relay_taker {
	int (*event)(struct relay *r, const struct sse_event *event,
	    struct buf *out, struct err *err);
	/* The answer is whole: relay_input_text() has it. */
	int (*whole)(struct relay *r, struct buf *out, struct err *err);
	/* The events are over, but not the relay. */
	int (*end)(struct relay *r, struct buf *out, struct err *err);
};

struct relay_input {
	const struct relay_taker *taker;
	enum {
		INPUT_UNKNOWN, /* nothing but blanks so far */
		INPUT_EVENTS,
		INPUT_WHOLE,
	} form;
	bool ended;       /* set by the relay: nothing may follow in out */
	struct buf whole; /* one answer as it comes */
	struct sse_reader sse;
};

/* In the relay's start and stop. */
void relay_input_init(const struct relay *r, const struct relay_taker *taker);
void relay_input_fini(const struct relay *r);
/* What relay_ops has under these names. A last event that makes no sense is one
   that was cut. */
int relay_input_feed(struct relay *r, struct str bytes, struct buf *out,
    struct err *err);
int relay_input_finish(struct relay *r, struct buf *out, struct err *err);
void relay_input_fail(struct relay *r, enum err_code code, const char *text,
    struct buf *out);
/* The whole answer without blanks around it. */
struct str relay_input_text(const struct relay *r);
/* It does not begin as a JSON object does: notes what it is instead; -1. */
int relay_input_no_object(struct relay *r, struct err *err);

#endif
