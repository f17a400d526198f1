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

#include "base/num.h"

const char scan_too_deep[] = "nested too deep";

const uint8_t *
scan_fail(struct skim_iter *it, const uint8_t *p, const char *what)
{
	it->at = (size_t)(p - (const uint8_t *)it->text.p);
	it->wrong = p < scan_end(it) ? what : "the text ends too early";
	return NULL;
}

static inline bool
is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

#if SKIM_SSE2
/* The first byte at or behind p that is not plain, or end. */
static inline const uint8_t *
plain_end(const uint8_t *p, const uint8_t *end)
{
	while (end - p >= 16) {
		unsigned mask = scan_special(p);

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
		unsigned plain = ~scan_special(p) & 0xffff;
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
		if (num_hex_digit((char)p[i]) < 0)
			return false;
	}
	return true;
}

/* p is at a backslash: behind the escape, or NULL. */
static const uint8_t *
scan_escape(struct skim_iter *it, const uint8_t *p)
{
	const uint8_t *end = scan_end(it);

	it->escaped = true;
	switch (scan_peek(p + 1, end)) {
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
		if (has_hex4(p + 2, end))
			return p + 6;
		return scan_fail(it, p, "\\u needs four hexadecimal digits");
	default:
		if (p + 1 == end)
			p++; /* cut, not unknown */
		return scan_fail(it, p, "unknown escape in a string");
	}
}

/* p is at a backslash: behind the escape and those right behind it, or NULL.
   Text that is all escapes has nothing plain to look for in between. */
static const uint8_t *
scan_escapes(struct skim_iter *it, const uint8_t *p)
{
	const uint8_t *end = scan_end(it);

	do {
		p = scan_escape(it, p);
	} while (p != NULL && p < end && *p == '\\');
	return p;
}

/* p is at a byte above 0x7f: behind the run of such, or farther, or NULL. */
static const uint8_t *
scan_utf8(struct skim_iter *it, const uint8_t *p)
{
	const uint8_t *end = scan_end(it), *next;

	p = common_end(p, end);
	while (p < end && *p >= 0x80) {
		next = utf8_next(p, end);
		if (next == NULL)
			return scan_fail(it, p, "invalid UTF-8");
		p = next;
	}
	return p;
}

const uint8_t *
scan_long_string(struct skim_iter *it, const uint8_t *p)
{
	const uint8_t *end = scan_end(it);

	it->escaped = false;
	p++;
	for (;;) {
		p = plain_end(p, end);
		if (p == end)
			return scan_fail(it, p, "");
		if (*p == '"')
			return p + 1;
		if (*p < 0x20)
			return scan_fail(it, p,
			    "control character in a string");
		p = *p == '\\' ? scan_escapes(it, p) : scan_utf8(it, p);
		if (p == NULL)
			return NULL;
	}
}

/* At least one digit at p: behind them, or NULL. */
static const uint8_t *
scan_digits(struct skim_iter *it, const uint8_t *p, const char *what)
{
	const uint8_t *end = scan_end(it), *q = p;

	while (q < end && *q >= '0' && *q <= '9')
		q++;
	return q == p ? scan_fail(it, p, what) : q;
}

static const uint8_t *
scan_number(struct skim_iter *it, const uint8_t *p)
{
	const uint8_t *end = scan_end(it);

	if (*p == '-')
		p++;
	if (scan_peek(p, end) == '0')
		p++;
	else
		p = scan_digits(it, p, "not a JSON value");
	if (p != NULL && scan_peek(p, end) == '.')
		p = scan_digits(it, p + 1, "digits missing behind the point");
	if (p != NULL &&
	    (scan_peek(p, end) == 'e' || scan_peek(p, end) == 'E')) {
		p++;
		if (scan_peek(p, end) == '+' || scan_peek(p, end) == '-')
			p++;
		p = scan_digits(it, p, "digits missing in the exponent");
	}
	return p;
}

static const uint8_t *
scan_word(struct skim_iter *it, const uint8_t *p, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(scan_end(it) - p) < n || memcmp(p, word, n) != 0)
		return scan_fail(it, p, "not a JSON value");
	return p + n;
}

/* A value that is no container. */
static inline const uint8_t *
scan_leaf(struct skim_iter *it, const uint8_t *p)
{
	const uint8_t *end = scan_end(it);

	switch (scan_peek(p, end)) {
	case '"':
		return scan_string(it, p);
	case 't':
		return scan_word(it, p, "true");
	case 'f':
		return scan_word(it, p, "false");
	case 'n':
		return scan_word(it, p, "null");
	case 0:
		return scan_fail(it, p, "not a JSON value");
	default:
		return scan_number(it, p);
	}
}

/* p is where a key must stand: at the first byte of its value, or NULL. */
static inline const uint8_t *
scan_key(struct skim_iter *it, const uint8_t *p)
{
	const uint8_t *end = scan_end(it);

	if (scan_peek(p, end) != '"')
		return scan_fail(it, p, "a key in quotes is missing");
	p = scan_string(it, p);
	if (p == NULL)
		return NULL;
	p = scan_blank(p, end);
	if (scan_peek(p, end) != ':')
		return scan_fail(it, p, "a colon is missing behind a key");
	return scan_blank(p + 1, end);
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
 * matching one, or NULL. it->count is the number of its own children.
 */
static const uint8_t *
scan_container(struct skim_iter *it, const uint8_t *p, size_t outer)
{
	const uint8_t *end = scan_end(it);
	struct kinds kinds;
	size_t depth = outer, count = 0;
	bool is_object = false;

	for (;;) { /* p is at a value */
		bool opens = is_open(scan_peek(p, end));

		if (opens) {
			if (depth >= it->max_depth)
				return scan_fail(it, p, scan_too_deep);
			is_object = *p == '{';
			kinds_set(&kinds, depth++, is_object);
			p++;
		} else {
			p = scan_leaf(it, p);
			if (p == NULL)
				return NULL;
		}
		p = scan_blank(p, end);
		if (opens && scan_peek(p, end) != (is_object ? '}' : ']')) {
			count += depth == outer + 1;
			p = is_object ? scan_key(it, p) : p;
			if (p == NULL)
				return NULL;
			continue;
		}
		while (scan_peek(p, end) == (is_object ? '}' : ']')) {
			p++;
			if (--depth == outer) {
				it->count = count;
				return p;
			}
			is_object = kinds_get(&kinds, depth - 1);
			p = scan_blank(p, end);
		}
		if (scan_peek(p, end) != ',')
			return scan_fail(it, p,
			    is_object ? "a comma or } is missing"
				      : "a comma or ] is missing");
		count += depth == outer + 1;
		p = scan_blank(p + 1, end);
		p = is_object ? scan_key(it, p) : p;
		if (p == NULL)
			return NULL;
	}
}

const uint8_t *
scan_value(struct skim_iter *it, const uint8_t *p, size_t outer)
{
	it->count = 0;
	return is_open(scan_peek(p, scan_end(it)))
		   ? scan_container(it, p, outer)
		   : scan_leaf(it, p);
}
