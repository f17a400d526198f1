/* Answers and events in Anthropic's shape. See chat_anthropic.h. */
#include "sim/chat_anthropic.h"

const char *
chat_anthropic_stop_reason(enum finish finish)
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

/* input_tokens leaves out what the cache gave or took. */
static void
write_usage(const struct usage *u, int64_t output_tokens, struct jsonw *w)
{
	jsonw_open(w, '{');
	jsonw_put_int(w, "input_tokens",
	    u->prompt_tokens - u->cached_tokens - u->cache_write_tokens);
	jsonw_put_int(w, "cache_creation_input_tokens", u->cache_write_tokens);
	jsonw_put_int(w, "cache_read_input_tokens", u->cached_tokens);
	jsonw_put_int(w, "output_tokens", output_tokens);
	if (u->reasoning_tokens > 0) {
		jsonw_put_open(w, "output_tokens_details", '{');
		jsonw_put_int(w, "thinking_tokens", u->reasoning_tokens);
		jsonw_close(w, '}');
	}
	jsonw_put_cstr(w, "service_tier", "standard");
	jsonw_close(w, '}');
}

static void
write_opening(const struct talk *t, struct jsonw *w)
{
	talk_put_id(w, "id", "msg_", t->id);
	jsonw_put_cstr(w, "type", "message");
	jsonw_put_cstr(w, "role", "assistant");
	jsonw_key(w, "model");
	jsonw_str(w, t->chat->model);
}

static void
write_tool_use(const struct answer_call *call, struct str input,
    struct jsonw *w)
{
	jsonw_open(w, '{');
	jsonw_put_cstr(w, "type", "tool_use");
	talk_put_id(w, "id", "toolu_", call->id);
	jsonw_key(w, "name");
	jsonw_str(w, call->name);
	jsonw_key(w, "input");
	jsonw_raw(w, input);
	jsonw_close(w, '}');
}

void
chat_anthropic_write(const struct talk *t, struct buf *out)
{
	const struct answer *a = t->answer;
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_open(&w, '{');
	write_opening(t, &w);
	jsonw_put_open(&w, "content", '[');
	if (a->words > 0) {
		jsonw_open(&w, '{');
		jsonw_put_cstr(&w, "type", "text");
		jsonw_key(&w, "text");
		answer_write_text(a, &w);
		jsonw_close(&w, '}');
	}
	for (size_t i = 0; i < a->call_count; i++)
		write_tool_use(&a->calls[i], answer_call_object(&a->calls[i]),
		    &w);
	jsonw_close(&w, ']');
	jsonw_put_cstr(&w, "stop_reason",
	    chat_anthropic_stop_reason(a->finish));
	jsonw_put_cstr(&w, "stop_sequence", NULL);
	if (!t->no_usage) {
		jsonw_key(&w, "usage");
		write_usage(&a->usage, a->usage.completion_tokens, &w);
	}
	jsonw_close(&w, '}');
}

/* ---- streams ----------------------------------------------------------- */

static void
begin(struct reply_chunk *chunk, const char *event, struct jsonw *w)
{
	chunk->event = event;
	jsonw_init(w, &chunk->json);
	jsonw_open(w, '{');
	jsonw_put_cstr(w, "type", event);
}

static void
tell_opening(struct talk *t, struct reply_chunk *chunk)
{
	struct jsonw w;

	begin(chunk, "message_start", &w);
	jsonw_put_open(&w, "message", '{');
	write_opening(t, &w);
	jsonw_key(&w, "content");
	jsonw_raw(&w, str_of("[]"));
	jsonw_put_cstr(&w, "stop_reason", NULL);
	jsonw_put_cstr(&w, "stop_sequence", NULL);
	if (!t->no_usage) {
		jsonw_key(&w, "usage");
		write_usage(&t->answer->usage, 1, &w);
	}
	jsonw_close(&w, '}');
	jsonw_close(&w, '}');
	t->stage = talk_next_block(t);
}

/* The index of the block being told: text is a block of its own. */
static void
add_index(const struct talk *t, struct jsonw *w)
{
	jsonw_put_int(w, "index", (int64_t)t->call);
}

