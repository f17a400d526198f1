/*
 * Budgets that an operator sets while it runs: rows of BUDGETS in accounts/,
 * taken by every process at its next look. See budgets.h.
 *
 * Key: scope kind u8, duration text, name. Value: JSON with max_budget (exact
 * decimal), match (the name in full), set (when), since (seconds: when it was
 * set first). A row that is not understood
 * fails the look: a cap is never dropped in silence.
 */
#include "base/clock.h"
#include "base/jsonw.h"
#include "base/jsonx.h"
#include "domain/ledger/budgets_private.h"
#include "store/key.h"

#define MAX_HAND_BUDGETS 10000
#define MAX_NAME_BYTES   1024
#define MAX_PERIOD_BYTES 32

static void
hand_key(struct key *k, enum scope_kind kind, struct str duration,
    struct str match)
{
	key_init(k);
	key_u8(k, (uint8_t)kind);
	key_text(k, duration);
	key_text_last(k, match);
}

/* ---- reading ------------------------------------------------------------ */

/* What the configured budget in whose place it stands does when it is used
   up. */
static void
inherit(const struct budgets *b, struct budget *hand)
{
	for (size_t i = 0; i < b->count; i++) {
		const struct budget *item = &b->items[i];

		if (item->kind != hand->kind ||
		    !budget_same_window(item, hand) ||
		    (item->match[0] != '\0' &&
			strcmp(item->match, hand->match) != 0))
			continue;
		hand->cap.policy = item->cap.policy;
		hand->cap.downgrade_to = item->cap.downgrade_to;
		if (item->match[0] != '\0')
			return;
	}
}

static int
read_row(struct budgets *b, struct str key, struct str value, struct budget *to,
    struct err *err)
{
	json_t *json = jsonx_parse(value, NULL);
	struct str duration;
	uint8_t kind;
	int rc = -1;

	memset(to, 0, sizeof(*to));
	if (json != NULL && key_take_u8(&key, &kind) == 0 &&
	    kind < SCOPE_COUNT && key_take_text(&key, &duration) == 0 &&
	    money_parse(jsonx_str(json, "max_budget"), &to->cap.cap_nanos) ==
		0 &&
	    window_parse(duration, b->zone, &to->cap.rule, NULL) == 0) {
		to->kind = to->cap.kind = (enum scope_kind)kind;
		to->match =
		    arena_str(&b->hand_arena, jsonx_str(json, "match")).p;
		to->duration = arena_str(&b->hand_arena, duration).p;
		to->cap.soft_nanos = budget_soft(to->cap.cap_nanos);
		to->cap.since = (uint32_t)json_integer_value(
		    json_object_get(json, "since"));
		to->by_hand = true;
		to->file = "";
		inherit(b, to);
		rc = 0;
	}
	json_decref(json);
	return rc == 0 ? 0
		       : err_set(err, ERR_STORE,
			     "budgets: a row is damaged; set it again with "
			     "tallyctl budget set");
}

static int
read_rows(struct budgets *b, struct store_txn *t, struct err *err)
{
	struct store_cursor *c =
	    store_cursor_open(t, STORE_BUDGETS, str_make("", 0));
	struct str key, value;
	size_t size = 0;
	int rc = c == NULL ? -1 : 1;

	while (rc == 1 && (rc = store_cursor_next(c, &key, &value)) == 1) {
		if (b->hand_count == MAX_HAND_BUDGETS)
			break;
		if (b->hand_count == size) {
			size = size == 0 ? 8 : 2 * size;
			b->hand_items = xrealloc(b->hand_items,
			    size * sizeof(*b->hand_items));
		}
		if (read_row(b, key, value, &b->hand_items[b->hand_count],
			err) != 0) {
			store_cursor_close(&c);
			return -1;
		}
		b->hand_count++;
	}
	store_cursor_close(&c);
	if (rc >= 0)
		return 0;
	if (!store_failed(t, err))
		err_set(err, ERR_STORE, "budgets cannot be read");
	return -1;
}

