/*
 * One answer or one chunk of the OpenAI dialect as a relay sees it: checked
 * and read in a single walk, with the list of edits it needs before a client
 * may have it. Unedited bytes are never copied.
 *
 * Edits made while reading: what clients rely on and providers leave out or
 * write differently (openai_delta.h), a choice's index and delta, finish
 * reasons that clients do not know (Mistral's model_length, Together's eos).
 * The relay adds its own: the model's name, the usage.
 */
#ifndef WIRE_OPENAI_VIEW_H
#define WIRE_OPENAI_VIEW_H

#include "base/arena.h"
#include "wire/json/skim.h"
#include "wire/request.h"

#define VIEW_MAX_EDITS 64 /* in one chunk */

/* What is remembered of a choice over the chunks of a stream. */
struct view_choice {
	bool role_seen;
	bool finished;
	bool renumbered; /* its tool calls came without an index */
	uint8_t next_tool;
};

struct view_choices {
	struct view_choice items[WIRE_MAX_N];
	int64_t finished;   /* how many of them */
	struct arena *made; /* texts of edits: as long as the view is used */
	uint64_t seed;      /* for ids that a provider left out */
	uint32_t made_ids;
};

struct view_edit {
	size_t start, end; /* offsets in the text that go */
	struct str text;   /* what comes instead */
	int index;         /* >= 0: "index":N, comes instead */
};

enum view_kind {
	VIEW_ANSWER, /* a plain answer: nothing is filled in */
	VIEW_CHUNK,  /* of a stream, or an answer to be made one */
};

struct openai_view {
	enum view_kind kind;
	struct view_choices *choices;
	struct str text;
	/* Top-level members, SKIM_ABSENT when not there. */
	struct skim_value id, object, created, model, usage, error;
	struct skim_value service_tier;
	struct skim_value choice_list, data;
	struct skim_value groq_usage;   /* x_groq.usage */
	struct skim_value choice_error; /* choices[].error */
	bool finish_is_error;           /* finish_reason "error" */
	bool has_token;                 /* content, reasoning or a tool call */
	int64_t text_bytes;             /* of it */
	char finish_reason[24];         /* of choice 0, as the client sees it */
	size_t edit_count;
	struct view_edit edits[VIEW_MAX_EDITS];
	bool too_many_edits;
	size_t wrong_at; /* where it is no JSON */
	const char *wrong;
};

/* 0, or -1 when it is no JSON object (wrong says why). choices outlives the
   view. */
int openai_view_read(struct openai_view *v, enum view_kind kind,
    struct str text, struct view_choices *choices) MUST_CHECK;

/* From start to end comes text instead. Edits must not overlap; of those at
   one place the first comes first. */
void openai_view_edit(struct openai_view *v, size_t start, size_t end,
    struct str text);
void openai_view_add_edit(struct openai_view *v, const struct view_edit *e);
/* The member goes, with one comma. */
void openai_view_cut(struct openai_view *v, const struct skim_value *member);
/* The bytes from one offset to another, edits done, appended to out. */
void openai_view_write(struct openai_view *v, size_t from, size_t to,
    struct buf *out);

#endif
