/* The plan: filters, order, fallbacks, names. Strategies: test_strategy.c. */
#include "router_unit.h"

#include "base/clock.h"

#define SECS(n) ((int64_t)(n)*NSECS_PER_SEC)

static int
setup(void **state)
{
	(void)state;
	fix_init(&f);
	/* By file order: cost-based without prices and a fixed tie. */
	f.config.router.strategy = STRATEGY_COST;
	f.fixed_random = 0.5;
	return 0;
}

static void
check(const char *model, const char *want)
{
	if (fix_route(&f, model) != 0)
		fail_msg("%s: %s", model, f.err.text);
	assert_string_equal(fix_order(&f, &f.plan), want);
}

static void
add_three(void)
{
	fix_add(&f, "m", "a", "openai/x");
	fix_add(&f, "m", "b", "azure/y");
	fix_add(&f, "m", "c", "mistral/z");
}

static void
test_candidates_carry_what_an_attempt_needs(void **state)
{
	const struct candidate *c;

	(void)state;
	fix_add(&f, "m", "a", "openai/x")->max_output_tokens = 77;
	fix_alias(&f, "nick", "m", false);
	fix_build(&f);
	check("nick", "a");
	c = &f.plan.candidates[0];
	assert_string_equal(f.plan.asked, "nick");
	assert_string_equal(f.plan.group->name, "m");
	assert_string_equal(c->model, "nick");
	assert_string_equal(c->group->name, "m");
	assert_string_equal(c->upstream_model, "x");
	assert_ptr_equal(c->price, &c->deployment->price);
	assert_int_equal(c->max_output_tokens, 77);
	assert_int_equal(c->max_input_tokens, CONFIG_UNSET);
	assert_int_equal(c->group_index, 0);
	assert_false(c->probe);
	assert_int_equal(f.plan.why, REFUSED_NONE);
	assert_int_equal(f.plan.fallback_count, 0);
}

static void
test_unknown_models_name_the_nearest(void **state)
{
	static const struct {
		const char *name, *says;
	} rows[] = {
		{ "gpt-4o-mni", "model=gpt-4o-mni. Nearest: gpt-4o-mini" },
		{ "zzz", "model=zzz. Call /v1/models" },
		{ "a\nb\x01", "model=a?b?" },
		{ "", "model=. " },
	};
	char *name = xmalloc(100000);

	(void)state;
	fix_add(&f, "gpt-4o-mini", "a", "openai/x");
	fix_build(&f);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(fix_route(&f, rows[i].name), -1);
		assert_int_equal(f.err.code, ERR_MODEL_UNKNOWN);
		if (strstr(f.err.text, rows[i].says) == NULL)
			fail_msg("%s", f.err.text);
	}
	memset(name, 'n', 100000);
	f.request.model = str_make(name, 100000);
	assert_int_equal(route(f.catalog, &f.request, &f.state, &f.arena,
			     &f.plan, &f.err),
	    -1);
	assert_true(strlen(f.err.text) < 300);
	free(name);
}

static void
test_each_filter_refuses_with_its_reason(void **state)
{
	(void)state;
	add_three();
	fix_add(&f, "m", "d", "openai/x");
	fix_add(&f, "m", "e", "openai/x");
	f.deployments[2].rpm = 10;
	f.deployments[3].max_input_tokens = 16385;
	f.config.router.enable_pre_call_checks = true;
	fix_build(&f);
	fix_open(&f, 0, SECS(12));
	f.no_room[1] = true;
	f.requests[2] = 10;
	f.request.prompt_bound = 20000;
	check("m", "e");
	assert_int_equal(f.plan.refused_count, 4);
	assert_int_equal(f.plan.refused[0].why, REFUSED_BREAKER);
	assert_int_equal(f.plan.refused[0].retry_nsecs, SECS(12));
	assert_string_equal(fix_reason(&f.plan, "a"),
	    "breaker open for 12 s after 4 failures (last: 503)");
	assert_int_equal(f.plan.refused[1].why, REFUSED_BUDGET);
	assert_string_equal(fix_reason(&f.plan, "b"), "budget used up");
	assert_int_equal(f.plan.refused[2].why, REFUSED_LIMIT);
	assert_string_equal(fix_reason(&f.plan, "c"),
	    "10 of 10 requests used in this minute");
	assert_int_equal(f.plan.refused[3].why, REFUSED_CONTEXT);
	assert_string_equal(fix_reason(&f.plan, "d"),
	    "context window 16385 < prompt bound 20000");
	/* The first filter that says no names the reason. */
	f.no_room[0] = true;
	f.requests[0] = 1000000;
	check("m", "e");
	assert_int_equal(f.plan.refused[0].why, REFUSED_BREAKER);
}

