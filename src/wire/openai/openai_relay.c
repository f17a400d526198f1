/*
 * The OpenAI relay's ends: start, stop, fail, and the facts that plain and
 * streamed answers have in common. See openai_relay.h.
 */
#include "wire/openai/openai_relay.h"

#include "base/clock.h"
#include "base/hash.h"
#include "wire/relay_note.h"
#include "wire/usage_json.h"

static bool
is_set(const struct skim_value *v)
{
	return v->type != SKIM_ABSENT && v->type != SKIM_NULL &&
	       v->type != SKIM_FALSE;
}

int
openai_check_error(struct relay *r, const struct openai_view *v,
    struct err *err)
{
	struct str text = v->text;

	if (!is_set(&v->error) && !is_set(&v->choice_error) &&
	    !v->finish_is_error)
		return 0;
	/* The error's own value where it stands deeper than the reader looks */
	if (!is_set(&v->error) && is_set(&v->choice_error))
		text = v->choice_error.value;
	else if (is_set(&v->error))
		text = v->error.value;
	else
		text = str_of("\"finish_reason was error\"");
	return relay_error(r, text, 0, err);
}

/* A usage with nothing in it says nothing about an answer with text. */
static bool
is_useful(const struct usage *u)
{
	return u->prompt_tokens + u->completion_tokens > 0;
}

/* Text came behind the last usage: it is no longer all of it. */
static void
outdate_usage(struct relay *r)
{
	struct relay_facts *f = &r->facts;
	struct openai_relay *s = r->state;
	struct usage *u = &f->usage;

	if (u->source == USAGE_NONE)
		return;
	buf_clear(&s->usage);
	u->source = USAGE_ESTIMATED;
	if (u->completion_tokens < f->output_guess_tokens)
		u->completion_tokens = f->output_guess_tokens;
}

static void
note_usage(struct relay *r, const struct openai_view *v)
{
	struct openai_relay *s = r->state;
	const struct skim_value *value = &v->usage;
	struct usage u = { .tier = r->facts.usage.tier };

	if (value->type != SKIM_OBJECT)
		value = &v->groq_usage;
	if (usage_json_read(value, &u) != 0 || !is_useful(&u)) {
		if (v->text_bytes > 0)
			outdate_usage(r);
		return;
	}
	r->facts.usage = u;
	if (!r->options.request->stream)
		return;
	buf_clear(&s->usage);
	if (buf_add_str(&s->usage, value->value) != 0)
		buf_clear(&s->usage);
	sse_one_line(&s->usage, 0);
}

void
openai_note_facts(struct relay *r, const struct openai_view *v)
{
	struct relay_facts *f = &r->facts;
	struct openai_relay *s = r->state;

	if (f->model[0] == '\0' && v->model.type == SKIM_STRING &&
	    v->model.value.n > 2)
		relay_copy_string(&v->model, f->model, sizeof(f->model));
	if (v->service_tier.type == SKIM_STRING)
		f->usage.tier = usage_json_tier(&v->service_tier);
	f->first_token = f->first_token || v->has_token;
	f->delivered_bytes += v->text_bytes;
	s->deltas += v->text_bytes > 0 && r->options.request->stream;
	f->output_guess_tokens = relay_guess(f->delivered_bytes, s->deltas);
	note_usage(r, v);
	if (v->finish_reason[0] != '\0')
		memcpy(f->finish_reason, v->finish_reason,
		    sizeof(f->finish_reason));
	if (s->choices.finished >= r->options.request->n)
		f->finished = true;
}

void
openai_rename_model(const struct relay *r, struct openai_view *v)
{
	const struct openai_relay *s = r->state;

	if (v->model.type != SKIM_ABSENT)
		openai_view_edit(v, v->model.value_start, v->model.value_end,
		    buf_str(&s->model));
}

static bool
says_nothing(const struct skim_value *v)
{
	return v->type == SKIM_ABSENT || v->type == SKIM_NULL ||
	       (v->type == SKIM_STRING && v->value.n == 2) ||
	       (v->type == SKIM_NUMBER && str_is(v->value, "0"));
}

