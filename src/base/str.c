/* Slices of bytes. See str.h. */
#include "base/str.h"

#include <stdint.h>
#include <strings.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

bool
str_is_nocase(struct str a, const char *cstr)
{
	size_t n = strlen(cstr);

	return a.n == n && (n == 0 || strncasecmp(a.p, cstr, n) == 0);
}

bool
str_starts(struct str a, const char *prefix)
{
	size_t n = strlen(prefix);

	return a.n >= n && (n == 0 || memcmp(a.p, prefix, n) == 0);
}

bool
str_ends(struct str a, const char *suffix)
{
	size_t n = strlen(suffix);

	return a.n >= n && (n == 0 || memcmp(a.p + a.n - n, suffix, n) == 0);
}

ptrdiff_t
str_find(struct str a, const char *needle)
{
	const char *hit;

	if (a.n == 0)
		return *needle == '\0' ? 0 : -1;
	hit = memmem(a.p, a.n, needle, strlen(needle));
	return hit == NULL ? -1 : hit - a.p;
}

ptrdiff_t
str_find_nocase(struct str a, const char *needle)
{
	size_t n = strlen(needle);

	for (size_t i = 0; i + n <= a.n; i++) {
		if (n == 0 || strncasecmp(a.p + i, needle, n) == 0)
			return (ptrdiff_t)i;
	}
	return -1;
}

void
str_keep(struct str a, char *out, size_t size)
{
	if (a.n >= size)
		a.n = size - 1;
	if (a.n > 0)
		memcpy(out, a.p, a.n);
	out[a.n] = '\0';
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str
str_trim(struct str a)
{
	while (a.n > 0 && is_blank(a.p[0])) {
		a.p++;
		a.n--;
	}
	while (a.n > 0 && is_blank(a.p[a.n - 1]))
		a.n--;
	return a;
}

struct str
str_cut(struct str *rest, char sep)
{
	struct str head = *rest;
	const char *hit;

	hit = rest->n == 0 ? NULL : memchr(rest->p, sep, rest->n);
	if (hit == NULL) {
		*rest = str_make(NULL, 0);
		return head;
	}
	head.n = (size_t)(hit - head.p);
	rest->p = hit + 1;
	rest->n -= head.n + 1;
	return head;
}

char *
str_dup(struct str a)
{
	return xstrndup(a.p, a.n);
}

static uint64_t
word_at(const char *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

static bool
is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

#ifdef __SSE2__
/* Sixteen bytes at once. A signed compare finds control bytes and non-ASCII. */
static bool
are_plain(uint64_t a, uint64_t b)
{
	__m128i v = _mm_set_epi64x((int64_t)b, (int64_t)a);
	__m128i hit = _mm_cmplt_epi8(v, _mm_set1_epi8(0x20));

	hit = _mm_or_si128(hit, _mm_cmpeq_epi8(v, _mm_set1_epi8('"')));
	hit = _mm_or_si128(hit, _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
	hit = _mm_or_si128(hit, _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7f)));
	return _mm_movemask_epi8(hit) == 0;
}
#else
static bool
are_plain(uint64_t a, uint64_t b)
{
	uint64_t words[2] = { a, b };
	const unsigned char *p = (const unsigned char *)words;
	bool plain = true;

	for (size_t i = 0; i < sizeof(words); i++)
		plain = plain && is_plain(p[i]);
	return plain;
}
#endif

/* One to seven bytes in a word, some of them twice. */
static uint64_t
short_word(const char *p, size_t n)
{
	char all[8] = { p[0], p[n / 2], p[n - 1], ' ', ' ', ' ', ' ', ' ' };

	if (n >= 4) {
		memcpy(all, p, 4);
		memcpy(all + 4, p + n - 4, 4);
	}
	return word_at(all);
}

/* The last sixteen bytes, or all of them when there are fewer. */
static bool
is_plain_tail(struct str a)
{
	const char *end = a.p + a.n;
	uint64_t w;

	if (a.n >= 16)
		return are_plain(word_at(end - 16), word_at(end - 8));
	if (a.n >= 8)
		return are_plain(word_at(a.p), word_at(end - 8));
	if (a.n == 0)
		return true;
	w = short_word(a.p, a.n);
	return are_plain(w, w);
}

size_t
str_plain_run(struct str a)
{
	size_t i = 0;

	while (
	    i + 16 <= a.n && are_plain(word_at(a.p + i), word_at(a.p + i + 8)))
		i += 16;
	/* What is left at once, with some that were seen. */
	if (i + 16 > a.n && is_plain_tail(a))
		return a.n;
	while (i < a.n && is_plain((unsigned char)a.p[i]))
		i++;
	return i;
}

/* Length of the UTF-8 sequence at p, or 0 when it is not a valid one. */
static size_t
utf8_sequence(const unsigned char *p, size_t left)
{
	unsigned char c = p[0];

	if (c < 0x80)
		return 1;
	if (c >= 0xc2 && c <= 0xdf)
		return left >= 2 && (p[1] & 0xc0) == 0x80 ? 2 : 0;
	if ((c & 0xf0) == 0xe0) {
		if (left < 3 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80)
			return 0;
		if (c == 0xe0 && p[1] < 0xa0)
			return 0; /* overlong */
		if (c == 0xed && p[1] > 0x9f)
			return 0; /* surrogate */
		return 3;
	}
	if (c >= 0xf0 && c <= 0xf4) {
		if (left < 4 || (p[1] & 0xc0) != 0x80 ||
		    (p[2] & 0xc0) != 0x80 || (p[3] & 0xc0) != 0x80)
			return 0;
		if ((c == 0xf0 && p[1] < 0x90) || (c == 0xf4 && p[1] > 0x8f))
			return 0;
		return 4;
	}
	return 0;
}

bool
str_utf8_ok(struct str a)
{
	const unsigned char *p = (const unsigned char *)a.p;
	size_t i = 0;

	while (i < a.n) {
		uint64_t word;
		size_t n;

		/* Eight ASCII bytes at a time: most of what we see. */
		if (i + 8 <= a.n) {
			memcpy(&word, p + i, 8);
			if ((word & UINT64_C(0x8080808080808080)) == 0) {
				i += 8;
				continue;
			}
		}
		n = utf8_sequence(p + i, a.n - i);
		if (n == 0)
			return false;
		i += n;
	}
	return true;
}

bool
str_eq_secret(struct str a, struct str b)
{
	unsigned char diff = a.n == b.n ? 0 : 1;

	for (size_t i = 0; i < a.n; i++) {
		char other = b.n == 0 ? 0 : b.p[i % b.n];

		diff |= (unsigned char)(a.p[i] ^ other);
	}
	return diff == 0;
}

int
str_distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);
	int row[33];

	if (la > 32 || lb > 32)
		return 99;
	for (size_t j = 0; j <= lb; j++)
		row[j] = (int)j;
	for (size_t i = 1; i <= la; i++) {
		int diagonal = row[0];

		row[0] = (int)i;
		for (size_t j = 1; j <= lb; j++) {
			int above = row[j];
			int best = diagonal + (a[i - 1] != b[j - 1]);

			if (above + 1 < best)
				best = above + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
			diagonal = above;
		}
	}
	return row[lb];
}
