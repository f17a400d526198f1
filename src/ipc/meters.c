/*
 * Shared counters. See meters.h.
 *
 * No locks: counters are added to atomically, a cell is claimed by exchanging
 * its state and is looked at by others once its name is in it. A process that
 * dies between the two leaves a cell that nobody uses.
 */
#include "ipc/meters.h"

#include "base/mem.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define CELLS 512 /* a power of two */
/* A name is written in some nanoseconds. */
#define CLAIM_SPINS 100000
#define WORKERS     512

enum cell_state {
	CELL_FREE,
	CELL_CLAIMED,
	CELL_READY
};

struct cell {
	_Atomic uint32_t state;
	uint32_t hash, meter;
	char name[METER_NAME_BYTES];
	_Atomic uint64_t micros;
	_Atomic uint64_t buckets[METER_BOUND_COUNT + 1];
};

struct meters_worker {
	_Atomic int32_t pid; /* 0: nobody's */
	_Atomic uint32_t active;
};

struct meters {
	_Atomic uint64_t crashes;
	struct meters_worker workers[WORKERS];
	struct cell cells[CELLS], others[METER_COUNT];
};

const int64_t meter_bounds[METER_BOUND_COUNT] = { METER_BOUNDS };

size_t
meters_bytes(void)
{
	return sizeof(struct meters);
}

struct meters *
meters_map(int fd)
{
	struct stat st;
	void *p = MAP_FAILED;

	/* Touching a page behind the end of a file is fatal. */
	if (fstat(fd, &st) == 0 &&
	    st.st_size >= (off_t)(METERS_OFFSET + sizeof(struct meters)))
		p = mmap(NULL, sizeof(struct meters), PROT_READ | PROT_WRITE,
		    MAP_SHARED, fd, METERS_OFFSET);
	return p == MAP_FAILED ? NULL : p;
}

/* ---- workers ------------------------------------------------------------ */

static bool
is_alive(int32_t pid)
{
	return kill(pid, 0) == 0 || errno != ESRCH;
}

struct meters_worker *
meters_enter(struct meters *m)
{
	struct meters_worker *mine = NULL;
	int32_t self = (int32_t)getpid();

	for (size_t i = 0; m != NULL && i < WORKERS; i++) {
		struct meters_worker *w = &m->workers[i];
		int32_t pid = atomic_load(&w->pid);
		bool crashed = pid != 0 && !is_alive(pid);

		if (pid != 0 && !crashed)
			continue;
		if ((pid == 0 && mine != NULL) ||
		    !atomic_compare_exchange_strong(&w->pid, &pid,
			mine == NULL ? self : 0))
			continue;
		if (crashed)
			atomic_fetch_add(&m->crashes, 1);
		atomic_store(&w->active, 0);
		if (mine == NULL)
			mine = w;
	}
	return mine;
}

void
meters_leave(struct meters_worker *w)
{
	if (w != NULL)
		atomic_store(&w->pid, 0);
}

void
meters_set_active(struct meters_worker *w, uint32_t requests)
{
	if (w != NULL)
		atomic_store_explicit(&w->active, requests,
		    memory_order_relaxed);
}

void
meters_state(const struct meters *m, struct meters_state *state_r)
{
	struct meters_state s = { 0 };

	s.crashes = atomic_load(&m->crashes);
	for (size_t i = 0; i < WORKERS; i++) {
		int32_t pid = atomic_load(&m->workers[i].pid);

		if (pid == 0)
			continue;
		if (!is_alive(pid)) {
			s.crashes++; /* its successor will count it */
			continue;
		}
		s.workers++;
		s.active += atomic_load(&m->workers[i].active);
	}
	*state_r = s;
}

/* ---- times -------------------------------------------------------------- */

static uint32_t
hash(enum meter meter, struct str name)
{
	uint32_t h = 2166136261u ^ (uint32_t)meter; /* FNV-1a */

	for (size_t i = 0; i < name.n; i++)
		h = (h ^ (unsigned char)name.p[i]) * 16777619u;
	return h;
}

