/* Whole responses as streams. See responses_wrap.h. */
#include "wire/responses/responses_wrap.h"

#include "wire/pick.h"
#include "wire/responses/responses_event.h"
#include "wire/sse.h"

struct wrap {
	int64_t *sequence;
	int64_t events;
	struct buf *out;
	struct skim_value item_id;
	size_t output_index;
};

/* Where in an item a part stands: the name of its index, and which. */
struct place {
	const char *name; /* "content_index"; NULL none */
	size_t index;
};

/* ---- one event ---------------------------------------------------------- */

static void
open_event(struct wrap *w, const char *type)
{
	responses_event_open(type, w->sequence, w->out);
	buf_printf(w->out, ",\"output_index\":%zu", w->output_index);
	w->events++;
}

static void
open_part_event(struct wrap *w, const char *type, const struct place *at)
{
	open_event(w, type);
	buf_add_cstr(w->out, ",\"item_id\":");
	if (w->item_id.type == SKIM_STRING)
		buf_add_str(w->out, w->item_id.value);
	else
		buf_add_cstr(w->out, "\"\"");
	if (at->name != NULL)
		buf_printf(w->out, ",\"%s\":%zu", at->name, at->index);
}

static void
add_member(struct wrap *w, const char *key, struct str json)
{
	buf_printf(w->out, ",\"%s\":", key);
	buf_add_str(w->out, json);
}

/* An event whose one member more is an object, with what has not come yet
   taken out of it. */
static void
tell_object(struct wrap *w, const char *key, struct str object,
    const struct pick_edit *edits, size_t n)
{
	buf_printf(w->out, ",\"%s\":", key);
	pick_replace(object, edits, n, w->out);
	responses_event_close(w->out);
}

/* ---- texts -------------------------------------------------------------- */

/* A text that comes in pieces: its events, and what it is called in the last
   of them and in its object. */
struct text_kind {
	const char *type; /* of a part or item */
	const char *delta, *done, *member;
};

static const struct text_kind parts[] = {
	{ "output_text", "response.output_text.delta",
	    "response.output_text.done", "text" },
	{ "refusal", "response.refusal.delta", "response.refusal.done",
	    "refusal" },
	{ "reasoning_text", "response.reasoning_text.delta",
	    "response.reasoning_text.done", "text" },
	{ "summary_text", "response.reasoning_summary_text.delta",
	    "response.reasoning_summary_text.done", "text" },
};

static const struct text_kind items[] = {
	{ "function_call", "response.function_call_arguments.delta",
	    "response.function_call_arguments.done", "arguments" },
	{ "custom_tool_call", "response.custom_tool_call_input.delta",
	    "response.custom_tool_call_input.done", "input" },
	{ "mcp_call", "response.mcp_call_arguments.delta",
	    "response.mcp_call_arguments.done", "arguments" },
};

static const struct text_kind *
find_kind(const struct text_kind *kinds, size_t n,
    const struct skim_value *object)
{
	struct skim_value type = pick_one(object, "type");

	for (size_t i = 0; i < n; i++) {
		if (skim_string_is(&type, kinds[i].type))
			return &kinds[i];
	}
	return NULL;
}

static void
add_logprobs(struct wrap *w, const struct text_kind *kind,
    const struct skim_value *object)
{
	struct skim_value v;

	if (strcmp(kind->type, "output_text") != 0)
		return;
	v = pick_one(object, "logprobs");
	add_member(w, "logprobs",
	    v.type == SKIM_ARRAY ? v.value : str_of("[]"));
}

static void
tell_annotations(struct wrap *w, const struct place *at,
    const struct skim_value *part)
{
	struct skim_value list = pick_one(part, "annotations"), v;
	struct skim_iter it;
	struct str key;
	size_t i = 0;

	if (list.type != SKIM_ARRAY)
		return;
	skim_iter_init(&it, list.value);
	it.max_depth = SKIM_TOP_DEPTH;
	while (skim_iter_next(&it, &key, &v) == 1) {
		open_part_event(w, "response.output_text.annotation.added", at);
		buf_printf(w->out, ",\"annotation_index\":%zu", i++);
		add_member(w, "annotation", v.value);
		responses_event_close(w->out);
	}
}

/* The text in one piece, then as a whole. */
static void
tell_text(struct wrap *w, const struct place *at, const struct text_kind *kind,
    const struct skim_value *object)
{
	struct skim_value text = pick_one(object, kind->member);
	struct skim_value name = pick_one(object, "name");

	if (text.type != SKIM_STRING)
		return;
	open_part_event(w, kind->delta, at);
	add_member(w, "delta", text.value);
	add_logprobs(w, kind, object);
	responses_event_close(w->out);
	tell_annotations(w, at, object);
	open_part_event(w, kind->done, at);
	if (strcmp(kind->type, "function_call") == 0 &&
	    name.type == SKIM_STRING)
		add_member(w, "name", name.value);
	add_member(w, kind->member, text.value);
	add_logprobs(w, kind, object);
	responses_event_close(w->out);
}

