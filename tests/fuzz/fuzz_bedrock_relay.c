/*
 * Fuzz target: Converse's answers of any bytes, and AWS's event streams. The
 * first byte says the client's API, plain or stream, whether the output is
 * limited, and whether the rest is the stream's bytes or lines of "TYPE JSON"
 * that are put into messages first (no fuzzer guesses checksums). The bytes
 * whole and one by one give the same. Corpus: corpus/fuzz_bedrock_relay.
 */
#include "fuzz_relay.h"

#include "base/event_stream.h"

static const char *const bodies[] = {
	"{\"model\":\"m\",\"max_tokens\":9,\"input\":\"x\","
	"\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
	"{\"model\":\"m\",\"max_tokens\":9,\"stream\":true,\"input\":\"x\","
	"\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
};

/* Lines as messages. */
static void
frame_lines(struct str lines, struct buf *out)
{
	while (lines.n > 0) {
		struct str line = str_cut(&lines, '\n');
		struct str type = str_cut(&line, ' ');
		bool exception = str_ends(type, "Exception");
		char name[100];

		snprintf(name, sizeof(name), STR_FMT, STR_ARG(type));
		event_stream_write(out, exception ? "exception" : "event",
		    exception ? ":exception-type" : ":event-type", name, line);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum wire_api apis[] = { WIRE_CHAT, WIRE_MESSAGES,
		WIRE_RESPONSES, WIRE_CHAT };
	const struct dialect *dialect = dialect_find("bedrock");
	struct relay_options options = { .client_model = "mine",
		.upstream_model = "up",
		.request_id = "r",
		.place.deployment_id = "d",
		.chat = dialect->relay(WIRE_CHAT),
		.max_event_bytes = 1 << 20,
		.max_answer_bytes = 1 << 20 };
	struct wire_request r;
	struct fuzz_run whole, bytes;
	struct arena arena;
	const char *param;
	struct buf answer;
	struct err err;

	if (size < 1)
		return 0;
	buf_init(&answer, 1 << 20);
	if ((data[0] & 16) != 0)
		frame_lines(str_make((const char *)data + 1, size - 1),
		    &answer);
	else
		buf_add(&answer, data + 1, size - 1);
	arena_init(&arena, 4096);
	if (wire_request_parse(apis[data[0] & 3],
		str_of(bodies[(data[0] & 4) != 0]), &arena, &r, &param,
		&err) != 0)
		abort();
	options.request = &r;
	options.stop_after_tokens = (data[0] & 8) != 0 ? 5 : -1;
	fuzz_relay(dialect->relay(r.api), &options, buf_str(&answer), SIZE_MAX,
	    true, &whole);
	fuzz_relay(dialect->relay(r.api), &options, buf_str(&answer), 1, true,
	    &bytes);
	if (whole.result != bytes.result ||
	    !str_eq(buf_str(&whole.out), buf_str(&bytes.out)) ||
	    whole.facts.usage.prompt_tokens !=
		bytes.facts.usage.prompt_tokens ||
	    whole.facts.finished != bytes.facts.finished)
		abort();
	buf_fini(&whole.out);
	buf_fini(&bytes.out);
	buf_fini(&answer);
	arena_fini(&arena);
	return 0;
}
