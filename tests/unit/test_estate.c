/*
 * What dead owners leave: settled once, shipped, cleared away; by one keeper,
 * by two, by keepers that are killed. The store and the ledger are real, the
 * logger is played.
 */
#include "fake_logger.h"
#include "live_store.h"

#include "base/clock.h"
#include "base/fd.h"
#include "domain/ledger/ledger.h"
#include "domain/routing/breaker.h"
#include "domain/routing/limiter.h"
#include "keeper/estate.h"
#include "store/key.h"

#include <event2/event.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define AMOUNT 1000 /* held for each request */
#define PROMPT 300  /* charged when it was sent */

struct fixture {
	struct live live; /* its owner is the keeper */
	struct event_base *base;
	struct batch batch;
	struct fake logger;
	struct estates *estates;
	char *path;
	size_t settled; /* calls of on_settled */
};

static void
on_settled(void *arg)
{
	struct fixture *f = arg;

	f->settled++;
}

static struct estates *
new_estates(struct fixture *f, struct owner *self)
{
	struct estates_options o = {
		.base = f->base,
		.store = f->live.store,
		.batch = &f->batch,
		.store_dir = f->live.dir,
		.socket_path = f->path,
		.self = self,
		.on_settled = on_settled,
		.arg = f,
	};

	return estates_new(&o);
}

static int
setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->live.dir = scratch_make();
	live_open(&f->live);
	f->base = event_base_new();
	batch_init(&f->batch, f->live.store);
	f->path = path_join(f->live.dir, "trace.sock");
	fake_start(&f->logger, f->base, f->path);
	f->estates = new_estates(f, &f->live.owner);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	estates_free(&f->estates);
	fake_stop(&f->logger);
	event_base_free(f->base);
	live_close(&f->live);
	scratch_remove(f->live.dir);
	free(f->path);
	free(f);
	return 0;
}

/* Runs what is queued, to the end. */
static void
run_batch(struct fixture *f)
{
	struct err err;

	for (int i = 0; i < 1000 && f->batch.queued > 0; i++) {
		if (batch_run(&f->batch, &err) != 0)
			fail_msg("%s", err.text);
	}
	assert_int_equal(f->batch.queued, 0);
}

/* One sweep of a keeper, and a look at its sockets. */
static void
sweep(struct fixture *f, struct estates *e)
{
	estates_sweep(e);
	run_batch(f);
	for (int i = 0; i < 10; i++) {
		event_base_loop(f->base, EVLOOP_NONBLOCK);
		run_batch(f);
	}
}

static void
sweep_all(struct fixture *f)
{
	for (int i = 0; i < 200; i++) {
		sweep(f, f->estates);
		if (estates_open(f->estates) == 0)
			return;
		usleep(2000);
	}
	fail_msg("%zu estates stay open", estates_open(f->estates));
}

/* ---- what somebody leaves ----------------------------------------------- */

static struct owner
take_owner(struct live *l)
{
	struct owner_row row = { .role = 1, .slot = 3, .pid = 4711 };
	struct owner o;
	struct err err;

	if (owner_register(l->store, l->dir, &row, &o, &err) != 0)
		fail_msg("%s", err.text);
	return o;
}

static const struct cap global = { .kind = SCOPE_GLOBAL,
	.id = "",
	.cap_nanos = INT64_C(1000000000) };

static void
put_hold(struct store_txn *t, uint64_t owner, uint64_t number,
    enum hold_state hold_state)
{
	struct hold_request request = { .worst_nanos = AMOUNT,
		.least_nanos = AMOUNT,
		.cap_count = 1,
		.caps = { global },
		.now_nsecs = clock_wall_nsecs() };
	struct hold h = {
		.owner = owner,
		.number = number,
		.prompt_nanos = PROMPT,
		.taken_nsecs = request.now_nsecs,
		.state = hold_state,
		.record = str_of("\"run_id\":\"r\""),
		.names = { .model = str_of("m"), .key = str_of("k") },
	};
	struct hold_answer answer;
	struct err err;

