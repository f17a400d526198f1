/* Store keys: order, round trips, shortening. */
#include "unit.h"

#include "base/hash.h"
#include "store/key.h"

static int
compare(const struct key *a, const struct key *b)
{
	size_t n = a->n < b->n ? a->n : b->n;
	int c = memcmp(a->bytes, b->bytes, n);

	if (c != 0)
		return c;
	return a->n < b->n ? -1 : a->n > b->n;
}

static struct str
fill(char *space, size_t n, char last)
{
	memset(space, 'x', n);
	space[n - 1] = last;
	return str_make(space, n);
}

static void
test_number_order_is_key_order(void **state)
{
	static const uint64_t rows[] = { 0, 1, 2, 127, 128, 255, 256, 65535,
		65536, UINT32_MAX, UINT64_C(1) << 32, INT64_MAX,
		UINT64_C(1) << 63, UINT64_MAX };

	(void)state;
	for (size_t i = 1; i < ARRAY_LEN(rows); i++) {
		struct key a, b;

		key_init(&a);
		key_u64(&a, rows[i - 1]);
		key_init(&b);
		key_u64(&b, rows[i]);
		assert_true(compare(&a, &b) < 0);
		if (rows[i] > UINT32_MAX)
			continue;
		key_init(&a);
		key_u32(&a, (uint32_t)rows[i - 1]);
		key_text_last(&a, str_of("zzz"));
		key_init(&b);
		key_u32(&b, (uint32_t)rows[i]);
		assert_true(compare(&a, &b) < 0);
	}
}

static void
test_parts_come_back(void **state)
{
	struct key k;
	struct str rest, name;
	uint8_t u8;
	uint32_t u32;
	uint64_t u64;

	(void)state;
	key_init(&k);
	key_u8(&k, 7);
	key_u32(&k, 0x01020304);
	key_text(&k, str_of("gpt-4o"));
	key_text(&k, str_of(""));
	key_u64(&k, UINT64_C(0xfffefdfcfbfaf9f8));
	key_text_last(&k, str_make("a\0b", 3));
	assert_int_equal(k.n, 1 + 4 + 7 + 1 + 8 + 3);
	rest = key_str(&k);
	assert_int_equal(key_take_u8(&rest, &u8), 0);
	assert_int_equal(u8, 7);
	assert_int_equal(key_take_u32(&rest, &u32), 0);
	assert_int_equal(u32, 0x01020304);
	assert_int_equal(key_take_text(&rest, &name), 0);
	assert_str(name, "gpt-4o");
	assert_int_equal(key_take_text(&rest, &name), 0);
	assert_int_equal(name.n, 0);
	assert_int_equal(key_take_u64(&rest, &u64), 0);
	assert_true(u64 == UINT64_C(0xfffefdfcfbfaf9f8));
	assert_true(str_eq(rest, str_make("a\0b", 3)));
}

static void
test_short_keys_are_refused_and_left_alone(void **state)
{
	struct str rest = str_make("\x05"
				   "abc",
	    4);
	struct str name;
	uint8_t u8;
	uint32_t u32;
	uint64_t u64;

	(void)state;
	assert_int_equal(key_take_u64(&rest, &u64), -1);
	assert_int_equal(key_take_text(&rest, &name), -1);
	assert_int_equal(rest.n, 4);
	rest.n = 3;
	assert_int_equal(key_take_u32(&rest, &u32), -1);
	rest.n = 0;
	assert_int_equal(key_take_u8(&rest, &u8), -1);
	assert_int_equal(key_take_text(&rest, &name), -1);
}

static void
test_long_last_text_is_cut_and_hashed(void **state)
{
	char a[600], b[600], hex[SHA256_HEX_BYTES];
	struct key ka, kb;
	struct str s;

	(void)state;
	for (size_t n = KEY_MAX_BYTES - 4; n <= KEY_MAX_BYTES - 3; n++) {
		key_init(&ka);
		key_u32(&ka, 1);
		key_text_last(&ka, fill(a, n, 'a'));
		assert_int_equal(ka.n, KEY_MAX_BYTES);
		hash_sha256_hex(str_make(a, n), hex);
		s = str_make((char *)ka.bytes + ka.n - 64, 64);
		/* 507 bytes fit as they are, 508 do not. */
		assert_int_equal(str_is(s, hex), n == KEY_MAX_BYTES - 3);
	}
	/* Different only behind the cut: still different keys. */
	key_init(&ka);
	key_text_last(&ka, fill(a, sizeof(a), 'a'));
	key_init(&kb);
	key_text_last(&kb, fill(b, sizeof(b), 'b'));
	assert_true(compare(&ka, &kb) != 0);
	/* The same text gives the same key. */
	key_init(&kb);
	key_text_last(&kb, str_make(a, sizeof(a)));
	assert_int_equal(compare(&ka, &kb), 0);
}

static void
test_long_inner_text_is_cut_and_hashed(void **state)
{
	char a[600];
	struct key k;
	struct str rest, name;
	uint64_t u64;

	(void)state;
	for (size_t n = 255; n <= 256; n++) {
		key_init(&k);
		key_text(&k, fill(a, n, 'a'));
		key_u64(&k, 9);
		rest = key_str(&k);
		assert_int_equal(key_take_text(&rest, &name), 0);
		assert_int_equal(name.n, 255);
		assert_int_equal(str_eq(name, str_make(a, n)), n == 255);
		assert_int_equal(key_take_u64(&rest, &u64), 0);
		assert_int_equal(u64, 9);
	}
	/* Two long ones fit too: the second takes what is left. */
	key_init(&k);
	key_text(&k, str_make(a, 300));
	key_text(&k, str_make(a, 300));
	assert_int_equal(k.n, KEY_MAX_BYTES);
}

static void
test_cut_keeps_characters_whole(void **state)
{
	char text[700], c[] = "\xe2\x82\xac"; /* three bytes */
	struct key k;

	(void)state;
	for (size_t shift = 0; shift < 3; shift++) {
		struct str s;

		memset(text, 'x', shift);
		for (size_t i = shift; i + 3 <= sizeof(text); i += 3)
			memcpy(text + i, c, 3);
		s = str_make(text, shift + (sizeof(text) - shift) / 3 * 3);
		assert_true(str_utf8_ok(s));
		key_init(&k);
		key_text_last(&k, s);
		assert_true(k.n <= KEY_MAX_BYTES && k.n > KEY_MAX_BYTES - 3);
		assert_true(str_utf8_ok(key_str(&k)));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_number_order_is_key_order),
		cmocka_unit_test(test_parts_come_back),
		cmocka_unit_test(test_short_keys_are_refused_and_left_alone),
		cmocka_unit_test(test_long_last_text_is_cut_and_hashed),
		cmocka_unit_test(test_long_inner_text_is_cut_and_hashed),
		cmocka_unit_test(test_cut_keeps_characters_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
