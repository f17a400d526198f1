/*
 * Store keys: how they are put together and taken apart. See key.h.
 *
 * Owns nothing. A fixed part that does not fit is a mistake in a table's
 * layout, not bad input, and aborts; text of any length fits, because it is
 * shortened.
 */
#include "store/key.h"

#include "base/hash.h"

#include <endian.h>

#define HASH_TEXT_BYTES (SHA256_HEX_BYTES - 1)
#define TEXT_MAX_BYTES  255 /* what the length byte can say */

void
key_init(struct key *k)
{
	k->n = 0;
}

static inline void
add_bytes(struct key *k, const void *bytes, size_t n)
{
	if (n > sizeof(k->bytes) - k->n)
		abort();
	if (n > 0)
		memcpy(k->bytes + k->n, bytes, n);
	k->n += n;
}

static inline void
add_number(struct key *k, uint64_t v, size_t width)
{
	uint64_t big = htobe64(v << (64 - 8 * width));

	add_bytes(k, &big, width);
}

void
key_u8(struct key *k, uint8_t v)
{
	add_number(k, v, 1);
}

void
key_u32(struct key *k, uint32_t v)
{
	add_number(k, v, 4);
}

void
key_u64(struct key *k, uint64_t v)
{
	add_number(k, v, 8);
}

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
		add_number(k, s.n, 1);
		add_bytes(k, s.p, s.n);
		return;
	}
	n = prefix_bytes(s, room);
	hash_sha256_hex(s, hex);
	add_number(k, n + HASH_TEXT_BYTES, 1);
	add_bytes(k, s.p, n);
	add_bytes(k, hex, HASH_TEXT_BYTES);
}

void
key_text_last(struct key *k, struct str s)
{
	size_t room = sizeof(k->bytes) - k->n;
	char hex[SHA256_HEX_BYTES];

	if (s.n <= room) {
		add_bytes(k, s.p, s.n);
		return;
	}
	hash_sha256_hex(s, hex);
	add_bytes(k, s.p, prefix_bytes(s, room));
	add_bytes(k, hex, HASH_TEXT_BYTES);
}

struct str
key_str(const struct key *k)
{
	return str_make((const char *)k->bytes, k->n);
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
