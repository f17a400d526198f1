/* The JSON skimmer: what is JSON, where things stand, what they mean. Built
   twice: as it is, and with SKIM_PORTABLE. */
#include "unit.h"

#include "base/hash.h"
#include "base/jsonx.h"
#include "wire/json/skim.h"

static const struct skim_options any_top = { .allow_any_top = true };

/* In the manner of the JSON parsing test suites: y_ must pass, n_ must not. */
static const struct {
	const char *text;
	size_t n; /* 0: strlen */
} good[] = {
	{ "{}", 0 },
	{ " \t\r\n{ } \n", 0 },
	{ "[]", 0 },
	{ "null", 0 },
	{ "true", 0 },
	{ " false ", 0 },
	{ "\"\"", 0 },
	{ "0", 0 },
	{ "-0", 0 },
	{ "-1", 0 },
	{ "0.5", 0 },
	{ "-0.0", 0 },
	{ "1e400", 0 },
	{ "1E+2", 0 },
	{ "1.5e-7", 0 },
	{ "123456789012345678901234567890", 0 },
	{ "{\"\":0}", 0 },
	{ "{\"a\":[1,2,{\"b\":null}],\"c\":{}}", 0 },
	{ "[[],[[]],{}]", 0 },
	{ "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"", 0 },
	{ "\"\\ud83d\\ude00\"", 0 },
	{ "\"\\ud800\"", 0 },        /* lone surrogates are JSON */
	{ "\"\\ude00\\ud83d\"", 0 }, /* in any order */
	{ "\"\\u0000\"", 0 },
	{ "\"\x7f\"", 0 },
	{ "\"h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf\"", 0 },
	{ "\"\xed\x9f\xbf\xee\x80\x80\xe0\xa0\x80\"", 0 },
	{ "{\"a\":1,\"a\":2}", 0 }, /* not wanted: not our business */
	{ "[1 , 2\n,\t3\r]", 0 },
	{ "\"seventeen bytes..\"", 0 },
	{ "\"just a longer string with nothing special in it at all, really\"",
	    0 },
};

static const struct {
	const char *text;
	size_t n;
	const char *wrong; /* part of the message */
} bad[] = {
	{ "", 0, "empty" },
	{ " ", 0, "too early" },
	{ "{", 0, "too early" },
	{ "[", 0, "too early" },
	{ "{\"a\"", 0, "too early" },
	{ "{\"a\":", 0, "too early" },
	{ "{\"a\":1", 0, "too early" },
	{ "{\"a\":1,", 0, "too early" },
	{ "{\"a\":1,}", 0, "byte 7: a key" },
	{ "{,}", 0, "a key" },
	{ "{a:1}", 0, "a key" },
	{ "{'a':1}", 0, "a key" },
	{ "{\"a\" 1}", 0, "colon" },
	{ "{\"a\":1 \"b\":2}", 0, "comma" },
	{ "{\"a\":1]", 0, "comma" },
	{ "{1:1}", 0, "a key" },
	{ "{\"a\":}", 0, "not a JSON value" },
	{ "[1,]", 0, "not a JSON value" },
	{ "[,1]", 0, "not a JSON value" },
	{ "[1 2]", 0, "comma" },
	{ "[1}", 0, "comma" },
	{ "]", 0, "not a JSON value" },
	{ "}", 0, "not a JSON value" },
	{ "{}}", 0, "follows" },
	{ "{} x", 0, "follows" },
	{ "1 2", 0, "follows" },
	{ "01", 0, "follows" },
	{ "[01]", 0, "comma" },
	{ "[-]", 0, "not a JSON value" },
	{ "[-01]", 0, "comma" },
	{ "[+1]", 0, "not a JSON value" },
	{ "[.5]", 0, "not a JSON value" },
	{ "[1.]", 0, "point" },
	{ "[1.e5]", 0, "point" },
	{ "[1e]", 0, "exponent" },
	{ "[1e+]", 0, "exponent" },
	{ "[1e5.5]", 0, "comma" },
	{ "[0x10]", 0, "comma" },
	{ "[NaN]", 0, "not a JSON value" },
	{ "[nan]", 0, "not a JSON value" },
	{ "[Infinity]", 0, "not a JSON value" },
	{ "[-Infinity]", 0, "not a JSON value" },
	{ "tru", 0, "not a JSON value" },
	{ "[truex]", 0, "comma" },
	{ "[nul]", 0, "not a JSON value" },
	{ "[True]", 0, "not a JSON value" },
	{ "\"", 0, "too early" },
	{ "\"abc", 0, "too early" },
	{ "\"a\nb\"", 0, "control character" },
	{ "\"a\tb\"", 0, "control character" },
	{ "\"a\0b\"", 5, "control character" },
	{ "[\"a\",\0]", 8, "not a JSON value" },
	{ "\0{}", 3, "not a JSON value" },
	{ "{}\0", 3, "follows" },
	{ "\"\\x41\"", 0, "escape" },
	{ "\"\\", 0, "too early" },
	{ "\"\\u12\"", 0, "hexadecimal" },
	{ "\"\\u12g4\"", 0, "hexadecimal" },
	{ "\"\\U0041\"", 0, "escape" },
	{ "\"\\'\"", 0, "escape" },
	{ "\"\\n\\t\\x\"", 0, "byte 5: unknown escape" },
	{ "\"\\n\\u00e9\\", 0, "too early" },
	{ "\"\\n\\n", 0, "too early" },
	{ "\"\\\\\\\"", 0, "too early" },
	{ "\"\x80\"", 0, "UTF-8" },
	{ "\"\xc0\x80\"", 0, "UTF-8" }, /* overlong NUL */
	{ "\"\xc1\xbf\"", 0, "UTF-8" },
	{ "\"\xe0\x80\x80\"", 0, "UTF-8" }, /* overlong */
	{ "\"\xe0\x9f\xbf\"", 0, "UTF-8" },
	{ "\"\xed\xa0\x80\"", 0, "UTF-8" },     /* surrogate */
	{ "\"\xf0\x8f\xbf\xbf\"", 0, "UTF-8" }, /* overlong */
	{ "\"\xf4\x90\x80\x80\"", 0, "UTF-8" }, /* > 10FFFF */
	{ "\"\xf5\x80\x80\x80\"", 0, "UTF-8" },
	{ "\"\xff\"", 0, "UTF-8" },
	{ "\"\xe2\x82\"", 0, "UTF-8" },
	{ "\"\xe2\x82", 0, "UTF-8" },
	{ "\"long enough for one whole step, then \xe2\x28\xa1\"", 0, "UTF-8" },
	{ "\xef\xbb\xbf{}", 0, "not a JSON value" }, /* BOM */
	{ "[\xc3\xa9]", 0, "not a JSON value" },
	{ "// c\n{}", 0, "not a JSON value" },
	{ "{\"a\":/*c*/1}", 0, "not a JSON value" },
	{ "[1]\f", 0, "follows" },
};

static struct str
text_of(const char *text, size_t n)
{
	return str_make(text, n == 0 ? strlen(text) : n);
}

static void
test_json_passes(void **state)
{
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		if (skim(text_of(good[i].text, good[i].n), NULL, 0, &any_top,
			&err) != 0)
			fail_msg("%s: %s", good[i].text, err.text);
	}
}

