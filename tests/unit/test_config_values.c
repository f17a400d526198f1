/*
 * What stands in struct config after reading: defaults, every field, the order
 * of sections, budgets, ids, addresses.
 */
#include "config_unit.h"

/* ---- values -------------------------------------------------------------- */

#define MOCK "    litellm_params: {model: openai/x, mock_response: hi}\n"
#define ONE  "model_list:\n  - model_name: a\n" MOCK

static void
test_defaults_are_those_of_the_header(void **state)
{
	const struct config *c;
	struct parsed p;

	(void)state;
	env_clear();
	parse_text(&p, ONE);
	c = p.config;
	assert_non_null(c);
	assert_int_equal(c->router.strategy, STRATEGY_SIMPLE_SHUFFLE);
	assert_string_equal(c->router.strategy_args_json, "{}");
	assert_int_equal(c->router.num_retries, 2);
	assert_int_equal(c->router.timeout_msecs, 6000000);
	assert_int_equal(c->router.stream_timeout_msecs, CONFIG_UNSET);
	assert_int_equal(c->router.retry_after_msecs, 0);
	assert_int_equal(c->router.cooldown_msecs, 5000);
	assert_int_equal(c->router.allowed_fails, CONFIG_UNSET);
	assert_int_equal(c->router.max_fallbacks, 5);
	assert_true(c->router.tag_match_any);
	assert_int_equal(c->router.retry_policy.rate_limit, CONFIG_UNSET);
	assert_int_equal(c->router.fallbacks.count, 0);
	assert_string_equal(c->master_key, "");
	assert_string_equal(c->timezone, "UTC");
	assert_string_equal(c->host, "");
	assert_int_equal(c->port, CONFIG_UNSET);
	assert_int_equal(c->workers, 0);
	assert_string_equal(c->traces_path, "traces.jsonl");
	assert_int_equal(c->traces_rotate_bytes, 256 << 20);
	assert_int_equal(c->traces_keep, 8);
	assert_int_equal(c->sync_interval_msecs, 200);
	assert_int_equal(c->map_bytes, 1 << 30);
	assert_int_equal(c->min_output_tokens, 16);
	assert_int_equal(c->budget_status, 429);
	assert_int_equal(c->router.group_count, 0);
	assert_int_equal(c->limits.max_body_bytes, 32 << 20);
	assert_int_equal(c->limits.max_header_bytes, 64 << 10);
	assert_int_equal(c->limits.max_connections, 4096);
	assert_int_equal(c->limits.max_answer_bytes, 64 << 20);
	assert_int_equal(c->limits.max_event_bytes, 16 << 20);
	assert_int_equal(c->limits.header_timeout_msecs, 30000);
	assert_int_equal(c->limits.body_timeout_msecs, 120000);
	assert_int_equal(c->limits.idle_timeout_msecs, 75000);
	assert_int_equal(c->limits.slow_client_msecs, 60000);
	assert_int_equal(c->limits.connect_timeout_msecs, 5000);
	assert_int_equal(c->limits.stream_idle_msecs, 300000);
	assert_int_equal(c->limits.drain_msecs, 600000);
	assert_int_equal(c->limits.max_attempts, 8);
	parsed_free(&p);
}

static void
test_a_deployment_without_extras_has_unset_fields(void **state)
{
	const struct config_deployment *d;
	struct parsed p;

	(void)state;
	env_clear();
	parse_text(&p, ONE);
	assert_non_null(p.config);
	d = p.config->deployments;
	assert_int_equal(strlen(d->id), 12);
	assert_string_equal(d->api_key, "");
	assert_string_equal(d->api_version, "");
	assert_string_equal(d->organization, "");
	assert_string_equal(d->defaults_json, "");
	assert_string_equal(d->extra_body_json, "");
	assert_string_equal(d->base_model, "");
	assert_string_equal(d->mode, "chat");
	assert_string_equal(d->model_info_json, "{}");
	assert_string_equal(d->max_budget, "");
	assert_int_equal(d->timeout_msecs, CONFIG_UNSET);
	assert_int_equal(d->rpm, CONFIG_UNSET);
	assert_int_equal(d->weight_micros, CONFIG_UNSET);
	assert_int_equal(d->order, CONFIG_UNSET);
	assert_int_equal(d->max_output_tokens, CONFIG_UNSET);
	assert_int_equal(d->drop_params, CONFIG_UNSET);
	assert_int_equal(d->headers.count, 0);
	parsed_free(&p);
}

