/*
 * The presented key → account, kept. See accounts.h.
 *
 * Two tables of what was found: keys that exist, by their hash, and those that
 * do not, in a small one of their own, so that guesses drive nobody out. What
 * is kept is good as long as accounts/ has not changed; then it is read again
 * when it is next asked for.
 */
#include "domain/accounts/accounts.h"

#include "base/map.h"
#include "domain/accounts/account_read.h"

#define FIRST_SLOTS   256
#define MAX_SLOTS     (256 * 1024) /* half of them are used at most */
#define UNKNOWN_SLOTS 1024
#define MAX_PURSES    16384

struct slot {
	unsigned char hash[SHA256_BYTES];
	uint64_t txn;            /* of accounts/, when it was read */
	struct account *account; /* NULL: free, or unknown */
};

struct accounts {
	const struct config *config;
	struct store *store;
	struct window_zone *zone;
	bool may_be_open, has_master;
	unsigned char master_hash[SHA256_BYTES];
	struct account *master, *anonymous;
	uint64_t keys_txn; /* when has_keys was looked at */
	bool has_keys;
	size_t slot_count, slots_used;
	struct slot *slots;
	struct slot unknown[UNKNOWN_SLOTS];
	/* kind and id → purse; a row that is not there is not kept. */
	uint64_t purse_txn;
	bool has_purses[2]; /* rows of customers, tags; as of purse_txn */
	struct map *purses;
	bool has_secret; /* see accounts_seal */
	unsigned char secret[SHA256_BYTES];
};

int
accounts_new(const struct config *config, struct store *store, bool may_be_open,
    struct accounts **a_r, struct err *err)
{
	struct accounts *a = xcalloc(1, sizeof(*a));

	if (config->timezone[0] != '\0' &&
	    window_zone_open(config->timezone, &a->zone, err) != 0) {
		free(a);
		return -1;
	}
	a->config = config;
	a->store = store;
	a->may_be_open = may_be_open;
	a->has_master = config->master_key[0] != '\0';
	if (a->has_master)
		hash_sha256(str_of(config->master_key), a->master_hash);
	a->master = account_special("master");
	a->anonymous = account_special("anonymous");
	a->keys_txn = a->purse_txn = UINT64_MAX;
	a->slot_count = FIRST_SLOTS;
	a->slots = xcalloc(a->slot_count, sizeof(*a->slots));
	a->purses = map_new();
	*a_r = a;
	return 0;
}

static void
drop_slots(struct accounts *a)
{
	for (size_t i = 0; i < a->slot_count; i++)
		account_unref(&a->slots[i].account);
	free(a->slots);
	a->slots = NULL;
}

static void
drop_purse(void *value)
{
	struct purse *purse = value;

	purse_unref(&purse);
}

void
accounts_free(struct accounts **ap)
{
	struct accounts *a = *ap;

	if (a == NULL)
		return;
	drop_slots(a);
	map_free_with(&a->purses, drop_purse);
	account_unref(&a->master);
	account_unref(&a->anonymous);
	window_zone_free(&a->zone);
	free(a);
	*ap = NULL;
}

/* ---- what is kept ------------------------------------------------------- */

/* A SHA-256 is as good a table hash as any. */
static uint64_t
mix_of(const unsigned char hash[SHA256_BYTES])
{
	uint64_t v;

	memcpy(&v, hash, sizeof(v));
	return v;
}

/* Where this hash is or would be. */
static struct slot *
find_slot(const struct accounts *a, const unsigned char hash[SHA256_BYTES])
{
	size_t i = mix_of(hash) & (a->slot_count - 1);

	while (a->slots[i].account != NULL &&
	       memcmp(a->slots[i].hash, hash, SHA256_BYTES) != 0)
		i = (i + 1) & (a->slot_count - 1);
	return &a->slots[i];
}

/* Room for one more: what is from before the last change goes first (it would
   be read again anyhow), so that keys that come and go leave nothing behind. */
