/* The ground floor: numbers, text, buffers, maps, JSON writing, time. */
#include "unit.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/jsonw.h"
#include "base/jsonx.h"
#include "base/list.h"
#include "base/map.h"
#include "base/num.h"

#include <ctype.h>

static void
test_decimal_is_exact(void **state)
{
	static const struct {
		const char *text;
		int scale;
		int64_t want;
		bool inexact;
	} rows[] = {
		{ "0.00000015", 12, 150000, false },
		{ "1.5e-07", 12, 150000, false },
		{ "3e-7", 12, 300000, false },
		{ "1.25E-06", 12, 1250000, false },
		{ "0.000000000001", 12, 1, false },
		{ "1e-13", 12, 0, true },
		{ "5e-13", 12, 1, true },
		{ "-2.5", 1, -25, false },
		{ "12", 9, INT64_C(12000000000), false },
		{ "0e300", 12, 0, false },
		{ "0.1000000000000000000000000000001", 2, 10, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int64_t v = -1;
		bool inexact = false;

		assert_int_equal(num_decimal(str_of(rows[i].text),
				     rows[i].scale, &v, &inexact),
		    0);
		assert_int_equal(v, rows[i].want);
		assert_int_equal(inexact, rows[i].inexact);
	}
}

static void
test_decimal_refuses(void **state)
{
	static const char *const bad[] = { "", ".", "-", "1e", "e5", "1.2.3",
		"0x10", "1e999", "99999999999", "1 ", "nan", "inf" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		int64_t v;
		bool inexact;

		assert_int_equal(num_decimal(str_of(bad[i]), 12, &v, &inexact),
		    -1);
	}
}

static void
test_format_reads_back(void **state)
{
	static const struct {
		int64_t v;
		int scale;
		const char *want;
	} rows[] = {
		{ 0, 9, "0" },
		{ 1, 9, "0.000000001" },
		{ -500000000, 9, "-0.5" },
		{ 123000, 9, "0.000123" },
		{ INT64_C(12000000000), 9, "12" },
		{ INT64_MAX, 9, "9223372036.854775807" },
		{ INT64_C(-9223372036854775807), 0, "-9223372036854775807" },
		{ 10, 0, "10" },
		{ 5, 6, "0.000005" },
		{ 1020300, 6, "1.0203" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[NUM_TEXT_BYTES];
		int64_t back;
		bool inexact;
		size_t n = num_format(rows[i].v, rows[i].scale, text);

		assert_string_equal(text, rows[i].want);
		assert_int_equal(n, strlen(text));
		assert_int_equal(num_decimal(str_make(text, n), rows[i].scale,
				     &back, &inexact),
		    0);
		assert_int_equal(back, rows[i].v);
		assert_false(inexact);
	}
}

static void
test_durations_and_sizes(void **state)
{
	int64_t v;

	(void)state;
	assert_int_equal(num_duration(str_of("200ms"), NULL, &v), 0);
	assert_int_equal(v, 200 * NSECS_PER_MSEC);
	assert_int_equal(num_duration(str_of("1.5h"), NULL, &v), 0);
	assert_int_equal(v, 5400 * NSECS_PER_SEC);
	assert_int_equal(num_duration(str_of("1mo"), NULL, &v), 0);
	assert_int_equal(v, 30 * 86400 * NSECS_PER_SEC);
	assert_int_equal(num_duration(str_of("30"), "s", &v), 0);
	assert_int_equal(v, 30 * NSECS_PER_SEC);
	assert_int_equal(num_duration(str_of("30"), NULL, &v), -1);
	assert_int_equal(num_duration(str_of("30x"), NULL, &v), -1);
	assert_int_equal(num_size(str_of("256M"), &v), 0);
	assert_int_equal(v, 256 * 1024 * 1024);
	assert_int_equal(num_size(str_of("1GiB"), &v), 0);
	assert_int_equal(v, 1024 * 1024 * 1024);
	assert_int_equal(num_size(str_of("12"), &v), 0);
	assert_int_equal(v, 12);
	assert_int_equal(num_size(str_of("9999999999G"), &v), -1);
	assert_int_equal(num_size(str_of("5X"), &v), -1);
}

static void
test_text(void **state)
{
	struct str rest = str_of("a/b/c");

	(void)state;
	assert_str(str_cut(&rest, '/'), "a");
	assert_str(rest, "b/c");
	assert_str(str_trim(str_of(" \t x y\r\n")), "x y");
	assert_true(str_starts(str_of("openai/x"), "openai/"));
	assert_false(str_starts(str_of("op"), "openai/"));
	assert_int_equal(str_find_nocase(str_of("Rate LIMIT hit"), "limit"), 5);
	assert_int_equal(str_distance("timeuot", "timeout"), 2);
	assert_true(str_eq_secret(str_of("sk-1"), str_of("sk-1")));
	assert_false(str_eq_secret(str_of("sk-1"), str_of("sk-2")));
	assert_false(str_eq_secret(str_of("sk-1"), str_of("")));
	assert_false(str_eq_secret(str_of(""), str_of("x")));
}

static void
test_utf8(void **state)
{
	(void)state;
	assert_true(str_utf8_ok(str_of("plain and h\xc3\xa9 \xe2\x82\xac "
				       "\xf0\x9f\x98\x80 more than eight")));
	assert_false(str_utf8_ok(str_of("\xc0\x80")));         /* overlong */
	assert_false(str_utf8_ok(str_of("\xed\xa0\x80")));     /* surrogate */
	assert_false(str_utf8_ok(str_of("\xf4\x90\x80\x80"))); /* > 10FFFF */
	assert_false(str_utf8_ok(str_of("abc\xe2\x82")));      /* cut */
}

static void
test_buf_keeps_its_maximum(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10);
	assert_int_equal(buf_add_cstr(&b, "12345"), 0);
	assert_int_equal(buf_add_cstr(&b, "678901"), -1);
	assert_true(b.overflowed);
	assert_str(buf_str(&b), "12345");
	buf_consume(&b, 2);
	assert_string_equal(buf_cstr(&b), "345");
	buf_fini(&b);
}

static size_t freed;

static void
note_free(void *value)
{
	assert_non_null(value);
	freed++;
}

static void
test_map(void **state)
{
	struct map *m = map_new();
	char key[16];
	size_t cursor = 0, seen = 0;
	struct str k;
	void *v;

	(void)state;
	for (intptr_t i = 1; i <= 1000; i++) {
		snprintf(key, sizeof(key), "k%d", (int)i);
		assert_null(map_set(m, str_of(key), (void *)i));
	}
	for (intptr_t i = 1; i <= 1000; i += 2) {
		snprintf(key, sizeof(key), "k%d", (int)i);
		assert_ptr_equal(map_remove(m, str_of(key)), (void *)i);
		assert_null(map_find(m, str_of(key)));
	}
	assert_int_equal(map_count(m), 500);
	while (map_next(m, &cursor, &k, &v))
		seen++;
	assert_int_equal(seen, 500);
	for (intptr_t i = 1; i <= 3000; i++) { /* holes are used again */
		snprintf(key, sizeof(key), "x%d", (int)i);
		map_set(m, str_of(key), (void *)i);
		map_remove(m, str_of(key));
	}
	assert_ptr_equal(map_find(m, str_of("k1000")), (void *)1000);
	freed = 0;
	map_free_with(&m, note_free);
	assert_null(m);
	assert_int_equal(freed, 500);
	map_free_with(&m, note_free);
}

/* Each byte at each place of a text: as if it were written one by one. */
static void
test_jsonw_escapes_each_byte_at_each_place(void **state)
{
	struct buf b, want;
	struct jsonw w;

	(void)state;
	buf_init(&b, 4096);
	buf_init(&want, 4096);
	for (size_t i = 0; i < 256 * 20 * 20; i++) {
		char c = (char)(i / 400), text[20];
		size_t n = 1 + i / 20 % 20, at = i % 20;

		if (at >= n)
			continue;
		memset(text, 'a', n);
		text[at] = c;
		assert_int_equal(str_plain_run(str_make(text, n)),
		    c >= ' ' && c <= '~' && c != '"' && c != '\\' ? n : at);
		buf_clear(&want);
		buf_add_cstr(&want, "\"k\":\"");
		for (size_t j = 0; j < n; j++)
			jsonw_escape(&want, str_make(text + j, 1));
		buf_add_char(&want, '"');
		buf_clear(&b);
		jsonw_init(&w, &b);
		jsonw_member_str(&w, JSON_KEY("k"), str_make(text, n));
		assert_string_equal(buf_cstr(&b), buf_cstr(&want));
		assert_int_equal(b.len, strlen(buf_cstr(&b)));
	}
	buf_fini(&b);
	buf_fini(&want);
}

static void
test_jsonw_is_always_json(void **state)
{
	struct buf b;
	struct jsonw w;
	struct err err;
	json_t *back;

	(void)state;
	buf_init(&b, 4096);
	jsonw_init(&w, &b);
	jsonw_open(&w, '{');
	jsonw_key(&w, "text");
	jsonw_str(&w, str_of("a\"b\\c\n\x01 \xc3\xa9 \xff!"));
	jsonw_known_key(&w, JSON_KEY("cost_usd"));
	jsonw_decimal(&w, 123000, 9);
	jsonw_known_key(&w, JSON_KEY("nothing"));
	jsonw_decimal(&w, 0, 9);
	jsonw_key(&w, "list");
	jsonw_open(&w, '[');
	jsonw_int(&w, -1);
	jsonw_bool(&w, true);
	jsonw_cstr(&w, NULL);
	jsonw_close(&w, ']');
	jsonw_close(&w, '}');
	back = jsonx_parse(buf_str(&b), &err);
	assert_non_null(back);
	assert_str(jsonx_str(back, "text"),
	    "a\"b\\c\n\x01 \xc3\xa9 \xef\xbf\xbd!");
	assert_non_null(
	    strstr(buf_cstr(&b), "\"cost_usd\":0.000123,\"nothing\":0,"));
	json_decref(back);
	buf_fini(&b);
}

/* Long texts are looked at eight bytes at a time. */
static void
test_jsonw_escapes_at_every_place(void **state)
{
	static const char *const odd[] = { "\"", "\\", "\n", "\x01", "\x7f",
		"\xc3\xa9" };
	struct buf b;
	struct err err;

	(void)state;
	buf_init(&b, 4096);
	for (size_t at = 0; at < 40; at++) {
		for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
			char text[64];
			struct jsonw w;
			json_t *back;

			snprintf(text, sizeof(text), "%.*s%s%.*s", (int)at,
			    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrst",
			    odd[i], (int)(at % 17), "ABCDEFGHIJKLMNOPQ");
			buf_clear(&b);
			jsonw_init(&w, &b);
			jsonw_open(&w, '{');
			jsonw_key(&w, text);
			jsonw_cstr(&w, text);
			jsonw_key(&w, "k");
			jsonw_cstr(&w, "");
			jsonw_close(&w, '}');
			back = jsonx_parse(buf_str(&b), &err);
			assert_non_null(back);
			assert_str(jsonx_str(back, text), text);
			json_decref(back);
		}
	}
	buf_fini(&b);
}