static void
test_context_filter_uses_the_guess_when_there_is_one(void **state)
{
	(void)state;
	fix_add(&f, "m", "a", "openai/x")->max_input_tokens = 1000;
	f.config.router.enable_pre_call_checks = true;
	fix_build(&f);
	f.request.prompt_bound = 4000; /* bytes, more or less */
	f.request.prompt_guess = 1000;
	check("m", "a");
	f.request.prompt_guess = 1001;
	check("m", "");
	assert_string_equal(fix_reason(&f.plan, "a"),
	    "context window 1000 < prompt of about 1001 tokens");
	f.request.prompt_bound = f.request.prompt_guess = 0;
	check("m", "a"); /* not known */
	f.request.prompt_bound = 4000;
	f.config.router.enable_pre_call_checks = false;
	check("m", "a"); /* not asked for */
}

static void
test_minute_limits_only_where_asked_for(void **state)
{
	static const char *checks[] = { "router_budget_limiting",
		"enforce_model_rate_limits" };

	(void)state;
	fix_add(&f, "m", "a", "openai/x")->rpm = 5;
	fix_add(&f, "m", "b", "openai/x")->tpm = 1000;
	fix_build(&f);
	f.requests[0] = 5;
	f.tokens[1] = 1000;
	check("m", "a b");
	f.config.router.enable_pre_call_checks = true;
	fix_build(&f);
	check("m", "");
	assert_int_equal(f.plan.why, REFUSED_LIMIT);
	assert_int_equal(f.plan.retry_nsecs, FIX_NEXT);
	f.requests[0] = 4;
	f.tokens[1] = 999;
	check("m", "a b");
	f.config.router.enable_pre_call_checks = false;
	f.config.router.strategy = STRATEGY_USAGE;
	fix_build(&f);
	f.requests[0] = 5;
	check("m", "b");
	f.config.router.strategy = STRATEGY_SIMPLE_SHUFFLE;
	f.config.router.optional_checks =
	    (struct config_strings){ .count = 2, .items = checks };
	fix_build(&f);
	check("m", "b");
}

static void
test_parallel_requests_are_limited(void **state)
{
	(void)state;
	add_three();
	f.deployments[0].max_parallel_requests = 2;
	fix_build(&f);
	f.in_flight[0] = 1;
	f.in_flight[1] = 100;
	check("m", "a b c");
	f.in_flight[0] = 2;
	check("m", "b c");
	assert_string_equal(fix_reason(&f.plan, "a"),
	    "2 of 2 requests at a time under way");
	f.state.use = NULL;
	check("m", "a b c");
}

static void
test_state_callbacks_are_optional(void **state)
{
	struct route_state bare = { .arg = &f,
		.random = f.state.random,
		.now_nsecs = FIX_NOW };

	(void)state;
	add_three();
	f.deployments[0].rpm = 0;
	f.deployments[0].max_parallel_requests = 1;
	f.config.router.enable_pre_call_checks = true;
	f.config.router.strategy = STRATEGY_USAGE;
	fix_build(&f);
	f.state = bare;
	f.state.random = bare.random;
	check("m", "a b c");
}

