/* The catalog: groups, names, wildcards, prices, options, breaker rules. */
#include "router_unit.h"

#include "base/clock.h"

#include <unistd.h>

static const char PRICES[] =
    "{\"gpt-4o\":{\"litellm_provider\":\"openai\",\"mode\":\"chat\","
    "\"input_cost_per_token\":2.5e-06,\"output_cost_per_token\":1e-05,"
    "\"max_input_tokens\":128000,\"max_output_tokens\":16384},"
    "\"gpt-4o-mini\":{\"litellm_provider\":\"openai\",\"mode\":\"chat\","
    "\"input_cost_per_token\":1.5e-07,\"output_cost_per_token\":6e-07,"
    "\"max_input_tokens\":128000,\"max_output_tokens\":16384}}";

static void
test_groups_and_members_in_the_files_order(void **state)
{
	static const char *const names[] = { "fast", "slow", "other" };
	const struct group *g;

	(void)state;
	fix_add(&f, "fast", "a", "openai/gpt-4o-mini");
	fix_add(&f, "slow", "b", "openai/gpt-4o");
	fix_add(&f, "fast", "c", "azure/gpt-4o-mini");
	fix_add(&f, "other", "d", "mistral/small");
	fix_build(&f);
	assert_int_equal(f.catalog->group_count, 3);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(f.catalog->groups[i].name, names[i]);
	g = catalog_find(f.catalog, str_of("fast"));
	assert_ptr_equal(g, &f.catalog->groups[0]);
	assert_int_equal(g->count, 2);
	assert_string_equal(g->members[0]->id, "a");
	assert_string_equal(g->members[1]->id, "c");
	assert_string_equal(g->members[1]->provider, "azure");
	assert_int_equal(g->members[1]->index, 2);
	assert_null(catalog_find(f.catalog, str_of("nobody")));
	assert_null(catalog_find(f.catalog, str_of("")));
}

static void
test_names_in_order_group_alias_id_wildcard(void **state)
{
	static const struct {
		const char *name, *group, *as;
		enum catalog_how how;
		size_t count;
	} rows[] = {
		{ "fast", "fast", "fast", MATCH_GROUP, 2 },
		{ "quick", "fast", "fast", MATCH_ALIAS, 2 },
		{ "hidden", "fast", "fast", MATCH_ALIAS, 2 },
		/* a group wins over an alias of its name, an alias over an id
		 */
		{ "slow", "slow", "slow", MATCH_GROUP, 1 },
		{ "id-c", "fast", "fast", MATCH_ALIAS, 2 },
		{ "id-a", "fast", "fast", MATCH_ID, 1 },
		{ "to-id", "fast", "fast", MATCH_ALIAS, 1 },
		{ "mistral/x", "mistral/*", "mistral/x", MATCH_WILDCARD, 1 },
		{ "star", "mistral/*", "mistral/y", MATCH_ALIAS, 1 },
		/* an alias of an alias is none */
		{ "twice", NULL, NULL, MATCH_ALIAS, 0 },
		{ "lost", NULL, NULL, MATCH_ALIAS, 0 },
		{ "mistral/", NULL, NULL, MATCH_WILDCARD, 0 },
		/* a pattern or its id names no model */
		{ "mistral/*", NULL, NULL, MATCH_WILDCARD, 0 },
		{ "id-m", NULL, NULL, MATCH_ID, 0 },
	};

	(void)state;
	fix_add(&f, "fast", "id-a", "openai/gpt-4o-mini");
	fix_add(&f, "fast", "id-b", "azure/gpt-4o-mini");
	fix_add(&f, "slow", "id-c", "openai/gpt-4o");
	fix_add(&f, "mistral/*", "id-m", "mistral/*");
	fix_alias(&f, "quick", "fast", false);
	fix_alias(&f, "hidden", "fast", true);
	fix_alias(&f, "slow", "fast", false);
	fix_alias(&f, "id-c", "fast", false);
	fix_alias(&f, "to-id", "id-b", false);
	fix_alias(&f, "star", "mistral/y", false);
	fix_alias(&f, "twice", "quick", false);
	fix_alias(&f, "lost", "gone", false);
	fix_build(&f);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct catalog_match m;
		bool found = catalog_match(f.catalog, str_of(rows[i].name),
		    &f.arena, &m);

		if (found != (rows[i].group != NULL))
			fail_msg("%s: %d", rows[i].name, found);
		if (!found)
			continue;
		assert_string_equal(m.group->name, rows[i].group);
		assert_str(m.name, rows[i].as);
		assert_int_equal(m.how, rows[i].how);
		assert_int_equal(m.group->count, rows[i].count);
	}
	/* Shown in lists of models, though nothing can be asked of it. */
	assert_non_null(catalog_find(f.catalog, str_of("mistral/*")));
	assert_string_equal(catalog_find_id(f.catalog, str_of("id-b"))
				->provider,
	    "azure");
	assert_null(catalog_find_id(f.catalog, str_of("fast")));
}

