/* Output items and their events. See responses_output.h. */
#include "wire/responses/responses_output.h"

#include "wire/responses/responses_event.h"

static const struct str none = STR_LIT("");

void
responses_output_init(struct responses_output *o, bool events, size_t max_bytes)
{
	memset(o, 0, sizeof(*o));
	o->events = events;
	o->max_bytes = max_bytes;
	o->id = str_of("0");
}

void
responses_output_fini(struct responses_output *o)
{
	for (size_t i = 0; i < o->count; i++) {
		struct output_item *it = o->items[i];

		buf_fini(&it->text);
		buf_fini(&it->refusal);
		buf_fini(&it->seal);
		buf_fini(&it->logprobs);
		buf_fini(&it->annotations);
		buf_fini(&it->call_id);
		buf_fini(&it->name);
		buf_fini(&it->name_space);
		buf_fini(&it->arguments);
		free(it);
	}
	o->count = 0;
}

/* ---- items as JSON ------------------------------------------------------ */

static void
add_id(const struct responses_output *o, size_t index, struct buf *out)
{
	static const char *const prefix[] = { "rs", "msg", "fc" };
	const struct output_item *it = o->items[index];

	buf_printf(out, "\"%s_" STR_FMT "_%zu\"",
	    it->custom ? "ctc" : prefix[it->kind], STR_ARG(o->id), index);
}

static void
add_string(const char *key, const struct buf *inside, struct buf *out)
{
	buf_printf(out, ",\"%s\":\"", key);
	buf_add_str(out, buf_str(inside));
	buf_add_char(out, '"');
}

static void
add_list(const char *key, struct str items, struct buf *out)
{
	buf_printf(out, ",\"%s\":[", key);
	buf_add_str(out, items);
	buf_add_char(out, ']');
}

/* A part, with its text or (begin) without. */
static void
write_part(const struct output_item *it, enum output_part part, bool begin,
    struct buf *out)
{
	bool refusal = part == PART_REFUSAL;

	if (it->kind == OUTPUT_REASONING) {
		buf_add_cstr(out, "{\"type\":\"summary_text\",\"text\":\"");
	} else if (refusal) {
		buf_add_cstr(out, "{\"type\":\"refusal\",\"refusal\":\"");
	} else {
		buf_add_cstr(out, "{\"type\":\"output_text\"");
		add_list("annotations",
		    begin ? none : buf_str(&it->annotations), out);
		add_list("logprobs", begin ? none : buf_str(&it->logprobs),
		    out);
		buf_add_cstr(out, ",\"text\":\"");
	}
	buf_add_str(out, begin     ? none
			 : refusal ? buf_str(&it->refusal)
				   : buf_str(&it->text));
	buf_add_cstr(out, "\"}");
}

static void
write_parts(const struct output_item *it, struct buf *out)
{
	buf_add_char(out, '[');
	if (it->text.len > 0)
		write_part(it, PART_TEXT, false, out);
	if (it->refusal.len > 0) {
		if (it->text.len > 0)
			buf_add_char(out, ',');
		write_part(it, PART_REFUSAL, false, out);
	}
	buf_add_char(out, ']');
}

static const char *
text_member(const struct output_item *it)
{
	if (it->kind != OUTPUT_CALL)
		return "text";
	return it->custom ? "input" : "arguments";
}

static void
write_call(const struct output_item *it, bool begin, const char *status,
    struct buf *out)
{
	const struct buf empty = { .len = 0 };

	buf_printf(out, ",\"type\":\"%s\",\"status\":\"%s\"",
	    it->custom ? "custom_tool_call" : "function_call", status);
	add_string("call_id", &it->call_id, out);
	add_string("name", &it->name, out);
	if (it->name_space.len > 0)
		add_string("namespace", &it->name_space, out);
	add_string(text_member(it), begin ? &empty : &it->text, out);
}

