/* How the trace file is opened again after every kind of end. */
#include "trace_fixture.h"

#include "base/fd.h"

#include <sys/stat.h>
#include <unistd.h>

static void
test_clean_restart_goes_on(void **state)
{
	struct fixture *f = *state;

	fx_put(f, A, 1, 2);
	fx_put(f, B, 1, 1);
	trace_file_close(&f->file);
	fx_open(f);
	assert_int_equal(trace_file_seq(f->file, A), 2);
	assert_int_equal(fx_add(f, A, 2, "{}"), 0);
	fx_put(f, A, 3, 3);
	assert_int_equal(fx_check(f, true).lines, 4);
}

static void
test_restart_without_state_reads_the_file(void **state)
{
	struct fixture *f = *state;

	fx_put(f, A, 1, 500);
	fx_put(f, B, 1, 3);
	trace_file_close(&f->file);
	fx_remove(f, ".state");
	fx_open(f);
	assert_int_equal(trace_file_seq(f->file, A), 500);
	assert_int_equal(trace_file_seq(f->file, B), 3);
	fx_put(f, B, 4, 4);
	assert_int_equal(fx_check(f, true).lines, 504);
}

static void
test_restart_with_damaged_state(void **state)
{
	static const char *const bad[] = { "", "{", "[]", "null", "{}",
		"{\"inode\":1,\"offset\":-4,\"hash\":\"\",\"owners\":{}}",
		"{\"inode\":1,\"offset\":0,\"hash\":\"abc\",\"owners\":{}}",
		"{\"inode\":\"x\",\"offset\":0,\"hash\":\"\",\"owners\":[]}" };
	struct fixture *f = *state;
	char *path = fx_beside(f, ".state");

	fx_put(f, A, 1, 3);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		trace_file_close(&f->file);
		assert_int_equal(file_write(path, str_of(bad[i]), NULL), 0);
		fx_open(f);
		assert_int_equal(trace_file_seq(f->file, A), 3 + i);
		fx_put(f, A, 4 + i, 4 + i);
	}
	fx_check(f, true);
	free(path);
}

/* Killed between the write and the acknowledgement: the state knows nothing of
   it, the file does. */
static void
test_state_older_than_the_file(void **state)
{
	struct fixture *f = *state;

	fx_put(f, A, 1, 2);
	fx_save(f);
	fx_put(f, A, 3, 5);
	fx_put(f, B, 1, 2);
	fx_crash_and_open(f);
	assert_int_equal(trace_file_seq(f->file, A), 5);
	assert_int_equal(trace_file_seq(f->file, B), 2);
	assert_int_equal(fx_add(f, A, 5, "{}"), 0);
	fx_put(f, A, 6, 6);
	assert_int_equal(fx_check(f, true).lines, 8);
}

/* Lines were cut off by hand: they stay known (they were acknowledged), and
   the next line names the one that is gone. */
static void
test_state_newer_than_the_file(void **state)
{
	struct fixture *f = *state;
	struct counts c;
	struct stat st;

	fx_put(f, A, 1, 2);
	assert_int_equal(stat(f->path, &st), 0);
	fx_put(f, A, 3, 4);
	trace_file_close(&f->file);
	assert_int_equal(truncate(f->path, st.st_size), 0);
	fx_open(f);
	assert_int_equal(trace_file_seq(f->file, A), 4);
	fx_put(f, A, 5, 5);
	c = fx_check(f, false);
	assert_int_equal(c.lines, 3);
	assert_int_equal(c.breaks, 1);
	trace_file_close(&f->file);
	fx_open(f); /* and from there on it is whole */
	fx_put(f, A, 6, 6);
	assert_int_equal(fx_check(f, false).breaks, 1);
}

/* Cut and grown again past the state's offset: not taken for the old file. */
static void
test_state_of_a_file_written_over(void **state)
{
	struct fixture *f = *state;
	char *text = xmalloc(4096);

	fx_put(f, A, 1, 4);
	trace_file_close(&f->file);
	assert_int_equal(truncate(f->path, 0), 0);
	memset(text, ' ', 4096);
	text[0] = '{';
	memcpy(text + 4090, "}\n", 2);
	fx_append(f, "", text, 4092);
	fx_open(f);
	assert_int_equal(trace_file_seq(f->file, A), 4);
	assert_int_equal(fx_add(f, A, 4, "{}"), 0);
	assert_int_equal(fx_add(f, A, 5, "{}"), 1);
	fx_flush(f);
	free(text);
}

