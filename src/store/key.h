/*
 * Building and reading store keys. Integers are big-endian; a text that is
 * not last in its key has a one-byte length in front. A key that would pass
 * 511 bytes gets its last text cut and replaced by its SHA-256 (hex), so
 * different long names stay different.
 */
#ifndef STORE_KEY_H
#define STORE_KEY_H

#include "base/str.h"

#include <stdint.h>

#define KEY_MAX_BYTES 511

struct key {
	unsigned char bytes[KEY_MAX_BYTES];
	size_t n;
};

void key_init(struct key *k);
void key_u8(struct key *k, uint8_t v);
void key_u32(struct key *k, uint32_t v);
void key_u64(struct key *k, uint64_t v);
void key_text(struct key *k, struct str s);      /* length-prefixed */
void key_text_last(struct key *k, struct str s); /* to the key's end */
struct str key_str(const struct key *k);

/* Reading: each takes its part off *rest; -1 when there is not enough. */
int key_take_u8(struct str *rest, uint8_t *v_r) MUST_CHECK;
int key_take_u32(struct str *rest, uint32_t *v_r) MUST_CHECK;
int key_take_u64(struct str *rest, uint64_t *v_r) MUST_CHECK;
int key_take_text(struct str *rest, struct str *s_r) MUST_CHECK;

#endif
