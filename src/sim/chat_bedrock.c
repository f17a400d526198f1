/* Converse's answers and events. See chat_bedrock.h. */
#include "sim/chat_bedrock.h"

#include "sim/chat_anthropic.h"

/* inputTokens leaves out what the cache gave or took. */
static void
write_usage(const struct usage *u, struct jsonw *w)
{
	jsonw_put_open(w, "usage", '{');
	jsonw_put_int(w, "inputTokens",
	    u->prompt_tokens - u->cached_tokens - u->cache_write_tokens);
	jsonw_put_int(w, "outputTokens", u->completion_tokens);
	jsonw_put_int(w, "totalTokens",
	    u->prompt_tokens + u->completion_tokens);
	jsonw_put_int(w, "cacheReadInputTokens", u->cached_tokens);
	jsonw_put_int(w, "cacheWriteInputTokens", u->cache_write_tokens);
	jsonw_close(w, '}');
}

static void
write_metrics(struct jsonw *w)
{
	jsonw_put_open(w, "metrics", '{');
	jsonw_put_int(w, "latencyMs", 1);
	jsonw_close(w, '}');
}

/* "toolUseId":...,"name":... */
static void
write_use(const struct answer_call *call, struct jsonw *w)
{
	talk_put_id(w, "toolUseId", "tooluse_", call->id);
	jsonw_key(w, "name");
	jsonw_str(w, call->name);
}

static void
write_call(const struct answer_call *call, struct jsonw *w)
{
	jsonw_open(w, '{');
	jsonw_put_open(w, "toolUse", '{');
	write_use(call, w);
	jsonw_key(w, "input");
	jsonw_raw(w, answer_call_object(call));
	jsonw_close(w, '}');
	jsonw_close(w, '}');
}

void
chat_bedrock_write(const struct talk *t, struct buf *out)
{
	const struct answer *a = t->answer;
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_open(&w, '{');
	jsonw_put_open(&w, "output", '{');
	jsonw_put_open(&w, "message", '{');
	jsonw_put_cstr(&w, "role", "assistant");
	jsonw_put_open(&w, "content", '[');
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
	jsonw_put_cstr(&w, "stopReason", chat_anthropic_stop_reason(a->finish));
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
next_block(struct talk *t)
{
	enum talk_stage next = talk_next_block(t);

	return next == TALK_TEXT_START ? TALK_WORDS : next;
}

static void
add_index(const struct talk *t, struct jsonw *w)
{
	jsonw_put_int(w, "contentBlockIndex", (int64_t)t->call);
}

static void
tell_word(struct talk *t, struct reply_chunk *chunk)
{
	struct jsonw w;

	begin(chunk, "contentBlockDelta", &w);
	add_index(t, &w);
	jsonw_put_open(&w, "delta", '{');
	jsonw_key(&w, "text");
	talk_write_word(t, &w);
	jsonw_close(&w, '}');
	jsonw_close(&w, '}');
	chunk->tokens = 1;
}

static void
tell_call_head(struct talk *t, struct reply_chunk *chunk)
{
	const struct answer_call *call = &t->answer->calls[t->call];
	struct jsonw w;

	begin(chunk, "contentBlockStart", &w);
	add_index(t, &w);
	jsonw_put_open(&w, "start", '{');
	jsonw_put_open(&w, "toolUse", '{');
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
	struct jsonw w;

	begin(chunk, "contentBlockDelta", &w);
	add_index(t, &w);
	jsonw_put_open(&w, "delta", '{');
	jsonw_put_open(&w, "toolUse", '{');
	jsonw_key(&w, "input");
	talk_write_fragment(t, &w);
	jsonw_close(&w, '}');
	jsonw_close(&w, '}');
	jsonw_close(&w, '}');
	chunk->tokens = 1;
}

static void
tell_block_stop(struct talk *t, struct reply_chunk *chunk)
{
	struct jsonw w;

	begin(chunk, "contentBlockStop", &w);
	add_index(t, &w);
	jsonw_close(&w, '}');
	t->stage = next_block(t);
}

static void
tell_end(struct talk *t, struct reply_chunk *chunk)
{
	struct jsonw w;

	if (t->stage == TALK_FINISH) {
		begin(chunk, "messageStop", &w);
		jsonw_put_cstr(&w, "stopReason",
		    chat_anthropic_stop_reason(t->answer->finish));
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
		jsonw_put_cstr(&w, "role", "assistant");
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
