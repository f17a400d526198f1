/*
 * Prices: the table (etc/prices.json, docs/prices.md; also the de-facto
 * model_prices_and_context_window.json read as it is), a deployment's own
 * prices, and the cost of an attempt. Facts: notes on LiteLLM section 5.
 *
 * A row of rates stands alone: a kind that is unset in it costs what its
 * neighbour in the same row costs (cached input what input costs, and so on).
 * A row with neither input nor output is absent: the row of the default
 * service at the same prompt length applies. Rows that a table left out are
 * completed when it is read (price_table.c says how), so that nothing here
 * ever falls back over a change of length or service.
 */
#ifndef DOMAIN_PRICING_H
#define DOMAIN_PRICING_H

#include "base/buf.h"
#include "base/err.h"
#include "config/config.h"
#include "domain/ledger/money.h"
#include "domain/ledger/usage.h"
#include "domain/prices/price_hours.h"

#define PRICE_MAX_TIERS 4
#define PRICE_UNSET     (-1)

/* Pico-dollars per token; PRICE_UNSET where the table has none. */
struct price_rates {
	int64_t input, output;
	int64_t cached_input;              /* unset: input */
	int64_t cache_write;               /* unset: input */
	int64_t cache_write_1h;            /* unset: cache_write */
	int64_t reasoning;                 /* unset: output */
	int64_t audio_input, audio_output; /* unset: input, output */
	int64_t image_input, image_output; /* unset: input, output */
};

/* Pico-dollars for things that are no tokens; 0 none. */
struct price_units {
	int64_t request;              /* input_cost_per_request, per_query */
	int64_t image;                /* made */
	int64_t second;               /* of sound listened to */
	int64_t character;            /* spoken */
	int64_t search[SEARCH_SIZES]; /* of the web, by enum search_size */
};

/* On the price of all tokens, not of the units; in thousandths, 0 none. Of two
   that apply, both do. off_peak makes them cheaper; no hold counts on it. */
struct price_factors {
	int64_t fast, geo_us, geo_eu;
	int64_t off_peak; /* in price.off_peak_hours */
};
#define PRICE_FACTOR_MAX   100000
#define PRICE_DISCOUNT_MAX 1000

/* A tier's rates replace the base's for the whole request when the prompt
   (cached tokens included) is longer than above_tokens. */
struct price_tier {
	int64_t above_tokens;
	struct price_rates rates;
	/* Absent: rates. */
	struct price_rates flex, priority, batch, ultrafast;
};

struct price {
	bool known;  /* false: nothing can be said about cost */
	bool custom; /* the operator's own: a cost that the provider reports
			does not replace it */
	struct price_rates base;
	struct price_rates flex, priority, batch, ultrafast; /* absent: base */
	size_t tier_count; /* ascending by above_tokens */
	struct price_tier tiers[PRICE_MAX_TIERS];
	struct price_units units;
	struct price_factors factors;
	struct price_hours off_peak_hours;
	int64_t max_input_tokens, max_output_tokens; /* CONFIG_UNSET */
	char version[24]; /* 16 hex digits over all of the above; "" unknown */
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
/* Exact name only; NULL when absent. Valid as long as the table. */
const struct price *price_table_find(const struct price_table *t,
    struct str name);
/* The name at place i < count, in the order of names. */
struct str price_table_name(const struct price_table *t, size_t i);
/* The table's own label ("version"); "" for the de-facto form. */
struct str price_table_label(const struct price_table *t);
/* Prices that had digits below a pico-dollar and were rounded half up. */
size_t price_table_inexact(const struct price_table *t);
/* Models left without a price because one was above 0.001 USD per token:
   prices per million tokens, entered per token by mistake. */
size_t price_table_implausible(const struct price_table *t);
/* Fields of our form that this version does not know; the first one's name
   (as long as the table). */
size_t price_table_unknown(const struct price_table *t, struct str *first_r);

/*
 * The price of a deployment: its own *_cost_* keys win field by field; then
 * base_model, "provider/model", the model, the model without vendor parts are
 * looked for in the tables (later tables win). A row found by a bare model
 * name counts only when it is of the same provider: somebody's own "gpt-4o"
 * does not cost what OpenAI's does. A deployment that names both
 * its input and its output price has named its whole price: nothing but the
 * token limits is taken from the tables. p->known is false when nothing was
 * found. ERR_CONFIG for a custom price that is no exact decimal (of pico-
 * dollars), with the key and the place.
 */
int price_resolve(const struct config_deployment *d,
    struct price_table *const *tables, size_t table_count, struct price *p_r,
    struct err *err) MUST_CHECK;
/* True for a *_cost_* key that price_resolve understands. */
bool price_key_known(struct str key);

/*
 * Exact cost of this usage, one rounding. A cost that the provider named
 * itself is taken instead, unless the price is custom. 0 for unknown prices
 * and for USAGE_NONE.
 */
int64_t price_cost_nanos(const struct price *p, const struct usage *u);

/*
 * What is known before an attempt. All zero but the counts is the careful
 * answer: any prompt token may be read from or written to a cache.
 */
struct price_bound {
	enum service_tier tier; /* asked for; TIER_DEFAULT may serve instead */
	int64_t prompt_tokens;  /* at most, all kinds together */
	int64_t audio_tokens, image_tokens;  /* of these, at most */
	int64_t output_tokens;               /* at most, in total */
	bool audio_output;                   /* the answer may be sound */
	bool image_output;                   /* or pictures */
	int64_t images, seconds, characters; /* at most (struct price_units) */
	int64_t image_factor, search_units;  /* struct usage has them */
	int64_t searches;
	enum search_size search_size;
	int64_t result_tokens; /* of theirs, behind prompt_tokens */
	bool fast;             /* struct usage has both */
	enum usage_geo geo;
	bool no_cache_write;    /* the request cannot ask for one */
	bool no_cache_write_1h; /* nor for the long kind */
};
/*
 * The most an attempt can cost: at the dearest applicable rates of every tier
 * it could reach. 0 for an unknown price, which under a cap has to be refused
 * before (p->known; hold_request.unpriced in ledger.h).
 */
int64_t price_bound_nanos(const struct price *p, const struct price_bound *b);
/* As price_bound_nanos of a text at the default service. */
int64_t price_worst_nanos(const struct price *p, int64_t prompt_bound,
    int64_t output_bound);
/*
 * The most output tokens that room_nanos pays for behind this prompt
 * (b->output_tokens is not read): the largest count whose bound is <= room.
 * INT64_MAX when output costs nothing; -1 when not even the prompt is paid
 * for, or the price is unknown.
 */
int64_t price_bound_tokens(const struct price *p, const struct price_bound *b,
    int64_t room_nanos);
int64_t price_affordable_tokens(const struct price *p, int64_t prompt_bound,
    int64_t room_nanos);

/* JSON of all numbers of a price, for the PRICES table and for audit, and
   back. Canonical: the same price gives the same bytes; version is the first
   16 hex digits of their SHA-256. */
void price_to_json(const struct price *p, struct buf *out);
int price_from_json(struct str json, struct price *p_r,
    struct err *err) MUST_CHECK;

#endif
