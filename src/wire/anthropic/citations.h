/*
 * Citations in Anthropic's text blocks as annotations of a chat's message:
 *
 *   {"type":"url_citation","url_citation":{"url","title","content",
 *    "start_index","end_index"}}
 *
 * A block's citations support the block's text: the indexes are where it begins
 * and ends in the message's content, in characters (code points). What was
 * cited is `content`, as OpenRouter has it. Only places with an address have a
 * counterpart: results of the web search, and a client's own search results
 * whose source is one; places in documents are left out. A result without a
 * title has its address for one: clients want a string.
 *
 * Sources: OpenAI's specification (ChatCompletionResponseMessage.annotations);
 * Anthropic's citations (web_search_result_location, search_result_location,
 * char_location and its like).
 */
#ifndef WIRE_CITATIONS_H
#define WIRE_CITATIONS_H

#include "wire/pick.h"

struct citations {
	struct buf annotations; /* comma separated */
	struct buf waiting;     /* of the open block, comma separated */
	int64_t chars;          /* of the content so far */
	int64_t start;          /* where the open block begins */
	int64_t count;          /* of annotations */
	bool numbered;          /* with an index, so that a client that adds
				   up deltas can tell them apart */
};

/* max: bytes of a buffer; one without room is marked (citations_overflowed). */
void citations_init(struct citations *c, size_t max, bool numbered);
void citations_fini(struct citations *c);
bool citations_overflowed(const struct citations *c);
/* A text block begins: the one before it ends. */
void citations_begin(struct citations *c);
/* A piece of the content: a string as it is written. */
void citations_text(struct citations *c, const struct skim_value *piece);
/* One of the open block, as Anthropic has it; others than objects: nothing. */
void citations_add(struct citations *c, const struct skim_value *citation);
/* All of a whole block; others than lists: nothing. */
void citations_add_all(struct citations *c, const struct skim_value *list);
/* The open block ends, if there is one. */
void citations_end(struct citations *c);

#endif
