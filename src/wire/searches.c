/* Searches of the web. See searches.h. Pure. */
#include "wire/searches.h"

#include "wire/pick.h"

/* More than any bound that a client can mean. */
#define SEARCHES_MAX 1000

static enum search_size
read_size(const struct skim_value *object)
{
	struct skim_value size = pick_one(object, "search_context_size");

	enum search_size found;

	if (size.type != SKIM_STRING ||
	    search_size_parse(str_make(size.value.p + 1, size.value.n - 2),
		&found) != 0)
		return SEARCH_MEDIUM;
	return found;
}

static int64_t
bounded(const struct skim_value *v)
{
	int64_t n;

	if (skim_int(v, &n) != 0 || n < 0)
		return SEARCHES_UNSAID;
	return n < SEARCHES_MAX ? n : SEARCHES_MAX;
}

static void
take_options(const struct skim_value *v, struct searches *s)
{
	if (v->type != SKIM_OBJECT)
		return;
	s->by_answer = true;
	s->size = read_size(v);
	if (s->at_most < 1)
		s->at_most = 1;
}

static bool
is_search(const struct skim_value *tool)
{
	struct skim_value type = pick_one(tool, "type");

	return type.type == SKIM_STRING &&
	       str_starts(str_make(type.value.p + 1, type.value.n - 1),
		   "web_search");
}

/* max_tool_calls counts over all tools, max_uses for one. */
static void
take_tools(const struct skim_value *tools, const struct skim_value *calls,
    struct searches *s)
{
	struct skim_value v, uses;
	struct skim_iter it;
	struct str none;

	if (tools->type != SKIM_ARRAY ||
	    str_find(tools->value, "web_search") < 0)
		return;
	skim_iter_init(&it, tools->value);
	while (skim_iter_next(&it, &none, &v) == 1) {
		if (v.type != SKIM_OBJECT || !is_search(&v))
			continue;
		uses = pick_one(&v, "max_uses");
		s->at_most +=
		    bounded(calls->type == SKIM_NUMBER ? calls : &uses);
		s->size = read_size(&v);
	}
}

static struct skim_value
member(const struct wire_request *r, const char *key)
{
	const struct wire_member *m = wire_request_member(r, str_of(key));

	return m != NULL ? m->at : (struct skim_value){ .type = SKIM_ABSENT };
}

static void
take_configured(const char *json, struct searches *s)
{
	struct skim_value root, v;

	if (json[0] == '\0' || str_find(str_of(json), "web_search") < 0)
		return;
	root = pick_root(str_of(json));
	v = pick_one(&root, "web_search_options");
	take_options(&v, s);
	v = pick_one(&root, "tools");
	take_tools(&v, &(struct skim_value){ .type = SKIM_ABSENT }, s);
}

static bool
always_searches(const struct config_deployment *d, const char *model)
{
	const char *provider = d->provider->prefix;

	return strcmp(provider, "perplexity") == 0 ||
	       ((strcmp(provider, "openai") == 0 ||
		    strcmp(provider, "azure") == 0) &&
		   strstr(model, "-search") != NULL);
}

void
searches_find(const struct wire_request *r, const struct config_deployment *d,
    const char *model, const struct price *price, struct searches *s_r)
{
	struct searches s = { 0 };
	struct skim_value v, calls;
	bool priced = false;

	for (int i = 0; i < SEARCH_SIZES; i++)
		priced = priced || price->units.search[i] > 0;
	*s_r = s;
	if (!priced || r->api == WIRE_EMBEDDINGS || wire_api_is_media(r->api))
		return;
	if (always_searches(d, model)) {
		s.by_answer = true;
		s.at_most = 1;
	}
	take_configured(d->defaults_json, &s);
	take_configured(d->extra_body_json, &s);
	v = member(r, "web_search_options");
	take_options(&v, &s);
	calls = member(r, "max_tool_calls");
	take_tools(&r->tools, &calls, &s);
	*s_r = s;
}
