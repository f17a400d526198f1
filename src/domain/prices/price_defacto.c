/*
 * The fields of a model in the de-facto form,
 * model_prices_and_context_window.json. See price_field.h.
 */
#include "domain/prices/price_field.h"

static int
read_priced_field(struct price_model *m, const struct price_key *k)
{
	struct price_rates *row;
	int64_t picos;
	int rc;

	if (k->kind == PRICE_NONE) {
		rc = price_field_usd(m, PRICE_UNIT_MAX_PICOS, &picos);
		if (rc == 1)
			price_field_set_unit(m, k->unit, k->old, picos);
		return rc < 0 ? -1 : 0;
	}
	rc = price_field_usd(m, PRICE_TOKEN_MAX_PICOS, &picos);
	if (rc <= 0)
		return rc;
	row = price_field_row(m, k->service, k->above_tokens);
	if (row == NULL)
		return -1;
	if (k->kind == PRICE_CACHED_INPUT && row == &m->price.base) {
		/* The older name gives way, whichever comes first. */
		if (k->old && m->has_cached)
			return 0;
		if (!k->old && !m->has_cached)
			row->cached_input = PRICE_UNSET;
		m->has_cached = m->has_cached || !k->old;
	}
	return price_field_set_rate(m, row, k->kind, picos);
}

/* "range": [from, to] of one item of tiered_pricing. */
static int
read_range(struct price_model *m, int64_t *from_r)
{
	int64_t bounds[2] = { 0, 0 };
	size_t n = 0;
	int rc;

	if (price_json_enter(m->j, '[') != 0)
		return -1;
	while ((rc = price_json_item(m->j)) == 1) {
		if (n == 2)
			return price_json_fail(m->j,
			    "tiered_pricing: a range has two ends");
		if (price_field_whole(m, PRICE_MAX_TOKENS, &bounds[n++]) != 1)
			return -1;
	}
	*from_r = bounds[0];
	return rc;
}

/* One item: its rates go to the base (from 0) or to a tier. Items without a
   range price something else (results of a search). */
static int
read_range_item(struct price_model *m)
{
	struct price_rates rates, *row;
	int64_t from = -1, picos;
	int rc;

	price_rates_clear(&rates);
	if (price_json_enter(m->j, '{') != 0)
		return -1;
	while ((rc = price_field_next(m)) == 1) {
		struct price_key k;

		if (str_is(str_of(m->field), "range")) {
			if (read_range(m, &from) != 0)
				return -1;
		} else if (price_key_parse(str_of(m->field), &k) == 1 &&
			   k.kind != PRICE_NONE && k.above_tokens == 0 &&
			   k.service == TIER_DEFAULT) {
			rc = price_field_usd(m, PRICE_TOKEN_MAX_PICOS, &picos);
			if (rc < 0 ||
			    (rc == 1 && price_field_set_rate(m, &rates, k.kind,
					    picos) != 0))
				return -1;
		} else if (price_json_skip(m->j) != 0) {
			return -1;
		}
	}
	if (rc < 0 || from < 0)
		return rc;
	snprintf(m->field, sizeof(m->field), "tiered_pricing");
	row = price_field_row(m, TIER_DEFAULT, from);
	if (row == NULL)
		return -1;
	*row = rates;
	return 0;
}

/* Tables of others may have something else there: 1 stepped into the object or
   list, 0 passed over what it is instead. */
static int
enter_if(struct price_model *m, char bracket)
{
	int kind = price_json_peek(m->j);

	if (kind < 0)
		return -1;
	if (kind != bracket)
		return price_json_skip(m->j);
	return price_json_enter(m->j, bracket) == 0 ? 1 : -1;
}

static int
read_ranges(struct price_model *m)
{
	int rc = enter_if(m, '[');

	if (rc != 1)
		return rc;
	while ((rc = price_json_item(m->j)) == 1) {
		if (read_range_item(m) != 0)
			return -1;
	}
	return rc;
}

