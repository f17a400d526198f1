/*
 * Streamed answers: event by event, unchanged bytes as spans. See
 * openai_relay.h.
 */
#include "wire/openai/openai_relay.h"

#include "wire/pick.h"
#include "wire/relay_note.h"
#include "wire/usage_json.h"

/* Keeps what chunks of our own need; the first that has it counts. */
static void
keep_head(struct openai_relay *s, const struct openai_view *v)
{
	if (s->id[0] == '\0' && v->id.type == SKIM_STRING &&
	    v->id.value.n > 2 && v->id.value.n < sizeof(s->id))
		memcpy(s->id, v->id.value.p, v->id.value.n);
	if (s->created[0] == '\0' && v->created.type == SKIM_NUMBER &&
	    v->created.value.n < sizeof(s->created) &&
	    !str_is(v->created.value, "0"))
		memcpy(s->created, v->created.value.p, v->created.value.n);
}

/* Usage on its own, as OpenAI sends it: no choices in it. Azure's first chunk
   has none either, but no usage. */
static bool
is_usage_chunk(const struct openai_view *v)
{
	return v->choice_list.count == 0 && v->usage.type == SKIM_OBJECT;
}

/* Azure's first chunk: what its filters say of the prompt, nothing else. Its
   id is empty; clients look for a choice in it. */
static bool
is_filter_chunk(const struct openai_view *v)
{
	return v->choice_list.count == 0 && pick_is_empty(&v->id) &&
	       v->usage.type != SKIM_OBJECT;
}

/* The usage in a chunk with choices: away, or null, which is what OpenAI
   sends; the client gets it once, at the end. */
static void
hide_usage(const struct relay *r, struct openai_view *v)
{
	const struct wire_request *request = r->options.request;

	if (v->usage.type == SKIM_ABSENT || request->continuous_usage)
		return;
	if (!request->include_usage)
		openai_view_cut(v, &v->usage);
	else if (v->usage.type != SKIM_NULL)
		openai_view_edit(v, v->usage.value_start, v->usage.value_end,
		    str_of("null"));
}

static void
write_event(struct openai_view *v, bool many_lines, struct buf *out)
{
	size_t start;

	buf_add(out, "data: ", 6);
	start = out->len;
	openai_view_write(v, 0, v->text.n, out);
	if (many_lines)
		sse_one_line(out, start);
	buf_add(out, "\n\n", 2);
}

/* What a stream that we end used, as far as we know: for a client that asked.
 */
static void
estimate_usage(struct relay *r)
{
	struct openai_relay *s = r->state;
	struct usage u = r->facts.usage;
	int64_t output = r->facts.output_guess_tokens;

	if (s->usage.len > 0)
		return;
	/* It was ended because more than that may not be charged. */
	if (output > r->options.stop_after_tokens)
		output = r->options.stop_after_tokens;
	if (u.prompt_tokens == 0)
		u.prompt_tokens = r->options.request->prompt_guess_tokens;
	if (u.completion_tokens < output)
		u.completion_tokens = output;
	usage_json_write(&u, &s->usage);
}

/* The output passed its limit: what comes now is not given out any more, and
   every choice still open ends as one that reached max_tokens does. */
static void
stop_stream(struct relay *r, struct buf *out)
{
	struct openai_relay *s = r->state;
	struct chat_chunk c;

	openai_chunk_head(r, &c);
	for (int64_t i = 0; i < r->options.request->n && i < WIRE_MAX_N; i++) {
		if (s->choices.items[i].finished)
			continue;
		chat_chunk_finish(&c, i, !s->choices.items[i].role_seen,
		    "length", out);
		r->facts.chunks++;
	}
	snprintf(r->facts.finish_reason, sizeof(r->facts.finish_reason),
	    "length");
	r->facts.stopped = true;
	estimate_usage(r);
	openai_end_stream(r, out);
}

static bool
passes_limit(const struct relay *r, const struct openai_view *v)
{
	const struct openai_relay *s = r->state;
	const struct usage *u = &r->facts.usage;
	int64_t limit = r->options.stop_after_tokens;

	if (limit < 0 || v->text_bytes == 0)
		return false;
	/* A provider that counts as it goes (vLLM, Gemini) knows better. */
	if (u->source == USAGE_PROVIDER && u->completion_tokens >= limit)
		return true;
	return s->deltas + 1 > limit ||
	       relay_least_tokens(r->facts.delivered_bytes + v->text_bytes) >
		   limit;
}

static int
take_chunk(struct relay *r, struct str data, bool many_lines, struct buf *out,
    struct err *err)
{
	struct openai_relay *s = r->state;
	const struct wire_request *request = r->options.request;
	struct view_choices before;
	struct openai_view v;

	if (r->options.stop_after_tokens >= 0)
		before = s->choices;
	if (s->made.blocks != NULL)
		arena_reset(&s->made);
	if (openai_view_read(&v, VIEW_CHUNK, data, &s->choices) != 0)
		return relay_malformed(r, err, "event %lld, at byte %zu: %s",
		    (long long)r->facts.chunks, v.wrong_at, v.wrong);
	if (openai_check_error(r, &v, err) != 0)
		return -1;
	keep_head(s, &v);
	if (passes_limit(r, &v)) {
		s->choices = before; /* this chunk is not given out */
		stop_stream(r, out);
		return 0;
	}
	openai_note_facts(r, &v);
	if (v.choice_list.type != SKIM_ARRAY || is_filter_chunk(&v))
		return 0; /* nothing a client could read */
	if (is_usage_chunk(&v)) {
		if (!request->include_usage)
			return 0;
		s->usage_sent = true;
	} else {
		hide_usage(r, &v);
	}
	openai_rename_model(r, &v);
	openai_fill_head(r, &v);
	if (v.too_many_edits)
		return relay_malformed(r, err, "too much to mend in a chunk");
	write_event(&v, many_lines, out);
	r->facts.chunks++;
	return 0;
}

static int
take_done(struct relay *r, struct buf *out, struct err *err)
{
	if (r->facts.chunks == 0)
		return relay_malformed(r, err,
		    "the stream ended before its first chunk");
	openai_end_stream(r, out);
	return 0;
}

int
openai_stream_take(struct relay *r, const struct sse_event *event,
    struct buf *out, struct err *err)
{
	struct str data = str_trim(event->data);

	if (event->comment_only) {
		if (r->facts.chunks > 0)
			relay_keep_alive(r, out);
		return 0;
	}
	if (data.n == 0)
		return 0;
	if (str_starts(data, "[DONE]"))
		return take_done(r, out, err);
	if (data.p[0] == '[')
		return openai_error_list(r, data, err);
	return take_chunk(r, data, event->many_lines, out, err);
}

int
openai_stream_end(struct relay *r, struct buf *out, struct err *err)
{
	if (!r->facts.finished)
		return err_set(err, ERR_UPSTREAM_CUT,
		    "the stream ended without a finish_reason");
	openai_end_stream(r, out);
	return 0;
}