static void
test_torn_last_line_is_cut(void **state)
{
	static const char torn[] = "{\"run_id\":\"x\",\"owner\":1001,\"seq\":3,"
				   "\"prev\":\"0123";
	struct fixture *f = *state;

	fx_put(f, A, 1, 2);
	for (size_t n = 1; n < sizeof(torn); n++) {
		fx_crash(f);
		fx_append(f, "", torn, n);
		fx_open(f);
		assert_int_equal(trace_file_seq(f->file, A), 2);
		assert_int_equal(fx_check(f, true).lines, 2);
	}
	fx_put(f, A, 3, 3);
	assert_int_equal(fx_check(f, true).lines, 3);
}

static void
test_last_line_without_newline_is_kept(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	fx_put(f, A, 1, 3);
	fx_crash(f);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(truncate(f->path, st.st_size - 1), 0);
	fx_open(f);
	assert_int_equal(trace_file_seq(f->file, A), 3);
	fx_put(f, A, 4, 4);
	assert_int_equal(fx_check(f, true).lines, 4);
}

/* What a power loss may leave where the last block was to be. */
static void
test_zeros_at_the_end_are_cut(void **state)
{
	struct fixture *f = *state;
	char *zeros = xcalloc(1, 200000);

	fx_put(f, A, 1, 2);
	fx_crash(f);
	fx_append(f, "", zeros, 200000);
	fx_open(f);
	fx_put(f, A, 3, 3);
	assert_int_equal(fx_check(f, true).lines, 3);
	free(zeros);
}

static void
test_foreign_file_is_left_alone(void **state)
{
	static const char text[] = "root:x:0:0\nno newline at its end";
	struct fixture *f = *state;
	struct trace_file *other = NULL;
	struct err err = { 0 };
	struct buf b;

	trace_file_close(&f->file);
	assert_int_equal(unlink(f->path), 0);
	fx_append(f, "", text, sizeof(text) - 1);
	assert_int_equal(trace_file_open(&f->options, &other, &err), -1);
	assert_null(other);
	assert_non_null(strstr(err.text, "traces.jsonl"));
	buf_init(&b, 1024);
	assert_int_equal(file_read(f->path, &b, NULL), 0);
	assert_str(buf_str(&b), text);
	buf_fini(&b);
}

static void
test_foreign_lines_are_passed_over(void **state)
{
	struct fixture *f = *state;
	char *line = xmalloc(300 * 1024);

	fx_put(f, A, 1, 2);
	fx_crash(f);
	fx_append(f, "", "# a note\n{\"hash\":\"short\"}\n", 27);
	memset(line, 'x', 300 * 1024);
	line[300 * 1024 - 1] = '\n';
	fx_append(f, "", line, 300 * 1024);
	fx_open(f);
	assert_int_equal(fx_add(f, A, 3, "{}"), 1);
	fx_flush(f);
	trace_file_close(&f->file);
	fx_remove(f, ".state");
	fx_open(f);
	assert_int_equal(trace_file_seq(f->file, A), 3);
	free(line);
}

static void
test_one_writer_at_a_time(void **state)
{
	struct fixture *f = *state;
	struct trace_file *other = NULL;
	struct err err;

	fx_put(f, A, 1, 1);
	assert_int_equal(trace_file_open(&f->options, &other, &err), 0);
	assert_null(other);
	trace_file_close(&f->file);
	assert_int_equal(trace_file_open(&f->options, &f->file, &err), 1);
	assert_int_equal(trace_file_seq(f->file, A), 1);
}

/* ---- other hands -------------------------------------------------------- */

static void
test_reopen_after_outside_rotation(void **state)
{
	struct fixture *f = *state;
	struct err err;

	fx_put(f, A, 1, 2);
	fx_move(f, "", ".1");
	fx_put(f, A, 3,
	    3); /* still into the moved one, as with any logrotate */
	assert_int_equal(trace_file_reopen(f->file, &err), 0);
	fx_put(f, A, 4, 4);
	assert_int_equal(fx_check(f, true).lines, 4);
	assert_int_equal(trace_file_reopen(f->file, &err), 0); /* the same */
	fx_put(f, A, 5, 5);
	fx_crash_and_open(f);
	assert_int_equal(trace_file_seq(f->file, A), 5);
	assert_int_equal(fx_check(f, true).lines, 5);
}

