/* Answers and chunks in OpenAI's and Mistral's shape. See chat_openai.h. */
#include "sim/chat_openai.h"

const char *
chat_openai_finish(enum finish finish)
{
	switch (finish) {
	case FINISH_STOP:
		return "stop";
	case FINISH_LENGTH:
		return "length";
	case FINISH_TOOLS:
		return "tool_calls";
	}
	return "stop";
}

static bool
is_mistral(const struct talk *t)
{
	return t->dialect == DIALECT_MISTRAL;
}

static bool
has(const struct talk *t, unsigned quirks)
{
	return (t->flavor->quirks & quirks) != 0;
}

/* What a finish reason is called there. */
static const char *
finish_word(const struct talk *t, bool in_stream)
{
	const char *word = chat_openai_finish(t->answer->finish);

	if (t->answer->finish == FINISH_TOOLS && in_stream &&
	    has(t, QUIRK_STOP_ON_CALLS))
		return "stop";
	return t->answer->finish == FINISH_STOP ? t->flavor->eos : word;
}

/* ---- usage -------------------------------------------------------------- */

static void
write_details(const struct usage *u, struct jsonw *w)
{
	jsonw_put_open(w, "prompt_tokens_details", '{');
	jsonw_put_int(w, "cached_tokens", u->cached_tokens);
	if (u->cache_write_tokens > 0)
		jsonw_put_int(w, "cache_write_tokens", u->cache_write_tokens);
	jsonw_put_int(w, "audio_tokens", u->audio_tokens);
	jsonw_close(w, '}');
	jsonw_put_open(w, "completion_tokens_details", '{');
	jsonw_put_int(w, "reasoning_tokens", u->reasoning_tokens);
	jsonw_put_int(w, "audio_tokens", 0);
	jsonw_put_int(w, "accepted_prediction_tokens", 0);
	jsonw_put_int(w, "rejected_prediction_tokens", 0);
	jsonw_close(w, '}');
}

/* The usage as this talk's provider writes it. */
static void
write_usage(const struct talk *t, const struct usage *u, struct jsonw *w)
{
	int64_t completion = u->completion_tokens;

	if (is_mistral(t)) {
		chat_openai_usage(u, t->dialect, w);
		return;
	}
	if (has(t, QUIRK_APART))
		completion -= u->reasoning_tokens;
	jsonw_open(w, '{');
	jsonw_put_int(w, "prompt_tokens", u->prompt_tokens);
	jsonw_put_int(w, "completion_tokens", completion);
	jsonw_put_int(w, "total_tokens",
	    u->prompt_tokens + u->completion_tokens);
	write_details(u, w);
	flavor_write_usage(t->flavor, u, w);
	jsonw_close(w, '}');
}

/* What has been told so far. */
static void
write_running_usage(const struct talk *t, struct jsonw *w)
{
	struct usage u = t->answer->usage;

	u.completion_tokens = t->told;
	if (u.reasoning_tokens > u.completion_tokens)
		u.reasoning_tokens = u.completion_tokens;
	write_usage(t, &u, w);
}

void
chat_openai_usage(const struct usage *u, enum dialect dialect, struct jsonw *w)
{
	jsonw_open(w, '{');
	jsonw_put_int(w, "prompt_tokens", u->prompt_tokens);
	jsonw_put_int(w, "completion_tokens", u->completion_tokens);
	jsonw_put_int(w, "total_tokens",
	    u->prompt_tokens + u->completion_tokens);
	if (dialect == DIALECT_MISTRAL && u->cached_tokens > 0) {
		jsonw_put_int(w, "num_cached_tokens", u->cached_tokens);
		jsonw_put_open(w, "prompt_tokens_details", '{');
		jsonw_put_int(w, "cached_tokens", u->cached_tokens);
		jsonw_close(w, '}');
	} else if (dialect != DIALECT_MISTRAL) {
		write_details(u, w);
	}
	jsonw_close(w, '}');
}

static void
write_id(const struct talk *t, struct jsonw *w)
{
	talk_put_id(w, "id", is_mistral(t) ? "" : "chatcmpl-", t->id);
}