static void
test_everything_else_is_refused_with_a_reason(void **state)
{
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct str text = text_of(bad[i].text, bad[i].n);

		if (skim(text, NULL, 0, &any_top, &err) == 0)
			fail_msg("row %zu passed: %s", i, bad[i].text);
		assert_int_equal(err.code, ERR_BAD_JSON);
		if (strstr(err.text, bad[i].wrong) == NULL)
			fail_msg("row %zu (%s): %s", i, bad[i].text, err.text);
	}
}

/* The same texts where an iterator stands in front of them. */
static void
test_the_walk_is_as_strict(void **state)
{
	struct str key;
	struct skim_iter it;
	struct skim_value v;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct str text = text_of(bad[i].text, bad[i].n);
		struct buf b;
		int r;

		buf_init(&b, 1024);
		buf_add_cstr(&b, "[");
		buf_add_str(&b, text);
		buf_add_cstr(&b, "]");
		skim_iter_init(&it, buf_str(&b));
		while ((r = skim_iter_next(&it, &key, &v)) == 1)
			;
		/* What is wrong behind a value, or blank, may be fine here. */
		if (strcmp(bad[i].wrong, "follows") != 0 &&
		    str_trim(text).n > 0 && bad[i].text[0] != ']' &&
		    bad[i].text[0] != '}')
			assert_int_equal(r, -1);
		if (r == -1)
			assert_non_null(it.wrong);
		/* -1 stays -1. */
		if (r == -1)
			assert_int_equal(skim_iter_next(&it, &key, &v), -1);
		buf_fini(&b);
	}
}

