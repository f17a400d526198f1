/* Alerts, written where they become true. See alert.h. */
#include "domain/ledger/alert.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/jsonw.h"
#include "store/key.h"

#define ALERT_BYTES 4096

#define ALERT_WORD(NAME, word, bit) word,
static const char *const words[ALERT_COUNT] = { ALERTS(ALERT_WORD) };
#undef ALERT_WORD
#define ALERT_BIT(NAME, word, bit) bit,
static const uint8_t bits[ALERT_COUNT] = { ALERTS(ALERT_BIT) };
#undef ALERT_BIT

const char *
alert_name(enum alert a)
{
	return words[a];
}

int
alert_parse(struct str word, enum alert *alert_r)
{
	for (int i = 0; i < ALERT_COUNT; i++) {
		if (str_is(word, words[i])) {
			*alert_r = (enum alert)i;
			return 0;
		}
	}
	return -1;
}

/* ---- the row ------------------------------------------------------------ */

struct draft {
	struct buf text;
	struct jsonw w;
	struct key key;
};

static void
draft_time(struct draft *d, const char *key, int64_t nsecs)
{
	char when[CLOCK_RFC3339_BYTES];

	jsonw_key(&d->w, key);
	if (nsecs == 0) {
		jsonw_null(&d->w);
		return;
	}
	clock_rfc3339(nsecs, when);
	jsonw_cstr(&d->w, when);
}

static void
draft_begin(struct draft *d, enum alert a, int64_t now_nsecs)
{
	uint64_t random = random_u64();
	char id[2 * sizeof(random) + 1];

	hash_hex((const unsigned char *)&random, sizeof(random), id);
	key_init(&d->key);
	key_u64(&d->key, (uint64_t)now_nsecs);
	key_u64(&d->key, random);
	buf_init(&d->text, ALERT_BYTES);
	jsonw_init(&d->w, &d->text);
	jsonw_open(&d->w, '{');
	jsonw_key(&d->w, "event");
	jsonw_cstr(&d->w, words[a]);
	jsonw_key(&d->w, "id");
	jsonw_cstr(&d->w, id);
	draft_time(d, "time", now_nsecs);
}

static int
draft_put(struct draft *d, struct store_txn *t, struct err *err)
{
	int rc;

	jsonw_close(&d->w, '}');
	rc = store_put(t, STORE_ALERTS, key_str(&d->key), buf_str(&d->text));
	buf_fini(&d->text);
	if (rc != 0 && !store_failed(t, err))
		err_set(err, ERR_STORE, "alerts");
	return rc == 0 ? 0 : -1;
}

static void
draft_usd(struct draft *d, const char *key, int64_t nanos)
{
	jsonw_key(&d->w, key);
	jsonw_decimal(&d->w, nanos, 9);
}

static void
draft_scope(struct draft *d, const struct hold_scope *scope)
{
	jsonw_key(&d->w, "scope");
	jsonw_cstr(&d->w, scope_name((enum scope_kind)scope->kind));
	jsonw_key(&d->w, "name");
	if (scope->id.n == 0)
		jsonw_null(&d->w);
	else
		jsonw_str(&d->w, scope->id);
	draft_time(d, "window_start",
	    (int64_t)scope->window_start * NSECS_PER_SEC);
	draft_time(d, "resets_at", (int64_t)scope->window_end * NSECS_PER_SEC);
}

/* ---- budgets ------------------------------------------------------------ */

/* As the operator counts: with what was spent elsewhere (cap: or NULL). */
static int64_t
counted_nanos(const struct cap *cap, const struct spend_row *row)
{
	return money_add(ledger_counted_nanos(row),
	    cap != NULL ? cap->carried_nanos : 0);
}

/* Tells of it unless it was told of in this window. */
static int
tell_budget(struct store_txn *t, enum alert a, const struct cap *cap,
    const struct hold_scope *scope, const struct spend_row *row,
    int64_t now_nsecs, struct err *err)
{
	struct draft d;
	int rc = ledger_alerted(t, scope, bits[a], err);

	if (rc <= 0)
		return rc;
	draft_begin(&d, a, now_nsecs);
	draft_scope(&d, scope);
	draft_usd(&d, "spent_usd", counted_nanos(cap, row));
	draft_usd(&d, "held_usd", row->held_nanos);
	if (cap != NULL) {
		draft_usd(&d, "max_budget_usd",
		    money_add(cap->cap_nanos, cap->carried_nanos));
		draft_usd(&d, "soft_budget_usd", cap->soft_nanos);
	}
	return draft_put(&d, t, err);
}

/* The scope of h that the cap counts in, by index: two caps may share one. -1:
   it was not held for this cap. */
static int
scope_of(const struct cap *cap, const struct hold *h, uint32_t start,
    uint32_t end)
{
	for (size_t i = 0; i < h->scope_count; i++) {
		const struct hold_scope *s = &h->scopes[i];

		if (s->kind == cap->kind && s->window_start == start &&
		    s->window_end == end && str_is(s->id, cap->id))
			return (int)i;
	}
	return -1;
}

static int
check_cap(struct store_txn *t, const struct cap *cap,
    const struct hold_scope *scope, const struct spend_row *row,
    int64_t now_nsecs, struct err *err)
{
	if (cap->soft_nanos > 0 && counted_nanos(cap, row) >= cap->soft_nanos &&
	    (row->alerts & bits[ALERT_BUDGET_SOFT]) == 0 &&
	    tell_budget(t, ALERT_BUDGET_SOFT, cap, scope, row, now_nsecs,
		err) != 0)
		return -1;
	if (ledger_counted_nanos(row) < cap->cap_nanos ||
	    (row->alerts & bits[ALERT_BUDGET_EXHAUSTED]) != 0)
		return 0;
	return tell_budget(t, ALERT_BUDGET_EXHAUSTED, cap, scope, row,
	    now_nsecs, err);
}