static const char full_entry[] =
    "model_list:\n"
    "  - model_name: a\n"
    "    rpm: 7\n"
    "    litellm_params:\n"
    "      model: openai/vendor/name\n"
    "      api_key: k\n"
    "      api_base: http://h:8000/v1//\n"
    "      headers: {x-a: 1, x-b: two}\n"
    "      extra_headers: {x-b: three}\n"
    "      extra_body: {a: {b: [1, 1e3, 0.10, true, null, ~, x, \"1\"]}}\n"
    "      temperature: 0.70\n"
    "      max_tokens: 100\n"
    "      stop: [\"a\", b]\n"
    "      seed: \"5\"\n"
    "      num_ctx: +4096\n"
    "      tpm: \"1000\"\n"
    "      weight: 2.5\n"
    "      order: -1\n"
    "      timeout: 12.345\n"
    "      stream_timeout: 3\n"
    "      cooldown_time: 60\n"
    "      allowed_fails: 4\n"
    "      num_retries: 0\n"
    "      max_parallel_requests: 9\n"
    "      drop_params: true\n"
    "      additional_drop_params: [seed]\n"
    "      allowed_openai_params: [tools, user]\n"
    "      tags: [free, eu]\n"
    "      max_budget: 10.50\n"
    "      budget_duration: 1mo\n"
    "      input_cost_per_token: 1.50e-07\n"
    "      output_cost_per_token: \"3e-7\"\n"
    "      output_cost_per_token_above_200k_tokens: 0.0000006\n"
    "    model_info:\n"
    "      id: my-id\n"
    "      mode: completion\n"
    "      rpm: 3\n"
    "      tpm: 3\n"
    "      base_model: gpt-4o\n"
    "      max_tokens: 8192\n"
    "      max_input_tokens: 128000\n"
    "      input_cost_per_token: 9\n"
    "      cache_read_input_token_cost: 1e-8\n"
    "      search_context_cost_per_query: {search_context_size_low: 0.01}\n"
    "      allowed_fails_policy: {TimeoutErrorAllowedFails: 6}\n"
    "      access_groups: [beta]\n"
    "      supports_vision: true\n"
    "      description: \"a \\\"b\\\"\"\n";

static const char *
pair_of(const struct config_pairs *pairs, const char *key)
{
	for (size_t i = 0; i < pairs->count; i++) {
		if (strcmp(pairs->items[i].key, key) == 0)
			return pairs->items[i].value;
	}
	return "(none)";
}

static void
check_full_texts(const struct config_deployment *d)
{
	assert_string_equal(d->id, "my-id");
	assert_string_equal(d->upstream_model, "vendor/name");
	assert_string_equal(d->api_base, "http://h:8000/v1");
	assert_string_equal(d->mode, "completion");
	assert_string_equal(d->base_model, "gpt-4o");
	assert_string_equal(d->max_budget, "10.50");
	assert_string_equal(d->budget_duration, "1mo");
	assert_int_equal(d->headers.count, 2);
	assert_string_equal(pair_of(&d->headers, "x-a"), "1");
	assert_string_equal(pair_of(&d->headers, "x-b"), "three");
	assert_string_equal(d->extra_body_json,
	    "{\"a\":{\"b\":[1,1e3,0.10,true,null,null,\"x\",\"1\"]}}");
	assert_string_equal(d->defaults_json,
	    "{\"temperature\":0.70,\"max_tokens\":100,\"stop\":[\"a\",\"b\"],"
	    "\"seed\":5,\"num_ctx\":4096}");
	assert_non_null(strstr(d->model_info_json, "\"id\":\"my-id\""));
	assert_non_null(strstr(d->model_info_json, "\"a \\\"b\\\"\""));
	assert_non_null(strstr(d->model_info_json, "\"supports_vision\":true"));
}

