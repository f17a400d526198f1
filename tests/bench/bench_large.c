/*
 * What one large body costs the thread that works on it: reading a request,
 * writing it for a provider, translating a whole answer; the worst bodies that
 * are known, of 20 MB or as many as the argument says. One run each: CPU
 * milliseconds, and microseconds for a KB.
 */
#include "base/clock.h"
#include "config/config.h"
#include "wire/dialect.h"

#include <time.h>

#define BODY_MAX (256u << 20)

static struct arena arena;
static struct err err;
static size_t body_bytes = 20 << 20;

static int64_t
cpu_nsecs(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * NSECS_PER_SEC + ts.tv_nsec;
}

static void
show(const char *what, const char *body, int64_t begun, size_t bytes)
{
	double spent = (double)(cpu_nsecs() - begun);

	printf("%-24s %-34s %8.1f ms  %6.2f us/KB\n", what, body, spent / 1e6,
	    spent / (double)bytes * 1024 / 1e3);
	fflush(stdout);
}

/* ---- bodies ------------------------------------------------------------- */

struct body {
	const char *name;
	enum wire_api api;
	const char *head, *repeated, *tail;
};

#define CHAT "{\"model\":\"m\",\"max_tokens\":9,\"messages\":["
#define TURN "{\"role\":\"user\",\"content\":"
#define TEXT CHAT TURN "\""

static const struct body requests[] = {
	{ "ASCII", WIRE_CHAT, TEXT, "The quick brown fox. ", "\"}]}" },
	{ "Cyrillic", WIRE_CHAT, TEXT, "быстрая лиса ", "\"}]}" },
	{ "escapes", WIRE_CHAT, TEXT, "a line of\\n\\t", "\"}]}" },
	{ "nothing but escapes", WIRE_CHAT, TEXT, "\\u0431\\u044b", "\"}]}" },
	{ "messages of a letter", WIRE_CHAT, CHAT, TURN "\"a\"},",
	    TURN "\"a\"}]}" },
	{ "turns by turns", WIRE_CHAT, CHAT,
	    TURN "\"a\"},{\"role\":\"assistant\",\"content\":\"b\"},",
	    TURN "\"a\"}]}" },
	{ "parts of a letter", WIRE_CHAT, CHAT TURN "[",
	    "{\"type\":\"text\",\"text\":\"a\"},",
	    "{\"type\":\"text\",\"text\":\"a\"}]}]}" },
	{ "a tool's digits", WIRE_CHAT,
	    CHAT TURN "\"a\"}],\"tools\":[{\"type\":\"function\",\"function\":{"
		      "\"name\":\"t\",\"parameters\":{\"enum\":[",
	    "1,", "1]}}}]}" },
	{ "digits", WIRE_CHAT, CHAT TURN "\"a\"}],\"x\":[", "1,", "1]}" },
	{ "digits to embed", WIRE_EMBEDDINGS, "{\"model\":\"m\",\"input\":[",
	    "1,", "1]}" },
	{ "messages of a letter", WIRE_MESSAGES, CHAT, TURN "\"a\"},",
	    TURN "\"a\"}]}" },
	{ "parts of a letter", WIRE_MESSAGES, CHAT TURN "[",
	    "{\"type\":\"text\",\"text\":\"a\"},",
	    "{\"type\":\"text\",\"text\":\"a\"}]}]}" },
	{ "items of a letter", WIRE_RESPONSES, "{\"model\":\"m\",\"input\":[",
	    TURN "\"a\"},", TURN "\"a\"}]}" },
};

#define ANSWER                                                                 \
	"{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":1,"          \
	"\"model\":\"m\",\"choices\":[{\"index\":0,\"finish_reason\":"         \
	"\"stop\",\"message\":{\"role\":\"assistant\",\"content\":\""
#define ANSWER_END                                                             \
	"\"}}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1,"        \
	"\"total_tokens\":2}}"
#define CLAUDE                                                                 \
	"{\"id\":\"c\",\"type\":\"message\",\"role\":\"assistant\",\"model\":" \
	"\"m\",\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":1,"    \
	"\"output_tokens\":1},\"content\":["
