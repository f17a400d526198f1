/* See base64.h. */
#include "base/base64.h"

#include <openssl/evp.h>

#define BLOCK_BYTES 3072 /* a multiple of 3 */

void
base64_encode(const void *bytes, size_t n, struct buf *out)
{
	const unsigned char *p = bytes;
	unsigned char text[BLOCK_BYTES / 3 * 4 + 1];

	while (n > 0) {
		size_t part = n < BLOCK_BYTES ? n : BLOCK_BYTES;
		int len = EVP_EncodeBlock(text, p, (int)part);

		buf_add(out, (const char *)text, (size_t)len);
		p += part;
		n -= part;
	}
}

int
base64_decode(struct str text, void *bytes_r, size_t max, size_t *n_r)
{
	unsigned char block[BLOCK_BYTES];
	size_t used = 0, padding = 0;

	if (text.n % 4 != 0)
		return -1;
	while (text.n > 0) {
		size_t part =
		    text.n < BLOCK_BYTES / 3 * 4 ? text.n : BLOCK_BYTES / 3 * 4;
		int len = EVP_DecodeBlock(block, (const unsigned char *)text.p,
		    (int)part);

		if (len < 0)
			return -1;
		if (part == text.n) {
			padding = (text.p[part - 1] == '=') +
				  (text.p[part - 2] == '=');
			len -= (int)padding;
		}
		if (used + (size_t)len > max)
			return -1;
		memcpy((unsigned char *)bytes_r + used, block, (size_t)len);
		used += (size_t)len;
		text.p += part;
		text.n -= part;
	}
	*n_r = used;
	return 0;
}
