/*
 * The HTTP side of operations: model lists and health now, keys, teams and
 * spend with their own issue. One table of routes (admin_routes.c): method,
 * path, authority, function, help; docs/http-api.md is generated from it.
 */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include "config/config.h"
#include "domain/accounts.h"
#include "domain/catalog.h"
#include "http/http.h"
#include "store/store.h"

/* What the handlers may look at; all borrowed. */
struct exchange_env;

struct admin_env {
	const struct config *config;
	const struct catalog *catalog;
	struct store *store;
	struct exchange_env *exchanges; /* for probes */
	const bool *draining;
	int64_t started_wall_nsecs;
};

/* Who may call a route. */
enum admin_authority {
	AUTHORITY_PUBLIC, /* probes */
	AUTHORITY_KEY,    /* any valid key */
	AUTHORITY_ADMIN,  /* the master key */
};

struct admin_route {
	const char *method;
	const char *path; /* "/v1/models/" with a slash at its end: the
			     rest is the argument */
	enum admin_authority authority;
	void (*run)(const struct admin_env *env, struct http_call *call,
	    struct str argument);
	const char *help;
};

/*
 * The route of this path, or NULL. *allowed_r: the methods this path knows
 * ("GET"), for 405; NULL when the path is unknown. The argument is what stands
 * behind a path that ends in a slash.
 */
const struct admin_route *admin_find(struct str method, struct str path,
    struct str *argument_r, const char **allowed_r);
/* Checks the authority and runs the route; answers errors itself. */
void admin_run(const struct admin_env *env, const struct admin_route *route,
    struct http_call *call, struct str argument);
const struct admin_route *admin_routes(size_t *count_r);

/* Handlers, by file. */
void admin_models_list(const struct admin_env *env, struct http_call *call,
    struct str argument);
void admin_models_get(const struct admin_env *env, struct http_call *call,
    struct str argument);
void admin_model_info(const struct admin_env *env, struct http_call *call,
    struct str argument);
void admin_health(const struct admin_env *env, struct http_call *call,
    struct str argument);
void admin_liveness(const struct admin_env *env, struct http_call *call,
    struct str argument);
void admin_readiness(const struct admin_env *env, struct http_call *call,
    struct str argument);

/* An error of our list as a whole answer, in OpenAI's shape. */
void admin_error(struct http_call *call, enum err_code code,
    const char *detail);

#endif
