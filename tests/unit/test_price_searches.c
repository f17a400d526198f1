/* What searches of the web cost, by a table and by the operator's word. */
#include "price_fixture.h"

/* By the piece, beside the tokens; both forms of a table, and back. */
static void
test_searches(void **state)
{
	struct price_table *t = table_of(
	    LIT("{\"plain\":{\"mode\":\"chat\",\"litellm_provider\":\"openai\","
		"\"input_cost_per_token\":1e-6,\"output_cost_per_token\":1e-6,"
		"\"search_context_cost_per_query\":{"
		"\"search_context_size_low\":0.01,\"other\":1,"
		"\"search_context_size_medium\":0.025,"
		"\"search_context_size_high\":0.03}}}"));
	struct usage u = { .source = USAGE_PROVIDER,
		.prompt_tokens = 5,
		.searches = 2 };
	struct price p = resolve_with(NULL, 0, "plain", &t, 1), again;
	struct price_bound b = { .searches = 3, .search_size = SEARCH_HIGH };
	struct buf json;
	struct err err;

	(void)state;
	assert_int_equal(price_cost_nanos(&p, &u), 50005000);
	u.search_size = SEARCH_LOW;
	assert_int_equal(price_cost_nanos(&p, &u), 20005000);
	assert_int_equal(price_bound_nanos(&p, &b), 90000000);
	/* What they find is read as a prompt. */
	b.prompt_tokens = 5;
	b.result_tokens = 10;
	assert_int_equal(price_bound_nanos(&p, &b), 90015000);
	assert_int_equal(price_bound_tokens(&p, &b, 90016000), 1);
	b.prompt_tokens = b.result_tokens = 0;
	buf_init(&json, 4096);
	price_to_json(&p, &json);
	assert_int_equal(price_from_json(buf_str(&json), &again, &err), 0);
	assert_string_equal(again.version, p.version);
	assert_int_equal(price_bound_nanos(&again, &b), 90000000);
	buf_fini(&json);
	price_table_free(&t);
}

/* The operator's own: over the table's, beside a whole price of tokens; a size
   that is not named costs as the dearest. */
static void
test_own_searches(void **state)
{
	static const struct config_pair own[] = {
		{ "input_cost_per_token", "1e-06", 8 },
		{ "output_cost_per_token", "1e-06", 9 },
		{ "search_context_size_low", "0.01", 10 },
		{ "search_context_size_high", "0.04", 11 },
	};
	struct price_table *t = table_of(
	    LIT("{\"plain\":{\"mode\":\"chat\",\"litellm_provider\":\"openai\","
		"\"input_cost_per_token\":1e-6,\"output_cost_per_token\":1e-6,"
		"\"search_context_cost_per_query\":{"
		"\"search_context_size_low\":0.5,"
		"\"search_context_size_medium\":0.5,"
		"\"search_context_size_high\":0.5}}}"));
	struct price p = resolve_with(own, 4, "plain", &t, 1);

	(void)state;
	assert_true(p.units.search[SEARCH_LOW] == 10000000000);
	assert_true(p.units.search[SEARCH_MEDIUM] == 40000000000);
	assert_true(p.units.search[SEARCH_HIGH] == 40000000000);
	p = resolve_with(own + 2, 1, "plain", &t, 1);
	assert_true(p.known);
	assert_true(p.units.search[SEARCH_HIGH] == 10000000000);
	p = resolve_with(own, 2, "plain", &t, 1);
	assert_true(p.units.search[SEARCH_HIGH] == 0);
	p = resolve_with(own + 2, 1, "nowhere", NULL, 0);
	assert_false(p.known);
	price_table_free(&t);
}

/* Our form: one price for all sizes, which gives way to that of a size. */
static void
test_one_price_for_all_sizes(void **state)
{
	struct price_table *t =
	    table_of(LIT("{\"format\":\"tallygate-prices/1\",\"version\":\"v\","
			 "\"source\":\"s\",\"models\":{"
			 "\"one\":{\"provider\":\"openai\",\"input_pico\":1,"
			 "\"output_pico\":1,\"per_search_pico\":7},"
			 "\"two\":{\"provider\":\"openai\",\"input_pico\":1,"
			 "\"output_pico\":1,\"per_search_low_pico\":3,"
			 "\"per_search_pico\":7}}}"));
	struct price p = resolve_with(NULL, 0, "one", &t, 1);

	(void)state;
	for (int i = 0; i < SEARCH_SIZES; i++)
		assert_true(p.units.search[i] == 7);
	p = resolve_with(NULL, 0, "two", &t, 1);
	assert_true(p.units.search[SEARCH_LOW] == 3);
	assert_true(p.units.search[SEARCH_HIGH] == 7);
	price_table_free(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_searches),
		cmocka_unit_test(test_own_searches),
		cmocka_unit_test(test_one_price_for_all_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
