/*
 * The table of keys: complete, without contradictions, and good for the
 * documentation that is made of it.
 */
#include "config_unit.h"

#include "config/config_schema.h"

static void
test_every_path_is_there_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *a = &config_keys[i];

		assert_true(a->help[0] != '\0');
		assert_false(str_ends(str_of(a->help), "."));
		for (size_t k = i + 1; k < config_key_count; k++) {
			if (strcmp(a->path, config_keys[k].path) == 0)
				print_error("twice: %s\n", a->path);
			assert_string_not_equal(a->path, config_keys[k].path);
		}
	}
}

static void
test_every_row_stands_in_a_section_that_exists(void **state)
{
	(void)state;
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *k = &config_keys[i];
		size_t n = (size_t)(config_key_name(k) - k->path);
		char section[128];
		bool found = n == 0;

		snprintf(section, sizeof(section), "%.*s",
		    n == 0 ? 0 : (int)n - 1, k->path);
		if (str_ends(str_of(section), "[]"))
			section[n - 3] = '\0';
		for (size_t j = 0; j < config_key_count && !found; j++)
			found = strcmp(config_keys[j].path, section) == 0;
		if (!found)
			print_error("no row for %s\n", section);
		assert_true(found);
	}
}

static bool
in_one_struct(const char *a, const char *b)
{
	static const char entry[] = "model_list[]";
	bool ea = strncmp(a, entry, strlen(entry)) == 0;
	bool eb = strncmp(b, entry, strlen(entry)) == 0;

	if (ea || eb)
		return ea && eb;
	/* Items of lists have structs of their own. */
	return strstr(a, "[]") == NULL && strstr(b, "[]") == NULL;
}

static void
test_two_places_of_one_setting_agree_on_type_and_default(void **state)
{
	size_t pairs = 0;

	(void)state;
	for (size_t i = 0; i < config_key_count; i++) {
		for (size_t k = i + 1; k < config_key_count; k++) {
			const struct config_key *a = &config_keys[i];
			const struct config_key *b = &config_keys[k];
			const char *da = a->fallback == NULL ? "" : a->fallback;
			const char *db = b->fallback == NULL ? "" : b->fallback;

			if (a->offset == CONFIG_NOWHERE ||
			    a->offset != b->offset ||
			    !in_one_struct(a->path, b->path))
				continue;
			pairs++;
			assert_string_equal(da, db);
			assert_int_equal(a->min, b->min);
			assert_int_equal(a->max, b->max);
			if (a->type != TYPE_FALLBACKS &&
			    a->type != TYPE_DEFAULT_FALLBACKS)
				assert_int_equal(a->type, b->type);
		}
	}
	assert_true(pairs > 20);
}