/* search_context_cost_per_query: {"search_context_size_low": 0.01, ...} */
static int
read_searches(struct price_model *m)
{
	int rc = enter_if(m, '{');
	struct price_key k;

	if (rc != 1)
		return rc;
	while ((rc = price_field_next(m)) == 1) {
		if (price_key_parse(str_of(m->field), &k) == 1 &&
		    k.kind == PRICE_NONE && k.unit >= UNIT_SEARCH_MEDIUM)
			rc = price_field_usd(m, PRICE_UNIT_MAX_PICOS,
			    price_unit(&m->price.units, k.unit));
		else
			rc = price_json_skip(m->j);
		if (rc < 0)
			return -1;
	}
	return rc;
}

/* When off-peak prices are good: 1 read, 0 it cannot be said with the rest. */
static int
read_hours(struct price_model *m)
{
	struct price_hours *h = &m->price.off_peak_hours;
	bool twice = !price_hours_empty(h);
	int rc = str_is(str_of(m->field), "windows")
		     ? price_hours_parse(m->j, h)
		     : price_hours_parse_daily(m->j, h);

	return rc < 0 ? -1 : rc == 1 && !twice;
}

/* One of its prices: 1, 0 it is something else. */
static int
read_off_peak_price(struct price_model *m)
{
	struct price_key k;
	int64_t picos;
	int rc;

	if (price_key_parse(str_of(m->field), &k) != 1 ||
	    k.kind == PRICE_NONE || k.above_tokens != 0 ||
	    k.service != TIER_DEFAULT)
		return price_json_skip(m->j);
	rc = price_field_usd(m, PRICE_TOKEN_MAX_PICOS, &picos);
	if (rc == 1)
		*price_rate(&m->off_peak, k.kind) = picos;
	return rc < 0 ? -1 : 1;
}

/* off_peak_pricing: {prices, "windows": [...] or "hours_utc": ...}. Whatever
   else is said (a zone in which the days are meant) we could get wrong. */
static int
read_off_peak(struct price_model *m)
{
	int rc = enter_if(m, '{');
	bool odd = false;

	if (rc != 1)
		return rc;
	while ((rc = price_field_next(m)) == 1) {
		if (str_is(str_of(m->field), "windows") ||
		    str_is(str_of(m->field), "hours_utc"))
			rc = read_hours(m);
		else
			rc = read_off_peak_price(m);
		if (rc < 0)
			return -1;
		odd = odd || rc == 0;
	}
	if (odd)
		memset(&m->price.off_peak_hours, 0,
		    sizeof(m->price.off_peak_hours));
	return rc;
}

/* provider_specific_entry: {"us": 1.1, "fast": 6.0} and other things */
static int
read_entry(struct price_model *m)
{
	int rc = enter_if(m, '{');

	if (rc != 1)
		return rc;
	while ((rc = price_field_next(m)) == 1) {
		if (str_is(str_of(m->field), "fast"))
			rc = price_field_factor(m, &m->price.factors.fast);
		else if (str_is(str_of(m->field), "us"))
			rc = price_field_factor(m, &m->price.factors.geo_us);
		else
			rc = price_json_skip(m->j);
		if (rc < 0)
			return -1;
	}
	return rc;
}

/* The factors of the de-facto form: 1 when it was one. */
static int
read_defacto_factor(struct price_model *m)
{
	struct price_factors *f = &m->price.factors;
	struct str field = str_of(m->field);
	int rc;

	if (str_is(field, "provider_specific_entry"))
		rc = read_entry(m);
	else if (str_is(field, "regional_processing_uplift_multiplier_us"))
		rc = price_field_factor(m, &f->geo_us);
	else if (str_is(field, "regional_processing_uplift_multiplier_eu"))
		rc = price_field_factor(m, &f->geo_eu);
	else
		return 0;
	return rc < 0 ? -1 : 1;
}

int
price_defacto_field(struct price_model *m)
{
	struct str field = str_of(m->field);
	struct price_key k;
	int rc = price_field_common(m);

	if (rc == 0)
		rc = read_defacto_factor(m);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (str_is(field, "max_tokens"))
		return price_field_limit(m, &m->max_tokens);
	if (str_is(field, "tiered_pricing"))
		return read_ranges(m);
	if (str_is(field, "search_context_cost_per_query"))
		return read_searches(m);
	if (str_is(field, "off_peak_pricing"))
		return read_off_peak(m);
	if (price_key_parse(field, &k) == 1)
		return read_priced_field(m, &k);
	return price_json_skip(m->j);
}
