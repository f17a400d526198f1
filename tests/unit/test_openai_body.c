/* Encoding for OpenAI-like providers: the client's bytes with the changes the
   rules ask for, and the head of the call. */
#include "arena_fixture.h"

#include <strings.h>

#include "wire/dialect.h"
#include "wire/openai/openai_params.h"

static struct err err;
static struct wire_request request;
static struct wire_call call;

/* The providers of these tests; the table itself is config's. */
static const struct provider openai = { "openai", "openai",
	"https://api.openai.com/v1", "", "", AUTH_BEARER, 0, "OpenAI" };
static const struct provider mistral = { "mistral", "openai",
	"https://api.mistral.ai/v1", "", "", AUTH_BEARER,
	PROVIDER_NO_STREAM_OPTIONS | PROVIDER_BASE_V1, "Mistral" };
static const struct provider vllm = { "hosted_vllm", "openai", "", "", "",
	AUTH_BEARER, PROVIDER_KEY_OPTIONAL, "vLLM" };
static const struct provider groq = { "groq", "openai",
	"https://api.groq.com/openai/v1", "", "", AUTH_BEARER, 0, "Groq" };
static const struct provider ollama = { "ollama", "openai",
	"http://localhost:11434/v1", "", "", AUTH_BEARER,
	PROVIDER_KEY_OPTIONAL | PROVIDER_BASE_V1, "Ollama" };
static const struct provider gemini = { "gemini", "openai",
	"https://generativelanguage.googleapis.com/v1beta/openai", "", "",
	AUTH_BEARER, 0, "Gemini" };

static struct config_deployment deployment;
static struct config config;
static struct wire_choice choice;

static void
use(const struct provider *provider)
{
	memset(&deployment, 0, sizeof(deployment));
	memset(&config, 0, sizeof(config));
	deployment.provider = provider;
	deployment.upstream_model = "up";
	deployment.api_base = provider->base_url;
	deployment.api_key = "sk-secret";
	deployment.organization = "";
	deployment.defaults_json = "";
	deployment.extra_body_json = "";
	deployment.drop_params = deployment.use_chat = CONFIG_UNSET;
	choice = (struct wire_choice){ .config = &config,
		.deployment = &deployment,
		.max_tokens = CONFIG_UNSET };
}

static int
encode(enum wire_api api, const char *body)
{
	const char *param;

	arena_reset(&arena);
	if (wire_request_parse(api, str_of(body), &arena, &request, &param,
		&err) != 0)
		fail_msg("%s: %s", body, err.text);
	return dialect_openai.encode(&request, &choice, &arena, &call, &err);
}

/* Whatever was cut and added: it is JSON, and no name comes twice. */
static void
check_object(struct str text)
{
	struct skim_iter it;
	struct skim_value v, twice;
	struct skim_wanted wanted = { NULL, &twice };
	struct str key;
	char name[64];

	skim_iter_init(&it, text);
	while (skim_iter_next(&it, &key, &v) == 1) {
		snprintf(name, sizeof(name), STR_FMT, STR_ARG(key));
		wanted.key = name;
		if (skim(text, &wanted, 1, NULL, &err) != 0)
			fail_msg(STR_FMT ": %s", STR_ARG(text), err.text);
	}
}

static void
joined(struct buf *b)
{
	size_t n = 0;

	buf_init(b, 64 << 20);
	for (size_t i = 0; i < call.piece_count; i++) {
		buf_add_str(b, call.pieces[i]);
		n += call.pieces[i].n;
	}
	assert_int_equal(n, call.body_bytes);
	check_object(buf_str(b));
}

static void
assert_body(enum wire_api api, const char *body, const char *want)
{
	struct buf b;

	if (encode(api, body) != 0)
		fail_msg("%s: %s", body, err.text);
	joined(&b);
	assert_string_equal(buf_cstr(&b), want);
	buf_fini(&b);
}

/* A chat body: model first, then these members. */
#define M             "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]"
#define CHAT(members) "{\"model\":\"a\"," M members "}"
#define SENT(members) "{\"model\":\"up\"," M members "}"

