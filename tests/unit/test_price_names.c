/* Where the price of a deployment is looked for. */
#include "price_fixture.h"

static struct provider openai = { .prefix = "openai" };
static struct provider groq = { .prefix = "groq" };
static struct provider azure = { .prefix = "azure" };
static struct provider gemini = { .prefix = "gemini" };
static struct provider bedrock = { .prefix = "bedrock" };

static void
test_names_are_looked_for_in_order(void **state)
{
	struct price_table *tables[2] = {
		table_of(LIT("{\"m\":{\"litellm_provider\":\"openai\","
			     "\"input_cost_per_token\":1e-6,"
			     "\"output_cost_per_token\":1e-6},"
			     "\"groq/v/m\":{\"litellm_provider\":\"groq\","
			     "\"input_cost_per_token\":2e-6,"
			     "\"output_cost_per_token\":1e-6},"
			     "\"g\":{\"litellm_provider\":\"groq-chat\","
			     "\"input_cost_per_token\":3e-6,"
			     "\"output_cost_per_token\":1e-6},"
			     "\"base\":{\"litellm_provider\":\"azure\","
			     "\"input_cost_per_token\":4e-6,"
			     "\"output_cost_per_token\":1e-6},"
			     "\"azure/m\":{\"litellm_provider\":\"azure\","
			     "\"input_cost_per_token\":6e-6,"
			     "\"output_cost_per_token\":1e-6},"
			     "\"ft:m-2024-07-18\":"
			     "{\"litellm_provider\":\"openai\","
			     "\"input_cost_per_token\":7e-6,"
			     "\"output_cost_per_token\":1e-6},"
			     "\"us.v.c\":{\"litellm_provider\":"
			     "\"bedrock_converse\","
			     "\"input_cost_per_token\":8e-6,"
			     "\"output_cost_per_token\":1e-6},"
			     "\"v.c\":{\"litellm_provider\":\"bedrock\","
			     "\"input_cost_per_token\":10e-6,"
			     "\"output_cost_per_token\":1e-6},"
			     "\"gemini/f\":{\"litellm_provider\":"
			     "\"gemini\",\"input_cost_per_token\":12e-6,"
			     "\"output_cost_per_token\":1e-6},"
			     "\"mine\":{\"input_cost_per_token\":5e-6,"
			     "\"output_cost_per_token\":1e-6}}")),
		table_of(LIT("{\"m\":{\"litellm_provider\":\"openai\","
			     "\"input_cost_per_token\":9e-6,"
			     "\"output_cost_per_token\":1e-6}}")),
	};
	static const struct {
		const struct provider *provider;
		const char *model, *base_model;
		size_t tables;
		int64_t want; /* base input; 0: not known */
	} rows[] = {
		{ &openai, "m", "", 1, 1000000 },
		{ &openai, "m", "", 2, 9000000 }, /* the later table */
		{ &openai, "vendor/m", "", 1, 1000000 },
		{ &openai, "a/b/m", "", 1, 1000000 },
		{ &groq, "v/m", "", 2, 2000000 },
		{ &groq, "m", "", 1, 0 },         /* OpenAI's m is not groq's */
		{ &groq, "x/g", "", 1, 3000000 }, /* of its family */
		{ &groq, "mine", "", 1, 5000000 },
		{ &openai, "m", "base", 1, 4000000 },
		{ &openai, "m", "absent", 1, 1000000 },
		/* Of the deployment's own provider first. */
		{ &azure, "dep", "m", 1, 6000000 },
		{ &azure, "dep", "g", 1, 3000000 },
		/* A fine-tuned model, without its owner's names. */
		{ &openai, "ft:m-2024-07-18:org::id", "", 1, 7000000 },
		{ &openai, "ft:m-2024-07-18:org:suffix:id", "", 1, 7000000 },
		{ &openai, "ft:other:org::id", "", 1, 0 },
		/* A snapshot that the table does not know is the model. */
		{ &azure, "m-2026-11-02", "", 1, 6000000 },
		{ &azure, "dep", "m-2026-11-02", 1, 6000000 },
		{ &openai, "m-2026-1-2", "", 1, 0 },
		{ &openai, "m-2026-11-0x", "", 1, 0 },
		{ &gemini, "f-001", "", 1, 12000000 },
		{ &openai, "m-001", "", 1, 0 },
		/* A profile of a region, then the model. */
		{ &bedrock, "us.v.c", "", 1, 8000000 },
		{ &bedrock, "apac.v.c", "", 1, 10000000 },
		{ &bedrock, "us-gov.v.c", "", 1, 10000000 },
		{ &bedrock, "xx.v.c", "", 1, 0 },
		{ &openai, "n", "", 2, 0 },
		{ &openai, "m", "", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct config_deployment d =
		    deployment(rows[i].provider, rows[i].model);
		struct price p;

		d.base_model = rows[i].base_model;
		p = resolve(&d, tables, rows[i].tables);
		if (p.known != (rows[i].want != 0) ||
		    (p.known && p.base.input != rows[i].want))
			fail_msg("row %zu: %lld", i, (long long)p.base.input);
		assert_false(p.custom);
	}
	price_table_free(&tables[0]);
	price_table_free(&tables[1]);
}

static void
test_a_region_may_have_its_own_row(void **state)
{
	struct price_table *t =
	    table_of(LIT("{\"v.c\":{\"litellm_provider\":\"bedrock\","
			 "\"input_cost_per_token\":1e-6,"
			 "\"output_cost_per_token\":1e-6},"
			 "\"bedrock/eu-west-1/v.c\":"
			 "{\"litellm_provider\":\"bedrock\","
			 "\"input_cost_per_token\":2e-6,"
			 "\"output_cost_per_token\":1e-6}}"));
	struct config_deployment d = deployment(&bedrock, "v.c");

	(void)state;
	d.aws_region = "eu-west-1";
	assert_int_equal(resolve(&d, &t, 1).base.input, 2000000);
	d.aws_region = "us-east-1";
	assert_int_equal(resolve(&d, &t, 1).base.input, 1000000);
	price_table_free(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_are_looked_for_in_order),
		cmocka_unit_test(test_a_region_may_have_its_own_row),
	};

	return cmocka_run_group_tests_name("price_names", tests, NULL, NULL);
}
