/* What an earlier response left is kept at one deployment: the router's filter
   for it. */
#include "router_unit.h"

#include "domain/routing/state_tag.h"

static void
check(const char *want)
{
	assert_int_equal(fix_route(&f, "m"), 0);
	assert_string_equal(fix_order(&f, &f.plan), want);
}

static void
test_state_leads_to_the_deployment_that_keeps_it(void **state)
{
	char tag[STATE_TAG_CHARS + 1];

	(void)state;
	fix_init(&f);
	f.config.router.strategy = STRATEGY_COST; /* by file order */
	f.fixed_random = 0.5;
	fix_add(&f, "m", "a", "mistral/x");
	fix_add(&f, "m", "b", "openai/y");
	fix_add(&f, "m", "c", "openai/z");
	fix_build(&f);
	check("a b c");
	f.request.needs_state = true;
	check("b c");
	assert_int_equal(f.plan.refused[0].why, REFUSED_STATE);
	state_tag("c", tag);
	f.request.state_tag = str_of(tag);
	check("c");
	f.request.state_tag = str_of("000000000000");
	check("");
	assert_int_equal(plan_error(&f.plan, &f.err), -1);
	assert_int_equal(f.err.code, ERR_BAD_REQUEST);
	assert_non_null(strstr(f.err.text, "kept at another"));
	fix_fini(&f);
}

static void
test_a_group_that_keeps_nothing_says_so(void **state)
{
	(void)state;
	fix_init(&f);
	f.fixed_random = 0.5;
	fix_add(&f, "m", "a", "mistral/x");
	fix_build(&f);
	f.request.needs_state = true;
	check("");
	assert_int_equal(plan_error(&f.plan, &f.err), -1);
	assert_int_equal(f.err.code, ERR_BAD_REQUEST);
	assert_non_null(strstr(f.err.text, "keeps no responses"));
	fix_fini(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_state_leads_to_the_deployment_that_keeps_it),
		cmocka_unit_test(test_a_group_that_keeps_nothing_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
