/*
 * Shared counters: what processes add at the same time is all there, in one
 * series per name; names beyond the room are counted together; who dies is
 * counted once.
 */
#include "unit.h"

#include "ipc/loads.h"
#include "ipc/meters.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES 8
#define EACH      2000
#define NAMES     7

static struct meters *
make(void)
{
	struct err err;
	int fd = loads_create(&err);
	struct meters *m;

	assert_true(fd >= 0);
	m = meters_map(fd);
	assert_non_null(m);
	close(fd);
	return m;
}

static void
test_an_older_file_has_none(void **state)
{
	char path[] = "/tmp/tallygate-meters-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(ftruncate(fd, 1024), 0);
	assert_null(meters_map(fd));
	meters_add(NULL, METER_REQUEST, str_of("x"), 1);
	meters_set_active(meters_enter(NULL), 1);
	meters_leave(NULL);
	close(fd);
}

static void
test_times_fall_into_their_buckets(void **state)
{
	struct meters *m = make();
	struct meter_view v;
	size_t cursor = 0;

	(void)state;
	meters_add(m, METER_CALL, str_of("d"), 5000 * 1000);
	meters_add(m, METER_CALL, str_of("d"), 5001 * 1000);
	meters_add(m, METER_CALL, str_of("d"), INT64_C(301000000) * 1000);
	meters_add(m, METER_CALL, str_of("d"), -7);
	meters_add(m, METER_TTFT, str_of("d"), 1);
	assert_int_equal(meters_next(m, &cursor, &v), 1);
	if (v.meter == METER_TTFT)
		assert_int_equal(meters_next(m, &cursor, &v), 1);
	assert_string_equal(v.name, "d");
	assert_int_equal(v.count, 4);
	assert_int_equal(v.buckets[0], 2);
	assert_int_equal(v.buckets[1], 1);
	assert_int_equal(v.buckets[METER_BOUND_COUNT], 1);
	assert_int_equal(v.micros, 5000 + 5001 + 301000000);
}

static void
add_many(struct meters *m, int self)
{
	char name[32];

	for (int i = 0; i < EACH; i++) {
		snprintf(name, sizeof(name), "model-%d", (i + self) % NAMES);
		meters_add(m, METER_REQUEST, str_of(name),
		    (int64_t)(i % 40) * 1000000);
	}
}

static void
test_processes_add_at_the_same_time(void **state)
{
	struct meters *m = make();
	struct meter_view v;
	size_t cursor = 0, series = 0;
	uint64_t count = 0;

	(void)state;
	for (int p = 0; p < PROCESSES; p++) {
		if (fork() == 0) {
			add_many(m, p);
			_exit(0);
		}
	}
	for (int p = 0; p < PROCESSES; p++)
		assert_true(wait(NULL) > 0);
	while (meters_next(m, &cursor, &v) == 1) {
		series++;
		count += v.count;
	}
	assert_int_equal(series, NAMES);
	assert_int_equal(count, PROCESSES * EACH);
	assert_int_equal(meters_next(m, &cursor, &v), 0);
}

static void
test_names_beyond_the_room_are_counted_together(void **state)
{
	struct meters *m = make();
	struct meter_view v = { 0 };
	size_t cursor = 0, series = 0;
	uint64_t count = 0;
	char name[200];

	(void)state;
	for (int i = 0; i < 5000; i++) {
		/* Long ones are cut. */
		snprintf(name, sizeof(name), "%d-%0150d", i, i);
		meters_add(m, METER_REQUEST, str_of(name), 1);
	}
	while (meters_next(m, &cursor, &v) == 1) {
		series++;
		count += v.count;
	}
	assert_int_equal(count, 5000);
	assert_true(series < 1000);
	assert_string_equal(v.name, "(other)");
}

static pid_t
start_worker(struct meters *m, bool leaves)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct meters_worker *w = meters_enter(m);

		meters_set_active(w, 3);
		if (leaves)
			meters_leave(w);
		else
			pause();
		_exit(0);
	}
	return pid;
}

static struct meters_state
wait_for(const struct meters *m, uint64_t workers)
{
	struct meters_state s;

	do
		meters_state(m, &s);
	while (s.workers != workers);
	return s;
}

static void
test_workers_come_and_go(void **state)
{
	struct meters *m = make();
	struct meters_state s;
	pid_t a, b;

	(void)state;
	waitpid(start_worker(m, true), NULL, 0);
	meters_state(m, &s);
	assert_int_equal(s.workers + s.active + s.crashes, 0);
	a = start_worker(m, false);
	wait_for(m, 1);
	b = start_worker(m, false);
	do
		s = wait_for(m, 2);
	while (s.active != 6);
	assert_int_equal(s.crashes, 0);
	kill(a, SIGKILL);
	waitpid(a, NULL, 0);
	meters_state(m, &s);
	assert_int_equal(s.workers, 1);
	assert_int_equal(s.active, 3);
	assert_int_equal(s.crashes, 1);
	/* Whoever comes takes the place; it is counted no second time. */
	waitpid(start_worker(m, true), NULL, 0);
	meters_state(m, &s);
	assert_int_equal(s.crashes, 1);
	kill(b, SIGKILL);
	waitpid(b, NULL, 0);
	meters_state(m, &s);
	assert_int_equal(s.workers, 0);
	assert_int_equal(s.crashes, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_older_file_has_none),
		cmocka_unit_test(test_times_fall_into_their_buckets),
		cmocka_unit_test(test_processes_add_at_the_same_time),
		cmocka_unit_test(
		    test_names_beyond_the_room_are_counted_together),
		cmocka_unit_test(test_workers_come_and_go),
	};

	return cmocka_run_group_tests_name("meters", tests, NULL, NULL);
}
