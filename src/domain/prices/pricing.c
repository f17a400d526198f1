/*
 * The price of a deployment, and a price as JSON. See pricing.h. Owns
 * nothing; price_resolve copies what it needs, so that the tables can be
 * freed afterwards.
 */
#include "domain/prices/pricing.h"

#include "base/jsonw.h"
#include "base/jsonx.h"
#include "base/num.h"
#include "domain/prices/price_model.h"

#define NAME_BYTES 512 /* "provider/model" */

/* ---- a deployment's own prices ------------------------------------------ */

/* What the operator wrote, before the tables are asked. */
struct own_price {
	struct price price;
	bool any;
	bool has_unit[PRICE_UNIT_COUNT];
};

static int
bad_price(const struct config_deployment *d, const struct config_pair *pair,
    const char *why, struct err *err)
{
	return err_set(err, ERR_CONFIG, "%s:%d: %s: \"%.60s\" %s", d->file,
	    pair->line > 0 ? pair->line : d->line, pair->key, pair->value, why);
}

static int
parse_picos(const struct config_deployment *d, const struct config_pair *pair,
    int64_t max, int64_t *picos_r, struct err *err)
{
	bool inexact = false;
	int64_t v;

	if (num_decimal(str_trim(str_of(pair->value)), 12, &v, &inexact) != 0)
		return bad_price(d, pair, "is no price: a decimal in USD is",
		    err);
	if (inexact)
		return bad_price(d, pair,
		    "has more than 12 decimals; the smallest price is 1e-12 "
		    "USD",
		    err);
	if (v < 0 || v > max)
		return bad_price(d, pair, "is out of range", err);
	*picos_r = v;
	return 0;
}

static int
add_own(const struct config_deployment *d, const struct config_pair *pair,
    const struct price_key *k, struct own_price *own, struct err *err)
{
	struct price *p = &own->price;
	int64_t picos = 0, *rate;
	int tier = -1;

	if (parse_picos(d, pair,
		k->kind == PRICE_NONE ? PRICE_UNIT_MAX_PICOS
				      : PRICE_TOKEN_MAX_PICOS,
		&picos, err) != 0)
		return -1;
	own->any = true;
	if (k->kind == PRICE_NONE) {
		if (!k->old || !own->has_unit[k->unit])
			*price_unit(&p->units, k->unit) = picos;
		own->has_unit[k->unit] = true;
		return 0;
	}
	if (k->above_tokens > 0) {
		tier = price_tier_add(p, k->above_tokens);
		if (tier < 0)
			return bad_price(d, pair,
			    "is one tier too many (4 at most)", err);
	}
	rate = price_rate(price_row(p, k->service, tier), k->kind);
	/* litellm_params stand before model_info: the first one wins. */
	if (*rate == PRICE_UNSET)
		*rate = picos;
	return 0;
}

/* A size that was not named costs what the dearest that was does. */
static void
fill_searches(struct own_price *own)
{
	int64_t most = 0;
	bool any = false;

	for (int i = UNIT_SEARCH_MEDIUM; i <= UNIT_SEARCH_HIGH; i++) {
		int64_t picos =
		    *price_unit(&own->price.units, (enum price_unit)i);

		any = any || own->has_unit[i];
		if (own->has_unit[i] && picos > most)
			most = picos;
	}
	for (int i = UNIT_SEARCH_MEDIUM; any && i <= UNIT_SEARCH_HIGH; i++) {
		if (!own->has_unit[i])
			*price_unit(&own->price.units, (enum price_unit)i) =
			    most;
		own->has_unit[i] = true;
	}
}

static int
read_own(const struct config_deployment *d, struct own_price *own,
    struct err *err)
{
	memset(own, 0, sizeof(*own));
	price_clear(&own->price);
	for (size_t i = 0; i < d->prices.count; i++) {
		const struct config_pair *pair = &d->prices.items[i];
		struct price_key k;

		if (price_key_parse(str_of(pair->key), &k) == 1 &&
		    add_own(d, pair, &k, own, err) != 0)
			return -1;
	}
	fill_searches(own);
	return 0;
}

