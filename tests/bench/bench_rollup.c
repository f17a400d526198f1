/*
 * A store of much spend, and how long its questions take: ATTEMPTS over DAYS
 * days and KEYS keys, booked with rollup_add() and compacted as the keeper does
 * it, then asked as tallyctl spend asks. What an hour's attempts of one key add
 * up to is booked at once: the rows are the same, only sooner there. Not a
 * test: make tests/bench/bench_rollup, then run it.
 *
 *   bench_rollup DIR [ATTEMPTS [DAYS [KEYS]]]     10,000,000 90 1,000
 *
 * DIR is a state directory to be (tallyctl --state DIR spend --by key).
 */
#include "base/clock.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/num.h"
#include "domain/ledger/rollup_query.h"

#include <sys/stat.h>
#include <unistd.h>

#define HOUR_NSECS   (3600 * NSECS_PER_SEC)
#define DAY_NSECS    (24 * HOUR_NSECS)
#define HOURS_KEPT   3 /* days, as the keeper */
#define COMPACT_ROWS 2000
#define MODELS       12
#define PROVIDERS    4
#define DEPLOYMENTS  20
#define TEAMS        40
#define TAGS         30
#define CUSTOMERS    50000
#define ASKED_TIMES  7

struct bench {
	struct store *store;
	int64_t attempts, days, keys;
	char (*key_ids)[SHA256_HEX_BYTES];
};

static void
give_up(const struct err *err)
{
	fprintf(stderr, "bench_rollup: %s\n", err->text);
	exit(1);
}

static void
open_store(struct bench *b, const char *dir)
{
	struct store_options options = { 0 };
	struct err err;

	if (dir_make(dir, 0700, &err) != 0)
		give_up(&err);
	options.dir = path_join(dir, "store");
	if (access(options.dir, F_OK) == 0) {
		fprintf(stderr, "bench_rollup: %s is there already\n",
		    options.dir);
		exit(2);
	}
	if (store_open(&options, &b->store, &err) != 0)
		give_up(&err);
}

/* One key's attempts of one hour. */
static void
book(struct bench *b, struct store_txn *t, int64_t key, int64_t attempts,
    int64_t now)
{
	char model[32], provider[16], deployment[32], team[16], user[16],
	    tag[16], customer[24];
	struct rollup_row row = { .requests = attempts, .attempts = attempts };
	struct rollup_names names = { .tag_count = 1 };
	int64_t n = key + now / HOUR_NSECS;

	snprintf(model, sizeof(model), "model-%d", (int)(n % MODELS));
	snprintf(provider, sizeof(provider), "prov-%d", (int)(n % PROVIDERS));
	snprintf(deployment, sizeof(deployment), "deployment-%d",
	    (int)(n % DEPLOYMENTS));
	snprintf(team, sizeof(team), "team-%d", (int)(key % TEAMS));
	snprintf(user, sizeof(user), "user-%d", (int)key);
	snprintf(tag, sizeof(tag), "tag-%d", (int)(n % TAGS));
	names.model = names.group = str_of(model);
	names.provider = str_of(provider);
	names.deployment = str_of(deployment);
	names.key = str_of(b->key_ids[key]);
	names.team = str_of(team);
	names.user = str_of(user);
	names.tags[0] = str_of(tag);
	/* Many more than a day has room for. */
	snprintf(customer, sizeof(customer), "customer-%d",
	    (int)(n * 7919 % CUSTOMERS));
	names.customer = str_of(customer);
	row.prompt_tokens = 800 * attempts;
	row.completion_tokens = 200 * attempts;
	row.cost_nanos = 1234567 * attempts;
	row.latency_micros = 900000 * attempts;
	if (rollup_add(t, &names, &row, now) != 0)
		fprintf(stderr, "bench_rollup: not booked\n");
}

static void
book_hour(struct bench *b, int64_t hour, int64_t now)
{
	int64_t hours = b->days * 24;
	int64_t from = b->attempts * hour / hours;
	int64_t count = b->attempts * (hour + 1) / hours - from;
	struct store_txn *t;
	struct err err;

	if (store_write(b->store, STORE_LIVE, &t, &err) != 0)
		give_up(&err);
	for (int64_t k = 0; k < b->keys; k++) {
		int64_t share = count * (k + 1) / b->keys - count * k / b->keys;

		if (share > 0)
			book(b, t, k, share, now);
	}
	if (store_commit(&t, &err) != 0)
		give_up(&err);
}

