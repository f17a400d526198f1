/* Where an entry's requests go, for the names that say more than a model. */
#include "config_unit.h"

#define ENTRY(params)                                                          \
	"model_list:\n  - model_name: a\n    litellm_params: {" params "}\n"
#define AZURE "api_base: \"https://x.openai.azure.com\", api_key: k"
#define AWS                                                                    \
	"aws_access_key_id: AKID, aws_secret_access_key: s, "                  \
	"aws_region_name: us-east-1"

#define BEDROCK(params)                                                        \
	ENTRY("model: bedrock/m, aws_region_name: us-east-1, " params)

static const char credentials[] = "[default]\n"
				  "aws_access_key_id=AKIDDEFAULT\n"
				  "aws_secret_access_key = d\n"
				  "[ team ]\n"
				  "# aws_access_key_id = AKIDOLD\n"
				  "aws_access_key_id = AKIDTEAM\r\n"
				  "aws_secret_access_key = t=/+\n"
				  "  nested = x\n";
static const char aws_config[] =
    "[default]\nregion = eu-north-1\n"
    "[profile team]\nregion = eu-west-1\n"
    "[team]\nrole_arn = arn:not-this-one\n"
    "[profile taker]\nrole_arn = arn:r\nsource_profile = team\n"
    "external_id = e\nrole_session_name = s\n"
    "[profile \"web id\"]\nrole_arn = arn:w\n"
    "web_identity_token_file = /run/t\n"
    "[profile twice]\nrole_arn = arn:2\nsource_profile = taker\n"
    "[profile sso]\nsso_start_url = https://x\n"
    "[profile empty]\nregion = x\n"
    "[profile machine]\nrole_arn = arn:m\n"
    "credential_source = Ec2InstanceMetadata\n";

static void
clear_variables(void)
{
	static const char *const names[] = { "AZURE_API_VERSION", "AWS_REGION",
		"AWS_REGION_NAME", "AWS_DEFAULT_REGION", "AWS_PROFILE",
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
		"AWS_SESSION_TOKEN", "AWS_ROLE_ARN", "AWS_STS_ENDPOINT",
		"AWS_WEB_IDENTITY_TOKEN_FILE",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI",
		"AWS_EC2_METADATA_SERVICE_ENDPOINT", "AZURE_TENANT_ID",
		"AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_SCOPE",
		"AZURE_FEDERATED_TOKEN_FILE", "AZURE_AUTHORITY_HOST" };

	env_clear();
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		unsetenv(names[i]);
	setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
}

static void
add_file(struct bundle *b, enum bundle_kind kind, const char *text)
{
	struct bundle_file *f = &b->files[b->count++];

	f->kind = kind;
	f->path = xstrdup("aws");
	f->text = xstrdup(text);
	f->len = strlen(text);
}

/* With AWS's files beside it. */
static void
parse_aws(struct parsed *p, const char *text)
{
	struct bundle *b = bundle_of("t.yaml", str_of(text));

	add_file(b, BUNDLE_AWS_CREDENTIALS, credentials);
	add_file(b, BUNDLE_AWS_CONFIG, aws_config);
	memset(p, 0, sizeof(*p));
	config_report_init(&p->report);
	(void)!config_parse(b, &p->config, &p->report, &p->err);
	bundle_free(&b);
}

