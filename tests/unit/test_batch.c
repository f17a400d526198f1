/* The turn transaction: who is told what, and what stays queued. */
#include "unit.h"

#include "base/clock.h"
#include "base/fd.h"
#include "scratch.h"
#include "store/batch.h"
#include "store/key.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

struct fixture {
	char *dir;
	struct store *s;
	struct batch batch;
	struct str big; /* more than the map holds */
	int order;      /* rises with each done() */
};

/* A job that puts one row and notes what happened to it. */
struct job {
	struct batch_job job;
	struct fixture *f;
	uint64_t number;
	struct str value;
	int runs, dones, order;
	enum err_code code;
	bool refuse;         /* run() answers with an error, writes nothing */
	struct job *cancel;  /* taken off in done() */
	struct job *another; /* added in done() */
	bool free_me;
};

static int
setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct store_options o = { .map_bytes = 512 << 10 };
	struct err err = { 0 };

	o.dir = f->dir = scratch_make();
	if (store_open(&o, &f->s, &err) != 0)
		fail_msg("%s", err.text);
	batch_init(&f->batch, f->s);
	f->big = str_make(xcalloc(1, 600 << 10), 600 << 10);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	store_close(&f->s);
	scratch_remove(f->dir);
	free((void *)(uintptr_t)f->big.p);
	free(f);
	return 0;
}

static int
run_job(struct batch_job *job, struct store_txn *t, struct err *err)
{
	struct job *j = LIST_OBJ(job, struct job, job);
	struct key k;

	j->runs++;
	if (j->refuse)
		return err_set(err, ERR_BUDGET, "job %d refuses",
		    (int)j->number);
	key_init(&k);
	key_u64(&k, j->number);
	if (store_put(t, STORE_OUTBOX, key_str(&k), j->value) != 0) {
		store_failed(t, err);
		return -1;
	}
	return 0;
}

static void
job_done(struct batch_job *job, const struct err *err)
{
	struct job *j = LIST_OBJ(job, struct job, job);
	struct fixture *f = j->f;

	assert_false(batch_is_queued(job));
	j->dones++;
	j->order = ++f->order;
	j->code = err != NULL ? err->code : ERR_NONE;
	if (j->cancel != NULL)
		batch_cancel(&f->batch, &j->cancel->job);
	if (j->another != NULL)
		batch_add(&f->batch, &j->another->job);
	if (j->free_me)
		free(j);
}

static void
job_init(struct job *j, struct fixture *f, uint64_t number)
{
	memset(j, 0, sizeof(*j));
	batch_job_init(&j->job, run_job, job_done);
	j->f = f;
	j->number = number;
	j->value = str_of("value");
}

static uint64_t
count_rows(struct fixture *f)
{
	struct store_info info;
	struct err err;

	assert_int_equal(store_info(f->s, &info, &err), 0);
	return info.rows[STORE_OUTBOX];
}

static void
test_nothing_queued_is_nothing_done(void **state)
{
	struct fixture *f = *state;
	struct err err;

	assert_int_equal(batch_run(&f->batch, &err), 0);
	assert_int_equal(f->batch.commits, 0);
}

