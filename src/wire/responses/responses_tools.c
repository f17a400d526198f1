/* Tools between a Responses request and a chat. See responses_tools.h. */
#include "wire/responses/responses_tools.h"

#include "wire/openai/chat_search.h"
#include "wire/openai/openai_params.h"
#include "wire/searches.h"

#define NAME_BYTES 64 /* the longest that OpenAI and Anthropic take */
#define LISTS_MAX  16

/* What a client offers beside its own tools and the model may do without. */
#define OFFERS                                                                 \
	"web_search web_search_2025_08_26 web_search_preview "                 \
	"web_search_preview_2025_03_11 image_generation tool_search"

/* ---- names -------------------------------------------------------------- */

static bool
is_joined(struct str name_space, struct str name)
{
	return name_space.n > 0 && name_space.n + 2 + name.n <= NAME_BYTES;
}

struct skim_value
responses_tool_name(const struct skim_value *name_space,
    const struct skim_value *name, struct arena *arena)
{
	struct str space = pick_inside(name_space), own = pick_inside(name);
	struct skim_value joined = *name;

	if (is_joined(space, own))
		joined.value =
		    str_of(arena_printf(arena, "\"" STR_FMT "__" STR_FMT "\"",
			STR_ARG(space), STR_ARG(own)));
	return joined;
}

/* The chat's name is that of this tool in this namespace ("": none). */
static bool
is_called(struct str chat_name, struct str space, struct str name)
{
	if (!is_joined(space, name))
		return str_eq(chat_name, name);
	return chat_name.n == space.n + 2 + name.n &&
	       str_eq(str_make(chat_name.p, space.n), space) &&
	       str_eq(str_make(chat_name.p + chat_name.n - name.n, name.n),
		   name);
}

static bool
find_in(const struct skim_value *tools, struct str space, struct str chat_name,
    struct client_tool *t_r)
{
	struct skim_value v, type, name, inner;
	const struct skim_wanted wanted[] = { { "type", &type },
		{ "name", &name }, { "tools", &inner } };
	struct skim_iter it;
	struct str key;

	if (tools->type != SKIM_ARRAY)
		return false;
	skim_iter_init(&it, tools->value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		pick(&v, wanted, ARRAY_LEN(wanted));
		if (skim_string_is(&type, "namespace") && space.n == 0 &&
		    find_in(&inner, pick_inside(&name), chat_name, t_r))
			return true;
		if (skim_string_is(&type, "namespace") ||
		    !is_called(chat_name, space, pick_inside(&name)))
			continue;
		t_r->name = pick_inside(&name);
		t_r->name_space = space;
		t_r->custom = skim_string_is(&type, "custom");
		return true;
	}
	return false;
}

/* ---- where they stand --------------------------------------------------- */

/* The lists of a request: "tools", and those of its items of type
   additional_tools. */
struct tool_lists {
	struct skim_value items[LISTS_MAX];
	size_t count;
};

static void
add_list(struct tool_lists *l, const struct skim_value *tools)
{
	if (tools->type == SKIM_ARRAY && l->count < LISTS_MAX)
		l->items[l->count++] = *tools;
}

static void
read_lists(const struct wire_request *r, struct tool_lists *l)
{
	const struct wire_member *own = wire_request_member(r, str_of("tools"));
	const struct skim_value *input = &r->messages;
	struct skim_value v, type, tools;
	const struct skim_wanted wanted[] = { { "type", &type },
		{ "tools", &tools } };
	struct skim_iter it;
	struct str key;

	l->count = 0;
	if (own != NULL)
		add_list(l, &own->at);
	if (!r->has_item_tools || input->type != SKIM_ARRAY)
		return;
	skim_iter_init(&it, input->value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		pick(&v, wanted, ARRAY_LEN(wanted));
		if (skim_string_is(&type, "additional_tools"))
			add_list(l, &tools);
	}
}

/* In the first n of the lists. */
static bool
find_in_lists(const struct tool_lists *l, size_t n, struct str chat_name,
    struct client_tool *t_r)
{
	for (size_t i = 0; i < n; i++) {
		if (find_in(&l->items[i], str_make("", 0), chat_name, t_r))
			return true;
	}
	return false;
}

void
responses_tool_find(const struct wire_request *r, struct str chat_name,
    struct client_tool *t_r)
{
	struct tool_lists lists;

	if (chat_name.n > 0) {
		read_lists(r, &lists);
		if (find_in_lists(&lists, lists.count, chat_name, t_r))
			return;
	}
	t_r->name = chat_name;
	t_r->name_space = str_make("", 0);
	t_r->custom = false;
}

/* ---- the choice --------------------------------------------------------- */

