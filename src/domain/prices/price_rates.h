/*
 * Rows of rates, as the price readers and the cost formula see them: kinds of
 * tokens, where a kind's rate comes from when it is unset, and the matrix
 * prompt length × service of a price. Private to domain/prices.
 */
#ifndef DOMAIN_PRICE_RATES_H
#define DOMAIN_PRICE_RATES_H

#include "domain/prices/pricing.h"

/* X(NAME, field of struct price_rates, kind whose rate applies when unset) */
/* clang-format off */
#define PRICE_KINDS(X) \
X(INPUT,          input,          NONE)        \
X(OUTPUT,         output,         NONE)        \
X(CACHED_INPUT,   cached_input,   INPUT)       \
X(CACHE_WRITE,    cache_write,    INPUT)       \
X(CACHE_WRITE_1H, cache_write_1h, CACHE_WRITE) \
X(REASONING,      reasoning,      OUTPUT)      \
X(AUDIO_INPUT,    audio_input,    INPUT)       \
X(AUDIO_OUTPUT,   audio_output,   OUTPUT)      \
X(IMAGE_INPUT,    image_input,    INPUT)       \
X(IMAGE_OUTPUT,   image_output,   OUTPUT)
/* clang-format on */
#define PRICE_KIND_ENUM(NAME, field, parent) PRICE_##NAME,
enum price_kind {
	PRICE_KINDS(PRICE_KIND_ENUM) PRICE_KIND_COUNT,
	PRICE_NONE = PRICE_KIND_COUNT
};
#undef PRICE_KIND_ENUM

#define PRICE_SERVICES SERVICE_TIERS

/* A token above this is a price per million entered by mistake. */
#define PRICE_PLAUSIBLE_PICOS INT64_C(1000000000) /* 0.001 USD */
#define PRICE_TOKEN_MAX_PICOS INT64_C(1000000000000)
#define PRICE_UNIT_MAX_PICOS  INT64_C(10000000000000000)
#define PRICE_MAX_TOKENS      INT64_C(1000000000)

const char *price_kind_name(enum price_kind kind); /* "cached_input" */
int price_kind_parse(struct str name, enum price_kind *kind_r) MUST_CHECK;
/* "" of the default, else service_tier_name() */
const char *price_service_name(enum service_tier service);

/* The place of a kind in a row, whatever is in it. */
int64_t *price_rate(struct price_rates *r, enum price_kind kind);
/* The rate that applies: the row's own or its neighbour's; PRICE_UNSET. */
int64_t price_rate_of(const struct price_rates *r, enum price_kind kind);
void price_rates_clear(struct price_rates *r); /* all unset */
bool price_rates_absent(const struct price_rates *r);

void price_clear(struct price *p); /* unknown, everything unset */
/* The row of a service; tier -1 is the base, else an index into tiers. */
struct price_rates *price_row(struct price *p, enum service_tier service,
    int tier);
const struct price_rates *price_row_const(const struct price *p,
    enum service_tier service, int tier);
/* The row that applies: an absent service's is the default's. */
const struct price_rates *price_row_of(const struct price *p,
    enum service_tier service, int tier);
/* The tier of this prompt length; -1 for the base. */
int price_tier_of(const struct price *p, int64_t prompt_tokens);
/* Index of the tier above so many tokens, made when missing; -1: too many. */
int price_tier_add(struct price *p, int64_t above_tokens);

/*
 * Completes what a table left out. Rows of the de-facto form are filled from
 * the base in proportion; then every service has a row at
 * every length that has one for any.
 */
void price_fill(struct price *p);
void price_close_gaps(struct price *p);
/* The prices of the priority service are the double of the model's own where
   it names none (docs/prices.md, "Service tiers"). */
void price_add_priority(struct price *p);
/* Sets p->version from the rest. */
void price_seal(struct price *p);

/* What is no token. */
enum price_unit {
	UNIT_REQUEST,
	UNIT_IMAGE,
	UNIT_SECOND,
	UNIT_CHARACTER,
	UNIT_SEARCH_MEDIUM,
	UNIT_SEARCH_LOW,
	UNIT_SEARCH_HIGH,
};
#define PRICE_UNIT_COUNT (UNIT_SEARCH_HIGH + 1)
int64_t *price_unit(struct price_units *units, enum price_unit unit);

/* What a *_cost_* key of the de-facto form means. */
struct price_key {
	enum price_kind kind; /* PRICE_NONE: a price per unit */
	enum price_unit unit;
	enum service_tier service;
	int64_t above_tokens; /* 0: the base row */
	bool old; /* an older spelling: gives way to the newer one */
};
/* 1 understood, 0 not a price this gateway charges by. */
int price_key_parse(struct str key, struct price_key *k_r) MUST_CHECK;

#endif