static void
test_a_bare_name_finds_its_providers_wildcard(void **state)
{
	struct catalog_match m;

	(void)state;
	fix_add(&f, "anthropic/*", "a", "anthropic/*");
	fix_add(&f, "openai/*", "o", "openai/*");
	fix_add(&f, "mistral/mistral/*", "m", "mistral/*");
	fix_build(&f);
	assert_true(catalog_match(f.catalog, str_of("gpt-4o"), &f.arena, &m));
	assert_string_equal(m.group->name, "openai/*");
	assert_str(m.name, "openai/gpt-4o");
	assert_string_equal(catalog_upstream_model(m.group->members[0], &m,
				&f.arena),
	    "gpt-4o");
	assert_true(catalog_match(f.catalog, str_of("claude-x"), &f.arena, &m));
	assert_string_equal(m.group->name, "anthropic/*");
	assert_false(
	    catalog_match(f.catalog, str_of("unheard-of"), &f.arena, &m));
	assert_non_null(catalog_find(f.catalog, str_of("gpt-4o")));
	/* One provider in front is enough. */
	assert_null(catalog_find(f.catalog, str_of("mistral/x")));
}

static void
test_the_most_specific_wildcard_wins(void **state)
{
	static const struct {
		const char *name, *id, *upstream;
	} rows[] = {
		{ "openai/gpt-4o", "gpt", "gpt-4o" },
		{ "openai/o3", "openai", "o3" },
		{ "alias-fast", "alias", "model-fast" },
		{ "what/ever", "all", "what/ever" },
		/* more captures than stars: the name without its provider */
		{ "openai/x-y", "dash", "x-y" },
		{ "fixed-1", "fixed", "gpt-4o" },
	};

	(void)state;
	fix_add(&f, "*", "all", "openai/*");
	fix_add(&f, "openai/*", "openai", "openai/*");
	fix_add(&f, "openai/gpt-*", "gpt", "openai/gpt-*");
	fix_add(&f, "openai/x*-*", "dash", "openai/*");
	fix_add(&f, "alias-*", "alias", "openai/model-*");
	fix_add(&f, "fixed-*", "fixed", "openai/gpt-4o");
	fix_build(&f);
	assert_string_equal(f.catalog->wildcards[0]->name, "openai/gpt-*");
	assert_string_equal(f.catalog->wildcards[5]->name, "*");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct catalog_match m;

		assert_true(catalog_match(f.catalog, str_of(rows[i].name),
		    &f.arena, &m));
		assert_string_equal(m.group->members[0]->id, rows[i].id);
		assert_string_equal(catalog_upstream_model(m.group->members[0],
					&m, &f.arena),
		    rows[i].upstream);
	}
}

static void
test_dangerous_and_endless_names_match_no_wildcard(void **state)
{
	char *name = xmalloc(CATALOG_NAME_BYTES + 1);
	struct catalog_match m;

	(void)state;
	fix_add(&f, "*", "all", "openai/*");
	fix_build(&f);
	assert_false(
	    catalog_match(f.catalog, str_of("../../v1/files"), &f.arena, &m));
	assert_false(
	    catalog_match(f.catalog, str_of("a\",\"x\":\"b"), &f.arena, &m));
	memset(name, 'a', CATALOG_NAME_BYTES + 1);
	assert_true(catalog_match(f.catalog, str_make(name, CATALOG_NAME_BYTES),
	    &f.arena, &m));
	assert_false(catalog_match(f.catalog,
	    str_make(name, CATALOG_NAME_BYTES + 1), &f.arena, &m));
	free(name);
}