/* tool_choice {type: allowed_tools, mode, tools}: the others are not sent. */
static bool
is_allowed(const struct skim_value *choice, const struct skim_value *tool)
{
	struct skim_value type = pick_one(choice, "type");
	struct skim_value list = pick_one(choice, "tools"), v;
	struct skim_value name = pick_one(tool, "name");
	struct skim_iter it;
	struct str key;

	if (!skim_string_is(&type, "allowed_tools") || list.type != SKIM_ARRAY)
		return true;
	skim_iter_init(&it, list.value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		v = pick_one(&v, "name");
		if (str_eq(v.value, name.value))
			return true;
	}
	return false;
}

/* The same for the search of the web, which has no name. */
static bool
is_search_allowed(const struct skim_value *choice)
{
	struct skim_value type = pick_one(choice, "type");
	struct skim_value list = pick_one(choice, "tools"), v;
	struct skim_iter it;
	struct str key;

	if (!skim_string_is(&type, "allowed_tools") || list.type != SKIM_ARRAY)
		return true;
	skim_iter_init(&it, list.value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		if (searches_is_tool(&v))
			return true;
	}
	return false;
}

static int
write_choice(struct chat_draft *d, const struct skim_value *choice)
{
	struct skim_value type, name, space, mode;
	const struct skim_wanted wanted[] = { { "type", &type },
		{ "name", &name }, { "namespace", &space }, { "mode", &mode } };
	struct jsonw *w = &d->w;
	bool custom;

	pick(choice, wanted, ARRAY_LEN(wanted));
	custom = skim_string_is(&type, "custom");
	if (choice->type == SKIM_STRING) {
		chat_draft_copy(d, "tool_choice", choice);
	} else if (skim_string_is(&type, "allowed_tools")) {
		jsonw_key(w, "tool_choice");
		jsonw_raw(w,
		    mode.type == SKIM_STRING ? mode.value : str_of("\"auto\""));
	} else if (custom || skim_string_is(&type, "function")) {
		name = responses_tool_name(&space, &name, d->arena);
		chat_draft_choose(d,
		    custom && d->takes_custom ? "custom" : "function", &name);
	} else if (choice->type == SKIM_OBJECT) {
		return chat_draft_refuse_tool(d, &type);
	}
	return 0;
}

/* ---- tools that take text ----------------------------------------------- */

/* A chat has the grammar one object deeper. */
static void
write_format(struct jsonw *w, const struct skim_value *format)
{
	struct skim_value type, syntax, definition;
	const struct skim_wanted wanted[] = { { "type", &type },
		{ "syntax", &syntax }, { "definition", &definition } };

	pick(format, wanted, ARRAY_LEN(wanted));
	if (format->type != SKIM_OBJECT)
		return;
	jsonw_key(w, "format");
	if (!skim_string_is(&type, "grammar")) {
		jsonw_raw(w, format->value);
		return;
	}
	jsonw_open(w, '{');
	jsonw_key(w, "type");
	jsonw_cstr(w, "grammar");
	jsonw_key(w, "grammar");
	jsonw_open(w, '{');
	jsonw_key(w, "syntax");
	jsonw_raw(w, syntax.value);
	jsonw_key(w, "definition");
	jsonw_raw(w, definition.value);
	jsonw_close(w, '}');
	jsonw_close(w, '}');
}

/* What the tool is for, and how its text must look. */
static void
write_description(struct chat_draft *d, const struct skim_value *description,
    const struct skim_value *format)
{
	struct skim_value definition = pick_one(format, "definition");
	struct skim_value syntax = pick_one(format, "syntax");
	struct jsonw *w = &d->w;

	jsonw_key(w, "description");
	jsonw_raw(w, str_of("\""));
	if (!pick_is_empty(description)) {
		buf_add_str(w->out, pick_inside(description));
		buf_add_cstr(w->out, "\\n\\n");
	}
	buf_add_cstr(w->out, "The tool takes a text: the value of input.");
	if (!pick_is_empty(&definition)) {
		buf_printf(w->out, " It follows this grammar (" STR_FMT "):\\n",
		    STR_ARG(pick_inside(&syntax)));
		buf_add_str(w->out, pick_inside(&definition));
	}
	buf_add_char(w->out, '"');
}