static void
test_only_objects_at_the_top(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(skim(str_of("[1]"), NULL, 0, NULL, &err), -1);
	assert_int_equal(err.code, ERR_BAD_JSON);
	assert_int_equal(skim(str_of("{\"a\":1}"), NULL, 0, NULL, &err), 0);
}

/* n arrays or objects inside each other. */
static void
nest(struct buf *b, size_t n, bool objects)
{
	buf_clear(b);
	for (size_t i = 0; i < n; i++)
		buf_add_cstr(b, objects ? "{\"a\":" : "[");
	if (objects)
		buf_add_cstr(b, "1");
	for (size_t i = 0; i < n; i++)
		buf_add_cstr(b, objects ? "}" : "]");
}

static void
test_depth_has_a_limit(void **state)
{
	struct skim_options o = { .allow_any_top = true };
	struct err err;
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	for (int objects = 0; objects < 2; objects++) {
		nest(&b, 64, objects);
		assert_int_equal(skim(buf_str(&b), NULL, 0, &any_top, &err), 0);
		nest(&b, 65, objects);
		assert_int_equal(skim(buf_str(&b), NULL, 0, &any_top, &err),
		    -1);
		assert_non_null(strstr(err.text, "nested deeper than 64"));
		nest(&b, 1000, objects);
		assert_int_equal(skim(buf_str(&b), NULL, 0, &any_top, &err),
		    -1);
		assert_non_null(strstr(err.text, "nested deeper than 64"));
		o.max_depth = 1000;
		assert_int_equal(skim(buf_str(&b), NULL, 0, &o, &err), 0);
		o.max_depth = 999;
		assert_int_equal(skim(buf_str(&b), NULL, 0, &o, &err), -1);
		assert_non_null(strstr(err.text, "nested deeper than 999"));
		o.max_depth = 100000; /* held to the most there is */
		nest(&b, 1024, objects);
		assert_int_equal(skim(buf_str(&b), NULL, 0, &o, &err), 0);
		nest(&b, 1025, objects);
		assert_int_equal(skim(buf_str(&b), NULL, 0, &o, &err), -1);
	}
	/* A million opening brackets end at the limit, at once. */
	buf_clear(&b);
	for (size_t i = 0; i < 1000000; i++)
		buf_add_char(&b, '[');
	assert_int_equal(skim(buf_str(&b), NULL, 0, &any_top, &err), -1);
	assert_non_null(strstr(err.text, "at byte 64: nested deeper"));
	buf_fini(&b);
}