static void
compact(struct bench *b, int64_t now)
{
	struct store_txn *t;
	struct err err;
	int n;

	do {
		if (store_write(b->store, STORE_LIVE, &t, &err) != 0)
			give_up(&err);
		n = rollup_compact(t, now - HOURS_KEPT * DAY_NSECS,
		    ROLLUP_DAYS_KEPT, COMPACT_ROWS);
		if (store_commit(&t, &err) != 0)
			give_up(&err);
	} while (n == COMPACT_ROWS);
}

/* Milliseconds of the fastest of several. */
static double
ask(struct bench *b, enum rollup_dim by, int64_t since, size_t *rows_r,
    int64_t *attempts_r)
{
	int64_t best = INT64_MAX;

	for (int i = 0; i < ASKED_TIMES; i++) {
		int64_t start = clock_mono_nsecs();
		struct rollup_result result;
		struct store_txn *t;
		struct err err;

		if (store_read(b->store, STORE_LIVE, &t, &err) != 0)
			give_up(&err);
		if (rollup_query(t, by, since, 0, &result) != 0) {
			store_failed(t, &err);
			give_up(&err);
		}
		store_abort(&t);
		*rows_r = result.count;
		*attempts_r = result.total.attempts;
		rollup_result_free(&result);
		if (clock_mono_nsecs() - start < best)
			best = clock_mono_nsecs() - start;
	}
	return (double)best / 1e6;
}

static void
report(struct bench *b, int64_t now)
{
	static const enum rollup_dim dims[] = { ROLLUP_KEY, ROLLUP_USER,
		ROLLUP_TEAM, ROLLUP_MODEL, ROLLUP_ALL, ROLLUP_CUSTOMER };
	static const int days[] = { 1, 30, 90 };
	struct store_info info;
	struct err err;

	if (store_info(b->store, &info, &err) != 0)
		give_up(&err);
	printf("store: %.1f MB in use, %llu rows of roll-ups\n",
	    (double)info.used_bytes[STORE_LIVE] / 1e6,
	    (unsigned long long)info.rows[STORE_ROLLUP]);
	for (size_t d = 0; d < ARRAY_LEN(dims); d++) {
		for (size_t i = 0; i < ARRAY_LEN(days); i++) {
			size_t rows;
			int64_t attempts;
			double msecs = ask(b, dims[d],
			    now - days[i] * DAY_NSECS, &rows, &attempts);

			printf("--by %-8s --since %2dd: %7.1f ms, %5zu rows, "
			       "%lld attempts\n",
			    rollup_dim_name(dims[d]), days[i], msecs, rows,
			    (long long)attempts);
		}
	}
}

static int64_t
number(char **argv, int argc, int i, int64_t otherwise)
{
	int64_t v = otherwise;

	if (i < argc && (num_int64(str_of(argv[i]), &v) != 0 || v < 1)) {
		fprintf(stderr, "bench_rollup: '%s' is no number\n", argv[i]);
		exit(2);
	}
	return v;
}

int
main(int argc, char **argv)
{
	struct bench b = {
		.attempts = number(argv, argc, 2, 10000000),
		.days = number(argv, argc, 3, 90),
		.keys = number(argv, argc, 4, 1000),
	};
	int64_t now = clock_wall_nsecs(), start = clock_mono_nsecs();

	if (argc < 2) {
		fprintf(stderr,
		    "usage: bench_rollup DIR [ATTEMPTS [DAYS [KEYS]]]\n");
		return 2;
	}
	open_store(&b, argv[1]);
	b.key_ids = xcalloc((size_t)b.keys, sizeof(*b.key_ids));
	for (int64_t k = 0; k < b.keys; k++)
		hash_sha256_hex(str_make((const char *)&k, sizeof(k)),
		    b.key_ids[k]);
	for (int64_t h = 0; h < b.days * 24; h++) {
		int64_t then = now - (b.days * 24 - 1 - h) * HOUR_NSECS;

		book_hour(&b, h, then);
		if (h % 24 == 23)
			compact(&b, then);
	}
	printf("made in %.1f s\n", (double)(clock_mono_nsecs() - start) / 1e9);
	report(&b, now);
	free(b.key_ids);
	store_close(&b.store);
	return 0;
}