/* Members that answers and chunks begin with. */
static void
write_opening(const struct talk *t, const char *object, struct jsonw *w)
{
	write_id(t, w);
	jsonw_put_cstr(w, "object", object);
	jsonw_put_int(w, "created", t->created_secs);
	jsonw_key(w, "model");
	jsonw_str(w, t->chat->model);
	if (!is_mistral(t))
		jsonw_put_cstr(w, "system_fingerprint", "fp_tallysim");
}

static const char *
kind_of(const struct answer_call *call)
{
	return call->custom ? "custom" : "function";
}

/* `arguments` of a call; in a stream's first delta they are empty. */
static void
write_call(const struct talk *t, size_t i, bool delta, struct str arguments,
    struct jsonw *w)
{
	const struct answer_call *call = &t->answer->calls[i];

	jsonw_open(w, '{');
	if ((delta && !has(t, QUIRK_NO_CALL_INDEX)) || is_mistral(t))
		jsonw_put_int(w, "index", (int64_t)i);
	talk_put_id(w, "id", is_mistral(t) ? "" : "call_", call->id);
	if (!is_mistral(t))
		jsonw_put_cstr(w, "type", kind_of(call));
	jsonw_put_open(w, kind_of(call), '{');
	jsonw_key(w, "name");
	jsonw_str(w, call->name);
	jsonw_key(w, call->custom ? "input" : "arguments");
	jsonw_str(w, arguments);
	jsonw_close(w, '}');
	if (i == 0 && has(t, QUIRK_SIGNED_CALLS)) {
		jsonw_key(w, "extra_content");
		jsonw_raw(w, str_of(FLAVOR_SIGNED));
	}
	jsonw_close(w, '}');
}

static void
write_calls(const struct talk *t, struct jsonw *w)
{
	jsonw_put_open(w, "tool_calls", '[');
	for (size_t i = 0; i < t->answer->call_count; i++)
		write_call(t, i, false, t->answer->calls[i].arguments, w);
	jsonw_close(w, ']');
}

/* ---- reasoning that is shown: a word "Hm" for each of its tokens -------- */

static bool
shows_reasoning(const struct talk *t)
{
	return t->answer->usage.reasoning_tokens > 0 &&
	       (t->flavor->reasoning[0] != '\0' || has(t, QUIRK_CHUNKS));
}

static void
write_thoughts(int64_t first, int64_t count, struct jsonw *w)
{
	buf_add_char(w->out, '"');
	for (int64_t i = first; i < first + count; i++)
		buf_add_cstr(w->out, i == 0 ? "Hm" : " Hm");
	buf_add_char(w->out, '"');
	w->comma = true;
}

/* {"type":"thinking","thinking":[{"type":"text","text":"Hm"}]} */
static void
write_thinking_chunk(int64_t first, int64_t count, struct jsonw *w)
{
	jsonw_open(w, '{');
	jsonw_put_cstr(w, "type", "thinking");
	jsonw_put_open(w, "thinking", '[');
	jsonw_open(w, '{');
	jsonw_put_cstr(w, "type", "text");
	jsonw_key(w, "text");
	write_thoughts(first, count, w);
	jsonw_close(w, '}');
	jsonw_close(w, ']');
	jsonw_close(w, '}');
}

static void
open_text_chunk(struct jsonw *w)
{
	jsonw_open(w, '{');
	jsonw_put_cstr(w, "type", "text");
	jsonw_key(w, "text");
}

/* The content of a whole answer as a list. */
static void
write_content_chunks(const struct talk *t, struct jsonw *w)
{
	jsonw_open(w, '[');
	if (shows_reasoning(t))
		write_thinking_chunk(0, t->answer->usage.reasoning_tokens, w);
	open_text_chunk(w);
	answer_write_text(t->answer, w);
	jsonw_close(w, '}');
	jsonw_close(w, ']');
}

