/*
 * Every cap of the files as one list: tallygate.budgets, and LiteLLM's own
 * keys (litellm_settings.max_budget, provider_budget_config,
 * tag_budget_config, max_end_user_budget, litellm_params.max_budget). Here
 * they all are hard; LiteLLM enforces most of them only with a database, so
 * they get a warning when none is configured. Also the webhooks.
 *
 * Reads nodes, fills config->budgets and ->webhooks. Whether the names exist
 * is asked in config_check.c.
 */
#include "config/config_loader.h"

#define MAX_BUDGETS  10000
#define MAX_WEBHOOKS 64

static struct config_budget *
add_budget(struct loader *l, const struct node *n, const char *per)
{
	struct config *c = l->c;
	struct config_budget *b;

	if (c->budget_count == l->budget_size) {
		size_t size = l->budget_size;

		l->budget_nodes = loader_grow(&l->tree.arena, l->budget_nodes,
		    &size, sizeof(*l->budget_nodes));
		c->budgets = loader_grow(&c->arena, c->budgets, &l->budget_size,
		    sizeof(*c->budgets));
	}
	l->budget_nodes[c->budget_count] = n;
	b = &c->budgets[c->budget_count++];
	loader_defaults(l, "tallygate.budgets[]", b);
	b->per = per;
	b->max_budget = "";
	b->file = loader_keep(l, str_of(n->file));
	b->line = n->line;
	return b;
}

static void
warn_database(struct loader *l, const struct node *n)
{
	if (!l->has_database)
		loader_remark(l, CONFIG_WARN, n,
		    "a hard cap here; LiteLLM would not enforce it without "
		    "general_settings.database_url");
}

/* ---- tallygate.budgets -------------------------------------------------- */

static void
check_exhaust(struct loader *l, const struct node *n, const char *value)
{
	if (strcmp(value, "clamp") == 0 || strcmp(value, "refuse") == 0 ||
	    (strncmp(value, "downgrade:", 10) == 0 && value[10] != '\0'))
		return;
	loader_remark(l, CONFIG_ERROR, n,
	    "must be clamp, refuse or downgrade:GROUP");
}

static void
load_ours(struct loader *l, const struct node *n)
{
	const struct node *exhaust = node_get(n, "on_exhaust");
	struct config_budget *b;

	if (n->kind != NODE_MAP) {
		loader_remark(l, CONFIG_ERROR, n,
		    "must be a map with per and max_budget, not %s",
		    node_kind_text(n));
		return;
	}
	b = add_budget(l, n, "");
	loader_section(l, "tallygate.budgets[]", n, b, NULL);
	if (exhaust != NULL && exhaust->kind == NODE_SCALAR)
		check_exhaust(l, exhaust, b->on_exhaust);
	if (node_get(n, "per") == NULL)
		loader_remark(l, CONFIG_ERROR, n,
		    "per is missing: global, provider, deployment, model, "
		    "key, team, user, end_user or tag");
	if (node_get(n, "max_budget") == NULL)
		loader_remark(l, CONFIG_ERROR, n, "max_budget is missing");
	if (strcmp(b->per, "global") == 0 && b->match[0] != '\0')
		loader_remark(l, CONFIG_WARN, node_find(n, "match"),
		    "without effect: there is one global budget");
}

/* ---- LiteLLM's ---------------------------------------------------------- */

/* provider_budget_config, tag_budget_config: name → {cap, window}. */
static void
load_named(struct loader *l, const struct node *map, const char *section,
    const char *per, bool needs_database)
{
	if (map == NULL || map->kind != NODE_MAP)
		return;
	for (const struct node *n = map->first; n != NULL; n = n->next) {
		struct config_budget *b;

		if (n->kind != NODE_MAP) {
			loader_remark(l, CONFIG_ERROR, n,
			    "must be a map with a cap and its window, not %s",
			    node_kind_text(n));
			continue;
		}
		b = add_budget(l, n, per);
		b->match = loader_keep(l, n->key);
		loader_section(l, section, n, b, NULL);
		if (b->max_budget[0] == '\0')
			loader_remark(l, CONFIG_ERROR, n, "the cap is missing");
		else if (needs_database)
			warn_database(l, n);
	}
}

