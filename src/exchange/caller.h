/*
 * Who asks, and whether he may: the key's account, its paths and models, what
 * the rows of the end user and of the tags allow (domain/accounts/accounts.h,
 * domain/accounts/access.h).
 */
#ifndef EXCHANGE_CALLER_H
#define EXCHANGE_CALLER_H

#include "exchange/exchange.h"

/* x->account from the key presented; a question of our own brings its name.
   -1 with what the client may read; "" when there is no more to say. */
int caller_identify(struct exchange *x, struct err *err) MUST_CHECK;
/*
 * The request is read, x->asked is set: the account's alias of the model is
 * put in its place, its tags are added, the purses are opened. -1 with the
 * parameter that was refused.
 */
int caller_check(struct exchange *x, const char **param_r,
    struct err *err) MUST_CHECK;

#endif
