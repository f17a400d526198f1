/* The older text endpoint. See completion.h. */
#include "sim/completion.h"

#include "sim/chat_openai.h"

/* One prompt: text, or token numbers. */
static void
add_prompt(struct chat *chat, struct arena *arena, const json_t *prompt)
{
	chat->messages++;
	if (json_is_array(prompt))
		chat->text_bytes += 4 * (int64_t)json_array_size(prompt);
	else
		chat->user_text = chat_text(chat, arena, prompt);
}

static int
read_prompts(struct chat *chat, struct arena *arena, struct problem *p)
{
	const json_t *prompt = json_object_get(chat->root, "prompt");
	const json_t *first = json_array_get(prompt, 0);
	int64_t choices;
	json_t *one;
	size_t i;

	if (json_is_string(first) || json_is_array(first)) {
		json_array_foreach(prompt, i, one)
			add_prompt(chat, arena, one);
	} else if (json_is_string(prompt) || json_is_array(prompt)) {
		add_prompt(chat, arena, prompt);
	} else {
		problem_set(p, 400, "missing_required_parameter",
		    "Missing required parameter: 'prompt'.");
		return problem_param(p, "prompt");
	}
	choices = chat->choices * chat->messages;
	if (choices > CHAT_CHOICES_MAX) {
		problem_set(p, 400, "array_above_max_length",
		    "Invalid 'prompt': too many prompts.");
		return problem_param(p, "prompt");
	}
	chat->choices = (int)choices;
	return 0;
}

int
completion_read(struct chat *chat, struct arena *arena, struct problem *p)
{
	if (chat_openai_read_limits(chat, p) != 0)
		return -1;
	chat->last = CHAT_LAST_USER;
	return read_prompts(chat, arena, p);
}

static void
write_opening(const struct talk *t, struct jsonw *w)
{
	jsonw_open(w, '{');
	talk_put_id(w, "id", "cmpl-", t->id);
	jsonw_put_cstr(w, "object", "text_completion");
	jsonw_key(w, "created");
	jsonw_int(w, t->created_secs);
	jsonw_key(w, "model");
	jsonw_str(w, t->chat->model);
	jsonw_put_open(w, "choices", '[');
}

static void
open_choice(int index, struct jsonw *w)
{
	jsonw_open(w, '{');
	jsonw_key(w, "index");
	jsonw_int(w, index);
	jsonw_key(w, "text");
}

static void
close_choice(const char *finish, struct jsonw *w)
{
	jsonw_put_cstr(w, "logprobs", NULL);
	jsonw_put_cstr(w, "finish_reason", finish);
	jsonw_close(w, '}');
}

static void
write_usage(const struct talk *t, struct jsonw *w)
{
	jsonw_key(w, "usage");
	chat_openai_usage(&t->answer->usage, t->dialect, w);
}

void
completion_write(const struct talk *t, struct buf *out)
{
	struct jsonw w;

	jsonw_init(&w, out);
	write_opening(t, &w);
	for (int i = 0; i < t->chat->choices; i++) {
		open_choice(i, &w);
		answer_write_text(t->answer, &w);
		close_choice(chat_openai_finish(t->answer->finish), &w);
	}
	jsonw_close(&w, ']');
	if (!t->no_usage)
		write_usage(t, &w);
	jsonw_close(&w, '}');
}

/* A chunk with one choice: its next word, or its finish. */
static void
tell_choice(struct talk *t, struct reply_chunk *chunk, bool finish)
{
	struct jsonw w;

	jsonw_init(&w, &chunk->json);
	write_opening(t, &w);
	open_choice(t->choice, &w);
	buf_add_char(w.out, '"');
	if (!finish) {
		if (t->choice == 0)
			t->said = answer_word(t->answer, &t->at);
		if (t->word > 0)
			buf_add_char(w.out, ' ');
		jsonw_escape(w.out, t->said);
		chunk->tokens = 1;
	}
	buf_add_char(w.out, '"');
	w.comma = true;
	close_choice(finish ? chat_openai_finish(t->answer->finish) : NULL, &w);
	jsonw_close(&w, ']');
	if (t->chat->include_usage)
		jsonw_put_cstr(&w, "usage", NULL);
	jsonw_close(&w, '}');
	t->choice = (t->choice + 1) % t->chat->choices;
}

static void
tell_usage(const struct talk *t, struct reply_chunk *chunk)
{
	struct jsonw w;

	jsonw_init(&w, &chunk->json);
	write_opening(t, &w);
	jsonw_close(&w, ']');
	write_usage(t, &w);
	jsonw_close(&w, '}');
}

int
completion_next(void *ctx, struct reply_chunk *chunk)
{
	struct talk *t = ctx;

	if (t->stage == TALK_OPENING)
		t->stage = t->answer->words > 0 ? TALK_WORDS : TALK_FINISH;
	switch (t->stage) {
	case TALK_WORDS:
		tell_choice(t, chunk, false);
		if (t->choice == 0 && ++t->word == t->answer->words)
			t->stage = TALK_FINISH;
		return 1;
	case TALK_FINISH:
		tell_choice(t, chunk, true);
		if (t->choice == 0)
			t->stage = t->chat->include_usage && !t->no_usage
				       ? TALK_USAGE
				       : TALK_TERMINAL;
		return 1;
	case TALK_USAGE:
		tell_usage(t, chunk);
		t->stage = TALK_TERMINAL;
		return 1;
	case TALK_TERMINAL:
		buf_add_cstr(&chunk->json, "[DONE]");
		chunk->last = true;
		t->stage = TALK_OVER;
		return 1;
	case TALK_OPENING:
	case TALK_TEXT_START:
	case TALK_PING:
	case TALK_TEXT_STOP:
	case TALK_CALL_HEAD:
	case TALK_CALL_ARGS:
	case TALK_CALL_STOP:
	case TALK_THOUGHT:
	case TALK_OVER:
		return 0;
	}
	return 0;
}