static void
test_prices_and_limits(void **state)
{
	struct config_deployment *d;
	const struct deployment *known, *own, *unknown;

	(void)state;
	fix_add(&f, "m", "known", "openai/gpt-4o");
	d = fix_add(&f, "m", "own", "openai/gpt-4o");
	d->max_input_tokens = 1000;
	fix_add(&f, "m", "unknown", "mistral/unheard-of");
	fix_prices(&f, PRICES);
	fix_build(&f);
	known = catalog_find_id(f.catalog, str_of("known"));
	own = catalog_find_id(f.catalog, str_of("own"));
	unknown = catalog_find_id(f.catalog, str_of("unknown"));
	assert_true(known->price.known);
	assert_int_equal(known->price.base.input, 2500000);
	assert_int_equal(known->max_input_tokens, 128000);
	assert_int_equal(known->max_output_tokens, 16384);
	assert_int_equal(own->max_input_tokens, 1000);
	assert_int_equal(own->max_output_tokens, 16384);
	assert_false(unknown->price.known);
	assert_int_equal(unknown->max_input_tokens, CONFIG_UNSET);
	assert_ptr_equal(catalog_price(f.catalog, known, "whatever", &f.arena),
	    &known->price);
}

static void
test_a_wildcards_price_is_the_models(void **state)
{
	const struct deployment *d;

	(void)state;
	fix_add(&f, "openai/*", "o", "openai/*");
	fix_prices(&f, PRICES);
	fix_build(&f);
	d = catalog_find_id(f.catalog, str_of("o"));
	assert_true(d->is_wildcard);
	assert_false(d->price.known);
	assert_int_equal(catalog_price(f.catalog, d, "gpt-4o", &f.arena)
			     ->base.input,
	    2500000);
	assert_int_equal(catalog_price(f.catalog, d, "gpt-4o-mini", &f.arena)
			     ->base.input,
	    150000);
	assert_false(catalog_price(f.catalog, d, "gpt-9", &f.arena)->known);
}

static void
write_prices(char name[])
{
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, PRICES, strlen(PRICES)), strlen(PRICES));
	close(fd);
}

/* All models have been named, and have their prices. */
static void
test_opening_without_wildcards_keeps_no_table(void **state)
{
	char ours[] = "/tmp/test_catalog.XXXXXX";
	const struct deployment *d;

	(void)state;
	write_prices(ours);
	fix_add(&f, "m", "o", "openai/gpt-4o");
	setenv("TALLYGATE_PRICES", ours, 1);
	assert_int_equal(catalog_open(&f.config, &f.catalog, &f.err), 0);
	assert_int_equal(f.catalog->table_count, 0);
	d = catalog_find_id(f.catalog, str_of("o"));
	assert_int_equal(catalog_price(f.catalog, d, "gpt-4o", &f.arena)
			     ->base.input,
	    2500000);
	unlink(ours);
	unsetenv("TALLYGATE_PRICES");
}

static void
test_opening_reads_the_tables_and_keeps_them(void **state)
{
	char ours[] = "/tmp/test_catalog.XXXXXX", path[sizeof(ours)];
	const char *files[1];

	(void)state;
	write_prices(ours);
	fix_add(&f, "openai/*", "o", "openai/*");
	setenv("TALLYGATE_PRICES", ours, 1);
	assert_int_equal(catalog_open(&f.config, &f.catalog, &f.err), 0);
	assert_int_equal(catalog_price(f.catalog, &f.catalog->deployments[0],
			     "gpt-4o", &f.arena)
			     ->base.input,
	    2500000);
	catalog_free(&f.catalog);
	/* One that was asked for and is not there is an error. */
	memcpy(path, ours, sizeof(path));
	path[sizeof(path) - 2] ^= 1;
	files[0] = path;
	f.config.price_files.items = files;
	f.config.price_files.count = 1;
	assert_int_equal(catalog_open(&f.config, &f.catalog, &f.err), -1);
	assert_non_null(strstr(f.err.text, "tallygate.prices"));
	assert_non_null(strstr(f.err.text, path));
	unlink(ours);
	unsetenv("TALLYGATE_PRICES");
}

