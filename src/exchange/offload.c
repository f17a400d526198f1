/* The second thread. See offload.h. */
#include "exchange/offload.h"

#include "base/fd.h"
#include "base/hash.h"
#include "base/log.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Reading and translating go as deep as a body's brackets, which is bounded
   (SKIM_MAX_DEPTH); they need a few KB. What is not touched costs nothing. */
#define STACK_BYTES (512 * 1024)

struct offload {
	/* The loop's. */
	struct event_base *base;
	struct event on_ran;
	bool open; /* fd and on_ran are there */
	bool has_thread;
	pthread_t thread;
	int fd; /* an eventfd: there is something in ran */
	/* Under the lock. */
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct list waiting, ran;
	bool stopping;
};

/* ---- the thread's side -------------------------------------------------- */

/* The next job; NULL: it is over. Called and left with the lock. */
static struct offload_job *
wait_for_job(struct offload *o)
{
	struct list *node;

	while (list_empty(&o->waiting) && !o->stopping)
		pthread_cond_wait(&o->more, &o->lock);
	node = o->stopping ? NULL : list_shift(&o->waiting);
	return node == NULL ? NULL : LIST_OBJ(node, struct offload_job, node);
}

/* With the lock, or before there is a thread. */
static void
note_ran(struct offload *o, struct offload_job *job)
{
	job->state = OFFLOAD_RAN;
	list_append(&o->ran, &job->node);
}

static void *
work(void *arg)
{
	static const uint64_t one = 1;
	struct offload *o = arg;
	struct offload_job *job;

	pthread_setname_np(pthread_self(), "offload");
	pthread_mutex_lock(&o->lock);
	while ((job = wait_for_job(o)) != NULL) {
		job->state = OFFLOAD_RUNS;
		pthread_mutex_unlock(&o->lock);
		job->run(job);
		pthread_mutex_lock(&o->lock);
		note_ran(o, job);
		/* Fails only when 2^64 - 1 of them wait to be read. */
		if (write(o->fd, &one, sizeof(one)) != sizeof(one))
			abort();
	}
	pthread_mutex_unlock(&o->lock);
	hash_leave_thread();
	return NULL;
}

/* ---- the loop's side ---------------------------------------------------- */

static void
tell_owners(struct offload *o)
{
	struct list ran, *node;

	list_init(&ran);
	pthread_mutex_lock(&o->lock);
	list_move_all(&ran, &o->ran);
	pthread_mutex_unlock(&o->lock);
	while ((node = list_shift(&ran)) != NULL) {
		struct offload_job *job =
		    LIST_OBJ(node, struct offload_job, node);

		job->state = OFFLOAD_IDLE;
		job->done(job);
	}
}

static void
on_ran(evutil_socket_t fd, short what, void *arg)
{
	uint64_t count;

	(void)what;
	/* Nothing to read: it was activated by hand. */
	if (fd >= 0 && read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		log_error("offload: reading an eventfd: %s", strerror(errno));
	tell_owners(arg);
}

struct offload *
offload_new(struct event_base *base)
{
	struct offload *o = xcalloc(1, sizeof(*o));

	o->base = base;
	o->fd = -1;
	pthread_mutex_init(&o->lock, NULL);
	pthread_cond_init(&o->more, NULL);
	list_init(&o->waiting);
	list_init(&o->ran);
	return o;
}

/* 0, or what pthread_create() said. */
static int
make_thread(struct offload *o)
{
	pthread_attr_t attr;
	sigset_t all, before;
	int rc;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	/* A thread has the mask of who made it: signals are the loop's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&o->thread, &attr, work, o);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return rc;
}

/* Tried again at the next job when it fails. */
static void
open_thread(struct offload *o)
{
	int rc;

	if (!o->open) {
		o->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		event_assign(&o->on_ran, o->base, o->fd, EV_READ | EV_PERSIST,
		    on_ran, o);
		if (o->fd >= 0)
			event_add(&o->on_ran, NULL);
		o->open = true;
	}
	rc = o->fd < 0 ? EMFILE : make_thread(o);
	o->has_thread = rc == 0;
	if (rc != 0)
		log_warn("no thread for large bodies (%s): they hold up the "
			 "others",
		    strerror(rc));
}

void
offload_add(struct offload *o, struct offload_job *job)
{
	if (!o->has_thread && !o->stopping)
		open_thread(o);
	if (!o->has_thread && !o->stopping) {
		job->run(job);
		note_ran(o, job);
		event_active(&o->on_ran, EV_READ, 0);
		return;
	}
	pthread_mutex_lock(&o->lock);
	job->state = OFFLOAD_WAITS;
	list_append(&o->waiting, &job->node);
	pthread_cond_signal(&o->more);
	pthread_mutex_unlock(&o->lock);
}

bool
offload_cancel(struct offload *o, struct offload_job *job)
{
	bool waits;

	pthread_mutex_lock(&o->lock);
	waits = job->state == OFFLOAD_WAITS;
	if (waits) {
		list_remove(&job->node);
		job->state = OFFLOAD_IDLE;
	}
	pthread_mutex_unlock(&o->lock);
	return waits;
}

void
offload_stop(struct offload *o)
{
	pthread_mutex_lock(&o->lock);
	o->stopping = true;
	pthread_cond_signal(&o->more);
	pthread_mutex_unlock(&o->lock);
	if (o->has_thread)
		pthread_join(o->thread, NULL);
	o->has_thread = false;
	tell_owners(o);
}

void
offload_free(struct offload **op)
{
	struct offload *o = *op;

	if (o == NULL)
		return;
	*op = NULL;
	offload_stop(o);
	if (o->open)
		event_del(&o->on_ran);
	fd_close(&o->fd);
	pthread_cond_destroy(&o->more);
	pthread_mutex_destroy(&o->lock);
	free(o);
}
