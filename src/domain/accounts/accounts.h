/*
 * Who is calling: the presented key → account, with all that its key, team and
 * user allow. Accounts are read from accounts/ once and kept, by the SHA-256
 * of the key, as long as nothing there has changed (store_last_txn); so a
 * block, a deletion or another limit holds at the next request of every
 * process. docs/teams.md tells operators the same.
 *
 * Time tells nothing: the presented key is hashed before anything is looked
 * up, the master key is compared by its hash in constant time, and unknown
 * keys are kept like known ones.
 */
#ifndef DOMAIN_ACCOUNTS_H
#define DOMAIN_ACCOUNTS_H

#include "base/hash.h"
#include "config/config.h"
#include "domain/accounts/allowance.h"

/* An alias of a key or a team: a name that stands for a model. */
struct account_alias {
	struct str name;
	const char *model;
};

#define ACCOUNT_KEY_BYTES      72
#define ACCOUNT_MAX_TAGS       8
#define ACCOUNT_MAX_ALLOWANCES 4

struct account {
	unsigned refs;
	/* A key of a team is none of the three, whatever its user is. */
	bool is_admin;     /* master key, a proxy_admin's key, or nobody needs
			      one: may do all */
	bool is_viewer;    /* a proxy_admin_viewer's: may see all */
	bool is_internal;  /* an internal_user's: may manage own keys */
	bool is_unlimited; /* not from accounts/: no rows, no limits */
	char key[ACCOUNT_KEY_BYTES]; /* "master", "anonymous", or 64 hex digits
				      */
	struct str alias, team, team_alias, user;
	/* Names it may ask for; none: all. Of the team; of the user, when
	   there is no team. */
	struct config_strings models, team_models, user_models;
	size_t alias_count;
	const struct account_alias *aliases;
	struct config_strings routes; /* allowed_routes; none: all */
	size_t tag_count;
	struct str tags[ACCOUNT_MAX_TAGS]; /* added to its requests' */
	/* Key, team, member of the team, user: those there are. */
	size_t allowance_count;
	const struct allowance *allowances[ACCOUNT_MAX_ALLOWANCES];
	int64_t expires_nsecs; /* wall; 0 never */
	bool team_blocked, user_blocked;
	int64_t until_nsecs; /* wall: to be read again */
	struct arena arena;
};
/* One more owner; and one less. NULL is fine. */
struct account *account_ref(struct account *a);
void account_unref(struct account **a);

/* One that is in no store and may do all, under a name for traces: "master",
   "anonymous", a probe's. */
struct account *account_special(const char *name);
/* Whose requests were not let in: may do nothing. Borrowed; never freed. */
struct account *account_nobody(void);

/* What an end user's or a tag's row allows; shared like an account. */
struct purse {
	unsigned refs;
	struct arena arena;
	struct allowance allowance;
};
void purse_unref(struct purse **p);

struct accounts;

/*
 * config and store are borrowed. may_be_open: without a master key and without
 * any virtual key everybody is admin; else then nobody is anybody.
 */
int accounts_new(const struct config *config, struct store *store,
    bool may_be_open, struct accounts **a_r, struct err *err) MUST_CHECK;
void accounts_free(struct accounts **a);

/*
 * presented: the token without "Bearer ", empty when none came. 0 with an
 * account (account_unref it); -1 ERR_NO_KEY, ERR_BAD_KEY, ERR_BLOCKED_KEY
 * (key, team or user), ERR_EXPIRED_KEY, ERR_STORE. No message has a key in it.
 */
int accounts_authenticate(struct accounts *a, struct str presented,
    int64_t now_nsecs, struct account **account_r, struct err *err) MUST_CHECK;
/* The account of a key's hash, whether or not it would be let in: for those who
   look from outside. ERR_BAD_KEY. */
int accounts_find(struct accounts *a, const unsigned char hash[SHA256_BYTES],
    int64_t now_nsecs, struct account **account_r, struct err *err) MUST_CHECK;
/*
 * What is allowed to an end user or a tag (SCOPE_END_USER, SCOPE_TAG): 1 with a
 * purse (purse_unref it), 0 when nothing limits it, -1 ERR_STORE.
 */
int accounts_purse(struct accounts *a, enum scope_kind kind, struct str id,
    int64_t now_nsecs, struct purse **purse_r, struct err *err) MUST_CHECK;
/*
 * What marks something as this virtual key's for as long as the store lives:
 * 32 bytes that nobody else can know, from the host's own secret, which is made
 * when it is first asked for. -1 ERR_STORE.
 */
int accounts_seal(struct accounts *a, const struct account *of,
    unsigned char seal_r[SHA256_BYTES], struct err *err) MUST_CHECK;
/* True when there is neither a master key nor a virtual one. */
bool accounts_are_none(struct accounts *a);

/*
 * The token a request presents, wherever LiteLLM's users put it, without its
 * scheme; empty when there is none. header(arg, name) gives a header's value,
 * empty when it is absent; own: litellm_key_header_name, "" none.
 */
struct str account_presented(struct str (
				 *header)(const void *arg, const char *name),
    const void *arg, const char *own);

#endif
