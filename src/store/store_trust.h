/*
 * Whether live/ can be trusted after what happened to the host. Private to
 * src/store.
 *
 * live/ is not synced on commit: the death of processes does it no harm, but
 * when the host goes down while it is in use, any page of it may be old or
 * torn, and nothing in it would show that. So a mark beside it (live/mark)
 * says in which boot of the host it is in use, or that its last user synced it
 * and left ("clean"). A mark of another boot: not to be trusted; it is built
 * anew (tallyctl recover, or a start of the gateway). No mark: a copy that was
 * synced (a snapshot), or a new one.
 *
 * Who the last user is, the kernel knows: each holds a lock on the folder's
 * open.lock while it has the store open.
 */
#ifndef STORE_STORE_TRUST_H
#define STORE_STORE_TRUST_H

#include "store/store_lmdb.h"

/* Takes the lock for the time of an opening or closing; -1 with *err. */
int store_trust_lock(struct store *s, const char *dir,
    struct err *err) MUST_CHECK;
void store_trust_unlock(struct store *s);
/* The same lock once more, for closing; false: failed. */
bool store_trust_relock(struct store *s);
/* 0, or -1: ERR_STORE_LOST when live/ is not to be trusted, ERR_STORE. */
int store_trust_check(const struct store *s, struct err *err) MUST_CHECK;
/* Marks live/ as in use in this boot, durably, and joins its users. */
int store_trust_enter(struct store *s, struct err *err) MUST_CHECK;
/* Leaves. The last user syncs, and marks it as clean. */
void store_trust_leave(struct store *s);

#endif
