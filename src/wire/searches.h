/*
 * Searches of the web that a provider makes for an answer and bills by the
 * piece, beside the tokens: how many a request can lead to, and of what size.
 * Sources: notes on the wire formats sections 1.1, 2.1 and 4; the providers'
 * price lists for "by_answer".
 *
 *   chat               web_search_options {search_context_size}: one search
 *                      an answer, which no usage counts (OpenAI); to Anthropic
 *                      they become its tool, searches_uses() bounds it
 *   search models      one an answer, asked for or not (OpenAI's by name,
 *                      Perplexity's all)
 *   Anthropic          a tool of type web_search_*: max_uses; usage counts
 *   Responses          a tool of type web_search*, also one that an item of
 *                      the input brings: max_tool_calls; one output item for
 *                      each
 *
 * What such a tool finds is read, and billed, as a part of the prompt. A tool
 * that is left out on the way to the provider counts for nothing.
 */
#ifndef WIRE_SEARCHES_H
#define WIRE_SEARCHES_H

#include "domain/prices/pricing.h"
#include "wire/request.h"

/* Of a tool without a bound of its own: more than answers are seen to take.
   What goes beyond it under a cap is flagged as an overrun. */
#define SEARCHES_UNSAID 10
/* Of the prompt, that one search of a tool adds. A guess: no provider bounds
   it. OpenAI bills 8,000 for each of its small models' searches; others are
   seen to take up to twice that. */
#define SEARCHES_RESULT_TOKENS 16000

struct searches {
	int64_t at_most; /* 0: none can come, or none costs anything */
	enum search_size size;
	bool by_answer;        /* each answer is one, without being counted */
	int64_t result_tokens; /* that they can add to the prompt, in all */
};

/* d: with its defaults and extra_body; model: as the provider is asked for
   it. Nothing is looked for when the price has none for a search. */
void searches_find(const struct wire_request *r,
    const struct config_deployment *d, const char *model,
    const struct price *price, struct searches *s_r);

/* How often Anthropic's tool may search for a chat's web_search_options (an
   object): its max_uses, if there is one, else by its search_context_size: low
   1, medium (or none) 5, high 10. Source: LiteLLM's steps. */
int64_t searches_uses(const struct skim_value *options);
/* The tool (of the messages' or the responses' API) searches the web. */
bool searches_is_tool(const struct skim_value *tool);
/* The model searches by itself and takes web_search_options. */
bool searches_always(const struct config_deployment *d, const char *model);

#endif
