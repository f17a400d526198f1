/*
 * Roll-ups: what is added comes back in every dimension, whatever was
 * compacted in between; values and their number are bounded; damaged rows
 * are named.
 */
#include "live_store.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "domain/ledger/rollup_query.h"
#include "store/key.h"

#define HOUR (3600 * NSECS_PER_SEC)
#define DAY  (24 * HOUR)

static int64_t
moment(const char *text)
{
	int64_t nsecs;

	assert_int_equal(clock_parse(str_of(text), 0, &nsecs), 0);
	return nsecs;
}

static void
add(struct live *l, const struct rollup_names *names, int64_t cost, int64_t now)
{
	struct rollup_row row = { .requests = 1,
		.attempts = 1,
		.prompt_tokens = 10,
		.cost_nanos = cost };
	struct store_txn *t = live_write(l);

	assert_int_equal(rollup_add(t, names, &row, now), 0);
	live_commit(t);
}

static struct rollup_result
query(struct live *l, enum rollup_dim dim, int64_t since, int64_t until)
{
	struct rollup_result r;
	struct store_txn *t = live_read(l);

	assert_int_equal(rollup_query(t, dim, since, until, &r), 0);
	store_abort(&t);
	return r;
}

/* "value=cost value=cost ..." in the result's order. */
static void
assert_costs(struct live *l, enum rollup_dim dim, int64_t since, int64_t until,
    const char *want)
{
	struct rollup_result r = query(l, dim, since, until);
	int64_t total = 0;
	struct buf b;

	buf_init(&b, 65536);
	for (size_t i = 0; i < r.count; i++) {
		buf_printf(&b, "%s%s=%lld", i > 0 ? " " : "", r.rows[i].value,
		    (long long)r.rows[i].sums.cost_nanos);
		total += r.rows[i].sums.cost_nanos;
	}
	assert_string_equal(buf_cstr(&b), want);
	assert_int_equal(r.total.cost_nanos, total);
	buf_fini(&b);
	rollup_result_free(&r);
}

static void
compact(struct live *l, int64_t before, int keep_days)
{
	int n;

	do {
		struct store_txn *t = live_write(l);

		n = rollup_compact(t, before, keep_days, 7);
		assert_true(n >= 0 && n <= 7);
		live_commit(t);
	} while (n > 0);
}

static void
test_words(void **state)
{
	enum rollup_dim dim;

	(void)state;
	for (int i = 0; i < ROLLUP_DIM_COUNT; i++) {
		assert_int_equal(rollup_dim_parse(str_of(rollup_dim_name(
						      (enum rollup_dim)i)),
				     &dim),
		    0);
		assert_int_equal(dim, i);
	}
	assert_int_equal(rollup_dim_parse(str_of("colour"), &dim), -1);
}

static void
test_every_dimension_has_its_sums(void **state)
{
	struct live *l = *state;
	struct rollup_names a = {
		.model = str_of("gpt-4o-mini"),
		.group = str_of("agent"),
		.provider = str_of("openai"),
		.deployment = str_of("d1"),
		.key = str_of("k1"),
		.team = str_of("t1"),
		.user = str_of("u1"),
		.tag_count = 3,
		.tags = { str_of("x"), str_of("y"), str_of("x") },
	};
	struct rollup_names b = {
		.model = str_of("mistral-small"),
		.group = str_of("agent"),
		.provider = str_of("mistral"),
		.deployment = str_of("d2"),
	};
	int64_t now = moment("2026-11-22T11:18:10Z");

	add(l, &a, 100, now);
	add(l, &a, 50, now + HOUR);
	add(l, &b, 1000, now);
	assert_costs(l, ROLLUP_ALL, 0, 0, "2026-11-22=1150");
	assert_costs(l, ROLLUP_MODEL, 0, 0,
	    "mistral-small=1000 gpt-4o-mini=150");
	assert_costs(l, ROLLUP_GROUP, 0, 0, "agent=1150");
	assert_costs(l, ROLLUP_PROVIDER, 0, 0, "mistral=1000 openai=150");
	assert_costs(l, ROLLUP_DEPLOYMENT, 0, 0, "d2=1000 d1=150");
	assert_costs(l, ROLLUP_KEY, 0, 0, "anonymous=1000 k1=150");
	assert_costs(l, ROLLUP_TEAM, 0, 0, "t1=150");
	assert_costs(l, ROLLUP_USER, 0, 0, "u1=150");
	assert_costs(l, ROLLUP_TAG, 0, 0, "x=150 y=150");
}

