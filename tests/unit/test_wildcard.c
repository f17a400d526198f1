/* Names with stars: matching, captures, filling, which names may be matched. */
#include "unit.h"

#include "domain/routing/wildcard.h"

static void
test_matches_anchored_at_both_ends(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool want;
	} rows[] = {
		{ "gpt", "gpt", true }, { "gpt", "gpt-4", false },
		{ "*", "anything/at/all", true }, { "*", "", true },
		{ "openai/*", "openai/gpt-4o", true },
		{ "openai/*", "openai/", true },
		{ "openai/*", "openai", false },
		{ "openai/*", "my-openai/gpt-4o", false },
		{ "*-mini", "gpt-4o-mini", true },
		/* LiteLLM is anchored at the start only; not here */
		{ "*-mini", "gpt-4o-mini-2024", false },
		{ "gpt-*-mini", "gpt-4o-mini", true },
		{ "gpt-*-mini", "gpt-mini", false },
		{ "gpt-*-mini", "gpt--mini", true }, { "a*a", "a", false },
		{ "a*a", "aa", true }, { "*a*b*", "xxaxxbxx", true },
		{ "*a*b*", "xxbxxaxx", false }, { "**", "x", true },
		{ "ab*ab*ab", "abab", false }, { "ab*ab*ab", "ababab", true },
		{ "a.c*", "abcd", false }, /* no regular expression */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct wildcard_captures c;

		if (wildcard_match(rows[i].pattern, str_of(rows[i].name), &c) !=
		    rows[i].want)
			fail_msg("%s on %s", rows[i].pattern, rows[i].name);
	}
}

static void
test_first_star_takes_most(void **state)
{
	static const struct {
		const char *pattern, *name;
		const char *parts[4];
	} rows[] = {
		{ "*/*", "a/b/c", { "a/b", "c" } },
		{ "openai/*", "openai/a/b", { "a/b" } },
		{ "*-*-*", "a-b-c-d", { "a-b", "c", "d" } },
		{ "**", "abc", { "abc", "" } },
		{ "x*y*", "xyyy", { "yy", "" } },
		{ "*a*b*", "1a2a3b4b5", { "1a2", "3b4", "5" } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct wildcard_captures c;

		assert_true(
		    wildcard_match(rows[i].pattern, str_of(rows[i].name), &c));
		assert_int_equal(c.count, wildcard_stars(rows[i].pattern));
		for (size_t k = 0; k < c.count; k++)
			assert_str(c.parts[k], rows[i].parts[k]);
	}
}

/* The plain way: try every length for every star, longest first. */
static bool
slow_match(const char *pattern, const char *name, size_t *lengths)
{
	if (*pattern == '\0')
		return *name == '\0';
	if (*pattern != '*')
		return *pattern == *name &&
		       slow_match(pattern + 1, name + 1, lengths);
	for (size_t n = strlen(name) + 1; n-- > 0;) {
		*lengths = n;
		if (slow_match(pattern + 1, name + n, lengths + 1))
			return true;
	}
	return false;
}

static void
test_agrees_with_trying_everything(void **state)
{
	uint64_t seed = 88172645463325252u;
	int matched = 0;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		char pattern[7], name[9];
		size_t lengths[WILDCARD_MAX_STARS + 1] = { 0 };
		struct wildcard_captures c;
		bool want;

		seed =
		    seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
		for (size_t k = 0; k < 6; k++)
			pattern[k] = "ab*"[(seed >> (20 + 3 * k)) % 3];
		for (size_t k = 0; k < 8; k++)
			name[k] = "ab"[(seed >> (40 + k)) & 1];
		pattern[1 + (seed >> 60) % 6] = '\0';
		name[(seed >> 57) % 9] = '\0';
		pattern[6] = name[8] = '\0';
		want = slow_match(pattern, name, lengths);
		if (wildcard_match(pattern, str_of(name), &c) != want)
			fail_msg("%s on %s", pattern, name);
		for (size_t k = 0; want && k < c.count; k++) {
			if (c.parts[k].n != lengths[k])
				fail_msg("%s on %s: star %zu", pattern, name,
				    k);
		}
		matched += want;
	}
	assert_true(matched > 5000);
}