static void
test_jsonw_keeps_the_maximum(void **state)
{
	struct jsonw w;
	struct buf b;

	(void)state;
	buf_init(&b, 8);
	jsonw_init(&w, &b);
	jsonw_key(&w, "abc");
	jsonw_cstr(&w, "");
	assert_false(b.overflowed);
	assert_string_equal(buf_cstr(&b), "\"abc\":\"\"");
	jsonw_close(&w, '}');
	assert_true(b.overflowed);
	assert_int_equal(b.len, 8);
	buf_fini(&b);
}

static void
test_time_text(void **state)
{
	int64_t now = INT64_C(1763810290123456000), v;
	char text[CLOCK_RFC3339_BYTES];

	(void)state;
	assert_int_equal(clock_rfc3339(now, text), 27);
	assert_string_equal(text, "2025-11-22T11:18:10.123456Z");
	assert_int_equal(clock_parse(str_of(text), 0, &v), 0);
	assert_int_equal(v, now);
	/* The second before it is not this one. */
	clock_rfc3339(now - NSECS_PER_SEC, text);
	assert_string_equal(text, "2025-11-22T11:18:09.123456Z");
	clock_rfc3339(0, text);
	assert_string_equal(text, "1970-01-01T00:00:00.000000Z");
	clock_rfc3339(now + 1000, text);
	assert_string_equal(text, "2025-11-22T11:18:10.123457Z");
	assert_int_equal(clock_parse(str_of("2025-11-22T12:18:10+01:00"), 0,
			     &v),
	    0);
	assert_int_equal(v, INT64_C(1763810290) * NSECS_PER_SEC);
	assert_int_equal(clock_parse(str_of("2025-11-22"), 0, &v), 0);
	assert_int_equal(v, INT64_C(1763769600) * NSECS_PER_SEC);
	assert_int_equal(clock_parse(str_of("2h"), now, &v), 0);
	assert_int_equal(v, now - 7200 * NSECS_PER_SEC);
	assert_int_equal(clock_parse(str_of("@5"), now, &v), 0);
	assert_int_equal(v, 5 * NSECS_PER_SEC);
	assert_int_equal(clock_parse(str_of("2999-01-01T00:00:00Z"), now, &v),
	    0);
	assert_int_equal(v, INT64_MAX);
	assert_int_equal(clock_parse(str_of("9999-12-31"), now, &v), 0);
	assert_int_equal(v, INT64_MAX);
	assert_int_equal(clock_parse(str_of("0001-01-01"), now, &v), 0);
	assert_int_equal(v, INT64_MIN);
	assert_int_equal(clock_parse(str_of("soon"), now, &v), -1);
	assert_int_equal(clock_parse(str_of("2025-13-01"), now, &v), -1);
}