static void
test_wanted_members_are_found(void **state)
{
	static const char text[] =
	    " {\"x\":{\"model\":1},\"model\":\"m\\u0031\", \"n\" : 3 ,\"list\":"
	    "[1,[2,3],{}],\"o\":{\"k\":true,\"l\":[1,2]},\"z\":null}";
	struct skim_value model, n, list, o, k, l, none, z, below;
	const struct skim_wanted wanted[] = { { "model", &model }, { "n", &n },
		{ "list", &list }, { "o", &o }, { "o.k", &k }, { "o.l", &l },
		{ "absent", &none }, { "z", &z }, { "n.below", &below } };
	struct err err;
	int64_t v;

	(void)state;
	assert_int_equal(skim(str_of(text), wanted, ARRAY_LEN(wanted), NULL,
			     &err),
	    0);
	assert_int_equal(model.type, SKIM_STRING);
	assert_str(model.value, "\"m\\u0031\"");
	assert_int_equal(text[model.key_start], '"');
	assert_memory_equal(text + model.key_start, "\"model\":", 8);
	assert_int_equal(model.value_end - model.value_start, model.value.n);
	assert_ptr_equal(text + model.value_start, model.value.p);
	assert_int_equal(skim_int(&n, &v), 0);
	assert_int_equal(v, 3);
	assert_int_equal(list.type, SKIM_ARRAY);
	assert_int_equal(list.count, 3);
	assert_str(list.value, "[1,[2,3],{}]");
	assert_int_equal(o.count, 2);
	assert_int_equal(k.type, SKIM_TRUE);
	assert_memory_equal(text + k.key_start, "\"k\":true", 8);
	assert_str(l.value, "[1,2]");
	assert_int_equal(none.type, SKIM_ABSENT);
	assert_int_equal(z.type, SKIM_NULL);
	assert_int_equal(below.type, SKIM_ABSENT);
}

static void
test_duplicates_of_wanted_members_are_refused(void **state)
{
	static const char *const texts[] = {
		"{\"model\":\"a\",\"model\":\"b\"}",
		/* The same key in disguise: another reader would see it. */
		"{\"model\":\"a\",\"\\u006dodel\":\"b\"}",
		"{\"\\u006d\\u006f\\u0064\\u0065\\u006c\":\"a\",\"model\":1}",
		"{\"model\":null,\"model\":null}",
		"{\"o\":{\"k\":1,\"k\":2}}",
		"{\"o\":{\"k\":1},\"o\":{}}",
	};
	struct skim_value model, k;
	const struct skim_wanted wanted[] = { { "model", &model },
		{ "o.k", &k } };
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (skim(str_of(texts[i]), wanted, 2, NULL, &err) == 0)
			fail_msg("%s", texts[i]);
		assert_non_null(strstr(err.text, "twice"));
	}
	/* A NUL makes another key of it. */
	assert_int_equal(skim(str_of("{\"model\":1,\"model\\u0000\":2,"
				     "\"model\\u0000x\":3}"),
			     wanted, 2, NULL, &err),
	    0);
}

static void
test_counts(void **state)
{
	static const struct {
		const char *text;
		size_t count;
	} rows[] = { { "[]", 0 }, { "{}", 0 }, { "[ ]", 0 }, { "[1]", 1 },
		{ "[[1,2,3]]", 1 }, { "[[1,2],{\"a\":1,\"b\":2},3]", 3 },
		{ "{\"a\":{\"b\":1,\"c\":2},\"d\":[1,2,3]}", 2 },
		{ "[\"a,b\",\"]\"]", 2 } };
	struct skim_value v;
	const struct skim_wanted wanted = { "x", &v };
	struct err err;
	char text[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		snprintf(text, sizeof(text), "{\"x\":%s}", rows[i].text);
		assert_int_equal(skim(str_of(text), &wanted, 1, NULL, &err), 0);
		assert_int_equal(v.count, rows[i].count);
	}
}

