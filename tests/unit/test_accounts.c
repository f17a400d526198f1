/* Who is calling: the master key and the open mode. */
#include "unit.h"

#include "domain/accounts.h"

#define MASTER "sk-master-0123456789"

static void
test_the_master_key_is_admin(void **state)
{
	struct config c = { .master_key = MASTER };
	struct account a;
	struct err err;

	(void)state;
	assert_int_equal(account_authenticate(&c, str_of(MASTER), &a, &err), 0);
	assert_true(a.is_admin);
	assert_string_equal(a.key, "master");
	assert_str(a.team, "");
	assert_str(a.user, "");
}

static void
test_any_other_key_is_refused_and_not_repeated(void **state)
{
	static const char *const bad[] = { "sk-master-012345678",
		"sk-master-01234567890", "sk-master-0123456788", "s",
		"sk-master-0123456789sk-master-0123456789",
		"SK-MASTER-0123456789", " sk-master-0123456789" };
	struct config c = { .master_key = MASTER };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct account a = { .is_admin = false };
		struct err err;

		assert_int_equal(account_authenticate(&c, str_of(bad[i]), &a,
				     &err),
		    -1);
		assert_int_equal(err.code, ERR_BAD_KEY);
		assert_null(strstr(err.text, "sk-"));
		/* Results are untouched on failure. */
		assert_false(a.is_admin);
	}
}

static void
test_a_key_with_a_nul_inside_is_another_key(void **state)
{
	struct config c = { .master_key = "sk-x" };
	struct account a;
	struct err err;

	(void)state;
	assert_int_equal(account_authenticate(&c, str_make("sk-x\0y", 6), &a,
			     &err),
	    -1);
	assert_int_equal(err.code, ERR_BAD_KEY);
}

static void
test_no_key_is_told_apart_from_a_wrong_one(void **state)
{
	struct config c = { .master_key = MASTER };
	struct account a;
	struct err err;

	(void)state;
	assert_int_equal(account_authenticate(&c, str_of(""), &a, &err), -1);
	assert_int_equal(err.code, ERR_NO_KEY);
	assert_int_equal(account_authenticate(&c, str_make(NULL, 0), &a, &err),
	    -1);
	assert_int_equal(err.code, ERR_NO_KEY);
}

static void
test_without_a_master_key_everybody_is_admin(void **state)
{
	static const char *const any[] = { "", "sk-whatever", "anything" };
	struct config c = { .master_key = "" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(any); i++) {
		struct account a;
		struct err err;

		assert_int_equal(account_authenticate(&c, str_of(any[i]), &a,
				     &err),
		    0);
		assert_true(a.is_admin);
		assert_string_equal(a.key, "anonymous");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_master_key_is_admin),
		cmocka_unit_test(
		    test_any_other_key_is_refused_and_not_repeated),
		cmocka_unit_test(test_a_key_with_a_nul_inside_is_another_key),
		cmocka_unit_test(test_no_key_is_told_apart_from_a_wrong_one),
		cmocka_unit_test(test_without_a_master_key_everybody_is_admin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