static void
test_all_jobs_share_a_commit_in_order(void **state)
{
	struct fixture *f = *state;
	struct job jobs[10];
	struct store_info before, after;
	struct err err;

	assert_int_equal(store_info(f->s, &before, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
		job_init(&jobs[i], f, i);
		batch_add(&f->batch, &jobs[i].job);
		batch_add(&f->batch, &jobs[i].job); /* harmless */
	}
	assert_int_equal(f->batch.queued, 10);
	assert_int_equal(batch_run(&f->batch, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
		assert_int_equal(jobs[i].runs, 1);
		assert_int_equal(jobs[i].dones, 1);
		assert_int_equal(jobs[i].order, i + 1);
		assert_int_equal(jobs[i].code, ERR_NONE);
	}
	assert_int_equal(store_info(f->s, &after, &err), 0);
	assert_int_equal(after.last_txn[STORE_LIVE],
	    before.last_txn[STORE_LIVE] + 1);
	assert_int_equal(count_rows(f), 10);
	assert_int_equal(f->batch.queued, 0);
	assert_int_equal(f->batch.commits, 1);
	assert_int_equal(f->batch.jobs_run, 10);
	assert_true(f->batch.longest_nsecs > 0);
}

static void
test_one_refusal_does_not_stop_the_others(void **state)
{
	struct fixture *f = *state;
	struct job jobs[3];
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
		job_init(&jobs[i], f, i);
		batch_add(&f->batch, &jobs[i].job);
	}
	/* Its own error is final, also for a job that would be retried. */
	jobs[1].refuse = true;
	jobs[1].job.retry = true;
	assert_int_equal(batch_run(&f->batch, &err), 0);
	assert_int_equal(jobs[0].code, ERR_NONE);
	assert_int_equal(jobs[1].code, ERR_BUDGET);
	assert_int_equal(jobs[2].code, ERR_NONE);
	assert_int_equal(count_rows(f), 2);
	assert_int_equal(f->batch.queued, 0);
}

static void
test_full_map_rolls_back_all_and_keeps_retries(void **state)
{
	struct fixture *f = *state;
	struct job jobs[5];
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
		job_init(&jobs[i], f, i);
		batch_add(&f->batch, &jobs[i].job);
	}
	jobs[1].job.retry = jobs[4].job.retry = true;
	jobs[2].refuse = true;
	jobs[3].value = f->big;
	assert_int_equal(batch_run(&f->batch, &err), -1);
	assert_int_equal(err.code, ERR_STORE_FULL);
	assert_int_equal(count_rows(f), 0);
	assert_int_equal(f->batch.failures, 1);
	assert_int_equal(f->batch.commits, 0);
	assert_true(f->batch.last_failure_nsecs > 0 &&
		    f->batch.last_failure_nsecs <= clock_mono_nsecs());
	/* Tried twice; the job behind the large one was never reached. */
	assert_int_equal(jobs[0].runs, 2);
	assert_int_equal(jobs[4].runs, 0);
	/* The whole transaction's error counts for the refuser too. */
	for (int i = 0; i < 4; i++)
		if (i != 1) {
			assert_int_equal(jobs[i].dones, 1);
			assert_int_equal(jobs[i].code, ERR_STORE_FULL);
		}
	assert_int_equal(jobs[1].dones, 0);
	assert_int_equal(jobs[4].dones, 0);
	assert_int_equal(f->batch.queued, 2);
	assert_true(batch_is_queued(&jobs[1].job));
	/* A later turn: the retries first, then what came since. */
	jobs[0].value = str_of("small");
	batch_add(&f->batch, &jobs[0].job);
	assert_int_equal(batch_run(&f->batch, &err), 0);
	assert_int_equal(jobs[1].order, 4);
	assert_int_equal(jobs[4].order, 5);
	assert_int_equal(jobs[0].order, 6);
	assert_int_equal(jobs[1].code, ERR_NONE);
	assert_int_equal(count_rows(f), 3);
	assert_int_equal(f->batch.queued, 0);
}

/* What makes room does not wait for what needs it. */
static void
test_full_map_runs_by_themselves_what_frees(void **state)
{
	struct fixture *f = *state;
	struct job jobs[3];
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
		job_init(&jobs[i], f, i);
		jobs[i].job.retry = true;
		batch_add(&f->batch, &jobs[i].job);
	}
	jobs[0].value = f->big;
	jobs[1].job.frees = true;
	assert_int_equal(batch_run(&f->batch, &err), -1);
	assert_int_equal(err.code, ERR_STORE_FULL);
	assert_int_equal(jobs[1].dones, 1);
	assert_int_equal(jobs[1].code, ERR_NONE);
	assert_int_equal(count_rows(f), 1);
	assert_int_equal(jobs[0].dones + jobs[2].dones, 0);
	assert_int_equal(f->batch.queued, 2);
	/* The room is there now. */
	jobs[0].value = str_of("small");
	assert_int_equal(batch_run(&f->batch, &err), 0);
	assert_int_equal(count_rows(f), 3);
	assert_int_equal(f->batch.queued, 0);
	/* One that cannot be run by itself either is kept like the others. */
	jobs[1].value = f->big;
	batch_add(&f->batch, &jobs[1].job);
	assert_int_equal(batch_run(&f->batch, &err), -1);
	assert_int_equal(jobs[1].dones, 1);
	assert_int_equal(f->batch.queued, 1);
	batch_cancel(&f->batch, &jobs[1].job);
}

