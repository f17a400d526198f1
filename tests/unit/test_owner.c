/* Owners: numbers that never come twice, liveness, sequences. */
#include "unit.h"

#include "base/clock.h"
#include "base/fd.h"
#include "scratch.h"
#include "store/key.h"
#include "store/owner.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

struct fixture {
	char *dir;
	struct store *s;
};

static const struct owner_row me = { .role = 1,
	.slot = 3,
	.generation = 17,
	.pid = 4711 };

static void
open_store(struct fixture *f)
{
	struct store_options o = { .dir = f->dir, .map_bytes = 1 << 20 };
	struct err err = { 0 };

	if (store_open(&o, &f->s, &err) != 0)
		fail_msg("%s", err.text);
}

static int
setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->dir = scratch_make();
	open_store(f);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	store_close(&f->s);
	scratch_remove(f->dir);
	free(f);
	return 0;
}

static struct owner
take(struct fixture *f)
{
	struct owner o;
	struct err err = { 0 };

	if (owner_register(f->s, f->dir, &me, &o, &err) != 0)
		fail_msg("%s", err.text);
	return o;
}

static int
alive(struct fixture *f, uint64_t id)
{
	struct err err = { 0 };
	int rc = owner_alive(f->dir, id, &err);

	if (rc < 0)
		fail_msg("%s", err.text);
	return rc;
}

static void
put(struct fixture *f, enum store_table table, struct str key, struct str v)
{
	struct store_txn *t;
	struct err err;

	assert_int_equal(store_write(f->s, STORE_LIVE, &t, &err), 0);
	assert_int_equal(store_put(t, table, key, v), 0);
	assert_int_equal(store_commit(&t, &err), 0);
}

static void
test_row_says_who_it_is(void **state)
{
	struct fixture *f = *state;
	int64_t before = clock_wall_nsecs();
	struct owner o = take(f);
	struct owner_row row;
	struct store_txn *t;
	struct key k;
	struct str v;
	struct err err;

	assert_int_equal(store_read(f->s, STORE_LIVE, &t, &err), 0);
	key_init(&k);
	key_u64(&k, o.id);
	assert_int_equal(store_get(t, STORE_OWNERS, key_str(&k), &v), 1);
	assert_int_equal(v.n, sizeof(row));
	memcpy(&row, v.p, sizeof(row));
	store_abort(&t);
	assert_int_equal(row.slot, 3);
	assert_int_equal(row.generation, 17);
	assert_int_equal(row.pid, 4711);
	assert_int_equal(row.last_seq, 0);
	assert_true(row.started_nsecs >= before);
	assert_int_equal(fcntl(o.lock_fd, F_GETFD), FD_CLOEXEC);
	owner_release(&o);
	assert_int_equal(o.lock_fd, -1);
}

static void
test_numbers_rise_and_never_come_twice(void **state)
{
	struct fixture *f = *state;
	uint64_t last = 0;
	struct key k;

	for (int i = 0; i < 50; i++) {
		struct owner o = take(f);

		assert_true(o.id > last);
		last = o.id;
		owner_release(&o);
	}
	/* A clock that went back: above every row all the same ... */
	key_init(&k);
	key_u64(&k, last + 1000000000);
	put(f, STORE_OWNERS, key_str(&k),
	    str_make((const char *)&me, sizeof(me)));
	for (int i = 0; i < 2; i++) {
		struct owner o = take(f);

		assert_int_equal(o.id, last + 1000000001 + (uint64_t)i);
		owner_release(&o);
	}
	/* ... and above numbers whose rows are gone. */
	put(f, STORE_LIVEMETA, str_of("last_owner"),
	    str_of("8000000000000000000"));
	for (int i = 1; i < 3; i++) {
		struct owner o = take(f);

		assert_int_equal(o.id, INT64_C(8000000000000000000) + i);
		assert_int_equal(alive(f, o.id), 1);
		owner_release(&o);
	}
}

/* Whoever lives holds his byte, even when the store forgot his row. */
static void
test_a_number_locked_by_a_stranger_is_passed_over(void **state)
{
	struct fixture *f = *state;
	char *path = path_join(f->dir, "owners.lock");
	struct flock lock = { .l_type = F_WRLCK,
		.l_len = 2,
		.l_start = INT64_C(8000000000000000001) };
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	struct owner o;
	struct err err;

	assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
	put(f, STORE_LIVEMETA, str_of("last_owner"),
	    str_of("8000000000000000000"));
	o = take(f);
	assert_int_equal(o.id, INT64_C(8000000000000000003));
	owner_release(&o);
	/* But not for ever. */
	lock.l_len = 0; /* to the end */
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
	assert_int_equal(owner_register(f->s, f->dir, &me, &o, &err), -1);
	assert_non_null(strstr(err.text, "owners.lock"));
	close(fd);
	free(path);
}

static void
test_lock_goes_with_its_owner_only(void **state)
{
	struct fixture *f = *state;
	struct owner a, b;

	assert_int_equal(alive(f, 12345), 0); /* no file yet */
	a = take(f);
	b = take(f);
	assert_int_equal(alive(f, a.id), 1);
	assert_int_equal(alive(f, b.id), 1);
	assert_int_equal(alive(f, a.id + 1000000), 0);
	owner_release(&a);
	assert_int_equal(alive(f, a.id), 0);
	assert_int_equal(alive(f, b.id), 1);
	owner_release(&b);
	assert_int_equal(alive(f, b.id), 0);
}

