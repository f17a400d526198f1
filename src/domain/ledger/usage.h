/*
 * Token counts of one attempt, as OpenAI defines them: cached, cache-write,
 * audio and image tokens are parts of prompt_tokens; reasoning and audio
 * output tokens are parts of completion_tokens. Dialects that count
 * differently (Anthropic's exclusive input) convert when they read.
 */
#ifndef DOMAIN_USAGE_H
#define DOMAIN_USAGE_H

#include "base/str.h"

#include <stdint.h>

enum usage_source {
	USAGE_NONE,      /* nothing known: the provider never answered */
	USAGE_ESTIMATED, /* from the text that was sent and delivered */
	USAGE_PROVIDER,  /* the provider said so */
};

enum service_tier {
	TIER_DEFAULT,
	TIER_FLEX,
	TIER_PRIORITY,
	TIER_BATCH,
	TIER_ULTRAFAST
};
#define SERVICE_TIERS 5
/* "default", "flex", "priority", "batch", "ultrafast" */
const char *service_tier_name(enum service_tier tier);
int service_tier_parse(struct str word, enum service_tier *tier_r) MUST_CHECK;

/* How much a web search puts in front of the model: its price goes by it. */
enum search_size {
	SEARCH_MEDIUM, /* and when nobody says */
	SEARCH_LOW,
	SEARCH_HIGH
};
#define SEARCH_SIZES 3
/* "medium", "low", "high" */
const char *search_size_name(enum search_size size);
int search_size_parse(struct str word, enum search_size *size_r) MUST_CHECK;

/* Where it was worked out, when the request is bound to a region. */
enum usage_geo {
	GEO_ANY,
	GEO_US,
	GEO_EU
};
#define USAGE_GEOS 3
/* "", "us", "eu" */
const char *usage_geo_name(enum usage_geo geo);
int usage_geo_parse(struct str word, enum usage_geo *geo_r) MUST_CHECK;

struct usage {
	enum usage_source source;
	enum service_tier tier;
	int64_t prompt_tokens;
	int64_t completion_tokens;
	int64_t cached_tokens;         /* read from the provider's cache */
	int64_t cache_write_tokens;    /* all writes */
	int64_t cache_write_1h_tokens; /* of these, with the long lifetime */
	int64_t reasoning_tokens;
	int64_t audio_input_tokens;
	int64_t audio_output_tokens;
	int64_t image_input_tokens;
	int64_t image_output_tokens; /* of completion_tokens */
	/* What APIs beside chat are paid by. */
	int64_t images;       /* made */
	int64_t image_factor; /* how many of the priced ones each costs; 0: 1 */
	int64_t audio_millis; /* of sound listened to */
	int64_t characters;   /* spoken */
	int64_t search_units; /* queries that a rerank counts as; 0: 1 */
	int64_t searches;     /* of the web, by the provider */
	enum search_size search_size;
	/* What makes all tokens dearer. */
	bool fast; /* the provider's fast mode */
	enum usage_geo geo;
	/* ... or cheaper: the answer ended in the price's off-peak hours. That
	   its end counts is DeepSeek's rule (api-docs.deepseek.com, "Models &
	   Pricing", of 2025). */
	bool off_peak;
	/* A price the provider named itself (OpenRouter); valid when set. */
	bool has_reported_cost;
	int64_t reported_cost_nanos;
};

#endif