static void
test_all_amounts_are_summed(void **state)
{
	struct live *l = *state;
	struct rollup_row row = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
	struct rollup_names names = { .model = str_of("m") };
	struct store_txn *t = live_write(l);
	struct rollup_result r;

	for (int i = 0; i < 3; i++)
		assert_int_equal(rollup_add(t, &names, &row, 0), 0);
	live_commit(t);
	r = query(l, ROLLUP_MODEL, 0, 0);
	assert_int_equal(r.count, 1);
	assert_int_equal(r.rows[0].sums.requests, 3);
	assert_int_equal(r.rows[0].sums.attempts, 6);
	assert_int_equal(r.rows[0].sums.failures, 9);
	assert_int_equal(r.rows[0].sums.prompt_tokens, 12);
	assert_int_equal(r.rows[0].sums.completion_tokens, 15);
	assert_int_equal(r.rows[0].sums.cached_tokens, 18);
	assert_int_equal(r.rows[0].sums.reasoning_tokens, 21);
	assert_int_equal(r.rows[0].sums.cost_nanos, 24);
	assert_int_equal(r.rows[0].sums.estimated_nanos, 27);
	assert_int_equal(r.rows[0].sums.latency_micros, 30);
	assert_memory_equal(&r.rows[0].sums, &r.total, sizeof(r.total));
	rollup_result_free(&r);
}

static void
test_ranges_are_rounded_outwards_to_hours(void **state)
{
	struct live *l = *state;
	struct rollup_names n = { .model = str_of("m") };
	int64_t ten = moment("2026-11-22T10:00:00Z");
	struct rollup_result r;

	add(l, &n, 1, ten - 1);
	add(l, &n, 10, ten);
	add(l, &n, 100, ten + HOUR - 1);
	add(l, &n, 1000, ten + HOUR);
	assert_costs(l, ROLLUP_MODEL, ten, ten + HOUR, "m=110");
	assert_costs(l, ROLLUP_MODEL, ten + HOUR - 1, ten + HOUR, "m=110");
	assert_costs(l, ROLLUP_MODEL, ten, ten + 1, "m=110");
	assert_costs(l, ROLLUP_MODEL, ten, ten + HOUR + 1, "m=1110");
	assert_costs(l, ROLLUP_MODEL, ten - 1, ten + HOUR, "m=111");
	assert_costs(l, ROLLUP_MODEL, ten, 0, "m=1110");
	assert_costs(l, ROLLUP_MODEL, -5, ten, "m=1");
	assert_costs(l, ROLLUP_MODEL, ten + 5 * HOUR, 0, "");
	r = query(l, ROLLUP_MODEL, ten + 5, ten + 6);
	assert_int_equal(r.since_nsecs, ten);
	assert_int_equal(r.until_nsecs, ten + HOUR);
	rollup_result_free(&r);
}

static void
test_days_come_in_their_order(void **state)
{
	struct live *l = *state;
	struct rollup_names n = { .model = str_of("m") };
	int64_t day = moment("2026-11-22");

	add(l, &n, 5, day + DAY);
	add(l, &n, 100, day - 1);
	add(l, &n, 7, day);
	add(l, &n, 2, day + 23 * HOUR);
	assert_costs(l, ROLLUP_ALL, 0, 0,
	    "2026-11-21=100 2026-11-22=9 2026-11-23=5");
}

