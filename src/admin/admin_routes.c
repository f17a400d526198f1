/* The table of routes and the check of authority. See admin.h. */
#include "admin/admin.h"

#include "base/jsonw.h"
#include "wire/apierror.h"

/* clang-format off */
static const struct admin_route routes[] = {
	{ "GET", "/v1/models",          AUTHORITY_KEY,    admin_models_list, "the models this key may ask for" },
	{ "GET", "/models",             AUTHORITY_KEY,    admin_models_list, "the same" },
	{ "GET", "/v1/models/",         AUTHORITY_KEY,    admin_models_get,  "one model" },
	{ "GET", "/models/",            AUTHORITY_KEY,    admin_models_get,  "the same" },
	{ "GET", "/model/info",         AUTHORITY_KEY,    admin_model_info,  "deployments, their prices and limits; no secrets" },
	{ "GET", "/v1/model/info",      AUTHORITY_KEY,    admin_model_info,  "the same" },
	{ "GET", "/health",             AUTHORITY_KEY,    admin_health,      "state of every deployment, from the shared store; ?probe=true asks each deployment first, ?model=NAME shows one group" },
	{ "GET", "/health/liveliness",  AUTHORITY_PUBLIC, admin_liveness,    "this worker answers" },
	{ "GET", "/health/liveness",    AUTHORITY_PUBLIC, admin_liveness,    "the same" },
	{ "GET", "/health/readiness",   AUTHORITY_PUBLIC, admin_readiness,   "this worker can serve: store readable, not draining" },
};
/* clang-format on */

const struct admin_route *
admin_routes(size_t *count_r)
{
	*count_r = ARRAY_LEN(routes);
	return routes;
}

static bool
path_matches(const char *pattern, struct str path, struct str *argument_r)
{
	size_t n = strlen(pattern);

	if (str_is(path, pattern)) {
		*argument_r = str_make("", 0);
		return pattern[n - 1] != '/';
	}
	if (pattern[n - 1] != '/' || path.n <= n || !str_starts(path, pattern))
		return false;
	*argument_r = str_make(path.p + n, path.n - n);
	return true;
}

const struct admin_route *
admin_find(struct str method, struct str path, struct str *argument_r,
    const char **allowed_r)
{
	*allowed_r = NULL;
	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		if (!path_matches(routes[i].path, path, argument_r))
			continue;
		*allowed_r = routes[i].method;
		if (str_is(method, routes[i].method) ||
		    (str_is(method, "HEAD") &&
			strcmp(routes[i].method, "GET") == 0))
			return &routes[i];
	}
	return NULL;
}

static struct str
header_of(const void *call, const char *name)
{
	return http_header(call, name);
}

void
admin_error(struct http_call *call, enum err_code code, const char *detail)
{
	struct arena arena;
	struct api_error e;
	struct buf body;

	arena_init(&arena, 1024);
	buf_init(&body, 16 * 1024);
	api_error_from(code, detail, NULL, &arena, &e);
	api_error_write(WIRE_CHAT, &e, NULL, &body);
	http_reply_take(call, e.status, "application/json", &body);
	buf_fini(&body);
	arena_fini(&arena);
}

void
admin_run(const struct admin_env *env, const struct admin_route *route,
    struct http_call *call, struct str argument)
{
	struct account account;
	struct err err;

	if (route->authority != AUTHORITY_PUBLIC) {
		if (account_authenticate(env->config,
			account_presented(header_of, call), &account,
			&err) != 0) {
			admin_error(call, err.code, NULL);
			return;
		}
		if (route->authority == AUTHORITY_ADMIN && !account.is_admin) {
			admin_error(call, ERR_FORBIDDEN, NULL);
			return;
		}
	}
	route->run(env, call, argument);
}
