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

int64_t
searches_uses(const struct skim_value *options)
{
	static const int64_t by_size[SEARCH_SIZES] = {
		[SEARCH_MEDIUM] = 5,
		[SEARCH_LOW] = 1,
		[SEARCH_HIGH] = 10,
	};
	struct skim_value uses = pick_one(options, "max_uses");
	int64_t n;

	if (skim_int(&uses, &n) == 0 && n >= 0)
		return bounded(&uses);
	return by_size[read_size(options)];
}

bool
searches_is_tool(const struct skim_value *tool)
{
	struct skim_value type = pick_one(tool, "type");

	return str_starts(pick_inside(&type), "web_search");
}

bool
searches_always(const struct config_deployment *d, const char *model)
{
	const char *provider = d->provider->prefix;

	return strcmp(provider, "perplexity") == 0 ||
	       ((strcmp(provider, "openai") == 0 ||
		    strcmp(provider, "azure") == 0) &&
		   strstr(model, "-search") != NULL);
}

/* ---- of one request ----------------------------------------------------- */

/* counted: by Anthropic, whose tool a chat's options become. */
static void
take_options(const struct skim_value *v, bool counted, struct searches *s)
{
	int64_t n = counted ? searches_uses(v) : 1;

	if (v->type != SKIM_OBJECT)
		return;
	s->by_answer = s->by_answer || !counted;
	s->size = read_size(v);
	if (s->at_most < n)
		s->at_most = n;
}

/* as_options: a response's tools become a chat's options first, and then
   Anthropic's. max_tool_calls counts over all tools, max_uses for one. */
static void
take_tools(const struct skim_value *tools, const struct skim_value *calls,
    bool as_options, struct searches *s)
{
	struct skim_value v, uses;
	struct skim_iter it;
	struct str none;
	int64_t n;

	if (tools->type != SKIM_ARRAY ||
	    str_find(tools->value, "web_search") < 0)
		return;
	skim_iter_init(&it, tools->value);
	while (skim_iter_next(&it, &none, &v) == 1) {
		if (v.type != SKIM_OBJECT || !searches_is_tool(&v))
			continue;
		uses = pick_one(&v, "max_uses");
		n = bounded(calls->type == SKIM_NUMBER ? calls : &uses);
		if (as_options && n > searches_uses(&v))
			n = searches_uses(&v);
		s->at_most += n;
		s->size = read_size(&v);
	}
}

/* Items of a response's input may bring more tools. */
static void
take_item_tools(const struct wire_request *r, const struct skim_value *calls,
    bool as_options, struct searches *s)
{
	struct skim_value v, tools;
	struct skim_iter it;
	struct str none;

	if (!r->has_item_tools || r->messages.type != SKIM_ARRAY)
		return;
	skim_iter_init(&it, r->messages.value);
	while (skim_iter_next(&it, &none, &v) == 1) {
		tools = pick_one(&v, "tools");
		take_tools(&tools, calls, as_options, s);
	}
}

static struct skim_value
member(const struct wire_request *r, const char *key)
{
	const struct wire_member *m = wire_request_member(r, str_of(key));

	return m != NULL ? m->at : (struct skim_value){ .type = SKIM_ABSENT };
}

static void
take_configured(const char *json, bool counted, struct searches *s)
{
	struct skim_value root, v;

	if (json[0] == '\0' || str_find(str_of(json), "web_search") < 0)
		return;
	root = pick_root(str_of(json));
	v = pick_one(&root, "web_search_options");
	take_options(&v, counted, s);
	v = pick_one(&root, "tools");
	take_tools(&v, &(struct skim_value){ .type = SKIM_ABSENT }, false, s);
}

static bool
is_priced(const struct price *price)
{
	for (int i = 0; i < SEARCH_SIZES; i++) {
		if (price->units.search[i] > 0)
			return true;
	}
	return false;
}

/* Its tools reach the provider: where they become a chat's they do not, but
   for Anthropic's; a search model is asked by options, for one an answer. */
static bool
gets_tools(const struct wire_request *r, const struct config_deployment *d,
    bool counted)
{
	if (r->api == WIRE_RESPONSES)
		return counted || config_has_responses(d);
	return counted || r->api != WIRE_MESSAGES;
}

void
searches_find(const struct wire_request *r, const struct config_deployment *d,
    const char *model, const struct price *price, struct searches *s_r)
{
	bool counted = strcmp(d->provider->prefix, "anthropic") == 0;
	struct searches s = { 0 };
	struct skim_value v, calls;

	*s_r = s;
	if (r->api == WIRE_EMBEDDINGS || wire_api_is_media(r->api))
		return;
	if (searches_always(d, model)) {
		s.by_answer = true;
		s.at_most = 1;
	}
	take_configured(d->defaults_json, counted, &s);
	take_configured(d->extra_body_json, counted, &s);
	v = member(r, "web_search_options");
	take_options(&v, counted, &s);
	calls = member(r, "max_tool_calls");
	if (gets_tools(r, d, counted)) {
		bool as_options = counted && r->api == WIRE_RESPONSES;

		take_tools(&r->tools, &calls, as_options, &s);
		take_item_tools(r, &calls, as_options, &s);
	}
	/* What search models find is not billed as their prompt. */
	s_r->result_tokens = (s.at_most - s.by_answer) * SEARCHES_RESULT_TOKENS;
	if (!is_priced(price))
		return;
	s.result_tokens = s_r->result_tokens;
	*s_r = s;
}
