/*
 * One model of a price file: its fields, in our form and in the de-facto one,
 * become a struct price. Keeps nothing; the table asks for a model's numbers
 * when they are wanted. Fails (ERR_CONFIG, through the reader) on a price that
 * is no number, negative or out of range.
 */
#include "domain/prices/price_model.h"

#include "base/num.h"

/* ---- values ------------------------------------------------------------- */

/* A number, a numeric string, or null (0). 1 with the spelling. */
static int
read_spelling(struct price_model *m, struct str *s_r)
{
	int kind = price_json_peek(m->j);

	if (kind == '0')
		return price_json_number(m->j, s_r) == 0 ? 1 : -1;
	/* Our form has numbers only. */
	if (!m->is_ours && kind == '"')
		return price_json_string(m->j, s_r) == 0 ? 1 : -1;
	if (!m->is_ours && kind == 'n')
		return price_json_skip(m->j) == 0 ? 0 : -1;
	return kind < 0
		   ? -1
		   : price_json_fail(m->j, "%s: must be a number", m->field);
}

static int
out_of_range(struct price_model *m, struct str s)
{
	return price_json_fail(m->j, "%s: " STR_FMT " is not a price", m->field,
	    (int)(s.n < 40 ? s.n : 40), s.p);
}

/* A decimal in USD as pico-dollars: 1, or 0 for null. */
static int
read_usd(struct price_model *m, int64_t max, int64_t *picos_r)
{
	bool inexact = false;
	struct str s;
	int64_t v;
	int rc = read_spelling(m, &s);

	if (rc <= 0)
		return rc;
	if (num_decimal(s, 12, &v, &inexact) != 0 || v < 0 || v > max)
		return out_of_range(m, s);
	m->inexact += inexact;
	*picos_r = v;
	return 1;
}

/* A whole number of pico-dollars or tokens, 0..max. */
static int
read_whole(struct price_model *m, int64_t max, int64_t *v_r)
{
	bool inexact = false;
	struct str s;
	int64_t v;
	int rc = read_spelling(m, &s);

	if (rc <= 0)
		return rc;
	if (m->is_ours && num_int64(s, &v) != 0)
		return price_json_fail(m->j, "%s: must be a whole number",
		    m->field);
	if (num_decimal(s, 0, &v, &inexact) != 0 || inexact || v < 0 || v > max)
		return out_of_range(m, s);
	*v_r = v;
	return 1;
}

static int
set_rate(struct price_model *m, struct price_rates *row, enum price_kind kind,
    int64_t picos)
{
	if (*price_rate(row, kind) != PRICE_UNSET)
		return price_json_fail(m->j, "%s: stands there twice",
		    m->field);
	*price_rate(row, kind) = picos;
	if (picos > PRICE_PLAUSIBLE_PICOS)
		m->implausible = true;
	return 0;
}

/* The row above so many tokens (0: the base) of a service. */
static struct price_rates *
find_row(struct price_model *m, enum service_tier service, int64_t above)
{
	int tier = -1;

	if (above > 0) {
		tier = price_tier_add(&m->price, above);
		if (tier < 0) {
			price_json_fail(m->j, "%s: more than %d tiers",
			    m->field, PRICE_MAX_TIERS);
			return NULL;
		}
	}
	return price_row(&m->price, service, tier);
}

static bool
is_one_of(struct str s, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (str_is(s, words[i]))
			return true;
	}
	return false;
}

/* The modes decide which prices a charge needs. */
static void
take_mode(struct price_model *m, struct str mode)
{
	static const char *const text[] = { "chat", "completion", "responses" };
	static const char *const no_output[] = { "embedding", "rerank",
		"moderation", "search" };
	static const char *const units[] = { "image_generation", "image_edit",
		"audio_speech", "audio_transcription" };

	m->mode_is_text = is_one_of(mode, text, ARRAY_LEN(text));
	m->needs_no_output = is_one_of(mode, no_output, ARRAY_LEN(no_output));
	m->has_units = is_one_of(mode, units, ARRAY_LEN(units));
}

