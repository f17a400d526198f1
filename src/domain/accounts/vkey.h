/*
 * Virtual keys: made here, kept as their SHA-256 alone, shown once. The same
 * promises as registry.h.
 */
#ifndef DOMAIN_VKEY_H
#define DOMAIN_VKEY_H

#include "base/hash.h"
#include "domain/accounts/registry.h"

/* "sk-" and 24 characters of a set of 64: 144 random bits. */
#define VKEY_RANDOM_CHARS 24
#define VKEY_MAX_BYTES    200

/* What is shown once; wiped by vkey_secret_wipe. */
struct vkey_secret {
	char text[VKEY_MAX_BYTES + 1];
};
void vkey_secret_wipe(struct vkey_secret *s);

/* "sk-...wxyz", of a short key "sk-...". */
#define VKEY_NAME_BYTES 16
void vkey_name(struct str key, char out[VKEY_NAME_BYTES]);

/*
 * Which key is meant: the key itself ("sk-..."), its hash (64 hex digits) or
 * its alias. 0 with its row's id; ERR_NOT_HELD, without repeating a key.
 */
int vkey_find(struct store_txn *t, struct str text,
    unsigned char hash_r[SHA256_BYTES], struct err *err) MUST_CHECK;

/*
 * body: fields of a key, and `key` for an own value. Defaults fill what is
 * absent, bounds are kept (ERR_BAD_REQUEST). ERR_CONFLICT: alias or key are
 * taken. *secret_r is the caller's to show and wipe.
 */
int vkey_create(struct edit *e, const json_t *body,
    struct vkey_secret *secret_r, json_t **row_r) MUST_CHECK;
int vkey_update(struct edit *e, const char *verb,
    const unsigned char hash[SHA256_BYTES], const json_t *patch,
    json_t **row_r) MUST_CHECK;
/*
 * A key of another gateway, known by its SHA-256 alone: as vkey_create, but
 * without defaults and bounds, and with key_name and expires as they were.
 */
int vkey_adopt(struct edit *e, const unsigned char hash[SHA256_BYTES],
    const json_t *body, json_t **row_r) MUST_CHECK;
/* Another secret for the same row (body may change fields too, and name the
   new key); the old one is unknown from the commit on. What was spent stays
   with it: the new row carries it on. */
int vkey_regenerate(struct edit *e, const unsigned char hash[SHA256_BYTES],
    const json_t *body, int64_t spent_nanos, struct vkey_secret *secret_r,
    json_t **row_r) MUST_CHECK;
/* So much is to count as spent in the window under way, beside the ledger's
   figure; may be negative. */
int vkey_carry(struct edit *e, const unsigned char hash[SHA256_BYTES],
    int64_t nanos, json_t **row_r) MUST_CHECK;
int vkey_delete(struct edit *e, const unsigned char hash[SHA256_BYTES],
    json_t **row_r) MUST_CHECK;
/* All keys whose member has this value. */
int vkey_delete_of(struct edit *e, const char *member,
    struct str value) MUST_CHECK;

#endif
