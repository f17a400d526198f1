/*
 * What dead owners held: what it costs by the rule, the record that a
 * stranger writes for them, and that it happens once.
 */
#include "ledger_fixture.h"

#include "base/jsonx.h"
#include "store/key.h"

/* The record with this sequence in the owner's outbox, parsed. */
static json_t *
outbox(struct live *l, uint64_t seq)
{
	struct store_txn *t = live_read(l);
	struct str value;
	struct err err;
	struct key k;
	json_t *json;

	key_init(&k);
	key_u64(&k, l->owner.id);
	key_u64(&k, seq);
	assert_int_equal(store_get(t, STORE_OUTBOX, key_str(&k), &value), 1);
	json = jsonx_parse(value, &err);
	if (json == NULL)
		fail_msg("%s: " STR_FMT, err.text, STR_ARG(value));
	store_abort(&t);
	return json;
}

/* Puts a hold as an owner that is dead by now had it. */
static void
put_hold(struct live *l, struct hold *h, const struct cap *caps, size_t n,
    int64_t amount)
{
	struct hold_request r = request(caps, n, amount, amount);
	struct store_txn *t = live_write(l);
	struct hold_answer a;
	struct err err;

	if (ledger_hold(t, &r, h, &a, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(a.verdict, HOLD_GRANTED);
	live_commit(t);
}

static struct orphan_end
end_orphan(struct live *l, const struct hold *h)
{
	struct store_txn *t = live_write(l);
	struct orphan_end end;
	struct err err;

	if (ledger_settle_orphan(t, h, &l->owner, NOW + 2 * NSECS_PER_SEC, &end,
		&err) != 0)
		fail_msg("%s", err.text);
	live_commit(t);
	return end;
}

static const char *
text_of(const json_t *json, const char *key)
{
	const char *s = json_string_value(json_object_get(json, key));

	return s == NULL ? "(none)" : s;
}

static int64_t
int_of(const json_t *json, const char *key)
{
	int64_t v = -1;

	assert_int_equal(jsonx_int(json, key, &v), 1);
	return v;
}

static void
test_an_orphan_that_was_sent_pays_for_its_prompt(void **state)
{
	struct live *l = *state;
	struct cap c = cap(SCOPE_KEY, "k", 100000);
	struct hold h = hold_of(l, 1);
	struct orphan_end end;
	json_t *json, *attempt;

	h.state = HOLD_SENT;
	h.prompt_nanos = 1250;
	h.prompt_tokens = 50;
	h.record = str_of(good_opening);
	h.price_version = str_of("0123456789abcdef");
	put_hold(l, &h, &c, 1, 9000);
	end = end_orphan(l, &h);
	assert_int_equal(end.cost_nanos, 1250);
	assert_int_equal(end.held_nanos, 9000);
	assert_false(end.overrun || end.uneven);
	assert_spend(l, &c, 1250, 0);
	assert_int_equal(rolled_up(l, ROLLUP_MODEL), 1250);
	assert_int_equal(live_rows(l, STORE_HOLDS), 0);

	json = outbox(l, end.seq);
	assert_string_equal(text_of(json, "run_id"), "r-1");
	assert_string_equal(text_of(json, "user"), "u\"x");
	assert_string_equal(text_of(json, "outcome"), "lost");
	assert_string_equal(text_of(json, "usage_source"), "estimated");
	assert_int_equal(int_of(json, "status"), 0);
	assert_int_equal(int_of(json, "prompt_tokens"), 50);
	assert_int_equal(int_of(json, "completion_tokens"), 0);
	assert_true(json_is_true(json_object_get(json, "orphan")));
	assert_null(json_object_get(json, "overrun"));
	attempt = json_array_get(json_object_get(json, "attempts"), 0);
	assert_string_equal(text_of(attempt, "error"), "lost");
	assert_string_equal(text_of(attempt, "price_version"),
	    "0123456789abcdef");
	assert_float_equal(json_number_value(
			       json_object_get(attempt, "cost_usd")),
	    0.00000125, 1e-12);
	assert_float_equal(json_number_value(
			       json_object_get(json, "latency_s")),
	    2.0, 1e-9);
	json_decref(json);
}

static void
test_an_orphan_that_was_not_sent_costs_nothing(void **state)
{
	struct live *l = *state;
	struct cap c = cap(SCOPE_KEY, "k", 100000);
	struct hold h = hold_of(l, 1);
	struct orphan_end end;
	json_t *json;

	h.prompt_nanos = 1250;
	h.record = str_of(good_opening);
	put_hold(l, &h, &c, 1, 9000);
	end = end_orphan(l, &h);
	assert_int_equal(end.cost_nanos, 0);
	assert_spend(l, &c, 0, 0);
	json = outbox(l, end.seq);
	assert_string_equal(text_of(json, "outcome"), "lost");
	assert_true(json_is_null(json_object_get(json, "usage_source")));
	json_decref(json);
}

static void
test_an_orphan_pays_for_what_was_delivered(void **state)
{
	struct live *l = *state;
	struct cap c = cap(SCOPE_KEY, "k", 100000);
	struct hold h = hold_of(l, 1);
	struct store_txn *t;
	struct orphan_end end;
	struct err err;

	h.prompt_nanos = 1000;
	put_hold(l, &h, &c, 1, 9000);
	t = live_write(l);
	assert_int_equal(ledger_mark(t, h.owner, 1, HOLD_SENT, &err), 0);
	assert_int_equal(ledger_progress(t, h.owner, 1, 7, 2100, &err), 0);
	assert_int_equal(ledger_progress(t, h.owner, 1, 9, 2700, &err), 0);
	live_commit(t);
	end = end_orphan(l, &h);
	assert_int_equal(end.cost_nanos, 3700);
	/* A prompt's worst price is cut to what is left of the hold ... */
	h.number = 2;
	h.prompt_nanos = 8000;
	h.output_nanos = 6500;
	h.state = HOLD_ANSWERING;
	put_hold(l, &h, &c, 1, 9000);
	end = end_orphan(l, &h);
	assert_int_equal(end.cost_nanos, 9000);
	assert_false(end.overrun);
	assert_spend(l, &c, 12700, 0);
	/* ... what was delivered is not. */
	h.number = 3;
	h.output_nanos = 9500;
	put_hold(l, &h, &c, 1, 9000);
	end = end_orphan(l, &h);
	assert_int_equal(end.cost_nanos, 9500);
	assert_true(end.overrun);
}

static void
test_an_orphan_keeps_its_ended_attempts(void **state)
{
	struct live *l = *state;
	struct charge ended[2] = { charge_of(300), charge_of(0) };
	struct hold h = hold_of(l, 1);
	struct orphan_end end;
	json_t *json, *attempts;

	ended[0].names.model = str_of("first");
	ended[0].amounts.requests = 0;
	ended[0].amounts.prompt_tokens = 11;
	ended[1].amounts.requests = 0;
	h.state = HOLD_SENT;
	h.prompt_nanos = 1000;
	h.record = str_of(good_opening);
	h.ended_count = 2;
	h.ended = ended;
	h.ended_attempts = str_of("{\"deployment\":\"one\"},{\"deployment\":"
				  "\"two\"}");
	put_hold(l, &h, NULL, 0, 5000);
	end = end_orphan(l, &h);
	assert_int_equal(end.cost_nanos, 1300);
	json = outbox(l, end.seq);
	assert_int_equal(int_of(json, "prompt_tokens"), 11);
	attempts = json_object_get(json, "attempts");
	assert_int_equal(json_array_size(attempts), 3);
	assert_string_equal(text_of(json_array_get(attempts, 1), "deployment"),
	    "two");
	assert_string_equal(text_of(json_array_get(attempts, 2), "deployment"),
	    "d");
	json_decref(json);
	assert_int_equal(rolled_up(l, ROLLUP_MODEL), 1300);
	assert_int_equal(rolled_up(l, ROLLUP_ALL), 1300);
}

static void
test_an_orphans_bad_opening_is_replaced(void **state)
{
	static const char *const bad[] = { "", "\"run_id\":", "not json",
		"\"a\":1}", "\"a\":{", "\"cost_usd\":5", "\"a\":1,",
		"\"a\":\"\xff\"" };
	struct live *l = *state;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct hold h = hold_of(l, i + 1);
		struct orphan_end end;
		json_t *json;

		h.state = HOLD_SENT;
		h.prompt_nanos = 10;
		h.record = str_of(bad[i]);
		h.names.tag_count = 1;
		h.names.tags[0] = str_of("tag");
		put_hold(l, &h, NULL, 0, 100);
		end = end_orphan(l, &h);
		json = outbox(l, end.seq);
		assert_string_equal(text_of(json, "model"), "m");
		assert_string_equal(text_of(json, "requested_model"), "g");
		assert_string_equal(text_of(json, "time"),
		    "2026-11-22T11:18:10.000000Z");
		assert_int_equal(json_array_size(json_object_get(json, "tags")),
		    1);
		json_decref(json);
	}
	assert_int_equal(rolled_up(l, ROLLUP_ALL),
	    10 * (int64_t)ARRAY_LEN(bad));
}

static void
test_an_orphan_is_settled_once(void **state)
{
	struct live *l = *state;
	struct hold h = hold_of(l, 1);
	struct store_txn *t;
	struct err err;

	put_hold(l, &h, NULL, 0, 100);
	end_orphan(l, &h);
	t = live_write(l);
	assert_int_equal(ledger_settle_orphan(t, &h, &l->owner, NOW, NULL,
			     &err),
	    -1);
	assert_int_equal(err.code, ERR_NOT_HELD);
	live_commit(t);
}

static void
test_orphans_are_settled_on_the_way(void **state)
{
	struct live *l = *state;
	struct cap c = cap(SCOPE_GLOBAL, "", 1000000);
	struct hold_walk w;
	struct store_txn *t;
	struct hold h;
	struct err err;
	int rc, seen = 0;

	for (uint64_t i = 1; i <= 50; i++) {
		h = hold_of(l, i);
		h.owner = 5 + i % 3;
		h.state = HOLD_SENT;
		h.prompt_nanos = 100;
		h.record = str_of(good_opening);
		put_hold(l, &h, &c, 1, 1000);
	}
	t = live_write(l);
	assert_int_equal(ledger_walk_holds(t, 6, &w, &err), 0);
	while ((rc = ledger_next_hold(&w, &h, &err)) == 1) {
		assert_int_equal(h.owner, 6);
		assert_int_equal(h.number % 3, 1);
		assert_int_equal(h.scope_count, 1);
		assert_int_equal(h.amount_nanos, 1000);
		assert_str(h.names.deployment, "d");
		assert_int_equal(ledger_settle_orphan(t, &h, &l->owner, NOW,
				     NULL, &err),
		    0);
		seen++;
	}
	assert_int_equal(rc, 0);
	ledger_end_walk(&w);
	live_commit(t);
	assert_int_equal(seen, 17);
	assert_int_equal(live_rows(l, STORE_HOLDS), 33);
	assert_spend(l, &c, 1700, 33000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE_TEST(test_an_orphan_that_was_sent_pays_for_its_prompt),
		LIVE_TEST(test_an_orphan_that_was_not_sent_costs_nothing),
		LIVE_TEST(test_an_orphan_pays_for_what_was_delivered),
		LIVE_TEST(test_an_orphan_keeps_its_ended_attempts),
		LIVE_TEST(test_an_orphans_bad_opening_is_replaced),
		LIVE_TEST(test_an_orphan_is_settled_once),
		LIVE_TEST(test_orphans_are_settled_on_the_way),
	};

	return cmocka_run_group_tests_name("ledger_orphan", tests, NULL, NULL);
}