static void
test_every_field_of_an_entry_arrives(void **state)
{
	const struct config_deployment *d;
	struct parsed p;

	(void)state;
	env_clear();
	parse_text(&p, full_entry);
	assert_non_null(p.config);
	d = p.config->deployments;
	check_full_texts(d);
	assert_int_equal(d->rpm, 7);
	assert_int_equal(d->tpm, 1000);
	assert_int_equal(d->weight_micros, 2500000);
	assert_int_equal(d->order, -1);
	assert_int_equal(d->timeout_msecs, 12345);
	assert_int_equal(d->stream_timeout_msecs, 3000);
	assert_int_equal(d->cooldown_msecs, 60000);
	assert_int_equal(d->allowed_fails, 4);
	assert_int_equal(d->num_retries, 0);
	assert_int_equal(d->max_parallel_requests, 9);
	assert_int_equal(d->drop_params, 1);
	assert_int_equal(d->max_input_tokens, 128000);
	assert_int_equal(d->max_output_tokens, 8192);
	assert_int_equal(d->tags.count, 2);
	assert_string_equal(d->tags.items[1], "eu");
	assert_string_equal(d->access_groups.items[0], "beta");
	assert_string_equal(d->additional_drop_params.items[0], "seed");
	assert_string_equal(d->allowed_openai_params.items[1], "user");
	assert_int_equal(d->allowed_fails_policy.timeout, 6);
	assert_int_equal(d->prices.count, 5);
	assert_string_equal(pair_of(&d->prices, "input_cost_per_token"),
	    "1.50e-07");
	assert_string_equal(pair_of(&d->prices, "output_cost_per_token"),
	    "3e-7");
	assert_string_equal(pair_of(&d->prices,
				"output_cost_per_token_above_200k_tokens"),
	    "0.0000006");
	assert_string_equal(pair_of(&d->prices, "cache_read_input_token_cost"),
	    "1e-8");
	assert_string_equal(pair_of(&d->prices, "search_context_size_low"),
	    "0.01");
	/* The entry's own cap is one of the budgets, under its id. */
	assert_int_equal(p.config->budget_count, 1);
	assert_string_equal(p.config->budgets[0].per, "deployment");
	assert_string_equal(p.config->budgets[0].match, "my-id");
	parsed_free(&p);
}

static void
test_numbers_in_free_json_stay_json(void **state)
{
	static const struct {
		const char *yaml;
		const char *json;
	} rows[] = {
		{ "1", "1" },
		{ "-1.50", "-1.50" },
		{ "+5", "5" },
		{ ".5", "0.5" },
		{ "-.5e3", "-0.5e3" },
		{ "5.", "5" },
		{ "1E-7", "1E-7" },
		{ "007", "\"007\"" },
		{ "0x10", "\"0x10\"" },
		{ "1_000", "1000" },
		{ "-1_0.5", "-10.5" },
		{ "1_a", "\"1_a\"" },
		{ "_1", "\"_1\"" },
		{ ".", "\".\"" },
		{ "1e", "\"1e\"" },
		{ ".inf", "\".inf\"" },
		{ "2024-06-01", "\"2024-06-01\"" },
		{ "True", "true" },
		{ "FALSE", "false" },
		{ "Null", "null" },
		{ "\"null\"", "\"null\"" },
		{ "'7'", "\"7\"" },
		{ "12345678901234567890123", "12345678901234567890123" },
	};

	(void)state;
	env_clear();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *text = xasprintf("model_list:\n  - model_name: a\n"
				       "    litellm_params: {model: openai/x, "
				       "mock_response: hi, extra_body: {v: "
				       "%s}}\n",
		    rows[i].yaml);
		char *want = xasprintf("{\"v\":%s}", rows[i].json);
		struct parsed p;

		parse_text(&p, text);
		assert_non_null(p.config);
		assert_string_equal(p.config->deployments[0].extra_body_json,
		    want);
		parsed_free(&p);
		free(text);
		free(want);
	}
}