int
alert_check_spent(struct store_txn *t, const struct hold_request *request,
    const struct hold *h, const struct spend_row *rows, int64_t now_nsecs,
    struct err *err)
{
	const struct window_rule *rule = NULL;
	uint32_t start = 0, end = 0;

	for (size_t i = 0; i < request->cap_count; i++) {
		const struct cap *cap = &request->caps[i];
		struct spend_row row;
		int at;

		window_next(&cap->rule, rule, request->now_nsecs, &start, &end);
		rule = &cap->rule;
		at = scope_of(cap, h, start, end);
		if (at < 0 || cap->cap_nanos == 0)
			continue;
		if (rows != NULL)
			row = rows[at];
		else if (ledger_spend(t, &h->scopes[at], &row, err) != 0)
			return -1;
		if (check_cap(t, cap, &h->scopes[at], &row, now_nsecs, err) !=
		    0)
			return -1;
	}
	return 0;
}

int
alert_check_refused(struct store_txn *t, const struct hold_request *request,
    const struct hold_answer *answer, struct err *err)
{
	const struct cap *cap = &request->caps[answer->cap_index];
	struct hold_scope scope = {
		.kind = (uint8_t)cap->kind,
		.window_start = answer->cap_window_start,
		.window_end = answer->cap_window_end,
		.id = str_of(cap->id),
	};
	struct spend_row row;

	/* What others hold may come back: that is no exhaustion. */
	if (cap->cap_nanos == 0 ||
	    cap->cap_nanos - answer->cap_spent_nanos >= request->least_nanos)
		return 0;
	if (ledger_spend(t, &scope, &row, err) != 0)
		return -1;
	if ((row.alerts & bits[ALERT_BUDGET_EXHAUSTED]) != 0)
		return 0;
	return tell_budget(t, ALERT_BUDGET_EXHAUSTED, cap, &scope, &row,
	    request->now_nsecs, err);
}

/* ---- windows that are over ---------------------------------------------- */

static bool
is_reset(const struct spend_row *row, int64_t now_nsecs)
{
	uint8_t told = bits[ALERT_BUDGET_SOFT] | bits[ALERT_BUDGET_EXHAUSTED];

	return row->window_end != 0 &&
	       (int64_t)row->window_end * NSECS_PER_SEC <= now_nsecs &&
	       (row->alerts & told) != 0 &&
	       (row->alerts & bits[ALERT_BUDGET_RESET]) == 0;
}

/* The next one that is over; its id is copied, since telling writes. */
static int
find_reset(struct store_txn *t, int64_t now_nsecs, struct hold_scope *scope,
    struct spend_row *row, char id[ROLLUP_VALUE_BYTES])
{
	struct spend_walk w;
	int rc;

	if (ledger_walk_spend(t, &w, NULL) != 0)
		return -1;
	while ((rc = ledger_next_spend(&w, scope, row, NULL)) == 1) {
		if (!is_reset(row, now_nsecs))
			continue;
		memcpy(id, scope->id.p, scope->id.n);
		scope->id.p = id;
		break;
	}
	ledger_end_walk_spend(&w);
	return rc;
}

bool
alert_has_resets(struct store_txn *t, int64_t now_nsecs)
{
	char id[ROLLUP_VALUE_BYTES];
	struct hold_scope scope;
	struct spend_row row;

	return find_reset(t, now_nsecs, &scope, &row, id) == 1;
}

int
alert_check_resets(struct store_txn *t, int64_t now_nsecs, int max,
    struct err *err)
{
	char id[ROLLUP_VALUE_BYTES];
	struct hold_scope scope;
	struct spend_row row;

	for (int i = 0; i < max; i++) {
		if (find_reset(t, now_nsecs, &scope, &row, id) != 1)
			break;
		if (tell_budget(t, ALERT_BUDGET_RESET, NULL, &scope, &row,
			now_nsecs, err) != 0)
			return -1;
	}
	return 0;
}

/* ---- others ------------------------------------------------------------- */

int
alert_breaker(struct store_txn *t, const struct breaker_alert *a,
    struct err *err)
{
	static const enum alert events[] = {
		[BREAKER_CLOSED] = ALERT_BREAKER_CLOSED,
		[BREAKER_OPEN] = ALERT_BREAKER_OPEN,
		[BREAKER_HALF_OPEN] = ALERT_BREAKER_HALF_OPEN,
	};
	const struct health_row *row = a->row;
	bool is_open = row->state == BREAKER_OPEN &&
		       row->open_until_nsecs != BREAKER_FOREVER;
	struct draft d;

	draft_begin(&d, events[row->state], a->now_nsecs);
	jsonw_key(&d.w, "deployment");
	jsonw_cstr(&d.w, a->deployment);
	jsonw_key(&d.w, "model");
	jsonw_cstr(&d.w, a->model);
	jsonw_key(&d.w, "by");
	jsonw_cstr(&d.w, a->by_hand ? "hand" : "gateway");
	draft_time(&d, "open_until", is_open ? row->open_until_nsecs : 0);
	/* How often in a row: 1 is news, more says that it is still down. */
	jsonw_key(&d.w, "trips");
	jsonw_int(&d.w, row->trips);
	jsonw_key(&d.w, "error");
	jsonw_cstr(&d.w, row->last_error);
	return draft_put(&d, t, err);
}