static void
overlay_row(struct price_rates *onto, const struct price_rates *own)
{
	for (int i = 0; i < PRICE_KIND_COUNT; i++) {
		enum price_kind k = (enum price_kind)i;
		struct price_rates copy = *own;
		int64_t rate = *price_rate(&copy, k);

		if (rate != PRICE_UNSET)
			*price_rate(onto, k) = rate;
	}
}

/* Puts the operator's fields over a table's; 0, or -1: too many tiers. */
static int
overlay(struct price *p, const struct own_price *own)
{
	const struct price *o = &own->price;

	for (int i = 0; i < (int)o->tier_count; i++) {
		if (price_tier_add(p, o->tiers[i].above_tokens) < 0)
			return -1;
	}
	for (int i = 0; i < PRICE_SERVICES; i++) {
		enum service_tier s = (enum service_tier)i;

		overlay_row(price_row(p, s, -1), price_row_const(o, s, -1));
		for (int t = 0; t < (int)o->tier_count; t++) {
			int onto = price_tier_add(p, o->tiers[t].above_tokens);

			overlay_row(price_row(p, s, onto),
			    price_row_const(o, s, t));
		}
	}
	for (int i = 0; i < PRICE_UNIT_COUNT; i++) {
		enum price_unit unit = (enum price_unit)i;
		struct price_units units = o->units;

		if (own->has_unit[i])
			*price_unit(&p->units, unit) =
			    *price_unit(&units, unit);
	}
	return 0;
}

/* ---- the tables --------------------------------------------------------- */

/*
 * Whether a bare name's row is about this provider: somebody's own "gpt-4o"
 * on another host does not cost what OpenAI's does. "vertex_ai" has
 * "vertex_ai-language-models" too, "bedrock" "bedrock_converse".
 */
static bool
is_of_provider(const struct price_model *m, const char *prefix)
{
	size_t n = strlen(prefix);

	if (m->provider[0] == '\0')
		return true;
	return strncmp(m->provider, prefix, n) == 0 &&
	       (m->provider[n] == '\0' || m->provider[n] == '-' ||
		   m->provider[n] == '_');
}

struct lookup {
	struct price_table *const *tables;
	size_t count;
	const char *provider; /* NULL: any */
};

static const struct price_model *
look_up(const struct lookup *l, struct str name)
{
	if (name.n == 0)
		return NULL;
	for (size_t i = l->count; i-- > 0;) {
		const struct price_model *m =
		    price_table_model(l->tables[i], name);

		if (m != NULL &&
		    (l->provider == NULL || is_of_provider(m, l->provider)))
			return m;
	}
	return NULL;
}

/* "PROVIDER/REGION/NAME", "PROVIDER/NAME", the name, then the name without its
   vendor parts, one by one. */
static const struct price_model *
look_up_name(const struct config_deployment *d, const struct lookup *l,
    struct str name)
{
	const struct lookup any = { l->tables, l->count, NULL };
	const char *region = d->aws_region != NULL ? d->aws_region : "";
	const struct price_model *m = NULL;
	char full[NAME_BYTES];

	if (name.n >= NAME_BYTES / 2)
		return NULL;
	if (region[0] != '\0' && d->provider != NULL) {
		snprintf(full, sizeof(full), "%s/%.100s/" STR_FMT,
		    d->provider->prefix, region, STR_ARG(name));
		m = look_up(&any, str_of(full));
	}
	if (m == NULL && d->provider != NULL) {
		snprintf(full, sizeof(full), "%s/" STR_FMT, d->provider->prefix,
		    STR_ARG(name));
		m = look_up(&any, str_of(full));
	}
	while (m == NULL && name.n > 0) {
		m = look_up(l, name);
		str_cut(&name, '/');
	}
	return m;
}

