/*
 * Rules across keys, once all of them are read: names that point at groups,
 * providers or deployments; settings that contradict each other; the master
 * key. Reads the finished struct config, adds remarks, changes nothing.
 */
#include "base/num.h"
#include "config/config_loader.h"

struct check {
	struct loader *l;
	struct map *aliases; /* alias → struct config_alias */
};

/* ---- groups ------------------------------------------------------------- */

/* "openai/" in "openai/x": a star stands for anything, matching begins at the
   front and may end early, as LiteLLM's pattern does. */
static bool
matches(struct str pattern, struct str name)
{
	struct str piece = str_cut(&pattern, '*');
	char *text;
	ptrdiff_t at;

	if (name.n < piece.n || memcmp(name.p, piece.p, piece.n) != 0)
		return false;
	name.p += piece.n;
	name.n -= piece.n;
	while (pattern.p != NULL) {
		piece = str_cut(&pattern, '*');
		if (piece.n == 0)
			continue;
		text = str_dup(piece);
		at = str_find(name, text);
		free(text);
		if (at < 0)
			return false;
		name.p += (size_t)at + piece.n;
		name.n -= (size_t)at + piece.n;
	}
	return true;
}

/* The first of the wildcards will do. Past so many nobody looks closely: the
   name is taken to match. */
#define MAX_WILDCARDS 200

static const struct loader_group *
find_wildcard(const struct loader *l, struct str name)
{
	const struct loader_group *g = l->wildcards;

	for (size_t i = 0; g != NULL; g = g->next_wildcard, i++) {
		if (i == MAX_WILDCARDS || matches(g->name, name))
			return g;
	}
	return NULL;
}

/* The group a name leads to, over an alias or a wildcard; NULL: none. */
static const struct loader_group *
find_group(const struct check *k, const char *name)
{
	const struct loader_group *g = map_find(k->l->groups, str_of(name));
	const struct config_alias *a;

	if (g != NULL)
		return g;
	a = map_find(k->aliases, str_of(name));
	if (a != NULL)
		g = map_find(k->l->groups, str_of(a->group));
	return g != NULL ? g : find_wildcard(k->l, str_of(name));
}

/* A warning about a line of a list that is kept without its nodes. */
static void
remark_line(struct loader *l, const struct node *list, int line,
    const char *text)
{
	struct node at;

	if (list == NULL) {
		loader_remark(l, CONFIG_WARN, NULL, "%s", text);
		return;
	}
	at = *list;
	at.line = line;
	loader_remark(l, CONFIG_WARN, &at, "%s", text);
}

/* Which section's list won: router_settings, else litellm_settings. */
static const struct node *
winner(const struct loader *l, const char *key)
{
	const struct node *root = l->tree.root, *n;

	n = node_get(node_find(root, "router_settings"), key);
	if (n == NULL)
		n = node_get(node_find(root, "litellm_settings"), key);
	return n;
}

static void
check_target(const struct check *k, const struct node *at,
    const struct config_fallback *f, const char *to)
{
	const struct loader_group *g = find_group(k, to);
	char text[300];

	if (g == NULL)
		snprintf(text, sizeof(text),
		    "fallback \"%.80s\" is no model group: it will never "
		    "answer",
		    to);
	else if (g->usable == 0)
		snprintf(text, sizeof(text),
		    "fallback \"%.80s\" has no usable deployment", to);
	else if (strcmp(f->from, to) == 0)
		snprintf(text, sizeof(text), "\"%.80s\" falls back to itself",
		    to);
	else
		return;
	remark_line(k->l, at, f->line, text);
}

static void
check_fallbacks(const struct check *k, const char *key,
    const struct config_fallbacks *all)
{
	const struct node *list = winner(k->l, key);
	const struct node *defaults = k->l->default_fallbacks;

	for (size_t i = 0; i < all->count; i++) {
		const struct config_fallback *f = &all->items[i];
		const struct node *at = list;
		char text[200];

		/* default_fallbacks joined the list as its last, "*". */
		if (strcmp(f->from, "*") == 0 && defaults != NULL &&
		    f->line == defaults->line)
			at = defaults;
		if (strcmp(f->from, "*") != 0 &&
		    find_group(k, f->from) == NULL) {
			snprintf(text, sizeof(text),
			    "\"%.80s\" is no model group: its fallbacks are "
			    "never used",
			    f->from);
			remark_line(k->l, at, f->line, text);
		}
		for (size_t t = 0; t < f->to.count; t++)
			check_target(k, at, f, f->to.items[t]);
	}
}

