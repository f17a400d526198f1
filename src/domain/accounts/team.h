/*
 * A team's members: elements of its row's members_with_roles, {user_id, role}
 * with what is this member's own (max_budget_in_team, rpm_limit ...).
 * registry.h has the team itself. The same promises as there.
 */
#ifndef DOMAIN_TEAM_H
#define DOMAIN_TEAM_H

#include "domain/accounts/registry.h"

/* The element of this user, borrowed from the team's row; NULL none. */
json_t *team_member(const json_t *team, struct str user_id);
bool team_is_admin(const json_t *team, struct str user_id);
/* A member's own limits, else what the team gives each: as a row of its own,
   the caller's; with what the member spent elsewhere. */
json_t *team_member_row(const json_t *team, struct str user_id);
/* `spend` of a member's element counts as spent in the window under way, as
   registry_carry() has it; it is taken out of the element. */
void team_carry_members(const struct edit *e, json_t *team);
/* A row that is about to be written: members_with_roles is there, each member
   once and with a role. */
void team_settle_members(json_t *team);

/*
 * member: {user_id, role, ...} or a list of them; a body's other members that
 * are a member's own (max_budget_in_team) hold for all of them. Users that
 * have no row get one. ERR_CONFLICT when one is in the team already.
 */
int team_add_members(struct edit *e, struct str team_id, const json_t *body,
    json_t **team_r) MUST_CHECK;
/* The member named by body's user_id (or user_email): ERR_NOT_HELD when it is
   not in the team. */
int team_update_member(struct edit *e, struct str team_id, const json_t *body,
    json_t **team_r) MUST_CHECK;
int team_remove_member(struct edit *e, struct str team_id, const json_t *body,
    json_t **team_r) MUST_CHECK;
/* Takes a user out of every team. */
int team_forget_user(struct edit *e, struct str user_id) MUST_CHECK;

#endif
