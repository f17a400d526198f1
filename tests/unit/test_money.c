/* Money: exact decimals in and out, sums that saturate, one rounding. */
#include "unit.h"

#include "domain/ledger/money.h"

static void
test_parse_is_exact(void **state)
{
	static const struct {
		const char *text;
		int64_t want;
	} rows[] = {
		{ "0", 0 },
		{ "12.5", INT64_C(12500000000) },
		{ "0.000000001", 1 },
		{ "1e-9", 1 },
		{ "20", INT64_C(20000000000) },
		{ "0.10", 100000000 },
		{ "2305843009.213693950", MONEY_MAX - 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int64_t v = -1;

		assert_int_equal(money_parse(str_of(rows[i].text), &v), 0);
		assert_int_equal(v, rows[i].want);
	}
}

static void
test_parse_refuses_what_it_cannot_keep(void **state)
{
	static const char *const bad[] = { "", "-1", "-0", "1,5", "$3", "1 ",
		"0.0000000001", "1e-10", "2305843009.213693951", "1e30",
		"9223372036.854775807", "nan" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		int64_t v = 42;

		assert_int_equal(money_parse(str_of(bad[i]), &v), -1);
		assert_int_equal(v, 42);
	}
}

static void
test_format_is_a_plain_decimal(void **state)
{
	static const struct {
		int64_t nanos;
		const char *want;
	} rows[] = {
		{ 0, "0" },
		{ 123000, "0.000123" },
		{ 1, "0.000000001" },
		{ INT64_C(20000000000), "20" },
		{ -500000000, "-0.5" },
		{ MONEY_MAX, "2305843009.213693951" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[MONEY_TEXT_BYTES];

		assert_int_equal(money_format(rows[i].nanos, text),
		    strlen(rows[i].want));
		assert_string_equal(text, rows[i].want);
	}
}

static void
test_sums_saturate(void **state)
{
	(void)state;
	assert_int_equal(money_add(2, 3), 5);
	assert_int_equal(money_add(MONEY_MAX, 1), MONEY_MAX);
	assert_int_equal(money_add(INT64_MAX, INT64_MAX), MONEY_MAX);
	assert_int_equal(money_add(-MONEY_MAX, -1), -MONEY_MAX);
	assert_int_equal(money_add(INT64_MIN, INT64_MIN), -MONEY_MAX);
	assert_int_equal(money_add(MONEY_MAX, -MONEY_MAX), 0);
}

static void
test_picos_round_half_up_once(void **state)
{
	static const struct {
		int64_t picos, want;
	} rows[] = {
		{ 0, 0 },
		{ 499, 0 },
		{ 500, 1 },
		{ 1499, 1 },
		{ 1500, 2 },
		{ -1, 0 },
		{ -500, 0 },
		{ -501, -1 },
		{ -1500, -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(money_from_picos(rows[i].picos), rows[i].want);
	assert_int_equal(money_from_picos((__int128)INT64_MAX * INT64_MAX),
	    MONEY_MAX);
	assert_int_equal(money_from_picos((__int128)INT64_MIN * INT64_MAX),
	    -MONEY_MAX);
	/* The last value below saturation is still exact. */
	assert_int_equal(money_from_picos(
			     (__int128)(MONEY_MAX - 1) * 1000 + 499),
	    MONEY_MAX - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_is_exact),
		cmocka_unit_test(test_parse_refuses_what_it_cannot_keep),
		cmocka_unit_test(test_format_is_a_plain_decimal),
		cmocka_unit_test(test_sums_saturate),
		cmocka_unit_test(test_picos_round_half_up_once),
	};

	return cmocka_run_group_tests_name("money", tests, NULL, NULL);
}
