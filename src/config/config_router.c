/*
 * The router's lists: fallbacks in LiteLLM's form (a list of one-key maps)
 * and aliases. Fills config->router; errors and warnings are remarks. Which
 * names are groups is asked later, in config_check.c.
 */
#include "config/config_loader.h"

static void
add_fallback(struct loader *l, const struct node *n,
    struct config_fallbacks *out, size_t *room)
{
	struct config_fallback f = { .line = n->line };

	for (size_t i = 0; i < out->count; i++) {
		if (str_is(n->key, out->items[i].from)) {
			loader_remark(l, CONFIG_WARN, n,
			    "given twice: the one in line %d is used",
			    out->items[i].line);
			return;
		}
	}
	if (n->kind == NODE_NULL || *room == 0)
		return;
	f.from = loader_keep(l, n->key);
	config_value_strings(l, n, false, &f.to);
	if (f.to.count == 0)
		return;
	out->items[out->count++] = f;
	(*room)--;
}

/* How many entries the maps of the list hold. */
static size_t
entry_count(const struct node *n)
{
	size_t count = 0;

	for (const struct node *item = n->first; item != NULL;
	     item = item->next)
		count += item->kind == NODE_MAP ? item->count : 0;
	return count;
}

/* Beyond this, looking for doubles would take too long. */
#define MAX_FALLBACKS 2000

void
config_router_fallbacks(struct loader *l, const struct node *n,
    struct config_fallbacks *out)
{
	size_t room;

	if (!loader_is_list(l, n))
		return;
	room = entry_count(n);
	if (room > MAX_FALLBACKS) {
		loader_remark(l, CONFIG_ERROR, n, "more than %d entries",
		    MAX_FALLBACKS);
		return;
	}
	out->count = 0;
	/* One more: for default_fallbacks. */
	out->items =
	    arena_alloc(&l->c->arena, (room + 1) * sizeof(*out->items));
	for (const struct node *item = n->first; item != NULL;
	     item = item->next) {
		if (item->kind != NODE_MAP) {
			loader_remark(l, CONFIG_ERROR, item,
			    "must be a map (group: [groups to try]), not %s",
			    node_kind_text(item));
			continue;
		}
		if (item->count > 1)
			loader_remark(l, CONFIG_WARN, item,
			    "has %zu groups; LiteLLM reads the first only, "
			    "Tallygate all of them",
			    item->count);
		for (const struct node *c = item->first; c != NULL; c = c->next)
			add_fallback(l, c, out, &room);
	}
}

void
config_router_finish(struct loader *l)
{
	struct config_fallbacks *all = &l->c->router.fallbacks;
	const struct node *n = l->default_fallbacks;
	struct config_fallback f = { .from = "*" };

	if (n == NULL)
		return;
	for (size_t i = 0; i < all->count; i++) {
		if (strcmp(all->items[i].from, "*") == 0) {
			loader_remark(l, CONFIG_WARN, n,
			    "without effect: fallbacks have an entry \"*\" in "
			    "line %d",
			    all->items[i].line);
			return;
		}
	}
	f.line = n->line;
	config_value_strings(l, n, false, &f.to);
	if (f.to.count == 0)
		return;
	if (all->items == NULL)
		all->items = arena_alloc(&l->c->arena, sizeof(*all->items));
	all->items[all->count++] = f;
}

static void
add_alias(struct loader *l, const struct node *n)
{
	struct config_alias *a =
	    &l->c->router.aliases[l->c->router.alias_count];
	const struct node *model = n, *hidden = NULL;
	static const struct config_key flag = { .path = "hidden",
		.type = TYPE_BOOL,
		.offset = offsetof(struct config_alias, hidden) };

	if (n->kind == NODE_MAP) {
		model = node_get(n, "model");
		hidden = node_get(n, "hidden");
		for (const struct node *c = n->first; c != NULL; c = c->next) {
			if (!str_is(c->key, "model") &&
			    !str_is(c->key, "hidden"))
				loader_remark(l, CONFIG_WARN, c,
				    "unknown key, without effect; known are "
				    "model and hidden");
		}
	}
	if (model == NULL || model->kind != NODE_SCALAR) {
		loader_remark(l, CONFIG_ERROR, n,
		    "must be the name of a group, or a map with model and "
		    "hidden");
		return;
	}
	a->alias = loader_keep(l, n->key);
	a->group = loader_keep(l, model->text);
	if (hidden != NULL)
		config_value_store(l, &flag, hidden, a, NULL);
	l->c->router.alias_count++;
}

void
config_router_aliases(struct loader *l, const struct node *n)
{
	if (!loader_is_map(l, n))
		return;
	l->c->router.alias_count = 0;
	l->c->router.aliases = arena_alloc(&l->c->arena,
	    (n->count + 1) * sizeof(*l->c->router.aliases));
	for (const struct node *c = n->first; c != NULL; c = c->next)
		add_alias(l, c);
}
