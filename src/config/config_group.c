/*
 * Settings of single model groups: tallygate.groups and LiteLLM's
 * model_group_retry_policy, as one list by name. What a group does not set is
 * the router's. Which names are groups is asked in config_check.c.
 */
#include "config/config_loader.h"

#define MAX_GROUPS 10000

/* What the lists so far made of it; a fresh one otherwise. */
static struct config_group *
take_group(struct loader *l, struct map *by_name, const struct node *n)
{
	struct config_router *r = &l->c->router;
	struct config_group *g = map_find(by_name, n->key);

	if (g != NULL)
		return g;
	g = &r->groups[r->group_count++];
	loader_defaults(l, "tallygate.groups[]", g);
	g->name = loader_keep(l, n->key);
	g->strategy = r->strategy;
	g->file = loader_keep(l, str_of(n->file));
	g->line = n->line;
	map_set(by_name, str_of(g->name), g);
	return g;
}

static size_t
count_of(const struct node *map)
{
	return map != NULL && map->kind == NODE_MAP ? map->count : 0;
}

static void
load(struct loader *l, struct map *by_name, const struct node *map,
    const char *section)
{
	if (count_of(map) == 0)
		return;
	for (const struct node *n = map->first; n != NULL; n = n->next) {
		if (n->kind == NODE_NULL)
			continue;
		if (n->kind == NODE_MAP)
			loader_section(l, section, n, take_group(l, by_name, n),
			    NULL);
		else
			loader_remark(l, CONFIG_ERROR, n,
			    "must be a map of this group's settings, not %s",
			    node_kind_text(n));
	}
}

void
config_groups_load(struct loader *l)
{
	const struct node *root = l->tree.root;
	const struct node *policies =
	    node_get(node_find(root, "router_settings"),
		"model_group_retry_policy");
	const struct node *ours =
	    node_get(node_find(root, "tallygate"), "groups");
	size_t count = count_of(policies) + count_of(ours);
	struct map *by_name;

	if (count > MAX_GROUPS) {
		loader_remark(l, CONFIG_ERROR, ours != NULL ? ours : policies,
		    "more than %d groups", MAX_GROUPS);
		return;
	}
	l->c->router.groups = arena_alloc(&l->c->arena,
	    (count + 1) * sizeof(*l->c->router.groups));
	by_name = map_new();
	load(l, by_name, policies,
	    "router_settings.model_group_retry_policy[]");
	load(l, by_name, ours, "tallygate.groups[]");
	map_free(&by_name);
}