static void
write_message(const struct talk *t, struct jsonw *w)
{
	bool calls = t->answer->call_count > 0;

	jsonw_put_open(w, "message", '{');
	jsonw_put_cstr(w, "role", "assistant");
	if (shows_reasoning(t) && !has(t, QUIRK_CHUNKS)) {
		jsonw_key(w, t->flavor->reasoning);
		write_thoughts(0, t->answer->usage.reasoning_tokens, w);
	}
	jsonw_key(w, "content");
	if (!calls && has(t, QUIRK_CHUNKS))
		write_content_chunks(t, w);
	else if (!calls)
		answer_write_text(t->answer, w);
	else if (is_mistral(t))
		jsonw_cstr(w, "");
	else
		jsonw_null(w);
	if (calls)
		write_calls(t, w);
	else if (is_mistral(t))
		jsonw_put_cstr(w, "tool_calls", NULL);
	if (!is_mistral(t))
		jsonw_put_cstr(w, "refusal", NULL);
	jsonw_close(w, '}');
}

void
chat_openai_write(const struct talk *t, struct buf *out)
{
	struct jsonw w;

	if (has(t, QUIRK_KEEP_ALIVE))
		buf_add_cstr(out, "\n\n\n"); /* while it stood in the queue */
	jsonw_init(&w, out);
	jsonw_open(&w, '{');
	write_opening(t, "chat.completion", &w);
	jsonw_put_open(&w, "choices", '[');
	for (int i = 0; i < t->chat->choices; i++) {
		jsonw_open(&w, '{');
		jsonw_put_int(&w, "index", i);
		write_message(t, &w);
		if (!is_mistral(t))
			jsonw_put_cstr(&w, "logprobs", NULL);
		jsonw_put_cstr(&w, "finish_reason", finish_word(t, false));
		jsonw_close(&w, '}');
	}
	jsonw_close(&w, ']');
	if (!t->no_usage) {
		jsonw_key(&w, "usage");
		write_usage(t, &t->answer->usage, &w);
	}
	flavor_write_extras(t->flavor, &w);
	jsonw_close(&w, '}');
}

/* ---- streams ----------------------------------------------------------- */

static void
begin_chunk(struct talk *t, struct jsonw *w)
{
	if (t->prefix.len == 0) {
		jsonw_init(w, &t->prefix);
		jsonw_open(w, '{');
		write_opening(t, "chat.completion.chunk", w);
		jsonw_put_open(w, "choices", '[');
	}
}

/* Up to the delta's opening brace. */
static void
open_delta(struct talk *t, struct reply_chunk *chunk, struct jsonw *w)
{
	begin_chunk(t, w);
	jsonw_init(w, &chunk->json);
	buf_add_str(&chunk->json, buf_str(&t->prefix));
	jsonw_open(w, '{');
	jsonw_put_int(w, "index", t->choice);
	jsonw_put_open(w, "delta", '{');
	if (has(t, QUIRK_ROLE_EACH) && t->stage != TALK_OPENING)
		jsonw_put_cstr(w, "role", "assistant");
}

/* The usage that rides on a chunk. */
static void
close_with_usage(const struct talk *t, bool is_last, struct jsonw *w)
{
	if (!t->no_usage && is_last &&
	    (is_mistral(t) || has(t, QUIRK_USAGE_FINISH | QUIRK_USAGE_EACH))) {
		jsonw_key(w, "usage");
		write_usage(t, &t->answer->usage, w);
	} else if (!t->no_usage && has(t, QUIRK_USAGE_EACH)) {
		jsonw_key(w, "usage");
		write_running_usage(t, w);
	} else if (t->chat->include_usage && !is_mistral(t)) {
		jsonw_put_cstr(w, "usage", NULL);
	}
}

/* Its own place for ids, and for the usage at the end. */
static void
write_x_groq(const struct talk *t, bool is_last, struct jsonw *w)
{
	if (!has(t, QUIRK_X_GROQ) || (!is_last && t->stage != TALK_OPENING))
		return;
	jsonw_put_open(w, "x_groq", '{');
	talk_put_id(w, "id", "req_", t->id);
	if (is_last && !t->no_usage) {
		jsonw_key(w, "usage");
		write_usage(t, &t->answer->usage, w);
	}
	jsonw_close(w, '}');
}

