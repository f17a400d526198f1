/* Where an entry's requests go, for the names that say more than a model. */
#include "config_unit.h"

#define ENTRY(params)                                                          \
	"model_list:\n  - model_name: a\n    litellm_params: {" params "}\n"
#define AZURE "api_base: \"https://x.openai.azure.com\", api_key: k"
#define AWS                                                                    \
	"aws_access_key_id: AKID, aws_secret_access_key: s, "                  \
	"aws_region_name: us-east-1"

static const struct config_deployment *
only(struct parsed *p, const char *text)
{
	env_clear();
	unsetenv("AZURE_API_VERSION");
	unsetenv("AWS_REGION");
	unsetenv("AWS_REGION_NAME");
	unsetenv("AWS_DEFAULT_REGION");
	parse_text(p, text);
	assert_non_null(p->config);
	assert_int_equal(p->config->deployment_count, 1);
	return &p->config->deployments[0];
}

static void
test_azure_series_and_versions(void **state)
{
	static const struct {
		const char *text, *model, *family, *version;
		bool is_default;
	} rows[] = {
		{ ENTRY("model: azure/o_series/mine, " AZURE), "mine", "o3",
		    "2025-02-01-preview", true },
		{ ENTRY("model: azure/gpt5_series/mine, api_version: "
			"2024-10-21, " AZURE),
		    "mine", "gpt-5", "2024-10-21", false },
		{ ENTRY("model: azure/o_series/, api_version: v1, " AZURE),
		    "o_series/", "", "v1", false },
		{ ENTRY("model: openai/o_series/m, api_key: k"), "o_series/m",
		    "", "", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct parsed p;
		const struct config_deployment *d = only(&p, rows[i].text);

		assert_string_equal(d->upstream_model, rows[i].model);
		assert_string_equal(d->family, rows[i].family);
		assert_string_equal(d->api_version, rows[i].version);
		assert_int_equal(d->api_version_is_default, rows[i].is_default);
		parsed_free(&p);
	}
}

static void
test_bedrock_names(void **state)
{
	static const struct {
		const char *model, *name, *region;
	} rows[] = {
		{ "us.anthropic.claude-x", "us.anthropic.claude-x",
		    "us-east-1" },
		{ "converse/amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0",
		    "us-east-1" },
		{ "invoke/eu-west-3/mistral.m", "mistral.m", "us-east-1" },
		{ "arn:aws:bedrock:eu-west-1:1:inference-profile/us.m",
		    "arn:aws:bedrock:eu-west-1:1:inference-profile/us.m",
		    "us-east-1" },
		{ "llama/arn:aws:bedrock:us-west-2:1:imported-model/x",
		    "arn:aws:bedrock:us-west-2:1:imported-model/x",
		    "us-east-1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct parsed p;
		char *text = xasprintf(ENTRY("model: \"bedrock/%s\", " AWS),
		    rows[i].model);
		const struct config_deployment *d = only(&p, text);

		assert_string_equal(d->upstream_model, rows[i].name);
		assert_string_equal(d->aws_region, rows[i].region);
		parsed_free(&p);
		free(text);
	}
}

static void
test_bedrock_regions_come_from_the_name(void **state)
{
	static const struct {
		const char *model, *region, *base;
	} rows[] = {
		{ "eu-central-1/amazon.nova-lite-v1:0", "eu-central-1",
		    "https://bedrock-runtime.eu-central-1.amazonaws.com" },
		{ "arn:aws:bedrock:eu-west-1:1:inference-profile/m",
		    "eu-west-1",
		    "https://bedrock-runtime.eu-west-1.amazonaws.com" },
		{ "arn:aws-cn:bedrock:cn-north-1:1:provisioned-model/m",
		    "cn-north-1",
		    "https://bedrock-runtime.cn-north-1.amazonaws.com.cn" },
		{ "us-gov-west-1/m", "us-gov-west-1",
		    "https://bedrock-runtime.us-gov-west-1.amazonaws.com" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct parsed p;
		char *text = xasprintf(ENTRY("model: \"bedrock/%s\", "
					     "aws_access_key_id: AKID, "
					     "aws_secret_access_key: s"),
		    rows[i].model);
		const struct config_deployment *d = only(&p, text);

		assert_string_equal(d->aws_region, rows[i].region);
		assert_string_equal(d->api_base, rows[i].base);
		parsed_free(&p);
		free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_azure_series_and_versions),
		cmocka_unit_test(test_bedrock_names),
		cmocka_unit_test(test_bedrock_regions_come_from_the_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