#define CONVERSE                                                               \
	"{\"stopReason\":\"end_turn\",\"usage\":{\"inputTokens\":1,"           \
	"\"outputTokens\":1,\"totalTokens\":2},\"output\":{\"message\":{"      \
	"\"role\":\"assistant\",\"content\":["
#define EMBEDDED                                                               \
	"{\"object\":\"list\",\"model\":\"m\",\"usage\":{\"prompt_tokens\":1," \
	"\"total_tokens\":1},\"data\":["
#define VECTOR  "{\"object\":\"embedding\",\"index\":0,\"embedding\":"
#define FOUR    "-0.01234567,0.02345678,-0.03456789,0.04567891"
#define NUMBERS VECTOR "[" FOUR "," FOUR "," FOUR "," FOUR "]}"
#define BASE64  VECTOR "\"AACAPwAAAEAAAEBAAACAQAAAoEAAAMBAAADgQAAAAEE=\"}"

static void
make(const struct body *b, struct buf *out)
{
	struct str piece = str_of(b->repeated);

	buf_init(out, BODY_MAX);
	if (buf_reserve(out, body_bytes) != 0)
		abort();
	buf_add_cstr(out, b->head);
	while (out->len + piece.n + strlen(b->tail) <= body_bytes)
		buf_add_str(out, piece);
	buf_add_cstr(out, b->tail);
}

/* ---- requests ----------------------------------------------------------- */

static const char *const providers[] = { "openai", "mistral", "anthropic",
	"bedrock" };
static struct config config;
static struct config_deployment deployment = { .upstream_model = "m",
	.api_base = "https://up.example",
	.api_key = "sk-0123456789",
	.base_model = "",
	.organization = "",
	.aws_access_key_id = "a",
	.aws_secret_access_key = "s",
	.aws_session_token = "",
	.aws_region = "us-east-1",
	.api_version = "",
	.family = "",
	.defaults_json = "",
	.extra_body_json = "",
	.drop_params = 1,
	.use_chat = 1 };

static void
read_body(const struct body *b, struct str bytes, struct wire_request *r)
{
	const char *param;

	arena_reset(&arena);
	if (wire_request_parse(b->api, bytes, &arena, r, &param, &err) != 0) {
		fprintf(stderr, "%s: %s\n", b->name, err.text);
		abort();
	}
}

static void
write_body(const struct body *b, const struct wire_request *r, size_t bytes,
    const char *provider)
{
	struct wire_choice choice = { .config = &config,
		.deployment = &deployment,
		.max_tokens = CONFIG_UNSET,
		.max_output_tokens = CONFIG_UNSET,
		.request_id = "req-0123456789" };
	struct wire_call call;
	char what[64];
	int64_t begun;

	deployment.provider = provider_find(str_of(provider));
	snprintf(what, sizeof(what), "%s to %s", wire_api_name(b->api),
	    provider);
	begun = cpu_nsecs();
	if (dialect_find(deployment.provider->dialect)
		->encode(r, &choice, &arena, &call, &err) != 0)
		printf("%-24s %-34s %s\n", what, b->name, err.text);
	else
		show(what, b->name, begun, bytes);
}

static void
bench_request(const struct body *b)
{
	struct wire_request r;
	struct buf bytes;
	char what[64];
	int64_t begun;

	make(b, &bytes);
	snprintf(what, sizeof(what), "%s, read", wire_api_name(b->api));
	begun = cpu_nsecs();
	read_body(b, buf_str(&bytes), &r);
	show(what, b->name, begun, bytes.len);
	for (size_t i = 0; i < ARRAY_LEN(providers); i++) {
		if (b->api != WIRE_EMBEDDINGS || i == 0)
			write_body(b, &r, bytes.len, providers[i]);
	}
	buf_fini(&bytes);
}

/* ---- answers ------------------------------------------------------------ */

