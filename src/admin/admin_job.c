/* Answers over several turns of the loop. See admin_job.h. */
#include "admin/admin_job.h"

#include "base/clock.h"
#include "exchange/exchange.h"

#include <event2/event.h>

/* Of a turn; the last piece may go over it. */
#define SLICE_NSECS (NSECS_PER_MSEC / 4)
/* Of this process; each of them has its part of every turn. */
#define MAX_JOBS 8
/* Between turns while clients ask: a request takes some turns, and would have
   a slice before every one. */
#define PAUSE_USECS 1000

static size_t jobs_under_way;

static void
drop(struct admin_job *job)
{
	if (job->turn != NULL) {
		event_free(job->turn);
		jobs_under_way--;
	}
	json_decref(job->answer);
	job->free(job);
}

static int
run_slices(struct admin_job *job, struct admin_call *a)
{
	int64_t until = clock_mono_nsecs() + SLICE_NSECS;
	int rc;

	if (store_read(job->env->store, STORE_ACCOUNTS, &a->txn, &a->err) != 0)
		return -1;
	rc = store_read(job->env->store, STORE_LIVE, &a->live, &a->err);
	if (rc == 0) {
		do
			rc = job->slice(job, a);
		while (rc == 1 && !job->pausing && clock_mono_nsecs() < until);
		store_abort(&a->live);
	}
	store_abort(&a->txn);
	return rc;
}

/* True when the call was answered: the job is to be dropped. */
static bool
run_turn(struct admin_job *job)
{
	struct admin_call a = {
		.env = job->env,
		.http = job->call,
		.now_nsecs = clock_wall_nsecs(),
	};
	int rc = run_slices(job, &a);

	if (rc == 1)
		return false;
	if (rc < 0) {
		admin_refuse(job->call, a.err.code, a.err.text, a.param);
	} else if (job->reply != NULL) {
		job->reply(job, job->call);
	} else {
		admin_answer(job->call, job->answer);
		job->answer = NULL;
	}
	return true;
}

static void
set_turn(struct admin_job *job)
{
	const struct exchange_env *x = job->env->exchanges;
	bool pausing =
	    job->pausing || x->active > 0 || x->finished != job->finished;
	struct timeval when = { 0, pausing ? PAUSE_USECS : 0 };

	job->pausing = false;
	job->finished = x->finished;
	event_add(job->turn, &when);
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct admin_job *job = arg;

	(void)fd;
	(void)what;
	if (run_turn(job))
		drop(job);
	else
		set_turn(job);
}

static void
on_gone(void *arg)
{
	drop(arg);
}

static const struct http_call_callbacks callbacks = {
	.on_gone = on_gone,
};

void
admin_job_start(const struct admin_env *env, struct http_call *call,
    struct admin_job *job)
{
	job->env = env;
	job->call = call;
	if (jobs_under_way >= MAX_JOBS) {
		http_add_header(call, "retry-after", "1");
		admin_refuse(call, ERR_OVERLOADED,
		    "several long answers are being made already", NULL);
		drop(job);
		return;
	}
	if (run_turn(job)) {
		drop(job);
		return;
	}
	jobs_under_way++;
	job->turn = evtimer_new(env->exchanges->base, on_turn, job);
	http_call_own(call, &callbacks, job);
	set_turn(job);
}
