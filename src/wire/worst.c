/* The most an attempt can cost. See worst.h. */
#include "wire/worst.h"

#include "wire/json/skim.h"
#include "wire/openai/openai_params.h"
#include "wire/usage_json.h"

/* Output of a model whose maximum nobody knows, under a cap. */
#define UNKNOWN_OUTPUT_TOKENS 4096
/* More answers than any provider makes for one prompt. */
#define MANY_OUTPUTS 1024
/* Cohere's search unit. */
#define RERANK_CHUNK_TOKENS 500
#define RERANK_UNIT_CHUNKS  100

/* ---- the deployment's own members --------------------------------------- */

/* What a deployment's JSON says about the output. */
struct terms {
	int64_t limit;   /* CONFIG_UNSET */
	int64_t outputs; /* the larger of n and best_of; CONFIG_UNSET */
	bool has_tier, has_sound;
	enum service_tier tier;
};

static bool
is_limit(struct str key)
{
	return str_is(key, "max_tokens") ||
	       str_is(key, "max_completion_tokens") ||
	       str_is(key, "max_output_tokens");
}

static void
take_larger(const struct skim_value *v, int64_t *n)
{
	int64_t got;

	if (skim_int(v, &got) == 0 && got > *n)
		*n = got;
}

static void
read_terms(const char *json, struct terms *t)
{
	struct skim_value v;
	struct skim_iter it;
	struct str key;

	*t = (struct terms){ .limit = CONFIG_UNSET, .outputs = CONFIG_UNSET };
	if (json[0] == '\0')
		return;
	skim_iter_init(&it, str_of(json));
	while (skim_iter_next(&it, &key, &v) == 1) {
		if (is_limit(key)) {
			take_larger(&v, &t->limit);
		} else if (str_is(key, "n") || str_is(key, "best_of")) {
			take_larger(&v, &t->outputs);
		} else if (str_is(key, "service_tier")) {
			t->has_tier = true;
			t->tier = usage_json_tier(&v);
		} else if (str_is(key, "audio") ||
			   (str_is(key, "modalities") &&
			       str_find(v.value, "audio") >= 0)) {
			t->has_sound = true;
		}
	}
}

/* ---- limits that never arrive ------------------------------------------- */

static bool
names_limit(const struct config_strings *list)
{
	for (size_t i = 0; i < list->count; i++) {
		if (is_limit(str_of(list->items[i])))
			return true;
	}
	return false;
}

static bool
array_names_limit(const struct skim_value *list)
{
	struct skim_value v;
	struct skim_iter it;
	struct str key;

	if (list->type != SKIM_ARRAY)
		return false;
	skim_iter_init(&it, list->value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		if (skim_string_is(&v, "max_tokens") ||
		    skim_string_is(&v, "max_completion_tokens") ||
		    skim_string_is(&v, "max_output_tokens"))
			return true;
	}
	return false;
}

/* Told to leave a limit out, the encoder leaves it out, ours too. */
static bool
drops_limit(const struct wire_request *r, const struct candidate *c)
{
	return names_limit(&c->deployment->config->additional_drop_params) ||
	       array_names_limit(&r->additional_drop_params);
}

/* ---- the bounds --------------------------------------------------------- */

/* The client's limit; of two names the larger, since a provider may read
   either. */
static int64_t
asked_limit(const struct wire_request *r)
{
	int64_t limit = r->max_tokens;

	if (limit != CONFIG_UNSET)
		take_larger(&r->max_tokens_other, &limit);
	return limit;
}

static void
find_limit(const struct wire_request *r, const struct candidate *c,
    const struct terms *defaults, const struct terms *extra, struct worst *w)
{
	w->open = drops_limit(r, c);
	w->limit = CONFIG_UNSET;
	if (!w->open) {
		w->limit = extra->limit;
		if (w->limit == CONFIG_UNSET)
			w->limit = asked_limit(r);
		if (w->limit == CONFIG_UNSET)
			w->limit = defaults->limit;
	}
	if (w->limit == CONFIG_UNSET)
		w->limit = c->max_output_tokens;
	w->guessed = w->limit == CONFIG_UNSET;
	if (w->guessed)
		w->limit = UNKNOWN_OUTPUT_TOKENS;
}

static void
find_outputs(const struct wire_request *r, const struct terms *defaults,
    const struct terms *extra, struct worst *w)
{
	int64_t each = extra->outputs > defaults->outputs ? extra->outputs
							  : defaults->outputs;
	int64_t prompts = r->api == WIRE_COMPLETIONS && r->message_count > 1
			      ? r->message_count
			      : 1;

	w->outputs = r->outputs;
	if (each > MANY_OUTPUTS)
		each = MANY_OUTPUTS;
	if (r->api != WIRE_EMBEDDINGS && each * prompts > w->outputs)
		w->outputs = each * prompts;
	w->extra = r->extra_output_tokens;
}

/* OpenAI's hosts that keep to a region. */
static enum usage_geo
geo_of_host(const struct config_deployment *d)
{
	struct str base = str_of(d->api_base);

	if (str_starts(base, "https://us.api.openai.com"))
		return GEO_US;
	return str_starts(base, "https://eu.api.openai.com") ? GEO_EU : GEO_ANY;
}

/* Words of Anthropic's own requests. */
static bool
member_is(const struct wire_request *r, const char *key, const char *word)
{
	const struct wire_member *m = wire_request_member(r, str_of(key));

	return m != NULL && skim_string_is(&m->at, word);
}

