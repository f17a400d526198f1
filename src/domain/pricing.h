/*
 * Prices: the table (etc/prices.json, docs/prices.md; also the de-facto
 * model_prices_and_context_window.json read as it is), a deployment's own
 * prices, and the cost of an attempt. Facts: notes on LiteLLM section 5.
 */
#ifndef DOMAIN_PRICING_H
#define DOMAIN_PRICING_H

#include "base/buf.h"
#include "base/err.h"
#include "config/config.h"
#include "domain/money.h"
#include "domain/usage.h"

#define PRICE_MAX_TIERS 4
#define PRICE_UNSET     (-1)

/* Pico-dollars per token; PRICE_UNSET where the table has none. */
struct price_rates {
	int64_t input, output;
	int64_t cached_input;   /* unset: input */
	int64_t cache_write;    /* unset: input */
	int64_t cache_write_1h; /* unset: cache_write */
	int64_t reasoning;      /* unset: output */
	int64_t audio_input, audio_output, image_input;
};

/* A tier's rates replace the base's for the whole request when the prompt
   (cached tokens included) is longer than above_tokens. */
struct price_tier {
	int64_t above_tokens;
	struct price_rates rates;
};

struct price {
	bool known; /* false: nothing can be said about cost */
	struct price_rates base;
	struct price_rates flex, priority, batch; /* unset: from base */
	size_t tier_count; /* ascending by above_tokens */
	struct price_tier tiers[PRICE_MAX_TIERS];
	int64_t per_request_picos; /* input_cost_per_request / per_query; 0 */
	int64_t max_input_tokens, max_output_tokens; /* CONFIG_UNSET */
	char version[24]; /* 16 hex digits over all numbers above */
};

/* A table of prices by name. */
struct price_table;
int price_table_load(const char *path, struct price_table **t_r,
    struct err *err) MUST_CHECK;
/* From text, for tests; name stands in messages. */
int price_table_parse(struct str text, const char *name,
    struct price_table **t_r, struct err *err) MUST_CHECK;
void price_table_free(struct price_table **t);
size_t price_table_count(const struct price_table *t);
/* Exact name only; NULL when absent. */
const struct price *price_table_find(const struct price_table *t,
    struct str name);

/*
 * The price of a deployment: its own *_cost_* keys win field by field; then
 * base_model, "provider/model", the model, the model without vendor parts are
 * looked for in the tables (later tables win). p->known is false when nothing
 * was found. ERR_CONFIG for a custom price that is no exact decimal.
 */
int price_resolve(const struct config_deployment *d,
    struct price_table *const *tables, size_t table_count, struct price *p_r,
    struct err *err) MUST_CHECK;

/* Exact cost of this usage; 0 for unknown prices. One rounding. */
int64_t price_cost_nanos(const struct price *p, const struct usage *u);
/*
 * The most an attempt can cost: prompt_bound tokens in, output_bound tokens
 * out in total, at the dearest applicable rates of every tier it could reach.
 */
int64_t price_worst_nanos(const struct price *p, int64_t prompt_bound,
    int64_t output_bound);
/*
 * The most output tokens that room_nanos pays for behind this prompt; -1 when
 * not even the prompt is paid for.
 */
int64_t price_affordable_tokens(const struct price *p, int64_t prompt_bound,
    int64_t room_nanos);
/* JSON of all numbers of a price, for the PRICES table and for audit, and
   back. */
void price_to_json(const struct price *p, struct buf *out);
int price_from_json(struct str json, struct price *p_r,
    struct err *err) MUST_CHECK;

#endif
