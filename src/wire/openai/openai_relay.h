/*
 * Relays for answers in the OpenAI dialect to clients of the same dialect:
 * chat, completions, embeddings; plain and streamed. Inside: what the files
 * openai_relay.c, openai_plain.c, openai_stream.c and openai_wrap.c share.
 *
 * Plain. The answer is kept until it is whole and gives out bytes only in
 * finish(), so that a bad one can still be tried elsewhere. A stream in place
 * of a plain answer is malformed: nobody asked for it, and what is in it may
 * be anything.
 *
 * Streamed. Chunks pass as they come, with the client's name for the model.
 * Usage is always asked for upstream: the client sees it only when it asked
 * too, then as one chunk without choices before [DONE] whatever the provider's
 * way is. A plain JSON answer is made into chunks. Chunks without choices that
 * are no usage and no error are dropped. The provider's comments go on as
 * ": keep-alive" once something went to the client.
 */
#ifndef WIRE_OPENAI_RELAY_H
#define WIRE_OPENAI_RELAY_H

#include "wire/openai/chat_chunk.h"
#include "wire/openai/openai_view.h"
#include "wire/relay_input.h"

#define OPENAI_MADE_BYTES    1024 /* first block; most chunks need none */
#define OPENAI_ID_BYTES      128
#define OPENAI_CREATED_BYTES 24
#define OPENAI_USAGE_BYTES   (64 * 1024)

/* The private part of a relay. */
struct openai_relay {
	struct relay_input in;
	bool usage_sent;
	struct buf model; /* the client's name, quoted */
	struct buf usage; /* the last usage object, as written */
	struct view_choices choices;
	struct arena made; /* texts of the edits of one chunk */
	int64_t deltas;    /* with text */
	char id[OPENAI_ID_BYTES], created[OPENAI_CREATED_BYTES];
};
_Static_assert(offsetof(struct openai_relay, in) == 0,
    "relay_input stands first");

/* The ops for an answer to this client API; NULL when not served. */
const struct relay_ops *openai_relay_find(enum wire_api api);

/* ---- shared by the files of this relay -------------------------------- */

/* A list where an object is expected: [{"error":{...}}] is Gemini's way. */
int openai_error_list(struct relay *r, struct str text,
    struct err *err) MUST_CHECK;
/* The answer or chunk holds an error: notes it, -1 with ERR_UPSTREAM; 0 when
   it holds none. */
int openai_check_error(struct relay *r, const struct openai_view *v,
    struct err *err);
/* Model, usage, tier, text and finish reason into the facts. */
void openai_note_facts(struct relay *r, const struct openai_view *v);
/* The model's value becomes the client's name for it. */
void openai_rename_model(const struct relay *r, struct openai_view *v);
/* id, object and created where the provider has none or says nothing in them:
   the stream's own, else made ones. */
void openai_fill_head(struct relay *r, struct openai_view *v);
void openai_chunk_head(const struct relay *r, struct chat_chunk *c);
/* Usage chunk when due, [DONE], and the relay has ended. */
void openai_end_stream(struct relay *r, struct buf *out);

/* The collected answer read into *v and the facts; -1 when it cannot be
   used. */
int openai_read_answer(struct relay *r, struct openai_view *v,
    enum view_kind kind, struct err *err);
/* What comes in (relay_input.h). */
int openai_plain_take(struct relay *r, struct buf *out, struct err *err);
int openai_stream_take(struct relay *r, const struct sse_event *event,
    struct buf *out, struct err *err);
int openai_stream_end(struct relay *r, struct buf *out, struct err *err);
/* A plain answer given to a client that wants a stream. */
int openai_wrap(struct relay *r, struct buf *out, struct err *err);

#endif
