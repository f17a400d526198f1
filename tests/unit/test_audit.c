/*
 * The audit: whole books balance, and each way to break them is named, with
 * both figures. Lines are made here as the logger and the exchange make them.
 */
#include "live_store.h"

#include "base/clock.h"
#include "base/hash.h"
#include "domain/audit/audit.h"
#include "domain/prices/price_rates.h"
#include "store/key.h"

#define NOW       (INT64_C(1795346290) * NSECS_PER_SEC) /* 2026-11-22T11:18Z */
#define SETTLED   "2026-11-22T11:18:10Z"
#define MAX_LINES 16
#define OWNER     7

/* A trace file in memory, what an audit said of it, and a store. */
struct books {
	struct live *live;
	char *lines[MAX_LINES];
	size_t count;
	struct price price;
	/* What came out. */
	uint64_t kinds[AUDIT_KIND_COUNT];
	char last[1024]; /* "kind where: found, right" */
	struct audit_counts counts;
};

static void
init_books(struct books *b, struct live *l)
{
	memset(b, 0, sizeof(*b));
	b->live = l;
	price_clear(&b->price);
	b->price.known = true;
	b->price.base.input = 150000;  /* 0.00000015 USD */
	b->price.base.output = 600000; /* 0.0000006 USD */
	price_seal(&b->price);
}

static void
free_books(struct books *b)
{
	for (size_t i = 0; i < b->count; i++)
		free(b->lines[i]);
}

/* ---- making lines ------------------------------------------------------- */

/* 100 tokens in, 50 out: 0.000045 USD. */
static char *
make_record(const struct books *b, const char *cost, const char *charge)
{
	return xasprintf("{\"run_id\":\"r\",\"model\":\"m\",\"cost_usd\":%s,"
			 "\"prompt_tokens\":100,\"completion_tokens\":50,"
			 "\"requested_model\":\"g\",\"key\":\"k\",\"team\":"
			 "null,"
			 "\"user\":\"u\",\"tags\":[\"red\",\"red\",\"blue\"],"
			 "\"settled\":\"" SETTLED "\",\"attempts\":[{"
			 "\"scopes\":[{\"kind\":\"key\",\"id\":\"k\","
			 "\"start\":0,\"end\":0}],\"deployment\":\"d\","
			 "\"provider\":\"p\",\"model\":"
			 "\"m\","
			 "\"error\":null,\"latency_s\":0.25,\"prompt_tokens\":"
			 "100,"
			 "\"completion_tokens\":50,\"usage_source\":"
			 "\"provider\","
			 "\"price_version\":\"%s\",\"cost_usd\":%s}]}",
	    cost, b->price.version, charge);
}

static void
chain_line(struct books *b, uint64_t owner, uint64_t seq, const char *record)
{
	char hash[SHA256_HEX_BYTES] = "";
	struct str before = { 0 };
	char *open;

	if (b->count > 0)
		before = trace_line_hash(str_of(b->lines[b->count - 1]));
	open = xasprintf("%.*s,\"owner\":%llu,\"seq\":%llu,\"prev\":\"%.*s\"",
	    (int)strlen(record) - 1, record, (unsigned long long)owner,
	    (unsigned long long)seq, (int)before.n, before.n ? before.p : "");
	hash_sha256_hex(str_of(open), hash);
	b->lines[b->count++] = xasprintf("%s,\"hash\":\"%s\"}", open, hash);
	free(open);
}

static void
add_lines(struct books *b, int n)
{
	char *record = make_record(b, "0.000045", "0.000045");

	for (int i = 1; i <= n; i++)
		chain_line(b, OWNER, (uint64_t)i, record);
	free(record);
}

/* The hash made anew, as somebody would who knows how. */
static void
rehash(struct books *b, size_t i)
{
	struct str hash = trace_line_hash(str_of(b->lines[i]));
	char hex[SHA256_HEX_BYTES];

	hash_sha256_hex(str_make(b->lines[i],
			    (size_t)(hash.p - b->lines[i]) - 9),
	    hex);
	memcpy(b->lines[i] + (hash.p - b->lines[i]), hex, 64);
}

