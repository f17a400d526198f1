/*
 * A request for Anthropic's /v1/messages made into one for Bedrock's Converse.
 * Chat becomes Anthropic's form first (anthropic_body.h): the two have the same
 * turns, blocks and tools under other names, so that one translation serves
 * both kinds of client. docs/dialects.md has the tables.
 *
 * What Converse does not know itself goes to the model as
 * additionalModelRequestFields.
 */
#ifndef WIRE_BEDROCK_BODY_H
#define WIRE_BEDROCK_BODY_H

#include "base/jsonw.h"
#include "wire/dialect.h"

/*
 * messages: the whole body in Anthropic's form, checked JSON; choice and r say
 * what applies to it. The Converse body in the arena. -1: ERR_BAD_REQUEST for
 * what cannot be said there.
 */
int bedrock_body_write(struct str messages, const struct wire_request *r,
    const struct wire_choice *choice, struct arena *arena, struct str *body_r,
    struct err *err) MUST_CHECK;

/* ---- shared by bedrock_body.c and bedrock_blocks.c ---------------------- */

struct bedrock_body {
	const struct wire_choice *choice;
	struct arena *arena;
	bool drop; /* drop_params as it applies */
	bool is_claude, takes_one_call;
	bool has_tools;    /* of the request's own, written */
	int64_t documents; /* named so far */
	struct buf out;
	struct err *err;
};

/* Whose turn it is; NULL: nobody's. Instructions between turns are the
   user's. */
const char *bedrock_turn_role(const struct skim_value *turn);
/* The blocks of a turn; where: "messages[3]". */
int bedrock_turn_write(struct bedrock_body *b, const struct skim_value *turn,
    const char *where, struct jsonw *w) MUST_CHECK;
/* Texts of "system", a string or blocks, as Converse's. */
int bedrock_system_write(struct bedrock_body *b,
    const struct skim_value *system, struct jsonw *w) MUST_CHECK;
/* {"cachePoint":...} when the block has a cache_control. */
void bedrock_cache_write(const struct skim_value *block, struct jsonw *w);

#endif