static void
check_aliases(const struct check *k)
{
	const struct node *map = winner(k->l, "model_group_alias");
	struct loader *l = k->l;

	if (map == NULL || map->kind != NODE_MAP)
		return;
	for (const struct node *n = map->first; n != NULL; n = n->next) {
		const struct config_alias *a = map_find(k->aliases, n->key);

		if (a == NULL)
			continue;
		if (map_find(l->groups, n->key) != NULL)
			loader_remark(l, CONFIG_WARN, n,
			    "without effect: a model group has this name");
		else if (map_find(l->groups, str_of(a->group)) == NULL &&
			 find_wildcard(l, str_of(a->group)) == NULL)
			loader_remark(l, CONFIG_WARN, n,
			    "\"%.80s\" is no model group", a->group);
	}
}

static bool
is_mode(const char *mode)
{
	static const char *const modes[] = { "chat", "completion", "embedding",
		"image_generation", "image_edit", "audio_transcription",
		"audio_speech", "rerank", "responses", "moderation",
		"moderations", "batch", "realtime", "ocr", "search",
		"video_generation" };

	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		if (strcmp(mode, modes[i]) == 0)
			return true;
	}
	return false;
}

static void
check_deployment(struct loader *l, size_t i)
{
	const struct config_deployment *d = &l->c->deployments[i];
	const struct node *at = l->deployment_nodes[i];
	const struct loader_group *g =
	    map_find(l->groups, str_of(d->model_name));
	const char *name = d->model_name;

	if (!is_mode(d->mode))
		loader_remark(l, CONFIG_WARN, at,
		    "%.80s: mode \"%.40s\" is not known", name, d->mode);
	else if (strcmp(g->mode, d->mode) != 0)
		loader_remark(l, CONFIG_WARN, at,
		    "%.80s: mode \"%s\" is not that of the group's first "
		    "deployment, \"%.40s\"",
		    name, d->mode, g->mode);
	if (d->stream_timeout_msecs != CONFIG_UNSET &&
	    d->timeout_msecs != CONFIG_UNSET &&
	    d->stream_timeout_msecs > d->timeout_msecs)
		loader_remark(l, CONFIG_WARN, at,
		    "%.80s: stream_timeout is longer than timeout", name);
	if (d->budget_duration[0] != '\0' && d->max_budget[0] == '\0')
		loader_remark(l, CONFIG_WARN, at,
		    "%.80s: budget_duration without max_budget has no effect",
		    name);
}

/* ---- budgets ------------------------------------------------------------ */

static void
check_match(const struct check *k, const struct config_budget *b,
    const struct node *at)
{
	struct str match = str_of(b->match);
	const char *what = NULL;

	if (match.n == 0)
		return;
	if (strcmp(b->per, "model") == 0 && find_group(k, b->match) == NULL)
		what = "model group";
	if (strcmp(b->per, "provider") == 0 && provider_find(match) == NULL)
		what = "provider";
	if (strcmp(b->per, "deployment") == 0 &&
	    map_find(k->l->ids, match) == NULL)
		what = "deployment's id";
	if (what != NULL)
		loader_remark(k->l, CONFIG_WARN, at,
		    "a budget for \"%.80s\", which is no %s", b->match, what);
}

static void
check_downgrade(const struct check *k, const struct config_budget *b,
    const struct node *at)
{
	const char *group = strchr(b->on_exhaust, ':');
	const struct loader_group *g;

	if (group == NULL)
		return;
	g = find_group(k, ++group);
	if (g == NULL)
		loader_remark(k->l, CONFIG_ERROR, at,
		    "downgrade to \"%.80s\", which is no model group", group);
	else if (g->usable == 0)
		loader_remark(k->l, CONFIG_WARN, at,
		    "downgrade to \"%.80s\", which has no usable deployment",
		    group);
}

static int64_t
nanos(const char *amount)
{
	int64_t v = 0;
	bool inexact;

	return num_decimal(str_of(amount), 9, &v, &inexact) == 0 ? v : 0;
}

