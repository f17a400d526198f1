/*
 * Rows of accounts/ for people and programs: a table of many, all fields of
 * one, JSON of both. Spend comes from the ledger.
 */
#ifndef CTL_ENTITY_VIEW_H
#define CTL_ENTITY_VIEW_H

#include "ctl/ctl.h"
#include "domain/accounts/allowance.h"

struct entity_view {
	struct ctl *ctl;
	enum entity_kind kind;
	struct allowance_reader reader;
	struct err err;
};
/* Read transactions on both environments; -1 with v->err. */
int entity_view_open(struct entity_view *v, struct ctl *c,
    enum entity_kind kind) MUST_CHECK;
void entity_view_close(struct entity_view *v);

/* All rows, as a table or (--json) an array. -1 with v->err. */
int entity_view_list(struct entity_view *v) MUST_CHECK;
/* One row, every field. secret: shown with it, NULL none. */
int entity_view_one(struct entity_view *v, const json_t *row,
    const char *secret) MUST_CHECK;

#endif
