/* Sums of roll-up rows by name, and within a name by another: what a report
   counts before it is written. */
#ifndef ADMIN_TALLY_H
#define ADMIN_TALLY_H

#include "domain/ledger/rollup.h"

struct map;

struct tally {
	struct map *items; /* name → struct tally_item; NULL: empty */
};

struct tally_item {
	struct rollup_row sums;
	struct tally inner;
};

/* The item of this name, made when it is new. */
struct tally_item *tally_at(struct tally *t, struct str name);
/* Adds to the name's sums; the item. */
struct tally_item *tally_add(struct tally *t, struct str name,
    const struct rollup_row *row);
/* Start with *cursor = 0; 1 with name and item, 0 at the end. In the order
   they were added. */
int tally_next(const struct tally *t, size_t *cursor, struct str *name_r,
    struct tally_item **item_r);
/* The items by cost, dearest first, on the heap; *count_r of them. */
struct tally_pair {
	struct str name; /* borrowed from the tally */
	struct tally_item *item;
};
struct tally_pair *tally_dearest(const struct tally *t, size_t *count_r);
void tally_fini(struct tally *t);

#endif
