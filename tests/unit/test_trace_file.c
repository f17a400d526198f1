/* The trace file: lines, chain, doubles, a disk that refuses, kill -9. */
#include "trace_fixture.h"

#include "base/fd.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void
test_lines_are_chained(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fx_add(f, A, 1, "{\"model\":\"m\",\"cost_usd\":0.1}"),
	    1);
	assert_int_equal(fx_add(f, B, 1, "{ \t}"), 1);
	assert_int_equal(trace_file_seq(f->file, A), 0); /* not on file yet */
	fx_flush(f);
	assert_int_equal(fx_add(f, A, 2, "{\"x\":{\"owner\":7,\"seq\":99}}"),
	    1);
	fx_flush(f);
	assert_int_equal(trace_file_seq(f->file, A), 2);
	assert_int_equal(trace_file_seq(f->file, B), 1);
	assert_int_equal(trace_file_lines(f->file), 3);
	trace_file_close(&f->file);
	fx_open(f);
	/* The record's own members are not taken for the chain's. */
	assert_int_equal(trace_file_seq(f->file, A), 2);
	assert_int_equal(trace_file_seq(f->file, B), 1);
	assert_int_equal(fx_check(f, true).lines, 3);
}

static void
test_line_is_record_then_chain(void **state)
{
	struct fixture *f = *state;
	char want[512], hash[65];
	struct buf all;

	assert_int_equal(fx_add(f, A, 1, "{\"cost_usd\":0.000000001}"), 1);
	fx_flush(f);
	snprintf(want, sizeof(want),
	    "{\"cost_usd\":0.000000001,\"owner\":1001,\"seq\":1,\"prev\":\"\"");
	fx_sha256(str_of(want), hash);
	snprintf(want + strlen(want), sizeof(want) - strlen(want),
	    ",\"hash\":\"%s\"}\n", hash);
	all = fx_read_chain(f);
	assert_str(buf_str(&all), want);
	buf_fini(&all);
}

static void
test_doubles_are_dropped(void **state)
{
	struct fixture *f = *state;
	struct counts c;

	fx_put(f, A, 1, 3);
	assert_int_equal(fx_add(f, A, 1, "{}"), 0);
	assert_int_equal(fx_add(f, A, 3, "{}"), 0);
	assert_int_equal(fx_add(f, A, 4, "{}"), 1);
	assert_int_equal(fx_add(f, A, 4, "{}"), 0); /* queued is there too */
	fx_flush(f);
	c = fx_check(f, true);
	assert_int_equal(c.lines, 4);
}

static void
test_gap_is_refused(void **state)
{
	struct fixture *f = *state;
	struct counts c;

	fx_put(f, A, 1, 2);
	assert_int_equal(fx_add(f, A, 4, "{}"), -1);
	assert_int_equal(fx_add(f, A, 3, "{}"), 1);
	assert_int_equal(fx_add(f, A, 5, "{}"), -1); /* behind a queued one */
	fx_flush(f);
	c = fx_check(f, true);
	assert_int_equal(c.last_a, 3);
}

static void
test_unknown_owner_starts_anywhere(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fx_add(f, A, 70, "{}"), 1);
	assert_int_equal(fx_add(f, A, 72, "{}"), -1);
	assert_int_equal(fx_add(f, A, 71, "{}"), 1);
	fx_flush(f);
	assert_int_equal(trace_file_seq(f->file, A), 71);
}

static void
test_skip_lets_an_owner_go_on(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(trace_file_skip(f->file, A, 9), 0); /* unknown */
	fx_put(f, A, 1, 3);
	assert_int_equal(trace_file_skip(f->file, A, 4), 0);
	assert_int_equal(trace_file_skip(f->file, A, 2), 0);
	assert_int_equal(trace_file_skip(f->file, A, 9), 5); /* 4 ... 8 */
	assert_int_equal(fx_add(f, A, 8, "{}"), 0);
	fx_put(f, A, 9, 9);
	assert_int_equal(trace_file_seq(f->file, A), 9);
	assert_int_equal(fx_check(f, true).lines, 4);
}

static void
test_malformed_payload_is_refused(void **state)
{
	static const char *const bad[] = { "", "{", "}", "[]", "null", "{}\n",
		"{\"a\":1}\n{}", " {}", "{} ", "{ " };
	struct fixture *f = *state;
	char *large = xmalloc(40 * 1024);

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(fx_add(f, A, 1, bad[i]), -1);
	memset(large, 'x', 40 * 1024);
	large[0] = '{';
	large[40 * 1024 - 2] = '}';
	large[40 * 1024 - 1] = '\0';
	assert_int_equal(fx_add(f, A, 1, large), -1);
	assert_int_equal(trace_file_queued(f->file), 0);
	large[32 * 1024 - 1] = '}';
	large[32 * 1024] = '\0';
	assert_int_equal(fx_add(f, A, 1, large), 1);
	fx_flush(f);
	assert_int_equal(trace_file_seq(f->file, A), 1);
	free(large);
}

