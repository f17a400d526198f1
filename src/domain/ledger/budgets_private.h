/* Between budgets.c, budgets_hand.c and budgets_since.c. */
#ifndef DOMAIN_BUDGETS_PRIVATE_H
#define DOMAIN_BUDGETS_PRIVATE_H

#include "domain/ledger/budgets.h"

/* Since when the configured ones are there, from accounts/; 0 where nobody has
   noted it. -1: the transaction has failed. */
int budgets_read_since(struct budgets *b, struct store_txn *t) MUST_CHECK;

#endif
