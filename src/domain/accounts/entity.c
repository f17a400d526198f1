/* Rows of accounts/. See entity.h. */
#include "domain/accounts/entity.h"

#include "base/clock.h"
#include "base/hash.h"

#define ENTITY_ROW(NAME, table, word, id) { STORE_##table, word, id },
static const struct {
	enum store_table table;
	const char *word, *id;
} kinds[] = { ENTITIES(ENTITY_ROW) };
#undef ENTITY_ROW

const char *
entity_word(enum entity_kind kind)
{
	return kind == ENTITY_MEMBER ? "member" : kinds[kind].word;
}

const char *
entity_id_name(enum entity_kind kind)
{
	return kind == ENTITY_MEMBER ? "user_id" : kinds[kind].id;
}

char *
entity_dump(const json_t *json)
{
	return json_dumps(json,
	    JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
}

/* What we say of any row: nobody else does. */
static const char *const given[] = { "created_at", "created_by", "updated_at",
	"updated_by", "budget_reset_at" };

static bool
is_skipped(const char *name, const char *const *skip)
{
	if (name[0] == '_')
		return true;
	for (size_t i = 0; i < ARRAY_LEN(given); i++) {
		if (strcmp(given[i], name) == 0)
			return true;
	}
	for (; skip != NULL && *skip != NULL; skip++) {
		if (strcmp(*skip, name) == 0)
			return true;
	}
	return false;
}

void
entity_merge(json_t *row, const json_t *patch, const char *const *skip)
{
	const char *name;
	json_t *value;

	json_object_foreach(jsonx_iterable(patch), name, value) {
		if (is_skipped(name, skip))
			continue;
		if (json_is_null(value))
			json_object_del(row, name);
		else
			json_object_set(row, name, value);
	}
}

void
entity_settle_money(enum entity_kind kind, json_t *row)
{
	const char *name;
	json_t *value;
	int64_t nanos;

	json_object_foreach(row, name, value) {
		const struct entity_field *f = entity_field(kind, str_of(name));

		if (f != NULL && f->type == FIELD_MONEY &&
		    json_is_string(value) && entity_money(value, &nanos) == 1)
			json_object_set_new(row, name, entity_usd(nanos));
	}
}

/* ---- rows --------------------------------------------------------------- */

static int
store_error(struct store_txn *t, struct err *err)
{
	if (!store_failed(t, err))
		err_set(err, ERR_STORE, "accounts cannot be read or written");
	return -1;
}

/* An id as people see it: a key's is binary. */
static void
print_id(enum entity_kind kind, struct str id, char *out, size_t size)
{
	char hex[SHA256_HEX_BYTES];

	if (kind == ENTITY_KEY && id.n == SHA256_BYTES) {
		hash_hex((const unsigned char *)id.p, id.n, hex);
		snprintf(out, size, "%s", hex);
	} else {
		snprintf(out, size, STR_FMT, STR_ARG(id));
	}
}

static int
read_row(enum entity_kind kind, struct str id, struct str bytes, json_t **row_r,
    struct err *err)
{
	char name[ENTITY_ID_BYTES + 1];

	*row_r = jsonx_parse(bytes, NULL);
	if (json_is_object(*row_r))
		return 1;
	json_decref(*row_r);
	*row_r = NULL;
	print_id(kind, id, name, sizeof(name));
	return err_set(err, ERR_STORE, "the row of %s %s is damaged",
	    entity_word(kind), name);
}

int
entity_get(struct store_txn *t, enum entity_kind kind, struct str id,
    json_t **row_r, struct err *err)
{
	struct str bytes;
	int rc;

	*row_r = NULL;
	if (id.n == 0 || id.n > ENTITY_ID_BYTES)
		return 0;
	rc = store_get(t, kinds[kind].table, id, &bytes);
	if (rc < 0)
		return store_error(t, err);
	return rc == 0 ? 0 : read_row(kind, id, bytes, row_r, err);
}

int
entity_need(struct store_txn *t, enum entity_kind kind, struct str id,
    json_t **row_r, struct err *err)
{
	char name[ENTITY_ID_BYTES + 1];
	int rc = entity_get(t, kind, id, row_r, err);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	print_id(kind, id, name, sizeof(name));
	return err_set(err, ERR_NOT_HELD, "there is no %s %s",
	    entity_word(kind), name);
}

int
entity_put(struct store_txn *t, enum entity_kind kind, struct str id,
    const json_t *row, struct err *err)
{
	char *text = entity_dump(row);
	int rc;

	if (text == NULL || strlen(text) > ENTITY_ROW_BYTES) {
		free(text);
		return err_set(err, ERR_BAD_FIELD,
		    "the %s is too large: at most %d bytes", entity_word(kind),
		    ENTITY_ROW_BYTES);
	}
	rc = store_put(t, kinds[kind].table, id, str_of(text));
	free(text);
	return rc == 0 ? 0 : store_error(t, err);
}

int
entity_del(struct store_txn *t, enum entity_kind kind, struct str id,
    struct err *err)
{
	return store_del(t, kinds[kind].table, id) == 0 ? 0
							: store_error(t, err);
}

int
entity_walk_after(struct store_txn *t, enum entity_kind kind, struct str id,
    struct entity_walk *w_r, struct err *err)
{
	char next[ENTITY_ID_BYTES + 1];
	size_t n = id.n < ENTITY_ID_BYTES ? id.n : ENTITY_ID_BYTES;

	/* The first id that could follow it. */
	memcpy(next, n > 0 ? id.p : "", n);
	next[n] = '\0';
	w_r->txn = t;
	w_r->kind = kind;
	w_r->cursor = store_cursor_open(t, kinds[kind].table,
	    str_make(next, n > 0 ? n + 1 : 0));
	return w_r->cursor != NULL ? 0 : store_error(t, err);
}

int
entity_walk(struct store_txn *t, enum entity_kind kind, struct entity_walk *w_r,
    struct err *err)
{
	return entity_walk_after(t, kind, str_make("", 0), w_r, err);
}

int
entity_next(struct entity_walk *w, struct str *id_r, json_t **row_r,
    struct err *err)
{
	struct str bytes;
	int rc = store_cursor_next(w->cursor, id_r, &bytes);

	*row_r = NULL;
	if (rc < 0)
		return store_error(w->txn, err);
	return rc == 0 ? 0 : read_row(w->kind, *id_r, bytes, row_r, err);
}

void
entity_end_walk(struct entity_walk *w)
{
	store_cursor_close(&w->cursor);
}

/* ---- members ------------------------------------------------------------ */

void
entity_set_text(json_t *row, const char *name, struct str text)
{
	if (text.n == 0)
		json_object_del(row, name);
	else
		json_object_set_new(row, name, json_stringn(text.p, text.n));
}

void
entity_set_time(json_t *row, const char *name, int64_t wall_nsecs)
{
	char text[CLOCK_RFC3339_BYTES];

	clock_rfc3339(wall_nsecs, text);
	json_object_set_new(row, name, json_string(text));
}

int
entity_time(const json_t *row, const char *name, int64_t *wall_nsecs_r)
{
	const json_t *v = json_object_get(row, name);

	if (v == NULL || json_is_null(v))
		return 0;
	return clock_parse(jsonx_str(row, name), 0, wall_nsecs_r) == 0 ? 1 : -1;
}