static void
make_room(struct accounts *a, uint64_t txn)
{
	struct slot *old = a->slots;
	size_t count = a->slot_count, fresh = 0;

	for (size_t i = 0; i < count; i++)
		fresh += old[i].account != NULL && old[i].txn == txn;
	if (4 * fresh > count)
		a->slot_count *= 2;
	if (a->slot_count > MAX_SLOTS) {
		/* More keys than anybody has: begin again. */
		a->slot_count = MAX_SLOTS;
		txn = UINT64_MAX;
	}
	a->slots = xcalloc(a->slot_count, sizeof(*a->slots));
	a->slots_used = 0;
	for (size_t i = 0; i < count; i++) {
		if (old[i].account == NULL)
			continue;
		if (old[i].txn != txn) {
			account_unref(&old[i].account);
			continue;
		}
		*find_slot(a, old[i].hash) = old[i];
		a->slots_used++;
	}
	free(old);
}

static void
keep_account(struct accounts *a, const unsigned char hash[SHA256_BYTES],
    struct account *account, uint64_t txn)
{
	struct slot *slot = find_slot(a, hash);

	if (slot->account == NULL && 2 * (a->slots_used + 1) > a->slot_count) {
		make_room(a, txn);
		slot = find_slot(a, hash);
	}
	if (slot->account == NULL)
		a->slots_used++;
	account_unref(&slot->account);
	memcpy(slot->hash, hash, SHA256_BYTES);
	slot->account = account;
	slot->txn = txn;
}

/* A slot's account goes, its place stays findable: what stood behind it in the
   row of slots is put in again. */
static void
forget(struct accounts *a, const unsigned char hash[SHA256_BYTES])
{
	struct slot *slot = find_slot(a, hash);
	size_t i = (size_t)(slot - a->slots);

	if (slot->account == NULL)
		return;
	account_unref(&slot->account);
	a->slots_used--;
	for (;;) {
		struct slot moved;

		i = (i + 1) & (a->slot_count - 1);
		if (a->slots[i].account == NULL)
			return;
		moved = a->slots[i];
		a->slots[i].account = NULL;
		*find_slot(a, moved.hash) = moved;
	}
}

static struct slot *
unknown_slot(struct accounts *a, const unsigned char hash[SHA256_BYTES])
{
	return &a->unknown[mix_of(hash) & (UNKNOWN_SLOTS - 1)];
}

/* ---- reading ------------------------------------------------------------ */

/* 1 found and kept, 0 unknown (kept too), -1. */
static int
read_account(struct accounts *a, const unsigned char hash[SHA256_BYTES],
    int64_t now_nsecs, uint64_t txn, struct account **account_r,
    struct err *err)
{
	struct account_reading r = { .zone = a->zone, .now_nsecs = now_nsecs };
	struct slot *unknown = unknown_slot(a, hash);
	int rc;

	if (store_read(a->store, STORE_ACCOUNTS, &r.txn, err) != 0)
		return -1;
	rc = account_read(&r, hash, account_r, err);
	store_abort(&r.txn);
	if (rc == 1) {
		keep_account(a, hash, *account_r, txn);
	} else if (rc == 0) {
		forget(a, hash);
		memcpy(unknown->hash, hash, SHA256_BYTES);
		unknown->txn = txn;
	}
	return rc;
}

static int
find_account(struct accounts *a, const unsigned char hash[SHA256_BYTES],
    int64_t now_nsecs, struct account **account_r, struct err *err)
{
	/* Before the row is read: a change in between is seen next time. */
	uint64_t txn = store_last_txn(a->store, STORE_ACCOUNTS);
	const struct slot *slot = find_slot(a, hash);
	const struct slot *unknown = unknown_slot(a, hash);
	bool is_known = slot->account != NULL && slot->txn == txn &&
			now_nsecs < slot->account->until_nsecs;
	bool is_unknown = unknown->txn == txn &&
			  memcmp(unknown->hash, hash, SHA256_BYTES) == 0;

	if (is_known) {
		*account_r = slot->account;
		return 1;
	}
	if (is_unknown)
		return 0;
	return read_account(a, hash, now_nsecs, txn, account_r, err);
}