/* A string, or null (0). 1 with the string. */
static int
read_text(struct price_model *m, struct str *s_r)
{
	int kind = price_json_peek(m->j);

	if (kind == '"')
		return price_json_string(m->j, s_r) == 0 ? 1 : -1;
	if (kind == 'n')
		return price_json_skip(m->j) == 0 ? 0 : -1;
	return kind < 0
		   ? -1
		   : price_json_fail(m->j, "%s: must be a string", m->field);
}

static int
read_limit(struct price_model *m, int64_t *limit_r)
{
	int64_t v = 0;
	int rc = read_whole(m, PRICE_MAX_TOKENS, &v);

	if (rc == 1 && v > 0)
		*limit_r = v;
	return rc < 0 ? -1 : 0;
}

/* The fields both forms share: 1 when it was one of them. */
static int
read_common(struct price_model *m)
{
	struct str field = str_of(m->field), text;
	int rc;

	if (str_is(field, "mode")) {
		rc = read_text(m, &text);
		if (rc == 1)
			take_mode(m, text);
		return rc < 0 ? -1 : 1;
	}
	if (str_is(field, m->is_ours ? "provider" : "litellm_provider")) {
		rc = read_text(m, &text);
		if (rc == 1)
			snprintf(m->provider, sizeof(m->provider), STR_FMT,
			    STR_ARG(text));
		return rc < 0 ? -1 : 1;
	}
	if (str_is(field, "max_input_tokens"))
		rc = read_limit(m, &m->price.max_input_tokens);
	else if (str_is(field, "max_output_tokens"))
		rc = read_limit(m, &m->price.max_output_tokens);
	else
		return 0;
	return rc == 0 ? 1 : -1;
}

/* Next field of the object into m->field: 1, or 0 at the end. */
static int
next_field(struct price_model *m)
{
	struct str key;
	int rc = price_json_member(m->j, &key);

	if (rc == 1)
		snprintf(m->field, sizeof(m->field), STR_FMT, STR_ARG(key));
	return rc;
}

/* ---- the de-facto form -------------------------------------------------- */

/* Prices per request and per query add up; of two names for another unit the
   newer counts. */
static void
set_unit(struct price_model *m, enum price_unit unit, bool old, int64_t picos)
{
	int64_t *at = price_unit(&m->price.units, unit);

	if (unit == UNIT_REQUEST)
		*at += picos;
	else if (!old || *at == 0)
		*at = picos;
}

static int
read_priced_field(struct price_model *m, const struct price_key *k)
{
	struct price_rates *row;
	int64_t picos;
	int rc;

	if (k->kind == PRICE_NONE) {
		rc = read_usd(m, PRICE_UNIT_MAX_PICOS, &picos);
		if (rc == 1)
			set_unit(m, k->unit, k->old, picos);
		return rc < 0 ? -1 : 0;
	}
	rc = read_usd(m, PRICE_TOKEN_MAX_PICOS, &picos);
	if (rc <= 0)
		return rc;
	row = find_row(m, k->service, k->above_tokens);
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
	return set_rate(m, row, k->kind, picos);
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
		if (read_whole(m, PRICE_MAX_TOKENS, &bounds[n++]) != 1)
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
	while ((rc = next_field(m)) == 1) {
		struct price_key k;

		if (str_is(str_of(m->field), "range")) {
			if (read_range(m, &from) != 0)
				return -1;
		} else if (price_key_parse(str_of(m->field), &k) == 1 &&
			   k.kind != PRICE_NONE && k.above_tokens == 0 &&
			   k.service == TIER_DEFAULT) {
			rc = read_usd(m, PRICE_TOKEN_MAX_PICOS, &picos);
			if (rc < 0 || (rc == 1 && set_rate(m, &rates, k.kind,
						      picos) != 0))
				return -1;
		} else if (price_json_skip(m->j) != 0) {
			return -1;
		}
	}
	if (rc < 0 || from < 0)
		return rc;
	snprintf(m->field, sizeof(m->field), "tiered_pricing");
	row = find_row(m, TIER_DEFAULT, from);
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
	while ((rc = next_field(m)) == 1) {
		if (price_key_parse(str_of(m->field), &k) == 1 &&
		    k.kind == PRICE_NONE && k.unit >= UNIT_SEARCH_MEDIUM)
			rc = read_usd(m, PRICE_UNIT_MAX_PICOS,
			    price_unit(&m->price.units, k.unit));
		else
			rc = price_json_skip(m->j);
		if (rc < 0)
			return -1;
	}
	return rc;
}

