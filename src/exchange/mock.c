/*
 * mock_response: a deployment that answers without a provider, as LiteLLM's
 * users test with it (notes on LiteLLM, section 1.2.3): a text becomes the
 * answer, a map is the whole answer, a few exact strings are failures. The
 * answer goes through the same relay as a provider's. So does the estimate
 * that stands for a count of tokens where the provider cannot count. What a
 * client wants played (its own mock_response, mock_testing_...) says nothing
 * about the deployment: no breaker hears of it.
 */
#include "base/clock.h"
#include "base/jsonw.h"
#include "exchange/exchange.h"
#include "wire/messages/count_relay.h"

/* LiteLLM's usage for every mock. */
#define MOCK_PROMPT_TOKENS     10
#define MOCK_COMPLETION_TOKENS 20

static const struct {
	const char *text;
	int status;
	enum outcome outcome;
} failures[] = {
	{ "litellm.RateLimitError", 429, OUTCOME_RATE_LIMIT },
	{ "litellm.ContextWindowExceededError", 400, OUTCOME_CONTEXT_LENGTH },
	{ "litellm.InternalServerError", 500, OUTCOME_SERVER_ERROR },
	{ "Exception: content_filter_policy", 400, OUTCOME_CONTENT_POLICY },
};

/* The request's own text goes before the deployment's. */
static const char *
text_of(const struct attempt *a)
{
	const char *own = a->x->request.mock_response;

	return own != NULL ? own : a->deployment->config->mock_response;
}

bool
attempt_is_mock(const struct attempt *a)
{
	return text_of(a) != NULL;
}

static void
write_usage(struct jsonw *w)
{
	jsonw_key(w, "usage");
	jsonw_open(w, '{');
	jsonw_key(w, "prompt_tokens");
	jsonw_int(w, MOCK_PROMPT_TOKENS);
	jsonw_key(w, "completion_tokens");
	jsonw_int(w, MOCK_COMPLETION_TOKENS);
	jsonw_key(w, "total_tokens");
	jsonw_int(w, MOCK_PROMPT_TOKENS + MOCK_COMPLETION_TOKENS);
	jsonw_close(w, '}');
}

static void
write_head(struct jsonw *w, const struct attempt *a, bool chunk)
{
	jsonw_open(w, '{');
	jsonw_key(w, "id");
	jsonw_str(w, str_of(a->x->request_id));
	jsonw_key(w, "object");
	jsonw_cstr(w, chunk ? "chat.completion.chunk" : "chat.completion");
	jsonw_key(w, "created");
	jsonw_int(w, a->x->started_wall_nsecs / NSECS_PER_SEC);
	jsonw_key(w, "model");
	jsonw_cstr(w, a->deployment->config->upstream_model);
}

/* {"index":0,"message"|"delta":{"role":...,"content":text},"finish_reason"} */
static void
write_choice(struct jsonw *w, bool chunk, const char *text, bool finish)
{
	jsonw_key(w, "choices");
	jsonw_open(w, '[');
	jsonw_open(w, '{');
	jsonw_key(w, "index");
	jsonw_int(w, 0);
	jsonw_key(w, chunk ? "delta" : "message");
	jsonw_open(w, '{');
	if (text != NULL) {
		jsonw_key(w, "role");
		jsonw_cstr(w, "assistant");
		jsonw_key(w, "content");
		jsonw_cstr(w, text);
	}
	jsonw_close(w, '}');
	jsonw_key(w, "finish_reason");
	jsonw_cstr(w, finish ? "stop" : NULL);
	jsonw_close(w, '}');
	jsonw_close(w, ']');
}

static void
write_plain(const struct attempt *a, struct buf *out)
{
	struct jsonw w;

	jsonw_init(&w, out);
	write_head(&w, a, false);
	write_choice(&w, false, text_of(a), true);
	write_usage(&w);
	jsonw_close(&w, '}');
}

static void
write_stream(const struct attempt *a, struct buf *out)
{
	const char *text = text_of(a);
	struct jsonw w;

	for (int i = 0; i < 3; i++) {
		buf_add_cstr(out, "data: ");
		jsonw_init(&w, out);
		write_head(&w, a, true);
		if (i < 2) {
			write_choice(&w, true, i == 0 ? text : NULL, i == 1);
		} else {
			jsonw_key(&w, "choices");
			jsonw_open(&w, '[');
			jsonw_close(&w, ']');
			write_usage(&w);
		}
		jsonw_close(&w, '}');
		buf_add_cstr(out, "\n\n");
	}
	buf_add_cstr(out, "data: [DONE]\n\n");
}

