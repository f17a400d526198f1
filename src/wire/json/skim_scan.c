/*
 * The scanner under the skimmer: strings, numbers, words and whole containers
 * of JSON, strictly. See skim_scan.h.
 *
 * Strings are most of what we see, so their plain bytes are passed over 16 at
 * a time with SSE2 (8 at a time elsewhere, or with SKIM_PORTABLE defined,
 * which the tests use); everything that is not plain (quote, backslash,
 * control byte, non-ASCII) is looked at singly. UTF-8 is checked in the same
 * pass: outside of strings every byte above 0x7f is an error anyway.
 *
 * Nothing is allocated, nothing recurses: nesting is a bit per level.
 */
#include "wire/json/skim_scan.h"

#include "wire/json/skim_text.h"

#if defined(__SSE2__) && !defined(SKIM_PORTABLE)
#include <emmintrin.h>
#define SKIM_SSE2 1
#else
#define SKIM_SSE2 0
#endif

const char scan_too_deep[] = "nested too deep";

const uint8_t *
scan_fail(struct scan *s, const uint8_t *p, const char *what)
{
	s->at = p;
	s->wrong = p < s->end ? what : "the text ends too early";
	return NULL;
}

static inline bool
is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

#if SKIM_SSE2
/* Bit i is set when byte i is not plain. A signed compare finds control bytes
   and non-ASCII at once. */
static inline unsigned
special_mask(const uint8_t *p)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i hit = _mm_cmplt_epi8(v, _mm_set1_epi8(0x20));

	hit = _mm_or_si128(hit, _mm_cmpeq_epi8(v, _mm_set1_epi8('"')));
	hit = _mm_or_si128(hit, _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
	return (unsigned)_mm_movemask_epi8(hit);
}

/* The first byte at or behind p that is not plain, or end. */
static inline const uint8_t *
plain_end(const uint8_t *p, const uint8_t *end)
{
	while (end - p >= 16) {
		unsigned mask = special_mask(p);

		if (mask != 0)
			return p + __builtin_ctz(mask);
		p += 16;
	}
	while (p < end && is_plain(*p))
		p++;
	return p;
}
#else
#define ONES        UINT64_C(0x0101010101010101)
#define HIGHS       UINT64_C(0x8080808080808080)
#define HAS_ZERO(w) (((w)-ONES) & ~(w)&HIGHS)

static inline const uint8_t *
plain_end(const uint8_t *p, const uint8_t *end)
{
	while (end - p >= 8) {
		uint64_t w;

		memcpy(&w, p, 8);
		if (((w & HIGHS) | HAS_ZERO(w ^ (ONES * '"')) |
			HAS_ZERO(w ^ (ONES * '\\')) |
			((w - ONES * 0x20) & ~w & HIGHS)) != 0)
			break;
		p += 8;
	}
	while (p < end && is_plain(*p))
		p++;
	return p;
}
#endif

static inline bool
is_tail(uint8_t c)
{
	return (c & 0xc0) == 0x80;
}

/* Behind the UTF-8 sequence at p (a byte above 0x7f), or NULL. No overlong
   forms, no surrogates, nothing above U+10FFFF. */
static inline const uint8_t *
utf8_next(const uint8_t *p, const uint8_t *end)
{
	ptrdiff_t left = end - p;
	uint8_t c = p[0];

	if (c >= 0xe1 && c <= 0xef && c != 0xed)
		return left >= 3 && is_tail(p[1]) && is_tail(p[2]) ? p + 3
								   : NULL;
	if (c >= 0xc2 && c <= 0xdf)
		return left >= 2 && is_tail(p[1]) ? p + 2 : NULL;
	if (c == 0xe0 || c == 0xed) {
		if (left < 3 || !is_tail(p[1]) || !is_tail(p[2]))
			return NULL;
		return (c == 0xe0) == (p[1] >= 0xa0) ? p + 3 : NULL;
	}
	if (c < 0xf0 || c > 0xf4 || left < 4)
		return NULL;
	if (!is_tail(p[1]) || !is_tail(p[2]) || !is_tail(p[3]))
		return NULL;
	if ((c == 0xf0 && p[1] < 0x90) || (c == 0xf4 && p[1] > 0x8f))
		return NULL;
	return p + 4;
}

#if SKIM_SSE2
/* Bit i is set when lo < byte i < hi; both are at or above 0x7f, which signed
   bytes keep in order. */
