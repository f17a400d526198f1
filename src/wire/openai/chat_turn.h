/*
 * Messages of a chat request in the making (chat_draft.h): a user's content
 * while its parts are gathered, and all that an assistant said, which other
 * APIs keep in several places. Texts are kept as they are written, without
 * their quotes.
 */
#ifndef WIRE_CHAT_TURN_H
#define WIRE_CHAT_TURN_H

#include "wire/openai/chat_draft.h"

void chat_parts_init(struct chat_parts *p, const struct chat_draft *d);
/* Marks the draft when something had no room. */
void chat_parts_fini(struct chat_parts *p, struct chat_draft *d);
/* An empty text is no part. */
void chat_parts_text(struct chat_parts *p, const struct skim_value *text);
/* url: a JSON string; detail: absent none. */
void chat_parts_image(struct chat_parts *p, struct str url,
    const struct skim_value *detail);
/* data: a JSON string, a data: URL; name: may be absent. */
void chat_parts_file(struct chat_parts *p, const struct skim_value *name,
    struct str data);
/* All parts of another behind these. */
void chat_parts_join(struct chat_parts *p, const struct chat_parts *other);
/* A part that has a chat's form already. */
void chat_parts_copy(struct chat_parts *p, const struct skim_value *part);

/* role user: one text as a string, else the list of parts. It may be written
   only when the next turn comes. */
void chat_turn_user(struct chat_draft *d, const struct chat_parts *p);
/*
 * role system: one text, for not every server takes a list of them. Where they
 * may not stand anywhere, those at the beginning are one message, and later
 * ones a text of the user's turn in <system> tags: put in front they would be
 * another beginning each time, which no cache knows.
 */
void chat_turn_system(struct chat_draft *d, const struct chat_parts *p);
/* What must stand around instructions in a user's turn; insides of strings. */
#define CHAT_SYSTEM_OPEN  "<system>\\n"
#define CHAT_SYSTEM_CLOSE "\\n</system>"
/* Behind the last turn. */
void chat_turn_end(struct chat_draft *d);
/* role tool: the texts of a result. */
void chat_turn_tool(struct chat_draft *d, const struct skim_value *call_id,
    const struct chat_parts *p);

struct chat_assistant {
	bool seals;  /* calls go with their seals (call_seal.h) */
	bool custom; /* calls of tools that take text as they are */
	/* What a Claude thought at OpenRouter goes back with its signature: as
	   reasoning_details, instead of the text alone. */
	bool details;
	struct buf text, reasoning;
	struct buf thinking; /* signed thinking_blocks, comma separated */
	struct buf calls;
};

void chat_assistant_init(struct chat_assistant *a, const struct chat_draft *d);
void chat_assistant_fini(struct chat_assistant *a, struct chat_draft *d);
void chat_assistant_clear(struct chat_assistant *a);
/* One more text behind others, a blank line between them. */
void chat_paragraph(struct str inside, struct buf *out);
/* A call; arguments: a JSON string. */
void chat_assistant_call(struct chat_assistant *a, const struct skim_value *id,
    const struct skim_value *name, struct str arguments);
/* A call of a tool that takes text; input: a JSON string. */
void chat_assistant_custom(struct chat_assistant *a,
    const struct skim_value *id, const struct skim_value *name,
    struct str input);
void chat_turn_assistant(struct chat_draft *d, const struct chat_assistant *a);

#endif
