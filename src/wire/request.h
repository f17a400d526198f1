/*
 * A client's request as the gateway understands it: what it needs to route,
 * price and rewrite, as spans over the original bytes. Nothing is copied
 * except the few short names. One pass over the body does all of it: the
 * check of the JSON, the list of members, the prompt's bound.
 */
#ifndef WIRE_REQUEST_H
#define WIRE_REQUEST_H

#include "base/arena.h"
#include "domain/usage.h"
#include "wire/request_keys.h"
#include "wire/skim.h"

/* The API a client speaks; X(NAME, "word", "path without /v1") */
/* clang-format off */
#define WIRE_APIS(X) \
X(CHAT,        "chat",        "/chat/completions") \
X(COMPLETIONS, "completions", "/completions") \
X(EMBEDDINGS,  "embeddings",  "/embeddings") \
X(RESPONSES,   "responses",   "/responses") \
X(RESPONSE,    "response",    "/responses/{id}") /* response_call.h */ \
X(MESSAGES,    "messages",    "/messages") \
X(COUNT,       "count_tokens", "/messages/count_tokens")
/* clang-format on */
#define WIRE_API_ENUM(NAME, word, path) WIRE_##NAME,
enum wire_api {
	WIRE_APIS(WIRE_API_ENUM) WIRE_API_COUNT
};
#undef WIRE_API_ENUM
const char *wire_api_name(enum wire_api api);
const char *wire_api_path(enum wire_api api);
/* One of Anthropic's: errors have its form. */
bool wire_api_is_anthropic(enum wire_api api);

#define WIRE_MAX_TAGS    8
#define WIRE_MAX_MEMBERS 1024 /* top-level members of a body */
#define WIRE_MAX_N       128
#define WIRE_MODEL_BYTES 512 /* longest model name that is looked up */

/* One top-level member, in the body's order. */
struct wire_member {
	struct str key; /* escapes undone; in the body or the arena */
	enum request_key id;
	bool cut; /* never goes upstream */
	struct skim_value at;
};

struct wire_request {
	enum wire_api api;
	struct str body;            /* borrowed: the bytes as received */
	struct str model;           /* unescaped; in the arena */
	struct skim_value model_at; /* where to splice another name */
	bool stream;
	bool include_usage;    /* the client asked for it */
	bool continuous_usage; /* ... on every chunk (vLLM) */
	struct skim_value stream_options;
	/* max_completion_tokens ?? max_tokens (or max_output_tokens);
	   CONFIG_UNSET (-1) when absent. */
	int64_t max_tokens;
	struct skim_value max_tokens_at;    /* the one that counts */
	struct skim_value max_tokens_other; /* the other one, if both came */
	int64_t n;       /* answers that come back: 1; n for each prompt */
	int64_t outputs; /* answers that are generated and paid: n, or
			    best_of when that is more, for each prompt */
	/* Output that may be billed beside max_tokens x outputs: the rejected
	   part of a prediction. */
	int64_t extra_output_tokens;
	enum service_tier service_tier; /* asked for */
	struct str user;                /* end user; "" */
	size_t tag_count;
	struct str tags[WIRE_MAX_TAGS]; /* metadata.tags and tags */
	/* The prompt: messages, or the member that stands for it in this API
	   (prompt, input). */
	struct skim_value messages;
	struct skim_value tools;
	int64_t message_count;
	/* Extras honoured and cut out before upstream. */
	int64_t num_retries;          /* -1 */
	int64_t timeout_msecs;        /* -1 */
	int64_t stream_timeout_msecs; /* -1 */
	bool disable_fallbacks;
	int drop_params; /* 1, 0, -1 not said */
	struct skim_value fallbacks, mock_response;
	/* Arrays of strings, or absent. */
	struct skim_value additional_drop_params, allowed_openai_params;
	/* All members; in the arena. */
	size_t member_count, member_room;
	struct wire_member *members;
	/*
	 * Never below what any byte-level tokenizer could count for the prompt
	 * (wire/prompt_bound.h has the rules).
	 */
	int64_t prompt_bound_tokens;
	/* Of these: what may be billed at the price of images, of audio. */
	int64_t image_bound_tokens, audio_bound_tokens;
	bool audio_output; /* the answer may be sound */
	/* Responses: only a provider that keeps them can answer
	   (previous_response_id, conversation, background); and the one
	   deployment that can, by its tag (wire/response_id.h; "" any). */
	bool needs_state, background;
	struct str state_tag;
	struct str previous_response; /* the provider's id; "" none */
	/* A call about a response that is kept (WIRE_RESPONSE). */
	const char *method, *path;
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

/* The member of this name (the first), or NULL. */
const struct wire_member *wire_request_member(const struct wire_request *r,
    struct str key);
/* The id of a key, KEY_UNKNOWN when the list does not have it. */
enum request_key request_key_find(struct str key);

#endif
