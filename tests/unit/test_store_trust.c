/* What is left of live/ when the host goes down: not to be trusted. */
#include "unit.h"

#include "base/fd.h"
#include "scratch.h"
#include "store/store.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void
boot(const char *id)
{
	assert_int_equal(setenv("TALLYGATE_TEST_BOOT_ID", id, 1), 0);
}

static int
try_open(const char *dir, bool read_only, struct store **s_r, struct err *err)
{
	struct store_options o = { .dir = dir,
		.map_bytes = 4 << 20,
		.read_only = read_only };

	return store_open(&o, s_r, err);
}

static struct store *
open_at(const char *dir)
{
	struct store *s = NULL;
	struct err err;

	if (try_open(dir, false, &s, &err) != 0)
		fail_msg("%s", err.text);
	return s;
}

static void
assert_lost(const char *dir)
{
	struct store *s = NULL;
	struct err err;

	for (int read_only = 0; read_only < 2; read_only++) {
		assert_int_equal(try_open(dir, read_only, &s, &err), -1);
		assert_int_equal(err.code, ERR_STORE_LOST);
		assert_non_null(strstr(err.text, "/live: the host went down"));
		assert_null(s);
	}
}

/* A process that opens the store and is killed with it open. */
static void
open_and_die(const char *dir)
{
	int ready[2], status;
	char c;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		open_at(dir);
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(ready[0]);
	close(ready[1]);
}

static void
test_who_left_cleanly_is_trusted(void **state)
{
	struct store *s;

	boot("one");
	s = open_at(*state);
	store_close(&s);
	boot("two");
	s = open_at(*state);
	store_close(&s);
}

static void
test_the_death_of_a_process_does_no_harm(void **state)
{
	struct store *s;

	boot("one");
	open_and_die(*state);
	s = open_at(*state);
	store_close(&s);
	boot("two");
	s = open_at(*state);
	store_close(&s);
}

static void
test_the_end_of_the_host_does(void **state)
{
	char *mark = path_join(*state, "live/mark");
	struct store *s;

	boot("one");
	open_and_die(*state);
	boot("two");
	assert_lost(*state);
	assert_lost(*state); /* a look does not make it better */
	/* As a recovery leaves it: no mark. */
	assert_int_equal(unlink(mark), 0);
	s = open_at(*state);
	store_close(&s);
	free(mark);
}

/* The first to leave is not the last one. */
static void
test_it_is_clean_when_all_have_left(void **state)
{
	int ready[2], go[2], status;
	struct store *s;
	char c = 'g';
	pid_t pid;

	boot("one");
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(go), 0);
	pid = fork();
	if (pid == 0) {
		s = open_at(*state);
		if (write(ready[1], "r", 1) != 1 || read(go[0], &c, 1) != 1)
			_exit(1);
		store_close(&s);
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	s = open_at(*state);
	store_close(&s);
	boot("two");
	assert_lost(*state);
	assert_int_equal(write(go[1], &c, 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	s = open_at(*state);
	store_close(&s);
	for (int i = 0; i < 2; i++) {
		close(ready[i]);
		close(go[i]);
	}
}

static int
setup(void **state)
{
	*state = scratch_make();
	return 0;
}

static int
teardown(void **state)
{
	scratch_remove(*state);
	return 0;
}

#define TRUST_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TRUST_TEST(test_who_left_cleanly_is_trusted),
		TRUST_TEST(test_the_death_of_a_process_does_no_harm),
		TRUST_TEST(test_the_end_of_the_host_does),
		TRUST_TEST(test_it_is_clean_when_all_have_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