static void
replace(struct books *b, size_t i, const char *from, const char *to)
{
	ptrdiff_t at = str_find(str_of(b->lines[i]), from);

	assert_true(at >= 0);
	assert_int_equal(strlen(from), strlen(to));
	memcpy(b->lines[i] + at, to, strlen(to));
}

/* ---- auditing ----------------------------------------------------------- */

static int
give_price(void *arg, struct str version, struct price *p_r, struct err *err)
{
	struct books *b = arg;

	(void)err;
	if (!str_is(version, b->price.version))
		return 0;
	*p_r = b->price;
	return 1;
}

static void
take_difference(void *arg, const struct audit_difference *d)
{
	struct books *b = arg;

	b->kinds[d->kind]++;
	snprintf(b->last, sizeof(b->last), "%s %s: %s, %s",
	    audit_kind_name(d->kind), d->where, d->found, d->right);
}

static void
run_audit(struct books *b, const struct audit_books *store, bool whole,
    const char *prev)
{
	struct audit_options o = {
		.books = store,
		.now_nsecs = NOW,
		.whole = whole,
		.prev = prev,
		.price = give_price,
		.differs = take_difference,
		.arg = b,
	};
	struct audit *a = audit_new(&o);

	memset(b->kinds, 0, sizeof(b->kinds));
	for (size_t i = 0; i < b->count; i++)
		audit_line(a, "t", i + 1, str_of(b->lines[i]));
	audit_finish(a);
	b->counts = *audit_counts(a);
	audit_free(&a);
}

/* So many differences, all of this kind. */
static void
assert_only(const struct books *b, enum audit_kind kind, uint64_t n)
{
	for (int k = 0; k < AUDIT_KIND_COUNT; k++) {
		uint64_t want = k == (int)kind ? n : 0;

		if (b->kinds[k] != want)
			fail_msg("%llu of kind %s, not %llu; last: %s",
			    (unsigned long long)b->kinds[k],
			    audit_kind_name((enum audit_kind)k),
			    (unsigned long long)want, b->last);
	}
}

/* ---- lines alone -------------------------------------------------------- */

static void
no_change(struct books *b)
{
	(void)b;
}

static void
change_a_byte(struct books *b)
{
	replace(b, 1, "\"user\":\"u\"", "\"user\":\"v\"");
}

static void
change_a_cost(struct books *b)
{
	replace(b, 1, "0.25,", "0.26,");
	replace(b, 1, "\"cost_usd\":0.000045}", "\"cost_usd\":0.000044}");
	rehash(b, 1);
}

static void
change_a_sum(struct books *b)
{
	replace(b, 2, "\"cost_usd\":0.000045,", "\"cost_usd\":0.000046,");
	rehash(b, 2);
}

static void
change_a_token(struct books *b)
{
	replace(b, 2, "\"prompt_tokens\":100,", "\"prompt_tokens\":101,");
	rehash(b, 2);
}

static void
take_out(struct books *b, size_t i)
{
	free(b->lines[i]);
	memmove(b->lines + i, b->lines + i + 1,
	    (--b->count - i) * sizeof(b->lines[0]));
}

static void
miss_a_line(struct books *b)
{
	take_out(b, 1);
}

static void
miss_the_first(struct books *b)
{
	take_out(b, 0);
}

static void
double_a_line(struct books *b)
{
	memmove(b->lines + 2, b->lines + 1, 2 * sizeof(b->lines[0]));
	b->lines[1] = xstrdup(b->lines[2]);
	b->count++;
}

static void
book_it_twice(struct books *b)
{
	char *record = make_record(b, "0.000045", "0.000045");

	chain_line(b, OWNER, 3, record);
	free(record);
}

static void
leave_a_gap(struct books *b)
{
	char *record = make_record(b, "0.000045", "0.000045");

	chain_line(b, OWNER, 5, record);
	free(record);
}

static void
cut_a_line(struct books *b)
{
	b->lines[2][40] = '\0';
}

static void
use_another_price(struct books *b)
{
	b->price.base.input++;
	b->price.version[0] ^= 1;
}