static bool
is_same(const struct cell *c, uint32_t h, enum meter meter, struct str name)
{
	return c->hash == h && c->meter == (uint32_t)meter &&
	       strncmp(c->name, name.p, name.n) == 0 && c->name[name.n] == '\0';
}

/* Its state, once nobody is just writing its name; who died doing that keeps it
   claimed. */
static uint32_t
settled_state(const struct cell *c)
{
	uint32_t state;
	int i = 0;

	do
		state = atomic_load_explicit(&c->state, memory_order_acquire);
	while (state == CELL_CLAIMED && ++i < CLAIM_SPINS);
	return state;
}

static bool
claim(struct cell *c, uint32_t h, enum meter meter, struct str name)
{
	uint32_t state = CELL_FREE;

	if (!atomic_compare_exchange_strong(&c->state, &state, CELL_CLAIMED))
		return false;
	c->hash = h;
	c->meter = (uint32_t)meter;
	memcpy(c->name, name.p, name.n);
	c->name[name.n] = '\0';
	atomic_store_explicit(&c->state, CELL_READY, memory_order_release);
	return true;
}

static struct cell *
find_cell(struct meters *m, enum meter meter, struct str name)
{
	uint32_t h = hash(meter, name);

	for (uint32_t i = 0; i < CELLS; i++) {
		struct cell *c = &m->cells[(h + i) % CELLS];
		uint32_t state = settled_state(c);

		if (state == CELL_FREE && !claim(c, h, meter, name))
			state = settled_state(c);
		if (state == CELL_FREE ||
		    (state == CELL_READY && is_same(c, h, meter, name)))
			return c;
	}
	return &m->others[meter];
}

void
meters_add(struct meters *m, enum meter meter, struct str name, int64_t nsecs)
{
	int64_t micros = nsecs < 0 ? 0 : nsecs / 1000;
	struct cell *c;
	size_t b = 0;

	if (m == NULL)
		return;
	if (name.n >= METER_NAME_BYTES)
		name.n = METER_NAME_BYTES - 1;
	c = find_cell(m, meter, name);
	while (b < METER_BOUND_COUNT && micros > meter_bounds[b])
		b++;
	atomic_fetch_add_explicit(&c->buckets[b], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&c->micros, (uint64_t)micros,
	    memory_order_relaxed);
}

/* ---- reading ------------------------------------------------------------ */

static void
add_cell(struct meter_view *v, const struct cell *c)
{
	for (size_t b = 0; b <= METER_BOUND_COUNT; b++) {
		uint64_t n =
		    atomic_load_explicit(&c->buckets[b], memory_order_relaxed);

		v->buckets[b] += n;
		v->count += n;
	}
	v->micros += atomic_load_explicit(&c->micros, memory_order_relaxed);
}

/* Two processes may have claimed a cell for the same name: the first of them
   stands for both. */
static bool
is_ready(const struct meters *m, size_t i, const struct cell *as)
{
	const struct cell *c = &m->cells[i];

	return atomic_load_explicit(&c->state, memory_order_acquire) ==
		   CELL_READY &&
	       (as == NULL || is_same(c, as->hash, (enum meter)as->meter,
				  str_of(as->name)));
}

static bool
is_first(const struct meters *m, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (is_ready(m, k, &m->cells[i]))
			return false;
	}
	return true;
}

int
meters_next(const struct meters *m, size_t *cursor, struct meter_view *view_r)
{
	struct meter_view *v = view_r;

	memset(v, 0, sizeof(*v));
	for (size_t i; (i = (*cursor)++) < CELLS;) {
		if (!is_ready(m, i, NULL) || !is_first(m, i))
			continue;
		v->meter = (enum meter)m->cells[i].meter;
		v->name = m->cells[i].name;
		for (size_t k = i; k < CELLS; k++) {
			if (is_ready(m, k, &m->cells[i]))
				add_cell(v, &m->cells[k]);
		}
		return 1;
	}
	while (*cursor - 1 < CELLS + METER_COUNT) {
		v->meter = (enum meter)(*cursor - 1 - CELLS);
		v->name = "(other)";
		add_cell(v, &m->others[v->meter]);
		++*cursor;
		if (v->count > 0)
			return 1;
	}
	return 0;
}
