/*
 * The OpenAI relay: whole or in pieces, the same bytes and facts; what it
 * gives out is JSON, or events whose data is JSON or [DONE]. The input's first
 * byte chooses the request and the limit.
 */
#include "fuzz_relay.h"

#include "config/config.h"

#define BODY "{\"model\":\"m\",\"messages\":[1]"
static const char asks_usage[] = BODY
    ",\"stream\":true,\"stream_options\":{\"include_usage\":true},\"n\":2}";
static const char completions[] =
    "{\"model\":\"m\",\"prompt\":\"x\",\"stream\":true}";
static const char *const requests[] = {
	BODY "}",
	BODY ",\"stream\":true}",
	asks_usage,
	completions,
};

static void
relay_text(const struct wire_request *r, int64_t limit, struct str text,
    size_t piece, struct fuzz_run *run)
{
	struct relay_options o = { .request = r,
		.client_model = "mine",
		.upstream_model = "up",
		.max_event_bytes = 1 << 20,
		.max_answer_bytes = 1 << 20,
		.stop_after_tokens = limit };

	fuzz_relay(dialect_openai.relay(r->api), &o, text, piece, false, run);
	fuzz_check_reason(run);
}

static void
check_stream(struct str out)
{
	struct err err;

	while (out.n > 0) {
		struct str line = str_cut(&out, '\n');

		if (line.n == 0 || line.p[0] == ':' ||
		    str_is(line, "data: [DONE]"))
			continue;
		FUZZ_CHECK(str_starts(line, "data: {"));
		line.p += 6;
		line.n -= 6;
		FUZZ_CHECK(skim(line, NULL, 0, NULL, &err) == 0);
	}
}

static void
check_same(const struct fuzz_run *a, const struct fuzz_run *b)
{
	FUZZ_CHECK(a->result == b->result);
	FUZZ_CHECK(a->result == 0 || a->code == b->code);
	FUZZ_CHECK(str_eq(buf_str(&a->out), buf_str(&b->out)));
	FUZZ_CHECK(a->facts.finished == b->facts.finished);
	FUZZ_CHECK(a->facts.first_token == b->facts.first_token);
	FUZZ_CHECK(a->facts.stopped == b->facts.stopped);
	FUZZ_CHECK(a->facts.delivered_bytes == b->facts.delivered_bytes);
	FUZZ_CHECK(
	    a->facts.usage.prompt_tokens == b->facts.usage.prompt_tokens);
	FUZZ_CHECK(a->facts.usage.source == b->facts.usage.source);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_run whole, bytes, pieces;
	const char *param = NULL;
	struct wire_request r;
	struct arena arena;
	struct str text;
	struct err err;
	int64_t limit;
	unsigned which;

	if (size == 0)
		return 0;
	which = data[0] & 3;
	limit = (data[0] & 4) != 0 ? data[0] >> 4 : CONFIG_UNSET;
	arena_init(&arena, 1024);
	FUZZ_CHECK(wire_request_parse(which == 3 ? WIRE_COMPLETIONS : WIRE_CHAT,
		       str_of(requests[which]), &arena, &r, &param, &err) == 0);
	text = fuzz_text(data + 1, size - 1);
	relay_text(&r, limit, text, SIZE_MAX, &whole);
	relay_text(&r, limit, text, 1, &bytes);
	relay_text(&r, limit, text, 0, &pieces);
	check_same(&whole, &bytes);
	check_same(&whole, &pieces);
	if (which != 0)
		check_stream(buf_str(&whole.out));
	else if (whole.out.len > 0)
		FUZZ_CHECK(skim(buf_str(&whole.out), NULL, 0, NULL, &err) == 0);
	buf_fini(&whole.out);
	buf_fini(&bytes.out);
	buf_fini(&pieces.out);
	free((void *)(uintptr_t)text.p);
	arena_fini(&arena);
	return 0;
}