static void
test_the_breaker_decides_who_is_asked(void **state)
{
	(void)state;
	add_three();
	fix_build(&f);
	fix_open(&f, 0, SECS(5));
	check("m", "b c");
	/* Its time is over: it comes first, as the probe. */
	f.state.now_nsecs = FIX_NOW + SECS(5);
	check("m", "a b c");
	assert_true(f.plan.candidates[0].probe);
	assert_non_null(strstr(f.plan.candidates[0].reason, "probe"));
	assert_false(f.plan.candidates[1].probe);
	/* Somebody took the ticket. */
	assert_int_equal(breaker_enter(&f.health[0],
			     &f.catalog->deployments[0].rule, 7,
			     f.state.now_nsecs),
	    BREAKER_PROBE);
	check("m", "b c");
	assert_string_equal(fix_reason(&f.plan, "a"),
	    "breaker half-open, its one probe is under way");
}

static void
test_a_dead_only_member_fails_fast_with_the_seconds(void **state)
{
	(void)state;
	fix_add(&f, "m", "a", "openai/x");
	fix_build(&f);
	fix_open(&f, 0, SECS(4) - 1);
	check("m", "");
	assert_int_equal(f.plan.why, REFUSED_BREAKER);
	assert_int_equal(f.plan.retry_nsecs, SECS(4) - 1);
	assert_int_equal(plan_error(&f.plan, &f.err), -1);
	assert_int_equal(f.err.code, ERR_NO_DEPLOYMENT);
	assert_string_equal(f.err.text,
	    "Try again in 4 seconds. Passed model=m (breaker open for 4 s "
	    "after 4 failures (last: 503))");
}

static void
test_a_breaker_that_is_switched_off_is_not_asked(void **state)
{
	(void)state;
	add_three();
	f.config.router.disable_cooldowns = true;
	fix_build(&f);
	fix_open(&f, 0, SECS(100));
	check("m", "a b c");
	/* By hand it still counts. */
	breaker_trip(&f.health[0], FIX_NOW, 0);
	check("m", "b c");
	assert_int_equal(f.plan.refused[0].retry_nsecs, 0);
	assert_string_equal(fix_reason(&f.plan, "a"),
	    "breaker tripped by hand, until it is reset");
}

static void
test_order_goes_before_everything(void **state)
{
	(void)state;
	fix_add(&f, "m", "none", "openai/x");
	fix_add(&f, "m", "two", "openai/x")->order = 2;
	fix_add(&f, "m", "one", "openai/x")->order = 1;
	fix_add(&f, "m", "one-b", "openai/x")->order = 1;
	fix_add(&f, "m", "two-b", "openai/x")->order = 2;
	fix_build(&f);
	check("m", "one one-b two two-b none");
	/* A probe comes first among its own order only. */
	fix_open(&f, 4, 0);
	check("m", "one one-b two-b two none");
	fix_open(&f, 2, SECS(5));
	fix_open(&f, 3, SECS(5));
	check("m", "two-b two none");
}