static void
test_only_the_model_changes(void **state)
{
	(void)state;
	use(&openai);
	assert_body(WIRE_CHAT, CHAT(""), SENT(""));
	/* Blanks, order, escapes, odd numbers and unknown fields stay. */
	assert_body(WIRE_CHAT,
	    " {\n  \"seed\" : 18446744073709551615 , " M ",\t\"model\" : "
	    "\"a\\u0062\" ,\"x\":1e400,\"y\":\"\\ud800\"\n } ",
	    " {\n  \"seed\" : 18446744073709551615 , " M ",\t\"model\" : "
	    "\"up\" ,\"x\":1e400,\"y\":\"\\ud800\"\n } ");
	deployment.upstream_model = "odd \"name\"\\";
	assert_body(WIRE_CHAT, CHAT(""),
	    "{\"model\":\"odd \\\"name\\\"\\\\\"," M "}");
	/* The plan's name for it wins (wildcards). */
	choice.upstream_model = "other";
	assert_body(WIRE_CHAT, CHAT(""), "{\"model\":\"other\"," M "}");
	assert_int_equal(call.piece_count, 3);
}

static void
test_unknown_fields_pass_byte_for_byte(void **state)
{
	struct buf body, want, got;

	(void)state;
	use(&openai);
	buf_init(&body, 1 << 20);
	buf_init(&want, 1 << 20);
	buf_add_cstr(&body, "{\"model\":\"a\"," M);
	buf_add_cstr(&want, "{\"model\":\"up\"," M);
	for (int i = 0; i < 500; i++) {
		buf_printf(&body, ",\"f%d\": [%d ,{\"k\":1e%d}]", i, i, i);
		buf_printf(&want, ",\"f%d\": [%d ,{\"k\":1e%d}]", i, i, i);
	}
	buf_add_char(&body, '}');
	buf_add_char(&want, '}');
	assert_int_equal(encode(WIRE_CHAT, buf_cstr(&body)), 0);
	assert_int_equal(call.piece_count, 3);
	buf_init(&got, 1 << 20);
	for (size_t i = 0; i < call.piece_count; i++)
		buf_add_str(&got, call.pieces[i]);
	assert_string_equal(buf_cstr(&got), buf_cstr(&want));
	buf_fini(&body);
	buf_fini(&want);
	buf_fini(&got);
}

static void
test_usage_is_asked_for_on_streams(void **state)
{
	(void)state;
	use(&openai);
	assert_body(WIRE_CHAT, CHAT(",\"stream\":true"),
	    SENT(",\"stream\":true,\"stream_options\":{\"include_usage\":"
		 "true}"));
	assert_body(WIRE_CHAT, CHAT(",\"stream\":true,\"stream_options\":null"),
	    SENT(",\"stream\":true,\"stream_options\":{\"include_usage\":"
		 "true}"));
	assert_body(WIRE_CHAT,
	    CHAT(
		",\"stream_options\":{\"include_usage\":true},\"stream\":true"),
	    SENT(",\"stream_options\":{\"include_usage\":true},\"stream\":"
		 "true"));
	assert_body(WIRE_CHAT,
	    CHAT(",\"stream\":true,\"stream_options\":{\"include_obfuscation\""
		 ": false, \"include_usage\" : false }"),
	    SENT(",\"stream\":true,\"stream_options\":{\"include_obfuscation\""
		 ": false, \"include_usage\" : true }"));
	assert_body(WIRE_CHAT,
	    CHAT(",\"stream\":true,\"stream_options\":{\"a\":1}"),
	    SENT(",\"stream\":true,\"stream_options\":{\"include_usage\":true,"
		 "\"a\":1}"));
	assert_body(WIRE_CHAT, CHAT(",\"stream\":true,\"stream_options\":{ }"),
	    SENT(",\"stream\":true,\"stream_options\":{\"include_usage\":true "
		 "}"));
	/* Not a stream: as the client wrote it. */
	assert_body(WIRE_CHAT,
	    CHAT(",\"stream\":false,\"stream_options\":{\"a\":1}"),
	    SENT(",\"stream\":false,\"stream_options\":{\"a\":1}"));
	assert_body(WIRE_COMPLETIONS,
	    "{\"model\":\"a\",\"prompt\":\"x\",\"stream\":true}",
	    "{\"model\":\"up\",\"prompt\":\"x\",\"stream\":true,"
	    "\"stream_options\":{\"include_usage\":true}}");
	use(&mistral);
	assert_body(WIRE_CHAT,
	    CHAT(
		",\"stream\":true,\"stream_options\":{\"include_usage\":true}"),
	    SENT(",\"stream\":true"));
	assert_body(WIRE_CHAT, CHAT(",\"stream\":true"),
	    SENT(",\"stream\":true"));
}

