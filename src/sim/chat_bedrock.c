/* Converse's answers and events. See chat_bedrock.h. */
#include "sim/chat_bedrock.h"

static void
add_number(struct jsonw *w, const char *key, int64_t v)
{
	jsonw_key(w, key);
	jsonw_int(w, v);
}

static void
add_text(struct jsonw *w, const char *key, const char *text)
{
	jsonw_key(w, key);
	jsonw_cstr(w, text);
}

static const char *
stop_reason(enum finish finish)
{
	switch (finish) {
	case FINISH_STOP:
		return "end_turn";
	case FINISH_LENGTH:
		return "max_tokens";
	case FINISH_TOOLS:
		return "tool_use";
	}
	return "end_turn";
}

/* inputTokens leaves out what the cache gave or took. */
static void
write_usage(const struct usage *u, struct jsonw *w)
{
	jsonw_key(w, "usage");
	jsonw_open(w, '{');
	add_number(w, "inputTokens",
	    u->prompt_tokens - u->cached_tokens - u->cache_write_tokens);
	add_number(w, "outputTokens", u->completion_tokens);
	add_number(w, "totalTokens", u->prompt_tokens + u->completion_tokens);
	add_number(w, "cacheReadInputTokens", u->cached_tokens);
	add_number(w, "cacheWriteInputTokens", u->cache_write_tokens);
	jsonw_close(w, '}');
}

static void
write_metrics(struct jsonw *w)
{
	jsonw_key(w, "metrics");
	jsonw_open(w, '{');
	add_number(w, "latencyMs", 1);
	jsonw_close(w, '}');
}

/* "toolUseId":...,"name":... */
static void
write_use(const struct answer_call *call, struct jsonw *w)
{
	jsonw_key(w, "toolUseId");
	buf_printf(w->out, "\"tooluse_%s\"", call->id);
	w->comma = true;
	jsonw_key(w, "name");
	jsonw_str(w, call->name);
}

static void
write_call(const struct answer_call *call, struct jsonw *w)
{
	json_t *input =
	    json_loadb(call->arguments.p, call->arguments.n, 0, NULL);

	jsonw_open(w, '{');
	jsonw_key(w, "toolUse");
	jsonw_open(w, '{');
	write_use(call, w);
	jsonw_key(w, "input");
	/* Arguments that maxTokens cut are no object any more. */
	jsonw_raw(w, input == NULL ? str_of("{}") : call->arguments);
	jsonw_close(w, '}');
	jsonw_close(w, '}');
	json_decref(input);
}

void
chat_bedrock_write(const struct talk *t, struct buf *out)
{
	const struct answer *a = t->answer;
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_open(&w, '{');
	jsonw_key(&w, "output");
	jsonw_open(&w, '{');
	jsonw_key(&w, "message");
	jsonw_open(&w, '{');
	add_text(&w, "role", "assistant");
	jsonw_key(&w, "content");
	jsonw_open(&w, '[');
	if (a->words > 0) {
		jsonw_open(&w, '{');
		jsonw_key(&w, "text");
		answer_write_text(a, &w);
		jsonw_close(&w, '}');
	}
	for (size_t i = 0; i < a->call_count; i++)
		write_call(&a->calls[i], &w);
	jsonw_close(&w, ']');
	jsonw_close(&w, '}');
	jsonw_close(&w, '}');
	add_text(&w, "stopReason", stop_reason(a->finish));
	if (!t->no_usage)
		write_usage(&a->usage, &w);
	write_metrics(&w);
	jsonw_close(&w, '}');
}

/* ---- streams ------------------------------------------------------------ */

static void
begin(struct reply_chunk *chunk, const char *event, struct jsonw *w)
{
	chunk->event = event;
	jsonw_init(w, &chunk->json);
	jsonw_open(w, '{');
}

/* Text has no contentBlockStart there. */
static enum talk_stage
next_block(const struct talk *t)
{
	if (t->word < t->answer->words)
		return TALK_WORDS;
	return t->call < t->answer->call_count ? TALK_CALL_HEAD : TALK_FINISH;
}