static void
test_most_specific_first(void **state)
{
	static const char *const order[] = { "openai/gpt-*-mini",
		"openai/gpt-*", "openai/*", "*/gpt-*", "gpt-*", "*" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		for (size_t k = 0; k < ARRAY_LEN(order); k++) {
			int want = i < k ? -1 : i > k;

			if (strlen(order[i]) == strlen(order[k]) && i != k)
				want = 0; /* by stars, below */
			if (want != 0)
				assert_int_equal(wildcard_compare(order[i],
						     order[k]),
				    want);
		}
	}
	assert_int_equal(wildcard_compare("ab*", "*b*"), -1);
	assert_int_equal(wildcard_compare("*b*", "ab*"), 1);
	assert_int_equal(wildcard_compare("ab*", "xy*"), 0);
}

static void
test_captures_replace_stars(void **state)
{
	static const struct {
		const char *pattern, *name, *target, *want;
	} rows[] = {
		{ "openai/*", "openai/gpt-4o", "*", "gpt-4o" },
		{ "alias-*", "alias-x", "model-*", "model-x" },
		{ "*", "gpt-4o", "vendor/*", "vendor/gpt-4o" },
		{ "*/*", "a/b", "*:*", "a:b" },
		/* no star there: always the same model */
		{ "gpt-*", "gpt-9", "gpt-4o", "gpt-4o" },
		/* more captures than stars: the whole name */
		{ "*/*", "a/b", "*", "WHOLE" },
		/* fewer: the rest stays */
		{ "a*", "ab", "*-*", "b-*" },
		{ "a*", "a", "x*y", "xy" },
	};
	struct arena a;

	(void)state;
	arena_init(&a, 256);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct wildcard_captures c;

		assert_true(
		    wildcard_match(rows[i].pattern, str_of(rows[i].name), &c));
		assert_string_equal(wildcard_fill(rows[i].target, &c,
					str_of("WHOLE"), &a),
		    rows[i].want);
	}
	arena_fini(&a);
}

static void
test_too_many_stars_match_nothing(void **state)
{
	struct wildcard_captures c;

	(void)state;
	assert_true(wildcard_match("********", str_of("x"), &c));
	assert_false(wildcard_match("*********", str_of("x"), &c));
}

static void
test_only_harmless_names_are_matched(void **state)
{
	static const char *const good[] = { "gpt-4o", "openai/gpt-4o",
		"ft:gpt-4o:org::id", "claude@20240229", "a.b_c", "v1.5",
		"accounts/fireworks/models/x", "arn:aws:bedrock:1:2:x/y" };
	static const char *const bad[] = { "", "a b", "a\"b", "a\\b", "../x",
		"a/../b", "a/./b", "a//b", "/a", "a/", "..", "a?b", "a#b",
		"a%2e", "a\nb", "a\x7f", "caf\xc3\xa9", "a*b", "{a}",
		"a/.../b" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		if (!wildcard_name_ok(str_of(good[i])))
			fail_msg("refused: %s", good[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (wildcard_name_ok(str_of(bad[i])))
			fail_msg("taken: %s", bad[i]);
	}
	assert_false(wildcard_name_ok(str_make("a\0b", 3)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matches_anchored_at_both_ends),
		cmocka_unit_test(test_first_star_takes_most),
		cmocka_unit_test(test_agrees_with_trying_everything),
		cmocka_unit_test(test_most_specific_first),
		cmocka_unit_test(test_captures_replace_stars),
		cmocka_unit_test(test_too_many_stars_match_nothing),
		cmocka_unit_test(test_only_harmless_names_are_matched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