/* "-2026-11-02", "-001": true when the name ends so; '0' is any digit. */
static bool
cut_end(struct str *name, const char *form)
{
	size_t n = strlen(form);

	if (name->n <= n)
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = name->p[name->n - n + i];

		if (form[i] == '0' ? c < '0' || c > '9' : c != form[i])
			return false;
	}
	name->n -= n;
	return true;
}

/* "us.anthropic.claude": the region of an inference profile. */
static bool
cut_region(struct str *name)
{
	static const char *const regions[] = { "us", "eu", "apac", "global",
		"jp", "au", "ca", "us-gov" };
	struct str rest = *name, region = str_cut(&rest, '.');

	for (size_t i = 0; i < ARRAY_LEN(regions); i++) {
		if (str_is(region, regions[i]) && rest.n > 0) {
			*name = rest;
			return true;
		}
	}
	return false;
}

/*
 * What a name is about: "ft:gpt-4o:org::id" is a "ft:gpt-4o", a dated snapshot
 * is the model, so are Gemini's numbered ones and Bedrock's profiles.
 */
static bool
shorten(const char *provider, struct str *name)
{
	if (str_starts(*name, "ft:")) {
		struct str rest = str_make(name->p + 3, name->n - 3);
		size_t n = 3 + str_cut(&rest, ':').n;

		if (n < name->n) {
			name->n = n;
			return true;
		}
	}
	if (strcmp(provider, "bedrock") == 0)
		return cut_region(name);
	return cut_end(name, "-0000-00-00") ||
	       (strcmp(provider, "gemini") == 0 && cut_end(name, "-000"));
}

static const struct price_model *
look_up_deployment(const struct config_deployment *d, struct lookup *l)
{
	const char *const names[] = { d->base_model, d->upstream_model };
	const char *provider = d->provider != NULL ? d->provider->prefix : "";
	const struct price_model *m = NULL;

	for (size_t i = 0; m == NULL && i < ARRAY_LEN(names); i++) {
		struct str name = str_of(names[i]);

		/* A base_model may be of any provider. */
		l->provider = i == 0 ? NULL : provider;
		if (i > 0 && d->provider == NULL)
			break;
		do
			m = look_up_name(d, l, name);
		while (m == NULL && shorten(provider, &name));
	}
	return m;
}

/* ---- both together ------------------------------------------------------ */

static bool
is_complete(const struct config_deployment *d, const struct price *p)
{
	bool no_output = strcmp(d->mode, "embedding") == 0 ||
			 strcmp(d->mode, "rerank") == 0 ||
			 strcmp(d->mode, "moderation") == 0;

	if (str_starts(str_of(d->mode), "image_") ||
	    str_starts(str_of(d->mode), "audio_"))
		return p->units.image + p->units.second + p->units.character >
			   0 ||
		       (p->base.input != PRICE_UNSET &&
			   (p->base.output != PRICE_UNSET ||
			       p->base.image_output != PRICE_UNSET));
	return p->base.input != PRICE_UNSET &&
	       (no_output || p->base.output != PRICE_UNSET);
}

int
price_resolve(const struct config_deployment *d,
    struct price_table *const *tables, size_t table_count, struct price *p_r,
    struct err *err)
{
	struct lookup l = { tables, table_count, NULL };
	const struct price_model *m;
	struct own_price own;
	struct price p;

	if (read_own(d, &own, err) != 0)
		return -1;
	price_clear(&p);
	m = look_up_deployment(d, &l);
	if (m != NULL && own.price.base.input != PRICE_UNSET &&
	    own.price.base.output != PRICE_UNSET) {
		/* Input and output named: that is the whole price. */
		p.max_input_tokens = m->price.max_input_tokens;
		p.max_output_tokens = m->price.max_output_tokens;
	} else if (m != NULL) {
		p = m->price;
	}
	if (own.any) {
		if (overlay(&p, &own) != 0)
			return err_set(err, ERR_CONFIG,
			    "%s:%d: model %s: more than %d price tiers with "
			    "those of the price table",
			    d->file, d->line, d->model_name, PRICE_MAX_TIERS);
		price_close_gaps(&p);
		p.custom = true;
		p.known = p.known || is_complete(d, &p) || p.units.request > 0;
	}
	price_seal(&p);
	*p_r = p;
	return 0;
}

