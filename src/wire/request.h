/*
 * A client's request as the gateway understands it: what it needs to route,
 * price and rewrite, as spans over the original bytes. Nothing is copied
 * except the few short names.
 */
#ifndef WIRE_REQUEST_H
#define WIRE_REQUEST_H

#include "base/arena.h"
#include "wire/skim.h"

/* The API a client speaks; X(NAME, "word", "path without /v1") */
/* clang-format off */
#define WIRE_APIS(X) \
X(CHAT,        "chat",        "/chat/completions") \
X(COMPLETIONS, "completions", "/completions") \
X(EMBEDDINGS,  "embeddings",  "/embeddings") \
X(RESPONSES,   "responses",   "/responses") \
X(MESSAGES,    "messages",    "/messages")
/* clang-format on */
#define WIRE_API_ENUM(NAME, word, path) WIRE_##NAME,
enum wire_api {
	WIRE_APIS(WIRE_API_ENUM) WIRE_API_COUNT
};
#undef WIRE_API_ENUM
const char *wire_api_name(enum wire_api api);

#define WIRE_MAX_TAGS 8
/* Top-level members that are LiteLLM's or ours and never go upstream. */
#define WIRE_MAX_CUTS 32

struct wire_request {
	enum wire_api api;
	struct str body;            /* borrowed: the bytes as received */
	struct str model;           /* unescaped; in the arena */
	struct skim_value model_at; /* where to splice another name */
	bool stream;
	bool include_usage; /* the client asked for it */
	struct skim_value stream_options;
	int64_t max_tokens;              /* max_completion_tokens ?? max_tokens;
					    CONFIG_UNSET (-1) when absent */
	struct skim_value max_tokens_at; /* the one that counts */
	struct skim_value max_tokens_other; /* the other one, if both came */
	int64_t n;                          /* 1 */
	struct str user;                    /* end user; "" */
	size_t tag_count;
	struct str tags[WIRE_MAX_TAGS]; /* metadata.tags and tags */
	struct skim_value messages, tools;
	int64_t message_count;
	/* Extras honoured and cut out before upstream. */
	int64_t num_retries;          /* -1 */
	int64_t timeout_msecs;        /* -1 */
	int64_t stream_timeout_msecs; /* -1 */
	bool disable_fallbacks;
	struct skim_value fallbacks, mock_response;
	size_t cut_count;
	struct skim_value cuts[WIRE_MAX_CUTS]; /* ascending by key_start */
	/*
	 * Never below what any byte-level tokenizer could count for the prompt
	 * (bytes of the text, per-part bounds for images, audio and files).
	 */
	int64_t prompt_bound_tokens;
	/* A fair guess, for estimates when a provider gives no usage. */
	int64_t prompt_guess_tokens;
};

/*
 * Checks and reads a body. -1: ERR_BAD_JSON, ERR_MODEL_MISSING,
 * ERR_BAD_REQUEST with the parameter's name in *param_r (static or in the
 * arena; NULL none).
 */
int wire_request_parse(enum wire_api api, struct str body, struct arena *arena,
    struct wire_request *r, const char **param_r, struct err *err) MUST_CHECK;

#endif
