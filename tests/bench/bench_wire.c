/*
 * What the wire layer costs: skimming, reading a request, encoding it,
 * relaying plain answers and chunks, in nanoseconds each. Takes about three
 * seconds; the best of five runs is shown.
 */
#include "base/clock.h"
#include "config/config.h"
#include "wire/dialect.h"

#define RUN_NSECS (60 * NSECS_PER_MSEC)
#define RUNS      5

static struct arena arena;
static struct err err;

struct subject {
	const char *name;
	size_t bytes; /* 0: no rate */
	void (*once)(void *arg);
	void *arg;
};

static void
measure(const struct subject *s)
{
	double best = 0;

	for (int run = 0; run < RUNS; run++) {
		int64_t start = clock_mono_nsecs(), spent;
		int64_t n = 0;
		double each;

		do {
			for (int i = 0; i < 16; i++)
				s->once(s->arg);
			n += 16;
			spent = clock_mono_nsecs() - start;
		} while (spent < RUN_NSECS);
		each = (double)spent / (double)n;
		if (best == 0 || each < best)
			best = each;
	}
	printf("%-34s %10.0f ns", s->name, best);
	if (s->bytes > 0)
		printf("  %8zu bytes  %6.2f GB/s", s->bytes,
		    (double)s->bytes / best);
	putchar('\n');
}

/* ---- texts ------------------------------------------------------------- */

/* A chat body of about n bytes: text, repeated, with a tool. */
static void
make_chat(struct buf *b, const char *text, size_t n, bool stream)
{
	buf_init(b, n + 65536);
	buf_add_cstr(b, "{\"model\":\"primary-agent-model\",\"messages\":["
			"{\"role\":\"system\",\"content\":\"You are a helpful "
			"assistant. Use the tools when they help.\"},"
			"{\"role\":\"user\",\"content\":\"");
	while (b->len + 600 < n)
		buf_add_cstr(b, text);
	buf_add_cstr(b,
	    "\"}],\"tools\":[{\"type\":\"function\",\"function\":{\"name\":"
	    "\"get_weather\",\"description\":\"Get the weather\","
	    "\"parameters\":{\"type\":\"object\",\"properties\":{\"city\":{"
	    "\"type\":\"string\",\"description\":\"The city\"}},"
	    "\"required\":[\"city\"]}}}],\"temperature\":0.7,"
	    "\"max_tokens\":512,\"user\":\"u-1\"");
	buf_add_cstr(b, stream ? ",\"stream\":true}" : "}");
}

static const char chunk[] =
    "data: {\"id\":\"chatcmpl-AbCdEfGhIjKlMnOpQrStUvWx\",\"object\":"
    "\"chat.completion.chunk\",\"created\":1763810290,\"model\":"
    "\"gpt-4o-mini-2024-07-18\",\"service_tier\":\"default\","
    "\"system_fingerprint\":\"fp_560af6e559\",\"choices\":[{\"index\":0,"
    "\"delta\":{\"content\":\" weather\"},\"logprobs\":null,"
    "\"finish_reason\":null}],\"usage\":null}\n\n";

static const char answer[] =
    "{\"id\":\"chatcmpl-AbCdEfGhIjKlMnOpQrStUvWx\",\"object\":"
    "\"chat.completion\",\"created\":1763810290,\"model\":"
    "\"gpt-4o-mini-2024-07-18\",\"choices\":[{\"index\":0,\"message\":{"
    "\"role\":\"assistant\",\"content\":\"It is 18 degrees and sunny in "
    "Paris today, with a light wind from the west; in the evening some clouds "
    "may come up, but no rain is to be expected before the weekend.\","
    "\"refusal\":null,\"annotations\":[]},\"logprobs\":null,"
    "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":82,"
    "\"completion_tokens\":37,\"total_tokens\":119,"
    "\"prompt_tokens_details\":{\"cached_tokens\":0,\"audio_tokens\":0},"
    "\"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":0,"
    "\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}},"
    "\"service_tier\":\"default\",\"system_fingerprint\":\"fp_560af6e559\"}";

/* ---- subjects ---------------------------------------------------------- */

static void
once_skim(void *arg)
{
	struct skim_value model, messages, stream;
	const struct skim_wanted wanted[] = { { "model", &model },
		{ "messages", &messages }, { "stream", &stream } };

	if (skim(*(struct str *)arg, wanted, 3, NULL, &err) != 0)
		abort();
}

static struct wire_request request;

static void
once_parse(void *arg)
{
	const char *param;

	arena_reset(&arena);
	if (wire_request_parse(WIRE_CHAT, *(struct str *)arg, &arena, &request,
		&param, &err) != 0)
		abort();
}

static const struct provider provider = { "openai", "openai",
	"https://api.openai.com/v1", "", "", AUTH_BEARER, 0, "OpenAI" };
