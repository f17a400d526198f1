/*
 * What an account may ask for: models and paths. Lists of names, as LiteLLM
 * has them: a name, a pattern with stars, an access group of model_info,
 * all-proxy-models (or "*"), all-team-models, no-default-models.
 */
#ifndef DOMAIN_ACCESS_H
#define DOMAIN_ACCESS_H

#include "domain/accounts/accounts.h"
#include "domain/routing/catalog.h"

/* A model's name after the account's own aliases: borrowed from either. */
struct str access_alias(const struct account *a, struct str model);

/*
 * model: what the client asks for, after access_alias. 0; -1 ERR_KEY_MODEL,
 * ERR_TEAM_MODEL or ERR_USER_MODEL with what is allowed. A name that nobody
 * knows passes where everything is allowed; the router refuses it.
 */
int access_model(const struct account *a, const struct catalog *c,
    struct str model, struct err *err) MUST_CHECK;

/*
 * path: without the query, with or without /v1. is_llm: it is one of the LLM
 * APIs. -1 ERR_FORBIDDEN.
 */
int access_route(const struct account *a, struct str path, bool is_llm,
    bool is_read_only, struct err *err) MUST_CHECK;

#endif
