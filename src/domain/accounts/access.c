/* What an account may ask for. See access.h. */
#include "domain/accounts/access.h"

#include "domain/routing/wildcard.h"

struct str
access_alias(const struct account *a, struct str model)
{
	for (size_t i = 0; i < a->alias_count; i++) {
		if (str_eq(a->aliases[i].name, model))
			return str_of(a->aliases[i].model);
	}
	return model;
}

/* ---- models ------------------------------------------------------------- */

/* A model as the lists may name it. */
struct asked {
	struct str name;           /* the client's */
	const struct group *group; /* NULL: nobody knows it */
};

static bool
is_in_access_group(const struct group *g, const char *name)
{
	for (size_t i = 0; g != NULL && i < g->count; i++) {
		const struct config_strings *groups =
		    &g->members[i]->config->access_groups;

		for (size_t k = 0; k < groups->count; k++) {
			if (strcmp(groups->items[k], name) == 0)
				return true;
		}
	}
	return false;
}

static bool
names_it(const char *entry, const struct asked *asked)
{
	struct wildcard_captures captures;
	const char *group = asked->group == NULL ? NULL : asked->group->name;

	if (strcmp(entry, "*") == 0 || strcmp(entry, "all-proxy-models") == 0 ||
	    str_is(asked->name, entry) ||
	    (group != NULL && strcmp(group, entry) == 0) ||
	    is_in_access_group(asked->group, entry))
		return true;
	return strchr(entry, '*') != NULL &&
	       wildcard_match(entry, asked->name, &captures);
}

/* No list: all. team: stands for all-team-models; NULL: not here. */
static bool
list_allows(const struct config_strings *list,
    const struct config_strings *team, const struct asked *asked)
{
	if (list->count == 0)
		return true;
	for (size_t i = 0; i < list->count; i++) {
		if (strcmp(list->items[i], "all-team-models") == 0) {
			if (team == NULL || list_allows(team, NULL, asked))
				return true;
		} else if (names_it(list->items[i], asked)) {
			return true;
		}
	}
	return false;
}

/* "a, b, c", cut where it gets long. */
static void
print_list(const struct config_strings *list, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < list->count && used + 8 < size; i++) {
		int n = snprintf(out + used, size - used, "%s%s",
		    i > 0 ? ", " : "", list->items[i]);

		used += n > 0 ? (size_t)n : 0;
	}
}

static int
refuse(enum err_code code, const char *who, const struct config_strings *list,
    struct str model, struct err *err)
{
	char names[400];

	print_list(list, names, sizeof(names));
	return err_set(err, code,
	    "%s not allowed to access model " STR_FMT "; it can access: %s",
	    who, model.n > 200 ? 200 : (int)model.n, model.p, names);
}

int
access_model(const struct account *a, const struct catalog *c, struct str model,
    struct err *err)
{
	struct asked asked = { .name = model };

	if (a->models.count == 0 && a->team_models.count == 0 &&
	    a->user_models.count == 0)
		return 0;
	asked.group = catalog_find(c, model);
	if (!list_allows(&a->models, &a->team_models, &asked))
		return refuse(ERR_KEY_MODEL, "key", &a->models, model, err);
	if (!list_allows(&a->team_models, NULL, &asked))
		return refuse(ERR_TEAM_MODEL, "team", &a->team_models, model,
		    err);
	if (!list_allows(&a->user_models, NULL, &asked))
		return refuse(ERR_USER_MODEL, "user", &a->user_models, model,
		    err);
	return 0;
}

/* ---- paths -------------------------------------------------------------- */

static struct str
without_version(struct str path)
{
	if (str_starts(path, "/v1/"))
		return str_make(path.p + 3, path.n - 3);
	return path;
}

static bool
route_matches(const char *entry, struct str path, bool is_llm,
    bool is_read_only)
{
	struct str e = str_of(entry);

	if (str_is(e, "llm_api_routes") || str_is(e, "openai_routes"))
		return is_llm;
	if (str_is(e, "management_routes"))
		return !is_llm;
	if (str_is(e, "info_routes"))
		return is_read_only;
	e = without_version(e);
	path = without_version(path);
	if (e.n > 0 && e.p[e.n - 1] == '*')
		return path.n >= e.n - 1 && memcmp(path.p, e.p, e.n - 1) == 0;
	return str_eq(e, path);
}

int
access_route(const struct account *a, struct str path, bool is_llm,
    bool is_read_only, struct err *err)
{
	if (a->routes.count == 0)
		return 0;
	for (size_t i = 0; i < a->routes.count; i++) {
		if (route_matches(a->routes.items[i], path, is_llm,
			is_read_only))
			return 0;
	}
	return err_set(err, ERR_FORBIDDEN,
	    "this key is not allowed to call " STR_FMT " (its allowed_routes)",
	    path.n > 200 ? 200 : (int)path.n, path.p);
}
