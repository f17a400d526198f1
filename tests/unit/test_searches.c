/* How many searches of the web a request can lead to, and of what size. */
#include "unit.h"

#include "config/config.h"
#include "wire/pick.h"
#include "wire/searches.h"

static struct arena arena;
static struct config_deployment deployment;
static struct price price;
static struct searches found;
static const char *input; /* of a response */

static void
find(enum wire_api api, const char *provider, const char *model,
    const char *members)
{
	struct wire_request r;
	const char *param;
	struct err err;
	char body[1024];

	arena_reset(&arena);
	snprintf(body, sizeof(body), "{\"model\":\"m\",\"%s\":%s%s%s}",
	    api == WIRE_RESPONSES ? "input" : "messages",
	    api == WIRE_RESPONSES ? input
				  : "[{\"role\":\"user\",\"content\":\"x\"}]",
	    members[0] != '\0' ? "," : "", members);
	if (wire_request_parse(api, str_of(body), &arena, &r, &param, &err) !=
	    0)
		fail_msg("%s: %s", body, err.text);
	deployment.provider = provider_find(str_of(provider));
	searches_find(&r, &deployment, model, &price, &found);
}

static int
set_up(void **state)
{
	(void)state;
	arena_init(&arena, 4096);
	deployment.defaults_json = deployment.extra_body_json = "";
	deployment.use_chat = CONFIG_UNSET;
	price.known = true;
	price.units.search[SEARCH_MEDIUM] = 1;
	input = "\"x\"";
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	arena_fini(&arena);
	return 0;
}

static void
is(int64_t at_most, enum search_size size, bool by_answer)
{
	assert_int_equal(found.at_most, at_most);
	assert_int_equal(found.size, size);
	assert_int_equal(found.by_answer, by_answer);
	/* What a search model finds for its answer is not its prompt. */
	assert_int_equal(found.result_tokens,
	    (at_most - by_answer) * SEARCHES_RESULT_TOKENS);
}

static void
test_chat_options(void **state)
{
	(void)state;
	find(WIRE_CHAT, "openai", "gpt-4o", "");
	is(0, SEARCH_MEDIUM, false);
	find(WIRE_CHAT, "openai", "gpt-4o", "\"web_search_options\":{}");
	is(1, SEARCH_MEDIUM, true);
	find(WIRE_CHAT, "openai", "gpt-4o",
	    "\"web_search_options\":{\"search_context_size\":\"high\"}");
	is(1, SEARCH_HIGH, true);
	find(WIRE_CHAT, "openai", "gpt-4o", "\"web_search_options\":null");
	is(0, SEARCH_MEDIUM, false);
}

static void
test_models_that_always_search(void **state)
{
	(void)state;
	find(WIRE_CHAT, "openai", "gpt-4o-search-preview", "");
	is(1, SEARCH_MEDIUM, true);
	find(WIRE_CHAT, "perplexity", "sonar", "");
	is(1, SEARCH_MEDIUM, true);
	find(WIRE_CHAT, "groq", "a-search-model", "");
	is(0, SEARCH_MEDIUM, false);
}

static void
test_tools(void **state)
{
	(void)state;
	find(WIRE_MESSAGES, "anthropic", "claude",
	    "\"max_tokens\":9,\"tools\":[{\"type\":\"web_search_20250305\","
	    "\"name\":\"web_search\",\"max_uses\":3}]");
	is(3, SEARCH_MEDIUM, false);
	find(WIRE_MESSAGES, "anthropic", "claude",
	    "\"max_tokens\":9,\"tools\":[{\"type\":\"web_search_20250305\","
	    "\"name\":\"web_search\"},{\"name\":\"web_search\","
	    "\"input_schema\":{}}]");
	is(SEARCHES_UNSAID, SEARCH_MEDIUM, false);
	find(WIRE_RESPONSES, "openai", "gpt-5",
	    "\"max_tool_calls\":2,\"tools\":[{\"type\":\"web_search\","
	    "\"search_context_size\":\"low\"}]");
	is(2, SEARCH_LOW, false);
	find(WIRE_RESPONSES, "openai", "gpt-5",
	    "\"max_tool_calls\":1e400,\"tools\":[{\"type\":\"web_search\"}]");
	is(SEARCHES_UNSAID, SEARCH_MEDIUM, false);
}

static void
test_tools_of_an_item(void **state)
{
	(void)state;
	input = "[{\"type\":\"additional_tools\",\"tools\":["
		"{\"type\":\"function\",\"name\":\"f\"},"
		"{\"type\":\"web_search\",\"search_context_size\":\"low\"}]},"
		"{\"role\":\"user\",\"content\":\"x\"}]";
	find(WIRE_RESPONSES, "openai", "gpt-5", "");
	is(SEARCHES_UNSAID, SEARCH_LOW, false);
	find(WIRE_RESPONSES, "anthropic", "claude", "");
	is(1, SEARCH_LOW, false);
	find(WIRE_RESPONSES, "openai", "gpt-5",
	    "\"max_tool_calls\":3,\"tools\":[{\"type\":\"web_search\"}]");
	is(6, SEARCH_LOW, false);
	find(WIRE_RESPONSES, "mistral", "large", "");
	is(0, SEARCH_MEDIUM, false);
	input = "[{\"role\":\"user\",\"content\":\"a \\\"web_search\\\" "
		"of tools\"}]";
	find(WIRE_RESPONSES, "openai", "gpt-5", "");
	is(0, SEARCH_MEDIUM, false);
}

