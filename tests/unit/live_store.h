/* A store in a scratch folder with one registered owner, for domain tests. */
#ifndef TESTS_UNIT_LIVE_STORE_H
#define TESTS_UNIT_LIVE_STORE_H

#include "scratch.h"
#include "unit.h"

#include "store/owner.h"

struct live {
	char *dir;
	struct store *store;
	struct owner owner;
};

static inline void
live_open(struct live *l)
{
	struct store_options options = { .dir = l->dir,
		.map_bytes = 256 * 1024 * 1024 };
	struct owner_row row = { .role = 1 };
	struct err err;

	if (store_open(&options, &l->store, &err) != 0 ||
	    owner_register(l->store, l->dir, &row, &l->owner, &err) != 0)
		fail_msg("%s", err.text);
}

static inline void
live_close(struct live *l)
{
	owner_release(&l->owner);
	store_close(&l->store);
}

static inline int
live_setup(void **state)
{
	struct live *l = xcalloc(1, sizeof(*l));

	l->dir = scratch_make();
	live_open(l);
	*state = l;
	return 0;
}

static inline int
live_teardown(void **state)
{
	struct live *l = *state;

	live_close(l);
	scratch_remove(l->dir);
	free(l);
	return 0;
}

static inline struct store_txn *
live_write(struct live *l)
{
	struct store_txn *t = NULL;
	struct err err;

	if (store_write(l->store, STORE_LIVE, &t, &err) != 0)
		fail_msg("%s", err.text);
	return t;
}

static inline struct store_txn *
live_read(struct live *l)
{
	struct store_txn *t = NULL;
	struct err err;

	if (store_read(l->store, STORE_LIVE, &t, &err) != 0)
		fail_msg("%s", err.text);
	return t;
}

static inline void
live_commit(struct store_txn *t)
{
	struct err err;

	if (store_commit(&t, &err) != 0)
		fail_msg("%s", err.text);
}

/* The rows of a table. */
static inline uint64_t
live_rows(struct live *l, enum store_table table)
{
	struct store_info info;
	struct err err;

	if (store_info(l->store, &info, &err) != 0)
		fail_msg("%s", err.text);
	return info.rows[table];
}

#define LIVE_TEST(f)                                                           \
	cmocka_unit_test_setup_teardown(f, live_setup, live_teardown)

#endif
