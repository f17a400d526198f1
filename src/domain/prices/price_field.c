/*
 * The values that fields of a model have, in both forms of a price file. See
 * price_field.h.
 */
#include "domain/prices/price_field.h"

#include "base/num.h"

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

/* A number times 10^scale, from least to most: 1, or 0 for null. Digits below
   the scale are refused, or rounded and counted in *inexact. */
static int
read_scaled(struct price_model *m, int scale, int64_t least, int64_t most,
    size_t *inexact, int64_t *v_r)
{
	bool rounded = false;
	struct str s;
	int64_t v;
	int rc = read_spelling(m, &s);

	if (rc <= 0)
		return rc;
	if (scale == 0 && m->is_ours && num_int64(s, &v) != 0)
		return price_json_fail(m->j, "%s: must be a whole number",
		    m->field);
	if (num_decimal(s, scale, &v, &rounded) != 0 || v < least || v > most ||
	    (rounded && inexact == NULL))
		return out_of_range(m, s);
	if (rounded)
		++*inexact;
	*v_r = v;
	return 1;
}

int
price_field_usd(struct price_model *m, int64_t max, int64_t *picos_r)
{
	return read_scaled(m, 12, 0, max, &m->inexact, picos_r);
}

int
price_field_whole(struct price_model *m, int64_t max, int64_t *v_r)
{
	return read_scaled(m, 0, 0, max, NULL, v_r);
}

int
price_field_factor(struct price_model *m, int64_t *permille_r)
{
	return read_scaled(m, 3, 1, PRICE_FACTOR_MAX, NULL, permille_r) < 0 ? -1
									    : 0;
}

int
price_field_set_rate(struct price_model *m, struct price_rates *row,
    enum price_kind kind, int64_t picos)
{
	if (*price_rate(row, kind) != PRICE_UNSET)
		return price_json_fail(m->j, "%s: stands there twice",
		    m->field);
	*price_rate(row, kind) = picos;
	if (picos > PRICE_PLAUSIBLE_PICOS)
		m->implausible = true;
	return 0;
}

struct price_rates *
price_field_row(struct price_model *m, enum service_tier service, int64_t above)
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

bool
price_field_is_any(struct str s, const char *const *words, size_t n)
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

	m->mode_is_text = price_field_is_any(mode, text, ARRAY_LEN(text));
	m->needs_no_output =
	    price_field_is_any(mode, no_output, ARRAY_LEN(no_output));
	m->has_units = price_field_is_any(mode, units, ARRAY_LEN(units));
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

int
price_field_limit(struct price_model *m, int64_t *limit_r)
{
	int64_t v = 0;
	int rc = price_field_whole(m, PRICE_MAX_TOKENS, &v);

	if (rc == 1 && v > 0)
		*limit_r = v;
	return rc < 0 ? -1 : 0;
}

int
price_field_common(struct price_model *m)
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
		rc = price_field_limit(m, &m->price.max_input_tokens);
	else if (str_is(field, "max_output_tokens"))
		rc = price_field_limit(m, &m->price.max_output_tokens);
	else
		return 0;
	return rc == 0 ? 1 : -1;
}

int
price_field_next(struct price_model *m)
{
	struct str key;
	int rc = price_json_member(m->j, &key);

	if (rc == 1)
		snprintf(m->field, sizeof(m->field), STR_FMT, STR_ARG(key));
	return rc;
}

void
price_field_set_unit(struct price_model *m, enum price_unit unit, bool old,
    int64_t picos)
{
	int64_t *at = price_unit(&m->price.units, unit);

	if (unit == UNIT_REQUEST)
		*at += picos;
	else if (!old || *at == 0)
		*at = picos;
}