static void
test_the_lowered_limit(void **state)
{
	(void)state;
	use(&openai);
	choice.max_tokens = 16;
	assert_body(WIRE_CHAT, CHAT(",\"max_tokens\":900"),
	    SENT(",\"max_tokens\":16"));
	assert_int_equal(call.max_tokens, 16);
	assert_body(WIRE_CHAT, CHAT(",\"max_completion_tokens\" : 900 "),
	    SENT(",\"max_completion_tokens\" : 16 "));
	assert_body(WIRE_CHAT,
	    CHAT(",\"max_tokens\":5000,\"max_completion_tokens\":900"),
	    SENT(",\"max_tokens\":16,\"max_completion_tokens\":16"));
	/* None given: added, under the name that host takes for all. */
	assert_body(WIRE_CHAT, CHAT(""), SENT(",\"max_completion_tokens\":16"));
	assert_body(WIRE_CHAT, CHAT(",\"max_tokens\":null"),
	    SENT(",\"max_completion_tokens\":16"));
	assert_body(WIRE_COMPLETIONS, "{\"model\":\"a\"}",
	    "{\"model\":\"up\",\"max_tokens\":16}");
	assert_body(WIRE_EMBEDDINGS, "{\"model\":\"a\",\"input\":\"x\"}",
	    "{\"model\":\"up\",\"input\":\"x\"}");
	use(&vllm);
	choice.max_tokens = 16;
	assert_body(WIRE_CHAT, CHAT(""), SENT(",\"max_tokens\":16"));
	use(&openai);
	assert_body(WIRE_CHAT, CHAT(",\"max_tokens\":9"),
	    SENT(",\"max_tokens\":9"));
	assert_int_equal(call.max_tokens, CONFIG_UNSET);
}

static void
test_extras_are_cut_with_their_commas(void **state)
{
	(void)state;
	use(&openai);
	assert_body(WIRE_CHAT, CHAT(",\"fallbacks\":[\"b\"]"), SENT(""));
	assert_body(WIRE_CHAT, "{\"ttl\":1,\"model\":\"a\"," M "}", SENT(""));
	assert_body(WIRE_CHAT,
	    "{ \"ttl\" : 1 , \"cache\":{} ,\"model\":\"a\" , \"tags\":[] , " M
	    " , \"timeout\":3 , \"no-log\":true }",
	    "{ \"model\":\"up\" , " M " }");
	assert_body(WIRE_CHAT, CHAT(",\"metadata\":{\"a\":\"b\"},\"mock_x\":1"),
	    SENT(",\"metadata\":{\"a\":\"b\"}"));
	assert_body(WIRE_CHAT, CHAT(",\"metadata\":{\"tags\":[\"t\"]}"),
	    SENT(""));
	assert_body(WIRE_CHAT, CHAT(",\"\\u0066allbacks\":[]"), SENT(""));
	assert_body(WIRE_CHAT, CHAT(",\"priority\":1,\"extra_body\":{\"a\":1}"),
	    SENT(""));
	use(&vllm);
	assert_body(WIRE_CHAT, CHAT(",\"priority\":1,\"extra_body\":{\"a\":1}"),
	    SENT(",\"priority\":1"));
	use(&gemini);
	assert_body(WIRE_CHAT, CHAT(",\"priority\":1,\"extra_body\":{\"a\":1}"),
	    SENT(",\"extra_body\":{\"a\":1}"));
}

/* More changes than pieces: every second member is cut. */
static void
test_many_changes_still_fit(void **state)
{
	struct buf body, got;

	(void)state;
	use(&openai);
	buf_init(&body, 1 << 20);
	buf_add_cstr(&body, "{\"model\":\"a\"," M);
	for (int i = 0; i < 400; i++)
		buf_printf(&body, ",\"mock_%d\":%d,\"f%d\":%d", i, i, i, i);
	buf_add_char(&body, '}');
	assert_int_equal(encode(WIRE_CHAT, buf_cstr(&body)), 0);
	assert_int_equal(call.piece_count, 1);
	joined(&got);
	assert_null(strstr(buf_cstr(&got), "mock_"));
	assert_non_null(strstr(buf_cstr(&got), ",\"f398\":398,\"f399\":399}"));
	buf_fini(&body);
	buf_fini(&got);
}