static struct config config;
static struct config_deployment deployment = { .provider = &provider,
	.upstream_model = "gpt-4o-mini",
	.api_base = "https://api.openai.com/v1",
	.api_key = "sk-0123456789012345678901234567890123456789",
	.organization = "",
	.defaults_json = "",
	.extra_body_json = "",
	.drop_params = CONFIG_UNSET,
	.use_chat = CONFIG_UNSET };

static void
once_encode(void *arg)
{
	struct wire_choice choice = { .config = &config,
		.deployment = &deployment,
		.max_tokens = 100,
		.request_id = "req-0123456789" };
	struct wire_call call;

	once_parse(arg);
	if (dialect_openai.encode(&request, &choice, &arena, &call, &err) != 0)
		abort();
}

static struct relay_options options = { .request = &request,
	.client_model = "primary-agent-model",
	.upstream_model = "gpt-4o-mini",
	.max_event_bytes = 1 << 20,
	.max_answer_bytes = 1 << 20,
	.stop_after_tokens = -1 };
static struct buf out;

static void
once_plain(void *arg)
{
	struct relay relay;

	(void)arg;
	buf_clear(&out);
	if (relay_open(&relay, dialect_openai.relay(WIRE_CHAT), &options,
		&err) != 0 ||
	    relay.ops->feed(&relay, str_of(answer), &out, &err) != 0 ||
	    relay.ops->finish(&relay, &out, &err) != 0)
		abort();
	relay_close(&relay);
}

static void
once_chunk(void *arg)
{
	struct relay *relay = arg;

	buf_clear(&out);
	if (relay->ops->feed(relay, str_make(chunk, sizeof(chunk) - 1), &out,
		&err) != 0)
		abort();
}

/* Every event cut in two, as reads may do. */
static void
once_cut_chunk(void *arg)
{
	struct relay *relay = arg;

	buf_clear(&out);
	if (relay->ops->feed(relay, str_make(chunk, 100), &out, &err) != 0 ||
	    relay->ops->feed(relay, str_make(chunk + 100, sizeof(chunk) - 101),
		&out, &err) != 0)
		abort();
}

static void
bench_skim(const char *name, const char *text, size_t n)
{
	struct buf b;
	struct str s;
	struct subject subject = { name, 0, once_skim, &s };

	make_chat(&b, text, n, false);
	s = buf_str(&b);
	subject.bytes = s.n;
	measure(&subject);
	buf_fini(&b);
}

static void
bench_request(size_t n)
{
	char names[2][40];
	struct buf b;
	struct str s;
	struct subject parse = { names[0], 0, once_parse, &s };
	struct subject encode = { names[1], 0, once_encode, &s };

	make_chat(&b, "The quick brown fox. ", n, true);
	s = buf_str(&b);
	parse.bytes = encode.bytes = s.n;
	snprintf(names[0], sizeof(names[0]), "request, %zu bytes", s.n);
	snprintf(names[1], sizeof(names[1]), "request + encode, %zu bytes",
	    s.n);
	measure(&parse);
	measure(&encode);
	buf_fini(&b);
}

static void
bench_relays(void)
{
	struct subject plain = { "plain relay", sizeof(answer) - 1, once_plain,
		NULL };
	struct relay relay;
	struct subject whole = { "stream relay, per chunk", sizeof(chunk) - 1,
		once_chunk, &relay };
	struct subject cut = { "stream relay, per chunk cut in two",
		sizeof(chunk) - 1, once_cut_chunk, &relay };
	struct str body = str_of("{\"model\":\"m\",\"messages\":[1]}");

	buf_init(&out, 1 << 20);
	once_parse(&body);
	measure(&plain);
	body = str_of("{\"model\":\"m\",\"messages\":[1],\"stream\":true}");
	once_parse(&body);
	if (relay_open(&relay, dialect_openai.relay(WIRE_CHAT), &options,
		&err) != 0)
		abort();
	measure(&whole);
	measure(&cut);
	relay_close(&relay);
	buf_fini(&out);
}

int
main(void)
{
	arena_init(&arena, 8192);
	bench_skim("skim, chat 1.2 KB", "Some words to fill it. ", 1200);
	bench_skim("skim, chat 100 KB", "Some words to fill it. ", 100000);
	bench_skim("skim, 100 KB with escapes", "a line of code;\\n\\t",
	    100000);
	bench_skim("skim, 100 KB Cyrillic",
	    "\xd0\xb1\xd1\x8b\xd1\x81\xd1\x82\xd1\x80\xd0\xb0\xd1\x8f ",
	    100000);
	bench_skim("skim, 2 MB", "Some words to fill it. ", 2000000);
	bench_request(1200);
	bench_request(100000);
	bench_relays();
	arena_fini(&arena);
	return 0;
}
