/*
 * An answer on its way: which bytes go when, and how it goes wrong. Given
 * what to say (a body, or a source of stream chunks) and the settings, it
 * makes HTTP out of it step by step. It does no I/O and `now` is a parameter:
 * the connection asks for bytes, sends them, and comes back at the time it is
 * told.
 */
#ifndef SIM_REPLY_H
#define SIM_REPLY_H

#include "sim/faults.h"
#include "sim/reqlog.h"

#define REPLY_BODY_MAX  (64 * 1024 * 1024)
#define REPLY_EXTRA_MAX 1024
#define REPLY_BATCH_BYTES                                                      \
	(16 * 1024) /* a step adds not much more than this                     \
		     */

/* One chunk of a stream, made by the source. */
struct reply_chunk {
	struct buf json;   /* the payload; cleared by the reply before a call */
	const char *event; /* name of the event, NULL for none */
	int tokens;        /* that it says */
	bool last;         /* the terminal one: [DONE], message_stop */
};

/* Fills *chunk: 1 made, 0 there are no more. */
typedef int (*reply_source)(void *ctx, struct reply_chunk *chunk);

/* What the connection does when the reply is at its end. */
enum reply_after {
	AFTER_KEEP,   /* the next request may come */
	AFTER_CLOSE,  /* FIN */
	AFTER_LINGER, /* FIN, once the client has had time to read */
	AFTER_RESET,  /* RST */
};

enum reply_step {
	REPLY_MORE,  /* bytes were added; call again when they are sent */
	REPLY_WAIT,  /* call again at *until */
	REPLY_STALL, /* nothing more will ever come */
	REPLY_END,   /* what was added is all; see outcome and after */
};

enum reply_phase {
	REPLY_PHASE_WAIT, /* latency_ms */
	REPLY_PHASE_HEAD,
	REPLY_PHASE_BODY,
	REPLY_PHASE_CHUNKS,
	REPLY_PHASE_OVER,
};

struct reply {
	/* Set between reply_init() and reply_begin(). */
	struct faults faults;
	int minor;       /* the request's HTTP/1.x */
	bool keep_alive; /* as the request wants it */
	int status;
	const char *content_type;
	const char *server;  /* header lines of every answer, with CRLF */
	struct buf extra;    /* more header lines, with CRLF */
	struct buf body;     /* of an answer that is no stream */
	reply_source source; /* of a stream; NULL otherwise */
	const char *comment; /* a line in front of it; "" none */
	void *source_ctx;
	bool frames;           /* events are messages of AWS's binary streams */
	int64_t body_tokens;   /* that the body says, for its pace */
	struct buf error_json; /* of error_after_chunks */
	const char *error_event;

	/* Filled while it goes. */
	enum outcome outcome; /* valid from REPLY_STALL or REPLY_END on */
	enum reply_after after;
	int64_t tokens_sent; /* handed out so far */
	bool head_sent;

	enum reply_phase phase;
	int64_t begun_nsecs; /* of the phase */
	int64_t wait_nsecs;  /* of REPLY_PHASE_WAIT */
	struct buf head;     /* of slow_headers_ms */
	size_t head_at;
	int64_t chunks; /* handed out */
	bool have_chunk;
	struct reply_chunk chunk;
	bool spoiled; /* a chunk or the body was made malformed */
};

void reply_init(struct reply *r);
void reply_fini(struct reply *r);
/* For the next request on the connection; keeps the buffers' memory. */
void reply_reset(struct reply *r);
/* All is set: the clock starts. */
void reply_begin(struct reply *r, int64_t now_mono_nsecs);
/* Appends the bytes that are due. */
enum reply_step reply_step(struct reply *r, int64_t now_mono_nsecs,
    struct buf *out, int64_t *until_r);

#endif