static void
close_delta(const struct talk *t, const char *finish, struct jsonw *w)
{
	bool is_last = finish != NULL && t->choice + 1 == t->chat->choices;

	jsonw_close(w, '}');
	if (!is_mistral(t))
		jsonw_put_cstr(w, "logprobs", NULL);
	jsonw_put_cstr(w, "finish_reason", finish);
	jsonw_close(w, '}');
	jsonw_close(w, ']');
	close_with_usage(t, is_last, w);
	write_x_groq(t, is_last, w);
	flavor_write_extras(t->flavor, w);
	jsonw_close(w, '}');
}

/* The choices tell the same in turn; true when all have told it. */
static bool
next_choice(struct talk *t)
{
	t->choice++;
	if (t->choice < t->chat->choices)
		return false;
	t->choice = 0;
	return true;
}

/* What comes first behind role and reasoning. */
static enum talk_stage
after_thought(const struct talk *t)
{
	if (t->answer->words > 0)
		return TALK_WORDS;
	return t->answer->call_count > 0 && !is_mistral(t) ? TALK_CALL_HEAD
							   : TALK_FINISH;
}

static void
tell_opening(struct talk *t, struct reply_chunk *chunk)
{
	bool calls = t->answer->call_count > 0;
	struct jsonw w;

	/* What is not shown has been told. */
	if (t->choice == 0 && !shows_reasoning(t))
		t->told = t->answer->usage.reasoning_tokens;
	open_delta(t, chunk, &w);
	jsonw_put_cstr(&w, "role", "assistant");
	jsonw_put_cstr(&w, "content", calls && !is_mistral(t) ? NULL : "");
	if (!is_mistral(t))
		jsonw_put_cstr(&w, "refusal", NULL);
	close_delta(t, NULL, &w);
	if (!next_choice(t))
		return;
	t->stage = shows_reasoning(t) ? TALK_THOUGHT : after_thought(t);
}

static void
tell_thought(struct talk *t, struct reply_chunk *chunk)
{
	struct jsonw w;

	t->told++;
	chunk->tokens = 1;
	open_delta(t, chunk, &w);
	if (has(t, QUIRK_CHUNKS)) {
		jsonw_put_open(&w, "content", '[');
		write_thinking_chunk(t->thought, 1, &w);
		jsonw_close(&w, ']');
	} else {
		jsonw_key(&w, t->flavor->reasoning);
		write_thoughts(t->thought, 1, &w);
	}
	close_delta(t, NULL, &w);
	if (next_choice(t) && ++t->thought == t->answer->usage.reasoning_tokens)
		t->stage = after_thought(t);
}

static void
tell_word(struct talk *t, struct reply_chunk *chunk)
{
	bool list = has(t, QUIRK_CHUNKS);
	struct jsonw w;

	if (t->choice == 0)
		t->said = answer_word(t->answer, &t->at);
	t->told++;
	open_delta(t, chunk, &w);
	jsonw_key(&w, "content");
	if (list) {
		jsonw_open(&w, '[');
		open_text_chunk(&w);
	}
	buf_add_cstr(w.out, t->word == 0 ? "\"" : "\" ");
	jsonw_escape(w.out, t->said);
	buf_add_char(w.out, '"');
	if (list) {
		jsonw_close(&w, '}');
		jsonw_close(&w, ']');
	}
	close_delta(t, NULL, &w);
	chunk->tokens = 1;
	if (next_choice(t) && ++t->word == t->answer->words)
		t->stage = TALK_FINISH;
}

/* Behind a call's last fragment: the next call, or the end. */
static void
leave_call(struct talk *t)
{
	t->at = 0;
	t->call++;
	t->stage =
	    t->call < t->answer->call_count ? TALK_CALL_HEAD : TALK_FINISH;
}