/* 1.1 as 1100; anything else than 0.001 to 100 in thousandths is refused. */
static int
read_factor(struct price_model *m, int64_t *permille_r)
{
	bool inexact = false;
	struct str s;
	int64_t v;
	int rc = read_spelling(m, &s);

	if (rc <= 0)
		return rc;
	if (num_decimal(s, 3, &v, &inexact) != 0 || inexact || v < 1 ||
	    v > PRICE_FACTOR_MAX)
		return out_of_range(m, s);
	*permille_r = v;
	return 0;
}

/* provider_specific_entry: {"us": 1.1, "fast": 6.0} and other things */
static int
read_entry(struct price_model *m)
{
	int rc = enter_if(m, '{');

	if (rc != 1)
		return rc;
	while ((rc = next_field(m)) == 1) {
		if (str_is(str_of(m->field), "fast"))
			rc = read_factor(m, &m->price.factors.fast);
		else if (str_is(str_of(m->field), "us"))
			rc = read_factor(m, &m->price.factors.geo_us);
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
		rc = read_factor(m, &f->geo_us);
	else if (str_is(field, "regional_processing_uplift_multiplier_eu"))
		rc = read_factor(m, &f->geo_eu);
	else
		return 0;
	return rc < 0 ? -1 : 1;
}

static int
read_defacto_field(struct price_model *m)
{
	struct str field = str_of(m->field);
	struct price_key k;
	int rc = read_common(m);

	if (rc == 0)
		rc = read_defacto_factor(m);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (str_is(field, "max_tokens"))
		return read_limit(m, &m->max_tokens);
	if (str_is(field, "tiered_pricing"))
		return read_ranges(m);
	if (str_is(field, "search_context_cost_per_query"))
		return read_searches(m);
	if (price_key_parse(field, &k) == 1)
		return read_priced_field(m, &k);
	return price_json_skip(m->j);
}

/* ---- our form ----------------------------------------------------------- */

/*
 * What docs/prices.md names and no charge of ours is made of, and what nobody
 * has named: dropped, the latter with a note.
 */
static int
drop_own_field(struct price_model *m)
{
	static const char *const others[] = { "note", "derived",
		"cached_audio_input_pico", "citation_pico", "per_session_pico",
		"per_page_pico", "per_annotated_page_pico",
		"per_input_audio_second_pico", "per_input_video_second_pico",
		"per_output_video_second_pico", "per_output_character_pico",
		"per_input_pixel_pico", "per_output_pixel_pico" };

	if (!is_one_of(str_of(m->field), others, ARRAY_LEN(others))) {
		if (m->unknown++ == 0)
			memcpy(m->unknown_field, m->field, sizeof(m->field));
	}
	return price_json_skip(m->j);
}

/* "input_pico" and its like; 1 when it was one (taken), 0 not. */
static int
read_own_rate(struct price_model *m, struct price_rates *row)
{
	static const char suffix[] = "_pico";
	struct str name = str_of(m->field);
	enum price_kind kind;
	int64_t picos;
	int rc;

	if (!str_ends(name, suffix))
		return 0;
	name.n -= strlen(suffix);
	if (price_kind_parse(name, &kind) != 0)
		return 0;
	rc = read_whole(m, PRICE_TOKEN_MAX_PICOS, &picos);
	if (rc == 1 && set_rate(m, row, kind, picos) != 0)
		return -1;
	return rc < 0 ? -1 : 1;
}

static int
read_own_tier(struct price_model *m, enum service_tier service)
{
	struct price_rates rates, *row;
	int64_t above = 0;
	int rc;

	price_rates_clear(&rates);
	if (price_json_enter(m->j, '{') != 0)
		return -1;
	while ((rc = next_field(m)) == 1) {
		if (str_is(str_of(m->field), "above_tokens")) {
			if (read_whole(m, PRICE_MAX_TOKENS, &above) < 0)
				return -1;
			continue;
		}
		rc = read_own_rate(m, &rates);
		if (rc < 0 || (rc == 0 && drop_own_field(m) != 0))
			return -1;
	}
	if (rc < 0)
		return -1;
	snprintf(m->field, sizeof(m->field), "tiers");
	if (above == 0)
		return price_json_fail(m->j, "tiers: no above_tokens");
	row = find_row(m, service, above);
	if (row == NULL)
		return -1;
	if (!price_rates_absent(row))
		return price_json_fail(m->j, "tiers: two above %lld tokens",
		    (long long)above);
	if (rates.input == PRICE_UNSET)
		return price_json_fail(m->j,
		    "tiers: no input_pico above %lld tokens", (long long)above);
	*row = rates;
	return 0;
}

static int
read_own_tiers(struct price_model *m, enum service_tier service)
{
	int rc;

	if (price_json_enter(m->j, '[') != 0)
		return -1;
	while ((rc = price_json_item(m->j)) == 1) {
		if (read_own_tier(m, service) != 0)
			return -1;
	}
	return rc;
}

/* "flex": {...} and its like, the tiers inside included. */
static int
read_own_service(struct price_model *m, enum service_tier service)
{
	int rc;

	if (price_json_enter(m->j, '{') != 0)
		return -1;
	while ((rc = next_field(m)) == 1) {
		if (str_is(str_of(m->field), "tiers")) {
			if (read_own_tiers(m, service) != 0)
				return -1;
			continue;
		}
		rc = read_own_rate(m, price_row(&m->price, service, -1));
		if (rc < 0 || (rc == 0 && drop_own_field(m) != 0))
			return -1;
	}
	return rc;
}

/* 1 when it was a price per unit (taken), 0 not. */
static int
read_own_unit(struct price_model *m)
{
	static const struct {
		const char *field;
		enum price_unit unit;
		bool old;
	} rows[] = {
		{ "per_request_pico", UNIT_REQUEST, false },
		{ "per_query_pico", UNIT_REQUEST, false },
		{ "per_output_image_pico", UNIT_IMAGE, false },
		{ "per_input_image_pico", UNIT_IMAGE, true },
		{ "per_input_second_pico", UNIT_SECOND, false },
		{ "per_output_second_pico", UNIT_SECOND, true },
		{ "per_input_character_pico", UNIT_CHARACTER, false },
		{ "per_search_medium_pico", UNIT_SEARCH_MEDIUM, false },
		{ "per_search_low_pico", UNIT_SEARCH_LOW, false },
		{ "per_search_high_pico", UNIT_SEARCH_HIGH, false },
		/* One for all sizes. */
		{ "per_search_pico", UNIT_SEARCH_MEDIUM, true },
		{ "per_search_pico", UNIT_SEARCH_LOW, true },
		{ "per_search_pico", UNIT_SEARCH_HIGH, true },
	};
	bool taken = false;
	int64_t picos;
	int rc = 0;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (!str_is(str_of(m->field), rows[i].field))
			continue;
		if (!taken)
			rc = read_whole(m, PRICE_UNIT_MAX_PICOS, &picos);
		taken = true;
		if (rc == 1)
			set_unit(m, rows[i].unit, rows[i].old, picos);
	}
	return rc < 0 ? -1 : taken;
}