int
budgets_refresh(struct budgets *b, struct store *s, struct err *err)
{
	uint64_t txn = store_last_txn(s, STORE_ACCOUNTS);
	struct store_txn *t;
	int rc;

	if (txn == b->hand_txn)
		return 0;
	if (store_read(s, STORE_ACCOUNTS, &t, err) != 0)
		return -1;
	b->hand_count = 0;
	free(b->hand_items);
	b->hand_items = NULL;
	arena_reset(&b->hand_arena);
	rc = read_rows(b, t, err);
	if (rc == 0 && budgets_read_since(b, t) != 0) {
		store_failed(t, err);
		rc = -1;
	}
	store_abort(&t);
	/* Written after `txn` was asked for: seen at the next look. */
	b->hand_txn = rc == 0 ? txn : UINT64_MAX;
	return rc;
}

/* ---- writing ------------------------------------------------------------ */

static int
check_order(const struct budget_order *o, int64_t *nanos_r, struct err *err)
{
	struct window_rule rule;

	if (o->kind == SCOPE_GLOBAL && o->match.n > 0)
		return err_set(err, ERR_USAGE, "global takes no name");
	if (o->kind > SCOPE_TAG)
		return err_set(err, ERR_USAGE,
		    "%s: set it where it belongs: tallyctl key, team, user",
		    scope_name(o->kind));
	if (o->match.n > MAX_NAME_BYTES)
		return err_set(err, ERR_USAGE, "a name has at most %d bytes",
		    MAX_NAME_BYTES);
	if (o->duration.n > MAX_PERIOD_BYTES)
		return err_set(err, ERR_USAGE, "no such duration");
	if (window_parse(o->duration, NULL, &rule, err) != 0) {
		if (err != NULL)
			err->code = ERR_USAGE;
		return -1;
	}
	if (o->amount != NULL &&
	    (money_parse(str_of(o->amount), nanos_r) != 0 || *nanos_r < 0))
		return err_set(err, ERR_USAGE,
		    "'%.40s' is no amount in USD (12, 0.5)", o->amount);
	return 0;
}

/* One that was there counts on; a new one from now (and what was before in its
   window, ledger_before.c). */
static int64_t
since_of(struct store_txn *t, const struct key *k, const struct budget_order *o)
{
	int64_t secs = o->now_nsecs / NSECS_PER_SEC;
	struct str text;
	json_t *old;

	if (store_get(t, STORE_BUDGETS, key_str(k), &text) != 1)
		return secs;
	old = jsonx_parse(text, NULL);
	if (json_integer_value(json_object_get(old, "since")) > 0)
		secs = json_integer_value(json_object_get(old, "since"));
	json_decref(old);
	return secs;
}

int
budgets_set(struct store_txn *t, const struct budget_order *o, struct err *err)
{
	char when[CLOCK_RFC3339_BYTES];
	struct str old;
	struct jsonw w;
	struct buf b;
	struct key k;
	int64_t nanos = 0;
	int rc;

	if (check_order(o, &nanos, err) != 0)
		return -1;
	hand_key(&k, o->kind, o->duration, o->match);
	if (o->amount == NULL) {
		rc = store_get(t, STORE_BUDGETS, key_str(&k), &old);
		if (rc == 0)
			return err_set(err, ERR_NOT_HELD,
			    "no budget was set by hand there");
		if (rc == 1 && store_del(t, STORE_BUDGETS, key_str(&k)) == 0)
			return 0;
		store_failed(t, err);
		return -1;
	}
	clock_rfc3339(o->now_nsecs, when);
	buf_init(&b, 16 * 1024);
	jsonw_init(&w, &b);
	jsonw_open(&w, '{');
	jsonw_key(&w, "max_budget");
	jsonw_cstr(&w, o->amount);
	jsonw_key(&w, "match");
	jsonw_str(&w, o->match);
	jsonw_key(&w, "set");
	jsonw_cstr(&w, when);
	jsonw_key(&w, "since");
	jsonw_int(&w, since_of(t, &k, o));
	jsonw_close(&w, '}');
	rc = store_put(t, STORE_BUDGETS, key_str(&k), buf_str(&b));
	buf_fini(&b);
	if (rc != 0)
		store_failed(t, err);
	return rc;
}