static void
test_errors_chain(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(err_set(&err, ERR_BUDGET, "key %s", "k1"), -1);
	err_prefix(&err, "reserve");
	assert_string_equal(err.text, "reserve: key k1");
	assert_int_equal(err_info(err.code)->http_status, 429);
	assert_string_equal(err_info(ERR_BUDGET)->type, "budget_exceeded");
}

struct item {
	int v;
	struct list node;
};

static void
test_an_arena_takes_over_another(void **state)
{
	struct arena a, b;
	char *first, *big, *small;

	(void)state;
	arena_init(&a, 256);
	arena_init(&b, 256);
	arena_adopt(&a, &b); /* nothing to take */
	first = arena_strdup(&a, "first");
	small = arena_strdup(&b, "small");
	big = arena_alloc(&b, 100000);
	memset(big, 'x', 100000);
	arena_adopt(&a, &b);
	assert_null(b.blocks);
	/* All are a's: what is asked for next lies on none of them. */
	for (int i = 0; i < 1000; i++)
		memset(arena_alloc(&a, 100), 'y', 100);
	assert_string_equal(first, "first");
	assert_string_equal(small, "small");
	assert_true(big[0] == 'x' && memcmp(big, big + 1, 99999) == 0);
	/* a goes on in its own first block. */
	arena_reset(&a);
	assert_ptr_equal(arena_strdup(&a, "again"), first);
	arena_fini(&b);
	arena_fini(&a);
}

