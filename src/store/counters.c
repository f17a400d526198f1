/* Rows of counters. See counters.h. */
#include "store/counters.h"

#include "base/num.h"

#include <endian.h>

#define ROW_VERSION 1
/* Of the rows that had 8 bytes per counter. */
#define OLD_COUNTERS 10

size_t
counters_encode(const struct counters *c, unsigned char out[COUNTERS_BYTES])
{
	int count = COUNTERS_MAX;
	size_t n = 0;

	out[n++] = ROW_VERSION;
	while (count > 0 && c->at[count - 1] == 0)
		count--;
	for (int i = 0; i < count; i++) {
		uint64_t v = (uint64_t)c->at[i];

		for (; v >= 0x80; v >>= 7)
			out[n++] = (unsigned char)(v | 0x80);
		out[n++] = (unsigned char)v;
	}
	if (n % 8 == 0)
		out[n++] = 0;
	return n;
}

/* The number at *p, before end; *p moves behind it. -1: more than 64 bits, or
   cut off. */
static int
take_packed(const unsigned char **p, const unsigned char *end, int64_t *v_r)
{
	uint64_t v = 0;

	for (unsigned shift = 0; *p < end && shift < 64; shift += 7) {
		unsigned char c = *(*p)++;

		v |= (uint64_t)(c & 0x7f) << shift;
		if (c < 0x80) {
			*v_r = (int64_t)v;
			return 0;
		}
	}
	return -1;
}

static int
decode_packed(struct str bytes, struct counters *c)
{
	const unsigned char *p = (const unsigned char *)bytes.p;
	const unsigned char *end = p + bytes.n;

	/* One zero at the end, and only where it says that this is packed. */
	if (end[-1] == 0 && (--end - p) % 8 != 0)
		return -1;
	if (p == end || *p++ != ROW_VERSION)
		return -1;
	for (int i = 0; p < end; i++) {
		if (i == COUNTERS_MAX || take_packed(&p, end, &c->at[i]) != 0)
			return -1;
	}
	return 0;
}

/* Of before there were versions. */
static int
decode_old(struct str bytes, struct counters *c)
{
	if (bytes.n > 8 * OLD_COUNTERS)
		return -1;
	memcpy(c->at, bytes.p, bytes.n);
	for (size_t i = 0; i < bytes.n / 8; i++)
		c->at[i] = (int64_t)le64toh((uint64_t)c->at[i]);
	return 0;
}

int
counters_decode(struct str bytes, struct counters *c_r)
{
	memset(c_r, 0, sizeof(*c_r));
	if (bytes.n == 0)
		return -1;
	return bytes.n % 8 == 0 ? decode_old(bytes, c_r)
				: decode_packed(bytes, c_r);
}

void
counters_add(struct counters *sum, const struct counters *part)
{
	for (int i = 0; i < COUNTERS_MAX; i++) {
		if (part->at[i] != 0) /* most are 0 */
			sum->at[i] = num_sum(sum->at[i], part->at[i]);
	}
}
