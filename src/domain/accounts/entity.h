/*
 * What an operator keeps in accounts/: keys, teams, users, end users
 * (customers), reusable budgets, tags. One row each, a JSON object with
 * LiteLLM's field names. One table of fields (entity_fields.c) says which
 * there are, of which type, and what they do here: admin API, tallyctl,
 * openapi.json and the documents are made from it.
 *
 * Fields that the table does not know are kept in the row and given back.
 * Money is an exact decimal in the row. Members whose names begin with '_'
 * are ours and leave in no answer.
 *
 * All functions run in the caller's transaction on accounts/.
 */
#ifndef DOMAIN_ENTITY_H
#define DOMAIN_ENTITY_H

#include "base/buf.h"
#include "base/jsonx.h"
#include "store/store.h"

/* X(NAME, table, "word", "member that is its id") */
/* clang-format off */
#define ENTITIES(X) \
X(KEY,      KEYS,      "key",      "token")     \
X(TEAM,     TEAMS,     "team",     "team_id")   \
X(USER,     USERS,     "user",     "user_id")   \
X(CUSTOMER, CUSTOMERS, "customer", "user_id")   \
X(BUDGET,   PLANS,     "budget",   "budget_id") \
X(TAG,      TAGS,      "tag",      "name")
/* clang-format on */
#define ENTITY_ENUM(NAME, table, word, id) ENTITY_##NAME,
enum entity_kind {
	ENTITIES(ENTITY_ENUM) ENTITY_COUNT,
	/* Has no row of its own: an element of members_with_roles. */
	ENTITY_MEMBER = ENTITY_COUNT,
};
#undef ENTITY_ENUM
const char *entity_word(enum entity_kind kind);    /* "key" */
const char *entity_id_name(enum entity_kind kind); /* "token" */

#define ENTITY_ID_BYTES  200
#define ENTITY_ROW_BYTES (256 * 1024)

/* X(NAME, "JSON schema type", "what is taken") */
/* clang-format off */
#define FIELD_TYPES(X) \
X(TEXT,    "string",  "text") \
X(MONEY,   "number",  "an amount in USD, not negative, at most 9 decimals") \
X(COUNT,   "integer", "a whole number, not negative") \
X(BOOL,    "boolean", "true or false") \
X(NAMES,   "array",   "a list of texts") \
X(OBJECT,  "object",  "an object") \
X(ANY,     "",        "anything") \
X(WINDOW,  "string",  "a window: 1h, 1d, 7d, 30d, 1mo") \
X(AGE,     "string",  "a time from now: 30s, 12h, 30d") \
X(TIME,    "string",  "a moment, RFC 3339") \
X(WINDOWS, "array",   "a list of {budget_duration, max_budget}, at most 4") \
X(MODEL_MONEY, "object", "{model: {budget_limit, time_period}} or {model: USD}") \
X(MODEL_COUNT, "object", "{model: a whole number}") \
X(ALIASES, "object",  "{name: model}") \
X(POLICY,  "string",  "clamp, refuse or downgrade:GROUP") \
X(ROLE,    "string",  "proxy_admin, proxy_admin_viewer, internal_user, internal_user_viewer, team, customer") \
X(MEMBERS, "array",   "a list of {user_id, role}")
/* clang-format on */
#define FIELD_TYPE_ENUM(NAME, json, text) FIELD_##NAME,
enum field_type {
	FIELD_TYPES(FIELD_TYPE_ENUM) FIELD_TYPE_COUNT
};
#undef FIELD_TYPE_ENUM
const char *field_type_json(enum field_type type);
const char *field_type_text(enum field_type type);

enum field_effect {
	FIELD_USED,  /* acted on */
	FIELD_KEPT,  /* kept and given back, no effect here */
	FIELD_GIVEN, /* an answer's; taken from no request */
};

