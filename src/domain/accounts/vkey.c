/*
 * Virtual keys. See vkey.h. Two tables: KEYS (hash → row) and KEYALIASES
 * (alias → hash), changed together.
 */
#include "domain/accounts/vkey.h"

#include "base/num.h"

static int
store_error(struct store_txn *t, struct err *err)
{
	if (!store_failed(t, err))
		err_set(err, ERR_STORE, "keys cannot be read or written");
	return -1;
}

static struct str
hash_str(const unsigned char hash[SHA256_BYTES])
{
	return str_make((const char *)hash, SHA256_BYTES);
}

/* ---- secrets and names -------------------------------------------------- */

void
vkey_secret_wipe(struct vkey_secret *s)
{
	volatile char *p = s->text;

	for (size_t i = 0; i < sizeof(s->text); i++)
		p[i] = '\0';
}

static void
make_secret(struct vkey_secret *s)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned char bytes[VKEY_RANDOM_CHARS];

	random_bytes(bytes, sizeof(bytes));
	memcpy(s->text, "sk-", 3);
	for (size_t i = 0; i < sizeof(bytes); i++)
		s->text[3 + i] = digits[bytes[i] & 63];
	s->text[3 + sizeof(bytes)] = '\0';
}

void
vkey_name(struct str key, char out[VKEY_NAME_BYTES])
{
	/* Four characters of a short key would be much of it. */
	if (key.n < 16)
		snprintf(out, VKEY_NAME_BYTES, "sk-...");
	else
		snprintf(out, VKEY_NAME_BYTES, "sk-...%.4s", key.p + key.n - 4);
}

/* An own value: what fits in a header and is no alias and no hash. */
static int
take_own(struct edit *e, struct str own, struct vkey_secret *s)
{
	struct str master = str_of(e->rules->master_key);
	bool ok =
	    own.n > 3 && own.n <= VKEY_MAX_BYTES && str_starts(own, "sk-");

	for (size_t i = 0; ok && i < own.n; i++)
		ok = own.p[i] > ' ' && own.p[i] < 127;
	if (!ok)
		return err_set(&e->err, ERR_BAD_FIELD,
		    "key takes 4 to %d visible ASCII characters that begin "
		    "with sk-",
		    VKEY_MAX_BYTES);
	if (master.n > 0 && str_eq_secret(own, master))
		return err_set(&e->err, ERR_CONFLICT, "this key is taken");
	memcpy(s->text, own.p, own.n);
	s->text[own.n] = '\0';
	return 0;
}

