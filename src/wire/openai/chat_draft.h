/*
 * A chat request in the making, from a request of another API (Anthropic's
 * messages, responses): the two translations write different words, but what
 * they write is one thing.
 *
 * What comes out is a client's chat request: it goes through the same rules
 * for the provider's parameters (openai_body.h), or the same translation, as
 * any other. Values are copied as they are written wherever their meaning is
 * the same. docs/dialects.md has the tables.
 */
#ifndef WIRE_CHAT_DRAFT_H
#define WIRE_CHAT_DRAFT_H

#include "base/jsonw.h"
#include "wire/dialect.h"
#include "wire/pick.h"

/* A user's content while its parts are gathered (chat_turn.h). */
struct chat_parts {
	struct buf list; /* the parts, comma separated */
	struct buf text; /* all texts, a blank line between them */
	size_t count;
	bool only_text;
};

struct chat_draft {
	const struct wire_request *r; /* the client's */
	const struct config_deployment *deployment;
	const char *provider;      /* its prefix */
	const char *model;         /* as the provider is asked for it */
	bool drop;                 /* drop_params as it applies */
	bool takes_effort;         /* reasoning_effort may be sent */
	bool takes_custom;         /* tools of type custom, too */
	bool takes_late_system;    /* instructions anywhere */
	bool begun;                /* a turn that is no instructions */
	const char *thought;       /* param_thought_members(); "" none */
	int64_t max_output_tokens; /* the model's own; CONFIG_UNSET, 0 */
	struct arena *arena;
	/* Not written yet: instructions at the beginning, and the user's last
	   turn, to which some may be added. */
	struct buf lead;
	struct chat_parts held;
	bool holds;
	bool held_is_late; /* nothing but instructions in it */
	struct buf out;
	struct jsonw w; /* writes to out */
	struct err *err;
};

/*
 * The request as chat_r, in the arena, with the original's wishes on
 * parameters: write() adds what stands behind "model". -1 what write() says,
 * or ERR_BAD_REQUEST for what cannot be said in a chat.
 */
int chat_draft_write(const struct wire_request *r,
    const struct wire_choice *choice, int (*write)(struct chat_draft *d),
    struct arena *arena, struct wire_request *chat_r,
    struct err *err) MUST_CHECK;

/* What becomes of a member of the original. */
enum chat_fate {
	CHAT_MAPPED, /* by a function of its own */
	CHAT_COPY,   /* the name and meaning are a chat's */
	CHAT_DROP,   /* about the other API's own service */
	CHAT_REFUSE, /* changes what is answered: dropped with drop_params */
};
struct chat_param {
	const char *name;
	enum chat_fate fate;
};
/* The members by their fate. Those that nobody knows are copied, they may be
   the provider's own; but not a chat's words for more output. */
int chat_draft_members(struct chat_draft *d, const struct chat_param *params,
    size_t n) MUST_CHECK;

/* The original's member; absent when it is null. */
struct skim_value chat_draft_param(const struct chat_draft *d,
    const char *name);
/* The provider is one of these, by their prefixes. */
bool chat_draft_is_for(const struct chat_draft *d, const char *providers);
/* What has no counterpart: 0 with drop_params, which leaves it out; else
   -1. */
int chat_draft_refuse(struct chat_draft *d, const char *what);

/* The same for a tool by its type. */
int chat_draft_refuse_tool(struct chat_draft *d, const struct skim_value *type);

/* "max_tokens": the original's limit, not above what the model can: clients of
   the other APIs ask for a number that they know from their own. */
void chat_draft_limit(struct chat_draft *d, const struct skim_value *limit);
/* "reasoning_effort": the other APIs' agents ask for more than vLLM knows. */
void chat_draft_effort(struct chat_draft *d, const struct skim_value *effort);
/* A tool of type function, by this name; schema: the name of its schema's
   member. */
void chat_draft_function(struct chat_draft *d, const struct skim_value *name,
    const struct skim_value *tool, const char *schema);
/* "tool_choice" of one tool; kind: function or custom. */
void chat_draft_choose(struct chat_draft *d, const char *kind,
    const struct skim_value *name);
/* "parallel_tool_calls":false */
void chat_draft_one_call(struct chat_draft *d);
/* A member with a value as it is written; absent: nothing. */
void chat_draft_copy(struct chat_draft *d, const char *key,
    const struct skim_value *v);

#endif
