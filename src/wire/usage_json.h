/*
 * Reads the "usage" object of the OpenAI dialect with what the providers make
 * of it. One reader for all: the variants do not contradict each other.
 *
 *   OpenAI        prompt_tokens_details{cached_tokens, cache_write_tokens,
 *                 audio_tokens, image_tokens}, completion_tokens_details
 *                 {reasoning_tokens, audio_tokens}
 *   Responses     input_tokens, output_tokens, and their _details
 *   Mistral       prompt_token_details (sic), num_cached_tokens
 *   DeepSeek      prompt_cache_hit_tokens
 *   Moonshot      cached_tokens beside prompt_tokens
 *   LiteLLM       cache_read_input_tokens, cache_creation_input_tokens,
 *                 server_tool_use{web_search_requests}
 *   OpenRouter    cost in USD (with is_byok: plus what the upstream took);
 *                 counts may be floats
 *   Perplexity    cost{total_cost}, num_search_queries
 *   pictures, transcripts  input_tokens, output_tokens and their details
 *   xAI, Gemini   completion_tokens without the reasoning, total_tokens with
 *                 it: what total has beyond the sum is output
 *
 * Counts that cannot be (negative, above 10^12) make the object unusable; a
 * part larger than its whole is cut down to it.
 */
#ifndef WIRE_USAGE_JSON_H
#define WIRE_USAGE_JSON_H

#include "domain/ledger/usage.h"
#include "wire/json/skim.h"

/*
 * 0 with *u filled (source PROVIDER; tier untouched); -1 when it is no object,
 * has neither prompt nor completion tokens, or its counts cannot be.
 */
int usage_json_read(const struct skim_value *v, struct usage *u) MUST_CHECK;

/* What a request or an answer says in "service_tier"; "fast" is an older word
   for priority. */
enum service_tier usage_json_tier(const struct skim_value *v);

/* {"prompt_tokens":..,"completion_tokens":..,"total_tokens":..} and the
   details that are not 0, in OpenAI's form; of caches and searches also as
   LiteLLM has them. */
void usage_json_write(const struct usage *u, struct buf *out);

#endif
