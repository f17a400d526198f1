/* Deltas and messages. See openai_delta.h. */
#include "wire/openai/openai_delta.h"

#include "base/jsonw.h"
#include "wire/pick.h"

/* ---- text -------------------------------------------------------------- */

/* Text that reaches the client and was paid for. */
static void
count_text(struct openai_view *v, const struct skim_value *text)
{
	size_t n = 0;

	if (text->type == SKIM_STRING)
		n = skim_text_bytes(text->value);
	v->text_bytes += (int64_t)n;
	v->has_token = v->has_token || n > 0;
}

int
openai_delta_text(struct openai_view *v, struct skim_iter *it)
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

/* ---- tool calls -------------------------------------------------------- */

/* What is known of one call when its object has been read. */
struct call {
	size_t inside;
	bool is_function, has_name;
	bool has_index;
	struct skim_value id, type;
};

/* OpenAI has the arguments as a text. */
static void
mend_arguments(struct openai_view *v, const struct skim_value *object)
{
	size_t room = 6 * object->value.n + 2;
	struct buf compact, text;

	buf_init(&compact, object->value.n);
	buf_init(&text, room);
	pick_compact(object->value, &compact);
	buf_add_char(&text, '"');
	jsonw_escape(&text, buf_str(&compact));
	buf_add_char(&text, '"');
	openai_view_edit(v, object->value_start, object->value_end,
	    arena_str(v->choices->made, buf_str(&text)));
	v->text_bytes += (int64_t)compact.len;
	buf_fini(&compact);
	buf_fini(&text);
}

static int
read_arguments(struct openai_view *v, struct skim_iter *it)
{
	struct skim_value value;

	if (skim_iter_skip(it, &value) != 1)
		return -1;
	if (value.type == SKIM_OBJECT)
		mend_arguments(v, &value);
	else
		count_text(v, &value);
	return 1;
}

/* {name, arguments} or {name, input}: what the model wrote of it. */
static int
read_function(struct openai_view *v, struct skim_iter *it, bool *has_name_r)
{
	struct skim_iter sub;
	struct str key;
	int r;

	if (skim_iter_type(it) != SKIM_OBJECT)
		return skip(it);
	skim_iter_enter(it, &sub);
	while ((r = skim_iter_peek(&sub, &key)) == 1) {
		if (SKIM_KEY_IS(key, "name")) {
			*has_name_r = skim_iter_type(&sub) == SKIM_STRING;
			r = openai_delta_text(v, &sub);
		} else if (SKIM_KEY_IS(key, "arguments")) {
			r = read_arguments(v, &sub);
		} else if (SKIM_KEY_IS(key, "input")) {
			r = openai_delta_text(v, &sub);
		} else {
			r = skip(&sub);
		}
		if (r != 1)
			break;
	}
	skim_iter_leave(it, &sub);
	return r == 0 ? 1 : -1;
}

/* A value of ours for a member that is not there, null or empty. */
static void
fill_in(struct openai_view *v, size_t inside, const struct skim_value *member,
    const char *name, const char *json)
{
	if (member->type == SKIM_ABSENT)
		openai_view_edit(v, inside, inside,
		    str_of(arena_printf(v->choices->made, "\"%s\":%s,", name,
			json)));
	else if (member->type == SKIM_NULL ||
		 (member->type == SKIM_STRING && member->value.n == 2))
		openai_view_edit(v, member->value_start, member->value_end,
		    str_of(json));
}

/* In a stream only where a call begins: what follows has neither. */
static void
mend_call(struct openai_view *v, const struct call *c)
{
	struct view_choices *all = v->choices;

	if (!c->is_function || (v->kind == VIEW_CHUNK && !c->has_name))
		return;
	if (pick_is_empty(&c->id))
		fill_in(v, c->inside, &c->id, "id",
		    arena_printf(all->made, "\"call_%016llx\"",
			(unsigned long long)(all->seed + all->made_ids++)));
	fill_in(v, c->inside, &c->type, "type", "\"function\"");
}

static int
read_call_member(struct delta_reading *d, struct call *c, struct skim_iter *it,
    struct str key)
{
	struct skim_value index;
	int64_t n;