static inline unsigned
between_mask(__m128i v, uint8_t lo, uint8_t hi)
{
	__m128i above = _mm_cmpgt_epi8(v, _mm_set1_epi8((char)lo));
	__m128i below = _mm_cmplt_epi8(v, _mm_set1_epi8((char)hi));

	return (unsigned)_mm_movemask_epi8(_mm_and_si128(above, below));
}

/*
 * Behind the text at p that is plain or common UTF-8 (no lead byte that allows
 * only some of the bytes behind it: E0, ED, F0, F4), as far as whole blocks
 * go. Tails must be where the lead bytes ask for them and nowhere else.
 */
static const uint8_t *
common_end(const uint8_t *p, const uint8_t *end)
{
	unsigned owed = 0; /* tails that the block before asked for */

	for (; end - p >= 16; p += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		__m128i tail = _mm_cmplt_epi8(v, _mm_set1_epi8((char)0xc0));
		unsigned tails = (unsigned)_mm_movemask_epi8(tail);
		unsigned plain = ~special_mask(p) & 0xffff;
		unsigned two = between_mask(v, 0xc1, 0xe0);
		unsigned three =
		    between_mask(v, 0xe0, 0xed) | between_mask(v, 0xed, 0xf0);
		unsigned four = between_mask(v, 0xf0, 0xf4);
		unsigned leads = two | three | four;
		unsigned asked =
		    owed | leads << 1 | (three | four) << 2 | four << 3;

		if ((asked & 0xffff) != tails ||
		    (plain | leads | tails) != 0xffff)
			break;
		owed = asked >> 16;
	}
	/* Back to the lead byte of the sequence that is not whole yet. */
	for (bool whole = owed == 0; !whole; whole = *p >= 0xc0)
		p--;
	return p;
}
#else
static inline const uint8_t *
common_end(const uint8_t *p, const uint8_t *end)
{
	(void)end;
	return p;
}
#endif

static bool
has_hex4(const uint8_t *p, const uint8_t *end)
{
	if (end - p < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		if (hex_digit(p[i]) < 0)
			return false;
	}
	return true;
}

/* p is at a backslash: behind the escape, or NULL. */
static const uint8_t *
scan_escape(struct scan *s, const uint8_t *p)
{
	s->escaped = true;
	switch (scan_peek(s, p + 1)) {
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't':
		return p + 2;
	case 'u':
		if (has_hex4(p + 2, s->end))
			return p + 6;
		return scan_fail(s, p, "\\u needs four hexadecimal digits");
	default:
		if (p + 1 == s->end)
			p++; /* cut, not unknown */
		return scan_fail(s, p, "unknown escape in a string");
	}
}

/* p is at a backslash: behind the escape and those right behind it, or NULL.
   Text that is all escapes has nothing plain to look for in between. */
static const uint8_t *
scan_escapes(struct scan *s, const uint8_t *p)
{
	do {
		p = scan_escape(s, p);
	} while (p != NULL && p < s->end && *p == '\\');
	return p;
}

/* p is at a byte above 0x7f: behind the run of such, or farther, or NULL. */
static const uint8_t *
scan_utf8(struct scan *s, const uint8_t *p)
{
	const uint8_t *next;

	p = common_end(p, s->end);
	while (p < s->end && *p >= 0x80) {
		next = utf8_next(p, s->end);
		if (next == NULL)
			return scan_fail(s, p, "invalid UTF-8");
		p = next;
	}
	return p;
}

/* p is at the opening quote: behind the closing one, or NULL. */
const uint8_t *
scan_string(struct scan *s, const uint8_t *p)
{
	s->escaped = false;
	p++;
	for (;;) {
		p = plain_end(p, s->end);
		if (p == s->end)
			return scan_fail(s, p, "");
		if (*p == '"')
			return p + 1;
		if (*p < 0x20)
			return scan_fail(s, p, "control character in a string");
		p = *p == '\\' ? scan_escapes(s, p) : scan_utf8(s, p);
		if (p == NULL)
			return NULL;
	}
}

