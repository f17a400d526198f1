/*
 * Reading one model of a price file (price_model.c; price_field.h). Private to
 * domain/prices.
 */
#ifndef DOMAIN_PRICE_MODEL_H
#define DOMAIN_PRICE_MODEL_H

#include "domain/prices/price_json.h"
#include "domain/prices/price_rates.h"

/* A model while it is read, and the facts about it afterwards. */
struct price_model {
	struct price_json *j;
	struct price price;     /* without a version: price_seal */
	char provider[64];      /* litellm_provider; "" none given */
	size_t inexact;         /* prices with digits below a pico-dollar */
	bool implausible;       /* one was above PRICE_PLAUSIBLE_PICOS */
	size_t unknown;         /* fields that our form does not have */
	char unknown_field[64]; /* the first of them */

	/* Only while it is read. */
	bool is_ours;
	bool mode_is_text;    /* chat and the like: the answer is text */
	bool needs_no_output; /* embedding and the like */
	bool has_units;       /* pictures, sound: paid by the piece, too */
	bool has_cached;      /* cached input, in the newer spelling */
	struct price_rates off_peak; /* of the de-facto form; unset: none */
	int64_t max_tokens;
	char field[64]; /* the one being read, for messages */
};

/* Reads the object that the reader stands before. */
int price_model_read(struct price_json *j, bool is_ours,
    struct price_model *m_r) MUST_CHECK;

struct price_table;
/* As price_table_find, with the facts beside the price; NULL when absent. */
const struct price_model *price_table_model(const struct price_table *t,
    struct str name);

#endif
