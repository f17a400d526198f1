/* What the simulator says. See answer.h. */
#include "sim/answer.h"

#include "sim/question.h"
#include "sim/schema.h"

/* ---- text ------------------------------------------------------------- */

static bool
is_blank(char c)
{
	return (unsigned char)c <= 0x20 || c == 0x7f;
}

/*
 * Appends s with every run of blanks and control bytes as one blank, at most
 * `most` bytes of it, never a part of a UTF-8 sequence.
 */
static void
add_words(struct buf *out, struct str s, size_t most)
{
	size_t i = 0, n;

	s = str_trim(s);
	n = s.n;
	if (n > most) {
		n = most;
		while (n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
			n--;
	}
	while (i < n) {
		size_t from = i;

		while (i < n && !is_blank(s.p[i]))
			i++;
		if (i > from && from > 0 && out->len > 0 &&
		    out->data[out->len - 1] != ' ')
			buf_add_char(out, ' ');
		buf_add(out, s.p + from, i - from);
		while (i < n && is_blank(s.p[i]))
			i++;
	}
}

static void
trim_end(struct buf *out)
{
	while (out->len > 0 && out->data[out->len - 1] == ' ')
		out->data[--out->len] = '\0';
}

static void
add_results(struct buf *out, const struct chat *chat)
{
	buf_add_cstr(out, "Based on the tool: ");
	for (size_t i = 0; i < chat->result_count; i++) {
		if (i > 0)
			buf_add_cstr(out, "; ");
		add_words(out, chat->results[i], ANSWER_RESULT_BYTES);
	}
	/* A tool that said nothing leaves the blank behind the colon. */
	trim_end(out);
}

static void
add_sentence(struct buf *out, const struct chat *chat, const char *name)
{
	if (chat->last == CHAT_LAST_TOOL) {
		add_results(out, chat);
		return;
	}
	buf_printf(out, "This is %s.", name);
	if (str_trim(chat->user_text).n == 0)
		return;
	buf_add_cstr(out, " You said: ");
	add_words(out, chat->user_text, ANSWER_ECHO_BYTES);
	trim_end(out);
}

/* The sentence as the JSON object that was asked for. */
static void
wrap_json(struct buf *out, const struct chat *chat)
{
	json_t *obj;
	char *text;

	if (chat->schema != NULL)
		obj = schema_fill(chat->schema, buf_str(out));
	else
		obj = json_pack("{s:s%}", "answer", buf_cstr(out), out->len);
	text = jsonx_dump(obj);
	buf_clear(out);
	/* As it is: a string of the schema may hold blanks in a row, and an
	   empty word between them does no harm. */
	buf_add_cstr(out, text);
	free(text);
	json_decref(obj);
}

static void
cut_at_stop(struct str *text, const struct chat *chat)
{
	for (size_t i = 0; i < chat->stop_count; i++) {
		char *stop = str_dup(chat->stop[i]);
		ptrdiff_t at = *stop == '\0' ? -1 : str_find(*text, stop);

		if (at >= 0)
			text->n = (size_t)at;
		free(stop);
	}
	while (text->n > 0 && text->p[text->n - 1] == ' ')
		text->n--;
}

static int64_t
count_words(struct str text)
{
	int64_t words = text.n == 0 ? 0 : 1;

	for (size_t i = 0; i < text.n; i++)
		words += text.p[i] == ' ';
	return words;
}

struct str
answer_word(const struct answer *answer, size_t *at)
{
	struct str rest = answer->text, word;

	if (*at >= rest.n)
		*at = 0;
	rest.p += *at;
	rest.n -= *at;
	word = str_cut(&rest, ' ');
	*at += word.n + 1;
	return word;
}

struct str
answer_call_object(const struct answer_call *call)
{
	json_t *json =
	    json_loadb(call->arguments.p, call->arguments.n, 0, NULL);
	struct str object = json == NULL ? str_of("{}") : call->arguments;

	json_decref(json);
	return object;
}

void
answer_write_text(const struct answer *answer, struct jsonw *w)
{
	int64_t left = answer->words, pass = count_words(answer->text);
	size_t at = 0;

	/* Whole passes at once, then word by word. */
	buf_add_char(w->out, '"');
	for (; left > 0 && left >= pass; left -= pass) {
		if (left != answer->words)
			buf_add_char(w->out, ' ');
		jsonw_escape(w->out, answer->text);
	}
	for (bool first = left == answer->words; left > 0; left--) {
		if (!first)
			buf_add_char(w->out, ' ');
		first = false;
		jsonw_escape(w->out, answer_word(answer, &at));
	}
	buf_add_char(w->out, '"');
	w->comma = true;
}

static void
say_text(struct answer *a, const struct chat *chat, const struct faults *f,
    struct arena *arena, const char *name)
{
	struct buf text;

	buf_init(&text, 64 * 1024);
	add_sentence(&text, chat, name);
	if (chat->json)
		wrap_json(&text, chat);
	a->text = arena_str(arena, buf_str(&text));
	buf_fini(&text);
	if (chat->stop_count > 0)
		cut_at_stop(&a->text, chat);
	a->words = count_words(a->text);
	a->finish = FINISH_STOP;
	if (f->completion_tokens >= 0 && a->words > 0)
		a->words = f->completion_tokens;
}

/* ---- tools ------------------------------------------------------------ */

void
answer_id(const char *name, uint64_t number, unsigned part,
    char out[ANSWER_ID_BYTES])
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	uint64_t z = number * 4096 + part;

	/* The name is mixed in: two simulators in one conversation must not
	   give out the same id. */
	for (; *name != '\0'; name++)
		z = (z ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;
	for (int i = 0; i < 9; i++) {
		out[i] = digits[z % 36];
		z /= 36;
	}
	out[9] = '\0';
}

struct str
answer_fragment(const struct answer_call *call, size_t *at)
{
	struct str s = call->arguments;
	size_t from = *at, i = from;

	for (int chars = 0; chars < ANSWER_FRAGMENT_CHARS && i < s.n; chars++) {
		i++;
		while (i < s.n && ((unsigned char)s.p[i] & 0xc0) == 0x80)
			i++;
	}
	*at = i;
	return str_make(s.p + from, i - from);
}

static int64_t
call_tokens(const struct answer_call *call)
{
	int64_t tokens = 1;
	size_t at = 0;

	while (answer_fragment(call, &at).n > 0)
		tokens++;
	return tokens;
}

/* What the tool is asked, when the question is one for it: 1 or 0. */
static int
fits(const struct chat_tool *tool, struct str question, struct str *ask_r)
{
	if (str_find_nocase(tool->name, "weather") >= 0)
		return question_city(question, ask_r);
	if (str_find_nocase(tool->name, "calc") >= 0 ||
	    str_find_nocase(tool->name, "math") >= 0)
		return question_sum(question, ask_r);
	return 0;
}

static void
add_call(struct answer *a, struct arena *arena, const struct chat_tool *tool,
    struct str arguments)
{
	struct answer_call *call = &a->calls[a->call_count++];

	call->name = tool->name;
	call->custom = tool->custom;
	call->arguments = arena_str(arena, arguments);
	call->tokens = call_tokens(call);
}

/* A call that asks for this. */
static void
ask_tool(struct answer *a, struct arena *arena, const struct chat_tool *tool,
    struct str ask)
{
	json_t *arguments;
	char *text;

	if (tool->custom) {
		add_call(a, arena, tool, ask);
		return;
	}
	arguments = schema_fill(tool->schema, ask);
	text = jsonx_dump(arguments);
	add_call(a, arena, tool, str_of(text));
	free(text);
	json_decref(arguments);
}

/* "call NAME {...}": with these arguments; "call NAME "..."": asked for the
   string. False: the question says nothing of the kind. */
static bool
obey(struct answer *a, const struct chat *chat, struct arena *arena,
    const struct chat_tool *tool)
{
	const size_t flags = JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK;
	struct str rest;
	json_t *said;
	char *text;

	if (question_call(chat->user_text, tool->name, &rest) == 0 ||
	    (said = json_loadb(rest.p, rest.n, flags, NULL)) == NULL)
		return false;
	text = jsonx_dump(said);
	if (json_is_string(said))
		ask_tool(a, arena, tool, chat_string(said));
	else
		add_call(a, arena, tool, str_of(text));
	free(text);
	json_decref(said);
	return true;
}

static void
choose_calls(struct answer *a, const struct chat *chat, struct arena *arena)
{
	size_t most = chat->one_call ? 1 : ANSWER_CALLS_MAX;
	const struct chat_tool *forced = NULL;
	struct str ask;

	for (size_t i = 0; i < chat->tool_count; i++) {
		const struct chat_tool *tool = &chat->tools[i];

		if (chat->choice == CHOICE_NAMED &&
		    !str_eq(tool->name, chat->choice_name))
			continue;
		if (forced == NULL)
			forced = tool;
		if (a->call_count == most || obey(a, chat, arena, tool))
			continue;
		if (fits(tool, chat->user_text, &ask))
			ask_tool(a, arena, tool, ask);
	}
	if (a->call_count == 0 && forced != NULL && chat->choice != CHOICE_AUTO)
		ask_tool(a, arena, forced, chat->user_text);
}

/* ---- how much of it --------------------------------------------------- */

/* Leaves `most` tokens of the calls. */
static void
cut_calls(struct answer *a, int64_t most)
{
	for (size_t i = 0; i < a->call_count; i++) {
		struct answer_call *call = &a->calls[i];
		size_t at = 0;

		if (call->tokens <= most) {
			most -= call->tokens;
			continue;
		}
		a->finish = FINISH_LENGTH;
		a->call_count = i + (most > 0);
		if (most == 0)
			return;
		for (int64_t left = most - 1; left > 0; left--)
			answer_fragment(call, &at);
		call->arguments.n = at;
		call->tokens = most;
		return;
	}
}

int64_t
answer_prompt_tokens(const struct chat *chat)
{
	return (chat->text_bytes + 3) / 4 + 3 * chat->messages;
}

void
answer_usage(struct usage *u, const struct chat *chat, const struct faults *f,
    int64_t visible_tokens)
{
	int64_t rest;

	u->prompt_tokens = f->prompt_tokens >= 0 ? f->prompt_tokens
						 : answer_prompt_tokens(chat);
	rest = u->prompt_tokens;
	u->cached_tokens = f->cached_tokens < rest ? f->cached_tokens : rest;
	rest -= u->cached_tokens;
	u->cache_write_tokens =
	    f->cache_write_tokens < rest ? f->cache_write_tokens : rest;
	u->audio_tokens = f->audio_tokens < u->prompt_tokens ? f->audio_tokens
							     : u->prompt_tokens;
	u->completion_tokens =
	    visible_tokens * chat->choices + u->reasoning_tokens;
}

void
answer_make(struct answer *a, const struct chat *chat, const struct faults *f,
    struct arena *arena, const char *name, uint64_t number)
{
	int64_t visible = 0, most = chat->max_tokens;

	memset(a, 0, sizeof(*a));
	if (f->ignore_max_tokens)
		most = -1;
	if (chat->last == CHAT_LAST_USER && chat->choice != CHOICE_NONE)
		choose_calls(a, chat, arena);
	if (a->call_count > 0)
		a->finish = FINISH_TOOLS;
	else
		say_text(a, chat, f, arena, name);
	/* Reasoning comes first and is paid from the same limit. */
	a->usage.reasoning_tokens = f->reasoning_tokens;
	if (most >= 0 && a->usage.reasoning_tokens > most)
		a->usage.reasoning_tokens = most;
	if (most >= 0) {
		most -= a->usage.reasoning_tokens;
		cut_calls(a, most);
		if (a->words > most) {
			a->words = most;
			a->finish = FINISH_LENGTH;
		}
	}
	for (size_t i = 0; i < a->call_count; i++) {
		answer_id(name, number, (unsigned)i + 1, a->calls[i].id);
		visible += a->calls[i].tokens;
	}
	answer_usage(&a->usage, chat, f, visible + a->words);
}
