/*
 * The names of prices in the de-facto form: "input_cost_per_token",
 * "output_cost_per_token_above_200k_tokens_priority" and the like. The
 * grammar is STEM [_above_Nk_tokens] [_flex|_priority|_batches|_ultrafast];
 * thresholds are numbers, so that two of them sort as numbers. See
 * price_rates.h.
 */
#include "domain/prices/price_rates.h"

#include "base/num.h"

struct stem {
	const char *text;
	enum price_kind kind;
	bool old;
	enum price_unit unit; /* of kind NONE */
};

/* clang-format off */
static const struct stem stems[] = {
	{ "input_cost_per_token",                       PRICE_INPUT, false, UNIT_REQUEST },
	{ "output_cost_per_token",                      PRICE_OUTPUT, false, UNIT_REQUEST },
	{ "cache_read_input_token_cost",                PRICE_CACHED_INPUT, false, UNIT_REQUEST },
	{ "input_cost_per_token_cache_hit",             PRICE_CACHED_INPUT, true, UNIT_REQUEST },
	{ "cache_creation_input_token_cost",            PRICE_CACHE_WRITE, false, UNIT_REQUEST },
	{ "cache_creation_input_token_cost_above_1hr",  PRICE_CACHE_WRITE_1H, false, UNIT_REQUEST },
	{ "output_cost_per_reasoning_token",            PRICE_REASONING, false, UNIT_REQUEST },
	{ "input_cost_per_audio_token",                 PRICE_AUDIO_INPUT, false, UNIT_REQUEST },
	{ "output_cost_per_audio_token",                PRICE_AUDIO_OUTPUT, false, UNIT_REQUEST },
	{ "input_cost_per_image_token",                 PRICE_IMAGE_INPUT, false, UNIT_REQUEST },
	{ "output_cost_per_image_token",                PRICE_IMAGE_OUTPUT, false, UNIT_REQUEST },
	{ "input_cost_per_request",                     PRICE_NONE, false, UNIT_REQUEST },
	{ "input_cost_per_query",                       PRICE_NONE, false, UNIT_REQUEST },
	{ "output_cost_per_image",                      PRICE_NONE, false, UNIT_IMAGE },
	{ "input_cost_per_image",                       PRICE_NONE, true,  UNIT_IMAGE },
	{ "input_cost_per_second",                      PRICE_NONE, false, UNIT_SECOND },
	{ "output_cost_per_second",                     PRICE_NONE, true,  UNIT_SECOND },
	{ "input_cost_per_character",                   PRICE_NONE, false, UNIT_CHARACTER },
	/* Inside search_context_cost_per_query. */
	{ "search_context_size_medium",                 PRICE_NONE, false, UNIT_SEARCH_MEDIUM },
	{ "search_context_size_low",                    PRICE_NONE, false, UNIT_SEARCH_LOW },
	{ "search_context_size_high",                   PRICE_NONE, false, UNIT_SEARCH_HIGH },
};

static const struct {
	const char *suffix;
	enum service_tier service;
} services[] = {
	{ "_flex",      TIER_FLEX },
	{ "_priority",  TIER_PRIORITY },
	{ "_batches",   TIER_BATCH },
	{ "_ultrafast", TIER_ULTRAFAST },
};
/* clang-format on */

/* Cuts "_flex" and the like off the end. */
static enum service_tier
take_service(struct str *rest)
{
	for (size_t i = 0; i < ARRAY_LEN(services); i++) {
		if (str_ends(*rest, services[i].suffix)) {
			rest->n -= strlen(services[i].suffix);
			return services[i].service;
		}
	}
	return TIER_DEFAULT;
}

/* "_above_200k_tokens", whole; 0 ok. */
static int
take_above(struct str s, int64_t *above_r)
{
	static const char head[] = "_above_", tail[] = "_tokens";
	int64_t factor = 1, v;

	if (!str_starts(s, head) || !str_ends(s, tail) ||
	    s.n < strlen(head) + strlen(tail))
		return -1;
	s.p += strlen(head);
	s.n -= strlen(head) + strlen(tail);
	if (str_ends(s, "k")) {
		factor = 1000;
		s.n--;
	}
	/* num_int64 takes a sign; a threshold has none. */
	if (s.n == 0 || s.p[0] < '0' || s.p[0] > '9' || num_int64(s, &v) != 0 ||
	    v < 1 || v > PRICE_MAX_TOKENS / factor)
		return -1;
	*above_r = v * factor;
	return 0;
}

static bool
stem_fits(const struct stem *stem, struct str key, struct price_key *k)
{
	size_t n = strlen(stem->text);

	if (!str_starts(key, stem->text))
		return false;
	k->kind = stem->kind;
	k->unit = stem->unit;
	k->old = stem->old;
	k->above_tokens = 0;
	key.p += n;
	key.n -= n;
	k->service = take_service(&key);
	if (key.n != 0 && take_above(key, &k->above_tokens) != 0)
		return false;
	/* A price per unit knows neither length nor service. */
	return stem->kind != PRICE_NONE ||
	       (k->above_tokens == 0 && k->service == TIER_DEFAULT);
}

int
price_key_parse(struct str key, struct price_key *k_r)
{
	for (size_t i = 0; i < ARRAY_LEN(stems); i++) {
		struct price_key k;

		if (stem_fits(&stems[i], key, &k)) {
			*k_r = k;
			return 1;
		}
	}
	return 0;
}

int64_t *
price_unit(struct price_units *units, enum price_unit unit)
{
	switch (unit) {
	case UNIT_REQUEST:
		return &units->request;
	case UNIT_IMAGE:
		return &units->image;
	case UNIT_SECOND:
		return &units->second;
	case UNIT_CHARACTER:
		return &units->character;
	case UNIT_SEARCH_MEDIUM:
		return &units->search[SEARCH_MEDIUM];
	case UNIT_SEARCH_LOW:
		return &units->search[SEARCH_LOW];
	case UNIT_SEARCH_HIGH:
		break;
	}
	return &units->search[SEARCH_HIGH];
}

bool
price_key_known(struct str key)
{
	struct price_key k;

	return price_key_parse(key, &k) == 1;
}
