/* Times of a deployment and their percentile. */
#include "unit.h"

#include "exchange/tempo.h"

#define MSEC INT64_C(1000000)

static void
test_too_few_say_nothing(void **state)
{
	struct tempo t = { 0 };

	(void)state;
	assert_int_equal(tempo_p95(&t), 0);
	for (int i = 0; i < TEMPO_LEAST - 1; i++)
		tempo_add(&t, MSEC);
	assert_int_equal(tempo_p95(&t), 0);
	tempo_add(&t, MSEC);
	assert_int_equal(tempo_p95(&t), MSEC);
}

static void
test_it_is_the_least_that_95_percent_keep(void **state)
{
	struct tempo t = { 0 };

	(void)state;
	/* 1 .. 100 ms, in an order of their own. */
	for (int i = 0; i < 100; i++)
		tempo_add(&t, (i * 37 % 100 + 1) * MSEC);
	assert_int_equal(tempo_p95(&t), 95 * MSEC);
}

static void
test_old_ones_are_forgotten(void **state)
{
	struct tempo t = { 0 };

	(void)state;
	for (int i = 0; i < TEMPO_SAMPLES; i++)
		tempo_add(&t, 1000 * MSEC);
	for (int i = 0; i < TEMPO_SAMPLES; i++)
		tempo_add(&t, 2 * MSEC);
	assert_int_equal(tempo_p95(&t), 2 * MSEC);
}

static void
test_odd_times_do_no_harm(void **state)
{
	struct tempo t = { 0 };

	(void)state;
	tempo_add(&t, -5);
	assert_int_equal(t.count, 0);
	for (int i = 0; i < TEMPO_LEAST; i++)
		tempo_add(&t, INT64_MAX);
	assert_int_equal(tempo_p95(&t), (int64_t)UINT32_MAX * 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_too_few_say_nothing),
		cmocka_unit_test(test_it_is_the_least_that_95_percent_keep),
		cmocka_unit_test(test_old_ones_are_forgotten),
		cmocka_unit_test(test_odd_times_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