static void
test_defaults_and_extra_body(void **state)
{
	(void)state;
	use(&openai);
	deployment.defaults_json =
	    "{\"temperature\":0.1,\"max_tokens\":99,\"top_p\":1}";
	assert_body(WIRE_CHAT, CHAT(",\"top_p\":0.5"),
	    SENT(",\"top_p\":0.5,\"temperature\":0.1,\"max_tokens\":99"));
	/* The client's limit under its other name counts as set. */
	assert_body(WIRE_CHAT, CHAT(",\"max_completion_tokens\":5"),
	    SENT(",\"max_completion_tokens\":5,\"temperature\":0.1,"
		 "\"top_p\":1"));
	choice.max_tokens = 16;
	assert_body(WIRE_CHAT, CHAT(""),
	    SENT(",\"max_completion_tokens\":16,\"temperature\":0.1,"
		 "\"top_p\":1"));
	/* The operator's members win; what the gateway decides is not theirs.
	 */
	use(&vllm);
	deployment.defaults_json = "{\"top_k\":1,\"seed\":2}";
	deployment.extra_body_json =
	    "{\"top_k\": 40 ,\"model\":\"evil\",\"stream\":true,\"min_p\":0.1}";
	assert_body(WIRE_CHAT, CHAT(",\"min_p\":0.9,\"top_k\":3"),
	    SENT(",\"top_k\": 40,\"min_p\":0.1,\"seed\":2"));
}

static void
test_providers_take_what_they_know(void **state)
{
	(void)state;
	use(&mistral);
	assert_body(WIRE_CHAT,
	    CHAT(",\"seed\":7,\"max_completion_tokens\":5,\"user\":\"u\","
		 "\"logprobs\":false,\"store\":null,\"temperature\":1"),
	    SENT(",\"random_seed\":7,\"max_tokens\":5,\"temperature\":1"));
	/* Both limits: the one that counts keeps its value. */
	assert_body(WIRE_CHAT,
	    CHAT(",\"max_tokens\":9,\"max_completion_tokens\":5"),
	    SENT(",\"max_tokens\":5"));
	assert_body(WIRE_CHAT,
	    CHAT(",\"max_completion_tokens\":5,\"max_tokens\":9"),
	    SENT(",\"max_tokens\":5"));
	assert_body(WIRE_CHAT, CHAT(",\"seed\":7,\"random_seed\":8"),
	    SENT(",\"random_seed\":8"));
	choice.max_tokens = 3;
	assert_body(WIRE_CHAT,
	    CHAT(",\"max_completion_tokens\":5,\"max_tokens\":9"),
	    SENT(",\"max_tokens\":3"));
	use(&mistral);
	deployment.defaults_json = "{\"seed\":1}";
	assert_body(WIRE_CHAT, CHAT(""), SENT(",\"random_seed\":1"));
	assert_body(WIRE_EMBEDDINGS,
	    "{\"model\":\"a\",\"input\":\"x\",\"dimensions\":3}",
	    "{\"model\":\"up\",\"input\":\"x\",\"output_dimension\":3,"
	    "\"random_seed\":1}");
	use(&ollama);
	assert_body(WIRE_CHAT, CHAT(",\"max_completion_tokens\":5"),
	    SENT(",\"max_tokens\":5"));
	use(&gemini);
	assert_body(WIRE_CHAT,
	    CHAT(",\"user\":\"u\",\"metadata\":{\"a\":\"b\"},\"seed\":1"),
	    SENT(",\"seed\":1"));
	assert_int_equal(encode(WIRE_CHAT, CHAT(",\"store\":true")), -1);
	use(&openai);
	deployment.upstream_model = "o3-mini";
	assert_body(WIRE_CHAT, CHAT(",\"max_tokens\":5,\"temperature\":0"),
	    "{\"model\":\"o3-mini\"," M
	    ",\"max_completion_tokens\":5,\"temperature\":0}");
	config.drop_params = true;
	assert_body(WIRE_CHAT, CHAT(",\"max_tokens\":5,\"temperature\":0"),
	    "{\"model\":\"o3-mini\"," M ",\"max_completion_tokens\":5}");
	deployment.upstream_model = "gpt-5.1"; /* takes them again */
	assert_body(WIRE_CHAT, CHAT(",\"max_tokens\":5,\"temperature\":0"),
	    "{\"model\":\"gpt-5.1\"," M
	    ",\"max_completion_tokens\":5,\"temperature\":0}");
	deployment.upstream_model = "gpt-6.1-sol";
	assert_body(WIRE_CHAT, CHAT(",\"max_tokens\":5,\"temperature\":0"),
	    "{\"model\":\"gpt-6.1-sol\"," M
	    ",\"max_completion_tokens\":5,\"temperature\":0}");
	deployment.upstream_model = "gpt-5-chat-latest";
	assert_body(WIRE_CHAT, CHAT(",\"max_tokens\":5,\"temperature\":0"),
	    "{\"model\":\"gpt-5-chat-latest\"," M
	    ",\"max_completion_tokens\":5,\"temperature\":0}");
}

