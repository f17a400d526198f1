/*
 * Dialects: how providers speak. One row per dialect; a provider names its
 * dialect in config/provider.h. The exchange knows only this interface:
 *
 *   encode   client request → method, path, headers, body for the provider
 *   relay    the provider's bytes → the client's bytes (wire/relay.h)
 *   error    the provider's error body → class and text (wire/apierror.h)
 *
 * Where client and provider speak the same, encode splices and relay passes
 * bytes; elsewhere they translate through the neutral form of the dialect's
 * own files.
 */
#ifndef WIRE_DIALECT_H
#define WIRE_DIALECT_H

#include "config/config.h"
#include "wire/relay.h"
#include "wire/request.h"

#define WIRE_MAX_PIECES  64
#define WIRE_MAX_HEADERS 24

/* What goes to the provider. Lives in the exchange's arena; the body's pieces
   point into the client's body or the arena and are sent one after another. */
struct wire_call {
	const char *method; /* "POST" */
	const char *url;    /* whole */
	size_t header_count;
	const char *headers[WIRE_MAX_HEADERS]; /* "Name: value", checked */
	size_t piece_count;
	struct str pieces[WIRE_MAX_PIECES];
	size_t body_bytes; /* Σ of the pieces */
	/* Set when the gateway lowered it. */
	int64_t max_tokens; /* CONFIG_UNSET: as the client wrote it */
};

/* Nothing in it yet; its lists need no clearing. */
static inline void
wire_call_init(struct wire_call *call)
{
	call->method = call->url = NULL;
	call->header_count = call->piece_count = call->body_bytes = 0;
	call->max_tokens = CONFIG_UNSET;
}

struct login_keys;

/* What the exchange decided about the request. */
struct wire_choice {
	const struct config *config;
	const struct config_deployment *deployment;
	const char *upstream_model; /* name to ask the provider for; NULL: the
				       deployment's */
	int64_t max_tokens;         /* to send; CONFIG_UNSET: leave as it is */
	int64_t max_output_tokens;  /* the model's own maximum; CONFIG_UNSET or
				       0: not known */
	/* What a login gave (wire/login/login.h), for deployments that have
	   one; NULL: the deployment's own key. */
	const struct login_keys *keys;
	const char *request_id;  /* goes up as x-request-id */
	const char *traceparent; /* NULL none */
	/* What a client of Anthropic's API said in its headers; goes up to
	   Anthropic. "" none. */
	struct str anthropic_version, anthropic_beta;
};

struct dialect {
	const char *name; /* "openai" */
	/* /messages/count_tokens goes to the provider; else the answer is an
	   estimate of ours, and encode is not called for it. */
	bool counts_tokens;
	/* 0, or -1 with an error for the client (unsupported parameter). */
	int (*encode)(const struct wire_request *r,
	    const struct wire_choice *choice, struct arena *arena,
	    struct wire_call *call_r, struct err *err);
	/* GET the provider's list of models: the question of a free probe.
	   NULL: it has none. */
	int (*list_models)(const struct wire_choice *choice,
	    struct arena *arena, struct wire_call *call_r, struct err *err);
	/* The relay for an answer to this client API, plain or streamed as the
	   request says; NULL: this dialect does not serve that API. See
	   relay.h. */
	const struct relay_ops *(*relay)(enum wire_api api);
};

/* The relay for a client API at a deployment: responses pass where it has them.
   d NULL: a mock, which speaks chat. NULL: not served. */
const struct relay_ops *dialect_relay(const struct dialect *dialect,
    const struct config_deployment *d, enum wire_api api);
/* The row of this name; NULL when it is not served (yet). */
const struct dialect *dialect_find(const char *name);

extern const struct dialect dialect_openai;    /* wire/openai/openai.c */
extern const struct dialect dialect_anthropic; /* wire/anthropic/anthropic.c */
extern const struct dialect dialect_bedrock;   /* wire/bedrock/bedrock.c */

#endif
