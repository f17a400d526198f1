/* Reading an answer or a chunk in one walk. See openai_view.h; what stands in
   a delta or message is read by openai_delta.c. */
#include "wire/openai/openai_delta.h"
#include "wire/pick.h"

/* One element of choices while it is read. */
struct choice_reading {
	struct openai_view *v;
	struct delta_reading delta;
	int64_t index;
	bool has_index, has_body; /* delta, message or text */
	struct skim_value finish;
};

/* ---- edits ------------------------------------------------------------- */

void
openai_view_add_edit(struct openai_view *v, const struct view_edit *e)
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

	openai_view_add_edit(v, &e);
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
	(void)buf_reserve(out, to - from); /* edits are short */
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

static int
skip(struct skim_iter *it)
{
	struct skim_value ignored;

	return skim_iter_skip(it, &ignored);
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
		str_keep(reason, v->finish_reason, sizeof(v->finish_reason));
	if (choice != NULL && !choice->finished) {
		choice->finished = true;
		v->choices->finished++;
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
		if (skim_int(&v, &n) == 0) {
			c->index = n;
			c->has_index = true;
		}
		return 1;
	}
	if (SKIM_KEY_IS(key, "delta") || SKIM_KEY_IS(key, "message")) {
		c->has_body = true;
		return openai_delta_read(&c->delta, it);
	}
	if (SKIM_KEY_IS(key, "finish_reason"))
		return skim_iter_skip(it, &c->finish);
	if (SKIM_KEY_IS(key, "text")) {
		c->has_body = true;
		return openai_delta_text(c->v, it);
	}
	if (SKIM_KEY_IS(key, "error"))
		return skim_iter_skip(it, &c->v->choice_error);
	return skip(it);
}

/* Members that clients rely on: the index, and in chunks a delta. inside:
   behind the choice's opening brace. */
static void
fill_in_choice(struct choice_reading *c, size_t inside)
{
	struct view_edit e = { inside, inside, { "", 0 }, (int)c->index };

	if (!c->has_index)
		openai_view_add_edit(c->v, &e);
	if (c->v->kind == VIEW_CHUNK && !c->has_body)
		openai_view_edit(c->v, inside, inside, str_of("\"delta\":{},"));
}

/* nth: its place among the choices. */
static int
read_choice(struct openai_view *v, struct skim_iter *it, size_t nth)
{
	struct choice_reading c = { .v = v, .index = (int64_t)nth };
	struct view_choice *choice = NULL;
	struct skim_iter sub;
	struct str key;
	size_t inside;
	int r;

	if (skim_iter_type(it) != SKIM_OBJECT)
		return skip(it);
	openai_delta_init(&c.delta, v);
	skim_iter_enter(it, &sub);
	inside = sub.at;
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
	if (sub.begun)
		fill_in_choice(&c, inside);
	openai_delta_fill_in(&c.delta, choice);
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
		r = read_choice(v, &sub, n++);
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
	struct skim_value groq, error;
	const struct skim_wanted wanted[] = { { "usage", &v->groq_usage },
		{ "error", &error } };

	if (skim_iter_skip(it, &groq) != 1)
		return -1;
	pick(&groq, wanted, ARRAY_LEN(wanted));
	if (error.type != SKIM_ABSENT)
		v->error = error;
	return 1;
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
	case 6:
		return SKIM_KEY_IS(key, "object") ? &v->object : NULL;
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
