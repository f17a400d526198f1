/*
 * model_list: each entry becomes a deployment (or several: a list of
 * organizations), is left out with a warning that says why, or is an error.
 *
 * Where its requests go is config_upstream.c's part. Owns the names of groups
 * and ids while the files are read; what is kept lives in the configuration.
 */
#include "config/config_entry.h"

#include "base/hash.h"
#include "config/config_loader.h"

#include <stdarg.h>

#define MAX_DEPLOYMENTS 10000
#define MAX_NAME        200 /* of models and deployments: both become keys */
#define MAX_MODEL       500
#define ID_DIGITS       12

/* What load_entries carries from one entry to the next. */
struct entries {
	struct loader *l;
	struct map *seen; /* what an id is made of → how often it came */
};

/* ---- left out ----------------------------------------------------------- */

void
config_entry_left_out(struct loader *l, const struct config_entry *e,
    const struct node *at, const char *fmt, ...)
{
	char why[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	loader_remark(l, CONFIG_WARN, at, "%.80s is left out: %s",
	    e->d.model_name, why);
	if (buf_printf(&l->reasons, "%s%.60s: %s",
		l->reasons.len == 0 ? "" : "; ", e->d.model_name, why) != 0)
		l->reasons.max = l->reasons.len; /* the first ones will do */
}

/* ---- is it wanted here? -------------------------------------------------- */

static bool
is_wanted(struct loader *l, const struct config_entry *e, const struct node *n)
{
	const char *here = getenv("LITELLM_ENVIRONMENT");

	if (e->blocked) {
		config_entry_left_out(l, e, n, "model_info.blocked is true");
		return false;
	}
	if (e->environments.count == 0)
		return true;
	if (here == NULL) {
		config_entry_left_out(l, e, n,
		    "it has supported_environments and LITELLM_ENVIRONMENT is "
		    "not set");
		return false;
	}
	for (size_t i = 0; i < e->environments.count; i++) {
		if (strcmp(e->environments.items[i], here) == 0)
			return true;
	}
	config_entry_left_out(l, e, n,
	    "supported_environments does not have what LITELLM_ENVIRONMENT "
	    "says");
	return false;
}

/* ---- into the configuration --------------------------------------------- */

static struct config_deployment *
add_deployment(struct loader *l, const struct node *n)
{
	struct config *c = l->c;

	if (c->deployment_count == l->deployment_size) {
		size_t size = l->deployment_size;

		l->deployment_nodes = loader_grow(&l->tree.arena,
		    l->deployment_nodes, &size, sizeof(*l->deployment_nodes));
		c->deployments = loader_grow(&c->arena, c->deployments,
		    &l->deployment_size, sizeof(*c->deployments));
	}
	l->deployment_nodes[c->deployment_count] = n;
	return &c->deployments[c->deployment_count++];
}

/* Counts up the number kept under this key; returns the old one. */
static size_t
count_up(struct map *m, struct str key)
{
	size_t n = (size_t)(uintptr_t)map_find(m, key);

	map_set(m, key, (void *)(uintptr_t)(n + 1));
	return n;
}

/*
 * 12 hex digits over what the deployment is and its place among identical
 * ones; without the key, so that it stays when a key is rotated. written: the
 * address as the entry has it, "" for the provider's own.
 */
static const char *
make_id(struct entries *all, const struct config_deployment *d,
    const char *written)
{
	char hex[SHA256_HEX_BYTES];
	struct buf b;
	size_t nth;

	buf_init(&b, 64 * 1024);
	buf_printf(&b, "%s\n%s\n%s\n%s\n", d->model_name, d->litellm_model,
	    written, d->organization);
	nth = count_up(all->seen, buf_str(&b));
	buf_printf(&b, "%zu", nth);
	hash_sha256_hex(buf_str(&b), hex);
	buf_fini(&b);
	return loader_keep(all->l, str_make(hex, ID_DIGITS));
}

static void
add_one(struct entries *all, const struct config_entry *e, const struct node *n,
    const char *organization, const char *written)
{
	struct loader *l = all->l;
	struct config_deployment d = e->d;
	const struct config_deployment *other;
	struct loader_group *g;

	d.organization = organization;
	if (d.id[0] == '\0')
		d.id = make_id(all, &d, written);
	other = map_find(l->ids, str_of(d.id));
	if (other != NULL) {
		loader_remark(l, CONFIG_ERROR, n,
		    "the id \"%.80s\" is taken by the entry in line %d", d.id,
		    other->line);
		return;
	}
	if (l->c->deployment_count == MAX_DEPLOYMENTS) {
		loader_remark(l, CONFIG_ERROR, n, "more than %d deployments",
		    MAX_DEPLOYMENTS);
		return;
	}
	*add_deployment(l, n) = d;
	/* The array moves while it grows: the map keeps a copy. */
	other = memcpy(arena_alloc(&l->tree.arena, sizeof(d)), &d, sizeof(d));
	map_set(l->ids, str_of(d.id), (void *)(uintptr_t)other);
	g = map_find(l->groups, str_of(d.model_name));
	if (g->usable++ == 0)
		g->mode = d.mode;
}

/* One deployment, or one for each organization. */
static void
add_all(struct entries *all, struct config_entry *e, const struct node *n,
    const char *written)
{
	const char *id = e->d.id;

	if (e->organizations.count == 0) {
		add_one(all, e, n, "", written);
		return;
	}
	for (size_t i = 0; i < e->organizations.count; i++) {
		if (i > 0 && id[0] != '\0')
			e->d.id = arena_printf(&all->l->c->arena, "%s-%zu", id,
			    i + 1);
		add_one(all, e, n, e->organizations.items[i], written);
	}
}

/* ---- one entry ---------------------------------------------------------- */

static void
entry_init(struct config_entry *e, struct loader *l, const struct node *n)
{
	memset(e, 0, sizeof(*e));
	loader_defaults(l, "model_list[]", e);
	loader_defaults(l, "model_list[].model_info", e);
	loader_defaults(l, "model_list[].litellm_params", e);
	e->d.file = loader_keep(l, str_of(n->file));
	e->d.line = n->line;
	e->d.organization = "";
	e->d.defaults_json = "";
	e->d.model_info_json = "{}";
	e->d.upstream_model = e->d.family = "";
	buf_init(&e->body_json, TREE_JSON_BYTES);
}

/* The three maps, so that the better place comes last and wins. */
static void
read_maps(struct loader *l, struct config_entry *e, const struct node *n)
{
	const struct node *info = node_find(n, "model_info");
	const struct node *params = node_find(n, "litellm_params");

	if (info != NULL) {
		loader_section(l, "model_list[].model_info", info, e, e);
		if (info->kind == NODE_MAP)
			e->d.model_info_json = config_json_keep(l, info);
	}
	loader_section(l, "model_list[]", n, e, e);
	if (params != NULL)
		loader_section(l, "model_list[].litellm_params", params, e, e);
	if (e->body_json.len > 0)
		e->d.defaults_json =
		    arena_printf(&l->c->arena, "{%s}", buf_cstr(&e->body_json));
	if (e->d.max_output_tokens == CONFIG_UNSET)
		e->d.max_output_tokens = e->info_max_tokens;
	if (e->d.base_model[0] == '\0')
		e->d.base_model = e->info_base_model;
}

/* A name that becomes a header, a key of the store, a word in tables. */
static void
check_name(struct loader *l, const struct node *at, const char *name,
    size_t max)
{
	if (at == NULL || at->kind != NODE_SCALAR)
		return;
	if (strlen(name) > max)
		loader_remark(l, CONFIG_ERROR, at, "longer than %zu bytes",
		    max);
	else if (strlen(name) != str_trim(str_of(name)).n)
		loader_remark(l, CONFIG_ERROR, at,
		    "must not begin or end with a blank");
}

/* Not there or empty; a list or a map has got its own error. */
static bool
is_absent(const struct node *n)
{
	return n == NULL || n->kind == NODE_NULL ||
	       (n->kind == NODE_SCALAR && n->text.n == 0);
}

/* False when the entry has no name or no model to speak of. */
static bool
has_names(struct loader *l, const struct config_entry *e, const struct node *n)
{
	const struct node *name = node_find(n, "model_name");
	const struct node *params = node_find(n, "litellm_params");
	const struct node *model = node_find(params, "model");

	if (e->d.model_name[0] == '\0') {
		if (name != NULL && name->env != NULL)
			loader_remark(l, CONFIG_WARN, name,
			    "the entry is left out: %s is %s", name->env,
			    name->kind == NODE_NULL ? "not set" : "empty");
		else if (is_absent(name))
			loader_remark(l, CONFIG_ERROR, n,
			    "model_name is missing");
		return false;
	}
	if (params == NULL || params->kind == NODE_NULL) {
		loader_remark(l, CONFIG_ERROR, n, "litellm_params is missing");
		return false;
	}
	if (e->d.litellm_model[0] != '\0')
		return true;
	if (model != NULL && model->env != NULL)
		config_entry_left_out(l, e, model, "%s is %s", model->env,
		    model->kind == NODE_NULL ? "not set" : "empty");
	else if (params->kind == NODE_MAP && is_absent(model))
		loader_remark(l, CONFIG_ERROR, params, "model is missing");
	return false;
}

static void
declare_group(struct loader *l, const char *name)
{
	struct loader_group *g;

	if (name[0] == '\0' || map_find(l->groups, str_of(name)) != NULL)
		return;
	g = arena_alloc(&l->tree.arena, sizeof(*g));
	g->name = str_of(name);
	map_set(l->groups, g->name, g);
	if (strchr(name, '*') != NULL) {
		g->next_wildcard = l->wildcards;
		l->wildcards = g;
	}
}

static void
load_entry(struct entries *all, struct config_entry *e, const struct node *n)
{
	struct loader *l = all->l;
	size_t errors = l->report->errors;
	const char *written;

	read_maps(l, e, n);
	declare_group(l, e->d.model_name);
	check_name(l, node_find(n, "model_name"), e->d.model_name, MAX_NAME);
	check_name(l, node_find(node_find(n, "litellm_params"), "model"),
	    e->d.litellm_model, MAX_MODEL);
	check_name(l, node_find(node_find(n, "model_info"), "id"), e->d.id,
	    MAX_NAME);
	if (!has_names(l, e, n))
		return;
	if (l->report->errors > errors) {
		if (l->reasons.len < 300)
			buf_printf(&l->reasons, "%s%.60s: see its errors",
			    l->reasons.len == 0 ? "" : "; ", e->d.model_name);
		return;
	}
	written = e->d.api_base;
	if (!is_wanted(l, e, n) || !config_upstream_resolve(l, e, n))
		return;
	add_all(all, e, n, written);
}

void
config_entries_load(struct loader *l, const struct node *list)
{
	struct entries all = { .l = l, .seen = map_new() };
	const struct node *first = list->first;

	if (list->count > MAX_DEPLOYMENTS) {
		loader_remark(l, CONFIG_ERROR, list, "more than %d entries",
		    MAX_DEPLOYMENTS);
		first = NULL;
	}
	for (const struct node *n = first; n != NULL; n = n->next) {
		struct config_entry e;

		if (n->kind != NODE_MAP) {
			loader_remark(l, CONFIG_ERROR, n,
			    "must be a map with model_name and "
			    "litellm_params, not %s",
			    node_kind_text(n));
			continue;
		}
		entry_init(&e, l, n);
		load_entry(&all, &e, n);
		if (e.body_json.data != NULL)
			explicit_bzero(e.body_json.data, e.body_json.size);
		buf_fini(&e.body_json);
	}
	map_free(&all.seen);
}