static void
test_killed_process_is_dead_at_once(void **state)
{
	struct fixture *f = *state;
	uint64_t ids[3];
	pid_t pids[3];
	int pipes[2], status;

	store_close(&f->s);
	assert_int_equal(pipe(pipes), 0);
	for (int i = 0; i < 3; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			struct owner o;

			open_store(f);
			o = take(f);
			if (write(pipes[1], &o.id, sizeof(o.id)) !=
			    sizeof(o.id))
				_exit(1);
			for (;;)
				pause();
		}
		assert_int_equal(read(pipes[0], &ids[i], sizeof(ids[i])),
		    sizeof(ids[i]));
	}
	open_store(f);
	for (int i = 0; i < 3; i++) {
		assert_true(i == 0 || ids[i] > ids[i - 1]);
		assert_int_equal(alive(f, ids[i]), 1);
	}
	kill(pids[1], SIGSTOP); /* stopped is not dead */
	assert_int_equal(waitpid(pids[1], &status, WUNTRACED), pids[1]);
	assert_int_equal(alive(f, ids[1]), 1);
	for (int i = 2; i >= 0; i--) {
		kill(pids[i], SIGKILL);
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		for (int j = 0; j < 3; j++)
			assert_int_equal(alive(f, ids[j]), j < i);
	}
	close(pipes[0]);
	close(pipes[1]);
}

static void
test_a_walk_gives_the_rows_from_a_number_on(void **state)
{
	struct fixture *f = *state;
	struct owner a = take(f), b = take(f);
	struct store_cursor *c;
	struct owner_row row;
	struct store_txn *t;
	struct key k;
	struct err err;
	uint64_t id;

	key_init(&k);
	key_u64(&k, a.id - 1);
	put(f, STORE_OWNERS, key_str(&k), str_of("no row of ours"));
	assert_int_equal(store_read(f->s, STORE_LIVE, &t, &err), 0);
	c = owner_cursor(t, 0);
	assert_int_equal(owner_next(c, &id, &row), 1);
	assert_true(id == a.id && row.started_nsecs == a.row.started_nsecs);
	assert_int_equal(owner_next(c, &id, &row), 1);
	assert_true(id == b.id);
	assert_int_equal(owner_next(c, &id, &row), 0);
	store_cursor_close(&c);
	c = owner_cursor(t, a.id + 1);
	assert_int_equal(owner_next(c, &id, &row), 1);
	assert_true(id == b.id);
	store_cursor_close(&c);
	store_abort(&t);
	owner_release(&a);
	owner_release(&b);
}

static void
test_sequence_has_no_gap_after_a_rollback(void **state)
{
	struct fixture *f = *state;
	struct owner o = take(f);
	struct store_txn *t;
	struct err err;
	uint64_t seq;

	assert_int_equal(store_write(f->s, STORE_LIVE, &t, &err), 0);
	for (uint64_t i = 1; i <= 3; i++) {
		assert_int_equal(owner_next_seq(t, &o, &seq), 0);
		assert_int_equal(seq, i);
	}
	assert_int_equal(store_commit(&t, &err), 0);
	assert_int_equal(store_write(f->s, STORE_LIVE, &t, &err), 0);
	assert_int_equal(owner_next_seq(t, &o, &seq), 0);
	assert_int_equal(seq, 4);
	store_abort(&t);
	assert_int_equal(store_write(f->s, STORE_LIVE, &t, &err), 0);
	assert_int_equal(owner_next_seq(t, &o, &seq), 0);
	assert_int_equal(seq, 4);
	assert_int_equal(store_commit(&t, &err), 0);
	assert_int_equal(o.row.last_seq, 4);
	owner_release(&o);
}

static void
test_sequence_without_a_row_fails_the_transaction(void **state)
{
	struct fixture *f = *state;
	struct owner o = take(f);
	struct store_txn *t;
	struct key k;
	struct err err;
	uint64_t seq;

	key_init(&k);
	key_u64(&k, o.id);
	assert_int_equal(store_write(f->s, STORE_LIVE, &t, &err), 0);
	assert_int_equal(store_del(t, STORE_OWNERS, key_str(&k)), 0);
	assert_int_equal(owner_next_seq(t, &o, &seq), -1);
	assert_int_equal(store_commit(&t, &err), -1);
	assert_int_equal(err.code, ERR_STORE);
	assert_non_null(strstr(err.text, "gone"));
	owner_release(&o);
}

static void
test_failure_to_register_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	char *none = path_join(f->dir, "none");
	struct store_info info;
	struct owner o;
	struct err err;

	assert_int_equal(owner_register(f->s, none, &me, &o, &err), -1);
	assert_int_equal(err.code, ERR_STORE);
	put(f, STORE_LIVEMETA, str_of("last_owner"), str_of("many"));
	assert_int_equal(owner_register(f->s, f->dir, &me, &o, &err), -1);
	assert_non_null(strstr(err.text, "last_owner"));
	assert_int_equal(store_info(f->s, &info, &err), 0);
	assert_int_equal(info.rows[STORE_OWNERS], 0);
	free(none);
}

#define OWNER_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		OWNER_TEST(test_row_says_who_it_is),
		OWNER_TEST(test_numbers_rise_and_never_come_twice),
		OWNER_TEST(test_a_number_locked_by_a_stranger_is_passed_over),
		OWNER_TEST(test_lock_goes_with_its_owner_only),
		OWNER_TEST(test_killed_process_is_dead_at_once),
		OWNER_TEST(test_a_walk_gives_the_rows_from_a_number_on),
		OWNER_TEST(test_sequence_has_no_gap_after_a_rollback),
		OWNER_TEST(test_sequence_without_a_row_fails_the_transaction),
		OWNER_TEST(test_failure_to_register_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