/* begin: as it is when nothing of it has come. */
static void
write_item(const struct responses_output *o, size_t index, bool begin,
    const char *status, struct buf *out)
{
	const struct output_item *it = o->items[index];

	buf_add_cstr(out, "{\"id\":");
	add_id(o, index, out);
	switch (it->kind) {
	case OUTPUT_REASONING:
		buf_add_cstr(out, ",\"type\":\"reasoning\",\"summary\":");
		if (begin)
			buf_add_cstr(out, "[]");
		else
			write_parts(it, out);
		if (!begin && it->seal.len > 0)
			add_string("encrypted_content", &it->seal, out);
		break;
	case OUTPUT_MESSAGE:
		buf_printf(out,
		    ",\"type\":\"message\",\"status\":\"%s\","
		    "\"role\":\"assistant\",\"content\":",
		    status);
		if (begin)
			buf_add_cstr(out, "[]");
		else
			write_parts(it, out);
		break;
	case OUTPUT_CALL:
		write_call(it, begin, status, out);
		break;
	}
	buf_add_char(out, '}');
}

static const char *
end_status(const struct output_item *it)
{
	return it->complete ? "completed" : "incomplete";
}

void
responses_output_write(const struct responses_output *o, struct buf *out)
{
	buf_add_char(out, '[');
	for (size_t i = 0; i < o->count; i++) {
		if (i > 0)
			buf_add_char(out, ',');
		write_item(o, i, false, end_status(o->items[i]), out);
	}
	buf_add_char(out, ']');
}

/* ---- events ------------------------------------------------------------- */

static void
open_event(struct responses_output *o, const char *type, size_t index,
    struct buf *out)
{
	responses_event_open(type, &o->sequence, out);
	buf_printf(out, ",\"output_index\":%zu", index);
	o->chunks++;
}

/* ... of a part or a piece: with the item's id and the part's place. */
static void
open_part_event(struct responses_output *o, const char *type, size_t index,
    struct buf *out)
{
	const struct output_item *it = o->items[index];
	bool second = it->part == PART_REFUSAL && it->text.len > 0;

	open_event(o, type, index, out);
	buf_add_cstr(out, ",\"item_id\":");
	add_id(o, index, out);
	if (it->kind == OUTPUT_MESSAGE)
		buf_printf(out, ",\"content_index\":%d", second);
	else if (it->kind == OUTPUT_REASONING)
		buf_add_cstr(out, ",\"summary_index\":0");
}

static void
tell_item(struct responses_output *o, const char *type, size_t index,
    bool begin, const char *status, struct buf *out)
{
	if (!o->events)
		return;
	open_event(o, type, index, out);
	buf_add_cstr(out, ",\"item\":");
	write_item(o, index, begin, status, out);
	responses_event_close(out);
}

static void
tell_part(struct responses_output *o, size_t index, bool begin, struct buf *out)
{
	const struct output_item *it = o->items[index];
	bool summary = it->kind == OUTPUT_REASONING;

	if (!o->events)
		return;
	open_part_event(o,
	    begin ? (summary ? "response.reasoning_summary_part.added"
			     : "response.content_part.added")
		  : (summary ? "response.reasoning_summary_part.done"
			     : "response.content_part.done"),
	    index, out);
	buf_add_cstr(out, ",\"part\":");
	write_part(it, it->part, begin, out);
	responses_event_close(out);
}

/* X.delta with a piece and its logprobs, X.done with the whole text and all of
   them. */
static void
tell_text(struct responses_output *o, size_t index, const struct str *piece,
    struct str logprobs, struct buf *out)
{
	static const char *const types[][2] = {
		{ "response.reasoning_summary_text.delta",
		    "response.reasoning_summary_text.done" },
		{ "response.output_text.delta", "response.output_text.done" },
		{ "response.function_call_arguments.delta",
		    "response.function_call_arguments.done" },
		{ "response.refusal.delta", "response.refusal.done" },
		{ "response.custom_tool_call_input.delta",
		    "response.custom_tool_call_input.done" },
	};
	const struct output_item *it = o->items[index];
	bool refusal = it->part == PART_REFUSAL;
	const char *member = "delta";
	int row = refusal ? 3 : it->custom ? 4 : (int)it->kind;

	if (!o->events)
		return;
	open_part_event(o, types[row][piece == NULL], index, out);
	if (it->kind == OUTPUT_MESSAGE && !refusal)
		add_list("logprobs", logprobs, out);
	if (piece == NULL) {
		member = refusal ? "refusal" : text_member(it);
		if (it->kind == OUTPUT_CALL && !it->custom)
			add_string("name", &it->name, out);
	}
	buf_printf(out, ",\"%s\":\"", member);
	buf_add_str(out, piece != NULL ? *piece
			 : refusal     ? buf_str(&it->refusal)
				       : buf_str(&it->text));
	buf_add_char(out, '"');
	responses_event_close(out);
}

