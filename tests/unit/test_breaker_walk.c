/*
 * The breaker as a random walk: five processes report whatever they like, take
 * tickets, die; after every step what breaker.h promises must hold.
 */
#include "unit.h"

#include "base/clock.h"
#include "domain/routing/breaker.h"

#define MSECS(n) ((int64_t)(n)*NSECS_PER_MSEC)
#define START    MSECS(INT64_C(1700000000000))

static const struct breaker_rule RULE = {
	.cooldown_nsecs = MSECS(5000),
	.max_cooldown_nsecs = MSECS(60000),
	.auth_cooldown_nsecs = MSECS(300000),
	.consecutive_limit = 4,
	.rate_percent = 50,
	.rate_min_calls = 8,
	.probe_nsecs = MSECS(30000),
	.ramp_nsecs = MSECS(5000),
};

#define WALKERS 5

struct walk {
	struct health_row row;
	struct breaker_rule rule;
	int64_t now;
	uint64_t seed;
	/* Probes out: owner i+1 until deadline; 0 none. */
	int64_t probes[WALKERS];
};

static uint64_t
draw(struct walk *w, uint64_t n)
{
	w->seed ^= w->seed << 13;
	w->seed ^= w->seed >> 7;
	w->seed ^= w->seed << 17;
	return w->seed % n;
}

static void
check_invariants(struct walk *w, uint32_t before, int64_t until_before)
{
	const struct health_row *row = &w->row;
	enum breaker_answer a = breaker_ask(row, w->now);
	int live = 0;
	uint32_t sum = 0;

	for (int i = 0; i < WALKERS; i++)
		live += w->probes[i] > w->now;
	assert_true(live <= 1);
	for (int e = 0; e < HEALTH_EVENT_COUNT; e++)
		sum += row->runs[e];
	assert_int_equal(sum, row->consecutive);
	assert_true(row->minute_failures <= row->minute_calls);
	assert_true(row->last_failures <= row->last_calls);
	switch ((enum breaker_state)row->state) {
	case BREAKER_CLOSED:
		assert_int_equal(a, BREAKER_ALLOW);
		assert_int_equal(row->open_until_nsecs, 0);
		assert_int_equal(row->probe_owner, 0);
		assert_true(row->consecutive < 1000);
		break;
	case BREAKER_OPEN:
		assert_int_equal(a, w->now < row->open_until_nsecs
					? BREAKER_DENY
					: BREAKER_PROBE);
		assert_int_equal(row->probe_owner, 0);
		/* Never shorter while it is open, never longer than the
		   longest of the rule. */
		if (before == BREAKER_OPEN)
			assert_true(row->open_until_nsecs >= until_before);
		assert_true(row->open_until_nsecs - w->now <=
			    BREAKER_MAX_RETRY_AFTER_NSECS);
		break;
	case BREAKER_HALF_OPEN:
		assert_int_equal(row->open_until_nsecs, 0);
		if (a == BREAKER_DENY) {
			assert_int_not_equal(row->probe_owner, 0);
			assert_true(row->probe_deadline_nsecs > w->now);
		}
		break;
	}
	assert_true(
	    (breaker_wait_nsecs(row, w->now) > 0) == (a == BREAKER_DENY));
}

static void
walk_report(struct walk *w, int prober)
{
	static const uint32_t auth[] = { 401, 403 };
	struct health_report r = { .now_nsecs = w->now };
	uint32_t before = w->row.state;
	bool changed;

	r.event =
	    draw(w, 10) < 6 ? HEALTH_SUCCESS : draw(w, HEALTH_EVENT_COUNT);
	if (r.event == HEALTH_AUTH)
		r.status = auth[draw(w, 2)];
	if (draw(w, 3) == 0)
		r.retry_after_nsecs = (int64_t)draw(w, 1 << 16) * MSECS(100);
	r.latency_nsecs = (int64_t)draw(w, 1 << 20) * 1000;
	if (prober >= 0) {
		r.probe_owner = (uint64_t)prober + 1;
		w->probes[prober] = 0;
	}
	changed = breaker_report(&w->row, &w->rule, &r);
	assert_int_equal(changed, before != w->row.state);
	/* A success closes only as the probe's. */
	if (before != BREAKER_CLOSED && w->row.state == BREAKER_CLOSED) {
		assert_int_equal(r.event, HEALTH_SUCCESS);
		assert_true(prober >= 0);
		assert_int_equal(before, BREAKER_HALF_OPEN);
	}
	if (r.event == HEALTH_SUCCESS && w->row.state == BREAKER_CLOSED) {
		assert_int_equal(w->row.consecutive, 0);
		assert_int_equal(w->row.trips, 0);
	}
}

static void
walk_enter(struct walk *w)
{
	int i = (int)draw(w, WALKERS);
	enum breaker_answer asked, answer;

	if (w->probes[i] != 0 && w->probes[i] > w->now)
		return; /* a process reports before it asks again */
	asked = breaker_ask(&w->row, w->now);
	answer = breaker_enter(&w->row, &w->rule, (uint64_t)i + 1, w->now);
	assert_int_equal(asked, answer);
	if (answer == BREAKER_PROBE)
		w->probes[i] = w->row.probe_deadline_nsecs;
	if (answer == BREAKER_PROBE)
		assert_int_equal(breaker_enter(&w->row, &w->rule, 99, w->now),
		    BREAKER_DENY);
}

static void
walk_step(struct walk *w)
{
	uint64_t what = draw(w, 100);
	int prober = (int)draw(w, WALKERS);

	if (what < 25) {
		w->now += (int64_t)draw(w, 2000) * NSECS_PER_MSEC;
		if (draw(w, 20) == 0)
			w->now += MSECS(600000);
	} else if (what < 60) {
		walk_enter(w);
	} else if (what < 75) {
		walk_report(w, -1);
	} else if (w->probes[prober] != 0) {
		walk_report(w, prober);
	} else if (what == 99) {
		breaker_release(&w->row, (uint64_t)prober + 1);
	}
}

static void
test_random_walk_keeps_the_promises(void **state)
{
	static const struct {
		bool only, many;
		uint32_t own;
	} kinds[] = { { false, false, 0 }, { true, false, 0 },
		{ false, true, 0 }, { false, false, 3 } };
	uint64_t visits[3] = { 0 };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		struct walk w = { .rule = RULE,
			.now = START,
			.seed = 88172645463325252u + k };

		w.rule.only_member = kinds[k].only;
		w.rule.many_models = kinds[k].many;
		w.rule.own_limits[HEALTH_TIMEOUT] = kinds[k].own;
		health_row_init(&w.row);
		for (int i = 0; i < 200000; i++) {
			uint32_t before = w.row.state;
			int64_t until = w.row.open_until_nsecs;

			walk_step(&w);
			check_invariants(&w, before, until);
			visits[w.row.state]++;
		}
	}
	/* The walk went everywhere, or it proved nothing. */
	for (int s = 0; s < 3; s++)
		if (visits[s] < 10000)
			fail_msg("%s: %llu visits", breaker_state_name(s),
			    (unsigned long long)visits[s]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_walk_keeps_the_promises),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
