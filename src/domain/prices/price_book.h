/*
 * The price book: every price that anything was charged by, under its version,
 * in the PRICES table of accounts/ (durable, kept for ever). With it and a
 * trace line's token kinds an audit works a charge out again, to the
 * nano-dollar, years later and without the price files of that day.
 *
 * A price is in the book before the first request that may be charged by it
 * goes out: a worker enters its catalog when it starts, and a wildcard's price
 * when a request first names that model. The book remembers what it has seen
 * in the table, so that the usual answer costs one look into a hash table.
 *
 * Borrows the store. Writing is one durable transaction on accounts/ (it waits
 * for the disk): never call it inside a transaction on live/.
 */
#ifndef DOMAIN_PRICE_BOOK_H
#define DOMAIN_PRICE_BOOK_H

#include "domain/routing/catalog.h"
#include "store/store.h"

struct price_book;

struct price_book *price_book_new(struct store *s);
void price_book_free(struct price_book **b);
/* Enters what is not in the table yet; an unknown price is nothing to enter.
   -1: ERR_STORE or ERR_STORE_FULL, and nothing was written. */
int price_book_add(struct price_book *b, const struct price *p,
    struct err *err) MUST_CHECK;
/* The same for all deployments, in one transaction. */
int price_book_add_catalog(struct price_book *b, const struct catalog *c,
    struct err *err) MUST_CHECK;
/*
 * The price of a version; t is a transaction on accounts/. 1 found, 0 not in
 * the book, -1 ERR_STORE: what stands there is not that version's price.
 */
int price_book_find(struct store_txn *t, struct str version, struct price *p_r,
    struct err *err) MUST_CHECK;

#endif