/* ---- parts and items ---------------------------------------------------- */

static void
tell_part(struct wrap *w, const struct place *at, const struct skim_value *part,
    bool summary)
{
	static const struct pick_edit begin[] = {
		{ "text", STR_LIT("\"\""), false },
		{ "refusal", STR_LIT("\"\""), false },
		{ "annotations", STR_LIT("[]"), false },
		{ "logprobs", STR_LIT("[]"), false },
	};
	const struct text_kind *kind = find_kind(parts, ARRAY_LEN(parts), part);

	open_part_event(w,
	    summary ? "response.reasoning_summary_part.added"
		    : "response.content_part.added",
	    at);
	tell_object(w, "part", part->value, begin, ARRAY_LEN(begin));
	if (kind != NULL)
		tell_text(w, at, kind, part);
	open_part_event(w,
	    summary ? "response.reasoning_summary_part.done"
		    : "response.content_part.done",
	    at);
	tell_object(w, "part", part->value, NULL, 0);
}

static void
tell_parts(struct wrap *w, const struct skim_value *item, const char *member)
{
	struct skim_value list = pick_one(item, member), v;
	bool summary = strcmp(member, "summary") == 0;
	struct place at = { summary ? "summary_index" : "content_index", 0 };
	struct skim_iter it;
	struct str key;

	if (list.type != SKIM_ARRAY)
		return;
	skim_iter_init(&it, list.value);
	it.max_depth = SKIM_TOP_DEPTH;
	while (skim_iter_next(&it, &key, &v) == 1) {
		if (v.type == SKIM_OBJECT)
			tell_part(w, &at, &v, summary);
		at.index++;
	}
}

static void
tell_item(struct wrap *w, const struct skim_value *item)
{
	static const struct pick_edit begin[] = {
		{ "status", STR_LIT("\"in_progress\""), false },
		{ "content", STR_LIT("[]"), false },
		{ "summary", STR_LIT("[]"), false },
		{ "arguments", STR_LIT("\"\""), false },
		{ "input", STR_LIT("\"\""), false },
	};
	const struct text_kind *kind = find_kind(items, ARRAY_LEN(items), item);
	const struct place whole = { NULL, 0 };

	w->item_id = pick_one(item, "id");
	open_event(w, "response.output_item.added");
	tell_object(w, "item", item->value, begin, ARRAY_LEN(begin));
	tell_parts(w, item, "summary");
	tell_parts(w, item, "content");
	if (kind != NULL)
		tell_text(w, &whole, kind, item);
	open_event(w, "response.output_item.done");
	tell_object(w, "item", item->value, NULL, 0);
}

/* ---- the whole ---------------------------------------------------------- */

static void
tell_begin(struct wrap *w, const char *type, struct str response)
{
	const struct response_end begin = { .status = "in_progress",
		.incomplete_details = STR_LIT("null"),
		.output = STR_LIT("[]"),
		.usage = STR_LIT("null") };

	responses_event_open(type, w->sequence, w->out);
	buf_add_cstr(w->out, ",\"response\":");
	response_end_write(response, &begin, w->out);
	responses_event_close(w->out);
	w->events++;
}

int64_t
responses_wrap(struct str response, int64_t *sequence, struct buf *out)
{
	struct wrap w = { .sequence = sequence, .out = out };
	struct skim_value root, output, status, v;
	struct skim_iter it;
	struct str key;
	struct buf line;

	buf_init(&line, response.n);
	buf_add_str(&line, response);
	sse_one_line(&line, 0);
	response = buf_str(&line);
	root = pick_root(response);
	output = pick_one(&root, "output");
	status = pick_one(&root, "status");
	tell_begin(&w, "response.created", response);
	tell_begin(&w, "response.in_progress", response);
	if (output.type == SKIM_ARRAY) {
		skim_iter_init(&it, output.value);
		it.max_depth = SKIM_TOP_DEPTH;
		while (skim_iter_next(&it, &key, &v) == 1) {
			if (v.type == SKIM_OBJECT)
				tell_item(&w, &v);
			w.output_index++;
		}
	}
	responses_event_response(skim_string_is(&status, "incomplete")
				     ? "response.incomplete"
				     : "response.completed",
	    sequence, response, out);
	buf_fini(&line);
	return w.events + 1;
}