static void
test_long_values_are_cut_and_stay_apart(void **state)
{
	struct live *l = *state;
	char text[2][1000], cut[2][ROLLUP_VALUE_BYTES];
	struct rollup_result r;

	memset(text, 'x', sizeof(text));
	/* A character that the cut must not split. */
	memcpy(text[0] + 182, "\xc3\xa9", 2);
	text[1][999] = 'y';
	for (int i = 0; i < 2; i++) {
		struct str whole = str_make(text[i], sizeof(text[i]));
		struct rollup_names n = { .user = whole };
		struct str s = rollup_value(whole, cut[i]);

		assert_true(s.n <= ROLLUP_VALUE_BYTES && s.n > 190);
		assert_true(str_utf8_ok(s));
		assert_true(str_eq(s, rollup_value(s, cut[i])));
		add(l, &n, 1, 0);
		add(l, &n, 1, 0);
	}
	r = query(l, ROLLUP_USER, 0, 0);
	assert_int_equal(r.count, 2);
	assert_int_equal(r.rows[0].sums.requests, 2);
	rollup_result_free(&r);
}

static void
test_values_per_hour_are_limited(void **state)
{
	struct live *l = *state;
	struct store_txn *t = live_write(l);
	struct rollup_row row = { .requests = 1, .cost_nanos = 1 };
	struct rollup_result r;
	int64_t other = 0;

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 3000; i++) {
			char name[32];
			struct rollup_names n = { .model = str_of("m") };

			snprintf(name, sizeof(name), "user-%d", i);
			n.user = str_of(name);
			assert_int_equal(rollup_add(t, &n, &row, 0), 0);
		}
	}
	live_commit(t);
	r = query(l, ROLLUP_USER, 0, 0);
	assert_int_equal(r.count, 2048 + 1);
	assert_int_equal(r.total.requests, 6000);
	for (size_t i = 0; i < r.count; i++) {
		if (strcmp(r.rows[i].value, ROLLUP_OTHER) == 0)
			other = r.rows[i].sums.requests;
	}
	assert_int_equal(other, 2 * (3000 - 2048));
	rollup_result_free(&r);
	/* The limit is kept where hours become a day. */
	compact(l, 10 * DAY, 400);
	r = query(l, ROLLUP_USER, 0, 0);
	assert_int_equal(r.total.requests, 6000);
	assert_true(r.count <= 2048 + 1);
	rollup_result_free(&r);
}

static void
test_compacted_hours_widen_the_range_to_their_day(void **state)
{
	struct live *l = *state;
	struct rollup_names n = { .model = str_of("m") };
	int64_t day = moment("2026-11-20");
	struct rollup_result r;

	add(l, &n, 1, day + HOUR);
	add(l, &n, 10, day + 5 * HOUR);
	add(l, &n, 100, day + DAY + 5 * HOUR);
	add(l, &n, 1000, day + 2 * DAY);
	compact(l, day + 2 * DAY + 3 * HOUR, 400);
	assert_int_equal(live_rows(l, STORE_ROLLUP),
	    /* per day ALL, MODEL + head, KEY + head, USE + head; one day is
	       in hours */
	    3 * 7);
	assert_costs(l, ROLLUP_MODEL, 0, 0, "m=1111");
	assert_costs(l, ROLLUP_MODEL, day + 5 * HOUR, day + 6 * HOUR, "m=11");
	assert_costs(l, ROLLUP_MODEL, day + 5 * HOUR, day + DAY + 1, "m=111");
	assert_costs(l, ROLLUP_MODEL, day + 2 * DAY, 0, "m=1000");
	r = query(l, ROLLUP_MODEL, day + 5 * HOUR, day + 6 * HOUR);
	assert_int_equal(r.since_nsecs, day);
	assert_int_equal(r.until_nsecs, day + DAY);
	rollup_result_free(&r);
	/* A late hour of a compacted day. */
	add(l, &n, 5, day + 7 * HOUR);
	assert_costs(l, ROLLUP_MODEL, day, day + HOUR, "m=16");
	compact(l, day + 2 * DAY, 400);
	assert_costs(l, ROLLUP_ALL, 0, 0,
	    "2026-11-20=16 2026-11-21=100 2026-11-22=1000");
}

