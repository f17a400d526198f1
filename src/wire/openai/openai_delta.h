/*
 * The delta of a chunk's choice, or the message of an answer's: read in the
 * walk of openai_view.c, and mended where providers leave out or write
 * differently what clients rely on:
 *
 *   role                 in the first delta of a choice
 *   tool_calls[].index   in deltas, counted (Gemini)
 *   tool_calls[].id      made, where a call begins without one
 *   tool_calls[].type    "function" (Mistral says null or nothing)
 *   arguments            an object becomes the text of it
 *   content              a list of chunks (Mistral) becomes its text, and its
 *                        thinking reasoning_content
 *   reasoning            (vLLM, Ollama, Groq, OpenRouter) stands once more as
 *                        reasoning_content, which most clients look for
 */
#ifndef WIRE_OPENAI_DELTA_H
#define WIRE_OPENAI_DELTA_H

#include "wire/openai/openai_view.h"

#define DELTA_MAX_UNNUMBERED 32 /* tool calls without index in one delta */

struct delta_reading {
	struct openai_view *v;
	bool is_there, has_role, is_empty;
	size_t inside; /* behind its opening brace */
	struct skim_value role, content, reasoning;
	bool has_reasoning_content;
	size_t unnumbered_count;
	size_t unnumbered[DELTA_MAX_UNNUMBERED]; /* behind the brace */
	int64_t top_tool;                        /* largest index given; -1 */
};

void openai_delta_init(struct delta_reading *d, struct openai_view *v);
/* it stands in front of the value; 1, or -1 no JSON. */
int openai_delta_read(struct delta_reading *d, struct skim_iter *it);
/* The edits; choice: what is remembered of it, NULL nothing. */
void openai_delta_fill_in(struct delta_reading *d, struct view_choice *choice);
/* A string that is the model's text, passed over and counted; 1 or -1. */
int openai_delta_text(struct openai_view *v, struct skim_iter *it);

#endif