	if (SKIM_KEY_IS(key, "index")) {
		if (skim_iter_skip(it, &index) != 1)
			return -1;
		if (skim_int(&index, &n) == 0) {
			c->has_index = true;
			d->top_tool = n > d->top_tool ? n : d->top_tool;
		}
		return 1;
	}
	if (SKIM_KEY_IS(key, "id"))
		return skim_iter_skip(it, &c->id);
	if (SKIM_KEY_IS(key, "type"))
		return skim_iter_skip(it, &c->type);
	if (SKIM_KEY_IS(key, "function")) {
		c->is_function = true;
		return read_function(d->v, it, &c->has_name);
	}
	if (SKIM_KEY_IS(key, "custom"))
		return read_function(d->v, it, &c->has_name);
	return skip(it);
}

static int
read_call(struct delta_reading *d, struct skim_iter *it)
{
	struct call c = { .has_index = false };
	struct skim_iter sub;
	struct str key;
	int r;

	if (skim_iter_type(it) != SKIM_OBJECT)
		return skip(it);
	d->v->has_token = true;
	skim_iter_enter(it, &sub);
	c.inside = sub.at;
	while ((r = skim_iter_peek(&sub, &key)) == 1) {
		r = read_call_member(d, &c, &sub, key);
		if (r != 1)
			break;
	}
	skim_iter_leave(it, &sub);
	if (r != 0)
		return -1;
	/* An empty object, or more than anybody sends, stays as it is. */
	if (!c.has_index && sub.begun &&
	    d->unnumbered_count < DELTA_MAX_UNNUMBERED)
		d->unnumbered[d->unnumbered_count++] = c.inside;
	mend_call(d->v, &c);
	return 1;
}

static int
read_calls(struct delta_reading *d, struct skim_iter *it)
{
	struct skim_iter sub;
	struct str key;
	int r;

	if (skim_iter_type(it) != SKIM_ARRAY)
		return skip(it);
	skim_iter_enter(it, &sub);
	while ((r = skim_iter_peek(&sub, &key)) == 1) {
		r = read_call(d, &sub);
		if (r != 1)
			break;
	}
	skim_iter_leave(it, &sub);
	return r == 0 ? 1 : -1;
}

/* ---- the other members ------------------------------------------------- */

static int
read_audio(struct openai_view *v, struct skim_iter *it)
{
	struct skim_value audio, transcript;

	if (skim_iter_skip(it, &audio) != 1)
		return -1;
	v->has_token = v->has_token || audio.type == SKIM_OBJECT;
	transcript = pick_one(&audio, "transcript");
	count_text(v, &transcript);
	return 1;
}

static int
read_content(struct delta_reading *d, struct skim_iter *it)
{
	if (skim_iter_skip(it, &d->content) != 1)
		return -1;
	count_text(d->v, &d->content);
	return 1;
}

static int
read_member(struct delta_reading *d, struct skim_iter *it, struct str key)
{
	bool ignored;

	switch (key.n) {
	case 4:
		if (memcmp(key.p, "role", 4) != 0)
			return skip(it);
		d->has_role = true;
		return skim_iter_skip(it, &d->role);
	case 5:
		return SKIM_KEY_IS(key, "audio") ? read_audio(d->v, it)
						 : skip(it);
	case 7:
		if (SKIM_KEY_IS(key, "content"))
			return read_content(d, it);
		return SKIM_KEY_IS(key, "refusal") ? openai_delta_text(d->v, it)
						   : skip(it);
	case 9:
		return SKIM_KEY_IS(key, "reasoning")
			   ? skim_iter_skip(it, &d->reasoning)
			   : skip(it);
	case 10:
		return SKIM_KEY_IS(key, "tool_calls") ? read_calls(d, it)
						      : skip(it);
	case 13:
		return SKIM_KEY_IS(key, "function_call")
			   ? read_function(d->v, it, &ignored)
			   : skip(it);
	case 17:
		if (!SKIM_KEY_IS(key, "reasoning_content"))
			return skip(it);
		d->has_reasoning_content = true;
		return openai_delta_text(d->v, it);
	default:
		return skip(it);
	}
}

void
openai_delta_init(struct delta_reading *d, struct openai_view *v)
{
	/* The list needs no clearing: most of the struct. */
	memset(d, 0, offsetof(struct delta_reading, unnumbered));
	d->v = v;
	d->top_tool = -1;
}

int
openai_delta_read(struct delta_reading *d, struct skim_iter *it)
{
	struct skim_iter sub;
	struct str key;
	int r;

	if (skim_iter_type(it) != SKIM_OBJECT)
		return skip(it);
	skim_iter_enter(it, &sub);
	d->is_there = true;
	d->inside = sub.at;
	while ((r = skim_iter_peek(&sub, &key)) == 1) {
		r = read_member(d, &sub, key);
		if (r != 1)
			break;
	}
	d->is_empty = !sub.begun;
	skim_iter_leave(it, &sub);
	return r == 0 ? 1 : -1;
}