static const char two_sections[] =
    ONE "  - model_name: b\n" MOCK "litellm_settings:\n"
	"  num_retries: 5\n"
	"  request_timeout: 600\n"
	"  stream_timeout: 9\n"
	"  allowed_fails: 1\n"
	"  cooldown_time: 30\n"
	"  context_window_fallbacks: [{a: [b]}]\n"
	"  default_fallbacks: [b]\n"
	"router_settings:\n"
	"  num_retries: 1\n"
	"  timeout: 120\n"
	"  cooldown_time: 0\n"
	"  fallbacks: [{b: [a]}]\n";

static void
test_router_settings_win_over_litellm_settings(void **state)
{
	const struct config_router *r;
	struct parsed p;

	(void)state;
	env_clear();
	parse_text(&p, two_sections);
	assert_non_null(p.config);
	r = &p.config->router;
	assert_int_equal(r->num_retries, 1);
	assert_int_equal(r->timeout_msecs, 120000);
	assert_int_equal(r->stream_timeout_msecs, 9000);
	assert_int_equal(r->allowed_fails, 1);
	assert_int_equal(r->cooldown_msecs, 0);
	assert_int_equal(r->context_window_fallbacks.count, 1);
	/* default_fallbacks are not lost when the other section has
	   fallbacks: LiteLLM adds them to whatever list there is. */
	assert_int_equal(r->fallbacks.count, 2);
	assert_string_equal(r->fallbacks.items[0].from, "b");
	assert_string_equal(r->fallbacks.items[0].to.items[0], "a");
	assert_string_equal(r->fallbacks.items[1].from, "*");
	assert_string_equal(r->fallbacks.items[1].to.items[0], "b");
	parsed_free(&p);
}

static const char router_full[] =
    ONE "  - model_name: b\n" MOCK "router_settings:\n"
	"  routing_strategy: usage-based-routing-v2\n"
	"  routing_strategy_args: {ttl: 60}\n"
	"  retry_after: 5\n"
	"  max_fallbacks: 2\n"
	"  enable_pre_call_checks: true\n"
	"  enable_tag_filtering: true\n"
	"  tag_filtering_match_any: false\n"
	"  disable_cooldowns: true\n"
	"  allowed_fails_policy: {RateLimitErrorAllowedFails: 100}\n"
	"  retry_policy: {TimeoutErrorRetries: 3, BadRequestErrorRetries: 0}\n"
	"  model_group_alias: {c: a, d: {model: b, hidden: true}}\n"
	"  content_policy_fallbacks: [{a: [b]}]\n";

static void
test_the_router_section_arrives(void **state)
{
	const struct config_router *r;
	struct parsed p;

	(void)state;
	env_clear();
	parse_text(&p, router_full);
	assert_non_null(p.config);
	assert_int_equal(p.report.count, 0);
	r = &p.config->router;
	assert_int_equal(r->strategy, STRATEGY_USAGE);
	assert_string_equal(r->strategy_args_json, "{\"ttl\":60}");
	assert_int_equal(r->retry_after_msecs, 5000);
	assert_int_equal(r->max_fallbacks, 2);
	assert_true(r->enable_pre_call_checks);
	assert_true(r->enable_tag_filtering);
	assert_false(r->tag_match_any);
	assert_true(r->disable_cooldowns);
	assert_int_equal(r->allowed_fails_policy.rate_limit, 100);
	assert_int_equal(r->allowed_fails_policy.timeout, CONFIG_UNSET);
	assert_int_equal(r->retry_policy.timeout, 3);
	assert_int_equal(r->retry_policy.bad_request, 0);
	assert_int_equal(r->alias_count, 2);
	assert_string_equal(r->aliases[0].alias, "c");
	assert_false(r->aliases[0].hidden);
	assert_string_equal(r->aliases[1].group, "b");
	assert_true(r->aliases[1].hidden);
	assert_int_equal(r->content_policy_fallbacks.count, 1);
	parsed_free(&p);
}