/* Every key of the notes on LiteLLM's surface, section by section. */
static const struct {
	const char *section;
	const char *names;
} surface[] = {
	{ "", "model_list litellm_settings general_settings router_settings "
	      "environment_variables include callback_settings credential_list "
	      "guardrails policies policy_attachments prompts mcp_servers "
	      "mcp_tools agent_list vector_store_registry search_tools "
	      "assistant_settings finetune_settings files_settings "
	      "default_vertex_config environment production development "
	      "tallygate" },
	{ "model_list[]", "model_name litellm_params model_info tpm rpm" },
	{ "model_list[].litellm_params",
	    "model api_key api_base base_url api_version organization "
	    "custom_llm_provider max_tokens temperature top_p "
	    "frequency_penalty presence_penalty reasoning_effort thinking "
	    "seed extra_body headers extra_headers rpm tpm weight order "
	    "timeout request_timeout stream_timeout max_retries num_retries "
	    "cooldown_time max_parallel_requests drop_params "
	    "additional_drop_params allowed_openai_params tags max_budget "
	    "budget_duration input_cost_per_token output_cost_per_token "
	    "input_cost_per_second output_cost_per_second "
	    "input_cost_per_image base_model mock_response "
	    "merge_reasoning_content_in_choices use_in_pass_through "
	    "use_litellm_proxy litellm_credential_name "
	    "configurable_clientside_auth_params silent_model "
	    "max_file_size_mb region_name vertex_project vertex_location "
	    "vertex_credentials aws_access_key_id aws_secret_access_key "
	    "aws_session_token aws_region_name aws_role_name "
	    "aws_bedrock_runtime_endpoint azure_ad_token tenant_id client_id "
	    "client_secret watsonx_region_name rpm_limit tpm_limit itpm otpm "
	    "keepalive_seconds default_api_key_rpm_limit "
	    "default_api_key_tpm_limit provider_affinity_header" },
	{ "model_list[].model_info",
	    "id mode base_model input_cost_per_token output_cost_per_token "
	    "max_tokens max_input_tokens max_output_tokens access_groups "
	    "team_id team_public_model_name tier supported_environments "
	    "health_check_model health_check_timeout health_check_voice "
	    "description blocked access_windows enable_tag_filtering "
	    "allowed_fails cooldown_time allowed_fails_policy" },
	{ "router_settings",
	    "routing_strategy routing_strategy_args num_retries timeout "
	    "stream_timeout retry_after cooldown_time allowed_fails "
	    "allowed_fails_policy retry_policy model_group_retry_policy "
	    "disable_cooldowns fallbacks default_fallbacks "
	    "context_window_fallbacks content_policy_fallbacks max_fallbacks "
	    "enable_pre_call_checks optional_pre_call_checks "
	    "enable_tag_filtering tag_filtering_match_any "
	    "provider_budget_config model_group_alias redis_host redis_port "
	    "redis_password redis_url redis_db cache_kwargs cache_responses "
	    "caching_groups default_litellm_params "
	    "default_max_parallel_requests default_priority polling_interval "
	    "client_ttl debug_level set_verbose "
	    "deployment_affinity_ttl_seconds search_tools guardrail_list "
	    "enable_health_check_routing health_check_staleness_threshold "
	    "routing_groups RouterWeights fallback_access_check" },
	{ "litellm_settings",
	    "drop_params set_verbose request_timeout cache cache_params "
	    "success_callback failure_callback callbacks service_callback "
	    "num_retries fallbacks default_fallbacks context_window_fallbacks "
	    "content_policy_fallbacks turn_off_message_logging json_logs "
	    "redact_user_api_key_info allowed_fails max_budget "
	    "budget_duration max_end_user_budget max_end_user_budget_id "
	    "max_internal_user_budget internal_user_budget_duration "
	    "tag_budget_config default_key_generate_params "
	    "upperbound_key_generate_params default_internal_user_params "
	    "default_team_settings default_team_params modify_params "
	    "telemetry timezone extra_spend_tag_headers "
	    "langfuse_default_tags custom_provider_map model_alias_map "
	    "forward_traceparent_to_llm_provider ssl_verify force_ipv4 "
	    "cost_discount_config cost_margin_config "
	    "include_cost_in_streaming_usage disable_stop_sequence_limit "
	    "prometheus_metrics_config prometheus_initialize_budget_metrics "
	    "require_auth_for_metrics_endpoint priority_reservation_settings "
	    "model_group_settings guardrails public_model_groups "
	    "enable_redis_auth_cache default_model master_key verbose "
	    "log_level default_params default_end_user_params mcp_servers "
	    "litellm_dashboard" },
	{ "litellm_settings.cache_params",
	    "type mode host port password namespace ttl "
	    "default_in_memory_ttl default_in_redis_ttl "
	    "supported_call_types similarity_threshold redis_startup_nodes" },
	{ "general_settings",
	    "master_key database_url store_model_in_db max_budget "
	    "budget_duration ui enable_metrics disable_auth "
	    "enable_key_management default_max_tokens key_generation_settings "
	    "disable_master_key_hashing drop_params set_verbose "
	    "allow_user_auth allow_client_side_credentials "
	    "store_prompts_in_spend_logs maximum_spend_logs_retention_period "
	    "maximum_spend_logs_retention_interval disable_spend_logs "
	    "disable_error_logs disable_spend_updates "
	    "database_connection_pool_limit database_connection_timeout "
	    "proxy_batch_write_at proxy_budget_rescheduler_min_time "
	    "proxy_budget_rescheduler_max_time disable_reset_budget "
	    "allow_requests_on_db_unavailable use_redis_transaction_buffer "
	    "user_header_name user_header_mappings enforce_user_param "
	    "reject_clientside_metadata_tags max_parallel_requests "
	    "global_max_parallel_requests token_rate_limit_type "
	    "always_include_stream_usage pass_through_endpoints custom_auth "
	    "allowed_ips litellm_key_header_name use_x_forwarded_for "
	    "forward_client_headers_to_llm_api forward_openai_org_id "
	    "completion_model infer_model_from_keys background_health_checks "
	    "health_check_interval health_check_details alerting "
	    "alerting_threshold user_api_key_cache_ttl max_request_size_mb "
	    "max_response_size_mb key_management_system "
	    "supported_db_objects ui_access_mode "
	    "enforce_fallback_model_access fail_closed_budget_enforcement "
	    "disable_budget_reservation" },
};

