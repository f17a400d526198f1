/* Sums by name. See tally.h. */
#include "admin/tally.h"

#include "base/map.h"

struct tally_item *
tally_at(struct tally *t, struct str name)
{
	struct tally_item *item;

	if (t->items == NULL)
		t->items = map_new();
	item = map_find(t->items, name);
	if (item == NULL) {
		item = xcalloc(1, sizeof(*item));
		map_set(t->items, name, item);
	}
	return item;
}

struct tally_item *
tally_add(struct tally *t, struct str name, const struct rollup_row *row)
{
	struct tally_item *item = tally_at(t, name);

	rollup_row_add(&item->sums, row);
	return item;
}

int
tally_next(const struct tally *t, size_t *cursor, struct str *name_r,
    struct tally_item **item_r)
{
	void *item;

	if (t->items == NULL || map_next(t->items, cursor, name_r, &item) != 1)
		return 0;
	*item_r = item;
	return 1;
}

static int
by_cost(const void *a, const void *b)
{
	const struct tally_pair *x = a, *y = b;
	int64_t cx = x->item->sums.cost_nanos, cy = y->item->sums.cost_nanos;
	size_t n = x->name.n < y->name.n ? x->name.n : y->name.n;
	int rc;

	if (cx != cy)
		return cx > cy ? -1 : 1;
	rc = memcmp(x->name.p, y->name.p, n);
	return rc != 0 ? rc : (x->name.n > y->name.n) - (x->name.n < y->name.n);
}

struct tally_pair *
tally_dearest(const struct tally *t, size_t *count_r)
{
	size_t n = t->items == NULL ? 0 : map_count(t->items), cursor = 0;
	struct tally_pair *pairs = xcalloc(n + 1, sizeof(*pairs));

	for (size_t i = 0; i < n; i++)
		(void)!tally_next(t, &cursor, &pairs[i].name, &pairs[i].item);
	qsort(pairs, n, sizeof(*pairs), by_cost);
	*count_r = n;
	return pairs;
}

static void
free_item(void *value)
{
	struct tally_item *item = value;

	tally_fini(&item->inner);
	free(item);
}

void
tally_fini(struct tally *t)
{
	map_free_with(&t->items, free_item);
}