	if (ledger_hold(t, &request, &h, &answer, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(answer.verdict, HOLD_GRANTED);
}

/* Holds 1 to n of an owner, all of them sent. */
static void
put_holds(struct live *l, uint64_t owner, int n)
{
	struct store_txn *t = live_write(l);

	for (int i = 1; i <= n; i++)
		put_hold(t, owner, (uint64_t)i, HOLD_SENT);
	live_commit(t);
}

static void
put_records(struct live *l, struct owner *o, int n)
{
	struct store_txn *t = live_write(l);

	for (int i = 0; i < n; i++) {
		struct key k;
		uint64_t seq;

		assert_int_equal(owner_next_seq(t, o, &seq), 0);
		key_init(&k);
		key_u64(&k, o->id);
		key_u64(&k, seq);
		store_put(t, STORE_OUTBOX, key_str(&k), str_of("{}"));
	}
	live_commit(t);
}

/* ---- what is in the books ----------------------------------------------- */

static void
check_spend(struct fixture *f, int64_t spent, int64_t held)
{
	struct hold_scope scope = { .kind = SCOPE_GLOBAL };
	struct store_txn *t = live_read(&f->live);
	struct spend_row row;
	struct err err;

	if (ledger_spend(t, &scope, &row, &err) != 0)
		fail_msg("%s", err.text);
	store_abort(&t);
	assert_int_equal(row.spent_nanos, spent);
	assert_int_equal(row.held_nanos, held);
}

static bool
has_row(struct fixture *f, uint64_t owner)
{
	struct store_txn *t = live_read(&f->live);
	struct str value;
	struct key k;
	int rc;

	key_init(&k);
	key_u64(&k, owner);
	rc = store_get(t, STORE_OWNERS, key_str(&k), &value);
	store_abort(&t);
	return rc == 1;
}

/* ---- one keeper --------------------------------------------------------- */

static void
test_one_that_left_nothing_is_cleared_at_once(void **state)
{
	struct fixture *f = *state;
	struct owner dead = take_owner(&f->live);

	owner_release(&dead);
	estates_sweep(f->estates);
	run_batch(f);
	assert_false(has_row(f, dead.id));
	assert_int_equal(estates_open(f->estates), 0);
	assert_int_equal(f->settled, 0);
	assert_true(has_row(f, f->live.owner.id));
	/* Nobody was connected for nothing. */
	event_base_loop(f->base, EVLOOP_NONBLOCK);
	assert_int_equal(f->logger.hellos, 0);
}

static void
test_holds_are_settled_by_the_rule(void **state)
{
	struct fixture *f = *state;
	struct owner dead = take_owner(&f->live);
	struct store_txn *t = live_write(&f->live);

	put_hold(t, dead.id, 1, HOLD_TAKEN);
	put_hold(t, dead.id, 2, HOLD_SENT);
	put_hold(t, dead.id, 3, HOLD_ANSWERING);
	live_commit(t);
	check_spend(f, 0, 3 * AMOUNT);
	owner_release(&dead);
	sweep_all(f);
	check_spend(f, 2 * PROMPT, 0);
	assert_int_equal(live_rows(&f->live, STORE_HOLDS), 0);
	assert_false(has_row(f, dead.id));
	/* Their records are the keeper's now. */
	assert_int_equal(live_rows(&f->live, STORE_OUTBOX), 3);
	assert_false(outbox_owner_is_empty(f->live.store, f->live.owner.id));
	assert_true(f->settled > 0);
}

static void
test_more_holds_than_one_transaction_takes(void **state)
{
	struct fixture *f = *state;
	struct owner dead = take_owner(&f->live);

	put_holds(&f->live, dead.id, 200);
	owner_release(&dead);
	estates_sweep(f->estates);
	run_batch(f);
	assert_true(f->batch.commits >= 4);
	check_spend(f, 200 * PROMPT, 0);
	assert_int_equal(live_rows(&f->live, STORE_OUTBOX), 200);
	assert_false(has_row(f, dead.id));
}

static void
test_records_are_shipped_before_the_row_goes(void **state)
{
	struct fixture *f = *state;
	struct owner dead = take_owner(&f->live);

	put_records(&f->live, &dead, 7);
	owner_release(&dead);
	f->logger.mute = true;
	for (int i = 0; i < 5; i++)
		sweep(f, f->estates);
	assert_int_equal(f->logger.count, 7);
	assert_true(has_row(f, dead.id)); /* no word yet */
	assert_int_equal(estates_open(f->estates), 1);
	fake_mark(&f->logger, dead.id)->highest = 7;
	fake_tell(&f->logger, RECORD_ACK, dead.id);
	sweep_all(f);
	assert_int_equal(live_rows(&f->live, STORE_OUTBOX), 0);
	assert_false(has_row(f, dead.id));
}

static void
test_the_living_are_left_alone(void **state)
{
	struct fixture *f = *state;
	struct owner alive = take_owner(&f->live);

	put_holds(&f->live, alive.id, 2);
	put_records(&f->live, &alive, 2);
	for (int i = 0; i < 3; i++)
		sweep(f, f->estates);
	check_spend(f, 0, 2 * AMOUNT);
	assert_true(has_row(f, alive.id));
	assert_int_equal(live_rows(&f->live, STORE_OUTBOX), 2);
	assert_int_equal(f->logger.hellos, 0);
	owner_release(&alive);
	sweep_all(f);
	check_spend(f, 2 * PROMPT, 0);
}

static void
test_a_dead_probers_ticket_is_freed(void **state)
{
	struct breaker_rule rule = { .probe_nsecs = 3600 * NSECS_PER_SEC };
	struct fixture *f = *state;
	struct owner dead = take_owner(&f->live);
	int64_t now = clock_wall_nsecs();
	struct store_txn *t = live_write(&f->live);
	struct health_row row;

	health_row_init(&row);
	breaker_trip(&row, now - 10 * NSECS_PER_SEC, NSECS_PER_SEC);
	assert_int_equal(breaker_enter(&row, &rule, dead.id, now),
	    BREAKER_PROBE);
	assert_int_equal(breaker_ask(&row, now), BREAKER_DENY);
	assert_int_equal(health_put(t, "d", &row), 0);
	live_commit(t);
	owner_release(&dead);
	sweep_all(f);
	t = live_read(&f->live);
	assert_int_equal(health_get(t, "d", &row), 1);
	store_abort(&t);
	assert_int_equal(breaker_ask(&row, now), BREAKER_PROBE);
}

static void
test_a_dead_owners_calls_count_no_longer(void **state)
{
	struct fixture *f = *state;
	struct owner dead = take_owner(&f->live);
	struct limit_demand d = {
		.scope = { .kind = SCOPE_DEPLOYMENT, .id = str_of("d") },
		.requests = -1,
		.tokens = -1,
		.parallel = 2,
	};
	struct limit_take take = {
		.count = 1,
		.demands = &d,
		.owner = dead.id,
		.now_nsecs = clock_wall_nsecs(),
	};
	struct store_txn *t = live_write(&f->live);

	assert_int_equal(limiter_take(t, &take), 1);
	assert_int_equal(limiter_take(t, &take), 1);
	assert_int_equal(limiter_take(t, &take), 0);
	live_commit(t);
	sweep_all(f);
	assert_int_equal(live_rows(&f->live, STORE_LIMITS), 1); /* it lives */
	owner_release(&dead);
	sweep_all(f);
	assert_int_equal(live_rows(&f->live, STORE_LIMITS), 0);
}

/* One row that cannot be read does not keep the others from being settled,
   and is not thrown away. */
static void
test_a_damaged_hold_stays_the_others_go(void **state)
{
	struct fixture *f = *state;
	struct owner dead = take_owner(&f->live);
	struct owner other = take_owner(&f->live);
	struct store_txn *t;
	struct key k;

	put_holds(&f->live, dead.id, 5);
	put_holds(&f->live, other.id, 1);
	put_records(&f->live, &dead, 2);
	t = live_write(&f->live);
	key_init(&k);
	key_u64(&k, dead.id);
	key_u64(&k, 2);
	store_put(t, STORE_HOLDS, key_str(&k), str_of("damaged"));
	live_commit(t);
	owner_release(&dead);
	owner_release(&other);
	sweep_all(f);
	assert_int_equal(live_rows(&f->live, STORE_HOLDS), 1);
	check_spend(f, 5 * PROMPT, AMOUNT);
	assert_int_equal(f->logger.count, 2); /* its records went */
	assert_true(has_row(f, dead.id));     /* it is not forgotten */
	assert_false(has_row(f, other.id));
	sweep_all(f);
	check_spend(f, 5 * PROMPT, AMOUNT);
}

/* The file of locks is gone: everybody would look dead. */
static void
test_without_the_locks_nothing_is_touched(void **state)
{
	struct fixture *f = *state;
	struct owner alive = take_owner(&f->live);
	char *locks = path_join(f->live.dir, "owners.lock");

	put_holds(&f->live, alive.id, 1);
	assert_int_equal(unlink(locks), 0);
	for (int i = 0; i < 3; i++)
		sweep(f, f->estates);
	check_spend(f, 0, AMOUNT);
	assert_true(has_row(f, alive.id));
	/* Nor when another is in its place. */
	assert_int_equal(file_write(locks, str_of(""), NULL), 0);
	for (int i = 0; i < 3; i++)
		sweep(f, f->estates);
	check_spend(f, 0, AMOUNT);
	owner_release(&alive);
	free(locks);
}

static void
test_the_dead_are_found_behind_many_living(void **state)
{
	enum {
		LIVING = 300
	};
	struct rlimit limit = { 2048, 2048 };
	struct fixture *f = *state;
	struct owner living[LIVING], dead;

	setrlimit(RLIMIT_NOFILE, &limit);
	for (int i = 0; i < LIVING; i++)
		living[i] = take_owner(&f->live);
	dead = take_owner(&f->live);
	put_holds(&f->live, dead.id, 1);
	owner_release(&dead);
	for (int i = 0; i < 3; i++)
		sweep(f, f->estates);
	assert_false(has_row(f, dead.id));
	check_spend(f, PROMPT, 0);
	for (int i = 0; i < LIVING; i++)
		owner_release(&living[i]);
	/* Many at once are taken on a few at a time. */
	for (int i = 0; i < 20; i++)
		sweep(f, f->estates);
	assert_int_equal(live_rows(&f->live, STORE_OWNERS), 1);
}

/* ---- several ------------------------------------------------------------ */

/* An old keeper that is leaving and its successor work side by side. */
static void
test_two_keepers_settle_once(void **state)
{
	struct fixture *f = *state;
	struct owner second = take_owner(&f->live);
	struct owner dead = take_owner(&f->live);
	struct estates *other = new_estates(f, &second);

	put_holds(&f->live, dead.id, 150);
	put_records(&f->live, &dead, 20);
	owner_release(&dead);
	/* Both have seen it before either has begun. */
	estates_sweep(f->estates);
	estates_sweep(other);
	for (int i = 0; i < 200 && (estates_open(f->estates) > 0 ||
				       estates_open(other) > 0);
	     i++) {
		sweep(f, f->estates);
		sweep(f, other);
		usleep(1000);
	}
	assert_int_equal(estates_open(f->estates), 0);
	assert_int_equal(estates_open(other), 0);
	check_spend(f, 150 * PROMPT, 0);
	assert_int_equal(live_rows(&f->live, STORE_HOLDS), 0);
	/* One record each, with one of the two. */
	assert_int_equal(live_rows(&f->live, STORE_OUTBOX), 150);
	assert_false(has_row(f, dead.id));
	estates_free(&other);
	owner_release(&second);
}

/* A keeper that is killed somewhere: opens everything anew, as after exec. */
static void
keep_until_killed(const char *dir, const char *path)
{
	struct fixture f = { .live.dir = xstrdup(dir), .path = xstrdup(path) };

	live_open(&f.live);
	f.base = event_base_new();
	batch_init(&f.batch, f.live.store);
	f.estates = new_estates(&f, &f.live.owner);
	for (;;) {
		estates_sweep(f.estates);
		event_base_loop(f.base, EVLOOP_NONBLOCK);
		/* One transaction at a time: more places to be killed at. */
		if (f.batch.queued > 0 && batch_run(&f.batch, NULL) != 0)
			_exit(1);
	}
}

static void
test_killed_keepers_do_nothing_twice(void **state)
{
	enum {
		HOLDS = 1500,
		ROUNDS = 8
	};
	struct fixture *f = *state;
	struct owner dead = take_owner(&f->live);
	uint64_t id = dead.id;

	put_holds(&f->live, id, HOLDS);
	put_records(&f->live, &dead, 40);
	owner_release(&dead);
	estates_free(&f->estates);
	live_close(&f->live); /* a store is not carried over a fork */
	for (int i = 0; i < ROUNDS; i++) {
		int64_t end = clock_mono_nsecs() + (4 + i) * NSECS_PER_MSEC;
		pid_t pid = fork();
		int status;

		if (pid == 0)
			keep_until_killed(f->live.dir, f->path);
		while (clock_mono_nsecs() < end)
			event_base_loop(f->base, EVLOOP_NONBLOCK);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
	}
	live_open(&f->live);
	batch_init(&f->batch, f->live.store);
	f->estates = new_estates(f, &f->live.owner);
	sweep_all(f);
	check_spend(f, HOLDS * PROMPT, 0);
	assert_int_equal(live_rows(&f->live, STORE_HOLDS), 0);
	assert_false(has_row(f, id));
	/* One record for each: on file, or with this keeper. The killed ones
	   were owners too. */
	assert_int_equal(f->logger.count + live_rows(&f->live, STORE_OUTBOX),
	    HOLDS + 40);
	assert_int_equal(live_rows(&f->live, STORE_OWNERS), 1);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_that_left_nothing_is_cleared_at_once),
		TEST(test_holds_are_settled_by_the_rule),
		TEST(test_more_holds_than_one_transaction_takes),
		TEST(test_records_are_shipped_before_the_row_goes),
		TEST(test_the_living_are_left_alone),
		TEST(test_a_dead_probers_ticket_is_freed),
		TEST(test_a_dead_owners_calls_count_no_longer),
		TEST(test_a_damaged_hold_stays_the_others_go),
		TEST(test_without_the_locks_nothing_is_touched),
		TEST(test_the_dead_are_found_behind_many_living),
		TEST(test_two_keepers_settle_once),
		TEST(test_killed_keepers_do_nothing_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