static int64_t *
factor_at(struct price_model *m, const char *const names[3])
{
	struct price_factors *f = &m->price.factors;
	int64_t *const at[3] = { &f->fast, &f->geo_us, &f->geo_eu };

	for (int i = 0; i < 3; i++) {
		if (str_is(str_of(m->field), names[i]))
			return at[i];
	}
	return NULL;
}

/* multipliers_permille: {"fast": 6000, "geo_us": 1100} */
static int
read_own_factors(struct price_model *m)
{
	static const char *const names[3] = { "fast", "geo_us", "geo_eu" };
	int rc;

	if (price_json_enter(m->j, '{') != 0)
		return -1;
	while ((rc = next_field(m)) == 1) {
		int64_t *at = factor_at(m, names);

		rc = at == NULL ? drop_own_field(m)
				: read_whole(m, PRICE_FACTOR_MAX, at);
		if (rc < 0)
			return -1;
	}
	return rc;
}

static int
read_own_field(struct price_model *m)
{
	struct str field = str_of(m->field);
	int rc = read_common(m);

	if (rc == 0)
		rc = read_own_rate(m, &m->price.base);
	if (rc == 0)
		rc = read_own_unit(m);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (str_is(field, "tiers"))
		return read_own_tiers(m, TIER_DEFAULT);
	if (str_is(field, "multipliers_permille"))
		return read_own_factors(m);
	for (int s = TIER_DEFAULT + 1; s < PRICE_SERVICES; s++) {
		if (str_is(field, price_service_name((enum service_tier)s)))
			return read_own_service(m, (enum service_tier)s);
	}
	return drop_own_field(m);
}

