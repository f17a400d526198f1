/*
 * Keys that expire: AWS's roles and Entra's applications. Each process asks for
 * its own and keeps them in memory alone; deployments with the same login
 * share one. Nothing is asked before the first request needs it; what is about
 * to expire is renewed while it still serves, and nobody waits for it. Asking
 * never blocks the loop.
 *
 * Those who come while there are no keys wait: for their answer, or for their
 * own deadline. Behind a refusal nobody asks again for a while (1 s, doubling
 * to 60 s); who comes meanwhile hears of it at once.
 */
#ifndef EXCHANGE_LOGINS_H
#define EXCHANGE_LOGINS_H

#include "base/list.h"
#include "config/config.h"
#include "upstream/upstream.h"
#include "wire/login/login.h"

struct event_base;
struct logins;

/* One who waits. Lives with the caller, until on_ready or logins_forget(). */
struct login_waiter {
	struct list node; /* zeroed: never waited */
	void (*on_ready)(void *arg);
	void *arg;
};

/* NULL when no deployment needs one. Borrows all three. */
struct logins *logins_new(struct event_base *base, struct upstream *u,
    const struct config *config);
/* Nobody may wait. */
void logins_free(struct logins **l);
/*
 * 1: *keys_r, good until the loop's next turn; 0: w waits, and is called once
 * there is an answer of either kind; -1 and *err: there was none lately
 * (ERR_UPSTREAM_AUTH refused, ERR_UPSTREAM_CONNECT anything else).
 */
int logins_get(struct logins *l, const struct config_login *login,
    struct login_waiter *w, const struct login_keys **keys_r,
    struct err *err) MUST_CHECK;
/* The token given out last, to be masked in what comes back; NULL none. */
const char *logins_token(const struct logins *l,
    const struct config_login *login);
/* It waits no more; nothing when it did not. */
void logins_forget(struct login_waiter *w);

#endif
