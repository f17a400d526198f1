/* A price file for the tests of pricing, what finds a model in it, and
   deployments whose price is asked for. */
#ifndef TESTS_UNIT_PRICE_FIXTURE_H
#define TESTS_UNIT_PRICE_FIXTURE_H

#include "unit.h"

#include "domain/prices/price_rates.h"

#define LIT(s) str_make((s), sizeof(s) - 1)

static inline struct price_table *
table_of(struct str text)
{
	struct price_table *t = NULL;
	struct err err;

	if (price_table_parse(text, "test.json", &t, &err) != 0)
		fail_msg("%s", err.text);
	return t;
}

static inline const struct price *
find(const struct price_table *t, const char *name)
{
	const struct price *p = price_table_find(t, str_of(name));

	if (p == NULL)
		fail_msg("no model %s", name);
	return p;
}

static inline struct config_deployment
deployment(const struct provider *provider, const char *model)
{
	struct config_deployment d = {
		.model_name = "public",
		.provider = provider,
		.upstream_model = model,
		.base_model = "",
		.mode = "chat",
		.file = "gateway.yaml",
		.line = 7,
	};

	return d;
}

static inline struct price
resolve(const struct config_deployment *d, struct price_table **tables,
    size_t count)
{
	struct price p;
	struct err err;

	if (price_resolve(d, tables, count, &p, &err) != 0)
		fail_msg("%s", err.text);
	return p;
}

/* One of OpenAI's with prices of its own, eight at most. */
static inline struct price
resolve_with(const struct config_pair *pairs, size_t n, const char *model,
    struct price_table **tables, size_t count)
{
	static const struct provider openai = { .prefix = "openai" };
	struct config_deployment d = deployment(&openai, model);
	struct config_pair copy[8];

	if (n > 0)
		memcpy(copy, pairs, n * sizeof(*pairs));
	d.prices.items = copy;
	d.prices.count = n;
	return resolve(&d, tables, count);
}