static void
test_fallbacks_depth_first_each_group_once(void **state)
{
	static const char *const names[] = { "a", "b", "c", "d", "e" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		fix_add(&f, names[i], names[i], "openai/x");
	fix_fallback(&f, FALLBACK_ANY, "a", "b", "c", "gone", NULL);
	fix_fallback(&f, FALLBACK_ANY, "b", "d", "a", NULL);
	fix_fallback(&f, FALLBACK_ANY, "c", "b", "e", NULL);
	fix_build(&f);
	check("a", "a | b | d | c | e");
	assert_int_equal(f.plan.fallback_count, 4);
	assert_int_equal(f.plan.candidates[2].group_index, 2);
	assert_string_equal(f.plan.candidates[2].model, "d");
	check("d", "d");
	f.config.router.max_fallbacks = 2;
	check("a", "a | b | d");
	f.config.router.max_fallbacks = 0;
	check("a", "a");
	f.config.router.max_fallbacks = CONFIG_UNSET;
	check("a", "a | b | d | c | e");
	f.request.disable_fallbacks = true;
	check("a", "a");
}

static void
test_a_refused_group_still_leads_to_its_fallbacks(void **state)
{
	(void)state;
	fix_add(&f, "a", "a", "openai/x");
	fix_add(&f, "b", "b", "openai/x");
	fix_add(&f, "c", "c", "openai/x");
	fix_fallback(&f, FALLBACK_ANY, "a", "b", NULL);
	fix_fallback(&f, FALLBACK_ANY, "b", "c", NULL);
	fix_build(&f);
	fix_open(&f, 0, SECS(9));
	fix_open(&f, 1, SECS(5));
	check("a", "c");
	assert_int_equal(f.plan.candidates[0].group_index, 2);
	fix_open(&f, 2, SECS(7));
	check("a", "");
	/* The least wait over all of them. */
	assert_int_equal(f.plan.retry_nsecs, SECS(5));
}

static void
test_default_fallbacks_for_groups_and_unknown_names(void **state)
{
	(void)state;
	fix_add(&f, "a", "a", "openai/x");
	fix_add(&f, "b", "b", "openai/x");
	fix_add(&f, "c", "c", "openai/x");
	fix_fallback(&f, FALLBACK_ANY, "a", "c", NULL);
	fix_fallback(&f, FALLBACK_ANY, "*", "gone", "b", NULL);
	fix_build(&f);
	check("a", "a | c | b"); /* c has no list of its own: "*" */
	check("c", "c | b");
	check("b", "b");
	/* As LiteLLM: a name nobody knows goes there, too. */
	check("unheard-of", "b");
	assert_string_equal(f.plan.asked, "unheard-of");
	assert_string_equal(f.plan.group->name, "b");
	f.request.disable_fallbacks = true;
	assert_int_equal(fix_route(&f, "unheard-of"), -1);
	f.request.disable_fallbacks = false;
	assert_int_equal(fix_route(&f, "bad\nname"), -1);
}

static void
test_the_clients_own_fallbacks_replace_the_groups(void **state)
{
	struct str own[] = { str_of("c"), str_of("nobody"), str_of("b") };

	(void)state;
	fix_add(&f, "a", "a", "openai/x");
	fix_add(&f, "b", "b", "openai/x");
	fix_add(&f, "c", "c", "openai/x");
	fix_add(&f, "d", "d", "openai/x");
	fix_fallback(&f, FALLBACK_ANY, "a", "b", NULL);
	fix_fallback(&f, FALLBACK_ANY, "c", "d", NULL);
	fix_build(&f);
	check("a", "a | b");
	f.request.fallbacks[FALLBACK_ANY].items = own;
	f.request.fallbacks[FALLBACK_ANY].count = ARRAY_LEN(own);
	check("a", "a | c | d | b");
}

static void
test_a_deployment_is_planned_once(void **state)
{
	(void)state;
	fix_add(&f, "m", "a", "openai/x");
	fix_add(&f, "m", "b", "openai/x");
	fix_fallback(&f, FALLBACK_ANY, "m", "m", "b", NULL);
	fix_build(&f);
	/* By id: itself first, then its group's list, without it. */
	check("b", "b | a");
	assert_string_equal(f.plan.candidates[0].group->name, "m");
	check("m", "a b");
}

static void
test_wildcard_groups_fall_back_to_other_models_of_theirs(void **state)
{
	(void)state;
	fix_add(&f, "openai/*", "star", "openai/*");
	fix_fallback(&f, FALLBACK_ANY, "gpt-4o", "openai/gpt-4o-mini",
	    "openai/gpt-4o", NULL);
	fix_build(&f);
	check("openai/gpt-4o", "star | star");
	assert_string_equal(f.plan.candidates[0].upstream_model, "gpt-4o");
	assert_string_equal(f.plan.candidates[0].model, "openai/gpt-4o");
	assert_string_equal(f.plan.candidates[1].upstream_model, "gpt-4o-mini");
	assert_string_equal(f.plan.candidates[1].model, "openai/gpt-4o-mini");
	assert_true(f.plan.candidates[1].deployment->rule.many_models);
}

static void
test_a_wildcards_price_and_window_are_the_models(void **state)
{
	(void)state;
	f.config.router.enable_pre_call_checks = true;
	fix_add(&f, "openai/*", "star", "openai/*");
	fix_prices(&f,
	    "{\"gpt-4o\":{\"litellm_provider\":\"openai\",\"mode\":\"chat\","
	    "\"input_cost_per_token\":1e-06,\"output_cost_per_token\":1e-05,"
	    "\"max_input_tokens\":1000,\"max_output_tokens\":200}}");
	fix_build(&f);
	check("openai/gpt-4o", "star");
	assert_true(f.plan.candidates[0].price->known);
	assert_int_equal(f.plan.candidates[0].price->base.input, 1000000);
	assert_int_equal(f.plan.candidates[0].max_output_tokens, 200);
	f.request.prompt_bound = 1001;
	check("openai/gpt-4o", "");
	check("openai/gpt-9", "star");
	assert_false(f.plan.candidates[0].price->known);
}

static void
tag(struct config_deployment *d, const char **tags, size_t n)
{
	d->tags.items = tags;
	d->tags.count = n;
}

static void
test_tags(void **state)
{
	static const char *paid[] = { "paid", "eu" }, *eu[] = { "eu" };
	static const char *normal[] = { "default" };
	static const struct {
		const char *tags[2];
		size_t count;
		bool any;
		const char *want;
	} rows[] = {
		{ { NULL }, 0, true, "std" },
		{ { "paid" }, 1, true, "paid" },
		{ { "eu" }, 1, true, "paid eu" },
		{ { "eu", "paid" }, 2, true, "paid eu" },
		{ { "eu", "paid" }, 2, false, "paid" },
		{ { "other" }, 1, true, "std" },
		{ { "other", "eu" }, 2, false, "std" },
		{ { "default" }, 1, true, "std" },
	};

	(void)state;
	tag(fix_add(&f, "m", "paid", "openai/x"), paid, 2);
	tag(fix_add(&f, "m", "eu", "openai/x"), eu, 1);
	tag(fix_add(&f, "m", "std", "openai/x"), normal, 1);
	fix_add(&f, "m", "none", "openai/x");
	fix_build(&f);
	check("m", "paid eu std none"); /* not switched on */
	f.config.router.enable_tag_filtering = true;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str tags[2];

		for (size_t k = 0; k < rows[i].count; k++)
			tags[k] = str_of(rows[i].tags[k]);
		f.request.tags = tags;
		f.request.tag_count = rows[i].count;
		f.config.router.tag_match_any = rows[i].any;
		check("m", rows[i].want);
		assert_int_equal(f.plan.count + f.plan.refused_count, 4);
	}
}