static void
test_what_cannot_be_built_says_where(void **state)
{
	static const struct {
		const char *group_args, *args, *model, *says;
	} rows[] = {
		{ "{\"ttl\":\"x\"}", "{}", "m",
		    "test.yaml:99: "
		    "tallygate.groups.m.routing_strategy_args.ttl" },
		{ "[]", "{}", "m", "has to be a map" },
		{ NULL, "{\"lowest_latency_buffer\":-0.5}", "m",
		    "lowest_latency_buffer" },
		{ NULL, "[]", "m", "has to be a map" },
		{ NULL, "{\"max_latency_list_size\":\"x\"}", "m",
		    "max_latency_list_size: has to be a number of samples" },
		{ NULL, "{}", "*********", "test.yaml:1: model_name" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		fix_fini(&f);
		fix_init(&f);
		f.config.router.strategy = STRATEGY_LATENCY;
		fix_group(&f, "m")->strategy_args_json = rows[i].group_args;
		f.config.router.strategy_args_json = rows[i].args;
		fix_add(&f, rows[i].model, "a", "openai/gpt-4o");
		assert_int_equal(catalog_build(&f.config, NULL, 0, &f.catalog,
				     &f.err),
		    -1);
		assert_int_equal(f.err.code, ERR_CONFIG);
		if (strstr(f.err.text, rows[i].says) == NULL)
			fail_msg("%s: no \"%s\"", f.err.text, rows[i].says);
		assert_null(f.catalog);
	}
	fix_fini(&f);
	fix_init(&f);
	fix_add(&f, "m", "same", "openai/gpt-4o");
	fix_add(&f, "n", "same", "openai/gpt-4o");
	assert_int_equal(catalog_build(&f.config, NULL, 0, &f.catalog, &f.err),
	    -1);
	assert_non_null(strstr(f.err.text, "test.yaml:2"));
}

static void
test_groups_have_their_own_strategy(void **state)
{
	const struct group *g;

	(void)state;
	f.config.router.strategy = STRATEGY_LATENCY;
	f.config.router.strategy_args_json =
	    "{\"ttl\":60,\"lowest_latency_buffer\":0.25,"
	    "\"max_latency_list_size\":4}";
	fix_group(&f, "b")->strategy = STRATEGY_COST;
	fix_group(&f, "c")->strategy_args_json = "{\"ttl\":1.5}";
	fix_add(&f, "a", "1", "openai/gpt-4o");
	fix_add(&f, "b", "2", "openai/gpt-4o");
	fix_add(&f, "c", "3", "openai/gpt-4o");
	fix_build(&f);
	g = catalog_find(f.catalog, str_of("a"));
	assert_int_equal(g->strategy.name, STRATEGY_LATENCY);
	assert_int_equal(g->strategy.latency_ttl_nsecs, 60 * NSECS_PER_SEC);
	assert_in_range(g->strategy.latency_buffer * 1000, 250, 250);
	assert_int_equal(f.catalog->deployments[0].rule.latency_samples, 4);
	g = catalog_find(f.catalog, str_of("b"));
	assert_int_equal(g->strategy.name, STRATEGY_COST);
	/* by id it is routed as its group is */
	assert_int_equal(catalog_find(f.catalog, str_of("2"))->strategy.name,
	    STRATEGY_COST);
	g = catalog_find(f.catalog, str_of("c"));
	assert_int_equal(g->strategy.name, STRATEGY_LATENCY);
	assert_int_equal(g->strategy.latency_ttl_nsecs, NSECS_PER_SEC * 3 / 2);
	assert_in_range(g->strategy.latency_buffer * 1000, 250, 250);
}

/* The deployment's, else the group's, else the router's: each as a whole. */
static void
test_whose_allowed_fails_policy_counts(void **state)
{
	struct breaker_rule r;

	(void)state;
	f.config.router.allowed_fails_policy.timeout = 5;
	f.config.router.max_parallel_requests = 7;
	fix_group(&f, "b")->num_retries = 4;
	fix_group(&f, "c")->allowed_fails_policy.rate_limit = 1;
	fix_add(&f, "b", "1", "openai/gpt-4o");
	fix_add(&f, "c", "2", "openai/gpt-4o");
	fix_add(&f, "c", "3", "openai/gpt-4o")
	    ->allowed_fails_policy.internal_server = 0;
	f.config.deployments[2].max_parallel_requests = 2;
	fix_build(&f);
	route_breaker_rule(f.catalog, &f.catalog->deployments[0], &r);
	assert_int_equal(r.own_limits[HEALTH_TIMEOUT], 6);
	route_breaker_rule(f.catalog, &f.catalog->deployments[1], &r);
	assert_int_equal(r.own_limits[HEALTH_TIMEOUT], 0);
	assert_int_equal(r.own_limits[HEALTH_RATE_LIMIT], 2);
	route_breaker_rule(f.catalog, &f.catalog->deployments[2], &r);
	assert_int_equal(r.own_limits[HEALTH_RATE_LIMIT], 0);
	assert_int_equal(r.own_limits[HEALTH_FAILURE], 1);
	assert_int_equal(f.catalog->deployments[1].limits.parallel, 7);
	assert_int_equal(f.catalog->deployments[2].limits.parallel, 2);
}

static void
test_groups_have_their_own_retries_and_breaker(void **state)
{
	struct config_group *own;
	const struct group *g;
	struct breaker_rule r;

	(void)state;
	f.config.router.num_retries = 2;
	f.config.router.retry_policy.timeout = 7;
	f.config.router.allowed_fails_policy.timeout = 5;
	own = fix_group(&f, "b");
	own->num_retries = 4;
	own->retry_policy.rate_limit = 1;
	own->allowed_fails = 9;
	own->cooldown_msecs = 20000;
	own->allowed_fails_policy.internal_server = 3;
	fix_add(&f, "a", "1", "openai/gpt-4o");
	fix_add(&f, "b", "2", "openai/gpt-4o");
	fix_add(&f, "b", "3", "openai/gpt-4o")->allowed_fails = 1;
	fix_build(&f);
	g = catalog_find(f.catalog, str_of("a"));
	assert_int_equal(g->retries.count, 2);
	assert_int_equal(g->retries.policy->timeout, 7);
	g = catalog_find(f.catalog, str_of("b"));
	assert_int_equal(g->retries.count, 4);
	/* Its own policy replaces the router's. */
	assert_int_equal(g->retries.policy->timeout, CONFIG_UNSET);
	assert_int_equal(g->retries.policy->rate_limit, 1);
	assert_int_equal(catalog_find(f.catalog, str_of("2"))->retries.count,
	    4);
	route_breaker_rule(f.catalog, &f.catalog->deployments[1], &r);
	assert_int_equal(r.consecutive_limit, 10);
	assert_int_equal(r.cooldown_nsecs, 20 * NSECS_PER_SEC);
	assert_int_equal(r.own_limits[HEALTH_FAILURE], 4);
	assert_int_equal(r.own_limits[HEALTH_TIMEOUT], 0);
	/* The deployment's own goes before the group's. */
	route_breaker_rule(f.catalog, &f.catalog->deployments[2], &r);
	assert_int_equal(r.consecutive_limit, 2);
}

#define SECS(n) ((n)*NSECS_PER_SEC)

static void
test_breaker_rules(void **state)
{
	static const struct {
		/* the configuration */
		int64_t allowed, cooldown_msecs, timeout_msecs;
		size_t members;
		/* the rule */
		uint32_t limit, rate, min_calls;
		int64_t cooldown, max_cooldown, auth, probe;
	} rows[] = {
		/* defaults: 3 allowed fails, 5 s */
		{ -1, -1, -1, 2, 4, 50, 8, SECS(5), SECS(5), SECS(300),
		    SECS(60) },
		/* an only member: longer patience, shorter pauses */
		{ -1, -1, -1, 1, 20, 0, 0, SECS(1), SECS(5), SECS(5),
		    SECS(60) },
		{ -1, 500, -1, 1, 20, 0, 0, NSECS_PER_SEC / 2,
		    NSECS_PER_SEC / 2, NSECS_PER_SEC / 2, SECS(60) },
		/* allowed_fails as written, also for an only member */
		{ 0, -1, -1, 2, 1, 50, 5, SECS(5), SECS(5), SECS(300),
		    SECS(60) },
		{ 2, -1, -1, 1, 3, 0, 0, SECS(1), SECS(5), SECS(5), SECS(60) },
		{ 10, 60000, 30000, 3, 11, 50, 22, SECS(60), SECS(60),
		    SECS(300), SECS(30) },
		{ -1, 0, 10, 2, 4, 50, 8, 0, 0, SECS(300), SECS(1) },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct breaker_rule r;

		fix_fini(&f);
		fix_init(&f);
		for (size_t k = 0; k < rows[i].members; k++) {
			struct config_deployment *d = fix_add(&f, "m",
			    k == 0   ? "a"
			    : k == 1 ? "b"
				     : "c",
			    "openai/gpt-4o");

			d->allowed_fails = rows[i].allowed;
			d->cooldown_msecs = rows[i].cooldown_msecs;
			d->timeout_msecs = rows[i].timeout_msecs;
		}
		fix_build(&f);
		route_breaker_rule(f.catalog, &f.catalog->deployments[0], &r);
		assert_int_equal(r.consecutive_limit, rows[i].limit);
		assert_int_equal(r.rate_percent, rows[i].rate);
		assert_int_equal(r.rate_min_calls, rows[i].min_calls);
		assert_int_equal(r.cooldown_nsecs, rows[i].cooldown);
		assert_int_equal(r.max_cooldown_nsecs, rows[i].max_cooldown);
		assert_int_equal(r.auth_cooldown_nsecs, rows[i].auth);
		assert_int_equal(r.probe_nsecs, rows[i].probe);
		assert_int_equal(r.only_member, rows[i].members == 1);
		assert_false(r.many_models);
	}
}

static void
test_breaker_rules_from_the_router(void **state)
{
	struct breaker_rule r;

	(void)state;
	f.config.router.allowed_fails = 1;
	f.config.router.cooldown_msecs = 30000;
	f.config.router.allowed_fails_policy.timeout = 6;
	f.config.router.allowed_fails_policy.rate_limit = 0;
	f.config.router.allowed_fails_policy.authentication = 1;
	f.config.router.allowed_fails_policy.internal_server = 2;
	f.config.router.allowed_fails_policy.bad_request = 0;
	f.config.router.allowed_fails_policy.content_policy = 0;
	fix_group(&f, "m/*")->max_cooldown_msecs = 300000;
	fix_add(&f, "m/*", "a", "openai/*");
	fix_add(&f, "m/*", "b", "azure/*");
	fix_build(&f);
	route_breaker_rule(f.catalog, &f.catalog->deployments[0], &r);
	assert_true(r.many_models);
	assert_int_equal(r.consecutive_limit, 2);
	assert_int_equal(r.cooldown_nsecs, SECS(30));
	assert_int_equal(r.max_cooldown_nsecs, SECS(300));
	assert_int_equal(r.own_limits[HEALTH_TIMEOUT], 7);
	assert_int_equal(r.own_limits[HEALTH_RATE_LIMIT], 1);
	assert_int_equal(r.own_limits[HEALTH_AUTH], 2);
	assert_int_equal(r.own_limits[HEALTH_FAILURE], 3);
	/* a caller's own faults never count, whatever the policy says */
	assert_int_equal(r.own_limits[HEALTH_CALLER], 0);
	f.config.router.disable_cooldowns = true;
	fix_build(&f);
	route_breaker_rule(f.catalog, &f.catalog->deployments[0], &r);
	assert_int_equal(r.cooldown_nsecs, 0);
}

static void
test_fallback_lists(void **state)
{
	static const struct {
		const char *name, *want; /* first of the list */
	} rows[] = {
		{ "gpt-4o", "exact" },
		{ "openai/gpt-4o", "exact" }, /* without its provider */
		{ "openai/gpt-4o-mini", "full" },
		{ "unknown/gpt-4o", "default" }, /* no provider of ours */
		{ "other", "default" },
	};
	const struct config_strings *to;

	(void)state;
	fix_add(&f, "other", "a", "openai/gpt-4o");
	fix_build(&f);
	assert_null(catalog_fallbacks(f.catalog, FALLBACK_ANY,
	    catalog_find(f.catalog, str_of("other")), str_of("other")));
	fix_fallback(&f, FALLBACK_ANY, "gpt-4o", "exact", NULL);
	fix_fallback(&f, FALLBACK_ANY, "openai/gpt-4o-mini", "full", NULL);
	fix_fallback(&f, FALLBACK_ANY, "*", "default", NULL);
	fix_build(&f);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		to = catalog_fallbacks(f.catalog, FALLBACK_ANY,
		    catalog_find(f.catalog, str_of("other")),
		    str_of(rows[i].name));
		assert_string_equal(to->items[0], rows[i].want);
	}
	assert_null(catalog_fallbacks(f.catalog, FALLBACK_CONTEXT_WINDOW,
	    catalog_find(f.catalog, str_of("other")), str_of("other")));
}

