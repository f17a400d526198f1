/*
 * A request of Anthropic's /v1/messages made into a chat request of OpenAI's,
 * for providers that speak it. docs/dialects.md has the tables.
 *
 * What comes out is a client's chat request: it goes through the same rules
 * for the provider's parameters as any other (openai_body.h). Values are
 * copied as they are written wherever their meaning is the same.
 *
 * Below: what messages_chat.c and messages_turns.c share.
 */
#ifndef WIRE_MESSAGES_CHAT_H
#define WIRE_MESSAGES_CHAT_H

#include "base/jsonw.h"
#include "wire/dialect.h"
#include "wire/pick.h"

/*
 * Writes the chat body into the arena and reads it into *chat_r, with the
 * original's wishes on parameters. -1: ERR_BAD_REQUEST for what cannot be said
 * in a chat.
 */
int messages_chat_write(const struct wire_request *r,
    const struct wire_choice *choice, struct arena *arena,
    struct wire_request *chat_r, struct err *err) MUST_CHECK;

/* ---- shared by the files of this translation -------------------------- */

struct messages_chat {
	const struct wire_request *r;
	const struct wire_choice *choice;
	const char *provider; /* its prefix */
	const char *model;    /* as the provider is asked for it */
	bool drop;            /* drop_params as it applies */
	bool takes_effort;    /* reasoning_effort may be sent */
	struct arena *arena;
	struct buf out;
	struct jsonw w; /* writes to out */
	struct err *err;
};

/* "messages":[...] from system and messages. */
int messages_turns_write(struct messages_chat *m) MUST_CHECK;

#endif