static void
test_old_days_are_dropped(void **state)
{
	struct live *l = *state;
	struct rollup_names n = { .model = str_of("m") };
	int64_t day = moment("2026-11-20");

	for (int i = 0; i < 10; i++)
		add(l, &n, 1, day + i * DAY);
	compact(l, day + 10 * DAY, 4);
	assert_costs(l, ROLLUP_ALL, 0, 0,
	    "2026-11-26=1 2026-11-27=1 2026-11-28=1 2026-11-29=1");
}

/* Whole days give the same answer whenever the compaction came. */
static void
test_compaction_changes_no_sum(void **state)
{
	struct live *l = *state;
	int64_t first = moment("2026-10-01");
	int64_t cost[20][4] = { { 0 } };
	char name[4][16];

	for (int m = 0; m < 4; m++)
		snprintf(name[m], sizeof(name[m]), "m%d", m);
	for (int i = 0; i < 3000; i++) {
		int day = (int)(random_u64() % 20);
		int m = (int)(random_u64() % 4);
		int64_t nanos = (int64_t)(random_u64() % 1000000);
		struct rollup_names n = { .model = str_of(name[m]) };

		add(l, &n, nanos,
		    first + day * DAY + (int64_t)(random_u64() % DAY));
		cost[day][m] += nanos;
		if (i % 100 == 99)
			compact(l, first + (int64_t)(random_u64() % 20) * DAY,
			    400);
	}
	for (int i = 0; i < 200; i++) {
		int from = (int)(random_u64() % 20);
		int to = from + 1 + (int)(random_u64() % (20 - from));
		struct rollup_result r = query(l, ROLLUP_MODEL,
		    first + from * DAY, first + to * DAY);

		for (size_t k = 0; k < r.count; k++) {
			int m = r.rows[k].value[1] - '0';
			int64_t want = 0;

			for (int d = from; d < to; d++)
				want += cost[d][m];
			assert_int_equal(r.rows[k].sums.cost_nanos, want);
		}
		rollup_result_free(&r);
	}
}

static int
decode(const unsigned char *bytes, size_t n, struct rollup_row *row)
{
	return rollup_row_decode(str_make((const char *)bytes, n), row);
}

static void
test_rows_of_other_versions(void **state)
{
	unsigned char bytes[88] = { 7 };
	struct rollup_row row;

	(void)state;
	bytes[8] = 9;
	assert_int_equal(decode(bytes, 8, &row), 0);
	assert_int_equal(row.requests, 7);
	assert_int_equal(row.attempts, 0);
	assert_int_equal(decode(bytes, 16, &row), 0);
	assert_int_equal(row.attempts, 9);
	assert_int_equal(decode(bytes, 0, &row), -1);
	assert_int_equal(decode(bytes, 12, &row), -1);
	assert_int_equal(decode(bytes, sizeof(bytes), &row), -1);
}

static void
test_rows_come_back(void **state)
{
	unsigned char bytes[ROLLUP_ROW_BYTES];
	struct rollup_row row, back;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		int64_t at[COUNTERS_MAX];
		size_t n;

		for (int f = 0; f < COUNTERS_MAX; f++)
			at[f] = random_u64() % 3 == 0
				    ? 0
				    : (int64_t)(random_u64() >>
						(random_u64() % 64));
		memcpy(&row, at, sizeof(row));
		n = rollup_row_encode(&row, bytes);
		assert_true(n <= sizeof(bytes) && n % 8 != 0);
		assert_int_equal(decode(bytes, n, &back), 0);
		assert_memory_equal(&row, &back, sizeof(row));
		/* One byte less is another row or none, never read past. */
		(void)!decode(bytes, n - 1, &back);
	}
}

static struct rollup_names
names_of(const char *customer, const char *key, const char *model)
{
	struct rollup_names n = {
		.model = str_of(model),
		.group = str_of("agent"),
		.provider = str_of("openai"),
		.key = str_of(key),
		.team = str_of("t"),
		.customer = str_of(customer),
		.tag_count = 1,
		.tags = { str_of("x") },
	};

	return n;
}

