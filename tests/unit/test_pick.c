/* Members by name, and other values for them. */
#include "unit.h"

#include "wire/json/json_end.h"
#include "wire/openai/call_seal.h"
#include "wire/pick.h"

static void
assert_replaced(const char *object, const struct pick_edit *edits, size_t n,
    const char *want)
{
	struct buf out;

	buf_init(&out, 4096);
	pick_replace(str_of(object), edits, n, &out);
	assert_string_equal(buf_cstr(&out), want);
	buf_fini(&out);
}

static void
test_values_are_replaced_and_added(void **state)
{
	static const struct pick_edit edits[] = {
		{ "a", STR_LIT("1e400"), true },
		{ "b", STR_LIT("[]"), false },
		{ "c", STR_LIT("null"), true },
	};

	(void)state;
	assert_replaced("{ \"a\" : {\"a\":2} ,\"x\":18446744073709551615}",
	    edits, ARRAY_LEN(edits),
	    "{\"a\" : 1e400,\"x\":18446744073709551615,\"c\":null}");
	/* An escaped name is the same name, and keeps its spelling. */
	assert_replaced("{\"\\u0062\":0,\"c\":1}", edits, ARRAY_LEN(edits),
	    "{\"\\u0062\":[],\"c\":null,\"a\":1e400}");
	assert_replaced("{}", edits, 0, "{}");
}

static void
test_what_stands_inside_of_a_string(void **state)
{
	struct skim_value v = pick_root(str_of("\"a\\\"b\""));

	(void)state;
	assert_true(str_is(pick_inside(&v), "a\\\"b"));
	v = pick_root(str_of("12"));
	assert_int_equal(pick_inside(&v).n, 0);
}

static bool
is_whole(const char *text, size_t step)
{
	struct json_end e = { .begun = false };
	size_t n = strlen(text);

	for (size_t i = 0; i < n; i += step) {
		assert_false(json_end_is_whole(&e));
		json_end_feed(&e,
		    str_make(text + i, step < n - i ? step : n - i));
	}
	return json_end_is_whole(&e);
}

static void
test_the_end_of_json_in_pieces(void **state)
{
	(void)state;
	for (size_t step = 1; step < 9; step++) {
		assert_true(
		    is_whole("{\"a}\":\"\\\\\\\"}\",\"b\":[{}]}", step));
		assert_true(is_whole(" [\"]\"]", step));
		assert_false(is_whole("{\"a\":\"}", step));
		assert_false(is_whole("{\"a\":\"\\\"}", step));
		assert_false(is_whole("{\"a\":[}", step));
	}
	assert_false(is_whole("", 1));
	assert_false(is_whole("12", 1));
}

static void
assert_sealed(const char *id, const char *seal, const char *want,
    const char *opened)
{
	struct str own, rest;
	struct buf out;

	buf_init(&out, 4096);
	call_seal_write(str_of(id), str_of(seal), &out);
	assert_string_equal(buf_cstr(&out), want);
	call_seal_split(buf_str(&out), &own, &rest);
	assert_true(str_is(own, id));
	if (rest.n > 0) {
		struct buf back;

		buf_init(&back, 4096);
		call_seal_open(rest, &back);
		assert_string_equal(buf_cstr(&back), opened);
		buf_fini(&back);
	} else {
		assert_string_equal(opened, "");
	}
	buf_fini(&out);
}

static void
test_a_seal_goes_into_an_id_and_comes_back(void **state)
{
	(void)state;
	assert_sealed("call_1", "ab+/", "call_1__thought__ab-_", "ab+/");
	assert_sealed("call_1", "YQ==", "call_1__thought__YQ", "YQ==");
	assert_sealed("call_1", "YWI=", "call_1__thought__YWI", "YWI=");
	assert_sealed("call_1", "ab+\\/", "call_1__thought__ab-_", "ab+/");
	assert_sealed("", "YWI=", "__thought__YWI", "YWI=");
	assert_sealed("call_1", "", "call_1", "");
	/* No base64 stays away, whatever it is. */
	assert_sealed("call_1", "a b", "call_1", "");
	assert_sealed("call_1", "a\\\"b", "call_1", "");
	assert_sealed("call_1", "ab\\", "call_1", "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values_are_replaced_and_added),
		cmocka_unit_test(test_what_stands_inside_of_a_string),
		cmocka_unit_test(test_the_end_of_json_in_pieces),
		cmocka_unit_test(test_a_seal_goes_into_an_id_and_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
