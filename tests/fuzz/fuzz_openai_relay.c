/*
 * The OpenAI relay: whole or in pieces, the same bytes and facts; what it
 * gives out is JSON, or events whose data is JSON or [DONE]. The input's first
 * byte chooses the request and the limit.
 */
#include "fuzz.h"

#include "config/config.h"
#include "wire/dialect.h"

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

struct run {
	struct buf out;
	struct relay_facts facts;
	int result;
	enum err_code code;
};

static void
relay_text(const struct wire_request *r, int64_t limit, struct str text,
    size_t piece, struct run *run)
{
	struct relay_options o = { .request = r,
		.client_model = "mine",
		.upstream_model = "up",
		.max_event_bytes = 1 << 20,
		.max_answer_bytes = 1 << 20,
		.stop_after_tokens = limit };
	uint32_t seed = (uint32_t)text.n;
	struct err err = { .code = ERR_NONE };
	struct relay relay;

	buf_init(&run->out, 64 << 20);
	run->result = 0;
	FUZZ_CHECK(
	    relay_open(&relay, dialect_openai.relay(r->api), &o, &err) == 0);
	while (text.n > 0 && run->result == 0) {
		size_t n = piece > 0 ? piece : 1 + fuzz_next(&seed) % 50;
		struct str part;

		n = n < text.n ? n : text.n;
		part = fuzz_text((const uint8_t *)text.p, n);
		run->result = relay.ops->feed(&relay, part, &run->out, &err);
		free((void *)(uintptr_t)part.p);
		text.p += n;
		text.n -= n;
	}
	if (run->result == 0)
		run->result = relay.ops->finish(&relay, &run->out, &err);
	if (run->out.len > 0)
		fuzz_mask(run->out.data, run->out.len);
	run->facts = relay.facts;
	run->code = err.code;
	if (run->result != 0)
		FUZZ_CHECK(relay.facts.malformed || relay.facts.error_event ||
			   err.code == ERR_UPSTREAM_CUT);
	relay_close(&relay);
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
check_same(const struct run *a, const struct run *b)
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
	struct run whole, bytes, pieces;
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
