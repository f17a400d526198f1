/*
 * The supervisor-child contract. Each case plays the supervisor: it lays out
 * descriptors and environment in a forked child, which answers with its exit
 * status.
 */
#include "unit.h"

#include "base/fd.h"
#include "ipc/contract.h"
#include "ipc/listen.h"
#include "ipc/loads.h"
#include "ipc/record.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define SLOT       3
#define GENERATION 17
#define HIGH_FD    40 /* above all that the contract names */

/* What one child is given, and what came of it (in shared memory). */
struct play {
	enum contract_role role;
	const char *version, *state_dir, *listeners;
	int missing_fd; /* closed before adopting; -1 none */
	int swapped_fd; /* /dev/null in its place; -1 none */
	int deaf_fd;    /* a socket that does not listen in its place */

	int rc;
	struct err err;
	struct contract_child child;
	bool cloexec[16], nonblock[16];
};

static char *dir;
static struct play *play;

static int
group_setup(void **state)
{
	(void)state;
	dir = scratch_make();
	play = mmap(NULL, sizeof(*play), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return play == MAP_FAILED ? -1 : 0;
}

static int
group_teardown(void **state)
{
	(void)state;
	munmap(play, sizeof(*play));
	scratch_remove(dir);
	return 0;
}

static void
place(int fd, int at)
{
	int high = fcntl(fd, F_DUPFD, HIGH_FD);

	if (high < 0 || dup2(high, at) != at)
		_exit(99);
	close(high);
}

static int
null_fd(void)
{
	return open("/dev/null", O_RDWR);
}

/* As the supervisor lays them out; status_w is the pipe the test reads. */
static void
lay_out(int status_w)
{
	char *path = path_join(dir, "trace.sock");
	int life[2], config = memfd_create("config", 0), trace, tcp[2];
	int loads = loads_create(NULL);

	trace = record_listen(path, NULL);
	tcp[0] = listen_tcp("127.0.0.1", 0, NULL, NULL);
	tcp[1] = listen_tcp("127.0.0.1", 0, NULL, NULL);
	if (pipe(life) != 0 || config < 0 || trace < 0 || tcp[1] < 0)
		_exit(98);
	/* First away from the low numbers, then into place. */
	status_w = fcntl(status_w, F_DUPFD, HIGH_FD);
	life[0] = fcntl(life[0], F_DUPFD, HIGH_FD);
	config = fcntl(config, F_DUPFD, HIGH_FD);
	trace = fcntl(trace, F_DUPFD, HIGH_FD);
	loads = fcntl(loads, F_DUPFD, HIGH_FD);
	tcp[0] = fcntl(tcp[0], F_DUPFD, HIGH_FD);
	tcp[1] = fcntl(tcp[1], F_DUPFD, HIGH_FD);
	place(null_fd(), 0);
	place(null_fd(), 1);
	place(status_w, CONTRACT_FD_STATUS);
	place(life[0], CONTRACT_FD_LIFE);
	place(config, CONTRACT_FD_CONFIG);
	place(play->role == CONTRACT_WORKER ? loads : trace, 6);
	place(tcp[0], CONTRACT_FD_LISTENERS);
	place(tcp[1], CONTRACT_FD_LISTENERS + 1);
	free(path);
}

static void
set_env(const char *name, const char *value)
{
	if (value != NULL)
		setenv(name, value, 1);
	else
		unsetenv(name);
}

static void
adopt_in_child(int status_w)
{
	lay_out(status_w);
	set_env(CONTRACT_ENV_VERSION, play->version);
	set_env(CONTRACT_ENV_STATE_DIR, play->state_dir);
	set_env(CONTRACT_ENV_LISTENERS, play->listeners);
	if (play->missing_fd >= 0)
		close(play->missing_fd);
	if (play->swapped_fd >= 0)
		place(null_fd(), play->swapped_fd);
	if (play->deaf_fd >= 0)
		place(socket(AF_UNIX, SOCK_STREAM, 0), play->deaf_fd);
	play->rc = contract_adopt(&play->child, play->role, SLOT, GENERATION,
	    &play->err);
	for (int fd = 0; fd < 16; fd++) {
		play->cloexec[fd] = fcntl(fd, F_GETFD) == FD_CLOEXEC;
		play->nonblock[fd] = fcntl(fd, F_GETFL) & O_NONBLOCK;
	}
}

static void
reset_play(enum contract_role role)
{
	memset(play, 0, sizeof(*play));
	play->role = role;
	play->version = "2";
	play->state_dir = "/var/lib/tallygate";
	play->listeners = role == CONTRACT_WORKER ? "2" : NULL;
	play->missing_fd = play->swapped_fd = play->deaf_fd = -1;
}

static int
run_play(void)
{
	int status, pipes[2];
	pid_t pid;

	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (pid == 0) {
		adopt_in_child(pipes[1]);
		_exit(0);
	}
	close(pipes[0]);
	close(pipes[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	return play->rc;
}

static void
test_roles_have_names(void **state)
{
	enum contract_role role = CONTRACT_KEEPER;

	(void)state;
	for (int i = 0; i <= CONTRACT_KEEPER; i++) {
		assert_int_equal(contract_role_parse(contract_role_name(
							 (enum contract_role)i),
				     &role),
		    1);
		assert_int_equal(role, i);
	}
	assert_int_equal(contract_role_parse("work", &role), 0);
	assert_int_equal(contract_role_parse("", &role), 0);
	assert_string_equal(contract_role_name((enum contract_role)9), "?");
}

static void
test_each_role_adopts_its_descriptors(void **state)
{
	(void)state;
	for (int role = CONTRACT_WORKER; role <= CONTRACT_KEEPER; role++) {
		const struct contract_child *c = &play->child;

		reset_play((enum contract_role)role);
		if (run_play() != 0)
			fail_msg("%s", play->err.text);
		assert_int_equal(c->role, role);
		assert_int_equal(c->slot, SLOT);
		assert_int_equal(c->generation, GENERATION);
		assert_int_equal(c->listener_count,
		    role == CONTRACT_WORKER ? 2 : 0);
		assert_false(play->cloexec[2]);
		for (int fd = 3; fd < 5; fd++)
			assert_true(play->cloexec[fd] && play->nonblock[fd]);
		assert_int_equal(play->cloexec[5], role != CONTRACT_LOGGER);
		assert_int_equal(play->cloexec[6], role != CONTRACT_KEEPER);
		for (int i = 0; i < c->listener_count; i++) {
			assert_int_equal(c->listeners[i], 7 + i);
			assert_true(play->cloexec[7 + i]);
		}
	}
}

static void
test_bad_environment_is_refused(void **state)
{
	static const struct {
		const char *version, *state_dir, *listeners;
		enum err_code code;
		const char *want;
	} rows[] = {
		{ NULL, "/s", "1", ERR_USAGE, "not started by a supervisor" },
		{ "", "/s", "1", ERR_USAGE, "not started by a supervisor" },
		{ "one", "/s", "1", ERR_USAGE, "not started by a supervisor" },
		{ "3", "/s", "1", ERR_CONFIG, "version 3, this program 2" },
		{ "0", "/s", "1", ERR_CONFIG, "version 0" },
		{ "2", NULL, "1", ERR_USAGE, "TALLYGATE_STATE_DIR" },
		{ "2", "relative", "1", ERR_USAGE, "TALLYGATE_STATE_DIR" },
		{ "2", "/s", NULL, ERR_USAGE, "TALLYGATE_LISTENERS" },
		{ "2", "/s", "0", ERR_USAGE, "out of range" },
		{ "2", "/s", "9", ERR_USAGE, "out of range" },
		{ "2", "/s", "3", ERR_IO, "descriptor 9 (listener)" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		reset_play(CONTRACT_WORKER);
		play->version = rows[i].version;
		play->state_dir = rows[i].state_dir;
		play->listeners = rows[i].listeners;
		play->missing_fd = 9;
		assert_int_equal(run_play(), -1);
		assert_int_equal(play->err.code, rows[i].code);
		if (strstr(play->err.text, rows[i].want) == NULL)
			fail_msg("row %zu: %s", i, play->err.text);
	}
}

static void
test_wrong_descriptors_are_refused(void **state)
{
	static const struct {
		enum contract_role role;
		int missing, swapped, deaf;
		const char *want;
	} rows[] = {
		{ CONTRACT_WORKER, 0, -1, -1, "0 (stdin)" },
		{ CONTRACT_WORKER, 2, -1, -1, "2 (stderr)" },
		{ CONTRACT_WORKER, 3, -1, -1, "3 (status)" },
		{ CONTRACT_KEEPER, -1, 3, -1, "3 (status) is of another" },
		{ CONTRACT_LOGGER, 4, -1, -1, "4 (life)" },
		{ CONTRACT_LOGGER, -1, 4, -1, "4 (life) is of another kind" },
		{ CONTRACT_KEEPER, 5, -1, -1, "5 (configuration)" },
		{ CONTRACT_WORKER, -1, 5, -1, "5 (configuration) is of" },
		{ CONTRACT_WORKER, -1, 6, -1, "6 (loads) is of another" },
		{ CONTRACT_WORKER, 6, -1, -1, "6 (loads)" },
		{ CONTRACT_LOGGER, 6, -1, -1, "6 (traces)" },
		{ CONTRACT_LOGGER, -1, -1, 6, "6 (traces) does not listen" },
		{ CONTRACT_WORKER, 8, -1, -1, "8 (listener)" },
		{ CONTRACT_WORKER, -1, 7, -1, "7 (listener) is of another" },
		{ CONTRACT_WORKER, -1, -1, 8, "8 (listener) does not listen" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		reset_play(rows[i].role);
		play->missing_fd = rows[i].missing;
		play->swapped_fd = rows[i].swapped;
		play->deaf_fd = rows[i].deaf;
		assert_int_equal(run_play(), -1);
		assert_int_equal(play->err.code, ERR_IO);
		if (strstr(play->err.text, rows[i].want) == NULL)
			fail_msg("row %zu: %s", i, play->err.text);
	}
	/* What a role does not use need not be there. */
	reset_play(CONTRACT_LOGGER);
	play->missing_fd = 5;
	assert_int_equal(run_play(), 0);
	reset_play(CONTRACT_KEEPER);
	play->missing_fd = 6;
	assert_int_equal(run_play(), 0);
}

/* ---- reports ---- */

static void
test_reports_arrive_one_by_one(void **state)
{
	struct contract_status got;
	int pipes[2], status;
	bool eof;
	pid_t pid;

	(void)state;
	reset_play(CONTRACT_WORKER);
	assert_int_equal(pipe2(pipes, O_NONBLOCK), 0);
	assert_int_equal(contract_read_report(pipes[0], &got, &eof), 0);
	assert_false(eof);
	pid = fork();
	if (pid == 0) {
		adopt_in_child(pipes[1]);
		contract_report(&play->child, CONTRACT_READY, 0, 0);
		contract_report(&play->child, CONTRACT_DRAINING, 5,
		    UINT64_C(1) << 40);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(pipes[1]);
	assert_int_equal(contract_read_report(pipes[0], &got, &eof), 1);
	assert_int_equal(got.version, CONTRACT_VERSION);
	assert_int_equal(got.slot, SLOT);
	assert_int_equal(got.generation, GENERATION);
	assert_int_equal(got.state, CONTRACT_READY);
	assert_int_equal(contract_read_report(pipes[0], &got, &eof), 1);
	assert_int_equal(got.state, CONTRACT_DRAINING);
	assert_int_equal(got.in_flight, 5);
	assert_true(got.done == UINT64_C(1) << 40);
	assert_int_equal(contract_read_report(pipes[0], &got, &eof), 0);
	assert_true(eof);
	close(pipes[0]);
}

/* Neither a supervisor that does not read nor one that is gone stops a
   child. */
static void
test_full_or_closed_pipe_loses_the_report_only(void **state)
{
	struct contract_status got;
	int pipes[2], status, whole = 0;
	bool eof = false;
	pid_t pid;

	(void)state;
	for (int closed = 0; closed < 2; closed++) {
		reset_play(CONTRACT_WORKER);
		assert_int_equal(pipe2(pipes, O_NONBLOCK), 0);
		pid = fork();
		if (pid == 0) {
			if (closed)
				close(pipes[0]);
			adopt_in_child(pipes[1]);
			for (uint64_t i = 0; i < 5000; i++)
				contract_report(&play->child, CONTRACT_READY, 0,
				    i);
			_exit(7);
		}
		close(pipes[1]);
		if (closed)
			close(pipes[0]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 7);
		if (closed)
			break;
		while (contract_read_report(pipes[0], &got, &eof) == 1)
			assert_int_equal(got.done, whole++);
		assert_true(eof);
		assert_true(whole > 100 && whole < 5000);
		close(pipes[0]);
	}
}

static void
test_garbage_reports_are_refused(void **state)
{
	struct contract_status good = { .version = CONTRACT_VERSION,
		.state = CONTRACT_READY };
	struct contract_status rows[3] = { good, good, good }, got;
	int pipes[2];
	bool eof;

	(void)state;
	rows[0].version++;
	rows[1].state = 0;
	rows[2].state = 99;
	assert_int_equal(pipe2(pipes, O_NONBLOCK), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(write(pipes[1], &rows[i], sizeof(rows[i])),
		    sizeof(rows[i]));
		assert_int_equal(contract_read_report(pipes[0], &got, &eof),
		    -1);
	}
	assert_int_equal(write(pipes[1], &good, sizeof(good) - 1),
	    sizeof(good) - 1);
	assert_int_equal(contract_read_report(pipes[0], &got, &eof), -1);
	close(pipes[1]);
	close(pipes[0]);
	assert_int_equal(contract_read_report(pipes[0], &got, &eof), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roles_have_names),
		cmocka_unit_test(test_each_role_adopts_its_descriptors),
		cmocka_unit_test(test_bad_environment_is_refused),
		cmocka_unit_test(test_wrong_descriptors_are_refused),
		cmocka_unit_test(test_reports_arrive_one_by_one),
		cmocka_unit_test(
		    test_full_or_closed_pipe_loses_the_report_only),
		cmocka_unit_test(test_garbage_reports_are_refused),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