static void
check_budgets(const struct check *k)
{
	struct loader *l = k->l;
	const struct node *litellm =
	    node_find(l->tree.root, "litellm_settings");
	const struct node *window = node_get(litellm, "budget_duration");

	for (size_t i = 0; i < l->c->budget_count; i++) {
		const struct config_budget *b = &l->c->budgets[i];
		const struct node *at = l->budget_nodes[i];

		check_match(k, b, at);
		check_downgrade(k, b, at);
		if (b->soft_budget[0] != '\0' &&
		    nanos(b->soft_budget) > nanos(b->max_budget))
			loader_remark(l, CONFIG_WARN, at,
			    "soft_budget is above max_budget: it warns of "
			    "nothing");
	}
	if (window != NULL && node_get(litellm, "max_budget") == NULL)
		loader_remark(l, CONFIG_WARN, window,
		    "without effect: there is no max_budget beside it");
}

/* ---- the rest ----------------------------------------------------------- */

static void
check_master_key(struct loader *l)
{
	const char *key = l->c->master_key;
	const struct node *n =
	    node_get(node_find(l->tree.root, "general_settings"), "master_key");
	const char *whence = n == NULL ? "LITELLM_MASTER_KEY: " : "";

	if (key[0] == '\0')
		return;
	if (strncmp(key, "sk-", 3) != 0)
		loader_remark(l, CONFIG_WARN, n,
		    "%sthe master key does not begin with sk-, which LiteLLM "
		    "demands",
		    whence);
	if (strcmp(key, "sk-1234") == 0)
		loader_remark(l, CONFIG_WARN, n,
		    "%sthe master key is the example of LiteLLM's "
		    "documentation, which everybody knows",
		    whence);
}

/* Settings of a group that nobody can ask for: misspelt, most likely. */
static void
check_groups(const struct check *k)
{
	struct loader *l = k->l;

	for (size_t i = 0; i < l->c->router.group_count; i++) {
		const struct config_group *g = &l->c->router.groups[i];
		struct node at = { .file = g->file, .line = g->line };

		if (map_find(l->groups, str_of(g->name)) == NULL)
			loader_remark(l, CONFIG_WARN, &at,
			    "settings of \"%.80s\", which is no model group, "
			    "are never used",
			    g->name);
	}
}

/* What LiteLLM's optional checks come to here. */
static void
check_optional_checks(struct loader *l)
{
	static const char *const known[] = { "enforce_model_rate_limits",
		"router_budget_limiting" };
	const struct node *list = winner(l, "optional_pre_call_checks");

	if (list == NULL || list->kind != NODE_LIST)
		return;
	for (const struct node *n = list->first; n != NULL; n = n->next) {
		bool acted_on = false;

		for (size_t i = 0; i < ARRAY_LEN(known); i++)
			acted_on = acted_on || str_is(n->text, known[i]);
		if (!acted_on)
			loader_remark(l, CONFIG_NOTE, n,
			    "\"%.40s\": read, no effect here yet",
			    n->kind == NODE_SCALAR ? loader_keep(l, n->text)
						   : "");
	}
}

static void
check_router(const struct check *k)
{
	const struct config_router *r = &k->l->c->router;

	if (r->stream_timeout_msecs != CONFIG_UNSET &&
	    r->stream_timeout_msecs > r->timeout_msecs)
		loader_remark(k->l, CONFIG_WARN, winner(k->l, "stream_timeout"),
		    "longer than timeout, %lld s",
		    (long long)(r->timeout_msecs / 1000));
	check_fallbacks(k, "fallbacks", &r->fallbacks);
	check_fallbacks(k, "context_window_fallbacks",
	    &r->context_window_fallbacks);
	check_fallbacks(k, "content_policy_fallbacks",
	    &r->content_policy_fallbacks);
	check_aliases(k);
	check_optional_checks(k->l);
	check_groups(k);
}

void
config_check(struct loader *l)
{
	struct check k = { l, map_new() };
	struct config *c = l->c;

	for (size_t i = 0; i < c->router.alias_count; i++)
		map_set(k.aliases, str_of(c->router.aliases[i].alias),
		    &c->router.aliases[i]);
	for (size_t i = 0; i < c->deployment_count; i++)
		check_deployment(l, i);
	check_router(&k);
	check_budgets(&k);
	check_master_key(l);
	map_free(&k.aliases);
}
