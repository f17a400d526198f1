/*
 * What a request asks for, without its dialect: the readers (chat_openai.c,
 * chat_anthropic.c, scan.c) fill it, answer.c looks at nothing else.
 *
 * Its slices belong to the request's body, to `root` or to the arena; they
 * stand as long as the request does.
 */
#ifndef SIM_CHAT_H
#define SIM_CHAT_H

#include "base/arena.h"
#include "base/jsonx.h"
#include "sim/problem.h"

#define CHAT_TOOLS_MAX   128
#define CHAT_RESULTS_MAX 16
#define CHAT_CHOICES_MAX 128

/* Whose message is the last one; instructions are nobody's turn. */
enum chat_last {
	CHAT_LAST_OTHER,
	CHAT_LAST_USER,
	CHAT_LAST_TOOL
};

/* May, must or may not a tool be called. */
enum chat_choice {
	CHOICE_AUTO,
	CHOICE_NONE,
	CHOICE_REQUIRED,
	CHOICE_NAMED
};

struct chat_tool {
	struct str name;
	json_t *schema; /* of its arguments; borrowed, may be NULL */
	bool custom;    /* takes text as it is, no JSON */
};

struct chat {
	struct str model;
	bool stream;
	bool include_usage; /* an extra chunk with the usage is asked for */
	int64_t max_tokens; /* -1: no limit */
	int choices;        /* n */
	int64_t messages;   /* the system prompt is one */
	int64_t text_bytes; /* of all their text, decoded */
	enum chat_last last;
	struct str user_text; /* of the last message of role user */
	/* Texts of the tool results at the end; the rest is left out. */
	struct str results[CHAT_RESULTS_MAX];
	size_t result_count;
	struct chat_tool *tools; /* in the arena */
	size_t tool_count;
	enum chat_choice choice;
	struct str choice_name; /* of CHOICE_NAMED */
	bool one_call;          /* parallel calls are switched off */
	struct str stop[4];
	size_t stop_count;
	bool json;      /* the answer is to be a JSON object … */
	json_t *schema; /* … of this schema (borrowed, may be NULL) */
	json_t *faults; /* the body's "x_sim" (borrowed, may be NULL) */
	json_t *root;   /* the whole body; owned, NULL when scan.c read it */
};

void chat_init(struct chat *chat);
void chat_fini(struct chat *chat);
/*
 * Parses the body into chat->root and sees that it is an object with a
 * model; 400 otherwise. Members of the same name: the last one counts, as
 * with the providers.
 */
int chat_parse(struct chat *chat, struct str body,
    struct problem *p) MUST_CHECK;
/* Adds a tool; 400 past CHAT_TOOLS_MAX. */
int chat_add_tool(struct chat *chat, struct arena *arena, struct chat_tool tool,
    struct problem *p) MUST_CHECK;
/*
 * The text of a content member: a string, or an array of parts whose "text"
 * is joined by blanks. Counts its bytes.
 */
struct str chat_text(struct chat *chat, struct arena *arena,
    const json_t *content);
/* A tool's result: those that stand together at the end, and no more than
   CHAT_RESULTS_MAX. */
void chat_add_result(struct chat *chat, struct str text);
/* Behind a message whose results of tools are blocks of the user's: whose it
   was. */
void chat_close_turn(struct chat *chat, struct str role, struct str text);
/* A string as a slice; "" for anything else. */
struct str chat_string(const json_t *v);
/*
 * An integer member from least to most: 1 found, 0 absent or null, -1 and
 * 400 otherwise.
 */
int chat_int(const json_t *obj, const char *key, const int64_t range[2],
    int64_t *v_r, struct problem *p) MUST_CHECK;
/* A bool member that may be null; same answers. */
int chat_bool(const json_t *obj, const char *key, bool *v_r,
    struct problem *p) MUST_CHECK;

#endif