/* ---- as JSON ------------------------------------------------------------ */

static void
write_row(struct jsonw *w, const char *key, const struct price_rates *r)
{
	struct price_rates copy = *r;

	if (price_rates_absent(r))
		return;
	jsonw_put_open(w, key, '{');
	for (int i = 0; i < PRICE_KIND_COUNT; i++) {
		enum price_kind k = (enum price_kind)i;

		if (*price_rate(&copy, k) == PRICE_UNSET)
			continue;
		jsonw_key(w, price_kind_name(k));
		jsonw_int(w, *price_rate(&copy, k));
	}
	jsonw_close(w, '}');
}

static void
write_rows(struct jsonw *w, const struct price *p, int tier)
{
	for (int i = 0; i < PRICE_SERVICES; i++) {
		enum service_tier s = (enum service_tier)i;

		write_row(w,
		    s == TIER_DEFAULT ? "rates" : price_service_name(s),
		    price_row_const(p, s, tier));
	}
}

static const char *const search_keys[SEARCH_SIZES] = {
	[SEARCH_MEDIUM] = "per_search_medium",
	[SEARCH_LOW] = "per_search_low",
	[SEARCH_HIGH] = "per_search_high",
};

static void
write_number(struct jsonw *w, const char *key, int64_t v, int64_t absent)
{
	if (v == absent)
		return;
	jsonw_key(w, key);
	jsonw_int(w, v);
}

static void
write_off_peak(struct jsonw *w, const struct price *p)
{
	char hours[PRICE_HOURS_TEXT];

	if (p->factors.off_peak == 0)
		return;
	write_number(w, "off_peak_permille", p->factors.off_peak, 0);
	price_hours_write(&p->off_peak_hours, hours);
	jsonw_key(w, "off_peak_hours");
	jsonw_cstr(w, hours);
}

void
price_to_json(const struct price *p, struct buf *out)
{
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_open(&w, '{');
	jsonw_key(&w, "unit");
	jsonw_cstr(&w, "1e-12 USD");
	write_rows(&w, p, -1);
	if (p->tier_count > 0) {
		jsonw_put_open(&w, "tiers", '[');
		for (size_t i = 0; i < p->tier_count; i++) {
			jsonw_open(&w, '{');
			write_number(&w, "above_tokens",
			    p->tiers[i].above_tokens, 0);
			write_rows(&w, p, (int)i);
			jsonw_close(&w, '}');
		}
		jsonw_close(&w, ']');
	}
	write_number(&w, "per_request", p->units.request, 0);
	write_number(&w, "per_image", p->units.image, 0);
	write_number(&w, "per_second", p->units.second, 0);
	write_number(&w, "per_character", p->units.character, 0);
	for (int i = 0; i < SEARCH_SIZES; i++)
		write_number(&w, search_keys[i], p->units.search[i], 0);
	write_number(&w, "fast_permille", p->factors.fast, 0);
	write_number(&w, "geo_us_permille", p->factors.geo_us, 0);
	write_number(&w, "geo_eu_permille", p->factors.geo_eu, 0);
	write_off_peak(&w, p);
	write_number(&w, "max_input_tokens", p->max_input_tokens, CONFIG_UNSET);
	write_number(&w, "max_output_tokens", p->max_output_tokens,
	    CONFIG_UNSET);
	if (p->custom) {
		jsonw_key(&w, "custom");
		jsonw_bool(&w, true);
	}
	jsonw_close(&w, '}');
}

/* Member as an integer in 0..max; absent leaves *v_r. */
static int
take_number(const json_t *obj, const char *key, int64_t max, int64_t *v_r)
{
	const json_t *member = json_object_get(obj, key);
	int64_t v;

	if (member == NULL)
		return 0;
	v = json_integer_value(member);
	if (!json_is_integer(member) || v < 0 || v > max)
		return -1;
	*v_r = v;
	return 0;
}