static const char defacto[] =
    "{\"sample_spec\":{\"input_cost_per_token\":0.0,"
    "\"max_tokens\":\"LEGACY parameter\"},\n"
    "\"plain\":{\"litellm_provider\":\"openai\",\"mode\":\"chat\","
    "\"input_cost_per_token\":1.5e-07,\"output_cost_per_token\":6e-07,"
    "\"cache_read_input_token_cost\":7.5e-08,\"supports_vision\":true,"
    "\"max_tokens\":16384,\"max_input_tokens\":128000},\n"
    "\"text\":{\"litellm_provider\":\"x\","
    "\"input_cost_per_token\":\"3e-07\",\"output_cost_per_token\":"
    "\"0.0000015\"},\n"
    "\"tiers\":{\"litellm_provider\":\"x\",\"mode\":\"chat\","
    "\"input_cost_per_token_above_1000k_tokens\":8e-06,"
    "\"input_cost_per_token_above_200k_tokens\":4e-06,"
    "\"input_cost_per_token\":2e-06,\"output_cost_per_token\":1e-05,"
    "\"output_cost_per_token_above_200k_tokens\":1.5e-05,"
    "\"cache_read_input_token_cost\":2e-07},\n"
    "\"services\":{\"litellm_provider\":\"x\",\"mode\":\"chat\","
    "\"input_cost_per_token\":2e-06,\"output_cost_per_token\":8e-06,"
    "\"cache_read_input_token_cost\":5e-07,"
    "\"input_cost_per_token_flex\":1e-06,"
    "\"output_cost_per_token_flex\":4e-06,"
    "\"input_cost_per_token_priority\":5e-06,"
    "\"input_cost_per_token_batches\":1e-06,"
    "\"input_cost_per_token_above_272k_tokens\":4e-06,"
    "\"input_cost_per_token_above_272k_tokens_priority\":9e-06},\n"
    "\"claude\":{\"litellm_provider\":\"anthropic\",\"mode\":\"chat\","
    "\"input_cost_per_token\":3e-06,\"output_cost_per_token\":1.5e-05,"
    "\"cache_read_input_token_cost\":3e-07,"
    "\"cache_creation_input_token_cost\":3.75e-06,"
    "\"cache_creation_input_token_cost_above_1hr\":6e-06,"
    "\"cache_creation_input_token_cost_above_1hr_above_200k_tokens\":1.2e-05,"
    "\"input_cost_per_token_above_200k_tokens\":6e-06},\n"
    "\"audio\":{\"litellm_provider\":\"x\",\"mode\":\"chat\","
    "\"input_cost_per_token\":2.5e-06,\"output_cost_per_token\":1e-05,"
    "\"input_cost_per_audio_token\":4e-05,"
    "\"output_cost_per_audio_token\":8e-05,"
    "\"input_cost_per_image_token\":5e-06,"
    "\"output_cost_per_reasoning_token\":2e-05},\n"
    "\"ranges\":{\"litellm_provider\":\"dashscope\",\"mode\":\"chat\","
    "\"tiered_pricing\":[{\"input_cost_per_token\":5e-08,"
    "\"output_cost_per_token\":4e-07,\"range\":[0,256000.0]},"
    "{\"input_cost_per_token\":2.5e-07,\"output_cost_per_token\":2e-06,"
    "\"range\":[256000.0,1000000.0]}]},\n"
    "\"zeros\":{\"litellm_provider\":\"x\",\"mode\":\"chat\","
    "\"input_cost_per_token\":1e-06,\"output_cost_per_token\":2e-06,"
    "\"cache_read_input_token_cost\":0,"
    "\"cache_creation_input_token_cost\":0.0},\n"
    "\"free\":{\"litellm_provider\":\"x\",\"input_cost_per_token\":0,"
    "\"output_cost_per_token\":0.0,\"cache_read_input_token_cost\":0},\n"
    "\"embed\":{\"litellm_provider\":\"x\",\"mode\":\"embedding\","
    "\"input_cost_per_token\":2e-08,\"max_tokens\":8191},\n"
    "\"half\":{\"litellm_provider\":\"x\",\"mode\":\"chat\","
    "\"input_cost_per_token\":1e-06},\n"
    "\"pictures\":{\"litellm_provider\":\"x\","
    "\"mode\":\"image_generation\",\"output_cost_per_image\":0.04},\n"
    "\"millions\":{\"litellm_provider\":\"x\",\"mode\":\"chat\","
    "\"input_cost_per_token\":0.15,\"output_cost_per_token\":0.6},\n"
    "\"query\":{\"litellm_provider\":\"x\",\"mode\":\"rerank\","
    "\"input_cost_per_token\":0.0,\"input_cost_per_query\":0.002},\n"
    "\"long\":{\"litellm_provider\":\"x\",\"mode\":\"chat\","
    "\"input_cost_per_token\":1.2345678901235e-07,"
    "\"output_cost_per_token\":1e-13},\n"
    "\"old\":{\"litellm_provider\":\"deepseek\",\"mode\":\"chat\","
    "\"input_cost_per_token_cache_hit\":2.8e-08,"
    "\"input_cost_per_token\":2.8e-07,\"output_cost_per_token\":4.2e-07},\n"
    "\"twice\":{\"litellm_provider\":\"x\",\"input_cost_per_token\":1e-06,"
    "\"output_cost_per_token\":1e-06},\n"
    "\"na\\u00efve\\/model\":{\"litellm_provider\":\"x\","
    "\"input_cost_per_token\":1e-06,\"output_cost_per_token\":1e-06,"
    "\"cache_read_input_token_cost\":null},\n"
    "\"twice\":{\"litellm_provider\":\"x\",\"input_cost_per_token\":2e-06,"
    "\"output_cost_per_token\":2e-06}}\n";

#endif
