/*
 * Answers and events of the Responses API. See chat_responses.h.
 *
 * Output items in their order: reasoning, when some is to be reported; a
 * message, or calls.
 */
#include "sim/chat_responses.h"

/* "key":"prefix_id", with a number behind it for items. */
static void
add_id(const struct talk *t, const char *key, const char *prefix,
    int64_t number, struct jsonw *w)
{
	jsonw_key(w, key);
	if (number < 0)
		buf_printf(w->out, "\"%s_%s\"", prefix, t->id);
	else
		buf_printf(w->out, "\"%s_%s_%lld\"", prefix, t->id,
		    (long long)number);
	w->comma = true;
}

static bool
has_reasoning(const struct talk *t)
{
	return t->answer->usage.reasoning_tokens > 0;
}

/* ---- items -------------------------------------------------------------- */

static void
write_reasoning(const struct talk *t, struct jsonw *w)
{
	jsonw_open(w, '{');
	add_id(t, "id", "rs", -1, w);
	jsonw_put_cstr(w, "type", "reasoning");
	jsonw_key(w, "summary");
	jsonw_raw(w, str_of("[]"));
	jsonw_close(w, '}');
}

static void
write_part(const struct talk *t, bool whole, struct jsonw *w)
{
	jsonw_open(w, '{');
	jsonw_put_cstr(w, "type", "output_text");
	jsonw_key(w, "text");
	if (whole)
		answer_write_text(t->answer, w);
	else
		jsonw_cstr(w, "");
	jsonw_key(w, "annotations");
	jsonw_raw(w, str_of("[]"));
	jsonw_key(w, "logprobs");
	jsonw_raw(w, str_of("[]"));
	jsonw_close(w, '}');
}

static const char *
end_status(const struct talk *t)
{
	return t->answer->finish == FINISH_LENGTH ? "incomplete" : "completed";
}

static void
write_message(const struct talk *t, bool whole, struct jsonw *w)
{
	jsonw_open(w, '{');
	add_id(t, "id", "msg", -1, w);
	jsonw_put_cstr(w, "type", "message");
	jsonw_put_cstr(w, "status", whole ? end_status(t) : "in_progress");
	jsonw_put_cstr(w, "role", "assistant");
	jsonw_put_open(w, "content", '[');
	if (whole)
		write_part(t, true, w);
	jsonw_close(w, ']');
	jsonw_close(w, '}');
}

static const char *
call_prefix(const struct answer_call *call)
{
	return call->custom ? "ctc" : "fc";
}

static void
write_call(const struct talk *t, size_t i, bool whole, struct jsonw *w)
{
	const struct answer_call *call = &t->answer->calls[i];

	jsonw_open(w, '{');
	add_id(t, "id", call_prefix(call), (int64_t)i, w);
	jsonw_put_cstr(w, "type",
	    call->custom ? "custom_tool_call" : "function_call");
	jsonw_put_cstr(w, "status", whole ? end_status(t) : "in_progress");
	talk_put_id(w, "call_id", "call_", call->id);
	jsonw_key(w, "name");
	jsonw_str(w, call->name);
	jsonw_key(w, call->custom ? "input" : "arguments");
	jsonw_str(w, whole ? call->arguments : str_of(""));
	jsonw_close(w, '}');
}

static void
write_output(const struct talk *t, struct jsonw *w)
{
	jsonw_open(w, '[');
	if (has_reasoning(t))
		write_reasoning(t, w);
	if (t->answer->words > 0)
		write_message(t, true, w);
	for (size_t i = 0; i < t->answer->call_count; i++)
		write_call(t, i, true, w);
	jsonw_close(w, ']');
}

/* ---- the response object ------------------------------------------------ */

static void
write_usage(const struct usage *u, struct jsonw *w)
{
	jsonw_open(w, '{');
	jsonw_put_int(w, "input_tokens", u->prompt_tokens);
	jsonw_put_open(w, "input_tokens_details", '{');
	jsonw_put_int(w, "cached_tokens", u->cached_tokens);
	jsonw_put_int(w, "cache_write_tokens", u->cache_write_tokens);
	jsonw_close(w, '}');
	jsonw_put_int(w, "output_tokens", u->completion_tokens);
	jsonw_put_open(w, "output_tokens_details", '{');
	jsonw_put_int(w, "reasoning_tokens", u->reasoning_tokens);
	jsonw_close(w, '}');
	jsonw_put_int(w, "total_tokens",
	    u->prompt_tokens + u->completion_tokens);
	jsonw_close(w, '}');
}

/* A member as the request has it. */
static void
add_echo(const struct talk *t, const char *key, const char *otherwise,
    struct jsonw *w)
{
	const json_t *v = json_object_get(t->chat->root, key);
	char *text = v == NULL ? NULL : json_dumps(v, JSON_ENCODE_ANY);

