/*
 * Store keys: how they are put together and taken apart. See key.h.
 *
 * Owns nothing. Text of any length fits, because it is shortened.
 */
#include "store/key.h"

#include "base/hash.h"

#define HASH_TEXT_BYTES (SHA256_HEX_BYTES - 1)
#define TEXT_MAX_BYTES  255 /* what the length byte can say */

/*
 * How much of s stays in front of its hash when it has to fit in `room`. Not
 * in the middle of a UTF-8 character: keys are shown to people.
 */
static size_t
prefix_bytes(struct str s, size_t room)
{
	size_t n;

	if (room < HASH_TEXT_BYTES)
		abort();
	n = room - HASH_TEXT_BYTES;
	for (int i = 0; i < 3 && n > 0; i++) {
		if (((unsigned char)s.p[n] & 0xc0) != 0x80)
			break;
		n--;
	}
	return n;
}

void
key_text(struct key *k, struct str s)
{
	size_t room = sizeof(k->bytes) - k->n;
	char hex[SHA256_HEX_BYTES];
	size_t n;

	if (room == 0)
		abort();
	room--;
	if (room > TEXT_MAX_BYTES)
		room = TEXT_MAX_BYTES;
	if (s.n <= room) {
		key_u8(k, (uint8_t)s.n);
		key_bytes(k, s.p, s.n);
		return;
	}
	n = prefix_bytes(s, room);
	hash_sha256_hex(s, hex);
	key_u8(k, (uint8_t)(n + HASH_TEXT_BYTES));
	key_bytes(k, s.p, n);
	key_bytes(k, hex, HASH_TEXT_BYTES);
}

void
key_text_last(struct key *k, struct str s)
{
	size_t room = sizeof(k->bytes) - k->n;
	char hex[SHA256_HEX_BYTES];

	if (s.n <= room) {
		key_bytes(k, s.p, s.n);
		return;
	}
	hash_sha256_hex(s, hex);
	key_bytes(k, s.p, prefix_bytes(s, room));
	key_bytes(k, hex, HASH_TEXT_BYTES);
}

static int
take_number(struct str *rest, size_t width, uint64_t *v_r)
{
	uint64_t v = 0;

	if (rest->n < width)
		return -1;
	for (size_t i = 0; i < width; i++)
		v = v << 8 | (unsigned char)rest->p[i];
	*rest = str_make(rest->p + width, rest->n - width);
	*v_r = v;
	return 0;
}

int
key_take_u8(struct str *rest, uint8_t *v_r)
{
	uint64_t v;

	if (take_number(rest, 1, &v) != 0)
		return -1;
	*v_r = (uint8_t)v;
	return 0;
}

int
key_take_u32(struct str *rest, uint32_t *v_r)
{
	uint64_t v;

	if (take_number(rest, 4, &v) != 0)
		return -1;
	*v_r = (uint32_t)v;
	return 0;
}

int
key_take_u64(struct str *rest, uint64_t *v_r)
{
	return take_number(rest, 8, v_r);
}

int
key_take_text(struct str *rest, struct str *s_r)
{
	size_t n;

	if (rest->n < 1)
		return -1;
	n = (unsigned char)rest->p[0];
	if (rest->n - 1 < n)
		return -1;
	*s_r = str_make(rest->p + 1, n);
	*rest = str_make(rest->p + 1 + n, rest->n - 1 - n);
	return 0;
}
