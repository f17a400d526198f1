/*
 * Fuzz target: answers of any bytes through the relays that translate. The
 * first byte says which relay, plain or stream, and whether the output is
 * limited; the rest is the provider's answer. Whatever comes, the bytes whole
 * and one by one give the same, and what a client gets of a stream is whole
 * events of valid JSON. Corpus: tests/fuzz/corpus/fuzz_anthropic_relay.
 */
#include "fuzz_relay.h"

#include "wire/sse.h"

static const char *const bodies[] = {
	"{\"model\":\"m\",\"max_tokens\":9,"
	"\"input\":\"x\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
	"{\"model\":\"m\",\"max_tokens\":9,\"stream\":true,"
	"\"stream_options\":{\"include_usage\":true},\"input\":\"x\","
	"\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
};

static void
check_stream(struct str out)
{
	struct skim_options deep = { .max_depth = SKIM_TOP_DEPTH };
	struct sse_reader reader;
	struct sse_event event;
	struct err err;

	sse_reader_init(&reader, 64 << 20);
	while (sse_next(&reader, &out, &event, &err) == 1) {
		if (event.comment_only || str_is(event.data, "[DONE]"))
			continue;
		if (skim(event.data, NULL, 0, &deep, &err) != 0)
			abort();
	}
	sse_reader_fini(&reader);
}

static void
check(const struct fuzz_run *a, const struct fuzz_run *b, bool stream)
{
	struct skim_options deep = { .max_depth = SKIM_TOP_DEPTH };
	struct err err;

	if (a->result != b->result ||
	    !str_eq(buf_str(&a->out), buf_str(&b->out)))
		abort();
	if (a->facts.usage.prompt_tokens != b->facts.usage.prompt_tokens ||
	    a->facts.usage.completion_tokens !=
		b->facts.usage.completion_tokens ||
	    a->facts.finished != b->facts.finished)
		abort();
	if (stream)
		check_stream(buf_str(&a->out));
	else if (a->result == 0 &&
		 skim(buf_str(&a->out), NULL, 0, &deep, &err) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct {
		const char *provider;
		enum wire_api api;
	} kinds[] = { { "anthropic", WIRE_CHAT },
		{ "anthropic", WIRE_MESSAGES }, { "openai", WIRE_MESSAGES },
		{ "anthropic", WIRE_COUNT }, { "openai", WIRE_RESPONSES },
		{ "vllm", WIRE_RESPONSES }, { "anthropic", WIRE_RESPONSES },
		{ "openai", WIRE_RESPONSE } };
	struct config_deployment deployment = { .use_chat = CONFIG_UNSET };
	const struct provider *provider;
	const struct dialect *dialect;
	size_t kind;
	struct relay_options options = { .client_model = "mine",
		.upstream_model = "up",
		.max_event_bytes = 1 << 20,
		.max_answer_bytes = 1 << 20 };
	struct wire_request r;
	struct fuzz_run whole, bytes;
	const struct relay_ops *ops;
	struct arena arena;
	const char *param;
	struct str answer;
	struct err err;
	bool stream;

	if (size < 1)
		return 0;
	stream = (data[0] & 4) != 0;
	answer = str_make((const char *)data + 1, size - 1);
	arena_init(&arena, 4096);
	/* Bits 0, 1 and 4, so that the corpus keeps its meaning. */
	kind = (data[0] & 3U) | (data[0] >> 2 & 4U);
	provider = provider_find(str_of(kinds[kind].provider));
	dialect = dialect_find(provider->dialect);
	if (wire_request_parse(kinds[kind].api == WIRE_RESPONSE
				   ? WIRE_RESPONSES
				   : kinds[kind].api,
		str_of(bodies[stream]), &arena, &r, &param, &err) != 0)
		abort();
	r.api = kinds[kind].api;
	options.place.deployment_id = "dep";
	options.chat = dialect->relay(WIRE_CHAT);
	options.request = &r;
	options.stop_after_tokens = (data[0] & 8) != 0 ? 5 : -1;
	deployment.provider = provider;
	ops = dialect_relay(dialect, &deployment, kinds[kind].api);
	fuzz_relay(ops, &options, answer, SIZE_MAX, true, &whole);
	fuzz_relay(ops, &options, answer, 1, true, &bytes);
	check(&whole, &bytes, r.stream);
	buf_fini(&whole.out);
	buf_fini(&bytes.out);
	arena_fini(&arena);
	return 0;
}
