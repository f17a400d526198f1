/*
 * Who is calling: the presented key → account. Virtual keys (store) come with
 * their own issue; the master key and the open mode live here from the start.
 */
#ifndef DOMAIN_ACCOUNTS_H
#define DOMAIN_ACCOUNTS_H

#include "config/config.h"
#include "store/store.h"

struct account {
	bool is_admin;         /* master key, or nobody needs one */
	char key[72];          /* "master", "anonymous", or 64 hex digits */
	struct str team, user; /* empty in this version */
};

/*
 * presented: the token without "Bearer ", empty when none came. 0 with
 * *account; -1 ERR_NO_KEY or ERR_BAD_KEY. Constant time in the key.
 */
int account_authenticate(const struct config *c, struct str presented,
    struct account *account_r, struct err *err) MUST_CHECK;

/*
 * The token a request presents, wherever LiteLLM's users put it, without its
 * scheme; empty when there is none. header(arg, name) gives a header's value,
 * empty when it is absent.
 */
struct str account_presented(struct str (
				 *header)(const void *arg, const char *name),
    const void *arg);

#endif
