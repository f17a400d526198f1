/*
 * Building and reading store keys. Integers are big-endian; a text that is
 * not last in its key has a one-byte length in front. A key that would pass
 * 511 bytes gets its last text cut and replaced by its SHA-256 (hex), so
 * different long names stay different.
 */
#ifndef STORE_KEY_H
#define STORE_KEY_H

#include "base/str.h"

#include <endian.h>
#include <stdint.h>

#define KEY_MAX_BYTES 511

struct key {
	unsigned char bytes[KEY_MAX_BYTES];
	size_t n;
};

static inline void
key_init(struct key *k)
{
	k->n = 0;
}

static inline struct str
key_str(const struct key *k)
{
	return str_make((const char *)k->bytes, k->n);
}

/* A part that does not fit is a mistake in a table's layout, and aborts. */
static inline void
key_bytes(struct key *k, const void *bytes, size_t n)
{
	if (n > sizeof(k->bytes) - k->n)
		abort();
	if (n > 0)
		memcpy(k->bytes + k->n, bytes, n);
	k->n += n;
}

static inline void
key_u8(struct key *k, uint8_t v)
{
	key_bytes(k, &v, sizeof(v));
}

static inline void
key_u32(struct key *k, uint32_t v)
{
	v = htobe32(v);
	key_bytes(k, &v, sizeof(v));
}

static inline void
key_u64(struct key *k, uint64_t v)
{
	v = htobe64(v);
	key_bytes(k, &v, sizeof(v));
}

void key_text(struct key *k, struct str s);      /* length-prefixed */
void key_text_last(struct key *k, struct str s); /* to the key's end */

/* Reading: each takes its part off *rest; -1 when there is not enough. */
int key_take_u8(struct str *rest, uint8_t *v_r) MUST_CHECK;
int key_take_u32(struct str *rest, uint32_t *v_r) MUST_CHECK;
int key_take_u64(struct str *rest, uint64_t *v_r) MUST_CHECK;
int key_take_text(struct str *rest, struct str *s_r) MUST_CHECK;

#endif
