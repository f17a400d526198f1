/*
 * The log of changes. See change.h. Key: number u64, from 1. The newest number
 * is kept in META under "changes".
 */
#include "domain/accounts/change.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/jsonw.h"
#include "base/num.h"
#include "store/key.h"

#define COUNTER "changes"

static int
store_error(struct store_txn *t, struct err *err)
{
	if (!store_failed(t, err))
		err_set(err, ERR_STORE, "the log of changes is damaged");
	return -1;
}

int
change_last(struct store_txn *t, uint64_t *number_r, struct err *err)
{
	struct str text;
	int64_t n;
	int rc = store_get(t, STORE_META, str_of(COUNTER), &text);

	*number_r = 0;
	if (rc == 0)
		return 0;
	if (rc < 0 || num_int64(text, &n) != 0 || n < 0)
		return store_error(t, err);
	*number_r = (uint64_t)n;
	return 0;
}

static void
number_key(struct key *k, uint64_t number)
{
	key_init(k);
	key_u64(k, number);
}

/* The members of `row` that are not the same in `other`. */
static void
write_differing(struct jsonw *w, const char *name, const json_t *row,
    const json_t *other)
{
	const char *member;
	json_t *value;

	jsonw_key(w, name);
	if (row == NULL) {
		jsonw_null(w);
		return;
	}
	jsonw_open(w, '{');
	json_object_foreach(jsonx_iterable(row), member, value) {
		char *text;

		if (json_equal(value, json_object_get(other, member)))
			continue;
		text = entity_dump(value);
		jsonw_key(w, member);
		jsonw_raw(w, str_of(text));
		free(text);
	}
	jsonw_close(w, '}');
}

static void
write_change(struct jsonw *w, const struct actor *actor, const struct change *c)
{
	const json_t *row = c->after != NULL ? c->after : c->before;
	char text[CLOCK_RFC3339_BYTES], hex[SHA256_HEX_BYTES];
	struct str alias = jsonx_str(row, "key_alias");

	clock_rfc3339(actor->now_nsecs, text);
	jsonw_open(w, '{');
	jsonw_key(w, "time");
	jsonw_cstr(w, text);
	jsonw_key(w, "who");
	jsonw_cstr(w, actor->who);
	if (actor->claim[0] != '\0') {
		jsonw_key(w, "for");
		jsonw_cstr(w, actor->claim);
	}
	jsonw_key(w, "verb");
	jsonw_cstr(w, c->verb);
	jsonw_key(w, "kind");
	jsonw_cstr(w, c->word != NULL ? c->word : entity_word(c->kind));
	jsonw_key(w, "id");
	if (c->word == NULL && c->kind == ENTITY_KEY &&
	    c->id.n == SHA256_BYTES) {
		hash_hex((const unsigned char *)c->id.p, c->id.n, hex);
		jsonw_cstr(w, hex);
	} else {
		jsonw_str(w, c->id);
	}
	if (alias.n == 0)
		alias = jsonx_str(row, "team_alias");
	if (alias.n > 0) {
		jsonw_key(w, "alias");
		jsonw_str(w, alias);
	}
	write_differing(w, "before", c->before, c->after);
	write_differing(w, "after", c->after, c->before);
	jsonw_close(w, '}');
}

int
change_note(struct store_txn *t, const struct actor *actor,
    const struct change *change, struct err *err)
{
	char text[NUM_TEXT_BYTES];
	uint64_t number;
	struct buf b;
	struct jsonw w;
	struct key k;
	int rc;

	if (change_last(t, &number, err) != 0)
		return -1;
	number++;
	buf_init(&b, 3 * ENTITY_ROW_BYTES);
	jsonw_init(&w, &b);
	write_change(&w, actor, change);
	number_key(&k, number);
	num_format_uint(number, text);
	rc = store_put(t, STORE_CHANGES, key_str(&k), buf_str(&b));
	if (rc == 0)
		rc = store_put(t, STORE_META, str_of(COUNTER), str_of(text));
	if (rc == 0 && number > CHANGES_KEPT) {
		number_key(&k, number - CHANGES_KEPT);
		rc = store_del(t, STORE_CHANGES, key_str(&k));
	}
	buf_fini(&b);
	return rc == 0 ? 0 : store_error(t, err);
}

int
change_walk(struct store_txn *t, uint64_t from, struct change_walk *w_r,
    struct err *err)
{
	struct key k;

	number_key(&k, from);
	w_r->txn = t;
	w_r->cursor = store_cursor_open(t, STORE_CHANGES, key_str(&k));
	return w_r->cursor != NULL ? 0 : store_error(t, err);
}

int
change_next(struct change_walk *w, uint64_t *number_r, struct str *json_r,
    struct err *err)
{
	struct str key;
	int rc = store_cursor_next(w->cursor, &key, json_r);

	if (rc < 0 || (rc == 1 && key_take_u64(&key, number_r) != 0))
		return store_error(w->txn, err);
	return rc;
}

void
change_end_walk(struct change_walk *w)
{
	store_cursor_close(&w->cursor);
}
