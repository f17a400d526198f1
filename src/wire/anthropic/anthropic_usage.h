/*
 * Anthropic's count of tokens. Its input leaves out what the cache gave and
 * took; in a stream it comes in parts, each of which overwrites what it
 * repeats (message_start, then message_delta with totals).
 */
#ifndef WIRE_ANTHROPIC_USAGE_H
#define WIRE_ANTHROPIC_USAGE_H

#include "base/jsonw.h"
#include "domain/ledger/usage.h"
#include "wire/json/skim.h"

struct anthropic_usage {
	bool any; /* input or output was given */
	enum service_tier tier;
	int64_t input, output;
	int64_t cache_read;
	int64_t cache_write;                    /* all */
	int64_t cache_write_5m, cache_write_1h; /* its parts, when told */
	int64_t thinking;                       /* of output */
	int64_t searches;                       /* of the web, billed */
	bool fast;
	enum usage_geo geo;
};

/* Adds what the usage object says; true when it counts output. Counts that
   cannot be are not there. */
bool anthropic_usage_read(const struct skim_value *v,
    struct anthropic_usage *u);
/* In OpenAI's way of counting; source PROVIDER. */
void anthropic_usage_get(const struct anthropic_usage *u, struct usage *u_r);
/* The other way: {"input_tokens":...} from OpenAI's counts. */
void anthropic_usage_write(const struct usage *u, struct jsonw *w);

/* "end_turn" → "stop"; unknown ones are "stop" too. */
const char *anthropic_finish_reason(const struct skim_value *stop_reason);
/* "stop" → "end_turn" */
const char *anthropic_stop_reason(const char *finish_reason);
/* "overloaded_error" → 529; 0 unknown. */
int anthropic_error_status(const struct skim_value *type);

#endif