static void
add_index(const struct talk *t, struct jsonw *w)
{
	add_number(w, "contentBlockIndex", (int64_t)t->call);
}

static void
tell_word(struct talk *t, struct reply_chunk *chunk)
{
	struct jsonw w;

	begin(chunk, "contentBlockDelta", &w);
	add_index(t, &w);
	jsonw_key(&w, "delta");
	jsonw_open(&w, '{');
	jsonw_key(&w, "text");
	buf_add_cstr(w.out, t->word == 0 ? "\"" : "\" ");
	jsonw_escape(w.out, answer_word(t->answer, &t->at));
	buf_add_char(w.out, '"');
	w.comma = true;
	jsonw_close(&w, '}');
	jsonw_close(&w, '}');
	chunk->tokens = 1;
	if (++t->word == t->answer->words)
		t->stage = TALK_TEXT_STOP;
}

static void
tell_call_head(struct talk *t, struct reply_chunk *chunk)
{
	const struct answer_call *call = &t->answer->calls[t->call];
	struct jsonw w;

	begin(chunk, "contentBlockStart", &w);
	add_index(t, &w);
	jsonw_key(&w, "start");
	jsonw_open(&w, '{');
	jsonw_key(&w, "toolUse");
	jsonw_open(&w, '{');
	write_use(call, &w);
	jsonw_close(&w, '}');
	jsonw_close(&w, '}');
	jsonw_close(&w, '}');
	chunk->tokens = 1;
	t->stage = call->arguments.n > 0 ? TALK_CALL_ARGS : TALK_CALL_STOP;
}

static void
tell_call_args(struct talk *t, struct reply_chunk *chunk)
{
	const struct answer_call *call = &t->answer->calls[t->call];
	struct jsonw w;

	begin(chunk, "contentBlockDelta", &w);
	add_index(t, &w);
	jsonw_key(&w, "delta");
	jsonw_open(&w, '{');
	jsonw_key(&w, "toolUse");
	jsonw_open(&w, '{');
	jsonw_key(&w, "input");
	jsonw_str(&w, answer_fragment(call, &t->at));
	jsonw_close(&w, '}');
	jsonw_close(&w, '}');
	jsonw_close(&w, '}');
	chunk->tokens = 1;
	if (t->at >= call->arguments.n)
		t->stage = TALK_CALL_STOP;
}

static void
tell_block_stop(struct talk *t, struct reply_chunk *chunk)
{
	struct jsonw w;

	begin(chunk, "contentBlockStop", &w);
	add_index(t, &w);
	jsonw_close(&w, '}');
	if (t->stage == TALK_CALL_STOP)
		t->call++;
	t->at = 0;
	t->stage = next_block(t);
}

static void
tell_end(struct talk *t, struct reply_chunk *chunk)
{
	struct jsonw w;

	if (t->stage == TALK_FINISH) {
		begin(chunk, "messageStop", &w);
		add_text(&w, "stopReason", stop_reason(t->answer->finish));
		chunk->last = t->no_usage;
		t->stage = t->no_usage ? TALK_OVER : TALK_USAGE;
	} else {
		begin(chunk, "metadata", &w);
		write_usage(&t->answer->usage, &w);
		write_metrics(&w);
		chunk->last = true;
		t->stage = TALK_OVER;
	}
	jsonw_close(&w, '}');
}

int
chat_bedrock_next(void *ctx, struct reply_chunk *chunk)
{
	struct talk *t = ctx;
	struct jsonw w;

	switch (t->stage) {
	case TALK_OPENING:
		begin(chunk, "messageStart", &w);
		add_text(&w, "role", "assistant");
		jsonw_close(&w, '}');
		t->stage = next_block(t);
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
	case TALK_TEXT_STOP:
	case TALK_CALL_STOP:
		tell_block_stop(t, chunk);
		return 1;
	case TALK_FINISH:
	case TALK_USAGE:
		tell_end(t, chunk);
		return 1;
	case TALK_TEXT_START:
	case TALK_PING:
	case TALK_THOUGHT:
	case TALK_TERMINAL:
	case TALK_OVER:
		return 0;
	}
	return 0;
}