/* ---- finding ------------------------------------------------------------ */

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
read_hash(struct str text, unsigned char hash_r[SHA256_BYTES])
{
	if (text.n != 2 * SHA256_BYTES)
		return false;
	for (size_t i = 0; i < SHA256_BYTES; i++) {
		int high = hex_digit(text.p[2 * i]);
		int low = hex_digit(text.p[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		hash_r[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

int
vkey_find(struct store_txn *t, struct str text,
    unsigned char hash_r[SHA256_BYTES], struct err *err)
{
	bool is_key = str_starts(text, "sk-");
	struct str found;
	int rc = 0;

	if (!is_key && text.n > 0 && text.n <= ENTITY_ID_BYTES)
		rc = store_get(t, STORE_KEYALIASES, text, &found);
	if (rc < 0)
		return store_error(t, err);
	if (rc == 1 && found.n == SHA256_BYTES)
		memcpy(hash_r, found.p, SHA256_BYTES);
	else if (is_key)
		hash_sha256(text, hash_r);
	else if (!read_hash(text, hash_r))
		return err_set(err, ERR_NOT_HELD,
		    "Key not found in database: no such key, hash or alias");
	rc = store_get(t, STORE_KEYS, hash_str(hash_r), &found);
	if (rc < 0)
		return store_error(t, err);
	return rc == 1 ? 0
		       : err_set(err, ERR_NOT_HELD,
			     "Key not found in database: no such key, hash or "
			     "alias");
}

/* ---- rules -------------------------------------------------------------- */

static bool
is_within(const char *name, const json_t *value, const json_t *bound)
{
	const struct entity_field *f = entity_field(ENTITY_KEY, str_of(name));
	int64_t v, most;

	switch (f == NULL ? FIELD_ANY : f->type) {
	case FIELD_MONEY:
	case FIELD_COUNT:
		return entity_money(value, &v) != 1 ||
		       entity_money(bound, &most) != 1 || v <= most;
	case FIELD_AGE:
	case FIELD_WINDOW:
		return num_duration(str_of(json_string_value(value)), NULL,
			   &v) != 0 ||
		       num_duration(str_of(json_string_value(bound)), NULL,
			   &most) != 0 ||
		       v <= most;
	default:
		return true;
	}
}

/* upperbound_key_generate_params: what is not given becomes the bound. */
static int
keep_bounds(struct edit *e, json_t *body)
{
	const char *name;
	json_t *bound;

	json_object_foreach(e->rules->key_bounds, name, bound) {
		const json_t *value = json_object_get(body, name);

		if (value == NULL || json_is_null(value)) {
			json_object_set(body, name, bound);
			continue;
		}
		if (is_within(name, value, bound))
			continue;
		e->param = name;
		return err_set(&e->err, ERR_BAD_REQUEST,
		    "%s is above the upper bound that litellm_settings."
		    "upperbound_key_generate_params allows",
		    name);
	}
	return 0;
}

/* key_type is LiteLLM's short form of allowed_routes. */
static int
take_key_type(struct edit *e, json_t *row)
{
	struct str type = jsonx_str(row, "key_type");
	const char *routes = NULL;

	if (type.n == 0 || str_is(type, "default"))
		return 0;
	if (str_is(type, "llm_api"))
		routes = "llm_api_routes";
	else if (str_is(type, "management"))
		routes = "management_routes";
	else if (str_is(type, "read_only"))
		routes = "info_routes";
	if (routes == NULL) {
		e->param = "key_type";
		return err_set(&e->err, ERR_BAD_FIELD,
		    "key_type takes llm_api, management, read_only or default");
	}
	if (json_object_get(row, "allowed_routes") == NULL)
		json_object_set_new(row, "allowed_routes",
		    json_pack("[s]", routes));
	return 0;
}

static const char *const not_kept[] = { "key", "duration", "spend", "token",
	"key_name", "expires", "new_key", "key_aliases", "keys", NULL };

/* A user need not have a row; his id is a name in the ledger all the same. */
static int
check_user_id(struct edit *e, const json_t *body)
{
	struct str user = jsonx_str(body, "user_id");

	if (user.n == 0 || entity_check_id(ENTITY_USER, user, &e->err) == 0)
		return 0;
	e->param = "user_id";
	return -1;
}

/* Puts a checked body into the row. */
static int
take_body(struct edit *e, json_t *row, const json_t *body)
{
	const json_t *duration = json_object_get(body, "duration");
	int64_t nsecs, nanos;

	if (check_user_id(e, body) != 0)
		return -1;
	entity_merge(row, body, not_kept);
	entity_settle_money(ENTITY_KEY, row);
	if (duration != NULL && json_is_null(duration))
		json_object_del(row, "expires");
	if (json_is_string(duration) &&
	    num_duration(str_of(json_string_value(duration)), NULL, &nsecs) ==
		0)
		entity_set_time(row, "expires", e->actor->now_nsecs + nsecs);
	if (entity_money(json_object_get(body, "spend"), &nanos) == 1)
		registry_carry(e, row, nanos);
	return take_key_type(e, row);
}

/* ---- rows and their aliases --------------------------------------------- */

/* The alias index follows the row: before and after may be NULL. */
static int
move_alias(struct edit *e, const unsigned char hash[SHA256_BYTES],
    const json_t *before, const json_t *after)
{
	struct str was = jsonx_str(before, "key_alias");
	struct str is = jsonx_str(after, "key_alias"), found;
	int rc;

	if (str_eq(was, is))
		return 0;
	if (was.n > 0 && store_del(e->txn, STORE_KEYALIASES, was) != 0)
		return store_error(e->txn, &e->err);
	if (is.n == 0)
		return 0;
	if (entity_check_id(ENTITY_KEY, is, NULL) != 0 ||
	    str_starts(is, "sk-") || is.n == 2 * SHA256_BYTES) {
		e->param = "key_alias";
		return err_set(&e->err, ERR_BAD_FIELD,
		    "key_alias takes 1 to %d bytes, without control "
		    "characters, that look like no key and no hash",
		    ENTITY_ID_BYTES);
	}
	rc = store_get(e->txn, STORE_KEYALIASES, is, &found);
	if (rc == 1) {
		e->param = "key_alias";
		return err_set(&e->err, ERR_CONFLICT,
		    "Key with alias '" STR_FMT "' already exists", STR_ARG(is));
	}
	if (rc < 0 ||
	    store_put(e->txn, STORE_KEYALIASES, is, hash_str(hash)) != 0)
		return store_error(e->txn, &e->err);
	return 0;
}

static int
write_key(struct edit *e, const char *verb,
    const unsigned char hash[SHA256_BYTES], const json_t *before,
    const json_t *after)
{
	struct change change = { .verb = verb,
		.kind = ENTITY_KEY,
		.id = hash_str(hash),
		.before = before,
		.after = after };

	if (move_alias(e, hash, before, after) != 0)
		return -1;
	if (after == NULL) {
		if (entity_del(e->txn, ENTITY_KEY, change.id, &e->err) != 0)
			return -1;
	} else if (registry_check_names(e, after) != 0 ||
		   entity_put(e->txn, ENTITY_KEY, change.id, after, &e->err) !=
		       0) {
		return -1;
	}
	return change_note(e->txn, e->actor, &change, &e->err);
}

static int
check_free(struct edit *e, const unsigned char hash[SHA256_BYTES])
{
	struct str found;
	int rc = store_get(e->txn, STORE_KEYS, hash_str(hash), &found);

	if (rc < 0)
		return store_error(e->txn, &e->err);
	return rc == 0 ? 0
		       : err_set(&e->err, ERR_CONFLICT, "this key is taken");
}

/* A secret (own or made) that nobody has yet, its hash, and its names in row.
 */
static int
give_secret(struct edit *e, struct str own, json_t *row, struct vkey_secret *s,
    unsigned char hash[SHA256_BYTES])
{
	char hex[SHA256_HEX_BYTES], name[VKEY_NAME_BYTES];

	if (own.n == 0)
		make_secret(s);
	else if (take_own(e, own, s) != 0)
		return -1;
	hash_sha256(str_of(s->text), hash);
	if (check_free(e, hash) != 0)
		return -1;
	hash_hex(hash, SHA256_BYTES, hex);
	vkey_name(str_of(s->text), name);
	json_object_set_new(row, "token", json_string(hex));
	json_object_set_new(row, "key_name", json_string(name));
	return 0;
}

/* ---- create, update, regenerate, delete --------------------------------- */

/* The row that was written for the caller; what failed is dropped. */
static int
give_row(int rc, json_t *row, json_t **row_r)
{
	*row_r = rc == 0 ? row : NULL;
	if (rc != 0)
		json_decref(row);
	return rc == 0 ? 0 : -1;
}

int
vkey_create(struct edit *e, const json_t *body, struct vkey_secret *secret_r,
    json_t **row_r)
{
	json_t *whole = json_copy(e->rules->key_defaults), *row = json_object();
	unsigned char hash[SHA256_BYTES];
	int rc = -1;

	json_object_update(whole, jsonx_iterable(body));
	*row_r = NULL;
	if (entity_check(ENTITY_KEY, body, &e->param, &e->err) == 0 &&
	    keep_bounds(e, whole) == 0 && take_body(e, row, whole) == 0 &&
	    give_secret(e, jsonx_str(body, "key"), row, secret_r, hash) == 0) {
		registry_stamp(row, NULL, e->actor);
		rc = write_key(e, "create", hash, NULL, row);
	}
	json_decref(whole);
	if (rc != 0)
		vkey_secret_wipe(secret_r);
	return give_row(rc, row, row_r);
}

int
vkey_adopt(struct edit *e, const unsigned char hash[SHA256_BYTES],
    const json_t *body, json_t **row_r)
{
	static const char *const kept[] = { "key_name", "expires" };
	json_t *row = json_object();
	char hex[SHA256_HEX_BYTES];
	int64_t end;
	int rc = -1;

	*row_r = NULL;
	hash_hex(hash, SHA256_BYTES, hex);
	if (entity_check(ENTITY_KEY, body, &e->param, &e->err) == 0 &&
	    check_free(e, hash) == 0 && take_body(e, row, body) == 0) {
		for (size_t i = 0; i < ARRAY_LEN(kept); i++)
			entity_set_text(row, kept[i], jsonx_str(body, kept[i]));
		json_object_set_new(row, "token", json_string(hex));
		registry_stamp(row, NULL, e->actor);
		rc = entity_time(row, "expires", &end) < 0
			 ? err_set(&e->err, ERR_BAD_FIELD,
			       "expires takes a moment, RFC 3339")
			 : write_key(e, "import", hash, NULL, row);
	}
	if (rc == 0)
		*row_r = row;
	else
		json_decref(row);
	return rc;
}

/* Bounds hold for what a patch sets, not for what it leaves; what it takes away
   becomes the bound. *whole_r is the caller's. */
static int
bound_patch(struct edit *e, const json_t *patch, json_t **whole_r)
{
	json_t *whole = json_copy(jsonx_iterable(patch));
	const char *name;
	json_t *bound;

	*whole_r = whole;
	if (entity_check(ENTITY_KEY, patch, &e->param, &e->err) != 0 ||
	    keep_bounds(e, whole) != 0)
		return -1;
	json_object_foreach(e->rules->key_bounds, name, bound) {
		if (json_object_get(patch, name) == NULL)
			json_object_del(whole, name);
	}
	return 0;
}

int
vkey_update(struct edit *e, const char *verb,
    const unsigned char hash[SHA256_BYTES], const json_t *patch, json_t **row_r)
{
	json_t *before, *row, *whole;
	int rc = -1;

	*row_r = NULL;
	if (bound_patch(e, patch, &whole) != 0 ||
	    entity_need(e->txn, ENTITY_KEY, hash_str(hash), &before, &e->err) !=
		0) {
		json_decref(whole);
		return -1;
	}
	row = json_copy(before);
	if (take_body(e, row, whole) == 0) {
		registry_stamp(row, before, e->actor);
		rc = write_key(e, verb, hash, before, row);
	}
	json_decref(whole);
	json_decref(before);
	return give_row(rc, row, row_r);
}

int
vkey_regenerate(struct edit *e, const unsigned char hash[SHA256_BYTES],
    const json_t *body, int64_t spent_nanos, struct vkey_secret *secret_r,
    json_t **row_r)
{
	unsigned char fresh[SHA256_BYTES];
	struct str own = jsonx_str(body, "new_key");
	json_t *before, *row, *whole;
	int rc = -1;

	*row_r = NULL;
	if (bound_patch(e, body, &whole) != 0 ||
	    entity_need(e->txn, ENTITY_KEY, hash_str(hash), &before, &e->err) !=
		0) {
		json_decref(whole);
		return -1;
	}
	row = json_copy(before);
	registry_carry(e, row, spent_nanos);
	if (take_body(e, row, whole) == 0 &&
	    give_secret(e, own, row, secret_r, fresh) == 0) {
		registry_stamp(row, before, e->actor);
		rc = write_key(e, "regenerate", hash, before, NULL);
		if (rc == 0)
			rc = write_key(e, "regenerate", fresh, NULL, row);
	}
	json_decref(whole);
	json_decref(before);
	if (rc != 0)
		vkey_secret_wipe(secret_r);
	return give_row(rc, row, row_r);
}

int
vkey_carry(struct edit *e, const unsigned char hash[SHA256_BYTES],
    int64_t nanos, json_t **row_r)
{
	json_t *before, *row;
	int rc;

	*row_r = NULL;
	if (entity_need(e->txn, ENTITY_KEY, hash_str(hash), &before, &e->err) !=
	    0)
		return -1;
	row = json_copy(before);
	registry_carry(e, row, nanos);
	registry_stamp(row, before, e->actor);
	rc = write_key(e, "reset_spend", hash, before, row);
	json_decref(before);
	return give_row(rc, row, row_r);
}

int
vkey_delete(struct edit *e, const unsigned char hash[SHA256_BYTES],
    json_t **row_r)
{
	if (entity_need(e->txn, ENTITY_KEY, hash_str(hash), row_r, &e->err) !=
	    0)
		return -1;
	if (write_key(e, "delete", hash, *row_r, NULL) == 0)
		return 0;
	json_decref(*row_r);
	*row_r = NULL;
	return -1;
}

/* Hashes (hex, an array of texts) of the keys with this member. */
static int
find_keys(struct edit *e, const char *member, struct str value,
    json_t **hashes_r)
{
	struct entity_walk w;
	struct str id;
	json_t *row;
	int rc;

	*hashes_r = json_array();
	if (entity_walk(e->txn, ENTITY_KEY, &w, &e->err) != 0)
		return -1;
	while ((rc = entity_next(&w, &id, &row, &e->err)) == 1) {
		if (str_eq(jsonx_str(row, member), value))
			json_array_append(*hashes_r,
			    json_object_get(row, "token"));
		json_decref(row);
	}
	entity_end_walk(&w);
	return rc;
}

int
vkey_delete_of(struct edit *e, const char *member, struct str value)
{
	unsigned char hash[SHA256_BYTES];
	json_t *hashes, *row;
	int rc = find_keys(e, member, value, &hashes);

	for (size_t i = 0; rc == 0 && i < json_array_size(hashes); i++) {
		const json_t *hex = json_array_get(hashes, i);

		if (!read_hash(str_of(json_string_value(hex)), hash))
			continue;
		rc = vkey_delete(e, hash, &row);
		json_decref(row);
	}
	json_decref(hashes);
	return rc;
}