static void
test_tags_and_open_breakers(void **state)
{
	static const char *paid[] = { "paid" }, *normal[] = { "default" };
	struct str tags[] = { str_of("paid") };

	(void)state;
	tag(fix_add(&f, "m", "paid", "openai/x"), paid, 1);
	tag(fix_add(&f, "m", "std", "openai/x"), normal, 1);
	tag(fix_add(&f, "only", "only", "openai/x"), paid, 1);
	f.config.router.enable_tag_filtering = true;
	fix_build(&f);
	f.request.tags = tags;
	f.request.tag_count = 1;
	/* The match is out: the default one serves. */
	fix_open(&f, 0, SECS(5));
	check("m", "std");
	/* Out is out, not forbidden: 429 with the seconds. */
	fix_open(&f, 2, SECS(5));
	check("only", "");
	assert_int_equal(f.plan.why, REFUSED_BREAKER);
	/* Nobody here may serve it at all, however healthy: forbidden. */
	tags[0] = str_of("free");
	check("only", "");
	assert_int_equal(f.plan.why, REFUSED_TAGS);
	assert_int_equal(plan_error(&f.plan, &f.err), -1);
	assert_int_equal(f.err.code, ERR_FORBIDDEN);
	/* Untagged requests do not stray to tagged ones while the default
	   one is out. */
	f.request.tag_count = 0;
	fix_open(&f, 1, SECS(5));
	f.has_health[0] = false;
	check("m", "");
	assert_int_equal(f.plan.why, REFUSED_BREAKER);
	/* A group without default ones serves everybody. */
	f.has_health[2] = false;
	check("only", "only");
}