static void
test_walk_descends_and_returns(void **state)
{
	static const char text[] = "{\"a\":[{\"b\":1},{\"b\":2,\"c\":\"]\"},"
				   "7],\"d\":\"end\"}";
	struct skim_iter it, list, sub;
	struct skim_value v;
	struct str key;
	int64_t n, sum = 0;
	int r;

	(void)state;
	skim_iter_init(&it, str_of(text));
	assert_int_equal(skim_iter_peek(&it, &key), 1);
	assert_str(key, "a");
	assert_int_equal(skim_iter_type(&it), SKIM_ARRAY);
	skim_iter_enter(&it, &list);
	while ((r = skim_iter_peek(&list, &key)) == 1) {
		if (skim_iter_type(&list) != SKIM_OBJECT) {
			assert_int_equal(skim_iter_skip(&list, &v), 1);
			assert_int_equal(skim_int(&v, &n), 0);
			sum += n;
			continue;
		}
		skim_iter_enter(&list, &sub);
		while ((r = skim_iter_next(&sub, &key, &v)) == 1) {
			if (str_is(key, "b") && skim_int(&v, &n) == 0)
				sum += n;
		}
		assert_int_equal(r, 0);
		skim_iter_leave(&list, &sub);
	}
	assert_int_equal(r, 0);
	skim_iter_leave(&it, &list);
	assert_int_equal(sum, 10);
	assert_int_equal(skim_iter_next(&it, &key, &v), 1);
	assert_str(key, "d");
	assert_true(skim_string_is(&v, "end"));
	assert_int_equal(skim_iter_next(&it, &key, &v), 0);
	assert_true(skim_iter_at_end(&it));
}

static void
test_errors_inside_reach_the_outer_walk(void **state)
{
	struct skim_iter it, sub;
	struct skim_value v;
	struct str key;

	(void)state;
	skim_iter_init(&it, str_of("{\"a\":[1,oops],\"b\":2}"));
	assert_int_equal(skim_iter_peek(&it, &key), 1);
	skim_iter_enter(&it, &sub);
	assert_int_equal(skim_iter_next(&sub, &key, &v), 1);
	assert_int_equal(skim_iter_next(&sub, &key, &v), -1);
	skim_iter_leave(&it, &sub);
	assert_int_equal(skim_iter_next(&it, &key, &v), -1);
	assert_int_equal(it.at, 8);
}

