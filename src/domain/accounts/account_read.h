/*
 * A key's row, and those of its team, user and budgets → account. Private to
 * domain/accounts/accounts.c.
 */
#ifndef DOMAIN_ACCOUNT_READ_H
#define DOMAIN_ACCOUNT_READ_H

#include "base/hash.h"
#include "domain/accounts/accounts.h"

struct account_reading {
	struct store_txn *txn; /* of accounts/ */
	const struct window_zone *zone;
	int64_t now_nsecs;
};

/* 1 with an account of one owner, 0: no such key, -1 ERR_STORE. */
int account_read(const struct account_reading *r,
    const unsigned char hash[SHA256_BYTES], struct account **account_r,
    struct err *err) MUST_CHECK;
/* The same for an end user or a tag. budget_id: of those that name none. */
int purse_read(const struct account_reading *r, enum scope_kind kind,
    struct str id, const char *budget_id, struct purse **purse_r,
    struct err *err) MUST_CHECK;

#endif
