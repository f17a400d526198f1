/* Reading an answer or a chunk in one walk. See openai_view.h. */
#include "wire/openai_view.h"

#define MAX_UNNUMBERED 32 /* tool calls without index in one delta */

/* One element of choices while it is read. */
struct choice_reading {
	struct openai_view *v;
	int64_t index;
	bool has_delta, has_role;
	size_t delta_at; /* its opening brace */
	bool delta_empty;
	struct skim_value role, finish;
	size_t unnumbered_count;
	size_t unnumbered[MAX_UNNUMBERED]; /* behind the opening brace */
	int64_t top_tool;                  /* largest index given; -1 */
};

/* ---- edits ------------------------------------------------------------- */

static void
add_edit(struct openai_view *v, const struct view_edit *e)
{
	size_t i = v->edit_count;

	if (i == VIEW_MAX_EDITS) {
		v->too_many_edits = true;
		return;
	}
	/* Nearly in order as they come: the list stays sorted. */
	while (i > 0 && v->edits[i - 1].start > e->start) {
		v->edits[i] = v->edits[i - 1];
		i--;
	}
	v->edits[i] = *e;
	v->edit_count++;
}

void
openai_view_edit(struct openai_view *v, size_t start, size_t end,
    struct str text)
{
	struct view_edit e = { start, end, text, -1 };