static const char ours_full[] =
    ONE "litellm_settings: {timezone: Europe/Paris}\n"
	"tallygate:\n"
	"  host: 127.0.0.1\n"
	"  port: 4001\n"
	"  workers: 3\n"
	"  state_dir: /tmp/x\n"
	"  traces: {path: t.jsonl, rotate_bytes: 1M, keep: 2, content: true}\n"
	"  store: {durability: power, sync_interval: 1.5s, map_size: 64M}\n"
	"  min_output_tokens: 32\n"
	"  prices: mine.json\n"
	"  open: true\n"
	"  unpriced: refuse\n"
	"  budget_status: 400\n"
	"  groups:\n"
	"    a: {routing_strategy: least-busy, num_retries: 4,\n"
	"        retry_policy: {DefaultRetries: 1}, max_cooldown_time: 60}\n"
	"  limits: {max_body: 1M, drain_timeout: 0, max_attempts: 3}\n"
	"  webhooks:\n"
	"    - {url: \"https://h/x\", secret: s, events: [breaker_open]}\n";

static void
test_our_own_section_arrives(void **state)
{
	const struct config *c;
	struct parsed p;

	(void)state;
	env_clear();
	parse_text(&p, ours_full);
	c = p.config;
	assert_non_null(c);
	assert_int_equal(p.report.count, 0);
	assert_string_equal(c->timezone, "Europe/Paris");
	assert_string_equal(c->host, "127.0.0.1");
	assert_int_equal(c->port, 4001);
	assert_int_equal(c->workers, 3);
	assert_string_equal(c->state_dir, "/tmp/x");
	assert_string_equal(c->traces_path, "t.jsonl");
	assert_int_equal(c->traces_rotate_bytes, 1 << 20);
	assert_int_equal(c->traces_keep, 2);
	assert_true(c->traces_content);
	assert_true(c->durability_power);
	assert_int_equal(c->sync_interval_msecs, 1500);
	assert_int_equal(c->map_bytes, 64 << 20);
	assert_int_equal(c->min_output_tokens, 32);
	assert_int_equal(c->price_files.count, 1);
	assert_string_equal(c->price_files.items[0], "mine.json");
	assert_true(c->open);
	assert_true(c->unpriced_refuse);
	assert_int_equal(c->budget_status, 400);
	assert_int_equal(c->router.group_count, 1);
	assert_string_equal(c->router.groups[0].name, "a");
	assert_int_equal(c->router.groups[0].strategy, STRATEGY_LEAST_BUSY);
	assert_int_equal(c->router.groups[0].num_retries, 4);
	assert_int_equal(c->router.groups[0].allowed_fails, CONFIG_UNSET);
	assert_int_equal(c->router.groups[0].max_cooldown_msecs, 60000);
	assert_int_equal(c->router.groups[0].retry_policy.other, 1);
	assert_int_equal(c->router.groups[0].retry_policy.timeout,
	    CONFIG_UNSET);
	assert_int_equal(c->limits.max_body_bytes, 1 << 20);
	assert_int_equal(c->limits.drain_msecs, 0);
	assert_int_equal(c->limits.max_attempts, 3);
	assert_int_equal(c->webhook_count, 1);
	assert_string_equal(c->webhooks[0].url, "https://h/x");
	assert_string_equal(c->webhooks[0].secret, "s");
	assert_string_equal(c->webhooks[0].events.items[0], "breaker_open");
	parsed_free(&p);
}

