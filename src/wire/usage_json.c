/* The usage object of the OpenAI dialect. See usage_json.h. */
#include "wire/usage_json.h"

#include "base/jsonw.h"
#include "base/num.h"
#include "wire/pick.h"

#define COUNT_MAX INT64_C(1000000000000)

struct reading {
	struct usage u;
	int64_t total; /* -1 not given */
	int64_t upstream_cost_nanos;
	bool any, byok, wrong;
};

/* A count: an integer or a float, rounded. null is not there. */
static bool
read_count(struct reading *in, const struct skim_value *v, int64_t *count_r)
{
	bool inexact;
	int64_t n;

	if (v->type != SKIM_NUMBER)
		return false;
	if (num_decimal(v->value, 0, &n, &inexact) != 0 || n < 0 ||
	    n > COUNT_MAX) {
		in->wrong = true;
		return false;
	}
	*count_r = n;
	return true;
}

/* A cost in USD; one that cannot be read is not there. */
static bool
read_cost(const struct skim_value *v, int64_t *nanos_r)
{
	bool inexact;
	int64_t n;

	if (v->type != SKIM_NUMBER ||
	    num_decimal(v->value, 9, &n, &inexact) != 0 || n < 0)
		return false;
	*nanos_r = n;
	return true;
}

/* A count named by several providers in several ways: the larger counts. */
static void
read_alias(struct reading *in, const struct skim_value *v, int64_t *count)
{
	int64_t n;

	if (read_count(in, v, &n) && n > *count)
		*count = n;
}

static void
read_prompt_details(struct reading *in, const struct skim_value *v)
{
	struct skim_value item;
	struct skim_iter it;
	struct str key;

	if (v->type != SKIM_OBJECT)
		return;
	skim_iter_init(&it, v->value);
	while (skim_iter_next(&it, &key, &item) == 1) {
		if (SKIM_KEY_IS(key, "cached_tokens"))
			read_alias(in, &item, &in->u.cached_tokens);
		else if (SKIM_KEY_IS(key, "cache_write_tokens") ||
			 SKIM_KEY_IS(key, "cache_creation_tokens"))
			read_alias(in, &item, &in->u.cache_write_tokens);
		else if (SKIM_KEY_IS(key, "audio_tokens"))
			read_count(in, &item, &in->u.audio_input_tokens);
		else if (SKIM_KEY_IS(key, "image_tokens"))
			read_count(in, &item, &in->u.image_input_tokens);
	}
}

static void
read_completion_details(struct reading *in, const struct skim_value *v)
{
	struct skim_value item;
	struct skim_iter it;
	struct str key;

	if (v->type != SKIM_OBJECT)
		return;
	skim_iter_init(&it, v->value);
	while (skim_iter_next(&it, &key, &item) == 1) {
		if (SKIM_KEY_IS(key, "reasoning_tokens"))
			read_count(in, &item, &in->u.reasoning_tokens);
		else if (SKIM_KEY_IS(key, "audio_tokens"))
			read_count(in, &item, &in->u.audio_output_tokens);
		else if (SKIM_KEY_IS(key, "image_tokens"))
			read_count(in, &item, &in->u.image_output_tokens);
	}
}

static void
read_tool_use(struct reading *in, const struct skim_value *v)
{
	struct skim_value n = pick_one(v, "web_search_requests");

	read_alias(in, &n, &in->u.searches);
}

/* A number, or an object with the sum. */
static void
read_cost_member(struct reading *in, const struct skim_value *v)
{
	struct skim_value cost = *v;

	if (v->type == SKIM_OBJECT)
		cost = pick_one(v, "total_cost");
	if (read_cost(&cost, &in->u.reported_cost_nanos))
		in->u.has_reported_cost = true;
}

static void
read_cost_details(struct reading *in, const struct skim_value *v)
{
	struct skim_value cost = pick_one(v, "upstream_inference_cost");

	read_cost(&cost, &in->upstream_cost_nanos);
}

static void
read_member(struct reading *in, struct str key, const struct skim_value *v)
{
	if (SKIM_KEY_IS(key, "prompt_tokens") ||
	    SKIM_KEY_IS(key, "input_tokens"))
		in->any |= read_count(in, v, &in->u.prompt_tokens);
	else if (SKIM_KEY_IS(key, "completion_tokens") ||
		 SKIM_KEY_IS(key, "output_tokens"))
		in->any |= read_count(in, v, &in->u.completion_tokens);
	else if (SKIM_KEY_IS(key, "total_tokens"))
		read_count(in, v, &in->total);
	else if (SKIM_KEY_IS(key, "prompt_tokens_details") ||
		 SKIM_KEY_IS(key, "prompt_token_details") ||
		 SKIM_KEY_IS(key, "input_tokens_details") ||
		 SKIM_KEY_IS(key, "input_token_details"))
		read_prompt_details(in, v);
	else if (SKIM_KEY_IS(key, "completion_tokens_details") ||
		 SKIM_KEY_IS(key, "output_tokens_details") ||
		 SKIM_KEY_IS(key, "output_token_details"))
		read_completion_details(in, v);
	else if (SKIM_KEY_IS(key, "prompt_cache_hit_tokens") ||
		 SKIM_KEY_IS(key, "num_cached_tokens") ||
		 SKIM_KEY_IS(key, "cached_tokens") ||
		 SKIM_KEY_IS(key, "cache_read_input_tokens"))
		read_alias(in, v, &in->u.cached_tokens);
	else if (SKIM_KEY_IS(key, "cache_creation_input_tokens"))
		read_alias(in, v, &in->u.cache_write_tokens);
	else if (SKIM_KEY_IS(key, "num_search_queries"))
		read_alias(in, v, &in->u.searches);
	else if (SKIM_KEY_IS(key, "server_tool_use"))
		read_tool_use(in, v);
	else if (SKIM_KEY_IS(key, "cost"))
		read_cost_member(in, v);
	else if (SKIM_KEY_IS(key, "cost_details"))
		read_cost_details(in, v);
	else if (SKIM_KEY_IS(key, "is_byok"))
		in->byok = v->type == SKIM_TRUE;
}

