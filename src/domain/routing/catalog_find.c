/*
 * Finding in the catalog: what a client's name stands for, what its provider
 * is asked for and at which price, where it falls back to, and which names
 * are spelt like it. See catalog.h. Nothing here fails; a name is there or not.
 */
#include "domain/routing/catalog.h"
#include "domain/routing/wildcard.h"

static bool
match_wildcard(const struct catalog *c, struct str name,
    struct catalog_match *m)
{
	struct wildcard_captures captures;

	for (size_t i = 0; i < c->wildcard_count; i++) {
		if (!wildcard_match(c->wildcards[i]->name, name, &captures))
			continue;
		m->group = c->wildcards[i];
		m->name = name;
		m->how = MATCH_WILDCARD;
		return true;
	}
	return false;
}

/* As itself, then as "provider/name" when the name tells its provider. */
static bool
match_wildcards(const struct catalog *c, struct str name, struct arena *arena,
    struct catalog_match *m)
{
	char full[2 * CATALOG_NAME_BYTES];
	const struct provider *p;
	struct str bare;
	int n;

	if (c->wildcard_count == 0 || !wildcard_name_ok(name))
		return false;
	if (match_wildcard(c, name, m))
		return true;
	if (memchr(name.p, '/', name.n) != NULL)
		return false;
	p = provider_resolve(name, str_of(""), str_of(""), &bare);
	if (p == NULL)
		return false;
	n = snprintf(full, sizeof(full), "%s/" STR_FMT, p->prefix,
	    STR_ARG(name));
	if (n < 0 || (size_t)n >= sizeof(full) ||
	    !match_wildcard(c, str_make(full, (size_t)n), m))
		return false;
	m->name = arena == NULL ? name : arena_str(arena, m->name);
	return true;
}

/* All but aliases. */
static bool
match_plain(const struct catalog *c, struct str name, struct arena *arena,
    struct catalog_match *m)
{
	const struct group *g = map_find(c->by_name, name);

	m->name = name;
	m->group = g;
	m->how = MATCH_GROUP;
	/* A wildcard's own name or id names no model. */
	if (g != NULL)
		return !g->is_wildcard;
	g = map_find(c->by_id, name);
	if (g == NULL || g->is_wildcard)
		return match_wildcards(c, name, arena, m);
	m->group = g;
	m->name = str_of(g->name);
	m->how = MATCH_ID;
	return true;
}

bool
catalog_match(const struct catalog *c, struct str name, struct arena *arena,
    struct catalog_match *match_r)
{
	const struct config_alias *alias;
	struct catalog_match m;

	if (name.n == 0 || name.n > CATALOG_NAME_BYTES)
		return false;
	alias = map_find(c->by_name, name) != NULL
		    ? NULL
		    : map_find(c->by_alias, name);
	if (alias != NULL) {
		/* An alias of an alias is none: no circles. */
		if (!match_plain(c, str_of(alias->group), arena, &m))
			return false;
		m.how = MATCH_ALIAS;
	} else if (!match_plain(c, name, arena, &m)) {
		return false;
	}
	*match_r = m;
	return true;
}

const struct group *
catalog_find(const struct catalog *c, struct str name)
{
	const struct group *g = map_find(c->by_name, name);
	struct catalog_match m;

	if (g != NULL)
		return g;
	return catalog_match(c, name, NULL, &m) ? m.group : NULL;
}

const struct deployment *
catalog_find_id(const struct catalog *c, struct str id)
{
	const struct group *g = map_find(c->by_id, id);

	return g == NULL ? NULL : g->members[0];
}

/* The name without a provider's prefix, or all of it. */
static struct str
without_provider(struct str name)
{
	struct str rest = name, prefix = str_cut(&rest, '/');

	return rest.n > 0 && provider_find(prefix) != NULL ? rest : name;
}

const char *
catalog_upstream_model(const struct deployment *d,
    const struct catalog_match *match, struct arena *arena)
{
	struct wildcard_captures captures;
	struct str whole, prefix;

	if (!d->is_wildcard ||
	    !wildcard_match(d->config->model_name, match->name, &captures))
		return d->config->upstream_model;
	/* The whole name, where it must stand in: not with the prefix that
	   only says which provider it is. */
	whole = match->name;
	prefix = str_cut(&whole, '/');
	if (whole.n == 0 || !str_is(prefix, d->provider))
		whole = match->name;
	return wildcard_fill(d->config->upstream_model, &captures, whole,
	    arena);
}