	jsonw_key(w, key);
	jsonw_raw(w, str_of(text == NULL ? otherwise : text));
	free(text);
}

static void
write_response(const struct talk *t, bool whole, struct jsonw *w)
{
	bool cut = t->answer->finish == FINISH_LENGTH;

	jsonw_open(w, '{');
	add_id(t, "id", "resp", -1, w);
	jsonw_put_cstr(w, "object", "response");
	jsonw_put_int(w, "created_at", t->created_secs);
	jsonw_put_cstr(w, "status", whole ? end_status(t) : "in_progress");
	jsonw_key(w, "error");
	jsonw_null(w);
	jsonw_key(w, "incomplete_details");
	jsonw_raw(w, str_of(whole && cut ? "{\"reason\":\"max_output_tokens\"}"
					 : "null"));
	add_echo(t, "instructions", "null", w);
	add_echo(t, "max_output_tokens", "null", w);
	add_echo(t, "metadata", "{}", w);
	jsonw_key(w, "model");
	jsonw_str(w, t->chat->model);
	jsonw_key(w, "output");
	if (whole)
		write_output(t, w);
	else
		jsonw_raw(w, str_of("[]"));
	add_echo(t, "parallel_tool_calls", "true", w);
	add_echo(t, "previous_response_id", "null", w);
	add_echo(t, "store", "true", w);
	add_echo(t, "temperature", "1.0", w);
	add_echo(t, "text", "{\"format\":{\"type\":\"text\"}}", w);
	add_echo(t, "tool_choice", "\"auto\"", w);
	add_echo(t, "tools", "[]", w);
	add_echo(t, "top_p", "1.0", w);
	jsonw_key(w, "usage");
	if (whole && !t->no_usage)
		write_usage(&t->answer->usage, w);
	else
		jsonw_null(w);
	jsonw_close(w, '}');
}

void
chat_responses_write(const struct talk *t, struct buf *out)
{
	struct jsonw w;

	jsonw_init(&w, out);
	write_response(t, true, &w);
}

/* ---- streams ------------------------------------------------------------ */

static void
begin(struct talk *t, struct reply_chunk *chunk, const char *event,
    struct jsonw *w)
{
	chunk->event = event;
	jsonw_init(w, &chunk->json);
	jsonw_open(w, '{');
	jsonw_put_cstr(w, "type", event);
	jsonw_put_int(w, "sequence_number", t->sequence++);
}

/* Index of the item being told. */
static int64_t
item_index(const struct talk *t)
{
	return has_reasoning(t) + (t->answer->words > 0 ? 0 : (int64_t)t->call);
}

static void
tell_response(struct talk *t, struct reply_chunk *chunk, const char *event,
    bool whole)
{
	struct jsonw w;

	begin(t, chunk, event, &w);
	jsonw_key(&w, "response");
	write_response(t, whole, &w);
	jsonw_close(&w, '}');
}

static enum talk_stage
first_item(const struct talk *t)
{
	if (t->answer->words > 0)
		return TALK_TEXT_START;
	return t->answer->call_count > 0 ? TALK_CALL_HEAD : TALK_FINISH;
}

/* Two events; `step` says which is next. */
static void
tell_reasoning(struct talk *t, struct reply_chunk *chunk)
{
	struct jsonw w;

	begin(t, chunk,
	    t->step == 0 ? "response.output_item.added"
			 : "response.output_item.done",
	    &w);
	jsonw_put_int(&w, "output_index", 0);
	jsonw_key(&w, "item");
	write_reasoning(t, &w);
	jsonw_close(&w, '}');
	if (t->step++ == 1) {
		t->step = 0;
		t->stage = first_item(t);
	}
}

static void
add_place(const struct talk *t, struct jsonw *w)
{
	bool text = t->answer->words > 0;

	if (text)
		add_id(t, "item_id", "msg", -1, w);
	else
		add_id(t, "item_id", call_prefix(&t->answer->calls[t->call]),
		    (int64_t)t->call, w);
	jsonw_put_int(w, "output_index", item_index(t));
	if (text)
		jsonw_put_int(w, "content_index", 0);
}

static void
tell_item(struct talk *t, struct reply_chunk *chunk, bool whole)
{
	struct jsonw w;

	begin(t, chunk,
	    whole ? "response.output_item.done" : "response.output_item.added",
	    &w);
	jsonw_put_int(&w, "output_index", item_index(t));
	jsonw_key(&w, "item");
	if (t->answer->words > 0)
		write_message(t, whole, &w);
	else
		write_call(t, t->call, whole, &w);
	jsonw_close(&w, '}');
}

static void
tell_part(struct talk *t, struct reply_chunk *chunk, bool whole)
{
	struct jsonw w;

	begin(t, chunk,
	    whole ? "response.content_part.done"
		  : "response.content_part.added",
	    &w);
	add_place(t, &w);
	jsonw_key(&w, "part");
	write_part(t, whole, &w);
	jsonw_close(&w, '}');
}