/*
 * Pictures of the one model whose price is by size and quality, and whose
 * answer does not count tokens: a large one costs two, in HD one more.
 * Source: the de-facto price table's rows for its sizes.
 */
static int64_t
image_factor(const struct wire_request *r, const struct candidate *c)
{
	const char *model =
	    param_family(c->deployment->config, c->upstream_model);
	bool wide = member_is(r, "size", "1792x1024") ||
		    member_is(r, "size", "1024x1792");

	if (r->images == 0 || str_find(str_of(model), "dall-e-3") < 0)
		return 1;
	return 1 + wide + member_is(r, "quality", "hd");
}

/*
 * Queries that a rerank may count as: one for each hundred documents, and a
 * document of more than 500 tokens is several. A token is a byte at least.
 * Source: Cohere's pricing ("search unit").
 */
static int64_t
search_units(const struct wire_request *r)
{
	const struct wire_member *m =
	    wire_request_member(r, str_of("documents"));
	int64_t chunks;

	if (r->api != WIRE_RERANK || m == NULL)
		return 1;
	chunks = (int64_t)m->at.value.n / RERANK_CHUNK_TOKENS + 1;
	if (m->at.type == SKIM_ARRAY)
		chunks += (int64_t)m->at.count;
	return (chunks + RERANK_UNIT_CHUNKS - 1) / RERANK_UNIT_CHUNKS;
}

/* What makes every token dearer. */
static void
find_factors(const struct wire_request *r, const struct candidate *c,
    struct price_bound *b)
{
	const struct price_factors *f = &c->price->factors;

	if (f->fast > 0)
		b->fast = member_is(r, "speed", "fast");
	if (f->geo_us + f->geo_eu == 0)
		return;
	b->geo = geo_of_host(c->deployment->config);
	if (member_is(r, "inference_geo", "us"))
		b->geo = GEO_US;
}

/* Asked at the provider's own address, not at a server that speaks like it. */
static bool
adds_nothing(const struct config_deployment *d)
{
	return (d->provider->flags & PROVIDER_BARE) != 0 &&
	       strcmp(d->api_base, d->provider->base_url) == 0;
}

static void
find_prompt(const struct wire_request *r, const struct candidate *c,
    struct worst *w)
{
	struct price_bound *b = &w->prompt;

	searches_find(r, c->deployment->config, c->upstream_model, c->price,
	    &w->searches);
	*b = (struct price_bound){
		.tier = r->service_tier,
		.prompt_tokens = r->prompt_bound_tokens,
		.image_tokens = r->image_bound_tokens,
		.audio_tokens = r->audio_bound_tokens,
		.audio_output = r->audio_output,
		.image_output = r->image_output,
		.images = r->images,
		.image_factor = image_factor(r, c),
		.search_units = search_units(r),
		.seconds = r->seconds_bound,
		.characters = r->characters,
		.searches = w->searches.at_most,
		.result_tokens = w->searches.result_tokens,
		.search_size = w->searches.size,
	};
	if (adds_nothing(c->deployment->config))
		b->prompt_tokens -= r->template_bound_tokens;
	find_factors(r, c, b);
	/* A longer prompt is refused by the provider, not billed. One that
	   is longer by any count says that the figure is wrong. */
	if (c->max_input_tokens != CONFIG_UNSET &&
	    b->prompt_tokens > c->max_input_tokens &&
	    r->prompt_guess_tokens <= c->max_input_tokens)
		b->prompt_tokens = c->max_input_tokens;
}

void
worst_find(const struct wire_request *r, const struct candidate *c,
    struct worst *w_r)
{
	const struct config_deployment *d = c->deployment->config;
	struct terms defaults, extra;
	struct worst w = { .price = c->price };

	read_terms(d->defaults_json, &defaults);
	read_terms(d->extra_body_json, &extra);
	find_prompt(r, c, &w);
	if (extra.has_tier)
		w.prompt.tier = extra.tier;
	else if (w.prompt.tier == TIER_DEFAULT && defaults.has_tier)
		w.prompt.tier = defaults.tier;
	w.prompt.audio_output =
	    w.prompt.audio_output || defaults.has_sound || extra.has_sound;
	if (r->api == WIRE_EMBEDDINGS || wire_api_is_media(r->api)) {
		w.open = true;
		w.extra = r->extra_output_tokens;
	} else {
		find_limit(r, c, &defaults, &extra, &w);
		find_outputs(r, &defaults, &extra, &w);
	}
	*w_r = w;
}

int64_t
worst_tokens(const struct worst *w, int64_t limit)
{
	int64_t n;

	if (__builtin_mul_overflow(limit, w->outputs, &n) ||
	    __builtin_add_overflow(n, w->extra, &n))
		return INT64_MAX;
	return n;
}

int64_t
worst_nanos(const struct worst *w, int64_t limit)
{
	struct price_bound b = w->prompt;

	b.output_tokens = worst_tokens(w, limit);
	return price_bound_nanos(w->price, &b);
}

int64_t
worst_affordable(const struct worst *w, int64_t nanos)
{
	int64_t n = price_bound_tokens(w->price, &w->prompt, nanos) - w->extra;

	if (w->outputs > 1)
		n /= w->outputs;
	return n > 0 ? n : 1;
}