static void
test_untagged_groups_serve_everybody(void **state)
{
	(void)state;
	add_three();
	f.config.router.enable_tag_filtering = true;
	fix_build(&f);
	check("m", "a b c");
}

static void
test_what_an_empty_plan_tells_the_client(void **state)
{
	(void)state;
	fix_add(&f, "m", "a", "openai/x")->max_input_tokens = 10;
	fix_add(&f, "m", "b", "openai/x")->max_input_tokens = 20;
	f.config.router.enable_pre_call_checks = true;
	fix_build(&f);
	f.request.prompt_bound = 100;
	check("m", "");
	assert_int_equal(f.plan.why, REFUSED_CONTEXT);
	assert_int_equal(plan_error(&f.plan, &f.err), -1);
	assert_int_equal(f.err.code, ERR_CONTEXT_LENGTH);
	f.no_room[0] = true;
	check("m", "");
	assert_int_equal(f.plan.why, REFUSED_BUDGET);
	assert_int_equal(plan_error(&f.plan, &f.err), -1);
	assert_int_equal(f.err.code, ERR_BUDGET);
	assert_string_equal(f.err.text, "m: budget used up");
	/* What stands behind a fallback group is not the answer. */
	fix_add(&f, "n", "n", "openai/x");
	fix_fallback(&f, FALLBACK_ANY, "m", "n", NULL);
	fix_build(&f);
	fix_open(&f, 2, SECS(9));
	check("m", "");
	assert_int_equal(f.plan.why, REFUSED_BUDGET);
	assert_int_equal(f.plan.retry_nsecs, SECS(9));
	/* What passes by itself is what the client is told to wait for. */
	fix_open(&f, 1, SECS(3));
	check("m", "");
	assert_int_equal(f.plan.why, REFUSED_BREAKER);
	assert_int_equal(f.plan.retry_nsecs, SECS(3));
}

static void
test_too_small_groups_go_to_the_larger_ones_first(void **state)
{
	(void)state;
	fix_add(&f, "small", "s", "openai/x")->max_input_tokens = 10;
	fix_add(&f, "other", "o", "openai/x");
	fix_add(&f, "large", "l", "openai/x");
	f.config.router.enable_pre_call_checks = true;
	fix_fallback(&f, FALLBACK_ANY, "small", "other", NULL);
	fix_fallback(&f, FALLBACK_CONTEXT_WINDOW, "small", "large", NULL);
	fix_build(&f);
	check("small", "s | o");
	f.request.prompt_bound = 11;
	check("small", "l | o");
}

static struct plan
after(enum fallback_kind kind, const struct plan *plan, size_t candidate)
{
	struct route_failure failure = { kind, plan, candidate };
	struct plan next;

	route_fallbacks(f.catalog, &f.request, &f.state, &failure, &f.arena,
	    &next);
	return next;
}

