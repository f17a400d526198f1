/* String → pointer hash: open addressing over an array in insertion order. */
#include "base/map.h"

#include "base/hash.h"

struct entry {
	char *key; /* NULL: removed */
	size_t key_len;
	uint64_t hash;
	void *value;
};

struct map {
	struct entry *entries;
	size_t used;     /* entries in use, holes included */
	size_t live;     /* entries in use, without holes */
	size_t cap;      /* entries allocated; index has 2 * cap slots */
	uint32_t *index; /* 1 + entry number, 0 = free */
};

struct map *
map_new(void)
{
	struct map *m = xcalloc(1, sizeof(*m));

	m->cap = 16;
	m->entries = xcalloc(m->cap, sizeof(*m->entries));
	m->index = xcalloc(2 * m->cap, sizeof(*m->index));
	return m;
}

void
map_free(struct map **mp)
{
	struct map *m = *mp;

	if (m == NULL)
		return;
	for (size_t i = 0; i < m->used; i++)
		free(m->entries[i].key);
	free(m->entries);
	free(m->index);
	free(m);
	*mp = NULL;
}

void
map_free_with(struct map **mp, void (*free_value)(void *value))
{
	const struct map *m = *mp;

	for (size_t i = 0; m != NULL && i < m->used; i++) {
		if (m->entries[i].key != NULL)
			free_value(m->entries[i].value);
	}
	map_free(mp);
}

/* The slot where the key is, or the free one where it would go. */
static size_t
find_slot(const struct map *m, struct str key, uint64_t hash)
{
	size_t mask = 2 * m->cap - 1, slot = hash & mask;

	while (m->index[slot] != 0) {
		const struct entry *e = &m->entries[m->index[slot] - 1];

		if (e->key != NULL && e->hash == hash && e->key_len == key.n &&
		    memcmp(e->key, key.p, key.n) == 0)
			break;
		slot = (slot + 1) & mask;
	}
	return slot;
}

void *
map_find(const struct map *m, struct str key)
{
	size_t slot = find_slot(m, key, hash_bytes(key));

	return m->index[slot] == 0 ? NULL
				   : m->entries[m->index[slot] - 1].value;
}

static void
rebuild(struct map *m, size_t cap)
{
	struct entry *old = m->entries;
	size_t n = m->used;

	free(m->index);
	m->entries = xcalloc(cap, sizeof(*m->entries));
	m->index = xcalloc(2 * cap, sizeof(*m->index));
	m->cap = cap;
	m->used = 0;
	for (size_t i = 0; i < n; i++) {
		size_t slot;

		if (old[i].key == NULL)
			continue;
		slot = find_slot(m, str_make(old[i].key, old[i].key_len),
		    old[i].hash);
		m->entries[m->used++] = old[i];
		m->index[slot] = (uint32_t)m->used;
	}
	free(old);
}

void *
map_set(struct map *m, struct str key, void *value)
{
	uint64_t hash = hash_bytes(key);
	size_t slot = find_slot(m, key, hash);
	struct entry *e;

	if (m->index[slot] != 0) {
		void *old = m->entries[m->index[slot] - 1].value;

		m->entries[m->index[slot] - 1].value = value;
		return old;
	}
	if (m->used == m->cap) {
		rebuild(m, m->live * 2 > m->cap ? m->cap * 2 : m->cap);
		slot = find_slot(m, key, hash);
	}
	e = &m->entries[m->used++];
	e->key = xstrndup(key.p, key.n);
	e->key_len = key.n;
	e->hash = hash;
	e->value = value;
	m->live++;
	m->index[slot] = (uint32_t)m->used;
	return NULL;
}

void *
map_remove(struct map *m, struct str key)
{
	size_t slot = find_slot(m, key, hash_bytes(key));
	struct entry *e;
	void *value;

	if (m->index[slot] == 0)
		return NULL;
	e = &m->entries[m->index[slot] - 1];
	value = e->value;
	free(e->key);
	e->key = NULL; /* the slot stays taken: later probes walk over it */
	e->value = NULL;
	m->live--;
	return value;
}

size_t
map_count(const struct map *m)
{
	return m->live;
}

int
map_next(const struct map *m, size_t *cursor, struct str *key_r, void **value_r)
{
	while (*cursor < m->used) {
		const struct entry *e = &m->entries[(*cursor)++];

		if (e->key == NULL)
			continue;
		*key_r = str_make(e->key, e->key_len);
		*value_r = e->value;
		return 1;
	}
	return 0;
}
