/*
 * A client's request as the gateway understands it: what it needs to route,
 * price and rewrite, as spans over the original bytes. Nothing is copied
 * except the few short names. One pass over the body does all of it: the
 * check of the JSON, the list of members, the prompt's bound.
 */
#ifndef WIRE_REQUEST_H
#define WIRE_REQUEST_H

#include "base/arena.h"
#include "domain/ledger/usage.h"
#include "wire/json/skim.h"
#include "wire/request_keys.h"

/* The API a client speaks; X(NAME, "word", "path without /v1") */
/* clang-format off */
#define WIRE_APIS(X) \
X(CHAT,        "chat",        "/chat/completions") \
X(COMPLETIONS, "completions", "/completions") \
X(EMBEDDINGS,  "embeddings",  "/embeddings") \
X(RESPONSES,   "responses",   "/responses") \
X(RESPONSE,    "response",    "/responses/{id}") /* response_call.h */ \
X(MESSAGES,    "messages",    "/messages") \
X(COUNT,       "count_tokens", "/messages/count_tokens") \
X(MODERATIONS, "moderations", "/moderations") \
X(RERANK,      "rerank",      "/rerank") \
X(IMAGES,      "images",      "/images/generations") \
X(IMAGE_EDITS, "image_edits", "/images/edits") \
X(IMAGE_VARIATIONS, "image_variations", "/images/variations") \
X(SPEECH,      "speech",      "/audio/speech") \
X(TRANSCRIPTIONS, "transcriptions", "/audio/transcriptions") \
X(TRANSLATIONS, "translations", "/audio/translations")
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
/* Pictures, sound, and other APIs whose requests and answers pass as they are
   (media_relay.h). */
bool wire_api_is_media(enum wire_api api);
/* Comes as a form (multipart/form-data, form_request.h). */
bool wire_api_takes_form(enum wire_api api);

#define WIRE_MAX_TAGS    8
#define WIRE_MAX_MEMBERS 1024 /* top-level members of a body */
#define WIRE_MAX_N       128
#define WIRE_MODEL_BYTES 512 /* longest model name that is looked up */
#define WIRE_MAX_NAMES   32  /* fallback groups that a request names */

/* A failure that the client wants played before anybody is asked, to see what
   its fallbacks do: LiteLLM's mock_testing_... and mock_timeout. */
enum wire_play {
	PLAY_NOTHING,
	PLAY_FALLBACKS,  /* mock_testing_fallbacks */
	PLAY_CONTEXT,    /* mock_testing_context_fallbacks */
	PLAY_POLICY,     /* mock_testing_content_policy_fallbacks */
	PLAY_RATE_LIMIT, /* mock_testing_rate_limit_error */
	PLAY_TIMEOUT,    /* mock_timeout */
};

struct wire_names {
	size_t count;
	const struct str *items; /* in the arena */
};

/* Bounds for what models that are paid by the token make of the pieces: a
   picture of the largest size and quality; speech, which takes 1 to 2 tokens
   for a character of Latin script. */
#define WIRE_TOKENS_PER_IMAGE     16384
#define WIRE_TOKENS_PER_CHARACTER 8
#define WIRE_TOKENS_PER_SECOND    25 /* of sound, in and as text */

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
	/* A thinking block without its signature: one that came from another
	   provider by way of us (messages_relay.c). */
	bool has_unsigned_thinking;
	/* What some providers do not take (openai_messages.h). */
	bool has_developer_role, has_names, has_thought, has_cache_control;
	/* Responses: an item of the input that brings tools. */
	bool has_item_tools;
	/* Extras honoured and cut out before upstream. */
	int64_t num_retries;          /* -1 */
	int64_t timeout_msecs;        /* -1 */
	int64_t stream_timeout_msecs; /* -1 */
	bool disable_fallbacks;
	int drop_params; /* 1, 0, -1 not said */
	/* Groups to fall back to, instead of the configured ones. */
	struct wire_names fallbacks, context_fallbacks, policy_fallbacks;
	bool mocked;               /* a member's name begins with mock_ */
	const char *mock_response; /* the answer it wants; NULL */
	enum wire_play play;
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
	/* Of these: what a chat template may add that PROVIDER_BARE ones do
	 * not.
	 */
	int64_t template_bound_tokens;
	/* Of these: what may be billed at the price of images, of audio. */
	int64_t image_bound_tokens, audio_bound_tokens;
	bool audio_output; /* the answer may be sound */
	/* Responses: only a provider that keeps them can answer
	   (previous_response_id, conversation, background); and the one
	   deployment that can, by its tag (wire/responses/response_id.h; ""
	   any). */
	bool needs_state, background;
	struct str state_tag;
	struct str previous_response; /* the provider's id; "" none */
	struct str response_owner;    /* of it (response_id.h); "" not said */
	/* A call about a response that is kept (WIRE_RESPONSE). */
	const char *method, *path;
	bool image_output; /* or pictures */
	/* Paid by the piece: pictures asked for, seconds of sound at most,
	   characters to be spoken. */
	int64_t images, seconds_bound, characters;
	int64_t sound_millis; /* as its file says; 0 unknown */
	/* A form: its type with the boundary; "" JSON. */
	const char *form_type;
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

/*
 * What the headers say beside the body, and before it: x-litellm-num-retries,
 * x-litellm-timeout, x-litellm-stream-timeout, and x-litellm-tags in addition.
 * header(arg, name) gives a header's value, empty when it is absent; the tags
 * borrow from it. -1 ERR_BAD_REQUEST with the header's name in *param_r.
 */
int wire_request_headers(struct wire_request *r,
    struct str (*header)(const void *arg, const char *name), const void *arg,
    const char **param_r, struct err *err) MUST_CHECK;

/* The member of this name (the first), or NULL. */
const struct wire_member *wire_request_member(const struct wire_request *r,
    struct str key);
/* The id of a key, KEY_UNKNOWN when the list does not have it. */
enum request_key request_key_find(struct str key);

#endif
