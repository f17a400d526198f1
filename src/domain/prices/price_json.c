/* The number-exact JSON reader. See price_json.h. */
#include "domain/prices/price_json.h"

#include "base/num.h"

#include <stdarg.h>

int
price_json_fail(struct price_json *j, const char *fmt, ...)
{
	char text[ERR_TEXT_BYTES / 2];
	unsigned line = 1;
	va_list ap;

	for (const char *p = j->start; p < j->p; p++)
		line += *p == '\n';
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(j->err, ERR_CONFIG, "%s:%u: %s", j->name, line, text);
}

static void
skip_blanks(struct price_json *j)
{
	while (j->p < j->end && (*j->p == ' ' || *j->p == '\n' ||
				    *j->p == '\t' || *j->p == '\r'))
		j->p++;
}

void
price_json_at(struct price_json *j, struct str text, size_t offset,
    const char *name, struct err *err)
{
	j->start = text.p;
	j->p = text.p + offset;
	j->end = text.p + text.n;
	j->name = name;
	j->depth = 0;
	j->started = 0;
	j->err = err;
}

int
price_json_open(struct price_json *j, struct str text, const char *name,
    struct err *err)
{
	price_json_at(j, text, 0, name, err);
	if (!str_utf8_ok(text))
		return err_set(err, ERR_CONFIG, "%s: not valid UTF-8", name);
	return 0;
}

int
price_json_end(struct price_json *j)
{
	skip_blanks(j);
	if (j->p != j->end)
		return price_json_fail(j, "text behind the JSON value");
	return 0;
}

int
price_json_peek(struct price_json *j)
{
	skip_blanks(j);
	if (j->p == j->end)
		return price_json_fail(j, "the JSON ends too early");
	if (*j->p == '-' || (*j->p >= '0' && *j->p <= '9'))
		return '0';
	if (strchr("{[\"tfn", *j->p) != NULL && *j->p != '\0')
		return *j->p;
	return price_json_fail(j, "a value was expected");
}

/* ---- objects and lists -------------------------------------------------- */

int
price_json_enter(struct price_json *j, char bracket)
{
	int next = price_json_peek(j);

	if (next < 0)
		return -1;
	if (next != bracket)
		return price_json_fail(j, "%s was expected",
		    bracket == '{' ? "an object" : "a list");
	if (j->depth == PRICE_JSON_DEPTH)
		return price_json_fail(j, "nested deeper than %d",
		    PRICE_JSON_DEPTH);
	j->p++;
	j->depth++;
	j->started &= ~(UINT64_C(1) << j->depth);
	return 0;
}

/* Steps over a comma, or over the closing bracket: 1 or 0. */
static int
next_part(struct price_json *j, char close)
{
	uint64_t bit = UINT64_C(1) << j->depth;

	skip_blanks(j);
	if (j->p < j->end && *j->p == close) {
		j->p++;
		j->depth--;
		return 0;
	}
	if ((j->started & bit) != 0) {
		if (j->p == j->end || *j->p != ',')
			return price_json_fail(j, "',' or '%c' was expected",
			    close);
		j->p++;
		skip_blanks(j);
	}
	j->started |= bit;
	return 1;
}

int
price_json_item(struct price_json *j)
{
	return next_part(j, ']');
}

int
price_json_member(struct price_json *j, struct str *key_r)
{
	int rc = next_part(j, '}');

	if (rc != 1)
		return rc;
	if (price_json_string(j, key_r) != 0)
		return -1;
	skip_blanks(j);
	if (j->p == j->end || *j->p != ':')
		return price_json_fail(j, "':' was expected");
	j->p++;
	return 1;
}

/* ---- strings ------------------------------------------------------------ */

/* Four hex digits at p. */
static int
take_hex4(struct price_json *j, uint32_t *v_r)
{
	uint32_t v = 0;

	for (int i = 0; i < 4; i++) {
		int d = j->p < j->end ? num_hex_digit(*j->p) : -1;

		if (d < 0)
			return price_json_fail(j, "bad \\u escape");
		v = v << 4 | (uint32_t)d;
		j->p++;
	}
	*v_r = v;
	return 0;
}

static int
take_code_point(struct price_json *j, uint32_t *v_r)
{
	uint32_t high = 0, low = 0;

	if (take_hex4(j, &high) != 0)
		return -1;
	if (high >= 0xd800 && high < 0xdc00) {
		if (j->end - j->p < 2 || j->p[0] != '\\' || j->p[1] != 'u')
			return price_json_fail(j, "half a surrogate pair");
		j->p += 2;
		if (take_hex4(j, &low) != 0)
			return -1;
		if (low < 0xdc00 || low > 0xdfff)
			return price_json_fail(j, "half a surrogate pair");
		high = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
	} else if (high >= 0xdc00 && high < 0xe000) {
		return price_json_fail(j, "half a surrogate pair");
	}
	if (high == 0)
		return price_json_fail(j, "a NUL in a string");
	*v_r = high;
	return 0;
}

