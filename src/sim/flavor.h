/*
 * The providers that speak OpenAI's chat in their own way: one row each, with
 * what is odd about its answers and what it does not take. A test says
 * --flavor gemini (or {"flavor":"gemini"} by control, header or x_sim) and
 * meets what the gateway's users meet there. Sources: the providers' API
 * references, and what their users report.
 *
 * Pure; the rows are written by chat_openai.c and flavor.c.
 */
#ifndef SIM_FLAVOR_H
#define SIM_FLAVOR_H

#include "sim/chat.h"

struct usage;

enum quirk {
	QUIRK_NO_CALL_INDEX = 1, /* deltas of calls have no index */
	QUIRK_WHOLE_CALLS = 2,   /* a call is one delta */
	QUIRK_STOP_ON_CALLS = 4, /* streams end with "stop" behind calls */
	QUIRK_SIGNED_CALLS = 8,  /* an opaque signature on calls, which the
				    next turn must bring back (Gemini 3) */
	QUIRK_USAGE_EACH = 16,   /* a running usage on every chunk */
	QUIRK_USAGE_FINISH = 32, /* the usage rides on the finish chunk, asked
				    for or not */
	QUIRK_X_GROQ = 64,       /* ids and the usage in "x_groq" */
	QUIRK_APART = 128,       /* completion_tokens without the reasoning;
				    total_tokens has it */
	QUIRK_CHUNKS = 256,      /* content is a list: thinking, text */
	QUIRK_CITATIONS = 512, /* citations and search_results beside choices */
	QUIRK_COST = 1024,     /* usage says what it cost */
	QUIRK_CACHE_HITS = 2048,   /* prompt_cache_hit_tokens and _miss_ */
	QUIRK_KEEP_ALIVE = 4096,   /* blank lines before an answer */
	QUIRK_ROLE_EACH = 8192,    /* the role is in every delta */
	QUIRK_THINKS_BACK = 16384, /* reasoning_content must come back behind
				      calls (DeepSeek) */
};

enum flavor_error {
	ERROR_AS_OPENAI,
	ERROR_LIST,       /* [{"error":{"code":429,...,"status":"..."}}] */
	ERROR_INT_CODE,   /* {"error":{"code":429,"message":...}} */
	ERROR_BARE,       /* {"error":"text"} for 401 (vLLM), else INT_CODE */
	ERROR_IN_CHOICES, /* INT_CODE; in a stream beside choices that end with
			     "error" (OpenRouter) */
};

struct flavor {
	const char *name;
	unsigned quirks; /* enum quirk */
	enum flavor_error error;
	const char *reasoning; /* the member that shows it; "" hidden */
	const char *comment;   /* sent before a stream's first chunk; "" none */
	const char *eos;       /* its word for "stop" */
	const char *refused;   /* members of a request that are a 400, blank
				  separated */
	const char *refused_in_messages;
};

/* The plain one comes first: OpenAI itself. */
extern const struct flavor flavors[];
extern const size_t flavor_count;
/* What QUIRK_SIGNED_CALLS puts on a call as "extra_content". */
#define FLAVOR_SIGNATURE "c2ln"
#define FLAVOR_SIGNED                                                          \
	"{\"google\":{\"thought_signature\":\"" FLAVOR_SIGNATURE "\"}}"

/* 0 found, -1 no such flavor. */
int flavor_find(struct str name, size_t *i_r) MUST_CHECK;
/* 400 for what this provider does not take; 0 otherwise. */
int flavor_check(const struct flavor *f, const struct chat *chat,
    struct problem *p) MUST_CHECK;
/* An error in its form; in_stream: as an event. False: as OpenAI writes it. */
bool flavor_write_error(const struct flavor *f, const struct problem *p,
    bool in_stream, struct jsonw *w);
/* Members of "usage" beside the three that all have, and OpenAI's details. */
void flavor_write_usage(const struct flavor *f, const struct usage *u,
    struct jsonw *w);
/* Members of an answer or chunk beside the choices. */
void flavor_write_extras(const struct flavor *f, struct jsonw *w);

#endif