static void
tell_text_start(struct talk *t, struct reply_chunk *chunk)
{
	if (t->step++ == 0) {
		tell_item(t, chunk, false);
		return;
	}
	tell_part(t, chunk, false);
	t->step = 0;
	t->stage = TALK_WORDS;
}

static void
tell_word(struct talk *t, struct reply_chunk *chunk)
{
	struct jsonw w;

	begin(t, chunk, "response.output_text.delta", &w);
	add_place(t, &w);
	jsonw_key(&w, "delta");
	buf_add_cstr(w.out, t->word == 0 ? "\"" : "\" ");
	jsonw_escape(w.out, answer_word(t->answer, &t->at));
	buf_add_char(w.out, '"');
	w.comma = true;
	jsonw_key(&w, "logprobs");
	jsonw_raw(&w, str_of("[]"));
	jsonw_close(&w, '}');
	chunk->tokens = 1;
	if (++t->word == t->answer->words)
		t->stage = TALK_TEXT_STOP;
}

static void
tell_text_stop(struct talk *t, struct reply_chunk *chunk)
{
	struct jsonw w;

	switch (t->step++) {
	case 0:
		begin(t, chunk, "response.output_text.done", &w);
		add_place(t, &w);
		jsonw_key(&w, "text");
		answer_write_text(t->answer, &w);
		jsonw_key(&w, "logprobs");
		jsonw_raw(&w, str_of("[]"));
		jsonw_close(&w, '}');
		return;
	case 1:
		tell_part(t, chunk, true);
		return;
	default:
		tell_item(t, chunk, true);
		t->step = 0;
		t->stage = TALK_FINISH;
	}
}

static void
tell_call_args(struct talk *t, struct reply_chunk *chunk)
{
	const struct answer_call *call = &t->answer->calls[t->call];
	struct jsonw w;

	begin(t, chunk,
	    call->custom ? "response.custom_tool_call_input.delta"
			 : "response.function_call_arguments.delta",
	    &w);
	add_place(t, &w);
	jsonw_key(&w, "delta");
	jsonw_str(&w, answer_fragment(call, &t->at));
	jsonw_close(&w, '}');
	chunk->tokens = 1;
	if (t->at >= call->arguments.n)
		t->stage = TALK_CALL_STOP;
}

static void
tell_call_stop(struct talk *t, struct reply_chunk *chunk)
{
	const struct answer_call *call = &t->answer->calls[t->call];
	struct jsonw w;

	if (t->step++ == 0) {
		begin(t, chunk,
		    call->custom ? "response.custom_tool_call_input.done"
				 : "response.function_call_arguments.done",
		    &w);
		add_place(t, &w);
		if (!call->custom) {
			jsonw_key(&w, "name");
			jsonw_str(&w, call->name);
		}
		jsonw_key(&w, call->custom ? "input" : "arguments");
		jsonw_str(&w, call->arguments);
		jsonw_close(&w, '}');
		return;
	}
	tell_item(t, chunk, true);
	t->step = 0;
	t->at = 0;
	t->call++;
	t->stage =
	    t->call < t->answer->call_count ? TALK_CALL_HEAD : TALK_FINISH;
}

int
chat_responses_next(void *ctx, struct reply_chunk *chunk)
{
	struct talk *t = ctx;
	bool cut = t->answer->finish == FINISH_LENGTH;

	switch (t->stage) {
	case TALK_OPENING:
		tell_response(t, chunk, "response.created", false);
		t->stage = TALK_PING;
		return 1;
	case TALK_PING:
		tell_response(t, chunk, "response.in_progress", false);
		t->stage = has_reasoning(t) ? TALK_THOUGHT : first_item(t);
		return 1;
	case TALK_THOUGHT:
		tell_reasoning(t, chunk);
		return 1;
	case TALK_TEXT_START:
		tell_text_start(t, chunk);
		return 1;
	case TALK_WORDS:
		tell_word(t, chunk);
		return 1;
	case TALK_TEXT_STOP:
		tell_text_stop(t, chunk);
		return 1;
	case TALK_CALL_HEAD:
		tell_item(t, chunk, false);
		chunk->tokens = 1;
		t->stage = t->answer->calls[t->call].arguments.n > 0
			       ? TALK_CALL_ARGS
			       : TALK_CALL_STOP;
		return 1;
	case TALK_CALL_ARGS:
		tell_call_args(t, chunk);
		return 1;
	case TALK_CALL_STOP:
		tell_call_stop(t, chunk);
		return 1;
	case TALK_FINISH:
		tell_response(t, chunk,
		    cut ? "response.incomplete" : "response.completed", true);
		chunk->last = true;
		t->stage = TALK_OVER;
		return 1;
	case TALK_USAGE:
	case TALK_TERMINAL:
	case TALK_OVER:
		return 0;
	}
	return 0;
}