/* ---- beginning and ending ----------------------------------------------- */

static void
keep(struct responses_output *o, struct buf *where, struct str piece)
{
	o->bytes += piece.n;
	if (o->bytes > o->max_bytes || buf_add_str(where, piece) != 0)
		o->overflowed = true;
}

/* Of a call: more of its arguments, or of its text. */
static void
add_text(struct responses_output *o, size_t index, struct str piece,
    struct buf *out)
{
	if (piece.n == 0)
		return;
	keep(o, &o->items[index]->text, piece);
	tell_text(o, index, &piece, none, out);
}

static void
close_part(struct responses_output *o, size_t index, struct buf *out)
{
	struct output_item *it = o->items[index];

	if (it->part == PART_NONE)
		return;
	tell_text(o, index, NULL, buf_str(&it->logprobs), out);
	tell_part(o, index, false, out);
	it->part = PART_NONE;
}

static void
close_item(struct responses_output *o, size_t index, bool complete,
    struct buf *out)
{
	struct output_item *it = o->items[index];

	if (it->closed)
		return;
	close_part(o, index, out);
	if (it->wrapped && !it->unwrap.found && it->arguments.len > 0)
		add_text(o, index, buf_str(&it->arguments), out);
	if (it->kind == OUTPUT_CALL)
		tell_text(o, index, NULL, none, out);
	it->closed = true;
	it->complete = complete;
	tell_item(o, "response.output_item.done", index, false, end_status(it),
	    out);
}

void
responses_output_close(struct responses_output *o, bool complete,
    struct buf *out)
{
	for (size_t i = 0; i < o->count; i++)
		close_item(o, i, complete, out);
}

/* A new item; those that are no calls end. NULL: too many. */
static struct output_item *
new_item(struct responses_output *o, enum output_kind kind, int64_t number,
    struct buf *out)
{
	struct output_item *it;

	for (size_t i = 0; i < o->count; i++) {
		if (o->items[i]->kind != OUTPUT_CALL)
			close_item(o, i, true, out);
	}
	if (o->count == OUTPUT_MAX_ITEMS) {
		o->overflowed = true;
		return NULL;
	}
	it = xcalloc(1, sizeof(*it));
	it->kind = kind;
	it->number = number;
	buf_init(&it->text, o->max_bytes);
	buf_init(&it->refusal, o->max_bytes);
	buf_init(&it->seal, o->max_bytes);
	buf_init(&it->logprobs, o->max_bytes);
	buf_init(&it->annotations, o->max_bytes);
	buf_init(&it->call_id, o->max_bytes);
	buf_init(&it->name, o->max_bytes);
	buf_init(&it->name_space, o->max_bytes);
	buf_init(&it->arguments, o->max_bytes);
	o->items[o->count++] = it;
	return it;
}

/* The open item of this kind and number. */
static bool
find_item(const struct responses_output *o, enum output_kind kind,
    int64_t number, size_t *index_r)
{
	for (size_t i = o->count; i-- > 0;) {
		const struct output_item *it = o->items[i];

		if (it->kind == kind && !it->closed &&
		    (number < 0 || it->number == number)) {
			*index_r = i;
			return true;
		}
	}
	return false;
}

static bool
find_or_begin(struct responses_output *o, enum output_kind kind, int64_t number,
    size_t *index_r, struct buf *out)
{
	if (find_item(o, kind, number, index_r))
		return true;
	if (new_item(o, kind, number, out) == NULL)
		return false;
	*index_r = o->count - 1;
	tell_item(o, "response.output_item.added", *index_r, true,
	    "in_progress", out);
	return true;
}

/* ---- pieces ------------------------------------------------------------- */

/* One more behind those in a list. */
static void
keep_item(struct responses_output *o, struct buf *list, struct str json)
{
	if (list->len > 0 && json.n > 0)
		keep(o, list, str_of(","));
	keep(o, list, json);
}

static void
add_piece(struct responses_output *o, size_t index, enum output_part part,
    struct str piece, struct str logprobs, struct buf *out)
{
	struct output_item *it = o->items[index];