static void
test_failures_have_their_own_lists(void **state)
{
	static const char *const names[] = { "a", "b", "c", "d", "e" };
	struct plan next, more;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		fix_add(&f, names[i], names[i], "openai/x");
	fix_fallback(&f, FALLBACK_ANY, "a", "b", NULL);
	fix_fallback(&f, FALLBACK_ANY, "c", "a", "b", NULL);
	fix_fallback(&f, FALLBACK_CONTEXT_WINDOW, "a", "c", "d", NULL);
	fix_fallback(&f, FALLBACK_CONTEXT_WINDOW, "b", "c", NULL);
	fix_fallback(&f, FALLBACK_CONTEXT_WINDOW, "c", "a", "e", NULL);
	fix_build(&f);
	check("a", "a | b");
	/* a was too small: c, behind it b (a was tried), then d. */
	next = after(FALLBACK_CONTEXT_WINDOW, &f.plan, 0);
	assert_string_equal(fix_order(&f, &next), "c | b | d");
	assert_int_equal(next.candidates[0].group_index, 1);
	assert_string_equal(next.asked, "a");
	/* c was too small, too: e; not a again. */
	more = after(FALLBACK_CONTEXT_WINDOW, &next, 0);
	assert_string_equal(fix_order(&f, &more), "e");
	/* e has no list: the failure is the answer. */
	more = after(FALLBACK_CONTEXT_WINDOW, &more, 0);
	assert_int_equal(more.count, 0);
	/* b of the first plan: a and b were tried. */
	next = after(FALLBACK_CONTEXT_WINDOW, &f.plan, 1);
	assert_string_equal(fix_order(&f, &next), "c");
	/* No list of that kind anywhere: the ordinary one. */
	next = after(FALLBACK_CONTENT_POLICY, &f.plan, 0);
	assert_string_equal(fix_order(&f, &next), "b");
	next = after(FALLBACK_ANY, &f.plan, 1);
	assert_int_equal(next.count, 0);
	f.request.disable_fallbacks = true;
	next = after(FALLBACK_CONTEXT_WINDOW, &f.plan, 0);
	assert_int_equal(next.count, 0);
}

static void
test_max_fallbacks_counts_over_all_plans(void **state)
{
	static const char *const names[] = { "a", "b", "c", "d", "e", "g" };
	struct plan next, more;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		fix_add(&f, names[i], names[i], "openai/x");
	fix_fallback(&f, FALLBACK_ANY, "a", "b", NULL);
	fix_fallback(&f, FALLBACK_CONTEXT_WINDOW, "b", "c", "d", NULL);
	fix_fallback(&f, FALLBACK_CONTEXT_WINDOW, "c", "e", "g", NULL);
	f.config.router.max_fallbacks = 3;
	fix_build(&f);
	check("a", "a | b");
	next = after(FALLBACK_CONTEXT_WINDOW, &f.plan, 1);
	assert_string_equal(fix_order(&f, &next), "c | d"); /* b c d */
	more = after(FALLBACK_CONTEXT_WINDOW, &next, 0);
	assert_string_equal(fix_order(&f, &more), "e"); /* b c e */
	more = after(FALLBACK_CONTEXT_WINDOW, &next, 1);
	assert_int_equal(more.count, 0);
}

static void
test_the_clients_list_is_for_the_asked_group_only(void **state)
{
	struct str own[] = { str_of("c") };
	struct plan next;

	(void)state;
	fix_add(&f, "a", "a", "openai/x");
	fix_add(&f, "b", "b", "openai/x");
	fix_add(&f, "c", "c", "openai/x");
	fix_fallback(&f, FALLBACK_ANY, "c", "b", NULL);
	fix_build(&f);
	f.request.fallbacks[FALLBACK_ANY].items = own;
	f.request.fallbacks[FALLBACK_ANY].count = 1;
	check("a", "a | c | b");
	next = after(FALLBACK_CONTEXT_WINDOW, &f.plan, 0);
	assert_string_equal(fix_order(&f, &next), "c | b");
	next = after(FALLBACK_CONTEXT_WINDOW, &f.plan, 1);
	assert_string_equal(fix_order(&f, &next), "b");
}