static void
test_every_key_of_litellm_is_known_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(surface); i++) {
		struct str rest = str_of(surface[i].names);

		while (rest.n > 0) {
			struct str name = str_cut(&rest, ' ');

			if (config_key_find(surface[i].section, name) == NULL)
				print_error("%s: no row for " STR_FMT "\n",
				    surface[i].section, STR_ARG(name));
			assert_non_null(
			    config_key_find(surface[i].section, name));
		}
	}
}

static void
test_near_names_are_found(void **state)
{
	static const struct {
		const char *section, *name, *near;
	} rows[] = {
		{ "router_settings", "num_retires", "num_retries" },
		{ "router_settings", "fallback", "fallbacks" },
		{ "", "router_setting", "router_settings" },
		{ "general_settings", "masterkey", "master_key" },
		{ "tallygate.limits", "max_attemps", "max_attempts" },
		{ "model_list[].litellm_params", "api_kye", "api_key" },
		{ "router_settings", "something_else", NULL },
		{ "router_settings", "", NULL },
		{ "router_settings", "x", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *near =
		    config_key_near(rows[i].section, str_of(rows[i].name));

		if (rows[i].near == NULL)
			assert_null(near);
		else
			assert_string_equal(near, rows[i].near);
	}
}

static void
test_names_of_secrets_are_known(void **state)
{
	static const char *const secret[] = { "api_key", "MASTER_KEY",
		"client_secret", "redis_password", "aws_session_token",
		"database_url", "webhook_url", "Authorization",
		"vertex_credentials" };
	static const char *const open[] = { "max_tokens", "timeout",
		"input_cost_per_token", "cache_read_input_token_cost",
		"min_output_tokens", "model", "order" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(secret); i++)
		assert_true(config_name_is_secret(str_of(secret[i])));
	for (size_t i = 0; i < ARRAY_LEN(open); i++)
		assert_false(config_name_is_secret(str_of(open[i])));
}

static void
test_the_table_prints_as_markdown_and_mdoc(void **state)
{
	struct buf b, small;

	(void)state;
	buf_init(&b, 1024 * 1024);
	assert_int_equal(config_schema_print(&b, "markdown"), 0);
	assert_non_null(strstr(buf_cstr(&b), "## `tallygate.limits`\n"));
	assert_non_null(strstr(buf_cstr(&b),
	    "| `max_body` | size, 1K to 1G | `32M` | body of a request |\n"));
	assert_non_null(strstr(buf_cstr(&b), "`redis_host`"));
	for (size_t i = 0; i < config_key_count; i++)
		assert_non_null(
		    strstr(buf_cstr(&b), config_key_name(&config_keys[i])));
	buf_clear(&b);
	assert_int_equal(config_schema_print(&b, "mdoc"), 0);
	assert_non_null(strstr(buf_cstr(&b), ".Ss tallygate.limits\n"));
	assert_non_null(strstr(buf_cstr(&b), ".It Cm max_body\n"));
	assert_int_equal(config_schema_print(&b, "html"), -1);
	buf_init(&small, 1000);
	assert_int_equal(config_schema_print(&small, "mdoc"), -1);
	buf_fini(&small);
	buf_fini(&b);
}

static void
test_the_report_keeps_a_thousand_and_counts_on(void **state)
{
	struct config_remark m = { CONFIG_WARN, "f", 3, "k", "t" };
	struct config_report r;
	struct buf b;

	(void)state;
	config_report_init(&r);
	for (int i = 0; i < 1500; i++)
		config_report_add(&r, &m);
	m.severity = CONFIG_ERROR;
	config_report_add(&r, &m);
	assert_int_equal(r.count, CONFIG_MAX_REMARKS + 1);
	assert_int_equal(r.warnings, 1500);
	assert_int_equal(r.errors, 1);
	buf_init(&b, 1000);
	config_remark_format(&r.remarks[0], &b);
	assert_string_equal(buf_cstr(&b), "f:3: k: t");
	buf_clear(&b);
	m.line = 0;
	config_remark_format(&m, &b);
	assert_string_equal(buf_cstr(&b), "f: k: t");
	buf_clear(&b);
	m.file = m.key = "";
	config_remark_format(&m, &b);
	assert_string_equal(buf_cstr(&b), "t");
	buf_fini(&b);
	config_report_fini(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_path_is_there_once),
		cmocka_unit_test(
		    test_every_row_stands_in_a_section_that_exists),
		cmocka_unit_test(
		    test_two_places_of_one_setting_agree_on_type_and_default),
		cmocka_unit_test(test_every_key_of_litellm_is_known_by_name),
		cmocka_unit_test(test_near_names_are_found),
		cmocka_unit_test(test_names_of_secrets_are_known),
		cmocka_unit_test(test_the_table_prints_as_markdown_and_mdoc),
		cmocka_unit_test(
		    test_the_report_keeps_a_thousand_and_counts_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