static void
test_list_and_arena(void **state)
{
	struct list head;
	struct arena a;
	int sum = 0;

	(void)state;
	list_init(&head);
	arena_init(&a, 256);
	for (int i = 0; i < 100; i++) {
		struct item *it = arena_alloc(&a, sizeof(*it));

		it->v = i;
		list_append(&head, &it->node);
	}
	LIST_EACH_SAFE(n, &head) {
		struct item *it = LIST_OBJ(n, struct item, node);

		if (it->v % 2)
			list_remove(n);
	}
	LIST_EACH(n, &head)
		sum += LIST_OBJ(n, struct item, node)->v;
	assert_int_equal(sum, 2450);
	assert_string_equal(arena_printf(&a, "%d/%s", 7, "x"), "7/x");
	assert_string_equal(arena_join(&a, "ab", ""), "ab");
	assert_string_equal(arena_join(&a, "", "cd"), "cd");
	arena_reset(&a);
	arena_fini(&a);
}

static void
test_sha256(void **state)
{
	char hex[SHA256_HEX_BYTES];

	(void)state;
	hash_sha256_hex(str_of("abc"), hex);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223"
				 "b00361a396177a9cb410ff61f20015ad");
}

static void
test_hex_comes_back(void **state)
{
	static const char *const bad[] = { "", "0", "00f", "00fff", "00FF",
		"0g00", "00 0", "0x00" };
	unsigned char bytes[2] = { 0x0f, 0xa0 }, back[2];
	char hex[5];

	(void)state;
	hash_hex(bytes, sizeof(bytes), hex);
	assert_string_equal(hex, "0fa0");
	assert_true(hash_unhex(str_of(hex), back, sizeof(back)));
	assert_memory_equal(back, bytes, sizeof(bytes));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(hash_unhex(str_of(bad[i]), back, sizeof(back)));
	for (int c = 0; c < 256; c++)
		assert_int_equal(num_hex_digit((char)c),
		    isxdigit(c) ? (int)strtol((char[]){ (char)c, 0 }, NULL, 16)
				: -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decimal_is_exact),
		cmocka_unit_test(test_decimal_refuses),
		cmocka_unit_test(test_format_reads_back),
		cmocka_unit_test(test_durations_and_sizes),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_buf_keeps_its_maximum),
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_jsonw_is_always_json),
		cmocka_unit_test(test_jsonw_escapes_each_byte_at_each_place),
		cmocka_unit_test(test_jsonw_escapes_at_every_place),
		cmocka_unit_test(test_jsonw_keeps_the_maximum),
		cmocka_unit_test(test_time_text),
		cmocka_unit_test(test_errors_chain),
		cmocka_unit_test(test_list_and_arena),
		cmocka_unit_test(test_an_arena_takes_over_another),
		cmocka_unit_test(test_sha256),
		cmocka_unit_test(test_hex_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