static void
fail_with(struct attempt *a, int status, enum outcome outcome,
    const char *whence, const char *text)
{
	struct arena *arena = &a->x->arena;

	a->head.status = status;
	a->judged = true;
	a->plain_body = true;
	a->error = arena_alloc(arena, sizeof(*a->error));
	a->error->outcome = outcome;
	a->error->status = status;
	attempt_set_outcome(a, outcome,
	    arena_printf(arena, "%s: %.200s", whence, text));
}

static bool
is_failure(struct attempt *a)
{
	const char *text = text_of(a);

	for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
		if (!str_starts(str_of(text), failures[i].text))
			continue;
		fail_with(a, failures[i].status, failures[i].outcome,
		    "mock_response", text);
		return true;
	}
	return false;
}

/* As if a provider had been asked and had answered at once. */
static void
set_answered(struct attempt *a)
{
	a->started_nsecs = a->head_nsecs = clock_mono_nsecs();
	a->has_head = true;
	a->head.status = 200;
	a->head.should_retry = -1;
	a->ended = true;
	a->ended_nsecs = clock_mono_nsecs();
	a->result.end = UPSTREAM_DONE;
}

static void
give_answer(struct attempt *a, struct str answer)
{
	struct err err;

	a->answer_bytes = answer.n;
	if (a->relay.ops->feed(&a->relay, answer, a->out, &err) != 0)
		attempt_relay_failed(a, &err);
	else
		attempt_finish_relay(a);
}

int
attempt_start_count(struct attempt *a, struct err *err)
{
	struct buf answer;

	set_answered(a);
	if (attempt_open_relay(a, false) != 0) {
		*err = *a->relay_err;
		return -1;
	}
	buf_init(&answer, 256);
	count_answer_write(&a->x->request, &answer);
	give_answer(a, buf_str(&answer));
	buf_fini(&answer);
	return 0;
}

int
attempt_start_mock(struct attempt *a, struct err *err)
{
	const struct config_deployment *d = a->deployment->config;
	bool own = a->x->request.mock_response != NULL;
	bool is_json = d->mock_is_json && !own;
	bool is_stream = a->x->request.stream && !is_json;
	struct buf answer;

	set_answered(a);
	a->played = own;
	if (is_failure(a))
		return 0;
	if (attempt_open_relay(a, is_stream) != 0) {
		*err = *a->relay_err;
		return -1;
	}
	buf_init(&answer, 16 * 1024 * 1024);
	if (is_json)
		buf_add_cstr(&answer, d->mock_response);
	else if (is_stream)
		write_stream(a, &answer);
	else
		write_plain(a, &answer);
	give_answer(a, buf_str(&answer));
	a->first_token_nsecs = clock_mono_nsecs();
	buf_fini(&answer);
	return 0;
}

/* ---- failures that the client wants to see ------------------------------ */

bool
attempt_play(struct attempt *a)
{
	static const struct {
		int status;
		enum outcome outcome;
		const char *text;
	} plays[] = {
		[PLAY_FALLBACKS] = { 500, OUTCOME_SERVER_ERROR,
		    "mock_testing_fallbacks" },
		[PLAY_CONTEXT] = { 400, OUTCOME_CONTEXT_LENGTH,
		    "mock_testing_context_fallbacks" },
		[PLAY_POLICY] = { 400, OUTCOME_CONTENT_POLICY,
		    "mock_testing_content_policy_fallbacks" },
		[PLAY_RATE_LIMIT] = { 429, OUTCOME_RATE_LIMIT,
		    "mock_testing_rate_limit_error" },
		[PLAY_TIMEOUT] = { 408, OUTCOME_TIMEOUT_TOTAL, "mock_timeout" },
	};
	enum wire_play play = a->x->request.play;

	if (play == PLAY_NOTHING || a->x->attempt_count > 1)
		return false;
	set_answered(a);
	a->played = true;
	fail_with(a, plays[play].status, plays[play].outcome, "played",
	    plays[play].text);
	return true;
}
