/*
 * Requests and their encoding: whatever is taken goes upstream as JSON with
 * the upstream's model in it, once, and without what must be cut. The input's
 * first byte chooses the API, the provider and the settings. A call about a
 * kept response has no body: there the rest is its path and query.
 */
#include "fuzz.h"

#include "wire/dialect.h"
#include "wire/responses/response_call.h"

static const struct provider providers[] = {
	{ "openai", "openai", "https://api.openai.com/v1", "", "", AUTH_BEARER,
	    0, "OpenAI" },
	{ "mistral", "openai", "https://api.mistral.ai/v1", "", "", AUTH_BEARER,
	    PROVIDER_NO_STREAM_OPTIONS, "Mistral" },
	{ "hosted_vllm", "openai", "http://h/v1", "", "", AUTH_BEARER, 0,
	    "vLLM" },
	{ "ollama", "openai", "http://h/v1", "", "", AUTH_BEARER, 0, "Ollama" },
};

static void
check_body(const struct wire_request *r, const struct wire_choice *choice,
    const struct wire_call *call)
{
	struct skim_value model, stream_options, cut;
	const struct skim_wanted wanted[] = { { "model", &model },
		{ "stream_options", &stream_options }, { "fallbacks", &cut } };
	struct err err;
	struct buf b;

	buf_init(&b, 64 << 20);
	for (size_t i = 0; i < call->piece_count; i++)
		buf_add_str(&b, call->pieces[i]);
	FUZZ_CHECK(b.len == call->body_bytes);
	FUZZ_CHECK(
	    skim(buf_str(&b), wanted, ARRAY_LEN(wanted), NULL, &err) == 0);
	FUZZ_CHECK(skim_string_is(&model, "up"));
	FUZZ_CHECK(cut.type == SKIM_ABSENT);
	if ((choice->deployment->provider->flags &
		PROVIDER_NO_STREAM_OPTIONS) != 0)
		FUZZ_CHECK(stream_options.type == SKIM_ABSENT);
	else if (r->stream &&
		 (r->api == WIRE_CHAT || r->api == WIRE_COMPLETIONS) &&
		 r->additional_drop_params.type == SKIM_ABSENT &&
		 r->allowed_openai_params.type == SKIM_ABSENT)
		FUZZ_CHECK(str_find(stream_options.value, "true") > 0);
	buf_fini(&b);
}

/* What goes up for a kept response stays below the provider's /responses/. */
static void
check_kept(struct str path, const struct wire_choice *choice,
    struct arena *arena)
{
	struct str target = str_cut(&path, '?');
	struct wire_request r;
	struct wire_call call;
	struct err err;

	if (response_call_read(str_of("GET"), target, path, arena, &r, &err) !=
	    0) {
		FUZZ_CHECK(err.code == ERR_NO_RESPONSE);
		return;
	}
	FUZZ_CHECK(str_find(r.previous_response, "/") < 0);
	FUZZ_CHECK(dialect_openai.encode(&r, choice, arena, &call, &err) == 0);
	FUZZ_CHECK(strstr(call.url, "/v1/responses/") != NULL);
	FUZZ_CHECK(str_is(str_of(call.method), "GET"));
	FUZZ_CHECK(call.body_bytes == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config config = { .drop_params = false };
	struct config_deployment d = { .upstream_model = "up",
		.api_base = "",
		.api_key = "sk-1",
		.organization = "",
		.defaults_json = "",
		.extra_body_json = "",
		.drop_params = CONFIG_UNSET,
		.use_chat = CONFIG_UNSET };
	struct wire_choice choice = { .config = &config, .deployment = &d };
	const char *param = NULL;
	struct wire_request r;
	struct wire_call call;
	struct arena arena;
	struct err err;
	struct str body;
	enum wire_api api;
	uint8_t how;

	if (size == 0)
		return 0;
	how = data[0];
	body = fuzz_text(data + 1, size - 1);
	d.provider = &providers[how & 3];
	config.drop_params = (how & 4) != 0;
	choice.max_tokens = (how & 8) != 0 ? 16 : CONFIG_UNSET;
	if ((how & 16) != 0) {
		d.defaults_json = "{\"temperature\":0.5,\"max_tokens\":9}";
		d.extra_body_json = "{\"top_k\":1,\"model\":\"x\",\"n\":2}";
	}
	api = (enum wire_api)((how >> 5) % WIRE_API_COUNT);
	arena_init(&arena, 1024);
	if (api == WIRE_RESPONSE) {
		check_kept(body, &choice, &arena);
	} else if (wire_request_parse(api, body, &arena, &r, &param, &err) ==
		   0) {
		FUZZ_CHECK(r.prompt_bound_tokens >= 0);
		FUZZ_CHECK(r.prompt_bound_tokens >= r.prompt_guess_tokens ||
			   r.prompt_guess_tokens == 1 || r.api == WIRE_COUNT);
		if (dialect_openai.encode(&r, &choice, &arena, &call, &err) ==
		    0)
			check_body(&r, &choice, &call);
	} else {
		FUZZ_CHECK(err.code == ERR_BAD_JSON ||
			   err.code == ERR_BAD_REQUEST ||
			   err.code == ERR_MODEL_MISSING);
	}
	arena_fini(&arena);
	free((void *)(uintptr_t)body.p);
	return 0;
}
