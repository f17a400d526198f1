/*
 * The provider table: what a LiteLLM prefix ("groq/...") stands for. Adding a
 * provider that speaks the OpenAI dialect is one row. Sources: the providers'
 * own documentation and LiteLLM's names for their key variables (notes on the
 * wire formats section 3; notes on LiteLLM section 1.3).
 */
#ifndef CONFIG_PROVIDER_H
#define CONFIG_PROVIDER_H

#include "base/str.h"

enum provider_auth {
	AUTH_BEARER,    /* Authorization: Bearer KEY */
	AUTH_X_API_KEY, /* x-api-key: KEY */
	AUTH_API_KEY,   /* api-key: KEY (a token: Bearer) */
	AUTH_SIGV4,     /* signed per request */
	AUTH_NONE,
};

enum provider_flag {
	PROVIDER_KEY_OPTIONAL = 1,      /* works without a key (own servers) */
	PROVIDER_NO_STREAM_OPTIONS = 2, /* refuses stream_options */
	PROVIDER_BASE_REQUIRED = 4,     /* no default address */
	PROVIDER_BASE_V1 = 8, /* "/v1" is appended to a base without it */
	PROVIDER_LATER = 16,  /* known by name, its dialect is not served yet */
	PROVIDER_AZURE = 32,  /* the deployment stands in the path, but for the
				 v1 form (wire/call_url.h) */
	PROVIDER_VERSIONED = 64,  /* ?api-version= */
	PROVIDER_RESPONSES = 128, /* has OpenAI's /responses, with its state */
	PROVIDER_BARE = 256,      /* at base_url no words of its own are put
				     around a prompt without tools */
};

struct provider {
	const char *prefix;    /* "groq" (without the slash) */
	const char *dialect;   /* name in wire/dialect.h: "openai" ... */
	const char *base_url;  /* default, "" when it must be given */
	const char *key_vars;  /* environment variables, best first, blank
				  separated; "" none */
	const char *base_vars; /* variables that override base_url */
	enum provider_auth auth;
	unsigned flags;    /* enum provider_flag */
	const char *title; /* for people: "Groq" */
};

extern const struct provider provider_table[];
extern const size_t provider_count;

/* The row of this prefix, or NULL. */
const struct provider *provider_find(struct str prefix);
/*
 * Splits "provider/name" as LiteLLM does: the part before the first slash
 * when it is a known prefix; else by the host of api_base; else bare names
 * (gpt-*, o1 ... → openai, claude-* → anthropic, mistral-* → mistral,
 * gemini-* → gemini); else with an api_base → openai. *name_r is the
 * upstream's name for the model (further slashes kept). NULL when no provider
 * is found.
 */
const struct provider *provider_resolve(struct str model, struct str api_base,
    struct str custom_provider, struct str *name_r);

#endif