	if (it->part != part) {
		close_part(o, index, out);
		it->part = part;
		tell_part(o, index, true, out);
	}
	keep(o, part == PART_REFUSAL ? &it->refusal : &it->text, piece);
	keep_item(o, &it->logprobs, logprobs);
	tell_text(o, index, &piece, logprobs, out);
}

void
responses_output_text(struct responses_output *o, struct str piece,
    struct str logprobs, struct buf *out)
{
	size_t i;

	if (piece.n == 0)
		return;
	/* Behind a refusal text is another message's. */
	if (find_item(o, OUTPUT_MESSAGE, -1, &i) &&
	    o->items[i]->part == PART_REFUSAL)
		close_item(o, i, true, out);
	if (find_or_begin(o, OUTPUT_MESSAGE, -1, &i, out))
		add_piece(o, i, PART_TEXT, piece, logprobs, out);
}

void
responses_output_annotation(struct responses_output *o, struct str annotation,
    struct buf *out)
{
	struct output_item *it;
	size_t i;

	if (!find_item(o, OUTPUT_MESSAGE, -1, &i))
		return;
	it = o->items[i];
	keep_item(o, &it->annotations, annotation);
	it->annotation_count++;
	if (!o->events || it->part != PART_TEXT)
		return;
	open_part_event(o, "response.output_text.annotation.added", i, out);
	buf_printf(out, ",\"annotation_index\":%zu,\"annotation\":",
	    it->annotation_count - 1);
	buf_add_str(out, annotation);
	responses_event_close(out);
}

void
responses_output_refusal(struct responses_output *o, struct str piece,
    struct buf *out)
{
	size_t i;

	if (piece.n > 0 && find_or_begin(o, OUTPUT_MESSAGE, -1, &i, out))
		add_piece(o, i, PART_REFUSAL, piece, none, out);
}

void
responses_output_reasoning(struct responses_output *o, int64_t number,
    struct str piece, struct buf *out)
{
	size_t i;

	if (piece.n > 0 && find_or_begin(o, OUTPUT_REASONING, number, &i, out))
		add_piece(o, i, PART_TEXT, piece, none, out);
}

void
responses_output_seal(struct responses_output *o, int64_t number,
    const char *mark, struct str piece, struct buf *out)
{
	size_t i;

	if (piece.n == 0 ||
	    !find_or_begin(o, OUTPUT_REASONING, number, &i, out))
		return;
	if (o->items[i]->seal.len == 0)
		keep(o, &o->items[i]->seal, str_of(mark));
	keep(o, &o->items[i]->seal, piece);
}

/* A call that begins. */
static bool
begin_call(struct responses_output *o, int64_t number, struct str id,
    const struct output_tool *tool, size_t *index_r, struct buf *out)
{
	struct output_item *it = new_item(o, OUTPUT_CALL, number, out);

	if (it == NULL)
		return false;
	o->has_calls = true;
	*index_r = o->count - 1;
	if (id.n > 0)
		keep(o, &it->call_id, id);
	else
		buf_printf(&it->call_id, "call_" STR_FMT "_%zu", STR_ARG(o->id),
		    *index_r);
	keep(o, &it->name, tool->client.name);
	keep(o, &it->name_space, tool->client.name_space);
	it->custom = tool->client.custom;
	it->wrapped = tool->wrapped;
	tell_item(o, "response.output_item.added", *index_r, true,
	    "in_progress", out);
	return true;
}

/* What stands for the text in what came of the arguments. */
static void
add_wrapped(struct responses_output *o, size_t index, struct str arguments,
    struct buf *out)
{
	struct output_item *it = o->items[index];
	struct buf text;

	keep(o, &it->arguments, arguments);
	buf_init(&text, 6 * arguments.n + CUSTOM_INPUT_PENDING);
	custom_input_feed(&it->unwrap, arguments, &text);
	add_text(o, index, buf_str(&text), out);
	buf_fini(&text);
}

void
responses_output_call(struct responses_output *o, int64_t number, struct str id,
    const struct output_tool *tool, struct str arguments, struct buf *out)
{
	size_t i;

	if (!find_item(o, OUTPUT_CALL, number, &i) &&
	    !begin_call(o, number, id, tool, &i, out))
		return;
	if (o->items[i]->wrapped)
		add_wrapped(o, i, arguments, out);
	else
		add_text(o, i, arguments, out);
}