static void
tell_call_head(struct talk *t, struct reply_chunk *chunk)
{
	const struct answer_call *call = &t->answer->calls[t->call];
	bool whole = has(t, QUIRK_WHOLE_CALLS);
	struct jsonw w;

	chunk->tokens = whole ? (int)call->tokens : 1;
	t->told += chunk->tokens;
	open_delta(t, chunk, &w);
	jsonw_put_open(&w, "tool_calls", '[');
	write_call(t, t->call, true, whole ? call->arguments : str_make("", 0),
	    &w);
	jsonw_close(&w, ']');
	close_delta(t, NULL, &w);
	if (!next_choice(t))
		return;
	t->stage = TALK_CALL_ARGS;
	if (whole || call->arguments.n == 0)
		leave_call(t);
}

static void
tell_call_args(struct talk *t, struct reply_chunk *chunk)
{
	const struct answer_call *call = &t->answer->calls[t->call];
	struct jsonw w;

	if (t->choice == 0)
		t->said = answer_fragment(call, &t->at);
	t->told++;
	open_delta(t, chunk, &w);
	jsonw_put_open(&w, "tool_calls", '[');
	jsonw_open(&w, '{');
	jsonw_put_int(&w, "index", (int64_t)t->call);
	jsonw_put_open(&w, kind_of(call), '{');
	jsonw_key(&w, call->custom ? "input" : "arguments");
	jsonw_str(&w, t->said);
	jsonw_close(&w, '}');
	jsonw_close(&w, '}');
	jsonw_close(&w, ']');
	close_delta(t, NULL, &w);
	chunk->tokens = 1;
	if (next_choice(t) && t->at >= call->arguments.n)
		leave_call(t);
}

static void
tell_finish(struct talk *t, struct reply_chunk *chunk)
{
	struct jsonw w;

	open_delta(t, chunk, &w);
	/* Mistral: whole calls in one delta, together with the finish. */
	if (is_mistral(t)) {
		jsonw_put_cstr(&w, "content", "");
		for (size_t i = 0; i < t->answer->call_count; i++)
			chunk->tokens += (int)t->answer->calls[i].tokens;
		if (t->answer->call_count > 0)
			write_calls(t, &w);
	}
	close_delta(t, finish_word(t, true), &w);
	if (!next_choice(t))
		return;
	t->stage = t->chat->include_usage && !t->no_usage && !is_mistral(t) &&
			   !has(t, QUIRK_USAGE_FINISH | QUIRK_USAGE_EACH)
		       ? TALK_USAGE
		       : TALK_TERMINAL;
}

static void
tell_usage(struct talk *t, struct reply_chunk *chunk)
{
	struct jsonw w;

	begin_chunk(t, &w);
	jsonw_init(&w, &chunk->json);
	buf_add_str(&chunk->json, buf_str(&t->prefix));
	jsonw_close(&w, ']');
	jsonw_key(&w, "usage");
	write_usage(t, &t->answer->usage, &w);
	jsonw_close(&w, '}');
	t->stage = TALK_TERMINAL;
}

int
chat_openai_next(void *ctx, struct reply_chunk *chunk)
{
	struct talk *t = ctx;

	switch (t->stage) {
	case TALK_OPENING:
		tell_opening(t, chunk);
		return 1;
	case TALK_THOUGHT:
		tell_thought(t, chunk);
		return 1;
	case TALK_WORDS:
		tell_word(t, chunk);
		return 1;
	case TALK_CALL_HEAD:
		tell_call_head(t, chunk);
		return 1;
	case TALK_CALL_ARGS:
		tell_call_args(t, chunk);
		return 1;
	case TALK_FINISH:
		tell_finish(t, chunk);
		return 1;
	case TALK_USAGE:
		tell_usage(t, chunk);
		return 1;
	case TALK_TERMINAL:
		buf_add_cstr(&chunk->json, "[DONE]");
		chunk->last = true;
		t->stage = TALK_OVER;
		return 1;
	case TALK_TEXT_START:
	case TALK_PING:
	case TALK_TEXT_STOP:
	case TALK_CALL_STOP:
	case TALK_OVER:
		return 0;
	}
	return 0;
}