static void
test_transaction_that_cannot_begin_fails_all(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t;
	struct job jobs[2];
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
		job_init(&jobs[i], f, i);
		batch_add(&f->batch, &jobs[i].job);
	}
	jobs[1].job.retry = true;
	assert_int_equal(store_write(f->s, STORE_LIVE, &t, &err), 0);
	assert_int_equal(batch_run(&f->batch, &err), -1);
	store_abort(&t);
	assert_int_equal(jobs[0].runs, 0);
	assert_int_equal(jobs[0].code, ERR_INTERNAL);
	assert_int_equal(jobs[1].dones, 0);
	assert_int_equal(batch_run(&f->batch, &err), 0);
	assert_int_equal(jobs[1].dones, 1);
	assert_int_equal(count_rows(f), 1);
}

static void
test_done_may_add_for_the_next_turn(void **state)
{
	struct fixture *f = *state;
	struct job a, b;
	struct err err;

	job_init(&a, f, 1);
	job_init(&b, f, 2);
	a.another = &b;
	b.another = &b; /* itself, again and again */
	batch_add(&f->batch, &a.job);
	assert_int_equal(batch_run(&f->batch, &err), 0);
	assert_int_equal(b.runs, 0);
	assert_int_equal(f->batch.queued, 1);
	for (int turn = 1; turn <= 3; turn++) {
		assert_int_equal(batch_run(&f->batch, &err), 0);
		assert_int_equal(b.dones, turn);
	}
	batch_cancel(&f->batch, &b.job);
	batch_cancel(&f->batch, &b.job);
	assert_int_equal(f->batch.queued, 0);
	assert_int_equal(batch_run(&f->batch, &err), 0);
	assert_int_equal(b.dones, 3);
}

static void
test_done_may_cancel_another_of_its_turn(void **state)
{
	struct fixture *f = *state;
	struct job a, b, c;
	struct err err;

	job_init(&a, f, 1);
	job_init(&b, f, 2);
	job_init(&c, f, 3);
	a.cancel = &b;
	batch_add(&f->batch, &a.job);
	batch_add(&f->batch, &b.job);
	batch_add(&f->batch, &c.job);
	assert_int_equal(batch_run(&f->batch, &err), 0);
	/* b was committed with the others, and nobody is left to be told. */
	assert_int_equal(b.runs, 1);
	assert_int_equal(b.dones, 0);
	assert_int_equal(c.dones, 1);
	assert_int_equal(f->batch.queued, 0);
	assert_int_equal(count_rows(f), 3);
}

static void
test_done_may_cancel_a_retry_after_a_failure(void **state)
{
	struct fixture *f = *state;
	struct job a, b;
	struct err err;

	job_init(&a, f, 1);
	job_init(&b, f, 2);
	a.value = f->big;
	a.cancel = &b;
	b.job.retry = true;
	batch_add(&f->batch, &b.job);
	batch_add(&f->batch, &a.job);
	assert_int_equal(batch_run(&f->batch, &err), -1);
	assert_int_equal(f->batch.queued, 0);
	assert_int_equal(batch_run(&f->batch, &err), 0);
	assert_int_equal(b.dones, 0);
	assert_int_equal(count_rows(f), 0);
}

static void
test_jobs_may_be_freed_in_done(void **state)
{
	struct fixture *f = *state;
	struct err err;

	for (int turn = 0; turn < 2; turn++) {
		for (uint64_t i = 0; i < 4; i++) {
			struct job *j = xmalloc(sizeof(*j));

			job_init(j, f, i);
			j->free_me = true;
			j->refuse = i == 1;
			if (turn == 1 && i == 2)
				j->value = f->big;
			batch_add(&f->batch, &j->job);
		}
		assert_int_equal(batch_run(&f->batch, &err),
		    turn == 0 ? 0 : -1);
	}
	assert_int_equal(f->order, 8);
}

/*
 * A reader that was killed pins every page freed since: the map fills up
 * with nothing in it. The second try is what ends that.
 */