static void
test_a_renumbered_plan_can_still_fail(void **state)
{
	struct plan next;

	(void)state;
	fix_add(&f, "a", "a", "openai/x");
	fix_add(&f, "b", "b", "openai/x");
	fix_fallback(&f, FALLBACK_ANY, "a", "b", NULL);
	fix_build(&f);
	f.request.disable_fallbacks = true;
	check("a", "a");
	/* Somebody counts it as a fallback of something else. */
	f.plan.candidates[0].group_index = 7;
	f.request.disable_fallbacks = false;
	next = after(FALLBACK_ANY, &f.plan, 0);
	assert_string_equal(fix_order(&f, &next), "b");
}

static void
test_circles_of_groups_end(void **state)
{
	char names[FIX_MAX][16];

	(void)state;
	for (int i = 0; i < FIX_MAX; i++) {
		snprintf(names[i], sizeof(names[i]), "g%d", i);
		fix_add(&f, names[i], names[i], "openai/x");
	}
	for (int i = 0; i < FIX_MAX; i++)
		fix_fallback(&f, FALLBACK_ANY, names[i],
		    names[(i + 1) % FIX_MAX], names[(i + 7) % FIX_MAX], NULL);
	f.config.router.max_fallbacks = 1000000;
	fix_build(&f);
	assert_int_equal(fix_route(&f, "g3"), 0);
	assert_int_equal(f.plan.count, FIX_MAX);
	assert_int_equal(f.plan.fallback_count, FIX_MAX - 1);
}

static void
test_the_same_inputs_give_the_same_plan(void **state)
{
	const char *first;

	(void)state;
	f.config.router.strategy = STRATEGY_SIMPLE_SHUFFLE;
	for (int i = 0; i < 8; i++)
		fix_add(&f, "m", i % 2 == 0 ? "x" : "y", "openai/x")->id =
		    arena_printf(&f.arena, "d%d", i);
	fix_build(&f);
	f.fixed_random = -1;
	for (int i = 0; i < 50; i++) {
		char *order;

		f.seed = 1234567 + (uint64_t)i;
		assert_int_equal(fix_route(&f, "m"), 0);
		first = fix_order(&f, &f.plan);
		order = xstrdup(first);
		f.seed = 1234567 + (uint64_t)i;
		assert_int_equal(fix_route(&f, "m"), 0);
		assert_string_equal(fix_order(&f, &f.plan), order);
		free(order);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, fix_tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_candidates_carry_what_an_attempt_needs),
		T(test_unknown_models_name_the_nearest),
		T(test_each_filter_refuses_with_its_reason),
		T(test_context_filter_uses_the_guess_when_there_is_one),
		T(test_minute_limits_only_where_asked_for),
		T(test_parallel_requests_are_limited),
		T(test_state_callbacks_are_optional),
		T(test_the_breaker_decides_who_is_asked),
		T(test_a_dead_only_member_fails_fast_with_the_seconds),
		T(test_a_breaker_that_is_switched_off_is_not_asked),
		T(test_order_goes_before_everything),
		T(test_fallbacks_depth_first_each_group_once),
		T(test_a_refused_group_still_leads_to_its_fallbacks),
		T(test_default_fallbacks_for_groups_and_unknown_names),
		T(test_the_clients_own_fallbacks_replace_the_groups),
		T(test_a_deployment_is_planned_once),
		T(test_wildcard_groups_fall_back_to_other_models_of_theirs),
		T(test_a_wildcards_price_and_window_are_the_models),
		T(test_tags),
		T(test_tags_and_open_breakers),
		T(test_untagged_groups_serve_everybody),
		T(test_what_an_empty_plan_tells_the_client),
		T(test_too_small_groups_go_to_the_larger_ones_first),
		T(test_failures_have_their_own_lists),
		T(test_max_fallbacks_counts_over_all_plans),
		T(test_the_clients_list_is_for_the_asked_group_only),
		T(test_a_renumbered_plan_can_still_fail),
		T(test_circles_of_groups_end),
		T(test_the_same_inputs_give_the_same_plan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
