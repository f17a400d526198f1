/* What the workers share. See board.h. */
#include "sim/board.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <sys/mman.h>

static void
lock_init(pthread_mutex_t *lock)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	/* A worker that is killed inside must not stop the others. */
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(lock, &attr);
	pthread_mutexattr_destroy(&attr);
}

struct board *
board_new(const struct faults *start)
{
	struct board *b = mmap(NULL, sizeof(*b), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (b == MAP_FAILED)
		log_fatal(1, "no memory for %zu bytes shared by the workers",
		    sizeof(*b));
	lock_init(&b->lock);
	b->start = b->now = *start;
	atomic_store(&b->times, -1);
	atomic_store(&b->generation, 1);
	b->started_nsecs = clock_wall_nsecs();
	return b;
}

void
board_free(struct board **b)
{
	if (*b != NULL)
		munmap(*b, sizeof(**b));
	*b = NULL;
}

void
board_lock(struct board *b)
{
	if (pthread_mutex_lock(&b->lock) == EOWNERDEAD)
		pthread_mutex_consistent(&b->lock);
}

void
board_unlock(struct board *b)
{
	pthread_mutex_unlock(&b->lock);
}

static struct counters *
find_model(struct board *b, struct str name)
{
	size_t n = atomic_load_explicit(&b->model_count, memory_order_acquire);

	for (size_t i = 0; i < n; i++) {
		if (str_is(name, b->models[i].name))
			return &b->models[i].counters;
	}
	return NULL;
}

struct counters *
board_model(struct board *b, struct str name)
{
	char text[REQLOG_NAME_BYTES];
	struct counters *c;
	size_t n;

	record_text(text, sizeof(text), name);
	name = str_of(text);
	c = find_model(b, name);
	if (c != NULL)
		return c;
	board_lock(b);
	c = find_model(b, name);
	n = atomic_load(&b->model_count);
	if (c == NULL && n == BOARD_MODELS)
		c = &b->models[n - 1].counters;
	if (c == NULL) {
		record_text(b->models[n].name, REQLOG_NAME_BYTES,
		    n == BOARD_MODELS - 1 ? str_of("(others)") : name);
		c = &b->models[n].counters;
		atomic_store_explicit(&b->model_count, n + 1,
		    memory_order_release);
	}
	board_unlock(b);
	return c;
}

bool
board_use_now(struct board *b)
{
	int64_t left = atomic_load(&b->times);

	while (left > 0) {
		if (atomic_compare_exchange_weak(&b->times, &left, left - 1))
			return true;
	}
	return left < 0;
}

void
board_reset_settings(struct board *b)
{
	board_lock(b);
	b->now = b->start;
	atomic_store(&b->times, -1);
	atomic_store(&b->draws, 0);
	atomic_fetch_add(&b->generation, 1);
	board_unlock(b);
}

static void
counters_reset(struct counters *c)
{
	int64_t in_flight = atomic_load(&c->in_flight);

#define COUNTER_RESET(name) atomic_store(&c->name, 0);
	COUNTERS(COUNTER_RESET)
#undef COUNTER_RESET
	atomic_store(&c->in_flight, in_flight);
	atomic_store(&c->requests, in_flight);
}

void
board_reset_counters(struct board *b)
{
	board_lock(b);
	counters_reset(&b->counters);
	for (size_t i = 0; i < atomic_load(&b->model_count); i++)
		counters_reset(&b->models[i].counters);
	b->log.count = 0;
	b->recent.count = 0;
	board_unlock(b);
}

static void
add(_Atomic int64_t *counter, int64_t v)
{
	atomic_fetch_add_explicit(counter, v, memory_order_relaxed);
}

void
counters_begin(struct counters *c)
{
	add(&c->requests, 1);
	add(&c->in_flight, 1);
}

void
counters_end(struct counters *c, const struct record *r)
{
	add(&c->in_flight, -1);
	add(&c->streams, r->stream ? 1 : 0);
	switch (r->outcome) {
	case OUTCOME_SERVED:
		add(&c->served, 1);
		add(&c->prompt_tokens, r->prompt_tokens);
		add(&c->completion_tokens, r->completion_tokens);
		add(&c->cached_tokens, r->cached_tokens);
		return;
	case OUTCOME_ERROR:
		add(&c->errors, 1);
		break;
	case OUTCOME_CUT:
		add(&c->cut, 1);
		break;
	case OUTCOME_STALLED:
		add(&c->stalled, 1);
		break;
	case OUTCOME_CLIENT_GONE:
		add(&c->client_gone, 1);
		break;
	}
	add(&c->partial_tokens, r->completion_tokens);
}

void
counters_write(const struct counters *c, struct jsonw *w)
{
#define COUNTER_WRITE(name)                                                    \
	jsonw_key(w, #name);                                                   \
	jsonw_int(w, atomic_load(&c->name));
	COUNTERS(COUNTER_WRITE)
#undef COUNTER_WRITE
}