static void
test_names_that_are_spelt_like_it(void **state)
{
	static const struct {
		const char *name, *want;
	} rows[] = {
		{ "gpt-4o-mni", "gpt-4o-mini" },
		{ "gpt-4", "gpt-4o" },
		{ "mistral-large", "vendor/mistral-large" },
		{ "totally-different", "" },
		{ "secret-alis", "" },
		{ "", "" },
	};
	char out[CATALOG_NEAREST_BYTES];

	(void)state;
	fix_add(&f, "gpt-4o", "a", "openai/gpt-4o");
	fix_add(&f, "gpt-4o-mini", "b", "openai/gpt-4o-mini");
	fix_add(&f, "vendor/mistral-large", "c", "mistral/large");
	fix_alias(&f, "secret-alias", "gpt-4o", true);
	fix_build(&f);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		catalog_nearest(f.catalog, str_of(rows[i].name), out);
		assert_string_equal(out, rows[i].want);
	}
	/* Nearest first, three at most. */
	fix_add(&f, "m-aa", "d", "openai/x");
	fix_add(&f, "m-ab", "e", "openai/x");
	fix_add(&f, "m-bb", "f", "openai/x");
	fix_add(&f, "m-a", "g", "openai/x");
	fix_build(&f);
	catalog_nearest(f.catalog, str_of("m-ab"), out);
	assert_string_equal(out, "m-ab, m-aa, m-bb");
}

