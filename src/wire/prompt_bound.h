/*
 * How long a prompt can be in tokens, without a tokenizer: a bound that holds
 * for every byte-level one, and a guess.
 *
 * Bound. A byte-level (or byte-fallback) tokenizer makes at most one token of
 * a byte, and text written in JSON is never shorter than what it means. So
 * every byte of every value that may reach the model counts as one token: the
 * members of messages, tools, schemas, prompts. On top of it:
 *
 *   PROMPT_MESSAGE_TOKENS  marks around one message (the widest in use, Llama
 *                          3's and Harmony's, take 5 to 7)
 *   PROMPT_BASE_TOKENS     what a chat template adds by itself once (default
 *                          system prompts: Mistral Small about 400, Harmony
 *                          about 70)
 *   PROMPT_BARE_TOKENS     the same where a provider's own API is known to
 *                          lay nothing around a prompt without tools but marks
 *                          (PROVIDER_BARE: OpenAI publishes 3 for the whole)
 *   PROMPT_TOOLS_TOKENS    what providers add when tools are given (Anthropic
 *                          documents up to 530)
 *   PROMPT_IMAGE_TOKENS    one image of any size: gpt-4o-mini counts 2,833 +
 *                          8 tiles x 5,667 = 48,169, the most of all we know
 *   PROMPT_IMAGE_LOW_TOKENS  with detail "low" (2,833 there, but others read
 *                          no detail: Qwen-VL takes up to 16,384 an image)
 *   PROMPT_FILE_TOKENS     a file, video or sound that stands elsewhere (by id
 *                          or address): the largest context there is, 1 Mi
 *
 * The base64 of an image in a data: URL is no text and does not count; that of
 * files and sounds does, byte for byte, which is more than any provider counts
 * for them.
 *
 * Guess: a quarter of the bytes, 3 per message, 1,000 per image.
 */
#ifndef WIRE_PROMPT_BOUND_H
#define WIRE_PROMPT_BOUND_H

#include "wire/json/skim.h"

#define PROMPT_MESSAGE_TOKENS   8
#define PROMPT_BASE_TOKENS      512
#define PROMPT_BARE_TOKENS      64
#define PROMPT_TOOLS_TOKENS     640
#define PROMPT_IMAGE_TOKENS     49152
#define PROMPT_IMAGE_LOW_TOKENS 16384
#define PROMPT_FILE_TOKENS      1048576

struct prompt_size {
	int64_t bytes;       /* of text */
	int64_t messages;    /* or prompts */
	int64_t images;      /* all */
	int64_t images_low;  /* of these, with detail "low" */
	int64_t references;  /* files, videos and sounds elsewhere */
	bool has_sound;      /* some of it may be billed as audio */
	bool has_tools;      /* or calls of them */
	bool has_developer;  /* a message of that role */
	bool has_names;      /* a message with a name */
	bool has_thought;    /* ... with what an earlier turn's model thought */
	bool has_unsigned;   /* a part of thinking without a signature */
	bool has_item_tools; /* a message with "tools" (an item of an input) */
	bool has_cache;      /* cache_control in a message or a part of one */
	bool is_chat;        /* a chat template is laid around it */
};

/*
 * it stands in front of the value of messages, input or prompt: passes over it
 * as skim_iter_skip() does and adds to *size. 1, or -1 no JSON.
 */
int prompt_walk(struct skim_iter *it, struct prompt_size *size,
    struct skim_value *value_r) MUST_CHECK;
/* Any other value that may reach the model. */
void prompt_add_value(struct prompt_size *size, const struct skim_value *v);
int64_t prompt_bound(const struct prompt_size *size);
int64_t prompt_guess(const struct prompt_size *size);
/* Of the bound: what is there for a template's own words, and is not where the
   provider adds none. */
int64_t prompt_template_bound(const struct prompt_size *size);
/* Of the bound: what may be billed as images. */
int64_t prompt_image_bound(const struct prompt_size *size);

#endif
