/*
 * Fuzz target: requests of any bytes through the translations: chat to
 * Anthropic, Anthropic to chat, responses to chat, and to Anthropic by way of
 * it, all of them to Bedrock; and through what mends them: chat for Mistral,
 * Anthropic's own. The first byte says which way, whether drop_params is on,
 * and whether a limit is lowered. Either there is a reason fit for a client, or
 * one body of valid JSON. Corpus: tests/fuzz/corpus/fuzz_translate.
 */
#include "fuzz.h"

#include "wire/dialect.h"

static const char *const models[] = { "claude-sonnet-4-5", "claude-opus-5-5",
	"claude-sonnet-4-20250514", "gpt-5" };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct skim_options deep = { .max_depth = SKIM_TOP_DEPTH };
	struct config_deployment d = { .api_base = "https://up.example",
		.api_key = "k",
		.api_version = "",
		.organization = "",
		.aws_access_key_id = "id",
		.aws_secret_access_key = "secret",
		.aws_session_token = "",
		.aws_region = "us-east-1",
		.defaults_json = "",
		.extra_body_json = "",
		.use_chat = CONFIG_UNSET };
	struct config config = { .drop_params = false };
	struct wire_choice choice = { .config = &config,
		.deployment = &d,
		.max_tokens = CONFIG_UNSET };
	struct wire_request r;
	struct wire_call call;
	struct arena arena;
	const char *param;
	struct buf body;
	struct err err = { .text = "" };
	enum wire_api api;
	bool chat, mended;

	if (size < 1)
		return 0;
	chat = (data[0] & 1) != 0;
	d.drop_params = (data[0] & 2) != 0;
	d.upstream_model = models[(data[0] >> 2) & 3];
	api = (data[0] & 16) != 0 ? WIRE_RESPONSES
	      : chat              ? WIRE_CHAT
				  : WIRE_MESSAGES;
	mended = (data[0] & 64) != 0;
	if ((data[0] & 128) != 0)
		choice.max_tokens = 2000;
	d.provider = provider_find(str_of((data[0] & 32) != 0 ? "bedrock"
					  : chat != mended    ? "anthropic"
					  : chat              ? "mistral"
							      : "hosted_vllm"));
	arena_init(&arena, 4096);
	buf_init(&body, 64 << 20);
	if (wire_request_parse(api, str_make((const char *)data + 1, size - 1),
		&arena, &r, &param, &err) == 0) {
		if (dialect_find(d.provider->dialect)
			->encode(&r, &choice, &arena, &call, &err) == 0) {
			for (size_t i = 0; i < call.piece_count; i++)
				buf_add_str(&body, call.pieces[i]);
			if (skim(buf_str(&body), NULL, 0, &deep, &err) != 0)
				abort();
		} else if (err.text[0] == '\0') {
			abort();
		}
	}
	buf_fini(&body);
	arena_fini(&arena);
	return 0;
}