static inline const uint8_t *
skip_digits(const struct scan *s, const uint8_t *p)
{
	while (p < s->end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

/* At least one digit at p: behind them, or NULL. */
static const uint8_t *
scan_digits(struct scan *s, const uint8_t *p, const char *what)
{
	const uint8_t *q = skip_digits(s, p);

	return q == p ? scan_fail(s, p, what) : q;
}

static const uint8_t *
scan_number(struct scan *s, const uint8_t *p)
{
	if (*p == '-')
		p++;
	if (scan_peek(s, p) == '0')
		p++;
	else
		p = scan_digits(s, p, "not a JSON value");
	if (p != NULL && scan_peek(s, p) == '.')
		p = scan_digits(s, p + 1, "digits missing behind the point");
	if (p != NULL && (scan_peek(s, p) == 'e' || scan_peek(s, p) == 'E')) {
		p++;
		if (scan_peek(s, p) == '+' || scan_peek(s, p) == '-')
			p++;
		p = scan_digits(s, p, "digits missing in the exponent");
	}
	return p;
}

static const uint8_t *
scan_word(struct scan *s, const uint8_t *p, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(s->end - p) < n || memcmp(p, word, n) != 0)
		return scan_fail(s, p, "not a JSON value");
	return p + n;
}

/* A value that is no container. */
static inline const uint8_t *
scan_leaf(struct scan *s, const uint8_t *p)
{
	switch (scan_peek(s, p)) {
	case '"':
		return scan_string(s, p);
	case 't':
		return scan_word(s, p, "true");
	case 'f':
		return scan_word(s, p, "false");
	case 'n':
		return scan_word(s, p, "null");
	case 0:
		return scan_fail(s, p, "not a JSON value");
	default:
		return scan_number(s, p);
	}
}

/* p is where a key must stand: at the first byte of its value, or NULL. */
static inline const uint8_t *
scan_key(struct scan *s, const uint8_t *p)
{
	if (scan_peek(s, p) != '"')
		return scan_fail(s, p, "a key in quotes is missing");
	p = scan_string(s, p);
	if (p == NULL)
		return NULL;
	p = scan_blank(s, p);
	if (scan_peek(s, p) != ':')
		return scan_fail(s, p, "a colon is missing behind a key");
	return scan_blank(s, p + 1);
}

static inline bool
is_open(uint8_t c)
{
	return c == '{' || c == '[';
}

/* The kinds of the open containers, one bit per level: 1 is an object. */
struct kinds {
	uint64_t bits[SKIM_TOP_DEPTH / 64];
};

static inline void
kinds_set(struct kinds *k, size_t depth, bool is_object)
{
	uint64_t bit = UINT64_C(1) << (depth & 63);

	if (is_object)
		k->bits[depth >> 6] |= bit;
	else
		k->bits[depth >> 6] &= ~bit;
}

static inline bool
kinds_get(const struct kinds *k, size_t depth)
{
	return (k->bits[depth >> 6] >> (depth & 63)) & 1;
}

/*
 * p is at an opening bracket with `outer` containers around it: behind the
 * matching one, or NULL. s->count is the number of its own children.
 */
static const uint8_t *
scan_container(struct scan *s, const uint8_t *p, size_t outer)
{
	struct kinds kinds;
	size_t depth = outer, count = 0;
	bool is_object = false;

	for (;;) { /* p is at a value */
		bool opens = is_open(scan_peek(s, p));

		if (opens) {
			if (depth >= s->max_depth)
				return scan_fail(s, p, scan_too_deep);
			is_object = *p == '{';
			kinds_set(&kinds, depth++, is_object);
			p++;
		} else {
			p = scan_leaf(s, p);
			if (p == NULL)
				return NULL;
		}
		p = scan_blank(s, p);
		if (opens && scan_peek(s, p) != (is_object ? '}' : ']')) {
			count += depth == outer + 1;
			p = is_object ? scan_key(s, p) : p;
			if (p == NULL)
				return NULL;
			continue;
		}
		while (scan_peek(s, p) == (is_object ? '}' : ']')) {
			p++;
			if (--depth == outer) {
				s->count = count;
				return p;
			}
			is_object = kinds_get(&kinds, depth - 1);
			p = scan_blank(s, p);
		}
		if (scan_peek(s, p) != ',')
			return scan_fail(s, p,
			    is_object ? "a comma or } is missing"
				      : "a comma or ] is missing");
		count += depth == outer + 1;
		p = scan_blank(s, p + 1);
		p = is_object ? scan_key(s, p) : p;
		if (p == NULL)
			return NULL;
	}
}

const uint8_t *
scan_value(struct scan *s, const uint8_t *p, size_t outer)
{
	s->count = 0;
	return is_open(scan_peek(s, p)) ? scan_container(s, p, outer)
					: scan_leaf(s, p);
}