static int
take_rows(const json_t *obj, struct price *p, int tier)
{
	for (int i = 0; i < PRICE_SERVICES; i++) {
		enum service_tier s = (enum service_tier)i;
		struct price_rates *r = price_row(p, s, tier);
		const json_t *row = json_object_get(obj,
		    s == TIER_DEFAULT ? "rates" : price_service_name(s));

		for (int k = 0; row != NULL && k < PRICE_KIND_COUNT; k++) {
			if (take_number(row,
				price_kind_name((enum price_kind)k),
				PRICE_TOKEN_MAX_PICOS,
				price_rate(r, (enum price_kind)k)) != 0)
				return -1;
		}
	}
	return 0;
}

static int
take_tiers(const json_t *obj, struct price *p)
{
	const json_t *tiers = json_object_get(obj, "tiers"), *item;
	size_t i;

	if (tiers == NULL)
		return 0;
	if (!json_is_array(tiers))
		return -1;
	json_array_foreach(tiers, i, item) {
		int64_t above = 0;
		int tier;

		if (take_number(item, "above_tokens", PRICE_MAX_TOKENS,
			&above) != 0 ||
		    above == 0)
			return -1;
		tier = price_tier_add(p, above);
		/* Ascending, each once. */
		if (tier != (int)i || take_rows(item, p, tier) != 0)
			return -1;
	}
	return 0;
}

static int
take_units(const json_t *obj, struct price_units *u)
{
	int64_t max = PRICE_UNIT_MAX_PICOS;

	if (take_number(obj, "per_request", max, &u->request) != 0 ||
	    take_number(obj, "per_image", max, &u->image) != 0 ||
	    take_number(obj, "per_second", max, &u->second) != 0 ||
	    take_number(obj, "per_character", max, &u->character) != 0)
		return -1;
	for (int i = 0; i < SEARCH_SIZES; i++) {
		if (take_number(obj, search_keys[i], max, &u->search[i]) != 0)
			return -1;
	}
	return 0;
}

static int
take_factors(const json_t *obj, struct price_factors *f)
{
	int64_t max = PRICE_FACTOR_MAX;

	if (take_number(obj, "fast_permille", max, &f->fast) != 0 ||
	    take_number(obj, "geo_us_permille", max, &f->geo_us) != 0 ||
	    take_number(obj, "geo_eu_permille", max, &f->geo_eu) != 0)
		return -1;
	return 0;
}

static int
take_off_peak(const json_t *obj, struct price *p)
{
	if (take_number(obj, "off_peak_permille", PRICE_DISCOUNT_MAX,
		&p->factors.off_peak) != 0)
		return -1;
	return p->factors.off_peak == 0 || price_hours_read(&p->off_peak_hours,
					       jsonx_str(obj, "off_peak_hours"))
		   ? 0
		   : -1;
}

int
price_from_json(struct str json, struct price *p_r, struct err *err)
{
	json_t *doc = jsonx_parse(json, err);
	struct price p;
	int rc;

	if (doc == NULL)
		return err_prefix(err, "price");
	price_clear(&p);
	rc = !json_is_object(doc) ||
	     strcmp(jsonx_str(doc, "unit").p, "1e-12 USD") != 0 ||
	     take_rows(doc, &p, -1) != 0 || take_tiers(doc, &p) != 0 ||
	     take_units(doc, &p.units) != 0 ||
	     take_factors(doc, &p.factors) != 0 ||
	     take_off_peak(doc, &p) != 0 ||
	     take_number(doc, "max_input_tokens", PRICE_MAX_TOKENS,
		 &p.max_input_tokens) != 0 ||
	     take_number(doc, "max_output_tokens", PRICE_MAX_TOKENS,
		 &p.max_output_tokens) != 0 ||
	     jsonx_bool(doc, "custom", &p.custom) < 0;
	json_decref(doc);
	if (rc != 0)
		return err_set(err, ERR_BAD_JSON,
		    "price: not the form that price_to_json writes");
	p.known = true;
	price_seal(&p);
	*p_r = p;
	return 0;
}
