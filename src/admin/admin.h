/*
 * The HTTP side of operations: model lists, health, keys, teams, users,
 * budgets, spend. One table of routes (admin_routes.c): method, path,
 * authority, function, help, fields; docs/http-api.md and /openapi.json are
 * made from it. Paths, fields and statuses are LiteLLM's.
 *
 * Handlers come in four kinds: `run` answers by itself, `read` gives JSON from
 * read transactions, `begin` makes a job that answers over several turns of the
 * loop (admin_job.h), `edit` changes accounts/ in one write transaction that is
 * committed (on the disk) before the client hears of it.
 */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include "config/config.h"
#include "domain/accounts/accounts.h"
#include "domain/accounts/registry.h"
#include "domain/routing/catalog.h"
#include "http/http.h"
#include "store/store.h"

struct admin_job;
struct exchange_env;

/* What the handlers may look at; all borrowed. */
struct admin_env {
	const struct config *config;
	const struct catalog *catalog;
	struct accounts *accounts;
	struct budgets *budgets;
	const struct registry_rules *rules;
	struct store *store;
	struct exchange_env *exchanges; /* for probes */
	const bool *draining;
	int64_t started_wall_nsecs;
	const char *trace_path;
};

/* X(NAME, "who may", "for openapi.json") */
/* clang-format off */
#define AUTHORITIES(X) \
X(PUBLIC, "anybody") \
X(KEY,    "any key") \
X(OWN,    "any key, for its own; the administrator and viewers, for all") \
X(MANAGE, "administrator; a team's admin for the team, an internal_user for own keys") \
X(VIEW,   "administrator or viewer") \
X(ADMIN,  "administrator")
/* clang-format on */
#define AUTHORITY_ENUM(NAME, text) AUTHORITY_##NAME,
enum admin_authority {
	AUTHORITIES(AUTHORITY_ENUM) AUTHORITY_COUNT
};
#undef AUTHORITY_ENUM
const char *admin_authority_text(enum admin_authority authority);

/* One call of a `read` or `edit` handler. */
struct admin_call {
	const struct admin_env *env;
	struct http_call *http;
	struct str argument; /* of the path's {braces} */
	struct account *account;
	int64_t now_nsecs;     /* wall */
	json_t *body;          /* an object; empty without a body */
	struct store_txn *txn; /* on accounts/: writing for `edit` */
	struct store_txn *live;
	struct edit edit;
	/* Of a handler that answered -1. edit handlers may leave it to
	   edit.err. */
	struct err err;
	const char *param;
};

/* What a call of this route may say: for openapi.json. */
struct admin_fields {
	bool has_kind; /* the fields of an entity */
	enum entity_kind kind;
	/* Further ones, "name:type name:type"; in the query of a GET, in the
	   body of others. */
	const char *more;
};

struct admin_route {
	const char *method;
	const char *path; /* {name} stands for what is there: at the end for
			     all the rest, else up to the next slash */
	enum admin_authority authority;
	void (*run)(const struct admin_env *env, struct http_call *call,
	    const struct account *account, struct str argument);
	/* 0, or -1 with a->err. What *answer_r (NULL before) then holds is the
	   caller's in both cases. */
	int (*read)(struct admin_call *a, json_t **answer_r);
	int (*begin)(struct admin_call *a, struct admin_job **job_r);
	int (*edit)(struct admin_call *a, json_t **answer_r);
	struct admin_fields fields;
	const char *help;
};

/*
 * The route of this path, or NULL. *allowed_r: a method this path knows
 * ("GET"), for 405; NULL when the path is unknown. The argument is what stands
 * in place of {braces}.
 */
const struct admin_route *admin_find(struct str method, struct str path,
    struct str *argument_r, const char **allowed_r);
/* Checks the authority and runs the route; answers errors itself. */
void admin_run(const struct admin_env *env, const struct admin_route *route,
    struct http_call *call, struct str argument);
const struct admin_route *admin_routes(size_t *count_r);

/* An error of our list as a whole answer, in OpenAI's shape. */
void admin_error(struct http_call *call, enum err_code code,
    const char *detail);
/* With the field (NULL: none) that is meant. */
void admin_refuse(struct http_call *call, enum err_code code,
    const char *detail, const char *param);
/* As JSON: 200. Takes the answer over. */
void admin_answer(struct http_call *call, json_t *answer);

/* ---- handlers that answer by themselves, by file ---- */

#define ADMIN_RUN(name)                                                        \
	void name(const struct admin_env *env, struct http_call *call,         \
	    const struct account *account, struct str argument)
ADMIN_RUN(admin_models_list);
ADMIN_RUN(admin_models_get);
ADMIN_RUN(admin_model_info);
ADMIN_RUN(admin_health);
ADMIN_RUN(admin_liveness);
ADMIN_RUN(admin_metrics);
ADMIN_RUN(admin_readiness);
ADMIN_RUN(admin_openapi);

#endif