const struct price *
catalog_price(const struct catalog *c, const struct deployment *d,
    const char *upstream_model, struct arena *arena)
{
	struct config_deployment named;
	struct price *p;

	if (!d->is_wildcard)
		return &d->price;
	named = *d->config;
	named.upstream_model = upstream_model;
	named.litellm_model =
	    arena_printf(arena, "%s/%s", d->provider, upstream_model);
	p = arena_alloc(arena, sizeof(*p));
	if (price_resolve(&named, c->tables, c->table_count, p, NULL) != 0)
		return &d->price;
	return p;
}

static const struct config_fallbacks *
fallback_list(const struct config_router *r, enum fallback_kind kind)
{
	switch (kind) {
	case FALLBACK_ANY:
		return &r->fallbacks;
	case FALLBACK_CONTEXT_WINDOW:
		return &r->context_window_fallbacks;
	case FALLBACK_CONTENT_POLICY:
		return &r->content_policy_fallbacks;
	case FALLBACK_KIND_COUNT:
		break;
	}
	return NULL;
}

static const struct config_strings *
find_fallbacks(const struct config_fallbacks *list, struct str from)
{
	for (size_t i = 0; i < list->count; i++) {
		if (str_is(from, list->items[i].from))
			return &list->items[i].to;
	}
	return NULL;
}

const struct config_strings *
catalog_fallbacks(const struct catalog *c, enum fallback_kind kind,
    const struct group *group, struct str name)
{
	const struct config_fallbacks *list =
	    fallback_list(&c->config->router, kind);
	const struct config_strings *to;
	struct str bare;

	if (list == NULL || list->count == 0)
		return NULL;
	if (group != NULL && str_is(name, group->name))
		return group->fallbacks[kind]; /* looked up when built */
	to = find_fallbacks(list, name);
	bare = without_provider(name);
	if (to == NULL && bare.n < name.n)
		to = find_fallbacks(list, bare);
	if (to != NULL)
		return to;
	return group != NULL ? group->fallbacks[kind]
			     : find_fallbacks(list, str_of("*"));
}

/* ---- "did you mean" ----------------------------------------------------- */

#define NEAREST_COUNT 3

struct nearest {
	size_t count;
	const char *names[NEAREST_COUNT]; /* nearest first */
	int distances[NEAREST_COUNT];
};

static void
offer(struct nearest *n, const char *name, const char *asked)
{
	const char *slash = strrchr(name, '/');
	int distance = str_distance(asked, name), limit;
	size_t at, len = strlen(asked);

	if (slash != NULL) {
		int bare = 1 + str_distance(asked, slash + 1);

		distance = bare < distance ? bare : distance;
	}
	limit = len < 6 ? 2 : (int)(len / 3);
	if (distance > limit)
		return;
	for (at = n->count; at > 0 && n->distances[at - 1] > distance; at--) {
		if (at == NEAREST_COUNT)
			continue;
		n->names[at] = n->names[at - 1];
		n->distances[at] = n->distances[at - 1];
	}
	if (at == NEAREST_COUNT)
		return;
	n->names[at] = name;
	n->distances[at] = distance;
	if (n->count < NEAREST_COUNT)
		n->count++;
}

void
catalog_nearest(const struct catalog *c, struct str name,
    char out[CATALOG_NEAREST_BYTES])
{
	const struct config_router *r = &c->config->router;
	struct nearest n = { 0 };
	char asked[64];
	size_t used = 0;

	out[0] = '\0';
	if (name.n == 0 || name.n >= sizeof(asked))
		return;
	memcpy(asked, name.p, name.n);
	asked[name.n] = '\0';
	for (size_t i = 0; i < c->group_count; i++)
		offer(&n, c->groups[i].name, asked);
	for (size_t i = 0; i < r->alias_count; i++) {
		if (!r->aliases[i].hidden)
			offer(&n, r->aliases[i].alias, asked);
	}
	for (size_t i = 0; i < n.count; i++) {
		int len = snprintf(out + used, CATALOG_NEAREST_BYTES - used,
		    "%s%s", i == 0 ? "" : ", ", n.names[i]);

		if (len < 0 || used + (size_t)len >= CATALOG_NEAREST_BYTES) {
			out[used] = '\0'; /* no half names */
			return;
		}
		used += (size_t)len;
	}
}