static void
test_strategy_names(void **state)
{
	(void)state;
	assert_string_equal(strategy_name(STRATEGY_SIMPLE_SHUFFLE),
	    "simple-shuffle");
	assert_string_equal(strategy_name(STRATEGY_USAGE),
	    "usage-based-routing-v2");
}

#define T(name) cmocka_unit_test_setup_teardown(name, fix_set_up, fix_tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_groups_and_members_in_the_files_order),
		T(test_names_in_order_group_alias_id_wildcard),
		T(test_a_bare_name_finds_its_providers_wildcard),
		T(test_the_most_specific_wildcard_wins),
		T(test_dangerous_and_endless_names_match_no_wildcard),
		T(test_prices_and_limits),
		T(test_a_wildcards_price_is_the_models),
		T(test_opening_reads_the_tables_and_keeps_them),
		T(test_opening_without_wildcards_keeps_no_table),
		T(test_what_cannot_be_built_says_where),
		T(test_groups_have_their_own_strategy),
		T(test_whose_allowed_fails_policy_counts),
		T(test_groups_have_their_own_retries_and_breaker),
		T(test_breaker_rules),
		T(test_breaker_rules_from_the_router),
		T(test_fallback_lists),
		T(test_names_that_are_spelt_like_it),
		T(test_strategy_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
