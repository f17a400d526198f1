/*
 * Building the catalog. See catalog.h; finding is in catalog_find.c.
 *
 * Everything is made once: groups and their members in the file's order, one
 * group of one for each deployment (to be asked by id), wildcard groups sorted,
 * each group's fallback lists looked up. A request then only follows pointers.
 */
#include "domain/routing/catalog.h"

#include "base/fd.h"
#include "domain/routing/catalog_options.h"
#include "domain/routing/wildcard.h"

#include <unistd.h>

/* ---- deployments -------------------------------------------------------- */

static int64_t
first_set(int64_t configured, int64_t other)
{
	return configured > 0 ? configured : other > 0 ? other : CONFIG_UNSET;
}

static int
add_deployment(struct catalog *c, size_t i, struct err *err)
{
	const struct config_deployment *from = &c->config->deployments[i];
	struct deployment *d = &c->deployments[i];
	struct group *alone;

	d->config = from;
	d->index = (uint32_t)i;
	d->provider = from->provider->prefix;
	d->is_wildcard = wildcard_stars(from->model_name) > 0;
	if (wildcard_stars(from->model_name) > WILDCARD_MAX_STARS)
		return err_set(err, ERR_CONFIG,
		    "%s:%d: model_name: %s has more than %d stars", from->file,
		    from->line, from->model_name, WILDCARD_MAX_STARS);
	if (price_resolve(from, c->tables, c->table_count, &d->price, err) != 0)
		return -1;
	d->max_input_tokens =
	    first_set(from->max_input_tokens, d->price.max_input_tokens);
	d->max_output_tokens =
	    first_set(from->max_output_tokens, d->price.max_output_tokens);
	d->id = from->id;
	if (map_find(c->by_id, str_of(d->id)) != NULL)
		return err_set(err, ERR_CONFIG,
		    "%s:%d: model_info.id: %s is taken", from->file, from->line,
		    d->id);
	alone = arena_alloc(&c->arena, sizeof(*alone));
	alone->name = from->model_name;
	alone->count = 1;
	alone->members = arena_alloc(&c->arena, sizeof(*alone->members));
	alone->members[0] = d;
	alone->is_wildcard = d->is_wildcard;
	map_set(c->by_id, str_of(d->id), alone);
	return 0;
}

/* ---- groups ------------------------------------------------------------- */

static struct group *
named_group(struct catalog *c, const char *name)
{
	struct group *g = map_find(c->by_name, str_of(name));

	if (g != NULL)
		return g;
	g = &c->groups[c->group_count++];
	g->name = name;
	g->is_wildcard = wildcard_stars(name) > 0;
	map_set(c->by_name, str_of(name), g);
	return g;
}

/* Counts the members, then gives each group its array, then fills them. */
static void
add_groups(struct catalog *c)
{
	for (size_t i = 0; i < c->deployment_count; i++)
		named_group(c, c->config->deployments[i].model_name)->count++;
	for (size_t i = 0; i < c->group_count; i++) {
		struct group *g = &c->groups[i];

		g->members =
		    arena_alloc(&c->arena, g->count * sizeof(*g->members));
		g->count = 0;
	}
	for (size_t i = 0; i < c->deployment_count; i++) {
		const struct deployment *d = &c->deployments[i];
		struct group *g = named_group(c, d->config->model_name);

		g->members[g->count++] = d;
	}
}

static int
compare_wildcards(const void *a, const void *b)
{
	const struct group *const *ga = a, *const *gb = b;
	int by_name = wildcard_compare((*ga)->name, (*gb)->name);

	if (by_name != 0)
		return by_name;
	return *ga < *gb ? -1 : *ga > *gb; /* the file's order */
}

static void
add_wildcards(struct catalog *c)
{
	c->wildcards =
	    arena_alloc(&c->arena, c->group_count * sizeof(*c->wildcards));
	for (size_t i = 0; i < c->group_count; i++) {
		if (c->groups[i].is_wildcard)
			c->wildcards[c->wildcard_count++] = &c->groups[i];
	}
	qsort(c->wildcards, c->wildcard_count, sizeof(*c->wildcards),
	    compare_wildcards);
}

static void
add_aliases(struct catalog *c)
{
	for (size_t i = 0; i < c->config->router.alias_count; i++) {
		struct config_alias *a = &c->config->router.aliases[i];

		map_set(c->by_alias, str_of(a->alias), a);
	}
}

/* What the options say of a group goes to its members, and to the groups that
   they are alone. */
static void
set_members(struct catalog *c, const struct group *g,
    const struct group_options *o)
{
	for (size_t m = 0; m < g->count; m++) {
		struct deployment *d = &c->deployments[g->members[m]->index];
		struct group *alone = map_find(c->by_id, str_of(d->id));

		rule_make(c->config, d->config, g->count, o, &d->rule);
		limits_make(c->config, d->config, &o->strategy, &d->limits);
		alone->strategy = g->strategy;
		alone->retries = g->retries;
		memcpy(alone->fallbacks, g->fallbacks, sizeof(g->fallbacks));
	}
}

