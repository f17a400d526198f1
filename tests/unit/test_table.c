/* Tables for people: columns, numbers, money, and names that misbehave. */
#include "unit.h"

#include "base/buf.h"
#include "base/fd.h"
#include "ctl/table.h"

#include <unistd.h>

/* What table_print() prints, in one text. */
static char *
printed(const struct table *t)
{
	FILE *file = tmpfile();
	int saved = dup(STDOUT_FILENO);
	struct err err;
	struct buf b;

	assert_non_null(file);
	fflush(stdout);
	assert_true(dup2(fileno(file), STDOUT_FILENO) >= 0);
	table_print(t);
	fflush(stdout);
	assert_true(dup2(saved, STDOUT_FILENO) >= 0);
	close(saved);
	rewind(file);
	buf_init(&b, 1 << 20);
	assert_int_equal(fd_read_all(fileno(file), &b, &err), 0);
	fclose(file);
	return buf_take(&b, NULL);
}

static void
check(struct table *t, const char *want)
{
	char *got = printed(t);

	assert_string_equal(got, want);
	free(got);
	table_free(&t);
	assert_null(t);
}

static void
test_columns_are_aligned(void **state)
{
	struct table *t = table_new("lrl");
	static const char *const cells[] = { "name", "n", "note", "a", "1",
		"short", "longer", "12345", "" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cells); i++)
		table_cell(t, "%s", cells[i]);
	check(t, "name        n  note\n"
		 "a           1  short\n"
		 "longer  12345  \n");
}

static void
test_width_counts_characters(void **state)
{
	struct table *t = table_new("lr");

	(void)state;
	table_cell(t, "é");
	table_cell(t, "1");
	table_cell(t, "abc");
	table_cell(t, "€€");
	check(t, "é     1\n"
		 "abc  €€\n");
}

static void
test_numbers_are_grouped(void **state)
{
	static const struct {
		int64_t v;
		const char *text;
	} cases[] = {
		{ 0, "0\n" },
		{ 7, "7\n" },
		{ 999, "999\n" },
		{ 1000, "1,000\n" },
		{ 123456, "123,456\n" },
		{ 1234567, "1,234,567\n" },
		{ -1, "-1\n" },
		{ -100, "-100\n" },
		{ -1000, "-1,000\n" },
		{ -123456, "-123,456\n" },
		{ INT64_MAX, "9,223,372,036,854,775,807\n" },
		{ INT64_MIN, "-9,223,372,036,854,775,808\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct table *t = table_new("l");

		table_cell_int(t, cases[i].v);
		check(t, cases[i].text);
	}
}

static void
test_money_is_exact(void **state)
{
	static const struct {
		int64_t nanos;
		const char *text;
	} cases[] = {
		{ 0, "0.000000\n" },
		{ 1, "0.000000001\n" },
		{ 1000, "0.000001\n" },
		{ 4200, "0.0000042\n" },
		{ 1000000000, "1.000000\n" },
		{ 12500000000, "12.500000\n" },
		{ -1500000000, "-1.500000\n" },
		{ INT64_MAX, "9223372036.854775807\n" },
		{ INT64_MIN, "-9223372036.854775808\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct table *t = table_new("l");

		table_cell_usd(t, cases[i].nanos);
		check(t, cases[i].text);
	}
}

static void
test_points_stand_below_each_other(void **state)
{
	struct table *t = table_new("rr");

	(void)state;
	table_cell(t, "cost USD"); /* its own length is not a number's */
	table_cell(t, "x");
	table_cell_usd(t, 1500000000);
	table_cell(t, "1");
	table_cell_usd(t, 20000000001);
	table_cell(t, "2");
	table_cell(t, "-");
	table_cell(t, "3");
	check(t, "    cost USD  x\n"
		 " 1.500000     1\n"
		 "20.000000001  2\n"
		 "           -  3\n");
}

static void
test_a_cell_is_one_harmless_line(void **state)
{
	struct table *t = table_new("l");

	(void)state;
	table_cell(t, "a\nb\tc\x1b[31md\x7f"
		      "e\xc2\x9b"
		      "f");
	check(t, "a b c [31md e  f\n");
}

static void
test_an_unfinished_row_ends_its_line(void **state)
{
	struct table *t = table_new("ll");

	(void)state;
	table_cell(t, "a");
	check(t, "a  \n");
	check(table_new("ll"), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_columns_are_aligned),
		cmocka_unit_test(test_width_counts_characters),
		cmocka_unit_test(test_numbers_are_grouped),
		cmocka_unit_test(test_money_is_exact),
		cmocka_unit_test(test_points_stand_below_each_other),
		cmocka_unit_test(test_a_cell_is_one_harmless_line),
		cmocka_unit_test(test_an_unfinished_row_ends_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
