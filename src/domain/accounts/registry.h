/*
 * The rules for changing what is in accounts/: what a new row gets, what must
 * exist, what goes with what. Keys have more of them (vkey.h), so have a
 * team's members (team.h). Every function writes its own row to the log of
 * changes; -1 has written nothing that the caller may commit.
 */
#ifndef DOMAIN_REGISTRY_H
#define DOMAIN_REGISTRY_H

#include "config/config.h"
#include "domain/accounts/change.h"
#include "domain/ledger/window.h"

/* What a configuration says about new rows: litellm_settings'
   default_key_generate_params and its like. Parsed once. */
struct registry_rules {
	json_t *key_defaults, *key_bounds; /* objects, never NULL */
	json_t *user_defaults, *team_defaults;
	const char *master_key; /* no virtual key may be the same; "" none */
	struct window_zone *zone;
};
/* ERR_CONFIG for parameters that no entity takes. */
int registry_rules_read(const struct config *c, struct registry_rules *r_r,
    struct err *err) MUST_CHECK;
void registry_rules_free(struct registry_rules *r);

/* One mutation under way, in the caller's transaction. */
struct edit {
	struct store_txn *txn; /* writing accounts/ */
	const struct actor *actor;
	const struct registry_rules *rules;
	/* Of a function that answered -1. */
	struct err err;
	const char *param; /* the member of the body that was refused, or NULL;
			      borrowed from the body */
};
void edit_init(struct edit *e, struct store_txn *t, const struct actor *actor,
    const struct registry_rules *rules);

/*
 * A new team, user, customer, budget or tag from a checked or unchecked body.
 * Without an id teams, users and budgets get one. ERR_BAD_FIELD, ERR_CONFLICT
 * (it exists), ERR_NOT_HELD (what it names does not).
 */
int registry_create(struct edit *e, enum entity_kind kind, const json_t *body,
    json_t **row_r) MUST_CHECK;
/* ERR_NOT_HELD when there is none. verb: "update", "block" ... */
int registry_update(struct edit *e, const char *verb, enum entity_kind kind,
    struct str id, const json_t *patch, json_t **row_r) MUST_CHECK;
/*
 * A team goes with its keys; a user with its keys and its places in teams. A
 * budget that somebody names stays: ERR_CONFLICT. *row_r: as it was.
 */
int registry_delete(struct edit *e, enum entity_kind kind, struct str id,
    json_t **row_r) MUST_CHECK;

/* ---- what vkey.c and team.c need too ---- */

/* created_*, updated_*; and since when its caps are what they are
   (_caps_since). before: NULL for a new row. */
void registry_stamp(json_t *row, const json_t *before,
    const struct actor *actor);
/* What the row names exists: team_id, budget_id. */
int registry_check_names(struct edit *e, const json_t *row) MUST_CHECK;
/*
 * `spend` of a body: so much counts as spent in the window under way (of
 * max_budget in row), on top of what the ledger says. As the row's _carried
 * and _carried_until; allowance.h reads them.
 */
void registry_carry(const struct edit *e, json_t *row, int64_t nanos);

#endif