/* One amount with its window as a sibling key; "0" is LiteLLM's "off". */
static void
load_single(struct loader *l, const struct node *section, const char *key,
    const char *window, const char *per)
{
	static const struct config_key amount = { .path = "amount",
		.type = TYPE_MONEY,
		.offset = offsetof(struct config_budget, max_budget),
		.flags = KEY_QUOTED };
	static const struct config_key period = { .path = "period",
		.type = TYPE_PERIOD,
		.offset = offsetof(struct config_budget, duration) };
	const struct node *n = node_get(section, key);
	const struct node *w =
	    window == NULL ? NULL : node_get(section, window);
	struct config_budget b = { .max_budget = "", .duration = "" };
	struct config_budget *added;

	/* The schema's rows have judged both already: only good ones here. */
	if (n == NULL || n->kind != NODE_SCALAR || l->failed)
		return;
	config_value_store(l, &amount, n, &b, NULL);
	if (strspn(b.max_budget, "0.") == strlen(b.max_budget))
		return;
	if (w != NULL)
		config_value_store(l, &period, w, &b, NULL);
	warn_database(l, n);
	added = add_budget(l, n, per);
	added->max_budget = b.max_budget;
	added->duration = b.duration;
}

static void
load_deployments(struct loader *l)
{
	for (size_t i = 0; i < l->c->deployment_count; i++) {
		const struct config_deployment *d = &l->c->deployments[i];
		struct config_budget *b;

		if (d->max_budget[0] == '\0')
			continue;
		b = add_budget(l, l->deployment_nodes[i], "deployment");
		b->match = d->id;
		b->max_budget = d->max_budget;
		b->duration = d->budget_duration;
	}
}

void
config_budgets_load(struct loader *l)
{
	const struct node *root = l->tree.root;
	const struct node *litellm = node_find(root, "litellm_settings");
	const struct node *router = node_find(root, "router_settings");
	const struct node *ours =
	    node_get(node_find(root, "tallygate"), "budgets");

	load_single(l, litellm, "max_budget", "budget_duration", "global");
	load_single(l, litellm, "max_end_user_budget", NULL, "end_user");
	load_named(l, node_get(router, "provider_budget_config"),
	    "router_settings.provider_budget_config[]", "provider", false);
	load_named(l, node_get(litellm, "tag_budget_config"),
	    "litellm_settings.tag_budget_config[]", "tag", true);
	load_deployments(l);
	if (ours == NULL || ours->kind != NODE_LIST)
		return;
	for (const struct node *n = ours->first; n != NULL; n = n->next)
		load_ours(l, n);
	if (l->c->budget_count > MAX_BUDGETS)
		loader_remark(l, CONFIG_ERROR, ours, "more than %d budgets",
		    MAX_BUDGETS);
}

/* ---- webhooks ----------------------------------------------------------- */

static void
check_webhook(struct loader *l, const struct node *n,
    const struct config_webhook *h)
{
	static const char *const events[] = { "budget_soft", "budget_exhausted",
		"budget_reset", "breaker_open", "breaker_half_open",
		"breaker_closed" };
	struct str url = str_of(h->url);

	if (!str_starts(url, "http://") && !str_starts(url, "https://"))
		loader_remark(l, CONFIG_ERROR, n,
		    "url must begin with http:// or https://");
	else if (str_find(url, " ") >= 0)
		loader_remark(l, CONFIG_ERROR, n, "url must have no blanks");
	for (size_t i = 0; i < h->events.count; i++) {
		bool known = false;

		for (size_t k = 0; k < ARRAY_LEN(events); k++)
			known =
			    known || strcmp(h->events.items[i], events[k]) == 0;
		if (!known)
			loader_remark(l, CONFIG_WARN, node_find(n, "events"),
			    "\"%.40s\" is no event that is sent; there are "
			    "budget_soft, budget_exhausted, budget_reset, "
			    "breaker_open, breaker_half_open, breaker_closed",
			    h->events.items[i]);
	}
}

void
config_webhooks_load(struct loader *l)
{
	const struct node *list =
	    node_get(node_find(l->tree.root, "tallygate"), "webhooks");

	if (list == NULL || list->kind != NODE_LIST)
		return;
	if (list->count > MAX_WEBHOOKS) {
		loader_remark(l, CONFIG_ERROR, list, "more than %d webhooks",
		    MAX_WEBHOOKS);
		return;
	}
	l->c->webhooks = arena_alloc(&l->c->arena,
	    (list->count + 1) * sizeof(*l->c->webhooks));
	for (const struct node *n = list->first; n != NULL; n = n->next) {
		struct config_webhook *h = &l->c->webhooks[l->c->webhook_count];

		if (n->kind != NODE_MAP) {
			loader_remark(l, CONFIG_ERROR, n,
			    "must be a map with url, not %s",
			    node_kind_text(n));
			continue;
		}
		loader_defaults(l, "tallygate.webhooks[]", h);
		loader_section(l, "tallygate.webhooks[]", n, h, NULL);
		check_webhook(l, n, h);
		l->c->webhook_count++;
	}
}