static void
write_custom(struct chat_draft *d, const struct skim_value *name,
    const struct skim_value *tool)
{
	struct skim_value description, format;
	const struct skim_wanted wanted[] = { { "description", &description },
		{ "format", &format } };
	const char *kind = d->takes_custom ? "custom" : "function";
	struct jsonw *w = &d->w;

	pick(tool, wanted, ARRAY_LEN(wanted));
	jsonw_open(w, '{');
	jsonw_key(w, "type");
	jsonw_cstr(w, kind);
	jsonw_key(w, kind);
	jsonw_open(w, '{');
	jsonw_key(w, "name");
	jsonw_raw(w, name->type == SKIM_STRING ? name->value : str_of("\"\""));
	if (d->takes_custom) {
		if (!pick_is_empty(&description))
			chat_draft_copy(d, "description", &description);
		write_format(w, &format);
	} else {
		write_description(d, &description, &format);
		jsonw_key(w, "parameters");
		jsonw_raw(w,
		    str_of("{\"type\":\"object\",\"properties\":{\"input\":{"
			   "\"type\":\"string\"}},\"required\":[\"input\"],"
			   "\"additionalProperties\":false}"));
	}
	jsonw_close(w, '}');
	jsonw_close(w, '}');
}

/* ---- all of them -------------------------------------------------------- */

static bool
is_own(const struct skim_value *type)
{
	return skim_string_is(type, "function") ||
	       skim_string_is(type, "custom") ||
	       skim_string_is(type, "namespace");
}

static bool
has_own(const struct tool_lists *lists)
{
	struct skim_iter it;
	struct skim_value v;
	struct str key;

	for (size_t i = 0; i < lists->count; i++) {
		skim_iter_init(&it, lists->items[i].value);
		while (skim_iter_next(&it, &key, &v) == 1) {
			v = pick_one(&v, "type");
			if (is_own(&v))
				return true;
		}
	}
	return false;
}

struct writing {
	struct chat_draft *d;
	struct skim_value choice;
	struct tool_lists lists;
	size_t list; /* the one being written */
	bool has_own, any;
	bool searches; /* the search is the provider's, too */
};

static int write_list(struct writing *g, const struct skim_value *tools,
    const struct skim_value *space);

static int
write_tool(struct writing *g, const struct skim_value *tool,
    const struct skim_value *space)
{
	struct skim_value type, name, inner;
	const struct skim_wanted wanted[] = { { "type", &type },
		{ "name", &name }, { "tools", &inner } };
	struct chat_draft *d = g->d;
	struct client_tool told;

	pick(tool, wanted, ARRAY_LEN(wanted));
	if (skim_string_is(&type, "namespace") && space->type == SKIM_ABSENT)
		return write_list(g, &inner, &name);
	if (!is_own(&type)) {
		if (g->searches && searches_is_tool(tool))
			return 0; /* write_search() */
		if (g->has_own && param_is_listed(OFFERS, pick_inside(&type)))
			return 0;
		return chat_draft_refuse_tool(d, &type);
	}
	name = responses_tool_name(space, &name, d->arena);
	if (!is_allowed(&g->choice, tool) ||
	    find_in_lists(&g->lists, g->list, pick_inside(&name), &told))
		return 0;
	if (!g->any) {
		jsonw_key(&d->w, "tools");
		jsonw_open(&d->w, '[');
	}
	g->any = true;
	if (skim_string_is(&type, "custom"))
		write_custom(d, &name, tool);
	else
		chat_draft_function(d, &name, tool, "parameters");
	return 0;
}

static int
write_list(struct writing *g, const struct skim_value *tools,
    const struct skim_value *space)
{
	struct skim_iter it;
	struct skim_value v;
	struct str key;

	if (tools->type != SKIM_ARRAY)
		return 0;
	skim_iter_init(&it, tools->value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		if (write_tool(g, &v, space) != 0)
			return -1;
	}
	return 0;
}

/* Of the request's own tools: these are held for (searches.h). */
static int
write_search(struct writing *g)
{
	struct skim_value tools = chat_draft_param(g->d, "tools"), v;
	struct skim_value calls = chat_draft_param(g->d, "max_tool_calls");
	struct skim_iter it;
	struct str key;

	g->searches = chat_search_takes(g->d);
	if (!g->searches || tools.type != SKIM_ARRAY ||
	    !is_search_allowed(&g->choice))
		return 0;
	skim_iter_init(&it, tools.value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		if (searches_is_tool(&v))
			return chat_search_write(g->d, &v, &calls);
	}
	return 0;
}

int
responses_tools_write(struct chat_draft *d)
{
	struct skim_value parallel = chat_draft_param(d, "parallel_tool_calls");
	struct skim_value none = { .type = SKIM_ABSENT };
	struct writing g = { .d = d };

	read_lists(d->r, &g.lists);
	g.choice = chat_draft_param(d, "tool_choice");
	g.has_own = has_own(&g.lists);
	if (write_search(&g) != 0)
		return -1;
	for (; g.list < g.lists.count; g.list++) {
		if (write_list(&g, &g.lists.items[g.list], &none) != 0)
			return -1;
	}
	if (!g.any)
		return 0;
	jsonw_close(&d->w, ']');
	if (parallel.type == SKIM_FALSE)
		chat_draft_one_call(d);
	return write_choice(d, &g.choice);
}
