/*
 * Marks per owner, in an array sorted by owner. See seq_marks.h. Owns the
 * array. Cannot fail.
 */
#include "logger/seq_marks.h"

#include "base/mem.h"

void
seq_marks_init(struct seq_marks *m, size_t max)
{
	m->items = xcalloc(max, sizeof(*m->items));
	m->count = 0;
	m->max = max;
	m->clock = 0;
}

void
seq_marks_fini(struct seq_marks *m)
{
	free(m->items);
	m->items = NULL;
	m->count = m->max = 0;
}

/* Where this owner is, or would be. */
static size_t
place_of(const struct seq_marks *m, uint64_t owner)
{
	size_t low = 0, high = m->count;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (m->items[mid].owner < owner)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct seq_mark *
find(const struct seq_marks *m, uint64_t owner)
{
	size_t i = place_of(m, owner);

	if (i < m->count && m->items[i].owner == owner)
		return &m->items[i];
	return NULL;
}

static void
forget_quietest(struct seq_marks *m)
{
	size_t victim = 0;

	for (size_t i = 1; i < m->count; i++) {
		if (m->items[i].used < m->items[victim].used)
			victim = i;
	}
	m->count--;
	memmove(m->items + victim, m->items + victim + 1,
	    (m->count - victim) * sizeof(*m->items));
}

static struct seq_mark *
add(struct seq_marks *m, uint64_t owner)
{
	size_t i;

	if (m->count == m->max)
		forget_quietest(m);
	i = place_of(m, owner);
	memmove(m->items + i + 1, m->items + i,
	    (m->count - i) * sizeof(*m->items));
	m->count++;
	m->items[i] = (struct seq_mark){ .owner = owner };
	return &m->items[i];
}

uint64_t
seq_marks_get(const struct seq_marks *m, uint64_t owner)
{
	const struct seq_mark *mark = find(m, owner);

	return mark == NULL ? 0 : mark->seq;
}

void
seq_marks_raise(struct seq_marks *m, uint64_t owner, uint64_t seq)
{
	struct seq_mark *mark = find(m, owner);

	if (mark == NULL)
		mark = add(m, owner);
	mark->used = ++m->clock;
	if (seq > mark->seq)
		mark->seq = seq;
}