	add_edit(v, &e);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

void
openai_view_cut(struct openai_view *v, const struct skim_value *member)
{
	size_t start = member->key_start, end = member->value_end;
	const char *p = v->text.p;

	while (start > 0 && is_blank(p[start - 1]))
		start--;
	if (start > 0 && p[start - 1] == ',') {
		start--;
	} else {
		start = member->key_start;
		while (end < v->text.n && is_blank(p[end]))
			end++;
		if (end < v->text.n && p[end] == ',')
			end++;
	}
	openai_view_edit(v, start, end, str_make("", 0));
}

void
openai_view_write(struct openai_view *v, size_t from, size_t to,
    struct buf *out)
{
	for (size_t i = 0; i < v->edit_count; i++) {
		const struct view_edit *e = &v->edits[i];

		if (e->start < from || e->end > to)
			continue;
		buf_add(out, v->text.p + from, e->start - from);
		if (e->index >= 0)
			buf_printf(out, "\"index\":%d,", e->index);
		else
			buf_add_str(out, e->text);
		from = e->end;
	}
	buf_add(out, v->text.p + from, to - from);
}

/* ---- deltas and messages ----------------------------------------------- */

/* Text that reaches the client and was paid for. */
static void
count_text(struct openai_view *v, const struct skim_value *text)
{
	size_t n = 0;

	if (text->type == SKIM_STRING)
		n = skim_text_bytes(text->value);
	else if (text->type == SKIM_ARRAY && text->count > 0)
		n = text->value.n; /* Mistral's list of chunks */
	v->text_bytes += (int64_t)n;
	v->has_token = v->has_token || n > 0;
}

static int
skip_text(struct openai_view *v, struct skim_iter *it)
{
	struct skim_value text;

	if (skim_iter_skip(it, &text) != 1)
		return -1;
	count_text(v, &text);
	return 1;
}

static int
skip(struct skim_iter *it)
{
	struct skim_value ignored;

	return skim_iter_skip(it, &ignored);
}

/* {name, arguments} or {name, input}: what the model wrote of it. */
static int
read_function(struct openai_view *v, struct skim_iter *it)
{
	struct skim_iter sub;
	struct str key;
	int r;

	if (skim_iter_type(it) != SKIM_OBJECT)
		return skip(it);
	skim_iter_enter(it, &sub);
	while ((r = skim_iter_peek(&sub, &key)) == 1) {
		if (SKIM_KEY_IS(key, "name") || SKIM_KEY_IS(key, "arguments") ||
		    SKIM_KEY_IS(key, "input"))
			r = skip_text(v, &sub);
		else
			r = skip(&sub);
		if (r != 1)
			break;
	}
	skim_iter_leave(it, &sub);
	return r == 0 ? 1 : -1;
}

static int
read_tool_call(struct choice_reading *c, struct skim_iter *it)
{
	bool numbered = false;
	struct skim_value index;
	struct skim_iter sub;
	size_t inside;
	struct str key;
	int64_t n;
	int r;

	if (skim_iter_type(it) != SKIM_OBJECT)
		return skip(it);
	c->v->has_token = true;
	skim_iter_enter(it, &sub);
	inside = sub.at;
	while ((r = skim_iter_peek(&sub, &key)) == 1) {
		if (SKIM_KEY_IS(key, "index")) {
			r = skim_iter_skip(&sub, &index);
			if (r == 1 && skim_int(&index, &n) == 0) {
				numbered = true;
				c->top_tool = n > c->top_tool ? n : c->top_tool;
			}
		} else if (SKIM_KEY_IS(key, "function") ||
			   SKIM_KEY_IS(key, "custom")) {
			r = read_function(c->v, &sub);
		} else {
			r = skip(&sub);
		}
		if (r != 1)
			break;
	}
	skim_iter_leave(it, &sub);
	/* An empty object, or more than anybody sends, stays as it is. */
	if (r == 0 && !numbered && sub.begun &&
	    c->unnumbered_count < MAX_UNNUMBERED)
		c->unnumbered[c->unnumbered_count++] = inside;
	return r == 0 ? 1 : -1;
}

static int
read_tool_calls(struct choice_reading *c, struct skim_iter *it)
{
	struct skim_iter sub;
	struct str key;
	int r;

	if (skim_iter_type(it) != SKIM_ARRAY)
		return skip(it);
	skim_iter_enter(it, &sub);
	while ((r = skim_iter_peek(&sub, &key)) == 1) {
		r = read_tool_call(c, &sub);
		if (r != 1)
			break;
	}
	skim_iter_leave(it, &sub);
	return r == 0 ? 1 : -1;
}

static int
read_audio(struct openai_view *v, struct skim_iter *it)
{
	struct skim_iter sub;
	struct str key;
	int r;

	if (skim_iter_type(it) != SKIM_OBJECT)
		return skip(it);
	v->has_token = true;
	skim_iter_enter(it, &sub);
	while ((r = skim_iter_peek(&sub, &key)) == 1) {
		r = SKIM_KEY_IS(key, "transcript") ? skip_text(v, &sub)
						   : skip(&sub);
		if (r != 1)
			break;
	}
	skim_iter_leave(it, &sub);
	return r == 0 ? 1 : -1;
}

static int
read_delta_member(struct choice_reading *c, struct skim_iter *it,
    struct str key)
{
	switch (key.n) {
	case 4:
		if (memcmp(key.p, "role", 4) != 0)
			return skip(it);
		c->has_role = true;
		return skim_iter_skip(it, &c->role);
	case 5:
		return SKIM_KEY_IS(key, "audio") ? read_audio(c->v, it)
						 : skip(it);
	case 7:
		return SKIM_KEY_IS(key, "content") ||
			       SKIM_KEY_IS(key, "refusal")
			   ? skip_text(c->v, it)
			   : skip(it);
	case 9:
		return SKIM_KEY_IS(key, "reasoning") ? skip_text(c->v, it)
						     : skip(it);
	case 10:
		return SKIM_KEY_IS(key, "tool_calls") ? read_tool_calls(c, it)
						      : skip(it);
	case 13:
		return SKIM_KEY_IS(key, "function_call")
			   ? read_function(c->v, it)
			   : skip(it);
	case 17:
		return SKIM_KEY_IS(key, "reasoning_content")
			   ? skip_text(c->v, it)
			   : skip(it);
	default:
		return skip(it);
	}
}

static int
read_delta(struct choice_reading *c, struct skim_iter *it)
{
	struct skim_iter sub;
	struct str key;
	int r;

	if (skim_iter_type(it) != SKIM_OBJECT)
		return skip(it);
	c->has_delta = true;
	c->delta_at = it->at;
	skim_iter_enter(it, &sub);
	while ((r = skim_iter_peek(&sub, &key)) == 1) {
		r = read_delta_member(c, &sub, key);
		if (r != 1)
			break;
	}
	c->delta_empty = !sub.begun;
	skim_iter_leave(it, &sub);
	return r == 0 ? 1 : -1;
}

/* ---- choices ----------------------------------------------------------- */

/* Reasons that clients do not know, and theirs for it. */
static const char *
known_finish(const struct skim_value *finish)
{
	static const char *const rows[][2] = {
		{ "model_length", "length" },                 /* Mistral */
		{ "eos", "stop" },                            /* Together */
		{ "insufficient_system_resource", "length" }, /* DeepSeek */
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (skim_string_is(finish, rows[i][0]))
			return rows[i][1];
	}
	return NULL;
}

static void
note_finish(struct choice_reading *c, struct view_choice *choice)
{
	struct openai_view *v = c->v;
	const char *instead = known_finish(&c->finish);
	struct str reason =
	    str_make(c->finish.value.p + 1, c->finish.value.n - 2);

	if (reason.n == 0) {
		/* "": LiteLLM's and others' way of saying null. */
		openai_view_edit(v, c->finish.value_start, c->finish.value_end,
		    str_of("null"));
		return;
	}
	if (choice != NULL && choice->renumbered && str_is(reason, "stop"))
		instead = "tool_calls"; /* Gemini's streams */
	v->finish_is_error = v->finish_is_error || str_is(reason, "error");
	if (instead != NULL) {
		reason = str_of(instead);
		openai_view_edit(v, c->finish.value_start + 1,
		    c->finish.value_end - 1, reason);
	}
	if (c->index == 0)
		snprintf(v->finish_reason, sizeof(v->finish_reason), STR_FMT,
		    STR_ARG(reason));
	if (choice != NULL && !choice->finished) {
		choice->finished = true;
		v->choices->finished++;
	}
}

static void
fill_in_role(struct choice_reading *c, struct view_choice *choice)
{
	struct str role = str_of("\"assistant\"");

	if (c->has_role && skim_string_is(&c->role, ""))
		openai_view_edit(c->v, c->role.value_start, c->role.value_end,
		    role);
	else if (!choice->role_seen && c->has_role && c->role.type == SKIM_NULL)
		openai_view_edit(c->v, c->role.value_start, c->role.value_end,
		    role);
	else if (!choice->role_seen && !c->has_role)
		openai_view_edit(c->v, c->delta_at + 1, c->delta_at + 1,
		    str_of(c->delta_empty ? "\"role\":\"assistant\""
					  : "\"role\":\"assistant\","));
	choice->role_seen = true;
}

static void
fill_in_indexes(struct choice_reading *c, struct view_choice *choice)
{
	if (c->top_tool >= choice->next_tool && c->top_tool < UINT8_MAX)
		choice->next_tool = (uint8_t)(c->top_tool + 1);
	for (size_t i = 0; i < c->unnumbered_count; i++) {
		struct view_edit e = { c->unnumbered[i], c->unnumbered[i],
			{ "", 0 }, choice->next_tool };

		if (choice->next_tool < UINT8_MAX)
			choice->next_tool++;
		choice->renumbered = true;
		add_edit(c->v, &e);
	}
}

static int
read_choice_member(struct choice_reading *c, struct skim_iter *it,
    struct str key)
{
	struct skim_value v;
	int64_t n;