static void
test_budgets_of_both_kinds_are_one_list(void **state)
{
	static const struct {
		const char *per, *match, *cap, *window, *soft, *exhaust;
	} want[] = {
		{ "global", "", "100", "30d", "", "clamp" },
		{ "end_user", "", "0.5", "", "", "clamp" },
		{ "provider", "openai", "0.000000001", "1d", "", "clamp" },
		{ "provider", "nobody", "5", "12h", "", "clamp" },
		{ "tag", "product:chat", "10", "1mo", "", "clamp" },
		{ "deployment", "dep-a", "12.50", "7d", "", "clamp" },
		{ "deployment", NULL, "3", "", "", "clamp" },
		{ "global", "", "500", "30d", "", "clamp" },
		{ "model", "a", "20", "1d", "", "downgrade:b" },
		{ "key", "", "5", "", "4", "refuse" },
		{ "model", "zzz", "1", "", "", "clamp" },
		{ "deployment", "dep-a", "1", "", "2", "clamp" },
		{ "deployment", "dep-z", "0", "", "", "clamp" },
	};
	char *path = source_path("tests/unit/config/budgets.yaml");
	struct parsed p;

	(void)state;
	env_clear();
	memset(&p, 0, sizeof(p));
	config_report_init(&p.report);
	assert_int_equal(config_load(path, &p.config, &p.report, &p.err), 0);
	assert_int_equal(p.config->budget_count, ARRAY_LEN(want));
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		const struct config_budget *b = &p.config->budgets[i];

		assert_string_equal(b->per, want[i].per);
		if (want[i].match != NULL)
			assert_string_equal(b->match, want[i].match);
		assert_string_equal(b->max_budget, want[i].cap);
		assert_string_equal(b->duration, want[i].window);
		assert_string_equal(b->soft_budget, want[i].soft);
		assert_string_equal(b->on_exhaust, want[i].exhaust);
		assert_true(b->line > 0);
	}
	free(path);
	parsed_free(&p);
}

static void
test_mock_responses_are_text_or_a_whole_answer(void **state)
{
	static const char text[] =
	    "model_list:\n"
	    "  - model_name: a\n"
	    "    litellm_params: {model: openai/x, mock_response: "
	    "\"l1\\nl2\"}\n"
	    "  - model_name: b\n"
	    "    litellm_params: {model: openai/x, mock_response: {id: 1}}\n"
	    "  - model_name: c\n"
	    "    litellm_params: {model: openai/x, api_key: k}\n";
	const struct config_deployment *d;
	struct parsed p;

	(void)state;
	env_clear();
	parse_text(&p, text);
	assert_non_null(p.config);
	d = p.config->deployments;
	assert_string_equal(d[0].mock_response, "l1\nl2");
	assert_false(d[0].mock_is_json);
	assert_string_equal(d[1].mock_response, "{\"id\":1}");
	assert_true(d[1].mock_is_json);
	assert_null(d[2].mock_response);
	parsed_free(&p);
}

/* ---- ids ----------------------------------------------------------------- */

static char *
id_of(const char *params, size_t which)
{
	char *text = xasprintf("model_list:\n  - model_name: a\n"
			       "    litellm_params: {model: openai/x, %s}\n"
			       "  - model_name: a\n"
			       "    litellm_params: {model: openai/x, %s}\n",
	    params, params);
	struct parsed p;
	char *id;

	parse_text(&p, text);
	assert_non_null(p.config);
	id = xstrdup(p.config->deployments[which].id);
	parsed_free(&p);
	free(text);
	return id;
}

static void
test_ids_do_not_change_with_the_key(void **state)
{
	char *one, *rotated, *twin, *moved;

	(void)state;
	env_clear();
	one = id_of("api_key: k1", 0);
	rotated = id_of("api_key: k2", 0);
	twin = id_of("api_key: k1", 1);
	moved = id_of("api_key: k1, api_base: \"http://h/v1\"", 0);
	assert_int_equal(strspn(one, "0123456789abcdef"), 12);
	assert_string_equal(one, rotated);
	assert_string_not_equal(one, twin);
	assert_string_not_equal(one, moved);
	free(one);
	free(rotated);
	free(twin);
	free(moved);
}

static void
test_a_list_of_organizations_makes_deployments(void **state)
{
	static const char text[] = "model_list:\n"
				   "  - model_name: a\n"
				   "    litellm_params:\n"
				   "      model: openai/x\n"
				   "      api_key: k\n"
				   "      organization: [org-1, org-2]\n"
				   "    model_info: {id: mine}\n";
	const struct config_deployment *d;
	struct parsed p;

	(void)state;
	env_clear();
	parse_text(&p, text);
	assert_non_null(p.config);
	assert_int_equal(p.config->deployment_count, 2);
	d = p.config->deployments;
	assert_string_equal(d[0].organization, "org-1");
	assert_string_equal(d[1].organization, "org-2");
	assert_string_equal(d[0].id, "mine");
	assert_string_equal(d[1].id, "mine-2");
	assert_string_equal(d[1].api_key, "k");
	parsed_free(&p);
}