static void
keep_below(int64_t *part, int64_t whole)
{
	if (*part > whole)
		*part = whole;
}

/* What providers count differently, made OpenAI's way. */
static void
settle_counts(struct reading *in)
{
	struct usage *u = &in->u;
	int64_t sum = u->prompt_tokens + u->completion_tokens;

	if (in->total > sum) {
		if (u->reasoning_tokens < in->total - sum)
			u->reasoning_tokens = in->total - sum;
		u->completion_tokens += in->total - sum;
	}
	keep_below(&u->cached_tokens, u->prompt_tokens);
	keep_below(&u->cache_write_tokens, u->prompt_tokens - u->cached_tokens);
	keep_below(&u->audio_input_tokens, u->prompt_tokens);
	keep_below(&u->image_input_tokens, u->prompt_tokens);
	keep_below(&u->reasoning_tokens, u->completion_tokens);
	keep_below(&u->audio_output_tokens, u->completion_tokens);
	keep_below(&u->image_output_tokens, u->completion_tokens);
	if (in->byok && u->has_reported_cost)
		u->reported_cost_nanos += in->upstream_cost_nanos;
}

int
usage_json_read(const struct skim_value *v, struct usage *u)
{
	struct reading in = { .total = -1 };
	struct skim_value item;
	struct skim_iter it;
	struct str key;

	if (v->type != SKIM_OBJECT)
		return -1;
	skim_iter_init(&it, v->value);
	while (skim_iter_next(&it, &key, &item) == 1)
		read_member(&in, key, &item);
	if (!in.any || in.wrong)
		return -1;
	settle_counts(&in);
	in.u.source = USAGE_PROVIDER;
	in.u.tier = u->tier;
	*u = in.u;
	return 0;
}

enum service_tier
usage_json_tier(const struct skim_value *v)
{
	enum service_tier tier;

	if (skim_string_is(v, "fast"))
		return TIER_PRIORITY;
	if (v->type != SKIM_STRING ||
	    service_tier_parse(str_make(v->value.p + 1, v->value.n - 2),
		&tier) != 0)
		return TIER_DEFAULT;
	return tier;
}

static void
write_count(struct jsonw *w, const char *key, int64_t n)
{
	if (n == 0)
		return;
	jsonw_key(w, key);
	jsonw_int(w, n);
}

void
usage_json_write(const struct usage *u, struct buf *out)
{
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_open(&w, '{');
	jsonw_key(&w, "prompt_tokens");
	jsonw_int(&w, u->prompt_tokens);
	jsonw_key(&w, "completion_tokens");
	jsonw_int(&w, u->completion_tokens);
	jsonw_key(&w, "total_tokens");
	jsonw_int(&w, u->prompt_tokens + u->completion_tokens);
	if (u->cached_tokens + u->cache_write_tokens + u->audio_input_tokens +
		u->image_input_tokens >
	    0) {
		jsonw_put_open(&w, "prompt_tokens_details", '{');
		write_count(&w, "cached_tokens", u->cached_tokens);
		write_count(&w, "cache_write_tokens", u->cache_write_tokens);
		write_count(&w, "audio_tokens", u->audio_input_tokens);
		write_count(&w, "image_tokens", u->image_input_tokens);
		jsonw_close(&w, '}');
	}
	if (u->reasoning_tokens + u->audio_output_tokens +
		u->image_output_tokens >
	    0) {
		jsonw_put_open(&w, "completion_tokens_details", '{');
		write_count(&w, "reasoning_tokens", u->reasoning_tokens);
		write_count(&w, "audio_tokens", u->audio_output_tokens);
		write_count(&w, "image_tokens", u->image_output_tokens);
		jsonw_close(&w, '}');
	}
	/* Where LiteLLM's users look for them. */
	write_count(&w, "cache_creation_input_tokens", u->cache_write_tokens);
	write_count(&w, "cache_read_input_tokens", u->cached_tokens);
	if (u->searches > 0) {
		jsonw_put_open(&w, "server_tool_use", '{');
		write_count(&w, "web_search_requests", u->searches);
		jsonw_close(&w, '}');
	}
	jsonw_close(&w, '}');
}
