/*
 * The outbox, against a logger that is played here: a listening socket in the
 * same event base that reads frames, keeps lines as a trace file would, and
 * misbehaves when told to. The store is a real one.
 */
#include "unit.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/jsonx.h"
#include "fake_logger.h"
#include "live_store.h"
#include "outbox/outbox.h"
#include "store/key.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* ---- the fixture -------------------------------------------------------- */

struct fixture {
	struct live live;
	struct event_base *base;
	struct batch batch;
	struct outbox *outbox;
	struct fake logger;
	char *path;
	size_t drained;
	bool at_once; /* set before start */
};

static void
on_drained(void *arg)
{
	struct fixture *f = arg;

	f->drained++;
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
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	outbox_free(&f->outbox);
	fake_stop(&f->logger);
	event_base_free(f->base);
	live_close(&f->live);
	scratch_remove(f->live.dir);
	free(f->path);
	free(f);
	return 0;
}

static void
start_outbox(struct fixture *f, uint64_t owner)
{
	struct outbox_options o = {
		.base = f->base,
		.store = f->live.store,
		.batch = &f->batch,
		.socket_path = f->path,
		.owner = owner,
		.at_once = f->at_once,
		.on_drained = on_drained,
		.arg = f,
	};

	f->outbox = outbox_new(&o);
}

static void
start(struct fixture *f)
{
	fake_start(&f->logger, f->base, f->path);
	start_outbox(f, f->live.owner.id);
}

/* Turns of a worker's loop, until the condition or for two seconds. */
static void
turn(struct fixture *f)
{
	struct timeval tv = { 0, 10000 };
	struct err err;

	event_base_loopexit(f->base, &tv);
	event_base_loop(f->base, EVLOOP_ONCE);
	for (int i = 0; i < 4 && f->batch.queued > 0; i++) {
		if (batch_run(&f->batch, &err) != 0)
			fail_msg("%s", err.text);
	}
}

