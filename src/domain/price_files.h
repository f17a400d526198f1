/*
 * The price tables a configuration uses, in order: the shipped one
 * ($TALLYGATE_PRICES, else prices.json in the data directory), then those of
 * tallygate.prices; later ones win.
 */
#ifndef DOMAIN_PRICE_FILES_H
#define DOMAIN_PRICE_FILES_H

#include "domain/catalog.h"

#define PRICE_FILES_MAX 16

struct price_files {
	size_t count;
	struct price_table *tables[PRICE_FILES_MAX];
};

/*
 * Loads them. A missing shipped table is no error (every price may be the
 * operator's own); a named file that cannot be read is.
 */
int price_files_load(const struct config *c, struct price_files *f,
    struct err *err) MUST_CHECK;
void price_files_free(struct price_files *f);

/* price_files_load and catalog_build in one: the tables live in *f until the
   catalog is freed. */
int catalog_open(const struct config *c, struct price_files *f,
    struct catalog **catalog_r, struct err *err) MUST_CHECK;

#endif
