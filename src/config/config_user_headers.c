/*
 * general_settings.user_header_mappings: the headers that name an end user. One
 * mapping, or a list of them, as LiteLLM takes it. See config_loader.h.
 */
#include "config/config_loader.h"

#define MAX_HEADERS 16
#define SECTION     "general_settings.user_header_mappings[]"

static void
take_header(struct loader *l, const struct node *n)
{
	struct config_strings *to = &l->c->user_headers;
	struct config_user_header h;

	if (n->kind != NODE_MAP) {
		loader_remark(l, CONFIG_ERROR, n,
		    "must be a map with header_name, not %s",
		    node_kind_text(n));
		return;
	}
	loader_defaults(l, SECTION, &h);
	loader_section(l, SECTION, n, &h, NULL);
	if (h.name[0] == '\0')
		loader_remark(l, CONFIG_ERROR, n, "header_name is missing");
	else if (strcmp(h.role, "customer") != 0)
		loader_remark(l, CONFIG_WARN, n,
		    "litellm_user_role: internal_user has no effect here: a "
		    "request's user is that of its key");
	else
		to->items[to->count++] = h.name;
}

void
config_user_headers_load(struct loader *l)
{
	const struct node *list =
	    node_get(node_find(l->tree.root, "general_settings"),
		"user_header_mappings");

	if (list == NULL)
		return;
	if (list->kind == NODE_LIST && list->count > MAX_HEADERS) {
		loader_remark(l, CONFIG_ERROR, list, "more than %d mappings",
		    MAX_HEADERS);
		return;
	}
	l->c->user_headers.items = arena_alloc(&l->c->arena,
	    (MAX_HEADERS + 1) * sizeof(*l->c->user_headers.items));
	if (list->kind == NODE_MAP) {
		take_header(l, list);
		return;
	}
	for (const struct node *n = list->first;
	     list->kind == NODE_LIST && n != NULL; n = n->next)
		take_header(l, n);
}