#define TURN_UNTIL(f, cond)                                                    \
	do {                                                                   \
		int64_t end_ = clock_mono_nsecs() + 5 * NSECS_PER_SEC;         \
		while (!(cond)) {                                              \
			if (clock_mono_nsecs() > end_)                         \
				fail_msg("never: %s", #cond);                  \
			turn(f);                                               \
		}                                                              \
	} while (0)

static void
put_row(struct store_txn *t, uint64_t owner, uint64_t seq, struct str value)
{
	struct key k;

	key_init(&k);
	key_u64(&k, owner);
	key_u64(&k, seq);
	assert_int_equal(store_put(t, STORE_OUTBOX, key_str(&k), value), 0);
}

/* As settlements do: the next sequences, with a record each. */
static void
put_records(struct fixture *f, int n)
{
	struct store_txn *t = live_write(&f->live);

	for (int i = 0; i < n; i++) {
		char text[64];
		uint64_t seq;

		assert_int_equal(owner_next_seq(t, &f->live.owner, &seq), 0);
		snprintf(text, sizeof(text), "{\"n\":%llu}",
		    (unsigned long long)seq);
		put_row(t, f->live.owner.id, seq, str_of(text));
	}
	live_commit(t);
}

static struct fake_mark *
own_mark(struct fixture *f)
{
	return fake_mark(&f->logger, f->live.owner.id);
}

static uint64_t
rows(struct fixture *f)
{
	return live_rows(&f->live, STORE_OUTBOX);
}

/* Lines 1 to n arrived once each, in order, with the text they had. */
static void
check_lines(const struct fake *l, size_t n)
{
	assert_int_equal(l->count, n);
	for (size_t i = 0; i < n; i++) {
		char want[64];

		snprintf(want, sizeof(want), "{\"n\":%zu}", i + 1);
		assert_int_equal(l->seqs[i], i + 1);
		assert_string_equal(l->lines[i], want);
	}
}

/* ---- the straight way --------------------------------------------------- */

static void
test_ships_all_and_deletes_on_the_word(void **state)
{
	struct fixture *f = *state;
	struct outbox_stats s;

	put_records(f, 300);
	start(f);
	assert_false(outbox_is_empty(f->outbox));
	TURN_UNTIL(f, rows(f) == 0);
	check_lines(&f->logger, 300);
	assert_int_equal(f->logger.doubles, 0);
	assert_int_equal(f->logger.hellos, 1);
	assert_true(outbox_is_empty(f->outbox));
	assert_int_equal(f->drained, 1);
	outbox_stats(f->outbox, &s);
	assert_int_equal(s.sent, 300);
	assert_int_equal(s.acknowledged, 300);
	assert_true(s.connected);
}

static void
test_what_comes_later_goes_with_a_kick(void **state)
{
	struct fixture *f = *state;

	start(f);
	TURN_UNTIL(f, f->logger.hellos == 1);
	for (int i = 0; i < 5; i++)
		turn(f);
	assert_int_equal(f->batch.commits, 0); /* nothing to delete */
	for (size_t n = 1; n <= 20; n++) {
		put_records(f, 1);
		outbox_kick(f->outbox, 1);
		TURN_UNTIL(f, rows(f) == 0);
		check_lines(&f->logger, n);
	}
	assert_int_equal(f->logger.doubles, 0);
}

static uint64_t
sent(struct fixture *f)
{
	struct outbox_stats s;

	outbox_stats(f->outbox, &s);
	return s.sent;
}

static void
settle_one(struct fixture *f)
{
	put_records(f, 1);
	outbox_kick(f->outbox, 1);
}

/* One record is on file: both sides know each other. */
static void
start_with_one(struct fixture *f)
{
	start(f);
	settle_one(f);
	TURN_UNTIL(f, f->logger.count == 1 && rows(f) == 0);
}

static void
test_new_records_are_gathered(void **state)
{
	struct fixture *f = *state;
	size_t before;

	start_with_one(f);
	before = f->logger.packets;
	for (int i = 0; i < 31; i++)
		settle_one(f);
	assert_int_equal(sent(f), 1);
	TURN_UNTIL(f, rows(f) == 0);
	assert_int_equal(f->logger.packets, before + 1);
	/* Enough for a packet: they do not wait. */
	for (int i = 0; i < 31; i++)
		settle_one(f);
	assert_int_equal(sent(f), 32);
	settle_one(f);
	assert_int_equal(sent(f), 64);
	TURN_UNTIL(f, rows(f) == 0);
	check_lines(&f->logger, 64);
	assert_int_equal(f->logger.packets, before + 2);
}

/* Some that waited when it broke, and some that came before it was whole. */
static void
test_gathered_over_a_broken_connection(void **state)
{
	struct fixture *f = *state;

	start_with_one(f);
	settle_one(f);
	fake_hang_up(&f->logger);
	TURN_UNTIL(f, f->logger.hellos == 2);
	settle_one(f);
	TURN_UNTIL(f, rows(f) == 0);
	check_lines(&f->logger, 3);
}

static void
test_nothing_is_gathered_where_somebody_waits(void **state)
{
	struct fixture *f = *state;

	f->at_once = true;
	start_with_one(f);
	for (uint64_t n = 2; n <= 4; n++) {
		settle_one(f);
		assert_int_equal(sent(f), n);
	}
	TURN_UNTIL(f, rows(f) == 0);
	check_lines(&f->logger, 4);
}

static void
test_many_records_share_a_packet(void **state)
{
	struct fixture *f = *state;

	put_records(f, 1000);
	start(f);
	TURN_UNTIL(f, rows(f) == 0);
	/* 1,000 frames of 32 + 10 bytes fit into one of 60 KiB. */
	assert_in_range(f->logger.packets, 2, 3);
}

static void
test_nothing_is_deleted_before_the_word(void **state)
{
	struct fixture *f = *state;

	f->logger.mute = true;
	put_records(f, 50);
	start(f);
	TURN_UNTIL(f, f->logger.count == 50);
	for (int i = 0; i < 5; i++)
		turn(f);
	assert_int_equal(rows(f), 50);
	assert_int_equal(f->drained, 0);
	/* The word for some of them comes. */
	own_mark(f)->highest = 20;
	fake_tell(&f->logger, RECORD_ACK, f->live.owner.id);
	TURN_UNTIL(f, rows(f) == 30);
}

static void
test_rows_of_others_are_left_alone(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t;

	put_records(f, 3);
	t = live_write(&f->live);
	put_row(t, f->live.owner.id - 1, 1, str_of("{\"other\":1}"));
	put_row(t, f->live.owner.id + 1, 1, str_of("{\"other\":2}"));
	live_commit(t);
	start(f);
	TURN_UNTIL(f, f->drained == 1);
	check_lines(&f->logger, 3);
	assert_int_equal(rows(f), 2);
}

/* A long backlog: transactions stay short. */
static void
test_deletes_in_small_transactions(void **state)
{
	struct fixture *f = *state;

	put_records(f, 5000);
	fake_start(&f->logger, f->base, f->path);
	own_mark(f)->highest = 5000; /* it has them all already */
	start_outbox(f, f->live.owner.id);
	TURN_UNTIL(f, rows(f) == 0);
	assert_int_equal(f->logger.count, 0);
	assert_in_range(f->batch.commits, 5, 6);
	assert_int_equal(f->drained, 1);
}

/* ---- interrupted -------------------------------------------------------- */

static void
test_waits_for_a_logger(void **state)
{
	struct fixture *f = *state;
	struct outbox_stats s;

	put_records(f, 3);
	start_outbox(f, f->live.owner.id);
	for (int i = 0; i < 10; i++)
		turn(f);
	outbox_stats(f->outbox, &s);
	assert_false(s.connected);
	outbox_kick(f->outbox, 1); /* harmless */
	fake_start(&f->logger, f->base, f->path);
	TURN_UNTIL(f, rows(f) == 0);
	check_lines(&f->logger, 3);
}

static void
test_sends_again_what_was_not_acknowledged(void **state)
{
	struct fixture *f = *state;

	f->logger.mute = true;
	put_records(f, 10);
	start(f);
	TURN_UNTIL(f, f->logger.count == 10);
	/* It dies before any of it was on file; the next one knows nothing. */
	fake_stop(&f->logger);
	memset(&f->logger, 0, sizeof(f->logger));
	fake_start(&f->logger, f->base, f->path);
	TURN_UNTIL(f, rows(f) == 0);
	check_lines(&f->logger, 10);
}

static void
test_goes_on_where_the_logger_stands(void **state)
{
	struct fixture *f = *state;

	f->logger.mute = true;
	put_records(f, 10);
	start(f);
	TURN_UNTIL(f, f->logger.count == 10);
	/* Killed between the write and the word: 1 to 6 are on file. */
	fake_hang_up(&f->logger);
	own_mark(f)->highest = 6;
	f->logger.mute = false;
	f->logger.count = 6;
	for (size_t i = 6; i < 10; i++)
		free(f->logger.lines[i]);
	TURN_UNTIL(f, rows(f) == 0);
	check_lines(&f->logger, 10);
	assert_int_equal(f->logger.doubles, 0);
	assert_int_equal(f->logger.hellos, 2);
}

static void
test_hangs_up_in_the_middle(void **state)
{
	struct fixture *f = *state;

	put_records(f, 200);
	f->logger.hang_up_after = 70;
	start(f);
	TURN_UNTIL(f, rows(f) == 0);
	/* The 70 were not acknowledged; a double is dropped by sequence. */
	assert_int_equal(f->logger.hellos, 2);
	assert_int_equal(f->logger.count, 270);
	assert_int_equal(f->logger.seqs[70], 1);
	assert_int_equal(f->logger.seqs[269], 200);
}

/* A logger whose file was put aside knows less than it once acknowledged. */
static void
test_a_lower_answer_is_believed(void **state)
{
	struct fixture *f = *state;

	put_records(f, 5);
	start(f);
	TURN_UNTIL(f, rows(f) == 0);
	fake_hang_up(&f->logger);
	own_mark(f)->highest = 2;
	put_records(f, 1);
	TURN_UNTIL(f, rows(f) == 0);
	assert_int_equal(f->logger.count, 6);
	assert_int_equal(f->logger.seqs[5], 6);
}

static void
test_full_socket_is_waited_for(void **state)
{
	struct fixture *f = *state;
	char *value = xmalloc(20001);
	struct store_txn *t = live_write(&f->live);
	struct outbox_stats s;
	uint64_t seq;

	memset(value, ' ', 20000);
	value[0] = '{';
	value[19999] = '}';
	value[20000] = '\0';
	for (int i = 0; i < 300; i++) { /* 6 MB: more than any buffer */
		assert_int_equal(owner_next_seq(t, &f->live.owner, &seq), 0);
		put_row(t, f->live.owner.id, seq, str_of(value));
	}
	live_commit(t);
	start(f);
	TURN_UNTIL(f, f->logger.hellos == 1);
	fake_listen(&f->logger, false);
	for (int i = 0; i < 20; i++) {
		turn(f);
		outbox_kick(f->outbox, 1);
	}
	outbox_stats(f->outbox, &s);
	assert_true(s.connected);
	assert_in_range(s.sent, 1, 299);
	fake_listen(&f->logger, true);
	TURN_UNTIL(f, rows(f) == 0);
	assert_int_equal(f->logger.count, 300);
	assert_int_equal(f->logger.doubles, 0);
	free(value);
}

static void
test_garbage_costs_the_connection(void **state)
{
	struct fixture *f = *state;

	start(f);
	TURN_UNTIL(f, f->logger.hellos == 1);
	fake_send(&f->logger, "no frame", 8);
	put_records(f, 2);
	TURN_UNTIL(f, f->logger.hellos == 2);
	/* An answer about somebody else. */
	fake_tell(&f->logger, RECORD_ACK, f->live.owner.id + 1);
	TURN_UNTIL(f, f->logger.hellos == 3);
	TURN_UNTIL(f, rows(f) == 0);
}

/* ---- odd rows ----------------------------------------------------------- */

static void
test_a_gap_in_the_rows_is_sent_as_it_is(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = live_write(&f->live);
	static const uint64_t seqs[] = { 4, 5, 9 };

	for (size_t i = 0; i < ARRAY_LEN(seqs); i++)
		put_row(t, f->live.owner.id, seqs[i], str_of("{}"));
	live_commit(t);
	start(f);
	TURN_UNTIL(f, rows(f) == 0);
	assert_int_equal(f->logger.count, 3);
	for (size_t i = 0; i < ARRAY_LEN(seqs); i++)
		assert_int_equal(f->logger.seqs[i], seqs[i]);
}

static void
test_a_row_that_cannot_go_does_not_hold_up_others(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = live_write(&f->live);
	char *large = xcalloc(1, 40001);
	const char *values[] = { "", "no json", "{\"a\":\n1}", large, "{}" };

	memset(large, 'x', 40000);
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		put_row(t, f->live.owner.id, i + 1, str_of(values[i]));
	live_commit(t);
	start(f);
	TURN_UNTIL(f, rows(f) == 0);
	assert_int_equal(f->logger.count, 5);
	for (size_t i = 0; i < 4; i++) {
		json_t *json = jsonx_parse(str_of(f->logger.lines[i]), NULL);
		int64_t n = -1;

		assert_non_null(json);
		assert_str(jsonx_str(json, "outcome"), "lost");
		assert_int_equal(jsonx_int(json, "record_bytes", &n), 1);
		assert_int_equal(n, strlen(values[i]));
		json_decref(json);
	}
	assert_string_equal(f->logger.lines[4], "{}");
	free(large);
}

/* ---- killed ------------------------------------------------------------- */

struct told {
	uint64_t owner, seq;
};

/* A worker: settles without end, ships what it settled. */
static void
work_until_killed(const char *dir, const char *path, int told_fd)
{
	struct fixture f = { .live.dir = xstrdup(dir), .path = xstrdup(path) };
	struct told told;

	live_open(&f.live);
	f.base = event_base_new();
	batch_init(&f.batch, f.live.store);
	start_outbox(&f, f.live.owner.id);
	for (;;) {
		/* No more than the fake logger can take. */
		if (f.live.owner.row.last_seq < FAKE_LINES_MAX)
			put_records(&f, 1);
		told.owner = f.live.owner.id;
		told.seq = f.live.owner.row.last_seq;
		/* Too fast for the parent: it hears of a later one. */
		if (write(told_fd, &told, sizeof(told)) < 0 && errno != EAGAIN)
			_exit(1);
		outbox_kick(f.outbox, 1);
		event_base_loop(f.base, EVLOOP_NONBLOCK);
		if (f.batch.queued > 0 && batch_run(&f.batch, NULL) != 0)
			_exit(1);
	}
}

/* Killed anywhere between a commit and the deletion; another process ships the
   rest. Everything that was committed arrives, and none twice. */
static void
test_killed_worker_loses_nothing(void **state)
{
	struct fixture *f = *state;

	live_close(&f->live); /* a store is not carried over a fork */
	for (int round = 0; round < 6; round++) {
		struct told told = { 0 }, next;
		int fds[2], status;
		int64_t end;
		pid_t pid;

		memset(&f->logger, 0, sizeof(f->logger));
		fake_start(&f->logger, f->base, f->path);
		assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
		pid = fork();
		if (pid == 0)
			work_until_killed(f->live.dir, f->path, fds[1]);
		close(fds[1]);
		end = clock_mono_nsecs() + (20 + 7 * round) * NSECS_PER_MSEC;
		while (clock_mono_nsecs() < end || told.seq == 0) {
			event_base_loop(f->base, EVLOOP_NONBLOCK);
			while (
			    read(fds[0], &next, sizeof(next)) == sizeof(next))
				told = next;
		}
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		while (read(fds[0], &next, sizeof(next)) == sizeof(next))
			told = next;
		close(fds[0]);
		live_open(&f->live);
		batch_init(&f->batch, f->live.store);
		start_outbox(f, told.owner);
		TURN_UNTIL(f, rows(f) == 0);
		assert_true(f->logger.count >= told.seq);
		check_lines(&f->logger, f->logger.count);
		outbox_free(&f->outbox);
		live_close(&f->live);
		fake_stop(&f->logger);
	}
	live_open(&f->live);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ships_all_and_deletes_on_the_word),
		TEST(test_what_comes_later_goes_with_a_kick),
		TEST(test_new_records_are_gathered),
		TEST(test_gathered_over_a_broken_connection),
		TEST(test_nothing_is_gathered_where_somebody_waits),
		TEST(test_many_records_share_a_packet),
		TEST(test_nothing_is_deleted_before_the_word),
		TEST(test_rows_of_others_are_left_alone),
		TEST(test_deletes_in_small_transactions),
		TEST(test_waits_for_a_logger),
		TEST(test_sends_again_what_was_not_acknowledged),
		TEST(test_goes_on_where_the_logger_stands),
		TEST(test_hangs_up_in_the_middle),
		TEST(test_a_lower_answer_is_believed),
		TEST(test_full_socket_is_waited_for),
		TEST(test_garbage_costs_the_connection),
		TEST(test_a_gap_in_the_rows_is_sent_as_it_is),
		TEST(test_a_row_that_cannot_go_does_not_hold_up_others),
		TEST(test_killed_worker_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