static void
fill_member(struct openai_view *v, const struct skim_value *member,
    const char *name, const char *json)
{
	struct arena *made = v->choices->made;

	if (!says_nothing(member))
		return;
	if (member->type == SKIM_ABSENT)
		openai_view_edit(v, 1, 1,
		    str_of(arena_printf(made, "\"%s\":%s,", name, json)));
	else
		openai_view_edit(v, member->value_start, member->value_end,
		    str_of(arena_strdup(made, json)));
}

static bool
is_completions(const struct relay *r)
{
	return r->options.request->api == WIRE_COMPLETIONS;
}

static void
make_head(const struct relay *r)
{
	struct openai_relay *s = r->state;

	if (s->id[0] == '\0')
		snprintf(s->id, sizeof(s->id), "\"%s-%016llx\"",
		    is_completions(r) ? "cmpl" : "chatcmpl",
		    (unsigned long long)s->choices.seed);
	if (s->created[0] == '\0')
		snprintf(s->created, sizeof(s->created), "%lld",
		    (long long)(clock_wall_nsecs() / NSECS_PER_SEC));
}

void
openai_fill_head(struct relay *r, struct openai_view *v)
{
	struct openai_relay *s = r->state;
	bool chunk = v->kind == VIEW_CHUNK;

	if (!says_nothing(&v->id) && !says_nothing(&v->object) &&
	    !says_nothing(&v->created))
		return;
	make_head(r);
	fill_member(v, &v->created, "created", s->created);
	fill_member(v, &v->id, "id", s->id);
	fill_member(v, &v->object, "object",
	    is_completions(r) ? "\"text_completion\""
	    : chunk           ? "\"chat.completion.chunk\""
			      : "\"chat.completion\"");
}

void
openai_chunk_head(const struct relay *r, struct chat_chunk *c)
{
	const struct openai_relay *s = r->state;

	make_head(r);
	c->completions = is_completions(r);
	c->id = str_of(s->id);
	c->created = str_of(s->created);
	c->model = buf_str(&s->model);
}

void
openai_end_stream(struct relay *r, struct buf *out)
{
	struct openai_relay *s = r->state;
	struct chat_chunk c;

	openai_chunk_head(r, &c);
	if (r->options.request->include_usage && !s->usage_sent &&
	    s->usage.len > 0) {
		chat_chunk_usage(&c, buf_str(&s->usage), out);
		r->facts.chunks++;
	}
	chat_chunk_done(out);
	r->facts.finished = true;
	r->facts.done_marker = true;
	s->in.ended = true;
}

/* ---- ops --------------------------------------------------------------- */

static const struct relay_taker taker = {
	.event = openai_stream_take,
	.whole = openai_plain_take,
	.end = openai_stream_end,
};

static int
start(struct relay *r, struct err *err)
{
	struct openai_relay *s = r->state;

	(void)err;
	relay_input_init(r, &taker);
	arena_init(&s->made, OPENAI_MADE_BYTES);
	s->choices.made = &s->made;
	s->choices.seed = random_u64();
	buf_init(&s->usage, OPENAI_USAGE_BYTES);
	relay_quote_model(r, &s->model);
	return 0;
}

static void
stop(struct relay *r)
{
	struct openai_relay *s = r->state;

	arena_fini(&s->made);
	relay_input_fini(r);
	buf_fini(&s->usage);
	buf_fini(&s->model);
}

#define OPENAI_OPS(word)                                                       \
	{                                                                      \
		.name = "openai-" word,                                        \
		.state_bytes = sizeof(struct openai_relay), .start = start,    \
		.feed = relay_input_feed, .finish = relay_input_finish,        \
		.fail = relay_input_fail, .stop = stop,                        \
		.keep_alive = relay_keep_alive,                                \
	}

const struct relay_ops *
openai_relay_find(enum wire_api api)
{
	static const struct relay_ops chat = OPENAI_OPS("chat");
	static const struct relay_ops completions = OPENAI_OPS("completions");
	static const struct relay_ops embeddings = OPENAI_OPS("embeddings");

	if (api == WIRE_CHAT)
		return &chat;
	if (api == WIRE_COMPLETIONS)
		return &completions;
	return api == WIRE_EMBEDDINGS ? &embeddings : NULL;
}