static const struct answer {
	const char *provider;
	const char *asked; /* the client's */
	struct body body;  /* api: the client's */
} answers[] = {
	{ "openai", CHAT TURN "\"a\"}]}",
	    { "ASCII", WIRE_CHAT, ANSWER, "The quick brown fox. ",
		ANSWER_END } },
	{ "openai", CHAT TURN "\"a\"}]}",
	    { "nothing but escapes", WIRE_MESSAGES, ANSWER, "\\u0431\\u044b",
		ANSWER_END } },
	{ "openai", "{\"model\":\"m\",\"input\":\"a\"}",
	    { "nothing but escapes", WIRE_RESPONSES, ANSWER, "\\u0431\\u044b",
		ANSWER_END } },
	{ "anthropic", CHAT TURN "\"a\"}]}",
	    { "ASCII", WIRE_CHAT, CLAUDE "{\"type\":\"text\",\"text\":\"",
		"The quick brown fox. ", "\"}]}" } },
	{ "anthropic", CHAT TURN "\"a\"}]}",
	    { "blocks of a letter", WIRE_CHAT, CLAUDE,
		"{\"type\":\"text\",\"text\":\"a\"},",
		"{\"type\":\"text\",\"text\":\"a\"}]}" } },
	{ "bedrock", CHAT TURN "\"a\"}]}",
	    { "blocks of a letter", WIRE_CHAT, CONVERSE, "{\"text\":\"a\"},",
		"{\"text\":\"a\"}]}}}" } },
	{ "openai", "{\"model\":\"m\",\"input\":\"a\"}",
	    { "base64 to numbers", WIRE_EMBEDDINGS, EMBEDDED, BASE64 ",",
		BASE64 "]}" } },
	{ "openai",
	    "{\"model\":\"m\",\"input\":\"a\",\"encoding_format\":\"base64\"}",
	    { "numbers to base64", WIRE_EMBEDDINGS, EMBEDDED, NUMBERS ",",
		NUMBERS "]}" } },
	{ "openai", "{\"model\":\"m\",\"input\":\"a\"}",
	    { "numbers stay numbers", WIRE_EMBEDDINGS, EMBEDDED, NUMBERS ",",
		NUMBERS "]}" } },
	{ "openai", CHAT TURN "\"a\"}]}",
	    { "digits", WIRE_CHAT, ANSWER "\"}}],\"x\":[", "1,",
		"1],\"y\":[{\"z\":{\"u\":\"" ANSWER_END } },
};

static void
bench_answer(const struct answer *a)
{
	struct body ask = { "", a->body.api, a->asked, "", "" };
	const struct dialect *dialect;
	struct wire_request r;
	struct relay relay;
	struct buf bytes, out;
	char what[64];
	int64_t begun;
	int rc;

	deployment.provider = provider_find(str_of(a->provider));
	dialect = dialect_find(deployment.provider->dialect);
	read_body(&ask, str_of(a->asked), &r);
	make(&a->body, &bytes);
	buf_init(&out, BODY_MAX);
	struct relay_options options = { .request = &r,
		.client_model = "m",
		.upstream_model = "m",
		.request_id = "req",
		.place = { "d", str_of("") },
		.chat = dialect->relay(WIRE_CHAT),
		.content_type = str_of("application/json"),
		.max_event_bytes = BODY_MAX,
		.max_answer_bytes = BODY_MAX,
		.stop_after_tokens = -1 };

	if (relay_open(&relay, dialect_relay(dialect, &deployment, a->body.api),
		&options, &err) != 0)
		abort();
	snprintf(what, sizeof(what), "%s answers %s", a->provider,
	    wire_api_name(a->body.api));
	if (relay.ops->feed(&relay, buf_str(&bytes), &out, &err) != 0)
		abort();
	begun = cpu_nsecs();
	rc = relay.ops->finish(&relay, &out, &err);
	show(what, a->body.name, begun, bytes.len);
	if (rc != 0)
		printf("    %s\n", err.text);
	relay_close(&relay);
	buf_fini(&out);
	buf_fini(&bytes);
}

int
main(int argc, char **argv)
{
	if (argc > 1)
		body_bytes = (size_t)strtoul(argv[1], NULL, 10);
	arena_init(&arena, 8192);
	for (size_t i = 0; i < ARRAY_LEN(requests); i++)
		bench_request(&requests[i]);
	for (size_t i = 0; i < ARRAY_LEN(answers); i++)
		bench_answer(&answers[i]);
	arena_fini(&arena);
	return 0;
}