static size_t
put_utf8(uint32_t v, char out[4])
{
	if (v < 0x80) {
		out[0] = (char)v;
		return 1;
	}
	if (v < 0x800) {
		out[0] = (char)(0xc0 | v >> 6);
		out[1] = (char)(0x80 | (v & 0x3f));
		return 2;
	}
	if (v < 0x10000) {
		out[0] = (char)(0xe0 | v >> 12);
		out[1] = (char)(0x80 | (v >> 6 & 0x3f));
		out[2] = (char)(0x80 | (v & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | v >> 18);
	out[1] = (char)(0x80 | (v >> 12 & 0x3f));
	out[2] = (char)(0x80 | (v >> 6 & 0x3f));
	out[3] = (char)(0x80 | (v & 0x3f));
	return 4;
}

/* What a backslash stands for (p is behind it): up to four bytes. */
static int
take_escape(struct price_json *j, char out[4], size_t *n_r)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *hit;
	uint32_t v = 0;

	if (j->p == j->end)
		return price_json_fail(j, "the JSON ends too early");
	if (*j->p == 'u') {
		j->p++;
		if (take_code_point(j, &v) != 0)
			return -1;
		*n_r = put_utf8(v, out);
		return 0;
	}
	hit = *j->p == '\0' ? NULL : strchr(from, *j->p);
	if (hit == NULL)
		return price_json_fail(j, "bad escape in a string");
	out[0] = to[hit - from];
	*n_r = 1;
	j->p++;
	return 0;
}

/* Takes a string; keeps it in j->text when it is to be kept. */
static int
take_string(struct price_json *j, bool keep, size_t *n_r)
{
	size_t n = 0;

	if (j->p == j->end || *j->p != '"')
		return price_json_fail(j, "a string was expected");
	j->p++;
	for (;;) {
		char piece[4];
		size_t len = 1;

		if (j->p == j->end)
			return price_json_fail(j, "a string has no end");
		if (*j->p == '"')
			break;
		if ((unsigned char)*j->p < 0x20)
			return price_json_fail(j,
			    "a control character in a string");
		piece[0] = *j->p++;
		if (piece[0] == '\\' && take_escape(j, piece, &len) != 0)
			return -1;
		if (!keep)
			continue;
		if (n + len > sizeof(j->text))
			return price_json_fail(j,
			    "a string of more than %d bytes", PRICE_JSON_TEXT);
		memcpy(j->text + n, piece, len);
		n += len;
	}
	j->p++;
	*n_r = n;
	return 0;
}

int
price_json_string(struct price_json *j, struct str *s_r)
{
	size_t n;

	skip_blanks(j);
	if (take_string(j, true, &n) != 0)
		return -1;
	*s_r = str_make(j->text, n);
	return 0;
}

/* ---- the rest ----------------------------------------------------------- */

static bool
take_digits(struct price_json *j)
{
	const char *start = j->p;

	while (j->p < j->end && *j->p >= '0' && *j->p <= '9')
		j->p++;
	return j->p > start;
}

int
price_json_number(struct price_json *j, struct str *spelling_r)
{
	const char *start;

	skip_blanks(j);
	start = j->p;
	if (j->p < j->end && *j->p == '-')
		j->p++;
	if (j->p < j->end && *j->p == '0')
		j->p++;
	else if (!take_digits(j))
		return price_json_fail(j, "a number was expected");
	if (j->p < j->end && *j->p == '.') {
		j->p++;
		if (!take_digits(j))
			return price_json_fail(j, "a number ends in '.'");
	}
	if (j->p < j->end && (*j->p == 'e' || *j->p == 'E')) {
		j->p++;
		if (j->p < j->end && (*j->p == '+' || *j->p == '-'))
			j->p++;
		if (!take_digits(j))
			return price_json_fail(j, "a number ends in 'e'");
	}
	*spelling_r = str_make(start, (size_t)(j->p - start));
	return 0;
}

static int
take_word(struct price_json *j, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(j->end - j->p) < n || memcmp(j->p, word, n) != 0)
		return price_json_fail(j, "a value was expected");
	j->p += n;
	return 0;
}

/* Values that have nothing inside; 1 when it was another kind. */
static int
skip_scalar(struct price_json *j, int kind)
{
	struct str s;
	size_t n;

	switch (kind) {
	case '"':
		return take_string(j, false, &n);
	case '0':
		return price_json_number(j, &s);
	case 't':
		return take_word(j, "true");
	case 'f':
		return take_word(j, "false");
	case 'n':
		return take_word(j, "null");
	default:
		return 1;
	}
}

int
price_json_skip(struct price_json *j)
{
	int kind = price_json_peek(j), rc;
	struct str key;

	if (kind < 0)
		return -1;
	rc = skip_scalar(j, kind);
	if (rc <= 0)
		return rc;
	/* Recursion is bounded by PRICE_JSON_DEPTH. */
	if (price_json_enter(j, (char)kind) != 0)
		return -1;
	for (;;) {
		rc = kind == '{' ? price_json_member(j, &key)
				 : price_json_item(j);
		if (rc <= 0)
			return rc;
		if (price_json_skip(j) != 0)
			return -1;
	}
}