static void
test_unsupported_parameters_are_named_or_dropped(void **state)
{
	static const char body[] =
	    CHAT(",\"logprobs\":true,\"logit_bias\":{\"1\":2},\"stop\":\"x\"");

	(void)state;
	use(&mistral);
	assert_int_equal(encode(WIRE_CHAT, body), -1);
	assert_int_equal(err.code, ERR_BAD_REQUEST);
	assert_non_null(strstr(err.text,
	    "mistral does not support parameters: ['logprobs', 'logit_bias'], "
	    "for model=up. To drop these, set "));
	config.drop_params = true;
	assert_body(WIRE_CHAT, body, SENT(",\"stop\":\"x\""));
	deployment.drop_params = 0; /* nearer settings win */
	assert_int_equal(encode(WIRE_CHAT, body), -1);
	assert_body(WIRE_CHAT, CHAT(",\"drop_params\":true,\"logprobs\":true"),
	    SENT(""));
	deployment.drop_params = 1;
	assert_int_equal(encode(WIRE_CHAT,
			     CHAT(",\"drop_params\":false,\"logprobs\":true")),
	    -1);
	use(&groq);
	assert_int_equal(encode(WIRE_CHAT, CHAT(",\"n\":2")), -1);
	assert_body(WIRE_CHAT, CHAT(",\"n\":1"), SENT(""));
}

static void
test_lists_bend_the_rules(void **state)
{
	static const char *names[] = { "logprobs", "temperature", "model" };

	(void)state;
	use(&mistral);
	assert_body(WIRE_CHAT,
	    CHAT(",\"logprobs\":true,\"allowed_openai_params\":[\"logprobs\"]"),
	    SENT(",\"logprobs\":true"));
	assert_body(WIRE_CHAT,
	    CHAT(",\"stop\":\"x\",\"additional_drop_params\":[\"stop\","
		 "\"model\",\"messages\"]"),
	    SENT(""));
	deployment.allowed_openai_params.items = names;
	deployment.allowed_openai_params.count = 1;
	assert_body(WIRE_CHAT, CHAT(",\"logprobs\":true"),
	    SENT(",\"logprobs\":true"));
	deployment.additional_drop_params.items = names;
	deployment.additional_drop_params.count = 3;
	assert_body(WIRE_CHAT, CHAT(",\"logprobs\":true,\"temperature\":1"),
	    SENT(""));
}

/* ---- the head ---------------------------------------------------------- */

static const char *
header(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < call.header_count; i++) {
		if (strncasecmp(call.headers[i], name, n) == 0 &&
		    call.headers[i][n] == ':')
			return call.headers[i] + n + 2;
	}
	return NULL;
}

