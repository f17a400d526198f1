/* Rotation of the trace file, and deaths in the middle of it. */
#include "trace_fixture.h"

#include "base/fd.h"

#include <sys/stat.h>
#include <unistd.h>

static void
test_rotation_keeps_the_chain(void **state)
{
	struct fixture *f = *state;
	struct counts c;

	for (uint64_t seq = 1; seq <= 12; seq++) {
		fx_put(f, A, seq, seq);
		fx_rotate(f);
	}
	assert_true(fx_is_there(f, ".1"));
	assert_true(fx_is_there(f, ".2"));
	c = fx_check(f, true);
	assert_int_equal(c.lines, 12);
	trace_file_close(&f->file);
	fx_open(f);
	assert_int_equal(trace_file_seq(f->file, A), 12);
	fx_put(f, A, 13, 13);
	fx_check(f, true);
}

static void
test_rotation_waits_for_its_size(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	fx_put(f, A, 1, 1);
	fx_rotate(f);
	assert_false(fx_is_there(f, ".1"));
	while (!fx_is_there(f, ".1")) {
		uint64_t next = trace_file_seq(f->file, A) + 1;

		assert_true(next < 20);
		fx_put(f, A, next, next);
		assert_int_equal(stat(f->path, &st), 0);
		fx_rotate(f);
	}
	assert_true(st.st_size >= 1000);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_size, 0);
}

static void
test_rotation_keeps_so_many(void **state)
{
	struct fixture *f = *state;
	struct buf all;

	for (uint64_t seq = 1; seq <= 60; seq++) {
		fx_put(f, A, seq, seq);
		fx_rotate(f);
	}
	assert_true(fx_is_there(f, ".3"));
	assert_false(fx_is_there(f, ".4"));
	/* What is kept is the youngest, without a hole. */
	all = fx_read_chain(f);
	assert_true(str_find(buf_str(&all), "\"1001-1\"") < 0);
	assert_true(str_find(buf_str(&all), "\"1001-60\"") > 0);
	buf_fini(&all);
	assert_int_equal(fx_check(f, false).breaks, 1); /* at its start */
	assert_int_equal(trace_file_seq(f->file, A), 60);
}

/* Killed between the renames and anything after them: PATH is not there. */
static void
test_crash_between_rename_and_reopen(void **state)
{
	struct fixture *f = *state;

	fx_put(f, A, 1, 2);
	fx_save(f);
	fx_put(f, A, 3, 5); /* the state does not know these */
	fx_crash(f);
	fx_move(f, "", ".1");
	fx_open(f);
	assert_int_equal(trace_file_seq(f->file, A), 5);
	assert_int_equal(fx_add(f, A, 5, "{}"), 0);
	fx_put(f, A, 6, 6);
	assert_int_equal(fx_check(f, true).lines, 6);
}

/* Killed after PATH.1 was moved up and before PATH was: a place is free. */
static void
test_crash_in_the_middle_of_the_renames(void **state)
{
	struct fixture *f = *state;

	fx_put(f, A, 1, 20);
	fx_rotate(f);
	fx_put(f, A, 21, 40);
	fx_crash(f);
	fx_move(f, ".1", ".2");
	fx_open(f);
	assert_int_equal(trace_file_seq(f->file, A), 40);
	fx_rotate(f);
	assert_true(fx_is_there(f, ".1"));
	assert_true(fx_is_there(f, ".2"));
	assert_false(fx_is_there(f, ".3"));
	fx_put(f, A, 41, 41);
	assert_int_equal(fx_check(f, true).lines, 41);
}

/* The state is of PATH.2 by now: all that is younger is read. */
static void
test_state_two_rotations_old(void **state)
{
	struct fixture *f = *state;
	struct buf old;
	char *path = fx_beside(f, ".state");

	fx_put(f, A, 1, 2);
	fx_save(f);
	buf_init(&old, 1 << 20);
	assert_int_equal(file_read(path, &old, NULL), 0);
	fx_put(f, A, 3, 20);
	fx_rotate(f);
	fx_put(f, B, 1, 20);
	fx_rotate(f);
	fx_put(f, A, 21, 22);
	trace_file_close(&f->file);
	assert_int_equal(file_write(path, buf_str(&old), NULL), 0);
	fx_open(f);
	assert_int_equal(trace_file_seq(f->file, A), 22);
	assert_int_equal(trace_file_seq(f->file, B), 20);
	fx_put(f, A, 23, 23);
	assert_int_equal(fx_check(f, true).lines, 43);
	buf_fini(&old);
	free(path);
}

static void
test_no_state_reads_rotated_files_too(void **state)
{
	struct fixture *f = *state;

	fx_put(f, A, 1, 20);
	fx_rotate(f);
	fx_put(f, B, 1, 20);
	fx_rotate(f);
	fx_crash(f);
	fx_remove(f, ".state");
	fx_open(f);
	assert_int_equal(trace_file_seq(f->file, A), 20);
	assert_int_equal(trace_file_seq(f->file, B), 20);
	fx_put(f, A, 21, 21);
	assert_int_equal(fx_check(f, true).lines, 41);
}

static void
test_rotation_that_fails_goes_on(void **state)
{
	struct fixture *f = *state;
	struct err err = { 0 };
	char *block = fx_beside(f, ".1");

	fx_put(f, A, 1, 20);
	/* PATH.1, .2 and .3 are full folders: no file can take their place,
	   nor can they be unlinked. */
	for (int i = 1; i <= 3; i++) {
		block[strlen(block) - 1] = (char)('0' + i);
		assert_int_equal(mkdir(block, 0700), 0);
	}
	assert_int_equal(trace_file_rotate(f->file, &err), -1);
	assert_int_equal(trace_file_rotate(f->file, &err), 0); /* later */
	fx_put(f, A, 21, 22);
	for (int i = 1; i <= 3; i++) {
		block[strlen(block) - 1] = (char)('0' + i);
		assert_int_equal(rmdir(block), 0);
	}
	assert_int_equal(fx_check(f, true).lines, 22);
	free(block);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TRACE_TEST_ROTATING(test_rotation_keeps_the_chain),
		TRACE_TEST_ROTATING(test_rotation_waits_for_its_size),
		TRACE_TEST_ROTATING(test_rotation_keeps_so_many),
		TRACE_TEST_ROTATING(test_crash_between_rename_and_reopen),
		TRACE_TEST_ROTATING(test_crash_in_the_middle_of_the_renames),
		TRACE_TEST_ROTATING(test_state_two_rotations_old),
		TRACE_TEST_ROTATING(test_no_state_reads_rotated_files_too),
		TRACE_TEST_ROTATING(test_rotation_that_fails_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