/* ---- mending ----------------------------------------------------------- */

static void
fill_in_role(struct delta_reading *d, struct view_choice *choice)
{
	struct str role = str_of("\"assistant\"");

	if (d->has_role && skim_string_is(&d->role, ""))
		openai_view_edit(d->v, d->role.value_start, d->role.value_end,
		    role);
	else if (!choice->role_seen && d->has_role && d->role.type == SKIM_NULL)
		openai_view_edit(d->v, d->role.value_start, d->role.value_end,
		    role);
	else if (!choice->role_seen && !d->has_role)
		openai_view_edit(d->v, d->inside, d->inside,
		    str_of(d->is_empty ? "\"role\":\"assistant\""
				       : "\"role\":\"assistant\","));
	choice->role_seen = true;
}

static void
fill_in_indexes(struct delta_reading *d, struct view_choice *choice)
{
	if (d->top_tool >= choice->next_tool && d->top_tool < UINT8_MAX)
		choice->next_tool = (uint8_t)(d->top_tool + 1);
	for (size_t i = 0; i < d->unnumbered_count; i++) {
		struct view_edit e = { d->unnumbered[i], d->unnumbered[i],
			{ "", 0 }, choice->next_tool };

		if (choice->next_tool < UINT8_MAX)
			choice->next_tool++;
		choice->renumbered = true;
		openai_view_add_edit(d->v, &e);
	}
}

static void
add_reasoning_content(struct delta_reading *d, struct str quoted)
{
	struct arena *made = d->v->choices->made;

	openai_view_edit(d->v, d->inside, d->inside,
	    str_of(arena_printf(made, "\"reasoning_content\":" STR_FMT ",",
		STR_ARG(quoted))));
}

/* A text chunk's text, or what a thinking chunk holds of them. */
static void
add_chunk(const struct skim_value *chunk, struct buf *text,
    struct buf *thinking)
{
	struct skim_value type, value, list, item;
	const struct skim_wanted wanted[] = { { "type", &type },
		{ "text", &value }, { "thinking", &list } };
	struct skim_iter it;
	struct str key;

	pick(chunk, wanted, ARRAY_LEN(wanted));
	if (skim_string_is(&type, "text"))
		buf_add_str(text, pick_inside(&value));
	if (!skim_string_is(&type, "thinking"))
		return;
	buf_add_str(thinking, pick_inside(&list));
	if (list.type != SKIM_ARRAY)
		return;
	skim_iter_init(&it, list.value);
	while (skim_iter_next(&it, &key, &item) == 1) {
		item = pick_one(&item, "text");
		buf_add_str(thinking, pick_inside(&item));
	}
}

static struct str
quoted(struct openai_view *v, struct buf *inside)
{
	struct skim_value counted = { .type = SKIM_STRING };

	buf_add_char(inside, '"');
	counted.value = arena_str(v->choices->made, buf_str(inside));
	count_text(v, &counted);
	return counted.value;
}

static void
flatten_content(struct delta_reading *d)
{
	size_t room = d->content.value.n + 2;
	struct buf text, thinking;
	struct skim_iter it;
	struct skim_value v;
	struct str key;

	buf_init(&text, room);
	buf_init(&thinking, room);
	buf_add_char(&text, '"');
	buf_add_char(&thinking, '"');
	skim_iter_init(&it, d->content.value);
	while (skim_iter_next(&it, &key, &v) == 1)
		add_chunk(&v, &text, &thinking);
	openai_view_edit(d->v, d->content.value_start, d->content.value_end,
	    quoted(d->v, &text));
	if (thinking.len > 1 && !d->has_reasoning_content) {
		d->has_reasoning_content = true;
		add_reasoning_content(d, quoted(d->v, &thinking));
	}
	buf_fini(&text);
	buf_fini(&thinking);
}

void
openai_delta_fill_in(struct delta_reading *d, struct view_choice *choice)
{
	if (!d->is_there)
		return;
	if (d->v->kind == VIEW_CHUNK && choice != NULL) {
		fill_in_role(d, choice);
		fill_in_indexes(d, choice);
	}
	if (d->content.type == SKIM_ARRAY)
		flatten_content(d);
	if (d->has_reasoning_content || d->reasoning.type != SKIM_STRING ||
	    d->reasoning.value.n <= 2)
		return;
	count_text(d->v, &d->reasoning);
	add_reasoning_content(d, d->reasoning.value);
}
