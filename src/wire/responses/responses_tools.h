/*
 * The tools of a Responses request (its "tools", and those of its items of type
 * additional_tools) in a chat, and back from a chat's name for one to the
 * client's.
 *
 *   function   nested, as a chat has it
 *   custom     takes text: the same in a chat where the provider has such
 * tools, else a function with one string (openai/custom_input.h), whose
 *              description tells of the grammar
 *   namespace  its tools, called NAMESPACE__NAME; NAME where that is too long
 *   others     run at OpenAI: left out when they are only on offer, beside
 * tools of the client's own; else refused, or dropped with drop_params
 */
#ifndef WIRE_RESPONSES_TOOLS_H
#define WIRE_RESPONSES_TOOLS_H

#include "wire/openai/chat_draft.h"

/* "tools", "tool_choice" and "parallel_tool_calls". -1 ERR_BAD_REQUEST. */
int responses_tools_write(struct chat_draft *d) MUST_CHECK;

/* How the client knows a tool; insides of strings. */
struct client_tool {
	struct str name, name_space; /* name_space "": none */
	bool custom;
};
/* The tool that a chat's call names, from the client's request; one that it
   has not is a function of that name. */
void responses_tool_find(const struct wire_request *r, struct str chat_name,
    struct client_tool *t_r);
/* A chat's name (a JSON string, in the arena) for a tool of the client's;
   name_space may be absent. */
struct skim_value responses_tool_name(const struct skim_value *name_space,
    const struct skim_value *name, struct arena *arena);

#endif