static void
test_address(void **state)
{
	static const struct {
		const struct provider *provider;
		const char *base;
		enum wire_api api;
		const char *body, *want;
	} rows[] = {
		{ &openai, "https://api.openai.com/v1", WIRE_CHAT, CHAT(""),
		    "https://api.openai.com/v1/chat/completions" },
		{ &openai, "", WIRE_CHAT, CHAT(""),
		    "https://api.openai.com/v1/chat/completions" },
		{ &vllm, "http://h:8000/v1", WIRE_COMPLETIONS,
		    "{\"model\":\"a\"}", "http://h:8000/v1/completions" },
		{ &ollama, "http://h:11434", WIRE_EMBEDDINGS,
		    "{\"model\":\"a\",\"input\":\"x\"}",
		    "http://h:11434/v1/embeddings" },
		{ &openai, "http://h/x/chat/completions", WIRE_CHAT, CHAT(""),
		    "http://h/x/chat/completions" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		use(rows[i].provider);
		deployment.api_base = rows[i].base;
		assert_int_equal(encode(rows[i].api, rows[i].body), 0);
		assert_string_equal(call.method, "POST");
		assert_string_equal(call.url, rows[i].want);
	}
}

static void
test_headers(void **state)
{
	struct config_pair pairs[] = { { "x-extra", "1", 0 },
		{ "user-agent", "mine/1", 0 }, { "Accept-Encoding", "gzip", 0 },
		{ "Host", "evil", 0 }, { "content-length", "0", 0 } };

	(void)state;
	use(&openai);
	choice.request_id = "r-1";
	choice.traceparent = "00-aa-bb-01";
	deployment.organization = "org-1";
	deployment.headers.items = pairs;
	deployment.headers.count = ARRAY_LEN(pairs);
	assert_int_equal(encode(WIRE_CHAT, CHAT("")), 0);
	assert_string_equal(header("Authorization"), "Bearer sk-secret");
	assert_string_equal(header("Content-Type"), "application/json");
	assert_string_equal(header("Accept"), "application/json");
	assert_string_equal(header("X-Request-Id"), "r-1");
	assert_string_equal(header("traceparent"), "00-aa-bb-01");
	assert_string_equal(header("OpenAI-Organization"), "org-1");
	assert_string_equal(header("x-extra"), "1");
	assert_string_equal(header("User-Agent"), "mine/1");
	assert_null(header("Accept-Encoding"));
	assert_null(header("Host"));
	assert_null(header("Content-Length"));
	assert_int_equal(encode(WIRE_CHAT, CHAT(",\"stream\":true")), 0);
	assert_string_equal(header("Accept"), "text/event-stream");
	use(&vllm);
	deployment.api_key = "";
	assert_int_equal(encode(WIRE_CHAT, CHAT("")), 0);
	assert_null(header("Authorization"));
	assert_non_null(strstr(header("User-Agent"), "tallygate/"));
}

static void
test_headers_that_would_start_another_are_refused(void **state)
{
	static const char *const bad[] = { "a\r\nX: y", "a\nb", "a\rb",
		"\x7f" };
	struct config_pair pair = { "x-a", "ok", 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		use(&openai);
		choice.request_id = bad[i];
		assert_int_equal(encode(WIRE_CHAT, CHAT("")), -1);
		use(&openai);
		deployment.api_key = bad[i];
		assert_int_equal(encode(WIRE_CHAT, CHAT("")), -1);
		assert_int_equal(err.code, ERR_CONFIG);
		assert_null(strstr(err.text, bad[i])); /* not the value */
		use(&openai);
		deployment.headers.items = &pair;
		deployment.headers.count = 1;
		pair.key = "x-a";
		pair.value = bad[i];
		assert_int_equal(encode(WIRE_CHAT, CHAT("")), -1);
		pair.key = bad[i];
		pair.value = "ok";
		assert_int_equal(encode(WIRE_CHAT, CHAT("")), -1);
	}
}

static void
test_too_many_headers_are_refused(void **state)
{
	struct config_pair pairs[40];
	char names[40][16];

	(void)state;
	use(&openai);
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		snprintf(names[i], sizeof(names[i]), "x-%zu", i);
		pairs[i].key = names[i];
		pairs[i].value = "v";
	}
	deployment.headers.items = pairs;
	deployment.headers.count = ARRAY_LEN(pairs);
	assert_int_equal(encode(WIRE_CHAT, CHAT("")), -1);
	assert_int_equal(err.code, ERR_CONFIG);
}

static void
test_apis_that_are_not_served(void **state)
{
	(void)state;
	use(&openai);
	assert_null(dialect_openai.relay(WIRE_API_COUNT));
	assert_null(dialect_anthropic.relay(WIRE_EMBEDDINGS));
	assert_ptr_equal(dialect_find("openai"), &dialect_openai);
	assert_null(dialect_find("klingon"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_the_model_changes),
		cmocka_unit_test(test_unknown_fields_pass_byte_for_byte),
		cmocka_unit_test(test_usage_is_asked_for_on_streams),
		cmocka_unit_test(test_the_lowered_limit),
		cmocka_unit_test(test_extras_are_cut_with_their_commas),
		cmocka_unit_test(test_many_changes_still_fit),
		cmocka_unit_test(test_defaults_and_extra_body),
		cmocka_unit_test(test_providers_take_what_they_know),
		cmocka_unit_test(
		    test_unsupported_parameters_are_named_or_dropped),
		cmocka_unit_test(test_lists_bend_the_rules),
		cmocka_unit_test(test_address),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(
		    test_headers_that_would_start_another_are_refused),
		cmocka_unit_test(test_too_many_headers_are_refused),
		cmocka_unit_test(test_apis_that_are_not_served),
	};

	return cmocka_run_group_tests(tests, arena_set_up, arena_tear_down);
}