/* ---- addresses ----------------------------------------------------------- */

static void
test_addresses_follow_the_provider(void **state)
{
	static const struct {
		const char *params;
		const char *var, *value;
		const char *base, *upstream;
	} rows[] = {
		{ "model: mistral/m, api_base: \"http://h\"", NULL, NULL,
		    "http://h/v1", "m" },
		{ "model: mistral/m, api_base: \"http://h/v1/\"", NULL, NULL,
		    "http://h/v1", "m" },
		{ "model: mistral/m", "MISTRAL_API_BASE", "https://eu.host",
		    "https://eu.host/v1", "m" },
		{ "model: openai/m", "OPENAI_BASE_URL", "http://proxy/v1/",
		    "http://proxy/v1", "m" },
		{ "model: openai/m", "OPENAI_API_BASE", "http://proxy2/v1",
		    "http://proxy2/v1", "m" },
		{ "model: openai/m, base_url: \"http://alias/v1\"", NULL, NULL,
		    "http://alias/v1", "m" },
		{ "model: gemini/m", NULL, NULL,
		    "https://generativelanguage.googleapis.com/v1beta/openai",
		    "m" },
		{ "model: ollama/m", "OLLAMA_API_BASE", "http://h:11434",
		    "http://h:11434/v1", "m" },
		{ "model: openrouter/google/gemini-2.0", NULL, NULL,
		    "https://openrouter.ai/api/v1", "google/gemini-2.0" },
		{ "model: fireworks_ai/m", NULL, NULL,
		    "https://api.fireworks.ai/inference/v1",
		    "accounts/fireworks/models/m" },
		{ "model: fireworks_ai/accounts/me/models/m", NULL, NULL,
		    "https://api.fireworks.ai/inference/v1",
		    "accounts/me/models/m" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *text = xasprintf("model_list:\n  - model_name: a\n"
				       "    litellm_params: {api_key: k, %s}\n",
		    rows[i].params);
		struct parsed p;

		env_clear();
		if (rows[i].var != NULL)
			setenv(rows[i].var, rows[i].value, 1);
		parse_text(&p, text);
		assert_non_null(p.config);
		assert_string_equal(p.config->deployments[0].api_base,
		    rows[i].base);
		assert_string_equal(p.config->deployments[0].upstream_model,
		    rows[i].upstream);
		parsed_free(&p);
		free(text);
	}
	env_clear();
}

static void
test_the_providers_own_address_still_needs_a_key(void **state)
{
	static const char text[] =
	    "model_list:\n"
	    "  - model_name: a\n"
	    "    litellm_params:\n"
	    "      model: openai/x\n"
	    "      api_base: https://api.openai.com/v1/\n";
	struct parsed p;

	(void)state;
	env_clear();
	parse_text(&p, text);
	assert_null(p.config);
	assert_true(has_remark(&p, "OPENAI_API_KEY is not set"));
	parsed_free(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults_are_those_of_the_header),
		cmocka_unit_test(
		    test_a_deployment_without_extras_has_unset_fields),
		cmocka_unit_test(test_every_field_of_an_entry_arrives),
		cmocka_unit_test(test_numbers_in_free_json_stay_json),
		cmocka_unit_test(
		    test_router_settings_win_over_litellm_settings),
		cmocka_unit_test(test_the_router_section_arrives),
		cmocka_unit_test(test_our_own_section_arrives),
		cmocka_unit_test(test_budgets_of_both_kinds_are_one_list),
		cmocka_unit_test(
		    test_mock_responses_are_text_or_a_whole_answer),
		cmocka_unit_test(test_ids_do_not_change_with_the_key),
		cmocka_unit_test(
		    test_a_list_of_organizations_makes_deployments),
		cmocka_unit_test(test_addresses_follow_the_provider),
		cmocka_unit_test(
		    test_the_providers_own_address_still_needs_a_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
