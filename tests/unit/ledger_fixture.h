/* Caps, holds and settlements as the tests of the ledger use them. */
#ifndef TESTS_UNIT_LEDGER_FIXTURE_H
#define TESTS_UNIT_LEDGER_FIXTURE_H

#include "live_store.h"

#include "base/clock.h"
#include "domain/ledger/ledger.h"
#include "domain/ledger/rollup_query.h"

#define DAY (86400 * NSECS_PER_SEC)
#define NOW (INT64_C(1795346290) * NSECS_PER_SEC) /* 2026-11-22T11:18:10Z */

static inline struct cap
cap(enum scope_kind kind, const char *id, int64_t nanos)
{
	struct cap c = { .kind = kind, .id = id, .cap_nanos = nanos };

	return c;
}

static inline struct cap
cap_per(enum scope_kind kind, const char *id, int64_t nanos,
    const char *duration)
{
	struct cap c = cap(kind, id, nanos);

	assert_int_equal(window_parse(str_of(duration), NULL, &c.rule, NULL),
	    0);
	return c;
}

/* The caps are borrowed. */
static inline struct hold_request
request(const struct cap *caps, size_t n, int64_t worst, int64_t least)
{
	struct hold_request r = { .worst_nanos = worst,
		.least_nanos = least,
		.cap_count = n,
		.caps = caps,
		.now_nsecs = NOW };

	return r;
}

static inline struct hold
hold_of(struct live *l, uint64_t number)
{
	struct hold h = {
		.owner = l->owner.id,
		.number = number,
		.taken_nsecs = NOW,
		.deadline_nsecs = NOW + NSECS_PER_SEC,
		.record = str_of("\"run_id\":\"r1\""),
		.names = { .model = str_of("m"),
		    .provider = str_of("p"),
		    .deployment = str_of("d"),
		    .group = str_of("g"),
		    .key = str_of("k") },
	};

	return h;
}

/* ledger_hold in a transaction of its own, which must work. */
static inline struct hold_answer
take(struct live *l, uint64_t number, const struct hold_request *r)
{
	struct hold h = hold_of(l, number);
	struct store_txn *t = live_write(l);
	struct hold_answer answer;
	struct err err;

	if (ledger_hold(t, r, &h, &answer, &err) != 0)
		fail_msg("%s", err.text);
	live_commit(t);
	return answer;
}

static inline struct charge
charge_of(int64_t cost)
{
	struct charge c = {
		.names = { .model = str_of("m"), .key = str_of("k") },
		.amounts = { .requests = 1, .attempts = 1, .cost_nanos = cost },
	};

	return c;
}

static inline int
try_settle(struct live *l, uint64_t number, int64_t cost, bool *overrun_r,
    struct err *err)
{
	struct charge c = charge_of(cost);
	struct settlement s = {
		.owner = l->owner.id,
		.number = number,
		.cost_nanos = cost,
		.now_nsecs = NOW,
		.charge_count = 1,
		.charges = &c,
		.record = str_of("{\"run_id\":\"r1\"}"),
		.outbox_owner = &l->owner,
	};
	struct store_txn *t = live_write(l);
	int rc = ledger_settle(t, &s, err);

	assert_false(store_failed(t, NULL));
	live_commit(t);
	if (rc == 0) {
		assert_false(s.uneven_r);
		if (overrun_r != NULL)
			*overrun_r = s.overrun_r;
	}
	return rc;
}

static inline void
settle(struct live *l, uint64_t number, int64_t cost)
{
	struct err err;

	if (try_settle(l, number, cost, NULL, &err) != 0)
		fail_msg("%s", err.text);
}

static inline struct spend_row
spend_at(struct live *l, const struct cap *c, int64_t now)
{
	struct hold_scope scope = { .kind = (uint8_t)c->kind,
		.id = str_of(c->id) };
	struct store_txn *t = live_read(l);
	struct spend_row row;
	struct err err;

	window_at(&c->rule, now, &scope.window_start, &scope.window_end);
	assert_int_equal(ledger_spend(t, &scope, &row, &err), 0);
	store_abort(&t);
	return row;
}

static inline void
assert_spend(struct live *l, const struct cap *c, int64_t spent, int64_t held)
{
	struct spend_row row = spend_at(l, c, NOW);

	assert_int_equal(row.spent_nanos, spent);
	assert_int_equal(row.held_nanos, held);
}

static inline int64_t
rolled_up(struct live *l, enum rollup_dim dim)
{
	struct rollup_result r;
	struct store_txn *t = live_read(l);
	int64_t cost;

	assert_int_equal(rollup_query(t, dim, 0, 0, &r), 0);
	store_abort(&t);
	cost = r.total.cost_nanos;
	rollup_result_free(&r);
	return cost;
}

static const char good_opening[] =
    "\"run_id\":\"r-1\",\"model\":\"m\",\"time\":\"2026-11-22T11:18:10Z\","
    "\"requested_model\":\"g\",\"provider\":\"p\",\"deployment\":\"d\","
    "\"stream\":true,\"key\":\"k\",\"team\":null,\"user\":\"u\\\"x\","
    "\"tags\":[\"a\"]";

#endif
