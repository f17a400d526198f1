/*
 * One model of a price file: its fields, in our form and in the de-facto one
 * (price_defacto.c), become a struct price. Keeps nothing; the table asks for a
 * model's numbers when they are wanted. Fails (ERR_CONFIG, through the reader)
 * on a price that is no number, negative or out of range.
 */
#include "domain/prices/price_field.h"

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

	if (!price_field_is_any(str_of(m->field), others, ARRAY_LEN(others))) {
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
	rc = price_field_whole(m, PRICE_TOKEN_MAX_PICOS, &picos);
	if (rc == 1 && price_field_set_rate(m, row, kind, picos) != 0)
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
	while ((rc = price_field_next(m)) == 1) {
		if (str_is(str_of(m->field), "above_tokens")) {
			if (price_field_whole(m, PRICE_MAX_TOKENS, &above) < 0)
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
	row = price_field_row(m, service, above);
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
	while ((rc = price_field_next(m)) == 1) {
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
			rc = price_field_whole(m, PRICE_UNIT_MAX_PICOS, &picos);
		taken = true;
		if (rc == 1)
			price_field_set_unit(m, rows[i].unit, rows[i].old,
			    picos);
	}
	return rc < 0 ? -1 : taken;
}

static int
read_own_factor(struct price_model *m)
{
	struct price_factors *f = &m->price.factors;
	const struct {
		const char *name;
		int64_t *at, most;
	} rows[] = {
		{ "fast", &f->fast, PRICE_FACTOR_MAX },
		{ "geo_us", &f->geo_us, PRICE_FACTOR_MAX },
		{ "geo_eu", &f->geo_eu, PRICE_FACTOR_MAX },
		{ "off_peak", &f->off_peak, PRICE_DISCOUNT_MAX },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (str_is(str_of(m->field), rows[i].name))
			return price_field_whole(m, rows[i].most, rows[i].at);
	}
	return drop_own_field(m);
}

/* multipliers_permille: {"fast": 6000, "geo_us": 1100} */
static int
read_own_factors(struct price_model *m)
{
	int rc;

	if (price_json_enter(m->j, '{') != 0)
		return -1;
	while ((rc = price_field_next(m)) == 1) {
		if (read_own_factor(m) < 0)
			return -1;
	}
	return rc;
}

static int
read_own_windows(struct price_model *m)
{
	int rc = price_hours_parse(m->j, &m->price.off_peak_hours);

	if (rc == 0)
		return price_json_fail(m->j,
		    "off_peak_windows: must be a list of weekdays (1 to 7) and "
		    "hours_utc (\"16:30-00:30\", half hours)");
	return rc < 0 ? -1 : 0;
}

static int
read_own_field(struct price_model *m)
{
	struct str field = str_of(m->field);
	int rc = price_field_common(m);

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
	if (str_is(field, "off_peak_windows"))
		return read_own_windows(m);
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

/* What off-peak prices are of the others, in thousandths: the same for all
   that are named, which must be all that there are. 0: not so. */
static int64_t
off_peak_permille(const struct price_model *m)
{
	int64_t found = 0;

	for (int i = 0; i < PRICE_KIND_COUNT; i++) {
		struct price_rates base = m->price.base, off = m->off_peak;
		int64_t full = *price_rate(&base, (enum price_kind)i);
		int64_t less = *price_rate(&off, (enum price_kind)i);

		if (full <= 0 && less <= 0)
			continue;
		if (full <= 0 || less <= 0 || less > full ||
		    less * PRICE_DISCOUNT_MAX % full != 0)
			return 0;
		less = less * PRICE_DISCOUNT_MAX / full;
		if (found != 0 && less != found)
			return 0;
		found = less;
	}
	return m->price.tier_count == 0 ? found : 0;
}

/* Hours without a factor, or one without hours, say nothing. */
static void
finish_off_peak(struct price_model *m)
{
	struct price *p = &m->price;

	if (!m->is_ours)
		p->factors.off_peak = off_peak_permille(m);
	if (price_hours_empty(&p->off_peak_hours))
		p->factors.off_peak = 0;
	if (p->factors.off_peak == 0)
		memset(&p->off_peak_hours, 0, sizeof(p->off_peak_hours));
}

static void
finish(struct price_model *m)
{
	struct price *p = &m->price;
	int64_t *limit =
	    m->mode_is_text ? &p->max_output_tokens : &p->max_input_tokens;

	finish_off_peak(m);
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
	price_rates_clear(&m->off_peak);
	if (price_json_enter(j, '{') != 0)
		return -1;
	while ((rc = price_field_next(m)) == 1) {
		rc = is_ours ? read_own_field(m) : price_defacto_field(m);
		if (rc != 0)
			return -1;
	}
	if (rc == 0)
		finish(m);
	return rc;
}
