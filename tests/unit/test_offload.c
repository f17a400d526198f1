/*
 * The second thread: what it runs and what the loop hears, in which order,
 * what is taken back, and how it ends. A gate holds a job until the test opens
 * it; nothing waits for time.
 */
#include "unit.h"

#include "exchange/offload.h"

#include <dirent.h>
#include <event2/event.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#define JOBS 5
#define MANY 200

static struct event_base *base;
static struct offload *offload;
static sem_t began, gate;

struct task {
	struct offload_job job;
	int number;
	bool gated, slow;
	pthread_t ran_on;
	sigset_t mask;
	bool told;
};

/* Numbers in the order of things. */
static int ran[MANY + 1], told[MANY + 1];
static int ran_count, told_count;

static void
run(struct offload_job *job)
{
	struct task *t = LIST_OBJ(job, struct task, job);

	t->ran_on = pthread_self();
	pthread_sigmask(SIG_BLOCK, NULL, &t->mask);
	if (t->gated) {
		sem_post(&began);
		while (sem_wait(&gate) != 0)
			;
	}
	if (t->slow)
		usleep(5000);
	ran[ran_count++] = t->number;
}

static void
done(struct offload_job *job)
{
	struct task *t = LIST_OBJ(job, struct task, job);

	assert_false(t->told);
	t->told = true;
	told[told_count++] = t->number;
}

static void
add(struct task *t, int number, bool gated)
{
	t->number = number;
	t->gated = gated;
	t->told = false;
	t->job.run = run;
	t->job.done = done;
	offload_add(offload, &t->job);
}

static void
await_told(int n)
{
	while (told_count < n)
		event_base_loop(base, EVLOOP_ONCE);
}

static int
thread_count(void)
{
	DIR *d = opendir("/proc/self/task");
	int n = 0;

	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n - 2; /* "." and ".." */
}

static int
start(void **state)
{
	(void)state;
	base = event_base_new();
	offload = offload_new(base);
	sem_init(&began, 0, 0);
	sem_init(&gate, 0, 0);
	ran_count = told_count = 0;
	return 0;
}

static int
end(void **state)
{
	(void)state;
	offload_free(&offload);
	event_base_free(base);
	sem_destroy(&began);
	sem_destroy(&gate);
	return 0;
}

static void
test_jobs_run_in_order_and_the_loop_hears(void **state)
{
	struct task tasks[JOBS] = { 0 };

	(void)state;
	for (int i = 0; i < JOBS; i++)
		add(&tasks[i], i, false);
	/* It is never told from inside of offload_add(). */
	assert_int_equal(told_count, 0);
	await_told(JOBS);
	for (int i = 0; i < JOBS; i++) {
		assert_int_equal(ran[i], i);
		assert_int_equal(told[i], i);
		assert_false(pthread_equal(tasks[i].ran_on, pthread_self()));
		assert_true(pthread_equal(tasks[i].ran_on, tasks[0].ran_on));
	}
}

static void
test_the_thread_comes_with_the_first_job_and_takes_no_signal(void **state)
{
	struct task task = { 0 };
	int before = thread_count();

	(void)state;
	add(&task, 0, false);
	await_told(1);
	assert_int_equal(thread_count(), before + 1);
	assert_int_equal(sigismember(&task.mask, SIGTERM), 1);
	assert_int_equal(sigismember(&task.mask, SIGCHLD), 1);
	offload_stop(offload);
	/* The kernel counts it for a moment longer than pthread_join() does. */
	for (int i = 0; i < 100000 && thread_count() > before; i++)
		sched_yield();
	assert_int_equal(thread_count(), before);
}

static void
test_what_waits_is_taken_back_and_what_runs_is_not(void **state)
{
	struct task tasks[3] = { 0 };

	(void)state;
	add(&tasks[0], 0, true);
	add(&tasks[1], 1, false);
	add(&tasks[2], 2, false);
	sem_wait(&began);
	assert_false(offload_cancel(offload, &tasks[0].job));
	assert_true(offload_cancel(offload, &tasks[1].job));
	assert_false(offload_cancel(offload, &tasks[1].job));
	sem_post(&gate);
	await_told(2);
	assert_int_equal(told[0], 0);
	assert_int_equal(told[1], 2);
	assert_int_equal(ran_count, 2);
	/* And may be added again. */
	add(&tasks[1], 1, false);
	await_told(3);
	assert_int_equal(told[2], 1);
}

static void
test_the_end_waits_for_what_runs_and_begins_nothing(void **state)
{
	struct task tasks[MANY] = { 0 }, late = { 0 };

	/* A second of work for whoever does it all. */
	(void)state;
	add(&tasks[0], 0, false);
	await_told(1);
	for (int i = 1; i < MANY; i++) {
		tasks[i].slow = true;
		add(&tasks[i], i, false);
	}
	offload_stop(offload);
	assert_int_equal(told_count, ran_count);
	assert_in_range(told_count, 1, MANY - 1);
	/* What came too late waits with the others, and is taken back. */
	add(&late, MANY, false);
	assert_true(offload_cancel(offload, &late.job));
	for (int i = 0; i < MANY; i++)
		assert_int_equal(offload_cancel(offload, &tasks[i].job),
		    !tasks[i].told);
	offload_free(&offload);
	assert_int_equal(told_count, ran_count);
}

/* No descriptor is left for the thread to be heard by. */
static void
test_without_a_thread_it_is_done_here(void **state)
{
	struct rlimit few, before;
	struct task task = { 0 };

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	add(&task, 0, false);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(ran_count, 1);
	assert_true(pthread_equal(task.ran_on, pthread_self()));
	assert_int_equal(told_count, 0);
	await_told(1);
}

int
main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, start, end)
	const struct CMUnitTest tests[] = {
		T(test_jobs_run_in_order_and_the_loop_hears),
		T(test_the_thread_comes_with_the_first_job_and_takes_no_signal),
		T(test_what_waits_is_taken_back_and_what_runs_is_not),
		T(test_the_end_waits_for_what_runs_and_begins_nothing),
		T(test_without_a_thread_it_is_done_here),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
