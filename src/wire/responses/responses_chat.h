/*
 * A request of OpenAI's Responses API made into a chat request, for providers
 * that do not have that API. docs/dialects.md has the tables.
 *
 * What comes out is a client's chat request: it goes through the same rules
 * for the provider's parameters, or the same translation, as any other. Values
 * are copied as they are written wherever their meaning is the same. What only
 * a provider that keeps responses can do is refused.
 *
 * Below: what responses_chat.c and responses_items.c share.
 */
#ifndef WIRE_RESPONSES_CHAT_H
#define WIRE_RESPONSES_CHAT_H

#include "base/jsonw.h"
#include "wire/dialect.h"
#include "wire/pick.h"

/*
 * Writes the chat body into the arena and reads it into *chat_r, with the
 * original's wishes on parameters. -1: ERR_BAD_REQUEST for what cannot be said
 * in a chat.
 */
int responses_chat_write(const struct wire_request *r,
    const struct wire_choice *choice, struct arena *arena,
    struct wire_request *chat_r, struct err *err) MUST_CHECK;

/* ---- shared by the files of this translation -------------------------- */

struct responses_chat {
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

/* What has no counterpart: 0 with drop_params, which leaves it out; else
   -1. */
int responses_chat_refuse(struct responses_chat *m, const char *what);
/* "messages":[...] from instructions and input. */
int responses_items_write(struct responses_chat *m) MUST_CHECK;

#endif