struct seen {
	struct buf text;
};

static void
see_use(void *arg, const struct str parts[ROLLUP_MAX_PARTS],
    const struct rollup_row *sums)
{
	struct seen *seen = arg;

	for (int i = 0; i < ROLLUP_MAX_PARTS; i++)
		buf_printf(&seen->text, STR_FMT "/", STR_ARG(parts[i]));
	buf_printf(&seen->text, "=%lld ", (long long)sums->cost_nanos);
}

static void
assert_uses(struct live *l, enum rollup_dim dim, int64_t now, const char *want)
{
	struct store_txn *t = live_read(l);
	struct seen seen;

	buf_init(&seen.text, 65536);
	assert_int_equal(rollup_each_use(t, dim, now, see_use, &seen), 0);
	store_abort(&t);
	assert_string_equal(buf_cstr(&seen.text), want);
	buf_fini(&seen.text);
}

static void
test_splits_have_their_parts(void **state)
{
	struct live *l = *state;
	int64_t now = moment("2026-11-22T11:18:10Z");
	struct rollup_names a = names_of("ann", "k1", "m1");
	struct rollup_names b = names_of("ann", "k2", "m2");
	struct rollup_names odd = names_of("a\x1f"
					   "b",
	    "k1", "m1");
	struct rollup_names old = names_of("bob", "k1", "m1");

	old.no_splits = true;
	add(l, &a, 1, now);
	add(l, &a, 2, now + 2 * HOUR);
	add(l, &b, 10, now);
	add(l, &odd, 100, now + DAY);
	add(l, &old, 1000, now);
	assert_costs(l, ROLLUP_CUSTOMER, 0, 0, "a?b=100 ann=13");
	assert_costs(l, ROLLUP_KEY, 0, 0, "k1=1103 k2=10");
	/* By day alone. */
	assert_costs(l, ROLLUP_CUSTOMER, now + HOUR, now + 2 * HOUR, "ann=13");
	assert_uses(l, ROLLUP_CUSTOMER, now,
	    "ann/k1/m1////=3 ann/k2/m2////=10 ");
	assert_uses(l, ROLLUP_TAG_USE, now, "x/k1/m1////=3 x/k2/m2////=10 ");
	assert_uses(l, ROLLUP_USE, now,
	    "k1/m1/t//agent/openai/=3 k2/m2/t//agent/openai/=10 ");
	assert_uses(l, ROLLUP_USE, now + DAY, "k1/m1/t//agent/openai/=100 ");
	compact(l, now + 10 * DAY, 400);
	assert_costs(l, ROLLUP_CUSTOMER, 0, 0, "a?b=100 ann=13");
	/* Removed sooner than the rest. */
	compact(l, now + 200 * DAY, 400);
	assert_costs(l, ROLLUP_CUSTOMER, 0, 0, "");
	assert_costs(l, ROLLUP_KEY, 0, 0, "k1=1103 k2=10");
}

static void
test_customers_of_a_day_are_bounded(void **state)
{
	struct live *l = *state;
	struct rollup_row one = { .requests = 1, .cost_nanos = 1 };
	struct store_txn *t = live_write(l);
	struct rollup_result r;
	int64_t other = 0;

	for (int i = 0; i < 3000; i++) {
		char name[300];
		struct rollup_names n;

		/* Long ones that differ at their end alone. */
		snprintf(name, sizeof(name), "%0250d", i);
		n = names_of(name, "k", "m");
		assert_int_equal(rollup_add(t, &n, &one, DAY + i), 0);
	}
	live_commit(t);
	r = query(l, ROLLUP_CUSTOMER, 0, 0);
	assert_int_equal(r.count, 2048 + 1);
	assert_int_equal(r.total.cost_nanos, 3000);
	for (size_t i = 0; i < r.count; i++) {
		if (strcmp(r.rows[i].value, ROLLUP_OTHER) == 0)
			other = r.rows[i].sums.cost_nanos;
	}
	assert_int_equal(other, 3000 - 2048);
	rollup_result_free(&r);
}

