/* What people call a key, a team, a user, an end user: for reports, which have
   ids. */
#ifndef DOMAIN_ALIAS_H
#define DOMAIN_ALIAS_H

#include "domain/accounts/entity.h"

/*
 * The row of this id in accounts/; of a key by its hash (64 hex digits). NULL:
 * there is none, or it cannot be read. The caller's.
 */
json_t *alias_row(struct store_txn *t, enum entity_kind kind, struct str id);
/* The alias in such a row (NULL: no row), borrowed; "" none. */
struct str alias_in(enum entity_kind kind, const json_t *row);

#endif