static void
test_what_is_broken_is_named(void **state)
{
	static const struct {
		void (*change)(struct books *b);
		uint64_t kinds[AUDIT_KIND_COUNT];
		const char *last;
	} rows[] = {
		{ no_change, { 0 }, "" },
		{ change_a_byte, { [AUDIT_HASH] = 1 },
		    "hash t:2: the line was changed" },
		/* Who makes the hash anew breaks the next line's prev. */
		{ change_a_cost,
		    { [AUDIT_CHARGE] = 1, [AUDIT_COST] = 1, [AUDIT_CHAIN] = 1 },
		    "chain t:3: " },
		{ change_a_sum, { [AUDIT_COST] = 1 },
		    "cost t:3: cost_usd: 0.000046, 0.000045" },
		{ change_a_token, { [AUDIT_TOKENS] = 1 },
		    "tokens t:3: prompt_tokens: 101, 100" },
		{ miss_a_line, { [AUDIT_CHAIN] = 1, [AUDIT_SEQUENCE] = 1 },
		    "sequence t:2: owner 7: 3, 2" },
		{ miss_the_first, { [AUDIT_CHAIN] = 1, [AUDIT_SEQUENCE] = 1 },
		    "sequence t:1: owner 7: 2, 1" },
		{ double_a_line, { [AUDIT_CHAIN] = 1, [AUDIT_SEQUENCE] = 1 },
		    "sequence t:3: owner 7: 2, 3" },
		{ book_it_twice, { [AUDIT_SEQUENCE] = 1 },
		    "sequence t:4: owner 7: 3, 4" },
		{ leave_a_gap, { [AUDIT_SEQUENCE] = 1 },
		    "sequence t:4: owner 7: 5, 4" },
		{ cut_a_line, { [AUDIT_LINE] = 1 }, "line t:3: " },
		{ use_another_price, { [AUDIT_PRICE] = 1 },
		    "price t:1: version " },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct books b;

		init_books(&b, *state);
		add_lines(&b, 3);
		rows[i].change(&b);
		run_audit(&b, NULL, true, "");
		for (int k = 0; k < AUDIT_KIND_COUNT; k++) {
			if (b.kinds[k] != rows[i].kinds[k])
				fail_msg("row %zu: %llu of kind %s; last: %s",
				    i, (unsigned long long)b.kinds[k],
				    audit_kind_name((enum audit_kind)k),
				    b.last);
		}
		if (!str_starts(str_of(b.last), rows[i].last))
			fail_msg("row %zu: %s", i, b.last);
		free_books(&b);
	}
}

