/*
 * What a confined process can still do and what not. Each case runs in a
 * child, since there is no way back; the child's exit status is the answer.
 */
#include "scratch.h"
#include "unit.h"

#include "base/confine.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char *folder;

/* Runs try() in a confined child: its errno, 0 when it succeeded. */
static int
confined(int (*try)(void), enum confine_part needed)
{
	const char *const folders[] = { folder, NULL };
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if ((confine(folders) & needed) == 0)
			_exit(255);
		errno = 0;
		_exit(try() == 0 ? 0 : errno);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int
start_a_program(void)
{
	return execl("/bin/true", "true", (char *)NULL);
}

static int
trace_somebody(void)
{
	return (int)ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static int
write_file(const char *dir)
{
	char *path = xasprintf("%s/file-%ld", dir, (long)getpid());

	return open(path, O_WRONLY | O_CREAT, 0600) < 0 ? -1 : 0;
}

static int
write_elsewhere(void)
{
	char above[256];

	snprintf(above, sizeof(above), "%s/..", folder);
	return write_file(above);
}

static int
write_inside(void)
{
	return write_file(folder);
}

static int
write_below(void)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/below", folder);
	return mkdir(path, 0700) != 0 ? -1 : write_file(path);
}

static int
read_elsewhere(void)
{
	return open("/etc/passwd", O_RDONLY) < 0 ? -1 : 0;
}

static void *
nothing(void *arg)
{
	return arg;
}

static int
make_a_thread(void)
{
	pthread_t t;

	errno = pthread_create(&t, NULL, nothing, NULL);
	return errno != 0 ? -1 : pthread_join(t, NULL);
}

#define MISSING 255

static void
test_no_program_can_be_started(void **state)
{
	int got = confined(start_a_program, CONFINE_SECCOMP);

	(void)state;
	if (got == MISSING)
		skip();
	assert_int_equal(got, EPERM);
}

static void
test_landlock_alone_stops_programs_too(void **state)
{
	int got = confined(start_a_program, CONFINE_LANDLOCK);

	(void)state;
	if (got == MISSING)
		skip();
	assert_true(got == EACCES || got == EPERM);
}

static void
test_nobody_can_be_traced(void **state)
{
	int got = confined(trace_somebody, CONFINE_SECCOMP);

	(void)state;
	if (got == MISSING)
		skip();
	assert_int_equal(got, EPERM);
}

static void
test_files_are_written_in_the_folder_only(void **state)
{
	int got = confined(write_elsewhere, CONFINE_LANDLOCK);

	(void)state;
	if (got == MISSING)
		skip();
	assert_int_equal(got, EACCES);
	assert_int_equal(confined(write_inside, CONFINE_LANDLOCK), 0);
	assert_int_equal(confined(write_below, CONFINE_LANDLOCK), 0);
}

static void
test_reading_and_threads_go_on(void **state)
{
	const enum confine_part any = CONFINE_LANDLOCK | CONFINE_SECCOMP;
	int got = confined(read_elsewhere, any);

	(void)state;
	if (got == MISSING)
		skip();
	assert_int_equal(got, 0);
	assert_int_equal(confined(make_a_thread, any), 0);
}

static void
test_an_unknown_user_is_named(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(confine_to_user("no-such-user", NULL, &err), -1);
	assert_int_equal(err.code, ERR_CONFIG);
	assert_non_null(strstr(err.text, "no-such-user"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_program_can_be_started),
		cmocka_unit_test(test_landlock_alone_stops_programs_too),
		cmocka_unit_test(test_nobody_can_be_traced),
		cmocka_unit_test(test_files_are_written_in_the_folder_only),
		cmocka_unit_test(test_reading_and_threads_go_on),
		cmocka_unit_test(test_an_unknown_user_is_named),
	};

	int rc;

	folder = scratch_make();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	scratch_remove(folder);
	return rc;
}