static const struct config_deployment *
only(struct parsed *p, const char *text)
{
	clear_variables();
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

static void
test_profiles(void **state)
{
	static const struct {
		const char *text, *id, *region; /* id "": a login */
		const char *role, *refused;
	} rows[] = {
		{ ENTRY("model: bedrock/m, aws_profile_name: team"), "AKIDTEAM",
		    "eu-west-1", NULL, NULL },
		{ ENTRY("model: bedrock/m"), "AKIDDEFAULT", "eu-north-1", NULL,
		    NULL },
		{ BEDROCK("aws_profile_name: taker"), "", "us-east-1", "arn:r",
		    NULL },
		{ BEDROCK("aws_profile_name: \"web id\""), "", "us-east-1",
		    "arn:w", NULL },
		{ BEDROCK("aws_profile_name: team, aws_role_name: \"arn:o\""),
		    "", "us-east-1", "arn:o", NULL },
		{ BEDROCK("aws_profile_name: twice"), NULL, NULL, NULL,
		    "roles behind roles" },
		{ BEDROCK("aws_profile_name: taker, aws_role_name: \"arn:o\""),
		    NULL, NULL, NULL, "roles behind roles" },
		{ BEDROCK("aws_profile_name: sso"), NULL, NULL, NULL,
		    "needs a program or a person" },
		{ BEDROCK("aws_profile_name: empty"), NULL, NULL, NULL,
		    "has no aws_access_key_id" },
		{ BEDROCK("aws_profile_name: nobody"), NULL, NULL, NULL,
		    "AWS's profile nobody: it is neither in" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct config_deployment *d;
		struct parsed p;

		clear_variables();
		parse_aws(&p, rows[i].text);
		if (rows[i].refused != NULL) {
			assert_null(p.config);
			if (!has_remark(&p, rows[i].refused))
				fail_msg("%s", p.err.text);
			parsed_free(&p);
			continue;
		}
		assert_non_null(p.config);
		d = &p.config->deployments[0];
		assert_string_equal(d->aws_access_key_id, rows[i].id);
		assert_string_equal(d->aws_region, rows[i].region);
		assert_int_equal(d->login != NULL, rows[i].role != NULL);
		if (d->login != NULL)
			assert_string_equal(d->login->role_arn, rows[i].role);
		parsed_free(&p);
	}
}

static void
test_a_profile_of_a_role_in_full(void **state)
{
	const struct config_login *l;
	struct parsed p;

	(void)state;
	clear_variables();
	parse_aws(&p, BEDROCK("aws_profile_name: taker"));
	assert_non_null(p.config);
	l = p.config->deployments[0].login;
	assert_int_equal(l->source, LOGIN_KEYS);
	assert_string_equal(l->access_key_id, "AKIDTEAM");
	assert_string_equal(l->secret_access_key, "t=/+");
	assert_string_equal(l->external_id, "e");
	assert_string_equal(l->session_name, "s");
	assert_string_equal(l->sts_url, "https://sts.us-east-1.amazonaws.com/");
	parsed_free(&p);
}

/* name=value, or NULL. */
struct variables {
	const char *names[3][2];
};

static void
test_the_environment_has_logins(void **state)
{
	static const struct {
		const char *text;
		struct variables set;
		enum login_source source;
		const char *url, *role, *file;
	} rows[] = {
		{ BEDROCK(""),
		    { { { "AWS_WEB_IDENTITY_TOKEN_FILE", "/t" },
			{ "AWS_ROLE_ARN", "arn:irsa" } } },
		    LOGIN_WEB_IDENTITY, "", "arn:irsa", "/t" },
		{ BEDROCK("aws_role_name: \"arn:irsa\""),
		    { { { "AWS_WEB_IDENTITY_TOKEN_FILE", "/t" },
			{ "AWS_ROLE_ARN", "arn:irsa" } } },
		    LOGIN_WEB_IDENTITY, "", "arn:irsa", "/t" },
		{ BEDROCK(""),
		    { { { "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
			"/v2/x" } } },
		    LOGIN_CONTAINER, "http://169.254.170.2/v2/x", "", "" },
		{ BEDROCK("aws_role_name: \"arn:o\""),
		    { { { "AWS_CONTAINER_CREDENTIALS_FULL_URI",
			    "http://169.254.170.23/v1/credentials" },
			{ "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/a" } } },
		    LOGIN_CONTAINER, "http://169.254.170.23/v1/credentials",
		    "arn:o", "/a" },
		{ BEDROCK(""),
		    { { { "AWS_EC2_METADATA_DISABLED", "false" },
			{ "AWS_EC2_METADATA_SERVICE_ENDPOINT",
			    "http://[fd00:ec2::254]/" } } },
		    LOGIN_INSTANCE, "http://[fd00:ec2::254]", "", "" },
		{ BEDROCK("aws_role_name: \"arn:o\", "
			  "aws_web_identity_token: oidc/file//run/x"),
		    { { { NULL, NULL } } }, LOGIN_WEB_IDENTITY, "", "arn:o",
		    "/run/x" },
		{ ENTRY(
		      "model: azure/m, api_base: \"https://x\", tenant_id: t, "
		      "client_id: c, client_secret: s"),
		    { { { NULL, NULL } } }, LOGIN_AZURE,
		    "https://login.microsoftonline.com/t/oauth2/v2.0/token", "",
		    "" },
		{ ENTRY("model: azure/m, api_base: \"https://x\""),
		    { { { "AZURE_TENANT_ID", "t" }, { "AZURE_CLIENT_ID", "c" },
			{ "AZURE_FEDERATED_TOKEN_FILE", "/aks" } } },
		    LOGIN_AZURE,
		    "https://login.microsoftonline.com/t/oauth2/v2.0/token", "",
		    "/aks" },
		{ ENTRY("model: azure/m, api_base: \"https://x\", "
			"azure_ad_token: oidc/file//f"),
		    { { { "AZURE_TENANT_ID", "t" }, { "AZURE_CLIENT_ID", "c" },
			{ "AZURE_AUTHORITY_HOST",
			    "https://login.microsoftonline.us/" } } },
		    LOGIN_AZURE,
		    "https://login.microsoftonline.us/t/oauth2/v2.0/token", "",
		    "/f" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct config_login *l;
		struct parsed p;

		clear_variables();
		for (size_t k = 0; k < 3; k++) {
			const char *const *v = rows[i].set.names[k];

			if (v[0] != NULL)
				setenv(v[0], v[1], 1);
		}
		parse_text(&p, rows[i].text);
		assert_non_null(p.config);
		l = p.config->deployments[0].login;
		assert_non_null(l);
		assert_int_equal(l->source, rows[i].source);
		assert_string_equal(l->url, rows[i].url);
		assert_string_equal(l->role_arn, rows[i].role);
		assert_string_equal(l->token_file, rows[i].file);
		assert_true(config_login_eq(l, l));
		assert_true(has_remark(&p, "note t.yaml:2: model_list[0]: "
					   "asked as th"));
		parsed_free(&p);
	}
	clear_variables();
}

static void
test_what_a_login_lacks_is_said(void **state)
{
	static const char *const rows[][2] = {
		{ BEDROCK("aws_web_identity_token: /t"),
		    "aws_web_identity_token needs aws_role_name" },
		{ BEDROCK("aws_role_name: \"arn:o\", aws_web_identity_token: "
			  "oidc/google/x"),
		    "must be a path, oidc/file/PATH" },
		{ ENTRY("model: azure/m, api_base: \"https://x\", "
			"client_secret: hidden"),
		    "client_secret needs tenant_id and client_id" },
		{ ENTRY("model: azure/m, api_base: \"https://x\", "
			"azure_ad_token: oidc/github/x"),
		    "only oidc/file/PATH is read here" },
		{ ENTRY("model: azure/m, api_base: \"https://x\", tenant_id: "
			"\"a/b\", client_id: c, client_secret: hidden"),
		    "client_secret needs tenant_id" },
		{ BEDROCK("aws_role_name: \"arn:o\""),
		    "nor is there a profile" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct parsed p;

		clear_variables();
		parse_text(&p, rows[i][0]);
		assert_null(p.config);
		assert_true(has_remark(&p, rows[i][1]));
		assert_false(has_remark(&p, "hidden"));
		parsed_free(&p);
	}
}

/* Its address has the account in it. */
static void
test_cloudflare_is_found_by_its_account(void **state)
{
	static const char text[] =
	    "model_list:\n  - model_name: a\n    litellm_params: {model: "
	    "\"cloudflare/@cf/x/y\", api_key: k}\n";
	struct parsed p;

	(void)state;
	clear_variables();
	unsetenv("CLOUDFLARE_ACCOUNT_ID");
	parse_text(&p, text);
	assert_null(p.config);
	parsed_free(&p);
	setenv("CLOUDFLARE_ACCOUNT_ID", "acc1", 1);
	parse_text(&p, text);
	assert_non_null(p.config);
	assert_string_equal(p.config->deployments[0].upstream_model, "@cf/x/y");
	assert_string_equal(p.config->deployments[0].api_base,
	    "https://api.cloudflare.com/client/v4/accounts/acc1/ai/v1");
	parsed_free(&p);
	unsetenv("CLOUDFLARE_ACCOUNT_ID");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_azure_series_and_versions),
		cmocka_unit_test(test_bedrock_names),
		cmocka_unit_test(test_bedrock_regions_come_from_the_name),
		cmocka_unit_test(test_profiles),
		cmocka_unit_test(test_a_profile_of_a_role_in_full),
		cmocka_unit_test(test_the_environment_has_logins),
		cmocka_unit_test(test_what_a_login_lacks_is_said),
		cmocka_unit_test(test_cloudflare_is_found_by_its_account),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