/* ---- one model ---------------------------------------------------------- */

static bool
is_known(const struct price_model *m)
{
	const struct price *p = &m->price;
	bool has_input = p->base.input != PRICE_UNSET;

	if (m->implausible)
		return false;
	if (m->needs_no_output)
		return has_input || p->units.request > 0;
	if (m->has_units &&
	    p->units.image + p->units.second + p->units.character > 0)
		return true;
	return has_input &&
	       (p->base.output != PRICE_UNSET ||
		   (m->has_units && p->base.image_output != PRICE_UNSET));
}

/*
 * Fireworks takes half for a prompt token out of its cache where its list says
 * nothing else. Source: docs.fireworks.ai/guides/prompt-caching.
 */
static void
add_cache_discount(struct price_model *m)
{
	struct price_rates *r = &m->price.base;

	if (strcmp(m->provider, "fireworks_ai") == 0 && m->mode_is_text &&
	    r->cached_input == PRICE_UNSET && r->input != PRICE_UNSET)
		r->cached_input = r->input / 2 + r->input % 2;
}

static void
finish(struct price_model *m)
{
	struct price *p = &m->price;
	int64_t *limit =
	    m->mode_is_text ? &p->max_output_tokens : &p->max_input_tokens;

	if (!m->is_ours) {
		/* The older field for what the mode counts. */
		if (*limit == CONFIG_UNSET)
			*limit = m->max_tokens;
		add_cache_discount(m);
		price_fill(p);
	}
	price_close_gaps(p);
	/* Anthropic's is capacity bought ahead, no dearer token. */
	if (strcmp(m->provider, "anthropic") != 0)
		price_add_priority(p);
	p->known = is_known(m);
}

int
price_model_read(struct price_json *j, bool is_ours, struct price_model *m_r)
{
	struct price_model *m = m_r;
	int rc;

	memset(m, 0, sizeof(*m));
	m->j = j;
	m->is_ours = is_ours;
	m->mode_is_text = true;
	m->max_tokens = CONFIG_UNSET;
	price_clear(&m->price);
	if (price_json_enter(j, '{') != 0)
		return -1;
	while ((rc = next_field(m)) == 1) {
		rc = is_ours ? read_own_field(m) : read_defacto_field(m);
		if (rc != 0)
			return -1;
	}
	if (rc == 0)
		finish(m);
	return rc;
}