/* Whether a table has any row; true when that cannot be said. */
static bool
has_rows(struct accounts *a, enum store_table table)
{
	struct store_txn *t;
	struct store_cursor *c;
	struct str key, value;
	bool any;

	if (store_read(a->store, STORE_ACCOUNTS, &t, NULL) != 0)
		return true;
	c = store_cursor_open(t, table, str_make("", 0));
	any = c == NULL || store_cursor_next(c, &key, &value) != 0;
	store_cursor_close(&c);
	store_abort(&t);
	return any;
}

bool
accounts_are_none(struct accounts *a)
{
	uint64_t txn;

	if (a->has_master)
		return false;
	txn = store_last_txn(a->store, STORE_ACCOUNTS);
	if (a->keys_txn != txn) {
		a->has_keys = has_rows(a, STORE_KEYS);
		a->keys_txn = txn;
	}
	return !a->has_keys;
}

/* ---- the decision ------------------------------------------------------- */

static int
check_standing(const struct account *k, int64_t now_nsecs, struct err *err)
{
	if (k->allowances[0]->blocked)
		return err_set(err, ERR_BLOCKED_KEY,
		    "Update via `/key/unblock` or tallyctl key unblock");
	if (k->team_blocked)
		return err_set(err, ERR_BLOCKED_KEY,
		    "its team " STR_FMT " is blocked", STR_ARG(k->team));
	if (k->user_blocked)
		return err_set(err, ERR_BLOCKED_KEY,
		    "its user " STR_FMT " is blocked", STR_ARG(k->user));
	if (k->expires_nsecs > 0 && k->expires_nsecs <= now_nsecs)
		return err_set(err, ERR_EXPIRED_KEY, "the key has expired");
	return 0;
}

static bool
equal_in_constant_time(const unsigned char *a, const unsigned char *b)
{
	unsigned char differs = 0;

	for (size_t i = 0; i < SHA256_BYTES; i++)
		differs |= a[i] ^ b[i];
	return differs == 0;
}

int
accounts_authenticate(struct accounts *a, struct str presented,
    int64_t now_nsecs, struct account **account_r, struct err *err)
{
	unsigned char hash[SHA256_BYTES];
	struct account *found;
	int rc;

	*account_r = NULL;
	if (a->may_be_open && accounts_are_none(a)) {
		*account_r = account_ref(a->anonymous);
		return 0;
	}
	if (presented.n == 0)
		return err_set(err, ERR_NO_KEY, "no key was presented");
	hash_sha256(presented, hash);
	if (a->has_master && equal_in_constant_time(hash, a->master_hash)) {
		*account_r = account_ref(a->master);
		return 0;
	}
	rc = find_account(a, hash, now_nsecs, &found, err);
	if (rc < 0)
		return -1;
	if (rc == 0)
		return err_set(err, ERR_BAD_KEY,
		    "the key presented is not known here");
	if (check_standing(found, now_nsecs, err) != 0)
		return -1;
	*account_r = account_ref(found);
	return 0;
}

int
accounts_find(struct accounts *a, const unsigned char hash[SHA256_BYTES],
    int64_t now_nsecs, struct account **account_r, struct err *err)
{
	struct account *found;
	int rc = find_account(a, hash, now_nsecs, &found, err);

	*account_r = NULL;
	if (rc < 0)
		return -1;
	if (rc == 0)
		return err_set(err, ERR_BAD_KEY, "no such key");
	*account_r = account_ref(found);
	return 0;
}

struct str
account_presented(struct str (*header)(const void *arg, const char *name),
    const void *arg, const char *own)
{
	/* Best first. Source: LiteLLM accepts the same set (notes on LiteLLM,
	   section 3.1). */
	static const char *const names[] = { "authorization", "x-api-key",
		"api-key", "x-litellm-api-key", "x-goog-api-key",
		"ocp-apim-subscription-key" };

	for (size_t i = own[0] != '\0' ? 0 : 1; i <= ARRAY_LEN(names); i++) {
		struct str v =
		    str_trim(header(arg, i == 0 ? own : names[i - 1]));

		if (v.n == 0)
			continue;
		if (v.n > 7 && str_is_nocase(str_make(v.p, 7), "bearer "))
			v = str_trim(str_make(v.p + 7, v.n - 7));
		return v;
	}
	return str_make("", 0);
}

/* ---- seals -------------------------------------------------------------- */