static void
test_characters(void **state)
{
	static const struct {
		const char *quoted;
		size_t n;
	} rows[] = {
		{ "\"\"", 0 },
		{ "\"plain\"", 5 },
		{ "\"a\\nb\\\"\\\\\\/\"", 6 },
		{ "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"", 3 },
		{ "\"\\u00e9\\u20acx\"", 3 },
		{ "\"\\ud83d\\ude00!\"", 2 },
		{ "\"\\uD83D\"", 1 }, /* the other half comes in the next */
		{ "\"\\uDE00!\"", 1 },
		{ "12", 0 },
		{ "\"\\u12\"", 3 }, /* not accepted text: within its bounds */
		{ "\"\\\"", 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(skim_text_chars(str_of(rows[i].quoted)),
		    rows[i].n);
}

static void
test_unescape(void **state)
{
	static const struct {
		const char *quoted, *want;
		size_t n;
	} rows[] = {
		{ "\"\"", "", 0 },
		{ "\"plain\"", "plain", 5 },
		{ "\"a\\nb\\t\\\"\\\\\\/\\b\\f\\r\"", "a\nb\t\"\\/\b\f\r", 10 },
		{ "\"\\u00e9\\u20ac\"", "\xc3\xa9\xe2\x82\xac", 5 },
		{ "\"\\ud83d\\ude00!\"", "\xf0\x9f\x98\x80!", 5 },
		{ "\"\\uD83D\\uDE00\"", "\xf0\x9f\x98\x80", 4 },
		{ "\"\\ud83d\"", "\xef\xbf\xbd", 3 },
		{ "\"\\ud83dx\"", "\xef\xbf\xbdx", 4 },
		{ "\"\\ud83d\\u0041\"",
		    "\xef\xbf\xbd"
		    "A",
		    4 },
		{ "\"\\ude00\\ud83d\"", "\xef\xbf\xbd\xef\xbf\xbd", 6 },
		{ "\"\\u0000\"", "\0", 1 },
		{ "\"\\u007f\\u0080\\u07ff\\u0800\\uffff\"",
		    "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf", 11 },
	};
	struct buf b;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str quoted = str_of(rows[i].quoted);

		buf_init(&b, 256);
		assert_int_equal(skim_unescape(quoted, &b), 0);
		assert_int_equal(b.len, rows[i].n);
		assert_memory_equal(buf_cstr(&b), rows[i].want, rows[i].n);
		assert_int_equal(skim_text_bytes(quoted), rows[i].n);
		buf_fini(&b);
		if (rows[i].n == 0)
			continue;
		buf_init(&b, rows[i].n); /* exactly as much as it needs */
		assert_int_equal(skim_unescape(quoted, &b), 0);
		buf_fini(&b);
		buf_init(&b, rows[i].n - 1);
		assert_int_equal(skim_unescape(quoted, &b), -1);
		assert_int_equal(b.len, 0);
		buf_fini(&b);
	}
	buf_init(&b, 16);
	assert_int_equal(skim_unescape(str_of("12"), &b), -1);
	assert_int_equal(skim_unescape(str_of("\""), &b), -1);
	buf_fini(&b);
}

static void
test_integers(void **state)
{
	static const struct {
		const char *text;
		int r;
		int64_t want;
	} rows[] = {
		{ "0", 0, 0 },
		{ "-7", 0, -7 },
		{ "9223372036854775807", 0, INT64_MAX },
		{ "9223372036854775808", -1, 0 },
		{ "1e2", 0, 100 },
		{ "100.0", 0, 100 },
		{ "1.5e1", 0, 15 },
		{ "1.5", -1, 0 },
		{ "1e400", -1, 0 },
		{ "1e-1", -1, 0 },
		{ "12345678901234567890123", -1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct skim_value v = { .type = SKIM_NUMBER };
		int64_t n = 0;

		v.value = str_of(rows[i].text);
		assert_int_equal(skim_int(&v, &n), rows[i].r);
		if (rows[i].r == 0)
			assert_int_equal(n, rows[i].want);
	}
}

static void
test_strings_are_compared_by_meaning(void **state)
{
	struct skim_value v = { .type = SKIM_STRING };

	(void)state;
	v.value = str_of("\"stop\"");
	assert_true(skim_string_is(&v, "stop"));
	assert_false(skim_string_is(&v, "sto"));
	assert_false(skim_string_is(&v, "stopp"));
	v.value = str_of("\"\\u0073top\"");
	assert_true(skim_string_is(&v, "stop"));
	assert_false(skim_string_is(&v, "stopstopst"));
	v.value = str_of("\"\"");
	assert_true(skim_string_is(&v, ""));
	v.type = SKIM_NUMBER;
	assert_false(skim_string_is(&v, ""));
}

/* A special byte at every place of a long string, and the text cut there. */
static void
test_every_position_in_a_string(void **state)
{
	char text[100];
	struct err err;

	(void)state;
	for (size_t i = 1; i < 70; i++) {
		memset(text, 'x', sizeof(text));
		text[0] = '"';
		text[80] = '"';
		text[i] = '\x01';
		assert_int_equal(skim(str_make(text, 81), NULL, 0, &any_top,
				     &err),
		    -1);
		assert_non_null(strstr(err.text, "control"));
		memcpy(text + i, "\xe2\x82\xac", 3);
		assert_int_equal(skim(str_make(text, 81), NULL, 0, &any_top,
				     &err),
		    0);
		text[i + 2] = 'x';
		assert_int_equal(skim(str_make(text, 81), NULL, 0, &any_top,
				     &err),
		    -1);
		memcpy(text + i, "\\\"x", 3);
		assert_int_equal(skim(str_make(text, 81), NULL, 0, &any_top,
				     &err),
		    0);
		assert_int_equal(skim(str_make(text, i + 1), NULL, 0, &any_top,
				     &err),
		    -1);
		memcpy(text + i, "\"xx", 3);
		assert_int_equal(skim(str_make(text, i + 1), NULL, 0, &any_top,
				     &err),
		    0);
	}
}

/* Long strings of all kinds of letters, most of them with a byte that was
   changed: we take what str_utf8_ok() takes. */
static void
test_utf8_in_long_strings(void **state)
{
	static const char *const letters[] = { "a", " ", "\xc2\x80", "\xd1\x8f",
		"\xdf\xbf", "\xe0\xa0\x80", "\xe2\x82\xac", "\xec\xbf\xbf",
		"\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf",
		"\xf0\x90\x80\x80", "\xf1\x80\x80\x80", "\xf3\xbf\xbf\xbf",
		"\xf4\x8f\xbf\xbf" };
	static const unsigned char odd[] = { 'x', 0x80, 0xbf, 0xc0, 0xc1, 0xc2,
		0xdf, 0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff };
	uint32_t seed = 1;
	int taken = 0, refused = 0;
	struct err err;

	(void)state;
	for (int round = 0; round < 200000; round++) {
		char text[128] = "\"";
		size_t n = 1, few = 1 + (seed >> 8) % ARRAY_LEN(letters);
		struct str inside;

		while (n < 100) {
			const char *letter;

			seed = seed * 1664525 + 1013904223;
			letter = letters[(seed >> 16) % few];
			memcpy(text + n, letter, strlen(letter));
			n += strlen(letter);
		}
		seed = seed * 1664525 + 1013904223;
		if (round % 4 != 0)
			text[1 + (seed >> 8) % (n - 1)] =
			    (char)odd[(seed >> 20) % ARRAY_LEN(odd)];
		inside = str_make(text + 1, n - 1);
		text[n] = '"';
		if (str_utf8_ok(inside)) {
			taken++;
			assert_int_equal(skim(str_make(text, n + 1), NULL, 0,
					     &any_top, &err),
			    0);
		} else {
			refused++;
			assert_int_equal(skim(str_make(text, n + 1), NULL, 0,
					     &any_top, &err),
			    -1);
			assert_non_null(strstr(err.text, "UTF-8"));
		}
	}
	assert_true(taken > 50000 && refused > 50000);
}

/* Random bytes from the alphabet of JSON: whatever jansson takes, we take (it
   refuses more: overflowing numbers, lone surrogates, deep nesting). */
static void
test_agrees_with_jansson(void **state)
{
	static const char *const words[] = { "{", "}", "[", "]", ",", ":",
		"\"a\"", "\"b\"", "\"\\n\"", "1", "-2.5e3", "true", "false",
		"null", " ", "\"\xc3\xa9\"", "\"", "\\", "0", "x" };
	size_t taken = 0;
	struct err err;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		char text[128] = "";
		size_t n = 0, left = 1 + (size_t)(random_u64() % 9);
		json_t *json;
		bool ours;

		for (; left > 0; left--)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s",
			    words[random_u64() % ARRAY_LEN(words)]);
		json =
		    json_loadb(text, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		ours = skim(str_make(text, n), NULL, 0, &any_top, &err) == 0;
		/* Its numbers overflow, ours have no value. */
		if (ours != (json != NULL) &&
		    !(ours && strstr(text, "e3") != NULL))
			fail_msg("%s: jansson %d, ours %d %s", text,
			    json != NULL, ours, ours ? "" : err.text);
		taken += ours;
		json_decref(json);
	}
	assert_true(taken > 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_passes),
		cmocka_unit_test(test_everything_else_is_refused_with_a_reason),
		cmocka_unit_test(test_the_walk_is_as_strict),
		cmocka_unit_test(test_only_objects_at_the_top),
		cmocka_unit_test(test_depth_has_a_limit),
		cmocka_unit_test(test_wanted_members_are_found),
		cmocka_unit_test(test_duplicates_of_wanted_members_are_refused),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_walk_descends_and_returns),
		cmocka_unit_test(test_errors_inside_reach_the_outer_walk),
		cmocka_unit_test(test_characters),
		cmocka_unit_test(test_unescape),
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_strings_are_compared_by_meaning),
		cmocka_unit_test(test_every_position_in_a_string),
		cmocka_unit_test(test_utf8_in_long_strings),
		cmocka_unit_test(test_agrees_with_jansson),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