struct entity_field {
	const char *name;
	enum field_type type;
	unsigned kinds; /* 1 << enum entity_kind, of those that have it */
	enum field_effect effect;
	const char *help; /* KEPT: why not, or what does it instead; "" */
};
const struct entity_field *entity_fields(size_t *count_r);
/* NULL: unknown there. */
const struct entity_field *entity_field(enum entity_kind kind, struct str name);

#define ENTITY_MAX_WINDOWS 4  /* budget_limits of one entity */
#define ENTITY_MAX_MODELS  64 /* entries of a map by model */
#define ENTITY_MAX_NAMES   1000

/*
 * Checks the members of a body that the table knows (null: always fine). -1:
 * ERR_BAD_FIELD with what is taken, *param_r (or NULL) the member's name,
 * borrowed from the body.
 */
int entity_check(enum entity_kind kind, const json_t *body,
    const char **param_r, struct err *err) MUST_CHECK;
/*
 * What a body asks for and does not get, as texts for whoever sent it: fields
 * that are only kept, and names that nobody knows. more: further names that are
 * known there ("key:string new_key:string"). NULL: all has its effect.
 */
json_t *entity_warnings(enum entity_kind kind, const json_t *body,
    const char *more);
/* An id that may become a row's key: 1..200 bytes of UTF-8 without control
   characters. ERR_BAD_FIELD. */
int entity_check_id(enum entity_kind kind, struct str id,
    struct err *err) MUST_CHECK;
/* A value of MONEY as nano-dollars: 1 (0: NULL or null), -1 no amount. */
int entity_money(const json_t *value, int64_t *nanos_r) MUST_CHECK;
/* nanos as a JSON number that entity_money reads back exactly. */
json_t *entity_usd(int64_t nanos);

/*
 * *row takes the patch's members: null removes one, members that begin with
 * '_' are left out, so are who made it and when (created_by ...) and those
 * named in `skip` (NULL-terminated).
 */
void entity_merge(json_t *row, const json_t *patch, const char *const *skip);

/* Amounts that were given as texts become numbers. */
void entity_settle_money(enum entity_kind kind, json_t *row);

/* 1 with *row_r (the caller's), 0 there is none, -1 failed. The id of a key is
   its SHA-256, 32 bytes. */
int entity_get(struct store_txn *t, enum entity_kind kind, struct str id,
    json_t **row_r, struct err *err) MUST_CHECK;
/* As entity_get; none: ERR_NOT_HELD with kind and id. 0 or -1. */
int entity_need(struct store_txn *t, enum entity_kind kind, struct str id,
    json_t **row_r, struct err *err) MUST_CHECK;
int entity_put(struct store_txn *t, enum entity_kind kind, struct str id,
    const json_t *row, struct err *err) MUST_CHECK;
int entity_del(struct store_txn *t, enum entity_kind kind, struct str id,
    struct err *err) MUST_CHECK;

/* All rows of a kind in the order of their ids. 1 with id (borrowed until the
   next write) and *row_r (the caller's), 0 end, -1 failed. */
struct entity_walk {
	struct store_txn *txn;
	struct store_cursor *cursor;
	enum entity_kind kind;
};
int entity_walk(struct store_txn *t, enum entity_kind kind,
    struct entity_walk *w_r, struct err *err) MUST_CHECK;
int entity_next(struct entity_walk *w, struct str *id_r, json_t **row_r,
    struct err *err) MUST_CHECK;
void entity_end_walk(struct entity_walk *w);

/* Numbers as they were written, up to 15 digits; the caller frees it. */
char *entity_dump(const json_t *json);
/* Sets a text; "" removes it. */
void entity_set_text(json_t *row, const char *name, struct str text);
void entity_set_time(json_t *row, const char *name, int64_t wall_nsecs);
/* A member of TIME: 1, 0 none, -1 not understood. */
int entity_time(const json_t *row, const char *name,
    int64_t *wall_nsecs_r) MUST_CHECK;

#endif