/* In steps, with the keeper at work in between: as in one go. */
static void
test_steps_give_the_same(void **state)
{
	struct live *l = *state;
	int64_t now = moment("2026-11-22T11:18:10Z");
	int64_t sum = 0;

	for (int i = 0; i < 400; i++) {
		struct rollup_names n = names_of(i % 2 ? "a" : "b", "k", "m");

		n.user = str_of(i % 3 ? "u" : "v");
		add(l, &n, i, now - (int64_t)(random_u64() % (9 * DAY)));
		sum += i;
	}
	for (int d = 0; d < ROLLUP_DIM_COUNT; d++) {
		struct rollup_asking q;
		struct rollup_result r;
		int rc, steps = 0;

		rollup_ask_begin(&q, (enum rollup_dim)d, 0, 0);
		do {
			struct store_txn *t = live_read(l);

			rc = rollup_ask_step(&q, t, now);
			assert_true(rc >= 0);
			store_abort(&t);
			if (d == ROLLUP_USER && steps++ == 3)
				compact(l, now - 3 * DAY, 400);
		} while (rc == 1);
		rollup_ask_end(&q, &r);
		assert_int_equal(r.total.cost_nanos,
		    d == ROLLUP_TEAM || d == ROLLUP_DEPLOYMENT
			? (d == ROLLUP_TEAM ? sum : 0)
			: sum);
		rollup_result_free(&r);
	}
}

static void
test_damaged_rows_are_named(void **state)
{
	struct live *l = *state;
	struct rollup_names n = { .model = str_of("m") };
	struct rollup_row row = { .requests = 1 };
	struct rollup_result r;
	struct store_txn *t;
	struct err err;
	struct key k;

	add(l, &n, 1, 0);
	t = live_write(l);
	key_init(&k);
	key_u8(&k, ROLLUP_MODEL);
	key_u8(&k, 0);
	key_u32(&k, 0);
	key_text_last(&k, str_of("m"));
	store_put(t, STORE_ROLLUP, key_str(&k), str_of("garbage"));
	live_commit(t);

	t = live_write(l);
	assert_int_equal(rollup_add(t, &n, &row, 0), -1);
	assert_true(store_failed(t, &err));
	assert_int_equal(err.code, ERR_STORE);
	assert_non_null(strstr(err.text, "0100000000006d"));
	store_abort(&t);
	t = live_read(l);
	assert_int_equal(rollup_query(t, ROLLUP_MODEL, 0, 0, &r), -1);
	assert_true(store_failed(t, &err));
	assert_non_null(strstr(err.text, "0100000000006d"));
	store_abort(&t);
	t = live_write(l);
	assert_int_equal(rollup_compact(t, 10 * DAY, 4, 100), -1);
	store_abort(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		LIVE_TEST(test_every_dimension_has_its_sums),
		LIVE_TEST(test_all_amounts_are_summed),
		LIVE_TEST(test_ranges_are_rounded_outwards_to_hours),
		LIVE_TEST(test_days_come_in_their_order),
		LIVE_TEST(test_long_values_are_cut_and_stay_apart),
		LIVE_TEST(test_values_per_hour_are_limited),
		LIVE_TEST(test_compacted_hours_widen_the_range_to_their_day),
		LIVE_TEST(test_old_days_are_dropped),
		LIVE_TEST(test_compaction_changes_no_sum),
		cmocka_unit_test(test_rows_of_other_versions),
		cmocka_unit_test(test_rows_come_back),
		LIVE_TEST(test_splits_have_their_parts),
		LIVE_TEST(test_customers_of_a_day_are_bounded),
		LIVE_TEST(test_steps_give_the_same),
		LIVE_TEST(test_damaged_rows_are_named),
	};

	return cmocka_run_group_tests_name("rollup", tests, NULL, NULL);
}
