/* The provider table and how a model's name finds its row. */
#include "config_unit.h"

static void
test_rows_are_complete_and_unique(void **state)
{
	(void)state;
	for (size_t i = 0; i < provider_count; i++) {
		const struct provider *p = &provider_table[i];
		struct str base = str_of(p->base_url);

		assert_true(p->prefix[0] != '\0' && p->dialect[0] != '\0');
		assert_true(p->title[0] != '\0');
		assert_null(strchr(p->prefix, '/'));
		assert_int_equal((p->flags & PROVIDER_BASE_REQUIRED) != 0,
		    base.n == 0);
		assert_false(str_ends(base, "/"));
		assert_true(base.n == 0 || str_starts(base, "https://") ||
			    (p->flags & PROVIDER_KEY_OPTIONAL) != 0);
		/* Dialects that wire/ does not have are for later, and the
		   other way round. */
		assert_int_equal((p->flags & PROVIDER_LATER) != 0,
		    strcmp(p->dialect, "openai") != 0 &&
			strcmp(p->dialect, "anthropic") != 0 &&
			strcmp(p->dialect, "bedrock") != 0);
		assert_ptr_equal(provider_find(str_of(p->prefix)), p);
	}
	assert_null(provider_find(str_of("nobody")));
	assert_null(provider_find(str_of("")));
	assert_null(provider_find(str_of("openai/")));
}

static void
test_names_find_their_provider(void **state)
{
	static const struct {
		const char *model, *base, *custom;
		const char *prefix, *name; /* prefix NULL: nobody */
	} rows[] = {
		{ "openai/gpt-4o", "", "", "openai", "gpt-4o" },
		{ "openai/mistralai/Mistral-7B-Instruct-v0.3",
		    "http://localhost:8000/v1", "", "openai",
		    "mistralai/Mistral-7B-Instruct-v0.3" },
		{ "openrouter/google/gemini-2.0-flash", "", "", "openrouter",
		    "google/gemini-2.0-flash" },
		{ "groq/llama", "https://api.mistral.ai/v1", "", "groq",
		    "llama" },
		{ "openai/*", "", "", "openai", "*" },
		{ "openai/", "", "", "openai", "" },
		/* custom_llm_provider wins, a prefix of its name goes. */
		{ "groq/llama", "", "openai", "openai", "groq/llama" },
		{ "openai/llama", "", "openai", "openai", "llama" },
		{ "llama", "", "groq", "groq", "llama" },
		{ "openai/llama", "", "nobody", NULL, NULL },
		/* By the host of the address. */
		{ "mistral-tiny-x", "https://api.mistral.ai/v1", "", "mistral",
		    "mistral-tiny-x" },
		{ "a/b", "https://api.groq.com/openai/v1", "", "groq", "a/b" },
		{ "a/b", "https://u@api.groq.com:443/openai/v1", "", "groq",
		    "a/b" },
		{ "x", "https://api.groq.com.evil.example/v1", "", "openai",
		    "x" },
		{ "x", "http://localhost:11434/v1", "", "openai", "x" },
		{ "x", "http://[::1]:8000/v1", "", "openai", "x" },
		/* Bare names. */
		{ "gpt-4o-mini", "", "", "openai", "gpt-4o-mini" },
		{ "o1", "", "", "openai", "o1" },
		{ "o3-mini", "", "", "openai", "o3-mini" },
		{ "ft:gpt-4o:org::id", "", "", "openai", "ft:gpt-4o:org::id" },
		{ "text-embedding-3-small", "", "", "openai",
		    "text-embedding-3-small" },
		{ "*", "", "", "openai", "*" },
		{ "claude-sonnet-4-5", "", "", "anthropic",
		    "claude-sonnet-4-5" },
		{ "mistral-small-latest", "", "", "mistral",
		    "mistral-small-latest" },
		{ "gemini-2.5-pro", "", "", "gemini", "gemini-2.5-pro" },
		{ "anthropic.claude-3-sonnet-20240229-v1:0", "", "", "bedrock",
		    "anthropic.claude-3-sonnet-20240229-v1:0" },
		{ "us.amazon.nova-lite-v1:0", "", "", "bedrock",
		    "us.amazon.nova-lite-v1:0" },
		/* An address alone: any OpenAI-compatible server. */
		{ "mistralai/Mistral-7B", "http://h:8000/v1", "", "openai",
		    "mistralai/Mistral-7B" },
		{ "whatever", "http://h:8000/v1", "", "openai", "whatever" },
		/* Nothing to go by. */
		{ "whatever", "", "", NULL, NULL },
		{ "mistrl/x", "", "", NULL, NULL },
		{ "", "", "", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str name = str_make("", 0);
		const struct provider *p =
		    provider_resolve(str_of(rows[i].model),
			str_of(rows[i].base), str_of(rows[i].custom), &name);

		if (rows[i].prefix == NULL) {
			assert_null(p);
			continue;
		}
		if (p == NULL)
			print_error("nobody for %s\n", rows[i].model);
		assert_non_null(p);
		assert_string_equal(p->prefix, rows[i].prefix);
		assert_str(name, rows[i].name);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_are_complete_and_unique),
		cmocka_unit_test(test_names_find_their_provider),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
