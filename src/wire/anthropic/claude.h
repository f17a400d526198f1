/*
 * Claude's families: what each takes and refuses, by the model's name. One
 * row per family; sources: notes on the wire formats, section 2.7. A Claude
 * the table does not know is taken for a new one; a name without "claude" in
 * it (another vendor's model behind Anthropic's API) for one that takes all
 * the old parameters.
 */
#ifndef WIRE_CLAUDE_H
#define WIRE_CLAUDE_H

#include "base/arena.h"
#include "wire/json/skim.h"

enum claude_sampling {
	SAMPLING_REFUSED,
	SAMPLING_ONE, /* temperature or top_p, not both */
	SAMPLING_ALL,
};

enum claude_thinking {
	THINKING_NONE,
	THINKING_BUDGET,   /* {"type":"enabled","budget_tokens":N} */
	THINKING_ADAPTIVE, /* {"type":"adaptive"} and output_config.effort */
};

struct claude {
	const char *family;  /* as in the name, behind "claude-" */
	bool has_schema;     /* output_config.format; else by a forced tool */
	bool can_disable;    /* thinking {"type":"disabled"} */
	bool can_force_tool; /* tool_choice any and tool */
	bool one_call;       /* Bedrock: disable_parallel_tool_use */
	enum claude_sampling sampling;
	enum claude_thinking thinking;
	const char *efforts; /* it knows, blank separated; "" none */
};

/* Never NULL. */
const struct claude *claude_find(struct str model);
/* The effort to ask for in place of a wish it does not know; wish: one of
   OpenAI's words but "none". */
const char *claude_effort(const struct claude *c, struct str wish);
/* The same in tokens, for budgets. */
int64_t claude_budget(struct str wish);
/*
 * A client's own `thinking` object under an output limit: its budget is part of
 * max_tokens and has to leave some of it. The object as it is, or in the arena
 * with a lower budget; "" when no budget fits.
 */
struct str claude_fit_thinking(const struct skim_value *thinking, int64_t limit,
    struct arena *arena);

#endif
