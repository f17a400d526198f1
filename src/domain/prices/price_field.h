/*
 * The fields of a model while it is read (price_model.h): their values, which
 * both forms of a price file share, and the de-facto form's own fields
 * (price_defacto.c). Our form's are in price_model.c. Private to these.
 *
 * Readers stand before the field's value, and answer -1 when the price file is
 * not to be used (the reader has the error).
 */
#ifndef DOMAIN_PRICE_FIELD_H
#define DOMAIN_PRICE_FIELD_H

#include "domain/prices/price_model.h"

/* Next field of the object into m->field: 1, or 0 at the end. */
int price_field_next(struct price_model *m) MUST_CHECK;
/* The fields both forms share: 1 when it was one of them, and is read. */
int price_field_common(struct price_model *m) MUST_CHECK;
/* A field of the de-facto form, whichever it is; 0. */
int price_defacto_field(struct price_model *m) MUST_CHECK;

/* A decimal in USD as pico-dollars: 1, or 0 for null. */
int price_field_usd(struct price_model *m, int64_t max,
    int64_t *picos_r) MUST_CHECK;
/* A whole number of pico-dollars or tokens, 0..max: 1, or 0 for null. */
int price_field_whole(struct price_model *m, int64_t max,
    int64_t *v_r) MUST_CHECK;
/* A number of tokens; 0 and null say nothing. 0. */
int price_field_limit(struct price_model *m, int64_t *limit_r) MUST_CHECK;
/* 1.1 as 1100, 0.001 to 100 in thousandths; null says nothing. 0. */
int price_field_factor(struct price_model *m, int64_t *permille_r) MUST_CHECK;

/* Fails when it is there already. */
int price_field_set_rate(struct price_model *m, struct price_rates *row,
    enum price_kind kind, int64_t picos) MUST_CHECK;
/* Prices per request and per query add up; of two names for another unit the
   newer counts. */
void price_field_set_unit(struct price_model *m, enum price_unit unit, bool old,
    int64_t picos);
/* The row above so many tokens (0: the base) of a service; NULL: there are too
   many. */
struct price_rates *price_field_row(struct price_model *m,
    enum service_tier service, int64_t above);
bool price_field_is_any(struct str s, const char *const *words, size_t n);

#endif
