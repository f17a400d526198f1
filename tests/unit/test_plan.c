/* A plan in words: the table, the JSON object, the error. */
#include "router_unit.h"

#include "base/clock.h"
#include "base/jsonx.h"

static int
setup(void **state)
{
	(void)state;
	fix_init(&f);
	f.config.router.strategy = STRATEGY_SIMPLE_SHUFFLE;
	f.fixed_random = 0.5;
	fix_add(&f, "gpt-4o-mini", "openai-a", "openai/gpt-4o-mini")
	    ->weight_micros = 3000000;
	fix_add(&f, "gpt-4o-mini", "azure", "azure/mini")->weight_micros =
	    2500000;
	fix_add(&f, "gpt-4o-mini", "openai-b", "openai/gpt-4o-mini");
	fix_add(&f, "mistral", "m", "mistral/mistral-small");
	fix_fallback(&f, FALLBACK_ANY, "gpt-4o-mini", "mistral", NULL);
	fix_alias(&f, "nick\"name", "gpt-4o-mini", false);
	fix_build(&f);
	fix_open(&f, 2, 12 * NSECS_PER_SEC);
	return 0;
}

static void
test_the_table(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	assert_int_equal(fix_route(&f, "gpt-4o-mini"), 0);
	plan_format(&f.plan, &out);
	assert_string_equal(buf_cstr(&out),
	    "gpt-4o-mini, simple-shuffle\n"
	    "   1  openai-a  openai/gpt-4o-mini     weight 3 of 5.5\n"
	    "   2  azure     azure/mini             weight 2.5 of 5.5\n"
	    "then fallback mistral\n"
	    "   3  m         mistral/mistral-small  the only one\n"
	    "not tried\n"
	    "   -  openai-b  openai/gpt-4o-mini     breaker open for "
	    "12 s after 4 failures (last: 503)\n");
	buf_fini(&out);
}

static void
test_the_table_of_nothing(void **state)
{
	struct buf out;

	(void)state;
	f.request.disable_fallbacks = true;
	fix_open(&f, 0, 3 * NSECS_PER_SEC);
	fix_open(&f, 1, 4 * NSECS_PER_SEC);
	buf_init(&out, 4096);
	assert_int_equal(fix_route(&f, "nick\"name"), 0);
	plan_format(&f.plan, &out);
	assert_int_equal(str_find(buf_str(&out),
			     "nick\"name (group gpt-4o-mini), simple-shuffle\n"
			     "not tried\n"),
	    0);
	assert_true(str_ends(buf_str(&out),
	    "nothing can be tried now; try again in 3 s\n"));
	buf_fini(&out);
}

static void
test_the_json_object(void **state)
{
	json_t *doc, *item;
	struct buf out;

	(void)state;
	buf_init(&out, 16384);
	assert_int_equal(fix_route(&f, "nick\"name"), 0);
	plan_to_json(&f.plan, &out);
	doc = jsonx_parse(buf_str(&out), &f.err);
	assert_non_null(doc);
	assert_str(jsonx_str(doc, "asked"), "nick\"name");
	assert_str(jsonx_str(doc, "group"), "gpt-4o-mini");
	assert_str(jsonx_str(doc, "strategy"), "simple-shuffle");
	assert_str(jsonx_str(doc, "why"), "none");
	assert_int_equal(json_array_size(json_object_get(doc, "groups")), 2);
	assert_int_equal(json_array_size(json_object_get(doc, "candidates")),
	    3);
	item = json_array_get(json_object_get(doc, "candidates"), 2);
	assert_str(jsonx_str(item, "deployment"), "m");
	assert_str(jsonx_str(item, "model"), "mistral");
	assert_str(jsonx_str(item, "upstream_model"), "mistral-small");
	assert_true(json_is_false(json_object_get(item, "probe")));
	assert_true(json_is_null(json_object_get(item, "max_input_tokens")));
	item = json_array_get(json_object_get(doc, "refused"), 0);
	assert_str(jsonx_str(item, "deployment"), "openai-b");
	assert_str(jsonx_str(item, "why"), "breaker");
	assert_int_equal(json_integer_value(json_object_get(item, "retry_s")),
	    12);
	json_decref(doc);
	buf_fini(&out);
}

static void
test_output_stops_at_the_buffers_end(void **state)
{
	struct buf out;

	(void)state;
	assert_int_equal(fix_route(&f, "gpt-4o-mini"), 0);
	buf_init(&out, 100);
	plan_format(&f.plan, &out);
	assert_true(out.overflowed);
	assert_true(out.len <= 100);
	buf_fini(&out);
}

static void
test_errors_in_words(void **state)
{
	struct plan p = { .asked = "m" };

	(void)state;
	assert_int_equal(plan_error(&p, &f.err), -1);
	assert_int_equal(f.err.code, ERR_NO_DEPLOYMENT);
	assert_string_equal(f.err.text,
	    "Passed model=m (no deployment is left)");
	p.retry_nsecs = 1;
	assert_int_equal(plan_error(&p, NULL), -1);
	assert_int_equal(plan_error(&p, &f.err), -1);
	assert_string_equal(f.err.text,
	    "Try again in 1 seconds. Passed model=m (no deployment is left)");
}

static void
test_words_of_refusals(void **state)
{
	(void)state;
	assert_string_equal(route_refusal_name(REFUSED_BREAKER), "breaker");
	assert_string_equal(route_refusal_name(REFUSED_TAGS), "tags");
	assert_string_equal(route_refusal_name(REFUSED_COUNT), "unknown");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, fix_tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_the_table),
		T(test_the_table_of_nothing),
		T(test_the_json_object),
		T(test_output_stops_at_the_buffers_end),
		T(test_errors_in_words),
		T(test_words_of_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
