/* Marks per owner: raised, never lowered, the quietest forgotten first. */
#include "unit.h"

#include "logger/seq_marks.h"

static void
test_marks_rise_and_never_fall(void **state)
{
	struct seq_marks m;

	(void)state;
	seq_marks_init(&m, 8);
	assert_int_equal(seq_marks_get(&m, 5), 0);
	seq_marks_raise(&m, 5, 10);
	seq_marks_raise(&m, 3, 1);
	seq_marks_raise(&m, UINT64_MAX, 7);
	seq_marks_raise(&m, 5, 4);
	assert_int_equal(seq_marks_get(&m, 5), 10);
	assert_int_equal(seq_marks_get(&m, 3), 1);
	assert_int_equal(seq_marks_get(&m, UINT64_MAX), 7);
	assert_int_equal(seq_marks_get(&m, 4), 0);
	assert_int_equal(m.count, 3);
	seq_marks_fini(&m);
}

/* Against a plain array: owners in any order, more than there is room for. */
static void
test_the_quietest_is_forgotten(void **state)
{
	struct seq_marks m;

	(void)state;
	seq_marks_init(&m, 4);
	for (uint64_t owner = 1; owner <= 4; owner++)
		seq_marks_raise(&m, owner, 100 + owner);
	/* The eldest is the busiest: it stays. */
	seq_marks_raise(&m, 1, 200);
	seq_marks_raise(&m, 9, 1);
	assert_int_equal(seq_marks_get(&m, 1), 200);
	assert_int_equal(seq_marks_get(&m, 2), 0);
	assert_int_equal(seq_marks_get(&m, 3), 103);
	seq_marks_raise(&m, 3, 104);
	seq_marks_raise(&m, 0, 1); /* below all: room is made all the same */
	assert_int_equal(seq_marks_get(&m, 4), 0);
	assert_int_equal(seq_marks_get(&m, 0), 1);
	assert_int_equal(m.count, 4);
	seq_marks_fini(&m);
}

static void
test_order_is_kept_over_many(void **state)
{
	enum {
		OWNERS = 1000
	};
	uint64_t want[OWNERS] = { 0 }, seed = 7;
	struct seq_marks m;

	(void)state;
	seq_marks_init(&m, OWNERS);
	for (int i = 0; i < 20000; i++) {
		uint64_t owner, seq;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		owner = seed >> 33 & 1023;
		seq = seed >> 20 & 4095;
		if (owner >= OWNERS || seq == 0)
			continue;
		seq_marks_raise(&m, owner, seq);
		if (seq > want[owner])
			want[owner] = seq;
	}
	for (size_t i = 0; i < OWNERS; i++)
		assert_int_equal(seq_marks_get(&m, i), want[i]);
	for (size_t i = 1; i < m.count; i++)
		assert_true(m.items[i - 1].owner < m.items[i].owner);
	seq_marks_fini(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_marks_rise_and_never_fall),
		cmocka_unit_test(test_the_quietest_is_forgotten),
		cmocka_unit_test(test_order_is_kept_over_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