#define SECRET_ROW "seal"

/* 1 read, 0 there is none yet, -1. */
static int
read_secret(struct accounts *a, struct store_txn *t, struct err *err)
{
	struct str bytes;
	int rc = store_get(t, STORE_META, str_of(SECRET_ROW), &bytes);

	if (rc == 1 && bytes.n == sizeof(a->secret)) {
		memcpy(a->secret, bytes.p, sizeof(a->secret));
		a->has_secret = true;
	} else if (rc != 0 && !store_failed(t, err)) {
		err_set(err, ERR_STORE, "the row of seals is damaged");
		return -1;
	}
	return rc;
}

/* Another worker may be making it: who comes second reads the first one's. */
static int
make_secret(struct accounts *a, struct err *err)
{
	unsigned char fresh[SHA256_BYTES];
	struct store_txn *t;
	int rc;

	if (store_write(a->store, STORE_ACCOUNTS, &t, err) != 0)
		return -1;
	rc = read_secret(a, t, err);
	if (rc == 0) {
		random_bytes(fresh, sizeof(fresh));
		rc = store_put(t, STORE_META, str_of(SECRET_ROW),
		    str_make((const char *)fresh, sizeof(fresh)));
		if (rc == 0)
			rc = read_secret(a, t, err);
		else
			store_failed(t, err);
	}
	if (rc == 1 && store_commit(&t, err) == 0)
		return 0;
	if (t != NULL)
		store_abort(&t);
	a->has_secret = false;
	return -1;
}

int
accounts_seal(struct accounts *a, const struct account *of,
    unsigned char seal_r[SHA256_BYTES], struct err *err)
{
	struct store_txn *t;
	int rc;

	if (!a->has_secret) {
		if (store_read(a->store, STORE_ACCOUNTS, &t, err) != 0)
			return -1;
		rc = read_secret(a, t, err);
		store_abort(&t);
		if (rc < 0 || (rc == 0 && make_secret(a, err) != 0))
			return -1;
	}
	hash_hmac(str_make((const char *)a->secret, sizeof(a->secret)),
	    str_of(of->key), seal_r);
	return 0;
}

/* ---- end users and tags ------------------------------------------------- */

/* What is kept goes when accounts/ has changed. */
static void
refresh_purses(struct accounts *a)
{
	uint64_t txn = store_last_txn(a->store, STORE_ACCOUNTS);

	if (a->purse_txn == txn && map_count(a->purses) < MAX_PURSES)
		return;
	map_free_with(&a->purses, drop_purse);
	a->purses = map_new();
	a->has_purses[0] = has_rows(a, STORE_CUSTOMERS) ||
			   a->config->end_user_budget_id[0] != '\0';
	a->has_purses[1] = has_rows(a, STORE_TAGS);
	a->purse_txn = txn;
}

int
accounts_purse(struct accounts *a, enum scope_kind kind, struct str id,
    int64_t now_nsecs, struct purse **purse_r, struct err *err)
{
	struct account_reading r = { .zone = a->zone, .now_nsecs = now_nsecs };
	bool is_tag = kind == SCOPE_TAG;
	struct purse *p;
	char *name;
	int rc = 0;

	*purse_r = NULL;
	if (id.n == 0 || id.n > ENTITY_ID_BYTES)
		return 0;
	refresh_purses(a);
	if (!a->has_purses[is_tag])
		return 0;
	name = xasprintf("%d " STR_FMT, is_tag, STR_ARG(id));
	p = map_find(a->purses, str_of(name));
	if (p == NULL || p->allowance.until_nsecs <= now_nsecs) {
		if (store_read(a->store, STORE_ACCOUNTS, &r.txn, err) != 0) {
			free(name);
			return -1;
		}
		rc = purse_read(&r, kind, id,
		    is_tag ? "" : a->config->end_user_budget_id, &p, err);
		store_abort(&r.txn);
		if (rc == 1) {
			struct purse *old = map_set(a->purses, str_of(name), p);

			purse_unref(&old);
		}
	}
	free(name);
	if (p == NULL)
		return rc;
	p->refs++;
	*purse_r = p;
	return 1;
}