static void
test_full_queue_leaves_the_chain_whole(void **state)
{
	struct fixture *f = *state;
	char *large = xmalloc(30 * 1024 + 1);
	struct err err = { 0 };
	uint64_t seq = 1;
	int rc;

	memset(large, ' ', 30 * 1024);
	large[0] = '{';
	large[30 * 1024 - 1] = '}';
	large[30 * 1024] = '\0';
	while ((rc = trace_file_add(f->file, A, seq, str_of(large), &err)) == 1)
		seq++;
	assert_int_equal(rc, -1);
	assert_int_equal(err.code, ERR_OVERLOADED);
	assert_in_range(seq, 250, 300); /* 8 MiB */
	fx_flush(f);
	fx_put(f, A, seq, seq + 2);
	assert_int_equal(fx_check(f, true).lines, seq + 2);
	free(large);
}

/* ---- a disk that refuses ------------------------------------------------ */

static void
limit_size(rlim_t bytes)
{
	struct rlimit limit = { bytes, RLIM_INFINITY };

	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* The limit falls into the middle of the second of three lines: all three are
   taken back, and come again. */
static void
test_failed_write_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct err err = { 0 };
	struct counts c;
	struct stat st;

	fx_put(f, A, 1, 2);
	assert_int_equal(stat(f->path, &st), 0);
	signal(SIGXFSZ, SIG_IGN);
	limit_size((rlim_t)st.st_size + 300);
	for (uint64_t seq = 3; seq <= 5; seq++)
		assert_int_equal(fx_add(f, A, seq, "{\"x\":1}"), 1);
	assert_int_equal(fx_add(f, B, 1, "{}"), 1);
	assert_int_equal(trace_file_flush(f->file, &err), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_int_equal(trace_file_seq(f->file, A), 2);
	assert_int_equal(trace_file_seq(f->file, B), 0);
	assert_int_equal(trace_file_queued(f->file), 0);
	c = fx_check(f, true);
	assert_int_equal(c.lines, 2);
	/* It is tried again, and fails again, and at last there is room. */
	assert_int_equal(fx_add(f, A, 3, "{\"x\":1}"), 1);
	assert_int_equal(fx_add(f, A, 4, "{\"x\":1}"), 1);
	assert_int_equal(trace_file_flush(f->file, &err), -1);
	limit_size(RLIM_INFINITY);
	fx_put(f, A, 3, 5);
	fx_put(f, B, 1, 1);
	c = fx_check(f, true);
	assert_int_equal(c.lines, 6);
}

/* kill -9 at any moment of a run of writes, rotations and saves: what a
   process was told is on file is there, once. */
static void
write_until_killed(struct fixture *f, int told)
{
	uint64_t first = trace_file_seq(f->file, A) + 1;
	struct err err;

	/* No more than what the kept files hold in all. */
	for (uint64_t seq = first; seq < first + 1200; seq++) {
		if (trace_file_add(f->file, A, seq, str_of("{\"n\":1}"), &err) <
			0 ||
		    trace_file_flush(f->file, &err) != 0)
			_exit(1);
		if (write(told, &seq, sizeof(seq)) != sizeof(seq))
			_exit(1);
		if (seq % 7 == 0 && trace_file_save(f->file, &err) != 0)
			_exit(1);
		if (trace_file_rotate(f->file, &err) != 0)
			_exit(1);
	}
	pause();
}

static void
test_killed_at_any_moment(void **state)
{
	struct fixture *f = *state;
	uint64_t last = 0;

	f->options.keep = 9;
	f->options.rotate_bytes = 1 << 19;
	trace_file_close(&f->file);
	for (int i = 0; i < 15; i++) {
		int told[2], status;
		uint64_t seq;
		pid_t pid;

		assert_int_equal(pipe(told), 0);
		pid = fork();
		if (pid == 0) {
			fx_open(f);
			write_until_killed(f, told[1]);
		}
		close(told[1]);
		usleep(4000 + (useconds_t)i * 2100);
		kill(pid, SIGKILL);
		while (read(told[0], &seq, sizeof(seq)) == sizeof(seq))
			last = seq;
		close(told[0]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		fx_open(f);
		assert_true(trace_file_seq(f->file, A) >= last);
		last = trace_file_seq(f->file, A);
		fx_crash(f);
	}
	assert_int_equal(fx_check(f, true).lines, last);
	fx_open(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TRACE_TEST(test_lines_are_chained),
		TRACE_TEST(test_line_is_record_then_chain),
		TRACE_TEST(test_doubles_are_dropped),
		TRACE_TEST(test_gap_is_refused),
		TRACE_TEST(test_unknown_owner_starts_anywhere),
		TRACE_TEST(test_skip_lets_an_owner_go_on),
		TRACE_TEST(test_malformed_payload_is_refused),
		TRACE_TEST(test_full_queue_leaves_the_chain_whole),
		TRACE_TEST(test_failed_write_leaves_nothing),
		TRACE_TEST(test_killed_at_any_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