static void
test_the_configurations_own(void **state)
{
	(void)state;
	deployment.defaults_json =
	    "{\"web_search_options\":{\"search_context_size\":\"low\"}}";
	find(WIRE_CHAT, "openai", "gpt-4o", "");
	is(1, SEARCH_LOW, true);
	deployment.extra_body_json =
	    "{\"tools\":[{\"type\":\"web_search_20250305\",\"max_uses\":4}]}";
	find(WIRE_CHAT, "openai", "gpt-4o", "");
	is(5, SEARCH_MEDIUM, true);
}

/* What anthropic_tools.c and chat_search.c send is what is counted on. */
static void
test_options_that_become_anthropics_tool(void **state)
{
	static const struct {
		const char *options;
		int64_t uses;
		enum search_size size;
	} rows[] = {
		{ "{}", 5, SEARCH_MEDIUM },
		{ "{\"search_context_size\":\"low\"}", 1, SEARCH_LOW },
		{ "{\"search_context_size\":\"medium\"}", 5, SEARCH_MEDIUM },
		{ "{\"search_context_size\":\"high\"}", 10, SEARCH_HIGH },
		{ "{\"search_context_size\":\"huge\"}", 5, SEARCH_MEDIUM },
		{ "{\"max_uses\":3}", 3, SEARCH_MEDIUM },
		{ "{\"max_uses\":0}", 0, SEARCH_MEDIUM },
		{ "{\"max_uses\":-1}", 5, SEARCH_MEDIUM },
		{ "{\"max_uses\":2.5}", 5, SEARCH_MEDIUM },
		{ "{\"max_uses\":1e400}", 5, SEARCH_MEDIUM },
		{ "{\"max_uses\":99999}", 1000, SEARCH_MEDIUM },
	};
	char member[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct skim_value v = pick_root(str_of(rows[i].options));

		snprintf(member, sizeof(member), "\"web_search_options\":%s",
		    rows[i].options);
		find(WIRE_CHAT, "anthropic", "claude", member);
		is(rows[i].uses, rows[i].size, false);
		assert_int_equal(searches_uses(&v), rows[i].uses);
	}
	deployment.defaults_json =
	    "{\"web_search_options\":{\"search_context_size\":\"high\"}}";
	find(WIRE_CHAT, "anthropic", "claude", "");
	is(10, SEARCH_HIGH, false);
	deployment.defaults_json = "";
	find(WIRE_RESPONSES, "anthropic", "claude",
	    "\"tools\":[{\"type\":\"web_search\","
	    "\"search_context_size\":\"low\"}]");
	is(1, SEARCH_LOW, false);
	find(WIRE_RESPONSES, "anthropic", "claude",
	    "\"max_tool_calls\":3,\"tools\":[{\"type\":\"web_search\"}]");
	is(3, SEARCH_MEDIUM, false);
	find(WIRE_RESPONSES, "anthropic", "claude",
	    "\"max_tool_calls\":30,\"tools\":[{\"type\":\"web_search\"}]");
	is(5, SEARCH_MEDIUM, false);
}

/* An agent that offers the search with each request does not hold for it where
   nobody searches. */
static void
test_tools_that_do_not_arrive(void **state)
{
	static const char responses[] = "\"tools\":[{\"type\":\"web_search\"}]";
	static const char messages[] =
	    "\"max_tokens\":9,\"tools\":[{\"type\":\"web_search_20250305\","
	    "\"name\":\"web_search\",\"max_uses\":3}]";

	(void)state;
	find(WIRE_RESPONSES, "hosted_vllm", "q", responses);
	is(0, SEARCH_MEDIUM, false);
	find(WIRE_RESPONSES, "bedrock", "claude", responses);
	is(0, SEARCH_MEDIUM, false);
	find(WIRE_MESSAGES, "bedrock", "claude", messages);
	is(0, SEARCH_MEDIUM, false);
	find(WIRE_MESSAGES, "openai", "gpt-4o", messages);
	is(0, SEARCH_MEDIUM, false);
	find(WIRE_MESSAGES, "perplexity", "sonar", messages);
	is(1, SEARCH_MEDIUM, true);
	deployment.use_chat = 1;
	find(WIRE_RESPONSES, "openai", "gpt-5", responses);
	is(0, SEARCH_MEDIUM, false);
	find(WIRE_RESPONSES, "openai", "gpt-5-search-api", responses);
	is(1, SEARCH_MEDIUM, true);
}

static void
test_no_price_no_search(void **state)
{
	(void)state;
	memset(price.units.search, 0, sizeof(price.units.search));
	find(WIRE_CHAT, "openai", "gpt-4o", "\"web_search_options\":{}");
	is(0, SEARCH_MEDIUM, false);
	/* What it finds is paid for, all the same. */
	find(WIRE_CHAT, "anthropic", "claude",
	    "\"web_search_options\":{\"max_uses\":2}");
	assert_int_equal(found.at_most, 0);
	assert_int_equal(found.result_tokens, 2 * SEARCHES_RESULT_TOKENS);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_chat_options),
		TEST(test_models_that_always_search),
		TEST(test_tools),
		TEST(test_tools_of_an_item),
		TEST(test_the_configurations_own),
		TEST(test_options_that_become_anthropics_tool),
		TEST(test_tools_that_do_not_arrive),
		TEST(test_no_price_no_search),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