static void
test_full_map_is_mended_by_the_reader_check(void **state)
{
	struct fixture *f = *state;
	char *block = xcalloc(1, 100 << 10);
	struct store_options o = { .map_bytes = 512 << 10 };
	struct job j;
	struct err err;
	int status, ready[2];
	pid_t pid;

	store_close(&f->s);
	scratch_remove(f->dir);
	o.dir = f->dir = scratch_make();
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		struct store_txn *t;
		struct store *s;

		if (store_open(&o, &s, &err) != 0 ||
		    store_read(s, STORE_LIVE, &t, &err) != 0 ||
		    write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], block, 1), 1);
	close(ready[0]);
	assert_int_equal(store_open(&o, &f->s, &err), 0);
	batch_init(&f->batch, f->s);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	job_init(&j, f, 1);
	j.value = str_make(block, 100 << 10);
	for (int turn = 0; turn < 20; turn++) {
		batch_add(&f->batch, &j.job);
		if (batch_run(&f->batch, &err) != 0)
			fail_msg("turn %d: %s", turn, err.text);
	}
	/* It did need the second try. */
	assert_int_equal(j.runs, 21);
	assert_int_equal(f->batch.failures, 0);
	free(block);
}

/* The disk, as the store sees it: how much may be reserved. */
static off_t disk_bytes = INT64_MAX;

int
fallocate(int fd, int mode, off_t offset, off_t len)
{
	(void)fd;
	(void)mode;
	if (offset + len <= disk_bytes)
		return 0;
	errno = ENOSPC;
	return -1;
}

/* A full disk is an error before anything is written, not a signal. */
static void
test_full_disk_keeps_retries_too(void **state)
{
	struct fixture *f = *state;
	struct store_options o = { .map_bytes = 256 << 20 };
	struct job jobs[2];
	struct err err;

	store_close(&f->s);
	scratch_remove(f->dir);
	o.dir = f->dir = scratch_make();
	assert_int_equal(store_open(&o, &f->s, &err), 0);
	batch_init(&f->batch, f->s);
	for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
		job_init(&jobs[i], f, i);
		batch_add(&f->batch, &jobs[i].job);
	}
	/* Too much for what is reserved from the start. */
	jobs[0].value = str_make(xcalloc(1, 9 << 20), 9 << 20);
	jobs[0].job.retry = true;
	disk_bytes = 0;
	for (int turn = 1; turn <= 3; turn++) {
		assert_int_equal(batch_run(&f->batch, &err), -1);
		assert_int_equal(err.code, ERR_STORE_FULL);
		assert_int_equal(f->batch.failures, turn);
		assert_int_equal(f->batch.queued, 1);
	}
	assert_non_null(strstr(err.text, "/live: put into "));
	assert_int_equal(jobs[1].dones, 1);
	assert_int_equal(jobs[1].code, ERR_STORE_FULL);
	assert_int_equal(count_rows(f), 0);
	/* The disk has room again. */
	disk_bytes = INT64_MAX;
	if (batch_run(&f->batch, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(jobs[0].dones, 1);
	assert_int_equal(jobs[0].code, ERR_NONE);
	assert_int_equal(count_rows(f), 1);
	free((void *)(uintptr_t)jobs[0].value.p);
}

#define BATCH_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BATCH_TEST(test_nothing_queued_is_nothing_done),
		BATCH_TEST(test_all_jobs_share_a_commit_in_order),
		BATCH_TEST(test_one_refusal_does_not_stop_the_others),
		BATCH_TEST(test_full_map_rolls_back_all_and_keeps_retries),
		BATCH_TEST(test_full_map_runs_by_themselves_what_frees),
		BATCH_TEST(test_transaction_that_cannot_begin_fails_all),
		BATCH_TEST(test_done_may_add_for_the_next_turn),
		BATCH_TEST(test_done_may_cancel_another_of_its_turn),
		BATCH_TEST(test_done_may_cancel_a_retry_after_a_failure),
		BATCH_TEST(test_jobs_may_be_freed_in_done),
		BATCH_TEST(test_full_disk_keeps_retries_too),
		BATCH_TEST(test_full_map_is_mended_by_the_reader_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