static void
test_a_charge_is_worked_out_with_tier_and_reported_cost(void **state)
{
	static const struct {
		const char *more, *cost;
		bool right;
	} rows[] = {
		{ "\"usage_source\":\"provider\"", "0.000045", true },
		{ "\"usage_source\":\"estimated\"", "0.000045", true },
		{ "\"usage_source\":null", "0", true },
		{ "\"usage_source\":null", "0.000045", false },
		{ "\"usage_source\":\"provider\","
		  "\"service_tier\":\"priority\"",
		    "0.0001", true },
		{ "\"usage_source\":\"provider\","
		  "\"service_tier\":\"priority\"",
		    "0.000045", false },
		{ "\"usage_source\":\"provider\","
		  "\"reported_cost_usd\":0.123456789",
		    "0.123456789", true },
		{ "\"usage_source\":\"provider\","
		  "\"reported_cost_usd\":0.123456789",
		    "0.12345679", false },
		/* A nano-dollar is enough. */
		{ "\"usage_source\":\"provider\"", "0.000045001", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct books b;
		char *record;

		init_books(&b, *state);
		b.price.priority.input = 400000;
		b.price.priority.output = 1200000;
		record = xasprintf("{\"cost_usd\":%s,\"prompt_tokens\":100,"
				   "\"completion_tokens\":50,\"settled\":"
				   "\"" SETTLED "\",\"attempts\":[{\"model\":"
				   "\"m\",\"prompt_tokens\":100,"
				   "\"completion_tokens\":50,%s,"
				   "\"price_version\":\"%s\",\"cost_usd\":%s}"
				   "]}",
		    rows[i].cost, rows[i].more, b.price.version, rows[i].cost);
		chain_line(&b, OWNER, 1, record);
		run_audit(&b, NULL, true, "");
		assert_only(&b, AUDIT_CHARGE, rows[i].right ? 0 : 1);
		free(record);
		free_books(&b);
	}
}

static void
test_files_from_the_middle_of_the_chain_go_on_from_a_hash(void **state)
{
	struct books b;
	char prev[SHA256_HEX_BYTES];

	init_books(&b, *state);
	add_lines(&b, 4);
	snprintf(prev, sizeof(prev), "%.64s",
	    trace_line_hash(str_of(b.lines[1])).p);
	take_out(&b, 0);
	take_out(&b, 0);
	run_audit(&b, NULL, false, prev);
	assert_only(&b, AUDIT_CHAIN, 0);
	prev[0] = prev[0] == 'a' ? 'b' : 'a';
	run_audit(&b, NULL, false, prev);
	assert_only(&b, AUDIT_CHAIN, 1);
	run_audit(&b, NULL, false, "");
	assert_only(&b, AUDIT_CHAIN, 0);
	free_books(&b);
}

/* ---- lines and store ---------------------------------------------------- */

/* Settles what a record says, as the worker did. */
static void
settle(struct books *b, const char *record, bool on_file)
{
	struct store_txn *t = live_write(b->live);
	struct cap cap = { .kind = SCOPE_KEY,
		.id = "k",
		.cap_nanos = NANOS_PER_USD };
	struct hold_request request = { .worst_nanos = 100000,
		.least_nanos = 100000,
		.cap_count = 1,
		.caps = &cap,
		.now_nsecs = NOW };
	struct hold h = { .owner = b->live->owner.id };
	struct hold_answer answer;
	struct charge charge;
	struct trace_line l;
	static uint64_t number;
	struct settlement s = {
		.owner = h.owner,
		.cost_nanos = 45000,
		.now_nsecs = NOW,
		.charge_count = 1,
		.charges = &charge,
		.record = str_of(record),
		.outbox_owner = &b->live->owner,
	};
	struct err err;

	h.number = s.number = ++number;
	assert_int_equal(trace_line_parse(str_of(record), false, &l, &err), 0);
	trace_line_charge(&l, 0, &charge);
	assert_int_equal(ledger_hold(t, &request, &h, &answer, &err), 0);
	if (ledger_settle(t, &s, &err) != 0)
		fail_msg("%s", err.text);
	if (on_file) {
		struct key k;

		chain_line(b, h.owner, s.seq_r, record);
		key_init(&k);
		key_u64(&k, h.owner);
		key_u64(&k, s.seq_r);
		store_del(t, STORE_OUTBOX, key_str(&k));
	}
	live_commit(t);
	trace_line_free(&l);
}

/* The outbox of the books, read once. */
struct waiting {
	size_t count;
	uint64_t owner[MAX_LINES], seq[MAX_LINES];
	char *text[MAX_LINES];
};

static int
set_aside(void *arg, uint64_t owner, uint64_t seq, struct str text)
{
	struct waiting *w = arg;

	w->owner[w->count] = owner;
	w->seq[w->count] = seq;
	w->text[w->count++] = str_dup(text);
	return 0;
}

static void
audit_store(struct books *b, int64_t since_nsecs)
{
	struct waiting w = { 0 };
	struct store_txn *t = live_read(b->live);
	struct audit_options o = {
		.now_nsecs = NOW,
		.whole = since_nsecs == 0,
		.price = give_price,
		.differs = take_difference,
		.arg = b,
	};
	struct audit_books *store;
	struct audit *a;
	struct err err;

	if (audit_books_read(t, since_nsecs, NOW, set_aside, &w, &store,
		&err) != 0)
		fail_msg("%s", err.text);
	store_abort(&t);
	o.books = store;
	memset(b->kinds, 0, sizeof(b->kinds));
	a = audit_new(&o);
	for (size_t i = 0; i < b->count; i++)
		audit_line(a, "t", i + 1, str_of(b->lines[i]));
	for (size_t i = 0; i < w.count; i++) {
		audit_waiting(a, w.owner[i], w.seq[i], str_of(w.text[i]));
		free(w.text[i]);
	}
	audit_finish(a);
	b->counts = *audit_counts(a);
	audit_free(&a);
	audit_books_free(&store);
}

static void
fill_store(struct books *b, struct live *l)
{
	char *record;

	init_books(b, l);
	record = make_record(b, "0.000045", "0.000045");
	for (int i = 0; i < 3; i++)
		settle(b, record, true);
	settle(b, record, false);
	free(record);
}

static void
test_whole_books_balance_with_what_waits(void **state)
{
	struct books b;

	fill_store(&b, *state);
	audit_store(&b, 0);
	assert_only(&b, AUDIT_LINE, 0);
	assert_int_equal(b.counts.waiting, 1);
	assert_int_equal(b.counts.cost_nanos, 4 * 45000);
	assert_int_equal(b.counts.windows, 1);
	/* all, model, group, provider, deployment, key, user, two tags */
	assert_int_equal(b.counts.sums, 9);
	free_books(&b);
}

static void
test_a_line_that_left_from_the_end_is_missed(void **state)
{
	struct books b;

	fill_store(&b, *state);
	free(b.lines[--b.count]);
	audit_store(&b, 0);
	/* The waiting record does not follow the file's last one. */
	assert_int_equal(b.kinds[AUDIT_SEQUENCE], 1);
	assert_true(b.kinds[AUDIT_ROLLUP] > 0);
	assert_int_equal(b.kinds[AUDIT_SPENT], 1);
	free_books(&b);
}

static void
test_a_record_neither_waiting_nor_on_file_is_missing(void **state)
{
	struct books b;
	struct store_txn *t;
	struct key k;

	fill_store(&b, *state);
	t = live_write(b.live);
	key_init(&k);
	key_u64(&k, b.live->owner.id);
	key_u64(&k, 4);
	store_del(t, STORE_OUTBOX, key_str(&k));
	live_commit(t);
	audit_store(&b, 0);
	assert_int_equal(b.kinds[AUDIT_MISSING], 1);
	free_books(&b);
}

static void
test_a_line_settled_after_the_books_were_read_is_left_out(void **state)
{
	struct books b;
	char *record;

	fill_store(&b, *state);
	record = make_record(&b, "0.000045", "0.000045");
	chain_line(&b, b.live->owner.id, 4, record); /* the waiting one */
	chain_line(&b, b.live->owner.id, 5, record);
	chain_line(&b, b.live->owner.id + 1000, 1, record);
	audit_store(&b, 0);
	assert_only(&b, AUDIT_LINE, 0);
	assert_int_equal(b.counts.later, 2);
	assert_int_equal(b.counts.waiting, 0);
	free(record);
	free_books(&b);
}

static void
test_a_roll_up_that_was_changed_is_named_with_both_figures(void **state)
{
	struct books b;
	struct rollup_names names = { .model = str_of("m") };
	struct rollup_row more = { .cost_nanos = 1 };
	struct store_txn *t;

	fill_store(&b, *state);
	t = live_write(b.live);
	assert_int_equal(rollup_add(t, &names, &more, NOW), 0);
	live_commit(t);
	audit_store(&b, 0);
	/* all, model, and a key "anonymous" that no line knows, with its use */
	assert_only(&b, AUDIT_ROLLUP, 4);
	assert_string_equal(b.last,
	    "rollup use anonymous/m////: cost_usd: 0.000000001, 0");
	free_books(&b);
}

static void
test_a_window_that_was_changed_is_named(void **state)
{
	struct books b;
	struct store_txn *t;
	struct hold_scope scope = { .kind = SCOPE_KEY, .id = str_of("k") };
	unsigned char bytes[18] = { 0 };
	struct str value;
	struct key k;

	fill_store(&b, *state);
	t = live_write(b.live);
	key_init(&k);
	key_u8(&k, SCOPE_KEY);
	key_u32(&k, 0);
	key_u32(&k, 0);
	key_text_last(&k, scope.id);
	assert_int_equal(store_get(t, STORE_SPEND, key_str(&k), &value), 1);
	assert_int_equal(value.n, sizeof(bytes));
	memcpy(bytes, value.p, sizeof(bytes));
	bytes[2] ^= 1;  /* spent */
	bytes[10] ^= 1; /* held */
	store_put(t, STORE_SPEND, key_str(&k),
	    str_make((const char *)bytes, sizeof(bytes)));
	live_commit(t);
	audit_store(&b, 0);
	assert_int_equal(b.kinds[AUDIT_SPENT], 1);
	assert_int_equal(b.kinds[AUDIT_HELD], 1);
	assert_int_equal(b.counts.differences, 2);
	assert_string_equal(b.last, "spent key k, window from the beginning: "
				    "spent: 0.000180001, 0.00018");
	free_books(&b);
}

/* The first attempt failed and was charged; the second is under way. */
static void
test_ended_attempts_of_a_request_under_way_count_as_spent(void **state)
{
	struct books b;
	struct cap cap = { .kind = SCOPE_KEY,
		.id = "k",
		.cap_nanos = NANOS_PER_USD };
	struct hold_request request = { .worst_nanos = 100000,
		.least_nanos = 100000,
		.cap_count = 1,
		.caps = &cap,
		.now_nsecs = NOW };
	struct charge ended = {
		.amounts = { .attempts = 1, .failures = 1, .cost_nanos = 45000 }
	};
	struct hold h = { 0 };
	struct hold_answer answer;
	struct store_txn *t;
	struct err err;

	fill_store(&b, *state);
	h.owner = b.live->owner.id;
	h.number = 1000;
	t = live_write(b.live);
	assert_int_equal(ledger_hold(t, &request, &h, &answer, &err), 0);
	h.ended_count = 1;
	h.ended = &ended;
	h.booked_nanos = 45000;
	h.ended_attempts = str_of("{\"cost_usd\":0.000045,\"scopes\":[{\"kind\""
				  ":\"key\",\"id\":\"k\",\"start\":0,"
				  "\"end\":0}]}");
	assert_int_equal(ledger_rehold(t, &request, &h, &answer, &err), 0);
	live_commit(t);
	audit_store(&b, 0);
	assert_only(&b, AUDIT_LINE, 0);
	assert_int_equal(b.counts.windows, 1);
	free_books(&b);
}

static void
test_sums_from_before_the_files_are_not_compared(void **state)
{
	struct books b;

	fill_store(&b, *state);
	/* The first two lines left with their file, an hour before. */
	take_out(&b, 0);
	take_out(&b, 0);
	audit_store(&b, NOW);
	assert_only(&b, AUDIT_LINE, 0);
	assert_int_equal(b.counts.old_windows, 1);
	/* Nothing tells when it left: nothing is compared. */
	audit_store(&b, -1);
	assert_only(&b, AUDIT_LINE, 0);
	assert_int_equal(b.counts.sums, 0);
	free_books(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_broken_is_named),
		cmocka_unit_test(
		    test_a_charge_is_worked_out_with_tier_and_reported_cost),
		cmocka_unit_test(
		    test_files_from_the_middle_of_the_chain_go_on_from_a_hash),
		LIVE_TEST(test_whole_books_balance_with_what_waits),
		LIVE_TEST(test_a_line_that_left_from_the_end_is_missed),
		LIVE_TEST(test_a_record_neither_waiting_nor_on_file_is_missing),
		LIVE_TEST(
		    test_a_line_settled_after_the_books_were_read_is_left_out),
		LIVE_TEST(
		    test_a_roll_up_that_was_changed_is_named_with_both_figures),
		LIVE_TEST(test_a_window_that_was_changed_is_named),
		LIVE_TEST(
		    test_ended_attempts_of_a_request_under_way_count_as_spent),
		LIVE_TEST(test_sums_from_before_the_files_are_not_compared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