/* Strategies, retries, fallbacks and breaker rules of every group. */
static int
set_options(struct catalog *c, const struct map *own, struct err *err)
{
	for (size_t i = 0; i < c->group_count; i++) {
		struct group *g = &c->groups[i];
		struct group_options o;

		if (group_options_make(c->config,
			map_find(own, str_of(g->name)), &o, err) != 0)
			return -1;
		g->strategy = o.strategy;
		g->retries = o.retries;
		g->hedge = o.hedge;
		for (size_t k = 0; k < FALLBACK_KIND_COUNT; k++)
			g->fallbacks[k] = catalog_fallbacks(c,
			    (enum fallback_kind)k, NULL, str_of(g->name));
		set_members(c, g, &o);
	}
	return 0;
}

static int
fill(struct catalog *c, struct err *err)
{
	const struct config_router *r = &c->config->router;
	struct map *own;
	int rc;

	for (size_t i = 0; i < c->deployment_count; i++) {
		if (add_deployment(c, i, err) != 0)
			return -1;
	}
	add_groups(c);
	add_wildcards(c);
	add_aliases(c);
	own = map_new();
	for (size_t i = 0; i < r->group_count; i++)
		map_set(own, str_of(r->groups[i].name), &r->groups[i]);
	rc = set_options(c, own, err);
	map_free(&own);
	return rc;
}

int
catalog_build(const struct config *config, struct price_table *const *tables,
    size_t table_count, struct catalog **catalog_r, struct err *err)
{
	struct catalog *c = xcalloc(1, sizeof(*c));

	arena_init(&c->arena, 4096);
	c->config = config;
	c->tables = arena_alloc(&c->arena, table_count * sizeof(*c->tables));
	for (size_t i = 0; i < table_count; i++)
		c->tables[c->table_count++] = tables[i];
	c->deployment_count = config->deployment_count;
	c->deployments =
	    xcalloc(c->deployment_count + 1, sizeof(*c->deployments));
	c->groups = xcalloc(c->deployment_count + 1, sizeof(*c->groups));
	c->by_name = map_new();
	c->by_alias = map_new();
	c->by_id = map_new();
	if (fill(c, err) != 0) {
		catalog_free(&c);
		return -1;
	}
	*catalog_r = c;
	return 0;
}

/* ---- with its tables ---------------------------------------------------- */

/* Our own table; NULL: there is none, prices come from the configuration. One
   beside the program goes before the one of the prefix it was built for: an
   installation may be staged or moved. */
static char *
default_table(void)
{
	const char *given = getenv("TALLYGATE_PRICES");
	char *program, *path = NULL;

	if (given != NULL && given[0] != '\0')
		return xstrdup(given);
	program = path_of_program();
	if (program != NULL)
		path = path_beside(program, "../share/tallygate/prices.json");
	free(program);
	if (path == NULL || access(path, R_OK) != 0) {
		free(path);
		path = xstrdup(PKGDATADIR "/prices.json");
	}
	if (access(path, R_OK) != 0) {
		free(path);
		path = NULL;
	}
	return path;
}

static int
read_tables(const struct config *config, struct price_table **tables,
    size_t *count, struct err *err)
{
	const struct config_strings *files = &config->price_files;
	char *ours;

	if (files->count >= CATALOG_MAX_TABLES)
		return err_set(err, ERR_CONFIG,
		    "tallygate.prices: more than %d files",
		    CATALOG_MAX_TABLES - 1);
	ours = default_table();
	if (ours != NULL) {
		int rc = price_table_load(ours, &tables[*count], err);

		free(ours);
		if (rc != 0)
			return -1;
		(*count)++;
	}
	for (size_t i = 0; i < files->count; i++) {
		if (price_table_load(files->items[i], &tables[*count], err) !=
		    0)
			return err_prefix(err, "tallygate.prices");
		(*count)++;
	}
	return 0;
}

int
catalog_open(const struct config *config, struct catalog **catalog_r,
    struct err *err)
{
	struct price_table *tables[CATALOG_MAX_TABLES];
	size_t n = 0;
	int rc = read_tables(config, tables, &n, err);

	if (rc == 0)
		rc = catalog_build(config, tables, n, catalog_r, err);
	if (rc == 0 && (*catalog_r)->wildcard_count > 0) {
		(*catalog_r)->owns_tables = true;
		return 0;
	}
	/* Every model has been named, and has its price. */
	if (rc == 0)
		(*catalog_r)->table_count = 0;
	while (n > 0)
		price_table_free(&tables[--n]);
	return rc;
}

void
catalog_free(struct catalog **cp)
{
	struct catalog *c = *cp;

	if (c == NULL)
		return;
	for (size_t i = 0; c->owns_tables && i < c->table_count; i++)
		price_table_free(&c->tables[i]);
	map_free(&c->by_name);
	map_free(&c->by_alias);
	map_free(&c->by_id);
	free(c->groups);
	free(c->deployments);
	arena_fini(&c->arena);
	free(c);
	*cp = NULL;
}
