/*
 * A relay: the provider's answer on its way to the client. It is fed bytes as
 * they come, gives out bytes for the client, and collects the facts that
 * judge, settle and record need. It never does I/O and never decides.
 */
#ifndef WIRE_RELAY_H
#define WIRE_RELAY_H

#include "base/buf.h"
#include "base/err.h"
#include "domain/ledger/usage.h"
#include "domain/routing/verdict.h"
#include "wire/request.h"
#include "wire/responses/response_id.h"

struct relay_ops;

struct relay_options {
	const struct wire_request *request; /* outlives the relay */
	const char *client_model;           /* name to stand in the answer */
	const char *upstream_model;
	const char *request_id; /* for ids the provider does not give; NULL */
	/* Stands in ids that must come back to it. */
	struct response_place place;
	/* The same provider's relay for chat: what a relay that translates
	   stands on. */
	const struct relay_ops *chat;
	bool upstream_is_stream; /* by Content-Type; a relay looks at the
				    first bytes itself */
	struct str content_type; /* of the answer; read at start only */
	size_t max_event_bytes;
	size_t max_answer_bytes; /* plain answers */
	/* End a stream with finish_reason length when its output is certainly
	   more than this many tokens: so many deltas came, or so many bytes
	   (relay_least_tokens), or the provider counts them itself. -1 never.
	   An honest provider is never ended early. */
	int64_t stop_after_tokens;
};

/* What is known so far. */
struct relay_facts {
	/* source PROVIDER once it came; back to ESTIMATED, with at least the
	   guess as output, when text followed it without a newer one. */
	struct usage usage;
	bool first_token;           /* a delta with content, reasoning or a tool
				       call was seen (TTFT stops here) */
	bool finished;              /* proof of completion: finish_reason for
				       every choice, or [DONE], or a whole
				       valid JSON answer */
	bool done_marker;           /* [DONE] was forwarded */
	bool stopped;               /* ended by stop_after_tokens */
	bool error_event;           /* the provider reported an error in band */
	bool malformed;             /* something was no valid event or JSON */
	bool too_large;             /* an event or answer above its maximum */
	int error_status;           /* of error_event, 0 unknown */
	enum outcome error_outcome; /* of error_event */
	char error_text[256];       /* of error_event or malformed, one line */
	char finish_reason[24];     /* of choice 0, "" */
	char model[96];             /* the model the provider names */
	int64_t delivered_bytes;    /* text given to the client */
	/* Estimate of the output so far: a quarter of the text's bytes, or the
	   number of deltas with text, whichever is more (providers send at
	   least one token in a delta). */
	int64_t output_guess_tokens;
	int64_t chunks; /* events forwarded */
	/* What the client is told it gets; "": JSON, or events where it asked
	   for a stream. */
	char content_type[80];
};

/* No tokenizer in use needs fewer tokens for so much text: words have 4 to 5
   bytes a token; long runs of one character come on top. */
int64_t relay_least_tokens(int64_t text_bytes);

struct relay;

/* A relay's behaviour; a dialect fills one per client API. */
struct relay_ops {
	const char *name;
	size_t state_bytes; /* private part, zeroed at start */
	int (*start)(struct relay *r, struct err *err);
	/* Bytes from the provider; appends the client's bytes to out. 0, or -1
	   when the answer cannot be used (facts say why): ERR_UPSTREAM the
	   provider reported an error, ERR_UPSTREAM_FORMAT no valid answer,
	   ERR_OVERLOADED no room in out. What out got before still is good. */
	int (*feed)(struct relay *r, struct str bytes, struct buf *out,
	    struct err *err);
	/* The provider closed cleanly. ERR_UPSTREAM_CUT when the answer had
	   not come to its end. */
	int (*finish)(struct relay *r, struct buf *out, struct err *err);
	/* An honest ending of a stream that failed after bytes went out: the
	   client dialect's error event. */
	void (*fail)(struct relay *r, enum err_code code, const char *text,
	    struct buf *out);
	/* A sign of life for a client that waits in the middle of a stream:
	   something its SDKs skip. NULL: nothing may be put in between. */
	void (*keep_alive)(struct relay *r, struct buf *out);
	void (*stop)(struct relay *r); /* frees what start made */
};

struct relay {
	const struct relay_ops *ops;
	struct relay_options options;
	struct relay_facts facts;
	void *state; /* ops->state_bytes */
};

/* One relay per attempt. -1: start failed, nothing to stop. */
int relay_open(struct relay *r, const struct relay_ops *ops,
    const struct relay_options *options, struct err *err) MUST_CHECK;
void relay_close(struct relay *r);

#endif