/* logrotate with dateext moved it, and we died before the signal came. */
static void
test_crash_after_outside_rotation(void **state)
{
	struct fixture *f = *state;

	fx_put(f, A, 1, 1);
	fx_save(f);
	fx_put(f, A, 2, 3);
	fx_crash(f);
	fx_move(f, "", "-20261122");
	fx_open(f);
	assert_int_equal(trace_file_seq(f->file, A), 3);
	fx_put(f, A, 4, 4);
	/* The chain goes on from the moved file's last line. */
	fx_crash(f);
	fx_move(f, "", ".1");
	fx_move(f, "-20261122", ".2");
	assert_int_equal(fx_check(f, true).lines, 4);
	fx_open(f);
}

static void
test_removed_file_is_begun_anew(void **state)
{
	struct fixture *f = *state;
	struct counts c;

	fx_put(f, A, 1, 3);
	assert_int_equal(unlink(f->path), 0);
	fx_put(f, A, 4, 5);
	c = fx_check(f, false);
	assert_int_equal(c.lines, 2);
	assert_int_equal(c.breaks, 1); /* the first names what was removed */
	trace_file_close(&f->file);
	fx_open(f);
	assert_int_equal(trace_file_seq(f->file, A), 5);
}

/* All gone but the state: the chain is not begun as if nothing had been. */
static void
test_removed_while_stopped(void **state)
{
	struct fixture *f = *state;

	fx_put(f, A, 1, 3);
	trace_file_close(&f->file);
	assert_int_equal(unlink(f->path), 0);
	fx_open(f);
	assert_int_equal(trace_file_seq(f->file, A), 3);
	fx_put(f, A, 4, 4);
	assert_int_equal(fx_check(f, false).breaks, 1);
}

static void
test_copytruncate(void **state)
{
	struct fixture *f = *state;

	fx_put(f, A, 1, 3);
	fx_save(f);
	assert_int_equal(truncate(f->path, 0), 0);
	fx_put(f, A, 4, 5);
	assert_int_equal(fx_check(f, false).lines, 2);
	fx_crash_and_open(f);
	assert_int_equal(trace_file_seq(f->file, A), 5);
}

static void
test_reopen_that_fails_keeps_the_old_file(void **state)
{
	struct fixture *f = *state;
	struct err err = { 0 };

	fx_put(f, A, 1, 2);
	fx_move(f, "", ".1");
	assert_int_equal(mkdir(f->path, 0700), 0);
	assert_int_equal(trace_file_reopen(f->file, &err), -1);
	fx_put(f, A, 3, 3);
	assert_int_equal(rmdir(f->path), 0);
	assert_int_equal(trace_file_reopen(f->file, &err), 0);
	fx_put(f, A, 4, 4);
	assert_int_equal(fx_check(f, true).lines, 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TRACE_TEST(test_clean_restart_goes_on),
		TRACE_TEST(test_restart_without_state_reads_the_file),
		TRACE_TEST(test_restart_with_damaged_state),
		TRACE_TEST(test_state_older_than_the_file),
		TRACE_TEST(test_state_newer_than_the_file),
		TRACE_TEST(test_state_of_a_file_written_over),
		TRACE_TEST(test_torn_last_line_is_cut),
		TRACE_TEST(test_last_line_without_newline_is_kept),
		TRACE_TEST(test_zeros_at_the_end_are_cut),
		TRACE_TEST(test_foreign_file_is_left_alone),
		TRACE_TEST(test_foreign_lines_are_passed_over),
		TRACE_TEST(test_one_writer_at_a_time),
		TRACE_TEST(test_reopen_after_outside_rotation),
		TRACE_TEST(test_crash_after_outside_rotation),
		TRACE_TEST(test_removed_file_is_begun_anew),
		TRACE_TEST(test_removed_while_stopped),
		TRACE_TEST(test_copytruncate),
		TRACE_TEST(test_reopen_that_fails_keeps_the_old_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