static void
tell_block_start(struct talk *t, struct reply_chunk *chunk)
{
	struct jsonw w;

	begin(chunk, "content_block_start", &w);
	add_index(t, &w);
	jsonw_key(&w, "content_block");
	if (t->stage == TALK_TEXT_START) {
		jsonw_raw(&w, str_of("{\"type\":\"text\",\"text\":\"\"}"));
		t->stage = TALK_PING;
	} else {
		write_tool_use(&t->answer->calls[t->call], str_of("{}"), &w);
		chunk->tokens = 1;
		t->stage = t->answer->calls[t->call].arguments.n > 0
			       ? TALK_CALL_ARGS
			       : TALK_CALL_STOP;
	}
	jsonw_close(&w, '}');
}

static void
tell_word(struct talk *t, struct reply_chunk *chunk)
{
	struct jsonw w;

	begin(chunk, "content_block_delta", &w);
	add_index(t, &w);
	jsonw_put_open(&w, "delta", '{');
	jsonw_put_cstr(&w, "type", "text_delta");
	jsonw_key(&w, "text");
	talk_write_word(t, &w);
	jsonw_close(&w, '}');
	jsonw_close(&w, '}');
	chunk->tokens = 1;
}

static void
tell_call_args(struct talk *t, struct reply_chunk *chunk)
{
	struct jsonw w;

	begin(chunk, "content_block_delta", &w);
	add_index(t, &w);
	jsonw_put_open(&w, "delta", '{');
	jsonw_put_cstr(&w, "type", "input_json_delta");
	jsonw_key(&w, "partial_json");
	talk_write_fragment(t, &w);
	jsonw_close(&w, '}');
	jsonw_close(&w, '}');
	chunk->tokens = 1;
}

static void
tell_block_stop(struct talk *t, struct reply_chunk *chunk)
{
	struct jsonw w;

	begin(chunk, "content_block_stop", &w);
	add_index(t, &w);
	jsonw_close(&w, '}');
	t->stage = talk_next_block(t);
}

static void
tell_finish(struct talk *t, struct reply_chunk *chunk)
{
	struct jsonw w;

	begin(chunk, "message_delta", &w);
	jsonw_put_open(&w, "delta", '{');
	jsonw_put_cstr(&w, "stop_reason",
	    chat_anthropic_stop_reason(t->answer->finish));
	jsonw_put_cstr(&w, "stop_sequence", NULL);
	jsonw_close(&w, '}');
	if (!t->no_usage) {
		jsonw_key(&w, "usage");
		write_usage(&t->answer->usage,
		    t->answer->usage.completion_tokens, &w);
	}
	jsonw_close(&w, '}');
	t->stage = TALK_TERMINAL;
}

int
chat_anthropic_next(void *ctx, struct reply_chunk *chunk)
{
	struct talk *t = ctx;
	struct jsonw w;

	switch (t->stage) {
	case TALK_OPENING:
		tell_opening(t, chunk);
		return 1;
	case TALK_TEXT_START:
	case TALK_CALL_HEAD:
		tell_block_start(t, chunk);
		return 1;
	case TALK_PING:
		begin(chunk, "ping", &w);
		jsonw_close(&w, '}');
		t->stage = TALK_WORDS;
		return 1;
	case TALK_WORDS:
		tell_word(t, chunk);
		return 1;
	case TALK_CALL_ARGS:
		tell_call_args(t, chunk);
		return 1;
	case TALK_TEXT_STOP:
	case TALK_CALL_STOP:
		tell_block_stop(t, chunk);
		return 1;
	case TALK_FINISH:
		tell_finish(t, chunk);
		return 1;
	case TALK_TERMINAL:
		begin(chunk, "message_stop", &w);
		jsonw_close(&w, '}');
		chunk->last = true;
		t->stage = TALK_OVER;
		return 1;
	case TALK_USAGE:
	case TALK_THOUGHT:
	case TALK_OVER:
		return 0;
	}
	return 0;
}
