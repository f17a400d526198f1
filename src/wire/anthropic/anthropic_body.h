/*
 * A chat request of the OpenAI dialect made into one for Anthropic's
 * /v1/messages. docs/dialects.md has the tables: what becomes of each
 * parameter, message and part.
 *
 * Values are copied as they are written wherever their meaning is the same, so
 * schemas and tool arguments keep the spelling of their numbers. What has no
 * counterpart is refused or left out as openai_params.c says.
 *
 * Below: what the files anthropic_body.c, anthropic_turns.c, anthropic_parts.c
 * and anthropic_tools.c share.
 */
#ifndef WIRE_ANTHROPIC_BODY_H
#define WIRE_ANTHROPIC_BODY_H

#include "base/jsonw.h"
#include "wire/anthropic/claude.h"
#include "wire/openai/openai_params.h"
#include "wire/pick.h"

/* The tool by which models without structured output give one; its input is
   the answer's content. A client's own tool must not have this name. */
#define ANTHROPIC_JSON_TOOL "json_tool_call"

/* The version of its search tool that all models that search know. */
#define ANTHROPIC_SEARCH_TOOL "web_search_20250305"

/* When neither client, configuration nor price table say how long an answer
   may be; Anthropic wants it said. */
#define ANTHROPIC_MAX_TOKENS 4096

/*
 * Fills one piece, body_bytes and max_tokens of the call. -1: ERR_BAD_REQUEST
 * for what cannot be said to Anthropic.
 */
int anthropic_body_write(const struct wire_request *r,
    const struct wire_choice *choice, struct arena *arena,
    struct wire_call *call_r, struct err *err) MUST_CHECK;

/* ---- shared by the files of this translation -------------------------- */

enum json_mode {
	JSON_NONE,
	JSON_OBJECT, /* asked for in the system text */
	JSON_NATIVE, /* output_config.format */
	JSON_TOOL,   /* ANTHROPIC_JSON_TOOL */
};

struct anthropic_body {
	const struct wire_request *r;
	const struct wire_choice *choice;
	struct arena *arena;
	const struct claude *claude;
	struct param_rules rules;
	bool *dropped;     /* per member of the request */
	struct buf system; /* text blocks, comma separated */
	struct buf turns;  /* messages, comma separated */
	/* A tool for each name the conversation calls, comma separated. */
	struct buf past_tools;
	struct buf work; /* one value under way */
	struct buf out;
	struct jsonw w; /* writes to out */
	enum json_mode json;
	struct skim_value json_schema; /* response_format.json_schema */
	bool forces_tool;              /* tool_choice any or tool */
	/* The turn under way has tool calls without signed thinking: budget
	   thinking would be refused. */
	bool has_unsigned_calls;
	struct err *err;
};

/* A parameter as it applies: the client's, or the configuration's where the
   client says nothing; absent when it is null or dropped. */
struct skim_value anthropic_param(const struct anthropic_body *b,
    const char *name);
/* "key":json, unless the operator's extra_body has its own. */
void anthropic_put(struct anthropic_body *b, const char *key, struct str json);

/* system and turns from messages. */
int anthropic_turns_write(struct anthropic_body *b) MUST_CHECK;
/* One part of a message's content as a block behind `list`'s last one; what
   has no text in it is left out. where: "messages[3]", for errors. */
int anthropic_part_write(struct anthropic_body *b,
    const struct skim_value *part, const char *where,
    struct buf *list) MUST_CHECK;
/* {"type":"text","text":TEXT} with its cache_control, if any, behind `list`'s
   last block. text: a string value; empty and blank ones are left out. */
void anthropic_text_write(const struct skim_value *text,
    const struct skim_value *cache_control, struct buf *list);
/* tools, tool_choice; sets json, forces_tool. */
int anthropic_tools_write(struct anthropic_body *b) MUST_CHECK;
/* A schema with additionalProperties:false in each object, as structured
   output wants it. */
void anthropic_schema_write(const struct skim_value *schema, struct jsonw *w);

#endif
