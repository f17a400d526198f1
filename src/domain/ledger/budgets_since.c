/*
 * Since when a configured budget is there (struct cap, since): rows of META in
 * accounts/, so that a restart does not make it new. See budgets.h.
 *
 * Name: "cap " and 32 hex digits over its scope, name and window. Value:
 * seconds, as text.
 */
#include "base/clock.h"
#include "base/hash.h"
#include "base/num.h"
#include "domain/ledger/budgets_private.h"

#define PREFIX     "cap "
#define DIGITS     32
#define NAME_BYTES (sizeof(PREFIX) + DIGITS)

static void
row_name(const struct budgets *b, const struct budget *item,
    char name_r[NAME_BYTES])
{
	char hex[SHA256_HEX_BYTES];
	char *text = xasprintf("%s %s %s %s", scope_name(item->kind),
	    item->duration, b->timezone, item->match);

	hash_sha256_hex(str_of(text), hex);
	snprintf(name_r, NAME_BYTES, PREFIX "%.*s", DIGITS, hex);
	free(text);
}

/* 1 with when, 0 it is new, -1. */
static int
read_since(struct store_txn *t, const char *name, uint32_t *since_r)
{
	struct str text;
	int64_t secs = 0;
	int rc = store_get(t, STORE_META, str_of(name), &text);

	*since_r = 0;
	if (rc <= 0)
		return rc;
	if (num_int64(text, &secs) != 0 || secs < 0 || secs > UINT32_MAX)
		return 0;
	*since_r = (uint32_t)secs;
	return 1;
}

int
budgets_read_since(struct budgets *b, struct store_txn *t)
{
	char name[NAME_BYTES];

	for (size_t i = 0; i < b->count; i++) {
		row_name(b, &b->items[i], name);
		if (read_since(t, name, &b->items[i].cap.since) < 0)
			return -1;
	}
	return 0;
}

/* ---- noting ------------------------------------------------------------- */

static bool
is_configured(const struct budgets *b, struct str name)
{
	char have[NAME_BYTES];

	for (size_t i = 0; i < b->count; i++) {
		row_name(b, &b->items[i], have);
		if (str_is(name, have))
			return true;
	}
	return false;
}

/* Rows of budgets that are gone: how many there are, or were when `remove`. */
static int
count_gone(const struct budgets *b, struct store_txn *t, bool remove)
{
	struct store_cursor *c =
	    store_cursor_open(t, STORE_META, str_of(PREFIX));
	struct str key, value;
	int rc, count = 0;

	if (c == NULL)
		return -1;
	while ((rc = store_cursor_next(c, &key, &value)) == 1 &&
	       str_starts(key, PREFIX)) {
		if (is_configured(b, key))
			continue;
		if (remove && store_cursor_del(c) != 0) {
			rc = -1;
			break;
		}
		count++;
	}
	store_cursor_close(&c);
	return rc < 0 ? -1 : count;
}

/* Rows that are missing: how many there are, or were when `write`. */
static int
count_new(const struct budgets *b, struct store_txn *t, int64_t now_nsecs,
    bool write)
{
	char name[NAME_BYTES], text[NUM_TEXT_BYTES];
	int count = 0;

	num_format(now_nsecs / NSECS_PER_SEC, 0, text);
	for (size_t i = 0; i < b->count; i++) {
		uint32_t since;
		int rc;

		row_name(b, &b->items[i], name);
		rc = read_since(t, name, &since);
		if (rc == 0 && write)
			rc = store_put(t, STORE_META, str_of(name),
			    str_of(text));
		if (rc < 0)
			return -1;
		count += since == 0;
	}
	return count;
}

/* How many rows differ from what is configured; made right when `write`. */
static int
differences(const struct budgets *b, struct store_txn *t, int64_t now_nsecs,
    bool write, struct err *err)
{
	int gone = count_gone(b, t, write);
	int fresh = gone < 0 ? -1 : count_new(b, t, now_nsecs, write);

	if (fresh >= 0)
		return gone + fresh;
	if (!store_failed(t, err))
		err_set(err, ERR_STORE, "budgets cannot be read or written");
	return -1;
}

int
budgets_note(const struct budgets *b, struct store *s, int64_t now_nsecs,
    struct err *err)
{
	struct store_txn *t;
	int n;

	if (store_read(s, STORE_ACCOUNTS, &t, err) != 0)
		return -1;
	n = differences(b, t, now_nsecs, false, err);
	store_abort(&t);
	if (n <= 0)
		return n;
	if (store_write(s, STORE_ACCOUNTS, &t, err) != 0)
		return -1;
	if (differences(b, t, now_nsecs, true, err) >= 0)
		return store_commit(&t, err);
	store_abort(&t);
	return -1;
}
