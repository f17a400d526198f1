/* Another API's search tool in a chat. See chat_search.h. */
#include "wire/openai/chat_search.h"

#include "wire/searches.h"

/* The domains that a tool names: a response's filters, Anthropic's lists. */
struct domains {
	struct skim_value allowed, blocked;
};

static void
read_domains(const struct skim_value *tool, struct domains *ds)
{
	struct skim_value filters = pick_one(tool, "filters");

	if (filters.type != SKIM_OBJECT)
		filters = *tool;
	ds->allowed = pick_one(&filters, "allowed_domains");
	ds->blocked = pick_one(&filters, "blocked_domains");
}

static bool
is_list(const struct skim_value *v)
{
	return v->type == SKIM_ARRAY && v->count > 0;
}

/* OpenAI has the place's members one object deeper, Perplexity has not. */
static void
write_place(struct chat_draft *d, const struct skim_value *tool)
{
	static const char *const members[] = { "city", "region", "country",
		"timezone" };
	struct skim_value place = pick_one(tool, "user_location"), v;
	bool flat = chat_draft_is_for(d, "perplexity");

	if (place.type != SKIM_OBJECT)
		return;
	jsonw_key(&d->w, "user_location");
	jsonw_open(&d->w, '{');
	if (!flat) {
		jsonw_put_cstr(&d->w, "type", "approximate");
		jsonw_key(&d->w, "approximate");
		jsonw_open(&d->w, '{');
	}
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		v = pick_one(&place, members[i]);
		chat_draft_copy(d, members[i], &v);
	}
	if (!flat)
		jsonw_close(&d->w, '}');
	jsonw_close(&d->w, '}');
}

/* Its own word, or the one that stands for so many searches. */
static void
write_size(struct chat_draft *d, const struct skim_value *tool)
{
	struct skim_value size = pick_one(tool, "search_context_size");
	struct skim_value uses = pick_one(tool, "max_uses");
	int64_t n;

	if (size.type == SKIM_STRING) {
		chat_draft_copy(d, "search_context_size", &size);
	} else if (skim_int(&uses, &n) == 0) {
		jsonw_put_cstr(&d->w, "search_context_size",
		    n <= 1   ? "low"
		    : n <= 5 ? "medium"
			     : "high");
	}
}

static int
write_for_model(struct chat_draft *d, const struct skim_value *tool,
    const struct domains *ds)
{
	if ((is_list(&ds->allowed) || is_list(&ds->blocked)) &&
	    chat_draft_refuse(d, "searches of certain domains") != 0)
		return -1;
	jsonw_key(&d->w, "web_search_options");
	jsonw_open(&d->w, '{');
	write_size(d, tool);
	write_place(d, tool);
	jsonw_close(&d->w, '}');
	return 0;
}

/* uses: the same count that is held for (searches.h). */
static void
write_for_tool(struct chat_draft *d, const struct skim_value *tool,
    const struct domains *ds, int64_t uses)
{
	jsonw_key(&d->w, "web_search_options");
	jsonw_open(&d->w, '{');
	jsonw_put_int(&d->w, "max_uses", uses);
	if (is_list(&ds->allowed))
		chat_draft_copy(d, "allowed_domains", &ds->allowed);
	if (is_list(&ds->blocked))
		chat_draft_copy(d, "blocked_domains", &ds->blocked);
	write_place(d, tool);
	jsonw_close(&d->w, '}');
}

bool
chat_search_takes(const struct chat_draft *d)
{
	return chat_draft_is_for(d, "anthropic") ||
	       searches_always(d->deployment, d->model);
}

int
chat_search_write(struct chat_draft *d, const struct skim_value *tool,
    const struct skim_value *calls)
{
	int64_t uses = searches_uses(tool), most;
	struct domains ds;

	read_domains(tool, &ds);
	if (!chat_draft_is_for(d, "anthropic"))
		return write_for_model(d, tool, &ds);
	if (skim_int(calls, &most) == 0 && most >= 0 && most < uses)
		uses = most;
	write_for_tool(d, tool, &ds, uses);
	return 0;
}
