/*
 * Which parameters of an OpenAI-style request a provider takes, and under
 * which name: one table, and the settings that bend it (drop_params,
 * additional_drop_params, allowed_openai_params). Only parameters that the
 * table names are judged; everything else goes upstream as it is.
 */
#ifndef WIRE_OPENAI_PARAMS_H
#define WIRE_OPENAI_PARAMS_H

#include "wire/dialect.h"

enum param_action {
	PARAM_KEEP,
	PARAM_DROP,   /* never sent */
	PARAM_RENAME, /* sent under another name */
	PARAM_VALUE,  /* sent with another value */
	PARAM_REFUSE, /* the provider would refuse it: with drop_params it is
			 left out, else the client gets a 400 from us */
	PARAM_YIELD,  /* the same, but without drop_params it is sent and the
			 provider says itself what it thinks of it */
	/* Of the table alone: */
	PARAM_CLAMP, /* a number above the provider's most becomes that */
	PARAM_WORD,  /* one word becomes another */
	PARAM_WORDS, /* dropped when it is none of these words */
};

struct param_row;

/* True when word is one of the blank-separated names in list. */
bool param_is_listed(const char *list, struct str word);
/* What a model is for its parameters. A deployment of Azure's may be called
   anything: its family or base_model says what it is. */
const char *param_family(const struct config_deployment *d, const char *model);
/* The provider takes reasoning_effort for this model. */
bool param_takes_effort(const struct config_deployment *d, const char *model);
/* The provider refuses a chat with Anthropic's "thinking". */
bool param_refuses_thinking(const struct config_deployment *d);
/* A chat with this model there may have tools that take text (type custom). */
bool param_takes_custom_tools(const struct config_deployment *d,
    const char *model);
/* Instructions may stand anywhere in a chat there; elsewhere a model's template
   may want one message of them, at the beginning. */
bool param_takes_late_system(const struct config_deployment *d);
/* A budget of thinking as a reasoning_effort. Source: LiteLLM's steps. */
const char *param_effort_of_budget(int64_t tokens);
/*
 * The members of an assistant's message under which the provider takes back
 * what its model thought in an earlier turn: of reasoning_content, reasoning,
 * thinking_blocks, reasoning_details, blank separated. "" none of them; NULL
 * not known: they are the client's affair.
 */
const char *param_thought_members(const struct config_deployment *d);

/* The rules for one request to one deployment. */
struct param_rules {
	const struct wire_request *request;
	const struct config_deployment *deployment;
	const char *model;            /* as the provider is asked for it */
	const struct param_row *rows; /* of this provider; may be NULL */
	size_t row_count;
	bool drop;          /* drop_params as it applies */
	struct buf refused; /* 'a', 'b' */
};

void param_rules_init(struct param_rules *p, const struct wire_request *r,
    const struct wire_choice *choice);
void param_rules_fini(struct param_rules *p);
/*
 * KEEP, DROP, RENAME (*name_r is the new name) or VALUE (*name_r is the new
 * value as JSON). A refused parameter is noted and dropped. v may be NULL for a
 * parameter the gateway adds itself.
 */
enum param_action param_rules_judge(struct param_rules *p, struct str key,
    const struct skim_value *v, const char **name_r);
/*
 * For what only a translation can tell: the provider does not take this
 * parameter in this way. True when drop_params lets it be left out; else it is
 * noted as refused.
 */
bool param_rules_refuse(struct param_rules *p, struct str key);
/* -1 ERR_BAD_REQUEST in LiteLLM's words when something was refused. */
int param_rules_end(const struct param_rules *p, struct err *err) MUST_CHECK;

#endif