	if (SKIM_KEY_IS(key, "index")) {
		if (skim_iter_skip(it, &v) != 1)
			return -1;
		if (skim_int(&v, &n) == 0)
			c->index = n;
		return 1;
	}
	if (SKIM_KEY_IS(key, "delta") || SKIM_KEY_IS(key, "message"))
		return read_delta(c, it);
	if (SKIM_KEY_IS(key, "finish_reason"))
		return skim_iter_skip(it, &c->finish);
	if (SKIM_KEY_IS(key, "text"))
		return skip_text(c->v, it);
	if (SKIM_KEY_IS(key, "error"))
		return skim_iter_skip(it, &c->v->choice_error);
	return skip(it);
}

static int
read_choice(struct openai_view *v, struct skim_iter *it)
{
	struct choice_reading c = { .v = v, .top_tool = -1 };
	struct view_choice *choice = NULL;
	struct skim_iter sub;
	struct str key;
	int r;

	if (skim_iter_type(it) != SKIM_OBJECT)
		return skip(it);
	skim_iter_enter(it, &sub);
	while ((r = skim_iter_peek(&sub, &key)) == 1) {
		r = read_choice_member(&c, &sub, key);
		if (r != 1)
			break;
	}
	skim_iter_leave(it, &sub);
	if (r != 0)
		return -1;
	if (c.index >= 0 && c.index < WIRE_MAX_N)
		choice = &v->choices->items[c.index];
	if (v->kind == VIEW_CHUNK && choice != NULL && c.has_delta) {
		fill_in_role(&c, choice);
		fill_in_indexes(&c, choice);
	}
	if (c.finish.type == SKIM_STRING)
		note_finish(&c, choice);
	return 1;
}

static int
read_choices(struct openai_view *v, struct skim_iter *it)
{
	size_t start = it->at, key_start = it->key_start, n = 0;
	struct skim_iter sub;
	struct str key;
	int r;

	if (skim_iter_type(it) != SKIM_ARRAY)
		return skim_iter_skip(it, &v->choice_list);
	skim_iter_enter(it, &sub);
	while ((r = skim_iter_peek(&sub, &key)) == 1) {
		n++;
		r = read_choice(v, &sub);
		if (r != 1)
			break;
	}
	skim_iter_leave(it, &sub);
	v->choice_list.type = SKIM_ARRAY;
	v->choice_list.key_start = key_start;
	v->choice_list.value_start = start;
	v->choice_list.value_end = it->at;
	v->choice_list.value = str_make(v->text.p + start, it->at - start);
	v->choice_list.count = n;
	return r == 0 ? 1 : -1;
}

/* ---- the top ----------------------------------------------------------- */

static int
read_x_groq(struct openai_view *v, struct skim_iter *it)
{
	struct skim_iter sub;
	struct str key;
	int r;

	if (skim_iter_type(it) != SKIM_OBJECT)
		return skip(it);
	skim_iter_enter(it, &sub);
	while ((r = skim_iter_peek(&sub, &key)) == 1) {
		if (SKIM_KEY_IS(key, "usage"))
			r = skim_iter_skip(&sub, &v->groq_usage);
		else if (SKIM_KEY_IS(key, "error"))
			r = skim_iter_skip(&sub, &v->error);
		else
			r = skip(&sub);
		if (r != 1)
			break;
	}
	skim_iter_leave(it, &sub);
	return r == 0 ? 1 : -1;
}

/* Where a top-level value is noted; NULL for what is only passed on. */
static struct skim_value *
top_value(struct openai_view *v, struct str key)
{
	switch (key.n) {
	case 2:
		return SKIM_KEY_IS(key, "id") ? &v->id : NULL;
	case 4:
		return SKIM_KEY_IS(key, "data") ? &v->data : NULL;
	case 5:
		if (memcmp(key.p, "model", 5) == 0)
			return &v->model;
		if (memcmp(key.p, "usage", 5) == 0)
			return &v->usage;
		return memcmp(key.p, "error", 5) == 0 ? &v->error : NULL;
	case 7:
		return SKIM_KEY_IS(key, "created") ? &v->created : NULL;
	case 12:
		return SKIM_KEY_IS(key, "service_tier") ? &v->service_tier
							: NULL;
	default:
		return NULL;
	}
}

static int
read_top_member(struct openai_view *v, struct skim_iter *it, struct str key)
{
	struct skim_value *value;

	if (SKIM_KEY_IS(key, "choices") && v->choice_list.type == SKIM_ABSENT)
		return read_choices(v, it);
	if (SKIM_KEY_IS(key, "x_groq"))
		return read_x_groq(v, it);
	value = top_value(v, key);
	return value == NULL ? skip(it) : skim_iter_skip(it, value);
}

int
openai_view_read(struct openai_view *v, enum view_kind kind, struct str text,
    struct view_choices *choices)
{
	struct skim_iter it;
	struct str key;
	int r;

	/* The edits need no clearing: most of the struct. */
	memset(v, 0, offsetof(struct openai_view, edits));
	v->too_many_edits = false;
	v->wrong = NULL;
	v->kind = kind;
	v->choices = choices;
	v->text = text;
	skim_iter_init(&it, text);
	if (!it.is_object && it.wrong == NULL)
		it.wrong = "not a JSON object";
	while ((r = skim_iter_peek(&it, &key)) == 1) {
		r = read_top_member(v, &it, key);
		if (r != 1)
			break;
	}
	if (r == 0 && skim_iter_at_end(&it) && !v->too_many_edits)
		return 0;
	v->wrong = it.wrong != NULL ? it.wrong : "too much to mend";
	v->wrong_at = it.at;
	return -1;
}
