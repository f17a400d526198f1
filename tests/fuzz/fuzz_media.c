/*
 * Answers of the APIs beside chat: whole or in pieces, the same bytes and
 * facts; JSON stays JSON, embeddings in both forms too. The input's first byte
 * chooses the API and the type. Corpus: tests/fuzz/corpus/fuzz_media.
 */
#include "fuzz_relay.h"

#include "config/config.h"

static const struct {
	enum wire_api api;
	const char *request, *type;
} kinds[] = {
	{ WIRE_MODERATIONS, "{\"model\":\"m\",\"input\":\"x\"}", "" },
	{ WIRE_IMAGES, "{\"model\":\"m\",\"prompt\":\"x\",\"n\":2}", "" },
	{ WIRE_IMAGES, "{\"model\":\"m\",\"prompt\":\"x\",\"stream\":true}",
	    "text/event-stream" },
	{ WIRE_SPEECH, "{\"model\":\"m\",\"input\":\"x\"}", "audio/mpeg" },
	{ WIRE_SPEECH, "{\"model\":\"m\",\"input\":\"x\"}",
	    "text/event-stream" },
	{ WIRE_RERANK, "{\"model\":\"m\",\"query\":\"x\"}", "" },
	{ WIRE_EMBEDDINGS,
	    "{\"model\":\"m\",\"input\":\"x\",\"encoding_format\":\"base64\"}",
	    "" },
	{ WIRE_EMBEDDINGS, "{\"model\":\"m\",\"input\":\"x\"}", "" },
};

static void
relay_text(const struct wire_request *r, const char *type, struct str text,
    size_t piece, struct fuzz_run *run)
{
	struct relay_options o = { .request = r,
		.client_model = "mine",
		.upstream_model = "up",
		.content_type = str_of(type),
		.max_event_bytes = 1 << 20,
		.max_answer_bytes = 1 << 20,
		.stop_after_tokens = CONFIG_UNSET };

	fuzz_relay(dialect_openai.relay(r->api), &o, text, piece, false, run);
	fuzz_check_reason(run);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct skim_options deep = { .max_depth = SKIM_TOP_DEPTH };
	struct fuzz_run whole, pieces;
	const char *param, *type;
	struct wire_request r;
	struct arena arena;
	struct str text;
	struct err err;
	size_t which;

	if (size == 0)
		return 0;
	which = data[0] % ARRAY_LEN(kinds);
	type = kinds[which].type;
	arena_init(&arena, 1024);
	FUZZ_CHECK(
	    wire_request_parse(kinds[which].api, str_of(kinds[which].request),
		&arena, &r, &param, &err) == 0);
	text = fuzz_text(data + 1, size - 1);
	relay_text(&r, type, text, SIZE_MAX, &whole);
	relay_text(&r, type, text, 1 + data[0] / 8, &pieces);
	FUZZ_CHECK(whole.result == pieces.result);
	FUZZ_CHECK(str_eq(buf_str(&whole.out), buf_str(&pieces.out)));
	FUZZ_CHECK(whole.facts.delivered_bytes == pieces.facts.delivered_bytes);
	FUZZ_CHECK(whole.facts.usage.images == pieces.facts.usage.images);
	FUZZ_CHECK(whole.facts.usage.source == pieces.facts.usage.source);
	if (type[0] == '\0' && whole.out.len > 0)
		FUZZ_CHECK(
		    skim(buf_str(&whole.out), NULL, 0, &deep, &err) == 0);
	buf_fini(&whole.out);
	buf_fini(&pieces.out);
	free((void *)(uintptr_t)text.p);
	arena_fini(&arena);
	return 0;
}
